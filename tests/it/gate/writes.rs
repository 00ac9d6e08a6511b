//! Section G and E15: writes; and the questions by which a hidden field could be read off.

mod asked;
mod bodies;
mod bulk;
mod echoes;
mod fields;
mod moments;
mod owners;
mod rights;

use headgate::policy::{
    Scope,
    source::{Override, Source},
};
use serde_json::{Value, json};

use super::world::{Answer, Setup, World};

pub(super) const ROUTES: &str = r#"
[entity.lead]
id = "/id"
responsible = "/owner"
pipeline = "/pipeline"
stage = "/stage"

[[route]]
match = "PATCH /api/v1/accounts/{account}/guarded/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
accepts = ["json", "merge-patch", "json-patch", "form", "multipart"]
writes = ["name", "phone_number", "owner", "custom_attributes.plan", "id", "account_id", "version"]
same = { id = "id", account_id = "account" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/open/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
accepts = ["json", "merge-patch", "json-patch", "form", "multipart"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/json/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
body_bytes_max = "1KiB"

[[route]]
match = "PATCH /api/v1/accounts/{account}/owned/conversations/{id}"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "form", "json-patch"]
assign = { user = "assignee_id", team = "team_id", nobody = ["0"] }

[[route]]
match = "POST /api/v1/accounts/{account}/made/conversations"
resource = "conversation"
action = "create"
assign = { user = "assignee_id", team = "team_id", creator = "created_by" }
writes = ["title", "assignee_id", "team_id", "created_by", "account_id"]
same = { account_id = "account" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "POST /api/v1/accounts/{account}/bulk/conversations"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "form"]
ids = "/ids"
ids_in = "id"
ids_max = 3

[[route]]
match = "PATCH /api/v1/accounts/{account}/bulk/contacts"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
ids = "/*/id"

[entity.stub]
resource = "contact"
id = "/id"
look_up = { id = "/id", entity = "contact", request = "GET /api/v1/accounts/{account}/contacts/{id}" }
fields = ["*"]

[[route]]
match = "POST /api/v1/accounts/{account}/stubs"
resource = "contact"
action = "edit"
shows = "stub"
items = "/rows"

[[route]]
match = "PATCH /api/v1/accounts/{account}/tied/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
refers = { lead_id = { entity = "lead", request = "GET /api/v1/accounts/{account}/leads/{id}", action = "edit" } }

[[route]]
match = "POST /api/v1/accounts/{account}/bulk/made"
resource = "conversation"
action = "create"
accepts = ["json", "form"]
body = "/add/*"
objects_max = 3

[[route]]
match = "DELETE /api/v1/accounts/{account}/bulk/conversations"
entity = "conversation"
action = "delete"
object = "tag"
ids_in = "ids"

[[route]]
match = "POST /api/v1/accounts/{account}/conversations/{id}/messages"
entity = "conversation"
action = "send"
object = "tag"
instead = { field = "private", is = { true = "note", false = "send" } }

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/export"
entity = "contact"
action = "export"
items = "/payload"

[[route]]
match = "POST /api/v1/accounts/{account}/contacts/export"
resource = "contact"
action = "export"

[[route]]
match = "GET /api/v1/accounts/{account}/ask/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
fields_in = ["sort", "group_by", "filter"]
searches = { q = ["name", "phone_number"], name = ["name"] }

[[route]]
match = "GET /api/v1/accounts/{account}/listed/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
fields_in = ["sort", "filter"]
asks = ["name", "owner", "phone_number"]

[[route]]
match = "POST /api/v1/accounts/{account}/ask/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
question = true
accepts = ["json", "form", "multipart"]
fields_at = ["/payload/*/attribute_key", "/order_by"]
"#;

/// Ana may assign what is hers, sue what is her team's; leads in the stage `legal` are closed to agents.
pub(super) fn rights(source: &mut Source) {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    source.resources.get_mut("conversation").unwrap().extend(words(&["assign", "create", "send", "note"]));
    source.roles.get_mut("agent").unwrap().grants.get_mut("contact").unwrap().remove("export");
    source.resources.insert("lead".to_owned(), words(&["view", "edit"]));
    for (role, scope) in [("agent", Scope::Own), ("lead", Scope::Team)] {
        let role = source.roles.get_mut(role).unwrap();
        let of = role.grants.get_mut("conversation").unwrap();
        of.extend(["assign", "create", "note"].map(|action| (action.to_owned(), scope)));
        role.grants.insert("lead".to_owned(), [("edit".to_owned(), scope)].into());
        // The rows about fields ask about the contact's.
        role.fields.remove("conversation");
    }
    let agent = source.roles.get_mut("agent").unwrap();
    agent.fields.get_mut("contact").unwrap().read_only.push("owner".to_owned());
    agent.overrides.push(Override {
        resource: "lead".to_owned(),
        stage: words(&["legal"]),
        scopes: [("edit".to_owned(), Scope::None)].into(),
        ..Override::default()
    });
}

pub(super) fn lead(asked: &super::backend::Asked) -> Option<Vec<u8>> {
    let id = asked.target.split('?').next()?.strip_prefix("/api/v1/accounts/1/leads/")?;
    let stage = if id == "302" { "legal" } else { "new" };
    Some(super::backend::json(200, &json!({"id": id, "owner": "ana", "pipeline": "sales", "stage": stage})))
}

pub(super) async fn world() -> World {
    setup().start().await
}

pub(super) fn setup() -> Setup {
    Setup::default().routes(ROUTES).policy(rights).backend(lead)
}

impl World {
    /// A request of ana's below the account with a body of this media type, and whether it reached the backend.
    pub(super) async fn typed(&self, line: &str, media: &str, body: &str) -> (Answer, bool) {
        self.typed_as("ana", line, media, body).await
    }

    /// The same of this user's.
    pub(super) async fn typed_as(&self, user: &str, line: &str, media: &str, body: &str) -> (Answer, bool) {
        let (method, path) = line.split_once(' ').unwrap();
        let before = self.writes();
        let headers = if media.is_empty() { String::new() } else { format!("Content-Type: {media}\r\n") };
        let answer = self.send(user, &format!("{method} /api/v1/accounts/1{path}"), &headers, body).await;
        (answer, self.writes() > before)
    }

    /// How many users' requests reached the backend; Headgate's own aside.
    fn writes(&self) -> usize {
        self.backend.seen().iter().filter(|asked| asked.all("headgate-actor") != ["headgate"]).count()
    }

    /// As [`Self::typed`] with JSON: the status, and whether it reached the backend.
    pub(super) async fn json_as(&self, user: &str, line: &str, body: &Value) -> (u16, bool) {
        let (method, path) = line.split_once(' ').unwrap();
        let before = self.writes();
        let answer = self.write(user, method, path, body).await;
        (answer.status, self.writes() > before)
    }
}

pub(super) const JSON: &str = "application/json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const PATCH: &str = "application/json-patch+json";
pub(super) const MULTIPART: &str = "multipart/form-data; boundary=xYz";

/// A multipart form with one text of each name.
pub(super) fn parts(names: &[&str]) -> String {
    let part = |name: &&str| format!("--xYz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n");
    names.iter().map(part).collect::<String>() + "--xYz--\r\n"
}
