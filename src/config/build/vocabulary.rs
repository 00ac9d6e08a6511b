//! What routes ask for is in the policy: a right that it does not know is one that nobody has, and a route that
//! asks for it would refuse everybody without a word to the operator.

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Wrong, nearest},
        raw,
        writing::Right,
    },
    policy::Source,
};

/// Notes every resource and action of the routes that the policy does not know.
pub(in crate::config) fn check_vocabulary(check: &mut Check<'_>, raw: &raw::Routes, policy: &Source) {
    let root = KeyPath::default();
    for (raw::Name(name), entity) in &raw.entity {
        if let Some(via) = &entity.via {
            resource_of(check, &root.key("entity").key(name).key("via"), via, raw, policy);
        }
    }
    for (index, route) in raw.route.iter().enumerate() {
        let at = root.key("route").index(index);
        let of_entity = route.entity.as_ref();
        if let Some(name) = of_entity.filter(|_| route.via) {
            resource_of(check, &at.key("entity"), name, raw, policy);
        }
        let actions = match (&route.resource, of_entity) {
            (Some(name), _) => resource(check, &at.key("resource"), name, policy),
            (None, Some(name)) => resource_of(check, &at.key("entity"), name, raw, policy),
            (None, None) => None,
        };
        if let (Some(of), Some(name)) = (actions, &route.action) {
            action(check, &at.key("action"), of, name);
        }
        for (value, right) in route.instead.iter().flat_map(|instead| &instead.is) {
            let at = at.key("instead").key("is").key(value);
            let right = Right::of(right);
            let of = match &right.resource {
                Some(name) => resource(check, &at, name, policy),
                None => actions,
            };
            if let Some(of) = of {
                action(check, &at, of, &right.action);
            }
        }
        for (field, need) in &route.needs {
            let at = at.key("needs").key(field);
            if let Some(of) = resource(check, &at.key("resource"), &need.resource, policy) {
                action(check, &at.key("action"), of, &need.action);
            }
        }
        for (field, refers) in &route.refers {
            let at = at.key("refers").key(field);
            for (kind, referred) in refers.each() {
                let at = kind.map_or_else(|| at.clone(), |kind| at.key("is").key(kind));
                let of = resource_of(check, &at.key("entity"), &referred.entity, raw, policy);
                if let (Some(of), Some(name)) = (of, &referred.action) {
                    action(check, &at.key("action"), of, name);
                }
            }
        }
    }
}

/// A resource of the policy and its actions.
type Resource<'p> = (&'p str, &'p [String]);

/// The resource of an entity; a mistake is noted where its name stands, `at` if that is the entity's.
fn resource_of<'p>(
    check: &mut Check<'_>,
    at: &KeyPath,
    entity: &raw::Name,
    raw: &raw::Routes,
    policy: &'p Source,
) -> Option<Resource<'p>> {
    // That there is no such entity is noted elsewhere.
    match &raw.entity.get(entity)?.resource {
        None => resource(check, at, &entity.0, policy),
        Some(name) => {
            let at = KeyPath::default().key("entity").key(&entity.0).key("resource");
            resource(check, &at, name, policy)
        }
    }
}

/// The resource of this name or alias; if there is none, that is noted.
fn resource<'p>(check: &mut Check<'_>, at: &KeyPath, name: &str, policy: &'p Source) -> Option<Resource<'p>> {
    let canonical = policy.aliases.get(name).map_or(name, String::as_str);
    let found = policy.resources.get_key_value(canonical);
    if found.is_none() {
        let known = policy.resources.keys().chain(policy.aliases.keys());
        let nearest = nearest(name, known.map(String::as_str));
        check.wrong(at, Wrong::NoResource { name: name.to_owned(), nearest });
    }
    found.map(|(name, actions)| (name.as_str(), actions.as_slice()))
}

/// Notes an action that a resource does not have.
fn action(check: &mut Check<'_>, at: &KeyPath, (resource, actions): Resource<'_>, name: &str) {
    if actions.iter().any(|action| action == name) {
        return;
    }
    let wrong = Wrong::NoAction {
        action: name.to_owned(),
        resource: resource.to_owned(),
        nearest: nearest(name, actions.iter().map(String::as_str)),
        actions: actions.to_vec(),
    };
    check.wrong(at, wrong);
}
