//! Reading providers' JSON: ids that come as string or number, fragments kept byte for byte.

use std::borrow::Cow;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use serde::{
    Deserialize,
    de::{Deserializer, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// An id that a provider writes as a string today and wrote as a bare number once (`providers.md`
/// section 0). Kept as text; a number must be whole and is written as it stood, up to 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Id<'a>(pub Cow<'a, str>);

impl Id<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as owned text, unless it is empty: an empty id names nobody.
    #[must_use]
    pub fn named(self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.into_owned())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl<'de> Visitor<'de> for IdVisitor {
            type Value = Id<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a whole number")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Id<'de>, E> {
                Ok(Id(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id<'de>, E> {
                Ok(Id(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Id<'de>, E> {
                Ok(Id(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Id<'de>, E> {
                Ok(Id(Cow::Owned(number.to_string())))
            }
        }

        deserializer.deserialize_any(IdVisitor)
    }
}

/// A whole number that some samples write as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = Id::deserialize(deserializer)?;
        id.as_str().parse().map(Number).map_err(|_not_whole| D::Error::custom("expected a whole number"))
    }
}

/// The members of a JSON object in the order in which they stand, each value byte for byte. An object
/// with a repeated key is refused: which of the two the sender meant cannot be known.
#[derive(Clone, Debug, Default)]
pub struct Members<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The value of `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The value of `key` as a `T`; `None` if it is absent or `null`.
    ///
    /// # Errors
    /// If it is there and no `T`.
    pub fn read<T: Deserialize<'a>>(&self, key: &str) -> serde_json::Result<Option<T>> {
        self.value(key).map_or(Ok(None), |value| serde_json::from_str(value.get()))
    }

    /// The value of `key` as a `T`.
    ///
    /// # Errors
    /// If it is absent, `null` or no `T`.
    pub fn need<T: Deserialize<'a>>(&self, key: &'static str) -> serde_json::Result<T> {
        self.read(key)?.ok_or_else(|| Error::missing_field(key))
    }

    /// The non-empty id at `key`.
    ///
    /// # Errors
    /// If it is there and no id.
    pub fn id(&self, key: &str) -> serde_json::Result<Option<String>> {
        Ok(self.read::<Id<'a>>(key)?.and_then(Id::named))
    }

    /// The id at `key`.
    ///
    /// # Errors
    /// If it is absent, empty or no id.
    pub fn need_id(&self, key: &'static str) -> serde_json::Result<String> {
        self.id(key)?.ok_or_else(|| Error::missing_field(key))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Id(key), value)) = map.next_entry::<Id<'de>, &'de RawValue>()? {
                    members.push((key, value));
                }
                let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
                keys.sort_unstable();
                if keys.is_sorted_by(|one, next| one < next) {
                    Ok(Members(members))
                } else {
                    Err(A::Error::custom("a repeated key"))
                }
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A list whose items are read one by one: what is no `T` is `None`, at its place, and costs its neighbours
/// nothing. What is no list is empty.
#[derive(Clone, Debug)]
pub struct Each<T>(pub Vec<Option<T>>);

impl<T> Default for Each<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Each<T> {
    /// The items that are a `T`.
    pub fn readable(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items: Vec<&'de RawValue> = lenient(deserializer)?;
        // A struct can also be read from a list, field by field: that is not what a provider means.
        let item = |item: &'de RawValue| {
            if item.get().starts_with('[') { None } else { serde_json::from_str(item.get()).ok() }
        };
        Ok(Self(items.into_iter().map(item).collect()))
    }
}

/// Reads a field on which the event does not hang: of another shape than documented, it is as if absent
/// (`#[serde(deserialize_with = "lenient")]`).
///
/// # Errors
/// If the text is no JSON.
pub fn lenient<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(value.get()).unwrap_or_default())
}

/// Whether arrays and objects stand in each other more than `max` deep in this JSON text. Recurses into nothing.
#[must_use]
pub fn nests_deeper(json: &str, max: usize) -> bool {
    // Most fragments have fewer brackets than that in all, and counting them takes a tenth of following strings
    // and depth, which is done byte by byte.
    if brackets(json) <= max {
        return false;
    }
    let mut depth = 0_usize;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
        if depth > max {
            return true;
        }
    }
    false
}

/// How many arrays and objects begin in this text, those within strings counted too. Counted in bytes, as many at
/// once as there can be without overflow, so that the compiler compares many bytes in one step.
fn brackets(json: &str) -> usize {
    let open = |byte: &u8| u8::from(matches!(byte, b'{' | b'['));
    let of_chunk = |chunk: &[u8]| chunk.iter().map(open).fold(0, u8::wrapping_add);
    json.as_bytes().chunks(usize::from(u8::MAX)).map(|chunk| usize::from(of_chunk(chunk))).sum()
}

/// A dedupe id for what the provider gave none: a digest of its fragment, so that only the same bytes
/// are the same event.
#[must_use]
pub fn fingerprint(fragment: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(digest::digest(&digest::SHA256, fragment).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_text_however_it_was_written() {
        for (written, id) in [("\"42\"", "42"), ("42", "42"), ("-100", "-100"), ("\"a\\u0062\"", "ab")] {
            assert_eq!(serde_json::from_str::<Id<'_>>(written).unwrap().as_str(), id, "{written}");
        }
        for other in ["1.5", "null", "true", "[]", "{}", "123456789012345678901234567890"] {
            assert!(serde_json::from_str::<Id<'_>>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn members_keep_their_order_and_bytes() {
        let members: Members<'_> = serde_json::from_str(r#"{"z": {"b" :1}, "a":[ ]}"#).unwrap();
        let seen: Vec<_> = members.0.iter().map(|(key, value)| (key.as_ref(), value.get())).collect();
        assert_eq!(seen, [("z", r#"{"b" :1}"#), ("a", "[ ]")]);
        assert_eq!(members.value("a").unwrap().get(), "[ ]");
        assert_eq!(members.read::<Vec<u8>>("a").unwrap(), Some(vec![]));
        assert_eq!(members.read::<Vec<u8>>("b").unwrap(), None);
        assert!(members.read::<Vec<u8>>("z").is_err());
        assert!(members.need::<Vec<u8>>("b").is_err());
        assert!(members.need_id("b").is_err());
    }

    #[test]
    fn an_item_of_another_shape_costs_its_neighbours_nothing() {
        let read = |json| serde_json::from_str::<Each<u8>>(json).unwrap().0;
        assert_eq!(read(r#"[1, "x", {"a":1}, null, 2]"#), [Some(1), None, None, None, Some(2)]);
        for none in ["null", "7", "{}", "[]", r#""[1]""#] {
            assert!(read(none).is_empty(), "{none}");
        }
        assert!(serde_json::from_str::<Each<u8>>("[1").is_err());
        let of_structs = serde_json::from_str::<Each<std::ops::Range<u8>>>(r#"[[1,2],{"start":1,"end":2}]"#);
        assert_eq!(of_structs.unwrap().0, [None, Some(1..2)]);
    }

    #[test]
    fn brackets_are_counted_in_texts_of_any_length() {
        for length in [0, 1, 254, 255, 256, 509, 510, 511, 2000] {
            assert_eq!(brackets(&"[".repeat(length)), length);
            assert_eq!(brackets(&"{x".repeat(length)), length);
        }
    }

    #[test]
    fn nesting_is_counted_outside_of_strings() {
        for (json, depth) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a":[],"b":[1,{}]}"#, 3),
            (r#"["[[[","\"[[[","\\",[]]"#, 2),
            (r#"[{"}":"]"},[[]]]"#, 3),
        ] {
            assert!(!nests_deeper(json, depth), "{json}");
            assert!(depth == 0 || nests_deeper(json, depth - 1), "{json}");
        }
    }

    #[test]
    fn a_repeated_key_is_refused_also_behind_an_escape() {
        for body in [r#"{"a":1,"b":2,"a":1}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(serde_json::from_str::<Members<'_>>(body).is_err(), "{body}");
        }
    }
}
