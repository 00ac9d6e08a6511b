//! What a user sees of an answer, whatever its rows are: the only fields that a question may name.
//!
//! A row comes or does not by the field that is asked about. So the field must be seen of each row that the user could be
//! shown by the route, by whichever role, relation or rule; or the rows that hide it are left out ([`Cover`]). That goes only where
//! nothing tells of a row that is left out ([`leaves_out`]): else a field that some rows hide is hidden. What is nested in a row counts
//! by its own entity, and must be there for the user wherever the row is; of a part of the row that is decided as well.

use std::{collections::BTreeMap, ops::Range};

use super::fields::Way;
use crate::{
    config::{
        aliases::Aliases,
        routes::{Entity, Main, Shows},
    },
    filter::EntityNo,
    gate::{
        Passage,
        body::FIELD_STEPS_MAX,
        permit::Permit,
        refusal::Refusal,
        show::{
            cover::Cover,
            shape::{Shape, Shapes, fields_of},
        },
        spelt::Spelt,
    },
    policy::{ActionNo, Actor, FieldNo, ResourceNo, Scope, ShownOf},
    query::folded,
};

/// How deep nested objects are followed. What stands deeper counts as hidden.
const NESTED_MAX: usize = 8;

/// Words of a name in a question, more than any API has in one. What has more counts as hidden.
const WORDS_MAX: usize = 2 * FIELD_STEPS_MAX;

/// Words behind which a field's name begins within a step: `min_price`, `name_or_price`.
const BEFORE_FIELDS: [&str; 42] = [
    "and", "or", "not", "no", "by", "on", "is", "has", "in", "any", "all", "min", "max", "from", "to",
    "before", "after", "since", "until", "gt", "gte", "lt", "lte", "eq", "ne", "like", "sort", "order",
    "filter", "where", "search", "find", "with", "without", "contains", "exclude", "except", "over", "under",
    "above", "below", "group",
];

/// What a row must show so that something in it is seen; `None`: it may be hidden whatever the row shows.
pub(super) type Seen = Option<Cover>;

/// What a user sees of an answer.
pub(super) struct Covered<'a> {
    actor: &'a Actor,
    /// The decision on the one object that is asked about, by its resource.
    object: Option<(ResourceNo, &'a Permit)>,
    /// Rows that hide what is asked about are left out.
    leaves_out: bool,
    kinds: Vec<Kind>,
    /// Fields by the names that may mean them, without what readers fold.
    fields: BTreeMap<String, Vec<Field>>,
    /// Nested kinds by how a name may call them, so that what follows is a field of theirs.
    called: BTreeMap<String, Vec<usize>>,
    /// Bytes of the longest of these names.
    name_bytes_max: usize,
}

/// What a name in a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Where everything is seen that it may mean.
    pub(super) seen: Seen,
    /// Some of its steps are the name of something that somebody declared; else what it means may be any field besides.
    pub(super) is_known: bool,
}

/// One kind of objects in the answer.
#[derive(Debug)]
struct Kind {
    /// It is nested in another one.
    nested: bool,
    /// Who decides for each row whether a field of it is shown there.
    by_row: ByRow,
    /// The rights by which they are shown.
    rights: Vec<(ResourceNo, Vec<ActionNo>)>,
    /// The resources of that in which they may stand.
    through: Vec<ResourceNo>,
    /// Where the user sees each of them that stands in something they see.
    sure: Seen,
    /// Any member may be a field.
    any: bool,
    /// It may stand in the answer; otherwise it is only searched in, and means what calls it.
    shown: bool,
}

/// Whether a field that is shown of some objects of a kind is decided on by the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ByRow {
    /// They are the rows.
    Itself,
    /// They are parts of the rows: the row's facts are theirs.
    Part,
    /// No.
    No,
}

/// A field that a name may mean.
#[derive(Clone, Debug)]
struct Field {
    /// The place of its kind.
    kind: usize,
    /// How much of its name that is.
    named: Named,
    /// Where it is seen.
    seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Whole,
    /// Its last steps: `phone_number` for `contact.phone_number`.
    End,
    /// That in which it stands.
    Around,
}

/// A word of a name.
struct Word {
    /// Without what readers fold.
    text: String,
    /// It is the first one of a step.
    begins: bool,
    /// It is the last one of a step.
    ends: bool,
}

/// Words of a name that follow each other, by their places.
type Run = Range<usize>;

/// A field that a part of a name means.
struct Match<'a> {
    run: Run,
    /// The part is made of whole steps.
    is_of_steps: bool,
    field: &'a Field,
}

impl<'a> Covered<'a> {
    /// What is sure to be seen of the answer to a request. `permit` is the decision on it, on its object if it `has_object`.
    ///
    /// # Errors
    /// As [`Passage::shapes`].
    pub(super) fn of(
        passage: &'a Passage<'a>,
        permit: &'a Permit,
        has_object: bool,
    ) -> Result<Self, Refusal> {
        let (route, asked) = (&passage.matched.route, passage.asked);
        let shapes = passage.shapes()?;
        let (main, rows) = match &route.shows.main {
            Some(Main::Rows(_, entity)) => (Some(*entity), true),
            Some(Main::Object(entity)) => (Some(*entity), false),
            None => (None, false),
        };
        let mut covered = Self {
            actor: &passage.granted.actor,
            object: (has_object && !rows).then_some((asked.resource, permit)),
            leaves_out: leaves_out(&route.shows, &passage.side.routes.map.entities)
                && passage.in_shadow().is_none(),
            kinds: Vec::new(),
            fields: BTreeMap::new(),
            called: BTreeMap::new(),
            name_bytes_max: 0,
        };
        let mut declared = Declared {
            shapes: &shapes,
            entities: &passage.side.routes.map.entities,
            via: asked.via.into_iter().collect(),
            nested: BTreeMap::new(),
        };
        for entity in route.shows.entities() {
            covered.add_rows(&mut declared, entity, asked.of_rows.filter(|_| rows && Some(entity) == main));
        }
        // A list without rows, such as one of counts, says nothing that its rows would not.
        let mut resources = covered.kinds.iter().filter(|kind| !kind.nested).flat_map(|kind| &kind.rights);
        if !resources.any(|(resource, _)| *resource == asked.resource) {
            let action = asked.of_rows.or(asked.view).unwrap_or(asked.action);
            let rights = vec![(asked.resource, vec![action])];
            let kind = Kind {
                nested: false,
                by_row: ByRow::No,
                rights,
                through: declared.via.clone(),
                sure: Some(Cover::default()),
                any: false,
                shown: true,
            };
            covered.add(kind, (&[], &Aliases::default()));
        }
        // What is searched in need not be shown.
        let within = covered.actor.grants.reach(asked.resource, asked.view.unwrap_or(asked.action)).within;
        let outer = Outer {
            through: vec![asked.resource],
            within,
            is_part: true,
            sure: Some(Cover::default()),
            shown: false,
            depth: 0,
        };
        for name in route.asking.searches.values().flatten().filter_map(|field| field.split('.').next()) {
            let at = declared.entities.iter().position(|entity| entity.name == name);
            if let Some(number) = at.and_then(|at| u16::try_from(at).ok())
                && !covered.called.contains_key(&folded(name))
                && !route.shows.entities().any(|of| of == EntityNo(number))
            {
                covered.add_inner(&mut declared, "", EntityNo(number), &outer);
            }
        }
        Ok(covered)
    }

    /// What a name may be about. What stands in its steps is words, and with a declared name begins what many a backend takes for that
    /// and an operator (`phone_number_gt`, `min_price`, `contact_name_or_email`). A row's own field comes before one of the same name in what
    /// is nested in the row.
    pub(super) fn meaning(&self, way: &Way) -> Meaning {
        let steps: Vec<Vec<String>> =
            way.iter().flat_map(|step| step.split('.')).map(words).filter(|step| !step.is_empty()).collect();
        let words: Vec<Word> = steps.iter().flat_map(|step| placed(step)).collect();
        if steps.len() > FIELD_STEPS_MAX || words.len() > WORDS_MAX {
            return Meaning { seen: None, is_known: true };
        }
        let (matches, calls) = self.named_in(&words);
        let is_nested = |kind: usize| self.kinds.get(kind).is_some_and(|kind| kind.nested);
        let is_shown = |kind: usize| self.kinds.get(kind).is_some_and(|kind| kind.shown);
        let of_rows =
            || matches.iter().filter(|of| of.field.named == Named::Whole && !is_nested(of.field.kind));
        let is_of_rows = |run: &Run| of_rows().any(|of| holds(&of.run, run));
        let is_shadowed = |short: &Match<'_>| {
            let is_own =
                |long: &Match<'_>| long.field.kind == short.field.kind || !is_nested(long.field.kind);
            !short.is_of_steps
                && matches
                    .iter()
                    .any(|long| long.run != short.run && holds(&long.run, &short.run) && is_own(long))
        };
        let mut meaning = Meaning { seen: Some(Cover::default()), is_known: false };
        for (kind, run) in &calls {
            let is_last = run.end == words.len() && is_of_steps(&words, run);
            if is_last && !is_of_rows(run) && is_shown(*kind) {
                meaning.add(self.kinds.get(*kind).and_then(|kind| self.sees_all_of(kind)), true);
            }
        }
        for of in matches.iter().filter(|of| !is_shadowed(of)) {
            let kind = of.field.kind;
            let is_called = || calls.iter().any(|(called, run)| *called == kind && run.end <= of.run.start);
            let by_itself = !is_nested(kind) || !is_of_rows(&of.run) && is_shown(kind);
            if by_itself || is_called() {
                meaning.add(of.field.seen.clone(), of.is_of_steps);
            }
        }
        meaning
    }

    /// Whether it is the whole name of a field of the rows.
    pub(super) fn is_field_of_rows(&self, name: &str) -> bool {
        let fields = self.fields.get(&folded(name)).into_iter().flatten();
        fields.into_iter().any(|field| {
            field.named == Named::Whole && self.kinds.get(field.kind).is_some_and(|kind| !kind.nested)
        })
    }

    /// Where what a name is about is seen that nobody declared, and that may be about any field.
    pub(super) fn shows_any(&self) -> Seen {
        let mut open = self.kinds.iter().filter(|kind| !kind.nested && kind.any).peekable();
        if open.peek().is_some() {
            let sees = |kind: &Kind| {
                kind.rights.iter().map(|right| self.sees(kind, right, FieldNo::OTHER)).collect::<Seen>()
            };
            return open.map(sees).collect();
        }
        self.shows_everything()
    }

    /// Where every field of everything in the answer is seen.
    pub(super) fn shows_everything(&self) -> Seen {
        self.kinds.iter().filter(|kind| kind.shown).map(|kind| self.sees_all_of(kind)).collect()
    }

    /// The fields that are named in words, and the kinds that are called there.
    fn named_in(&self, words: &[Word]) -> (Vec<Match<'_>>, Vec<(usize, Run)>) {
        let (mut matches, mut calls) = (Vec::new(), Vec::<(usize, Run)>::new());
        for start in 0..words.len() {
            let before = start.checked_sub(1).and_then(|before| words.get(before));
            let begins = words.get(start).is_some_and(|word| word.begins)
                || before.is_some_and(|before| BEFORE_FIELDS.contains(&before.text.as_str()));
            // Behind what calls it stands what is in that.
            let within: Vec<usize> =
                calls.iter().filter(|(_, run)| run.end == start).map(|(kind, _)| *kind).collect();
            let may_be = |kind: usize| begins || within.contains(&kind);
            let mut name = String::new();
            for (end, word) in (start + 1..).zip(words.get(start..).unwrap_or_default()) {
                name.push_str(&word.text);
                if name.len() > self.name_bytes_max {
                    break;
                }
                let run = start..end;
                let is_of_steps = is_of_steps(words, &run);
                let fields = self.fields.get(&name).into_iter().flatten();
                let fields = fields.filter(|field| may_be(field.kind));
                // What follows a part of a field's name is another field, or an operator on all of it.
                let is_last = !words.get(end..).unwrap_or_default().iter().any(|word| word.begins);
                let fields = fields.filter(|field| field.named != Named::Around || is_last);
                matches.extend(fields.map(|field| Match { run: run.clone(), is_of_steps, field }));
                let called = self.called.get(&name).into_iter().flatten();
                let called = called.filter(|_| begins || !within.is_empty());
                calls.extend(called.map(|kind| (*kind, run.clone())));
            }
        }
        (matches, calls)
    }

    fn sees_all_of(&self, kind: &Kind) -> Seen {
        let policy = self.actor.grants.policy();
        let sees = |right: &(ResourceNo, Vec<ActionNo>)| {
            policy.fields_of(right.0).map(|field| self.sees(kind, right, field)).collect::<Seen>()
        };
        std::iter::once(kind.sure.clone()).chain(kind.rights.iter().map(sees)).collect()
    }

    fn sees(&self, kind: &Kind, (resource, actions): &(ResourceNo, Vec<ActionNo>), field: FieldNo) -> Seen {
        if let Some((of, permit)) = self.object
            && of == *resource
            && !kind.nested
        {
            return permit.shows(self.actor, field).then(Cover::default);
        }
        let sees = |action: &ActionNo| match (
            self.actor.shown_of(*resource, *action, &kind.through, field),
            kind.by_row,
        ) {
            (ShownOf::Every, _) => Some(Cover::default()),
            (ShownOf::Some, ByRow::Itself) => Some(Cover::of_row(*resource, field)),
            (ShownOf::Some, ByRow::Part) => Some(Cover::of_part(*resource, *action, Some(field))),
            (ShownOf::Some, ByRow::No) | (ShownOf::None, _) => None,
        };
        actions.iter().map(sees).collect()
    }

    /// Rows, or an object, and all that is nested in them. `also` is what each row must be allowed for besides.
    fn add_rows(&mut self, declared: &mut Declared<'_>, entity: EntityNo, also: Option<ActionNo>) {
        let Some((of, shape)) = declared.entity(entity) else { return };
        let rights: Vec<_> =
            shape.rights.iter().flatten().map(|right| (right.resource, right.action)).collect();
        let reach =
            |(resource, action): &(ResourceNo, ActionNo)| self.actor.grants.reach(*resource, *action).within;
        let within = rights.iter().map(reach).max().unwrap_or_default();
        // What cannot be seen at all is no row.
        let rights = rights.iter().filter(|right| reach(right) > Scope::None);
        let rights = rights.map(|(of, action)| (*of, [*action].into_iter().chain(also).collect())).collect();
        let kind = Kind {
            nested: false,
            by_row: if self.leaves_out { ByRow::Itself } else { ByRow::No },
            rights,
            through: declared.via.clone(),
            sure: Some(Cover::default()),
            any: is_open(of),
            shown: true,
        };
        let sure = kind.sure.clone();
        let outer = Outer { through: kind.inside(), within, is_part: true, sure, shown: true, depth: 0 };
        self.add(kind, (&of.fields, &of.aliases));
        self.add_nested(declared, of, &outer);
    }

    fn add_nested(&mut self, declared: &mut Declared<'_>, entity: &Entity, outer: &Outer) {
        for (place, number) in &entity.nested {
            let last = place.rsplit('/').find(|step| *step != "*").unwrap_or_default();
            self.add_inner(declared, last, *number, outer);
        }
    }

    /// An entity that stands in another one, under `name`.
    fn add_inner(&mut self, declared: &mut Declared<'_>, name: &str, number: EntityNo, outer: &Outer) {
        let Some((of, shape)) = declared.entity(number) else { return };
        let is_part = outer.is_part && of.part;
        let context = (number, is_part, outer.within, outer.sure.clone());
        let known = declared.nested.get(&context).copied();
        let at = known.unwrap_or(self.kinds.len());
        for call in [name, &of.name, &of.resource].map(folded) {
            self.name_bytes_max = self.name_bytes_max.max(call.len());
            let kinds = self.called.entry(call).or_default();
            if !kinds.contains(&at) {
                kinds.push(at);
            }
        }
        if known.is_some() {
            return;
        }
        declared.nested.insert(context, at);
        let by_row = if self.leaves_out && is_part { ByRow::Part } else { ByRow::No };
        let needed = if is_part { outer.within } else { Scope::All };
        let reached = shape.rights.iter().map(|right| {
            let (of, action) = right.as_ref().map(|right| (right.resource, right.action))?;
            let reach = self.actor.grants.reach(of, action);
            match by_row {
                _ if reach.certain >= needed => Some(Cover::default()),
                ByRow::Part if reach.within > Scope::None => Some(Cover::of_part(of, action, None)),
                ByRow::Itself | ByRow::Part | ByRow::No => None,
            }
        });
        let sure = std::iter::once(outer.sure.clone()).chain(reached).collect::<Seen>();
        let sure = sure.filter(|_| outer.depth < NESTED_MAX);
        let rights = shape.rights.iter().flatten();
        let rights = rights.map(|right| (right.resource, vec![right.action])).collect();
        let kind = Kind {
            nested: true,
            by_row,
            rights,
            through: outer.through.clone(),
            sure: sure.clone(),
            any: is_open(of),
            shown: outer.shown,
        };
        let (through, within, depth) = (kind.inside(), outer.within, outer.depth + 1);
        self.add(kind, (&of.fields, &of.aliases));
        if depth <= NESTED_MAX {
            self.add_nested(
                declared,
                of,
                &Outer { through, within, is_part, sure, shown: outer.shown, depth },
            );
        }
    }

    /// A kind of objects with the names of its fields: those that its entity declares, and those that the policy knows.
    fn add(&mut self, kind: Kind, (declared, aliases): (&[String], &Aliases)) {
        let policy = self.actor.grants.policy();
        let mut seen: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        for right in &kind.rights {
            let of_policy = policy.fields_of(right.0).filter(|field| *field != FieldNo::OTHER);
            let of_policy = of_policy.flat_map(|field| {
                let is_seen = self.sees(&kind, right, field);
                let names = aliases.touching(policy.field_name(right.0, field)).into_iter();
                names.map(move |name| (name.strip_suffix(".*").unwrap_or(&name).to_owned(), is_seen.clone()))
            });
            let spelt = Spelt::of(policy, right.0, aliases);
            let of_entity = declared.iter().filter(|name| *name != "*").chain(aliases.names()).map(|name| {
                let fields = fields_of(&spelt, name);
                (name.clone(), fields.into_iter().map(|field| self.sees(&kind, right, field)).collect())
            });
            for (name, is_seen) in of_policy.chain(of_entity) {
                seen.entry(name).or_default().push(is_seen);
            }
        }
        for (name, seen) in seen {
            let seen: Seen = seen.into_iter().chain([kind.sure.clone()]).collect();
            let steps: Vec<String> = name.split('.').map(folded).collect();
            self.name_bytes_max = self.name_bytes_max.max(steps.concat().len());
            let mut note = |steps: &[String], named| {
                let field = Field { kind: self.kinds.len(), named, seen: seen.clone() };
                self.fields.entry(steps.concat()).or_default().push(field);
            };
            note(&steps, Named::Whole);
            for at in 1..steps.len() {
                note(steps.get(at..).unwrap_or_default(), Named::End);
                note(steps.get(..at).unwrap_or_default(), Named::Around);
            }
        }
        self.kinds.push(kind);
    }
}

impl Meaning {
    /// Something that it may mean as well, and whether that is said by whole steps of it.
    fn add(&mut self, seen: Seen, is_of_steps: bool) {
        self.seen = [self.seen.take(), seen].into_iter().collect();
        self.is_known |= is_of_steps;
    }
}

impl Kind {
    /// The resources in which what is nested in these stands.
    fn inside(&self) -> Vec<ResourceNo> {
        self.through.iter().copied().chain(self.rights.iter().map(|(resource, _)| *resource)).collect()
    }
}

/// What the routes declare, as an answer is looked through.
struct Declared<'a> {
    shapes: &'a Shapes,
    entities: &'a [Entity],
    /// The resource through which the rows are reached.
    via: Vec<ResourceNo>,
    /// The places of nested entities that were found, by what decides whether they are sure to be seen: whether each is a part of the
    /// row, how far rows are seen, and whether that in which it stands is sure to be.
    nested: BTreeMap<(EntityNo, bool, Scope, Seen), usize>,
}

impl<'a> Declared<'a> {
    fn entity(&self, number: EntityNo) -> Option<(&'a Entity, &'a Shape)> {
        Some((self.entities.get(usize::from(number.0))?, self.shapes.entity(number)?))
    }
}

/// In what something stands.
struct Outer {
    through: Vec<ResourceNo>,
    /// How far the user sees the rows.
    within: Scope,
    /// Its facts are the row's.
    is_part: bool,
    sure: Seen,
    shown: bool,
    depth: usize,
}

/// Whether nothing of an answer tells of a row that is left out: there is nothing else in it but rows, counts and links, nothing is
/// left of a hidden row, and Headgate counts its pages out itself. A page of the backend's own would tell how many rows are missing on
/// it, and so how far a row came that is not shown; and one beside a row that is left out, where that row stands.
fn leaves_out(shows: &Shows, entities: &[Entity]) -> bool {
    let Some(Main::Rows(_, entity)) = &shows.main else { return false };
    let entity = entities.get(usize::from(entity.0));
    shows.numbered().is_some()
        && shows.nested.is_empty()
        && shows.keep.is_empty()
        && entity.is_some_and(|entity| entity.placeholder.is_empty())
}

/// The words of a step, without what readers fold: `phoneNumber_gt` is `phone`, `number` and `gt`.
fn words(step: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = None;
    let mut rest = step.chars().peekable();
    while let Some(c) = rest.next() {
        let follows = before.filter(|_| c.is_alphanumeric());
        let is_next = follows.is_some_and(|before: char| {
            let ends_in_capitals =
                before.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase());
            c.is_uppercase() && (!before.is_uppercase() || ends_in_capitals)
        });
        before = Some(c).filter(|c| c.is_alphanumeric());
        match words.last_mut() {
            _ if before.is_none() => {}
            Some(word) if follows.is_some() && !is_next => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words
}

/// The words of a step with their places in it.
fn placed(step: &[String]) -> impl Iterator<Item = Word> {
    let place = |(at, text): (usize, &String)| Word {
        text: text.clone(),
        begins: at == 0,
        ends: at + 1 == step.len(),
    };
    step.iter().enumerate().map(place)
}

/// Whether words are those of whole steps.
fn is_of_steps(words: &[Word], run: &Run) -> bool {
    words.get(run.start).is_some_and(|word| word.begins)
        && run.end.checked_sub(1).and_then(|last| words.get(last)).is_some_and(|word| word.ends)
}

/// Whether one run of words has all of another one.
fn holds(outer: &Run, inner: &Run) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn is_open(entity: &Entity) -> bool {
    entity.fields.iter().any(|name| name == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_words() {
        for (step, expected) in [
            ("phone_number", &["phone", "number"][..]),
            ("phoneNumber", &["phone", "number"]),
            ("PhoneNumber__startsWith", &["phone", "number", "starts", "with"]),
            ("PHONE_NUMBER", &["phone", "number"]),
            ("phoneNUMBER", &["phone", "number"]),
            ("HTTPServer", &["http", "server"]),
            ("phone-number>62", &["phone", "number", "62"]),
            ("$top", &["top"]),
            ("a1b", &["a1b"]),
            ("Éa_É", &["éa", "é"]),
            ("", &[]),
            ("__", &[]),
        ] {
            assert_eq!(words(step), expected, "{step}");
            assert_eq!(words(step).concat(), folded(step), "{step}");
        }
    }
}
