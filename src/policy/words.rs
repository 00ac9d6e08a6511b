//! Objects in words: what a test, a command line or a person says of one, before it is looked up in a policy.
//!
//! As text an object is `responsible=ana,teams=sales,open`: parts in any order, lists by repetition.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{Facts, Keys, Place, Policy, RoleNo, Symbol, Via};
use crate::ids::TenantId;

/// What is said of an object. Whose it is, is not known unless it is said; where it stands, which kind and which role it
/// is: nowhere and none unless it is said, or said to be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Who is responsible.
    pub responsible: Option<String>,
    /// Nobody is responsible, and that is known.
    pub unassigned: bool,
    /// Its own teams: they count while nobody is responsible, and beside the responsible user's.
    pub own_teams: Vec<String>,
    /// The teams of the responsible user; `None`: they are to be looked up ([`Object::with_teams_of`]).
    pub teams: Option<Vec<String>>,
    /// Who takes part.
    pub participants: Vec<String>,
    /// Who made it.
    pub creator: Option<String>,
    /// The team whose queue serves it.
    pub queue: Option<String>,
    /// It is marked as available to everyone.
    pub open: bool,
    /// Its pipeline.
    pub pipeline: Option<String>,
    /// Its stage.
    pub stage: Option<String>,
    /// Its channel.
    pub channel: Option<String>,
    /// Its account.
    pub account: Option<String>,
    /// A finer kind.
    pub kind: Option<String>,
    /// The role that is acted on.
    pub role: Option<String>,
    /// What cannot be told of it: it may be what a forbid, a condition or an override names.
    pub unknown: BTreeSet<Part>,
    /// The resource and object through which it is reached.
    pub via: Option<Box<(String, Object)>>,
}

/// What an object is known to have or not to have, or what is not known.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Its pipeline.
    Pipeline,
    /// Its stage.
    Stage,
    /// Its channel.
    Channel,
    /// Its account.
    Account,
    /// Its kind.
    Kind,
    /// The role that is acted on.
    Role,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] =
        [Self::Pipeline, Self::Stage, Self::Channel, Self::Account, Self::Kind, Self::Role];

    /// As it is written.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Stage => "stage",
            Self::Channel => "channel",
            Self::Account => "account",
            Self::Kind => "kind",
            Self::Role => "role",
        }
    }
}

impl FromStr for Part {
    type Err = NoObject;

    fn from_str(text: &str) -> Result<Self, NoObject> {
        let found = Self::ALL.into_iter().find(|part| part.label() == text);
        found.ok_or_else(|| NoObject::Unknown(text.to_owned()))
    }
}

/// A text that is no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoObject {
    /// There is no such part.
    #[error("`{0}` is nothing that can be said of an object")]
    Part(String),
    /// The part needs a value.
    #[error("`{0}` needs a value: `{0}=…`")]
    Value(String),
    /// It cannot be unknown.
    #[error("`{0}` is nothing that can be unknown: pipeline, stage, channel, account, kind, role")]
    Unknown(String),
}

impl Object {
    /// Reads `responsible=ana,team=sales,participant=ben,open`.
    ///
    /// # Errors
    /// If a part is none that an object has, or lacks its value.
    pub fn read(text: &str) -> Result<Self, NoObject> {
        let mut object = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            object.say(part)?;
        }
        Ok(object)
    }

    fn say(&mut self, part: &str) -> Result<(), NoObject> {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "unassigned" => self.unassigned = true,
            "open" => self.open = true,
            "responsible" | "team" | "teams" | "participant" | "participants" | "creator" | "queue"
            | "pipeline" | "stage" | "channel" | "account" | "kind" | "role" | "unknown"
                if value.is_empty() =>
            {
                return Err(NoObject::Value(key.to_owned()));
            }
            "responsible" => self.responsible = Some(value.to_owned()),
            "team" => self.own_teams.push(value.to_owned()),
            "teams" => self.teams.get_or_insert_default().push(value.to_owned()),
            "participant" | "participants" => self.participants.push(value.to_owned()),
            "creator" => self.creator = Some(value.to_owned()),
            "queue" => self.queue = Some(value.to_owned()),
            "pipeline" => self.pipeline = Some(value.to_owned()),
            "stage" => self.stage = Some(value.to_owned()),
            "channel" => self.channel = Some(value.to_owned()),
            "account" => self.account = Some(value.to_owned()),
            "kind" => self.kind = Some(value.to_owned()),
            "role" => self.role = Some(value.to_owned()),
            "unknown" => {
                self.unknown.insert(value.parse()?);
            }
            other => return Err(NoObject::Part(other.to_owned())),
        }
        Ok(())
    }

    /// The same with the teams of the responsible user, who count beside its own (`G3`), where they are not said; and so
    /// what it is reached through.
    #[must_use]
    pub fn with_teams_of(self, teams_of: &dyn Fn(&str) -> Vec<String>) -> Self {
        let teams = self.teams.or_else(|| self.responsible.as_deref().map(teams_of));
        let via = self.via.map(|via| {
            let (resource, outer) = *via;
            Box::new((resource, outer.with_teams_of(teams_of)))
        });
        Self { teams, via, ..self }
    }

    /// The facts of the object, for as long as `then` needs them. Through a resource that the policy does
    /// not have nothing is reached.
    pub fn with_facts<T>(&self, lexicon: Lexicon<'_>, then: &mut dyn FnMut(&Facts<'_>) -> T) -> T {
        let Lexicon { tenant, policy, keys } = lexicon;
        let user = |name: &String| keys.user(tenant, name);
        let team = |name: &String| keys.team(tenant, name);
        // What is not said of such an object is not there, unless that is not known.
        let is_known = |part: Part| !self.unknown.contains(&part);
        let symbol = |name: &Option<String>, part: Part| match name {
            Some(name) => Some(policy.symbol(name)),
            None => is_known(part).then_some(Symbol::OTHER),
        };
        let role = self.role.as_deref().map(|role| policy.role(role).unwrap_or(RoleNo::OTHER));
        // Of somebody who is not there no team counts.
        let theirs = self.teams.iter().flatten().filter(|_| self.responsible.is_some());
        let teams: Vec<_> = self.own_teams.iter().chain(theirs).filter_map(team).collect();
        let participants: Vec<_> = self.participants.iter().filter_map(user).collect();
        let facts = Facts {
            tenant: keys.tenant(tenant),
            responsible: self.responsible.as_ref().and_then(user),
            unassigned: self.unassigned,
            teams: &teams,
            own_team: !self.own_teams.is_empty(),
            participants: &participants,
            creator: self.creator.as_ref().and_then(user),
            queue: self.queue.as_ref().and_then(team),
            open: self.open,
            place: Place {
                pipeline: symbol(&self.pipeline, Part::Pipeline),
                stage: symbol(&self.stage, Part::Stage),
                channel: symbol(&self.channel, Part::Channel),
                account: symbol(&self.account, Part::Account),
            },
            kind: symbol(&self.kind, Part::Kind),
            role: role.or_else(|| is_known(Part::Role).then_some(RoleNo::OTHER)),
            via: None,
        };
        let via = self.via.as_deref();
        match via.and_then(|(resource, outer)| Some((policy.resource(resource)?, outer))) {
            None => then(&facts),
            Some((resource, outer)) => outer.with_facts(lexicon, &mut |outer| {
                let via = Via { resource, facts: *outer };
                then(&Facts { via: Some(&via), ..facts })
            }),
        }
    }
}

/// What turns names into a decision's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Lexicon<'a> {
    /// Whose names they are.
    pub tenant: &'a TenantId,
    /// The policy.
    pub policy: &'a Policy,
    /// The keys with which it was compiled.
    pub keys: &'a Keys,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |name: &'static str, set: bool| set.then(|| name.to_owned());
        let one = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
        let parts = [one("responsible", &self.responsible), flag("unassigned", self.unassigned)]
            .into_iter()
            .flatten()
            .chain(self.own_teams.iter().map(|name| format!("team={name}")))
            .chain(self.teams.iter().flatten().map(|name| format!("teams={name}")))
            .chain(self.participants.iter().map(|name| format!("participant={name}")))
            .chain(one("creator", &self.creator))
            .chain(one("queue", &self.queue))
            .chain(flag("open", self.open))
            .chain(one("pipeline", &self.pipeline))
            .chain(one("stage", &self.stage))
            .chain(one("channel", &self.channel))
            .chain(one("account", &self.account))
            .chain(one("kind", &self.kind))
            .chain(one("role", &self.role))
            .chain(self.unknown.iter().map(|part| format!("unknown={}", part.label())));
        let parts: Vec<_> = parts.collect();
        f.write_str(&if parts.is_empty() { "nothing known".to_owned() } else { parts.join(",") })?;
        match self.via.as_deref() {
            Some((resource, outer)) => write!(f, " via {resource}:{outer}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_it_is_written() {
        let text = "responsible=ana,team=sales,teams=support,participant=ben,participant=cem,open,stage=legal,unknown=kind";
        let object = Object::read(text).unwrap();
        assert_eq!(object.participants, ["ben", "cem"]);
        assert_eq!((object.own_teams.as_slice(), object.open), (&["sales".to_owned()][..], true));
        assert_eq!(object.to_string(), text);
        assert_eq!(Object::default().to_string(), "nothing known");
    }

    #[test]
    fn teams_are_looked_up_where_they_are_not_said() {
        let teams_of = |user: &str| vec![format!("team of {user}")];
        let teams = |text: &str| Object::read(text).unwrap().with_teams_of(&teams_of).teams;
        assert_eq!(teams("responsible=ana,team=sales"), Some(vec!["team of ana".to_owned()]));
        assert_eq!(teams("responsible=ana,teams=sales"), Some(vec!["sales".to_owned()]));
        assert_eq!(teams("unassigned,team=sales"), None);
    }

    #[test]
    fn what_no_object_has_is_refused() {
        assert_eq!(Object::read("owner=ana"), Err(NoObject::Part("owner".to_owned())));
        assert_eq!(Object::read("responsible"), Err(NoObject::Value("responsible".to_owned())));
        assert_eq!(Object::read("unknown=team"), Err(NoObject::Unknown("team".to_owned())));
    }
}
