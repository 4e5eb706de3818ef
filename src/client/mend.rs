//! What is to be done about what went wrong, as a value.
//!
//! In scope: each thing that somebody can do, with what it is done to. Out of scope: which error it mends
//! (wherever that is made), its words and command lines (`words`). Invariant: one variant is one thing to do,
//! and none holds a sentence.

use std::path::PathBuf;

use crate::domain::administration::proposal::Act;
use crate::domain::ids::{ContactId, MemberId, MessageId, SeatId};

use super::address::Address;
use super::armour::Kind;
use super::fate::Sending;
use super::keys::Role;

/// What mends an error. Each says when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    // The program, and the machine that it runs on.
    /// Its command line was none.
    Help,
    /// What there is comes from a later release.
    Update,
    /// The system gives no more open files.
    MoreFiles,
    /// Its clock is wrong.
    SetClock,
    /// Nobody knows whether its clock is wrong or the service.
    LookAtClock,
    /// Another program holds the home.
    AgainWhenFree,
    /// It passes by itself.
    AgainLater,
    /// It passes by itself, or something has to be found.
    AgainThenDoctor,
    /// Something has to be found.
    Doctor,
    /// What waits here goes by itself with this command; if it does not for long, that helps.
    InAWhile(Sending, Box<Mend>),

    // Files.
    /// The disk of this folder is full.
    MakeRoom(PathBuf),
    /// The disk of this folder is not to be written.
    MakeWritable(PathBuf),
    /// The folder lets its own user not write.
    LetOwnerWrite(PathBuf),
    /// The folder belongs to somebody else.
    TakeOver {
        /// Who runs this program.
        user: String,
        /// The folder to take over.
        folder: PathBuf,
    },
    /// Others may read this file.
    MakePrivate(PathBuf),
    /// Others may look into this folder.
    MakeFolderPrivate(PathBuf),
    /// What this file holds is of no use, and is made anew.
    Remove(PathBuf),
    /// Something in this file is wrong.
    Correct(PathBuf),
    /// A file of that name is there already.
    OtherFolder,
    /// A draft is there already.
    SignOrWriteOver(PathBuf),
    /// An export of another trail is there already.
    ExportElsewhere,
    /// A file is no export of the audit trail.
    Export,
    /// A file holds something else than was asked for.
    ShowFile,
    /// A file of this kind is to be made anew.
    Make(Kind),

    // Homes.
    /// There is no home where it was looked for.
    NameHomeOrJoin,
    /// This home has no seat's keys.
    NameHomeOrJoinAs,
    /// This home has no such person's keys.
    NameHome,
    /// Its format is of a release whose directories were for trial.
    NewHome,
    /// This home has joined no directory.
    Join,
    /// This home has joined none, and nobody's keys.
    JoinAs,
    /// This home has joined none, and a copy is needed.
    JoinThenSync,
    /// Several directories are joined here.
    NameDirectory,
    /// Several seats' keys are here.
    NameSeat,
    /// Several people's keys of this role are here.
    NamePerson(Role),
    /// A home of another contact.
    OtherHomeOrSeat,

    // Joining.
    /// The file that the registrars made is not to be believed.
    AskForNewFile,
    /// The fingerprint was another than was read out.
    AskForOtherInvitation,
    /// The fingerprint was not compared.
    CompareFingerprint,
    /// The fingerprint was not given whole.
    WholeFingerprint,
    /// Another key was admitted than the one here.
    SendAuthority(MemberId),
    /// This home waits for its admission, or the seats are in another.
    SendAuthorityOrNameHome(MemberId),
    /// Its authority and keeper are here, and no seat of it, which alone reads the directory.
    JoinForASeat(ContactId),
    /// The admission file is to come.
    JoinAdmitted(SeatId),
    /// The contact has joined already.
    AddSeatOrRecord(SeatId),
    /// Others have to sign what joins.
    SignThenPublish(PathBuf),

    // Keys.
    /// No key here serves.
    ListKeys,
    /// No key here serves, and no seat is named.
    AskWhichKeysCount,
    /// There are such keys already.
    OtherNameForKeys,
    /// A person's keys are made, whom a charter names.
    FullName,
    /// What opens a key has to be typed.
    OnTerminal,
    /// A key is here twice, beside this pointer.
    EndProtecting(PathBuf),
    /// The next key of a keeper would be kept less well.
    KeeperInFile(ContactId),
    /// A key is of another form.
    ToPkcs8(PathBuf),
    /// A token is not there.
    PutTokenIn,
    /// Several tokens are there.
    NameToken,
    /// A token is locked.
    UnlockToken,
    /// The directory does not know the keys of this seat.
    EnterSeat(SeatId),
    /// Its keys have ended, or wait.
    RotateSeat(SeatId),
    /// Its keys have ended, and a colleague is in this home.
    RotateSeatAs {
        /// The seat of this home that can.
        colleague: SeatId,
        /// The seat whose keys have ended.
        seat: SeatId,
    },
    /// The keys of the only seat here have ended.
    NewSeat(ContactId),
    /// Seats of several contacts are here.
    SeatsOfOne,
    /// There is no such seat.
    ListSeats,
    /// The same, and the copy may be old.
    SyncOrListSeats(ContactId),
    /// A seat that is lost is in force.
    RevokeSeat(SeatId),

    // The way to the service.
    /// An address cannot be read, or is that of something else.
    CorrectAddresses,
    /// An address of this file cannot be read, and there is no other.
    CorrectAddressesOf(PathBuf),
    /// No address of the administration is known.
    NameAdminAddress,
    /// What answered is the members' port.
    NameAdminPort,
    /// Nothing answers at the address.
    AskWhetherItMoved,
    /// Nothing answers, and this home is an operator's.
    ServeOrAskWhetherItMoved,
    /// TLS to this address does not come about.
    OtherNetwork(Address),
    /// Somebody opens TLS.
    AskWhoOpensTls,
    /// Something takes the first segment for all of it.
    LetSegmentsThrough,
    /// The proxy opens TLS to this address.
    LetThroughUnopened(Address),
    /// The proxy does not answer.
    OtherProxy(Address),
    /// The proxy asks for a password.
    ProxyPassword(Address),
    /// The proxy lets nothing through.
    AskProxy(Address),

    // The service.
    /// Whoever runs it has to do something.
    TellOperator,
    /// It cannot write now.
    AgainOnceWritten,
    /// Its clock, or the directory's, is wrong.
    AgainOnceClocksRight,
    /// This machine's clock is wrong.
    SetClockAndAgain,
    /// It contradicts what it signed of a mailbox.
    EndHistory,
    /// The same, of the mailbox that is collected here.
    EndHistoryReadMeanwhile,

    // The directory.
    /// The copy is old or lacks something.
    Sync,
    /// The copy is stale, and something is to be sent.
    SyncOrStale,
    /// There is no such member or contact.
    ListDirectory,
    /// There is none of this name, which somebody typed.
    LookUp(String),

    // Statements.
    /// Signatures are missing.
    Sign,
    /// Signatures are missing, or whoever was to admit something has not.
    SignOrAskRegistrars,
    /// Another one came first.
    DraftAnew(Draft),
    /// Nobody agreed to what was shown.
    Agree,
    /// Nobody agreed, and it could be written instead.
    AgreeOrWrite,
    /// Nobody agreed to what was only asked.
    AgreeIfMeant,
    /// What ends was not named so.
    AgreeByName(String),
    /// A member is admitted with another authority.
    GiveItsAuthority,

    // The administration.
    /// There is no such proposal, or nobody knows what became of it.
    ListProposals,
    /// The whole id is needed of what begins so.
    WholeId(String),
    /// It is over.
    ProposeAnew,
    /// It was carried out.
    ProposeOpposite,
    /// It could not be carried out.
    MendThenPropose,
    /// An act was overtaken by another.
    AbortThenPropose(String, Act),
    /// A statement was overtaken by another.
    AbortThenDraft(String, Option<Draft>),
    /// Signatures are missing: so many of each of these.
    ApproveBy(String, Vec<(u32, Vec<String>)>),
    /// It is of another directory.
    SignNothing,
    /// The audit trail goes back.
    ShowBothHeads,
    /// The copy of the audit trail was altered.
    FetchTrailAnew,

    // Messages.
    /// Something is to be seen in the inbox, or goes with it.
    Inbox,
    /// A message could not be fetched.
    Read(u64),
    /// Something is to be seen in what was sent, or goes with it.
    Sent,
    /// The same, as it is here.
    SentOffline,
    /// It was refused for something that may change.
    RetryIfChanged(MessageId),
    /// These cannot have it.
    Call(Vec<ContactId>),
    /// These cannot have it, and others can.
    CallAndSkip(Vec<ContactId>, MessageId),
    /// What it sent is lost.
    AskToSendAgain(ContactId),
    /// What is lost was a receipt.
    NothingOfReceipt,
    /// Several were pointed at, or none, of what came and what was sent.
    NumberOrDigest,
    /// Nobody here has read what is to be acknowledged.
    LetColleagueRead,
    /// An acknowledgement was for a level that the record does not have.
    AcknowledgeAtLevel,
    /// An acknowledgement needs a human.
    AcknowledgeAs,
    /// A message was for a level that the record does not have.
    NotifyAtLevel,
    /// An all-clear answers another's message.
    LeaveOutReply,
    /// Too much was attached.
    SendLess,
    /// Some could not be told of an exposure.
    TellTheRest,
}

impl Mend {
    /// Whether it is somebody else's to do, or also somebody else's, in a home of his own.
    #[must_use]
    pub const fn is_for_others(&self) -> bool {
        matches!(
            self,
            Self::Make(_) | Self::NewSeat(_) | Self::SignThenPublish(_) | Self::ApproveBy(..)
        )
    }

    /// It goes with this command, as it is.
    #[must_use]
    pub const fn of_what_waits(what: Sending) -> Self {
        match what {
            Sending::Message => Self::Sent,
            Sending::Acknowledgement => Self::Inbox,
        }
    }
}

/// What a draft is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the kind of a statement")]
pub enum Draft {
    Charter,
    Admission,
    AttestedRecord,
    Record,
    Withdrawal,
    Roster,
}
