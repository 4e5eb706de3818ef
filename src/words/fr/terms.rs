//! The words of the closed lists that stand in the details of a refusal (`docs/protocol.md` 7.5), in French.
//!
//! In scope: one table a list. A word that a newer service says is none of them: then nothing is returned.

use super::values::Values;

/// What the rules look at: `what`.
pub(super) fn thing(word: &str) -> Option<&'static str> {
    Some(match word {
        "accepted receipt" => "l’accusé d’acceptation",
        "acknowledgement" => "la prise en charge",
        "acknowledgements" => "les prises en charge",
        "addressing" => "l’adressage",
        "body" => "le corps",
        "changes" => "l’ensemble des changements",
        "entry" => "l’entrée",
        "facet" => "la facette",
        "facets" => "l’ensemble des facettes",
        "header" => "l’en-tête",
        "inner body" => "le corps intérieur",
        "letter" => "la lettre de clé",
        "mailbox head" => "la tête de boîte",
        "message" => "le message",
        "parameters" => "l’ensemble des paramètres",
        "proposal" => "la proposition",
        "request" => "la requête",
        "sent header" => "l’en-tête envoyé",
        "statement" => "la déclaration",
        "statements" => "l’ensemble des déclarations",
        _ => return None,
    })
}

/// What belongs where something else came; else it is the word of a kind.
pub(super) fn expected(word: &str) -> String {
    match word {
        "statement" => "une déclaration".to_owned(),
        "of-registrars" => "ce que signent des greffiers".to_owned(),
        "charter" => "une charte".to_owned(),
        "admission" => "une admission".to_owned(),
        "attested-record" => "une fiche inscrite par les greffiers".to_owned(),
        "record" => "une fiche".to_owned(),
        "roster" => "une liste de sièges".to_owned(),
        "withdrawal" => "un retrait".to_owned(),
        "revocation" => "une révocation".to_owned(),
        "header" => "un en-tête".to_owned(),
        "message" => "un message".to_owned(),
        "acknowledgement" => "une prise en charge".to_owned(),
        kind => format!("le genre « {kind} »"),
    }
}

/// What is wrong with the targets.
pub(super) fn targets(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("why")? {
        "not-a-set" => {
            format!("les cibles ne sont pas un ensemble trié de 1 à {}", of.text("most")?)
        }
        "ill-formed" => {
            "les cibles ne sont pas des noms d’annuaires, chacun avec sa genèse".to_owned()
        }
        "version" => "les cibles ont une version qu’une telle déclaration ne peut avoir".to_owned(),
        "several" => "une telle déclaration a exactement une cible".to_owned(),
        _ => return None,
    })
}

/// What is wrong with a field.
pub(super) fn wrong(of: &Values<'_>) -> Option<String> {
    let found = || of.text("found");
    Some(match of.raw("why")? {
        "missing" => "il manque".to_owned(),
        "superfluous" => "il devrait être absent".to_owned(),
        "empty" => "il en faut au moins un".to_owned(),
        "out-of-range" => {
            let (least, most) = (of.text("least")?, of.text("most")?);
            format!("{least} à {most} attendus, {} trouvés", found()?)
        }
        "not-a-set" => "une liste triée et sans doublon est attendue".to_owned(),
        "zero" => "un nombre supérieur à 0 est attendu".to_owned(),
        "not-32-bytes" => format!("32 octets attendus, {} trouvés", found()?),
        "no-value" => format!("{} n’est pas une valeur admise", found()?),
        "no-value-of-rules" => {
            format!("{} n’est pas une valeur des règles {}", found()?, of.text("rules")?)
        }
        "no-id" => format!("{} attendu, « {} » trouvé", id(of.raw("expected")?)?, found()?),
        "no-word" => {
            format!("1 à 32 caractères de a-z, 0-9 et - attendus, « {} » trouvé", found()?)
        }
        "no-language" => {
            format!("une étiquette BCP 47 comme pt-BR est attendue, « {} » trouvé", found()?)
        }
        "text-length" => {
            format!("1 à {} octets de texte attendus, {} trouvés", of.text("most")?, found()?)
        }
        "no-text" => format!("{} ne peut figurer dans un texte", found()?),
        "no-key" => "une clé est attendue".to_owned(),
        "no-public-key" => format!(
            "une clé publique en DER (SubjectPublicKeyInfo), Ed25519, P-256 ou P-384, est attendue, {} autres \
             octets trouvés",
            found()?
        ),
        "other-algorithm" => "la clé est d’un autre algorithme qu’annoncé".to_owned(),
        "not-ed25519" => "une clé Ed25519 est attendue".to_owned(),
        "not-x-wing" => "une clé X-Wing est attendue".to_owned(),
        "no-point" => "une clé qui soit un point de la courbe est attendue".to_owned(),
        "no-certificate" => "au moins un certificat DER est attendu".to_owned(),
        "no-witness-name" => "un nom en ASCII imprimable, sans espace ni +, est attendu".to_owned(),
        "key-of-another" => {
            "des clés toutes différentes, dont aucune du journal, sont attendues".to_owned()
        }
        "foreign-facet" => {
            format!("« {} » n’est pas une facette d’une telle déclaration", found()?)
        }
        "half-a-seat" => {
            "une clé de scellement seule est attendue, ou de quoi signer, sceller et se connecter"
                .to_owned()
        }
        "no-stand-in" => {
            "d’autres contacts du même membre, chacun une fois, sont attendus".to_owned()
        }
        "stands-in" => "un destinataire direct ne remplace personne".to_owned(),
        "no-entries" => "une vue d’un journal qui ait des entrées est attendue".to_owned(),
        "other-step" => {
            "une entrée libérée est attendue si son en-tête nomme un échelon, et seulement alors"
                .to_owned()
        }
        "kept-too-long" => "au plus 30 jours après la création sont admis".to_owned(),
        "expired" => "le message a expiré".to_owned(),
        "not-padded" => format!("une taille complétée est attendue, {} trouvés", found()?),
        "other-drill" => "la marque d’exercice du message est attendue, et aucune autre".to_owned(),
        "seal-key-length" => {
            format!("une clé de scellement de 1216 octets est attendue, {} trouvés", found()?)
        }
        "seal-key-not-reduced" => {
            "la partie ML-KEM de la clé de scellement n’est pas réduite".to_owned()
        }
        "seal-key-low-order" => {
            "la partie X25519 de la clé de scellement est d’ordre faible".to_owned()
        }
        "no-recipient" => "une clé qui commence par age1pq1 est attendue".to_owned(),
        _ => return None,
    })
}

fn id(word: &str) -> Option<&'static str> {
    Some(match word {
        "directory" => {
            "un nom d’annuaire (composants DNS en minuscules, 64 octets au plus, comme un.example)"
        }
        "member" => "un identifiant de membre (1 à 32 caractères de a-z, 0-9 et -, comme fr)",
        "contact" => "un identifiant de contact (membre/contact, comme fr/cert-fr)",
        "seat" => "un identifiant de siège (membre/contact/siège, comme fr/cert-fr/duty-1)",
        "person" => {
            "un identifiant de personne de la charte (1 à 32 caractères de a-z, 0-9 et -, comme alice)"
        }
        "message" => "un identifiant de message (un UUIDv7, comme notify l’affiche)",
        "message-bytes" => "un identifiant de message (les 16 octets d’un UUIDv7)",
        _ => return None,
    })
}

/// What a key is for.
pub(super) fn purpose(word: &str) -> Option<&'static str> {
    Some(match word {
        "person-sign" => "la signature d’une personne de la charte",
        "person-tls" => "la connexion d’une personne de la charte",
        "log" => "le journal",
        "relay" => "le relais",
        "authority" => "l’autorité d’un membre",
        "keeper" => "le gardien d’un contact",
        "seat-sign" => "la signature d’un siège",
        "seat-seal" => "l’ouverture des messages d’un siège",
        "seat-tls" => "la connexion d’un siège",
        _ => return None,
    })
}

/// Whose key signs.
pub(super) fn signers(list: &str) -> Option<String> {
    let each = list.split(", ").map(|word| {
        Some(match word {
            "registrar" => "la clé de signature d’un greffier",
            "authority" => "une clé de l’autorité du membre",
            "keeper" => "la clé du gardien",
            "seat" => "la clé de signature d’un siège",
            "operator" => "la clé de signature d’un exploitant",
            _ => return None,
        })
    });
    Some(each.collect::<Option<Vec<_>>>()?.join(" ou "))
}

/// Whose signatures count.
pub(super) fn deciders(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("whose")? {
        "registrars" => "des greffiers en fonction".to_owned(),
        "new-registrars" => "des nouveaux greffiers".to_owned(),
        "own-registrars" => "des greffiers qu’elle nomme".to_owned(),
        "authority" => format!("de l’autorité de {}", of.text("member")?),
        "keeper" => format!("du gardien de {}", of.text("contact")?),
        "registrars-or-authority" => {
            format!("des greffiers, ou de l’autorité de {}", of.text("member")?)
        }
        "contact-or-authority" => {
            format!("d’un siège ou du gardien de {}, ou de son autorité", of.text("contact")?)
        }
        "seat" => "d’un siège".to_owned(),
        "operators" => "des exploitants".to_owned(),
        _ => return None,
    })
}

/// Whose a key is.
pub(super) fn holder(of: &Values<'_>) -> Option<String> {
    let what = match of.raw("whose")? {
        "log" => "le journal",
        "relay" => "le relais",
        "registrar" => "le greffier",
        "operator" => "l’exploitant",
        "auditor" => "l’auditeur",
        "member" => "le membre",
        "contact" => "le contact",
        "seat" => "le siège",
        "witness" => "le témoin",
        _ => return None,
    };
    Some(format!("{what} {}", of.text("holder")?))
}

/// Why a key cannot be listed.
pub(super) fn reused(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("why")? {
        "twice" => "elle y figure deux fois".to_owned(),
        "belongs" => {
            let purpose = purpose(of.raw("purpose")?)?;
            format!("elle appartient déjà à un titulaire ({}), pour {purpose}", holder(of)?)
        }
        "ended" => "elle a pris fin, et ne revient jamais".to_owned(),
        _ => return None,
    })
}

/// What is not served yet.
pub(super) fn unserved(word: &str) -> Option<&'static str> {
    Some(match word {
        "visibility" => "une facette visible d’autres que des membres",
        "step" => "un échelon au-dessus de 0, ou son délai",
        "class" => "une classe que cette version ne connaît pas",
        "urgency" => "une urgence que cette version ne connaît pas",
        "drill-kind" => "une sorte d’exercice que cette version ne connaît pas",
        "flag" => "une marque que cette version ne connaît pas",
        "blob" => "un fichier scellé à côté du corps",
        "second-signature" => "une seconde signature d’un en-tête",
        "large-body" => "un corps de plus de 1 Mio",
        _ => return None,
    })
}

/// A key of the service itself.
pub(super) fn own_key(word: &str) -> Option<&'static str> {
    Some(match word {
        "log" => "la clé du journal",
        "relay" => "la clé du relais",
        "ca" => "l’autorité du service",
        _ => return None,
    })
}

/// As a charter is drafted without it.
pub(super) fn flag(word: &str) -> Option<&'static str> {
    Some(match word {
        "log" => "log-key",
        "relay" => "relay-key",
        "ca" => "service-ca",
        _ => return None,
    })
}

/// How who signed, who is named and who hands in differ.
pub(super) fn mismatch(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("why")? {
        "seat" => {
            format!("{} a signé, et c’est {} qui est nommé", of.text("signed")?, of.text("named")?)
        }
        "handed-in" => format!("{} remet ce que {} a signé", of.text("by")?, of.text("signed")?),
        "words" => {
            "les mots joints ne sont pas une prise en charge de ce message, à son expéditeur"
                .to_owned()
        }
        _ => return None,
    })
}

/// What is amiss with a message's place in its thread.
pub(super) fn amiss(word: &str) -> Option<&'static str> {
    Some(match word {
        "begins-and-answers" => "il ouvre un fil, et dit répondre à un message",
        "answers-nothing" => "il ne répond à aucun message, et le devrait",
        "not-to-its-sender" => {
            "il accuse réception ou prend en charge, ce qui ne va qu’à l’expéditeur du message"
        }
        "other-thread" => "il répond à un message d’un autre fil",
        "other-drill" => "il porte une autre marque d’exercice que le reste de son fil",
        "not-a-party" => "il répond à un message que son expéditeur n’a ni envoyé ni reçu",
        "not-its-own" => "il retire ou corrige ce qu’un autre contact a envoyé",
        "not-its-beginner" => "il donne la fin d’alerte dans un fil ouvert par un autre contact",
        "earlier-view" => {
            "sa vue de l’annuaire est plus ancienne que celle du message auquel il répond"
        }
        _ => return None,
    })
}

/// What is no sealed file, and why.
pub(super) fn opening(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("why")? {
        "too-large" => {
            format!("{} octets au plus attendus, {} trouvés", of.text("limit")?, of.text("found")?)
        }
        "malformed" => "l’en-tête age v1 n’a pas la forme attendue".to_owned(),
        "not-one-stanza" => "il n’est pas scellé à exactement une clé".to_owned(),
        "wrong-kind" => "il n’est pas scellé en mlkem768x25519".to_owned(),
        "low-order" => "la part X25519 de l’expéditeur est d’ordre faible".to_owned(),
        "wrong-key" => "il n’est pas scellé à cette clé".to_owned(),
        "header-changed" => "l’en-tête age a été modifié après le scellement".to_owned(),
        "payload-changed" => "le contenu a été modifié après le scellement".to_owned(),
        "truncated" => "le contenu est tronqué".to_owned(),
        "trailing-bytes" => "des octets suivent la fin du contenu".to_owned(),
        _ => return None,
    })
}

/// What is wrong with the letters.
pub(super) fn letters(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("why")? {
        "out-of-range" => format!(
            "l’en-tête en annonce {}, et un message en a de 1 à {}",
            of.text("named")?,
            of.text("most")?
        ),
        "other-number" => {
            format!(
                "il y en a {}, et l’en-tête en annonce {}",
                of.text("found")?,
                of.text("named")?
            )
        }
        "not-a-set" => "elles ne sont pas triées par siège, une pour chacun".to_owned(),
        "other-root" => "leur racine n’est pas celle de l’en-tête".to_owned(),
        "other-seats" => {
            format!("il en faut une pour chacun de {}, à la clé en vigueur", of.text("seats")?)
        }
        _ => return None,
    })
}

/// Why no receipt is due.
pub(super) fn undue(word: &str) -> Option<&'static str> {
    Some(match word {
        "unknown" => "le message auquel il répond n’est pas ici, ou n’y est plus connu",
        "not-addressed" => "le message auquel il répond n’était pas adressé à ce siège",
        "too-large" => {
            "il doit être petit, avec un corps de la plus petite taille, et il est plus grand"
        }
        "taken" => "ce siège a déjà donné le sien pour ce message",
        _ => return None,
    })
}

/// The role of who called, by its word.
pub(super) fn caller(of: &Values<'_>) -> Option<String> {
    let caller = || of.text("caller");
    Some(match of.raw("found")? {
        "nobody" => "une connexion sans certificat".to_owned(),
        "unknown" => "une clé que l’annuaire ne connaît pas".to_owned(),
        "seat" => format!("le siège {}", caller()?),
        "registrar" => format!("le greffier {}", caller()?),
        "operator" => format!("l’exploitant {}", caller()?),
        "auditor" => format!("l’auditeur {}", caller()?),
        "former" => format!("la clé {}, qui a été retirée ou révoquée,", of.text("key")?),
        _ => return None,
    })
}

/// The roles that may call, by their words.
pub(super) fn allowed(list: &str) -> Option<String> {
    let each = list.split(", ").map(|word| {
        Some(match word {
            "seat" => "un siège",
            "registrar" => "un greffier",
            "operator" => "un exploitant",
            "auditor" => "un auditeur",
            "anybody" => "n’importe qui",
            _ => return None,
        })
    });
    Some(each.collect::<Option<Vec<_>>>()?.join(" ou "))
}

/// What is wrong with the certificate of a client.
pub(super) fn certificate(of: &Values<'_>) -> Option<String> {
    Some(match of.raw("why")? {
        "not-yet-valid" => {
            format!("le certificat du client n’est pas valable avant le {}", of.date("at")?)
        }
        "expired" => format!("le certificat du client a expiré le {}", of.date("at")?),
        "server-only" => {
            "le certificat du client énumère ses usages, et clientAuth n’en est pas".to_owned()
        }
        _ => return None,
    })
}

/// A fault of the service itself.
pub(super) fn fault(word: &str) -> Option<&'static str> {
    Some(match word {
        "past-the-door" => "une requête a passé la porte sans droit",
        "unverified-proposal" => "une proposition n’a pas pu être vérifiée",
        "body-not-kept" => "un corps n’a pas pu être conservé",
        "unreadable-proposal" => "une proposition conservée est illisible",
        "unkept-approval" => "une approbation non conservée a été comptée",
        "unnamed-key" => "une décision a lu une donnée que sa commande ne nommait pas",
        "other-value" => "une donnée conservée est d’une autre sorte",
        "unreadable-receipt" => "un accusé d’acceptation conservé est illisible",
        "not-the-next-entry" => "une entrée qui n’est pas la suivante a été appliquée",
        _ => return None,
    })
}

/// Levels, as far as they are known.
pub(super) fn levels(list: &str) -> String {
    let each = list.split(", ").map(|word| match word {
        "technical" => "technique",
        "policy" => "politique",
        "diplomatic" => "diplomatique",
        "legal" => "juridique",
        "law enforcement" => "police et justice",
        other => other,
    });
    each.collect::<Vec<_>>().join(", ")
}
