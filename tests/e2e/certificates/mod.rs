//! Which client certificates give which right: whatever a certificate says, its key, its dates and its
//! usage decide, and nothing else of it does.
//!
//! In scope: `tests/golden/certificates.txt`, the verdict on each certificate on both ports, for a hostile
//! client of rustls and for the stacks of others (`tests/second/certificates.py`). `LIAISON_BLESS=1` writes it
//! anew. Out of scope: the certificates of servers (`access`).

mod der;
mod odd;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use liaison::ambient::Ambient;
use liaison::client::reach::connect::Connection;
use liaison::crypto::sign::SigningKey;
use liaison::domain::directory::possession::prove;
use liaison::signed::proto::Use;
use liaison::store::Engine;
use liaison::tls::{Identity, provider};
use liaison::wire::status;
use liaison::wire::v1::admin_service_client::AdminServiceClient;
use liaison::wire::v1::{GetCheckpointRequest, GetStandingRequest};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, Signer};
use rustls::{SignatureAlgorithm, SignatureScheme};
use tonic::Status;

use crate::support::{Client, TestNet, Trust, home, key, pem, says, soon};
use der::Certificate;

/// What follows from a certificate, whoever's key it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Follows {
    /// The rights of its key.
    FromKey,
    /// A refusal, `CERTIFICATE`.
    Certificate,
    /// The connection is broken off.
    NoHandshake,
}

/// Whose key it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    Seat,
    Person,
    Nobody,
}

/// One line of the table.
struct Row {
    name: String,
    holder: Holder,
    follows: Follows,
    /// As they are shown; empty if none is.
    chain: Vec<Vec<u8>>,
    /// With which possession is proven: PKCS#8.
    key: Vec<u8>,
}

/// Members' port, administration.
type Verdicts = [String; 2];

impl Row {
    /// The design's verdict.
    fn expected(&self) -> [&'static str; 2] {
        match (self.follows, self.holder) {
            (Follows::NoHandshake, _) => ["handshake"; 2],
            (Follows::Certificate, _) => ["CERTIFICATE"; 2],
            (Follows::FromKey, Holder::Person) => ["served"; 2],
            (Follows::FromKey, Holder::Seat) => ["served", "NOT_PERMITTED"],
            (Follows::FromKey, Holder::Nobody) => ["NOT_PERMITTED"; 2],
        }
    }

    /// Whether another client may come back with this: it may have an opinion of its own, and with a
    /// key that the service does not ask for it may show none.
    fn allows(&self, expected: &str, found: &str) -> bool {
        let shows_none = self.name.starts_with("unfit: ") && found == "NOT_PERMITTED";
        found == expected || found == "client" || shows_none
    }
}

/// What the table begins with.
const HEAD: &str = "\
# Verdicts on client certificates: tests/e2e/certificates says what each one is, LIAISON_BLESS=1 writes them.
# On the members' port (GetCheckpoint): ours (rustls, hostile), grpcio (BoringSSL), OpenSSL, buf curl (Go).
# On the administration's (GetStanding): the same without buf, which is a process for each call.
# client: this client itself will not show it.
";

/// A certificate of a key that this system can sign with, by that key, with something done to it.
fn certificate(of: &SigningKey, change: impl FnOnce(&mut Certificate)) -> Vec<u8> {
    let mut certificate = Certificate::of(of.public().spki());
    change(&mut certificate);
    certificate.signed(of)
}

const SEAT: &str = "fr/cert/duty-1 tls";

/// Keys that are not made of names, because other algorithms than Ed25519 want randomness.
struct Others {
    seats: [SigningKey; 2],
    nobody: [SigningKey; 2],
}

impl Others {
    fn new() -> Self {
        let both = || {
            [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384].map(|algorithm| {
                let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
                SigningKey::from_pkcs8(&pair.serialize_der(), Ambient::system().random()).unwrap()
            })
        };
        Self { seats: both(), nobody: both() }
    }
}

/// Every row of the table, in its order.
fn rows(others: &Others) -> Vec<Row> {
    let mut rows = of_holders(others);
    for (name, follows, change) in [odd::NAMES, odd::USES, odd::DATES, odd::FORMS].concat() {
        let seat = key(SEAT);
        let chain = vec![certificate(&seat, change)];
        rows.push(Row::new(name, Holder::Seat, follows, chain, &seat.pkcs8()[..]));
    }
    rows.extend(of_nobody());
    rows.extend(unfit());
    rows.extend(unproven(others));
    rows.extend(chains());
    rows
}

/// A plain certificate of everybody.
fn of_holders(others: &Others) -> Vec<Row> {
    let named = [
        ("a seat", Holder::Seat, SEAT),
        ("a seat of another member", Holder::Seat, "jp/cert/duty-1 tls"),
        ("a registrar", Holder::Person, "alice tls"),
        ("an operator", Holder::Person, "dave tls"),
        ("an auditor", Holder::Person, "erin tls"),
        ("nobody", Holder::Nobody, "nobody"),
        ("a seat that was revoked", Holder::Nobody, "fr/cert/duty-2 tls"),
        ("a seat that was dropped", Holder::Nobody, "jp/cert/duty-2 tls"),
        ("a seat that was never listed", Holder::Nobody, "jp/cert/duty-3 tls"),
        ("a seat, to sign", Holder::Nobody, "fr/cert/duty-1 sign"),
        ("a registrar, to sign", Holder::Nobody, "alice"),
        ("an operator, to sign", Holder::Nobody, "dave"),
        ("an auditor, to sign", Holder::Nobody, "erin"),
        ("an authority", Holder::Nobody, "fr authority"),
        ("a keeper", Holder::Nobody, "fr/cert keeper"),
        ("the log", Holder::Nobody, "log"),
        ("the relay", Holder::Nobody, "relay"),
    ];
    let named = named.map(|(name, holder, of)| (name, holder, key(of)));
    let [p256, p384] = &others.seats;
    let [nobody256, nobody384] = &others.nobody;
    let more = [
        ("a seat, P-256", Holder::Seat, p256),
        ("a seat, P-384", Holder::Seat, p384),
        ("nobody, P-256", Holder::Nobody, nobody256),
        ("nobody, P-384", Holder::Nobody, nobody384),
    ];
    let all = named.iter().map(|(name, holder, key)| (*name, *holder, key)).chain(more);
    let row = |(name, holder, key): (&str, Holder, &SigningKey)| {
        let chain = vec![certificate(key, |_| ())];
        Row::new(&format!("key: {name}"), holder, Follows::FromKey, chain, &key.pkcs8()[..])
    };
    let none = Row::new("key: none is shown", Holder::Nobody, Follows::FromKey, Vec::new(), &[]);
    all.map(row).chain([none]).collect()
}

/// Nothing that is said in the certificate of an unknown key makes it somebody's.
fn of_nobody() -> Vec<Row> {
    type Change = fn(&mut Certificate);
    let rows: [(&str, Follows, Change); 5] = [
        ("named like a seat", Follows::FromKey, |of| {
            of.named(&[(0x86, b"liaison://un.example/fr/cert/duty-1")]);
        }),
        ("with a registrar's subject", Follows::FromKey, |of| {
            of.subject = der::common_name(0x0c, b"alice");
        }),
        ("as an authority", Follows::FromKey, |of| {
            of.extend_critically(der::BASIC_CONSTRAINTS, &der::sequence(&[&[1, 1, 0xff]]));
        }),
        ("expired", Follows::Certificate, |of| of.not_after = der::utc("210101000000Z")),
        ("for servers", Follows::Certificate, |of| of.used_for(&[der::SERVER_AUTH])),
    ];
    let nobody = key("nobody");
    let row = |(name, follows, change): (&str, Follows, Change)| {
        let chain = vec![certificate(&nobody, change)];
        let name = format!("nobody: {name}");
        Row::new(&name, Holder::Nobody, follows, chain, &nobody.pkcs8()[..])
    };
    rows.map(row).into()
}

/// Keys with which nobody signs here, made by `openssl`.
fn unfit() -> Vec<Row> {
    let kinds = [
        ("RSA of 2048 bits", "RSA -pkeyopt rsa_keygen_bits:2048"),
        ("RSA of 1024 bits", "RSA -pkeyopt rsa_keygen_bits:1024"),
        ("RSA of 2048 bits for PSS alone", "RSA-PSS -pkeyopt rsa_keygen_bits:2048"),
        ("P-224", "EC -pkeyopt ec_paramgen_curve:secp224r1"),
        (
            "P-256 with parameters of its own",
            "EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        ),
        ("P-521", "EC -pkeyopt ec_paramgen_curve:P-521"),
        ("secp256k1", "EC -pkeyopt ec_paramgen_curve:secp256k1"),
        ("brainpoolP256r1", "EC -pkeyopt ec_paramgen_curve:brainpoolP256r1"),
        ("Ed448", "ED448"),
        ("X25519", "X25519"),
    ];
    let row = |(name, kind): (&str, &str)| {
        let folder = tempfile::tempdir().unwrap();
        openssl(folder.path(), &format!("genpkey -algorithm {kind} -out key.pem"));
        openssl(folder.path(), "pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key");
        openssl(folder.path(), "pkey -inform DER -in key -pubout -outform DER -out public");
        let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let chain = vec![Certificate::of(&file("public")).signed(&key("issuer"))];
        let name = format!("unfit: {name}");
        Row::new(&name, Holder::Nobody, Follows::NoHandshake, chain, &file("key"))
    };
    kinds.map(row).into()
}

fn openssl(folder: &Path, arguments: &str) {
    let arguments = arguments.split(' ');
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Certificates whose key is not that with which the handshake is signed, or is no key.
fn unproven(others: &Others) -> Vec<Row> {
    let (seat, nobody, [p256, _]) = (key(SEAT), key("nobody"), &others.seats);
    let spki = |change: fn(&mut Vec<u8>), of: &SigningKey| {
        let mut spki = of.public().spki().to_vec();
        change(&mut spki);
        vec![Certificate::of(&spki).signed(&nobody)]
    };
    let point = |y: [u8; 32]| {
        let head = &seat.public().spki()[..12];
        vec![Certificate::of(&[head, &y].concat()).signed(&nobody)]
    };
    let small = |first: u8| std::array::from_fn(|at| if at == 0 { first } else { 0 });
    let compressed = {
        let [curve, point] = p256.public().spki().split_at(26).into();
        let half = [&[0, 2 + (point[64] & 1)], &point[1..33]].concat();
        let spki = der::sequence(&[&curve[2..23], &der::der(3, &half)]);
        vec![Certificate::of(&spki).signed(&nobody)]
    };
    let rows = [
        ("a seat's, by the key of nobody", vec![certificate(&seat, |_| ())], &nobody),
        (
            "a seat's of P-256, by that of another",
            vec![certificate(p256, |_| ())],
            &others.nobody[0],
        ),
        ("a seat's of P-256, by an Ed25519 key", vec![certificate(p256, |_| ())], &nobody),
        ("a point beside the curve", spki(|spki| spki[90] ^= 1, p256), p256),
        ("a compressed point", compressed, p256),
        ("a point of small order", point(small(1)), &seat),
        ("zeros", point(small(0)), &seat),
        ("a number above the field", point([0xff; 32]), &seat),
        ("a key with one bit changed", spki(|spki| spki[40] ^= 1, &seat), &seat),
    ];
    let row = |(name, chain, key): (&str, Vec<Vec<u8>>, &SigningKey)| {
        let name = format!("unproven: {name}");
        Row::new(&name, Holder::Nobody, Follows::NoHandshake, chain, &key.pkcs8()[..])
    };
    rows.map(row).into()
}

/// What stands behind a certificate is not read.
fn chains() -> Vec<Row> {
    let (seat, nobody, issuer) = (key(SEAT), key("nobody"), key("issuer"));
    let own = certificate(&seat, |_| ());
    let of_nobody = certificate(&nobody, |_| ());
    let authority = certificate(&issuer, |of| {
        of.subject = der::common_name(0x0c, b"An authority");
        of.issuer = of.subject.clone();
        of.extend_critically(der::BASIC_CONSTRAINTS, &der::sequence(&[&[1, 1, 0xff]]));
    });
    let expired = certificate(&issuer, |of| of.not_after = der::utc("210101000000Z"));
    let issued = {
        let mut issued = Certificate::of(seat.public().spki());
        issued.issuer = der::common_name(0x0c, b"An authority");
        issued.signed(&issuer)
    };
    let (of_seat, of_person) = (Holder::Seat, certificate(&key("alice tls"), |_| ()));
    let rows: Vec<(&str, Holder, Vec<&Vec<u8>>, &SigningKey)> = vec![
        ("with its authority", of_seat, vec![&issued, &authority], &seat),
        ("without its authority", of_seat, vec![&issued], &seat),
        ("with an expired authority", of_seat, vec![&issued, &expired], &seat),
        ("with an authority that has not issued it", of_seat, vec![&own, &authority], &seat),
        ("itself twice", of_seat, vec![&own, &own], &seat),
        ("itself seven times", of_seat, vec![&own; 7], &seat),
        ("a registrar's behind it", of_seat, vec![&own, &of_person], &seat),
        ("nobody's, a seat's behind it", Holder::Nobody, vec![&of_nobody, &own], &nobody),
        ("the authority's, a seat's behind it", Holder::Nobody, vec![&authority, &issued], &issuer),
    ];
    let row = |(name, holder, chain, key): (&str, Holder, Vec<&Vec<u8>>, &SigningKey)| {
        let chain = chain.into_iter().cloned().collect();
        Row::new(&format!("chain: {name}"), holder, Follows::FromKey, chain, &key.pkcs8()[..])
    };
    let garbage = vec![own.clone(), b"not a certificate".to_vec()];
    let garbage = Row::new(
        "chain: bytes that are no certificate behind it",
        Holder::Seat,
        Follows::FromKey,
        garbage,
        &seat.pkcs8()[..],
    );
    rows.into_iter().map(row).chain([garbage]).collect()
}

/// A client that shows what it is told to and signs with whatever it has, even if nobody asked for it.
#[derive(Debug)]
struct Insists(Option<Arc<dyn rustls::sign::SigningKey>>);

impl rustls::sign::SigningKey for Insists {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let fit = self.0.as_ref().and_then(|key| key.choose_scheme(offered));
        Some(fit.unwrap_or_else(|| Box::new(NoSignature)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

#[derive(Debug)]
struct NoSignature;

impl Signer for NoSignature {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![7; 64])
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl Row {
    fn new(name: &str, holder: Holder, follows: Follows, chain: Vec<Vec<u8>>, key: &[u8]) -> Self {
        Self { name: name.to_owned(), holder, follows, chain, key: key.to_vec() }
    }

    fn identity(&self) -> Option<Identity> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key = Arc::new(Insists(provider().key_provider.load_private_key(key).ok()));
        let chain: Vec<_> = self.chain.iter().cloned().map(CertificateDer::from).collect();
        let shown = !chain.is_empty();
        shown.then(|| Identity::from_certified(Arc::new(CertifiedKey::new(chain, key))))
    }

    /// The verdicts that our own stack comes back with.
    async fn by_rustls(&self, net: &TestNet) -> Verdicts {
        let members = async {
            let connection = net.connect(self.identity()).await.ok()?;
            let mut client = Client::over(&connection);
            Some(client.directory.get_checkpoint(GetCheckpointRequest {}).await.map(|_| ()))
        };
        let administration = async {
            let connection: Connection = net.administer(self.identity()).await.ok()?;
            let mut client = AdminServiceClient::new(connection.channel());
            Some(client.get_standing(GetStandingRequest {}).await.map(|_| ()))
        };
        let (members, administration) = tokio::join!(members, administration);
        [verdict(members), verdict(administration)]
    }

    /// As a stock client takes them.
    fn write(&self, folder: &Path) {
        std::fs::create_dir(folder).unwrap();
        if !self.chain.is_empty() {
            let chain: String = self.chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
            std::fs::write(folder.join("certificate.pem"), chain).unwrap();
            std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &self.key)).unwrap();
        }
    }
}

fn verdict(answer: Option<Result<(), Status>>) -> String {
    match answer {
        Some(Ok(())) => "served".to_owned(),
        Some(Err(refused)) => status::reason(&refused).unwrap_or_else(|| "handshake".to_owned()),
        None => "handshake".to_owned(),
    }
}

/// What the stacks of others come back with: of each row, grpcio, OpenSSL and buf on the
/// members' port, then grpcio and OpenSSL on the administration's.
async fn by_others(net: &TestNet, rows: &[Row]) -> Vec<[String; 5]> {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, net.ca_pem()).unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = folder.path().join("schema.binpb");
    let mut built = Command::new("buf");
    built.arg("build").arg(repository.join("proto")).arg("-o").arg(&schema);
    let built = built.status().expect("buf is needed: ./test installs it");
    assert!(built.success());
    let mut shows = Command::new("python3");
    shows.arg(repository.join("tests/second/certificates.py")).args([&ca, &schema]);
    shows.args([net.address.to_string(), net.admin.to_string()]);
    for (number, row) in rows.iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        row.write(&folder);
        shows.arg(folder);
    }
    // Each of its calls has a deadline.
    let shown = tokio::task::spawn_blocking(move || shows.output()).await.unwrap();
    let shown = shown.expect("python3 is needed: ./test checks for it");
    let said = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let verdicts = |line: &str| {
        let five: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        five.try_into().unwrap_or_else(|_| panic!("five verdicts: {line}"))
    };
    said.lines().map(verdicts).collect()
}

async fn net(others: &Others) -> TestNet {
    let open = home(Engine::Memory);
    let trust = Trust::of_p256();
    let store = open.found_with(&trust.ca).await;
    let net = TestNet::serve(open, store, trust).await;
    let _ = net.party("fr", 4).await;
    let _ = net.party("jp", 2).await;
    let roster = says::roster(&net.replica(), "fr/cert", 4).with(|roster| {
        for (key, seat) in others.seats.iter().zip(&mut roster.seats[2..]) {
            let holder = format!("fr/cert/{}", seat.name);
            let random = Ambient::system();
            seat.tls = Some(prove(key, &holder, Use::Tls, random.random()).unwrap());
        }
    });
    net.say(roster).await;
    net.say(says::revocation(&net.replica(), "fr/cert/duty-2")).await;
    net.say(says::roster(&net.replica(), "jp/cert", 1)).await;
    net
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_dates_and_usage_decide_and_nothing_else_that_a_certificate_says() {
    let others = Others::new();
    let (net, rows) = (net(&others).await, rows(&others));
    let others = by_others(&net, &rows).await;
    let mut table = String::from(HEAD);
    for (row, others) in rows.iter().zip(&others) {
        let ours = soon("our verdicts", row.by_rustls(&net)).await;
        assert_eq!(ours, row.expected(), "{}", row.name);
        let (members, administration) = others.split_at(3);
        for (found, expected) in [members, administration].into_iter().zip(row.expected()) {
            assert!(found.iter().all(|of| row.allows(expected, of)), "{}: {found:?}", row.name);
        }
        let found = [&ours[..1], members, &ours[1..], administration].concat();
        let found: Vec<String> = found.iter().map(|verdict| format!("{verdict:<13}")).collect();
        table += format!("{:<50} {}", row.name, found.join(" ")).trim_end();
        table.push('\n');
    }
    assert!(rows.len() >= 80);
    matches_golden(&table);
}

/// The table is what was found.
fn matches_golden(found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/certificates.txt");
    if std::env::var_os("LIAISON_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let table = std::fs::read_to_string(&path).unwrap_or_default();
    let other = table.lines().zip(found.lines()).find(|(table, found)| table != found);
    assert!(table == found, "tests/golden/certificates.txt is another: {other:?}");
}
