//! What a list shows, get shows, and the other way round: random rights over random rows, each row asked for in every
//! way in which a route can be declared.

use headgate::policy::{
    Scope, Source,
    source::{Assignment, Principal},
};
use serde_json::{Map, Value, json};

use super::{
    backend::{self, Asked},
    obeying,
    world::{Setup, World},
};
use crate::policy::{
    engine::Engine,
    random::{Dice, ROLES, teams},
    world::Thing,
};

const SEED: u64 = 0x0ff_1157;
const WORLDS: u64 = 40;
const ROWS: usize = 12;
const USERS: [&str; 4] = ["ana", "ben", "sue", "kim"];

const ROUTES: &str = r#"
[entity.any_lead]
resource = "lead"
id = "/id"
responsible = "/responsible"
team = "/team"
participants = "/participants"
creator = "/creator"
queue = "/queue"
open = "/open"
pipeline = "/pipeline"
stage = "/stage"
channel = "/channel"
account = "/account"
kind = "/kind"
role = "/role"
fields = ["*"]

[[route]]
match = "GET /api/v1/accounts/{account}/any"
entity = "any_lead"
action = "view"
items = "/rows"
totals = { recompute = ["/count"] }
push = { own = "assignee_type=me" }

[[route]]
match = "GET /api/v1/accounts/{account}/any/{id}"
entity = "any_lead"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/any/{id}"

[[route]]
match = "GET /api/v1/accounts/{account}/answered-any/{id}"
entity = "any_lead"
action = "view"
object = "answer"
"#;

/// What has no team of its own, so that the backend can be told of a team.
const DEALS: &str = r#"
[entity.deal]
resource = "contact"
id = "/id"
responsible = "/responsible"
fields = ["*"]

[[route]]
match = "GET /api/v1/accounts/{account}/deals"
entity = "deal"
action = "list"
items = "/rows"
push = { own = "assignee_type=me", team = "team_of_assignee={team}" }

[[route]]
match = "GET /api/v1/accounts/{account}/deals/{id}"
entity = "deal"
action = "view"
object = "answer"
"#;

/// Rights of the dice, beside the fixture's, and who has which role.
fn rights(dice: &mut Dice, usual: &Source) -> Source {
    let mut source = dice.source();
    for (name, actions) in &usual.resources {
        let own = source.resources.entry(name.clone()).or_default();
        own.extend(actions.iter().filter(|action| !own.contains(action)).cloned().collect::<Vec<_>>());
    }
    for (name, role) in &usual.roles {
        // In the fixture each user has one of these; here they grant nothing.
        source
            .roles
            .insert(name.clone(), headgate::policy::source::Role { draft: role.draft, ..Default::default() });
    }
    // Kim sees their own and, most often, nothing else: then the backend is told so.
    let own = [("view".to_owned(), Scope::Own)];
    source.roles.get_mut("clerk").unwrap().grants.insert("lead".to_owned(), own.into());
    let roles = &ROLES[..ROLES.len() - 1];
    for user in USERS.into_iter().filter(|user| *user != "kim") {
        for _ in 0..dice.pick(&[0, 1, 1, 2]) {
            let to = Principal::User(user.to_owned());
            source.assignments.push(Assignment { role: dice.name(roles), to, until: None, draft: false });
        }
    }
    source
}

/// An object as a backend tells it. What is not known is not there.
fn row(id: usize, thing: &Thing) -> Value {
    let mut row = Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("participants".to_owned(), json!(thing.participants)),
        ("open".to_owned(), json!(thing.open)),
        ("name".to_owned(), json!(format!("name {id}"))),
        ("budget".to_owned(), json!(id * 1000)),
        ("smtp".to_owned(), json!({"host": "mail", "password": "secret", "tls": {"key": id}})),
        ("custom".to_owned(), json!([{"other": id}])),
    ]);
    let mut known = |name: &str, value: Option<&String>| {
        row.extend(value.map(|value| (name.to_owned(), json!(value))));
    };
    known("responsible", thing.responsible.as_ref());
    known("team", thing.teams.first().filter(|_| thing.own_team));
    known("creator", thing.creator.as_ref());
    known("queue", thing.queue.as_ref());
    known("pipeline", thing.pipeline.as_ref());
    known("stage", thing.stage.as_ref());
    known("channel", thing.channel.as_ref());
    known("account", thing.account.as_ref());
    known("kind", thing.kind.as_ref());
    known("role", thing.role.as_ref());
    if thing.unassigned {
        row.insert("responsible".to_owned(), Value::Null);
    }
    row.into()
}

/// What a user is shown of the rows one by one; `None` where there is nothing.
async fn one_by_one(world: &World, user: &str, path: &str) -> Vec<Option<Value>> {
    let mut shown = Vec::new();
    for id in 0..ROWS {
        let answer = world.get(user, &format!("/{path}/{id}")).await;
        assert!([200, 403, 404].contains(&answer.status), "{user} {path}/{id}: {}", answer.body);
        shown.push((answer.status == 200).then(|| answer.json()));
    }
    shown
}

#[tokio::test]
async fn a_list_shows_what_can_be_got() {
    let (mut seen, mut unseen, mut lists) = (0, 0, 0);
    // A backend that obeys differs in the one list of who sees their own alone.
    let worlds = if obeying::obeys() { WORLDS / 4 } else { WORLDS };
    for number in 0..worlds {
        let mut dice = Dice::new(SEED + number);
        let source = loop {
            let source = rights(&mut dice, &super::world::policy());
            if Engine::new(&source, "acme", &teams()).is_ok() {
                break source;
            }
        };
        let rows: Vec<_> = (0..ROWS).map(|id| row(id, &dice.thing("acme", 0))).collect();
        let script = move |asked: &Asked| {
            let last = asked.target.split('?').next()?.rsplit('/').next()?;
            let one = last.parse::<usize>().ok().and_then(|id| rows.get(id).cloned());
            Some(backend::json(200, &one.unwrap_or_else(|| json!({"rows": rows, "count": ROWS}))))
        };
        let told = format!("in world {number}");
        let world =
            Setup::default().routes(ROUTES).policy(|usual| *usual = source).backend(script).start().await;
        for user in USERS {
            let list = world.get(user, "/any").await;
            let got = one_by_one(&world, user, "any").await;
            assert_eq!(got, one_by_one(&world, user, "answered-any").await, "{user} {told}");
            let got: Vec<_> = got.into_iter().flatten().collect();
            seen += got.len();
            unseen += ROWS - got.len();
            if list.status == 200 {
                let count = got.len();
                assert_eq!(list.json(), json!({"rows": got, "count": count}), "{user} {told}");
                lists += 1;
            } else {
                // Who has no scope at all has no list, whatever relations show of single objects.
                assert_eq!(list.status, 403, "{user} {told}");
            }
        }
    }
    let least = usize::try_from(worlds).unwrap();
    assert!(seen > 5 * least && unseen > 5 * least && 2 * lists > 3 * least, "{seen} {unseen} {lists}");
}

#[tokio::test]
async fn a_list_shows_what_can_be_got_to_who_is_in_no_team_in_several_and_above_them() {
    let owners = ["ana", "ben", "kim", "duo", "free", "head", "sue", "zoe"].map(|owner| json!(owner));
    let rows: Vec<_> = owners.into_iter().chain([Value::Null]).zip(0..).collect();
    let rows: Vec<_> = rows.iter().map(|(owner, id)| json!({"id": id, "responsible": owner})).collect();
    for (scope, seen) in [
        (Scope::Own, [vec![2], vec![3], vec![4], vec![5]]),
        (Scope::Team, [vec![0, 2, 3, 6], vec![0, 1, 2, 3, 6], vec![4], vec![5]]),
        (Scope::TeamTree, [vec![0, 2, 3, 6], vec![0, 1, 2, 3, 6], vec![4], vec![0, 1, 2, 3, 5, 6]]),
    ] {
        let all = rows.clone();
        let script = move |asked: &Asked| {
            let last = asked.target.split('?').next()?.rsplit('/').next()?;
            let one = last.parse::<usize>().ok().and_then(|id| all.get(id).cloned());
            Some(backend::json(200, &one.unwrap_or_else(|| json!({"rows": all}))))
        };
        let rights = move |source: &mut Source| {
            let of_deals = ["list", "view"].map(|action| (action.to_owned(), scope));
            let clerk = source.roles.get_mut("clerk").unwrap();
            clerk.grants.insert("contact".to_owned(), of_deals.into());
        };
        let world = Setup::default().routes(DEALS).policy(rights).backend(script).start().await;
        for (user, seen) in ["kim", "duo", "free", "head"].into_iter().zip(seen) {
            let list = world.get(user, "/deals").await;
            let expected: Vec<_> = seen.iter().map(|id: &usize| rows[*id].clone()).collect();
            assert_eq!(list.json(), json!({"rows": expected}), "{user} {scope:?}");
            for id in 0..rows.len() {
                let status = world.get(user, &format!("/deals/{id}")).await.status;
                assert_eq!(status == 200, seen.contains(&id), "{user} {scope:?} {id}: {status}");
            }
        }
    }
}

super::obeying::once_more!(
    a_list_shows_what_can_be_got: 3,
    a_list_shows_what_can_be_got_to_who_is_in_no_team_in_several_and_above_them: 6,
);
