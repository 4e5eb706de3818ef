//! Whom to call, because a message does not reach him, and what to say.
//!
//! In scope: who of the recipients cannot have it, sending it to the others, numbers and a text to read
//! out. Out of scope: handing in (`courier`), who is on duty (`domain::directory`). Invariants: it goes to
//! the others if somebody wants that, and only when the relay has it for nobody; each who is left out is
//! named.

use serde_json::{Value, json};

use crate::client::error::{ClientError, Family, Side};
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::message::text::visible;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::client::session::Session;
use crate::domain::directory::{Contact, Directory};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal;
use crate::office::call::{Why, who_cannot};
use crate::office::mail::{Mail, said_if_slow};
use crate::signed::proto::{self, Tlp};
use crate::words;

use super::Context;
use super::directory::parts_of;
use super::statement::agreed;

/// A contact to be called.
pub(super) struct ToCall {
    /// Who.
    pub(super) contact: ContactId,
    name: String,
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
        let (name, reach) = (name(replica.directory()?, contact), reach(replica, contact)?);
        let so = "nothing was sent to it";
        Ok(Self { contact: contact.clone(), name, why, so, reach })
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
        let (contact, name, why) = (&self.contact, &self.name, words::why_call(self.why));
        ctx.out.warn(format_args!("nothing is sent to {contact} ({name}): it {why}; call it"));
    }

    /// For programs.
    pub(super) fn json(&self, script: &str) -> Value {
        let reach = self.reach.iter().map(|(what, lines)| (what.clone(), json!(lines)));
        json!({
            "contact": self.contact.to_string(),
            "name": self.name,
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
        let (contact, name, so) = (&call.contact, &call.name, call.so);
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
    let contacts: Vec<&ContactId> = calls.iter().map(|call| &call.contact).collect();
    let sentence = format!("nothing was sent to {}: call", refusal::list(&contacts));
    ClientError::new(Side::Ours, Family::Partial, Here::ByTelephone, sentence)
}

/// Its own name and that of its member.
pub(super) fn name(directory: &Directory, contact: &ContactId) -> String {
    let named = |found: &Contact| {
        let (own, member) = (words::name_of(found), directory.member(&contact.member()));
        match member.map(|of| words::name(&of.names)).filter(|name| !name.is_empty()) {
            Some(member) => format!("{own}, {member}"),
            None => own,
        }
    };
    directory.contact(contact).map_or_else(|| contact.to_string(), named)
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

/// What came of a message.
pub(super) struct Went {
    /// What went: the message, or another in its place.
    pub(super) id: MessageId,
    /// The relay's receipt.
    pub(super) accepted: VerifiedAccepted,
    /// Who was left out.
    pub(super) left_out: Vec<ToCall>,
}

/// Hands a message in. Where some of its recipients cannot have it and that is wanted, it goes to the
/// others.
///
/// # Errors
/// [`ClientError`]; it waits, or is refused.
pub(super) async fn hand_in(
    ctx: &Context,
    (session, mail): (&Session, &mut Mail),
    mut id: MessageId,
    skip: bool,
) -> Result<Went, ClientError> {
    let mut left_out = Vec::new();
    loop {
        let handed_in = said_if_slow(mail.hand_in(session, id), || {
            ctx.out.say("handing it in: the service has not taken it yet");
        });
        let error = match handed_in.await {
            Ok(accepted) => return Ok(Went { id, accepted, left_out }),
            Err(error) => error,
        };
        let Some(of) = mail.addressing(id)? else { return Err(error) };
        let to = of.recipients.iter().map(|to| &to.contact);
        let cannot = who_cannot(mail.replica.directory()?, to, (&error.reason, error.contacts()));
        if !(1..of.recipients.len()).contains(&cannot.len()) || !others_wanted(ctx, skip, &error) {
            return Err(error);
        }
        let calls = cannot.iter().map(|(contact, why)| ToCall::of(&mail.replica, contact, *why));
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        let contacts: Vec<&ContactId> = cannot.iter().map(|(contact, _)| *contact).collect();
        id = mail.seal_to_others((id, &contacts))?;
        calls.iter().for_each(|call| call.warn(ctx));
        left_out.extend(calls);
    }
}

/// Whether it goes to the others, where some contacts cannot have it: as was asked for, or as whoever is
/// there says.
fn others_wanted(ctx: &Context, skip: bool, error: &ClientError) -> bool {
    if skip || !ctx.out.asks() {
        return skip;
    }
    ctx.out.say(words::sentence(error));
    agreed(ctx, "send it to the others now, and to these not? [y/N]")
}

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
