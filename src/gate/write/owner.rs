//! Whose an object will be: assigning, moving, creating.
//!
//! Assigning is decided on the object as it is, and on who gets it: with the scope `all` anybody in the directory, with
//! `team-tree` and `open` the teams of the user and those below, with anything narrower the user's own teams. Moving is
//! decided on the object as it is and as it would be. What is created is decided on as if it were there already, and
//! as its creator's own where the request does not say whose it is.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::{
    fields::Fields,
    names::{Preset, preset},
};
use crate::{
    config::writing::{Assign, Names},
    gate::{
        Passage,
        facts::{Keyed, Known},
        permit::{Asked, Decided},
        refusal::Refusal,
        who::NoActor,
    },
    ids::UserId,
    policy::{Scope, TeamKey},
};

/// Bytes of the name of a user or a team.
const NAME_BYTES_MAX: usize = 256;

/// Why a field may not be given what it is given.
#[derive(Clone, Debug)]
pub(super) struct Barred {
    /// The field.
    pub(super) field: String,
    /// As one word, for the record.
    pub(super) reason: &'static str,
    /// In words.
    pub(super) why: String,
}

impl Barred {
    pub(super) fn new(field: &str, reason: &'static str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason, why: why.into() }
    }

    pub(super) fn unclear(field: &str) -> Self {
        Self::new(field, "unclear", format!("what the request gives for {field} is not one name"))
    }
}

/// Either the request is refused on the spot, or a field is.
#[derive(Debug)]
pub(super) enum Stop {
    Refusal(Refusal),
    Barred(Barred),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Barred> for Stop {
    fn from(barred: Barred) -> Self {
        Self::Barred(barred)
    }
}

/// What an object will be like, as far as a request says.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    users: Vec<Option<String>>,
    teams: Vec<Option<String>>,
    creators: Vec<String>,
    places: Vec<(Option<String>, Option<String>)>,
}

impl Plan {
    /// What a request says of it.
    pub(super) fn of(passage: &Passage<'_>, fields: &Fields) -> Result<Self, Barred> {
        let writing = &passage.matched.route.writing;
        let listed = writing.fields.as_ref();
        let none = Assign::default();
        let assign = writing.assign.as_ref().unwrap_or(&none);
        let nobody = |name: &String| assign.nobody.contains(name);
        let names = |field: &Option<String>| -> Result<Vec<Option<String>>, Barred> {
            let names = names(fields, field.as_deref(), listed)?;
            Ok(names.into_iter().map(|name| name.filter(|name| !nobody(name))).collect())
        };
        let (pipelines, stages) = (names(&writing.pipeline)?, names(&writing.stage)?);
        if let (Some(field), Some(_)) = (&writing.pipeline, &writing.stage)
            && !pipelines.is_empty()
            && (stages.is_empty() || stages.contains(&None))
        {
            return Err(Barred::new(field, "place", "a pipeline is named without a stage"));
        }
        let pipelines = if pipelines.is_empty() { vec![None] } else { pipelines };
        let stages =
            if stages.is_empty() && pipelines.iter().any(Option::is_some) { vec![None] } else { stages };
        let places =
            stages.iter().flat_map(|stage| pipelines.iter().map(|line| (line.clone(), stage.clone())));
        Ok(Self {
            users: names(&assign.user)?,
            teams: names(&assign.team)?,
            creators: names(&assign.creator)?.into_iter().flatten().collect(),
            places: places.collect(),
        })
    }

    /// Whose it will be: each user and team that is named, `user` if none is.
    pub(super) fn owners<'a>(&'a self, user: &'a str) -> Vec<(Option<&'a str>, Option<&'a str>)> {
        let users: Vec<_> = match self.users.as_slice() {
            [] => vec![Some(user)],
            users => users.iter().map(Option::as_deref).collect(),
        };
        let teams: Vec<_> = match self.teams.as_slice() {
            [] => vec![None],
            teams => teams.iter().map(Option::as_deref).collect(),
        };
        users.iter().flat_map(|user| teams.iter().map(|team| (*user, *team))).collect()
    }

    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.teams.is_empty() && self.creators.is_empty() && self.places.is_empty()
    }
}

impl Passage<'_> {
    /// Whether the user may do with the object what the request has in mind. `None`: it is being created.
    pub(super) async fn may_own(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        plan: &Plan,
    ) -> Result<(), Stop> {
        if plan.is_empty() {
            return Ok(());
        }
        let actor = &self.granted.actor;
        let created;
        let now = match object {
            Some(object) => object,
            None => {
                let user = actor.user.as_str();
                created = self.keyed(&Known::made(Some(user), None, user)).await?;
                &created
            }
        };
        self.may_place(asked, now, plan)?;
        if object.is_none() {
            self.may_create(asked, plan).await?;
        }
        let writing = &self.matched.route.writing;
        let Some(assign) = &writing.assign else { return Ok(()) };
        let (user, team) =
            (assign.user.as_deref().unwrap_or_default(), assign.team.as_deref().unwrap_or_default());
        self.may_be_creator(asked, object, assign, plan)?;

        let for_oneself =
            |name: &Option<String>| object.is_none() && name.as_deref() == Some(actor.user.as_str());
        if plan.teams.is_empty() && plan.users.iter().all(for_oneself) {
            return Ok(());
        }
        let field = if plan.users.is_empty() { team } else { user };
        let action = actor.grants.policy().action(&assign.action).ok_or(Refusal::Unknown)?;
        let decided = Decided::on(actor, asked.to(action), Some(now), &[]);
        let permit =
            decided.permit().map_err(|_denied| Barred::new(field, decided.label(), decided.why.clone()))?;
        for name in plan.users.iter().flatten() {
            let teams = self.teams_of_known(name).await?;
            let known = teams.ok_or_else(|| {
                Barred::new(user, "new_owner", "the new responsible user is not in the directory")
            })?;
            if *name != *actor.user.as_str() && !self.reaches(permit.scope(), &known) {
                return Err(Barred::new(
                    user,
                    "new_owner",
                    "the new responsible user is beyond the user's scope",
                )
                .into());
            }
        }
        for name in plan.teams.iter().flatten() {
            let key = self.gate.keys.team(&actor.tenant, name);
            if !self.reaches(permit.scope(), key.as_slice()) {
                return Err(Barred::new(team, "new_owner", "the new team is beyond the user's scope").into());
            }
        }
        Ok(())
    }

    fn may_place(&self, asked: Asked, now: &Keyed, plan: &Plan) -> Result<(), Barred> {
        let actor = &self.granted.actor;
        let policy = actor.grants.policy();
        let symbol = |name: &Option<String>| name.as_deref().map(|name| policy.symbol(name));
        for (pipeline, stage) in &plan.places {
            let then = now.clone().moved(symbol(pipeline), symbol(stage));
            let decided = Decided::on(actor, asked, Some(&then), &[]);
            if decided.permit().is_err() {
                let writing = &self.matched.route.writing;
                let field = writing.stage.as_ref().or(writing.pipeline.as_ref());
                return Err(Barred::new(field.map_or("", String::as_str), "place", decided.why));
            }
        }
        Ok(())
    }

    /// The object as if it were there.
    async fn may_create(&self, asked: Asked, plan: &Plan) -> Result<(), Stop> {
        let assign = self.matched.route.writing.assign.as_ref();
        let field =
            assign.and_then(|assign| assign.user.as_deref().or(assign.team.as_deref())).unwrap_or_default();
        let actor = &self.granted.actor;
        let own = Some(actor.user.to_string());
        let users = if plan.users.is_empty() { vec![own] } else { plan.users.clone() };
        let teams = if plan.teams.is_empty() { vec![None] } else { plan.teams.clone() };
        let both: Vec<_> = users.iter().flat_map(|user| teams.iter().map(move |team| (user, team))).collect();
        for (user, team) in both {
            let then = Known::made(user.as_deref(), team.as_deref(), actor.user.as_str());
            let then = self.keyed(&then).await?;
            let decided = Decided::on(actor, asked, Some(&then), &[]);
            if decided.permit().is_err() {
                return Err(Barred::new(field, "preset", decided.why).into());
            }
        }
        Ok(())
    }

    fn may_be_creator(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        assign: &Assign,
        plan: &Plan,
    ) -> Result<(), Barred> {
        let actor = &self.granted.actor;
        if plan.creators.iter().all(|name| *name == *actor.user.as_str()) {
            return Ok(());
        }
        let decided = Decided::on(actor, asked, object, &[]);
        match decided.permit() {
            Ok(permit) if permit.scope() == Scope::All => Ok(()),
            Ok(_) | Err(_) => {
                let field = assign.creator.as_deref().unwrap_or_default();
                Err(Barred::new(field, "preset", "somebody else is named as the creator"))
            }
        }
    }

    /// The teams of an active user of the directory; `None` if there is none of this name.
    async fn teams_of_known(&self, name: &str) -> Result<Option<Vec<TeamKey>>, Refusal> {
        let user = UserId::new(name);
        match self.snapshot.people.actor(&self.granted.actor.tenant, &user, None).await {
            Ok(other) => Ok(other.actor.active.then(|| other.actor.team_keys.to_vec())),
            Err(NoActor::Unknown) => Ok(None),
            Err(error @ (NoActor::Unavailable | NoActor::NotThatFresh | NoActor::TooManyRoles)) => {
                Err(Refusal::Actor(error))
            }
        }
    }

    /// Whether somebody of these teams is within a scope of the user.
    fn reaches(&self, scope: Scope, teams: &[TeamKey]) -> bool {
        let actor = &self.granted.actor;
        let within = match scope {
            Scope::All => return true,
            Scope::TeamTree | Scope::Open => &actor.tree_keys,
            Scope::None | Scope::Own | Scope::Team => &actor.team_keys,
        };
        teams.iter().any(|team| within.contains(team))
    }
}

/// The names that a request gives for a field; `None` for nobody.
fn names(
    fields: &Fields,
    field: Option<&str>,
    listed: Option<&Names>,
) -> Result<Vec<Option<String>>, Barred> {
    let Some(field) = field else { return Ok(Vec::new()) };
    match preset(fields, field, listed) {
        Preset::Absent => Ok(Vec::new()),
        Preset::Unclear => Err(Barred::unclear(field)),
        Preset::Given(values) => {
            let name = |value: &Value| name(value).map(|name| name.map(Cow::into_owned));
            // Each once: somebody is looked up for each.
            let names: Option<BTreeSet<_>> = values.iter().map(name).collect();
            names.map(|names| names.into_iter().collect()).ok_or_else(|| Barred::unclear(field))
        }
    }
}

/// A name or a whole number, or nobody; `None` if it is none of these.
pub(super) fn name(value: &Value) -> Option<Option<Cow<'_, str>>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if text.is_empty() => Some(None),
        Value::String(text) if text.len() <= NAME_BYTES_MAX => Some(Some(text.into())),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(Some(number.to_string().into())),
        _ => None,
    }
}
