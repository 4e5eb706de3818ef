//! The table of pages as it is after a start of sled, and what it would lack
//! (`pagecache/snapshot.rs`, `pagecache/segment.rs`).

use super::log::{Header, Kind};
use super::node::Node;
use super::table::{Page, Table};
use super::walk::Walk;
use super::{Damage, Files, conf, log, snapshot};

/// What sled would make of its files.
pub(in crate::store) struct Recovered<'a> {
    files: &'a Files,
    table: Table,
    /// Where the log ends, and the segment of the file in which it goes on there.
    end: u64,
    active: Option<u64>,
    /// Where `snap.*` says that it ended.
    start: Option<u64>,
    /// What it would lose for certain, or where it would fail.
    pub(in crate::store) damage: Vec<Damage>,
    /// Records behind the end of the log that it would drop. An unfinished commit leaves such; so
    /// does damage in the last commit, and in the one before it. Only who knows what the last
    /// commit was can tell.
    pub(in crate::store) dropped: u64,
}

impl Files {
    /// What sled would make of these files if it opened them now.
    ///
    /// # Errors
    /// sled would not begin, or nobody can say how it would go on.
    pub(in crate::store) fn recover(&self) -> Result<Recovered<'_>, Damage> {
        conf(&self.dir, self.size)??;
        let snapshot = snapshot(&self.dir)??;
        let start = snapshot.end.unwrap_or(0);
        let mut walk = Walk::from(self, start)?;
        let mut table = snapshot.table;
        while let Some(message) = walk.next()? {
            let is_new = message.place.lsn >= start;
            if is_new && table.apply(&message, self.most_pages()).is_none() {
                return Err(Damage::Page { page: message.page });
            }
        }
        let end = walk.at.unwrap_or(start);
        if self.next_start(end) < start {
            return Err(Damage::Short(end));
        }
        let next = self.next_start(end);
        let mut recovered = Recovered {
            files: self,
            table,
            end: next,
            active: walk.offset().filter(|_| next == end),
            start: snapshot.end,
            damage: Vec::new(),
            dropped: 0,
        };
        let live = recovered.live(&walk)?;
        recovered.compare(&walk, start, end, &live)?;
        Ok(recovered)
    }

    /// No message is shorter than 8 bytes, and no page without one.
    fn most_pages(&self) -> u64 {
        self.length / 8
    }

    /// Where the log goes on: in the next segment if this one is full.
    fn next_start(&self, end: u64) -> u64 {
        let within = end % self.size;
        if within + log::RED_ZONE as u64 >= self.size { end - within + self.size } else { end }
    }
}

impl Recovered<'_> {
    /// So many bytes of `db` count.
    pub(in crate::store) fn used(&self) -> u64 {
        self.table.places().map(|(_, place)| place.length).sum()
    }

    /// The name and the bytes of the `snap.*` that sled would write of this; nothing if it would not.
    pub(in crate::store) fn snapshot(&self) -> Option<(String, Vec<u8>)> {
        let is_new = self.start.map_or(self.end > 0, |start| self.end > start);
        let bytes = self.table.snapshot(self.end, self.active).filter(|_| is_new)?;
        Some((format!("snap.{:016X}", self.end), bytes))
    }

    /// Where in `db` the segment is in which the log ends, and how much of it stands before that end:
    /// what sled reads again behind a snapshot of this. Nothing if no page is there.
    pub(in crate::store) fn tail(&self) -> Option<(u64, u64)> {
        let size = self.files.size;
        let base = self.end / size * size;
        let of = |header: &Option<Header>| header.is_some_and(|header| header.lsn == base);
        let at = self.files.headers.iter().position(of)? as u64 * size;
        let counts = self.active == Some(at)
            || self.table.places().any(|(_, place)| place.at / size * size == at);
        counts.then_some((at, self.end - base))
    }

    pub(super) fn page(&self, page: u64) -> &Page {
        self.table.page(page)
    }

    pub(super) fn pages(&self) -> usize {
        self.table.0.len()
    }

    /// The body of a page that has no changes.
    pub(super) fn body(&self, page: u64) -> Result<Option<(Kind, Vec<u8>)>, Damage> {
        match self.table.page(page) {
            Page::Unknown if page >= self.pages() as u64 => Ok(None),
            Page::There(base, _) => self.files.body(page, *base).map(Some),
            Page::Unknown | Page::Free(_) => Err(Damage::Page { page }),
        }
    }

    pub(super) fn node(&self, page: u64) -> Result<Node, Damage> {
        match self.table.page(page) {
            Page::There(base, links) => self.files.node(page, *base, links),
            Page::Unknown | Page::Free(_) => Err(Damage::Page { page }),
        }
    }

    /// In which segments of the file something counts.
    fn live(&self, walk: &Walk<'_>) -> Result<Vec<bool>, Damage> {
        let size = self.files.size;
        let unknown = self.table.0.iter().position(|page| matches!(page, Page::Unknown));
        if let Some(page) = unknown {
            return Err(Damage::Page { page: page as u64 });
        }
        let mut live = vec![false; self.files.length.div_ceil(size) as usize];
        for (page, place) in self.table.places() {
            // sled writes over the segments it did not get to.
            let is_dropped = walk.segments.contains_key(&(place.lsn / size * size));
            let segment = live.get_mut((place.at / size) as usize).filter(|_| !is_dropped);
            *segment.ok_or(Damage::Page { page })? = true;
        }
        Ok(live)
    }

    /// Looks for records that sled would not take although nothing replaced them.
    fn compare(
        &mut self,
        walk: &Walk<'_>,
        start: u64,
        end: u64,
        live: &[bool],
    ) -> Result<(), Damage> {
        let size = self.files.size;
        let mut commits = 0;
        for (index, header) in (0..).zip(&self.files.headers) {
            let lsn = header.map(|header| header.lsn);
            let skipped = walk.skipped.iter().find(|at| lsn == Some(*at / size * size));
            let is_suspect = match lsn {
                None => true,
                Some(lsn) => {
                    skipped.is_some()
                        || lsn == end / size * size
                        || walk.segments.contains_key(&lsn)
                }
            };
            if !is_suspect {
                continue;
            }
            let segment = self.files.segment(index * size)?;
            let mut lost = None;
            for message in segment.messages(self.files) {
                let lsn = message.place.lsn;
                if lsn < start {
                    continue;
                }
                commits += u64::from(message.kind == Kind::Manifest && lsn > end);
                if self.table.lacks(&message) {
                    if lsn < end {
                        let (at, page) = (message.place.at, message.page);
                        lost.get_or_insert(Damage::Record { at, page });
                    } else {
                        self.dropped += 1;
                    }
                }
            }
            if let Some(bad) = skipped
                && live.get(index as usize).is_some_and(|live| *live)
            {
                lost.get_or_insert(Damage::Gap(segment.offset + bad % size));
            }
            self.damage.extend(lost);
        }
        // A commit begins once all before it is on the disk, but for what reading rearranges.
        let is_within = walk.batch.is_some_and(|(first, last)| first <= end && end <= last);
        if commits > u64::from(!is_within) {
            self.damage.push(Damage::Behind { at: end, records: self.dropped });
        }
        Ok(())
    }
}
