//! The kinds of a backend's objects, and where their facts stand.

use std::collections::BTreeMap;

use super::RequestLine;
use crate::{
    config::aliases::Aliases,
    filter::{EntityNo, NoneAs},
};

/// A kind of object of the backend's, and where its facts stand in its JSON.
#[derive(Clone, Debug, Default)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// The resource of the policy that it is.
    pub resource: String,
    /// Other resources that it is, by a value of its JSON; the first that fits.
    pub kinds: Vec<EntityKind>,
    /// The action that is asked for where it is nested or a row.
    pub action: String,
    /// Where it stands in an answer that is about it.
    pub at: String,
    /// Where its facts stand: pointers of RFC 6901 from the object.
    pub facts: FactPlaces,
    /// What the policy calls the backend's channels.
    pub channels: Channels,
    /// The object through which it is reached.
    pub via: Option<Via>,
    /// Its facts are those of the tag of the conversation that has its id.
    pub tag: bool,
    /// Its facts are those of another object.
    pub look_up: Option<LookUp>,
    /// An object without a responsible user is known to have none.
    pub absent_is_nobody: bool,
    /// Whoever is responsible is a user only if this value stands there, or none.
    pub user: Option<(String, Literal)>,
    /// Its facts are those of the object of which it is a part.
    pub part: bool,
    /// The fields that may pass.
    pub fields: Vec<String>,
    /// Other names of them.
    pub aliases: Aliases,
    /// Where other entities stand in it.
    pub nested: BTreeMap<String, EntityNo>,
    /// What stands there where there is none.
    pub none: BTreeMap<String, NoneAs>,
    /// Where its type stands, within which its id is one object's alone.
    pub id_type: Option<String>,
    /// Where it refers to others.
    pub refers: Vec<Refers>,
    /// It is a single value.
    pub value: bool,
    /// Fields that are left of a hidden one.
    pub placeholder: Vec<String>,
}

/// Where an object refers to others by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refers {
    /// What they are.
    pub entity: EntityNo,
    /// Where it does: a pointer to an id, to an object with one, or to a list of these.
    pub at: String,
    /// What says their type, if they have one.
    pub of: Option<TypeOf<String>>,
}

/// What says the type of an object to which another refers; `P` is a place in the one that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeOf<P> {
    /// What stands at this pointer in the object that stands for it there.
    There(String),
    /// What stands here in the object that refers to it.
    Beside(P),
    /// It is this one.
    Always(String),
}

/// Another object, whose facts are an entity's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// Where its id stands.
    pub at: String,
    /// What it is.
    pub entity: EntityNo,
    /// The request that answers with it; its parameters are [`LookUp::ID`] and fixed ones.
    pub line: RequestLine,
}

impl LookUp {
    /// The parameter that is the object's id.
    pub const ID: &str = "id";
}

/// The object through which an entity is reached.
#[derive(Clone, Debug)]
pub struct Via {
    /// Its resource.
    pub resource: String,
    /// Where its facts stand, from the inner object.
    pub facts: FactPlaces,
    /// What the policy calls its channels.
    pub channels: Channels,
}

/// The policy's names of channels by those of a backend; if there is none, they are the same.
pub type Channels = BTreeMap<String, String>;

/// Where facts stand.
pub type FactPlaces = BTreeMap<Fact, String>;

/// What can be known of an object; `policy::Facts` says what each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "`Facts` says what they are")]
pub enum Fact {
    Id,
    Responsible,
    Team,
    Participants,
    Creator,
    Queue,
    Open,
    Pipeline,
    Stage,
    Channel,
    Account,
    Kind,
    Role,
}

/// Another resource that an entity is.
#[derive(Clone, Debug)]
pub struct EntityKind {
    /// Where the value stands.
    pub at: String,
    /// The value.
    pub is: Literal,
    /// The resource.
    pub resource: String,
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `true` or `false`.
    Boolean(bool),
    /// A text, or a whole number as text.
    Name(String),
}
