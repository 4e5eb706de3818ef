//! Every rotation of the table (design 4) under load: no call fails but as a client mends by itself, what was
//! accepted comes once and opens, and the old key is refused afterwards (guarantee G9).

mod load;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use liaison::domain::ids::{ContactId, SeatId};
use liaison::domain::refusal::OwnKey;
use liaison::domain::relay::share::Grants;
use liaison::signed::proto::{self, Use};
use liaison::store::Engine;
use liaison::wire::v1::admin_service_client::AdminServiceClient;
use liaison::wire::v1::{GetCheckpointRequest, GetStandingRequest};
use tonic::transport::Channel;

use crate::crash::Random;
use crate::rotation::{is_signed, listed, lists, signed_by};
use crate::support::says::{self, Said, Says, proven};
use crate::support::{NAME, Replica, TestNet, Trust, dates, home, identity, refusal};

use load::{Load, Running};

/// What is rotated: a row of the table.
#[derive(Clone, Debug)]
enum Rotation {
    /// The service's own, in two charters: beside the old one, and alone.
    Own(OwnKey),
    /// Both keys of a person of the charter.
    Person(&'static str, &'static str),
    /// Of a contact.
    Keeper(ContactId),
    /// Of a seat: these.
    Seat(SeatId, Vec<&'static str>),
}

const PERSONS: [(&str, &str); 3] =
    [("registrar", "alice"), ("operator", "dave"), ("auditor", "erin")];

/// A service, and the load on it.
struct Rotating {
    net: Arc<TestNet>,
    load: Arc<Load>,
    begun: Instant,
}

impl Rotating {
    /// So many members with so many seats that send, and so many contacts of two seats that follow.
    async fn new(engine: Engine, (members, seats): (usize, usize), receivers: usize) -> Self {
        let (begun, mut open) = (Instant::now(), home(engine));
        open.grants = Grants { messages: 1 << 20, bytes: 1 << 40, seconds: 0, ..open.grants };
        let store = open.found().await;
        let net = TestNet::serve(open, store, Trust::new(dates())).await;
        let (mut sending, mut receiving) = (Vec::new(), Vec::new());
        for n in 0..members {
            sending.push(net.party(&format!("s{n}"), seats).await);
        }
        for n in 0..receivers {
            receiving.push(net.party(&format!("r{n}"), 2).await);
        }
        Self { net: Arc::new(net), load: Arc::new(Load::new(sending, receiving)), begun }
    }

    async fn start(&self) -> Running {
        self.load.start(&self.net).await
    }

    /// Stopped, and started on what it stored.
    async fn again(self) -> Self {
        let net = Arc::into_inner(self.net).expect("the load has ended");
        let open = net.stop().await.0;
        let store = open.place().open(NAME).await.unwrap();
        let net = TestNet::serve(open, store, Trust::new(dates())).await;
        Self { net: Arc::new(net), ..self }
    }

    fn now(&self, whose: &str) -> String {
        self.load.keys.lock().unwrap().now(whose)
    }

    fn fresh(&self, whose: &str) -> String {
        self.load.keys.lock().unwrap().fresh(whose)
    }

    fn speaks(&self, whose: &str, name: String) {
        self.load.keys.lock().unwrap().speaks(whose, name);
    }

    /// Why a statement is refused.
    async fn refused(&self, said: impl Into<Said>) -> String {
        self.net.stranger().await.enrol(said.into()).await.unwrap().unwrap_err()
    }

    /// The charter in force again, as its next version, signed by who is registrar now.
    fn charter(&self) -> Says<proto::Charter> {
        says::charter(&self.net.replica()).signed_by(&[&self.now("alice")])
    }

    /// Rotates, sees the load go on, and the old key refused.
    async fn rotate(&self, rotation: &Rotation, running: &mut Running) {
        match rotation {
            Rotation::Own(of) => self.own(*of, running).await,
            Rotation::Person(role, id) => self.person(role, id).await,
            Rotation::Keeper(contact) => self.keeper(contact).await,
            Rotation::Seat(seat, keys) => self.seat(seat, keys).await,
        }
        running.round().await;
        let after = self.begun.elapsed().as_secs();
        let _ = writeln!(std::io::stderr(), "{rotation:?}, done after {after} s");
    }

    async fn own(&self, of: OwnKey, running: &mut Running) {
        let [old] = &listed(&self.net, of)[..] else { panic!("one key") };
        let (old, id) = (old.clone(), key_of(old).id());
        let new = self.net.service.stage_key(of).await.unwrap().listed.unwrap();
        for keys in [vec![old.clone(), new.clone()], vec![new.clone()]] {
            let charter = self.charter().with(|charter| lists(charter, of, keys));
            self.net.say(charter).await;
            running.round().await;
            // Of what is signed from now on nothing is signed by the old one.
            let (from, to) = (&self.load.senders[0].seats[0], &self.load.receivers[0].contact);
            let tls = self.load.listed(&self.net.replica().directory, from, "tls");
            let mut line = (self.net.client(&tls).await, tls);
            let receipt = self.load.send(&self.net, &mut line, (from, to)).await;
            let shown = line.0.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
            let shown = shown.into_inner().checkpoint;
            let log = &listed(&self.net, OwnKey::Log);
            assert!(is_signed(&shown, log.last().unwrap()));
            match of {
                OwnKey::Log => assert!(!is_signed(&shown, &old)),
                _ => assert_eq!(signed_by(&receipt), key_of(&new).id()),
            }
        }
        self.net.service.retire_key(id).await.unwrap();
        let back = self.charter().with(|charter| lists(charter, of, vec![old, new]));
        assert_eq!(self.refused(back).await, "KEY_REUSED");
    }

    async fn person(&self, role: &'static str, id: &str) {
        let whose = [id.to_owned(), format!("{id} tls")];
        let (old, new) =
            (whose.clone().map(|of| self.now(&of)), whose.clone().map(|of| self.fresh(&of)));
        let mut before = self.standing(&old[1]).await.unwrap();
        let holder = format!("{role}/{id}");
        let mut charter = self.charter();
        let persons = match role {
            "registrar" => &mut charter.payload.registrars,
            "operator" => &mut charter.payload.operators,
            _ => &mut charter.payload.auditors,
        };
        persons[0].sign = Some(proven(&new[0], &holder, Use::Sign));
        persons[0].tls = Some(proven(&new[1], &holder, Use::Tls));
        if role == "registrar" {
            // The old quorum and the new one: neither alone.
            assert_eq!(self.refused(charter.clone()).await, "NOT_ENTITLED");
            charter.signers = vec![new[0].clone()];
            assert_eq!(self.refused(charter.clone()).await, "NOT_ENTITLED");
            charter.signers = vec![old[0].clone(), new[0].clone()];
        }
        self.net.say(charter).await;
        for (whose, name) in whose.into_iter().zip(&new) {
            self.speaks(&whose, name.clone());
        }
        let refused = before.get_standing(GetStandingRequest {}).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "NOT_PERMITTED");
        assert_eq!(self.standing(&old[1]).await.unwrap_err(), "NOT_PERMITTED");
        self.standing(&new[1]).await.unwrap();
        let mut alone = says::charter(&self.net.replica());
        alone.signers = vec![old[0].clone()];
        assert_eq!(self.refused(alone).await, "KEY_NOT_IN_FORCE");
    }

    /// What the administration says to this key.
    async fn standing(&self, tls: &str) -> Result<AdminServiceClient<Channel>, String> {
        let connection = self.net.administer(Some(identity(tls, dates()))).await.unwrap();
        let mut desk = AdminServiceClient::new(connection.channel());
        let answer = desk.get_standing(GetStandingRequest {}).await;
        answer.map_err(|status| refusal(&status).1)?;
        Ok(desk)
    }

    async fn keeper(&self, contact: &ContactId) {
        let whose = format!("{contact} keeper");
        let (old, new) = (self.now(&whose), self.fresh(&whose));
        let keeper = Some(proven(&new, contact.as_str(), Use::Keeper));
        let record = says::record(&self.net.replica(), contact.as_str());
        self.net.say(record.with(|record| record.keeper = keeper)).await;
        self.speaks(&whose, new);
        let roster = self.roster(contact);
        let before = roster.clone().signed_by(&[&old]);
        assert_eq!(self.refused(before).await, "KEY_NOT_IN_FORCE");
        self.net.say(roster).await;
    }

    /// The roster in force again, as its next version, signed by who is keeper now.
    fn roster(&self, contact: &ContactId) -> Says<proto::Roster> {
        let replica = self.net.replica();
        let before = replica.directory.contact(contact).unwrap().roster.as_ref().unwrap();
        let before = <proto::Roster as prost::Message>::decode(before.payload.clone()).unwrap();
        let roster = says::roster(&replica, contact.as_str(), 0);
        let keeper = self.now(&format!("{contact} keeper"));
        roster.with(|roster| roster.seats = before.seats).signed_by(&[&keeper])
    }

    async fn seat(&self, seat: &SeatId, keys: &[&'static str]) {
        let (net, contact) = (&self.net, seat.contact());
        let directory = net.replica().directory;
        let old = |what| self.load.listed(&directory, seat, what);
        let mut before = net.client(&old("tls")).await;
        let peer = &self.load.receivers.iter().find(|of| of.contact != contact).unwrap().contact;
        let (sealed, _) = self.load.sealed(net, seat, peer).await;
        let roster = self.roster(&contact).with(|roster| {
            let of = roster.seats.iter_mut().find(|of| of.name == seat.name()).unwrap();
            for what in keys {
                let name = self.fresh(&format!("{seat} {what}"));
                match *what {
                    "sign" => of.sign = Some(proven(&name, seat.as_str(), Use::Sign)),
                    "tls" => of.tls = Some(proven(&name, seat.as_str(), Use::Tls)),
                    _ => of.seal = Some(says::sealing(&name)),
                }
            }
        });
        net.say(roster).await;
        let reason = if keys.contains(&"sign") { "KEY_NOT_IN_FORCE" } else { "STALE_DIRECTORY" };
        let all = self.load.senders.iter().chain(&self.load.receivers);
        let mut own = all.flat_map(|party| &party.seats).filter(|of| of.contact() == contact);
        let colleague = own.find(|of| *of != seat).unwrap();
        let tls = self.load.listed(&net.replica().directory, colleague, "tls");
        // A colleague hands it in, whose keys have not changed.
        let refused = net.client(&tls).await.submit(sealed.envelope).await.unwrap_err();
        assert_eq!(refusal(&refused).1, reason, "{seat} {keys:?}");
        let again = &mut net.client(&old("tls")).await;
        for client in [&mut before, again] {
            let answer = client.directory.get_checkpoint(GetCheckpointRequest {}).await;
            let refused = answer.err().map(|status| refusal(&status).1);
            let expected = keys.contains(&"tls").then(|| "NOT_PERMITTED".to_owned());
            assert_eq!(refused, expected, "{seat} {keys:?}");
        }
    }

    /// What must be true in the end, and what it took.
    async fn judge(&self, what: &str) {
        let tls =
            self.load.listed(&self.net.replica().directory, &self.load.senders[0].seats[0], "tls");
        let replica = Replica::fold(&mut self.net.client(&tls).await).await;
        self.load.judge(&replica);
        let mut said = format!("{what}: {} messages accepted", self.load.sent());
        for (reason, count) in &*self.load.mended.lock().unwrap() {
            write!(said, ", {count} times {reason}").unwrap();
        }
        let _ = writeln!(std::io::stderr(), "{said}; {} s", self.begun.elapsed().as_secs());
    }
}

fn key_of(listed: &proto::PublicKey) -> liaison::crypto::sign::VerifyingKey {
    liaison::crypto::sign::VerifyingKey::from_spki(&listed.key).unwrap()
}

/// Each row of the table once, while 64 seats send and eight follow.
#[tokio::test(flavor = "multi_thread")]
async fn every_rotation_under_64_senders_loses_nothing_and_ends_the_old_key() {
    let rotating = Rotating::new(Engine::Memory, (16, 4), 4).await;
    let (sender, receiver) = (&rotating.load.senders[0], &rotating.load.receivers[0]);
    let mut table = vec![Rotation::Own(OwnKey::Log), Rotation::Own(OwnKey::Relay)];
    table.extend(PERSONS.map(|(role, id)| Rotation::Person(role, id)));
    table.push(Rotation::Keeper(sender.contact.clone()));
    table.push(Rotation::Seat(sender.seats[1].clone(), vec!["sign", "seal", "tls"]));
    for key in ["sign", "seal", "tls"] {
        table.push(Rotation::Seat(receiver.seats[1].clone(), vec![key]));
    }
    let mut running = rotating.start().await;
    for rotation in &table {
        rotating.rotate(rotation, &mut running).await;
    }
    running.end().await;
    rotating.judge("every rotation once").await;
}

/// `cargo nextest run --run-ignored only --no-capture -E 'test(a_hundred_rotations)'`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "long"]
async fn a_hundred_rotations_in_a_row_lose_nothing_whenever_it_starts_again() {
    let (seed, mut random) = Random::seeded();
    writeln!(std::io::stderr(), "LIAISON_SEED={seed}").unwrap();
    let mut rotating = Rotating::new(Engine::Redb, (2, 4), 2).await;
    let mut running = rotating.start().await;
    for _ in 0..100 {
        let rotation = any(&rotating.load, &mut random);
        rotating.rotate(&rotation, &mut running).await;
        if random.below(2) == 0 {
            running.end().await;
            rotating = rotating.again().await;
            running = rotating.start().await;
            running.round().await;
        }
    }
    running.end().await;
    rotating.judge("a hundred rotations").await;
}

/// One of them all.
fn any(load: &Load, random: &mut Random) -> Rotation {
    let mut below = |end: usize| random.below(end as u64) as usize;
    let all: Vec<_> = load.senders.iter().chain(&load.receivers).collect();
    let party = all[below(all.len())];
    match below(8) {
        0 => Rotation::Own(OwnKey::Log),
        1 => Rotation::Own(OwnKey::Relay),
        2 => PERSONS.map(|(role, id)| Rotation::Person(role, id))[below(3)].clone(),
        3 => Rotation::Keeper(party.contact.clone()),
        _ => {
            let keys = 1 + below(7);
            let chosen = ["sign", "seal", "tls"].into_iter().enumerate();
            let chosen = chosen.filter(|(bit, _)| keys >> bit & 1 == 1).map(|(_, key)| key);
            Rotation::Seat(party.seats[below(party.seats.len())].clone(), chosen.collect())
        }
    }
}
