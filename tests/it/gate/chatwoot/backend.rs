//! A small Chatwoot in memory, which answers in the shapes of its API for agents. Texts are canaries that say what they
//! are of: `CANARY-c7-…` of conversation 7, `CANARY-n7-…` of its private notes, `CANARY-m7-…` of its media, `CANARY-k503-…` of
//! contact 503, `CANARY-w503-…` of the notes on it, `CANARY-e0-…` of a report as a file, and `CANARY-x…` what nobody behind
//! Headgate may ever see.

mod account;
mod below;
mod contacts;
pub(super) mod messages;
pub(super) mod reports;

use serde_json::{Value, json};

use self::{
    account::{agent, bot, found_agent, team, told_agent, told_bot},
    contacts::{contact, found_contact, told_contact},
    messages::{message, viewed},
};
use crate::gate::backend::{self, Asked};

/// Conversations are 1 to this.
pub(super) const CONVERSATIONS: u32 = 40;
/// Contacts are 500 to 511.
pub(super) const CONTACTS: std::ops::Range<u32> = 500..512;

const PAGE: usize = 25;
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
            status: match id {
                _ if id.is_multiple_of(5) => "resolved",
                _ if id % 7 == 3 => "pending",
                _ if id % 7 == 5 => "snoozed",
                _ => "open",
            },
            watched: id.is_multiple_of(7),
            mentioned: id.is_multiple_of(6),
        }
    }

    /// The agent who is responsible.
    pub(super) fn agent(self) -> Option<u32> {
        self.assignee.filter(|_| !self.bot)
    }

    /// A search of messages finds its private one.
    pub(super) fn is_found_by_its_note(self) -> bool {
        self.id.is_multiple_of(2)
    }

    fn meta(self) -> Value {
        let mut meta = json!({
            "sender": contact(self.contact, false), "channel": "Channel::Whatsapp", "hmac_verified": false,
        });
        if let Some(id) = self.assignee {
            meta["assignee"] = if self.bot { bot(id) } else { agent(id) };
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
            "additional_attributes": self.additional(),
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

    /// Where it came from. Of some channels it names the contact's address there.
    fn additional(self) -> Value {
        json!({
            "referer": format!("https://CANARY-c{}-referer", self.id), "browser_language": "id", "conversation_language": "id",
            "country_code": "ID", "mail_subject": format!("CANARY-c{}-subject", self.id),
            "browser": {"browser_name": "Firefox", "platform_name": "Linux"}, "chat_id": "CANARY-x", "from_zip_code": "CANARY-x",
        })
    }

    /// As a notice shows it: as the event of it, whose channel stands beside `meta`.
    fn told(self) -> Value {
        let id = self.id;
        let assignee = self.assignee.map(|id| if self.bot { told_bot(id) } else { told_agent(id) });
        let kind = self.assignee.map(|_| if self.bot { "AgentBot" } else { "User" });
        json!({
            "additional_attributes": self.additional(), "can_reply": true, "channel": "Channel::Whatsapp",
            "contact_inbox": {"id": 1, "source_id": "CANARY-x", "pubsub_token": "CANARY-x", "hmac_verified": false},
            "id": id, "inbox_id": 4, "messages": [message(self, 2)], "labels": [format!("CANARY-c{id}-label")],
            "meta": {
                "sender": told_contact(self.contact), "assignee": assignee, "assignee_type": kind,
                "team": self.team.map(|id| json!({"id": id, "name": format!("team {id}")})), "hmac_verified": false,
            },
            "status": self.status, "custom_attributes": self.shown()["custom_attributes"], "snoozed_until": null,
            "unread_count": id % 3, "first_reply_created_at": null, "priority": null, "waiting_since": 0,
            "agent_last_seen_at": 1700000000, "contact_last_seen_at": 0, "last_activity_at": 1700000000, "timestamp": 1700000000,
            "created_at": 1700000000 + id, "updated_at": 1700000000.5,
        })
    }

    /// As a search of conversations shows it.
    fn found(self) -> Value {
        let mut found = json!({
            "id": self.id, "account_id": 1, "created_at": 1700000000, "message": viewed(self, 1),
            "contact": found_contact(self.contact),
            "inbox": {"id": 4, "channel_id": 40, "name": "Shop", "channel_type": "Channel::Whatsapp"},
            "additional_attributes": self.additional(),
        });
        if let Some(id) = self.agent() {
            found["agent"] = found_agent(id);
        }
        found
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

    /// The page's number as answers repeat it: what was asked for, as the text that it is in a query.
    fn page_said(&self) -> Value {
        self.get("page").map_or_else(|| json!(1), |page| json!(page))
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

/// As lists and searches of every kind but one count: without those that somebody has.
fn counts_but_assigned(of: &[Conversation]) -> Value {
    let mut counts = counts(of);
    counts.as_object_mut().unwrap().remove("assigned_count");
    counts
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
        Some(Told::Json(value)) => backend::json(200, &value),
        Some(Told::Done) => backend::answer(200, "content-type: application/json\r\n", ""),
        Some(Told::Gone) => backend::answer(204, "", ""),
        Some(Told::Table(text)) => {
            let headers =
                "content-type: text/csv\r\ncontent-disposition: attachment; filename=report.csv\r\n";
            backend::answer(200, headers, &text)
        }
        None => backend::json(404, &json!({"error": "CANARY-x: resource could not be found"})),
    }
}

/// What is answered.
enum Told {
    Json(Value),
    /// It is done, and nothing is said of it.
    Done,
    /// It is no longer there.
    Gone,
    /// A file of lines.
    Table(String),
}

fn answer(asked: &Asked, me: u32, ignored: bool) -> Option<Told> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let query =
        Query { ignored, me, parameters: form_urlencoded::parse(query.as_bytes()).into_owned().collect() };
    if path == "/api/v1/profile" {
        return Some(Told::Json(account::profile(me)));
    }
    let parts: Vec<_> = path.split('/').collect();
    let ["", "api", version, "accounts", "1", parts @ ..] = parts.as_slice() else { return None };
    match (*version, parts) {
        ("v2", _) | ("v1", [.., "metrics"]) => reports::answer(asked, parts),
        ("v1", ["contacts" | "actions", ..]) => contacts::answer(asked, parts, &query),
        ("v1", ["search", ..] | ["conversations"] | ["conversations", "meta" | "search" | "filter"]) => {
            found(asked, parts, &query).map(Told::Json)
        }
        ("v1", ["bulk_actions"]) => Some(Told::Done),
        ("v1", ["conversations", id, rest @ ..]) => {
            let id: u32 = id.parse().ok()?;
            let of = (1..=CONVERSATIONS).contains(&id).then(|| Conversation::of(id))?;
            below::answer(asked, &query, of, rest)
        }
        ("v1", _) => account::answer(asked, parts, &query),
        _ => None,
    }
}

/// What lists, counters and searches of conversations answer.
fn found(asked: &Asked, parts: &[&str], query: &Query) -> Option<Value> {
    Some(match (asked.method.as_str(), parts) {
        ("GET", ["conversations"]) => {
            let counted = query.conversations();
            let meta = counts(&counted);
            let rows = query.of_assignees(counted);
            // What changed of late comes all at once, whichever page is asked for.
            let rows = if query.get("updated_within").is_some() { rows } else { query.rows(&rows, PAGE) };
            json!({"data": {"meta": meta, "payload": rows.into_iter().map(Conversation::shown).collect::<Vec<_>>()}})
        }
        ("POST", ["conversations"]) => Conversation::of(4).shown(),
        ("GET", ["conversations", "meta"]) => json!({"meta": counts(&query.conversations())}),
        ("GET", ["conversations", "search"]) => {
            let found = query.conversations();
            let rows = query.rows(&found, PAGE).into_iter().map(Conversation::found_before);
            json!({"meta": counts_but_assigned(&found), "payload": rows.collect::<Vec<_>>()})
        }
        ("POST", ["conversations", "filter"]) => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let mut found = Conversation::all();
            found.retain(|of| query.ignored || kept_by(&body["payload"], of));
            let rows = query.rows(&found, PAGE).into_iter().map(Conversation::shown);
            json!({"meta": counts_but_assigned(&found), "payload": rows.collect::<Vec<_>>()})
        }
        ("GET", ["search"]) => {
            let found = query.rows(&query.conversations(), 15);
            json!({"payload": {
                "conversations": found.iter().copied().map(Conversation::found).collect::<Vec<_>>(),
                "messages": found.iter().map(|of| viewed(*of, 3)).collect::<Vec<_>>(),
                "contacts": CONTACTS.map(found_contact).collect::<Vec<_>>(),
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
            let many = (1..=150).filter(|_| first).map(|id| viewed(Conversation::of(id), 1));
            json!({"payload": {"messages": many.collect::<Vec<_>>()}})
        }
        ("GET", ["search", "messages"]) => {
            let found = query.rows(&query.conversations(), 15);
            let rows = found.into_iter().map(|of| viewed(of, if of.is_found_by_its_note() { 3 } else { 1 }));
            json!({"payload": {"messages": rows.collect::<Vec<_>>()}})
        }
        ("GET", ["search", "contacts"]) => {
            let found = query.rows(&CONTACTS.collect::<Vec<_>>(), 15);
            json!({"payload": {"contacts": found.into_iter().map(found_contact).collect::<Vec<_>>()}})
        }
        _ => return None,
    })
}
