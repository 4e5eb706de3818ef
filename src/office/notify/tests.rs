//! Whom a message reaches, whom it does not, and what it says of itself on its outside.

use crate::client::fate::Fate;
use crate::client::files::faults;
use crate::client::message::content::Writing;
use crate::client::reason::Rule;
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::office::pointer::NotOne;
use crate::office::tests::whole::Whole;
use crate::signed::proto::Tlp;
use crate::world::relay::{AT, FR, Net, PT, contact, notification};

use super::*;

/// To these, as routine.
fn notice(to: &[&str]) -> Notice {
    Notice {
        to: to.iter().map(|to| contact(to)).collect(),
        level: Level::Technical,
        urgency: Urgency::Routine,
        kind: Kind::Incident,
        inside: notification(10),
        label: None,
        drill: None,
        answers: None,
        on_stale: false,
        skip_full: false,
        is_meant: false,
    }
}

fn not_reached() -> Result<Session, ClientError> {
    let (side, family) = (Side::Network, Family::NotReachable);
    Err(ClientError::new(side, family, Here::NoConnection, "nobody is there"))
}

/// What a message that was kept says on its outside.
fn addressing(of: &Whole, kept: &Kept) -> Addressing {
    of.mail.addressing(kept.id).unwrap().unwrap()
}

fn code(why: NotNotified) -> String {
    match why {
        NotNotified::ToNobody(_) => "nobody".to_owned(),
        NotNotified::Called { error, .. } => format!("called: {}", error.reason),
        NotNotified::NothingToAnswer(at, _) => format!("no {at:?}"),
        NotNotified::Failed(error) => error.reason.to_string(),
    }
}

fn contacts(calls: &[ToCall]) -> Vec<(&str, Why)> {
    calls.iter().map(|call| (call.of.contact.as_str(), call.why)).collect()
}

#[test]
fn each_contact_gets_one_message_or_is_called_and_is_named_either_way() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let to = ["pt/cert-pt", "ie/cert-ie", "fr/cert-fr", "es/cert-es", "pt/cert-pt"];
    let plan = vienna.mail.would_notify(&notice(&to)).unwrap();
    let seats: Vec<_> = plan.to.iter().map(|to| (to.of.contact.as_str(), to.seats)).collect();
    assert_eq!(seats, [("fr/cert-fr", 2), ("pt/cert-pt", 2)]);
    let called = [("es/cert-es", Why::WithoutSeats), ("ie/cert-ie", Why::Listed)];
    assert_eq!(contacts(&plan.by_telephone), called);
    assert_eq!(plan.script.unwrap().own.contact, contact("at/cert-at"));
    let told = vienna.told();
    let told: Vec<_> = told
        .iter()
        .filter_map(|note| match note {
            Note::LeftOut(of, why) => Some((of.contact.as_str(), Some(*why))),
            Note::Sealed(of, 2) => Some((of.contact.as_str(), None)),
            _ => None,
        })
        .collect();
    let (es, ie) = (("es/cert-es", Some(Why::WithoutSeats)), ("ie/cert-ie", Some(Why::Listed)));
    assert_eq!(told, [es, ie, ("fr/cert-fr", None), ("pt/cert-pt", None)]);
    // Nothing was kept by that; by this it is.
    assert_eq!(vienna.mail.outbox.ids().unwrap(), []);
    let kept = vienna.mail.seal_and_keep(&notice(&to)).unwrap();
    assert_eq!(vienna.mail.outbox.pending().unwrap(), [kept.id]);
    let of = addressing(&vienna, &kept);
    let recipients: Vec<_> = of.recipients.iter().map(|to| to.contact.as_str()).collect();
    assert_eq!(recipients, ["fr/cert-fr", "pt/cert-pt"]);
    assert_eq!((of.class, of.thread), (OrLater::Known(Class::Notification), kept.id));
    assert!(of.flags.is_empty());
}

#[test]
fn who_is_not_there_or_not_at_that_level_is_told_before_anything_is_kept() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let refused = |notice: &Notice| {
        let dry = code(vienna.mail.would_notify(notice).unwrap_err());
        assert_eq!(code(vienna.mail.seal_and_keep(notice).unwrap_err()), dry);
        assert_eq!(vienna.mail.outbox.ids().unwrap(), []);
        dry
    };
    assert_eq!(refused(&notice(&["fr/cert-fr", "fr/nobody"])), "UNKNOWN_CONTACT");
    assert_eq!(refused(&notice(&["xx/cert-xx"])), "UNKNOWN_CONTACT");
    let policy = Notice { level: Level::Policy, ..notice(&["fr/cert-fr"]) };
    assert_eq!(refused(&policy), Rule::NotALevel.code());
    let answers =
        |at: &str| Notice { answers: Some(at.parse().unwrap()), ..notice(&["fr/cert-fr"]) };
    let Err(NotNotified::NothingToAnswer(_, NotShown::NotOne(NotOne::Unknown))) =
        vienna.mail.would_notify(&answers("7"))
    else {
        panic!("nothing came");
    };
}

#[test]
fn of_contacts_none_of_whom_can_have_it_all_are_called_and_nothing_is_kept() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let Err(NotNotified::ToNobody(plan)) =
        vienna.mail.seal_and_keep(&notice(&["ie/cert-ie", "es/cert-es"]))
    else {
        panic!("to nobody");
    };
    let called = [("es/cert-es", Why::WithoutSeats), ("ie/cert-ie", Why::Listed)];
    assert_eq!(contacts(&plan.by_telephone), called);
    assert_eq!(vienna.mail.outbox.ids().unwrap(), []);
    // A rehearsal shows it, and is no failure.
    assert!(vienna.mail.would_notify(&notice(&["ie/cert-ie"])).unwrap().to.is_empty());
}

#[test]
fn a_record_that_is_over_is_told_and_stops_nothing() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    vienna.mail.seal_and_keep(&notice(&["fr/cert-fr", "ie/cert-ie"])).unwrap();
    let over = |note: &Note| match note {
        Note::RecordOver { contact, expires: 2000, .. } => Some(contact.to_string()),
        _ => None,
    };
    let told: Vec<_> = vienna.told().iter().filter_map(over).collect();
    assert_eq!(told, ["fr/cert-fr", "ie/cert-ie"]);
    assert_eq!(Note::of_record(&contact("fr/cert-fr"), 2000, 2000), None);
    assert!(Note::of_record(&contact("fr/cert-fr"), 2000, 2001).is_some());
}

#[test]
fn what_goes_on_a_stale_copy_says_so() {
    let mut net = Net::new();
    net.policy(&[("stale-after", 86_400)]);
    for (ago, flags) in [(0, vec![]), (90_000, vec![OrLater::Known(Flag::StaleDirectory)])] {
        let vienna = Whole::synced_before(&net, AT, ago);
        let kept = vienna.mail.seal_and_keep(&notice(&["fr/cert-fr"])).unwrap();
        assert_eq!(kept.plan.is_stale, !flags.is_empty());
        assert_eq!(addressing(&vienna, &kept).flags, flags);
    }
}

#[test]
fn an_acknowledgement_is_hoped_for_as_soon_as_the_charter_says() {
    let mut net = Net::new();
    net.policy(&[("flash-within", 20), ("immediate-within", 300), ("priority-within", 4000)]);
    let vienna = Whole::of(&net, AT);
    let hoped = [
        (Urgency::Routine, 0),
        (Urgency::Priority, 4000),
        (Urgency::Immediate, 300),
        (Urgency::Flash, 20),
    ];
    for (urgency, within) in hoped {
        let kept = vienna.mail.seal_and_keep(&Notice { urgency, ..notice(&["fr/cert-fr"]) });
        let of = addressing(&vienna, &kept.unwrap());
        assert_eq!((of.urgency, of.acknowledge_within), (OrLater::Known(urgency), within));
        let told = vienna.told().contains(&Note::HopedFor(urgency, within));
        assert_eq!(told, within > 0, "{urgency:?}");
    }
}

#[tokio::test]
async fn while_nobody_is_reached_it_waits_here_and_all_are_called_meanwhile() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let outbox = vienna.mail.outbox.clone();
    let notice = notice(&["fr/cert-fr", "ie/cert-ie"]);
    let went = vienna.mail.notify(not_reached(), &notice).await;
    let Err(NotNotified::Called { error, calls, script }) = went else { panic!("it waits") };
    let [id] = outbox.pending().unwrap()[..] else { panic!("one waits") };
    assert_eq!((error.waiting(), &error.reason), (Some(id), &Here::NoConnection.into()));
    assert_eq!(error.details["call"], "fr/cert-fr, ie/cert-ie");
    assert_eq!(contacts(&calls), [("fr/cert-fr", Why::Waits), ("ie/cert-ie", Why::Listed)]);
    assert_eq!(script.unwrap().title.unwrap(), "Ransomware at a port");
}

#[test]
fn what_cannot_be_kept_is_not_sent_and_whoever_was_to_have_it_is_called() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let notice = notice(&["fr/cert-fr", "ie/cert-ie"]);
    let kept = faults::after(0, || vienna.mail.seal_and_keep(&notice));
    let Err(NotNotified::Called { error, calls, .. }) = kept else { panic!("{kept:?}") };
    assert_eq!(error.fate, Some(Fate::NotKept(Sending::Message)));
    assert_eq!(contacts(&calls), [("fr/cert-fr", Why::NotSent), ("ie/cert-ie", Why::Listed)]);
    assert_eq!(vienna.mail.outbox.ids().unwrap(), []);
    // And nobody is told that it was sealed.
    assert!(!vienna.told().iter().any(|note| matches!(note, Note::Sealed(..))));
}

#[test]
fn an_answer_is_of_the_thread_and_of_the_drill_of_what_it_answers() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    let drill = Some(Drill { kind: DrillKind::Exercise.into(), name: "CYBER".to_owned() });
    let mut outside = net.outside(AT, &["fr/cert-fr"]);
    outside.drill.clone_from(&drill);
    let alert = net.seal(outside, &notification(10));
    net.submit(&alert.envelope).unwrap();
    paris.collect(&net);
    let to = |kind| Notice { kind, answers: Some("1".parse().unwrap()), ..notice(&["at/cert-at"]) };
    let kept = paris.mail.seal_and_keep(&to(Kind::Incident)).unwrap();
    let reply = addressing(&paris, &kept);
    assert_eq!(reply.class, OrLater::Known(Class::Reply));
    assert_eq!((reply.thread, kept.thread), (alert.thread, alert.thread));
    assert_eq!((reply.in_reply_to, &reply.drill), (Some(alert.header_digest), &drill));
    // The same mark may be repeated; another is not that of the thread.
    let marked = |name: &str| Notice { drill: Some(name.to_owned()), ..to(Kind::Incident) };
    paris.mail.seal_and_keep(&marked("CYBER")).unwrap();
    let other = code(paris.mail.seal_and_keep(&marked("OTHER")).unwrap_err());
    assert_eq!(other, "OTHER_DRILL");
    // The all-clear is for who began it.
    let clear = code(paris.mail.seal_and_keep(&to(Kind::AllClear)).unwrap_err());
    assert_eq!(clear, "WRONG_THREAD");
    // Two replies, and that it was delivered.
    assert_eq!(paris.mail.outbox.pending().unwrap().len(), 3);
}

#[test]
fn what_answers_an_own_message_updates_it_and_may_be_its_all_clear() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let first = vienna.mail.seal_and_keep(&notice(&["fr/cert-fr"])).unwrap();
    let to = |kind| Notice {
        kind,
        answers: Some(first.id.to_string().parse().unwrap()),
        ..notice(&["fr/cert-fr"])
    };
    for (kind, class) in [(Kind::Incident, Class::Update), (Kind::AllClear, Class::AllClear)] {
        let kept = vienna.mail.seal_and_keep(&to(kind)).unwrap();
        let of = addressing(&vienna, &kept);
        assert_eq!((of.class, of.thread), (OrLater::Known(class), first.id), "{kind:?}");
    }
}

#[test]
fn each_class_follows_from_kind_and_from_whose_message_is_answered() {
    assert_eq!(class(Kind::Incident, None), Class::Notification);
    assert_eq!(class(Kind::Incident, Some(false)), Class::Reply);
    assert_eq!(class(Kind::Incident, Some(true)), Class::Update);
    for answers_own in [None, Some(false), Some(true)] {
        assert_eq!(class(Kind::AllClear, answers_own), Class::AllClear);
    }
}

#[test]
fn a_telephone_is_told_what_may_be_said_on_it() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let marked = |tlp| {
        let writing = Writing::new(Kind::Incident, "Ransomware", 1000).tlp(tlp);
        let inside = writing.finish().unwrap();
        let drill = Some("CYBER".to_owned());
        let notice = Notice { inside, drill, ..notice(&["ie/cert-ie"]) };
        vienna.mail.would_notify(&notice).unwrap().script.unwrap()
    };
    assert_eq!(marked(Tlp::Red).title, None);
    for tlp in [Tlp::AmberStrict, Tlp::Amber, Tlp::Green, Tlp::Clear] {
        let script = marked(tlp);
        let said = (script.title.as_deref(), script.drill.as_deref(), script.tlp);
        assert_eq!(said, (Some("Ransomware"), Some("CYBER"), tlp));
    }
}

#[test]
fn another_seat_is_no_other_contact() {
    let net = Net::new();
    let lisbon = Whole::of(&net, PT);
    let kept = lisbon.mail.seal_and_keep(&notice(&["pt/cert-pt"])).unwrap();
    assert_eq!(kept.plan.to[0].of.contact, contact("pt/cert-pt"));
}
