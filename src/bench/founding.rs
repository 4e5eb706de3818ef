//! Who stands behind the directory that is measured, and the members that are measured in it.
//!
//! In scope: the charter's keys, from a seed; statements with the proofs that they need. Out of
//! scope: in which order they come (`grown`, `net`). Invariant: the same seed and time give the same
//! founders.

use anyhow::Context as _;
use bytes::Bytes;

use crate::ambient::Ambient;
use crate::client::armour;
use crate::client::keys::{self, Owner, prove, read_public};
use crate::crypto::cert::ServiceName;
use crate::crypto::hash::Digest;
use crate::crypto::issue::{self, Authority, Validity};
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::SigningKey;
use crate::domain::directory::Statement;
use crate::domain::directory::key::listed_sealing;
use crate::domain::ids::{ContactId, MemberId, SeatId};
use crate::domain::network::Network;
use crate::service::Keys;
use crate::service::door::Caller;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Custody, Level, MemberKind, Target, Text, Use};
use crate::tls::Identity;

/// The directory of the demonstration.
pub(super) const NAME: &str = "demo.example";

/// One contact with the keys of its first seat.
pub(super) struct Party {
    pub(super) contact: ContactId,
    pub(super) seat: SeatId,
    pub(super) sign: SigningKey,
    pub(super) tls: SigningKey,
    pub(super) certificate: Vec<u8>,
}

/// A day, in seconds.
pub(super) const DAY: u64 = 86_400;

/// What all keys of a directory come from that is not only for once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(pub(super) u64);

impl Seed {
    /// 32 bytes for this purpose, always the same.
    pub(super) fn of(self, what: &str) -> [u8; 32] {
        let parts = [b"liaison/bench/v1\0", &self.0.to_be_bytes()[..], what.as_bytes()];
        *Digest::of_parts(&parts).as_bytes()
    }

    /// A key with this name.
    pub(super) fn key(self, name: &str) -> SigningKey {
        SigningKey::from_seed(&self.of(name))
    }
}

/// The keys of a seat.
pub(super) struct SeatKeys {
    pub(super) sign: SigningKey,
    pub(super) tls: SigningKey,
    pub(super) seal: OpeningKey,
}

/// Admission, record, roster: in this order, for each depends on the one before.
pub(super) const STEPS: usize = 3;

/// A member before its statements are logged.
pub(super) struct Draft {
    pub(super) party: Party,
    pub(super) statements: [Envelope; STEPS],
}

/// The keys behind the charter.
pub(super) struct Founding {
    pub(super) ambient: Ambient,
    pub(super) seed: Seed,
    pub(super) registrar_tls: SigningKey,
    pub(super) certificate: Vec<u8>,
    log: SigningKey,
    relay: SigningKey,
    registrar: SigningKey,
    service_ca: SigningKey,
    validity: Validity,
}

impl Founding {
    /// The founders of a directory that began then.
    pub(super) fn new(seed: Seed, began: u64, ambient: Ambient) -> anyhow::Result<Self> {
        let not_before = began.saturating_sub(DAY);
        let serial = std::array::from_fn(|at| seed.of("serial")[at]);
        let validity = Validity { not_before, not_after: ambient.now() + DAY, serial };
        let service_ca = seed.key("service ca");
        let certificate = issue::service_ca(&service_ca, NAME, &[], validity, ambient.random())?;
        Ok(Self {
            log: seed.key("log"),
            relay: seed.key("relay"),
            registrar: seed.key("registrar/alice sign"),
            registrar_tls: seed.key("registrar/alice tls"),
            service_ca,
            certificate,
            validity,
            ambient,
            seed,
        })
    }

    /// The service's own keys.
    pub(super) fn keys(&self) -> anyhow::Result<Keys> {
        let again = |key: &SigningKey| SigningKey::from_pkcs8(key.pkcs8(), self.ambient.random());
        let (log, relay) = (again(&self.log)?, again(&self.relay)?);
        Ok(Keys::in_memory(log, relay, self.ambient.clone()))
    }

    /// The target of a statement in the directory of that genesis.
    pub(super) fn target(genesis: Digest, version: u64) -> Vec<Target> {
        let genesis = Bytes::copy_from_slice(genesis.as_bytes());
        vec![Target { name: NAME.to_owned(), genesis, version }]
    }

    /// A charter that Alice alone may sign; targets and predecessor are those of entry 0.
    pub(super) fn charter(&self, issued_at: u64) -> anyhow::Result<proto::Charter> {
        let service = |what: &str| format!("{what}/{NAME}");
        let registrar = self.person("alice", &self.registrar, &self.registrar_tls)?;
        Ok(proto::Charter {
            targets: vec![Target { name: NAME.to_owned(), version: 1, ..Target::default() }],
            issued_at,
            rules: 1,
            registrars: vec![registrar],
            threshold: 1,
            log: vec![self.proven(&self.log, &service("log"), Use::Log)?],
            relay: vec![self.proven(&self.relay, &service("relay"), Use::Relay)?],
            service_ca: vec![self.certificate.clone().into()],
            policy: Vec::new(),
            ..proto::Charter::default()
        })
    }

    /// A registrar as a charter lists it.
    pub(super) fn person(
        &self,
        id: &str,
        sign: &SigningKey,
        tls: &SigningKey,
    ) -> anyhow::Result<proto::Person> {
        let holder = format!("registrar/{id}");
        Ok(proto::Person {
            id: id.to_owned(),
            name: id.to_owned(),
            sign: Some(self.proven(sign, &holder, Use::Sign)?),
            tls: Some(self.proven(tls, &holder, Use::Tls)?),
        })
    }

    /// An admission of a State with this authority.
    pub(super) fn admission(
        &self,
        targets: Vec<Target>,
        issued_at: u64,
        member: &MemberId,
        authority: &SigningKey,
    ) -> anyhow::Result<Statement> {
        Ok(Statement::Admission(proto::Admission {
            targets,
            issued_at,
            member: member.to_string(),
            kind: MemberKind::UnMember.into(),
            names: vec![english(format!("State {member}"))],
            authority: vec![self.proven(authority, member.as_str(), Use::Authority)?],
            threshold: 1,
            note: None,
        }))
    }

    /// A record, for a year. Without a keeper the authority signs the rosters.
    pub(super) fn record(
        &self,
        targets: Vec<Target>,
        issued_at: u64,
        contact: &ContactId,
        keeper: Option<&SigningKey>,
    ) -> anyhow::Result<Statement> {
        let proven = |key| self.proven(key, contact.as_str(), Use::Keeper);
        Ok(Statement::Record(proto::Record {
            targets,
            issued_at,
            contact: contact.to_string(),
            expires: issued_at + 365 * DAY,
            levels: vec![Level::Technical.into()],
            purposes: vec![proto::Purpose::IncidentNotification.into()],
            names: vec![english(format!("Team {contact}"))],
            keeper: keeper.map(proven).transpose()?,
            custody: Custody::Separate.into(),
            ..proto::Record::default()
        }))
    }

    /// Seats as a roster lists them.
    pub(super) fn seats(
        &self,
        contact: &ContactId,
        seats: &[SeatKeys],
    ) -> anyhow::Result<Vec<proto::Seat>> {
        (1..).zip(seats).map(|(number, keys)| self.seat(contact, number, keys)).collect()
    }

    fn seat(
        &self,
        contact: &ContactId,
        number: u32,
        keys: &SeatKeys,
    ) -> anyhow::Result<proto::Seat> {
        let holder = seat_of(contact, number)?;
        Ok(proto::Seat {
            name: holder.name().to_owned(),
            sign: Some(self.proven(&keys.sign, holder.as_str(), Use::Sign)?),
            seal: Some(listed_sealing(keys.seal.public().as_bytes())),
            tls: Some(self.proven(&keys.tls, holder.as_str(), Use::Tls)?),
        })
    }

    fn proven(
        &self,
        key: &SigningKey,
        holder: &str,
        usage: Use,
    ) -> anyhow::Result<proto::PublicKey> {
        Ok(prove(key, holder, usage, &self.ambient)?)
    }

    /// Signed by Alice.
    pub(super) fn registered(&self, statement: &Statement) -> anyhow::Result<Envelope> {
        self.signed(statement, &self.registrar)
    }

    /// Signed by this key.
    pub(super) fn signed(
        &self,
        statement: &Statement,
        key: &SigningKey,
    ) -> anyhow::Result<Envelope> {
        Envelope::sign(statement.kind(), statement.encode(), &[key], self.ambient.random())
            .ok()
            .context("the system's source of randomness failed")
    }

    /// A member with an authority, its one contact, and a roster of so many seats; none of its keys
    /// comes from the seed.
    pub(super) fn member(
        &self,
        genesis: Digest,
        member: &str,
        seats: u32,
    ) -> anyhow::Result<Draft> {
        let (member, now): (MemberId, u64) = (member.parse()?, self.ambient.now());
        let (contact, targets) = (ContactId::new(&member, "cert")?, Self::target(genesis, 1));
        let fresh = || SigningKey::from_seed(&self.ambient.bytes());
        let authority = fresh();
        let seats: Vec<SeatKeys> = (0..seats)
            .map(|_| SeatKeys {
                sign: fresh(),
                tls: fresh(),
                seal: OpeningKey::from_seed(&self.ambient.bytes()),
            })
            .collect();
        let listed = self.seats(&contact, &seats)?;
        let statements = self.member_of(targets, now, &contact, &authority, listed)?;
        let SeatKeys { sign, tls, .. } = seats.into_iter().next().context("a seat")?;
        let certificate = issue::self_signed_client(&tls, self.validity, self.ambient.random())?;
        let seat = seat_of(&contact, 1)?;
        Ok(Draft { party: Party { contact, seat, sign, tls, certificate }, statements })
    }

    /// What admits a member with one contact and one seat, whose keys are made in a home.
    pub(super) fn newcomer(
        &self,
        genesis: Digest,
        contact: &ContactId,
        authority: &SigningKey,
        keys: &keys::Keys,
        seat: &Owner,
    ) -> anyhow::Result<[Envelope; STEPS]> {
        let (now, targets) = (self.ambient.now(), Self::target(genesis, 1));
        keys.create(seat, &self.ambient)?;
        let public = read_public(armour::Kind::Seat, &keys.public(seat, &self.ambient)?)?;
        let seat = proto::Seat {
            name: seat_of(contact, 1)?.name().to_owned(),
            sign: public.sign.first().cloned(),
            seal: public.seal,
            tls: public.tls,
        };
        self.member_of(targets, now, contact, authority, vec![seat])
    }

    /// Admission, record without a keeper, roster.
    fn member_of(
        &self,
        targets: Vec<Target>,
        now: u64,
        contact: &ContactId,
        authority: &SigningKey,
        seats: Vec<proto::Seat>,
    ) -> anyhow::Result<[Envelope; STEPS]> {
        let admission = self.admission(targets.clone(), now, &contact.member(), authority)?;
        let record = self.record(targets.clone(), now, contact, None)?;
        Ok([
            self.registered(&admission)?,
            self.signed(&record, authority)?,
            self.signed(&roster(targets, now, contact, seats), authority)?,
        ])
    }

    /// The certificate of a node on loopback.
    pub(super) fn node(&self) -> anyhow::Result<Identity> {
        let key = SigningKey::from_seed(&self.ambient.bytes());
        let certificate = issue::node_certificate(
            Authority { certificate: &self.certificate, key: &self.service_ca },
            key.public(),
            &ServiceName::new(NAME, "a")?,
            &["127.0.0.1"],
            self.validity,
            self.ambient.random(),
        )?;
        Ok(Identity::new(&[certificate], &key)?)
    }
}

/// The seat of this number, from 1.
pub(super) fn seat_of(contact: &ContactId, number: u32) -> anyhow::Result<SeatId> {
    Ok(SeatId::new(contact, &format!("duty-{number}"))?)
}

/// A roster of these seats.
pub(super) fn roster(
    targets: Vec<Target>,
    issued_at: u64,
    contact: &ContactId,
    seats: Vec<proto::Seat>,
) -> Statement {
    let (contact, facets) = (contact.to_string(), Vec::new());
    Statement::Roster(proto::Roster { targets, issued_at, contact, seats, facets })
}

fn english(text: String) -> Text {
    Text { language: "en".to_owned(), text }
}

/// The registrar of the founding, in this process.
pub(super) fn registrar(founding: &Founding) -> Caller {
    let here = Network::of(std::net::Ipv4Addr::LOCALHOST.into());
    Caller::here(founding.registrar_tls.public().id(), here)
}
