//! The answer to a forwarded request: a head that can be trusted, and a body that streams within its bounds
//! and never ends early without saying so.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, Method, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    response,
};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::{CallError, Unfit, flight::Flight};

/// What one forwarded request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamBounds {
    /// From the request to the last byte of the answer.
    pub timeout: Duration,
    /// Within the answer's body, the time between what comes.
    pub idle_timeout: Duration,
    /// Bytes of the answer's body.
    pub answer_bytes_max: usize,
}

/// Checks the head of an answer to a request with `method`.
pub(super) fn check(answer: &response::Parts, method: &Method) -> Result<(), Unfit> {
    let headers = &answer.headers;
    let coded = headers.contains_key(TRANSFER_ENCODING);
    if answer.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Unfit::Switched);
    }
    if answer.status == StatusCode::NO_CONTENT {
        let empty = headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0");
        return if coded || !empty { Err(Unfit::BodyOfNone) } else { Ok(()) };
    }
    if coded && headers.contains_key(CONTENT_LENGTH) {
        return Err(Unfit::TwoLengths);
    }
    if coded && !is_chunked(headers) {
        return Err(Unfit::Coding);
    }
    let bodiless = *method == Method::HEAD || answer.status == StatusCode::NOT_MODIFIED;
    let ended = coded || headers.contains_key(CONTENT_LENGTH) || answer.version == Version::HTTP_2;
    if bodiless || ended { Ok(()) } else { Err(Unfit::NoEnd) }
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.next().is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

/// The body of an answer. It counts as in flight until it has ended or is dropped; trailers are left out.
pub struct StreamedAnswer {
    body: Incoming,
    bounds: StreamBounds,
    read: usize,
    /// `None`: who reads it sets the pace.
    deadline: Option<Instant>,
    patience: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    /// `None` once the body has ended.
    flight: Option<Flight>,
    /// What is still being sent of the request's body; it is called back with this.
    _request: Option<Box<dyn Send>>,
}

impl fmt::Debug for StreamedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedAnswer").field("bounds", &self.bounds).field("read", &self.read).finish()
    }
}

impl StreamedAnswer {
    /// # Errors
    /// If it announces more than it may have.
    pub(super) fn new(
        body: Incoming,
        bounds: StreamBounds,
        deadline: Instant,
        flight: Flight,
        request: Option<Box<dyn Send>>,
    ) -> Result<Self, CallError> {
        let max = bounds.answer_bytes_max;
        let mut answer = Self {
            read: 0,
            bounds,
            deadline: Some(deadline),
            patience: None,
            waiting: false,
            flight: Some(flight),
            _request: request,
            body,
        };
        if answer.body.is_end_stream() {
            answer.end();
        }
        answer.within(max)
    }

    /// It with at most `max` bytes.
    ///
    /// # Errors
    /// If it announces more.
    pub fn within(mut self, max: usize) -> Result<Self, CallError> {
        if self.body.size_hint().lower() > max as u64 {
            return Err(self.fail(CallError::Oversize { max }));
        }
        self.bounds.answer_bytes_max = max;
        Ok(self)
    }

    /// It however long and for however long: who reads it sets the pace. The time between what comes stays bounded.
    #[must_use]
    pub fn at_the_readers_pace(self) -> Self {
        let bounds = StreamBounds { answer_bytes_max: usize::MAX, ..self.bounds };
        Self { deadline: None, bounds, ..self }
    }

    fn end(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.answered();
        }
    }

    fn fail(&mut self, error: CallError) -> CallError {
        if let Some(flight) = self.flight.take() {
            // The whole time may be up because whoever reads the answer is slow.
            let endpoint_is_at_fault = error.blames_endpoint() && !matches!(error, CallError::Timeout { .. });
            flight.failed(&error, endpoint_is_at_fault);
        }
        error
    }

    /// The error of an answer that is over its time; pending until then.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<CallError> {
        let idle = Instant::now() + self.bounds.idle_timeout;
        let due = self.deadline.map_or(idle, |deadline| idle.min(deadline));
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        // Time in which nobody asked for more is not the backend's.
        if !self.waiting {
            patience.as_mut().reset(due);
            self.waiting = true;
        }
        let stalled = self.deadline.is_none_or(|deadline| patience.deadline() < deadline);
        ready!(patience.as_mut().poll(cx));
        Poll::Ready(if stalled {
            CallError::Stalled { after: self.bounds.idle_timeout }
        } else {
            CallError::Timeout { after: self.bounds.timeout }
        })
    }

    /// What came: data, or the end.
    fn came(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) -> Came {
        match frame {
            None => Came::End,
            Some(Err(error)) => Came::Failure(CallError::Cut(error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    self.read = self.read.saturating_add(data.len());
                    let max = self.bounds.answer_bytes_max;
                    if self.read > max {
                        Came::Failure(CallError::Oversize { max })
                    } else {
                        Came::Data(data)
                    }
                }
                Err(_trailers) => Came::Nothing,
            },
        }
    }
}

enum Came {
    Data(Bytes),
    Nothing,
    End,
    Failure(CallError),
}

impl Body for StreamedAnswer {
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        let this = &mut *self;
        if this.flight.is_none() {
            return Poll::Ready(None);
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                return this.poll_overdue(cx).map(|overdue| Some(Err(this.fail(overdue))));
            };
            this.waiting = false;
            match this.came(frame) {
                Came::Nothing => {}
                Came::Data(data) => {
                    if this.body.is_end_stream() {
                        this.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Came::End => {
                    this.end();
                    return Poll::Ready(None);
                }
                Came::Failure(error) => return Poll::Ready(Some(Err(this.fail(error)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.flight.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn verdict(method: &Method, status: u16, headers: &[(&str, &str)]) -> Result<(), Unfit> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        check(&answer.body(()).unwrap().into_parts().0, method)
    }

    #[test]
    fn an_answer_says_once_and_clearly_where_it_ends() {
        let (length, chunked) = (("content-length", "5"), ("transfer-encoding", "Chunked"));
        for (status, headers, want) in [
            (200, vec![length], Ok(())),
            (200, vec![chunked], Ok(())),
            (200, vec![], Err(Unfit::NoEnd)),
            (200, vec![length, chunked], Err(Unfit::TwoLengths)),
            (200, vec![("transfer-encoding", "gzip, chunked")], Err(Unfit::Coding)),
            (200, vec![chunked, chunked], Err(Unfit::Coding)),
            (200, vec![("transfer-encoding", "identity")], Err(Unfit::Coding)),
            (204, vec![], Ok(())),
            (204, vec![("content-length", "0")], Ok(())),
            (204, vec![length], Err(Unfit::BodyOfNone)),
            (204, vec![chunked], Err(Unfit::BodyOfNone)),
            (304, vec![length], Ok(())),
            (101, vec![], Err(Unfit::Switched)),
        ] {
            assert_eq!(verdict(&Method::GET, status, &headers), want, "{status} {headers:?}");
        }
        assert_eq!(verdict(&Method::HEAD, 200, &[]), Ok(()));
    }
}
