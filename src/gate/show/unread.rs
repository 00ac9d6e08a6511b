//! Answers that pass unread. Where whoever asks sees every row and every field, and the route and its entities
//! declare everything (`keep = [""]`, `fields = ["*"]`), there is nothing to take out and nothing is held: the answer
//! is passed on as it comes, at the pace of whoever reads it, and breaks off where the backend's does.
//!
//! Whether it does is known from rights and routes before it is asked for. What its head tells is looked at before a
//! byte of it passes: an error, a part, a coding or another charset is read and judged as ever.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::{answer::is_utf8, shape::Right};
use crate::{
    backend::{CallError, StreamedAnswer},
    config::routes::{Format, Main, RouteMap},
    gate::{Passage, Shown, headers, permit::Permit, refusal::Refusal},
    policy::ActionNo,
};

impl Passage<'_> {
    /// Whether the answer need not be read: nothing can be in it that is to be taken out, told or remembered.
    pub(in crate::gate) fn passes_unread(&self, permit: &Permit) -> Result<bool, Refusal> {
        let (route, actor) = (&self.matched.route, &self.granted.actor);
        if route.writes() || route.export.is_some() {
            return Ok(false);
        }
        if route.shows.format == Format::Whole {
            return self.shows_whole(actor, permit);
        }
        // What would be taken out without shadow mode must be read to be told.
        if self.in_shadow().is_some() {
            let enforced = permit.without_shadow();
            let would = enforced.map(|enforced| self.without_shadow().passes_unread(&enforced));
            if !would.transpose()?.unwrap_or(false) {
                return Ok(false);
            }
        }
        self.loses_nothing(permit)
    }

    /// Whether nothing can be taken out of the answer: every object in it is seen, with every field.
    pub(super) fn loses_nothing(&self, permit: &Permit) -> Result<bool, Refusal> {
        let (route, actor) = (&self.matched.route, &self.granted.actor);
        let shapes = self.shapes()?;
        let Some(judged) = &shapes.answer(&self.side.routes.map, route)?.judged else { return Ok(false) };
        let is_object = matches!(route.shows.main, Some(Main::Object(_)));
        // Whether it is the object that was asked for must be seen.
        if is_object && route.object.is_some() && !shapes.reaches_all(actor, &route.shows, self.asked) {
            return Ok(false);
        }
        let every_row = is_object || self.sees_every_row(actor, Some(permit), &shapes);
        let each = |entity, sees: &dyn Fn(&Right) -> bool| {
            shapes.entity(entity).is_some_and(|shape| shape.has_each_right(sees))
        };
        Ok(every_row
            && judged.main.is_none_or(|main| each(main, &|right| self.sees_all_main(right, permit)))
            && judged.inner.iter().all(|inner| each(*inner, &|right| self.sees_all(right, right.action))))
    }

    /// Whether the object that the answer is about, or each of its rows, is shown with every field.
    fn sees_all_main(&self, right: &Right, permit: &Permit) -> bool {
        let route = &self.matched.route;
        let is_decided = route.object.is_some() && matches!(route.shows.main, Some(Main::Object(_)));
        if is_decided && right.resource == self.asked.resource {
            return permit.shows_all(&self.granted.actor, right.resource);
        }
        let besides = self.asked.of_rows.is_none_or(|asked| self.sees_all(right, asked));
        besides && self.sees_all(right, right.action)
    }

    /// Whether every object is shown with every field, whatever is known of it.
    fn sees_all(&self, right: &Right, action: ActionNo) -> bool {
        self.granted.actor.grants.shows_all(right.resource, action)
    }
}

/// An answer whose head has come, and of which nothing need be read.
#[derive(Debug)]
pub(in crate::gate) struct Passing {
    head: response::Parts,
    body: StreamedAnswer,
    /// Where it comes from, for the log.
    backend: String,
}

impl Passing {
    /// An answer as far as its head lets it pass; else the answer again.
    pub(in crate::gate) fn of(
        answer: Response<StreamedAnswer>,
        format: Format,
        backend: &str,
    ) -> Result<Self, Box<Response<StreamedAnswer>>> {
        let (status, headers) = (answer.status(), answer.headers());
        // Nobody asked for a part (F08), and nothing is taken for JSON in which there is nothing.
        let whole = status.is_success() && status != StatusCode::PARTIAL_CONTENT;
        let is_empty = answer.body().size_hint().exact() == Some(0);
        let plain = !headers.contains_key(header::CONTENT_ENCODING);
        if !whole || is_empty || !plain || !(format == Format::Whole || is_utf8(headers)) {
            return Err(Box::new(answer));
        }
        let (head, body) = answer.into_parts();
        Ok(Self { head, body: body.at_the_readers_pace(), backend: backend.to_owned() })
    }

    /// It, with what a client may see of its head.
    pub(in crate::gate) fn shown(self, format: Format, map: &RouteMap) -> Shown {
        let Self { head, body, backend } = self;
        let mut shown = Response::new(Content::Passing { body: Box::new(body), backend });
        *shown.status_mut() = head.status;
        *shown.headers_mut() = headers::shown(&head.headers, &map.response_headers);
        if let Some(is) = format.shown_as() {
            shown.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(is));
        }
        shown
    }
}

/// What a client gets.
#[derive(Debug)]
pub enum Content {
    /// What may be shown, made before.
    Whole(Full<Bytes>),
    /// What the backend sends, as it comes.
    Passing {
        /// The rest of it.
        body: Box<StreamedAnswer>,
        /// The backend.
        backend: String,
    },
}

impl Content {
    /// Whether both were made before, and are the same.
    pub(in crate::gate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.clone().into_inner() == other.clone().into_inner(),
            (Self::Whole(_) | Self::Passing { .. }, _) => false,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(content: T) -> Self {
        Self::Whole(Full::new(content.into()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        match &mut *self {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            // An answer that ends too early must not look like one: an error here breaks the client's connection off.
            Self::Passing { body, backend } => Pin::new(&mut **body).poll_frame(cx).map_err(|error| {
                let cause = &error as &dyn Error;
                tracing::warn!(backend.id = backend, error = cause, "an answer broke off on its way");
                error
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Passing { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Passing { body, .. } => body.size_hint(),
        }
    }
}
