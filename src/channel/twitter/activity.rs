//! X Activity: an envelope with one event, its type and the user whom the subscription watches.

use serde_json::value::RawValue;

use super::{
    Happened, account_activity, direct_message, event,
    people::{self, People},
    post, rfc3339,
};
use crate::channel::{
    event::{AccountRef, Item, Kind, Message, Raw},
    json::Members,
};

/// The envelope: the value of the body's `data`.
pub(super) struct Activity<'a> {
    data: &'a RawValue,
    /// `event_type`, such as `dm.received`.
    name: String,
    /// `event_uuid`: a signed number, as text.
    uuid: Option<String>,
    /// Whom the subscription watches; missing for `oauth.revoke`, where the payload says it.
    ours: Option<String>,
    payload: Members<'a>,
    /// Objects that the payload names by id.
    includes: Members<'a>,
    people: People,
}

impl<'a> Activity<'a> {
    /// Reads the envelope; `None` if `data` is none.
    ///
    /// # Errors
    /// If it, or its filter, has a repeated key.
    pub(super) fn of(data: &'a RawValue) -> serde_json::Result<Option<Self>> {
        let Some(members) = object(data)? else { return Ok(None) };
        let Ok(Some(name)) = members.read("event_type") else { return Ok(None) };
        let uuid = members.id("event_uuid").ok().flatten();
        let filter = members.value("filter").map_or(Ok(None), object)?.unwrap_or_default();
        // A payload that cannot be read makes an event that says nothing more, kept whole.
        let payload: Members<'a> = members.read("payload").ok().flatten().unwrap_or_default();
        let includes: Members<'a> = members.read("includes").ok().flatten().unwrap_or_default();
        let people = People::of(payload.value("users").or_else(|| includes.value("users")));
        let ours = filter.id("user_id").ok().flatten().or_else(|| payload.id("user_id").ok().flatten());
        Ok(Some(Self { data, name, uuid, ours, payload, includes, people }))
    }

    /// The envelope's event. Should a payload hold several direct messages, each is an item.
    pub(super) fn items(&self, body: &[u8]) -> Vec<Item> {
        let mut all = self.arrays();
        if all.is_empty() {
            all.push(self.read().unwrap_or_else(|_unreadable| Happened::unknown(&self.name)));
        }
        let item = |(place, happened): (usize, Happened)| {
            let account = self.ours.clone().map_or(AccountRef::Unknown, AccountRef::Id);
            // Below the first, the envelope's id alone would make one event of several.
            let uuid = self.uuid.as_ref().map(|uuid| match place {
                0 => format!("event:{uuid}"),
                _ => format!("event:{uuid}:{place}"),
            });
            let raw = Raw::slice_of(body, self.data.get());
            event(account, uuid, self.data.get(), raw, happened).into()
        };
        all.into_iter().enumerate().map(item).collect()
    }

    /// `dm.*`: the payload holds the arrays of Account Activity.
    fn arrays(&self) -> Vec<Happened> {
        let mut all = Vec::new();
        for (name, value) in &self.payload.0 {
            if self.name.starts_with("dm.") && name.starts_with("direct_message_") {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
                all.extend(elements.into_iter().map(|element| {
                    account_activity::happened(name, element, self.ours.as_deref(), &self.people)
                }));
            }
        }
        all
    }

    fn read(&self) -> serde_json::Result<Happened> {
        let (payload, ours) = (&self.payload, self.ours.as_deref());
        match self.name.as_str() {
            "chat.received" | "chat.sent" => {
                direct_message::encrypted(&self.name, payload, ours, &self.people)
            }
            "chat.conversation_join" => direct_message::joined(&self.name, payload, ours, &self.people),
            "post.delete" => post::deleted(&self.name, payload),
            name => match name.split_once('.').unwrap_or_default() {
                ("post", _) => post::published(name, payload, &self.people, self.includes.value("media")),
                ("follow" | "block" | "mute", change) => people::related(change, payload, ours),
                ("oauth", "revoke") | ("profile", _) => Ok(Happened {
                    kind: Kind::AccountChanged,
                    time: rfc3339(payload, "date_time"),
                    ..Happened::unknown(name)
                }),
                _ => Ok(Happened::unknown(name)),
            },
        }
    }
}

/// The members of an object; of anything else `None`.
fn object(value: &RawValue) -> serde_json::Result<Option<Members<'_>>> {
    if value.get().starts_with('{') { serde_json::from_str(value.get()).map(Some) } else { Ok(None) }
}

/// A message that says nothing but X's own name of what happened.
pub(super) fn named(name: &str) -> Message {
    Message { subtype: Some(name.to_owned().into()), ..Message::default() }
}
