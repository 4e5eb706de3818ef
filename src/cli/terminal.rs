//! Asking for passphrases and PINs: on the terminal itself, unseen.
//!
//! Invariants: nothing is read from stdin, from flags or from the environment, so that a pipe, a list
//! of processes or a history of commands never holds one; with `--no-input` nobody is asked.

use std::io::Write as _;

use zeroize::Zeroizing;

use crate::office::asked::{Asks, NotAsked};

/// The terminal of whoever runs the command, also where stdin and stdout are pipes.
pub(super) struct Terminal {
    no_input: bool,
}

impl Terminal {
    /// Whether it may be used is said by a flag.
    pub(super) const fn new(no_input: bool) -> Self {
        Self { no_input }
    }
}

impl Asks for Terminal {
    fn secret(&self, question: &str) -> Result<Zeroizing<String>, NotAsked> {
        if self.no_input || !is_there() {
            return Err(NotAsked::NoTerminal);
        }
        let typed = rpassword::prompt_password(question).map(Zeroizing::new);
        let typed = typed.map_err(|why| NotAsked::NotAnswered(why.to_string()))?;
        if typed.is_empty() {
            return Err(NotAsked::NotAnswered("an empty line".to_owned()));
        }
        Ok(typed)
    }

    fn tell(&self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// A process without a terminal of its own cannot open it.
#[cfg(unix)]
fn is_there() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

#[cfg(not(unix))]
fn is_there() -> bool {
    use std::io::IsTerminal as _;
    std::io::stdin().is_terminal()
}
