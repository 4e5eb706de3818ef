//! The door: who may come in, how often, and how many at once.
//!
//! In scope: who calls and what he is let do, places for connections, streams and requests, rates,
//! budgets of bytes. Out of scope: the table of who may what (`domain::access`), sockets (`server`),
//! statuses (`grpc`). Invariants: no request is read that was not admitted, and permits are given here
//! alone; what
//! strangers take is taken from their own, by network; what a key takes, from its party's; revocations
//! of keys that stand have buckets of their own.

mod admit;
mod bucket;
mod full;
mod known;
mod memory;
mod places;
mod rates;
mod sessions;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::ambient::Ambient;
use crate::crypto::sign::KeyId;
use crate::domain::ids::{MemberId, SeatId};
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::{AuthenticPeer, Party};
use crate::domain::role::Role;

use super::telemetry::{Event, Telemetry};

use bucket::Buckets;
use memory::{Memory, Whose, less};
use places::{At, Places, Taken, Way};
use rates::{Counted, Of};
use sessions::Sessions;

pub use admit::{Admitted, Caller};
pub use bucket::Quota;
pub use full::{Busy, Full};
pub use memory::Holding;
pub use rates::{Ask, Logged};
pub use sessions::Session;

/// How many, how often, how much: by default what [`limits`] says, with the arithmetic.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is the one of its name in `domain::limits`")]
pub struct Limits {
    pub visitors: usize,
    pub visitors_of_a_network: usize,
    pub returning: usize,
    pub returning_of_an_address: usize,
    pub arriving: usize,
    pub arriving_of_a_network: usize,
    pub coming_of_a_party: usize,
    pub inside: usize,
    pub connections_of_a_key: usize,
    pub connections_of_a_party: usize,
    pub streams_of_a_seat: usize,
    pub streams_of_a_party: usize,
    pub requests_of_a_network: usize,
    pub requests_of_a_party: usize,
    pub requests_of_a_key: usize,
    pub strangers: usize,
    /// [`limits::STRANGERS_BYTES`], of all and of one network.
    pub strangers_bytes: (usize, usize),
    /// [`limits::MEMBERS_BYTES`], of all and of one party.
    pub members_bytes: (usize, usize),
    pub least_bytes: usize,
    /// Handshakes of a network, of one that is known, of a known address, of all of either whence a
    /// party came, of a key.
    pub handshakes: [Quota; 5],
    /// Requests that are refused, of a network's strangers, of a seat or a person.
    pub refusals: [Quota; 2],
    /// Requests of a key that are told to wait.
    pub told_to_wait: Quota,
    /// Requests for charters, of a network.
    pub charters: Quota,
    /// Statements that a network's strangers hand in.
    pub enrolment: Quota,
    /// Those of them that revoke a key that stands.
    pub revocations: Quota,
    /// Statements that a party hands in, that a registrar does.
    pub statements: [Quota; 2],
    /// What a party reads, in requests.
    pub reads: Quota,
    /// Messages that a party hands in.
    pub messages: Quota,
    /// Receipts and acknowledgements that it does.
    pub answers: Quota,
    /// How often an operator closes connections alone.
    pub drops: Quota,
    /// How often a person proposes, approves and decides.
    pub decisions: Quota,
    /// Statements of one member in the log, a day, and their bytes: the charter may say more.
    pub member_day: (u64, u64),
    /// The same of the registrars.
    pub registrar_day: (u64, u64),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            visitors: limits::VISITORS,
            visitors_of_a_network: limits::VISITORS_OF_A_NETWORK,
            returning: limits::RETURNING,
            returning_of_an_address: limits::RETURNING_OF_AN_ADDRESS,
            arriving: limits::ARRIVING,
            arriving_of_a_network: limits::ARRIVING_OF_A_NETWORK,
            coming_of_a_party: limits::COMING_OF_A_PARTY,
            inside: limits::INSIDE,
            connections_of_a_key: limits::CONNECTIONS_OF_A_KEY,
            connections_of_a_party: limits::CONNECTIONS_OF_A_PARTY,
            streams_of_a_seat: limits::STREAMS_OF_A_SEAT,
            streams_of_a_party: limits::STREAMS_OF_A_PARTY,
            requests_of_a_network: limits::REQUESTS_OF_A_NETWORK,
            requests_of_a_party: limits::REQUESTS_OF_A_PARTY,
            requests_of_a_key: limits::REQUESTS_OF_A_KEY,
            strangers: limits::STRANGERS,
            strangers_bytes: limits::STRANGERS_BYTES,
            members_bytes: limits::MEMBERS_BYTES,
            least_bytes: limits::LEAST_BYTES,
            handshakes: [
                quota(limits::HANDSHAKES_OF_A_NETWORK),
                quota(limits::HANDSHAKES_OF_A_KNOWN_NETWORK),
                quota(limits::HANDSHAKES_OF_A_KNOWN_ADDRESS),
                quota(limits::HANDSHAKES_OF_A_PARTY),
                quota(limits::HANDSHAKES_OF_A_KEY),
            ],
            refusals: [quota(limits::REFUSALS_OF_A_NETWORK), quota(limits::REFUSALS_OF_A_SEAT)],
            told_to_wait: quota(limits::TOLD_TO_WAIT_OF_A_KEY),
            charters: quota(limits::CHARTERS_OF_A_NETWORK),
            enrolment: quota(limits::ENROLMENT_OF_A_NETWORK),
            revocations: quota(limits::REVOCATIONS_OF_A_NETWORK),
            statements: [
                quota(limits::STATEMENTS_OF_A_PARTY),
                quota(limits::STATEMENTS_OF_A_REGISTRAR),
            ],
            reads: quota(limits::READS_OF_A_PARTY),
            messages: quota(limits::MESSAGES_OF_A_PARTY),
            answers: quota(limits::ANSWERS_OF_A_PARTY),
            drops: quota(limits::DROPS_OF_AN_OPERATOR),
            decisions: quota(limits::DECISIONS_OF_A_PERSON),
            member_day: (limits::MEMBER_DAY_COUNT, limits::MEMBER_DAY_BYTES),
            registrar_day: (limits::REGISTRAR_DAY_COUNT, limits::REGISTRAR_DAY_BYTES),
        }
    }
}

/// Places of a kind where there are few.
const FEW: usize = 4;

const fn quota((burst, seconds): (u64, u64)) -> Quota {
    Quota::new(burst, seconds)
}

impl Limits {
    /// The same for fewer connections in all: each kind of place keeps its part, and nobody may take all
    /// of one.
    #[must_use]
    pub fn within(self, connections: usize) -> Self {
        if connections >= limits::CONNECTIONS {
            return self;
        }
        let part = |of: usize| (of * connections / limits::CONNECTIONS).max(FEW);
        let [visitors, returning, arriving] =
            [self.visitors, self.returning, self.arriving].map(part);
        let inside = connections.saturating_sub(visitors + returning + arriving).max(FEW);
        let half = |own: usize, of: usize| own.min(of / 2);
        Self {
            visitors,
            visitors_of_a_network: half(self.visitors_of_a_network, visitors),
            returning,
            returning_of_an_address: half(self.returning_of_an_address, returning),
            arriving,
            arriving_of_a_network: half(self.arriving_of_a_network, arriving),
            coming_of_a_party: half(self.coming_of_a_party, arriving),
            inside,
            connections_of_a_key: half(self.connections_of_a_key, inside),
            connections_of_a_party: half(self.connections_of_a_party, inside),
            ..self
        }
    }

    /// No rate binds: for measurements, and for tests of something else.
    #[must_use]
    pub fn without_rates() -> Self {
        let free = Quota::new(1 << 32, 1);
        Self {
            visitors_of_a_network: limits::VISITORS,
            returning_of_an_address: limits::RETURNING,
            arriving_of_a_network: limits::ARRIVING,
            coming_of_a_party: limits::ARRIVING,
            connections_of_a_key: limits::INSIDE,
            connections_of_a_party: limits::INSIDE,
            streams_of_a_party: limits::INSIDE,
            requests_of_a_key: limits::REQUESTS_OF_A_PARTY,
            handshakes: [free; 5],
            refusals: [free; 2],
            told_to_wait: free,
            charters: free,
            enrolment: free,
            revocations: free,
            statements: [free; 2],
            reads: free,
            messages: free,
            answers: free,
            decisions: free,
            member_day: (free.burst, free.burst),
            registrar_day: (free.burst, free.burst),
            ..Self::default()
        }
    }
}

/// Who is let in.
#[derive(Debug)]
pub struct Door {
    limits: Limits,
    ambient: Ambient,
    telemetry: Arc<Telemetry>,
    books: Mutex<Books>,
    strangers: Arc<Semaphore>,
    shaking: Arc<Semaphore>,
    memory: [Arc<Memory>; 2],
}

#[derive(Debug)]
struct Books {
    places: Places,
    streams: HashMap<Role, usize>,
    streams_of_parties: HashMap<Party, usize>,
    requests: HashMap<Party, usize>,
    requests_of_keys: HashMap<KeyId, usize>,
    rates: Buckets<(Counted, Party, Option<SeatId>)>,
    days: Buckets<(Of, Option<MemberId>)>,
    handshakes: Buckets<KeyId>,
    told_to_wait: Buckets<KeyId>,
    sessions: Sessions,
}

impl Door {
    /// A door at which nobody has come yet.
    #[must_use]
    pub fn new(limits: Limits, ambient: Ambient, telemetry: Arc<Telemetry>) -> Arc<Self> {
        let memory = |(all, of_one)| Memory::new(all, of_one, limits.least_bytes);
        let now = ambient.now();
        Arc::new(Self {
            telemetry,
            ambient,
            books: Mutex::new(Books {
                places: Places::new(&limits),
                streams: HashMap::new(),
                streams_of_parties: HashMap::new(),
                requests: HashMap::new(),
                requests_of_keys: HashMap::new(),
                rates: Buckets::default(),
                days: Buckets::default(),
                handshakes: Buckets::default(),
                told_to_wait: Buckets::default(),
                sessions: Sessions::from(now),
            }),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            shaking: Arc::new(Semaphore::new(1)),
            memory: [limits.strangers_bytes, limits.members_bytes].map(memory),
            limits,
        })
    }

    /// What happened at it.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The time, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.ambient.now()
    }

    /// Says what happened at it.
    pub fn say(&self, event: &Event<'_>) {
        self.telemetry.say(event);
    }

    /// Bytes in hand of strangers, and of members.
    #[must_use]
    pub fn held(&self) -> [usize; 2] {
        [self.memory[0].held(), self.memory[1].held()]
    }

    /// Whence known keys came in [`limits::NETWORK_KNOWN`], and when last in Unix seconds, the latest
    /// first.
    #[must_use]
    pub fn known(&self) -> Vec<(Network, KeyId, u64)> {
        let (now, unix) = (self.ambient.elapsed(), self.ambient.now());
        let known = self.books().places.known.all(now);
        let came = |until: Duration| {
            (unix + (until - now).as_secs()).saturating_sub(limits::NETWORK_KNOWN.as_secs())
        };
        known.into_iter().map(|(whence, key, until)| (whence, key, came(until))).collect()
    }

    /// A key that is counted for this party came from there at that time, before the start.
    pub fn remember(&self, whence: Network, key: KeyId, party: &Party, came: u64) {
        let ago = Duration::from_secs(self.ambient.now().saturating_sub(came));
        if let Some(left) = limits::NETWORK_KNOWN.checked_sub(ago) {
            let until = self.ambient.elapsed() + left;
            self.books().places.known.came(key, party, whence, until);
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection, before a byte of it was read. `whose` says for whom a key is counted
    /// now.
    ///
    /// # Errors
    /// [`Full`].
    pub fn arrive(
        self: &Arc<Self>,
        from: IpAddr,
        whose: impl Fn(&KeyId) -> Party,
    ) -> Result<Slot, Full> {
        let taken = self.books().places.arrive(from, &whose, self.ambient.elapsed())?;
        Ok(Slot { door: Arc::clone(self), taken, key: None, session: None })
    }

    /// Every connection whose handshake is done, by number.
    #[must_use]
    pub fn sessions(&self) -> Vec<(u64, Session)> {
        self.books().sessions.all()
    }

    /// Closes those of these connections that are open; without numbers all but those of the
    /// administration. How many.
    pub fn drop_sessions(&self, numbers: &[u64]) -> usize {
        self.books().sessions.drop(numbers)
    }

    /// A place for one more stream of a seat, or of a registrar.
    ///
    /// # Errors
    /// [`Busy`]: it, or its member, has as many as it may.
    pub fn follows(self: &Arc<Self>, peer: &AuthenticPeer) -> Result<Stay, Busy> {
        let (role, party) = (peer.role().clone(), peer.party());
        let busy =
            |whose: &dyn fmt::Display| Err(Busy::of("too many open streams", whose, limits::SOON));
        let mut books = self.books();
        let Books { streams, streams_of_parties, .. } = &mut *books;
        let of_party = streams_of_parties.get(&party).copied().unwrap_or_default();
        if of_party >= self.limits.streams_of_a_party {
            return busy(&party);
        }
        let open = streams.entry(role.clone()).or_default();
        if *open >= self.limits.streams_of_a_seat {
            return busy(peer);
        }
        *open += 1;
        streams_of_parties.insert(party.clone(), of_party + 1);
        Ok(Stay { door: Arc::clone(self), role, party })
    }

    /// Waits until a stranger's request may be computed; nobody waits for a peer that is known. It is
    /// asked for once all of the request is there.
    pub async fn computes(&self, peer: &AuthenticPeer) -> Option<OwnedSemaphorePermit> {
        match peer.party() {
            Party::Network(_) => Arc::clone(&self.strangers).acquire_owned().await.ok(),
            Party::Member(_) | Party::Registrar(_) | Party::Person(_) => None,
        }
    }
}

/// One open stream; its place is given back by its drop.
#[derive(Debug)]
pub struct Stay {
    door: Arc<Door>,
    role: Role,
    party: Party,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut books = self.door.books();
        less(&mut books.streams, &self.role, 1);
        less(&mut books.streams_of_parties, &self.party, 1);
    }
}

/// A connection's place; given back by its drop.
#[derive(Debug)]
pub struct Slot {
    door: Arc<Door>,
    taken: Taken,
    /// What its peer has proven, listed or not.
    key: Option<KeyId>,
    /// Its number among the sessions.
    session: Option<u64>,
}

impl Slot {
    /// The door that it is a place of.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Resolves when it has to make room for another.
    pub fn leave(&self) -> Arc<Notify> {
        Arc::clone(&self.taken.leave)
    }

    /// Waits until its handshake may be computed: those from where nobody is known, one at a time.
    pub fn turn(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let visits = matches!(self.taken.at, At::Outside(Way::Visiting));
        let shaking = visits.then(|| Arc::clone(&self.door.shaking));
        async { shaking?.acquire_owned().await.ok() }
    }

    /// The handshake is done: the peer has proven this key, if any. Whom the directory knows is
    /// counted by key from here on.
    ///
    /// # Errors
    /// [`Full`].
    pub fn identify(&mut self, key: Option<KeyId>, peer: &AuthenticPeer) -> Result<(), Full> {
        self.key = key;
        let (party, Some(key)) = (peer.party(), key) else { return Ok(()) };
        if matches!(party, Party::Network(_)) {
            return Ok(());
        }
        let (door, now) = (&self.door, self.door.ambient.elapsed());
        let mut books = door.books();
        let [.., quota] = door.limits.handshakes;
        let often = books.handshakes.take(key, quota, 1, now);
        often.map_err(|_| Full::Own)?;
        books.places.come_in(&mut self.taken, key, party, &door.limits, now)
    }

    /// It is a session from here on. Resolves what is returned when an operator drops it.
    pub fn opens(&mut self, session: Session) -> Arc<Notify> {
        let (number, dropped) = self.door.books().sessions.open(session);
        self.session = Some(number);
        dropped
    }

    /// For whom it is counted.
    #[must_use]
    pub fn party(&self) -> Party {
        match &self.taken.at {
            At::Inside(_, party) => party.clone(),
            At::Outside(..) => Party::Network(Network::of(self.taken.from)),
        }
    }

    /// Whether the directory knew its key when it came.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        matches!(self.taken.at, At::Inside(..))
    }

    /// A request on it is told to wait: whether its key may ask on, on any of its connections. Nothing
    /// is counted of whom nobody knew when it came.
    #[must_use]
    pub fn may_ask_on(&self) -> Option<bool> {
        let At::Inside(key, _) = &self.taken.at else { return None };
        let (door, now) = (&self.door, self.door.ambient.elapsed());
        Some(door.books().told_to_wait.take(*key, door.limits.told_to_wait, 1, now).is_ok())
    }

    /// One request more is in hand, of whom the directory says it is now.
    ///
    /// # Errors
    /// [`Busy`]: its key, or its party, has as many as it may.
    pub fn begin(self: &Arc<Self>, party: Party) -> Result<InHand, Busy> {
        let door = &self.door;
        let limits = &door.limits;
        let (limit, memory, key) = match &party {
            Party::Network(_) => (limits.requests_of_a_network, &door.memory[0], None),
            _ => (limits.requests_of_a_party, &door.memory[1], self.key),
        };
        let mut books = door.books();
        let Books { requests, requests_of_keys, .. } = &mut *books;
        let busy = |whose: &dyn fmt::Display| {
            Err(Busy::of("too many requests at once", whose, limits::SOON))
        };
        let open = requests.get(&party).copied().unwrap_or_default();
        if open >= limit {
            return busy(&party);
        }
        if let Some(key) = key {
            let open = requests_of_keys.entry(key).or_default();
            if *open >= limits.requests_of_a_key {
                return busy(&"this key");
            }
            *open += 1;
        }
        requests.insert(party.clone(), open + 1);
        let whose = (party, key);
        let held = Mutex::new(Holding::new(Arc::clone(memory), whose.clone()));
        let [is_whole, is_answered] = [const { AtomicBool::new(false) }; 2];
        Ok(InHand(Arc::new(Request {
            place: Arc::clone(self),
            whose,
            held,
            is_whole,
            is_answered,
        })))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut books = self.door.books();
        books.places.leave(&self.taken);
        if let Some(number) = self.session {
            books.sessions.close(number);
        }
    }
}

/// A request in hand, and what it holds of the memory: as long as somebody has to do with it.
#[derive(Clone, Debug)]
pub struct InHand(Arc<Request>);

#[derive(Debug)]
struct Request {
    place: Arc<Slot>,
    whose: Whose,
    held: Mutex<Holding>,
    is_whole: AtomicBool,
    is_answered: AtomicBool,
}

impl InHand {
    /// It is answered: what is left to do is to hand the answer over.
    pub fn answered(&self) {
        self.0.answered();
    }

    /// So many bytes more of the request have come.
    ///
    /// # Errors
    /// [`Busy`]: there is no room for them.
    pub fn come(&self, bytes: usize) -> Result<(), Busy> {
        self.hold(bytes)?;
        self.0.moves(bytes);
        Ok(())
    }

    /// All of the request is here.
    pub fn came_whole(&self) {
        self.0.came_whole();
    }

    /// So many bytes of an answer were read, and wait to be handed over; false if there is no room for
    /// them.
    #[must_use]
    pub fn read_ahead(&self, bytes: usize) -> bool {
        self.held().read_ahead(bytes)
    }

    /// Whether there is room for so many more.
    #[must_use]
    pub fn have_room(&self, bytes: usize) -> bool {
        self.held().has_room(bytes)
    }

    /// So many bytes more, of which those that were read ahead are held already.
    ///
    /// # Errors
    /// [`Busy`]: there is no room for them.
    pub fn hold(&self, bytes: usize) -> Result<(), Busy> {
        let mut held = self.held();
        if held.hand_over(bytes) {
            return Ok(());
        }
        Err(Busy::of("too many bytes in hand", held.party(), limits::SOON))
    }

    /// So many bytes of its answer were taken.
    pub fn taken(&self, bytes: usize) {
        self.held().shrink(bytes);
        self.0.moves(bytes);
    }

    fn held(&self) -> MutexGuard<'_, Holding> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    fn moves(&self, bytes: usize) {
        if !self.place.is_inside() {
            let now = self.place.door.ambient.elapsed();
            self.place.door.books().places.moves(&self.place.taken, bytes, now);
        }
    }

    fn came_whole(&self) {
        let mut books = self.place.door.books();
        let is_answered = self.is_answered.load(Ordering::Relaxed);
        if !is_answered && !self.is_whole.swap(true, Ordering::Relaxed) {
            books.places.asks(&self.place.taken, true);
        }
    }

    fn answered(&self) {
        let mut books = self.place.door.books();
        if !self.is_answered.swap(true, Ordering::Relaxed) {
            let (party, key) = &self.whose;
            less(&mut books.requests, party, 1);
            if let Some(key) = key {
                less(&mut books.requests_of_keys, key, 1);
            }
        }
        if self.is_whole.swap(false, Ordering::Relaxed) {
            books.places.asks(&self.place.taken, false);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.answered();
    }
}
