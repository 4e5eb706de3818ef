//! Sealing again what waits in the outbox, after the directory has changed.
//!
//! In scope: whether a request is outdated, by the own copy and not by the relay's word; the request
//! that takes its place, also one to others. Out of scope: asking, syncing (`cli::courier`). Invariants: id and content
//! stay, so that a message is sent once and keeps the name that people were told, and so does the
//! thread, unless what it answers went to the others in another; what the relay may have is not
//! sealed again.

use crate::client::error::ClientError;
use crate::client::message::acknowledge;
use crate::client::message::compose::{ComposeError, Outside, compose};
use crate::client::message::open::{self, Opened, Reader};
use crate::client::outbox::{Outbox, Request};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::relay::addressing::{self, Addressing};
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::view::View;
use crate::signed::proto::Flag;
use crate::wire::v1;

use super::collect::{Desk, SealError, TakeError, sent_header};
use super::hand_in;

/// Seals a request again under its id, on the view and with the key as they are now: the same content
/// to the same contacts. `stale` tells whether the copy is. If another program did so already, or the
/// request waits no longer, nothing is done. What this copy refuses for good is marked, as the relay would
/// refuse it.
///
/// # Errors
/// [`SealError`]; the request is as it was.
pub fn seal_again(
    desk: &Desk<'_>,
    outbox: &Outbox,
    (id, before): (MessageId, &Request),
    stale: bool,
) -> Result<(), SealError> {
    let sealed = outbox.replace((id, before), || {
        let sent = sent_header(desk, outbox, id)?;
        let addressing = sent.addressing();
        let answered = answered_now(desk, outbox, addressing)?;
        if answered.is_none() && !is_outdated(desk, addressing, desk.ambient.now()) {
            return Err(SealError::NotOutdated);
        }
        let outside = outside(desk, (addressing, answered), stale)?;
        let opened = opened(desk, before, addressing.view)?;
        let directory = desk.reader.directory;
        let sealed = compose(directory, outside, &opened.inside, desk.sign, desk.ambient)?;
        let request = match before {
            Request::Submit(_) => Request::submit(sealed.envelope),
            Request::Acknowledge(of) => {
                let (open, sign) = (&of.acknowledgement, desk.sign);
                let open = acknowledge::again(directory, open, sign, desk.view, desk.ambient)?;
                Request::Acknowledge(v1::AcknowledgeRequest {
                    acknowledgement: open.bytes().clone(),
                    words: Some(sealed.envelope),
                    number: of.number,
                })
            }
        };
        Ok((sealed.header_digest, request))
    });
    if let Err(SealError::Compose(why)) = &sealed {
        let why = ClientError::from(why.clone());
        if hand_in::is_definite(&why) {
            outbox.refuse((id, before), &why.reason)?;
        }
    }
    sealed
}

/// Seals what went to nobody to the others: the same content, as another message in its place. None, if
/// another program has dealt with it.
///
/// # Errors
/// [`SealError`]; nothing has changed.
pub fn seal_to_others(
    desk: &Desk<'_>,
    outbox: &Outbox,
    (id, left_out): (MessageId, &[&ContactId]),
    stale: bool,
) -> Result<Option<MessageId>, SealError> {
    let (before, sent) = (outbox.request(id)?, sent_header(desk, outbox, id)?);
    let addressing = sent.addressing();
    let answered = answered_now(desk, outbox, addressing)?;
    let mut outside = Outside { id: None, ..outside(desk, (addressing, answered), stale)? };
    outside.recipients.retain(|to| !left_out.contains(&&to.contact));
    let opened = opened(desk, &before, addressing.view)?;
    let sealed = compose(desk.reader.directory, outside, &opened.inside, desk.sign, desk.ambient)?;
    let (of, request) = ((sealed.id, sealed.header_digest), Request::submit(sealed.envelope));
    Ok(outbox.put_instead(of, &request, (id, &before))?.then_some(sealed.id))
}

/// What stood outside, as it stands now.
fn outside(
    desk: &Desk<'_>,
    (of, answered): (&Addressing, Option<VerifiedHeader>),
    stale: bool,
) -> Result<Outside, ComposeError> {
    let (directory, now) = (desk.reader.directory, desk.ambient.now());
    let mut outside = Outside::again(directory, of, desk.view, now)?;
    if let Some(answered) = answered {
        outside.in_reply_to = Some(answered.digest());
        outside.thread = Some(answered.addressing().thread);
    }
    outside.flags.extend(stale.then_some(Flag::StaleDirectory));
    Ok(outside)
}

/// The message of this outbox that one answers: it goes first, and this one names it as it went.
///
/// # Errors
/// The outbox.
pub fn answered(
    desk: &Desk<'_>,
    outbox: &Outbox,
    id: MessageId,
) -> Result<Option<MessageId>, TakeError> {
    let Some(digest) = sent_header(desk, outbox, id)?.addressing().in_reply_to else {
        return Ok(None);
    };
    Ok(outbox.stands_for(digest)?)
}

/// Whether a message answers one that was sealed again since, or went to the others as another: nobody
/// has that header.
///
/// # Errors
/// The outbox.
pub fn names_what_was(desk: &Desk<'_>, outbox: &Outbox, id: MessageId) -> Result<bool, TakeError> {
    let of = sent_header(desk, outbox, id)?;
    Ok(answered_now(desk, outbox, of.addressing())?.is_some())
}

/// What stands now for the answered message, if that is another header.
fn answered_now(
    desk: &Desk<'_>,
    outbox: &Outbox,
    of: &Addressing,
) -> Result<Option<VerifiedHeader>, TakeError> {
    let Some(answered) = of.in_reply_to else { return Ok(None) };
    let now = outbox.stands_for(answered)?.map(|id| sent_header(desk, outbox, id)).transpose()?;
    Ok(now.filter(|now| now.digest() != answered))
}

/// What the relay looks at, by this copy and this clock. The end of the sender's key is a change of a
/// reader, too.
fn is_outdated(desk: &Desk<'_>, of: &Addressing, now: u64) -> bool {
    of.view.size > desk.view.size
        || of.created > now
        || addressing::unchanged(desk.reader.directory, of).is_err()
}

/// What this seat sealed itself. It saw that view then, also if the copy is shorter now.
fn opened(
    desk: &Desk<'_>,
    request: &Request,
    View { size, root }: View,
) -> Result<Opened, SealError> {
    let root_at = |at| (desk.reader.root_at)(at).or((at == size).then_some(root));
    let envelope = request.envelope().cloned().unwrap_or_default();
    Ok(open::open_own(&Reader { root_at: &root_at, ..desk.reader }, &envelope)?)
}
