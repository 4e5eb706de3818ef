//! What stands on accounts and in the shares of mailboxes, as it follows from the answers that are due.
//!
//! In scope: the sums. Out of scope: how each message changes them (`commands`), reading and
//! writing them (`service::scrub`, `service::salvage`).

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{ContactId, MemberId};

use super::answers::Answers;
use super::share::{DAY, Share, Waiting};

/// The sums of what was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Bytes on the accounts of members.
    pub kept: BTreeMap<MemberId, u64>,
    /// What waits, in whose mailbox, from which member.
    pub shares: BTreeMap<(ContactId, MemberId), BTreeMap<u64, Waiting>>,
}

impl Sums {
    /// One message more, to which these answers are due.
    pub fn add(&mut self, answers: &Answers) {
        let member = answers.sender.member();
        let kept = self.kept.entry(member.clone()).or_default();
        *kept = kept.saturating_add(answers.paid);
        if answers.waiting == 0 {
            return;
        }
        let contacts: BTreeSet<ContactId> =
            answers.seats.iter().map(|seat| seat.contact()).collect();
        for contact in contacts {
            let received = answers.is_received_by(&contact);
            // A share stays when nothing waits in it any more.
            let share = self.shares.entry((contact, member.clone())).or_default();
            if !received {
                let day = share.entry(answers.until / DAY).or_default();
                day.messages = day.messages.saturating_add(1);
                day.bytes = day.bytes.saturating_add(answers.waiting);
            }
        }
    }

    /// Whether this is the share of a member in a mailbox. Days that are over may be left out of it.
    #[must_use]
    pub fn is_share(&self, of: &(ContactId, MemberId), share: &Share) -> bool {
        let waits = self.shares.get(of);
        share
            .waiting
            .iter()
            .all(|(day, stored)| waits.and_then(|waits| waits.get(day)) == Some(stored))
    }
}
