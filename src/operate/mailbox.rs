//! `liaisond mailbox`: what is done to mailboxes while no service has the store open.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::disk::Fdatasync;
use crate::domain::state::Mailbox;
use crate::service::epochs::{self, Anew, Lost, Survey, Which, Why};
use crate::store::blobs::FileBlobs;

use super::config::ServiceHome;
use super::settings::settings;
use super::store::{held, not_started};
use super::{OperateError, is_its_owner, keys, place};

/// Lets mailboxes of a home begin anew: those that are behind what was shown, or damaged, and those that
/// are named; a dry run only says which, and what becomes of each.
///
/// # Errors
/// The home is served; the store is damaged; its log is behind; it is not said to be this directory's.
pub async fn new_epoch(
    home: &ServiceHome,
    ambient: &Ambient,
    which: &Which,
    dry_run: bool,
    yes: Option<&str>,
) -> Result<Vec<Anew>, OperateError> {
    if !dry_run {
        is_its_owner(home)?;
    }
    let config = home.config()?;
    let (place, keys) = (place(home, &config)?, keys::signing(home, ambient)?);
    let settings = settings(home, &config, ambient, false, Vec::new())?;
    let asked = epochs::survey(&place, &keys, &settings, which).await;
    let Survey { mailboxes: asked, approval } = asked.map_err(|why| not_started(home, why))?;
    if dry_run {
        return Ok(asked);
    }
    approval.map_err(|why| not_started(home, why))?;
    if yes != Some(&config.name[..]) {
        let name = config.name;
        return Err(OperateError::Unsure { mailboxes: asked.len(), name });
    }
    let store = place.open(&config.name).await.map_err(|why| held(home, why))?;
    let blobs = FileBlobs::open(&home.blobs(), Arc::new(Fdatasync));
    let blobs = blobs.map_err(|why| {
        OperateError::Plan(format!("{} cannot be used: {why}", home.blobs().display()))
    })?;
    let done = epochs::begin_anew(store, Arc::new(blobs), keys, settings, which).await;
    done.map_err(|why| not_started(home, why))
}

/// What becomes of a mailbox, for its operator.
#[must_use]
pub(super) fn in_words(anew: &Anew) -> String {
    let why = match anew.why {
        Why::Unfinished => "had begun anew, and was not finished",
        Why::Behind => "is behind what was shown",
        Why::Damaged => "is damaged",
        Why::Named => "was named",
    };
    let stands = |mailbox: Option<Mailbox>| match mailbox {
        Some(mailbox) => format!("epoch {}, {} entries", mailbox.epoch, mailbox.count),
        None => "nothing".to_owned(),
    };
    let (contact, epoch, again) = (&anew.contact, anew.epoch, anew.again);
    let mut lines = vec![
        format!("{contact} {why}"),
        format!("    was shown        {}", stands(anew.shown)),
        format!("    is stored        {}", stands(anew.stored)),
        format!("    delivered again  {again} entries, in epoch {epoch}, from number 1"),
    ];
    if anew.expired > 0 {
        lines.push(format!("    has expired      {} entries", anew.expired));
    }
    lines.extend(anew.lost.iter().map(|lost| format!("    lost             {}", number(lost))));
    lines.join("\n")
}

fn number(Lost { first, last, message }: &Lost) -> String {
    let numbers = if first == last { format!("{first}") } else { format!("{first} to {last}") };
    match message {
        Some((id, sender)) => format!("{numbers}: {id} from {sender}"),
        None => format!("{numbers}: its senders are not known here"),
    }
}
