//! The checklist's fixture: two tenants, their users and objects, and a recording backend.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use headgate::{
    backend::Pools,
    clock::{Clock, SystemClock},
    config::Config,
    directory::Version,
    gate::{
        Agents, Dependencies, Gate, Metrics, Snapshot,
        decisions::{Decisions, Record},
        who::{Authenticate, Granted, Identity, NoActor, NoIdentity, People},
    },
    ids::{AccountId, ConversationKey, TeamId, TenantId, Timestamp, UserId},
    metrics::Limits,
    policy::{
        Actor, Keys, Member, Policy, Relation, Scope, Source,
        source::{Assignment, Fields, Principal, Role},
    },
    server::{self, Peer, Serving},
    spool::{Later, Thread},
    tag::{NewTag, Tag, TagStore, embedded::EmbeddedTags},
};
use http::request::Parts;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use smallvec::smallvec;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::{
    backend::{self, Asked, Backend, Rest},
    obeying,
    oracle::{Allowed, Oracle, Sees, Shown, Tapped},
};
use crate::support::folder::write_file;

pub(super) const HEADGATE: &str = r#"
[listener.agents]
address = "127.0.0.1:0"
[store]
path = "data"
[backend.chat]
urls = ["http://127.0.0.1:1/events"]
keys = ["whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI="]
api = ["http://BACKEND"]
api_headers = { api_access_token = "native-of-headgate" }
api_timeout = "5s"
assertion_key = "the-key-that-the-backend-knows-too"
"#;

pub(super) const CHANNELS: &str = r#"
[endpoint.TENANT]
channel = "whatsapp"
secrets = ["a-secret"]
verify_token = "token"
[account.wa-1]
endpoint = "TENANT"
id = "1"
backend = "chat"
[account.wa-2]
endpoint = "TENANT"
id = "2"
backend = "chat"
"#;

pub(super) const ROUTES: &str = r#"
backend = "chat"
fixed = { account = "ACCOUNT" }
shared = ["GET /public/health"]
refused_parameters = ["api_access_token"]

[entity.conversation]
id = "/id"
responsible = "/assignee"
team = "/team"
participants = "/participants"
fields = ["*"]

[entity.contact]
id = "/id"
responsible = "/owner"
fields = ["*"]

[[route]]
match = "GET /api/v1/accounts/{account}/conversations"
entity = "conversation"
action = "list"
items = "/payload"
push = { own = "assignee_type=me" }

[[route]]
match = "POST /api/v1/accounts/{account}/conversations/filter"
entity = "conversation"
action = "list"
items = "/payload"
question = true
push = { own = "assignee_type=me" }

[[route]]
match = "GET /api/v1/accounts/{account}/conversations/{id}"
entity = "conversation"
action = "view"
object = "tag"

[[route]]
match = "PATCH /api/v1/accounts/{account}/conversations/{id}"
entity = "conversation"
action = "edit"
object = "tag"
body_bytes_max = "1KiB"

[[route]]
match = "POST /api/v1/accounts/{account}/conversations/{id}/upload"
entity = "conversation"
action = "edit"
object = "tag"
body_bytes_max = "2MiB"

[[route]]
match = "DELETE /api/v1/accounts/{account}/conversations/{id}"
entity = "conversation"
action = "delete"
object = "tag"

[[route]]
match = "GET /api/v1/accounts/{account}/answered/{id}"
entity = "conversation"
action = "view"
object = "answer"

[[route]]
match = "GET /api/v1/accounts/{account}/shown/{id}"
entity = "conversation"
action = "view"
object = "tag"
hide = false

[[route]]
match = "GET /api/v1/accounts/{account}/shadowed/{id}"
entity = "conversation"
action = "view"
object = "tag"
shadow = true

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"

[[route]]
match = "PUT /api/v1/accounts/{account}/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
body = "/contact"

[[route]]
match = "GET /public/health"
resource = "health"
action = "view"
keep = [""]
"#;

/// What of it names the routes whose paths both tenants have.
const SHARED: &str = r#""GET /public/health""#;

/// Which objects' canaries each user may see.
pub(super) fn visible(user: &str) -> &'static [&'static str] {
    match user {
        "ana" => &["101", "104", "501"],
        "ben" => &["102", "104", "502"],
        "sue" => &["101", "103", "501"],
        "adm" => &["101", "102", "103", "104", "501", "502"],
        "globex.ana" => &["201"],
        _ => &[],
    }
}

/// What the backend answers otherwise than usual.
type Script = dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync;

/// What a test may make otherwise before the world begins.
#[derive(Default)]
pub(super) struct Setup {
    headgate: String,
    routes: String,
    shared: String,
    listed: Option<&'static str>,
    script: Option<Box<Script>>,
    clock: Option<Arc<dyn Clock>>,
    policy: Option<Box<Rights>>,
    rest: Option<Rest>,
}

/// What a test makes of the fixture's rights.
type Rights = dyn FnOnce(&mut Source) + Send;

/// Users and objects, of which they see what they see of their own; or one field more, as `501-phone_number`.
pub(super) type AlsoVisible = Arc<Mutex<Vec<(&'static str, &'static str)>>>;

pub(super) struct World {
    address: SocketAddr,
    oracle: Arc<Oracle>,
    pub(super) backend: Backend,
    pub(super) tags: Arc<EmbeddedTags>,
    decisions: Arc<Decisions>,
    /// Canaries that a test lets a user see besides.
    pub(super) also_visible: AlsoVisible,
    registry: Registry,
    _folder: TempDir,
    _serving: Serving,
}

impl Setup {
    /// More of `headgate.toml`.
    pub(super) fn headgate(mut self, text: &str) -> Self {
        self.headgate.push_str(text);
        self
    }

    /// More of both tenants' `routes.toml`.
    pub(super) fn routes(mut self, text: &str) -> Self {
        self.routes.push_str(text);
        self
    }

    /// A route whose paths both tenants have.
    pub(super) fn sharing(mut self, route: &str) -> Self {
        self.shared.push_str(&format!(", \"{route}\""));
        self
    }

    /// Other rights.
    pub(super) fn policy(mut self, change: impl FnOnce(&mut Source) + Send + 'static) -> Self {
        self.policy = Some(Box::new(change));
        self
    }

    /// A header of answers that is passed on.
    pub(super) fn listing(mut self, header: &'static str) -> Self {
        self.listed = Some(header);
        self
    }

    /// What the backend answers otherwise than usual.
    pub(super) fn backend(
        mut self,
        script: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    /// What comes after an answer of the backend's that goes on.
    pub(super) fn rest(mut self, rest: Rest) -> Self {
        self.rest = Some(rest);
        self
    }

    /// A time of its own.
    pub(super) fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    pub(super) async fn start(self) -> World {
        let script = self.script;
        let mut source = policy();
        self.policy.into_iter().for_each(|change| change(&mut source));
        let obeys = obeying::obeys();
        let script = move |asked: &Asked| {
            let told = script.as_ref().and_then(|script| script(asked)).unwrap_or_else(|| usual(asked));
            if obeys { obeying::narrowed(asked, told) } else { told }
        };
        let backend = match self.rest {
            None => Backend::start(script).await,
            Some(rest) => Backend::start_with(script, rest).await,
        };
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| write_file(folder.path(), name, &text);
        let headgate = HEADGATE.replace("BACKEND", &backend.address.to_string());
        write("headgate.toml", headgate + &self.headgate);
        for (tenant, account) in [("acme", "1"), ("globex", "2")] {
            write(&format!("tenants/{tenant}/channels.toml"), CHANNELS.replace("TENANT", tenant));
            let listed = self.listed.map(|name| format!("response_headers = [\"{name}\"]"));
            let routes =
                ROUTES.replace("ACCOUNT", account).replacen(SHARED, &format!("{SHARED}{}", self.shared), 1);
            let routes = listed.unwrap_or_default() + &routes + &self.routes;
            write(&format!("tenants/{tenant}/routes.toml"), routes);
            write(&format!("tenants/{tenant}/roles.toml"), vocabulary(&source));
        }
        let config = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let config = config.config;

        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);
        let metrics = Metrics::new(&mut registry);
        let (tags, _recovery) = EmbeddedTags::open(&folder.path().join("tags"), 64 << 20, &limits).unwrap();
        let tags = Arc::new(tags);
        conversations(&tags).await;
        let keys = Keys::default();
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let people = Arc::new(Directory::new(&keys, &source));
        let calls = headgate::backend::Metrics::new(&mut registry, &limits);
        let pools = Pools::new(&config.backends, &config.egress, &clock, &calls).unwrap();
        let snapshot = Snapshot::new(&config, &pools, Arc::new(Door), people, &limits, &clock);
        let (decisions, _writer) = Decisions::new(1000, None, Default::default());
        let dependencies =
            Dependencies { tags: tags.clone(), keys, clock, decisions: decisions.clone(), metrics };
        let gate = Arc::new(Gate::new(snapshot, dependencies));
        let listener = config.listeners.agents.clone().unwrap();
        let bound = server::bind(&listener, "agents", &server::Metrics::new(&mut registry, &limits)).unwrap();
        let address = bound.local_address().unwrap();
        let serving = bound.serve(Agents::new(gate), CancellationToken::new());
        let also_visible = AlsoVisible::default();
        let allowed = Allowed { users: Box::new(bearers), tenant: "acme", sees: sees(&also_visible) };
        let oracle = Oracle::new(allowed, shown_to_backend(), backend.watched(), folder.path());
        World {
            address,
            oracle,
            backend,
            tags,
            decisions,
            also_visible,
            registry,
            _folder: folder,
            _serving: serving,
        }
    }
}

/// The usual world.
pub(super) async fn world() -> World {
    Setup::default().start().await
}

impl World {
    /// The backend answers with others than it was asked for, so that there may be nothing for a user whom it told something.
    pub(super) fn is_told_of_others(&self) {
        self.oracle.is_told_of_others();
    }

    /// A connection that the oracle sees.
    pub(super) async fn connect(&self) -> Tapped<TcpStream> {
        self.oracle.connect(self.address).await
    }

    /// Where a program connects to that looks for canaries by itself.
    pub(super) fn address_of_a_program(&self) -> SocketAddr {
        self.oracle.others_ask();
        self.address
    }

    /// Sends these bytes as they are and reads until the listener closes.
    pub(super) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        let _closed_or_reset = stream.read_to_end(&mut answer).await;
        drop(stream);
        self.oracle.judge();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A request with the user's token, header lines and a body; an empty user sends no token.
    pub(super) async fn send(&self, user: &str, line: &str, headers: &str, body: &str) -> Answer {
        let authorization = match user {
            "" => String::new(),
            user => format!("Authorization: Bearer {user}\r\n"),
        };
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!(
            "{line} HTTP/1.1\r\nHost: acme.example\r\nConnection: close\r\n{authorization}{length}{headers}\r\n"
        );
        Answer::of(&self.raw(head + body).await)
    }

    /// `GET` of a path below the tenant's account.
    pub(super) async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(user, &format!("GET /api/v1/accounts/1{path}"), "", "").await
    }

    /// A request below the tenant's account with a JSON body.
    pub(super) async fn write(&self, user: &str, method: &str, path: &str, body: &Value) -> Answer {
        let line = format!("{method} /api/v1/accounts/1{path}");
        self.send(user, &line, "Content-Type: application/json\r\n", &body.to_string()).await
    }

    /// The record of an answer's decision.
    pub(super) fn decision(&self, answer: &Answer) -> Arc<Record> {
        self.decisions.find(answer.header("headgate-decision").unwrap().parse().unwrap(), None).unwrap()
    }

    /// How often this limit was reached.
    pub(super) fn reached(&self, limit: &str) -> u64 {
        let line = format!("headgate_limit_reached_total{{limit=\"{limit}\"}} ");
        let metrics = self.metrics();
        metrics.lines().find_map(|metric| metric.strip_prefix(&line)).unwrap().parse().unwrap()
    }

    pub(super) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// Changes the tag of the conversation with this alias.
    pub(super) async fn change(&self, alias: &str, change: impl FnOnce(&mut Tag)) {
        let (tenant, account) = (TenantId::new("acme"), ["wa-1", "wa-2"].map(AccountId::new));
        let tag = account.iter().find_map(|account| self.tags.by_alias(&tenant, account, alias)).unwrap();
        let mut tag = Tag::clone(&tag);
        change(&mut tag);
        self.tags.put(tag).await.unwrap();
    }
}

/// Whose tokens of the fixture's stand in a text.
fn bearers(text: &str) -> Vec<String> {
    let name = |after: &str| after.split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned();
    text.split("Bearer ").skip(1).map(name).collect()
}

/// What the fixture's users may see: a field of an object.
pub(super) fn sees(also: &AlsoVisible) -> Box<Sees> {
    let also = Arc::clone(also);
    Box::new(move |user, canary| {
        let (object, field) =
            canary.split_at(canary.find(|c: char| !c.is_alphanumeric()).unwrap_or(canary.len()));
        let field = field.strip_prefix('-').unwrap_or_default();
        let shadowed = field.starts_with("title-shadow");
        let field = field.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        let (also, named) = (also.lock().unwrap(), format!("{object}-{field}"));
        let is_visible = visible(user).contains(&object) || also.contains(&(user, object));
        is_visible && shows(user, field) || shadowed || also.iter().any(|more| *more == (user, &*named))
    })
}

/// Whether a user is shown this field of what they see: agents are hidden numbers, media and notes.
fn shows(user: &str, field: &str) -> bool {
    matches!(user, "sue" | "adm" | "globex.ana") || ["title", "name", "content"].contains(&field)
}

/// What the fixture's backend is shown.
pub(super) fn shown_to_backend() -> Shown {
    let credential = Some(("api_access_token", vec![("", "native-of-headgate")]));
    Shown { credential, asserted: true }
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a list that is shorter than a page goes on.
    pub(super) fn has_more(&self) -> bool {
        self.header("headgate-more").is_some_and(|more| more == "true")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// What of it could tell it apart from another: all but the decision's id and the date.
    pub(super) fn told(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| !["headgate-decision", "date"].contains(&name.as_str()));
        let body = match self.header("headgate-decision") {
            Some(decision) => self.body.replace(decision, "DECISION"),
            None => self.body.clone(),
        };
        (self.status, headers, body)
    }

    /// The stable name of a problem.
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["type"].as_str().unwrap().strip_prefix("urn:headgate:problem:").unwrap().to_owned()
    }
}

/// What the backend has.
pub(super) fn usual(asked: &Asked) -> Vec<u8> {
    let path = asked.target.split('?').next().unwrap();
    let mut parts = path.rsplit('/');
    let id = parts.next().unwrap();
    let kind = if id == "upload" { "upload" } else { parts.next().unwrap() };
    let rows = ["101", "102", "103", "104"].map(conversation);
    let list = json!({"payload": rows});
    let contact = |owner: &str| json!({"id": id, "owner": owner, "name": format!("CANARY-{id}-name"), "phone_number": format!("CANARY-{id}-phone_number")});
    let value = match (kind, id) {
        ("shadowed", _) => json!({"id": id, "title": format!("CANARY-{id}-title-shadow")}),
        ("1", "conversations") | ("conversations", "filter") => list,
        ("conversations" | "answered" | "shown", "101" | "102" | "103" | "104" | "201") => conversation(id),
        ("1", "contacts") => json!({"payload": [
            {"id": "500", "owner": null, "name": "CANARY-500-name"},
            {"id": "501", "owner": "ana", "name": "CANARY-501-name"},
            {"id": "502", "owner": "ben", "name": "CANARY-502-name"},
        ]}),
        ("leads", "104") => json!({
            "id": "104", "name": "CANARY-104-name", "price": 7, "responsible": "ben", "participants": ["ana"],
            "contact": {"id": "502", "owner": "ben", "name": "CANARY-502-name", "picture": "p", "phone_number": "CANARY-502-phone_number"},
            "chat": conversation("104"),
        }),
        ("contacts", "501") => contact("ana"),
        ("contacts", "502") => contact("ben"),
        ("upload", _) => json!({"ok": true}),
        ("public", "health") => json!({"up": true}),
        _ => return backend::json(404, &json!({"error": format!("CANARY-{id}-missing")})),
    };
    backend::json(200, &value)
}

/// A conversation as the backend shows it.
pub(super) fn conversation(id: &str) -> Value {
    let (assignee, team, participants) = match id {
        "101" => (json!("ana"), "sales", json!([])),
        "102" => (json!("ben"), "support", json!([])),
        "103" => (Value::Null, "sales", json!([])),
        "104" => (json!("ben"), "support", json!([{"id": "ana"}])),
        _ => (json!("zoe"), "sales", json!([])),
    };
    json!({
        "id": id, "title": format!("CANARY-{id}-title"), "assignee": assignee, "team": team, "participants": participants,
    })
}

/// The tags of the conversations.
pub(super) async fn conversations(tags: &EmbeddedTags) {
    for (alias, tenant, account, responsible, team, participants) in [
        ("101", "acme", "wa-1", Some("ana"), "sales", &[][..]),
        ("102", "acme", "wa-2", Some("ben"), "support", &[]),
        ("103", "acme", "wa-1", None, "sales", &[]),
        ("104", "acme", "wa-2", Some("ben"), "support", &["ana"]),
        ("201", "globex", "wa-1", Some("zoe"), "sales", &[]),
    ] {
        let thread = Thread {
            keys: smallvec![(ConversationKey(alias.parse().unwrap()), true)],
            join: headgate::channel::event::Join::FirstKnown,
            retired: smallvec![],
            domain: None,
        };
        let (tenant, account) = (TenantId::new(tenant), AccountId::new(account));
        let found = tags.resolve(&thread, NewTag { tenant, account, now: Timestamp(0) }).await.unwrap();
        tags.put(Tag {
            responsible: responsible.map(UserId::new),
            team: Some(TeamId::new(team)),
            participants: participants.iter().map(|name| UserId::new(*name)).collect(),
            alias: Some(alias.to_owned()),
            ..Tag::clone(&found.tag)
        })
        .await
        .unwrap();
    }
}

/// Believes `Bearer NAME` and `Bearer TENANT.NAME`.
#[derive(Debug)]
struct Door;

impl Authenticate for Door {
    fn authenticate<'a>(
        &'a self,
        head: &'a mut Parts,
        _peer: &'a Peer,
    ) -> Later<'a, Result<Identity, NoIdentity>> {
        Box::pin(async move {
            let mut shown = head.headers.get_all("authorization").iter();
            let (first, more) = (shown.next(), shown.next());
            let token = first.ok_or(NoIdentity::Missing)?.to_str().unwrap().to_owned();
            if more.is_some() || token.contains(',') {
                return Err(NoIdentity::Ambiguous);
            }
            let name = token.strip_prefix("Bearer ").ok_or(NoIdentity::Invalid)?;
            let (tenant, user) = name.split_once('.').unwrap_or(("acme", name));
            match user {
                "nobody" => Err(NoIdentity::Invalid),
                "later" => Err(NoIdentity::Unavailable),
                user => Ok(Identity { tenant: TenantId::new(tenant), user: UserId::new(user) }),
            }
        })
    }
}

/// The fixture's users with their rights.
#[derive(Debug)]
struct Directory {
    users: BTreeMap<(TenantId, UserId), Granted>,
    /// Who was asked about before, and is known from then on.
    known: Mutex<BTreeSet<(TenantId, UserId)>>,
}

impl People for Directory {
    fn actor<'a>(
        &'a self,
        tenant: &'a TenantId,
        user: &'a UserId,
        _min: Option<Version>,
    ) -> Later<'a, Result<Granted, NoActor>> {
        Box::pin(async move {
            // What happens to a request in which something is wrong that nobody thought of.
            assert_ne!(user.as_str(), "panic", "asked for");
            match user.as_str() {
                "stale" => return Err(NoActor::Unavailable),
                "hoard" => return Err(NoActor::TooManyRoles),
                name if name.starts_with("hung-") => return std::future::pending().await,
                _ => {}
            }
            let key = (tenant.clone(), user.clone());
            let found = self.users.get(&key).cloned().ok_or(NoActor::Unknown);
            self.known.lock().unwrap().insert(key);
            found
        })
    }

    fn last_change_told(&self, _tenant: &TenantId) -> u64 {
        0
    }

    fn known(&self, tenant: &TenantId, user: &UserId) -> Option<Result<Granted, NoActor>> {
        let key = (tenant.clone(), user.clone());
        let is_known = self.known.lock().unwrap().contains(&key);
        is_known.then(|| self.users.get(&key).cloned().ok_or(NoActor::Unknown))
    }
}

impl Directory {
    fn new(keys: &Keys, source: &Source) -> Self {
        let users = [
            ("acme", "ana", "sales", "agent"),
            ("acme", "ben", "support", "agent"),
            ("acme", "sue", "sales", "lead"),
            ("acme", "adm", "office", "admin"),
            ("acme", "temp", "sales", "none"),
            ("acme", "kim", "sales", "clerk"),
            ("acme", "lou", "sales", "lister"),
            ("acme", "0", "office", "agent"),
            ("acme", "null", "office", "agent"),
            ("globex", "ana", "sales", "admin"),
            ("globex", "kim", "sales", "clerk"),
            ("globex", "zoe", "sales", "agent"),
            // In two teams, in none, and above those of others.
            ("acme", "duo", "sales support", "clerk"),
            ("acme", "free", "", "clerk"),
            ("acme", "head", "office", "clerk"),
        ];
        let granted = users.map(|(tenant, user, teams, role)| {
            let (tenant, user) = (TenantId::new(tenant), UserId::new(user));
            let teams: Vec<_> = teams.split_whitespace().collect();
            let below: &[_] = if teams == ["office"] { &["sales", "support"] } else { &[] };
            let mut source = source.clone();
            source.assignments.push(Assignment {
                role: role.to_owned(),
                to: Principal::User(user.to_string()),
                until: None,
                draft: false,
            });
            let policy = Policy::compile(&source, &tenant, keys);
            let policy = Arc::new(policy.unwrap_or_else(|problems| panic!("{problems:?}")));
            let member = Member { user: user.as_str(), teams: &teams, ..Member::default() };
            let (roles, _) = policy.roles_of(&member, Timestamp(0));
            let keys_of = |team: &&str| keys.team(&tenant, team).unwrap();
            let actor = Actor {
                tenant: tenant.clone(),
                user: user.clone(),
                teams: teams.iter().map(|team| TeamId::new(*team)).collect(),
                tree_keys: teams.iter().chain(below).map(keys_of).collect(),
                team_keys: teams.iter().map(keys_of).collect(),
                queue_keys: [].into(),
                user_key: keys.user(&tenant, user.as_str()).unwrap(),
                tenant_key: keys.tenant(&tenant),
                apps: policy.apps_of(&member),
                active: true,
                grants: Arc::new(policy.grants(&roles).unwrap()),
            };
            ((tenant, user), Granted { actor: Arc::new(actor), version: Version(7) })
        });
        Self { users: granted.into(), known: Mutex::default() }
    }
}

/// What the fixture's grants are about, as `roles.toml`.
pub(super) fn vocabulary(source: &Source) -> String {
    let resources = source.resources.iter();
    resources.map(|(name, actions)| format!("[resource.{name}]\nactions = {actions:?}\n")).collect()
}

/// The fixture's grants.
pub(super) fn policy() -> Source {
    fn grants(of: &[(&str, &[(&str, Scope)])]) -> BTreeMap<String, BTreeMap<String, Scope>> {
        let actions = |actions: &[(&str, Scope)]| {
            actions.iter().map(|(action, scope)| ((*action).to_owned(), *scope)).collect()
        };
        of.iter().map(|(resource, of)| ((*resource).to_owned(), actions(of))).collect()
    }
    let full = |resource: &str, action: &str| {
        let actions = BTreeMap::from([(action.to_owned(), "full".to_owned())]);
        BTreeMap::from([(resource.to_owned(), actions)])
    };
    let agent = Role {
        grants: grants(&[
            ("conversation", &[("list", Scope::Own), ("view", Scope::Own), ("edit", Scope::Own)]),
            (
                "contact",
                &[
                    ("list", Scope::Team),
                    ("view", Scope::Team),
                    ("edit", Scope::Team),
                    ("export", Scope::Team),
                ],
            ),
            ("message", &[("view", Scope::Own)]),
            ("health", &[("view", Scope::All)]),
        ]),
        fields: BTreeMap::from([
            ("contact".to_owned(), Fields { hidden: vec!["phone_number".to_owned()], ..Fields::default() }),
            (
                "conversation".to_owned(),
                Fields { read_only: vec!["assignee".to_owned()], ..Fields::default() },
            ),
        ]),
        relations: BTreeMap::from([(Relation::Participant, full("conversation", "view"))]),
        ..Role::default()
    };
    let lead = Role {
        grants: grants(&[
            ("conversation", &[("list", Scope::Team), ("view", Scope::Team), ("edit", Scope::Team)]),
            (
                "contact",
                &[
                    ("list", Scope::Team),
                    ("view", Scope::Team),
                    ("edit", Scope::Team),
                    ("export", Scope::Team),
                ],
            ),
            ("message", &[("view", Scope::Team)]),
            ("note", &[("view", Scope::Team)]),
            ("media", &[("view", Scope::Team)]),
        ]),
        ..Role::default()
    };
    let clerk = Role {
        grants: grants(&[("conversation", &[("list", Scope::Own), ("view", Scope::Own)])]),
        ..Role::default()
    };
    let lister = Role { grants: grants(&[("conversation", &[("list", Scope::All)])]), ..Role::default() };
    let admin = Role { grants: grants(&[("*", &[("*", Scope::All)])]), ..Role::default() };
    let resources = [
        ("conversation", &["list", "view", "edit", "delete"][..]),
        ("contact", &["list", "view", "edit", "export"]),
        ("message", &["view"]),
        ("note", &["view"]),
        ("media", &["view"]),
        ("health", &["view"]),
    ];
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Source {
        resources: resources.map(|(resource, actions)| (resource.to_owned(), words(actions))).into(),
        roles: [
            ("agent", agent),
            ("lead", lead),
            ("admin", admin),
            ("clerk", clerk),
            ("lister", lister),
            ("none", Role::default()),
        ]
        .map(|(name, role)| (name.to_owned(), role))
        .into(),
        ..Source::default()
    }
}
