//! A client's connection that is listened in on.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Heard, Oracle, locked};

/// A client's connection whose bytes the oracle is given when it ends.
pub(in crate::gate) struct Tapped<S> {
    stream: S,
    heard: Heard,
    /// Its number, if no other was open when it began, and how much the backend had seen.
    alone: Option<(usize, usize)>,
    oracle: Arc<Oracle>,
}

impl<S> Tapped<S> {
    pub(super) fn open(oracle: Arc<Oracle>, user: Option<&'static str>, stream: S) -> Self {
        let alone = {
            let mut connections = locked(&oracle.connections);
            connections.0 += 1;
            connections.1 += 1;
            (connections.1 == 1).then_some(connections.0)
        };
        let alone = alone.map(|number| (number, oracle.asked_since(0).len()));
        Self { stream, heard: Heard { user, ..Heard::default() }, alone, oracle }
    }
}

impl<S> Drop for Tapped<S> {
    fn drop(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        let opened = {
            let mut connections = locked(&self.oracle.connections);
            connections.1 -= 1;
            connections.0
        };
        let alone = self.alone.filter(|(number, _)| *number == opened);
        heard.asked = alone.map(|(_, before)| self.oracle.asked_since(before));
        locked(&self.oracle.heard).push(heard);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        this.heard.received.extend_from_slice(&buf.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.heard.sent.extend_from_slice(&buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
