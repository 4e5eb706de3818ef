//! What is signed: envelopes, and payloads of every kind.

use std::fmt::Debug;

use bytes::Bytes;
use liaison::domain::directory::{RULES, Statement};
use liaison::domain::limits;
use liaison::signed::canonical;
use liaison::signed::dsse::{Envelope, Kind};
use liaison::signed::proto;
use prost::{Message, Name};

use super::read;

/// A DSSE envelope.
pub fn dsse(bytes: &[u8]) -> bool {
    let Some(envelope) = read(Envelope::parse(bytes, limits::STATEMENT_BYTES)) else {
        return false;
    };
    assert!(bytes.len() <= limits::STATEMENT_BYTES);
    assert_eq!(envelope.bytes(), bytes, "what was received is what is kept");
    let (kind, payload) = (envelope.kind(), envelope.payload().clone());
    let again = Envelope::assemble(kind, payload, envelope.signatures().to_vec());
    assert_eq!(again, envelope, "there is one encoding");
    true
}

/// The payload of an envelope, as whatever kind it can be.
pub fn payload(bytes: &[u8]) -> bool {
    let mut any = false;
    for (kind, _) in Statement::KINDS {
        let statement = read(Statement::read(*kind, bytes, RULES));
        any |= statement.is_some();
        if let Some(statement) = statement {
            assert_eq!((statement.kind(), &statement.encode()[..]), (*kind, bytes));
        }
    }
    let others = [
        one::<proto::Header>,
        one::<proto::Addressing>,
        one::<proto::Message>,
        one::<proto::Letter>,
        one::<proto::Accepted>,
        one::<proto::MailboxHead>,
        one::<proto::Acknowledgement>,
        one::<proto::Possession>,
        one::<proto::Proposal>,
        one::<proto::AuditHead>,
        one::<proto::AuditRecord>,
    ];
    for read in others {
        any |= read(bytes);
    }
    for kind in [Kind::Header, Kind::Message, Kind::Approval] {
        assert!(Statement::read(kind, bytes, RULES).is_err(), "{kind:?} is no statement");
    }
    any
}

fn one<M: Message + Name + Default + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let Some(message) = read(canonical::decode::<M>(bytes)) else { return false };
    assert_eq!(message.encode_to_vec(), bytes, "there is one encoding");
    let again = M::decode(Bytes::copy_from_slice(bytes));
    assert_eq!(again.as_ref(), Ok(&message));
    true
}
