//! Mistakes in routes, and in what the gate is told.

use headgate::config::Config;

use super::{CHANNELS, HEADGATE, documented, folder, load, mistakes_of};

#[test]
fn every_mistake_in_a_route_is_told_with_its_line() {
    let text = r#"
backend = "chatt"
fixed = { tenant = "1" }
request_headers = ["Headgate-Actor"]
[entity.contact]
id = "/id"
[[route]]
match = "GET /a/{id}"
entity = "contakt"
action = "view"
[[route]]
match = "GET /a/../{id}"
resource = "contact"
action = "view"
[[route]]
match = "GET /b/{name}"
entity = "contact"
action = "view"
object = "tag"
[[route]]
match = "PUT /c/{id}"
entity = "contact"
action = "edit"
object = "answer"
[[route]]
match = "GET /d/{x}"
resource = "contact"
action = "view"
[[route]]
match = "GET /d/{y}"
resource = "contact"
action = "view"
via = true
[[route]]
match = "GET /e/{id}"
entity = "contact"
action = "view"
object = "prefetch"
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:2: backend: no backend `chatt` is declared (did you mean `chat`?)",
        "routes.toml:3: fixed.tenant: the path has no parameter `{tenant}`",
        "routes.toml:4: request_headers[0]: not the name of a header",
        "routes.toml:9: route[0].entity: no entity `contakt` is declared (did you mean `contact`?)",
        "routes.toml:12: route[1].match: expected a method and a path",
        "routes.toml:19: route[2].object: the path has no parameter `{id}`",
        "routes.toml:24: route[3].object: only goes with GET",
        "routes.toml:30: route[5].match: `GET /d/{x}` takes the same requests already",
        "routes.toml:33: route[5].via: only goes with object",
        "route[6].prefetch: must be given",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn i08_a_route_asks_for_nothing_that_the_policy_does_not_know() {
    let routes = r#"
backend = "chat"
[entity.contact]
[entity.deal]
via = "leat"
[entity.leat]
[entity.card]
resource = "contakt"
[[route]]
match = "GET /a"
keep = [""]
resource = "conversatoin"
action = "view"
[[route]]
match = "GET /b"
entity = "contact"
action = "edti"
[[route]]
match = "GET /c/{id}"
resource = "message"
entity = "card"
action = "view"
object = "tag"
via = true
[[route]]
match = "GET /d/{id}"
entity = "card"
action = "view"
object = "tag"
[[route]]
match = "GET /e"
keep = [""]
resource = "deal"
action = "view"
[[route]]
match = "GET /f"
keep = [""]
resource = "health"
action = "export"
"#;
    let roles = "use = ['kommo']\n[resource.health]\nactions = ['view']\n";
    let headgate = HEADGATE.replace("[backend.chat]\n", "[backend.chat]\napi = ['http://127.0.0.1:3000']\n");
    let folder = folder(&[
        ("headgate.toml", &headgate),
        ("tenants/default/channels.toml", CHANNELS),
        ("tenants/default/roles.toml", roles),
        ("tenants/default/routes.toml", routes),
    ]);
    let told = Config::load(folder.path(), &documented).unwrap_err().to_string();
    let no = "the policy knows no resource";
    for expected in [
        format!("routes.toml:5: entity.deal.via: {no} `leat` (did you mean `lead`?)"),
        format!("routes.toml:8: entity.card.resource: {no} `contakt` (did you mean `contact`?)"),
        format!("routes.toml:12: route[0].resource: {no} `conversatoin` (did you mean `conversation`?)"),
        "routes.toml:17: route[1].action: the resource `contact` has no action `edti` (did you mean `edit`?)"
            .to_owned(),
        "routes.toml:39: route[5].action: the resource `health` has no action `export`; expected one of `view`"
            .to_owned(),
    ] {
        assert!(told.contains(&expected), "no `{expected}` in\n{told}");
    }
    assert_eq!(told.matches("routes.toml:").count(), 5, "{told}");
}

#[test]
fn what_must_be_on_record_needs_a_record() {
    let routes = "backend = 'chat'\n[[route]]\nmatch = 'GET /a'\nresource = 'contact'\naction = 'view'\nkeep = ['']\naudit = 'must'\n";
    let headgate = HEADGATE.replace("[backend.chat]\n", "[backend.chat]\napi = ['http://127.0.0.1:3000']\n");
    let told = |headgate: &str| {
        let folder = folder(&[
            ("headgate.toml", headgate),
            ("tenants/default/channels.toml", CHANNELS),
            ("tenants/default/roles.toml", "use = ['base']"),
            ("tenants/default/routes.toml", routes),
        ]);
        load(folder.path()).map(drop).map_err(|mistakes| mistakes.to_string())
    };
    let refused = told(&headgate).unwrap_err();
    assert!(refused.contains("routes.toml:7: route[0].audit: there is no record to be on"), "{refused}");
    told(&(headgate + "[gate.decision_log]\n")).unwrap();
}

#[test]
fn a_key_of_cursors_is_not_guessed() {
    for (key, is_right) in
        [("0123456789abcdef0123456789abcde", false), ("0123456789abcdef0123456789abcdef", true)]
    {
        let text = format!("{HEADGATE}\n[gate]\ncursor_key = \"{key}\"\n");
        let told =
            load(folder(&[("headgate.toml", &*text), ("tenants/default/channels.toml", CHANNELS)]).path());
        let told = told.map(|_| ()).map_err(|mistakes| mistakes.to_string());
        let wrong =
            "gate.cursor_key: expected 32 characters or more, such as the output of `openssl rand -hex 32`";
        assert_eq!(told.as_ref().is_err_and(|told| told.contains(wrong)), !is_right, "{told:?}");
        assert!(told.is_ok() == is_right && !format!("{told:?}").contains("0123456789"), "{told:?}");
    }
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    let wrong = [
        "*",
        "null",
        "panel.example",
        "https://panel.example/",
        "https://*.example",
        "https://Panel.example",
        "https://panel.example:443",
        "https://a@panel.example",
        "ftp://panel.example",
        "",
    ];
    let listed =
        ["https://panel.example", "http://localhost:3000", "https://[::1]:8443"].into_iter().chain(wrong);
    let listed: Vec<_> = listed.map(|origin| format!("{origin:?}")).collect();
    let text = format!("{HEADGATE}\n[gate]\ncors_origins = [{}]\n", listed.join(", "));
    let told = mistakes_of("headgate.toml", &text);
    for (index, origin) in listed.iter().enumerate() {
        let is_told = told.contains(&format!("gate.cors_origins[{index}]: expected the origin of a page"));
        assert_eq!(is_told, index >= 3, "{origin} in\n{told}");
    }
}
