//! What a page says (`node.rs`, `meta.rs` and `serialization.rs`).

use super::bytes::Reader;

/// A node of a tree: what is from `lo` on, and before `hi` unless that is empty.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The page of the node that begins where this one ends.
    pub(super) next: Option<u64>,
    /// A page below, being taken into the one before it.
    pub(super) merging_child: Option<u64>,
    /// This page is being taken into the one before it.
    pub(super) merging: bool,
    /// So much of `lo` stands before each key.
    prefix: usize,
    pub(super) lo: Vec<u8>,
    pub(super) hi: Vec<u8>,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    Leaf(Pairs<Vec<u8>>),
    Index(Pairs<u64>),
}

/// What stands under each key, in order.
pub(in crate::store) type Pairs<V> = Vec<(Vec<u8>, V)>;

impl Node {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let some = |page: u64| (page != 0).then_some(page);
        let (next, merging_child) = (some(reader.number()?), some(reader.number()?));
        let (merging, prefix) = (reader.flag()?, usize::from(reader.byte()?));
        let (lo, hi) = (reader.string()?.to_vec(), reader.string()?.to_vec());
        let is_leaf = !reader.flag()?;
        let count = reader.number()?;
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(reader.string()?.to_vec());
        }
        let keys = keys.into_iter();
        let data = if is_leaf {
            let pairs = keys.map(|key| Some((key, reader.string()?.to_vec())));
            Data::Leaf(pairs.collect::<Option<_>>()?)
        } else {
            Data::Index(keys.map(|key| Some((key, reader.number()?))).collect::<Option<_>>()?)
        };
        let fits = lo.len() >= prefix && (hi.is_empty() || hi.len() >= prefix);
        fits.then_some(Self { next, merging_child, merging, prefix, lo, hi, data })
    }

    /// Changes the node. None where sled would panic.
    pub(super) fn apply(&mut self, link: Link<'_>) -> Option<()> {
        if self.merging {
            return None;
        }
        match (link, &mut self.data) {
            (Link::Set(key, value), Data::Leaf(pairs)) => {
                if !self.hi.is_empty() && Some(key) >= self.hi.get(self.prefix..) {
                    return None;
                }
                match find(pairs, key) {
                    Ok(at) => pairs[at].1 = value.to_vec(),
                    Err(at) => pairs.insert(at, (key.to_vec(), value.to_vec())),
                }
            }
            (Link::Delete(key), Data::Leaf(pairs)) => {
                if let Ok(at) = find(pairs, key) {
                    pairs.remove(at);
                }
            }
            (Link::BeginMerge(child), _) => {
                if child == 0 || self.merging_child.replace(child).is_some() {
                    return None;
                }
            }
            (Link::EndMerge, Data::Index(pairs)) => {
                let child = self.merging_child.take()?;
                let at = pairs.iter().position(|(_, page)| *page == child)?;
                pairs.remove(at);
            }
            (Link::Merging, _) => self.merging = true,
            (Link::Set(..) | Link::Delete(_), Data::Index(_)) | (Link::EndMerge, Data::Leaf(_)) => {
                return None;
            }
        }
        Some(())
    }

    pub(super) fn is_leaf(&self) -> bool {
        matches!(self.data, Data::Leaf(_))
    }

    /// What a leaf holds, under whole keys. None if it is not in order.
    pub(super) fn values(self) -> Option<Pairs<Vec<u8>>> {
        let Data::Leaf(pairs) = self.data else { return None };
        let pairs = whole(&self.lo[..self.prefix], pairs);
        let is_sorted = pairs.is_sorted_by(|(one, _), (other, _)| one < other);
        let begins = pairs.first().is_none_or(|(key, _)| *key >= self.lo);
        let ends = self.hi.is_empty() || pairs.last().is_none_or(|(key, _)| *key < self.hi);
        (is_sorted && begins && ends).then_some(pairs)
    }

    /// The pages below an index, each under the key at which it begins.
    pub(super) fn children(self) -> Pairs<u64> {
        match self.data {
            Data::Leaf(_) => Vec::new(),
            Data::Index(pairs) => whole(&self.lo[..self.prefix], pairs),
        }
    }
}

fn find<V>(pairs: &Pairs<V>, key: &[u8]) -> Result<usize, usize> {
    pairs.binary_search_by(|(there, _)| there.as_slice().cmp(key))
}

fn whole<V>(prefix: &[u8], pairs: Pairs<V>) -> Pairs<V> {
    pairs.into_iter().map(|(key, value)| ([prefix, &key].concat(), value)).collect()
}

/// A change of a node. Keys are without the node's prefix.
pub(super) enum Link<'a> {
    Set(&'a [u8], &'a [u8]),
    Delete(&'a [u8]),
    /// A page below is to be taken into the one before it,
    BeginMerge(u64),
    /// and has been.
    EndMerge,
    /// This page is being taken into the one before it.
    Merging,
}

impl<'a> Link<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        Some(match reader.byte()? {
            0 => Self::Set(reader.string()?, reader.string()?),
            1 => Self::Delete(reader.string()?),
            2 => Self::BeginMerge(reader.number()?),
            3 => Self::EndMerge,
            4 => Self::Merging,
            _ => return None,
        })
    }
}

/// The page at which the default tree begins. `None` if `bytes` are no list of trees.
pub(super) fn root(bytes: &[u8]) -> Option<Option<u64>> {
    let (mut reader, mut root) = (Reader(bytes), None);
    while !reader.0.is_empty() {
        let (name, page) = (reader.string()?, reader.number()?);
        if name == b"__sled__default" {
            root = Some(page);
        }
    }
    Some(root)
}

/// Whether `bytes` are a counter.
pub(super) fn is_counter(bytes: &[u8]) -> bool {
    Reader(bytes).number().is_some()
}
