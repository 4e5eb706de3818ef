//! TCP whose bytes are counted: what goes over the socket, TLS and framing included.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::address::Address;
use crate::client::reach::connect::{Dial, Dialing, Tcp};
use crate::tls::Link;

/// Bytes written and read by everyone who dials with it.
#[derive(Clone, Default)]
pub(super) struct Counted(Arc<[AtomicU64; 2]>);

impl Counted {
    /// Written and read so far.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let [written, read] = self.0.as_ref();
        (written.load(Ordering::Relaxed), read.load(Ordering::Relaxed))
    }
}

impl Dial for Counted {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        Box::pin(async move {
            let stream = Tcp.dial(address).await?;
            Ok(Box::new(Stream { stream, bytes: self.clone() }) as Box<dyn Link>)
        })
    }
}

struct Stream {
    stream: Box<dyn Link>,
    bytes: Counted,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let [_, count] = self.bytes.0.as_ref();
        count.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Stream {
    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = written {
            let [total, _] = self.bytes.0.as_ref();
            total.fetch_add(*count as u64, Ordering::Relaxed);
        }
    }
}
