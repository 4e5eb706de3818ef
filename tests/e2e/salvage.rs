//! A store of which something is gone: what is missing is named, what can be read is saved, and what
//! was saved is served again.

use bytes::Bytes;
use liaison::domain::ids::{ContactId, MessageId};
use liaison::domain::relay::share::{Share, Waiting};
use liaison::domain::state::{Entry, Gone, Key, Mailbox, Step, Usage, Value};
use liaison::service::epochs::Which;
use liaison::service::salvage::{Salvaged, salvage};
use liaison::service::scrub::{Fault, Report, What, goes_as_far, scrub};
use liaison::service::{self, Shown};
use liaison::signed::proto::AuditRecord;
use liaison::store::blobs::Blobs;
use liaison::store::{Engine, Site, StoreError, Write, codec, keys};
use liaison::wire::v1::GetAuditRequest;
use liaison::wire::v1::admin_service_client::AdminServiceClient;
use prost::Message as _;

use crate::damages::{Everything, closed, everything_in, look, refused, send};
use crate::readme;
use crate::support::{
    NAME, NOW, Open, Party, Replica, TestNet, Trust, contents, dates, identity, refusal,
};

/// Three messages to one contact, one of them with a large body, and one to another.
async fn with_messages(engine: Engine) -> (Open, Everything) {
    let net = TestNet::on(engine).await;
    let [fr, jp, kr] = net.parties(["fr", "jp", "kr"]).await;
    send(&net, &fr, &jp, 2).await;
    send(&net, &jp, &kr, 1).await;
    let large = crate::expiry::sealed(&net, &fr, &[&jp], 150_000);
    net.client(&fr.tls()).await.submit(large.envelope).await.unwrap();
    let open = closed(net).await;
    let all = everything_in(open.place().open(NAME).await.unwrap().as_ref()).await.unwrap();
    (open, all)
}

pub(crate) async fn looked_through(open: &Open) -> Report {
    let store = open.place().open(NAME).await.unwrap();
    let (blobs, settings) = (open.blobs(), open.settings());
    let mark = Shown::read(&settings.high_water).unwrap().mark;
    let (blobs, mark) = (Some(blobs.as_ref() as &dyn Blobs), mark.as_ref());
    scrub(store.as_ref(), blobs, &settings.name, mark, |_| ()).await.unwrap()
}

async fn change(open: &Open, put: Option<(Vec<u8>, Bytes)>, delete: Option<Vec<u8>>) {
    let store = open.place().open(NAME).await.unwrap();
    store.commit(Write::new([], put, delete).unwrap().into()).await.unwrap();
}

fn contact(id: &str) -> ContactId {
    id.parse().unwrap()
}

fn the_first<'a>(all: &'a Everything, prefix: &[u8]) -> &'a Vec<u8> {
    all.keys().find(|key| key.starts_with(prefix)).unwrap()
}

#[tokio::test]
async fn a_scrub_follows_the_audit_trail() {
    let net = TestNet::on(Engine::Redb).await;
    net.service.record("start", String::new()).await;
    net.service.record("stop", String::new()).await;
    let open = closed(net).await;
    let report = looked_through(&open).await;
    assert!(report.is_whole() && report.of(What::Records) == (2, 0), "{:?}", report.faults);
    let [first, newest] = [1, 2].map(|number| keys::of(&Key::Record(number)));
    let other = AuditRecord { number: 2, call: "start".to_owned(), ..AuditRecord::default() };
    let other = Some((newest.clone(), other.encode_to_vec().into()));
    for (put, gone, says) in [
        (None, Some(first), "behind record 0 of the audit trail: expected record 1, found 2"),
        (None, Some(newest), "counts 2 records, and 1 are here"),
        (None, Some(keys::of(&Key::Trail)), "counts 0 records, and 2 are here"),
        (other, None, "counts 2 records, and 2 are here, or others"),
    ] {
        let copy = open.copy();
        change(&copy, put, gone).await;
        let report = looked_through(&copy).await;
        let found = report.faults.iter().any(|it| it.to_string().contains(says));
        assert!(found, "{says}: {:?}", report.faults);
    }
    // Nobody is shown the rest as if it were all.
    change(&open, None, Some(keys::of(&Key::Record(1)))).await;
    let store = open.place().open(NAME).await.unwrap();
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let erin = net.administer(Some(identity("erin tls", dates()))).await.unwrap();
    let mut erin = AdminServiceClient::new(erin.channel());
    let whole = GetAuditRequest { start: 1, limit: 1_000 };
    let damaged = erin.get_audit(whole).await.unwrap_err();
    assert_eq!(refusal(&damaged).1, "STORE_DAMAGED");
}

/// What was recorded stays as it is, whatever is lost beside it.
#[tokio::test]
async fn a_salvaged_audit_trail_goes_on_behind_its_last_record() {
    let net = TestNet::on(Engine::Redb).await;
    for says in ["one", "two", "three"] {
        net.service.record("start", says.to_owned()).await;
    }
    let open = closed(net).await;
    let all = everything_in(open.place().open(NAME).await.unwrap().as_ref()).await.unwrap();
    let trail = keys::of(&Key::Trail);
    let record = |number| keys::of(&Key::Record(number));
    let hole = "behind record 1 of the audit trail: expected record 2, found 3";
    for (lost, fault) in [
        (vec![trail.clone()], None),
        (vec![trail.clone(), record(2)], Some(hole)),
        (vec![trail.clone(), record(3)], None),
        (vec![record(3)], Some("counts 3 records, and 2 are here")),
    ] {
        let copy = open.copy();
        for key in &lost {
            change(&copy, None, Some(key.clone())).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let to = Site::new(Engine::Redb, folder.path().join("store"));
        let faults = salvaged(&copy, &to).await.report.faults;
        match fault {
            Some(fault) => {
                assert!(faults.iter().any(|it| it.to_string().contains(fault)), "{faults:?}");
            }
            None => assert!(faults.is_empty(), "{lost:?}: {faults:?}"),
        }
        put_back(&copy, &to);
        mark_anew(&copy).await;
        let net = crate::epochs::again(copy).await;
        net.service.record("start", "four".to_owned()).await;
        let after = everything_in(net.store.as_ref()).await.unwrap();
        let is_kept = |number: &u64| !lost.contains(&record(*number));
        for number in (1..=3).filter(is_kept) {
            let [before, after] = [&all, &after].map(|all| &all[&record(number)].1);
            assert_eq!(before, after, "record {number} was written over");
        }
        let last = if lost == [trail.clone(), record(3)] { 3 } else { 4 };
        assert!(after.contains_key(&record(last)), "{lost:?}");
        net.stop().await;
    }
}

#[tokio::test]
async fn a_scrub_says_what_is_wrong_and_where() {
    let (open, all) = with_messages(Engine::Redb).await;
    let report = looked_through(&open).await;
    assert!(report.is_whole(), "{:?}", report.faults);
    let counts = [What::Mailboxes, What::Entries, What::Messages, What::Bodies, What::Due];
    assert_eq!(counts.map(|what| report.of(what)), [(2, 0), (4, 0), (4, 0), (4, 0), (4, 0)]);
    assert_eq!(report.of(What::Accounts), (4, 0), "two accounts and two shares");
    assert_eq!(report.of(What::Values).0, all.len() as u64);

    let jp = contact("jp/cert");
    let mailbox = keys::of(&Key::Mailbox(jp.clone()));
    let entry = keys::of(&Key::Entry(jp.clone(), 2));
    let due = the_first(&all, b"due/");
    let account = the_first(&all, b"usage/messages/fr");
    let share = the_first(&all, b"share/jp/cert/fr");
    let answers = the_first(&all, b"answers/");
    let seven = codec::encode(&Value::Usage(Usage(7)));
    let none = codec::encode(&Value::Share(Share::default()));
    let waits = Waiting { messages: 1, bytes: 1 };
    let waits = Share { waiting: [(99, waits)].into(), ..Share::default() };
    let waits = codec::encode(&Value::Share(waits));
    let part = the_first(&all, b"part/contact/");
    let leaf = keys::log_entry(1);
    let Value::Mailbox(stands) =
        codec::decode(&Key::Mailbox(jp.clone()), &all[&mailbox].1).unwrap()
    else {
        panic!("a mailbox")
    };
    let chain = liaison::crypto::hash::Digest::of(b"another");
    let other = Value::Mailbox(liaison::domain::state::Mailbox { chain, ..stands });
    for (put, delete, what, says) in [
        (None, Some(&entry), What::Entries, "jp/cert 2: message "),
        (Some((&mailbox, codec::encode(&other))), None, What::Mailboxes, "the chain of jp/cert"),
        (Some((account, seven)), None, What::Accounts, "the account of fr is not the"),
        (None, Some(account), What::Accounts, "the account of fr is missing"),
        (None, Some(share), What::Accounts, "the share of fr in the mailbox of jp/cert is missing"),
        (Some((share, waits)), None, What::Accounts, "the share of fr in the mailbox of jp/cert"),
        (None, Some(answers), What::Messages, "the answers that are due to it are missing"),
        (None, Some(due), What::Due, "4 messages are there, and 3 of them will expire"),
        (None, Some(part), What::Parts, "is missing, and the log has it"),
        (Some((part, Bytes::from_static(b"x"))), None, What::Parts, "is not what the log says"),
        (None, Some(&leaf), What::Log, "entry 1 is missing"),
    ] {
        let copy = open.copy();
        change(&copy, put.map(|(key, value)| (key.clone(), value)), delete.cloned()).await;
        let report = looked_through(&copy).await;
        let Some(Fault { .. }) = report.faults.first() else { panic!("{says}: whole") };
        let found = report.faults.iter().any(|it| it.what == what && it.to_string().contains(says));
        assert!(found, "{says}: {:?}", report.faults);
    }

    // Days that are over are left out of a share.
    let copy = open.copy();
    change(&copy, Some((share.clone(), none)), None).await;
    assert!(looked_through(&copy).await.is_whole());

    // A message that is gone is named with its sender, in each mailbox.
    let copy = open.copy();
    for key in all.keys().filter(|key| key.starts_with(b"message/")) {
        change(&copy, None, Some(key.clone())).await;
    }
    let report = looked_through(&copy).await;
    let named = |number| {
        let of = |it: &&Fault| it.place == Some((jp.clone(), number));
        report.faults.iter().find(of).unwrap().message.as_ref().unwrap().1.clone()
    };
    assert_eq!([1, 2, 3].map(named), ["fr/cert"; 3].map(contact));

    // Bodies: one that is another, one that is gone; one that nobody names a crash leaves, too.
    for (damage, says) in [(0, "expected a body with digest"), (1, "is missing: ")] {
        let copy = open.copy();
        let digest = copy.blobs().list().await.unwrap()[0];
        let hex = digest.to_string();
        let file = copy.home.path().join("blobs").join(&hex[..2]).join(&hex[2..4]).join(&hex);
        match damage {
            0 => std::fs::write(&file, b"another").unwrap(),
            _ => std::fs::remove_file(&file).unwrap(),
        }
        let report = looked_through(&copy).await;
        let [fault] = &report.faults[..] else { panic!("{says}: {:?}", report.faults) };
        assert!(fault.what == What::Bodies && fault.to_string().contains(says), "{fault}");
    }
    let body = Bytes::from_static(b"nobody's");
    open.blobs().put(liaison::crypto::hash::Digest::of(&body), body).await.unwrap();
    let report = looked_through(&open).await;
    assert_eq!((report.faults, report.unnamed), (vec![], 1));
}

/// Of redb what was deleted may come back: entries of an earlier epoch are none of this one.
#[tokio::test]
async fn a_mailbox_that_is_saved_does_not_go_on_from_another_history() {
    let (open, all) = with_messages(Engine::Redb).await;
    let key = Key::Mailbox(contact("jp/cert"));
    let stored = keys::of(&key);
    let Value::Mailbox(stands) = codec::decode(&key, &all[&stored].1).unwrap() else {
        panic!("a mailbox")
    };
    let chain = liaison::crypto::hash::Digest::of(b"another");
    let later = Value::Mailbox(Mailbox { epoch: stands.epoch + 1, count: 2, chain });
    change(&open, Some((stored.clone(), codec::encode(&later))), None).await;
    let folder = tempfile::tempdir().unwrap();
    let to = Site::new(Engine::Redb, folder.path().join("store"));
    let done = salvaged(&open, &to).await;
    assert!(done.report.broken.contains(&contact("jp/cert")), "{:?}", done.report);
    let saved = everything_in(to.open(NAME).await.unwrap().as_ref()).await.unwrap();
    assert_eq!(codec::decode(&key, &saved[&stored].1).unwrap(), later);
}

pub(crate) async fn salvaged(open: &Open, to: &Site) -> Salvaged {
    tried(open, to).await.unwrap()
}

async fn tried(open: &Open, to: &Site) -> Result<Salvaged, StoreError> {
    let (blobs, settings) = (open.blobs(), open.settings());
    let blobs = Some(blobs.as_ref() as &dyn Blobs);
    let (name, high_water) = (&settings.name, &settings.high_water);
    salvage(&open.place(), Some(to), blobs, name, high_water, |_| ()).await
}

/// The salvaged store takes the place of the damaged one,
pub(crate) fn put_back(open: &Open, to: &Site) {
    std::fs::remove_dir_all(open.place().path()).unwrap();
    std::fs::rename(to.path(), open.place().path()).unwrap();
}

/// by the operator's word.
async fn mark_anew(open: &Open) {
    let marked = service::mark_anew(&open.place(), &Open::keys(), &open.settings()).await;
    let given_up = marked.unwrap().1.unwrap();
    assert!(given_up.mailboxes.is_empty(), "{given_up}");
}

/// Whatever follows from the rest is as it was, on both engines and from each to the other.
#[tokio::test]
async fn what_follows_from_the_rest_is_put_in_again() {
    for (engine, other) in [(Engine::Redb, Engine::Sled), (Engine::Sled, Engine::Redb)] {
        let (open, all) = with_messages(engine).await;
        let follows = |key: &Vec<u8>| {
            let prefixes =
                [&b"part/"[..], b"log/head", b"log/charter", b"mailbox/", b"entry/", b"due/"];
            prefixes.iter().any(|prefix| key.starts_with(prefix))
        };
        for key in all.keys().filter(|key| follows(key)) {
            change(&open, None, Some(key.clone())).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let to = Site::new(other, folder.path().join("store.of-today"));
        // A salvage that was cut off is begun anew; what it did not begin is somebody's.
        let fresh = folder.path().join("store.of-today.salvaged-in-part");
        let others = [folder.path().join("store.new"), fresh.clone(), fresh.join("blobs")];
        for other in others {
            std::fs::create_dir(&other).unwrap();
            std::fs::write(other.join("mine.txt"), b"mine").unwrap();
            if other.starts_with(&fresh) {
                let why = tried(&open, &to).await.unwrap_err().to_string();
                assert!(why.contains("salvaged-in-part"), "{why}");
                assert!(std::fs::read(other.join("mine.txt")).unwrap() == b"mine");
                std::fs::remove_file(other.join("mine.txt")).unwrap();
            }
        }
        std::fs::write(fresh.join("db"), b"half").unwrap();
        let before = contents(open.home.path());
        let done = salvaged(&open, &to).await;
        assert!(contents(open.home.path()) == before, "a file is another");
        assert!(!fresh.exists() && folder.path().join("store.new/mine.txt").exists());
        assert!(done.report.is_whole(), "{:?}", done.report.faults);
        assert_eq!((done.messages, done.shown), (4, Some(done.log)));
        let found = everything_in(to.open(NAME).await.unwrap().as_ref()).await.unwrap();
        let values = |all: &Everything| {
            all.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect::<Vec<_>>()
        };
        assert!(values(&found) == values(&all));
        let again = tried(&open, &to).await.unwrap_err().to_string();
        assert!(again.contains("it is there already"), "{again}");
    }
}

/// Of a file that is searched what was deleted may come back: one thing is due for each message, the last.
#[tokio::test]
async fn what_is_due_and_listed_follows_from_messages_alone() {
    let (open, all) = with_messages(Engine::Redb).await;
    let due: Vec<_> = all.keys().filter_map(|key| keys::read_due(key)).collect();
    let [Key::Due(at, id, sender), ..] = &due[..] else { panic!("{due:?}") };
    let step = |number| codec::encode(&Value::Due(Step::of_number(number).unwrap()));
    let later = Key::Due(at + 86_400, *id, sender.clone());
    let of_none = Key::Due(*at, *id, contact("kr/cert"));
    let body = the_first(&all, keys::BLOB);
    change(&open, Some((keys::of(&later), step(2))), Some(keys::LISTED.to_vec())).await;
    change(&open, Some((keys::of(&of_none), step(1))), Some(body.clone())).await;
    let said = looked_through(&open).await;
    assert_eq!(said.of(What::Bodies).1, 1, "{:?}", said.faults);
    let folder = tempfile::tempdir().unwrap();
    let to = Site::new(Engine::Redb, folder.path().join("store"));
    let done = salvaged(&open, &to).await;
    assert!(done.report.is_whole(), "{:?}", done.report.faults);
    let mut found = everything_in(to.open(NAME).await.unwrap().as_ref()).await.unwrap();
    assert_eq!(found.remove(&keys::of(&later)).unwrap().1, step(2));
    let values = |all: Everything| -> Vec<_> {
        all.into_iter().map(|(key, (_, value))| (key, value)).collect()
    };
    let mut before = all;
    before.remove(&keys::of(&due[0]));
    assert!(values(found) == values(before));
}

/// What is lost and named by nothing that is left is counted.
#[tokio::test]
async fn values_that_cannot_be_read_are_counted() {
    for engine in [Engine::Redb, Engine::Sled] {
        let (open, all) = with_messages(engine).await;
        let mailbox = &all[&keys::of(&Key::Mailbox(contact("jp/cert")))].1;
        crate::damages::spoil(&open, mailbox);
        let folder = tempfile::tempdir().unwrap();
        let to = Site::new(Engine::Redb, folder.path().join("store"));
        let done = salvaged(&open, &to).await;
        let faults = &done.report.faults;
        assert!(faults.iter().all(|it| it.what == What::Values), "the rest follows: {faults:?}");
        assert!(!faults.is_empty(), "{engine}");
    }
}

/// What stands beside messages is named if it is gone, and comes back from them and their entries.
#[tokio::test]
async fn what_stands_beside_messages_follows_from_them() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sent = Vec::new();
    for _ in 0..2 {
        sent.push(crate::epochs::send(&net, &fr, &[&jp]).await);
    }
    crate::epochs::answer(&net, &jp, &sent[1]).await;
    let open = closed(net).await;
    assert!(looked_through(&open).await.is_whole());
    let all = everything_in(open.place().open(NAME).await.unwrap().as_ref()).await.unwrap();
    let values = |all: &Everything| -> Vec<_> {
        all.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect()
    };
    let outcome = the_first(&all, b"outcome/");
    for (gone, named, is_as_before) in [
        (outcome, "jp/cert 3: message ", true),
        (the_first(&all, b"usage/"), "the account of", true),
        // Which receipts were here, and when a share was used last, nobody knows.
        (the_first(&all, b"answers/"), "the answers that are due to it are missing", false),
        (the_first(&all, b"share/"), "the share of", false),
    ] {
        let copy = open.copy();
        change(&copy, None, Some(gone.clone())).await;
        let faults = looked_through(&copy).await.faults;
        assert!(faults.iter().any(|it| it.to_string().contains(named)), "{named}: {faults:?}");
        let folder = tempfile::tempdir().unwrap();
        let to = Site::new(Engine::Redb, folder.path().join("store"));
        let done = salvaged(&copy, &to).await;
        assert!(done.report.is_whole() && done.mended > 0, "{named}: {:?}", done.report.faults);
        let found = everything_in(to.open(NAME).await.unwrap().as_ref()).await.unwrap();
        assert!(found.contains_key(gone), "{named}");
        assert!(!is_as_before || values(&found) == values(&all), "{named}");
    }
    // Of what only the sender's own colleagues said nothing is left, and that is listed.
    let entry = keys::of(&Key::Entry(jp.contact.clone(), 3));
    let Value::Entry(Entry::Shown(shown)) =
        codec::decode(&Key::Entry(jp.contact.clone(), 3), &all[&entry].1).unwrap()
    else {
        panic!("it shows an acknowledgement")
    };
    let digest = Entry::Shown(shown.clone()).chained().unwrap().1;
    let expired = Value::Entry(Entry::Gone(Gone { kind: shown.kind, digest, at: NOW }));
    change(&open, Some((entry, codec::encode(&expired))), Some(outcome.clone())).await;
    let folder = tempfile::tempdir().unwrap();
    let done = salvaged(&open, &Site::new(Engine::Redb, folder.path().join("store"))).await;
    let [fault] = &done.report.faults[..] else { panic!("{:?}", done.report.faults) };
    assert!(fault.to_string().contains("what became of it is missing"), "{fault}");
}

/// As an operator does it: what is left is served again, and what is gone was named with its sender.
#[tokio::test]
async fn what_was_saved_is_served_again_and_what_is_gone_is_named() {
    for engine in [Engine::Sled, Engine::Redb] {
        let net = TestNet::on(engine).await;
        let [fr, jp] = net.parties(["fr", "jp"]).await;
        let mut sent = vec![];
        for bytes in [1, 1, 150_000] {
            let sealed = crate::expiry::sealed(&net, &fr, &[&jp], bytes);
            let answer = net.client(&fr.tls()).await.submit(sealed.envelope.clone()).await;
            answer.unwrap();
            sent.push((sealed.id, sealed.envelope));
        }
        let open = closed(net).await;
        let all = everything_in(open.place().open(NAME).await.unwrap().as_ref()).await.unwrap();
        let message = keys::of(&Key::Message(sent[1].0, contact("fr/cert")));
        // Wherever it ever stood.
        let header = all[&message].1[200..264].to_vec();
        let file = if engine == Engine::Sled { "db" } else { "store.redb" };
        let file = open.place().path().join(file);
        let mut bytes = std::fs::read(&file).unwrap();
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(64).position(|part| *part == header[..]) {
            at += found;
            bytes[at] ^= 1;
        }
        assert!(at > 0);
        std::fs::write(&file, bytes).unwrap();
        let why = refused(&open).await.to_string();
        let named = |id: &MessageId| format!("message {id} from fr/cert: the message is missing");
        assert!(why.contains(&named(&sent[1].0)) && why.contains("liaisond salvage"), "{why}");
        let folder = tempfile::tempdir().unwrap();
        let to = Site::new(engine, folder.path().join("store"));
        let done = salvaged(&open, &to).await;
        // What stood in one frame with it is lost too; which that is, the time decides.
        let faults: Vec<_> = done.report.faults.iter().map(Fault::to_string).collect();
        let is_lost = |id: &MessageId| faults.iter().any(|it| it.contains(&named(id)));
        let lost: Vec<_> = sent.iter().filter(|(id, _)| is_lost(id)).collect();
        assert!(is_lost(&sent[1].0), "{faults:?}");
        assert_eq!(
            (done.messages, done.shown),
            (3 - lost.len() as u64, Some(done.log)),
            "{faults:?}"
        );
        assert!(done.report.broken == [contact("jp/cert")].into(), "{:?}", done.report.broken);
        put_back(&open, &to);
        let marked = open.copy();
        mark_anew(&marked).await;
        look(&marked).await.unwrap();
        let net = crate::epochs::again(marked).await;
        let mut client = net.client(&jp.tls()).await;
        let replica = Replica::fold(&mut client).await;
        let items = replica.collect(&mut client, &jp.contact).await.items;
        let of: Vec<_> = items.iter().map(|item| &*item.lost).collect();
        let said = sent.iter().map(|(id, _)| if is_lost(id) { "fr/cert" } else { "" });
        assert_eq!(of, said.collect::<Vec<_>>(), "it has not expired");
        drop(client);
        net.stop().await;
        // In a new epoch it comes again, and all is as if it had never been lost.
        let [anew] = &crate::epochs::begin(&open, &Which::default()).await.unwrap()[..] else {
            panic!("one begins anew")
        };
        assert_eq!(
            (&anew.contact, anew.again, anew.lost.len()),
            (&jp.contact, 3 - lost.len() as u64, lost.len())
        );
        let net = crate::epochs::again(open).await;
        for (_, envelope) in lost {
            net.client(&fr.tls()).await.submit(envelope.clone()).await.unwrap();
        }
        let mut client = net.client(&jp.tls()).await;
        let items = replica.collect_epoch(&mut client, (&jp.contact, 2)).await.items;
        let there: Vec<_> = items.iter().map(|item| item.gone.is_empty()).collect();
        assert_eq!(there, [true; 3]);
        drop(client);
        let report = looked_through(&closed(net).await).await;
        assert!(report.is_whole(), "{:?}", report.faults);
    }
}

#[tokio::test]
async fn a_log_that_would_go_back_is_said() {
    let (open, _) = with_messages(Engine::Redb).await;
    change(&open, None, Some(keys::log_entry(2))).await;
    let folder = tempfile::tempdir().unwrap();
    let done = salvaged(&open, &Site::new(Engine::Redb, folder.path().join("store"))).await;
    assert!(done.log < done.shown.unwrap());
    let says = |it: &Fault| it.what == What::Log && it.why.contains("entry 2 is missing");
    assert!(done.report.faults.iter().any(says), "{:?}", done.report.faults);
}

/// What the operator types, and what the exit codes say.
#[test]
fn the_commands_say_by_their_exit_code_whether_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("service");
    let to = folder.path().join("saved").display().to_string();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_liaisond"));
        let client = folder.path().join("client");
        let done = command.arg("--home").arg(&home).args(args).env("LIAISON_HOME", client).output();
        let done = done.unwrap();
        let says = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), says, String::from_utf8(done.stderr).unwrap())
    };
    let (code, _, why) = run(&["init", "--single", "--engine", "redb"]);
    assert_eq!(code, Some(0), "{why}");
    let (code, says, why) = run(&["scrub"]);
    assert!(code == Some(0) && says.contains("The store is whole."), "{says}{why}");
    let high_water = home.join("high-water");
    std::fs::remove_file(&high_water).unwrap();
    std::fs::create_dir(home.join("data/blobs")).unwrap();
    let (code, says, why) = run(&["store", "mark"]);
    assert!(code == Some(0) && says.contains("cp -al"), "{says}{why}");
    let file = home.join("data/store/store.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&file, bytes).unwrap();
    let (code, says, why) = run(&["scrub", "--json"]);
    let says: serde_json::Value = serde_json::from_str(&says).unwrap_or_else(|_| panic!("{why}"));
    assert!(code == Some(6) && says["whole"] == false, "{says}");
    let (code, says, _) = run(&["salvage", "--to", &to]);
    assert!(says.contains("values can be read"), "{says}");
    assert!(
        says.contains("does not fit what is left of the log") && !says.contains("Next"),
        "{says}"
    );
    assert!(matches!(code, Some(0 | 6)), "{code:?}");
    let (code, _, why) = run(&["salvage", "--to", &to]);
    assert!(code == Some(1) && why.contains("it is there already"), "{why}");
}

/// What a start would refuse is not called whole.
#[tokio::test]
async fn a_scrub_knows_how_far_members_were_shown() {
    let (open, _) = crate::damages::with_messages(Engine::Redb, 3).await;
    let settings = open.settings();
    let says = async |open: &Open| {
        let store = open.place().open(NAME).await.unwrap();
        let (mut report, of) = (Report::default(), (&settings.name, open.high_water()));
        goes_as_far(store.as_ref(), of.0, &of.1, &mut report).await.unwrap();
        report.faults.into_iter().map(|fault| fault.to_string()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(says(&open).await, "");
    let newer = std::fs::read(open.high_water()).unwrap();
    let older = open.copy();
    let net = crate::epochs::again(open).await;
    let [fr, jp] = ["fr/cert", "jp/cert"].map(|contact| Party::new(contact, 2));
    send(&net, &fr, &jp, 1).await;
    let open = closed(net).await;
    std::fs::copy(open.high_water(), older.high_water()).unwrap();
    let older = says(&older).await;
    assert!(
        older.contains("older than what this service has shown") && older.contains("jp/cert 4")
    );
    std::fs::write(open.high_water(), newer).unwrap();
    assert_eq!(says(&open).await, "");
    let copy = open.copy();
    change(&copy, Some((keys::log_entry(1), Bytes::from_static(b"another"))), None).await;
    assert!(says(&copy).await.contains("the log is not the one that members were shown"));
    std::fs::remove_file(open.high_water()).unwrap();
    assert!(says(&open).await.contains("it is missing"));
}

/// A log that would go back is not served: the screen says so, and not how to.
#[test]
fn nobody_is_told_to_serve_a_log_that_goes_back_or_may() {
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "liaisond --home service init --single --client-home registrar --engine redb",
        "cp -r service/data older",
        "liaisond --home service serve &",
        "liaison --home at join service/invitation.liaison --as at/cert-at/duty-1 --fingerprint \"DIGITS\"",
        "liaison --home registrar admin member admit at --name en=Austria --authority at.authority",
    ];
    drop(readme::served(&commands, folder.path()));
    let run = |script: &str| {
        let done = readme::run(script, folder.path());
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (says, why) = run("liaisond --home service salvage --to whole");
    let next = says.contains("Next: keep the damaged one") && says.contains("store mark");
    assert!(next, "{says}{why}");
    assert!(says.contains("cp -al service/data/blobs service/data/blobs.damaged"), "{says}");
    run("mv service/data newer; mv older service/data");
    let (says, why) = run("liaisond --home service salvage --to behind");
    assert!(says.contains("this store is not served before"), "{says}{why}");
    assert!(says.contains("The new store: behind") && !says.contains("Next"), "{says}");
    run("mv service/high-water high-water");
    let (says, why) = run("liaisond --home service salvage --to unknown");
    let not_known = "how many entries members were shown is not known: the high-water file cannot be \
                     used: it is missing";
    assert!(says.contains(not_known) && !says.contains("Next"), "{says}{why}");
    let (says, _) = run("liaisond --home service salvage --dry-run --json");
    let says: serde_json::Value = serde_json::from_str(&says).unwrap();
    assert_eq!((&says["log"], &says["log_shown"]), (&1.into(), &serde_json::Value::Null));
}

/// A disk that fails becomes one that cannot be written: then it is looked through and saved.
#[test]
fn a_store_that_cannot_be_written_is_looked_through_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str| readme::run(script, folder.path());
    if !run("unshare -rm true").status.success() {
        return;
    }
    for engine in ["sled", "redb"] {
        let init = format!(
            "liaisond --home {engine} init --single --client-home client-{engine} --engine {engine}"
        );
        assert!(run(&init).status.success());
        let read_only = format!(
            "unshare -rm bash -ec 'mount --bind {engine} {engine}; mount -o remount,ro,bind {engine}
             ! touch {engine}/tried
             liaisond --home {engine} scrub; liaisond --home {engine} salvage --to saved-{engine}
             liaisond --home {engine} serve'"
        );
        let done = run(&read_only);
        let (says, why) =
            (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        for words in ["The store is whole.", "The new store: saved-"] {
            assert!(says.contains(words), "{engine}: {says}{why}");
        }
        assert!(why.contains("EROFS") && why.contains("mount it for writing"), "{engine}: {why}");
    }
}
