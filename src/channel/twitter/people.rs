//! Users of X: who they are, and who follows, blocks or mutes whom.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Happened, milliseconds};
use crate::channel::{
    event::{Kind, Member, Message, Party, Thread},
    json::{Id, Members},
};
use crate::ids::Timestamp;

/// The names that a body gives to the users in it.
#[derive(Default)]
pub(super) struct People(BTreeMap<String, Party>);

impl People {
    /// A side table: an object by user id, or a list. Who cannot be read stays without a name.
    pub(super) fn of(table: Option<&RawValue>) -> Self {
        let Some(table) = table else { return Self::default() };
        let rows: Vec<&RawValue> = match serde_json::from_str::<Members<'_>>(table.get()) {
            Ok(by_id) => by_id.0.into_iter().map(|(_, row)| row).collect(),
            Err(_no_object) => serde_json::from_str(table.get()).unwrap_or_default(),
        };
        let parties = rows.into_iter().filter_map(|row| {
            serde_json::from_str::<Person<'_>>(row.get()).ok().and_then(Person::into_party)
        });
        Self(parties.map(|party| (party.id.clone(), party)).collect())
    }

    /// The user with this id, by name if the body names them.
    pub(super) fn party(&self, id: String) -> Party {
        self.0.get(&id).cloned().unwrap_or_else(|| Party { id, ..Party::default() })
    }
}

/// A user in the shape of v1 (`screen_name`), of v2 (`username`), or of v2 wrapped in `data`.
#[derive(Deserialize)]
pub(super) struct Person<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    name: Option<String>,
    username: Option<String>,
    screen_name: Option<String>,
    #[serde(borrow)]
    data: Option<Box<Person<'a>>>,
}

impl Person<'_> {
    pub(super) fn into_party(self) -> Option<Party> {
        match self.data {
            Some(data) => data.into_party(),
            None => Some(Party {
                id: self.id?.named()?,
                name: self.name,
                handle: self.username.or(self.screen_name),
            }),
        }
    }
}

/// `follow`, `block`, `mute` and what undoes them: what `source` did to `target`.
pub(super) fn related(change: &str, event: &Members<'_>, ours: Option<&str>) -> serde_json::Result<Happened> {
    let source = party(event, "source")?;
    let target = party(event, "target")?;
    let change: Cow<'static, str> = match change {
        "follow" => "followed".into(),
        "unfollow" => "unfollowed".into(),
        "block" => "blocked".into(),
        "unblock" => "unblocked".into(),
        "mute" => "muted".into(),
        "unmute" => "unmuted".into(),
        other => other.to_owned().into(),
    };
    let is_ours = |party: &Party| Some(party.id.as_str()) == ours;
    // The conversation is with whoever of the two is not us.
    let (contact, who) =
        if is_ours(&target) { (&source, Vec::new()) } else { (&target, vec![target.clone()]) };
    let thread = Thread::of("user", &contact.id);
    let time = milliseconds(event, "created_timestamp");
    let id = time.map(|Timestamp(ms)| format!("{change}:{}:{}:{ms}", source.id, target.id));
    Ok(Happened {
        kind: Kind::MemberChanged,
        thread: Some(thread),
        time,
        id,
        message: Message { sender: Some(source), member: Some(Member { change, who }), ..Message::default() },
    })
}

/// The user at `key`, who must have an id.
fn party(event: &Members<'_>, key: &'static str) -> serde_json::Result<Party> {
    event.need::<Person<'_>>(key)?.into_party().ok_or_else(|| serde::de::Error::missing_field("id"))
}
