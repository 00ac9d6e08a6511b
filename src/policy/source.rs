//! A policy as it is written: names, before they are checked against each other and compiled.
//!
//! `config` makes a [`Source`] from `roles.toml` and the presets that it names; [`super::Policy::compile`]
//! turns it into tables. Everything is in the order in which it was written, and no order matters to a
//! decision.
//!
//! The words: a **grant** gives a role a scope for (resource, action). An **override** changes that scope
//! for objects at a place (pipeline, stage, channel, account). A **relation** lets a role reach an object
//! for another reason than its scope, with a field profile. A **rule** derives one right from others, for
//! all roles alike. A **forbid** beats everything.

use std::collections::BTreeMap;

use super::Scope;

/// `"*"` in place of a resource, an action or a field: all that are declared.
pub const ANY: &str = "*";

/// A tenant's whole policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Resources and their actions. What is not here is unknown, and refused (`G1`).
    pub resources: BTreeMap<String, Vec<String>>,
    /// Other names of resources: `deal` → `lead` (`KR17`), `campaign` → `broadcast` (`TR9`).
    pub aliases: BTreeMap<String, String>,
    /// How several roles become one answer.
    pub combine: Combine,
    /// Whether a relation opens an object although an override of the same role closed it (`K2`; `false` is
    /// `K3`).
    pub relations_beat_overrides: bool,
    /// Field profiles: name → resource → the fields that are seen. `full` is built in: every field.
    pub profiles: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// What every role begins with, in layers from first to last: what one says of a (resource, action), field or
    /// place replaces what those before it say, as in [`Role::extends`].
    pub every_role: Vec<Role>,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Rights that follow from other rights, and conditions on rights.
    pub rules: Vec<Rule>,
    /// What nobody may, whatever was granted.
    pub forbids: Vec<Forbid>,
    /// Fields that are returned only to who may edit that very field (`G9`), by resource.
    pub secrets: BTreeMap<String, Vec<String>>,
    /// Fields that are returned only to who holds another right (as [`Condition::Held`]): resource → field → (resource, action);
    /// `message.attachments` needs `media.view` (`KR6`).
    pub needs: BTreeMap<String, BTreeMap<String, (String, String)>>,
    /// Who has which role.
    pub assignments: Vec<Assignment>,
    /// Apps and who may see them.
    pub apps: BTreeMap<String, App>,
}

/// How several roles become one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// Each role's grant after its override; the widest counts (`G2`, `KR14`).
    #[default]
    Max,
    /// If any role has an override for the place, the widest of the overrides alone; else the widest grant
    /// (`BP8`).
    SpecificThenMax,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// Roles whose grants, overrides, fields and relations this one begins with, first to last. What this
    /// role says of a (resource, action), field or place replaces what it begins with, whether by name or by
    /// [`ANY`]: `"*" = { export = "none" }` also takes away a `lead.export` that it begins with. What every
    /// role has ([`Source::every_role`]) comes before the first. Of an override each (resource, action) at
    /// each of its stages is a place of its own.
    pub extends: Vec<String>,
    /// Resource (or [`ANY`]) → action (or [`ANY`]) → scope. Within one role the more exact name wins: a
    /// single resource first, then a single action.
    pub grants: BTreeMap<String, BTreeMap<String, Scope>>,
    /// Changes of scopes at places.
    pub overrides: Vec<Override>,
    /// Field rules by resource.
    pub fields: BTreeMap<String, Fields>,
    /// Relation → resource → action → field profile; as in grants, [`ANY`] is allowed and the more exact name
    /// wins.
    pub relations: BTreeMap<Relation, BTreeMap<String, BTreeMap<String, String>>>,
    /// Written and not in force (`BR6`).
    pub draft: bool,
    /// What it would refuse is told, and passes ([`Actor::opened`](super::Actor::opened)). Of this role alone, not
    /// of those that extend it.
    pub shadow: bool,
    /// The rules of `docs/permission-rules.md` or the operator's words that the role comes from; shown by `--why`.
    pub cites: Option<String>,
}

/// A change of a role's scopes for objects at a place. Absent parts match any object; where a part that is there
/// is not known of an object, the change counts if it gives less, and not if it gives more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Override {
    /// The resource, or [`ANY`].
    pub resource: String,
    /// Pipeline of the object.
    pub pipeline: Option<String>,
    /// Its stage: one of these.
    pub stage: Vec<String>,
    /// Channel of the conversation.
    pub channel: Option<String>,
    /// Account of the conversation.
    pub account: Option<String>,
    /// What it does with the grant's scope.
    pub mode: Mode,
    /// Action (or [`ANY`]) → scope.
    pub scopes: BTreeMap<String, Scope>,
}

/// What an override does with the grant's scope.
///
/// Among the overrides of one role that match, the most specific counts: `account` before `channel` before
/// `stage` before `pipeline`. Of two alike the narrower scope counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Takes its place.
    #[default]
    Replace,
    /// The narrower of both.
    Cap,
    /// The wider of both.
    Raise,
}

/// Field rules of one resource. A name may end in `.*` or be [`ANY`]; the most exact name counts, and of
/// two alike the stricter list. A field that no list has is editable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Neither seen nor written.
    pub hidden: Vec<String>,
    /// Seen and not written.
    pub read_only: Vec<String>,
    /// Seen and written.
    pub editable: Vec<String>,
}

/// Why an object may be reached although no scope covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The actor takes part in it (a subscriber).
    Participant,
    /// The actor made it.
    Creator,
    /// Nobody is responsible for it.
    Unassigned,
    /// The actor is in the queue that serves it (`BP11`).
    Queue,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 4] = [Self::Participant, Self::Creator, Self::Unassigned, Self::Queue];

    /// As it is written in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Participant => "participant",
            Self::Creator => "creator",
            Self::Unassigned => "unassigned",
            Self::Queue => "queue",
        }
    }
}

/// A right that follows from others, or a condition on one; the same for all roles.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// A stable name, shown as the reason.
    pub name: String,
    /// Of which resource.
    pub resource: String,
    /// Which of its actions.
    pub actions: Vec<String>,
    /// Only for objects that are reached through an object of this resource.
    pub via: Option<String>,
    /// Only for objects of these kinds, a resource standing for its aliases too; empty: of any or none.
    pub kinds: Vec<String>,
    /// What it does.
    pub effect: Effect,
    /// What must hold: all of these.
    pub conditions: Vec<Condition>,
}

/// What a rule does when it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows, with the fields of this profile.
    Grant {
        /// The profile.
        profile: String,
    },
    /// Allows, with the fields that the first condition of kind [`Condition::Allowed`] allows. For one object
    /// there is at most one such rule.
    GrantAsAllowed,
    /// Refuses unless its conditions hold.
    Require,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One of these.
    Any(Vec<Condition>),
    /// The action is allowed on this object, or on the one it is reached through.
    Allowed {
        /// On which object.
        on: On,
        /// As which resource.
        resource: Of,
        /// The action.
        action: String,
    },
    /// The right is held with at least this scope, whatever the object: some role grants it, and no forbid
    /// denies it whatever the object.
    Held {
        /// The resource.
        resource: String,
        /// The action.
        action: String,
        /// The narrowest scope that is enough.
        scope: Scope,
    },
    /// The actor is responsible for the object.
    Responsible(On),
    /// The relation holds.
    Related(On, Relation),
    /// The app is installed, and on its access list is nobody or the actor (`B3` to `B5`).
    App(String),
}

/// Which object a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The object that is asked about.
    Object,
    /// The one through which it is reached.
    Via,
}

/// As which resource a condition looks at an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// As this one.
    Resource(String),
    /// As the resource that is named like the object's kind.
    Kind,
    /// As the resource through which it is reached (only with [`On::Via`]).
    Via,
}

/// What nobody may. Empty lists and absent parts match anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forbid {
    /// A stable name, shown as the reason.
    pub name: String,
    /// Resource, or [`ANY`].
    pub resource: String,
    /// Actions.
    pub actions: Vec<String>,
    /// Users.
    pub users: Vec<String>,
    /// Teams of the actor.
    pub teams: Vec<String>,
    /// Pipeline of the object.
    pub pipeline: Option<String>,
    /// Its stage: one of these.
    pub stage: Vec<String>,
    /// Channel of the conversation.
    pub channel: Option<String>,
    /// Account of the conversation.
    pub account: Option<String>,
    /// The role that is acted on (`KP9`).
    pub role: Option<String>,
    /// Only these fields: they are hidden and not written, and the rest is not touched (`KR12`).
    pub fields: Vec<String>,
}

/// Who has a role, until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The role.
    pub role: String,
    /// To whom.
    pub to: Principal,
    /// The moment from which it counts no more.
    pub until: Option<crate::ids::Timestamp>,
    /// Written and not in force (`B10`).
    pub draft: bool,
}

/// Somebody, or all of a kind: `user:ana`, `team:sales`, `team-tree:sales`, `trait:first-user`, `everyone`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A user.
    User(String),
    /// The members of a team.
    Team(String),
    /// The members of a team and of those below it.
    TeamTree(String),
    /// Users whom the directory says this of (`K10`: the first user of an account).
    Trait(String),
    /// Every active user.
    Everyone,
}

/// An app and who may see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct App {
    /// Whether it is there at all (`BR8`).
    pub installed: bool,
    /// Who may see it; empty: everybody (`B5`).
    pub access: Vec<Principal>,
}
