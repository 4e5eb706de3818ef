//! What failed and is tried again: when.
//!
//! In scope: how long each waits, and all together. Out of scope: trying, and in which order (`index`,
//! `hand_in`). Invariants: nothing is given up; what waits keeps nothing else back, unless the service
//! has too much of its kind to do, or no room was found for it: and then nothing that was not offered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::error::ClientError;
use crate::client::reason::Rule;
use crate::domain::ids::{ContactId, MessageId};

use super::hand_in::{Counted, Due};

/// When those are tried again that failed.
#[derive(Debug)]
pub struct Later<K> {
    waits: BTreeMap<K, Waits>,
    /// Until then the service has too much to do.
    busy: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Waits {
    until: Instant,
    pause: Duration,
}

impl<K> Default for Later<K> {
    fn default() -> Self {
        Self { waits: BTreeMap::new(), busy: None }
    }
}

impl<K: Ord> Later<K> {
    /// It failed. It waits as long as the service says, else twice as long each time.
    pub fn failed(&mut self, what: K, why: &ClientError, now: Instant) {
        let said = why.facts.retry_in.map(|said| said.clamp(FIRST_PAUSE, LONGEST));
        if why.reason == Rule::Busy {
            self.busy = Some(now + said.unwrap_or(FIRST_PAUSE));
            return;
        }
        let before = self.waits.get(&what).map(|waits| waits.pause);
        let pause = before.map_or(FIRST_PAUSE, |before| (before * 2).min(LAST_PAUSE));
        self.waits.insert(what, Waits { until: now + said.unwrap_or(pause), pause });
    }

    /// It is done.
    pub fn done(&mut self, what: &K) {
        self.waits.remove(what);
    }

    /// Whether it may be tried.
    #[must_use]
    pub fn may(&self, what: &K, now: Instant) -> bool {
        let free = |until: Instant| until <= now;
        self.busy.is_none_or(free) && self.waits.get(what).is_none_or(|waits| free(waits.until))
    }

    /// When something may be tried that may not now.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let comes = |until: &Instant| *until > now;
        let first = self.waits.values().map(|waits| waits.until).filter(comes).min();
        self.busy.filter(comes).or(first)
    }
}

/// When what is due is offered again that was not accepted.
#[derive(Debug, Default)]
pub struct LaterDue {
    each: BTreeMap<Counted, Later<MessageId>>,
    /// For what is counted so there is no room at a contact, or anywhere.
    full: Later<(Counted, Option<ContactId>)>,
    /// How often there was no room for one: a smaller one may find some.
    told: BTreeMap<MessageId, usize>,
}

impl LaterDue {
    /// It was not accepted. Where there is no room for it, nothing else of its kind is offered for a while.
    pub fn failed(&mut self, due: &Due, why: &ClientError, now: Instant) {
        let full: Vec<_> = match why.reason.rule() {
            Some(Rule::MailboxShare) => {
                let full = why.facts.contacts.iter().filter(|of| due.to.contains(of));
                full.cloned().map(Some).collect()
            }
            Some(Rule::QuotaExceeded | Rule::StorageFull | Rule::StorageReadOnly) => vec![None],
            _ => Vec::new(),
        };
        if full.is_empty() {
            self.each.entry(due.counted).or_default().failed(due.id, why, now);
        } else {
            *self.told.entry(due.id).or_default() += 1;
        }
        for of in full {
            self.full.failed((due.counted, of), why, now);
        }
    }

    /// There is another connection: what one alone failed for is tried again, and what the service said of
    /// all of a kind stands.
    pub fn connected(&mut self) {
        self.each.values_mut().for_each(|each| each.waits.clear());
    }

    /// It is done.
    pub fn done(&mut self, due: &Due) {
        self.each.entry(due.counted).or_default().done(&due.id);
        self.told.remove(&due.id);
        rooms(due).for_each(|room| self.full.done(&room));
    }

    /// Whether it may be offered.
    #[must_use]
    pub fn may(&self, due: &Due, now: Instant) -> bool {
        self.each.get(&due.counted).is_none_or(|each| each.may(&due.id, now))
            && rooms(due).all(|room| self.full.may(&room, now))
    }

    /// Takes what to offer now: of the first kind of which something may be, those first that were told
    /// least often that there is no room for them.
    pub fn take(&self, due: &mut BTreeSet<Due>, now: Instant) -> Option<Due> {
        let told = |due: &Due| self.told.get(&due.id).copied().unwrap_or_default();
        let mut next: Option<&Due> = None;
        for due in due.iter().filter(|due| self.may(due, now)) {
            if next.is_some_and(|next| next.counted != due.counted || told(next) == 0) {
                break;
            }
            if next.is_none_or(|next| told(due) < told(next)) {
                next = Some(due);
            }
        }
        let next = next.cloned()?;
        due.take(&next)
    }

    /// When something may be offered that may not now.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let each = self.each.values().filter_map(|each| each.next(now));
        each.chain(self.full.next(now)).min()
    }
}

/// Where it needs room.
fn rooms(due: &Due) -> impl Iterator<Item = (Counted, Option<ContactId>)> {
    let to = due.to.iter().cloned().map(Some);
    to.chain([None]).map(|of| (due.counted, of))
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// Whatever the service says, it is asked again then.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use crate::client::error::{Family, Side};
    use crate::domain::refusal::Refusal;
    use crate::wire::status;

    use super::*;

    fn lost() -> ClientError {
        ClientError::new(Side::Network, Family::NotReachable, "UNAVAILABLE", "a stream was reset")
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_fails_waits_alone_and_longer_each_time() {
        let (mut later, mut now) = (Later::default(), Instant::now());
        assert_eq!((later.may(&1, now), later.next(now)), (true, None));
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            later.failed(1, &lost(), now);
            assert_eq!((later.may(&1, now), later.may(&2, now)), (false, true));
            assert_eq!(later.next(now), Some(now + seconds(pause)));
            now += seconds(pause);
            assert_eq!((later.may(&1, now), later.next(now)), (true, None));
        }
        later.done(&1);
        later.failed(1, &lost(), now);
        assert_eq!(later.next(now), Some(now + seconds(1)));
    }

    #[test]
    fn a_service_that_has_too_much_to_do_is_left_alone_as_long_as_it_says() {
        let (mut later, now) = (Later::default(), Instant::now());
        let busy = |wait| ClientError::from(status::busy("later", seconds(wait)));
        later.failed(2, &lost(), now);
        later.failed(1, &busy(20), now);
        let then = now + seconds(19);
        assert!(![1, 2, 3].iter().any(|of| later.may(of, then)));
        assert_eq!(later.next(then), Some(now + seconds(20)));
        let then = now + seconds(20);
        assert!([1, 2, 3].iter().all(|of| later.may(of, then)));
        // It is not asked in circles, and nobody is silenced for ever.
        for (said, waits) in [(0, 1), (u64::MAX, 3600)] {
            later.failed(1, &busy(said), then);
            assert_eq!(later.next(then), Some(then + seconds(waits)));
        }
    }

    /// A full mailbox is one message's matter.
    #[test]
    fn what_one_must_wait_for_keeps_no_other_back() {
        let (mut later, now) = (Later::default(), Instant::now());
        let full = Refusal::MailboxShare { contacts: Vec::new(), retry: Some(30) };
        later.failed(1, &status::of(&full).into(), now);
        assert_eq!((later.may(&1, now), later.may(&2, now)), (false, true));
        assert_eq!(later.next(now), Some(now + seconds(30)));
    }

    fn due(counted: Counted, nth: u64, to: &[&str]) -> Due {
        let to = to.iter().map(|to| to.parse().unwrap()).collect();
        Due { counted, urgency: Reverse(1), id: MessageId::new(nth, [0; 10]), to }
    }

    const ALL: [Counted; 4] =
        [Counted::Alert, Counted::Acknowledgement, Counted::Message, Counted::Receipt];

    /// The service counts each by itself, and keeps a part of its door for what is urgent.
    #[test]
    fn too_many_of_one_kind_keep_no_other_back() {
        let now = Instant::now();
        for busy in ALL {
            let mut later = LaterDue::default();
            let says = status::busy("later", seconds(20)).into();
            later.failed(&due(busy, 1, &["fr/cert-fr"]), &says, now);
            let waits = |of: &Counted| !later.may(&due(*of, 2, &["fr/cert-fr"]), now);
            assert!(ALL.iter().copied().filter(waits).eq([busy]));
            assert_eq!(later.next(now), Some(now + seconds(20)));
            assert!(ALL.iter().all(|of| later.may(&due(*of, 1, &[]), now + seconds(20))));
        }
    }

    #[test]
    fn what_has_no_room_at_a_contact_waits_for_that_contact() {
        let (mut later, now) = (LaterDue::default(), Instant::now());
        let message = |nth, to| due(Counted::Message, nth, to);
        let both = message(1, &["fr/cert-fr", "pt/cert-pt"]);
        let full = Refusal::MailboxShare { contacts: vec![both.to[0].clone()], retry: Some(30) };
        later.failed(&both, &status::of(&full).into(), now);
        let waits = [&both, &message(2, &["fr/cert-fr"]), &message(3, &["pt/cert-pt"])];
        assert_eq!(waits.map(|of| later.may(of, now)), [false, false, true]);
        assert!(later.may(&due(Counted::Alert, 4, &["fr/cert-fr"]), now), "a part is kept for it");
        assert_eq!(later.next(now), Some(now + seconds(30)));
        assert!(later.may(&both, now + seconds(30)));
        later.done(&both);
        assert!(later.may(&both, now));
        // What it is not addressed to is one message's matter.
        let other = message(5, &["pt/cert-pt"]);
        later.failed(&other, &status::of(&full).into(), now);
        assert_eq!([&other, &both].map(|of| later.may(of, now)), [false, true]);
    }

    #[test]
    fn what_has_no_room_at_all_keeps_its_kind_back() {
        let (mut later, now) = (LaterDue::default(), Instant::now());
        let full = ClientError::from(Refusal::QuotaExceeded { kept: 9, limit: 8 });
        later.failed(&due(Counted::Message, 1, &["fr/cert-fr"]), &full, now);
        let may = ALL.map(|of| later.may(&due(of, 2, &["pt/cert-pt"]), now));
        assert_eq!(may, [true, true, false, true]);
        assert_eq!(later.next(now), Some(now + seconds(1)));
        for full in [Refusal::StorageFull, Refusal::StorageReadOnly] {
            let mut later = LaterDue::default();
            later.failed(&due(Counted::Message, 1, &["fr/cert-fr"]), &full.into(), now);
            let may = ALL.map(|of| later.may(&due(of, 2, &["pt/cert-pt"]), now));
            assert_eq!(may, [true, true, false, true], "an alert is offered all the same");
        }
    }

    /// One that is too large for the room that there is keeps nobody back who fits.
    #[test]
    fn what_finds_no_room_goes_behind_those_of_its_kind_that_were_not_offered() {
        let (mut later, mut now) = (LaterDue::default(), Instant::now());
        let of = |nth, to: &[&str]| due(Counted::Message, nth, to);
        let (large, small) = (of(1, &["fr/cert-fr", "pt/cert-pt"]), of(2, &["fr/cert-fr"]));
        let receipt = due(Counted::Receipt, 3, &["fr/cert-fr"]);
        let mut waits = BTreeSet::from([&receipt, &small, &large].map(Clone::clone));
        let full = ClientError::from(Refusal::QuotaExceeded { kept: 9, limit: 8 });
        let mut offer = |later: &LaterDue, now| later.take(&mut waits, now);
        assert_eq!(offer(&later, now), Some(large.clone()));
        later.failed(&large, &full, now);
        waits.insert(large.clone());
        let mut offer = |later: &LaterDue, now| later.take(&mut waits, now);
        assert_eq!(offer(&later, now), Some(receipt), "of another kind, meanwhile");
        now += seconds(1);
        assert_eq!(offer(&later, now), Some(small.clone()));
        later.done(&small);
        assert_eq!(offer(&later, now), Some(large.clone()), "at once, since there is room again");
        assert_eq!(offer(&later, now), None);
        // Told as often, in their order.
        later.failed(&large, &full, now);
        later.failed(&small, &full, now);
        later.failed(&small, &full, now);
        let mut waits = BTreeSet::from([small, large.clone()]);
        now += seconds(60);
        assert_eq!(later.take(&mut waits, now), Some(large));
        // And those of a kind that goes first go first.
        let alert = due(Counted::Alert, 4, &["fr/cert-fr"]);
        later.failed(&alert, &full, now);
        waits.extend([alert.clone(), of(5, &["pt/cert-pt"])]);
        assert_eq!(later.take(&mut waits, now + seconds(60)), Some(alert));
    }

    #[test]
    fn another_connection_ends_what_one_waits_for_and_not_what_the_service_said() {
        let (mut later, now) = (LaterDue::default(), Instant::now());
        let [alert, acknowledgement, message, receipt] =
            ALL.map(|counted| due(counted, 1, &["fr/cert-fr"]));
        later.failed(&alert, &lost(), now);
        let full = Refusal::QuotaExceeded { kept: 9, limit: 8 };
        later.failed(&message, &full.into(), now);
        later.failed(&receipt, &status::busy("later", seconds(20)).into(), now);
        let may = |later: &LaterDue| {
            [&alert, &acknowledgement, &message, &receipt].map(|due| later.may(due, now))
        };
        assert_eq!(may(&later), [false, true, false, false]);
        later.connected();
        assert_eq!(may(&later), [true, true, false, false]);
    }
}
