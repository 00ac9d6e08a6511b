//! Fields that a policy names of one object and that stand in another: `meta.sender.phone_number` of a conversation,
//! where `/meta/sender` is a contact. The other decides alone on what is in it, so that such a name would hide nothing,
//! and whoever wrote it believes that it does.

use crate::{
    config::{mistake::Wrong, routes::Entity},
    filter::{Schema, SchemaError},
    policy::{
        Source,
        source::{ANY, Fields, Role},
    },
};

/// A field that a policy names: where in the words of its [`Source`], of which resource, and which.
struct Named<'a> {
    at: Vec<String>,
    resource: &'a str,
    name: &'a str,
}

/// Every such field, each with where it stands in the words of the [`Source`].
pub(in crate::config) fn fields_elsewhere(source: &Source, entities: &[Entity]) -> Vec<(Vec<String>, Wrong)> {
    let canonical = |name: &'_ str| source.aliases.get(name).map_or(name, String::as_str).to_owned();
    let mut found = Vec::new();
    // A name without a dot is meant wherever it stands.
    for Named { at, resource, name } in named(source).into_iter().filter(|named| named.name.contains('.')) {
        let is_it = |own: &String| resource == ANY || canonical(own) == canonical(resource);
        let place = (0..).zip(entities).find_map(|(number, entity)| {
            let mut resources =
                std::iter::once(&entity.resource).chain(entity.kinds.iter().map(|kind| &kind.resource));
            let place = resources.any(is_it).then(|| place_of(name, number, entities)).flatten()?;
            Some((entity, place))
        });
        if let Some((entity, place)) = place {
            let inner = entity.nested.get(&place).and_then(|inner| entities.get(usize::from(inner.0)));
            let inner = inner.map(|inner| inner.resource.clone()).unwrap_or_default();
            let (name, entity) = (name.to_owned(), entity.name.clone());
            found.push((at, Wrong::FieldElsewhere { name, entity, place, inner }));
        }
    }
    found
}

/// The place of another entity in which the field `name` of an entity stands.
fn place_of(name: &str, number: u16, entities: &[Entity]) -> Option<String> {
    let sources = (0..).zip(entities).map(|(at, entity)| {
        let ruled = if at == number { vec![name.to_owned()] } else { Vec::new() };
        entity.source(ruled, Vec::new())
    });
    match Schema::compile(sources.collect()) {
        // Without the name there would be no mistake, or one that is noted already.
        Err(SchemaError::Conflict { outer, inner, .. }) if inner == name => Some(outer),
        _ => None,
    }
}

/// Every field that a policy names.
fn named(source: &Source) -> Vec<Named<'_>> {
    let mut named = Vec::new();
    for (name, role) in &source.roles {
        of_role(&["role", name], role, &mut named);
    }
    for (position, role) in source.every_role.iter().enumerate() {
        of_role(&["every_role", &position.to_string()], role, &mut named);
    }
    for (profile, resources) in &source.profiles {
        for (resource, fields) in resources {
            listed(&["profile", profile, resource], resource, fields, &mut named);
        }
    }
    for (resource, fields) in &source.secrets {
        listed(&["secret", resource], resource, fields, &mut named);
    }
    for (resource, fields) in &source.needs {
        named.extend(fields.keys().map(|name| Named {
            at: ["need", resource.as_str(), name.as_str()].map(str::to_owned).into(),
            resource,
            name,
        }));
    }
    for forbid in &source.forbids {
        listed(&["forbid", &forbid.name, "fields"], &forbid.resource, &forbid.fields, &mut named);
    }
    named
}

fn of_role<'a>(at: &[&str], role: &'a Role, named: &mut Vec<Named<'a>>) {
    for (resource, Fields { hidden, read_only, editable }) in &role.fields {
        for (list, fields) in [("hidden", hidden), ("read_only", read_only), ("editable", editable)] {
            let at = [at, &["fields", resource.as_str(), list]].concat();
            listed(&at, resource, fields, named);
        }
    }
}

fn listed<'a>(at: &[&str], resource: &'a str, fields: &'a [String], named: &mut Vec<Named<'a>>) {
    let at: Vec<String> = at.iter().map(|word| (*word).to_owned()).collect();
    named.extend(fields.iter().map(|name| Named { at: at.clone(), resource, name }));
}
