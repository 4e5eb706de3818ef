//! The service's own keys are rotated (guarantee G9): never two that sign, never none, and what the old one
//! signed stays good.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Child;

use bytes::Bytes;
use liaison::client::message::receipt::{self, About, VerifiedAccepted};
use liaison::crypto::sign::KeyId;
use liaison::domain::ids::ContactId;
use liaison::domain::refusal::OwnKey;
use liaison::service::{CannotStart, KeyState, NotDone, Service, Staged};
use liaison::signed::dsse::Kind;
use liaison::signed::proto;
use liaison::store::Engine;
use liaison::tlog::checkpoint::VerifiedCheckpoint;
use liaison::tlog::note::KeyName;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectResponse, GetEntriesRequest, GetStatusRequest};
use prost::Message as _;
use tempfile::TempDir;
use tonic::Streaming;

use crate::crash::Random;
use crate::support::{
    Client, NAME, Open, Party, Replica, TestNet, Trust, bash, dates, key, key_id, says, soon,
};

/// A charter whose keys of one use are these, by age.
fn listing(net: &TestNet, of: OwnKey, keys: Vec<proto::PublicKey>) -> says::Said {
    says::charter(&net.replica()).with(|charter| lists(charter, of, keys)).said()
}

pub(crate) fn lists(charter: &mut proto::Charter, of: OwnKey, keys: Vec<proto::PublicKey>) {
    match of {
        OwnKey::Log => charter.log = keys,
        OwnKey::Relay => charter.relay = keys,
        OwnKey::Authority => unreachable!("it is listed as a certificate"),
    }
}

/// What the charter in force lists.
pub(crate) fn listed(net: &TestNet, of: OwnKey) -> Vec<proto::PublicKey> {
    let charter = net.replica().directory.charter().payload.clone();
    let charter = proto::Charter::decode(charter).unwrap();
    if of == OwnKey::Log { charter.log } else { charter.relay }
}

pub(crate) fn signed_by(bytes: &[u8]) -> KeyId {
    let signatures = proto::Dsse::decode(bytes).unwrap().signatures;
    KeyId::from_digest(signatures[0].key_id[..].try_into().unwrap())
}

/// Whether this very key has signed a checkpoint.
pub(crate) fn is_signed(checkpoint: &[u8], by: &proto::PublicKey) -> bool {
    let key = liaison::crypto::sign::VerifyingKey::from_spki(&by.key).unwrap();
    VerifiedCheckpoint::verify(checkpoint, &KeyName::parse(NAME).unwrap(), &[key]).is_ok()
}

fn state(service: &Service, id: KeyId) -> Option<KeyState> {
    service.own_keys().into_iter().find(|key| key.id == id).map(|key| key.state)
}

/// Restarts it: what is not on the disk, or in the keys folder, is gone.
async fn again(net: TestNet) -> TestNet {
    let open = net.stop().await.0;
    let store = open.place().open(NAME).await.unwrap();
    TestNet::serve(open, store, Trust::new(dates())).await
}

async fn next(stream: &mut Streaming<CollectResponse>) -> Answer {
    soon("what was sent", stream.message()).await.unwrap().unwrap().item.unwrap()
}

fn accepted(
    replica: &Replica,
    digest: liaison::crypto::hash::Digest,
    to: &ContactId,
    bytes: &[u8],
) -> VerifiedAccepted {
    let root_at = |size| replica.root_at(size);
    let about = About { digest, contacts: vec![to.clone()], view: 1 };
    receipt::verify_accepted((&replica.directory, &root_at), &about, bytes).unwrap()
}

/// A message that goes through, and its receipt.
struct Sent {
    digest: liaison::crypto::hash::Digest,
    id: Bytes,
    receipt: Bytes,
}

async fn send(net: &TestNet, (from, to): (&Party, &Party), client: &mut Client) -> Sent {
    let sealed = from.compose(&[to], &net.replica(), &net.open.ambient);
    let receipt = client.submit(sealed.envelope.clone()).await.unwrap();
    Sent { digest: sealed.header_digest, id: sealed.id.as_bytes().to_vec().into(), receipt }
}

async fn checkpoint(client: &mut Client) -> Bytes {
    let request = GetEntriesRequest { start: 0, limit: 1 };
    client.directory.get_entries(request).await.unwrap().into_inner().checkpoint
}

/// Each step with a start in between: the old key alone, both, the new one alone, and the old one deleted.
async fn rotated(of: OwnKey) {
    let mut net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let before = listed(&net, of);
    let old = key_id(of.word());
    let first = {
        let mut client = net.client(&fr.tls()).await;
        send(&net, (&fr, &jp), &mut client).await
    };
    let old_checkpoint = net.service.state().checkpoint.clone();

    let staged = net.service.stage_key(of).await.unwrap();
    let same = Staged { before: true, ..staged.clone() };
    assert_eq!(net.service.stage_key(of).await.unwrap(), same, "asked again");
    assert_eq!(state(&net.service, staged.id), Some(KeyState::Staged));
    let Staged { id: new, listed: Some(new_key), .. } = staged.clone() else { panic!("a key") };
    net = again(net).await;
    assert_eq!(net.service.stage_key(of).await.unwrap(), same, "also after a start");

    for (keys, states) in [
        (
            [&before[..], std::slice::from_ref(&new_key)].concat(),
            [KeyState::Overlapping, KeyState::InForce],
        ),
        (vec![new_key.clone()], [KeyState::Retired, KeyState::InForce]),
    ] {
        // Who follows goes on following, and what is sent meanwhile arrives.
        let mut stream = {
            let mut client = net.client(&jp.tls()).await;
            let mut stream = client.collect(0, true).await.unwrap();
            while !matches!(next(&mut stream).await, Answer::Head(_)) {}
            stream
        };
        let mut client = net.client(&fr.tls()).await;
        net.service.settle().await;
        let shown_before = std::fs::read(net.open.high_water()).unwrap();
        net.say(listing(&net, of, keys)).await;
        assert_eq!([old, new].map(|id| state(&net.service, id).unwrap()), states);
        let sent = send(&net, (&fr, &jp), &mut client).await;
        let replica = Replica::fold(&mut client).await;
        accepted(&replica, sent.digest, &jp.contact, &sent.receipt);
        while !matches!(next(&mut stream).await, Answer::Message(_)) {}
        let shown = checkpoint(&mut client).await;
        if of == OwnKey::Log {
            assert!(is_signed(&shown, &new_key) && !is_signed(&shown, &before[0]));
        } else {
            assert!(is_signed(&shown, &listed(&net, OwnKey::Log)[0]));
            assert_eq!(signed_by(&sent.receipt), new);
        }
        // What the old one signed is what it was.
        accepted(&replica, first.digest, &jp.contact, &first.receipt);
        let request = GetStatusRequest { id: first.id.clone() };
        let status = client.relay.get_status(request).await.unwrap().into_inner();
        assert_eq!(
            accepted(&replica, first.digest, &jp.contact, &status.accepted).view(),
            accepted(&replica, first.digest, &jp.contact, &first.receipt).view()
        );
        let mut reader = net.client(&jp.tls()).await;
        replica.collect(&mut reader, &jp.contact).await;
        let log = listed(&net, OwnKey::Log);
        assert!(is_signed(&old_checkpoint, if of == OwnKey::Log { &before[0] } else { &log[0] }));
        // A key that is listed is not let go of.
        let refused = net.service.retire_key(new).await.unwrap_err();
        assert_eq!(refused, NotDone::StillListed { of, id: new });
        if states[0] == KeyState::Overlapping {
            let refused = net.service.retire_key(old).await.unwrap_err();
            assert_eq!(refused, NotDone::StillListed { of, id: old });
        }
        drop((stream, client, reader));
        // Cut off between the commit and what it was to show, the file has an older checkpoint.
        let open = net.stop().await.0;
        std::fs::write(open.high_water(), shown_before).unwrap();
        let store = open.place().open(NAME).await.unwrap();
        net = TestNet::serve(open, store, Trust::new(dates())).await;
    }

    net.service.retire_key(old).await.unwrap();
    assert_eq!(state(&net.service, old), None);
    assert_eq!(net.service.retire_key(old).await, Err(NotDone::NoSuchKey(old)));
    net = again(net).await;
    let mut client = net.client(&fr.tls()).await;
    let replica = Replica::fold(&mut client).await;
    // The old key is gone, and with it nobody's receipt: it says the same, with the view of now.
    let request = GetStatusRequest { id: first.id.clone() };
    let status = client.relay.get_status(request).await.unwrap().into_inner();
    let told = accepted(&replica, first.digest, &jp.contact, &status.accepted);
    assert_eq!(
        told.places(),
        accepted(&replica, first.digest, &jp.contact, &first.receipt).places()
    );
    if of == OwnKey::Relay {
        assert_eq!((signed_by(&status.accepted), told.view().size), (new, replica.view().size));
    }
    send(&net, (&fr, &jp), &mut client).await;
    // And it never returns.
    let again = listing(&net, of, [before, vec![new_key]].concat());
    assert_eq!(net.stranger().await.enrol(again).await.unwrap(), Err("KEY_REUSED".to_owned()));
    // The second implementation reads the log with all its charters.
    let (log, note) = (log_of(&net).await, net.service.state().checkpoint.clone());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), log).unwrap();
    std::fs::write(folder.path().join("checkpoint"), note).unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/verify.py");
    let judged = bash(&format!("python3 {page} log checkpoint"), &folder).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    assert!(said.starts_with("accepted: un.example"), "{said}");
}

/// As the golden logs are written.
async fn log_of(net: &TestNet) -> String {
    let mut client = net.client("fr/cert/duty-1 tls").await;
    let (mut text, mut start) = (String::from("# A log\n"), 0);
    loop {
        let request = GetEntriesRequest { start, limit: 100 };
        let page = client.directory.get_entries(request).await.unwrap().into_inner();
        if page.entries.is_empty() {
            return text + &format!("root {}\n", hex(net.service.state().head.root.as_bytes()));
        }
        start += page.entries.len() as u64;
        for entry in &page.entries {
            text += &format!("{} {}\n", kind(entry), hex(entry));
        }
    }
}

/// The kind of statement in an entry.
fn kind(entry: &Bytes) -> String {
    let entry = proto::Entry::decode(entry.clone()).unwrap();
    let Some(proto::entry::Leaf::Statement(statement)) = entry.leaf else { panic!("a statement") };
    let of = proto::Dsse::decode(statement).unwrap().payload_type;
    let of = of.strip_prefix("application/vnd.liaison.").unwrap();
    of.strip_suffix(".v1+protobuf").unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_log_key_is_rotated_under_a_live_stream_and_what_the_old_one_signed_stays_good() {
    rotated(OwnKey::Log).await;
}

#[tokio::test]
async fn a_relay_key_is_rotated_under_a_live_stream_and_what_the_old_one_signed_stays_good() {
    rotated(OwnKey::Relay).await;
}

/// What is decided beside the charter that ends a key has the view before it.
#[tokio::test]
async fn what_is_accepted_in_the_very_round_of_a_rotation_is_signed_by_the_key_of_its_view() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    for turn in 0..6 {
        let staged = net.service.stage_key(OwnKey::Relay).await.unwrap();
        let charter = listing(&net, OwnKey::Relay, vec![staged.listed.unwrap()]);
        let sealed: Vec<_> =
            (0..8).map(|_| fr.compose(&[&jp], &net.replica(), &net.open.ambient)).collect();
        let client = net.client(&fr.tls()).await;
        let sending = sealed.iter().map(|sealed| {
            let (mut client, envelope) = (client.clone(), sealed.envelope.clone());
            async move { client.submit(envelope).await.unwrap() }
        });
        let rotating = net.say(charter);
        let (_, receipts) = tokio::join!(rotating, futures_util::future::join_all(sending));
        let replica = Replica::fold(&mut client.clone()).await;
        for (sealed, receipt) in sealed.iter().zip(&receipts) {
            accepted(&replica, sealed.header_digest, &jp.contact, receipt);
        }
        assert_eq!(state(&net.service, staged.id), Some(KeyState::InForce), "turn {turn}");
    }
}

#[tokio::test]
async fn no_charter_is_logged_under_which_the_service_could_not_sign() {
    let net = TestNet::on(Engine::Redb).await;
    let before = net.everything().await;
    for of in [OwnKey::Log, OwnKey::Relay] {
        let usage = if of == OwnKey::Log { proto::Use::Log } else { proto::Use::Relay };
        let foreign = says::proven("nobody", &format!("{}/{NAME}", of.word()), usage);
        let own = listed(&net, of);
        for keys in [vec![foreign.clone()], [&own[..], std::slice::from_ref(&foreign)].concat()] {
            let answer = net.stranger().await.enrol(listing(&net, of, keys)).await.unwrap();
            assert_eq!(answer, Err("SERVICE_KEY_MISSING".to_owned()), "{of:?}");
        }
        // One that is listed, and not as the newest, is no business of ours.
        assert_eq!(net.everything().await, before, "nothing is stored");
    }
    for of in [OwnKey::Log, OwnKey::Relay] {
        let usage = if of == OwnKey::Log { proto::Use::Log } else { proto::Use::Relay };
        let name = format!("another {}", of.word());
        let foreign = says::proven(&name, &format!("{}/{NAME}", of.word()), usage);
        net.say(listing(&net, of, [vec![foreign], listed(&net, of)].concat())).await;
    }
}

/// What is shown already is believed for as long as it holds; with another authority the service goes on, and
/// so do those who know only the first.
#[test]
fn a_service_that_lost_its_authority_gets_another_by_charter_and_nobody_is_lost() {
    for node_too in [false, true] {
        let mut typed = Typed::new();
        typed.good("liaison --home old sync && liaison --home registrar sync");
        typed.stop();
        let old = typed.ids("ca", "in force").remove(0);
        typed.good("rm service/keys/service-ca.pem");
        let lost = "if it is lost for good, liaisond key stage ca";
        if node_too {
            typed.good("rm service/keys/node.pem");
            typed.refused("timeout 60 liaisond --home service serve", lost);
        } else {
            typed.serve();
            typed.good("liaison --home old sync");
            typed.good(&format!("grep 'cannot be renewed' service.txt | grep '{lost}'"));
            typed.stop();
            typed.refused("liaisond --home service node renew", lost);
        }
        typed.good("liaisond --home service key stage ca --out ca.crt");
        let draft = format!("charter draft --service-ca ca.crt --remove-service-ca {old}");
        if node_too {
            typed.good(&format!(
                "liaison --home registrar {draft} --out next.draft\n\
                 liaisond --home service charter put next.draft"
            ));
            typed.serve();
        } else {
            typed.serve();
            typed.good(&format!("liaison --home registrar {draft} --yes"));
        }
        for home in ["registrar", "old", "first"] {
            typed.good(&format!("liaison --home {home} sync"));
        }
        typed.stop();
        let new = typed.ids("ca", "in force");
        assert!(new.len() == 1 && new[0] != old, "{new:?}");
        typed.good("liaisond --home service node renew");
        typed.serve();
        typed.good("liaison --home first sync");
    }
}

/// The registrars name another log key, and the service that lost the old one goes on.
#[tokio::test]
async fn a_service_that_lost_its_log_key_goes_on_with_a_charter_that_is_put() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut client = net.client(&fr.tls()).await;
    let first = send(&net, (&fr, &jp), &mut client).await;
    let charter = says::charter(&net.replica());
    drop(client);
    let mut open = net.stop().await.0;
    let nothing = liaison::service::Keys::in_memory(key("x"), key("relay"), open.ambient.clone());
    open.keys = nothing;
    let Err(CannotStart::Key { of: OwnKey::Log, id }) = open.start_again().await else {
        panic!("expected that it does not start")
    };
    assert_eq!(id, key_id("log"));
    let directory = liaison::service::directory(&open.place(), &open.settings()).await.unwrap();
    let staged = open.keys.stage(OwnKey::Log, &directory, &open.ambient).unwrap();
    let charter = |keys: Vec<proto::PublicKey>| {
        says::sign(
            Kind::Charter,
            {
                let mut said =
                    proto::Charter::decode(proto::Dsse::decode(charter.bytes()).unwrap().payload)
                        .unwrap();
                said.log = keys;
                said.encode_to_vec()
            },
            &["alice".to_owned()],
        )
    };
    let put = async |open: &Open, charter: Bytes| {
        let store = open.place().open(NAME).await.unwrap();
        let (keys, settings) = (open.keys.clone(), open.settings());
        liaison::service::put_charter(store, open.blobs(), keys, settings, charter).await
    };
    let foreign = says::proven("nobody", &format!("log/{NAME}"), proto::Use::Log);
    let refused = put(&open, charter(vec![foreign])).await;
    assert!(matches!(refused, Err(CannotStart::Charter(_))), "{refused:?}");
    let shown_before = std::fs::read(open.high_water()).unwrap();
    put(&open, charter(vec![staged.listed.unwrap()])).await.unwrap();
    // Cut off between the commit and what it was to show, the file has a checkpoint of the key that ended.
    std::fs::write(open.high_water(), shown_before).unwrap();
    let store = open.place().open(NAME).await.unwrap();
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let mut client = net.client(&fr.tls()).await;
    let replica = Replica::fold(&mut client).await;
    accepted(&replica, first.digest, &jp.contact, &first.receipt);
    send(&net, (&fr, &jp), &mut client).await;
}

/// A service as its operator types, with a registrar and a reader who joined on the first day.
struct Typed {
    folder: TempDir,
    port: u16,
    service: Option<Child>,
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Typed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = crate::support::free_port();
        let mut typed = Self { folder, port, service: None };
        typed.good(&format!(
            "liaisond --home service init --single --client-home registrar --listen 127.0.0.1:{port}\n\
             cp -r registrar old\ncp -r registrar first"
        ));
        typed.serve();
        typed
    }

    fn serve(&mut self) {
        assert!(self.serve_by("exec"), "it does not serve");
    }

    /// Whether it serves before it ends.
    fn serve_by(&mut self, starts: &str) -> bool {
        let serve = format!("{starts} liaisond --home service serve 2>>service.txt");
        let service = self.service.insert(bash(&serve, &self.folder).spawn().unwrap());
        while service.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
        }
        false
    }

    fn stop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = service.kill();
            let _ = service.wait();
        }
    }

    /// What it prints.
    fn run(&self, script: &str) -> (String, i32) {
        let output =
            bash(&format!("set -eu -o pipefail\n{script}"), &self.folder).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        // Whom a signal ends has no code.
        (String::from_utf8_lossy(&text).into_owned(), output.status.code().unwrap_or(-1))
    }

    fn good(&self, script: &str) -> String {
        let (text, code) = self.run(script);
        assert_eq!(code, 0, "{script}\n{text}");
        text
    }

    fn refused(&self, script: &str, says: &str) {
        let (text, code) = self.run(script);
        assert!(code != 0 && text.contains(says), "{script}\n{text}");
    }

    /// The ids of the keys of one use that stand so.
    fn ids(&self, of: &str, state: &str) -> Vec<String> {
        let listed = self.good("liaisond --home service key list --json 2>/dev/null");
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let keys = listed["keys"].as_array().unwrap().iter();
        let is_it = |key: &&serde_json::Value| key["key"] == of && key["state"] == state;
        keys.filter(is_it).map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn all_keys_are_rotated_as_it_is_typed_and_who_knows_only_the_first_charter_comes_through() {
    let mut typed = Typed::new();
    typed.good("liaison --home old sync && liaison --home registrar sync");
    typed.refused("liaisond --home service key stage log --out log.key", "served already");
    typed.stop();
    let old = ["log", "relay", "ca"].map(|of| typed.ids(of, "in force").remove(0));
    for (of, file) in [("log", "log.key"), ("relay", "relay.key"), ("ca", "ca.crt")] {
        typed.good(&format!("liaisond --home service key stage {of} --out {file}"));
        let first = typed.ids(of, "staged");
        typed.good(&format!(
            "liaisond --home service key stage {of} --out again | grep 'made before' && cmp {file} again"
        ));
        assert_eq!((typed.ids(of, "staged"), first.len()), (first, 1), "{of}");
    }
    let new = ["log", "relay", "ca"].map(|of| typed.ids(of, "staged").remove(0));
    typed.serve();
    let draft = "liaison --home registrar charter draft --yes";
    typed.refused(&format!("{draft} --log-key relay.key"), "no log key");
    typed.refused(&format!("{draft} --remove-log-key {}", old[0]), "a charter needs a log key");
    typed.good(&format!("{draft} --log-key log.key --relay-key relay.key --service-ca ca.crt"));
    typed.good("liaison --home old sync && liaison --home old doctor || true");
    typed.stop();
    for (of, id) in ["log", "relay"].iter().zip(&new) {
        assert_eq!(typed.ids(of, "in force"), std::slice::from_ref(id));
        assert_eq!(typed.ids(of, "overlapping").len(), 1);
    }
    typed.refused(
        &format!("liaisond --home service key retire {}", old[0]),
        "stands in the charter",
    );
    let authority = |typed: &Typed| {
        let shown = typed.good("liaisond --home service node show --json");
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["authority"].as_str().unwrap().to_owned()
    };
    assert_eq!(authority(&typed), old[2], "a newer authority takes over when members know it");
    typed.serve();
    let [log, relay, ca] = &old;
    typed.good(&format!(
        "{draft} --remove-log-key {log} --remove-relay-key {relay} --remove-service-ca {ca}"
    ));
    // What is shown now nobody can believe who knows only the first charter: he asks for the next.
    for home in ["registrar", "old", "first"] {
        typed
            .good(&format!("liaison --home {home} sync && liaison --home {home} directory verify"));
    }
    typed.stop();
    assert_eq!(authority(&typed), new[2], "it followed the charter that ends the old one");
    typed.refused(&format!("liaisond --home service key retire {}", &log[..63]), "all 64 digits");
    // A copy that somebody made goes with it.
    typed.good("cp service/keys/log.pem service/keys/log-copy.pem");
    for id in &old {
        typed.good(&format!("liaisond --home service key retire {id}"));
    }
    assert_eq!(typed.ids("log", "retired").len() + typed.ids("relay", "retired").len(), 0);
    typed.serve();
    typed.good("liaison --home first sync");
    typed.stop();

    // The log key is lost.
    typed.good(&format!("rm service/keys/log-{}.pem", &new[0][..16]));
    typed.refused("timeout 60 liaisond --home service serve", "liaisond key stage log");
    typed.good(
        "liaisond --home service key stage log --out lost.key\n\
         liaison --home registrar charter draft --log-key lost.key --out next.draft",
    );
    typed.refused("liaisond --home service key retire none", "no key none");
    typed.good("liaisond --home service charter put next.draft");
    typed.serve();
    typed.good("liaison --home old sync && liaison --home old directory verify");
    typed.good("liaison --home first sync");
}

/// Becomes a program that a signal ends after so many seconds, wherever it is.
const DIES: &str = "import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1])); \
                    os.execvp(sys.argv[2], sys.argv[2:])";

/// The service, and the commands at its keys, are killed at moments that a seed draws. The same command
/// given again ends what was begun, and there is exactly one usable set of keys.
#[test]
fn who_is_killed_at_any_moment_of_a_rotation_ends_it_by_the_same_commands() {
    let (seed, mut random) = Random::seeded();
    writeln!(std::io::stderr(), "LIAISON_SEED={seed}").unwrap();
    let mut typed = Typed::new();
    typed.good("liaison --home old sync && liaison --home registrar sync");
    typed.stop();
    let mut kills = 0;
    // Dies after so many milliseconds, twice; then it is let live.
    let mut lives = move || {
        kills += 1;
        let ms = if kills % 3 == 0 { 60_000 } else { random.below(400) };
        format!("exec python3 -c '{DIES}' {}.{:03}", ms / 1_000, ms % 1_000)
    };
    let one_is_in_force = |typed: &Typed| {
        for of in ["log", "relay", "ca"] {
            assert_eq!(typed.ids(of, "in force").len(), 1, "{of}, seed {seed}");
        }
    };
    for (of, file, flag) in [
        ("log", "log.key", "log-key"),
        ("relay", "relay.key", "relay-key"),
        ("ca", "ca.crt", "service-ca"),
    ] {
        let old = typed.ids(of, "in force").remove(0);
        let stage = format!("liaisond --home service key stage {of} --out {file}");
        while typed.run(&format!("{} {stage}", lives())).1 != 0 {}
        let staged = typed.ids(of, "staged");
        assert_eq!(staged.len(), 1, "{of}, seed {seed}");
        let draft = "liaison --home registrar charter draft --yes";
        for (change, state) in [
            (format!("--{flag} {file}"), "overlapping"),
            (format!("--remove-{flag} {old}"), "retired"),
        ] {
            while typed.ids(of, state) != std::slice::from_ref(&old) {
                typed.serve_by(&lives());
                typed.run(&format!("{draft} {change}"));
                typed.stop();
                one_is_in_force(&typed);
            }
        }
        while !typed.ids(of, "retired").is_empty() {
            typed.run(&format!("{} liaisond --home service key retire {old}", lives()));
            one_is_in_force(&typed);
        }
        assert_eq!(typed.ids(of, "in force"), staged, "{of}, seed {seed}");
    }
    typed.serve();
    for home in ["registrar", "old", "first"] {
        typed
            .good(&format!("liaison --home {home} sync && liaison --home {home} directory verify"));
    }
    typed.stop();
    typed.good("liaisond --home service scrub");
}
