//! What sled would serve, page by page: all of it in order, and where each leaf stands.

use std::vec;

use super::node::{Node, Pairs};
use super::recover::Recovered;
use super::table::{Page, Spot};
use super::{Damage, Files, log, node};

/// All keys and values in order.
pub(in crate::store) struct Entries<'a> {
    level: Option<Level<'a>>,
    leaf: vec::IntoIter<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(recovered: &'a Recovered<'a>) -> Result<Self, Damage> {
        let (mut level, mut seen) = (None, Vec::new());
        let mut first = root(recovered)?;
        // Each level stands on the one above it, down to the leaves.
        while let Some(page) = first {
            if seen.contains(&page) {
                return Err(Damage::Misplaced { page });
            }
            seen.push(page);
            level = Some(Level::new(recovered, page, level));
            first = recovered.node(page)?.children().first().map(|(_, child)| *child);
        }
        Ok(Self { level, leaf: Vec::new().into_iter() })
    }
}

/// Where a leaf stands, and the first key that may be in it.
pub(in crate::store) struct Leaf {
    pub(in crate::store) lo: Vec<u8>,
    page: u64,
    base: Spot,
    links: Vec<Spot>,
}

impl Recovered<'_> {
    /// All keys and values of the default tree in order, as sled would serve them.
    ///
    /// # Errors
    /// sled would not begin: what it needs for that cannot be read.
    pub(in crate::store) fn entries(&self) -> Result<Entries<'_>, Damage> {
        Entries::new(self)
    }

    /// Where the leaves of the default tree stand, in order. All of them were read.
    ///
    /// # Errors
    /// One cannot be read, or does not fit the others.
    pub(in crate::store) fn leaves(&self) -> Result<Vec<Leaf>, Damage> {
        let mut leaves = Vec::new();
        let Some(mut level) = self.entries()?.level else { return Ok(leaves) };
        while let Some((page, node)) = level.node()? {
            let lo = node.lo.clone();
            if !node.is_leaf() || node.values().is_none() {
                return Err(Damage::Misplaced { page });
            }
            let Page::There(base, links) = self.page(page) else {
                return Err(Damage::Page { page });
            };
            leaves.push(Leaf { lo, page, base: *base, links: links.clone() });
        }
        Ok(leaves)
    }
}

impl Files {
    /// What a leaf holds, in order.
    ///
    /// # Errors
    /// It changed since it was found.
    pub(in crate::store) fn leaf(&self, leaf: &Leaf) -> Result<Pairs<Vec<u8>>, Damage> {
        let Leaf { page, base, links, .. } = leaf;
        let node = self.node(*page, *base, links)?;
        node.values().ok_or(Damage::Page { page: *page })
    }
}

/// The page of the default tree's root, if there is one.
fn root(recovered: &Recovered<'_>) -> Result<Option<u64>, Damage> {
    let says = |page, kind| {
        let body = recovered.body(page)?;
        body.map(|(there, body)| (there == kind).then_some(body).ok_or(Damage::Page { page }))
            .transpose()
    };
    let (meta, counter) = (says(0, log::Kind::Meta)?, says(1, log::Kind::Counter)?);
    if counter.is_some_and(|body| !node::is_counter(&body)) {
        return Err(Damage::Page { page: 1 });
    }
    let root = meta.map_or(Some(None), |body| node::root(&body));
    root.ok_or(Damage::Page { page: 0 })
}

impl Iterator for Entries<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Some(Ok(entry));
            }
            match self.level.as_mut()?.leaf() {
                Ok(Some(leaf)) => self.leaf = leaf.into_iter(),
                Ok(None) => return None,
                Err(damage) => {
                    self.level = None;
                    return Some(Err(damage));
                }
            }
        }
    }
}

/// The nodes of one level of the tree, from the left to the right.
struct Level<'a> {
    recovered: &'a Recovered<'a>,
    next: Option<u64>,
    /// Where the next node has to begin.
    lo: Vec<u8>,
    /// No level has more nodes than there are pages.
    left: usize,
    /// The level above, and what it says of this one and was not met yet.
    above: Option<Box<Level<'a>>>,
    said: vec::IntoIter<(Vec<u8>, u64)>,
}

impl<'a> Level<'a> {
    fn new(recovered: &'a Recovered<'a>, first: u64, above: Option<Self>) -> Self {
        let (left, said) = (recovered.pages(), Vec::new().into_iter());
        Self {
            recovered,
            next: Some(first),
            lo: Vec::new(),
            left,
            above: above.map(Box::new),
            said,
        }
    }

    /// What the next leaf holds.
    fn leaf(&mut self) -> Result<Option<Pairs<Vec<u8>>>, Damage> {
        let Some((page, node)) = self.node()? else { return Ok(None) };
        let misplaced = Err(Damage::Misplaced { page });
        if !node.is_leaf() {
            return misplaced;
        }
        node.values().map_or(misplaced, |values| Ok(Some(values)))
    }

    fn node(&mut self) -> Result<Option<(u64, Node)>, Damage> {
        let Some(page) = self.next.take() else {
            // Whatever the level above says has been met.
            return self.expected()?.map_or(Ok(None), |(_, page)| Err(Damage::Misplaced { page }));
        };
        let misplaced = Damage::Misplaced { page };
        let Some(left) = self.left.checked_sub(1) else { return Err(misplaced) };
        self.left = left;
        let node = self.recovered.node(page)?;
        let goes_on = !node.hi.is_empty();
        if node.lo != self.lo || node.next.is_some() != goes_on || goes_on && node.hi <= node.lo {
            return Err(misplaced);
        }
        // A node that was split off may not be known above yet.
        if let Some((lo, expected)) = self.expected()?
            && expected == page
        {
            if lo != node.lo {
                return Err(misplaced);
            }
            self.said.next();
        }
        self.next = node.next;
        self.lo.clone_from(&node.hi);
        Ok(Some((page, node)))
    }

    /// What the level above says of the nodes to come.
    fn expected(&mut self) -> Result<Option<(Vec<u8>, u64)>, Damage> {
        while self.said.as_slice().is_empty() {
            let Some(above) = &mut self.above else { return Ok(None) };
            let Some((page, node)) = above.node()? else { return Ok(None) };
            if node.is_leaf() {
                return Err(Damage::Misplaced { page });
            }
            // One that is being merged may be in its place or not.
            let merging = node.merging_child;
            let mut children = node.children();
            children.retain(|(_, child)| Some(*child) != merging);
            self.said = children.into_iter();
        }
        Ok(self.said.as_slice().first().cloned())
    }
}
