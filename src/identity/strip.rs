//! Taking credentials out of a request before it goes on: those that were read here, and the backend's own,
//! which would let whoever shows one be somebody else there (C06).

use http::{HeaderName, HeaderValue, Uri, header, request::Parts, uri::PathAndQuery};
use percent_encoding::percent_decode;

use super::settings::{Native, Places};

/// Takes out everything that is a credential to Headgate: what stands where keys are looked for, and what a proxy says.
pub(super) fn own<'n>(head: &mut Parts, keys: &'n Places, proxies: impl Iterator<Item = &'n HeaderName>) {
    let names = std::iter::once(&header::AUTHORIZATION).chain(&keys.headers).chain(proxies);
    let names: Vec<_> = names.map(HeaderName::as_str).collect();
    headers(head, &names);
    query(head, &keys.query);
}

/// Takes out everything that is a credential to the backend.
pub(super) fn native(head: &mut Parts, native: &Native) {
    let names: Vec<_> = native.headers.iter().map(String::as_str).collect();
    headers(head, &names);
    query(head, &native.query);
    cookies(head, &native.cookies);
}

/// Backends that make variables of headers know no difference between `-`, `_` and `.`.
fn headers(head: &mut Parts, names: &[&str]) {
    let folded = |byte: u8| if matches!(byte, b'_' | b'.') { b'-' } else { byte.to_ascii_lowercase() };
    let same = |one: &str, other: &str| one.bytes().map(folded).eq(other.bytes().map(folded));
    let listed = |name: &&HeaderName| names.iter().any(|one| same(one, name.as_str()));
    let found: Vec<_> = head.headers.keys().filter(listed).cloned().collect();
    for name in found {
        head.headers.remove(name);
    }
}

fn query(head: &mut Parts, names: &[String]) {
    let Some(query) = head.uri.query() else { return };
    // Some backends take `;` for `&`, and `name[]` for a list in `name`.
    let Some(left) = without(query.as_bytes(), b"&;", |name| {
        let name = name.split(|byte| *byte == b'[').next().unwrap_or_default();
        is_listed(name, names)
    }) else {
        return;
    };
    let path = head.uri.path();
    let left = String::from_utf8_lossy(&left);
    let target = if left.is_empty() { path.to_owned() } else { format!("{path}?{left}") };
    let mut parts = head.uri.clone().into_parts();
    // What is left of a target is one; if not, none of it goes on.
    parts.path_and_query =
        Some(PathAndQuery::try_from(target).unwrap_or_else(|_| PathAndQuery::from_static("/")));
    head.uri = Uri::from_parts(parts).unwrap_or_default();
}

fn cookies(head: &mut Parts, names: &[String]) {
    let all: Vec<_> = head.headers.get_all(header::COOKIE).iter().cloned().collect();
    // Some backends take `,` for `;`.
    let without = |value: &HeaderValue| without(value.as_bytes(), b";,", |name| is_listed(name, names));
    if all.iter().all(|value| without(value).is_none()) {
        return;
    }
    head.headers.remove(header::COOKIE);
    for value in all {
        let left = without(&value).map_or(Ok(value), |left| HeaderValue::from_bytes(left.trim_ascii()));
        if let Ok(left) = left
            && !left.is_empty()
        {
            head.headers.append(header::COOKIE, left);
        }
    }
}

fn is_listed(name: &[u8], names: &[String]) -> bool {
    names.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name))
}

/// A list of `name=value` without those whose name is listed, decoded once; all else stays byte for byte.
/// `None` if there is nothing to leave out.
fn without(list: &[u8], separators: &[u8], listed: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut left = Vec::with_capacity(list.len());
    let mut found = false;
    for piece in list.split_inclusive(|byte| separators.contains(byte)) {
        let name = piece.split(|byte| *byte == b'=' || separators.contains(byte)).next().unwrap_or_default();
        let name: Vec<u8> = percent_decode(name.trim_ascii()).collect();
        if listed(&name) {
            found = true;
        } else {
            left.extend_from_slice(piece);
        }
    }
    while found && left.last().is_some_and(|byte| separators.contains(byte) || *byte == b' ') {
        left.pop();
    }
    found.then_some(left)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn stripped(target: &str, fields: &[(&str, &str)]) -> (String, Vec<String>) {
        let mut request = Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        let list = Native {
            headers: names(&["access-token", "api_access_token"]),
            query: names(&["api_access_token"]),
            cookies: names(&["_chatwoot_session"]),
        };
        native(&mut head, &list);
        let left = head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        (head.uri.to_string(), left.collect())
    }

    #[test]
    fn c06_the_backends_own_credentials_are_taken_out_however_they_are_written() {
        for (target, left) in [
            ("/a?api_access_token=x", "/a"),
            ("/a?b=1&api_access_token=x&c=%20", "/a?b=1&c=%20"),
            ("/a?API_ACCESS_TOKEN=x&b", "/a?b"),
            ("/a?api%5Faccess%5ftoken=x&b=1", "/a?b=1"),
            ("/a?api_access_token[]=x&b=1", "/a?b=1"),
            ("/a?b=1;api_access_token=x", "/a?b=1"),
            ("/a?api_access_token", "/a"),
            ("http://chat.test/a?api_access_token=x", "http://chat.test/a"),
            // What is not listed stays byte for byte.
            ("/a?", "/a?"),
            ("/a?&&b=%2f&api_access_tokens=1;c", "/a?&&b=%2f&api_access_tokens=1;c"),
        ] {
            assert_eq!(stripped(target, &[]).0, left, "{target}");
        }
        for (name, value) in [
            ("api_access_token", "x"),
            ("api-access-token", "x"),
            ("Access_Token", "x"),
            ("access.token", "x"),
            ("cookie", "_chatwoot_session=x"),
            ("cookie", "%5Fchatwoot_session=x"),
        ] {
            assert_eq!(stripped("/a", &[(name, value)]).1, Vec::<String>::new(), "{name}: {value}");
        }
        for (cookie, left) in [
            ("a=1; _chatwoot_session=x; b=2", "cookie: a=1; b=2"),
            ("_chatwoot_session=x; b=2", "cookie: b=2"),
            ("a=1; _chatwoot_session=x", "cookie: a=1"),
            ("a=1,_chatwoot_session=x", "cookie: a=1"),
            ("a=1; chatwoot_session=y;", "cookie: a=1; chatwoot_session=y;"),
        ] {
            assert_eq!(stripped("/a", &[("cookie", cookie)]).1, [left], "{cookie}");
        }
    }
}
