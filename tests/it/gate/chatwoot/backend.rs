//! A small Chatwoot in memory, which answers in the shapes of its API for agents. Texts are canaries that say what they
//! are of: `CANARY-c7-…` of conversation 7, `CANARY-n7-…` of its private notes, `CANARY-m7-…` of its media, `CANARY-k503-…` of
//! contact 503, and `CANARY-x…` what nobody behind Headgate may ever see.

use serde_json::{Value, json};

use crate::gate::backend::{self, Asked};

/// Conversations are 1 to this.
pub(super) const CONVERSATIONS: u32 = 40;
/// Contacts are 500 to 511.
pub(super) const CONTACTS: std::ops::Range<u32> = 500..512;

const PAGE: usize = 25;
const PAGE_OF_CONTACTS: usize = 15;
/// Whose token it is that Headgate has.
const HEADGATE: u32 = 9;

/// A conversation's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) id: u32,
    pub(super) assignee: Option<u32>,
    /// The assignee is a bot, whose id is also an agent's.
    pub(super) bot: bool,
    pub(super) team: Option<u32>,
    pub(super) contact: u32,
    pub(super) status: &'static str,
    /// Agent 2 takes part in it.
    pub(super) watched: bool,
    /// Headgate's own user is mentioned in it.
    pub(super) mentioned: bool,
}

impl Conversation {
    pub(super) fn all() -> Vec<Self> {
        (1..=CONVERSATIONS).map(Self::of).collect()
    }

    pub(super) fn of(id: u32) -> Self {
        let bot = id.is_multiple_of(13);
        Self {
            id,
            assignee: if bot { Some(1) } else { [Some(1), Some(2), Some(3), None][id as usize % 4] },
            bot,
            team: [Some(10), Some(20), None][id as usize % 3],
            contact: CONTACTS.start + id % 12,
            status: if id.is_multiple_of(5) { "resolved" } else { "open" },
            watched: id.is_multiple_of(7),
            mentioned: id.is_multiple_of(6),
        }
    }

    /// The agent who is responsible.
    pub(super) fn agent(self) -> Option<u32> {
        self.assignee.filter(|_| !self.bot)
    }

    fn meta(self) -> Value {
        let mut meta = json!({
            "sender": contact(self.contact, false), "channel": "Channel::Whatsapp", "hmac_verified": false,
        });
        if let Some(id) = self.assignee {
            meta["assignee"] =
                if self.bot { json!({"id": id, "name": "Greeter", "secret": "CANARY-x"}) } else { agent(id) };
            meta["assignee_type"] = json!(if self.bot { "AgentBot" } else { "User" });
        }
        if let Some(id) = self.team {
            meta["team"] = team(id);
        }
        meta
    }

    /// As lists and the object itself show it.
    fn shown(self) -> Value {
        let id = self.id;
        json!({
            "meta": self.meta(), "id": id, "uuid": format!("CANARY-c{id}-uuid"), "account_id": 1, "inbox_id": 4,
            "messages": [message(self, 2)], "last_non_activity_message": message(self, 3),
            "additional_attributes": {"referer": format!("https://CANARY-c{id}-referer")},
            "custom_attributes": {
                "plan": format!("CANARY-c{id}-plan"), "watchers": if self.watched { json!([2]) } else { json!([]) },
            },
            "agent_last_seen_at": 1700000000, "assignee_last_seen_at": 1700000000, "contact_last_seen_at": 0,
            "can_reply": true, "labels": [format!("CANARY-c{id}-label")], "muted": false, "snoozed_until": null,
            "status": self.status, "created_at": 1700000000 + id, "updated_at": 1700000000.5, "timestamp": 1700000000,
            "first_reply_created_at": 0, "unread_count": id % 3, "last_activity_at": 1700000000, "priority": null,
            "waiting_since": 0, "sla_policy_id": null, "internal_hint": "CANARY-x",
        })
    }

    /// As a notice shows it: as the event of it.
    fn told(self) -> Value {
        let mut shown = self.shown();
        shown["contact_inbox"] = json!({"id": 1, "source_id": "CANARY-x", "pubsub_token": "CANARY-x"});
        shown["channel"] = json!("Channel::Whatsapp");
        shown
    }

    /// As a search of conversations shows it.
    fn found(self) -> Value {
        json!({
            "id": self.id, "account_id": 1, "created_at": 1700000000, "message": quoted(self, 1),
            "contact": found_contact(self.contact), "inbox": {"id": 4, "name": "Shop", "channel_type": "Channel::Whatsapp"},
            "agent": self.agent().map_or(json!({}), agent),
            "additional_attributes": {"referer": format!("https://CANARY-c{}-referer", self.id)},
        })
    }

    /// As the older search shows it.
    fn found_before(self) -> Value {
        json!({
            "id": self.id, "uuid": format!("CANARY-c{}-uuid", self.id), "created_at": 1700000000, "account_id": 1,
            "contact": {"id": self.contact, "name": format!("CANARY-k{}-name", self.contact)},
            "inbox": {"id": 4, "name": "Shop", "channel_type": "Channel::Whatsapp"},
            "messages": [{
                "content": format!("CANARY-c{}-content", self.id), "id": self.id * 10 + 1, "message_type": 0, "created_at": 1,
                "sender_name": format!("CANARY-k{}-name", self.contact),
            }],
        })
    }
}

fn agent(id: u32) -> Value {
    json!({
        "id": id, "account_id": 1, "availability_status": "online", "auto_offline": true, "confirmed": true,
        "email": format!("agent-{id}@shop.example"), "available_name": format!("Agent {id}"), "name": format!("Agent {id}"),
        "role": "agent", "thumbnail": "", "custom_role_id": null, "access_token": "CANARY-x", "pubsub_token": "CANARY-x",
    })
}

fn team(id: u32) -> Value {
    json!({"id": id, "name": format!("team {id}"), "description": null, "allow_auto_assign": true, "account_id": 1, "is_member": false})
}

fn contact(id: u32, inboxes: bool) -> Value {
    let mut contact = json!({
        "additional_attributes": {"city": format!("CANARY-k{id}-hidden-city")}, "availability_status": "offline",
        "email": format!("CANARY-k{id}-hidden-email@example.org"), "id": id, "name": format!("CANARY-k{id}-name"),
        "phone_number": format!("CANARY-k{id}-hidden-phone"), "blocked": false,
        "identifier": format!("CANARY-k{id}-hidden-identifier"), "thumbnail": format!("https://CANARY-k{id}-thumbnail"),
        "custom_attributes": {"tier": format!("CANARY-k{id}-hidden-tier")}, "last_activity_at": 1, "created_at": 1,
        "crm_secret": "CANARY-x",
    });
    if inboxes {
        contact["contact_inboxes"] = json!([{
            "source_id": format!("CANARY-k{id}-hidden-source"), "pubsub_token": "CANARY-x",
            "inbox": {"id": 4, "name": "Shop", "channel_type": "Channel::Whatsapp", "hmac_token": "CANARY-x"},
        }]);
    }
    contact
}

fn found_contact(id: u32) -> Value {
    json!({
        "email": format!("CANARY-k{id}-hidden-email"), "id": id, "name": format!("CANARY-k{id}-name"),
        "phone_number": format!("CANARY-k{id}-hidden-phone"), "identifier": format!("CANARY-k{id}-hidden-identifier"),
        "additional_attributes": {"city": format!("CANARY-k{id}-hidden-city")}, "last_activity_at": 1,
    })
}

/// Who wrote the message: the contact the first, an agent the others.
fn sender(of: Conversation, nth: u32) -> Value {
    if nth == 1 {
        let id = of.contact;
        json!({
            "additional_attributes": {"city": format!("CANARY-k{id}-hidden-city")}, "custom_attributes": {}, "id": id,
            "email": format!("CANARY-k{id}-hidden-email"), "identifier": null, "name": format!("CANARY-k{id}-name"),
            "phone_number": format!("CANARY-k{id}-hidden-phone"), "thumbnail": "", "blocked": false, "type": "contact",
        })
    } else if of.bot {
        json!({"id": 1, "name": "Greeter", "avatar_url": "", "type": "agent_bot"})
    } else {
        json!({"id": 3, "name": "Agent 3", "available_name": "Agent 3", "avatar_url": "", "type": "user", "availability_status": "online", "thumbnail": ""})
    }
}

/// The first is the contact's, the second an agent's, the third a private note; the last two with a picture.
fn message(of: Conversation, nth: u32) -> Value {
    let (id, note) = (of.id, nth == 3);
    let kind = if note { 'n' } else { 'c' };
    let mut message = json!({
        "id": id * 10 + nth, "content": format!("CANARY-{kind}{id}-content"), "account_id": 1, "inbox_id": 4,
        "conversation_id": id, "message_type": u32::from(nth > 1), "created_at": 1700000000 + nth, "updated_at": "2023-11-14",
        "private": note, "status": "sent", "source_id": null, "content_type": "text", "content_attributes": {},
        "sender_type": if nth == 1 { "Contact" } else { "User" }, "sender_id": 3, "external_source_ids": {"slack": "CANARY-x"},
        "additional_attributes": {"campaign_secret": "CANARY-x"}, "processed_message_content": format!("CANARY-{kind}{id}-processed"),
        "sentiment": {}, "sender": sender(of, nth),
        "conversation": {
            "assignee_id": of.assignee, "unread_count": 1, "last_activity_at": 1, "contact_inbox": {"source_id": "CANARY-x"},
        },
    });
    if nth > 1 {
        message["attachments"] = json!([picture(of, nth)]);
    }
    message
}

fn picture(of: Conversation, nth: u32) -> Value {
    // A picture of a note shows as little as the note.
    let kind = if nth == 3 { 'p' } else { 'm' };
    json!({
        "id": of.id * 10 + nth, "message_id": of.id * 10 + nth, "file_type": "image", "account_id": 1, "extension": null,
        "data_url": format!("https://CANARY-{kind}{}-picture", of.id), "thumb_url": format!("https://CANARY-{kind}{}-small", of.id),
        "file_size": 1000 + of.id, "width": 10, "height": 10,
    })
}

fn listed_picture(of: Conversation, nth: u32) -> Value {
    let picture = picture(of, nth);
    json!({
        "message_id": picture["message_id"], "thumb_url": picture["thumb_url"], "data_url": picture["data_url"],
        "file_size": picture["file_size"], "file_type": "image", "extension": null, "width": 10, "height": 10,
        "created_at": 1700000000, "sender": sender(of, nth),
    })
}

/// A message as searches show it: without `private`.
fn quoted(of: Conversation, nth: u32) -> Value {
    let whole = message(of, nth);
    let mut quoted = json!({"inbox": {"id": 4, "name": "Shop", "channel_type": "Channel::Whatsapp"}});
    for key in [
        "id",
        "content",
        "message_type",
        "content_type",
        "source_id",
        "inbox_id",
        "conversation_id",
        "created_at",
        "sender",
    ] {
        quoted[key] = whole[key].clone();
    }
    quoted
}

fn notice(of: Conversation) -> Value {
    json!({
        "id": 9000 + of.id, "notification_type": "conversation_mention", "primary_actor_type": "Conversation",
        "push_message_title": format!("CANARY-n{}-quoted", of.id), "primary_actor_id": 7000 + of.id, "primary_actor": of.told(),
        "read_at": null, "secondary_actor": message(of, 3), "user": agent(HEADGATE), "created_at": 1, "last_activity_at": 1,
        "snoozed_until": null, "meta": {"last_reason": "CANARY-x"},
    })
}

/// The parameters of a query.
struct Query {
    /// Whether they mean nothing to this backend.
    ignored: bool,
    /// Whose token it came with.
    me: u32,
    parameters: Vec<(String, String)>,
}

impl Query {
    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A page of what there is.
    fn rows<T: Clone>(&self, all: &[T], size: usize) -> Vec<T> {
        if self.ignored {
            return all.to_vec();
        }
        all.iter().skip((self.page() - 1) * size).take(size).cloned().collect()
    }

    fn page(&self) -> usize {
        self.get("page").map_or(1, |page| page.parse().unwrap())
    }

    /// What the list and the counters are about.
    fn conversations(&self) -> Vec<Conversation> {
        if self.ignored {
            return Conversation::all();
        }
        let status = self.get("status").unwrap_or("open");
        let text = self.get("q");
        let kept = |of: &Conversation| {
            (status == "all" || text.is_some() || of.status == status)
                && text.is_none_or(|text| format!("CANARY-c{}-content", of.id).contains(text))
                && self.get("team_id").is_none_or(|team| of.team.is_some_and(|of| of.to_string() == team))
                && match self.get("conversation_type") {
                    Some("mention") => of.mentioned,
                    Some("participating") => of.watched,
                    Some("unattended") => !of.id.is_multiple_of(3),
                    _ => true,
                }
        };
        Conversation::all().into_iter().filter(kept).collect()
    }

    fn of_assignees(&self, all: Vec<Conversation>) -> Vec<Conversation> {
        let kept = |of: &Conversation| match self.get("assignee_type") {
            _ if self.ignored => true,
            Some("me") => of.agent() == Some(self.me),
            Some("unassigned") => of.assignee.is_none(),
            Some("assigned") => of.assignee.is_some(),
            _ => true,
        };
        all.into_iter().filter(kept).collect()
    }
}

fn counts(of: &[Conversation]) -> Value {
    let unassigned = of.iter().filter(|one| one.assignee.is_none()).count();
    let mine = of.iter().filter(|one| one.agent() == Some(HEADGATE)).count();
    json!({"mine_count": mine, "unassigned_count": unassigned, "assigned_count": of.len() - unassigned, "all_count": of.len()})
}

/// What an operator's filter keeps: conditions on status, team and assignee, joined by `AND`.
fn kept_by(payload: &Value, of: &Conversation) -> bool {
    payload.as_array().unwrap().iter().all(|condition| {
        let values = condition["values"].as_array().unwrap();
        let value = match condition["attribute_key"].as_str().unwrap() {
            "status" => json!(of.status),
            "team_id" => json!(of.team),
            "assignee_id" => json!(of.agent()),
            _ => return false,
        };
        values.contains(&value) || values == &[json!("all")]
    })
}

/// What Chatwoot answers.
pub(super) fn told(asked: &Asked) -> Vec<u8> {
    answered(asked, false)
}

/// What one answers to which no filter and no page means anything.
pub(super) fn told_all(asked: &Asked) -> Vec<u8> {
    answered(asked, true)
}

fn answered(asked: &Asked, ignored: bool) -> Vec<u8> {
    let tokens = asked.all("api_access_token");
    assert_eq!(tokens.len(), 1, "{asked:?}");
    let me = tokens[0].strip_prefix("token-of-").and_then(|user| user.parse().ok()).unwrap_or(HEADGATE);
    match answer(asked, me, ignored) {
        Some(value) => backend::json(200, &value),
        None => backend::json(404, &json!({"error": "CANARY-x: resource could not be found"})),
    }
}

fn answer(asked: &Asked, me: u32, ignored: bool) -> Option<Value> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    if path == "/api/v1/profile" {
        let account = json!({"id": 1, "name": "Shop", "role": "agent", "pubsub_token": "CANARY-x"});
        let mut profile =
            json!({"access_token": "CANARY-x", "pubsub_token": "CANARY-x", "accounts": [account]});
        profile.as_object_mut().unwrap().extend(agent(me).as_object().unwrap().clone());
        return Some(profile);
    }
    if path.starts_with("/api/v2/") || path.ends_with("/metrics") {
        return Some(json!({"open": 7}));
    }
    let query =
        Query { ignored, me, parameters: form_urlencoded::parse(query.as_bytes()).into_owned().collect() };
    let path = path.strip_prefix("/api/v1/accounts/1/")?;
    let parts: Vec<_> = path.split('/').collect();
    let conversation = |id: &str| {
        let id: u32 = id.parse().ok()?;
        (1..=CONVERSATIONS).contains(&id).then(|| Conversation::of(id))
    };
    let a_contact = |id: &str| id.parse().ok().filter(|id| CONTACTS.contains(id));
    let all: Vec<u32> = CONTACTS.collect();
    Some(match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["conversations"]) => {
            let counted = query.conversations();
            let meta = counts(&counted);
            let rows = query.rows(&query.of_assignees(counted), PAGE);
            json!({"data": {"meta": meta, "payload": rows.into_iter().map(Conversation::shown).collect::<Vec<_>>()}})
        }
        ("GET", ["conversations", "meta"]) => json!({"meta": counts(&query.conversations())}),
        ("GET", ["conversations", "search"]) => {
            let found = query.conversations();
            let rows = query.rows(&found, PAGE).into_iter().map(Conversation::found_before);
            json!({"meta": counts(&found), "payload": rows.collect::<Vec<_>>()})
        }
        ("POST", ["conversations", "filter"]) => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let mut found = Conversation::all();
            found.retain(|of| query.ignored || kept_by(&body["payload"], of));
            let rows = query.rows(&found, PAGE).into_iter().map(Conversation::shown);
            json!({"meta": counts(&found), "payload": rows.collect::<Vec<_>>()})
        }
        ("GET", ["search"]) => {
            let found = query.rows(&query.conversations(), 15);
            json!({"payload": {
                "conversations": found.iter().copied().map(Conversation::found).collect::<Vec<_>>(),
                "messages": found.iter().map(|of| quoted(*of, 3)).collect::<Vec<_>>(),
                "contacts": all.iter().map(|id| found_contact(*id)).collect::<Vec<_>>(),
                "articles": [{"id": 1, "title": "CANARY-x"}],
            }})
        }
        ("GET", ["search", "conversations"]) => {
            let found = query.rows(&query.conversations(), 15);
            json!({"payload": {"conversations": found.into_iter().map(Conversation::found).collect::<Vec<_>>()}})
        }
        ("GET", ["search", "messages"]) if query.get("q") == Some("flood") => {
            // As no Chatwoot does: more than a page, each of a conversation of its own.
            let first = query.get("page").is_none_or(|page| page == "1");
            let many = (1..=150).filter(|_| first).map(|id| quoted(Conversation::of(id), 1));
            json!({"payload": {"messages": many.collect::<Vec<_>>()}})
        }
        ("GET", ["search", "messages"]) => {
            let found = query.rows(&query.conversations(), 15);
            json!({"payload": {"messages": found.into_iter().map(|of| quoted(of, 1)).collect::<Vec<_>>()}})
        }
        ("GET", ["search", "contacts"]) => {
            json!({"payload": {"contacts": all.iter().map(|id| found_contact(*id)).collect::<Vec<_>>()}})
        }
        ("POST", ["conversations"]) => Conversation::of(4).shown(),
        ("PATCH", ["canned_responses", id]) => json!({"id": id, "short_code": "hi", "content": "hello"}),
        ("GET" | "PATCH", ["conversations", id]) => conversation(id)?.shown(),
        ("GET", ["conversations", id, "messages"]) => {
            let of = conversation(id)?;
            json!({
                "meta": {
                    "labels": [format!("CANARY-c{id}-label")], "additional_attributes": {"referer": "CANARY-x"},
                    "contact": contact(of.contact, false), "assignee": of.agent().map(agent), "agent_last_seen_at": "2023",
                    "assignee_last_seen_at": "2023",
                },
                "payload": [message(of, 1), message(of, 2), message(of, 3)],
            })
        }
        ("POST", ["conversations", id, "messages"]) => message(conversation(id)?, 2),
        ("GET", ["conversations", id, "attachments"]) => {
            let of = conversation(id)?;
            json!({"meta": {"total_count": 2}, "payload": [listed_picture(of, 2), listed_picture(of, 3)]})
        }
        ("GET" | "POST", ["conversations", id, "labels"]) => {
            conversation(id)?;
            json!({"payload": [format!("CANARY-c{id}-label")]})
        }
        ("GET", ["conversations", id, "participants"]) => {
            json!([agent(if conversation(id)?.watched { 2 } else { 3 })])
        }
        ("GET" | "PATCH" | "DELETE", ["conversations", id, "draft_messages"]) => {
            conversation(id)?;
            json!({"has_draft": true, "message": format!("CANARY-n{id}-draft"), "secret": "CANARY-x"})
        }
        ("POST", ["conversations", id, "messages", _, "translate"]) => {
            conversation(id)?;
            json!({"content": format!("CANARY-n{id}-translated")})
        }
        ("POST", ["conversations", id, "direct_uploads"]) => {
            conversation(id)?;
            let direct = json!({"url": format!("https://CANARY-m{id}-storage"), "headers": {"content-type": "image/png"}});
            json!({"id": 1, "key": "CANARY-x", "signed_id": "s", "filename": "a.png", "direct_upload": direct})
        }
        ("POST", ["conversations", id, "toggle_status"]) => {
            let of = conversation(id)?;
            json!({"meta": {}, "payload": {"success": true, "conversation_id": of.id, "current_status": "open", "snoozed_until": null}})
        }
        ("POST", ["conversations", id, "assignments"]) => {
            conversation(id)?;
            agent(2)
        }
        ("GET", ["contacts", id, "conversations"]) => {
            let id: u32 = a_contact(id)?;
            let of = Conversation::all().into_iter().filter(|of| of.contact == id);
            json!({"payload": of.map(Conversation::shown).collect::<Vec<_>>()})
        }
        ("GET", ["contacts"] | ["contacts", "search" | "active"]) | ("POST", ["contacts", "filter"]) => {
            let rows = query.rows(&all, PAGE_OF_CONTACTS);
            let rows: Vec<_> = rows.into_iter().map(|id| contact(id, true)).collect();
            json!({"meta": {"count": all.len(), "current_page": query.page()}, "payload": rows})
        }
        ("POST", ["contacts"]) => {
            json!({"payload": {"contact": contact(511, false), "contact_inbox": {"source_id": "x", "pubsub_token": "CANARY-x"}}})
        }
        ("GET" | "PUT", ["contacts", id]) => json!({"payload": contact(a_contact(id)?, true)}),
        ("GET", ["notifications"]) => {
            let of = Conversation::all();
            let rows = query.rows(&of, 15).into_iter().map(notice);
            let meta = json!({"unread_count": of.len(), "count": of.len(), "current_page": query.page()});
            json!({"data": {"meta": meta, "payload": rows.collect::<Vec<_>>()}})
        }
        ("GET", ["notifications", "unread_count"]) => json!(CONVERSATIONS),
        ("POST", ["actions", "contact_merge"]) => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            contact(u32::try_from(body["base_contact_id"].as_u64()?).ok()?, true)
        }
        ("GET" | "POST" | "PATCH", ["custom_filters", rest @ ..]) => {
            let filter = json!({"id": me, "name": format!("of {me}"), "filter_type": "conversation", "query": {}, "user_id": "CANARY-x"});
            if asked.method == "GET" && rest.is_empty() { json!([filter]) } else { filter }
        }
        ("POST" | "PATCH", ["notifications", ..]) => notice(Conversation::of(1)),
        ("GET", ["labels", _]) => json!({"id": 1, "title": "vip", "color": "#fff", "secret": "CANARY-x"}),
        ("GET", ["agents"]) => json!([agent(1), agent(2), agent(3)]),
        ("GET", ["teams"]) => json!([team(10), team(20)]),
        ("GET", ["inboxes"]) => json!({"payload": [{
            "id": 4, "name": "Shop", "channel_type": "Channel::Email", "imap_password": "CANARY-x", "smtp_password": "CANARY-x",
            "hmac_token": "CANARY-x", "provider_config": {"api_key": "CANARY-x"}, "forward_to_email": "CANARY-x@inbound.example",
        }]}),
        _ => return None,
    })
}
