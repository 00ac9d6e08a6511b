//! The conformance tables over HTTP: every case is a request to one gateway, in which each account with its
//! subject is a tenant, before a backend whose API has every resource and action of the vocabulary.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use headgate::{
    clock::SystemClock,
    config::{Config, presets::Preset, roles},
    gateway::Gateway,
    identity::NewKey,
    policy::{Scope, Source},
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    backend::{self, Asked, Backend, headgate_toml},
    world::Answer,
};
use crate::{
    policy::conformance::{Case, Object, QUEUE, Table, table},
    support::folder::write_file,
};

/// What objects are shown on the cards of, and what is shown there.
const CARDS: [&str; 2] = ["lead", "shared_inbox"];
const ON_CARDS: [&str; 5] = ["contact", "conversation", "media", "message", "note"];

/// What follows a resource's path where those of its objects are listed that the user may view.
const ROWS: &str = "/all/rows";

/// Where the facts of an object come from.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Nothing,
    Answer,
    Prefetch,
    /// The object is new: the card that it is put on.
    Card,
}

/// The requests that an action can be: method, what follows the resource's path, and how it is decided.
fn shapes(action: &str, object: bool, on_card: bool) -> Vec<(&'static str, String, By)> {
    match (action, object) {
        ("view", true) => {
            vec![("GET", "/{id}".to_owned(), By::Answer), ("GET", "/{id}/fields".to_owned(), By::Prefetch)]
        }
        ("view", false) => vec![("GET", "/page".to_owned(), By::Nothing)],
        ("list", _) => vec![("GET", String::new(), By::Nothing)],
        ("export", true) => vec![("GET", "/{id}/export".to_owned(), By::Prefetch)],
        ("export", false) => vec![("GET", "/export".to_owned(), By::Nothing)],
        ("create", _) => vec![("POST", String::new(), if on_card { By::Card } else { By::Nothing })],
        ("edit", true) => vec![("PATCH", "/{id}".to_owned(), By::Prefetch)],
        ("edit", false) => vec![("PATCH", String::new(), By::Nothing)],
        ("delete", true) => vec![("DELETE", "/{id}".to_owned(), By::Prefetch)],
        ("delete", false) => vec![("DELETE", String::new(), By::Nothing)],
        (action, true) => vec![("POST", format!("/{{id}}/{action}"), By::Prefetch)],
        (action, false) => vec![("POST", format!("/{action}"), By::Nothing)],
    }
}

/// The whole vocabulary as `routes.toml`.
fn routes(source: &Source, tenant: &str) -> String {
    let mut entities = Map::new();
    let mut routes = Vec::new();
    let aliases =
        source.aliases.iter().filter_map(|(alias, name)| Some((alias, source.resources.get(name)?)));
    for (resource, actions) in source.resources.iter().chain(aliases) {
        let mut facts = Map::from_iter([
            ("id".to_owned(), json!("/id")),
            ("resource".to_owned(), json!(resource)),
            ("fields".to_owned(), json!(["*"])),
        ]);
        for fact in
            ["responsible", "team", "participants", "queue", "open", "pipeline", "stage", "kind", "role"]
        {
            facts.insert(fact.to_owned(), json!(format!("/{fact}")));
        }
        let cards = CARDS
            .into_iter()
            .filter(|card| ON_CARDS.contains(&resource.as_str()) && source.resources.contains_key(*card));
        for card in [None].into_iter().chain(cards.map(Some)) {
            let mut entity = facts.clone();
            let (name, at) = match card {
                None => (resource.replace('.', "_"), format!("/{{tenant}}/{resource}")),
                Some(card) => {
                    entity.extend([("via".to_owned(), json!(card)), ("via_at".to_owned(), json!("/via"))]);
                    (format!("{resource}-on-{card}"), format!("/{{tenant}}/{card}/{{card}}/{resource}"))
                }
            };
            entities.insert(name.clone(), Value::Object(entity));
            for action in actions {
                if action == "view" {
                    // For who may view some: not everybody who may has the right to the list as such.
                    routes.push(json!({
                        "match": format!("GET {at}{ROWS}"), "entity": name, "resource": resource, "action": "view",
                        "items": "/items",
                    }));
                }
                let mut all = shapes(action, true, card.is_some());
                all.extend(shapes(action, false, card.is_some()));
                all.dedup();
                for (method, rest, by) in all {
                    // What is not there is on no card.
                    if card.is_some() && by == By::Nothing && method != "GET" {
                        continue;
                    }
                    let mut route = json!({
                        "match": format!("{method} {at}{rest}"), "entity": name, "resource": resource, "action": action,
                    });
                    let more = match by {
                        // Something is kept beside the rows: the backend is asked also where no row may be seen.
                        By::Nothing if action == "list" => json!({"items": "/items", "keep": ["/version"]}),
                        By::Nothing => json!({}),
                        By::Answer => json!({"object": "answer"}),
                        By::Prefetch => json!({"object": "prefetch", "prefetch": format!("GET {at}/{{id}}")}),
                        By::Card => json!({
                            "object": "prefetch", "prefetch": format!("GET /{{tenant}}/{}/{{card}}", card.unwrap()),
                            "entity": card, "parameter": "card", "via": true,
                        }),
                    };
                    route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                    routes.push(route);
                }
            }
        }
    }
    text(&json!({"backend": "chat", "fixed": {"tenant": tenant}, "entity": entities, "route": routes}))
}

fn text(value: &Value) -> String {
    toml::to_string(&toml::Value::try_from(value).unwrap()).unwrap()
}

/// The roles of a case's account, as `roles.toml`.
fn account(table: &Table, case: &Case) -> String {
    let roles: BTreeMap<_, _> = table
        .role
        .iter()
        .map(|role| {
            let mut grants: BTreeMap<&str, BTreeMap<&str, Scope>> = BTreeMap::new();
            for grant in &role.grants {
                grants.entry(&grant.resource).or_default().insert(&grant.action, grant.scope);
            }
            let stages: Vec<_> = role.stage_rules.iter().map(|rule| {
            let allowed = if rule.allow == Some(true) { Scope::All } else { Scope::None };
            let scope = rule.scope.unwrap_or(allowed);
            let stage: Vec<_> = [&rule.stage].into_iter().filter(|stage| *stage != "*").collect();
            json!({"resource": rule.resource, "pipeline": rule.pipeline, "stage": stage, &rule.action: scope})
        }).collect();
            let mut fields: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
            for rule in &role.field_rules {
                fields.entry(&rule.resource).or_default().entry(&rule.access).or_default().push(&rule.field);
            }
            (&role.name, json!({"grants": grants, "stage": stages, "fields": fields}))
        })
        .collect();
    let state = &case.account;
    let assign: Vec<_> = state.bindings.iter().map(|binding| {
        json!({"role": binding.role, "to": binding.to, "draft": !binding.saved.unwrap_or(true)})
    }).collect();
    let chatapp = json!({"installed": state.app_installed.unwrap_or(true), "access": state.app_access});
    let mut all =
        json!({"use": [table.system], "role": roles, "assign": assign, "app": {"chatapp": chatapp}});
    if let Some(beats) = state.subscriber_overrides_stage {
        all["relations_beat_overrides"] = json!(beats);
    }
    text(&all)
}

/// A subject among the file's teams, as `directory.toml`.
fn directory(table: &Table, case: &Case) -> String {
    let subject = &case.subject;
    let mut teams: BTreeMap<&str, Value> = table
        .teams
        .iter()
        .map(|(team, parent)| {
            (team.as_str(), if parent.is_empty() { json!({}) } else { json!({"parent": parent}) })
        })
        .collect();
    for team in subject.teams.iter().map(String::as_str).chain(subject.in_queue.then_some(QUEUE)) {
        teams.entry(team).or_insert_with(|| json!({}))["members"] = json!([subject.user]);
    }
    let traits: Vec<_> = [("first-user", subject.first_user), ("partner", subject.partner)]
        .into_iter()
        .filter_map(|(name, is)| is.then_some(name))
        .collect();
    let user = json!({"active": subject.active.unwrap_or(true), "roles": subject.roles, "traits": traits});
    // Whom the account names besides.
    let named = case.account.app_access.iter().chain(case.account.bindings.iter().map(|binding| &binding.to));
    let mut users: BTreeMap<&str, Value> =
        named.filter_map(|to| to.strip_prefix("user:")).map(|name| (name, json!({}))).collect();
    users.insert(&subject.user, user);
    text(&json!({"team": teams, "user": users}))
}

/// What is known of an object, as the backend tells it.
fn facts(id: &str, object: &Object) -> Map<String, Value> {
    let mut json =
        json!({"id": id, "participants": object.participants, "open": object.open, "queue": QUEUE});
    if let Some(user) = &object.responsible {
        json["responsible"] = if user.is_empty() { Value::Null } else { json!(user) };
    }
    let named = [
        ("team", &object.team),
        ("pipeline", &object.pipeline),
        ("stage", &object.stage),
        ("kind", &object.kind),
        ("role", &object.role),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            json[name] = json!(value);
        }
    }
    json.as_object().unwrap().clone()
}

/// A case as an exchange with the backend.
struct Exchange {
    /// The requests to Headgate, each of which asks what the case asks.
    requests: Vec<(&'static str, String, By)>,
    /// The rows of a list, each of which can be got by itself as well; none if the case says nothing of them.
    rows: Vec<String>,
    /// Where the list is.
    list: String,
    /// Where its rows are by themselves.
    at: String,
    /// What the backend has.
    has: BTreeMap<String, Value>,
}

fn exchange(case: &Case, number: usize, tenant: &str) -> Exchange {
    let (id, card) = (format!("o{number}"), format!("c{number}"));
    let via = case.object.as_ref().and_then(|object| object.via.as_deref());
    let mut at = format!("/{tenant}");
    let mut has = BTreeMap::new();
    let mut shown = Map::from_iter([("id".to_owned(), json!(id))]);
    shown.extend(case.fields.iter().map(|field| (field.clone(), json!(canary(field)))));
    let mut whole = case.object.as_ref().map(|object| facts(&id, object)).unwrap_or_default();
    if let Some(via) = via {
        at += &format!("/{}/{card}", via.resource.as_ref().unwrap());
        let facts = facts(&card, via);
        has.insert(at.clone(), json!(facts));
        whole.insert("via".to_owned(), json!(facts));
    }
    at += &format!("/{}", case.resource);
    whole.extend(shown.clone());
    has.insert(format!("{at}/{id}"), json!(whole));
    let mut rows = Vec::new();
    let of_objects = case.object.is_some() && case.action == "view";
    let list = if of_objects { format!("{at}{ROWS}") } else { at.clone() };
    if of_objects || case.action == "list" {
        // Beside the case's own object one of the user's and one of somebody's whom nobody knows.
        for (row, responsible) in [("mine", case.subject.user.as_str()), ("theirs", "a-stranger")] {
            let mut other = Map::from_iter([
                ("id".to_owned(), json!(format!("{row}{number}"))),
                ("responsible".to_owned(), json!(responsible)),
            ]);
            other.extend(whole.get("via").map(|via| ("via".to_owned(), via.clone())));
            has.insert(format!("{at}/{row}{number}"), json!(other));
            rows.push(format!("{row}{number}"));
        }
        rows.extend(of_objects.then(|| id.clone()));
        let items: Vec<_> = rows.iter().map(|row| has[&format!("{at}/{row}")].clone()).collect();
        has.insert(list.clone(), json!({"items": items}));
    }
    let requests: Vec<_> = shapes(&case.action, case.object.is_some(), via.is_some())
        .into_iter()
        .map(|(method, rest, by)| (method, format!("{at}{}", rest.replace("{id}", &id)), by))
        .collect();
    for (method, path, _) in &requests {
        if *method == "GET" {
            has.entry(path.clone()).or_insert_with(|| json!(shown));
        }
    }
    Exchange { requests, rows, list, at, has }
}

fn canary(field: &str) -> String {
    format!("CANARY-{field}-END")
}

/// What became of one request.
enum Outcome {
    AsExpected,
    Wrong(String),
}

fn judge(case: &Case, method: &str, by: By, answer: &Answer, seen: &[Asked]) -> Outcome {
    let users: Vec<&Asked> =
        seen.iter().filter(|asked| asked.all("headgate-actor") != ["headgate"]).collect();
    let shows = |field: &String| answer.body.contains(&canary(field));
    let wrong = |what: &str| Outcome::Wrong(format!("{what}: {} {}", answer.status, answer.body));
    if case.expect == "deny" {
        let refused = if case.subject.authenticated == Some(false) {
            answer.status == 401
        } else {
            [403, 404].contains(&answer.status)
        };
        return match () {
            () if !refused => wrong("not refused"),
            () if answer.body.contains("CANARY") => wrong("shown"),
            () if by != By::Answer && !users.is_empty() => wrong("reached the backend"),
            () => Outcome::AsExpected,
        };
    }
    if ![200, 204].contains(&answer.status) || (method == "GET" && answer.status != 200) {
        return wrong("refused");
    }
    if users.len() != 1
        || users[0].all("headgate-actor") != [case.subject.user.as_str()]
        || users[0].method != method
    {
        return wrong("did not reach the backend once, as the user's");
    }
    if method != "GET" || case.action == "list" {
        return Outcome::AsExpected;
    }
    let must_see = if case.expect == "allow" { &case.fields } else { &case.visible_fields };
    match () {
        () if !must_see.iter().all(shows) => wrong("a field is not shown"),
        () if case.hidden_fields.iter().any(shows) => wrong("a hidden field is shown"),
        () => Outcome::AsExpected,
    }
}

/// A request with a case's credentials.
async fn ask(address: SocketAddr, case: &Case, key: &str, method: &str, path: &str) -> Answer {
    let writes: Map<_, _> = case.fields.iter().map(|field| (field.clone(), json!("new"))).collect();
    let body = if method == "GET" || writes.is_empty() { String::new() } else { json!(writes).to_string() };
    let credentials = if case.subject.authenticated == Some(false) {
        String::new()
    } else {
        format!("Authorization: Bearer {key}\r\n")
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n{credentials}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Answer::of(&answer)
}

/// How often a list showed a row, and how often it did not.
#[derive(Debug, Default)]
struct Tally {
    shown: usize,
    hidden: usize,
}

/// What is wrong with the rows that a user who may list gets: each is there if, and as, it can be got by itself; and of
/// a case that is about one, if that is what the case expects.
async fn compare_rows(
    address: SocketAddr,
    case: &Case,
    key: &str,
    exchange: &Exchange,
    tally: &mut Tally,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let Exchange { rows, list, at, .. } = exchange;
    if rows.is_empty() || case.subject.authenticated == Some(false) {
        return wrong;
    }
    let answer = ask(address, case, key, "GET", list).await;
    if answer.status != 200 {
        return wrong;
    }
    let answer = answer.json();
    let items = answer["items"].as_array().unwrap();
    for row in rows {
        let listed = items.iter().find(|item| item["id"] == **row);
        let got = ask(address, case, key, "GET", &format!("{at}/{row}")).await;
        let got = (got.status == 200).then(|| got.json());
        if listed != got.as_ref() {
            wrong.push(format!("{}: GET {list}: {row} is listed as {listed:?} and got as {got:?}", case.id));
        }
        if row.starts_with('o') && listed.is_some() != (case.expect != "deny") {
            wrong.push(format!("{}: expected {}: GET {list}: {row}: {listed:?}", case.id, case.expect));
        }
        match listed {
            Some(_) => tally.shown += 1,
            None => tally.hidden += 1,
        }
    }
    if items.len() > rows.len() {
        wrong.push(format!("{}: GET {list}: {items:?} are more than there are", case.id));
    }
    wrong
}

#[tokio::test]
async fn every_conformance_case_is_answered_as_expected_over_http() {
    let has: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    let held = Arc::clone(&has);
    let backend =
        Backend::start(move |asked| match (asked.method.as_str(), held.lock().unwrap().get(&asked.target)) {
            ("GET", None) => backend::json(404, &json!({})),
            ("GET", Some(object)) => backend::json(200, object),
            _ => backend::json(200, &json!({"id": "done"})),
        })
        .await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| write_file(folder.path(), name, text);
    write("headgate.toml", &headgate_toml("chat", backend.address));

    let tables = [Preset::Qontak, Preset::Kommo, Preset::Bitrix24]
        .map(|preset| (roles::preset(preset).unwrap(), table(preset.name())));
    let mut tenants: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut cases = Vec::new();
    for (source, table) in &tables {
        for case in &table.case {
            let (roles, directory) = (account(table, case), directory(table, case));
            let new = format!("t{}", tenants.len());
            let (tenant, key) = tenants.entry(format!("{roles}\n{directory}")).or_insert_with(|| {
                let key = NewKey::make().unwrap();
                let identity = json!({"api_key": {"own": {"hash": key.hash, "user": case.subject.user}}});
                let queues =
                    case.subject.in_queue.then(|| json!({"team": {QUEUE: {"strategy": "round_robin"}}}));
                for (file, content) in [
                    ("roles", &roles),
                    ("directory", &directory),
                    ("identity", &text(&identity)),
                    ("assignment", &text(&queues.unwrap_or_else(|| json!({})))),
                    ("routes", &routes(source, &new)),
                ] {
                    write(&format!("tenants/{new}/{file}.toml"), content);
                }
                (new, key.key)
            });
            cases.push((case, tenant.clone(), key.clone()));
        }
    }
    let config = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let gateway = Gateway::start(config, Arc::new(SystemClock::new())).await.unwrap();
    let address = gateway.agents().unwrap();

    let (mut failed, mut passed, mut tally) = (Vec::new(), 0, Tally::default());
    for (number, (case, tenant, key)) in cases.iter().enumerate() {
        let exchange = exchange(case, number, tenant);
        *has.lock().unwrap() = exchange.has.clone();
        let mut wrong = Vec::new();
        for (method, path, by) in &exchange.requests {
            let before = backend.seen().len();
            let answer = ask(address, case, key, method, path).await;
            match judge(case, method, *by, &answer, &backend.seen()[before..]) {
                Outcome::AsExpected => {}
                Outcome::Wrong(what) => wrong.push(format!(
                    "{} ({}): expected {}: {method} {path}: {what}",
                    case.id, case.rule, case.expect
                )),
            }
        }
        wrong.extend(compare_rows(address, case, key, &exchange, &mut tally).await);
        if wrong.is_empty() {
            passed += 1;
        }
        failed.append(&mut wrong);
    }
    gateway.stop().await.unwrap();
    eprintln!("over HTTP: {passed} of {} cases in {} tenants", cases.len(), tenants.len());
    assert!(failed.is_empty(), "{}:\n{}", failed.len(), failed.join("\n"));
    assert!(tally.shown > 100 && tally.hidden > 100, "hardly any row was listed or left out: {tally:?}");
}
