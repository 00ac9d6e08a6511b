//! What is looked for at every place of a text: the declared places as one automaton.
//!
//! Each value of a text is at a [`State`]: what happens to it, and at which states its members or items are.
//! States are made (`build`) from sets of [`Pattern`]s, each with how much of it has been met.

mod build;

use self::build::Builder;
use super::{
    EntityNo, FactNo, FieldIx, NoneAs, Schema, SchemaError, Total, ahead::Ahead, keys::Keys, pointer::Token,
    tape,
};

/// A declared place.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) tokens: Vec<Token>,
    pub(super) what: What,
}

/// What stands at a declared place.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A field that passes with what is in it.
    Listed(FieldIx),
    /// A field that is told apart.
    Ruled(FieldIx),
    /// Whatever is not named.
    Star(FieldIx),
    /// An object that is judged by itself; how it is written that there is none.
    Nested(EntityNo, Option<NoneAs>),
    /// What a judge wants to know.
    Fact(FactNo),
    /// The rows.
    Rows(EntityNo),
    /// The one object.
    Object(EntityNo),
    /// What passes around them.
    Keep,
    /// A count.
    Total(Total),
    /// What is said of the next page; how it is written that there is none.
    Ahead(Total, Option<NoneAs>),
    /// What is taken out.
    Out,
}

/// The states of a layout.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) schema: Schema,
    states: Vec<State>,
    /// A state at which nothing passes.
    nothing: State,
    /// How long the list is that `State::first` is about.
    pub(super) keys: usize,
    /// By [`Need::tally`]: whose field it is.
    pub(super) tallies: Vec<(EntityNo, FieldIx)>,
    /// Rows are declared, and must be there.
    pub(super) rows: bool,
    /// One object is declared.
    pub(super) object: bool,
}

/// A state of a plan; [`StateId::ROOT`] is that of the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StateId(u32);

/// What is known of a place.
#[derive(Debug)]
pub(super) struct State {
    pub(super) place: Place,
    /// What a value must be, so that what is named below it is where it is looked for. `null` may always be.
    pub(super) container: Option<Container>,
    /// In an entity's object: what a value is noted as.
    pub(super) note: Note,
    /// Something in it is looked for.
    pub(super) inspect: bool,
    /// Without these fields it does not pass; those of the objects around it are not repeated.
    pub(super) need: Box<[Need]>,
    /// On the way ([`Place::Path`]): the fields to which it leads; without any of them it does not pass.
    pub(super) leads: Box<[Need]>,
    /// On the way: it leads to an entity, too.
    pub(super) leads_to_entity: bool,
    /// It is an entity's place, or the list of such: what stands there where nothing is left of it.
    pub(super) none: Option<NoneAs>,
    /// What is said of the next page in it, besides something else.
    pub(super) ahead: Ahead,
    /// Facts that it is, of the object in which it stands (0) or of one around that.
    pub(super) facts: Box<[(u8, FactNo)]>,
    /// Facts that an entity's object is of itself.
    pub(super) itself: Box<[FactNo]>,
    pub(super) keys: Keys,
    /// Where it stands in a list of all states, each followed by its keys.
    pub(super) first: usize,
    /// Members that are no key.
    pub(super) other: StateId,
    /// Items of a list.
    pub(super) item: StateId,
    /// Items of a list that are at another state.
    pub(super) indexed: Box<[(u32, StateId)]>,
}

/// A field without which something does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) field: FieldIx,
    /// Where it is counted if it is missing.
    pub(super) tally: u32,
}

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Nobody declared it.
    Drop,
    /// It passes as it stands, apart from what is looked for in it.
    Pass,
    /// It stands on the way to what may pass.
    Path,
    /// It is replaced.
    Total(Total),
    /// It says something of the next page and nothing else, and is written anew.
    Ahead,
    /// It is the list of the rows.
    Rows,
    /// It is an entity's.
    Entity {
        entity: EntityNo,
        main: bool,
        /// It need not be an object.
        value: bool,
    },
}

/// What a value in an entity's object is noted as on the tape, if it is not in what is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// This, whatever it is, and nothing in it is looked for: most are so. `None`: it always passes, and is not noted.
    As(Option<tape::What>),
    /// What follows from its type, or something in it is looked for.
    LookedAt,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Object,
    List,
}

impl StateId {
    pub(super) const ROOT: Self = Self(0);
}

impl Plan {
    /// Makes the states of a layout's patterns.
    pub(super) fn new(schema: Schema, layout: Vec<Pattern>) -> Result<Self, SchemaError> {
        let (rows, object) = (
            layout.iter().any(|pattern| matches!(pattern.what, What::Rows(_))),
            layout.iter().any(|pattern| matches!(pattern.what, What::Object(_))),
        );
        let (mut states, tallies) = Builder::new(&schema, layout).build()?;
        let mut keys = 0;
        for state in &mut states {
            state.first = keys;
            keys += state.keys.len() + 1;
        }
        Ok(Self { schema, states, nothing: State::nothing(), keys, tallies, rows, object })
    }

    /// A state.
    pub(super) fn state(&self, id: StateId) -> &State {
        self.states.get(id.0 as usize).unwrap_or(&self.nothing)
    }
}

impl State {
    /// Looked at only if an id is not of this plan, which no caller can bring about.
    fn nothing() -> Self {
        Self {
            place: Place::Drop,
            container: None,
            note: Note::LookedAt,
            inspect: false,
            need: Box::default(),
            leads: Box::default(),
            leads_to_entity: false,
            none: None,
            ahead: Ahead::default(),
            facts: Box::default(),
            itself: Box::default(),
            keys: Keys::default(),
            first: 0,
            other: StateId(u32::MAX),
            item: StateId(u32::MAX),
            indexed: Box::default(),
        }
    }

    /// The state of an item of a list that is at this one.
    pub(super) fn item_at(&self, index: u32) -> StateId {
        self.indexed.iter().find(|(at, _)| *at == index).map_or(self.item, |(_, state)| *state)
    }
}
