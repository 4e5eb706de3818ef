//! Why the rules or the service say no, in French: with the values that the reason comes with, and without
//! them where one is missing, as of a service of another age.

use crate::domain::reason::Reason as Rule;

use super::terms;
use super::values::Values;

/// With all its values; nothing if one of them is missing, or is a word that is newer than this program.
pub(super) fn with_values(rule: Rule, of: &Values<'_>) -> Option<String> {
    Some(match rule {
        Rule::TooLarge => format!(
            "{} dépasse la taille admise : {} octets au plus, {} trouvés",
            terms::thing(of.raw("what")?)?,
            of.text("limit")?,
            of.text("found")?
        ),
        Rule::NotCanonical => {
            format!("{} n’est pas en protobuf canonique", terms::thing(of.raw("what")?)?)
        }
        Rule::UnknownKind => format!(
            "{} attendu ici, le type de contenu « {} » trouvé",
            terms::expected(&of.text("expected")?),
            of.text("found")?
        ),
        Rule::InvalidTargets => terms::targets(of)?,
        Rule::NotACharter => format!(
            "la première entrée doit être une charte, le type de contenu « {} » trouvé",
            of.text("found")?
        ),
        Rule::OtherDirectory => {
            format!(
                "cela est pour {}, et l’annuaire est {}",
                of.text("found")?,
                of.text("expected")?
            )
        }
        Rule::InvalidField => format!("le champ {} : {}", of.text("path")?, terms::wrong(of)?),
        Rule::UnknownMember => format!("il n’y a pas de membre {}", of.text("member")?),
        Rule::UnknownContact => format!("il n’y a pas de contact {}", of.text("contact")?),
        Rule::DuplicateSignature => format!("la clé {} a signé deux fois", of.text("key")?),
        Rule::UnknownKey => format!("la clé {} est inconnue de cet annuaire", of.text("key")?),
        Rule::KeyNotInForce => format!("la clé {} n’est plus en vigueur", of.text("key")?),
        Rule::WrongPurpose => format!(
            "la clé {} est une clé pour {} ; il faut ici {}",
            of.text("key")?,
            terms::purpose(of.raw("found")?)?,
            terms::signers(of.raw("needed")?)?
        ),
        Rule::BadSignature => {
            format!("la signature de la clé {} ne se vérifie pas", of.text("key")?)
        }
        Rule::BelowThreshold => format!(
            "il faut {} signatures {}, il y en a {}",
            of.text("needed")?,
            terms::deciders(of)?,
            of.text("found")?
        ),
        Rule::SuperfluousSignature => {
            format!("la signature de la clé {} ne compte ici pour rien", of.text("key")?)
        }
        Rule::WrongVersion => {
            format!("version {} attendue, {} trouvée", of.text("expected")?, of.text("found")?)
        }
        Rule::BeforeClock => format!(
            "l’admission date du {}, avant l’horloge de l’annuaire, qui est au {}",
            of.date("found")?,
            of.date("clock")?
        ),
        Rule::IssuedInFuture => format!(
            "la signature date du {}, plus de 5 minutes après le moment où elle est jugée, le {} : une des \
             deux horloges est fausse",
            of.date("issued")?,
            of.date("at")?
        ),
        Rule::IssuedTooEarly => format!(
            "la signature date du {}, plus de 30 jours avant le moment où elle est jugée, le {} : signer de \
             nouveau ; si c’était à l’instant, une des deux horloges est fausse",
            of.date("issued")?,
            of.date("at")?
        ),
        Rule::WrongRules => format!(
            "les règles {} ne font pas suite aux règles {}",
            of.text("found")?,
            of.text("before")?
        ),
        Rule::NoPossession => format!(
            "la clé {} figure sans la preuve que son titulaire ({}) la détient, pour cet usage",
            of.text("key")?,
            terms::holder(of)?
        ),
        Rule::KeyReused => {
            format!("la clé {} ne peut figurer ici : {}", of.text("key")?, terms::reused(of)?)
        }
        Rule::AuthorityStands => {
            format!("{} a sa propre autorité, qu’une admission ne peut changer", of.text("member")?)
        }
        Rule::AttestedAfterSigned => format!(
            "{} signe ses propres fiches ; les greffiers n’en inscrivent plus",
            of.text("member")?
        ),
        Rule::Attested => format!(
            "{} est inscrit par les greffiers, et non signé par l’État : il n’a pas de liste de sièges",
            of.text("contact")?
        ),
        Rule::TooManyContacts => format!(
            "{} a {} contacts en vigueur, et ne peut en avoir davantage",
            of.text("member")?,
            of.text("limit")?
        ),
        Rule::FacetMissing => {
            format!("la facette « {} » n’a pas été remise avec la déclaration", of.text("facet")?)
        }
        Rule::NotYetSupported => {
            format!("pas encore pris en charge : {}", terms::unserved(of.raw("why")?)?)
        }
        Rule::NewerRules => format!(
            "les règles {} sont plus récentes que ce programme, qui connaît les règles {} : le mettre à jour",
            of.text("found")?,
            of.text("known")?
        ),
        Rule::ServiceKeyMissing => {
            let key = of.raw("key")?;
            format!(
                "{}, la plus récente de la charte ({}), n’est pas aux mains du service : son exploitant en \
                 prépare une (liaison admin stage {key}, ou s’il ne tourne pas liaisond key stage {key}), et \
                 la charte la cite en dernier",
                terms::own_key(key)?,
                of.text("key_id")?
            )
        }
        Rule::ServiceNotBelieved => format!(
            "sous cette charte, aucun client ne croirait plus le service (détail : {}) ; son exploitant \
             regarde son dossier de clés, et la charte cite ce que donne liaison admin stage ca",
            of.text("cause")?
        ),
        Rule::NotTheSender => terms::mismatch(of)?,
        Rule::WrongThread | Rule::ViewBefore => {
            format!(
                "la place du message dans son fil ne convient pas : {}",
                terms::amiss(of.raw("why")?)?
            )
        }
        Rule::NotALevel => format!(
            "{} n’a pas de niveau {} ; ses niveaux : {}",
            of.text("contact")?,
            terms::levels(&of.text("level")?),
            match &terms::levels(&of.text("levels")?)[..] {
                "" => "aucun",
                levels => levels,
            }
        ),
        Rule::ViewAhead => {
            format!("la vue a la taille {}, et ce journal {}", of.text("found")?, of.text("size")?)
        }
        Rule::ForeignView => format!(
            "la vue de l’expéditeur n’est pas de ce journal : sa racine à la taille {} est une autre",
            of.text("size")?
        ),
        Rule::StaleDirectory => format!(
            "{} a changé depuis la vue de l’expéditeur : synchroniser, et sceller de nouveau",
            of.text("contact")?
        ),
        Rule::RecipientListed => {
            format!("{} figure sans clés : lui téléphoner ou lui écrire", of.text("contact")?)
        }
        Rule::RecipientWithoutSeats => {
            format!("{} n’a aucun siège qui puisse ouvrir un message", of.text("contact")?)
        }
        Rule::BodySize => format!(
            "un corps scellé de {} octets est attendu, {} trouvés",
            of.text("expected")?,
            of.text("found")?
        ),
        Rule::NotSealed => format!(
            "{} n’est pas un fichier age scellé une fois en mlkem768x25519 : {}",
            terms::thing(of.raw("what")?)?,
            terms::opening(of)?
        ),
        Rule::WrongLetters => {
            format!("les lettres de clé ne conviennent pas : {}", terms::letters(of)?)
        }
        Rule::IdUsedTwice => {
            format!("l’identifiant {} a servi pour un autre message de ce contact", of.text("id")?)
        }
        Rule::UnknownMessage => {
            format!("il n’y a pas de message {} de votre contact, ni à lui", which(of)?)
        }
        Rule::MessageExpired => format!(
            "le message {} a expiré, et le relais l’a effacé : le demander à son expéditeur",
            which(of)?
        ),
        Rule::ReceiptNotDue => {
            format!("cet accusé de réception n’est pas dû : {}", terms::undue(of.raw("why")?)?)
        }
        Rule::MailboxShare => {
            let until = match of.text("retry") {
                None => "tant que certains qui y attendent ne sont pas relevés".to_owned(),
                Some(seconds) => format!("pendant {seconds} s : trop sont venus à la fois"),
            };
            let contacts = of.text("contacts")?;
            format!("aucun autre de vos messages de cette urgence ne va à {contacts} {until}")
        }
        Rule::QuotaExceeded => format!(
            "le relais garde {} octets pour vos messages et leurs réponses, et en accepte {} au plus",
            of.text("kept")?,
            of.text("limit")?
        ),
        Rule::NotPermitted => format!(
            "{} n’a pas droit à cet appel ; {} y a droit",
            terms::caller(of)?,
            terms::allowed(of.raw("needed")?)?
        ),
        Rule::Certificate => terms::certificate(of)?,
        Rule::Internal => format!(
            "le service a trouvé une faute de son fait, et n’a rien changé : {}",
            terms::fault(of.raw("why")?)?
        ),
        Rule::UnknownAction => format!("il n’y a pas d’action « {} »", of.text("action")?),
        Rule::UnknownProposal => format!("il n’y a pas de proposition {}", of.text("proposal")?),
        Rule::BaseMoved => format!(
            "elle repose sur la charte {}, et la charte {} est en vigueur : la proposer de nouveau",
            of.text("expected")?,
            of.text("found")?
        ),
        Rule::ProposalExpired => format!(
            "elle a expiré le {} : la proposer de nouveau ; si elle vient d’être faite, vérifier l’horloge \
             de la machine qui l’a faite",
            of.date("at")?
        ),
        Rule::ProposalTooLong => format!(
            "elle vaudrait jusqu’au {}, et ne peut valoir que jusqu’au {} : vérifier l’horloge de la machine \
             qui l’a faite",
            of.date("expires")?,
            of.date("latest")?
        ),
        Rule::ProposalBeforeRestore => format!(
            "elle peut dater d’avant le retour en arrière des données du service, le {} : la proposer de \
             nouveau, 5 minutes après au plus tôt, pour 7 jours",
            of.date("since")?
        ),
        Rule::ProposalEnded => {
            let how = match of.raw("how")? {
                "carried-out" => "exécutée",
                "given-up" => "abandonnée",
                _ => return None,
            };
            format!("{} l’a {how} le {}", of.text("by")?, of.date("at")?)
        }
        Rule::ProposalOfAnother => format!(
            "{} l’a apportée, et personne d’autre ne l’abandonne : qui s’y oppose ne signe pas, et elle \
             expire le {}",
            of.text("by")?,
            of.date("expires")?
        ),
        Rule::TooManyProposals => match of.raw("until") {
            None => format!(
                "{} propositions attendent, et il ne peut y en avoir davantage : en exécuter ou en \
                 abandonner",
                of.text("limit")?
            ),
            Some(_) => format!(
                "{} propositions sont connues, la plupart terminées, et il ne peut y en avoir davantage : la \
                 première est oubliée le {}, ce qui fait de la place",
                of.text("limit")?,
                of.date("until")?
            ),
        },
        Rule::SecondOperatorNeeded => format!(
            "un exploitant seul peut le faire {} fois par heure : le proposer, et un second signe",
            of.text("often")?
        ),
        Rule::UnknownSession => format!("il n’y a pas de session {}", of.text("session")?),
        Rule::ServiceKeyListed => {
            let key = of.raw("key")?;
            format!(
                "{} ({}) figure dans la charte en vigueur : les greffiers préparent d’abord une charte sans \
                 elle (liaison charter draft --remove-{}), puis elle est mise hors service",
                terms::own_key(key)?,
                of.text("key_id")?,
                terms::flag(key)?
            )
        }
        Rule::UnknownServiceKey => format!(
            "le service n’a pas de clé {} : liaison admin keys montre celles qu’il a",
            of.text("key_id")?
        ),
        Rule::NotWhileServing => format!(
            "{} se fait là où le service ne tourne pas : en donner le fichier à liaisond",
            of.text("action")?
        ),
        Rule::UnknownLeaf
        | Rule::OtherGenesis
        | Rule::SignaturesUnsorted
        | Rule::WrongPrevious
        | Rule::AlreadyExpired
        | Rule::HoldsTooLong
        | Rule::NothingToRevoke
        | Rule::NotEntitled
        | Rule::FacetSuperfluous
        | Rule::ClockInDoubt
        | Rule::BodyDigest
        | Rule::StorageFull
        | Rule::StorageReadOnly
        | Rule::BodyDamaged
        | Rule::StoreDamaged
        | Rule::ServiceKeyNotKept => said(rule).to_owned(),
        // How long to wait, and for what, its sentence alone says.
        Rule::Busy => return None,
    })
}

fn which(of: &Values<'_>) -> Option<String> {
    of.text("id").or_else(|| of.text("number").map(|number| format!("au numéro {number}")))
}

/// Without its values.
pub(super) const fn said(rule: Rule) -> &'static str {
    match rule {
        Rule::TooLarge => "cela dépasse la taille admise",
        Rule::UnknownLeaf => {
            "l’entrée n’est pas canonique, ou sa feuille est inconnue de ces règles"
        }
        Rule::NotCanonical => "cela n’est pas en protobuf canonique",
        Rule::UnknownKind => "ce genre de contenu n’a pas sa place ici",
        Rule::InvalidTargets => "les cibles ne conviennent pas",
        Rule::NotACharter => "la première entrée doit être une charte",
        Rule::OtherDirectory => "cela est pour un autre annuaire",
        Rule::OtherGenesis => "cela est pour un autre annuaire du même nom : la genèse en diffère",
        Rule::InvalidField => "un champ contient ce qu’il ne peut contenir",
        Rule::UnknownMember => "il n’y a pas de tel membre",
        Rule::UnknownContact => "il n’y a pas de tel contact",
        Rule::SignaturesUnsorted => "les signatures ne sont pas triées par identifiant de clé",
        Rule::DuplicateSignature => "une clé a signé deux fois",
        Rule::UnknownKey => "une clé est inconnue de cet annuaire",
        Rule::KeyNotInForce => "une clé n’est plus en vigueur",
        Rule::WrongPurpose => "une clé sert à autre chose",
        Rule::BadSignature => "une signature ne se vérifie pas",
        Rule::BelowThreshold => "il manque des signatures",
        Rule::SuperfluousSignature => "une signature ne compte ici pour rien",
        Rule::WrongVersion => "la version n’est pas la suivante",
        Rule::BeforeClock => "l’admission date d’avant l’horloge de l’annuaire",
        Rule::IssuedInFuture => "la signature date d’après le moment où elle est jugée",
        Rule::IssuedTooEarly => {
            "la signature date de plus de 30 jours avant le moment où elle est jugée"
        }
        Rule::WrongRules => "les règles ne font pas suite à celles en vigueur",
        Rule::WrongPrevious => "la charte ne nomme pas l’identité de celle qui la précède",
        Rule::NoPossession => "une clé figure sans la preuve que son titulaire la détient",
        Rule::KeyReused => "une clé ne peut figurer ici",
        Rule::AuthorityStands => "le membre a sa propre autorité, qu’une admission ne peut changer",
        Rule::AttestedAfterSigned => "le membre signe lui-même ses fiches",
        Rule::Attested => {
            "le contact est inscrit par les greffiers : il n’a pas de liste de sièges"
        }
        Rule::TooManyContacts => "le membre a autant de contacts qu’il peut en avoir",
        Rule::AlreadyExpired => "la fiche a expiré avant d’être publiée",
        Rule::HoldsTooLong => "une fiche vaut au plus 731 jours après sa signature",
        Rule::NothingToRevoke => "aucune des clés nommées n’est en vigueur pour ce siège",
        Rule::NotEntitled => {
            "il n’y a pas de tel membre ou contact, ou aucune clé qui a signé ne décide pour lui"
        }
        Rule::FacetMissing => "une facette n’a pas été remise avec la déclaration",
        Rule::FacetSuperfluous => {
            "une facette a été remise dont le condensat n’est pas dans la déclaration"
        }
        Rule::NotYetSupported => "cela n’est pas encore pris en charge",
        Rule::NewerRules => "les règles sont plus récentes que ce programme : le mettre à jour",
        Rule::ServiceKeyMissing => "une clé de la charte n’est pas aux mains du service",
        Rule::ServiceNotBelieved => "sous cette charte, aucun client ne croirait plus le service",
        Rule::ClockInDoubt => {
            "l’horloge du service est en doute jusqu’à ce que son exploitant la dise juste : réessayer plus \
             tard"
        }
        Rule::NotTheSender => "ce n’est pas l’expéditeur nommé qui signe ou qui remet",
        Rule::WrongThread => "la place du message dans son fil ne convient pas",
        Rule::ViewBefore => {
            "la vue du message est plus ancienne que celle du message auquel il répond"
        }
        Rule::NotALevel => "le contact n’a pas ce niveau",
        Rule::ViewAhead => "la vue est plus grande que ce journal",
        Rule::ForeignView => "la vue de l’expéditeur n’est pas de ce journal",
        Rule::StaleDirectory => "l’annuaire a changé depuis la vue de l’expéditeur",
        Rule::RecipientListed => "le destinataire figure sans clés : lui téléphoner ou lui écrire",
        Rule::RecipientWithoutSeats => {
            "le destinataire n’a aucun siège qui puisse ouvrir un message"
        }
        Rule::BodySize => "le corps scellé n’a pas la taille attendue",
        Rule::BodyDigest => "l’empreinte du corps n’est pas celle de l’en-tête",
        Rule::NotSealed => "cela n’est pas un fichier age scellé une fois en mlkem768x25519",
        Rule::WrongLetters => "les lettres de clé ne conviennent pas",
        Rule::IdUsedTwice => "l’identifiant a servi pour un autre message de ce contact",
        Rule::UnknownMessage => "il n’y a pas de tel message",
        Rule::MessageExpired => "le message a expiré",
        Rule::ReceiptNotDue => "cet accusé de réception n’est pas dû",
        Rule::MailboxShare => "des destinataires ne prennent plus de vos messages de cette urgence",
        Rule::QuotaExceeded => "le relais garde déjà pour vos messages autant qu’il accepte",
        Rule::NotPermitted => "cette connexion n’a pas droit à cet appel",
        Rule::Certificate => "le certificat du client n’est pas accepté",
        Rule::StorageFull => {
            "le disque du service a trop peu de place pour cela : il l’acceptera quand il y en aura davantage"
        }
        Rule::StorageReadOnly => {
            "le disque du service est en lecture seule : il acceptera cela quand il pourra de nouveau écrire"
        }
        Rule::BodyDamaged => {
            "le service a perdu le corps de ce message : son expéditeur l’a encore"
        }
        Rule::StoreDamaged => {
            "ce que le service conserve pour cela est endommagé, et rien n’a été changé"
        }
        Rule::Internal => "le service a trouvé une faute de son fait, et n’a rien changé",
        Rule::UnknownAction => "il n’y a pas de telle action",
        Rule::UnknownProposal => "il n’y a pas de telle proposition",
        Rule::BaseMoved => "la proposition repose sur une autre charte que celle en vigueur",
        Rule::ProposalExpired => "la proposition a expiré",
        Rule::ProposalTooLong => "la proposition vaudrait trop longtemps",
        Rule::ProposalBeforeRestore => {
            "la proposition peut dater d’avant le retour en arrière des données du service"
        }
        Rule::ProposalEnded => "la proposition a déjà pris fin",
        Rule::ProposalOfAnother => "seul qui a apporté la proposition l’abandonne",
        Rule::TooManyProposals => "il y a autant de propositions qu’il peut y en avoir",
        Rule::SecondOperatorNeeded => "un exploitant seul l’a fait trop souvent : un second signe",
        Rule::UnknownSession => "il n’y a pas de telle session",
        Rule::ServiceKeyNotKept => {
            "le service ne peut conserver une clé de plus : son disque ou son dossier de clés n’en prend \
             pas, comme son exploitant le voit dans la télémétrie"
        }
        Rule::ServiceKeyListed => "la clé figure dans la charte en vigueur",
        Rule::UnknownServiceKey => "le service n’a pas de telle clé",
        Rule::NotWhileServing => "cela se fait là où le service ne tourne pas",
        Rule::Busy => "trop est demandé à la fois : réessayer plus tard",
    }
}
