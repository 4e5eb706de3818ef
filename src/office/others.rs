//! Handing in a message that some of its contacts cannot have.
//!
//! In scope: sending it to the others. Out of scope: who cannot have it, and why (`call`), handing in (`courier`).
//! Invariants: it goes to the others if somebody wants that, and only when the relay has it for nobody; each who
//! is left out is named.

use crate::client::error::ClientError;
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::reach::session::Session;
use crate::domain::ids::{ContactId, MessageId};

use super::asked::Question;
use super::call::{Called, Why, who_cannot};
use super::mail::{Mail, said_if_slow};
use super::told::Note;

/// What came of a message.
#[derive(Debug)]
pub struct Went {
    /// What went: the message, or another in its place.
    pub id: MessageId,
    /// The relay's receipt.
    pub accepted: VerifiedAccepted,
    /// Who was left out, and why.
    pub left_out: Vec<(ContactId, Why)>,
}

impl Mail {
    /// Hands a message in. Where some of its contacts cannot have it, it goes to the others if `skip`, or if
    /// people say so.
    ///
    /// # Errors
    /// [`ClientError`]; it waits, or is refused.
    pub async fn hand_in_to_who_can(
        &mut self,
        session: &Session,
        mut id: MessageId,
        skip: bool,
    ) -> Result<Went, ClientError> {
        let (office, mut left_out) = (self.office.clone(), Vec::new());
        loop {
            let slowly = || office.tell(Note::NotTakenYet);
            let error = match said_if_slow(self.hand_in(session, id), slowly).await {
                Ok(accepted) => return Ok(Went { id, accepted, left_out }),
                Err(error) => error,
            };
            let Some(of) = self.addressing(id)? else { return Err(error) };
            let to = of.recipients.iter().map(|to| &to.contact);
            let directory = self.replica.directory()?;
            let cannot = who_cannot(directory, to, &error.reason, &error.facts.contacts);
            let are_some = (1..of.recipients.len()).contains(&cannot.len());
            if !are_some || !(skip || office.agrees(&Question::ToTheOthers(&error))) {
                return Err(error);
            }
            let contacts: Vec<&ContactId> = cannot.iter().map(|(contact, _)| *contact).collect();
            id = self.seal_to_others((id, &contacts))?;
            for (contact, why) in cannot {
                office.tell(Note::LeftOut(Called::of(directory, contact), why));
                left_out.push((contact.clone(), why));
            }
        }
    }
}
