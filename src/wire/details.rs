//! What a refusal holds, by stable names: with its reason all that its sentence says, for scripts, and for
//! whoever says it in a language of his own.
//!
//! In scope: the names, as `docs/protocol.md` 7.5 has them. Out of scope: the words of closed lists
//! (`domain::refusal`), the status around (`status`). Invariants: no value of a refusal stays behind; a
//! name never changes; foreign text is bounded.

use std::collections::HashMap;
use std::fmt::Display;

use crate::crypto::cert::CertificateFault;
use crate::crypto::seal::{InvalidSealingKey, MAX_SEALED_BYTES, OpenError};
use crate::crypto::sign::{InvalidPublicKey, KeyId};
use crate::domain::ids::InvalidId;
use crate::domain::limits;
use crate::domain::refusal::{
    self, Deciders, Letters, Mismatch, Owner, Refusal, Reused, Targets, Which, Word, Wrong,
};
use crate::domain::role::{Allowed, Role};

type Pairs = Vec<(&'static str, String)>;

/// What a refusal holds.
#[must_use]
pub fn of(refusal: &Refusal) -> HashMap<String, String> {
    let short = |(name, value): (&str, String)| {
        let value = match name {
            // A client asks whether to send to all others: it needs each of these.
            "contacts" => at_most(CONTACTS_BYTES, value),
            "seats" => whole(CONTACTS_BYTES, value),
            _ => at_most(DETAIL_BYTES, value),
        };
        (name.to_owned(), value)
    };
    pairs(refusal).into_iter().map(short).collect()
}

const DETAIL_BYTES: usize = 200;
/// An id of a contact has two parts of up to 32 bytes.
const CONTACTS_BYTES: usize = limits::RECIPIENTS * (2 * 32 + BETWEEN.len() + "/".len());
const BETWEEN: &str = ", ";

/// The beginning of a text.
pub(super) fn at_most(bytes: usize, mut text: String) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// The beginning of a list, up to where one ends.
fn whole(bytes: usize, list: String) -> String {
    if list.len() <= bytes {
        return list;
    }
    let mut list = at_most(bytes, list);
    list.truncate(list.rfind(BETWEEN).unwrap_or(0));
    list
}

fn pairs(refusal: &Refusal) -> Pairs {
    match refusal {
        Refusal::TooLarge { what, limit, found } => {
            vec![("what", text(what)), ("limit", text(limit)), ("found", text(found))]
        }
        Refusal::NotCanonical(what) => vec![("what", text(what))],
        Refusal::UnknownKind { expected, found } => {
            vec![("expected", word(expected)), ("found", found.clone())]
        }
        Refusal::InvalidTargets(why) => of_targets(*why),
        Refusal::NotACharter(found) => vec![("found", found.payload_type())],
        Refusal::OtherDirectory { expected, found } => {
            vec![("expected", text(expected)), ("found", refusal::list(found))]
        }
        Refusal::InvalidField { field, why } => {
            // The statement's own name for it, and where inside.
            let name = field.split('.').next().unwrap_or_default();
            [("field", text(name)), ("path", text(field)), ("why", word(why))]
                .into_iter()
                .chain(of_wrong(why))
                .collect()
        }
        Refusal::UnknownMember(member)
        | Refusal::AuthorityStands(member)
        | Refusal::AttestedAfterSigned(member) => vec![("member", text(member))],
        Refusal::StaleDirectory(contact)
        | Refusal::RecipientListed(contact)
        | Refusal::RecipientWithoutSeats(contact)
        | Refusal::Attested(contact)
        | Refusal::UnknownContact(contact) => vec![("contact", text(contact))],
        Refusal::DuplicateSignature(key)
        | Refusal::UnknownKey(key)
        | Refusal::KeyNotInForce(key)
        | Refusal::BadSignature(key)
        | Refusal::SuperfluousSignature(key) => vec![("key", of_key(key))],
        Refusal::WrongPurpose { key, found, needed } => {
            vec![("key", of_key(key)), ("found", word(found)), ("needed", words(needed))]
        }
        Refusal::BelowThreshold { of, needed, found } => {
            let whose = [("whose", word(of))].into_iter().chain(of_deciders(of));
            whose.chain([("needed", text(needed)), ("found", text(found))]).collect()
        }
        Refusal::WrongVersion { expected, found } => {
            vec![("expected", text(expected)), ("found", text(found))]
        }
        Refusal::BeforeClock { clock, found } => {
            vec![("clock", text(clock)), ("found", text(found))]
        }
        Refusal::IssuedInFuture { issued, at } | Refusal::IssuedTooEarly { issued, at } => {
            vec![("issued", text(issued)), ("at", text(at))]
        }
        Refusal::WrongRules { before, found } => {
            vec![("before", text(before)), ("found", text(found))]
        }
        Refusal::NoPossession { key, holder } => {
            vec![("key", of_key(key)), ("holder", of_owner(holder)), ("whose", word(holder))]
        }
        Refusal::KeyReused { key, why } => {
            [("key", of_key(key)), ("why", word(why))].into_iter().chain(of_reused(why)).collect()
        }
        Refusal::TooManyContacts { member, limit } => {
            vec![("member", text(member)), ("limit", text(limit))]
        }
        Refusal::FacetMissing(name) => vec![("facet", name.clone())],
        Refusal::NotYetSupported(what) => vec![("what", text(what)), ("why", word(what))],
        Refusal::NewerRules { found, known } => {
            vec![("found", text(found)), ("known", text(known))]
        }
        Refusal::ServiceKeyMissing { of, id } | Refusal::ServiceKeyListed { of, id } => {
            vec![("key", text(of.word())), ("key_id", of_key(id))]
        }
        Refusal::ServiceNotBelieved(cause) => vec![("cause", text(cause))],
        Refusal::NotTheSender(why) => of_mismatch(why),
        Refusal::WrongThread(why) => vec![("why", word(why))],
        Refusal::NotALevel { contact, level, has } => vec![
            ("contact", text(contact)),
            ("level", refusal::levels(&[*level])),
            ("levels", refusal::levels(has)),
        ],
        Refusal::ViewAhead { size, found } => vec![("size", text(size)), ("found", text(found))],
        Refusal::ForeignView(size) => vec![("size", text(size))],
        Refusal::BodySize { expected, found } => {
            vec![("expected", refusal::list(expected)), ("found", text(found))]
        }
        Refusal::NotSealed { what, why } => {
            [("what", text(what)), ("why", word(why))].into_iter().chain(of_opening(*why)).collect()
        }
        Refusal::WrongLetters(why) => of_letters(why),
        Refusal::IdUsedTwice(id) => vec![("id", text(id))],
        Refusal::UnknownMessage(which) | Refusal::MessageExpired(which) => match which {
            Which::Id(id) => vec![("id", text(id))],
            Which::Number(number) => vec![("number", text(number))],
        },
        Refusal::ReceiptNotDue(why) => vec![("why", word(why))],
        Refusal::MailboxShare { contacts, retry } => {
            let retry = retry.map(|seconds| ("retry", text(seconds)));
            [("contacts", refusal::list(contacts))].into_iter().chain(retry).collect()
        }
        Refusal::QuotaExceeded { kept, limit } => {
            vec![("kept", text(kept)), ("limit", text(limit))]
        }
        Refusal::NotPermitted { found, needed } => of_caller(found, *needed),
        Refusal::Certificate(why) => of_certificate(*why),
        Refusal::Internal(fault) => vec![("why", word(fault))],
        Refusal::UnknownAction(action) => vec![("action", action.clone())],
        Refusal::UnknownProposal(id) => vec![("proposal", hex::encode(id.as_bytes()))],
        Refusal::BaseMoved { base, found } => {
            vec![("expected", text(base)), ("found", text(found))]
        }
        Refusal::ProposalExpired { at } => vec![("at", text(at))],
        Refusal::ProposalTooLong { expires, latest } => {
            vec![("expires", text(expires)), ("latest", text(latest))]
        }
        Refusal::ProposalBeforeRestore { since } => vec![("since", text(since))],
        Refusal::ProposalEnded { by, committed, at } => {
            let how = if *committed { "carried-out" } else { "given-up" };
            vec![("by", by.clone()), ("how", text(how)), ("at", text(at))]
        }
        Refusal::ProposalOfAnother { by, expires } => {
            vec![("by", by.clone()), ("expires", text(expires))]
        }
        Refusal::TooManyProposals { limit, until } => {
            let until = until.map(|until| ("until", text(until)));
            [("limit", text(limit))].into_iter().chain(until).collect()
        }
        Refusal::SecondOperatorNeeded { often } => vec![("often", text(often))],
        Refusal::UnknownSession(session) => vec![("session", text(session))],
        Refusal::UnknownServiceKey(id) => vec![("key_id", of_key(id))],
        Refusal::NotWhileServing(action) => vec![("action", text(action))],
        Refusal::UnknownLeaf
        | Refusal::OtherGenesis
        | Refusal::SignaturesUnsorted
        | Refusal::WrongPrevious
        | Refusal::AlreadyExpired
        | Refusal::HoldsTooLong
        | Refusal::NothingToRevoke
        | Refusal::NotEntitled
        | Refusal::FacetSuperfluous
        | Refusal::ClockInDoubt
        | Refusal::BodyDigest
        | Refusal::StorageFull
        | Refusal::StorageReadOnly
        | Refusal::BodyDamaged
        | Refusal::StoreDamaged
        | Refusal::ServiceKeyNotKept => Vec::new(),
    }
}

fn text(value: impl Display) -> String {
    value.to_string()
}

fn word(value: &impl Word) -> String {
    value.word().to_owned()
}

fn words(values: &[impl Word]) -> String {
    refusal::list(&values.iter().map(Word::word).collect::<Vec<_>>())
}

fn of_key(key: &KeyId) -> String {
    hex::encode(key.as_bytes())
}

fn of_owner(owner: &Owner) -> String {
    match owner {
        Owner::Holder(holder) => text(holder),
        Owner::Witness(name) => name.clone(),
    }
}

fn of_targets(why: Targets) -> Pairs {
    let most = match why {
        Targets::NotASet => Some(("most", text(limits::TARGETS))),
        Targets::IllFormed | Targets::Version | Targets::Several => None,
    };
    [("why", word(&why))].into_iter().chain(most).collect()
}

fn of_deciders(of: &Deciders) -> Option<(&'static str, String)> {
    match of {
        Deciders::Authority(member) | Deciders::RegistrarsOrAuthority(member) => {
            Some(("member", text(member)))
        }
        Deciders::Keeper(contact) | Deciders::ContactOrAuthority(contact) => {
            Some(("contact", text(contact)))
        }
        Deciders::Registrars
        | Deciders::NewRegistrars
        | Deciders::OwnRegistrars
        | Deciders::Seat
        | Deciders::Operators => None,
    }
}

fn of_reused(why: &Reused) -> Pairs {
    match why {
        Reused::Belongs { holder, purpose } => {
            vec![("holder", text(holder)), ("whose", word(holder)), ("purpose", word(purpose))]
        }
        Reused::Twice | Reused::Ended => Vec::new(),
    }
}

fn of_mismatch(why: &Mismatch) -> Pairs {
    let values = match why {
        Mismatch::Seat { signed, named } => vec![("signed", text(signed)), ("named", text(named))],
        Mismatch::HandedIn { by, signed } => vec![("by", text(by)), ("signed", text(signed))],
        Mismatch::Words => Vec::new(),
    };
    [("why", word(why))].into_iter().chain(values).collect()
}

fn of_letters(why: &Letters) -> Pairs {
    let values = match why {
        Letters::OutOfRange(named) => {
            vec![("named", text(named)), ("most", text(limits::LETTERS))]
        }
        Letters::OtherNumber { named, found } => {
            vec![("named", text(named)), ("found", text(found))]
        }
        Letters::OtherSeats(seats) => vec![("seats", refusal::list(seats))],
        Letters::NotASet | Letters::OtherRoot => Vec::new(),
    };
    [("why", word(why))].into_iter().chain(values).collect()
}

fn of_opening(why: OpenError) -> Pairs {
    match why {
        OpenError::TooLarge(found) => {
            vec![("limit", text(MAX_SEALED_BYTES)), ("found", text(found))]
        }
        OpenError::Malformed
        | OpenError::NotOneStanza
        | OpenError::WrongKind
        | OpenError::LowOrder
        | OpenError::WrongKey
        | OpenError::HeaderChanged
        | OpenError::PayloadChanged
        | OpenError::Truncated
        | OpenError::TrailingBytes => Vec::new(),
    }
}

fn of_certificate(why: CertificateFault) -> Pairs {
    let at = match why {
        CertificateFault::NotYetValid { not_before } => Some(("at", text(not_before))),
        CertificateFault::Expired { not_after } => Some(("at", text(not_after))),
        CertificateFault::ServerOnly => None,
    };
    [("why", word(&why))].into_iter().chain(at).collect()
}

fn of_caller(role: &Role, needed: Allowed) -> Pairs {
    let caller = match role {
        Role::Nobody | Role::Unknown => None,
        Role::Seat(seat) => Some(("caller", text(seat))),
        Role::Registrar(person) | Role::Operator(person) | Role::Auditor(person) => {
            Some(("caller", text(person)))
        }
        Role::Former(key) => Some(("key", of_key(key))),
    };
    let needed = needed.known().map_or_else(|| text("anybody"), |known| words(&known));
    [("found", word(role))].into_iter().chain(caller).chain([("needed", needed)]).collect()
}

/// What came in a field, and what may.
fn of_wrong(why: &Wrong) -> Pairs {
    match why {
        Wrong::OutOfRange { least, most, found } => {
            vec![("least", text(least)), ("most", text(most)), ("found", text(found))]
        }
        Wrong::Not32Bytes(found) => vec![("found", text(found))],
        Wrong::NoValue(found) => vec![("found", text(found))],
        Wrong::NoValueOfRules { value, rules } => {
            vec![("found", text(value)), ("rules", text(rules))]
        }
        Wrong::NoId(InvalidId { expected, found }) => {
            vec![("expected", word(expected)), ("found", found.clone())]
        }
        Wrong::NoWord(found) | Wrong::NoLanguage(found) | Wrong::ForeignFacet(found) => {
            vec![("found", found.clone())]
        }
        Wrong::TextLength(found) => {
            vec![("most", text(limits::TEXT_BYTES)), ("found", text(found))]
        }
        Wrong::NoText(found) => vec![("found", format!("U+{:04X}", u32::from(*found)))],
        Wrong::NoPublicKey(InvalidPublicKey(found)) => vec![("found", text(found))],
        Wrong::NoSealingKey(InvalidSealingKey::Length(found)) => vec![("found", text(found))],
        Wrong::NotPadded(found) => vec![("found", text(found))],
        Wrong::NoSealingKey(
            InvalidSealingKey::NotReduced
            | InvalidSealingKey::LowOrder
            | InvalidSealingKey::Recipient,
        )
        | Wrong::Missing
        | Wrong::Superfluous
        | Wrong::Empty
        | Wrong::NotASet
        | Wrong::Zero
        | Wrong::NoKey
        | Wrong::OtherAlgorithm
        | Wrong::NotEd25519
        | Wrong::NotXWing
        | Wrong::NoPoint
        | Wrong::NoCertificate
        | Wrong::NoWitnessName
        | Wrong::KeyOfAnother
        | Wrong::HalfASeat
        | Wrong::NoStandIn
        | Wrong::StandsIn
        | Wrong::NoEntries
        | Wrong::OtherStep
        | Wrong::KeptTooLong
        | Wrong::Expired
        | Wrong::OtherDrill => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::domain::ids::Form;
    use crate::domain::refusal::tests::samples;
    use crate::domain::refusal::{All, Amiss, Expected, Fault, Undue, Unserved};
    use crate::domain::role::{Holder, Known, Purpose, Signer};
    use crate::signed::dsse::Kind;

    const PAGE: &str = include_str!("../../docs/protocol.md");

    /// Whoever has reason and details has all that the sentence is made of.
    #[test]
    fn what_differs_in_anything_differs_in_its_details() {
        let samples = samples();
        for (at, one) in samples.iter().enumerate() {
            for other in samples[..at].iter().filter(|other| **other != *one) {
                let (told, others) = ((one.reason(), of(one)), (other.reason(), of(other)));
                assert_ne!(told, others, "{one}\n{other}");
            }
        }
    }

    /// Numbers, names and foreign text, as the values have them themselves.
    #[test]
    fn every_value_of_a_refusal_is_among_its_details() {
        for refusal in samples() {
            // Where a connection comes from is no part of what is said, and a character is said as its number.
            let is_said = !matches!(refusal, Refusal::NotPermitted { .. })
                && !matches!(refusal, Refusal::InvalidField { why: Wrong::NoText(_), .. });
            let told: BTreeSet<String> =
                of(&refusal).values().flat_map(|value| parts(value)).collect();
            for value in parts(&format!("{refusal:?}")).into_iter().filter(|_| is_said) {
                // Variants, fields, and which of two it is.
                let is_a_name = value.starts_with(|first: char| first.is_uppercase());
                let is_a_mode = value.ends_with(':') || value == "true" || value == "false";
                assert!(is_a_name || is_a_mode || told.contains(&value), "{refusal:?}: {value}");
            }
        }
    }

    fn parts(text: &str) -> Vec<String> {
        let parts = text.split([' ', ',', '"', '/', '(', ')', '[', ']', '{', '}']);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The rows of the table below this line of section 7.5: what stands in backticks, by column.
    fn rows(of: &str) -> Vec<Vec<Vec<&'static str>>> {
        let (_, section) = PAGE.split_once("\n### 7.5 ").unwrap();
        let (section, _) = section.split_once("\n## 8. ").unwrap();
        let (_, table) = section.split_once(of).unwrap();
        let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let column = |column: &'static str| column.split('`').skip(1).step_by(2).collect();
        let row = |line: &'static str| line.split('|').map(column).skip(1).collect();
        lines.map(row).collect()
    }

    #[test]
    fn the_page_names_what_each_reason_has() {
        let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for refusal in samples() {
            found.entry(refusal.code()).or_default().extend(of(&refusal).into_keys());
        }
        found.retain(|_, names| !names.is_empty());
        let mut page: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for row in rows("| reason | details |") {
            for reason in &row[0] {
                page.insert(reason, row[1].iter().map(|name| (*name).to_owned()).collect());
            }
        }
        assert_eq!(found, page);
    }

    /// A detail, of which reasons, and the closed lists that its words are of.
    type List<'a> = (&'a str, &'a [&'a str], &'a [&'a [&'a str]]);

    /// The words are promised: scripts rely on them.
    #[test]
    fn the_page_names_every_word() {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let lists: [List<'_>; 21] = [
            ("why", &["INVALID_TARGETS"], &[Targets::WORDS]),
            ("why", &["INVALID_FIELD"], &[Wrong::WORDS, InvalidSealingKey::WORDS]),
            ("expected", &["INVALID_FIELD"], &[Form::WORDS]),
            ("expected", &["UNKNOWN_KIND"], &[Expected::WORDS]),
            ("found", &["WRONG_PURPOSE"], &[Purpose::WORDS]),
            ("purpose", &["KEY_REUSED"], &[Purpose::WORDS]),
            ("needed", &["WRONG_PURPOSE"], &[Signer::WORDS]),
            ("whose", &["BELOW_THRESHOLD"], &[Deciders::WORDS]),
            ("whose", &["NO_POSSESSION"], &[Holder::WORDS, Owner::WORDS]),
            ("whose", &["KEY_REUSED"], &[Holder::WORDS]),
            ("why", &["KEY_REUSED"], &[Reused::WORDS]),
            ("why", &["NOT_YET_SUPPORTED"], &[Unserved::WORDS]),
            ("why", &["NOT_THE_SENDER"], &[Mismatch::WORDS]),
            ("why", &["WRONG_THREAD", "VIEW_BEFORE"], &[Amiss::WORDS]),
            ("why", &["NOT_SEALED"], &[OpenError::WORDS]),
            ("why", &["WRONG_LETTERS"], &[Letters::WORDS]),
            ("why", &["RECEIPT_NOT_DUE"], &[Undue::WORDS]),
            ("found", &["NOT_PERMITTED"], &[Role::WORDS]),
            ("needed", &["NOT_PERMITTED"], &[Known::WORDS, &["anybody"]]),
            ("why", &["CERTIFICATE"], &[CertificateFault::WORDS]),
            ("why", &["INTERNAL"], &[Fault::WORDS]),
        ];
        let mut page = rows("| detail | of | words |").into_iter();
        for (detail, reasons, words) in lists {
            let words = words.concat();
            assert_eq!(
                page.next(),
                Some(vec![vec![detail], reasons.to_vec(), words.clone(), vec![]])
            );
            let samples = samples();
            let of_these = samples.iter().filter(|refusal| reasons.contains(&refusal.code()));
            let told = of_these.filter_map(|refusal| of(refusal).remove(detail));
            let told: BTreeSet<String> = told
                .flat_map(|value| value.split(BETWEEN).map(str::to_owned).collect::<Vec<_>>())
                .filter(|value| reasons != ["UNKNOWN_KIND"] || !kinds.contains(&&value[..]))
                .collect();
            let words: BTreeSet<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(told, words, "{detail} of {reasons:?}");
        }
        assert_eq!(page.next(), None);
    }

    /// All whose letters are needed are named as far as they fit, and none in part.
    #[test]
    fn a_list_ends_with_a_whole_name() {
        let seat = |number| format!("fr/cert/{}{number}", "s".repeat(29)).parse().unwrap();
        let seats = (100..100 + limits::LETTERS).map(seat).collect();
        let told = of(&Refusal::WrongLetters(Letters::OtherSeats(seats)));
        let told: Vec<&str> = told["seats"].split(BETWEEN).collect();
        assert!(told.len() > 40 && told.iter().all(|seat| seat.len() == "fr/cert/".len() + 32));
    }

    /// Scripts read these words, as they were promised first: they are the values, and none of the sentence.
    #[test]
    fn details_are_values() {
        let key = KeyId::of(b"key");
        let hex = hex::encode(key.as_bytes());
        let no_proof = |holder| Refusal::NoPossession { key, holder };
        let person = Holder::Registrar("alice".parse().unwrap());
        let other = Refusal::OtherDirectory {
            expected: "un.example".parse().unwrap(),
            found: vec!["aa.example".to_owned(), "bb.example".to_owned()],
        };
        let found = "x".repeat(60_000);
        let unknown = Refusal::UnknownKind { expected: Expected::Statement, found: found.clone() };
        let rows: [(_, &[(&str, &str)]); 6] = [
            (other, &[("expected", "un.example"), ("found", "aa.example, bb.example")]),
            (no_proof(Owner::Holder(person)), &[("key", &hex), ("holder", "registrar/alice")]),
            (no_proof(Owner::Witness("w1".to_owned())), &[("key", &hex), ("holder", "w1")]),
            (Refusal::field("seats.tls", Wrong::NoKey), &[("field", "seats")]),
            (
                Refusal::NotACharter(Kind::Roster),
                &[("found", "application/vnd.liaison.roster.v1+protobuf")],
            ),
            (unknown, &[("found", &found[..DETAIL_BYTES])]),
        ];
        for (refusal, expected) in rows {
            let details = of(&refusal);
            assert!(details.len() >= expected.len(), "{refusal}");
            for (name, value) in expected {
                assert_eq!(details[*name], *value, "{refusal}");
            }
        }
    }
}
