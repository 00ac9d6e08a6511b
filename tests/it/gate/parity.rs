//! Three ways to ask one policy: over HTTP through a whole gateway, by the commands, and by `tests.toml`. The same
//! questions about the same objects must get the same answers, whatever is known of an object and of a user.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    sync::Arc,
};

use fastrand::Rng;
use headgate::{
    clock::SystemClock,
    config::Config,
    gateway::Gateway,
    identity::NewKey,
    ids::{AccountId, ConversationKey, TeamId, TenantId, Timestamp, UserId},
    metrics::Limits,
    spool::Thread,
    tag::{NewTag, Tag, TagStore, embedded::EmbeddedTags},
};
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};
use smallvec::smallvec;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    backend::{self, Backend, headgate_toml},
    world::Answer,
};
use crate::support::folder::write_file;

/// As much as can be asked.
const RATES: &str = r#"
[gate.rate]
actor = { per_second = 1000000, burst = 1000000 }
tenant = { per_second = 1000000, burst = 1000000 }
address = { per_second = 1000000, burst = 1000000 }
"#;

const CHANNELS: &str = r#"
[endpoint.wa-TENANT]
channel = "whatsapp"
secrets = ["a-secret"]
verify_token = "token"
[endpoint.tg-TENANT]
channel = "telegram"
secrets = ["a-secret"]
[account.board]
endpoint = "wa-TENANT"
id = "1"
backend = "chat"
[account.desk]
endpoint = "tg-TENANT"
backend = "chat"
"#;

const DIRECTORY: &str = r#"
[team.company]
members = ["boss"]
[team.sales]
parent = "company"
members = ["ana", "dora", "hal"]
[team.north]
parent = "sales"
members = ["ben"]
[team.support]
parent = "company"
members = ["cem", "dora", "leo"]

[user.ana]
[user.ben]
[user.boss]
[user.cem]
[user.dora]
roles = ["waiter"]
away = true
[user.eve]
active = false
roles = ["head"]
[user.fay]
traits = ["first-user"]
[user.gus]
[user.hal]
[user.leo]
roles = ["waiter"]
"#;

/// Who is in `sales` is in no queue.
const ASSIGNMENT: &str = r#"
[team.support]
strategy = "round_robin"
[team.north]
strategy = "least_loaded"
[team.sales]
strategy = "manual"
"#;

const ROLES: &str = r#"
[resource.lead]
actions = ["list", "view", "edit", "export", "create"]
[resource.note]
actions = ["view"]
[resource.conversation]
actions = ["view"]
[profile.card]
lead = ["id", "name"]

[role.lister.grants]
lead = { list = "all" }

[role.seller]
grants.lead = { view = "own", edit = "own", create = "own" }
grants.conversation = { view = "team" }
grants.note = { view = "own" }
[[role.seller.override]]
resource = "lead"
stage = ["legal"]
view = "none"
[[role.seller.override]]
resource = "lead"
channel = "telegram"
mode = "raise"
view = "team"
[[role.seller.override]]
resource = "lead"
account = "board"
mode = "cap"
view = "own"
edit = "none"
[[role.seller.override]]
resource = "lead"
pipeline = "sales"
mode = "raise"
edit = "team"
[[role.seller.override]]
resource = "conversation"
stage = ["legal"]
view = "own"
[role.seller.relation.participant]
lead = { view = "card" }
[role.seller.fields.lead]
read-only = ["price"]

[role.head]
grants.lead = { view = "team-tree", edit = "team", export = "team-tree" }
grants.conversation = { view = "team-tree" }
[[role.head.override]]
resource = "lead"
account = "board"
view = "all"

[role.opener]
grants.lead = { view = "open", edit = "own" }
grants.conversation = { view = "all" }

[role.waiter]
grants.lead = { view = "own" }
[role.waiter.relation]
unassigned = { lead = { view = "card" } }
queue = { lead = { view = "full", edit = "full" }, conversation = { view = "full" } }
creator = { lead = { view = "full", export = "full" } }
[[role.waiter.override]]
resource = "lead"
stage = ["legal"]
mode = "cap"
view = "none"
edit = "none"

[role.temp]
grants.lead = { view = "all", edit = "all", export = "all" }
grants.conversation = { view = "all" }

[role.guest]
grants.lead = { export = "all", view = "team" }

[[assign]]
role = "lister"
to = "everyone"
[[assign]]
role = "seller"
to = "team-tree:sales"
[[assign]]
role = "head"
to = "user:boss"
[[assign]]
role = "waiter"
to = "team:support"
[[assign]]
role = "opener"
to = "trait:first-user"
[[assign]]
role = "temp"
to = "user:gus"
until = "2020-01-01T00:00:00Z"
[[assign]]
role = "guest"
to = "user:hal"
until = "2199-01-01T00:00:00Z"

[[forbid]]
name = "no-export-while-legal-looks"
resource = "lead"
actions = ["export"]
stage = ["legal"]
[[forbid]]
name = "hal-stays-off-mail"
resource = "lead"
actions = ["edit"]
users = ["hal"]
channel = "email"
[[forbid]]
name = "the-board-is-not-for-support"
resource = "*"
actions = ["view"]
teams = ["support"]
account = "board"
[[forbid]]
name = "no-head-is-edited"
resource = "lead"
actions = ["edit"]
role = "head"

[[rule]]
name = "notes-of-a-lead"
resource = "note"
actions = ["view"]
via = "lead"
effect = "grant"
when = [{ allowed = { on = "via", action = "view" } }]
[[rule]]
name = "private-is-private"
resource = "lead"
actions = ["edit"]
kinds = ["private"]
effect = "require"
when = [{ responsible = "object" }]
[[rule]]
name = "bills-are-for-who-has-the-app"
resource = "lead"
actions = ["export"]
kinds = ["bill"]
effect = "grant"
profile = "full"
when = [{ app = "billing" }]

[app.billing]
installed = true
access = ["trait:first-user", "team:north"]
"#;

/// Of each tenant: how its roles are combined.
const TENANTS: [(&str, &str); 2] =
    [("a", ""), ("b", "combine = \"specific-then-max\"\nrelations_beat_overrides = false\n")];

const USERS: [&str; 10] = ["ana", "ben", "boss", "cem", "dora", "eve", "fay", "gus", "hal", "leo"];
const TEAMS: [&str; 4] = ["company", "sales", "north", "support"];

/// What may be none, or not told; and by which names it may be told.
const PARTS: [(&str, &[&str]); 6] = [
    ("pipeline", &["sales", "service"]),
    ("stage", &["legal", "new"]),
    ("channel", &["telegram", "email", "whatsapp"]),
    ("account", &["board", "desk"]),
    ("kind", &["private", "bill", "other"]),
    ("role", &["head", "seller"]),
];

/// How many leads, notes and conversations are asked about; each by every user and in every way.
const LEADS: usize = 20;
const NOTES: usize = 12;
const CONVERSATIONS: usize = 15;

/// What is known of an object: absent is not told, null is none.
type Known = Map<String, Value>;

/// Any object. Of most parts it is known that there is none, so that something may be done with it.
fn object(dice: &mut Rng) -> Known {
    let mut known = Known::new();
    match dice.u8(..6) {
        0 => {}
        1 => drop(known.insert("responsible".to_owned(), Value::Null)),
        _ => drop(known.insert("responsible".to_owned(), json!(dice.choice(USERS)))),
    }
    let others = [
        ("team", json!(dice.choice(TEAMS))),
        ("queue", json!(dice.choice(TEAMS))),
        ("creator", json!(dice.choice(USERS))),
        ("participants", json!([dice.choice(USERS), dice.choice(USERS)])),
        ("open", json!(true)),
    ];
    for (name, value) in others {
        if dice.u8(..3) == 0 {
            known.insert(name.to_owned(), value);
        }
    }
    for (part, names) in PARTS {
        match dice.u8(..7) {
            0 => {}
            1 | 2 => drop(known.insert(part.to_owned(), json!(dice.choice(names)))),
            _ => drop(known.insert(part.to_owned(), Value::Null)),
        }
    }
    known
}

/// A conversation, as its tag tells it. Of one without a tag nothing is known; of one that has a tag, whatever it does
/// not say is not there.
fn conversation(dice: &mut Rng) -> Known {
    let mut known = Known::new();
    if dice.u8(..5) == 0 {
        return known;
    }
    for part in ["responsible", "stage", "pipeline", "kind", "role"] {
        known.insert(part.to_owned(), Value::Null);
    }
    if dice.u8(..4) > 0 {
        known.insert("responsible".to_owned(), json!(dice.choice(USERS)));
    }
    if dice.bool() {
        let team = json!(dice.choice(TEAMS));
        // Its team's queue serves it.
        known.insert("queue".to_owned(), team.clone());
        known.insert("team".to_owned(), team);
    }
    if dice.bool() {
        known.insert("participants".to_owned(), json!([dice.choice(USERS)]));
    }
    if dice.bool() {
        known.insert("pipeline".to_owned(), json!("sales"));
        known.insert("stage".to_owned(), json!(dice.choice(["legal", "new"])));
    }
    let (account, channel) = dice.choice([("board", "whatsapp"), ("desk", "telegram")]).unwrap();
    known.insert("account".to_owned(), json!(account));
    known.insert("channel".to_owned(), json!(channel));
    known
}

fn text<'k>(known: &'k Known, name: &str) -> Option<&'k str> {
    known.get(name).and_then(Value::as_str)
}

fn texts<'k>(known: &'k Known, name: &str) -> Vec<&'k str> {
    known.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn unknown(known: &Known) -> Vec<&'static str> {
    PARTS.iter().map(|(part, _)| *part).filter(|part| !known.contains_key(*part)).collect()
}

/// As flags of `can-i`.
fn flags(known: &Known) -> Vec<String> {
    let mut flags = Vec::new();
    for name in ["responsible", "team", "queue", "creator", "pipeline", "stage", "channel", "account", "kind"]
    {
        flags.extend(text(known, name).map(|value| format!("--{name}={value}")));
    }
    flags.extend(text(known, "role").map(|role| format!("--on-role={role}")));
    flags.extend(texts(known, "participants").iter().map(|user| format!("--participant={user}")));
    flags.extend(known.contains_key("open").then(|| "--open".to_owned()));
    flags.extend((known.get("responsible") == Some(&Value::Null)).then(|| "--unassigned".to_owned()));
    let unknown = unknown(known);
    flags.extend((!unknown.is_empty()).then(|| format!("--unknown={}", unknown.join(","))));
    flags
}

/// As the text of `--via`.
fn words(known: &Known) -> String {
    let words = flags(known).join(",").replace("--unknown=", "unknown=").replace("on-role", "role");
    let parts = words.split(',').map(|part| part.trim_start_matches("--"));
    // Of what is unknown each is said by itself.
    let parts = parts.map(|part| match PARTS.iter().find(|(name, _)| *name == part) {
        Some(_) => format!("unknown={part}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

/// As `object` of a case of `tests.toml`.
fn case_object(known: &Known) -> Known {
    let mut object = known.clone();
    if object.get("responsible") == Some(&Value::Null) {
        object.insert("unassigned".to_owned(), json!(true));
    }
    object.retain(|_, value| !value.is_null());
    object.insert("unknown".to_owned(), json!(unknown(known)));
    object
}

/// Something that is asked about.
struct Thing {
    resource: &'static str,
    id: String,
    known: Known,
    /// The lead through which it is reached.
    via: Option<Known>,
}

impl Thing {
    fn name(&self) -> String {
        format!("{}/{}", self.resource, self.id)
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = flags(&self.known);
        flags.extend(self.via.as_ref().map(|via| format!("--via=lead:{}", words(via))));
        flags
    }

    /// As the backend has it.
    fn shown(&self) -> Value {
        let mut shown = self.known.clone();
        shown.insert("id".to_owned(), json!(self.id));
        shown.extend(self.via.clone().map(|via| ("via".to_owned(), Value::Object(via))));
        Value::Object(shown)
    }

    fn case(&self) -> Value {
        let mut object = case_object(&self.known);
        if let Some(via) = &self.via {
            let mut via = case_object(via);
            via.insert("resource".to_owned(), json!("lead"));
            object.insert("via".to_owned(), Value::Object(via));
        }
        Value::Object(object)
    }
}

fn things() -> Vec<Thing> {
    let mut dice = Rng::with_seed(20_261_122);
    let mut things = Vec::new();
    for number in 0..LEADS {
        let known = object(&mut dice);
        things.push(Thing { resource: "lead", id: format!("l{number}"), known, via: None });
    }
    for number in 0..NOTES {
        let (known, via) = (object(&mut dice), Some(object(&mut dice)));
        things.push(Thing { resource: "note", id: format!("n{number}"), known, via });
    }
    for number in 0..CONVERSATIONS {
        let known = conversation(&mut dice);
        things.push(Thing { resource: "conversation", id: (100 + number).to_string(), known, via: None });
    }
    things
}

/// `routes.toml`. A lead's facts come from the answer itself or from another request, a conversation's from its tag.
fn routes(tenant: &str) -> String {
    let facts = ["id", "responsible", "team", "participants", "creator", "queue", "open"].into_iter();
    let facts = facts.chain(PARTS.iter().map(|(part, _)| *part));
    let mut lead: Map<_, _> = facts.map(|fact| (fact.to_owned(), json!(format!("/{fact}")))).collect();
    lead.insert("fields".to_owned(), json!(["*"]));
    let mut note = lead.clone();
    note.extend([("via".to_owned(), json!("lead")), ("via_at".to_owned(), json!("/via"))]);
    let route = |line: &str, entity: &str, action: &str, more: Value| {
        let mut route = json!({"match": line, "entity": entity, "action": action});
        route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        route
    };
    let by_itself = json!({"object": "answer"});
    let asked_before = json!({"object": "prefetch", "prefetch": "GET /{tenant}/lead/{id}"});
    let all = json!({
        "backend": "chat",
        "fixed": {"tenant": tenant},
        "entity": {"lead": lead, "note": note, "conversation": {"id": "/id", "fields": ["*"]}},
        "route": [
            route("GET /{tenant}/lead", "lead", "list", json!({"items": "/items"})),
            route("POST /{tenant}/lead", "lead", "create", json!({})),
            route("GET /{tenant}/lead/{id}", "lead", "view", by_itself.clone()),
            route("GET /{tenant}/seen/{id}", "lead", "view", asked_before.clone()),
            route("PATCH /{tenant}/lead/{id}", "lead", "edit", asked_before.clone()),
            route("POST /{tenant}/lead/{id}/export", "lead", "export", asked_before),
            route("GET /{tenant}/note/{id}", "note", "view", by_itself),
            route("GET /{tenant}/conversation/{id}", "conversation", "view", json!({"object": "tag"})),
        ],
    });
    toml::to_string(&toml::Value::try_from(&all).unwrap()).unwrap()
}

/// One gateway with both tenants, and what is in their files.
struct House {
    folder: TempDir,
    gateway: Gateway,
    keys: BTreeMap<(&'static str, &'static str), String>,
    things: Vec<Thing>,
    _backend: Backend,
}

impl House {
    async fn start() -> Self {
        let things = things();
        let shown: BTreeMap<String, Value> =
            things.iter().map(|thing| (thing.name(), thing.shown())).collect();
        let leads: Vec<Value> =
            things.iter().filter(|thing| thing.resource == "lead").map(Thing::shown).collect();
        let backend = Backend::start(move |asked| {
            let path = asked.target.splitn(3, '/').nth(2).unwrap().replace("seen/", "lead/");
            match (asked.method.as_str(), path.as_str()) {
                ("GET", "lead") => backend::json(200, &json!({"items": leads})),
                ("GET", path) => match shown.get(path) {
                    Some(shown) => backend::json(200, shown),
                    None => backend::json(404, &json!({})),
                },
                _ => backend::json(200, &json!({"id": "new"})),
            }
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), "headgate.toml", &(headgate_toml("chat", backend.address) + RATES));
        for (tenant, combine) in TENANTS {
            for (file, content) in [
                ("channels", CHANNELS.replace("TENANT", tenant)),
                ("directory", DIRECTORY.to_owned()),
                ("assignment", ASSIGNMENT.to_owned()),
                ("roles", format!("{combine}{ROLES}")),
                ("routes", routes(tenant)),
            ] {
                write_file(folder.path(), &format!("tenants/{tenant}/{file}.toml"), &content);
            }
        }
        let mut keys = BTreeMap::new();
        for (tenant, _) in TENANTS {
            let mut identity = Map::new();
            for user in USERS {
                let key = NewKey::make().unwrap();
                identity.insert(user.to_owned(), json!({"hash": key.hash, "user": user}));
                keys.insert((tenant, user), key.key);
            }
            let identity = toml::Value::try_from(json!({"api_key": identity})).unwrap();
            let file = format!("tenants/{tenant}/identity.toml");
            write_file(folder.path(), &file, &toml::to_string(&identity).unwrap());
        }
        tags(folder.path(), &things).await;
        let config = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let gateway = Gateway::start(config, Arc::new(SystemClock::new())).await.unwrap();
        Self { folder, gateway, keys, things, _backend: backend }
    }

    /// The answer to a request of a user.
    async fn send(&self, tenant: &'static str, user: &'static str, line: &str, body: &str) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let key = &self.keys[&(tenant, user)];
        let head = format!(
            "{method} /{tenant}/{path} HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\
             Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.gateway.agents().unwrap()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        Answer::of(&answer)
    }

    /// Whether the gate lets a request pass.
    async fn passes(&self, tenant: &'static str, user: &'static str, line: &str, body: &str) -> bool {
        let answer = self.send(tenant, user, line, body).await;
        assert!([200, 204, 403, 404].contains(&answer.status), "{user} {line}: {answer:?}");
        answer.status < 400
    }

    /// What a command prints, which must be understood.
    fn asks(&self, tenant: &str, arguments: &[&str], flags: &[String]) -> Value {
        let folder = self.folder.path().to_str().unwrap();
        let common = ["--config", folder, "--tenant", tenant, "--format", "json"];
        let all = ["headgate"].iter().chain(arguments).chain(&common).map(ToString::to_string);
        let all = all.chain(flags.iter().cloned()).map(Into::into);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        headgate::cli::run(all, |_: &str| None, &mut out, &mut err);
        let err = String::from_utf8(err).unwrap();
        serde_json::from_slice(&out).unwrap_or_else(|_| panic!("{arguments:?} {flags:?}: {err}"))
    }

    /// Who may by `who-can`.
    fn who_can(&self, tenant: &str, action: &str, thing: &Thing) -> BTreeSet<String> {
        let said = self.asks(tenant, &["who-can", action, &thing.name()], &thing.flags());
        let users = said["users"].as_array().unwrap().iter();
        users.map(|may| may["user"].as_str().unwrap().to_owned()).collect()
    }

    fn can_i(&self, tenant: &str, user: &str, action: &str, name: &str, flags: &[String]) -> bool {
        self.asks(tenant, &["can-i", user, action, name], flags)["answer"].as_bool().unwrap()
    }
}

/// The tags of the conversations, in both tenants.
async fn tags(folder: &Path, things: &[Thing]) {
    let limits = Limits::new(&mut Registry::default());
    let path = folder.join("data/tags");
    std::fs::create_dir_all(&path).unwrap();
    let (tags, _) = EmbeddedTags::open(&path, 64 << 20, &limits).unwrap();
    let conversations =
        things.iter().filter(|thing| thing.resource == "conversation" && !thing.known.is_empty());
    for (number, (thing, (tenant, _))) in
        conversations.flat_map(|thing| TENANTS.map(|tenant| (thing, tenant))).enumerate()
    {
        let known = &thing.known;
        let thread = Thread {
            keys: smallvec![(ConversationKey(u128::try_from(number).unwrap() + 1), true)],
            join: headgate::channel::event::Join::FirstKnown,
            retired: smallvec![],
            domain: None,
        };
        let (tenant, account) = (TenantId::new(tenant), AccountId::new(text(known, "account").unwrap()));
        let found = tags.resolve(&thread, NewTag { tenant, account, now: Timestamp(0) }).await.unwrap();
        let stage = text(known, "stage").map(|stage| format!("{}/{stage}", text(known, "pipeline").unwrap()));
        tags.put(Tag {
            responsible: text(known, "responsible").map(UserId::new),
            team: text(known, "team").map(TeamId::new),
            participants: texts(known, "participants").into_iter().map(UserId::new).collect(),
            stage,
            alias: Some(thing.id.clone()),
            ..Tag::clone(&found.tag)
        })
        .await
        .unwrap();
    }
    tags.close().await;
}

/// Questions as `tests.toml`, with the answers that the gate gave.
#[derive(Default)]
struct Cases(Map<String, Value>);

impl Cases {
    fn add(&mut self, user: &str, right: (&str, &str), thing: Option<&Thing>, writes: &[&str], passes: bool) {
        let mut case = json!({
            "user": user, "resource": right.0, "action": right.1, "writes": writes,
            "expect": if passes { "allow" } else { "deny" }, "at": "2026-01-01T00:00:00Z",
        });
        if let Some(thing) = thing {
            case["object"] = thing.case();
        }
        self.0.insert(format!("c{}", self.0.len()), case);
    }
}

#[tokio::test]
async fn the_gate_the_commands_and_the_tests_beside_the_roles_give_one_answer() {
    let house = House::start().await;
    let mut wrong = String::new();
    let mut answers: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for (tenant, _) in TENANTS {
        let mut cases = Cases::default();
        let mut compare = |way: &str, user: &str, what: &str, gate: bool, said: bool| {
            if gate != said {
                writeln!(wrong, "{tenant} {user} {what}: the gate says {gate}, {way} {said}").unwrap();
            }
        };
        for user in USERS {
            let passes = house.passes(tenant, user, "POST lead", "{}").await;
            compare("can-i", user, "create lead", passes, house.can_i(tenant, user, "create", "lead", &[]));
            cases.add(user, ("lead", "create"), None, &[], passes);
        }
        let mut listed = BTreeMap::new();
        for user in USERS {
            let answer = house.send(tenant, user, "GET lead", "").await;
            let rows: BTreeSet<String> = match answer.status {
                200 => answer.json()["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["id"].as_str().unwrap().to_owned())
                    .collect(),
                _ => BTreeSet::new(),
            };
            listed.insert(user, rows);
        }
        for thing in &house.things {
            let (name, flags) = (thing.name(), thing.flags());
            let viewers = house.who_can(tenant, "view", thing);
            for user in USERS {
                let what = format!("view {name} {flags:?}");
                let passes = house.passes(tenant, user, &format!("GET {name}"), "").await;
                *answers.entry((thing.resource, passes)).or_default() += 1;
                compare("who-can", user, &what, passes, viewers.contains(user));
                cases.add(user, (thing.resource, "view"), Some(thing), &[], passes);
                if thing.resource == "lead" {
                    let seen = house.passes(tenant, user, &format!("GET seen/{}", thing.id), "").await;
                    compare("another request of it", user, &what, passes, seen);
                    compare("the list", user, &what, passes, listed[user].contains(&thing.id));
                }
            }
            if thing.resource != "lead" {
                continue;
            }
            let exporters = house.who_can(tenant, "export", thing);
            let editors = house.who_can(tenant, "edit", thing);
            for user in USERS {
                let what = format!("export {name} {flags:?}");
                let passes = house.passes(tenant, user, &format!("POST {name}/export"), "{}").await;
                *answers.entry(("export", passes)).or_default() += 1;
                compare("who-can", user, &what, passes, exporters.contains(user));
                cases.add(user, ("lead", "export"), Some(thing), &[], passes);
                for field in ["name", "price"] {
                    let what = format!("edit {field} of {name} {flags:?}");
                    let body = json!({field: "new"}).to_string();
                    let passes = house.passes(tenant, user, &format!("PATCH {name}"), &body).await;
                    *answers.entry((field, passes)).or_default() += 1;
                    cases.add(user, ("lead", "edit"), Some(thing), &[field], passes);
                    // Nobody who edits a lead may not edit its name.
                    if field == "name" {
                        compare("who-can", user, &what, passes, editors.contains(user));
                    } else if editors.contains(user) {
                        let flags = [&flags[..], &["--write=price".to_owned()]].concat();
                        let said = house.can_i(tenant, user, "edit", &name, &flags);
                        compare("can-i", user, &what, passes, said);
                    }
                }
            }
        }
        let cases = toml::Value::try_from(json!({"case": cases.0})).unwrap();
        let file = format!("tenants/{tenant}/tests.toml");
        write_file(house.folder.path(), &file, &toml::to_string(&cases).unwrap());
        let said = house.asks(tenant, &["policy", "test"], &[]);
        for case in said["cases"].as_array().unwrap().iter().filter(|case| case["passed"] == false) {
            writeln!(
                wrong,
                "{tenant} {}: the gate says {}, tests.toml {}: {}",
                case["question"], case["expected"], case["got"], case["why"]
            )
            .unwrap();
        }
        assert_eq!(
            said["passed"].as_u64().unwrap() + said["failed"].as_u64().unwrap(),
            1080,
            "all were asked"
        );
    }
    house.gateway.stop().await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.lines().take(40).collect::<Vec<_>>().join("\n"));
    for (of, times) in &answers {
        assert!(*times >= 5, "{of:?}: hardly ever asked: {answers:?}");
    }
}
