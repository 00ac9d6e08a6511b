//! A tenant's `routes.toml`, laid over the route maps that it uses.
//!
//! What the tenant's file says of a key of an entity or a route counts, and all else is as the preset has it. Its own
//! routes come first, so that their places are those of its file.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, map::Entry};

use super::{
    build::{Check, shape_of},
    document::Document,
    interpolate::References,
    load::Read,
    mistake::{KeyPath, Report, Wrong},
    presets::RoutePreset,
    raw, schema,
};

/// Keys that only the tenant's file has, and which are done with when it is laid.
const OF_LAYING: [&str; 2] = ["use", "without"];

/// The file over its presets, the first of which lies lowest.
pub(super) fn routes(own: Read<raw::Routes>, folder: &Path, report: &mut Report) -> Read<raw::Routes> {
    if own.raw.presets.is_empty() {
        return own;
    }
    let below = own.raw.presets.iter().map(|preset| value(*preset, report));
    let mut below = below.fold(Value::Object(Map::new()), |below, above| laid(below, &above));
    let mut check = Check { folder, document: &own.document, report, files: Vec::new() };
    take_out(&mut check, &mut below, &own.raw.without);
    let whole = laid(below, &own.document.value);
    let raw = serde_json::from_value(whole).unwrap_or_else(|_unfit| {
        let expected = "keys and values that go with those of the route map".to_owned();
        report.add_unless_wrong_already(
            own.document.at(&KeyPath::default().key("use")),
            Wrong::Expected { expected },
        );
        raw::Routes::default()
    });
    Read { document: own.document, raw }
}

/// What a preset says.
fn value(preset: RoutePreset, report: &mut Report) -> Value {
    let env = |_: &str| None;
    let mut references = References { env: &env, folder: Path::new(""), files: Vec::new() };
    let file = format!("preset {}", preset.name());
    let mut document = Document::read(&file, preset.text(), &mut references, report);
    let _checked: raw::Routes = schema::check(&mut document, report);
    document.value
}

/// Takes routes out that the tenant does without.
fn take_out(check: &mut Check<'_>, below: &mut Value, without: &[String]) {
    let Some(Value::Array(routes)) = below.get_mut("route") else { return };
    let known: BTreeMap<String, ()> = routes.iter().map(|route| (line(route).to_owned(), ())).collect();
    let at = KeyPath::default().key("without");
    for (index, name) in without.iter().enumerate() {
        check.declared(&at.index(index), "route of a preset", name, &known);
    }
    routes.retain(|route| !without.iter().any(|name| name == line(route)));
}

/// One file's value over another's.
fn laid(below: Value, above: &Value) -> Value {
    let (Value::Object(mut whole), Value::Object(above)) = (below, above) else { return above.clone() };
    for (key, above) in above {
        match (key.as_str(), whole.entry(key)) {
            (key, Entry::Vacant(_)) if OF_LAYING.contains(&key) => {}
            (_, Entry::Vacant(place)) => _ = place.insert(above.clone()),
            ("route", Entry::Occupied(mut below)) => {
                let routes = laid_routes(below.get_mut().take(), above);
                below.insert(routes);
            }
            ("entity", Entry::Occupied(mut below)) => lay_tables(below.get_mut(), above),
            (_, Entry::Occupied(mut below)) => lay_plain(below.get_mut(), above),
        }
    }
    Value::Object(whole)
}

/// The keys of each table over those of the one with the same name.
fn lay_tables(below: &mut Value, above: &Value) {
    let (Value::Object(below), Value::Object(above)) = (below, above) else { return };
    for (name, above) in above {
        match below.entry(name) {
            Entry::Vacant(place) => _ = place.insert(above.clone()),
            Entry::Occupied(mut below) => lay_keys(below.get_mut(), above),
        }
    }
}

/// Keys over keys, each whole.
fn lay_keys(below: &mut Value, above: &Value) {
    let (Value::Object(below), Value::Object(above)) = (below, above) else { return };
    below.extend(above.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// A list goes on, a table has the keys of both, and anything else is replaced.
fn lay_plain(below: &mut Value, above: &Value) {
    match (&mut *below, above) {
        (Value::Array(list), Value::Array(above)) => list.extend(above.iter().cloned()),
        (Value::Object(_), Value::Object(_)) => lay_keys(below, above),
        _ => *below = above.clone(),
    }
}

/// The routes of the upper file, each over the one that takes the same requests, and then the rest of the lower one's.
fn laid_routes(below: Value, above: &Value) -> Value {
    let (Value::Array(mut below), Value::Array(above)) = (below, above) else { return above.clone() };
    let mut whole = Vec::new();
    for route in above {
        let same = shape_of(line(route));
        let under = below.iter().position(|under| same.is_some() && shape_of(line(under)) == same);
        let mut under = under.map_or_else(|| Value::Object(Map::new()), |under| below.remove(under));
        lay_keys(&mut under, route);
        whole.push(under);
    }
    whole.append(&mut below);
    Value::Array(whole)
}

/// A route's method and path.
fn line(route: &Value) -> &str {
    route.get("match").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_upper_file_says_counts_key_by_key() {
        let below = json!({
            "fixed": {"account": "1"},
            "refused_parameters": ["token"],
            "entity": {"lead": {"id": "/id", "team": "/team"}, "note": {"id": "/id"}},
            "route": [
                {"match": "GET /leads/{id}", "action": "view", "entity": "lead"},
                {"match": "GET /leads", "action": "list"},
            ],
        });
        let above = json!({
            "use": ["crm"],
            "backend": "crm",
            "fixed": {"account": "2"},
            "refused_parameters": ["key"],
            "entity": {"lead": {"team": "/group"}},
            "route": [
                {"match": "GET /mine", "action": "view"},
                {"match": "GET /leads/{lead}", "action": "edit"},
            ],
        });
        let whole = json!({
            "backend": "crm",
            "fixed": {"account": "2"},
            "refused_parameters": ["token", "key"],
            "entity": {"lead": {"id": "/id", "team": "/group"}, "note": {"id": "/id"}},
            "route": [
                {"match": "GET /mine", "action": "view"},
                {"match": "GET /leads/{lead}", "action": "edit", "entity": "lead"},
                {"match": "GET /leads", "action": "list"},
            ],
        });
        assert_eq!(laid(below, &above), whole);
    }
}
