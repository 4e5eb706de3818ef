//! A mailbox in which much waits, read with the real programs: what a list fetches before it shows
//! something, in which order, and what goes on when it has.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use liaison::ambient::Ambient;
use liaison::client::connect::{Proxies, Tcp};
use liaison::client::home::Home;
use liaison::client::keys::Owner;
use liaison::client::message::compose::{Outside, compose};
use liaison::client::message::content::Writing;
use liaison::client::replica::Replica;
use liaison::client::session::{Net, Session};
use liaison::domain::ids::SeatId;
use liaison::domain::relay::addressing::Recipient;
use liaison::signed::proto::{Class, Kind, Level, Urgency};
use liaison::wire::v1::SubmitRequest;
use liaison::wire::v1::relay_service_client::RelayServiceClient;
use serde_json::Value;

use crate::readme;

const FROM: &str = "pt/cncs/duty-1";
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

/// Messages of these urgencies from pt to at, in this order.
async fn send(folder: PathBuf, urgencies: Vec<Urgency>) {
    let (home, ambient) = (Home::at(folder.join("pt")), Ambient::system());
    let (seat, name): (SeatId, _) = (FROM.parse().unwrap(), home.directory(None).unwrap());
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
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(send(folder.path().to_owned(), urgencies));
        Self { folder, _service: service }
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

/// What a list costs, with `LIAISON_WAITING=15000` and the programs of a release in `LIAISON_PROGRAMS`.
#[test]
#[ignore = "measures; run by hand"]
fn what_a_list_of_many_takes() {
    let count = std::env::var("LIAISON_WAITING").unwrap().parse().unwrap();
    let say = |line: String| writeln!(std::io::stderr(), "{line}").unwrap();
    let begun = Instant::now();
    let world = World::new(vec![Urgency::Routine; count]);
    say(format!("sent in {:?}", begun.elapsed()));
    for command in ["inbox list", "inbox list --offline", "inbox list", "inbox list --offline"] {
        let begun = Instant::now();
        let mut child = Command::new(readme::programs().join("liaison"))
            .args(["--home", "at"])
            .args(command.split(' '))
            .current_dir(world.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        say(format!("{command}: shown after {:?}", begun.elapsed()));
        child.wait().unwrap();
        say(format!("{command}: ended after {:?}", begun.elapsed()));
    }
}
