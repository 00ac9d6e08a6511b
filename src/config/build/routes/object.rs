//! What decides on a request: the object that its path names, that in which it stands, and those that its fields name.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;

use super::{
    entities::{self, number},
    line::{question, read_line},
};
use crate::{
    config::{
        build::Check,
        mistake::{KeyPath, Wrong},
        raw,
        routes::{LookUp, Object, RequestLine, StandsIn},
        writing::{Reference, Referred, To},
    },
    filter::EntityNo,
};

/// Where the facts come from; `None` if a mistake was noted.
pub(super) fn object(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Route,
    kind: raw::RouteObject,
    matches: &RequestLine,
    entity: Option<EntityNo>,
) -> Option<Object> {
    let parameter = raw.parameter.clone().unwrap_or_else(|| "id".to_owned());
    let in_body = raw.ids.is_some() || raw.ids_in.is_some();
    if kind == raw::RouteObject::Common {
        return Some(Object::Common);
    }
    if !in_body && !matches.parameters().any(|name| name == parameter) {
        check.wrong(&at.key("object"), Wrong::NoParameter { name: parameter });
        return None;
    }
    if entity.is_none() && kind != raw::RouteObject::Export {
        check.lacks(
            &at.key("entity"),
            Wrong::Missing { description: "the entity whose facts decide".to_owned() },
        );
    }
    match kind {
        raw::RouteObject::Common => Some(Object::Common),
        raw::RouteObject::Tag => Some(Object::Tag { parameter }),
        raw::RouteObject::Export | raw::RouteObject::Answer if matches.method != Method::GET => {
            check.wrong(&at.key("object"), Wrong::OnlyWith { other: "GET" });
            None
        }
        raw::RouteObject::Export => {
            let Some(export) = &raw.export else {
                let description = "the name of the exports, as in `{ of = \"contacts\" }`".to_owned();
                check.lacks(&at.key("export"), Wrong::Missing { description });
                return None;
            };
            Some(Object::Export { of: export.of.clone(), parameter })
        }
        raw::RouteObject::Answer => Some(Object::Answer { entity: entity?, parameter }),
        raw::RouteObject::Prefetch => {
            let Some(text) = &raw.prefetch else {
                let description = "the request that answers with the object".to_owned();
                check.lacks(&at.key("prefetch"), Wrong::Missing { description });
                return None;
            };
            let of_ids = in_body.then_some(parameter.as_str());
            let own = matches.parameters().chain(of_ids).collect();
            let line = question(check, &at.key("prefetch"), text, &own)?;
            Some(Object::Prefetch { line, entity: entity?, parameter })
        }
    }
}

/// Whether it is said what decides on the object that the path of a write names: without that, any scope would open
/// every object.
pub(super) fn check_named(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Route,
    fixed: &BTreeMap<String, String>,
) {
    let line = raw.matches.as_deref().and_then(read_line);
    let Some(line) = line.filter(|line| line.method != Method::GET && !raw.question) else { return };
    if raw.object.is_none() && line.parameters().any(|name| !fixed.contains_key(name)) {
        let description = "what decides on the object that the path names; \"common\" if it belongs to nobody in particular".to_owned();
        check.lacks(&at.key("object"), Wrong::Missing { description });
    }
}

/// The objects that fields name.
pub(super) fn refers(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Route,
    matches: &RequestLine,
    map: &raw::Routes,
) -> BTreeMap<String, Reference> {
    let mut refers = BTreeMap::new();
    for (field, raw) in &raw.refers {
        let at = at.key(field);
        let own = matches.parameters().chain(map.fixed.keys().map(String::as_str)).chain([LookUp::ID]);
        let own = own.collect();
        let mut referred = |at: &KeyPath, raw| self::referred(check, at, raw, &own, map);
        let to = match (&raw.entity, &raw.kind) {
            (Some(_), None) if raw.is.is_empty() => {
                raw.each().first().and_then(|(_, one)| referred(&at, one)).map(To::One)
            }
            (None, Some(kind)) if raw.request.is_none() && raw.action.is_none() => {
                let is = raw.is.iter().filter_map(|(value, one)| {
                    Some((value.clone(), referred(&at.key("is").key(value), one)?))
                });
                Some(To::Kinds { field: kind.clone(), is: is.collect() })
            }
            _ => {
                let description = "`entity`, or `kind` with `is`".to_owned();
                check.lacks(&at, Wrong::Missing { description });
                None
            }
        };
        if let Some(to) = to {
            refers.insert(field.clone(), Reference { to, required: raw.required });
        }
    }
    refers
}

/// An object that a field names; `own` are the parameters that a request for it may have.
fn referred(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Referred,
    own: &BTreeSet<&str>,
    map: &raw::Routes,
) -> Option<Referred> {
    let known = check.declared(&at.key("entity"), "entity", &raw.entity, &map.entity);
    let entity = map.entity.get(&raw.entity).filter(|_| known)?;
    if raw.request.is_none() && !entity.tag {
        let description = "the request that answers with the object".to_owned();
        check.lacks(&at.key("request"), Wrong::Missing { description });
    }
    let line = raw.request.as_deref().and_then(|text| question(check, &at.key("request"), text, own));
    Some(Referred {
        entity: number(&map.entity, &raw.entity)?,
        resource: entities::resource(&raw.entity, entity),
        line,
        action: raw.action.clone().unwrap_or_else(|| entities::VIEW.to_owned()),
    })
}

/// What must be seen besides the route's object; `None` if nothing, or a mistake was noted.
pub(super) fn stands_in(
    check: &mut Check<'_>,
    at: &KeyPath,
    route: &raw::Route,
    matches: &RequestLine,
    entities: &BTreeMap<raw::Name, raw::Entity>,
) -> Option<StandsIn> {
    let raw = route.stands_in.as_ref()?;
    let at = at.key("stands_in");
    let is_around = matches!(route.object, Some(raw::RouteObject::Tag | raw::RouteObject::Prefetch));
    if !is_around || !(route.via || route.part) {
        check.wrong(&at, Wrong::OnlyWith { other: "`via` or `part`" });
    }
    let known = check.declared(&at.key("entity"), "entity", &raw.entity, entities);
    let own: BTreeSet<_> = matches.parameters().collect();
    let line = question(check, &at.key("request"), &raw.request, &own);
    if !own.contains(raw.parameter.as_str()) {
        check.wrong(&at.key("parameter"), Wrong::NoParameter { name: raw.parameter.clone() });
    }
    known.then_some(())?;
    Some(StandsIn { entity: number(entities, &raw.entity)?, parameter: raw.parameter.clone(), line: line? })
}
