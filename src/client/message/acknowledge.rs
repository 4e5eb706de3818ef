//! Acknowledging: the open signature that stops a contact's deadline, and the words to the sender.
//!
//! In scope: composing both, as one request, and the open part again. Out of scope: deciding to: a human names himself, our
//! agent does not acknowledge. Invariant: the words bear the sentence that receipt does not indicate
//! concurrence.

use bytes::Bytes;
use prost::Message as _;

use crate::ambient::Ambient;
use crate::crypto::sign::SigningKey;
use crate::domain::directory::Directory;
use crate::domain::ids::SeatId;
use crate::domain::refusal::Refusal;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::domain::relay::{acknowledge, addressing};
use crate::domain::view::View;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Level, Urgency};
use crate::wire::v1;

use super::compose::{ComposeError, Outside, Sealed, compose};
use super::content::Inside;
use super::open::level_of;

/// An acknowledgement, ready to be handed in.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedAcknowledgement {
    /// The open part, signed.
    pub open: Envelope,
    /// The words, sealed to the sender.
    pub words: Sealed,
    /// What the relay gets.
    pub request: v1::AcknowledgeRequest,
}

/// Acknowledges a message that stands at `number` in the mailbox of the seat's contact, at the
/// level at which the contact is addressed unless another is named.
///
/// # Errors
/// The contact is no recipient, its record does not have the level, or as [`compose`].
pub fn acknowledge(
    directory: &Directory,
    (seat, key): (&SeatId, &SigningKey),
    (message, number): (&VerifiedHeader, u64),
    (words, level): (proto::Words, Option<Level>),
    view: View,
    ambient: &Ambient,
) -> Result<SealedAcknowledgement, ComposeError> {
    let addressed = level_of(message.addressing(), &seat.contact());
    let addressed =
        addressed.ok_or_else(|| Refusal::UnknownMessage(message.addressing().id.into()))?;
    let level = level.unwrap_or(addressed);
    level::has(directory, &seat.contact(), level)?;
    let answer = (message.digest(), message.addressing());
    let outside = Outside {
        // An urgency that only a later version knows is answered as any other.
        urgency: message.addressing().urgency.known().unwrap_or(Urgency::Routine),
        ..Outside::answering(directory, seat.clone(), answer, Class::Acknowledgement, view)
    };
    let words = compose(directory, outside, &Inside::Words(Box::new(words)), key, ambient)?;
    let open = proto::Acknowledgement {
        view: Some(view.to_proto()),
        directory: Some(addressing::name_of(directory)),
        header_digest: Bytes::copy_from_slice(message.digest().as_bytes()),
        seat: seat.to_string(),
        level: level.into(),
        drill: message.addressing().drill.clone(),
        at: ambient.now(),
    };
    let open = sign(&open, key, ambient)?;
    let request = v1::AcknowledgeRequest {
        acknowledgement: open.bytes().clone(),
        words: Some(words.envelope.clone()),
        number,
    };
    Ok(SealedAcknowledgement { open, words, request })
}

/// The same open part, signed anew on a newer view: what the human said, and when, stays.
///
/// # Errors
/// It cannot be read, or the signature cannot be made.
pub fn again(
    directory: &Directory,
    open: &[u8],
    key: &SigningKey,
    view: View,
    ambient: &Ambient,
) -> Result<Envelope, ComposeError> {
    let before = acknowledge::verify(directory, open)?;
    let before = proto::Acknowledgement::decode(before.envelope().payload().clone());
    let before = before.map_err(|_| Refusal::NotCanonical("acknowledgement"))?;
    let open = proto::Acknowledgement { view: Some(view.to_proto()), ..before };
    Ok(sign(&open, key, ambient)?)
}

fn sign(
    open: &proto::Acknowledgement,
    key: &SigningKey,
    ambient: &Ambient,
) -> Result<Envelope, ring::error::Unspecified> {
    Envelope::sign(Kind::Acknowledgement, open.encode_to_vec(), &[key], ambient.random())
}
