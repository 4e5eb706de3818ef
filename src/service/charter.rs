//! A charter that is admitted while nobody is connected: the way on if a key that signs is lost, and the
//! service can serve nobody before the registrars have named another.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::directory::Directory;
use crate::domain::network::Network;
use crate::store::blobs::Blobs;
use crate::store::{Site, Store};

use super::keys::Keys;
use super::start::{self, CannotStart, Seen, Settings};
use super::{Failure, Publication};

/// The directory of a store that was looked at, whatever keys are here. Nothing is changed.
///
/// # Errors
/// As [`super::look`].
pub async fn directory(place: &Site, settings: &Settings) -> Result<Directory, CannotStart> {
    Ok(Seen::of(place, None, settings).await?.read.directory)
}

/// Admits a charter, as Publish does, on a store that nobody serves: the old keys need not be here, those
/// of the new one must. The reply is its leaf index.
///
/// # Errors
/// The charter is refused; as [`super::start`], but for the keys.
pub async fn put_charter(
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    keys: Keys,
    settings: Settings,
    statement: Bytes,
) -> Result<u64, CannotStart> {
    let read = start::read(store.as_ref(), None, &settings).await?;
    let mark = start::not_behind(store.as_ref(), &settings, &read).await?;
    let service = start::begin(store, blobs, keys, settings, read, mark).await?;
    let whoever = service.peer(None, Network::of(Ipv4Addr::LOCALHOST.into()));
    let publication = Publication { statement, facets: Vec::new() };
    let leaf = match service.publish_one(&whoever, publication).await {
        Ok(leaf) => leaf,
        Err(Failure::Refused(why)) => return Err(why.into()),
        Err(Failure::Stopped) => return Err(CannotStart::Broken(service.stopped().await)),
        Err(Failure::Busy(why)) => return Err(CannotStart::Broken(why.to_string())),
    };
    service.settled().await?;
    Ok(leaf)
}
