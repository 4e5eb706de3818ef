//! A way to the service that breaks where a test says.
//!
//! In scope: connections that are cut after so many bytes of one direction, or forgotten; how many
//! bytes went by. Out of scope: what the bytes say. Invariant: nothing breaks that was not asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use liaison::client::address::Address;
use liaison::client::reach::connect::{ConnectError, Dial, Dialing, Tcp};
use liaison::tls::Link;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;

/// Where a connection breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    /// Nowhere.
    Never,
    /// It is closed at both ends after so many bytes to the service.
    CutUp(usize),
    /// It is closed at both ends after so many bytes from the service.
    CutDown(usize),
    /// Both ends stay open, and nothing comes through after so many bytes from the service.
    Forget(usize),
    /// No connection comes about.
    Refuse,
}

/// A way over TCP to one address, whatever a client asks for.
#[derive(Clone)]
pub(crate) struct Way {
    state: Arc<Mutex<State>>,
    forgotten: Arc<Notify>,
}

struct State {
    to: Address,
    next: VecDeque<Break>,
    /// What the connections behind those do.
    then: Break,
    dialled: usize,
    up: usize,
    down: usize,
}

impl Way {
    pub(crate) fn new(to: Address) -> Self {
        let (next, then) = (VecDeque::new(), Break::Never);
        let state = State { to, next, then, dialled: 0, up: 0, down: 0 };
        Self { state: Arc::new(Mutex::new(state)), forgotten: Arc::default() }
    }

    /// From the next connection on it leads to another address.
    pub(crate) fn leads_to(&self, to: &Address) {
        self.state.lock().unwrap().to = to.clone();
    }

    /// The next connections break so, one each, and those after them do not.
    pub(crate) fn breaks(&self, next: impl IntoIterator<Item = Break>) {
        self.breaks_for_ever(next, Break::Never);
    }

    /// The next connections break so, and all after them like `then`.
    pub(crate) fn breaks_for_ever(&self, next: impl IntoIterator<Item = Break>, then: Break) {
        let mut state = self.state.lock().unwrap();
        state.next = next.into_iter().collect();
        state.then = then;
    }

    /// Both ends of all connections stay open, and nothing comes through any more.
    pub(crate) fn forgets(&self) {
        self.forgotten.notify_waiters();
    }

    /// Connections and bytes to and from the service, since this was asked last.
    pub(crate) fn went_by(&self) -> (usize, usize, usize) {
        let mut state = self.state.lock().unwrap();
        let went_by = (state.dialled, state.up, state.down);
        (state.dialled, state.up, state.down) = (0, 0, 0);
        went_by
    }

    fn next(&self) -> (Address, Break) {
        let mut state = self.state.lock().unwrap();
        state.dialled += 1;
        let then = state.then;
        (state.to.clone(), state.next.pop_front().unwrap_or(then))
    }

    fn count(&self, upwards: bool, bytes: usize) {
        let mut state = self.state.lock().unwrap();
        if upwards { state.up += bytes } else { state.down += bytes }
    }

    /// Hands on until an end closes, or so many bytes are through: then nothing more, and the rest is
    /// for the caller.
    async fn carry(
        &self,
        upwards: bool,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        limit: Option<usize>,
    ) {
        let (mut left, mut buffer) = (limit.unwrap_or(usize::MAX), [0; 4096]);
        while left > 0 {
            let room = left.min(buffer.len());
            let Ok(read @ 1..) = from.read(&mut buffer[..room]).await else { return };
            left -= read;
            self.count(upwards, read);
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}

impl Dial for Way {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        Box::pin(async move {
            let (to, broken) = self.next();
            if let Break::Refuse = broken {
                let source = Arc::new(std::io::ErrorKind::ConnectionRefused.into());
                return Err(ConnectError::Tcp { address: address.clone(), source });
            }
            let far = Tcp.dial(&to).await?;
            let (near, inside) = tokio::io::duplex(1 << 16);
            drop(tokio::spawn(between(self.clone(), inside, far, broken)));
            Ok(Box::new(near) as Box<dyn Link>)
        })
    }
}

async fn between(way: Way, near: impl Link, far: Box<dyn Link>, broken: Break) {
    let (up, down, mut forgets) = match broken {
        Break::Never | Break::Refuse => (None, None, false),
        Break::CutUp(bytes) => (Some(bytes), None, false),
        Break::CutDown(bytes) => (None, Some(bytes), false),
        Break::Forget(bytes) => (None, Some(bytes), true),
    };
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
        (tokio::io::split(near), tokio::io::split(far));
    tokio::select! {
        () = way.forgotten.notified() => forgets = true,
        () = way.carry(true, &mut from_near, &mut to_far, up) => {}
        () = way.carry(false, &mut from_far, &mut to_near, down) => {}
    }
    if forgets {
        let (mut nowhere, mut nowhere_else) = (tokio::io::sink(), tokio::io::sink());
        let up = tokio::io::copy(&mut from_near, &mut nowhere);
        let down = tokio::io::copy(&mut from_far, &mut nowhere_else);
        let _ = tokio::join!(up, down);
    }
}
