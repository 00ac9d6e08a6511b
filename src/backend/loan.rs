//! A request's body, lent to a connection: it comes back if the connection never touched it, so that the
//! next endpoint may have it, and it is called back when nobody waits for the answer any more.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use super::client::Outgoing;

/// The body failed; why is with its [`Loan`].
#[derive(Debug, thiserror::Error)]
#[error("the request's body failed, or nobody waits for the answer any more")]
pub(super) struct Recalled;

/// The lender's side. When it is dropped the body is taken back, and a connection that was still sending
/// it breaks off.
pub(super) struct Loan<B: Body>(Arc<Mutex<Lent<B>>>);

struct Lent<B: Body> {
    body: Option<Pin<Box<B>>>,
    /// All of it was sent.
    spent: bool,
    failure: Option<B::Error>,
    /// Who sends it.
    waker: Option<Waker>,
}

impl<B> Loan<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    pub(super) fn new(body: B) -> Self {
        let spent = body.is_end_stream();
        let lent = Lent { body: Some(Box::pin(body)), spent, failure: None, waker: None };
        Self(Arc::new(Mutex::new(lent)))
    }

    /// For one connection. A second one may have it only if the first never sent anything.
    pub(super) fn lend(&self) -> Outgoing {
        Borrowed(Arc::clone(&self.0)).boxed_unsync()
    }

    /// Whether nothing of the body is left to send.
    pub(super) fn is_spent(&self) -> bool {
        lock(&self.0).spent
    }

    /// Why the body itself failed, if it did. Told once.
    pub(super) fn failure(&self) -> Option<B::Error> {
        lock(&self.0).failure.take()
    }
}

impl<B: Body> Drop for Loan<B> {
    fn drop(&mut self) {
        let (body, waker) = {
            let mut lent = lock(&self.0);
            (lent.body.take(), lent.waker.take())
        };
        drop(body);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The connection's side.
struct Borrowed<B: Body>(Arc<Mutex<Lent<B>>>);

impl<B: Body<Data = Bytes>> Body for Borrowed<B> {
    type Data = Bytes;
    type Error = Recalled;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Recalled>>> {
        let mut lent = lock(&self.0);
        if lent.spent {
            return Poll::Ready(None);
        }
        lent.waker = Some(cx.waker().clone());
        let Some(body) = lent.body.as_mut() else { return Poll::Ready(Some(Err(Recalled))) };
        let frame = ready!(body.as_mut().poll_frame(cx));
        lent.spent = frame.is_none() || body.is_end_stream();
        Poll::Ready(match frame {
            None => None,
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(failure)) => {
                lent.failure = Some(failure);
                Some(Err(Recalled))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).spent
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
