//! Other people's gRPC: buf's (Go) and grpcio's (C), each over mutual TLS with the files that
//! `liaisond init` would write.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use liaison::store::Engine;
use liaison::wire::v1::GetCheckpointResponse;
use prost::Message as _;
use rcgen::PKCS_ECDSA_P256_SHA256;

use crate::support::{Party, TestNet, Trust, home, says, soon};
use liaison::crypto::sign::SigningKey;
use liaison::domain::directory::possession::prove;
use liaison::signed::proto::Use;

/// The three files of a stock client: authority, certificate, key. Its key is a P-256 one, as
/// stock tools make them.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    async fn new(net: &TestNet, party: &Party) -> Self {
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
        let roster = says::roster(&net.replica(), party.contact.as_str(), 1);
        net.say(roster.with(|roster| roster.seats[0].tls = Some(listed))).await;
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
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
    let mut peer = Command::new("python3");
    peer.arg(repository().join("tests/second/peer.py")).arg(net.address.to_string());
    peer.args(["ca.pem", "seat.pem", "seat.key"].map(|name| files.path(name)));
    let got = output("peer.py", peer).await;
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    let answer = GetCheckpointResponse::decode(&got.stdout[..]).unwrap();
    assert_eq!(answer.checkpoint, net.service.state().checkpoint);
}
