//! `routes.toml`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Name,
    writing::{AssignFields, Instead, Media, Need, PlaceFields, Reference},
};
use crate::config::{
    presets::RoutePreset,
    text::{Pointer, SecretText, Size, Span},
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

/// A kind of object, and where its facts stand in the JSON of one. A fact that is not found is not known: it
/// grants nothing, and may be what a forbid, a condition or a narrower override names. A place or kind that is `null`
/// is known to be none.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Entity {
    /// The resource of the policy. Default: the entity's name.
    pub(crate) resource: Option<String>,
    /// Where the object stands in an answer. Default: the answer is the object.
    pub(crate) at: Option<Pointer>,
    /// Its id. If it is given, an answer without it, or with another than the path's, is not believed.
    pub(crate) id: Option<Pointer>,
    /// Who is responsible.
    pub(crate) responsible: Option<Pointer>,
    /// The object's own team. It counts beside the teams of the responsible user, and also while nobody is.
    pub(crate) team: Option<Pointer>,
    /// Who takes part: a list of users, or of objects with an `id`.
    pub(crate) participants: Option<Pointer>,
    /// Who made it.
    pub(crate) creator: Option<Pointer>,
    /// The team whose queue serves it.
    pub(crate) queue: Option<Pointer>,
    /// Whether it is available to everyone: `true`.
    pub(crate) open: Option<Pointer>,
    /// Its pipeline.
    pub(crate) pipeline: Option<Pointer>,
    /// Its stage.
    pub(crate) stage: Option<Pointer>,
    /// Its channel.
    pub(crate) channel: Option<Pointer>,
    /// What the policy calls the backend's channels: `{ "Channel::Whatsapp" = "whatsapp" }`. Another one than these is
    /// not known. Default: by the backend's names.
    pub(crate) channels: BTreeMap<String, String>,
    /// Its account.
    pub(crate) account: Option<Pointer>,
    /// A finer kind, that rules of the policy name.
    pub(crate) kind: Option<Pointer>,
    /// The role that it is, where roles are administered.
    pub(crate) role: Option<Pointer>,
    /// The entity through which the object is reached: the lead on whose card a contact is shown. Its facts count
    /// beside the object's own.
    pub(crate) via: Option<Name>,
    /// Where in the object's JSON that other object stands. Default: they share their JSON.
    pub(crate) via_at: Option<Pointer>,
    /// It is a conversation whose tag says its facts: the one with its `id`, by its own id or the backend's. What else
    /// its JSON says is not asked.
    pub(crate) tag: bool,
    /// Its facts are those of another object, for which Headgate asks: a search shows a line of a conversation, and not
    /// whose it is.
    pub(crate) look_up: Option<LookUp>,
    /// When nobody is responsible, beside a `responsible` that is `null`.
    pub(crate) nobody: Nobody,
    /// It is a part of the object in which it stands, or of the route's object, as a message is of its conversation:
    /// that one's facts are its own, beside its `kind` and `creator`.
    pub(crate) part: bool,
    /// The fields that may pass: names of members, with a dot for those of inner objects (`meta.channel`); lists
    /// are looked through. A field passes with all that is in it, apart from what `nested` names there and what
    /// roles hide. `"*"` is every member. Without `fields`, nothing of the object passes but what is nested in it.
    pub(crate) fields: Vec<String>,
    /// Other names of its fields, such as `{ phone_number = ["tel", "details.number"] }`: names in its JSON, in what is
    /// written to it and in questions about it that mean one field. What hides or locks one of them does so with all.
    pub(crate) aliases: BTreeMap<String, Vec<String>>,
    /// Where other entities stand in its JSON: pointers, with `*` for each item of a list. Each is decided on by
    /// itself.
    pub(crate) nested: BTreeMap<Pointer, Name>,
    /// What the backend has at such a place where there is none, so that a hidden one looks the same:
    /// `{ "/attachments" = "absent", "/last_message" = "null" }`, for items of a list by the pointer of the list. Without it
    /// `null` and `[]` pass as they are, a hidden object is left out, and a list of hidden ones is without items.
    pub(crate) none: BTreeMap<Pointer, NoneAs>,
    /// The action that is asked for where it is nested or a row. Default: `view`.
    pub(crate) action: Option<String>,
    /// Other resources of the policy that it is, by the value of a member: the first that fits. If a member that is
    /// named here is missing, or of another type than the value, nobody sees the object.
    pub(crate) kinds: Vec<EntityKind>,
    /// It is a single value, such as the address of a picture, and no object: it passes whole or not at all.
    pub(crate) value: bool,
    /// Fields that are left of it where it is hidden. Default: nothing is left.
    pub(crate) placeholder: Vec<String>,
}

/// Another object, whose facts are an entity's.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookUp {
    /// Where its id stands.
    pub(crate) id: Pointer,
    /// The entity that it is.
    pub(crate) entity: Name,
    /// The request that answers with it, such as `GET /api/v1/accounts/{account}/conversations/{id}`. `{id}` is the id;
    /// other parameters must be in `fixed`.
    pub(crate) request: String,
}

/// When nobody is responsible.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Nobody {
    /// An object without `responsible` has nobody. Parameters by which backends leave members out (`fields`) are refused then, to who
    /// does not see every object. Not for rows of `format = "csv"`, where an empty cell, or a column that is
    /// not there, says nothing.
    pub(crate) absent: bool,
    /// Who stands there is a user only if this is so, or if there is no such member: no bot.
    pub(crate) unless: Option<Member>,
}

/// A member with a value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// Where it stands in the object.
    pub(crate) at: Pointer,
    /// The value.
    pub(crate) is: Literal,
}

/// Another resource that an entity is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntityKind {
    /// Where the value stands in the object.
    pub(crate) at: Pointer,
    /// The value.
    pub(crate) is: Literal,
    /// The resource of the policy.
    pub(crate) resource: String,
}

/// A value to compare with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Literal {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// One route of the backend's API.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["match", "action"]))]
pub(crate) struct Route {
    /// Method and path, such as `GET /api/v1/accounts/{account}/conversations/{id}`. A parameter in braces is
    /// one part of the path: letters, digits, `-` and `_`. `GET` takes `HEAD` too.
    #[serde(rename = "match")]
    pub(crate) matches: Option<String>,
    /// The entity whose facts decide.
    pub(crate) entity: Option<Name>,
    /// The resource of the policy that is asked for. Default: the entity's.
    pub(crate) resource: Option<String>,
    /// The action of the policy that is asked for.
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
    /// What the backend has at such a place where there is none, as for an entity.
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
    /// are taken out; with `page`, each is replaced by the address of their own next page, or `null`.
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

/// An export that the backend makes meanwhile. Its result is shown to the user who started it, for a day and as long as
/// that user's roles and teams stay the same, and to nobody else.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// A name for these exports: routes that start and fetch the same ones have the same.
    pub(crate) of: String,
    /// Where it starts, and needed there: where the export's id stands in the answer, as it is shown.
    pub(crate) id: Option<Pointer>,
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

/// How a backend gives a list in pages of some rows, each asked for in the query: by its number, or by a row beside it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Page {
    /// The parameter with the number of the page.
    pub(crate) number: Option<String>,
    /// The number of the first page, and of a request that names none; 1 if nothing is said.
    pub(crate) first: Option<u64>,
    /// The parameter with the number of rows, if there is one.
    pub(crate) size: Option<String>,
    /// How many rows a page has that is asked for without a number of rows; 25 if nothing is said. A page with fewer is the last.
    #[schemars(range(min = 1))]
    pub(crate) size_default: Option<usize>,
    /// Instead of `number`: the parameter with the id of a row, before which the page ends. Rows are told apart by the `id` of
    /// their entity.
    pub(crate) before: Option<String>,
    /// Instead of `number`: the parameter with the id of a row, after which the page begins.
    pub(crate) after: Option<String>,
    /// With `before` or `after`: which rows come without either, the first ones of the list or the last.
    pub(crate) begins: Begins,
    /// Parameters with which the backend gives the whole list at once, whatever page is asked for. Each must be a whole number
    /// then.
    pub(crate) unless: Vec<String>,
    /// Where the answer says the page's number. Who may not see every row reads there the number that they asked for.
    pub(crate) at: Option<Pointer>,
    /// Where the answer says whether there is a next page: `true` or `false`. Who may not see every row reads there whether
    /// they have one.
    pub(crate) more: Option<Pointer>,
    /// Most of the backend's pages that are read for one request. When they are not enough, the answer is short and
    /// has the header `headgate-more: true`; the next page goes on from there.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) pages_max: usize,
    /// How long a request may go on to read the backend's pages, after the first. Then as above.
    pub(crate) time_max: Span,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            number: None,
            first: None,
            size: None,
            size_default: None,
            before: None,
            after: None,
            begins: Begins::default(),
            unless: Vec::new(),
            at: None,
            more: None,
            pages_max: 10,
            time_max: Span(Duration::from_secs(2)),
        }
    }
}

/// Where a list begins that is asked for without a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Begins {
    /// With its first rows.
    #[default]
    Start,
    /// With its last ones, as conversations do.
    End,
}

/// What becomes of counts, for who may not see every row. One that is not named here nor in `keep` is taken out.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Totals {
    /// Replaced by how many rows of the list the user sees: on the last page with `page`, and `null` on those before.
    pub(crate) recompute: Vec<Pointer>,
    /// Replaced by `null`.
    pub(crate) null: Vec<Pointer>,
    /// Taken out.
    pub(crate) drop: Vec<Pointer>,
}

/// What a list without rows is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Empty {
    /// A list like any other. Without `nested` and `keep`, or with `page`, a 204 is answered as one too.
    List,
    /// An answer without content: 204.
    NoContent,
    /// An answer in which the list is left out, as JSON made of Protocol Buffers has it. Not where `items` is the whole
    /// answer, and without `nested` and `keep`, or with `page`.
    Absent,
}

/// What a backend has where there is no object. All of these that an answer has there come out as this one; a member that
/// is left out is never added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoneAs {
    /// The member is left out.
    Absent,
    /// `null`.
    Null,
    /// `[]`: only of a list.
    List,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// JSON, whatever the backend calls it: filtered.
    #[default]
    Json,
    /// Rows of comma-separated values under a line of names: filtered as rows of objects whose members are the
    /// columns.
    Csv,
    /// Anything, such as a picture: it passes whole to who may see every field of the route's object, or not at all.
    /// Without `object` nobody can tell whose it is: then it passes to who has the right to all.
    Whole,
}

/// How a query is narrowed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Push {
    /// For who may see their own rows alone. In a value, `{user}` stands for the user's name, with which `responsible` is compared: as
    /// in `owner_id={user}` or `q=owner:{user}`.
    pub(crate) own: Option<String>,
    /// For who may see no more than the rows of their one team, for which `{team}` stands in a value. The backend must then send all rows
    /// that any member of the team has. Who sees what their team has also sees what is their own elsewhere, so it only
    /// goes with an entity that has neither a `team` of its own nor a `queue`.
    pub(crate) team: Option<String>,
    /// Only for who has credentials of their own in `[as_user]`: it says what the backend understands of the user whom it takes
    /// them for, such as `me`.
    pub(crate) as_user: bool,
    /// The values of the same parameters that the user may have asked for and whose place it takes: those that let pass all that
    /// it lets. A request with another one is left as it is, and with `[]` so is each that has one of these parameters. Without it, any.
    pub(crate) in_place_of: Option<Vec<String>>,
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
