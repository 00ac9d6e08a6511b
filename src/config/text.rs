//! Values that are written as text: durations, sizes, addresses, URLs, names.
//!
//! Each type says once how it is written ([`Written`]): the JSON Schema, the check of a file and the
//! reading of the value all follow from that.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use tracing_subscriber::EnvFilter;

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

/// A duration, greater than zero: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// The units of a duration in milliseconds, largest first.
const SPAN_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Written for Span {
    const FORMAT: &'static str = "duration-text";
    const WORD: &'static str = "duration";
    const EXPECTED: &'static str =
        "a duration greater than zero: a whole number and ms, s, m, h or d, such as \"10s\"";
    const PATTERN: Option<&'static str> = Some("^([0-9]+(ms|s|m|h|d)|.*\\$\\{.+)$");

    fn read(text: &str) -> Option<Self> {
        let ms = amount(text, &SPAN_UNITS)?;
        (ms > 0).then(|| Self(Duration::from_millis(ms)))
    }

    fn write(&self) -> String {
        written_amount(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &SPAN_UNITS)
    }
}

/// A number of bytes: a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

const SIZE_UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// As a size in memory.
    pub(crate) fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Written for Size {
    const FORMAT: &'static str = "size-text";
    const WORD: &'static str = "size";
    const EXPECTED: &'static str = "a size: a whole number and B, KiB, MiB, GiB or TiB, such as \"4MiB\"";
    const PATTERN: Option<&'static str> = Some("^([0-9]+(B|KiB|MiB|GiB|TiB)|.*\\$\\{.+)$");

    fn read(text: &str) -> Option<Self> {
        amount(text, &SIZE_UNITS).map(Self)
    }

    fn write(&self) -> String {
        written_amount(self.0, &SIZE_UNITS)
    }
}

/// A whole number and a unit, in the smallest unit.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The amount in the largest unit that divides it.
fn written_amount(amount: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))
        .or_else(|| units.last())
        .map_or_else(String::new, |(unit, factor)| format!("{}{unit}", amount / factor))
}

/// An IP address with a port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl Written for Address {
    const FORMAT: &'static str = "address";
    const WORD: &'static str = "address";
    const EXPECTED: &'static str = "an IP address with a port, such as \"127.0.0.1:8080\" or \"[::]:443\"";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// The origin of web pages, as browsers write it: scheme, host in small letters, and a port other than the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) String);

impl Written for Origin {
    const FORMAT: &'static str = "web-origin";
    const WORD: &'static str = "origin";
    const EXPECTED: &'static str =
        "the origin of a page as a browser writes it, such as \"https://panel.example\"";

    fn read(text: &str) -> Option<Self> {
        let Url(url) = Url::read(text)?;
        let (scheme, host) = (url.scheme_str()?, url.authority()?.as_str());
        let own_port = if scheme == "https" { ":443" } else { ":80" };
        let as_browsers_do = text == format!("{scheme}://{host}") && text == text.to_ascii_lowercase();
        (as_browsers_do && !host.ends_with(own_port) && !host.contains('*')).then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// An absolute `http` or `https` URL.
#[derive(Clone, Debug)]
pub(crate) struct Url(pub(crate) http::Uri);

impl Written for Url {
    const FORMAT: &'static str = "http-url";
    const WORD: &'static str = "URL";
    const EXPECTED: &'static str =
        "an http or https URL without user name or password, such as \"https://chat.example/hooks\"";

    fn read(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        let plain_host = uri.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'));
        (web && plain_host).then_some(Self(uri))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

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

/// A network in CIDR notation, or one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network(pub(crate) IpNet);

impl Written for Network {
    const FORMAT: &'static str = "network";
    const WORD: &'static str = "network";
    const EXPECTED: &'static str = "a network such as \"10.0.0.0/8\" or \"fd00::/8\", or an IP address";

    fn read(text: &str) -> Option<Self> {
        let one = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let network = text.parse::<IpNet>().ok().or_else(one)?;
        // Bits after the prefix are mostly a slip.
        (network == network.trunc()).then_some(Self(network))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// The name of a header.
#[derive(Clone, Debug)]
pub(crate) struct HeaderText(pub(crate) http::HeaderName);

impl Written for HeaderText {
    const FORMAT: &'static str = "header-name";
    const WORD: &'static str = "header name";
    const EXPECTED: &'static str = "the name of a header, such as \"x-api-key\"";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn write(&self) -> String {
        self.0.to_string()
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
    fn durations_and_sizes_are_read_and_written_back_in_their_largest_unit() {
        for (text, ms) in [("10s", 10_000), ("5m", 300_000), ("7d", 604_800_000), ("250ms", 250)] {
            let span = Span::read(text).unwrap();
            assert_eq!(span.0, Duration::from_millis(ms));
            assert_eq!(span.write(), text);
        }
        assert_eq!(Span::read("60s").unwrap().write(), "1m");
        for (text, bytes) in [("4MiB", 4 << 20), ("512KiB", 512 << 10), ("0B", 0), ("1000B", 1000)] {
            let size = Size::read(text).unwrap();
            assert_eq!(size.0, bytes);
            assert_eq!(size.write(), text);
        }
    }

    #[test]
    fn what_is_not_exactly_a_duration_or_size_is_refused() {
        for text in
            ["", "10", "s", "-1s", "1.5h", "0s", "10 s", "10S", "99999999999999999999d", "99999999999999d"]
        {
            assert_eq!(Span::read(text), None, "{text}");
        }
        for text in ["", "4", "4MB", "4mib", "4 MiB", "-1B", "99999999TiB"] {
            assert_eq!(Size::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_is_of_the_web_and_holds_no_password() {
        assert!(Url::read("http://127.0.0.1:3000/hooks").is_some());
        for text in ["chat.example", "/hooks", "ftp://chat.example", "https://user:pw@chat.example/"] {
            assert!(Url::read(text).is_none(), "{text}");
        }
    }

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
