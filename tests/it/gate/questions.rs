//! What may be asked: names that a backend could read otherwise, fields that some of the rows hide, fields of what is nested,
//! searches; and what a write needs besides its own right.

use headgate::policy::{
    Scope,
    source::{Relation, Source},
};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Setup, World, world},
    writes::JSON,
};

const ROUTES: &str = r#"
[entity.card]
resource = "lead"
id = "/id"
responsible = "/owner"
participants = "/watchers"
fields = ["id", "name", "price", "owner", "meta.source"]
nested = { "/person" = "person" }

[entity.person]
resource = "contact"
part = true
fields = ["id", "name", "phone_number", "city"]

[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "card"
action = "list"
items = "/payload"
fields_in = ["sort", "filter"]
searches = { about = ["name", "price"], whom = ["person.phone_number"] }

[[route]]
match = "GET /api/v1/accounts/{account}/received"
entity = "card"
action = "list"
items = "/payload"
positions = ["from"]

[[route]]
match = "GET /api/v1/accounts/{account}/paged"
entity = "card"
action = "list"
items = "/payload"
page = { number = "page", size = "per_page", size_default = 20, unless = ["whole"] }

[[route]]
match = "POST /api/v1/accounts/{account}/paged"
entity = "card"
action = "list"
items = "/payload"
page = { number = "page", size = "per_page", size_default = 20 }
question = true
fields_at = ["/payload/*/attribute_key"]

[[route]]
match = "GET /api/v1/accounts/{account}/taking"
entity = "card"
action = "list"
items = "/payload"
page = { number = "page", size = "per_page", size_default = 20, unless = ["whole"] }
push = { own = "owner_id={user}" }
fields_in = ["sort"]
searches = { about = ["name"] }
positions = ["from"]
takes = ["mood"]

[[route]]
match = "POST /api/v1/accounts/{account}/taking"
entity = "card"
action = "list"
items = "/payload"
question = true
fields_at = ["/asked/*/attribute_key"]
takes = ["mood"]

[[route]]
match = "GET /api/v1/accounts/{account}/bracketed"
entity = "card"
action = "list"
items = "/payload"
page = { number = "page[number]", size = "page[size]", size_default = 20 }
push = { own = "filter[owner]={user}" }
takes = ["option[mood]"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/opened/cards/{id}"
entity = "card"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/cards/{id}"

[[route]]
match = "GET /api/v1/accounts/{account}/taking/{id}"
entity = "card"
action = "view"
object = "answer"
takes = []

[[route]]
match = "GET /api/v1/accounts/{account}/cards/{id}/people"
resource = "contact"
entity = "card"
part = true
action = "list"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/cards/{id}"
shows = "person"
items = "/payload"

[entity.queued]
resource = "lead"
id = "/id"
responsible = "/owner"
nobody = { absent = true }
fields = ["id", "name"]

[[route]]
match = "GET /api/v1/accounts/{account}/queued"
entity = "queued"
action = "list"
items = "/payload"

[[route]]
match = "POST /api/v1/accounts/{account}/queued"
entity = "queued"
action = "list"
items = "/payload"
question = true

[entity.remark]
resource = "note"
part = true
creator = "/author"
fields = ["id"]

[[route]]
match = "GET /api/v1/accounts/{account}/cards/{id}/remarks"
resource = "note"
entity = "card"
part = true
action = "list"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/cards/{id}"
shows = "remark"
items = "/payload"

[[route]]
match = "GET /api/v1/accounts/{account}/labels/{label}/linked"
resource = "label"
action = "edit"
object = "common"
parameter = "label"
nested = { "/payload/*" = "card" }

[[route]]
match = "GET /api/v1/accounts/{account}/walked"
entity = "card"
action = "list"
items = "/payload"
page = { cursor = "cursor", next = "/next" }

[[route]]
match = "GET /api/v1/accounts/{account}/cards/{id}"
entity = "card"
action = "view"
object = "answer"

[[route]]
match = "PATCH /api/v1/accounts/{account}/labels/{label}"
resource = "label"
action = "edit"
object = "common"
keep = [""]

[[route]]
match = "PATCH /api/v1/accounts/{account}/cards/{id}"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "multipart"]
needs = { attachments = { resource = "media", action = "send" } }
refers = { contact_id = { entity = "contact", request = "GET /api/v1/accounts/{account}/contacts/{id}" } }

[[route]]
match = "POST /api/v1/accounts/{account}/cards"
resource = "conversation"
action = "create"
needs = { message = { resource = "message", action = "send" } }
refers = { contact_id = { entity = "contact", request = "GET /api/v1/accounts/{account}/contacts/{id}", required = true } }

[[route]]
match = "POST /api/v1/accounts/{account}/many/cards"
entity = "conversation"
action = "edit"
object = "tag"
ids = "/ids"
"#;

/// Ana and ben see their own leads whole, and of those that they watch name and number; sue sees every lead. Ana may send
/// messages and no media; sue may send both. What is common to all is changed by sue alone.
fn rights(source: &mut Source) {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    source.resources.insert("lead".to_owned(), words(&["list", "view", "edit"]));
    source.resources.insert("label".to_owned(), words(&["edit"]));
    source.resources.get_mut("conversation").unwrap().push("create".to_owned());
    source.resources.get_mut("message").unwrap().push("send".to_owned());
    source.resources.get_mut("media").unwrap().push("send".to_owned());
    source.resources.get_mut("note").unwrap().push("list".to_owned());
    let of_lead = |fields: &[&str]| std::collections::BTreeMap::from([("lead".to_owned(), words(fields))]);
    source.profiles.insert("card".to_owned(), of_lead(&["id", "name"]));
    let grant = |source: &mut Source, role: &str, resource: &str, action: &str, scope: Scope| {
        let role = source.roles.get_mut(role).unwrap();
        role.grants.entry(resource.to_owned()).or_default().insert(action.to_owned(), scope);
    };
    for action in ["list", "view"] {
        grant(source, "agent", "lead", action, Scope::Own);
        grant(source, "lead", "lead", action, Scope::All);
        let card = |of: &mut std::collections::BTreeMap<_, std::collections::BTreeMap<_, _>>| {
            of.entry("lead".to_owned()).or_default().insert(action.to_owned(), "card".to_owned());
        };
        card(source.roles.get_mut("agent").unwrap().relations.entry(Relation::Participant).or_default());
    }
    for (role, scope) in [("agent", Scope::Own), ("lead", Scope::All)] {
        grant(source, role, "label", "edit", scope);
        grant(source, role, "conversation", "create", Scope::All);
    }
    grant(source, "agent", "message", "send", Scope::Own);
    grant(source, "lead", "media", "send", Scope::Team);
    grant(source, "lead", "contact", "view", Scope::All);
}

fn told(asked: &Asked) -> Option<Vec<u8>> {
    let path = asked.target.split('?').next()?.strip_prefix("/api/v1/accounts/1/")?;
    let person = json!({"id": 1, "name": "Bo", "phone_number": "+1", "city": "Ulm"});
    let row =
        json!({"id": 6, "name": "Six", "price": 106, "owner": "ben", "watchers": ["ana"], "person": person});
    match (asked.method.as_str(), path) {
        ("GET", "cards/6") if asked.target.contains("107") => Some(backend::json(404, &json!({}))),
        ("GET", "cards/6") => Some(backend::json(200, &row)),
        ("GET", "cards" | "bracketed") | ("POST", "taking") => {
            Some(backend::json(200, &json!({"payload": [row]})))
        }
        ("GET", "cards/6/people") => Some(backend::json(200, &json!({"payload": [row["person"]]}))),
        (_, "labels/7" | "cards" | "opened/cards/6" | "cards/101" | "many/cards") => {
            Some(backend::json(200, &json!({})))
        }
        _ => None,
    }
}

pub(super) fn setup() -> Setup {
    Setup::default().routes(ROUTES).policy(rights).backend(told)
}

async fn cards() -> World {
    setup().start().await
}

impl World {
    /// Whether a question is taken; the backend sees nothing of one that is not.
    async fn takes(&self, user: &str, path: &str) -> bool {
        let asked = || {
            let seen = self.backend.seen();
            seen.iter().filter(|asked| asked.all("headgate-actor") != ["headgate"]).count()
        };
        let before = asked();
        let answer = self.get(user, path).await;
        let taken = asked() > before;
        assert!(
            taken || (answer.status, answer.problem().as_str()) == (400, "fields"),
            "{user} {path}: {answer:?}"
        );
        taken
    }

    /// The status of a write, and the fields that were refused.
    async fn wrote(&self, user: &str, line: &str, body: &Value) -> (bool, Value) {
        let (method, path) = line.split_once(' ').unwrap();
        let before = self.backend.seen().iter().filter(|asked| asked.method == method).count();
        let answer = self.write(user, method, path, body).await;
        let after = self.backend.seen().iter().filter(|asked| asked.method == method).count();
        let fields = if answer.status == 403 { answer.json()["fields"].clone() } else { Value::Null };
        (after > before, fields)
    }
}

#[tokio::test]
async fn a_name_that_a_backend_could_read_as_a_refused_one_is_refused() {
    let world = world().await;
    for query in [
        "[api_access_token]=x",
        "%5Bapi_access_token%5D=x",
        "api.access_token=x",
        "api+access_token=x",
        "api%20access%20token=x",
        "+api_access_token=x",
        "apiAccessToken=x",
        "API_Access_Token[]=x",
        "api_access_token%00=x",
        "api[access_token=x",
        "page=1;api_access-token=x",
        "[page]=1",
        "%00=1",
        "sort%20=name",
    ] {
        let answer = world.get("adm", &format!("/conversations?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    assert!(world.backend.seen().is_empty());
    assert_eq!(world.get("adm", "/conversations?page=1&filter[a.b][c]=1&ids[]=2").await.status, 200);
}

#[tokio::test]
async fn a_question_is_about_what_every_row_shows() {
    let world = cards().await;
    for (query, of_ana) in [
        ("", true),
        ("name=Six", true),
        ("filter[name]=Six", true),
        ("sort=-name,id.desc", true),
        ("price=106", false),
        ("filter[price][from]=106&filter[price][to]=106", false),
        ("filter[Price]=106", false),
        ("where[price]=106", false),
        ("sort=price", false),
        ("sort=max(PRICE)", false),
        ("sort=never_declared", false),
        ("filter[owner]=ben", false),
        ("metaSource=x", false),
        // With words before or behind it.
        ("price__gte=106", false),
        ("min_price=106", false),
        ("price_min=106", false),
        ("filter[price_gt]=106", false),
        ("sort=price_desc", false),
        ("x[name_or_price_eq]=106", false),
        ("meta_source_is=x", false),
        ("pricey=106", true),
        ("name_cont=Six", true),
        // A field that nobody declared is no other one with words around it.
        ("sort=name_secret", false),
        // What orders and filters, whether it is said or not.
        ("order=price", false),
        ("order_by[price]=asc", false),
        ("where=name%3DSix", false),
        ("order=name", true),
        ("order=never_declared", false),
        ("group_by=price", false),
        ("group=name,price", false),
        ("group_by=name", true),
        ("distinct=price", false),
        ("distinct=true", true),
        ("facet.field=price", false),
        ("unique_by[]=price", false),
        ("group_id=7", true),
        ("filter_field=price&filter_value=106", false),
        ("search_by=price", false),
        ("search_by=name", true),
        ("jql=price%3E100", false),
        ("Sort=name", false),
        ("s.ort=name", false),
        ("about=106", false),
        ("About=106", false),
    ] {
        assert_eq!(world.takes("ana", &format!("/cards?{query}")).await, of_ana, "{query}");
        let almost = ["Sort=name", "s.ort=name", "About=106"].contains(&query);
        assert_eq!(world.takes("sue", &format!("/cards?{query}")).await, !almost, "{query}");
    }
}

#[tokio::test]
async fn a_body_names_fields_beside_whatever_else_stands_in_its_lists() {
    let row = json!({"id": 6, "name": "Six", "price": 106, "owner": "ben", "watchers": ["ana"]});
    let script = move |_: &Asked| Some(backend::json(200, &json!({"payload": [row]})));
    let world = Setup::default().routes(ROUTES).policy(rights).backend(script).start().await;
    for (body, is_shown) in [
        (json!({"sort": ["name", "id"]}), true),
        (json!({"sort": ["name", {"id": "asc"}]}), true),
        (json!({"sort": ["price"]}), false),
        // As Elasticsearch has it.
        (json!({"sort": [{"id": "asc"}, "price"]}), false),
        (json!({"sort": [{"id": "asc"}, {"price": "asc"}]}), false),
        (json!({"sort": [{"id": {"order": "asc"}}, "-price"]}), false),
        (json!({"options": {"order_by": [[], "price"]}}), false),
        (json!({"where": [{"id": 6}, "price"]}), false),
        // Behind the first step of where fields are named.
        (json!({"payload": [{"attribute_key": "name", "values": ["x"]}]}), true),
        (json!({"payload": [{"attribute_key": "name", "sort": "id"}]}), true),
        (json!({"payload": [{"attribute_key": "name", "sort": "price"}]}), false),
        (json!({"payload": {"order_by": {"price": "asc"}}}), false),
    ] {
        let answer = world.write("ana", "POST", "/paged", &body).await;
        let rows = answer.json()["payload"].as_array().map_or(0, Vec::len);
        assert_eq!((answer.status, rows), (200, usize::from(is_shown)), "{body}");
        assert_eq!(world.write("sue", "POST", "/paged", &body).await.json()["payload"][0]["id"], 6, "{body}");
    }
}

#[tokio::test]
async fn d17_what_says_whose_it_is_is_not_left_out_by_who_asks() {
    let script = |_: &Asked| Some(backend::json(200, &json!({"payload": []})));
    let world = Setup::default().routes(ROUTES).policy(rights).backend(script).start().await;
    for query in [
        "fields=id",
        "$select=id",
        "opt_fields=id",
        "options[fields]=id",
        "options[only][]=id",
        "x[y][exclude]=owner",
        "view;fields=id",
    ] {
        assert!(!world.takes("ana", &format!("/queued?{query}")).await, "{query}");
        assert!(world.takes("sue", &format!("/queued?{query}")).await, "{query}");
    }
    for body in [json!({"fields": ["id"]}), json!({"options": {"fields": ["id"]}})] {
        for (user, status) in [("ana", 400), ("sue", 200)] {
            assert_eq!(world.write(user, "POST", "/queued", &body).await.status, status, "{user} {body}");
        }
    }
    assert!(world.takes("ana", "/cards?options[fields]=id").await, "nobody's is said there");
}

#[tokio::test]
async fn d05_rows_are_counted_off_by_who_sees_every_one() {
    let world = cards().await;
    for query in [
        "offset=1",
        "limit=1",
        "page=2",
        "page[number]=2",
        "per_page=1",
        "PerPage=1",
        "cursor=x",
        "starting-after=6",
        "x=1;offset=1",
        "from=1",
        "$top=5",
        "startAt=3&maxResults=1",
        "pagination[start]=3",
        "filter[limit]=1",
        "per=1",
        "since_id=6",
        "max_id=6",
        "hitsPerPage=1",
    ] {
        assert!(!world.takes("ana", &format!("/cards?{query}")).await, "{query}");
        assert!(world.takes("sue", &format!("/cards?{query}")).await, "{query}");
    }
    // What only looks like it, and what Headgate itself counts.
    assert!(world.takes("ana", "/received?from=ben").await);
    assert!(!world.takes("ana", "/received?from=ben&offset=1").await);
    assert!(world.takes("ana", "/paged?page=2&per_page=20").await);
    assert!(!world.takes("ana", "/paged?page=2&offset=1").await);
    assert!(world.takes("ana", "/cards?filter[id][from]=5").await);
    // What is seen whole may be counted: ben's is the card, and every person on it.
    assert!(world.takes("ben", "/cards/6/people?limit=1&offset=1").await);
    let shown = world.get("ben", "/cards/6/people?limit=1&offset=1").await.json();
    assert_eq!(shown, json!({"payload": [{"id": 1, "name": "Bo", "city": "Ulm"}]}));
    assert_eq!(
        world.get("ana", "/cards/6/people?limit=1&offset=1").await.status,
        404,
        "to whom it is not shown"
    );
}

#[tokio::test]
async fn d05_nothing_is_counted_off_of_which_some_is_hidden_below_an_object() {
    // Of the remarks on a card ana sees those that she made, and of what has a label her own.
    let rights = |source: &mut Source| {
        rights(source);
        let agent = source.roles.get_mut("agent").unwrap();
        agent.grants.get_mut("label").unwrap().insert("edit".to_owned(), Scope::All);
        agent.grants.entry("note".to_owned()).or_default().insert("list".to_owned(), Scope::Own);
        let note = |action: &str| (action.to_owned(), "full".to_owned());
        let of_creators = agent.relations.entry(Relation::Creator).or_default();
        of_creators.entry("note".to_owned()).or_default().extend([note("view")]);
    };
    let script = |asked: &Asked| {
        let card = |id: u64, owner: &str| json!({"id": id, "owner": owner, "name": "x"});
        let many = asked.number("limit").unwrap_or(9);
        let rows = |rows: Vec<Value>| {
            Some(backend::json(200, &json!({"payload": rows.into_iter().take(many).collect::<Vec<_>>()})))
        };
        match asked.target.split('?').next()?.rsplit('/').next()? {
            "remarks" => rows(vec![json!({"id": 1, "author": "ben"}), json!({"id": 2, "author": "ana"})]),
            "linked" => rows(vec![card(7, "ben"), card(8, "ana")]),
            _ => Some(backend::json(200, &card(6, "ana"))),
        }
    };
    let world = Setup::default().routes(ROUTES).policy(rights).backend(script).start().await;
    for (below, own) in [("cards/6/remarks", 2), ("labels/7/linked", 8)] {
        let shown = world.get("ana", &format!("/{below}")).await.json();
        assert_eq!(
            shown["payload"].as_array().unwrap().iter().map(|row| &row["id"]).collect::<Vec<_>>(),
            [own]
        );
        assert!(!world.takes("ana", &format!("/{below}?limit=1")).await, "{below}");
        assert!(world.takes("adm", &format!("/{below}?limit=1")).await, "{below}");
    }
}

#[tokio::test]
async fn what_hides_what_is_asked_about_is_left_out_as_if_the_backend_had_none() {
    // A backend that has no such page where there is no such row.
    let script = |asked: &Asked| {
        let row = json!({"id": 6, "name": "Six", "price": 106, "owner": "ben", "watchers": ["ana"]});
        Some(match asked.parameter("price").as_deref() {
            None | Some("106") => backend::json(200, &json!({"payload": [row], "next": null})),
            _ => backend::json(404, &json!({})),
        })
    };
    let world = Setup::default().routes(ROUTES).policy(rights).backend(script).start().await;
    for path in ["paged?", "walked?", "paged?whole=1&"] {
        let told = async |price: u32| world.get("ana", &format!("/{path}price={price}")).await.told();
        assert_eq!(world.get("ana", &format!("/{path}")).await.json()["payload"][0]["id"], 6);
        assert_eq!(told(106).await, told(107).await, "{path}");
    }
}

#[tokio::test]
async fn what_a_route_does_not_take_is_taken_of_who_sees_everything() {
    let world = cards().await;
    for (query, is_known) in [
        ("mood=1", true),
        ("mood[]=1&mood[]=2", true),
        ("sort=-name&page=2&per_page=9&whole=1&about=x&from=3&owner_id=ben", true),
        ("frobnicate=1", false),
        ("beforehand=6", false),
        ("mood=1&Mood=2", false),
        ("mood=1;x=2", false),
        ("mood.x=1", false),
        ("moods=1", false),
        // A field that every row shows, and of which nobody said that it is asked about.
        ("id=5", false),
        ("_=1700000000", false),
    ] {
        assert_eq!(world.takes("ana", &format!("/taking?{query}")).await, is_known, "{query}");
        assert!(world.takes("sue", &format!("/taking?{query}")).await, "{query}");
    }
    assert!(!world.takes("ana", "/taking/6?mood=1").await);
    assert!(world.takes("sue", "/taking/6?mood=1").await);
    let asked = json!([{"attribute_key": "id", "values": [1]}]);
    for (body, is_known) in [
        (json!({"asked": asked}), true),
        (json!({"asked": asked, "mood": {"any": 1}}), true),
        (json!({"asked": asked, "frobnicate": 1}), false),
        (json!({"asked": asked, "Mood": 1}), false),
    ] {
        for (user, expected) in [("ana", is_known), ("sue", true)] {
            let (line, json) = ("POST /api/v1/accounts/1/taking", "Content-Type: application/json\r\n");
            let answer = world.send(user, line, json, &body.to_string()).await;
            assert_eq!(answer.status, if expected { 200 } else { 400 }, "{user} {body} {answer:?}");
        }
    }
    // What is refused is named, and nothing of what there is besides.
    let answer = world.get("ana", "/taking?frobnicate=1").await;
    assert_eq!((answer.status, answer.json()["fields"].clone()), (400, json!(["frobnicate"])));
}

#[tokio::test]
async fn a_question_reaches_no_hidden_field_of_what_is_nested() {
    // Every lead is ana's to see, and not the number of the person on it.
    let all = |source: &mut Source| {
        rights(source);
        let agent = source.roles.get_mut("agent").unwrap();
        for action in ["list", "view"] {
            agent.grants.get_mut("lead").unwrap().insert(action.to_owned(), Scope::All);
        }
        agent.grants.get_mut("contact").unwrap().insert("view".to_owned(), Scope::All);
    };
    let world = Setup::default().routes(ROUTES).policy(all).backend(told).start().await;
    for (query, taken) in [
        ("price=106", true),
        ("city=Ulm", true),
        ("person[city]=Ulm", true),
        ("name=Six", true),
        ("phone_number=%2B1", false),
        ("phoneNumber=%2B1", false),
        ("person[phone_number]=%2B1", false),
        ("filter[person.phone_number]=%2B1", false),
        ("filter[contact][phone_number][like]=1", false),
        ("person_phone_number_start=%2B1", false),
        ("name_or_contact_phone_number_cont=%2B1", false),
        ("person_city=Ulm", true),
        ("person_id=1", true),
        ("sort=person.phone_number", false),
        ("sort=-person", false),
        ("whom=6281", false),
        ("about=6", true),
        // Nobody said what these search.
        ("q=6281", false),
        ("query=6281", false),
        ("searchTerm=6281", false),
    ] {
        assert_eq!(world.takes("ana", &format!("/cards?{query}")).await, taken, "{query}");
        assert!(world.takes("sue", &format!("/cards?{query}")).await, "{query}");
    }
}

#[tokio::test]
async fn a_question_about_one_object_reaches_no_hidden_field_of_it() {
    let world = cards().await;
    for query in ["price=106", "price=107", "if[price]=106", "if[price]=107", "q=107", "Price=107"] {
        assert!(!world.takes("ana", &format!("/cards/6?{query}")).await, "{query}");
        assert!(world.takes("sue", &format!("/cards/6?{query}")).await, "{query}");
    }
    for query in ["", "with=person", "name=Six", "if[name]=Six"] {
        let answer = world.get("ana", &format!("/cards/6?{query}")).await;
        assert_eq!(answer.json(), json!({"id": 6, "name": "Six"}), "{query}: a card");
    }
    assert_eq!(world.get("sue", "/cards/6?price=107").await.status, 404);
}

#[tokio::test]
async fn what_is_common_to_all_is_changed_by_who_may_change_all() {
    let world = cards().await;
    let body = json!({"title": "x"});
    assert!(!world.wrote("ana", "PATCH /labels/7", &body).await.0, "her own are none of these");
    assert!(world.wrote("sue", "PATCH /labels/7", &body).await.0);
}

#[tokio::test]
async fn a_field_can_need_a_right_of_its_own() {
    let world = cards().await;
    let line = "PATCH /cards/101";
    assert_eq!(world.wrote("ana", line, &json!({"content": "x"})).await, (true, Value::Null));
    for body in [
        json!({"content": "x", "attachments": ["blob"]}),
        json!({"attachments": []}),
        json!({"message": {"attachments": [{"id": 1}]}}),
        json!({"Attachments": ["blob"]}),
    ] {
        assert_eq!(world.wrote("ana", line, &body).await, (false, json!(["attachments"])), "{body}");
        assert!(world.wrote("sue", line, &body).await.0, "{body}");
    }
    let file = "--xYz\r\nContent-Disposition: form-data; name=\"attachments[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nx\r\n--xYz--\r\n";
    let (answer, reached) = world.typed(line, "multipart/form-data; boundary=xYz", file).await;
    assert_eq!((answer.status, reached), (403, false));
}

#[tokio::test]
async fn who_names_another_object_must_see_it() {
    let world = cards().await;
    for (user, line, body, taken) in [
        ("ana", "PATCH /cards/101", json!({"contact_id": "501"}), true),
        ("ana", "PATCH /cards/101", json!({"contact_id": "502"}), false),
        ("ana", "PATCH /cards/101", json!({"contact_id": "999"}), false),
        ("ana", "PATCH /cards/101", json!({"contact_id": "501/../502"}), false),
        ("ana", "PATCH /cards/101", json!({"contact_id": {"id": "501"}}), false),
        ("ana", "PATCH /cards/101", json!({"contact_id": ["501", "502"]}), false),
        ("ana", "PATCH /cards/101", json!({"contactId": "501"}), false),
        ("ana", "PATCH /cards/101", json!({"contact_id": null}), true),
        ("ana", "PATCH /cards/101", json!({"title": "x"}), true),
        ("ana", "POST /cards", json!({"contact_id": "501"}), true),
        ("ana", "POST /cards", json!({"contact_id": "501", "message": {"content": "hi"}}), true),
        ("ana", "POST /cards", json!({"contact_id": "502", "message": {"content": "hi"}}), false),
        ("ana", "POST /cards", json!({"source_id": "x"}), false),
        ("ana", "POST /cards", json!({"contact_id": null}), false),
        ("sue", "POST /cards", json!({"contact_id": "502"}), true),
        ("sue", "POST /cards", json!({"contact_id": "502", "message": {"content": "hi"}}), false),
    ] {
        let (reached, fields) = world.wrote(user, line, &body).await;
        assert_eq!(reached, taken, "{user} {line} {body}: {fields}");
    }
}

#[tokio::test]
async fn a_name_has_a_depth() {
    let world = cards().await;
    let deep = |steps: usize| format!(r#"{{"{}": 1, "ids": ["101"]}}"#, vec!["a"; steps].join("."));
    let (answer, reached) = world.typed("POST /many/cards", JSON, &deep(32)).await;
    assert!(reached, "{answer:?}");
    let (answer, reached) = world.typed("POST /many/cards", JSON, &deep(33)).await;
    assert_eq!((answer.status, reached), (400, false), "{answer:?}");
    let nested = (0..33).fold(json!(1), |inner, _| json!({"a": inner})).to_string();
    assert_eq!(world.typed("PATCH /cards/101", JSON, &nested).await.0.status, 400);
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"field_steps_max\"} 2\n"));
    let asked = format!("/cards?sort={}", vec!["name"; 33].join("."));
    assert!(!world.takes("ana", &asked).await);
}

#[tokio::test]
async fn what_a_route_takes_may_have_brackets_in_its_name() {
    let world = cards().await;
    for (query, is_known) in [
        ("page[number]=2&page[size]=9", true),
        ("filter[owner]=ana", true),
        ("option[mood]=1", true),
        ("option[mood][]=1", true),
        ("page[at]=2", false),
        ("page=2", false),
        ("option[other]=1", false),
        ("option=1", false),
        ("mood=1", false),
    ] {
        assert_eq!(world.takes("ana", &format!("/bracketed?{query}")).await, is_known, "{query}");
    }
}

#[tokio::test]
async fn what_stands_in_another_object_is_that_ones_in_every_writing() {
    let edits = |source: &mut Source| {
        rights(source);
        let role = source.roles.get_mut("lead").unwrap();
        role.grants.entry("lead".to_owned()).or_default().insert("edit".to_owned(), Scope::All);
    };
    let world = setup().policy(edits).start().await;
    for (body, ok) in [
        (json!({"name": "x"}), true),
        (json!({"person": {"name": "x"}}), false),
        (json!({"person": {"id": 1}}), true),
        (json!({"person_attributes": {"name": "x"}}), false),
        (json!({"card": {"person_attributes": {"name": "x"}}}), false),
        (json!({"person_attributes": [{"name": "x"}]}), false),
        (json!({"person_attributes": {"0": {"name": "x"}}}), false),
        (json!({"person_attributes": {"id": 1}}), true),
        (json!({"person_attributes[name]": "x"}), false),
        (json!({"person": {"0": {"name": "x"}}}), false),
        (json!({"person": [{"name": "x"}]}), false),
    ] {
        let line = "PATCH /opened/cards/6";
        let (passed, fields) = world.wrote("sue", line, &body).await;
        assert_eq!(passed, ok, "{body} {fields}");
    }
}

super::obeying::once_more!(
    a_question_about_one_object_reaches_no_hidden_field_of_it,
    a_name_that_a_backend_could_read_as_a_refused_one_is_refused,
    a_question_is_about_what_every_row_shows,
    a_body_names_fields_beside_whatever_else_stands_in_its_lists,
    d17_what_says_whose_it_is_is_not_left_out_by_who_asks,
    d05_rows_are_counted_off_by_who_sees_every_one,
    d05_nothing_is_counted_off_of_which_some_is_hidden_below_an_object,
    what_hides_what_is_asked_about_is_left_out_as_if_the_backend_had_none,
    what_a_route_does_not_take_is_taken_of_who_sees_everything,
    what_a_route_takes_may_have_brackets_in_its_name,
    what_stands_in_another_object_is_that_ones_in_every_writing,
    a_question_reaches_no_hidden_field_of_what_is_nested,
    what_is_common_to_all_is_changed_by_who_may_change_all,
    a_field_can_need_a_right_of_its_own,
    who_names_another_object_must_see_it,
    a_name_has_a_depth,
);
