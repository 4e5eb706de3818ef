//! One message, as text and as an object.
//!
//! Invariant: TLP and drill mark stand before everything else; text of others is made visible.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::office::message::Shown;
use crate::words::{self, visible, visible_block};

use super::super::layout::Lines;
use super::listed;

/// A message on the screen.
pub(super) struct Screen<'a> {
    shown: &'a Shown,
    /// Who acknowledged it here, if that is to be handed in yet.
    waits: Option<String>,
}

impl<'a> Screen<'a> {
    /// Of a message; one of a later kind says that this program is to be updated.
    pub(super) const fn of(shown: &'a Shown, waits: Option<String>) -> Self {
        Self { shown, waits }
    }
}

impl Screen<'_> {
    /// As people read it.
    pub(super) fn text(&self) -> String {
        let (of, content) = (self.shown.opened.header.addressing(), self.shown.content_or(unknown));
        let mut text = format!("{}\n", words::tlp(content.tlp()));
        if let Some(drill) = &of.drill {
            text.push_str(&format!("{}\n", words::drill(drill)));
        }
        text.push_str(&format!("{}\n\n", visible(&content.title)));
        let mut lines = Lines::default();
        lines.line("from", format!("{} ({})", of.sender, words::called(&self.shown.sender)));
        for to in &self.shown.to {
            lines.line("to", words::recipient(to));
        }
        let kind = format!("{}, {}", words::class(of.class), words::kind(content.kind()));
        lines.line("kind", kind);
        if of.in_reply_to.is_some() {
            lines.line("answers", self.answers());
        }
        lines.line("written", words::when(content.time));
        lines.line("urgency", self.urgency());
        for code in &content.classification {
            lines.line("classification", visible(code));
        }
        if !content.reference.is_empty() {
            lines.line("their number", visible(&content.reference));
        }
        if let Some(severity) = &content.severity {
            let (level, scale) = (visible(&severity.level), visible(&severity.scale));
            lines.line("severity", format!("{level} ({scale})"));
        }
        if content.respond_by > 0 {
            lines.line("answer hoped for", words::when(content.respond_by));
        }
        for attachment in &content.attachments {
            let (name, kind) = (visible(&attachment.name), visible(&attachment.media_type));
            let size = attachment.bytes.len();
            lines.line("attached", format!("{name} ({kind}, {size} bytes)"));
        }
        if !self.shown.acknowledged.is_empty() {
            lines.line("acknowledged", words::by(&self.shown.acknowledged));
        }
        if let Some(whom) = &self.waits {
            let next = "goes with the next inbox, sent or sync";
            lines.line(
                "acknowledged",
                format!("by {}; that waits to be handed in, and {next}", visible(whom)),
            );
        }
        for note in self.notes() {
            lines.line("note", note);
        }
        lines.line("number", self.shown.number.to_string());
        lines.line("id", of.id.to_string());
        lines.line("signed", format!("by the seat's key {}; every layer verified", of.sender_key));
        text.push_str(&lines.text());
        for one in &content.texts {
            let said = visible_block(&one.text);
            text.push_str(&format!("\n[{}]\n{said}\n", visible(&one.language)));
        }
        text
    }

    /// What people should know of it besides.
    fn notes(&self) -> Vec<String> {
        let amiss = self.shown.amiss.map(|amiss| amiss.to_string());
        let ended = self.shown.key_ended.then(|| words::ENDED.to_owned());
        amiss.into_iter().chain(ended).chain(words::notes(&self.shown.opened.header)).collect()
    }

    fn answers(&self) -> String {
        self.shown.answered.as_ref().map_or_else(
            || "a message that is not here".to_owned(),
            |answered| {
                let of = answered.addressing();
                format!("{} from {}, of {}", of.id, of.sender, words::when(of.created))
            },
        )
    }

    fn urgency(&self) -> String {
        let of = self.shown.opened.header.addressing();
        let urgency = words::urgency(of.urgency);
        match of.acknowledge_within {
            0 => urgency,
            within => {
                let within = words::span(u64::from(within));
                format!("{urgency}; an acknowledgement is hoped for within {within} (indicative)")
            }
        }
    }

    /// As programs read it.
    pub(super) fn object(&self, saved: &[PathBuf]) -> Value {
        let (of, content) = (self.shown.opened.header.addressing(), self.shown.content_or(unknown));
        let to = self.shown.to.iter().map(|to| {
            json!({
                "contact": to.recipient.contact.to_string(),
                "level": words::level(to.recipient.level),
                "level_lacking": to.lacking,
                "step": to.recipient.step,
            })
        });
        let texts = content.texts.iter().map(|one| (one.language.clone(), json!(one.text)));
        let attachments = content.attachments.iter().map(|attachment| {
            json!({
                "name": attachment.name,
                "media_type": attachment.media_type,
                "bytes": attachment.bytes.len(),
                "sha256": hex::encode(&attachment.sha256),
            })
        });
        json!({
            "number": self.shown.number,
            "id": of.id.to_string(),
            "digest": self.shown.opened.header.digest().to_string(),
            "thread": of.thread.to_string(),
            "in_reply_to": of.in_reply_to.map(|digest| hex::encode(digest.as_bytes())),
            "answers": self.shown.answered.as_ref().map(|header| header.addressing().id.to_string()),
            "tlp": words::tlp(content.tlp()),
            "drill": of.drill.as_ref().map(words::drill),
            "title": content.title,
            "from": of.sender.to_string(),
            "from_name": words::called(&self.shown.sender),
            "key_id": hex::encode(of.sender_key.as_bytes()),
            "to": to.collect::<Vec<_>>(),
            "level": self.shown.level.map(words::level),
            "class": words::class(of.class),
            "kind": words::kind(content.kind()),
            "written": content.time,
            "created": of.created,
            "urgency": words::urgency(of.urgency),
            "acknowledge_within": of.acknowledge_within,
            "classification": content.classification,
            "reference": content.reference,
            "texts": texts.collect::<serde_json::Map<_, _>>(),
            "attachments": attachments.collect::<Vec<_>>(),
            "saved": saved.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "acknowledged_by": self.shown.acknowledged.iter().map(listed::by_object).collect::<Vec<_>>(),
            "acknowledgement_waits": self.waits.is_some(),
            "key_ended": self.shown.key_ended,
            "notes": self.notes(),
            "verified": true,
        })
    }
}

/// The title of a message of a later kind.
fn unknown() -> String {
    format!("a message {}: update this program to read it", words::UNKNOWN_KIND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::compose::Outside;
    use crate::client::message::open::Opened;
    use crate::domain::refusal::Amiss;
    use crate::office::call::Called;
    use crate::office::message::To;
    use crate::signed::proto::Class;
    use crate::world::relay::{self, AT, FR, Net, seat};

    fn shown(net: &Net, opened: Opened) -> Shown {
        Shown {
            number: 7,
            sender: Called::of(&net.directory, &opened.sender().contact()),
            to: To::all(&net.directory, opened.header.addressing()),
            level: opened.level_of(&seat(FR).contact()),
            acknowledged: Vec::new(),
            waits: None,
            amiss: None,
            answered: None,
            key_ended: false,
            opened,
        }
    }

    #[test]
    fn a_message_is_shown_with_what_is_amiss_and_whose_key_has_ended() {
        let net = Net::new();
        let sealed = net.notification();
        let mut shown = shown(&net, net.open(FR, &relay::item(&sealed.envelope, FR)).unwrap());
        let notes = |shown: &Shown| {
            let screen = Screen::of(shown, Some("Ana".to_owned()));
            let text = screen.text();
            assert!(screen.notes().iter().all(|note| text.contains(note)), "{text}");
            assert!(text.contains("by Ana; that waits to be handed in, and goes with"), "{text}");
            screen.notes()
        };
        assert!(notes(&shown).is_empty());
        (shown.key_ended, shown.amiss) = (true, Some(Amiss::NotItsBeginner));
        assert_eq!(
            notes(&shown),
            [
                "it gives the all-clear in a thread that another contact began",
                "signed by a key that has since ended",
            ]
        );
    }

    #[test]
    fn a_message_is_shown_with_what_it_answers() {
        let net = Net::new();
        let begun = net.open(FR, &relay::item(&net.notification().envelope, FR)).unwrap().header;
        let (digest, of) = (begun.digest(), begun.addressing());
        let all_clear =
            Outside::answering(&net.directory, seat(AT), (digest, of), Class::AllClear, net.view());
        let all_clear =
            Outside { recipients: net.outside(AT, &["fr/cert-fr"]).recipients, ..all_clear };
        let sealed = net.seal(all_clear, &relay::notification(0));
        let mut shown = shown(&net, net.open(FR, &relay::item(&sealed.envelope, FR)).unwrap());
        let said = |shown: &Shown| {
            let screen = Screen::of(shown, None);
            (screen.text(), screen.object(&[]))
        };
        let (text, json) = said(&shown);
        assert!(text.contains("a message that is not here"), "{text}");
        assert_eq!(
            (&json["answers"], &json["in_reply_to"]),
            (&Value::Null, &json!(hex::encode(digest.as_bytes())))
        );
        shown.answered = Some(begun.clone());
        let (text, json) = said(&shown);
        assert!(text.contains(&format!("{} from {AT}, of ", of.id)), "{text}");
        assert_eq!(json["answers"], of.id.to_string());
    }
}
