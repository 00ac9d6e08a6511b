//! What is left of each object of the small Chatwoot for a reader.

use serde_json::Value;

use super::{super::backend::Conversation, who::Reader};

// What nobody sees of an object, whoever they are: secrets, numbers under other names, and what no panel shows.
const CONVERSATION: &[&str] = &[
    "internal_hint",
    "contact_inbox",
    "additional_attributes.chat_id",
    "additional_attributes.from_zip_code",
];
const BESIDE_MESSAGES: &[&str] = &["labels", "additional_attributes"];
const MESSAGE: &[&str] = &[
    "source_id",
    "external_source_ids",
    "additional_attributes",
    "conversation",
    "content_attributes.email.from",
    "content_attributes.cc_emails",
    "sender_name",
];
/// Of the first message of a conversation that a search finds the text passes, and not what hangs on it.
const FIRST_MESSAGE: &[&str] = &["content_attributes", "attachments"];
const CONTACT: &[&str] = &["crm_secret"];
const REACHED: &[&str] = &[
    "pubsub_token",
    "hmac_verified",
    "inbox.hmac_token",
    "inbox.account_id",
    "inbox.greeting_message",
    "inbox.auto_assignment_config",
    "inbox.created_at",
];
/// An agent or a bot.
const PERSON: &[&str] =
    &["provider", "access_token", "pubsub_token", "description", "outgoing_url", "bot_type"];
const NOTICE: &[&str] =
    &["push_message_body", "meta", "user.avatar_url", "user.type", "user.availability_status"];

const CONTACT_NOTE: &[&str] = &["secret"];
const INBOX: &[&str] = &[
    "website_token",
    "web_widget_script",
    "secret",
    "callback_webhook_url",
    "auth_token",
    "imap_login",
    "imap_password",
    "smtp_password",
    "hmac_token",
    "inbox_identifier",
    "provider_config",
    "forward_to_email",
];
const PROFILE: &[&str] =
    &["access_token", "hmac_identifier", "inviter_id", "provider", "pubsub_token", "uid", "type"];
const ACCOUNT: &[&str] = &["onboarding_step", "custom_role", "pubsub_token"];

/// A value without what dotted names lead to.
pub(super) fn without(mut value: Value, names: &[&str]) -> Value {
    for name in names {
        let (outer, inner) = name.rsplit_once('.').unwrap_or(("", name));
        let outer = if outer.is_empty() { String::new() } else { format!("/{}", outer.replace('.', "/")) };
        if let Some(object) = value.pointer_mut(&outer).and_then(Value::as_object_mut) {
            object.remove(inner);
        }
    }
    value
}

/// What is left of the items of a list, if it is one.
pub(super) fn each(list: &mut Value, left: impl Fn(Value) -> Option<Value>) {
    if let Some(items) = list.as_array_mut() {
        *items = std::mem::take(items).into_iter().filter_map(left).collect();
    }
}

/// What is left of a member, if there is one: it goes with what is hidden.
fn member(object: &mut Value, name: &str, left: impl FnOnce(Value) -> Option<Value>) {
    let Some(object) = object.as_object_mut() else { return };
    if let Some(value) = object.remove(name) {
        let left = if value.is_null() { Some(value) } else { left(value) };
        object.extend(left.map(|left| (name.to_owned(), left)));
    }
}

/// The same of one that is `null` where there is none.
fn member_or_null(object: &mut Value, name: &str, left: impl FnOnce(Value) -> Option<Value>) {
    member(object, name, |value| Some(left(value).unwrap_or(Value::Null)));
}

/// An agent or a bot, whom everybody sees.
pub(super) fn person(value: Value) -> Value {
    without(value, PERSON)
}

/// A note on a contact.
pub(super) fn contact_note(value: Value) -> Value {
    let mut left = without(value, CONTACT_NOTE);
    member(&mut left, "user", |user| Some(person(user)));
    left
}

pub(super) fn inbox(value: Value) -> Value {
    without(value, INBOX)
}

/// One's own profile, with one's accounts.
pub(super) fn profile(value: Value) -> Value {
    let mut left = without(value, PROFILE);
    each(&mut left["accounts"], |account| Some(without(account, ACCOUNT)));
    left
}

impl Reader {
    /// A conversation, in each of the ways in which one is shown.
    pub(super) fn pruned_conversation(&self, value: Value) -> Option<Value> {
        let of = conversation_at(&value["id"]);
        if !self.conversation(of) {
            return None;
        }
        let mut left = without(without(value, CONVERSATION), self.hidden_of_conversations);
        if left.get("meta").is_some() {
            self.prune_people(&mut left["meta"], of);
        }
        self.prune_people(&mut left, of);
        if left.get("messages").is_some() {
            each(&mut left["messages"], |message| self.pruned_message(message, of));
        }
        member(&mut left, "message", |first| self.pruned_message(without(first, FIRST_MESSAGE), of));
        member_or_null(&mut left, "last_non_activity_message", |message| self.pruned_message(message, of));
        Some(left)
    }

    /// What stands beside a conversation's messages.
    pub(super) fn beside_messages(&self, value: Value, of: Conversation) -> Value {
        let mut left = without(value, BESIDE_MESSAGES);
        self.prune_people(&mut left, of);
        left
    }

    /// The contact and the agent of a conversation, by each of their names.
    fn prune_people(&self, object: &mut Value, of: Conversation) {
        for name in ["sender", "contact"] {
            member(object, name, |contact| self.pruned_contact(contact, Some(of)));
        }
        for name in ["assignee", "agent"] {
            member(object, name, |agent| Some(person(agent)));
        }
    }

    /// A message of a conversation, in each of the ways in which one is shown. One that does not say that it is none is a private note.
    pub(super) fn pruned_message(&self, value: Value, of: Conversation) -> Option<Value> {
        let is_note = value["private"] != Value::Bool(false);
        if !(if is_note { self.notes(of) } else { self.messages(of) }) {
            return None;
        }
        let mut left = without(value, MESSAGE);
        self.prune_sender(&mut left, of);
        member(&mut left, "attachments", |attachments| self.media(of).then_some(attachments));
        Some(left)
    }

    /// A file in the list of a conversation's, which may be one of a note.
    pub(super) fn pruned_file(&self, mut value: Value, of: Conversation) -> Option<Value> {
        self.prune_sender(&mut value, of);
        (self.notes(of) && self.media(of)).then_some(value)
    }

    /// Who wrote something.
    fn prune_sender(&self, object: &mut Value, of: Conversation) {
        member(object, "sender", |sender| match sender["type"].as_str() {
            Some("contact") => self.pruned_contact(sender, Some(of)),
            _ => Some(person(sender)),
        });
    }

    /// A contact on a conversation, or by itself.
    pub(super) fn pruned_contact(&self, value: Value, on: Option<Conversation>) -> Option<Value> {
        if !self.contact(on) {
            return None;
        }
        let mut left = without(without(value, CONTACT), self.hidden_of_contacts);
        member(&mut left, "contact_inboxes", |mut reached| {
            each(&mut reached, |reached| Some(self.reached(reached)));
            Some(reached)
        });
        Some(left)
    }

    /// How a contact is reached.
    pub(super) fn reached(&self, value: Value) -> Value {
        without(without(value, REACHED), self.hidden_of_contacts)
    }

    /// A notice of a conversation.
    pub(super) fn pruned_notice(&self, value: Value) -> Option<Value> {
        let of = conversation_at(&value["primary_actor"]["id"]);
        if !self.notice(of) {
            return None;
        }
        let mut left = without(value, NOTICE);
        member_or_null(&mut left, "primary_actor", |told| self.pruned_conversation(told));
        member_or_null(&mut left, "secondary_actor", |message| self.pruned_message(message, of));
        Some(left)
    }
}

/// The conversation with this number.
pub(super) fn conversation_at(id: &Value) -> Conversation {
    Conversation::of(u32::try_from(id.as_u64().unwrap()).unwrap())
}
