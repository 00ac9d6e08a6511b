//! A whole gateway from its configuration folder: TLS, signed tokens and API keys, a directory over HTTP, the
//! tag store, the operators' interface, and a backend that answers with everything it has. Tests whose names
//! begin with a row of the security checklist are that row.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use headgate::{
    clock::ManualClock,
    config::Config,
    gateway::Gateway,
    identity::NewKey,
    ids::{ConversationId, Timestamp},
    metrics::Limits,
    tag::{TagStore, embedded::EmbeddedTags},
};
use prometheus_client::registry::Registry;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    backend::{self, Asked, Backend},
    obeying,
    oracle::{Allowed, Oracle, Tapped, by_credential},
    world::{self, AlsoVisible, Answer, CHANNELS, ROUTES},
};
use crate::{
    identity::{
        NOW,
        certificates::Client,
        tokens::{Signer, claims_but, jwks},
    },
    support::folder::write_file,
};

mod audit;
mod credentials;
mod exports;
mod facts;
mod grants;
mod http2;
mod load;
mod passing;
mod pool;
mod probed;
mod reload;
mod rows;
mod shadow;
mod tags;

const OPERATOR: &str = "a-token-of-the-operators";

const HEADGATE: &str = r#"
[listener.agents]
address = "127.0.0.1:0"
[[listener.agents.tls.certificates]]
chain = "localhost.pem"
key = "localhost.key"
[listener.ops]
address = "127.0.0.1:0"
tokens = ["OPERATOR"]
[store]
path = "data"
disk_free_min = "1MiB"
[gate.decision_log]
file = "LOG"
[backend.chat]
urls = ["http://127.0.0.1:1/events"]
keys = ["whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI="]
api = ["http://BACKEND"]
api_headers = { api_access_token = "native-of-headgate" }
api_timeout = "5s"
assertion_key = "the-key-that-the-backend-knows-too"
"#;

const IDENTITY: &str = r#"
[jwt.login]
issuer = "https://login.test/"
audience = ["TENANT"]
jwks_file = "KEYS"
[api_key.ana]
hash = "HASH"
user = "ana"
[api_key_in]
headers = ["authorization", "x-api-key"]
query = ["key"]
"#;

/// The parts of `roles.toml`, whose order means nothing (I10).
const ROLES: [&str; 6] = [
    "[resource.health]\nactions = ['view']\n",
    "[role.agent.grants]\nconversation = { list = 'own', view = 'own', edit = 'own' }\n\
     contact = { view = 'own', edit = 'own' }\nhealth = { view = 'all' }\n",
    "[role.agent.relation]\nparticipant = { conversation = { view = 'full' } }\n\
     queue = { conversation = { view = 'full' } }\n",
    "[[role.agent.stage]]\nresource = 'conversation'\npipeline = 'sales'\nstage = ['closed']\nview = 'none'\n",
    "[role.agent.fields.conversation]\nread-only = ['assignee']\n\
     [role.agent.fields.contact]\nhidden = ['phone_number']\n",
    "[role.lead.grants]\nconversation = { view = 'team', edit = 'team' }\n",
];

fn roles<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = "use = ['kommo']\nrelations_beat_overrides = false\n".to_owned();
    text.extend(parts);
    text
}

/// Each with the user whose it is.
type Credentials = Arc<Mutex<Vec<(String, String)>>>;

/// What the directory says, and whether it says anything.
#[derive(Default)]
struct People {
    /// Roles by tenant and user; everybody is in `sales`, but those who are named below.
    roles: BTreeMap<(String, String), Vec<&'static str>>,
    /// Teams by user, in each tenant.
    teams: BTreeMap<&'static str, Vec<&'static str>>,
    down: bool,
}

/// A client's.
type Connection = Tapped<TlsStream<TcpStream>>;

struct Whole {
    gateway: Gateway,
    oracle: Arc<Oracle>,
    /// What a test lets a user see besides.
    also_visible: AlsoVisible,
    /// The tokens and keys of users.
    credentials: Credentials,
    backend: Backend,
    directory: Backend,
    people: Arc<Mutex<People>>,
    clock: Arc<ManualClock>,
    signer: Signer,
    api_key: String,
    certificate: String,
    conversations: BTreeMap<&'static str, ConversationId>,
    /// Texts in the backend's answers that have otherwise others.
    otherwise: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    /// While something is in it, the backend's next answer waits until it is taken out.
    held: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
    folder: TempDir,
}

impl Whole {
    async fn start() -> Self {
        Self::start_with(|_folder, headgate| headgate).await
    }

    /// `change` makes of `headgate.toml`, and of what else lies in the folder, what a test needs.
    async fn start_with(change: impl FnOnce(&Path, String) -> String) -> Self {
        let people = Arc::new(Mutex::new(People::default()));
        for (tenant, user, role) in [
            ("acme", "ana", "agent"),
            ("acme", "ben", "agent"),
            ("acme", "sue", "lead"),
            ("acme", "adm", "kommo.administrator"),
            ("globex", "ana", "kommo.administrator"),
            ("globex", "eve", "agent"),
        ] {
            people.lock().unwrap().roles.insert((tenant.to_owned(), user.to_owned()), vec![role]);
        }
        people.lock().unwrap().roles.insert(("acme".to_owned(), "nil".to_owned()), vec![]);
        let teams = [("ben", vec!["support"]), ("odd", vec!["sales,support"]), ("lone", vec![])];
        people.lock().unwrap().teams.extend(teams);
        let said = Arc::clone(&people);
        let directory = Backend::start(move |asked| said.lock().unwrap().answer(asked)).await;
        let held: Arc<Mutex<Option<mpsc::Receiver<()>>>> = Arc::default();
        let otherwise: Arc<Mutex<Vec<(&str, &str)>>> = Arc::default();
        let (holding, changed, obeys) = (Arc::clone(&held), Arc::clone(&otherwise), obeying::obeys());
        let backend = Backend::start(move |asked| {
            let held = holding.lock().unwrap().take();
            if let Some(held) = held {
                held.recv().unwrap();
            }
            let told = changed.lock().unwrap().iter().fold(told(asked), |told, (old, new)| {
                String::from_utf8(told).unwrap().replace(old, new).into_bytes()
            });
            if obeys { obeying::narrowed(asked, told) } else { told }
        })
        .await;

        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, signer, key) = (made.cert.pem(), Signer::ed25519("one"), NewKey::make().unwrap());
        let write = |name: &str, text: &str| write_file(folder.path(), name, text);
        write("localhost.pem", &certificate);
        write("localhost.key", &made.signing_key.serialize_pem());
        write("keys.json", &jwks(&[&signer]).to_string());
        let headgate = HEADGATE
            .replace("BACKEND", &backend.address.to_string())
            .replace("OPERATOR", OPERATOR)
            .replace("LOG", folder.path().join("decisions.jsonl").to_str().unwrap());
        write("headgate.toml", &change(folder.path(), headgate));
        let other = NewKey::make().unwrap();
        for (tenant, account, key) in [("acme", "1", &key), ("globex", "2", &other)] {
            let own = |name: &str, text: &str| {
                let text = text.replace("TENANT", tenant).replace("ACCOUNT", account);
                write(&format!("tenants/{tenant}/{name}"), &text);
            };
            own("channels.toml", CHANNELS);
            let keys = folder.path().join("keys.json");
            own(
                "identity.toml",
                &IDENTITY.replace("HASH", &key.hash).replace("KEYS", keys.to_str().unwrap()),
            );
            own("directory.toml", &format!("[source]\nurl = 'http://{}/TENANT'\n", directory.address));
            own("roles.toml", &roles(ROLES));
            // The backend's own credentials are for the identity to take out.
            own("routes.toml", &ROUTES.replace("refused_parameters = [\"api_access_token\"]", ""));
        }
        let conversations = conversations(&folder).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(NOW)));
        let loaded = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let gateway = Gateway::start(loaded, clock.clone()).await.unwrap();
        let (also_visible, credentials) = (AlsoVisible::default(), Credentials::default());
        credentials.lock().unwrap().push((key.key.clone(), "ana".to_owned()));
        let known = Arc::clone(&credentials);
        let users = move |text: &str| by_credential(&known.lock().unwrap(), text);
        let allowed = Allowed { users: Box::new(users), tenant: "acme", sees: world::sees(&also_visible) };
        let oracle = Oracle::new(allowed, world::shown_to_backend(), backend.watched(), folder.path());
        Self {
            gateway,
            oracle,
            also_visible,
            credentials,
            backend,
            directory,
            people,
            clock,
            signer,
            api_key: key.key.clone(),
            certificate,
            conversations,
            otherwise,
            held,
            folder,
        }
    }

    /// A token of a user: `ana`, or `globex.ana`.
    fn token(&self, name: &str) -> String {
        let (tenant, user) = name.split_once('.').unwrap_or(("acme", name));
        let token =
            self.signer.token(&claims_but(&json!({"sub": user, "aud": tenant, "exp": NOW + 1_000_000})));
        self.credentials.lock().unwrap().push((token.clone(), name.to_owned()));
        token
    }

    /// A test lets a user see these objects too, now or later.
    fn lets(&self, user: &'static str, see: &[&'static str]) {
        self.also_visible.lock().unwrap().extend(see.iter().map(|object| (user, *object)));
    }

    /// A connection to the agents' listener that offers these protocols.
    async fn connect(&self, protocols: &[&[u8]]) -> Connection {
        self.connect_as(None, protocols).await.unwrap()
    }

    /// As [`Whole::connect`], from a client with this certificate of ana's; `None` if it is not let in.
    async fn connect_as(&self, client: Option<&Client>, protocols: &[&[u8]]) -> Option<Connection> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                config.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(self.gateway.agents().unwrap()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        Some(self.oracle.tap_as(client.map(|_| "ana"), stream))
    }

    /// Writes to a new connection and reads until it is closed.
    async fn exchange(&self, text: &str) -> String {
        let answer = exchange(self.connect(&[]).await, text).await;
        self.oracle.judge();
        answer
    }

    /// A request over TLS, with these header lines.
    async fn send(&self, line: &str, headers: &str, body: &str) -> Answer {
        self.send_as(None, line, headers, body).await.unwrap()
    }

    /// As [`Whole::send`], from a client with this certificate; `None` if it is not let in.
    async fn send_as(
        &self,
        client: Option<&Client>,
        line: &str,
        headers: &str,
        body: &str,
    ) -> Option<Answer> {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let close = if headers.contains("Connection:") { "" } else { "Connection: close\r\n" };
        let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let head = format!("{line} HTTP/1.1\r\n{host}{close}{length}{headers}\r\n{body}");
        let answer = exchange(self.connect_as(client, &[]).await?, &head).await;
        self.oracle.judge();
        (!answer.is_empty()).then(|| Answer::of(&answer))
    }

    /// `GET` below the tenant's account, with the user's token.
    async fn get(&self, user: &str, path: &str) -> Answer {
        self.get_with(user, path, "").await
    }

    async fn get_with(&self, user: &str, path: &str, headers: &str) -> Answer {
        let account = if user.starts_with("globex.") { 2 } else { 1 };
        let headers = format!("Authorization: Bearer {}\r\n{headers}", self.token(user));
        self.send(&format!("GET /api/v1/accounts/{account}{path}"), &headers, "").await
    }

    /// The status of a `GET` of a conversation.
    async fn status(&self, user: &str, conversation: &str) -> u16 {
        self.get(user, &format!("/conversations/{conversation}")).await.status
    }

    /// What the operators' interface answers.
    async fn ops(&self, line: &str, token: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.gateway.ops().unwrap()).await.unwrap();
        let authorization =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let head = format!(
            "{line} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{authorization}\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _closed = stream.read_to_string(&mut answer).await;
        let answer = Answer::of(&answer);
        (answer.status, answer.body)
    }

    /// Tells that a user's rights changed; the version that knows of it.
    async fn push(&self, body: &Value) -> String {
        let (status, said) = self.ops("POST /v1/grants/invalidate", OPERATOR, &body.to_string()).await;
        assert_eq!(status, 200, "{said}");
        serde_json::from_str::<Value>(&said).unwrap()["grants"].as_str().unwrap().to_owned()
    }

    /// Changes a conversation's tag as operators do.
    async fn change(&self, conversation: &str, change: &Value) {
        let line = format!("/v1/conversations/{}", self.conversations[conversation]);
        let (_, tag) = self.ops(&format!("GET {line}"), OPERATOR, "").await;
        let mut change = change.clone();
        change["version"] = serde_json::from_str::<Value>(&tag).unwrap()["version"].clone();
        let (status, said) = self.ops(&format!("PATCH {line}"), OPERATOR, &change.to_string()).await;
        assert_eq!(status, 200, "{said}");
    }

    /// The directory gives a user other roles.
    fn grant(&self, user: &str, roles: &[&'static str]) {
        let (tenant, user) = user.split_once('.').unwrap_or(("acme", user));
        self.people.lock().unwrap().roles.insert((tenant.to_owned(), user.to_owned()), roles.to_vec());
    }

    /// The directory has a user in these teams.
    fn put(&self, user: &'static str, teams: &[&'static str]) {
        self.people.lock().unwrap().teams.insert(user, teams.to_vec());
    }

    fn directory_is_down(&self, down: bool) {
        self.people.lock().unwrap().down = down;
    }

    /// How often the directory was asked about a user.
    fn asked_about(&self, user: &str) -> usize {
        let line = format!("GET /acme/users/{user}");
        self.directory.lines().iter().filter(|asked| **asked == line).count()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Replaces a configuration file and reloads.
    fn reload(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.path().join(name), text).unwrap();
        let loaded = Config::load(self.folder.path(), &|_| None).map_err(|mistakes| mistakes.to_string())?;
        self.gateway.reload(loaded).map(drop).map_err(|error| error.to_string())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Lets the backend's next answer wait until what is returned is used.
    fn hold(&self) -> mpsc::Sender<()> {
        let (go, held) = mpsc::channel();
        *self.held.lock().unwrap() = Some(held);
        go
    }
}

impl People {
    fn answer(&self, asked: &Asked) -> Vec<u8> {
        if self.down {
            return Vec::new();
        }
        let parts: Vec<_> = asked.target.split('/').skip(1).collect();
        match parts.as_slice() {
            [_, "teams"] => backend::json(200, &json!({"teams": [{"team": "sales"}, {"team": "support"}]})),
            [tenant, "users", user] => {
                let Some(roles) = self.roles.get(&((*tenant).to_owned(), (*user).to_owned())) else {
                    return backend::json(404, &json!({}));
                };
                let teams = self.teams.get(user).map_or(&["sales"][..], Vec::as_slice);
                let user = json!({"user": user, "active": *user != "gone", "teams": teams, "roles": roles});
                let tag = format!("\"{}\"", [teams, roles.as_slice()].concat().join("-"));
                if asked.all("if-none-match") == [&tag] {
                    return backend::answer(304, "", "");
                }
                let headers = format!("content-type: application/json\r\netag: {tag}\r\n");
                backend::answer(200, &headers, &user.to_string())
            }
            _ => backend::json(500, &json!({})),
        }
    }
}

/// What the backend answers: as usual, and it tries to set a cookie. It knows accounts apart.
fn told(asked: &Asked) -> Vec<u8> {
    let path = asked.target.split('?').next().unwrap();
    if asked.target == "/public/health?trailers" {
        let head =
            "HTTP/1.1 200 Told\r\ntransfer-encoding: chunked\r\ntrailer: x-phone, etag, set-cookie\r\n\r\n";
        let trailers =
            "x-phone: CANARY-hidden-1\r\netag: \"CANARY-hidden-2\"\r\nset-cookie: a=CANARY-hidden-3\r\n";
        return format!("{head}b\r\n{{\"up\":true}}\r\n0\r\n{trailers}\r\n").into_bytes();
    }
    let answer = if asked.target.starts_with("/api/v1/accounts/2/") && !path.ends_with("/201") {
        backend::json(404, &json!({}))
    } else {
        world::usual(asked)
    };
    let answer = String::from_utf8(answer).unwrap();
    answer.replacen("\r\n", "\r\nset-cookie: backend_session=CANARY-cookie\r\n", 1).into_bytes()
}

/// The fixture's conversations, written before the gateway opens its tags.
async fn conversations(folder: &TempDir) -> BTreeMap<&'static str, ConversationId> {
    let limits = Limits::new(&mut Registry::default());
    let path = folder.path().join("data/tags");
    fs::create_dir_all(&path).unwrap();
    let (tags, _) = EmbeddedTags::open(&path, 64 << 20, &limits).unwrap();
    world::conversations(&tags).await;
    let of = |alias, tenant: &str| {
        let accounts = ["wa-1", "wa-2"].map(headgate::ids::AccountId::new);
        let tenant = headgate::ids::TenantId::new(tenant);
        let tag = accounts.iter().find_map(|account| tags.by_alias(&tenant, account, alias));
        (alias, tag.unwrap().conversation)
    };
    let acme = ["101", "102", "103", "104"].map(|alias| of(alias, "acme"));
    let all = acme.into_iter().chain([of("201", "globex")]).collect();
    tags.close().await;
    all
}

/// Writes and reads until the connection is closed.
async fn exchange(mut stream: Connection, text: &str) -> String {
    let _refused = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}
