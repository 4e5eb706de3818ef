//! The copy of the directory, brought up to date.
//!
//! In scope: how far it is, what the service kept back, that it refuses a seat. Out of scope: verifying
//! (`client::replica`). Invariants: what was not handed over is told; that a seat was refused is remembered, for
//! of what ended its keys the copy here never hears.

use std::path::PathBuf;

use crate::client::error::ClientError;
use crate::client::files;
use crate::client::reach::session::{Progress, Session, Synced};
use crate::client::reason::Rule;
use crate::client::replica::{Frozen, Replica};
use crate::domain::ids::SeatId;

use super::Office;
use super::told::{Note, Work};

impl Office {
    /// Brings a copy up to date, and puts new keys in their place that it lists.
    ///
    /// # Errors
    /// The service cannot be reached; what came does not verify; why these keys may not read.
    pub async fn sync(
        &self,
        session: &Session,
        replica: &mut Replica,
    ) -> Result<Synced, ClientError> {
        let mut watch = self.face.watches();
        let mut show = |progress: Progress| match progress {
            Progress::Entries { have, of } => watch.shows(Work::Entries, have, of),
            Progress::Facets { have, of } => watch.shows(Work::Details, have as u64, of as u64),
        };
        let synced = session.sync(replica, &mut show).await;
        drop(watch);
        match synced {
            Err(error) if error.reason == Rule::NotPermitted => {
                if let Ok(seat) = self.seat() {
                    // Where it cannot be kept, the copy says what it knows.
                    let _ = files::replace(&self.refusal()?, seat.as_str().as_bytes());
                }
                Err(self.explained(replica, error))
            }
            Ok(synced) => {
                let _ = std::fs::remove_file(self.refusal()?);
                self.settle_keys(replica);
                Ok(synced)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the service refused this seat when it was asked last: of what ended its keys the copy
    /// here never hears.
    pub fn is_refused(&self, seat: &SeatId) -> bool {
        let kept = self.refusal().ok().and_then(|path| std::fs::read_to_string(path).ok());
        kept.is_some_and(|kept| kept == seat.as_str())
    }

    fn refusal(&self) -> Result<PathBuf, ClientError> {
        Ok(self.home.folder(&self.name()?).join("refused"))
    }

    /// Tells what the service kept back, and of a directory that stands still.
    pub fn tell_what_lacks(&self, synced: &Synced) {
        if !synced.withheld.is_empty() && !self.reads_details() {
            self.tell(Note::DetailsForMembers(synced.withheld.len()));
        } else {
            for (contact, name) in &synced.withheld {
                self.tell(Note::Withheld(contact.clone(), name.clone()));
            }
        }
        if let Some(directory) = synced.clock {
            self.tell(Note::ClocksApart { own: self.ambient().now(), directory });
        }
        if let Some(kept) = &synced.refuted {
            self.tell(Note::ChartersRefuted(kept.clone()));
        }
        if let Some(frozen) = &synced.frozen {
            self.tell(Note::StandsStill(frozen.clone()));
            if !synced.checked {
                self.tell(Note::CheckpointUnchecked);
            }
        }
    }

    /// Tells that a copy is old, or stands still.
    ///
    /// # Errors
    /// It lacks entries.
    pub fn tell_its_age(&self, replica: &Replica) -> Result<(), ClientError> {
        if let Some(note) = self.seen(replica)?.warning() {
            self.tell(note);
        }
        Ok(())
    }
}

/// How a command ends that has shown what it knows of a directory that may stand still.
///
/// # Errors
/// It stands still: update this program.
pub fn current(frozen: Option<&Frozen>) -> Result<(), ClientError> {
    frozen.map_or(Ok(()), |frozen| Err(ClientError::update_me(frozen).after_its_object()))
}
