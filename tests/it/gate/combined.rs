//! How several roles become one answer: the table of `docs/policy.md`, row by row over HTTP (D19).

use std::collections::BTreeMap;

use headgate::policy::{
    Scope, Source,
    source::{Assignment, Combine, Forbid, Mode, Override, Principal, Role},
};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Setup, conversation},
};

const POLICY: &str = include_str!("../../../docs/policy.md");

const ROUTES: &str = r#"
[entity.lead]
resource = "conversation"
id = "/id"
responsible = "/assignee"
team = "/team"
stage = "/stage"
fields = ["id", "title"]

[[route]]
match = "GET /api/v1/accounts/{account}/staged"
entity = "lead"
action = "list"
items = "/payload"

[[route]]
match = "GET /api/v1/accounts/{account}/staged/{id}"
entity = "lead"
action = "view"
object = "answer"
"#;

/// What stands in the leads' stage.
const STAGE: &str = "legal";

/// A lead of kim's own, one of somebody of kim's team, and one of nobody of it.
const LEADS: [(&str, &str, &str); 3] =
    [("101", "kim", "sales"), ("103", "sue", "sales"), ("102", "ben", "support")];

/// A row of the table.
#[derive(Debug)]
struct Row {
    roles: [Role; 2],
    is_forbidden: bool,
    /// What is seen in each mode.
    seen: [(Combine, Scope); 2],
}

/// The rows of the table, and its names of the modes.
fn rows() -> Vec<Row> {
    let (_, table) = POLICY.split_once("### Several roles").unwrap();
    let lines =
        table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let mut cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let names = cells.next().unwrap();
    assert_eq!(names, ["one role", "another role", "a forbid", "`max`", "`specific-then-max`"]);
    let row = |cells: Vec<&str>| match cells.as_slice() {
        [one, other, forbid, max, specific] => Row {
            roles: [role(one), role(other)],
            is_forbidden: match *forbid {
                "fits" => true,
                "" => false,
                other => panic!("{other}"),
            },
            seen: [(Combine::Max, scope(max)), (Combine::SpecificThenMax, scope(specific))],
        },
        other => panic!("{other:?}"),
    };
    cells.skip(1).map(row).collect()
}

/// A scope in backticks.
fn scope(text: &str) -> Scope {
    match text {
        "`none`" => Scope::None,
        "`own`" => Scope::Own,
        "`team`" => Scope::Team,
        "`all`" => Scope::All,
        other => panic!("no scope: {other}"),
    }
}

/// A role as a cell tells it: `all`, there at most `own`.
fn role(cell: &str) -> Role {
    let (grant, there) =
        cell.split_once(", there ").map_or((cell, None), |(grant, there)| (grant, Some(there)));
    let view = |scope| BTreeMap::from([("view".to_owned(), scope)]);
    let mut role = Role::default();
    if grant != "says nothing" {
        role.grants.insert("conversation".to_owned(), view(scope(grant)));
    }
    if let Some(there) = there {
        let modes = [("at most ", Mode::Cap), ("at least ", Mode::Raise), ("", Mode::Replace)];
        let (mode, there) =
            modes.into_iter().find_map(|(word, mode)| Some((mode, there.strip_prefix(word)?))).unwrap();
        role.overrides.push(Override {
            resource: "conversation".to_owned(),
            stage: vec![STAGE.to_owned()],
            mode,
            scopes: view(scope(there)),
            ..Override::default()
        });
    }
    role
}

fn lead((id, assignee, team): (&str, &str, &str)) -> Value {
    let mut lead = conversation(id);
    (lead["assignee"], lead["team"], lead["stage"]) = (json!(assignee), json!(team), json!(STAGE));
    lead
}

fn told(asked: &Asked) -> Option<Vec<u8>> {
    let (_, id) = asked.target.split_once("/staged")?;
    Some(match LEADS.into_iter().find(|(known, ..)| id.strip_prefix('/') == Some(*known)) {
        Some(found) => backend::json(200, &lead(found)),
        None => backend::json(200, &json!({"payload": LEADS.map(lead)})),
    })
}

/// The leads that kim sees with these roles, each alone and in the list.
async fn seen(row: &Row, combine: Combine, may: &[&'static str]) -> Vec<&'static str> {
    let (roles, is_forbidden) = (row.roles.clone(), row.is_forbidden);
    let rights = move |source: &mut Source| {
        source.combine = combine;
        let all = BTreeMap::from([("list".to_owned(), Scope::All)]);
        let opens = Role { grants: [("conversation".to_owned(), all)].into(), ..Role::default() };
        source.roles.insert("clerk".to_owned(), opens);
        for (name, role) in ["one", "another"].into_iter().zip(roles) {
            source.roles.insert(name.to_owned(), role);
            let to = Principal::User("kim".to_owned());
            source.assignments.push(Assignment { role: name.to_owned(), to, until: None, draft: false });
        }
        if is_forbidden {
            source.forbids.push(Forbid {
                name: "closed".to_owned(),
                resource: "conversation".to_owned(),
                actions: vec!["view".to_owned()],
                stage: vec![STAGE.to_owned()],
                ..Forbid::default()
            });
        }
    };
    let world = Setup::default().routes(ROUTES).backend(told).policy(rights).start().await;
    world.also_visible.lock().unwrap().extend(may.iter().map(|id| ("kim", *id)));
    let listed = world.get("kim", "/staged").await.json();
    let mut seen = Vec::new();
    for (id, ..) in LEADS {
        let status = world.get("kim", &format!("/staged/{id}")).await.status;
        assert!([200, 404].contains(&status), "{status}");
        let is_listed = listed["payload"].as_array().unwrap().iter().any(|row| row["id"] == id);
        assert_eq!(is_listed, status == 200, "{id} alone and in the list");
        seen.extend((status == 200).then_some(id));
    }
    seen
}

#[tokio::test]
async fn d19_several_roles_become_one_answer_as_the_table_of_the_docs_says() {
    let rows = rows();
    assert!(rows.len() >= 12, "the table was not understood");
    for row in &rows {
        for (combine, scope) in row.seen {
            let reached = match scope {
                Scope::None => 0,
                Scope::Own => 1,
                Scope::Team | Scope::TeamTree | Scope::Open => 2,
                Scope::All => 3,
            };
            let expected: Vec<_> = LEADS.iter().take(reached).map(|(id, ..)| *id).collect();
            assert_eq!(seen(row, combine, &expected).await, expected, "{combine:?}: {row:#?}");
        }
    }
}

#[test]
fn the_table_tells_the_modes_apart_and_has_every_way_in_which_a_place_changes_a_grant() {
    let rows = rows();
    assert!(rows.iter().any(|row| row.seen[0].1 != row.seen[1].1), "no row in which they differ");
    for mode in [Mode::Replace, Mode::Cap, Mode::Raise] {
        let has = |role: &Role| role.overrides.iter().any(|change| change.mode == mode);
        assert!(rows.iter().any(|row| row.roles.iter().any(has)), "{mode:?}");
    }
    assert!(rows.iter().any(|row| row.is_forbidden), "no forbid");
}
