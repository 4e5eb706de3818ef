//! Bodies, by number, in the order that the reader wants.
//!
//! In scope: asking for them, a few at a time. Out of scope: the order (`index`), what becomes of them
//! (`collect`). Invariant: what comes is the entry that was asked for, or an error; one that does not
//! come keeps no other back.

use futures_util::{Stream, StreamExt as _, stream};
use tonic::transport::Channel;

use crate::client::error::{ClientError, Exit, Side};
use crate::domain::limits;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{self, GetBodyRequest};

use super::hand_in::{answered, asked};

/// Asks for entries, whole, in this order.
pub fn bodies(
    channel: Channel,
    numbers: Vec<u64>,
) -> impl Stream<Item = Result<v1::Item, ClientError>> {
    stream::iter(numbers).map(move |number| body(channel.clone(), number)).buffered(AT_ONCE)
}

async fn body(channel: Channel, number: u64) -> Result<v1::Item, ClientError> {
    let mut relay = RelayServiceClient::new(channel).max_decoding_message_size(limits::ITEM_BYTES);
    let answer = answered("GetBody", relay.get_body(asked(GetBodyRequest { number }))).await?;
    answer.item.filter(|item| item.number == number).ok_or_else(|| {
        let sentence = format!("asked for entry {number}, the relay sent another");
        ClientError::new(Side::Theirs, Exit::VerificationFailed, "UNKNOWN_ITEM", sentence)
    })
}

/// So many are on the way at a time: a round trip of half a second is not paid for each, and the largest
/// are 64 MiB.
const AT_ONCE: usize = 4;
