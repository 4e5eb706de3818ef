//! What the service says: the log, the end of the mailbox, its clock.

use std::sync::Arc;

use crate::client::clocks::Clocks;
use crate::client::error::{ClientError, Family, Side};
use crate::client::message::receipt::{self, VerifiedHead};
use crate::client::reach::mailbox::{self, Event, FollowError};
use crate::client::reach::session::{Session, Synced};
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::office::Office;
use crate::office::inbox::InboxError;
use crate::office::mail::Mail;
use crate::office::sent::{Fault, contradicted};
use crate::office::standing;

use super::{Age, Doubt, Examination, Found, Lack, Subject, Well};

/// Brings the copy up to date, and sees how old it is.
pub(super) async fn copy(
    office: &Office,
    all: &mut Vec<Examination>,
    session: Option<&Session>,
) -> Option<Replica> {
    // What was altered is taken out of the copy where it can be fetched again.
    let opened = if session.is_some() { office.replica_read_through() } else { office.replica() };
    let mut replica = match opened {
        Ok(replica) => replica,
        Err(why) => {
            all.push(Examination::skipped(Subject::Sync, Lack::Copy));
            all.push(Examination::failed(Subject::Copy, why));
            return None;
        }
    };
    all.push(match session {
        None => Examination::skipped(Subject::Sync, Lack::Connection),
        Some(session) => match office.sync(session, &mut replica).await {
            Ok(came) => synced(&came, office.reads_details()),
            Err(why) => Examination::failed(Subject::Sync, office.explained(&replica, why)),
        },
    });
    aged(office, all, &replica).then_some(replica)
}

/// Details that are not for who reads are not missing.
pub(super) fn synced(came: &Synced, reads_details: bool) -> Examination {
    match came.withheld.len() {
        withheld if withheld > 0 && reads_details => {
            Examination::doubt(Subject::Sync, Doubt::Withheld(withheld))
        }
        _ => Examination::well(Subject::Sync, Well::Synced(came.size)),
    }
}

/// How old the copy is, and whether its rules are known; no, if there is none.
pub(super) fn aged(office: &Office, all: &mut Vec<Examination>, replica: &Replica) -> bool {
    let now = office.ambient().now();
    let age = replica.directory().and_then(|directory| {
        replica.view()?;
        let directory = directory.name().clone();
        Ok(Age { directory, synced_at: replica.synced_at(), now })
    });
    match age {
        Ok(age) if replica.is_stale(now) => {
            all.push(Examination::doubt(Subject::Copy, Doubt::Stale(age)));
        }
        Ok(age) => all.push(Examination::well(Subject::Copy, Well::Copy(age))),
        Err(why) => {
            // To sync was tried before.
            let why = ClientError { mend: None, ..why.into() };
            all.push(Examination::failed(Subject::Copy, office.not_synced(why)));
            return false;
        }
    }
    all.push(match replica.frozen() {
        Some(frozen) => Examination::failed(Subject::Rules, ClientError::update_me(frozen)),
        None => Examination::well(Subject::Rules, Well::Rules),
    });
    true
}

/// What the mailbox told besides that it can be reached: the time, signed by the relay.
pub(super) struct Asked {
    /// The copy of the directory, if it is at hand still.
    pub(super) replica: Option<Replica>,
    /// When the relay signed, Unix seconds.
    pub(super) at: Option<u64>,
}

/// Whether the mailbox can be reached, and what waits in the outbox.
pub(super) async fn mailbox(
    office: &Office,
    all: &mut Vec<Examination>,
    session: Option<&Session>,
    replica: Replica,
) -> Asked {
    if let Err(why) = office.seat() {
        all.push(Examination::because(Subject::Mailbox, why.clone()));
        all.push(Examination::because(Subject::Outbox, why));
        return Asked { replica: Some(replica), at: None };
    }
    let mail = match Mail::open(office, replica) {
        Ok(mail) => mail,
        Err(why) => {
            all.push(Examination::failed(Subject::Mailbox, why));
            all.push(Examination::skipped(Subject::Outbox, Lack::Mailbox));
            return Asked { replica: None, at: None };
        }
    };
    let mut at = None;
    all.push(match session {
        None => Examination::skipped(Subject::Mailbox, Lack::Connection),
        Some(session) => match in_reach(&mail, session).await {
            Ok((well, signed_at)) => {
                at = signed_at;
                Examination::well(Subject::Mailbox, well)
            }
            Err(why) => Examination::failed(Subject::Mailbox, why),
        },
    });
    all.push(outbox(&mail));
    Asked { replica: Some(Arc::unwrap_or_clone(mail.replica)), at }
}

/// What waits to be handed in, unless the relay contradicts itself.
pub(super) fn outbox(mail: &Mail) -> Examination {
    let of = Subject::Outbox;
    let believed = match mail.contradictions() {
        Ok(against) => against,
        Err(why) => return Examination::failed(of, why),
    };
    if let Some(Fault::Contradiction(against)) = contradicted(&believed) {
        return Examination { of, found: Found::Contradiction(Box::new(against.clone())) };
    }
    match mail.due() {
        Ok(due) if due.is_empty() => Examination::well(of, Well::NothingWaits),
        Ok(due) => Examination::doubt(of, Doubt::Unsent(due.len())),
        Err(why) => Examination::failed(of, why),
    }
}

/// What stands first in the mailbox; when the relay signed its end, if it came to that.
async fn in_reach(mail: &Mail, session: &Session) -> Result<(Well, Option<u64>), ClientError> {
    let contact = mail.seat.contact();
    match first(mail, session).await {
        Ok(First::Item) => Ok((Well::Waiting(contact), None)),
        Ok(First::Head(bytes)) => {
            let head = ended(mail, &bytes)?;
            Ok((Well::Collected(contact, head.mailbox().count), Some(head.at())))
        }
        Err(why) => Err(mail.office.explained(&mail.replica, why)),
    }
}

/// A head of the mailbox that was collected, or of a newer epoch of it.
pub(super) fn ended(mail: &Mail, bytes: &bytes::Bytes) -> Result<VerifiedHead, ClientError> {
    let contact = mail.seat.contact();
    let head = mail.at_desk(|desk| {
        let known = (desk.reader.directory, desk.reader.root_at);
        receipt::verify_head(known, &contact, bytes)
    })??;
    let own = mail.inbox.cursor()?;
    if mail.inbox.head()?.is_some() && head.mailbox().epoch <= own.epoch {
        receipt::agrees(&own, &head).map_err(InboxError::from)?;
    }
    Ok(head)
}

/// What comes first from the mailbox. It is looked at and not kept.
enum First {
    Item,
    Head(bytes::Bytes),
}

async fn first(mail: &Mail, session: &Session) -> Result<First, ClientError> {
    let request = mail.inbox.request(false)?;
    let mut first = None;
    let enough = || ClientError::new(Side::Ours, Family::Unexpected, Here::Enough, "enough");
    let came = mailbox::collect_once(session.connection().channel(), request, |event| {
        first = Some(match event {
            Event::Item(_) | Event::Beginning(_) | Event::Forgotten(_) => First::Item,
            Event::Head(bytes) => First::Head(bytes),
        });
        Err(enough())
    });
    match came.await {
        Err(FollowError::Stopped(error)) if error.reason == Here::Enough => {}
        came => came?,
    }
    first.ok_or_else(|| ClientError::from(FollowError::<ClientError>::NoHead))
}

/// Our clock beside the service's and the directory's: whose is wrong.
pub(super) fn clock(own: u64, service: Option<u64>, directory: Option<u64>) -> Examination {
    let Some(directory) = directory else {
        return Examination::skipped(Subject::Clock, Lack::Clock);
    };
    let clocks = Clocks { own, service, directory };
    match clocks.wrong() {
        Some(wrong) => Examination::failed(Subject::Clock, standing::wrong_clock(&clocks, wrong)),
        None => {
            let apart = service.map(|at| own.abs_diff(at));
            Examination::well(Subject::Clock, Well::Clock(apart))
        }
    }
}
