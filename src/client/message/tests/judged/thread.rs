//! A header beside those that its reader has.

use crate::signed::proto::{Class, Drill, DrillKind};

use super::signing::{self, AT, AT_2, Draft, FR, Outer, SOC, header, id, to};
use super::{Case, named};

const WRONG: &str = "WRONG_THREAD";
const FR_SIGN: &str = "fr/cert/duty-1 sign 2";

/// The header judged, those known, and the reason.
type Beside = (&'static str, Draft<Outer>, Vec<Draft<Outer>>, &'static str);

pub(super) fn cases() -> Vec<Case> {
    let rows = [alone(), answered(), first()].concat();
    let cases = rows.into_iter().map(|(row, draft, known, reason)| {
        let words = [draft.hex()].into_iter().chain(known.iter().map(Draft::hex)).collect();
        let name = named("thread", row);
        Case { name, judge: "thread", reason, entries: draft.entries, words }
    });
    cases.collect()
}

/// From `at/cert` to `fr/cert`, with `fr/soc` at step 1.
pub(super) fn question() -> Draft<Outer> {
    header(AT, "at/cert/duty-1 sign", &["fr/cert", "fr/soc"]).with(|it| {
        it.says.addressing.recipients[1].step = 1;
    })
}

/// What `fr/cert` answers to that.
pub(super) fn reply(to: &Draft<Outer>) -> Draft<Outer> {
    let reply = header(FR, FR_SIGN, &["at/cert"]);
    reply.with(|it| answering(it, Class::Reply, to))
}

fn answering(it: &mut Draft<Outer>, class: Class, to: &Draft<Outer>) {
    let of = &mut it.says.addressing;
    of.class = class.into();
    (of.id, of.thread) = (id(9), to.says.addressing.thread.clone());
    of.in_reply_to = to.digest().as_bytes().to_vec().into();
    of.drill.clone_from(&to.says.addressing.drill);
}

/// What another seat answers.
fn of_seat(from: &'static str, class: Class, to: &Draft<Outer>) -> Draft<Outer> {
    let signer = format!("{from} sign").leak();
    header(from, signer, &["fr/desk"]).with(|it| answering(it, class, to))
}

fn marked(draft: &Draft<Outer>, kind: DrillKind, name: &str) -> Draft<Outer> {
    draft.with(|it| {
        it.says.addressing.drill = Some(Drill { kind: kind.into(), name: name.to_owned() });
    })
}

fn alone() -> Vec<Beside> {
    let question = question();
    let of = |class: Class| question.with(|it| it.says.addressing.class = class.into());
    let answers = question.with(|it| it.says.addressing.in_reply_to = vec![4; 32].into());
    let joins = question.with(|it| it.says.addressing.thread = id(2));
    let both = joins.with(|it| it.says.addressing.in_reply_to = vec![4; 32].into());
    vec![
        ("it begins", question.clone(), vec![], ""),
        ("it begins and answers", answers, vec![], WRONG),
        ("it answers nothing", joins, vec![], WRONG),
        ("it answers what is not here", both, vec![], ""),
        ("a withdrawal begins", of(Class::Withdrawal), vec![], WRONG),
        ("a correction begins", of(Class::Correction), vec![], WRONG),
        ("a receipt begins", of(Class::Receipt), vec![], WRONG),
        ("an acknowledgement begins", of(Class::Acknowledgement), vec![], WRONG),
        ("an update begins", of(Class::Update), vec![], ""),
        ("an all-clear begins", of(Class::AllClear), vec![], ""),
        ("a reply begins", of(Class::Reply), vec![], ""),
    ]
}

fn answered() -> Vec<Beside> {
    let question = question();
    let early = |draft: &Draft<Outer>, size| draft.with(|it| it.seen_at(size));
    let exercise = marked(&question, DrillKind::Exercise, "CYBER SOUTH");
    let (plain, drilled) = (reply(&question), reply(&exercise));
    let elsewhere = plain.with(|it| it.says.addressing.thread = id(2));
    let narrow = question.with(|it| it.says.addressing.recipients.truncate(1));
    let to = |draft: &Draft<Outer>| vec![draft.clone()];
    let about = |class: Class, contacts: &[&str], step: u32| {
        plain.with(|it| {
            it.says.addressing.class = class.into();
            it.says.addressing.recipients =
                contacts.iter().map(|contact| signing::to(contact)).collect();
            it.says.addressing.recipients.iter_mut().for_each(|to| to.step = step);
        })
    };
    let (receipt, both) =
        (|contacts, step| about(Class::Receipt, contacts, step), ["at/cert", "fr/soc"]);
    let words = |contacts, step| about(Class::Acknowledgement, contacts, step);
    vec![
        ("a receipt to the sender alone", receipt(&["at/cert"], 0), to(&question), ""),
        ("a receipt to another besides", receipt(&both, 0), to(&question), WRONG),
        ("a receipt to another", receipt(&["fr/soc"], 0), to(&question), WRONG),
        ("a receipt to another of what is not here", receipt(&["fr/soc"], 0), vec![], ""),
        ("a receipt to two of what is not here", receipt(&both, 0), vec![], WRONG),
        ("a receipt at a step", receipt(&["at/cert"], 1), to(&question), WRONG),
        ("words to the sender alone", words(&["at/cert"], 0), to(&question), ""),
        ("words to another besides", words(&both, 0), to(&question), WRONG),
        ("words to another", words(&["fr/soc"], 0), to(&question), WRONG),
        ("words at a step", words(&["at/cert"], 1), to(&question), WRONG),
        ("a reply to another besides", about(Class::Reply, &both, 0), to(&question), ""),
        ("a reply", plain.clone(), to(&question), ""),
        ("a reply in another thread", elsewhere, to(&question), WRONG),
        ("a reply in the exercise", drilled.clone(), to(&exercise), ""),
        (
            "a reply without the mark",
            drilled.with(|it| it.says.addressing.drill = None),
            to(&exercise),
            WRONG,
        ),
        ("a reply with a mark", marked(&plain, DrillKind::Comcheck, ""), to(&question), WRONG),
        (
            "a reply of another kind",
            marked(&drilled, DrillKind::Question, "CYBER SOUTH"),
            to(&exercise),
            WRONG,
        ),
        (
            "a reply of another name",
            marked(&drilled, DrillKind::Exercise, "CYBER NORTH"),
            to(&exercise),
            WRONG,
        ),
        ("a reply by a later step", of_seat(SOC, Class::Reply, &question), to(&question), ""),
        (
            "a reply by who has nothing of it",
            of_seat(SOC, Class::Reply, &narrow),
            to(&narrow),
            WRONG,
        ),
        (
            "a reply by a colleague of the sender",
            of_seat(AT_2, Class::Reply, &question),
            to(&question),
            "",
        ),
        (
            "a withdrawal by a colleague",
            of_seat(AT_2, Class::Withdrawal, &question),
            to(&question),
            "",
        ),
        (
            "a withdrawal by another",
            of_seat(SOC, Class::Withdrawal, &question),
            to(&question),
            WRONG,
        ),
        (
            "a correction by a colleague",
            of_seat(AT_2, Class::Correction, &question),
            to(&question),
            "",
        ),
        (
            "a correction by another",
            of_seat(SOC, Class::Correction, &question),
            to(&question),
            WRONG,
        ),
        ("a view as the question's", early(&plain, 19), vec![early(&question, 19)], ""),
        ("a view before the question's", early(&plain, 19), to(&question), "VIEW_BEFORE"),
    ]
    .into_iter()
    .map(|(row, draft, known, reason)| (row, again(draft, &known), known, reason))
    .collect()
}

/// Answers the known one as it was made at last.
fn again(draft: Draft<Outer>, known: &[Draft<Outer>]) -> Draft<Outer> {
    let Some(answered) = known.first() else { return draft };
    draft.with(|it| it.says.addressing.in_reply_to = answered.digest().as_bytes().to_vec().into())
}

fn first() -> Vec<Beside> {
    let question = question();
    let exercise = marked(&question, DrillKind::Exercise, "CYBER SOUTH");
    let unseen =
        |draft: Draft<Outer>| draft.with(|it| it.says.addressing.in_reply_to = vec![4; 32].into());
    let all_clear = |from: &'static str| unseen(of_seat(from, Class::AllClear, &question));
    // Another contact's thread of the same id.
    let other = header(FR, FR_SIGN, &["at/cert"]);
    let other_exercise = marked(&other, DrillKind::Exercise, "CYBER SOUTH");
    // An update to the question that should not have its mark.
    let update = marked(&of_seat(AT, Class::Update, &question), DrillKind::Comcheck, "");
    let update = update.with(|it| it.says.addressing.recipients = vec![to("fr/cert")]);
    let about = |class: Class| {
        reply(&update).with(|it| {
            it.says.addressing.id = id(10);
            it.says.addressing.class = class.into();
        })
    };
    let both = vec![update.clone(), question.clone()];
    let exercise_of_fr =
        marked(&header(FR, FR_SIGN, &["at/cert"]), DrillKind::Exercise, "CYBER SOUTH");
    let unmarked = header(FR, FR_SIGN, &["at/cert"]);
    vec![
        ("a first that it does not answer", unseen(reply(&question)), vec![question.clone()], ""),
        ("a first with a mark", unseen(reply(&question)), vec![exercise.clone()], WRONG),
        (
            "a first that fits of two",
            unseen(reply(&question)),
            vec![exercise.clone(), other.clone()],
            "",
        ),
        (
            "no first that fits of two",
            unseen(reply(&question)),
            vec![exercise.clone(), other_exercise],
            WRONG,
        ),
        ("another begins one of its id", other, vec![exercise], ""),
        ("an all-clear by a colleague", all_clear(AT_2), vec![question.clone()], ""),
        ("an all-clear by another", all_clear(SOC), vec![question], WRONG),
        ("a receipt beside its message alone", about(Class::Receipt), both.clone(), ""),
        (
            "an acknowledgement beside its message alone",
            about(Class::Acknowledgement),
            both.clone(),
            "",
        ),
        ("a reply beside both", about(Class::Reply), both, WRONG),
        (
            "a first with a mark of which its sender has nothing",
            unseen(of_seat(SOC, Class::Reply, &unmarked)),
            vec![exercise_of_fr],
            "",
        ),
    ]
}
