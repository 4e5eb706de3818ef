//! A directory with a long past: States that come, change their records, and rotate their keys.
//!
//! In scope: what is said on each day, by whom, and how it comes into the log. Out of scope: what is
//! admissible: the service judges every statement as it judges any. Invariants: the same seed, end and
//! size give the same log, byte for byte; nothing said on a day depends on anything else of that day.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::join_all;

use crate::ambient::Clock;
use crate::crypto::hash::Digest;
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::SigningKey;
use crate::domain::directory::Statement;
use crate::domain::ids::{ContactId, MemberId};
use crate::service::{Publication, Service};
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Reason, Target};

use super::founding::{DAY, Founding, SeatKeys, Seed, registrar, roster, seat_of};

/// Members at the end, in a log that is long enough.
const MEMBERS: u64 = 200;
/// Entries for each member, at least.
const ENTRIES_EACH: u64 = 50;
/// Contacts of each member.
const CONTACTS: [&str; 3] = ["cert", "mfa", "soc"];
/// Seats of each contact.
const SEATS: u32 = 2;
/// Days from one charter to the next.
const CHARTER_DAYS: u64 = 20;

/// How large the log is to be, and what it is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// Entries, entry 0 included.
    pub(super) entries: u64,
    pub(super) seed: Seed,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its log of at least {} entries (seed {})", self.entries, self.seed.0)
    }
}

impl Growth {
    fn members(self) -> u64 {
        (self.entries / ENTRIES_EACH).clamp(1, MEMBERS)
    }

    /// Days that it takes, or a few more: all contacts say something on each, once they are there;
    /// seven in eight of them are, in the mean.
    pub(super) fn days(self) -> u64 {
        let contacts = self.members() * CONTACTS.len() as u64;
        (self.entries * 15).div_ceil(contacts * 13) + 3
    }
}

/// A clock that shows what the history says.
pub(super) struct Calendar(AtomicU64);

impl Calendar {
    pub(super) fn at(now: u64) -> Self {
        Self(now.into())
    }

    fn turn_to(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Clock for Calendar {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// Has the service, which holds entry 0 and goes by the calendar, log everything else.
pub(super) async fn grow(
    service: Service,
    founding: &Arc<Founding>,
    growth: Growth,
    calendar: &Calendar,
    progress: &mut dyn Write,
) -> anyhow::Result<()> {
    let state = service.state();
    let mut history = History::new(Arc::clone(founding), growth, &service)?;
    let (mut said, began) = (state.head.size, Instant::now());
    let mut day = history.day()?;
    while !day.is_empty() {
        // While the service judges one day, the next is signed.
        let next = tokio::task::spawn_blocking(move || (history.day(), history));
        calendar.turn_to(calendar.now().as_secs() + DAY);
        publish_in_order(&service, founding, &day).await?;
        let before = said;
        said += day.len() as u64;
        if said * 20 / growth.entries > before * 20 / growth.entries {
            let rate = said as f64 / began.elapsed().as_secs_f64();
            writeln!(progress, "{said} of {} entries, {rate:.0} a second", growth.entries)?;
            progress.flush()?;
        }
        let (then, went_on) = next.await?;
        (day, history) = (then?, went_on);
    }
    Ok(())
}

/// Hands in statements as the registrar does: they are logged in this order, in rounds.
pub(super) async fn publish_in_order(
    service: &Service,
    founding: &Founding,
    statements: &[Envelope],
) -> anyhow::Result<()> {
    let publishing = statements.iter().map(|statement| {
        let publication = Publication { statement: statement.bytes().clone(), facets: Vec::new() };
        async {
            let permit = service.permit_here(registrar(founding)).await?;
            service
                .publish(&permit, vec![publication])
                .await?
                .into_iter()
                .collect::<Result<Vec<u64>, _>>()?;
            anyhow::Ok(())
        }
    });
    join_all(publishing).await.into_iter().collect()
}

/// A contact, as far as it has come.
struct Contact {
    id: ContactId,
    record: u64,
    keeper: u32,
    roster: u64,
    /// How often each seat's keys were replaced.
    seats: [u32; SEATS as usize],
    /// A seat's keys were revoked, and the roster does not know yet.
    revoked: bool,
}

struct Member {
    id: MemberId,
    admission: u64,
    contacts: Vec<Contact>,
}

/// What happens, day by day.
struct History {
    founding: Arc<Founding>,
    genesis: Digest,
    entries: u64,
    left: u64,
    at: u64,
    chance: Chance,
    members: Vec<Member>,
    /// The newest charter: version and identity.
    charter: (u64, Digest),
}

impl History {
    fn new(founding: Arc<Founding>, growth: Growth, service: &Service) -> anyhow::Result<Self> {
        let state = service.state();
        let newest = state.directory.charter().newest;
        let members = (0..growth.members()).map(Member::new).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            founding,
            genesis: state.directory.genesis(),
            entries: growth.entries,
            left: growth.entries.saturating_sub(state.head.size),
            at: state.directory.clock(),
            chance: Chance(growth.seed.0),
            members,
            charter: (newest.version, newest.statement),
        })
    }

    /// The statements of the next day; none when the history ends.
    fn day(&mut self) -> anyhow::Result<Vec<Envelope>> {
        self.at += DAY;
        let mut day = Vec::new();
        if (self.at / DAY).is_multiple_of(CHARTER_DAYS) {
            day.push(self.amended_charter()?);
        }
        let new = self.newcomers();
        for number in 0..self.members.len() {
            let is_there = self.members.get(number).is_some_and(|one| one.admission > 0);
            if day.len() as u64 >= self.left || (!is_there && !new.contains(&number)) {
                continue;
            }
            // Admitted anew, with its names, or for the first time: it says nothing else that day.
            if !is_there || self.chance.one_in(500) {
                day.push(self.admission(number)?);
            } else {
                day.append(&mut self.said_by(number)?);
            }
        }
        day.truncate(usize::try_from(self.left)?);
        self.left -= day.len() as u64;
        Ok(day)
    }

    /// Three quarters come at once, the others one after the other.
    fn newcomers(&self) -> std::ops::Range<usize> {
        let all = self.members.len() as u64;
        let due = all - all / 4 * self.left / self.entries;
        let there = self.members.iter().filter(|one| one.admission > 0).count();
        there..due as usize
    }

    /// Another registrar beside Alice, with new keys each time.
    fn amended_charter(&mut self) -> anyhow::Result<Envelope> {
        let (version, previous) = (self.charter.0 + 1, self.charter.1);
        let (founding, seed) = (&self.founding, self.founding.seed);
        let key = |usage| seed.key(&format!("registrar/bob {usage} {version}"));
        let bob = founding.person("bob", &key("sign"), &key("tls"))?;
        let mut charter = founding.charter(self.at)?;
        charter.targets = Founding::target(self.genesis, version);
        charter.previous = Bytes::copy_from_slice(previous.as_bytes());
        charter.registrars.push(bob);
        let charter = founding.registered(&Statement::Charter(charter))?;
        self.charter = (version, charter.digest());
        Ok(charter)
    }

    fn admission(&mut self, number: usize) -> anyhow::Result<Envelope> {
        let member = self.members.get_mut(number).context("a member")?;
        member.admission += 1;
        let (targets, id) = (Founding::target(self.genesis, member.admission), &member.id);
        let authority = authority(self.founding.seed, id);
        let admission = self.founding.admission(targets, self.at, id, &authority)?;
        self.founding.registered(&admission)
    }

    /// One statement of each contact.
    fn said_by(&mut self, number: usize) -> anyhow::Result<Vec<Envelope>> {
        let member = self.members.get_mut(number).context("a member")?;
        let says = Says { founding: &self.founding, genesis: self.genesis, at: self.at };
        let contacts = member.contacts.iter_mut();
        contacts.map(|contact| says.next(contact, &mut self.chance)).collect()
    }
}

impl Member {
    fn new(number: u64) -> anyhow::Result<Self> {
        let id: MemberId = format!("m{number:03}").parse()?;
        let contact = |name: &&str| {
            let id = ContactId::new(&id, name)?;
            let (record, keeper, roster, seats, revoked) = Default::default();
            Ok(Contact { id, record, keeper, roster, seats, revoked })
        };
        let contacts = CONTACTS.iter().map(contact).collect::<anyhow::Result<_>>()?;
        Ok(Self { id, admission: 0, contacts })
    }
}

/// What a contact says on one day.
struct Says<'a> {
    founding: &'a Founding,
    genesis: Digest,
    at: u64,
}

impl Says<'_> {
    /// A record and a roster first; then one of them, newer, or a revocation, which a roster follows.
    fn next(&self, contact: &mut Contact, chance: &mut Chance) -> anyhow::Result<Envelope> {
        let dice = chance.below(20);
        if contact.record == 0 {
            self.record(contact)
        } else if contact.roster == 0 || contact.revoked {
            self.roster(contact)
        } else if dice == 0 {
            self.revocation(contact)
        } else if dice < 7 {
            contact.keeper += u32::from(dice == 1);
            self.record(contact)
        } else {
            let at = chance.below(SEATS.into()) as usize;
            if let Some(times) = contact.seats.get_mut(at) {
                *times += 1;
            }
            self.roster(contact)
        }
    }

    fn target(&self, version: u64) -> Vec<Target> {
        Founding::target(self.genesis, version)
    }

    fn record(&self, contact: &mut Contact) -> anyhow::Result<Envelope> {
        contact.record += 1;
        let (founding, targets) = (self.founding, self.target(contact.record));
        let record = founding.record(targets, self.at, &contact.id, Some(&self.keeper(contact)))?;
        founding.signed(&record, &authority(founding.seed, &contact.id.member()))
    }

    fn roster(&self, contact: &mut Contact) -> anyhow::Result<Envelope> {
        contact.roster += 1;
        contact.revoked = false;
        let (founding, targets) = (self.founding, self.target(contact.roster));
        let seats: Vec<SeatKeys> = (1..)
            .zip(contact.seats)
            .map(|(number, times)| self.seat(contact, number, times))
            .collect();
        let seats = founding.seats(&contact.id, &seats)?;
        let roster = roster(targets, self.at, &contact.id, seats);
        founding.signed(&roster, &self.keeper(contact))
    }

    /// The first seat's keys end; the next roster lists others.
    fn revocation(&self, contact: &mut Contact) -> anyhow::Result<Envelope> {
        let [first, ..] = &mut contact.seats;
        let times = std::mem::replace(first, *first + 1);
        contact.revoked = true;
        let keys = self.seat(contact, 1, times);
        let ids = [keys.sign.public().id(), keys.tls.public().id(), keys.seal.public().id()];
        let mut key_ids = ids.map(|id| Bytes::copy_from_slice(id.as_bytes())).to_vec();
        key_ids.sort_unstable();
        let revocation = Statement::Revocation(proto::Revocation {
            targets: self.target(0),
            issued_at: self.at,
            seat: seat_of(&contact.id, 1)?.to_string(),
            key_ids,
            reason: Reason::Lost.into(),
            suspected_from: 0,
        });
        self.founding.signed(&revocation, &self.keeper(contact))
    }

    fn keeper(&self, contact: &Contact) -> SigningKey {
        self.founding.seed.key(&format!("{} keeper {}", contact.id, contact.keeper))
    }

    fn seat(&self, contact: &Contact, number: u32, times: u32) -> SeatKeys {
        let (seed, of) = (self.founding.seed, format!("{}/{number} {times}", contact.id));
        SeatKeys {
            sign: seed.key(&format!("{of} sign")),
            tls: seed.key(&format!("{of} tls")),
            seal: OpeningKey::from_seed(&seed.of(&format!("{of} seal"))),
        }
    }
}

fn authority(seed: Seed, member: &MemberId) -> SigningKey {
    seed.key(&format!("{member} authority"))
}

/// Chance that is the same each time: splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Ambient;
    use crate::bench::founding::NAME;
    use crate::bench::net::Net;
    use crate::domain::directory::entry::Entry;
    use crate::domain::directory::{
        self, Admitted, Directory, RULES, apply, verify, verify_founding,
    };
    use crate::store::Engine;

    /// The statements of the one pair that is admitted at the end.
    const PAIR: usize = 6;

    async fn grown(seed: u64) -> (Vec<Bytes>, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let ambient = Ambient::system().with_clock(Arc::new(Calendar::at(1_800_000_000)));
        let growth = Growth { entries: 300, seed: Seed(seed) };
        let (engine, dir, progress) = (Engine::Memory, dir.path(), &mut Vec::new());
        let net = Net::start(engine, dir, 1, growth, ambient, progress).await.unwrap();
        let grown = (net.entries().await.unwrap(), net.service.state().directory.clone());
        net.close().await.unwrap();
        grown
    }

    fn replayed(entries: &[Bytes]) -> Directory {
        let name = NAME.parse().unwrap();
        let mut entries = entries.iter().map(|entry| Entry::read(entry, RULES).unwrap());
        let first = entries.next().unwrap();
        let founding = verify_founding(&name, &first.statement).unwrap();
        let (mut directory, _) = directory::found(&name, &founding, first.admitted_at).unwrap();
        for (leaf, entry) in (1..).zip(entries) {
            let verified = verify(&directory, &entry.statement).unwrap();
            let admitted = Admitted { leaf, at: entry.admitted_at };
            directory.advance(&apply(&directory, &verified, admitted).unwrap());
        }
        directory
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_service_started_from_is_what_a_replay_gives() {
        let (entries, directory) = grown(1).await;
        assert_eq!(entries.len(), 300 + PAIR, "and those who measure");
        assert_eq!(replayed(&entries), directory);
        assert_eq!(directory.members().count(), 6 + 2);
        let ended = directory.keys().filter(|known| known.has_ended()).count();
        assert!(ended > 200, "{ended} keys were rotated or revoked");
        assert!(directory.charter().newest.version > 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_same_seed_gives_the_same_log_and_another_one_another() {
        let ((one, _), (again, _), (other, _)) = (grown(7).await, grown(7).await, grown(8).await);
        assert_eq!(one[..300], again[..300]);
        assert_ne!(one[0], other[0]);
    }
}
