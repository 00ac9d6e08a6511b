//! `channels.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Who};
use crate::{
    channel::Channel,
    config::text::{KindName, Pointer, SecretText, Size, Span},
};

/// A tenant's endpoints and accounts.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "channels.toml")]
pub(crate) struct Channels {
    /// Webhook URLs with their secrets, by name: `[endpoint.NAME]` is posted to at `/hooks/NAME`. The name
    /// must differ from every other endpoint's, also another tenant's.
    pub(crate) endpoint: BTreeMap<Name, Endpoint>,
    /// Our identities on the channels, by name: `[account.NAME]`.
    pub(crate) account: BTreeMap<Name, Account>,
}

/// A webhook URL with its secrets. Which secrets a channel needs, and which keys it takes, is said
/// with each key; a key that the channel does not take is a mistake.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["channel"]))]
pub(crate) struct Endpoint {
    /// Who posts here: one channel, or a list of `whatsapp`, `facebook` and `instagram`, which one Meta app
    /// may send together.
    pub(crate) channel: Option<OneOrMany>,
    /// For `email`, and needed there: which relay posts here.
    pub(crate) relay: Option<Relay>,
    /// What the provider proves itself with; several while rotating.
    /// * `whatsapp`, `facebook`, `instagram`: the Meta app's secret.
    /// * `telegram`: the `secret_token` given to `setWebhook` (1 to 256 of `A-Z a-z 0-9 _ -`).
    /// * `line`: the channel secret.
    /// * `twitter`: the app's consumer secret (the first answers X's check).
    /// * `email` through `mailgun`: the webhook signing key.
    /// * `webchat`, `livechat`, `crm`: Standard Webhooks keys, `whsec_…` (shared) or `whpk_…` (public).
    pub(crate) secrets: Vec<SecretText>,
    /// `whatsapp`, `facebook`, `instagram`, and needed there: the verify token that was typed into Meta's
    /// dashboard.
    pub(crate) verify_token: Option<SecretText>,
    /// `email` through `sendgrid`: the verification key as the dashboard shows it (base64); several while
    /// rotating. `public_keys` or `basic` is needed; if both are given, both must match.
    pub(crate) public_keys: Vec<String>,
    /// `email` through `postmark` (needed), `sendgrid` or `ses`: `user:password` of the URL that was given
    /// to the relay (`https://user:password@…/hooks/NAME`); several while rotating.
    pub(crate) basic: Vec<SecretText>,
    /// `email` through `ses`, and needed there: ARNs of the SNS topics that may be confirmed and believed.
    /// Anyone with an AWS account can sign a valid message to this URL: this list keeps them out.
    pub(crate) topics: Vec<String>,
    /// `email` through `mailgun`, `sendgrid` or `ses`: how old or how far ahead the signed time of a webhook may
    /// be. Default: `8h` for `mailgun`, `3d` for `sendgrid`, `1h` for `ses`: as long as each
    /// repeats a webhook that we could not take. Whether Mailgun and SendGrid sign a repeated webhook
    /// anew is not documented: with a shorter window, one refused repeat may be refused for ever.
    /// A replay within the window is recognised as a duplicate, so it must not be longer than
    /// `dedupe_window` in `headgate.toml`.
    pub(crate) window: Option<Span>,
    /// `webchat`, `livechat`, `crm`: how far `webhook-timestamp` may be from now. Default: `5m`. The time is
    /// renewed with each attempt, so nothing is refused for ever.
    pub(crate) tolerance: Option<Span>,
    /// `webchat`, `livechat`, `crm`: also take Svix' header names (`svix-id`, …). Default: `false`.
    pub(crate) svix: Option<bool>,
    /// `webchat`, `livechat`, `crm`, and needed there: where things are in the body.
    pub(crate) pointers: Option<Pointers>,
    /// `webchat`, `livechat`, `crm`: what the body's `type` means, as
    /// `{ "message.created" = "chat.message.received" }`. A type that is not here is delivered as `chat.unknown`.
    pub(crate) types: BTreeMap<String, KindName>,
    /// Largest body. Default: `body_bytes_max` of `[listener.hooks.limits]`; for `telegram` at most `1MiB`;
    /// for `email` with room for attachments: `32MiB` through `mailgun` and `sendgrid`, `64MiB` through
    /// `postmark`.
    pub(crate) body_bytes_max: Option<Size>,
}

/// One channel or several.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One channel.
    One(Channel),
    /// Several channels of one Meta app.
    Many(#[schemars(length(min = 1))] Vec<Channel>),
}

/// Who relays email.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Relay {
    /// Mailgun routes and event webhooks.
    Mailgun,
    /// SendGrid Inbound Parse and event webhook.
    Sendgrid,
    /// Postmark inbound and event webhooks.
    Postmark,
    /// Amazon SES through SNS.
    Ses,
}

/// JSON pointers (RFC 6901) into the body of a Standard Webhook.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["conversation"]))]
pub(crate) struct Pointers {
    /// The conversation's id, for example `/data/conversation_id`.
    pub(crate) conversation: Option<Pointer>,
    /// The message's id.
    pub(crate) message_id: Option<Pointer>,
    /// The text.
    pub(crate) text: Option<Pointer>,
    /// The sender's id.
    pub(crate) sender: Option<Pointer>,
    /// The sender's name.
    pub(crate) sender_name: Option<Pointer>,
    /// The time: RFC 3339 text, or seconds or milliseconds as a number.
    pub(crate) time: Option<Pointer>,
}

/// One of our identities on a channel. Events for an account that is not here are kept in quarantine.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint", "backend"]))]
pub(crate) struct Account {
    /// The endpoint its webhooks arrive at.
    pub(crate) endpoint: Option<Name>,
    /// The provider's id of it.
    /// * `whatsapp`: the phone number id. `facebook`: the page id. `instagram`: the Instagram account id.
    /// * `line`: the bot's user id (`destination`, `U…`). `twitter`: our user id.
    /// * `email`: our address, or our domain for all addresses in it.
    /// * `telegram`, `webchat`, `livechat`, `crm`: the webhook does not name the account, so its endpoint has
    ///   only this one, and the id may be left out; then it is the account's name.
    pub(crate) id: Option<String>,
    /// Which channel of the endpoint, where it has several.
    pub(crate) channel: Option<Channel>,
    /// The backend its events go to.
    pub(crate) backend: Option<Name>,
    /// The team of its new conversations. Without it, they have none.
    pub(crate) team: Option<Who>,
    /// The provider's credential for sending. Only the relay uses it; the backend never sees it.
    pub(crate) token: Option<SecretText>,
}
