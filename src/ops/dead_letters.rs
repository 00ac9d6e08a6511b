//! Dead letters: listed, counted, put back.

use std::collections::BTreeSet;

use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Ops,
    answer::{Answer, Refusal, bad_request, json, read_json},
    audit,
    auth::Who,
};
use crate::{
    ids::{AccountId, EndpointId, TenantId},
    server::{LimitedBody, Problem},
    spool::{DeadLetter, DeathReason, Sequence, SpoolError},
};

/// Dead letters on a page, where the request does not say.
const PAGE: usize = 100;

/// The most on a page; also how many a search reads at once.
const PAGE_MAX: usize = 1000;

/// A dead letter, as shown.
#[derive(Serialize)]
struct Shown<'a> {
    sequence: u64,
    tenant: &'a TenantId,
    endpoint: &'a EndpointId,
    account: Option<&'a AccountId>,
    events: &'a [String],
    reason: &'static str,
    since: Option<String>,
    body_bytes: usize,
}

impl<'a> Shown<'a> {
    fn of(letter: &'a DeadLetter) -> Self {
        Self {
            sequence: letter.sequence.0,
            tenant: &letter.tenant,
            endpoint: &letter.endpoint,
            account: letter.account.as_ref(),
            events: &letter.events,
            reason: letter.reason,
            since: letter.since.rfc3339(),
            body_bytes: letter.body_bytes,
        }
    }
}

/// Which dead letters to put back: those that everything given here matches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revival {
    reason: Option<String>,
    tenant: Option<TenantId>,
    endpoint: Option<EndpointId>,
    account: Option<AccountId>,
    sequences: Option<BTreeSet<u64>>,
    /// Where those go that have no account.
    to_account: Option<AccountId>,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

impl Ops {
    pub(super) fn dead_letters(&self, query: &str) -> Result<Answer, Refusal> {
        let (mut from, mut limit) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "from" => &mut from,
                "limit" => &mut limit,
                _ => return Err(bad_request("the query takes `from` and `limit`")),
            };
            let number = value.parse::<u64>();
            let number = number.map_err(|_not| bad_request("`from` and `limit` are numbers"))?;
            if slot.replace(number).is_some() {
                return Err(bad_request("`from` and `limit` stand once"));
            }
        }
        let limit = limit.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX));
        let limit = limit.clamp(1, PAGE_MAX);
        let letters = self.spool.dead_letters(Sequence(from.unwrap_or(0)), limit);
        let next = letters.last().filter(|_| letters.len() == limit).map(|last| last.sequence.0 + 1);
        let letters: Vec<_> = letters.iter().map(Shown::of).collect();
        Ok(json(&serde_json::json!({ "dead_letters": letters, "next": next })))
    }

    pub(super) async fn revive(&self, request: Request<LimitedBody>, who: &Who) -> Result<Answer, Refusal> {
        let revival: Revival = read_json(request).await?;
        let object = revival.described()?;
        let matched = self.matching(&revival);
        if revival.dry_run {
            return Ok(json(&serde_json::json!({ "matched": matched.len(), "revived": 0, "dry_run": true })));
        }
        let action = "dead_letters.revive";
        audit::note(who, action, &object, &format!("asked: {} matched", matched.len()));
        let mut revived = 0;
        let mut failure = None;
        for sequence in &matched {
            match self.spool.revive(*sequence, revival.to_account.clone()).await {
                Ok(true) => revived += 1,
                Ok(false) => {}
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        audit::note(who, action, &object, &format!("{revived} revived"));
        match failure {
            None => Ok(json(
                &serde_json::json!({ "matched": matched.len(), "revived": revived, "dry_run": false }),
            )),
            Some(error) => Err(unavailable(&error, revived, matched.len())),
        }
    }

    /// All that match now, before one is put back and perhaps dies anew.
    fn matching(&self, revival: &Revival) -> Vec<Sequence> {
        let mut matching = Vec::new();
        let mut from = Sequence(0);
        loop {
            let page = self.spool.dead_letters(from, PAGE_MAX);
            matching
                .extend(page.iter().filter(|letter| revival.matches(letter)).map(|letter| letter.sequence));
            match page.last() {
                Some(last) if page.len() == PAGE_MAX => from = Sequence(last.sequence.0 + 1),
                _ => return matching,
            }
        }
    }
}

impl Revival {
    /// The filter in words, for the audit log; refuses one that says nothing or what cannot be.
    fn described(&self) -> Result<String, Refusal> {
        if let Some(reason) = &self.reason
            && !DeathReason::ALL.iter().any(|known| known.label() == reason)
        {
            let known: Vec<_> = DeathReason::ALL.iter().map(|reason| reason.label()).collect();
            return Err(bad_request(format!("`reason` is one of {}", known.join(", "))));
        }
        let parts = [
            self.reason.as_ref().map(|reason| format!("reason={reason}")),
            self.tenant.as_ref().map(|tenant| format!("tenant={:?}", tenant.as_str())),
            self.endpoint.as_ref().map(|endpoint| format!("endpoint={:?}", endpoint.as_str())),
            self.account.as_ref().map(|account| format!("account={:?}", account.as_str())),
            self.sequences.as_ref().map(|sequences| format!("sequences={sequences:?}")),
        ];
        let described: Vec<_> = parts.into_iter().flatten().collect();
        if described.is_empty() {
            let fields = "`reason`, `tenant`, `endpoint`, `account`, `sequences`";
            return Err(bad_request(format!("say which dead letters, by one or more of {fields}")));
        }
        Ok(described.join(" "))
    }

    fn matches(&self, letter: &DeadLetter) -> bool {
        self.reason.as_ref().is_none_or(|reason| letter.reason == reason)
            && self.tenant.as_ref().is_none_or(|tenant| letter.tenant == *tenant)
            && self.endpoint.as_ref().is_none_or(|endpoint| letter.endpoint == *endpoint)
            && self.account.as_ref().is_none_or(|account| letter.account.as_ref() == Some(account))
            && self.sequences.as_ref().is_none_or(|sequences| sequences.contains(&letter.sequence.0))
    }
}

fn unavailable(error: &SpoolError, revived: usize, matched: usize) -> Refusal {
    let detail = format!("{error}; {revived} of {matched} were revived before");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "spool", detail).into()
}
