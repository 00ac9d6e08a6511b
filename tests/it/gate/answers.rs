//! What an answer tells beside its rows: the echo of a write, another object than was asked for, a whole that nobody
//! could take apart, and a list that is empty for two reasons.

use headgate::policy::{
    Scope, Source,
    source::{Assignment, Fields, Principal, Role},
};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Setup, World, conversation},
};

const ROUTES: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/wholes/{id}"
entity = "contact"
action = "view"
format = "whole"

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/{id}/whole"
entity = "contact"
action = "view"
format = "whole"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"

[[route]]
match = "PUT /api/v1/accounts/{account}/contacts/{id}/whole"
entity = "contact"
action = "edit"
format = "whole"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"

[[route]]
match = "GET /api/v1/accounts/{account}/deals"
entity = "contact"
action = "list"
items = "/_embedded/deals"
totals = { recompute = ["/count"] }

[[route]]
match = "POST /api/v1/accounts/{account}/deals/filter"
entity = "contact"
action = "list"
items = "/_embedded/deals"
push = { team = "team_of_assignee={team}" }
question = true

[[route]]
match = "GET /api/v1/accounts/{account}/kept"
entity = "contact"
action = "list"
items = "/_embedded/deals"
push = { team = "team_of_assignee={team}" }
keep = ["/_page"]
empty = "no-content"

[[route]]
match = "GET /api/v1/accounts/{account}/undeclared"
entity = "contact"
action = "list"
items = "/_embedded/deals"
push = { team = "team_of_assignee={team}" }
keep = ["/_page"]

[[route]]
match = "GET /api/v1/accounts/{account}/left-out"
entity = "contact"
action = "list"
items = "/_embedded/deals"
push = { team = "team_of_assignee={team}" }
totals = { recompute = ["/count"] }
empty = "absent"

[[route]]
match = "GET /api/v1/accounts/{account}/paged-left-out"
entity = "contact"
action = "list"
items = "/_embedded/deals"
push = { team = "team_of_assignee={team}" }
page = { number = "page", size = "limit", size_default = 2, at = "/_page" }
keep = ["/kept"]
empty = "absent"

[[route]]
match = "GET /api/v1/accounts/{account}/paged-deals"
entity = "contact"
action = "list"
items = "/_embedded/deals"
push = { team = "team_of_assignee={team}" }
page = { number = "page", size = "limit", size_default = 2, at = "/_page" }
links = ["/next"]

[[route]]
match = "GET /api/v1/accounts/{account}/found"
entity = "contact"
action = "list"
items = "/_embedded/deals"
empty = "not-found"

[[route]]
match = "GET /api/v1/accounts/{account}/paged-found"
entity = "contact"
action = "list"
items = "/_embedded/deals"
page = { number = "page", size_default = 2 }
keep = ["/kept"]
empty = "not-found"

[[route]]
match = "GET /api/v1/accounts/{account}/scrolled-found"
entity = "contact"
action = "list"
items = "/_embedded/deals"
page = { after = "after", compares = true }
empty = "not-found"

[[route]]
match = "GET /api/v1/accounts/{account}/report"
resource = "contact"
action = "view"
keep = [""]

[[route]]
match = "GET /api/v1/accounts/{account}/part-of-a-report"
resource = "contact"
action = "view"
keep = ["/sums/*/value"]

[[route]]
match = "GET /api/v1/accounts/{account}/dashboard"
resource = "contact"
action = "view"
nested = { "/first" = "contact" }
keep = ["/version"]

[[route]]
match = "GET /api/v1/accounts/{account}/table"
entity = "contact"
action = "list"
format = "csv"

[[route]]
match = "GET /api/v1/accounts/{account}/handed-out"
entity = "contact"
action = "export"
items = "/payload"

[[route]]
match = "GET /api/v1/accounts/{account}/handed-out/{id}"
entity = "contact"
action = "export"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
"#;

/// Resource, action and scope.
type Grant = (&'static str, &'static str, Scope);

/// A role with these rights on contacts, and the fields that it hides.
fn role(grants: &[Grant], hidden: &[&str]) -> Role {
    let mut role = Role::default();
    for (resource, action, scope) in grants {
        role.grants.entry((*resource).to_owned()).or_default().insert((*action).to_owned(), *scope);
    }
    let hidden = hidden.iter().map(|name| (*name).to_owned()).collect();
    role.fields.insert("contact".to_owned(), Fields { hidden, ..Fields::default() });
    role
}

/// `kim` has these roles, and no other.
fn kim_has(
    roles: &'static [(&'static str, &'static [Grant], &'static [&'static str])],
) -> impl FnOnce(&mut Source) + Send + 'static {
    move |source| {
        source.roles.insert("clerk".to_owned(), Role::default());
        for (name, grants, hidden) in roles {
            source.roles.insert((*name).to_owned(), role(grants, hidden));
            source.assignments.push(Assignment {
                role: (*name).to_owned(),
                to: Principal::User("kim".to_owned()),
                until: None,
                draft: false,
            });
        }
    }
}

/// A contact of somebody's.
fn contact(id: &str, owner: &str) -> Value {
    json!({"id": id, "owner": owner, "name": format!("CANARY-{id}-name"), "phone_number": format!("CANARY-{id}-phone")})
}

#[tokio::test]
async fn e03_an_echo_is_shown_by_the_right_to_see_and_not_by_the_right_to_write() {
    let rights = kim_has(&[
        ("viewer", &[("contact", "view", Scope::Team)], &["phone_number"]),
        ("editor", &[("contact", "edit", Scope::All)], &[]),
    ]);
    let world = Setup::default().policy(rights).start().await;
    world.also_visible.lock().unwrap().push(("kim", "501"));
    let got = world.get("kim", "/contacts/501").await;
    assert_eq!(got.json().get("phone_number"), None);
    let echo = world.write("kim", "PUT", "/contacts/501", &json!({"contact": {"name": "x"}})).await;
    assert_eq!((echo.status, echo.json()), (200, got.json()));
    // What may be written and not seen is written, and not seen.
    assert_eq!(world.get("kim", "/contacts/502").await.status, 404);
    let echo = world.write("kim", "PUT", "/contacts/502", &json!({"contact": {"name": "x"}})).await;
    assert_eq!((echo.status, echo.body.as_str()), (204, ""));
    assert_eq!(world.backend.lines().last().unwrap(), "PUT /api/v1/accounts/1/contacts/502");
}

#[tokio::test]
async fn e03_the_echo_of_what_a_tag_tells_is_shown_to_who_may_see_it() {
    let rights = kim_has(&[
        ("viewer", &[("conversation", "view", Scope::Team)], &[]),
        ("editor", &[("conversation", "edit", Scope::All)], &[]),
    ]);
    let world = Setup::default().policy(rights).start().await;
    world.also_visible.lock().unwrap().push(("kim", "101"));
    let patch = async |id: &str| {
        world.write("kim", "PATCH", &format!("/conversations/{id}"), &json!({"title": "x"})).await
    };
    assert_eq!(patch("101").await.json(), conversation("101"));
    let echo = patch("102").await;
    assert_eq!((echo.status, echo.body.as_str()), (204, ""));
}

#[tokio::test]
async fn e03_who_gave_an_object_away_is_not_shown_it_any_more() {
    let script = |asked: &Asked| (asked.method == "PUT").then(|| backend::json(200, &contact("501", "ben")));
    let world = Setup::default().backend(script).start().await;
    let echo = world.write("sue", "PUT", "/contacts/501", &json!({"contact": {"name": "x"}})).await;
    assert_eq!((echo.status, echo.body.as_str()), (204, ""));
}

#[tokio::test]
async fn e03_an_echo_that_tells_nothing_of_whose_it_is_is_shown_to_who_saw_the_object() {
    let rights = kim_has(&[("editor", &[("contact", "edit", Scope::All)], &[])]);
    let script = |asked: &Asked| {
        let echo = json!({"id": "501", "name": "CANARY-501-name", "phone_number": "CANARY-501-phone"});
        (asked.method == "PUT").then(|| backend::json(200, &echo))
    };
    let world = Setup::default().policy(rights).backend(script).start().await;
    let put = async |user: &str| {
        world.write(user, "PUT", "/contacts/501", &json!({"contact": {"name": "x"}})).await
    };
    let shown = put("ana").await;
    assert_eq!((shown.status, shown.json()), (200, json!({"id": "501", "name": "CANARY-501-name"})));
    assert_eq!(put("kim").await.status, 204);
}

#[tokio::test]
async fn e03_who_takes_an_object_that_they_did_not_see_is_not_shown_it_with_that() {
    let rights =
        kim_has(&[("editor", &[("contact", "edit", Scope::All), ("contact", "view", Scope::Own)], &[])]);
    let script = |asked: &Asked| (asked.method == "PUT").then(|| backend::json(200, &contact("502", "kim")));
    let world = Setup::default().policy(rights).backend(script).start().await;
    let echo = world.write("kim", "PUT", "/contacts/502", &json!({"contact": {"owner": "kim"}})).await;
    assert_eq!((echo.status, echo.body.as_str()), (204, ""));
}

#[tokio::test]
async fn what_is_asked_for_by_another_right_is_shown_as_far_as_both_rights_reach() {
    for (views, hands_out) in [(Scope::All, Scope::Own), (Scope::Own, Scope::All)] {
        let rights = move |source: &mut Source| {
            kim_has(&[("viewer", &[], &[]), ("exporter", &[], &[])])(source);
            for (name, action, scope) in [("viewer", "view", views), ("exporter", "export", hands_out)] {
                let hidden: &[&str] = if scope == Scope::All { &["phone_number"] } else { &[] };
                source.roles.insert(name.to_owned(), role(&[("contact", action, scope)], hidden));
            }
        };
        let script = |asked: &Asked| {
            let path = asked.target.strip_prefix("/api/v1/accounts/1/")?;
            let rows = [contact("501", "kim"), contact("502", "ben")];
            Some(match path.split_once('/') {
                None => backend::json(200, &json!({"payload": rows})),
                Some((_, id)) => backend::json(200, rows.iter().find(|row| row["id"] == id)?),
            })
        };
        let world = Setup::default().routes(ROUTES).policy(rights).backend(script).start().await;
        world.also_visible.lock().unwrap().push(("kim", "501-name"));
        let shown = json!({"id": "501", "owner": "kim", "name": "CANARY-501-name"});
        let list = world.get("kim", "/handed-out").await;
        assert_eq!(list.json(), json!({"payload": [shown]}), "{views:?} {hands_out:?}");
        assert_eq!(world.get("kim", "/handed-out/501").await.json(), shown, "{views:?} {hands_out:?}");
        // What either right does not reach is not asked for in the user's name. Who sees it is told that.
        let other = world.get("kim", "/handed-out/502").await;
        assert_eq!(other.status, if views == Scope::All { 403 } else { 404 }, "{views:?} {hands_out:?}");
        if views == Scope::Own {
            assert_eq!(other.told(), world.get("kim", "/handed-out/999").await.told());
        }
        let lines = world.backend.lines();
        assert!(
            !lines.iter().any(|line| line.contains("handed-out/502")),
            "{views:?} {hands_out:?}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn what_is_made_of_everybodys_passes_to_who_has_the_right_to_all() {
    let some = kim_has(&[("viewer", &[("contact", "view", Scope::Team)], &[])]);
    let all = kim_has(&[("viewer", &[("contact", "view", Scope::All)], &[])]);
    for (sees_all, world) in [(false, Setup::default().policy(some)), (true, Setup::default().policy(all))] {
        let script = |_: &Asked| {
            let sums = json!([{"value": "CANARY-502-sum", "of": 1}]);
            Some(backend::json(200, &json!({"sums": sums, "first": contact("502", "ben"), "version": 3})))
        };
        let world = world.routes(ROUTES).backend(script).start().await;
        if sees_all {
            let summed = ["502", "502-phone", "502-sum"].map(|what| ("kim", what));
            world.also_visible.lock().unwrap().extend(summed);
        }
        for path in ["/report", "/part-of-a-report"] {
            let answer = world.get("kim", path).await;
            assert_eq!(answer.status == 200, sees_all, "{path}: {answer:?}");
            assert_eq!(answer.body.contains("CANARY-502-sum"), sees_all, "{path}: {answer:?}");
        }
        // Beside objects that are judged, what is kept is the route map's word.
        let dashboard = world.get("kim", "/dashboard").await.json();
        assert_eq!(dashboard["version"], 3);
        assert_eq!(dashboard.get("first").is_some_and(|first| !first.is_null()), sees_all, "{dashboard}");
    }
}

#[tokio::test]
async fn a_whole_answer_passes_by_the_right_to_an_object_or_to_all() {
    let world = Setup::default()
        .routes(ROUTES)
        .backend(|asked| {
            let id = if asked.target.contains("502") { "502" } else { "501" };
            let is_whole = asked.target.contains("whole");
            is_whole
                .then(|| backend::answer(200, "content-type: image/png\r\n", &format!("CANARY-{id}-bytes")))
        })
        .start()
        .await;
    // Nothing says whose it is.
    for id in ["501", "502"] {
        let file = world.get("sue", &format!("/wholes/{id}")).await;
        assert_eq!((file.status, file.problem().as_str()), (501, "uncovered"));
        assert_eq!(world.get("adm", &format!("/wholes/{id}")).await.status, 200);
    }
    for (user, id, status) in
        [("sue", "501", 200), ("sue", "502", 404), ("ana", "501", 501), ("adm", "502", 200)]
    {
        assert_eq!(world.get(user, &format!("/contacts/{id}/whole")).await.status, status, "{user} {id}");
    }
    let put = async |user: &str| {
        world.write(user, "PUT", "/contacts/501/whole", &json!({"name": "x"})).await.status
    };
    assert_eq!((put("sue").await, put("ana").await), (200, 204));
}

#[tokio::test]
async fn the_echo_of_a_write_passes_whole_to_who_may_see_it_whole() {
    let rights = kim_has(&[("editor", &[("contact", "edit", Scope::All)], &[])]);
    let script = |asked: &Asked| (asked.method == "PUT").then(|| backend::json(200, &contact("501", "ana")));
    let world = Setup::default().routes(ROUTES).policy(rights).backend(script).start().await;
    let echo = world.write("kim", "PUT", "/contacts/501/whole", &json!({"name": "x"})).await;
    assert_eq!((echo.status, echo.body.as_str()), (204, ""));
}

#[tokio::test]
async fn another_object_than_was_asked_for_is_none() {
    // A backend to which the query is as good as the path.
    let world = Setup::default()
        .backend(|asked| {
            let (path, id) = asked.target.split_once("?id=")?;
            Some(match path.split('/').nth(5)? {
                _ if id == "999" => backend::json(404, &json!({})),
                "contacts" => backend::json(200, &contact(id, "ben")),
                _ => backend::json(200, &conversation(id)),
            })
        })
        .start()
        .await;
    world.is_told_of_others();
    for path in ["/contacts/501", "/conversations/101", "/answered/101"] {
        let other = if path.starts_with("/contacts") { "502" } else { "102" };
        let missing = world.get("ana", &format!("{path}?id=999")).await;
        let answer = world.get("ana", &format!("{path}?id={other}")).await;
        assert_eq!(answer.told(), missing.told(), "{path}");
        assert_eq!(answer.status, 404, "{path}");
    }
    for (method, path, body) in [
        ("PUT", "/contacts/501?id=502", json!({"contact": {"name": "x"}})),
        ("PATCH", "/conversations/101?id=102", json!({"title": "x"})),
    ] {
        let echo = world.write("ana", method, path, &body).await;
        assert_eq!((echo.status, echo.body.as_str()), (204, ""), "{path}");
    }
}

/// A world whose backend says `204` where there is nothing, and lists a hidden contact for `about=SECRET`.
async fn saying_nothing_of_nothing() -> World {
    let script = |asked: &Asked| {
        let table = asked.target.contains("/table");
        Some(match asked.target.contains("SECRET") || asked.body.contains("SECRET") {
            false => b"HTTP/1.1 204 Nothing\r\ncontent-language: en\r\n\r\n".to_vec(),
            true if table => backend::answer(
                200,
                "content-type: text/csv\r\ncontent-disposition: attachment\r\n",
                "id,owner,name\n502,ben,CANARY-502-name\n",
            ),
            true => backend::json(
                200,
                &json!({"_page": 1, "count": 1, "next": "/2", "_embedded": {"deals": [contact("502", "ben")]}}),
            ),
        })
    };
    let rights = |source: &mut Source| {
        source
            .roles
            .get_mut("agent")
            .unwrap()
            .grants
            .get_mut("contact")
            .unwrap()
            .insert("list".into(), Scope::Team);
    };
    Setup::default().routes(ROUTES).policy(rights).backend(script).start().await
}

#[tokio::test]
async fn d05_a_list_of_hidden_rows_is_like_one_of_none() {
    let world = saying_nothing_of_nothing().await;
    for (path, status) in [("deals", 200), ("kept", 204), ("paged-deals", 200), ("table", 200)] {
        let hidden = world.get("ana", &format!("/{path}?about=SECRET")).await;
        let none = world.get("ana", &format!("/{path}?about=OTHERS")).await;
        assert_eq!(hidden.told(), none.told(), "{path}");
        assert_eq!(hidden.status, status, "{path}");
        // Who may see every row gets the backend's word.
        assert_eq!(world.get("adm", &format!("/{path}?about=OTHERS")).await.status, 204, "{path}");
    }
    let ask = async |word: &str| world.write("ana", "POST", "/deals/filter", &json!({"about": word})).await;
    assert_eq!(ask("SECRET").await.told(), ask("OTHERS").await.told());
    assert_eq!(ask("SECRET").await.json(), json!({"_embedded": {"deals": []}}));
    assert_eq!(
        world.get("ana", "/deals?about=OTHERS").await.json(),
        json!({"_embedded": {"deals": []}, "count": 0})
    );
    // Where something is kept that only the backend knows, the route must say what none is.
    assert_eq!(world.get("ana", "/undeclared?about=OTHERS").await.status, 502);
}

#[tokio::test]
async fn d05_a_list_that_is_null_is_like_one_of_hidden_rows() {
    let script = |asked: &Asked| {
        let rows = match (asked.target.contains("SECRET"), asked.target.contains("NULL")) {
            (true, _) => json!([contact("502", "ben")]),
            (_, true) => Value::Null,
            _ => json!([]),
        };
        Some(backend::json(200, &json!({"_page": 1, "count": 7, "_embedded": {"deals": rows}})))
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    for user in ["ana", "adm"] {
        for path in ["deals", "kept", "undeclared", "paged-deals"] {
            let ask = async |about: &str| world.get(user, &format!("/{path}?about={about}")).await.told();
            let none = ask("NULL").await;
            assert!(none.0 < 300, "{user} {path}: {none:?}");
            assert_eq!(none, ask("OTHERS").await, "{user} {path}");
            if user == "ana" {
                assert_eq!(none, ask("SECRET").await, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn d05_a_list_that_is_left_out_is_like_one_of_hidden_rows() {
    let script = |asked: &Asked| {
        let deals = |rows: Value| json!({"_page": 1, "count": 7, "kept": "k", "_embedded": {"deals": rows}});
        Some(backend::json(
            200,
            &match asked.target.split_once("about=").map(|(_, about)| about.split('&').next().unwrap()) {
                Some("SECRET") => deals(json!([contact("502", "ben")])),
                Some("MINE") => deals(json!([contact("501", "ana"), contact("502", "ben")])),
                Some("NULL") => deals(Value::Null),
                Some("NONE") => deals(json!([])),
                Some("LESS") => json!({"_embedded": {}}),
                _ => json!({}),
            },
        ))
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    for (path, none) in [
        ("left-out", json!({"_embedded": {}, "count": 0})),
        ("paged-left-out", json!({"_embedded": {}, "_page": 1})),
    ] {
        let ask = async |user: &str, about: &str| world.get(user, &format!("/{path}?about={about}")).await;
        assert_eq!(ask("ana", "SECRET").await.json(), none, "{path}");
        let hidden = ask("ana", "SECRET").await.told();
        for about in ["NULL", "NONE", "LESS", "ABSENT"] {
            assert_eq!(ask("ana", about).await.told(), hidden, "{path} {about}");
        }
        let rows = ask("ana", "MINE").await.json();
        assert_eq!(rows["_embedded"]["deals"][0]["id"], "501", "{rows}");
        // Who may see every row gets the backend's word.
        assert_eq!(ask("adm", "ABSENT").await.json(), json!({}), "{path}");
        assert_eq!(ask("adm", "LESS").await.json(), json!({"_embedded": {}}), "{path}");
    }
    // Where a route does not say so, the list is one that stands elsewhere (D10).
    assert_eq!(world.get("adm", "/deals?about=LESS").await.status, 502);
}

#[tokio::test]
async fn d05_a_list_that_is_not_there_is_like_one_of_hidden_rows() {
    let script = |asked: &Asked| {
        let deals = |rows: Value| backend::json(200, &json!({"kept": "k", "_embedded": {"deals": rows}}));
        let is_first = !asked.target.contains("page=2") && !asked.target.contains("after=50");
        Some(match asked.target.contains("SECRET") {
            true if is_first => deals(json!([contact("502", "ben")])),
            _ if asked.target.contains("MINE") && is_first => deals(json!([contact("501", "ana")])),
            _ => backend::json(404, &json!({"error": "CANARY-none"})),
        })
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    for path in ["found", "paged-found", "scrolled-found"] {
        let ask = async |user: &str, about: &str| world.get(user, &format!("/{path}?about={about}")).await;
        let hidden = ask("ana", "SECRET").await;
        assert_eq!((hidden.status, hidden.problem().as_str()), (404, "not-found"), "{path}");
        assert_eq!(hidden.told(), ask("ana", "OTHERS").await.told(), "{path}");
        assert_eq!(ask("ana", "MINE").await.json()["_embedded"]["deals"][0]["id"], "501", "{path}");
        assert_eq!(ask("adm", "SECRET").await.json()["_embedded"]["deals"][0]["id"], "502", "{path}");
    }
    for end in ["paged-found?about=MINE&page=2", "scrolled-found?about=MINE&after=501"] {
        assert_eq!(world.get("ana", &format!("/{end}")).await.status, 404, "{end}");
    }
}

#[tokio::test]
async fn d05_the_end_of_a_list_tells_nothing_of_the_rows_before_it() {
    // ana's rows, then a page of hidden ones or nothing at all.
    for end in [204, 404] {
        let mut answers = Vec::new();
        for hidden in [true, false] {
            let script = move |asked: &Asked| {
                Some(match (asked.target.contains("page=2"), asked.target.contains("page=1")) {
                    (true, _) if hidden => backend::json(
                        200,
                        &json!({"_page": 2, "_embedded": {"deals": [contact("502", "ben"), contact("503", "ben")]}}),
                    ),
                    (_, false) if end == 204 => b"HTTP/1.1 204 Nothing\r\n\r\n".to_vec(),
                    (_, false) => backend::json(404, &json!({})),
                    (_, true) => backend::json(
                        200,
                        &json!({"_page": 1, "_embedded": {"deals": [contact("501", "ana"), contact("501", "ana")]}}),
                    ),
                })
            };
            let world = Setup::default().routes(ROUTES).backend(script).start().await;
            let first = world.get("ana", "/paged-deals?page=1").await;
            assert_eq!(first.json()["_embedded"]["deals"].as_array().unwrap().len(), 2);
            answers.push(world.get("ana", "/paged-deals?page=2").await.told());
        }
        assert_eq!(answers[0], answers[1], "{end}");
        assert_eq!(answers[0].0, 200, "{end}");
    }
}

#[tokio::test]
async fn a_directory_that_hangs_is_waited_for_once_for_an_answer() {
    let rows: Vec<_> = (0..40).map(|n| contact(&n.to_string(), &format!("hung-{n}"))).collect();
    let script = move |_: &Asked| {
        let rows: Vec<_> = rows.iter().cloned().chain([contact("501", "ana")]).collect();
        Some(backend::json(200, &json!({"_embedded": {"deals": rows}, "count": 7})))
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    // ana is looked up among the first four.
    assert_eq!(world.get("sue", "/deals").await.json()["count"], 1);
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"teams_time_max\"} 1\n"));
}

#[tokio::test]
async fn the_teams_of_an_answers_users_are_looked_up_within_a_bound() {
    for (strangers, seen, counted) in [(499, 1, 0), (500, 0, 1)] {
        let rows: Vec<_> = (0..strangers)
            .map(|number| json!({"id": number, "owner": format!("stranger-{number}")}))
            .chain([contact("501", "ana")])
            .collect();
        let script =
            move |_: &Asked| Some(backend::json(200, &json!({"_embedded": {"deals": rows}, "count": 7})));
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        // The second time they are known without asking.
        for times in [1, 2] {
            let list = world.get("sue", "/deals").await.json();
            // ana is in sue's team; of one too many nobody knows that.
            assert_eq!(list["count"], seen, "{strangers}");
            let limit = "headgate_limit_reached_total{limit=\"teams_max\"}";
            let told = world.metrics().lines().find_map(|line| line.strip_prefix(limit)?.trim().parse().ok());
            assert_eq!(told.unwrap_or(0), times * counted, "{strangers}");
        }
    }
}

super::obeying::once_more!(
    e03_an_echo_is_shown_by_the_right_to_see_and_not_by_the_right_to_write,
    e03_the_echo_of_what_a_tag_tells_is_shown_to_who_may_see_it,
    e03_who_gave_an_object_away_is_not_shown_it_any_more,
    e03_an_echo_that_tells_nothing_of_whose_it_is_is_shown_to_who_saw_the_object,
    e03_who_takes_an_object_that_they_did_not_see_is_not_shown_it_with_that,
    what_is_asked_for_by_another_right_is_shown_as_far_as_both_rights_reach,
    what_is_made_of_everybodys_passes_to_who_has_the_right_to_all,
    a_whole_answer_passes_by_the_right_to_an_object_or_to_all,
    the_echo_of_a_write_passes_whole_to_who_may_see_it_whole,
    another_object_than_was_asked_for_is_none,
    d05_a_list_of_hidden_rows_is_like_one_of_none: 1,
    d05_a_list_that_is_null_is_like_one_of_hidden_rows: 1,
    d05_a_list_that_is_left_out_is_like_one_of_hidden_rows: 4,
    d05_a_list_that_is_not_there_is_like_one_of_hidden_rows,
    d05_the_end_of_a_list_tells_nothing_of_the_rows_before_it: 2,
    a_directory_that_hangs_is_waited_for_once_for_an_answer,
    the_teams_of_an_answers_users_are_looked_up_within_a_bound,
);
