//! Every rotation under load, each decided by two people at the administration's port:
//! no call fails but as a client mends by itself, what was accepted comes once and opens, and the old key is
//! refused afterwards (guarantee G9).

mod load;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use liaison::client::address::Address;
use liaison::client::administration;
use liaison::client::files;
use liaison::crypto::cert::is_issued_by;
use liaison::crypto::sign::KeyId;
use liaison::domain::administration::proposal::Act;
use liaison::domain::ids::{ContactId, SeatId};
use liaison::domain::refusal::OwnKey;
use liaison::domain::relay::share::Grants;
use liaison::operate;
use liaison::operate::config::ServiceHome;
use liaison::signed::dsse::Kind;
use liaison::signed::proto::{self, Use};
use liaison::store::Engine;
use liaison::wire::convert;
use liaison::wire::v1::carry_out_response::Done;
use liaison::wire::v1::{GetCheckpointRequest, StageServiceKeyRequest, StageServiceKeyResponse};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::administration::{Desk, with_two_of_each};
use crate::crash::Random;
use crate::rotation::{is_signed, listed, lists, signed_by};
use crate::support::says::{self, Said, Says, proven};
use crate::support::{
    Client, NAME, Office, Open, Replica, TestNet, Trust, dates, home, identity, key, pem, refusal,
    soon,
};

use load::{Load, Running};

/// What is rotated: a row of the table.
#[derive(Clone, Debug)]
enum Rotation {
    /// The service's own, in two charters: beside the old one, and alone.
    Own(OwnKey),
    /// The node's certificate, with its key.
    Node,
    /// Both keys of a person of the charter.
    Person(&'static str, &'static str),
    /// Of a contact.
    Keeper(ContactId),
    /// Of a seat: these.
    Seat(SeatId, Vec<&'static str>),
}

const PERSONS: [(&str, &str); 3] =
    [("registrar", "alice"), ("operator", "dave"), ("auditor", "erin")];

/// A service, the load on it, and somebody who knows no more of it than what its log says.
struct Rotating {
    net: Arc<TestNet>,
    load: Arc<Load>,
    reader: Office,
    begun: Instant,
}

/// Where the service keeps its keys, which are those that everybody here knows by name.
fn node_of(open: &Open) -> ServiceHome {
    let home = ServiceHome::at(&open.home.path().join("service"));
    if home.config_file().exists() {
        return home;
    }
    let trust = Trust::new(dates());
    let certified = |key: &[u8], der: &[u8]| pem("PRIVATE KEY", key) + &pem("CERTIFICATE", der);
    files::private_folder(&home.key("")).unwrap();
    for (name, text) in [
        ("log.pem", pem("PRIVATE KEY", key("log").pkcs8())),
        ("relay.pem", pem("PRIVATE KEY", key("relay").pkcs8())),
        ("service-ca.pem", certified(key("ca").pkcs8(), &trust.ca)),
        ("node.pem", certified(trust.key.pkcs8(), &trust.certificate)),
    ] {
        files::create_private(&home.key(name), text.as_bytes()).unwrap();
    }
    let config = format!(
        "format = 2\nname = \"{NAME}\"\nlisten = \"127.0.0.1:0\"\nengine = \"redb\"\n\
         addresses = [\"localhost:443\"]\nhigh_water = \"high-water\"\n"
    );
    std::fs::write(home.config_file(), config).unwrap();
    home
}

impl Rotating {
    /// So many members with so many seats that send, and so many contacts of two seats that follow.
    async fn new(engine: Engine, (members, seats): (usize, usize), receivers: usize) -> Self {
        let (begun, mut open) = (Instant::now(), home(engine));
        open.grants = Grants { messages: 1 << 20, bytes: 1 << 40, seconds: 0, ..open.grants };
        let node = node_of(&open);
        open.keys = operate::signing(&node, &open.ambient).unwrap();
        let store = open.found().await;
        let net = TestNet::with_node(open, store, &node).await;
        let (mut sending, mut receiving) = (Vec::new(), Vec::new());
        for n in 0..members {
            sending.push(net.party(&format!("s{n}"), seats).await);
        }
        for n in 0..receivers {
            receiving.push(net.party(&format!("r{n}"), 2).await);
        }
        let (load, reader) = (Load::new(sending, receiving), Office::new(&net, "reader").await);
        let net = with_two_of_each(net).await;
        Self { net: Arc::new(net), load: Arc::new(load), reader, begun }
    }

    async fn start(&self) -> Running {
        self.load.start(&self.net).await
    }

    /// Stopped, and started on what it stored.
    async fn again(self) -> Self {
        let net = Arc::into_inner(self.net).expect("the load has ended");
        let open = net.stop().await.0;
        let (store, node) = (open.place().open(NAME).await.unwrap(), node_of(&open));
        let net = TestNet::with_node(open, store, &node).await;
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
        says::charter(&self.net.replica()).signed_by(&[&self.now("alice"), "bob"])
    }

    async fn desk(&self, person: &str) -> Desk {
        Desk::with(&self.net, &self.now(&format!("{person} tls"))).await
    }

    /// Proposed by the one with his signature, approved by the other with these, and carried out.
    async fn decided(&self, (one, other): (&str, &str), proposed: Bytes, by: &[&str]) -> Done {
        let (id, _) = self.desk(one).await.propose(proposed.clone()).await.unwrap();
        let mut other = self.desk(other).await;
        other.approve(&id, by, &proposed).await.unwrap();
        other.carry_out(&id).await.unwrap()
    }

    /// A charter that both registrars sign.
    async fn decide(&self, charter: Says<proto::Charter>) {
        let proposed = charter.signed_by(&[&self.now("alice")]).bytes();
        self.decided(("alice", "bob"), proposed, &["bob"]).await;
    }

    /// An act that both operators approve.
    async fn act(&self, act: &Act) {
        let draft =
            administration::draft(&self.net.replica().directory, act, &self.net.open.ambient);
        let proposed = says::sign(Kind::Approval, draft.payload().to_vec(), &[self.now("dave")]);
        let done = self.decided(("dave", "fred"), proposed, &["fred"]).await;
        assert!(matches!(done, Done::Act(_)), "{act}: {done:?}");
    }

    async fn stage(&self, of: OwnKey) -> StageServiceKeyResponse {
        let request = StageServiceKeyRequest { r#use: convert::service_key_use(of).into() };
        self.desk("dave").await.0.stage_service_key(request).await.unwrap().into_inner()
    }

    /// Rotates, sees the load go on, and the old key refused.
    async fn rotate(&self, rotation: &Rotation, running: &mut Running) {
        let (begun, sent) = (Instant::now(), self.load.sent());
        match rotation {
            Rotation::Own(OwnKey::Authority) => self.authority().await,
            Rotation::Own(of) => self.own(*of).await,
            Rotation::Node => drop(self.node().await),
            Rotation::Person(role, id) => self.person(role, id).await,
            Rotation::Keeper(contact) => self.keeper(contact).await,
            Rotation::Seat(seat, keys) => self.seat(seat, keys).await,
        }
        running.round().await;
        let (sent, took) = (self.load.sent() - sent, begun.elapsed().as_secs_f32());
        let _ = writeln!(std::io::stderr(), "{rotation:?}: {sent} messages meanwhile, {took:.1} s");
    }

    async fn own(&self, of: OwnKey) {
        let [old] = &listed(&self.net, of)[..] else { panic!("one key") };
        let (old, id) = (old.clone(), key_of(old).id());
        let new = self.stage(of).await.listed.unwrap();
        for keys in [vec![old.clone(), new.clone()], vec![new.clone()]] {
            self.decide(self.charter().with(|charter| lists(charter, of, keys))).await;
            // Of what is signed from now on nothing is signed by the old one.
            let (from, to) = (&self.load.senders[0].seats[0], &self.load.receivers[0].contact);
            let (mut client, _) = self.shown().await;
            let (sealed, _) = self.load.sealed(&self.net, from, to).await;
            let receipt = client.submit(sealed.envelope.clone()).await.unwrap();
            self.load.accepted(to, &sealed, &receipt);
            let shown = client.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
            let shown = shown.into_inner().checkpoint;
            let log = &listed(&self.net, OwnKey::Log);
            assert!(is_signed(&shown, log.last().unwrap()));
            match of {
                OwnKey::Log => assert!(!is_signed(&shown, &old)),
                _ => assert_eq!(signed_by(&receipt), key_of(&new).id()),
            }
        }
        self.act(&Act::RetireKey(id)).await;
        let back = self.charter().with(|charter| lists(charter, of, vec![old, new]));
        assert_eq!(self.refused(back).await, "KEY_REUSED");
    }

    /// A connection with its key, and what the node showed on it.
    async fn shown(&self) -> (Client, Vec<u8>) {
        let from = &self.load.senders[0].seats[0];
        let tls = self.load.listed(&self.net.replica().directory, from, "tls");
        let connection = self.net.connect(Some(identity(&tls, dates()))).await.unwrap();
        (Client::over(&connection), connection.certificate())
    }

    /// Whoever comes is shown the new certificate, and whoever is there stays. Gives the new one.
    async fn node(&self) -> Vec<u8> {
        let (mut stays, before) = self.shown().await;
        self.act(&Act::RenewNode).await;
        let (_, after) = self.shown().await;
        assert!(before != after, "the old certificate is shown");
        stays.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
        after
    }

    async fn authority(&self) {
        let listed = self.net.replica().directory.charter().service_ca.clone();
        let [old] = &listed[..] else { panic!("one authority") };
        let new = self.stage(OwnKey::Authority).await.certificate;
        let lists = |mut authorities: Vec<Bytes>| {
            authorities.sort();
            self.charter().with(|charter| charter.service_ca = authorities)
        };
        self.decide(lists(vec![old.clone(), new.clone()])).await;
        let (_, issued) = self.shown().await;
        assert!(is_issued_by(&[old], &issued, &[]), "who knows the old one alone is served");
        let stolen = self.net.tls.load_full();
        assert!(is_issued_by(&[&new], &self.node().await, &[]));
        self.decide(lists(vec![new])).await;
        // Whoever has stolen what the node showed before, and leads the way to himself, is not believed.
        self.read(&self.net.address).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let thief = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let shows = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = TlsAcceptor::from(Arc::clone(&stolen)).accept(stream).await;
            }
        });
        assert_eq!(self.read(&thief).await.unwrap_err(), "SERVER_UNKNOWN_ISSUER");
        shows.abort();
        self.act(&Act::RetireKey(KeyId::of(old))).await;
        assert_eq!(self.refused(lists(vec![old.clone()])).await, "SERVICE_KEY_MISSING");
    }

    /// The reader brings his copy up to date there.
    async fn read(&self, at: &Address) -> Result<(), String> {
        self.reader.way.leads_to(at);
        Box::pin(self.reader.run(&["sync"])).await.map_err(|why| why.reason.to_string())
    }

    async fn person(&self, role: &'static str, id: &str) {
        let whose = [id.to_owned(), format!("{id} tls")];
        let (old, new) =
            (whose.clone().map(|of| self.now(&of)), whose.clone().map(|of| self.fresh(&of)));
        let mut before = Desk::with(&self.net, &old[1]).await;
        before.standing().await.unwrap();
        let holder = format!("{role}/{id}");
        let mut charter = self.charter();
        let persons = match role {
            "registrar" => &mut charter.payload.registrars,
            "operator" => &mut charter.payload.operators,
            _ => &mut charter.payload.auditors,
        };
        persons[0].sign = Some(proven(&new[0], &holder, Use::Sign));
        persons[0].tls = Some(proven(&new[1], &holder, Use::Tls));
        let mut approves = vec!["bob"];
        if role == "registrar" {
            // The old quorum and the new one: neither alone.
            for signer in [&old[0], &new[0]] {
                let alone = charter.clone().signed_by(&[signer, "bob"]);
                assert_eq!(self.refused(alone).await, "BELOW_THRESHOLD");
            }
            approves.push(&new[0]);
        }
        let proposed = charter.signed_by(&[&self.now("alice")]).bytes();
        self.decided(("alice", "bob"), proposed, &approves).await;
        for (whose, name) in whose.into_iter().zip(&new) {
            self.speaks(&whose, name.clone());
        }
        for mut desk in [before, Desk::with(&self.net, &old[1]).await] {
            assert_eq!(refusal(&desk.standing().await.unwrap_err()).1, "NOT_PERMITTED");
        }
        Desk::with(&self.net, &new[1]).await.standing().await.unwrap();
        let signed = self.charter().signed_by(&[&old[0], "bob"]);
        assert_eq!(self.refused(signed).await, "KEY_NOT_IN_FORCE");
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
        if self.load.receivers.iter().any(|of| of.contact == contact) {
            let new = self.load.listed(&net.replica().directory, seat, "tls");
            let mut with = self.load.follows_with.subscribe();
            let follows = with.wait_for(|with| with.get(seat) == Some(&new));
            soon("a stream with the new key", follows).await.unwrap();
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
    let mut table: Vec<_> = OwnKey::ALL.map(Rotation::Own).into();
    table.push(Rotation::Node);
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
        0 | 1 => Rotation::Own(OwnKey::ALL[below(3)]),
        2 => Rotation::Node,
        3 => PERSONS.map(|(role, id)| Rotation::Person(role, id))[below(3)].clone(),
        4 => Rotation::Keeper(party.contact.clone()),
        _ => {
            let keys = 1 + below(7);
            let chosen = ["sign", "seal", "tls"].into_iter().enumerate();
            let chosen = chosen.filter(|(bit, _)| keys >> bit & 1 == 1).map(|(_, key)| key);
            Rotation::Seat(party.seats[below(party.seats.len())].clone(), chosen.collect())
        }
    }
}
