//! Values that are written as text: durations, sizes, addresses, URLs, names.
//!
//! Each type says once how it is written ([`Written`]): the JSON Schema, the check of a file and the
//! reading of the value all follow from that.

mod amount;
mod network;

use std::{borrow::Cow, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use tracing_subscriber::EnvFilter;

pub(crate) use self::{
    amount::{Size, Span},
    network::{Address, HeaderText, Network, Origin, Url},
};
use crate::{channel::Kind, ids::Timestamp, policy::source::Principal, secret::Secret};

/// A type that has one way of being written in a configuration file.
pub(crate) trait Written: Sized {
    /// The JSON Schema `format`, by which the check of a file finds the type.
    const FORMAT: &'static str;
    /// The word for it in a table of keys.
    const WORD: &'static str;
    /// What is expected, for people: `a duration such as "10s" …`.
    const EXPECTED: &'static str;
    /// A regular expression for editors, where one says enough.
    const PATTERN: Option<&'static str> = None;

    /// Reads the value; `None` if the text is not one.
    fn read(text: &str) -> Option<Self>;
    /// Writes the value, for defaults in the schema.
    fn write(&self) -> String;
}

/// How one type is checked: its format, what is expected, and whether a text is one.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) word: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) accepts: fn(&str) -> bool,
}

const fn format<T: Written>() -> Format {
    Format { name: T::FORMAT, word: T::WORD, expected: T::EXPECTED, accepts: |text| T::read(text).is_some() }
}

/// Every format.
pub(crate) const FORMATS: [Format; 13] = [
    format::<Span>(),
    format::<Size>(),
    format::<Address>(),
    format::<Url>(),
    format::<LogFilter>(),
    format::<Pointer>(),
    format::<FilePath>(),
    format::<SecretText>(),
    format::<PrincipalText>(),
    format::<Moment>(),
    format::<Network>(),
    format::<HeaderText>(),
    format::<Origin>(),
];

macro_rules! written {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(from)?;
                Self::read(&text).ok_or_else(|| D::Error::custom(Self::EXPECTED))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.write())
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!({ "type": "string", "format": Self::FORMAT });
                if let Some(pattern) = Self::PATTERN {
                    schema.insert("pattern".to_owned(), pattern.into());
                }
                schema
            }
        }
    )*};
}

written!(
    Span,
    Size,
    Address,
    Url,
    LogFilter,
    Pointer,
    FilePath,
    SecretText,
    PrincipalText,
    Moment,
    Network,
    HeaderText,
    Origin
);

/// A log filter in the syntax of `tracing-subscriber`'s `EnvFilter`.
#[derive(Clone, Debug)]
pub(crate) struct LogFilter(pub(crate) String);

impl Written for LogFilter {
    const FORMAT: &'static str = "log-filter";
    const WORD: &'static str = "log filter";
    const EXPECTED: &'static str = "a log filter, such as \"info\" or \"info,headgate::delivery=debug\"";

    fn read(text: &str) -> Option<Self> {
        EnvFilter::try_new(text).is_ok().then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointer(pub(crate) String);

impl Written for Pointer {
    const FORMAT: &'static str = "json-pointer-text";
    const WORD: &'static str = "JSON pointer";
    const EXPECTED: &'static str = "a JSON pointer, such as \"/data/conversation_id\"";

    fn read(text: &str) -> Option<Self> {
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        (text.is_empty() || text.starts_with('/') && escaped).then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// The steps of a pointer (RFC 6901 section 4).
pub(crate) fn steps(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// A path; a relative one starts at the configuration folder.
#[derive(Clone, Debug)]
pub(crate) struct FilePath(pub(crate) PathBuf);

impl Written for FilePath {
    const FORMAT: &'static str = "path";
    const WORD: &'static str = "path";
    const EXPECTED: &'static str = "a path, not empty";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self(text.into()))
    }

    fn write(&self) -> String {
        self.0.display().to_string()
    }
}

/// A secret, never empty.
#[derive(Clone, Debug)]
pub(crate) struct SecretText(pub(crate) Secret);

impl SecretText {
    /// The secret as text; what was read from a file always is.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl Written for SecretText {
    const FORMAT: &'static str = "secret";
    const WORD: &'static str = "secret";
    const EXPECTED: &'static str = "a secret, not empty";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(Secret::new(text)))
    }

    fn write(&self) -> String {
        "<redacted>".to_owned()
    }
}

/// Somebody, or all of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrincipalText(pub(crate) Principal);

impl Written for PrincipalText {
    const FORMAT: &'static str = "principal";
    const WORD: &'static str = "whom";
    const EXPECTED: &'static str = "`user:NAME`, `team:NAME`, `team-tree:NAME`, `trait:NAME` or `everyone`";
    const PATTERN: Option<&'static str> = Some("^((user|team|team-tree|trait):.+|everyone|.*\\$\\{.+)$");

    fn read(text: &str) -> Option<Self> {
        if text == "everyone" {
            return Some(Self(Principal::Everyone));
        }
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        let name = name.to_owned();
        match kind {
            "user" => Some(Self(Principal::User(name))),
            "team" => Some(Self(Principal::Team(name))),
            "team-tree" => Some(Self(Principal::TeamTree(name))),
            "trait" => Some(Self(Principal::Trait(name))),
            _ => None,
        }
    }

    fn write(&self) -> String {
        match &self.0 {
            Principal::User(name) => format!("user:{name}"),
            Principal::Team(name) => format!("team:{name}"),
            Principal::TeamTree(name) => format!("team-tree:{name}"),
            Principal::Trait(name) => format!("trait:{name}"),
            Principal::Everyone => "everyone".to_owned(),
        }
    }
}

/// A moment (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Written for Moment {
    const FORMAT: &'static str = "moment";
    const WORD: &'static str = "moment";
    const EXPECTED: &'static str = "a moment with its offset, in quotes, such as \"2027-01-31T00:00:00Z\"";

    fn read(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(Self(Timestamp(at.as_millisecond())))
    }

    fn write(&self) -> String {
        self.0.rfc3339().unwrap_or_default()
    }
}

/// What happened, by its CloudEvents type.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct KindName(pub(crate) Kind);

impl TryFrom<String> for KindName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.cloud_event_type() == text)
            .map(Self)
            .ok_or("a type of event, such as \"chat.message.received\"")
    }
}

impl From<KindName> for String {
    fn from(name: KindName) -> Self {
        name.0.cloud_event_type().to_owned()
    }
}

impl JsonSchema for KindName {
    fn schema_name() -> Cow<'static, str> {
        "KindName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Kind::ALL.map(Kind::cloud_event_type) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_pointer_is_empty_or_starts_with_a_slash_and_escapes_tildes() {
        assert!(Pointer::read("").is_some(), "all of it");
        assert!(Pointer::read("/data/conversation_id").is_some());
        assert!(Pointer::read("/a~1b/m~0n").is_some());
        for text in ["data", "/a~2", "/a~"] {
            assert!(Pointer::read(text).is_none(), "{text}");
        }
    }
}
