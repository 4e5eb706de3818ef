//! Everything that a connection needs, examined one after the other.
//!
//! In scope: files, keys, clock, each leg of the way, the own key's standing, the mailbox. Out of scope: mending, words.
//! Invariants: every examination that can be made is, whatever failed before; a failure names what mends it; nothing is
//! changed but the copy of the directory.

mod here;
mod service;
mod way;

use std::path::PathBuf;

use crate::client::address::{Address, InvalidAddress};
use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::message::places::Contradiction;
use crate::client::replica::{Frozen, Replica};
use crate::crypto::sign::KeyId;
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, DirectoryName, SeatId};

use super::Office;
use super::keys::Turn;
use super::life::Life;

/// All that was examined.
#[derive(Debug)]
pub struct Report {
    /// Each, in order. One subject may be there several times.
    pub all: Vec<Examination>,
    /// Why the directory stands still here.
    pub frozen: Option<Frozen>,
}

/// One thing that was examined.
#[derive(Debug)]
pub struct Examination {
    /// What was examined.
    pub of: Subject,
    /// What was found.
    pub found: Found,
}

/// What is examined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Subject {
    Home,
    Invitation,
    Keys,
    Key(Owner),
    Addresses,
    Identity,
    Connection,
    FirstSegment,
    KeyAgreement,
    Certificate,
    Sync,
    Copy,
    Rules,
    Seat,
    Record,
    Mailbox,
    Outbox,
    Clock,
}

/// What an examination found.
#[derive(Debug)]
pub enum Found {
    /// It is as it should be.
    Well(Well),
    /// It works, and should be looked at.
    Doubt(Doubt),
    /// It does not work.
    Failed(Box<ClientError>),
    /// The relay contradicts itself.
    Contradiction(Box<Contradiction>),
    /// It was not examined.
    Skipped(Lack),
}

/// What is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Well {
    /// The home is here, its user's own, and can be written.
    Home(PathBuf),
    /// The directory that was joined, and its charter's fingerprint for the eye.
    Invitation(DirectoryName, String),
    /// A key that can be used.
    Key(Key),
    /// Where the service is.
    Addresses(Vec<Address>),
    /// It answered at this address.
    Connected(Address),
    /// The handshake is safe against later computers.
    Group(&'static str),
    /// The service's certificate holds.
    Certificate(Shown),
    /// So many entries, all verified.
    Synced(u64),
    /// How old the copy is.
    Copy(Age),
    /// The directory's rules are known here.
    Rules,
    /// So many keys of the own seat, in force in this copy.
    Seat(SeatId, usize),
    /// The own record holds until then, Unix seconds.
    Record(u64),
    /// Messages wait in the mailbox.
    Waiting(ContactId),
    /// So many entries of the mailbox, all here.
    Collected(ContactId, u64),
    /// Nothing waits in the outbox.
    NothingWaits,
    /// So many seconds from the service's clock; none: not before the directory's.
    Clock(Option<u64>),
}

/// What works, and should be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The home lets others in: its mode.
    OpenToOthers(PathBuf, u32),
    /// A file names an address that cannot be used.
    BadAddress(PathBuf, InvalidAddress),
    /// The handshake is not safe against later computers: its group.
    Group(&'static str),
    /// The service's certificate is near its end.
    Certificate(Shown),
    /// So many details of contacts were not handed over.
    Withheld(usize),
    /// The copy is stale.
    Stale(Age),
    /// The own record is near its end.
    Record(Life),
    /// So many wait to be handed in.
    Unsent(usize),
}

/// Why something was not examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It cannot be for this.
    Because(Box<ClientError>),
    /// There is no connection as somebody.
    Connection,
    /// There is no copy of the directory.
    Copy,
    /// The dates of a certificate are not read: who issued it.
    Dates(String),
    /// No contact is this home's.
    Contact,
    /// The contact publishes nothing.
    Record(ContactId),
    /// The mailbox cannot be opened.
    Mailbox,
    /// No clock is there to compare with.
    Clock,
}

/// A key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The digest that names it.
    pub id: KeyId,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether it is in use.
    pub turn: Turn,
    /// Where its file lies.
    pub path: PathBuf,
}

/// A certificate that the service showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Who issued it, for display.
    pub issuer: String,
    /// Its own life.
    pub life: Life,
}

/// How old the copy of a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    /// The directory's name.
    pub directory: DirectoryName,
    /// When it was synced last, if that is known, Unix seconds.
    pub synced_at: Option<u64>,
    /// When this is asked, Unix seconds.
    pub now: u64,
}

impl Office {
    /// Examines everything that a connection needs.
    pub async fn examined(&self) -> Report {
        let mut all = Vec::new();
        here::home(self, &mut all);
        here::keys(self, &mut all);
        let session = way::connection(self, &mut all).await;
        let copy = service::copy(self, &mut all, session.as_ref()).await;
        let asked = match copy {
            Some(replica) => {
                all.push(here::seat(self, &replica));
                all.push(here::record(self, &replica));
                service::mailbox(self, &mut all, session.as_ref(), replica).await
            }
            None => {
                let without = [
                    Subject::Rules,
                    Subject::Seat,
                    Subject::Record,
                    Subject::Mailbox,
                    Subject::Outbox,
                ];
                all.extend(without.map(|of| Examination::skipped(of, Lack::Copy)));
                service::Asked { replica: None, at: None }
            }
        };
        let directory = asked.replica.as_ref().and_then(|replica| replica.directory().ok());
        let clock = directory.map(|directory| directory.clock());
        all.push(service::clock(self.ambient().now(), asked.at, clock));
        let frozen = asked.replica.as_ref().and_then(Replica::frozen).cloned();
        Report { all, frozen }
    }
}

impl Examination {
    const fn well(of: Subject, well: Well) -> Self {
        Self { of, found: Found::Well(well) }
    }

    const fn doubt(of: Subject, doubt: Doubt) -> Self {
        Self { of, found: Found::Doubt(doubt) }
    }

    const fn skipped(of: Subject, lack: Lack) -> Self {
        Self { of, found: Found::Skipped(lack) }
    }

    fn because(of: Subject, why: ClientError) -> Self {
        Self::skipped(of, Lack::Because(Box::new(why)))
    }

    fn failed(of: Subject, why: ClientError) -> Self {
        let mend = why.mend.map(|mend| match *mend {
            // To examine it all mends nothing.
            Mend::Doctor | Mend::AgainThenDoctor => Box::new(Mend::TellOperator),
            _ => mend,
        });
        Self { of, found: Found::Failed(Box::new(ClientError { mend, ..why })) }
    }
}

impl Doubt {
    /// What mends it, if something does.
    #[must_use]
    pub fn mend(&self) -> Option<Mend> {
        match self {
            Self::OpenToOthers(home, _) => Some(Mend::MakeFolderPrivate(home.clone())),
            Self::BadAddress(path, _) => Some(Mend::Correct(path.clone())),
            Self::Stale(_) => Some(Mend::Sync),
            Self::Unsent(_) => Some(Mend::Sent),
            Self::Group(_) | Self::Certificate(_) | Self::Withheld(_) | Self::Record(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
