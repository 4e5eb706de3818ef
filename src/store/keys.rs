//! Where everything stands: the key layout, whole.
//!
//! Invariants: numbers are big-endian, so that order of bytes is order of numbers; no key is a
//! prefix of another kind's; golden bytes below.

use crate::domain::directory::key::KeyName;
use crate::domain::ids::{ContactId, MemberId, MessageId};
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

/// Entries of mailboxes, by contact and number.
pub const ENTRY: &[u8] = b"entry/";
/// Messages, by id and sender.
pub const MESSAGE: &[u8] = b"message/";
/// What became of messages, by id and sender.
pub const OUTCOME: &[u8] = b"outcome/";
/// Answers that are due, by the digest of the message's header.
pub const ANSWERS: &[u8] = b"answers/";
/// How much is kept on the accounts of members.
pub const USAGE: &[u8] = b"usage/";
/// The shares of mailboxes, by contact and member.
pub const SHARE: &[u8] = b"share/";
/// Where mailboxes stand, by contact.
pub const MAILBOX: &[u8] = b"mailbox/";
/// How many messages name a body that is a file, by its digest.
pub const BLOB: &[u8] = b"blob/";
/// What is due, by time.
pub const DUE: &[u8] = b"due/";
/// Records of the audit trail, by number.
pub const RECORD: &[u8] = b"audit/record/";
/// That what is due and the files of bodies are listed here: no file that is not is named.
pub const LISTED: &[u8] = b"meta/listed";

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
    [ENTRY, contact.as_str().as_bytes(), b"/"].concat()
}

/// What is due from a time on, Unix seconds: in the order of time.
#[must_use]
pub fn due_from(at: u64) -> Vec<u8> {
    [DUE, &at.to_be_bytes()].concat()
}

/// The time, the message and its sender of what is due.
#[must_use]
pub fn read_due(key: &[u8]) -> Option<Key> {
    let (at, rest) = key.strip_prefix(DUE)?.split_first_chunk()?;
    let (id, sender) = id_and_sender(rest.strip_prefix(b"/")?)?;
    Some(Key::Due(u64::from_be_bytes(*at), id, sender))
}

/// The number of a record of the audit trail.
#[must_use]
pub fn read_record(key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(RECORD)?.try_into().ok()?;
    Some(u64::from_be_bytes(number))
}

fn id_and_sender(bytes: &[u8]) -> Option<(MessageId, ContactId)> {
    let (id, sender) = bytes.split_first_chunk::<16>()?;
    let sender = str::from_utf8(sender.strip_prefix(b"/")?).ok()?.parse().ok()?;
    Some((MessageId::try_from(&id[..]).ok()?, sender))
}

/// The id and the sender of a message.
#[must_use]
pub fn read_message(key: &[u8]) -> Option<(MessageId, ContactId)> {
    id_and_sender(key.strip_prefix(MESSAGE)?)
}

/// The id and the sender of the message of which this became.
#[must_use]
pub fn read_outcome(key: &[u8]) -> Option<(MessageId, ContactId)> {
    id_and_sender(key.strip_prefix(OUTCOME)?)
}

/// The mailbox and the number of an entry.
#[must_use]
pub fn read_entry(key: &[u8]) -> Option<(ContactId, u64)> {
    let (contact, number) = key.strip_prefix(ENTRY)?.split_last_chunk()?;
    let contact = str::from_utf8(contact.strip_suffix(b"/")?).ok()?.parse().ok()?;
    Some((contact, u64::from_be_bytes(*number)))
}

/// The member of an account.
#[must_use]
pub fn read_usage(key: &[u8]) -> Option<MemberId> {
    str::from_utf8(key.strip_prefix(USAGE)?.strip_prefix(b"messages/")?).ok()?.parse().ok()
}

/// The contact and the member of a share.
#[must_use]
pub fn read_share(key: &[u8]) -> Option<(ContactId, MemberId)> {
    let (contact, member) = str::from_utf8(key.strip_prefix(SHARE)?).ok()?.rsplit_once('/')?;
    Some((contact.parse().ok()?, member.parse().ok()?))
}

/// The contact of a mailbox.
#[must_use]
pub fn read_mailbox(key: &[u8]) -> Option<ContactId> {
    str::from_utf8(key.strip_prefix(MAILBOX)?).ok()?.parse().ok()
}

/// A value that commands name.
#[must_use]
pub fn of(key: &Key) -> Vec<u8> {
    match key {
        Key::Mailbox(contact) => [MAILBOX, contact.as_str().as_bytes()].concat(),
        Key::Entry(contact, number) => [&entries(contact)[..], &number.to_be_bytes()[..]].concat(),
        Key::Message(id, sender) => {
            [MESSAGE, &id.as_bytes()[..], b"/", sender.as_str().as_bytes()].concat()
        }
        Key::Outcome(id, sender) => {
            [OUTCOME, &id.as_bytes()[..], b"/", sender.as_str().as_bytes()].concat()
        }
        // Version 0.2 wrote `usage/receipts/`, too, which nobody reads.
        Key::Usage(member) => [b"usage/messages/", member.as_str().as_bytes()].concat(),
        Key::Facet(subject, hash) => {
            [b"facet/", subject.as_bytes(), b"/", hash.as_bytes()].concat()
        }
        Key::Share(contact, member) => {
            [SHARE, contact.as_str().as_bytes(), b"/", member.as_str().as_bytes()].concat()
        }
        Key::Answers(digest) => [ANSWERS, digest.as_bytes()].concat(),
        Key::Due(at, id, sender) => {
            [&due_from(*at)[..], b"/", &id.as_bytes()[..], b"/", sender.as_str().as_bytes()]
                .concat()
        }
        Key::Blob(digest) => [BLOB, digest.as_bytes()].concat(),
        Key::Beginning(contact) => [b"beginning/", contact.as_str().as_bytes()].concat(),
        Key::Trail => b"audit/trail".to_vec(),
        Key::Record(number) => [RECORD, &number.to_be_bytes()[..]].concat(),
        Key::Desk => b"admin/desk".to_vec(),
        Key::Proposal(id) => [b"admin/proposal/", &id.as_bytes()[..]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Digest;
    use crate::crypto::sign::KeyId;

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

    /// The job reads them back.
    #[test]
    fn what_is_due_stands_in_the_order_of_its_time_and_is_read_back() {
        let contact: ContactId = "fr/cert-fr".parse().unwrap();
        let due = |at, id: u8| Key::Due(at, MessageId::new(1, [id; 10]), contact.clone());
        let keys = [due(1, 9), due(255, b'/'), due(256, 0), due(u64::MAX, 1)];
        assert!(keys.is_sorted_by_key(of));
        for key in keys {
            assert_eq!(read_due(&of(&key)), Some(key));
        }
        let id = MessageId::new(1, *b"/of a name");
        let message = of(&Key::Message(id, contact.clone()));
        assert_eq!(read_message(&message), Some((id, contact.clone())));
        assert_eq!([&b"due/"[..], b"due/12345678/"].map(read_due), [None, None]);
        assert_eq!(read_mailbox(&of(&Key::Mailbox(contact.clone()))), Some(contact.clone()));
    }

    /// A migration reads them back.
    #[test]
    fn of_messages_and_entries_it_is_read_back_whose_they_are() {
        let contact: ContactId = "fr/cert-fr".parse().unwrap();
        let id = MessageId::new(1, [b'/'; 10]);
        let [message, outcome] =
            [Key::Message, Key::Outcome].map(|key| of(&key(id, contact.clone())));
        let entry = of(&Key::Entry(contact.clone(), 303));
        let named = Some((id, contact.clone()));
        assert_eq!(
            [&message, &outcome, &entry].map(|key| read_message(key)),
            [named.clone(), None, None]
        );
        assert_eq!([&message, &outcome, &entry].map(|key| read_outcome(key)), [None, named, None]);
        assert_eq!(
            [&message, &entry].map(|key| read_entry(key)),
            [None, Some((contact.clone(), 303))]
        );
        let member = contact.member();
        let share = of(&Key::Share(contact.clone(), member.clone()));
        assert_eq!(read_share(&share), Some((contact, member.clone())));
        assert_eq!(read_usage(&of(&Key::Usage(member.clone()))), Some(member));
        assert_eq!(read_usage(b"usage/receipts/fr"), None);
    }

    #[test]
    fn keys_keep_their_bytes() {
        let contact: ContactId = "fr/cert-fr".parse().unwrap();
        let id = MessageId::new(1_700_000_000_000, [1; 10]);
        let key_id = KeyId::from_digest(Digest::from_bytes([7; 32]));
        let golden: [(Vec<u8>, &str); 21] = [
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
                of(&Key::Share(contact.clone(), "at".parse().unwrap())),
                "73686172652f66722f636572742d66722f6174",
            ),
            (
                of(&Key::Answers(Digest::from_bytes([7; 32]))),
                "616e73776572732f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
            (
                of(&Key::Due(258, id, contact.clone())),
                "6475652f00000000000001022f018bcfe5680071018101010101010101\
                 2f66722f636572742d6672",
            ),
            (
                of(&Key::Blob(Digest::from_bytes([7; 32]))),
                "626c6f622f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
            (of(&Key::Beginning(contact)), "626567696e6e696e672f66722f636572742d6672"),
            (of(&Key::Trail), "61756469742f747261696c"),
            (of(&Key::Record(258)), "61756469742f7265636f72642f0000000000000102"),
            (of(&Key::Desk), "61646d696e2f6465736b"),
            (
                of(&Key::Proposal(Digest::from_bytes([7; 32]))),
                "61646d696e2f70726f706f73616c2f\
                 0707070707070707070707070707070707070707070707070707070707070707",
            ),
        ];
        for (key, bytes) in golden {
            assert_eq!(hex::encode(key), bytes);
        }
    }
}
