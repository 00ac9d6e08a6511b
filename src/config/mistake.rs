//! Mistakes in a configuration: each says where, what is wrong and what was expected.

use std::{fmt, io};

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Every mistake of a configuration folder, by file and line. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// The mistakes, in the order of files and lines.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// One mistake, printed as `file:line: path: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What.
    pub wrong: Wrong,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)
    }
}

impl Serialize for Mistake {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut mistake = to.serialize_struct("Mistake", 4)?;
        mistake.serialize_field("file", &self.place.file)?;
        mistake.serialize_field("line", &self.place.line)?;
        mistake.serialize_field("path", &self.place.path.to_string())?;
        mistake.serialize_field("message", &self.wrong.to_string())?;
        mistake.end()
    }
}

/// A place in the configuration folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, relative to the folder, with `/`.
    pub file: String,
    /// The line, from 1; `None` where the file as a whole is meant.
    pub line: Option<usize>,
    /// The key.
    pub path: KeyPath,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if self.path.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

/// A key in a file, printed as `endpoint.meta-main.secrets[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Vec<Step>);

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    /// The path of a key of this table.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// The path of an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    pub(super) fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The table or list this stands in.
    pub(super) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, rest)| Self(rest.to_vec()))
    }

    fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    if !key.is_empty() && key.chars().all(bare) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is wrong. No variant holds a secret or the value of a variable: values are quoted only as they
/// stand in the file, and only where a name was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Wrong {
    // The folder and its files.
    #[error("cannot be read: {}", .0)]
    Unreadable(io::ErrorKind),
    #[error("is larger than {} bytes", super::document::FILE_BYTES_MAX)]
    TooLarge,
    #[error("is not UTF-8 text")]
    NotText,
    #[error("unknown file{}", nearest_or_all(.nearest.as_ref(), .known))]
    UnknownFile { nearest: Option<String>, known: Vec<String> },
    #[error(
        "there is no tenant; expected a folder for each, such as `tenants/default`, with `channels.toml`"
    )]
    NoTenant,
    #[error(
        "the folder's name is the tenant's, and `{name}` is not one; expected letters, digits, `-` and `_`"
    )]
    TenantName { name: String },
    #[error("not TOML: {reason}")]
    Syntax { reason: String },

    // One value.
    #[error("unknown key{}", nearest_or_all(.nearest.as_ref(), .known))]
    UnknownKey { nearest: Option<String>, known: Vec<String> },
    #[error("not a name; expected text that matches {pattern}")]
    Name { pattern: String },
    #[error("`none` stands for nobody and no team in deliveries and answers; expected another name")]
    NoneName,
    #[error("must be given: {description}")]
    Missing { description: String },
    #[error("expected {expected}")]
    Expected { expected: String },
    #[error("{}expected one of {}{}", quote(.written.as_ref()), list(.options), did_you_mean(.nearest.as_ref()))]
    NotOneOf { written: Option<String>, options: Vec<String>, nearest: Option<String> },
    #[error("out of bounds: {reason}")]
    Bounds { reason: String },

    // `${…}`.
    #[error("the environment variable `{variable}` is not set")]
    VariableUnset { variable: String },
    #[error("the file `{file}` cannot be read: {kind}")]
    FileUnreadable { file: String, kind: io::ErrorKind },
    #[error("the file `{file}` is larger than {} bytes or not text", super::interpolate::SECRET_BYTES_MAX)]
    FileUnfit { file: String },
    #[error(
        "`${{` begins a reference; expected `${{env:NAME}}` or `${{file:PATH}}`, or `$${{` for the characters themselves"
    )]
    Reference,

    // Between values.
    #[error("no {what} `{name}` is declared{}", did_you_mean(.nearest.as_ref()))]
    Unknown { what: &'static str, name: String, nearest: Option<String> },
    #[error(
        "the endpoint `{name}` is declared by the tenant `{tenant}` too; endpoint names stand in URLs and are unique over all tenants"
    )]
    EndpointTwice { name: String, tenant: String },
    #[error("`{by}` has this id on this endpoint and channel already")]
    IdTwice { by: String },
    #[error("`{name}` is in the list twice")]
    Twice { name: String },
    #[error("team `{name}` is above itself: {}", .cycle.join(" → "))]
    TeamCycle { name: String, cycle: Vec<String> },

    // Listeners.
    #[error(
        "clear text on `{address}`, which is not loopback; expected `tls`, or `insecure_clear_text = true` behind a TLS terminator"
    )]
    ClearText { address: String },
    #[error("`tls` is configured, so the listener never takes clear text; remove one of the two")]
    ClearTextWithTls,
    #[error(
        "anyone who reaches `{address}` could operate Headgate; expected `tokens`, or `tls` with `client_ca` and `client_required = true`"
    )]
    OpenOps { address: String },
    #[error("too short; expected 16 characters or more, such as the output of `openssl rand -hex 32`")]
    ShortToken,
    #[error("needs `client_ca`")]
    NeedsClientCa,
    #[error("`{other}` has the address already")]
    AddressTwice { other: String },
    #[error("`{file}` cannot be read: {kind}")]
    PemUnreadable { file: String, kind: io::ErrorKind },
    #[error("`{file}` holds no {expected} in PEM")]
    PemUnfit { file: String, expected: &'static str },
    #[error("the key `{key}` does not belong to the certificate `{chain}`")]
    KeyMismatch { key: String, chain: String },
    #[error("is more than `{larger}`; expected at most that")]
    MoreThan { larger: &'static str },
    #[error("is less than {least}; expected at least that")]
    LessThan { least: &'static str },

    // Backends.
    #[error(
        "no key to sign deliveries with; expected a Standard Webhooks key `whsec_…`, which the format `event` needs"
    )]
    NoSigningKey,
    #[error("not a Standard Webhooks key; expected {expected}")]
    WebhookKey { expected: &'static str },
    #[error(
        "not a key for assertions; expected PEM of an ECDSA private key on P-256, or another text of 32 bytes or more"
    )]
    AssertionKey,

    #[error(
        "not a header that can be sent; expected a name other than `headgate-…`, `host` and those of framing, and a value on one line"
    )]
    ApiHeader,

    // Routes.
    #[error("the backend `{backend}` has no `api` in `headgate.toml`")]
    NoApi { backend: String },
    #[error(
        "expected a method and a path without dots, encoding or query, such as `GET /api/v1/contacts/{{id}}`"
    )]
    RequestLine,
    #[error("`{other}` takes the same requests already")]
    RouteTwice { other: String },
    #[error(
        "`{route}` takes paths that `{other}` of tenant `{tenant}` takes of the same backend; expected the tenant's own id in \
         the path, by `fixed` or a literal, or the route in `shared`"
    )]
    RouteOfTwoTenants { route: String, other: String, tenant: String },
    #[error(
        "the policy knows no resource `{name}`{}; expected one of `roles.toml` or of the presets that it uses",
        did_you_mean(.nearest.as_ref())
    )]
    NoResource { name: String, nearest: Option<String> },
    #[error(
        "the resource `{resource}` has no action `{action}`{}; expected one of {}",
        did_you_mean(.nearest.as_ref()),
        list(.actions)
    )]
    NoAction { resource: String, action: String, actions: Vec<String>, nearest: Option<String> },
    #[error("the path has no parameter `{{{name}}}`")]
    NoParameter { name: String },
    #[error("`fixed` has no value for `{{{name}}}`")]
    NotFixed { name: String },
    #[error("there is no record to be on; expected `[gate.decision_log]` in `headgate.toml`")]
    NoDecisionLog,
    #[error("only goes with {other}")]
    OnlyWith { other: &'static str },
    #[error("{0}")]
    Places(crate::filter::SchemaError),
    #[error(
        "in answers `{name}` stands in `{place}` of the entity `{entity}`, where a `{inner}` is decided on by itself; expected a field of `{inner}` in place of it"
    )]
    FieldElsewhere { name: String, entity: String, place: String, inner: String },
    #[error("not the name of a header that can be passed on; Headgate and the connection have their own")]
    HeaderName,
    #[error(
        "not the name of a field; expected one such as `custom_attributes.vip`, with `*` at most at the end"
    )]
    FieldName,

    // Channels.
    #[error("no verifier: without one, anyone could post here; expected {expected}")]
    NoVerifier { expected: &'static str },
    #[error("{provider} endpoints need this key: {description}")]
    NeededBy { provider: &'static str, description: &'static str },
    #[error("{provider} endpoints do not take this key; they take {}", list(.takes))]
    NotTaken { provider: &'static str, takes: Vec<String> },
    #[error("only whatsapp, facebook and instagram can share an endpoint; `{channel}` needs its own")]
    ChannelsMixed { channel: &'static str },
    #[error("not a Telegram secret token; expected 1 to 256 characters of `A-Z a-z 0-9 _ -`")]
    TelegramToken,
    #[error(
        "not a SendGrid verification key; expected base64 of an ECDSA P-256 public key, as the dashboard shows it"
    )]
    SendgridKey,
    #[error("expected `user:password`")]
    Basic,
    #[error("not the ARN of an SNS topic; expected one such as `arn:aws:sns:eu-west-1:123456789012:inbound`")]
    Topic,
    #[error("no account uses this endpoint; expected one with `endpoint = \"{name}\"`")]
    NoAccount { name: String },
    #[error(
        "the webhooks of `{endpoint}` do not name the account, so it can have only one, and `{other}` is that"
    )]
    SecondAccount { endpoint: String, other: String },
    #[error("must be given: the provider's id of the account ({expected})")]
    NoId { expected: &'static str },
    #[error("not an id of this channel; expected {expected}")]
    Id { expected: &'static str },
    #[error("must be given, since the endpoint `{endpoint}` has several: {}", list(.channels))]
    NoChannel { endpoint: String, channels: Vec<String> },
    #[error("the endpoint `{endpoint}` does not have this channel; it has {}", list(.channels))]
    OtherChannel { endpoint: String, channels: Vec<String> },
    #[error(
        "`raw` deliveries repeat the whole webhook, so all accounts of an endpoint go to one backend; `{other}` goes to `{backend}`"
    )]
    RawSplit { other: String, backend: String },
    #[error("expected `pipeline/stage`")]
    Stage,

    // Roles.
    #[error("another has the name `{name}` already")]
    NameTwice { name: String },
    #[error(
        "does not go together with `{other}`: {}; use one of them, and write what you need of the other",
        .clashes.join(", and ")
    )]
    PresetsClash { other: &'static str, clashes: Vec<String> },
    #[error("is of one role alone; expected it in a `[role.NAME]`")]
    OfOneRole,
    #[error("a field needs one other right, not several: {}", list(.names))]
    OneRight { names: Vec<String> },
    #[error("only `effect = \"grant\"` has a profile")]
    ProfileOfGrant,
    #[error(
        "must be given, since the condition is about the object itself: the name of a resource, or `kind`"
    )]
    AsWhat,
    #[error("{0}")]
    Policy(crate::policy::ProblemKind),
    #[error("expected {expected}, but {got}")]
    TestFails { expected: &'static str, got: String },
    // Identity.
    #[error("expected either `{one}` or `{other}`")]
    EitherOr { one: &'static str, other: &'static str },
    #[error(
        "what is said there could be read or changed on the way; expected `https`, or `http` on a loopback address"
    )]
    NotSecure,
    #[error("a credential could not be told from one of `{by}`, so nobody would know whose it is")]
    SameCredential { by: String },
    #[error(
        "not a user's name; expected letters, digits and `. _ @ + : -`, and neither `none` nor `headgate`"
    )]
    UserName,
    #[error("not a key's hash; expected `sha256:` and 64 hex digits, as `headgate api-key` prints it")]
    KeyHash,
    #[error("not a host; expected one such as `chat.acme.example`, without a port")]
    Host,
    #[error("`authorization` holds a credential; expected the header in which the proxy names the user")]
    ProxyHeader,
    #[error("`{file}` {reason}")]
    JwksUnfit { file: String, reason: crate::identity::KeysError },
}

fn quote(written: Option<&String>) -> String {
    written.map(|text| format!("`{text}`: ")).unwrap_or_default()
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map(|word| format!(" (did you mean `{word}`?)")).unwrap_or_default()
}

fn nearest_or_all(nearest: Option<&String>, known: &[String]) -> String {
    if nearest.is_some() { did_you_mean(nearest) } else { format!("; known here: {}", list(known)) }
}

fn list(words: &[String]) -> String {
    if words.is_empty() {
        return "nothing".to_owned();
    }
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The longest word, in bytes, for which another is looked for: comparing takes time and memory with the product of the
/// lengths.
const COMPARED_BYTES_MAX: usize = 128;

/// The word of `known` that was probably meant by `word`: at most a third of it is different.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let word = Some(word).filter(|word| word.len() <= COMPARED_BYTES_MAX)?.to_lowercase();
    known
        .into_iter()
        .filter(|other| other.len() <= COMPARED_BYTES_MAX)
        .map(|other| (strsim::damerau_levenshtein(&word, &other.to_lowercase()), other))
        .filter(|(distance, other)| distance * 3 <= other.chars().count().max(3))
        .min()
        .map(|(_, other)| other.to_owned())
}

/// Collects mistakes while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Mistake>);

impl Report {
    /// Notes a mistake.
    pub(super) fn add(&mut self, place: Place, wrong: Wrong) {
        self.0.push(Mistake { place, wrong });
    }

    /// Notes a mistake that may follow from another: it is left out if the place, or anything in it, was
    /// found wrong before.
    pub(super) fn add_unless_wrong_already(&mut self, place: Place, wrong: Wrong) {
        let already = |m: &Mistake| {
            m.place.file == place.file
                && (m.place.path.starts_with(&place.path) || place.path.starts_with(&m.place.path))
        };
        if !self.0.iter().any(already) {
            self.add(place, wrong);
        }
    }

    /// Whether a file could not be read at all.
    pub(super) fn has_unreadable_file(&self) -> bool {
        self.0.iter().any(|mistake| {
            matches!(
                mistake.wrong,
                Wrong::Syntax { .. } | Wrong::Unreadable(_) | Wrong::TooLarge | Wrong::NotText
            )
        })
    }

    /// What was built, if no mistake was noted. What could not be built must have been noted.
    pub(super) fn finish<T>(mut self, built: Option<T>) -> Result<T, Mistakes> {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        self.0.dedup();
        match built {
            Some(built) if self.0.is_empty() => Ok(built),
            _ => Err(Mistakes(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_by_a_word_of_any_length_is_told_soon() {
        let long = "n".repeat(64 << 10);
        assert_eq!(nearest(&long, ["endpoint", &long]), None);
        assert_eq!(nearest("endpoint", [&*long]), None);
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["secrets", "verify_token", "window"];
        assert_eq!(nearest("secret", known).as_deref(), Some("secrets"));
        assert_eq!(nearest("Verify_Tokn", known).as_deref(), Some("verify_token"));
        assert_eq!(nearest("zebra", known), None);
    }

    #[test]
    fn a_path_reads_like_toml() {
        let path = KeyPath::default().key("endpoint").key("meta-main").key("types").key("a.b");
        assert_eq!(path.to_string(), r#"endpoint.meta-main.types."a.b""#);
        assert_eq!(KeyPath::default().key("urls").index(1).to_string(), "urls[1]");
    }
}
