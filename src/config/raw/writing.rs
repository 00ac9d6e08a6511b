//! What a route of `routes.toml` says of writes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;

/// What a body may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Media {
    /// `application/json`.
    Json,
    /// `application/merge-patch+json` (RFC 7396).
    MergePatch,
    /// `application/json-patch+json` (RFC 6902). What `test` and `copy` read must be seen by the user.
    JsonPatch,
    /// `application/x-www-form-urlencoded`, with names such as `contact[phone_number]`.
    Form,
    /// `multipart/form-data`, likewise; a file is a field.
    Multipart,
}

/// Fields that say whose the object will be, wherever they stand in the body or the query. Who sets one needs the action on
/// the object as it is, and the new user or team must be within the user's reach: with the scope `all` every user of
/// the directory and every team, with `team-tree` and `open` those of the user's teams and below, else those of the user's teams.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AssignFields {
    /// The responsible user, by the directory's name.
    pub(crate) user: Option<String>,
    /// The team, by the directory's name.
    pub(crate) team: Option<String>,
    /// Who made it: the user, or anybody for whom the scope is `all`.
    pub(crate) creator: Option<String>,
    /// Values that stand for nobody, beside `null` and an empty text, such as `["0"]`.
    pub(crate) nobody: Vec<String>,
    /// The action. Default: `assign`.
    pub(crate) action: Option<String>,
}

/// Fields that say where the object will stand. The write is decided on the object as it is and as it would be.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PlaceFields {
    /// The pipeline. Who names another one must name the stage as well.
    pub(crate) pipeline: Option<String>,
    /// The stage.
    pub(crate) stage: Option<String>,
}

/// A right that a field needs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Need {
    /// The resource of the policy.
    pub(crate) resource: String,
    /// The action of the policy.
    pub(crate) action: String,
}

/// Another object that a field names: `entity` says what it is, or `kind` and `is` do.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reference {
    /// The field beside it that says what it is, such as `entity_type`. Neither of the two is written without the other.
    pub(crate) kind: Option<String>,
    /// What it is by the value of `kind`: `{ leads = { entity = "lead", request = "GET /api/v4/leads/{id}" } }`. Any other value is refused.
    pub(crate) is: BTreeMap<String, Referred>,
    /// The entity that it is, whatever the request says.
    pub(crate) entity: Option<Name>,
    /// As in `is`.
    pub(crate) request: Option<String>,
    /// As in `is`.
    pub(crate) action: Option<String>,
    /// A write that does not name one is refused.
    pub(crate) required: bool,
}

/// An object that a field names.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Referred {
    /// The entity that it is.
    pub(crate) entity: Name,
    /// The request that answers with it; `{id}` is the id, other parameters are the route's own or in `fixed`. For an entity
    /// with `tag = true` none is needed.
    pub(crate) request: Option<String>,
    /// What the user must be allowed on it. Default: `view`.
    pub(crate) action: Option<String>,
}

impl Reference {
    /// What it may be, each with the value of `kind`, if one says it, and the key under which it stands.
    pub(crate) fn each(&self) -> Vec<(Option<&str>, Referred)> {
        let Self { entity, request, action, .. } = self;
        let one = entity.clone().map(|entity| Referred {
            entity,
            request: request.clone(),
            action: action.clone(),
        });
        let by_kind = self.is.iter().map(|(value, is)| (Some(value.as_str()), is.clone()));
        one.map(|one| (None, one)).into_iter().chain(by_kind).collect()
    }
}

/// Another right, by the value of one field.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["field", "is"]))]
pub(crate) struct Instead {
    /// The field. Without it the route's `action` is asked for.
    pub(crate) field: Option<String>,
    /// The action by value, as text: `{ true = "note", false = "create" }`; with the resource, if it is another one than the
    /// route's: `{ true = "note.create", false = "send" }`. Any other value is answered 400.
    pub(crate) is: BTreeMap<String, String>,
}
