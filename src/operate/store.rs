//! `liaisond store`: what is done to a store while no service has it open.

use crate::config::ServiceHome;
use crate::store::StoreError;
use crate::store::migrate::{self, Migrated};

use super::{OperateError, place};

/// Writes the store of a home anew in the format of today, and keeps the old one; a dry run only
/// reads it.
///
/// # Errors
/// It is served; it has the newest format already; it cannot be read.
pub async fn migrate(home: &ServiceHome, dry_run: bool) -> Result<Migrated, OperateError> {
    let config = home.config()?;
    let mut said = 0;
    let progress = |values: u64| {
        if values / TELL_EVERY > said {
            said = values / TELL_EVERY;
            tracing::info!(values, "reading the store");
        }
    };
    let done = migrate::migrate(&place(home, &config)?, &config.name, dry_run, progress).await;
    done.map_err(|why| held(home, why))
}

/// A store that another process holds is served.
pub(super) fn held(home: &ServiceHome, why: StoreError) -> OperateError {
    match why {
        StoreError::Held(_) => OperateError::Served { home: home.path().to_owned() },
        why => why.into(),
    }
}

/// A line for so many values.
const TELL_EVERY: u64 = 100_000;
