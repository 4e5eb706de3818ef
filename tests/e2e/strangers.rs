//! Other people's gRPC: buf's (Go) and grpcio's (C), each over mutual TLS with the files that
//! `liaisond init` would write.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use liaison::client::address::Address;
use liaison::client::message::compose::Outside;
use liaison::domain::ids::ContactId;
use liaison::store::Engine;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{
    CollectRequest, CollectResponse, GetCheckpointResponse, GetEntriesRequest,
};
use prost::Message as _;
use rcgen::PKCS_ECDSA_P256_SHA256;

use crate::expiry::{begins, served_at};
use crate::support::{DAY, NOW, Party, TestNet, Trust, alert, home, says, soon};
use liaison::crypto::sign::SigningKey;
use liaison::domain::directory::possession::prove;
use liaison::signed::proto::Use;

/// The three files of a stock client: authority, certificate, key. Its key is a P-256 one, as
/// stock tools make them.
pub(crate) struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    /// For the first seat of a party, in whose roster it stands from then on.
    pub(crate) async fn new(net: &TestNet, party: &Party) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2090, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), net.ca_pem()).unwrap();
        std::fs::write(dir.path().join("seat.pem"), certificate.pem()).unwrap();
        std::fs::write(dir.path().join("seat.key"), key.serialize_pem()).unwrap();
        let spki = liaison::crypto::cert::PeerCertificate::parse(certificate.der()).unwrap();
        // What a stock tool made signs for itself that its holder has it.
        let own = SigningKey::from_pkcs8(&key.serialize_der(), net.open.ambient.random()).unwrap();
        assert_eq!(own.public(), spki.key());
        let seat = format!("{}/duty-1", party.contact);
        let listed = prove(&own, &seat, Use::Tls, net.open.ambient.random()).unwrap();
        let roster = says::roster(&net.replica(), party.contact.as_str(), party.seats.len());
        net.say(roster.with(|roster| roster.seats[0].tls = Some(listed))).await;
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Calls the service with grpcio: peer.py.
    fn peer(&self, address: &Address) -> Command {
        let mut peer = Command::new("python3");
        peer.arg(repository().join("tests/second/peer.py")).arg(address.to_string());
        peer.args(["ca.pem", "seat.pem", "seat.key"].map(|name| self.path(name)));
        peer
    }

    /// Every answer to a request, in hexadecimal.
    async fn call(&self, address: &Address, method: &str, request: Vec<u8>) -> Vec<String> {
        let mut peer = self.peer(address);
        peer.args([method, &hex::encode(request)]);
        let got = output("peer.py", peer).await;
        assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
        String::from_utf8(got.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    /// The whole mailbox of the seat, answer by answer, and the log to judge it by.
    pub(crate) async fn collect(&self, address: &Address) -> Vec<String> {
        let all = GetEntriesRequest { start: 0, limit: 1000 }.encode_to_vec();
        let entries = self.call(address, "DirectoryService/GetEntries", all).await;
        std::fs::write(self.path("entries"), entries.join("\n")).unwrap();
        let all = CollectRequest::default().encode_to_vec();
        self.call(address, "RelayService/Collect", all).await
    }

    /// What the second implementation says of a mailbox: verify.py.
    pub(crate) async fn judge(&self, contact: &ContactId, answers: &[String]) -> String {
        std::fs::write(self.path("answers"), answers.join("\n")).unwrap();
        let mut second = Command::new("python3");
        second.arg(repository().join("tests/second/verify.py")).arg("--mailbox");
        second.arg(self.dir.path()).args([contact.as_str(), "0", "-"]);
        let judged = output("verify.py", second).await;
        assert!(judged.stderr.is_empty(), "{}", String::from_utf8_lossy(&judged.stderr));
        String::from_utf8(judged.stdout).unwrap()
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

async fn output(what: &'static str, mut command: Command) -> Output {
    let output = soon(what, tokio::task::spawn_blocking(move || command.output())).await;
    output.unwrap().unwrap_or_else(|why| panic!("{what} cannot be run ({why}): ./test installs it"))
}

#[tokio::test]
async fn buf_gets_the_checkpoint_over_mutual_tls() {
    let net = TestNet::memory().await;
    let [fr] = net.parties(["fr"]).await;
    let files = Files::new(&net, &fr).await;
    let url = format!("https://{}/liaison.v1.DirectoryService/GetCheckpoint", net.address);
    let mut curl = Command::new("buf");
    curl.args(["curl", "--protocol", "grpc", "--schema"]).arg(repository().join("proto"));
    curl.arg("--cacert").arg(files.path("ca.pem"));
    curl.args(["--data", "{}"]);
    let mut stranger = Command::new("buf");
    stranger.args(curl.get_args()).arg(&url);
    curl.arg("--cert").arg(files.path("seat.pem")).arg("--key").arg(files.path("seat.key"));
    curl.arg(&url);
    let got = output("buf curl", curl).await;
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    let got: serde_json::Value = serde_json::from_slice(&got.stdout).unwrap();
    let encoded =
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &net.service.state().checkpoint);
    assert_eq!(got["checkpoint"], encoded);
    // Without a certificate it is refused, and buf can read why.
    let refused = output("buf curl", stranger).await;
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("permission_denied") && said.contains("a seat in force"), "{said}");
}

#[tokio::test]
async fn grpcio_gets_the_checkpoint_over_mutual_tls() {
    let open = home(Engine::Memory);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::of_p256()).await;
    let [fr] = net.parties(["fr"]).await;
    let files = Files::new(&net, &fr).await;
    let got = output("peer.py", files.peer(&net.address)).await;
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    let answer = GetCheckpointResponse::decode(&got.stdout[..]).unwrap();
    assert_eq!(answer.checkpoint, net.service.state().checkpoint);
}

/// Written from the page alone, and over another's gRPC.
#[tokio::test]
async fn the_second_implementation_follows_a_mailbox_that_begins_late() {
    let open = home(Engine::Memory);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::of_p256()).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let files = Files::new(&net, &jp).await;
    let send = async |net: &TestNet, lives: u64| {
        let (replica, ambient) = (net.replica(), &net.open.ambient);
        let expires = Some(ambient.now() + lives);
        let outside = Outside { expires, ..fr.outside(&[&jp], &replica) };
        let sealed = fr.seal(outside, &alert("x"), &replica, ambient);
        net.client(&fr.tls()).await.submit(sealed.envelope).await.unwrap();
    };
    for lives in [60, 120, 30 * DAY] {
        send(&net, lives).await;
    }
    let net = served_at(NOW + 120 + DAY, net, Trust::of_p256()).await;
    let net = served_at(NOW + 120 + 31 * DAY, net, Trust::of_p256()).await;
    begins(&net, &jp).await;
    send(&net, 60).await;
    std::fs::write(files.path("ca.pem"), net.ca_pem()).unwrap();
    let answers = files.collect(&net.address).await;
    let judge = async |answers: &[String]| files.judge(&jp.contact, answers).await;
    assert_eq!(judge(&answers).await, "accepted: 1 entries, 1 gone, 2 forgotten\n");
    // Another chain value at the beginning, another gone entry, none at all.
    let [begins, gone, rest @ ..] = &answers[..] else { panic!("{answers:?}") };
    let flip = |line: &String| {
        let last = if line.ends_with("00") { "01" } else { "00" };
        format!("{}{last}", &line[..line.len() - 2])
    };
    let altered = {
        let answer = hex::decode(begins).unwrap();
        let mut answer = CollectResponse::decode(&answer[..]).unwrap();
        let Some(Answer::Beginning(begins)) = &mut answer.item else { panic!("{answer:?}") };
        begins.chain = vec![7; 32].into();
        hex::encode(answer.encode_to_vec())
    };
    for lie in [
        [&[altered, gone.clone()], rest].concat(),
        [&[begins.clone(), flip(gone)], rest].concat(),
        answers[..1].iter().chain(rest).cloned().collect(),
        answers[1..].to_vec(),
        [&[begins.clone(), begins.clone(), gone.clone()], rest].concat(),
    ] {
        assert_eq!(judge(&lie).await, "refused: MAILBOX_HISTORY\n");
    }
}
