//! The directory's clock: who moves it, and whom it stops.

use super::*;

const YEAR_2100: u64 = 4_102_444_800;

fn at<S: Says>(draft: Draft<S>, at: u64) -> Draft<S> {
    Draft { at, ..draft.with(|says| *says.issued_at() = at) }
}

pub(super) fn refuses() {
    let mut world = World::new();
    let good = world.record("fr/soc");
    let early = Draft { at: NOW - 1, ..good.clone() };
    world.judge("a second before the clock", &early.bytes(), NOW - 1, Some("BEFORE_CLOCK"));
    let fast = good.clone().with(|record| record.issued_at = NOW + 301);
    world.judge("signed 301 s ahead", &fast.bytes(), NOW, Some("ISSUED_IN_FUTURE"));
    let late = NOW + 30 * DAY + 1;
    let old = good.clone().with(|record| record.expires = late + DAY);
    world.judge("30 days and a second old", &old.bytes(), late, Some("ISSUED_TOO_EARLY"));
    // A record of 2100 moves the clock, and a charter puts it right.
    let ahead = at(world.record("fr/soc"), YEAR_2100);
    world.take(&ahead.with(|record| record.expires = YEAR_2100 + DAY));
    let now = world.record("fr/cert");
    world.judge("after a clock of 2100", &now.bytes(), NOW, Some("BEFORE_CLOCK"));
    let mut waited = World::new();
    waited.take(&Draft { at: NOW + 9, ..waited.record("fr/soc") });
    let between = Draft { at: NOW + 8, ..waited.record("fr/cert") };
    let name = "after one that was signed before and admitted later";
    waited.judge(name, &between.bytes(), NOW + 8, Some("BEFORE_CLOCK"));
    let old = world.charter().with(|charter| charter.issued_at = NOW - 30 * DAY - 1);
    world.judge("a charter too old to help", &old.bytes(), NOW, Some("ISSUED_TOO_EARLY"));
    world.take(&world.charter());
    assert_eq!(world.directory.clock(), NOW);
    let before = Draft { at: NOW - 1, ..world.record("fr/cert") };
    world.judge("before the clock put right", &before.bytes(), NOW - 1, Some("BEFORE_CLOCK"));
}

/// Each kind but charter and revocation raises the clock, and is stopped by it.
#[test]
pub(super) fn every_dated_entry_raises_it() {
    let (later, before) = (NOW + 9, NOW + 8);
    let mut world = World::new();
    world.take(&Draft { at: later, ..world.record("at/cert") });
    let stopped = |name: &str, bytes: &[u8]| {
        world.judge(&format!("{name} before it"), bytes, before, Some("BEFORE_CLOCK"));
        world.judge(&format!("{name} at it"), bytes, later, None);
    };
    stopped("an admission", &world.admission("fr").bytes());
    stopped("an attested record", &world.attested("zz/mfa").bytes());
    stopped("a record", &world.record("fr/soc").bytes());
    stopped("a roster", &world.roster("fr/soc").bytes());
    stopped("a withdrawal", &world.withdrawal("fr/soc").bytes());
    let unstopped = |name: &str, bytes: &[u8]| {
        world.judge(&format!("{name} before it"), bytes, before, None);
    };
    unstopped("a charter", &world.charter().bytes());
    unstopped("a revocation", &world.revocation("fr/soc/duty-1").bytes());

    let raised = |name: &str, take: fn(&mut World, u64), reason| {
        let mut world = World::new();
        take(&mut world, later);
        let next = world.record("fr/cert").bytes();
        world.judge(&format!("a record before {name}"), &next, before, reason);
    };
    let stops = Some("BEFORE_CLOCK");
    raised("an admission", |w, at| drop(w.take(&Draft { at, ..w.admission("fr") })), stops);
    raised(
        "an attested record",
        |w, at| drop(w.take(&Draft { at, ..w.attested("zz/mfa") })),
        stops,
    );
    raised("a roster", |w, at| drop(w.take(&Draft { at, ..w.roster("fr/soc") })), stops);
    raised("a withdrawal", |w, at| drop(w.take(&Draft { at, ..w.withdrawal("fr/soc") })), stops);
    raised("a charter", |w, at| drop(w.take(&Draft { at, ..w.charter() })), stops);
    raised(
        "a revocation",
        |w, at| drop(w.take(&Draft { at, ..w.revocation("fr/soc/duty-1") })),
        None,
    );
}

pub(super) fn admits() {
    let mut world = World::new();
    let good = world.record("fr/soc");
    world.judge("at the clock", &good.bytes(), NOW, None);
    let fast = good.clone().with(|record| record.issued_at = NOW + 300);
    world.judge("signed 300 s ahead", &fast.bytes(), NOW, None);
    let mut fast = World::new();
    fast.take(&fast.record("fr/soc").with(|record| record.issued_at = NOW + 300));
    fast.judge("after one that was signed ahead", &fast.record("fr/cert").bytes(), NOW, None);
    let late = NOW + 30 * DAY;
    let old = good.clone().with(|record| record.expires = late + DAY);
    world.judge("30 days old", &old.bytes(), late, None);
    // The revocation of 3000 is admitted, and stops nobody after it.
    let year_3000 = 32_503_680_000;
    let slip = world.revocation("fr/soc/duty-1");
    let slip = Draft { at: year_3000, ..slip.with(|slip| slip.issued_at = year_3000) };
    world.judge("a revocation of the year 3000", &slip.bytes(), year_3000, None);
    let clock = world.directory.clock();
    world.take(&slip);
    assert_eq!(world.directory.clock(), clock, "it does not move the clock");
    let next = world.record("fr/cert");
    world.judge("a record after the revocation of 3000", &next.bytes(), NOW, None);
    let slip = world.revocation("fr/cert/duty-1");
    world.judge("a revocation before the clock", &slip.bytes(), 0, None);
    // The clock of 2100, and the charter that puts it right.
    let ahead = at(world.record("fr/soc"), YEAR_2100);
    world.take(&ahead.with(|record| record.expires = YEAR_2100 + DAY));
    let charter = world.charter();
    world.judge("a charter after a clock of 2100", &charter.bytes(), NOW, None);
    world.take(&charter);
    let next = world.record("fr/cert");
    world.judge("a record after the charter put it right", &next.bytes(), NOW, None);
}

#[test]
fn the_clock_stops_whom_it_should() {
    refuses();
}

#[test]
fn the_revocation_of_3000_and_the_clock_of_2100_stop_nobody() {
    admits();
}

/// An undated kind moves nothing, a dated one raises, a charter sets; and a start finds the same
/// clock in the entries.
#[test]
fn the_clock_is_found_again_from_the_entries() {
    let mut world = World::new();
    world.take(&at(world.record("fr/soc"), NOW + 7).with(|record| record.expires += 7));
    let slip = Draft { at: NOW + 99, ..world.revocation("fr/soc/duty-1") };
    world.take(&slip);
    assert_eq!(world.directory.clock(), NOW + 7);
    let again = |world: &World| {
        world.entries.iter().fold(0, |clock, (statement, admitted_at)| {
            let statement = statement.clone().into();
            let entry = entry::Entry { statement, admitted_at: *admitted_at };
            clock_behind(clock, &entry.encode()).unwrap()
        })
    };
    assert_eq!(again(&world), NOW + 7);
    world.take(&at(world.charter(), NOW - 7));
    assert_eq!((world.directory.clock(), again(&world)), (NOW - 7, NOW - 7));
}
