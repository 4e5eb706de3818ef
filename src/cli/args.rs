//! The command line of `liaison`, whole: completions and man pages come from here.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::office::muted::Sender;
use crate::office::pointer::Pointer;
use crate::office::terms::{
    Address, ContactId, DirectoryName, Kind, Level, MemberId, PersonId, SeatId, Tlp, Urgency,
};

/// Who to call in the other country, is it really them, and how to tell them in confidence.
#[derive(Debug, Parser)]
#[command(name = "liaison", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where keys, configuration and the copy of the directory are kept
    #[arg(long, global = true, env = "LIAISON_HOME", value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub home: Option<PathBuf>,
    /// The directory, if this home knows several
    #[arg(long, global = true, env = "LIAISON_DIRECTORY", value_name = "NAME")]
    pub directory: Option<DirectoryName>,
    /// The seat to act as, if this home holds several: fr/cert-fr/duty-1
    #[arg(id = "as", long = "as", global = true, env = "LIAISON_AS", value_name = "SEAT")]
    pub seat: Option<SeatId>,
    /// Print one JSON object on stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Do not ask: take the defaults, and fail where there is none
    #[arg(long, global = true)]
    pub no_input: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make and list private keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Join a directory: from an invitation to the first connection, step by step
    Join(JoinArgs),
    /// What your contact publishes about itself
    #[command(subcommand)]
    Record(RecordCommand),
    /// Show in words what a file says, and add your signature
    Sign(SignArgs),
    /// Hand in a signed file
    Publish(PublishArgs),
    /// The seats of your contact and their keys
    #[command(subcommand)]
    Seat(SeatCommand),
    /// Bring the copy of the directory up to date
    Sync,
    /// Look up whom to call, and why to believe it; works offline
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Send a sealed notification
    Notify(NotifyArgs),
    /// Collect, read and acknowledge what came
    Inbox(InboxArgs),
    /// What became of what you sent
    Sent(SentArgs),
    /// Which messages a stolen seat could open, and telling those who wrote them
    Exposure(ExposureArgs),
    /// Where this home stands: identities, directory, mailbox
    Status,
    /// Check everything a connection needs, and say how to mend it
    Doctor,
    /// The root document: who decides, by which keys the service speaks
    #[command(subcommand)]
    Charter(CharterCommand),
    /// For registrars, operators and auditors
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Verify an exported audit trail, offline
    Verify {
        /// The file
        file: PathBuf,
    },
    /// See the whole thing at work with 36 real members, on this machine
    Demo(DemoArgs),
    /// Measure this machine: what the service does, beside what limits it
    Bench(BenchArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// The service that is measured, started in a process of its own
    #[command(hide = true)]
    BenchStart {
        /// Its engine
        engine: String,
        /// What its keys are made from
        seed: u64,
        /// Where its data is
        dir: PathBuf,
    },
    /// The followers of a bench, in a process of their own
    #[command(hide = true)]
    BenchFollowers,
    /// The service of a demo, in a process of its own
    #[command(hide = true)]
    DemoService {
        /// Its home
        service_home: PathBuf,
    },
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make the keys of somebody, and the file with their public parts
    New(KeyNewArgs),
    /// Every key of this home: whose, what for, where it lies and how it is kept
    List,
    /// Keep a person's key better: behind a passphrase, or in a PKCS#11 token
    Protect(KeyProtectArgs),
    /// Delete retired seal keys of a seat for which nothing more can come
    Forget(KeyForgetArgs),
}

/// Whose retired keys to delete.
#[derive(Debug, Args)]
pub struct KeyForgetArgs {
    /// The seat
    pub seat: SeatId,
    /// Do not ask: the seat's id again
    #[arg(long, value_name = "SEAT")]
    pub yes: Option<SeatId>,
    /// Only say which may go, and how many messages nobody could read then
    #[arg(long)]
    pub dry_run: bool,
}

/// Whose keys to make.
#[derive(Debug, Args)]
pub struct KeyNewArgs {
    /// Whose they are
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// The person's name, for the charter
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A keeper's key that is to follow the one in force: both stand here until the directory lists it
    #[arg(long, requires = "keeper", conflicts_with = "token")]
    pub next: bool,
    /// With --next, in a file that only you can read, whatever the one in force is kept by
    #[arg(long, requires = "next")]
    pub plain: bool,
    /// Where to write the public parts; by default beside you, named after the owner
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// In which token
    #[command(flatten)]
    pub token: TokenArgs,
}

/// Whose key to keep better.
#[derive(Debug, Args)]
pub struct KeyProtectArgs {
    /// Whose it is
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// In which token
    #[command(flatten)]
    pub token: TokenArgs,
    /// Take the passphrase away: the key becomes a file that only you can read
    #[arg(long, conflicts_with = "token")]
    pub none: bool,
    /// With --none, do not ask whether that is meant
    #[arg(long, requires = "none")]
    pub yes: bool,
}

/// A PKCS#11 token.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The key that signs lies in the token that this PKCS#11 module shows
    #[arg(long, value_name = "MODULE")]
    pub token: Option<PathBuf>,
    /// Which token, if the module shows several
    #[arg(long, value_name = "LABEL", requires = "token")]
    pub token_label: Option<String>,
}

/// Whose keys they are.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct OwnerArgs {
    /// A registrar, by id
    #[arg(long, value_name = "ID")]
    pub registrar: Option<PersonId>,
    /// An operator, by id
    #[arg(long, value_name = "ID")]
    pub operator: Option<PersonId>,
    /// An auditor, by id
    #[arg(long, value_name = "ID")]
    pub auditor: Option<PersonId>,
    /// A member's authority: fr
    #[arg(long, value_name = "MEMBER")]
    pub authority: Option<MemberId>,
    /// A contact's keeper: fr/cert-fr
    #[arg(long, value_name = "CONTACT")]
    pub keeper: Option<ContactId>,
    /// A seat: fr/cert-fr/duty-1
    #[arg(long, value_name = "SEAT")]
    pub seat: Option<SeatId>,
}

/// From an invitation to the first connection.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The invitation, or the admission file that the registrars sent back
    pub file: Option<PathBuf>,
    /// The directory's fingerprint as it was read to you over the telephone, in either form
    #[arg(long, value_name = "DIGITS")]
    pub fingerprint: Option<String>,
    /// Publish the record, and no seat yet: the office is telephoned and written to
    #[arg(long)]
    pub record_only: bool,
    /// What the contact's record is to say
    #[command(flatten)]
    pub fields: RecordFields,
}

/// What a record says.
#[derive(Debug, Clone, Default, Args)]
pub struct RecordFields {
    /// A name by language: en="National CERT"; may be repeated
    #[arg(long = "name", value_name = "LANG=TEXT")]
    pub names: Vec<String>,
    /// Which levels it serves [default: technical]
    #[arg(long = "level", value_name = "LEVEL")]
    pub levels: Vec<LevelArg>,
    /// Which matters it takes [default: all]
    #[arg(long = "purpose", value_name = "PURPOSE")]
    pub purposes: Vec<PurposeArg>,
    /// A role address
    #[arg(long = "email", value_name = "ADDRESS")]
    pub emails: Vec<String>,
    /// A telephone number, E.164
    #[arg(long = "telephone", value_name = "NUMBER")]
    pub telephones: Vec<String>,
    /// A telephone number that is answered at any hour
    #[arg(long = "emergency", value_name = "NUMBER")]
    pub emergencies: Vec<String>,
    /// A website
    #[arg(long, value_name = "URL", value_parser = website)]
    pub web: Option<String>,
    /// A working language, BCP 47, in order of preference
    #[arg(long = "language", value_name = "TAG", value_parser = language)]
    pub languages: Vec<String>,
    /// For how many months the record holds, at most 24 [default: 12]
    #[arg(long, value_name = "MONTHS")]
    pub months: Option<u32>,
    /// The authority keeps the roster itself: no keeper's key
    #[arg(long)]
    pub no_keeper: bool,
}

/// Levels at which a contact is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[expect(missing_docs, reason = "the words of protocol.md 12.8")]
pub enum LevelArg {
    Technical,
    Policy,
    Diplomatic,
    Legal,
    LawEnforcement,
}

/// Purposes that a contact serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[expect(missing_docs, reason = "the words of domain 8.2")]
pub enum PurposeArg {
    IncidentNotification,
    AssistanceRequest,
    CrisisConsultation,
    Vulnerability,
    Exercise,
    General,
}

/// What is done with a record.
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Draft the next version; where the authority's key is at hand, it is shown, asked about and
    /// published
    Draft(Box<RecordDraftArgs>),
    /// Withdraw the contact; its seats' keys end with it
    Withdraw(WithdrawArgs),
}

/// The next version of a record. What is not given stays as it is.
#[derive(Debug, Args)]
pub struct RecordDraftArgs {
    /// The contact; by default that of your seat
    pub contact: Option<ContactId>,
    /// What it is to say
    #[command(flatten)]
    pub fields: RecordFields,
    /// Name another keeper, whose public key this file holds
    #[arg(long, value_name = "FILE", conflicts_with = "no_keeper")]
    pub keeper: Option<PathBuf>,
    /// Do not ask before it is published
    #[arg(long)]
    pub yes: bool,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// What to do with a statement once it is drafted.
#[derive(Debug, Clone, Args)]
pub struct DraftArgs {
    /// Only write the draft, here
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show what would be signed and published, and do neither
    #[arg(long)]
    pub dry_run: bool,
}

/// The end of a contact.
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// The contact
    pub contact: ContactId,
    /// Do not ask: the contact's id again
    #[arg(long, value_name = "CONTACT")]
    pub yes: Option<ContactId>,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// A file to sign.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// A draft
    pub file: PathBuf,
    /// Write the signed file here instead of over the draft
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only show what it says and who has signed
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// A file to hand in.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// A signed file: any statements, with their facets
    pub file: PathBuf,
    /// Verify it against the copy of the directory, and do not hand it in
    #[arg(long)]
    pub dry_run: bool,
}

/// What is done with seats.
#[derive(Debug, Subcommand)]
pub enum SeatCommand {
    /// Add a seat: its keys are made here, or read from a file
    Add(SeatAddArgs),
    /// Give seats of this home new keys: again, it goes on where it was cut off
    Rotate(SeatRotateArgs),
    /// Remove a seat from the roster
    Remove(SeatRemoveArgs),
    /// End a seat's keys at once: any colleague, the keeper or the authority may
    Revoke(SeatRevokeArgs),
    /// The seats of a contact
    List {
        /// The contact; by default your own
        contact: Option<ContactId>,
    },
}

/// A seat to add.
#[derive(Debug, Args)]
pub struct SeatAddArgs {
    /// The seat: fr/cert-fr/duty-2
    pub seat: SeatId,
    /// Its public keys, made elsewhere with liaison key new --seat
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// A safe seat: a key to open with, to print and lock away
    #[arg(long)]
    pub safe: bool,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// Seats that get new keys.
#[derive(Debug, Args)]
pub struct SeatRotateArgs {
    /// The seats; by default all whose keys are in this home
    pub seats: Vec<SeatId>,
    /// Only these keys [default: all]
    #[arg(long, value_enum, value_name = "KEY", value_delimiter = ',')]
    pub only: Vec<KeyArg>,
    /// Only say how far it is: which key is in force, since when, and what comes next
    #[arg(long, conflicts_with_all = ["only", "out", "dry_run"])]
    pub show: bool,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// A seat that may have been in other hands.
#[derive(Debug, Args)]
pub struct ExposureArgs {
    /// The seat; its keys need not be here, and may have ended
    pub seat: SeatId,
    /// Since when it may have been: 2026-11-20, or 2026-11-20T08:00:00Z
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub since: u64,
    /// Answer those who wrote, once in each thread: it may have been read by others
    #[arg(long, conflicts_with = "offline")]
    pub tell: bool,
    /// Show who would be told what, and tell nobody
    #[arg(long, requires = "tell")]
    pub dry_run: bool,
    /// Do not ask before they are told
    #[arg(long, requires = "tell")]
    pub yes: bool,
    /// Only what is here already
    #[arg(long)]
    pub offline: bool,
}

/// The keys of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is its own word")]
pub enum KeyArg {
    Sign,
    Seal,
    Tls,
}

/// A seat to remove.
#[derive(Debug, Args)]
pub struct SeatRemoveArgs {
    /// The seat
    pub seat: SeatId,
    /// Do not ask: the seat's id again
    #[arg(long, value_name = "SEAT")]
    pub yes: Option<SeatId>,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// A seat to revoke.
#[derive(Debug, Args)]
pub struct SeatRevokeArgs {
    /// The seat
    pub seat: SeatId,
    /// Why
    #[arg(long, value_enum, default_value_t = ReasonArg::Lost)]
    pub reason: ReasonArg,
    /// Do not ask: the seat's id again
    #[arg(long, value_name = "SEAT")]
    pub yes: Option<SeatId>,
    /// How to hand it on. With --out: a slip for the drawer
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// Why a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words of domain 8.3")]
pub enum ReasonArg {
    Superseded,
    Compromised,
    Lost,
    Left,
    Error,
}

/// What is looked up, and how.
#[derive(Debug, Subcommand)]
pub enum DirectoryCommand {
    /// Every contact: how it takes part, and until when its record holds
    List {
        /// Of this member only
        #[arg(long)]
        member: Option<MemberId>,
        /// Of this level only
        #[arg(long)]
        level: Option<LevelArg>,
    },
    /// One contact: whom to call, why to believe it
    Show {
        /// The contact, or a member
        #[arg(value_parser = word)]
        who: String,
        /// With entries, hashes and key ids
        #[arg(long)]
        explain: bool,
    },
    /// Find a contact by two letters of a State, or by the beginning of a word of its name or address
    Who {
        /// A word
        #[arg(value_parser = word)]
        word: String,
    },
    /// Fold the whole log again, from entry 0, and compare
    Verify,
    /// Let a directory be meant where none is named, if this home has joined several
    Use {
        /// The directory: un.example
        name: DirectoryName,
    },
    /// Use a directory no more in this home; its log hears nothing of it, and nothing is deleted
    Forget {
        /// The directory: un.example
        name: DirectoryName,
        /// Its name again, if something waits to be handed in there
        #[arg(long, value_name = "NAME")]
        yes: Option<DirectoryName>,
    },
}

/// What a notification says, and to whom.
#[derive(Debug, Args)]
pub struct NotifyArgs {
    /// The contacts: jp/jpcert-cc
    #[arg(required = true)]
    pub contacts: Vec<ContactId>,
    /// What it is about, in a few words
    #[arg(long)]
    pub title: String,
    /// What happened
    #[arg(long)]
    pub text: Option<String>,
    /// What happened, from a file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub text_file: Option<PathBuf>,
    /// The language of title and text, BCP 47
    #[arg(long, default_value = "en", value_parser = language)]
    pub language: String,
    /// What kind of message it is
    #[arg(long, value_enum, default_value_t = KindArg::Incident)]
    pub kind: KindArg,
    /// How far it may go; by default amber+strict, and an answer as far as its thread
    #[arg(long, value_enum, ignore_case = true)]
    pub tlp: Option<TlpArg>,
    /// How urgent it is
    #[arg(long, value_enum, default_value_t = UrgencyArg::Routine)]
    pub urgency: UrgencyArg,
    /// At which level the contacts are addressed
    #[arg(long, value_enum, default_value_t = LevelArg::Technical)]
    pub level: LevelArg,
    /// What it is, in RSIT codes: malicious-code:ransomware
    #[arg(long, value_name = "CODE")]
    pub classification: Vec<String>,
    /// Your own number for it
    #[arg(long, value_name = "NUMBER")]
    pub reference: Option<String>,
    /// A file to send along: CSAF, STIX, MISP, PDF, anything
    #[arg(long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// The message that this one answers: the number of one that came, the id of one that was sent
    #[arg(long, value_name = "MESSAGE", value_parser = pointer)]
    pub reply_to: Option<Pointer>,
    /// Mark it as a drill of that name: the mark shows on every screen
    #[arg(long, value_name = "NAME")]
    pub drill: Option<String>,
    /// Send although the copy of the directory is stale; the message says so
    #[arg(long)]
    pub stale_directory: bool,
    /// Send to the others, if some of the contacts take no more of your messages now
    #[arg(long)]
    pub skip_full: bool,
    /// Send it further than its thread: with a weaker label, or to others
    #[arg(long)]
    pub yes: bool,
    /// Show what would be sent, to whom, and do not send it
    #[arg(long)]
    pub dry_run: bool,
}

/// Kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words of domain 8.5")]
pub enum KindArg {
    Incident,
    NearMiss,
    CyberThreat,
    Vulnerability,
    RequestForInformation,
    RequestForAssistance,
    RequestToMitigate,
    Consultation,
    AllClear,
}

/// The labels of TLP 2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the labels of TLP 2.0")]
pub enum TlpArg {
    #[value(alias = "tlp:red")]
    Red,
    #[value(name = "amber+strict", aliases = ["tlp:amber+strict", "amber-strict", "tlp:amber-strict"])]
    AmberStrict,
    #[value(alias = "tlp:amber")]
    Amber,
    #[value(alias = "tlp:green")]
    Green,
    #[value(alias = "tlp:clear")]
    Clear,
}

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words of protocol.md 12.3")]
pub enum UrgencyArg {
    Routine,
    Priority,
    Immediate,
    Flash,
}

/// What is asked of the inbox.
#[derive(Debug, Args)]
pub struct InboxArgs {
    /// What to do; by default collect and list
    #[command(subcommand)]
    pub command: Option<InboxCommand>,
}

/// What to do with the inbox.
#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// Collect, and list what came
    List {
        /// Do not connect: list what is here
        #[arg(long)]
        offline: bool,
        /// Stay, and print what comes as it comes
        #[arg(long, conflicts_with = "offline")]
        follow: bool,
        /// Show what is muted, too
        #[arg(long)]
        muted: bool,
        /// Show everything, and not only the most urgent and newest
        #[arg(long)]
        all: bool,
    },
    /// Open one message
    Read {
        /// Its number in the list. The first digits of its id do, too, if no other has them
        #[arg(value_name = "NUMBER", value_parser = pointer)]
        message: Pointer,
        /// Write its attachments into this folder
        #[arg(long, value_name = "DIR")]
        save: Option<PathBuf>,
    },
    /// Acknowledge one message: officially, by a human. It does not indicate concurrence
    Ack {
        /// Its number in the list. The first digits of its id do, too, if no other has them
        #[arg(value_name = "NUMBER", value_parser = pointer)]
        message: Pointer,
        /// Who acknowledges
        #[arg(long)]
        person: Option<String>,
        /// Your own number for it
        #[arg(long)]
        reference: Option<String>,
        /// Some words of your own
        #[arg(long)]
        text: Option<String>,
        /// The language of these words, BCP 47
        #[arg(long, default_value = "en", value_parser = language)]
        language: String,
        /// At which level; by default the one at which your contact is addressed
        #[arg(long, value_enum)]
        level: Option<LevelArg>,
        /// Acknowledge it also if it could not be opened here, so that nobody here has read it
        #[arg(long)]
        yes: bool,
    },
    /// Hide what a contact or member sends with urgency routine or priority. Only this home knows
    Mute {
        /// The contact, or a member with all of its contacts: se/cert-se, se
        who: Sender,
    },
    /// Show it again
    Unmute {
        /// The contact or member
        who: Sender,
    },
    /// Who is muted
    Muted,
}

/// What was sent.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SentArgs {
    /// What to do with it; by default it is shown
    #[command(subcommand)]
    pub command: Option<SentCommand>,
    /// One message, by its id or the first digits of it, or by the digest of its header; by default all
    #[arg(value_parser = pointer)]
    pub id: Option<Pointer>,
    /// Do not connect
    #[arg(long)]
    pub offline: bool,
}

/// What was sent.
#[derive(Debug, Subcommand)]
pub enum SentCommand {
    /// Hand in again what the service refused, when you know that it is no longer right to
    Retry(RetryArgs),
}

/// What was refused.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// One message, by its id or the first digits of it; by default all that was refused
    #[arg(value_parser = word)]
    pub id: Option<String>,
    /// Send it to the others, if some of its contacts take no more of your messages now, or have no
    /// seat left. This is for one message, also for one that waits
    #[arg(long, requires = "id")]
    pub skip_full: bool,
    /// Show what would be handed in again, and do not
    #[arg(long)]
    pub dry_run: bool,
}

/// What is done with a charter.
#[derive(Debug, Subcommand)]
pub enum CharterCommand {
    /// Draft the next version; it needs the quorum of the one in force and its own. Where the keys
    /// at hand suffice, as with one registrar, it is published, too
    Draft(Box<CharterDraftArgs>),
    /// The charter in force in words, or that of a file
    Show {
        /// A draft, or an invitation
        file: Option<PathBuf>,
    },
}

/// The next charter. What is not given stays as it is.
#[derive(Debug, Args)]
pub struct CharterDraftArgs {
    /// A registrar to add, or to list with other keys: its PERSON file; may be repeated
    #[arg(long = "registrar", value_name = "FILE")]
    pub registrars: Vec<PathBuf>,
    /// A registrar to remove; its keys end
    #[arg(long = "remove-registrar", value_name = "ID")]
    pub remove_registrars: Vec<PersonId>,
    /// How many registrars decide
    #[arg(long, value_name = "K")]
    pub threshold: Option<u32>,
    /// An operator to add, or to list with other keys: its PERSON file
    #[arg(long = "operator", value_name = "FILE")]
    pub operators: Vec<PathBuf>,
    /// An operator to remove
    #[arg(long = "remove-operator", value_name = "ID")]
    pub remove_operators: Vec<PersonId>,
    /// An auditor to add, or to list with other keys: its PERSON file
    #[arg(long = "auditor", value_name = "FILE")]
    pub auditors: Vec<PathBuf>,
    /// An auditor to remove
    #[arg(long = "remove-auditor", value_name = "ID")]
    pub remove_auditors: Vec<PersonId>,
    /// A witness to add, or to list with another key: its vkey
    #[arg(long = "witness", value_name = "VKEY")]
    pub witnesses: Vec<String>,
    /// A witness to remove
    #[arg(long = "remove-witness", value_name = "NAME")]
    pub remove_witnesses: Vec<String>,
    /// How many witnesses make a quorum
    #[arg(long, value_name = "K")]
    pub quorum: Option<u32>,
    /// A setting: stale-after=86400; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// A setting that goes back to its default
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    /// The number of the rules behind it: that in force, or the next
    #[arg(long, value_name = "N")]
    pub rules: Option<u32>,
    /// A log key to add, which then signs: the file that the service's operator has of liaisond key
    /// stage log
    #[arg(long = "log-key", value_name = "FILE")]
    pub log_keys: Vec<PathBuf>,
    /// A log key to remove, by the first digits of its id; it ends
    #[arg(long = "remove-log-key", value_name = "ID")]
    pub remove_log_keys: Vec<String>,
    /// A relay key to add, which then signs: the file of liaisond key stage relay
    #[arg(long = "relay-key", value_name = "FILE")]
    pub relay_keys: Vec<PathBuf>,
    /// A relay key to remove, by the first digits of its id; it ends
    #[arg(long = "remove-relay-key", value_name = "ID")]
    pub remove_relay_keys: Vec<String>,
    /// A service authority to add: the certificate of liaisond key stage ca
    #[arg(long = "service-ca", value_name = "FILE")]
    pub service_cas: Vec<PathBuf>,
    /// A service authority to remove, by the first digits of its SHA-256
    #[arg(long = "remove-service-ca", value_name = "ID")]
    pub remove_service_cas: Vec<String>,
    /// Do not ask before it is published
    #[arg(long)]
    pub yes: bool,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// For registrars, operators and auditors.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Members of the directory
    #[command(subcommand)]
    Member(MemberCommand),
    /// Where the service stands
    Show(AdminArgs),
    /// What was proposed: what waits, and for whom
    Proposals(ProposalsArgs),
    /// Propose something that others sign, too
    Propose(ProposeArgs),
    /// Sign a proposal, after it is shown in full
    Approve(DecideArgs),
    /// Carry out what enough have signed
    Commit(DecideArgs),
    /// Give a proposal up
    Abort(DecideArgs),
    /// Who is connected; closes connections
    Sessions(SessionsArgs),
    /// The service's own keys, and its node's certificate
    Keys(AdminArgs),
    /// Have the service make a key for the next charter; asked again, it is the same one
    Stage(StageArgs),
    /// The audit trail: fetch, verify, show, export
    Audit(AuditArgs),
}

/// Who asks, and where.
#[derive(Debug, Clone, Default, Args)]
pub struct AdminArgs {
    /// As which registrar
    #[arg(long, value_name = "ID", conflicts_with_all = ["operator", "auditor"])]
    pub registrar: Option<PersonId>,
    /// As which operator
    #[arg(long, value_name = "ID", conflicts_with = "auditor")]
    pub operator: Option<PersonId>,
    /// As which auditor
    #[arg(long, value_name = "ID")]
    pub auditor: Option<PersonId>,
    /// Where the administration is, host:port [default: as the invitation says]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    pub address: Option<Address>,
}

/// Which proposals of the desk are shown.
#[derive(Debug, Args)]
pub struct ProposalsArgs {
    /// One of them in full: its id, or how that begins
    pub id: Option<String>,
    /// Also those that have ended
    #[arg(long)]
    pub all: bool,
    /// Who asks, and where
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// What to propose.
#[derive(Debug, Args)]
pub struct ProposeArgs {
    /// What
    #[command(subcommand)]
    pub what: ProposeCommand,
    /// Who asks, and where
    #[command(flatten)]
    pub admin: AdminArgs,
    /// Show it, and propose nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Sign and propose it without being asked
    #[arg(long, global = true)]
    pub yes: bool,
    /// Write it to a file, signed, and propose nothing: for where the service does not run
    #[arg(long, global = true, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What can be proposed.
#[derive(Debug, Subcommand)]
pub enum ProposeCommand {
    /// A statement that registrars sign: a draft of a charter, an admission, an attested record
    Statement {
        /// The draft
        file: PathBuf,
    },
    /// A new certificate for the node, now
    RenewNode,
    /// Delete the private key of a service's key that no charter names any more
    RetireKey {
        /// The key's id, 64 hex digits
        id: String,
    },
    /// End all streams, and stop the service
    Drain,
    /// Close connections: these, or all but those of the administration
    DropSessions {
        /// By number
        sessions: Vec<u64>,
    },
    /// Mailboxes begin anew, where the service does not run
    NewEpoch {
        /// Whose, and in which epoch, as liaisond mailbox new-epoch --dry-run shows it: at/cert-at=2
        #[arg(required = true, value_name = "CONTACT=EPOCH", value_parser = epoch_of)]
        mailboxes: Vec<(ContactId, u64)>,
    },
}

/// Reads a contact and its epoch: `at/cert-at=2`.
fn epoch_of(text: &str) -> Result<(ContactId, u64), String> {
    let read = text.split_once('=').and_then(|(contact, epoch)| {
        Some((contact.parse().ok()?, epoch.parse().ok().filter(|epoch| *epoch > 1)?))
    });
    read.ok_or_else(|| format!("expected CONTACT=EPOCH like at/cert-at=2, found {text:?}"))
}

/// A proposal, and what to do with it.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Its id, or how that begins; with --yes the whole id
    pub id: String,
    /// Show it, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without being asked: needs the whole id
    #[arg(long)]
    pub yes: bool,
    /// Who asks, and where
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Connections to show, or to close.
#[derive(Debug, Args)]
pub struct SessionsArgs {
    /// Close this one; may be repeated
    #[arg(long, value_name = "NUMBER", conflicts_with = "drop_all")]
    pub drop: Vec<u64>,
    /// Close all but those of the administration
    #[arg(long)]
    pub drop_all: bool,
    /// Without being asked
    #[arg(long)]
    pub yes: bool,
    /// Who asks, and where
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// A key of the service's to stage.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// What for
    pub of: ServiceKeyArg,
    /// Where to write the file for liaison charter draft [default: log.key, relay.key, service-ca.crt]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Who asks, and where
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// What a key of the service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServiceKeyArg {
    /// Signs checkpoints
    Log,
    /// Signs receipts, mailbox heads and audit heads
    Relay,
    /// Issues the nodes' certificates
    Ca,
}

/// The audit trail.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Write all of it as JSON lines, with the signed head at its end
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Show so many of the newest
    #[arg(long, default_value_t = 40)]
    pub last: usize,
    /// If the trail does not go on from what is kept here: set that aside, and begin anew
    #[arg(long)]
    pub anew: bool,
    /// Begin anew without being asked
    #[arg(long, requires = "anew")]
    pub yes: bool,
    /// Who asks, and where
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// What is done with members.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Admit a member; writes the admission file that it joins with
    Admit(AdmitArgs),
    /// Enter a record for a State that does not sign, from its note verbale
    Attest(AttestArgs),
    /// Withdraw an attested record
    Withdraw(WithdrawArgs),
}

/// A member to admit.
#[derive(Debug, Args)]
pub struct AdmitArgs {
    /// The member: fr
    pub member: MemberId,
    /// Its name by language: en=France; may be repeated
    #[arg(long = "name", value_name = "LANG=TEXT", required = true)]
    pub names: Vec<String>,
    /// What it is
    #[arg(long, value_enum, default_value_t = MemberKindArg::UnMember)]
    pub kind: MemberKindArg,
    /// The authority's public keys, as the member sent them; none: it is only listed
    #[arg(long, value_name = "FILE")]
    pub authority: Vec<PathBuf>,
    /// How many of these keys decide
    #[arg(long, default_value_t = 1)]
    pub threshold: u32,
    /// The note verbale
    #[command(flatten)]
    pub note: NoteArgs,
    /// Where to write the admission file; by default beside you, named after the member
    #[arg(long, value_name = "FILE")]
    pub admission: Option<PathBuf>,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// Kinds of member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words of domain 8.1")]
pub enum MemberKindArg {
    UnMember,
    UnObserver,
    OtherEntity,
    RegionalOrg,
    IntergovOrg,
    Secretariat,
}

/// A note verbale.
#[derive(Debug, Clone, Args)]
pub struct NoteArgs {
    /// The reference of the note verbale
    #[arg(long = "note", value_name = "REFERENCE", requires = "note_file")]
    pub reference: Option<String>,
    /// Its date: 2026-11-22 [default: today]
    #[arg(long = "note-date", value_name = "DATE", requires = "reference")]
    pub date: Option<String>,
    /// The note itself: its SHA-256 stands in the log
    #[arg(long = "note-file", value_name = "FILE", requires = "reference")]
    pub note_file: Option<PathBuf>,
}

/// A record to attest.
#[derive(Debug, Args)]
pub struct AttestArgs {
    /// The contact: fr/cert-fr
    pub contact: ContactId,
    /// What it says
    #[command(flatten)]
    pub fields: RecordFields,
    /// The note verbale
    #[command(flatten)]
    pub note: NoteArgs,
    /// How to hand it on
    #[command(flatten)]
    pub draft: DraftArgs,
}

/// How the demo is run.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Exit when it is shown, instead of staying up
    #[arg(long)]
    pub once: bool,
    /// Send this file along
    #[arg(long, value_name = "FILE")]
    pub attach: Option<PathBuf>,
    /// Keep everything here instead of in a temporary folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The service's engine
    #[arg(long, default_value = "sled", value_parser = ["sled", "redb"])]
    pub engine: String,
}

/// How the bench is run.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The service's engine
    #[arg(long, default_value = "sled", value_parser = ["sled", "redb"])]
    pub engine: String,
    /// Where the service keeps its data [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// For how long each measurement runs
    #[arg(long, default_value_t = 3.0, value_parser = seconds, value_name = "SECONDS")]
    pub seconds: f64,
    /// Entries of the log on which it is measured, at least [default: as few as it takes]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "NUMBER")]
    #[arg(value_parser = value_parser!(u64).range(..=10_000_000))]
    pub entries: u64,
    /// Messages that wait in a mailbox before it is written to or followed
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "NUMBER")]
    #[arg(value_parser = value_parser!(u64).range(..=1_000_000))]
    pub waiting: u64,
    /// What a log of so many entries is made from: the same seed, the same history
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// How many streams are opened to see what one costs
    #[arg(long, default_value_t = 500, value_name = "N")]
    #[arg(value_parser = value_parser!(u64).range(1..=10_000))]
    pub followers: u64,
    /// Only these measurements
    #[arg(long, value_name = "NAME", value_parser = MEASUREMENTS)]
    pub only: Vec<String>,
}

/// The groups of measurements.
pub const MEASUREMENTS: [&str; 8] =
    ["accept", "push", "lookup", "beside", "replay", "growth", "followers", "limits"];

/// Of nothing at all, every id and name has a part: an empty variable of a script means none of them.
fn word(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        word => Ok(word.to_owned()),
    }
}

fn pointer(text: &str) -> Result<Pointer, String> {
    word(text)?.parse().map_err(|never: Infallible| match never {})
}

/// A slip is refused before it is published for ever.
fn website(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = host.is_some_and(|host| host.starts_with(char::is_alphanumeric))
        && !text.contains(char::is_whitespace);
    if good {
        Ok(text.to_owned())
    } else {
        Err("expected one like https://cert.example".to_owned())
    }
}

/// A tag of BCP 47 by its shape: the language, of two or three letters, and what says more of it.
pub(super) fn language(text: &str) -> Result<String, String> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let good = matches!(first.len(), 2 | 3)
        && first.bytes().all(|letter| letter.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len())
                && part.bytes().all(|letter| letter.is_ascii_alphanumeric())
        });
    if good { Ok(text.to_owned()) } else { Err("expected one like en or pt-BR".to_owned()) }
}

/// A day, from its beginning in UTC, or a moment: Unix seconds.
fn moment(text: &str) -> Result<u64, String> {
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let stamp = text.parse::<Timestamp>().ok().or_else(|| Some(day(text)?.timestamp()));
    let seconds = stamp.and_then(|stamp| u64::try_from(stamp.as_second()).ok());
    seconds.ok_or_else(|| "expected one like 2026-11-20 or 2026-11-20T08:00:00Z".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| "expected 0.01 to 3600 seconds".to_owned())
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Technical => Self::Technical,
            LevelArg::Policy => Self::Policy,
            LevelArg::Diplomatic => Self::Diplomatic,
            LevelArg::Legal => Self::Legal,
            LevelArg::LawEnforcement => Self::LawEnforcement,
        }
    }
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Incident => Self::Incident,
            KindArg::NearMiss => Self::NearMiss,
            KindArg::CyberThreat => Self::CyberThreat,
            KindArg::Vulnerability => Self::Vulnerability,
            KindArg::RequestForInformation => Self::RequestForInformation,
            KindArg::RequestForAssistance => Self::RequestForAssistance,
            KindArg::RequestToMitigate => Self::RequestToMitigate,
            KindArg::Consultation => Self::Consultation,
            KindArg::AllClear => Self::AllClear,
        }
    }
}

impl From<TlpArg> for Tlp {
    fn from(tlp: TlpArg) -> Self {
        match tlp {
            TlpArg::Red => Self::Red,
            TlpArg::AmberStrict => Self::AmberStrict,
            TlpArg::Amber => Self::Amber,
            TlpArg::Green => Self::Green,
            TlpArg::Clear => Self::Clear,
        }
    }
}

impl From<UrgencyArg> for Urgency {
    fn from(urgency: UrgencyArg) -> Self {
        match urgency {
            UrgencyArg::Routine => Self::Routine,
            UrgencyArg::Priority => Self::Priority,
            UrgencyArg::Immediate => Self::Immediate,
            UrgencyArg::Flash => Self::Flash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn what_is_empty_points_at_nothing_and_what_is_for_ever_has_its_shape() {
        let draft = "liaison record draft --";
        let good = [
            ("liaison sent ", &["01", "a"][..]),
            ("liaison sent retry ", &["01"]),
            ("liaison directory show ", &["at"]),
            ("liaison directory who ", &["a"]),
            ("liaison inbox read ", &["1", "01"]),
            ("liaison inbox ack ", &["1"]),
            (&format!("{draft}web "), &["https://cert.example", "http://192.0.2.1/x?y"]),
            (&format!("{draft}language "), &["en", "pt-BR", "zh-Hant-TW", "gsw"]),
        ];
        let parsed = |command: &str, value: &str| {
            Cli::try_parse_from(command.split(' ').filter(|word| !word.is_empty()).chain([value]))
        };
        for (command, values) in good {
            for value in values {
                assert!(parsed(command, value).is_ok(), "{command}{value}");
            }
            for value in ["", " "] {
                assert!(parsed(command, value).is_err(), "{command}{value:?}");
            }
        }
        for (option, value) in [
            ("web", "javascript:alert(1)"),
            ("web", "cert.example"),
            ("web", "https://"),
            ("web", "https://cert example"),
            ("language", "english"),
            ("language", "e"),
            ("language", "en_GB"),
            ("language", "en-"),
        ] {
            let why = parsed(&format!("{draft}{option} "), value).expect_err(value).to_string();
            assert!(why.contains("expected one like"), "{why}");
        }
    }

    /// As it is typed, as it is printed, as FIRST writes it.
    #[test]
    fn a_label_is_the_same_however_it_is_written() {
        let labels = [
            (TlpArg::Red, "red"),
            (TlpArg::AmberStrict, "amber+strict"),
            (TlpArg::AmberStrict, "amber-strict"),
            (TlpArg::Amber, "amber"),
            (TlpArg::Green, "green"),
            (TlpArg::Clear, "clear"),
        ];
        let read = |typed: &str| {
            let words = ["liaison", "notify", "at/cert-at", "--title", "x", "--tlp", typed];
            match Cli::try_parse_from(words).map(|cli| cli.command) {
                Ok(Command::Notify(args)) => args.tlp,
                _ => None,
            }
        };
        for (label, word) in labels {
            let printed = words::tlp(label.into());
            for typed in [word, &word.to_uppercase(), &format!("TLP:{word}"), printed] {
                assert_eq!(read(typed), Some(label), "{typed}");
                assert_eq!(read(&typed.to_lowercase()), Some(label), "{typed}");
            }
        }
        for wrong in ["", "TLP", "TLP:", "TLP: RED", "amber strict", "white"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_begins_in_utc_and_a_moment_has_its_offset() {
        let expected = "expected one like 2026-11-20 or 2026-11-20T08:00:00Z";
        for (text, seconds) in [
            ("2026-11-20", Some(1_795_132_800)),
            ("2026-11-20T08:00:00Z", Some(1_795_161_600)),
            ("2026-11-20T08:00:00+02:00", Some(1_795_154_400)),
            ("1969-12-31", None),
            ("yesterday", None),
            ("20.11.2026", None),
            ("2026-13-01", None),
            ("", None),
        ] {
            assert_eq!(moment(text), seconds.ok_or_else(|| expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let refused = [
            ["--only", "nonsense"],
            ["--only", ""],
            ["--seconds", "0"],
            ["--seconds", "NaN"],
            ["--seconds", "1e9"],
            ["--entries", "99999999999"],
            ["--waiting", "99999999999"],
            ["--followers", "0"],
            ["--followers", "99999999"],
        ];
        for [option, value] in refused {
            let parsed = Cli::try_parse_from(["liaison", "bench", option, value]);
            let why = parsed.expect_err(value).to_string();
            assert!(why.contains(option), "{why}");
        }
        for [option, value] in
            [["--only", "growth"], ["--seconds", "0.5"], ["--entries", "1000000"]]
        {
            assert!(Cli::try_parse_from(["liaison", "bench", option, value]).is_ok(), "{value}");
        }
    }
}
