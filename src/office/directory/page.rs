//! The page of one contact: all that the copy knows of it, and why to believe it.
//!
//! In scope: what it publishes and what this copy lacks of that, who signed it, each statement proven against the
//! checkpoint. Out of scope: how it is said and shown (`words`, each face). Invariants: what this copy lacks is
//! named; a proof that does not hold is on the page as one that does not.

use bytes::Bytes;
use prost::Message as _;

use crate::client::error::{ClientError, Family, Side};
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::{Contact, Record};
use crate::domain::limits;
use crate::office::Office;
use crate::office::reach::{Part, Said, parts_of};
use crate::office::seen::Seen;
use crate::office::told::Note;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Level, entry::Leaf};
use crate::tlog::{merkle, proof};

use super::Entry;
use super::find::{named, nobody};

/// Pages, and of which copy they were read.
#[derive(Debug)]
pub struct Pages {
    /// Of each contact that is meant: one at least.
    pub pages: Vec<Page>,
    /// The copy that they show.
    pub seen: Seen,
}

/// Everything about one contact.
#[derive(Debug)]
pub struct Page {
    /// The contact as a list shows it.
    pub entry: Entry,
    /// What it publishes, numbers and addresses first.
    pub parts: Vec<Part>,
    /// Its seats that a message can be sealed to, by name.
    pub seats: Vec<String>,
    /// Who stands in for it, by level.
    pub next: Vec<NextInLine>,
    /// Why to believe it.
    pub belief: Belief,
    /// What must not be missed of its record.
    pub over: Option<Note>,
    /// The statements that it rests on.
    pub proofs: Vec<Proof>,
    /// The parts that its statements name, as they name them.
    pub facets: Vec<Facet>,
}

/// Who stands in for a contact at a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextInLine {
    /// At which level.
    pub level: Level,
    /// Contacts in this order, as the record names them: they need not be listed.
    pub contacts: Vec<String>,
}

/// Why a record is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belief {
    /// There is none any more: signed with these keys.
    Withdrawn(Vec<KeyId>),
    /// The registrars entered it for the State, maybe by its note.
    Attested(Option<Verbale>),
    /// The State's authority signed it.
    Signed {
        /// When it did, Unix seconds.
        at: u64,
        /// With which keys.
        keys: Vec<KeyId>,
    },
}

/// A note verbale by which a State had a contact entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verbale {
    /// The State's reference.
    pub reference: String,
    /// Its day, Unix seconds.
    pub date: u64,
}

/// A part that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// Its name in the statement.
    pub name: String,
    /// The hash of its salt and bytes, as the statement has it.
    pub hash: Bytes,
    /// Whether this copy has what it says.
    pub here: bool,
}

/// An entry of the log, proven against the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What the entry is to the contact.
    pub what: Proven,
    /// Its place in the log.
    pub leaf: u64,
    /// The size that the checkpoint signs.
    pub size: u64,
    /// How many hashes lead from one to the other.
    pub hashes: usize,
    /// Whether they do.
    pub holds: bool,
    /// The digest of the statement.
    pub statement: Digest,
    /// The keys that signed it.
    pub signers: Vec<KeyId>,
}

/// What an entry is to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// Its record, or the end of that.
    Record,
    /// Its roster, in its newest version.
    Roster,
    /// The admission of its member.
    Admission,
}

impl Office {
    /// The page of the contact of an id, or those of a member's contacts.
    ///
    /// # Errors
    /// There is no copy, or nobody of this id in it; an entry is missing from it.
    pub fn pages_of(&self, who: &str) -> Result<Pages, ClientError> {
        let replica = self.replica()?;
        let directory = replica.directory()?;
        let found = named(directory, who);
        if found.is_empty() {
            return Err(nobody(directory, who));
        }
        let now = self.ambient().now();
        let pages = found.into_iter().map(|contact| Page::of(&replica, contact, now));
        let pages = pages.collect::<Result<_, _>>()?;
        Ok(Pages { pages, seen: self.seen(&replica)? })
    }
}

impl Page {
    pub(super) fn of(replica: &Replica, contact: &Contact, now: u64) -> Result<Self, ClientError> {
        let directory = replica.directory()?;
        let record = contact.record.as_ref();
        let mut proofs = vec![Proof::of(replica, Proven::Record, contact.record_newest.leaf)?];
        if let Some(newest) = &contact.roster_newest {
            proofs.push(Proof::of(replica, Proven::Roster, newest.leaf)?);
        }
        if let Some(member) = directory.member(&contact.id.member()) {
            proofs.push(Proof::of(replica, Proven::Admission, member.newest.leaf)?);
        }
        let of_record = record.into_iter().flat_map(|record| &record.facets);
        let of_roster = contact.roster.iter().flat_map(|roster| &roster.facets);
        let facets = of_record.chain(of_roster).map(|facet| Facet {
            name: facet.name.clone(),
            hash: facet.hash.clone(),
            here: replica.facet(&facet.hash).is_some(),
        });
        let seats = directory.sealing_seats(&contact.id);
        let signers = proofs.first().map(|proof| proof.signers.clone()).unwrap_or_default();
        Ok(Self {
            entry: Entry::of(directory, contact, now),
            parts: parts_of(replica, &contact.id)?,
            seats: seats.map(|(seat, _, _)| seat.name().to_owned()).collect(),
            next: record.map(next_in_line).unwrap_or_default(),
            belief: Belief::of(record, signers),
            over: record.and_then(|of| Note::of_record(&contact.id, of.expires, now)),
            facets: facets.collect(),
            proofs,
        })
    }

    /// What it publishes and this copy lacks, by name.
    pub fn lacking(&self) -> impl Iterator<Item = &str> {
        let lacking = self.parts.iter().filter(|part| part.said == Said::NotHere);
        lacking.map(|part| part.name.as_str())
    }
}

impl Belief {
    /// Of a record that these keys signed, or the end of one.
    fn of(record: Option<&Record>, keys: Vec<KeyId>) -> Self {
        match record {
            None => Self::Withdrawn(keys),
            Some(record) if record.attested => {
                let verbale = record
                    .note
                    .as_ref()
                    .map(|note| Verbale { reference: note.reference.clone(), date: note.date });
                Self::Attested(verbale)
            }
            Some(record) => Self::Signed { at: record.issued_at, keys },
        }
    }
}

fn next_in_line(record: &Record) -> Vec<NextInLine> {
    let ladders = record.ladders.iter().map(|ladder| NextInLine {
        level: Level::try_from(ladder.level).unwrap_or_default(),
        contacts: ladder.contacts.clone(),
    });
    ladders.collect()
}

impl Proof {
    fn of(replica: &Replica, what: Proven, leaf: u64) -> Result<Self, ClientError> {
        let lacks = || {
            let sentence = format!("entry {leaf} is not in the copy");
            ClientError::new(Side::Ours, Family::VerificationFailed, Here::OtherRoot, sentence)
        };
        let checkpoint = replica.checkpoint().ok_or_else(lacks)?;
        let proven = replica.proven(leaf)?.ok_or_else(lacks)?;
        let path = proven.inclusion.iter().map(|hash| Digest::try_from(&hash[..]));
        let path: Vec<Digest> = path.collect::<Result<_, _>>().map_err(|_| lacks())?;
        let (hash, size) = (merkle::leaf_hash(&proven.entry), checkpoint.size());
        let checked = proof::verify_inclusion(hash, leaf, size, &path, checkpoint.root());
        let envelope = statement(&proven.entry).ok_or_else(lacks)?;
        Ok(Self {
            what,
            leaf,
            size,
            hashes: path.len(),
            holds: checked.is_ok(),
            statement: envelope.digest(),
            signers: envelope.signatures().iter().map(|signature| signature.key_id).collect(),
        })
    }
}

fn statement(entry: &Bytes) -> Option<Envelope> {
    let entry = proto::Entry::decode(entry.clone()).ok()?;
    let Leaf::Statement(bytes) = entry.leaf?;
    Envelope::parse(&bytes, limits::STATEMENT_BYTES).ok()
}
