//! A page of the inbox, as a table and as objects.

use serde::Serialize;
use serde_json::{Value, json};

use crate::office::error::Reason;
use crate::office::page::{By, Closed, Doubt, Listed, State, Unverified};
use crate::words::{self, visible};

use super::super::layout;
use super::super::output::Output;

/// Messages, and behind them what is not believed, a line each.
pub(super) fn table(
    out: &Output,
    rows: &[Listed],
    unverified: &[Unverified],
    (more, hidden): (usize, usize),
) -> String {
    let header = ["NUMBER", "FROM", "WHEN", "URGENCY", "STATE", "TITLE"];
    let cells: Vec<_> =
        rows.iter().map(|row| cells(out, row)).chain(unverified.iter().map(doubted)).collect();
    let table = if cells.is_empty() { None } else { Some(layout::table(&header, cells)) };
    let more = (more > 0).then(|| format!("{more} more: --all shows them"));
    let hidden = (hidden > 0).then(|| format!("{hidden} muted: --muted shows them"));
    table.into_iter().chain(more).chain(hidden).collect::<Vec<_>>().join("\n")
}

/// A row of the table.
pub(super) fn cells(out: &Output, row: &Listed) -> Vec<String> {
    let of = row.header.addressing();
    let title = match (&row.content, &row.closed) {
        (Some(content), _) => visible(&content.title),
        (None, Some(why)) => out.suggested(closed(row, why)),
        (None, None) => words::UNKNOWN_KIND.to_owned(),
    };
    let drill = of.drill.as_ref().map(|drill| format!("{} ", words::drill(drill)));
    let drill = drill.unwrap_or_default();
    let ended = if row.key_ended { format!(" ({})", words::ENDED) } else { String::new() };
    let state = match &row.acknowledged_by[..] {
        [] => state(row.state).to_owned(),
        by if row.acknowledgement_waits => {
            format!("acknowledged {}; your {}", words::by(by), state(State::Waits))
        }
        by => format!("acknowledged {}", words::by(by)),
    };
    vec![
        row.number.to_string(),
        of.sender.to_string(),
        words::when(of.created),
        words::urgency(of.urgency),
        if row.muted { format!("{state}; muted") } else { state },
        format!("{drill}{title}{ended}"),
    ]
}

/// Why it is not open, where its title would stand.
fn closed(row: &Listed, why: &Closed) -> String {
    let (number, call) = (row.number, row.header.addressing().sender.contact());
    match why {
        Closed::NotOpened(why) => words::again(words::not_opened(why), row.asked_again),
        Closed::Expired => {
            format!("expired before it was read here; call {call}: liaison directory show {call}")
        }
        Closed::Lost => {
            format!("the service has lost it; call {call}: liaison directory show {call}")
        }
        Closed::NotFetched => format!("not fetched yet: liaison inbox read {number}"),
    }
}

/// A row of the table, of what does not hold.
pub(super) fn doubted(row: &Unverified) -> Vec<String> {
    let (number, nothing) = (format!("entry {}", row.number), String::new);
    let said = words::again(doubt(&row.why), row.asked_again);
    vec![number, "unverified".to_owned(), nothing(), nothing(), nothing(), said]
}

/// Why it does not hold.
pub(super) fn doubt(why: &Doubt) -> String {
    match why {
        Doubt::Message(why) => words::not_opened(why),
        Doubt::Expired(why) => words::unproven(why),
        Doubt::Acknowledged(why) => words::unacknowledged(why),
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Read => "read",
        State::Acknowledged => "acknowledged",
        State::Waits => "acknowledgement waits",
        State::Expired => "expired",
    }
}

/// A message for programs.
#[derive(Serialize)]
struct Object {
    number: u64,
    id: String,
    digest: String,
    from: String,
    at: u64,
    class: String,
    urgency: String,
    tlp: Option<&'static str>,
    drill: Option<String>,
    title: Option<String>,
    not_opened: Option<Reason>,
    asked_again: bool,
    state: &'static str,
    key_ended: bool,
    acknowledged_by: Vec<Value>,
    acknowledgement_waits: bool,
    muted: bool,
}

/// The same for programs.
pub(super) fn object(row: &Listed) -> impl Serialize {
    let (of, content) = (row.header.addressing(), row.content.as_ref());
    Object {
        number: row.number,
        id: of.id.to_string(),
        digest: row.header.digest().to_string(),
        from: of.sender.to_string(),
        at: of.created,
        class: words::class(of.class),
        urgency: words::urgency(of.urgency),
        tlp: content.map(|content| words::tlp(content.tlp())),
        drill: of.drill.as_ref().map(words::drill),
        title: content.map(|content| content.title.clone()),
        not_opened: row.closed.as_ref().map(Closed::reason),
        asked_again: row.asked_again,
        state: state(row.state),
        key_ended: row.key_ended,
        acknowledged_by: row.acknowledged_by.iter().map(by_object).collect(),
        acknowledgement_waits: row.acknowledgement_waits,
        muted: row.muted,
    }
}

/// Who acknowledged, for programs.
pub(super) fn by_object(by: &By) -> Value {
    json!({ "seat": words::whom(by), "key_ended": by.key_ended })
}

/// What does not hold, for programs.
pub(super) fn doubted_object(row: &Unverified) -> Value {
    json!({
        "number": row.number,
        "why": doubt(&row.why),
        "reason": row.why.reason(),
        "asked_again": row.asked_again,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::compose::Outside;
    use crate::client::message::open::NotOpened;
    use crate::domain::refusal::Amiss;
    use crate::domain::relay::envelope;
    use crate::office::acknowledged::Acknowledged;
    use crate::office::terms::Digest;
    use crate::signed::proto::{Content, Drill, DrillKind};
    use crate::world::relay::{AT, FR, Net, notification, seat};

    fn here() -> Output {
        Output::new(false, true)
    }

    fn row() -> Listed {
        let net = Net::new();
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let title = "Ransom\u{1b}ware".to_owned();
        Listed {
            number: 1,
            header,
            content: Some(Box::new(Content { title, ..Content::default() })),
            closed: None,
            asked_again: false,
            state: State::New,
            key_ended: false,
            acknowledged_by: Vec::new(),
            acknowledgement_waits: false,
            muted: false,
        }
    }

    fn by(colleague: Option<&str>, key_ended: bool) -> By {
        By { colleague: colleague.map(seat), key_ended }
    }

    #[test]
    fn who_acknowledged_with_a_key_that_has_ended_is_shown_so() {
        let header = row().header.digest();
        let one = |of, key_ended| Acknowledged { header, seat: seat(of), key_ended };
        let other = Acknowledged { header: Digest::of(b"another"), ..one(AT, true) };
        let found = By::of(&[one(FR, true), other, one(AT, false)], header, &seat(FR));
        assert_eq!(found, [by(None, true), by(Some(AT), false)]);
        let row = Listed { acknowledged_by: found, ..row() };
        let said = "acknowledged by you (signed by a key that has since ended), at/cert-at/duty-1";
        assert_eq!(cells(&here(), &row)[4], said);
        let said = json!({ "seat": "you", "key_ended": true });
        assert_eq!(json!(object(&row))["acknowledged_by"][0], said);
    }

    #[test]
    fn the_list_says_what_was_refused_and_whose_key_has_ended() {
        let said = |row: Listed| {
            let cells = cells(&here(), &row);
            format!("{} | {}", cells[4], cells[5])
        };
        assert_eq!(said(row()), r"new | Ransom\u{1b}ware");
        let ended = "(signed by a key that has since ended)";
        let row_ended = Listed { key_ended: true, ..row() };
        assert_eq!(said(row_ended), format!(r"new | Ransom\u{{1b}}ware {ended}"));
        let closed = Some(Closed::NotOpened(NotOpened::Thread(Amiss::NotItsOwn)));
        assert_eq!(said(Listed { content: None, closed, ..row() }), "new | refused: WRONG_THREAD");
        let acknowledged_by = vec![by(None, false)];
        let unknown = Listed { content: None, acknowledged_by, ..row() };
        assert_eq!(said(unknown), "acknowledged by you | of a kind this version does not know");
    }

    #[test]
    fn what_is_not_here_says_whom_to_call_or_how_it_comes() {
        let said = |closed| {
            cells(&here(), &Listed { content: None, closed: Some(closed), ..row() })[5].clone()
        };
        let call = "call at/cert-at: liaison directory show at/cert-at";
        assert_eq!(said(Closed::Expired), format!("expired before it was read here; {call}"));
        assert_eq!(said(Closed::Lost), format!("the service has lost it; {call}"));
        assert_eq!(said(Closed::NotFetched), "not fetched yet: liaison inbox read 1");
    }

    #[test]
    fn a_drill_is_marked_before_its_title() {
        let net = Net::new();
        let outside = net.outside(AT, &["fr/cert-fr"]);
        let drill = Drill { kind: DrillKind::Exercise.into(), name: "CYBER".to_owned() };
        let outside = Outside { drill: Some(drill), ..outside };
        let sealed = net.seal(outside, &notification(0));
        let header = envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
        assert!(
            cells(&here(), &Listed { header, ..row() })[5]
                .starts_with("DRILL (EXERCISE: CYBER) Ransom")
        );
    }

    #[test]
    fn what_is_muted_is_counted_and_shown_to_who_asks() {
        let said = table(&here(), &[row()], &[], (4, 1));
        assert!(
            said.ends_with("\n4 more: --all shows them\n1 muted: --muted shows them"),
            "{said}"
        );
        assert!(
            table(&here(), &[Listed { muted: true, ..row() }], &[], (0, 0)).contains("new; muted")
        );
        assert_eq!(table(&here(), &[], &[], (0, 3)), "3 muted: --muted shows them");
    }

    #[test]
    fn an_acknowledgement_that_waits_is_none_yet() {
        let waits = Listed { state: State::Waits, acknowledgement_waits: true, ..row() };
        assert_eq!(cells(&here(), &waits)[4], "acknowledgement waits");
        let colleague = Listed { acknowledged_by: vec![by(Some(AT), false)], ..waits };
        assert_eq!(
            cells(&here(), &colleague)[4],
            "acknowledged by at/cert-at/duty-1; your acknowledgement waits"
        );
    }
}
