//! An acknowledgement that somebody gives: what he says by it, sealed and kept before it is handed in.
//!
//! In scope: its words, that it is sealed as the directory is now, what keeps it back. Out of scope: who is asked what
//! (each face), sealing and receipts (`collect`, `courier`). Invariants: it bears a name, and the sentence that it
//! does not indicate concurrence; nothing is sealed where the service would refuse it for good.

use unicode_normalization::UnicodeNormalization as _;

use crate::client::error::ClientError;
use crate::client::fate::Sending;
use crate::client::mend::Mend;
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::message::words;
use crate::client::reach::session::Session;
use crate::client::reason::Rule;
use crate::domain::ids::MessageId;
use crate::signed::proto::{self, Level};

use super::call::Called;
use super::collect::{self, SealError};
use super::fate::{kept_back, not_sealed};
use super::mail::Mail;

/// What somebody says by an acknowledgement, besides its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    /// His name, fit to be signed.
    pub person: String,
    /// The name of his contact.
    pub office: String,
    /// The number under which it is dealt with.
    pub reference: Option<String>,
    /// Anything else that he says.
    pub text: Option<String>,
    /// The language of that, BCP 47.
    pub language: String,
    /// At which level, if the message leaves that open.
    pub level: Option<Level>,
}

/// The acknowledgement that a message gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// This one, which waits here.
    Waits(MessageId),
    /// A new one.
    New(Says),
}

/// An acknowledgement that is sealed and kept, and the connection by which it goes, or why there is none.
pub struct Sealed {
    /// Its id in the outbox.
    pub id: MessageId,
    session: Result<Session, ClientError>,
}

/// The sentence that is signed, in a language or in English.
#[must_use]
pub fn sentence(language: &str) -> &'static str {
    words::sentence(language)
}

impl Says {
    fn words(&self) -> proto::Words {
        let text = self.text.as_ref();
        let text = text.map(|text| proto::Text {
            language: self.language.clone(),
            text: text.nfc().collect(),
        });
        proto::Words {
            person: self.person.clone(),
            office: self.office.clone(),
            own_reference: self.reference.as_deref().unwrap_or_default().nfc().collect(),
            text,
            ..words::words()
        }
    }
}

impl Mail {
    /// What this seat's contact calls itself, if the directory ever listed it.
    ///
    /// # Errors
    /// The copy of the directory.
    pub fn own_names(&self) -> Result<Option<Called>, ClientError> {
        let (directory, own) = (self.replica.directory()?, self.seat.contact());
        Ok(directory.contact(&own).map(|_| Called::of(directory, &own)))
    }

    /// Connects, and seals what is new for the message of this number. What waits for a connection alone is sealed
    /// all the same.
    ///
    /// # Errors
    /// The service refuses this seat; it cannot be sealed or kept.
    pub async fn seal_acknowledgement(
        &mut self,
        number: u64,
        own: Own,
    ) -> Result<Sealed, ClientError> {
        let session = self.connect().await;
        self.sealed_over(session, number, own)
    }

    fn sealed_over(
        &self,
        session: Result<Session, ClientError>,
        number: u64,
        own: Own,
    ) -> Result<Sealed, ClientError> {
        let session = match session {
            Err(error) if !error.passes() => {
                return Err(not_sealed(Sending::Acknowledgement, error));
            }
            session => session,
        };
        let id = match own {
            Own::Waits(id) => id,
            Own::New(says) => self
                .sealed(number, &says)
                .map_err(|error| not_sealed(Sending::Acknowledgement, error))?,
        };
        Ok(Sealed { id, session })
    }

    /// Hands it in.
    ///
    /// # Errors
    /// It waits here; it was refused.
    pub async fn hand_in_acknowledgement(
        &mut self,
        of: Sealed,
    ) -> Result<(Session, VerifiedAccepted), ClientError> {
        let session = of.session.map_err(|error| kept_back(&self.outbox, error, of.id))?;
        let accepted = self.hand_in(&session, of.id).await?;
        Ok((session, accepted))
    }

    fn sealed(&self, number: u64, says: &Says) -> Result<MessageId, ClientError> {
        let (boxes, words) = (self.boxes(), (says.words(), says.level));
        let made: Result<MessageId, SealError> =
            self.at_desk(|desk| collect::acknowledge(desk, boxes, number, words))?;
        made.map_err(|error| {
            let error = ClientError::from(error);
            if error.reason == Rule::NotALevel {
                return error.mended_by(Mend::AcknowledgeAtLevel);
            }
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{Family, Side};
    use crate::client::fate::Fate;
    use crate::client::message::content::Inside;
    use crate::client::reason::Here;
    use crate::office::message::Acknowledging;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{AT, FR, Net, notification, seat};

    fn says() -> Says {
        Says {
            person: "Ana".to_owned(),
            office: "CERT-FR".to_owned(),
            // Not in NFC: sealing makes it so.
            reference: Some("FR-e\u{301}".to_owned()),
            text: Some("Vu e\u{301}galement".to_owned()),
            language: "fr".to_owned(),
            level: None,
        }
    }

    /// Paris, to whom Austria has written.
    fn paris(net: &mut Net) -> Whole {
        let sealed = net.seal(net.outside(AT, &["fr/cert-fr"]), &notification(1));
        net.submit(&sealed.envelope).unwrap();
        let mut paris = Whole::of(net, FR);
        paris.collect(net);
        paris
    }

    fn lost() -> Result<Session, ClientError> {
        Err(ClientError::new(Side::Network, Family::NotReachable, Here::NoConnection, "no"))
    }

    fn words_of(mail: &Mail, own: MessageId) -> proto::Words {
        match mail.own_inside(own).unwrap() {
            Some(Inside::Words(words)) => *words,
            other => panic!("expected words, found {other:?}"),
        }
    }

    #[test]
    fn what_is_sealed_bears_the_name_and_every_sentence() {
        let mut net = Net::new();
        let paris = paris(&mut net);
        let own = paris.mail.sealed(1, &says()).unwrap();
        let of = words_of(&paris.mail, own);
        assert_eq!((&*of.person, &*of.office, &*of.own_reference), ("Ana", "CERT-FR", "FR-\u{e9}"));
        let text = of.text.unwrap();
        assert_eq!((&*text.language, &*text.text), ("fr", "Vu \u{e9}galement"));
        assert!(of.statement.contains(sentence("fr")) && of.statement.contains(sentence("en")));
        assert_ne!(sentence("fr"), sentence("en"));
        assert_eq!(sentence("de"), sentence("en"));
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        let mut net = Net::new();
        let paris = paris(&mut net);
        let own = paris.mail.sealed(1, &Says { reference: None, text: None, ..says() }).unwrap();
        let of = words_of(&paris.mail, own);
        assert_eq!((&*of.own_reference, of.text), ("", None));
    }

    #[test]
    fn at_a_level_that_the_contact_does_not_have_nothing_is_sealed() {
        let mut net = Net::new();
        let paris = paris(&mut net);
        let before = paris.mail.outbox.ids().unwrap();
        let legal = Says { level: Some(Level::Legal), ..says() };
        let why = paris.mail.sealed(1, &legal).unwrap_err();
        assert_eq!((&why.reason, why.family), (&Rule::NotALevel.into(), Family::Refused));
        assert_eq!(why.mend.as_deref(), Some(&Mend::AcknowledgeAtLevel));
        assert_eq!(paris.mail.outbox.ids().unwrap(), before);
        let technical = Says { level: Some(Level::Technical), ..says() };
        paris.mail.sealed(1, &technical).unwrap();
    }

    /// It is not the only machine that waits for a network.
    #[tokio::test]
    async fn without_a_connection_it_is_sealed_and_waits() {
        let mut net = Net::new();
        let mut paris = paris(&mut net);
        let of = paris.mail.sealed_over(lost(), 1, Own::New(says())).unwrap();
        let own = of.id;
        let why = paris.mail.hand_in_acknowledgement(of).await.map(drop).unwrap_err();
        assert_eq!(why.family, Family::NotReachable);
        assert_eq!(why.fate, Some(Fate::Waits(own, Sending::Acknowledgement)));
        let header = paris.mail.inbox.item(1).unwrap().digest;
        assert_eq!(paris.mail.acknowledging(header).unwrap(), Acknowledging::Waits(own));
        // The same goes then, and no other is sealed.
        let before = paris.mail.outbox.ids().unwrap();
        let again = paris.mail.sealed_over(lost(), 1, Own::Waits(own)).unwrap();
        assert_eq!((again.id, paris.mail.outbox.ids().unwrap()), (own, before));
    }

    #[test]
    fn of_what_is_not_here_nothing_is_sealed() {
        let mut net = Net::new();
        let paris = paris(&mut net);
        let before = paris.mail.outbox.ids().unwrap();
        assert!(paris.mail.sealed_over(lost(), 9, Own::New(says())).is_err());
        assert_eq!(paris.mail.outbox.ids().unwrap(), before);
    }

    #[tokio::test]
    async fn where_no_connection_would_help_nothing_is_sealed() {
        let mut net = Net::new();
        let mut paris = paris(&mut net);
        let before = paris.mail.outbox.ids().unwrap();
        let why = paris.mail.seal_acknowledgement(1, Own::New(says())).await;
        assert_eq!(why.map(drop).unwrap_err().reason, Here::KeyMissing);
        assert_eq!(paris.mail.outbox.ids().unwrap(), before);
    }

    #[test]
    fn a_contact_that_was_ever_listed_has_names() {
        let mut net = Net::new();
        net.withdraw("fr/cert-fr", 2);
        let named = Whole::of(&net, FR).mail.own_names().unwrap().unwrap();
        assert_eq!((named.contact, named.names), (seat(FR).contact(), vec![]));
        let nobody = Whole::of(&net, "at/other/duty-1");
        assert_eq!(nobody.mail.own_names().unwrap(), None);
    }
}
