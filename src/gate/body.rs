//! The body of a write: which fields it names.

use std::{collections::BTreeSet, fmt};

use http::{HeaderMap, HeaderValue, header};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitBody {
    /// Its media type is not JSON, or it is encoded.
    #[error("the body must be application/json, not encoded")]
    MediaType,
    /// It is no JSON, or an object in it has a key twice.
    #[error("the body is not JSON in which every key stands once")]
    Json,
    /// What it should hold is not there, or no object.
    #[error("the body holds no object where the fields are expected")]
    NoObject,
    /// It names more fields than [`FIELDS_MAX`], or one with more than [`FIELD_BYTES_MAX`].
    #[error(
        "the body has more than {FIELDS_MAX} fields, or one with a name of more than {FIELD_BYTES_MAX} bytes"
    )]
    TooMany,
}

/// Fields that a body may name.
pub const FIELDS_MAX: usize = 4096;

/// Bytes of the name of a field, with the names that lead to it.
pub const FIELD_BYTES_MAX: usize = 1024;

/// Whether a body with these headers is JSON that can be read as it stands.
///
/// # Errors
/// [`UnfitBody::MediaType`].
pub fn check_media_type(headers: &HeaderMap) -> Result<(), UnfitBody> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(media), None) = (types.next().map(HeaderValue::as_bytes), types.next()) else {
        return Err(UnfitBody::MediaType);
    };
    let mut parts = media.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let json = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"application/json"));
    // Another charset would be read as other text by the backend.
    let utf8 = parts.all(|parameter| parameter.eq_ignore_ascii_case(b"charset=utf-8"));
    if json && utf8 && !headers.contains_key(header::CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(UnfitBody::MediaType)
    }
}

/// The names of the fields of the object at `at` (a JSON pointer), and of those inside them with a dot between
/// (`smtp`, `smtp.host`): a rule may be about either, and who writes the inner one writes both. What stands beside the way there counts as
/// a field too: some backends wrap what they find at the top themselves.
///
/// # Errors
/// [`UnfitBody::Json`], [`UnfitBody::NoObject`] and [`UnfitBody::TooMany`].
pub fn fields(body: &[u8], at: &str) -> Result<BTreeSet<String>, UnfitBody> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let way: Vec<String> =
        at.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let mut found = Found { fields: BTreeSet::new(), reached: false, too_many: false };
    let read = Value { way: Some(&way), inside: None, found: &mut found }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    if found.too_many {
        return Err(UnfitBody::TooMany);
    }
    read.map_err(|_no_json| UnfitBody::Json)?;
    if found.reached { Ok(found.fields) } else { Err(UnfitBody::NoObject) }
}

/// Whether it is JSON in which every key stands once, so that everybody reads the same in it.
///
/// # Errors
/// [`UnfitBody::Json`].
pub fn check(body: &[u8]) -> Result<(), UnfitBody> {
    match fields(body, "") {
        Ok(_) | Err(UnfitBody::NoObject) => Ok(()),
        Err(error) => Err(error),
    }
}

struct Found {
    fields: BTreeSet<String>,
    reached: bool,
    too_many: bool,
}

impl Found {
    /// Notes a field; an error if it is one too many.
    fn note<E: Error>(&mut self, name: &str) -> Result<(), E> {
        self.fields.insert(name.to_owned());
        self.too_many = self.fields.len() > FIELDS_MAX || name.len() > FIELD_BYTES_MAX;
        if self.too_many { Err(E::custom("too many fields")) } else { Ok(()) }
    }
}

/// A value that is looked through. `way` leads from it to the object whose fields are meant; `None` beside
/// that way and below the object, where `inside` is the name of the field that it is in.
struct Value<'a> {
    way: Option<&'a [String]>,
    inside: Option<&'a str>,
    found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which every key stands once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        let is_object = self.way.is_some_and(<[String]>::is_empty);
        self.found.reached |= is_object;
        while let Some(key) = map.next_key::<String>()? {
            let way = match self.way.and_then(<[String]>::split_first) {
                Some((step, rest)) if *step == key => Some(rest),
                // Beside the way.
                Some(_) | None => None,
            };
            let name = match self.inside {
                _ if way.is_some() => None,
                Some(outer) => Some(format!("{outer}.{key}")),
                None => Some(key.clone()),
            };
            if let Some(name) = &name {
                self.found.note(name)?;
            }
            map.next_value_seed(Value { way, inside: name.as_deref(), found: &mut *self.found })?;
            if !keys.insert(key) {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        // An item of a field's list is that field.
        while items
            .next_element_seed(Value { way: None, inside: self.inside, found: &mut *self.found })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_body_are_its_keys() {
        for (at, body, expected) in [
            ("", r#"{"name":"x","custom":{"budget":1}}"#, &["custom", "custom.budget", "name"][..]),
            (
                "",
                r#"{"smtp":{"relay":{"host":1}},"list":[{"a":1},[{"b":2}]]}"#,
                &["list", "list.a", "list.b", "smtp", "smtp.relay", "smtp.relay.host"],
            ),
            ("/contact", r#"{"contact":{"name":"x"}}"#, &["name"]),
            ("/contact", r#"{"contact":{"name":"x"},"id":7}"#, &["id", "name"]),
            ("/a/b", r#"{"a":{"b":{"c":[{}]}}}"#, &["c"]),
        ] {
            let fields = fields(body.as_bytes(), at).unwrap();
            assert_eq!(fields.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{body}");
        }
    }

    #[test]
    fn fields_have_a_limit() {
        let many: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("\"{n}\":0")).collect();
        let long = format!("{{\"{}\":{{\"b\":0}}}}", "a".repeat(FIELD_BYTES_MAX - 1));
        assert_eq!(fields(format!("{{{}}}", many.join(",")).as_bytes(), ""), Err(UnfitBody::TooMany));
        assert_eq!(fields(long.as_bytes(), ""), Err(UnfitBody::TooMany));
        assert_eq!(fields(long.replace("\"b\"", "\"\"").as_bytes(), "").map(|found| found.len()), Ok(2));
    }

    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_not_taken() {
        for (at, body, error) in [
            ("", r#"{"a":1,"a":2}"#, UnfitBody::Json),
            ("", r#"{"a":1,"\u0061":2}"#, UnfitBody::Json),
            ("", r#"{"a":{"b":1,"b":2}}"#, UnfitBody::Json),
            ("", r#"{"a":[{"b":1,"b":2}]}"#, UnfitBody::Json),
            ("", r#"{"a":1}{}"#, UnfitBody::Json),
            ("", r#"{"a":1,}"#, UnfitBody::Json),
            ("", "", UnfitBody::Json),
            ("", "[1]", UnfitBody::NoObject),
            ("/contact", r#"{"contact":1}"#, UnfitBody::NoObject),
            ("/contact", r#"{"a":1}"#, UnfitBody::NoObject),
        ] {
            assert_eq!(fields(body.as_bytes(), at), Err(error), "{body}");
        }
    }

    #[test]
    fn only_plain_json_is_read() {
        let check = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            check_media_type(&headers)
        };
        assert_eq!(check(&[("content-type", "application/json")]), Ok(()));
        assert_eq!(check(&[("content-type", "Application/JSON; charset=UTF-8")]), Ok(()));
        for headers in [
            &[][..],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "application/json; charset=utf-7")],
            &[("content-type", "application/json"), ("content-type", "text/plain")],
            &[("content-type", "application/json"), ("content-encoding", "gzip")],
        ] {
            assert_eq!(check(headers), Err(UnfitBody::MediaType), "{headers:?}");
        }
    }
}
