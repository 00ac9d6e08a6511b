//! A tenant's route map, as checked: what a request of each route is, and what is asked for before it is made. What its objects are is in
//! `entity`, what of its answer passes in `shows`, with `paging` for lists in pages; `layout` tells both to the filter.

mod entity;
mod layout;
mod paging;
mod shows;

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};

pub use self::{
    entity::{Channels, Entity, EntityKind, Fact, FactPlaces, Literal, LookUp, Refers, TypeOf, Via},
    layout::Judged,
    paging::{Beside, Cursor, Numbered, PageBy, Paging},
    shows::{Count, Empty, Export, Format, Main, Piece, Push, Shows},
};
use super::{
    aliases::Aliases,
    writing::{Asking, Writing},
};
use crate::{
    filter::EntityNo,
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
    pub matches: RequestLine,
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
    pub line: RequestLine,
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
        line: RequestLine,
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
pub struct RequestLine {
    /// The method.
    pub method: Method,
    /// The parts of the path between its slashes.
    pub parts: Vec<Part>,
}

impl RequestLine {
    /// The names of the path's parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Parameter(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This text, as it stands in a canonical path.
    Literal(String),
    /// Any one part that may be a parameter; this is its name.
    Parameter(String),
}
