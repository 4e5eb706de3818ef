//! `liaison doctor`: everything that a connection needs, checked one after the other.
//!
//! In scope: files, keys, clock, each leg of the way, the own key's standing, the mailbox. Out of
//! scope: mending. Invariants: every check that can run does, whatever failed before; a failure
//! names the command that mends it; nothing is changed but the copy of the directory.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::client::clocks::Clocks;
use crate::client::keys::{KeyError, Listed};
use crate::client::message::receipt::{self, VerifiedHead};
use crate::client::place;
use crate::client::protect::Kept;
use crate::client::reach::connect::Leg;
use crate::client::reach::mailbox::{self, Event, FollowError};
use crate::client::reach::session::{self, Session};
use crate::client::replica::Replica;
use crate::crypto::cert::{self, PeerCertificate};
use crate::domain::directory::Directory;
use crate::office::error::{ClientError, Family, Here, Mend, Reason, Side};
use crate::office::inbox::InboxError;
use crate::office::life::Life;
use crate::office::mail::Mail;
use crate::office::standing;
use crate::words;

use super::{Context, layout, sent};

/// `liaison doctor`.
///
/// # Errors
/// The first check that failed gives the exit code.
pub(crate) async fn doctor(ctx: &Context) -> Result<(), ClientError> {
    let mut checks = Checks::default();
    home(ctx, &mut checks);
    keys(ctx, &mut checks);
    let session = connection(ctx, &mut checks).await;
    let replica = copy(ctx, &mut checks, session.as_ref()).await;
    let asked = match replica {
        Some(replica) => {
            standing(ctx, &mut checks, &replica);
            record(ctx, &mut checks, &replica);
            mailbox(ctx, &mut checks, session.as_ref(), replica).await
        }
        None => {
            for check in ["rules", "own seat", "own record", "mailbox", "outbox"] {
                checks.skip(check, NO_COPY);
            }
            Asked { replica: None, at: None }
        }
    };
    clock(ctx, &mut checks, &asked);
    let frozen = asked.replica.as_ref().and_then(Replica::frozen);
    let state = words::state(frozen);
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

#[derive(Default)]
struct Checks {
    rows: Vec<Row>,
    failed: Option<ClientError>,
}

/// What a check found.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Found {
    #[default]
    Ok,
    Warning,
    Failed,
    Skipped,
}

impl Found {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Serialize for Found {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

#[derive(Clone, Default, Serialize)]
struct Row {
    result: Found,
    check: String,
    message: String,
    /// Of what failed, as in every error.
    side: Option<String>,
    reason: Option<Reason>,
    #[serde(serialize_with = "in_words")]
    mend: Option<Mend>,
}

fn in_words<S: Serializer>(mend: &Option<Mend>, to: S) -> Result<S::Ok, S::Error> {
    mend.as_ref().map(words::to_do).serialize(to)
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
            said.push_str(&format!("\n  to mend it: {}", words::to_do(mend)));
        }
        said
    }
}

impl Checks {
    fn row(&mut self, result: Found, check: &str, message: impl Into<String>) {
        let (check, message) = (check.to_owned(), message.into());
        self.rows.push(Row { result, check, message, ..Row::default() });
    }

    fn ok(&mut self, check: &str, message: impl Into<String>) {
        self.row(Found::Ok, check, message);
    }

    fn warn(&mut self, check: &str, message: impl Into<String>, mend: Option<Mend>) {
        self.row(Found::Warning, check, message);
        if let Some(row) = self.rows.last_mut() {
            row.mend = mend;
        }
    }

    fn skip(&mut self, check: &str, message: impl Into<String>) {
        self.row(Found::Skipped, check, message);
    }

    fn fail(&mut self, check: &str, error: &ClientError) {
        self.row(Found::Failed, check, &*error.sentence);
        if let Some(row) = self.rows.last_mut() {
            row.side = Some(error.side.to_string());
            row.reason = Some(error.reason.clone());
            row.mend = error.mend.as_deref().cloned().map(|mend| match mend {
                // This very command mends nothing.
                Mend::Doctor | Mend::AgainThenDoctor => Mend::TellOperator,
                mend => mend,
            });
        }
        self.failed.get_or_insert_with(|| error.clone());
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
        let count = self.rows.iter().filter(|row| row.result == Found::Failed).count();
        let Some(mut error) = self.failed else { return Ok(()) };
        error.sentence = format!("{count} of {} checks failed: {error}", self.rows.len());
        error.mend = None;
        Err(error.after_its_object())
    }
}

fn home(ctx: &Context, checks: &mut Checks) {
    let root = ctx.office.home.root();
    let shown = root.display().to_string();
    match std::fs::metadata(root) {
        Err(why) => {
            let sentence = format!("{shown} cannot be used: {why}");
            let error = ClientError::new(Side::Ours, Family::Usage, Here::NoHome, sentence);
            checks.fail("home", &error.mended_by(Mend::Join));
        }
        Ok(about) => match others(&about) {
            Some(mode) => {
                let mend = Some(Mend::MakeFolderPrivate(root.to_owned()));
                checks.warn("home", format!("{shown} lets others in: {mode:o}"), mend);
            }
            None => match place::try_to_write(root) {
                Ok(()) => checks.ok("home", shown),
                Err(why) => checks.fail("home", &why.into()),
            },
        },
    }
    let found = ctx.office.name().and_then(|name| Ok(ctx.office.home.invitation(&name)?));
    match found {
        Ok(invitation) => {
            let name = invitation.trust().name();
            let (hex, _) = invitation.fingerprint();
            checks.ok("invitation", format!("{name}, charter {hex}"));
        }
        Err(error) => checks.fail("invitation", &error),
    }
}

#[cfg(unix)]
fn others(about: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = about.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// A profile's folders belong to its user alone.
#[cfg(not(unix))]
fn others(_: &std::fs::Metadata) -> Option<u32> {
    None
}

fn keys(ctx: &Context, checks: &mut Checks) {
    match ctx.office.home.keys().list(ctx.office.ambient()) {
        Err(error) => checks.fail("keys", &error.into()),
        Ok(all) if all.is_empty() => {
            let error = ClientError::new(
                Side::Ours,
                Family::IdentityOrKey,
                Here::KeyMissing,
                "this home has no private key",
            );
            checks.fail("keys", &error.mended_by(Mend::JoinAs));
        }
        Ok(all) => all.into_iter().for_each(|listed| key(checks, listed)),
    }
}

fn key(checks: &mut Checks, listed: Listed) {
    let retired = match (listed.retired, listed.staged) {
        (true, _) => ", retired",
        (_, true) => ", to follow",
        _ => "",
    };
    let check = format!("key of {}", listed.owner);
    match listed.id {
        Ok(_) if let Some(Kept::Token { gone: Some(gone), .. }) = &listed.kept => {
            checks.fail(&check, &KeyError::Token(gone.clone()).into());
        }
        Ok(id) => {
            // Enough to tell keys apart; liaison key list shows the whole id.
            let id: String = id.to_string().chars().take(19).collect();
            let purpose = listed.purpose.name();
            checks.ok(&check, format!("{id} ... ({purpose}{retired}), {}", listed.path.display()));
        }
        Err(error @ KeyError::File(_)) => checks.fail(&check, &error.into()),
        Err(error) => checks.fail(&check, &error.into()),
    }
}

/// Name look-up, proxy, TCP, TLS: the leg that fails is named in the error.
async fn connection(ctx: &Context, checks: &mut Checks) -> Option<Session> {
    match ctx.office.name().and_then(|name| Ok(ctx.office.home.addresses(&name)?)) {
        Err(error) => checks.skip("addresses", error.sentence),
        Ok(addresses) => {
            let good: Vec<String> = addresses.good.iter().map(ToString::to_string).collect();
            checks.ok("addresses", good.join(", "));
            for (path, why) in &addresses.bad {
                let mend = Mend::Correct(path.clone());
                checks.warn("addresses", format!("{}: {why}", path.display()), Some(mend));
            }
        }
    }
    let who = ctx.office.reader();
    if let Err(error) = &who {
        checks.fail("identity", error);
    }
    // Without an identity the way can be checked all the same.
    let who = who.ok();
    match ctx.office.connect(who.as_ref()).await {
        Err(error) => {
            checks.fail("connection", &error);
            first_segment(ctx, checks, &error).await;
            for check in ["key agreement", "service certificate"] {
                checks.skip(check, NOT_CONNECTED);
            }
            None
        }
        Ok(session) => {
            let address = session.address().to_string();
            checks.ok("connection", format!("name look-up, TCP and TLS with {address}"));
            let group = session.connection().group();
            if group == HYBRID {
                checks.ok("key agreement", group);
            } else {
                let sentence = format!("{group}: expected {HYBRID}, safe against later computers");
                checks.warn("key agreement", sentence, None);
            }
            certificate(ctx, checks, &session.connection().certificate());
            who.map(|_| session)
        }
    }
}

/// A handshake that was reset or hangs may meet a box that takes the first segment of a connection
/// for all of it.
async fn first_segment(ctx: &Context, checks: &mut Checks, error: &ClientError) {
    let hangs = error.facts.leg == Some(Leg::Tls);
    let Ok(name) = ctx.office.name() else { return };
    if (error.reason == Here::Tls || hangs)
        && session::opens_for_a_small_hello(&ctx.office.home, &name, &ctx.office.net).await
    {
        let sentence = "with a small first message, which nothing else here uses, TLS works: a box \
                        on the way judges a connection by its first segment, and a handshake safe \
                        against later computers fills more than one";
        let (family, reason) = (Family::NotReachable, Here::FirstSegment);
        let error = ClientError::new(Side::Network, family, reason, sentence);
        checks.fail("first segment", &error.mended_by(Mend::LetSegmentsThrough));
    }
}

fn certificate(ctx: &Context, checks: &mut Checks, der: &[u8]) {
    let issuer = cert::issuer_for_display(der);
    let Ok(read) = PeerCertificate::parse(der) else {
        checks.skip("service certificate", format!("issued by {issuer}; its dates are not read"));
        return;
    };
    let life = Life::of_certificate(&read, ctx.office.ambient().now());
    let said = format!("issued by {issuer}, until {}", words::when(read.not_after()));
    match words::service_runs_out(&life) {
        Some(warning) => checks.warn("service certificate", format!("{said}: {warning}"), None),
        None => checks.ok("service certificate", said),
    }
}

/// Brings the copy up to date, and says how old it is.
async fn copy(ctx: &Context, checks: &mut Checks, session: Option<&Session>) -> Option<Replica> {
    // What was altered is taken out of the copy where it can be fetched again.
    let opened =
        if session.is_some() { ctx.office.replica_read_through() } else { ctx.office.replica() };
    let mut replica = match opened {
        Ok(replica) => replica,
        Err(error) => {
            checks.skip("sync", NO_COPY);
            checks.fail("copy", &error);
            return None;
        }
    };
    match session {
        None => checks.skip("sync", NOT_CONNECTED),
        Some(session) => match ctx.office.sync(session, &mut replica).await {
            Ok(synced) if synced.withheld.is_empty() || !ctx.office.reads_details() => {
                checks.ok("sync", format!("{} entries, all verified", synced.size));
            }
            Ok(synced) => {
                let count = synced.withheld.len();
                let sentence = format!("the service did not hand over {count} details of contacts");
                checks.warn("sync", sentence, None);
            }
            Err(error) => checks.fail("sync", &ctx.office.explained(&replica, error)),
        },
    }
    match ctx.office.seen(&replica) {
        Ok(seen) if replica.is_stale(ctx.office.ambient().now()) => {
            checks.warn("copy", format!("{}: stale", words::seen(&seen)), Some(Mend::Sync));
        }
        Ok(seen) => checks.ok("copy", words::seen(&seen)),
        Err(error) => {
            // To sync was tried above.
            checks.fail("copy", &ctx.office.not_synced(ClientError { mend: None, ..error }));
            return None;
        }
    }
    if let Some(frozen) = replica.frozen() {
        checks.fail("rules", &ClientError::update_me(frozen));
    } else {
        checks.ok("rules", "known to this program");
    }
    Some(replica)
}

/// Whether the directory knows the keys of the own seat, and why not.
fn standing(ctx: &Context, checks: &mut Checks, replica: &Replica) {
    let seat = match ctx.office.seat() {
        Ok(seat) => seat,
        Err(error) if error.reason == Here::NoSeat => {
            return checks.skip("own seat", error.sentence);
        }
        Err(error) => return checks.fail("own seat", &error),
    };
    match ctx.office.seat_keys(replica, &seat) {
        Ok(count) => {
            checks.ok("own seat", format!("{seat}: its {count} keys are in force in this copy"));
        }
        Err(error) => checks.fail("own seat", &error),
    }
}

fn record(ctx: &Context, checks: &mut Checks, replica: &Replica) {
    let (Ok(directory), Ok(contact)) = (replica.directory(), ctx.office.contact(None)) else {
        return checks.skip("own record", "no contact is this home's");
    };
    let life = directory
        .contact(&contact)
        .and_then(|own| Life::of_record(own, ctx.office.ambient().now()));
    match life {
        None => checks.skip("own record", format!("{contact} publishes nothing")),
        Some(life) => match words::runs_out(&life, "it", "liaison record draft") {
            Some(warning) => checks.warn("own record", warning, None),
            None => checks.ok("own record", format!("holds until {}", words::day(life.until))),
        },
    }
}

/// What the mailbox told besides that it can be reached: the time, signed by the relay.
struct Asked {
    replica: Option<Replica>,
    at: Option<u64>,
}

async fn mailbox(
    ctx: &Context,
    checks: &mut Checks,
    session: Option<&Session>,
    replica: Replica,
) -> Asked {
    if let Err(error) = ctx.office.seat() {
        checks.skip("mailbox", &*error.sentence);
        checks.skip("outbox", error.sentence);
        return Asked { replica: Some(replica), at: None };
    }
    let mail = match Mail::open(&ctx.office, replica) {
        Ok(mail) => mail,
        Err(error) => {
            checks.fail("mailbox", &error);
            checks.skip("outbox", "it needs the mailbox");
            return Asked { replica: None, at: None };
        }
    };
    let at = match session {
        None => {
            checks.skip("mailbox", NOT_CONNECTED);
            None
        }
        Some(session) => in_reach(ctx, checks, session, &mail).await,
    };
    let believed = mail.contradictions().and_then(|of| sent::believed(&of));
    match believed.and_then(|()| mail.due()) {
        Ok(due) if due.is_empty() => checks.ok("outbox", "nothing waits"),
        Ok(due) => {
            let sentence = format!("{} wait to be handed in", due.len());
            checks.warn("outbox", sentence, Some(Mend::Sent));
        }
        Err(error) => checks.fail("outbox", &error),
    }
    Asked { replica: Some(Arc::unwrap_or_clone(mail.replica)), at }
}

/// When the relay signed the end of the mailbox, if it came to that.
async fn in_reach(
    ctx: &Context,
    checks: &mut Checks,
    session: &Session,
    mail: &Mail,
) -> Option<u64> {
    let contact = mail.seat.contact();
    match first(mail, session).await {
        Ok(First::Item) => {
            checks.ok("mailbox", format!("{contact}: messages wait; liaison inbox"));
            None
        }
        Ok(First::Head(bytes)) => {
            let verified = mail.at_desk(|desk| {
                let known = (desk.reader.directory, desk.reader.root_at);
                receipt::verify_head(known, &contact, &bytes)
            });
            let head = verified.and_then(|head| Ok(head?)).and_then(|head| goes_on(mail, head));
            match head {
                Ok(head) => {
                    let count = head.mailbox().count;
                    let sentence = format!("{contact}: {count} entries, all here");
                    checks.ok("mailbox", sentence);
                    Some(head.at())
                }
                Err(error) => {
                    checks.fail("mailbox", &error);
                    None
                }
            }
        }
        Err(error) => {
            checks.fail("mailbox", &ctx.office.explained(&mail.replica, error));
            None
        }
    }
}

/// A head of the mailbox that was collected, or of a newer epoch of it.
fn goes_on(mail: &Mail, head: VerifiedHead) -> Result<VerifiedHead, ClientError> {
    let own = mail.inbox.cursor()?;
    if mail.inbox.head()?.is_some() && head.mailbox().epoch <= own.epoch {
        receipt::agrees(&own, &head).map_err(InboxError::from)?;
    }
    Ok(head)
}

/// What comes first from the mailbox. It is looked at and not kept.
enum First {
    Item,
    Head(bytes::Bytes),
}

async fn first(mail: &Mail, session: &Session) -> Result<First, ClientError> {
    let request = mail.inbox.request(false)?;
    let mut first = None;
    let enough = || ClientError::new(Side::Ours, Family::Unexpected, Here::Enough, "enough");
    let came = mailbox::collect_once(session.connection().channel(), request, |event| {
        first = Some(match event {
            Event::Item(_) | Event::Beginning(_) | Event::Forgotten(_) => First::Item,
            Event::Head(bytes) => First::Head(bytes),
        });
        Err(enough())
    });
    match came.await {
        Err(FollowError::Stopped(error)) if error.reason == Here::Enough => {}
        came => came?,
    }
    first.ok_or_else(|| ClientError::from(FollowError::<ClientError>::NoHead))
}

/// Our clock beside the service's and the directory's: whose is wrong.
fn clock(ctx: &Context, checks: &mut Checks, asked: &Asked) {
    let directory = asked.replica.as_ref().and_then(|replica| replica.directory().ok());
    let Some(directory) = directory.map(Directory::clock) else {
        checks.skip("clock", "there is nothing to compare it with");
        return;
    };
    let clocks = Clocks { own: ctx.office.ambient().now(), service: asked.at, directory };
    match clocks.wrong() {
        Some(wrong) => checks.fail("clock", &standing::wrong_clock(&clocks, wrong)),
        None => checks.ok(
            "clock",
            match asked.at {
                Some(at) => {
                    format!("{} from the service's", words::span(clocks.own.abs_diff(at)))
                }
                None => "not before the directory's".to_owned(),
            },
        ),
    }
}

/// Of what is not asked.
const NOT_CONNECTED: &str = "it needs a connection as somebody";
const NO_COPY: &str = "it needs the copy of the directory";
/// The hybrid group of every service of ours.
const HYBRID: &str = "X25519MLKEM768";

#[cfg(test)]
mod tests {
    use crate::domain::refusal::Refusal;
    use crate::tests::reads_well;

    use super::*;

    /// A signer whose clock agrees with the directory's is not at fault.
    #[test]
    fn what_was_refused_for_a_time_names_the_clock_that_the_others_contradict() {
        const AT: u64 = 1_800_000_000;
        let refused = |issued, at| ClientError::from(Refusal::IssuedInFuture { issued, at });
        for (own, service, directory, side, whose) in [
            (AT, AT - 7_200, AT - 60, Side::Theirs, "the service's clock is wrong: "),
            (
                AT,
                AT - 7_200,
                AT - 86_400,
                Side::Ours,
                "this machine's clock or the service's is wrong: ",
            ),
            // It was signed elsewhere, by a clock that is fast.
            (AT, AT, AT - 60, Side::Ours, ""),
        ] {
            let error = standing::of_clocks(refused(AT + 400, service), own, directory);
            assert_eq!(error.side, side, "{error}");
            assert!(error.sentence.contains(whose), "{error}");
            assert_eq!(error.sentence.ends_with("they differ by 2 h"), own != service, "{error}");
            assert_eq!(error.mend.is_some(), own != service);
            reads_well(&error.sentence);
        }
        let other = ClientError::from(Refusal::ClockInDoubt);
        assert_eq!(standing::of_clocks(other.clone(), AT, AT), other);
    }

    #[test]
    fn the_first_failure_gives_the_exit_code() {
        let mut checks = Checks::default();
        checks.ok("a", "fine");
        assert!(checks.failed.is_none());
        let failure = |family| ClientError::new(Side::Network, family, "X", "broken");
        checks.fail("b", &failure(Family::NotReachable).mended_by(Mend::Sync));
        checks.fail("c", &failure(Family::Stale));
        // One check may be there several times, as that of a key.
        checks.ok("b", "fine");
        assert_eq!(checks.rows[1].said(), "broken [the network: X]\n  to mend it: liaison sync");
        let rows = serde_json::to_value(&checks.rows).unwrap();
        let told = |row: usize| {
            ["check", "result", "reason", "message", "mend"]
                .map(|name| rows[row][name].as_str().unwrap_or("-"))
        };
        assert_eq!(told(0), ["a", "ok", "-", "fine", "-"]);
        assert_eq!(told(1), ["b", "failed", "X", "broken", "liaison sync"]);
        assert_eq!(told(3), ["b", "ok", "-", "fine", "-"]);
        assert_eq!(checks.said(&checks.rows[1]), checks.rows[1].said());
        let again = Row { check: "d".to_owned(), ..checks.rows[1].clone() };
        assert_eq!(checks.said(&again), "the same as b");
        let error = checks.end().unwrap_err();
        assert_eq!(error.mend, None);
        assert_eq!(error.family, Family::NotReachable);
        assert_eq!(error.sentence, "2 of 4 checks failed: broken");
        assert!(error.printed);
    }
}
