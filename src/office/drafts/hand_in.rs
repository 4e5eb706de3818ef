//! Statements handed in, and looked up in the log.
//!
//! In scope: as whom, what was refused, whether they stand there. Out of scope: drafting and signing. Invariant:
//! that a statement stands in the log is not believed: it is looked up there, or said not to be.

use crate::client::draft::Composed;
use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::reach::session::Verdict;
use crate::client::reason::{Here, Rule};
use crate::domain::directory::Directory;
use crate::office::Office;
use crate::office::standing::of_clocks;

use super::{Drafted, passed};
use crate::office::passed::statement_of;

/// Statements that the service says are in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedIn {
    /// At these leaf indices, in order.
    pub leaves: Vec<u64>,
    /// Whether they were seen there.
    pub looked_up: LookedUp,
}

/// Whether statements were seen in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// They stand there.
    InTheLog,
    /// No key of this home may read it.
    ByNobody,
    /// The key that handed them in may no longer read it.
    NoLonger,
}

impl Office {
    /// Hands in as whoever of this home may publish; without a key in force, by enrolment.
    ///
    /// # Errors
    /// The service cannot be reached or believed, or refuses a statement; one is superseded.
    pub async fn publish(&self, drafted: &Drafted) -> Result<HandedIn, ClientError> {
        match self.hand_in_drafted(drafted).await {
            Ok(handed_in) => Ok(handed_in),
            Err(why) => {
                // It may be the copy at hand that is behind.
                if let Ok((_, replica)) = self.synced().await {
                    passed(Some(&replica), &drafted.bundle)?;
                }
                Err(why)
            }
        }
    }

    /// As [`Office::publish`], of what was drafted on a copy that is up to date.
    ///
    /// # Errors
    /// As [`Office::publish`].
    pub async fn hand_in_drafted(&self, drafted: &Drafted) -> Result<HandedIn, ClientError> {
        let bundle = &drafted.bundle;
        let Ok(owner) = self.reader() else {
            let leaves = logged(self.connect(None).await?.enrol(bundle).await, |why| why)?;
            return Ok(HandedIn { leaves, looked_up: LookedUp::ByNobody });
        };
        let session = self.connect(Some(&owner)).await?;
        let answers = match session.publish(bundle).await {
            // A statement carries its own right to be published: any connection may hand it in.
            Err(why) if why.reason == Rule::NotPermitted => session.enrol(bundle).await,
            answered => answered,
        };
        let leaves = logged(answers, |why| {
            let copy = self.replica().ok();
            let clock = copy.and_then(|copy| copy.directory().ok().map(Directory::clock));
            of_clocks(why, self.ambient().now(), clock.unwrap_or(0))
        })?;
        // If it lists a new key for who hands it in, that one looks.
        let session =
            if self.changes_keys(&owner) { self.connect(Some(&owner)).await? } else { session };
        let mut replica = self.replica()?;
        match self.sync(&session, &mut replica).await {
            Ok(_) => {}
            Err(why) if why.family == Family::IdentityOrKey => {
                return Ok(HandedIn { leaves, looked_up: LookedUp::NoLonger });
            }
            Err(why) => return Err(why),
        }
        for (publication, leaf) in bundle.publications().iter().zip(&leaves) {
            holds(replica.entry(*leaf)?.as_deref(), *leaf, publication)?;
        }
        Ok(HandedIn { leaves, looked_up: LookedUp::InTheLog })
    }
}

/// # Errors
/// The entry at this leaf index is another than the statement that was handed in.
fn holds(entry: Option<&[u8]>, leaf: u64, of: &Composed) -> Result<(), ClientError> {
    if entry.and_then(statement_of) == Some(of.envelope().digest()) {
        return Ok(());
    }
    let sentence = format!("the service said entry {leaf}, and the log holds another there");
    let (side, family) = (Side::Theirs, Family::VerificationFailed);
    Err(ClientError::new(side, family, Here::NotInTheLog, sentence))
}

/// Where the statements stand in the log. What of the first refusal is known besides, `known` adds.
fn logged(
    answers: Result<Vec<Verdict>, ClientError>,
    known: impl FnOnce(ClientError) -> ClientError,
) -> Result<Vec<u64>, ClientError> {
    let (mut leaves, mut refused) = (Vec::new(), None);
    match answers {
        Ok(answers) => answers.into_iter().for_each(|answer| match answer {
            Verdict::Logged(leaf) => leaves.push(leaf),
            Verdict::Refused(why) => refused = refused.take().or(Some(why)),
        }),
        Err(why) => refused = Some(why),
    }
    match refused {
        Some(why) => Err(not_now(known(why), &leaves)),
        None => Ok(leaves),
    }
}

/// A statement waits in no outbox: what is refused only now, whose it is hands in again.
fn not_now(why: ClientError, logged: &[u64]) -> ClientError {
    let mend = match (why.reason.rule(), why.mend.as_deref()) {
        (Some(Rule::StorageFull | Rule::StorageReadOnly), _) => Mend::AgainOnceWritten,
        (Some(Rule::ClockInDoubt | Rule::IssuedInFuture), Some(Mend::SetClock)) => {
            Mend::SetClockAndAgain
        }
        (Some(Rule::ClockInDoubt | Rule::IssuedInFuture), _) => Mend::AgainOnceClocksRight,
        _ => return why,
    };
    let numbers = logged.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let published = match logged {
        [] => "nothing was published".to_owned(),
        _ => format!("all that was published is entry {numbers} of the log"),
    };
    let sentence = format!("{}; {published}", why.sentence);
    ClientError { sentence, ..why }.mended_by(mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::draft::Bundle;
    use crate::domain::refusal::Refusal;
    use crate::office::drafts::tests::World;
    use crate::signed::proto;

    #[test]
    fn what_is_refused_only_now_says_what_was_published_and_what_to_do_again() {
        let refused = |why: &Refusal| Verdict::Refused(ClientError::from(why));
        let told = |answers| logged(answers, |why| why).unwrap_err();
        for (why, mend) in [
            (Refusal::StorageFull, Mend::AgainOnceWritten),
            (Refusal::StorageReadOnly, Mend::AgainOnceWritten),
            (Refusal::ClockInDoubt, Mend::AgainOnceClocksRight),
        ] {
            let whole = told(Err(ClientError::from(&why)));
            assert_eq!(whole.sentence, format!("{why}; nothing was published"));
            assert_eq!((whole.side, whole.mend.as_deref()), (Side::Theirs, Some(&mend)));
            let part = told(Ok(vec![Verdict::Logged(7), refused(&why)]));
            let published = format!("{why}; all that was published is entry 7 of the log");
            assert_eq!((part.sentence, part.mend.as_deref()), (published, Some(&mend)));
        }
        let future = Refusal::IssuedInFuture { issued: 2, at: 1 };
        let own = |why: ClientError| why.mended_by(Mend::SetClock);
        let error = logged(Ok(vec![refused(&future)]), own).unwrap_err();
        assert_eq!(error.mend.as_deref(), Some(&Mend::SetClockAndAgain));
        // The same again would be refused again.
        let never = Refusal::WrongPrevious;
        assert_eq!(told(Ok(vec![refused(&never)])), ClientError::from(&never));
        assert_eq!(
            logged(Ok(vec![Verdict::Logged(3), Verdict::Logged(4)]), |why| why),
            Ok(vec![3, 4])
        );
    }
    #[test]
    fn of_several_refusals_the_first_is_said_and_every_entry_that_stands() {
        let refused = |why: &Refusal| Verdict::Refused(ClientError::from(why));
        let (first, second) = (Refusal::StorageFull, Refusal::WrongPrevious);
        let answers = vec![
            Verdict::Logged(7),
            refused(&first),
            Verdict::Logged(9),
            refused(&second),
            Verdict::Logged(11),
        ];
        let why = logged(Ok(answers), |why| why).unwrap_err();
        let published = "all that was published is entry 7, 9, 11 of the log";
        assert_eq!(why.sentence, format!("{first}; {published}"));
        assert_eq!(why.reason, Rule::StorageFull);
        // Nothing that was handed in is nothing that stands.
        assert_eq!(logged(Ok(Vec::new()), |why| why), Ok(Vec::new()));
    }

    #[test]
    fn that_a_statement_stands_in_the_log_is_seen_in_its_entry() {
        let world = World::populated();
        let entries = &world.log.entries;
        let bundle = |entry: &[u8]| {
            let entry = <proto::Entry as prost::Message>::decode(entry).unwrap();
            let Some(proto::entry::Leaf::Statement(statement)) = entry.leaf else { panic!("none") };
            Bundle::without_details(&statement).unwrap()
        };
        let (charter, admission) = (bundle(&entries[0]), bundle(&entries[1]));
        assert_eq!(holds(Some(&entries[0]), 0, &charter.publications()[0]), Ok(()));
        assert_eq!(holds(Some(&entries[1]), 1, &admission.publications()[0]), Ok(()));
        let other = &admission.publications()[0];
        for found in [None, Some(&entries[0][..]), Some(b"no entry")] {
            let why = holds(found, 5, other).unwrap_err();
            assert_eq!((&why.reason, why.side), (&Here::NotInTheLog.into(), Side::Theirs));
            assert_eq!(why.family, Family::VerificationFailed);
            assert!(why.sentence.contains("entry 5,"), "{why}");
        }
    }
}
