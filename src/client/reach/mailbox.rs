//! The stream of a mailbox.
//!
//! In scope: asking for it, its deadlines, what arrives in which order. Out of scope: what becomes
//! of an entry (`collect`), connecting (`client`), trying again (`stay`). Invariant: a stream that is
//! not followed ends with the relay's head, or it was broken off; only of one that asks for an entry
//! again the rest is dropped.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Streaming;
use tonic::transport::Channel;

use crate::domain::limits;
use crate::wire::v1::collect_response;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{self, CollectResponse};

/// The longest silence of a stream. The largest entry takes the slowest member 16 minutes (1.1 MiB
/// at 1.2 kB/s); a dead connection is noticed by its pings long before.
pub const SILENCE: Duration = Duration::from_secs(20 * 60);

/// What comes on a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An entry of the mailbox.
    Item(Box<v1::Item>),
    /// Where the mailbox begins now: what stood before it is gone and forgotten.
    Beginning(v1::Beginning),
    /// An entry that was asked for again is among those.
    Forgotten(u64),
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
    mut on_event: impl FnMut(Event) -> Result<(), E> + Send,
) -> Result<(), FollowError<E>> {
    let mut events = pin!(events(channel, v1::CollectRequest { follow: false, ..request }));
    let mut ends_with_head = false;
    while let Some(event) = events.next().await {
        let event = event?;
        ends_with_head = matches!(event, Event::Head(_));
        on_event(event).map_err(FollowError::Stopped)?;
    }
    if ends_with_head { Ok(()) } else { Err(FollowError::NoHead) }
}

/// What there is and what comes, until the stream ends: the relay asks connections to go after a
/// while, so the caller connects again. What is not asked for waits at the relay.
pub fn follow<E>(
    channel: Channel,
    request: v1::CollectRequest,
) -> impl Stream<Item = Result<Event, FollowError<E>>> {
    events(channel, v1::CollectRequest { follow: true, ..request })
}

/// Asks for entries again, one request after the other: of each answer its first event is taken, and
/// the rest dropped.
pub fn again<E>(
    channel: Channel,
    requests: Vec<v1::CollectRequest>,
) -> impl Stream<Item = Result<Event, FollowError<E>>> {
    tokio_stream::iter(requests).then(move |request| first(channel.clone(), request))
}

async fn first<E>(channel: Channel, request: v1::CollectRequest) -> Result<Event, FollowError<E>> {
    let first = pin!(events(channel, request)).next().await.unwrap_or(Err(FollowError::NoHead))?;
    Ok(match first {
        Event::Beginning(begins) if begins.number > request.after => {
            Event::Forgotten(request.after + 1)
        }
        first => first,
    })
}

/// Every event of one stream, and why it broke.
fn events<E>(
    channel: Channel,
    request: v1::CollectRequest,
) -> impl Stream<Item = Result<Event, FollowError<E>>> {
    stream::try_unfold(None, move |begun| {
        let channel = channel.clone();
        async move {
            let mut stream = match begun {
                Some(stream) => stream,
                None => start(channel, request).await?,
            };
            Ok(next(&mut stream).await?.map(|event| (event, Some(stream))))
        }
    })
}

async fn start<E>(
    channel: Channel,
    request: v1::CollectRequest,
) -> Result<Streaming<CollectResponse>, FollowError<E>> {
    let mut relay = RelayServiceClient::new(channel).max_decoding_message_size(limits::ITEM_BYTES);
    let started = timeout(limits::CALL_DEADLINE, relay.collect(request)).await;
    let started = started.map_err(|_| FollowError::Silent(limits::CALL_DEADLINE))?;
    Ok(started.map_err(broken)?.into_inner())
}

async fn next<E>(stream: &mut Streaming<CollectResponse>) -> Result<Option<Event>, FollowError<E>> {
    let next = timeout(SILENCE, stream.message()).await;
    let next = next.map_err(|_| FollowError::Silent(SILENCE))?.map_err(broken)?;
    let Some(response) = next else { return Ok(None) };
    Ok(Some(match response.item.ok_or(FollowError::Unknown)? {
        collect_response::Item::Message(item) => Event::Item(Box::new(item)),
        collect_response::Item::Beginning(beginning) => Event::Beginning(beginning),
        collect_response::Item::Head(head) => Event::Head(head),
    }))
}

fn broken<E>(status: tonic::Status) -> FollowError<E> {
    FollowError::Status(Box::new(status))
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio_stream::Iter;
    use tonic::transport::{Endpoint, Server};
    use tonic::{Request, Response, Status};

    use crate::client::reach::call::Patience;
    use crate::client::reach::relay::Relay;
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

        /// Of 2 it has nothing, and for 3 it gives another.
        async fn get_body(
            &self,
            request: Request<v1::GetBodyRequest>,
        ) -> Result<Response<v1::GetBodyResponse>, Status> {
            let number = match request.get_ref().number {
                2 => return Err(Status::not_found("")),
                3 => 4,
                number => number,
            };
            let item = Some(v1::Item { number, ..Default::default() });
            Ok(Response::new(v1::GetBodyResponse { item }))
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
        let request = v1::CollectRequest { after: 7, epoch: 1, ..Default::default() };
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

    /// Whatever stands behind it.
    #[tokio::test]
    async fn what_is_asked_for_again_is_the_first_event_of_each_answer() {
        let ask = async |script, times| {
            let request = v1::CollectRequest { after: 7, epoch: 1, ..Default::default() };
            let again = again::<std::fmt::Error>(relay(script), vec![request; times]);
            again.collect::<Vec<_>>().await
        };
        let broken = vec![Ok(item(8)), Ok(item(9)), Err(Status::unavailable("restarting"))];
        let number = |event| match event {
            Ok(Event::Item(item)) => item.number,
            other => panic!("{other:?}"),
        };
        assert!(ask(broken, 2).await.into_iter().map(number).eq([8, 8]));
        assert!(matches!(ask(vec![], 1).await[..], [Err(FollowError::NoHead)]));
        assert!(ask(vec![], 0).await.is_empty());
    }

    #[tokio::test]
    async fn what_is_asked_for_again_may_be_forgotten() {
        let begins = |number| {
            let begins = v1::Beginning { number, ..Default::default() };
            CollectResponse { item: Some(collect_response::Item::Beginning(begins)) }
        };
        let request = v1::CollectRequest { after: 7, epoch: 1, ..Default::default() };
        for (number, is_forgotten) in [(8, true), (99, true), (7, false)] {
            let channel = relay(vec![Ok(begins(number)), Ok(head())]);
            let event = first::<std::fmt::Error>(channel, request).await.unwrap();
            assert_eq!(event == Event::Forgotten(8), is_forgotten, "{event:?}");
        }
    }

    #[tokio::test]
    async fn bodies_come_in_the_order_asked_for_and_one_that_fails_keeps_none_back() {
        let bodies = Relay::new(relay(vec![]), Patience::NONE).bodies(0, vec![5, 2, 9, 3, 1]);
        let came: Vec<_> = bodies.collect().await;
        let came = came.into_iter().map(|(asked, came)| (asked, came.map(|item| item.number)));
        let came: Vec<_> =
            came.map(|(asked, came)| (asked, came.map_err(|why| why.reason.to_string()))).collect();
        let (unknown, another) = ("UNAVAILABLE".to_owned(), "UNKNOWN_ITEM".to_owned());
        let expected = [(5, Ok(5)), (2, Err(unknown)), (9, Ok(9)), (3, Err(another)), (1, Ok(1))];
        assert_eq!(came, expected);
    }

    #[tokio::test]
    async fn the_caller_can_stop() {
        let (events, result) = collect(vec![Ok(item(8)), Ok(item(9)), Ok(head())], 1).await;
        assert!(matches!(result, Err(FollowError::Stopped(_))), "{result:?}");
        assert_eq!(events.len(), 1);
    }
}
