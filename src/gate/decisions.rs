//! What was decided, told: one record a request, kept in memory for `headgate explain` and written as a line.
//!
//! A record names and counts; it holds no token, no query, no header and no value of a field (I13). The writer
//! (`decision_log`) is fed through a bounded channel: a slow disk loses lines, which are counted, and no time of a
//! request (I12). A request that must be on record waits for its line instead, and is refused without it.
//!
//! What is refused before it is known who asks, or since too much is asked, is counted among the requests and not
//! written: whoever reaches the listener could fill the disk with it and push everything else out of memory. The last
//! few are kept apart from all others, for `explain`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    decision_log::{Line, Writer},
    refusal::Refusal,
};
use crate::{
    config::gate::DecisionLog,
    directory::Version,
    filter::{FieldIx, Report, Schema},
    ids::{DecisionId, TenantId, UserId},
};

/// The reason of what a rate refuses.
pub(super) const TOO_MANY: &str = "rate";

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
    /// How old what was known of the objects was when the write was sent, in milliseconds, where the backend was not told to make it
    /// only if they are still the same: somebody else may have changed them since (`G16`).
    pub facts_age: Option<u64>,
    /// What was taken out of the answer; in shadow mode, what would have been.
    pub removed: Option<Removed>,
    /// What is in shadow mode, if that let pass what the policy refused or withheld: `route`, or `role` and its name.
    pub shadow: Option<String>,
    /// The status of the answer; 0 in a line that had to be written before there was one.
    pub status: u16,
}

impl Record {
    /// Tells that it was refused. What shadow mode let pass stays told, if it was refused for another reason then.
    pub(super) fn refused(&mut self, refusal: &Refusal) {
        let is_denial = refusal.is_denial();
        if is_denial || self.outcome != Outcome::WouldDeny {
            self.outcome = if is_denial { Outcome::Denied } else { Outcome::Refused };
            self.reason = refusal.label();
            // Where there would have been an answer but for shadow mode, that stays told.
            if self.removed.is_none() {
                self.shadow = None;
            }
        }
    }

    /// Tells what was decided. What shadow mode let pass before stays told: without it the request would have ended there.
    pub(super) fn decided(&mut self, outcome: Outcome, reason: &'static str, why: String) {
        if self.outcome != Outcome::WouldDeny {
            (self.outcome, self.reason, self.why) = (outcome, reason, Some(why));
        }
    }

    /// Whether as many of these may come as anybody likes.
    fn is_anybodys(&self) -> bool {
        self.user.is_none() || self.reason == TOO_MANY
    }
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
    /// In shadow mode: none of these, and the answer would have been another one all the same. Something that counts rows or leads to
    /// others, or a list in place of an error.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub other: bool,
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
            other: false,
        };
        let nothing = removed.rows + removed.objects + removed.undeclared == 0 && removed.fields.is_empty();
        (!nothing).then_some(removed)
    }

    /// Nothing that is counted.
    pub(super) fn other() -> Self {
        Self { rows: 0, objects: 0, fields: BTreeMap::new(), undeclared: 0, other: true }
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
    /// The policy refused it or would have withheld of its answer, and it passed since the route or a role of
    /// the user is in shadow mode.
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

/// Requests kept at most of which it is not known who asked, or which were too many: enough to see why somebody's
/// credentials are not taken.
const STRANGERS_KEPT_MAX: usize = 100;

/// What is counted of the log.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Lines that were not written.
    pub lost: Counter,
    /// How often the file had as many bytes as it may.
    pub full: Counter,
}

/// The last decisions, and the way to the log.
#[derive(Debug)]
pub struct Decisions {
    last: Ring,
    strangers: Ring,
    lines: Option<Lines>,
    lost: Counter,
}

/// The last records of a kind.
#[derive(Debug)]
struct Ring {
    records: Mutex<VecDeque<Arc<Record>>>,
    kept_max: usize,
}

impl Ring {
    const fn of(kept_max: usize) -> Self {
        Self { records: Mutex::new(VecDeque::new()), kept_max }
    }

    fn keep(&self, record: Arc<Record>) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        while records.len() >= self.kept_max.max(1) {
            records.pop_front();
        }
        if self.kept_max > 0 {
            records.push_back(record);
        }
    }

    fn find(&self, id: DecisionId) -> Option<Arc<Record>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest_first = records.iter().rev();
        newest_first.find(|record| record.id == id).map(Arc::clone)
    }
}

/// The way to the log.
#[derive(Debug)]
struct Lines {
    waiting: mpsc::Sender<Line>,
    /// The file is to be opened anew.
    reopen: Arc<AtomicBool>,
    audit_wait_max: Duration,
}

/// A decision could not be put on record in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the decision cannot be recorded now")]
pub struct Unrecorded;

impl Decisions {
    /// Keeps the last `kept_max`, and writes where `log` says. The second is the writer, to be run until it
    /// is told to end.
    #[must_use]
    pub fn new(kept_max: usize, log: Option<&DecisionLog>, counts: Counts) -> (Arc<Self>, Option<Writer>) {
        let lost = counts.lost.clone();
        let (lines, writer) = log
            .map(|log| {
                let (lines, waiting) = mpsc::channel(log.waiting_max);
                let reopen = Arc::<AtomicBool>::default();
                let writer = Writer::new(waiting, log, Arc::clone(&reopen), counts);
                (Lines { waiting: lines, reopen, audit_wait_max: log.audit_wait_max }, writer)
            })
            .unzip();
        let strangers = Ring::of(kept_max.min(STRANGERS_KEPT_MAX));
        (Arc::new(Self { last: Ring::of(kept_max), strangers, lines, lost }), writer)
    }

    /// Notes a decision. Never waits.
    pub fn note(&self, record: Record) {
        if matches!(record.outcome, Outcome::Denied | Outcome::WouldDeny | Outcome::Refused) {
            // At `debug`: a stranger must not be able to fill the log. The decision log has every decision.
            tracing::debug!(
                decision.id = %record.id,
                decision.outcome = record.outcome.label(),
                deny.reason = record.reason,
                tenant.id = record.tenant.as_ref().map(tracing::field::display),
                actor.id = record.user.as_ref().map(tracing::field::display),
                route.match = record.route,
                http.status = record.status,
                "request refused",
            );
        }
        let record = Arc::new(record);
        if record.is_anybodys() {
            self.strangers.keep(record);
            return;
        }
        if let Some(lines) = &self.lines
            && lines.waiting.try_send(Line::of(Arc::clone(&record))).is_err()
        {
            self.lost.inc();
        }
        self.last.keep(record);
    }

    /// From the next line on the file is opened anew: it may have been moved away.
    pub fn reopen(&self) {
        if let Some(lines) = &self.lines {
            lines.reopen.store(true, Ordering::Release);
        }
    }

    /// Waits until a decision is in the log: on the disk, if that is a file.
    ///
    /// # Errors
    /// [`Unrecorded`] if that fails or takes too long, or there is no log.
    pub async fn must_note(&self, record: Record) -> Result<(), Unrecorded> {
        let lines = self.lines.as_ref().ok_or(Unrecorded)?;
        let (written, is_written) = oneshot::channel();
        let line = Line { record: Arc::new(record), written: Some(written) };
        let noting = async {
            lines.waiting.send(line).await.map_err(|_closed| Unrecorded)?;
            is_written.await.map_err(|_lost| Unrecorded)
        };
        timeout(lines.audit_wait_max, noting).await.map_err(|_late| Unrecorded)?
    }

    /// A decision that is still kept. With `tenant`, only one of that tenant.
    #[must_use]
    pub fn find(&self, id: DecisionId, tenant: Option<&str>) -> Option<Arc<Record>> {
        let record = self.last.find(id).or_else(|| self.strangers.find(id))?;
        let of_tenant =
            tenant.is_none_or(|name| record.tenant.as_ref().is_some_and(|own| own.as_str() == name));
        of_tenant.then_some(record)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::gate) fn record(id: u128, tenant: &str) -> Record {
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
            removed: None,
            facts_age: None,
            shadow: None,
            status: 404,
        }
    }

    #[test]
    fn the_last_decisions_are_found_by_their_tenant() {
        let (decisions, writer) = Decisions::new(2, None, Counts::default());
        assert!(writer.is_none());
        (1..=3).for_each(|id| decisions.note(record(id, "acme")));
        let found = |id, tenant| decisions.find(DecisionId(id), tenant).is_some();
        assert!(!found(1, None), "the oldest went");
        assert!(found(2, None) && found(3, Some("acme")));
        assert!(!found(3, Some("globex")));
    }

    #[test]
    fn strangers_push_no_decision_out_and_write_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let wait = Duration::from_secs(2);
        let file = Some(folder.path().join("decisions.jsonl"));
        let log = DecisionLog { file, file_bytes_max: u64::MAX, waiting_max: 1, audit_wait_max: wait };
        let counts = Counts::default();
        let (decisions, _writer) = Decisions::new(2, Some(&log), counts.clone());
        decisions.note(record(1, "acme"));
        for id in 2..1000 {
            decisions.note(Record {
                tenant: None,
                user: None,
                reason: "no_credentials",
                ..record(id, "acme")
            });
            decisions.note(Record { reason: Refusal::Rate(wait).label(), ..record(id + 1000, "acme") });
        }
        assert!(decisions.find(DecisionId(1), Some("acme")).is_some(), "the decision is still told");
        assert!(decisions.find(DecisionId(999), None).is_some(), "and why the last stranger was refused");
        assert_eq!(counts.lost.get(), 0, "no line was asked for: there is room for one");
    }
}
