//! What a user sees of an answer, whatever its rows are: the only fields that a question may name.
//!
//! A row comes or does not by the field that is asked about. So the field must be seen of each row that the user could be
//! shown by the route, by whichever role, relation or rule; or the rows that hide it are left out ([`MustShow`]). That goes only where
//! nothing tells of a row that is left out ([`leaves_out`]): else a field that some rows hide is hidden. What is nested in a row counts
//! by its own entity, and must be there for the user wherever the row is; of a part of the row that is decided as well.
//!
//! What may stand in an answer is what its route declares (`declared`). Which of its fields a name means is found in the name's `words`
//! (`meaning`).

mod declared;
mod meaning;
mod words;

use std::collections::BTreeMap;

use self::declared::{Declared, Outer};
pub(super) use self::meaning::Meaning;
use crate::{
    config::{
        aliases::Aliases,
        routes::{Entity, Main, Shows},
    },
    filter::EntityNo,
    gate::{Passage, permit::Permit, refusal::Refusal, show::must_show::MustShow},
    policy::{ActionNo, Actor, FieldNo, ResourceNo, ShownOf},
    query::folded,
};

/// What a row must show so that something in it is seen; `None`: it may be hidden whatever the row shows.
pub(super) type Seen = Option<MustShow>;

/// What a user sees of an answer.
pub(super) struct Visible<'a> {
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
    span: NameSpan,
    /// Where it is seen.
    seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameSpan {
    Whole,
    /// Its last steps: `phone_number` for `contact.phone_number`.
    End,
    /// That in which it stands.
    Beginning,
}

impl<'a> Visible<'a> {
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
        let mut visible = Self {
            actor: &passage.granted.actor,
            object: (has_object && !rows).then_some((asked.resource, permit)),
            leaves_out: leaves_out(&route.shows, &passage.side.routes.map.entities),
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
            visible.add_rows(&mut declared, entity, asked.of_rows.filter(|_| rows && Some(entity) == main));
        }
        // A list without rows, such as one of counts, says nothing that its rows would not.
        let mut resources = visible.kinds.iter().filter(|kind| !kind.nested).flat_map(|kind| &kind.rights);
        if !resources.any(|(resource, _)| *resource == asked.resource) {
            let action = asked.of_rows.or(asked.view).unwrap_or(asked.action);
            let rights = vec![(asked.resource, vec![action])];
            let kind = Kind {
                nested: false,
                by_row: ByRow::No,
                rights,
                through: declared.via.clone(),
                sure: Some(MustShow::default()),
                any: false,
                shown: true,
            };
            visible.add(kind, (&[], &Aliases::default()));
        }
        // What is searched in need not be shown.
        let within = visible.actor.grants.reach(asked.resource, asked.view.unwrap_or(asked.action)).within;
        let outer = Outer {
            through: vec![asked.resource],
            within,
            is_part: true,
            sure: Some(MustShow::default()),
            shown: false,
            depth: 0,
        };
        for name in route.asking.searches.values().flatten().filter_map(|field| field.split('.').next()) {
            let at = declared.entities.iter().position(|entity| entity.name == name);
            if let Some(number) = at.and_then(|at| u16::try_from(at).ok())
                && !visible.called.contains_key(&folded(name))
                && !route.shows.entities().any(|of| of == EntityNo(number))
            {
                visible.add_inner(&mut declared, "", EntityNo(number), &outer);
            }
        }
        Ok(visible)
    }

    /// Whether it is the whole name of a field of the rows.
    pub(super) fn is_field_of_rows(&self, name: &str) -> bool {
        let fields = self.fields.get(&folded(name)).into_iter().flatten();
        fields.into_iter().any(|field| {
            field.span == NameSpan::Whole && self.kinds.get(field.kind).is_some_and(|kind| !kind.nested)
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
            return permit.shows(self.actor, field).then(MustShow::default);
        }
        let sees = |action: &ActionNo| match (
            self.actor.shown_of(*resource, *action, &kind.through, field),
            kind.by_row,
        ) {
            (ShownOf::Every, _) => Some(MustShow::default()),
            (ShownOf::Some, ByRow::Itself) => Some(MustShow::of_row(*resource, field)),
            (ShownOf::Some, ByRow::Part) => Some(MustShow::of_part(*resource, *action, Some(field))),
            (ShownOf::Some, ByRow::No) | (ShownOf::None, _) => None,
        };
        actions.iter().map(sees).collect()
    }
}

/// Whether nothing of an answer tells of a row that is left out: there is nothing else in it but rows, counts and links, nothing is
/// left of a hidden row, and Headgate counts its pages out itself. A page of the backend's own would tell how many rows are missing on
/// it, and so how far a row came that is not shown; and one beside a row that is left out, where that row stands.
fn leaves_out(shows: &Shows, entities: &[Entity]) -> bool {
    let Some(Main::Rows(_, entity)) = &shows.main else { return false };
    let entity = entities.get(usize::from(entity.0));
    shows.page.as_ref().is_some_and(|page| !page.is_by_row())
        && shows.nested.is_empty()
        && shows.keep.is_empty()
        && entity.is_some_and(|entity| entity.placeholder.is_empty())
}
