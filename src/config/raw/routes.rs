//! `routes.toml`: the map, and what a route says of its requests.

mod entity;
mod page;
mod shows;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    entity::{Entity, EntityKind, EntityReference, Literal, LookUp},
    page::{Begins, Page},
    shows::{Empty, Export, Format, NoneAs, Push, Totals},
};
use super::{
    Name,
    writing::{AssignFields, Instead, Media, Need, PlaceFields, Reference},
};
use crate::config::{
    presets::RoutePreset,
    text::{Pointer, SecretText, Size},
};

/// The part of a backend's API that a tenant's users may reach at all, and what each request of it asks for.
/// What no route names is answered 404 and never reaches the backend.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "routes.toml")]
pub(crate) struct Routes {
    /// Shipped route maps that are in force, as if they stood here. What this file says of the same key of an entity, or of
    /// a route with the same method and path, counts. A later one lies over an earlier one.
    #[serde(rename = "use")]
    pub(crate) presets: Vec<RoutePreset>,
    /// Routes of the presets that are not in force, by their `match`.
    pub(crate) without: Vec<String>,
    /// The backend whose API it is; its `api` must be given.
    pub(crate) backend: Option<Name>,
    /// Path parameters that have one value for this tenant: the tenant's own id in the backend's paths, such
    /// as `{ account = "1" }`. A path with another value is answered 404.
    pub(crate) fixed: BTreeMap<String, String>,
    /// Routes, by their `match`, whose paths other tenants of the same backend may have as well, since the backend itself
    /// keeps tenants apart there (by `headgate-tenant`) or has nothing of any tenant; `["*"]`: all of them. Any other path
    /// must be one tenant's alone: by a literal or by `fixed`.
    pub(crate) shared: Vec<String>,
    /// Headers of a request that are passed on, beside those that every request may have (`accept`,
    /// `accept-language`, `content-type`, `user-agent`, `x-request-id`, `traceparent`, `tracestate`).
    pub(crate) request_headers: Vec<String>,
    /// Headers of an answer that are passed on, beside those that every answer may have (`content-type`,
    /// `content-language`, `content-disposition`, `retry-after`, `x-request-id`).
    pub(crate) response_headers: Vec<String>,
    /// Parameters of the query that are never taken, such as the backend's own credentials. A request with
    /// one is answered 400.
    pub(crate) refused_parameters: Vec<String>,
    /// How the backend is told to take a user's requests as that user's own there. Headgate's own requests, and those of
    /// users who are not named, bear `api_headers` of the backend alone.
    pub(crate) as_user: AsUser,
    /// What the backend's objects are, and where their facts stand in its JSON, by name: `[entity.NAME]`.
    pub(crate) entity: BTreeMap<Name, Entity>,
    /// The routes. Of two that match, the one with a literal where the other has a parameter counts.
    pub(crate) route: Vec<Route>,
}

/// Users' own credentials at the backend.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AsUser {
    /// The header that holds them, in place of one of the same name in `api_headers`.
    pub(crate) header: Option<String>,
    /// The credential of each user, by name: `5 = "${file:/etc/headgate/users/5}"`.
    pub(crate) credentials: BTreeMap<String, SecretText>,
}

/// One route of the backend's API.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["match"]))]
pub(crate) struct Route {
    /// Method and path, such as `GET /api/v1/accounts/{account}/conversations/{id}`. A parameter in braces is
    /// one part of the path: letters, digits, `-` and `_`. `GET` takes `HEAD` too.
    #[serde(rename = "match")]
    pub(crate) matches: Option<String>,
    /// The entity whose facts decide.
    pub(crate) entity: Option<Name>,
    /// The resource of the policy that is asked for. Default: the entity's.
    pub(crate) resource: Option<String>,
    /// The action of the policy that is asked for. Must be given, here or by a route map of `use`.
    pub(crate) action: Option<String>,
    /// Where the facts of the object come from. Without it, the resource as such is asked for; a write whose path has a parameter
    /// that is not `fixed` must say it.
    pub(crate) object: Option<Object>,
    /// The path parameter that names the object. Default: `id`.
    pub(crate) parameter: Option<String>,
    /// For `object = "prefetch"`, and needed there: the request that answers with the object, such as
    /// `GET /api/v1/accounts/{account}/contacts/{id}`, made by Headgate itself.
    pub(crate) prefetch: Option<String>,
    /// The object is the one through which another is reached, such as the conversation of a message: its
    /// facts stand behind those of the `resource`, of which nothing is known.
    pub(crate) via: bool,
    /// The object is that of which the `resource` is a part, such as the conversation of a message: its facts are
    /// the part's own.
    pub(crate) part: bool,
    /// What must be seen besides, such as the message of a file: it is a part of the object that is named by `via` or
    /// `part`, is asked for before, and is decided on as its entity says. So a private message's file is not shown to who
    /// does not see that message.
    pub(crate) stands_in: Option<StandsIn>,
    /// The answer is a list, and this is where its rows stand; `""` is the answer itself. Each is decided on by the
    /// route's action and the entity's.
    pub(crate) items: Option<Pointer>,
    /// The entity of the answer's object, or of its rows. Default: `entity`.
    pub(crate) shows: Option<Name>,
    /// Other places of the answer where entities stand: pointers, with `*` for each item of a list.
    pub(crate) nested: BTreeMap<Pointer, Name>,
    /// Lists in `nested` that have the same objects whichever rows the answer has, such as all agents. To what stands in another list
    /// beside rows, these must refer (`refers` of an entity): who may not see every row sees it with those that they see.
    pub(crate) regardless: Vec<Pointer>,
    /// What the backend has at such a place where there is none, as for an entity; and at `links`, and `next` and `more` of `page`, where there
    /// is no next page: `null` or `absent`. Default of these: `null`, and `false` at `more`.
    pub(crate) none: BTreeMap<Pointer, NoneAs>,
    /// Places of the answer around its objects that pass as they are; `""` is the whole answer.
    pub(crate) keep: Vec<Pointer>,
    /// Counts in the answer. Who may see every row sees them as they are.
    pub(crate) totals: Totals,
    /// How the backend counts out the list. With it, who may not see every row gets pages of the rows that they see;
    /// everybody else gets the backend's. Only with `items`, and for `GET` or with `question`.
    pub(crate) page: Option<Page>,
    /// What the backend answers where a list has no row. Who may not see every row is answered so too where there are
    /// rows and none that they see: nobody can tell which of the two it is. Default: `list`. Only with `items` of JSON.
    pub(crate) empty: Option<Empty>,
    /// Addresses of other pages in the answer. Who may see every row sees them as they are. For everybody else they
    /// are taken out; with `page`, each is the address of their own next page, at the end of the object in which it stands.
    pub(crate) links: Vec<Pointer>,
    /// The route starts an export that the backend makes meanwhile, as in `{ of = "contacts", id = "/id" }`, or, with
    /// `object = "export"`, fetches one, as in `{ of = "contacts" }`.
    pub(crate) export: Option<Export>,
    /// What the answer is. Default: `json`.
    pub(crate) format: Option<Format>,
    /// How the backend's query is narrowed for who may see no more: by scope, as in `{ own = "assignee_type=me" }`.
    /// The parameters take the place of those that the request has; the answer is filtered all the same.
    pub(crate) push: Push,
    /// Whether a refusal looks like an object that does not exist (404), so that nothing tells that it does.
    /// With `false` it is 403, as it is of an object that the user may see.
    pub(crate) hide: Option<bool>,
    /// Where in the body the fields stand that are written; `*` is each item of a list, as in `/*`. Default: the body itself.
    pub(crate) body: Option<Pointer>,
    /// The body is a question, such as a filter of a search: nothing is written.
    pub(crate) question: bool,
    /// What a body may be written in: `json`, `merge-patch`, `json-patch`, `form`, `multipart`. Anything else is answered
    /// 415. Default: `json`; on `GET` and `DELETE` no body is taken, unless this is given.
    pub(crate) accepts: Option<Vec<Media>>,
    /// The fields that may be written, by their names from where `body` points, with a dot for those inside others
    /// (`custom_attributes.*`: all that are in it). Any other one refuses the write, and so does any other parameter
    /// of the query. Default: all that the policy lets the user write.
    pub(crate) writes: Option<Vec<String>>,
    /// Fields that say whose the object will be.
    pub(crate) assign: AssignFields,
    /// Fields that say where the object will stand.
    pub(crate) place: PlaceFields,
    /// Fields that must be the path's parameters, such as `{ account_id = "account" }`.
    pub(crate) same: BTreeMap<String, String>,
    /// Rights that a field needs besides, by its name: `{ attachments = { resource = "media", action = "send" } }`. Who names
    /// the field, or one in it, needs the right on the route's object, as to a part of it.
    pub(crate) needs: BTreeMap<String, Need>,
    /// Fields that name another object by its id: `{ contact_id = { entity = "contact", request = "GET
    /// /api/v1/accounts/{account}/contacts/{id}" } }`. Who names one needs a right on it.
    pub(crate) refers: BTreeMap<String, Reference>,
    /// The right that is asked for in place of `action`, by the value of one field.
    pub(crate) instead: Option<Instead>,
    /// The only values that a field may have, by its name: `{ message_type = ["outgoing"] }`. Another one refuses the write; `null`
    /// is none.
    pub(crate) only: BTreeMap<String, Vec<String>>,
    /// Fields that the request changes whatever it says, such as the `status` of a toggle: who may not write one of them, or one
    /// in it, may not make it.
    pub(crate) changes: Vec<String>,
    /// The backend is told to make the write only if the object is as it was when it was decided on: with `if-match` and the
    /// `ETag` of the prefetched object, in place of the client's. If it is not (412), the answer is 409; an object without
    /// a strong `ETag` is not written at all (502). For a write of one object with `object = "prefetch"`.
    pub(crate) unless_changed: bool,
    /// Where the body names the objects that it is about, such as `/ids` or `/leads/*/id`: each is decided on, by
    /// `object`, and one that is refused refuses them all.
    pub(crate) ids: Option<Pointer>,
    /// The same in the query: the parameter that lists them, with commas or as `ids[]`.
    pub(crate) ids_in: Option<String>,
    /// Most objects at once. Default: 100.
    pub(crate) ids_max: Option<u32>,
    /// Most objects that a list in the body may write at once; more is 400. Default: 1000.
    pub(crate) objects_max: Option<u32>,
    /// Parameters of the query whose values, or names in brackets, are names of fields, such as `sort`. Rows that
    /// hide one from the user do not come (`docs/writes.md` says where); one that no row can show is answered 400, like one that does not exist.
    pub(crate) fields_in: Vec<String>,
    /// Where the body of a question names fields: pointers with `*` for each item of a list, such as
    /// `/payload/*/attribute_key`.
    pub(crate) fields_at: Vec<Pointer>,
    /// The fields that may be named there, and in a `test`. Default: all that the user may see.
    pub(crate) asks: Option<Vec<String>>,
    /// Parameters that are searched for in fields, such as `{ q = ["name", "contact.email"] }`, in the query or the body: rows
    /// that hide one of them from the user do not come, and who sees one of none may not use the parameter. A name in `fields_in` or
    /// `fields_at` that stands for other fields is said here, too. Without it a parameter that is called like a search (`q`,
    /// `query`, `search`, …) is taken to be searched for everywhere.
    pub(crate) searches: BTreeMap<String, Vec<String>>,
    /// Parameters that are called like those by which backends count rows off (`offset`, `limit`, `page`, `cursor`, `from`, …), and that
    /// are something else, or may tell who does not see every row how many there are. Without it they are answered 400 to them, apart from
    /// those of `page`.
    pub(crate) positions: Vec<String>,
    /// Parameters of the query, and members of a question's body, that the backend takes beside those of `page`, `push`, `fields_in`,
    /// `fields_at`, `searches` and `positions`. With it, any other may be about anything: it is answered 400 to who does not see every
    /// field of everything in the answer. Default: what one is about is taken from its name (`docs/writes.md`).
    pub(crate) takes: Option<Vec<String>>,
    /// Largest body. Default: `body_bytes_max` of `[gate]`.
    pub(crate) body_bytes_max: Option<Size>,
    /// Decide, tell what would have been refused, and let it pass.
    pub(crate) shadow: bool,
    /// What it reads and changes belongs to the user whom the backend takes the caller for, and to nobody else: their filters, their
    /// notifications. Whoever has no credentials of their own in `[as_user]` is answered 404, since those of the backend's are another's.
    pub(crate) as_user: bool,
    /// `"must"`: a request passes only once its decision is in the decision log, on the disk; otherwise it is
    /// answered 503. Default: `"bounded"`, by which lines may be lost, and are counted.
    pub(crate) audit: Option<Audit>,
    /// `"pass"`: the body of the backend's errors is shown to who may see every object of the route's resource with every
    /// field, since it may quote any of them. What else its text quotes is not looked at. Default: `"fixed"`, the status with a body of Headgate's own.
    pub(crate) errors: Option<Errors>,
}

/// What must be seen so that what stands in it may be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StandsIn {
    /// What it is, with its kinds: `part = true`, as a rule.
    pub(crate) entity: Name,
    /// The path parameter that is its id.
    pub(crate) parameter: String,
    /// The request that answers with it, such as
    /// `GET /api/v1/accounts/{account}/conversations/{id}/messages/{message}`, made by Headgate itself.
    pub(crate) request: String,
}

/// What is told of a backend's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Errors {
    /// The status.
    Fixed,
    /// The status and the body.
    Pass,
}

/// Whether a request may pass whose decision is not on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Audit {
    /// It may.
    Bounded,
    /// It may not.
    Must,
}

/// Where the facts of an object come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Object {
    /// The tag of the conversation that the parameter names, by its own id or the backend's.
    Tag,
    /// A request that Headgate makes before.
    Prefetch,
    /// The export that the parameter names: only who started it may fetch its result. The resource as such is asked
    /// for. For `GET` alone.
    Export,
    /// The answer, which is one object: it is decided on before a byte of it is sent. For `GET` alone.
    Answer,
    /// Nothing: what the path names is common to all and belongs to nobody in particular, such as a canned response. Who may do
    /// it needs the scope `all` or `open`.
    Common,
}
