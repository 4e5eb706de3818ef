//! HTTP/2 by hand (RFC 9113), to say what no library would.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use liaison::tls::Link;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const HEAD_BYTES: usize = 9;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, flags, stream, payload: payload.to_vec() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        [head, self.payload.clone()].concat()
    }

    /// The error of a GOAWAY or a RST_STREAM.
    pub(crate) fn error(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// The headers of a gRPC request, every one a literal (RFC 7541 6.2.2).
pub(crate) fn request(stream: u32, path: &str, flags: u8) -> Frame {
    request_as(stream, flags, path, "application/grpc")
}

/// Those of one that says that it is of this content type.
pub(crate) fn request_as(stream: u32, flags: u8, path: &str, content_type: &str) -> Frame {
    request_of(
        stream,
        flags,
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", path),
            ("content-type", content_type),
            ("te", "trailers"),
        ],
    )
}

pub(crate) fn request_of(stream: u32, flags: u8, headers: &[(&str, &str)]) -> Frame {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    Frame::new(HEADERS, flags | END_HEADERS, stream, &block)
}

/// A gRPC message, whose length may be a lie.
pub(crate) fn message(says: u32, bytes: &[u8]) -> Vec<u8> {
    [&[0], &says.to_be_bytes()[..], bytes].concat()
}

/// A connection on which frames are written as they are.
pub(crate) struct Raw<S> {
    stream: S,
    seen: VecDeque<u8>,
    /// Whether pings are answered.
    pub(crate) alive: bool,
}

impl<S: Link> Raw<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, seen: VecDeque::new(), alive: true }
    }

    /// With the preface, and these SETTINGS.
    pub(crate) async fn greet(stream: S, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self::new(stream);
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        raw.write(&[PREFACE, &Frame::new(SETTINGS, 0, 0, &payload).bytes()].concat()).await;
        raw
    }

    /// What the other end does not take any more is no fault of a test.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    pub(crate) async fn say(&mut self, frame: Frame) {
        self.write(&frame.bytes()).await;
    }

    /// The next frame of a kind; none if the connection ends before. Pings are answered.
    pub(crate) async fn next(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let head = self.peek(HEAD_BYTES).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let whole = self.peek(HEAD_BYTES + length).await?;
            self.seen.drain(..whole.len());
            let stream = u32::from_be_bytes(whole[5..9].try_into().unwrap()) & 0x7fff_ffff;
            let frame = Frame::new(whole[3], whole[4], stream, &whole[HEAD_BYTES..]);
            if self.alive && frame.kind == PING && frame.flags & ACK == 0 {
                self.say(Frame { flags: ACK, ..frame.clone() }).await;
            }
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// So much time goes by, in which it only answers pings.
    pub(crate) async fn idles(&mut self, time: Duration) {
        const NO_KIND: u8 = 0xff;
        let _ = tokio::time::timeout(time, self.next(NO_KIND)).await;
    }

    async fn peek(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut buffer = [0; 16 * 1024];
        while self.seen.len() < count {
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.seen.extend(&buffer[..read]),
            }
        }
        Some(self.seen.iter().take(count).copied().collect())
    }
}
