//! A small CRM that answers in the API's shapes. What stands behind `CANARY-` tells whose it is: `l` a lead's, `k` a contact's, `c` a
//! company's, `t` a task's, `o`, `p` and `q` those of a lead's, a contact's and a company's notes, `x` nobody's.

use serde_json::{Value, json};

use crate::gate::backend::{self, Asked};

/// How many objects there are of each kind.
pub(super) const LEADS: u32 = 24;
/// The lead of 11's that stands where a seller may edit nothing.
pub(super) const CLOSED: u32 = 22;
/// A user of another tenant alone.
pub(super) const ELSEWHERE: u32 = 77;

/// Who is responsible for a lead, and for what hangs on it.
pub(super) fn responsible(lead: u32) -> u32 {
    11 + lead % 2
}

/// The group of a company. That of all else is 1.
pub(super) fn group(company: u32) -> u32 {
    if company % 4 < 2 { 1 } else { 2 }
}

fn price(lead: u32) -> u32 {
    100 + lead
}

/// Whether 12 subscribes to a lead.
pub(super) fn subscribed(lead: u32) -> bool {
    lead.is_multiple_of(3)
}

/// Whether an object has notes.
pub(super) fn has_notes(id: u32) -> bool {
    !id.is_multiple_of(8)
}

/// The objects of another kind that hang on one: one with its own number, and the next, which is another's.
pub(super) fn tied(id: u32) -> [u32; 2] {
    [id, id % LEADS + 1]
}

pub(super) fn fields(of: &str) -> Value {
    json!([{"field_id": 7, "field_name": "Budget", "values": [{"value": format!("CANARY-{of}-fields")}]}])
}

fn links() -> Value {
    json!({"self": {"href": "https://crm/CANARY-x-link"}})
}

/// An object, with the objects of other kinds on it that `with` names.
fn object(kind: &str, id: u32, with: &str) -> Value {
    let mut object = bare(kind, id);
    let on_it: &[&str] = match kind {
        "leads" => &["contacts", "companies"],
        "contacts" => &["leads", "companies"],
        "companies" => &["contacts", "leads"],
        _ => &[],
    };
    for other in on_it {
        if with.split(',').any(|named| named == *other) {
            object["_embedded"][*other] = tied(id).map(|id| bare(other, id)).into_iter().collect();
        }
    }
    object
}

fn bare(kind: &str, id: u32) -> Value {
    let object = match kind {
        "leads" => lead(id),
        "contacts" => contact(id),
        "companies" => company(id),
        _ => task(id),
    };
    let mut all = json!({
        "id": id, "responsible_user_id": responsible(id), "group_id": 1, "created_by": 0, "account_id": 1, "internal": "CANARY-x",
        "_links": links(),
    });
    all.as_object_mut().unwrap().extend(object.as_object().unwrap().clone());
    all
}

fn lead(id: u32) -> Value {
    let subscribers = if subscribed(id) { json!([{"id": 12}]) } else { json!([]) };
    json!({
        "name": format!("CANARY-l{id}-card-name"), "price": price(id), "status_id": if id == CLOSED { 143 } else { 142 },
        "pipeline_id": 5, "custom_fields_values": fields(&format!("l{id}")),
        "_embedded": {
            "tags": [{"id": 1, "name": format!("CANARY-l{id}-tag")}], "companies": [], "subscribers": subscribers,
            "catalog_elements": [{"id": "CANARY-x"}],
        },
    })
}

fn contact(id: u32) -> Value {
    json!({
        "name": format!("CANARY-k{id}-card-name"), "picture": format!("https://CANARY-k{id}-card-picture"),
        "custom_fields_values": fields(&format!("k{id}")), "_embedded": {"tags": [], "customers": [{"id": "CANARY-x"}]},
    })
}

fn company(id: u32) -> Value {
    json!({
        "name": format!("CANARY-c{id}-name"), "group_id": group(id), "custom_fields_values": fields(&format!("c{id}")),
        "_embedded": {"tags": [{"id": 1, "name": format!("CANARY-c{id}-tag")}], "customers": [{"id": "CANARY-x"}]},
    })
}

fn task(id: u32) -> Value {
    json!({
        "text": format!("CANARY-t{id}-text"), "entity_id": id, "entity_type": "leads", "result": {"text": format!("CANARY-t{id}-result")},
    })
}

fn note(kind: &str, id: u32) -> Value {
    let letter = match kind {
        "leads" => 'o',
        "contacts" => 'p',
        _ => 'q',
    };
    json!({
        "id": 1, "entity_id": id, "note_type": "common", "params": {"text": format!("CANARY-{letter}{id}-note")}, "internal": "CANARY-x",
        "_links": links(),
    })
}

/// What is told of one that was changed.
fn changed(id: &Value) -> Value {
    json!({"id": id, "updated_at": 7, "internal": "CANARY-x", "_links": links()})
}

/// The parameters of a query.
struct Query(Vec<(String, String)>);

impl Query {
    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A number, or the other one.
    fn number(&self, name: &str, default: u32) -> u32 {
        self.one(name).map_or(default, |value| value.parse().unwrap())
    }

    /// Whether a filter lets this value pass, which may name one or several: `filter[id]=1`, `filter[id][]=1`.
    fn lets_pass(&self, filter: &str, value: u32) -> bool {
        let of_filter = |name: &str| name.strip_prefix(filter).is_some_and(|rest| matches!(rest, "" | "[]"));
        let mut named = self.0.iter().filter(|(name, _)| of_filter(name)).peekable();
        named.peek().is_none() || named.any(|(_, named)| *named == value.to_string())
    }
}

pub(super) fn told(asked: &Asked) -> Vec<u8> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let query = Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    let parts: Vec<_> = path.trim_start_matches("/api/v4/").split('/').collect();
    let with = query.one("with").unwrap_or_default();
    let number = |id: &str| id.parse().ok().filter(|id| (1..=LEADS).contains(id));
    let items = || -> Vec<Value> { serde_json::from_str(&asked.body).unwrap() };
    let embedded = |kind: &str, rows: Vec<Value>| {
        backend::json(200, &json!({"_links": links(), "_embedded": {kind: rows}}))
    };
    let made = |kind: &str, from: u32| {
        let made = items().into_iter().zip(from..).map(|(item, id)| {
            json!({"id": id, "entity_id": 1, "request_id": item["request_id"], "internal": "CANARY-x", "_links": links()})
        });
        embedded(kind, made.collect())
    };
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", [kind]) => made(kind, 901),
        ("PATCH", [kind]) => embedded(kind, items().iter().map(|item| changed(&item["id"])).collect()),
        ("GET", [kind]) => list(kind, &query),
        ("GET", [kind, id]) if number(id).is_some() => {
            backend::json(200, &object(kind, number(id).unwrap(), with))
        }
        ("PATCH", [_, id]) if number(id).is_some() => {
            backend::json(200, &changed(&json!(number(id).unwrap())))
        }
        ("POST", [_, id, "notes"]) if number(id).is_some() => made("notes", 801),
        ("GET", [kind, id, "notes"]) if number(id).is_some() => {
            let id = number(id).unwrap();
            if !has_notes(id) || query.number("page", 1) > 1 {
                return backend::answer(204, "", "");
            }
            backend::json(
                200,
                &json!({"_page": 1, "_links": links(), "_embedded": {"notes": [note(kind, id)]}}),
            )
        }
        ("POST", [_, id, "link"]) if number(id).is_some() => {
            let ties = items()
                .into_iter()
                .map(|item| json!({"to_entity_id": item["to_entity_id"], "metadata": "CANARY-x"}));
            embedded("links", ties.collect())
        }
        ("POST", [_, id, "unlink"]) if number(id).is_some() => backend::answer(204, "", ""),
        _ => backend::json(404, &json!({"title": "CANARY-x"})),
    }
}

fn list(kind: &str, query: &Query) -> Vec<u8> {
    let (page, size) = (query.number("page", 1) as usize, query.number("limit", 50) as usize);
    let prices = query.number("filter[price][from]", 0)..=query.number("filter[price][to]", u32::MAX);
    let is_asked_for = |id: &u32| {
        prices.contains(&price(*id)) && query.lets_pass("filter[responsible_user_id]", responsible(*id))
    };
    let mut fit: Vec<_> = (1..=LEADS).filter(is_asked_for).collect();
    if query.one("order[price]") == Some("desc") {
        fit.reverse();
    }
    let with = query.one("with").unwrap_or_default();
    let rows = fit.into_iter().skip((page - 1) * size).take(size).map(|id| object(kind, id, with));
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return backend::answer(204, "", "");
    }
    let links = json!({"self": {"href": "CANARY-x"}, "next": {"href": "CANARY-x"}});
    backend::json(200, &json!({"_page": page, "_links": links, "_embedded": {kind: rows}}))
}

/// As [`told`], by a backend to which no filter and no page means anything.
pub(super) fn told_all(asked: &Asked) -> Vec<u8> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let with = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "with");
    let with = with.map(|(_, with)| format!("?with={with}")).unwrap_or_default();
    told(&Asked { target: format!("{path}{with}"), ..asked.clone() })
}

/// As [`told`], by a backend that has no content to tell of what is not there, and where nothing was noted on contacts.
pub(super) fn told_nothing(asked: &Asked) -> Vec<u8> {
    let path = asked.target.split('?').next().unwrap();
    let answer = told(asked);
    let is_note = path.ends_with("/notes") && !path.contains("/leads/");
    if is_note && asked.method == "GET" || answer.starts_with(b"HTTP/1.1 404") {
        backend::answer(204, "", "")
    } else {
        answer
    }
}

/// Whether a user may see an object of a kind by itself, apart from the cards of leads to which they subscribe. 13 administers
/// all.
pub(super) fn may_view(user: &str, kind: &str, id: u32) -> bool {
    let team = if user == "11" { 1 } else { 2 };
    let of_team = kind == "companies" && group(id) == team;
    (1..=LEADS).contains(&id) && (user == "13" || responsible(id).to_string() == user || of_team)
}

/// Whether a user may see what a canary is of.
pub(super) fn may_see(user: &str, canary: &str) -> bool {
    let mut parts = canary.splitn(3, '-');
    let (of, what) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    let mut letters = of.chars();
    let letter = letters.next().unwrap();
    let number: String = letters.take_while(char::is_ascii_digit).collect();
    let Ok(id) = number.parse() else { return false };
    match letter {
        // Of a lead that they see, also the contacts: name and picture.
        'l' if what.starts_with("card") => may_view(user, "leads", id) || user == "12" && subscribed(id),
        'k' if what.starts_with("card") => {
            let on = (1..=LEADS).filter(|lead| tied(*lead).contains(&id));
            let mut on = on.map(|lead| may_view(user, "leads", lead) || user == "12" && subscribed(lead));
            may_view(user, "contacts", id) || on.any(|sees| sees)
        }
        'c' => may_view(user, "companies", id),
        // Notes are for who is responsible, whatever they are on.
        'l' | 'k' | 't' | 'o' | 'p' | 'q' => may_view(user, "leads", id),
        _ => false,
    }
}

/// As [`told`], by a backend that tells of what hangs on one object the id alone.
pub(super) fn told_ties_by_id(asked: &Asked) -> Vec<u8> {
    let answer = String::from_utf8(told(asked)).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut object: Value = serde_json::from_str(body).unwrap();
    for kind in ["leads", "contacts", "companies"] {
        for tied in object["_embedded"][kind].as_array_mut().into_iter().flatten() {
            *tied = json!({"id": tied["id"], "_links": links()});
        }
    }
    backend::json(200, &object)
}

/// As [`told`], by a backend where nothing hangs on an object.
pub(super) fn told_without_ties(asked: &Asked) -> Vec<u8> {
    let answer = String::from_utf8(told(asked)).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut object: Value = serde_json::from_str(body).unwrap();
    for kind in ["leads", "contacts", "companies"] {
        if let Some(tied) = object["_embedded"].get_mut(kind) {
            *tied = json!([]);
        }
    }
    backend::json(200, &object)
}
