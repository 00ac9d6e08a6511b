//! The body of a request, read within its limits.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::{
    config::Limits,
    metrics::{Handles, Limit},
    problem::Problem,
    quota::Share,
};

/// Why a body could not be read. The connection it came on is closed after the answer.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the limit, by its declared length or by what came.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It took longer than `body_read_timeout`, or came slower than `body_rate_min`.
    #[error("the body came too slowly")]
    TooSlow,
    /// `bodies_in_memory_max` is reached.
    #[error("the bodies of other requests fill the memory set aside for them")]
    NoMemory,
    /// The connection failed, or the framing of the body is malformed.
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
}

impl BodyError {
    /// The answer's status: 413, 408, 503 or 400.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.problem().status
    }

    /// The answer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, kind) = match self {
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body-too-slow"),
            Self::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Broken(_) => (StatusCode::BAD_REQUEST, "body-broken"),
        };
        Problem::new(status, kind, self.to_string())
    }
}

/// The body of a request: bounded in size, in time and in what all bodies hold together.
///
/// The bytes that were read count as held until the request's answer is sent.
#[derive(Debug)]
pub struct LimitedBody {
    inner: Incoming,
    limit: usize,
    read: usize,
    patience: Patience,
    clock: Option<Pin<Box<Sleep>>>,
    account: Account,
}

/// What a body tells the request that it belongs to, and what it takes from.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Its share of `bodies_in_memory_max`.
    pub(super) memory: Arc<Share>,
    /// Whether it was read to its end.
    pub(super) finished: Arc<AtomicBool>,
    pub(super) metrics: Handles,
}

impl LimitedBody {
    pub(super) fn new(inner: Incoming, limits: &Limits, account: Account) -> Self {
        Self {
            inner,
            limit: limits.body_bytes_max,
            read: 0,
            patience: Patience::of(limits),
            clock: None,
            account,
        }
    }

    /// Sets the largest size, in bytes, in place of the listener's `body_bytes_max`.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Reads all of it. A body that declares more than the limit is refused before a byte is read.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn read_all(mut self) -> Result<Bytes, BodyError> {
        let mut whole = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            // Most bodies come in one piece: it is not copied.
            if whole.is_empty() && self.inner.is_end_stream() {
                return Ok(data);
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }

    fn refuse(&self, limit: Limit, error: BodyError) -> BodyError {
        self.account.metrics.reached(limit);
        error
    }

    /// The error of a body that is over its time; pending until then.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let (due, limit) = self.patience.due(self.read);
        let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if clock.deadline() != due {
            clock.as_mut().reset(due);
        }
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(self.refuse(limit, BodyError::TooSlow))
    }

    /// Counts the bytes of a frame.
    fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        if bytes > self.limit.saturating_sub(self.read) {
            return Err(self.refuse(Limit::BodyBytes, BodyError::TooLarge { limit: self.limit }));
        }
        if !self.account.memory.grow(bytes) {
            return Err(self.refuse(Limit::BodiesInMemory, BodyError::NoMemory));
        }
        self.read += bytes;
        Ok(())
    }
}

impl Body for LimitedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let declared = usize::try_from(this.inner.size_hint().lower()).unwrap_or(usize::MAX);
        if declared > this.limit.saturating_sub(this.read) {
            let refused = this.refuse(Limit::BodyBytes, BodyError::TooLarge { limit: this.limit });
            return Poll::Ready(Some(Err(refused)));
        }
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            return this.poll_overdue(cx).map(|overdue| Some(Err(overdue)));
        };
        let frame = frame.map(|frame| {
            let frame = frame.map_err(BodyError::Broken)?;
            this.take(frame.data_ref().map_or(0, Bytes::len))?;
            Ok(frame)
        });
        if frame.is_none() || this.inner.is_end_stream() {
            this.account.finished.store(true, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// How long a body is waited for.
#[derive(Debug)]
struct Patience {
    begun: Instant,
    grace: Duration,
    rate_min: u64,
    timeout: Duration,
}

impl Patience {
    fn of(limits: &Limits) -> Self {
        Self {
            begun: Instant::now(),
            grace: limits.body_rate_grace,
            rate_min: limits.body_rate_min,
            timeout: limits.body_read_timeout,
        }
    }

    /// When a body of which `read` bytes came is over its time, and by which limit. The minimum rate
    /// works as in Apache's `mod_reqtimeout`: the grace, and a second more for each `rate_min` bytes.
    fn due(&self, read: usize) -> (Instant, Limit) {
        let timeout = (self.begun + self.timeout, Limit::BodyRead);
        if self.rate_min == 0 {
            return timeout;
        }
        let earned = Duration::from_secs(read as u64) / u32::try_from(self.rate_min).unwrap_or(u32::MAX);
        let rate = (self.begun + self.grace + earned, Limit::BodyRate);
        if rate.0 < timeout.0 { rate } else { timeout }
    }
}
