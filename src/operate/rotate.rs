//! `liaisond key` and `liaisond charter`: the service's own keys, while no service has them.
//!
//! In scope: staging, listing, retiring; a charter that is put where the service cannot start. Out of
//! scope: the same of a service that runs (`Service::stage_key` and its like). Invariant: the directory
//! says what stands of a key, so it is looked at each time, whatever keys are lost.

use std::path::Path;
use std::sync::Arc;

use crate::ambient::Ambient;
use crate::client::draft::Bundle;
use crate::client::{armour, files};
use crate::disk::Fdatasync;
use crate::domain::directory::{Directory, Statement};
use crate::domain::refusal::OwnKey;
use crate::service::{self, Listed, NotDone, Staged};
use crate::store::blobs::FileBlobs;
use crate::wire::v1;

use super::config::ServiceHome;
use super::settings::settings;
use super::store::{held, not_started};
use super::{OperateError, ceremonies, is_its_owner, keys, node, not_served, place};

/// A key for the next charter: the one that was staged before, or a new one.
///
/// # Errors
/// It is served; another user's; the store cannot be looked at; the disk.
pub async fn stage_key(
    home: &ServiceHome,
    ambient: &Ambient,
    of: OwnKey,
) -> Result<Staged, OperateError> {
    is_its_owner(home)?;
    let _alone = not_served(home)?;
    let directory = directory(home, ambient).await?;
    let staged = keys::signing(home, ambient)?.stage(of, &directory, ambient)?;
    ceremonies::keep(home, ambient, &format!("key stage {}: {}", of.word(), staged.id))?;
    Ok(staged)
}

/// Every key that is here, and what stands of it.
///
/// # Errors
/// It is served; the store cannot be looked at.
pub async fn own_keys(home: &ServiceHome, ambient: &Ambient) -> Result<Vec<Listed>, OperateError> {
    let directory = directory(home, ambient).await?;
    Ok(keys::signing(home, ambient)?.list(&directory))
}

/// Deletes a private key that the charter in force does not list. `id` is hex, all of it: nothing else
/// brings the key back.
///
/// # Errors
/// It is served; another user's; there is no such key, or the charter lists it.
pub async fn retire_key(
    home: &ServiceHome,
    ambient: &Ambient,
    id: &str,
) -> Result<Listed, OperateError> {
    is_its_owner(home)?;
    let _alone = not_served(home)?;
    let directory = directory(home, ambient).await?;
    let keys = keys::signing(home, ambient)?;
    let digits: String = id.chars().filter(|c| !c.is_whitespace()).collect();
    let all = keys.list(&directory);
    let named = all.iter().find(|listed| hex::encode(listed.id.as_bytes()) == digits);
    let named = named.ok_or_else(|| {
        let sentence = "give all 64 digits of its id, as liaisond key list shows it";
        OperateError::Plan(format!("the service has no key {id}: {sentence}"))
    });
    let retired = keys.retire(&named?.id, &directory)?;
    ceremonies::keep(home, ambient, &format!("key retire {digits}"))?;
    Ok(retired)
}

async fn directory(home: &ServiceHome, ambient: &Ambient) -> Result<Directory, OperateError> {
    let config = home.config()?;
    let settings = settings(home, &config, ambient, false, Vec::new())?;
    let looked = service::directory(&place(home, &config)?, &settings).await;
    looked.map_err(|why| not_started(home, why))
}

/// Admits a charter on the store of a home that is not served: the way on where a key that signs is lost.
/// The reply is its leaf index.
///
/// # Errors
/// It is served; another user's; it is no charter, or refused; the keys that it names last are not here.
pub async fn put_charter(
    home: &ServiceHome,
    ambient: &Ambient,
    file: &Path,
    clock_is_right: bool,
) -> Result<u64, OperateError> {
    is_its_owner(home)?;
    let _alone = not_served(home)?;
    let statement = charter_in(file)?;
    node::goes_on_under(home, ambient, &statement)?;
    let config = home.config()?;
    let settings = settings(home, &config, ambient, clock_is_right, Vec::new())?;
    let keys = keys::signing(home, ambient)?;
    let store = place(home, &config)?.open(&config.name).await.map_err(|why| held(home, why))?;
    let blobs = FileBlobs::open(&home.blobs(), Arc::new(Fdatasync)).map_err(|why| {
        OperateError::Plan(format!("{} cannot be used: {why}", home.blobs().display()))
    })?;
    let done =
        service::put_charter(store, Arc::new(blobs), keys, settings, statement.clone()).await;
    let leaf = done.map_err(|why| not_started(home, why))?;
    files::replace(&home.charter(), &statement)?;
    ceremonies::keep(home, ambient, &format!("charter put: entry {leaf}"))?;
    Ok(leaf)
}

fn charter_in(file: &Path) -> Result<bytes::Bytes, OperateError> {
    let text = files::read(file, armour::FILE_BYTES as u64)?;
    let bundle = Bundle::read(&String::from_utf8_lossy(&text))?;
    let [publication] = bundle.publications() else {
        return Err(OperateError::OtherCharter("expected one statement".to_owned()));
    };
    let Statement::Charter(_) = publication.statement() else {
        return Err(OperateError::OtherCharter("it is no charter".to_owned()));
    };
    Ok(publication.envelope().bytes().clone())
}

/// What registrars are given of a staged key: for `liaison charter draft`.
#[must_use]
pub fn staged_file(staged: &Staged, directory: &str) -> String {
    match &staged.listed {
        None => armour::encode("CERTIFICATE", &staged.certificate).to_string(),
        Some(key) => {
            let holder = format!("{}/{directory}", staged.of.word());
            let sign = vec![key.clone()];
            let keys = v1::PublicKeys { holder, sign, ..v1::PublicKeys::default() };
            armour::write(armour::Kind::Service, &keys)
        }
    }
}

impl From<NotDone> for OperateError {
    fn from(why: NotDone) -> Self {
        Self::Plan(why.to_string())
    }
}
