//! Whether the relay's receipts tell one story of each mailbox.
//!
//! In scope: all places that a sender was told, beside each other. Out of scope: verifying receipts, and
//! what a recipient saw of the same place (`receipt`). Invariant: what does not fit names the messages
//! whose receipts show it: each is signed by the relay, and together they are the evidence.

use std::collections::BTreeMap;

use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::state::{EntryKind, Mailbox};

use super::receipt::{Place, VerifiedAccepted};

/// How the relay contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clash {
    /// Two messages, or two histories before one, have one number.
    OneNumberTwice,
    /// One message has two numbers.
    TwoPlaces,
    /// An entry does not follow from the one before it.
    NotFollowing,
}

/// Two receipts of which one is not true; one alone, if it does not follow from the mailbox's beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contradiction {
    /// Whose mailbox it is.
    pub contact: ContactId,
    /// In which epoch.
    pub epoch: u64,
    /// At which number.
    pub number: u64,
    /// How they contradict each other.
    pub clash: Clash,
    /// The messages whose receipts show it.
    pub messages: Vec<MessageId>,
    /// A newer epoch of the mailbox is known: it is past.
    pub past: bool,
}

/// The places that a sender was told, of all its messages.
#[derive(Debug, Default)]
pub struct Places {
    told: BTreeMap<(ContactId, u64), BTreeMap<u64, Vec<Said>>>,
}

/// That a message stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    id: MessageId,
    header: Digest,
    chain: Digest,
}

impl Places {
    /// Takes what a receipt of a message says.
    pub fn take(&mut self, id: MessageId, receipt: &VerifiedAccepted) {
        for place in receipt.places() {
            self.add(place, id, receipt.header_digest());
        }
    }

    fn add(&mut self, place: &Place, id: MessageId, header: Digest) {
        let Place { contact, mailbox: Mailbox { epoch, count, chain } } = place.clone();
        let told = self.told.entry((contact, epoch)).or_default();
        let (at, said) = (told.entry(count).or_default(), Said { id, header, chain });
        if !at.contains(&said) {
            at.push(said);
        }
    }

    /// All that does not fit.
    #[must_use]
    pub fn contradictions(&self, genesis: Digest) -> Vec<Contradiction> {
        let mut all = Vec::new();
        for ((contact, epoch), told) in &self.told {
            let newer = (contact.clone(), epoch.saturating_add(1))..;
            let past = self.told.range(newer).next().is_some_and(|((of, _), _)| of == contact);
            let clash = |number, clash, messages: Vec<MessageId>| Contradiction {
                contact: contact.clone(),
                epoch: *epoch,
                number,
                clash,
                messages,
                past,
            };
            let beginning = Mailbox::of_epoch(genesis, contact, *epoch).chain;
            let mut placed = BTreeMap::new();
            for (number, said) in told {
                for said in said {
                    if *placed.entry(said.header).or_insert(*number) != *number {
                        all.push(clash(*number, Clash::TwoPlaces, vec![said.id]));
                    }
                }
                if let [_, _, ..] = said[..] {
                    let messages = said.iter().map(|said| said.id).collect();
                    all.push(clash(*number, Clash::OneNumberTwice, messages));
                    continue;
                }
                let [said] = said[..] else { continue };
                let before = match number.checked_sub(1) {
                    Some(0) => Some((None, beginning)),
                    Some(before) => match told.get(&before).map(|before| &before[..]) {
                        Some([before]) => Some((Some(before.id), before.chain)),
                        Some(_) | None => None,
                    },
                    None => None,
                };
                let Some((other, chain)) = before else { continue };
                if !follows(*epoch, *number, chain, &said) {
                    let messages = other.into_iter().chain([said.id]).collect();
                    all.push(clash(*number, Clash::NotFollowing, messages));
                }
            }
        }
        all
    }
}

/// Whether an entry of a message can come after a chain value: addressed, or released by the ladder.
fn follows(epoch: u64, number: u64, chain: Digest, said: &Said) -> bool {
    let before = Mailbox { epoch, count: number - 1, chain };
    let kinds = [EntryKind::Addressed, EntryKind::Released];
    kinds.iter().any(|kind| before.append(*kind, said.header).chain == said.chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> ContactId {
        "fr/cert-fr".parse().unwrap()
    }

    fn id(byte: u8) -> MessageId {
        MessageId::new(1, [byte; 10])
    }

    fn header(byte: u8) -> Digest {
        Digest::of(&[byte])
    }

    /// What a relay told of a mailbox in which these messages stand, one behind the other.
    struct Relay {
        genesis: Digest,
        places: Places,
    }

    impl Relay {
        fn new() -> Self {
            Self { genesis: Digest::of(b"genesis"), places: Places::default() }
        }

        /// Messages of other senders have no receipts here: they are negative.
        fn tells(&mut self, epoch: u64, kind: EntryKind, messages: &[i8]) {
            let mut at = Mailbox::of_epoch(self.genesis, &contact(), epoch);
            for message in messages {
                let byte = message.unsigned_abs();
                at = at.append(kind, header(byte));
                if *message > 0 {
                    self.says(at, byte);
                }
            }
        }

        fn says(&mut self, at: Mailbox, byte: u8) {
            let place = Place { contact: contact(), mailbox: at };
            self.places.add(&place, id(byte), header(byte));
        }

        fn found(&self) -> Vec<(u64, u64, Clash, Vec<MessageId>, bool)> {
            let found = self.places.contradictions(self.genesis).into_iter();
            found.map(|of| (of.epoch, of.number, of.clash, of.messages, of.past)).collect()
        }
    }

    #[test]
    fn one_story_has_no_contradiction_whoever_else_writes() {
        for kind in [EntryKind::Addressed, EntryKind::Released] {
            let mut relay = Relay::new();
            relay.tells(1, kind, &[1, 2, -3, 4, -5, -6, 7]);
            relay.tells(1, kind, &[1, 2]);
            // In a new epoch it stands elsewhere.
            relay.tells(2, kind, &[2, 1, 8]);
            assert_eq!(relay.found(), []);
        }
    }

    /// Older data was put back, and nobody began a new epoch.
    #[test]
    fn a_relay_that_was_set_back_is_caught() {
        let mut relay = Relay::new();
        relay.tells(1, EntryKind::Addressed, &[1, 2, 3]);
        relay.tells(1, EntryKind::Addressed, &[1, 4]);
        let twice = |past| (1, 2, Clash::OneNumberTwice, vec![id(2), id(4)], past);
        assert_eq!(relay.found(), [twice(false)]);
        // It says so for ever, and that it is past once the mailbox began anew.
        relay.tells(2, EntryKind::Addressed, &[1]);
        assert_eq!(relay.found(), [twice(true)]);
    }

    #[test]
    fn a_message_has_one_place_in_an_epoch() {
        let mut relay = Relay::new();
        relay.tells(1, EntryKind::Addressed, &[1, 2, -3, 2]);
        assert_eq!(relay.found(), [(1, 4, Clash::TwoPlaces, vec![id(2)], false)]);
    }

    #[test]
    fn what_does_not_follow_is_caught_by_both_receipts() {
        let mut relay = Relay::new();
        relay.tells(1, EntryKind::Addressed, &[1, 2, 3, 5]);
        // Another history before the next number: after 3 somebody else's 4 stood, and now does not.
        let mut other = Mailbox::of_epoch(relay.genesis, &contact(), 1);
        for byte in [1, 2, 3, 4, 6] {
            other = other.append(EntryKind::Addressed, header(byte));
        }
        relay.says(other, 6);
        assert_eq!(relay.found(), [(1, 5, Clash::NotFollowing, vec![id(5), id(6)], false)]);
        let mut first = Relay::new();
        let of_other = Mailbox::of_epoch(Digest::of(b"another"), &contact(), 1);
        first.says(of_other.append(EntryKind::Addressed, header(1)), 1);
        assert_eq!(first.found(), [(1, 1, Clash::NotFollowing, vec![id(1)], false)]);
        // The same message under the same number, with another history before it.
        let mut same = Relay::new();
        same.tells(1, EntryKind::Addressed, &[-1, 2]);
        same.tells(1, EntryKind::Addressed, &[-3, 2]);
        assert_eq!(same.found(), [(1, 2, Clash::OneNumberTwice, vec![id(2), id(2)], false)]);
    }
}
