//! The copy of the directory brought up to date on demand, and what waits handed in with it.
//!
//! In scope: what came of it as a value, handing in. Out of scope: how it is brought up to date (`sync`), verifying
//! (`client::replica`). Invariants: what came is shown before anything is handed in; who reads without a seat's keys
//! hands nothing in.

use std::path::PathBuf;

use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::client::reach::session::{Session, Synced};
use crate::client::replica::{Frozen, Replica};
use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, DirectoryName};
use crate::domain::view::View;

use super::Office;
use super::mail::Mail;
use super::news::News;
use super::sync::current;

/// A copy that was brought up to date, over a connection that still stands.
pub struct Updated {
    /// What came of it.
    pub outcome: Outcome,
    office: Office,
    session: Session,
    replica: Replica,
    reader: Owner,
    synced: Synced,
}

/// What came of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Of which directory.
    pub directory: DirectoryName,
    /// How many entries are new.
    pub new: u64,
    /// How many there are now.
    pub size: u64,
    /// Their root, as the log signed it.
    pub root: Digest,
    /// When the copy was found complete, Unix seconds.
    pub synced_at: Option<u64>,
    /// What the service did not hand over: whose, and its name.
    pub withheld: Vec<(ContactId, String)>,
    /// Why the directory stands still.
    pub frozen: Option<Frozen>,
    /// Whether the newest checkpoint could be checked.
    pub checked: bool,
    /// Where charters are kept that the log does not hold.
    pub refuted: Option<PathBuf>,
    /// The directory's clock, if one of the two clocks is wrong.
    pub clock: Option<u64>,
}

impl Office {
    /// Connects as whoever may read, and brings a copy up to date that was read through.
    ///
    /// # Errors
    /// The service cannot be reached; what came does not verify.
    pub async fn update(&self) -> Result<Updated, ClientError> {
        let reader = self.reader()?;
        let session = self.connect(Some(&reader)).await?;
        let mut replica = self.replica_read_through()?;
        let synced = self.sync(&session, &mut replica).await?;
        let outcome = Outcome::of(self.name()?, &replica, &synced)?;
        Ok(Updated { outcome, office: self.clone(), session, replica, reader, synced })
    }
}

impl Updated {
    /// Tells what lacks, and hands in what waits, if a seat reads.
    ///
    /// # Errors
    /// The directory stands still; what waits was not accepted.
    pub async fn finish(self) -> Result<(), ClientError> {
        let Self { office, session, replica, reader, synced, .. } = self;
        office.tell_what_lacks(&synced);
        let handed_in = hand_in_what_waits(&office, &session, replica, reader).await;
        current(synced.frozen.as_ref()).and(handed_in.map_err(ClientError::after_its_object))
    }
}

async fn hand_in_what_waits(
    office: &Office,
    session: &Session,
    replica: Replica,
    reader: Owner,
) -> Result<(), ClientError> {
    let Owner::Seat(seat) = reader else { return Ok(()) };
    // Who never sent anything needs no mailbox here, and may have no key to open one.
    if !Mail::waits(office, &seat)? {
        return Ok(());
    }
    let (mut mail, mut news) = (Mail::of(office, replica, seat)?, News::default());
    mail.send_all(session, &mut news).await?;
    mail.tell(&mut news);
    news.ends()
}

impl Outcome {
    fn of(
        directory: DirectoryName,
        replica: &Replica,
        synced: &Synced,
    ) -> Result<Self, ClientError> {
        let View { size, root } = replica.view()?;
        Ok(Self {
            directory,
            new: size.saturating_sub(synced.before),
            size,
            root,
            synced_at: replica.synced_at(),
            withheld: synced.withheld.clone(),
            frozen: synced.frozen.clone(),
            checked: synced.checked,
            refuted: synced.refuted.clone(),
            clock: synced.clock,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Family;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{FR, NAME, Net, contact};

    fn synced(before: u64) -> Synced {
        let withheld = vec![(contact("fr/cert-fr"), "email".to_owned())];
        let frozen = Some(Frozen { leaf: 9, rules: 2, closed: None });
        let (clock, refuted) = (Some(7), Some(PathBuf::from("/refuted")));
        Synced { before, size: 3, withheld, frozen, checked: false, clock, refuted }
    }

    /// The size is what the copy shows, which a copy that stands still shows less of.
    #[test]
    fn what_is_new_is_what_the_copy_shows_beyond_what_it_had() {
        let net = Net::new();
        let (paris, size) = (Whole::of(&net, FR), net.directory.size());
        let of = |before| {
            Outcome::of(NAME.parse().unwrap(), &paris.mail.replica, &synced(before)).unwrap()
        };
        let found = of(size - 2);
        assert_eq!((found.new, found.size, found.root), (2, size, net.view().root));
        assert_eq!((of(size).new, of(size + 1).new), (0, 0));
        assert_eq!(found.synced_at, paris.mail.replica.synced_at());
    }

    #[test]
    fn what_the_service_kept_back_and_what_is_wrong_is_in_the_outcome() {
        let paris = Whole::of(&Net::new(), FR);
        let of = synced(0);
        let found = Outcome::of(NAME.parse().unwrap(), &paris.mail.replica, &of).unwrap();
        assert_eq!((found.withheld, found.frozen), (of.withheld, of.frozen));
        assert_eq!((found.checked, found.refuted, found.clock), (false, of.refuted, Some(7)));
    }

    #[test]
    fn a_command_ends_well_only_if_the_directory_goes_on() {
        assert_eq!(current(None), Ok(()));
        let why = current(synced(0).frozen.as_ref()).unwrap_err();
        assert_eq!((why.family, why.printed), (Family::UpdateMe, true));
    }
}
