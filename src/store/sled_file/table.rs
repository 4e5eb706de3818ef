//! Where each page stands in the log (`pagecache/snapshot.rs`).

use super::bytes::{Reader, number};
use super::log::{Frame, Kind};

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) lsn: u64,
    /// In the file.
    pub(super) at: u64,
    pub(super) length: u64,
}

/// One message of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) page: u64,
    pub(super) place: Spot,
}

impl Message {
    pub(super) fn new(frame: &Frame, lsn: u64, at: u64) -> Self {
        let place = Spot { lsn, at, length: frame.length() as u64 };
        Self { kind: frame.kind, page: frame.page, place }
    }
}

/// Where a page stands.
#[derive(Clone, Debug, Default)]
pub(super) enum Page {
    #[default]
    Unknown,
    Free(Spot),
    /// Whole, and what changed since.
    There(Spot, Vec<Spot>),
}

/// All pages by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) Vec<Page>);

impl Table {
    pub(super) fn page(&self, page: u64) -> &Page {
        let page = usize::try_from(page).ok().and_then(|page| self.0.get(page));
        page.unwrap_or(&Page::Unknown)
    }

    /// What sled does with the next message of a page. None if no log of this size has such a page.
    pub(super) fn apply(&mut self, message: &Message, pages: u64) -> Option<()> {
        if message.kind == Kind::Link {
            match usize::try_from(message.page).ok().and_then(|page| self.0.get_mut(page)) {
                Some(Page::There(base, links)) if newest(*base, links) < message.place.lsn => {
                    links.push(message.place);
                }
                // What it changes was written anew further on.
                _ => {}
            }
            return Some(());
        }
        let index = usize::try_from(message.page).ok().filter(|_| message.page < pages)?;
        if self.0.len() <= index {
            self.0.resize(index + 1, Page::Unknown);
        }
        self.0[index] = match message.kind {
            Kind::Free => Page::Free(message.place),
            _ => Page::There(message.place, Vec::new()),
        };
        Some(())
    }

    /// Whether the table lacks what a message says.
    pub(super) fn lacks(&self, message: &Message) -> bool {
        let lsn = message.place.lsn;
        match (self.page(message.page), message.kind) {
            (_, Kind::Cancelled | Kind::Cap | Kind::Manifest) => false,
            (Page::Unknown, _) => true,
            (Page::Free(at), _) => at.lsn < lsn,
            (Page::There(base, links), Kind::Link) => {
                base.lsn < lsn && links.iter().all(|link| link.lsn != lsn)
            }
            (Page::There(base, _), _) => base.lsn < lsn,
        }
    }

    /// As sled writes it, of a log that ends at `end` in the segment at `active`. None if sled could not.
    pub(super) fn snapshot(&self, end: u64, active: Option<u64>) -> Option<Vec<u8>> {
        let mut bytes = end.checked_add(1)?.to_le_bytes().to_vec();
        bytes.extend(number(active.map_or(0, |active| active + 1)));
        let mut place = |parts: Option<u8>, Spot { lsn, at, length }: &Spot, is_sized: bool| {
            bytes.extend(parts);
            bytes.extend(lsn.to_le_bytes());
            bytes.push(0);
            bytes.extend(number(*at));
            if is_sized {
                bytes.extend(number(*length));
            }
        };
        for page in &self.0 {
            match page {
                Page::Unknown => return None,
                Page::Free(at) => place(Some(0), at, false),
                Page::There(base, links) => {
                    place(Some(u8::try_from(links.len() + 1).ok()?), base, true);
                    links.iter().for_each(|link| place(None, link, true));
                }
            }
        }
        let tail = ((bytes.len() as u64).to_le_bytes(), crc32fast::hash(&bytes).to_le_bytes());
        bytes.extend(tail.0);
        bytes.extend(tail.1);
        (!self.0.is_empty()).then_some(bytes)
    }

    /// Every place that counts, with its page.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, Spot)> {
        (0..).zip(&self.0).flat_map(|(page, there)| {
            let (base, links) = match there {
                Page::Unknown => (None, &[][..]),
                Page::Free(at) => (Some(at), &[][..]),
                Page::There(base, links) => (Some(base), &links[..]),
            };
            base.into_iter().chain(links).map(move |place| (page, *place))
        })
    }
}

fn newest(base: Spot, links: &[Spot]) -> u64 {
    links.last().map_or(base.lsn, |link| link.lsn)
}

/// What sled wrote at its last start.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// Where the log ended then.
    pub(super) end: Option<u64>,
    pub(super) table: Table,
}

impl Snapshot {
    /// The places, their length, and a sum over the places.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (pages, tail) = bytes.split_at_checked(bytes.len().checked_sub(12)?)?;
        let crc = Reader(tail.get(8..)?).u32()?;
        if pages.is_empty() || crc32fast::hash(pages) != crc {
            return None;
        }
        let mut reader = Reader(pages);
        // One more than the place; 0 if there is none.
        let end = reader.lsn()?.checked_sub(1);
        let _active_segment = reader.number()?;
        let mut table = Table::default();
        while !reader.0.is_empty() {
            let page = match reader.byte()? {
                0 => Page::Free(pointer(&mut reader, false)?),
                parts => {
                    let base = pointer(&mut reader, true)?;
                    let links = (1..parts).map(|_| pointer(&mut reader, true));
                    Page::There(base, links.collect::<Option<_>>()?)
                }
            };
            table.0.push(page);
        }
        Some(Self { end, table })
    }
}

/// A place in the log, one in the file, not in a file of its own, and how long it is.
fn pointer(reader: &mut Reader<'_>, is_sized: bool) -> Option<Spot> {
    let lsn = reader.lsn()?;
    if reader.byte()? != 0 {
        return None;
    }
    let at = reader.number()?;
    let length = if is_sized { reader.number()? } else { 0 };
    Some(Spot { lsn, at, length })
}
