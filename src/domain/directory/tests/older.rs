//! What was verified on an older directory than the one that it is applied to: in the service's queue,
//! and in a page that a reader verifies at once.

use super::*;

/// A log behind its base, and its last statement, which may be no part of it.
pub(crate) struct History {
    pub(crate) name: &'static str,
    world: World,
    last: Vec<u8>,
    /// What becomes of the last.
    reason: Option<&'static str>,
}

impl History {
    /// The entries, up to the last.
    pub(crate) fn entries(&self) -> Vec<Vec<u8>> {
        let last = (self.last.clone(), NOW);
        self.world.entries.iter().chain([&last]).map(encoded).collect()
    }

    /// What becomes of the last.
    pub(crate) fn judged(&self) -> Result<(), String> {
        self.reason.map_or(Ok(()), |reason| Err(reason.to_owned()))
    }
}

pub(super) fn encoded((statement, at): &(Vec<u8>, u64)) -> Vec<u8> {
    let statement = statement.clone().into();
    entry::Entry { statement, admitted_at: *at }.encode().to_vec()
}

/// A statement, as the world stands.
type Made<'a> = &'a dyn Fn(&World) -> Vec<u8>;

/// Each last statement stands or falls with what stands shortly before it.
pub(crate) fn histories() -> Vec<History> {
    let mut all = Vec::new();
    let mut add = |name, before: &[Made<'_>], last: Made<'_>, reason| {
        let mut world = World::new();
        before.iter().for_each(|statement| _ = world.take_bytes(statement(&world), NOW));
        let last = last(&world);
        all.push(History { name, world, last, reason });
    };
    let keeper = |world: &World| {
        world.record("fr/soc").with(|record| record.keeper = Some(public("a new keeper"))).bytes()
    };
    let kept_by_none = |world: &World| world.record("fr/soc").with(|r| r.keeper = None).bytes();
    let roster = |world: &World| world.roster("fr/soc");
    add(
        "a seat that was revoked revokes",
        &[&|world| world.revocation("fr/soc/duty-1").bytes()],
        &|world| world.revocation("fr/soc/duty-2").signed_by(&["fr/soc/duty-1 sign"]).bytes(),
        Some("KEY_NOT_IN_FORCE"),
    );
    let old = |world: &World| roster(world).bytes();
    add("a keeper who was replaced signs", &[&keeper], &old, Some("KEY_NOT_IN_FORCE"));
    let new = |world: &World| roster(world).signed_by(&["a new keeper"]).bytes();
    add("the keeper who replaced him signs", &[&keeper], &new, None);
    let authority = |world: &World| roster(world).signed_by(&["fr-1", "fr-2"]);
    add("the authority keeps again", &[&kept_by_none], &|world| authority(world).bytes(), None);
    let unproven = |world: &World| {
        let key = proven("x", "fr/soc/duty-2", Use::Sign);
        authority(world).with(|roster| roster.seats[0].sign = Some(key)).bytes()
    };
    let missing = Some("NO_POSSESSION");
    add("the authority keeps again without a proof", &[&kept_by_none], &unproven, missing);
    add(
        "a registrar who left admits",
        &[&|world| {
            let charter = world.charter().signed_by(&["alice", "carol"]);
            charter.with(|charter| drop(charter.registrars.remove(1))).bytes()
        }],
        &|world| world.admission("zz").bytes(),
        Some("KEY_NOT_IN_FORCE"),
    );
    add(
        "two admit where three must",
        &[&|world| {
            let three = world.charter().signed_by(&["alice", "bob", "carol"]);
            three.with(|charter| charter.threshold = 3).bytes()
        }],
        &|world| world.admission("zz").bytes(),
        Some("BELOW_THRESHOLD"),
    );
    add(
        "a roster of a contact that was withdrawn",
        &[&|world| world.withdrawal("fr/soc").bytes()],
        &|_| World::new().roster("fr/soc").bytes(),
        Some("UNKNOWN_CONTACT"),
    );
    add("a statement again", &[&old], &|_| old(&World::new()), Some("WRONG_VERSION"));
    // A key that nobody knows is a registrar's to whoever looks at a charter that lists it for one.
    let frank = |world: &World| {
        let with = world.charter().signed_by(&["alice", "bob", "frank"]);
        with.with(|charter| charter.registrars.push(person("frank")))
    };
    add("a new registrar signs", &[], &|world| frank(world).bytes(), None);
    add(
        "a new registrar whose key is a seat's meanwhile",
        &[&|world| roster(world).with(|r| r.seats[0].sign = Some(public("frank"))).bytes()],
        &|world| frank(world).bytes(),
        Some("WRONG_PURPOSE"),
    );
    add(
        "a new registrar whose key is an operator's meanwhile",
        &[&|world| {
            let operator = proto::Person { tls: Some(public("frank 2")), ..person("frank") };
            world.charter().with(|charter| charter.operators.push(operator)).bytes()
        }],
        &|world| frank(world).with(|charter| drop(charter.operators.pop())).bytes(),
        Some("WRONG_PURPOSE"),
    );
    let raised = |world: &World| world.charter().with(|charter| charter.rules = 2).bytes();
    add("a record under newer rules", &[&raised], &|world| world.record("fr/soc").bytes(), None);
    add("a kind of newer rules", &[&raised], &ruled::trial, None);
    add("a kind of rules to come", &[], &ruled::trial, Some("UNKNOWN_KIND"));
    all
}

/// Whatever an older directory verified: applied to the one before it, it is taken if and only if it
/// verifies there, and makes the same new.
#[test]
fn it_is_applied_as_if_it_were_verified_now() {
    let (mut ahead, mut in_its_turn) = (0, 0);
    for history in histories() {
        let (world, name) = (&history.world, history.name);
        let decided = world.decide_bytes(&history.last, NOW);
        assert_eq!(reasons(&decided), history.judged(), "{name}");
        let admitted = Admitted { leaf: world.directory.size(), at: NOW };
        for older in World::new().each_directory(world) {
            let Ok(verified) = verify(&older, &history.last) else {
                in_its_turn += 1;
                continue;
            };
            let applied = apply(&world.directory, &verified, admitted);
            assert_eq!(applied.as_ref().ok(), decided.as_ref().ok(), "{name}");
            ahead += usize::from(applied.is_ok());
            // Only whose key it is meanwhile `apply` says in other words.
            let same = reasons(&applied) == reasons(&decided);
            assert_eq!(same, history.reason != Some("WRONG_PURPOSE"), "{name}: {applied:?}");
        }
    }
    assert!(ahead > 5 && in_its_turn > 5, "{ahead}, {in_its_turn}");
}

impl World {
    /// This directory, and with every later part of another's log.
    fn each_directory(&self, later: &Self) -> Vec<Directory> {
        let mut directories = vec![self.directory.clone()];
        for parts in &later.parts[self.parts.len()..] {
            let mut next = directories.last().unwrap().clone();
            next.advance(parts);
            directories.push(next);
        }
        directories
    }
}
