//! The objects that a body writes, and what each says of itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::{Way, way_of};
use crate::config::aliases::Aliases;

/// The fields that an object has in their own places; of those in the items of a list, the ones that each item has.
pub(super) type OwnFields = BTreeSet<Way>;

/// Whether an object says a field, by one of its names, in its own place.
pub(super) fn says(object: &OwnFields, field: &str, aliases: &Aliases) -> bool {
    aliases.spellings(field).iter().any(|name| is_at(object, name))
}

/// Whether a field stands where its name leads.
pub(super) fn is_at(own: &OwnFields, name: &str) -> bool {
    own.contains(&way_of(name))
}

/// Each object that stands at `at`; `None` if something else does, or nothing.
pub(super) fn objects<'a>(content: &'a Value, at: &[String]) -> Option<Vec<&'a Value>> {
    let mut found = Vec::new();
    let are_there = all_at(content, at, &mut |value| {
        found.push(value);
        value.is_object()
    });
    are_there.then_some(found)
}

/// Whether something holds of all that stands at `at`, where `*` leads to each item of a list, which has at least one; and something stands
/// there wherever it leads.
pub(super) fn all_at<'a>(value: &'a Value, at: &[String], holds: &mut dyn FnMut(&'a Value) -> bool) -> bool {
    match (at.split_first(), value) {
        (None, value) => holds(value),
        (Some((step, rest)), Value::Array(items)) if step == "*" => {
            !items.is_empty() && items.iter().all(|item| all_at(item, rest, holds))
        }
        (Some((step, rest)), Value::Object(members)) if step != "*" => {
            members.get(step).is_some_and(|inner| all_at(inner, rest, holds))
        }
        _ => false,
    }
}

/// The fields of an object, called from it.
pub(super) fn own_fields(value: &Value) -> OwnFields {
    match value {
        Value::Object(members) => {
            let of_member = |(key, value): (&String, &Value)| {
                let inner = own_fields(value).into_iter();
                inner.map(|way| [vec![key.clone()], way].concat()).collect::<Vec<_>>()
            };
            members.iter().flat_map(of_member).collect()
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let each = items.iter().map(own_fields);
            each.reduce(|all, item| all.intersection(&item).cloned().collect()).unwrap_or_default()
        }
        _ => [Way::new()].into(),
    }
}
