//! The label of what is sent: an answer has the strictest of its thread, unless somebody says otherwise.
//!
//! In scope: the labels and contacts of a thread, from the message answered back to the first, as far as they are
//! here; what would carry further than they say. Out of scope: asking (each face). Invariants: a label that this
//! version does not know is the strictest; nothing goes further than its thread unless somebody agrees.

use std::collections::BTreeSet;

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::content::Inside;
use crate::client::reason::Here;
use crate::domain::ids::ContactId;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::signed::proto::Tlp;

use super::asked::Question;
use super::mail::Mail;
use super::notify::Notice;
use super::told::{Note, Widening};

/// What a thread says of itself.
#[derive(Debug, Default)]
struct Thread {
    strictest: Option<Tlp>,
    contacts: BTreeSet<ContactId>,
}

impl Mail {
    /// The same, with its label: the one given, else the strictest of its thread, else that of every message.
    /// What goes further than its thread is told, and `asks` whether somebody means it.
    ///
    /// # Errors
    /// Nobody agreed; files.
    pub(super) fn labelled(
        &self,
        notice: &Notice,
        answered: Option<&VerifiedHeader>,
        asks: bool,
    ) -> Result<Notice, ClientError> {
        let Inside::Content(content) = &notice.inside else { return Ok(notice.clone()) };
        let thread = answered.map(|header| self.thread(header)).transpose()?;
        let strictest = thread.as_ref().and_then(|thread| thread.strictest);
        let label = notice.label.or(strictest).unwrap_or(content.tlp());
        if notice.label.is_none() && strictest.is_some() {
            self.office.tell(Note::LabelOfThread(label));
        }
        if let Some(thread) = &thread
            && let Some(widening) = thread.widened_by(label, &notice.to)
        {
            self.office.tell(Note::Widens(widening));
            if asks && !notice.is_meant && !self.office.agrees(&Question::Widens) {
                return Err(not_agreed());
            }
        }
        let mut content = content.clone();
        content.set_tlp(label);
        Ok(Notice { inside: Inside::Content(content), ..notice.clone() })
    }

    fn thread(&self, answered: &VerifiedHeader) -> Result<Thread, ClientError> {
        let (mut thread, mut next) = (Thread::default(), Some(answered.clone()));
        thread.contacts.insert(self.seat.contact());
        while let Some(header) = next {
            let of = header.addressing();
            thread.contacts.insert(of.sender.contact());
            thread.contacts.extend(of.recipients.iter().map(|to| to.contact.clone()));
            let label = self.label(&header)?.map(known);
            thread.strictest = thread.strictest.into_iter().chain(label).min();
            next = self.answered(&header)?;
        }
        Ok(thread)
    }

    /// The label of a message that is here, if it opens.
    fn label(&self, header: &VerifiedHeader) -> Result<Option<Tlp>, ClientError> {
        let digest = header.digest();
        if let Some(id) = self.outbox.find(digest)? {
            return Ok(self.own_inside(id)?.and_then(|inside| label_of(&inside)));
        }
        for number in self.index.with_header(&[], digest) {
            let kept = self.inbox.item(number)?;
            if let Ok(opened) = self.opened(&kept)? {
                return Ok(label_of(&opened.inside));
            }
        }
        Ok(None)
    }
}

impl Thread {
    fn widened_by(&self, label: Tlp, to: &[ContactId]) -> Option<Widening> {
        let thread = self.strictest.filter(|strictest| *strictest < known(label));
        let outside = to.iter().filter(|to| !self.contacts.contains(to)).cloned();
        let outside = outside.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        (thread.is_some() || !outside.is_empty()).then_some(Widening { label, thread, outside })
    }
}

fn label_of(inside: &Inside) -> Option<Tlp> {
    match inside {
        Inside::Content(content) => Some(content.tlp()),
        Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_) => None,
    }
}

/// From the strictest on, they stand in their order (`message.proto`).
const fn known(label: Tlp) -> Tlp {
    match label {
        Tlp::Unspecified => Tlp::Red,
        Tlp::Red | Tlp::AmberStrict | Tlp::Amber | Tlp::Green | Tlp::Clear => label,
    }
}

fn not_agreed() -> ClientError {
    let sentence = "it would go further than its thread, nobody agreed, and nothing was sent";
    ClientError::new(Side::Ours, Family::NeedsApproval, Here::NotAgreed, sentence)
        .mended_by(Mend::AgreeIfMeant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::compose::Outside;
    use crate::client::message::content::Writing;
    use crate::office::pointer::Pointer;
    use crate::office::tests::whole::Whole;
    use crate::signed::proto::{Kind, Level, Urgency};
    use crate::world::relay::{AT, FR, Net, PT};

    fn contact(of: &str) -> ContactId {
        of.parse().unwrap()
    }

    /// Vienna, to which Lisbon sent a message of this label.
    fn vienna(label: Tlp) -> Whole {
        let mut net = Net::new();
        let inside = Writing::new(Kind::Incident, "x", net.ambient.now()).tlp(label);
        let sealed = net.seal(net.outside(PT, &["at/cert-at"]), &inside.finish().unwrap());
        net.submit(&sealed.envelope).unwrap();
        let mut vienna = Whole::of(&net, AT);
        vienna.collect(&net);
        vienna.told();
        vienna
    }

    fn answer(to: &[&str], label: Option<Tlp>) -> Notice {
        Notice {
            to: to.iter().map(|to| contact(to)).collect(),
            level: Level::Technical,
            urgency: Urgency::Routine,
            kind: Kind::Incident,
            inside: Writing::new(Kind::Incident, "y", 7).finish().unwrap(),
            label,
            drill: None,
            answers: Some(Pointer::Number(1)),
            on_stale: false,
            skip_full: false,
            is_meant: false,
        }
    }

    fn labelled(of: &Whole, notice: &Notice, asks: bool) -> Result<Option<Tlp>, ClientError> {
        let answered = notice.answers.as_ref().map(|at| of.mail.to_answer(at).ok().unwrap());
        let labelled = of.mail.labelled(notice, answered.as_ref(), asks)?;
        Ok(label_of(&labelled.inside))
    }

    const LABELS: [Tlp; 5] = [Tlp::Red, Tlp::AmberStrict, Tlp::Amber, Tlp::Green, Tlp::Clear];

    #[test]
    fn an_answer_has_the_label_of_its_thread_and_a_first_message_that_of_every_one() {
        for label in LABELS {
            let vienna = vienna(label);
            let own = answer(&["pt/cert-pt"], None);
            assert_eq!(labelled(&vienna, &own, true), Ok(Some(label)));
            assert_eq!(vienna.told(), [Note::LabelOfThread(label)]);
            let first = Notice { answers: None, ..own };
            assert_eq!(labelled(&vienna, &first, true), Ok(Some(Tlp::AmberStrict)));
            assert_eq!(vienna.told(), []);
        }
    }

    #[test]
    fn a_weaker_label_than_its_thread_s_is_asked_about_and_a_stricter_one_is_not() {
        for (at, thread) in LABELS.into_iter().enumerate() {
            let vienna = vienna(thread);
            for (nth, label) in LABELS.into_iter().enumerate() {
                let notice = answer(&["pt/cert-pt"], Some(label));
                let weaker = nth > at;
                let asked = labelled(&vienna, &notice, true);
                assert_eq!(asked.is_err(), weaker, "{thread:?} {label:?}");
                let widens = Widening { label, thread: Some(thread), outside: vec![] };
                let told = if weaker { vec![Note::Widens(widens)] } else { vec![] };
                assert_eq!(vienna.told(), told);
                // Whoever means it, and whoever only looks.
                let meant = Notice { is_meant: true, ..notice.clone() };
                assert_eq!(labelled(&vienna, &meant, true), Ok(Some(label)));
                assert_eq!(labelled(&vienna, &notice, false), Ok(Some(label)));
                vienna.told();
            }
        }
    }

    #[test]
    fn who_has_no_message_of_the_thread_is_asked_about() {
        let vienna = vienna(Tlp::Green);
        let notice = answer(&["pt/cert-pt", "fr/cert-fr", "fr/cert-fr"], None);
        let error = labelled(&vienna, &notice, true).unwrap_err();
        assert_eq!((error.family, error.reason), (Family::NeedsApproval, Here::NotAgreed.into()));
        assert_eq!(error.mend.as_deref(), Some(&Mend::AgreeIfMeant));
        let outside = vec![contact("fr/cert-fr")];
        let widens = Widening { label: Tlp::Green, thread: None, outside };
        assert_eq!(vienna.told(), [Note::LabelOfThread(Tlp::Green), Note::Widens(widens)]);
        let meant = Notice { is_meant: true, ..notice };
        assert_eq!(labelled(&vienna, &meant, true), Ok(Some(Tlp::Green)));
        // The first message of a thread has nobody outside.
        let first = Notice { answers: None, ..answer(&["fr/cert-fr"], None) };
        assert!(labelled(&vienna, &first, true).is_ok());
    }

    /// A later answer may be labelled less strictly than what began it.
    #[test]
    fn the_strictest_of_all_that_led_to_it_counts() {
        let mut net = Net::new();
        let now = net.ambient.now();
        let inside = |label| Writing::new(Kind::Incident, "x", now).tlp(label).finish().unwrap();
        let first = net.seal(net.outside(PT, &["at/cert-at", "fr/cert-fr"]), &inside(Tlp::Red));
        net.submit(&first.envelope).unwrap();
        let outside = Outside {
            thread: Some(first.id),
            in_reply_to: Some(first.header_digest),
            class: crate::signed::proto::Class::Reply,
            ..net.outside(FR, &["at/cert-at", "pt/cert-pt"])
        };
        let second = net.seal(outside, &inside(Tlp::Clear));
        net.submit(&second.envelope).unwrap();
        let mut vienna = Whole::of(&net, AT);
        vienna.collect(&net);
        let notice = Notice { answers: Some(Pointer::Number(2)), ..answer(&["fr/cert-fr"], None) };
        assert_eq!(labelled(&vienna, &notice, true), Ok(Some(Tlp::Red)));
    }

    #[test]
    fn what_no_version_here_knows_is_the_strictest() {
        assert_eq!(known(Tlp::Unspecified), Tlp::Red);
        let thread = Thread { strictest: Some(Tlp::Red), ..Thread::default() };
        assert_eq!(thread.widened_by(Tlp::Unspecified, &[]), None);
        assert!(LABELS.is_sorted(), "from the strictest on");
    }
}
