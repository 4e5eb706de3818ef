//! `liaisond store`: what is done to a store while no service has it open.

use std::path::PathBuf;

use crate::ambient::Ambient;
use crate::service::{self, CannotStart, NotAsShown, Shown};
use crate::store::StoreError;
use crate::store::format::FormatError;
use crate::store::migrate::{self, Migrated};

use super::config::ServiceHome;
use super::settings::settings;
use super::{HasShown, OperateError, ceremonies, is_its_owner, keys, place};

/// Writes the store of a home anew in the format of today, and keeps the old one; a dry run only
/// reads it.
///
/// # Errors
/// It is served; it has the newest format already; it cannot be read.
pub async fn migrate(home: &ServiceHome, dry_run: bool) -> Result<Migrated, OperateError> {
    if !dry_run {
        is_its_owner(home)?;
    }
    let config = home.config()?;
    let mut said = 0;
    let progress = |values: u64| {
        if values / TELL_EVERY > said {
            said = values / TELL_EVERY;
            tracing::info!(values, "reading the store");
        }
    };
    let done = migrate::migrate(&place(home, &config)?, &config.name, dry_run, progress).await;
    done.map_err(|why| match why {
        StoreError::Corrupt(_) | StoreError::Damaged(_) => OperateError::Plan(format!(
            "{why}; nothing of it was changed: put a whole copy of it back"
        )),
        why => held(home, why),
    })
}

/// Writes the high-water file of a home anew from its store: the operator is sure that this is the
/// newest there is. What of what was shown is given up is told.
///
/// # Errors
/// The file is whole and of this store, or of a log or a mailbox that goes further; the home is served; the
/// store is damaged.
pub async fn mark(
    home: &ServiceHome,
    ambient: &Ambient,
) -> Result<(PathBuf, (Shown, Option<NotAsShown>)), OperateError> {
    is_its_owner(home)?;
    let config = home.config()?;
    let settings = settings(home, &config, ambient, false, Vec::new())?;
    let keys = keys::signing(home, ambient)?;
    let done = service::mark_anew(&place(home, &config)?, &keys, &settings).await;
    let done = done.map_err(|why| not_started(home, why))?;
    ceremonies::keep(home, ambient, "store mark")?;
    Ok((settings.high_water, done))
}

/// The same of a service that does not start.
pub(super) fn not_started(home: &ServiceHome, why: CannotStart) -> OperateError {
    match why {
        CannotStart::Store(why) => held(home, why),
        why => why.into(),
    }
}

/// A store that another process holds is served; one that is missing is looked for.
pub(super) fn held(home: &ServiceHome, why: StoreError) -> OperateError {
    let has_shown = || HasShown::of(home, &home.config().ok()?);
    match why {
        StoreError::Held(_) => OperateError::Served { home: home.path().to_owned() },
        StoreError::Format(FormatError::Missing) => {
            has_shown().map_or_else(|| why.into(), OperateError::NoData)
        }
        why => why.into(),
    }
}

/// A line for so many values.
const TELL_EVERY: u64 = 100_000;
