//! What the screens say, in French, as CERT-FR writes it.
//!
//! In scope: each reason, note and mend, with its values. Out of scope: tables, columns, command lines, what
//! `--json` gives. Invariants: nothing is missing, or it does not compile; no value is lost; before `:`, `;`
//! and `?` and inside of « and » stands a space that does not break (U+00A0).
//!
//! One word for one thing: directory *annuaire*, log *journal*, entry *entrée*, checkpoint *point de contrôle*,
//! relay *relais*, mailbox *boîte aux lettres*, inbox *boîte de réception*, outbox *boîte d’envoi*, seat *siège*
//! (a desk that is kept, whoever sits there: *poste* would be a telephone or a machine), roster *liste de
//! sièges*, record *fiche*, statement *déclaration*, registrar *greffier*, keeper *gardien*, operator
//! *exploitant*, authority *autorité*, receipt *accusé de réception*, acknowledgement *prise en charge*, letter
//! *lettre de clé*, home *dossier de base*, token *jeton*, drill *exercice*, proxy *mandataire*.

mod here;
mod mends;
mod notes;
mod reasons;
mod terms;
mod values;

#[cfg(test)]
mod tests;

use crate::client::error::{ClientError, Side};
use crate::client::message::text::visible;
use crate::client::reason::Reason;

use values::Values;

pub(super) use mends::to_do;
pub(super) use notes::{left_out, note, question, sentence, unkept, work};

/// On whose side the fault is.
pub(super) const fn side(side: Side) -> &'static str {
    match side {
        Side::Ours => "ce côté-ci",
        Side::Theirs => "le service",
        Side::Network => "le réseau",
        Side::Recipient => "le destinataire",
    }
}

/// What went wrong. What only the English sentence says stands behind it.
fn cause(error: &ClientError) -> String {
    let with_detail = |said: &str| format!("{said} (détail : {})", error.sentence);
    match &error.reason {
        Reason::Rules(rule) => reasons::with_values(*rule, &Values::of(&error.details))
            .unwrap_or_else(|| with_detail(reasons::said(*rule))),
        Reason::Here(here) => with_detail(here::said(*here)),
        Reason::Newer(code) => {
            let code = visible(code);
            with_detail(&format!("un service plus récent que ce programme répond {code}"))
        }
    }
}
