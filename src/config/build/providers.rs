//! From an `[endpoint.*]` to the [`Provider`] that verifies its webhooks.

use std::time::Duration;

use super::{Check, keys};
use crate::{
    channel::{
        Channel, Provider, line::Line, mailgun::Mailgun, meta::Meta, postmark::Postmark, sendgrid::Sendgrid,
        sns::Sns, standard, standard::Standard, telegram::Telegram, twitter::Twitter,
    },
    config::{
        mistake::{KeyPath, Wrong},
        raw::{self, OneOrMany, Relay},
        text::{SecretText, Span},
    },
    secret::Secret,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Mailgun repeats a webhook for about 8 h (`providers.md` section 9). Whether it signs anew is not known.
const MAILGUN_WINDOW: Duration = HOUR.saturating_mul(8);
/// SendGrid repeats for up to 3 days (section 10).
const SENDGRID_WINDOW: Duration = HOUR.saturating_mul(72);
/// AWS's advice, and as long as SNS repeats (section 12).
const SNS_WINDOW: Duration = HOUR;
/// Standard Webhooks' own libraries (section 13).
const STANDARD_TOLERANCE: Duration = Duration::from_secs(300);

/// What kind of webhook an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Meta,
    Telegram,
    Line,
    Twitter,
    Mailgun,
    Sendgrid,
    Postmark,
    Ses,
    Standard,
}

impl Sort {
    /// The word in messages: what the operator wrote in `channel` or `relay`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Meta => "whatsapp, facebook and instagram",
            Self::Telegram => "telegram",
            Self::Line => "line",
            Self::Twitter => "twitter",
            Self::Mailgun => "mailgun",
            Self::Sendgrid => "sendgrid",
            Self::Postmark => "postmark",
            Self::Ses => "ses",
            Self::Standard => "webchat, livechat and crm",
        }
    }

    /// The keys that it takes, beside those that all take.
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Meta => &["secrets", "verify_token"],
            Self::Telegram | Self::Line | Self::Twitter => &["secrets"],
            Self::Mailgun => &["relay", "secrets", "window"],
            Self::Sendgrid => &["relay", "public_keys", "basic", "window"],
            Self::Postmark => &["relay", "basic"],
            Self::Ses => &["relay", "topics", "basic", "window"],
            Self::Standard => &["secrets", "tolerance", "svix", "pointers", "types"],
        }
    }

    /// Whether a webhook does not name the account, so that the endpoint has only one.
    pub(super) fn has_one_account(self) -> bool {
        matches!(self, Self::Telegram | Self::Standard)
    }

    /// The largest body, where the listener's limit is too small (attachments) or larger than it needs to be.
    pub(super) fn body_bytes_max(self, of_listener: usize) -> usize {
        match self {
            // One update, in which media are but references.
            Self::Telegram => of_listener.min(1 << 20),
            // Message limits of 25 MB and 30 MB; attachments of 35 MB, in base64.
            Self::Mailgun | Self::Sendgrid => 32 << 20,
            Self::Postmark => 64 << 20,
            Self::Meta | Self::Line | Self::Twitter | Self::Ses | Self::Standard => of_listener,
        }
    }
}

/// Keys that only some endpoints take.
const PARTICULAR: [&str; 11] = [
    "relay",
    "secrets",
    "verify_token",
    "public_keys",
    "basic",
    "topics",
    "window",
    "tolerance",
    "svix",
    "pointers",
    "types",
];

/// The channels that an endpoint names; empty if the key is absent or wrong.
pub(super) fn channels(raw: &raw::Endpoint) -> Vec<Channel> {
    match &raw.channel {
        None => Vec::new(),
        Some(OneOrMany::One(channel)) => vec![*channel],
        Some(OneOrMany::Many(channels)) => channels.clone(),
    }
}

/// What kind of webhook the endpoint takes; what contradicts itself is noted.
pub(super) fn sort(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Endpoint) -> Option<Sort> {
    let channels = channels(raw);
    check.once_each(&at.key("channel"), channels.iter().map(|channel| channel.as_str()));
    let meta =
        |channel: &Channel| matches!(channel, Channel::Whatsapp | Channel::Facebook | Channel::Instagram);
    if channels.len() > 1
        && let Some(other) = channels.iter().position(|channel| !meta(channel))
    {
        let channel = channels.get(other).map_or("", |channel| channel.as_str());
        check.wrong(&at.key("channel").index(other), Wrong::ChannelsMixed { channel });
        return None;
    }
    let sort = match channels.first()? {
        Channel::Whatsapp | Channel::Facebook | Channel::Instagram => Sort::Meta,
        Channel::Telegram => Sort::Telegram,
        Channel::Line => Sort::Line,
        Channel::Twitter => Sort::Twitter,
        Channel::Webchat | Channel::Livechat | Channel::Crm => Sort::Standard,
        Channel::Email => match raw.relay {
            Some(Relay::Mailgun) => Sort::Mailgun,
            Some(Relay::Sendgrid) => Sort::Sendgrid,
            Some(Relay::Postmark) => Sort::Postmark,
            Some(Relay::Ses) => Sort::Ses,
            None => {
                let description = "which relay posts here: `mailgun`, `sendgrid`, `postmark` or `ses`";
                check.lacks(&at.key("relay"), Wrong::NeededBy { provider: "email", description });
                return None;
            }
        },
    };
    for key in PARTICULAR {
        if check.document.has(&at.key(key)) && !sort.takes().contains(&key) {
            let takes = sort.takes().iter().map(|&key| key.to_owned()).collect();
            check.wrong(&at.key(key), Wrong::NotTaken { provider: sort.word(), takes });
        }
    }
    Some(sort)
}

/// The provider. `dedupe_window` is how long a redelivery is recognised.
pub(super) fn provider(
    check: &mut Check<'_>,
    at: &KeyPath,
    sort: Sort,
    raw: &raw::Endpoint,
    dedupe_window: Duration,
) -> Option<Provider> {
    let mut endpoint = Endpoint { check, at, sort, raw, dedupe_window };
    match sort {
        Sort::Meta => endpoint.meta().map(Provider::Meta),
        Sort::Telegram => endpoint.telegram().map(Provider::Telegram),
        Sort::Line => {
            let channel_secrets = endpoint.secrets("`secrets`: the channel secret")?;
            Some(Provider::Line(Line { channel_secrets }))
        }
        Sort::Twitter => {
            let consumer_secrets = endpoint.secrets("`secrets`: the app's consumer secret")?;
            Some(Provider::Twitter(Twitter { consumer_secrets }))
        }
        Sort::Mailgun => {
            let window = endpoint.window(MAILGUN_WINDOW);
            let signing_keys = endpoint.secrets("`secrets`: the webhook signing key")?;
            Some(Provider::Mailgun(Mailgun { signing_keys, window }))
        }
        Sort::Sendgrid => endpoint.sendgrid().map(Provider::Sendgrid),
        Sort::Postmark => endpoint.postmark().map(Provider::Postmark),
        Sort::Ses => endpoint.ses().map(Provider::Sns),
        Sort::Standard => endpoint.standard().map(Provider::Standard),
    }
}

/// An endpoint that is being checked.
struct Endpoint<'a, 'c> {
    check: &'a mut Check<'c>,
    at: &'a KeyPath,
    sort: Sort,
    raw: &'a raw::Endpoint,
    dedupe_window: Duration,
}

impl Endpoint<'_, '_> {
    fn meta(&mut self) -> Option<Meta> {
        let app_secrets = self.secrets("`secrets`: the Meta app's secret");
        if self.raw.verify_token.is_none() {
            let description = "the verify token that was typed into Meta's dashboard";
            let wrong = Wrong::NeededBy { provider: self.sort.word(), description };
            self.check.lacks(&self.at.key("verify_token"), wrong);
        }
        let verify_token = self.raw.verify_token.as_ref()?.0.clone();
        Some(Meta { app_secrets: app_secrets?, verify_token, channels: channels(self.raw) })
    }

    fn telegram(&mut self) -> Option<Telegram> {
        let fits = |text: &str| {
            text.len() <= 256 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        for (index, secret) in self.raw.secrets.iter().enumerate() {
            if !fits(secret.text()) {
                self.check.wrong(&self.at.key("secrets").index(index), Wrong::TelegramToken);
            }
        }
        let secret_tokens = self.secrets("`secrets`: the `secret_token` given to `setWebhook`")?;
        Some(Telegram { secret_tokens })
    }

    fn sendgrid(&mut self) -> Option<Sendgrid> {
        let window = self.window(SENDGRID_WINDOW);
        let mut public_keys = Vec::new();
        for (index, key) in self.raw.public_keys.iter().enumerate() {
            match keys::sendgrid(key) {
                Some(key) => public_keys.push(key),
                None => self.check.wrong(&self.at.key("public_keys").index(index), Wrong::SendgridKey),
            }
        }
        let basic = self.basic();
        if self.raw.public_keys.is_empty() && self.raw.basic.is_empty() {
            self.no_verifier("`public_keys`, `basic`, or both");
            return None;
        }
        Some(Sendgrid { public_keys, basic, window })
    }

    fn postmark(&mut self) -> Option<Postmark> {
        let basic = self.basic();
        if basic.is_empty() {
            self.no_verifier("`basic`: `user:password` of the URL given to Postmark");
            return None;
        }
        Some(Postmark { basic })
    }

    fn ses(&mut self) -> Option<Sns> {
        let window = self.window(SNS_WINDOW);
        for (index, topic) in self.raw.topics.iter().enumerate() {
            if !is_topic(topic) {
                self.check.wrong(&self.at.key("topics").index(index), Wrong::Topic);
            }
        }
        let basic = self.basic();
        if self.raw.topics.is_empty() {
            self.no_verifier("`topics`: the ARNs of the SNS topics that may be believed");
            return None;
        }
        Some(Sns { topics: self.raw.topics.clone(), window, basic })
    }

    fn standard(&mut self) -> Option<Standard> {
        let mut keys = Vec::new();
        for (index, secret) in self.raw.secrets.iter().enumerate() {
            match keys::verification(secret.text()) {
                Some(key) => keys.push(key),
                None => {
                    let expected = "`whsec_` and base64 of 24 to 64 bytes, or `whpk_` and base64 of an Ed25519 public key";
                    let at = self.at.key("secrets").index(index);
                    self.check.wrong(&at, Wrong::WebhookKey { expected });
                }
            }
        }
        self.secrets("`secrets`: a Standard Webhooks key, `whsec_…` or `whpk_…`");
        if self.raw.pointers.is_none() {
            let description = "where things are in the body, at least `{ conversation = \"/…\" }`";
            let wrong = Wrong::NeededBy { provider: self.sort.word(), description };
            self.check.lacks(&self.at.key("pointers"), wrong);
        }
        let raw = self.raw.pointers.as_ref()?;
        let text = |pointer: &Option<crate::config::text::Pointer>| pointer.as_ref().map(|p| p.0.clone());
        let pointers = standard::Pointers {
            conversation: text(&raw.conversation)?,
            message_id: text(&raw.message_id),
            text: text(&raw.text),
            sender: text(&raw.sender),
            sender_name: text(&raw.sender_name),
            time: text(&raw.time),
        };
        Some(Standard {
            channel: *channels(self.raw).first()?,
            keys,
            tolerance: self.raw.tolerance.map_or(STANDARD_TOLERANCE, |Span(tolerance)| tolerance),
            svix: self.raw.svix.unwrap_or(false),
            pointers,
            kinds: self.raw.types.iter().map(|(name, kind)| (name.clone(), kind.0)).collect(),
        })
    }

    /// The shared secrets, at least one.
    fn secrets(&mut self, expected: &'static str) -> Option<Vec<Secret>> {
        if self.raw.secrets.is_empty() {
            self.no_verifier(expected);
            return None;
        }
        Some(self.raw.secrets.iter().map(|SecretText(secret)| secret.clone()).collect())
    }

    fn no_verifier(&mut self, expected: &'static str) {
        self.check.lacks(self.at, Wrong::NoVerifier { expected });
    }

    fn basic(&mut self) -> Vec<Secret> {
        for (index, pair) in self.raw.basic.iter().enumerate() {
            let fits = pair.text().split_once(':').is_some_and(|(_, password)| !password.is_empty());
            if !fits {
                self.check.wrong(&self.at.key("basic").index(index), Wrong::Basic);
            }
        }
        self.raw.basic.iter().map(|SecretText(secret)| secret.clone()).collect()
    }

    /// How old a signed time may be: never older than what is recognised as a duplicate.
    fn window(&mut self, default: Duration) -> Duration {
        let window = self.raw.window.map_or(default, |Span(window)| window);
        if window > self.dedupe_window {
            let larger = "dedupe_window` in `headgate.toml";
            self.check.wrong(&self.at.key("window"), Wrong::MoreThan { larger });
        }
        window
    }
}

/// `arn:<partition>:sns:<region>:<account>:<name>`.
fn is_topic(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts.as_slice(), ["arn", partition, "sns", region, account, name]
        if partition.starts_with("aws") && !region.is_empty() && !name.is_empty()
            && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
}
