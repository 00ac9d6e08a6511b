//! The fields that stand in a text or a body of a question, and whether they decide about each row or about what is made of several.

use serde_json::Value;

use super::{
    super::fields::{Fields, Way},
    conventions,
};

/// Words of an order, or of whether there is to be one, that are no fields.
const WORDS: [&str; 9] =
    ["asc", "desc", "ascending", "descending", "nulls", "first", "last", "true", "false"];

/// What a name in a question decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// Whether each row comes, and where it stands.
    EachRow,
    /// What is made of several rows, also of those that are left out.
    Several,
}

impl About {
    /// Of what a parameter of this name is given.
    pub(super) fn parameter(name: &str) -> Self {
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        if words.any(conventions::adds_up) { Self::Several } else { Self::part(name) }
    }

    fn part(name: &str) -> Self {
        if conventions::groups(name) { Self::Several } else { Self::EachRow }
    }

    /// Of a parameter with what is in its brackets, where `max` may be a bound (`price[max]`).
    pub(super) fn parameters(names: &[String]) -> Self {
        let first = names.first().map_or(Self::EachRow, |name| Self::parameter(name));
        names.iter().skip(1).map(|name| Self::part(name)).fold(first, Self::max)
    }

    /// Of what stands in a text.
    pub(super) fn expression(text: &str) -> Self {
        if words(text).any(conventions::adds_up) { Self::Several } else { Self::EachRow }
    }
}

/// The names in an expression such as `-created_at,name.desc` or `sum(amount)`.
pub(super) fn expressions(text: &str) -> impl Iterator<Item = Way> {
    let is_name = |word: &&str| {
        !conventions::adds_up(word) && !WORDS.iter().any(|other| word.eq_ignore_ascii_case(other))
    };
    let names = words(text).filter(is_name);
    names.map(|word| word.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !"_-.".contains(c));
    words.map(|word| word.trim_matches(['-', '.'])).filter(|word| !word.is_empty())
}

/// The fields that are named at a place of a body: as texts, or as the members of an object; each with what the text is of.
pub(super) fn fields_at(value: &Value, steps: &[String], found: &mut dyn FnMut(About, &Way)) {
    match (steps.split_first(), value) {
        (Some((step, rest)), Value::Array(items)) if step == "*" => {
            items.iter().for_each(|item| fields_at(item, rest, found));
        }
        // Some backends take an object with numbers for keys for a list, and a form has a list's one item in its place.
        (Some((step, rest)), Value::Object(members)) if step == "*" => {
            members.values().for_each(|member| fields_at(member, rest, found));
            fields_at(value, rest, found);
        }
        (Some((step, rest)), Value::Object(members)) => {
            members.get(step).into_iter().for_each(|value| fields_at(value, rest, found));
        }
        (Some(_), Value::Array(items)) => items.iter().for_each(|item| fields_at(item, steps, found)),
        (None, Value::Array(items)) => items.iter().for_each(|item| fields_at(item, &[], found)),
        (None, Value::String(text)) => {
            let of = About::expression(text);
            expressions(text).for_each(|way| found(of, &way));
        }
        (None, Value::Object(_)) => {
            let mut members = Fields::default();
            let _within_limits = members.put_all(&mut Way::new(), value);
            members.written().for_each(|(way, _)| found(About::EachRow, way));
        }
        _ => {}
    }
}

/// The texts of a value.
pub(super) fn texts(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::String(text) => found(text),
        _ => found(""),
    }
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
            fields_at(value, &steps, &mut |_, way| found.push(way.join(".")));
            found
        };
        let filter = json!({"payload": [{"attribute_key": "name"}, {"attribute_key": "phone"}, 7]});
        assert_eq!(at(&filter, "/payload/*/attribute_key"), ["name", "phone"]);
        let of_form = json!({"payload": {"attribute_key": ["name", "phone"]}});
        assert_eq!(at(&of_form, "/payload/*/attribute_key"), ["name", "phone"]);
        assert_eq!(at(&json!({"payload": [{"key": "name"}]}), "/payload/key"), ["name"]);
        assert_eq!(at(&json!({"where": {"a": {"b": 1}, "c": 2}}), "/where"), ["a.b", "c"]);
        assert_eq!(at(&json!({"sort": ["a", "-b"]}), "/sort"), ["a", "b"]);
        assert_eq!(at(&json!({"sort": null}), "/sort"), [""; 0]);
    }
}
