//! JSON pointers (RFC 6901) into text: the value is found without reading the rest, and an object with
//! a repeated key on the way is refused.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::channel::json::Members;

/// An object on the way has a repeated key: which of the two is meant cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

/// The value at `pointer`; `None` if there is none, or `null`.
pub(super) fn value<'a>(whole: &'a RawValue, pointer: &str) -> Result<Option<&'a RawValue>, Repeated> {
    let mut tokens = pointer.split('/');
    // A pointer starts with a slash, or is empty and means the whole.
    if tokens.next() != Some("") {
        return Ok(None);
    }
    let mut here = whole;
    for token in tokens {
        match step(here, token)? {
            Some(next) => here = next,
            None => return Ok(None),
        }
    }
    Ok((here.get() != "null").then_some(here))
}

fn step<'a>(here: &'a RawValue, token: &str) -> Result<Option<&'a RawValue>, Repeated> {
    match here.get().as_bytes().first() {
        Some(b'{') => {
            let members: Members<'a> = serde_json::from_str(here.get()).map_err(|_repeated| Repeated)?;
            Ok(members.value(&unescaped(token)))
        }
        Some(b'[') => {
            let items: Vec<&'a RawValue> = serde_json::from_str(here.get()).unwrap_or_default();
            Ok(index(token).and_then(|index| items.get(index).copied()))
        }
        _ => Ok(None),
    }
}

/// `~1` is a slash and `~0` a tilde, replaced in this order.
fn unescaped(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

/// An array index: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let canonical =
        token.bytes().all(|byte| byte.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    if canonical { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"a":{"b":[10,{"c":"x"}],"n":null,"":1},"x/y":2,"m~n":3,"d":{"k":1,"k":2}}"#;

    fn at(pointer: &str) -> Result<Option<&str>, Repeated> {
        let whole: &RawValue = serde_json::from_str(BODY).unwrap();
        Ok(value(whole, pointer)?.map(RawValue::get))
    }

    #[test]
    fn a_pointer_finds_what_serde_json_finds() {
        let whole: serde_json::Value = serde_json::from_str(BODY).unwrap();
        for pointer in [
            "", "/a/b/0", "/a/b/1/c", "/a/b/01", "/a/b/2", "/a/b/-", "/a/", "/x~1y", "/m~0n", "/none",
            "/a/b/0/z",
        ] {
            let ours = at(pointer).unwrap().map(|raw| serde_json::from_str(raw).unwrap());
            assert_eq!(ours.as_ref(), whole.pointer(pointer), "{pointer}");
        }
        assert_eq!(at("/a/n"), Ok(None), "null is no value");
        assert_eq!(at("a"), Ok(None), "a pointer starts with a slash");
    }

    #[test]
    fn a_repeated_key_is_refused_only_where_it_matters() {
        assert_eq!(at("/d/k"), Err(Repeated));
        assert_eq!(at("/a/b/0"), Ok(Some("10")));
    }
}
