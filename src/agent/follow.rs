//! The stream of a mailbox.
//!
//! In scope: asking for it, its deadlines, what arrives in which order. Out of scope: what becomes
//! of an entry (`collect`), connecting and trying again (`client`). Invariant: a stream that is not
//! followed ends with the relay's head, or it was broken off.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::domain::limits;
use crate::wire::v1::collect_response;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{self, CollectResponse};

/// The longest silence of a stream. The largest entry takes the slowest member 16 minutes (1.1 MiB
/// at 1.2 kB/s); a dead connection is noticed by its pings long before.
pub const SILENCE: Duration = Duration::from_secs(20 * 60);

/// Something came.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An entry of the mailbox.
    Item(Box<v1::Item>),
    /// The relay's signed head: everything before it was sent.
    Head(Bytes),
}

/// Collecting ended early. What came before was handed over.
#[derive(Debug, thiserror::Error)]
pub enum FollowError<E> {
    /// The relay said no, or the connection broke.
    #[error("the relay ended the stream: {}", .0.message())]
    Status(Box<tonic::Status>),
    /// Nothing came for too long.
    #[error("nothing came from the relay for {} s", .0.as_secs())]
    Silent(Duration),
    /// The stream ended without the relay's head.
    #[error("the relay ended the stream without its signed head")]
    NoHead,
    /// Neither an item nor a head.
    #[error("the relay sent an entry that this version does not know")]
    Unknown,
    /// The caller stopped.
    #[error(transparent)]
    Stopped(E),
}

/// Collects what there is: until the relay's last head.
///
/// # Errors
/// [`FollowError`].
pub async fn collect_once<E: Send>(
    channel: Channel,
    request: v1::CollectRequest,
    on_event: impl FnMut(Event) -> Result<(), E> + Send,
) -> Result<(), FollowError<E>> {
    let request = v1::CollectRequest { follow: false, ..request };
    match run(channel, request, on_event).await? {
        Last::Head => Ok(()),
        Last::Item | Last::Nothing => Err(FollowError::NoHead),
    }
}

/// Collects what there is and what comes, until the stream ends: the relay asks connections to go
/// after a while, so the caller connects again.
///
/// # Errors
/// [`FollowError`].
pub async fn follow<E: Send>(
    channel: Channel,
    request: v1::CollectRequest,
    on_event: impl FnMut(Event) -> Result<(), E> + Send,
) -> Result<(), FollowError<E>> {
    run(channel, v1::CollectRequest { follow: true, ..request }, on_event).await.map(|_| ())
}

enum Last {
    Nothing,
    Item,
    Head,
}

async fn run<E: Send>(
    channel: Channel,
    request: v1::CollectRequest,
    mut on_event: impl FnMut(Event) -> Result<(), E> + Send,
) -> Result<Last, FollowError<E>> {
    let status = |status| FollowError::Status(Box::new(status));
    let mut relay = RelayServiceClient::new(channel);
    let started = timeout(limits::REQUEST_DEADLINE, relay.collect(request)).await;
    let started = started.map_err(|_| FollowError::Silent(limits::REQUEST_DEADLINE))?;
    let mut stream: Streaming<CollectResponse> = started.map_err(status)?.into_inner();
    let mut last = Last::Nothing;
    loop {
        let next = timeout(SILENCE, stream.message()).await;
        let next = next.map_err(|_| FollowError::Silent(SILENCE))?.map_err(status)?;
        let Some(response) = next else { return Ok(last) };
        let event = match response.item.ok_or(FollowError::Unknown)? {
            collect_response::Item::Message(item) => {
                last = Last::Item;
                Event::Item(Box::new(item))
            }
            collect_response::Item::Head(head) => {
                last = Last::Head;
                Event::Head(head)
            }
        };
        on_event(event).map_err(FollowError::Stopped)?;
    }
}
