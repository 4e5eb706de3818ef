//! What every command starts from: the home, the directory, the identity, the connection.

use std::path::Path;
use std::sync::Arc;

use crate::ambient::Ambient;
use crate::client::armour;
use crate::client::home::Home;
use crate::client::place::{self, FileError};
use crate::client::reach::connect::{Proxies, Tcp};
use crate::client::reach::session::Net;
use crate::office::error::{ClientError, Family, Here, Side};
use crate::office::mail::Mail;
use crate::office::{Chosen, Office};

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
    /// From the flags and the environment.
    ///
    /// # Errors
    /// No home, or a proxy that cannot be read.
    pub fn new(global: Global) -> Result<Self, ClientError> {
        let out = Output::new(global.json, global.no_input);
        let unset = std::env::var_os("LIAISON_HOME").is_some_and(|home| home.is_empty());
        if global.home.as_ref().is_some_and(|home| home.as_os_str().is_empty()) && !unset {
            return Err(usage("--home names no folder"));
        }
        let terminal = Terminal::new(global.no_input);
        let home = Home::find(global.home.clone())?.asking(Arc::new(terminal));
        let variable = |name: &str| {
            let lower = std::env::var(name.to_lowercase()).ok();
            std::env::var(name).ok().or(lower).filter(|value| !value.is_empty())
        };
        let (https, no) = (variable("HTTPS_PROXY"), variable("NO_PROXY"));
        let proxies = Proxies::new(https.as_deref(), no.as_deref())?;
        let net = Net { dial: Arc::new(Tcp), proxies, ambient: Ambient::system() };
        Ok(Self::of(global, out, home, net))
    }

    /// From parts that are made already.
    #[must_use]
    pub fn of(global: Global, out: Output, home: Home, net: Net) -> Self {
        let chosen = Chosen { directory: global.directory.clone(), seat: global.seat.clone() };
        let face = Arc::new(out.clone());
        Self { global, out, office: Office { home, net, chosen, face } }
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

    /// Reads a file that a person carries.
    ///
    /// # Errors
    /// It cannot be read, is too large, or no text.
    pub fn read_file(&self, path: &Path) -> Result<String, ClientError> {
        let bytes = place::read(path, armour::FILE_BYTES as u64).map_err(cannot_use)?;
        String::from_utf8(bytes).map_err(|_| unusable(path, &"it is no text (UTF-8)"))
    }

    /// Writes a file that a person carries: the old one stands until the new one is whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_file(&self, path: &Path, text: &str) -> Result<(), ClientError> {
        place::write_out(path, text.as_bytes()).map_err(cannot_use)
    }
}

/// The command line asks for what cannot be.
pub(super) fn usage(sentence: &str) -> ClientError {
    ClientError::new(Side::Ours, Family::Usage, Here::Usage, sentence)
}

/// A file that was named cannot be read or written.
pub(super) fn cannot_use(why: FileError) -> ClientError {
    match (ClientError::from(&why), why) {
        (error, FileError::Io { path, source, .. }) if !error.is_of_writing() => {
            unusable(&path, &source)
        }
        (error, _) => error,
    }
}

/// A file that was named cannot be used.
#[must_use]
pub fn unusable(path: &Path, why: &dyn std::fmt::Display) -> ClientError {
    let sentence = format!("{} cannot be used: {why}", path.display());
    ClientError::new(Side::Ours, Family::Usage, Here::File, sentence)
}
