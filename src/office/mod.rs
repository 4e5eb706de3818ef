//! What a member's machine does: collect, verify, keep, tell the sender, hand in.
//!
//! In scope: the home and its copy of a directory, the mailbox followed, inbox and outbox, delivered receipts,
//! what is handed in. Out of scope: terminals, arguments and words: whoever gives a face hears values (`told`).
//! Invariants: a message is kept, sealed as it came, before anything else is done; a request is on the disk
//! before its first attempt; acknowledging is a human's.

pub mod acknowledge;
pub mod acknowledged;
pub mod administer;
pub mod again;
pub mod asked;
pub mod attachments;
pub mod audit;
pub mod call;
pub mod collect;
pub mod courier;
pub mod directory;
pub mod doctor;
pub mod drafts;
pub mod error;
pub mod exposure;
pub mod fate;
mod faults;
pub mod files;
pub mod fingerprint;
pub mod hand_in;
pub mod how;
pub mod inbox;
pub mod index;
pub mod join;
pub mod keys;
pub mod label;
pub mod later;
pub mod life;
pub mod mail;
pub mod message;
mod mute;
pub mod muted;
pub mod news;
pub mod notify;
pub mod others;
pub mod page;
mod passed;
pub mod pointer;
pub mod reach;
pub mod retry;
pub mod roster;
pub mod rotate;
pub mod seen;
pub mod sent;
pub mod standing;
pub mod status;
pub mod stay;
pub mod sync;
pub mod terms;
pub mod told;
pub mod typed;
pub mod update;

use std::path::PathBuf;
use std::sync::{Arc, Once};

use crate::ambient::Ambient;
use crate::client::error::{ClientError, Family, Side};
use crate::client::home::Home;
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::reach::connect::{Proxies, Tcp};
use crate::client::reach::session::{Net, Session};
use crate::client::reason::Here;
use crate::client::replica::{Aside, Replica, ReplicaError};
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, DirectoryName, SeatId};

use self::asked::{Asks, Question};
use self::told::{Face, Note, Unkept, Work};

/// A home at work, and whom it works for.
#[derive(Clone)]
pub struct Office {
    /// Keys, configuration, copies of directories.
    pub home: Home,
    /// How to reach a service.
    pub net: Net,
    /// Whom to act as, and where.
    pub chosen: Chosen,
    /// Who hears what happens.
    pub face: Arc<dyn Face>,
}

/// The home of a machine, and its way to a service.
#[derive(Clone)]
pub struct Machine {
    /// Keys, configuration, copies of directories.
    pub home: Home,
    /// How to reach a service.
    pub net: Net,
}

/// What of a machine was said when the program began.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// The home's folder; the system's own place, if nobody named one.
    pub home: Option<PathBuf>,
    /// The proxy for every address.
    pub https_proxy: Option<String>,
    /// What is reached without it.
    pub no_proxy: Option<String>,
}

impl Machine {
    /// This machine, with its clock and its network; whoever uses it is asked there for what opens his keys.
    ///
    /// # Errors
    /// There is no place for a home, or it is of another format; a proxy cannot be read.
    pub fn find(begun: &Begun, asks: Arc<dyn Asks>) -> Result<Self, ClientError> {
        let home = Home::find(begun.home.clone())?.asking(asks);
        let proxies = Proxies::new(begun.https_proxy.as_deref(), begun.no_proxy.as_deref())?;
        let net = Net { dial: Arc::new(Tcp), proxies, ambient: Ambient::system() };
        Ok(Self { home, net })
    }
}

/// What is named where a home has several.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The name of the directory.
    pub directory: Option<DirectoryName>,
    /// The seat to act as.
    pub seat: Option<SeatId>,
}

impl Office {
    /// At work on this machine, for this face.
    #[must_use]
    pub fn on(machine: Machine, chosen: Chosen, face: Arc<dyn Face>) -> Self {
        let Machine { home, net } = machine;
        Self { home, net, chosen, face }
    }

    /// Tells whom it works for.
    pub fn tell(&self, note: Note) {
        self.face.hears(note);
    }

    /// Whether people say so.
    #[must_use]
    pub fn agrees(&self, question: &Question<'_>) -> bool {
        self.face.agrees(question)
    }

    /// Clock and randomness.
    #[must_use]
    pub const fn ambient(&self) -> &Ambient {
        &self.net.ambient
    }

    /// The directory named, or the only one joined.
    ///
    /// # Errors
    /// None, or several.
    pub fn name(&self) -> Result<DirectoryName, ClientError> {
        Ok(self.home.directory(self.chosen.directory.as_ref())?)
    }

    /// The copy of the directory.
    ///
    /// # Errors
    /// It cannot be read, or does not verify.
    pub fn replica(&self) -> Result<Replica, ClientError> {
        self.opened(Replica::open_showing)
    }

    /// The copy of the directory, every entry of it verified again.
    ///
    /// # Errors
    /// As [`Office::replica`].
    pub fn replica_anew(&self) -> Result<Replica, ClientError> {
        self.opened(Replica::open_anew)
    }

    /// The copy of the directory, every entry of it read again.
    ///
    /// # Errors
    /// As [`Office::replica`].
    pub fn replica_read_through(&self) -> Result<Replica, ClientError> {
        self.opened(Replica::open_read_through)
    }

    fn opened(
        &self,
        open: impl FnOnce(&Home, &DirectoryName, &mut dyn FnMut(u64, u64)) -> Opened,
    ) -> Result<Replica, ClientError> {
        let mut watch = self.face.watches();
        let mut shows = |done, of| watch.shows(Work::Verifying, done, of);
        let replica = open(&self.home, &self.name()?, &mut shows)?;
        drop(watch);
        if let Some(why) = replica.misfit() {
            self.tell(Note::VerifiedAgain(why));
        }
        if let Some(why) = replica.not_kept() {
            self.tell(Note::NotKept(Unkept::Verified, why.into()));
        }
        match replica.aside().cloned() {
            Some(Aside::Altered(path)) => self.tell(Note::CopyAltered(path)),
            Some(Aside::Inadmissible(path)) => self.tell(Note::Inadmissible(path)),
            None => {}
        }
        if let Some(leaf) = replica.halted() {
            self.tell(Note::Halted(leaf));
        }
        Ok(replica)
    }

    /// The seat to act as: the one named, or the only one whose keys are here.
    ///
    /// # Errors
    /// None, or several.
    pub fn seat(&self) -> Result<SeatId, ClientError> {
        if let Some(seat) = &self.chosen.seat {
            return Ok(seat.clone());
        }
        let owners = self.home.keys().owners()?;
        let member = owners.iter().find_map(|owner| match owner {
            Owner::Authority(member) => Some(member.clone()),
            _ => None,
        });
        // Who has signed a record has a keeper.
        let contact = owners.iter().find_map(|owner| match owner {
            Owner::Keeper(contact) if Some(contact.member()) == member => Some(contact.clone()),
            _ => None,
        });
        let seats = owners.into_iter().filter_map(|owner| match owner {
            Owner::Seat(seat) => Some(seat),
            Owner::Registrar(_)
            | Owner::Operator(_)
            | Owner::Auditor(_)
            | Owner::Authority(_)
            | Owner::Keeper(_) => None,
        });
        match &seats.collect::<Vec<_>>()[..] {
            [only] => Ok(only.clone()),
            [] if let Err(error) = self.home.is_there() => Err(error.into()),
            [] => Err(ClientError::new(
                Side::Ours,
                Family::IdentityOrKey,
                Here::NoSeat,
                format!("no seat's keys are in the home {}", self.home.root().display()),
            )
            .mended_by(match (member, contact) {
                (Some(_), Some(contact)) if self.name().is_ok() => Mend::JoinForASeat(contact),
                (Some(member), None) if self.name().is_ok() => {
                    Mend::SendAuthorityOrNameHome(member)
                }
                _ => Mend::NameHomeOrJoinAs,
            })),
            several => {
                let names = several.iter().map(SeatId::as_str).collect::<Vec<_>>().join(", ");
                let sentence = format!("several seats' keys are in this home: {names}");
                Err(ClientError::new(Side::Ours, Family::Usage, Here::SeveralSeats, sentence)
                    .mended_by(Mend::NameSeat))
            }
        }
    }

    /// The contact given, or that of the seat.
    ///
    /// # Errors
    /// As [`Office::seat`].
    pub fn contact(&self, given: Option<&ContactId>) -> Result<ContactId, ClientError> {
        given.map_or_else(|| self.seat().map(|seat| seat.contact()), |given| Ok(given.clone()))
    }

    /// Whoever of this home may read the directory: the seat named, else any seat in force, else a
    /// person of the charter, else a seat. Who reads says nothing in anybody's name.
    ///
    /// # Errors
    /// As [`Office::seat`].
    pub fn reader(&self) -> Result<Owner, ClientError> {
        if let Some(seat) = &self.chosen.seat {
            return Ok(Owner::Seat(seat.clone()));
        }
        let owners = self.home.keys().owners()?;
        let is_seat = |owner: &&Owner| matches!(owner, Owner::Seat(_));
        let is_person = |owner: &&Owner| {
            matches!(owner, Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_))
        };
        let person = owners.iter().find(is_person);
        let several = owners.iter().filter(is_seat).count() + usize::from(person.is_some()) > 1;
        // Opening the copy takes a while.
        let replica = several.then(|| self.replica().ok()).flatten();
        let directory = replica.as_ref().and_then(|replica| replica.directory().ok());
        let in_force = |owner: &&Owner| {
            let (keys, ambient) = (self.home.keys(), self.ambient());
            let all = [
                keys.signing(owner, ambient).ok(),
                keys.next_signing(owner, ambient).ok().flatten(),
            ];
            all.iter()
                .flatten()
                .any(|key| directory.is_some_and(|of| of.in_force(&key.public().id()).is_ok()))
        };
        match owners.iter().filter(is_seat).find(in_force).or(person) {
            Some(owner) => Ok(owner.clone()),
            None => self.seat().map(Owner::Seat),
        }
    }

    /// Connects as somebody, or as nobody.
    ///
    /// # Errors
    /// The service cannot be reached or believed.
    pub async fn connect(&self, who: Option<&Owner>) -> Result<Session, ClientError> {
        let name = self.name()?;
        let bad = self.home.addresses(&name)?.bad;
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            bad.into_iter().for_each(|(path, why)| self.tell(Note::BadAddress(path, why)));
        });
        Session::open(&self.home, &name, who, &self.net)
            .await
            .map_err(|why| self.for_operators(why))
    }

    /// That nothing answers may be mended by who runs the service.
    pub fn for_operators(&self, why: ClientError) -> ClientError {
        let owners = self.home.keys().owners().unwrap_or_default();
        let is_one = owners.iter().any(|owner| matches!(owner, Owner::Operator(_)));
        if is_one && why.reason == Here::NoConnection {
            return why.mended_by(Mend::ServeOrAskWhetherItMoved);
        }
        why
    }

    /// Who has no copy, and nobody here who could fetch one, lacks that first.
    pub fn not_synced(&self, why: ClientError) -> ClientError {
        match self.reader() {
            Err(first) if why.reason == Here::NeverSynced => {
                ClientError { mend: first.mend, ..why }
            }
            _ => why,
        }
    }

    /// Whether whoever reads for this home is handed the details of contacts.
    pub fn reads_details(&self) -> bool {
        !matches!(self.reader(), Ok(Owner::Operator(_) | Owner::Auditor(_)))
    }

    /// Whether new keys of a seat wait for the directory to list them.
    pub fn changes_keys(&self, owner: &Owner) -> bool {
        let Owner::Seat(seat) = owner else { return false };
        let next = self.home.keys().next(seat, self.ambient());
        next.is_ok_and(|next| !next.purposes().is_empty())
    }

    /// Puts new keys of this home in their place that the copy of the directory lists, and says so. Where
    /// that cannot be kept, they are used where they lie.
    pub fn settle_keys(&self, replica: &Replica) {
        let (keys, ambient) = (self.home.keys(), self.ambient());
        let (Ok(directory), Ok(owners)) = (replica.directory(), keys.owners()) else { return };
        for owner in owners {
            let promoted = match &owner {
                Owner::Seat(seat) => keys.promote(seat, directory, ambient),
                Owner::Keeper(contact) => {
                    let promoted = keys.promote_keeper(contact, directory, ambient);
                    promoted.map(|done| done.then_some(Purpose::Keeper).into_iter().collect())
                }
                Owner::Registrar(_)
                | Owner::Operator(_)
                | Owner::Auditor(_)
                | Owner::Authority(_) => continue,
            };
            match promoted {
                Ok(all) if all.is_empty() => {}
                Ok(all) => self.tell(Note::KeysInForce(owner, all)),
                Err(why) => self.tell(Note::NotKept(Unkept::NewKeys, why.into())),
            }
        }
    }

    /// Connects as whoever may read, and brings the copy of the directory up to date.
    ///
    /// # Errors
    /// As [`Office::connect`]; what came does not verify.
    pub async fn synced(&self) -> Result<(Session, Replica), ClientError> {
        let session = self.connect(Some(&self.reader()?)).await?;
        let mut replica = self.replica()?;
        self.sync(&session, &mut replica).await?;
        Ok((session, replica))
    }
}

type Opened = Result<Replica, ReplicaError>;

#[cfg(test)]
pub(crate) mod tests;
