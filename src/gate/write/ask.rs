//! The fields that a question names: to sort by, to filter by, to search in, to add up.
//!
//! Whoever may sort by a field that they do not see reads it off the order, and whoever may filter by it reads it off
//! what is left. So such a field does not exist for them, and neither does one that the route does not list.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Said,
    covered::{Covered, Meaning},
    fields::{Fields, Way},
};
use crate::{
    config::writing::{Asking, Names},
    gate::path::Target,
    query::{could_be, folded},
};

/// Words of an order or a sum that are no fields.
const WORDS: [&str; 10] = ["asc", "desc", "nulls", "first", "last", "sum", "avg", "min", "max", "count"];

/// Parameters by which backends search for a text in whatever they like, without what readers fold. Where the route does not
/// say what one is searched for in, it is anything.
const SEARCHES: [&str; 12] = [
    "q",
    "query",
    "search",
    "searchquery",
    "searchterm",
    "searchtext",
    "term",
    "keyword",
    "keywords",
    "text",
    "fulltext",
    "find",
];

/// The names in a question that its user may not ask about.
pub(super) fn refused(
    asking: &Asking,
    target: &Target,
    said: &Said,
    covered: &Covered<'_>,
) -> BTreeSet<String> {
    let mut named = Named { asking, covered, refused: BTreeSet::new() };
    for (mut parts, value) in target.pairs() {
        let Some(name) = parts.first().cloned() else { continue };
        named.parameter(&name);
        if !asking.parameters.contains(&name) {
            named.passing(&parts);
            continue;
        }
        parts.remove(0);
        let in_value: Vec<_> = expressions(&value).collect();
        // What stands in brackets is a field, or a place or a word such as `field` beside a value that is one.
        if !parts.is_empty() && listed(asking.fields.as_ref(), &parts) {
            named.asked(&parts);
            in_value.iter().for_each(|way| named.passing(way));
        } else {
            named.passing(&parts);
            in_value.iter().for_each(|way| named.asked(way));
        }
    }
    let mut in_body = Fields::default();
    if in_body.put_all(&mut Way::new(), &said.content).is_ok() {
        for (way, _given) in in_body.written() {
            way.first().into_iter().for_each(|name| named.parameter(name));
            named.passing(way);
        }
    }
    asking.at.iter().for_each(|at| fields_at(&said.content, at, &mut |way| named.asked(way)));
    named.refused
}

/// The names of a question, as they are found.
struct Named<'a> {
    asking: &'a Asking,
    covered: &'a Covered<'a>,
    refused: BTreeSet<String>,
}

impl Named<'_> {
    /// A parameter by its name. One that could be taken for another, which is known, is refused.
    fn parameter(&mut self, name: &str) {
        let Asking { parameters, searches, .. } = self.asking;
        let mut known = parameters.iter().chain(searches.keys());
        let almost = known.clone().all(|known| known != name) && known.any(|known| could_be(name, [known]));
        if almost || !self.may_search(name) {
            self.refused.insert(name.to_owned());
        }
    }

    /// Whether every field in which a parameter is searched for is sure to be seen.
    fn may_search(&self, name: &str) -> bool {
        if let Some(fields) = self.asking.searches.get(name) {
            return fields.iter().all(|field| {
                let way: Way = field.split('.').map(str::to_owned).collect();
                match self.covered.meaning(&way) {
                    Meaning::Shown => true,
                    Meaning::Hidden => false,
                    Meaning::Unknown => self.covered.shows_any(),
                }
            });
        }
        !SEARCHES.contains(&folded(name).as_str())
            || self.asking.parameters.iter().any(|known| known == name)
            || self.covered.is_field_of_rows(name)
            || self.covered.shows_everything()
    }

    /// A name where the route says that fields are named.
    fn asked(&mut self, way: &Way) {
        let full = way.join(".");
        let may = listed(self.asking.fields.as_ref(), way)
            && match self.asking.searches.contains_key(&full) {
                true => self.may_search(&full),
                false => match self.covered.meaning(way) {
                    Meaning::Shown => true,
                    Meaning::Hidden => false,
                    Meaning::Unknown => self.covered.shows_any(),
                },
            };
        if !may {
            self.refused.insert(full);
        }
    }

    /// A name that may be a field or not: it counts if anybody knows it.
    fn passing(&mut self, way: &Way) {
        if self.covered.meaning(way) == Meaning::Hidden {
            self.refused.insert(way.join("."));
        }
    }
}

/// The fields that are named at a place of a body: as texts, or as the members of an object.
fn fields_at(value: &Value, steps: &[String], found: &mut dyn FnMut(&Way)) {
    match (steps.split_first(), value) {
        (Some((step, rest)), Value::Array(items)) if step == "*" => {
            items.iter().for_each(|item| fields_at(item, rest, found));
        }
        // Some backends take an object with numbers for keys for a list.
        (Some((step, rest)), Value::Object(members)) if step == "*" => {
            members.values().for_each(|member| fields_at(member, rest, found));
        }
        (Some((step, rest)), Value::Object(members)) => {
            members.get(step).into_iter().for_each(|value| fields_at(value, rest, found));
        }
        (None, Value::Array(items)) => items.iter().for_each(|item| fields_at(item, &[], found)),
        (None, Value::String(text)) => expressions(text).for_each(|way| found(&way)),
        (None, Value::Object(_)) => {
            let mut members = Fields::default();
            let _within_limits = members.put_all(&mut Way::new(), value);
            members.written().for_each(|(way, _)| found(way));
        }
        _ => {}
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
    let names =
        words.filter(|word| !word.is_empty() && !WORDS.iter().any(|other| word.eq_ignore_ascii_case(other)));
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
            ("sum(amount)", &["amount"]),
            ("", &[]),
        ] {
            let found: Vec<_> = expressions(text).map(|way| way.join(".")).collect();
            assert_eq!(found, names, "{text}");
        }
    }

    #[test]
    fn fields_are_named_by_texts_and_by_members() {
        let at = |value: &Value, pointer: &str| {
            let mut found = Vec::new();
            let steps: Vec<_> = pointer.split('/').skip(1).map(str::to_owned).collect();
            fields_at(value, &steps, &mut |way| found.push(way.join(".")));
            found
        };
        let filter = json!({"payload": [{"attribute_key": "name"}, {"attribute_key": "phone"}, 7]});
        assert_eq!(at(&filter, "/payload/*/attribute_key"), ["name", "phone"]);
        assert_eq!(at(&json!({"where": {"a": {"b": 1}, "c": 2}}), "/where"), ["a.b", "c"]);
        assert_eq!(at(&json!({"sort": ["a", "-b"]}), "/sort"), ["a", "b"]);
        assert_eq!(at(&json!({"sort": null}), "/sort"), [""; 0]);
    }
}
