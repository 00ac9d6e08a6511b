//! Who may see a chat: members that came, went, blocked the bot or asked to join.

use serde::Deserialize;

use super::{
    Happened, date,
    place::{Place, User},
};
use crate::channel::{
    event::{Kind, Member, Message, Party},
    json::Members,
};

#[derive(Deserialize)]
struct ChatMember {
    status: String,
    user: User,
    /// Of a `restricted` user: whether in the chat.
    is_member: Option<bool>,
}

impl ChatMember {
    fn is_in(&self) -> bool {
        match self.status.as_str() {
            "left" | "kicked" => false,
            "restricted" => self.is_member.unwrap_or(true),
            _ => true,
        }
    }
}

/// `my_chat_member`: the bot's own membership. In a private chat it is the contact who acts, by blocking
/// the bot or taking the block away.
pub(super) fn ours(update: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    if !place.is_private() {
        return of_chat(update, place);
    }
    let old: Option<ChatMember> = update.read("old_chat_member")?;
    let new: ChatMember = update.need("new_chat_member")?;
    let was_blocked = old.is_some_and(|old| old.status == "kicked");
    let change = match new.status.as_str() {
        "kicked" => "blocked".into(),
        _ if was_blocked => "unblocked".into(),
        _ => new.status.into(),
    };
    changed(update, place, Member { change, who: Vec::new() })
}

/// `chat_member`: the membership of anyone in a group or channel. A change of rights alone is named by
/// the new status.
pub(super) fn of_chat(update: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    let old: Option<ChatMember> = update.read("old_chat_member")?;
    let new: ChatMember = update.need("new_chat_member")?;
    let was_in = old.is_some_and(|old| old.is_in());
    let change = match (was_in, new.is_in()) {
        (false, true) => "joined".into(),
        (true, false) => "left".into(),
        (true, true) | (false, false) => new.status.into(),
    };
    changed(update, place, Member { change, who: vec![new.user.into_party()] })
}

/// `chat_join_request`: somebody asks to join.
pub(super) fn requested(update: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    changed(update, place, Member { change: "join_request".into(), who: Vec::new() })
}

fn changed(update: &Members<'_>, place: &Place, member: Member) -> serde_json::Result<Happened> {
    Ok(Happened {
        kind: Kind::MemberChanged,
        thread: place.thread(),
        time: date(update)?,
        message: Message {
            sender: update.read::<User>("from")?.map(User::into_party),
            group: place.group(),
            member: Some(member),
            ..Message::default()
        },
    })
}

/// The service messages that tell of members, beside the `chat_member` updates that few bots ask for.
pub(super) fn told(message: &Members<'_>) -> serde_json::Result<Option<Member>> {
    let parties = |users: Vec<User>| -> Vec<Party> { users.into_iter().map(User::into_party).collect() };
    if let Some(users) = message.read("new_chat_members")? {
        return Ok(Some(Member { change: "joined".into(), who: parties(users) }));
    }
    let left: Option<User> = message.read("left_chat_member")?;
    Ok(left.map(|user| Member { change: "left".into(), who: vec![user.into_party()] }))
}
