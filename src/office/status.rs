//! Where a home stands: whose keys are here, its copy, the own seat, the mailbox. Nothing is asked of the network.
//!
//! In scope: what each of these is now, and what is about to run out. Out of scope: whether a connection would work
//! (`doctor`), how it is said (each face). Invariant: what cannot be read of one part keeps no other back, but for
//! damage.

use std::path::PathBuf;

use crate::client::error::{ClientError, Family};
use crate::client::keys::Owner;
use crate::client::replica::{Frozen, Replica};
use crate::crypto::cert::PeerCertificate;
use crate::domain::ids::{ContactId, DirectoryName, SeatId};

use super::Office;
use super::directory::TakesPart;
use super::life::Life;
use super::mail::Mail;
use super::seen::Seen;

/// Where a home stands.
#[derive(Debug)]
pub struct Status {
    /// Where it is kept.
    pub home: PathBuf,
    /// Whose keys are here.
    pub keys: Vec<Owner>,
    /// The directory that is meant, if one is.
    pub directory: Option<DirectoryName>,
    /// The copy of that directory.
    pub copy: CopyHere,
    /// The seat to act as.
    pub seat: OwnSeat,
    /// The service's certificate, as this home saw it last.
    pub service: Option<Life>,
    /// The mailbox of a seat that the directory knows.
    pub mailbox: Option<Mailbox>,
}

/// The copy of the directory in a home.
#[derive(Debug)]
pub enum CopyHere {
    /// There is one, and it holds so much.
    Holds(Box<Holds>),
    /// None can be meant: none was joined, or several were.
    Unnamed(Box<ClientError>),
    /// One was joined, and lacks entries: never synced, for one.
    Lacks(DirectoryName, Box<ClientError>),
}

/// What a copy of the directory holds.
#[derive(Debug)]
pub struct Holds {
    /// Its size and age.
    pub seen: Seen,
    /// How many members there are.
    pub members: usize,
    /// How many contacts are listed.
    pub contacts: usize,
    /// How many statements made them.
    pub entries: u64,
}

/// The seat to act as.
#[derive(Debug)]
pub enum OwnSeat {
    /// There is none, or several are.
    None(Box<ClientError>),
    /// There is one, and no copy in which it could be known.
    Unjudged(SeatId),
    /// As the copy knows it.
    Judged(Box<Judged>),
}

/// A seat as the copy of the directory knows it.
#[derive(Debug)]
pub struct Judged {
    /// Which seat it is.
    pub seat: SeatId,
    /// Why its keys do not all count, if so.
    pub fault: Option<ClientError>,
    /// The service refused it after the copy was made.
    pub refused: bool,
    /// How its contact takes part, if the directory ever listed that.
    pub part: Option<TakesPart>,
    /// What its contact publishes, until that ends.
    pub record: Option<Life>,
    /// Its seal key, until another is due.
    pub seal_key: Option<Life>,
    /// New keys of it wait to be listed.
    pub changes_keys: bool,
    /// Until when its certificate is good, Unix seconds.
    pub certificate_until: Option<u64>,
}

/// A mailbox as it is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// How many entries were collected.
    pub collected: u64,
    /// Whether anything ever was, be it that there is nothing.
    pub ever: bool,
    /// How many messages nobody has read here.
    pub unread: usize,
    /// How many requests wait to be handed in.
    pub waiting: usize,
}

impl Office {
    /// Where this home stands now.
    ///
    /// # Errors
    /// The home cannot be read.
    pub fn status(&self) -> Result<Status, ClientError> {
        let keys = self.home.keys().owners()?;
        let (copy, replica) = self.copy_here()?;
        let seat = match (self.seat(), &replica) {
            (Ok(seat), Some(replica)) => OwnSeat::Judged(Box::new(self.judged(replica, seat)?)),
            (Ok(seat), None) => OwnSeat::Unjudged(seat),
            (Err(why), _) => OwnSeat::None(Box::new(why)),
        };
        let mailbox = match replica {
            Some(replica) if seat.is_known() => Some(Mailbox::of(&Mail::open(self, replica)?)?),
            Some(_) | None => None,
        };
        let (home, directory) = (self.home.root().to_owned(), self.name().ok());
        Ok(Status { home, keys, directory, copy, seat, service: self.service_seen(), mailbox })
    }

    /// The copy of the directory, if one was joined and synced.
    fn copy_here(&self) -> Result<(CopyHere, Option<Replica>), ClientError> {
        let replica = match self.replica() {
            Ok(replica) => replica,
            Err(error) if matches!(error.family, Family::NotFound | Family::Usage) => {
                return Ok((CopyHere::Unnamed(Box::new(error)), None));
            }
            Err(error) => return Err(error),
        };
        match self.seen(&replica) {
            Ok(seen) => {
                let directory = replica.directory()?;
                let listed = directory.contacts().filter(|contact| contact.record.is_some());
                let holds = Holds {
                    seen,
                    members: directory.members().count(),
                    contacts: listed.count(),
                    entries: directory.size(),
                };
                Ok((CopyHere::Holds(Box::new(holds)), Some(replica)))
            }
            Err(error) => {
                let error = Box::new(self.not_synced(error));
                Ok((CopyHere::Lacks(self.name()?, error), None))
            }
        }
    }

    fn judged(&self, replica: &Replica, seat: SeatId) -> Result<Judged, ClientError> {
        let (directory, now) = (replica.directory()?, self.ambient().now());
        let (contact, owner) = (directory.contact(&seat.contact()), Owner::Seat(seat.clone()));
        let certificate = self.home.keys().tls(&owner, self.ambient()).ok();
        let certificate =
            certificate.and_then(|identity| PeerCertificate::parse(identity.chain().first()?).ok());
        Ok(Judged {
            fault: self.seat_keys(replica, &seat).err(),
            refused: self.is_refused(&seat),
            part: contact.map(|contact| TakesPart::of(directory, contact)),
            record: contact.and_then(|contact| Life::of_record(contact, now)),
            seal_key: Life::of_seal_key(replica, &seat, now)?,
            changes_keys: self.changes_keys(&owner),
            certificate_until: certificate.map(|certificate| certificate.not_after()),
            seat,
        })
    }

    fn service_seen(&self) -> Option<Life> {
        let seen = self.home.certificate_seen(&self.name().ok()?)?;
        let certificate = PeerCertificate::parse(&seen).ok()?;
        Some(Life::of_certificate(&certificate, self.ambient().now()))
    }
}

impl Status {
    /// Of which copy it was read.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        match &self.copy {
            CopyHere::Holds(holds) => Some(&holds.seen),
            CopyHere::Unnamed(_) | CopyHere::Lacks(..) => None,
        }
    }

    /// Why the directory stands still here.
    #[must_use]
    pub fn frozen(&self) -> Option<&Frozen> {
        self.seen()?.frozen.as_ref()
    }
}

impl OwnSeat {
    /// Whether all its keys count.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Judged(judged) if judged.fault.is_none())
    }
}

impl Judged {
    /// Its contact, and how that takes part, if it publishes something.
    #[must_use]
    pub fn publishes(&self) -> Option<(ContactId, TakesPart, &Life)> {
        Some((self.seat.contact(), self.part?, self.record.as_ref()?))
    }
}

impl Mailbox {
    fn of(mail: &Mail) -> Result<Self, ClientError> {
        let (due, acks) = mail.due_and_acks()?;
        let (shown, _) = mail.listed(&acks, false)?;
        let (collected, read) = (mail.inbox.last()?, mail.read_here()?);
        Ok(Self {
            collected,
            ever: collected > 0 || mail.inbox.head()?.is_some(),
            unread: shown.into_iter().filter(|number| !read.contains(number)).count(),
            waiting: due.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::client::mend::Mend;
    use crate::client::outbox::Request;
    use crate::client::reason::Here;
    use crate::crypto::issue::{self, Validity};
    use crate::office::tests::homes::{Kept, owner, paris};
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{AT, FR, FR_2, NAME, Net, notification, seat};

    const DAY: u64 = 86_400;

    fn judged(of: &Status) -> &Judged {
        let OwnSeat::Judged(judged) = &of.seat else { panic!("{:?}", of.seat) };
        judged
    }

    /// As Paris' first seat.
    fn first(of: &Kept) -> Office {
        let mut office = of.office.clone();
        office.chosen.seat = Some(seat(FR));
        office
    }

    #[test]
    fn a_home_that_has_joined_nothing_says_what_it_lacks() {
        let net = Net::new();
        let kept = Kept::new(&net);
        kept.owns(&owner(FR));
        let mut office = kept.office.clone();
        office.chosen.directory = None;
        let of = office.status().unwrap();
        let CopyHere::Unnamed(why) = &of.copy else { panic!("{:?}", of.copy) };
        assert!(matches!(why.family, Family::NotFound | Family::Usage), "{why:?}");
        assert!(matches!(&of.seat, OwnSeat::Unjudged(own) if *own == seat(FR)), "{:?}", of.seat);
        assert_eq!(
            (of.keys, of.directory, of.service, of.mailbox),
            (vec![owner(FR)], None, None, None)
        );
        assert_eq!(of.home, office.home.root());
    }

    #[test]
    fn a_copy_that_was_never_synced_is_told_of_with_its_name_and_what_its_seat_lacks() {
        let net = Net::new();
        let (kept, replica) = Kept::joined(&net);
        for file in fs::read_dir(replica.folder()).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().is_some_and(|name| name == "checkpoint" || name == "entries") {
                fs::remove_file(path).unwrap();
            }
        }
        let of = kept.office.status().unwrap();
        let CopyHere::Lacks(name, why) = &of.copy else { panic!("{:?}", of.copy) };
        assert_eq!((name.as_str(), &why.reason), (NAME, &Here::NeverSynced.into()));
        assert_eq!(why.mend.as_deref(), Some(&Mend::NameHomeOrJoinAs));
        assert!(matches!(&of.seat, OwnSeat::None(why) if why.reason == Here::NoSeat));
        assert!(of.seen().is_none() && of.frozen().is_none() && of.mailbox.is_none());
    }

    #[test]
    fn what_a_copy_holds_is_counted_without_who_was_withdrawn() {
        let mut net = Net::new();
        net.withdraw("pt/cert-pt", 2);
        let (kept, _) = Kept::joined(&net);
        let of = kept.office.status().unwrap();
        let CopyHere::Holds(holds) = &of.copy else { panic!("{:?}", of.copy) };
        assert_eq!((holds.members, holds.contacts, holds.entries), (5, 4, net.directory.size()));
        assert_eq!(of.seen().unwrap().size, net.directory.size());
        assert_eq!(of.directory.unwrap().as_str(), NAME);
    }

    #[test]
    fn a_copy_that_stands_still_says_so() {
        let mut net = Net::new();
        net.newer_rules();
        let (kept, _) = Kept::joined(&net);
        assert!(kept.office.status().unwrap().frozen().is_some());
    }

    #[test]
    fn a_seat_whose_keys_count_is_known_and_has_a_mailbox() {
        let mut net = Net::new();
        let kept = paris(&mut net);
        let of = first(&kept).status().unwrap();
        let own = judged(&of);
        assert!(of.seat.is_known() && own.fault.is_none() && !own.refused && !own.changes_keys);
        let record = Life { from: 1000, until: 2000, now: own.record.unwrap().now };
        assert_eq!((own.part, own.record), (Some(TakesPart::Connected), Some(record)));
        let (contact, part, life) = own.publishes().unwrap();
        assert_eq!((contact, part, *life), (seat(FR).contact(), TakesPart::Connected, record));
        let sealing = own.seal_key.unwrap();
        assert_eq!((sealing.from, sealing.until), (1000, 1000 + 90 * DAY));
        assert!(own.certificate_until.is_some_and(|until| until > record.now));
        let nothing = Mailbox { collected: 0, ever: false, unread: 0, waiting: 0 };
        assert_eq!(of.mailbox, Some(nothing));
    }

    #[test]
    fn a_seat_whose_keys_do_not_count_has_no_mailbox_and_a_reason() {
        let mut net = Net::new();
        let kept = paris(&mut net);
        let mut office = kept.office.clone();
        office.chosen.seat = Some(seat(FR_2));
        let name = office.name().unwrap();
        fs::write(office.home.folder(&name).join("refused"), FR_2).unwrap();
        let of = office.status().unwrap();
        let own = judged(&of);
        assert_eq!(own.fault.as_ref().map(|why| &why.reason), Some(&Here::KeyEnded.into()));
        assert!(own.refused && !of.seat.is_known());
        assert_eq!(of.mailbox, None);
        // A colleague is not meant.
        assert!(!judged(&first(&kept).status().unwrap()).refused);
    }

    #[test]
    fn a_seat_that_no_contact_has_entered_is_unknown_and_publishes_nothing() {
        let net = Net::new();
        let (kept, _) = Kept::joined(&net);
        kept.owns(&owner("fr/other/duty-1"));
        let of = kept.office.status().unwrap();
        let own = judged(&of);
        assert_eq!(own.fault.as_ref().map(|why| &why.reason), Some(&Here::KeyUnknown.into()));
        assert_eq!((own.part, own.record, own.seal_key), (None, None, None));
        assert!(own.publishes().is_none());
    }

    #[test]
    fn who_was_withdrawn_takes_no_part_and_publishes_nothing() {
        let mut net = Net::new();
        net.withdraw("fr/cert-fr", 2);
        let (kept, _) = Kept::joined(&net);
        kept.owns(&owner(FR));
        let of = kept.office.status().unwrap();
        assert_eq!(judged(&of).part, Some(TakesPart::Withdrawn));
        assert!(judged(&of).publishes().is_none());
    }

    #[test]
    fn the_certificate_that_the_service_showed_last_has_its_life() {
        let mut net = Net::new();
        let kept = paris(&mut net);
        let name = kept.office.name().unwrap();
        kept.office.home.saw_certificate(&name, b"none").unwrap();
        assert_eq!(first(&kept).status().unwrap().service, None);
        let validity = Validity { not_before: 500, not_after: 900, serial: [1; 16] };
        let key = crate::world::relay::sign_key("ca");
        let der = issue::service_ca(&key, NAME, &[], validity, kept.office.ambient().random());
        kept.office.home.saw_certificate(&name, &der.unwrap()).unwrap();
        let service = first(&kept).status().unwrap().service.unwrap();
        assert_eq!((service.from, service.until), (500, 900));
    }

    #[test]
    fn a_mailbox_counts_what_came_what_nobody_has_read_and_what_waits() {
        let mut net = Net::new();
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        let of = |paris: &Whole| Mailbox::of(&paris.mail).unwrap();
        let nothing = Mailbox { collected: 0, ever: true, unread: 0, waiting: 0 };
        assert_eq!(of(&paris), nothing, "that there is nothing was collected");
        for _ in 0..2 {
            let sealed = net.seal(net.outside(AT, &["fr/cert-fr"]), &notification(1));
            net.submit(&sealed.envelope).unwrap();
        }
        paris.collect(&net);
        // That each was delivered waits to be handed in.
        let came = Mailbox { collected: 2, ever: true, unread: 2, waiting: 2 };
        assert_eq!(of(&paris), came);
        paris.hand_in(&mut net);
        paris.mail.mark_read(1).unwrap();
        assert_eq!(of(&paris), Mailbox { unread: 1, waiting: 0, ..came });
        let sealed = net.seal(net.outside(FR, &["at/cert-at"]), &notification(1));
        let request = Request::submit(sealed.envelope);
        paris.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
        assert_eq!(of(&paris).waiting, 1);
    }
}
