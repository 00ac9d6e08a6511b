//! Reading providers' JSON: ids that come as string or number, fragments kept byte for byte.

use std::borrow::Cow;

use serde::{
    Deserialize,
    de::{Deserializer, Error, Visitor},
};

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
