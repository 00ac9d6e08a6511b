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

/// Each object that stands at `at`, or in a list there.
pub(super) fn objects<'a>(content: &'a Value, at: &[String]) -> Vec<&'a Value> {
    let of_each = |items: &'a [Value], at| items.iter().flat_map(|item| objects(item, at)).collect();
    match (at.split_first(), content) {
        (None, Value::Array(items)) => of_each(items, at),
        (Some((step, rest)), Value::Array(items)) if step == "*" => of_each(items, rest),
        (None, _) => vec![content],
        (Some((step, _)), _) if step == "*" => Vec::new(),
        (Some((step, rest)), _) => objects(content.get(step.as_str()).unwrap_or(&Value::Null), rest),
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

/// Whether objects lead to an object at `at`; `*` leads to each item of a list, which has at least one.
pub(super) fn holds_object(content: &Value, at: &[String]) -> bool {
    match at.split_first() {
        None => content.is_object(),
        Some((step, rest)) if step == "*" => content
            .as_array()
            .is_some_and(|items| !items.is_empty() && items.iter().all(|item| holds_object(item, rest))),
        Some((step, rest)) => content.get(step.as_str()).is_some_and(|inner| holds_object(inner, rest)),
    }
}
