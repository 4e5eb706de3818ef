//! Attacks on the fold. For each kind of statement a table: one row for each refusal, in the order
//! of precedence, made by one change to a statement that is good.
//!
//! In scope: a small world with keys from seeds, statements composed and signed, what follows.
//! Invariant: every refusal is seen to change nothing, and every change to name all that is new.

mod admission;
mod attested;
mod charter;
mod common;
mod facets;
pub(crate) mod golden;
pub(crate) mod judged;
mod kept;
mod keys;
mod map;
pub(crate) mod older;
mod order;
mod proofs;
pub(crate) mod random;
mod record;
mod revocation;
mod roster;
mod ruled;
mod steps;
mod text;
mod time;
mod withdrawal;

use std::collections::BTreeMap;
use std::sync::Mutex;

use prost::Message;
use ring::rand::SystemRandom;

use super::key::{listed, listed_sealing};
use super::possession::prove;
use super::*;
use crate::crypto::sign::SigningKey;
use crate::domain::ids::{ContactId, MemberId};
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Dsse, Target, Use};

/// When everything here happens.
const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
const NAME: &str = "un.example";

/// For ECDSA alone; what is to be the same every time is signed with Ed25519.
#[expect(clippy::disallowed_methods, reason = "a test asks the machine itself")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

/// The private key that everybody here calls `name`.
fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

/// Every name whose key a statement here has listed: a draft proves with these.
static NAMES: Mutex<BTreeMap<Vec<u8>, String>> = Mutex::new(BTreeMap::new());

/// A key without its proof: a draft adds it where the key stands, as a holder would.
fn public(name: &str) -> proto::PublicKey {
    let public = listed(key(name).public());
    NAMES.lock().unwrap().insert(public.key.to_vec(), name.to_owned());
    public
}

/// The same with the proof for another place.
fn proven(name: &str, holder: &str, usage: Use) -> proto::PublicKey {
    prove(&key(name), holder, usage, &random()).unwrap()
}

fn add_proof(key: Option<&mut proto::PublicKey>, holder: &str, usage: Use) {
    let Some(public) = key else { return };
    let name = NAMES.lock().unwrap().get(&public.key[..]).cloned();
    if let Some(name) = name.filter(|_| public.proof.is_empty()) {
        public.proof = proven(&name, holder, usage).proof;
    } else if public.key[..] == TOKEN.public().spki()[..] && public.proof.is_empty() {
        public.proof = prove(&*TOKEN, holder, usage, &random()).unwrap().proof;
    }
}

fn id(name: &str) -> KeyId {
    key(name).public().id()
}

/// An X-Wing public key, raw.
fn sealing_raw(name: &str) -> Vec<u8> {
    use x_wing::{DecapsulationKey, Decapsulator as _, KeyExport as _};
    let key = DecapsulationKey::from(*Digest::of(name.as_bytes()).as_bytes());
    key.encapsulation_key().to_bytes().to_vec()
}

fn sealing(name: &str) -> proto::PublicKey {
    listed_sealing(&sealing_raw(name))
}

/// A token that does no Ed25519: the published key of RFC 6979 A.2.5.
static TOKEN: std::sync::LazyLock<SigningKey> = std::sync::LazyLock::new(|| {
    let pkcs8 = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420\
                 c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a144034200\
                 0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                 7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    SigningKey::from_pkcs8(&hex::decode(pkcs8).unwrap(), &random()).unwrap()
});

fn p256() -> proto::PublicKey {
    listed(TOKEN.public())
}

/// The Ed25519 point (0, 1): it is listed by nobody.
fn low_order() -> proto::PublicKey {
    let mut one = [0; 32];
    one[0] = 1;
    listed(&VerifyingKey::from_ed25519(&one))
}

fn text(language: &str, text: &str) -> proto::Text {
    proto::Text { language: language.to_owned(), text: text.to_owned() }
}

fn person(id: &str) -> proto::Person {
    proto::Person {
        id: id.to_owned(),
        name: format!("The {id}"),
        sign: Some(public(id)),
        tls: Some(public(&format!("{id} tls"))),
    }
}

fn setting(name: &str, value: u64) -> proto::Setting {
    proto::Setting { name: name.to_owned(), value }
}

fn witness(name: &str) -> proto::Witness {
    proto::Witness { name: name.to_owned(), key: Some(public(name)) }
}

fn seat(contact: &str, name: &str) -> proto::Seat {
    let of = |what| format!("{contact}/{name} {what}");
    proto::Seat {
        name: name.to_owned(),
        sign: Some(public(&of("sign"))),
        seal: Some(sealing(&of("seal"))),
        tls: Some(public(&of("tls"))),
    }
}

fn facet(name: &str) -> proto::Facet {
    open_facet("fr/cert", name).named()
}

fn open_facet(subject: &str, name: &str) -> facet::OpenFacet {
    let salt = *Digest::of(name.as_bytes()).as_bytes();
    let (subject, name) = (subject.to_owned(), name.to_owned());
    facet::OpenFacet { subject, name, salt, bytes: b"bytes".to_vec().into() }
}

fn note() -> proto::Note {
    proto::Note {
        reference: "NV/2027/1".to_owned(),
        date: NOW - 9 * DAY,
        sha256: Digest::of(b"the paper").as_bytes().to_vec().into(),
    }
}

fn keys_by_id(names: &[&str]) -> Vec<proto::PublicKey> {
    let mut keys: Vec<_> = names.iter().map(|name| public(name)).collect();
    keys.sort_by_key(|key| KeyId::of(&key.key));
    keys
}

/// What every payload has, to be changed.
trait Says: Clone + Into<Statement> {
    fn targets(&mut self) -> &mut Vec<Target>;
    fn issued_at(&mut self) -> &mut u64;
    /// Adds a proof to every key listed without one, for the place where it stands.
    fn add_proofs(&mut self) {}
    fn proven(mut self) -> Self {
        self.add_proofs();
        self
    }
}

macro_rules! says {
    ($($kind:ident $(|$says:ident| $prove:block)?)*) => {$(
        impl Says for proto::$kind {
            fn targets(&mut self) -> &mut Vec<Target> {
                &mut self.targets
            }

            fn issued_at(&mut self) -> &mut u64 {
                &mut self.issued_at
            }
            $(
            fn add_proofs(&mut self) {
                let $says = self;
                $prove
            }
            )?
        }

        impl From<proto::$kind> for Statement {
            fn from(says: proto::$kind) -> Self {
                Self::$kind(says)
            }
        }
    )*};
}
says! {
    Charter |charter| {
        let people = [
            (&mut charter.registrars, "registrar"),
            (&mut charter.operators, "operator"),
            (&mut charter.auditors, "auditor"),
        ];
        for (people, role) in people {
            for person in people {
                let holder = format!("{role}/{}", person.id);
                add_proof(person.sign.as_mut(), &holder, Use::Sign);
                add_proof(person.tls.as_mut(), &holder, Use::Tls);
            }
        }
        for key in &mut charter.log {
            add_proof(Some(key), "log/un.example", Use::Log);
        }
        for key in &mut charter.relay {
            add_proof(Some(key), "relay/un.example", Use::Relay);
        }
    }
    Admission |admission| {
        for key in &mut admission.authority {
            add_proof(Some(key), &admission.member, Use::Authority);
        }
    }
    AttestedRecord
    Record |record| { add_proof(record.keeper.as_mut(), &record.contact, Use::Keeper); }
    Roster |roster| {
        for seat in &mut roster.seats {
            let holder = format!("{}/{}", roster.contact, seat.name);
            add_proof(seat.sign.as_mut(), &holder, Use::Sign);
            add_proof(seat.tls.as_mut(), &holder, Use::Tls);
        }
    }
    Withdrawal
    Revocation
}

/// A statement before it is signed, and what an attacker does to it.
#[derive(Clone)]
struct Draft<S> {
    says: S,
    signers: Vec<&'static str>,
    /// Done to the envelope once it is signed.
    tamper: Vec<fn(&mut Dsse)>,
    /// Done to the bytes of the envelope.
    garble: Vec<fn(&mut Vec<u8>)>,
    /// When the log takes it.
    at: u64,
    /// Keys are listed as they are, without proofs added.
    bare: bool,
}

impl<S: Says> Draft<S> {
    fn new(says: S, signers: &[&'static str], at: u64) -> Self {
        Self { says, signers: signers.to_vec(), tamper: vec![], garble: vec![], at, bare: false }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut says = self.says.clone();
        if !self.bare {
            says.add_proofs();
        }
        let statement: Statement = says.into();
        let keys: Vec<SigningKey> = self.signers.iter().map(|name| key(name)).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let kind = statement.kind();
        let envelope = Envelope::sign(kind, statement.encode(), &keys, &random());
        let mut dsse = Dsse::decode(envelope.unwrap().bytes().clone()).unwrap();
        self.tamper.iter().for_each(|tamper| tamper(&mut dsse));
        let mut bytes = dsse.encode_to_vec();
        self.garble.iter().for_each(|garble| garble(&mut bytes));
        bytes
    }

    fn signed_by(mut self, signers: &[&'static str]) -> Self {
        self.signers = signers.to_vec();
        self
    }

    fn with(mut self, change: impl FnOnce(&mut S)) -> Self {
        change(&mut self.says);
        self
    }
}

/// What a row does to the good statement, and the refusal it expects: its code, and if more follows,
/// words of its sentence.
type Row<S> = (&'static str, fn(&mut Draft<S>), &'static str);

/// A directory, and the log that it is the fold of.
#[derive(Clone)]
struct World {
    directory: Directory,
    entries: Vec<(Vec<u8>, u64)>,
    parts: Vec<Parts>,
}

impl World {
    /// Entry 0: three registrars of whom two decide.
    fn founded() -> Self {
        let charter = Draft::new(founding(), &["alice", "bob"], NOW);
        let (directory, parts) = Self::found(&charter).unwrap();
        Self { directory, entries: vec![(charter.bytes(), NOW)], parts: vec![parts] }
    }

    fn found(charter: &Draft<proto::Charter>) -> Result<(Directory, Parts), Refusal> {
        let name = NAME.parse().unwrap();
        found(&name, &verify_founding(&name, &charter.bytes())?, charter.at)
    }

    /// `fr` (two of three keys): `fr/cert`, kept by the authority, and `fr/soc`, which has a keeper.
    /// `at` (one key): `at/cert`, which has a keeper. `zz` is listed: `zz/mfa` is attested.
    fn new() -> Self {
        let mut world = Self::founded();
        for member in ["at", "fr", "zz"] {
            world.take(&world.admission(member));
        }
        world.take(&world.attested("zz/mfa"));
        for contact in ["at/cert", "fr/cert", "fr/soc"] {
            world.take(&world.record(contact));
            world.take(&world.roster(contact));
        }
        world
    }

    fn decide<S: Says>(&self, draft: &Draft<S>) -> Result<Box<Parts>, Refusal> {
        self.decide_bytes(&draft.bytes(), draft.at)
    }

    fn decide_bytes(&self, bytes: &[u8], at: u64) -> Result<Box<Parts>, Refusal> {
        let before = self.directory.clone();
        let verified = verify(&self.directory, bytes);
        let admitted = Admitted { leaf: self.directory.size(), at };
        let decided = verified.and_then(|verified| apply(&self.directory, &verified, admitted));
        assert_eq!(self.directory, before, "a decision changes nothing");
        decided
    }

    #[track_caller]
    fn take<S: Says>(&mut self, draft: &Draft<S>) -> Parts {
        self.take_bytes(draft.bytes(), draft.at)
    }

    #[track_caller]
    fn take_bytes(&mut self, bytes: Vec<u8>, at: u64) -> Parts {
        match self.decide_bytes(&bytes, at) {
            Ok(parts) => {
                self.directory.advance(&parts);
                self.entries.push((bytes, at));
                self.parts.push((*parts).clone());
                self.check();
                *parts
            }
            other => panic!("expected it to be logged, found {other:?}"),
        }
    }

    /// What must hold of every directory.
    #[track_caller]
    fn check(&self) {
        let charter = self.directory.charter();
        let people = charter.registrars.iter().chain(&charter.operators).chain(&charter.auditors);
        let mut listed: Vec<KeyId> = people.flat_map(|p| [p.sign.id(), p.tls.id()]).collect();
        listed.extend(charter.log.iter().chain(&charter.relay).map(VerifyingKey::id));
        let mut listed: Vec<key::KeyName> = listed.into_iter().map(key::KeyName::Proven).collect();
        let authorities = self.directory.members().flat_map(Member::authority_keys);
        listed.extend(authorities.map(key::KeyName::Proven));
        let records = self.directory.contacts().filter_map(|contact| contact.record.as_ref());
        let keepers = records.filter_map(|record| record.keeper.as_ref());
        listed.extend(keepers.map(|key| key::KeyName::Proven(key.id())));
        let rosters = self
            .directory
            .contacts()
            .filter_map(|contact| Some((contact.roster.as_ref()?, contact)));
        listed.extend(rosters.flat_map(|(roster, contact)| roster.key_names(&contact.id)));
        let count = listed.len();
        listed.sort();
        listed.dedup();
        assert_eq!(listed.len(), count, "no key is listed twice");
        for known in self.directory.keys() {
            let is_listed = listed.binary_search(&known.name()).is_ok();
            match (known.until, known.revoked_by) {
                (None, _) => assert!(is_listed, "{known:?} is in force unlisted"),
                (Some(_), None) => assert!(!is_listed, "{known:?} is listed and dropped"),
                (Some(_), Some(_)) => {}
            }
        }
        assert!(listed.iter().all(|name| self.directory.known(name).is_some()), "all are known");
    }

    /// The leaf where this very statement already is.
    fn logged<S: Says>(&self, draft: &Draft<S>) -> Option<u64> {
        Unverified::read(&self.directory, &draft.bytes()).unwrap().logged(&self.directory)
    }

    /// The code and sentence of the refusal.
    #[track_caller]
    fn refusal<S: Says>(&self, draft: &Draft<S>) -> String {
        match self.decide(draft) {
            Err(refusal) => format!("{} {refusal}", refusal.code()),
            Ok(change) => panic!("expected a refusal, found {change:?}"),
        }
    }

    /// Takes the good statement, and refuses it in every row. All rows that fail are shown.
    #[track_caller]
    fn refuses<S: Says>(&self, good: &Draft<S>, rows: &[Row<S>]) {
        let bytes = good.bytes();
        let decided = self.decide_bytes(&bytes, good.at);
        judged::keep(self, "as it should be", (&bytes, good.at), &reasons(&decided));
        assert!(decided.is_ok(), "{decided:?}");
        let wrong: Vec<String> = rows.iter().filter_map(|row| self.wrong(good, row)).collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    fn wrong<S: Says>(&self, good: &Draft<S>, (name, change, expected): &Row<S>) -> Option<String> {
        let mut draft = good.clone();
        change(&mut draft);
        let bytes = draft.bytes();
        let found = self.decide_bytes(&bytes, draft.at);
        judged::keep(self, name, (&bytes, draft.at), &reasons(&found));
        let (code, words) = expected.split_once(' ').unwrap_or((expected, ""));
        let matches = found
            .as_ref()
            .is_err_and(|refusal| refusal.code() == code && refusal.to_string().contains(words));
        (!matches).then(|| format!("{name}: expected {expected}, found {found:?}"))
    }

    /// What becomes of these bytes, as other implementations must find it, too.
    #[track_caller]
    fn judge(&self, name: &str, bytes: &[u8], at: u64, reason: Option<&str>) {
        let found = reasons(&self.decide_bytes(bytes, at));
        judged::keep(self, name, (bytes, at), &found);
        assert_eq!(found.err().as_deref(), reason, "{name}");
    }

    fn target(&self, newest: Option<&Newest>) -> Vec<Target> {
        let genesis = self.directory.genesis().as_bytes().to_vec().into();
        let version = newest.map_or(0, |newest| newest.version) + 1;
        vec![Target { name: NAME.to_owned(), genesis, version }]
    }

    fn record_target(&self, contact: &str) -> Vec<Target> {
        let contact = self.directory.contact(&contact.parse().unwrap());
        self.target(contact.map(|contact| &contact.record_newest))
    }

    fn charter(&self) -> Draft<proto::Charter> {
        let payload = self.directory.charter().payload.clone();
        let charter = proto::Charter {
            targets: self.target(Some(&self.directory.charter().newest)),
            issued_at: NOW,
            previous: self.directory.charter().newest.statement.as_bytes().to_vec().into(),
            ..proto::Charter::decode(payload).unwrap()
        };
        Draft::new(charter, &["alice", "bob"], NOW)
    }

    fn admission(&self, member: &str) -> Draft<proto::Admission> {
        let before = self.directory.member(&member.parse().unwrap());
        let (names, threshold): (&[&str], u32) = match member {
            "fr" => (&["fr-1", "fr-2", "fr-3"], 2),
            "at" => (&["at-1"], 1),
            _ => (&[], 0),
        };
        let admission = proto::Admission {
            targets: self.target(before.map(|member| &member.newest)),
            issued_at: NOW,
            member: member.to_owned(),
            kind: proto::MemberKind::UnMember.into(),
            names: vec![text("en", "A State"), text("fr", "Un État")],
            authority: keys_by_id(names),
            threshold,
            note: Some(note()),
        };
        Draft::new(admission, &["alice", "bob"], NOW)
    }

    fn attested(&self, contact: &str) -> Draft<proto::AttestedRecord> {
        let record = proto::AttestedRecord {
            targets: self.record_target(contact),
            issued_at: NOW,
            contact: contact.to_owned(),
            expires: NOW + 365 * DAY,
            levels: vec![1, 3],
            purposes: vec![1, 6],
            names: vec![text("en", "An office")],
            facets: vec![facet("email"), facet("telephone")],
            note: Some(note()),
        };
        Draft::new(record, &["alice", "bob"], NOW)
    }

    fn record(&self, contact: &str) -> Draft<proto::Record> {
        let keeper = (contact != "fr/cert").then(|| public(&format!("{contact} keeper")));
        let record = proto::Record {
            targets: self.record_target(contact),
            issued_at: NOW,
            contact: contact.to_owned(),
            expires: NOW + 365 * DAY,
            levels: vec![1, 3],
            purposes: vec![1, 6],
            names: vec![text("en", "An office")],
            keeper,
            custody: proto::Custody::Separate.into(),
            ladders: Vec::new(),
            facets: vec![facet("email"), facet("telephone")],
            note: None,
        };
        Draft::new(record, authority_of(contact), NOW)
    }

    fn roster(&self, contact: &str) -> Draft<proto::Roster> {
        let known = self.directory.contact(&contact.parse().unwrap());
        let newest = known.and_then(|contact| contact.roster_newest.as_ref());
        let safe = proto::Seat { sign: None, tls: None, ..seat(contact, "safe") };
        let roster = proto::Roster {
            targets: self.target(newest),
            issued_at: NOW,
            contact: contact.to_owned(),
            seats: vec![seat(contact, "duty-1"), seat(contact, "duty-2"), safe],
            facets: vec![facet("hours")],
        };
        let signers = match contact {
            "fr/soc" => &["fr/soc keeper"],
            "at/cert" => &["at/cert keeper"],
            _ => authority_of(contact),
        };
        Draft::new(roster, signers, NOW)
    }

    fn withdrawal(&self, contact: &str) -> Draft<proto::Withdrawal> {
        let targets = self.record_target(contact);
        let withdrawal = proto::Withdrawal { targets, issued_at: NOW, contact: contact.to_owned() };
        Draft::new(withdrawal, authority_of(contact), NOW)
    }

    /// Of the three keys of a seat that they have in [`World::new`].
    fn revocation(&self, seat: &str) -> Draft<proto::Revocation> {
        let sealing = KeyId::of(&sealing_raw(&format!("{seat} seal")));
        let mut ids = [id(&format!("{seat} sign")), sealing, id(&format!("{seat} tls"))];
        ids.sort();
        let mut targets = self.target(None);
        targets[0].version = 0;
        let revocation = proto::Revocation {
            targets,
            issued_at: NOW,
            seat: seat.to_owned(),
            key_ids: ids.iter().map(|id| id.as_bytes().to_vec().into()).collect(),
            reason: proto::Reason::Lost.into(),
            suspected_from: 0,
        };
        Draft::new(revocation, authority_of(seat), NOW)
    }
}

/// Who signs for the member of a contact or seat.
fn authority_of(id: &str) -> &'static [&'static str] {
    match id.split('/').next() {
        Some("fr") => &["fr-1", "fr-2"],
        Some("at") => &["at-1"],
        _ => &["alice", "bob"],
    }
}

fn founding() -> proto::Charter {
    proto::Charter {
        targets: vec![Target { name: NAME.to_owned(), genesis: Vec::new().into(), version: 1 }],
        issued_at: NOW,
        rules: 1,
        registrars: vec![person("alice"), person("bob"), person("carol")],
        threshold: 2,
        operators: vec![person("dave")],
        auditors: vec![person("erin")],
        log: vec![public("log")],
        relay: vec![public("relay")],
        service_ca: vec![b"a certificate".to_vec().into()],
        witnesses: vec![witness("w1.example"), witness("w2.example"), witness("w3.example")],
        quorum: 2,
        policy: vec![setting("flash-within", 900), setting("immediate-within", 3_600)],
        previous: Vec::new().into(),
    }
}

fn reasons<T>(decided: &Result<T, Refusal>) -> Result<(), String> {
    decided.as_ref().map(|_| ()).map_err(Refusal::on_the_page)
}

fn member(text: &str) -> MemberId {
    text.parse().unwrap()
}

fn contact(text: &str) -> ContactId {
    text.parse().unwrap()
}

/// What became of a key.
#[derive(Debug, PartialEq)]
enum Standing {
    InForce,
    Dropped,
    Revoked(u64),
}

fn standing(world: &World, key: KeyId) -> Standing {
    let known = world.directory.keys().find(|known| known.key.id() == key).unwrap();
    match (known.until, known.revoked_by) {
        (None, _) => Standing::InForce,
        (Some(_), None) => Standing::Dropped,
        (Some(leaf), Some(_)) => Standing::Revoked(leaf),
    }
}
