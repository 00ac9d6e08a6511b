//! `[entity.NAME]`: what the backend's objects are, and where their facts stand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{super::Name, NoneAs};
use crate::config::text::Pointer;

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
    /// What type of object it is, where objects of several types are of this entity and each type has ids of its own: `/type` of JSON:API.
    /// Whoever refers to it names the type besides.
    pub(crate) id_type: Option<Pointer>,
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
    /// Where it refers to other objects by their ids, by entity: `{ contact = ["/contact_id", "/relationships/contact/data"] }`. At
    /// such a place stands an id, an object with an `id`, or a list of these. What stands in a list beside rows (`nested` of a route) is
    /// shown with those that refer to it, where the user sees that they do. To objects with an `id_type` refer objects that have their type
    /// where those have it, and ids that have it elsewhere: `{ at = "/sender_id", type = "/sender_type" }`, `{ at = "/contact_id", is = "contacts" }`.
    pub(crate) refers: BTreeMap<Name, Vec<EntityReference>>,
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

/// Where an object refers to others.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum EntityReference {
    /// Where their ids stand.
    Ids(Pointer),
    /// The same, with their type elsewhere.
    Typed(TypedReference),
    /// The same, all of one type.
    OfType(ReferenceOfType),
}

/// Ids, with their type elsewhere.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedReference {
    /// Where the ids stand.
    pub(crate) at: Pointer,
    /// Where their type stands.
    pub(crate) r#type: Pointer,
}

/// Ids of one type.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferenceOfType {
    /// Where the ids stand.
    pub(crate) at: Pointer,
    /// Their type.
    pub(crate) is: String,
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
