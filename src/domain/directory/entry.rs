//! An entry of the log: what stands in a leaf, and when it was admitted.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::canonical;
use crate::signed::proto::{self, entry::Leaf};

/// One entry, read but not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes of a Dsse, as received.
    pub statement: Bytes,
    /// The service's claim of the time, Unix seconds.
    pub admitted_at: u64,
}

/// Refuses the bytes of an entry that no C2SP tile has room for.
///
/// # Errors
/// [`Refusal::TooLarge`].
pub fn of_size(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() <= limits::ENTRY_BYTES {
        return Ok(());
    }
    let (limit, found) = (limits::ENTRY_BYTES as u64, bytes.len() as u64);
    Err(Refusal::TooLarge { what: "entry", limit, found })
}

/// The rules since which a leaf is admitted: one without a number does not compile.
const fn since(leaf: &Leaf) -> u32 {
    match leaf {
        Leaf::Statement(_) => 1,
    }
}

impl Entry {
    /// Reads the bytes of an entry. Rules 1 know one leaf: a statement.
    ///
    /// # Errors
    /// Too large for a C2SP tile, not canonical, another leaf or none.
    pub fn read(bytes: &[u8], rules: u32) -> Result<Self, Refusal> {
        of_size(bytes)?;
        let entry: proto::Entry = canonical::decode(bytes).map_err(|_| Refusal::UnknownLeaf)?;
        let leaf = entry.leaf.filter(|leaf| since(leaf) <= rules);
        match leaf.ok_or(Refusal::UnknownLeaf)? {
            Leaf::Statement(statement) => Ok(Self { statement, admitted_at: entry.admitted_at }),
        }
    }

    /// Its one encoding.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let leaf = Some(Leaf::Statement(self.statement.clone()));
        proto::Entry { leaf, admitted_at: self.admitted_at }.encode_to_vec().into()
    }
}
