//! `liaison doctor`: everything that a connection needs, checked one after the other, on the screen.
//!
//! In scope: the sentence of each check, how the command ends. Out of scope: what is examined, and how
//! (`office::doctor`).

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::office::doctor::{Age, Doubt, Found, Key, Lack, Shown, Subject, Well};
use crate::office::error::{ClientError, Reason};
use crate::office::keys::Turn;
use crate::words;

use super::output::Output;
use super::{Context, layout, sent};

/// `liaison doctor`.
///
/// # Errors
/// The first check that failed gives the exit code.
pub(crate) async fn doctor(ctx: &Context) -> Result<(), ClientError> {
    let report = Box::pin(ctx.office.examined()).await;
    let mut checks = Checks::of(&ctx.out);
    report.all.iter().for_each(|one| checks.take(&name(&one.of), &one.found));
    let state = words::state(report.frozen.as_ref());
    let object = json!({ "ok": checks.failed.is_none(), "state": state, "checks": checks.rows });
    ctx.out.data(&object, || {
        let header = ["RESULT", "CHECK", "MESSAGE"];
        let rows = checks.rows.iter();
        let rows =
            rows.map(|row| vec![row.result.name().to_owned(), row.check.clone(), checks.said(row)]);
        layout::table(&header, rows)
    });
    checks.end()
}

struct Checks {
    out: Output,
    rows: Vec<Row>,
    failed: Option<ClientError>,
}

/// How a check ended, in one word.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    Ok,
    Warning,
    Failed,
    Skipped,
}

impl Mark {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

#[derive(Clone, Default, Serialize)]
struct Row {
    result: Mark,
    check: String,
    message: String,
    /// Of what failed, as in every error.
    side: Option<String>,
    reason: Option<Reason>,
    mend: Option<String>,
}

impl Row {
    fn is_of(&self, other: &Self) -> bool {
        (&self.reason, &self.message, &self.mend) == (&other.reason, &other.message, &other.mend)
    }

    fn said(&self) -> String {
        let mut said = self.message.clone();
        if let (Some(side), Some(reason)) = (&self.side, &self.reason) {
            said.push_str(&format!(" [{side}: {reason}]"));
        }
        if let Some(mend) = &self.mend {
            said.push_str(&format!("\n  to mend it: {mend}"));
        }
        said
    }
}

impl Checks {
    fn of(out: &Output) -> Self {
        Self { out: out.clone(), rows: Vec::new(), failed: None }
    }

    fn take(&mut self, check: &str, found: &Found) {
        let (check, row) = (check.to_owned(), Row::default());
        let row = match found {
            Found::Well(of) => Row { check, message: self.out.suggested(well(of)), ..row },
            Found::Doubt(of) => {
                let mend = of.mend().as_ref().map(|mend| self.out.to_do(mend));
                let (result, message) = (Mark::Warning, self.out.suggested(doubt(of)));
                Row { result, check, message, mend, ..row }
            }
            Found::Skipped(of) => Row { result: Mark::Skipped, check, message: lack(of), ..row },
            Found::Failed(why) => return self.fail(check, why),
            Found::Contradiction(of) => match sent::believed(std::slice::from_ref(&**of)) {
                Err(why) => return self.fail(check, &why),
                Ok(()) => return,
            },
        };
        self.rows.push(row);
    }

    fn fail(&mut self, check: String, why: &ClientError) {
        self.rows.push(Row {
            result: Mark::Failed,
            check,
            message: why.sentence.to_string(),
            side: Some(why.side.to_string()),
            reason: Some(why.reason.clone()),
            mend: why.mend.as_deref().map(|mend| self.out.to_do(mend)),
        });
        self.failed.get_or_insert_with(|| why.clone());
    }

    /// For people one fault is said once, however many checks find it.
    fn said(&self, row: &Row) -> String {
        let same = |other: &&Row| other.mend.is_some() && other.is_of(row);
        match self.rows.iter().find(same) {
            Some(first) if first.check != row.check => format!("the same as {}", first.check),
            _ => row.said(),
        }
    }

    /// The first failure says how the command ends; its object says the others, and every mend.
    fn end(self) -> Result<(), ClientError> {
        let count = self.rows.iter().filter(|row| row.result == Mark::Failed).count();
        let Some(mut error) = self.failed else { return Ok(()) };
        error.sentence = format!("{count} of {} checks failed: {error}", self.rows.len());
        error.mend = None;
        Err(error.after_its_object())
    }
}

fn name(of: &Subject) -> String {
    match of {
        Subject::Home => "home",
        Subject::Invitation => "invitation",
        Subject::Keys => "keys",
        Subject::Key(owner) => return format!("key of {owner}"),
        Subject::Addresses => "addresses",
        Subject::Identity => "identity",
        Subject::Connection => "connection",
        Subject::FirstSegment => "first segment",
        Subject::KeyAgreement => "key agreement",
        Subject::Certificate => "service certificate",
        Subject::Sync => "sync",
        Subject::Copy => "copy",
        Subject::Rules => "rules",
        Subject::Seat => "own seat",
        Subject::Record => "own record",
        Subject::Mailbox => "mailbox",
        Subject::Outbox => "outbox",
        Subject::Clock => "clock",
    }
    .to_owned()
}

fn well(of: &Well) -> String {
    match of {
        Well::Home(root) => root.display().to_string(),
        Well::Invitation(name, fingerprint) => format!("{name}, charter {fingerprint}"),
        Well::Key(of) => key(of),
        Well::Addresses(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Well::Connected(address) => format!("name look-up, TCP and TLS with {address}"),
        Well::Group(group) => (*group).to_owned(),
        Well::Certificate(shown) => issued(shown),
        Well::Synced(size) => format!("{size} entries, all verified"),
        Well::Copy(of) => age(of),
        Well::Rules => "known to this program".to_owned(),
        Well::Seat(seat, count) => format!("{seat}: its {count} keys are in force in this copy"),
        Well::Record(until) => format!("holds until {}", words::day(*until)),
        Well::Waiting(contact) => format!("{contact}: messages wait; liaison inbox"),
        Well::Collected(contact, count) => format!("{contact}: {count} entries, all here"),
        Well::NothingWaits => "nothing waits".to_owned(),
        Well::Clock(Some(apart)) => format!("{} from the service's", words::span(*apart)),
        Well::Clock(None) => "not before the directory's".to_owned(),
    }
}

fn doubt(of: &Doubt) -> String {
    match of {
        Doubt::OpenToOthers(root, mode) => format!("{} lets others in: {mode:o}", root.display()),
        Doubt::BadAddress(path, why) => format!("{}: {why}", path.display()),
        Doubt::Group(group) => {
            format!("{group}: expected {HYBRID}, safe against later computers")
        }
        Doubt::Certificate(shown) => {
            let near = words::service_runs_out(&shown.life).unwrap_or_default();
            format!("{}: {near}", issued(shown))
        }
        Doubt::Withheld(count) => {
            format!("the service did not hand over {count} details of contacts")
        }
        Doubt::Stale(of) => format!("{}: stale", age(of)),
        Doubt::Record(life) => {
            words::runs_out(life, "it", "liaison record draft").unwrap_or_default()
        }
        Doubt::Unsent(count) => format!("{count} wait to be handed in"),
    }
}

fn lack(of: &Lack) -> String {
    match of {
        Lack::Because(why) => why.sentence.to_string(),
        Lack::Connection => "it needs a connection as somebody".to_owned(),
        Lack::Copy => "it needs the copy of the directory".to_owned(),
        Lack::Dates(issuer) => format!("issued by {issuer}; its dates are not read"),
        Lack::Contact => "no contact is this home's".to_owned(),
        Lack::Record(contact) => format!("{contact} publishes nothing"),
        Lack::Mailbox => "it needs the mailbox".to_owned(),
        Lack::Clock => "there is nothing to compare it with".to_owned(),
    }
}

fn key(of: &Key) -> String {
    let turn = match of.turn {
        Turn::Now => "",
        Turn::Before => ", retired",
        Turn::Later => ", to follow",
    };
    // Enough to tell keys apart; liaison key list shows the whole id.
    let id: String = of.id.to_string().chars().take(19).collect();
    format!("{id} ... ({}{turn}), {}", of.purpose.name(), of.path.display())
}

fn issued(of: &Shown) -> String {
    format!("issued by {}, until {}", of.issuer, words::when(of.life.until))
}

/// How old a copy is, in one line.
fn age(of: &Age) -> String {
    let age = match of.synced_at {
        Some(at) => {
            let since = words::span(of.now.saturating_sub(at));
            format!("copy of {}, {since} old", words::when(at))
        }
        None => "copy of unknown age".to_owned(),
    };
    format!("directory {}, unwitnessed; {age}", of.directory)
}

/// The group of every service of ours, which is expected.
const HYBRID: &str = "X25519MLKEM768";

#[cfg(test)]
mod tests {
    use crate::office::error::{Family, Mend, Side};
    use crate::office::life::Life;

    use super::*;

    #[test]
    fn the_first_failure_gives_the_exit_code() {
        let mut checks = Checks::of(&Output::new(false, true));
        checks.take("a", &Found::Well(Well::Rules));
        assert!(checks.failed.is_none());
        let failure = |family| ClientError::new(Side::Network, family, "X", "broken");
        let failed = |why| Found::Failed(Box::new(why));
        checks.take("b", &failed(failure(Family::NotReachable).mended_by(Mend::Sync)));
        checks.take("c", &failed(failure(Family::Stale)));
        // One check may be there several times, as that of a key.
        checks.take("b", &Found::Well(Well::NothingWaits));
        assert_eq!(checks.rows[1].said(), "broken [the network: X]\n  to mend it: liaison sync");
        let rows = serde_json::to_value(&checks.rows).unwrap();
        let told = |row: usize| {
            ["check", "result", "reason", "message", "mend"]
                .map(|name| rows[row][name].as_str().unwrap_or("-"))
        };
        assert_eq!(told(0), ["a", "ok", "-", "known to this program", "-"]);
        assert_eq!(told(1), ["b", "failed", "X", "broken", "liaison sync"]);
        assert_eq!(told(3), ["b", "ok", "-", "nothing waits", "-"]);
        assert_eq!(checks.said(&checks.rows[1]), checks.rows[1].said());
        let again = Row { check: "d".to_owned(), ..checks.rows[1].clone() };
        assert_eq!(checks.said(&again), "the same as b");
        let error = checks.end().unwrap_err();
        assert_eq!(error.mend, None);
        assert_eq!(error.family, Family::NotReachable);
        assert_eq!(error.sentence, "2 of 4 checks failed: broken");
        assert!(error.printed);
    }

    #[test]
    fn what_runs_out_is_said_as_status_says_it() {
        const DAY: u64 = 86_400;
        let life = Life { from: 0, until: 60 * DAY, now: 40 * DAY };
        let over = Life { now: 61 * DAY, ..life };
        let shown = |life| Doubt::Certificate(Shown { issuer: "CN=x".to_owned(), life });
        assert_eq!(
            doubt(&shown(life)),
            "issued by CN=x, until 1970-03-02 00:00 UTC: the certificate of the service is in the last \
             third of its life (holds until 1970-03-02, 20 days left): tell the operator"
        );
        assert_eq!(
            doubt(&shown(over)),
            "issued by CN=x, until 1970-03-02 00:00 UTC: the certificate of the service is over: nobody \
             connects (was to hold until 1970-03-02): tell the operator"
        );
        assert_eq!(
            doubt(&Doubt::Record(over)),
            "it is over; it stops no message (was to hold until 1970-03-02): liaison record draft"
        );
    }
}
