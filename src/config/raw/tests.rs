//! `tests.toml`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RoleName, Who, Word};
use crate::{config::text::Moment, policy::words::Part};

/// Questions to the policy and the answers that it must give. They are asked at every load: a configuration
/// that answers otherwise does not load.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "tests.toml")]
pub(crate) struct Tests {
    /// The questions, by name: `[case.NAME]`. The name says what is expected, in a few words.
    pub(crate) case: BTreeMap<Word, Case>,
}

/// A question and its answer.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["user", "resource", "action", "expect"]))]
pub(crate) struct Case {
    /// Who asks.
    pub(crate) user: Option<Who>,
    /// The roles of the user; `assign` in `roles.toml` adds to them. Default: those that the directory gives.
    pub(crate) roles: Option<Vec<RoleName>>,
    /// The teams of the user. Default: those of the directory.
    pub(crate) teams: Option<Vec<Who>>,
    /// What else the directory says of the user: `["first-user"]`.
    pub(crate) traits: Vec<String>,
    /// Teams whose queue the user is in. Default: those of the user's teams that have a strategy in `assignment.toml`,
    /// unless the user is away.
    pub(crate) queues: Option<Vec<Who>>,
    /// When it is asked: what `assign` in `roles.toml` gives `until` then. Default: when all that ends has ended, so that a
    /// file that is right today is right tomorrow.
    pub(crate) at: Option<Moment>,
    /// Which resource.
    pub(crate) resource: Option<Word>,
    /// Which action.
    pub(crate) action: Option<String>,
    /// What is known of the object; `{}` is an object of which nothing is known. Without it the question is about the
    /// resource as such: a menu, a page, creating.
    pub(crate) object: Option<Object>,
    /// Fields that the object has and the answer must show.
    pub(crate) fields: Vec<String>,
    /// Fields that are written.
    pub(crate) writes: Vec<String>,
    /// The answer.
    pub(crate) expect: Option<Expect>,
    /// With `allow-redacted`: fields that the answer must show.
    pub(crate) visible: Vec<String>,
    /// With `allow-redacted`: fields that the answer must not show.
    pub(crate) hidden: Vec<String>,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expect {
    /// Allowed, and every one of `fields` is shown and every one of `writes` written.
    Allow,
    /// Allowed; each of `visible` is shown, none of `hidden` is.
    AllowRedacted,
    /// Refused as a whole.
    Deny,
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name {
            $($own)*
            /// The user responsible for it.
            pub(crate) responsible: Option<Who>,
            /// Nobody is responsible for it. Without this and `responsible` it is not known who is.
            pub(crate) unassigned: bool,
            /// Its own team. It counts beside those of the responsible user, and while nobody is responsible.
            pub(crate) team: Option<Who>,
            /// Teams of the responsible user. Default: those of the directory.
            pub(crate) teams: Option<Vec<Who>>,
            /// The team whose queue serves it. That of a conversation which is known by its tag is its own team.
            pub(crate) queue: Option<Who>,
            /// Users who take part in it.
            pub(crate) participants: Vec<Who>,
            /// The user who made it.
            pub(crate) creator: Option<Who>,
            /// It is marked as available to everyone.
            pub(crate) open: bool,
            /// Its pipeline.
            pub(crate) pipeline: Option<String>,
            /// Its stage.
            pub(crate) stage: Option<String>,
            /// The conversation's channel.
            pub(crate) channel: Option<String>,
            /// The conversation's account.
            pub(crate) account: Option<String>,
            /// A finer kind.
            pub(crate) kind: Option<String>,
            /// The role that is acted on.
            pub(crate) role: Option<RoleName>,
            /// What cannot be told of it: it may be what a forbid, a condition or an override names. What is neither here
            /// nor said is known to be none.
            pub(crate) unknown: BTreeSet<Part>,
        }

        impl $name {
            pub(crate) fn of(&self) -> OfObject<'_> {
                OfObject {
                    responsible: self.responsible.as_ref(),
                    unassigned: self.unassigned,
                    team: self.team.as_ref(),
                    teams: self.teams.as_deref(),
                    queue: self.queue.as_ref(),
                    participants: &self.participants,
                    creator: self.creator.as_ref(),
                    open: self.open,
                    pipeline: &self.pipeline,
                    stage: &self.stage,
                    channel: &self.channel,
                    account: &self.account,
                    kind: &self.kind,
                    role: self.role.as_ref(),
                    unknown: &self.unknown,
                }
            }
        }
    };
}

/// What both kinds of objects have.
#[derive(Debug)]
pub(crate) struct OfObject<'a> {
    pub(crate) responsible: Option<&'a Who>,
    pub(crate) unassigned: bool,
    pub(crate) team: Option<&'a Who>,
    pub(crate) teams: Option<&'a [Who]>,
    pub(crate) queue: Option<&'a Who>,
    pub(crate) participants: &'a [Who],
    pub(crate) creator: Option<&'a Who>,
    pub(crate) open: bool,
    pub(crate) pipeline: &'a Option<String>,
    pub(crate) stage: &'a Option<String>,
    pub(crate) channel: &'a Option<String>,
    pub(crate) account: &'a Option<String>,
    pub(crate) kind: &'a Option<String>,
    pub(crate) role: Option<&'a RoleName>,
    pub(crate) unknown: &'a BTreeSet<Part>,
}

object!(
    /// What is known of an object.
    Object {
        /// The object through which it is reached.
        pub(crate) via: Option<Via>,
    }
);
object!(
    /// The object through which another is reached.
    Via {
        /// What it is.
        pub(crate) resource: Option<Word>,
    }
);
