//! Whom to call, because a message does not reach him, and what to say.
//!
//! In scope: numbers and a text to read out. Out of scope: who cannot have it (`office::call`), sending it to the
//! others (`office::others`).

use serde_json::{Value, json};

use crate::client::error::{ClientError, Family, Side};
use crate::client::message::text::visible;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::domain::directory::Directory;
use crate::domain::ids::ContactId;
use crate::domain::refusal;
use crate::office::call::{Called, Why};
use crate::signed::proto::{self, Tlp};
use crate::words;

use super::Context;
use super::directory::parts_of;

/// A contact to be called.
pub(super) struct ToCall {
    /// Who.
    pub(super) of: Called,
    why: Why,
    /// What became of the message.
    so: &'static str,
    /// Numbers and addresses.
    reach: Vec<(String, Vec<String>)>,
}

impl ToCall {
    /// As the copy of the directory knows it.
    ///
    /// # Errors
    /// The copy.
    pub(super) fn of(
        replica: &Replica,
        contact: &ContactId,
        why: Why,
    ) -> Result<Self, ClientError> {
        let (of, reach) = (Called::of(replica.directory()?, contact), reach(replica, contact)?);
        Ok(Self { of, why, so: "nothing was sent to it", reach })
    }

    /// All who were left out.
    ///
    /// # Errors
    /// The copy.
    pub(super) fn all(
        replica: &Replica,
        left_out: &[(ContactId, Why)],
    ) -> Result<Vec<Self>, ClientError> {
        left_out.iter().map(|(contact, why)| Self::of(replica, contact, *why)).collect()
    }

    /// While the message waits.
    ///
    /// # Errors
    /// The copy.
    pub(super) fn meanwhile(replica: &Replica, contact: &ContactId) -> Result<Self, ClientError> {
        let call = Self::of(replica, contact, Why::Waits)?;
        Ok(Self { so: "it waits here", ..call })
    }

    /// Says that it gets nothing.
    pub(super) fn warn(&self, ctx: &Context) {
        ctx.out.warn(ctx.out.language().left_out(&self.of, self.why));
    }

    /// For programs.
    pub(super) fn json(&self, script: &str) -> Value {
        let reach = self.reach.iter().map(|(what, lines)| (what.clone(), json!(lines)));
        json!({
            "contact": self.of.contact.to_string(),
            "name": words::called(&self.of),
            "why": words::why_call(self.why),
            "reach": reach.collect::<serde_json::Map<_, _>>(),
            "read_out": script,
        })
    }
}

/// Whom to call, and what to say.
pub(super) fn read_out(calls: &[ToCall], script: &str) -> String {
    let mut text = String::new();
    for call in calls {
        let (contact, name, so) = (&call.of.contact, words::called(&call.of), call.so);
        let why = words::why_call(call.why);
        text.push_str(&format!("\n{contact} ({name}) {why}; {so}. Call:\n"));
        for (what, lines) in &call.reach {
            for line in lines {
                text.push_str(&format!("  {what}: {}\n", visible(line)));
            }
        }
    }
    if !calls.is_empty() {
        text.push_str(&format!("\nTo read out:\n  {script}\n"));
    }
    text
}

/// What to say of a message, in the name of `own`.
pub(super) fn script(own: &str, content: &proto::Content, drill: Option<&str>) -> String {
    let drill = drill
        .map(|name| format!("This is an exercise: {}. Exercise, exercise. ", visible(name)))
        .unwrap_or_default();
    let number = match &content.reference[..] {
        "" => String::new(),
        of => format!(" Our number is {}.", visible(of)),
    };
    // A telephone is no channel for what only the addressed may know.
    let title = match content.tlp() {
        Tlp::Red | Tlp::Unspecified => String::new(),
        Tlp::AmberStrict | Tlp::Amber | Tlp::Green | Tlp::Clear => {
            format!(": {}", visible(content.title.trim_end_matches('.')))
        }
    };
    format!(
        "{drill}This is {own}. We notify you of a matter of ICT security, marked {}{title}.{number} \
         Please say who takes it, and how we may send you the details in confidence. Thank you.",
        words::tlp(content.tlp()),
    )
}

/// How a command ends when not all have it.
pub(super) fn partial(calls: &[ToCall]) -> ClientError {
    let contacts: Vec<&ContactId> = calls.iter().map(|call| &call.of.contact).collect();
    let sentence = format!("nothing was sent to {}: call", refusal::list(&contacts));
    ClientError::new(Side::Ours, Family::Partial, Here::ByTelephone, sentence)
}

/// Its own name and that of its member.
pub(super) fn name(directory: &Directory, contact: &ContactId) -> String {
    words::called(&Called::of(directory, contact))
}

/// Numbers and addresses of a contact.
fn reach(
    replica: &Replica,
    contact: &ContactId,
) -> Result<Vec<(String, Vec<String>)>, ClientError> {
    let parts = parts_of(replica, contact)?.into_iter();
    let wanted = parts.filter(|part| REACH.contains(&part.name.as_str()));
    let told = wanted.map(|part| {
        let lines = part.lines.unwrap_or_else(|| vec![words::NOT_HERE.to_owned()]);
        (part.name, lines)
    });
    Ok(told.collect())
}

const REACH: [&str; 4] = ["telephone", "email", "messaging", "address"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_out_says_no_title_that_is_red() {
        let said = |tlp: Tlp, drill| {
            let (title, reference) = ("Ransomware.".to_owned(), "AT-7".to_owned());
            let tlp = tlp.into();
            let content = proto::Content { title, reference, tlp, ..proto::Content::default() };
            script("CERT.at", &content, drill)
        };
        assert_eq!(
            said(Tlp::Amber, None),
            "This is CERT.at. We notify you of a matter of ICT security, marked TLP:AMBER: \
             Ransomware. Our number is AT-7. Please say who takes it, and how we may send you the \
             details in confidence. Thank you."
        );
        let red = said(Tlp::Red, Some("CYBER"));
        assert!(
            red.starts_with("This is an exercise: CYBER. Exercise, exercise. This is"),
            "{red}"
        );
        assert!(!red.contains("Ransomware"), "{red}");
    }
}
