//! Account Activity: a body for one user (`for_user_id`) with arrays of events and side tables.

use serde_json::value::RawValue;

use super::{
    Happened, direct_message, event,
    people::{self, People},
    post, rfc3339,
};
use crate::channel::{
    event::{AccountRef, Event, Ignored, Item, Kind, Message, Raw},
    json::Members,
};

/// One item for each element of each array. A member that is an object is an item of its own; any other
/// value is a remark on the others (`user_has_blocked`).
pub(super) fn items(body: &str, members: &Members<'_>) -> Vec<Item> {
    let ours = members.id("for_user_id").ok().flatten();
    let account = ours.clone().map_or(AccountRef::Unknown, AccountRef::Id);
    let people = People::of(members.value("users"));
    let mut items = Vec::new();
    let mut only_remarks = true;
    for (name, value) in &members.0 {
        let item = |fragment: &RawValue| {
            let raw = Raw::slice_of(body.as_bytes(), fragment.get());
            let happened = happened(name, fragment, ours.as_deref(), &people);
            Item::from(event(account.clone(), None, fragment.get(), raw, happened))
        };
        match name.as_ref() {
            "for_user_id" | "users" | "apps" => continue,
            "replay_job_status" => items.push(Item::Ignored(Ignored::Housekeeping)),
            "user_event" => items.push(revoked(body, ours.clone(), value).into()),
            _ => match elements(value) {
                Elements::Of(array) => items.extend(array.into_iter().map(item)),
                Elements::Itself => items.push(item(value)),
                Elements::Remark => continue,
            },
        }
        only_remarks = false;
    }
    if only_remarks {
        items.push(event(account, None, body, Raw::Whole, Happened::unknown("remarks")).into());
    }
    items
}

enum Elements<'a> {
    Of(Vec<&'a RawValue>),
    Itself,
    Remark,
}

fn elements(value: &RawValue) -> Elements<'_> {
    match value.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(value.get()).map_or(Elements::Itself, Elements::Of),
        Some(b'{') => Elements::Itself,
        _ => Elements::Remark,
    }
}

/// What an element of the array `name` says. What cannot be read is kept as [`Kind::Unknown`].
pub(super) fn happened(name: &str, fragment: &RawValue, ours: Option<&str>, people: &People) -> Happened {
    read(name, fragment, ours, people).unwrap_or_else(|_unreadable| Happened::unknown(name))
}

fn read(
    name: &str,
    fragment: &RawValue,
    ours: Option<&str>,
    people: &People,
) -> serde_json::Result<Happened> {
    let element: Members<'_> = serde_json::from_str(fragment.get())?;
    match name {
        "direct_message_events" => direct_message::written(&element, ours, people),
        "direct_message_indicate_typing_events" => direct_message::typing(&element, ours, people),
        "direct_message_mark_read_events" => direct_message::seen(&element, ours, people),
        "tweet_create_events" => post::tweeted(&element),
        "tweet_delete_events" => post::untweeted(&element),
        "follow_events" | "block_events" | "mute_events" => {
            let change: String = element.need("type")?;
            people::related(&change, &element, ours)
        }
        _ => Ok(Happened::unknown(name)),
    }
}

/// `user_event.revoke`: a user took the app's access away. It has no `for_user_id`.
fn revoked(body: &str, ours: Option<String>, fragment: &RawValue) -> Event {
    let raw = Raw::slice_of(body.as_bytes(), fragment.get());
    let (user, happened) = match revocation(fragment) {
        Ok((user, happened)) => (user.or(ours), happened),
        Err(_unreadable) => (ours, Happened::unknown("user_event")),
    };
    event(user.map_or(AccountRef::Unknown, AccountRef::Id), None, fragment.get(), raw, happened)
}

fn revocation(fragment: &RawValue) -> serde_json::Result<(Option<String>, Happened)> {
    let user_event: Members<'_> = serde_json::from_str(fragment.get())?;
    let revoke: Members<'_> = user_event.need("revoke")?;
    let source: Members<'_> = revoke.need("source")?;
    let happened = Happened {
        kind: Kind::AccountChanged,
        thread: None,
        time: rfc3339(&revoke, "date_time"),
        message: Message { subtype: Some("user_event.revoke".into()), ..Message::default() },
        id: None,
    };
    Ok((source.id("user_id")?, happened))
}
