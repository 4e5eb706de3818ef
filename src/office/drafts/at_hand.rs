//! The copy of the directory on which something is drafted.
//!
//! In scope: that it is up to date, or that it is drafted on what is at hand. Out of scope: whether that will
//! do (each draft says so).

use crate::client::error::ClientError;
use crate::client::replica::Replica;
use crate::office::Office;

/// A copy of the directory that is as new as it can be.
pub struct AtHand {
    /// The copy itself.
    pub(super) copy: Replica,
    /// Why it is not up to date, if it is not.
    pub behind: Option<ClientError>,
}

impl Office {
    /// The copy of the directory, up to date; where the service gives none, and that will do, as it is here.
    ///
    /// # Errors
    /// As [`Office::synced`] and [`Office::replica`].
    pub async fn at_hand(
        &self,
        will_do: impl FnOnce(&ClientError) -> bool,
    ) -> Result<AtHand, ClientError> {
        match self.synced().await {
            Ok((_, copy)) => Ok(AtHand { copy, behind: None }),
            Err(why) if will_do(&why) => Ok(AtHand { copy: self.replica()?, behind: Some(why) }),
            Err(why) => Err(why),
        }
    }
}
