//! Where everything stands: the key layout, whole.
//!
//! Invariants: numbers are big-endian, so that order of bytes is order of numbers; no key is a
//! prefix of another kind's; golden bytes below.

use crate::domain::directory::key::KeyName;
use crate::domain::ids::{ContactId, MemberId};
use crate::domain::state::Key;

/// The newest head: frontier, checkpoint, time.
pub const LOG_HEAD: &[u8] = b"log/head";
/// The last time that the service stored, and whether it was in doubt.
pub const CLOCK: &[u8] = b"meta/clock";
/// Entries, by leaf index.
pub const LOG_ENTRY: &[u8] = b"log/entry/";
/// The leaf index of each charter, by version.
pub const LOG_CHARTER: &[u8] = b"log/charter/";
/// The charter in force.
pub const CHARTER: &[u8] = b"part/charter";
/// Members, by id.
pub const MEMBER: &[u8] = b"part/member/";
/// Contacts, by id.
pub const CONTACT: &[u8] = b"part/contact/";
/// Every key ever listed: by key id, a seal key also by its contact.
pub const KEY: &[u8] = b"part/key/";

/// Where mailboxes stand, by contact.
pub const MAILBOX: &[u8] = b"mailbox/";

/// An entry of the log.
#[must_use]
pub fn log_entry(leaf: u64) -> Vec<u8> {
    [LOG_ENTRY, &leaf.to_be_bytes()].concat()
}

/// Where a version of the charter stands in the log.
#[must_use]
pub fn log_charter(version: u64) -> Vec<u8> {
    [LOG_CHARTER, &version.to_be_bytes()].concat()
}

/// A member's part of the directory.
#[must_use]
pub fn member(id: &MemberId) -> Vec<u8> {
    [MEMBER, id.as_str().as_bytes()].concat()
}

/// A contact's part of the directory.
#[must_use]
pub fn contact(id: &ContactId) -> Vec<u8> {
    [CONTACT, id.as_str().as_bytes()].concat()
}

/// A key's part of the directory.
#[must_use]
pub fn key(name: &KeyName) -> Vec<u8> {
    match name {
        KeyName::Proven(id) => [KEY, b"proven/", id.as_bytes()].concat(),
        KeyName::Seal(contact, id) => {
            [KEY, b"seal/", contact.as_str().as_bytes(), b"/", id.as_bytes()].concat()
        }
    }
}

/// The entries of a mailbox: before their numbers.
#[must_use]
pub fn entries(contact: &ContactId) -> Vec<u8> {
    [b"entry/", contact.as_str().as_bytes(), b"/"].concat()
}

/// A value that commands name.
#[must_use]
pub fn of(key: &Key) -> Vec<u8> {
    match key {
        Key::Mailbox(contact) => [MAILBOX, contact.as_str().as_bytes()].concat(),
        Key::Entry(contact, number) => [&entries(contact)[..], &number.to_be_bytes()[..]].concat(),
        Key::Message(id, sender) => {
            [b"message/", &id.as_bytes()[..], b"/", sender.as_str().as_bytes()].concat()
        }
        Key::Outcome(id, sender) => {
            [b"outcome/", &id.as_bytes()[..], b"/", sender.as_str().as_bytes()].concat()
        }
        // Version 0.2 wrote `usage/receipts/`, too, which nobody reads.
        Key::Usage(member) => [b"usage/messages/", member.as_str().as_bytes()].concat(),
        Key::Facet(subject, hash) => {
            [b"facet/", subject.as_bytes(), b"/", hash.as_bytes()].concat()
        }
        Key::Share(contact, member) => {
            [b"share/", contact.as_str().as_bytes(), b"/", member.as_str().as_bytes()].concat()
        }
        Key::Answers(digest) => [&b"answers/"[..], digest.as_bytes()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Digest;
    use crate::crypto::sign::KeyId;
    use crate::domain::ids::MessageId;

    /// A start takes the parts as they stand.
    #[test]
    fn keys_stand_in_the_order_of_their_names() {
        let digest = |byte| KeyId::from_digest(Digest::from_bytes([byte; 32]));
        let contacts = ["fr/cert", "fr/cert-fr", "fr/cert1", "fr2/a", "fr-x/a"];
        let contacts = contacts.map(|id| id.parse::<ContactId>().unwrap());
        let seal = contacts
            .iter()
            .flat_map(|of| [0, b'/', 255].map(|byte| KeyName::Seal(of.clone(), digest(byte))));
        let mut names: Vec<KeyName> =
            seal.chain([255, 0].map(digest).map(KeyName::Proven)).collect();
        names.sort();
        assert!(names.is_sorted_by_key(super::key));
    }

    #[test]
    fn keys_keep_their_bytes() {
        let contact: ContactId = "fr/cert-fr".parse().unwrap();
        let id = MessageId::new(1_700_000_000_000, [1; 10]);
        let key_id = KeyId::from_digest(Digest::from_bytes([7; 32]));
        let golden: [(Vec<u8>, &str); 14] = [
            (
                super::key(&KeyName::Proven(key_id)),
                "706172742f6b65792f70726f76656e2f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
            (
                super::key(&KeyName::Seal(contact.clone(), key_id)),
                "706172742f6b65792f7365616c2f66722f636572742d66722f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
            (log_entry(258), "6c6f672f656e7472792f0000000000000102"),
            (log_charter(258), "6c6f672f636861727465722f0000000000000102"),
            (member(&contact.member()), "706172742f6d656d6265722f6672"),
            (super::contact(&contact), "706172742f636f6e746163742f66722f636572742d6672"),
            (of(&Key::Mailbox(contact.clone())), "6d61696c626f782f66722f636572742d6672"),
            (
                of(&Key::Entry(contact.clone(), 1)),
                "656e7472792f66722f636572742d66722f0000000000000001",
            ),
            (
                of(&Key::Message(id, contact.clone())),
                "6d6573736167652f018bcfe5680071018101010101010101\
                 2f66722f636572742d6672",
            ),
            (
                of(&Key::Outcome(id, contact.clone())),
                "6f7574636f6d652f018bcfe5680071018101010101010101\
                 2f66722f636572742d6672",
            ),
            (of(&Key::Usage(contact.member())), "75736167652f6d657373616765732f6672"),
            (
                of(&Key::Facet("fr/cert-fr".to_owned(), Digest::from_bytes([7; 32]))),
                "66616365742f66722f636572742d66722f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
            (
                of(&Key::Share(contact, "at".parse().unwrap())),
                "73686172652f66722f636572742d66722f6174",
            ),
            (
                of(&Key::Answers(Digest::from_bytes([7; 32]))),
                "616e73776572732f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
        ];
        for (key, bytes) in golden {
            assert_eq!(hex::encode(key), bytes);
        }
    }
}
