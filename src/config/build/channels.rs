//! `channels.toml`: endpoints with their accounts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Check, accounts,
    providers::{self, Sort},
};
use crate::{
    backend::Format,
    config::{
        Account, Endpoint,
        mistake::{KeyPath, Wrong},
        raw::{self, Name},
        text::Size,
    },
    ids::{AccountId, EndpointId, TenantId},
};

/// What a tenant's channels refer to.
#[derive(Debug)]
pub(in crate::config) struct ChannelsContext<'a> {
    /// Whose they are.
    pub(in crate::config) tenant: &'a TenantId,
    /// The backends, each with its format.
    pub(in crate::config) backends: &'a BTreeMap<Name, Format>,
    /// The tenant's teams.
    pub(in crate::config) directory: &'a raw::Directory,
    /// The listener's limit of a body.
    pub(in crate::config) body_bytes_max: usize,
    /// The listener's limit of all bodies.
    pub(in crate::config) bodies_in_memory_max: usize,
    /// How long a redelivery is recognised.
    pub(in crate::config) dedupe_window: Duration,
}

type Accounts = BTreeMap<AccountId, Arc<Account>>;

/// The tenant's accounts, and its endpoints.
pub(in crate::config) fn channels(
    check: &mut Check<'_>,
    raw: &raw::Channels,
    context: &ChannelsContext<'_>,
) -> (Accounts, Vec<Endpoint>) {
    let mut sorts = BTreeMap::new();
    for (name, endpoint) in &raw.endpoint {
        if let Some(sort) = providers::sort(check, &at(name), endpoint) {
            sorts.insert(name, sort);
        }
    }
    let accounts = accounts::accounts(check, raw, &sorts, context);
    let mut by_endpoint: BTreeMap<&str, Vec<&Arc<Account>>> = BTreeMap::new();
    for account in accounts.values() {
        by_endpoint.entry(account.endpoint.as_str()).or_default().push(account);
    }
    let endpoints = sorts.iter().filter_map(|(&name, &sort)| {
        let mine = by_endpoint.remove(name.as_ref()).unwrap_or_default();
        endpoint(check, name, raw.endpoint.get(name)?, sort, &mine, context)
    });
    let endpoints = endpoints.collect();
    note_unused(check, raw);
    (accounts, endpoints)
}

fn at(endpoint: &Name) -> KeyPath {
    KeyPath::default().key("endpoint").key(endpoint.as_ref())
}

fn endpoint(
    check: &mut Check<'_>,
    name: &Name,
    raw: &raw::Endpoint,
    sort: Sort,
    accounts: &[&Arc<Account>],
    context: &ChannelsContext<'_>,
) -> Option<Endpoint> {
    let at = at(name);
    let provider = providers::provider(check, &at, sort, raw, context.dedupe_window);
    let of_sort = || sort.body_bytes_max(context.body_bytes_max);
    let body_bytes_max = raw.body_bytes_max.map_or_else(of_sort, Size::in_memory);
    let own = body_bytes_max != context.body_bytes_max;
    if own && body_bytes_max > context.bodies_in_memory_max {
        let larger = "bodies_in_memory_max` of `listener.hooks.limits` in `headgate.toml";
        check.wrong(&at.key("body_bytes_max"), Wrong::MoreThan { larger });
    }
    let format = format(check, accounts, context);
    let by_id =
        accounts.iter().map(|&account| ((account.channel, account.provider_id.clone()), Arc::clone(account)));
    Some(Endpoint {
        id: EndpointId::new(name.as_ref()),
        tenant: context.tenant.clone(),
        provider: provider?,
        body_bytes_max,
        format,
        accounts: by_id.collect(),
    })
}

/// Notes endpoints that no account uses; not where an account's endpoint is wrong, which may be meant.
fn note_unused(check: &mut Check<'_>, raw: &raw::Channels) {
    let used: BTreeSet<_> = raw.account.values().filter_map(|account| account.endpoint.as_ref()).collect();
    let all_known = raw.account.values().all(|account| account.endpoint.is_some())
        && used.iter().all(|endpoint| raw.endpoint.contains_key(*endpoint));
    for name in raw.endpoint.keys().filter(|name| all_known && !used.contains(name)) {
        check.lacks(&at(name), Wrong::NoAccount { name: name.0.clone() });
    }
}

/// The format of the endpoint's webhooks: `raw` if one of its accounts has a backend that wants that; then
/// all must go to that backend, since a webhook may hold events of all of them.
fn format(check: &mut Check<'_>, accounts: &[&Arc<Account>], context: &ChannelsContext<'_>) -> Format {
    let is_raw = |account: &Account| {
        context.backends.get(&Name(account.backend.as_str().to_owned())) == Some(&Format::Raw)
    };
    let Some(first) = accounts.iter().find(|account| is_raw(account)) else {
        return Format::Event;
    };
    for other in accounts.iter().filter(|account| account.backend != first.backend) {
        let at = KeyPath::default().key("account").key(other.id.as_str()).key("backend");
        let wrong = Wrong::RawSplit { other: first.id.to_string(), backend: first.backend.to_string() };
        check.wrong(&at, wrong);
    }
    Format::Raw
}
