//! A tenant's entities and answers as the filter takes them, against one policy: which fields its rules tell
//! apart, and the numbers of its rights.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
};

use smallvec::SmallVec;

use super::answer::Withheld;
use crate::{
    config::{
        routes::{Entity, Judged, Literal, LookUp, Main, Route, RouteMap, Shows},
        text::steps,
    },
    filter::{EntityNo, FieldIx, Fields, Layout, Schema, SchemaError},
    gate::{facts::Reading, permit::Asked, refusal::Refusal, spelt::Spelt},
    policy::{ActionNo, Actor, FieldNo, Policy, Reach, ResourceNo, Scope},
};

/// All answers of a route map.
#[derive(Debug)]
pub struct Shapes {
    /// The policy whose numbers these are.
    policy: Arc<Policy>,
    /// Names, for the decision log.
    pub schema: Arc<Schema>,
    entities: Vec<Shape>,
    /// By entity: an answer that is about one.
    objects: Vec<Layout>,
    /// By [`Route::number`](crate::config::routes::Route::number), each made when it is first asked for.
    answers: Vec<OnceLock<Answer>>,
}

/// What a route's answer is made of.
#[derive(Debug)]
pub struct Answer {
    /// For who may see every row: counts pass as they are.
    pub every_row: Layout,
    /// For everybody else.
    pub some_rows: Layout,
    /// What must be judged of it before it passes to who may see every row; `None` if something is taken out for
    /// everybody.
    pub judged: Option<Judged>,
}

/// An entity.
#[derive(Debug)]
pub struct Shape {
    /// How its facts are read.
    pub reading: Reading,
    /// Its facts are those of the tag of the conversation that has its id.
    pub tag: bool,
    /// Its facts are those of another object.
    pub look_up: Option<LookUp>,
    /// Its facts are those of the object of which it is a part.
    pub part: bool,
    /// The rights that are asked for: as its resource, then as each of its kinds. `None`: the policy does not know
    /// it, and nobody sees it.
    pub rights: Vec<Option<Right>>,
    /// By kind: the value that makes it one.
    pub kinds: Vec<Literal>,
}

impl Shape {
    /// Whether it takes the same right to see it, of whatever kind it is.
    #[must_use]
    pub fn is_of_one_right(&self) -> bool {
        let right = |right: &Option<Right>| right.as_ref().map(|right| (right.resource, right.action));
        self.rights.first().is_some_and(|first| {
            first.is_some() && self.rights.iter().all(|other| right(other) == right(first))
        })
    }

    /// Whether a user sees it, of whatever kind it is, wherever a scope of this width reaches.
    #[must_use]
    pub fn is_seen_within(&self, actor: &Actor, scope: Scope) -> bool {
        self.has_each_right(|right| actor.grants.reach(right.resource, right.action).certain >= scope)
    }
}

/// What is asked for where an entity stands in an answer.
#[derive(Debug)]
pub struct Right {
    /// The resource.
    pub resource: ResourceNo,
    /// The action.
    pub action: ActionNo,
    /// By the filter's number of a field: the fields of the policy that must all be shown.
    fields: Vec<SmallVec<[FieldNo; 2]>>,
    /// The same of each place at which the entity refers to others.
    pub refers: Vec<SmallVec<[FieldNo; 2]>>,
}

impl Shapes {
    /// Compiles a route map.
    ///
    /// # Errors
    /// [`SchemaError`] if places of entities are in each other's way, which the configuration has checked.
    pub fn new(map: &RouteMap, policy: &Arc<Policy>) -> Result<Self, SchemaError> {
        let read: Vec<_> = map.entities.iter().map(Reading::of).collect();
        let sources = map.entities.iter().zip(&read);
        let sources = sources.map(|(entity, (_, facts))| entity.source(ruled(entity, policy), facts.clone()));
        let schema = Arc::new(Schema::compile(sources.collect())?);
        let entities = map.entities.iter().zip(read).enumerate().map(|(number, (entity, (reading, _)))| {
            let number = EntityNo(u16::try_from(number).unwrap_or(u16::MAX));
            let resources =
                std::iter::once(&entity.resource).chain(entity.kinds.iter().map(|kind| &kind.resource));
            let rights = resources.map(|resource| right(policy, resource, entity, schema.fields(number)));
            Shape {
                reading,
                tag: entity.tag,
                look_up: entity.look_up.clone(),
                part: entity.part,
                rights: rights.collect(),
                kinds: entity.kinds.iter().map(|kind| kind.is.clone()).collect(),
            }
        });
        let objects = map
            .entities
            .iter()
            .zip(0..)
            .map(|(entity, number)| Layout::compile(&schema, entity.answer(EntityNo(number))));
        Ok(Self {
            policy: Arc::clone(policy),
            schema: Arc::clone(&schema),
            entities: entities.collect(),
            objects: objects.collect::<Result<_, _>>()?,
            answers: map.routes.iter().map(|_| OnceLock::new()).collect(),
        })
    }

    /// Whether these are against this policy.
    #[must_use]
    pub fn are_of(&self, policy: &Arc<Policy>) -> bool {
        Arc::ptr_eq(&self.policy, policy)
    }

    /// An entity.
    #[must_use]
    pub fn entity(&self, number: EntityNo) -> Option<&Shape> {
        self.entities.get(usize::from(number.0))
    }

    /// An answer that is about one object.
    #[must_use]
    pub fn object(&self, entity: EntityNo) -> Option<&Layout> {
        self.objects.get(usize::from(entity.0))
    }

    /// How far a user sees the rows of an answer; of an answer without rows, what the route asks for.
    #[must_use]
    pub fn reach(&self, actor: &Actor, shows: &Shows, asked: Asked) -> Reach {
        let of_route = actor.grants.reach(asked.resource, asked.action);
        let Some(Main::Rows(_, entity)) = &shows.main else {
            // A list without rows, such as one of counts, says nothing that its rows would not.
            let Some(view) = asked.view.filter(|_| asked.of_rows.is_none()) else { return of_route };
            let of_rows = actor.grants.reach(asked.resource, view);
            return Reach { certain: of_route.certain.min(of_rows.certain), ..of_route };
        };
        let Some(shape) = self.entity(*entity) else { return of_route };
        let mut reach = asked.of_rows.map_or(Reach { within: Scope::All, certain: Scope::All }, |_| of_route);
        let mut within = Scope::None;
        for right in &shape.rights {
            let of_right = right.as_ref().map(|right| actor.grants.reach(right.resource, right.action));
            within = within.max(of_right.map_or(Scope::None, |reach| reach.within));
            reach.certain = reach.certain.min(of_right.map_or(Scope::None, |reach| reach.certain));
        }
        reach.within = reach.within.min(within);
        reach
    }

    /// Whether a user has what a route asks for to all, and the right to see all that its answer is about.
    #[must_use]
    pub fn reaches_all(&self, actor: &Actor, shows: &Shows, asked: Asked) -> bool {
        let reaches = |resource, action| actor.grants.reach(resource, action).certain == Scope::All;
        let of_answer = match &shows.main {
            None => true,
            Some(Main::Rows(_, entity) | Main::Object(entity)) => self
                .entity(*entity)
                .is_some_and(|shape| shape.has_each_right(|right| reaches(right.resource, right.action))),
        };
        of_answer && reaches(asked.resource, asked.action)
    }

    /// What a route's answer is made of; `map` is the one that these are of.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] for a route of another map, and [`Refusal::Withheld`] if places of entities are in each
    /// other's way, which the configuration has checked.
    pub fn answer(&self, map: &RouteMap, route: &Route) -> Result<&Answer, Refusal> {
        let slot = self.answers.get(route.number).ok_or(Refusal::Unknown)?;
        if let Some(answer) = slot.get() {
            return Ok(answer);
        }
        let every_row = Layout::compile(&self.schema, route.shows.every_row(&map.entities))
            .map_err(|error| unfit(&error))?;
        let some_rows = Layout::compile(&self.schema, route.shows.some_rows(&map.entities))
            .map_err(|error| unfit(&error))?;
        let judged = route.shows.judged(&map.entities);
        Ok(slot.get_or_init(|| Answer { every_row, some_rows, judged }))
    }
}

impl Shape {
    /// Whether all that may be asked for is known to the policy, and holds.
    pub fn has_each_right(&self, holds: impl Fn(&Right) -> bool) -> bool {
        self.rights.iter().all(|right| right.as_ref().is_some_and(&holds))
    }
}

impl Right {
    /// Those of an entity's fields of which `shows` tells that their fields of the policy are shown.
    pub fn fields(&self, shows: impl Fn(FieldNo) -> bool) -> Fields {
        let mut shown = Fields::NONE;
        for (number, of_policy) in (0..).zip(&self.fields) {
            if of_policy.iter().all(|field| shows(*field)) {
                shown.insert(FieldIx(number));
            }
        }
        shown
    }
}

/// Tells the operator why answers cannot be told, and the user nothing.
pub(in crate::gate) fn unfit(error: &SchemaError) -> Refusal {
    tracing::error!(error = error as &dyn Error, "the routes fit no answer");
    Refusal::Withheld(Withheld::Unreadable)
}

/// The names of fields that rules tell apart, for whatever resource the entity may be.
fn ruled(entity: &Entity, policy: &Policy) -> Vec<String> {
    let resources = std::iter::once(&entity.resource).chain(entity.kinds.iter().map(|kind| &kind.resource));
    let mut names: Vec<String> = resources
        .filter_map(|name| policy.resource(name))
        .flat_map(|resource| {
            let named = policy.fields_of(resource).filter(|field| *field != FieldNo::OTHER);
            named.flat_map(move |field| entity.aliases.touching(policy.field_name(resource, field)))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn right(policy: &Policy, resource: &str, entity: &Entity, fields: &[String]) -> Option<Right> {
    let resource = policy.resource(resource)?;
    let action = policy.action(&entity.action)?;
    let spelt = Spelt::of(policy, resource, &entity.aliases);
    let fields = fields.iter().map(|name| fields_of(&spelt, name)).collect();
    let refers = entity.refers.iter().map(|refers| {
        let name: Vec<String> = steps(&refers.at).collect();
        fields_of(&spelt, &name.join("."))
    });
    Some(Right { resource, action, fields, refers: refers.collect() })
}

/// The fields of the policy that must be shown for the field `name` to be: those that a rule names on the way to
/// it, or else the one for all the rest, and every one that has the bare name of a step.
pub(in crate::gate) fn fields_of(spelt: &Spelt, name: &str) -> SmallVec<[FieldNo; 2]> {
    let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
    let mut fields: SmallVec<[FieldNo; 2]> =
        ends.filter_map(|end| name.get(..end)).flat_map(|name| spelt.fields(name)).collect();
    if fields.is_empty() {
        fields.push(FieldNo::OTHER);
    }
    fields.extend(name.split('.').flat_map(|step| spelt.fields(step)));
    fields.sort_unstable();
    fields.dedup();
    fields
}
