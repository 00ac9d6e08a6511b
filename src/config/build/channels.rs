//! `channels.toml`: endpoints with their accounts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Check,
    providers::{self, Sort},
};
use crate::{
    backend::Format,
    channel::Channel,
    config::{
        Account, Endpoint,
        mistake::{KeyPath, Wrong},
        raw::{self, Name, Who},
        text::Size,
    },
    ids::{AccountId, BackendId, EndpointId, TeamId, TenantId},
};

/// What a tenant's channels refer to.
#[derive(Debug)]
pub(in crate::config) struct Around<'a> {
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
    around: &Around<'_>,
) -> (Accounts, Vec<Endpoint>) {
    let at = KeyPath::default().key("endpoint");
    let mut sorts = BTreeMap::new();
    for (name, endpoint) in &raw.endpoint {
        if let Some(sort) = providers::sort(check, &at.key(&name.0), endpoint) {
            sorts.insert(name, sort);
        }
    }
    let accounts = accounts(check, raw, &sorts, around);
    let endpoints = raw.endpoint.iter().filter_map(|(name, endpoint)| {
        self::endpoint(check, &at.key(&name.0), name, endpoint, *sorts.get(name)?, &accounts, raw, around)
    });
    let endpoints = endpoints.collect();
    (accounts, endpoints)
}

#[expect(clippy::too_many_arguments, reason = "one call; a struct for it would name nothing")]
fn endpoint(
    check: &mut Check<'_>,
    at: &KeyPath,
    name: &Name,
    raw: &raw::Endpoint,
    sort: Sort,
    accounts: &Accounts,
    all: &raw::Channels,
    around: &Around<'_>,
) -> Option<Endpoint> {
    let provider = providers::provider(check, at, sort, raw, around.dedupe_window);
    let own_limit = raw.body_bytes_max.map(Size::in_memory).or_else(|| sort.body_bytes_max());
    if own_limit.is_some_and(|limit| limit > around.bodies_in_memory_max) {
        let larger = "bodies_in_memory_max` of `listener.hooks.limits` in `headgate.toml";
        check.wrong(&at.key("body_bytes_max"), Wrong::MoreThan { larger });
    }
    // An account with a wrong endpoint may be the one that is missing here.
    let all_lead_somewhere = all
        .account
        .values()
        .all(|account| account.endpoint.as_ref().is_some_and(|e| all.endpoint.contains_key(e)));
    if all_lead_somewhere && !all.account.values().any(|account| account.endpoint.as_ref() == Some(name)) {
        check.lacks(at, Wrong::NoAccount { name: name.0.clone() });
    }
    let mine: Vec<_> = accounts.values().filter(|account| account.endpoint.as_str() == name.0).collect();
    let format = format(check, &mine, around);
    Some(Endpoint {
        id: EndpointId::new(name.0.as_str()),
        tenant: around.tenant.clone(),
        provider: provider?,
        body_bytes_max: own_limit.unwrap_or(around.body_bytes_max),
        format,
        accounts: mine
            .into_iter()
            .map(|account| ((account.channel, account.provider_id.clone()), Arc::clone(account)))
            .collect(),
    })
}

/// The format of the endpoint's webhooks: `raw` if one of its accounts has a backend that wants that; then
/// all must go to that backend, since a webhook may hold events of all of them.
fn format(check: &mut Check<'_>, accounts: &[&Arc<Account>], around: &Around<'_>) -> Format {
    let is_raw = |account: &Account| {
        around.backends.get(&Name(account.backend.as_str().to_owned())) == Some(&Format::Raw)
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

fn accounts(
    check: &mut Check<'_>,
    raw: &raw::Channels,
    sorts: &BTreeMap<&Name, Sort>,
    around: &Around<'_>,
) -> Accounts {
    let mut accounts = Accounts::new();
    let mut ids: BTreeMap<(Name, Channel, String), String> = BTreeMap::new();
    let mut only: BTreeMap<Name, String> = BTreeMap::new();
    for (Name(name), account) in &raw.account {
        let at = KeyPath::default().key("account").key(name);
        let backend =
            reference(check, &at.key("backend"), "backend", account.backend.as_ref(), around.backends.keys());
        let team = account.team.as_ref().map(|Who(team)| {
            let teams = around.directory.team.keys().map(|Who(name)| name.as_str());
            check.declared(&at.key("team"), "team", team, teams);
            TeamId::new(team.as_str())
        });
        let endpoint =
            reference(check, &at.key("endpoint"), "endpoint", account.endpoint.as_ref(), raw.endpoint.keys());
        let Some(endpoint) = endpoint else { continue };
        let Some(sort) = sorts.get(endpoint).copied() else { continue };
        if sort.has_one_account() {
            if let Some(other) = only.get(endpoint) {
                let wrong = Wrong::SecondAccount { endpoint: endpoint.0.clone(), other: other.clone() };
                check.wrong(&at.key("endpoint"), wrong);
                continue;
            }
            only.insert(endpoint.clone(), name.clone());
        }
        let channels = raw.endpoint.get(endpoint).map(providers::channels).unwrap_or_default();
        let channel = channel(check, &at, endpoint, account.channel, &channels);
        let Some(channel) = channel else { continue };
        let Some(id) = id(check, &at, channel, sort, name, account) else { continue };
        if let Some(other) = ids.insert((endpoint.clone(), channel, id.clone()), name.clone()) {
            check.wrong(&at.key("id"), Wrong::IdTwice { by: format!("account.{other}") });
        }
        let Some(backend) = backend else { continue };
        let account = Account {
            id: AccountId::new(name.as_str()),
            tenant: around.tenant.clone(),
            endpoint: EndpointId::new(endpoint.0.as_str()),
            channel,
            provider_id: id,
            backend: BackendId::new(backend.0.as_str()),
            team,
            token: account.token.as_ref().map(|token| token.0.clone()),
        };
        accounts.insert(account.id.clone(), Arc::new(account));
    }
    accounts
}

/// A reference to something that is declared.
fn reference<'n>(
    check: &mut Check<'_>,
    at: &KeyPath,
    what: &'static str,
    name: Option<&'n Name>,
    declared: impl Iterator<Item = &'n Name> + Clone,
) -> Option<&'n Name> {
    let name = name?;
    check.declared(at, what, &name.0, declared.map(|Name(name)| name.as_str())).then_some(name)
}

/// The account's channel: given, or the only one of its endpoint.
fn channel(
    check: &mut Check<'_>,
    at: &KeyPath,
    endpoint: &Name,
    given: Option<Channel>,
    channels: &[Channel],
) -> Option<Channel> {
    let words = || channels.iter().map(|channel| channel.as_str().to_owned()).collect();
    match (given, channels) {
        (Some(channel), _) if channels.contains(&channel) => Some(channel),
        (Some(_), _) => {
            let wrong = Wrong::OtherChannel { endpoint: endpoint.0.clone(), channels: words() };
            check.wrong(&at.key("channel"), wrong);
            None
        }
        (None, [only]) => Some(*only),
        (None, _) => {
            check.lacks(
                &at.key("channel"),
                Wrong::NoChannel { endpoint: endpoint.0.clone(), channels: words() },
            );
            None
        }
    }
}

/// The provider's id of the account.
fn id(
    check: &mut Check<'_>,
    at: &KeyPath,
    channel: Channel,
    sort: Sort,
    name: &str,
    raw: &raw::Account,
) -> Option<String> {
    let at = at.key("id");
    let expected = expected_id(channel);
    let Some(id) = &raw.id else {
        if sort.has_one_account() {
            return Some(name.to_owned());
        }
        check.lacks(&at, Wrong::NoId { expected });
        return None;
    };
    let digits = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    let fits = match channel {
        Channel::Whatsapp | Channel::Facebook | Channel::Instagram | Channel::Twitter => digits(id),
        Channel::Email => is_mailbox(id),
        Channel::Telegram | Channel::Line | Channel::Webchat | Channel::Livechat | Channel::Crm => {
            !id.is_empty() && !id.contains(char::is_whitespace)
        }
    };
    if !fits {
        check.wrong(&at, Wrong::Id { expected });
        return None;
    }
    Some(if channel == Channel::Email { id.to_lowercase() } else { id.clone() })
}

fn expected_id(channel: Channel) -> &'static str {
    match channel {
        Channel::Whatsapp => "the phone number id, all digits; not the phone number",
        Channel::Facebook => "the page id, all digits",
        Channel::Instagram => "the Instagram account id, all digits",
        Channel::Twitter => "our user id, all digits; not the handle",
        Channel::Line => "the bot's user id (`destination`)",
        Channel::Email => {
            "an address such as `support@mail.example`, without `+`, or a domain such as `mail.example`"
        }
        Channel::Telegram | Channel::Webchat | Channel::Livechat | Channel::Crm => "text without spaces",
    }
}

/// Whether it is a plain address or a domain. A plus token is cut off before an account is looked up, so
/// an address with one would never be found.
fn is_mailbox(text: &str) -> bool {
    let domain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && !text.ends_with('.')
            && text.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
    };
    match text.split_once('@') {
        None => domain(text) && text.contains('.'),
        Some((local, host)) => {
            !local.is_empty() && !local.contains(|c: char| c.is_whitespace() || c == '+') && domain(host)
        }
    }
}
