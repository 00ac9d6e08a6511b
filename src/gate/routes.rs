//! Finding the route of a request: a tree over the parts of the paths. What no route names is not found, and
//! nothing is found by guessing: a literal is compared as it stands, a parameter takes a plain name alone.

use std::{collections::BTreeMap, sync::Arc};

use http::Method;

use super::path::CanonicalPath;
use crate::config::routes::{Part, RequestLine, Route, RouteMap};

/// The routes of one tenant, to be searched.
#[derive(Debug)]
pub struct Routes {
    /// As they were written.
    pub map: Arc<RouteMap>,
    root: Node,
}

/// A place in the tree: what may come next, and the routes that end here.
#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<String, Node>,
    parameter: Option<Box<Node>>,
    routes: Vec<Arc<Route>>,
}

/// A route with the parameters of a path.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The route.
    pub route: Arc<Route>,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, String>,
}

/// Why no route takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// None has the path.
    Path,
    /// None that has the path has the method.
    Method,
    /// The path is another tenant's.
    Foreign,
}

impl Routes {
    /// A tree over a route map.
    #[must_use]
    pub fn new(map: Arc<RouteMap>) -> Self {
        let mut root = Node::default();
        for route in &map.routes {
            let mut node = &mut root;
            for part in &route.matches.parts {
                node = match part {
                    Part::Literal(text) => node.literals.entry(text.clone()).or_default(),
                    Part::Parameter(_) => node.parameter.get_or_insert_default(),
                };
            }
            node.routes.push(Arc::new(route.clone()));
        }
        Self { map, root }
    }

    /// The route of a request; `HEAD` is `GET`'s (A16). A literal shuts the parameter beside it out, also
    /// where it then leads nowhere: a path has one meaning.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn find(&self, method: &Method, path: &CanonicalPath) -> Result<Matched, Unmatched> {
        let mut node = &self.root;
        let mut values = Vec::new();
        for part in path.parts() {
            node = match (node.literals.get(part), &node.parameter) {
                (Some(next), _) => next,
                (None, Some(next)) if is_name(part) => {
                    values.push(part);
                    next
                }
                _ => return Err(Unmatched::Path),
            };
        }
        if node.routes.is_empty() {
            return Err(Unmatched::Path);
        }
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let route = node.routes.iter().find(|route| route.matches.method == method);
        let route = Arc::clone(route.ok_or(Unmatched::Method)?);
        let names = route.matches.parameters();
        let parameters: BTreeMap<_, _> =
            names.zip(values).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let foreign =
            |(name, value): (&String, &String)| self.map.fixed.get(name).is_some_and(|own| own != value);
        if parameters.iter().any(foreign) {
            Err(Unmatched::Foreign)
        } else {
            Ok(Matched { route, parameters })
        }
    }
}

/// The path of a line whose parameters have these values.
#[must_use]
pub fn filled(line: &RequestLine, parameters: &BTreeMap<String, String>) -> String {
    line.parts.iter().fold(String::new(), |path, part| {
        let part = match part {
            Part::Literal(text) => text,
            Part::Parameter(name) => parameters.get(name).map_or("", String::as_str),
        };
        path + "/" + part
    })
}

/// What a parameter takes: nothing that a backend could cut off, decode or read as a format (A10).
pub(super) fn is_name(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
