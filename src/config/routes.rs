//! A tenant's route map, as checked.

use std::collections::BTreeMap;

use http::{HeaderName, Method};

use super::writing::{Asking, Writing};
use crate::ids::BackendId;

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
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// What stands in `match`; the route's name in logs.
    pub name: String,
    /// Its method and path.
    pub matches: Line,
    /// The resource of the policy.
    pub resource: String,
    /// The action of the policy.
    pub action: String,
    /// Where the facts of the object come from; `None`: the resource as such.
    pub object: Option<Object>,
    /// The resource of the object through which the asked one is reached.
    pub via: Option<String>,
    /// Where the rows of a list stand.
    pub items: Option<String>,
    /// Whether a refusal looks like an object that does not exist.
    pub hide: bool,
    /// What is done with a body.
    pub body: Body,
    /// What may be written.
    pub writing: Writing,
    /// What may be asked.
    pub asking: Asking,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Decide, tell and let pass.
    pub shadow: bool,
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
        /// How to read its answer.
        entity: Entity,
        /// The parameter that is the object's id.
        parameter: String,
    },
    /// The answer itself.
    Answer {
        /// How to read it.
        entity: Entity,
        /// The parameter that is the object's id.
        parameter: String,
    },
}

impl Object {
    /// The parameter that is the object's id.
    #[must_use]
    pub fn parameter(&self) -> &str {
        match self {
            Self::Tag { parameter } | Self::Prefetch { parameter, .. } | Self::Answer { parameter, .. } => {
                parameter
            }
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

/// Where an object's facts stand in its JSON: pointers of RFC 6901.
#[derive(Clone, Debug, Default, Hash)]
#[expect(missing_docs, reason = "`Facts` says what they are")]
pub struct Entity {
    /// Where the object stands in an answer.
    pub at: String,
    pub id: Option<String>,
    pub responsible: Option<String>,
    pub team: Option<String>,
    pub participants: Option<String>,
    pub creator: Option<String>,
    pub queue: Option<String>,
    pub open: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub channel: Option<String>,
    pub account: Option<String>,
    pub kind: Option<String>,
    pub role: Option<String>,
    /// The object through which it is reached: its resource, and how to read it. It stands in the object itself.
    pub via: Option<(String, Box<Entity>)>,
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
