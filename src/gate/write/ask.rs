//! The fields that a question names: to sort by, to filter by, to search in, to add up.
//!
//! Whoever may sort by a field that they do not see reads it off the order, and whoever may filter by it reads it off
//! what is left. So such a field does not exist for them, and neither does one that the route does not list.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Said,
    fields::{Fields, Way},
    names::Judge,
};
use crate::{
    config::writing::{Asking, Names},
    gate::{path::Target, permit::Permit},
};

/// Words of an order that are no fields.
const DIRECTIONS: [&str; 2] = ["asc", "desc"];

/// The names in a question that its user may not ask about.
pub(super) fn refused(
    asking: &Asking,
    target: &Target,
    said: &Said,
    judge: &Judge<'_>,
    permit: &Permit,
) -> BTreeSet<String> {
    let mut named = Named::default();
    for (mut parts, value) in target.pairs() {
        let Some(name) = parts.first().cloned() else { continue };
        named.searched(asking, &name);
        if !asking.parameters.contains(&name) {
            named.passing.push(parts);
            continue;
        }
        parts.remove(0);
        let in_value = expressions(&value);
        // What stands in brackets is a field, or a place or a word such as `field` beside a value that is one.
        if !parts.is_empty() && listed(asking.fields.as_ref(), &parts) {
            named.asked.push(parts);
            named.passing.extend(in_value);
        } else {
            named.passing.push(parts);
            named.asked.extend(in_value);
        }
    }
    let mut in_body = Fields::default();
    if in_body.put_all(&mut Way::new(), &said.content).is_ok() {
        for (way, _given) in in_body.written() {
            way.first().into_iter().for_each(|name| named.searched(asking, name));
            named.passing.push(way.clone());
        }
    }
    asking.at.iter().for_each(|at| named.at(&said.content, at));
    named.refused(judge, permit)
}

/// Fields that a question names.
#[derive(Debug, Default)]
struct Named {
    /// Where the route says that fields are named.
    asked: Vec<Way>,
    /// Where a name may be a field or not: it counts if the policy knows it.
    passing: Vec<Way>,
}

impl Named {
    fn searched(&mut self, asking: &Asking, parameter: &str) {
        let fields = asking.searches.get(parameter).into_iter().flatten();
        self.passing.extend(fields.map(|field| field.split('.').map(str::to_owned).collect()));
    }

    /// The fields that are named at a place of the body: as texts, or as the members of an object.
    fn at(&mut self, value: &Value, steps: &[String]) {
        match (steps.split_first(), value) {
            (Some((step, rest)), Value::Array(items)) if step == "*" => {
                items.iter().for_each(|item| self.at(item, rest));
            }
            // Some backends take an object with numbers for keys for a list.
            (Some((step, rest)), Value::Object(members)) if step == "*" => {
                members.values().for_each(|member| self.at(member, rest));
            }
            (Some((step, rest)), Value::Object(members)) => {
                members.get(step).into_iter().for_each(|value| self.at(value, rest));
            }
            (None, Value::Array(items)) => items.iter().for_each(|item| self.at(item, &[])),
            (None, Value::String(text)) => self.asked.extend(expressions(text)),
            (None, Value::Object(_)) => {
                let mut members = Fields::default();
                let _within_limits = members.put_all(&mut Way::new(), value);
                self.asked.extend(members.written().map(|(way, _)| way.clone()));
            }
            _ => {}
        }
    }

    fn refused(&self, judge: &Judge<'_>, permit: &Permit) -> BTreeSet<String> {
        let anything = Judge { asks: None, ..judge.clone() };
        let asked = self.asked.iter().filter(|way| judge.unasked(way, permit));
        let passing = self.passing.iter().filter(|way| anything.unseen_by_name(way, permit));
        asked.chain(passing).map(|way| way.join(".")).collect()
    }
}

fn listed(asks: Option<&Names>, way: &Way) -> bool {
    asks.is_none_or(|names| {
        (1..=way.len()).filter_map(|end| way.get(..end)).any(|way| names.cover(&way.join(".")))
    })
}

/// The names in an expression such as `-created_at,name.desc` or `sum(amount)`.
fn expressions(text: &str) -> impl Iterator<Item = Way> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !"_-.".contains(c));
    let words = words.map(|word| word.trim_matches(['-', '.']));
    let names = words
        .filter(|word| !word.is_empty() && !DIRECTIONS.iter().any(|other| word.eq_ignore_ascii_case(other)));
    names.map(|word| word.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_names_its_fields() {
        for (text, names) in [
            ("name", &["name"][..]),
            ("-created_at", &["created_at"]),
            ("+name,-phone_number", &["name", "phone_number"]),
            ("name.desc,contact.phone", &["name.desc", "contact.phone"]),
            ("name:desc|phone asc", &["name", "phone"]),
            ("sum(amount)", &["sum", "amount"]),
            ("", &[]),
        ] {
            let found: Vec<_> = expressions(text).map(|way| way.join(".")).collect();
            assert_eq!(found, names, "{text}");
        }
    }

    #[test]
    fn fields_are_named_by_texts_and_by_members() {
        let at = |value: &Value, pointer: &str| {
            let mut named = Named::default();
            named.at(value, &pointer.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>());
            named.asked.iter().map(|way| way.join(".")).collect::<Vec<_>>()
        };
        let filter = json!({"payload": [{"attribute_key": "name"}, {"attribute_key": "phone"}, 7]});
        assert_eq!(at(&filter, "/payload/*/attribute_key"), ["name", "phone"]);
        assert_eq!(at(&json!({"where": {"a": {"b": 1}, "c": 2}}), "/where"), ["a.b", "c"]);
        assert_eq!(at(&json!({"sort": ["a", "-b"]}), "/sort"), ["a", "b"]);
        assert_eq!(at(&json!({"sort": null}), "/sort"), [""; 0]);
    }
}
