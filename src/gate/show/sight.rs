//! Who sees what of an answer: the filter's judge, which asks the one decision for every object.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    look_up::{Found, Sought},
    must_show::MustShow,
    shape::{Right, Shape, Shapes},
    teams::Teams,
};
use crate::{
    filter::{EntityNo, Fields, Judge, Object, Verdict},
    gate::{
        facts::{Keyed, Known, Referred, RefersTo, is_that},
        permit::{Asked, Permit},
    },
    policy::{
        Actor, Allowed, Decision, Facts, FieldNo, Keys, Question, ResourceNo, Scope, TeamKey, Via, decide,
    },
};

/// Kinds of objects whose fields are remembered while one answer is read: more than any answer has.
const REMEMBERED_MAX: usize = 32;

/// One user's sight of one answer.
pub struct Sight<'a> {
    /// Who looks.
    pub actor: &'a Actor,
    /// What makes keys of names.
    pub keys: &'a Keys,
    /// The answers of the tenant.
    pub shapes: &'a Shapes,
    /// What the route asks for; rows are decided on by this action too.
    pub asked: Asked,
    /// The right to see the one object that the answer is about; `None` for rows, and where the answer itself must
    /// tell whose it is.
    pub decided: Option<&'a Permit>,
    /// The decision on the request, where it shows no more of that object than `decided` lets it.
    pub also: Option<&'a Permit>,
    /// Whether an id is that of the one object that was asked for; `None` where none was, or its id says nothing.
    pub is_asked_for: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// The object that the route is about, if it is not in the answer: its resource, and what is known of it.
    pub around: Option<(ResourceNo, &'a Keyed)>,
    /// What was known of the one object that the answer is about, if the answer itself tells nothing of it: some backends
    /// answer a write with no more than an id.
    pub before: Option<&'a Keyed>,
    /// The teams of responsible users, as far as they are known.
    pub teams: &'a mut Teams,
    /// Tells those teams that are known without asking anybody.
    pub known_teams: &'a (dyn Fn(&str) -> Option<Vec<TeamKey>> + Sync),
    /// What the tag of a conversation says, by the id that the backend has for it.
    pub tag: &'a (dyn Fn(&str) -> Option<Known<'static>> + Sync),
    /// What is known of objects that were looked up.
    pub found: Option<&'a Found>,
    /// What a row must show besides.
    pub must_show: Option<&'a MustShow>,
    /// The one object that the answer is about may not be seen.
    pub main_is_hidden: bool,
    /// It is another one than was asked for.
    pub main_is_another: bool,
    /// The rows at its ends, where they are wanted.
    pub ends: Option<Ends>,
    /// What stands in lists beside the rows and is shown with those that refer to it.
    pub with_rows: &'a [EntityNo],
    /// What the rows that are shown refer to, by what was read of the answer before.
    pub referred: &'a BTreeSet<Referred>,
    refers: BTreeSet<Referred>,
    /// What has stood beside the rows so far.
    beside: BTreeSet<Referred>,
    wanted: Wanted,
    /// The objects in which the next one stands, outermost first.
    standing: Vec<Standing>,
    remembered: Vec<(Remembered, Fields)>,
}

/// What a sight lacks to tell.
#[derive(Debug, Default)]
pub struct Wanted {
    /// What the rows that are shown refer to, of what stands beside them. If it was not known, the answer must be read again.
    pub referred: BTreeSet<Referred>,
    /// Users whose teams are wanted.
    pub teams_of: BTreeSet<String>,
    /// Users were responsible beyond those whose teams are looked up for one answer.
    pub teams_beyond: bool,
    /// Objects that are to be looked up.
    pub objects: BTreeSet<Sought>,
    /// Objects were named beyond those that are looked up for one answer.
    pub beyond: bool,
    /// An object had more participants than are read.
    pub participants_beyond: bool,
    /// One that is shown referred to more than is read.
    pub references_beyond: bool,
}

/// The first row of an answer and the last, by their ids.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Of all that have one.
    pub any: Option<(Arc<str>, Arc<str>)>,
    /// Of those that are shown.
    pub shown: Option<(Arc<str>, Arc<str>)>,
    /// Two rows that are looked for.
    pub sought: Option<(Arc<str>, Arc<str>)>,
    /// Whether each of them is among all rows.
    pub met: (bool, bool),
}

/// Everything on which the fields of an object depend.
type Remembered = (EntityNo, usize, Allowed, Option<Allowed>);

#[derive(Debug)]
struct Standing {
    resource: ResourceNo,
    keyed: Keyed,
    part: bool,
}

impl<'a> Sight<'a> {
    /// The sight of one answer.
    #[must_use]
    pub fn new(
        actor: &'a Actor,
        keys: &'a Keys,
        shapes: &'a Shapes,
        asked: Asked,
        teams: &'a mut Teams,
        known_teams: &'a (dyn Fn(&str) -> Option<Vec<TeamKey>> + Sync),
        tag: &'a (dyn Fn(&str) -> Option<Known<'static>> + Sync),
    ) -> Self {
        Self {
            actor,
            keys,
            shapes,
            asked,
            decided: None,
            also: None,
            is_asked_for: None,
            around: None,
            before: None,
            teams,
            known_teams,
            tag,
            found: None,
            must_show: None,
            main_is_hidden: false,
            main_is_another: false,
            ends: None,
            with_rows: &[],
            referred: const { &BTreeSet::new() },
            refers: BTreeSet::new(),
            beside: BTreeSet::new(),
            wanted: Wanted::default(),
            standing: Vec::new(),
            remembered: Vec::new(),
        }
    }

    /// What was asked for and is not known: if there is anything, the answer must be read again with it.
    #[must_use]
    pub fn into_wanted(self) -> Wanted {
        Wanted { referred: self.refers, ..self.wanted }
    }

    /// The fields that two decisions show together.
    fn fields(&mut self, key: Remembered, right: &Right) -> Fields {
        if let Some((_, fields)) = self.remembered.iter().find(|(known, _)| *known == key) {
            return fields.clone();
        }
        let (.., allowed, also) = &key;
        let fields = right.fields(|field| self.sees(allowed, also.as_ref(), field));
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push((key, fields.clone()));
        }
        fields
    }

    /// Whether one decision shows a field, and another one, too.
    fn sees(&self, allowed: &Allowed, also: Option<&Allowed>, field: FieldNo) -> bool {
        let grants = &self.actor.grants;
        grants.sees(allowed, field) && also.is_none_or(|also| grants.sees(also, field))
    }

    /// What is known of an object, as a decision takes it.
    fn keyed(&mut self, known: &Known<'_>, right: &Right) -> Keyed {
        let teams = match known.needs_teams_of() {
            None => &[],
            Some(user) if user == self.actor.user.as_str() => &*self.actor.team_keys,
            Some(user) => {
                if self.teams.of(user).is_none() && self.teams_matter(right) {
                    let has_room = self.teams.has_room(self.wanted.teams_of.len());
                    match has_room.then(|| (self.known_teams)(user)).flatten() {
                        Some(teams) => self.teams.know(user, teams),
                        None => self.want_teams_of(user),
                    }
                }
                self.teams.of(user).unwrap_or_default()
            }
        };
        let policy = self.actor.grants.policy();
        let keyed = Keyed::new(known, &self.actor.tenant, self.keys, policy, teams);
        let via = known.via.as_ref().and_then(|(name, via)| Some((policy.resource(name)?, via)));
        match via {
            None => keyed,
            Some((resource, via)) => keyed.through(resource, self.keyed(via, right)),
        }
    }

    /// Notes that the teams of a user are wanted, if there is room.
    fn want_teams_of(&mut self, user: &str) {
        if self.wanted.teams_of.contains(user) {
            return;
        }
        if self.teams.has_room(self.wanted.teams_of.len()) {
            self.wanted.teams_of.insert(user.to_owned());
        } else {
            self.wanted.teams_beyond = true;
        }
    }

    /// Whether teams can change who sees it.
    fn teams_matter(&self, right: &Right) -> bool {
        let reach = self.actor.grants.reach(right.resource, right.action);
        reach.within > Scope::Own && reach.certain < Scope::All
    }

    /// The object of which the next one is a part, or through which it is reached.
    fn whole(&self) -> Option<(ResourceNo, &Keyed)> {
        let standing = self.standing.iter().rev().find(|standing| !standing.part);
        standing.map(|standing| (standing.resource, &standing.keyed)).or(self.around)
    }

    /// Asks the one decision about an object whose facts these are.
    fn decide(&self, resource: ResourceNo, action: crate::policy::ActionNo, keyed: &Keyed) -> Decision {
        let mut chain = vec![];
        if let Some(via) = keyed.via() {
            chain.push(via);
        } else {
            let wholes = self.standing.iter().rev().filter(|standing| !standing.part);
            chain.extend(wholes.map(|standing| (standing.resource, &standing.keyed)));
            chain.extend(self.around);
        }
        chain.reverse();
        through(&chain, None, &mut |via| {
            let facts = Facts { via, ..keyed.alone() };
            decide(self.actor, Question { resource, action, object: Some(&facts), writes: &[] })
        })
    }

    /// What is known of the object that this one names. Of one that was not looked up yet, nothing.
    fn looked_up(&mut self, object: &Object<'_>, shape: &Shape) -> Known<'static> {
        let Some(id) = shape.reading.looked_up(object) else { return Known::default() };
        let sought = Sought { by: object.entity, id: id.into_owned() };
        let Some(found) = self.found else { return Known::default() };
        if let Some(known) = found.of(&sought) {
            return known;
        }
        if !found.has_room(self.wanted.objects.len()) {
            self.wanted.beyond = true;
        } else if sought.is_plain() {
            self.wanted.objects.insert(sought);
        }
        Known::default()
    }

    fn verdict(&mut self, object: &Object<'_>, shape: &Shape, kind: usize) -> Option<Fields> {
        let right = shape.rights.get(kind)?.as_ref()?;
        let known = if shape.tag {
            shape.reading.id(object).and_then(|id| (self.tag)(&id)).unwrap_or_default()
        } else if shape.look_up.is_some() {
            self.looked_up(object, shape)
        } else {
            shape.reading.known(object)
        };
        self.wanted.participants_beyond |= known.has_participants_beyond();
        let own = match self.before.filter(|_| object.main && known == Known::default()) {
            Some(before) => before.clone(),
            None => self.keyed(&known, right),
        };
        let keyed = match self.whole() {
            Some((_, whole)) if shape.part => whole.part(&own),
            _ => own,
        };
        let mut refers = Vec::new();
        let decided = self.decided.filter(|_| object.main && right.resource == self.asked.resource);
        let fields = if let Some(permit) = decided {
            let also = |field| self.also.is_none_or(|also| also.shows(self.actor, field));
            right.fields(|field| permit.shows(self.actor, field) && also(field))
        } else {
            let Decision::Allow(allowed) = self.decide(right.resource, right.action, &keyed) else {
                return None;
            };
            let also = match self.asked.of_rows.filter(|action| object.main && *action != right.action) {
                None => None,
                Some(action) => match self.decide(right.resource, action, &keyed) {
                    Decision::Allow(also) => Some(also),
                    Decision::Deny(_) => return None,
                },
            };
            if let Some(must_show) = self.must_show.filter(|_| object.main) {
                let mut needed = must_show.fields_of_row(right.resource);
                if !needed.all(|field| self.sees(&allowed, also.as_ref(), field)) {
                    return None;
                }
            }
            refers = self.refers_to(object, shape, right, &allowed, also.as_ref());
            self.fields((object.entity, kind, allowed, also), right)
        };
        self.standing.push(Standing { resource: right.resource, keyed, part: shape.part });
        let shows_parts = !object.main || self.must_show.is_none_or(|must_show| self.shows_parts(must_show));
        if shows_parts {
            for to in refers {
                self.wanted.references_beyond |= to.beyond;
                self.refers.extend(to.objects);
            }
        }
        shows_parts.then_some(fields)
    }

    /// What stands beside the rows to which this object refers, in fields that are shown, if it is one of them or stands in one.
    fn refers_to(
        &self,
        object: &Object<'_>,
        shape: &Shape,
        right: &Right,
        allowed: &Allowed,
        also: Option<&Allowed>,
    ) -> Vec<RefersTo> {
        let is_of_row = std::iter::successors(Some(object), |object| object.outer).any(|object| object.main);
        if self.with_rows.is_empty() || !is_of_row {
            return Vec::new();
        }
        let places = shape.reading.refers(object).zip(&right.refers);
        let shown = places.filter(|(to, fields)| {
            self.with_rows.contains(&to.entity) && fields.iter().all(|field| self.sees(allowed, also, *field))
        });
        shown.map(|(to, _)| to).collect()
    }

    /// Whether an object stands beside the rows for a hidden one: none of those that are shown refers to it, or it stood there before.
    fn is_beside_hidden(&mut self, object: &Object<'_>) -> bool {
        if object.main || object.outer.is_some() || !self.with_rows.contains(&object.entity) {
            return false;
        }
        let shape = self.shapes.entity(object.entity);
        let referred = shape.and_then(|shape| shape.reading.referred(object));
        referred.is_none_or(|it| !self.referred.contains(&it) || !self.beside.insert(it))
    }

    /// Whether the row that stands last shows what it must of its parts, whichever they are: nothing is known of them but that.
    fn shows_parts(&self, must_show: &MustShow) -> bool {
        let part = self.whole().map(|(_, whole)| whole.part_of_unknown_kind());
        must_show.parts().all(|(resource, action, fields)| {
            match part.as_ref().map(|part| self.decide(resource, action, part)) {
                Some(Decision::Allow(allowed)) => {
                    fields.iter().all(|field| self.sees(&allowed, None, *field))
                }
                Some(Decision::Deny(_)) | None => false,
            }
        })
    }
}

impl std::fmt::Debug for Sight<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sight")
            .field("user", &self.actor.user)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl Judge for Sight<'_> {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        // A placeholder would tell of the rows that refer to it.
        if self.is_beside_hidden(object) {
            return Verdict::Absent;
        }
        let verdict = self.judged(object).map_or(Verdict::Hidden, Verdict::Shown);
        self.main_is_hidden |= object.main && verdict == Verdict::Hidden;
        if object.main {
            self.note_end(object, verdict != Verdict::Hidden);
        }
        verdict
    }
}

impl Sight<'_> {
    /// Notes a row as the last one so far.
    fn note_end(&mut self, object: &Object<'_>, is_shown: bool) {
        let Some(at_ends) = &mut self.ends else { return };
        let shape = self.shapes.entity(object.entity).filter(|shape| shape.reading.has_id());
        let Some(id) = shape.and_then(|shape| shape.reading.id(object)) else { return };
        let id: Arc<str> = id.into();
        if let Some((one, other)) = &at_ends.sought {
            at_ends.met.0 |= *one == id;
            at_ends.met.1 |= *other == id;
        }
        for (ends, counts) in [(&mut at_ends.any, true), (&mut at_ends.shown, is_shown)] {
            if counts {
                let first = ends.take().map_or_else(|| Arc::clone(&id), |(first, _)| first);
                *ends = Some((first, Arc::clone(&id)));
            }
        }
    }

    /// The fields of an object that are shown; `None` if it is hidden.
    fn judged(&mut self, object: &Object<'_>) -> Option<Fields> {
        let depth = std::iter::successors(object.outer, |outer| outer.outer).count();
        self.standing.truncate(depth);
        let shape = self.shapes.entity(object.entity)?;
        // A row that cannot be got by its id is not believed (D08), and neither is another object than that which
        // was asked for.
        if object.main && shape.reading.has_id() && (self.decided.is_none() || self.is_asked_for.is_some()) {
            let id = shape.reading.id(object);
            let is_it = self.is_asked_for.is_none_or(|is_it| id.as_deref().is_some_and(is_it));
            self.main_is_another |= !is_it;
            if id.is_none() || !is_it {
                return None;
            }
        }
        let kind = kind(object, shape)?;
        self.verdict(object, shape, kind)
    }
}

/// Which of its kinds an object is, 0 being none; `None` if that cannot be told.
fn kind(object: &Object<'_>, shape: &Shape) -> Option<usize> {
    let mut found = 0;
    for (number, (fact, is)) in (1..).zip(shape.reading.kinds.iter().zip(&shape.kinds)) {
        let fits = is_that(object.fact(*fact)?, is)?;
        if fits && found == 0 {
            found = number;
        }
    }
    Some(found)
}

/// Asks with the objects through which something is reached, outermost first.
fn through<T>(
    chain: &[(ResourceNo, &Keyed)],
    outer: Option<&Via<'_>>,
    ask: &mut dyn FnMut(Option<&Via<'_>>) -> T,
) -> T {
    match chain {
        [] => ask(outer),
        [(resource, keyed), inner @ ..] => {
            let via = Via { resource: *resource, facts: Facts { via: outer, ..keyed.alone() } };
            through(inner, Some(&via), ask)
        }
    }
}
