//! One seat's mailbox at work: what is held back, what is said of what does not come or go, whose copy counts.

use std::sync::Arc;

use super::expiry::mailbox;
use super::homes::paris;
use super::whole::Whole;
use super::*;
use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::{Fate, Sending};
use crate::client::home::Home;
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::reach::mailbox::Event;
use crate::client::reach::session::Synced;
use crate::client::reason::{Here, Rule};
use crate::client::replica::{Frozen, Replica};
use crate::domain::ids::ContactId;
use crate::office::fate::{given_up, kept_back};
use crate::office::mail::Mail;
use crate::office::news::News;
use crate::office::sync::current;
use crate::office::told::Note;

const CERT: &str = "fr/cert-fr";
const TITLE: &str = "Ransomware at a port";

fn item(item: &v1::Item) -> Event {
    Event::Item(Box::new(item.clone()))
}

/// A copy of the directory as it is now, beside the one of a home.
fn copied(net: &Net) -> (Replica, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (net.copy(&Home::at(dir.path().to_owned())), dir)
}

/// Puts a message of Vienna's into its outbox.
fn waits(net: &Net, vienna: &Whole, to: &[&str]) -> MessageId {
    let sealed = net.seal(net.outside(AT, to), &notification(0));
    let request = Request::submit(sealed.envelope);
    vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    sealed.id
}

// What comes.

#[test]
fn headers_are_held_until_something_whole_comes_or_the_head() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 3);
    let paris = Whole::of(&net, FR);
    let (mut held, mut news) = (Vec::new(), News::default());
    let mut take = |event| paris.mail.take(event, &mut held, &mut news).map(|()| held.len());
    let numbers = || paris.mail.inbox.numbers().unwrap();
    assert_eq!(take(item(&alone(&items[0]))), Ok(1));
    assert_eq!(numbers(), [] as [u64; 0]);
    // What is whole may be large: all that is held goes to the disk with it.
    assert_eq!(take(item(&items[1])), Ok(0));
    assert_eq!(numbers(), [1, 2]);
    assert_eq!(take(item(&alone(&items[2]))), Ok(1));
    // The head is over what is held, too.
    assert_eq!(take(Event::Head(head)), Ok(0));
    assert_eq!(numbers(), [1, 2, 3]);
    assert_eq!(paris.mail.inbox.unfetched().unwrap(), [1, 3]);
    assert_eq!(news.messages, [2], "by its header alone nothing is read");
    let queued = news.queued();
    assert_eq!(paris.mail.outbox.pending().unwrap(), queued);
    assert_eq!((queued.len(), news.queued().len()), (1, 0));
}

#[test]
fn a_head_from_ahead_waits_for_the_sync_and_one_that_is_none_does_not() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    let (items, _) = mailbox(&mut net, 1);
    net.admit("lu");
    let (_, head) = net.collect(FR, 0);
    let (mut held, mut news) = (Vec::new(), News::default());
    let why = paris.mail.take(Event::Head(Bytes::from_static(b"no head")), &mut held, &mut news);
    assert!(why.is_err());
    assert_eq!(news.unchecked, None);
    paris.mail.take(item(&items[0]), &mut held, &mut news).unwrap();
    let why = paris.mail.take(Event::Head(head.clone()), &mut held, &mut news).unwrap_err();
    assert_eq!(why.reason, Here::SyncFirst);
    assert_eq!(news.unchecked.take(), Some(head.clone()));
    assert!(news.messages.is_empty());
    assert_eq!(paris.mail.inbox.numbers().unwrap(), [1], "what came is kept all the same");
    paris.sync(&net);
    paris.mail.take(Event::Head(head), &mut held, &mut news).unwrap();
    assert_eq!((news.unchecked, news.messages), (None, vec![1]));
}

#[test]
fn what_the_relay_forgot_has_expired_by_this_clock_or_waits_still() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 1);
    let mut paris = Whole::of(&net, FR);
    paris.take(&[alone(&items[0])], &head);
    let (mut held, mut news) = (Vec::new(), News::default());
    paris.mail.take(Event::Forgotten(1), &mut held, &mut news).unwrap();
    assert_eq!((&news.messages[..], paris.mail.inbox.how(1).unwrap()), (&[][..], None));
    assert_eq!(paris.mail.unfetched().unwrap(), [1]);
    paris.mail.office.net.ambient = testlog::ambient_at(net.ambient.now() + 400 * 86_400);
    paris.mail.take(Event::Forgotten(1), &mut held, &mut news).unwrap();
    assert_eq!(
        (&news.messages[..], paris.mail.inbox.how(1).unwrap()),
        (&[1][..], Some(How::Expired))
    );
    assert_eq!(paris.mail.unfetched().unwrap(), [] as [u64; 0]);
    assert!(paris.mail.take(Event::Forgotten(7), &mut held, &mut news).is_err());
}

#[test]
fn of_a_body_that_does_not_come_it_is_said_why_unless_it_has_expired() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 1);
    let mut paris = Whole::of(&net, FR);
    paris.take(&[alone(&items[0])], &head);
    let expired =
        || ClientError::new(Side::Ours, Family::NotFound, Rule::MessageExpired, "it has expired");
    let mut news = News::default();
    // By this machine's clock it has not: it is no more than not fetched.
    assert_eq!(paris.mail.take_no_body((1, expired()), &mut news), Ok(false));
    assert_eq!(news.notes, [Note::NotFetched(1, expired())]);
    assert_eq!(news.not_fetched, Some(expired()));
    assert_eq!(paris.mail.unfetched().unwrap(), [1]);
    // The network fails: the same, whatever the clock says.
    paris.mail.office.net.ambient = testlog::ambient_at(net.ambient.now() + 400 * 86_400);
    let cut = ClientError::new(Side::Network, Family::NotReachable, Here::Unavailable, "cut");
    assert_eq!(paris.mail.take_no_body((1, cut.clone()), &mut news), Ok(false));
    assert_eq!(news.notes().last(), Some(&Note::NotFetched(1, cut)));
    // What the service has lost its sender has.
    let lost = ClientError::from(Refusal::BodyDamaged);
    assert_eq!(paris.mail.take_no_body((1, lost), &mut news), Ok(false));
    let notes = news.notes();
    let [Note::BodyLost(why)] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(why.mend.as_deref(), Some(&Mend::AskToSendAgain(contact("at/cert-at"))));
    assert_eq!(news.messages, [] as [u64; 0]);
    assert_eq!(paris.mail.take_no_body((1, expired()), &mut news), Ok(true));
    assert_eq!((news.messages, news.notes), (vec![1], vec![]));
    // Of what is not here the error stays as it was.
    let lost = ClientError::from(Refusal::BodyDamaged);
    assert_eq!(paris.mail.lost(9, lost.clone()), lost);
}

#[test]
fn a_body_is_dealt_with_once() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 1);
    let mut paris = Whole::of(&net, FR);
    paris.take(&[alone(&items[0])], &head);
    let mut news = News::default();
    paris.mail.take_body(&items[0], &mut news).unwrap();
    assert_eq!((news.queued().len(), &news.messages[..]), (1, &[1][..]));
    paris.mail.take_body(&items[0], &mut news).unwrap();
    assert_eq!((news.queued().len(), &news.messages[..]), (0, &[1][..]));
    assert_eq!(paris.mail.outbox.pending().unwrap().len(), 1);
    // Another body under its number is none.
    let (mut other, _) = mailbox(&mut net, 1);
    let mut lie = other.remove(1);
    lie.number = 1;
    let fresh = Whole::of(&net, FR);
    fresh.mail.inbox.put_all(&[alone(&items[0])]).unwrap();
    assert!(fresh.mail.take_body(&lie, &mut news).is_err());
    assert!(!fresh.mail.inbox.is_whole(1));
}

#[test]
fn what_waited_for_the_directory_is_read_after_the_sync_and_new_once() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    net.admit("lu");
    let (items, head) = mailbox(&mut net, 1);
    // Nothing is dealt with beside a head that cannot be checked yet.
    let (mut held, mut news) = (Vec::new(), News::default());
    paris.mail.take(item(&items[0]), &mut held, &mut news).unwrap();
    assert!(paris.mail.take(Event::Head(head.clone()), &mut held, &mut news).is_err());
    paris.mail.caught_up(&mut news).unwrap();
    assert!(news.messages.is_empty());
    // Once it has synced nothing is behind any more, unless something says so again.
    news.behind = true;
    paris.mail.caught_up(&mut news).unwrap();
    assert!(!Mail::is_behind(&news));
    paris.sync(&net);
    paris.mail.take(Event::Head(head), &mut held, &mut news).unwrap();
    assert_eq!(news.messages, [1]);
    paris.mail.caught_up(&mut news).unwrap();
    assert_eq!(news.messages, [1], "it is new once");
}

// What goes.

#[test]
fn why_a_request_was_not_accepted_is_said_as_people_need_it() {
    let mut net = Net::new();
    let vienna = Whole::of(&net, AT);
    let outbox = &vienna.mail.outbox;
    let (first, second) = (waits(&net, &vienna, &[CERT]), waits(&net, &vienna, &[CERT]));
    let of = |id| vienna.mail.addressing(id).unwrap();
    assert_eq!(of(first).unwrap().recipients[0].contact.as_str(), CERT);
    let mut news = News::default();
    // What waits is known by its title, with what keeps it back.
    let cut = ClientError::new(Side::Network, Family::NotReachable, Here::Unavailable, "cut off");
    let error = kept_back(outbox, cut.clone(), first);
    assert_eq!(error.fate, Some(Fate::Waits(first, Sending::Message)));
    vienna.mail.not_accepted((first, &error), &mut news).unwrap();
    let still = Note::StillWaits {
        id: first,
        title: Some(TITLE.to_owned()),
        of: of(first).unwrap(),
        why: "cut off".to_owned(),
    };
    assert_eq!(news.notes(), [still]);
    assert!(news.given_up.is_none());
    // Where nothing could be noted of it, the error says it.
    let unnoted = cut.clone().leaves(Fate::Waits(second, Sending::Message));
    vienna.mail.not_accepted((second, &unnoted), &mut news).unwrap();
    let note = Note::NotAccepted { id: second, of: of(second), error: unnoted };
    assert_eq!(news.notes(), [note]);
    // That something was refused for good is how the command ends: by the first of it.
    for id in [second, first] {
        let error = given_up(outbox, ClientError::from(Refusal::BodyDigest), id);
        vienna.mail.not_accepted((id, &error), &mut news).unwrap();
        let note = Note::NotAccepted { id, of: of(id), error };
        assert_eq!(news.notes(), [note]);
    }
    let ends = news.ends().unwrap_err();
    assert_eq!(ends.fate, Some(Fate::WaitedInVain(second)));
    assert!(ends.printed, "what was asked for was shown");
    // What is not there any more is said by its id alone.
    let mut news = News::default();
    let nobody = MessageId::new(1, [1; 10]);
    vienna.mail.not_accepted((nobody, &cut), &mut news).unwrap();
    assert_eq!(news.notes(), [Note::NotAccepted { id: nobody, of: None, error: cut }]);

    // Nobody waits for a receipt.
    mailbox(&mut net, 1);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let receipt = paris.mail.outbox.pending().unwrap()[0];
    let mut news = News::default();
    let not_due =
        ClientError::new(Side::Ours, Family::Refused, Rule::ReceiptNotDue, "nobody waits");
    let not_due = not_due.leaves(Fate::GivenUp(receipt));
    paris.mail.not_accepted((receipt, &not_due), &mut news).unwrap();
    assert!(news.notes().is_empty() && news.given_up.is_none());
    let error = given_up(&paris.mail.outbox, ClientError::from(Refusal::BodyDigest), receipt);
    paris.mail.not_accepted((receipt, &error), &mut news).unwrap();
    assert_eq!(news.notes().len(), 1);
    assert!(news.ends().is_ok());
}

#[test]
fn what_went_to_nobody_goes_to_the_others_once() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let before = waits(&net, &vienna, &[CERT, "pt/cert-pt"]);
    let left_out = contact("pt/cert-pt");
    let instead = vienna.mail.seal_to_others((before, &[&left_out])).unwrap();
    assert_ne!(instead, before);
    assert_eq!(vienna.mail.outbox.pending().unwrap(), [instead]);
    let of = vienna.mail.addressing(instead).unwrap().unwrap();
    let to: Vec<_> = of.recipients.iter().map(|to| to.contact.as_str()).collect();
    assert_eq!(to, [CERT]);
    let stale = OrLater::Known(Flag::StaleDirectory);
    assert!(!of.flags.contains(&stale));
    assert_eq!(vienna.mail.title(instead), Ok(Some(TITLE.to_owned())));
    let why = vienna.mail.seal_to_others((before, &[&left_out])).unwrap_err();
    assert_eq!((&why.reason, why.mend.as_deref()), (&Here::DealtWith.into(), Some(&Mend::Sent)));
    assert!(why.sentence.contains(&before.to_string()), "{why}");
    assert_eq!(vienna.mail.outbox.pending().unwrap(), [instead]);
    // On a copy that is old the others are told so.
    let ago = net.directory.charter().policy.stale_after + 60;
    let vienna = Whole::synced_before(&net, AT, ago);
    let before = waits(&net, &vienna, &[CERT, "pt/cert-pt"]);
    let instead = vienna.mail.seal_to_others((before, &[&left_out])).unwrap();
    assert!(vienna.mail.addressing(instead).unwrap().unwrap().flags.contains(&stale));
}

#[test]
fn whether_something_waits_is_known_without_opening_a_mailbox() {
    let mut net = Net::new();
    let vienna = Whole::of(&net, AT);
    let office = vienna.mail.office.clone();
    let is_waiting = || Mail::waits(&office, &seat(AT));
    assert_eq!(is_waiting(), Ok(false));
    waits(&net, &vienna, &[CERT]);
    assert_eq!(is_waiting(), Ok(true));
    assert_eq!(Mail::waits(&office, &seat(FR)), Ok(false), "of another seat");
    vienna.hand_in(&mut net);
    assert_eq!(is_waiting(), Ok(false));
}

// Whose copy counts.

#[test]
fn the_copy_that_shows_more_is_taken_over_and_keys_are_read_again_only_if_they_may_be_others() {
    let mut net = Net::new();
    let home = paris(&mut net);
    let mut office = home.office.clone();
    office.chosen.seat = Some(seat(FR));
    let (old, _old) = copied(&net);
    let mut mail = Mail::open(&office, office.replica().unwrap()).unwrap();
    let size = |mail: &Mail| mail.replica.view().unwrap().size;
    let first = size(&mail);
    net.admit("lu");
    let (newer, _newer) = copied(&net);
    mail.takes_over(Arc::new(newer)).unwrap();
    assert_eq!(size(&mail), first + 2);
    mail.takes_over(Arc::new(old)).unwrap();
    assert_eq!(size(&mail), first + 2, "an older one shows less");
    // Whose keys are away now: they are not asked for, as nothing was said of this contact.
    let keys = office.home.root().join("keys");
    std::fs::rename(&keys, office.home.root().join("away")).unwrap();
    net.admit("be");
    let (newer, _newer) = copied(&net);
    mail.takes_over(Arc::new(newer)).unwrap();
    net.record(CERT, 2, &[Level::Policy]);
    let (newer, _newer) = copied(&net);
    let why = mail.takes_over(Arc::new(newer)).unwrap_err();
    assert_eq!(why.family, Family::IdentityOrKey, "{why}");
}

#[test]
fn what_a_sync_did_not_bring_is_told_to_whom_it_was_kept_from() {
    let net = Net::new();
    let mut paris = Whole::of(&net, FR);
    let nothing = Synced {
        before: 1,
        size: 1,
        withheld: Vec::new(),
        frozen: None,
        checked: true,
        clock: None,
        refuted: None,
    };
    paris.mail.office.tell_what_lacks(&nothing);
    assert_eq!(paris.told(), []);
    let withheld =
        |contact: &str, part: &str| (contact.parse::<ContactId>().unwrap(), part.to_owned());
    let kept = vec![withheld("pt/cert-pt", "telephone"), withheld("at/cert-at", "email")];
    let kept = || Synced { withheld: kept.clone(), ..nothing.clone() };
    paris.mail.office.tell_what_lacks(&kept());
    let told = paris.told();
    assert_eq!(
        told,
        [
            Note::Withheld(contact("pt/cert-pt"), "telephone".to_owned()),
            Note::Withheld(contact("at/cert-at"), "email".to_owned()),
        ]
    );
    // Operators are handed none at all, and hear how many those are.
    paris.mail.office.chosen.seat = None;
    let office = paris.mail.office.clone();
    office.home.keys().create(&Owner::Operator("olga".parse().unwrap()), office.ambient()).unwrap();
    office.tell_what_lacks(&kept());
    assert_eq!(paris.told(), [Note::DetailsForMembers(2)]);
    office.tell_what_lacks(&nothing);
    assert_eq!(paris.told(), []);

    let clock = Synced { clock: Some(77), ..nothing.clone() };
    paris.mail.office.net.ambient = testlog::ambient_at(9);
    paris.mail.office.tell_what_lacks(&clock);
    assert_eq!(paris.told(), [Note::ClocksApart { own: 9, directory: 77 }]);
    let path = std::path::PathBuf::from("evidence");
    let refuted = Synced { refuted: Some(path.clone()), ..nothing.clone() };
    office.tell_what_lacks(&refuted);
    assert_eq!(paris.told(), [Note::ChartersRefuted(path)]);
    let frozen = Frozen { leaf: 5, rules: 9, closed: None };
    let still = Synced { frozen: Some(frozen.clone()), ..nothing };
    office.tell_what_lacks(&still);
    assert_eq!(paris.told(), [Note::StandsStill(frozen.clone())]);
    office.tell_what_lacks(&Synced { checked: false, ..still });
    assert_eq!(paris.told(), [Note::StandsStill(frozen.clone()), Note::CheckpointUnchecked]);
    let why = current(Some(&frozen)).unwrap_err();
    assert_eq!((why.family, why.printed), (Family::UpdateMe, true));
    assert_eq!(current(None), Ok(()));
}

#[test]
fn a_copy_that_is_old_or_stands_still_is_said_to_be_and_a_fresh_one_not() {
    let mut net = Net::new();
    let told = |of: &Whole| {
        of.mail.office.tell_its_age(&of.mail.replica).unwrap();
        of.told()
    };
    assert_eq!(told(&Whole::of(&net, FR)), []);
    let stale = net.directory.charter().policy.stale_after + 60;
    assert_eq!(told(&Whole::synced_before(&net, FR, stale)), [Note::CopyStale]);
    net.newer_rules();
    let frozen = Whole::of(&net, FR);
    frozen.told();
    assert_eq!(told(&frozen), [Note::CopyStandsStill]);
}

// What is said of the own keys.

#[test]
fn what_the_copy_says_of_a_key_names_its_entry_and_loses_nothing_of_the_answer() {
    let mut net = Net::new();
    let home = paris(&mut net);
    let mut office = home.office.clone();
    office.chosen.seat = Some(seat(FR_2));
    net.roster_of(CERT, 3, vec![home.listed(FR)]);
    let (replica, _dir) = copied(&net);
    let leaf = net.directory.size() - 1;
    let (side, family) = (Side::Ours, Family::IdentityOrKey);
    let mut refused = ClientError::new(side, family, Rule::NotPermitted, "no");
    refused.details.insert("method".to_owned(), "Collect".to_owned());
    let why = office.explained(&replica, refused);
    assert_eq!(why.reason, Here::KeyDropped);
    let entry = format!("was dropped by entry {leaf} of 1970-01-01 00:16");
    assert!(why.sentence.starts_with(FR_2) && why.sentence.contains(&entry), "{why}");
    assert_eq!(why.details.get("method").map(String::as_str), Some("Collect"));
}

#[test]
fn a_seat_of_another_contact_in_the_same_home_lists_no_new_keys() {
    let mut net = Net::new();
    let home = homes::Kept::new(&net);
    [FR, PT].iter().for_each(|of| home.owns(&Owner::Seat(seat(of))));
    net.roster_of(CERT, 2, vec![home.listed(FR)]);
    net.roster_of(CERT, 3, vec![]);
    let (replica, _dir) = copied(&net);
    let why = home.office.seat_keys(&replica, &seat(FR)).unwrap_err();
    assert_eq!(why.reason, Here::KeyDropped);
    assert_eq!(why.mend.as_deref(), Some(&Mend::NewSeat(contact(CERT))));
}

#[test]
fn a_new_key_counts_from_when_it_is_listed_in_the_place_of_the_one_before() {
    use crate::domain::directory::key::Purpose;

    let mut net = Net::new();
    let home = paris(&mut net);
    let keys = home.office.home.keys();
    let ambient = home.office.ambient();
    let count = |net: &Net| {
        let (replica, _dir) = copied(net);
        home.office.seat_keys(&replica, &seat(FR))
    };
    assert_eq!(count(&net), Ok(3));
    let all = [Purpose::SeatSign, Purpose::SeatSeal, Purpose::SeatTls];
    keys.stage(&seat(FR), &all, ambient).unwrap();
    assert!(home.office.changes_keys(&Owner::Seat(seat(FR))));
    assert_eq!(count(&net), Ok(3), "what waits is not missed");
    let next = keys.next(&seat(FR), ambient).unwrap();
    let listed = next.follow(home.listed(FR));
    net.roster_of(CERT, 3, vec![listed, home.listed(FR_2)]);
    // The old ones have ended, and nobody minds.
    assert_eq!(count(&net), Ok(3));
    // But for a colleague's roster that lists neither.
    net.roster_of(CERT, 4, vec![home.listed(FR_2)]);
    assert_eq!(count(&net).unwrap_err().reason, Here::KeyDropped);
}
