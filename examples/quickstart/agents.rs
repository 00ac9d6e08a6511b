//! The agents' side of the show: the same conversations asked for by different people, a refusal and its
//! reason, and two changes that count from the next request on.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::Path,
};

use bytes::Bytes;
use headgate::{cli, identity::NewKey};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    backend::Conversation,
    directory::{self, Directory},
    ops::Ops,
    provider::HttpClient,
};

/// The presets that are shown, in the order of the columns.
pub(crate) const PRESETS: [&str; 3] = ["qontak", "kommo", "bitrix24"];

/// Everybody who has a key.
const USERS: [&str; 5] = ["ada", "sam", "ana", "ben", "sue"];

/// Who asks in the table: an Admin, a Supervisor and an Agent of the support team.
const ASKING: [&str; 3] = ["ada", "sam", "ana"];

/// Who asks for the list: an Admin, a Supervisor, an Agent, and an Agent who takes part in a conversation of another team.
const LISTING: [&str; 4] = ["ada", "sam", "ana", "ben"];

/// The users' API keys.
#[derive(Debug)]
pub(crate) struct Keys(BTreeMap<&'static str, NewKey>);

impl Keys {
    /// Makes one for each user.
    pub(crate) fn make() -> Self {
        Self(USERS.map(|user| (user, NewKey::make().expect("random bytes"))).into())
    }

    /// What `identity.toml` names: the hashes.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(user, key)| (format!("{}_KEY_HASH", user.to_uppercase()), key.hash.clone()))
    }

    /// The keys, for a shell.
    pub(crate) fn exports(&self) -> String {
        let all: Vec<_> =
            self.0.iter().map(|(user, key)| format!("{}={}", user.to_uppercase(), key.key)).collect();
        all.join(" ")
    }
}

/// The users' programs, which call the gateway.
#[derive(Debug)]
pub(crate) struct Agents {
    pub(crate) client: HttpClient,
    pub(crate) address: SocketAddr,
    pub(crate) keys: Keys,
}

/// An answer of the gateway.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    /// The decision's id.
    decision: String,
    body: Value,
}

/// What each of [`ASKING`] is answered for each conversation.
pub(crate) type Column = Vec<[StatusCode; 3]>;

/// Why that read was refused, asked of the configuration alone, as its author would.
pub(crate) fn why(config: &Path, environment: &HashMap<String, String>) {
    let [role, ..] = directory::AGENT;
    let asked = format!(
        "headgate can-i ana view conversation/our-page --responsible sue --teams support --roles {role} --why"
    );
    println!("\nThe refused read, asked of the configuration alone; no gateway need run for it:\n  {asked}");
    let config = config.display().to_string();
    let arguments = asked.split(' ').chain(["--config", &config]).map(Into::into);
    let (mut answer, mut mistake) = (Vec::new(), Vec::new());
    let environment = environment.clone();
    let env = move |name: &str| environment.get(name).cloned();
    let _no = cli::run(arguments, env, &mut answer, &mut mistake);
    for line in String::from_utf8_lossy(&[answer, mistake].concat()).lines() {
        println!("    {line}");
    }
}

impl Agents {
    /// Asks for every conversation as each of [`ASKING`].
    pub(crate) async fn column(&self, conversations: &[Conversation]) -> Column {
        let mut column = Vec::new();
        for conversation in conversations {
            let mut row = [StatusCode::OK; 3];
            for (status, user) in row.iter_mut().zip(ASKING) {
                *status = self.read(user, &conversation.name).await.status;
            }
            column.push(row);
        }
        column
    }

    /// A read that is refused, and why.
    pub(crate) async fn refusal(&self, ops: &Ops) {
        println!("\nana, an Agent, reads a conversation of the sales team, and one that does not exist:");
        for name in ["our-page", "no-such-thing"] {
            let Answer { status, decision, body } = self.read("ana", name).await;
            println!(
                "  GET /api/conversations/{name:<16} {status}: {}",
                body["detail"].as_str().unwrap_or("-")
            );
            println!("    what an operator is told: {}", ops.why(&decision).await);
        }
    }

    /// The same list as each sees it, side by side, with what was taken out.
    pub(crate) async fn list(&self, conversations: &[Conversation], ops: &Ops) {
        let joined = conversations.iter().find(|one| one.team.as_deref() == Some("sales"));
        ops.join(&joined.expect("a conversation of sales").id, "ben").await;
        println!(
            "\nOne list, GET /api/conversations, as each of them is shown it; a row's fields, or nothing:"
        );
        let mut answers = Vec::new();
        for user in LISTING {
            answers.push((user, self.ask(user, Method::GET, "/api/conversations", None).await));
        }
        print!("  {:<18}", "");
        LISTING.iter().for_each(|user| print!(" {user:<27}"));
        println!();
        for conversation in conversations {
            let mut line = format!("  {:<18}", conversation.name);
            for (_user, answer) in &answers {
                let rows = answer.body["conversations"].as_array().into_iter().flatten();
                let row = rows.filter(|row| row["id"] == *conversation.name).find_map(Value::as_object);
                let fields: Vec<_> =
                    row.into_iter().flat_map(|row| row.keys().map(|key| short(key))).collect();
                line += &format!(" {:<27}", fields.join(" "));
            }
            println!("{}", line.trim_end());
        }
        println!("  What the operator is told was taken out:");
        for (user, answer) in &answers {
            println!("  {user}  {} {}", answer.status, ops.removed(&answer.decision).await);
        }
        println!("  ben is an Agent who takes part in {}.", joined.expect("it was found").name);
    }

    /// A conversation is given to somebody else, by a request through the gateway.
    pub(crate) async fn reassignment(&self, conversations: &[Conversation]) {
        let own = conversations.iter().find(|one| one.responsible.as_deref() == Some("ana"));
        let name = &own.expect("ana was assigned a conversation").name;
        println!("\nada, the Admin, gives ana's conversation {name} to ben; ana may not:");
        println!("  ana  GET  /api/conversations/{name} {}", self.read("ana", name).await.status);
        let path = format!("/api/conversations/{name}/assign");
        for user in ["ana", "ada"] {
            let answer = self.ask(user, Method::POST, &path, Some(&json!({ "assignee": "ben" }))).await;
            println!("  {user}  POST {path} {}", answer.status);
        }
        for user in ["ana", "ben"] {
            println!("  {user}  GET  /api/conversations/{name} {}", self.read(user, name).await.status);
        }
    }

    /// A role is taken away in the directory, which tells the gateway.
    pub(crate) async fn revocation(&self, directory: &Directory, ops: &Ops) {
        let name = "whatsapp-support";
        println!("\nsam, the Supervisor, loses his roles: the directory says so and tells the gateway.");
        println!("  sam  GET  /api/conversations/{name} {}", self.read("sam", name).await.status);
        directory.set("sam", &["support"], &[]);
        println!("       POST /v1/grants/invalidate {}", ops.invalidate("sam").await);
        let refused = self.read("sam", name).await;
        println!("  sam  GET  /api/conversations/{name} {}", refused.status);
        println!("    what an operator is told: {}", ops.why(&refused.decision).await);
        directory.set("sam", &["support"], &directory::SUPERVISOR);
        ops.invalidate("sam").await;
        println!(
            "  sam  GET  /api/conversations/{name} {} (he has them again)",
            self.read("sam", name).await.status
        );
    }

    async fn read(&self, user: &str, name: &str) -> Answer {
        self.ask(user, Method::GET, &format!("/api/conversations/{name}"), None).await
    }

    async fn ask(&self, user: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let key = &self.keys.0.get(user).expect("a user of the show").key;
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.address))
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let answer = self.client.request(request).await.expect("the gateway answers");
        let decision = answer.headers().get("headgate-decision").and_then(|id| id.to_str().ok());
        let (status, decision) = (answer.status(), decision.unwrap_or_default().to_owned());
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        Answer { status, decision, body: serde_json::from_slice(&body).unwrap_or_default() }
    }
}

/// A field's name as it fits into a column.
fn short(field: &str) -> &str {
    match field {
        "assignee" => "who",
        "messages" => "msgs",
        other => other,
    }
}

/// Prints what each of [`ASKING`] was answered under each of [`PRESETS`].
pub(crate) fn print(conversations: &[Conversation], columns: &[Column]) {
    print!("  {:<43}", "");
    PRESETS.iter().for_each(|preset| print!(" {preset:<15}"));
    print!("\n  {:<18} {:<14} {:<9}", "conversation", "responsible", "team");
    PRESETS.iter().for_each(|_preset| print!(" {:<15}", ASKING.join("  ")));
    println!();
    for (index, conversation) in conversations.iter().enumerate() {
        let or_nobody = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
        let (responsible, team) = (or_nobody(&conversation.responsible), or_nobody(&conversation.team));
        print!("  {:<18} {responsible:<14} {team:<9}", conversation.name);
        for row in columns.iter().filter_map(|column| column.get(index)) {
            print!(" {:<15}", row.map(|status| status.as_str().to_owned()).join("  "));
        }
        println!();
    }
    for (name, kind, roles) in [
        ("ada", "Admin", directory::ADMIN),
        ("sam", "Supervisor", directory::SUPERVISOR),
        ("ana", "Agent", directory::AGENT),
    ] {
        println!("  {name}: {kind} ({})", roles.join(", "));
    }
}
