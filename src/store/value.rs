//! What stands before the bytes of a stored value, and what the store says of all its values.
//!
//! In scope: the digest of each value, the end of a store, how both are written; the layout of
//! before. Out of scope: how an engine lays bytes down. Invariants: a value is handed out only if it
//! has its digest, which covers its key and its revision; an end is read only if it has its own.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;

use super::format::FormatError;
use super::{Revision, StoreError, Versioned};

/// A value as an engine keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// When it was written.
    pub revision: Revision,
    /// Over its key, its revision and its bytes.
    pub digest: Digest,
    /// The value's own bytes.
    pub bytes: Bytes,
}

impl Stored {
    /// `bytes`, to be written under `key`.
    pub(super) fn new(key: &[u8], revision: Revision, bytes: Bytes) -> Self {
        Self { revision, digest: digest(key, revision, &bytes), bytes }
    }

    pub(super) fn into_versioned(self) -> Versioned {
        (self.revision, self.bytes)
    }
}

/// `SHA-256("liaison/value/v1" 0x00 length-of-key key revision bytes)`, numbers u64 big-endian.
fn digest(key: &[u8], revision: Revision, bytes: &[u8]) -> Digest {
    let length = (key.len() as u64).to_be_bytes();
    Digest::of_parts(&[b"liaison/value/v1\0", &length, key, &revision.0.to_be_bytes(), bytes])
}

/// How values stand in an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// In formats 2 and 3: a revision before each value. Only read, to be migrated.
    Earlier,
    /// A revision and a digest before each value.
    Digests,
}

impl Layout {
    /// How long a stamp is.
    pub(super) const fn stamp_bytes(self) -> usize {
        match self {
            Self::Earlier => 8,
            Self::Digests => 40,
        }
    }

    /// Refuses to write by the layout of before.
    pub(super) const fn is_written(self) -> Result<(), StoreError> {
        match self {
            Self::Earlier => Err(StoreError::Format(FormatError::Earlier)),
            Self::Digests => Ok(()),
        }
    }
}

/// What stands before a value: its revision and, by the layout of today, its digest.
pub(super) struct Stamp {
    revision: Revision,
    digest: Option<Digest>,
}

impl Stamp {
    /// The stamp, and what stands behind it.
    pub(super) fn read<'a>(
        layout: Layout,
        key: &[u8],
        stored: &'a [u8],
    ) -> Result<(Self, &'a [u8]), StoreError> {
        let short = || damaged(key, "is cut short");
        let (revision, rest) = stored.split_first_chunk().ok_or_else(short)?;
        let revision = Revision(u64::from_be_bytes(*revision));
        let (digest, rest) = match layout {
            Layout::Earlier => (None, rest),
            Layout::Digests => {
                let (digest, rest) = rest.split_first_chunk().ok_or_else(short)?;
                (Some(Digest::from_bytes(*digest)), rest)
            }
        };
        Ok((Self { revision, digest }, rest))
    }

    /// The digest that a value had when it was written, by the layout of today.
    pub(super) fn digest(key: &[u8], stored: &[u8]) -> Result<Digest, StoreError> {
        let digest = stored.get(8..).and_then(|rest| rest.first_chunk());
        digest.map(|digest| Digest::from_bytes(*digest)).ok_or_else(|| damaged(key, "is cut short"))
    }

    /// The value, if it is the one that was written under this key.
    pub(super) fn check(self, key: &[u8], bytes: Bytes) -> Result<Stored, StoreError> {
        let found = Stored::new(key, self.revision, bytes);
        if self.digest.is_some_and(|digest| digest != found.digest) {
            return Err(damaged(key, "is not what was written there"));
        }
        Ok(found)
    }

    /// As bytes, before the value's.
    pub(super) fn of(stored: &Stored) -> [u8; Layout::Digests.stamp_bytes()] {
        let mut bytes = [0; Layout::Digests.stamp_bytes()];
        bytes[..8].copy_from_slice(&stored.revision.0.to_be_bytes());
        bytes[8..].copy_from_slice(stored.digest.as_bytes());
        bytes
    }
}

/// What a store says of all that it holds, as of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How many commits there were: the revision of the last.
    pub commits: u64,
    /// How many values there are.
    pub values: u64,
    /// The digests of all of them, combined by XOR.
    pub sum: Digest,
}

impl Default for End {
    fn default() -> Self {
        Self { commits: 0, values: 0, sum: Digest::from_bytes([0; 32]) }
    }
}

impl End {
    /// The revision of the last commit.
    pub(super) const fn revision(&self) -> Revision {
        Revision(self.commits)
    }

    /// The end of the next commit, before what it changes.
    pub(super) fn next(&self) -> Self {
        Self { commits: self.revision().next().0, ..*self }
    }

    /// One more value.
    pub(super) fn add(&mut self, digest: Digest) {
        self.values += 1;
        self.combine(digest);
    }

    /// A value takes the place of another, or of none.
    pub(super) fn replace(&mut self, old: Option<Digest>, new: Option<Digest>) {
        if let Some(old) = old {
            self.values = self.values.wrapping_sub(1);
            self.combine(old);
        }
        if let Some(new) = new {
            self.add(new);
        }
    }

    fn combine(&mut self, digest: Digest) {
        let mut sum = *self.sum.as_bytes();
        sum.iter_mut().zip(digest.as_bytes()).for_each(|(sum, byte)| *sum ^= byte);
        self.sum = Digest::from_bytes(sum);
    }

    /// With a digest of its own.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { commits, values, sum } = self;
        let numbers = [commits.to_be_bytes(), values.to_be_bytes()].concat();
        [&numbers[..], sum.as_bytes(), self.own_digest().as_bytes()].concat()
    }

    /// The end that an engine holds, and the layout that goes with it. A new store has none.
    pub(super) fn read(stored: Option<&[u8]>) -> Result<(Self, Layout), StoreError> {
        let Some(stored) = stored else { return Ok((Self::default(), Layout::Digests)) };
        if let Ok(commits) = stored.try_into() {
            let end = Self { commits: u64::from_be_bytes(commits), ..Self::default() };
            return Ok((end, Layout::Earlier));
        }
        Ok((Self::decode(stored).ok_or_else(unreadable)?, Layout::Digests))
    }

    fn decode(stored: &[u8]) -> Option<Self> {
        let (commits, rest) = stored.split_first_chunk()?;
        let (values, rest) = rest.split_first_chunk()?;
        let (sum, own) = rest.split_first_chunk()?;
        let (commits, values) = (u64::from_be_bytes(*commits), u64::from_be_bytes(*values));
        let end = Self { commits, values, sum: Digest::from_bytes(*sum) };
        (own == end.own_digest().as_bytes()).then_some(end)
    }

    fn own_digest(&self) -> Digest {
        let Self { commits, values, sum } = self;
        let numbers = [commits.to_be_bytes(), values.to_be_bytes()].concat();
        Digest::of_parts(&[b"liaison/end/v1\0", &numbers, sum.as_bytes()])
    }
}

/// What stands under a key is not what was written there.
pub(super) fn damaged(key: &[u8], what: &str) -> StoreError {
    StoreError::Corrupt(format!("the value under {} {what}", key.escape_ascii()))
}

fn unreadable() -> StoreError {
    StoreError::Corrupt("what it says of its end is not what was written there".to_owned())
}

/// What can still be read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) values: BTreeMap<Vec<u8>, Stored>,
    /// How many of the values that the store says it holds are not read where they stand; nothing, if it
    /// does not say that any more.
    pub(super) missing: Option<u64>,
}

/// How many of the values that a store says it holds are not among these, at least; nothing, if what it
/// says is older than one of them.
pub(super) fn missing(values: &BTreeMap<Vec<u8>, Stored>, said: &End) -> Option<u64> {
    let mut found = End { commits: said.commits, ..End::default() };
    values.values().for_each(|stored| found.add(stored.digest));
    let is_last = values.values().all(|stored| stored.revision <= said.revision());
    let missing = said.values.saturating_sub(found.values);
    is_last.then(|| if found == *said { 0 } else { missing.max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(key: &[u8], revision: u64, bytes: &'static [u8]) -> Stored {
        Stored::new(key, Revision(revision), Bytes::from_static(bytes))
    }

    #[test]
    fn stamp_and_end_keep_their_bytes() {
        let value = stored(b"mailbox/fr/cert", 7, b"value");
        let mut end = End::default().next();
        end.add(value.digest);
        // Both by another program's SHA-256.
        let digest = "dcba508747111a1458511bcf1286f3faeb719b4b7365b1a388b02d63be079000";
        assert_eq!(hex::encode(Stamp::of(&value)), format!("0000000000000007{digest}"));
        let own = "208d73bb28b3f65d6d22554fe6d84508a4f801f3d520342c8578544e7af5216b";
        let said = format!("00000000000000010000000000000001{digest}{own}");
        assert_eq!(hex::encode(end.encode()), said);
    }

    /// Whatever of it is another: key, revision, bytes, or where one ends and the next begins.
    #[test]
    fn a_value_is_only_what_was_written_under_its_key() {
        let value = stored(b"ab", 7, b"cd");
        let read = |key: &[u8], stamp: &[u8], bytes| {
            Stamp::read(Layout::Digests, key, stamp)?.0.check(key, Bytes::from_static(bytes))
        };
        let stamp = Stamp::of(&value);
        assert_eq!(read(b"ab", &stamp, b"cd"), Ok(value));
        let mut later = stamp;
        later[7] ^= 1;
        let mut other = stamp;
        other[39] ^= 1;
        for (key, stamp, bytes) in [
            (&b"ac"[..], &stamp[..], &b"cd"[..]),
            (b"a", &stamp, b"bcd"),
            (b"abc", &stamp, b"d"),
            (b"ab", &stamp, b"ce"),
            (b"ab", &stamp, b"c"),
            (b"ab", &later, b"cd"),
            (b"ab", &other, b"cd"),
            (b"ab", &stamp[..39], b"cd"),
            (b"ab", b"", b""),
        ] {
            let found = read(key, stamp, bytes);
            let named = format!("under {} ", key.escape_ascii());
            let Err(StoreError::Corrupt(why)) = found else { panic!("{found:?}") };
            assert!(why.contains(&named), "{why}");
        }
    }

    #[test]
    fn an_end_is_that_of_a_set_and_one_changed_byte_of_it_is_noticed() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|key| stored(key, 1, b"").digest);
        let mut end = End::default().next();
        for digest in [a, b, c] {
            end.add(digest);
        }
        let mut same = End::default().next();
        same.add(c);
        same.replace(None, Some(a));
        same.replace(Some(c), Some(b));
        same.replace(None, Some(c));
        assert_eq!(same, end);
        end.replace(Some(b), None);
        assert_eq!((end.commits, end.values), (1, 2));
        let bytes = end.encode();
        assert_eq!(End::read(Some(&bytes)), Ok((end, Layout::Digests)));
        for at in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1;
            assert!(End::read(Some(&spoilt)).is_err(), "byte {at}");
            assert!(at == 8 || End::read(Some(&bytes[..at])).is_err(), "cut at {at}");
        }
    }
}
