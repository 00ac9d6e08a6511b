//! Contacts, their labels, notes and ways to be reached.

use serde_json::{Value, json};

use super::{CONTACTS, Conversation, Query, Told, account::agent};
use crate::gate::backend::Asked;

const PAGE: usize = 15;

/// What is answered to a request about contacts.
pub(super) fn answer(asked: &Asked, parts: &[&str], query: &Query) -> Option<Told> {
    let all: Vec<u32> = CONTACTS.collect();
    let of = |id: &str| id.parse().ok().filter(|id| CONTACTS.contains(id));
    let payload = |contact: Value| json!({"payload": contact});
    let value = match (asked.method.as_str(), parts) {
        ("GET", ["contacts"] | ["contacts", "search" | "active"]) | ("POST", ["contacts", "filter"]) => {
            let rows = query.rows(&all, PAGE);
            let rows: Vec<_> = rows.into_iter().map(|id| contact(id, true)).collect();
            let mut meta = json!({"count": all.len(), "current_page": query.page_said()});
            if parts.ends_with(&["search"]) {
                // The search alone counts what the page has, and says whether there is another.
                meta["count"] = json!(rows.len());
                meta["has_more"] = json!(query.page() * PAGE < all.len());
            }
            json!({"meta": meta, "payload": rows})
        }
        ("POST", ["contacts"]) => {
            // Of the inbox the whole record, and of none nothing.
            let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
            let inbox = json!({
                "id": 4, "name": "Shop", "channel_type": "Channel::Whatsapp", "channel_id": 40, "account_id": 1,
                "greeting_message": "welcome", "auto_assignment_config": {"secret": "CANARY-x"}, "created_at": "2023-11-14",
            });
            let reached = match body.get("inbox_id") {
                Some(_) => json!({"inbox": inbox, "source_id": "CANARY-k511-hidden-source"}),
                None => json!({"inbox": null, "source_id": null}),
            };
            json!({"payload": {"contact": contact(511, true), "contact_inbox": reached}})
        }
        ("POST", ["actions", "contact_merge"]) => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            contact(u32::try_from(body["base_contact_id"].as_u64()?).ok()?, false)
        }
        ("GET" | "PUT" | "PATCH", ["contacts", id])
        | ("POST", ["contacts", id, "destroy_custom_attributes"]) => payload(contact(of(id)?, true)),
        ("DELETE", ["contacts", id, "avatar"]) => payload(contact(of(id)?, false)),
        ("GET", ["contacts", id, "conversations"]) => {
            let id: u32 = of(id)?;
            let of = Conversation::all().into_iter().filter(|of| of.contact == id);
            json!({"payload": of.map(Conversation::shown).collect::<Vec<_>>()})
        }
        ("GET" | "POST", ["contacts", id, "labels"]) => {
            json!({"payload": [format!("CANARY-k{}-label", of(id)?)]})
        }
        ("GET", ["contacts", id, "contactable_inboxes"]) => json!({"payload": [reached_at(of(id)?)]}),
        ("POST", ["contacts", id, "contact_inboxes"]) => reached_at(of(id)?),
        ("GET", ["contacts", id, "notes"]) => json!([note(of(id)?)]),
        ("POST", ["contacts", id, "notes"]) | ("GET" | "PATCH", ["contacts", id, "notes", "1"]) => {
            note(of(id)?)
        }
        ("DELETE", ["contacts", id] | ["contacts", id, "notes", "1"]) => {
            of(id)?;
            return Some(Told::Done);
        }
        _ => return None,
    };
    Some(Told::Json(value))
}

pub(super) fn contact(id: u32, inboxes: bool) -> Value {
    let mut contact = json!({
        "additional_attributes": additional(id), "availability_status": "offline",
        "email": format!("CANARY-k{id}-hidden-email@example.org"), "id": id, "name": format!("CANARY-k{id}-name"),
        "phone_number": format!("CANARY-k{id}-hidden-phone"), "blocked": false,
        "identifier": format!("CANARY-k{id}-hidden-identifier"), "thumbnail": format!("https://CANARY-k{id}-thumbnail"),
        "custom_attributes": {"tier": format!("CANARY-k{id}-hidden-tier")}, "last_activity_at": 1, "created_at": 1,
        "crm_secret": "CANARY-x",
    });
    if inboxes {
        contact["contact_inboxes"] = json!([reached_at(id)]);
    }
    contact
}

/// As events, and so messages and notices, show it.
pub(super) fn told_contact(id: u32) -> Value {
    json!({
        "additional_attributes": additional(id), "custom_attributes": {}, "id": id,
        "email": format!("CANARY-k{id}-hidden-email"), "identifier": null, "name": format!("CANARY-k{id}-name"),
        "phone_number": format!("CANARY-k{id}-hidden-phone"), "thumbnail": "", "blocked": false, "type": "contact",
    })
}

pub(super) fn found_contact(id: u32) -> Value {
    json!({
        "email": format!("CANARY-k{id}-hidden-email"), "id": id, "name": format!("CANARY-k{id}-name"),
        "phone_number": format!("CANARY-k{id}-hidden-phone"), "identifier": format!("CANARY-k{id}-hidden-identifier"),
        "additional_attributes": additional(id), "last_activity_at": 1,
    })
}

/// Where a contact lives and works.
fn additional(id: u32) -> Value {
    json!({
        "city": format!("CANARY-k{id}-hidden-city"), "company_name": format!("CANARY-k{id}-hidden-company"),
        "country": format!("CANARY-k{id}-hidden-country"), "country_code": format!("CANARY-k{id}-hidden-code"),
    })
}

fn reached_at(id: u32) -> Value {
    json!({
        "source_id": format!("CANARY-k{id}-hidden-source"), "pubsub_token": "CANARY-x", "hmac_verified": false,
        "inbox": {
            "id": 4, "avatar_url": "", "channel_id": 40, "name": "Shop", "channel_type": "Channel::Whatsapp",
            "provider": "whatsapp_cloud", "hmac_token": "CANARY-x",
        },
    })
}

fn note(of: u32) -> Value {
    json!({
        "id": 1, "content": format!("CANARY-w{of}-content"), "account_id": null, "contact_id": null, "user": agent(2),
        "created_at": 1700000000, "updated_at": 1700000000, "secret": "CANARY-x",
    })
}
