//! A tenant's route map, as checked.

mod layout;

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue, Method};

pub use self::layout::Judged;
use super::{
    aliases::Aliases,
    writing::{Asking, Writing},
};
use crate::{
    filter::{EntityNo, NoneAs},
    ids::{BackendId, UserId},
};

/// The part of a backend's API that a tenant's users may reach.
#[derive(Clone, Debug)]
pub struct RouteMap {
    /// Whose API it is.
    pub backend: BackendId,
    /// Path parameters that have one value for this tenant.
    pub fixed: BTreeMap<String, String>,
    /// Request headers that are passed on, beside the usual ones.
    pub request_headers: Vec<HeaderName>,
    /// Headers of answers that are passed on, beside the usual ones.
    pub response_headers: Vec<HeaderName>,
    /// Query parameters that are never taken.
    pub refused_parameters: Vec<String>,
    /// How the backend is told to take a user's requests as that user's own.
    pub as_user: Option<AsUser>,
    /// The entities, by their number.
    pub entities: Vec<Entity>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
}

/// Users' own credentials at the backend.
#[derive(Clone, Debug)]
pub struct AsUser {
    /// The header that holds them.
    pub header: HeaderName,
    /// By user.
    pub credentials: BTreeMap<UserId, HeaderValue>,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its place among the routes.
    pub number: usize,
    /// What stands in `match`; the route's name in logs.
    pub name: String,
    /// Its method and path.
    pub matches: Line,
    /// Other tenants of the backend may have its path as well.
    pub shared: bool,
    /// The resource of the policy.
    pub resource: String,
    /// The action of the policy.
    pub action: String,
    /// Where the facts of the object come from; `None`: the resource as such.
    pub object: Option<Object>,
    /// The resource of the object through which the asked one is reached, or of which it is a part.
    pub via: Option<String>,
    /// The object is that of which the resource is a part: its facts are the part's own.
    pub part: bool,
    /// What stands in that object, and in what the asked one stands.
    pub stands_in: Option<StandsIn>,
    /// What of the answer may pass.
    pub shows: Shows,
    /// The export that it starts.
    pub export: Option<Export>,
    /// Whether a refusal looks like an object that does not exist.
    pub hide: bool,
    /// What is done with a body.
    pub body: Body,
    /// What may be written.
    pub writing: Writing,
    /// What may be asked.
    pub asking: Asking,
    /// Other names of the fields that are written and asked about.
    pub aliases: Aliases,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Decide, tell and let pass.
    pub shadow: bool,
    /// Only for who has credentials of their own.
    pub as_user: bool,
    /// Whether a request may pass whose decision is not on record.
    pub audit: Audit,
    /// What is told of the backend's errors.
    pub errors: Errors,
}

/// What must be seen so that what stands in it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandsIn {
    /// What it is.
    pub entity: EntityNo,
    /// The parameter of the path that is its id.
    pub parameter: String,
    /// The request that answers with it.
    pub line: Line,
}

/// An export that a backend makes meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// What the exports are called whose ids are told apart from others'.
    pub of: String,
    /// Where its id stands in the answer.
    pub id: String,
}

/// What is told of a backend's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// The status, with a body of Headgate's own.
    Fixed,
    /// What the backend says, as far as the user may see its fields.
    Pass,
}

/// Whether a request may pass whose decision is not on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// It may; what is lost is counted.
    Bounded,
    /// It may not.
    Must,
}

impl Route {
    /// Whether a request of it writes the fields that it names.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.matches.method != Method::GET && matches!(self.body, Body::Writes(_))
    }
}

/// What a body is to the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The fields at this pointer are written.
    Writes(String),
    /// It asks for something and writes nothing.
    Question,
}

/// Where the facts of an object come from.
#[derive(Clone, Debug)]
pub enum Object {
    /// The tag of the conversation that the path parameter names.
    Tag {
        /// The parameter.
        parameter: String,
    },
    /// Another request.
    Prefetch {
        /// Which.
        line: Line,
        /// What its answer holds.
        entity: EntityNo,
        /// The parameter that is the object's id.
        parameter: String,
    },
    /// The result of an export, which belongs to who started it.
    Export {
        /// What the exports are called ([`Export::of`]).
        of: String,
        /// The parameter that is the export's id.
        parameter: String,
    },
    /// Nowhere: it is common to all, and belongs to nobody in particular.
    Common,
    /// The answer itself.
    Answer {
        /// What it holds.
        entity: EntityNo,
        /// The parameter that is the object's id.
        parameter: String,
    },
}

impl Object {
    /// The parameter that is the object's id.
    #[must_use]
    pub fn parameter(&self) -> &str {
        match self {
            Self::Common => "",
            Self::Tag { parameter }
            | Self::Prefetch { parameter, .. }
            | Self::Answer { parameter, .. }
            | Self::Export { parameter, .. } => parameter,
        }
    }
}

/// A method and a path with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The method.
    pub method: Method,
    /// The parts of the path between its slashes.
    pub parts: Vec<Part>,
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This text, as it stands in a canonical path.
    Literal(String),
    /// Any one part that may be a parameter; this is its name.
    Parameter(String),
}

/// A kind of object of the backend's, and where its facts stand in its JSON.
#[derive(Clone, Debug, Default)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// The resource of the policy that it is.
    pub resource: String,
    /// Other resources that it is, by a value of its JSON; the first that fits.
    pub kinds: Vec<Kind>,
    /// The action that is asked for where it is nested or a row.
    pub action: String,
    /// Where it stands in an answer that is about it.
    pub at: String,
    /// Where its facts stand: pointers of RFC 6901 from the object.
    pub facts: Places,
    /// What the policy calls the backend's channels.
    pub channels: Channels,
    /// The object through which it is reached.
    pub via: Option<Outer>,
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
    /// It is a single value.
    pub value: bool,
    /// Fields that are left of a hidden one.
    pub placeholder: Vec<String>,
}

/// Another object, whose facts are an entity's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// Where its id stands.
    pub at: String,
    /// What it is.
    pub entity: EntityNo,
    /// The request that answers with it; its parameters are [`LookUp::ID`] and fixed ones.
    pub line: Line,
}

impl LookUp {
    /// The parameter that is the object's id.
    pub const ID: &str = "id";
}

/// The object through which an entity is reached.
#[derive(Clone, Debug)]
pub struct Outer {
    /// Its resource.
    pub resource: String,
    /// Where its facts stand, from the inner object.
    pub facts: Places,
    /// What the policy calls its channels.
    pub channels: Channels,
}

/// The policy's names of channels by those of a backend; if there is none, they are the same.
pub type Channels = BTreeMap<String, String>;

/// Where facts stand.
pub type Places = BTreeMap<Fact, String>;

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
pub struct Kind {
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

/// What of an answer may pass.
#[derive(Clone, Debug, Default)]
pub struct Shows {
    /// What it is.
    pub format: Format,
    /// Its rows or its object.
    pub main: Option<Main>,
    /// Other places of entities.
    pub nested: BTreeMap<String, EntityNo>,
    /// What stands there where there is none.
    pub none: BTreeMap<String, NoneAs>,
    /// Places that pass as they are.
    pub keep: Vec<String>,
    /// Counts; what becomes of them for who may not see every row.
    pub totals: BTreeMap<String, Count>,
    /// Addresses of other pages.
    pub links: Vec<String>,
    /// How the backend counts out its rows.
    pub page: Option<Paging>,
    /// What it is without rows.
    pub empty: Empty,
    /// How the backend's query is narrowed.
    pub push: Push,
}

impl Shows {
    /// What stands in the answer: rows or an object, and what stands beside them.
    pub fn entities(&self) -> impl Iterator<Item = EntityNo> {
        let main = self.main.iter().map(|main| match main {
            Main::Object(entity) | Main::Rows(_, entity) => *entity,
        });
        main.chain(self.nested.values().copied())
    }
}

/// How a backend gives a list in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How one is asked for.
    pub by: PageBy,
    /// Parameters, whole numbers, with which the list comes as a whole.
    pub unless: Vec<String>,
    /// Pages that are read for one request.
    pub pages_max: usize,
    /// How long a request may go on to read pages.
    pub time_max: Duration,
}

/// How a page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageBy {
    /// By its number.
    Number(Numbered),
    /// By a row beside it.
    Row(Beside),
}

/// Pages that are counted out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The parameter with the number of the page.
    pub number: String,
    /// The number of the first page.
    pub first: u64,
    /// The parameter with the number of rows.
    pub size: Option<String>,
    /// The number of rows without it.
    pub size_default: usize,
    /// Where the answer says the page's number.
    pub at: Option<String>,
    /// Where it says whether there is a next page.
    pub more: Option<String>,
}

/// Pages that end before a row, or begin after one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The parameter with the id of the row before which it ends.
    pub before: Option<String>,
    /// The parameter with the id of the row after which it begins.
    pub after: Option<String>,
    /// Whether a request with neither is answered with the last rows.
    pub from_end: bool,
}

impl Paging {
    /// The parameters that say which page is asked for.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let parameters = match &self.by {
            PageBy::Number(by) => [Some(&by.number), by.size.as_ref()],
            PageBy::Row(by) => [by.before.as_ref(), by.after.as_ref()],
        };
        parameters.into_iter().flatten().map(String::as_str)
    }

    /// How it counts, if it does.
    #[must_use]
    pub const fn numbered(&self) -> Option<&Numbered> {
        match &self.by {
            PageBy::Number(by) => Some(by),
            PageBy::Row(_) => None,
        }
    }
}

/// What a list is without rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// A list without rows.
    #[default]
    List,
    /// An answer without content (204).
    NoContent,
    /// An answer in which the list is left out.
    Absent,
}

/// What an answer is about.
#[derive(Clone, Debug)]
pub enum Main {
    /// One object, where the entity says.
    Object(EntityNo),
    /// The rows at this pointer.
    Rows(String, EntityNo),
}

/// What becomes of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It is counted anew.
    Recompute,
    /// `null`.
    Null,
    /// It is taken out.
    Drop,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// Comma-separated values.
    Csv,
    /// Anything: it passes whole or not at all.
    Whole,
}

impl Format {
    /// What a backend is asked for; `None`: what the client asks for.
    #[must_use]
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            Self::Csv => Some("text/csv"),
            Self::Whole => None,
        }
    }

    /// What a client is told that it is; `None`: what the backend says.
    #[must_use]
    pub const fn shown_as(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            Self::Csv => Some("text/csv; charset=utf-8"),
            Self::Whole => None,
        }
    }
}

/// How a query is narrowed: parameters by name, for who may see no more.
#[derive(Clone, Debug, Default)]
pub struct Push {
    /// Their own.
    pub own: Vec<(String, Vec<Piece>)>,
    /// Their team's.
    pub team: Vec<(String, Vec<Piece>)>,
    /// Only for who has credentials of their own.
    pub as_user: bool,
    /// The values whose place they take; `None`: any.
    pub in_place_of: Option<Vec<String>>,
}

/// A piece of what is said in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What stands there.
    Text(String),
    /// The user's name: `{user}`.
    User,
    /// That of their one team: `{team}`.
    Team,
}

impl Line {
    /// The names of the path's parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Parameter(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }
}
