//! What the rules judge: entries of the log, messages, receipts, proposals, ids.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;

use bytes::Bytes;
use liaison::client::draft::FacetContent;
use liaison::client::message::receipt::{
    About, verify_accepted, verify_acknowledgement, verify_head,
};
use liaison::crypto::hash::Digest;
use liaison::domain::administration::audit::Trail;
use liaison::domain::administration::desk::Unsigned;
use liaison::domain::administration::proposal::{Act, Approved};
use liaison::domain::directory::entry::Entry;
use liaison::domain::directory::{Admitted, Directory, RULES, apply, verify};
use liaison::domain::ids::{ContactId, DirectoryName, MemberId, MessageId, PersonId, SeatId};
use liaison::domain::limits;
use liaison::domain::network::Network;
use liaison::domain::relay::acknowledge;
use liaison::domain::relay::addressing::Addressing;
use liaison::domain::relay::envelope::{self, VerifiedHeader};
use liaison::signed::canonical;
use liaison::signed::proto;
use liaison::wire::v1;
use prost::Message as _;

use super::read;
use super::world::{BASE, DIRECTORY, root_at};

/// The next entry of the log: whoever folds it comes to a directory that is kept and read again.
pub fn entry(bytes: &[u8]) -> bool {
    let Some(entry) = read(Entry::read(bytes, RULES)) else { return false };
    assert_eq!(entry.encode(), bytes);
    assert!(bytes.len() <= limits::ENTRY_BYTES);
    let Some(verified) = read(verify(&BASE, &entry.statement)) else { return false };
    let admitted = Admitted { leaf: BASE.size(), at: entry.admitted_at };
    let Some(parts) = read(apply(&BASE, &verified, admitted)) else { return false };
    let mut next = BASE.clone();
    next.advance(&parts);
    assert_eq!(next.size(), BASE.size() + 1);
    let kept = next.encode().expect("a directory of a few members has a length");
    assert_eq!(Directory::decode(&kept.into()).as_ref(), Ok(&next));
    true
}

/// The header of a message.
pub fn header(bytes: &[u8]) -> bool {
    let says = envelope::says(bytes);
    if let Some((digest, addressing)) = read(envelope::accepted(bytes)) {
        assert_eq!(says, Some((addressing.class, addressing.urgency)));
        assert_eq!(read(envelope::parse_header(bytes)).map(|of| of.digest()), Some(digest));
        assert!(addressing.created < addressing.expires);
    }
    let Some(header) = read(envelope::verify_header(&DIRECTORY, bytes)) else { return false };
    assert_eq!(header.envelope().bytes(), bytes);
    let addressing = header.addressing();
    let again = Addressing::read(&DIRECTORY, &addressing.bytes);
    assert_eq!(again.as_ref(), Ok(addressing));
    assert_eq!(header.digest(), header.envelope().digest());
    true
}

/// An envelope that is handed in: header, body, letters.
pub fn submit(bytes: &[u8]) -> bool {
    let Ok(handed_in) = v1::Envelope::decode(bytes) else { return false };
    let v1::Envelope { header, body, letters } = handed_in;
    let handed_in = envelope::verify(&DIRECTORY, &header, body.clone(), &letters);
    let Some(handed_in) = read(handed_in) else { return false };
    assert!(limits::BODY_BYTES.contains(&(body.len() as u64)), "a body that tells its length");
    let kept = handed_in.letters().iter().map(|letter| letter.bytes.clone());
    assert_eq!(kept.collect::<Vec<_>>(), letters);
    true
}

/// One letter.
pub fn letter(bytes: &[u8]) -> bool {
    let Some(letter) = read(envelope::read_letter(&Bytes::copy_from_slice(bytes))) else {
        return false;
    };
    assert_eq!(letter.bytes, bytes);
    assert!(bytes.len() <= limits::LETTER_BYTES);
    let again = proto::Letter {
        seat: letter.seat.to_string(),
        seal_key: Bytes::copy_from_slice(letter.seal_key.as_bytes()),
        age: letter.age.clone(),
    };
    assert_eq!(again.encode_to_vec(), bytes);
    true
}

/// An open acknowledgement.
pub fn acknowledgement(bytes: &[u8]) -> bool {
    let Some(verified) = read(acknowledge::verify(&DIRECTORY, bytes)) else { return false };
    assert_eq!(verified.envelope().bytes(), bytes);
    assert!(
        DIRECTORY.seat_sign_key(&verified.key()).is_ok_and(|(seat, _)| seat == verified.seat())
    );
    true
}

/// What is said of one message: what the relay signs, and an acknowledgement.
pub fn receipt(bytes: &[u8]) -> bool {
    let root_at: &(dyn Fn(u64) -> Option<Digest> + Sync) = &root_at;
    let eyes = (&*DIRECTORY, root_at);
    let contact = "fr/soc".parse().expect("a contact");
    let about = About { view: 0, ..About::from(&*MESSAGE) };
    let accepted = read(verify_accepted(eyes, &about, bytes));
    if let Some(accepted) = &accepted {
        assert_eq!(accepted.header_digest(), about.digest);
        assert_eq!(root_at(accepted.view().size), Some(accepted.view().root));
    }
    let head = read(verify_head(eyes, &contact, bytes));
    assert!(head.as_ref().is_none_or(|head| root_at(head.view().size) == Some(head.view().root)));
    let said = read(verify_acknowledgement(eyes, &MESSAGE, bytes));
    assert!(said.as_ref().is_none_or(|said| said.header_digest() == about.digest));
    accepted.is_some() || head.is_some() || said.is_some()
}

/// That message: the one of the first case of `accepted` in `tests/golden/messages/judged`.
static MESSAGE: LazyLock<VerifiedHeader> = LazyLock::new(|| {
    let judged = include_str!("../../tests/golden/messages/judged/admissions.txt");
    let case = judged.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let header = case.filter(|case| case[1] == "accepted").map(|case| hex::decode(case[3]));
    let header = header.flatten().next().expect("a case of accepted");
    envelope::verify_header(&DIRECTORY, &header).expect("a golden header")
});

/// What operators or registrars propose, with the approvals so far; or an act with its parameters.
pub fn proposal(bytes: &[u8]) -> bool {
    let mut any = false;
    if let Some(unsigned) = read(Unsigned::read(&DIRECTORY, bytes)) {
        assert_eq!(unsigned.envelope().bytes(), bytes);
        let _ = read(unsigned.is_next(&DIRECTORY));
        any = true;
    }
    if let Some(approved) = read(Approved::verify(&DIRECTORY, bytes)) {
        assert_eq!(approved.envelope().bytes(), bytes);
        any = true;
    }
    for action in ["renew-node", "drain", "retire-key", "drop-sessions", "new-epoch"] {
        if let Some(act) = read(Act::read(action, bytes)) {
            assert_eq!((act.name(), &act.parameters()[..]), (action, bytes));
            any = true;
        }
    }
    any
}

/// A record of the audit trail, as the first of an exported one.
pub fn audit(bytes: &[u8]) -> bool {
    let empty = Trail::empty(DIRECTORY.genesis());
    let Some((trail, record)) = read(empty.follow(bytes)) else { return false };
    assert_eq!((trail, record.number), (empty.append(bytes), 1));
    assert_eq!(canonical::decode::<proto::AuditRecord>(bytes), Ok(record));
    assert!(read(trail.follow(bytes)).is_none(), "the same record follows itself");
    true
}

/// The content of a facet, of any name.
pub fn facet(bytes: &[u8]) -> bool {
    const NAMES: [&str; 12] = [
        "address",
        "commitment",
        "constituency",
        "email",
        "holidays",
        "hours",
        "languages",
        "messaging",
        "persons",
        "references",
        "telephone",
        "web",
    ];
    let mut any = false;
    for name in NAMES {
        let Some(content) = FacetContent::read(name, bytes) else { continue };
        let again = FacetContent::read(name, &content.encode());
        assert_eq!((content.name(), again.as_ref()), (name, Some(&content)));
        any = true;
    }
    assert!(FacetContent::read("of-another-time", bytes).is_none());
    any
}

/// An id of any kind, or a network, as text; or the bytes of a message's id.
pub fn id(bytes: &[u8]) -> bool {
    let message = read(MessageId::try_from(bytes));
    if let Some(id) = &message {
        assert_eq!(id.as_bytes()[..], *bytes);
        assert_eq!(id.to_string().parse().as_ref(), Ok(id));
    }
    let Ok(text) = str::from_utf8(bytes) else { return message.is_some() };
    let network = Network::read(text);
    assert!(network.is_none_or(|network| network.to_string() == text));
    let read = [
        one::<DirectoryName>(text),
        one::<MemberId>(text),
        one::<ContactId>(text),
        one::<SeatId>(text),
        one::<PersonId>(text),
        message_id(text),
        network.is_some(),
    ];
    if let Ok(seat) = text.parse::<SeatId>() {
        let contact = seat.contact();
        assert_eq!(SeatId::new(&contact, seat.name()).as_ref(), Ok(&seat));
        assert_eq!(ContactId::new(&seat.member(), contact.name()).as_ref(), Ok(&contact));
    }
    message.is_some() || read.contains(&true)
}

/// People type it, in whatever form a UUID has.
fn message_id(text: &str) -> bool {
    let Some(id) = read(text.parse::<MessageId>()) else { return false };
    assert_eq!(id.to_string().parse().as_ref(), Ok(&id));
    true
}

fn one<T: FromStr<Err: Display> + Display>(text: &str) -> bool {
    let Some(id) = read(text.parse::<T>()) else { return false };
    assert_eq!(id.to_string(), text, "an id has one form");
    true
}
