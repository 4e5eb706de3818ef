//! A mailbox in which much waits, read with the real programs: what a list fetches before it shows
//! something, in which order, and what goes on when it has.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use liaison::ambient::Ambient;
use liaison::client::home::Home;
use liaison::client::keys::Owner;
use liaison::client::message::compose::{Outside, compose};
use liaison::client::message::content::Writing;
use liaison::client::reach::connect::{Proxies, Tcp};
use liaison::client::reach::session::{Net, Session};
use liaison::client::replica::Replica;
use liaison::domain::ids::SeatId;
use liaison::domain::limits::SHARE_MESSAGES;
use liaison::domain::relay::addressing::{OrLater, Recipient};
use liaison::domain::relay::share;
use liaison::signed::proto::{Class, Kind, Level, Urgency};
use liaison::wire::v1::SubmitRequest;
use liaison::wire::v1::relay_service_client::RelayServiceClient;
use serde_json::Value;

use crate::readme;

const FROM: (&str, &str) = ("pt", "pt/cncs/duty-1");
const TO: &str = "at/cert-at";

/// A service with two members, at and pt, in a folder of its own.
const FOUNDED: &[&str] = &[
    "liaisond --home service init --single --client-home registrar",
    "liaisond --home service serve &",
    "liaison --home at join service/invitation.liaison --as at/cert-at/duty-1 --fingerprint \"DIGITS\"",
    "liaison --home registrar admin member admit at --name en=Austria --authority at.authority",
    "liaison --home at join at.admission --as at/cert-at/duty-1 --name en=CERT.at",
    "liaison --home pt join service/invitation.liaison --as pt/cncs/duty-1 --fingerprint \"DIGITS\"",
    "liaison --home registrar admin member admit pt --name en=Portugal --authority pt.authority",
    "liaison --home pt join pt.admission --as pt/cncs/duty-1 --name en=CNCS",
];

/// Messages of these urgencies from the seat of a home to at, in this order.
async fn send(folder: PathBuf, (home, seat): (&str, &str), urgencies: Vec<Urgency>) {
    let (home, ambient) = (Home::at(folder.join(home)), Ambient::system());
    let (seat, name): (SeatId, _) = (seat.parse().unwrap(), home.directory(None).unwrap());
    let owner = Owner::Seat(seat.clone());
    let proxies = Proxies::new(None, None).unwrap();
    let net = Net { dial: std::sync::Arc::new(Tcp), proxies, ambient: ambient.clone() };
    let session = Session::open(&home, &name, Some(&owner), &net).await.unwrap();
    let mut replica = Replica::open(&home, &name).unwrap();
    session.sync(&mut replica, &mut |_| ()).await.unwrap();
    let sign = home.keys().signing(&owner, &ambient).unwrap();
    let mut relay = RelayServiceClient::new(session.connection().channel());
    for urgency in urgencies {
        let to = vec![Recipient::new(TO.parse().unwrap(), Level::Technical)];
        let view = replica.view().unwrap();
        let mut outside = Outside::new(seat.clone(), to, Class::Notification, view);
        outside.urgency = urgency;
        let title = urgency.as_str_name();
        let inside = Writing::new(Kind::Incident, title, ambient.now()).text("en", "x").finish();
        let directory = replica.directory().unwrap();
        let sealed = compose(directory, outside, &inside.unwrap(), &sign, &ambient).unwrap();
        relay.submit(SubmitRequest { envelope: Some(sealed.envelope) }).await.unwrap();
    }
}

struct World {
    folder: tempfile::TempDir,
    _service: readme::Service,
}

impl World {
    fn new(urgencies: Vec<Urgency>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = readme::served(FOUNDED, folder.path());
        let world = Self { folder, _service: service };
        world.send(FROM, urgencies);
        world
    }

    fn send(&self, from: (&str, &str), urgencies: Vec<Urgency>) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(send(self.path().to_owned(), from, urgencies));
    }

    /// One object of `liaison --home at --json`.
    fn at(&self, command: &str) -> Value {
        let output = readme::run(&format!("liaison --home at --json {command}"), self.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn of(list: &Value, field: &str) -> Vec<Value> {
    list["messages"].as_array().unwrap().iter().map(|row| row[field].clone()).collect()
}

#[test]
fn a_list_shows_the_most_urgent_before_it_fetches_the_rest() {
    let (many, few) = (80, 3);
    let mut urgencies = vec![Urgency::Flash, Urgency::Priority];
    urgencies.extend(std::iter::repeat_n(Urgency::Routine, many));
    urgencies.extend(std::iter::repeat_n(Urgency::Immediate, few));
    let world = World::new(urgencies);
    let list = world.at("inbox list");
    // The first page: most urgent first, newest first within.
    let count = many as u64 + few as u64 + 2;
    let numbers: Vec<u64> = of(&list, "number").iter().map(|n| n.as_u64().unwrap()).collect();
    assert_eq!(numbers[..6], [1, count, count - 1, count - 2, 2, count - 3]);
    assert_eq!((numbers.len(), &list["more"]), (50, &(count - 50).into()));
    // Of it the first sixteen bodies were fetched, and no other.
    let fetched: Vec<bool> = of(&list, "title").iter().map(|title| !title.is_null()).collect();
    assert_eq!(fetched[..16], [true; 16]);
    assert!(fetched[16..].iter().all(|fetched| !fetched), "{fetched:?}");
    assert_eq!(of(&list, "not_opened")[16], "NOT_FETCHED");
    // The rest came when it was shown, and each was receipted.
    let all = world.at("inbox list --offline --all");
    assert_eq!(of(&all, "title").iter().filter(|title| title.is_null()).count(), 0);
    assert_eq!(of(&all, "number").len() as u64, count);
    assert_eq!(world.at("status")["mailbox"]["outbox_waiting"], 0);
    let inbox = world.at("inbox list --offline");
    assert_eq!(of(&inbox, "title")[0], "URGENCY_FLASH");
}

/// `inbox read` of what is not here yet asks for that one.
#[test]
fn what_was_not_fetched_is_fetched_when_it_is_read() {
    let world = World::new(vec![Urgency::Routine; 3]);
    // As a command leaves it that had no time for bodies.
    let _ = world.at("inbox list");
    let mail = world.path().join("at/directories/un.example/mail/at/cert-at/duty-1");
    std::fs::remove_file(mail.join("inbox/items").join(format!("{:020}", 2))).unwrap();
    std::fs::remove_file(mail.join("inbox/done").join(format!("{:020}", 2))).unwrap();
    std::fs::remove_file(mail.join("index")).unwrap();
    let list = world.at("inbox list --offline");
    let missing = |row: &Value| row["not_opened"] == "NOT_FETCHED";
    let rows = list["messages"].as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| missing(row)).count(), 1);
    assert_eq!(world.at("inbox read 2")["title"], "URGENCY_ROUTINE");
    let list = world.at("inbox list --offline");
    assert!(!list["messages"].as_array().unwrap().iter().any(missing), "{list}");
}

/// Who follows is shown what waited, most urgent first, and then what comes; both are receipted.
#[test]
fn who_follows_is_shown_what_waited_and_what_comes() {
    let mut urgencies = vec![Urgency::Routine; 20];
    urgencies.push(Urgency::Flash);
    urgencies.extend(vec![Urgency::Routine; 20]);
    let world = World::new(urgencies);
    let mut child = Command::new(readme::programs().join("liaison"))
        .args(["--home", "at", "--json", "inbox", "list", "--follow"])
        .current_dir(world.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let first: Vec<Value> = (0..41).map(|_| next()).collect();
    assert_eq!((&first[0]["number"], &first[0]["title"]), (&21.into(), &"URGENCY_FLASH".into()));
    let rest: Vec<u64> = first[1..].iter().map(|row| row["number"].as_u64().unwrap()).collect();
    let expected: Vec<u64> = (1..=41).rev().filter(|number| *number != 21).collect();
    assert_eq!(rest, expected);
    world.send(FROM, vec![Urgency::Priority]);
    let came = next();
    assert_eq!((&came["number"], &came["title"]), (&42.into(), &"URGENCY_PRIORITY".into()));
    // What another program is collecting is read all the same.
    assert_eq!(world.at("inbox read 42")["number"], 42);
    child.kill().unwrap();
    child.wait().unwrap();
    // A receipt that was made goes out, now or with the next command.
    assert_eq!(world.at("inbox list")["messages"][0]["number"], 21);
    assert_eq!(world.at("status")["mailbox"]["outbox_waiting"], 0);
}

/// The other end of a pipe is gone: it ends by itself, and tells no sender of what nobody was shown.
#[test]
fn who_follows_for_nobody_ends_and_says_nothing_is_delivered() {
    let world = World::new(vec![Urgency::Routine]);
    // One that stays for ever is ended, with 124.
    let mut child = Command::new("timeout")
        .arg("60")
        .arg(readme::programs().join("liaison"))
        .args(["--home", "at", "--json", "inbox", "list", "--follow"])
        .current_dir(world.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["number"], 1);
    drop(lines);
    world.send(FROM, vec![Urgency::Flash]);
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("error"), "{said}");
    let receipts = |world: &World| {
        let mail = world.path().join("at/directories/un.example/mail/at/cert-at/duty-1/outbox");
        let entries = std::fs::read_dir(mail).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().join("accepted").exists()).count()
    };
    assert!(receipts(&world) < 2, "nobody was shown the second");
    // It is here, and who looks is shown it.
    assert_eq!(of(&world.at("inbox list"), "number"), [2, 1]);
    assert_eq!(receipts(&world), 2);
}

/// A disk that is full, as a file system says it.
#[test]
fn what_cannot_be_printed_is_an_error() {
    let world = World::new(vec![Urgency::Routine; 20]);
    let items = world.path().join("at/directories/un.example/mail/at/cert-at/duty-1/inbox/items");
    for command in ["inbox list", "--json inbox list", "directory list", "--json directory list"] {
        let full = readme::run(&format!("liaison --home at {command} > /dev/full"), world.path());
        let said = String::from_utf8_lossy(&full.stderr);
        assert_eq!(full.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("could not be written: No space left"), "{command}: {said}");
        // Nothing is fetched for nobody, but what a list waits for.
        let fetched = std::fs::read_dir(&items).unwrap().count();
        assert!(fetched == 16 || command != "inbox list", "{fetched}");
    }
}

/// A colleague of the sender, or a co-recipient, floods a mailbox, and is muted in this home.
#[test]
fn who_is_muted_is_counted_and_read_by_number() {
    let world = World::new(vec![Urgency::Routine, Urgency::Routine, Urgency::Immediate]);
    world.at("sync");
    assert_eq!(world.at("inbox mute pt")["muted"], serde_json::json!(["pt"]));
    let list = world.at("inbox list");
    assert_eq!((of(&list, "number"), &list["muted"]), (vec![3.into()], &2.into()));
    assert_eq!(of(&world.at("inbox list --muted"), "number").len(), 3);
    assert_eq!(world.at("inbox read 1")["number"], 1);
    assert_eq!(world.at("status")["mailbox"]["unread"], 1);
    // Each was receipted.
    let run = |command: &str| readme::run(command, world.path());
    assert!(!run("liaison --home at inbox mute xx/nobody").status.success());
    world.at("inbox unmute pt");
    assert_eq!(world.at("inbox list --offline")["muted"], 0);
    let mail = world.path().join("at/directories/un.example/mail/at/cert-at/duty-1/outbox");
    let receipts = std::fs::read_dir(mail)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().join("accepted").exists());
    assert_eq!(receipts.count(), 3);
}

/// What a list costs, with `LIAISON_WAITING=15000` and the programs of a release in `LIAISON_PROGRAMS`.
#[test]
#[ignore = "measures; run by hand"]
fn what_a_list_of_many_takes() {
    let count: usize = std::env::var("LIAISON_WAITING").unwrap().parse().unwrap();
    let say = |line: String| writeln!(std::io::stderr(), "{line}").unwrap();
    let begun = Instant::now();
    let world = World::new(Vec::new());
    // What waits of one member has a bound, so that many send.
    let all = vec![Urgency::Routine; count];
    let of_one = share::part(SHARE_MESSAGES, OrLater::Known(Urgency::Routine));
    for (number, urgencies) in all.chunks(of_one.try_into().unwrap()).enumerate() {
        let member = format!("m{number:03}");
        let seat = format!("{member}/cert/duty-1");
        let joined = format!(
            "set -e; DIGITS=$(grep -E '^ +([0-9]{{5}} ){{11}}[0-9]{{5}}$' founded.txt)
            liaison --home {member} join service/invitation.liaison --as {seat} --fingerprint \"$DIGITS\"
            liaison --home registrar admin member admit {member} --name en=M --authority {member}.authority
            liaison --home {member} join {member}.admission --as {seat} --name en=M"
        );
        let joined = readme::run(&joined, world.path());
        assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
        world.send((&member, &seat), urgencies.to_vec());
    }
    say(format!("sent in {:?}", begun.elapsed()));
    // Tells whether some bodies are not here yet.
    let list = |command: &str| {
        let begun = Instant::now();
        let mut child = Command::new(readme::programs().join("liaison"))
            .args(["--home", "at"])
            .args(command.split(' '))
            .current_dir(world.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        say(format!("{command}: shown after {:?}", begun.elapsed()));
        let ended = child.wait_with_output().unwrap();
        say(format!("{command}: ended after {:?}", begun.elapsed()));
        String::from_utf8_lossy(&ended.stderr).contains("not fetched yet")
    };
    let begun = Instant::now();
    while list("inbox list") {}
    say(format!("all kept after {:?}", begun.elapsed()));
    for command in ["inbox list --offline", "inbox list"].repeat(3) {
        assert!(!list(command));
    }
}
