//! An act of the operators, and their approvals of it: signatures over all that will happen.
//!
//! `docs/protocol.md` 11. Pure: whether it was used stands on the desk.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use prost::{Message, Name};

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::directory::Directory;
use crate::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose};
use crate::domain::ids::{ContactId, InvalidId};
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Expected, Refusal, Wrong};
use crate::domain::role::Signer;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Proposal};

/// What the operators do, two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The node gets a new certificate, with a new key.
    RenewNode,
    /// The private key of a service's key that no charter in force names is deleted.
    RetireKey(KeyId),
    /// The service takes no new connection, ends its streams and stops.
    Drain,
    /// Connections are closed: these, or all but those of the administration.
    DropSessions(Vec<u64>),
    /// Mailboxes begin anew, each in this epoch: where the service does not run.
    NewEpoch(Vec<(ContactId, u64)>),
}

impl Act {
    /// Its word, as screens and scripts have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RenewNode => "renew-node",
            Self::RetireKey(_) => "retire-key",
            Self::Drain => "drain",
            Self::DropSessions(_) => "drop-sessions",
            Self::NewEpoch(_) => "new-epoch",
        }
    }

    /// Its parameters, canonical.
    #[must_use]
    pub fn parameters(&self) -> Bytes {
        let bytes = match self {
            Self::RenewNode => proto::RenewNode {}.encode_to_vec(),
            Self::RetireKey(key) => {
                let key_id = Bytes::copy_from_slice(key.as_bytes());
                proto::RetireKey { key_id }.encode_to_vec()
            }
            Self::Drain => proto::Drain {}.encode_to_vec(),
            Self::DropSessions(sessions) => {
                proto::DropSessions { sessions: sessions.clone() }.encode_to_vec()
            }
            Self::NewEpoch(mailboxes) => {
                let mailboxes = mailboxes.iter().map(|(contact, epoch)| proto::EpochOf {
                    contact: contact.to_string(),
                    epoch: *epoch,
                });
                proto::NewEpoch { mailboxes: mailboxes.collect() }.encode_to_vec()
            }
        };
        bytes.into()
    }

    /// From its word and its parameters.
    ///
    /// # Errors
    /// No such act, or not its parameters.
    pub fn read(action: &str, parameters: &[u8]) -> Result<Self, Refusal> {
        fn of<M: Message + Name + Default>(parameters: &[u8]) -> Result<M, Refusal> {
            canonical::decode(parameters).map_err(|_| Refusal::NotCanonical("parameters"))
        }
        Ok(match action {
            "renew-node" => of::<proto::RenewNode>(parameters).map(|_| Self::RenewNode)?,
            "drain" => of::<proto::Drain>(parameters).map(|_| Self::Drain)?,
            "retire-key" => {
                let key = of::<proto::RetireKey>(parameters)?.key_id;
                let wrong = |_| Refusal::field("parameters.key_id", Wrong::Not32Bytes(key.len()));
                let id = Digest::try_from(&key[..]).map_err(wrong)?;
                Self::RetireKey(KeyId::from_digest(id))
            }
            "drop-sessions" => {
                let sessions = of::<proto::DropSessions>(parameters)?.sessions;
                set("parameters.sessions", &sessions)?;
                Self::DropSessions(sessions)
            }
            "new-epoch" => {
                let mailboxes = of::<proto::NewEpoch>(parameters)?.mailboxes;
                let read = |of: &proto::EpochOf| Ok((of.contact.parse()?, of.epoch));
                let read = mailboxes.iter().map(read).collect::<Result<Vec<_>, InvalidId>>();
                let read = read.map_err(|why| Refusal::field("parameters.mailboxes", why))?;
                let contacts: Vec<&ContactId> = read.iter().map(|(contact, _)| contact).collect();
                set("parameters.mailboxes", &contacts)?;
                Self::NewEpoch(read)
            }
            other => return Err(Refusal::UnknownAction(other.to_owned())),
        })
    }
}

/// Sorted, and without doubles.
fn set<T: Ord>(field: &'static str, items: &[T]) -> Result<(), Refusal> {
    let sorted = items.is_sorted_by(|a, b| a < b);
    if sorted { Ok(()) } else { Err(Refusal::field(field, Wrong::NotASet)) }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RenewNode => f.write_str("the node gets a new certificate, with a new key"),
            Self::RetireKey(key) => {
                write!(f, "the private key {key} of the service is deleted, for good")
            }
            Self::Drain => f.write_str("the service ends its streams and stops"),
            Self::DropSessions(sessions) if sessions.is_empty() => {
                f.write_str("all connections are closed but those of the administration")
            }
            Self::DropSessions(sessions) => {
                let sessions: Vec<String> = sessions.iter().map(ToString::to_string).collect();
                write!(f, "the connections {} are closed", sessions.join(", "))
            }
            Self::NewEpoch(mailboxes) => {
                let each =
                    mailboxes.iter().map(|(contact, epoch)| format!("{contact} (epoch {epoch})"));
                let each: Vec<String> = each.collect();
                write!(f, "the mailboxes of {} begin anew", each.join(", "))
            }
        }
    }
}

/// A proposal with approvals, each a signature of an operator who stands, and that verifies.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    envelope: Envelope,
    proposal: Proposal,
    act: Act,
    signers: Vec<KeyId>,
}

impl Approved {
    /// Verifies: in this order size, form, kind; directory and genesis; content; signatures.
    ///
    /// # Errors
    /// The first of these.
    pub fn verify(directory: &Directory, bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(directory, bytes)?.counted(directory)
    }

    /// The same but for the signatures: none counts yet.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn read(directory: &Directory, bytes: &[u8]) -> Result<Self, Refusal> {
        const WHAT: &str = "proposal";
        let envelope = Envelope::parse(bytes, limits::PROPOSAL_BYTES)
            .map_err(|why| Refusal::form(WHAT, Expected::Kind(Kind::Approval), why))?;
        if envelope.kind() != Kind::Approval {
            let found = envelope.kind().payload_type();
            return Err(Refusal::UnknownKind { expected: Expected::Kind(Kind::Approval), found });
        }
        let proposal: Proposal =
            canonical::decode(envelope.payload()).map_err(|_| Refusal::NotCanonical(WHAT))?;
        of_this(directory, proposal.directory.as_ref())?;
        if proposal.nonce.len() != 32 {
            return Err(Refusal::field("nonce", Wrong::Not32Bytes(proposal.nonce.len())));
        }
        let act = Act::read(&proposal.action, &proposal.parameters)?;
        Ok(Self { envelope, proposal, act, signers: Vec::new() })
    }

    /// The same with its signatures, verified.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn counted(self, directory: &Directory) -> Result<Self, Refusal> {
        let signers = signers(directory, &self.envelope)?;
        Ok(Self { signers, ..self })
    }

    /// Its id: SHA-256 of the payload.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.envelope.digest()
    }

    /// The bytes, with the approvals.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What it rests on, and until when it holds.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// What will happen.
    #[must_use]
    pub const fn act(&self) -> &Act {
        &self.act
    }

    /// Whose approvals are there.
    #[must_use]
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// It still rests on the charter in force.
    ///
    /// # Errors
    /// [`Refusal::BaseMoved`].
    pub fn rests(&self, directory: &Directory) -> Result<(), Refusal> {
        let (base, found) = (self.proposal.base, directory.charter().newest.version);
        if base == found { Ok(()) } else { Err(Refusal::BaseMoved { base, found }) }
    }

    /// Enough operators who stand have approved.
    ///
    /// # Errors
    /// [`Refusal::BelowThreshold`].
    pub fn is_approved(&self, directory: &Directory) -> Result<(), Refusal> {
        let needed = needed(directory);
        let standing = self.signers.iter().filter(|id| operator(directory, id).is_ok());
        let distinct: BTreeSet<&KeyId> = standing.collect();
        let found = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
        if found >= needed {
            return Ok(());
        }
        Err(Refusal::BelowThreshold { of: Deciders::Operators, needed, found })
    }
}

/// How many operators an act needs: two, or the only one.
#[must_use]
pub fn needed(directory: &Directory) -> u32 {
    if directory.charter().operators.len() > 1 { 2 } else { 1 }
}

/// It names this directory.
fn of_this(directory: &Directory, named: Option<&proto::Directory>) -> Result<(), Refusal> {
    let named = named.ok_or(Refusal::field("directory", Wrong::Missing))?;
    if named.name != directory.name().as_str() {
        let (expected, found) = (directory.name().clone(), vec![named.name.clone()]);
        return Err(Refusal::OtherDirectory { expected, found });
    }
    if named.genesis != directory.genesis().as_bytes()[..] {
        return Err(Refusal::OtherGenesis);
    }
    Ok(())
}

/// Sorted, no key twice, each of an operator who stands, and valid.
fn signers(directory: &Directory, envelope: &Envelope) -> Result<Vec<KeyId>, Refusal> {
    let ids: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
    if !ids.is_sorted() {
        return Err(Refusal::SignaturesUnsorted);
    }
    if let Some([id, _]) = ids.array_windows().find(|[a, b]| a == b) {
        return Err(Refusal::DuplicateSignature(*id));
    }
    let keys = ids.iter().map(|id| operator(directory, id));
    let keys: Vec<&VerifyingKey> = keys.collect::<Result<_, _>>()?;
    for (id, key) in ids.iter().zip(keys) {
        envelope.verify(key).map_err(|_| Refusal::BadSignature(*id))?;
    }
    Ok(ids)
}

/// The key with which an operator signs who stands.
fn operator<'a>(directory: &'a Directory, id: &KeyId) -> Result<&'a VerifyingKey, Refusal> {
    let known = directory.key(id).ok_or(Refusal::UnknownKey(*id))?;
    directory.in_force(id)?;
    match known {
        KnownKey {
            key: PublicKey::Verifying(key),
            purpose: Purpose::PersonSign,
            holder: Holder::Operator(_),
            ..
        } => Ok(key),
        KnownKey { purpose, .. } => {
            let (found, needed) = (*purpose, &[Signer::Operator]);
            Err(Refusal::WrongPurpose { key: *id, found, needed })
        }
    }
}
