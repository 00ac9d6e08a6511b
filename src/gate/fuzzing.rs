//! The laws of what strangers send to the agents' listener: fuzz targets feed them, and the stable test suite
//! replays the saved corpora.

use std::{
    collections::BTreeSet,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};
use http_body_util::{BodyDataStream, Full};
use serde_json::Value;

use super::{
    body,
    path::{CanonicalPath, Target},
    push,
    show::{coding, pages},
    write::{
        fields::{Fields, Way},
        form, multipart, patch,
    },
};
use crate::config::text;

/// A request's target. Its canonical path is canonical again, and whoever decodes it once, twice or not at
/// all finds the same parts and no dots.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn path(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = CanonicalPath::of(text)
    {
        assert_eq!(CanonicalPath::of(path.as_str()).as_ref(), Ok(&path), "{text:?}");
        let parts = path.parts().count();
        let mut read = path.as_str().as_bytes().to_vec();
        for times in 0..3 {
            let found: Vec<_> = read.split(|byte| *byte == b'/').skip(1).collect();
            assert_eq!(found.len(), parts, "{text:?} decoded {times} times");
            assert!(
                found.iter().all(|part| *part != b"." && *part != b".."),
                "{text:?} decoded {times} times"
            );
            assert!(
                !read.contains(&b'\\') && !read.contains(&b';') && !read.iter().any(u8::is_ascii_control)
            );
            read = percent_encoding::percent_decode(&read).collect();
        }
    }
    if let Ok(uri) = Uri::try_from(bytes)
        && let Ok(target) = Target::of(&uri, 8 << 10, 100)
    {
        let again: Result<Uri, _> = target.forwarded().parse();
        let again = again.ok().and_then(|uri| Target::of(&uri, 8 << 10, 100).ok());
        assert_eq!(again.as_ref(), Some(&target), "{uri}");
        let _names = target.parameters().count();
        numbered(&target);
    }
}

/// Another page of a list is asked for by its number; all other parameters stay.
fn numbered(target: &Target) {
    const NUMBER: &str = "page";
    let others = |target: &Target| -> Vec<_> {
        target.written_parameters().filter(|(name, _)| name != NUMBER).collect()
    };
    if pages::number_of(target, NUMBER).is_ok() {
        let next = push::with(&target.forwarded(), &[(NUMBER, "7")]);
        let next = next.parse().ok().and_then(|uri| Target::of(&uri, 9 << 10, 101).ok());
        let found = next.as_ref().map(|next| (pages::number_of(next, NUMBER), others(next)));
        assert_eq!(found, Some((Ok(Some(7)), others(target))), "{}", target.forwarded());
    }
}

/// The body of a write. What is taken for its fields is what everybody else reads in it.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn written(bytes: &[u8]) {
    let Ok(read) = body::read(bytes) else { return };
    let plain: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(plain) => plain,
        Err(error) => panic_on(&error),
    };
    assert_eq!(read, plain, "two readings");
    let mut fields = Fields::default();
    if fields.put_all(&mut Way::new(), &read).is_ok() {
        let seen = |name: &String| fields.written().any(|(way, _)| way.contains(name));
        assert!(names(&read).into_iter().all(seen), "a field was not seen");
    }
}

/// A form. What is taken is read by everybody as the same names with the same values.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn form(bytes: &[u8]) {
    let Ok(fields) = form::fields(bytes) else { return };
    let pairs: Vec<_> = form_urlencoded::parse(bytes).map(|(name, value)| (steps(&name), value)).collect();
    assert_eq!(ways(&fields), pairs.iter().map(|(way, _)| way.clone()).collect(), "other names");
    for (way, value) in &pairs {
        let is_value = |given: &Value| match given {
            Value::Array(items) => items.iter().any(|item| item == value.as_ref()),
            given => given == value.as_ref(),
        };
        let given = fields.written().find(|(other, _)| *other == way);
        assert!(given.is_some_and(|(_, given)| given.values.iter().any(is_value)), "another value");
    }
}

/// A multipart form with the boundary `x`. What is taken is what `multer` reads.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn multipart(bytes: &[u8]) {
    let Ok(fields) = multipart::fields(bytes, "x") else { return };
    let body = BodyDataStream::new(Full::new(Bytes::copy_from_slice(bytes)));
    let mut read = multer::Multipart::new(body, "x");
    let mut names = BTreeSet::new();
    while let Some(part) = at_once(read.next_field()) {
        names.extend(part.name().map(steps));
    }
    assert_eq!(ways(&fields), names, "other names");
}

/// The next part, if there is one; the whole form is there, so nothing is waited for.
fn at_once<T>(step: impl Future<Output = Result<Option<T>, multer::Error>>) -> Option<T> {
    match pin!(step).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(part)) => part,
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

/// A JSON Patch. What is taken notes every path.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn patch(bytes: &[u8]) {
    let Ok(patch) = body::read(bytes) else { return };
    let Ok(fields) = patch::fields(&patch) else { return };
    let way = |operation: &Value, name: &str| -> Option<Way> {
        let pointer = operation.get(name)?.as_str()?;
        Some(text::steps(pointer).collect())
    };
    for operation in patch.as_array().into_iter().flatten() {
        let path = way(operation, "path");
        let is_read = |way: &Way| fields.read().any(|other| other == way);
        let asks = operation.get("op").is_some_and(|op| op == "test");
        assert!(path.is_some_and(|way| if asks { is_read(&way) } else { fields.writes(&way) }));
        assert!(way(operation, "from").is_none_or(|way| is_read(&way)));
    }
}

fn ways(fields: &Fields) -> BTreeSet<Way> {
    fields.written().map(|(way, _)| way.clone()).collect()
}

/// The parts of a name with brackets.
fn steps(name: &str) -> Way {
    name.split(['[', ']']).filter(|step| !step.is_empty()).map(str::to_owned).collect()
}

/// Every member's name in a value.
fn names(value: &Value) -> Vec<&String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [vec![name], names(value)].concat()).collect()
        }
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

/// An encoded answer of a backend's; its first byte chooses the coding. What comes out is within the bound, and a
/// smaller bound changes nothing but that.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn encoded(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let coding = match first % 3 {
        0 => "gzip",
        1 => "br",
        _ => "zstd",
    };
    let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))]);
    let within = |max: usize| coding::decoded(&headers, Bytes::copy_from_slice(body), max);
    let Ok(decoded) = within(1 << 20) else { return };
    assert!(decoded.len() <= 1 << 20, "beyond the bound");
    assert_eq!(within(decoded.len()).as_ref(), Ok(&decoded), "its own length is no bound for it");
    if let Some(less) = decoded.len().checked_sub(1) {
        assert_eq!(within(less), Err(coding::Uncoded::TooLarge), "a byte less is one");
    }
}

#[expect(clippy::panic, reason = "a law is broken; this is what a fuzzer looks for")]
fn panic_on(error: &serde_json::Error) -> ! {
    panic!("taken, and no JSON: {error}")
}
