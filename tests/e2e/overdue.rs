//! Messages expire under load while the service is killed, again and again: nothing is gone that could be
//! collected, each sender is told once, the chains hold.
//!
//! In scope: the function that `liaisond serve` calls, in a process of its own and by a clock on which
//! twelve hours are a second (the program takes no other clock than the machine's, by which nothing that
//! expired is deleted for a day); clients over mutual TLS, and the second implementation. Out of scope: a
//! cut at each sync (`expiry`), cuts of the power (`crash`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use liaison::ambient::{Ambient, Clock};
use liaison::client::address::Address;
use liaison::client::files::create_private;
use liaison::client::message::compose::{Outside, Sealed};
use liaison::client::message::content::delivered;
use liaison::client::message::receipt::Link;
use liaison::client::reach::connect::{Proxies, Route, Tcp, connect};
use liaison::crypto::hash::Digest;
use liaison::domain::ids::ContactId;
use liaison::domain::relay::addressing::Addressing;
use liaison::domain::state::EntryKind;
use liaison::operate;
use liaison::operate::config::{FORMAT, ServiceHome};
use liaison::signed::proto::{self, Class, Outcome};
use liaison::store::Engine;
use liaison::tls::client::ClientTls;
use liaison::wire::status;
use liaison::wire::v1::Envelope;
use prost::Message as _;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::crash::{Random, say};
use crate::killed::Killed;
use crate::strangers::Files;
use crate::support::{
    Client, DAY, NAME, NOW, Party, Replica, TestNet, Trust, alert, dates, home, identity, pem, says,
};

/// More or fewer kills.
const KILLS_GIVEN: &str = "LIAISON_KILLS";
const KILLS: u64 = 4;
/// So many requests are in hand.
const AT_ONCE: usize = 8;
/// How long what is left of a message stays once it has expired, and then what is left of its entry.
const KEPT: u64 = 4 * DAY;

const HOME: &str = "LIAISON_OVERDUE_HOME";
const SINCE: &str = "LIAISON_OVERDUE_SINCE";
const SERVES: &str = "it serves";
const DOUBT: &str = "the clock is in doubt";
const STARTS: u32 = 5;
const LOOKS: u32 = 10;

/// The same clock in every process of a test.
struct Hurried {
    since: Duration,
}

impl Hurried {
    /// A step a day after another comes two looks later.
    const HOURS_A_SECOND: u32 = 12;

    fn ambient(since: Duration) -> Ambient {
        Ambient::system().with_clock(Arc::new(Self { since }))
    }
}

impl Clock for Hurried {
    fn now(&self) -> Duration {
        let elapsed = Ambient::system().elapsed() - self.since;
        Duration::from_secs(NOW) + elapsed * (Self::HOURS_A_SECOND * 3_600)
    }
}

/// The process that is killed: this binary again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the other tests of this module, to be killed"]
async fn child() {
    let (Ok(home), Ok(since)) = (std::env::var(HOME), std::env::var(SINCE)) else { return };
    liaison::operate::telemetry::start(Some("warn"), false);
    let home = ServiceHome::at(home.as_ref());
    let ambient = Hurried::ambient(Duration::from_nanos(since.parse().unwrap()));
    let (_stop, stopped) = watch::channel(false);
    let ended = operate::serve(&home, ambient, true, stopped, |_| {
        io::stdout().lock().write_all(format!("{SERVES}\n").as_bytes()).unwrap();
    });
    panic!("it serves until it is killed: {:?}", Box::pin(ended).await.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_under_kills_takes_nothing_that_can_be_collected_on_sled() {
    expiry_under_kills(Engine::Sled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_under_kills_takes_nothing_that_can_be_collected_on_redb() {
    expiry_under_kills(Engine::Redb).await;
}

async fn expiry_under_kills(engine: Engine) {
    let (seed, random) = Random::seeded();
    let kills = std::env::var(KILLS_GIVEN).map_or(KILLS, |given| given.parse().unwrap());
    let mut world = Box::pin(World::found(engine, random)).await;
    for kill in 0..kills {
        let mut service = world.serve();
        if kill % 3 == 2 {
            // A random moment is what is wanted here, so there is no event to wait for.
            tokio::time::sleep(Duration::from_millis(world.random.below(600))).await;
        } else {
            world.is_up(&mut service);
            world.look().await;
            world.send(&mut service).await;
        }
        service.0.kill();
        say(&format!("{engine}, seed {seed}: {} kills, {}", kill + 1, world.counts()));
    }
    let mut service = world.serves_until_all_is_told().await;
    let answers = world.files.collect(&world.address).await;
    let judged = world.files.judge(&world.jp.contact, &answers).await;
    assert!(judged.starts_with("accepted: "), "{judged}");
    service.0.kill();
    let report = operate::scrub(&world.home).await.unwrap();
    assert!(report.is_whole(), "{:?}", report.faults);
    let said = world.said();
    let mut faults = said.lines().filter(|line| line.contains("ERROR") && !line.contains(DOUBT));
    assert_eq!(faults.next(), None, "{said}");
    say(&format!("{engine}, seed {seed}: at last {}, the second {judged}", world.counts()));
    let all = [world.count(Sent::is_accepted), world.count(|sent| sent.told.is_some())];
    let gone = world.gone.values().min().copied();
    assert!(all.into_iter().chain(gone).all(|count| count > 0), "{}", world.counts());
}

/// A service, and what it prints.
struct Served(Killed, BufReader<std::process::ChildStdout>);

/// A message or a receipt, and what is known of it.
struct Sent {
    to: ContactId,
    envelope: Envelope,
    expires: u64,
    is_receipt_of: Option<Digest>,
    /// Its number in the mailbox.
    place: Option<u64>,
    is_refused: bool,
    /// When a receipt for it was accepted.
    received: Option<u64>,
    /// Under which number its sender was told that it was not delivered.
    told: Option<u64>,
}

impl Sent {
    fn is_accepted(&self) -> bool {
        self.place.is_some()
    }
}

struct World {
    home: ServiceHome,
    folder: Arc<TempDir>,
    since: Duration,
    ambient: Ambient,
    random: Random,
    ca: Vec<u8>,
    address: Address,
    files: Files,
    replica: Replica,
    fr: Party,
    jp: Party,
    sent: BTreeMap<Digest, Sent>,
    /// What a seat of `jp` has still to say that it received.
    owed: Vec<(Digest, Addressing)>,
    /// Each entry that was ever shown.
    seen: BTreeMap<(ContactId, u64), (EntryKind, Digest)>,
    /// Of each mailbox, how many entries were last gone or left behind.
    gone: BTreeMap<ContactId, u64>,
    /// And how many it left behind before they were looked at.
    unseen: BTreeMap<ContactId, u64>,
}

impl World {
    /// Founds a directory with two members, and lays it out as `liaisond init` does.
    async fn found(engine: Engine, random: Random) -> Self {
        let (open, trust) = (home(engine), Trust::of_p256());
        let folder = Arc::clone(&open.home);
        let home = ServiceHome::at(folder.path());
        create(&home, engine, &trust);
        let store = open.found_with(&trust.ca).await;
        let net = TestNet::serve(open, store, trust).await;
        let [fr, jp] = net.parties(["fr", "jp"]).await;
        let files = Files::new(&net, &jp).await;
        let kept = proto::Setting { name: "metadata-kept".to_owned(), value: KEPT };
        net.say(says::charter(&net.replica()).with(|charter| charter.policy.push(kept))).await;
        let (replica, ca) = (net.replica(), net.ca.clone());
        net.stop().await;
        for (from, to) in [("store", home.store()), ("blobs", home.blobs())] {
            fs::rename(folder.path().join(from), to).unwrap();
        }
        let since = Ambient::system().elapsed();
        let [address] = home.config().unwrap().addresses.try_into().unwrap();
        Self {
            home,
            folder,
            since,
            ambient: Hurried::ambient(since),
            random,
            ca,
            address: Address::parse(&address).unwrap(),
            files,
            replica,
            fr,
            jp,
            sent: BTreeMap::new(),
            owed: Vec::new(),
            seen: BTreeMap::new(),
            gone: BTreeMap::new(),
            unseen: BTreeMap::new(),
        }
    }

    fn serve(&self) -> Served {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["overdue::child", "--exact", "--include-ignored", "--nocapture"]);
        child.env(HOME, self.home.path()).env(SINCE, self.since.as_nanos().to_string());
        let said = File::options().create(true).append(true).open(self.folder.path().join("said"));
        child.stdout(Stdio::piped()).stderr(said.unwrap());
        let mut child = child.spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        Served(Killed(child), printed)
    }

    /// Serves until all that has expired by now is told, and some of each mailbox is gone; and goes on.
    async fn serves_until_all_is_told(&mut self) -> Served {
        let now = self.ambient.now();
        for _ in 0..STARTS {
            let mut service = self.serve();
            self.is_up(&mut service);
            for _ in 0..LOOKS {
                self.look().await;
                if self.is_told_until(now) && self.gone.values().all(|gone| *gone > 0) {
                    return service;
                }
            }
            // A clock that hurries so is doubted where a process waits between its two hands: then
            // nothing expires until it starts again.
            service.0.kill();
        }
        panic!("of what has expired not all is told: {}", self.counts());
    }

    /// Waits until it serves.
    fn is_up(&self, service: &mut Served) {
        let mut lines = (&mut service.1).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with(SERVES)), "it ended: {}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap()
    }

    /// A seat of `fr`, and the one of `jp` whose key is none of a stock tool.
    async fn clients(&self) -> [Client; 2] {
        let mut clients = Vec::new();
        for seat in [&self.fr.seats[0], &self.jp.seats[1]] {
            let identity = Some(identity(&format!("{seat} tls"), dates()));
            let authorities = std::slice::from_ref(&self.ca);
            let tls =
                ClientTls::for_directory(NAME, authorities, identity, self.ambient.tls_clock());
            let (dial, address) = (Arc::new(Tcp), self.address.clone());
            let route = Route { dial, address, proxies: Proxies::default(), tls: tls.unwrap() };
            clients.push(Client::over(&connect(route).await.unwrap()));
        }
        clients.try_into().unwrap_or_else(|_| panic!("as many as there are seats"))
    }

    /// Seals the next message of `fr`, or a receipt of `jp`.
    fn seal(&mut self) -> Digest {
        let hours = if self.random.below(4) == 0 { 30 * 24 } else { 6 + self.random.below(30) };
        let now = self.ambient.now();
        let (created, expires) = (Some(now), Some(now + hours * 3_600));
        let (replica, ambient) = (&self.replica, &self.ambient);
        let owed = if self.random.below(3) == 0 { self.owed.pop() } else { None };
        let (sealed, is_receipt_of): (Sealed, _) = match owed {
            Some((header, message)) => {
                let (seat, about) = (self.jp.seats[1].clone(), (header, &message));
                let (directory, view) = (&replica.directory, replica.view());
                let outside = Outside::answering(directory, seat, about, Class::Receipt, view);
                let contact = self.jp.contact.to_string();
                let chain = vec![7; 32].into();
                let place = proto::Place { contact, epoch: 1, number: 1, chain };
                let inside = delivered(header, (Outcome::Opened, None), place, ambient.now());
                let outside = Outside { created, expires, ..outside };
                (self.jp.seal(outside, &inside, replica, ambient), Some(header))
            }
            None => {
                let bytes = if self.random.below(8) == 0 { 150_000 } else { 0 };
                let outside = Outside { created, expires, ..self.fr.outside(&[&self.jp], replica) };
                (self.fr.seal(outside, &alert(&"x".repeat(bytes)), replica, ambient), None)
            }
        };
        if is_receipt_of.is_none() && self.random.below(2) == 0 {
            self.owed.push((sealed.header_digest, sealed.addressing.clone()));
        }
        let sent = Sent {
            to: sealed.addressing.recipients[0].contact.clone(),
            envelope: sealed.envelope,
            expires: sealed.addressing.expires,
            is_receipt_of,
            place: None,
            is_refused: false,
            received: None,
            told: None,
        };
        self.sent.insert(sealed.header_digest, sent);
        sealed.header_digest
    }

    /// Hands in what no answer came for, then more and more, until the service is killed after some
    /// answer.
    async fn send(&mut self, service: &mut Served) {
        let [fr, jp] = self.clients().await;
        let open = self.sent.iter().filter(|(_, sent)| !sent.is_accepted() && !sent.is_refused);
        let mut again: Vec<Digest> = open.map(|(digest, _)| *digest).collect();
        let (mut left, mut flying) = (1 + self.random.below(400), FuturesUnordered::new());
        loop {
            while left > 0 && flying.len() < AT_ONCE {
                let digest = again.pop().unwrap_or_else(|| self.seal());
                let sent = &self.sent[&digest];
                let (of_jp, envelope) = (sent.is_receipt_of.is_some(), sent.envelope.clone());
                let mut client = if of_jp { jp.clone() } else { fr.clone() };
                flying.push(async move { (digest, client.submit(envelope).await) });
            }
            let Some((digest, answer)) = flying.next().await else { return };
            let sent = self.sent.get_mut(&digest).unwrap();
            match answer {
                Ok(accepted) => {
                    let number = place_in(accepted);
                    assert_eq!(*sent.place.get_or_insert(number), number, "it stood elsewhere");
                    self.is_received(digest);
                }
                Err(why) => sent.is_refused = status::reason(&why).is_some(),
            }
            if left == 1 {
                assert!(service.0.0.try_wait().unwrap().is_none(), "it ended by itself");
                service.0.kill();
            }
            left = left.saturating_sub(1);
        }
    }

    /// If it is a receipt, that of which it is one was received by now.
    fn is_received(&mut self, digest: Digest) {
        if let Some(of) = self.sent[&digest].is_receipt_of {
            let now = self.ambient.now();
            self.sent.get_mut(&of).unwrap().received.get_or_insert(now);
        }
    }

    /// Collects both mailboxes from their beginnings, as somebody who knows nothing, and compares.
    async fn look(&mut self) {
        let contacts = [self.fr.contact.clone(), self.jp.contact.clone()];
        for (mut client, contact) in self.clients().await.into_iter().zip(contacts) {
            self.replica = Replica::fold(&mut client).await;
            let found = self.replica.collect(&mut client, &contact).await;
            let (last, now) = (found.mailbox.count, self.ambient.now());
            let begins = last - found.items.len() as u64;
            let mut gone = begins;
            for item in &found.items {
                let link = Link::of(item).unwrap();
                let entry = (link.kind, link.digest);
                let before = self.seen.insert((contact.clone(), link.number), entry);
                assert!(before.is_none_or(|before| before == entry), "another one: {item:?}");
                let sent = self.sent.get_mut(&link.digest).unwrap();
                let number = match link.kind {
                    EntryKind::Addressed => sent.place.get_or_insert(link.number),
                    EntryKind::NotDelivered => {
                        assert!(sent.expires <= now, "told too early: {item:?}");
                        let in_time = sent.received.is_some_and(|at| at < sent.expires);
                        assert!(!in_time, "told of what was received: {item:?}");
                        sent.told.get_or_insert(link.number)
                    }
                    kind => panic!("{kind:?}: {item:?}"),
                };
                assert_eq!(*number, link.number, "it stands twice");
                if item.gone.is_empty() {
                    let whole = (&sent.envelope.header, &sent.envelope.body);
                    let found = (&item.header, &item.body);
                    assert!(link.kind == EntryKind::NotDelivered || found == whole, "{item:?}");
                } else {
                    gone += 1;
                    assert!(sent.is_gone(link.kind) <= now, "gone too early: {item:?}");
                }
                self.is_received(link.digest);
            }
            let is_left_behind = |number: u64, (kind, digest): (EntryKind, Digest)| {
                number <= begins && self.sent[&digest].is_gone(kind) + KEPT <= now
            };
            let mut unseen = begins;
            for ((_, number), entry) in self.seen.iter().filter(|((of, _), _)| *of == contact) {
                let is_there = *number > begins && *number <= last;
                let is_there = is_there || is_left_behind(*number, *entry);
                assert!(is_there, "{contact} {number}: of {begins} to {last}");
                unseen -= u64::from(*number <= begins);
            }
            for (digest, sent) in self.sent.iter().filter(|(_, sent)| sent.to == contact) {
                let entry = (EntryKind::Addressed, *digest);
                let is_there = |number| {
                    let seen = self.seen.get(&(contact.clone(), number));
                    seen == Some(&entry) || is_left_behind(number, entry)
                };
                assert!(sent.place.is_none_or(is_there), "accepted and lost: {:?}", sent.place);
            }
            self.unseen.insert(contact.clone(), unseen);
            self.gone.insert(contact, gone);
        }
    }

    /// What expired until then is told to its sender, or was received.
    fn is_told_until(&self, now: u64) -> bool {
        let messages = self.sent.values().filter(|sent| sent.is_receipt_of.is_none());
        let expired = messages.filter(|sent| sent.is_accepted() && sent.expires <= now);
        let is_open = |sent: &&Sent| sent.told.is_none() && sent.received.is_none();
        expired.filter(is_open).count() as u64 <= self.unseen[&self.fr.contact]
    }

    fn count(&self, is: impl Fn(&Sent) -> bool) -> u64 {
        self.sent.values().filter(|sent| is(sent)).count() as u64
    }

    fn counts(&self) -> String {
        let now = self.ambient.now();
        let [accepted, expired, received, told] = [
            self.count(Sent::is_accepted),
            self.count(|sent| sent.is_accepted() && sent.expires <= now),
            self.count(|sent| sent.received.is_some()),
            self.count(|sent| sent.told.is_some()),
        ];
        let gone = self.gone.values().sum::<u64>();
        let days = (now - NOW) / DAY;
        format!(
            "{days} days, {accepted} accepted, {expired} expired, {received} received, {told} told, \
             {gone} gone"
        )
    }
}

impl Sent {
    /// When its entry of a kind may be gone: collected it can be for another day, and who is told hears
    /// it as long as metadata is kept.
    fn is_gone(&self, kind: EntryKind) -> u64 {
        self.expires + if kind == EntryKind::Addressed { DAY } else { KEPT }
    }
}

/// The number that an accepted receipt tells.
fn place_in(accepted: Bytes) -> u64 {
    let payload = proto::Dsse::decode(accepted).unwrap().payload;
    proto::Accepted::decode(payload).unwrap().places[0].number
}

/// Configuration and keys.
fn create(home: &ServiceHome, engine: Engine, trust: &Trust) {
    let port = crate::support::free_port();
    let config = format!(
        "format = {FORMAT}\nname = \"{NAME}\"\nlisten = \"127.0.0.1:{port}\"\n\
         addresses = [\"127.0.0.1:{port}\"]\nengine = \"{engine}\"\nhigh_water = \"high-water\"\n"
    );
    fs::create_dir(home.data()).unwrap();
    fs::create_dir(home.key("")).unwrap();
    fs::write(home.config_file(), config).unwrap();
    fs::write(home.key("node.crt"), pem("CERTIFICATE", &trust.certificate)).unwrap();
    let [log, relay] = ["log", "relay"].map(crate::support::key);
    for (name, key) in [("log", &log), ("relay", &relay), ("node", &trust.key)] {
        let text = pem("PRIVATE KEY", key.pkcs8());
        create_private(&home.key(&format!("{name}.pem")), text.as_bytes()).unwrap();
    }
}
