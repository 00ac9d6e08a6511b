//! Nothing is guessed at by a question: each field by which Chatwoot finds, filters or orders is hidden by itself, from somebody who sees all else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    backend,
    house::House,
    lacks::{Lacks, SOMETHING, those_who_lack, user},
};
use crate::gate::map::{Map, assert_each_has_a_sample};

/// How a question says a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// As a parameter, with something to be found.
    Parameter,
    /// As this parameter's value.
    Value(&'static str),
    /// As the key of a condition.
    Key,
}

/// Where the keys of conditions stand.
const KEYS: &str = "/payload/*/attribute_key";

/// A route, how its question says a name, and what Chatwoot looks at then.
type Question = (&'static str, Says, &'static str, &'static [&'static str]);

const TEXTS: &[&str] = &["message.content"];
const NUMBERS: &[&str] = &["contact.name", "contact.email", "contact.phone_number", "contact.identifier"];

/// What the map says itself of each name.
const SEARCHES: &[Question] = &[
    ("GET conversations", Says::Parameter, "q", TEXTS),
    ("GET conversations/meta", Says::Parameter, "q", TEXTS),
    ("GET conversations/search", Says::Parameter, "q", TEXTS),
    (
        "GET search",
        Says::Parameter,
        "q",
        &[
            "contact.name",
            "contact.email",
            "contact.phone_number",
            "contact.identifier",
            "found_message.content",
            "found_message.content_attributes.email.subject",
            "attachment.transcribed_text",
        ],
    ),
    ("GET search/conversations", Says::Parameter, "q", NUMBERS),
    (
        "GET search/messages",
        Says::Parameter,
        "q",
        &["content", "content_attributes.email.subject", "attachment.transcribed_text"],
    ),
    ("GET search/messages", Says::Parameter, "from", &["sender.name"]),
    ("GET search/contacts", Says::Parameter, "q", &["name", "email", "phone_number", "identifier"]),
    (
        "GET contacts/search",
        Says::Parameter,
        "q",
        &["name", "email", "phone_number", "identifier", "additional_attributes.company_name"],
    ),
    ("POST conversations/filter", Says::Key, "assignee_id", &["agent.id"]),
    ("POST conversations/filter", Says::Key, "contact_id", &["contact.id"]),
    ("POST conversations/filter", Says::Key, "display_id", &["id"]),
    ("POST conversations/filter", Says::Key, "browser_language", &["additional_attributes.browser_language"]),
    (
        "POST conversations/filter",
        Says::Key,
        "conversation_language",
        &["additional_attributes.conversation_language"],
    ),
    ("POST conversations/filter", Says::Key, "country_code", &["additional_attributes.country_code"]),
    ("POST conversations/filter", Says::Key, "mail_subject", &["additional_attributes.mail_subject"]),
    ("POST conversations/filter", Says::Key, "referer", &["additional_attributes.referer"]),
];

/// The orders of conversations, which the map spells out.
const ORDERS: [(&str, &[&str]); 14] = [
    ("last_activity_at_asc", &["last_activity_at"]),
    ("last_activity_at_desc", &["last_activity_at"]),
    ("latest", &["last_activity_at"]),
    ("created_at_asc", &["created_at"]),
    ("created_at_desc", &["created_at"]),
    ("sort_on_created_at", &["created_at"]),
    ("priority_asc", &["priority"]),
    ("priority_desc", &["priority"]),
    ("sort_on_priority", &["priority"]),
    ("priority_desc_created_at_asc", &["priority", "created_at"]),
    ("waiting_since_asc", &["waiting_since"]),
    ("waiting_since_desc", &["waiting_since"]),
    ("sort_on_waiting_since", &["waiting_since"]),
    ("unread", &["unread_count"]),
];
const ORDERED: [&str; 3] = ["GET conversations", "POST conversations/filter", "GET conversations/search"];

/// The orders of contacts, and the keys by which they and conversations are filtered, that the map leaves to their names.
const SORTS: [(&str, &[&str]); 9] = [
    ("name", &["name"]),
    ("-email", &["email"]),
    ("phone_number", &["phone_number"]),
    ("last_activity_at", &["last_activity_at"]),
    ("-created_at", &["created_at"]),
    ("company", &["additional_attributes"]),
    ("-company_name", &["additional_attributes"]),
    ("city", &["additional_attributes"]),
    ("country", &["additional_attributes"]),
];
const SORTED: [&str; 4] =
    ["GET contacts", "GET contacts/active", "GET contacts/search", "POST contacts/filter"];
const CONDITIONS: &[(&str, &str, &[&str])] = &[
    ("POST contacts/filter", "name", &["name"]),
    ("POST contacts/filter", "phone_number", &["phone_number"]),
    ("POST contacts/filter", "email", &["email"]),
    ("POST contacts/filter", "identifier", &["identifier"]),
    ("POST contacts/filter", "country_code", &["additional_attributes"]),
    ("POST contacts/filter", "city", &["additional_attributes"]),
    ("POST contacts/filter", "company", &["additional_attributes"]),
    ("POST contacts/filter", "labels", &["labels"]),
    ("POST contacts/filter", "created_at", &["created_at"]),
    ("POST contacts/filter", "last_activity_at", &["last_activity_at"]),
    ("POST conversations/filter", "status", &["status"]),
    ("POST conversations/filter", "priority", &["priority"]),
    ("POST conversations/filter", "inbox_id", &["inbox_id"]),
    ("POST conversations/filter", "team_id", &["meta.team.id"]),
    ("POST conversations/filter", "labels", &["labels"]),
    ("POST conversations/filter", "created_at", &["created_at"]),
    ("POST conversations/filter", "last_activity_at", &["last_activity_at"]),
];

/// All questions: those about names that the map spells out, and the others.
fn questions() -> (Vec<Question>, Vec<Question>) {
    let orders = ORDERED
        .iter()
        .flat_map(|route| ORDERS.map(|(order, fields)| (*route, Says::Value("sort_by"), order, fields)));
    let sorts = SORTED
        .iter()
        .flat_map(|route| SORTS.map(|(sort, fields)| (*route, Says::Value("sort"), sort, fields)));
    let conditions = CONDITIONS.iter().map(|(route, key, fields)| (*route, Says::Key, *key, *fields));
    (SEARCHES.iter().copied().chain(orders).collect(), sorts.chain(conditions).collect())
}

/// What a question looks at: fields of resources.
fn looked_at(map: &Map, (route, _, _, fields): Question) -> Vec<(String, &'static str)> {
    let of_field = |field: &'static str| {
        let (entity, field) = match field.split_once('.') {
            Some((entity, rest)) if map.has_entity(entity) => (entity.to_owned(), rest),
            _ => (map.shown_by(route), field),
        };
        map.resources(&entity).into_iter().map(move |resource| (resource, field))
    };
    fields.iter().flat_map(|field| of_field(field)).collect()
}

/// The request that asks it, with its body.
fn request((route, says, name, _): Question) -> (&'static str, String, Option<Value>) {
    let (method, path) = route.split_once(' ').unwrap();
    let query = match says {
        Says::Parameter if name == "from" => "?q=6281&from=contact:1".to_owned(),
        Says::Parameter => format!("?{name}=6281"),
        Says::Value(parameter) => format!("?{parameter}={name}"),
        Says::Key => String::new(),
    };
    let key = if says == Says::Key { name } else { "id" };
    let condition = json!({"attribute_key": key, "filter_operator": "equal_to", "values": ["6281"], "query_operator": null});
    (method, format!("{path}{query}"), (method == "POST").then(|| json!({"payload": [condition]})))
}

#[test]
fn every_name_by_which_the_map_lets_ask_is_asked_here() {
    let (spelt_out, others) = questions();
    let searched = spelt_out.iter().flat_map(|(route, _, name, fields)| {
        fields.iter().map(move |field| [route, name, field].map(|text| (*text).to_owned()))
    });
    assert_each_has_a_sample(&Map::chatwoot().searches(), &searched.collect());
    let named = spelt_out.iter().chain(&others).filter_map(|(route, says, ..)| {
        let at = match says {
            Says::Parameter => return None,
            Says::Value(parameter) => *parameter,
            Says::Key => KEYS,
        };
        Some([*route, at].map(str::to_owned))
    });
    assert_each_has_a_sample(&Map::chatwoot().named_at(), &named.collect());
}

#[tokio::test]
async fn who_lacks_one_field_finds_and_orders_nothing_by_it() {
    let map = Map::chatwoot();
    let (spelt_out, others) = questions();
    let questions: Vec<_> =
        spelt_out.into_iter().chain(others).map(|question| (question, looked_at(&map, question))).collect();
    let fields = questions.iter().flat_map(|(_, fields)| fields);
    let lacks: BTreeSet<_> = fields.map(|(resource, field)| Lacks::Field(resource, field)).collect();
    let lacks: Vec<_> = [SOMETHING].into_iter().chain(lacks).collect();
    let house = House::with(&those_who_lack(&lacks), backend::told).await;
    let mut wrong = Vec::new();
    for (question, fields) in &questions {
        let (method, target, body) = request(*question);
        let asked = format!("{method} {target} {}", body.as_ref().map(Value::to_string).unwrap_or_default());
        let answer = house.send(&user(0), method, &target, body.as_ref()).await;
        if answer.status != 200 {
            wrong.push(format!("{asked}: is refused to who lacks nothing of it: {}", answer.body));
        }
        for (resource, field) in fields {
            let place = lacks.iter().position(|lacks| *lacks == Lacks::Field(resource, field)).unwrap();
            let before = house.backend.lines().len();
            let answer = house.send(&user(place), method, &target, body.as_ref()).await;
            let is_refused = answer.status == 400 && answer.problem() == "fields";
            if !is_refused || house.backend.lines().len() != before {
                wrong
                    .push(format!("{asked}: is answered to who lacks {resource}.{field}: {}", answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
