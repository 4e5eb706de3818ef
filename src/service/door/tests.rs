//! Shares, rates and budgets: each is hit, and nobody else is.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;

use super::*;
use crate::ambient::Clock;
use crate::domain::access::Method;
use crate::domain::directory::Policy;
use crate::domain::relay::addressing::OrLater;
use crate::signed::proto::Urgency;

#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Duration {
        Duration::from_secs(1_000_000 + self.0.load(Ordering::Relaxed))
    }
}

struct World {
    door: Arc<Door>,
    clock: Arc<Hand>,
    /// Keys that stand.
    directory: Mutex<HashMap<KeyId, Party>>,
}

impl World {
    fn new(limits: Limits) -> Self {
        let clock = Arc::new(Hand::default());
        let ambient = Ambient::system().with_clock(Arc::<Hand>::clone(&clock));
        let telemetry = Arc::new(Telemetry::new(ambient.clone()));
        let directory = Mutex::default();
        Self { door: Door::new(limits, ambient, telemetry), clock, directory }
    }

    fn goes_by(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn arrive(&self, from: IpAddr) -> Result<Slot, Full> {
        let directory = self.directory.lock().unwrap();
        let nobody = Party::Network(Network::of(from));
        self.door.arrive(from, |key| directory.get(key).unwrap_or(&nobody).clone())
    }

    fn come_in(&self, from: u8, seat: &str) -> Result<Slot, Full> {
        self.identify(address(from), &self::seat(from, seat))
    }

    fn identify(&self, from: IpAddr, peer: &AuthenticPeer) -> Result<Slot, Full> {
        let key = KeyId::of(peer.to_string().as_bytes());
        let mut place = self.arrive(from)?;
        self.directory.lock().unwrap().insert(key, peer.party());
        place.identify(Some(key), peer)?;
        Ok(place)
    }

    fn ends(&self, peer: &AuthenticPeer) {
        self.directory.lock().unwrap().remove(&KeyId::of(peer.to_string().as_bytes()));
    }
}

fn address(network: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, network, 1).into()
}

/// Another in the same network.
fn neighbour(network: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, network, 99).into()
}

fn network(at: u8) -> Network {
    Network::of(address(at))
}

fn seat(from: u8, id: &str) -> AuthenticPeer {
    AuthenticPeer::of(Role::Seat(id.parse().unwrap()), network(from))
}

fn registrar(from: u8) -> AuthenticPeer {
    AuthenticPeer::of(Role::Registrar("alice".parse().unwrap()), network(from))
}

fn stranger(from: u8) -> AuthenticPeer {
    AuthenticPeer::stranger(network(from))
}

const FEW: Limits = Limits {
    visitors: 5,
    visitors_of_a_network: 2,
    returning: 3,
    returning_of_an_address: 1,
    arriving: 3,
    arriving_of_a_network: 2,
    coming_of_a_party: 3,
    inside: 5,
    connections_of_a_key: 2,
    connections_of_a_party: 3,
    streams_of_a_seat: 2,
    streams_of_a_party: 3,
    requests_of_a_network: 2,
    requests_of_a_party: 3,
    requests_of_a_key: 3,
    strangers: 1,
    strangers_bytes: (1_000, 100),
    members_bytes: (10_000, 1_000),
    least_bytes: 0,
    handshakes: [
        Quota::new(20, 20),
        Quota::new(40, 40),
        Quota::new(5, 5),
        Quota::new(90, 90),
        Quota::new(9, 9),
    ],
    refusals: [Quota::new(2, 20), Quota::new(9, 90)],
    told_to_wait: Quota::new(3, 30),
    charters: Quota::new(3, 30),
    enrolment: Quota::new(3, 30),
    revocations: Quota::new(2, 20),
    statements: [Quota::new(4, 40), Quota::new(8, 80)],
    reads: Quota::new(5, 50),
    drops: Quota::new(3, 30),
    decisions: Quota::new(2, 20),
    messages: Quota::new(4, 40),
    answers: Quota::new(4, 40),
    member_day: (3, 1_000),
    registrar_day: (5, 5_000),
};

fn policy(count: u64, bytes: u64) -> Policy {
    Policy { member_day_count: count, member_day_bytes: bytes, ..Policy::of(&[]) }
}

#[test]
fn the_default_limits_belong_together() {
    let limits = Limits::default();
    assert_eq!(
        limits.visitors + limits.arriving + limits.returning + limits.inside,
        limits::CONNECTIONS
    );
    let bytes = limits.strangers_bytes.0 + limits.members_bytes.0;
    assert_eq!(bytes, 128 << 20);
    // The largest request of each fits while nothing else is in hand.
    for ((all, of_one), largest) in [
        (limits.strangers_bytes, limits::PUBLISH_MESSAGE_BYTES),
        (limits.members_bytes, limits::SUBMIT_MESSAGE_BYTES),
    ] {
        assert!(largest <= of_one && largest <= (all - largest) / 4);
    }
    // Of a member by one key, too.
    let (all, of_one) = limits.members_bytes;
    assert!(
        limits::SUBMIT_MESSAGE_BYTES <= of_one.min((all - limits::SUBMIT_MESSAGE_BYTES) / 4) / 2
    );
    for (of_key, of_party) in [
        (limits.requests_of_a_key, limits.requests_of_a_party),
        (limits.connections_of_a_key, limits.connections_of_a_party),
    ] {
        assert!(2 * of_key <= of_party, "colleagues have as much");
    }
}

#[test]
fn strangers_handshakes_are_computed_one_at_a_time_and_whoever_is_known_waits_for_none() {
    let world = World::new(FEW);
    let _known = world.come_in(2, "fr/cert/duty-1").unwrap();
    let [first, second] = [1, 3].map(|network| world.arrive(address(network)).unwrap());
    let computing = first.turn().now_or_never().unwrap();
    let mut waiting = Box::pin(second.turn());
    assert!((&mut waiting).now_or_never().is_none());
    assert!(world.arrive(address(2)).unwrap().turn().now_or_never().is_some());
    drop(computing);
    assert!(waiting.now_or_never().is_some());
}

#[test]
fn a_network_fills_its_own_places_and_whoever_is_silent_makes_room() {
    let world = World::new(FEW);
    let first = world.arrive(address(1)).unwrap();
    let second = Arc::new(world.arrive(address(1)).unwrap());
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Network(network(1)));
    let others = [world.arrive(address(2)).unwrap(), world.arrive(address(2)).unwrap()];
    let fifth = world.arrive(address(3)).unwrap();
    assert_eq!(world.arrive(address(4)).unwrap_err(), Full::Everybody);
    // The oldest makes room, unless it has a request in hand.
    world.goes_by(limits::VISITOR_PATIENCE.as_secs());
    let asking = second.begin(second.party()).unwrap();
    asking.came_whole();
    let third = world.arrive(address(1)).unwrap();
    assert!(first.leave().notified().now_or_never().is_some(), "told to leave");
    drop(first);
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Network(network(1)));
    assert!(second.leave().notified().now_or_never().is_none());
    // For a new network, one of those that have most.
    let newcomer = world.arrive(address(4)).unwrap();
    assert_eq!(newcomer.party(), Party::Network(network(4)));
    let told = others.iter().filter(|other| other.leave().notified().now_or_never().is_some());
    assert_eq!(told.count(), 1);
    drop((asking, second, third, fifth, newcomer, others));
    let again = [1, 2, 3, 4, 5].map(|at| world.arrive(address(at)).unwrap());
    assert_eq!(again.len(), FEW.visitors, "places are given back");
}

#[test]
fn a_request_that_does_not_come_keeps_no_place() {
    let (requests_of_a_network, strangers_bytes) = (9, limits::STRANGERS_BYTES);
    let world = World::new(Limits { requests_of_a_network, strangers_bytes, ..FEW });
    let arrive = || Arc::new(world.arrive(address(1)).unwrap());
    let (headers, body) = (arrive(), arrive());
    let asks = |place: &Arc<Slot>| place.begin(place.party()).unwrap();
    let (_nothing_comes, comes) = (asks(&headers), asks(&body));
    // As much in a second as is asked of everybody.
    for _ in 0..limits::VISITOR_PATIENCE.as_secs() {
        world.goes_by(1);
        comes.come(limits::PROGRESS_BYTES).unwrap();
    }
    let third = arrive();
    assert!(headers.leave().notified().now_or_never().is_some(), "told to leave");
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Network(network(1)));
    assert!(body.leave().notified().now_or_never().is_none());
    // What came at once speaks for no longer than it would be waited for without.
    third.begin(third.party()).unwrap().come(1 << 20).unwrap();
    world.goes_by(limits::VISITOR_PATIENCE.as_secs());
    // Too slowly: it is the last that may be silent.
    comes.come(limits::PROGRESS_BYTES / 2).unwrap();
    world.goes_by(1);
    drop((arrive(), arrive()));
    for place in [third, body] {
        assert!(place.leave().notified().now_or_never().is_some());
    }
}

/// Who asks and does not take the answer, or takes it too slowly.
#[test]
fn an_answer_that_is_not_taken_keeps_no_place() {
    let world = World::new(FEW);
    let arrive = || Arc::new(world.arrive(address(1)).unwrap());
    let (idle, takes) = (arrive(), arrive());
    let [mut idles, mut taking] = [&idle, &takes].map(|place| place.begin(place.party()).unwrap());
    for asked in [&mut idles, &mut taking] {
        asked.came_whole();
        asked.answered();
        // What comes after is no question.
        asked.came_whole();
    }
    for _ in 0..limits::VISITOR_PATIENCE.as_secs() {
        world.goes_by(1);
        taking.taken(limits::PROGRESS_BYTES);
    }
    let _third = arrive();
    assert!(idle.leave().notified().now_or_never().is_some(), "told to leave");
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Network(network(1)));
    assert!(takes.leave().notified().now_or_never().is_none());
}

/// What is handed in and goes on though nobody waits for it is in hand until it ends.
#[test]
fn a_request_is_in_hand_as_long_as_somebody_has_to_do_with_it() {
    let world = World::new(Limits { requests_of_a_network: 1, ..FEW });
    let place = Arc::new(world.arrive(address(1)).unwrap());
    let asked = place.begin(place.party()).unwrap();
    let goes_on = asked.clone();
    drop(asked);
    assert!(place.begin(place.party()).is_err());
    drop(goes_on);
    place.begin(place.party()).unwrap();
}

/// A seat that was listed after it connected.
#[test]
fn who_was_listed_since_it_came_is_counted_by_its_key() {
    let world = World::new(Limits { requests_of_a_key: 2, ..FEW });
    let mut place = world.arrive(address(1)).unwrap();
    place.identify(Some(KeyId::of(b"fr/cert/a")), &stranger(1)).unwrap();
    assert!(!place.is_inside());
    let (place, listed) = (Arc::new(place), seat(1, "fr/cert/a").party());
    let asked = [0; 2].map(|_| place.begin(listed.clone()).unwrap());
    let busy = place.begin(listed.clone()).unwrap_err();
    assert!(busy.to_string().contains("of this key"), "{busy}");
    asked[0].hold(500).unwrap();
    assert!(asked[1].hold(1).is_err(), "half of what its member may");
}

#[test]
fn whom_the_directory_knows_has_places_beside_those_of_strangers() {
    let world = World::new(FEW);
    let own = world.come_in(1, "fr/cert/duty-1").unwrap();
    assert!(own.is_inside());
    let visitors = [1, 1, 2, 2, 3].map(|at| world.arrive(neighbour(at)).unwrap());
    // From its network one arrives beside the strangers there, as many as may.
    let again = world.come_in(1, "fr/cert/duty-1").unwrap();
    let arriving = [world.arrive(neighbour(1)).unwrap(), world.arrive(neighbour(1)).unwrap()];
    assert!(world.arrive(neighbour(1)).is_err());
    drop(arriving);
    // Three weeks later, too; after a month it is a network like any other.
    world.goes_by(21 * 86_400);
    let third = world.come_in(1, "fr/cert/duty-2").unwrap();
    drop(third);
    world.goes_by(limits::NETWORK_KNOWN.as_secs());
    drop(visitors);
    let _strangers = [world.arrive(address(1)).unwrap(), world.arrive(address(1)).unwrap()];
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Network(network(1)));
    drop((own, again));
}

#[test]
fn neighbours_in_its_own_network_leave_a_member_its_address() {
    let world = World::new(FEW);
    drop(world.come_in(1, "fr/cert/a").unwrap());
    // The two of the network on the way in, the two of its strangers, and no more.
    let neighbours = [0; 4].map(|_| world.arrive(neighbour(1)).unwrap());
    assert_eq!(world.arrive(neighbour(1)).unwrap_err(), Full::Network(network(1)));
    drop(world.come_in(1, "fr/cert/a").unwrap());
    // What the address has is its own, and what its network has comes after.
    let half_open = world.arrive(address(1)).unwrap();
    assert_eq!(world.come_in(1, "fr/cert/a").unwrap_err(), Full::Network(network(1)));
    drop(neighbours);
    drop(world.come_in(1, "fr/cert/a").unwrap());
    drop(half_open);
    // After a month it is an address like any other.
    world.goes_by(limits::NETWORK_KNOWN.as_secs());
    let strangers = [0; 2].map(|_| world.arrive(neighbour(1)).unwrap());
    assert_eq!(world.come_in(1, "fr/cert/a").unwrap_err(), Full::Network(network(1)));
    drop(strangers);
}

/// Few places on the way in, and no rate.
const FEW_COMING: Limits = Limits {
    visitors: 2,
    returning: 6,
    returning_of_an_address: 2,
    arriving: 6,
    coming_of_a_party: 3,
    handshakes: [Quota::new(1 << 32, 1); 5],
    ..FEW
};

fn way(place: &Slot) -> &At {
    &place.taken.at
}

const RETURNING: At = At::Outside(Way::Returning);
const ARRIVING: At = At::Outside(Way::Arriving);
const VISITING: At = At::Outside(Way::Visiting);

#[test]
fn what_one_member_does_on_the_way_in_keeps_no_other_out() {
    let world = World::new(FEW_COMING);
    for at in 1..=9 {
        drop(world.come_in(at, "fr/cert/stolen").unwrap());
    }
    drop(world.come_in(20, "at/cert/a").unwrap());
    drop(world.identify(address(21), &registrar(21)).unwrap());
    // From everywhere it takes its member's places, and then those of strangers.
    let thieves: Vec<_> =
        (1..=9).flat_map(|at| [at; 2]).map(|at| world.arrive(address(at))).collect();
    for (way, count) in [(RETURNING, 3), (ARRIVING, 3), (VISITING, 2)] {
        let taken = thieves.iter().flatten().filter(|place| *self::way(place) == way);
        assert_eq!(taken.count(), count, "{way:?}");
    }
    assert_eq!(world.arrive(address(30)).unwrap_err(), Full::Everybody, "visitors have none left");
    for _ in 0..2 {
        drop(world.come_in(20, "at/cert/a").unwrap());
        drop(world.identify(address(21), &registrar(21)).unwrap());
    }
    // Of its member, whoever has been silent makes room.
    assert!(world.come_in(9, "fr/cert/b").is_err());
    world.goes_by(limits::VISITOR_PATIENCE.as_secs());
    assert_eq!(*way(&world.arrive(address(9)).unwrap()), RETURNING);
    let told =
        thieves.iter().flatten().filter(|place| place.leave().notified().now_or_never().is_some());
    assert_eq!(told.count(), 1);
}

#[test]
fn when_all_are_taken_the_member_that_has_most_makes_room() {
    let world = World::new(Limits { returning: 4, returning_of_an_address: 3, ..FEW_COMING });
    for (at, seat) in [(1, "fr/cert/a"), (2, "at/cert/a"), (3, "jp/cert/a")] {
        drop(world.come_in(at, seat).unwrap());
    }
    let places = [2, 1, 1, 1].map(|at| world.arrive(address(at)).unwrap());
    assert!(places.iter().all(|place| *way(place) == RETURNING));
    assert_eq!(*way(&world.arrive(address(3)).unwrap()), ARRIVING);
    world.goes_by(limits::VISITOR_PATIENCE.as_secs());
    assert_eq!(*way(&world.arrive(address(3)).unwrap()), RETURNING);
    let told = places.map(|place| place.leave().notified().now_or_never().is_some());
    assert_eq!((told[0], told.iter().filter(|told| **told).count()), (false, 1));
}

#[test]
fn an_address_that_two_members_share_counts_for_the_one_that_has_room() {
    let world = World::new(FEW_COMING);
    for (at, seat) in [(1, "fr/cert/a"), (2, "fr/cert/a"), (5, "fr/cert/a"), (5, "at/cert/a")] {
        drop(world.come_in(at, seat).unwrap());
    }
    let fr = [1, 1, 2].map(|at| world.arrive(address(at)).unwrap());
    assert_eq!(*way(&world.arrive(address(2)).unwrap()), ARRIVING, "fr has all it may");
    let shared = [5; 2].map(|at| world.arrive(address(at)).unwrap());
    assert!(fr.iter().chain(&shared).all(|place| *way(place) == RETURNING));
    assert_eq!(*way(&world.arrive(address(5)).unwrap()), ARRIVING, "of an address");
}

#[test]
fn handshakes_from_wherever_one_member_came_have_a_rate() {
    let [free, .., key] = FEW_COMING.handshakes;
    let handshakes = [free, free, free, Quota::new(3, 30), key];
    let world = World::new(Limits { handshakes, ..FEW_COMING });
    for at in 1..=3 {
        drop(world.come_in(at, "fr/cert/a").unwrap());
    }
    drop(world.come_in(9, "at/cert/a").unwrap());
    let comes = |at| world.arrive(address(at)).unwrap().taken.at.clone();
    let ways = [1, 1, 2, 2, 3, 3, 1].map(comes);
    let [returning, arriving] = [[RETURNING; 3], [ARRIVING; 3]];
    assert_eq!(ways[..], [&returning[..], &arriving, &[VISITING]].concat());
    assert_eq!(comes(9), RETURNING, "others have their own");
    world.goes_by(10);
    assert_eq!([comes(3), comes(3), comes(3)], [RETURNING, ARRIVING, VISITING]);
}

#[test]
fn nobody_makes_room_for_who_does_not_come_in() {
    let [free, .., key] = FEW_COMING.handshakes;
    let handshakes = [free, free, free, Quota::new(2, 3600), key];
    let (returning_of_an_address, coming_of_a_party) = (3, 2);
    let world =
        World::new(Limits { handshakes, coming_of_a_party, returning_of_an_address, ..FEW_COMING });
    drop(world.come_in(1, "fr/cert/a").unwrap());
    let own = [0; 2].map(|_| world.arrive(address(1)).unwrap());
    assert_eq!(own.each_ref().map(way), [&RETURNING; 2]);
    world.goes_by(limits::VISITOR_PATIENCE.as_secs());
    // Its member has come so often that it comes elsewhere, and at last nowhere.
    let mut why = None;
    let others: Vec<Slot> =
        std::iter::from_fn(|| world.arrive(address(1)).map_err(|full| why = Some(full)).ok())
            .take(20)
            .collect();
    assert!(others.iter().all(|place| *way(place) != RETURNING));
    let told = own.iter().filter(|place| place.leave().notified().now_or_never().is_some());
    assert_eq!(told.count(), 0);
}

/// Of a network whence somebody is known, whatever else is his.
#[test]
fn whoever_is_silent_makes_room_in_its_network() {
    let limits =
        Limits { arriving: 5, arriving_of_a_network: 1, coming_of_a_party: 5, ..FEW_COMING };
    let world = World::new(limits);
    drop(world.come_in(1, "fr/cert/a").unwrap());
    let first = world.arrive(neighbour(1)).unwrap();
    assert_eq!(*way(&first), ARRIVING);
    world.goes_by(limits::VISITOR_PATIENCE.as_secs());
    assert_eq!(*way(&world.arrive(neighbour(1)).unwrap()), ARRIVING);
    assert!(first.leave().notified().now_or_never().is_some(), "told to leave");
}

#[test]
fn whence_a_key_came_is_known_while_it_stands() {
    let world = World::new(FEW_COMING);
    drop(world.come_in(1, "fr/cert/a").unwrap());
    drop(world.come_in(2, "fr/cert/a").unwrap());
    drop(world.come_in(2, "fr/cert/b").unwrap());
    world.ends(&seat(1, "fr/cert/a"));
    assert_eq!(*way(&world.arrive(address(1)).unwrap()), VISITING);
    assert_eq!(*way(&world.arrive(neighbour(1)).unwrap()), VISITING);
    assert_eq!(*way(&world.arrive(address(2)).unwrap()), RETURNING, "its colleague stands");
    assert_eq!(*way(&world.arrive(neighbour(2)).unwrap()), ARRIVING);
    world.ends(&seat(2, "fr/cert/b"));
    assert_eq!(*way(&world.arrive(address(2)).unwrap()), VISITING);
}

#[test]
fn whence_members_came_is_known_at_the_next_start() {
    let (day, world) = (86_400, World::new(FEW));
    drop(world.come_in(1, "fr/cert/a").unwrap());
    world.goes_by(20 * day);
    drop(world.come_in(2, "at/cert/a").unwrap());
    let known = world.door.known();
    let whence: Vec<_> = known.iter().map(|(whence, ..)| whence.to_string()).collect();
    assert_eq!(whence, ["192.0.2.0/24", "192.0.2.1/32", "192.0.1.0/24", "192.0.1.1/32"]);
    // The machine was off for five days; its own count of time began anew.
    let again = World::new(FEW);
    again.goes_by(25 * day);
    for (whence, key, came) in known {
        let party = world.directory.lock().unwrap()[&key].clone();
        again.directory.lock().unwrap().insert(key, party.clone());
        again.door.remember(whence, key, &party, came);
    }
    let comes = |at| {
        let neighbours = [0; 4].map(|_| again.arrive(neighbour(at)));
        neighbours.iter().filter(|place| place.is_ok()).count() == 4
            && again.come_in(at, "fr/cert/a").is_ok()
    };
    assert!(comes(1) && comes(2) && !comes(3));
    // A clock that was ahead.
    let party = seat(4, "fr/cert/b").party();
    again.door.remember(network(4), KeyId::of(b"ahead"), &party, u64::MAX);
    assert!(again.door.known().iter().any(|(whence, ..)| *whence == network(4)));
    let later = World::new(FEW);
    later.goes_by(31 * day);
    for (whence, key, came) in world.door.known() {
        later.door.remember(whence, key, &seat(1, "fr/cert/a").party(), came);
    }
    assert_eq!(later.door.known().len(), 2, "the others have had their month");
}

#[test]
fn a_key_a_member_and_all_have_so_many_connections() {
    let world = World::new(FEW);
    let mut own =
        vec![world.come_in(1, "fr/cert/a").unwrap(), world.come_in(1, "fr/cert/a").unwrap()];
    assert_eq!(world.come_in(1, "fr/cert/a").unwrap_err(), Full::Own, "of the key");
    own.push(world.come_in(2, "fr/cert/b").unwrap());
    assert_eq!(world.come_in(3, "fr/other/c").unwrap_err(), Full::Own, "of the member");
    let others = [world.come_in(2, "at/cert/a").unwrap(), world.come_in(2, "jp/cert/a").unwrap()];
    assert_eq!(world.come_in(2, "de/cert/a").unwrap_err(), Full::Everybody);
    drop(others);
    assert!(world.come_in(2, "de/cert/a").is_ok());
    own.clear();
    assert!(world.come_in(1, "fr/cert/a").is_ok());
}

#[test]
fn handshakes_have_a_rate_of_a_network_of_a_known_one_and_of_a_key() {
    let world = World::new(FEW);
    for _ in 0..20 {
        drop(world.arrive(address(1)).unwrap());
    }
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Often(network(1)));
    assert!(world.arrive(address(2)).is_ok(), "another network");
    world.goes_by(1);
    drop(world.come_in(1, "fr/cert/a").unwrap());
    assert!(world.arrive(neighbour(1)).is_ok(), "it is known, and has more");
    while world.arrive(neighbour(1)).is_ok() {}
    assert_eq!(world.arrive(neighbour(1)).unwrap_err(), Full::Often(network(1)));
    for _ in 0..5 {
        drop(world.arrive(address(1)).expect("the address has its own"));
    }
    assert_eq!(world.arrive(address(1)).unwrap_err(), Full::Often(network(1)));
    for _ in 1..9 {
        drop(world.come_in(3, "fr/cert/a").unwrap());
    }
    assert_eq!(world.come_in(3, "fr/cert/a").unwrap_err(), Full::Own, "of the key");
    assert!(world.come_in(3, "fr/cert/b").is_ok());
}

#[test]
fn charters_and_refusals_do_not_drain_enrolment_and_nothing_drains_revocations() {
    let (world, own) = (World::new(FEW), stranger(1));
    let asks = |peer: &AuthenticPeer, ask| world.door.asks(peer, ask);
    for _ in 0..3 {
        asks(&own, Ask::Call(Method::GetCharters)).unwrap();
    }
    let busy = asks(&own, Ask::Call(Method::GetCharters)).unwrap_err();
    assert_eq!(busy.again_in, Duration::from_secs(10));
    for _ in 0..2 {
        asks(&own, Ask::Refusal).unwrap();
    }
    let busy = asks(&own, Ask::Refusal).unwrap_err();
    assert_eq!(busy.again_in, Duration::from_secs(10));
    assert!(busy.to_string().contains("of the network 192.0.1.0/24"), "{busy}");
    asks(&own, Ask::Call(Method::Enrol)).unwrap();
    asks(&own, Ask::Statements(3)).unwrap();
    assert!(asks(&own, Ask::Statements(1)).is_err());
    asks(&own, Ask::Revocations(1)).unwrap();
    asks(&own, Ask::Revocations(1)).unwrap();
    assert!(asks(&own, Ask::Revocations(1)).is_err());
    // Whoever has a key has a bucket of his own, also there.
    let member = seat(1, "fr/cert/a");
    asks(&member, Ask::Revocations(2)).unwrap();
    assert!(asks(&member, Ask::Revocations(1)).is_err());
    for _ in 0..9 {
        asks(&member, Ask::Refusal).unwrap();
    }
    assert!(asks(&member, Ask::Refusal).is_err());
    // A stolen seat keeps no colleague from revoking it, nor from hearing what is wrong.
    let colleague = seat(2, "fr/cert/b");
    asks(&colleague, Ask::Revocations(2)).unwrap();
    asks(&colleague, Ask::Refusal).unwrap();
    asks(&seat(1, "at/cert/a"), Ask::Refusal).unwrap();
    asks(&member, Ask::Call(Method::GetCheckpoint)).unwrap();
    for ask in
        [Ask::Revocations(2), Ask::Statements(3), Ask::Call(Method::GetCharters), Ask::Refusal]
    {
        asks(&stranger(2), ask).unwrap();
    }
}

#[test]
fn a_member_has_rates_of_its_own_whatever_seat_it_uses() {
    let world = World::new(FEW);
    let (one, two, other) = (seat(1, "fr/cert/a"), seat(2, "fr/soc/b"), seat(1, "at/cert/a"));
    let asks = |peer: &AuthenticPeer, ask| world.door.asks(peer, ask);
    for _ in 0..4 {
        asks(&one, Ask::Call(Method::LookUp)).unwrap();
    }
    asks(&two, Ask::Call(Method::GetCharters)).unwrap();
    assert!(asks(&two, Ask::Call(Method::GetEntries)).is_err());
    asks(&other, Ask::Reads(4)).unwrap();
    asks(&other, Ask::Call(Method::GetFacets)).unwrap();
    assert!(asks(&other, Ask::Call(Method::GetFacets)).is_err());
    for seat in [&one, &two, &one, &two] {
        asks(seat, Ask::Message(FLASH)).unwrap();
    }
    assert!(asks(&one, Ask::Message(FLASH)).is_err());
    asks(&other, Ask::Message(FLASH)).unwrap();
    asks(&one, Ask::Statements(4)).unwrap();
    assert!(asks(&two, Ask::Statements(1)).is_err());
    asks(&registrar(1), Ask::Statements(8)).unwrap();
    world.goes_by(10);
    asks(&one, Ask::Call(Method::LookUp)).unwrap();
    asks(&two, Ask::Statements(1)).unwrap();
}

#[test]
fn who_decides_often_waits_and_looks_and_another_decides() {
    let world = World::new(FEW);
    let asks = |peer: &AuthenticPeer, method| world.door.asks(peer, Ask::Call(method));
    let own = registrar(1);
    asks(&own, Method::Propose).unwrap();
    asks(&own, Method::Approve).unwrap();
    for method in
        [Method::Propose, Method::Approve, Method::CarryOut, Method::Abort, Method::StageServiceKey]
    {
        assert!(asks(&own, method).is_err(), "{method:?}");
    }
    asks(&own, Method::ListProposals).unwrap();
    let bob = AuthenticPeer::of(Role::Registrar("bob".parse().unwrap()), network(1));
    asks(&bob, Method::Propose).unwrap();
    world.goes_by(10);
    asks(&own, Method::CarryOut).unwrap();
}

const ROUTINE: OrLater<Urgency> = OrLater::Known(Urgency::Routine);
const FLASH: OrLater<Urgency> = OrLater::Known(Urgency::Flash);

#[test]
fn a_flash_waits_for_no_receipt_and_for_no_routine() {
    let (world, own) = (World::new(FEW), seat(1, "fr/cert/a"));
    let asks = |ask| world.door.asks(&own, ask);
    for _ in 0..3 {
        asks(Ask::Receipt).unwrap();
    }
    assert!(asks(Ask::Receipt).is_err());
    // Nor does an acknowledgement wait for the receipts.
    asks(Ask::Call(Method::Acknowledge)).unwrap();
    assert!(asks(Ask::Call(Method::Acknowledge)).is_err());
    for _ in 0..3 {
        asks(Ask::Message(ROUTINE)).unwrap();
    }
    assert!(asks(Ask::Message(ROUTINE)).is_err());
    assert!(asks(Ask::Message(OrLater::Later(9))).is_err());
    asks(Ask::Call(Method::Submit)).unwrap();
    asks(Ask::Message(FLASH)).unwrap();
    assert!(asks(Ask::Message(OrLater::Known(Urgency::Immediate))).is_err());
    world.goes_by(10);
    asks(Ask::Message(OrLater::Known(Urgency::Immediate))).unwrap();
}

#[test]
fn a_day_of_statements_is_a_members_a_registrars_and_what_the_charter_says() {
    let world = World::new(FEW);
    let fr = || Some("fr".parse().unwrap());
    let door = &world.door;
    door.logs(fr(), 400, &policy(0, 0)).unwrap();
    door.logs(fr(), 600, &policy(0, 0)).unwrap().give_back();
    door.logs(fr(), 600, &policy(0, 0)).unwrap();
    let busy = door.logs(fr(), 1, &policy(0, 0)).unwrap_err();
    assert!(busy.to_string().contains("bytes of statements of a day"), "{busy}");
    assert!(busy.to_string().contains("the member fr"), "{busy}");
    door.logs(Some("at".parse().unwrap()), 1_000, &policy(0, 0)).unwrap();
    door.logs(None, 5_000, &policy(0, 0)).unwrap();
    assert!(door.logs(None, 1, &policy(0, 0)).is_err());
    // The charter raises it, and cannot take it away; what was refused took nothing.
    door.logs(fr(), 1_000, &policy(9, 4_000)).unwrap();
    world.goes_by(2 * 86_400);
    for _ in 0..3 {
        door.logs(fr(), 1, &policy(1, 1)).unwrap();
    }
    let busy = door.logs(fr(), 1, &policy(1, 1)).unwrap_err();
    assert!(busy.to_string().contains("too many statements of a day"), "{busy}");
    assert_eq!(busy.again_in, Duration::from_secs(86_400 / 3), "a day has three of them");
    world.goes_by(86_400 / 3);
    door.logs(fr(), 1, &policy(1, 1)).unwrap();
    assert!(door.logs(fr(), 1, &policy(1, 1)).is_err());
}

#[test]
fn streams_and_requests_in_hand_are_so_many_at_once() {
    let world = World::new(FEW);
    let own = seat(1, "fr/cert/a");
    let streams = [world.door.follows(&own).unwrap(), world.door.follows(&own).unwrap()];
    assert!(world.door.follows(&own).is_err());
    let colleague = world.door.follows(&seat(1, "fr/cert/b")).unwrap();
    let busy = world.door.follows(&seat(1, "fr/soc/c")).unwrap_err();
    assert!(busy.to_string().contains("of the member fr"), "{busy}");
    let other = world.door.follows(&seat(1, "at/cert/a")).unwrap();
    drop((streams, colleague, other));
    drop(world.door.follows(&own).unwrap());

    let visitors = [1, 1, 2].map(|at| Arc::new(world.arrive(address(at)).unwrap()));
    let first = visitors[0].begin(visitors[0].party()).unwrap();
    let second = visitors[1].begin(visitors[1].party()).unwrap();
    assert!(visitors[0].begin(visitors[0].party()).is_err(), "of the network, on any connection");
    let other = visitors[2].begin(visitors[2].party()).unwrap();
    let member = Arc::new(world.come_in(3, "fr/cert/a").unwrap());
    let many: Vec<InHand> = (0..3).map(|_| member.begin(member.party()).unwrap()).collect();
    assert!(member.begin(member.party()).is_err());
    // Once it is answered it is not counted any more, and what it holds is.
    first.hold(30).unwrap();
    first.answered();
    let third = visitors[0].begin(visitors[0].party()).unwrap();
    assert!(third.hold(71).is_err());
    third.hold(70).unwrap();
    drop(first);
    third.hold(30).unwrap();
    drop((second, other, third, many));
}

#[test]
fn one_seat_leaves_its_colleagues_requests_and_bytes() {
    let world = World::new(Limits { requests_of_a_party: 4, requests_of_a_key: 2, ..FEW });
    let comes = |seat| Arc::new(world.come_in(1, seat).unwrap());
    let (own, again, colleague) = (comes("fr/cert/a"), comes("fr/cert/a"), comes("fr/cert/b"));
    let first = own.begin(own.party()).unwrap();
    let second = again.begin(again.party()).unwrap();
    let busy = own.begin(own.party()).unwrap_err();
    assert!(busy.to_string().contains("of this key"), "{busy}");
    first.hold(500).unwrap();
    assert!(second.hold(1).is_err());
    assert!(!second.have_room(1) && !second.read_ahead(1));
    first.taken(1);
    assert!(second.have_room(1) && second.read_ahead(1));
    assert!(!first.have_room(1), "what was read ahead is held");
    second.taken(1);
    first.hold(1).unwrap();
    let others = [0; 2].map(|_| colleague.begin(colleague.party()).unwrap());
    others[0].hold(500).unwrap();
    assert!(colleague.begin(colleague.party()).unwrap_err().to_string().contains("member fr"));
    // What was refused took nothing, and what is answered is given back.
    drop((first, second, others));
    let all = [&own, &own, &colleague, &colleague].map(|place| place.begin(place.party()).unwrap());
    drop(all);
    assert_eq!(world.door.held(), [0, 0]);
}

#[test]
fn a_key_is_told_to_wait_so_often_on_all_its_connections() {
    let world = World::new(FEW);
    let [one, again] = [0; 2].map(|_| world.come_in(1, "fr/cert/a").unwrap());
    let told = [&one, &again, &one, &again, &one].map(Slot::may_ask_on);
    assert_eq!(told, [true, true, true, false, false].map(Some));
    drop((one, again));
    assert_eq!(
        world.come_in(1, "fr/cert/a").unwrap().may_ask_on(),
        Some(false),
        "and it comes again"
    );
    assert_eq!(world.come_in(1, "fr/cert/b").unwrap().may_ask_on(), Some(true));
    assert_eq!(world.arrive(address(1)).unwrap().may_ask_on(), None);
    world.goes_by(10);
    assert_eq!(world.come_in(1, "fr/cert/a").unwrap().may_ask_on(), Some(true));
}

#[tokio::test]
async fn strangers_wait_for_one_another_and_nobody_else_does() {
    let world = World::new(FEW);
    let first = world.door.computes(&stranger(1)).await;
    assert!(world.door.computes(&stranger(2)).now_or_never().is_none());
    assert!(world.door.computes(&seat(1, "fr/cert/a")).now_or_never().is_some());
    drop(first);
    assert!(world.door.computes(&stranger(2)).now_or_never().is_some());
}

#[test]
fn where_connections_are_few_each_kind_has_places_and_nobody_all_of_them() {
    for connections in [28, 56, 200, 1_000, limits::CONNECTIONS - 1] {
        let few = Limits::default().within(connections);
        let all = few.visitors + few.returning + few.arriving + few.inside;
        assert!(all <= connections, "{connections}: {all}");
        for (of_one, of_all) in [
            (few.visitors_of_a_network, few.visitors),
            (few.returning_of_an_address, few.returning),
            (few.arriving_of_a_network, few.arriving),
            (few.coming_of_a_party, few.arriving),
            (few.connections_of_a_key, few.inside),
            (few.connections_of_a_party, few.inside),
        ] {
            assert!(0 < of_one && 2 * of_one <= of_all, "{connections}: {of_one} of {of_all}");
        }
    }
    let whole = Limits::default().within(limits::CONNECTIONS);
    assert_eq!(whole.inside, limits::INSIDE);
}
