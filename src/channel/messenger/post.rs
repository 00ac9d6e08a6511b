//! Changes of pages and Instagram accounts: posts, comments, mentions (`providers.md` sections 3 and 4).
//!
//! They have no thread. A public discussion belongs to a post and not to one contact, and its authors'
//! ids are not those of the private conversations: joined to one, it would show a conversation to whoever
//! is responsible for another.

use std::borrow::Cow;

use super::owned;
use crate::channel::{
    event::{Event, Kind, Message, Party},
    meta::{
        envelope::{Place, fingerprint},
        loose::{Object, Scalar, object, shape},
    },
};

shape! {
    struct Change<'a> {
        field: Scalar<'a>,
        value: Scalar<'a>,
    }

    struct Post<'a> {
        id: Scalar<'a>,
        comment_id: Scalar<'a>,
        post_id: Scalar<'a>,
        media_id: Scalar<'a>,
        parent_id: Scalar<'a>,
        item: Scalar<'a>,
        verb: Scalar<'a>,
        text: Scalar<'a>,
        message: Scalar<'a>,
        created_time: Scalar<'a>,
        from: Object<Author<'a>>,
    }

    struct Author<'a> {
        id: Scalar<'a>,
        name: Scalar<'a>,
        username: Scalar<'a>,
    }
}

/// Reads an item of `changes`. Most fields are public; one that is subscribed as a messaging event holds
/// what `messaging` reads.
pub(in crate::channel) fn public_or_private<'a>(
    place: &Place<'a>,
    raw: &'a str,
    public: &[&str],
    messaging: fn(&Place<'a>, &'a str) -> Event,
) -> Event {
    let Ok(Some(change)) = object::<Change<'a>>(raw) else { return place.unknown(raw) };
    let field = change.field.id().unwrap_or_default();
    let value = change.value.json();
    if field.starts_with("messag") && value.starts_with('{') {
        return messaging(place, value);
    }
    match object::<Post<'a>>(value) {
        Ok(Some(post)) if public.contains(&&*field) => published(place, raw, &field, &post),
        _ => {
            let time = place.time.map_or(0, |time| time.0);
            let dedupe = format!("change:{field}:{time}:{}", fingerprint(raw));
            let mut event = place.event(raw, Kind::Unknown, dedupe);
            event.message.subtype = change.field.id().map(|field| Cow::Owned(field.into_owned()));
            event
        }
    }
}

fn published(place: &Place<'_>, raw: &str, field: &str, post: &Post<'_>) -> Event {
    let ids = [post.comment_id, post.id, post.post_id, post.media_id];
    let id = ids.into_iter().find_map(Scalar::id);
    let (item, verb) = (post.item.id(), post.verb.id());
    // One thing is added and removed once, but edited and reacted to many times.
    let once = matches!(verb.as_deref(), None | Some("add" | "remove"))
        && !matches!(item.as_deref(), Some("reaction" | "like"));
    let dedupe = match &id {
        Some(id) if once => format!("post:{field}:{id}:{}", verb.as_deref().unwrap_or_default()),
        Some(_) | None => format!("post:{field}:hash:{}", fingerprint(raw)),
    };
    let author = post.from.0.as_ref().and_then(|from| {
        Some(Party {
            id: owned(from.id.id())?,
            name: owned(from.name.text()),
            handle: owned(from.username.text()),
        })
    });
    let words = [Some(Cow::Borrowed(field)), item, verb];
    let subtype = words.into_iter().flatten().collect::<Vec<_>>().join(".");
    let mut event = place.event(raw, Kind::Post, dedupe);
    event.time = post.created_time.time().or(event.time);
    event.message = Message {
        id: owned(id),
        sender: author,
        text: owned(post.text.text().or_else(|| post.message.text())),
        reply_to: owned(post.parent_id.id()),
        subtype: Some(Cow::Owned(subtype)),
        ..Message::default()
    };
    event
}
