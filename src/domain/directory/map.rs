//! Parts of the directory by id: those that were kept as bytes, and those that are new.
//!
//! In scope: a persistent value, of which a copy costs nothing; sections of kept parts, both ways.
//! Out of scope: what the parts say (`stored`); whether bytes are those that were kept: who reads
//! them has seen that. Invariants: a part is read when it is asked for, and only then; whatever is
//! new hides what was kept.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Peekable;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rpds::RedBlackTreeMapSync as PersistentMap;

/// Stored bytes are not this part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored {0} cannot be read")]
pub struct Unreadable(pub &'static str);

/// A part of the directory that has an id.
pub trait Part: Sized {
    /// What it is found by, in this order.
    type Id: Ord + Clone;
    /// The id by which it is found.
    fn id(&self) -> Self::Id;
    /// An id as bytes, in the order of ids.
    fn key(id: &Self::Id) -> Vec<u8>;
    /// The bytes that are stored of it.
    fn encode(&self) -> Bytes;
    /// From bytes.
    ///
    /// # Errors
    /// They are not such a part.
    fn decode(bytes: &Bytes) -> Result<Self, Unreadable>;
}

/// Parts by id.
pub(super) struct Map<P: Part> {
    kept: Option<Arc<Kept<P>>>,
    new: PersistentMap<P::Id, Arc<P>>,
}

impl<P: Part> Map<P> {
    pub(super) fn get(&self, id: &P::Id) -> Option<&P> {
        if let Some(new) = self.new.get(id) {
            return Some(new);
        }
        let kept = self.kept.as_ref()?;
        kept.part(kept.find(&P::key(id)).ok()?)
    }

    pub(super) fn insert(&mut self, part: &Arc<P>) {
        self.new.insert_mut(part.id(), Arc::clone(part));
    }

    /// All, by id.
    pub(super) fn values(&self) -> impl Iterator<Item = &P> {
        self.raw(0, self.new.iter()).filter_map(Raw::part)
    }

    /// Those from an id on, by id.
    pub(super) fn from(&self, id: P::Id) -> impl Iterator<Item = &P> {
        let first = self.kept.as_ref().map(|kept| kept.find(&P::key(&id)));
        let first = first.map_or(0, |found| found.unwrap_or_else(|place| place));
        self.raw(first, self.new.range(id..)).filter_map(Raw::part)
    }

    fn raw<'a, I>(&'a self, first: usize, new: I) -> Merged<'a, P, I>
    where
        I: Iterator<Item = (&'a P::Id, &'a Arc<P>)>,
    {
        Merged { kept: self.kept.as_deref(), place: first, new: new.peekable() }
    }

    /// A section: how many, where each begins, then key and value of each, by id.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Unreadable> {
        let mut section = Section::default();
        for raw in self.raw(0, self.new.iter()) {
            match raw {
                Raw::Kept(kept, place) => section.copy(kept, place)?,
                Raw::New(part) => section.push(part)?,
            }
        }
        Ok(section.into_bytes())
    }

    /// Of a section that [`Map::to_bytes`] made.
    pub(super) fn from_bytes(bytes: &Bytes) -> Result<Self, Unreadable> {
        Ok(Kept::read(bytes.clone()).ok_or(Unreadable("section"))?.into())
    }
}

impl<P: Part> Default for Map<P> {
    fn default() -> Self {
        Self { kept: None, new: PersistentMap::default() }
    }
}

impl<P: Part> Clone for Map<P> {
    fn clone(&self) -> Self {
        Self { kept: self.kept.clone(), new: self.new.clone() }
    }
}

impl<P: Part + PartialEq> PartialEq for Map<P> {
    fn eq(&self, other: &Self) -> bool {
        self.values().eq(other.values())
    }
}

impl<P: Part + Eq> Eq for Map<P> {}

impl<P: Part + fmt::Debug> fmt::Debug for Map<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

impl<P: Part> From<Kept<P>> for Map<P> {
    fn from(kept: Kept<P>) -> Self {
        Self { kept: Some(Arc::new(kept)), new: PersistentMap::default() }
    }
}

/// A section in the making.
pub(super) struct Section<P> {
    starts: Vec<u8>,
    records: Vec<u8>,
    last: Vec<u8>,
    of: PhantomData<P>,
}

impl<P: Part> Section<P> {
    /// The next part, by id.
    pub(super) fn push(&mut self, part: &P) -> Result<(), Unreadable> {
        let (key, value) = (P::key(&part.id()), part.encode());
        let misplaced = Unreadable("part out of its order");
        if !self.starts.is_empty() && key <= self.last {
            return Err(misplaced);
        }
        let length = u16::try_from(key.len()).map_err(|_| misplaced)?;
        self.start();
        for bytes in [&length.to_be_bytes(), &key[..], &value] {
            self.records.extend_from_slice(bytes);
        }
        self.last = key;
        Ok(())
    }

    /// The next, as it was kept.
    fn copy(&mut self, kept: &Kept<P>, place: usize) -> Result<(), Unreadable> {
        self.start();
        self.records.extend_from_slice(kept.record(place).ok_or(Unreadable("section"))?);
        Ok(())
    }

    /// Here a record begins, or the last one has ended.
    fn start(&mut self) {
        self.starts.extend_from_slice(&(self.records.len() as u64).to_be_bytes());
    }

    fn into_bytes(mut self) -> Vec<u8> {
        let count = self.starts.len() / START;
        self.start();
        [&(count as u64).to_be_bytes()[..], &self.starts, &self.records].concat()
    }

    pub(super) fn into_map(mut self) -> Map<P> {
        let count = self.starts.len() / START;
        self.start();
        Kept::of(count, self.starts.into(), self.records.into()).into()
    }
}

impl<P> Default for Section<P> {
    fn default() -> Self {
        let (starts, records, last) = Default::default();
        Self { starts, records, last, of: PhantomData }
    }
}

/// Bytes of the place where a record begins.
const START: usize = 8;

/// One part, as it is held.
enum Raw<'a, P: Part> {
    Kept(&'a Kept<P>, usize),
    New(&'a P),
}

impl<'a, P: Part> Raw<'a, P> {
    fn part(self) -> Option<&'a P> {
        match self {
            Self::Kept(kept, place) => kept.part(place),
            Self::New(part) => Some(part),
        }
    }
}

/// Both, by id.
struct Merged<'a, P: Part, I: Iterator> {
    kept: Option<&'a Kept<P>>,
    place: usize,
    new: Peekable<I>,
}

impl<'a, P: Part, I: Iterator<Item = (&'a P::Id, &'a Arc<P>)>> Iterator for Merged<'a, P, I> {
    type Item = Raw<'a, P>;

    fn next(&mut self) -> Option<Self::Item> {
        let kept = self.kept.and_then(|kept| Some((kept, kept.key(self.place)?)));
        let order = match (kept, self.new.peek()) {
            (Some((_, key)), Some((id, _))) => key.cmp(&P::key(id)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        if order != Ordering::Greater {
            self.place += 1;
        }
        match (order, kept) {
            (Ordering::Less, Some((kept, _))) => Some(Raw::Kept(kept, self.place - 1)),
            _ => self.new.next().map(|(_, part)| Raw::New(part.as_ref())),
        }
    }
}

/// A section of parts, each read at most once.
struct Kept<P> {
    starts: Bytes,
    records: Bytes,
    count: usize,
    /// In groups: most of them are never asked for.
    read: Vec<OnceLock<Group<P>>>,
}

type Group<P> = Box<[OnceLock<Option<Arc<P>>>]>;

impl<P: Part> Kept<P> {
    fn read(mut bytes: Bytes) -> Option<Self> {
        let count = usize::try_from(u64::from_be_bytes(*bytes.first_chunk()?)).ok()?;
        let starts = count.checked_add(2)?.checked_mul(START)?;
        if bytes.len() < starts {
            return None;
        }
        let starts = bytes.split_to(starts).slice(START..);
        let kept = Self::of(count, starts, bytes);
        (kept.start(count)? == kept.records.len()).then_some(kept)
    }

    fn of(count: usize, starts: Bytes, records: Bytes) -> Self {
        let read = (0..count.div_ceil(GROUP)).map(|_| OnceLock::new()).collect();
        Self { starts, records, count, read }
    }

    fn start(&self, place: usize) -> Option<usize> {
        let start = self.starts.get(place * START..)?.first_chunk()?;
        usize::try_from(u64::from_be_bytes(*start)).ok()
    }

    fn record(&self, place: usize) -> Option<&[u8]> {
        self.records.get(self.start(place)?..self.start(place + 1)?)
    }

    fn key(&self, place: usize) -> Option<&[u8]> {
        let (length, behind) = self.record(place)?.split_first_chunk()?;
        behind.get(..usize::from(u16::from_be_bytes(*length)))
    }

    /// Where a key stands, or would.
    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(&Some(key)) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn part(&self, place: usize) -> Option<&P> {
        let read = || {
            let value = self.start(place)? + 2 + self.key(place)?.len();
            P::decode(&self.records.slice(value..self.start(place + 1)?)).ok().map(Arc::new)
        };
        let group = self.read.get(place / GROUP)?;
        let group = group.get_or_init(|| (0..GROUP).map(|_| OnceLock::new()).collect());
        group.get(place % GROUP)?.get_or_init(read).as_deref()
    }
}

/// Parts whose places are made at once.
const GROUP: usize = 256;
