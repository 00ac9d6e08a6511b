//! Where an update happened and who acted: chats, topics, users.

use serde::Deserialize;

use crate::channel::{
    event::{Join, Party, Thread, ThreadKey},
    json::{Members, Number},
};

/// Where a message stands.
#[derive(Default)]
pub(super) struct Place {
    chat: Option<Chat>,
    /// A forum topic, or a topic of channel direct messages.
    topic: Option<Topic>,
    business_connection: Option<String>,
}

enum Topic {
    Forum(i64),
    DirectMessages(i64),
}

impl Place {
    /// Reads the members that a message and most other updates share.
    pub(super) fn of(message: &Members<'_>) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct DirectMessagesTopic {
            topic_id: Number,
        }
        // In ordinary supergroups `message_thread_id` also stands on replies, and is then no topic.
        let forum = match message.read("is_topic_message")? {
            Some(true) => message.read("message_thread_id")?.map(|Number(id)| Topic::Forum(id)),
            Some(false) | None => None,
        };
        let direct = message
            .read("direct_messages_topic")?
            .map(|DirectMessagesTopic { topic_id: Number(id) }| Topic::DirectMessages(id));
        Ok(Self {
            chat: message.read("chat")?,
            topic: direct.or(forum),
            business_connection: message.id("business_connection_id")?,
        })
    }

    /// The conversation: the chat, within it the topic, within a business account its connection. Only
    /// the connection's id is free text, so it comes last.
    pub(super) fn thread(&self) -> Option<Thread> {
        let mut name = self.chat.as_ref()?.id.0.to_string();
        match &self.topic {
            Some(Topic::Forum(id)) => name.push_str(&format!(":topic:{id}")),
            Some(Topic::DirectMessages(id)) => name.push_str(&format!(":direct:{id}")),
            None => {}
        }
        if let Some(connection) = &self.business_connection {
            name.push_str(&format!(":business:{connection}"));
        }
        Some(Thread::of("chat", &name))
    }

    /// The group, supergroup or channel; a private chat is none.
    pub(super) fn group(&self) -> Option<Party> {
        self.chat.as_ref().filter(|chat| !chat.is_private()).cloned().map(Chat::into_party)
    }

    pub(super) fn is_private(&self) -> bool {
        self.chat.as_ref().is_some_and(Chat::is_private)
    }

    /// The chat's id; that of a private chat is the user's.
    pub(super) fn chat_id(&self) -> Option<i64> {
        self.chat.as_ref().map(|chat| chat.id.0)
    }
}

/// A group that became a supergroup has two ids for one conversation. Telegram gives neither to another
/// chat, so both keep meaning it.
pub(super) fn upgraded(old: i64, new: i64) -> Thread {
    Thread {
        keys: vec![
            ThreadKey::lasting("chat", &new.to_string()),
            ThreadKey::lasting("chat", &old.to_string()),
        ],
        join: Join::Merge,
        retired: Vec::new(),
        domain: None,
    }
}

#[derive(Clone, Deserialize)]
pub(super) struct Chat {
    id: Number,
    r#type: Option<String>,
    title: Option<String>,
    username: Option<String>,
}

impl Chat {
    fn is_private(&self) -> bool {
        self.r#type.as_deref() == Some("private")
    }

    fn into_party(self) -> Party {
        Party { id: self.id.0.to_string(), name: self.title, handle: self.username }
    }
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: Number,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
}

impl User {
    /// The conversation with this user alone: a private chat has the user's id.
    pub(super) fn private_chat(&self) -> Thread {
        Thread::of("chat", &self.id.0.to_string())
    }

    pub(super) fn into_party(self) -> Party {
        let name = match (self.first_name, self.last_name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last),
        };
        Party { id: self.id.0.to_string(), name, handle: self.username }
    }
}

/// Who acted: a chat (an anonymous administrator, a channel) if there is one, since a placeholder user
/// stands beside it; else a user.
pub(super) fn sender(update: &Members<'_>, chat: &str, user: &str) -> serde_json::Result<Option<Party>> {
    Ok(match update.read::<Chat>(chat)? {
        Some(chat) => Some(chat.into_party()),
        None => update.read::<User>(user)?.map(User::into_party),
    })
}
