//! What mends an error, in words: for whoever types, with the command line.

use crate::client::mend::{Draft, Mend};
use crate::client::message::text::visible;
use crate::domain::ids::ContactId;
use crate::domain::refusal;

/// What is to be done.
#[must_use]
pub fn to_do(mend: &Mend) -> String {
    match mend {
        Mend::Help => "add --help to see what it takes".to_owned(),
        Mend::Update => "install a newer liaison, and give the command again".to_owned(),
        Mend::MoreFiles => {
            "allow more open files (ulimit -n 256), and give the command again".to_owned()
        }
        Mend::SetClock => SET_CLOCK.to_owned(),
        Mend::LookAtClock => {
            format!("look at this machine's clock; if it is right, {TELL}")
        }
        Mend::AgainWhenFree => "give the command again when that program has ended".to_owned(),
        Mend::AgainLater => "give the command again in a while".to_owned(),
        Mend::AgainThenDoctor => {
            "give the command again; if it stays so, liaison doctor".to_owned()
        }
        Mend::Doctor => "liaison doctor".to_owned(),
        Mend::InAWhile(what, then) => {
            let again = to_do(&Mend::of_what_waits(*what));
            format!("{again}, in a while; if that fails for long, {}", to_do(then))
        }

        Mend::MakeRoom(folder) => {
            format!("make room on the disk of {}, and give the command again", folder.display())
        }
        Mend::MakeWritable(folder) => format!(
            "make the disk of {} writable, or copy the folder to another one and name that with --home",
            folder.display()
        ),
        Mend::LetOwnerWrite(folder) => format!("chmod -R u+rwX {}", folder.display()),
        Mend::TakeOver { user, folder } => format!("sudo chown -R {user} {}", folder.display()),
        Mend::MakePrivate(file) => format!("chmod 600 {}", file.display()),
        Mend::MakeFolderPrivate(folder) => format!("chmod 700 {}", folder.display()),
        Mend::Remove(file) => format!("rm {}", file.display()),
        Mend::Correct(file) => format!("correct {}", file.display()),
        Mend::OtherFolder => {
            "give the command in another folder, or move that file away".to_owned()
        }
        Mend::SignOrWriteOver(draft) => {
            format!("liaison sign {}; or add --out FILE, which is written over", draft.display())
        }
        Mend::ExportElsewhere => "--export another file, and compare the two".to_owned(),
        Mend::Export => "liaison admin audit --export FILE writes one".to_owned(),
        Mend::ShowFile => "liaison sign FILE --dry-run".to_owned(),
        Mend::Make(kind) => kind.made_by().to_owned(),

        Mend::NameHomeOrJoin => {
            "name the home that is there with --home or LIAISON_HOME; if there is \
                                 none, liaison join INVITATION"
                .to_owned()
        }
        Mend::NameHomeOrJoinAs => {
            "name the home that has them with --home or LIAISON_HOME; if there is \
                                   none, liaison join INVITATION --as MEMBER/CONTACT/SEAT"
                .to_owned()
        }
        Mend::NameHome => "name the home that has them with --home or LIAISON_HOME".to_owned(),
        Mend::NewHome => "liaison --home NEW_FOLDER key new ..., or join INVITATION".to_owned(),
        Mend::Join => "liaison join INVITATION".to_owned(),
        Mend::JoinAs => "liaison join INVITATION --as SEAT".to_owned(),
        Mend::JoinThenSync => "liaison join INVITATION; liaison sync".to_owned(),
        Mend::NameDirectory => {
            "liaison directory use NAME; for once, liaison --directory NAME ...".to_owned()
        }
        Mend::NameSeat => "name one with --as".to_owned(),
        Mend::NamePerson(role) => format!("name one with --{} ID", role.name()),
        Mend::OtherHomeOrSeat => {
            "give the command in a home of that contact, or name a seat of it with --as".to_owned()
        }

        Mend::AskForNewFile => {
            "ask the registrars for a new file, and whether they made this one".to_owned()
        }
        Mend::AskForOtherInvitation => {
            "look whether it is given as it was read to you; if it is, call the registrars at a number \
             you know, and ask for another invitation"
                .to_owned()
        }
        Mend::CompareFingerprint => {
            "call the registrars, and add --fingerprint \"DIGITS\"".to_owned()
        }
        Mend::WholeFingerprint => {
            "give one of its two lines, whole, in quotes: --fingerprint \"DIGITS\"".to_owned()
        }
        Mend::SendAuthority(member) => format!("send {member}.authority to the registrars"),
        Mend::SendAuthorityOrNameHome(member) => format!(
            "if {member} waits for its admission, send {member}.authority to the registrars, and give \
             liaison join {member}.admission --as {member}/CONTACT/SEAT when they have sent that file \
             back; if its seats have another home, name that with --home"
        ),
        Mend::JoinForASeat(contact) => format!(
            "liaison join {0}.admission --as {contact}/SEAT makes a seat, and a seat reads the directory; if \
             {contact} has one in another home, name that with --home",
            contact.member()
        ),
        Mend::JoinAdmitted(seat) => format!("liaison join {}.admission --as {seat}", seat.member()),
        Mend::AddSeatOrRecord(seat) => {
            format!("liaison seat add {seat}, or liaison record draft {}", seat.contact())
        }
        Mend::SignThenPublish(draft) => {
            let draft = draft.display();
            format!("liaison sign {draft}, by the others; then liaison publish {draft}")
        }

        Mend::ListKeys => "liaison key list".to_owned(),
        Mend::AskWhichKeysCount => {
            "liaison key list; ask the registrars which of these keys count".to_owned()
        }
        Mend::OtherNameForKeys => {
            "liaison key list shows them; others need another name, or --home".to_owned()
        }
        Mend::FullName => "add --name \"First Last\"".to_owned(),
        Mend::OnTerminal => {
            "give the command on a terminal, where it asks: what opens a key is never \
                             taken from flags, the environment or a pipe"
                .to_owned()
        }
        Mend::EndProtecting(pointer) => format!(
            "liaison key protect --token MODULE again, if that was cut off: it ends what it began; else \
             look which of them is yours, and move the other away: {}",
            pointer.display()
        ),
        Mend::KeeperInFile(contact) => format!(
            "add --plain; then liaison key protect --keeper {contact} --token MODULE, once the \
             directory lists it"
        ),
        Mend::ToPkcs8(file) => {
            let file = file.display();
            format!("openssl pkcs8 -topk8 -nocrypt -in {file} -out {file}.new")
        }
        Mend::PutTokenIn => "put the token in, and see liaison key list".to_owned(),
        Mend::NameToken => "name one with --token-label".to_owned(),
        Mend::UnlockToken => "unlock it with its own tool, and its PUK or SO PIN".to_owned(),
        Mend::EnterSeat(seat) => {
            format!("liaison seat add {seat}; in the keeper's home with --keys FILE")
        }
        Mend::RotateSeat(seat) => format!("liaison seat rotate {seat}"),
        Mend::RotateSeatAs { colleague, seat } => {
            format!("liaison --as {colleague} seat rotate {seat}")
        }
        Mend::NewSeat(contact) => format!(
            "liaison key new --seat {contact}/NEW_NAME; who keeps the roster of {contact} enters its \
             file with liaison seat add {contact}/NEW_NAME --keys FILE, or, if no seat of {contact} \
             connects any more, a registrar does, with --out DRAFT, and the keeper signs that"
        ),
        Mend::SeatsOfOne => "name the seats of one: liaison seat rotate SEAT...".to_owned(),
        Mend::ListSeats => "liaison seat list".to_owned(),
        Mend::SyncOrListSeats(contact) => {
            format!("liaison sync, if it is new; liaison seat list {contact}")
        }
        Mend::RevokeSeat(seat) => format!("liaison seat revoke {seat} --reason compromised"),

        Mend::CorrectAddresses => {
            "correct addresses in config.toml, or liaison join INVITATION with a new one".to_owned()
        }
        Mend::CorrectAddressesOf(file) => format!(
            "write host:port in addresses of {}, or liaison join INVITATION with a new one",
            file.display()
        ),
        Mend::NameAdminAddress => {
            "add --address HOST:PORT, or liaison join INVITATION with a new one".to_owned()
        }
        Mend::NameAdminPort => {
            "give the port of the administration: --address HOST:PORT, usually the next one"
                .to_owned()
        }
        Mend::AskWhetherItMoved => ASK_WHETHER_IT_MOVED.to_owned(),
        Mend::ServeOrAskWhetherItMoved => format!(
            "if the service does not run, liaisond serve on its machine; if it does, \
             {ASK_WHETHER_IT_MOVED}"
        ),
        Mend::OtherNetwork(address) => format!(
            "try again in a while, and from another network: if it works there, ask who runs this one to \
             let TLS to {address} through unopened; if not, {TELL}"
        ),
        Mend::AskWhoOpensTls => format!(
            "ask who runs the network whether a gateway opens TLS, and to let this address through \
             unopened; if none does, {TELL}"
        ),
        Mend::LetSegmentsThrough => {
            "ask who runs the network to let TLS handshakes of several segments through".to_owned()
        }
        Mend::LetThroughUnopened(address) => {
            format!("ask who runs the proxy to let {address} through unopened")
        }
        Mend::OtherProxy(proxy) => format!(
            "see whether HTTPS_PROXY names the proxy of this network, or unset it if there is none; if it \
             does, ask who runs {proxy}"
        ),
        Mend::ProxyPassword(proxy) => format!("HTTPS_PROXY=http://USER:PASSWORD@{proxy}"),
        Mend::AskProxy(proxy) => format!(
            "see whether HTTPS_PROXY names the proxy of this network; if it does, ask who runs {proxy} to \
             let the service through"
        ),

        Mend::TellOperator => TELL.to_owned(),
        Mend::AgainOnceWritten => {
            format!("{TELL}; {AGAIN} once the service can write again")
        }
        Mend::AgainOnceClocksRight => format!("{TELL}; {AGAIN} {ONCE_CLOCKS_RIGHT}"),
        Mend::SetClockAndAgain => format!("{SET_CLOCK}; {AGAIN} {ONCE_CLOCKS_RIGHT}"),
        Mend::EndHistory => END_HISTORY.to_owned(),
        Mend::EndHistoryReadMeanwhile => {
            format!("{END_HISTORY}; what was collected is here: liaison inbox list --offline")
        }

        Mend::Sync => "liaison sync".to_owned(),
        Mend::SyncOrStale => "liaison sync, or send all the same: --stale-directory".to_owned(),
        Mend::ListDirectory => "liaison directory list".to_owned(),
        Mend::LookUp(word) => format!("liaison directory who {}", visible(word)),

        Mend::Sign => "liaison sign FILE".to_owned(),
        Mend::SignOrAskRegistrars => {
            "liaison sign FILE with a key that decides for it; if that is done, \
                                      ask the registrars whether it is admitted"
                .to_owned()
        }
        Mend::DraftAnew(draft) => format!("draft it anew: {}", drafted_with(*draft)),
        Mend::Agree => "read what it says, and add --yes".to_owned(),
        Mend::AgreeOrWrite => {
            "read what it says, and add --yes; or --out FILE, only to write the draft".to_owned()
        }
        Mend::AgreeIfMeant => "add --yes, if that is meant".to_owned(),
        Mend::AgreeByName(name) => format!("add --yes {name}"),
        Mend::GiveItsAuthority => {
            "give the authority's file that it was admitted with, or leave it to \
                                   the State to say whose this one is"
                .to_owned()
        }

        Mend::ListProposals => "liaison admin proposals --all".to_owned(),
        Mend::WholeId(begins) => {
            format!("liaison admin proposals {} shows it, with its id", visible(begins))
        }
        Mend::ProposeAnew => "propose it anew, if it is wanted: liaison admin propose".to_owned(),
        Mend::ProposeOpposite => {
            "nothing more is to be done; what undoes it is another proposal".to_owned()
        }
        Mend::MendThenPropose => {
            "mend that on the service's machine, and propose it anew".to_owned()
        }
        Mend::AbortThenPropose(id, act) => {
            format!("{}liaison admin propose {}", abort(id), act.name())
        }
        Mend::AbortThenDraft(id, draft) => {
            let with = draft.map_or("the same command", drafted_with);
            format!("{}draft it with {with}, and propose that", abort(id))
        }
        Mend::ApproveBy(id, all) => format!("liaison admin approve {id}, by {}", signers(all)),
        Mend::SignNothing => {
            "sign nothing there, and tell the other registrars and operators".to_owned()
        }
        Mend::ShowBothHeads => {
            "show both files to the registrars; if they know that older data was put \
                                back: liaison admin audit --anew"
                .to_owned()
        }
        Mend::FetchTrailAnew => {
            "move that file away, and fetch the trail anew: liaison admin audit".to_owned()
        }

        Mend::Inbox => "liaison inbox".to_owned(),
        Mend::Read(number) => format!("liaison inbox read {number}"),
        Mend::Sent => "liaison sent".to_owned(),
        Mend::SentOffline => "liaison sent --offline".to_owned(),
        Mend::RetryIfChanged(id) => format!("liaison sent retry {id}, if that has changed"),
        Mend::Call(contacts) => call(contacts),
        Mend::CallAndSkip(contacts, id) => {
            let call = call(contacts);
            format!("{call}; liaison sent retry {id} --skip-full sends to the others now")
        }
        Mend::AskToSendAgain(sender) => {
            format!("call {sender}, and ask to send it again: liaison directory show {sender}")
        }
        Mend::NothingOfReceipt => "it was a receipt, and nobody needs to send it again".to_owned(),
        Mend::NumberOrDigest => {
            "name the number of one that came, or the digest of one that was sent".to_owned()
        }
        Mend::LetColleagueRead => {
            "let a colleague read and acknowledge it, or add --yes".to_owned()
        }
        Mend::AcknowledgeAtLevel => "liaison inbox ack NUMBER --level LEVEL".to_owned(),
        Mend::AcknowledgeAs => "liaison inbox ack NUMBER --person NAME".to_owned(),
        Mend::NotifyAtLevel => "liaison notify ... --level LEVEL".to_owned(),
        Mend::LeaveOutReply => "leave out --reply-to, or --kind".to_owned(),
        Mend::SendLess => "send less, or several messages with --reply-to".to_owned(),
        Mend::TellTheRest => {
            "give the command again: it tells those who were not; call those who cannot \
                              be told"
                .to_owned()
        }
    }
}

/// Who still has to sign: so many of each of these.
#[must_use]
pub fn signers(all: &[(u32, Vec<String>)]) -> String {
    let each = all.iter().map(|(more, names)| format!("{more} of {}", names.join(", ")));
    each.collect::<Vec<_>>().join("; and ")
}

/// The command that drafts the next one.
const fn drafted_with(draft: Draft) -> &'static str {
    match draft {
        Draft::Charter => "liaison charter draft",
        Draft::Admission => "liaison admin member admit",
        Draft::AttestedRecord => "liaison admin member attest",
        Draft::Record => "liaison record draft",
        Draft::Withdrawal => "liaison record withdraw",
        Draft::Roster => "liaison seat add, or seat remove",
    }
}

fn abort(id: &str) -> String {
    format!("liaison admin abort {id}; if it is still wanted, ")
}

/// The directory has the numbers.
fn call(contacts: &[ContactId]) -> String {
    match contacts {
        [only] => format!("call {only}: liaison directory show {only}"),
        several => {
            let several = refusal::list(&several.iter().collect::<Vec<_>>());
            format!("call {several} (liaison directory show CONTACT has the numbers)")
        }
    }
}

const TELL: &str = "tell the operator of the service";
const SET_CLOCK: &str = "timedatectl set-ntp true";
const AGAIN: &str = "give the same command again";
const ONCE_CLOCKS_RIGHT: &str = "once the clocks are right";
const END_HISTORY: &str = "telephone the operator of the service: if older data was put back there, \
                           liaisond mailbox new-epoch ends it";
/// What nobody answers any more may stand elsewhere.
const ASK_WHETHER_IT_MOVED: &str = "see whether anything else can be reached from here; if so, ask the \
                                    service's operator whether it has moved, and for a new invitation \
                                    (liaisond invitation); then liaison join INVITATION";

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use clap::Parser as _;
    use clap::error::ErrorKind;

    use super::*;
    use crate::cli::args::Cli;
    use crate::client::address::Address;
    use crate::client::armour::Kind;
    use crate::client::fate::Sending;
    use crate::client::keys::Role;
    use crate::crypto::sign::KeyId;
    use crate::domain::administration::proposal::Act;
    use crate::domain::ids::{MemberId, MessageId, SeatId};
    use crate::tests::reads_well;

    const SOURCE: &str = include_str!("../client/mend.rs");

    #[test]
    fn each_stands_among_the_samples() {
        let shown: Vec<String> = samples().iter().map(|of| format!("{of:?}")).collect();
        let names = shown.iter().filter_map(|of| of.split([' ', '(']).next());
        let names: Vec<&str> = names.collect();
        let missing = variants().into_iter().filter(|variant| !names.contains(variant));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn each_has_words_of_its_own_which_read_well() {
        let samples = samples();
        for (at, mend) in samples.iter().enumerate() {
            let said = to_do(mend);
            let is_whole = said.ends_with("...") || !said.ends_with('.');
            assert!(is_whole && !said.is_empty() && said.trim() == said, "{said}");
            assert!(!said.contains("  ") && !said.contains('\n'), "{said}");
            // An option and what stands for its value are two things.
            reads_well(&said.replace("--level LEVEL", "--level"));
            let same = samples[..at].iter().find(|other| to_do(other) == said);
            assert_eq!(same, None, "{mend:?}: {said}");
        }
    }

    /// A command line that is said can be given.
    #[test]
    fn what_is_to_be_typed_is_a_command() {
        let said: Vec<String> = samples().iter().map(to_do).collect();
        let lines: Vec<&str> = said.iter().flat_map(|said| command_lines(said)).collect();
        assert!(lines.len() > 50, "{lines:?}");
        let wrong: Vec<&&str> = lines.iter().filter(|line| !is_command(line)).collect();
        assert_eq!(wrong, Vec::<&&str>::new());
        for wrong in [
            "liaison frob",
            "liaison key frob",
            "liaison sync --frob",
            "liaison sent retry 019 --skipfull sends to the others now",
            "liaison seat rotate fr/cert",
            "liaison seat add fr/cert",
        ] {
            assert!(!is_command(wrong), "{wrong}");
        }
    }

    /// The longest beginning of a line that is one. What is left out (`...`) is for whoever types.
    pub(in crate::words) fn command(line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let ends = (2..=words.len()).rev().map(|end| words[..end].join(" "));
        let left_out = words.iter().position(|word| *word == "...");
        let whole = left_out.map(|at| words[..=at].join(" "));
        let longest = || ends.into_iter().find(|begins| parses(begins));
        whole.or_else(longest).unwrap_or_else(|| panic!("{line}: no command"))
    }

    fn parses(line: &str) -> bool {
        stands(Cli::try_parse_from(filled(line).split(' ')))
    }

    /// Each from its name up to the end of its clause.
    pub(in crate::words) fn command_lines(said: &str) -> Vec<&str> {
        let starts = said.match_indices("liaison ").map(|(at, _)| at);
        let starts =
            starts.filter(|at| said[..*at].chars().last().is_none_or(|of| " (".contains(of)));
        let line = |at: usize| {
            let rest = &said[at..];
            let end = [";", ",", ")", ": "].iter().filter_map(|mark| rest.find(mark)).min();
            rest[..end.unwrap_or(rest.len())].trim()
        };
        starts.map(line).collect()
    }

    /// Whether it is one, with prose behind it perhaps. What is left out (`...`) is for whoever types.
    fn is_command(line: &str) -> bool {
        let filled = filled(line);
        let words: Vec<&str> = filled.split(' ').collect();
        if words.contains(&"...") {
            return true;
        }
        // An option at the end whose value stands in the next clause.
        let holders = ["alice", "fr", "fr/cert", "fr/cert/duty-9"];
        let whole = |more: Option<&&str>| Cli::try_parse_from(words.iter().chain(more));
        let ends = words.last().is_some_and(|word| word.starts_with("--"));
        if stands(whole(None)) || ends && holders.iter().any(|of| stands(whole(Some(of)))) {
            return true;
        }
        let lacks = |why: clap::Error| why.kind() == ErrorKind::MissingRequiredArgument;
        let begins = |end: &usize| Cli::try_parse_from(&words[..*end]).map_or_else(lacks, |_| true);
        let prose = |word: &&str| word.bytes().all(|letter| letter.is_ascii_lowercase());
        let end = (2..words.len()).rev().find(begins);
        end.is_some_and(|end| words[end..].iter().all(prose))
    }

    /// Whether it is one, or only lacks more.
    fn stands(parsed: Result<Cli, clap::Error>) -> bool {
        match parsed.map_err(|why| why.kind()) {
            Ok(_)
            | Err(
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ) => true,
            Err(_) => false,
        }
    }

    /// What stands for a value is one.
    fn filled(line: &str) -> String {
        line.replace("MEMBER/CONTACT/SEAT", "fr/cert/duty-9")
            .replace("/CONTACT/SEAT", "/cert/duty-9")
            .replace("NEW_NAME", "duty-9")
            .replace("fr/cert/SEAT", "fr/cert/duty-9")
            .replace("SEAT...", "fr/cert/duty-9")
            .replace("SEAT", "fr/cert/duty-9")
            .replace("CONTACT", "fr/cert")
            .replace("LEVEL", "technical")
            .replace("NUMBER", "3")
            .replace("use NAME", "use un.example")
    }

    /// The variants, as the source has them.
    fn variants() -> Vec<&'static str> {
        let (_, list) = SOURCE.split_once("pub enum Mend {").unwrap();
        let lines = list.lines().take_while(|line| *line != "}");
        let lines = lines.filter_map(|line| line.strip_prefix("    "));
        let named = lines.filter(|line| line.starts_with(|first: char| first.is_uppercase()));
        named.map(|line| line.split([' ', '(', ',']).next().unwrap_or_default()).collect()
    }

    /// One of each variant at least.
    pub(in crate::words) fn samples() -> Vec<Mend> {
        let contact: ContactId = "fr/cert".parse().unwrap();
        let other: ContactId = "at/cert".parse().unwrap();
        let member: MemberId = "fr".parse().unwrap();
        let seat: SeatId = "fr/cert/duty-1".parse().unwrap();
        let colleague: SeatId = "fr/cert/duty-2".parse().unwrap();
        let (id, path) = (MessageId::new(1, [1; 10]), PathBuf::from("home/file"));
        let address = Address::parse("relay.un.example").unwrap();
        let proposal = || "0a1b".to_owned();
        let drafts = [
            Draft::Charter,
            Draft::Admission,
            Draft::AttestedRecord,
            Draft::Record,
            Draft::Withdrawal,
            Draft::Roster,
        ];
        let acts = [
            Act::RenewNode,
            Act::RetireKey(KeyId::of(b"key")),
            Act::Drain,
            Act::DropSessions(vec![1]),
            Act::NewEpoch(vec![(contact.clone(), 2)]),
        ];
        let waits = [Sending::Message, Sending::Acknowledgement];
        let several = waits.map(|what| Mend::InAWhile(what, Box::new(Mend::TellOperator)));
        let several = several.into_iter().chain(Kind::ALL.map(Mend::Make));
        let several = several.chain(drafts.map(Mend::DraftAnew));
        let several =
            several.chain(drafts.map(|draft| Mend::AbortThenDraft(proposal(), Some(draft))));
        let several = several.chain(acts.map(|act| Mend::AbortThenPropose(proposal(), act)));
        let roles = [Role::Registrar, Role::Operator, Role::Auditor];
        let several = several.chain(roles.map(Mend::NamePerson));
        let one = [
            Mend::Help,
            Mend::Update,
            Mend::MoreFiles,
            Mend::SetClock,
            Mend::LookAtClock,
            Mend::AgainWhenFree,
            Mend::AgainLater,
            Mend::AgainThenDoctor,
            Mend::Doctor,
            Mend::MakeRoom(path.clone()),
            Mend::MakeWritable(path.clone()),
            Mend::LetOwnerWrite(path.clone()),
            Mend::TakeOver { user: "anna".to_owned(), folder: path.clone() },
            Mend::MakePrivate(path.clone()),
            Mend::MakeFolderPrivate(path.clone()),
            Mend::Remove(path.clone()),
            Mend::Correct(path.clone()),
            Mend::OtherFolder,
            Mend::SignOrWriteOver(path.clone()),
            Mend::ExportElsewhere,
            Mend::Export,
            Mend::ShowFile,
            Mend::NameHomeOrJoin,
            Mend::NameHomeOrJoinAs,
            Mend::NameHome,
            Mend::NewHome,
            Mend::Join,
            Mend::JoinAs,
            Mend::JoinThenSync,
            Mend::NameDirectory,
            Mend::NameSeat,
            Mend::OtherHomeOrSeat,
            Mend::AskForNewFile,
            Mend::AskForOtherInvitation,
            Mend::CompareFingerprint,
            Mend::WholeFingerprint,
            Mend::SendAuthority(member.clone()),
            Mend::SendAuthorityOrNameHome(member),
            Mend::JoinForASeat(contact.clone()),
            Mend::JoinAdmitted(seat.clone()),
            Mend::AddSeatOrRecord(seat.clone()),
            Mend::SignThenPublish(path.clone()),
            Mend::ListKeys,
            Mend::AskWhichKeysCount,
            Mend::OtherNameForKeys,
            Mend::FullName,
            Mend::OnTerminal,
            Mend::EndProtecting(path.clone()),
            Mend::KeeperInFile(contact.clone()),
            Mend::ToPkcs8(path.clone()),
            Mend::PutTokenIn,
            Mend::NameToken,
            Mend::UnlockToken,
            Mend::EnterSeat(seat.clone()),
            Mend::RotateSeat(seat.clone()),
            Mend::RotateSeatAs { colleague, seat: seat.clone() },
            Mend::NewSeat(contact.clone()),
            Mend::SeatsOfOne,
            Mend::ListSeats,
            Mend::SyncOrListSeats(contact.clone()),
            Mend::RevokeSeat(seat),
            Mend::CorrectAddresses,
            Mend::CorrectAddressesOf(path),
            Mend::NameAdminAddress,
            Mend::NameAdminPort,
            Mend::AskWhetherItMoved,
            Mend::ServeOrAskWhetherItMoved,
            Mend::OtherNetwork(address.clone()),
            Mend::AskWhoOpensTls,
            Mend::LetSegmentsThrough,
            Mend::LetThroughUnopened(address.clone()),
            Mend::OtherProxy(address.clone()),
            Mend::ProxyPassword(address.clone()),
            Mend::AskProxy(address),
            Mend::TellOperator,
            Mend::AgainOnceWritten,
            Mend::AgainOnceClocksRight,
            Mend::SetClockAndAgain,
            Mend::EndHistory,
            Mend::EndHistoryReadMeanwhile,
            Mend::Sync,
            Mend::SyncOrStale,
            Mend::ListDirectory,
            Mend::LookUp("fr".to_owned()),
            Mend::Sign,
            Mend::SignOrAskRegistrars,
            Mend::Agree,
            Mend::AgreeOrWrite,
            Mend::AgreeIfMeant,
            Mend::AgreeByName("fr/cert/duty-1".to_owned()),
            Mend::GiveItsAuthority,
            Mend::ListProposals,
            Mend::WholeId(proposal()),
            Mend::ProposeAnew,
            Mend::ProposeOpposite,
            Mend::MendThenPropose,
            Mend::AbortThenDraft(proposal(), None),
            Mend::ApproveBy(proposal(), vec![(1, vec!["bob".to_owned(), "carol".to_owned()])]),
            Mend::SignNothing,
            Mend::ShowBothHeads,
            Mend::FetchTrailAnew,
            Mend::Inbox,
            Mend::Read(3),
            Mend::Sent,
            Mend::SentOffline,
            Mend::RetryIfChanged(id),
            Mend::Call(vec![contact.clone()]),
            Mend::Call(vec![contact.clone(), other.clone()]),
            Mend::CallAndSkip(vec![contact.clone()], id),
            Mend::CallAndSkip(vec![contact.clone(), other], id),
            Mend::AskToSendAgain(contact),
            Mend::NothingOfReceipt,
            Mend::NumberOrDigest,
            Mend::LetColleagueRead,
            Mend::AcknowledgeAtLevel,
            Mend::AcknowledgeAs,
            Mend::NotifyAtLevel,
            Mend::LeaveOutReply,
            Mend::SendLess,
            Mend::TellTheRest,
        ];
        one.into_iter().chain(several).collect()
    }
}
