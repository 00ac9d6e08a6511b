//! What is known of an object, read from a tag or from its JSON (`reading`), and turned into a decision's facts.

mod reading;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use smallvec::SmallVec;

pub(super) use self::reading::is_that;
pub use self::reading::{Reading, Referred, RefersTo};
use crate::{
    channel::Channel,
    ids::{AccountId, TenantId},
    policy::{Facts, Keys, Place, Policy, ResourceNo, RoleNo, Symbol, TeamKey, TenantKey, UserKey, Via},
    tag::Tag,
};
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
    /// There are more of them than are read.
    pub participants_beyond: bool,
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
            participants_beyond: self.participants_beyond,
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

    /// Whether there are more participants than are read, of it or of that through which it is reached.
    #[must_use]
    pub fn has_participants_beyond(&self) -> bool {
        self.participants_beyond || self.via.as_ref().is_some_and(|(_, via)| via.has_participants_beyond())
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

    /// The same as it would stand elsewhere; without a pipeline, in its own. One that is not known is `None`.
    #[must_use]
    pub fn moved(self, pipeline: Option<Option<Symbol>>, stage: Option<Symbol>) -> Self {
        let place = Place { pipeline: pipeline.unwrap_or(self.place.pipeline), stage, ..self.place };
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
