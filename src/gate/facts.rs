//! What is known of an object, read from a tag or from JSON, and turned into a decision's facts.

use std::collections::BTreeMap;

use serde_json::Value;
use smallvec::SmallVec;

use crate::{
    channel::Channel,
    config::routes::Entity,
    ids::{AccountId, TenantId},
    policy::{Facts, Keys, Place, Policy, ResourceNo, RoleNo, Symbol, TeamKey, TenantKey, UserKey, Via},
    tag::Tag,
};

/// Most participants that are read: more than any backend shows of one object.
const PARTICIPANTS_MAX: usize = 1000;

/// What is known of an object, by name. What is `None` or empty is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Who is responsible: `Some(None)` if it is known that nobody is.
    pub responsible: Option<Option<String>>,
    /// Its own team.
    pub team: Option<String>,
    /// Who takes part.
    pub participants: Vec<String>,
    /// Who made it.
    pub creator: Option<String>,
    /// The team whose queue serves it.
    pub queue: Option<String>,
    /// It is available to everyone.
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
    /// The role that it is.
    pub role: Option<String>,
    /// The object through which it is reached: its resource, and what is known of it.
    pub via: Option<(String, Box<Self>)>,
}

/// JSON that is not the object that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not the object that was asked for")]
pub struct OtherObject;

impl Known {
    /// What a tag says. A tag without a responsible user is known to have none.
    #[must_use]
    pub fn of_tag(tag: &Tag, channels: &BTreeMap<AccountId, Channel>) -> Self {
        let (pipeline, stage) = tag.stage.as_deref().and_then(|stage| stage.split_once('/')).unzip();
        Self {
            responsible: Some(tag.responsible.as_ref().map(ToString::to_string)),
            team: tag.team.as_ref().map(ToString::to_string),
            participants: tag.participants.iter().map(ToString::to_string).collect(),
            pipeline: pipeline.map(str::to_owned),
            stage: stage.map(str::to_owned),
            channel: channels.get(&tag.account).map(|channel| channel.as_str().to_owned()),
            account: Some(tag.account.to_string()),
            ..Self::default()
        }
    }

    /// What is known of an object that is being made: whose it will be, and who makes it.
    #[must_use]
    pub fn made(responsible: Option<&str>, team: Option<&str>, creator: &str) -> Self {
        Self {
            responsible: Some(responsible.map(str::to_owned)),
            team: team.map(str::to_owned),
            creator: Some(creator.to_owned()),
            ..Self::default()
        }
    }

    /// What an object's JSON says. `id` is the object's by the path that was asked for.
    ///
    /// # Errors
    /// If the object is not there, or has another id.
    pub fn of_json(answer: &Value, entity: &Entity, id: &str) -> Result<Self, OtherObject> {
        let object = answer.pointer(&entity.at).filter(|object| object.is_object()).ok_or(OtherObject)?;
        if let Some(pointer) = &entity.id
            && object.pointer(pointer).and_then(name).as_deref() != Some(id)
        {
            return Err(OtherObject);
        }
        let via = entity.via.as_ref().map(|(resource, entity)| {
            // Where it is not, nothing is known of it: it is reached through something all the same.
            let outer = object.pointer(&entity.at).map(|outer| Self::read(outer, entity));
            (resource.clone(), Box::new(outer.unwrap_or_default()))
        });
        Ok(Self { via, ..Self::read(object, entity) })
    }

    /// An object's own facts.
    fn read(object: &Value, entity: &Entity) -> Self {
        let at = |pointer: &Option<String>| pointer.as_ref().and_then(|pointer| object.pointer(pointer));
        let named = |pointer| at(pointer).and_then(name);
        let responsible = match at(&entity.responsible) {
            Some(Value::Null) => Some(None),
            Some(value) => name(value).map(Some),
            None => None,
        };
        let participants = at(&entity.participants).and_then(Value::as_array).into_iter().flatten();
        let participants = participants.filter_map(|one| name(one.get("id").unwrap_or(one)));
        Self {
            responsible,
            team: named(&entity.team),
            participants: participants.take(PARTICIPANTS_MAX).collect(),
            creator: named(&entity.creator),
            queue: named(&entity.queue),
            open: at(&entity.open) == Some(&Value::Bool(true)),
            pipeline: named(&entity.pipeline),
            stage: named(&entity.stage),
            channel: named(&entity.channel),
            account: named(&entity.account),
            kind: named(&entity.kind),
            role: named(&entity.role),
            via: None,
        }
    }

    /// The responsible user, whose teams count where the object has none of its own.
    #[must_use]
    pub fn needs_teams_of(&self) -> Option<&str> {
        self.responsible.as_ref().and_then(Option::as_deref).filter(|_| self.team.is_none())
    }
}

/// A name or a whole number; nothing else names anybody, and neither does an empty text.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// What is known of an object, as the keys and symbols of a decision.
#[derive(Clone, Debug)]
pub struct Keyed {
    tenant: TenantKey,
    responsible: Option<UserKey>,
    unassigned: bool,
    teams: SmallVec<[TeamKey; 4]>,
    own_team: bool,
    participants: SmallVec<[UserKey; 4]>,
    creator: Option<UserKey>,
    queue: Option<TeamKey>,
    open: bool,
    place: Place,
    kind: Option<Symbol>,
    role: Option<RoleNo>,
    via: Option<(ResourceNo, Box<Self>)>,
}

impl Keyed {
    /// Translates. `teams_of_responsible` are those of [`Known::needs_teams_of`].
    #[must_use]
    pub fn new(
        known: &Known,
        tenant: &TenantId,
        keys: &Keys,
        policy: &Policy,
        teams_of_responsible: &[TeamKey],
    ) -> Self {
        let user = |name: &String| keys.user(tenant, name);
        let symbol = |name: &Option<String>| name.as_deref().map(|name| policy.symbol(name));
        let own_team = known.team.as_ref().and_then(|name| keys.team(tenant, name));
        Self {
            tenant: keys.tenant(tenant),
            responsible: known.responsible.iter().flatten().find_map(user),
            unassigned: known.responsible == Some(None),
            teams: own_team.map_or_else(|| teams_of_responsible.into(), |team| [team].as_slice().into()),
            own_team: own_team.is_some(),
            participants: known.participants.iter().filter_map(user).collect(),
            creator: known.creator.as_ref().and_then(user),
            queue: known.queue.as_ref().and_then(|name| keys.team(tenant, name)),
            open: known.open,
            place: Place {
                pipeline: symbol(&known.pipeline),
                stage: symbol(&known.stage),
                channel: symbol(&known.channel),
                account: symbol(&known.account),
            },
            kind: symbol(&known.kind),
            role: known.role.as_deref().and_then(|role| policy.role(role)),
            via: None,
        }
    }

    /// The same, reached through another object.
    #[must_use]
    pub fn through(self, resource: ResourceNo, outer: Self) -> Self {
        Self { via: Some((resource, Box::new(outer))), ..self }
    }

    /// The same as it would stand elsewhere.
    #[must_use]
    pub fn moved(self, pipeline: Option<Symbol>, stage: Option<Symbol>) -> Self {
        let place = Place { pipeline: pipeline.or(self.place.pipeline), stage, ..self.place };
        Self { place, ..self }
    }

    /// Asks something about the object, as a decision takes it.
    pub fn with_facts<T>(&self, ask: impl FnOnce(Facts<'_>) -> T) -> T {
        let via =
            self.via.as_ref().map(|(resource, outer)| Via { resource: *resource, facts: outer.alone() });
        ask(Facts { via: via.as_ref(), ..self.alone() })
    }

    fn alone(&self) -> Facts<'_> {
        Facts {
            responsible: self.responsible,
            unassigned: self.unassigned,
            teams: &self.teams,
            own_team: self.own_team,
            participants: &self.participants,
            creator: self.creator,
            queue: self.queue,
            open: self.open,
            place: self.place,
            kind: self.kind,
            role: self.role,
            ..Facts::unknown(self.tenant)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entity() -> Entity {
        let at = |pointer: &str| Some(pointer.to_owned());
        Entity {
            at: "/payload".to_owned(),
            id: at("/id"),
            responsible: at("/assignee/id"),
            team: at("/team"),
            participants: at("/watchers"),
            open: at("/open"),
            ..Entity::default()
        }
    }

    #[test]
    fn an_object_tells_its_facts() {
        let answer = json!({"payload": {
            "id": 7, "assignee": {"id": "ana"}, "team": "sales", "open": true,
            "watchers": [{"id": "ben"}, "sue", 3, null, {"id": ""}],
        }});
        let known = Known::of_json(&answer, &entity(), "7").unwrap();
        assert_eq!(known.responsible, Some(Some("ana".to_owned())));
        assert_eq!(known.team.as_deref(), Some("sales"));
        assert_eq!(known.participants, ["ben", "sue", "3"]);
        assert!(known.open);
    }

    #[test]
    fn what_is_null_is_known_and_what_is_absent_is_not() {
        let entity = Entity { responsible: Some("/assignee".to_owned()), ..Entity::default() };
        let responsible = |object| Known::of_json(&object, &entity, "").unwrap().responsible;
        assert_eq!(responsible(json!({"assignee": null})), Some(None));
        assert_eq!(responsible(json!({})), None);
        assert_eq!(responsible(json!({"assignee": ""})), None);
        assert_eq!(responsible(json!({"assignee": {"id": 1}})), None);
        assert_eq!(responsible(json!({"assignee": 1.5})), None);
    }

    #[test]
    fn another_object_than_the_one_asked_for_is_not_believed() {
        for answer in [
            json!({"payload": {"id": 8}}),
            json!({"payload": {}}),
            json!({"payload": [{"id": 7}]}),
            json!({"id": 7}),
            json!([]),
            json!(null),
        ] {
            assert_eq!(Known::of_json(&answer, &entity(), "7"), Err(OtherObject), "{answer}");
        }
    }
}
