//! `probe.toml`: who tries, what there is to try it on, and what must not be seen.

use std::{collections::BTreeMap, path::Path, time::Duration};

use http::{HeaderName, HeaderValue, Uri};

pub(super) use self::raw::HiddenBy;
use self::raw::{Canary, List, Object, Raw, Whom, Why, WriteMethod};
use super::canary::Canaries;
use crate::{
    config::{Env, Mistakes, alone, markdown, text::SecretText},
    secret::Secret,
};

mod raw;

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
    /// What headers would say that claim to be who sees everything.
    pub(super) impersonated: String,
    pub(super) teamless: Option<Shown>,
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) native: Option<Native>,
    pub(super) refused_credentials: Vec<RefusedCredentials>,
    pub(super) query_credentials: bool,
    pub(super) token_keys: Vec<String>,
    pub(super) stream: Option<String>,
    pub(super) cookies: Vec<String>,
    pub(super) objects: Vec<Objects>,
    pub(super) lists: Vec<Listed>,
    pub(super) hidden_fields: Vec<String>,
    pub(super) open: Option<String>,
    pub(super) media_fields: Vec<String>,
    pub(super) refused: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) failing: Vec<String>,
    pub(super) participants: Vec<Participant>,
    pub(super) creates: Vec<Create>,
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

impl Shown {
    /// Those that a browser does not send by itself.
    pub(super) fn in_headers(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let own = self.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("cookie"));
        own.map(|(name, value)| (name.as_str(), value))
    }

    /// With these lines in place of those of this name.
    pub(super) fn with(&self, name: &str, values: Vec<Secret>) -> Self {
        let mut lines: Vec<_> = self.0.iter().filter(|(known, _)| known != name).cloned().collect();
        lines.extend(values.into_iter().map(|value| (name.to_owned(), value)));
        Self(lines)
    }
}

/// The restricted actor's other tenant.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) shown: Shown,
    pub(super) sees: String,
}

/// What the backend takes by itself.
#[derive(Debug)]
pub(super) struct Native {
    pub(super) shown: Shown,
    pub(super) query: Option<Secret>,
}

/// Credentials that must not be accepted.
#[derive(Debug)]
pub(super) struct RefusedCredentials {
    /// The row that they are of.
    pub(super) row: &'static str,
    /// What is wrong with them, for the report.
    pub(super) why: &'static str,
    pub(super) shown: Shown,
}

/// An object that is seen by taking part in it.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) path: String,
    pub(super) hidden_fields: Vec<String>,
}

/// A way to make an object.
#[derive(Debug)]
pub(super) struct Create {
    pub(super) path: String,
    pub(super) taken: Option<String>,
    pub(super) presets: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Objects {
    pub(super) visible: String,
    pub(super) hidden: String,
    pub(super) missing: String,
    pub(super) below: Vec<String>,
    pub(super) including: Vec<String>,
    pub(super) unwritable_fields: Vec<String>,
    pub(super) write_method: &'static str,
    pub(super) hidden_by: Option<HiddenBy>,
    pub(super) writable: Option<String>,
    pub(super) unassignable: Vec<String>,
    pub(super) taking: Option<String>,
    pub(super) unmovable: Vec<String>,
    pub(super) bulk: Vec<Bulk>,
}

/// A request that names objects in its body.
#[derive(Clone, Debug)]
pub(super) struct Bulk {
    pub(super) path: String,
    pub(super) method: &'static str,
    /// With `{id}` in it.
    pub(super) body: String,
}

#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) path: String,
    pub(super) items: String,
    pub(super) id: String,
    pub(super) totals: Vec<String>,
    pub(super) widening: Vec<String>,
    /// Each with `{id}` in it.
    pub(super) naming: Vec<String>,
    pub(super) overlong: Option<String>,
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
    /// A body.
    #[error("{0}: expected JSON")]
    Json(&'static str),
    /// A text in which an object's id should stand.
    #[error("{0}: expected `{{id}}` where the id of an object stands")]
    NoId(&'static str),
    /// What the backend takes in a query.
    #[error("actor.native.query: expected a query such as `api_access_token=…`, printable")]
    Query,
    /// A header.
    #[error("{key}.headers: `{name}` is not a header that can be sent, or its value is on several lines")]
    Header {
        /// Where.
        key: &'static str,
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
            impersonated: raw
                .actor
                .all_seeing
                .as_ref()
                .and_then(|actor| actor.user.clone())
                .unwrap_or_else(|| "admin".to_owned()),
            restricted: shown("actor.restricted", raw.actor.restricted.and_then(|raw| raw.headers))?,
            all_seeing: raw.actor.all_seeing.map(|raw| shown("actor.all_seeing", raw.headers)).transpose()?,
            teamless: raw.actor.teamless.map(|raw| shown("actor.teamless", raw.headers)).transpose()?,
            elsewhere: raw.actor.elsewhere.map(elsewhere).transpose()?,
            native: raw.actor.native.map(native).transpose()?,
            refused_credentials: raw
                .refused_credentials
                .into_iter()
                .map(refused_credentials)
                .collect::<Result<_, _>>()?,
            query_credentials: raw.query_credentials,
            token_keys: raw.token_keys,
            stream: raw.stream.map(|stream| path("stream", Some(stream))).transpose()?,
            cookies: raw.cookies,
            objects: raw.object.into_iter().map(objects).collect::<Result<_, _>>()?,
            lists: raw.list.into_iter().map(listed).collect::<Result<_, _>>()?,
            hidden_fields: raw.hidden_fields,
            open: raw.open.map(|open| path("open", Some(open))).transpose()?,
            media_fields: raw.media_fields,
            refused: paths("refused", raw.refused)?,
            tables: paths("tables", raw.tables)?,
            failing: raw.failing.into_iter().map(failing).collect::<Result<_, _>>()?,
            participants: raw.participant.into_iter().map(participant).collect::<Result<_, _>>()?,
            creates: raw.create.into_iter().map(create).collect::<Result<_, _>>()?,
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

fn shown(key: &'static str, headers: Option<BTreeMap<String, SecretText>>) -> Result<Shown, PlanError> {
    let headers = headers.unwrap_or_default().into_iter().map(|(name, value)| {
        let sound = name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value.text()).is_ok();
        if sound { Ok((name, value.0)) } else { Err(PlanError::Header { key, name }) }
    });
    headers.collect::<Result<_, _>>().map(Shown)
}

fn elsewhere(raw: raw::Elsewhere) -> Result<Elsewhere, PlanError> {
    let shown = shown("actor.elsewhere", raw.headers)?;
    Ok(Elsewhere { shown, sees: path("actor.elsewhere.sees", raw.sees)? })
}

fn native(raw: raw::Native) -> Result<Native, PlanError> {
    let shown = shown("actor.native", Some(raw.headers))?;
    let query = raw.query.map(|query| query.0);
    let sound = |query: &Secret| query.expose().iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    if query.as_ref().is_some_and(|query| !sound(query)) {
        return Err(PlanError::Query);
    }
    Ok(Native { shown, query })
}

fn refused_credentials(raw: raw::RefusedCredentials) -> Result<RefusedCredentials, PlanError> {
    let (row, why) = match raw.why.unwrap_or(Why::Revoked) {
        Why::Issuer => ("C10", "of another issuer"),
        Why::Audience => ("C10", "for another audience"),
        Why::IdToken => ("C10", "an ID token"),
        Why::Expired => ("C11", "expired"),
        Why::NotYet => ("C11", "not valid yet"),
        Why::Endless => ("C11", "without an end"),
        Why::Critical => ("C12", "with an unknown `crit`"),
        Why::Encrypted => ("C13", "encrypted and unsigned"),
        Why::Revoked => ("C19", "revoked"),
    };
    Ok(RefusedCredentials { row, why, shown: shown("refused_credentials", raw.headers)? })
}

fn participant(raw: raw::Participant) -> Result<Participant, PlanError> {
    Ok(Participant { path: path("participant.path", raw.path)?, hidden_fields: raw.hidden_fields })
}

fn create(raw: raw::Create) -> Result<Create, PlanError> {
    Ok(Create {
        path: path("create.path", raw.path)?,
        taken: raw.taken.map(|body| json("create.taken", body)).transpose()?,
        presets: jsons("create.presets", raw.presets)?,
    })
}

fn objects(raw: Object) -> Result<Objects, PlanError> {
    Ok(Objects {
        visible: path("object.visible", raw.visible)?,
        hidden: path("object.hidden", raw.hidden)?,
        missing: path("object.missing", raw.missing)?,
        below: paths("object.below", raw.below)?,
        including: raw.including,
        unwritable_fields: raw.unwritable_fields,
        write_method: method(raw.write_method),
        hidden_by: raw.hidden_by,
        writable: raw.writable.map(|body| json("object.writable", body)).transpose()?,
        unassignable: jsons("object.unassignable", raw.unassignable)?,
        taking: raw.taking.map(|body| json("object.taking", body)).transpose()?,
        unmovable: jsons("object.unmovable", raw.unmovable)?,
        bulk: raw.bulk.into_iter().map(bulk).collect::<Result<_, _>>()?,
    })
}

fn method(raw: WriteMethod) -> &'static str {
    match raw {
        WriteMethod::Patch => "PATCH",
        WriteMethod::Put => "PUT",
        WriteMethod::Post => "POST",
    }
}

fn bulk(raw: raw::Bulk) -> Result<Bulk, PlanError> {
    let body = with_id("object.bulk.body", raw.body.unwrap_or_default())?;
    Ok(Bulk {
        path: path("object.bulk.path", raw.path)?,
        method: method(raw.method.unwrap_or(WriteMethod::Post)),
        body: json("object.bulk.body", body)?,
    })
}

fn listed(raw: List) -> Result<Listed, PlanError> {
    Ok(Listed {
        path: path("list.path", raw.path)?,
        items: raw.items.map(|pointer| pointer.0).unwrap_or_default(),
        id: raw.id.map_or_else(|| "/id".to_owned(), |pointer| pointer.0),
        totals: raw.totals.into_iter().map(|pointer| pointer.0).collect(),
        widening: raw.widening,
        naming: raw.naming.into_iter().map(|text| with_id("list.naming", text)).collect::<Result<_, _>>()?,
        overlong: raw.overlong,
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

fn paths(key: &'static str, texts: Vec<String>) -> Result<Vec<String>, PlanError> {
    texts.into_iter().map(|text| path(key, Some(text))).collect()
}

/// A path with its query.
fn failing(text: String) -> Result<String, PlanError> {
    let own = text.split('?').next().unwrap_or_default().to_owned();
    path("failing", Some(own))?;
    let sound = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if sound { Ok(text) } else { Err(PlanError::Path { key: "failing", path: text }) }
}

fn jsons(key: &'static str, bodies: Vec<String>) -> Result<Vec<String>, PlanError> {
    bodies.into_iter().map(|body| json(key, body)).collect()
}

fn json(key: &'static str, body: String) -> Result<String, PlanError> {
    match serde_json::from_str::<serde_json::Value>(&body) {
        Ok(_) => Ok(body),
        Err(_no_json) => Err(PlanError::Json(key)),
    }
}

fn with_id(key: &'static str, text: String) -> Result<String, PlanError> {
    if text.contains("{id}") { Ok(text) } else { Err(PlanError::NoId(key)) }
}
