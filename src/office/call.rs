//! Whom to call, because a message does not reach him, and about what.
//!
//! In scope: who of the recipients cannot have it, and why; its names and numbers; what may be said of the message on
//! a telephone. Out of scope: the words that are read out (`words`). Invariant: what only the addressed may know is
//! not read out.

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::content::Inside;
use crate::client::reason::{Here, Reason, Rule};
use crate::client::replica::Replica;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal;
use crate::signed::proto::{Text, Tlp};

use super::reach::{Part, numbers_of};

/// Why a contact is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is in the directory no more.
    Gone,
    /// It is listed, and takes part in nothing else.
    Listed,
    /// It has no seat on duty.
    WithoutSeats,
    /// It takes no more of this member's messages now.
    Full,
    /// Nothing was sent to it.
    NotSent,
    /// What was sent to it waits here.
    Waits,
}

/// What a contact and its member call themselves, in each language.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// Which contact it is.
    pub contact: ContactId,
    /// Its names; none, if it is not listed.
    pub names: Vec<Text>,
    /// Those of its member.
    pub member: Vec<Text>,
}

impl Called {
    /// As a directory knows it.
    #[must_use]
    pub fn of(directory: &Directory, contact: &ContactId) -> Self {
        let record = directory.contact(contact).and_then(|found| found.record.as_ref());
        let member = directory.member(&contact.member());
        Self {
            contact: contact.clone(),
            names: record.map_or_else(Vec::new, |record| record.names.clone()),
            member: member.map_or_else(Vec::new, |member| member.names.clone()),
        }
    }
}

/// A contact to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct ToCall {
    /// The contact, with its names.
    pub of: Called,
    /// Because of what.
    pub why: Why,
    /// By which numbers and addresses.
    pub reach: Vec<Part>,
}

impl ToCall {
    /// As the copy of the directory knows it.
    ///
    /// # Errors
    /// The copy.
    pub fn of(replica: &Replica, contact: &ContactId, why: Why) -> Result<Self, ClientError> {
        let (of, reach) =
            (Called::of(replica.directory()?, contact), numbers_of(replica, contact)?);
        Ok(Self { of, why, reach })
    }

    /// All who were left out.
    ///
    /// # Errors
    /// The copy.
    pub fn all(replica: &Replica, left_out: &[(ContactId, Why)]) -> Result<Vec<Self>, ClientError> {
        left_out.iter().map(|(contact, why)| Self::of(replica, contact, *why)).collect()
    }
}

/// How a work ends when not all have a message.
#[must_use]
pub fn not_all(calls: &[ToCall]) -> ClientError {
    let contacts: Vec<&ContactId> = calls.iter().map(|call| &call.of.contact).collect();
    let sentence = format!("nothing was sent to {}: call", refusal::list(&contacts));
    ClientError::new(Side::Ours, Family::Partial, Here::ByTelephone, sentence)
}

/// What may be said of a message on a telephone.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// In whose name is called.
    pub own: Called,
    /// Of which exercise it is, if it is a drill.
    pub drill: Option<String>,
    /// How far it may go.
    pub tlp: Tlp,
    /// What it is about; nothing, if a telephone is no channel for it.
    pub title: Option<String>,
    /// The caller's own number for it; may be empty.
    pub reference: String,
}

impl Script {
    /// Of a message of this contact; nothing, if it is one of machines.
    #[must_use]
    pub fn of(own: Called, inside: &Inside, drill: Option<&str>) -> Option<Self> {
        let Inside::Content(content) = inside else { return None };
        let tlp = content.tlp();
        let title = match tlp {
            Tlp::Red | Tlp::Unspecified => None,
            Tlp::AmberStrict | Tlp::Amber | Tlp::Green | Tlp::Clear => Some(content.title.clone()),
        };
        let (drill, reference) = (drill.map(str::to_owned), content.reference.clone());
        Some(Self { own, drill, tlp, title, reference })
    }
}

/// Why a message cannot be sealed to a contact.
#[must_use]
pub fn without_seats(directory: &Directory, contact: &ContactId) -> Option<Why> {
    match directory.record(contact) {
        Err(_) => Some(Why::Gone),
        Ok(record) if record.attested => Some(Why::Listed),
        Ok(_) => {
            let none = directory.sealing_seats(contact).next().is_none();
            none.then_some(Why::WithoutSeats)
        }
    }
}

/// Who of these contacts cannot have a message that was not accepted for this reason, and why. Those that are
/// `full` take no more now, as the service says.
#[must_use]
pub fn who_cannot<'a>(
    directory: &Directory,
    to: impl Iterator<Item = &'a ContactId>,
    reason: &Reason,
    full: &[ContactId],
) -> Vec<(&'a ContactId, Why)> {
    let full = match reason.rule() {
        Some(Rule::MailboxShare) => full,
        Some(Rule::RecipientWithoutSeats | Rule::RecipientListed | Rule::UnknownContact) => &[],
        _ => return Vec::new(),
    };
    let why = |contact: &ContactId| {
        let full = full.contains(contact).then_some(Why::Full);
        full.or_else(|| without_seats(directory, contact))
    };
    to.filter_map(|contact| Some((contact, why(contact)?))).collect()
}

/// What mends that these cannot have a message of so many recipients.
#[must_use]
pub fn mend(id: MessageId, cannot: &[(&ContactId, Why)], of: usize) -> Option<Mend> {
    let contacts = cannot.iter().map(|(contact, _)| (*contact).clone()).collect();
    match cannot.len() {
        0 => None,
        some if some < of => Some(Mend::CallAndSkip(contacts, id)),
        _ => Some(Mend::Call(contacts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{ClientError, Side};
    use crate::client::message::content::Writing;
    use crate::domain::refusal::Refusal;
    use crate::world::relay::Net;

    #[test]
    fn why_nothing_is_sealed_to_a_contact_is_what_the_directory_says_of_it() {
        let mut net = Net::new();
        net.roster("fr/cert-fr", 2, &[]);
        net.withdraw("pt/cert-pt", 2);
        let why = |id: &str| without_seats(&net.directory, &id.parse().unwrap());
        assert_eq!(why("at/cert-at"), None);
        assert_eq!(why("fr/cert-fr"), Some(Why::WithoutSeats));
        assert_eq!(why("es/cert-es"), Some(Why::WithoutSeats));
        assert_eq!(why("ie/cert-ie"), Some(Why::Listed));
        assert_eq!(why("pt/cert-pt"), Some(Why::Gone));
        assert_eq!(why("de/cert-de"), Some(Why::Gone));
    }

    #[test]
    fn who_is_called_has_the_names_of_the_directory_and_of_his_member() {
        let mut net = Net::new();
        net.withdraw("pt/cert-pt", 2);
        let called = |id: &str| {
            let called = Called::of(&net.directory, &id.parse().unwrap());
            let texts = |all: &[Text]| all.iter().map(|of| of.text.clone()).collect::<Vec<_>>();
            (texts(&called.names), texts(&called.member))
        };
        let named = |names: &[&str], member: &[&str]| {
            let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            (texts(names), texts(member))
        };
        assert_eq!(called("fr/cert-fr"), named(&["fr/cert-fr"], &["fr"]));
        assert_eq!(called("ie/cert-ie"), named(&["ie/cert-ie"], &["ie"]));
        assert_eq!(called("pt/cert-pt"), named(&[], &["pt"]), "it is in the directory no more");
        assert_eq!(called("de/cert-de"), named(&[], &[]));
    }

    #[test]
    fn all_who_were_left_out_are_called_for_their_own_reason_and_named_at_the_end() {
        use crate::office::tests::whole::Whole;
        use crate::world::relay::AT;

        let net = Net::new();
        let vienna = Whole::of(&net, AT);
        let ids = ["ie/cert-ie", "fr/cert-fr"].map(|id| id.parse::<ContactId>().unwrap());
        let left_out = [(ids[0].clone(), Why::Listed), (ids[1].clone(), Why::Full)];
        let calls = ToCall::all(&vienna.mail.replica, &left_out).unwrap();
        let told: Vec<_> = calls.iter().map(|call| (call.of.contact.clone(), call.why)).collect();
        assert_eq!(told, left_out);
        assert!(calls.iter().all(|call| call.reach.is_empty() && call.of.names.len() == 1));
        let ends = not_all(&calls);
        assert_eq!((ends.family, &ends.reason), (Family::Partial, &Here::ByTelephone.into()));
        for id in ids {
            assert!(ends.sentence.contains(id.as_str()), "{ends}");
        }
    }

    #[test]
    fn what_only_the_addressed_may_know_is_not_read_out() {
        let net = Net::new();
        let own = || Called::of(&net.directory, &"at/cert-at".parse().unwrap());
        let script = |tlp: Tlp| {
            let writing = Writing::new(crate::signed::proto::Kind::Incident, "A title", 1000);
            let inside = writing.text("en", "text").finish().unwrap();
            let Inside::Content(mut content) = inside else { panic!("content") };
            content.tlp = tlp.into();
            content.reference = "AT-7".to_owned();
            Script::of(own(), &Inside::Content(content), Some("drill 1")).unwrap()
        };
        for tlp in [Tlp::Red, Tlp::Unspecified] {
            assert_eq!(script(tlp).title, None, "{tlp:?}");
        }
        for tlp in [Tlp::AmberStrict, Tlp::Amber, Tlp::Green, Tlp::Clear] {
            let script = script(tlp);
            assert_eq!((script.title.as_deref(), script.tlp), (Some("A title"), tlp));
            assert_eq!((script.drill.as_deref(), &*script.reference), (Some("drill 1"), "AT-7"));
            assert_eq!(script.own, own());
        }
        // Machines are not read out.
        let words = Inside::Words(Box::new(crate::client::message::words::words()));
        assert_eq!(Script::of(own(), &words, None), None);
    }

    #[test]
    fn who_cannot_have_it_is_called_and_the_others_are_enough() {
        let mut net = Net::new();
        net.roster("fr/cert-fr", 2, &[]);
        let [fr, pt, at] =
            ["fr/cert-fr", "pt/cert-pt", "at/cert-at"].map(|id| id.parse::<ContactId>().unwrap());
        let all = [fr.clone(), pt.clone(), at.clone()];
        let who = |why: Refusal| {
            let why = ClientError::from(why);
            assert_eq!(why.side == Side::Recipient, why.reason.code() != "BODY_DIGEST");
            let found = who_cannot(&net.directory, all.iter(), &why.reason, &why.facts.contacts);
            found.into_iter().map(|(contact, why)| (contact.clone(), why)).collect::<Vec<_>>()
        };
        let (without, full) = (Why::WithoutSeats, Why::Full);
        let share = |of: &[&ContactId]| {
            let contacts = of.iter().map(|of| (*of).clone()).collect();
            Refusal::MailboxShare { contacts, retry: None }
        };
        assert_eq!(who(Refusal::RecipientWithoutSeats(fr.clone())), [(fr.clone(), without)]);
        // Whoever else cannot have it is known at once.
        assert_eq!(who(share(&[&pt])), [(fr.clone(), without), (pt.clone(), full)]);
        let others: ContactId = "de/cert".parse().unwrap();
        assert_eq!(who(share(&[&others])), [(fr.clone(), without)]);
        // What says nothing of a recipient leaves nobody out.
        assert_eq!(who(Refusal::BodyDigest), []);

        let id = MessageId::new(1, [1; 10]);
        let only = || vec![fr.clone()];
        assert_eq!(mend(id, &[(&fr, without)], 2), Some(Mend::CallAndSkip(only(), id)));
        // To nobody, or to all as before: that is not offered.
        assert_eq!(mend(id, &[(&fr, without)], 1), Some(Mend::Call(only())));
        assert_eq!(mend(id, &[], 2), None);
    }
}
