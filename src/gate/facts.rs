//! What is known of an object, read from a tag or from its JSON, and turned into a decision's facts.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use smallvec::SmallVec;

use crate::{
    channel::Channel,
    config::routes::{Channels, Entity, Fact, FactPlaces, Literal},
    filter::{EntityNo, FactNo, Object, Raw},
    ids::{AccountId, TenantId},
    policy::{Facts, Keys, Place, Policy, ResourceNo, RoleNo, Symbol, TeamKey, TenantKey, UserKey, Via},
    tag::Tag,
};

/// What backends write where no user is: it is nobody's name, and does not say that nobody is responsible either (D17).
const NO_USER: &str = "0";

/// Most participants that are read: more than any backend shows of one object.
const PARTICIPANTS_MAX: usize = 1000;

/// Most objects to which one refers at one place: more than any backend shows of one object.
const REFERENCES_MAX: usize = 1000;

/// What is known of an object, by name. What is `None` or empty is not known; of what has two levels, `Some(None)` is
/// known to be nobody, nowhere or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known<'a> {
    /// Who is responsible.
    pub responsible: Option<Option<Cow<'a, str>>>,
    /// Its own team.
    pub team: Option<Cow<'a, str>>,
    /// Who takes part.
    pub participants: Vec<String>,
    /// Who made it.
    pub creator: Option<Cow<'a, str>>,
    /// The team whose queue serves it.
    pub queue: Option<Cow<'a, str>>,
    /// It is available to everyone.
    pub open: bool,
    /// Its pipeline.
    pub pipeline: Option<Option<Cow<'a, str>>>,
    /// Its stage.
    pub stage: Option<Option<Cow<'a, str>>>,
    /// Its channel.
    pub channel: Option<Option<Cow<'a, str>>>,
    /// Its account.
    pub account: Option<Option<Cow<'a, str>>>,
    /// A finer kind.
    pub kind: Option<Option<Cow<'a, str>>>,
    /// The role that it is.
    pub role: Option<Option<Cow<'a, str>>>,
    /// The object through which it is reached: its resource, and what is known of it.
    pub via: Option<(String, Box<Self>)>,
    /// What the backend calls the state in which it was (a strong `ETag`, RFC 9110 section 8.8.3).
    pub version: Option<Arc<str>>,
    /// When Headgate asked for it, by the clock's monotonic time, where it may have been asked for another request.
    pub asked_at: Option<Duration>,
}

/// By which of the filter's numbers the facts of an entity are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    own: Told,
    via: Option<(String, Told)>,
    /// By [`Entity::kinds`].
    pub kinds: Vec<FactNo>,
    /// The id of the object that is looked up.
    look_up: Option<FactNo>,
    absent_is_nobody: bool,
    user: Option<(FactNo, Literal)>,
    /// By [`Entity::refers`].
    refers: Vec<(EntityNo, FactNo)>,
}

/// What an object's JSON tells, of itself or of the one through which it is reached.
#[derive(Clone, Debug, Default)]
struct Told {
    facts: Vec<(Fact, FactNo)>,
    channels: Channels,
}

impl Reading {
    /// How an entity is read, and the pointers that the filter is to look at for it.
    #[must_use]
    pub fn of(entity: &Entity) -> (Self, Vec<String>) {
        let mut pointers = Vec::new();
        let mut number = |place: &String| {
            pointers.push(place.clone());
            FactNo(u8::try_from(pointers.len() - 1).unwrap_or(u8::MAX))
        };
        let mut told = |places: &FactPlaces, channels: &Channels| {
            let facts = places.iter().map(|(fact, place)| (*fact, number(place)));
            Told { facts: facts.collect(), channels: channels.clone() }
        };
        let own = told(&entity.facts, &entity.channels);
        let via = entity.via.as_ref().map(|via| (via.resource.clone(), told(&via.facts, &via.channels)));
        let kinds = entity.kinds.iter().map(|kind| number(&kind.at)).collect();
        let look_up = entity.look_up.as_ref().map(|look_up| number(&look_up.at));
        let user = entity.user.as_ref().map(|(at, is)| (number(at), is.clone()));
        let refers = entity.refers.iter().map(|refers| (refers.entity, number(&refers.at))).collect();
        let absent_is_nobody = entity.absent_is_nobody;
        (Self { own, via, kinds, look_up, absent_is_nobody, user, refers }, pointers)
    }

    /// Whether it is known where the object's id stands.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.own.place(Fact::Id).is_some()
    }

    /// The object's id.
    #[must_use]
    pub fn id<'a>(&self, object: &Object<'a>) -> Option<Cow<'a, str>> {
        object.fact(self.own.place(Fact::Id)?).and_then(Raw::name)
    }

    /// The id of the object whose facts are this one's.
    #[must_use]
    pub fn looked_up<'a>(&self, object: &Object<'a>) -> Option<Cow<'a, str>> {
        object.fact(self.look_up?).and_then(Raw::name)
    }

    /// The objects to which this one refers at each place of [`Entity::refers`], by their ids.
    pub fn refers(&self, object: &Object<'_>) -> impl Iterator<Item = (EntityNo, Vec<String>)> {
        self.refers.iter().map(|(entity, fact)| {
            let ids = object.fact(*fact).map(|raw| raw.names(REFERENCES_MAX));
            (*entity, ids.unwrap_or_default())
        })
    }

    /// What an object's JSON says of it.
    #[must_use]
    pub fn known<'a>(&self, object: &Object<'a>) -> Known<'a> {
        let mut known = self.own.known(object);
        match self.has_nobody(object) {
            Some(true) => known.responsible = Some(None),
            Some(false) => {}
            None => known.responsible = None,
        }
        // Where it is not, nothing is known of it: it is reached through something all the same.
        known.via =
            self.via.as_ref().map(|(resource, told)| (resource.clone(), Box::new(told.known(object))));
        known
    }
}

impl Reading {
    /// Whether nobody is responsible, for another reason than a `null`; `None` if that cannot be told.
    fn has_nobody(&self, object: &Object<'_>) -> Option<bool> {
        let at = self.own.place(Fact::Responsible);
        if self.absent_is_nobody && at.is_some_and(|at| object.fact(at).is_none()) {
            return Some(true);
        }
        let told = self.user.as_ref().and_then(|(at, is)| Some((object.fact(*at)?, is)));
        match told {
            Some((value, is)) if !value.is_null() => is_that(value, is).map(|is_user| !is_user),
            _ => Some(false),
        }
    }
}

/// Whether a value is this one; `None` if it is none to compare with.
pub(super) fn is_that(value: Raw<'_>, is: &Literal) -> Option<bool> {
    match is {
        Literal::Boolean(is) => value.boolean().map(|value| value == *is),
        Literal::Name(is) => value.name().map(|name| *is == name),
    }
}

impl Told {
    /// Where a fact stands.
    fn place(&self, wanted: Fact) -> Option<FactNo> {
        self.facts.iter().find(|(fact, _)| *fact == wanted).map(|(_, number)| *number)
    }

    fn known<'a>(&self, object: &Object<'a>) -> Known<'a> {
        let mut known = Known::default();
        for (fact, number) in &self.facts {
            let Some(raw) = object.fact(*number) else { continue };
            match fact {
                Fact::Id => {}
                Fact::Responsible => known.responsible = user(raw),
                Fact::Participants => {
                    known.participants = raw.names(PARTICIPANTS_MAX);
                    known.participants.retain(|name| name != NO_USER);
                }
                Fact::Open => known.open = raw.boolean() == Some(true),
                Fact::Team => known.team = raw.name(),
                Fact::Creator => known.creator = user(raw).flatten(),
                Fact::Queue => known.queue = raw.name(),
                Fact::Pipeline => known.pipeline = named(raw),
                Fact::Stage => known.stage = named(raw),
                Fact::Channel => known.channel = named(raw).and_then(|name| self.channel(name)),
                Fact::Account => known.account = named(raw),
                Fact::Kind => known.kind = named(raw),
                Fact::Role => known.role = named(raw),
            }
        }
        known
    }

    /// What the policy calls a channel; `None` if it has no name for it.
    fn channel<'a>(&self, name: Option<Cow<'a, str>>) -> Option<Option<Cow<'a, str>>> {
        match name {
            Some(name) if !self.channels.is_empty() => {
                self.channels.get(&*name).map(|name| Some(name.clone().into()))
            }
            as_it_is => Some(as_it_is),
        }
    }
}

/// The name that a value is, or that there is none; `None` if it is something else.
fn named(raw: Raw<'_>) -> Option<Option<Cow<'_, str>>> {
    if raw.is_null() { Some(None) } else { raw.name().map(Some) }
}

/// The same of a user.
fn user(raw: Raw<'_>) -> Option<Option<Cow<'_, str>>> {
    named(raw).filter(|name| name.as_deref() != Some(NO_USER))
}

impl<'a> Known<'a> {
    /// What a tag says. A tag without a responsible user is known to have none, one without a stage to stand nowhere. Its team's
    /// queue serves it (`BP11`).
    #[must_use]
    pub fn of_tag(tag: &'a Tag, channels: &BTreeMap<AccountId, Channel>) -> Self {
        let place = tag.stage.as_deref().map(|stage| stage.split_once('/'));
        let part = |of: fn((&'a str, &'a str)) -> &'a str| match place {
            None => Some(None),
            Some(parts) => parts.map(|parts| Some(of(parts).into())),
        };
        Self {
            responsible: Some(tag.responsible.as_ref().map(|user| user.as_str().into())),
            team: tag.team.as_ref().map(|team| team.as_str().into()),
            participants: tag.participants.iter().map(ToString::to_string).collect(),
            queue: tag.team.as_ref().map(|team| team.as_str().into()),
            pipeline: part(|(pipeline, _)| pipeline),
            stage: part(|(_, stage)| stage),
            channel: channels.get(&tag.account).map(|channel| Some(channel.as_str().into())),
            account: Some(Some(tag.account.as_str().into())),
            kind: Some(None),
            role: Some(None),
            ..Self::default()
        }
    }

    /// The same, to be kept.
    #[must_use]
    pub fn into_owned(self) -> Known<'static> {
        let own = |name: Option<Cow<'a, str>>| name.map(|name| Cow::Owned(name.into_owned()));
        Known {
            responsible: self.responsible.map(own),
            team: own(self.team),
            participants: self.participants,
            creator: own(self.creator),
            queue: own(self.queue),
            open: self.open,
            pipeline: self.pipeline.map(own),
            stage: self.stage.map(own),
            channel: self.channel.map(own),
            account: self.account.map(own),
            kind: self.kind.map(own),
            role: self.role.map(own),
            via: self.via.map(|(resource, via)| (resource, Box::new(via.into_owned()))),
            version: self.version,
            asked_at: self.asked_at,
        }
    }

    /// What is known of an object that is being made: whose it will be, and who makes it.
    #[must_use]
    pub fn made(responsible: Option<&'a str>, team: Option<&'a str>, creator: &'a str) -> Self {
        Self {
            responsible: Some(responsible.map(Cow::from)),
            team: team.map(Cow::from),
            creator: Some(creator.into()),
            ..Self::default()
        }
    }

    /// The responsible user, whose teams count beside the object's own (`G3`).
    #[must_use]
    pub fn needs_teams_of(&self) -> Option<&str> {
        self.responsible.as_ref().and_then(Option::as_deref)
    }
}

/// What is known of an object, as the keys and symbols of a decision.
#[derive(Clone, Debug)]
pub struct Keyed {
    tenant: TenantKey,
    responsible: Option<UserKey>,
    unassigned: bool,
    /// Its own team first, if it has one, then those of the responsible user.
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
    version: Option<Arc<str>>,
    asked_at: Option<Duration>,
}

impl Keyed {
    /// Translates. `teams_of_responsible` are those of [`Known::needs_teams_of`].
    #[must_use]
    pub fn new(
        known: &Known<'_>,
        tenant: &TenantId,
        keys: &Keys,
        policy: &Policy,
        teams_of_responsible: &[TeamKey],
    ) -> Self {
        let user = |name: &str| keys.user(tenant, name);
        let symbol = |name: &Option<Option<Cow<'_, str>>>| {
            name.as_ref().map(|name| name.as_deref().map_or(Symbol::OTHER, |name| policy.symbol(name)))
        };
        let role = known.role.as_ref().map(|role| role.as_deref().and_then(|role| policy.role(role)));
        let own_team = known.team.as_ref().and_then(|name| keys.team(tenant, name));
        Self {
            tenant: keys.tenant(tenant),
            responsible: known.responsible.iter().flatten().find_map(|name| user(name)),
            unassigned: known.responsible == Some(None),
            teams: own_team.into_iter().chain(teams_of_responsible.iter().copied()).collect(),
            own_team: own_team.is_some(),
            participants: known.participants.iter().filter_map(|name| user(name)).collect(),
            creator: known.creator.as_deref().and_then(user),
            queue: known.queue.as_deref().and_then(|name| keys.team(tenant, name)),
            open: known.open,
            place: Place {
                pipeline: symbol(&known.pipeline),
                stage: symbol(&known.stage),
                channel: symbol(&known.channel),
                account: symbol(&known.account),
            },
            kind: symbol(&known.kind),
            role: role.map(|role| role.unwrap_or(RoleNo::OTHER)),
            via: None,
            version: known.version.clone(),
            asked_at: known.asked_at,
        }
    }

    /// The same, reached through another object.
    #[must_use]
    pub fn through(self, resource: ResourceNo, outer: Self) -> Self {
        Self { via: Some((resource, Box::new(outer))), ..self }
    }

    /// A part of this object: its facts, with a kind and a creator of its own.
    #[must_use]
    pub(super) fn part(&self, own: &Self) -> Self {
        Self { kind: own.kind, creator: own.creator, via: None, ..self.clone() }
    }

    /// A part of this object of which nothing is known.
    #[must_use]
    pub(super) fn part_of_unknown_kind(&self) -> Self {
        Self { kind: None, creator: None, via: None, ..self.clone() }
    }

    /// The object through which it is reached, by what its JSON says.
    pub(super) fn via(&self) -> Option<(ResourceNo, &Self)> {
        self.via.as_ref().map(|(resource, outer)| (*resource, &**outer))
    }

    /// The same as it would stand elsewhere.
    #[must_use]
    pub fn moved(self, pipeline: Option<Symbol>, stage: Option<Symbol>) -> Self {
        let place = Place { pipeline: pipeline.or(self.place.pipeline), stage, ..self.place };
        Self { place, ..self }
    }

    /// The same as the user's who has the other one: with that user's teams, unless it has a team of its own.
    #[must_use]
    pub(super) fn had_by(self, other: &Self) -> Self {
        let teams = self.team().into_iter().chain(other.teams_of_responsible().iter().copied()).collect();
        Self { responsible: other.responsible, unassigned: other.unassigned, teams, ..self }
    }

    /// The same with a team of its own; one that has no key is nobody's.
    #[must_use]
    pub(super) fn of_team(self, team: Option<TeamKey>) -> Self {
        let teams = team.into_iter().chain(self.teams_of_responsible().iter().copied()).collect();
        Self { teams, own_team: team.is_some(), ..self }
    }

    /// Its own team.
    fn team(&self) -> Option<TeamKey> {
        self.teams.first().copied().filter(|_| self.own_team)
    }

    fn teams_of_responsible(&self) -> &[TeamKey] {
        self.teams.get(usize::from(self.own_team)..).unwrap_or_default()
    }

    /// What the backend calls the state that is known of.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// When it was asked for, if that may have been for another request.
    pub(super) const fn asked_at(&self) -> Option<Duration> {
        self.asked_at
    }

    /// Asks something about the object, as a decision takes it.
    pub fn with_facts<T>(&self, ask: impl FnOnce(Facts<'_>) -> T) -> T {
        let via =
            self.via.as_ref().map(|(resource, outer)| Via { resource: *resource, facts: outer.alone() });
        ask(Facts { via: via.as_ref(), ..self.alone() })
    }

    pub(super) fn alone(&self) -> Facts<'_> {
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
    use super::*;

    /// What is known of an object whose facts stand so.
    fn known(facts: &[(Fact, &'static str)]) -> Known<'static> {
        let places = facts.iter().enumerate().map(|(at, (fact, _))| (*fact, format!("/{at}")));
        let (reading, pointers) = Reading::of(&Entity { facts: places.collect(), ..Entity::default() });
        let value = |pointer: &String| {
            let (_, at) = pointer.split_once('/').unwrap();
            Some(Raw(facts[at.parse::<usize>().unwrap()].1.as_bytes()))
        };
        let raws: Vec<_> = pointers.iter().map(value).collect();
        let object = Object { entity: crate::filter::EntityNo(0), main: true, outer: None, facts: &raws };
        reading.known(&object).into_owned()
    }

    #[test]
    fn an_object_tells_its_facts() {
        let known = known(&[
            (Fact::Responsible, r#""ana""#),
            (Fact::Team, r#""sales""#),
            (Fact::Participants, r#"[{"id": "ben"}, "sue", 3, null, {"id": ""}]"#),
            (Fact::Open, "true"),
        ]);
        assert_eq!(known.responsible, Some(Some("ana".into())));
        assert_eq!(known.team.as_deref(), Some("sales"));
        assert_eq!(known.participants, ["ben", "sue", "3"]);
        assert!(known.open);
    }

    #[test]
    fn whose_kind_cannot_be_read_is_not_known_to_be_nobody() {
        let facts = FactPlaces::from([(Fact::Responsible, "/owner".to_owned())]);
        let user = Some(("/kind".to_owned(), Literal::Name("User".to_owned())));
        let (reading, _) = Reading::of(&Entity { facts, user, absent_is_nobody: true, ..Entity::default() });
        let ana = Some(Some("ana".into()));
        for (owner, kind, responsible) in [
            (Some(r#""ana""#), Some(r#""User""#), ana.clone()),
            (Some(r#""ana""#), Some("null"), ana.clone()),
            (Some(r#""ana""#), None, ana),
            (Some(r#""ana""#), Some(r#""Bot""#), Some(None)),
            (Some(r#""ana""#), Some(r#""\ud800""#), None),
            (Some(r#""ana""#), Some("{}"), None),
            (None, Some("{}"), Some(None)),
        ] {
            let raws = [owner, kind].map(|value| value.map(|value: &str| Raw(value.as_bytes())));
            let object = Object { entity: crate::filter::EntityNo(0), main: true, outer: None, facts: &raws };
            assert_eq!(reading.known(&object).responsible, responsible, "{owner:?} {kind:?}");
        }
    }

    #[test]
    fn what_is_null_is_known_and_what_is_absent_is_not() {
        for (value, responsible) in [
            ("null", Some(None)),
            (r#""""#, None),
            (r#"{"id": 1}"#, None),
            ("1.5", None),
            ("true", None),
            ("18446744073709551618", Some(Some("18446744073709551618".into()))),
        ] {
            assert_eq!(known(&[(Fact::Responsible, value)]).responsible, responsible, "{value}");
        }
        assert_eq!(known(&[]).responsible, None);
    }
}
