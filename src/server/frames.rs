//! The frames of a connection, counted as they come: those that carry no request have a budget, and
//! so have requests that are told to come later.
//!
//! In scope: where frames begin (RFC 9113 4.1), and what they cost. Out of scope: what they mean,
//! which is h2's. Pure but for the stream that it wraps.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::limits;

/// What a peer sends first (RFC 9113 3.4); then frames follow.
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
/// Of these h2 has budgets of its own.
const DATA: u8 = 0;
const CONTINUATION: u8 = 9;

/// Where a peer's bytes stand between frames.
#[derive(Debug)]
struct Frames {
    skip: usize,
    head: [u8; HEAD_BYTES],
    have: usize,
}

impl Frames {
    const fn new() -> Self {
        Self { skip: PREFACE_BYTES, head: [0; HEAD_BYTES], have: 0 }
    }

    /// How many frames without data begin in these bytes.
    fn read(&mut self, mut bytes: &[u8]) -> u64 {
        let mut count = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return count;
            }
            let taken = (HEAD_BYTES - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD_BYTES {
                let [a, b, c, kind, ..] = self.head;
                (self.skip, self.have) = (u32::from_be_bytes([0, a, b, c]) as usize, 0);
                count += u64::from(!matches!(kind, DATA | CONTINUATION));
            }
        }
    }
}

/// A connection's budget of frames.
#[derive(Debug)]
pub(super) struct Meter {
    counted: Mutex<Counted>,
    over: Notify,
}

#[derive(Debug)]
struct Counted {
    frames: Frames,
    left: u64,
    refilled: Instant,
    sent: usize,
    over: bool,
}

impl Meter {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the budget is used up.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }

    /// A request came: it has frames of its own.
    pub(super) fn asked(&self) {
        self.counted().earn(limits::FRAMES_OF_A_REQUEST);
    }

    /// It was told to ask later, of a peer whom nobody knows.
    pub(super) fn refused(&self) {
        if !self.counted().spend(limits::FRAMES_OF_A_REFUSAL) {
            self.over.notify_one();
        }
    }

    /// The peer has asked on too often.
    pub(super) fn end(&self) {
        self.counted().over = true;
        self.over.notify_one();
    }

    /// Whether the peer may go on.
    fn read(&self, bytes: &[u8]) -> bool {
        let mut counted = self.counted();
        let (now, cost) = (Instant::now(), counted.frames.read(bytes));
        let seconds = now.duration_since(counted.refilled).as_secs();
        if seconds > 0 {
            counted.refilled += std::time::Duration::from_secs(seconds);
            counted.earn(seconds.saturating_mul(limits::FRAMES_A_SECOND));
        }
        let goes_on = counted.spend(cost);
        if !goes_on {
            self.over.notify_one();
        }
        goes_on
    }

    /// Whoever takes answers makes room for more.
    fn wrote(&self, bytes: usize) {
        let mut counted = self.counted();
        counted.sent += bytes;
        let earned = counted.sent / limits::FRAME_EARNED_BY_BYTES;
        counted.sent %= limits::FRAME_EARNED_BY_BYTES;
        counted.earn(earned as u64);
    }
}

impl Counted {
    /// Whether there was so much; once over is over.
    fn spend(&mut self, frames: u64) -> bool {
        match self.left.checked_sub(frames) {
            Some(left) => self.left = left,
            None => self.over = true,
        }
        !self.over
    }

    fn earn(&mut self, frames: u64) {
        self.left = self.left.saturating_add(frames).min(limits::FRAMES);
    }
}

/// A stream whose frames are counted. Beyond the budget nothing more is read from it.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Meter>) {
        let counted = Counted {
            frames: Frames::new(),
            left: limits::FRAMES,
            refilled: Instant::now(),
            sent: 0,
            over: false,
        };
        let meter = Arc::new(Meter { counted: Mutex::new(counted), over: Notify::new() });
        (Self { stream, meter: Arc::clone(&meter) }, meter)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.counted().over {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.meter.read(&buffer.filled()[before..]) {
            return read;
        }
        buffer.set_filled(before);
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.meter.wrote(*count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        if let Poll::Ready(Ok(count)) = &written {
            self.meter.wrote(*count);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The preface, SETTINGS, a PING, DATA of three bytes, WINDOW_UPDATE.
    fn spoken() -> Vec<u8> {
        let frame = |kind: u8, payload: &[u8]| {
            let length = u8::try_from(payload.len()).unwrap();
            [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
        };
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        assert_eq!(preface.len(), PREFACE_BYTES);
        let frames = [frame(4, b""), frame(6, &[0; 8]), frame(DATA, b"abc"), frame(8, &[0; 4])];
        [preface, frames.concat()].concat()
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let spoken = spoken();
        for cut in 1..spoken.len() {
            let mut frames = Frames::new();
            let counted: u64 = spoken.chunks(cut).map(|part| frames.read(part)).sum();
            assert_eq!(counted, 3, "in parts of {cut}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_have_a_budget_that_time_requests_and_answers_fill() {
        let (_, meter) = Metered::new(tokio::io::empty());
        let pings = |count: u64| vec![[0, 0, 0, 6, 0, 0, 0, 0, 0]; count as usize].concat();
        assert!(meter.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(meter.read(&pings(limits::FRAMES)));
        meter.asked();
        assert!(meter.read(&pings(limits::FRAMES_OF_A_REQUEST)));
        meter.wrote(limits::FRAME_EARNED_BY_BYTES - 1);
        meter.wrote(limits::FRAME_EARNED_BY_BYTES + 1);
        assert!(meter.read(&pings(2)));
        for _ in 0..2 {
            tokio::time::advance(std::time::Duration::from_millis(1_900)).await;
            assert!(meter.read(&[]));
        }
        assert!(meter.read(&pings(3 * limits::FRAMES_A_SECOND)));
        assert!(!meter.read(&pings(1)));
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        assert!(!meter.read(&[]), "once over is over");
        meter.over().await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_told_to_wait_and_asks_on_is_sent_away() {
        let (_, meter) = Metered::new(tokio::io::empty());
        let mut told = 0;
        while meter.read(&[]) {
            meter.asked();
            meter.refused();
            told += 1;
        }
        assert_eq!(told, 7 + 1);
        meter.over().await;
        let (_, meter) = Metered::new(tokio::io::empty());
        meter.end();
        assert!(!meter.read(&[]));
        meter.over().await;
    }
}
