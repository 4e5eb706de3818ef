//! Places for connections, by whom they are for. Pure but for the signal that tells one to leave.
//!
//! Whom nobody knows yet is a visitor, with a share of the visitors' places for each network. From an
//! address, or else a network, whence a known key came of late it comes on places of that one's own, with
//! a share for each party: what one member's keys do keeps no other's out.
//! Whose key the directory knows is inside: counted by its key and its party, beside neither.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::crypto::sign::KeyId;
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::Party;

use super::bucket::Buckets;
use super::known::Known;
use super::memory::less;
use super::{Full, Limits, Quota};

/// All places that connections take.
#[derive(Debug)]
pub(super) struct Places {
    next: u64,
    outside: [Pool; Way::ALL.len()],
    inside: usize,
    keys: HashMap<KeyId, usize>,
    parties: HashMap<Party, usize>,
    pub(super) known: Known,
}

/// What is known of where a connection comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A known key came from its address.
    Returning,
    /// One came from its network.
    Arriving,
    /// Nothing known came thence.
    Visiting,
}

impl Way {
    const ALL: [Self; 3] = [Self::Returning, Self::Arriving, Self::Visiting];
}

/// Where a connection has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Outside(Way),
    Inside(KeyId, Party),
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: u64,
    pub(super) from: IpAddr,
    pub(super) at: At,
    /// It makes room for another.
    pub(super) leave: Arc<Notify>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let [stranger, known, own, party, _] = limits.handshakes;
        let parties = || Shares::new(limits.coming_of_a_party, party);
        Self {
            next: 0,
            outside: [
                Pool::new(
                    limits.returning,
                    Shares::new(limits.returning_of_an_address, own),
                    parties(),
                ),
                Pool::new(
                    limits.arriving,
                    Shares::new(limits.arriving_of_a_network, known),
                    parties(),
                ),
                // There each network is its own party.
                Pool::new(
                    limits.visitors,
                    Shares::new(limits.visitors_of_a_network, stranger),
                    Shares::new(limits.visitors_of_a_network, stranger),
                ),
            ],
            inside: 0,
            keys: HashMap::new(),
            parties: HashMap::new(),
            known: Known::default(),
        }
    }

    /// A place for a connection of which nothing is known but where it comes from: the best that is
    /// free. `whose` says whose a key is now.
    pub(super) fn arrive(
        &mut self,
        from: IpAddr,
        whose: &dyn Fn(&KeyId) -> Party,
        now: Duration,
    ) -> Result<Taken, Full> {
        let Self { next, known, outside, .. } = self;
        let (id, mut full) = (*next, Full::Everybody);
        *next += 1;
        for (way, pool) in Way::ALL.into_iter().zip(outside) {
            let whence = match way {
                Way::Returning => Network::of_one(from),
                Way::Arriving | Way::Visiting => Network::of(from),
            };
            let (visits, mut seen) = (way == Way::Visiting, HashSet::new());
            let came = known.keys(whence, now).map(whose).filter(|party| {
                !visits && !matches!(party, Party::Network(_)) && seen.insert(party.clone())
            });
            let mut parties = came.chain(visits.then_some(Party::Network(whence))).peekable();
            if parties.peek().is_none() {
                continue;
            }
            match pool.enter(id, whence, parties, now) {
                Ok(leave) => return Ok(Taken { id, from, at: At::Outside(way), leave }),
                Err(why) => full = why,
            }
        }
        Err(full)
    }

    const fn pool(&mut self, way: Way) -> &mut Pool {
        let [returning, arriving, visiting] = &mut self.outside;
        match way {
            Way::Returning => returning,
            Way::Arriving => arriving,
            Way::Visiting => visiting,
        }
    }

    /// The connection has shown a key that the directory knows.
    pub(super) fn come_in(
        &mut self,
        taken: &mut Taken,
        key: KeyId,
        party: Party,
        limits: &Limits,
        now: Duration,
    ) -> Result<(), Full> {
        let of_key = self.keys.get(&key).copied().unwrap_or_default();
        let of_party = self.parties.get(&party).copied().unwrap_or_default();
        if of_key >= limits.connections_of_a_key || of_party >= limits.connections_of_a_party {
            return Err(Full::Own);
        }
        if self.inside >= limits.inside {
            return Err(Full::Everybody);
        }
        self.leave(taken);
        self.inside += 1;
        self.keys.insert(key, of_key + 1);
        self.parties.insert(party.clone(), of_party + 1);
        for whence in [Network::of_one(taken.from), Network::of(taken.from)] {
            self.known.came(key, &party, whence, now + limits::NETWORK_KNOWN);
        }
        taken.at = At::Inside(key, party);
        Ok(())
    }

    /// Gives the place back.
    pub(super) fn leave(&mut self, taken: &Taken) {
        match &taken.at {
            At::Outside(way) => drop(self.pool(*way).leave(taken.id)),
            At::Inside(key, party) => {
                self.inside -= 1;
                less(&mut self.keys, key, 1);
                less(&mut self.parties, party, 1);
            }
        }
    }

    /// So much of a request came on it, or of an answer went: at the pace that is asked of everybody, it
    /// stays.
    pub(super) fn moves(&mut self, taken: &Taken, bytes: usize, now: Duration) {
        let At::Outside(way) = taken.at else { return };
        if let Some(guest) = self.pool(way).guests.get_mut(&taken.id) {
            let earned = Duration::from_secs(bytes as u64) / limits::PROGRESS_BYTES as u32;
            guest.until = (guest.until.max(now) + earned).min(now + limits::VISITOR_PATIENCE);
        }
    }

    /// One request more, or one less, is all there: who waits for an answer is not sent away for
    /// others.
    pub(super) fn asks(&mut self, taken: &Taken, one_more: bool) {
        let At::Outside(way) = taken.at else { return };
        if let Some(guest) = self.pool(way).guests.get_mut(&taken.id) {
            guest.asks = if one_more { guest.asks + 1 } else { guest.asks.saturating_sub(1) };
        }
    }
}

/// Places with a share for each network, or address, and for each party.
#[derive(Debug)]
struct Pool {
    of_all: usize,
    networks: Shares<Network>,
    parties: Shares<Party>,
    guests: BTreeMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    whence: Network,
    party: Party,
    /// It speaks, or may be silent, until then.
    until: Duration,
    /// Requests that are all there.
    asks: usize,
    leave: Arc<Notify>,
}

impl Pool {
    fn new(of_all: usize, networks: Shares<Network>, parties: Shares<Party>) -> Self {
        Self { of_all, networks, parties, guests: BTreeMap::new() }
    }

    /// A place for one of these parties: the first that has room. When its network's places are taken,
    /// the one that has been silent there longest makes room; when a party's are, one of that; when all
    /// are, one of the party that has most of them.
    fn enter(
        &mut self,
        id: u64,
        whence: Network,
        mut parties: impl Iterator<Item = Party>,
        now: Duration,
    ) -> Result<Arc<Notify>, Full> {
        if !self.networks.shake(&whence, now) {
            return Err(Full::Often(whence));
        }
        let here = |_: &Shares<Party>, guest: &Guest| guest.whence == whence;
        let has_room = self.networks.have_room(&whence);
        if !has_room && self.silent(here, now).is_none() {
            return Err(Full::Network(whence));
        }
        let may = parties.find(|party| {
            let room = self.parties.have_room(party)
                || self.silent(|_, guest| guest.party == *party, now).is_some();
            room && self.parties.shake(party, now)
        });
        // Nobody makes room for who does not come in.
        let party = may.ok_or(Full::Network(whence))?;
        if !has_room {
            self.makes_room(here, now);
        }
        if !self.parties.have_room(&party) {
            self.makes_room(|_, guest| guest.party == party, now);
        }
        let own = self.parties.of(&party);
        if self.guests.len() >= self.of_all
            && !self.makes_room(|parties, guest| parties.of(&guest.party) > own, now)
        {
            return Err(Full::Everybody);
        }
        self.networks.take(whence);
        self.parties.take(party.clone());
        let leave = Arc::new(Notify::new());
        let until = now + limits::VISITOR_PATIENCE;
        let guest = Guest { whence, party, until, asks: 0, leave: Arc::clone(&leave) };
        self.guests.insert(id, guest);
        Ok(leave)
    }

    /// Of these, the one that has said nothing for longest, and for a while, of the party that has most.
    fn silent(&self, of: impl Fn(&Shares<Party>, &Guest) -> bool, now: Duration) -> Option<u64> {
        let silent = self.guests.iter().filter(|(_, guest)| guest.asks == 0 && guest.until <= now);
        silent
            .filter(|(_, guest)| of(&self.parties, guest))
            .min_by_key(|(_, guest)| (Reverse(self.parties.of(&guest.party)), guest.until))
            .map(|(id, _)| *id)
    }

    /// That one goes.
    fn makes_room(&mut self, of: impl Fn(&Shares<Party>, &Guest) -> bool, now: Duration) -> bool {
        let gone = self.silent(of, now).and_then(|id| self.leave(id));
        gone.inspect(|guest| guest.leave.notify_one()).is_some()
    }

    fn leave(&mut self, id: u64) -> Option<Guest> {
        let guest = self.guests.remove(&id)?;
        self.networks.give_back(&guest.whence);
        self.parties.give_back(&guest.party);
        Some(guest)
    }
}

/// What each may have of a pool: places, and handshakes.
#[derive(Debug)]
struct Shares<K> {
    most: usize,
    quota: Quota,
    taken: HashMap<K, usize>,
    handshakes: Buckets<K>,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    fn new(most: usize, quota: Quota) -> Self {
        Self { most, quota, taken: HashMap::new(), handshakes: Buckets::default() }
    }

    fn of(&self, whose: &K) -> usize {
        self.taken.get(whose).copied().unwrap_or_default()
    }

    fn have_room(&self, whose: &K) -> bool {
        self.of(whose) < self.most
    }

    fn shake(&mut self, whose: &K, now: Duration) -> bool {
        self.handshakes.take(whose.clone(), self.quota, 1, now).is_ok()
    }

    fn take(&mut self, whose: K) {
        *self.taken.entry(whose).or_default() += 1;
    }

    fn give_back(&mut self, whose: &K) {
        less(&mut self.taken, whose, 1);
    }
}
