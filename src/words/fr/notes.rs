//! What an office tells and asks, in French.

use std::fmt::Display;

use crate::client::error::ClientError;
use crate::client::fate::{Fate, Sending};
use crate::client::keys::Owner;
use crate::client::message::open::NotOpened;
use crate::client::message::receipt::ReceiptError;
use crate::client::message::text::visible;
use crate::client::reason::Here;
use crate::client::replica::Frozen;
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal::{self, Refusal};
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::state::LaterKind;
use crate::office::asked::Question;
use crate::office::call::{Called, Why};
use crate::office::collect::Unproven;
use crate::office::told::{Note, Unkept, Widening, Work};
use crate::signed::proto::{Class, Text, Urgency};
use crate::words::calls::both_names;
use crate::words::{self, day, span, tlp, when};

use super::{cause, terms, to_do};

/// A note, in a sentence.
pub(in crate::words) fn note(note: &Note) -> String {
    match note {
        Note::BadAddress(path, why) => {
            format!("{} : une adresse est illisible, et laissée de côté {}", path.display(), detail(why))
        }
        Note::VerifiedAgain(why) => format!(
            "ce qui était conservé de l’annuaire à côté de ses entrées n’a pas été cru : chaque entrée a été \
             vérifiée de nouveau {}",
            detail(why)
        ),
        Note::CopyAltered(path) => format!(
            "la copie de l’annuaire sur ce disque a été altérée : ce qui s’y trouvait est conservé dans {}, \
             et le prochain liaison sync la rapporte à nouveau",
            path.display()
        ),
        Note::Inadmissible(path) => format!(
            "des entrées et un point de contrôle du journal sont conservés comme preuve : {}",
            path.display()
        ),
        Note::Halted(leaf) => format!(
            "le journal a signé l’entrée {leaf}, contraire à ses règles : ce qui la précède est montré, et \
             rien de plus récent n’est cru ; demander aux greffiers"
        ),
        Note::CopyStale => {
            "cette copie de l’annuaire est périmée ; la mettre à jour : liaison sync".to_owned()
        }
        Note::CopyStandsStill => {
            "cet annuaire reste ici en l’état : ses règles sont plus récentes que ce programme"
                .to_owned()
        }
        Note::KeysInForce(owner, uses) => {
            let uses: Vec<_> = uses.iter().map(|of| used_for(*of)).collect();
            format!("de nouvelles clés {} sont en vigueur : {}", of_owner(owner), uses.join(", "))
        }
        Note::NotKept(what, why) => format!("{} : {}", unkept(*what), cause(why)),
        Note::DetailsForMembers(count) => format!(
            "les coordonnées des contacts ne sont remises qu’aux membres et aux greffiers : {count} ne sont \
             pas ici"
        ),
        Note::Withheld(contact, name) => {
            format!("le service n’a pas remis : {name} de {contact}")
        }
        Note::ClocksApart { own, directory } => format!(
            "l’horloge de cette machine indique {}, et celle de l’annuaire {} : une des deux est fausse ; \
             liaison doctor dit laquelle",
            when(*own),
            when(*directory)
        ),
        Note::ChartersRefuted(kept) => format!(
            "des chartes signées par des greffiers étaient en usage, que le journal ne contient pas ; elles \
             sont abandonnées, et conservées comme preuve : {}. Demander aux greffiers ce qu’il en est",
            kept.display()
        ),
        Note::StandsStill(why) => {
            format!("l’annuaire reste ici en l’état : {} ; mettre ce programme à jour", frozen(why))
        }
        Note::CheckpointUnchecked => {
            "que son dernier point de contrôle soit celui du journal ne peut être vérifié avant cela".to_owned()
        }
        Note::NobodyMuted(why) => format!(
            "{} : personne n’est en sourdine, jusqu’à ce que quelqu’un y soit mis de nouveau",
            cause(why)
        ),
        Note::BeganAnew(contact, epoch) => format!(
            "la boîte aux lettres de {contact} a recommencé, à l’époque {epoch} : le service a été restauré ; \
             ce qui a été relevé avant reste ici, et ce que le service a encore revient"
        ),
        Note::DeliveredAgain(all) => delivered_again(all),
        Note::WaitsForDirectory(size) => format!(
            "une entrée de la boîte aux lettres attend un annuaire de taille {size} : le service en montre \
             moins"
        ),
        Note::TwoHistories(id) => format!(
            "le relais a raconté à ce siège et au destinataire de {id} deux histoires d’une même boîte aux \
             lettres, et a signé l’une d’elles : liaison sent {id}"
        ),
        Note::Refused { sender, class, amiss } => format!(
            "un message de {sender} ({}) a été refusé, et n’est noté nulle part : {}",
            a_class(*class),
            cause(&Refusal::WrongThread(*amiss).into())
        ),
        Note::Unverified(number, why) => unverified(*number, why),
        Note::NotAcknowledged(number, why) => not_acknowledged(*number, why),
        Note::NotDelivered(id) => not_delivered(*id),
        Note::NotProven(number, why) => not_proven(*number, why),
        Note::Later(number, kind) => later(*number, *kind),
        Note::NotFetched(number, why) => {
            format!("le message {number} n’est pas encore rapporté : {}", cause(why))
        }
        Note::BodyLost(why) => match &why.mend {
            Some(mend) => format!("{} ; {}", cause(why), to_do(mend)),
            None => cause(why),
        },
        Note::NotSynced(why) => format!(
            "la copie de l’annuaire n’est pas encore à jour : {} ; nouvel essai",
            cause(why)
        ),
        Note::HeadUnchecked => format!("la tête de boîte du relais {UNCHECKED}"),
        Note::CannotAnswer(why) => format!(
            "l’expéditeur ne peut être averti de l’arrivée : {}",
            cause(&why.clone().into())
        ),
        Note::CollectedElsewhere => {
            "un autre programme relève cette boîte de réception ; voici ce qu’elle contient".to_owned()
        }
        Note::FetchedLater(count) => format!(
            "{count} messages ne sont pas encore rapportés : liaison inbox continue, et inbox list --follow"
        ),
        Note::AskingAgain(count) => {
            format!("entrées arrivées endommagées : {count} ; elles sont redemandées")
        }
        Note::AskedInVain(why) => cause(why),
        Note::CameAtLast(count) => {
            format!("{count} entrées traitées : liaison inbox list --offline")
        }
        Note::LostByService(id) => format!(
            "{id} : le service l’avait accepté, et ne le connaît plus : des données plus anciennes y ont été \
             remises en place ; il est remis de nouveau"
        ),
        Note::HandedInLater(count) => format!(
            "{count} attendent d’être remis : ils partent avec le prochain inbox, sent ou sync"
        ),
        Note::HandingIn(all) => {
            format!("remise de ce qui attend ici ({all}), le plus urgent d’abord")
        }
        Note::RecordOver { contact, expires, now } => format!(
            "ce que {contact} dit de lui-même devait valoir jusqu’au {}, il y a {}",
            day(*expires),
            lasting(now.saturating_sub(*expires))
        ),
        Note::Sealed(to, seats) => {
            let (contact, name) = (&to.contact, called(to));
            let seats = if *seats == 1 { "1 siège" } else { &format!("{seats} sièges") };
            format!("scellé pour {contact} ({name}) : {seats}")
        }
        Note::HopedFor(urgency, within) => format!(
            "{} : une prise en charge est espérée sous {} (à titre indicatif)",
            of_urgency(*urgency),
            lasting(u64::from(*within))
        ),
        Note::LabelOfThread(label) => format!("étiqueté {}, comme son fil", tlp(*label)),
        Note::Widens(of) => widens(of),
        Note::NotTakenYet => "remise en cours : le service ne l’a pas encore pris".to_owned(),
        Note::LeftOut(of, why) => left_out(of, *why),
        Note::SealedAgain(id) => {
            format!("{id} est scellé de nouveau, selon l’état présent")
        }
        Note::DueNotHandedIn(why) => {
            format!("ce qui est dû n’a pas été remis : {}", sentence(why))
        }
        Note::StillDue(count) => {
            format!("{count} attendent d’être remis : liaison sent --offline dit pourquoi")
        }
        Note::NotAccepted { id, of, error } => not_accepted(*id, of.as_ref(), error),
        Note::StillWaits { id, title, of, why } => {
            let title = title.as_deref().map(|title| format!(" ({})", visible(title)));
            format!(
                "{}{} à {} attend encore, sous {id} {}",
                an_earlier(of),
                title.unwrap_or_default(),
                recipients(of),
                detail(&visible(why))
            )
        }
    }
}

/// What only an English sentence says.
fn detail(sentence: &impl Display) -> String {
    format!("(détail : {sentence})")
}

/// What follows from that something could not be kept.
pub(in crate::words) const fn unkept(what: Unkept) -> &'static str {
    match what {
        Unkept::Verified => {
            "tant qu’il n’y est pas remédié, chaque commande vérifie de nouveau chaque entrée, ce qui prend \
             plus de temps"
        }
        Unkept::Index => {
            "tant qu’il n’y est pas remédié, ce qui est conservé de ce qui est venu est relu chaque fois"
        }
        Unkept::NewKeys => {
            "les nouvelles clés servent là où elles sont, jusqu’à ce qu’elles puissent prendre leur place"
        }
    }
}

/// What a long work deals with.
pub(in crate::words) const fn work(work: Work) -> &'static str {
    match work {
        Work::Verifying => "vérifiées",
        Work::Entries => "entrées",
        Work::Details => "coordonnées",
        Work::Messages => "messages",
    }
}

/// What people are asked.
pub(in crate::words) const fn question(question: &Question<'_>) -> &'static str {
    match question {
        Question::ToTheOthers(_) => "l’envoyer aux autres maintenant, et pas à ceux-là ? [o/N]",
        Question::Widens => "l’envoyer quand même ? [o/N]",
    }
}

/// How a message goes further than its thread.
fn widens(of: &Widening) -> String {
    let label = tlp(of.label);
    let weaker =
        of.thread.map(|thread| format!("son fil est {}, et ceci est {label}", tlp(thread)));
    let outside: Vec<&ContactId> = of.outside.iter().collect();
    let outside = (!outside.is_empty()).then(|| {
        format!(
            "aucun message de son fil n’est allé à {} (ceci est {label})",
            refusal::list(&outside)
        )
    });
    weaker.into_iter().chain(outside).collect::<Vec<_>>().join(" ; ")
}

/// What went wrong, and what became of what was to be sent.
pub(in crate::words) fn sentence(error: &ClientError) -> String {
    let cause = cause(error);
    let Some(fate) = error.fate else { return cause };
    match fate {
        Fate::Waits(id, what) => {
            let what = match what {
                Sending::Message => "le message est scellé",
                Sending::Acknowledgement => "la prise en charge est scellée",
            };
            format!(
                "{what} et attend dans la boîte d’envoi, sous {id}, et part avec le prochain inbox, \
                 sent ou sync : ne pas refaire l’envoi ; {cause}"
            )
        }
        Fate::GivenUp(_) => format!("{cause} ; il n’est plus remis de lui-même"),
        Fate::WaitedInVain(id) => {
            format!("{id} attendait, et a été refusé définitivement : {cause}")
        }
        Fate::WithoutReceipt(id) if error.reason == Here::BeforeUpdate => {
            format!(
                "{id} a été remis ; son accusé d’acceptation ne peut être vérifié avant la mise à jour"
            )
        }
        Fate::WithoutReceipt(id) => format!(
            "{id} a été remis, et son accusé d’acceptation ne peut être conservé : ne pas refaire l’envoi ; \
             {cause}"
        ),
        Fate::NotKept(what) => {
            let what = match what {
                Sending::Message => "le message n’est ni conservé ni envoyé",
                Sending::Acknowledgement => "la prise en charge n’est ni conservée ni envoyée",
            };
            format!("{what} : {cause}")
        }
    }
}

/// A contact that gets nothing, and why.
pub(in crate::words) fn left_out(of: &Called, why: Why) -> String {
    let (contact, name, why) = (&of.contact, called(of), why_call(why));
    format!("rien n’est envoyé à {contact} ({name}) : {why} ; l’appeler")
}

/// Its own name and that of its member.
fn lasting(seconds: u64) -> String {
    span(seconds).replace("days", "jours")
}

const fn of_urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Unspecified => "urgence non dite",
        Urgency::Routine => "courant",
        Urgency::Priority => "prioritaire",
        Urgency::Immediate => "immédiat",
        Urgency::Flash => "flash",
    }
}

fn called(of: &Called) -> String {
    both_names(of, name(&of.names), &name(&of.member))
}

/// The name in French, or as everybody sees it.
fn name(names: &[Text]) -> String {
    let french = names.iter().find(|name| name.language.split('-').next() == Some("fr"));
    french.map_or_else(|| words::name(names), |name| visible(&name.text))
}

/// Why a contact is to be called.
const fn why_call(why: Why) -> &'static str {
    match why {
        Why::Gone => "il n’est plus dans l’annuaire",
        Why::Listed => "il y figure sans clés",
        Why::WithoutSeats => "il n’a aucun siège de permanence",
        Why::Full => "il ne prend plus de vos messages pour l’instant",
        Why::NotSent => "il ne l’a pas",
        Why::Waits => "il ne l’a peut-être pas encore",
    }
}

/// Messages that were here already, each with its new number.
fn delivered_again(all: &[(u64, MessageId)]) -> String {
    if all.len() <= 3 {
        let each = all.iter().map(|(_, id)| {
            format!(
                "{id} a été remis de nouveau après la restauration du service : il est ici une fois"
            )
        });
        return each.collect::<Vec<_>>().join("\n");
    }
    let numbers: Vec<String> = all.iter().map(|(number, _)| number.to_string()).collect();
    format!(
        "{} messages ont été remis de nouveau après la restauration du service, aux numéros {} : chacun est \
         ici une fois",
        all.len(),
        numbers.join(", ")
    )
}

/// An item of the mailbox whose header is not believed.
fn unverified(number: u64, why: &NotOpened) -> String {
    let entry = entry(number);
    if let NotOpened::BeforeUpdate(_) = why {
        return format!("{entry} {UNCHECKED}");
    }
    let what = if why.is_refusal() { "a été refusée" } else { "n’a pas été ouverte" };
    let code = why.reason();
    format!("{entry} {what} : {code} : {}", not_opened(why))
}

/// An entry of the mailbox.
fn entry(number: u64) -> String {
    format!("l’entrée {number} de la boîte aux lettres")
}

/// Why a message is not believed or does not open: of the rules with their values, of the rest the reason.
fn not_opened(why: &NotOpened) -> String {
    let of_rules = match why {
        NotOpened::Header(why)
        | NotOpened::Body(why)
        | NotOpened::Letter(why)
        | NotOpened::Inner(why) => why.clone(),
        NotOpened::Thread(amiss) => Refusal::WrongThread(*amiss),
        NotOpened::ForeignView(size) => Refusal::ForeignView(*size),
        why => return cause(&why.clone().into()),
    };
    cause(&of_rules.into())
}

/// An entry with an acknowledgement that does not hold.
fn not_acknowledged(number: u64, why: &ReceiptError) -> String {
    let entry = entry(number);
    let why = match why {
        ReceiptError::BeforeUpdate(_) => return format!("{entry} {UNCHECKED}"),
        ReceiptError::Refused { what, why } => {
            format!("{} : {}", terms::thing(what).unwrap_or(what), cause(&why.into()))
        }
        why => cause(&ClientError { reason: why.reason(), ..why.clone().into() }),
    };
    format!("{entry} dit qu’un collègue a pris en charge, ce qui ne tient pas : {why}")
}

/// What the relay says by an entry that holds.
fn not_delivered(id: Option<MessageId>) -> String {
    let said = "et le relais dit que tous les contacts ne l’avaient pas reçu alors";
    match id {
        Some(id) => format!("{id} a expiré, {said} : liaison sent {id} dit qui appeler"),
        None => format!(
            "un message envoyé d’une autre machine de ce contact a expiré, {said} : là-bas, liaison sent dit \
             qui appeler"
        ),
    }
}

/// An entry that does not show what the relay says by it.
fn not_proven(number: u64, why: &Unproven) -> String {
    let entry = entry(number);
    let why = match why {
        Unproven::Header(NotOpened::BeforeUpdate(_)) => return format!("{entry} {UNCHECKED}"),
        Unproven::Header(why) => not_opened(why),
        Unproven::AnotherSender(seat) => format!("le message est de {seat}"),
        Unproven::NotExpired => "le message n’a pas expiré".to_owned(),
    };
    format!("{entry} dit qu’un message a expiré sans être remis, ce qui n’est pas prouvé : {why}")
}

/// An entry that only a later version can deal with.
fn later(number: u64, kind: LaterKind) -> String {
    let (entry, kind) = (entry(number), kind.byte());
    format!("{entry} est {UNKNOWN_KIND} ({kind}) : mettre ce programme à jour")
}

/// What is said of a request that was not handed in, or whose receipt was not kept.
fn not_accepted(id: MessageId, of: Option<&Addressing>, error: &ClientError) -> String {
    if error.reason == Here::BeforeUpdate {
        return sentence(error);
    }
    // What waits is named where it is said to.
    let id = if error.waiting().is_none() { format!(" {id}") } else { String::new() };
    let to = of.map(|of| format!(" à {}", recipients(of))).unwrap_or_default();
    let what = match class_of(of) {
        Some(Class::Receipt) => format!("l’accusé de réception{id}{to} n’a pas été accepté"),
        Some(Class::Acknowledgement) => {
            format!("la prise en charge{id}{to} n’a pas été acceptée")
        }
        Some(_) | None => format!("le message{id}{to} n’a pas été accepté"),
    };
    format!("{what} : {} : {}", error.reason, sentence(error))
}

/// One that was written before.
fn an_earlier(of: &Addressing) -> &'static str {
    match class_of(Some(of)) {
        Some(Class::Receipt) => "un accusé de réception antérieur",
        Some(Class::Acknowledgement) => "une prise en charge antérieure",
        Some(_) | None => "un message antérieur",
    }
}

fn class_of(of: Option<&Addressing>) -> Option<Class> {
    match of.map(|of| of.class) {
        Some(OrLater::Known(class)) => Some(class),
        Some(OrLater::Later(_)) | None => None,
    }
}

fn recipients(of: &Addressing) -> String {
    let to: Vec<&ContactId> = of.recipients.iter().map(|to| &to.contact).collect();
    refusal::list(&to)
}

/// A class, with its article.
fn a_class(class: OrLater<Class>) -> String {
    let known = match class {
        OrLater::Later(number) => return format!("{UNKNOWN_KIND} ({number})"),
        OrLater::Known(known) => known,
    };
    let said = match known {
        Class::Unspecified => "sans classe",
        Class::Notification => "notification",
        Class::Update => "mise à jour",
        Class::Correction => "correction",
        Class::Reply => "réponse",
        Class::Withdrawal => "retrait",
        Class::AllClear => "fin d’alerte",
        Class::Comcheck => "essai de liaison",
        Class::Receipt => "accusé de réception",
        Class::Acknowledgement => "prise en charge",
    };
    said.to_owned()
}

/// Rules that this program does not know.
fn frozen(why: &Frozen) -> String {
    let Frozen { leaf, rules, closed } = why;
    let charter =
        closed.map(|leaf| format!(", ni la charte de l’entrée {leaf}")).unwrap_or_default();
    format!(
        "à partir de l’entrée {leaf} l’annuaire a les règles {rules}, que ce programme ne connaît \
         pas{charter}"
    )
}

/// Whose keys they are, behind a noun.
fn of_owner(owner: &Owner) -> String {
    match owner {
        Owner::Registrar(id) => format!("du greffier {id}"),
        Owner::Operator(id) => format!("de l’exploitant {id}"),
        Owner::Auditor(id) => format!("de l’auditeur {id}"),
        Owner::Authority(id) => format!("de l’autorité de {id}"),
        Owner::Keeper(id) => format!("du gardien de {id}"),
        Owner::Seat(id) => format!("du siège {id}"),
    }
}

/// What a key is for.
const fn used_for(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::PersonSign => "signature d’une personne de la charte",
        Purpose::PersonTls => "connexion d’une personne de la charte",
        Purpose::Log => "journal",
        Purpose::Relay => "relais",
        Purpose::Authority => "autorité d’un membre",
        Purpose::Keeper => "gardien d’un contact",
        Purpose::SeatSign => "signature d’un siège",
        Purpose::SeatSeal => "ouverture des messages d’un siège",
        Purpose::SeatTls => "connexion d’un siège",
    }
}

/// What every screen says of what a key signed that this version cannot know.
const UNCHECKED: &str = "ne peut être vérifiée avant la mise à jour";

/// What every screen says of what it does not know.
const UNKNOWN_KIND: &str = "d’un genre que cette version ne connaît pas";
