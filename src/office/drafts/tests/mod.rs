//! What statements say on their way, and who may sign them: a directory, and the homes of those who decide there.

mod charters;
mod counting;
mod members;
mod records;
mod said;
mod shown;
mod signing;

use std::sync::Arc;

use tempfile::TempDir;

use crate::ambient::Ambient;
use crate::client::armour;
use crate::client::draft::{Bundle, Composer};
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::client::keys::{Owner, Role, read_person, read_public};
use crate::client::replica::Replica;
use crate::domain::ids::SeatId;
use crate::office::Office;
use crate::office::tests::whole::{Told, office_at};
use crate::signed::proto::{self, MemberKind};
use crate::wire::{convert, v1};
use crate::world::testlog::{self, LOG, NOW, TestLog, ambient, key, name, telephone};

use super::{AtHand, Drafted, Drafting, Rostering};

pub(crate) const DUTY: &str = "fr/cert-fr/duty-1";

/// Registrars alice and bob at work in their homes, carol away; two of the three decide. In a fourth home the
/// authority, keeper and seat of fr.
pub(crate) struct World {
    pub(crate) log: TestLog,
    facets: Vec<v1::OpenFacet>,
    pub(crate) alice: Office,
    pub(crate) bob: Office,
    pub(crate) fr: Office,
    _folder: TempDir,
}

pub(crate) fn duty() -> SeatId {
    DUTY.parse().unwrap()
}

pub(crate) fn registrar(id: &str) -> Owner {
    Owner::Registrar(id.parse().unwrap())
}

impl World {
    /// The charter alone.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |of: &str, ambient: Ambient| {
            let home = Home::at(folder.path().join(of));
            office_at(ambient, home, Arc::new(Told::default()))
        };
        let [alice, bob, fr] = ["alice", "bob", "fr"].map(|of| at(of, ambient()));
        let person = |office: &Office, id: &str| {
            let keys = office.home.keys();
            keys.create(&registrar(id), office.ambient()).unwrap();
            let text = keys.person(&registrar(id), id, office.ambient()).unwrap();
            read_person(Role::Registrar, &text).unwrap()
        };
        let carol = testlog::person("carol", 3);
        let registrars = vec![person(&alice, "alice"), person(&bob, "bob"), carol];
        let charter = proto::Charter { registrars, ..testlog::charter(&[LOG]) };
        let signer =
            |office: &Office, id| office.home.keys().signing(&registrar(id), office.ambient());
        let (a, b) = (signer(&alice, "alice").unwrap(), signer(&bob, "bob").unwrap());
        let log = TestLog::founded(charter, &[&a, &b]);
        let world = Self { log, facets: Vec::new(), alice, bob, fr, _folder: folder };
        let invitation = Invitation::check(world.log.invitation()).unwrap();
        for office in world.homes() {
            office.home.join(&invitation).unwrap();
        }
        world.sync();
        world
    }

    /// With the member fr, its contact cert-fr and its seat duty-1, all of whose keys are in the home of fr.
    pub(crate) fn populated() -> Self {
        let mut world = Self::new();
        let (keys, ambient) = (world.fr.home.keys(), world.fr.ambient().clone());
        let [authority, keeper, seat] = world.owners();
        for owner in [&authority, &keeper, &seat] {
            keys.create(owner, &ambient).unwrap();
        }
        let listed = |kind, owner: &Owner| {
            read_public(kind, &keys.public(owner, &ambient).unwrap()).unwrap()
        };
        let admission = proto::Admission {
            member: "fr".to_owned(),
            kind: MemberKind::UnMember.into(),
            authority: listed(armour::Kind::Authority, &authority).sign,
            ..testlog::admission()
        };
        let record = proto::Record {
            keeper: listed(armour::Kind::Keeper, &keeper).sign.pop(),
            ..testlog::record()
        };
        let seats = vec![super::SeatKeys::read(&keys.public(&seat, &ambient).unwrap(), &duty())];
        let seats = seats.into_iter().map(|keys| keys.unwrap().entry("duty-1")).collect();
        let contact = "fr/cert-fr".to_owned();
        let roster = proto::Roster { contact, seats, ..proto::Roster::default() };
        let directory = world.log.directory.clone();
        let mut composer = Composer::on(&directory, &ambient);
        let statements = vec![
            composer.admission(admission).unwrap(),
            composer.record(record, &[telephone()]).unwrap(),
            composer.roster(roster, &[]).unwrap(),
        ];
        let mut drafted = Drafted::of(statements, world.copy(&world.alice));
        for office in [&world.alice, &world.bob, &world.fr] {
            let signing = office.signing(&drafted).unwrap();
            office.sign(&mut drafted, &signing).unwrap();
        }
        world.log_all(&drafted);
        world
    }

    /// Of fr: authority, keeper, seat.
    pub(crate) fn owners(&self) -> [Owner; 3] {
        let contact = duty().contact();
        [Owner::Authority(contact.member()), Owner::Keeper(contact), Owner::Seat(duty())]
    }

    fn homes(&self) -> [&Office; 3] {
        [&self.alice, &self.bob, &self.fr]
    }

    /// What is drafted goes into the log as far as the rules admit it, and every home hears of it.
    pub(crate) fn log_all(&mut self, drafted: &Drafted) {
        let bundle = Bundle::read(&drafted.write()).unwrap();
        for publication in bundle.to_wire().publications {
            self.log.add(&publication.statement).unwrap();
            self.facets.extend(publication.facets);
        }
        self.sync();
    }

    fn sync(&self) {
        self.homes().into_iter().for_each(|office| self.sync_home(office));
    }

    pub(crate) fn sync_home(&self, office: &Office) {
        let mut replica = Replica::open(&office.home, &name()).unwrap();
        let have = usize::try_from(replica.entries()).unwrap();
        replica.append(&self.log.entries[have..]).unwrap();
        replica.confirm(&self.log.checkpoint(), NOW).unwrap();
        let facets = self.facets.iter().cloned().map(|facet| convert::facet(facet).unwrap());
        replica.keep_facets(facets.collect()).unwrap();
    }

    pub(crate) fn copy(&self, office: &Office) -> Replica {
        office.replica().unwrap()
    }

    /// A record of this contact that is being drafted in a home.
    pub(crate) fn drafting(&self, office: &Office, contact: &str) -> Drafting {
        Drafting { contact: contact.parse().unwrap(), copy: self.copy(office) }
    }

    pub(crate) fn rostering(&self) -> Rostering {
        Rostering::on(self.copy(&self.fr), duty().contact()).unwrap()
    }

    pub(crate) fn at_hand(&self, office: &Office) -> AtHand {
        AtHand { copy: self.copy(office), behind: None }
    }

    /// Signs with all that a home has.
    pub(crate) fn signed(&self, office: &Office, drafted: &mut Drafted) -> Vec<Owner> {
        let signing = office.signing(drafted).unwrap();
        office.sign(drafted, &signing).unwrap()
    }

    /// One more registrar signs, who has no home here.
    pub(crate) fn carol_signs(drafted: &mut Drafted, office: &Office) -> usize {
        drafted.add(&[&key(3)], office).unwrap()
    }
}

/// The payload of the one statement that is drafted.
pub(crate) fn payload<M: prost::Message + Default>(drafted: &Drafted) -> M {
    let [publication] = drafted.bundle.publications() else { panic!("one statement") };
    M::decode(publication.envelope().payload().clone()).unwrap()
}
