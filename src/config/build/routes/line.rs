//! Request lines: a method and a path with parameters.

use std::collections::BTreeSet;

use http::Method;

use crate::config::{
    build::Check,
    mistake::{KeyPath, Wrong},
    routes::{Part, RequestLine},
};

/// The methods that a route can have.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// `GET /api/v1/accounts/{account}`.
pub(super) fn line(check: &mut Check<'_>, at: &KeyPath, text: &str) -> Option<RequestLine> {
    let read = read_line(text);
    if read.is_none() {
        check.wrong(at, Wrong::RequestLine);
    }
    read
}

/// A request that Headgate makes itself: it reads, and its parameters are among `own`. `None` if it is no line.
pub(super) fn question(
    check: &mut Check<'_>,
    at: &KeyPath,
    text: &str,
    own: &BTreeSet<&str>,
) -> Option<RequestLine> {
    let line = line(check, at, text)?;
    if line.method != Method::GET {
        check.wrong(at, Wrong::OnlyWith { other: "GET" });
    }
    if let Some(name) = line.parameters().find(|name| !own.contains(name)) {
        check.wrong(at, Wrong::NoParameter { name: name.to_owned() });
    }
    Some(line)
}

pub(super) fn read_line(text: &str) -> Option<RequestLine> {
    let (method, path) = text.split_once(' ')?;
    let method = METHODS.into_iter().find(|known| known.as_str() == method)?;
    let parts = path.strip_prefix('/')?.split('/').map(part).collect::<Option<Vec<_>>>()?;
    let mut names = BTreeSet::new();
    let line = RequestLine { method, parts };
    let once_each = line.parameters().all(|name| names.insert(name));
    once_each.then_some(line)
}

fn part(text: &str) -> Option<Part> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    match text.strip_prefix('{') {
        Some(rest) => {
            let name = rest.strip_suffix('}')?;
            let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            sound.then(|| Part::Parameter(name.to_owned()))
        }
        None => {
            let sound = !text.is_empty() && text.chars().all(plain) && text != "." && text != "..";
            sound.then(|| Part::Literal(text.to_owned()))
        }
    }
}

/// What a `match` has in common with those that could not be told apart from it; `None` if it is none.
pub(in crate::config) fn shape_of(text: &str) -> Option<(String, Vec<Option<String>>)> {
    read_line(text).as_ref().map(shape)
}

/// What two routes have in common that could not be told apart.
pub(super) fn shape(line: &RequestLine) -> (String, Vec<Option<String>>) {
    let parts = line.parts.iter().map(|part| match part {
        Part::Literal(text) => Some(text.clone()),
        Part::Parameter(_) => None,
    });
    (line.method.to_string(), parts.collect())
}
