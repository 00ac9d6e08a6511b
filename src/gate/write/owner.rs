//! Whose an object will be: assigning, moving, creating.
//!
//! Assigning is decided on the object as it is, and on who gets it: with the scope `all` anybody in the directory, with
//! `team-tree` and `open` the teams of the user and those below, with anything narrower the user's own teams. Moving is
//! decided on the object as it is and as it would be: where it would stand, with whoever would have it. What is created
//! is decided on as if it were there already, and as its creator's own where the request does not say whose it is.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::{
    Said,
    fields::Fields,
    names::{Preset, preset},
};
use crate::{
    config::{
        aliases::Aliases,
        writing::{Assign, Names},
    },
    gate::{
        Passage, body,
        facts::{Keyed, Known},
        permit::{Asked, Decided},
        refusal::Refusal,
        who::NoActor,
    },
    ids::UserId,
    policy::{Scope, TeamKey},
    query::folded,
};

/// Bytes of the name of a user or a team.
const NAME_BYTES_MAX: usize = 256;

/// Objects as one request would have them: more than any says, unless it is to make Headgate busy.
const READINGS_MAX: usize = 1000;

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
    creators: Vec<Option<String>>,
    places: Vec<Place>,
    /// Of some object it is not said whose it will be.
    for_whoever: bool,
    /// Of some object it is not said which team's it will be.
    for_any_team: bool,
    /// Of some object it is not said where it will stand.
    somewhere: bool,
}

/// Where an object would stand.
#[derive(Clone, Debug)]
struct Place {
    /// `None`: in the pipeline in which it stands. One without a name is the backend's choice.
    pipeline: Option<Option<String>>,
    /// `None`: the backend chooses.
    stage: Option<String>,
}

impl Plan {
    /// What a request says of it.
    pub(super) fn of(passage: &Passage<'_>, said: &Said) -> Result<Self, Barred> {
        let fields = &said.fields;
        let writing = &passage.matched.route.writing;
        let listed = writing.fields.as_ref();
        let none = Assign::default();
        let assign = writing.assign.as_ref().unwrap_or(&none);
        let nobody = |name: &String| assign.nobody.contains(name);
        let aliases = &passage.matched.route.aliases;
        let said_of = |field: &Option<String>| names(fields, field.as_deref(), listed, aliases);
        let people = |field: &Option<String>| -> Result<Vec<Option<String>>, Barred> {
            Ok(said_of(field)?.into_iter().map(|name| name.filter(|name| !nobody(name))).collect())
        };
        let places = |field: &Option<String>| -> Result<Vec<Option<String>>, Barred> {
            let names = said_of(field)?;
            let policy = passage.enforced.actor.grants.policy();
            let is_almost_one = |name: &String| is_almost_one_of(name, policy.places());
            match field {
                Some(field) if names.iter().flatten().any(is_almost_one) => Err(Barred::unclear(field)),
                _ => Ok(names),
            }
        };
        let (pipelines, mut stages) = (places(&writing.pipeline)?, places(&writing.stage)?);
        let mut pipelines: Vec<_> = pipelines.into_iter().map(Some).collect();
        match (&writing.pipeline, &writing.stage) {
            _ if pipelines.is_empty() => pipelines.push(None),
            (Some(pipeline), Some(stage)) => {
                if stages.contains(&None) || !said.says_together(pipeline, stage, listed, aliases) {
                    return Err(Barred::new(pipeline, "place", "a pipeline is named without a stage"));
                }
                // The stage of another object is one of its own pipeline.
                pipelines.extend((!said.each_says(pipeline, aliases)).then_some(None));
            }
            _ => stages.push(None),
        }
        let place = |stage: &Option<String>, pipeline: &Option<Option<String>>| Place {
            pipeline: pipeline.clone(),
            stage: stage.clone(),
        };
        let places = stages.iter().flat_map(|stage| pipelines.iter().map(|line| place(stage, line)));
        let is_silent = |field: &Option<String>| match field {
            Some(field) => !said.each_says(field, aliases),
            None => !said.objects.is_empty(),
        };
        Ok(Self {
            for_whoever: is_silent(&assign.user),
            for_any_team: is_silent(&assign.team),
            somewhere: is_silent(if writing.stage.is_some() { &writing.stage } else { &writing.pipeline }),
            users: people(&assign.user)?,
            teams: people(&assign.team)?,
            creators: people(&assign.creator)?,
            places: places.take(READINGS_MAX + 1).collect(),
        })
    }

    /// How many objects it could mean: a request is not told which of several values belong together.
    fn readings(&self) -> usize {
        let of = |many: usize| many.saturating_add(1);
        of(self.users.len()).saturating_mul(of(self.teams.len())).saturating_mul(of(self.places.len()))
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
        let writing = &self.matched.route.writing;
        let says_where = writing.assign.is_some() || writing.pipeline.is_some() || writing.stage.is_some();
        if plan.is_empty() && (object.is_some() || !says_where) {
            return Ok(());
        }
        let actor = &self.granted.actor;
        let created;
        let now = match object {
            Some(object) => object,
            None => {
                created = self.created().await?;
                &created
            }
        };
        if plan.readings() > READINGS_MAX {
            return Err(Barred::unclear(self.field_of(plan)).into());
        }
        self.may_stand(asked, object.is_none(), now, plan).await?;
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
        // Where it is, and where it would be; what is created was nowhere before.
        let mut places: Vec<_> = plan.places.iter().map(|place| self.moved(now.clone(), place)).collect();
        if object.is_some() || places.is_empty() {
            places.push(now.clone());
        }
        let mut scope = Scope::All;
        for place in places {
            let decided = Decided::on(actor, asked.to(action), Some(&place), &[]);
            let permit = decided
                .permit()
                .map_err(|_denied| Barred::new(field, decided.label(), decided.why.clone()))?;
            scope = scope.min(permit.scope());
        }
        for name in plan.users.iter().flatten() {
            let teams = self.teams_of_known(name).await?;
            let known = teams.ok_or_else(|| {
                Barred::new(user, "new_owner", "the new responsible user is not in the directory")
            })?;
            if *name != *actor.user.as_str() && !self.reaches(scope, &known) {
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
            if !self.reaches(scope, key.as_slice()) {
                return Err(Barred::new(team, "new_owner", "the new team is beyond the user's scope").into());
            }
        }
        Ok(())
    }

    /// Whether the object may be as the request would have it, in every way that it can be read: whose it would be and
    /// where count together. Who merely gives one away need not keep the right to it.
    async fn may_stand(&self, asked: Asked, is_new: bool, now: &Keyed, plan: &Plan) -> Result<(), Stop> {
        if plan.places.is_empty() && !is_new {
            return Ok(());
        }
        for then in self.as_planned(now, plan).await? {
            let decided = Decided::on(&self.granted.actor, asked, Some(&then), &[]);
            if decided.permit().is_err() {
                let is_given = !(plan.users.is_empty() && plan.teams.is_empty());
                let reason = if plan.places.is_empty() && is_given { "preset" } else { "place" };
                return Err(Barred::new(self.field_of(plan), reason, decided.why).into());
            }
        }
        Ok(())
    }

    /// What is created, as its creator's own.
    pub(super) async fn created(&self) -> Result<Keyed, Refusal> {
        let user = self.granted.actor.user.as_str();
        self.keyed(&Known::made(Some(user), None, user)).await
    }

    /// An object as the request would have it, in every way that it can be read.
    pub(super) async fn as_planned(&self, now: &Keyed, plan: &Plan) -> Result<Vec<Keyed>, Refusal> {
        // Of which the request says nothing stays as it is.
        let each = |names: &[Option<String>], or_as_it_is: bool| {
            names.iter().cloned().map(Some).chain(or_as_it_is.then_some(None)).collect::<Vec<_>>()
        };
        let mut planned = Vec::new();
        for user in each(&plan.users, plan.for_whoever) {
            for team in each(&plan.teams, plan.for_any_team) {
                let owned = self.owned(now.clone(), user.as_ref(), team.as_ref()).await?;
                planned.extend(plan.places.iter().map(|place| self.moved(owned.clone(), place)));
                if plan.somewhere {
                    planned.push(owned);
                }
            }
        }
        Ok(planned)
    }

    /// The object with another user or team, or without; `None`: as it is.
    async fn owned(
        &self,
        object: Keyed,
        user: Option<&Option<String>>,
        team: Option<&Option<String>>,
    ) -> Result<Keyed, Refusal> {
        let object = match user {
            None => object,
            Some(user) => {
                let known = Known { responsible: Some(user.as_deref().map(Cow::from)), ..Known::default() };
                object.had_by(&self.keyed_alone(&known).await?)
            }
        };
        Ok(match team {
            Some(team) => {
                let tenant = &self.granted.actor.tenant;
                object.of_team(team.as_deref().and_then(|team| self.gate.keys.team(tenant, team)))
            }
            None => object,
        })
    }

    /// The object where it would stand.
    fn moved(&self, object: Keyed, Place { pipeline, stage }: &Place) -> Keyed {
        let policy = self.granted.actor.grants.policy();
        let symbol = |name: &Option<String>| name.as_deref().map(|name| policy.symbol(name));
        object.moved(pipeline.as_ref().map(symbol), symbol(stage))
    }

    /// The field that is named where the object may not be as the request would have it.
    fn field_of(&self, plan: &Plan) -> &str {
        let writing = &self.matched.route.writing;
        let place = writing.stage.as_ref().or(writing.pipeline.as_ref());
        let owner = writing.assign.as_ref().and_then(|assign| assign.user.as_ref().or(assign.team.as_ref()));
        let is_given = !(plan.users.is_empty() && plan.teams.is_empty());
        let field = if is_given { owner } else { place.or(owner) };
        field.map_or("", String::as_str)
    }

    fn may_be_creator(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        assign: &Assign,
        plan: &Plan,
    ) -> Result<(), Barred> {
        let actor = &self.granted.actor;
        if plan.creators.iter().all(|name| name.as_deref() == Some(actor.user.as_str())) {
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
    aliases: &Aliases,
) -> Result<Vec<Option<String>>, Barred> {
    let Some(field) = field else { return Ok(Vec::new()) };
    match preset(fields, field, listed, aliases) {
        Preset::Absent => Ok(Vec::new()),
        Preset::Unclear => Err(Barred::unclear(field)),
        Preset::Given(values) => {
            let name = |value: &Value| name(value).map(|name| name.map(Cow::into_owned));
            // Each once: somebody is looked up for each.
            let names: Option<BTreeSet<_>> = values.iter().map(name).collect();
            // As many as are decided on at most: each is compared with all that the policy names.
            let names = names.filter(|names| names.len() <= READINGS_MAX);
            names.map(|names| names.into_iter().collect()).ok_or_else(|| Barred::unclear(field))
        }
    }
}

/// Whether a backend may read a place as one of these, which is written otherwise: `Legal ` as `legal`, `0142` and `142.0` as `142`.
fn is_almost_one_of(name: &str, known: &[String]) -> bool {
    let is_number =
        |name: &str| name == "0" || !name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit());
    let begins_as_number = name.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_numeric);
    let is_odd_number = begins_as_number && !is_number(name);
    let is_almost = |known: &String| folded(known) == folded(name) || (is_odd_number && is_number(known));
    known.iter().all(|known| known != name) && known.iter().any(is_almost)
}

/// A name or a whole number, or nobody; `None` if it is none of these.
pub(super) fn name(value: &Value) -> Option<Option<Cow<'_, str>>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if text.is_empty() => Some(None),
        Value::String(text) if text.len() <= NAME_BYTES_MAX => Some(Some(text.into())),
        Value::Number(number) => Some(Some(body::whole(number)?.into())),
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_the_policy_writes_it_or_is_another_one() {
        let known = ["legal", "Legal hold", "142"].map(str::to_owned);
        for name in [
            "Legal",
            "legal ",
            "LEGAL",
            "legal_hold",
            "0142",
            "142.0",
            "142abc",
            " 142",
            "+142",
            "1e2",
            "0x8e",
        ] {
            assert!(is_almost_one_of(name, &known), "{name}");
        }
        for name in ["legal", "Legal hold", "142", "143", "0", "new", "won2", "legally"] {
            assert!(!is_almost_one_of(name, &known), "{name}");
        }
        assert!(!is_almost_one_of("7e1c22b0-0d5b", &known[..1]), "no place is a number");
    }
}
