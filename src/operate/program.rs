//! The program `liaisond`: flags to plan to call.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::json;
use tokio::sync::watch;

use crate::ambient::Ambient;
use crate::client::address::Address;
use crate::client::armour;
use crate::client::draft::dangerous_quorum;
use crate::client::files;
use crate::client::home::Home;
use crate::crypto::sign::{eye, telephone};
use crate::domain::ids::{ContactId, DirectoryName};
use crate::domain::refusal::OwnKey;
use crate::moment::when;
use crate::server::listen::Drained;
use crate::server::process;
use crate::service::epochs::Which;
use crate::service::salvage::Salvaged;
use crate::service::scrub::{Report, What};
use crate::service::{Listed, Mark, NodeState, Shown};
use crate::store::format::FORMAT;
use crate::store::migrate::Migrated;
use crate::wire::v1;

use super::config::ServiceHome;
use super::mailbox::in_words;
use super::{
    Founded, OperateError, Plan, complete, config, invitation, mark, migrate, new_epoch, node,
    own_keys, plan_addresses, prepare, put_charter, renew_node, retire_key, salvage, scrub, serve,
    single, small, stage_key, staged_file, stop, telemetry,
};

/// The directory and relay of a Liaison.
#[derive(Debug, Parser)]
#[command(name = "liaisond", version, max_term_width = 100)]
pub struct Program {
    /// The service's home: configuration, keys, data
    #[arg(
        long,
        global = true,
        env = "LIAISOND_HOME",
        value_name = "DIR",
        default_value = "liaisond"
    )]
    pub home: PathBuf,
    /// Telemetry as JSON lines
    #[arg(long, global = true)]
    pub json_logs: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Found a directory: draft the charter, then commit it as entry 0
    Init(Box<InitArgs>),
    /// Serve
    Serve(ServeArgs),
    /// Write an invitation of today: the charter in force, the addresses of liaisond.toml, the
    /// newest checkpoint
    Invitation(InvitationArgs),
    /// Look at all that is stored while it is not served, and change nothing: exit code 6 if something
    /// is wrong
    Scrub(ScrubArgs),
    /// Write what can still be read of a damaged store into a new one, and list what is gone: exit code
    /// 6 if something is
    Salvage(SalvageArgs),
    /// Look after a store that is not served
    #[command(subcommand)]
    Store(StoreCommand),
    /// Look after mailboxes of a service that is stopped
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// The certificate that the service shows to whoever connects
    #[command(subcommand)]
    Node(NodeCommand),
    /// The keys that the service signs with, while it is stopped: the charter says which of them does
    #[command(subcommand)]
    Key(KeyCommand),
    /// A charter for a service that cannot start: a key that signs is lost
    #[command(subcommand)]
    Charter(CharterCommand),
}

/// What is done with the service's own keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key for the next charter, or show the one that was made before
    Stage(StageArgs),
    /// Show every key that is here: staged, in force, overlapping or retired
    List(KeyListArgs),
    /// Delete a private key that the charter in force does not list
    Retire(RetireArgs),
}

/// A key to stage.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// What it is for
    #[arg(value_parser = ["log", "relay", "ca"])]
    pub of: String,
    /// Where the registrars' file goes: for liaison charter draft --log-key, --relay-key or --service-ca
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// How to show the keys.
#[derive(Debug, Args)]
pub struct KeyListArgs {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// A key to delete.
#[derive(Debug, Args)]
pub struct RetireArgs {
    /// Its id, all 64 digits: the key does not come back
    pub id: String,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is done with a charter while the service is stopped.
#[derive(Debug, Subcommand)]
pub enum CharterCommand {
    /// Admit the next charter, signed by the quorum, whose keys are here
    Put(PutArgs),
}

/// A charter to admit.
#[derive(Debug, Args)]
pub struct PutArgs {
    /// The signed charter
    pub file: PathBuf,
    /// You have looked, and this machine's clock is right: end a doubt about it
    #[arg(long)]
    pub clock_is_right: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is done with the node's certificate.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Show it: until when, from which authority, and when it is renewed by itself
    Show(NodeShowArgs),
    /// Make a new one while the service is stopped; one that runs renews it by itself
    Renew(NodeRenewArgs),
}

/// How to show the node's certificate.
#[derive(Debug, Args)]
pub struct NodeShowArgs {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// How to renew the node's certificate.
#[derive(Debug, Args)]
pub struct NodeRenewArgs {
    /// Make it and try it, and keep the old one
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is done to mailboxes of a service that is stopped.
#[derive(Debug, Subcommand)]
pub enum MailboxCommand {
    /// Begin mailboxes anew, in a new epoch: older data was put back, and the newer is gone for good
    NewEpoch(NewEpochArgs),
}

/// Which mailboxes begin anew.
#[derive(Debug, Args)]
pub struct NewEpochArgs {
    /// Contacts [default: those whose mailboxes are behind what was shown, or damaged]
    pub contacts: Vec<ContactId>,
    /// Every mailbox
    #[arg(long, conflicts_with = "contacts")]
    pub all: bool,
    /// Only say what would become of each
    #[arg(long)]
    pub dry_run: bool,
    /// You are sure: the directory's name
    #[arg(long, value_name = "NAME")]
    pub yes: Option<String>,
    /// What two operators have signed, from liaison admin propose new-epoch --out
    #[arg(long, value_name = "FILE")]
    pub approved: Option<PathBuf>,
}

/// What is done to a store that is not served.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Write a store of an earlier version anew in the format of this one, and keep the old one
    Migrate(MigrateArgs),
    /// Write the high-water file anew from the store, if it is missing or damaged: you are sure that
    /// the store is the newest there is
    Mark,
}

/// How to show what was looked at.
#[derive(Debug, Args)]
pub struct ScrubArgs {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// How to salvage.
#[derive(Debug, Args)]
pub struct SalvageArgs {
    /// A folder that is not there yet
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    pub to: Option<PathBuf>,
    /// Of the new store [default: as it is]
    #[arg(long, value_parser = ["sled", "redb"])]
    pub engine: Option<String>,
    /// Write nothing, and list what is gone
    #[arg(long, conflicts_with = "to")]
    pub dry_run: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// How to migrate.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Only read the store, and say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// Where to write an invitation.
#[derive(Debug, Args)]
pub struct InvitationArgs {
    /// A file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// You have looked, and this machine's clock is right: end a doubt about it
    #[arg(long)]
    pub clock_is_right: bool,
}

/// A directory to found.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The signed charter: the second step
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "registrar", "operator", "auditor", "single"])]
    pub charter: Option<PathBuf>,
    /// The directory's name, for ever: lower-case DNS labels
    #[arg(long, default_value = "un.example")]
    pub name: DirectoryName,
    /// A registrar's PERSON file, from liaison key new --registrar; may be repeated
    #[arg(long, value_name = "FILE")]
    pub registrar: Vec<PathBuf>,
    /// How many registrars decide [default: more than half]
    #[arg(long, value_name = "K")]
    pub threshold: Option<u32>,
    /// An operator's PERSON file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub operator: Vec<PathBuf>,
    /// An auditor's PERSON file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub auditor: Vec<PathBuf>,
    /// small: a secretariat of three people, each with the keys of a registrar and of an operator; two
    /// decide
    #[arg(long, value_enum, conflicts_with = "single")]
    pub profile: Option<Profile>,
    /// One local registrar, all in one step: for trials
    #[arg(long, conflicts_with_all = ["registrar", "operator", "auditor", "threshold"])]
    pub single: bool,
    /// With --single: the home of liaison that gets the registrar's keys
    #[arg(long, env = "LIAISON_HOME", value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub client_home: Option<PathBuf>,
    /// Where to listen for members: 443 in practice
    #[arg(long, default_value = "127.0.0.1:7443", value_parser = config::socket)]
    pub listen: SocketAddr,
    /// Where registrars, operators and auditors connect [default: the port after that of --listen]
    #[arg(long, value_parser = config::socket)]
    pub admin: Option<SocketAddr>,
    /// How they find it, host:port; may be repeated [default: the host of --address]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    pub admin_address: Vec<Address>,
    /// gRPC health, on loopback
    #[arg(long, value_parser = config::socket)]
    pub health: Option<SocketAddr>,
    /// How members find the service, host:port; may be repeated [default: where it listens]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    pub address: Vec<Address>,
    /// The engine
    #[arg(long, default_value = "sled", value_parser = ["sled", "redb"])]
    pub engine: String,
}

/// Who runs a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Three people
    Small,
}

/// Runs `liaisond` as it was typed.
#[must_use]
pub fn run() -> ExitCode {
    let program = Program::parse();
    process::run(done(program)).unwrap_or_else(|why| {
        let _ = writeln!(std::io::stderr(), "error: this program cannot begin: {why}");
        ExitCode::FAILURE
    })
}

async fn done(program: Program) -> ExitCode {
    telemetry::start(std::env::var("RUST_LOG").ok().as_deref(), program.json_logs);
    let home = ServiceHome::at(&program.home);
    let done = match program.command {
        Command::Init(args) => init(&home, *args).await.map(|()| true),
        Command::Serve(args) => {
            serve_until_stopped(&home, args.clock_is_right).await.map(|()| true)
        }
        Command::Invitation(args) => invite(&home, &args).map(|()| true),
        Command::Scrub(args) => scrubbed(&home, args.json).await,
        Command::Salvage(args) => salvaged(&home, &args).await,
        Command::Store(StoreCommand::Migrate(args)) => {
            migrated(&home, args.dry_run).await.map(|()| true)
        }
        Command::Store(StoreCommand::Mark) => marked(&home).await.map(|()| true),
        Command::Node(NodeCommand::Show(args)) => shown_by_node(&home, &args).map(|()| true),
        Command::Node(NodeCommand::Renew(args)) => renewed(&home, &args).map(|()| true),
        Command::Key(KeyCommand::Stage(args)) => staged(&home, &args).await.map(|()| true),
        Command::Key(KeyCommand::List(args)) => listed(&home, &args).await.map(|()| true),
        Command::Key(KeyCommand::Retire(args)) => retired(&home, &args).await.map(|()| true),
        Command::Charter(CharterCommand::Put(args)) => put(&home, &args).await.map(|()| true),
        Command::Mailbox(MailboxCommand::NewEpoch(args)) => {
            begun_anew(&home, args).await.map(|()| true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(WRONG),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The exit code of a look that found something wrong.
const WRONG: u8 = 6;

/// Serves until SIGTERM or Ctrl-C, then drains.
async fn serve_until_stopped(home: &ServiceHome, clock_is_right: bool) -> Result<(), OperateError> {
    let (say, stopped) = watch::channel(false);
    let signals = tokio::spawn(async move {
        stop::asked().await;
        tracing::info!("stopping: no new connections, open ones end");
        say.send_replace(true);
    });
    let drained = serve(home, Ambient::system(), clock_is_right, stopped, |bound| {
        let (members, engine, entries) = (bound.members, bound.engine, bound.entries);
        let admin = bound.admin.map_or_else(|| "nowhere".to_owned(), |admin| admin.to_string());
        tracing::info!(%members, admin, engine, entries, "serving");
    })
    .await;
    signals.abort();
    if drained? == Drained::Cut {
        tracing::warn!("some connections were cut at the drain limit");
    }
    Ok(())
}

async fn init(home: &ServiceHome, args: InitArgs) -> Result<(), OperateError> {
    let ambient = Ambient::system();
    if let Some(charter) = &args.charter {
        let founded = complete(home, charter, &ambient).await?;
        return told(home, &founded, false);
    }
    let plan = plan(&args)?;
    if args.single {
        let client = Home::find(args.client_home.clone());
        let client = client.map_err(|why| OperateError::Plan(why.to_string()))?;
        let founded = single(home, &client, plan, &ambient).await?;
        return told(home, &founded, true);
    }
    let (name, threshold, found_at) = (plan.name.clone(), plan.threshold, list(&plan.addresses));
    let danger = dangerous_quorum(plan.registrars.len(), threshold);
    let danger = danger.map_or_else(String::new, |danger| {
        format!("\nMind: {danger}; three registrars, of whom two decide, stand both.\n")
    });
    let draft = prepare(home, &plan, &ambient)?;
    let draft = draft.display();
    say(&format!(
        "The charter of {name} is drafted: {draft}\n{danger}\
         Members will find its service at {found_at}.\n\n\
         Next: {threshold} of the registrars sign it, each with\n    \
         liaison sign {draft}\n\
         then\n    liaisond --home {} init --charter {draft}",
        home.path().display()
    ));
    Ok(())
}

/// The invitation goes where it was asked to; what people should know of it, to standard error.
fn invite(home: &ServiceHome, args: &InvitationArgs) -> Result<(), OperateError> {
    let invited = invitation(home)?;
    match &args.out {
        None => say(invited.text.trim_end()),
        Some(path) => fs::write(path, &invited.text).map_err(|why| {
            OperateError::Plan(format!("{} cannot be used: {why}", path.display()))
        })?,
    }
    let written = args.out.as_ref().map(|path| format!("{} is written. ", path.display()));
    let _ = writeln!(
        std::io::stderr(),
        "{}It names {}. Its fingerprint, to be read over the telephone to whoever joins:\n    {}\n    {}",
        written.unwrap_or_default(),
        list(&invited.addresses),
        telephone(&invited.fingerprint),
        eye(&invited.fingerprint),
    );
    Ok(())
}

async fn migrated(home: &ServiceHome, dry_run: bool) -> Result<(), OperateError> {
    let Migrated { from, values, entries, kept } = migrate(home, dry_run).await?;
    let (kept, number) = (kept.display(), FORMAT);
    let store = format!("{values} values, and {entries} entries of the log as they were signed");
    say(&match (from, dry_run) {
        (Some(from), true) => format!(
            "The store has format {from}. It would be written anew in format {number}: {store}.\n\
             The old one would be kept: {kept}"
        ),
        (Some(from), false) => format!(
            "The store had format {from}, and has format {number}: {store}.\n\
             The old one is kept: {kept}\n\
             Remove it once the service has run for a while."
        ),
        (None, true) => format!(
            "A migration was cut off at its last step. The new store is whole: {store}.\n\
             It would take its place. The old one is kept: {kept}"
        ),
        (None, false) => format!(
            "A migration that was cut off is done. The store has format {number}: {store}.\n\
             The old one is kept: {kept}\n\
             Remove it once the service has run for a while."
        ),
    });
    Ok(())
}

async fn marked(home: &ServiceHome) -> Result<(), OperateError> {
    let (path, (Shown { mark, .. }, given_up)) = mark(home, &Ambient::system()).await?;
    let Mark { end, mailboxes } = mark.unwrap_or_default();
    let bodies = bodies_kept(&home.blobs());
    let given_up = match given_up {
        None => "Whether it is the newest nobody can say any more but you: what members were told after it \
                 is lost."
            .to_owned(),
        Some(why) => format!(
            "It is not the store of before: {why}. The log and every mailbox go on from what members \
             were shown; what else there was is given up."
        ),
    };
    say(&format!(
        "{} is written anew: the store is whole, with {} commits, {} values and {} mailboxes.\n\
         {given_up} {bodies}\n\
         Next: liaisond --home {} serve",
        path.display(),
        end.commits,
        end.values,
        mailboxes.len(),
        home.path().display()
    ));
    Ok(())
}

async fn scrubbed(home: &ServiceHome, json: bool) -> Result<bool, OperateError> {
    let report = scrub(home).await?;
    if json {
        say(&in_json(&report, &[]).to_string());
    } else {
        say(&table(&report));
        say(&match way_on(&report) {
            None => "The store is whole.".to_owned(),
            Some((command, says)) => format!(
                "Something is wrong. Keep the files as they are; liaisond --home {} {command} says \
                 {says}.",
                home.path().display()
            ),
        });
    }
    Ok(report.is_whole())
}

async fn salvaged(home: &ServiceHome, args: &SalvageArgs) -> Result<bool, OperateError> {
    let Salvaged { report, values, mended, messages, log, shown, unusable } =
        salvage(home, args.to.as_deref(), args.engine.as_deref()).await?;
    let is_whole = report.is_whole();
    if args.json {
        let counts = [("values", values), ("mended", mended), ("messages", messages), ("log", log)];
        let counts = counts.map(|(name, count)| (name, Some(count)));
        let counts = counts.into_iter().chain([("log_shown", shown)]);
        say(&in_json(&report, &counts.collect::<Vec<_>>()).to_string());
        return Ok(is_whole);
    }
    say(&table(&report));
    say(&format!(
        "{values} values can be read, {messages} of them messages; {mended} follow from those and were \
         put in."
    ));
    let is_behind = shown.is_none_or(|shown| shown > log);
    match shown {
        Some(shown) if is_behind => say(&format!(
            "The log ends at {log}, and members were shown {shown} entries: this store is not served \
             before the missing entries are back; every replica has them."
        )),
        Some(_) => {}
        None => say(&format!(
            "The log ends at {log}, and how many entries members were shown is not known: {}.",
            unusable.map_or_else(
                || NOT_OF_THIS_LOG.to_owned(),
                |why| { format!("the high-water file cannot be used: {why}") }
            )
        )),
    }
    for contact in &report.broken {
        say(&format!(
            "The mailbox of {contact} has lost something, and has to begin anew: then senders hand it in \
             again."
        ));
    }
    if let Some(to) = &args.to {
        say(&format!("The new store: {}", to.display()));
        if is_behind {
            say("It is not to be served as it is.");
            return Ok(is_whole);
        }
        let name = home.config()?.name;
        let (to, store, blobs) = (to.display(), home.store(), home.blobs());
        let (kept, store) = (kept_beside(&blobs, "damaged"), store.display());
        let home = home.path().display();
        let fits = match report.broken.is_empty() {
            true => "store mark".to_owned(),
            false => format!("mailbox new-epoch --yes {name}"),
        };
        say(&format!(
            "Next: keep the damaged one with its bodies (serve removes those that the new one does not \
             name), and put the new one in its place:\n    \
             {kept}mv {store} {store}.damaged\n    mv {to} {store}\n    \
             liaisond --home {home} {fits}\n    liaisond --home {home} serve"
        ));
    }
    Ok(is_whole)
}

/// How to keep the bodies that only newer data names.
fn bodies_kept(blobs: &Path) -> String {
    let line = kept_beside(blobs, "before");
    if line.is_empty() {
        return line;
    }
    format!(
        "Serve removes the bodies that this store does not name: if the newer data may be found, keep \
         them before.\n    {line}"
    )
    .trim_end()
    .to_owned()
}

/// The line that keeps bodies beside, if there are any.
fn kept_beside(blobs: &Path, word: &str) -> String {
    let path = blobs.display();
    if blobs.is_dir() { format!("cp -al {path} {path}.{word}\n    ") } else { String::new() }
}

/// The command by which an operator goes on from what is wrong, and what it says.
fn way_on(report: &Report) -> Option<(&'static str, &'static str)> {
    let is = |what: &[What]| report.faults.iter().all(|fault| what.contains(&fault.what));
    let of_mailboxes = [What::Mailboxes, What::Entries, What::Messages];
    match () {
        () if report.is_whole() => None,
        () if is(&[What::Shown]) => Some(("serve", "the way on")),
        () if !report.broken.is_empty() && is(&of_mailboxes) => {
            Some(("mailbox new-epoch --dry-run", "which mailboxes begin anew"))
        }
        () => Some(("salvage --dry-run", "what can still be read")),
    }
}

/// Entry 0 is lost, or the file is another log's.
const NOT_OF_THIS_LOG: &str =
    "the high-water file's signature does not fit what is left of the log";

/// A row for each kind, and a line for each fault.
fn table(report: &Report) -> String {
    let rows = What::ALL.iter().map(|what| {
        let (checked, wrong) = report.of(*what);
        format!("{:<16} {checked:>10} {wrong:>8}", what.name())
    });
    let head = format!("{:<16} {:>10} {:>8}", "", "checked", "wrong");
    let faults = report.faults.iter().map(ToString::to_string);
    let unnamed = (report.unnamed > 0).then(|| {
        format!("Files of bodies that no message here names, and serve removes: {}", report.unnamed)
    });
    let lines = [head].into_iter().chain(rows).chain(faults).chain(unnamed);
    lines.collect::<Vec<_>>().join("\n")
}

fn in_json(report: &Report, counts: &[(&str, Option<u64>)]) -> serde_json::Value {
    let kinds = What::ALL.iter().map(|what| {
        let (checked, wrong) = report.of(*what);
        (what.name().to_owned(), json!({ "checked": checked, "wrong": wrong }))
    });
    let faults = report.faults.iter().map(|fault| {
        json!({
            "what": fault.what.name(),
            "mailbox": fault.place.as_ref().map(|(contact, _)| contact.to_string()),
            "number": fault.place.as_ref().map(|(_, number)| number),
            "message": fault.message.as_ref().map(|(id, _)| id.to_string()),
            "sender": fault.message.as_ref().map(|(_, sender)| sender.to_string()),
            "why": fault.why,
        })
    });
    let mut all = json!({
        "whole": report.is_whole(),
        "kinds": kinds.collect::<serde_json::Map<_, _>>(),
        "faults": faults.collect::<Vec<_>>(),
        "unnamed_bodies": report.unnamed,
        "new_epochs": report.broken.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    for (name, count) in counts {
        all[*name] = (*count).into();
    }
    all
}

async fn begun_anew(home: &ServiceHome, args: NewEpochArgs) -> Result<(), OperateError> {
    let NewEpochArgs { contacts: named, all, dry_run, yes, approved } = args;
    let approved = approved.map(|path| approval(&path)).transpose()?;
    let which = Which { named, all, approved };
    let anew = new_epoch(home, &Ambient::system(), &which, dry_run, yes.as_deref()).await?;
    let each = anew.iter().map(in_words).collect::<Vec<_>>().join("\n");
    let (home, bodies) = (home.path().display(), bodies_kept(&home.blobs()));
    say(&match (anew.is_empty(), dry_run) {
        (true, true) => "No mailbox is behind what was shown, or damaged.".to_owned(),
        (true, false) => format!(
            "No mailbox begins anew, and the high-water file says where the store ends. {bodies}\n\
             Next: liaisond --home {home} serve"
        ),
        (false, true) => format!("{each}\n\nNothing was changed. {bodies}"),
        (false, false) => format!(
            "{each}\n\n\
             These mailboxes have begun anew. What is lost is offered again by its senders, if they \
             still have it. {bodies}\n\
             Next: liaisond --home {home} serve"
        ),
    });
    Ok(())
}

fn approval(path: &Path) -> Result<Bytes, OperateError> {
    let unusable =
        |why: &dyn std::fmt::Display| OperateError::Plan(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|why| unusable(&why))?;
    let read: v1::Publication =
        armour::read(armour::Kind::Proposal, &text).map_err(|why| unusable(&why))?;
    Ok(read.statement)
}

fn shown_by_node(home: &ServiceHome, args: &NodeShowArgs) -> Result<(), OperateError> {
    let ambient = Ambient::system();
    let state = node(home, &ambient)?;
    say(&if args.json {
        node_in_json(&state).to_string()
    } else {
        node_in_words(&state, &ambient)
    });
    Ok(())
}

fn renewed(home: &ServiceHome, args: &NodeRenewArgs) -> Result<(), OperateError> {
    let ambient = Ambient::system();
    let state = renew_node(home, &ambient, args.dry_run)?;
    if args.json {
        say(&node_in_json(&state).to_string());
        return Ok(());
    }
    let done = match args.dry_run {
        true => "Nothing was changed. A client believed this one, which was made and thrown away:",
        false => "The node has a new certificate, which a client has believed:",
    };
    say(&format!("{done}\n{}", node_in_words(&state, &ambient)));
    Ok(())
}

fn node_in_words(state: &NodeState, ambient: &Ambient) -> String {
    let NodeState { key, authority, from, until, renews, hosts, left_out, trouble: _ } = state;
    let over = if state.is_believed(ambient.now()) { "" } else { ": nobody believes it any more" };
    let id = |id: Option<String>| id.unwrap_or_else(|| "none that is known".to_owned());
    let mut lines = vec![
        format!("{:<12} {}", "key", id(key.map(|key| key.to_string()))),
        format!("{:<12} {}", "authority", id(authority.map(|of| eye(&of)))),
        format!("{:<12} {}", "from", when(*from)),
        format!("{:<12} {}{over}", "until", when(*until)),
        format!("{:<12} {}, by itself while the service runs", "renewed", when(*renews)),
        format!("{:<12} {}", "hosts", list(hosts)),
    ];
    if !left_out.is_empty() {
        lines.push(format!(
            "{:<12} {}: the authority was made for other hosts; members connect there all the same, stock \
             clients do not",
            "left out",
            list(left_out)
        ));
    }
    lines.join("\n")
}

fn node_in_json(state: &NodeState) -> serde_json::Value {
    json!({
        "key": state.key.map(|key| hex::encode(key.as_bytes())),
        "authority": state.authority.map(|of| hex::encode(of.as_bytes())),
        "from": state.from,
        "until": state.until,
        "renews": state.renews,
        "hosts": state.hosts,
        "left_out": state.left_out,
    })
}

async fn staged(home: &ServiceHome, args: &StageArgs) -> Result<(), OperateError> {
    let of = OwnKey::ALL.into_iter().find(|of| of.word() == args.of).unwrap_or(OwnKey::Log);
    let staged = stage_key(home, &Ambient::system(), of).await?;
    let text = staged_file(&staged, &home.config()?.name);
    files::write_out(&args.out, text.as_bytes())?;
    let (file, id) = (args.out.display(), staged.id);
    if args.json {
        let id = hex::encode(id.as_bytes());
        let before = staged.before;
        say(&json!({ "key": of.word(), "id": id, "file": file.to_string(), "before": before })
            .to_string());
        return Ok(());
    }
    if staged.before {
        say(&format!(
            "It was made before. If somebody may have taken the keys since: liaisond key retire {}, then \
             this command again.",
            hex::encode(id.as_bytes())
        ));
    }
    say(&format!(
        "The {} is staged: {id}\n\
         It signs nothing before a charter lists it. The private key stays here; {file} is for the \
         registrars.\n\
         Next: a registrar drafts the charter that lists it\n    liaison charter draft --{} {file}",
        of.name(),
        of.flag()
    ));
    Ok(())
}

async fn listed(home: &ServiceHome, args: &KeyListArgs) -> Result<(), OperateError> {
    let all = own_keys(home, &Ambient::system()).await?;
    if args.json {
        say(&json!({ "keys": all.iter().map(key_in_json).collect::<Vec<_>>() }).to_string());
        return Ok(());
    }
    let line = |key: &Listed| {
        format!("{:<18} {:<12} {}\n    {}", key.of.name(), key.state.name(), key.id, key.place)
    };
    say(&all.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

async fn retired(home: &ServiceHome, args: &RetireArgs) -> Result<(), OperateError> {
    let key = retire_key(home, &Ambient::system(), &args.id).await?;
    say(&match args.json {
        true => key_in_json(&key).to_string(),
        false => {
            format!("The {} {} is deleted: it was {}.", key.of.name(), key.id, key.state.name())
        }
    });
    Ok(())
}

fn key_in_json(key: &Listed) -> serde_json::Value {
    json!({
        "key": key.of.word(),
        "id": hex::encode(key.id.as_bytes()),
        "state": key.state.name(),
        "file": key.place,
    })
}

async fn put(home: &ServiceHome, args: &PutArgs) -> Result<(), OperateError> {
    let leaf = put_charter(home, &Ambient::system(), &args.file, args.clock_is_right).await?;
    say(&match args.json {
        true => json!({ "leaf": leaf }).to_string(),
        false => format!(
            "The charter is entry {leaf} of the log, and in force.\nNext: liaisond --home {} serve",
            home.path().display()
        ),
    });
    Ok(())
}

fn list(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn plan(args: &InitArgs) -> Result<Plan, OperateError> {
    let read = |paths: &[PathBuf]| {
        let files = paths.iter().map(|path| {
            fs::read_to_string(path)
                .map_err(|why| OperateError::Plan(format!("{}: {why}", path.display())))
        });
        files.collect::<Result<Vec<_>, _>>()
    };
    let registrars = read(&args.registrar)?;
    if registrars.is_empty() && !args.single {
        return Err(OperateError::Plan(
            "name the registrars with --registrar FILE (each makes one with liaison key new \
             --registrar ID --name NAME), or try it alone with --single"
                .to_owned(),
        ));
    }
    let addresses = match &args.address[..] {
        [] => plan_addresses(args.listen)?,
        given => given.to_vec(),
    };
    let admin = match args.admin {
        Some(admin) => admin,
        None => after(args.listen)?,
    };
    let admin_addresses = match &args.admin_address[..] {
        [] if admin.port() == 0 => Vec::new(),
        [] => {
            let found = addresses.iter().map(|address| at_port(address, admin.port()));
            found.collect::<Result<_, _>>()?
        }
        given => given.to_vec(),
    };
    let is_same = admin == args.listen && admin.port() != 0;
    if is_same || admin_addresses.iter().any(|address| addresses.contains(address)) {
        let why = "members and the administration are found at a port each: give --admin and \
                   --admin-address others than --listen and --address";
        return Err(OperateError::Plan(why.to_owned()));
    }
    let plan = Plan {
        name: args.name.clone(),
        threshold: args.threshold.unwrap_or(registrars.len() as u32 / 2 + 1),
        registrars,
        operators: read(&args.operator)?,
        auditors: read(&args.auditor)?,
        listen: args.listen,
        admin: Some(admin),
        health: args.health,
        addresses,
        admin_addresses,
        engine: args.engine.clone(),
    };
    if args.profile == Some(Profile::Small) {
        small(&plan)?;
    }
    Ok(plan)
}

/// The port after that of members.
fn after(listen: SocketAddr) -> Result<SocketAddr, OperateError> {
    // Any port is followed by any.
    let port = if listen.port() == 0 { Some(0) } else { listen.port().checked_add(1) };
    let port = port.ok_or_else(|| {
        let why = "say where registrars, operators and auditors connect: --admin IP:PORT";
        OperateError::Plan(why.to_owned())
    })?;
    Ok(SocketAddr::new(listen.ip(), port))
}

fn at_port(address: &Address, port: u16) -> Result<Address, OperateError> {
    let host = address.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Address::parse(&format!("{host}:{port}")).map_err(|why| OperateError::Plan(why.to_string()))
}

fn told(home: &ServiceHome, founded: &Founded, single: bool) -> Result<(), OperateError> {
    let (eye, telephone) = founded.forms();
    let invitation = founded.invitation.display();
    let trial = if single {
        "\nFor trials only: one registrar on one machine decides everything.\n"
    } else {
        ""
    };
    say(&format!(
        "The directory is founded.\n{trial}\n\
         Its fingerprint, to be read over the telephone to whoever joins:\n    {telephone}\n    \
         {eye}\n\n\
         The invitation for members: {invitation}\n\
         They will find the service at {}.\n\
         Next: liaisond --home {} serve",
        list(&founded.addresses),
        home.path().display()
    ));
    Ok(())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
