//! `liaison admin`: the service's own affairs, seen and decided by those of the charter, on the screen.
//!
//! In scope: the desk, connections, where the service stands, what is asked before something is done. Out of scope: how it
//! is done (`office::administer`), members (`admin`), the audit trail (`audit`). Invariant: nobody signs or carries out what
//! was not shown in full.

use serde_json::{Value, json};

use crate::office::administer::Way;
use crate::office::administer::decide::{Came, Deciding, Turn};
use crate::office::administer::propose::{Destination, DraftedStatement};
use crate::office::administer::seen::{Action, Proposal, Said, State, What, Which};
use crate::office::administer::service::{Connection, Keys, Port, Use};
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::files;
use crate::office::terms::{Act, Digest, KeyId, Owner, PersonId, Role};
use crate::words::{eye, signers, visible, when};

use super::Context;
use super::args::{
    AdminArgs, DecideArgs, ProposalsArgs, ProposeArgs, ProposeCommand, ServiceKeyArg, SessionsArgs,
    SignArgs, StageArgs,
};
use super::context::usage;
use super::layout::{self, Lines};
use super::statement::{agreed, told_published};

impl AdminArgs {
    /// As whom, and where.
    pub(super) fn way(&self) -> Way {
        let of = |id: &Option<PersonId>, owner: fn(PersonId) -> Owner| id.clone().map(owner);
        let named = of(&self.registrar, Owner::Registrar)
            .or_else(|| of(&self.operator, Owner::Operator))
            .or_else(|| of(&self.auditor, Owner::Auditor));
        Way { named, address: self.address.clone() }
    }
}

/// `liaison admin show`
pub(super) async fn show(ctx: &Context, args: &AdminArgs) -> Result<(), ClientError> {
    let standing = ctx.office.service_standing(&args.way()).await?;
    let object = json!({
        "version": standing.version,
        "charter": standing.charter,
        "engine": standing.engine,
        "now": standing.now,
        "clock_in_doubt": standing.clock_in_doubt,
        "room": standing.room,
        "damaged": standing.damaged,
        "sessions": standing.sessions,
        "proposals": standing.proposals,
        "audit_records": standing.records,
    });
    ctx.out.suggesting(&object, || {
        let mut lines = Lines::default();
        let service = format!("liaisond {}, {}", standing.version, standing.engine);
        lines.line("service", visible(&service));
        lines.line("charter", format!("version {}", standing.charter));
        let doubt = if standing.clock_in_doubt { ", IN DOUBT: serve --clock-is-right" } else { "" };
        lines.line("clock", format!("{}{doubt}", when(standing.now)));
        lines.line("disk", visible(&standing.room));
        let damaged = if standing.damaged {
            "SOMETHING IS DAMAGED: see its telemetry"
        } else {
            "whole, as far as it was looked at"
        };
        lines.line("stored", damaged);
        lines.line("connected", format!("{}: liaison admin sessions", standing.sessions));
        lines.line("waiting", format!("{} proposals: liaison admin proposals", standing.proposals));
        lines.line("audit trail", format!("{} records", standing.records));
        lines.text()
    });
    Ok(())
}

/// `liaison admin proposals`
pub(super) async fn proposals(ctx: &Context, args: &ProposalsArgs) -> Result<(), ClientError> {
    let way = args.admin.way();
    if let Some(id) = &args.id {
        let found = ctx.office.proposal(&way, id).await?;
        ctx.out.data(&object(&found), || in_full(&found));
        return Ok(());
    }
    let which = if args.all { Which::All } else { Which::Waiting };
    let found = ctx.office.proposals(&way, which).await?;
    let objects: Vec<Value> = found.iter().map(object).collect();
    ctx.out.suggesting(&json!({ "proposals": objects }), || {
        if found.is_empty() {
            return "Nothing waits.".to_owned();
        }
        let mut cells = Vec::new();
        for of in &found {
            let id = of.id.chars().take(12).collect();
            cells.push([id, title(of), visible(&of.by), when(of.expires), waits(of)]);
        }
        layout::table(&["ID", "WHAT", "BY", "UNTIL", "WAITS FOR"], cells)
    });
    Ok(())
}

fn title(of: &Proposal) -> String {
    match &of.what {
        What::Act(action) => action.act.name().to_owned(),
        What::Statement(said) | What::Withheld(said) => said.kinds.join(", "),
    }
}

fn waits(of: &Proposal) -> String {
    match of.state {
        State::Open if of.waits_for.is_empty() => "nobody: liaison admin commit".to_owned(),
        State::Open => signers(&of.waits_for),
        State::CarriedOut => format!("carried out by {}", visible(&of.ended_by)),
        State::Aborted => format!("given up by {}", visible(&of.ended_by)),
        State::Expired => "expired".to_owned(),
        State::Overtaken => "overtaken: propose it anew".to_owned(),
        State::Unknown => "of a kind this version does not know".to_owned(),
    }
}

/// As scripts have it.
const fn word(of: State) -> &'static str {
    match of {
        State::Open => "open",
        State::CarriedOut => "carried_out",
        State::Aborted => "aborted",
        State::Expired => "expired",
        State::Overtaken => "overtaken",
        State::Unknown => "unspecified",
    }
}

fn object(of: &Proposal) -> Value {
    let left = of.waits_for.iter().filter(|_| of.state == State::Open);
    let left = left.map(|(more, names)| json!({ "more": more, "of": names }));
    let act = match &of.what {
        What::Act(Action { act, base, .. }) => json!({
            "action": act.name(), "says": act.to_string(), "charter": base,
        }),
        What::Statement(_) | What::Withheld(_) => Value::Null,
    };
    let statement = match &of.what {
        What::Act(..) => Value::Null,
        What::Statement(said) | What::Withheld(said) => {
            let lines = said.lines.iter();
            lines.map(|line| json!({ "label": line.label, "text": line.text })).collect()
        }
    };
    json!({
        "id": of.id,
        "what": title(of),
        "act": act,
        "statement": statement,
        "by": of.by,
        "at": of.at,
        "expires": of.expires,
        "state": word(of.state),
        "ended_by": of.ended_by,
        "ended_at": of.ended_at,
        "came_to": of.came_to,
        "signed_by": of.signed_by,
        "waits_for": left.collect::<Vec<_>>(),
    })
}

/// All that will happen, in words.
fn in_full(of: &Proposal) -> String {
    let mut lines = Lines::default();
    lines.line("proposal", &*of.id);
    lines.line("by", format!("{}, {}", visible(&of.by), when(of.at)));
    match &of.what {
        What::Act(action) => act_in_words(&mut lines, action),
        What::Withheld(said) => {
            told_in_words(&mut lines, said);
            lines.line("details", "withheld: they are for registrars, while it waits");
        }
        What::Statement(said) => told_in_words(&mut lines, said),
    }
    let signed = &of.signed_by;
    lines
        .line("signed by", if signed.is_empty() { "nobody".to_owned() } else { signed.join(", ") });
    lines.line("waits for", waits(of));
    if !of.came_to.is_empty() {
        lines.line("came to", visible(&of.came_to));
    }
    lines.text()
}

/// First what changes, then the whole.
fn told_in_words(lines: &mut Lines, said: &Said) {
    said.lines.iter().for_each(|line| lines.line(&line.label, &*line.text));
}

fn act_in_words(lines: &mut Lines, of: &Action) {
    lines.line("action", of.act.name());
    lines.line("what happens", of.act.to_string());
    lines.line("directory", visible(&of.directory));
    lines.line("genesis", of.genesis.as_ref().map_or_else(|| "none".to_owned(), eye));
    lines.line("rests on", format!("charter {}", of.base));
    lines.line("holds until", when(of.expires));
}

/// `liaison admin propose`
pub(super) async fn propose(ctx: &Context, args: &ProposeArgs) -> Result<(), ClientError> {
    match &args.what {
        ProposeCommand::Statement { file } => {
            propose_statement(ctx, args, DraftedStatement::read(&files::read_text(file)?)?).await
        }
        other => propose_act(ctx, args, &act_of(other)?).await,
    }
}

fn act_of(command: &ProposeCommand) -> Result<Act, ClientError> {
    Ok(match command {
        ProposeCommand::Statement { .. } => return Err(usage("a statement is no act")),
        ProposeCommand::RenewNode => Act::RenewNode,
        ProposeCommand::Drain => Act::Drain,
        ProposeCommand::RetireKey { id } => {
            let digest: Option<[u8; 32]> =
                hex::decode(id).ok().and_then(|bytes| bytes.try_into().ok());
            let digest = digest.ok_or_else(|| {
                usage("a key's id has 64 hex digits: liaison admin keys shows them")
            })?;
            Act::RetireKey(KeyId::from_digest(Digest::from_bytes(digest)))
        }
        ProposeCommand::DropSessions { sessions } => {
            let mut sessions = sessions.clone();
            sessions.sort_unstable();
            sessions.dedup();
            Act::DropSessions(sessions)
        }
        ProposeCommand::NewEpoch { mailboxes } => {
            let mut mailboxes = mailboxes.clone();
            mailboxes.sort();
            mailboxes.dedup_by(|a, b| a.0 == b.0);
            Act::NewEpoch(mailboxes)
        }
    })
}

async fn propose_act(ctx: &Context, args: &ProposeArgs, act: &Act) -> Result<(), ClientError> {
    let way = args.admin.way();
    let to = if args.out.is_some() { Destination::File } else { Destination::Desk };
    let drafted = ctx.office.drafted(&way, act, to).await?;
    let (id, needed) = (drafted.id(), drafted.needed()?);
    let mut lines = Lines::default();
    lines.line("proposal", &*id);
    act_in_words(&mut lines, &drafted.action());
    lines.line("signed by", drafted.who().to_string());
    lines.line("needs", format!("{needed} operators"));
    ctx.out.say(lines.text());
    if args.dry_run {
        return not_proposed(ctx);
    }
    drafted.may_go(to)?;
    ask(ctx, args.yes, "Sign and propose this? [y/N]")?;
    let Some(path) = &args.out else {
        told(ctx, &drafted.propose(&ctx.office, &way).await?);
        return Ok(());
    };
    files::write(path, &drafted.on_paper(&ctx.office)?)?;
    ctx.out.data(&json!({ "id": id, "file": path }), || path.display().to_string());
    ctx.out.say(match needed {
        1 => format!("Next: liaisond mailbox new-epoch --approved {}", path.display()),
        _ => format!(
            "Next: a second operator signs it with liaison sign {0}; then liaisond mailbox \
             new-epoch --approved {0}",
            path.display()
        ),
    });
    Ok(())
}

async fn propose_statement(
    ctx: &Context,
    args: &ProposeArgs,
    draft: DraftedStatement,
) -> Result<(), ClientError> {
    if args.out.is_some() {
        return Err(usage("a statement is signed in its own file: liaison sign FILE"));
    }
    let way = args.admin.way();
    let drafted = ctx.office.for_desk(&way, draft).await?;
    let mut lines = Lines::default();
    told_in_words(&mut lines, &drafted.said()?);
    ctx.out.say(lines.text());
    if let Some(leaves) = drafted.passed()? {
        told_published(ctx, &leaves);
        return Ok(());
    }
    if args.dry_run {
        return not_proposed(ctx);
    }
    ask(ctx, args.yes, "Sign and propose this? [y/N]")?;
    told(ctx, &drafted.propose(&ctx.office, &way).await?);
    Ok(())
}

fn not_proposed(ctx: &Context) -> Result<(), ClientError> {
    let object = json!({ "id": Value::Null, "proposed": false });
    ctx.out.data(&object, || "nothing was proposed".to_owned());
    Ok(())
}

fn told(ctx: &Context, of: &Proposal) {
    let id = &of.id;
    ctx.out.data(&object(of), || id.clone());
    ctx.out.say(match of.waits_for.is_empty() {
        true => ctx
            .out
            .suggested(format_args!("Nobody else needs to sign. Next: liaison admin commit {id}")),
        false => format!(
            "It waits for {}. Next: each of them gives liaison admin approve {id}",
            waits(of)
        ),
    });
}

pub(super) fn ask(ctx: &Context, yes: bool, question: &str) -> Result<(), ClientError> {
    if yes || agreed(ctx, question) {
        return Ok(());
    }
    let sentence = "nobody agreed, and nothing was done";
    Err(ClientError::new(Side::Ours, Family::NeedsApproval, Here::NotAgreed, sentence)
        .mended_by(Mend::Agree))
}

/// Of a SHA-256 in hex.
const ID_DIGITS: usize = 64;

/// A proposal that is to be decided, shown in full.
async fn deciding(ctx: &Context, args: &DecideArgs) -> Result<(Deciding, Proposal), ClientError> {
    if args.yes && args.id.len() != ID_DIGITS {
        let sentence = "with --yes the whole id is given: another proposal may begin like it";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::WholeIdNeeded, sentence)
            .mended_by(Mend::WholeId(args.id.clone())));
    }
    let deciding = ctx.office.deciding(&args.admin.way(), &args.id).await?;
    let shown = deciding.shown()?;
    ctx.out.say(in_full(&shown));
    Ok((deciding, shown))
}

/// `liaison admin approve`
pub(super) async fn approve(ctx: &Context, args: &DecideArgs) -> Result<(), ClientError> {
    let (deciding, of) = deciding(ctx, args).await?;
    if args.dry_run {
        ctx.out.data(&object(&of), || "nothing was signed".to_owned());
        return Ok(());
    }
    if deciding.may_approve(&ctx.office)? == Turn::Done {
        let who = deciding.who();
        ctx.out.say(format_args!("{who} has signed already, and nothing was added."));
        told(ctx, &of);
        return Ok(());
    }
    ask(ctx, args.yes, "Sign this? [y/N]")?;
    told(ctx, &deciding.approve(&ctx.office).await?);
    Ok(())
}

/// `liaison admin commit`
pub(super) async fn carry_out(ctx: &Context, args: &DecideArgs) -> Result<(), ClientError> {
    let (deciding, of) = deciding(ctx, args).await?;
    if args.dry_run {
        ctx.out.data(&object(&of), || "nothing was carried out".to_owned());
        if of.state == State::Open && !of.waits_for.is_empty() {
            ctx.out.say(format_args!("It could not be: it waits for {}.", waits(&of)));
        }
        return Ok(());
    }
    if deciding.may_carry_out()? == Turn::Done {
        already(ctx, &of, "it was carried out");
        if let What::Act(_) = of.what {
            ctx.out.suggest("what came of it the audit trail says: liaison admin audit");
        }
        return Ok(());
    }
    ask(ctx, args.yes, "Carry this out? [y/N]")?;
    let id = &of.id;
    match deciding.carry_out().await? {
        Came::Logged(leaf) => {
            ctx.out
                .data(&json!({ "id": id, "logged": leaf }), || format!("entry {leaf} of the log"));
        }
        Came::Act(words) => {
            ctx.out.data(&json!({ "id": id, "done": words }), || visible(&words));
        }
    }
    Ok(())
}

/// `liaison admin abort`
pub(super) async fn abort(ctx: &Context, args: &DecideArgs) -> Result<(), ClientError> {
    let (deciding, of) = deciding(ctx, args).await?;
    if args.dry_run {
        ctx.out.data(&object(&of), || "nothing was given up".to_owned());
        return Ok(());
    }
    if deciding.may_abort()? == Turn::Done {
        already(ctx, &of, "it was given up");
        return Ok(());
    }
    ask(ctx, args.yes, "Give this up? [y/N]")?;
    deciding.abort().await?;
    ctx.out.data(&json!({ "id": of.id, "aborted": true }), || "it is given up".to_owned());
    Ok(())
}

/// Somebody did it before: whoever it was may have lost the answer.
fn already(ctx: &Context, of: &Proposal, what: &str) {
    let (by, at) = (&of.ended_by, of.ended_at);
    let object = json!({ "id": of.id, "already": true, "by": by, "at": at });
    ctx.out.data(&object, || {
        format!("{what} already by {}, {}: nothing was done now", visible(by), when(at))
    });
}

/// `liaison admin sessions`
pub(super) async fn sessions(ctx: &Context, args: &SessionsArgs) -> Result<(), ClientError> {
    let way = args.admin.way();
    if !args.drop.is_empty() || args.drop_all {
        ctx.office.person(&way, &[Role::Operator])?;
        let what = match &args.drop[..] {
            [] => "all connections but those of the administration".to_owned(),
            some => {
                let numbers = some.iter().map(ToString::to_string).collect::<Vec<_>>();
                format!("the connections {}", numbers.join(", "))
            }
        };
        ctx.out.say(format_args!("{what} will be closed; nobody is barred from coming again"));
        ask(ctx, args.yes, "Close them? [y/N]")?;
        let dropped = ctx.office.close(&way, args.drop.clone()).await?;
        ctx.out.data(&json!({ "dropped": dropped }), || format!("{dropped} were closed"));
        return Ok(());
    }
    let found = ctx.office.connections(&way).await?;
    let rows: Vec<Value> = found.iter().map(connection).collect();
    ctx.out.data(&json!({ "sessions": rows }), || {
        let mut cells = Vec::new();
        for of in &found {
            let port = match of.port {
                Port::Administration => "administration",
                Port::Members => "members",
            };
            let row = [
                of.number.to_string(),
                visible(of.who.as_deref().unwrap_or("not known")),
                when(of.since),
                visible(&of.remote),
                visible(&of.group),
                port.to_owned(),
            ];
            cells.push(row);
        }
        layout::table(&["NUMBER", "WHO", "SINCE", "FROM", "TLS GROUP", "PORT"], cells)
    });
    Ok(())
}

fn connection(of: &Connection) -> Value {
    json!({
        "number": of.number,
        "who": of.who,
        "key": of.key,
        "since": of.since,
        "remote": of.remote,
        "group": of.group,
        "administration": of.port == Port::Administration,
    })
}

const fn use_of(of: Option<Use>) -> &'static str {
    match of {
        Some(Use::Log) => "log",
        Some(Use::Relay) => "relay",
        Some(Use::Authority) => "ca",
        None => "not known",
    }
}

/// `liaison admin keys`
pub(super) async fn keys(ctx: &Context, args: &AdminArgs) -> Result<(), ClientError> {
    let Keys { all, node } = ctx.office.service_keys(&args.way()).await?;
    let rows: Vec<Value> = all
        .iter()
        .map(|of| json!({ "use": use_of(of.of), "id": of.id, "state": of.state }))
        .collect();
    let shown = node.as_ref().map(|node| {
        let authority = Some(&node.authority).filter(|of| !of.is_empty());
        json!({
            "key": node.key,
            "from": node.from,
            "until": node.until,
            "renews": node.renews,
            "authority": authority,
            "trouble": node.trouble,
        })
    });
    ctx.out.data(&json!({ "keys": rows, "node": shown }), || {
        let mut cells = Vec::new();
        for of in &all {
            cells.push([use_of(of.of).to_owned(), visible(&of.state), of.id.clone()]);
        }
        let mut lines = Lines::default();
        if let Some(node) = &node {
            lines.line("node", format!("certificate until {}", when(node.until)));
            lines.line("issued by", &*node.authority);
            lines.line("renewed", format!("by itself, from {} on", when(node.renews)));
            if let Some(trouble) = &node.trouble {
                lines.line("NOT RENEWED", visible(trouble));
            }
        }
        let table = layout::table(&["FOR", "STATE", "ID"], cells);
        format!("{table}\n{}", lines.text())
    });
    Ok(())
}

/// `liaison admin stage`
pub(super) async fn stage(ctx: &Context, args: &StageArgs) -> Result<(), ClientError> {
    let (of, file, flag) = match args.of {
        ServiceKeyArg::Log => (Use::Log, "log.key", "--log-key"),
        ServiceKeyArg::Relay => (Use::Relay, "relay.key", "--relay-key"),
        ServiceKeyArg::Ca => (Use::Authority, "service-ca.crt", "--service-ca"),
    };
    let staged = ctx.office.stage(&args.admin.way(), of).await?;
    let path = args.out.clone().unwrap_or_else(|| file.into());
    files::write(&path, &staged.file)?;
    let (id, before) = (hex::encode(staged.id.as_bytes()), staged.before);
    let object = json!({ "use": use_of(Some(of)), "id": id, "file": path, "before": before });
    ctx.out.data(&object, || path.display().to_string());
    if before {
        ctx.out.suggest(format_args!(
            "The service made this key before. If somebody may have taken its keys since: liaison admin \
             propose retire-key {id}, then this command again."
        ));
    }
    let made = if before { "has kept" } else { "has made" };
    ctx.out.say(format_args!(
        "The service {made} the key; its private part stays there. Next: a registrar gives liaison charter \
         draft {flag} {} --out charter.draft, then liaison admin propose statement charter.draft",
        path.display()
    ));
    Ok(())
}

/// `liaison sign FILE` of an act that is done where the service does not run.
pub(super) fn sign_file(ctx: &Context, args: &SignArgs, text: &str) -> Result<(), ClientError> {
    let paper = ctx.office.on_paper(text)?;
    let mut lines = Lines::default();
    lines.line("proposal", paper.id());
    act_in_words(&mut lines, &paper.action());
    ctx.out.say(lines.text());
    let who = ctx.office.person(&Way::default(), &[Role::Operator])?;
    if args.dry_run {
        ctx.out.data(&json!({ "signed": false }), || "nothing was signed".to_owned());
        return Ok(());
    }
    ask(ctx, args.yes, "Sign this? [y/N]")?;
    let signed = paper.signed(&ctx.office, &who)?;
    let path = args.out.as_deref().unwrap_or(&args.file);
    files::write(path, &signed.text)?;
    let (found, needed) = (signed.found, signed.needed);
    let object = json!({ "file": path, "signatures": found, "needed": needed });
    ctx.out.data(&object, || path.display().to_string());
    ctx.out.say(format_args!("{found} of {needed} signatures are there"));
    Ok(())
}
