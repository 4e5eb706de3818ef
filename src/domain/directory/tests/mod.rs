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

use prost::Message;

use super::key::listed;
use super::possession::prove;
use super::*;
use crate::crypto::sign::SigningKey;
use crate::domain::ids::{ContactId, MemberId};
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Dsse, Target, Use};
use crate::world::clock::{DAY, NOW};
use crate::world::keys::{
    TOKEN, key, key_id as id, opening, p256, proven, public, random, sealing,
};
use crate::world::statements::{
    self, NAME, Says, facet as open_facet, note, person, seat, setting, sign, text,
};

/// The Ed25519 point (0, 1): it is listed by nobody.
fn low_order() -> proto::PublicKey {
    let mut one = [0; 32];
    one[0] = 1;
    listed(&VerifyingKey::from_ed25519(&one))
}

fn witness(name: &str) -> proto::Witness {
    proto::Witness { name: name.to_owned(), key: Some(public(name)) }
}

fn facet(name: &str) -> proto::Facet {
    open_facet("fr/cert", name).named()
}

fn keys_by_id(names: &[&str]) -> Vec<proto::PublicKey> {
    let mut keys: Vec<_> = names.iter().map(public).collect();
    keys.sort_by_key(|key| KeyId::of(&key.key));
    keys
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
        let statement = says.statement();
        let signed = sign(statement.kind(), statement.encode(), &self.signers);
        let mut dsse = Dsse::decode(signed).unwrap();
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

    fn charter(&self) -> Draft<proto::Charter> {
        let next = statements::next_charter(&self.directory);
        Draft::new(proto::Charter { issued_at: NOW, ..next }, &["alice", "bob"], NOW)
    }

    fn admission(&self, member: &str) -> Draft<proto::Admission> {
        let (names, threshold): (&[&str], u32) = match member {
            "fr" => (&["fr-1", "fr-2", "fr-3"], 2),
            "at" => (&["at-1"], 1),
            _ => (&[], 0),
        };
        let admission = proto::Admission {
            names: vec![text("en", "A State"), text("fr", "Un État")],
            authority: keys_by_id(names),
            threshold,
            note: Some(note()),
            ..statements::admission(member)
        };
        self.draft(admission, &["alice", "bob"])
    }

    fn attested(&self, contact: &str) -> Draft<proto::AttestedRecord> {
        let facets = vec![facet("email"), facet("telephone")];
        let record = proto::AttestedRecord { facets, ..statements::attested(contact) };
        self.draft(record, &["alice", "bob"])
    }

    fn record(&self, contact: &str) -> Draft<proto::Record> {
        let keeper = (contact != "fr/cert").then(|| public(&format!("{contact} keeper")));
        let facets = vec![facet("email"), facet("telephone")];
        let record = proto::Record { keeper, facets, ..statements::record(contact) };
        self.draft(record, authority_of(contact))
    }

    fn roster(&self, contact: &str) -> Draft<proto::Roster> {
        let safe = proto::Seat { sign: None, tls: None, ..seat(contact, "safe") };
        let seats = vec![seat(contact, "duty-1"), seat(contact, "duty-2"), safe];
        let facets = vec![facet("hours")];
        let roster = proto::Roster { facets, ..statements::roster(contact, seats) };
        let signers = match contact {
            "fr/soc" => &["fr/soc keeper"],
            "at/cert" => &["at/cert keeper"],
            _ => authority_of(contact),
        };
        self.draft(roster, signers)
    }

    fn withdrawal(&self, contact: &str) -> Draft<proto::Withdrawal> {
        self.draft(statements::withdrawal(contact), authority_of(contact))
    }

    /// Of the three keys of a seat that they have in [`World::new`].
    fn revocation(&self, seat: &str) -> Draft<proto::Revocation> {
        let (sign, tls) = (id(&format!("{seat} sign")), id(&format!("{seat} tls")));
        let keys = [sign, opening(&format!("{seat} seal")).public().id(), tls];
        self.draft(statements::revocation(seat, keys), authority_of(seat))
    }

    /// What comes next here.
    fn draft<S: Says>(&self, says: S, signers: &[&'static str]) -> Draft<S> {
        Draft::new(says.next_in(&self.directory), signers, NOW)
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
        operators: vec![person("dave")],
        auditors: vec![person("erin")],
        witnesses: vec![witness("w1.example"), witness("w2.example"), witness("w3.example")],
        quorum: 2,
        policy: vec![setting("flash-within", 900), setting("immediate-within", 3_600)],
        ..statements::founding(vec![person("alice"), person("bob"), person("carol")], 2)
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
