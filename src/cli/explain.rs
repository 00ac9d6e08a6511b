//! `headgate explain`: looks a decision up that a running gateway still keeps.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use serde::Deserialize;

use super::Format;
use crate::backend::{Bounds, CallError, Client, ClientError, Egress};

/// What the question may cost.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: 256 << 10 };

/// Bytes of a token file.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The decision's id, as in the answer that was refused: `dec_…`.
    id: String,
    /// The gateway's `ops` listener.
    #[arg(long, value_name = "URL")]
    ops: Uri,
    /// A file with the bearer token of the `ops` listener.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A CA file for the listener's TLS, beside the operating system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Only a decision of this tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Unexplained {
    #[error("`{0}` is no id of a decision")]
    Id(String),
    #[error("could not read the token file `{}`: {source}", path.display())]
    Token { path: PathBuf, source: io::Error },
    #[error("the token file `{}` holds no token", .0.display())]
    NoToken(PathBuf),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("could not ask {ops}: {source}")]
    Call { ops: String, source: Box<CallError> },
    #[error("{ops} answered with status {status}: {detail}")]
    Refused { ops: String, status: StatusCode, detail: String },
    #[error("the answer is no decision")]
    Answer(#[from] serde_json::Error),
    #[error("the answer could not be written")]
    Output(#[from] io::Error),
}

impl Explain {
    /// Prints the decision: 0. 1 if there is none of this id, 2 if that is not known.
    pub(super) fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match runtime.block_on(self.explain(out)) {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => {
                writeln!(err, "there is no decision {}, or it is no longer kept", self.id)?;
                Ok(ExitCode::FAILURE)
            }
            Err(Unexplained::Output(error)) => Err(error),
            Err(error) => {
                writeln!(err, "{error}")?;
                Ok(ExitCode::from(2))
            }
        }
    }

    async fn explain(&self, out: &mut dyn Write) -> Result<bool, Unexplained> {
        let answer = self.ask().await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if is_of_decisions(answer.body()) => return Ok(false),
            status => {
                let detail = serde_json::from_slice(answer.body()).unwrap_or_default();
                let Problem { detail, .. } = detail;
                return Err(Unexplained::Refused {
                    ops: self.ops.to_string(),
                    status,
                    detail: plain(&detail),
                });
            }
        }
        let decision: Decision = serde_json::from_slice(answer.body())?;
        match self.format {
            Format::Json => {
                let decision: serde_json::Value = serde_json::from_slice(answer.body())?;
                writeln!(out, "{decision:#}")?;
            }
            Format::Text => write!(out, "{}", decision.lines())?,
        }
        Ok(true)
    }

    async fn ask(&self) -> Result<Response<Bytes>, Unexplained> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(fits) {
            return Err(Unexplained::Id(self.id.clone()));
        }
        let base = self.ops.to_string();
        let mut url = format!("{}/v1/decisions/{}", base.trim_end_matches('/'), self.id);
        if let Some(tenant) = &self.tenant {
            let query =
                form_urlencoded::Serializer::new(String::new()).append_pair("tenant", tenant).finish();
            url = format!("{url}?{query}");
        }
        let failed =
            |source: CallError| Unexplained::Call { ops: self.ops.to_string(), source: Box::new(source) };
        let mut request = Request::get(url)
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| failed(CallError::Url(error)))?;
        if let Some(file) = &self.token_file {
            request.headers_mut().insert(header::AUTHORIZATION, token(file)?);
        }
        let egress = Egress { ca: self.ca.clone(), resolve: BTreeMap::new(), timeout: BOUNDS.timeout };
        Client::new(&egress, None)?.call(request, BOUNDS).await.map_err(failed)
    }
}

fn token(file: &Path) -> Result<HeaderValue, Unexplained> {
    let unreadable = |source| Unexplained::Token { path: file.to_owned(), source };
    let mut text = Vec::new();
    let opened = fs::File::open(file).map_err(unreadable)?;
    opened.take(TOKEN_BYTES_MAX).read_to_end(&mut text).map_err(unreadable)?;
    let token = text.trim_ascii();
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token].concat())
        .map_err(|_not_a_header| Unexplained::NoToken(file.to_owned()))?;
    if token.is_empty() {
        return Err(Unexplained::NoToken(file.to_owned()));
    }
    value.set_sensitive(true);
    Ok(value)
}

/// A refusal (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
}

/// Whether a 404 speaks of decisions, and not of a listener that has none.
fn is_of_decisions(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|problem: Problem| problem.kind.ends_with("no-decision"))
}

/// A decision, as the gateway tells it.
#[derive(Debug, Deserialize)]
struct Decision {
    id: String,
    time: String,
    tenant: Option<String>,
    user: Option<String>,
    method: String,
    route: Option<String>,
    path: Option<String>,
    resource: Option<String>,
    action: Option<String>,
    outcome: String,
    reason: String,
    why: Option<String>,
    status: u16,
}

impl Decision {
    fn lines(&self) -> String {
        let said = |name: &Option<String>| name.as_deref().map_or_else(|| "not known".to_owned(), plain);
        let mut lines = String::new();
        let mut line = |what: &str, text: String| {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{what:9} {}", plain(&text));
        };
        line("decision", self.id.clone());
        line("time", self.time.clone());
        line("who", format!("{} of tenant {}", said(&self.user), said(&self.tenant)));
        line("request", format!("{} {}", self.method, said(&self.path)));
        line("route", said(&self.route));
        let right = self.resource.as_ref().zip(self.action.as_ref());
        line("asked", right.map_or_else(|| "nothing".to_owned(), |(of, action)| format!("{of}.{action}")));
        line("outcome", format!("{} ({}), answered {}", self.outcome, self.reason, self.status));
        line("why", said(&self.why));
        lines
    }
}

/// Without characters that a terminal would act on: paths and names are chosen by strangers.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
