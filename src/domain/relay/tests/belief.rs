//! Keys, levels and steps in time: each from the entry before and behind the one that changed it.

use super::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL};
use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::refusal::Refusal;
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::relay::belief::{could_open, ended_before, has_ended, stood};
use crate::domain::relay::expire::{beginning, blob, first, kept, next};
use crate::domain::relay::level::{has, is_lacking, to_answer_at};
use crate::domain::state::{Body, EntryKind, Key, Mailbox, Step, Value};
use crate::signed::proto::{Class, Level};
use crate::world::relay::{AT, FR, FR_2, Net, contact, seat, sign_key};

const DAY: u64 = 86_400;

fn key_of(seat: &str) -> KeyId {
    sign_key(&format!("{seat} sign")).public().id()
}

/// Entry 12 lists the seats of France, and entry 14 ends the key of one.
#[test]
fn a_key_stood_from_behind_the_entry_that_listed_it_up_to_the_one_that_ended_it() {
    let mut net = Net::new();
    net.revoke_sign_key(FR);
    let (ended, stands) = (key_of(FR), key_of(FR_2));
    for size in 0..=20 {
        let found = [ended, stands].map(|key| stood(&net.directory, key, size).is_ok());
        assert_eq!(found, [(13..=14).contains(&size), size > 12], "{size}");
        assert_eq!(ended_before(&net.directory, ended, size), (size > 14).then_some(14), "{size}");
        assert_eq!(ended_before(&net.directory, stands, size), None);
    }
    assert_eq!(stood(&net.directory, ended, 15), Err(Refusal::KeyNotInForce(ended)));
    assert_eq!([ended, stands].map(|key| has_ended(&net.directory, key)), [true, false]);
    let unknown = KeyId::of(b"nobody's");
    assert_eq!(stood(&net.directory, unknown, 13), Err(Refusal::KeyNotInForce(unknown)));
    assert_eq!(ended_before(&net.directory, unknown, 20), None);
    assert!(has_ended(&net.directory, unknown));
}

/// Entry 14 is a roster with new seal keys and without one of the seats.
#[test]
fn a_seat_could_open_what_was_sealed_while_it_had_a_seal_key() {
    let mut net = Net::new();
    net.roster(FRANCE, 2, &["duty-1", "duty-3"]);
    for size in 0..=20 {
        let could = |of: &str| could_open(&net.directory, &seat(of), size);
        assert_eq!(could(FR), size > 12, "{size}");
        assert_eq!(could(FR_2), (13..=14).contains(&size), "{size}");
        assert_eq!(could("fr/cert-fr/duty-3"), size > 14, "{size}");
        assert!(!could("fr/cert-fr/duty-4") && !could("es/cert-es/duty-1"), "{size}");
    }
}

/// Entry 14 is a record of France with other levels.
#[test]
fn a_level_is_lacking_only_where_the_record_is_the_one_that_was_seen() {
    let mut net = Net::new();
    let fr = contact(FRANCE);
    assert_eq!(has(&net.directory, &fr, Level::Technical), Ok(()));
    assert_eq!(to_answer_at(&net.directory, &fr, Level::Technical), Level::Technical);
    net.record(FRANCE, 2, &[Level::Policy, Level::Legal]);
    for level in [Level::Technical, Level::Policy, Level::Diplomatic, Level::Legal] {
        let is_there = [Level::Policy, Level::Legal].contains(&level);
        let found = has(&net.directory, &fr, level);
        let levels = vec![Level::Policy, Level::Legal];
        let lacking = Refusal::NotALevel { contact: fr.clone(), level, has: levels };
        assert_eq!(found, if is_there { Ok(()) } else { Err(lacking) });
        for size in [0, 13, 14, 15, 99] {
            let lacks = is_lacking(&net.directory, &fr, level, size);
            assert_eq!(lacks, !is_there && size > 14, "{level:?} at {size}");
        }
        let answer = to_answer_at(&net.directory, &fr, level);
        assert_eq!(answer, if is_there { level } else { Level::Policy });
    }
    let nobody = contact("fr/nobody");
    let unknown = Err(Refusal::UnknownContact(nobody.clone()));
    assert_eq!(has(&net.directory, &nobody, Level::Technical), unknown);
    assert!(!is_lacking(&net.directory, &nobody, Level::Technical, 99));
    assert_eq!(to_answer_at(&net.directory, &nobody, Level::Legal), Level::Legal);
    net.withdraw(FRANCE, 3);
    assert!(!is_lacking(&net.directory, &fr, Level::Technical, 99), "it has no record now");
}

#[test]
fn the_next_step_of_a_message_follows_from_what_became_of_it() {
    let net = Net::new();
    let of = Apart::between(&net, AT, &[FRANCE]).read(&net).unwrap();
    let receipt = Addressing { class: OrLater::Known(Class::Receipt), ..of.clone() };
    let due = |at: u64, step: Step| (Key::Due(at, of.id, contact(AUSTRIA)), Value::Due(step));
    let expires = of.expires;
    assert_eq!(first(&of), due(expires, Step::Tell));
    assert_eq!(first(&receipt), due(expires + DAY, Step::Empty), "nobody is told of one");
    let (told, gone) = (due(expires + DAY, Step::Empty), due(expires + 30 * DAY, Step::Forget));
    for (is_gone, is_told, expected) in [
        (false, false, &due(expires, Step::Tell)),
        (false, true, &told),
        (true, false, &gone),
        (true, true, &gone),
    ] {
        assert_eq!(next(&net.directory, &of, is_gone, is_told), *expected);
    }
    assert_eq!(next(&net.directory, &receipt, false, false), told);
    assert_eq!(next(&net.directory, &receipt, true, false), gone);
}

#[test]
fn metadata_is_kept_as_the_charter_says_and_at_least_as_long_as_ids() {
    let mut net = Net::new();
    assert_eq!(kept(&net.directory), 30 * DAY);
    for (setting, found) in [(1, DAY), (DAY - 1, DAY), (DAY + 1, DAY + 1), (40 * DAY, 40 * DAY)] {
        net.policy(&[("metadata-kept", setting)]);
        assert_eq!(kept(&net.directory), found, "{setting}");
    }
}

#[test]
fn a_body_has_a_count_if_it_is_a_file() {
    let digest = Digest::of(b"a body");
    assert_eq!(blob(&Body::Blob(digest, 9)), Some(Key::Blob(digest)));
    assert_eq!(blob(&Body::Inline(vec![1].into())), None);
    assert_eq!(blob(&Body::Gone), None);
}

#[test]
fn a_mailbox_begins_where_it_has_shrunk_to_in_this_epoch() {
    let net = Net::new();
    let (genesis, pt) = (net.directory.genesis(), contact(PORTUGAL));
    let of = |epoch| Mailbox::of_epoch(genesis, &pt, epoch);
    let shrunk = of(2).append(EntryKind::Addressed, Digest::of(b"gone"));
    let begins = |epoch, stored| beginning(&net.directory, &pt, &of(epoch), stored);
    assert_eq!(begins(2, Some(&shrunk)), shrunk);
    assert_eq!(begins(2, None), of(2));
    assert_eq!(begins(3, Some(&shrunk)), of(3), "of an epoch before");
    assert_eq!(begins(1, Some(&shrunk)), of(1));
}
