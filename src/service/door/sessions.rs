//! Who is connected, and how a connection is ended from here.
//!
//! Invariant: to be dropped bars nobody; who comes again is let in as before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::crypto::sign::KeyId;
use crate::domain::access::Face;

/// A connection whose handshake is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where it came in.
    pub face: Face,
    /// Since when, Unix seconds.
    pub since: u64,
    /// Whom it is from.
    pub remote: SocketAddr,
    /// The key that its peer has proven.
    pub key: Option<KeyId>,
    /// The group of its handshake.
    pub group: &'static str,
}

/// All of them, by number. They go on from the time of the start, so that none is used again.
#[derive(Debug)]
pub(super) struct Sessions {
    newest: u64,
    open: BTreeMap<u64, (Session, Arc<Notify>)>,
}

impl Sessions {
    /// None yet, at this time in Unix seconds.
    pub(super) fn from(now: u64) -> Self {
        Self { newest: now << 20, open: BTreeMap::new() }
    }

    pub(super) fn open(&mut self, session: Session, drop: Arc<Notify>) -> u64 {
        self.newest += 1;
        self.open.insert(self.newest, (session, drop));
        self.newest
    }

    pub(super) fn close(&mut self, number: u64) {
        self.open.remove(&number);
    }

    pub(super) fn all(&self) -> Vec<(u64, Session)> {
        self.open.iter().map(|(number, (session, _))| (*number, *session)).collect()
    }

    /// Ends those of these that are open; without numbers all but those of the administration. How many.
    pub(super) fn drop(&self, numbers: &[u64]) -> usize {
        if numbers.is_empty() {
            let members = self.open.values().filter(|(session, _)| session.face == Face::Members);
            return members.map(|(_, drop)| drop.notify_one()).count();
        }
        let named = numbers.iter().filter_map(|number| self.open.get(number));
        named.map(|(_, drop)| drop.notify_one()).count()
    }
}
