//! Mistakes in what routes and entities say of answers.

use super::{CHANNELS, HEADGATE, folder, load, mistakes_of};

#[test]
fn what_could_show_or_write_more_than_it_says_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.ticket]
resource = "contact"
id = "/id"
responsible = "/owner"
nobody = { absent = true }
aliases = { phone_number = ["tel", "bad..name"], mobile = ["tel"] }
[entity.deal]
resource = "contact"
responsible = "/owner"
team = "/team"
[entity.chat]
resource = "contact"
id = "/id"
tag = true
[[route]]
match = "GET /tickets.csv"
entity = "ticket"
action = "view"
format = "csv"
[[route]]
match = "GET /deals"
entity = "deal"
action = "view"
items = ""
push = { own = "mine=true", team = "team={team}" }
[[route]]
match = "GET /chats"
entity = "chat"
action = "view"
items = ""
push = { own = "mine=true" }
[[route]]
match = "GET /board"
resource = "contact"
action = "view"
nested = { "/rows/*" = "deal" }
push = { team = "team={team}" }
[[route]]
match = "POST /tickets/search"
entity = "ticket"
action = "view"
items = ""
question = true
accepts = ["json", "json-patch"]
[[route]]
match = "PATCH /chats/{id}"
entity = "chat"
action = "edit"
object = "tag"
unless_changed = true
[[route]]
match = "PATCH /tickets"
entity = "ticket"
action = "edit"
object = "prefetch"
prefetch = "GET /tickets/{id}"
ids = "/ids"
unless_changed = true
[[route]]
match = "GET /owned"
entity = "chat"
action = "view"
items = ""
push = { own = "filter={\"of\":\"{user}\"}&q=owner:{owner}", team = "{ team }=x&y={ team }" }
objects_max = 7
[[route]]
match = "PATCH /tickets/{id}/all"
entity = "ticket"
action = "edit"
object = "prefetch"
prefetch = "GET /tickets/{id}"
ids = "/ids"
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:66: route[7].push.own: expected `{user}` or `{team}` in a value, not `{owner}`",
        "routes.toml:66: route[7].push.team: expected `{user}` or `{team}` in a value, not `{ team }`",
        "routes.toml:67: route[7].objects_max: only goes with a `*` in `body` or `ids`",
        "routes.toml:8: entity.ticket.aliases.phone_number[1]: not the name of a field",
        "routes.toml:8: entity.ticket.aliases.phone_number[0]: `tel` is in the list twice",
        "routes.toml:21: route[0].format: only goes with an entity without `nobody.absent`",
        "routes.toml:27: route[1].push.team: only goes with rows whose teams are those of the responsible user",
        "routes.toml:33: route[2].push: only goes with rows whose facts the backend has",
        "routes.toml:39: route[3].push: only goes with `items`",
        "routes.toml:46: route[4].accepts: only goes with a write: a JSON Patch asks no question",
        "routes.toml:52: route[5].unless_changed: only goes with a write of one object",
        "routes.toml:60: route[6].unless_changed: only goes with a write of one object",
        "routes.toml:74: route[8].ids: only goes with a path that does not have the parameter which they fill",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn every_mistake_about_what_none_is_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.file]
resource = "media"
fields = ["id"]
[entity.chat]
resource = "contact"
fields = ["id", "text"]
nested = { "/files/*" = "file", "/picture" = "file", "/pages/*/*" = "file" }
[entity.chat.none]
"/files" = "absent"
"/picture" = "list"
"/pictures" = "null"
"/files/*" = "absent"
"/pages/*" = "absent"
"/text" = "gone"
[[route]]
match = "GET /chats"
entity = "chat"
action = "view"
items = "/rows"
nested = { "/included/*" = "file" }
regardless = ["/included/*"]
none = { "/included" = "list", "/rows" = "list" }
[[route]]
match = "GET /chats.csv"
entity = "chat"
action = "view"
format = "csv"
none = { "/included" = "absent" }
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:16: entity.chat.none.\"/text\": `gone`: expected one of `absent`, `null`, `list`",
        "routes.toml:12: entity.chat.none.\"/picture\": only goes with a list",
        "routes.toml:13: entity.chat.none.\"/pictures\": no place in `nested` `/pictures` is declared (did you mean `/picture`?)",
        "routes.toml:14: entity.chat.none.\"/files/*\": no place in `nested` `/files/*` is declared",
        "routes.toml:15: entity.chat.none.\"/pages/*\": no place in `nested` `/pages/*` is declared",
        "routes.toml:24: route[0].none.\"/rows\": no place in `nested` `/rows` is declared",
        "routes.toml:30: route[1].none: only goes with `format = \"json\"`",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
    assert!(!told.contains("none.\"/files\":") && !told.contains("none.\"/included\": only"), "{told}");
}

#[test]
fn every_mistake_about_what_stands_beside_rows_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.person]
resource = "contact"
id = "/id"
[entity.firm]
resource = "contact"
[entity.note]
resource = "message"
refers = { person = ["/by"] }
[entity.card]
resource = "contact"
nested = { "/notes/*" = "note" }
refers = { firm = ["/firm_id"], persons = ["/person_id"] }
[[route]]
match = "GET /cards"
entity = "card"
action = "view"
items = "/rows"
nested = { "/included/*" = "person", "/firms/*" = "firm", "/cards/*" = "card", "/agents/*" = "person", "/own" = "firm" }
regardless = ["/agents/*", "/own", "/firm/*"]
[[route]]
match = "GET /pages"
entity = "card"
action = "view"
items = "/rows"
nested = { "/included/*" = "person", "/agents/*" = "person" }
regardless = ["/agents/*"]
page = { number = "page" }
[[route]]
match = "GET /persons"
resource = "contact"
action = "view"
nested = { "/included/*" = "person" }
regardless = ["/included/*"]
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    let own = "an entity of its own: this one is shown with the rows that refer to it";
    let tells = "an `id` and `refers` of the rows, or `regardless`: else it tells of hidden rows";
    for expected in [
        "routes.toml:14: entity.card.refers.persons: no entity `persons` is declared (did you mean `person`?)".to_owned(),
        // Nobody can tell which it is, or no row refers to it.
        format!("routes.toml:20: route[0].nested.\"/firms/*\": only goes with {tells}"),
        format!("routes.toml:20: route[0].nested.\"/cards/*\": only goes with {tells}"),
        "routes.toml:21: route[0].regardless[1]: no list in `nested` `/own` is declared".to_owned(),
        "routes.toml:21: route[0].regardless[2]: no list in `nested` `/firm/*` is declared (did you mean `/firms/*`?)".to_owned(),
        format!("routes.toml:20: route[0].nested.\"/agents/*\": only goes with {own}"),
        format!("routes.toml:20: route[0].nested.\"/own\": only goes with {own}"),
        "routes.toml:27: route[1].nested.\"/included/*\": only goes with `regardless`, or without `page`: a page is joined of several of the backend's".to_owned(),
        "routes.toml:35: route[2].regardless[0]: only goes with `items`".to_owned(),
    ] {
        assert!(told.contains(&expected), "no `{expected}` in\n{told}");
    }
    assert_eq!(told.matches("only goes with").count(), 7, "{told}");
}

#[test]
fn every_mistake_about_things_of_several_types_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.thing]
resource = "contact"
id = "/id"
id_type = "/type"
kinds = [{ at = "/type", is = "notes", resource = "note" }]
[entity.mixed]
resource = "contact"
id = "/id"
kinds = [{ at = "/type", is = "notes", resource = "note" }]
[entity.said]
resource = "message"
id = "/id"
kinds = [{ at = "/private", is = true, resource = "note" }]
[entity.card]
resource = "contact"
[entity.card.refers]
thing = ["/thing", { at = "/by", type = "/by_type" }, { at = "/to", is = "contacts" }]
mixed = ["/thing"]
said = ["/last", { at = "/said", is = "x" }]
[[route]]
match = "GET /cards"
entity = "card"
action = "view"
items = "/rows"
nested = { "/things/*" = "thing", "/mixed/*" = "mixed", "/said/*" = "said", "/more/*" = "said" }
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:21: entity.card.refers.said[1]: only goes with an entity with `id_type`",
        "routes.toml:27: route[0].nested.\"/mixed/*\": only goes with `id_type` of an entity with `kinds`: each may have ids of its own",
        "routes.toml:27: route[0].nested.\"/said/*\": only goes with an entity of its own: this one is shown with the rows that refer to it",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
    assert_eq!(told.matches("only goes with").count(), 3, "{told}");
    for (wrong, key) in [
        ("{ at = \"/by\" }", "type"),
        ("{ at = \"/by\", is = \"x\", type = \"/x\" }", "type"),
        ("{ is = \"x\" }", "at"),
        ("\"by\"", "pointer"),
        ("1", "pointer"),
    ] {
        let told = mistakes_of(
            "tenants/default/routes.toml",
            &text.replace("thing = [\"/thing\"", &format!("thing = [{wrong}")),
        );
        let line =
            told.lines().find(|line| line.starts_with("routes.toml:19:") || line.contains("routes.toml:19:"));
        assert!(
            line.is_some_and(|line| line.contains("entity.card.refers.thing[0]") && line.contains(key)),
            "{wrong}: {told}"
        );
    }
}

#[test]
fn every_mistake_about_an_export_is_told_with_its_line() {
    let text = r#"
backend = "chat"
request_headers = ["x-panel", "If-None-Match"]
response_headers = ["x-page", "ETag", "content-encoding", "access-control-allow-origin"]
[entity.line]
resource = "contact"
fields = ["id"]
[[route]]
match = "GET /lines"
entity = "line"
action = "view"
format = "csv"
items = "/payload"
keep = ["/meta"]
[[route]]
match = "GET /rows"
resource = "contact"
action = "view"
format = "csv"
[[route]]
match = "POST /lines"
resource = "contact"
action = "view"
export = { of = "lines" }
[[route]]
match = "POST /rows"
entity = "line"
action = "view"
format = "csv"
export = { of = "rows", id = "/id" }
[[route]]
match = "GET /lines/{id}"
entity = "line"
action = "view"
object = "export"
[[route]]
match = "GET /rows/{id}"
entity = "line"
action = "view"
object = "export"
export = { of = "others" }
[[route]]
match = "PUT /rows/{id}"
entity = "line"
action = "view"
object = "export"
export = { of = "rows" }
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:3: request_headers[1]: not the name of a header",
        "routes.toml:4: response_headers[1]: not the name of a header",
        "routes.toml:4: response_headers[2]: not the name of a header",
        "routes.toml:4: response_headers[3]: not the name of a header",
        "routes.toml:13: route[0].items: only goes with `format = \"json\"`",
        "routes.toml:14: route[0].keep: only goes with `format = \"json\"`",
        "route[1].shows: must be given: the entity of the rows",
        "route[2].export.id: must be given: where the export's id stands",
        "route[3].export: only goes with `format = \"json\"`",
        "route[4].export: must be given: the name of the exports",
        "route[5].export.of: only goes with a route that starts such exports",
        "route[6].object: only goes with GET",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn what_cannot_be_decided_of_an_answer_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.contact]
id = "/id"
fields = ["*"]
[[route]]
match = "GET /whole"
entity = "contact"
action = "view"
format = "whole"
items = "/rows"
links = ["/next"]
[[route]]
match = "GET /contacts/{id}"
entity = "contact"
action = "view"
object = "answer"
asks = ["name"]
searches = { q = ["name"] }
empty = "no-content"
[[route]]
match = "GET /contacts/{id}/files/{file}"
entity = "contact"
action = "view"
object = "tag"
format = "whole"
[route.stands_in]
entity = "contakt"
parameter = "note"
request = "POST /contacts/{id}/notes/{number}"
[[route]]
match = "GET /contacts"
entity = "contact"
action = "view"
items = ""
empty = "absent"
[[route]]
match = "GET /leads"
entity = "contact"
action = "view"
items = "/rows"
keep = ["/meta"]
empty = "absent"
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:11: route[0].items: only goes with `format = \"json\"`",
        "routes.toml:12: route[0].links: only goes with `format = \"json\"`",
        "routes.toml:18: route[1].asks: only goes with another `object` than \"answer\"",
        "routes.toml:19: route[1].searches: only goes with another `object` than \"answer\"",
        "routes.toml:20: route[1].empty: only goes with `items` of JSON",
        "route[2].stands_in: only goes with `via` or `part`",
        "route[2].stands_in.entity: no entity `contakt` is declared",
        "route[2].stands_in.parameter: the path has no parameter `{note}`",
        "route[2].stands_in.request: only goes with GET",
        "route[2].stands_in.request: the path has no parameter `{number}`",
        "routes.toml:36: route[3].empty: only goes with `items` in an object",
        "routes.toml:43: route[4].empty: only goes with `page`, or without `nested` and `keep`",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn every_mistake_about_pages_is_told_with_its_line() {
    let route = |page: &str, entity: &str| {
        format!(
            "backend = 'chat'\n[entity.row]\nresource = 'conversation'\nid = '/id'\nfields = ['*']\n\
             [entity.line]\nresource = 'conversation'\nfields = ['*']\n\
             [[route]]\nmatch = 'GET /rows'\nentity = '{entity}'\naction = 'view'\nitems = ''\npage = {page}\n"
        )
    };
    for (page, entity, expected) in [
        ("{ size = 'n' }", "row", "page: expected either `number` or `before` and `after`, or `cursor`"),
        (
            "{ number = 'p', after = 'a' }",
            "row",
            "page.number: expected either `number` or `before` and `after`, or `cursor`",
        ),
        ("{ number = 'p', begins = 'end' }", "row", "page.begins: only goes with `before` or `after`"),
        ("{ number = 'p', compares = true }", "row", "page.compares: only goes with `before` or `after`"),
        ("{ before = 'b', size_default = 3 }", "row", "page.size_default: only goes with `number`"),
        ("{ after = 'a', more = '/more' }", "row", "page.more: only goes with `number`"),
        (
            "{ after = 'a' }",
            "row",
            "page: only goes with `compares = true`: a backend that looks for the row",
        ),
        (
            "{ after = 'a', compares = true }\nfields_in = ['sort']",
            "row",
            "page: only goes with rows in the order of their ids: without `fields_in` and `fields_at`",
        ),
        ("{ before = 'b' }", "row", "page: only goes with `after`, or with `before` and `begins = \"end\"`"),
        ("{ after = 'a' }", "line", "page: only goes with rows that have an `id`"),
        // By one of the list's own, every page would be the backend's.
        ("{ number = 'p', unless = ['P'] }", "row", "page.unless: `P` is in the list twice"),
        ("{ after = 'a', compares = true, unless = ['a'] }", "row", "page.unless: `a` is in the list twice"),
        ("{ number = 'p', size = 'p' }", "row", "page.size: `p` is in the list twice"),
        ("{ before = 'c', after = 'c', compares = true }", "row", "page.after: `c` is in the list twice"),
        ("{ number = '' }", "row", "page.number: expected a name"),
        (
            "{ cursor = 'c' }",
            "row",
            "page.next: must be given: where the answer has the cursor of the next page",
        ),
        ("{ number = 'n', next = '/next' }", "row", "page.next: only goes with `cursor`"),
        ("{ cursor = 'c', next = '/next', number = 'n' }", "row", "page.number: expected either `number` or"),
        ("{ cursor = 'c', next = '/next', after = 'a' }", "row", "page: expected either `number` or"),
        ("{ cursor = 'c', next = '/next', size = 's' }", "row", "page.size: only goes with `number`"),
        (
            "{ cursor = 'c', next = '/next', compares = true }",
            "row",
            "page.compares: only goes with `before`",
        ),
        ("{ cursor = 'c', next = '/next', unless = ['C'] }", "row", "page.unless: `C` is in the list twice"),
        (
            "{ after = 'a', compares = true, more = '/more' }",
            "row",
            "page.more: only goes with `number` or `cursor`",
        ),
        // At one place stands one of them.
        ("{ cursor = 'c', next = '/n' }\nlinks = ['/n']", "row", "page.next: `/n` is in the list twice"),
        ("{ cursor = 'c', next = '/n', more = '/n' }", "row", "page.more: `/n` is in the list twice"),
        (
            "{ number = 'p', at = '/n' }\ntotals = { null = ['/n'] }",
            "row",
            "page.at: `/n` is in the list twice",
        ),
    ] {
        let told = mistakes_of("tenants/default/routes.toml", &route(page, entity));
        let expected = format!("routes.toml:14: route[0].{expected}");
        assert!(told.contains(&expected), "{page}: no `{expected}` in\n{told}");
    }
    for (more, expected) in [
        (
            "{ number = 'p', more = '/more' }\nnone = { '/more' = 'list' }",
            "only goes with a list, as `nested` names one",
        ),
        (
            "{ after = 'a', compares = true }\nlinks = ['/next']\nnone = { '/next' = 'null' }",
            "no place in `nested` `/next`",
        ),
        ("{ number = 'p' }\ntotals = { drop = ['/n'], null = ['/n'] }", "`/n` is in the list twice"),
    ] {
        let told = mistakes_of("tenants/default/routes.toml", &route(more, "row"));
        let line = 14 + more.lines().count() - 1;
        let told_there = told
            .lines()
            .any(|told| told.contains(&format!("routes.toml:{line}: ")) && told.contains(expected));
        assert!(told_there, "{more}: no `{expected}` in\n{told}");
    }
    let kept = route("{ number = 'p' }\nkeep = ['/n/of']\ntotals = { drop = ['/n'] }", "row")
        .replace("items = ''", "items = '/rows'");
    let told = mistakes_of("tenants/default/routes.toml", &kept);
    assert!(told.contains("routes.toml:9: route[0]: ") && told.contains("`/n/of`"), "{told}");
}

#[test]
fn a_field_that_stands_in_another_object_is_told_with_its_line() {
    let routes = |fields: &str| {
        format!(
            "backend = 'chat'\n[entity.chat]\nresource = 'conversation'\nfields = {fields}\n\
             nested = {{ '/meta/sender' = 'person' }}\n[entity.person]\nresource = 'contact'\nfields = ['*']\n\
             [[route]]\nmatch = 'GET /chats'\nentity = 'chat'\naction = 'view'\nitems = ''\n"
        )
    };
    let roles = "[resource.conversation]\nactions = ['view']\n[resource.contact]\nactions = ['view']\n\
                 [role.agent.grants]\nconversation = { view = 'all' }\n\
                 [role.agent.fields.conversation]\nhidden = ['title', 'meta.sender.phone_number', 'meta.channel']\n\
                 [[forbid]]\nname = 'no-mail'\nresource = 'conversation'\nactions = ['view']\n\
                 fields = ['meta.sender.email']\n";
    for fields in ["['*']", "['id', 'meta']"] {
        let text = routes(fields);
        let files = [
            ("headgate.toml", HEADGATE),
            ("tenants/default/channels.toml", CHANNELS),
            ("tenants/default/routes.toml", &*text),
            ("tenants/default/roles.toml", roles),
        ];
        let told = load(folder(&files).path()).map(|_| ()).unwrap_err().to_string();
        for expected in [
            "roles.toml:8: role.agent.fields.conversation.hidden: in answers `meta.sender.phone_number` stands in `/meta/sender` of the entity `chat`, where a `contact` is decided on by itself",
            "roles.toml:13: forbid[0].fields: in answers `meta.sender.email` stands in `/meta/sender` of the entity `chat`",
        ] {
            assert!(told.contains(expected), "{fields}: no `{expected}` in\n{told}");
        }
        assert!(!told.contains("`title`") && !told.contains("`meta.channel`"), "{told}");
    }
}
