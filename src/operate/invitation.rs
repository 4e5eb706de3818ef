//! `liaisond invitation`, and what a service keeps for it while it has its store to itself.
//!
//! In scope: the invitation of today, whether the service runs or not. Out of scope: founding.
//! Invariant: no file that people have compared fingerprints of gets another charter by itself.

use std::path::PathBuf;

use crate::client::address::Address;
use crate::client::invitation::Invitation;
use crate::client::{armour, files};
use crate::crypto::hash::Digest;
use crate::service::{Service, Shown, Unusable};
use crate::wire::v1;

use super::OperateError;
use super::config::{Config, ServiceHome};

/// The invitation file of a home.
#[must_use]
pub fn invitation_file(home: &ServiceHome) -> PathBuf {
    home.path().join("invitation.liaison")
}

/// An invitation, to be given to members.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The text of the file.
    pub text: String,
    /// The fingerprint that members compare.
    pub fingerprint: Digest,
    /// How members find the service.
    pub addresses: Vec<String>,
}

/// The invitation of today: the charter in force, the addresses of the configuration, the newest
/// checkpoint.
///
/// # Errors
/// A file is missing or cannot be used; no address is one.
pub fn invitation(home: &ServiceHome) -> Result<Invited, OperateError> {
    let config = home.config()?;
    let addresses = some_addresses(home, &config)?;
    let charter = files::read_if_there(&home.charter(), armour::FILE_BYTES as u64)?;
    let charter = charter.ok_or_else(|| {
        OperateError::Plan(format!(
            "{} is not there yet: a service writes it when it starts; start it with liaisond \
             serve, and give the command again",
            home.charter().display()
        ))
    })?;
    let path = home.high_water(&config);
    let unusable = |why: Unusable| {
        OperateError::Plan(format!("the high-water file {} cannot be used: {why}", path.display()))
    };
    let checkpoint = Shown::read(&path).map_err(unusable)?.checkpoint;
    let charter = charter.into();
    let admin_addresses = admin_addresses(home, &config);
    let message = v1::Invitation { charter, addresses, checkpoint, admin_addresses };
    let checked = Invitation::check(message).map_err(|why| OperateError::Plan(why.to_string()))?;
    Ok(Invited {
        text: armour::write(armour::Kind::Invitation, checked.message()),
        fingerprint: checked.trust().charter().newest.statement,
        addresses: checked.message().addresses.clone(),
    })
}

/// The addresses of a configuration that can be used. The others are said in the telemetry: a
/// service that runs is found by those who know the way.
pub(super) fn addresses(home: &ServiceHome, config: &Config) -> Vec<String> {
    usable(home, &config.addresses)
}

/// The same of the administration.
pub(super) fn admin_addresses(home: &ServiceHome, config: &Config) -> Vec<String> {
    usable(home, &config.admin_addresses)
}

fn usable(home: &ServiceHome, addresses: &[String]) -> Vec<String> {
    let read = addresses.iter().filter_map(|text| {
        Address::parse(text)
            .inspect_err(|why| {
                let path = home.config_file();
                tracing::warn!(path = %path.display(), %why, "an address is skipped");
            })
            .ok()
    });
    read.map(|address| address.to_string()).collect()
}

/// The same, if there is one.
pub(super) fn some_addresses(
    home: &ServiceHome,
    config: &Config,
) -> Result<Vec<String>, OperateError> {
    let addresses = addresses(home, config);
    if addresses.is_empty() {
        return Err(OperateError::Plan(no_address(home)));
    }
    Ok(addresses)
}

/// What it means that there is none.
pub(super) fn no_address(home: &ServiceHome) -> String {
    format!(
        "{} names no address by which members find the service, so there is no invitation to it: \
         write addresses = [\"host:port\"] there",
        home.config_file().display()
    )
}

/// Puts the addresses of the configuration into the invitation that lies in the home, if they are
/// others. Its charter stays, and with it its fingerprint.
pub(super) fn renew_addresses(home: &ServiceHome, config: &Config) -> Result<(), OperateError> {
    let (addresses, admin_addresses) = (addresses(home, config), admin_addresses(home, config));
    let path = invitation_file(home);
    let Some(text) = files::read_if_there(&path, armour::FILE_BYTES as u64)? else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&text);
    let read = armour::read::<v1::Invitation>(armour::Kind::Invitation, &text);
    let Ok(before) = read else { return Ok(()) };
    let renewed = v1::Invitation { addresses, admin_addresses, ..before.clone() };
    if renewed.addresses.is_empty() || renewed == before {
        return Ok(());
    }
    let text = armour::write(armour::Kind::Invitation, &renewed);
    files::replace(&path, text.as_bytes())?;
    let addresses = renewed.addresses;
    tracing::info!(path = %path.display(), ?addresses, "the invitation has new addresses");
    Ok(())
}

/// Keeps the charter in force as a file, now and whenever it is another.
pub(super) async fn keep_charter(home: ServiceHome, service: Service) {
    let (mut heads, mut kept) = (service.heads(), 0);
    loop {
        let newest = service.state().directory.charter().newest.version;
        if newest != kept
            && let Ok(charter) = service.charter().await
        {
            let path = home.charter();
            let put = move || files::replace(&path, &charter);
            match tokio::task::spawn_blocking(put).await {
                Ok(Ok(())) => kept = newest,
                Ok(Err(why)) => tracing::warn!(%why, "the charter in force is not kept"),
                Err(_) => return,
            }
        }
        if heads.changed().await.is_err() {
            return;
        }
    }
}
