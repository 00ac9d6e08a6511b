//! The body of a request as JSON that everybody reads alike.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitBody {
    /// The route does not take its media type or charset, or it is encoded.
    #[error("the body's media type is not taken here, or it is encoded")]
    MediaType,
    /// A request of this method has none.
    #[error("a body is not taken here")]
    Unexpected,
    /// It is no JSON, or an object in it has a key twice.
    #[error("the body is not JSON in which every key stands once")]
    Json,
    /// It is no form that everybody reads alike.
    #[error("not a form in which every name stands once and can be read in one way")]
    Form,
    /// It is no whole multipart form, or one that could be read in two ways.
    #[error("the body is not a multipart form that can be read in one way")]
    Multipart,
    /// It is no JSON Patch of fields.
    #[error("the body is not a JSON Patch whose operations name single fields")]
    Patch,
    /// What it should hold is not there, or no object.
    #[error("the body holds no object where the fields are expected")]
    NoObject,
    /// It names more fields than [`FIELDS_MAX`], or one with more than [`FIELD_BYTES_MAX`].
    #[error(
        "the body has more than {FIELDS_MAX} fields, or one with a name of more than {FIELD_BYTES_MAX} bytes"
    )]
    TooMany,
    /// It names a field to which more names lead than [`FIELD_STEPS_MAX`].
    #[error("a field stands deeper than {FIELD_STEPS_MAX} names")]
    TooDeep,
    /// The objects that it is about are not named, or not by ids.
    #[error("the objects are not named by a list of ids")]
    Ids,
    /// It is about more objects than the route takes at once.
    #[error("too many ids")]
    TooManyIds,
    /// It writes more objects than the route takes at once.
    #[error("too many objects in the body")]
    TooManyObjects,
    /// It names more other objects with one field than [`WRITTEN_REFERENCES_MAX`].
    #[error("a field names more than {WRITTEN_REFERENCES_MAX} other objects")]
    TooManyReferences,
    /// It asks for another method than that of the request.
    #[error("a field that asks for another method or charset is not taken")]
    Steering,
}

/// Fields that a request may name.
pub const FIELDS_MAX: usize = 4096;

/// Names that lead to a field, its own with them; a dot or a bracket in a name divides it. More than any API nests, and the
/// work on a name grows with the square of them.
pub const FIELD_STEPS_MAX: usize = 32;

/// Bytes of the name of a field, with the names that lead to it.
pub const FIELD_BYTES_MAX: usize = 1024;

/// Other objects that one field of a write may name, all objects that are written together: each is asked for. As many as a route takes
/// ids if it does not say.
pub const WRITTEN_REFERENCES_MAX: usize = 100;

/// The largest whole number, either way from zero, that everybody reads as itself (RFC 8259 section 6): a reader for whom all numbers are
/// floating takes one beyond it for its neighbour.
pub const SAFE_INTEGER: i64 = (1 << 53) - 1;

/// A whole number as text, if everybody reads it as itself.
#[must_use]
pub fn whole(number: &Number) -> Option<String> {
    let whole = number.as_i64()?;
    (-SAFE_INTEGER..=SAFE_INTEGER).contains(&whole).then(|| whole.to_string())
}

/// The JSON of a body, if every key in it stands once, so that everybody reads the same in it.
///
/// # Errors
/// [`UnfitBody::Json`].
pub fn read(body: &[u8]) -> Result<Value, UnfitBody> {
    serde_json::from_slice(body).map(|Once(value)| value).map_err(|_no_json| UnfitBody::Json)
}

/// Whether it is such JSON.
///
/// # Errors
/// [`UnfitBody::Json`].
pub fn check(body: &[u8]) -> Result<(), UnfitBody> {
    read(body).map(drop)
}

/// A value in which every key stands once.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Values).map(Self)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which every key stands once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Once(value))) = members.next_entry::<String, Once>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_not_taken() {
        for body in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1}{}"#,
            r#"{"a":1,}"#,
            "\"\\ud800\"",
            "",
        ] {
            assert_eq!(read(body.as_bytes()), Err(UnfitBody::Json), "{body}");
        }
    }

    #[test]
    fn what_is_taken_is_what_everybody_reads() {
        for body in [r#"{"a":[1,-2,3.5,true,null,"x",{"b":{}}]}"#, "[]", "7"] {
            assert_eq!(read(body.as_bytes()), Ok(serde_json::from_str(body).unwrap()), "{body}");
        }
    }
}
