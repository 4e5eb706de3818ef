//! Threads: what a message may say of the one that it answers.
//!
//! In scope: what is amiss in one message, beside the one that it answers and the first of its
//! thread; which that is. Out of scope: where messages stand. Invariants: the relay and a reader refuse
//! what they can see of it, each beside the messages that it has; what is not there is not asked for; what
//! a contact sends under another's id says nothing of messages whose sender has nothing of it.

use crate::crypto::hash::Digest;
use crate::domain::ids::ContactId;
use crate::domain::refusal::{Amiss, Refusal};
use crate::signed::proto::Class;

use super::addressing::Addressing;
use super::alone::{is_about_one, takes_back, to_one};
use super::envelope::VerifiedHeader;

pub use super::alone::{alone, form};

/// Beside the message that it answers.
#[must_use]
pub fn beside_answered(addressing: &Addressing, answered: &VerifiedHeader) -> Option<Amiss> {
    let of = answered.addressing();
    let contact = addressing.sender.contact();
    if of.thread != addressing.thread {
        Some(Amiss::OtherThread)
    } else if of.drill != addressing.drill {
        Some(Amiss::OtherDrill)
    } else if !of.reaches(&contact) {
        Some(Amiss::NotAParty)
    } else if is_about_one(addressing.class) && to_one(addressing) != Some(of.sender.contact()) {
        Some(Amiss::NotToItsSender)
    } else if takes_back(addressing.class) && of.sender.contact() != contact {
        Some(Amiss::NotItsOwn)
    } else if addressing.view.size < of.view.size {
        Some(Amiss::EarlierView)
    } else {
        None
    }
}

/// Beside the first message of its thread.
#[must_use]
pub fn beside_first(addressing: &Addressing, first: &VerifiedHeader) -> Option<Amiss> {
    let of = first.addressing();
    let all_clear = addressing.class == Class::AllClear;
    if of.id != addressing.thread {
        Some(Amiss::OtherThread)
    } else if of.drill != addressing.drill {
        Some(Amiss::OtherDrill)
    } else if all_clear && of.sender.contact() != addressing.sender.contact() {
        Some(Amiss::NotItsBeginner)
    } else if addressing.in_reply_to == Some(first.digest()) {
        beside_answered(addressing, first)
    } else {
        None
    }
}

/// What a reader sees beside the messages that it has: the one answered, and those that could be
/// the thread's first. What is about one message has that one's place in the thread, right or wrong.
#[must_use]
pub fn beside<'a>(
    addressing: &Addressing,
    answered: Option<&VerifiedHeader>,
    firsts: impl IntoIterator<Item = &'a VerifiedHeader>,
) -> Option<Amiss> {
    let found = alone(addressing)
        .or_else(|| answered.and_then(|answered| beside_answered(addressing, answered)));
    match found {
        None if is_about_one(addressing.class) && answered.is_some() => None,
        None => among(addressing, firsts),
        found => found,
    }
}

/// The message with which a message's thread began, if those that are here lead to it, each by the
/// digest of what it answers. `find` looks up a message that is here.
///
/// # Errors
/// Those of `find`.
pub fn led_to<E>(
    addressing: &Addressing,
    mut find: impl FnMut(Digest) -> Result<Option<VerifiedHeader>, E>,
) -> Result<Option<VerifiedHeader>, E> {
    let mut answered = addressing.in_reply_to;
    for _ in 0..ANSWERS {
        let Some(digest) = answered else { break };
        let Some(message) = find(digest)? else { break };
        let of = message.addressing();
        if of.id == addressing.thread && of.id == of.thread {
            return Ok(Some(message));
        }
        answered = of.in_reply_to.filter(|_| of.thread == addressing.thread);
    }
    Ok(None)
}

/// Whether a message may be the thread's first, for who sees no more than its id: every contact
/// chooses ids for itself, and continues no thread of which it has nothing.
#[must_use]
pub fn may_begin(first: &VerifiedHeader, addressing: &Addressing) -> bool {
    let of = first.addressing();
    let is_first = of.id == addressing.thread && of.id == of.thread;
    is_first && of.reaches(&addressing.sender.contact())
}

/// Refuses what the relay sees beside those messages that could be the thread's first: of several
/// contacts that used one id, any may be meant.
///
/// # Errors
/// [`Refusal::WrongThread`], of the first of them.
pub fn fits<'a>(
    addressing: &Addressing,
    candidates: impl IntoIterator<Item = &'a VerifiedHeader>,
) -> Result<(), Refusal> {
    among(addressing, candidates).map_or(Ok(()), |amiss| Err(Refusal::WrongThread(amiss)))
}

fn among<'a>(
    addressing: &Addressing,
    candidates: impl IntoIterator<Item = &'a VerifiedHeader>,
) -> Option<Amiss> {
    let mut wrong = None;
    for first in candidates {
        wrong = wrong.or(Some(beside_first(addressing, first)?));
    }
    wrong
}

/// The contacts that could have begun the thread, as far as the message names them.
#[must_use]
pub fn beginners(addressing: &Addressing) -> Vec<ContactId> {
    if addressing.id == addressing.thread { Vec::new() } else { addressing.readers() }
}

/// So many answers are followed back to the first message.
pub const ANSWERS: usize = 64;
