//! Every route of the map, asked by everybody, and what hangs on an object by `with=`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Crm, USERS,
    api::{CLOSED, LEADS, has_notes, may_view, responsible, subscribed, tied, told_ties_by_id},
};

/// All routes of the map, each with what is written in its body: `ID` is the object's, `TO` that of another one of the user's.
const ROUTES: [(&str, &str); 32] = [
    ("GET /api/v4/leads", ""),
    ("GET /api/v4/leads/{id}", ""),
    ("POST /api/v4/leads", r#"[{"name": "a", "pipeline_id": 5, "status_id": 142, "request_id": "r"}]"#),
    ("PATCH /api/v4/leads", r#"[{"id": ID, "name": "a"}]"#),
    ("PATCH /api/v4/leads/{id}", r#"{"name": "a"}"#),
    ("GET /api/v4/leads/{id}/notes", ""),
    (
        "POST /api/v4/leads/{id}/notes",
        r#"[{"note_type": "common", "params": {"text": "a"}, "request_id": "r"}]"#,
    ),
    ("POST /api/v4/leads/{id}/link", r#"[{"to_entity_id": TO, "to_entity_type": "contacts"}]"#),
    ("POST /api/v4/leads/{id}/unlink", r#"[{"to_entity_id": TO, "to_entity_type": "contacts"}]"#),
    ("GET /api/v4/contacts", ""),
    ("GET /api/v4/contacts/{id}", ""),
    ("POST /api/v4/contacts", r#"[{"first_name": "a", "request_id": "r"}]"#),
    ("PATCH /api/v4/contacts", r#"[{"id": ID, "first_name": "a"}]"#),
    ("PATCH /api/v4/contacts/{id}", r#"{"first_name": "a"}"#),
    ("GET /api/v4/contacts/{id}/notes", ""),
    (
        "POST /api/v4/contacts/{id}/notes",
        r#"[{"note_type": "common", "params": {"text": "a"}, "request_id": "r"}]"#,
    ),
    ("POST /api/v4/contacts/{id}/link", r#"[{"to_entity_id": TO, "to_entity_type": "companies"}]"#),
    ("POST /api/v4/contacts/{id}/unlink", r#"[{"to_entity_id": TO, "to_entity_type": "companies"}]"#),
    ("GET /api/v4/companies", ""),
    ("GET /api/v4/companies/{id}", ""),
    ("POST /api/v4/companies", r#"[{"name": "a", "request_id": "r"}]"#),
    ("PATCH /api/v4/companies", r#"[{"id": ID, "name": "a"}]"#),
    ("PATCH /api/v4/companies/{id}", r#"{"name": "a"}"#),
    ("GET /api/v4/companies/{id}/notes", ""),
    (
        "POST /api/v4/companies/{id}/notes",
        r#"[{"note_type": "common", "params": {"text": "a"}, "request_id": "r"}]"#,
    ),
    ("POST /api/v4/companies/{id}/link", r#"[{"to_entity_id": TO, "to_entity_type": "contacts"}]"#),
    ("POST /api/v4/companies/{id}/unlink", r#"[{"to_entity_id": TO, "to_entity_type": "contacts"}]"#),
    ("GET /api/v4/tasks", ""),
    ("GET /api/v4/tasks/{id}", ""),
    ("POST /api/v4/tasks", r#"[{"text": "a", "request_id": "r"}]"#),
    ("PATCH /api/v4/tasks", r#"[{"id": ID, "text": "a"}]"#),
    ("PATCH /api/v4/tasks/{id}", r#"{"text": "a"}"#),
];

/// The routes that the map declares.
fn declared() -> BTreeSet<String> {
    let map = include_str!("../../../../src/config/presets/routes/crm-v4.toml");
    let map: toml::Table = map.parse().unwrap();
    let routes = map["route"].as_array().unwrap().iter();
    routes.map(|route| route["match"].as_str().unwrap().to_owned()).collect()
}

/// Whether a user may see an object of a kind, and be it by its card.
fn sees(user: &str, kind: &str, id: u32) -> bool {
    may_view(user, kind, id) || user == "12" && kind == "leads" && subscribed(id) && id <= LEADS
}

/// Whether a user may what a route is for.
fn may(user: &str, (method, kind, below): (&str, &str, Option<&str>), id: u32) -> bool {
    let own = may_view(user, "tasks", id);
    match (method, below) {
        ("GET", None) => sees(user, kind, id),
        // Notes are for who is responsible.
        (_, Some("notes")) => own,
        _ => may_view(user, kind, id) && (kind != "leads" || id != CLOSED || user == "13"),
    }
}

/// What the answer is of who may.
fn answer((method, kind, below): (&str, &str, Option<&str>), one: bool, id: u32) -> (u16, Value) {
    let letter = match kind {
        "leads" => 'o',
        "contacts" => 'p',
        _ => 'q',
    };
    match (method, below) {
        ("GET", Some("notes")) if !has_notes(id) => (204, Value::Null),
        ("GET", Some("notes")) => {
            let text = format!("CANARY-{letter}{id}-note");
            let note = json!({"id": 1, "entity_id": id, "note_type": "common", "params": {"text": text}});
            (200, json!({"_page": 1, "_embedded": {"notes": [note]}}))
        }
        ("POST", Some("notes")) => {
            (200, json!({"_embedded": {"notes": [{"id": 801, "entity_id": 1, "request_id": "r"}]}}))
        }
        // What ties are is not told.
        (_, Some(_)) => (204, Value::Null),
        ("PATCH", None) if one => (200, json!({"id": id, "updated_at": 7})),
        ("PATCH", None) => (200, json!({"_embedded": {kind: [{"id": id, "updated_at": 7}]}})),
        ("POST", None) => (200, json!({"_embedded": {kind: [{"id": 901, "request_id": "r"}]}})),
        _ => panic!("{method} {kind}"),
    }
}

#[test]
fn no_route_of_the_map_is_asked_by_no_test() {
    let asked: BTreeSet<_> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    let never: Vec<_> = declared().difference(&asked).cloned().collect();
    assert_eq!(never, [""; 0], "routes of crm-v4 that are not in the table");
}

#[tokio::test]
async fn every_route_of_the_map_is_for_who_the_roles_say() {
    let crm = Crm::start().await;
    for (route, body) in ROUTES {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.strip_prefix("/api/v4/").unwrap();
        let mut parts = path.split('/');
        let kind = parts.next().unwrap();
        let (one, below) = (path.contains("{id}"), path.contains("{id}").then(|| parts.nth(1)).flatten());
        for (user, ..) in USERS {
            if method == "GET" && !one {
                let shown = crm.ids(user, kind, "").await;
                let expected: BTreeSet<_> = (1..=LEADS).filter(|id| sees(user, kind, *id)).collect();
                assert_eq!(shown, expected, "{user}: {route}");
                continue;
            }
            let is_of_one = one || body.contains("ID");
            for id in [2, 3, 6, 8, CLOSED, 99] {
                let target = path.replace("{id}", &id.to_string());
                let to = if user == "12" { "5" } else { "4" };
                let sent = body.replace("ID", &id.to_string()).replace("TO", to);
                let may = if is_of_one {
                    may(user, (method, kind, below), id)
                } else {
                    user == "13" || kind != "companies"
                };
                let asked = format!("{user}: {method} {target}");
                let before = crm.backend.seen().len();
                let answered = crm.send(user, method, &target, &sent).await;
                let seen = crm.backend.seen().split_off(before);
                let written: Vec<_> =
                    seen.into_iter().filter(|asked| asked.method != "GET").map(|asked| asked.body).collect();
                let reached = if may && method != "GET" { vec![sent] } else { vec![] };
                assert_eq!(written, reached, "{asked}: {answered:?}");
                if !may {
                    let is_seen = !is_of_one || below != Some("notes") && sees(user, kind, id);
                    assert_eq!(answered.status, if is_seen { 403 } else { 404 }, "{asked}: {answered:?}");
                } else if method == "GET" && below.is_none() {
                    assert_eq!((answered.status, &answered.json()["id"]), (200, &json!(id)), "{asked}");
                } else {
                    let shown = if answered.body.is_empty() { Value::Null } else { answered.json() };
                    let expected = answer((method, kind, below), one, id);
                    assert_eq!((answered.status, shown), expected, "{asked}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_hangs_on_an_object_is_decided_on_by_itself() {
    let crm = Crm::start().await;
    for (kind, others) in [
        ("leads", ["contacts", "companies"]),
        ("contacts", ["leads", "companies"]),
        ("companies", ["contacts", "leads"]),
    ] {
        for (user, ..) in USERS {
            let (mut shown, mut hidden) = (0, 0);
            let list = crm.get(user, &format!("{kind}?with={}", others.join(","))).await.json();
            for row in list["_embedded"][kind].as_array().unwrap() {
                let id = u32::try_from(row["id"].as_u64().unwrap()).unwrap();
                for other in others {
                    let there: Vec<_> = row["_embedded"][other]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|one| u32::try_from(one["id"].as_u64().unwrap()).unwrap())
                        .collect();
                    // Who sees a lead sees the contacts on it, by name and picture.
                    let on_card = (kind, other) == ("leads", "contacts");
                    let expected: Vec<_> =
                        tied(id).into_iter().filter(|id| on_card || sees(user, other, *id)).collect();
                    assert_eq!(there, expected, "{user}: {other} of {kind}/{id}");
                    shown += there.len();
                    hidden += 2 - there.len();
                }
                let one = crm.get(user, &format!("{kind}/{id}?with={}", others.join(","))).await;
                assert_eq!(one.json(), *row, "{user}: {kind}/{id} alone is as in the list");
            }
            assert!(shown > 0 && (hidden > 0) == (user != "13"), "{user}: {kind}: {shown}, not {hidden}");
        }
    }
    // Whole where it is their own, and its card where it is not.
    assert_eq!((responsible(2), responsible(3), subscribed(3)), (11, 12, true));
    let names = |object: &Value| {
        let names = object.as_object().unwrap().keys().filter(|name| *name != "_embedded");
        names.cloned().collect::<Vec<_>>().join(" ")
    };
    let lead = crm.get("11", "leads/2?with=contacts,companies").await.json();
    let contacts = &lead["_embedded"]["contacts"];
    assert_eq!(contacts[0]["custom_fields_values"][0]["values"][0]["value"], "CANARY-k2-fields");
    assert_eq!(names(&contacts[1]), "id name picture");
    assert_eq!(lead["_embedded"]["companies"][0]["name"], "CANARY-c2-name");
    let contact = crm.get("12", "contacts/5?with=leads").await.json();
    assert_eq!((responsible(5), responsible(6), subscribed(6)), (12, 11, true));
    let leads = &contact["_embedded"]["leads"];
    assert_eq!((&leads[0]["price"], names(&leads[1])), (&json!(105), "id name".to_owned()));
}

#[tokio::test]
async fn what_hangs_on_an_object_by_its_id_alone_is_shown_to_who_needs_no_more() {
    let crm = Crm::before(told_ties_by_id).await;
    let ids = |object: &Value, kind: &str| -> Vec<u64> {
        object["_embedded"][kind].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect()
    };
    // Whose a company is, is not told: it is shown to who sees all of them. Who sees a lead sees the contacts on it.
    for (user, companies) in [("11", &[][..]), ("13", &[2, 3])] {
        let lead = crm.get(user, "leads/2?with=contacts,companies").await.json();
        assert_eq!(
            (ids(&lead, "contacts"), ids(&lead, "companies")),
            (vec![2, 3], companies.to_vec()),
            "{user}"
        );
    }
}
