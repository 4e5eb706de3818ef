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

    /// Its number, and what tells that it is dropped.
    pub(super) fn open(&mut self, session: Session) -> (u64, Arc<Notify>) {
        self.newest += 1;
        let drop = Arc::new(Notify::new());
        self.open.insert(self.newest, (session, Arc::clone(&drop)));
        (self.newest, drop)
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn session(face: Face) -> Session {
        let remote = SocketAddr::from(([192, 0, 2, 1], 443));
        Session { face, since: 9, remote, key: None, group: "X25519MLKEM768" }
    }

    #[test]
    fn a_number_names_one_session_and_those_that_are_named_are_told_to_go() {
        let mut sessions = Sessions::from(9);
        let faces = [Face::Members, Face::Members, Face::Administration];
        let both = faces.map(|face| sessions.open(session(face)));
        let (opened, told) = (both.each_ref().map(|of| of.0), both.map(|of| of.1));
        let are_told = || [0, 1, 2].map(|n: usize| told[n].notified().now_or_never().is_some());
        assert_eq!(sessions.drop(&[opened[1], opened[2] + 1]), 1);
        assert_eq!(are_told(), [false, true, false]);
        assert_eq!(sessions.drop(&[]), 2);
        assert_eq!(are_told(), [true, true, false]);
        // Who is told goes by itself; its number is nobody else's, nor after a start.
        sessions.close(opened[2]);
        assert_eq!(sessions.all().len(), 2);
        let (next, _) = sessions.open(session(Face::Members));
        assert!(!opened.contains(&next));
        let (first, _) = Sessions::from(10).open(session(Face::Members));
        assert!(first > next, "{first}");
    }
}
