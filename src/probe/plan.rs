//! `probe.toml`: who tries, what there is to try it on, and what must not be seen.

use std::{collections::BTreeMap, path::Path, time::Duration};

use http::{HeaderName, HeaderValue, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canary::Canaries;
use crate::{
    config::{
        Env, Mistakes, alone, markdown,
        text::{FilePath, Pointer, SecretText, Size, Span},
    },
    secret::Secret,
};

/// What a probe needs to know. Paths are those of the agents' listener. In each of its texts `${env:NAME}` and
/// `${file:PATH}` stand for what a variable or a file holds.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "probe.toml", extend("required" = ["actor", "object", "canary"]))]
struct Raw {
    /// A CA file for the deployment's TLS, beside the operating system's.
    ca: Option<FilePath>,
    /// The name in `Host` and for TLS. Default: that of the URL.
    host: Option<String>,
    /// Names of fields that the restricted actor must not see in any object, at whatever depth and in whatever spelling.
    hidden_fields: Vec<String>,
    /// A path that everybody may read, such as `/public/health`.
    open: Option<String>,
    /// Paths of exports and of media that the restricted actor may not have.
    refused: Vec<String>,
    /// Headers that differ between any two answers, such as one of a proxy in between: `["cf-ray"]`. `date`, `age`,
    /// `x-request-id`, `x-correlation-id`, `x-runtime` and `headgate-decision` are known.
    volatile_headers: Vec<String>,
    /// How fast, and how long it waits.
    pace: Pace,
    /// Who asks.
    actor: Actors,
    /// Objects of one kind each: one that the restricted actor may see, one that it may not, and one that does not
    /// exist.
    #[schemars(length(min = 1))]
    object: Vec<Object>,
    /// Lists of objects.
    list: Vec<List>,
    /// Words that you planted in hidden objects and fields.
    #[schemars(length(min = 1))]
    canary: Vec<Canary>,
}

/// How fast, and how long it waits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Pace {
    /// Requests in a second, at most. They are sent one after the other.
    #[schemars(range(min = 1, max = 1000))]
    per_second: u32,
    /// For a whole answer.
    timeout: Span,
    /// For more, after an answer on a connection that stays open.
    quiet: Span,
    /// The largest answer that is read, and the largest that it may unpack to. A larger one is not judged.
    answer_bytes_max: Size,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_second: 10,
            timeout: Span(Duration::from_secs(10)),
            quiet: Span(Duration::from_millis(500)),
            answer_bytes_max: Size(8 << 20),
        }
    }
}

/// Who asks.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["restricted"]))]
struct Actors {
    /// Somebody who may see a part.
    restricted: Option<Credentials>,
    /// Somebody who may see everything: proves that the canaries are planted, and lends tags to try.
    all_seeing: Option<Credentials>,
}

/// How an actor proves who they are.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["headers"]))]
struct Credentials {
    /// Headers of each request: `{ authorization = "Bearer ${env:TOKEN}" }`.
    headers: Option<BTreeMap<String, SecretText>>,
}

/// Three objects of one kind.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["visible", "hidden", "missing"]))]
struct Object {
    /// Path of one that the restricted actor may see.
    visible: Option<String>,
    /// Path of one that exists, and that the restricted actor may not know of.
    hidden: Option<String>,
    /// Path of one that does not exist. Its id is best as long as the hidden one's.
    missing: Option<String>,
    /// What is reached below an object: `["/messages", "/labels"]`.
    below: Vec<String>,
    /// Queries that make the backend put other objects into it: `["include=messages,contact"]`.
    including: Vec<String>,
    /// For `--writes`: fields that the restricted actor may not write, on an object that it may see. Were one of
    /// these writes let through, it would change the object.
    unwritable_fields: Vec<String>,
    /// For `--writes`: how an object is changed.
    write_method: WriteMethod,
}

/// How an object is changed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum WriteMethod {
    /// `PATCH`
    #[default]
    Patch,
    /// `PUT`
    Put,
    /// `POST`
    Post,
}

/// A list of objects.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
struct List {
    /// Its path.
    path: Option<String>,
    /// Where its rows stand. Default: the answer is the list.
    items: Option<Pointer>,
    /// Where a row's id stands.
    id: Option<Pointer>,
    /// Where counts stand that must not tell how much is hidden: they must be absent, `null`, or no more than the rows.
    totals: Vec<Pointer>,
    /// Queries that would make the backend list more: `["assignee_type=all"]`.
    widening: Vec<String>,
    /// A search that is asked with `POST`: its body, in JSON. It must not write anything.
    question: Option<String>,
}

/// A word in something that is hidden. Nothing else may have it in it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["text"]))]
struct Canary {
    /// The word: 8 or more letters, digits, `-` and `_`.
    text: Option<String>,
    /// Where it stands, for the report: `"the name of conversation 102"`.
    planted: String,
    /// Who must not see it. Default: the restricted actor, and who shows no credentials.
    hidden_from: Option<Vec<Whom>>,
}

/// Who may not see a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Whom {
    /// The restricted actor.
    Restricted,
    /// The actor that sees everything: a canary of another tenant.
    AllSeeing,
    /// Who shows no credentials.
    Nobody,
}

/// The documentation of the keys of `probe.toml`, as in `docs/probe.md`.
#[must_use]
pub fn keys() -> String {
    markdown::of::<Raw>("probe.toml")
}

/// What is tried, checked.
#[derive(Debug)]
pub struct Plan {
    pub(super) target: Target,
    pub(super) pace: Paced,
    pub(super) restricted: Shown,
    pub(super) all_seeing: Option<Shown>,
    pub(super) objects: Vec<Objects>,
    pub(super) lists: Vec<Listed>,
    pub(super) hidden_fields: Vec<String>,
    pub(super) open: Option<String>,
    pub(super) refused: Vec<String>,
    /// In lower case.
    pub(super) volatile_headers: Vec<String>,
    pub(super) canaries: Vec<Planted>,
    pub(super) writes: bool,
}

/// Where the deployment is.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) secure: bool,
    /// Name and port that are connected to.
    pub(super) address: (String, u16),
    /// What stands in `Host`.
    pub(super) host: String,
    /// The name for TLS.
    pub(super) name: String,
    pub(super) ca: Option<std::path::PathBuf>,
}

#[derive(Debug)]
pub(super) struct Paced {
    pub(super) per_second: u32,
    pub(super) timeout: Duration,
    pub(super) quiet: Duration,
    pub(super) answer_bytes_max: usize,
}

/// An actor's header lines.
#[derive(Clone, Debug)]
pub(super) struct Shown(pub(super) Vec<(String, Secret)>);

#[derive(Clone, Debug)]
pub(super) struct Objects {
    pub(super) visible: String,
    pub(super) hidden: String,
    pub(super) missing: String,
    pub(super) below: Vec<String>,
    pub(super) including: Vec<String>,
    pub(super) unwritable_fields: Vec<String>,
    pub(super) write_method: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) path: String,
    pub(super) items: String,
    pub(super) id: String,
    pub(super) totals: Vec<String>,
    pub(super) widening: Vec<String>,
    pub(super) question: Option<String>,
}

impl Listed {
    /// Whether it is a list of such objects: they stand right below it, or beside it, as beside `/conversations/filter`. One of
    /// another kind of object may well have the id of a hidden one.
    pub(super) fn has(&self, objects: &Objects) -> bool {
        let above = |path: &str| path.rsplit_once('/').map(|(above, _)| above.to_owned());
        let kind = above(&objects.hidden);
        kind.as_deref() == Some(self.path.as_str()) || kind == above(&self.path)
    }
}

#[derive(Debug)]
pub(super) struct Planted {
    pub(super) place: String,
    pub(super) word: Canaries,
    pub(super) from_restricted: bool,
    pub(super) from_all_seeing: bool,
    pub(super) from_nobody: bool,
}

/// Why nothing can be tried.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file.
    #[error(transparent)]
    File(#[from] Mistakes),
    /// The URL.
    #[error(
        "`{0}` is not the URL of a deployment; expected one such as `https://chat.example`, without a path"
    )]
    Url(String),
    /// A path.
    #[error(
        "{key}: `{path}` is not a path; expected one such as `/api/v1/conversations/102`, printable and without a query"
    )]
    Path {
        /// Its key.
        key: &'static str,
        /// As written.
        path: String,
    },
    /// A header.
    #[error(
        "actor.{actor}.headers: `{name}` is not a header that can be sent, or its value is on several lines"
    )]
    Header {
        /// Whose.
        actor: &'static str,
        /// Its name.
        name: String,
    },
    /// A canary, by its number.
    #[error("canary[{0}].text: expected 8 or more letters, digits, `-` and `_`")]
    Canary(usize),
}

impl Plan {
    /// Reads the file. Blocks.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn read(file: &Path, url: &Uri, env: Env<'_>) -> Result<Self, PlanError> {
        let raw: Raw = alone::read(file, env)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let target = target(url, raw.host, raw.ca.map(|ca| folder.join(ca.0)))?;
        Ok(Self {
            target,
            pace: Paced {
                per_second: raw.pace.per_second,
                timeout: raw.pace.timeout.0,
                quiet: raw.pace.quiet.0,
                answer_bytes_max: raw.pace.answer_bytes_max.in_memory(),
            },
            restricted: shown("restricted", raw.actor.restricted.unwrap_or_default())?,
            all_seeing: raw.actor.all_seeing.map(|raw| shown("all_seeing", raw)).transpose()?,
            objects: raw.object.into_iter().map(objects).collect::<Result<_, _>>()?,
            lists: raw.list.into_iter().map(listed).collect::<Result<_, _>>()?,
            hidden_fields: raw.hidden_fields,
            open: raw.open.map(|open| path("open", Some(open))).transpose()?,
            refused: raw
                .refused
                .into_iter()
                .map(|text| path("refused", Some(text)))
                .collect::<Result<_, _>>()?,
            volatile_headers: raw.volatile_headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            canaries: raw.canary.into_iter().enumerate().map(planted).collect::<Result<_, _>>()?,
            writes: false,
        })
    }

    /// With the rows that try a write which must be refused.
    #[must_use]
    pub fn with_writes(self) -> Self {
        Self { writes: true, ..self }
    }
}

fn target(url: &Uri, host: Option<String>, ca: Option<std::path::PathBuf>) -> Result<Target, PlanError> {
    let no = || PlanError::Url(url.to_string());
    let secure = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(no()),
    };
    let authority = url.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(no)?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(no());
    }
    let own = authority.host().trim_matches(['[', ']']).to_owned();
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let host = host.unwrap_or_else(|| authority.to_string());
    if HeaderValue::from_str(&host).is_err() {
        return Err(no());
    }
    let name = if host == *authority.as_str() {
        own.clone()
    } else {
        host.split(':').next().unwrap_or(&own).to_owned()
    };
    Ok(Target { secure, address: (own, port), host, name, ca })
}

fn shown(actor: &'static str, raw: Credentials) -> Result<Shown, PlanError> {
    let headers = raw.headers.unwrap_or_default().into_iter().map(|(name, value)| {
        let sound = name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value.text()).is_ok();
        if sound { Ok((name, value.0)) } else { Err(PlanError::Header { actor, name }) }
    });
    headers.collect::<Result<_, _>>().map(Shown)
}

fn objects(raw: Object) -> Result<Objects, PlanError> {
    Ok(Objects {
        visible: path("object.visible", raw.visible)?,
        hidden: path("object.hidden", raw.hidden)?,
        missing: path("object.missing", raw.missing)?,
        below: raw
            .below
            .into_iter()
            .map(|text| path("object.below", Some(text)))
            .collect::<Result<_, _>>()?,
        including: raw.including,
        unwritable_fields: raw.unwritable_fields,
        write_method: match raw.write_method {
            WriteMethod::Patch => "PATCH",
            WriteMethod::Put => "PUT",
            WriteMethod::Post => "POST",
        },
    })
}

fn listed(raw: List) -> Result<Listed, PlanError> {
    Ok(Listed {
        path: path("list.path", raw.path)?,
        items: raw.items.map(|pointer| pointer.0).unwrap_or_default(),
        id: raw.id.map_or_else(|| "/id".to_owned(), |pointer| pointer.0),
        totals: raw.totals.into_iter().map(|pointer| pointer.0).collect(),
        widening: raw.widening,
        question: raw.question,
    })
}

fn planted((number, raw): (usize, Canary)) -> Result<Planted, PlanError> {
    let word = raw.text.unwrap_or_default();
    let sort = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if word.len() < 8 || !word.chars().all(sort) {
        return Err(PlanError::Canary(number));
    }
    let from = raw.hidden_from.unwrap_or_else(|| vec![Whom::Restricted, Whom::Nobody]);
    let place = if raw.planted.is_empty() { format!("canary[{number}]") } else { raw.planted };
    Ok(Planted {
        place,
        word: Canaries::new([word]),
        from_restricted: from.contains(&Whom::Restricted),
        from_all_seeing: from.contains(&Whom::AllSeeing),
        from_nobody: from.contains(&Whom::Nobody),
    })
}

fn path(key: &'static str, text: Option<String>) -> Result<String, PlanError> {
    let text = text.unwrap_or_default();
    let sound = text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'?');
    if sound { Ok(text) } else { Err(PlanError::Path { key, path: text }) }
}
