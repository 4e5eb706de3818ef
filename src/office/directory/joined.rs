//! Which of the directories that were joined is meant, and which is used no more.
//!
//! In scope: the choice, and what stays of one that is left. Out of scope: joining (`join`), the log, which hears of
//! neither. Invariant: nothing is deleted, so that both can be taken back.

use std::path::PathBuf;

use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::domain::ids::{DirectoryName, SeatId};
use crate::office::Office;
use crate::office::mail::Mail;

/// A directory that is to be used no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    name: DirectoryName,
    /// What was collected and sent stays there.
    pub folder: PathBuf,
    /// Seats of which something waits to be handed in there: it would wait for ever.
    pub waits: Vec<SeatId>,
}

impl Office {
    /// Lets a directory be meant where none is named.
    ///
    /// # Errors
    /// It was not joined; files.
    pub fn prefers(&self, name: &DirectoryName) -> Result<(), ClientError> {
        Ok(self.home.prefer(name)?)
    }

    /// What would become of a directory that is used no more.
    ///
    /// # Errors
    /// It was not joined; files.
    pub fn leaving(&self, name: &DirectoryName) -> Result<Leaving, ClientError> {
        self.home.directory(Some(name))?;
        let mut there = self.clone();
        there.chosen.directory = Some(name.clone());
        let mut waits = Vec::new();
        for owner in self.home.keys().owners()? {
            if let Owner::Seat(seat) = owner
                && Mail::waits(&there, &seat)?
            {
                waits.push(seat);
            }
        }
        Ok(Leaving { name: name.clone(), folder: self.home.folder(name), waits })
    }

    /// Uses it no more.
    ///
    /// # Errors
    /// It was not joined; files.
    pub fn leave(&self, leaving: &Leaving) -> Result<(), ClientError> {
        Ok(self.home.leave(&leaving.name)?)
    }
}
