//! `directory.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Who, seconds};
use crate::config::text::{SecretText, Span, Url};

/// A tenant's users and teams.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "directory.toml")]
pub(crate) struct Directory {
    /// A directory over HTTP that says who may do what: teams, roles and whether a user is active. With it, the
    /// teams and users of this file serve the assignment of new conversations alone.
    pub(crate) source: Option<Source>,
    /// Teams, by name: `[team.NAME]`.
    pub(crate) team: BTreeMap<Who, Team>,
    /// Users, by the name that the backend knows: `[user.NAME]`.
    pub(crate) user: BTreeMap<Who, User>,
}

/// A team.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Team {
    /// The team above it.
    pub(crate) parent: Option<Who>,
    /// Its members, each a user of this file. `round_robin` goes through them in this order.
    pub(crate) members: Vec<Who>,
}

/// A user.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct User {
    /// The name shown to people.
    pub(crate) name: Option<String>,
    /// Takes no new conversations (on leave), and keeps those it has.
    pub(crate) away: bool,
    /// `false`: deactivated; is refused everything.
    pub(crate) active: bool,
    /// Roles, by name, beside those that `[[assign]]` of `roles.toml` gives.
    pub(crate) roles: Vec<String>,
    /// What `[[assign]]` may ask for besides: `to = "trait:first-user"`.
    pub(crate) traits: Vec<String>,
}

impl Default for User {
    fn default() -> Self {
        Self { name: None, away: false, active: true, roles: Vec::new(), traits: Vec::new() }
    }
}

/// A directory over HTTP. What it is asked and answers: `docs/directory-openapi.yaml`. All ages count from the
/// moment at which it was asked.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(crate) struct Source {
    /// Where it is, `https`, or `http` on a loopback address; `/users/{user}` and `/teams` are appended.
    pub(crate) url: Option<Url>,
    /// Sent as `Authorization: Bearer …`.
    pub(crate) token: Option<SecretText>,
    /// Time for one call.
    pub(crate) timeout: Span,
    /// From this age on, an answer that is used is renewed in the background.
    pub(crate) refresh: Span,
    /// From this age on, an answer is asked for again before it is used: without a push, a change of
    /// somebody's rights takes so long at most.
    pub(crate) ttl: Span,
    /// The same for the answer that there is no such user.
    pub(crate) negative_ttl: Span,
    /// While the directory cannot be asked, what it said is used up to this age; then requests are answered 503.
    /// What was invalidated is never used again.
    pub(crate) max_stale: Span,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            url: None,
            token: None,
            timeout: seconds(3),
            refresh: seconds(30),
            ttl: seconds(60),
            negative_ttl: seconds(5),
            max_stale: seconds(600),
        }
    }
}
