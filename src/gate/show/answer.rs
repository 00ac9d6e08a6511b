//! A backend's answer before anybody has seen it, and what of it may be shown.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::{
    coding::{self, Uncoded},
    unread::Content,
};
use crate::{
    config::routes::RouteMap,
    filter::{
        self, Fault, Judge, Layout, Page, Report,
        csv::{CsvFault, Table},
    },
    gate::{Shown, headers},
};

/// A backend's whole answer, of which nothing was shown to anybody.
#[derive(Clone, Debug)]
pub struct Unseen(Response<Result<Bytes, Uncoded>>);

/// Why an answer is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// It has something that the permit does not cover, and it can be shown as a whole only.
    #[error("the answer holds what may not be shown")]
    Uncovered,
    /// It cannot be read, so it is not known what it holds.
    #[error("the answer cannot be read")]
    Unreadable,
    /// It is not what the route says, or could be read in two ways.
    #[error("the answer is not what the route says: {0}")]
    Faulty(#[from] Fault),
    /// The same of an export.
    #[error("the export is not what the route says: {0}")]
    Untabular(#[from] CsvFault),
    /// It is encoded, and cannot be decoded.
    #[error("the answer cannot be decoded: {0}")]
    Coded(#[from] Uncoded),
    /// It is a part of one, and nobody asked for a part (F08).
    #[error("the answer is a part of one")]
    Part,
    /// Its one object may not be seen.
    #[error("the answer's object may not be seen")]
    Hidden,
    /// Its one object is not the one that was asked for.
    #[error("the answer is about another object than was asked for")]
    Another,
    /// It says nothing, where the route does not tell what of a list without rows may be shown.
    #[error("the answer to a list has no content, and the route does not say `empty = \"no-content\"`")]
    NoList,
}

impl Unseen {
    /// Takes an answer without its coding, in which it may have at most `max` bytes.
    pub(in crate::gate) fn new(answer: Response<Bytes>, max: usize) -> Self {
        let (head, body) = answer.into_parts();
        let body = coding::decoded(&head.headers, body, max);
        Self(Response::from_parts(head, body))
    }

    /// Its status, which tells whether there is such an object at all.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Whether it has no content at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.body().as_ref().is_ok_and(Bytes::is_empty)
    }

    /// A header of it.
    pub(in crate::gate) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.headers().get(name)
    }

    /// What may be shown of its JSON, whatever the backend calls it (E13).
    ///
    /// # Errors
    /// [`Withheld`] if it is not what the layout says, or cannot be read.
    pub fn filtered(&self, layout: &Layout, judge: impl Judge) -> Result<(Vec<u8>, Report), Withheld> {
        let text = self.text()?;
        Ok(filter::filter(
            text,
            layout,
            filter::Limits { object_bytes_max: text.len(), ..filter::Limits::default() },
            judge,
        )?)
    }

    /// The same with its rows kept apart.
    ///
    /// # Errors
    /// As of [`Unseen::filtered`].
    pub fn page(&self, layout: &Layout, judge: impl Judge) -> Result<(Page, Report), Withheld> {
        let text = self.text()?;
        let limits = filter::Limits { object_bytes_max: text.len(), ..filter::Limits::default() };
        Ok(filter::page(text, layout, limits, judge)?)
    }

    /// What may be shown of its comma-separated values, whatever the backend calls them.
    ///
    /// # Errors
    /// [`Withheld`] if it is no such table, or cannot be read.
    pub fn filtered_table(&self, table: &Table, judge: impl Judge) -> Result<(Vec<u8>, Report), Withheld> {
        Ok(table.filter(self.text()?, judge)?)
    }

    fn text(&self) -> Result<&Bytes, Withheld> {
        if is_utf8(self.0.headers()) {
            Ok(self.0.body().as_ref().map_err(|error| *error)?)
        } else {
            Err(Withheld::Unreadable)
        }
    }

    /// It with another content: JSON. The name of a file might say what a field does that is taken out.
    #[must_use]
    pub fn with_json(&self, json: Vec<u8>, map: &RouteMap) -> Shown {
        let mut shown = without_file_name(self.with(json.into(), &map.response_headers));
        shown.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        shown
    }

    /// It with those rows that may be shown, as JSON. Headers that only the route map lists are left out: nobody
    /// knows what they count, or where they lead (D05).
    #[must_use]
    pub fn with_rows(&self, json: Vec<u8>) -> Shown {
        let mut shown = Response::new(json.into());
        *shown.status_mut() = self.0.status();
        *shown.headers_mut() = headers::shown(self.0.headers(), &[]);
        shown.headers_mut().remove(header::CONTENT_DISPOSITION);
        shown.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        shown
    }

    /// It with those lines that may be shown. The name of a file might be somebody's, or count.
    #[must_use]
    pub fn with_lines(&self, table: Vec<u8>) -> Shown {
        without_file_name(self.with_table(table, &[]))
    }

    /// It without content, and with those headers alone that every answer may have.
    #[must_use]
    pub fn empty(&self) -> Shown {
        self.with(Bytes::new(), &[])
    }

    /// It with another content: comma-separated values.
    #[must_use]
    pub fn with_table(&self, table: Vec<u8>, also: &[HeaderName]) -> Shown {
        let mut shown = self.with(table.into(), also);
        shown.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        shown
    }

    /// It as it is, without its coding.
    ///
    /// # Errors
    /// [`Withheld::Coded`] if it cannot be decoded.
    pub fn whole(self, map: &RouteMap) -> Result<Shown, Withheld> {
        let body = self.0.body().clone()?;
        Ok(self.with(body, &map.response_headers))
    }

    /// Its content; nothing, if it cannot be decoded.
    pub(in crate::gate) fn content(&self) -> &[u8] {
        self.0.body().as_deref().unwrap_or_default()
    }

    fn with(&self, body: Bytes, also: &[HeaderName]) -> Shown {
        let mut shown = Response::new(body.into());
        *shown.status_mut() = self.0.status();
        *shown.headers_mut() = headers::shown(self.0.headers(), also);
        shown
    }
}

/// An answer that may be a file, without its name.
fn without_file_name(mut shown: Shown) -> Shown {
    if shown.headers().contains_key(header::CONTENT_DISPOSITION) {
        let nameless = HeaderValue::from_static("attachment");
        shown.headers_mut().insert(header::CONTENT_DISPOSITION, nameless);
    }
    shown
}

/// An answer that Headgate itself makes.
#[must_use]
pub fn json(json: Vec<u8>) -> Shown {
    let mut shown = Response::new(json.into());
    *shown.headers_mut() = headers::shown(&HeaderMap::new(), &[]);
    shown.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    shown
}

/// A table that Headgate itself makes: without a line.
#[must_use]
pub fn no_table() -> Shown {
    let mut shown = Response::new(Content::default());
    *shown.headers_mut() = headers::shown(&HeaderMap::new(), &[]);
    shown.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    shown
}

/// An answer without content: what was written is written and only the echo is withheld, or there is nothing.
#[must_use]
pub fn without_content() -> Shown {
    let mut shown = Response::new(Content::default());
    *shown.status_mut() = StatusCode::NO_CONTENT;
    *shown.headers_mut() = headers::shown(&HeaderMap::new(), &[]);
    shown
}

/// Whether nothing says that the text is in another charset than JSON's.
pub(in crate::gate) fn is_utf8(headers: &HeaderMap) -> bool {
    let types = headers.get_all(header::CONTENT_TYPE).iter();
    types.flat_map(|value| value.as_bytes().split(|byte| *byte == b';').skip(1)).all(|parameter| {
        let parameter = parameter.trim_ascii().to_ascii_lowercase();
        !parameter.starts_with(b"charset") || matches!(&*parameter, b"charset=utf-8" | b"charset=\"utf-8\"")
    })
}
