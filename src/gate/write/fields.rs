//! The fields that a request names, whatever it is written in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::gate::body::{FIELD_BYTES_MAX, FIELD_STEPS_MAX, FIELDS_MAX, UnfitBody};

/// The names that lead to a field, from the outermost: `["contact", "phone_number"]`. Lists are looked through: an
/// item of a field's list is that field.
pub type Way = Vec<String>;

/// The way of a field's name, with dots: `contact.phone_number`.
#[must_use]
pub fn way_of(name: &str) -> Way {
    name.split('.').map(str::to_owned).collect()
}

/// What a request writes and reads, by field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    written: BTreeMap<Way, Given>,
    read: BTreeSet<Way>,
}

/// What is given for a field. Who gives it replaces all that was in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The values: several if the field stands in several items of a list.
    pub values: Vec<Value>,
    /// One that the request does not tell: it comes from another field, or is one of a mixed list.
    pub unknown: bool,
}

impl Given {
    /// Whether it is no more than an object without members.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.values.iter().all(is_empty_object) && !self.unknown
    }

    /// Whether it may be an object, without members or with what is written into it besides.
    #[must_use]
    pub fn may_be_object(&self) -> bool {
        self.unknown || self.values.iter().any(Value::is_object)
    }
}

impl Fields {
    /// The fields that are written, with what is given for them.
    pub fn written(&self) -> impl Iterator<Item = (&Way, &Given)> {
        self.written.iter()
    }

    /// Whether a field is written as a whole.
    #[must_use]
    pub fn writes(&self, way: &[String]) -> bool {
        self.written.contains_key(way)
    }

    /// The fields whose value the request asks about: who learns whether it went through learns of them.
    pub fn read(&self) -> impl Iterator<Item = &Way> {
        self.read.iter()
    }

    /// All of them.
    pub fn named(&self) -> impl Iterator<Item = &Way> {
        self.written.keys().chain(&self.read)
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.read.is_empty()
    }

    /// Notes that a field is written as a whole.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`].
    pub fn put(&mut self, way: &[String], value: Value) -> Result<(), UnfitBody> {
        self.given(way)?.values.push(value);
        Ok(())
    }

    /// The same with a value that is not known.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`].
    pub fn put_unknown(&mut self, way: &[String]) -> Result<(), UnfitBody> {
        self.given(way)?.unknown = true;
        Ok(())
    }

    /// Notes that a field's value is asked about.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`].
    pub fn ask(&mut self, way: &[String]) -> Result<(), UnfitBody> {
        bounded(way, self.read.len())?;
        self.read.insert(way.to_vec());
        Ok(())
    }

    /// Notes what stands in a value at `way`.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`].
    pub fn put_all(&mut self, way: &mut Way, value: &Value) -> Result<(), UnfitBody> {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (key, value) in members {
                    way.push(key.clone());
                    self.put_all(way, value)?;
                    way.pop();
                }
                Ok(())
            }
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                items.iter().try_for_each(|item| match item {
                    Value::Object(_) | Value::Array(_) => self.put_all(way, item),
                    _ => {
                        self.put_unknown(way)?;
                        self.put(way, item.clone())
                    }
                })
            }
            value => self.put(way, value.clone()),
        }
    }

    /// Notes the lists in a value at `way` as written whole, as one that takes the place of another is, apart from those that
    /// lead to one of these.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`].
    pub fn put_lists(&mut self, way: &mut Way, value: &Value, leading_to: &[Way]) -> Result<(), UnfitBody> {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    way.push(key.clone());
                    self.put_lists(way, value, leading_to)?;
                    way.pop();
                }
                Ok(())
            }
            Value::Array(items) if leading_to.iter().any(|to| to.starts_with(way)) => {
                items.iter().try_for_each(|item| self.put_lists(way, item, leading_to))
            }
            Value::Array(_) if !self.writes(way) => self.put(way, value.clone()),
            _ => Ok(()),
        }
    }

    /// Adds other fields.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`].
    pub fn extend(&mut self, other: Self) -> Result<(), UnfitBody> {
        for (way, given) in other.written {
            let own = self.given(&way)?;
            own.values.extend(given.values);
            own.unknown |= given.unknown;
        }
        other.read.iter().try_for_each(|way| self.ask(way))
    }

    /// The values of the fields that name objects, and the other fields.
    ///
    /// # Errors
    /// [`UnfitBody::Ids`] if something else than values stands there; [`UnfitBody::TooMany`].
    pub fn split(self, ids: &[Way]) -> Result<(Vec<Value>, Self), UnfitBody> {
        let mut others = Self { written: BTreeMap::new(), read: self.read };
        let mut values = Vec::new();
        for (way, given) in self.written {
            let names = without_places(&way).unwrap_or_else(|| way.clone());
            if ids.contains(&way) || ids.contains(&names) {
                if given.unknown {
                    return Err(UnfitBody::Ids);
                }
                values.extend(given.values);
            } else if ids.iter().any(|id| way.starts_with(id)) {
                return Err(UnfitBody::Ids);
            } else {
                others.written.insert(way, given);
            }
        }
        Ok((values, others))
    }

    /// The fields as they are called from the object at `at`. What stands beside the way there is called from
    /// where it leaves that way: some backends wrap what they find at the top themselves.
    ///
    /// # Errors
    /// [`UnfitBody::TooMany`], never in practice.
    pub fn seen_from(self, at: &[String]) -> Result<Self, UnfitBody> {
        let mut seen = Self::default();
        for (way, given) in self.written {
            if way.len() <= at.len() && at.starts_with(&way) && given.is_nothing() {
                continue;
            }
            let own = seen.given(relative(&way, at))?;
            own.values.extend(given.values);
            own.unknown |= given.unknown;
        }
        for way in &self.read {
            seen.ask(relative(way, at))?;
        }
        Ok(seen)
    }

    /// The fields as one JSON object, for fields of which each has one value.
    #[must_use]
    pub fn tree(&self) -> Value {
        let mut root = Map::new();
        for (way, given) in &self.written {
            let (Some((last, outer)), Some(value)) = (way.split_last(), given.values.first()) else {
                continue;
            };
            let mut object = Some(&mut root);
            for step in outer {
                let inner =
                    object.map(|object| object.entry(step.clone()).or_insert_with(|| Map::new().into()));
                object = inner.and_then(Value::as_object_mut);
            }
            if let Some(object) = object {
                object.insert(last.clone(), value.clone());
            }
        }
        root.into()
    }

    fn given(&mut self, way: &[String]) -> Result<&mut Given, UnfitBody> {
        if !self.written.contains_key(way) {
            bounded(way, self.written.len())?;
            self.written.insert(way.to_vec(), Given::default());
        }
        self.written.get_mut(way).ok_or(UnfitBody::TooMany)
    }
}

/// The way of a field without the places in lists that its names may be (`items.0.name`), if it has such. A backend may
/// take a number for one, wherever it stands.
#[must_use]
pub fn without_places(way: &[String]) -> Option<Way> {
    let is_place =
        |name: &String| name == "-" || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()));
    let names: Way = way.iter().filter(|name| !is_place(name)).cloned().collect();
    (names.len() < way.len() && !names.is_empty()).then_some(names)
}

/// One more field with this way, after so many.
fn bounded(way: &[String], before: usize) -> Result<(), UnfitBody> {
    let bytes: usize = way.iter().map(|name| name.len() + 1).sum();
    if before >= FIELDS_MAX || bytes > FIELD_BYTES_MAX + 1 {
        return Err(UnfitBody::TooMany);
    }
    let steps: usize = way.iter().map(|name| 1 + name.matches(['.', '[']).count()).sum();
    if steps > FIELD_STEPS_MAX { Err(UnfitBody::TooDeep) } else { Ok(()) }
}

/// The way from the object at `at`; never empty where the way is not.
pub(super) fn relative<'a, S: AsRef<str>>(way: &'a [S], at: &[String]) -> &'a [S] {
    let shared = way.iter().zip(at).take_while(|(own, other)| own.as_ref() == other.as_str()).count();
    match way.get(shared..) {
        None | Some([]) => way,
        Some(rest) => rest,
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The fields of a value, with dots, as called from `at`.
    fn names(value: &Value, at: &[&str]) -> Vec<String> {
        let at: Way = at.iter().map(|step| (*step).to_owned()).collect();
        let mut fields = Fields::default();
        fields.put_all(&mut Way::new(), value).unwrap();
        fields.seen_from(&at).unwrap().written().map(|(way, _)| way.join(".")).collect()
    }

    #[test]
    fn a_field_is_called_by_all_that_leads_to_it() {
        for (at, value, expected) in [
            (&[][..], json!({"name": "x", "custom": {"budget": 1}}), &["custom.budget", "name"][..]),
            (
                &[],
                json!({"a": {"b": {"c": 1}}, "list": [{"a": 1}, [{"b": 2}]]}),
                &["a.b.c", "list.a", "list.b"],
            ),
            (&[], json!({"labels": ["x"], "none": [], "all": {}}), &["all", "labels", "none"]),
            (&[], json!({}), &[]),
            (&["contact"], json!({"contact": {"name": "x"}}), &["name"]),
            (&["contact"], json!({"contact": {"name": "x"}, "id": 7}), &["id", "name"]),
            (&["contact"], json!({"contact": null}), &["contact"]),
            (&["contact"], json!({"contact": {}}), &[]),
            (&["a", "b"], json!({"a": {"b": {"c": 1}, "d": 2}}), &["c", "d"]),
        ] {
            assert_eq!(names(&value, at), expected, "{value}");
        }
    }

    #[test]
    fn a_field_of_several_items_has_several_values() {
        let mut fields = Fields::default();
        fields.put_all(&mut Way::new(), &json!([{"id": 1}, {"id": 2}, 3])).unwrap();
        let of_id = fields.written().find(|(way, _)| **way == ["id"]).unwrap();
        assert_eq!(of_id.1, &Given { values: vec![json!(1), json!(2)], unknown: false });
        assert!(fields.written().any(|(way, given)| way.is_empty() && given.unknown));
    }

    #[test]
    fn a_number_may_be_a_place_in_a_list() {
        let without = |way: &[&str]| {
            let way: Way = way.iter().map(|name| (*name).to_owned()).collect();
            without_places(&way).map(|way| way.join("."))
        };
        assert_eq!(without(&["items", "0", "name"]).as_deref(), Some("items.name"));
        assert_eq!(without(&["items", "-"]).as_deref(), Some("items"));
        assert_eq!(without(&["items", "x1"]), None);
        assert_eq!(without(&["0"]), None);
    }

    #[test]
    fn fields_have_a_limit() {
        let mut fields = Fields::default();
        let taken = (0..=FIELDS_MAX).take_while(|n| fields.put(&[n.to_string()], json!(1)).is_ok()).count();
        assert_eq!(taken, FIELDS_MAX);
        let long = "a".repeat(FIELD_BYTES_MAX);
        assert_eq!(Fields::default().put(std::slice::from_ref(&long), json!(1)), Ok(()));
        assert_eq!(Fields::default().put(&[long, String::new()], json!(1)), Err(UnfitBody::TooMany));
        let deep = |steps: usize| ["a".repeat(steps - 1).replace('a', "a."), "a".to_owned()].concat();
        assert_eq!(Fields::default().put(&[deep(FIELD_STEPS_MAX)], json!(1)), Ok(()));
        assert_eq!(Fields::default().put(&[deep(FIELD_STEPS_MAX + 1)], json!(1)), Err(UnfitBody::TooDeep));
    }
}
