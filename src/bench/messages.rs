//! Messages made before the clock starts, and the loop that hands them in.
//!
//! In scope: one sealed message per sender, fresh signed headers for it, submitting and verifying
//! the receipt. Out of scope: opening. Invariant: nothing is sealed or signed by the client while
//! the clock runs.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use prost::Message as _;
use tonic::transport::Channel;

use crate::ambient::Ambient;
use crate::bench::founding::Party;
use crate::client::message::compose::{Outside, compose};
use crate::client::message::content::{Inside, Writing};
use crate::client::message::receipt::{About, verify_accepted};
use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::relay::addressing::{self, Recipient};
use crate::domain::view::View;
use crate::service::State;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Level};
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{self, SubmitRequest};

use super::drive::Work;

/// Text of one message.
const TEXT_BYTES: usize = 1_024;

/// A sealed message, to be handed in again and again under fresh headers.
pub(super) struct Sealed<'a> {
    from: &'a Party,
    ambient: &'a Ambient,
    addressing: proto::Addressing,
    header: proto::Header,
    envelope: v1::Envelope,
}

/// One envelope, and the digest that its receipt must name.
#[derive(Clone)]
pub(super) struct Ready {
    digest: Digest,
    request: SubmitRequest,
}

impl Ready {
    /// Its bytes on the wire, before framing and encryption.
    pub(super) fn size(&self) -> usize {
        self.request.encoded_len()
    }
}

impl<'a> Sealed<'a> {
    pub(super) fn new(
        state: &State,
        from: &'a Party,
        to: &ContactId,
        ambient: &'a Ambient,
    ) -> anyhow::Result<Self> {
        let recipient = Recipient::new(to.clone(), Level::Technical);
        let outside =
            Outside::new(from.seat.clone(), vec![recipient], Class::Notification, state.head);
        let inside: Inside = Writing::new(proto::Kind::Incident, "Measured", ambient.now())
            .text("en", &"0123456789abcdef".repeat(TEXT_BYTES / 16))
            .finish()?;
        let sealed = compose(&state.directory, outside, &inside, &from.sign, ambient)?;
        let header = Envelope::parse(&sealed.envelope.header, limits::HEADER_BYTES)?;
        let header = proto::Header::decode(header.payload().clone())?;
        let addressing = proto::Addressing::decode(header.addressing.clone())?;
        Ok(Self { from, ambient, addressing, header, envelope: sealed.envelope })
    }

    /// So many of these.
    pub(super) fn prepared(&self, count: usize) -> anyhow::Result<std::vec::IntoIter<Ready>> {
        let ready = (0..count).map(|_| self.ready());
        Ok(ready.collect::<anyhow::Result<Vec<_>>>()?.into_iter())
    }

    /// The same body and letters under a header with a fresh id.
    pub(super) fn ready(&self) -> anyhow::Result<Ready> {
        let id = MessageId::new(self.ambient.now_ms(), self.ambient.bytes());
        let id = Bytes::copy_from_slice(id.as_bytes());
        let addressing =
            proto::Addressing { id: id.clone(), thread: id, ..self.addressing.clone() };
        let addressing = addressing::encode(&addressing);
        let header = proto::Header { addressing, ..self.header.clone() }.encode_to_vec();
        let signed =
            Envelope::sign(Kind::Header, header, &[&self.from.sign], self.ambient.random());
        let header = signed.ok().context("the system's source of randomness failed")?;
        let digest = header.digest();
        let envelope = v1::Envelope { header: header.bytes().clone(), ..self.envelope.clone() };
        Ok(Ready { digest, request: SubmitRequest { envelope: Some(envelope) } })
    }
}

/// What a sender needs to verify a receipt; none: it is not looked at.
#[derive(Clone)]
pub(super) struct Expect {
    pub(super) state: Arc<State>,
    pub(super) to: ContactId,
}

/// A sender with its envelopes.
pub(super) struct Submitting {
    pub(super) client: RelayServiceClient<Channel>,
    pub(super) ready: Box<dyn Iterator<Item = Ready> + Send>,
    pub(super) expect: Option<Expect>,
}

impl Submitting {
    pub(super) async fn submit(&mut self, ready: Ready) -> anyhow::Result<()> {
        let Ready { digest, request } = ready;
        let answer = self.client.submit(request).await?.into_inner();
        let Some(Expect { state, to }) = &self.expect else { return Ok(()) };
        let View { size, root } = state.head;
        let root_at = |asked: u64| (asked == size).then_some(root);
        let reader = (&state.directory, &root_at as _);
        let about = About { digest, contacts: vec![to.clone()], view: size };
        verify_accepted(reader, &about, &answer.accepted)?;
        Ok(())
    }
}

impl Work for Submitting {
    async fn once(&mut self) -> Option<anyhow::Result<()>> {
        let ready = self.ready.next()?;
        Some(self.submit(ready).await)
    }
}
