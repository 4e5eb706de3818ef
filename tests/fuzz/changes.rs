//! Changes of a corpus: bits and bytes, cuts, insertions, repeats, at times thousands, and two joined
//! to one.
//!
//! Pure: what is made follows from the seed and the corpus.

/// Changes without an end.
pub(crate) struct Changes<'a> {
    corpus: &'a [Vec<u8>],
    state: u64,
}

/// Longer ones are cut: no statement, entry or header may be so long.
const MOST: usize = 70_000;

/// What numbers and lengths are at their edges.
const EDGES: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'\n', b' ', b'/'];

impl<'a> Changes<'a> {
    pub(crate) const fn of(seed: u64, corpus: &'a [Vec<u8>]) -> Self {
        Self { corpus, state: seed }
    }

    /// One of the corpus with one to four changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.one().to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
            bytes.truncate(MOST);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let (at, end) = self.part(bytes.len());
        match self.below(8) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            2 if at < bytes.len() => bytes[at] = self.byte(),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.insert(at, self.byte()),
            5 => {
                let times = if self.below(32) > 0 { 1 } else { 1 << self.below(14) };
                let most = MOST / (end - at).max(1);
                let again = bytes[at..end].repeat(times.min(most));
                drop(bytes.splice(at..at, again));
            }
            6 => {
                let other = self.one();
                let (from, to) = self.part(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                let other = self.one();
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }

    fn one(&mut self) -> &'a [u8] {
        let at = self.below(self.corpus.len());
        &self.corpus[at]
    }

    /// A place, and one at or behind it: mostly near.
    fn part(&mut self, length: usize) -> (usize, usize) {
        let at = self.below(length + 1);
        let most = if self.below(4) > 0 { 8.min(length - at) } else { length - at };
        (at, at + self.below(most + 1))
    }

    fn byte(&mut self) -> u8 {
        let (edge, any) = (self.below(EDGES.len()), self.below(256));
        if self.below(2) > 0 { EDGES[edge] } else { any as u8 }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.random() % end as u64) as usize
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
