//! `probe.toml` as it is written.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::text::{FilePath, Pointer, SecretText, Size, Span};

/// What a probe needs to know. Paths are those of the agents' listener. In each of its texts `${env:NAME}` and
/// `${file:PATH}` stand for what a variable or a file holds.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "probe.toml", extend("required" = ["actor", "object", "canary"]))]
pub(super) struct Raw {
    /// A CA file for the deployment's TLS, beside the operating system's.
    pub(super) ca: Option<FilePath>,
    /// The name in `Host` and for TLS. Default: that of the URL.
    pub(super) host: Option<String>,
    /// Names of fields that the restricted actor must not see in any object, at whatever depth and in whatever spelling.
    pub(super) hidden_fields: Vec<String>,
    /// Names of fields in which media stand (addresses, `data:` texts) that the restricted actor must not see. What is left in
    /// their place may be no address.
    pub(super) media_fields: Vec<String>,
    /// A path that everybody may read, such as `/public/health`.
    pub(super) open: Option<String>,
    /// Paths of exports and of media that the restricted actor may not have.
    pub(super) refused: Vec<String>,
    /// Paths of tables (CSV) that the restricted actor may have, without rows and columns of what is hidden.
    pub(super) tables: Vec<String>,
    /// Paths with a query to which the backend answers with an error, best one that quotes something hidden:
    /// `["/api/v1/contacts?sort=none"]`.
    pub(super) failing: Vec<String>,
    /// Path of a WebSocket.
    pub(super) stream: Option<String>,
    /// Names of cookies that the deployment sets on purpose, such as a balancer's.
    pub(super) cookies: Vec<String>,
    /// Credentials may stand in the query, too, on purpose.
    pub(super) query_credentials: bool,
    /// Public keys of who issues the restricted actor's token, in PEM: `["${file:issuer.pem}"]`.
    pub(super) token_keys: Vec<String>,
    /// Credentials that must not be accepted, or no more.
    pub(super) refused_credentials: Vec<RefusedCredentials>,
    /// Headers that differ between any two answers, such as one of a proxy in between: `["cf-ray"]`. `date`, `age`,
    /// `x-request-id`, `x-correlation-id`, `x-runtime` and `headgate-decision` are known.
    pub(super) volatile_headers: Vec<String>,
    /// How fast, and how long it waits.
    pub(super) pace: Pace,
    /// Who asks.
    pub(super) actor: Actors,
    /// Objects of one kind each: one that the restricted actor may see, one that it may not, and one that does not
    /// exist.
    #[schemars(length(min = 1))]
    pub(super) object: Vec<Object>,
    /// Lists of objects.
    pub(super) list: Vec<List>,
    /// Objects that the restricted actor sees only as one who takes part in them.
    pub(super) participant: Vec<Participant>,
    /// For `--writes`: ways to make an object.
    pub(super) create: Vec<Create>,
    /// Words that you planted in hidden objects and fields.
    #[schemars(length(min = 1))]
    pub(super) canary: Vec<Canary>,
}

/// How fast, and how long it waits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Pace {
    /// Requests in a second, at most. They are sent one after the other.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) per_second: u32,
    /// For a whole answer.
    pub(super) timeout: Span,
    /// For more, after an answer on a connection that stays open.
    pub(super) quiet: Span,
    /// The largest answer that is read, and the largest that it may unpack to. A larger one is not judged.
    pub(super) answer_bytes_max: Size,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_second: 10,
            timeout: Span(Duration::from_secs(10)),
            quiet: Span(Duration::from_millis(500)),
            answer_bytes_max: Size(8 << 20),
        }
    }
}

/// Who asks.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["restricted"]))]
pub(super) struct Actors {
    /// Somebody who may see a part.
    pub(super) restricted: Option<Credentials>,
    /// Somebody who may see everything: proves that the canaries are planted, and lends tags to try.
    pub(super) all_seeing: Option<Credentials>,
    /// Somebody whose rights reach as far as their team, and who is in none: sees no object of the plan.
    pub(super) teamless: Option<Credentials>,
    /// The restricted actor in another tenant, where they may see more.
    pub(super) elsewhere: Option<Elsewhere>,
    /// Credentials of the backend's own, of somebody who may see everything there: no way to get past the deployment.
    pub(super) native: Option<Native>,
}

/// How an actor proves who they are.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["headers"]))]
pub(super) struct Credentials {
    /// Headers of each request: `{ authorization = "Bearer ${env:TOKEN}" }`.
    pub(super) headers: Option<BTreeMap<String, SecretText>>,
    /// How the deployment calls this user, for headers that claim to be them.
    pub(super) user: Option<String>,
}

/// Credentials of another tenant.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["headers", "sees"]))]
pub(super) struct Elsewhere {
    /// Headers of each request.
    pub(super) headers: Option<BTreeMap<String, SecretText>>,
    /// Path of an object that they show there.
    pub(super) sees: Option<String>,
}

/// What the backend takes by itself.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Native {
    /// Headers, a `cookie` too.
    pub(super) headers: BTreeMap<String, SecretText>,
    /// The same as a query: `"api_access_token=${env:NATIVE}"`.
    pub(super) query: Option<SecretText>,
}

/// Credentials that must not be accepted.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["why", "headers"]))]
pub(super) struct RefusedCredentials {
    /// What is wrong with them.
    pub(super) why: Option<Why>,
    /// Headers of each request.
    pub(super) headers: Option<BTreeMap<String, SecretText>>,
}

/// What is wrong with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// They are of another issuer.
    Issuer,
    /// They are meant for somebody else.
    Audience,
    /// They say who somebody is, and are not for access.
    IdToken,
    /// They were good before.
    Expired,
    /// They will be good.
    NotYet,
    /// They never end.
    Endless,
    /// They ask for something to be understood that nobody knows (`crit`).
    Critical,
    /// They are encrypted, with no signature within.
    Encrypted,
    /// They were taken back.
    Revoked,
}

/// Three objects of one kind.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["visible", "hidden", "missing"]))]
pub(super) struct Object {
    /// Path of one that the restricted actor may see.
    pub(super) visible: Option<String>,
    /// Path of one that exists, and that the restricted actor may not know of.
    pub(super) hidden: Option<String>,
    /// Path of one that does not exist. Its id is best as long as the hidden one's.
    pub(super) missing: Option<String>,
    /// Why `hidden` is hidden, if not by a role's scope: it is of another tenant, nobody is responsible for it, of two roles one
    /// forbids it, or its stage does.
    pub(super) hidden_by: Option<HiddenBy>,
    /// What is reached below an object: `["/messages", "/labels"]`.
    pub(super) below: Vec<String>,
    /// Queries that make the backend put other objects into it: `["include=messages,contact"]`.
    pub(super) including: Vec<String>,
    /// For `--writes`: fields that the restricted actor may not write, on an object that it may see. Were one of
    /// these writes let through, it would change the object.
    pub(super) unwritable_fields: Vec<String>,
    /// For `--writes`: how an object is changed.
    pub(super) write_method: WriteMethod,
    /// For `--writes`: a change that is allowed, as JSON. **It is made**, on the visible object; let it be what is there already.
    pub(super) writable: Option<String>,
    /// For `--writes`: changes, as JSON, that give the visible object to whom the restricted actor may not give it.
    pub(super) unassignable: Vec<String>,
    /// For `--writes`: the change, as JSON, with which the restricted actor would take an object; it is tried on the hidden one.
    pub(super) taking: Option<String>,
    /// For `--writes`: changes, as JSON, that move the visible object to or from a stage where the restricted actor may not edit.
    pub(super) unmovable: Vec<String>,
    /// For `--writes`: requests that name objects in their body.
    pub(super) bulk: Vec<Bulk>,
}

/// Why an object is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::probe) enum HiddenBy {
    /// It is of another tenant.
    Tenant,
    /// Nobody is responsible for it.
    Nobody,
    /// One role would show it, another forbids it.
    Forbid,
    /// Its stage hides it.
    Stage,
}

/// A request that names objects in its body.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path", "body"]))]
pub(super) struct Bulk {
    /// Its path.
    pub(super) path: Option<String>,
    /// Its body, as JSON, with `{id}` where an id stands: `'{"ids": ["{id}"], "status": "open"}'`.
    pub(super) body: Option<String>,
    /// How it is sent. Default: `POST`.
    pub(super) method: Option<WriteMethod>,
}

/// An object that is seen by taking part in it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path", "hidden_fields"]))]
pub(super) struct Participant {
    /// Its path.
    pub(super) path: Option<String>,
    /// Names of fields that who takes part does not see, at whatever depth and in whatever spelling.
    pub(super) hidden_fields: Vec<String>,
}

/// A way to make an object.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct Create {
    /// The path that is asked with `POST`.
    pub(super) path: Option<String>,
    /// A body, as JSON, that the backend refuses since a hidden object has the value already, such as a phone number. **Were it not
    /// taken, an object would be made.**
    pub(super) taken: Option<String>,
    /// Bodies, as JSON, that the restricted actor may not send, since they say who is responsible, the team, the maker or the id.
    pub(super) presets: Vec<String>,
}

/// How an object is changed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum WriteMethod {
    /// `PATCH`
    #[default]
    Patch,
    /// `PUT`
    Put,
    /// `POST`
    Post,
}

/// A list of objects.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct List {
    /// Its path.
    pub(super) path: Option<String>,
    /// Where its rows stand. Default: the answer is the list.
    pub(super) items: Option<Pointer>,
    /// Where a row's id stands.
    pub(super) id: Option<Pointer>,
    /// Where counts stand that must not tell how much is hidden: they must be absent, `null`, or no more than the rows.
    pub(super) totals: Vec<Pointer>,
    /// Queries that would make the backend list more: `["assignee_type=all"]`.
    pub(super) widening: Vec<String>,
    /// Queries that ask for a row by its id, with `{id}` where it stands: `["ids[]={id}"]`.
    pub(super) naming: Vec<String>,
    /// A query that makes the answer larger than the deployment reads: `"per_page=100000"`.
    pub(super) overlong: Option<String>,
    /// A search that is asked with `POST`: its body, in JSON. It must not write anything.
    pub(super) question: Option<String>,
}

/// A word in something that is hidden. Nothing else may have it in it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["text"]))]
pub(super) struct Canary {
    /// The word: 8 or more letters, digits, `-` and `_`.
    pub(super) text: Option<String>,
    /// Where it stands, for the report: `"the name of conversation 102"`.
    pub(super) planted: String,
    /// Who must not see it. Default: the restricted actor, and who shows no credentials.
    pub(super) hidden_from: Option<Vec<Whom>>,
}

/// Who may not see a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whom {
    /// The restricted actor.
    Restricted,
    /// The actor that sees everything: a canary of another tenant.
    AllSeeing,
    /// Who shows no credentials.
    Nobody,
}
