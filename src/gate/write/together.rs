//! Whether two fields are said of the same object, as of a pipeline and a stage in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Said,
    fields::{Fields, relative},
    names::{self, is_another},
};
use crate::config::{aliases::Aliases, writing::Names};

/// The ways to what stands in an object, apart from what stands in objects in lists.
type OwnWays<'a> = BTreeSet<Vec<&'a str>>;

impl Said {
    /// Whether whoever finds the one field finds the other one beside it: in the same object of the body, or in the query. Where only the
    /// query has the one, each object that a backend may take it for must say the other.
    pub(super) fn says_together(
        &self,
        one: &str,
        other: &str,
        listed: Option<&Names>,
        aliases: &Aliases,
    ) -> bool {
        let is_together = |fields: &Fields| names::stand_together(fields, (one, other), listed, aliases);
        let each_says = |field| self.each_says(field, aliases);
        if !is_together(&self.fields) || !(is_together(&self.beside) || each_says(other)) {
            return false;
        }
        if self.is_patch {
            // Two operations of a patch that name one way may be about two objects, and so may one that writes a list.
            return each_says(one)
                && each_says(other)
                && names::stands_alone(&self.fields, one, listed, aliases);
        }
        // A spelling that only some read as the name stands together with nothing: it is refused above.
        let (ones, others) = (aliases.spellings(one), aliases.spellings(other));
        let [ones, others] = [&ones, &others].map(|names| {
            let steps = names.iter().map(|name| name.split('.').collect());
            steps.collect::<Vec<Vec<&str>>>()
        });
        let is_another = |way: &[&str], one: &[&str]| {
            is_another(&relative(way, &self.at).join("."), &one.join("."), listed)
        };
        all_objects(&self.content, &|own| {
            let has_other =
                |outer: &[&str]| others.iter().any(|other| own.contains(&[outer, other].concat()));
            let pairs = |way: &Vec<&str>, one: &Vec<&str>| {
                let outer = way.strip_suffix(one.as_slice());
                outer.is_none_or(|outer| has_other(outer) || is_another(way, one))
            };
            own.iter().all(|way| ones.iter().all(|one| pairs(way, one)))
        })
    }
}

/// Whether something holds of a value and of each object in a list in it, at any depth: each is looked at once.
fn all_objects(value: &Value, holds: &dyn Fn(&OwnWays<'_>) -> bool) -> bool {
    let mut own = OwnWays::new();
    all_inside(&mut Vec::new(), value, &mut own, holds) && holds(&own)
}

fn all_inside<'a>(
    way: &mut Vec<&'a str>,
    value: &'a Value,
    own: &mut OwnWays<'a>,
    holds: &dyn Fn(&OwnWays<'_>) -> bool,
) -> bool {
    match value {
        Value::Object(members) => members.iter().all(|(key, value)| {
            way.push(key);
            let all = all_inside(way, value, own, holds);
            way.pop();
            all
        }),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().all(|item| {
                let mut of_item = OwnWays::new();
                all_inside(way, item, &mut of_item, holds) && holds(&of_item)
            })
        }
        _ => {
            own.insert(way.clone());
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;

    #[test]
    fn each_object_is_looked_at_once_with_what_it_has_of_itself() {
        let body = json!({"a": {"b": 1}, "rows": [{"c": [2, 3], "in": [[{"d": 4}], []]}, {"e": []}, 5]});
        let seen = RefCell::new(Vec::new());
        let all = all_objects(&body, &|own| {
            seen.borrow_mut().extend(own.iter().map(|way| way.join(".")));
            true
        });
        assert!(all);
        let mut seen = seen.into_inner();
        seen.sort();
        assert_eq!(seen, ["a.b", "rows", "rows.c", "rows.e", "rows.in", "rows.in.d"]);
        assert!(!all_objects(&body, &|own| !own.contains(&vec!["rows", "in", "d"])), "one is enough");
    }
}
