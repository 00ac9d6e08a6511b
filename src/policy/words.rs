//! Objects in words: what a test, a command line or a person says of one, before it is looked up in a policy.
//!
//! As text an object is `responsible=ana,teams=sales,open`: parts in any order, lists by repetition.

use std::fmt;

use super::{Facts, Keys, Place, Policy, RoleNo, Symbol, Via};
use crate::ids::TenantId;

/// What is said of an object. Whose it is, is not known unless it is said; where it stands, which kind and which role it
/// is: nowhere and none unless it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Who is responsible.
    pub responsible: Option<String>,
    /// Nobody is responsible, and that is known.
    pub unassigned: bool,
    /// Teams of the responsible user, or with [`Object::own_team`] the object's own.
    pub teams: Vec<String>,
    /// The teams are the object's own: they count while nobody is responsible.
    pub own_team: bool,
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
    /// The resource and object through which it is reached.
    pub via: Option<Box<(String, Object)>>,
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
            | "pipeline" | "stage" | "channel" | "account" | "kind" | "role"
                if value.is_empty() =>
            {
                return Err(NoObject::Value(key.to_owned()));
            }
            "responsible" => self.responsible = Some(value.to_owned()),
            "team" => {
                self.teams.push(value.to_owned());
                self.own_team = true;
            }
            "teams" => self.teams.push(value.to_owned()),
            "participant" | "participants" => self.participants.push(value.to_owned()),
            "creator" => self.creator = Some(value.to_owned()),
            "queue" => self.queue = Some(value.to_owned()),
            "pipeline" => self.pipeline = Some(value.to_owned()),
            "stage" => self.stage = Some(value.to_owned()),
            "channel" => self.channel = Some(value.to_owned()),
            "account" => self.account = Some(value.to_owned()),
            "kind" => self.kind = Some(value.to_owned()),
            "role" => self.role = Some(value.to_owned()),
            other => return Err(NoObject::Part(other.to_owned())),
        }
        Ok(())
    }

    /// The facts of the object, for as long as `then` needs them. Through a resource that the policy does
    /// not have nothing is reached.
    pub fn with_facts<T>(&self, lexicon: Lexicon<'_>, then: &mut dyn FnMut(&Facts<'_>) -> T) -> T {
        let Lexicon { tenant, policy, keys } = lexicon;
        let user = |name: &String| keys.user(tenant, name);
        let team = |name: &String| keys.team(tenant, name);
        // What is not said of such an object is not there.
        let symbol =
            |name: &Option<String>| Some(name.as_deref().map_or(Symbol::OTHER, |name| policy.symbol(name)));
        let teams: Vec<_> = self.teams.iter().filter_map(team).collect();
        let participants: Vec<_> = self.participants.iter().filter_map(user).collect();
        let facts = Facts {
            tenant: keys.tenant(tenant),
            responsible: self.responsible.as_ref().and_then(user),
            unassigned: self.unassigned,
            teams: &teams,
            own_team: self.own_team,
            participants: &participants,
            creator: self.creator.as_ref().and_then(user),
            queue: self.queue.as_ref().and_then(team),
            open: self.open,
            place: Place {
                pipeline: symbol(&self.pipeline),
                stage: symbol(&self.stage),
                channel: symbol(&self.channel),
                account: symbol(&self.account),
            },
            kind: symbol(&self.kind),
            role: Some(self.role.as_deref().and_then(|role| policy.role(role)).unwrap_or(RoleNo::OTHER)),
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
        let team = if self.own_team { "team" } else { "teams" };
        let parts = [one("responsible", &self.responsible), flag("unassigned", self.unassigned)]
            .into_iter()
            .flatten()
            .chain(self.teams.iter().map(|name| format!("{team}={name}")))
            .chain(self.participants.iter().map(|name| format!("participant={name}")))
            .chain(one("creator", &self.creator))
            .chain(one("queue", &self.queue))
            .chain(flag("open", self.open))
            .chain(one("pipeline", &self.pipeline))
            .chain(one("stage", &self.stage))
            .chain(one("channel", &self.channel))
            .chain(one("account", &self.account))
            .chain(one("kind", &self.kind))
            .chain(one("role", &self.role));
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
        let text = "responsible=ana,team=sales,participant=ben,participant=cem,open,stage=legal";
        let object = Object::read(text).unwrap();
        assert_eq!(object.participants, ["ben", "cem"]);
        assert!(object.own_team && object.open);
        assert_eq!(object.to_string(), text);
        assert_eq!(Object::default().to_string(), "nothing known");
    }

    #[test]
    fn what_no_object_has_is_refused() {
        assert_eq!(Object::read("owner=ana"), Err(NoObject::Part("owner".to_owned())));
        assert_eq!(Object::read("responsible"), Err(NoObject::Value("responsible".to_owned())));
    }
}
