//! A connection that knows whether it was used before and whether an answer has begun: what decides if a
//! request that found it closed may be sent once more.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::Service;

/// What passed on a connection.
#[derive(Clone, Debug, Default)]
struct Passed(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// There was an exchange before the present one.
    reused: AtomicBool,
    /// Something came since the last byte was written.
    answered: AtomicBool,
}

/// Whether a connection was used before, and ended with a request and not a byte of an answer. Never of
/// HTTP/2, which itself says which requests it did not look at.
pub(super) fn was_stale(connection: &Connected) -> bool {
    let mut extras = http::Extensions::new();
    connection.get_extras(&mut extras);
    extras.get::<Passed>().is_some_and(|Passed(flags)| {
        !connection.is_negotiated_h2() && flags.reused.load(Relaxed) && !flags.answered.load(Relaxed)
    })
}

/// Makes connections that are watched.
#[derive(Clone, Debug)]
pub(super) struct Connector<C>(pub(super) C);

impl<C> Service<Uri> for Connector<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<Watched<TokioIo<C::Response>>>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let inner = TokioIo::new(connecting.await?);
            Ok(TokioIo::new(Watched { inner, passed: Passed::default() }))
        })
    }
}

/// A watched connection.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    passed: Passed,
}

impl<T> Watched<T> {
    /// What is written after an answer began belongs to the next exchange.
    fn begin(&self) {
        if self.passed.0.answered.swap(false, Relaxed) {
            self.passed.0.reused.store(true, Relaxed);
        }
    }
}

impl<T: Connection> Connection for Watched<T> {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(self.passed.clone())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.passed.0.answered.store(true, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.begin();
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.begin();
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
