//! What was decided, told: one record a request, kept in memory for `headgate explain` and written as a line.
//!
//! A record names and counts; it holds no token, no query, no header and no value of a field (I13). The writer
//! is fed through a bounded channel: a slow disk loses lines, which are counted, and no time of a request (I12).

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use tokio::{
    fs::OpenOptions,
    io::{AsyncWrite, AsyncWriteExt, BufWriter},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::gate::DecisionLog,
    directory::Version,
    filter::{FieldIx, Report, Schema},
    ids::{DecisionId, TenantId, UserId},
};

/// One request and what was decided on it.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Names the record; the answer bears it too.
    #[serde(serialize_with = "shown")]
    pub id: DecisionId,
    /// When the request came (RFC 3339).
    pub time: String,
    /// Whose user asked; `None` if it is not known who asked.
    pub tenant: Option<TenantId>,
    /// Who asked.
    pub user: Option<UserId>,
    /// The version of the user's grants.
    pub grants: Option<Version>,
    /// The method.
    pub method: String,
    /// The route, as it is written in `routes.toml`.
    pub route: Option<String>,
    /// The canonical path, if a route takes it.
    pub path: Option<String>,
    /// The resource that was asked for.
    pub resource: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, as one word: what granted, or what refused.
    pub reason: &'static str,
    /// Why, for people: the role, rule or forbid that decided.
    pub why: Option<String>,
    /// What was taken out of the answer; in shadow mode, what would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
    /// The status of the answer.
    pub status: u16,
}

/// What was taken out of an answer: how many of what, and the names of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Rows that the user may not see, or that nobody can judge.
    pub rows: u64,
    /// Objects in other objects, or beside them.
    pub objects: u64,
    /// Fields: `entity.field` and how often.
    pub fields: BTreeMap<String, u64>,
    /// Members that no entity declares.
    pub undeclared: u64,
}

impl Removed {
    /// What a report says; `None` if everything passed.
    #[must_use]
    pub fn new(report: &Report, schema: &Schema) -> Option<Self> {
        let name = |entity, field: FieldIx| {
            let field = schema.fields(entity).get(usize::from(field.0)).map_or("*", String::as_str);
            format!("{}.{field}", schema.entity_name(entity))
        };
        let removed = Self {
            rows: report.rows_hidden + report.rows_unfit,
            objects: report.objects_hidden,
            fields: report
                .fields_hidden
                .iter()
                .map(|(entity, field, times)| (name(*entity, *field), *times))
                .collect(),
            undeclared: report.undeclared,
        };
        let nothing = removed.rows + removed.objects + removed.undeclared == 0 && removed.fields.is_empty();
        (!nothing).then_some(removed)
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The policy allowed it.
    Allowed,
    /// The policy refused it.
    Denied,
    /// The policy refused it, and it passed since the route is in shadow mode.
    WouldDeny,
    /// It was refused for another reason.
    Refused,
    /// It was answered without a decision.
    Answered,
}

impl Outcome {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Allowed, Self::Denied, Self::WouldDeny, Self::Refused, Self::Answered];

    /// Its name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::WouldDeny => "would_deny",
            Self::Refused => "refused",
            Self::Answered => "answered",
        }
    }
}

fn shown<S: serde::Serializer>(id: &DecisionId, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}

/// The last decisions, and the way to the log.
#[derive(Debug)]
pub struct Decisions {
    last: Mutex<VecDeque<Arc<Record>>>,
    kept_max: usize,
    lines: Option<mpsc::Sender<Arc<Record>>>,
    lost: Counter,
}

impl Decisions {
    /// Keeps the last `kept_max`, and writes where `log` says. The second is the writer, to be run until it
    /// is told to end.
    #[must_use]
    pub fn new(kept_max: usize, log: Option<&DecisionLog>, lost: Counter) -> (Arc<Self>, Option<Writer>) {
        let (lines, writer) = log
            .map(|log| {
                let (lines, waiting) = mpsc::channel(log.waiting_max);
                (lines, Writer { waiting, file: log.file.clone(), lost: lost.clone() })
            })
            .unzip();
        (Arc::new(Self { last: Mutex::default(), kept_max, lines, lost }), writer)
    }

    /// Notes a decision. Never waits.
    pub fn note(&self, record: Record) {
        let record = Arc::new(record);
        if let Some(lines) = &self.lines
            && lines.try_send(Arc::clone(&record)).is_err()
        {
            self.lost.inc();
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        while last.len() >= self.kept_max.max(1) {
            last.pop_front();
        }
        if self.kept_max > 0 {
            last.push_back(record);
        }
    }

    /// A decision that is still kept. With `tenant`, only one of that tenant.
    #[must_use]
    pub fn find(&self, id: DecisionId, tenant: Option<&str>) -> Option<Arc<Record>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest_first = last.iter().rev();
        let record = newest_first.find(|record| record.id == id)?;
        let of_tenant =
            tenant.is_none_or(|name| record.tenant.as_ref().is_some_and(|own| own.as_str() == name));
        of_tenant.then(|| Arc::clone(record))
    }
}

/// Writes decisions as lines.
#[derive(Debug)]
pub struct Writer {
    waiting: mpsc::Receiver<Arc<Record>>,
    file: Option<PathBuf>,
    lost: Counter,
}

impl Writer {
    /// Writes until `stop`, then what is still waiting. A line that cannot be written is lost and counted; the
    /// file is opened anew for the next.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut out = None;
        loop {
            let next = tokio::select! {
                biased;
                next = self.waiting.recv() => next,
                () = stop.cancelled() => self.waiting.try_recv().ok(),
            };
            let Some(record) = next else { break };
            if let Err(error) = self.write(&mut out, &record).await {
                if self.lost.inc() == 0 {
                    tracing::warn!(error = %error, "could not write the decision log; later failures are only counted");
                }
                out = None;
            }
        }
        if let Some(mut out) = out {
            let _at_the_end = out.flush().await;
        }
    }

    async fn write(&self, out: &mut Option<Out>, record: &Record) -> io::Result<()> {
        let out = match out {
            Some(out) => out,
            None => out.insert(self.open().await?),
        };
        // JSON escapes every control character, so that a record is one line whatever is in it.
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        out.write_all(&line).await?;
        // What waits for a busy writer is flushed together.
        if self.waiting.is_empty() { out.flush().await } else { Ok(()) }
    }

    async fn open(&self) -> io::Result<Out> {
        let out: Box<dyn AsyncWrite + Send + Unpin> = match &self.file {
            None => Box::new(tokio::io::stderr()),
            Some(path) => Box::new(OpenOptions::new().create(true).append(true).open(path).await?),
        };
        Ok(BufWriter::new(out))
    }
}

type Out = BufWriter<Box<dyn AsyncWrite + Send + Unpin>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u128, tenant: &str) -> Record {
        Record {
            id: DecisionId(id),
            time: String::new(),
            tenant: Some(TenantId::new(tenant)),
            user: Some(UserId::new("an\na")),
            grants: None,
            method: "GET".to_owned(),
            route: None,
            path: None,
            resource: None,
            action: None,
            outcome: Outcome::Denied,
            reason: "no_grant",
            why: None,
            status: 404,
        }
    }

    #[test]
    fn the_last_decisions_are_found_by_their_tenant() {
        let (decisions, writer) = Decisions::new(2, None, Counter::default());
        assert!(writer.is_none());
        (1..=3).for_each(|id| decisions.note(record(id, "acme")));
        let found = |id, tenant| decisions.find(DecisionId(id), tenant).is_some();
        assert!(!found(1, None), "the oldest went");
        assert!(found(2, None) && found(3, Some("acme")));
        assert!(!found(3, Some("globex")));
    }

    #[tokio::test]
    async fn each_decision_is_one_line_and_none_is_lost_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decisions.jsonl");
        let log = DecisionLog { file: Some(file.clone()), waiting_max: 2 };
        let lost = Counter::default();
        let (decisions, writer) = Decisions::new(0, Some(&log), lost.clone());
        (1..=5).for_each(|id| decisions.note(record(id, "acme")));
        assert_eq!(lost.get(), 3, "what finds no room is counted");
        let stop = CancellationToken::new();
        stop.cancel();
        writer.unwrap().run(stop).await;
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r#""user":"an\na""#), "{text}");
    }
}
