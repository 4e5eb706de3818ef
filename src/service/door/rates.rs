//! How often, and how much a day: from whose bucket what is asked is taken.
//!
//! Invariant: what others can make a member hand in has a bucket of its own, and of what it hands in itself
//! a part is kept for what is urgent.

use std::sync::Arc;

use crate::domain::access::Method;
use crate::domain::directory::Policy;
use crate::domain::ids::MemberId;
use crate::domain::limits;
use crate::domain::peer::{AuthenticPeer, Party};
use crate::domain::relay::addressing::OrLater;
use crate::domain::relay::share;
use crate::signed::proto::Urgency;

use super::{Busy, Door, Quota};

/// What is asked of the door, as soon as it is known.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// To call a method, by the headers alone. What is handed in is asked for once it is there.
    Call(Method),
    /// To be told no.
    Refusal,
    /// To close connections, alone.
    Drop,
    /// To read as much as so many requests do.
    Reads(usize),
    /// To hand in so many statements, before their signatures are looked at.
    Statements(usize),
    /// To hand in so many that revoke a key that stands.
    Revocations(usize),
    /// To hand in a message that says that it is so urgent.
    Message(OrLater<Urgency>),
    /// To hand in a message that says that it is a receipt.
    Receipt,
}

/// What is counted at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Refusals,
    Charters,
    Enrolment,
    Revocations,
    Statements,
    Reads,
    Messages,
    Answers,
    Drops,
    Decisions,
}

impl Counted {
    const fn too_many(self) -> &'static str {
        match self {
            Self::Refusals => "too many requests that are refused",
            Self::Charters => "too many requests for charters",
            Self::Enrolment | Self::Statements => "too many statements",
            Self::Revocations => "too many revocations",
            Self::Reads => "too many requests",
            Self::Messages => "too many messages",
            Self::Answers => "too many receipts and acknowledgements",
            Self::Drops => "connections closed too often",
            Self::Decisions => "too many proposals, approvals and decisions",
        }
    }
}

/// What is counted by the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Count,
    Bytes,
}

impl Of {
    const fn too_many(self) -> &'static str {
        match self {
            Self::Count => "too many statements of a day",
            Self::Bytes => "too many bytes of statements of a day",
        }
    }
}

impl Door {
    /// Whether a peer may have this now.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn asks(&self, peer: &AuthenticPeer, ask: Ask) -> Result<(), Busy> {
        let party = peer.party();
        let Some((counted, quota, cost)) = self.counts(&party, ask).filter(|(.., cost)| *cost > 0)
        else {
            return Ok(());
        };
        // A seat keeps no colleague from revoking it, nor from hearing what is wrong.
        let own = matches!(counted, Counted::Refusals | Counted::Revocations);
        let seat = peer.seat().filter(|_| own).cloned();
        let (whose, now) = ((counted, party.clone(), seat), self.ambient.elapsed());
        let taken = self.books().rates.take(whose, quota, cost as u64, now);
        taken.map_err(|again_in| Busy::of(counted.too_many(), party, again_in))
    }

    /// From which bucket how much is taken; none yet for what is handed in.
    fn counts(&self, party: &Party, ask: Ask) -> Option<(Counted, Quota, usize)> {
        let (limits, is_stranger) = (&self.limits, matches!(party, Party::Network(_)));
        Some(match ask {
            Ask::Call(Method::Enrol | Method::Publish | Method::Submit) => return None,
            Ask::Call(Method::Acknowledge) => (Counted::Answers, limits.answers, 1),
            Ask::Call(Method::GetCharters) if is_stranger => {
                (Counted::Charters, limits.charters, 1)
            }
            Ask::Refusal => (Counted::Refusals, limits.refusals[usize::from(!is_stranger)], 1),
            Ask::Call(
                Method::GetCharters
                | Method::GetCheckpoint
                | Method::GetEntries
                | Method::GetProof
                | Method::GetFacets
                | Method::LookUp
                | Method::Watch
                | Method::Collect
                | Method::GetBody
                | Method::GetStatus
                | Method::GetStanding
                | Method::ListProposals
                | Method::ListSessions
                | Method::DropSessions
                | Method::ListServiceKeys
                | Method::GetAudit,
            ) => (Counted::Reads, limits.reads, 1),
            Ask::Call(
                Method::Propose
                | Method::Approve
                | Method::CarryOut
                | Method::Abort
                | Method::StageServiceKey,
            ) => (Counted::Decisions, limits.decisions, 1),
            Ask::Drop => (Counted::Drops, limits.drops, 1),
            Ask::Reads(requests) => (Counted::Reads, limits.reads, requests),
            Ask::Statements(statements) => match party {
                Party::Network(_) => (Counted::Enrolment, limits.enrolment, statements),
                Party::Registrar(_) => (Counted::Statements, limits.statements[1], statements),
                Party::Member(_) | Party::Person(_) => {
                    (Counted::Statements, limits.statements[0], statements)
                }
            },
            Ask::Revocations(count) => (Counted::Revocations, limits.revocations, count),
            Ask::Message(urgency) => {
                let kept = limits.messages.burst - share::part(limits.messages.burst, urgency);
                (Counted::Messages, limits.messages.keeping(kept), 1)
            }
            // What is kept is for acknowledgements.
            Ask::Receipt => {
                let kept = limits.answers.burst / limits::KEPT_FOR_ALERTS;
                (Counted::Answers, limits.answers.keeping(kept), 1)
            }
        })
    }

    /// A statement of so many bytes, facets included, that goes into the log for ever: of a member, or
    /// of the registrars.
    ///
    /// # Errors
    /// [`Busy`]: the day's are used up.
    pub fn logs(
        self: &Arc<Self>,
        member: Option<MemberId>,
        bytes: usize,
        policy: &Policy,
    ) -> Result<Logged, Busy> {
        let (count, most) = match member {
            None => self.limits.registrar_day,
            Some(_) => {
                let (count, bytes) = self.limits.member_day;
                (count.max(policy.member_day_count), bytes.max(policy.member_day_bytes))
            }
        };
        let now = self.ambient.elapsed();
        let mut logged = Logged { door: Arc::clone(self), member, taken: Vec::new() };
        for (of, most, cost) in [(Of::Count, count, 1), (Of::Bytes, most, bytes as u64)] {
            let quota = Quota::new(most, DAY);
            let whose = (of, logged.member.clone());
            let taken = self.books().days.take(whose, quota, cost, now);
            if let Err(again_in) = taken {
                let whose = logged.member.as_ref().map(|member| format!("the member {member}"));
                let whose = whose.unwrap_or_else(|| "the registrars".to_owned());
                logged.give_back();
                return Err(Busy::of(of.too_many(), whose, again_in));
            }
            logged.taken.push((of, quota, cost));
        }
        Ok(logged)
    }
}

const DAY: u64 = 86_400;

/// What a statement took of its day. It stays taken, whatever becomes of who waits for the answer; what
/// was refused, or stood in the log already, gives it back.
#[derive(Debug)]
pub struct Logged {
    door: Arc<Door>,
    member: Option<MemberId>,
    taken: Vec<(Of, Quota, u64)>,
}

impl Logged {
    /// It adds nothing to the log.
    pub fn give_back(self) {
        for (of, quota, cost) in self.taken {
            let whose = (of, self.member.clone());
            self.door.books().days.give_back(&whose, quota, cost);
        }
    }
}
