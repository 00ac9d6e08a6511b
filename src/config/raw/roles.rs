//! `roles.toml`, and the presets that are written in the same way.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RoleName, Word};
use crate::{
    config::{
        presets::Preset,
        text::{Moment, PrincipalText},
    },
    policy::Scope,
};

/// Who may do what. What this file says replaces what a preset of `use` says of the same thing: the same
/// (role, resource, action), the same field or place, the same name of a rule, forbid or profile.
///
/// A name with a dot is quoted as a key: `"channel.email" = { view = "all" }`. `docs/policy.md` is the
/// introduction.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "roles.toml")]
pub(crate) struct Roles {
    /// Shipped presets that are in force, with their roles and all else that they say; a later one replaces what
    /// an earlier one says of the same thing. `headgate preset NAME` prints one. `base`, the vocabulary, is in
    /// each of them. `kommo` and `bitrix24` do not go together.
    #[serde(rename = "use")]
    pub(crate) presets: Vec<Preset>,
    /// Rules and forbids of the presets that are not in force, by name: `["KP4"]`.
    pub(crate) without: Vec<String>,
    /// How several roles of a user become one answer. Default: the preset's, or `"max"`.
    pub(crate) combine: Option<Combine>,
    /// Whether a relation (`role.NAME.relation`) opens an object although an override of the same role closed
    /// the place where it stands. Kommo calls this `subscriber_overrides_stage`. Default: the preset's, or `false`.
    pub(crate) relations_beat_overrides: Option<bool>,
    /// Resources beside those of the presets, by name: `[resource.NAME]`. What is declared nowhere is
    /// refused.
    pub(crate) resource: BTreeMap<Word, Resource>,
    /// Other names of resources: `campaign = "broadcast"`.
    pub(crate) alias: BTreeMap<Word, Word>,
    /// Field profiles, by name: `[profile.NAME]`, in it for each resource the fields that are seen. `full` is
    /// built in: every field. A resource that is not in a profile shows none.
    pub(crate) profile: BTreeMap<Word, BTreeMap<Word, Vec<String>>>,
    /// What every role has besides its own; what a role says itself of the same thing replaces it.
    pub(crate) every_role: Role,
    /// Roles, by name: `[role.NAME]`. The name of a preset's role changes that role.
    pub(crate) role: BTreeMap<RoleName, Role>,
    /// Rights that follow from other rights, and conditions on rights; for all roles alike.
    pub(crate) rule: Vec<Rule>,
    /// What nobody may, whatever was granted.
    pub(crate) forbid: Vec<Forbid>,
    /// Who has which role, beside what the directory says.
    pub(crate) assign: Vec<Assign>,
    /// Apps and who may see them, by name: `[app.NAME]`.
    pub(crate) app: BTreeMap<Word, App>,
    /// Fields that are returned only to who may edit that very field, by resource. An empty list: none.
    pub(crate) secret: BTreeMap<Word, Vec<String>>,
    /// Fields that are returned only to who holds another right: `[needs.RESOURCE]`, in it
    /// `FIELD = { RESOURCE = "ACTION" }`. An empty table: no other right is needed.
    pub(crate) needs: BTreeMap<Word, BTreeMap<String, BTreeMap<Word, String>>>,
}

/// How several roles become one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Combine {
    /// The widest of what each role grants, after its overrides.
    Max,
    /// If any role has an override for the place, the widest of the overrides alone; else the widest grant.
    SpecificThenMax,
}

impl Combine {
    /// As it is written.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::SpecificThenMax => "specific-then-max",
        }
    }
}

/// A resource.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["actions"]))]
pub(crate) struct Resource {
    /// Its actions, beside those that a preset gives it.
    pub(crate) actions: Vec<String>,
}

/// A role.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Role {
    /// Roles that this one begins with, first to last. What it says itself of the same thing replaces what it
    /// begins with.
    pub(crate) extends: Vec<RoleName>,
    /// Resource → action → scope: `conversation = { view = "own" }`. `"*"` stands for every resource or action
    /// that is not named beside it. Scopes, narrowest first: `none`, `own`, `team`, `team-tree`, `open`, `all`.
    pub(crate) grants: BTreeMap<Word, BTreeMap<String, Scope>>,
    /// Other scopes at certain places: `[[role.NAME.override]]`.
    #[serde(rename = "override")]
    pub(crate) overrides: Vec<Override>,
    /// The same as `override`, for who thinks of stages: `[[role.NAME.stage]]`.
    pub(crate) stage: Vec<Override>,
    /// Field rules: `[role.NAME.fields.RESOURCE]`.
    pub(crate) fields: BTreeMap<Word, Fields>,
    /// What the role reaches although no scope covers it: `[role.NAME.relation.participant]`, in it
    /// `RESOURCE = { ACTION = "PROFILE" }`.
    pub(crate) relation: Relations,
    /// Written and not in force.
    pub(crate) draft: bool,
    /// In shadow mode: what their roles would refuse to users who have this one, or hide from them, is told in the
    /// decision log and passes. Forbids and other tenants' objects are refused all the same. Not taken over by
    /// roles that extend this one. `docs/policy.md` has the whole.
    pub(crate) shadow: bool,
    /// Where the role comes from, in a few words; `can-i --why` shows it.
    pub(crate) cites: Option<String>,
}

/// Why an object may be reached although no scope covers it; in each: resource → action → field profile.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Relations {
    /// The user takes part in it (a subscriber).
    pub(crate) participant: Profiles,
    /// The user made it.
    pub(crate) creator: Profiles,
    /// Nobody is responsible for it.
    pub(crate) unassigned: Profiles,
    /// The user is in the queue that serves it.
    pub(crate) queue: Profiles,
}

/// Resource → action → field profile.
pub(crate) type Profiles = BTreeMap<Word, BTreeMap<String, Word>>;

/// Which relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Relation {
    /// The user takes part in it.
    Participant,
    /// The user made it.
    Creator,
    /// Nobody is responsible for it.
    Unassigned,
    /// The user is in the queue that serves it.
    Queue,
}

/// Other scopes at a place. Every key that is none of those below is an action, and its value the scope:
/// `view = "none"`. Of several that fit an object, the most specific counts: `account` before `channel` before
/// `stage` before `pipeline`. Of an object whose place is not known those count that give less.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["resource"]))]
pub(crate) struct Override {
    /// The resource.
    pub(crate) resource: Option<Word>,
    /// Pipeline in which the object stands.
    pub(crate) pipeline: Option<String>,
    /// Its stage: one of these. Without it: any.
    pub(crate) stage: Vec<String>,
    /// Channel of the conversation.
    pub(crate) channel: Option<String>,
    /// Account of the conversation.
    pub(crate) account: Option<String>,
    /// What becomes of the grant's scope. Default: `"replace"`.
    pub(crate) mode: Option<Mode>,
    /// Action → scope.
    #[serde(flatten)]
    pub(crate) scopes: BTreeMap<String, Scope>,
}

/// What an override does with the grant's scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// Takes its place.
    Replace,
    /// The narrower of both.
    Cap,
    /// The wider of both.
    Raise,
}

/// Field rules of a resource. A name may end in `.*`, and `"*"` is every field; the most exact name counts. A
/// field that no list has is editable.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fields {
    /// Neither seen nor written.
    pub(crate) hidden: Vec<String>,
    /// Seen and not written.
    #[serde(rename = "read-only")]
    pub(crate) read_only: Vec<String>,
    /// Seen and written.
    pub(crate) editable: Vec<String>,
}

/// A right that follows from others, or a condition on one.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "resource", "actions", "effect", "when"]))]
pub(crate) struct Rule {
    /// A name, shown as the reason. The name of a preset's rule replaces that.
    pub(crate) name: Option<Word>,
    /// Of which resource.
    pub(crate) resource: Option<Word>,
    /// Which of its actions.
    pub(crate) actions: Vec<String>,
    /// Only for objects that are reached through one of this resource: a contact on a lead's card.
    pub(crate) via: Option<Word>,
    /// Only for objects of these kinds. Without it: of any or none.
    pub(crate) kinds: Vec<String>,
    /// What it does when all of `when` holds, or for `"require"` when not.
    pub(crate) effect: Option<Effect>,
    /// With `effect = "grant"`: the field profile. Default: `"full"`.
    pub(crate) profile: Option<Word>,
    /// What must hold: all of these. Each is a table with one key.
    pub(crate) when: Vec<Condition>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effect {
    /// Allows, with the fields of `profile`.
    Grant,
    /// Allows, with the fields that the first condition `allowed` allows.
    GrantAsAllowed,
    /// Refuses unless `when` holds.
    Require,
}

macro_rules! condition {
    ($(#[$doc:meta])* $name:ident { $($any:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
        pub(crate) struct $name {
            $($any)*
            /// The action is allowed on the object, or on the one through which it is reached.
            pub(crate) allowed: Option<AllowedOn>,
            /// The right is held, whatever the object.
            pub(crate) held: Option<Held>,
            /// The user is responsible for it: `"object"` or `"via"`.
            pub(crate) responsible: Option<On>,
            /// The relation holds.
            pub(crate) related: Option<Related>,
            /// This app is installed, and the user is on its access list or nobody is.
            pub(crate) app: Option<Word>,
        }
    };
}

condition!(
    /// Something that must hold.
    Condition {
        /// One of these.
        pub(crate) any: Option<Vec<Alternative>>,
    }
);
condition!(
    /// One of several things of which one must hold.
    Alternative {}
);

/// An action that must be allowed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["action"]))]
pub(crate) struct AllowedOn {
    /// On which object. Default: `"object"`.
    pub(crate) on: Option<On>,
    /// As which resource it is looked at: the name of one, or `"kind"` for the one that is named like the
    /// object's kind. Default: with `on = "via"` the resource that it is; must be given otherwise.
    #[serde(rename = "as")]
    pub(crate) resource: Option<Word>,
    /// The action.
    pub(crate) action: Option<String>,
}

/// A right that must be held.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["resource", "action"]))]
pub(crate) struct Held {
    /// The resource.
    pub(crate) resource: Option<Word>,
    /// The action.
    pub(crate) action: Option<String>,
    /// The narrowest scope that is enough. Default: `"own"`.
    pub(crate) scope: Option<Scope>,
}

/// A relation that must hold.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["relation"]))]
pub(crate) struct Related {
    /// To which object. Default: `"object"`.
    pub(crate) on: Option<On>,
    /// Which.
    pub(crate) relation: Option<Relation>,
}

/// Which object a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum On {
    /// The one that is asked about.
    Object,
    /// The one through which it is reached.
    Via,
}

/// What nobody may. A key that is absent fits anything.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "resource"]))]
pub(crate) struct Forbid {
    /// A name, shown as the reason. The name of a preset's forbid replaces that.
    pub(crate) name: Option<Word>,
    /// The resource, or `"*"`.
    pub(crate) resource: Option<Word>,
    /// Actions.
    pub(crate) actions: Vec<String>,
    /// Only these users.
    pub(crate) users: Vec<String>,
    /// Only members of these teams.
    pub(crate) teams: Vec<String>,
    /// Pipeline of the object.
    pub(crate) pipeline: Option<String>,
    /// Its stage: one of these.
    pub(crate) stage: Vec<String>,
    /// Channel of the conversation.
    pub(crate) channel: Option<String>,
    /// Account of the conversation.
    pub(crate) account: Option<String>,
    /// The role that is acted on, where roles are administered.
    pub(crate) role: Option<RoleName>,
    /// Only these fields: they are hidden and not written, and the rest is not touched.
    pub(crate) fields: Vec<String>,
}

/// Who has a role.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["role", "to"]))]
pub(crate) struct Assign {
    /// The role.
    pub(crate) role: Option<RoleName>,
    /// To whom: `user:NAME`, `team:NAME` (its members), `team-tree:NAME` (and those of the teams below it),
    /// `trait:NAME` (whom the directory says this of, such as `first-user`) or `everyone`. The same role and
    /// the same `to` replace a preset's.
    pub(crate) to: Option<PrincipalText>,
    /// The moment from which it counts no more: `"2027-01-01T00:00:00Z"`.
    pub(crate) until: Option<Moment>,
    /// Written and not in force.
    pub(crate) draft: bool,
}

/// An app.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["installed"]))]
pub(crate) struct App {
    /// Whether it is there at all; if not, nobody may see it.
    pub(crate) installed: Option<bool>,
    /// Who may see it, written as in `assign.to`. Empty: everybody.
    pub(crate) access: Vec<PrincipalText>,
}
