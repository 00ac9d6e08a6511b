//! The configuration in use, and its reload.

use http::StatusCode;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    Ops,
    answer::{Answer, Refusal, json},
    audit,
    auth::Who,
};
use crate::{ids::Timestamp, server::Problem};

/// What the gateway is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether it is about to end.
    pub draining: bool,
    /// The configuration in use; `None` before the first.
    pub config: Option<ConfigStatus>,
    /// Why the last reload was refused, one mistake an element; empty if it was not.
    pub mistakes: Vec<String>,
}

/// A configuration in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigStatus {
    /// Counts configurations of this process, from 1.
    pub version: u64,
    /// A digest of its files.
    pub hash: String,
    /// When it was loaded.
    pub loaded: Timestamp,
}

/// A wish to read the configuration anew. The gateway answers when it has: with the configuration now
/// in use, or every mistake of the one that it refused.
#[derive(Debug)]
pub struct Reload {
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<ConfigStatus, Vec<String>>>,
}

/// A configuration, as shown.
#[derive(Serialize)]
struct Shown<'a> {
    version: Option<u64>,
    hash: Option<&'a str>,
    loaded: Option<String>,
    mistakes: &'a [String],
}

impl<'a> Shown<'a> {
    fn of(config: Option<&'a ConfigStatus>, mistakes: &'a [String]) -> Self {
        Self {
            version: config.map(|config| config.version),
            hash: config.map(|config| config.hash.as_str()),
            loaded: config.and_then(|config| config.loaded.rfc3339()),
            mistakes,
        }
    }
}

impl Ops {
    pub(super) fn config(&self) -> Answer {
        let status = self.admin.status.borrow();
        json(&Shown::of(status.config.as_ref(), &status.mistakes))
    }

    pub(super) async fn reload(&self, who: &Who) -> Result<Answer, Refusal> {
        audit::note(who, "config.reload", "config", "asked");
        let (answer, answered) = oneshot::channel();
        let asked = self.admin.reload.send(Reload { answer }).await.is_ok();
        let reloaded = if asked { answered.await.ok() } else { None };
        let outcome = match &reloaded {
            Some(Ok(config)) => format!("version {}", config.version),
            Some(Err(mistakes)) => format!("{} mistakes", mistakes.len()),
            None => "ending".to_owned(),
        };
        audit::note(who, "config.reload", "config", &outcome);
        match reloaded {
            Some(Ok(config)) => Ok(json(&Shown::of(Some(&config), &[]))),
            Some(Err(mistakes)) => {
                let detail = mistakes.join("\n");
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "config", detail).into())
            }
            None => {
                let detail = "the gateway is ending";
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ending", detail).into())
            }
        }
    }
}
