//! Rules by number, shown with a kind that exists only in tests, since rules 2.

use super::kinds::trial::Trial;
use super::*;
use crate::signed::dsse::Kind;

pub(super) fn trial(world: &World) -> Vec<u8> {
    let says = Trial(world.withdrawal("fr/cert").says.with_version_0());
    let payload = Statement::Trial(says).encode();
    let keys = [key("fr-1"), key("fr-2")];
    let keys: Vec<&SigningKey> = keys.iter().collect();
    Envelope::sign(Kind::Trial, payload, &keys, &random()).unwrap().bytes().to_vec()
}

impl proto::Withdrawal {
    fn with_version_0(mut self) -> Self {
        self.targets[0].version = 0;
        self
    }
}

fn raised(world: &World, rules: u32) -> Draft<proto::Charter> {
    world.charter().with(|charter| charter.rules = rules)
}

#[test]
fn a_kind_is_admitted_from_its_rules_on() {
    let mut world = World::new();
    let refused = world.decide_bytes(&trial(&world), NOW).unwrap_err();
    assert_eq!(refused.code(), "UNKNOWN_KIND", "under rules 1");
    let refused = verify(&world.directory, &trial(&world)).unwrap_err();
    assert_eq!(refused.code(), "UNKNOWN_KIND", "before anything else of it is looked at");
    // The charter that raises the number still has the form, kinds and values of the one before.
    world.take(&raised(&world, 2));
    assert_eq!(world.directory.rules(), 2);
    world.take_bytes(trial(&world), NOW);
    // A start reads the clock of every entry, of whatever rules.
    let statement = trial(&world).into();
    let entry = entry::Entry { statement, admitted_at: NOW + 9 };
    assert_eq!(clock_behind(NOW, &entry.encode()), Ok(NOW));
    world.take(&world.record("fr/cert"));
}

/// A statement that was verified under the rules before cannot slip in, nor the other way round.
#[test]
fn what_was_verified_is_asked_for_its_rules_again() {
    let world = World::new();
    let mut later = world.clone();
    later.take(&raised(&later, 2));
    let verified = verify(&later.directory, &trial(&later)).unwrap();
    let admitted = Admitted { leaf: world.directory.size(), at: NOW };
    assert_eq!(apply(&world.directory, &verified, admitted).unwrap_err().code(), "UNKNOWN_KIND");
}

#[test]
fn rules_go_up_by_one_and_never_down() {
    let mut world = World::new();
    assert!(world.refusal(&raised(&world, 3)).starts_with("WRONG_RULES"));
    world.take(&raised(&world, 2));
    for rules in [0, 1, 4] {
        assert!(world.refusal(&raised(&world, rules)).starts_with("WRONG_RULES"), "{rules}");
    }
    world.take(&raised(&world, 2));
    world.take(&raised(&world, 3));
    assert_eq!(
        world.directory.rules(),
        3,
        "the fold goes on; whether a reader knows is his matter"
    );
}

/// No value is of rules 2 yet, so that rules 0 stand for those before a value's.
#[test]
fn a_value_is_admitted_from_its_rules_on() {
    use super::rules::known;
    for (value, rules, admitted) in [(0, 1, false), (1, 0, false), (1, 1, true), (6, 1, false)] {
        let read = known::<proto::Level>("levels", value, rules);
        assert_eq!(read.is_ok(), admitted, "{value} under rules {rules}");
    }
}

#[test]
fn every_kind_and_value_has_its_number() {
    let since: Vec<u32> = Statement::KINDS.iter().map(|(_, since)| *since).collect();
    assert_eq!(since, [1, 1, 1, 1, 1, 1, 1, 2]);
    let record = World::new().record("fr/cert");
    for rules in 0..3 {
        let statement = record.says.clone().statement();
        let read = Statement::read(statement.kind(), &statement.encode(), rules);
        assert_eq!(read.is_ok(), rules > 0, "{rules}");
    }
}
