//! What Chatwoot tells, takes or is asked about under several names: who lacks it under one of them lacks it under each.

use std::collections::BTreeSet;

use super::{
    backend,
    house::House,
    lacks::{Lacks, SOMETHING, those_who_lack, user},
};
use crate::gate::map::{Map, assert_each_has_a_sample};

/// A request that meets a field under one of its names.
struct Way {
    request: &'static str,
    body: &'static str,
    /// Where the answer tells the field; what is asked or written by it says it itself.
    told: Option<&'static str>,
}

const fn told(request: &'static str, told: &'static str) -> Way {
    Way { request, body: "", told: Some(told) }
}

const fn told_of(request: &'static str, body: &'static str, told: &'static str) -> Way {
    Way { request, body, told: Some(told) }
}

const fn asked(request: &'static str) -> Way {
    Way { request, body: "", told: None }
}

const fn said(request: &'static str, body: &'static str) -> Way {
    Way { request, body, told: None }
}

/// An entity of the map, a resource that it is of, two names of a field, and how one meets it.
struct Copies(&'static str, &'static str, [&'static str; 2], &'static [Way]);

const MESSAGES: &str = "GET conversations/4/messages";
const FOUND: &str = "GET search/conversations";
const PROFILE: &str = "GET /api/v1/profile";
const STATUS: &str = "POST conversations/4/toggle_status";
const ASSIGNED: (&str, &str) = ("POST conversations/4/assignments", r#"{"assignee_id": 1}"#);

const COPIES: &[Copies] = &[
    Copies(
        "conversation",
        "conversation",
        ["id", "display_id"],
        &[
            told("GET conversations/4", "/id"),
            said(
                "POST conversations/filter",
                r#"{"payload": [{"attribute_key": "display_id", "values": [4]}]}"#,
            ),
        ],
    ),
    Copies(
        "conversation",
        "conversation",
        ["last_activity_at", "timestamp"],
        &[
            told("GET conversations/4", "/last_activity_at"),
            told("GET conversations/4", "/timestamp"),
            asked("GET conversations?sort_by=latest"),
        ],
    ),
    Copies(
        "conversation",
        "conversation",
        ["additional_attributes.browser_language", "browser_language"],
        &[
            told("GET conversations/4", "/additional_attributes/browser_language"),
            said(
                "POST conversations/filter",
                r#"{"payload": [{"attribute_key": "browser_language", "values": ["id"]}]}"#,
            ),
        ],
    ),
    Copies(
        "conversation",
        "conversation",
        ["additional_attributes.conversation_language", "conversation_language"],
        &[
            told("GET conversations/4", "/additional_attributes/conversation_language"),
            said(
                "POST conversations/filter",
                r#"{"payload": [{"attribute_key": "conversation_language", "values": ["id"]}]}"#,
            ),
        ],
    ),
    Copies(
        "conversation",
        "conversation",
        ["additional_attributes.referer", "referer"],
        &[
            told("GET conversations/4", "/additional_attributes/referer"),
            said(
                "POST conversations/filter",
                r#"{"payload": [{"attribute_key": "referer", "values": ["a"]}]}"#,
            ),
        ],
    ),
    Copies(
        "conversation",
        "conversation",
        ["additional_attributes.mail_subject", "mail_subject"],
        &[
            told("GET conversations/4", "/additional_attributes/mail_subject"),
            said(
                "POST conversations/filter",
                r#"{"payload": [{"attribute_key": "mail_subject", "values": ["a"]}]}"#,
            ),
        ],
    ),
    Copies(
        "conversation",
        "conversation",
        ["additional_attributes.country_code", "country_code"],
        &[
            told("GET conversations/4", "/additional_attributes/country_code"),
            said(
                "POST conversations/filter",
                r#"{"payload": [{"attribute_key": "country_code", "values": ["ID"]}]}"#,
            ),
        ],
    ),
    Copies(
        "conversation_labels",
        "conversation",
        ["labels", "payload"],
        &[told("GET conversations/4/labels", "/payload")],
    ),
    Copies(
        "conversation_status",
        "conversation",
        ["id", "payload.conversation_id"],
        &[told_of(STATUS, r#"{"status": "open"}"#, "/payload/conversation_id")],
    ),
    // Who does not see whether it is open does not open it.
    Copies(
        "conversation_status",
        "conversation",
        ["status", "payload.current_status"],
        &[
            said(STATUS, r#"{"status": "open"}"#),
            told_of(STATUS, r#"{"status": "open"}"#, "/payload/current_status"),
        ],
    ),
    Copies(
        "conversation_status",
        "conversation",
        ["snoozed_until", "payload.snoozed_until"],
        &[
            said(STATUS, r#"{"status": "snoozed", "snoozed_until": 1700000000}"#),
            told_of(STATUS, r#"{"status": "open"}"#, "/payload/snoozed_until"),
        ],
    ),
    // As it is, and as it stands beside messages.
    Copies(
        "",
        "conversation",
        ["agent_last_seen_at"; 2],
        &[told("GET conversations/4", "/agent_last_seen_at"), told(MESSAGES, "/meta/agent_last_seen_at")],
    ),
    Copies(
        "",
        "conversation",
        ["assignee_last_seen_at"; 2],
        &[
            told("GET conversations/4", "/assignee_last_seen_at"),
            told(MESSAGES, "/meta/assignee_last_seen_at"),
        ],
    ),
    Copies(
        "message",
        "message",
        ["content", "processed_message_content"],
        &[
            told("GET conversations/4", "/messages/0/content"),
            told("GET conversations/4", "/messages/0/processed_message_content"),
            told(MESSAGES, "/payload/0/content"),
        ],
    ),
    Copies(
        "message",
        "note",
        ["content", "processed_message_content"],
        &[
            told("GET conversations/4", "/last_non_activity_message/content"),
            told("GET conversations/4", "/last_non_activity_message/processed_message_content"),
            told(MESSAGES, "/payload/2/content"),
        ],
    ),
    // The first message is the contact's, the second an agent's.
    Copies(
        "sender",
        "user",
        ["name", "available_name"],
        &[told(MESSAGES, "/payload/1/sender/name"), told(MESSAGES, "/payload/1/sender/available_name")],
    ),
    Copies("sender", "contact", ["name", "available_name"], &[told(MESSAGES, "/payload/0/sender/name")]),
    Copies("sender", "contact", ["email", "emails"], &[told(MESSAGES, "/payload/0/sender/email")]),
    Copies("sender", "contact", ["thumbnail", "avatar"], &[told(MESSAGES, "/payload/0/sender/thumbnail")]),
    Copies(
        "sender",
        "user",
        ["thumbnail", "avatar"],
        &[told(MESSAGES, "/payload/1/sender/thumbnail"), told(MESSAGES, "/payload/1/sender/avatar_url")],
    ),
    Copies(
        "sender",
        "contact",
        ["thumbnail", "avatar_url"],
        &[told(MESSAGES, "/payload/0/sender/thumbnail")],
    ),
    Copies(
        "sender",
        "user",
        ["thumbnail", "avatar_url"],
        &[told(MESSAGES, "/payload/1/sender/thumbnail"), told(MESSAGES, "/payload/1/sender/avatar_url")],
    ),
    Copies(
        "sender",
        "contact",
        ["additional_attributes.company_name", "company"],
        &[told(MESSAGES, "/payload/0/sender/additional_attributes/company_name")],
    ),
    Copies(
        "sender",
        "contact",
        ["additional_attributes.company_name", "company_name"],
        &[told(MESSAGES, "/payload/0/sender/additional_attributes/company_name")],
    ),
    Copies(
        "sender",
        "contact",
        ["additional_attributes.city", "city"],
        &[told(MESSAGES, "/payload/0/sender/additional_attributes/city")],
    ),
    Copies(
        "sender",
        "contact",
        ["additional_attributes.country", "country"],
        &[told(MESSAGES, "/payload/0/sender/additional_attributes/country")],
    ),
    Copies(
        "sender",
        "contact",
        ["additional_attributes.country_code", "country_code"],
        &[told(MESSAGES, "/payload/0/sender/additional_attributes/country_code")],
    ),
    Copies(
        "found_conversation",
        "conversation",
        ["inbox_id", "inbox.id"],
        &[
            told(FOUND, "/payload/conversations/0/inbox/id"),
            told("GET conversations/search", "/payload/0/inbox/id"),
        ],
    ),
    Copies(
        "found_conversation",
        "conversation",
        ["meta.channel", "inbox.channel_type"],
        &[
            told(FOUND, "/payload/conversations/0/inbox/channel_type"),
            told("GET conversations/search", "/payload/0/inbox/channel_type"),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["email", "emails"],
        &[
            told("GET contacts/504", "/payload/email"),
            said("PATCH contacts/504", r#"{"email": "a@shop.example"}"#),
            said("PATCH contacts/504", r#"{"emails": ["a@shop.example"]}"#),
            asked("GET contacts?sort=email"),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["thumbnail", "avatar"],
        &[
            told("GET contacts/504", "/payload/thumbnail"),
            said("PATCH contacts/504", r#"{"avatar": "signed-id"}"#),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["thumbnail", "avatar_url"],
        &[
            told("GET contacts/504", "/payload/thumbnail"),
            said("PATCH contacts/504", r#"{"avatar_url": "https://shop.example/a.png"}"#),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["additional_attributes.company_name", "company"],
        &[
            told("GET contacts/504", "/payload/additional_attributes/company_name"),
            asked("GET contacts?sort=company"),
            said("POST contacts/filter", r#"{"payload": [{"attribute_key": "company", "values": ["a"]}]}"#),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["additional_attributes.company_name", "company_name"],
        &[
            told("GET contacts/504", "/payload/additional_attributes/company_name"),
            asked("GET contacts?sort=-company_name"),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["additional_attributes.city", "city"],
        &[
            told("GET contacts/504", "/payload/additional_attributes/city"),
            asked("GET contacts?sort=city"),
            said("POST contacts/filter", r#"{"payload": [{"attribute_key": "city", "values": ["a"]}]}"#),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["additional_attributes.country", "country"],
        &[
            told("GET contacts/504", "/payload/additional_attributes/country"),
            asked("GET contacts?sort=country"),
        ],
    ),
    Copies(
        "contact",
        "contact",
        ["additional_attributes.country_code", "country_code"],
        &[
            told("GET contacts/504", "/payload/additional_attributes/country_code"),
            said(
                "POST contacts/filter",
                r#"{"payload": [{"attribute_key": "country_code", "values": ["ID"]}]}"#,
            ),
        ],
    ),
    Copies(
        "contact_labels",
        "contact",
        ["labels", "payload"],
        &[told("GET contacts/504/labels", "/payload")],
    ),
    Copies("contact_inbox", "contact", ["source_id", "phone_number"], REACHED),
    Copies("contact_inbox", "contact", ["source_id", "email"], REACHED),
    Copies("contact_inbox", "contact", ["source_id", "identifier"], REACHED),
    Copies(
        "agent",
        "user",
        ["name", "available_name"],
        &[
            told("GET agents", "/0/name"),
            told("GET agents", "/0/available_name"),
            told("GET conversations/4", "/meta/assignee/name"),
            told("GET conversations/4", "/meta/assignee/available_name"),
        ],
    ),
    Copies(
        "agent",
        "user",
        ["thumbnail", "avatar_url"],
        &[
            told("GET agents", "/0/thumbnail"),
            told(MESSAGES, "/meta/assignee/thumbnail"),
            told(MESSAGES, "/meta/assignee/avatar_url"),
        ],
    ),
    Copies(
        "assignee",
        "user",
        ["name", "available_name"],
        &[told_of(ASSIGNED.0, ASSIGNED.1, "/name"), told_of(ASSIGNED.0, ASSIGNED.1, "/available_name")],
    ),
    Copies("assignee", "user", ["thumbnail", "avatar_url"], &[told_of(ASSIGNED.0, ASSIGNED.1, "/thumbnail")]),
    Copies(
        "profile",
        "profile",
        ["name", "available_name"],
        &[told(PROFILE, "/name"), told(PROFILE, "/available_name")],
    ),
    Copies(
        "profile",
        "profile",
        ["name", "display_name"],
        &[told(PROFILE, "/name"), told(PROFILE, "/display_name")],
    ),
    Copies(
        "profile",
        "profile",
        ["role", "accounts.role"],
        &[told(PROFILE, "/role"), told(PROFILE, "/accounts/0/role")],
    ),
    Copies(
        "told_conversation",
        "conversation",
        ["meta.channel", "channel"],
        &[
            told("GET conversations/4", "/meta/channel"),
            told("GET notifications", "/data/payload/0/primary_actor/channel"),
        ],
    ),
    Copies(
        "told_conversation",
        "conversation",
        ["last_activity_at", "timestamp"],
        &[
            told("GET notifications", "/data/payload/0/primary_actor/last_activity_at"),
            told("GET notifications", "/data/payload/0/primary_actor/timestamp"),
        ],
    ),
];

/// How a contact is reached.
const REACHED: &[Way] = &[
    told("GET contacts/504", "/payload/contact_inboxes/0/source_id"),
    told("GET contacts/504/contactable_inboxes", "/payload/0/source_id"),
    said("POST contacts/504/contact_inboxes", r#"{"inbox_id": 4, "source_id": "6281200000503"}"#),
];

/// Whether somebody meets the field on this way; otherwise they are refused it by its name, or the answer lacks it.
async fn meets(house: &House, user: &str, way: &Way) -> bool {
    let (method, path) = way.request.split_once(' ').unwrap();
    let body = (!way.body.is_empty()).then_some(("application/json", way.body));
    let answer = house.send_as(user, method, path, body).await;
    match answer.status {
        200 => way.told.is_none_or(|place| answer.json().pointer(place).is_some()),
        400 | 403 if answer.problem() == "fields" => false,
        _ => panic!("{user}: {} {}: {answer:?}", way.request, way.body),
    }
}

#[test]
fn every_name_that_the_map_gives_twice_is_met_here() {
    let others = COPIES.iter().filter(|Copies(_, _, names, _)| names[0] != names[1]);
    let samples: BTreeSet<_> = others
        .map(|Copies(entity, _, [field, other], _)| [entity, field, other].map(|name| (*name).to_owned()))
        .collect();
    assert_each_has_a_sample(&Map::chatwoot().aliases(), &samples);
}

#[tokio::test]
async fn what_is_told_twice_is_hidden_twice() {
    let lacks: BTreeSet<_> = COPIES
        .iter()
        .flat_map(|Copies(_, resource, names, _)| names.map(|name| Lacks::Field(resource, name)))
        .collect();
    let lacks: Vec<_> = [SOMETHING].into_iter().chain(lacks).collect();
    let house = House::with(&those_who_lack(&lacks), backend::told).await;
    let mut wrong = Vec::new();
    for Copies(entity, resource, names, ways) in COPIES {
        for way in *ways {
            let at = format!("{entity}: {} {} {}", way.request, way.body, way.told.unwrap_or_default());
            if !meets(&house, &user(0), way).await {
                wrong.push(format!("{at}: is not met by who lacks nothing of it"));
            }
            for name in names {
                let place = lacks.iter().position(|lacks| *lacks == Lacks::Field(resource, name)).unwrap();
                if meets(&house, &user(place), way).await {
                    wrong.push(format!("{at}: is met by who lacks {resource}.{name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
