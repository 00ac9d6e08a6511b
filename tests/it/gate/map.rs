//! What a shipped route map declares, line by line, so that a test that has a sample for each line says which one has none.

use std::{collections::BTreeSet, fmt::Debug};

use toml::{Table, Value};

/// A shipped route map.
pub(super) struct Map(Table);

impl Map {
    pub(super) fn chatwoot() -> Self {
        Self(include_str!("../../../src/config/presets/routes/chatwoot.toml").parse().unwrap())
    }

    pub(super) fn crm() -> Self {
        Self(include_str!("../../../src/config/presets/routes/crm-v4.toml").parse().unwrap())
    }

    /// Each entity, a field of it, and another name that it has for that.
    pub(super) fn aliases(&self) -> BTreeSet<[String; 3]> {
        let mut found = BTreeSet::new();
        for (entity, of) in self.entities() {
            for (field, names) in of.get("aliases").and_then(Value::as_table).into_iter().flatten() {
                found.extend(texts(names).map(|name| [entity.clone(), field.clone(), name]));
            }
        }
        found
    }

    /// Each route without its beginning that all have, a name in its questions, and a field that this searches or orders by.
    pub(super) fn searches(&self) -> BTreeSet<[String; 3]> {
        let mut found = BTreeSet::new();
        for (route, of) in self.routes() {
            for (name, fields) in of.get("searches").and_then(Value::as_table).into_iter().flatten() {
                found.extend(texts(fields).map(|field| [route.clone(), name.clone(), field]));
            }
        }
        found
    }

    /// Each route, and where its questions name fields. A list of the fields that may be named (`asks`) is none of these.
    pub(super) fn named_at(&self) -> BTreeSet<[String; 2]> {
        let mut found = BTreeSet::new();
        for (route, of) in self.routes() {
            for key in ["fields_in", "fields_at", "asks"] {
                let named = of.get(key).into_iter().flat_map(texts);
                found.extend(named.map(|at| [route.clone(), at]));
            }
        }
        found
    }

    /// Each entity or route, and a place of it where none is written in a way of its own.
    pub(super) fn nones(&self) -> BTreeSet<[String; 2]> {
        let mut found = BTreeSet::new();
        for (of, value) in self.entities().chain(self.routes()) {
            let places = value.get("none").and_then(Value::as_table).into_iter().flatten();
            found.extend(places.map(|(place, _)| [of.clone(), place.clone()]));
        }
        found
    }

    pub(super) fn has_entity(&self, name: &str) -> bool {
        self.0["entity"].get(name).is_some()
    }

    /// The entity that a route shows.
    pub(super) fn shown_by(&self, route: &str) -> String {
        let (_, of) = self.routes().find(|(known, _)| known == route).unwrap();
        of.get("shows").or_else(|| of.get("entity")).and_then(Value::as_str).unwrap().to_owned()
    }

    /// The resources that objects of an entity are of.
    pub(super) fn resources(&self, entity: &str) -> Vec<String> {
        let of = &self.0["entity"][entity];
        let own = of.get("resource").and_then(Value::as_str).unwrap_or(entity);
        let kinds = of.get("kinds").and_then(Value::as_array).into_iter().flatten();
        let kinds = kinds.map(|kind| kind["resource"].as_str().unwrap());
        [own].into_iter().chain(kinds).map(str::to_owned).collect()
    }

    fn entities(&self) -> impl Iterator<Item = (String, &Value)> {
        self.0["entity"].as_table().unwrap().iter().map(|(name, of)| (name.clone(), of))
    }

    fn routes(&self) -> impl Iterator<Item = (String, &Value)> {
        let routes = self.0["route"].as_array().unwrap().iter();
        routes.map(|route| (behind_the_account(route["match"].as_str().unwrap()), route))
    }
}

/// A route without what the paths of its map begin with.
fn behind_the_account(route: &str) -> String {
    route.replace("/api/v1/accounts/{account}/", "").replace("/api/v4/", "")
}

fn texts(list: &Value) -> impl Iterator<Item = String> + '_ {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned())
}

/// That there is a sample for each line of a map, and no other.
#[track_caller]
pub(super) fn assert_each_has_a_sample<T: Ord + Debug>(declared: &BTreeSet<T>, samples: &BTreeSet<T>) {
    let without: Vec<_> = declared.difference(samples).collect();
    assert!(without.is_empty(), "of the map, and without a sample: {without:?}");
    let of_none: Vec<_> = samples.difference(declared).collect();
    assert!(of_none.is_empty(), "samples of what the map does not say: {of_none:?}");
}
