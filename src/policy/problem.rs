//! Why a source does not compile.

use std::fmt;

/// A mistake in a [`super::Source`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", .at.join("."))]
pub struct Problem {
    /// Where: names and positions in the order of [`super::Source`]'s own words, as in `role`,
    /// `sales-junior`, `grants`, `lead`, `veiw`, or `rule`, `chat-in-card`, `conditions`, `0`. The first is
    /// one of `resource`, `alias`, `profile`, `every_role`, `role`, `rule`, `forbid`, `secret`, `need`,
    /// `assignment`, `app`. Roles, rules, forbids and apps go by name, assignments and the
    /// layers of `every_role` by position.
    pub at: Vec<String>,
    /// What.
    pub what: ProblemKind,
}

/// What is wrong with a [`super::Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// A name that is not declared.
    Unknown {
        /// What it should name.
        what: Noun,
        /// The name.
        name: String,
        /// Names that look like it, nearest first.
        near: Vec<String>,
    },
    /// The action is not one of this resource's.
    UnknownAction {
        /// The resource.
        resource: String,
        /// The action.
        action: String,
        /// Actions of the resource that look like it.
        near: Vec<String>,
    },
    /// The same thing twice, or a built-in name.
    Duplicate(Noun, String),
    /// Roles that extend each other, in a circle.
    ExtendsCycle(Vec<String>),
    /// What every role has begins with a role.
    EveryRoleExtends,
    /// A role that is in force begins with one that is not.
    ExtendsDraft(String),
    /// A profile says nothing of a resource for which it is used.
    ProfileWithout {
        /// The profile.
        profile: String,
        /// The resource.
        resource: String,
    },
    /// An override, without pipeline, stage, channel and account.
    NoPlace,
    /// An override or rule that does nothing.
    Empty(&'static str),
    /// `*` where a single name is needed; leaving the part out means any.
    Wildcard,
    /// `*` inside a name, other than as `name.*`.
    Pattern(String),
    /// A field in two lists that contradict each other.
    Contradiction {
        /// The field.
        field: String,
        /// Both lists.
        lists: [&'static str; 2],
    },
    /// Rules whose conditions ask each other, in a circle; rights as `resource.action`.
    RuleCycle(Vec<String>),
    /// More conditions that ask conditions than [`super::RULE_DEPTH_MAX`].
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The effect takes its fields from a condition `Allowed`, and the rule has none, or another rule could
    /// answer differently.
    AsAllowed(AsAllowed),
    /// [`super::source::Of::Via`] asks about the object itself.
    ViaOfObject,
    /// More than a table holds.
    TooMany {
        /// Of what.
        what: Noun,
        /// The limit.
        limit: usize,
    },
}

/// What is wrong with a rule of effect [`super::source::Effect::GrantAsAllowed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsAllowed {
    /// No condition of kind `Allowed` stands directly among its conditions.
    NoCondition,
    /// Another rule with this effect can hold for the same object.
    Ambiguous,
    /// The right that it asks has a rule with this effect itself.
    Chained,
}

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// A resource.
    Resource,
    /// An action.
    Action,
    /// A role.
    Role,
    /// A field.
    Field,
    /// A field profile.
    Profile,
    /// A rule.
    Rule,
    /// A forbid.
    Forbid,
    /// A forbid with fields, or a forbid of a right that a field needs.
    FieldForbid,
    /// An app.
    App,
    /// A name of a pipeline, stage, channel, account or kind.
    Symbol,
    /// A pair of resource and action.
    Right,
}

impl Noun {
    const fn label(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Action => "action",
            Self::Role => "role",
            Self::Field => "field",
            Self::Profile => "field profile",
            Self::Rule => "rule",
            Self::Forbid => "forbid",
            Self::FieldForbid => "forbid with fields",
            Self::App => "app",
            Self::Symbol => "name of a pipeline, stage, channel, account or kind",
            Self::Right => "pair of resource and action",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { what, name, near } => {
                write!(f, "there is no {} `{name}`{}", what.label(), did_you_mean(near))
            }
            Self::UnknownAction { resource, action, near } => {
                write!(f, "`{resource}` has no action `{action}`{}", did_you_mean(near))
            }
            Self::Duplicate(what, name) => write!(f, "the {} `{name}` is there twice", what.label()),
            Self::ExtendsCycle(roles) => write!(f, "roles extend each other: {}", chain(roles)),
            Self::EveryRoleExtends => f.write_str("what every role has cannot begin with a role"),
            Self::ExtendsDraft(role) => write!(f, "the role `{role}` is a draft and grants nothing yet"),
            Self::ProfileWithout { profile, resource } => {
                write!(f, "the field profile `{profile}` says nothing of `{resource}`")
            }
            Self::NoPlace => {
                f.write_str("an override needs a place: a pipeline, a stage, a channel or an account")
            }
            Self::Empty(what) => write!(f, "it has no {what} and so does nothing"),
            Self::Wildcard => f.write_str("`*` is not a name here; leave it out to mean any"),
            Self::Pattern(name) => {
                write!(f, "`{name}` is no pattern: only `*` and a name with `.*` at its end are")
            }
            Self::Contradiction { field, lists: [one, other] } => {
                write!(f, "the field `{field}` is both {one} and {other}")
            }
            Self::RuleCycle(rights) => write!(f, "conditions ask each other: {}", chain(rights)),
            Self::TooDeep { limit } => {
                write!(f, "conditions ask conditions more than {limit} times in a row")
            }
            Self::AsAllowed(AsAllowed::NoCondition) => {
                f.write_str("fields as allowed need a condition that something is allowed")
            }
            Self::AsAllowed(AsAllowed::Ambiguous) => {
                f.write_str("another rule gives fields as allowed for the same objects")
            }
            Self::AsAllowed(AsAllowed::Chained) => {
                f.write_str("the right that it asks has its own fields as allowed elsewhere")
            }
            Self::ViaOfObject => {
                f.write_str("only the object through which another is reached can be asked as what it is")
            }
            Self::TooMany { what, limit } => {
                write!(f, "there are more than {limit} of a kind: {}", what.label())
            }
        }
    }
}

fn chain(names: &[String]) -> String {
    names.iter().chain(names.first()).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ")
}

fn did_you_mean(near: &[String]) -> String {
    match near.first() {
        Some(name) => format!(" (did you mean `{name}`?)"),
        None => String::new(),
    }
}

/// The longest name, in bytes, for which others are looked for: comparing takes time and memory with the product of the
/// lengths.
const COMPARED_BYTES_MAX: usize = 128;

/// Names that look like `name`, nearest first, at most three.
pub(super) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    if name.len() > COMPARED_BYTES_MAX {
        return Vec::new();
    }
    let word = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = names
        .filter(|other| other.len() <= COMPARED_BYTES_MAX)
        .map(|other| (strsim::damerau_levenshtein(&word, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= (other.chars().count() / 3).max(1))
        .collect();
    found.sort_unstable();
    found.into_iter().take(3).map(|(_, other)| other.to_owned()).collect()
}
