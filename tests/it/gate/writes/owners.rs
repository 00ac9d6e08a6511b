//! Section G: whose an object will be, and where it will stand.

use headgate::policy::{
    Scope,
    source::{Override, Source},
};
use serde_json::json;

use super::{
    super::{backend, world::Setup},
    FORM, JSON, MERGE, MULTIPART, PATCH, ROUTES, lead, rights, world,
};

#[tokio::test]
async fn g13_assigning_is_decided_on_the_object_as_it_is_and_on_who_gets_it() {
    let world = world().await;
    for (user, id, body, status) in [
        ("ana", "103", json!({"assignee_id": "ana"}), 404),
        ("ana", "102", json!({"assignee_id": "ana"}), 404),
        // zoe is there, in the other tenant.
        ("ana", "101", json!({"assignee_id": "zoe"}), 403),
        ("adm", "101", json!({"assignee_id": "zoe"}), 403),
        ("ana", "101", json!({"assignee_id": "ben"}), 403),
        ("ana", "101", json!({"assignee_id": "sue"}), 200),
        ("ana", "101", json!({"assignee_id": null}), 200),
        ("ana", "101", json!({"assignee_id": 0}), 200),
        ("ana", "101", json!({"team_id": "support"}), 403),
        ("ana", "101", json!({"team_id": "sales"}), 200),
        ("ana", "101", json!({"conversation": {"assignee_id": "ben"}}), 403),
        ("ana", "101", json!({"Assignee_Id": "ben"}), 403),
        ("ana", "101", json!({"a\u{17f}\u{17f}ignee_id": "ben"}), 403),
        ("ana", "101", json!({"assignee_id(1i)": "ben"}), 403),
        ("ana", "101", json!({"assignee_id": {"id": "sue"}}), 403),
        ("ana", "101", json!({"assignee_id": ["sue"]}), 403),
        ("adm", "101", json!({"assignee_id": null, "team_id": 9_007_199_254_740_993_u64}), 403),
        ("sue", "103", json!({"assignee_id": "sue"}), 200),
        ("sue", "103", json!({"assignee_id": "ben"}), 403),
        ("sue", "103", json!({"assignee_id": "sue", "title": "x"}), 200),
        ("sue", "102", json!({"assignee_id": "sue"}), 404),
        ("adm", "102", json!({"assignee_id": "ana"}), 200),
        ("adm", "102", json!({"assignee_id": "nobody-known"}), 403),
    ] {
        let found = world.json_as(user, &format!("PATCH /owned/conversations/{id}"), &body).await;
        assert_eq!(found, (status, status == 200), "{user} {id} {body}");
    }
    for (media, body, status) in [
        (FORM, "assignee_id=ben", 403),
        (FORM, "assignee_id=", 200),
        (PATCH, r#"[{"op":"replace","path":"/assignee_id","value":"ben"}]"#, 403),
        (PATCH, r#"[{"op":"copy","from":"/title","path":"/assignee_id"}]"#, 403),
        (PATCH, r#"[{"op":"replace","path":"/assignee_id","value":"sue"}]"#, 200),
    ] {
        let (answer, reached) = world.typed("PATCH /owned/conversations/101", media, body).await;
        assert_eq!((answer.status, reached), (status, status == 200), "{body}");
    }
    let (answer, reached) = world.typed("PATCH /owned/conversations/101?assignee_id=ben", JSON, "{}").await;
    assert_eq!((answer.status, reached), (403, false), "in the query");
    assert_eq!(answer.json()["fields"], json!(["assignee_id"]));
}

#[tokio::test]
async fn g14_moving_is_decided_on_both_places() {
    let world = world().await;
    for (id, body, status) in [
        ("301", json!({"stage": "won"}), 204),
        ("301", json!({"stage": "legal"}), 403),
        ("301", json!({"stage": "legal", "pipeline": "sales"}), 403),
        ("301", json!({"lead": {"stage": "legal"}}), 403),
        ("301", json!({"stage": "Legal"}), 403),
        ("301", json!({"stage": "legal "}), 403),
        ("301", json!({"pipeline": "other"}), 403),
        ("301", json!({"pipeline": "other", "stage": "new"}), 204),
        ("302", json!({"stage": "new"}), 404),
        ("302", json!({"name": "x"}), 404),
    ] {
        let (answer, reached) = world.typed(&format!("PATCH /leads/{id}"), JSON, &body.to_string()).await;
        let passed = matches!(answer.status, 200 | 204);
        assert_eq!((passed, reached), (status == 204, status == 204), "{id} {body}: {answer:?}");
        assert!(passed || answer.status == status, "{id} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn g15_what_is_created_is_decided_on_as_if_it_were_there() {
    let world = world().await;
    for (user, body, allowed) in [
        ("ana", json!({"title": "x"}), true),
        ("ana", json!({"title": "x", "assignee_id": "ana"}), true),
        ("ana", json!({"title": "x", "assignee_id": "ben"}), false),
        ("ana", json!({"title": "x", "assignee_id": "sue"}), false),
        ("ana", json!({"title": "x", "team_id": "support"}), false),
        ("ana", json!({"title": "x", "created_by": "ana"}), true),
        ("ana", json!({"title": "x", "created_by": "ben"}), false),
        ("ana", json!({"title": "x", "created_by": null}), false),
        ("ana", json!({"title": "x", "created_by": ""}), false),
        ("adm", json!({"title": "x", "created_by": null}), true),
        ("ana", json!({"title": "x", "id": 7}), false),
        ("ana", json!({"title": "x", "account_id": "2"}), false),
        ("ana", json!({"title": "x", "account_id": 1}), true),
        ("sue", json!({"title": "x", "assignee_id": "ana"}), true),
        ("sue", json!({"title": "x", "assignee_id": "ben"}), false),
        ("adm", json!({"title": "x", "assignee_id": "ben", "created_by": "ana", "team_id": "support"}), true),
    ] {
        let (status, reached) = world.json_as(user, "POST /made/conversations", &body).await;
        assert_eq!(reached, allowed, "{user} {body}: {status}");
        assert!(allowed || status == 403, "{user} {body}: {status}");
    }
}

/// Sue's team may have leads wherever they stand, in `legal` each their own alone; whoever is in sales may put one into
/// `inbox`, and nobody gives one away that is `closed`. Kim makes them, and none that is `vip`.
fn rights_by_place(source: &mut Source) {
    rights(source);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    source.resources.get_mut("lead").unwrap().extend(words(&["assign", "create"]));
    for (role, scope) in [("agent", Scope::Own), ("lead", Scope::Team)] {
        let role = source.roles.get_mut(role).unwrap();
        let scopes = |actions: &[(&str, Scope)]| {
            actions.iter().map(|(action, scope)| ((*action).to_owned(), *scope)).collect()
        };
        role.grants
            .insert("lead".to_owned(), scopes(&[("edit", scope), ("assign", scope), ("create", scope)]));
        let at = |stage: &str, of: &[(&str, Scope)]| Override {
            resource: "lead".to_owned(),
            stage: words(&[stage]),
            scopes: scopes(of),
            ..Override::default()
        };
        role.overrides = vec![
            at("legal", &[("edit", Scope::Own), ("create", Scope::Own)]),
            at("inbox", &[("create", Scope::Team)]),
            at("closed", &[("assign", Scope::None)]),
            Override { pipeline: Some("sales".to_owned()), ..at("vip", &[("edit", Scope::None)]) },
            Override { pipeline: Some("0".to_owned()), ..at("new", &[("edit", Scope::None)]) },
        ];
    }
    let clerk = source.roles.get_mut("clerk").unwrap();
    clerk.grants.insert("lead".to_owned(), [("create".to_owned(), Scope::Own)].into());
    clerk.overrides.push(Override {
        resource: "lead".to_owned(),
        stage: words(&["vip"]),
        scopes: [("create".to_owned(), Scope::None)].into(),
        ..Override::default()
    });
}

const LEADS: &str = r#"
[[route]]
match = "POST /api/v1/accounts/{account}/made/leads"
resource = "lead"
action = "create"
assign = { user = "owner", team = "team" }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "POST /api/v1/accounts/{account}/listed/leads"
resource = "lead"
action = "create"
body = "/*"
assign = { user = "owner", team = "team" }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/given/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
assign = { user = "owner", team = "team", nobody = ["0"] }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/given/leads"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
ids = "/*/id"
assign = { user = "owner", team = "team" }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/named/leads"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
ids = "/leads/*/id"
assign = { user = "leads.owner", team = "leads.team" }
place = { pipeline = "leads.pipeline", stage = "leads.stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/patched/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
accepts = ["json", "json-patch", "merge-patch", "form", "multipart"]
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/wrapped/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
accepts = ["json", "json-patch", "form"]
body = "/lead"
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/piped/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
place = { pipeline = "pipeline" }
"#;

/// A lead of sue's beside ana's.
fn lead_of_sue(asked: &backend::Asked) -> Option<Vec<u8>> {
    let is_hers = asked.target.ends_with("/leads/303");
    let lead = json!({"id": "303", "owner": "sue", "pipeline": "sales", "stage": "new"});
    if is_hers { Some(backend::json(200, &lead)) } else { super::lead(asked) }
}

#[tokio::test]
async fn g14_g15_whose_and_where_are_decided_together() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead_of_sue);
    let world = world.start().await;
    for (user, line, body, allowed) in [
        ("sue", "POST /made/leads", json!({"owner": "ana", "stage": "new"}), true),
        ("sue", "POST /made/leads", json!({"stage": "legal"}), true),
        ("sue", "POST /made/leads", json!({"owner": "sue", "stage": "legal"}), true),
        ("sue", "POST /made/leads", json!({"owner": "ana", "stage": "legal"}), false),
        ("sue", "POST /made/leads", json!({"owner": null, "team": "sales", "stage": "new"}), true),
        ("sue", "POST /made/leads", json!({"owner": null, "team": "sales", "stage": "legal"}), false),
        (
            "sue",
            "POST /made/leads",
            json!({"leads": [{"owner": "sue", "stage": "legal"}, {"owner": "ana"}]}),
            false,
        ),
        ("sue", "POST /made/leads", json!({"owner": "ana", "stage": "closed"}), false),
        ("sue", "POST /made/leads", json!({"leads": [{"stage": "legal"}, {"name": "x"}]}), true),
        // Where it will stand, and so whether kim may, is the backend's choice.
        ("kim", "POST /made/leads", json!({"stage": "new"}), true),
        ("kim", "POST /made/leads", json!({"stage": "new", "items": [{"id": 1}, {"id": 2}]}), true),
        ("kim", "POST /made/leads", json!({"stage": "vip"}), false),
        ("kim", "POST /made/leads", json!({"name": "x"}), false),
        ("kim", "POST /made/leads", json!({}), false),
        ("kim", "POST /made/leads", json!({"name": "x", "custom": {"stage": "new"}}), false),
        ("kim", "POST /listed/leads", json!([{"stage": "new"}, {"stage": "new"}]), true),
        ("kim", "POST /listed/leads", json!([{"stage": "new"}, {"name": "x"}]), false),
        ("kim", "POST /listed/leads", json!([{"stage": "new", "*": {"stage": "new"}}, {"name": "x"}]), false),
        (
            "kim",
            "POST /listed/leads",
            json!([{"stage": "new", "custom": [{"stage": "new"}, {"stage": "new"}]}, {"name": "x"}]),
            false,
        ),
        ("kim", "POST /listed/leads?stage=new", json!([{"stage": "new"}, {"name": "x"}]), false),
        ("kim", "POST /made/leads?stage=new", json!({"name": "x"}), false),
        ("ana", "POST /made/leads", json!({"owner": "sue", "stage": "new"}), false),
        ("ana", "POST /made/leads", json!({"owner": "sue", "stage": "inbox"}), true),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim"}), true),
        ("sue", "PATCH /given/leads/303", json!({"stage": "legal"}), true),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim", "stage": "legal"}), false),
        ("sue", "PATCH /given/leads/303", json!({"owner": null, "stage": "legal"}), false),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim", "stage": "won"}), true),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim", "stage": "closed"}), false),
        // Ana's: it becomes sue's where only she may have it.
        ("sue", "PATCH /given/leads/301", json!({"stage": "legal"}), false),
        ("sue", "PATCH /given/leads/301", json!({"owner": "sue", "stage": "legal"}), true),
    ] {
        let (status, reached) = world.json_as(user, line, &body).await;
        assert_eq!(reached, allowed, "{user} {line} {body}: {status}");
        assert!(allowed || status == 403, "{user} {line} {body}: {status}");
    }
}

#[tokio::test]
async fn g14_g15_what_one_object_says_is_not_said_of_another() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead_of_sue);
    let world = world.start().await;
    for (line, body, allowed) in [
        // 301 stays ana's, and only her own may sue have where it goes.
        (
            "PATCH /given/leads",
            json!([{"id": "303", "owner": "sue"}, {"id": "301", "stage": "legal"}]),
            false,
        ),
        (
            "PATCH /given/leads",
            json!([{"id": "303", "owner": "sue"}, {"id": "301", "owner": "sue", "stage": "legal"}]),
            true,
        ),
        // 303 stays in `sales`, where nobody goes to `vip`.
        (
            "PATCH /given/leads",
            json!([{"id": "301", "pipeline": "other", "stage": "won"}, {"id": "303", "stage": "vip"}]),
            false,
        ),
        (
            "PATCH /given/leads",
            json!([{"id": "301", "pipeline": "other", "stage": "won"}, {"id": "303", "stage": "won"}]),
            true,
        ),
        (
            "PATCH /given/leads",
            json!([{"id": "301", "pipeline": "other"}, {"id": "303", "stage": "won"}]),
            false,
        ),
        (
            "PATCH /named/leads",
            json!({"leads": [{"id": "303", "owner": "sue"}, {"id": "301", "stage": "legal"}]}),
            false,
        ),
        (
            "PATCH /named/leads",
            json!({"leads": [{"id": "301", "pipeline": "other"}, {"id": "303", "stage": "won"}]}),
            false,
        ),
        (
            "PATCH /named/leads",
            json!({"leads": [{"id": "301", "pipeline": "other", "stage": "won"}, {"id": "303", "stage": "won"}]}),
            true,
        ),
        ("PATCH /given/leads/303?pipeline=other", json!({"stage": "vip"}), false),
        ("PATCH /given/leads/303?stage=won", json!({"pipeline": "other"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": "other", "lead": {"stage": "vip"}}), false),
        ("PATCH /given/leads/303", json!({"stage": "won", "lead": {"pipeline": "other"}}), false),
        ("PATCH /given/leads/303", json!({"pipeline": "other", "stage": "vip"}), true),
        // Where there is none, the backend chooses.
        ("PATCH /given/leads/303", json!({"pipeline": null, "stage": "vip"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": null, "stage": "new"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": "0", "stage": "new"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": null, "stage": "won"}), true),
        ("PATCH /piped/leads/303", json!({"pipeline": "other"}), true),
        ("PATCH /piped/leads/303", json!({"pipeline": null}), false),
        (
            "POST /listed/leads",
            json!([{"owner": null, "team": "sales", "stage": "new"}, {"owner": null, "stage": "new"}]),
            false,
        ),
        ("POST /listed/leads", json!([{"owner": null, "stage": "new"}]), false),
        ("POST /listed/leads", json!([{"owner": null, "team": "sales", "stage": "new"}]), true),
    ] {
        let (status, reached) = world.json_as("sue", line, &body).await;
        assert_eq!(reached, allowed, "{line} {body}: {status}");
        assert!(allowed || status == 403, "{line} {body}: {status}");
    }
}

#[tokio::test]
async fn a_request_that_could_be_read_in_too_many_ways_is_refused() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead);
    let world = world.start().await;
    let rows: Vec<_> =
        (0..200).map(|n| json!({"pipeline": format!("p{n}"), "stage": format!("s{n}")})).collect();
    assert_eq!(world.json_as("sue", "POST /made/leads", &json!({"leads": rows})).await, (403, false));
    // Nor are so many places looked up as a body has room for.
    for (field, count, allowed) in [("stage", 900, true), ("stage", 40_000, false), ("owner", 40_000, false)]
    {
        let rows: Vec<_> = (0..count).map(|n| json!({field: format!("s{n}")})).collect();
        let (_, reached) = world.json_as("sue", "PATCH /given/leads/301", &json!({"leads": rows})).await;
        assert_eq!(reached, allowed, "{count} of {field}");
    }
}

#[tokio::test]
async fn g14_a_pipeline_has_its_stage_beside_it_whatever_it_is_written_in() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead_of_sue);
    let world = world.start().await;
    let parts = |names: [&str; 2]| super::parts(&names);
    for (line, media, body, allowed) in [
        // One object has the pipeline, and another one the stage.
        ("patched/leads/303", JSON, r#"{"leads": [{"pipeline": "other"}, {"stage": "won"}]}"#, false),
        ("patched/leads/303", JSON, r#"{"leads": [[{"pipeline": "other"}], [{"stage": "won"}]]}"#, false),
        ("patched/leads/303", JSON, r#"{"leads": [{"pipeline": "other"}], "stage": "won"}"#, false),
        ("patched/leads/303", JSON, r#"{"leads": [{"stage": "won"}], "pipeline": "other"}"#, false),
        ("patched/leads/303", JSON, r#"{"leads": [{"x(.pipeline": "other"}, {"x(.stage": "won"}]}"#, false),
        ("patched/leads/303", MERGE, r#"{"leads": [{"pipeline": "other"}, {"stage": "won"}]}"#, false),
        ("patched/leads/303", FORM, "leads[0][pipeline]=other&leads[1][stage]=won", false),
        ("patched/leads/303", FORM, "leads[][pipeline]=other&leads[][stage]=won", false),
        ("patched/leads/303", FORM, "leads[0][pipeline]=other&leads[0][stage]=won", true),
        ("patched/leads/303", MULTIPART, &parts(["leads[0][pipeline]", "leads[1][stage]"]), false),
        ("patched/leads/303", MULTIPART, &parts(["leads[1][pipeline]", "leads[1][stage]"]), true),
        // There is none that takes its place.
        ("patched/leads/303", JSON, r#"{"leads": [{"pipeline": "other", "stage": []}]}"#, false),
        ("patched/leads/303", JSON, r#"{"leads": [{"pipeline": "other", "stage": {}}]}"#, false),
        ("patched/leads/303", MERGE, r#"{"pipeline": "other", "stage": null}"#, false),
        // What is added to a list twice, or in its stead.
        (
            "patched/leads/303",
            PATCH,
            r#"[{"op": "add", "path": "/leads/-", "value": {"pipeline": "other"}},
                {"op": "add", "path": "/leads/-", "value": {"stage": "won"}}]"#,
            false,
        ),
        (
            "patched/leads/303",
            PATCH,
            r#"[{"op": "add", "path": "/leads", "value": [{"pipeline": "other"}, {"stage": "won"}]}]"#,
            false,
        ),
        (
            "patched/leads/303",
            PATCH,
            r#"[{"op": "add", "path": "/lead", "value": {"stage": "won"}},
                {"op": "add", "path": "/lead", "value": {"pipeline": "other"}}]"#,
            false,
        ),
        (
            "patched/leads/303",
            PATCH,
            r#"[{"op": "add", "path": "/pipeline", "value": "other"},
                {"op": "add", "path": "/stage", "value": "won"}, {"op": "move", "from": "/stage", "path": "/x"}]"#,
            false,
        ),
        (
            "patched/leads/303",
            PATCH,
            r#"[{"op": "add", "path": "/stage", "value": "won"},
                {"op": "add", "path": "/pipeline", "value": "other"}]"#,
            true,
        ),
        // A query may be about each object, also about one without a stage.
        ("given/leads?pipeline=other", JSON, r#"[{"id": "303", "stage": "won"}, {"id": "303"}]"#, false),
        ("given/leads?pipeline=other", JSON, r#"[{"id": "303", "stage": "won"}]"#, true),
        ("given/leads?pipeline=other&stage=won", JSON, r#"[{"id": "303"}]"#, true),
        // In an envelope, and beside it.
        ("wrapped/leads/303", JSON, r#"{"lead": {"pipeline": "other", "stage": "won"}}"#, true),
        ("wrapped/leads/303", JSON, r#"{"pipeline": "other", "lead": {"stage": "won"}}"#, false),
        ("wrapped/leads/303", JSON, r#"{"stage": "won", "lead": {"pipeline": "other"}}"#, false),
        ("wrapped/leads/303", FORM, "pipeline=other&lead[stage]=won", false),
        (
            "wrapped/leads/303",
            PATCH,
            r#"[{"op": "add", "path": "/lead/stage", "value": "won"},
                {"op": "add", "path": "/pipeline", "value": "other"}]"#,
            false,
        ),
    ] {
        let (answer, reached) = world.typed_as("sue", &format!("PATCH /{line}"), media, body).await;
        assert_eq!(reached, allowed, "{line} {body}: {answer:?}");
        assert!(allowed || answer.status == 403, "{line} {body}: {answer:?}");
    }
}

super::super::obeying::once_more!(
    g13_assigning_is_decided_on_the_object_as_it_is_and_on_who_gets_it,
    g14_moving_is_decided_on_both_places,
    g15_what_is_created_is_decided_on_as_if_it_were_there,
    g14_g15_whose_and_where_are_decided_together,
    g14_g15_what_one_object_says_is_not_said_of_another,
    g14_a_pipeline_has_its_stage_beside_it_whatever_it_is_written_in,
    a_request_that_could_be_read_in_too_many_ways_is_refused,
);
