//! `liaison admin`: the service's own affairs, seen and decided by those of the charter.
//!
//! In scope: the desk, connections, where the service stands. Out of scope: members (`admin`), the audit
//! trail (`audit`). Invariant: nobody signs or carries out what was not shown in full.

use serde_json::{Value, json};

use crate::client::administration::{Proposed, What, draft};
use crate::client::armour::{self, Kind};
use crate::client::draft::{Bundle, changes, in_words};
use crate::client::keys::KeyError;
use crate::client::reach::session::Session;
use crate::client::replica::Replica;
use crate::crypto::sign::eye;
use crate::domain::administration::proposal::{Act, Approved, needed};
use crate::domain::directory::Directory;
use crate::domain::limits;
use crate::office::drafts::{newest, passed};
use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::terms::{Digest, KeyId, Owner, PersonId, Role};
use crate::signed::dsse::Envelope;
use crate::signed::proto;
use crate::wire::v1::carry_out_response::Done;
use crate::wire::v1::{self, ProposalState, ServiceKeyUse};
use crate::words::{signers, visible, when};

use super::Context;
use super::args::{
    AdminArgs, DecideArgs, ProposalsArgs, ProposeArgs, ProposeCommand, ServiceKeyArg, SessionsArgs,
    SignArgs, StageArgs,
};
use super::context::usage;
use super::layout::{self, Lines};
use super::statement::{agreed, told_published};

const ANY: [Role; 3] = [Role::Operator, Role::Registrar, Role::Auditor];

const fn role_of(owner: &Owner) -> Option<Role> {
    match owner {
        Owner::Registrar(_) => Some(Role::Registrar),
        Owner::Operator(_) => Some(Role::Operator),
        Owner::Auditor(_) => Some(Role::Auditor),
        Owner::Authority(_) | Owner::Keeper(_) | Owner::Seat(_) => None,
    }
}

impl AdminArgs {
    fn named(&self) -> Option<Owner> {
        let of = |id: &Option<PersonId>, owner: fn(PersonId) -> Owner| id.clone().map(owner);
        of(&self.registrar, Owner::Registrar)
            .or_else(|| of(&self.operator, Owner::Operator))
            .or_else(|| of(&self.auditor, Owner::Auditor))
    }
}

/// The person of this home who may do this: the one named, or the only one of the first of these
/// roles that is here.
pub(super) fn person(ctx: &Context, args: &AdminArgs, may: &[Role]) -> Result<Owner, ClientError> {
    let owners = ctx.office.home.keys().owners()?;
    let all = may.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or ");
    if let Some(named) = args.named() {
        return match role_of(&named).is_some_and(|role| may.contains(&role)) {
            true => Ok(named),
            false => Err(usage(&format!("this is done as {all}, and {named} was named"))),
        };
    }
    for role in may {
        let found: Vec<&Owner> =
            owners.iter().filter(|owner| role_of(owner) == Some(*role)).collect();
        match found[..] {
            [] => {}
            [only] => return Ok(only.clone()),
            [..] => {
                let names = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let sentence = format!("several people's keys are in this home: {names}");
                return Err(ClientError::new(
                    Side::Ours,
                    Family::Usage,
                    Here::SeveralPeople,
                    sentence,
                )
                .mended_by(Mend::NamePerson(*role)));
            }
        }
    }
    let sentence = format!("no {all}'s keys are in the home {}", ctx.office.home.root().display());
    Err(ClientError::new(Side::Ours, Family::IdentityOrKey, Here::NoPerson, sentence)
        .mended_by(Mend::NameHome))
}

/// A connection to the administration, and the copy of the directory, which its port does not bring
/// up to date.
pub(super) async fn reach(
    ctx: &Context,
    args: &AdminArgs,
    who: &Owner,
) -> Result<Session, ClientError> {
    let name = ctx.office.name()?;
    let (home, net, given) = (&ctx.office.home, &ctx.office.net, args.address.clone());
    let session = Session::open_administration(home, &name, given, who, net).await;
    session.map_err(|why| ctx.office.for_operators(why))
}

/// The copy, as new as the service: whose a key is stands there.
async fn synced(ctx: &Context, who: &Owner) -> Result<Replica, ClientError> {
    let session = ctx.office.connect(Some(who)).await?;
    let mut replica = ctx.office.replica()?;
    ctx.office.sync(&session, &mut replica).await?;
    Ok(replica)
}

/// `liaison admin show`
pub(super) async fn show(ctx: &Context, args: &AdminArgs) -> Result<(), ClientError> {
    let who = person(ctx, args, &ANY)?;
    let standing = reach(ctx, args, &who).await?.standing().await?;
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
    ctx.out.data(&object, || {
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
    let who = person(ctx, &args.admin, &ANY)?;
    let replica = synced(ctx, &who).await?;
    let directory = replica.directory()?;
    let session = reach(ctx, &args.admin, &who).await?;
    if let Some(id) = &args.id {
        let found = one(session.proposals(directory, true, &id.to_ascii_lowercase()).await?, id)?;
        ctx.out.data(&object(directory, &found), || in_full(directory, &found));
        return Ok(());
    }
    let found = session.proposals(directory, args.all, "").await?;
    let objects: Vec<Value> = found.iter().map(|of| object(directory, of)).collect();
    ctx.out.data(&json!({ "proposals": objects }), || {
        if found.is_empty() {
            return "Nothing waits.".to_owned();
        }
        let mut cells = Vec::new();
        for of in &found {
            let id = of.id().chars().take(12).collect();
            let until = when(of.said.expires);
            cells.push([id, title(of), visible(&of.said.by), until, waits(directory, of)]);
        }
        layout::table(&["ID", "WHAT", "BY", "UNTIL", "WAITS FOR"], cells)
    });
    Ok(())
}

/// The one whose id begins so.
fn one(found: Vec<Proposed>, id: &str) -> Result<Proposed, ClientError> {
    let wanted = id.to_ascii_lowercase();
    let is_long = wanted.len() >= 4;
    let mut of: Vec<Proposed> =
        found.into_iter().filter(|of| is_long && of.id().starts_with(&wanted)).collect();
    match (of.pop(), of.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => Err(usage(&format!("the ids of several proposals begin with {id}"))),
        (None, _) => {
            let sentence = format!("there is no proposal {id}");
            Err(ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownProposal, sentence)
                .mended_by(Mend::ListProposals))
        }
    }
}

fn title(of: &Proposed) -> String {
    match &of.what {
        What::Act(act, ..) => act.name().to_owned(),
        What::Statement(bundle) | What::Withheld(bundle) => {
            let kinds = bundle.publications().iter().map(|of| of.statement().kind().name());
            kinds.collect::<Vec<_>>().join(", ")
        }
    }
}

fn waits(directory: &Directory, of: &Proposed) -> String {
    match of.said.state() {
        ProposalState::Open => {}
        ProposalState::CarriedOut => {
            return format!("carried out by {}", visible(&of.said.ended_by));
        }
        ProposalState::Aborted => return format!("given up by {}", visible(&of.said.ended_by)),
        ProposalState::Expired => return "expired".to_owned(),
        ProposalState::Overtaken => return "overtaken: propose it anew".to_owned(),
        ProposalState::Unspecified => return "of a kind this version does not know".to_owned(),
    }
    let left = of.waits_for(directory);
    if left.is_empty() {
        return "nobody: liaison admin commit".to_owned();
    }
    signers(&left)
}

fn object(directory: &Directory, of: &Proposed) -> Value {
    let is_open = of.said.state() == ProposalState::Open;
    let left = of.waits_for(directory).into_iter().filter(|_| is_open);
    let left = left.map(|(more, names)| json!({ "more": more, "of": names }));
    let state = of.said.state().as_str_name().trim_start_matches("PROPOSAL_STATE_");
    let act = match &of.what {
        What::Act(act, proposal, _) => json!({
            "action": act.name(), "says": act.to_string(), "charter": proposal.base,
        }),
        What::Statement(_) | What::Withheld(_) => Value::Null,
    };
    let statement = match &of.what {
        What::Act(..) => Value::Null,
        What::Statement(bundle) | What::Withheld(bundle) => {
            let all = changes(Some(directory), bundle).into_iter().chain(in_words(bundle));
            all.map(|line| json!({ "label": line.label, "text": line.text })).collect()
        }
    };
    json!({
        "id": of.id(),
        "what": title(of),
        "act": act,
        "statement": statement,
        "by": of.said.by,
        "at": of.said.at,
        "expires": of.said.expires,
        "state": state.to_ascii_lowercase(),
        "ended_by": of.said.ended_by,
        "ended_at": of.said.ended_at,
        "came_to": of.said.came_to,
        "signed_by": of.signed_by(directory),
        "waits_for": left.collect::<Vec<_>>(),
    })
}

/// All that will happen, in words.
fn in_full(directory: &Directory, of: &Proposed) -> String {
    let mut lines = Lines::default();
    lines.line("proposal", of.id());
    lines.line("by", format!("{}, {}", visible(&of.said.by), when(of.said.at)));
    match &of.what {
        What::Act(act, proposal, _) => act_in_words(&mut lines, act, proposal),
        What::Withheld(bundle) => {
            told_in_words(&mut lines, directory, bundle);
            lines.line("details", "withheld: they are for registrars, while it waits");
        }
        What::Statement(bundle) => told_in_words(&mut lines, directory, bundle),
    }
    let signed = of.signed_by(directory);
    lines
        .line("signed by", if signed.is_empty() { "nobody".to_owned() } else { signed.join(", ") });
    lines.line("waits for", waits(directory, of));
    if !of.said.came_to.is_empty() {
        lines.line("came to", visible(&of.said.came_to));
    }
    lines.text()
}

/// First what changes, then the whole.
fn told_in_words(lines: &mut Lines, directory: &Directory, bundle: &Bundle) {
    let all = changes(Some(directory), bundle).into_iter().chain(in_words(bundle));
    all.for_each(|line| lines.line(&line.label, line.text));
}

/// From its own bytes.
fn act_in_words(lines: &mut Lines, act: &Act, proposal: &proto::Proposal) {
    lines.line("action", act.name());
    lines.line("what happens", act.to_string());
    let named = proposal.directory.clone().unwrap_or_default();
    lines.line("directory", visible(&named.name));
    let genesis = Digest::try_from(&named.genesis[..]);
    lines.line("genesis", genesis.as_ref().map_or_else(|_| "none".to_owned(), eye));
    lines.line("rests on", format!("charter {}", proposal.base));
    lines.line("holds until", when(proposal.expires));
}

/// `liaison admin propose`
pub(super) async fn propose(ctx: &Context, args: &ProposeArgs) -> Result<(), ClientError> {
    match &args.what {
        ProposeCommand::Statement { file } => {
            let bundle = Bundle::read(&ctx.read_file(file)?)?;
            let [_] = bundle.publications() else {
                return Err(usage("a proposal is one statement: draft each in a file of its own"));
            };
            propose_statement(ctx, args, bundle).await
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
    let who = person(ctx, &args.admin, &[Role::Operator])?;
    let away = args.out.is_some();
    let replica = if away { ctx.office.replica()? } else { synced(ctx, &who).await? };
    let directory = replica.directory()?;
    let unsigned = draft(directory, act, ctx.office.ambient());
    let drafted = Approved::verify(directory, unsigned.bytes())?;
    let mut lines = Lines::default();
    lines.line("proposal", hex::encode(drafted.id().as_bytes()));
    act_in_words(&mut lines, act, drafted.proposal());
    lines.line("signed by", who.to_string());
    lines.line("needs", format!("{} operators", needed(directory)));
    ctx.out.say(lines.text());
    if args.dry_run {
        let object = json!({ "id": Value::Null, "proposed": false });
        ctx.out.data(&object, || "nothing was proposed".to_owned());
        return Ok(());
    }
    let is_away = matches!(act, Act::NewEpoch(_));
    match (is_away, away) {
        (true, false) => {
            return Err(usage("a new epoch begins where the service does not run: add --out FILE"));
        }
        (false, true) => {
            return Err(usage("--out is for new-epoch alone: the service has a desk for the rest"));
        }
        _ => {}
    }
    ask(ctx, args.yes, "Sign and propose this? [y/N]")?;
    let key = ctx.office.home.keys().signer(&who, ctx.office.ambient())?;
    let signed = unsigned.add_signature(&*key, ctx.office.ambient().random());
    let signed = signed.map_err(KeyError::from)?;
    let publication = v1::Publication { statement: signed.bytes().clone(), facets: Vec::new() };
    if let Some(path) = &args.out {
        ctx.write_file(path, &armour::write(Kind::Proposal, &publication))?;
        let object = json!({ "id": hex::encode(drafted.id().as_bytes()), "file": path });
        ctx.out.data(&object, || path.display().to_string());
        ctx.out.say(match needed(directory) {
            1 => format!("Next: liaisond mailbox new-epoch --approved {}", path.display()),
            _ => format!(
                "Next: a second operator signs it with liaison sign {0}; then liaisond mailbox \
                 new-epoch --approved {0}",
                path.display()
            ),
        });
        return Ok(());
    }
    let session = reach(ctx, &args.admin, &who).await?;
    let proposed = session.propose(directory, publication).await?;
    told(ctx, directory, &proposed);
    Ok(())
}

async fn propose_statement(
    ctx: &Context,
    args: &ProposeArgs,
    mut bundle: Bundle,
) -> Result<(), ClientError> {
    if args.out.is_some() {
        return Err(usage("a statement is signed in its own file: liaison sign FILE"));
    }
    let who = person(ctx, &args.admin, &[Role::Registrar])?;
    let replica = synced(ctx, &who).await?;
    let directory = replica.directory()?;
    let mut lines = Lines::default();
    told_in_words(&mut lines, directory, &bundle);
    ctx.out.say(lines.text());
    if let Some(leaves) = passed(Some(&replica), &bundle)? {
        told_published(ctx, &leaves);
        return Ok(());
    }
    if args.dry_run {
        ctx.out.data(&json!({ "id": Value::Null, "proposed": false }), || {
            "nothing was proposed".to_owned()
        });
        return Ok(());
    }
    ask(ctx, args.yes, "Sign and propose this? [y/N]")?;
    let key = ctx.office.home.keys().signer(&who, ctx.office.ambient())?;
    bundle.sign(Some(directory), &[&*key], ctx.office.ambient())?;
    let publication = bundle.to_wire().publications.pop().unwrap_or_default();
    let session = reach(ctx, &args.admin, &who).await?;
    let proposed = session.propose(directory, publication).await?;
    told(ctx, directory, &proposed);
    Ok(())
}

fn told(ctx: &Context, directory: &Directory, of: &Proposed) {
    let id = of.id();
    ctx.out.data(&object(directory, of), || id.clone());
    ctx.out.say(match of.waits_for(directory).is_empty() {
        true => format!("Nobody else needs to sign. Next: liaison admin commit {id}"),
        false => format!(
            "It waits for {}. Next: each of them gives liaison admin approve {id}",
            waits(directory, of)
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

/// A proposal that is to be decided: shown in full, and by whom.
struct Deciding {
    who: Owner,
    replica: Replica,
    session: Session,
    of: Proposed,
}

async fn deciding(ctx: &Context, args: &DecideArgs) -> Result<Deciding, ClientError> {
    if args.yes && args.id.len() != ID_DIGITS {
        let sentence = "with --yes the whole id is given: another proposal may begin like it";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::WholeIdNeeded, sentence)
            .mended_by(Mend::WholeId(args.id.clone())));
    }
    let first = person(ctx, &args.admin, &[Role::Operator, Role::Registrar])?;
    let replica = synced(ctx, &first).await?;
    let session = reach(ctx, &args.admin, &first).await?;
    let directory = replica.directory()?;
    let found = session.proposals(directory, true, &args.id.to_ascii_lowercase()).await?;
    let of = one(found, &args.id)?;
    let role = match of.what {
        What::Act(..) => Role::Operator,
        What::Statement(_) | What::Withheld(_) => Role::Registrar,
    };
    let who = person(ctx, &args.admin, &[role])?;
    let (session, of) = if who == first {
        (session, of)
    } else {
        // What is for registrars alone is shown to who signs.
        let session = reach(ctx, &args.admin, &who).await?;
        let of = one(session.proposals(directory, true, &of.id()).await?, &of.id())?;
        (session, of)
    };
    ctx.out.say(in_full(directory, &of));
    Ok(Deciding { who, replica, session, of })
}

/// What it rests on is no longer in force: no signature helps.
fn is_not_overtaken(directory: &Directory, of: &Proposed) -> Result<(), ClientError> {
    if of.said.state() != ProposalState::Overtaken {
        return Ok(());
    }
    let anew = match &of.what {
        What::Act(act, ..) => Mend::AbortThenPropose(of.id(), act.clone()),
        What::Statement(bundle) | What::Withheld(bundle) => {
            let mut drafted = bundle.publications().iter();
            let draft = drafted.find_map(|of| Some(newest(directory, of.statement())?.1));
            Mend::AbortThenDraft(of.id(), draft)
        }
    };
    let sentence = "another one was carried out first, and this one rests on what stood before: it \
                    is overtaken, for good";
    Err(ClientError::new(Side::Ours, Family::Stale, Here::ProposalOvertaken, sentence)
        .mended_by(anew))
}

/// `liaison admin approve`
pub(super) async fn approve(ctx: &Context, args: &DecideArgs) -> Result<(), ClientError> {
    let Deciding { who, replica, session, of } = deciding(ctx, args).await?;
    let directory = replica.directory()?;
    if args.dry_run {
        ctx.out.data(&object(directory, &of), || "nothing was signed".to_owned());
        return Ok(());
    }
    is_not_overtaken(directory, &of)?;
    of.may_be_signed(directory, ctx.office.ambient().now())?;
    let own = |id: &PersonId| of.signed_by(directory).contains(&id.to_string());
    if matches!(&who, Owner::Registrar(id) | Owner::Operator(id) if own(id)) {
        ctx.out.say(format_args!("{who} has signed already, and nothing was added."));
        told(ctx, directory, &of);
        return Ok(());
    }
    ask(ctx, args.yes, "Sign this? [y/N]")?;
    let key = ctx.office.home.keys().signer(&who, ctx.office.ambient())?;
    let signature = of.signature(&*key, ctx.office.ambient())?;
    let of = session.approve(directory, &of.said.id, vec![signature]).await?;
    told(ctx, directory, &of);
    Ok(())
}

/// `liaison admin commit`
pub(super) async fn carry_out(ctx: &Context, args: &DecideArgs) -> Result<(), ClientError> {
    let Deciding { replica, session, of, .. } = deciding(ctx, args).await?;
    let directory = replica.directory()?;
    if args.dry_run {
        ctx.out.data(&object(directory, &of), || "nothing was carried out".to_owned());
        if of.said.state() == ProposalState::Open && !of.waits_for(directory).is_empty() {
            ctx.out.say(format_args!("It could not be: it waits for {}.", waits(directory, &of)));
        }
        return Ok(());
    }
    if of.said.state() == ProposalState::CarriedOut {
        already(ctx, &of, "it was carried out");
        if let What::Act(..) = of.what {
            ctx.out.say("what came of it the audit trail says: liaison admin audit");
        }
        return Ok(());
    }
    is_not_overtaken(directory, &of)?;
    of.waits()?;
    ask(ctx, args.yes, "Carry this out? [y/N]")?;
    let (id, done) = (of.id(), session.carry_out(&of.said.id).await);
    let done = done.map_err(|why| {
        if why.reason != Rule::BelowThreshold {
            return why;
        }
        why.mended_by(Mend::ApproveBy(id.clone(), of.waits_for(directory)))
    })?;
    match done {
        Some(Done::LeafIndex(leaf)) => {
            ctx.out
                .data(&json!({ "id": id, "logged": leaf }), || format!("entry {leaf} of the log"));
            Ok(())
        }
        Some(Done::Act(words)) => {
            ctx.out.data(&json!({ "id": id, "done": words }), || visible(&words));
            Ok(())
        }
        Some(Done::Failed(words)) => {
            let sentence = format!("it is used, and could not be carried out: {}", visible(&words));
            Err(ClientError::new(Side::Theirs, Family::Unexpected, Here::ActFailed, sentence)
                .mended_by(Mend::MendThenPropose))
        }
        None => {
            let sentence = "the service does not say what came of it";
            Err(ClientError::new(Side::Theirs, Family::Unexpected, Here::NoOutcome, sentence)
                .mended_by(Mend::ListProposals))
        }
    }
}

/// `liaison admin abort`
pub(super) async fn abort(ctx: &Context, args: &DecideArgs) -> Result<(), ClientError> {
    let Deciding { replica, session, of, .. } = deciding(ctx, args).await?;
    if args.dry_run {
        let directory = replica.directory()?;
        ctx.out.data(&object(directory, &of), || "nothing was given up".to_owned());
        return Ok(());
    }
    match of.said.state() {
        ProposalState::Aborted => {
            already(ctx, &of, "it was given up");
            return Ok(());
        }
        // It lies there, and comes to nothing.
        ProposalState::Overtaken => {}
        _ => of.waits()?,
    }
    ask(ctx, args.yes, "Give this up? [y/N]")?;
    session.abort(&of.said.id).await?;
    ctx.out.data(&json!({ "id": of.id(), "aborted": true }), || "it is given up".to_owned());
    Ok(())
}

/// Somebody did it before: whoever it was may have lost the answer.
fn already(ctx: &Context, of: &Proposed, what: &str) {
    let (by, at) = (&of.said.ended_by, of.said.ended_at);
    let object = json!({ "id": of.id(), "already": true, "by": by, "at": at });
    ctx.out.data(&object, || {
        format!("{what} already by {}, {}: nothing was done now", visible(by), when(at))
    });
}

/// `liaison admin sessions`
pub(super) async fn sessions(ctx: &Context, args: &SessionsArgs) -> Result<(), ClientError> {
    if !args.drop.is_empty() || args.drop_all {
        let who = person(ctx, &args.admin, &[Role::Operator])?;
        let what = match &args.drop[..] {
            [] => "all connections but those of the administration".to_owned(),
            some => {
                let numbers = some.iter().map(ToString::to_string).collect::<Vec<_>>();
                format!("the connections {}", numbers.join(", "))
            }
        };
        ctx.out.say(format_args!("{what} will be closed; nobody is barred from coming again"));
        ask(ctx, args.yes, "Close them? [y/N]")?;
        let dropped = reach(ctx, &args.admin, &who).await?.drop_sessions(args.drop.clone()).await?;
        ctx.out.data(&json!({ "dropped": dropped }), || format!("{dropped} were closed"));
        return Ok(());
    }
    let who = person(ctx, &args.admin, &[Role::Operator, Role::Auditor])?;
    let found = reach(ctx, &args.admin, &who).await?.sessions().await?;
    let rows: Vec<Value> = found
        .iter()
        .map(|of| {
            json!({
                "number": of.number,
                "who": if of.who.is_empty() { Value::Null } else { json!(of.who) },
                "key": if of.key_id.is_empty() { Value::Null } else { json!(hex::encode(&of.key_id)) },
                "since": of.since,
                "remote": of.remote,
                "group": of.group,
                "administration": of.administration,
            })
        })
        .collect();
    ctx.out.data(&json!({ "sessions": rows }), || {
        let mut cells = Vec::new();
        for of in &found {
            let who = if of.who.is_empty() { "not known" } else { &of.who };
            let port = if of.administration { "administration" } else { "members" };
            let row = [
                of.number.to_string(),
                visible(who),
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

/// `liaison admin keys`
pub(super) async fn keys(ctx: &Context, args: &AdminArgs) -> Result<(), ClientError> {
    let who = person(ctx, args, &ANY)?;
    let listed = reach(ctx, args, &who).await?.service_keys().await?;
    let word = |of: &v1::ServiceKey| match of.r#use() {
        ServiceKeyUse::Log => "log",
        ServiceKeyUse::Relay => "relay",
        ServiceKeyUse::Authority => "ca",
        ServiceKeyUse::Unspecified => "not known",
    };
    let rows: Vec<Value> = listed
        .keys
        .iter()
        .map(|of| json!({ "use": word(of), "id": hex::encode(&of.id), "state": of.state }))
        .collect();
    let node = listed.node.as_ref().map(|node| {
        json!({
            "key": hex::encode(&node.key_id),
            "from": node.from,
            "until": node.until,
            "renews": node.renews,
            "authority": if node.authority.is_empty() { Value::Null } else { json!(hex::encode(&node.authority)) },
            "trouble": if node.trouble.is_empty() { Value::Null } else { json!(node.trouble) },
        })
    });
    ctx.out.data(&json!({ "keys": rows, "node": node }), || {
        let mut cells = Vec::new();
        for of in &listed.keys {
            cells.push([word(of).to_owned(), visible(&of.state), hex::encode(&of.id)]);
        }
        let mut lines = Lines::default();
        if let Some(node) = &listed.node {
            lines.line("node", format!("certificate until {}", when(node.until)));
            lines.line("issued by", hex::encode(&node.authority));
            lines.line("renewed", format!("by itself, from {} on", when(node.renews)));
            if !node.trouble.is_empty() {
                lines.line("NOT RENEWED", visible(&node.trouble));
            }
        }
        let table = layout::table(&["FOR", "STATE", "ID"], cells);
        format!("{table}\n{}", lines.text())
    });
    Ok(())
}

/// `liaison admin stage`
pub(super) async fn stage(ctx: &Context, args: &StageArgs) -> Result<(), ClientError> {
    let who = person(ctx, &args.admin, &[Role::Operator])?;
    let (of, name, file, flag) = match args.of {
        ServiceKeyArg::Log => (ServiceKeyUse::Log, "log", "log.key", "--log-key"),
        ServiceKeyArg::Relay => (ServiceKeyUse::Relay, "relay", "relay.key", "--relay-key"),
        ServiceKeyArg::Ca => (ServiceKeyUse::Authority, "ca", "service-ca.crt", "--service-ca"),
    };
    let staged = reach(ctx, &args.admin, &who).await?.stage_service_key(of).await?;
    let (text, id) = match staged.listed {
        None => {
            let id = KeyId::of(&staged.certificate);
            (armour::encode("CERTIFICATE", &staged.certificate).to_string(), id)
        }
        Some(key) => {
            let id = KeyId::of(&key.key);
            let holder = format!("{name}/{}", ctx.office.name()?);
            let keys = v1::PublicKeys { holder, sign: vec![key], ..v1::PublicKeys::default() };
            (armour::write(Kind::Service, &keys), id)
        }
    };
    let path = args.out.clone().unwrap_or_else(|| file.into());
    ctx.write_file(&path, &text)?;
    let (id, before) = (hex::encode(id.as_bytes()), staged.before);
    ctx.out.data(&json!({ "use": name, "id": id, "file": path, "before": before }), || {
        path.display().to_string()
    });
    if before {
        ctx.out.say(format_args!(
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
    let publication: v1::Publication = armour::read(Kind::Proposal, text)?;
    let replica = ctx.office.replica()?;
    let directory = replica.directory()?;
    let before = Approved::verify(directory, &publication.statement)?;
    let mut lines = Lines::default();
    lines.line("proposal", hex::encode(before.id().as_bytes()));
    act_in_words(&mut lines, before.act(), before.proposal());
    ctx.out.say(lines.text());
    let who = person(ctx, &AdminArgs::default(), &[Role::Operator])?;
    let envelope = Envelope::parse(&publication.statement, limits::PROPOSAL_BYTES);
    let envelope = envelope.map_err(|why| usage(&why.to_string()))?;
    if args.dry_run {
        ctx.out.data(&json!({ "signed": false }), || "nothing was signed".to_owned());
        return Ok(());
    }
    ask(ctx, args.yes, "Sign this? [y/N]")?;
    let key = ctx.office.home.keys().signer(&who, ctx.office.ambient())?;
    let signed = envelope.add_signature(&*key, ctx.office.ambient().random());
    let signed = signed.map_err(KeyError::from)?;
    let after = Approved::verify(directory, signed.bytes())?;
    let statement = signed.bytes().clone();
    let path = args.out.as_deref().unwrap_or(&args.file);
    let publication = v1::Publication { statement, facets: Vec::new() };
    ctx.write_file(path, &armour::write(Kind::Proposal, &publication))?;
    let (found, needed) = (after.signers().len(), needed(directory));
    let object = json!({ "file": path, "signatures": found, "needed": needed });
    ctx.out.data(&object, || path.display().to_string());
    ctx.out.say(format_args!("{found} of {needed} signatures are there"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::dsse;

    fn proposed(id: &[u8]) -> Proposed {
        let said = v1::Proposal { id: id.to_vec().into(), ..v1::Proposal::default() };
        let envelope = Envelope::assemble(dsse::Kind::Approval, Vec::new().into(), Vec::new());
        Proposed { said, what: What::Act(Act::Drain, Box::default(), Box::new(envelope)) }
    }

    #[test]
    fn a_proposal_is_named_by_four_digits_or_more_that_are_no_other_ones() {
        let desk = [[0xab, 0xcd, 1], [0xab, 0xcd, 2], [0xab, 0xce, 3]];
        for (id, found) in [
            ("abce", Ok("abce03")),
            ("ABCD02", Ok("abcd02")),
            ("abcd", Err(Family::Usage)),
            ("abc", Err(Family::NotFound)),
            ("abcf", Err(Family::NotFound)),
        ] {
            let one = one(desk.iter().map(|id| proposed(id)).collect(), id);
            let one = one.map(|of| of.id()).map_err(|why| why.family);
            assert_eq!(one, found.map(str::to_owned), "{id}");
        }
    }
}
