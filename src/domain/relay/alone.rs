//! What is amiss in one message alone: whether it begins a thread or answers, and whom.
//!
//! In scope: what its addressing shows. Out of scope: the messages beside it (`thread`).

use crate::domain::ids::ContactId;
use crate::domain::refusal::{Amiss, Refusal};
use crate::signed::proto::Class;

use super::addressing::{Addressing, OrLater};

/// What can be seen in the message alone.
#[must_use]
pub fn alone(addressing: &Addressing) -> Option<Amiss> {
    let begins = addressing.id == addressing.thread;
    let answers = addressing.in_reply_to.is_some();
    match (begins, answers) {
        (true, true) => Some(Amiss::BeginsAndAnswers),
        (false, false) => Some(Amiss::AnswersNothing),
        (true, false) if answers_by_nature(addressing.class) => Some(Amiss::AnswersNothing),
        (false, true) if is_about_one(addressing.class) && to_one(addressing).is_none() => {
            Some(Amiss::NotToItsSender)
        }
        (true, false) | (false, true) => None,
    }
}

/// Refuses what the relay sees in the message alone.
///
/// # Errors
/// [`Refusal::WrongThread`].
pub fn form(addressing: &Addressing) -> Result<(), Refusal> {
    alone(addressing).map_or(Ok(()), |amiss| Err(Refusal::WrongThread(amiss)))
}

pub(super) fn takes_back(class: OrLater<Class>) -> bool {
    class == Class::Withdrawal || class == Class::Correction
}

/// A receipt, or the words of an acknowledgement.
pub(super) fn is_about_one(class: OrLater<Class>) -> bool {
    class == Class::Receipt || class == Class::Acknowledgement
}

/// The only contact that is addressed, and that itself.
pub(super) fn to_one(addressing: &Addressing) -> Option<ContactId> {
    match &addressing.recipients[..] {
        [to] if to.step == 0 => Some(to.contact.clone()),
        _ => None,
    }
}

fn answers_by_nature(class: OrLater<Class>) -> bool {
    takes_back(class) || is_about_one(class)
}
