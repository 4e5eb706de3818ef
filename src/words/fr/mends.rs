//! What mends an error, in French: the command lines are those that everybody types.

use crate::client::armour::Kind;
use crate::client::keys::Role;
use crate::client::mend::{Draft, Mend};
use crate::client::message::text::visible;
use crate::domain::ids::ContactId;
use crate::domain::refusal;
use crate::words::mends as english;

/// What is to be done.
pub(in crate::words) fn to_do(mend: &Mend) -> String {
    match mend {
        // What is only typed is the same everywhere.
        Mend::SetClock
        | Mend::Doctor
        | Mend::LetOwnerWrite(_)
        | Mend::TakeOver { .. }
        | Mend::MakePrivate(_)
        | Mend::MakeFolderPrivate(_)
        | Mend::Remove(_)
        | Mend::ShowFile
        | Mend::Join
        | Mend::JoinAs
        | Mend::JoinThenSync
        | Mend::JoinAdmitted(_)
        | Mend::ListKeys
        | Mend::ToPkcs8(_)
        | Mend::RotateSeat(_)
        | Mend::RotateSeatAs { .. }
        | Mend::ListSeats
        | Mend::RevokeSeat(_)
        | Mend::ProxyPassword(_)
        | Mend::Sync
        | Mend::ListDirectory
        | Mend::LookUp(_)
        | Mend::Sign
        | Mend::ListProposals
        | Mend::Inbox
        | Mend::Read(_)
        | Mend::Sent
        | Mend::SentOffline
        | Mend::AcknowledgeAtLevel
        | Mend::AcknowledgeAs
        | Mend::NotifyAtLevel => english::to_do(mend),

        Mend::Help => "ajouter --help pour voir ce que la commande accepte".to_owned(),
        Mend::Update => format!("installer une version plus récente de liaison, et {AGAIN}"),
        Mend::MoreFiles => {
            format!("autoriser davantage de fichiers ouverts (ulimit -n 256), et {AGAIN}")
        }
        Mend::LookAtClock => format!("vérifier l’horloge de cette machine ; si elle est juste, {TELL}"),
        Mend::AgainWhenFree => format!("{AGAIN} quand l’autre programme sera terminé"),
        Mend::AgainLater => format!("{AGAIN} dans un moment"),
        Mend::AgainThenDoctor => format!("{AGAIN} ; si rien ne change, liaison doctor"),
        Mend::InAWhile(what, then) => {
            let again = to_do(&Mend::of_what_waits(*what));
            format!("{again}, dans un moment ; si l’échec dure, {}", to_do(then))
        }

        Mend::MakeRoom(folder) => {
            format!("faire de la place sur le disque de {}, et {AGAIN}", folder.display())
        }
        Mend::MakeWritable(folder) => format!(
            "rendre le disque de {} accessible en écriture, ou copier le dossier sur un autre disque et le \
             désigner par --home",
            folder.display()
        ),
        Mend::Correct(file) => format!("corriger {}", file.display()),
        Mend::OtherFolder => {
            "donner la commande dans un autre dossier, ou déplacer ce fichier".to_owned()
        }
        Mend::SignOrWriteOver(draft) => format!(
            "liaison sign {} ; ou ajouter --out FILE, qui remplace ce fichier",
            draft.display()
        ),
        Mend::ExportElsewhere => {
            "indiquer un autre fichier après --export, et comparer les deux".to_owned()
        }
        Mend::Export => "en produire un par liaison admin audit --export FILE".to_owned(),
        Mend::Make(kind) => made_by(*kind).to_owned(),

        Mend::NameHomeOrJoin => "désigner le dossier de base existant par --home ou LIAISON_HOME ; s’il n’y \
                                 en a pas, liaison join INVITATION"
            .to_owned(),
        Mend::NameHomeOrJoinAs => "désigner par --home ou LIAISON_HOME le dossier de base qui les contient ; \
                                   s’il n’y en a pas, liaison join INVITATION --as MEMBER/CONTACT/SEAT"
            .to_owned(),
        Mend::NameHome => {
            "désigner par --home ou LIAISON_HOME le dossier de base qui les contient".to_owned()
        }
        Mend::NewHome => "liaison --home NEW_FOLDER key new ..., ou join INVITATION".to_owned(),
        Mend::NameSeat => "en désigner un par --as".to_owned(),
        Mend::NamePerson(role) => {
            format!("désigner {} par --{} ID", a_person(*role), role.name())
        }
        Mend::OtherHomeOrSeat => "donner la commande dans un dossier de base de ce contact, ou désigner par \
                                  --as un de ses sièges"
            .to_owned(),

        Mend::AskForNewFile => {
            "demander aux greffiers un nouveau fichier, et s’ils ont fait celui-ci".to_owned()
        }
        Mend::AskForOtherInvitation => {
            "voir si elle est donnée comme elle a été lue ; si oui, appeler les greffiers à un numéro déjà \
             connu, et demander une autre invitation"
                .to_owned()
        }
        Mend::CompareFingerprint => {
            "appeler les greffiers, et ajouter --fingerprint \"DIGITS\"".to_owned()
        }
        Mend::WholeFingerprint => {
            "donner une de ses deux lignes, entière et entre guillemets : --fingerprint \"DIGITS\""
                .to_owned()
        }
        Mend::SendAuthority(member) => format!("envoyer {member}.authority aux greffiers"),
        Mend::SendAuthorityOrNameHome(member) => format!(
            "si {member} attend son admission, envoyer {member}.authority aux greffiers, puis donner \
             liaison join {member}.admission --as {member}/CONTACT/SEAT quand ils auront renvoyé ce \
             fichier ; si ses sièges ont un autre dossier de base, le désigner par --home"
        ),
        Mend::NameDirectory => {
            "liaison directory use NAME ; pour une fois, liaison --directory NAME ...".to_owned()
        }
        Mend::JoinForASeat(contact) => format!(
            "liaison join {0}.admission --as {contact}/SEAT crée un siège, et un siège lit \
             l’annuaire ; s’il en a un dans un autre dossier de base, le désigner par --home",
            contact.member()
        ),
        Mend::AddSeatOrRecord(seat) => {
            format!("liaison seat add {seat}, ou liaison record draft {}", seat.contact())
        }
        Mend::SignThenPublish(draft) => {
            let draft = draft.display();
            format!("liaison sign {draft}, par les autres ; puis liaison publish {draft}")
        }

        Mend::AskWhichKeysCount => {
            "liaison key list ; demander aux greffiers lesquelles de ces clés comptent".to_owned()
        }
        Mend::OtherNameForKeys => {
            "liaison key list les montre ; d’autres demandent un autre nom, ou --home".to_owned()
        }
        Mend::FullName => "ajouter --name \"First Last\"".to_owned(),
        Mend::OnTerminal => "donner la commande sur un terminal, où elle pose la question : ce qui ouvre une \
                             clé n’est jamais pris d’une option, de l’environnement ni d’un tube"
            .to_owned(),
        Mend::EndProtecting(pointer) => format!(
            "redonner liaison key protect --token MODULE, si elle a été interrompue : elle termine ce \
             qu’elle a commencé ; sinon, chercher laquelle est la bonne, et déplacer l’autre : {}",
            pointer.display()
        ),
        Mend::KeeperInFile(contact) => format!(
            "ajouter --plain ; puis liaison key protect --keeper {contact} --token MODULE, une fois que \
             l’annuaire la porte"
        ),
        Mend::PutTokenIn => "insérer le jeton, et voir liaison key list".to_owned(),
        Mend::NameToken => "en désigner un par --token-label".to_owned(),
        Mend::UnlockToken => {
            "le débloquer avec son propre outil, et son PUK ou son SO PIN".to_owned()
        }
        Mend::EnterSeat(seat) => format!(
            "liaison seat add {seat} ; avec --keys FILE dans le dossier de base du gardien"
        ),
        Mend::NewSeat(contact) => format!(
            "liaison key new --seat {contact}/NEW_NAME ; qui tient la liste des sièges de {contact} inscrit \
             son fichier par liaison seat add {contact}/NEW_NAME --keys FILE, ou, si plus aucun siège de \
             {contact} ne se connecte, un greffier le fait, avec --out DRAFT, et le gardien signe cela"
        ),
        Mend::SeatsOfOne => {
            "désigner les sièges d’un seul : liaison seat rotate SEAT...".to_owned()
        }
        Mend::SyncOrListSeats(contact) => {
            format!("liaison sync, s’il est nouveau ; liaison seat list {contact}")
        }

        Mend::CorrectAddresses => "corriger addresses dans config.toml, ou liaison join INVITATION avec une \
                                   nouvelle invitation"
            .to_owned(),
        Mend::CorrectAddressesOf(file) => format!(
            "écrire host:port dans addresses de {}, ou liaison join INVITATION avec une nouvelle \
             invitation",
            file.display()
        ),
        Mend::NameAdminAddress => "ajouter --address HOST:PORT, ou liaison join INVITATION avec une nouvelle \
                                   invitation"
            .to_owned(),
        Mend::NameAdminPort => {
            "indiquer le port de l’administration : --address HOST:PORT, le suivant en général"
                .to_owned()
        }
        Mend::AskWhetherItMoved => ASK_WHETHER_IT_MOVED.to_owned(),
        Mend::ServeOrAskWhetherItMoved => format!(
            "si le service ne tourne pas, liaisond serve sur sa machine ; s’il tourne, \
             {ASK_WHETHER_IT_MOVED}"
        ),
        Mend::OtherNetwork(address) => format!(
            "réessayer dans un moment, et depuis un autre réseau : si cela y réussit, demander à \
             l’exploitant de celui-ci de laisser passer TLS vers {address} sans l’ouvrir ; sinon, {TELL}"
        ),
        Mend::AskWhoOpensTls => format!(
            "demander à l’exploitant du réseau si une passerelle ouvre TLS, et de laisser passer cette \
             adresse sans l’ouvrir ; si aucune ne le fait, {TELL}"
        ),
        Mend::LetSegmentsThrough => "demander à l’exploitant du réseau de laisser passer les négociations TLS \
                                     de plusieurs segments"
            .to_owned(),
        Mend::LetThroughUnopened(address) => format!(
            "demander à l’exploitant du mandataire de laisser passer {address} sans l’ouvrir"
        ),
        Mend::OtherProxy(proxy) => format!(
            "vérifier que HTTPS_PROXY désigne le mandataire de ce réseau, ou l’enlever s’il n’y en a pas ; \
             s’il le désigne, demander à l’exploitant de {proxy}"
        ),
        Mend::AskProxy(proxy) => format!(
            "vérifier que HTTPS_PROXY désigne le mandataire de ce réseau ; s’il le désigne, demander à \
             l’exploitant de {proxy} de laisser passer le service"
        ),

        Mend::TellOperator => TELL.to_owned(),
        Mend::AgainOnceWritten => {
            format!("{TELL} ; {AGAIN} quand le service pourra de nouveau écrire")
        }
        Mend::AgainOnceClocksRight => format!("{TELL} ; {AGAIN} {ONCE_CLOCKS_RIGHT}"),
        Mend::SetClockAndAgain => {
            format!("{} ; {AGAIN} {ONCE_CLOCKS_RIGHT}", english::to_do(&Mend::SetClock))
        }
        Mend::EndHistory => END_HISTORY.to_owned(),
        Mend::EndHistoryReadMeanwhile => {
            format!("{END_HISTORY} ; ce qui a été relevé est ici : liaison inbox list --offline")
        }

        Mend::SyncOrStale => {
            "liaison sync, ou envoyer quand même : --stale-directory".to_owned()
        }

        Mend::SignOrAskRegistrars => "liaison sign FILE avec une clé qui décide pour cela ; si c’est fait, \
                                      demander aux greffiers si l’admission a eu lieu"
            .to_owned(),
        Mend::DraftAnew(draft) => format!("refaire le projet : {}", drafted_with(*draft)),
        Mend::Agree => "lire ce qui est dit, et ajouter --yes".to_owned(),
        Mend::AgreeOrWrite => "lire ce qui est dit, et ajouter --yes ; ou --out FILE, pour seulement écrire le \
                               projet"
            .to_owned(),
        Mend::AgreeIfMeant => "ajouter --yes, si c’est voulu".to_owned(),
        Mend::AgreeByName(name) => format!("ajouter --yes {name}"),
        Mend::GiveItsAuthority => "donner le fichier de l’autorité de son admission, ou laisser l’État dire à \
                                   qui est celui-ci"
            .to_owned(),

        Mend::WholeId(begins) => {
            format!("liaison admin proposals {} la montre, avec son identifiant", visible(begins))
        }
        Mend::ProposeAnew => {
            "la proposer de nouveau, si elle est voulue : liaison admin propose".to_owned()
        }
        Mend::ProposeOpposite => {
            "il n’y a plus rien à faire ; ce qui l’annule est une autre proposition".to_owned()
        }
        Mend::MendThenPropose => {
            "y remédier sur la machine du service, et la proposer de nouveau".to_owned()
        }
        Mend::AbortThenPropose(id, act) => {
            format!("{}liaison admin propose {}", abort(id), act.name())
        }
        Mend::AbortThenDraft(id, draft) => {
            let with = draft.map_or("la même commande", drafted_with);
            format!("{}en refaire le projet avec {with}, et le proposer", abort(id))
        }
        Mend::ApproveBy(id, all) => format!("liaison admin approve {id}, par {}", signers(all)),
        Mend::SignNothing => {
            "ne rien signer là, et prévenir les autres greffiers et exploitants".to_owned()
        }
        Mend::ShowBothHeads => "montrer les deux fichiers aux greffiers ; s’ils savent que des données plus \
                                anciennes ont été remises en place : liaison admin audit --anew"
            .to_owned(),
        Mend::FetchTrailAnew => {
            "déplacer ce fichier, et relever le journal d’audit à nouveau : liaison admin audit"
                .to_owned()
        }

        Mend::RetryIfChanged(id) => format!("liaison sent retry {id}, si cela a changé"),
        Mend::Call(contacts) => call(contacts),
        Mend::CallAndSkip(contacts, id) => {
            let call = call(contacts);
            format!("{call} ; liaison sent retry {id} --skip-full envoie dès maintenant aux autres")
        }
        Mend::AskToSendAgain(sender) => format!(
            "appeler {sender}, et demander un nouvel envoi : liaison directory show {sender}"
        ),
        Mend::NothingOfReceipt => {
            "c’était un accusé de réception, que personne n’a à renvoyer".to_owned()
        }
        Mend::NumberOrDigest => "donner le numéro d’un message reçu, ou l’empreinte d’un message envoyé"
            .to_owned(),
        Mend::LetColleagueRead => {
            "laisser un collègue le lire et le prendre en charge, ou ajouter --yes".to_owned()
        }
        Mend::LeaveOutReply => "omettre --reply-to, ou --kind".to_owned(),
        Mend::SendLess => "envoyer moins, ou plusieurs messages avec --reply-to".to_owned(),
        Mend::TellTheRest => format!(
            "{AGAIN} : elle prévient ceux qui ne l’ont pas été ; appeler ceux qui ne peuvent l’être"
        ),
    }
}

/// Who still has to sign: so many of each of these.
fn signers(all: &[(u32, Vec<String>)]) -> String {
    let each = all.iter().map(|(more, names)| format!("{more} parmi {}", names.join(", ")));
    each.collect::<Vec<_>>().join(" ; et ")
}

/// One with this role.
const fn a_person(role: Role) -> &'static str {
    match role {
        Role::Registrar => "un greffier",
        Role::Operator => "un exploitant",
        Role::Auditor => "un auditeur",
    }
}

/// The command that makes such a file.
const fn made_by(kind: Kind) -> &'static str {
    match kind {
        Kind::Statement => "liaison record draft, seat add, charter draft ou admin member",
        Kind::Person => "liaison key new --registrar, --operator ou --auditor",
        Kind::Authority => "liaison key new --authority, ou join INVITATION",
        Kind::Invitation
        | Kind::Admission
        | Kind::Keeper
        | Kind::Seat
        | Kind::Proposal
        | Kind::Service => kind.made_by(),
    }
}

/// The command that drafts the next one.
const fn drafted_with(draft: Draft) -> &'static str {
    match draft {
        Draft::Charter => "liaison charter draft",
        Draft::Admission => "liaison admin member admit",
        Draft::AttestedRecord => "liaison admin member attest",
        Draft::Record => "liaison record draft",
        Draft::Withdrawal => "liaison record withdraw",
        Draft::Roster => "liaison seat add, ou seat remove",
    }
}

fn abort(id: &str) -> String {
    format!("liaison admin abort {id} ; si elle est encore voulue, ")
}

/// The directory has the numbers.
fn call(contacts: &[ContactId]) -> String {
    match contacts {
        [only] => format!("appeler {only} : liaison directory show {only}"),
        several => {
            let several = refusal::list(&several.iter().collect::<Vec<_>>());
            format!("appeler {several} (liaison directory show CONTACT donne les numéros)")
        }
    }
}

const TELL: &str = "prévenir l’exploitant du service";
const AGAIN: &str = "redonner la commande";
const ONCE_CLOCKS_RIGHT: &str = "quand les horloges seront justes";
const END_HISTORY: &str = "téléphoner à l’exploitant du service : si des données plus anciennes y ont été \
                           remises en place, liaisond mailbox new-epoch y met fin";
/// What nobody answers any more may stand elsewhere.
const ASK_WHETHER_IT_MOVED: &str = "vérifier que d’ici autre chose est joignable ; si oui, demander à \
                                    l’exploitant du service s’il a déménagé, et une nouvelle invitation \
                                    (liaisond invitation) ; puis liaison join INVITATION";
