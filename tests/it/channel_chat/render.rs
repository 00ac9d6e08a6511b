//! An item on one line, for golden files: what decides and what finds, never what people wrote.

use headgate::channel::event::{AccountRef, Event, Item, Join, Message, Party, Raw, Thread};

pub(super) fn item(item: &Item, body: &[u8]) -> String {
    match item {
        Item::Ignored(why) => format!("ignored: {}", why.label()),
        Item::Event(event) => line(event, body),
    }
}

fn line(event: &Event, body: &[u8]) -> String {
    let mut parts = vec![event.kind.cloud_event_type().to_owned()];
    let mut part = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            parts.push(format!("{name}={value}"));
        }
    };
    let message = &event.message;
    part("subtype", message.subtype.as_ref().map(ToString::to_string));
    part("account", Some(account(&event.account)));
    part("thread", Some(event.thread.as_ref().map_or_else(|| "none".to_owned(), thread)));
    part("dedupe", Some(event.dedupe.iter().map(|id| short(id)).collect::<Vec<_>>().join(",")));
    part("time", event.time.map(|time| time.0.to_string()));
    part("id", message.id.clone());
    part("ids", (!message.ids.is_empty()).then(|| message.ids.join(",")));
    part("sender", message.sender.as_ref().map(party));
    part("group", message.group.as_ref().map(party));
    part("reply_to", message.reply_to.clone());
    part("album", message.album.clone());
    part("text", message.text.as_ref().map(|text| format!("{} chars", text.chars().count())));
    part("media", media(message));
    part("status", message.status.as_ref().map(|status| format!("{:?}", status.state)));
    part(
        "reaction",
        message.reaction.as_ref().map(|reaction| {
            if reaction.removed { "removed".to_owned() } else { format!("{:?}", reaction.emoji) }
        }),
    );
    part(
        "postback",
        message.postback.as_ref().map(|postback| {
            format!("{:?} chars", postback.payload.as_ref().map(|payload| payload.chars().count()))
        }),
    );
    part(
        "member",
        message.member.as_ref().map(|member| {
            format!("{}[{}]", member.change, member.who.iter().map(party).collect::<Vec<_>>().join(","))
        }),
    );
    part(
        "identity",
        message.identity.as_ref().map(|identity| {
            format!(
                "{}->{}",
                identity.previous.as_deref().unwrap_or("?"),
                identity.current.as_deref().unwrap_or("?")
            )
        }),
    );
    part("standby", message.standby.then(|| "yes".to_owned()));
    part("raw", Some(raw(&event.raw, body)));
    parts.join(" ")
}

fn account(account: &AccountRef) -> String {
    match account {
        AccountRef::Id(id) => id.clone(),
        AccountRef::Endpoint => "(endpoint)".to_owned(),
        AccountRef::Mailbox(mailbox) => mailbox.clone(),
        AccountRef::Unknown => "(unknown)".to_owned(),
    }
}

fn thread(thread: &Thread) -> String {
    let keys = thread.keys.iter().map(|key| {
        let passing = if key.lasting { "" } else { "~" };
        format!("{passing}{}", key.text)
    });
    let join = match thread.join {
        Join::Merge => "=",
        Join::FirstKnown | Join::TokenFirst => "|",
    };
    keys.collect::<Vec<_>>().join(join)
}

/// The id, and whether a name came with it.
fn party(party: &Party) -> String {
    let named = if party.name.is_some() { "+name" } else { "" };
    let handled = if party.handle.is_some() { "+handle" } else { "" };
    format!("{}{named}{handled}", party.id)
}

fn media(message: &Message) -> Option<String> {
    let list: Vec<_> = message
        .media
        .iter()
        .map(|media| {
            let id = media.id.as_deref().or(media.url.as_deref()).unwrap_or("-");
            format!("{}:{id}", media.kind)
        })
        .collect();
    (!list.is_empty()).then(|| list.join(","))
}

/// Digests are long; their beginning tells them apart.
fn short(id: &str) -> String {
    if id.starts_with("sha256:") { id.chars().take(15).collect() } else { id.to_owned() }
}

/// Where the fragment is, by its first and last byte and its length.
fn raw(raw: &Raw, body: &[u8]) -> String {
    match raw {
        Raw::Whole => "whole".to_owned(),
        Raw::Owned(text) => format!("owned {} bytes", text.len()),
        Raw::Range(range) => {
            let part = &body[range.start as usize..range.end as usize];
            format!("{} bytes at {}", part.len(), range.start)
        }
    }
}
