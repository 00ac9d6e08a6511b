//! A gateway in front of the small Chatwoot, configured as an operator does, and what its policy says.

use std::{collections::BTreeSet, sync::Arc};

use headgate::{
    clock::SystemClock,
    config::{Config, roles},
    gateway::Gateway,
    identity::NewKey,
    ids::Timestamp,
    policy::Actor,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::backend::{self as chatwoot, CONTACTS, Conversation};
use crate::{
    gate::{
        backend::{Asked, Backend, headgate_toml},
        oracle::{Allowed, Oracle, Shown, by_credential},
        world::Answer,
    },
    policy::{
        engine::Engine,
        world::{Ask, Person, Teams, Thing},
    },
    support::folder::write_file,
};

const HEADGATES_TOKEN: &str = "token-of-headgate";
/// What Headgate itself is at the backend.
const API_HEADERS: &str = "api_headers = { api_access_token = \"token-of-headgate\" }\n";

/// How an operator puts the map in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// As it is shipped: Chatwoot takes everybody for Headgate's own user, and who follows a conversation is not known.
    Plain,
    /// Some have a token of their own there, and a panel notes in an attribute who follows a conversation.
    Adapted,
}

pub(super) const SETTINGS: [Setting; 2] = [Setting::Plain, Setting::Adapted];

/// What an operator writes whatever the setting.
pub(super) const PLAIN: &str = r#"
use = ["chatwoot"]
backend = "chat"
fixed = { account = "1" }
"#;

const ADAPTED: &str = r#"
[entity.conversation]
participants = "/custom_attributes/watchers"
[as_user.credentials]
1 = "token-of-1"
4 = "token-of-4"
8 = "token-of-8"
"#;

/// Who has a token of their own in Chatwoot.
const TOKENS: [(&str, &str); 3] = [("1", "token-of-1"), ("4", "token-of-4"), ("8", "token-of-8")];

impl Setting {
    fn routes(self) -> String {
        match self {
            Self::Plain => PLAIN.to_owned(),
            Self::Adapted => format!("{PLAIN}{ADAPTED}"),
        }
    }

    /// The token with which Chatwoot is asked in a user's name.
    pub(super) fn token(self, user: &str) -> &'static str {
        let own = TOKENS.iter().find(|(known, _)| *known == user && self == Self::Adapted);
        own.map_or(HEADGATES_TOKEN, |(_, token)| token)
    }

    /// Whether Chatwoot knows a user by a token of their own.
    pub(super) fn knows(self, user: &str) -> bool {
        self.token(user) != HEADGATES_TOKEN
    }
}

/// Who has `no-notes` may send messages, and neither reads nor writes notes: a supervisor without `note` altogether, so that a
/// private message is told from one to the contact by the right to it. Who may write notes without reading them needs no test of
/// its own: the rights are asked one by one.
const ROLES: &str = r#"
use = ["chatwoot"]
[role.unassigned]
extends = ["chatwoot.agent"]
[role.unassigned.grants]
contact = { list = "none", view = "own", create = "none", edit = "none" }
[role.unassigned.relation]
unassigned = { conversation = { list = "full", view = "full" } }
[role.follower]
extends = ["chatwoot.agent"]
[role.follower.grants]
report = { view = "own" }
[role.follower.fields.conversation]
read-only = ["status", "priority", "custom_attributes.plan"]
[role.follower.fields.contact]
hidden = ["additional_attributes"]
read-only = ["email", "thumbnail"]
[role.follower.relation]
participant = { conversation = { list = "full", view = "full" } }
[role.no-media.grants]
conversation = { list = "all", view = "all" }
message = { list = "all", view = "all", send = "all" }
[role.beginner.grants]
conversation = { list = "all", view = "all", create = "all" }
message = { list = "all", view = "all" }
contact = { list = "all", view = "all" }
notification = { view = "all" }
[role.no-notes]
extends = ["chatwoot.supervisor"]
[role.no-notes.grants]
note = { list = "none", view = "none", create = "none" }
[role.no-media.fields.conversation]
hidden = ["labels", "additional_attributes", "priority"]
"#;

/// Users by Chatwoot's ids, each with team and role.
pub(super) const USERS: [(&str, &str, &str); 9] = [
    ("1", "10", "chatwoot.agent"),
    ("2", "20", "follower"),
    ("3", "10", "chatwoot.agent-without-numbers"),
    ("4", "10", "chatwoot.supervisor"),
    ("5", "20", "chatwoot.administrator"),
    ("6", "20", "no-media"),
    ("7", "20", "no-notes"),
    ("8", "20", "unassigned"),
    ("9", "20", "beginner"),
];

/// Who lacks nothing.
pub(super) const ADMINISTRATOR: &str = "5";

const TENANT: &str = "default";

/// People beside [`USERS`], each with a token of their own and the role `of-` them.
#[derive(Default)]
pub(super) struct Others {
    pub(super) users: Vec<String>,
    /// Their roles, and what else roles say.
    pub(super) roles: String,
}

pub(super) struct House {
    gateway: Gateway,
    oracle: Arc<Oracle>,
    pub(super) backend: Backend,
    /// Each user's key, with the user.
    keys: Vec<(String, String)>,
    sights: Arc<Vec<Sight>>,
    setting: Setting,
    _folder: TempDir,
}

/// What is wrong with these routes, if anything is.
pub(super) fn mistakes(routes: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| write_file(folder.path(), name, text);
    write("headgate.toml", &headgate_toml("chat", "127.0.0.1:1"));
    write("tenants/default/roles.toml", ROLES);
    write("tenants/default/routes.toml", routes);
    Config::load(folder.path(), &|_| None).err().map(|mistakes| mistakes.to_string()).unwrap_or_default()
}

impl House {
    pub(super) async fn start() -> Self {
        Self::set(Setting::Adapted).await
    }

    pub(super) async fn set(setting: Setting) -> Self {
        Self::set_before(setting, chatwoot::told).await
    }

    /// A house before another Chatwoot.
    pub(super) async fn before(chatwoot: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::set_before(Setting::Adapted, chatwoot).await
    }

    /// A house with these people besides, before another Chatwoot.
    pub(super) async fn with(
        others: &Others,
        chatwoot: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::made(Setting::Adapted, chatwoot, others).await
    }

    pub(super) async fn set_before(
        setting: Setting,
        chatwoot: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::made(setting, chatwoot, &Others::default()).await
    }

    /// A house whose roles see less by this.
    pub(super) async fn narrower(by: &str) -> Self {
        let others = Others { roles: by.to_owned(), users: Vec::new() };
        Self::made(Setting::Adapted, chatwoot::told, &others).await
    }

    async fn made(
        setting: Setting,
        chatwoot: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
        others: &Others,
    ) -> Self {
        let backend = Backend::start(chatwoot).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| write_file(folder.path(), name, text);
        write("headgate.toml", &(headgate_toml("chat", backend.address) + API_HEADERS));
        let tokens = others.users.iter().map(|user| format!("{user} = \"token-of-{user}\"\n"));
        write("tenants/default/routes.toml", &(setting.routes() + &tokens.collect::<String>()));
        write("tenants/default/roles.toml", &format!("{ROLES}{}", others.roles));
        let (mut directory, mut identity, mut keys) = (String::new(), String::new(), Vec::new());
        for team in ["10", "20"] {
            let members = USERS.iter().filter(|(_, of, _)| *of == team).map(|(user, ..)| *user);
            directory += &format!("[team.{team}]\nmembers = {:?}\n", members.collect::<Vec<_>>());
        }
        let others_roles = others.users.iter().map(|user| (user.clone(), format!("of-{user}")));
        let users = USERS.iter().map(|(user, _, role)| ((*user).to_owned(), (*role).to_owned()));
        let users: Vec<_> = users.chain(others_roles).collect();
        for (user, role) in &users {
            let key = NewKey::make().unwrap();
            directory += &format!("[user.{user}]\nroles = [\"{role}\"]\n");
            identity += &format!("[api_key.of-{user}]\nhash = \"{}\"\nuser = \"{user}\"\n", key.hash);
            keys.push((key.key.clone(), user.clone()));
        }
        write("tenants/default/directory.toml", &directory);
        write("tenants/default/identity.toml", &identity);
        let loaded = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let gateway = Gateway::start(loaded, Arc::new(SystemClock::new())).await.unwrap();
        let sights: Arc<Vec<_>> = Arc::new(USERS.iter().map(|(user, ..)| Sight::of(user, setting)).collect());
        let (known, seen) = (keys.clone(), Arc::clone(&sights));
        // What others lack is their test's to say: they begin as administrators.
        let sight_of = |user: &str| number(user).or_else(|| number(ADMINISTRATOR)).unwrap();
        let allowed = Allowed {
            users: Box::new(move |text| by_credential(&known, text)),
            tenant: TENANT,
            sees: Box::new(move |user, canary| seen[sight_of(user)].may_see(canary)),
        };
        let mut tokens = vec![("", HEADGATES_TOKEN)];
        if setting == Setting::Adapted {
            tokens.extend(TOKENS);
            let others = others.users.iter();
            tokens.extend(others.map(|user| (&*user.clone().leak(), &*format!("token-of-{user}").leak())));
        }
        let identity = Shown { credential: Some(("api_access_token", tokens)), asserted: false };
        let oracle = Oracle::new(allowed, identity, backend.watched(), folder.path());
        Self { gateway, oracle, backend, keys, sights, setting, _folder: folder }
    }

    pub(super) async fn send(&self, user: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.send_as(user, method, path, body.as_ref().map(|(kind, body)| (*kind, body.as_str()))).await
    }

    /// Sends a body of this media type.
    pub(super) async fn send_as(
        &self,
        user: &str,
        method: &str,
        path: &str,
        body: Option<(&str, &str)>,
    ) -> Answer {
        let (key, _) = self.keys.iter().find(|(_, of)| of == user).unwrap();
        let more = body.map_or_else(String::new, |(kind, body)| {
            format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len())
        });
        let body = body.map_or("", |(_, body)| body);
        let target = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/api/v1/accounts/1/{path}"),
        };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: panel\r\nConnection: close\r\n\
             Authorization: Bearer {key}\r\n{more}\r\n{body}"
        );
        let mut stream = self.oracle.connect(self.gateway.agents().unwrap()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        drop(stream);
        self.oracle.judge();
        Answer::of(&answer)
    }

    /// How this house stands before Chatwoot.
    pub(super) fn setting(&self) -> Setting {
        self.setting
    }

    /// What the policy says of a user.
    pub(super) fn sight(&self, user: &str) -> &Sight {
        &self.sights[number(user).unwrap()]
    }

    pub(super) async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(user, "GET", path, None).await
    }

    /// The ids of the rows at `rows` of an answer, however many pages it thinks that it is.
    pub(super) async fn shown(
        &self,
        user: &str,
        path: &str,
        body: Option<&Value>,
        rows: &str,
    ) -> BTreeSet<u32> {
        let method = if body.is_some() { "POST" } else { "GET" };
        let answer = self.send(user, method, path, body).await;
        assert_eq!(answer.status, 200, "{user} {path}: {answer:?}");
        let answer = answer.json();
        let ids =
            answer.pointer(rows).unwrap().as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap());
        ids.map(|id| u32::try_from(id).unwrap()).collect()
    }

    /// The numbers at `id` of the rows at `rows`, over all pages that have any.
    pub(super) async fn numbers(
        &self,
        user: &str,
        path: &str,
        body: Option<&Value>,
        rows: &str,
        id: &str,
    ) -> BTreeSet<u32> {
        let mut numbers = BTreeSet::new();
        // As clients do: on and on until a page has no row, and does not say that there may be more.
        let mut page = 0;
        loop {
            page += 1;
            let between = if path.contains('?') { '&' } else { '?' };
            let method = if body.is_some() { "POST" } else { "GET" };
            let answer = self.send(user, method, &format!("{path}{between}page={page}"), body).await;
            assert_eq!(answer.status, 200, "{user} {path}: {answer:?}");
            let goes_on = answer.header("headgate-more").is_some();
            let answer = answer.json();
            let rows = answer.pointer(rows).unwrap_or_else(|| panic!("{user} {path}: {answer}"));
            let of_row = |row: &Value| u32::try_from(row.pointer(id).unwrap().as_u64().unwrap()).unwrap();
            let rows = rows.as_array().unwrap();
            numbers.extend(rows.iter().map(of_row));
            if rows.is_empty() && !goes_on {
                return numbers;
            }
        }
    }
}

/// The place of a user among [`USERS`].
fn number(user: &str) -> Option<usize> {
    USERS.iter().position(|(known, ..)| *known == user)
}

/// What the policy says that a user may see.
pub(super) struct Sight {
    engine: Engine,
    actor: Arc<Actor>,
    setting: Setting,
}

impl Sight {
    pub(super) fn of(user: &str, setting: Setting) -> Self {
        let source = roles::read("roles.toml", ROLES).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let teams: Teams = [("10", None), ("20", None)].map(|(team, above)| (team.to_owned(), above)).into();
        let engine = Engine::new(&source, TENANT, &teams).unwrap();
        let (_, team, role) = USERS.iter().find(|(known, ..)| *known == user).unwrap();
        let person = Person {
            tenant: TENANT.to_owned(),
            user: user.to_owned(),
            teams: vec![(*team).to_owned()],
            roles: vec![(*role).to_owned()],
            active: true,
            ..Person::default()
        };
        let actor = engine.actor(&person, Timestamp(0));
        Self { engine, actor, setting }
    }

    fn ask(&self, resource: &str, action: &str, object: Option<Thing>) -> crate::policy::engine::Answer {
        let ask =
            Ask { resource: resource.to_owned(), action: action.to_owned(), object, writes: Vec::new() };
        self.engine.ask(&self.actor, &ask).unwrap()
    }

    /// Whether a right reaches a conversation, or something that is a part of it.
    pub(super) fn reaches(&self, resource: &str, action: &str, of: Conversation) -> bool {
        self.ask(resource, action, Some(self.thing(of))).is_allowed()
    }

    /// Whether a conversation is among those that the user sees.
    pub(super) fn has(&self, of: Conversation) -> bool {
        self.reaches("conversation", "list", of) && self.reaches("conversation", "view", of)
    }

    /// Whether a user sees something of a resource of which this conversation, or nobody in particular, is the owner.
    pub(super) fn sees(&self, resource: &str, of: Option<Conversation>) -> bool {
        self.ask(resource, "view", Some(self.thing_or_nobodys(of))).is_allowed()
    }

    /// The numbers of the conversations that the user sees.
    pub(super) fn conversations(&self) -> BTreeSet<u32> {
        Conversation::all().into_iter().filter(|of| self.has(*of)).map(|of| of.id).collect()
    }

    /// Whether the user sees the contact of a conversation with its number.
    pub(super) fn has_number(&self, of: Conversation) -> bool {
        let answer = self.ask("contact", "view", Some(self.thing(of)));
        answer.is_allowed() && answer.sees("phone_number")
    }

    /// Whether the user sees contacts by themselves with their numbers.
    pub(super) fn has_numbers(&self) -> bool {
        let answer = self.ask("contact", "view", Some(nobodys()));
        answer.is_allowed() && answer.sees("phone_number")
    }

    /// Whether the user sees contacts by themselves.
    pub(super) fn has_contacts(&self) -> bool {
        self.ask("contact", "list", Some(nobodys())).is_allowed()
    }

    /// Whether what stands behind `CANARY-` may be seen: it begins with the kind and the number of what it is of.
    fn may_see(&self, canary: &str) -> bool {
        let (of, what) = canary.split_once('-').unwrap_or((canary, ""));
        let mut letters = of.chars();
        let kind = letters.next().unwrap();
        let number = || letters.as_str().parse::<u32>().unwrap();
        let conversation = || Conversation::of(number());
        let sees = |right: &str| self.has(conversation()) && self.reaches(right, "view", conversation());
        match kind {
            'c' => self.has(conversation()),
            'n' => sees("note"),
            'm' => sees("media"),
            'p' => sees("note") && sees("media"),
            'w' => self.ask("note", "view", Some(nobodys())).is_allowed(),
            'e' => self.ask("report", "export", None).is_allowed(),
            'k' => {
                let of_contact = |of: &Conversation| of.contact == number() && self.has(*of);
                let mut through = Conversation::all().into_iter().filter(of_contact);
                let open = |of: Option<Conversation>| {
                    let answer = self.ask("contact", "view", Some(self.thing_or_nobodys(of)));
                    answer.is_allowed() && (!what.starts_with("hidden") || answer.sees("phone_number"))
                };
                CONTACTS.contains(&number()) && (open(None) || through.any(|of| open(Some(of))))
            }
            _ => false,
        }
    }

    fn thing_or_nobodys(&self, of: Option<Conversation>) -> Thing {
        of.map_or_else(nobodys, |of| self.thing(of))
    }

    /// What is known of a conversation.
    fn thing(&self, of: Conversation) -> Thing {
        let team_of = |agent: u32| {
            USERS.iter().find(|(user, ..)| *user == agent.to_string()).map(|(_, team, _)| (*team).to_owned())
        };
        let own = of.team.map(|team| team.to_string());
        let is_followed = of.watched && self.setting == Setting::Adapted;
        Thing {
            tenant: TENANT.to_owned(),
            responsible: of.agent().map(|agent| agent.to_string()),
            unassigned: of.agent().is_none(),
            own_team: own.is_some(),
            teams: own.into_iter().chain(of.agent().and_then(team_of)).collect(),
            participants: if is_followed { vec!["2".to_owned()] } else { Vec::new() },
            channel: Some("whatsapp".to_owned()),
            account: Some("4".to_owned()),
            ..Thing::default()
        }
    }
}

/// What is known of something that nobody is responsible for.
fn nobodys() -> Thing {
    Thing { tenant: TENANT.to_owned(), ..Thing::default() }
}
