//! Reading JSON of which nothing but the syntax is certain: a value of another shape than expected is
//! absent, never an error, so that it cannot take its neighbours with it.
//!
//! Objects are read by structs that [`shape!`] declares. What remains an error in them is bad syntax and
//! a known key that is there twice, which two readers could read in two ways.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use crate::{channel::json::Id, ids::Timestamp};

/// Declares structs whose every field may be absent and borrows from the text that is read.
macro_rules! shape {
    ($($(#[$doc:meta])* struct $name:ident<$a:lifetime> {
        $($(#[$attribute:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default)]
        pub(in crate::channel) struct $name<$a> {
            $(#[serde(borrow)] $(#[$attribute])* pub(in crate::channel) $field: $type,)*
        }
    )*};
}
pub(in crate::channel) use shape;

/// The object that `json` is; `None` if it is valid JSON of another kind.
///
/// # Errors
/// If `json` is not valid JSON, or a key that `T` knows is repeated.
pub(in crate::channel) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> serde_json::Result<Option<T>> {
    // A struct can also be read from an array, field by field: that is not what a provider means.
    if json.trim_ascii_start().starts_with('{') {
        serde_json::from_str(json).map(Some)
    } else {
        serde_json::from_str::<IgnoredAny>(json).map(|_valid| None)
    }
}

/// A field that should hold a string, a number or a flag: its JSON text, interpreted when asked.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::channel) struct Scalar<'a>(&'a str);

impl<'a> Scalar<'a> {
    /// Its JSON text.
    pub(in crate::channel) fn json(self) -> &'a str {
        self.0
    }

    /// Whether the field is there, whatever it holds.
    pub(in crate::channel) fn is_present(self) -> bool {
        !matches!(self.0, "" | "null")
    }

    /// Whether it is `true`.
    pub(in crate::channel) fn is_true(self) -> bool {
        self.0 == "true"
    }

    /// An id: a string that is not empty, or a whole number.
    pub(in crate::channel) fn id(self) -> Option<Cow<'a, str>> {
        let plain = self.plain().map(Cow::Borrowed);
        plain
            .or_else(|| serde_json::from_str::<Id<'a>>(self.0).ok().map(|id| id.0))
            .filter(|id| !id.is_empty())
    }

    /// What a person wrote, possibly empty. Half of a surrogate pair, which JSON can hold and text
    /// cannot, becomes U+FFFD.
    pub(in crate::channel) fn text(self) -> Option<Cow<'a, str>> {
        let plain = self.plain().map(Cow::Borrowed);
        let escaped = || serde_json::from_str::<String>(self.0).ok().map(Cow::Owned);
        let lossy = || serde_json::from_str::<Lossy>(self.0).ok().map(|lossy| Cow::Owned(lossy.0));
        plain.or_else(escaped).or_else(lossy)
    }

    /// The string, if nothing in it is escaped: then it needs no second reading.
    fn plain(self) -> Option<&'a str> {
        self.0.strip_prefix('"')?.strip_suffix('"').filter(|inner| !inner.contains('\\'))
    }

    /// A whole number, also one that is written as a string.
    pub(in crate::channel) fn number(self) -> Option<i64> {
        self.0.trim_matches('"').parse().ok()
    }

    /// A time: a number or a string of seconds or of milliseconds, or an RFC 3339 text, also with an
    /// offset without colon (`providers.md` sections 2 to 4).
    pub(in crate::channel) fn time(self) -> Option<Timestamp> {
        match self.number() {
            Some(number) if number.unsigned_abs() < SECONDS_BELOW => Some(Timestamp::from_secs(number)),
            Some(number) => Some(Timestamp(number)),
            None => {
                let at: jiff::Timestamp = self.0.trim_matches('"').parse().ok()?;
                Some(Timestamp(at.as_millisecond()))
            }
        }
    }
}

/// A number below this is a time in seconds (until the year 5138), others are in milliseconds (since 1973).
const SECONDS_BELOW: u64 = 100_000_000_000;

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

/// A string of which `serde_json` gives the bytes, also where they are not quite UTF-8.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LossyVisitor;

        impl Visitor<'_> for LossyVisitor {
            type Value = Lossy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Lossy, E> {
                Ok(Lossy(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        deserializer.deserialize_bytes(LossyVisitor)
    }
}

/// A field that should hold an object.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct Object<T>(pub(in crate::channel) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A field that should hold a list.
#[derive(Clone, Debug, Default)]
pub(in crate::channel) enum List<T> {
    /// Not there, or null.
    #[default]
    Absent,
    /// Its items.
    Of(Vec<T>),
    /// There, but not a list.
    Odd,
}

impl<T> List<T> {
    /// The items, none if it is no list.
    pub(in crate::channel) fn items(&self) -> &[T] {
        match self {
            Self::Of(items) => items,
            Self::Absent | Self::Odd => &[],
        }
    }
}

/// Reads any JSON value: `map` and `seq` say what becomes of objects and lists.
struct Any<T, V>(PhantomData<(T, V)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any::<T, Self>(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any::<T, Self>(PhantomData))
    }
}

/// What becomes of each kind of JSON value.
trait Outcome<'de, T>: Default {
    fn odd() -> Self;

    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::odd())
    }

    fn seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::odd())
    }
}

impl<'de, T: Deserialize<'de>> Outcome<'de, T> for Object<T> {
    fn odd() -> Self {
        Self(None)
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Self(Some(object)))
    }
}

impl<'de, T: Deserialize<'de>> Outcome<'de, T> for List<T> {
    fn odd() -> Self {
        Self::Odd
    }

    fn seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Self::Of(items))
    }
}

impl<'de, T, V: Outcome<'de, T>> Visitor<'de> for Any<T, V> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V, A::Error> {
        V::map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V, A::Error> {
        V::seq(seq)
    }

    fn visit_unit<E: Error>(self) -> Result<V, E> {
        Ok(V::default())
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<V, E> {
        Ok(V::odd())
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<V, E> {
        Ok(V::odd())
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<V, E> {
        Ok(V::odd())
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<V, E> {
        Ok(V::odd())
    }

    fn visit_str<E: Error>(self, _value: &str) -> Result<V, E> {
        Ok(V::odd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    shape! {
        struct Sample<'a> {
            id: Scalar<'a>,
            inner: Object<Inner<'a>>,
            list: List<Scalar<'a>>,
        }
        struct Inner<'a> {
            text: Scalar<'a>,
        }
    }

    fn sample(json: &str) -> Sample<'_> {
        object(json).unwrap().unwrap()
    }

    #[test]
    fn a_value_of_another_shape_is_absent_and_its_neighbours_stay() {
        for odd in ["null", "5", "-1", "1.5", "true", "\"x\"", "[1,[2]]", "{\"a\":{\"b\":1}}"] {
            let json = format!(r#"{{"inner":{odd},"list":{odd},"id":"7"}}"#);
            let read = sample(&json);
            assert_eq!(read.id.id().as_deref(), Some("7"), "{odd}");
            assert!(read.inner.0.is_none_or(|inner| !inner.text.is_present()), "{odd}");
        }
    }

    #[test]
    fn only_syntax_and_repeated_keys_are_errors() {
        assert!(object::<Sample<'_>>(r#"{"id":1,"id":1}"#).is_err());
        assert!(object::<Sample<'_>>(r#"{"inner":{"text":1,"text":2}}"#).is_err());
        assert!(object::<Sample<'_>>(r#"{"id":1"#).is_err());
        assert!(object::<Sample<'_>>(r#"[1"#).is_err());
        assert!(object::<Sample<'_>>(r#"["id"]"#).unwrap().is_none());
        assert!(object::<Sample<'_>>(r#"{"other":1,"other":2}"#).unwrap().is_some());
    }

    #[test]
    fn ids_are_strings_or_whole_numbers_and_never_empty() {
        for (json, id) in [
            (r#""a\u0062""#, Some("ab")),
            ("12345678901234567890", Some("12345678901234567890")),
            ("-7", Some("-7")),
            (r#""""#, None),
            ("1.5", None),
            ("{}", None),
            (r#""\ud83d""#, None),
        ] {
            assert_eq!(Scalar(json).id().as_deref(), id, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_does_not_lose_the_text() {
        assert_eq!(Scalar(r#""plain""#).text(), Some(Cow::Borrowed("plain")));
        assert_eq!(Scalar(r#""\ud83d\ude22 \/a""#).text().as_deref(), Some("😢 /a"));
        assert!(Scalar(r#""left \ud83d""#).text().unwrap().starts_with("left \u{fffd}"));
        assert_eq!(Scalar("7").text(), None);
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_told_apart() {
        for (json, milliseconds) in [
            (r#""1697043223""#, Some(1_697_043_223_000)),
            ("1608243062", Some(1_608_243_062_000)),
            ("1457764197627", Some(1_457_764_197_627)),
            (r#""2021-09-08T06:34:04+0000""#, Some(1_631_082_844_000)),
            (r#""2021-09-08T06:34:04Z""#, Some(1_631_082_844_000)),
            (r#""yesterday""#, None),
            ("null", None),
            ("1e400", None),
        ] {
            assert_eq!(Scalar(json).time(), milliseconds.map(Timestamp), "{json}");
        }
    }
}
