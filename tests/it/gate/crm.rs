//! The shipped route map for a CRM in Kommo's shape, before a small one, with Kommo's own roles: who subscribes to a lead sees
//! its card and not its fields, and of the contact on it name and picture.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use headgate::{clock::SystemClock, config::Config, gateway::Gateway, identity::NewKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::api::{
    CLOSED, ELSEWHERE, LEADS, fields, has_notes, may_see, may_view, responsible, subscribed, told, told_all,
    told_nothing,
};
use super::{
    backend::{self, Asked, Backend, headgate_toml},
    oracle::{Allowed, Oracle, Shown, by_credential},
    world::Answer,
};
use crate::support::folder::write_file;

mod api;
mod each_line;
mod push;
mod reference;
mod routes;

const ROLES: &str = r#"
use = ["kommo"]
[role.seller.grants]
lead = { list = "own", view = "own", edit = "own", create = "own", assign = "own" }
contact = { list = "own", view = "own", edit = "own", create = "own" }
company = { list = "team", view = "team", edit = "team" }
task = { list = "own", view = "own", edit = "own", create = "own" }
note = { list = "own", view = "own", create = "own" }
[[role.seller.stage]]
resource = "lead"
pipeline = "5"
stage = ["143"]
mode = "replace"
edit = "none"
create = "none"
[role.seller.fields.lead]
read-only = ["price"]
[role.seller.relation.participant]
lead = { list = "card", view = "card" }
"#;

/// Users by the CRM's ids, each with group and role. 12 subscribes to the leads that 3 divides.
const USERS: [(&str, &str, &str); 3] =
    [("11", "1", "seller"), ("12", "2", "seller"), ("13", "2", "kommo.administrator")];

struct Crm {
    gateway: Gateway,
    oracle: Arc<Oracle>,
    backend: Backend,
    keys: Vec<String>,
    _folder: TempDir,
}

impl Crm {
    async fn start() -> Self {
        Self::before(told).await
    }

    /// Before this backend.
    async fn before(told: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::with(told, ROLES).await
    }

    /// Before this backend, with these roles.
    async fn with(told: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static, roles: &str) -> Self {
        let backend = Backend::start(told).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| write_file(folder.path(), name, text);
        write("headgate.toml", &headgate_toml("crm", backend.address));
        write("tenants/default/routes.toml", "use = [\"crm-v4\"]\nbackend = \"crm\"\n");
        write("tenants/default/roles.toml", roles);
        let (mut directory, mut identity, mut keys) = (String::new(), String::new(), Vec::new());
        for (user, group, role) in USERS {
            let key = NewKey::make().unwrap();
            directory += &format!("[user.{user}]\nroles = [\"{role}\"]\n");
            if user != "13" {
                directory += &format!("[team.{group}]\nmembers = [\"{user}\"]\n");
            }
            identity += &format!("[api_key.of-{user}]\nhash = \"{}\"\nuser = \"{user}\"\n", key.hash);
            keys.push(key.key.clone());
        }
        write("tenants/default/directory.toml", &directory);
        write("tenants/default/identity.toml", &identity);
        // Another tenant, with a user of its own.
        write(
            "tenants/other/directory.toml",
            &format!("[user.{ELSEWHERE}]\nroles = [\"kommo.administrator\"]\n"),
        );
        write("tenants/other/roles.toml", "use = [\"kommo\"]\n");
        let loaded = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let gateway = Gateway::start(loaded, Arc::new(SystemClock::new())).await.unwrap();
        let users = USERS.iter().map(|(user, ..)| (*user).to_owned());
        let known: Vec<_> = keys.iter().cloned().zip(users).collect();
        let allowed = Allowed {
            users: Box::new(move |text| by_credential(&known, text)),
            tenant: "default",
            sees: Box::new(may_see),
        };
        let oracle = Oracle::new(allowed, Shown::default(), backend.watched(), folder.path());
        Self { gateway, oracle, backend, keys, _folder: folder }
    }

    async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(user, "GET", path, "").await
    }

    /// What a write is answered, and what the backend was sent of it.
    async fn write(&self, user: &str, method: &str, path: &str, body: &Value) -> (Answer, Vec<String>) {
        let before = self.backend.seen().len();
        let answer = self.send(user, method, path, &body.to_string()).await;
        let asked = self.backend.seen().into_iter().skip(before).filter(|asked| asked.method != "GET");
        (answer, asked.map(|asked| asked.body).collect())
    }

    async fn send(&self, user: &str, method: &str, path: &str, body: &str) -> Answer {
        let key = &self.keys[USERS.iter().position(|(known, ..)| *known == user).unwrap()];
        let more = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} /api/v4/{path} HTTP/1.1\r\nHost: crm\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{more}\r\n{body}"
        );
        let mut stream = self.oracle.connect(self.gateway.agents().unwrap()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        drop(stream);
        self.oracle.judge();
        Answer::of(&answer)
    }

    /// The ids of a list's rows, in their order.
    async fn listed(&self, user: &str, kind: &str, query: &str) -> Vec<u32> {
        let answer = self.get(user, &format!("{kind}?{query}")).await;
        if answer.status == 204 {
            return Vec::new();
        }
        assert_eq!(answer.status, 200, "{user} {kind}?{query}: {answer:?}");
        let answer = answer.json();
        let id = |row: &Value| u32::try_from(row["id"].as_u64().unwrap()).unwrap();
        answer["_embedded"][kind].as_array().unwrap().iter().map(id).collect()
    }

    /// The ids of a list's rows, over all pages.
    async fn ids(&self, user: &str, kind: &str, query: &str) -> BTreeSet<u32> {
        let mut ids = BTreeSet::new();
        for page in 1..=4 {
            ids.extend(self.listed(user, kind, &format!("page={page}&{query}")).await);
        }
        ids
    }
}

#[tokio::test]
async fn every_list_of_the_crm_shows_what_get_shows() {
    let crm = Crm::start().await;
    for (user, ..) in USERS {
        let own: BTreeSet<_> =
            (1..=LEADS).filter(|id| user == "13" || responsible(*id).to_string() == user).collect();
        let mut leads = own.clone();
        if user == "12" {
            leads.extend((1..=LEADS).filter(|id| subscribed(*id)));
        }
        let companies = (1..=LEADS).filter(|id| may_view(user, "companies", *id)).collect();
        for (kind, expected) in
            [("leads", &leads), ("contacts", &own), ("companies", &companies), ("tasks", &own)]
        {
            for query in
                ["", "limit=10", "with=contacts,leads", "query=CANARY", "filter[responsible_user_id]=11"]
            {
                // Of a lead to which a seller subscribes the card alone is shown: it answers no question about more.
                let about_more = query.starts_with("query") || query.starts_with("filter");
                let mut expected = if about_more && kind == "leads" { own.clone() } else { expected.clone() };
                expected.retain(|id| !query.starts_with("filter") || responsible(*id) == 11);
                assert_eq!(crm.ids(user, kind, query).await, expected, "{user}: {kind}?{query}");
            }
            for id in 1..=LEADS + 1 {
                let status = crm.get(user, &format!("{kind}/{id}?with=contacts")).await.status;
                assert_eq!(status, if expected.contains(&id) { 200 } else { 404 }, "{user}: {kind}/{id}");
            }
        }
        for id in 1..=LEADS {
            let notes = crm.get(user, &format!("leads/{id}/notes")).await.status;
            let there = if has_notes(id) { 200 } else { 204 };
            assert_eq!(notes, if own.contains(&id) { there } else { 404 }, "{user}: notes of {id}");
        }
    }
}

#[tokio::test]
async fn d13_who_no_longer_subscribes_to_a_lead_has_lost_its_card_on_the_next_request() {
    let subscribes = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&subscribes);
    let crm = Crm::before(move |asked| {
        let answer = String::from_utf8(told(asked)).unwrap();
        if still.load(Ordering::SeqCst) {
            return answer.into_bytes();
        }
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = body.replace(r#""subscribers":[{"id":12}]"#, r#""subscribers":[]"#);
        backend::answer(200, "content-type: application/json\r\n", &body)
    })
    .await;
    // 11 is responsible for it.
    let (lead, list) = ("leads/6", "limit=50");
    assert_eq!(crm.get("12", lead).await.status, 200);
    assert!(crm.listed("12", "leads", list).await.contains(&6));
    subscribes.store(false, Ordering::SeqCst);
    assert_eq!(crm.get("12", lead).await.status, 404);
    assert!(!crm.listed("12", "leads", list).await.contains(&6));
    assert_eq!(crm.get("11", lead).await.status, 200, "who is responsible sees it all the while");
}

#[tokio::test]
async fn what_is_shown_is_of_one_set_though_the_backend_ignores_every_filter_and_every_page() {
    let crm = Crm::before(told_all).await;
    for (user, ..) in USERS {
        let own: BTreeSet<_> =
            (1..=LEADS).filter(|id| user == "13" || responsible(*id).to_string() == user).collect();
        for kind in ["contacts", "tasks"] {
            for query in ["limit=10&page=1", "with=leads&page=1", "filter[responsible_user_id]=11&page=1"] {
                let shown = crm.get(user, &format!("{kind}?{query}")).await.json()["_embedded"][kind].clone();
                let ids = shown.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap());
                let ids: BTreeSet<_> = ids.map(|id| u32::try_from(id).unwrap()).collect();
                let most = if query.starts_with("limit") { 10 } else { 50 };
                assert!(
                    ids.is_subset(&own) && ids.len() >= own.len().min(most),
                    "{user}: {kind}?{query}: {ids:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn d05_no_end_and_no_number_of_a_page_tells_of_what_is_hidden() {
    let crm = Crm::start().await;
    for (user, ..) in USERS {
        let own = (1..=LEADS).filter(|id| user == "13" || responsible(*id).to_string() == user).count();
        for limit in [1, 5] {
            let pages = own.div_ceil(limit);
            for page in 1..=LEADS as usize + 2 {
                let answer = crm.get(user, &format!("tasks?limit={limit}&page={page}")).await;
                if page <= pages {
                    let (rows, number) = (&answer.json()["_embedded"]["tasks"], &answer.json()["_page"]);
                    let rows = rows.as_array().unwrap().len();
                    assert_eq!((answer.status, number), (200, &json!(page)), "{user}: {limit} {page}");
                    assert_eq!(rows, limit.min(own - (page - 1) * limit), "{user}: {limit} {page}");
                } else {
                    // As behind the end of a list that ends with the last of these.
                    assert_eq!(answer.status, 204, "{user}: {limit} {page}: {answer:?}");
                    assert!(answer.body.is_empty() && answer.header("headgate-more").is_none(), "{answer:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn g13_nothing_is_given_to_a_user_of_another_tenant() {
    let crm = Crm::start().await;
    for user in ["11", "13"] {
        for kind in ["leads", "contacts", "tasks"] {
            let body = json!({"responsible_user_id": ELSEWHERE});
            let (status, fields) = refused(&crm, user, "PATCH", &format!("{kind}/2"), body.clone()).await;
            assert_eq!((status, fields), (403, json!(["responsible_user_id"])), "{user}: {kind}");
            let (status, _) = refused(&crm, user, "POST", kind, json!([body])).await;
            assert_eq!(status, 403, "{user}: {kind}");
        }
    }
}

#[tokio::test]
async fn g14_a_lead_is_moved_where_both_places_are_open() {
    let crm = Crm::start().await;
    let (open, closed) =
        (json!({"pipeline_id": 5, "status_id": 142}), json!({"pipeline_id": 5, "status_id": 143}));
    assert_eq!(responsible(CLOSED), 11);
    for (user, id, place, may) in [
        ("11", 2, &open, true),
        ("11", 2, &closed, false),
        ("11", CLOSED, &open, false),
        ("13", 2, &closed, true),
        ("13", CLOSED, &open, true),
    ] {
        let (answer, written) = crm.write(user, "PATCH", &format!("leads/{id}"), place).await;
        assert_eq!(
            (answer.status == 200, written.len()),
            (may, usize::from(may)),
            "{user} {id} {place}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_seller_finds_leads_by_their_price_and_a_subscriber_reads_none_off_what_comes() {
    let crm = Crm::start().await;
    // 12 has the leads with odd numbers, and is a subscriber of those that 3 divides.
    for (query, expected) in [
        ("filter[price][from]=105&filter[price][to]=107", &[5, 7][..]),
        ("filter[price][from]=106&filter[price][to]=106", &[]),
        ("filter[price][from]=120&order[price]=desc", &[23, 21]),
        ("filter[price][from]=120&order[price]=desc&limit=1", &[23]),
        ("filter[price][from]=120&order[price]=desc&limit=1&page=2", &[21]),
        ("filter[price][from]=120&order[price]=desc&limit=1&page=3", &[]),
        (
            "filter[id][]=1&filter[id][]=6&filter[statuses][0][status_id]=142&filter[price][to]=106",
            &[1, 3, 5],
        ),
        ("filter[Price]=x&filter[price][from]=119", &[19, 21, 23]),
        ("query=x&filter[price][from]=119", &[19, 21, 23]),
        ("filter[custom_fields_values][7]=x&filter[price][from]=119", &[19, 21, 23]),
        ("filter[name]=x&limit=3", &[1, 3, 5]),
    ] {
        assert_eq!(crm.listed("12", "leads", query).await, expected, "{query}");
    }
    // Whether a contact may be seen is the contact's own matter, and no lead tells it.
    let query = "leads?_embedded[contacts][custom_fields_values]=x";
    assert_eq!(crm.get("12", query).await.problem(), "fields");
    assert_eq!(crm.get("13", query).await.status, 200);
}

#[tokio::test]
async fn a_subscriber_sees_the_card_of_the_lead_and_name_and_picture_of_its_contact() {
    let crm = Crm::start().await;
    assert_eq!(responsible(6), 11);
    let card = crm.get("12", "leads/6?with=contacts").await.json();
    let names = |object: &Value| {
        object.as_object().unwrap().keys().filter(|key| *key != "_embedded").cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&card), ["id", "name"]);
    assert_eq!(names(&card["_embedded"]["contacts"][0]), ["id", "name", "picture"]);
    assert!(card["_embedded"].get("tags").is_none(), "{card}");
    let own = crm.get("11", "leads/6?with=contacts").await.json();
    assert_eq!(own["custom_fields_values"], fields("l6"));
    assert_eq!(own["_embedded"]["contacts"][0]["custom_fields_values"], fields("k6"));
    assert!(own.get("_links").is_none(), "{own}");
}

/// A write that the backend must not see, whoever else it is about.
async fn refused(crm: &Crm, user: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let (answer, written) = crm.write(user, method, path, &body).await;
    assert_eq!(written, [""; 0], "{user} {method} {path} {body}");
    let fields = answer.json()["fields"].clone();
    (answer.status, fields)
}

#[tokio::test]
async fn several_objects_are_created_at_once_or_none() {
    let crm = Crm::start().await;
    for (kind, item) in [
        (
            "leads",
            json!({"name": "a", "pipeline_id": 5, "status_id": 142, "_embedded": {"tags": [{"name": "vip"}]}}),
        ),
        (
            "contacts",
            json!({"first_name": "a", "custom_fields_values": [{"field_id": 7, "values": [{"value": "b"}]}]}),
        ),
        ("tasks", json!({"text": "call", "complete_till": 1_700_000_000})),
    ] {
        let mut own = item.clone();
        own["responsible_user_id"] = json!(11);
        own["request_id"] = json!("7");
        let body = json!([item, own]);
        let (answer, written) = crm.write("11", "POST", kind, &body).await;
        let made = json!([{"id": 901, "request_id": null}, {"id": 902, "request_id": "7"}]);
        assert_eq!((answer.status, answer.json()), (200, json!({"_embedded": {kind: made}})), "{kind}");
        assert_eq!(written, [body.to_string()], "{kind}: as it was sent");

        let mut others = item.clone();
        others["responsible_user_id"] = json!(12);
        let (status, fields) = refused(&crm, "11", "POST", kind, json!([item, others])).await;
        assert_eq!((status, fields), (403, json!(["responsible_user_id"])), "{kind}: for somebody else");
        let mut by_others = item.clone();
        by_others["created_by"] = json!(12);
        let (status, fields) = refused(&crm, "11", "POST", kind, json!([item, by_others])).await;
        assert_eq!((status, fields), (403, json!(["created_by"])), "{kind}: by somebody else");
        for odd in [json!([item, 7]), json!([]), json!(item), json!([[item]]), json!({"add": [item]})] {
            let (status, _) = refused(&crm, "11", "POST", kind, odd.clone()).await;
            assert_eq!(status, 400, "{kind} {odd}");
        }
    }
    // As many as a sync sends at once, with all that they have.
    let fields = vec![json!({"field_id": 7, "values": [{"value": "b"}]}); 8];
    let lead = json!({"name": "a", "pipeline_id": 5, "status_id": 142, "custom_fields_values": fields});
    let (answer, written) = crm.write("11", "POST", "leads", &json!(vec![lead; 500])).await;
    assert_eq!((answer.status, written.len()), (200, 1), "{answer:?}");
    assert_eq!(refused(&crm, "11", "POST", "companies", json!([{"name": "a"}])).await.0, 403, "no right to");
    assert_eq!(
        crm.write("13", "POST", "companies", &json!([{"name": "a", "responsible_user_id": 11}]))
            .await
            .0
            .status,
        200
    );
}

#[tokio::test]
async fn what_is_created_ties_nothing_that_was_not_decided_on() {
    let crm = Crm::start().await;
    for (kind, item, field) in [
        ("contacts", json!({"_embedded": {"companies": [{"id": 1}]}}), "_embedded.companies.id"),
        ("leads", json!({"_embedded": {"contacts": [{"name": "x"}]}}), "_embedded.contacts.name"),
        ("contacts", json!({"_embedded": {"leads": [{"id": 1}]}}), "_embedded.leads.id"),
        ("tasks", json!({"entity_id": 1, "entity_type": "leads", "text": "x"}), "entity_id"),
        ("tasks", json!({"entity_id": 99, "entity_type": "leads"}), "entity_id"),
        ("tasks", json!({"entity_id": 2, "text": "x"}), "entity_id"),
        ("tasks", json!({"entity_type": "leads", "text": "x"}), "entity_id"),
        ("tasks", json!({"entity_id": 2, "entity_type": "customers"}), "entity_id"),
        ("tasks", json!({"entity_id": 2, "entity_type": ["leads", "contacts"]}), "entity_id"),
        ("tasks", json!({"entity_id": [2, 1], "entity_type": "leads"}), "entity_id"),
        ("tasks", json!({"EntityId": 2, "entity_type": "leads"}), "EntityId"),
        ("leads", json!({"price": 7}), "price"),
        ("leads", json!({"undeclared": 7}), "undeclared"),
        ("leads", json!({"group_id": 2}), "group_id"),
    ] {
        let (status, fields) = refused(&crm, "11", "POST", kind, json!([{}, item])).await;
        assert_eq!((status, fields), (403, json!([field])), "{kind} {item}");
    }
    // What stands beside a list may be any item's.
    for (query, item) in [
        ("entity_id=1&entity_type=leads", json!({"text": "x"})),
        ("entity_id=2&entity_type=leads", json!({"text": "x"})),
        ("entity_id=1", json!({"entity_type": "leads", "text": "x"})),
        ("entity_type=contacts", json!({"entity_id": 2, "entity_type": "leads", "text": "x"})),
    ] {
        let (status, fields) = refused(&crm, "11", "POST", &format!("tasks?{query}"), json!([item])).await;
        assert_eq!((status, fields), (403, json!(["entity_id"])), "{query} {item}");
    }
    // Not where the user may create none, and not where the backend would choose.
    for place in
        [json!({"pipeline_id": 5, "status_id": 143}), json!({"pipeline_id": 5}), json!({"name": "b"})]
    {
        let (status, fields) = refused(&crm, "11", "POST", "leads", json!([{"name": "a"}, place])).await;
        assert_eq!((status, fields.as_array().map(Vec::len)), (403, Some(1)), "{place}");
    }
}

#[tokio::test]
async fn a_tie_is_made_by_who_may_change_what_it_ties() {
    let crm = Crm::start().await;
    assert_eq!((responsible(2), responsible(4), responsible(3)), (11, 11, 12));
    let tie = |id: u32, kind: &str| json!({"to_entity_id": id, "to_entity_type": kind});
    for verb in ["link", "unlink"] {
        for (path, body, may) in [
            ("leads/2", json!([tie(4, "contacts")]), true),
            ("leads/2", json!([tie(2, "contacts"), tie(4, "contacts"), tie(4, "leads")]), true),
            ("contacts/2", json!([tie(4, "companies")]), true),
            // Either end is another's, or is not there.
            ("leads/2", json!([tie(3, "contacts")]), false),
            ("leads/2", json!([tie(99, "contacts")]), false),
            ("leads/3", json!([tie(2, "contacts")]), false),
            ("leads/2", json!([tie(4, "contacts"), tie(3, "contacts")]), false),
            // Each item says what it ties, and what that is.
            ("leads/2", json!([tie(4, "contacts"), {"to_entity_id": 3}]), false),
            ("leads/2", json!([{"to_entity_id": 4}, {"to_entity_type": "contacts"}]), false),
            ("leads/2", json!([tie(4, "catalog_elements")]), false),
            (
                "leads/2",
                json!([{"to_entity_id": 4, "to_entity_type": "contacts", "to": {"to_entity_id": 3}}]),
                false,
            ),
            ("leads/2", json!([{}]), false),
        ] {
            let (answer, written) = crm.write("11", "POST", &format!("{path}/{verb}"), &body).await;
            assert_eq!(written.len(), usize::from(may), "{path}/{verb} {body}: {answer:?}");
            assert_eq!(answer.status < 300, may, "{path}/{verb} {body}: {answer:?}");
        }
    }
    let asked =
        crm.write("11", "POST", "leads/2/link?to_entity_type=leads", &json!([tie(4, "contacts")])).await;
    assert_eq!(asked.1.len(), 0, "it is said twice: {:?}", asked.0);
    // Who subscribes to a lead sees its card, and ties nothing to it; neither is what one only sees tied.
    assert_eq!((responsible(6), subscribed(6)), (11, true));
    assert_eq!(crm.write("12", "POST", "leads/6/link", &json!([tie(3, "contacts")])).await.1.len(), 0);
    assert_eq!(crm.write("12", "POST", "leads/3/link", &json!([tie(6, "leads")])).await.1.len(), 0);
    for (contacts, may) in
        [(&[2][..], true), (&[2, 4], true), (&[3], false), (&[2, 3], false), (&[99], false)]
    {
        let contacts: Vec<_> = contacts.iter().map(|id| json!({"id": id, "is_main": true})).collect();
        let lead = json!([{"pipeline_id": 5, "status_id": 142, "_embedded": {"contacts": contacts}}]);
        let (answer, written) = crm.write("11", "POST", "leads", &lead).await;
        assert_eq!(written.len(), usize::from(may), "{lead}: {answer:?}");
        assert!(may || answer.json()["fields"] == json!(["_embedded.contacts.id"]), "{lead}: {answer:?}");
    }
}

#[tokio::test]
async fn a_task_is_about_what_its_maker_sees() {
    let crm = Crm::start().await;
    let about = |id: u32, kind: &str| json!({"text": "call", "entity_id": id, "entity_type": kind});
    for (user, body, may) in [
        ("11", json!([about(2, "leads"), about(4, "contacts")]), true),
        ("11", json!([about(2, "leads"), about(3, "leads")]), false),
        // A subscriber sees the lead, and not its contact by itself.
        ("12", json!([about(6, "leads")]), true),
        ("12", json!([about(6, "contacts")]), false),
    ] {
        let (answer, written) = crm.write(user, "POST", "tasks", &body).await;
        assert_eq!(written.len(), usize::from(may), "{user} {body}: {answer:?}");
    }
    for (id, body, may) in [
        (2, json!({"entity_id": 4, "entity_type": "contacts"}), true),
        (2, json!({"entity_id": 3, "entity_type": "contacts"}), false),
        (2, json!({"entity_type": "contacts"}), false),
        (2, json!({"text": "x"}), true),
    ] {
        let (answer, written) = crm.write("11", "PATCH", &format!("tasks/{id}"), &body).await;
        assert_eq!(written.len(), usize::from(may), "{body}: {answer:?}");
        let mut one = body.clone();
        one["id"] = json!(id);
        let (answer, written) =
            crm.write("11", "PATCH", "tasks", &json!([{"id": 4, "text": "y"}, one])).await;
        assert_eq!(written.len(), usize::from(may), "among others, {body}: {answer:?}");
    }
}

#[tokio::test]
async fn several_objects_are_changed_at_once_or_none() {
    let crm = Crm::start().await;
    assert_eq!((responsible(2), responsible(4), responsible(3)), (11, 11, 12));
    for kind in ["leads", "contacts", "companies", "tasks"] {
        let name = if kind == "tasks" { "text" } else { "name" };
        let body = json!([{"id": 2, name: "a"}, {"id": 4, name: "b"}]);
        let (answer, written) = crm.write("11", "PATCH", kind, &body).await;
        let changed = json!([{"id": 2, "updated_at": 7}, {"id": 4, "updated_at": 7}]);
        assert_eq!((answer.status, answer.json()), (200, json!({"_embedded": {kind: changed}})), "{kind}");
        assert_eq!(written, [body.to_string()]);

        // One that is another's, one that is not there, one without an id.
        let hidden =
            refused(&crm, "11", "PATCH", kind, json!([{"id": 2, name: "a"}, {"id": 3, name: "b"}])).await;
        let missing =
            refused(&crm, "11", "PATCH", kind, json!([{"id": 2, name: "a"}, {"id": 99, name: "b"}])).await;
        assert_eq!((hidden.0, &hidden), (404, &missing), "{kind}");
        for odd in
            [json!([{"id": 2}, {name: "b"}]), json!([]), json!([{"id": "2/3"}]), json!({"id": 2, name: "a"})]
        {
            assert_eq!(refused(&crm, "11", "PATCH", kind, odd.clone()).await.0, 400, "{kind} {odd}");
        }
        let (status, fields) =
            refused(&crm, "11", "PATCH", kind, json!([{"id": 2}, {"id": 4, "responsible_user_id": 12}]))
                .await;
        assert_eq!((status, fields), (403, json!(["responsible_user_id"])), "{kind}: given away");
    }
    for (item, field) in [
        (json!({"price": 7}), "price"),
        (json!({"pipeline_id": 5, "status_id": 143}), "status_id"),
        (json!({"_embedded": {"contacts": [{"id": 1}]}}), "_embedded.contacts.id"),
    ] {
        let (status, fields) = refused(&crm, "11", "PATCH", "leads/2", item.clone()).await;
        assert_eq!((status, fields), (403, json!([field])), "alone: {item}");
        let mut one = item;
        one["id"] = json!(4);
        let (status, fields) =
            refused(&crm, "11", "PATCH", "leads", json!([{"id": 2, "name": "a"}, one])).await;
        assert_eq!((status, fields), (403, json!([field])), "among others");
    }
    let many: Vec<_> = (1..=101).map(|id| json!({"id": id})).collect();
    assert_eq!(refused(&crm, "13", "PATCH", "leads", json!(many)).await.0, 400, "more than a hundred");
    // Who subscribes to a lead sees its card, and changes nothing of it.
    assert_ne!(responsible(6), 12);
    assert!(matches!(
        refused(&crm, "12", "PATCH", "leads", json!([{"id": 3}, {"id": 6}])).await.0,
        403 | 404
    ));
}

#[tokio::test]
async fn notes_are_written_on_what_is_seen() {
    let crm = Crm::start().await;
    let body = json!([{"note_type": "common", "params": {"text": "a"}, "request_id": "1"}, {"note_type": "common", "params": {"text": "b"}}]);
    for kind in ["leads", "contacts", "companies"] {
        let (answer, written) = crm.write("11", "POST", &format!("{kind}/2/notes"), &body).await;
        let rows = answer.json()["_embedded"]["notes"].clone();
        assert_eq!(
            (answer.status, &rows[0]),
            (200, &json!({"id": 801, "entity_id": 1, "request_id": "1"})),
            "{kind}"
        );
        assert_eq!(written, [body.to_string()]);
        for hidden in ["3", "99"] {
            let (status, _) =
                refused(&crm, "11", "POST", &format!("{kind}/{hidden}/notes"), body.clone()).await;
            assert_eq!(status, 404, "{kind} {hidden}");
        }
        let elsewhere = json!([{"note_type": "common", "params": {"text": "a"}, "entity_id": 3}]);
        let (status, fields) = refused(&crm, "11", "POST", &format!("{kind}/2/notes"), elsewhere).await;
        assert_eq!((status, fields), (403, json!(["entity_id"])), "{kind}");
    }
}

#[tokio::test]
async fn d02_what_is_not_there_is_like_what_is_hidden_though_the_backend_has_no_content_for_it() {
    let crm = Crm::before(told_nothing).await;
    let missing = LEADS + 1;
    for user in ["11", "13"] {
        // 11 has those with even numbers, and 13 all of them.
        let hidden = if user == "13" { missing } else { 1 };
        for (method, path, body) in [
            ("GET", "leads/{}", Value::Null),
            ("GET", "leads/{}?with=contacts", Value::Null),
            ("GET", "contacts/{}", Value::Null),
            ("GET", "tasks/{}", Value::Null),
            ("GET", "leads/{}/notes", Value::Null),
            ("GET", "contacts/{}/notes", Value::Null),
            ("PATCH", "leads/{}", json!({"name": "x"})),
            ("PATCH", "contacts/{}", json!({"name": "x"})),
            ("POST", "leads/{}/link", json!([{"to_entity_id": 2, "to_entity_type": "contacts"}])),
            ("POST", "leads/{}/notes", json!([{"note_type": "common"}])),
        ] {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let mut answers = Vec::new();
            for id in [hidden, missing] {
                let answer = crm.send(user, method, &path.replace("{}", &id.to_string()), &body).await;
                answers.push((answer.status, answer.problem()));
            }
            assert_eq!(answers[0], answers[1], "{user} {method} {path}");
            assert_eq!(answers[0].0, 404, "{user} {method} {path}");
        }
        let ties = |contact: u32| json!([{"to_entity_id": contact, "to_entity_type": "contacts"}]);
        let mut told = Vec::new();
        for contact in [hidden, missing] {
            let (answer, written) = crm.write(user, "POST", "leads/2/link", &ties(contact)).await;
            told.push((answer.status, written.len()));
        }
        assert_eq!(told[0], told[1], "{user}");
    }
}

#[tokio::test]
async fn an_object_without_notes_has_an_answer_without_content() {
    let crm = Crm::before(told_nothing).await;
    for (user, id) in [("11", 2), ("13", 2)] {
        for path in ["contacts/{}/notes", "companies/{}/notes", "contacts/{}/notes?page=2"] {
            let answer = crm.get(user, &path.replace("{}", &id.to_string())).await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{user} {path}: {answer:?}");
        }
    }
}
