//! A contact of the directory in words: its name, how it takes part, why it is believed.
//!
//! In scope: one wording for each of these, and for the age of a copy. Out of scope: what is known (`office`), columns
//! and tables (each face). Invariant: how a State came to be listed is said in a neutral sentence.

use crate::crypto::sign::KeyId;
use crate::office::call::Called;
use crate::office::directory::TakesPart;
use crate::office::directory::page::{Belief, NextInLine, Page, Proof, Proven};
use crate::office::seen::Seen;

use super::{day, level, name, span, visible, when};

/// A contact's name, or its id.
#[must_use]
pub fn own_name(of: &Called) -> String {
    Some(name(&of.names)).filter(|name| !name.is_empty()).unwrap_or_else(|| of.contact.to_string())
}

/// The name of a contact's member, or its id.
#[must_use]
pub fn member_name(of: &Called) -> String {
    let named = Some(name(&of.member)).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| of.contact.member().to_string())
}

/// How a contact takes part, in a word that scripts read, too.
#[must_use]
pub const fn part(part: TakesPart) -> &'static str {
    match part {
        TakesPart::Withdrawn => "withdrawn",
        TakesPart::Listed => "listed",
        TakesPart::Signed => "signed",
        TakesPart::Connected => "connected",
    }
}

/// How it takes part, and what that means for who wants to reach it.
#[must_use]
pub fn takes_part(of: &Page) -> String {
    let so = match of.entry.part {
        TakesPart::Withdrawn => String::new(),
        TakesPart::Listed => ": call or write; no message can be sealed to it".to_owned(),
        TakesPart::Signed => ": no seat is on duty; call or write".to_owned(),
        TakesPart::Connected => format!(": on duty {}", of.seats.join(", ")),
    };
    format!("{}{so}", part(of.entry.part))
}

/// Why to believe it: one neutral sentence.
#[must_use]
pub fn believed(of: &Page) -> String {
    let keys = |keys: &[KeyId]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match &of.belief {
        Belief::Withdrawn(by) => format!("withdrawn; signed with the key {}", keys(by)),
        Belief::Attested(verbale) => {
            let note = verbale.as_ref().map_or_else(String::new, |note| {
                format!(" (note verbale {} of {})", visible(&note.reference), day(note.date))
            });
            format!("entered for the State by the registrar, not signed by the State{note}")
        }
        Belief::Signed { at, keys: by } => {
            let (member, on) = (member_name(&of.entry.called), day(*at));
            format!("signed by the authority of {member} on {on}, key {}", keys(by))
        }
    }
}

/// Who stands in for it at a level.
#[must_use]
pub fn next_in_line(of: &NextInLine) -> String {
    let contacts: Vec<String> = of.contacts.iter().map(|contact| visible(contact)).collect();
    format!("{}: {}", level(of.level), contacts.join(", then "))
}

/// What an entry of the log is to a contact, in a word that scripts read, too.
#[must_use]
pub const fn proven(what: Proven) -> &'static str {
    match what {
        Proven::Record => "record",
        Proven::Roster => "roster",
        Proven::Admission => "admission",
    }
}

/// Where it stands in the log, and whether that is proven.
#[must_use]
pub fn proof(of: &Proof) -> String {
    let holds = if of.holds { "verified" } else { "DOES NOT HOLD" };
    format!(
        "leaf {} of {}, inclusion proof of {} hashes {holds} against the checkpoint",
        of.leaf, of.size, of.hashes
    )
}

/// Of which copy something was read, in one line.
#[must_use]
pub fn seen(of: &Seen) -> String {
    let age = match of.synced_at.zip(of.age()) {
        Some((at, age)) => format!("copy of {}, {} old", when(at), span(age)),
        None => "copy of unknown age".to_owned(),
    };
    format!("directory {}, unwitnessed; {age}", of.directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Digest;
    use crate::office::directory::Entry;
    use crate::office::directory::page::Verbale;
    use crate::signed::proto::{Level, Text};
    use crate::world::relay::{NAME, contact};

    fn page(part: TakesPart, belief: Belief) -> Page {
        let text = |text: &str| vec![Text { language: "en".to_owned(), text: text.to_owned() }];
        let (names, member) = (text("CERT.at"), text("Austria"));
        let called = Called { contact: contact("at/cert-at"), names, member };
        let entry = Entry { called, levels: vec![], part, until: 0, expired: true };
        let (seats, next) = (vec!["duty-1".to_owned(), "duty-2".to_owned()], vec![]);
        let (parts, over, proofs, facets) = (vec![], None, vec![], vec![]);
        Page { entry, parts, seats, next, belief, over, proofs, facets }
    }

    #[test]
    fn who_has_no_name_is_called_by_its_id() {
        let named = page(TakesPart::Signed, Belief::Attested(None)).entry.called;
        assert_eq!((&*own_name(&named), &*member_name(&named)), ("CERT.at", "Austria"));
        let nameless = Called { names: vec![], member: vec![], ..named };
        assert_eq!((&*own_name(&nameless), &*member_name(&nameless)), ("at/cert-at", "at"));
    }

    #[test]
    fn how_it_takes_part_is_said_with_what_to_do_instead() {
        let said = |part| takes_part(&page(part, Belief::Attested(None)));
        assert_eq!(said(TakesPart::Withdrawn), "withdrawn");
        let listed = "listed: call or write; no message can be sealed to it";
        assert_eq!(said(TakesPart::Listed), listed);
        assert_eq!(said(TakesPart::Signed), "signed: no seat is on duty; call or write");
        assert_eq!(said(TakesPart::Connected), "connected: on duty duty-1, duty-2");
    }

    #[test]
    fn why_it_is_believed_is_said_in_a_neutral_sentence() {
        let said = |belief| believed(&page(TakesPart::Signed, belief));
        let (one, other) = (KeyId::of(b"one"), KeyId::of(b"other"));
        assert_eq!(
            said(Belief::Withdrawn(vec![one, other])),
            format!("withdrawn; signed with the key {one}; {other}")
        );
        assert_eq!(
            said(Belief::Signed { at: 86_400, keys: vec![one] }),
            format!("signed by the authority of Austria on 1970-01-02, key {one}")
        );
        let entered = "entered for the State by the registrar, not signed by the State";
        assert_eq!(said(Belief::Attested(None)), entered);
        let verbale = Verbale { reference: "NV\u{1b}".to_owned(), date: 0 };
        assert_eq!(
            said(Belief::Attested(Some(verbale))),
            format!(r"{entered} (note verbale NV\u{{1b}} of 1970-01-01)")
        );
    }

    #[test]
    fn a_proof_that_does_not_hold_is_said_aloud() {
        let (what, statement) = (Proven::Roster, Digest::of(b""));
        let (signers, holds) = (vec![], true);
        let holding = Proof { what, leaf: 3, size: 9, hashes: 4, holds, statement, signers };
        let said = "leaf 3 of 9, inclusion proof of 4 hashes verified against the checkpoint";
        assert_eq!(proof(&holding), said);
        let said = "leaf 3 of 9, inclusion proof of 4 hashes DOES NOT HOLD against the checkpoint";
        assert_eq!(proof(&Proof { holds: false, ..holding }), said);
    }

    #[test]
    fn who_stands_in_is_named_in_order_and_made_visible() {
        let contacts = vec!["at/a".to_owned(), "at/\u{1b}".to_owned()];
        let next = NextInLine { level: Level::Policy, contacts };
        assert_eq!(next_in_line(&next), r"policy: at/a, then at/\u{1b}");
    }

    #[test]
    fn a_copy_is_said_with_its_age_if_that_is_known() {
        let directory = NAME.parse().unwrap();
        let of =
            Seen { directory, size: 9, synced_at: Some(60), stale: false, frozen: None, now: 180 };
        let said = "directory un.example, unwitnessed; copy of 1970-01-01 00:01 UTC, 2 min old";
        assert_eq!(seen(&of), said);
        let said = "directory un.example, unwitnessed; copy of unknown age";
        assert_eq!(seen(&Seen { synced_at: None, ..of }), said);
    }
}
