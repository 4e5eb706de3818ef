//! What is examined without the network: the home, its keys, and how they stand in the copy of the directory.

use std::fs::Metadata;

use crate::client::error::{ClientError, Family, Side};
use crate::client::files;
use crate::client::keys::{KeyError, Listed};
use crate::client::mend::Mend;
use crate::client::protect::Kept;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::office::Office;
use crate::office::keys::Turn;
use crate::office::life::Life;

use super::{Doubt, Examination, Key, Lack, Subject, Well};

/// The home, and the directory that it has joined.
pub(super) fn home(office: &Office, all: &mut Vec<Examination>) {
    all.push(folder(office));
    let found = office.name().and_then(|name| Ok(office.home.invitation(&name)?));
    all.push(match found {
        Ok(invitation) => {
            let (eye, _) = invitation.fingerprint();
            let name = invitation.trust().name().clone();
            Examination::well(Subject::Invitation, Well::Invitation(name, eye))
        }
        Err(why) => Examination::failed(Subject::Invitation, why),
    });
}

fn folder(office: &Office) -> Examination {
    let root = office.home.root();
    let about = match std::fs::metadata(root) {
        Ok(about) => about,
        Err(why) => {
            let sentence = format!("{} cannot be used: {why}", root.display());
            let none = ClientError::new(Side::Ours, Family::Usage, Here::NoHome, sentence);
            return Examination::failed(Subject::Home, none.mended_by(Mend::Join));
        }
    };
    if let Some(mode) = others(&about) {
        return Examination::doubt(Subject::Home, Doubt::OpenToOthers(root.to_owned(), mode));
    }
    match files::try_to_write(root) {
        Ok(()) => Examination::well(Subject::Home, Well::Home(root.to_owned())),
        Err(why) => Examination::failed(Subject::Home, why.into()),
    }
}

#[cfg(unix)]
fn others(about: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = about.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// A profile's folders belong to its user alone.
#[cfg(not(unix))]
fn others(_: &Metadata) -> Option<u32> {
    None
}

/// Each private key of the home.
pub(super) fn keys(office: &Office, all: &mut Vec<Examination>) {
    match office.home.keys().list(office.ambient()) {
        Err(why) => all.push(Examination::failed(Subject::Keys, why.into())),
        Ok(keys) if keys.is_empty() => {
            let (family, sentence) = (Family::IdentityOrKey, "this home has no private key");
            let none = ClientError::new(Side::Ours, family, Here::KeyMissing, sentence);
            all.push(Examination::failed(Subject::Keys, none.mended_by(Mend::JoinAs)));
        }
        Ok(keys) => all.extend(keys.into_iter().map(key)),
    }
}

pub(super) fn key(listed: Listed) -> Examination {
    let of = Subject::Key(listed.owner);
    let turn = match (listed.retired, listed.staged) {
        (true, _) => Turn::Before,
        (false, true) => Turn::Later,
        (false, false) => Turn::Now,
    };
    match (listed.id, listed.kept) {
        (Ok(_), Some(Kept::Token { gone: Some(gone), .. })) => {
            Examination::failed(of, KeyError::Token(gone).into())
        }
        (Ok(id), _) => {
            let key = Key { id, purpose: listed.purpose, turn, path: listed.path };
            Examination::well(of, Well::Key(key))
        }
        (Err(why), _) => Examination::failed(of, why.into()),
    }
}

/// Whether the directory knows the keys of the own seat, and why not.
pub(super) fn seat(office: &Office, replica: &Replica) -> Examination {
    let seat = match office.seat() {
        Ok(seat) => seat,
        Err(why) if why.reason == Here::NoSeat => return Examination::because(Subject::Seat, why),
        Err(why) => return Examination::failed(Subject::Seat, why),
    };
    match office.seat_keys(replica, &seat) {
        Ok(count) => Examination::well(Subject::Seat, Well::Seat(seat, count)),
        Err(why) => Examination::failed(Subject::Seat, why),
    }
}

/// How long what the own contact publishes holds.
pub(super) fn record(office: &Office, replica: &Replica) -> Examination {
    let (Ok(directory), Ok(contact)) = (replica.directory(), office.contact(None)) else {
        return Examination::skipped(Subject::Record, Lack::Contact);
    };
    let own = directory.contact(&contact).and_then(|own| own.record.as_ref());
    let Some(own) = own else {
        return Examination::skipped(Subject::Record, Lack::Record(contact));
    };
    let life = Life { from: own.issued_at, until: own.expires, now: office.ambient().now() };
    match life.near() {
        Some(_) => Examination::doubt(Subject::Record, Doubt::Record(life)),
        None => Examination::well(Subject::Record, Well::Record(life.until)),
    }
}
