//! `[account.*]`.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ChannelsContext, Check,
    providers::{self, Sort},
};
use crate::{
    channel::Channel,
    config::{
        Account,
        mistake::{KeyPath, Wrong},
        raw::{self, Name},
    },
    ids::{AccountId, BackendId, EndpointId, TeamId},
};

/// The tenant's accounts. `sorts` says what kind of webhook each endpoint takes, where that is known.
pub(super) fn accounts(
    check: &mut Check<'_>,
    raw: &raw::Channels,
    sorts: &BTreeMap<&Name, Sort>,
    context: &ChannelsContext<'_>,
) -> BTreeMap<AccountId, Arc<Account>> {
    let mut accounts = BTreeMap::new();
    let mut ids: BTreeMap<(Name, Channel, String), String> = BTreeMap::new();
    let mut only: BTreeMap<Name, String> = BTreeMap::new();
    for (Name(name), raw_account) in &raw.account {
        let at = KeyPath::default().key("account").key(name);
        let Some(account) = account(check, &at, name, raw_account, raw, sorts, context) else { continue };
        let endpoint = Name(account.endpoint.to_string());
        let has_one = sorts.get(&endpoint).is_some_and(|sort| sort.has_one_account());
        if let Some(other) = has_one.then(|| only.insert(endpoint.clone(), name.clone())).flatten() {
            check.wrong(&at.key("endpoint"), Wrong::SecondAccount { endpoint: endpoint.0, other });
        } else if let Some(other) =
            ids.insert((endpoint, account.channel, account.provider_id.clone()), name.clone())
        {
            check.wrong(&at.key("id"), Wrong::IdTwice { by: format!("account.{other}") });
        }
        accounts.insert(account.id.clone(), Arc::new(account));
    }
    accounts
}

fn account(
    check: &mut Check<'_>,
    at: &KeyPath,
    name: &str,
    raw: &raw::Account,
    all: &raw::Channels,
    sorts: &BTreeMap<&Name, Sort>,
    context: &ChannelsContext<'_>,
) -> Option<Account> {
    if let Some(backend) = &raw.backend {
        check.declared(&at.key("backend"), "backend", backend, context.backends);
    }
    if let Some(team) = &raw.team {
        check.declared(&at.key("team"), "team", team, &context.directory.team);
    }
    let endpoint = raw.endpoint.as_ref()?;
    if !check.declared(&at.key("endpoint"), "endpoint", endpoint, &all.endpoint) {
        return None;
    }
    let sort = *sorts.get(endpoint)?;
    let channels = all.endpoint.get(endpoint).map(providers::channels).unwrap_or_default();
    let channel = channel(check, at, endpoint, raw.channel, &channels)?;
    let provider_id = id(check, at, channel, sort, name, raw)?;
    Some(Account {
        id: AccountId::new(name),
        tenant: context.tenant.clone(),
        endpoint: EndpointId::new(endpoint.as_ref()),
        channel,
        provider_id,
        backend: BackendId::new(raw.backend.as_ref()?.as_ref()),
        team: raw.team.as_ref().map(|team| TeamId::new(team.as_ref())),
        token: raw.token.as_ref().map(|token| token.0.clone()),
    })
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
    // The two usual mistakes: a phone number in place of its id, and a handle in place of the user id.
    let is_other_name = id.starts_with(['+', '@']) || id.contains(char::is_whitespace);
    let fits = if channel == Channel::Email { is_mailbox(id) } else { !id.is_empty() && !is_other_name };
    if !fits {
        check.wrong(&at, Wrong::Id { expected });
        return None;
    }
    Some(if channel == Channel::Email { id.to_lowercase() } else { id.clone() })
}

fn expected_id(channel: Channel) -> &'static str {
    match channel {
        Channel::Whatsapp => "the phone number id, not the phone number",
        Channel::Facebook => "the page id",
        Channel::Instagram => "the Instagram account id",
        Channel::Twitter => "our user id, not the handle",
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
