//! Whom to call, by what, and what to say to him.
//!
//! In scope: numbers and addresses in lines, what is read out. Out of scope: who is called (`office::call`).

use crate::client::draft::of_facet;
use crate::client::message::text::visible;
use crate::office::call::{Called, Script, ToCall, Why};
use crate::office::reach::{Part, Said};

use super::{NOT_HERE, name, tlp};

/// What a part says, each line of it; nothing, if this copy lacks it.
#[must_use]
pub fn lines(part: &Part) -> Option<Vec<String>> {
    match &part.said {
        Said::Known(content) => Some(of_facet(content)),
        Said::Foreign => Some(vec!["of a form that this program does not know".to_owned()]),
        Said::NotHere => None,
    }
}

/// Whom to call, and what to say.
#[must_use]
pub fn read_out(calls: &[ToCall], of: Option<&Script>) -> String {
    let mut text = String::new();
    for call in calls {
        let (contact, name, why) = (&call.of.contact, called(&call.of), why_call(call.why));
        let so = match call.why {
            Why::Waits => "it waits here",
            Why::Gone | Why::Listed | Why::WithoutSeats | Why::Full | Why::NotSent => {
                "nothing was sent to it"
            }
        };
        text.push_str(&format!("\n{contact} ({name}) {why}; {so}. Call:\n"));
        for part in &call.reach {
            for line in lines(part).unwrap_or_else(|| vec![NOT_HERE.to_owned()]) {
                text.push_str(&format!("  {}: {}\n", part.name, visible(&line)));
            }
        }
    }
    if !calls.is_empty() {
        let script = of.map(script).unwrap_or_default();
        text.push_str(&format!("\nTo read out:\n  {script}\n"));
    }
    text
}

/// What to say of a message, in the name of who calls.
#[must_use]
pub fn script(of: &Script) -> String {
    let drill = of
        .drill
        .as_ref()
        .map(|name| format!("This is an exercise: {}. Exercise, exercise. ", visible(name)));
    let number = match &of.reference[..] {
        "" => String::new(),
        number => format!(" Our number is {}.", visible(number)),
    };
    let title =
        of.title.as_ref().map(|title| format!(": {}", visible(title.trim_end_matches('.'))));
    format!(
        "{}This is {}. We notify you of a matter of ICT security, marked {}{}.{number} Please say who \
         takes it, and how we may send you the details in confidence. Thank you.",
        drill.unwrap_or_default(),
        called(&of.own),
        tlp(of.tlp),
        title.unwrap_or_default(),
    )
}

/// A contact that gets nothing, and why.
#[must_use]
pub fn left_out(of: &Called, why: Why) -> String {
    let (contact, name, why) = (&of.contact, called(of), why_call(why));
    format!("nothing is sent to {contact} ({name}): it {why}; call it")
}

/// Its own name and that of its member.
#[must_use]
pub fn called(of: &Called) -> String {
    both_names(of, name(&of.names), &name(&of.member))
}

/// The same of names in a language of the reader's; either may be empty.
pub(super) fn both_names(of: &Called, own: String, member: &str) -> String {
    match (own.is_empty(), member.is_empty()) {
        (true, true) => of.contact.to_string(),
        (true, false) => format!("{}, {member}", of.contact),
        (false, true) => own,
        (false, false) => format!("{own}, {member}"),
    }
}

/// Why a contact is to be called, behind its name.
#[must_use]
pub const fn why_call(why: Why) -> &'static str {
    match why {
        Why::Gone => "is in the directory no more",
        Why::Listed => "is listed",
        Why::WithoutSeats => "has no seat on duty",
        Why::Full => "takes no more of your messages now",
        Why::NotSent => "does not have it",
        Why::Waits => "may not have it yet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::draft::FacetContent;
    use crate::client::message::content::{Inside, Writing};
    use crate::domain::ids::ContactId;
    use crate::signed::proto::{self, Kind, Tlp};

    fn called_cert() -> Called {
        let text = proto::Text { language: "en".to_owned(), text: "CERT.at".to_owned() };
        Called { contact: "at/cert-at".parse().unwrap(), names: vec![text], member: vec![] }
    }

    #[test]
    fn what_is_read_out_says_no_title_that_is_red() {
        let said = |tlp: Tlp, drill: Option<&str>| {
            let writing = Writing::new(Kind::Incident, "Ransomware.", 7).tlp(tlp);
            let numbered = writing.with(|content| content.reference = "AT-7".to_owned());
            script(&Script::of(called_cert(), &numbered.finish().unwrap(), drill).unwrap())
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
        assert_eq!(Script::of(called_cert(), &Inside::Words(Box::default()), None), None);
    }

    #[test]
    fn whoever_is_called_is_named_with_every_number_and_what_is_not_here() {
        let phone = proto::Telephone {
            numbers: vec![proto::TelephoneNumber {
                number: "+431".to_owned(),
                ..Default::default()
            }],
        };
        let part = |name: &str, said| Part { name: name.to_owned(), said };
        let reach = vec![
            part("telephone", Said::Known(Box::new(FacetContent::Telephone(phone)))),
            part("email", Said::NotHere),
            part("messaging", Said::Foreign),
        ];
        let call = ToCall { of: called_cert(), why: Why::Waits, reach };
        let said = read_out(std::slice::from_ref(&call), None);
        assert!(
            said.starts_with("\nat/cert-at (CERT.at) may not have it yet; it waits here. Call:\n")
        );
        for line in
            ["  telephone: +431", "  email: not in this copy", "  messaging: of a form that"]
        {
            assert!(said.contains(line), "{said}");
        }
        let full = ToCall { why: Why::Full, ..call };
        assert!(
            read_out(&[full], None)
                .contains("takes no more of your messages now; nothing was sent")
        );
        assert_eq!(read_out(&[], None), "");
    }

    #[test]
    fn who_gets_nothing_is_named_with_its_member_as_far_as_both_are_known() {
        let text =
            |text: &str| vec![proto::Text { language: "en".to_owned(), text: text.to_owned() }];
        let contact: ContactId = "at/cert-at".parse().unwrap();
        let of = |names, member| Called { contact: contact.clone(), names, member };
        for (of, name) in [
            (of(text("CERT.at"), text("Austria")), "CERT.at, Austria"),
            (of(text("CERT.at"), vec![]), "CERT.at"),
            (of(vec![], text("Austria")), "at/cert-at, Austria"),
            (of(vec![], vec![]), "at/cert-at"),
            (of(text("a\u{1b}b"), vec![]), "a\\u{1b}b"),
        ] {
            let said = format!("nothing is sent to at/cert-at ({name}): it is listed; call it");
            assert_eq!(left_out(&of, Why::Listed), said);
        }
    }
}
