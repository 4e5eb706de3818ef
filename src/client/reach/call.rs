//! One call: its deadline, and what becomes of it if the network fails.
//!
//! In scope: how long an answer may take, how often the same is asked again, after which pauses. Out
//! of scope: which call, connecting (`connect`; a channel does it anew by itself). Invariant: what is
//! repeated is the same to the byte, and the service answers it as it did before.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status};

use crate::client::reason::{Here, Rule};
use crate::domain::limits;

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;

/// A request with its deadline, which its size puts off.
pub fn request_of<M: prost::Message>(message: M) -> Request<M> {
    request_for(message, 0)
}

/// The same, if so many bytes of answer may come.
pub fn request_for<M: prost::Message>(message: M, answer: usize) -> Request<M> {
    let bytes = message.encoded_len() + answer;
    let mut request = Request::new(message);
    request.set_timeout(limits::call_deadline(bytes));
    request
}

/// The answer to a call, in time.
///
/// # Errors
/// The call's; or there was none in time, which is the network's.
pub async fn answered<T>(
    what: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, ClientError> {
    // The request's own comes first.
    within(what, limits::call_deadline(limits::SUBMIT_MESSAGE_BYTES), call).await
}

/// What a port says to calls of the other one. Behind TLS nobody answers in the service's place.
pub fn of_other_port(why: ClientError, what: &str, other: &str, mend: Mend) -> ClientError {
    if why.reason != Here::Unimplemented {
        return why;
    }
    let sentence = format!(
        "what answered does not know {what}: this is the port of {other}, or a service that is \
         older than this program"
    );
    ClientError::new(Side::Ours, Family::Usage, Here::OtherPort, sentence).mended_by(mend)
}

/// The same within another time.
///
/// # Errors
/// As [`answered`].
pub async fn within<T>(
    what: &str,
    deadline: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, ClientError> {
    let slow = |_| {
        let seconds = deadline.as_secs();
        let sentence = format!("the service did not answer {what} within {seconds} s");
        ClientError::new(Side::Network, Family::NotReachable, Here::Deadline, sentence)
    };
    Ok(timeout(deadline, call).await.map_err(slow)??.into_inner())
}

/// Tries again after a while, as long as it fails for what may pass and there is patience left.
///
/// # Errors
/// The last attempt's.
pub async fn patiently<T, F>(
    mut patience: Patience,
    mut attempt: impl FnMut() -> F,
) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    loop {
        match attempt().await {
            Err(error) if patience.bears(&error).await => {}
            done => return done,
        }
    }
}

/// The pauses after which the same is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Patience(&'static [Duration]);

impl Patience {
    /// For who asks once: some seconds.
    pub const SOME: Self = Self(&PAUSES);
    /// For who stays, and tries again anyway.
    pub const NONE: Self = Self(&[]);

    /// Waits a while, if it may pass and there is patience left; tells whether to try again.
    pub async fn bears(&mut self, error: &ClientError) -> bool {
        let Some((pause, rest)) = self.0.split_first() else { return false };
        // There is room in minutes, if at all, and somebody may wait to be asked.
        let room = [Rule::MailboxShare, Rule::StorageFull, Rule::StorageReadOnly];
        if !error.passes() || error.reason.rule().is_some_and(|rule| room.contains(&rule)) {
            return false;
        }
        self.0 = rest;
        sleep(*pause).await;
        true
    }
}

const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use crate::domain::refusal::Refusal;
    use crate::wire::status;

    use super::*;

    /// What comes of attempts that end so, one after the other; how many were made, and in which time.
    async fn tried(patience: Patience, ends: &[Status]) -> (Option<String>, usize, u64) {
        let (mut made, begun) = (0, Instant::now());
        let last = patiently(patience, || {
            made += 1;
            std::future::ready(ends.get(made - 1).map_or(Ok(()), |end| Err(end.clone().into())))
        });
        let last = last.await.err().map(|error| error.reason.to_string());
        (last, made, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_asked_again_while_it_may_pass() {
        let busy = || status::busy("later", Duration::from_secs(1));
        let cut = || Status::unknown("h2 protocol error");
        let refused = || status::of(&Refusal::OtherGenesis);
        assert_eq!(tried(Patience::SOME, &[]).await, (None, 1, 0));
        assert_eq!(tried(Patience::SOME, &[cut(), busy()]).await, (None, 3, 4));
        let ended = (Some("OTHER_GENESIS".to_owned()), 2, 1);
        assert_eq!(tried(Patience::SOME, &[cut(), refused()]).await, ended);
        let ends = [cut(), cut(), cut(), cut(), cut()];
        let lost = || Some("UNAVAILABLE".to_owned());
        assert_eq!(tried(Patience::SOME, &ends).await, (lost(), 4, 13));
        assert_eq!(tried(Patience::NONE, &ends).await, (lost(), 1, 0));
        let full = status::of(&Refusal::MailboxShare { contacts: Vec::new(), retry: Some(1) });
        let full = tried(Patience::SOME, &[full]).await;
        assert_eq!(full, (Some("MAILBOX_SHARE".to_owned()), 1, 0));
        let full = tried(Patience::SOME, &[status::of(&Refusal::StorageFull)]).await;
        assert_eq!(full, (Some("STORAGE_FULL".to_owned()), 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_the_networks_fault() {
        let call = std::future::pending::<Result<Response<()>, Status>>();
        let error = answered("Submit", call).await.unwrap_err();
        assert_eq!((error.side, error.reason.code()), (Side::Network, "DEADLINE"));
        assert!(error.passes());
    }
}
