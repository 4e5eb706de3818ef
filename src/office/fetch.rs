//! Bodies, by number, in the order that the reader wants.
//!
//! In scope: asking for them, a few at a time. Out of scope: the order (`index`), what becomes of them
//! (`collect`). Invariant: what comes is the entry that was asked for, or an error; one that does not
//! come keeps no other back.

use futures_util::{Stream, StreamExt as _, stream};
use tonic::transport::Channel;

use crate::client::call::{Patience, answered, patiently, request_for};
use crate::client::error::{ClientError, Family, Side};
use crate::client::reason::Here;
use crate::domain::limits;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{self, GetBodyRequest};

/// Asks for entries, whole, in this order, and says of each what came. What fails is of this entry: a
/// connection that breaks ends its stream, too. Of the numbers here, the first `base` are not the relay's.
pub fn bodies(
    (channel, patience): (Channel, Patience),
    (base, numbers): (u64, Vec<u64>),
) -> impl Stream<Item = (u64, Result<v1::Item, ClientError>)> {
    let body = move |number: u64| {
        let asked = body((channel.clone(), patience), number.saturating_sub(base));
        async move { (number, asked.await) }
    };
    stream::iter(numbers).map(body).buffered(AT_ONCE)
}

async fn body(
    (channel, patience): (Channel, Patience),
    number: u64,
) -> Result<v1::Item, ClientError> {
    let relay = RelayServiceClient::new(channel).max_decoding_message_size(limits::ITEM_BYTES);
    let answer = patiently(patience, || {
        let request = request_for(GetBodyRequest { number }, limits::SUBMIT_MESSAGE_BYTES);
        let mut relay = relay.clone();
        async move { answered("GetBody", relay.get_body(request)).await }
    });
    answer.await?.item.filter(|item| item.number == number).ok_or_else(|| {
        let sentence = format!("asked for entry {number}, the relay sent another");
        ClientError::new(Side::Theirs, Family::VerificationFailed, Here::UnknownItem, sentence)
    })
}

/// So many are on the way at a time: a round trip of half a second is not paid for each, and the largest
/// are 64 MiB.
const AT_ONCE: usize = 4;
