//! How far each key of a seat is, by the copy of the directory.

use crate::client::error::ClientError;
use crate::client::keys::{Listed, Owner};
use crate::client::replica::Replica;
use crate::crypto::sign::KeyId;
use crate::domain::directory::Directory;
use crate::domain::directory::key::{KnownKey, Purpose};
use crate::domain::ids::SeatId;
use crate::domain::limits;
use crate::office::Office;
use crate::office::life::admitted_at;

/// The keys of a seat in this home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Whose they are.
    pub seat: SeatId,
    /// Each of them.
    pub all: Vec<Standing>,
}

/// Where one key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is for.
    pub purpose: Purpose,
    /// Its id; none: it cannot be used.
    pub id: Option<KeyId>,
    /// How far it is.
    pub stage: Stage,
    /// Since when, Unix seconds.
    pub since: Option<u64>,
    /// From when on nothing more can come for it, Unix seconds.
    pub may_go: Option<u64>,
}

/// How far a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is new, and waits to be listed.
    Waits,
    /// It is new and listed, and not in its place here.
    Listed,
    /// It is in its place here, and no roster lists it.
    NotListed,
    /// What it signs counts.
    InForce,
    /// It counts no more.
    Ended,
    /// It opens old messages only.
    Retired,
}

/// What comes next for a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its new keys are put to use.
    Use,
    /// Its new keys are listed by a roster.
    List,
    /// New keys are made for those that have ended.
    Rotate,
    /// Nothing is under way.
    Nothing,
}

impl Office {
    /// How far the keys of these seats are.
    ///
    /// # Errors
    /// Keys or the copy cannot be read.
    pub fn stages(&self, replica: &Replica, seats: &[SeatId]) -> Result<Vec<Keys>, ClientError> {
        let listed = self.home.keys().list(self.ambient())?;
        let keys = |seat: &SeatId| {
            let own = listed.iter().filter(|key| key.owner == Owner::Seat(seat.clone()));
            let all: Result<_, ClientError> =
                own.map(|key| Standing::of(replica, seat, key)).collect();
            Ok(Keys { seat: seat.clone(), all: all? })
        };
        seats.iter().map(keys).collect()
    }
}

impl Keys {
    /// What comes next.
    #[must_use]
    pub fn next(&self) -> Next {
        let any = |stage| self.all.iter().any(|key| key.stage == stage);
        if any(Stage::Listed) {
            Next::Use
        } else if any(Stage::Waits) {
            Next::List
        } else if any(Stage::Ended) {
            Next::Rotate
        } else {
            Next::Nothing
        }
    }
}

impl Standing {
    fn of(replica: &Replica, seat: &SeatId, key: &Listed) -> Result<Self, ClientError> {
        let id = key.id.as_ref().ok().copied();
        let known = id.and_then(|id| known(replica.directory().ok()?, seat, key.purpose, id));
        let (stage, leaf) = match (known, key.staged, key.retired) {
            (Some(known), _, true) => (Stage::Retired, known.until),
            (None, _, true) => (Stage::Retired, None),
            (None, true, _) => (Stage::Waits, None),
            (Some(known), true, _) => (Stage::Listed, Some(known.from)),
            (None, false, _) => (Stage::NotListed, None),
            (Some(known), false, _) if known.has_ended() => (Stage::Ended, known.until),
            (Some(known), false, _) => (Stage::InForce, Some(known.from)),
        };
        let since = leaf.map(|leaf| admitted_at(replica, leaf)).transpose()?.flatten();
        let may_go = since.filter(|_| key.retired).map(|at| at + KEPT);
        Ok(Self { purpose: key.purpose, id, stage, since: since.or_else(|| made_at(key)), may_go })
    }
}

/// A key as the directory knows it.
fn known<'a>(
    directory: &'a Directory,
    seat: &SeatId,
    purpose: Purpose,
    id: KeyId,
) -> Option<&'a KnownKey> {
    match purpose {
        Purpose::SeatSeal => directory.seal_key(&seat.contact(), &id),
        _ => directory.key(&id),
    }
}

/// From when on nothing can come any more that was sealed to a retired key.
///
/// # Errors
/// The copy cannot be read.
pub(crate) fn may_go(
    replica: &Replica,
    seat: &SeatId,
    key: &KeyId,
) -> Result<Option<u64>, ClientError> {
    let known = replica.directory()?.seal_key(&seat.contact(), key);
    let Some(until) = known.and_then(|known| known.until) else { return Ok(None) };
    Ok(admitted_at(replica, until)?.map(|at| at + KEPT))
}

/// When a file was written, Unix seconds.
fn made_at(key: &Listed) -> Option<u64> {
    let written = std::fs::metadata(&key.path).and_then(|about| about.modified()).ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    key.staged.then_some(since.as_secs())
}

/// A message is sealed at most this long before it expires, by a clock that is at most so much fast, and its
/// content goes a day later.
pub(super) const KEPT: u64 = limits::MESSAGE_SECONDS + limits::CLOCK_AHEAD_SECONDS + 86_400;
