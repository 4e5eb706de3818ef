//! What a corpus begins with: golden files, and what the library's own makers make. Private keys are
//! those of seeds that everybody knows.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use liaison::ambient::Ambient;
use liaison::client::armour::{self, Kind};
use liaison::client::message::body::{letter_text, pad};
use liaison::client::message::content::{Writing, delivered};
use liaison::client::message::words;
use liaison::crypto::cert::ServiceName;
use liaison::crypto::hash::Digest;
use liaison::crypto::issue::{
    Authority, Validity, node_certificate, self_signed_client, service_ca,
};
use liaison::crypto::passphrase::Closed;
use liaison::crypto::seal::OpeningKey;
use liaison::crypto::sign::SigningKey;
use liaison::domain::administration::proposal::Act;
use liaison::domain::directory::possession;
use liaison::domain::ids::MessageId;
use liaison::domain::refusal::Refusal;
use liaison::domain::state::{Key, Mailbox};
use liaison::signed::dsse::{self, Envelope};
use liaison::signed::proto;
use liaison::store::codec::{self, LogHead};
use liaison::store::keys;
use liaison::tlog::head::Frontier;
use liaison::tlog::merkle::{Tree, leaf_hash};
use liaison::tlog::note::{KeyName, VerifierKey};
use liaison::wire::{status, v1};
use prost::Message as _;

use crate::targets::crypto::SEALED;
use crate::targets::world::{DIRECTORY, LOG, NAME};

type Seeds = BTreeMap<String, Vec<u8>>;

/// Those of a target, by name.
pub(crate) fn of(target: &str) -> Seeds {
    match target {
        "age" => age(),
        "certificate" => certificates(),
        "closed_key" => closed_key(),
        "private_key" => one("ed25519", key("alice").pkcs8().to_vec()),
        "public_key" => public_keys(),
        "sealing_key" => sealing_keys(),
        "checkpoint" => one("rules-1", golden("log/rules-1.checkpoint")),
        "vkey" => vkey(),
        "proof" => proofs(),
        "tree" => trees(),
        "dsse" => signed("dsse"),
        "payload" => signed("payload"),
        "entry" => {
            cases("log/admissions.txt", 6, |case| (case.len() == 3).then(|| case[2].to_owned()))
        }
        "header" => judged("header", 6, 4),
        "acknowledgement" => judged("acknowledgement", 3, 5),
        "receipt" => receipts(),
        "letter" => sealed("letter"),
        "submit" => submits(),
        "proposal" => proposals(),
        "audit" => audit(),
        "facet" => facets(),
        "id" => ids(),
        "address" => texts(&[
            "relay.un.example",
            "https://[2001:db8::1]:7443/",
            "http://a:b@proxy:3128",
            "liaison://un.example/service/a",
        ]),
        "armour" | "file" => files(),
        "token" => one("sign", golden("keys/sign.token")),
        "inner" => inner(),
        "content" => contents(),
        "status" => statuses(),
        "proxy" => {
            texts(&["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 \r\nVia: a\r\n\r\n\u{16}\u{3}\u{3}"])
        }
        "tape" => tapes(),
        "config" => one("0-2", [&b"format = 2\n"[..], &golden("files-1/liaisond.toml")].concat()),
        "high_water" => high_water(),
        "stored" => stored(),
        "stored_key" => stored_keys(),
        other => panic!("{other}: no seeds"),
    }
}

const NOW: u64 = 1_800_000_000;

/// A file of `tests/golden`.
fn golden(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::fs::read(folder.join(file)).unwrap()
}

fn text(file: &str) -> String {
    String::from_utf8(golden(file)).unwrap()
}

fn one(name: &str, bytes: impl Into<Vec<u8>>) -> Seeds {
    named([(name, bytes.into())])
}

fn named<const N: usize>(seeds: [(&str, Vec<u8>); N]) -> Seeds {
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

fn texts(texts: &[&str]) -> Seeds {
    (1..).zip(texts).map(|(nth, text)| (nth.to_string(), text.as_bytes().to_vec())).collect()
}

/// The key of a name, as everywhere in the house's tests.
fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

fn opening(name: &str) -> OpeningKey {
    OpeningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

fn age() -> Seeds {
    named([("sealed", SEALED.clone()), ("hybrid", test_vector(&golden("age/hybrid")))])
}

/// The file in a vector of C2SP: behind its head.
fn test_vector(vector: &[u8]) -> Vec<u8> {
    let end = vector.windows(2).position(|two| two == b"\n\n").unwrap();
    vector[end + 2..].to_vec()
}

fn certificates() -> Seeds {
    let ambient = Ambient::system();
    let random = ambient.random();
    let validity = Validity { not_before: NOW, not_after: NOW + 86_400, serial: [7; 16] };
    let (ca_key, node_key) = (key("ca"), key("node"));
    let hosts = &["relay.un.example", "192.0.2.1"];
    let ca = service_ca(&ca_key, NAME, hosts, validity, random).unwrap();
    let authority = Authority { certificate: &ca, key: &ca_key };
    let name = ServiceName::new(NAME, "a").unwrap();
    let node = node_certificate(authority, node_key.public(), &name, hosts, validity, random);
    let client = self_signed_client(&key("alice tls"), validity, random).unwrap();
    named([("ca", ca), ("node", node.unwrap()), ("client", client)])
}

fn closed_key() -> Seeds {
    let closed = Closed::close(key("alice").pkcs8(), "a passphrase", [1; 16], [2; 16]).unwrap();
    one("scrypt", closed.to_der())
}

fn public_keys() -> Seeds {
    let p256 = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let p256 = [&hex::decode(p256).unwrap()[..], &[4; 65]].concat();
    named([("ed25519", key("alice").public().spki().to_vec()), ("p256", p256)])
}

fn sealing_keys() -> Seeds {
    let opening = opening("fr/soc/duty-1 seal");
    let (recipient, identity) = (opening.public().to_recipient(), opening.identity_line());
    named([
        ("raw", opening.public().as_bytes().to_vec()),
        ("recipient", recipient.into_bytes()),
        ("identity", identity.as_bytes().to_vec()),
    ])
}

fn vkey() -> Seeds {
    let name = KeyName::parse(NAME).unwrap();
    one("log", VerifierKey::new(name, key("log").public().clone()).unwrap().to_string())
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|leaf| tree.append(leaf_hash(&leaf.to_be_bytes())));
    tree
}

fn proofs() -> Seeds {
    let cases = [(0, 1), (4, 7), (6, 7), (5, 8), (64, 65)];
    let proof = |(index, size): (u64, u64)| {
        let tree = tree(size);
        let proof = tree.inclusion_proof(index, size).unwrap();
        let ends = [tree.leaf(index).unwrap(), tree.root_at(size).unwrap()];
        let hashes = ends.iter().chain(&proof).flat_map(|hash| *hash.as_bytes());
        let bytes = [index.to_be_bytes(), size.to_be_bytes()].concat();
        (format!("{index}-of-{size}"), bytes.into_iter().chain(hashes).collect())
    };
    cases.into_iter().map(proof).collect()
}

fn frontier(size: u64) -> Frontier {
    let mut frontier = Frontier::default();
    (0..size).for_each(|leaf| frontier.append(leaf_hash(&leaf.to_be_bytes())));
    frontier
}

fn trees() -> Seeds {
    named([
        ("frontier-5", frontier(5).to_bytes()),
        ("tree-3", [&[3][..], &tree(3).to_bytes()].concat()),
        ("tree-8", [&[8][..], &tree(8).to_bytes()].concat()),
    ])
}

/// A line of each golden file of what is signed.
fn signed(line: &str) -> Seeds {
    const FILES: [&str; 15] = [
        "statements/admission",
        "statements/attested-record",
        "statements/charter",
        "statements/record",
        "statements/revocation",
        "statements/roster",
        "statements/withdrawal",
        "messages/accepted",
        "messages/acknowledgement",
        "messages/approval",
        "messages/audit-head",
        "messages/header",
        "messages/mailbox-head",
        "messages/message",
        "messages/possession",
    ];
    let read = |file: &str| {
        let (text, name) = (text(&format!("{file}.txt")), file.split('/').next_back());
        let line = text.lines().find_map(|of| of.strip_prefix(line)?.strip_prefix(' '));
        (name.unwrap().to_owned(), hex::decode(line.unwrap()).unwrap())
    };
    FILES.into_iter().map(read).collect()
}

/// The first short cases of a golden file: of each beginning of a name so many.
fn cases(file: &str, most: usize, of: impl Fn(&[&str]) -> Option<String>) -> Seeds {
    let mut seeds = Seeds::new();
    for line in text(file).lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let begins = words[0].split('-').next().unwrap().to_owned();
        let have = seeds.keys().filter(|name| name.starts_with(&begins)).count();
        let bytes = of(&words).map(|hex| hex::decode(hex).unwrap());
        if let Some(bytes) = bytes.filter(|bytes| have < most && bytes.len() < 5_000) {
            seeds.insert(words[0].replace('/', "-"), bytes);
        }
    }
    seeds
}

/// What a judge of messages takes, at the head of the log.
fn judged(judge: &str, most: usize, at: usize) -> Seeds {
    cases("messages/judged/admissions.txt", most, |case| {
        let at_head = case[1] == judge && case[2] == LOG.len().to_string();
        at_head.then(|| case[at].to_owned())
    })
}

/// The first case of each: they are about one message, or one mailbox.
fn receipts() -> Seeds {
    judged("accepted", 1, 4)
        .into_iter()
        .chain(judged("mailbox-head", 1, 4))
        .chain(judged("acknowledgement", 1, 5))
        .collect()
}

/// The short ones of `sealed.txt` whose names begin so.
fn sealed(begins: &str) -> Seeds {
    cases("messages/judged/sealed.txt", 3, |line| {
        line[0].starts_with(begins).then(|| line[1].to_owned())
    })
}

fn submits() -> Seeds {
    let named = text("messages/judged/sealed.txt");
    let named = named.lines().filter_map(|line| line.split_once(' '));
    let named: BTreeMap<&str, &str> = named.collect();
    let of = |name: &&str| Bytes::from(hex::decode(named[name]).unwrap());
    let mut seeds = Seeds::new();
    for line in text("messages/judged/admissions.txt").lines() {
        let case: Vec<&str> = line.split(' ').collect();
        if let [name, "submit", "20", _, _, header, body, letters @ ..] = &case[..]
            && seeds.len() < 3
            && !letters.contains(&"then")
        {
            let header = hex::decode(header).unwrap().into();
            let letters = letters.iter().map(of).collect();
            let envelope = v1::Envelope { header, body: of(body), letters };
            seeds.insert((*name).replace('/', "-"), envelope.encode_to_vec());
        }
    }
    seeds
}

fn proposals() -> Seeds {
    let genesis = Bytes::copy_from_slice(DIRECTORY.genesis().as_bytes());
    let mut seeds = Seeds::new();
    let contact = "fr/soc".parse().unwrap();
    for act in [
        Act::RenewNode,
        Act::RetireKey(key("log").public().id()),
        Act::DropSessions(vec![1, 2]),
        Act::NewEpoch(vec![(contact, 2)]),
    ] {
        let proposal = proto::Proposal {
            directory: Some(proto::Directory { name: NAME.to_owned(), genesis: genesis.clone() }),
            nonce: vec![8; 32].into(),
            action: act.name().to_owned(),
            parameters: act.parameters(),
            ..proto::Proposal::default()
        };
        let payload = proposal.encode_to_vec();
        let envelope = Envelope::assemble(dsse::Kind::Approval, payload.into(), Vec::new());
        seeds.insert(act.name().to_owned(), envelope.bytes().to_vec());
        if !act.parameters().is_empty() {
            seeds.insert(format!("{}-alone", act.name()), act.parameters().to_vec());
        }
    }
    seeds
}

fn record() -> proto::AuditRecord {
    proto::AuditRecord { number: 1, at: NOW, ..proto::AuditRecord::default() }
}

fn audit() -> Seeds {
    one("first", record().encode_to_vec())
}

fn facets() -> Seeds {
    let number = proto::TelephoneNumber { number: "+43 1 000000".to_owned(), ..Default::default() };
    let telephone = proto::Telephone { numbers: vec![number] };
    let web = proto::Web { website: "https://cert.example".to_owned(), ..Default::default() };
    named([("telephone", telephone.encode_to_vec()), ("web", web.encode_to_vec())])
}

fn ids() -> Seeds {
    let id = MessageId::new(NOW * 1000, [7; 10]);
    let mut seeds = texts(&[
        "un.example",
        "fr",
        "fr/cert-fr",
        "fr/cert-fr/duty-1",
        "192.0.2.0/24",
        "2001:db8:1::/48",
    ]);
    seeds.extend(named([("bytes", id.as_bytes().to_vec()), ("uuid", id.to_string().into_bytes())]));
    seeds
}

/// Files that people carry, of today's format.
fn files() -> Seeds {
    let ambient = Ambient::system();
    let prove = |name: &str, holder: &str, usage| {
        possession::prove(&key(name), holder, usage, ambient.random()).unwrap()
    };
    let statement = |file: &str| signed("dsse")[file].clone().into();
    let bundle = |file| {
        let publication = v1::Publication { statement: statement(file), facets: Vec::new() };
        v1::Bundle { publications: vec![publication] }
    };
    let entry = |leaf: usize| proto::Entry::decode(LOG[leaf].clone()).unwrap();
    let Some(proto::entry::Leaf::Statement(charter)) = entry(0).leaf else { panic!("a statement") };
    let invitation = v1::Invitation {
        charter,
        addresses: vec!["relay.un.example:443".to_owned()],
        ..v1::Invitation::default()
    };
    let log = Tree::default();
    let tree = LOG.iter().fold(log, |mut tree, entry| {
        tree.append(leaf_hash(entry));
        tree
    });
    let inclusion = tree.inclusion_proof(1, LOG.len() as u64).unwrap();
    let admission = v1::ProvenEntry {
        entry: LOG[1].clone(),
        leaf_index: 1,
        inclusion: inclusion.iter().map(|of| Bytes::copy_from_slice(of.as_bytes())).collect(),
        ..v1::ProvenEntry::default()
    };
    let admission = v1::AdmissionFile {
        invitation: Some(invitation.clone()),
        admission: Some(admission),
        ..v1::AdmissionFile::default()
    };
    let keys = |holder: &str, usage| v1::PublicKeys {
        holder: holder.to_owned(),
        sign: vec![prove("at-1", holder, usage)],
        ..v1::PublicKeys::default()
    };
    let person = proto::Person {
        id: "alice".to_owned(),
        name: "Alice Example".to_owned(),
        sign: Some(prove("alice", "registrar/alice", proto::Use::Sign)),
        tls: Some(prove("alice tls", "registrar/alice", proto::Use::Tls)),
    };
    named([
        ("charter", armour::write(Kind::Statement, &bundle("charter")).into_bytes()),
        ("withdrawal", armour::write(Kind::Statement, &bundle("withdrawal")).into_bytes()),
        ("invitation", armour::write(Kind::Invitation, &invitation).into_bytes()),
        ("admission", armour::write(Kind::Admission, &admission).into_bytes()),
        ("person", armour::write(Kind::Person, &person).into_bytes()),
        (
            "authority",
            armour::write(Kind::Authority, &keys("at", proto::Use::Authority)).into_bytes(),
        ),
        ("keeper", armour::write(Kind::Keeper, &keys("at/cert", proto::Use::Keeper)).into_bytes()),
    ])
}

fn inner() -> Seeds {
    let (id, body) = (MessageId::new(1, [1; 10]), Digest::of(b"body"));
    let letter = letter_text(id, body, &opening("body"));
    named([
        ("padded", pad(b"an inner message").unwrap().to_vec()),
        ("letter", letter.as_bytes().to_vec()),
    ])
}

fn contents() -> Seeds {
    let content = Writing::new(proto::Kind::Incident, "Scanning from your networks", NOW)
        .text("en", "Since noon.")
        .attached("iocs.txt", Bytes::from_static(b"192.0.2.1"))
        .finish()
        .unwrap();
    let mailbox = Mailbox::empty(DIRECTORY.genesis(), &"at/cert".parse().unwrap());
    let place = proto::Place {
        contact: "at/cert".to_owned(),
        epoch: 1,
        number: 1,
        chain: Bytes::copy_from_slice(mailbox.chain.as_bytes()),
    };
    let receipt = delivered(Digest::of(b"header"), (proto::Outcome::Opened, None), place, NOW);
    named([
        ("content", content.encode()),
        ("words", words::words().encode_to_vec()),
        ("receipt", receipt.encode()),
    ])
}

/// Details of statuses, as the service makes them: one each, for the order of several is not settled.
fn statuses() -> Seeds {
    let stale = Refusal::StaleDirectory("at/cert".parse().unwrap());
    let unknown = Refusal::UnknownMember("zz".parse().unwrap());
    let details = |refusal: &Refusal| status::of(refusal).details().to_vec();
    named([
        ("stale", details(&stale)),
        ("full", details(&Refusal::StorageFull)),
        ("unknown", details(&unknown)),
    ])
}

fn tapes() -> Seeds {
    let record = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let two = [record(b"first"), record(b"")].concat();
    let torn = [&two[..], &record(b"torn")[..6]].concat();
    named([("two", two), ("torn", torn)])
}

fn high_water() -> Seeds {
    let chain = Digest::of(b"chain");
    let text = format!(
        "liaison high-water 2\ncommits 3\nvalues 9\nsum {chain}\nmailbox at/cert 1 2 {chain}\n\
         mailbox fr/soc 1 0 {chain}\n\n{}",
        text("log/rules-1.checkpoint")
    );
    let digest = Digest::of_parts(&[b"liaison/high-water/v2\0", text.as_bytes()]);
    one("mark", format!("{text}digest {digest}\n"))
}

fn stored() -> Seeds {
    let mailbox = Mailbox::empty(DIRECTORY.genesis(), &"at/cert".parse().unwrap());
    let mailbox = mailbox.append(liaison::domain::state::EntryKind::Addressed, Digest::of(b"x"));
    let checkpoint = golden("log/rules-1.checkpoint").into();
    let head = LogHead { frontier: frontier(5), checkpoint, clock: NOW };
    let charter = DIRECTORY.charter();
    let value = |value| codec::encode(&value).to_vec();
    use liaison::domain::state::{Body, Entry, Message, Shown, Usage, Value};
    let sender = || "fr/soc".parse().unwrap();
    let shown = Shown {
        kind: liaison::domain::state::EntryKind::Addressed,
        header_digest: Digest::of(b"header"),
        id: MessageId::new(1, [1; 10]),
        sender: sender(),
        acknowledgement: Bytes::new(),
    };
    let message = Message {
        header: signed("dsse")["header"].clone().into(),
        body: Body::Blob(Digest::of(b"body"), 4096),
        letters: vec![Bytes::from_static(b"letter")],
        accepted: signed("dsse")["accepted"].clone().into(),
    };
    named([
        ("mailbox", value(Value::Mailbox(mailbox))),
        ("entry", value(Value::Entry(Entry::Shown(shown)))),
        ("message", value(Value::Message(Box::new(message)))),
        ("usage", value(Value::Usage(Usage(12_345)))),
        ("head", head.encode().to_vec()),
        ("counter", charter.newest.encode().to_vec()),
        ("charter", charter.encode().to_vec()),
        ("directory", DIRECTORY.encode().unwrap()),
    ])
}

fn stored_keys() -> Seeds {
    let (id, contact) = (MessageId::new(1, *b"/of a name"), || "fr/cert-fr".parse().unwrap());
    named([
        ("due", keys::of(&Key::Due(NOW, id, contact()))),
        ("record", keys::of(&Key::Record(7))),
        ("message", keys::of(&Key::Message(id, contact()))),
        ("outcome", keys::of(&Key::Outcome(id, contact()))),
        ("entry", keys::of(&Key::Entry(contact(), 303))),
        ("usage", keys::of(&Key::Usage("fr".parse().unwrap()))),
        ("share", keys::of(&Key::Share(contact(), "at".parse().unwrap()))),
        ("mailbox", keys::of(&Key::Mailbox(contact()))),
    ])
}
