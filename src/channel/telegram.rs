//! Telegram Bot API: `providers.md` section 5.

mod member;
mod message;
mod place;

use serde_json::value::RawValue;

use self::place::{Place, User};
use super::{
    Channel, Malformed, Refusal, Request, Split, Verified,
    event::{AccountRef, Event, Item, Kind, Message, Postback, Raw, Reaction, Thread},
    json::{Members, Number, fingerprint},
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

/// A bot's webhook.
#[derive(Clone, Debug)]
pub struct Telegram {
    /// The `secret_token` of `setWebhook`; several while rotating, never empty.
    pub secret_tokens: Vec<Secret>,
}

impl Telegram {
    /// The token is sent as it is: nothing is signed. It is compared in constant time.
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        self.check_token(request.headers)
    }

    pub(super) fn check_token(&self, headers: &http::HeaderMap) -> Result<Matched, Refusal> {
        let token = signature::header(headers, "x-telegram-bot-api-secret-token")?;
        if token.is_empty() {
            return Err(Refusal::Missing);
        }
        self.secret_tokens
            .iter()
            .position(|secret| secret.matches(token.as_bytes()))
            .map(Matched)
            .ok_or(Refusal::Wrong)
    }

    /// One update per webhook: `update_id` and one member that bears the kind's name. Should there be
    /// more members, each is an item.
    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        const EXPECTED: Malformed = Malformed { expected: "a Telegram update", limit: None };
        let body = verified.body();
        let text = std::str::from_utf8(body).map_err(|_not_text| EXPECTED)?;
        let update: Members<'_> = serde_json::from_str(text).map_err(|_no_object| EXPECTED)?;
        let id = match update.id("update_id") {
            Ok(Some(id)) => format!("update:{id}"),
            Ok(None) | Err(_) => fingerprint(body),
        };
        let mut items: Vec<Item> = Vec::new();
        for (kind, fragment) in update.0 {
            if kind != "update_id" {
                // An update's id is that of its first member, so that it is the same whatever else comes
                // to stand beside it.
                let dedupe = if items.is_empty() { id.clone() } else { format!("{id}:{kind}") };
                items.push(event(&kind, fragment, dedupe, Raw::slice_of(body, fragment.get())).into());
            }
        }
        if items.is_empty() {
            items.push(kept(Happened::unknown(None), id, Raw::Whole).into());
        }
        Ok(Split { items, ..Split::default() })
    }
}

/// What an update says, beside its id.
struct Happened {
    kind: Kind,
    thread: Option<Thread>,
    time: Option<Timestamp>,
    message: Message,
}

impl Happened {
    fn unknown(thread: Option<Thread>) -> Self {
        Self { kind: Kind::Unknown, thread, time: None, message: Message::default() }
    }
}

/// The event of one update. What cannot be read is kept as [`Kind::Unknown`], in its chat if the chat
/// can be read.
fn event(kind: &str, fragment: &RawValue, dedupe: String, raw: Raw) -> Event {
    let mut happened = read(kind, fragment).unwrap_or_else(|_unreadable| Happened::unknown(None));
    let coarse = matches!(happened.kind, Kind::Unknown | Kind::AccountChanged | Kind::Post);
    if coarse && happened.message.subtype.is_none() {
        happened.message.subtype = Some(kind.to_owned().into());
    }
    kept(happened, dedupe, raw)
}

fn read(kind: &str, fragment: &RawValue) -> serde_json::Result<Happened> {
    let members: Members<'_> = serde_json::from_str(fragment.get())?;
    let place = Place::of(&members)?;
    Ok(what_happened(kind, &members, &place).unwrap_or_else(|_unreadable| Happened::unknown(place.thread())))
}

/// Telegram names the bot nowhere in the body: the account is the endpoint's.
fn kept(happened: Happened, dedupe: String, raw: Raw) -> Event {
    Event {
        channel: Channel::Telegram,
        account: AccountRef::Endpoint,
        thread: happened.thread,
        dedupe: vec![dedupe],
        time: happened.time,
        kind: happened.kind,
        message: happened.message,
        raw,
        reached: None,
    }
}

fn what_happened(kind: &str, update: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    match kind {
        "message" | "guest_message" => message::received(update, place),
        "channel_post" => message::posted(update, place),
        "business_message" => message::of_business(update, place),
        "edited_message" | "edited_channel_post" | "edited_business_message" => {
            message::edited(update, place)
        }
        "deleted_business_messages" => message::deleted(update, place),
        "message_reaction" => reacted(update, place),
        "callback_query" => pressed(update),
        "my_chat_member" => member::ours(update, place),
        "chat_member" => member::of_chat(update, place),
        "chat_join_request" => member::requested(update, place),
        "business_connection" => connected(update),
        "shipping_query" | "pre_checkout_query" | "purchased_paid_media" => bought(update, "from"),
        "subscription" => bought(update, "user"),
        // Inline queries, polls, boosts, reaction counts and what is yet to come. They belong to a chat
        // only if they name one: an inline query is typed elsewhere, and not to us.
        _ => Ok(Happened {
            time: date(update)?,
            message: Message {
                id: update.id("message_id")?,
                sender: place::sender(update, "sender_chat", "from")?,
                group: place.group(),
                ..Message::default()
            },
            ..Happened::unknown(place.thread())
        }),
    }
}

/// A reaction was set or, with an empty `new_reaction`, removed.
fn reacted(update: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    #[derive(serde::Deserialize, PartialEq)]
    struct Type {
        emoji: Option<String>,
        custom_emoji_id: Option<String>,
    }
    let new: Vec<Type> = update.need("new_reaction")?;
    let old: Vec<Type> = update.read("old_reaction")?.unwrap_or_default();
    // Of several, the one that came now.
    let set = new.iter().find(|reaction| !old.contains(reaction)).or_else(|| new.last());
    let reaction =
        Reaction { emoji: set.and_then(|reaction| reaction.emoji.clone()), removed: new.is_empty() };
    Ok(Happened {
        kind: Kind::MessageReaction,
        thread: place.thread(),
        time: date(update)?,
        message: Message {
            id: update.id("message_id")?,
            sender: place::sender(update, "actor_chat", "user")?,
            group: place.group(),
            reaction: Some(reaction),
            ..Message::default()
        },
    })
}

/// A button was pressed. Its message may be missing (it stood under an inline message, in a chat that we
/// do not know): then it belongs to the private chat with who pressed it, whose id is the user's.
fn pressed(update: &Members<'_>) -> serde_json::Result<Happened> {
    let from: User = update.need("from")?;
    let under: Members<'_> = update.read("message")?.unwrap_or_default();
    let place = Place::of(&under)?;
    let thread = place.thread().or_else(|| Some(from.private_chat()));
    Ok(Happened {
        kind: Kind::Postback,
        thread,
        // `message.date` is when the button was sent; nothing says when it was pressed.
        time: None,
        message: Message {
            id: under.id("message_id")?,
            sender: Some(from.into_party()),
            group: place.group(),
            postback: Some(Postback { payload: update.read("data")?, title: None }),
            ..Message::default()
        },
    })
}

/// The owner of a business account connected the bot to it, changed its rights or took it away.
fn connected(update: &Members<'_>) -> serde_json::Result<Happened> {
    Ok(Happened {
        kind: Kind::AccountChanged,
        thread: None,
        time: date(update)?,
        message: Message { sender: update.read::<User>("user")?.map(User::into_party), ..Message::default() },
    })
}

/// Steps of a purchase: they name the user alone, and concern the private chat.
fn bought(update: &Members<'_>, by: &'static str) -> serde_json::Result<Happened> {
    let user: User = update.need(by)?;
    let mut happened = Happened::unknown(Some(user.private_chat()));
    happened.message.sender = Some(user.into_party());
    Ok(happened)
}

/// `date`, in seconds.
fn date(update: &Members<'_>) -> serde_json::Result<Option<Timestamp>> {
    seconds(update, "date")
}

/// A time in seconds; `0` stands for none (an inaccessible message).
fn seconds(update: &Members<'_>, key: &str) -> serde_json::Result<Option<Timestamp>> {
    let Number(seconds) = update.read(key)?.unwrap_or(Number(0));
    Ok((seconds != 0).then(|| Timestamp::from_secs(seconds)))
}

#[cfg(test)]
mod tests;
