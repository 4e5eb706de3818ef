//! The relay's calls that are answered at once.
//!
//! In scope: each with its deadline, asked again as long as there is patience. Out of scope: its stream (`mailbox`),
//! what becomes of an answer. Invariants: what comes is the entry that was asked for, or an error; a body that does
//! not come keeps no other back.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tonic::transport::Channel;

use crate::client::error::{ClientError, Family, Side};
use crate::client::outbox::Request;
use crate::client::reason::Here;
use crate::domain::ids::MessageId;
use crate::domain::limits;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{self, GetBodyRequest};

use super::call::{Patience, answered, patiently, request_for, request_of};

/// The relay on one connection.
#[derive(Clone)]
pub struct Relay {
    channel: Channel,
    patience: Patience,
}

impl Relay {
    /// On a connection, for who has so much patience.
    #[must_use]
    pub const fn new(channel: Channel, patience: Patience) -> Self {
        Self { channel, patience }
    }

    /// Hands in a request, the same bytes each time: the relay's receipt.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn hand_in(&self, request: &Request) -> Result<Bytes, ClientError> {
        let submitted = patiently(self.patience, || async {
            let mut relay = self.client();
            match request {
                Request::Submit(submit) => {
                    let call = relay.submit(request_of(submit.clone()));
                    Ok(answered("Submit", call).await?.accepted)
                }
                Request::Acknowledge(acknowledge) => {
                    let call = relay.acknowledge(request_of(acknowledge.clone()));
                    Ok(answered("Acknowledge", call).await?.accepted)
                }
            }
        });
        submitted.await
    }

    /// What the relay knows of a message that this contact sent.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self, id: MessageId) -> Result<v1::GetStatusResponse, ClientError> {
        let request = v1::GetStatusRequest { id: Bytes::copy_from_slice(id.as_bytes()) };
        let status = patiently(self.patience, || async {
            answered("GetStatus", self.client().get_status(request_of(request.clone()))).await
        });
        status.await
    }

    /// Asks for entries, whole, in this order, and says of each what came. What fails is of this entry: a
    /// connection that breaks ends its stream, too. Of the numbers here, the first `base` are not the relay's.
    pub fn bodies(
        self,
        base: u64,
        numbers: Vec<u64>,
    ) -> impl Stream<Item = (u64, Result<v1::Item, ClientError>)> {
        let body = move |number: u64| {
            let relay = self.clone();
            async move { (number, relay.body(number.saturating_sub(base)).await) }
        };
        stream::iter(numbers).map(body).buffered(AT_ONCE)
    }

    async fn body(&self, number: u64) -> Result<v1::Item, ClientError> {
        let answer = patiently(self.patience, || async {
            let mut relay = self.client().max_decoding_message_size(limits::ITEM_BYTES);
            let request = request_for(GetBodyRequest { number }, limits::SUBMIT_MESSAGE_BYTES);
            answered("GetBody", relay.get_body(request)).await
        });
        answer.await?.item.filter(|item| item.number == number).ok_or_else(|| {
            let sentence = format!("asked for entry {number}, the relay sent another");
            ClientError::new(Side::Theirs, Family::VerificationFailed, Here::UnknownItem, sentence)
        })
    }

    fn client(&self) -> RelayServiceClient<Channel> {
        RelayServiceClient::new(self.channel.clone())
    }
}

/// So many are on the way at a time: a round trip of half a second is not paid for each, and the largest
/// are 64 MiB.
const AT_ONCE: usize = 4;
