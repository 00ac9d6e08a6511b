//! The entities of `routes.toml`.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;

use super::line;
use crate::{
    config::{
        aliases::Aliases,
        build::Check,
        mistake::{KeyPath, Wrong, nearest},
        raw,
        routes::{Entity, EntityKind, Fact, FactPlaces, Literal, LookUp, Refers, TypeOf, Via},
        text::Pointer,
    },
    filter::{EntityNo, NoneAs},
};

/// What is asked for where an entity is nested or a row.
pub(super) const VIEW: &str = "view";

/// All entities, each at the place of its number.
pub(super) fn entities(
    check: &mut Check<'_>,
    at: &KeyPath,
    all: &BTreeMap<raw::Name, raw::Entity>,
    fixed: &BTreeMap<String, String>,
) -> Vec<Entity> {
    let entity = |(name, raw): (&raw::Name, &raw::Entity)| {
        let at = at.key(&name.0);
        let look_up =
            raw.look_up.as_ref().and_then(|raw| look_up(check, &at.key("look_up"), raw, all, fixed));
        Entity { look_up, ..entity(check, &at, (name, raw), all) }
    };
    all.iter().map(entity).collect()
}

/// The number of an entity: its place among all.
pub(super) fn number(all: &BTreeMap<raw::Name, raw::Entity>, name: &raw::Name) -> Option<EntityNo> {
    let at = all.keys().position(|known| known == name)?;
    u16::try_from(at).ok().map(EntityNo)
}

/// The numbers of the entities at these places.
pub(super) fn nested(
    check: &mut Check<'_>,
    at: &KeyPath,
    nested: &BTreeMap<Pointer, raw::Name>,
    all: &BTreeMap<raw::Name, raw::Entity>,
) -> BTreeMap<String, EntityNo> {
    let mut found = BTreeMap::new();
    for (place, name) in nested {
        if check.declared(&at.key(&place.0), "entity", name, all)
            && let Some(number) = number(all, name)
        {
            found.insert(place.0.clone(), number);
        }
    }
    found
}

/// What stands at these places where there is none: those of entities, and what leads to the next page (`ahead`).
pub(super) fn none(
    check: &mut Check<'_>,
    at: &KeyPath,
    none: &BTreeMap<Pointer, raw::NoneAs>,
    nested: &BTreeMap<Pointer, raw::Name>,
    ahead: &[&Pointer],
) -> BTreeMap<String, NoneAs> {
    // Items of a list are at `/*` of the place at which there are none.
    let places =
        nested.keys().map(|place| place.0.strip_suffix("/*").map_or((&*place.0, false), |list| (list, true)));
    let ahead = ahead.iter().map(|place| (&*place.0, false));
    let places: BTreeMap<&str, bool> = places.chain(ahead).filter(|(place, _)| is_member(place)).collect();
    let mut found = BTreeMap::new();
    for (place, none) in none {
        let at = at.key(&place.0);
        match (places.get(&*place.0), none) {
            (None, _) => {
                let near = nearest(&place.0, places.keys().copied());
                check.wrong(
                    &at,
                    Wrong::Unknown { what: "place in `nested`", name: place.0.clone(), nearest: near },
                );
            }
            (Some(false), raw::NoneAs::List) => {
                check.wrong(&at, Wrong::OnlyWith { other: "a list, as `nested` names one" });
            }
            (Some(_), none) => {
                let none = match none {
                    raw::NoneAs::Absent => NoneAs::Absent,
                    raw::NoneAs::Null => NoneAs::Null,
                    raw::NoneAs::List => NoneAs::List,
                };
                found.insert(place.0.clone(), none);
            }
        }
    }
    found
}

/// Whether a place is a member's, not the whole answer and no item of a list.
fn is_member(place: &str) -> bool {
    !place.is_empty() && !place.ends_with("/*")
}

fn entity(
    check: &mut Check<'_>,
    at: &KeyPath,
    (name, raw): (&raw::Name, &raw::Entity),
    all: &BTreeMap<raw::Name, raw::Entity>,
) -> Entity {
    let via = match &raw.via {
        Some(via) => check.declared(&at.key("via"), "entity", via, all).then_some(via),
        None => {
            if raw.via_at.is_some() {
                check.wrong(&at.key("via_at"), Wrong::OnlyWith { other: "via" });
            }
            None
        }
    };
    if raw.tag && raw.id.is_none() {
        let description = "where the id of the conversation stands, which has the tag".to_owned();
        check.lacks(&at.key("id"), Wrong::Missing { description });
    }
    if raw.value && !(raw.fields.is_empty() && raw.nested.is_empty()) {
        check.wrong(&at.key("value"), Wrong::OnlyWith { other: "neither `fields` nor `nested`" });
    }
    if !raw.channels.is_empty() && raw.channel.is_none() {
        check.wrong(&at.key("channels"), Wrong::OnlyWith { other: "channel" });
    }
    let via = via.and_then(|name| Some((name, all.get(name)?))).map(|(name, via)| {
        let inside = raw.via_at.as_ref().map_or("", |pointer| pointer.0.as_str());
        let mut facts = facts(via);
        facts.remove(&Fact::Id);
        facts.values_mut().for_each(|place| place.insert_str(0, inside));
        Via { resource: resource(name, via), facts, channels: via.channels.clone() }
    });
    Entity {
        name: name.0.clone(),
        resource: resource(name, raw),
        kinds: raw.kinds.iter().map(kind).collect(),
        action: raw.action.clone().unwrap_or_else(|| VIEW.to_owned()),
        at: raw.at.as_ref().map(|pointer| pointer.0.clone()).unwrap_or_default(),
        facts: facts(raw),
        channels: raw.channels.clone(),
        via,
        tag: raw.tag,
        look_up: None,
        absent_is_nobody: raw.nobody.absent,
        user: raw.nobody.unless.as_ref().map(|member| (member.at.0.clone(), literal(&member.is))),
        part: raw.part,
        fields: raw.fields.clone(),
        aliases: aliases(check, &at.key("aliases"), &raw.aliases),
        nested: nested(check, &at.key("nested"), &raw.nested, all),
        none: none(check, &at.key("none"), &raw.none, &raw.nested, &[]),
        id_type: raw.id_type.as_ref().map(|pointer| pointer.0.clone()),
        refers: refers(check, &at.key("refers"), &raw.refers, all),
        value: raw.value,
        placeholder: raw.placeholder.clone(),
    }
}

/// Where an entity refers to others.
fn refers(
    check: &mut Check<'_>,
    at: &KeyPath,
    refers: &BTreeMap<raw::Name, Vec<raw::EntityReference>>,
    all: &BTreeMap<raw::Name, raw::Entity>,
) -> Vec<Refers> {
    let mut found = Vec::new();
    for (name, places) in refers {
        let at = at.key(&name.0);
        check.declared(&at, "entity", name, all);
        let (Some(entity), Some(raw)) = (number(all, name), all.get(name)) else { continue };
        for (index, place) in places.iter().enumerate() {
            let (place, of) = match place {
                raw::EntityReference::Ids(ids) => {
                    (ids, raw.id_type.as_ref().map(|pointer| TypeOf::There(pointer.0.clone())))
                }
                raw::EntityReference::Typed(ids) => (&ids.at, Some(TypeOf::Beside(ids.r#type.0.clone()))),
                raw::EntityReference::OfType(ids) => (&ids.at, Some(TypeOf::Always(ids.is.clone()))),
            };
            if of.is_some() && raw.id_type.is_none() {
                check.wrong(&at.index(index), Wrong::OnlyWith { other: "an entity with `id_type`" });
            }
            found.push(Refers { entity, at: place.0.clone(), of });
        }
    }
    found
}

/// Other names of fields, each of one field alone.
fn aliases(check: &mut Check<'_>, at: &KeyPath, raw: &BTreeMap<String, Vec<String>>) -> Aliases {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (field, others) in raw {
        let at = at.key(field);
        let places = std::iter::once(at.clone()).chain((0..others.len()).map(|index| at.index(index)));
        for (name, at) in std::iter::once(field).chain(others).zip(places) {
            if name.split('.').any(|part| part.is_empty() || part.contains('*')) {
                check.wrong(&at, Wrong::FieldName);
            } else if !seen.insert(name) {
                check.wrong(&at, Wrong::Twice { name: name.clone() });
            }
        }
    }
    Aliases::new(raw)
}

/// The resource of the policy that an entity is.
pub(super) fn resource(name: &raw::Name, raw: &raw::Entity) -> String {
    raw.resource.clone().unwrap_or_else(|| name.0.clone())
}

/// The other object whose facts an entity has; `None` if a mistake was noted.
fn look_up(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::LookUp,
    all: &BTreeMap<raw::Name, raw::Entity>,
    fixed: &BTreeMap<String, String>,
) -> Option<LookUp> {
    let known = check.declared(&at.key("entity"), "entity", &raw.entity, all);
    let at = at.key("request");
    let line = line(check, &at, &raw.request)?;
    if line.method != Method::GET {
        check.wrong(&at, Wrong::OnlyWith { other: "GET" });
    }
    if !line.parameters().any(|name| name == LookUp::ID) {
        check.wrong(&at, Wrong::NoParameter { name: LookUp::ID.to_owned() });
    }
    if let Some(name) = line.parameters().find(|name| *name != LookUp::ID && !fixed.contains_key(*name)) {
        check.wrong(&at, Wrong::NotFixed { name: name.to_owned() });
    }
    known.then_some(())?;
    Some(LookUp { at: raw.id.0.clone(), entity: number(all, &raw.entity)?, line })
}

fn kind(raw: &raw::EntityKind) -> EntityKind {
    EntityKind { at: raw.at.0.clone(), is: literal(&raw.is), resource: raw.resource.clone() }
}

fn literal(raw: &raw::Literal) -> Literal {
    match raw {
        raw::Literal::Boolean(is) => Literal::Boolean(*is),
        raw::Literal::Number(is) => Literal::Name(is.to_string()),
        raw::Literal::Text(is) => Literal::Name(is.clone()),
    }
}

/// Where an entity's own facts stand.
fn facts(raw: &raw::Entity) -> FactPlaces {
    let places = [
        (Fact::Id, &raw.id),
        (Fact::Responsible, &raw.responsible),
        (Fact::Team, &raw.team),
        (Fact::Participants, &raw.participants),
        (Fact::Creator, &raw.creator),
        (Fact::Queue, &raw.queue),
        (Fact::Open, &raw.open),
        (Fact::Pipeline, &raw.pipeline),
        (Fact::Stage, &raw.stage),
        (Fact::Channel, &raw.channel),
        (Fact::Account, &raw.account),
        (Fact::Kind, &raw.kind),
        (Fact::Role, &raw.role),
    ];
    places.into_iter().filter_map(|(fact, place)| Some((fact, place.as_ref()?.0.clone()))).collect()
}
