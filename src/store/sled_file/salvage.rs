//! What can still be read, whatever is damaged.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Bound;

use super::log::{self, Kind};
use super::node::{Link, Node};
use super::table::{Message, Spot};
use super::{Damage, Files};

impl Files {
    /// Gives `each` key and value that can be read, with the place in the log of the page that says
    /// so. A key is given as the newest readable page says that spans it, and not at all if that
    /// page says that it is gone. What an unfinished commit wrote is given, too.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(in crate::store) fn salvage(
        &self,
        mut each: impl FnMut(u64, &[u8], &[u8]),
    ) -> io::Result<()> {
        let mut spanned = Spans::default();
        let mut states = self.states()?;
        while let Some(((rank, lsn), state)) = states.pop_last() {
            let Some(node) = self.what_is_left(&state)? else { continue };
            // Moved while it was being taken into the page before it: no newer than it was.
            if node.merging && state.links.is_empty() && rank == lsn && state.before < lsn {
                states.insert((state.before, lsn), state);
                continue;
            }
            let (lo, hi) = (node.lo.clone(), node.hi.clone());
            let Some(values) = node.values() else { continue };
            for (key, value) in values {
                if !spanned.contains(&key) {
                    each(state.base.lsn, &key, &value);
                }
            }
            spanned.add(lo, Some(hi).filter(|hi| !hi.is_empty()));
            if spanned.is_all() {
                break;
            }
        }
        Ok(())
    }

    /// All that pages ever said, by its place in the log, twice.
    fn states(&self) -> io::Result<BTreeMap<(u64, u64), State>> {
        let mut messages = Vec::new();
        for index in 0..self.headers.len() as u64 {
            let segment = self.segment(index * self.size)?;
            let matters = |kind| matches!(kind, Kind::Node | Kind::Link | Kind::Free);
            messages.extend(segment.messages(self).filter(|message| matters(message.kind)));
        }
        messages.sort_by_key(|message: &Message| message.place.lsn);
        let mut states: BTreeMap<(u64, u64), State> = BTreeMap::new();
        let mut newest: HashMap<u64, u64> = HashMap::new();
        for Message { kind, page, place } in messages {
            match kind {
                Kind::Node => {
                    let before = newest.insert(page, place.lsn).unwrap_or(0);
                    let state = State { page, base: place, links: Vec::new(), before };
                    states.insert((place.lsn, place.lsn), state);
                }
                Kind::Link => {
                    let state = newest.get(&page).and_then(|lsn| states.get_mut(&(*lsn, *lsn)));
                    state.into_iter().for_each(|state| state.links.push(place));
                }
                _ => {
                    newest.remove(&page);
                }
            }
        }
        Ok(states)
    }

    /// A leaf as it is known. A change may be of a later base that cannot be read.
    fn what_is_left(&self, state: &State) -> io::Result<Option<Node>> {
        let Some((_, body)) = readable(self.body(state.page, state.base))? else { return Ok(None) };
        let Some(mut node) = Node::read(&body).filter(Node::is_leaf) else { return Ok(None) };
        for place in &state.links {
            let Some((_, body)) = readable(self.body(state.page, *place))? else { continue };
            if let Some(link) = Link::read(&body) {
                node.apply(link);
            }
        }
        Ok(Some(node))
    }
}

/// What a page said from one base to the next.
struct State {
    page: u64,
    base: Spot,
    links: Vec<Spot>,
    /// The base before this one, or 0.
    before: u64,
}

/// What is damaged is left out.
fn readable(body: Result<(log::Kind, Vec<u8>), Damage>) -> io::Result<Option<(Kind, Vec<u8>)>> {
    match body {
        Err(Damage::Io(error)) => Err(error),
        other => Ok(other.ok()),
    }
}

/// Ranges of keys: where each begins, and its end if it has one.
#[derive(Default)]
struct Spans(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Spans {
    fn contains(&self, key: &[u8]) -> bool {
        self.before(key).is_some_and(|(_, end)| end.as_deref().is_none_or(|end| key < end))
    }

    fn before(&self, key: &[u8]) -> Option<(&Vec<u8>, &Option<Vec<u8>>)> {
        self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()
    }

    fn is_all(&self) -> bool {
        self.0.get(&[][..]).is_some_and(Option::is_none)
    }

    fn add(&mut self, mut from: Vec<u8>, mut to: Option<Vec<u8>>) {
        // Those it touches become one with it.
        while let Some((start, end)) = self.touching(&from, to.as_deref()) {
            self.0.remove(&start);
            from = from.min(start);
            to = to.zip(end).map(|(one, other)| one.max(other));
        }
        self.0.insert(from, to);
    }

    fn touching(&self, from: &[u8], to: Option<&[u8]>) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let is_before_end = |start: &[u8]| to.is_none_or(|to| start <= to);
        let reaches = |end: &Option<Vec<u8>>| end.as_deref().is_none_or(|end| from <= end);
        let before = self.before(from).filter(|(_, end)| reaches(end));
        let behind = || self.0.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).next();
        let found = before.or_else(|| behind().filter(|(start, _)| is_before_end(start)));
        found.map(|(start, end)| (start.clone(), end.clone()))
    }
}
