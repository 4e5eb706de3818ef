//! Places for connections, by whom they are for. Pure but for the signal that tells one to leave.
//!
//! Whom nobody knows yet is a visitor, with a share of the visitors' places for each network. From an
//! address, or else a network, whence a known key came of late it comes on places of that one's own.
//! Whose key the directory knows is inside: counted by its key and its party, beside neither.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::crypto::sign::KeyId;
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::Party;

use super::known::Known;
use super::memory::less;
use super::{Full, Limits};

/// All places.
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
    /// Nothing.
    Visiting,
}

impl Way {
    const ALL: [Self; 3] = [Self::Returning, Self::Arriving, Self::Visiting];
}

/// Where a connection has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Outside(Way, Network),
    Inside(KeyId, Party),
}

/// One place.
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
        Self {
            next: 0,
            outside: [
                Pool::new(limits.returning, limits.returning_of_an_address),
                Pool::new(limits.arriving, limits.arriving_of_a_network),
                Pool::new(limits.visitors, limits.visitors_of_a_network),
            ],
            inside: 0,
            keys: HashMap::new(),
            parties: HashMap::new(),
            known: Known::default(),
        }
    }

    /// A place for a connection of which nothing is known but where it comes from: the best that is
    /// free.
    pub(super) fn arrive(&mut self, from: IpAddr, now: Duration) -> Result<Taken, Full> {
        let (id, leave) = (self.next, Arc::new(Notify::new()));
        self.next += 1;
        let mut full = Full::Everybody;
        for way in Way::ALL {
            let whence = match way {
                Way::Returning => Network::of_one(from),
                Way::Arriving | Way::Visiting => Network::of(from),
            };
            if way != Way::Visiting && !self.known.knows(whence, now) {
                continue;
            }
            let guest =
                Guest { until: now + limits::VISITOR_PATIENCE, asks: 0, leave: Arc::clone(&leave) };
            match self.pool(way).enter(whence, id, guest, now) {
                Ok(()) => return Ok(Taken { id, from, at: At::Outside(way, whence), leave }),
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
        (key, party): (KeyId, Party),
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
            self.known.came(&party, whence, now);
        }
        taken.at = At::Inside(key, party);
        Ok(())
    }

    /// Gives the place back.
    pub(super) fn leave(&mut self, taken: &Taken) {
        match &taken.at {
            At::Outside(way, whence) => self.pool(*way).leave(*whence, taken.id),
            At::Inside(key, party) => {
                self.inside -= 1;
                less(&mut self.keys, key, 1);
                less(&mut self.parties, party, 1);
            }
        }
    }

    /// So much of a request came on it: at the pace that is asked of everybody, it stays.
    pub(super) fn comes(&mut self, taken: &Taken, bytes: usize, now: Duration) {
        let At::Outside(way, whence) = taken.at else { return };
        if let Some(guest) = self.pool(way).guest(whence, taken.id) {
            let earned = Duration::from_secs(bytes as u64) / limits::PROGRESS_BYTES as u32;
            guest.until = (guest.until.max(now) + earned).min(now + limits::VISITOR_PATIENCE);
        }
    }

    /// One request more, or one less, is all there: who waits for an answer is not sent away for
    /// others.
    pub(super) fn asks(&mut self, taken: &Taken, one_more: bool) {
        let At::Outside(way, whence) = taken.at else { return };
        if let Some(guest) = self.pool(way).guest(whence, taken.id) {
            guest.asks = if one_more { guest.asks + 1 } else { guest.asks.saturating_sub(1) };
        }
    }
}

/// Places with a share for each network, or each address.
#[derive(Debug)]
struct Pool {
    of_all: usize,
    of_a_network: usize,
    count: usize,
    networks: HashMap<Network, BTreeMap<u64, Guest>>,
}

#[derive(Debug)]
struct Guest {
    /// It speaks, or may be silent, until then.
    until: Duration,
    /// Requests that are all there.
    asks: usize,
    leave: Arc<Notify>,
}

impl Pool {
    fn new(of_all: usize, of_a_network: usize) -> Self {
        Self { of_all, of_a_network, count: 0, networks: HashMap::new() }
    }

    /// When its network's places are taken, the one that has been silent there longest makes room;
    /// when all are, one of the network that has most of them.
    fn enter(
        &mut self,
        network: Network,
        id: u64,
        guest: Guest,
        now: Duration,
    ) -> Result<(), Full> {
        let own = self.networks.get(&network).map_or(0, BTreeMap::len);
        if own >= self.of_a_network && !self.makes_room(network, now) {
            return Err(Full::Network(network));
        }
        if self.count >= self.of_all {
            let more = self.networks.iter().filter(|(_, guests)| guests.len() > own);
            let silent = more.filter(|(_, guests)| silent(guests, now).is_some());
            let most = silent.max_by_key(|(_, guests)| guests.len()).map(|(network, _)| *network);
            if !most.is_some_and(|most| self.makes_room(most, now)) {
                return Err(Full::Everybody);
            }
        }
        self.count += 1;
        self.networks.entry(network).or_default().insert(id, guest);
        Ok(())
    }

    fn makes_room(&mut self, network: Network, now: Duration) -> bool {
        let silent = self.networks.get(&network).and_then(|guests| silent(guests, now));
        let Some(id) = silent else { return false };
        if let Some(guest) = self.guest(network, id) {
            guest.leave.notify_one();
        }
        self.leave(network, id);
        true
    }

    fn guest(&mut self, network: Network, id: u64) -> Option<&mut Guest> {
        self.networks.get_mut(&network)?.get_mut(&id)
    }

    fn leave(&mut self, network: Network, id: u64) {
        let Some(guests) = self.networks.get_mut(&network) else { return };
        if guests.remove(&id).is_some() {
            self.count -= 1;
        }
        if guests.is_empty() {
            self.networks.remove(&network);
        }
    }
}

/// The one that has said nothing for longest, and for a while.
fn silent(guests: &BTreeMap<u64, Guest>, now: Duration) -> Option<u64> {
    let silent = guests.iter().filter(|(_, guest)| guest.asks == 0 && guest.until <= now);
    silent.min_by_key(|(_, guest)| guest.until).map(|(id, _)| *id)
}
