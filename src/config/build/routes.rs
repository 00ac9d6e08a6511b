//! `routes.toml`: a backend's API as a tenant's users may reach it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::{HeaderName, HeaderValue, Method};

mod entities;
mod line;
mod object;
mod shows;

pub(in crate::config) use self::line::shape_of;
use self::{
    entities::{entities, number},
    line::{line, shape},
    object::{check_named, object, refers, stands_in},
    shows::shows,
};
use super::{
    Check,
    backends::api_header,
    writing::{asking, writing},
};
use crate::{
    config::{
        aliases::Aliases,
        mistake::{KeyPath, Wrong, nearest},
        raw,
        routes::{AsUser, Audit, Body, Entity, Errors, Export, Format, Object, Route, RouteMap},
        text::{Pointer, SecretText, steps},
        writing::Writing,
    },
    filter::{Layout, Schema},
    ids::{BackendId, UserId},
};

/// In `shared`: all of them.
const EVERY_ROUTE: &str = "*";

/// Headers that Headgate alone sets, or that steer the connection: never passed on by name, in either direction.
const OWN_HEADERS: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "range",
    "accept-encoding",
];

/// Headers of a request that are about what the backend has, not about what of it the user may see (F05).
const CONDITIONS: [&str; 3] = ["if-none-match", "if-modified-since", "if-range"];

/// Headers of an answer that are about what the backend sent, not about what of it is shown (F06 to F08), or that
/// are Headgate's.
const ABOUT_THE_ANSWER: [&str; 13] = [
    "accept-ranges",
    "age",
    "cache-control",
    "content-digest",
    "content-encoding",
    "content-md5",
    "content-range",
    "digest",
    "etag",
    "expires",
    "last-modified",
    "repr-digest",
    "vary",
];

/// The tenant's route map; `None` if it has none, or a mistake was noted.
pub(in crate::config) fn routes(
    check: &mut Check<'_>,
    raw: raw::Routes,
    backends: &BTreeMap<raw::Name, bool>,
    body_bytes_max: usize,
) -> Option<RouteMap> {
    if raw.route.is_empty() && raw.backend.is_none() {
        return None;
    }
    let root = KeyPath::default();
    let backend = backend(check, raw.backend.as_ref(), backends);
    let request_headers = headers(check, &root.key("request_headers"), &raw.request_headers, &CONDITIONS);
    let response_headers =
        headers(check, &root.key("response_headers"), &raw.response_headers, &ABOUT_THE_ANSWER);
    let at = root.key("route");
    let mut seen = BTreeMap::new();
    let mut routes = Vec::new();
    let entities = entities(check, &root.key("entity"), &raw.entity, &raw.fixed);
    for (index, route) in raw.route.iter().enumerate() {
        let at = at.index(index);
        check_named(check, &at, route, &raw.fixed);
        let Some(route) = self::route(check, &at, route, &raw, body_bytes_max) else { continue };
        if let Some(other) = seen.insert(shape(&route.matches), route.name.clone()) {
            check.wrong(&at.key("match"), Wrong::RouteTwice { other });
        }
        let shared = raw.shared.iter().any(|name| name == EVERY_ROUTE || *name == route.name);
        routes.push(Route { number: index, shared, ..route });
    }
    for (index, name) in raw.shared.iter().enumerate().filter(|(_, name)| *name != EVERY_ROUTE) {
        if !routes.iter().any(|route| route.name == *name) {
            let near = nearest(name, routes.iter().map(|route| route.name.as_str()));
            let wrong = Wrong::Unknown { what: "route", name: name.clone(), nearest: near };
            check.wrong(&root.key("shared").index(index), wrong);
        }
    }
    let as_user = as_user(check, &root.key("as_user"), raw.as_user);
    check_layouts(check, &entities, &routes);
    check_exports(check, &routes);
    for name in raw.fixed.keys() {
        if !routes.iter().any(|route| route.matches.parameters().any(|parameter| parameter == name)) {
            check.lacks(&root.key("fixed").key(name), Wrong::NoParameter { name: name.clone() });
        }
    }
    Some(RouteMap {
        backend: backend?,
        fixed: raw.fixed,
        request_headers,
        response_headers,
        refused_parameters: raw.refused_parameters,
        as_user,
        entities,
        routes,
    })
}

/// Whether the places of entities are in each other's way.
fn check_layouts(check: &mut Check<'_>, entities: &[Entity], routes: &[Route]) {
    let root = KeyPath::default();
    let sources = entities.iter().map(|entity| {
        let aliases = entity.aliases.names().cloned();
        entity.source(aliases.collect(), Vec::new())
    });
    let schema = match Schema::compile(sources.collect()) {
        Ok(schema) => Arc::new(schema),
        Err(error) => return check.wrong(&root.key("entity"), Wrong::Places(error)),
    };
    for route in routes {
        if let Err(error) = Layout::compile(&schema, route.shows.some_rows(entities)) {
            check.wrong(&root.key("route").index(route.number), Wrong::Places(error));
        }
    }
}

/// Whether every export that is fetched is started somewhere.
fn check_exports(check: &mut Check<'_>, routes: &[Route]) {
    let started: BTreeSet<_> = routes.iter().filter_map(|route| Some(&route.export.as_ref()?.of)).collect();
    for route in routes {
        if let Some(Object::Export { of, .. }) = &route.object
            && !started.contains(of)
        {
            let at = KeyPath::default().key("route").index(route.number).key("export").key("of");
            check.wrong(
                &at,
                Wrong::OnlyWith { other: "a route that starts such exports: `export` with an `id`" },
            );
        }
    }
}

/// The names of the backends, each with whether its API is known.
pub(in crate::config) fn apis(backends: &BTreeMap<raw::Name, raw::Backend>) -> BTreeMap<raw::Name, bool> {
    backends.iter().map(|(name, backend)| (name.clone(), backend.api.is_some())).collect()
}

fn backend(
    check: &mut Check<'_>,
    raw: Option<&raw::Name>,
    backends: &BTreeMap<raw::Name, bool>,
) -> Option<BackendId> {
    let at = KeyPath::default().key("backend");
    let Some(name) = raw else {
        let description = "the backend whose API the routes are of".to_owned();
        check.lacks(&at, Wrong::Missing { description });
        return None;
    };
    if check.declared(&at, "backend", name, backends) && backends.get(name) == Some(&false) {
        check.wrong(&at, Wrong::NoApi { backend: name.0.clone() });
    }
    Some(BackendId::new(name.0.as_str()))
}

fn headers(check: &mut Check<'_>, at: &KeyPath, names: &[String], also_reserved: &[&str]) -> Vec<HeaderName> {
    let mut headers = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let lower = name.to_ascii_lowercase();
        let reserved = OWN_HEADERS.contains(&lower.as_str())
            || also_reserved.contains(&lower.as_str())
            || lower.starts_with("access-control-")
            || lower.contains("headgate")
            || lower.contains('_');
        match HeaderName::try_from(lower) {
            Ok(name) if !reserved => headers.push(name),
            _ => check.wrong(&at.index(index), Wrong::HeaderName),
        }
    }
    headers
}

fn route(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Route,
    map: &raw::Routes,
    body_bytes_max: usize,
) -> Option<Route> {
    let entities = &map.entity;
    let name = raw.matches.clone()?;
    let matches = line(check, &at.key("match"), &name);
    let known = raw
        .entity
        .as_ref()
        .is_none_or(|entity| check.declared(&at.key("entity"), "entity", entity, entities));
    let entity = raw.entity.as_ref().and_then(|name| Some((name, entities.get(name)?)));
    let of_entity = entity.map(|(name, entity)| entity.resource.clone().unwrap_or_else(|| name.0.clone()));
    let resource = raw.resource.clone().or_else(|| of_entity.clone());
    if resource.is_none() && known {
        check.lacks(
            &at.key("resource"),
            Wrong::Missing { description: "the resource, or `entity`".to_owned() },
        );
    }
    if raw.action.is_none() {
        // A route over one of a route map need not say it again, so that the file's schema does not ask for it.
        check.lacks(
            &at.key("action"),
            Wrong::Missing { description: "The action of the policy that is asked for".to_owned() },
        );
    }
    let object = match (raw.object, &matches) {
        (Some(kind), Some(matches)) => {
            let entity = raw.entity.as_ref().and_then(|name| number(entities, name));
            Some(object(check, at, raw, kind, matches, entity)?)
        }
        _ => None,
    };
    if raw.prefetch.is_some() && raw.object != Some(raw::RouteObject::Prefetch) {
        check.wrong(&at.key("prefetch"), Wrong::OnlyWith { other: "object = \"prefetch\"" });
    }
    for (key, is) in [("via", raw.via), ("part", raw.part)] {
        if is && raw.object.is_none() {
            check.wrong(&at.key(key), Wrong::OnlyWith { other: "object" });
        }
    }
    let stands_in = matches.as_ref().and_then(|matches| stands_in(check, at, raw, matches, entities));
    let shows = shows(check, at, raw, entities);
    let export = export(check, at, raw);
    let matches = matches?;
    if matches.method == Method::GET && shows.is_empty() && shows.format == Format::Json {
        let description = "what the answer shows: `entity`, `shows`, `nested` or `keep`".to_owned();
        check.lacks(&at.key("shows"), Wrong::Missing { description });
    }
    let via = (raw.via || raw.part).then_some(of_entity).flatten();
    let text = |pointer: &Option<Pointer>| pointer.as_ref().map(|pointer| pointer.0.clone());
    let writing = Writing {
        refers: refers(check, &at.key("refers"), raw, &matches, map),
        others: resource.as_deref().map(|resource| others(raw, resource, entities)).unwrap_or_default(),
        ..writing(check, at, raw, &matches)
    };
    let asking = asking(check, at, raw);
    let resource = resource?;
    Some(Route {
        number: 0,
        shared: false,
        name,
        aliases: aliases(raw, &resource, entities),
        resource,
        action: raw.action.clone()?,
        via,
        part: raw.part,
        stands_in,
        shows,
        export,
        hide: raw
            .hide
            .unwrap_or_else(|| object.as_ref().is_some_and(|object| !matches!(object, Object::Common))),
        object,
        body: if raw.question { Body::Question } else { Body::Writes(text(&raw.body).unwrap_or_default()) },
        writing,
        asking,
        body_bytes_max: raw.body_bytes_max.map_or(body_bytes_max, |size| size.in_memory()),
        shadow: raw.shadow,
        as_user: raw.as_user,
        audit: match raw.audit {
            None | Some(raw::Audit::Bounded) => Audit::Bounded,
            Some(raw::Audit::Must) => Audit::Must,
        },
        errors: match raw.errors {
            None | Some(raw::Errors::Fixed) => Errors::Fixed,
            Some(raw::Errors::Pass) => Errors::Pass,
        },
        matches,
    })
}

/// Other names of the fields of a resource, by the entities of it that a route names.
fn aliases(raw: &raw::Route, resource: &str, entities: &BTreeMap<raw::Name, raw::Entity>) -> Aliases {
    let mut aliases = Aliases::default();
    for entity in entities_of(raw, resource, entities) {
        aliases.extend(&Aliases::new(&entity.aliases));
    }
    aliases
}

/// Where others stand in the objects of a route's resource.
fn others(raw: &raw::Route, resource: &str, entities: &BTreeMap<raw::Name, raw::Entity>) -> Vec<Vec<String>> {
    let places = entities_of(raw, resource, entities).flat_map(|entity| entity.nested.keys());
    let names = |place: &Pointer| steps(&place.0).filter(|step| step != "*").collect::<Vec<_>>();
    places.map(names).filter(|place| !place.is_empty()).collect()
}

/// The entities of a route that are of this resource.
fn entities_of<'a>(
    raw: &'a raw::Route,
    resource: &str,
    entities: &'a BTreeMap<raw::Name, raw::Entity>,
) -> impl Iterator<Item = &'a raw::Entity> {
    let named = raw.entity.iter().chain(&raw.shows).chain(raw.nested.values());
    named.filter_map(|name| Some((name, entities.get(name)?))).filter_map(move |(name, entity)| {
        let mut kinds = entity.kinds.iter().map(|kind| kind.resource.as_str());
        let is_it = entities::resource(name, entity) == resource || kinds.any(|kind| kind == resource);
        is_it.then_some(entity)
    })
}

/// The export that a route starts.
fn export(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route) -> Option<Export> {
    let raw::Export { of, id } = raw.export.as_ref()?;
    let fetches = raw.object == Some(raw::RouteObject::Export);
    match id {
        Some(_) if fetches => {
            check.wrong(
                &at.key("export").key("id"),
                Wrong::OnlyWith { other: "a route that starts the export" },
            );
            None
        }
        Some(_) if raw.format.unwrap_or_default() != raw::RouteFormat::Json => {
            check.wrong(&at.key("export"), Wrong::OnlyWith { other: "`format = \"json\"`" });
            None
        }
        Some(id) => Some(Export { of: of.clone(), id: id.0.clone() }),
        None if fetches => None,
        None => {
            let description = "where the export's id stands in the answer".to_owned();
            check.lacks(&at.key("export").key("id"), Wrong::Missing { description });
            None
        }
    }
}

/// Users' own credentials; `None` if there are none.
fn as_user(check: &mut Check<'_>, at: &KeyPath, raw: raw::AsUser) -> Option<AsUser> {
    if raw.credentials.is_empty() {
        return None;
    }
    let Some(header) = raw.header else {
        let description = "the header that holds the credentials".to_owned();
        check.lacks(&at.key("header"), Wrong::Missing { description });
        return None;
    };
    let header = api_header(&header);
    if header.is_none() {
        check.wrong(&at.key("header"), Wrong::ApiHeader);
    }
    let mut credentials = BTreeMap::new();
    for (user, SecretText(credential)) in raw.credentials {
        match HeaderValue::from_bytes(credential.expose()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                credentials.insert(UserId::new(user), value);
            }
            Err(_unfit) => check.wrong(&at.key("credentials").key(&user), Wrong::ApiHeader),
        }
    }
    Some(AsUser { header: header?, credentials })
}
