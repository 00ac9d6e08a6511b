//! The fixture: agent A is in team A mod 5; conversation C belongs to team C mod 5 and to agent C mod 50. Agents may
//! view what is their team's, without contacts' numbers, and half of each list.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use headgate::{
    channel::event::Join,
    identity::NewKey,
    ids::{AccountId, ConversationKey, TeamId, TenantId, Timestamp, UserId},
    metrics::Limits,
    spool::Thread,
    tag::{NewTag, Tag, TagStore as _, embedded::EmbeddedTags},
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use smallvec::smallvec;

use super::answers;

pub(super) const AGENTS: usize = 50;
pub(super) const CONVERSATIONS: usize = 500;
pub(super) const TEAMS: usize = 5;

/// Size of a conversation's JSON.
pub(super) const OBJECT_BYTES: usize = 1024;
/// Rows of a list: 256 KiB.
const ROWS: u64 = 500;

/// Where everything lies, and how to ask.
pub(super) struct World {
    pub(super) folder: PathBuf,
    pub(super) backend: SocketAddr,
    /// An API key for each agent.
    pub(super) keys: Vec<String>,
    /// A signed token for each agent.
    pub(super) jwts: Vec<String>,
}

/// A conversation's path in the backend's API.
pub(super) fn path(conversation: usize) -> String {
    format!("/api/v1/accounts/1/conversations/{conversation}")
}

/// The path of the list that the agents of a team ask for.
pub(super) fn list_path(team: usize) -> String {
    format!("/api/v1/accounts/1/teams/{team}/conversations")
}

/// What the backend knows, by path; of all else, nothing.
pub(super) fn answers() -> impl Fn(&str) -> Arc<[u8]> + Send + Sync + 'static {
    let whole = |body: &[u8]| -> Arc<[u8]> {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat().into()
    };
    let object = |number: usize| {
        let head = format!(r#"{{"id":"{number}","status":"open","subject":""#);
        let subject = "x".repeat(OBJECT_BYTES - head.len() - 2);
        whole(format!("{head}{subject}\"}}").as_bytes())
    };
    let nothing = whole(b"{}");
    let objects = (0..CONVERSATIONS).map(|number| (path(number), object(number)));
    let known: HashMap<String, Arc<[u8]>> =
        objects.chain((0..TEAMS).map(|team| (list_path(team), whole(&list(team))))).collect();
    move |path| known.get(path).unwrap_or(&nothing).clone()
}

/// A list of which half is the team's.
pub(super) fn list(team: usize) -> Vec<u8> {
    answers::list(ROWS, 1, &[team as u64, (team + 1) as u64 % TEAMS as u64])
}

impl World {
    pub(super) async fn make(folder: &Path, backend: SocketAddr) -> Self {
        let tenant = folder.join("config/tenants/default");
        fs::create_dir_all(&tenant).unwrap();
        let keys: Vec<NewKey> = (0..AGENTS).map(|_| NewKey::make().unwrap()).collect();
        let (jwts, jwks) = jwts();
        let write = |name: &str, text: String| fs::write(tenant.join(name), text).unwrap();
        write("jwks.json", jwks.to_string());
        write("identity.toml", identity(&keys));
        write("directory.toml", directory());
        write("roles.toml", ROLES.to_owned());
        write("routes.toml", ROUTES.to_owned());
        write("channels.toml", CHANNELS.to_owned());
        fs::write(folder.join("config/headgate.toml"), "").unwrap();
        conversations(&folder.join("data/tags")).await;
        let keys: Vec<String> = keys.into_iter().map(|key| key.key).collect();
        let lines = |keys: &mut dyn Iterator<Item = &String>| -> String {
            keys.enumerate().map(|(number, key)| format!("{key} {}\n", number % TEAMS)).collect()
        };
        fs::write(folder.join("agents"), lines(&mut keys.iter().chain(&jwts))).unwrap();
        let paths: Vec<String> = (0..CONVERSATIONS).map(path).collect();
        fs::write(folder.join("conversations"), lines(&mut paths.iter())).unwrap();
        Self { folder: folder.to_owned(), backend, keys, jwts }
    }

    /// Headgate's `headgate.toml`, listening at `address`. Rates are as high as they go, since all requests come from
    /// one machine.
    pub(super) fn headgate_toml(&self, address: SocketAddr) -> String {
        format!(
            r#"
[listener.agents]
address = "{address}"
[store]
path = "{data}"
[backend.chat]
urls = ["http://{backend}/events"]
keys = ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
api = ["http://{backend}"]
[gate.rate]
actor = {{ per_second = 1000000, burst = 1000000 }}
tenant = {{ per_second = 1000000, burst = 1000000 }}
address = {{ per_second = 1000000, burst = 1000000 }}
[telemetry]
log = "error"
"#,
            data = self.folder.join("data").display(),
            backend = self.backend,
        )
    }
}

const ROLES: &str = r#"
use = ["base"]
[role.agent.grants]
conversation = { list = "team", view = "team" }
contact = { view = "team" }
"#;

const ROUTES: &str = r#"
backend = "chat"
fixed = { account = "1" }
[entity.conversation]
fields = ["*"]
id = "/id"
[[route]]
match = "GET /api/v1/accounts/{account}/conversations/{id}"
entity = "conversation"
action = "view"
object = "tag"

[entity.row]
resource = "conversation"
id = "/id"
responsible = "/assignee/id"
team = "/team/id"
fields = ["id", "channel", "status", "created_at", "labels", "unread", "assignee", "team", "messages"]
nested = { "/contact" = "contact" }
[entity.contact]
part = true
fields = ["id", "name", "thumbnail"]
[[route]]
match = "GET /api/v1/accounts/{account}/teams/{team}/conversations"
entity = "row"
action = "list"
items = "/payload"
totals = { recompute = ["/meta/count"] }
"#;

const CHANNELS: &str = r#"
[endpoint.meta]
channel = "whatsapp"
secrets = ["bench-app-secret"]
verify_token = "bench"
[account.wa]
endpoint = "meta"
id = "106540352242922"
backend = "chat"
"#;

fn identity(keys: &[NewKey]) -> String {
    let keys = keys.iter().enumerate().map(|(agent, key)| {
        format!("[api_key.key{agent}]\nhash = \"{}\"\nuser = \"agent{agent}\"\n", key.hash)
    });
    let issuer = "[jwt.bench]\nissuer = \"bench\"\naudience = [\"headgate\"]\njwks_file = \"tenants/default/jwks.json\"\n";
    keys.collect::<String>() + issuer
}

fn directory() -> String {
    let users = (0..AGENTS).map(|agent| format!("[user.agent{agent}]\nroles = [\"agent\"]\n"));
    let teams = (0..TEAMS).map(|team| {
        let members: Vec<String> =
            (team..AGENTS).step_by(TEAMS).map(|agent| format!("\"agent{agent}\"")).collect();
        format!("[team.{team}]\nmembers = [{}]\n", members.join(", "))
    });
    users.chain(teams).collect()
}

async fn conversations(folder: &Path) {
    let limits = Limits::new(&mut Registry::default());
    let (tags, _recovery) = EmbeddedTags::open(folder, 64 << 20, &limits).unwrap();
    for conversation in 0..CONVERSATIONS {
        let thread = Thread {
            keys: smallvec![(ConversationKey(conversation as u128), true)],
            join: Join::FirstKnown,
            retired: smallvec![],
            domain: None,
        };
        let new =
            NewTag { tenant: TenantId::new("default"), account: AccountId::new("wa"), now: Timestamp(0) };
        let found = tags.resolve(&thread, new).await.unwrap();
        tags.put(Tag {
            responsible: Some(UserId::new(format!("agent{}", conversation % AGENTS))),
            team: Some(TeamId::new((conversation % TEAMS).to_string())),
            alias: Some(conversation.to_string()),
            ..Tag::clone(&found.tag)
        })
        .await
        .unwrap();
    }
    tags.close().await;
}

/// A token for each agent, good for an hour, and the key set to check them with.
fn jwts() -> (Vec<String>, Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let key = json!({"kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256", "x": text(x), "y": text(y)});
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = |agent: usize| {
        let head = json!({"alg": "ES256", "kid": "1", "typ": "at+jwt"});
        let claims = json!({"iss": "bench", "aud": "headgate", "sub": format!("agent{agent}"), "iat": now,
            "exp": now + 3600});
        let signed = format!("{}.{}", text(head.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", text(signature.as_ref()))
    };
    ((0..AGENTS).map(token).collect(), json!({"keys": [key]}))
}
