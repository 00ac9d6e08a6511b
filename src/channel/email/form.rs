//! Form posts of the relays: `multipart/form-data` and `application/x-www-form-urlencoded`.
//!
//! `multer` reads multiparts. It is made for bodies that arrive piece by piece; here the whole body is there,
//! so each of its steps is ready at once and one poll with a waker that does nothing is enough: this room
//! stays synchronous. Names of files are read from the part's header here, because senders write raw bytes
//! into them and `multer` gives up on what is not UTF-8.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use multer::Multipart;

use crate::channel::{Limit, Malformed};

/// Fields of one form. A mail with more attachments is refused as a whole; mail servers stop far below.
pub(in crate::channel) const FIELDS_MAX: usize = 1000;

/// A form, in the order of its fields.
#[derive(Debug, Default)]
pub(in crate::channel) struct Form {
    fields: Vec<Field>,
    goes_on: bool,
}

/// One field of a form.
#[derive(Debug)]
pub(in crate::channel) struct Field {
    /// The field's name, in the sender's letter case.
    pub(in crate::channel) name: String,
    /// The file's name, if the field is a file.
    pub(in crate::channel) file_name: Option<String>,
    /// The part's media type.
    pub(in crate::channel) content_type: Option<String>,
    /// The value.
    pub(in crate::channel) bytes: Bytes,
}

impl Form {
    /// Reads a form of the kind that its content type names.
    ///
    /// # Errors
    /// If it is neither kind of form, breaks off, or has more than [`FIELDS_MAX`] fields.
    pub(in crate::channel) fn read(content_type: &str, body: &[u8]) -> Result<Self, Malformed> {
        if is(content_type, "application/x-www-form-urlencoded") {
            return Self::urlencoded(body);
        }
        let boundary = multer::parse_boundary(content_type).map_err(|_not_multipart| MALFORMED)?;
        Self::multipart(boundary, body)
    }

    fn urlencoded(body: &[u8]) -> Result<Self, Malformed> {
        let fields: Vec<Field> = form_urlencoded::parse(body)
            .take(FIELDS_MAX + 1)
            .map(|(name, value)| Field {
                name: name.into_owned(),
                file_name: None,
                content_type: None,
                bytes: value.into_owned().into(),
            })
            .collect();
        if fields.len() > FIELDS_MAX { Err(TOO_MANY) } else { Ok(Self { fields, goes_on: false }) }
    }

    fn multipart(boundary: String, body: &[u8]) -> Result<Self, Malformed> {
        let mut form = Self { fields: Vec::new(), goes_on: goes_on(&boundary, body) };
        let body = BodyDataStream::new(Full::new(Bytes::copy_from_slice(body)));
        let mut multipart = Multipart::new(body, boundary);
        while let Some(mut part) = at_once(multipart.next_field())? {
            if form.fields.len() == FIELDS_MAX {
                return Err(TOO_MANY);
            }
            let mut bytes = Bytes::new();
            while let Some(chunk) = at_once(part.chunk())? {
                bytes = if bytes.is_empty() { chunk } else { [bytes, chunk].concat().into() };
            }
            let header = |name: http::HeaderName| part.headers().get(name).map(http::HeaderValue::as_bytes);
            form.fields.push(Field {
                name: part.name().unwrap_or_default().to_owned(),
                file_name: header(http::header::CONTENT_DISPOSITION).and_then(file_name),
                content_type: header(http::header::CONTENT_TYPE)
                    .map(|value| String::from_utf8_lossy(value).into_owned()),
                bytes,
            });
        }
        Ok(form)
    }

    /// All values of a field that is no file.
    pub(in crate::channel) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.fields.iter().filter(move |field| field.is_text(name)).map(|field| &field.bytes)
    }

    /// The first value of a field that is no file.
    pub(in crate::channel) fn first(&self, name: &str) -> Option<&Bytes> {
        self.fields.iter().find(|field| field.is_text(name)).map(|field| &field.bytes)
    }

    /// The first value of a field, as UTF-8 with what is none replaced.
    pub(in crate::channel) fn text(&self, name: &str) -> Option<String> {
        self.first(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Whether a field stands there with two different values.
    pub(in crate::channel) fn conflicts(&self, name: &str) -> bool {
        let mut values = self.all(name);
        values.next().is_some_and(|first| values.any(|other| other != first))
    }

    /// Every field, in order.
    pub(in crate::channel) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether something stands behind the form's end, which no relay writes: somebody who knows the boundary
    /// wrote an end into one of the values, and what the relay had to say after it is not read.
    pub(in crate::channel) fn goes_on(&self) -> bool {
        self.goes_on
    }
}

impl Field {
    fn is_text(&self, name: &str) -> bool {
        self.file_name.is_none() && self.name == name
    }
}

const TOO_MANY: Malformed =
    Malformed { expected: "a form of at most 1000 fields", limit: Some(Limit::FormFields) };

const MALFORMED: Malformed = Malformed { expected: "a complete form", limit: None };

/// Whether a `Content-Type` value names this media type, whatever its parameters.
pub(in crate::channel) fn is(content_type: &str, media_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

fn goes_on(boundary: &str, body: &[u8]) -> bool {
    let end = format!("\r\n--{boundary}--");
    let rest = body.windows(end.len()).position(|part| part == end.as_bytes());
    rest.and_then(|at| body.get(at + end.len()..)).is_some_and(|rest| !rest.trim_ascii().is_empty())
}

/// What a step of `multer` gives when the whole body is there: it never has to wait.
fn at_once<T>(step: impl Future<Output = Result<T, multer::Error>>) -> Result<T, Malformed> {
    match pin!(step).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => Ok(value),
        Poll::Ready(Err(_)) | Poll::Pending => Err(MALFORMED),
    }
}

/// The `filename` of a `Content-Disposition`, which relays write last: up to the last quotation mark, since
/// they escape neither quotation marks nor backslashes.
fn file_name(disposition: &[u8]) -> Option<String> {
    let disposition = String::from_utf8_lossy(disposition);
    let (_, rest) = disposition.split_once("filename=")?;
    let name = rest.strip_prefix('"').map_or_else(
        || rest.split(';').next().unwrap_or_default().trim(),
        |quoted| quoted.rsplit_once('"').map_or(quoted, |(name, _)| name),
    );
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MULTIPART: &str = "multipart/form-data; boundary=xYzZY";

    #[test]
    fn a_multipart_is_read_field_by_field() {
        let form = Form::read(
            MULTIPART,
            b"--xYzZY\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\na\r\nb\r\n--xYzZY\r\n\
              Content-Disposition: form-data; name=\"f\"; filename=\"caf\xe9\\\"\r\nContent-Type: text/pdf\r\n\r\n\
              \r\n--xYzZY--\r\n",
        )
        .unwrap();
        assert_eq!(form.text("to").as_deref(), Some("a\r\nb"));
        let file = &form.fields()[1];
        assert_eq!(file.file_name.as_deref(), Some("caf\u{fffd}\\"));
        assert_eq!((file.content_type.as_deref(), file.bytes.len()), (Some("text/pdf"), 0));
        assert!(form.first("f").is_none(), "a file is no text field");
    }

    #[test]
    fn an_urlencoded_form_is_read_field_by_field() {
        let form =
            Form::read("application/x-www-form-urlencoded; charset=utf-8", b"a=1%2B+2&b=&a=3").unwrap();
        assert_eq!(form.text("a").as_deref(), Some("1+ 2"));
        assert!(form.conflicts("a") && !form.conflicts("b"));
    }

    #[test]
    fn what_is_no_complete_form_is_malformed() {
        for (content_type, body) in [
            (MULTIPART, &b""[..]),
            (MULTIPART, b"--xYzZY"),
            (MULTIPART, b"--xYzZY\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nbroken off"),
            (MULTIPART, b"--other\r\n\r\n\r\n--other--"),
            (MULTIPART, b"--xYzZY\r\nno header\r\n\r\nx\r\n--xYzZY--"),
            ("multipart/form-data", b"--\r\n\r\n\r\n----"),
            ("text/plain", b"a=b"),
            ("", b""),
        ] {
            assert!(Form::read(content_type, body).is_err(), "{content_type} {body:?}");
        }
    }

    #[test]
    fn fields_have_a_limit() {
        let part = "--xYzZY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n";
        let form = |count| Form::read(MULTIPART, format!("{}--xYzZY--", part.repeat(count)).as_bytes());
        assert_eq!(form(FIELDS_MAX).unwrap().fields().len(), FIELDS_MAX);
        let pairs = "a=b&".repeat(FIELDS_MAX + 1);
        for refused in
            [form(FIELDS_MAX + 1), Form::read("application/x-www-form-urlencoded", pairs.as_bytes())]
        {
            assert_eq!(refused.unwrap_err().limit, Some(Limit::FormFields));
        }
    }
}
