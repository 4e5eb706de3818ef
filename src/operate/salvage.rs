//! `liaisond scrub` and `liaisond salvage`: all that is stored, looked at while nobody serves it.

use std::path::Path;
use std::sync::Arc;

use crate::disk::Fdatasync;
use crate::domain::ids::DirectoryName;
use crate::service::Shown;
use crate::service::salvage::{self, Salvaged};
use crate::service::scrub::{self, Report};
use crate::store::blobs::{Blobs, FileBlobs};
use crate::store::{Site, StoreError};

use super::config::ServiceHome;
use super::store::held;
use super::{OperateError, is_its_owner, place};

/// Looks at all that is stored, and changes nothing. Of a damaged store, at what can still be read.
///
/// # Errors
/// It is served; there is none; it cannot be read.
pub async fn scrub(home: &ServiceHome) -> Result<Report, OperateError> {
    let config = home.config()?;
    let (place, name) = (place(home, &config)?, config.name.parse::<DirectoryName>()?);
    let (blobs, high_water) = (blobs(home), home.high_water(&config));
    let looked = match place.look(&config.name, |_| ()).await {
        Err(why @ (StoreError::Corrupt(_) | StoreError::Damaged(_))) => {
            let blobs: &dyn Blobs = &blobs;
            let done =
                salvage::salvage(&place, None, Some(blobs), &name, &high_water, progress()).await;
            let mut report = done.map_err(|why| held(home, why))?.report;
            report.damaged(&why);
            return Ok(report);
        }
        looked => looked.map_err(|why| held(home, why))?,
    };
    let mark = Shown::read(&high_water).ok().and_then(|shown| shown.mark);
    let blobs: &dyn Blobs = &blobs;
    let store = looked.store.as_ref();
    let mut report = scrub::scrub(store, Some(blobs), &name, mark.as_ref(), progress()).await?;
    scrub::goes_as_far(store, &name, &high_water, &mut report).await?;
    Ok(report)
}

/// Writes what can still be read of the store of a home to a folder, or only says what that is.
///
/// # Errors
/// It is served; there is none; nothing can be read; something is at `to`; the disk.
pub async fn salvage(
    home: &ServiceHome,
    to: Option<&Path>,
    engine: Option<&str>,
) -> Result<Salvaged, OperateError> {
    if to.is_some() {
        is_its_owner(home)?;
    }
    let config = home.config()?;
    let (from, name) = (place(home, &config)?, config.name.parse::<DirectoryName>()?);
    let engine = engine.unwrap_or(config.engine().map_err(OperateError::Plan)?.name());
    let engine = engine
        .parse()
        .map_err(|why: crate::store::UnknownEngine| OperateError::Plan(why.to_string()))?;
    let to = to.map(|to| Site::new(engine, to));
    let (blobs, high_water) = (blobs(home), home.high_water(&config));
    let blobs: &dyn Blobs = &blobs;
    let (to, blobs) = (to.as_ref(), Some(blobs));
    let done = salvage::salvage(&from, to, blobs, &name, &high_water, progress()).await;
    done.map_err(|why| held(home, why))
}

fn blobs(home: &ServiceHome) -> FileBlobs {
    FileBlobs::look(&home.blobs(), Arc::new(Fdatasync))
}

/// A line for so many things.
fn progress() -> impl FnMut(u64) {
    let mut said = 0;
    move |looked| {
        if looked / TELL_EVERY > said {
            said = looked / TELL_EVERY;
            tracing::info!(looked, "looking at what is stored");
        }
    }
}

const TELL_EVERY: u64 = 100_000;
