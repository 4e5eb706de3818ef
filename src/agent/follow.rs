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
    let mut relay = RelayServiceClient::new(channel).max_decoding_message_size(limits::ITEM_BYTES);
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

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio_stream::Iter;
    use tonic::transport::{Endpoint, Server};
    use tonic::{Request, Response, Status};

    use crate::wire::v1::relay_service_server::{RelayService, RelayServiceServer};

    use super::*;

    /// A relay that answers every Collect with the same events.
    struct Script(Vec<Result<CollectResponse, Status>>);

    #[tonic::async_trait]
    impl RelayService for Script {
        type CollectStream = Iter<std::vec::IntoIter<Result<CollectResponse, Status>>>;

        async fn collect(
            &self,
            request: Request<v1::CollectRequest>,
        ) -> Result<Response<Self::CollectStream>, Status> {
            assert_eq!(request.get_ref().after, 7);
            Ok(Response::new(tokio_stream::iter(self.0.clone())))
        }

        async fn submit(
            &self,
            _: Request<v1::SubmitRequest>,
        ) -> Result<Response<v1::SubmitResponse>, Status> {
            Err(Status::unimplemented(""))
        }

        async fn acknowledge(
            &self,
            _: Request<v1::AcknowledgeRequest>,
        ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
            Err(Status::unimplemented(""))
        }

        async fn get_status(
            &self,
            _: Request<v1::GetStatusRequest>,
        ) -> Result<Response<v1::GetStatusResponse>, Status> {
            Err(Status::unimplemented(""))
        }
    }

    fn relay(script: Vec<Result<CollectResponse, Status>>) -> Channel {
        let (near, far) = tokio::io::duplex(1 << 16);
        let incoming = tokio_stream::once(Ok::<_, std::io::Error>(far));
        let service = RelayServiceServer::new(Script(script));
        // It ends with its one connection.
        drop(tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming)));
        let mut near = Some(near);
        let connector = tower::service_fn(move |_: http::Uri| {
            let near = near.take().map(TokioIo::new);
            async move { near.ok_or_else(|| std::io::Error::other("one connection")) }
        });
        Endpoint::from_static("http://relay").connect_with_connector_lazy(connector)
    }

    fn item(number: u64) -> CollectResponse {
        let item = v1::Item { number, ..Default::default() };
        CollectResponse { item: Some(collect_response::Item::Message(item)) }
    }

    fn head() -> CollectResponse {
        CollectResponse { item: Some(collect_response::Item::Head(Bytes::from_static(b"head"))) }
    }

    async fn collect(
        script: Vec<Result<CollectResponse, Status>>,
        stop_at: usize,
    ) -> (Vec<Event>, Result<(), FollowError<std::fmt::Error>>) {
        let mut events = Vec::new();
        let request = v1::CollectRequest { after: 7, epoch: 1, follow: false };
        let on_event = |event| {
            events.push(event);
            if events.len() == stop_at { Err(std::fmt::Error) } else { Ok(()) }
        };
        let result = collect_once(relay(script), request, on_event).await;
        (events, result)
    }

    #[tokio::test]
    async fn what_there_is_ends_with_the_head() {
        let (events, result) = collect(vec![Ok(item(8)), Ok(item(9)), Ok(head())], 0).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!((events.len(), events.last()), (3, Some(&Event::Head("head".into()))));
    }

    /// Four times what the gRPC library takes unless it is told.
    #[tokio::test]
    async fn an_entry_with_the_largest_body_arrives() {
        let body = Bytes::from(vec![7; 16 << 20]);
        let large = v1::Item { number: 8, body: body.clone(), ..Default::default() };
        let large = CollectResponse { item: Some(collect_response::Item::Message(large)) };
        let (events, result) = collect(vec![Ok(large), Ok(head())], 0).await;
        assert!(result.is_ok(), "{result:?}");
        let Some(Event::Item(item)) = events.first() else { panic!("an item") };
        assert!(item.body == body);
    }

    #[tokio::test]
    async fn a_stream_without_its_head_was_broken_off() {
        let (events, result) = collect(vec![Ok(head()), Ok(item(8))], 0).await;
        assert!(matches!(result, Err(FollowError::NoHead)), "{result:?}");
        assert_eq!(events.len(), 2);
        let (_, result) = collect(vec![], 0).await;
        assert!(matches!(result, Err(FollowError::NoHead)), "{result:?}");
        let broken = vec![Ok(item(8)), Err(Status::unavailable("restarting"))];
        let (events, result) = collect(broken, 0).await;
        assert!(matches!(result, Err(FollowError::Status(_))), "{result:?}");
        assert_eq!(events.len(), 1);
        let (_, result) = collect(vec![Ok(CollectResponse { item: None })], 0).await;
        assert!(matches!(result, Err(FollowError::Unknown)), "{result:?}");
    }

    #[tokio::test]
    async fn the_caller_can_stop() {
        let (events, result) = collect(vec![Ok(item(8)), Ok(item(9)), Ok(head())], 1).await;
        assert!(matches!(result, Err(FollowError::Stopped(_))), "{result:?}");
        assert_eq!(events.len(), 1);
    }
}
