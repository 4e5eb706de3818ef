//! What every command starts from: the home, the directory, the identity, the connection.

use std::sync::Arc;

use crate::office::error::{ClientError, Family, Here, Side};
use crate::office::mail::Mail;
use crate::office::{Begun, Chosen, Machine, Office};

use super::args::Global;
use super::output::Output;
use super::terminal::Terminal;

/// The context of one command.
pub struct Context {
    /// Flags that apply to every command.
    pub global: Global,
    /// How to print.
    pub out: Output,
    /// What this machine does.
    pub office: Office,
}

impl Context {
    /// From the flags and the environment, for whoever reads.
    ///
    /// # Errors
    /// No home, or a proxy that cannot be read.
    pub fn new(global: Global, out: Output) -> Result<Self, ClientError> {
        let unset = std::env::var_os("LIAISON_HOME").is_some_and(|home| home.is_empty());
        if global.home.as_ref().is_some_and(|home| home.as_os_str().is_empty()) && !unset {
            return Err(usage("--home names no folder"));
        }
        let variable = |name: &str| {
            let lower = std::env::var(name.to_lowercase()).ok();
            std::env::var(name).ok().or(lower).filter(|value| !value.is_empty())
        };
        let begun = Begun {
            home: global.home.clone(),
            https_proxy: variable("HTTPS_PROXY"),
            no_proxy: variable("NO_PROXY"),
        };
        let terminal = Arc::new(Terminal::new(global.no_input));
        Ok(Self::of(global, out, Machine::find(&begun, terminal)?))
    }

    /// From parts that are made already.
    #[must_use]
    pub fn of(global: Global, out: Output, machine: Machine) -> Self {
        let chosen = Chosen { directory: global.directory.clone(), seat: global.seat.clone() };
        let office = Office::on(machine, chosen, Arc::new(out.clone()));
        Self { global, out, office }
    }

    /// Shows the mailbox as it is here, if the network keeps the service away, or what comes cannot be
    /// kept: so the command ends then.
    ///
    /// # Errors
    /// The one given.
    pub(super) fn without_service(
        &self,
        error: ClientError,
        show: impl FnOnce(&Mail) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        if error.is_of_writing() {
            self.out.note_disk(&error);
        } else if error.family != Family::NotReachable {
            return Err(error);
        }
        let Ok(mail) = Mail::here(&self.office) else { return Err(error) };
        show(&mail)?;
        Err(error.after_its_object())
    }
}

/// The command line asks for what cannot be.
pub(super) fn usage(sentence: &str) -> ClientError {
    ClientError::new(Side::Ours, Family::Usage, Here::Usage, sentence)
}
