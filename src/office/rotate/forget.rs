//! Retired seal keys, which are forgotten once nothing more can come for them.

use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::client::replica::Replica;
use crate::crypto::sign::KeyId;
use crate::domain::ids::SeatId;
use crate::office::Office;
use crate::office::mail::Mail;

use super::stage::may_go;

/// The retired keys of a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Whose they are.
    pub seat: SeatId,
    /// Those that may go.
    pub due: Vec<KeyId>,
    /// Those that stay.
    pub kept: Vec<Kept>,
    /// How many messages of this home are readable with those alone that may go.
    pub readable: usize,
}

/// A retired key that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The digest that names it.
    pub id: KeyId,
    /// When it may go, Unix seconds; none: not before the directory lists another in its place.
    pub may_go: Option<u64>,
}

impl Office {
    /// Which retired keys of a seat may go now.
    ///
    /// # Errors
    /// A key cannot be read; [`ClientError`].
    pub fn retired(&self, seat: &SeatId) -> Result<Retired, ClientError> {
        let (replica, now) = (self.replica()?, self.ambient().now());
        let (mut due, mut kept) = (Vec::new(), Vec::new());
        for key in self.home.keys().list(self.ambient())? {
            if key.retired && key.owner == Owner::Seat(seat.clone()) {
                let id = key.id?;
                match may_go(&replica, seat, &id)? {
                    Some(at) if at <= now => due.push(id),
                    may_go => kept.push(Kept { id, may_go }),
                }
            }
        }
        let readable = if due.is_empty() { 0 } else { self.only_for(replica, seat, &due)? };
        Ok(Retired { seat: seat.clone(), due, kept, readable })
    }

    /// Deletes those that may go. What was sealed to them is readable here no more.
    ///
    /// # Errors
    /// Files; it may be given again.
    pub fn forget(&self, retired: &Retired) -> Result<(), ClientError> {
        Ok(self.home.keys().forget(&retired.seat, &retired.due)?)
    }

    /// How many messages of this home were sealed for this seat to these keys.
    fn only_for(
        &self,
        replica: Replica,
        seat: &SeatId,
        keys: &[KeyId],
    ) -> Result<usize, ClientError> {
        let mail = Mail::of(self, replica, seat.clone())?;
        let mut letters = mail.letters()?;
        letters.retain(|letter| letter.seat == *seat && keys.contains(&letter.seal_key));
        Ok(letters.len())
    }
}
