//! Which fields of a policy a name means, and which names a route lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::{Fields, Given, Way, way_of, without_places};
use crate::{
    config::{aliases::Aliases, writing::Names},
    gate::{permit::Permit, spelt::Spelt},
    policy::{Actor, FieldNo},
    query::{folded, folded_field},
};

/// Most names that a refusal repeats.
pub(super) const TOLD_MAX: usize = 100;

/// What is asked of the names of a request.
#[derive(Clone, Debug)]
pub(super) struct NameCheck<'a> {
    pub(super) actor: &'a Actor,
    /// The fields that the policy tells apart.
    pub(super) spelt: Spelt,
    /// The route's lists.
    pub(super) writes: Option<&'a Names>,
    pub(super) changes: &'a Names,
    /// Where other objects stand in the one that is written.
    pub(super) others: &'a [Vec<String>],
    /// What is decided on by a right of its own.
    pub(super) needs: &'a BTreeMap<String, (String, String)>,
    pub(super) asks: Option<&'a Names>,
}

/// The names that are refused, and what of the policy refuses them; nothing of it if they are not on the list.
#[derive(Debug, Default)]
pub(super) struct Refused {
    pub(super) names: BTreeSet<String>,
    pub(super) by: Vec<FieldNo>,
}

impl NameCheck<'_> {
    /// The fields of a request that may not be written, or not be asked about.
    pub(super) fn refused(&self, fields: &Fields, permit: &Permit) -> Refused {
        let mut refused = Refused::default();
        for (way, given) in fields.written() {
            // An object without members writes no more than one with some of those that are listed.
            let has_nothing =
                given.is_nothing() && self.writes.is_some_and(|names| names.reach_into(&way.join(".")));
            let is_listed = has_nothing || (is_listed(way, &[self.writes]) && !self.is_anothers(way, given));
            refused.note(way, is_listed, self.unwritable(way, permit));
        }
        for name in &self.changes.0 {
            let way = way_of(name);
            let denied = self.unwritable(&way, permit);
            // The request does not name it: of a hidden one it is not told either.
            if self.unseen(&way, permit).is_empty() {
                refused.note(&way, true, denied);
            } else {
                refused.by.extend(denied);
            }
        }
        for way in fields.read() {
            let denied = self.unseen(way, permit);
            refused.note(way, is_listed(way, &[self.writes, self.asks]), denied);
        }
        refused
    }

    /// Whether a field is one of another object that stands in this one, and nobody said that it is written: who may is that one's
    /// matter. Its id says which one it is to be; an object in its place takes away all that was in it.
    fn is_anothers(&self, way: &Way, given: &Given) -> bool {
        let has_right = way.first().is_some_and(|name| self.needs.contains_key(name));
        if self.writes.is_some() || has_right {
            return false;
        }
        let without_places = without_places(way);
        readings(without_places.as_ref().unwrap_or(way)).iter().any(|way| {
            let steps = way.iter().flat_map(|name| name.split(['.', '[', ']']));
            let steps: Vec<String> = steps.filter(|step| !step.is_empty()).map(folded_field).collect();
            self.others.iter().any(|place| {
                let place: Vec<String> = place.iter().map(|step| folded_field(step)).collect();
                let mut begins = (0..steps.len()).filter_map(|at| steps.get(at..)?.strip_prefix(&*place));
                begins.any(|inside| match inside {
                    [] => given.may_be_object(),
                    inside => inside != ["id"],
                })
            })
        })
    }

    /// Whether the user sees a field.
    pub(super) fn sees(&self, name: &str, permit: &Permit) -> bool {
        self.unseen(&way_of(name), permit).is_empty()
    }

    /// The listed fields that the user may write and see.
    pub(super) fn expected(&self, permit: &Permit) -> Vec<String> {
        let open = |name: &&String| {
            let way = way_of(name.strip_suffix(".*").unwrap_or(name));
            let mut fields =
                (1..=way.len()).filter_map(|end| way.get(..end)).flat_map(|way| self.of(&way.join(".")));
            fields.all(|field| permit.writes(self.actor, field) && permit.shows(self.actor, field))
        };
        let listed = self.writes.map(|names| names.0.as_slice()).unwrap_or_default();
        listed.iter().filter(open).take(TOLD_MAX).cloned().collect()
    }

    fn unwritable(&self, way: &Way, permit: &Permit) -> Vec<FieldNo> {
        let of_policy = self.meant(way, self.writes).into_iter();
        of_policy.filter(|field| !permit.writes(self.actor, *field)).collect()
    }

    fn unseen(&self, way: &Way, permit: &Permit) -> Vec<FieldNo> {
        let of_policy = self.meant(way, self.asks).into_iter();
        of_policy.filter(|field| !permit.shows(self.actor, *field)).collect()
    }

    /// The fields of the policy that a name means: itself, those in which it stands, and those in it. Where neither the
    /// policy nor the route names it so, each of its parts by itself as well, and what is in its last ones, in any spelling: what
    /// an envelope holds is named as if it stood at the top.
    fn meant(&self, way: &Way, listed: Option<&Names>) -> Vec<FieldNo> {
        let is_listed = listed.is_some_and(|names| names.name(&way.join(".")));
        let mut fields = Vec::new();
        for way in readings(way) {
            let full = way.join(".");
            let outer = (1..=way.len()).filter_map(|end| way.get(..end));
            fields.extend(outer.flat_map(|way| self.of(&way.join("."))));
            fields.extend(self.spelt.inside(&full));
            if !is_listed && self.spelt.fields(&full).is_empty() {
                let parts = full.split('.').skip(1);
                let ends = full.match_indices('.').filter_map(|(dot, _)| full.get(dot + 1..));
                fields.extend(parts.chain(ends.clone()).flat_map(|name| self.spelt.fields(name)));
                // A name on no list may be any backend's spelling of one that the policy has.
                let begins = full.match_indices('.').filter_map(|(dot, _)| full.get(..dot));
                let each = full.split('.');
                let whole = std::iter::once(full.as_str()).chain(ends.clone());
                fields.extend(whole.flat_map(|name| self.spelt.inside_alike(name)));
                let all = std::iter::once(full.as_str()).chain(each).chain(ends).chain(begins);
                fields.extend(all.flat_map(|name| self.spelt.alike(name)));
                fields.extend(self.spelt.strewn(&full));
            }
        }
        fields
    }

    /// The fields of this very name; the one for all others, if the policy names none so.
    fn of(&self, name: &str) -> Vec<FieldNo> {
        let named = self.spelt.fields(name);
        if named.is_empty() { vec![FieldNo::OTHER] } else { named.into_vec() }
    }
}

impl Refused {
    /// Whether nothing is refused.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.by.is_empty()
    }

    fn note(&mut self, way: &Way, is_listed: bool, denied: Vec<FieldNo>) {
        if (!is_listed || !denied.is_empty()) && self.names.len() < TOLD_MAX {
            self.names.insert(way.join("."));
        }
        self.by.extend(denied);
    }
}

/// What a request gives for a field that says something of the object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Preset {
    /// Nothing.
    Absent,
    /// These values, of which the backend takes one or all.
    Given(Vec<Value>),
    /// Something that is not told, or is written so that it may be it or not.
    Unclear,
}

/// What a request gives for the field of this name, or under another name of it, wherever it stands: backends find it in an
/// envelope too. What `listed` lists as another field is that, unless it stands in this one.
pub(super) fn preset(fields: &Fields, name: &str, listed: Option<&Names>, aliases: &Aliases) -> Preset {
    let mut all = Vec::new();
    for name in aliases.spellings(name) {
        match named_so(fields, &name, listed) {
            Preset::Absent => {}
            Preset::Unclear => return Preset::Unclear,
            Preset::Given(values) => all.extend(values),
        }
    }
    if all.is_empty() { Preset::Absent } else { Preset::Given(all) }
}

/// Whether wherever the one field is found, under any of its names, the other one stands beside it.
pub(super) fn stand_together(
    fields: &Fields,
    (one, other): (&str, &str),
    listed: Option<&Names>,
    aliases: &Aliases,
) -> bool {
    let others = aliases.spellings(other);
    let has_other = |outer: &[String]| {
        others.iter().any(|other| fields.writes(&[outer, way_of(other).as_slice()].concat()))
    };
    aliases.spellings(one).iter().all(|name| {
        let mut found = found_here(fields, name, listed);
        found.all(|way| way.strip_suffix(way_of(name).as_slice()).is_some_and(has_other))
    })
}

/// Whether a field is found, under any of its names, nowhere but in its own place.
pub(super) fn stands_alone(fields: &Fields, name: &str, listed: Option<&Names>, aliases: &Aliases) -> bool {
    let names = aliases.spellings(name);
    names.iter().all(|name| found_here(fields, name, listed).all(|way| *way == way_of(name)))
}

/// The ways at which the field of this name is found.
fn found_here<'a>(
    fields: &'a Fields,
    name: &'a str,
    listed: Option<&'a Names>,
) -> impl Iterator<Item = &'a Way> {
    let found = found_as(fields, name, listed).map(|(way, _)| way);
    found.filter(move |way| whereabouts_of(way, name).any(|at| at == Whereabouts::Here))
}

/// The fields among which that of this name is found: all but those that `listed` lists as others.
fn found_as<'a>(
    fields: &'a Fields,
    name: &'a str,
    listed: Option<&'a Names>,
) -> impl Iterator<Item = (&'a Way, &'a Given)> {
    fields.written().filter(move |(way, _)| !is_another(&way.join("."), name, listed))
}

/// Whether a field is one that `listed` lists as another than that of this name.
pub(super) fn is_another(full: &str, name: &str, listed: Option<&Names>) -> bool {
    let is_in_it = full.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    !is_in_it && listed.is_some_and(|names| names.name(full))
}

fn named_so(fields: &Fields, name: &str, listed: Option<&Names>) -> Preset {
    let mut values = Vec::new();
    for (way, given) in found_as(fields, name, listed) {
        let mut is_here = false;
        for at in whereabouts_of(way, name) {
            match at {
                Whereabouts::Elsewhere => {}
                Whereabouts::Here if given.unknown => return Preset::Unclear,
                Whereabouts::Here => is_here = true,
                Whereabouts::Around if !given.unknown && given.values.iter().all(Value::is_null) => {
                    values.push(Value::Null);
                }
                Whereabouts::Around | Whereabouts::Inside | Whereabouts::Almost => return Preset::Unclear,
            }
        }
        if is_here {
            values.extend(given.values.iter().cloned());
        }
    }
    if values.is_empty() { Preset::Absent } else { Preset::Given(values) }
}

/// Where a way is from the field that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    Here,
    Around,
    Inside,
    /// Spelt a little differently.
    Almost,
    Elsewhere,
}

/// Where a way is from the field of this name, in each way that it can be read.
fn whereabouts_of(way: &[String], name: &str) -> impl Iterator<Item = Whereabouts> {
    let steps: Vec<&str> = name.split('.').collect();
    readings(way).into_iter().map(move |way| whereabouts(&way, &steps))
}

fn whereabouts(way: &[String], steps: &[&str]) -> Whereabouts {
    let way: Way = way.iter().flat_map(|name| name.split('.')).map(str::to_owned).collect();
    let ends_in = |steps: &[&str]| {
        let start = way.len().checked_sub(steps.len());
        let end = start.and_then(|start| way.get(start..));
        end.is_some_and(|end| end.iter().map(String::as_str).eq(steps.iter().copied()))
    };
    let given: Vec<String> = way.iter().map(|name| folded_field(name)).collect();
    let wanted: Vec<String> = steps.iter().map(|name| folded(name)).collect();
    let is_almost_around =
        || (1..wanted.len()).any(|end| wanted.get(..end).is_some_and(|outer| given.ends_with(outer)));
    if ends_in(steps) {
        Whereabouts::Here
    } else if (1..steps.len()).any(|end| steps.get(..end).is_some_and(ends_in)) {
        Whereabouts::Around
    } else if way.windows(steps.len()).any(|part| part.iter().map(String::as_str).eq(steps.iter().copied())) {
        Whereabouts::Inside
    } else if is_almost_around() || given.windows(wanted.len()).any(|part| *part == *wanted) {
        Whereabouts::Almost
    } else {
        Whereabouts::Elsewhere
    }
}

/// What Rails has behind the name of that in which the fields stand.
const NESTED: &str = "_attributes";

/// What Rails has in that, if it is to go as a whole.
const GONE: &str = "_destroy";

/// The ways that a backend may take a way for: with its numbers as places in lists, with the brackets that stand in its
/// names as steps, with the fields of `contact_attributes` as those of `contact`, and where that is to go, as all of it.
fn readings(way: &[String]) -> Vec<Way> {
    let mut readings = vec![way.to_vec()];
    readings.extend(without_places(way));
    let steps = way.iter().flat_map(|name| name.split(['[', ']'])).filter(|step| !step.is_empty());
    let split: Way = steps.map(str::to_owned).collect();
    if *split != *way && !split.is_empty() {
        readings.push(split);
    }
    let is_nested = |way: &&Way| {
        way.split_last().is_some_and(|(_, outer)| outer.iter().any(|name| name.ends_with(NESTED)))
    };
    let bare =
        |way: &Way| way.iter().map(|name| name.strip_suffix(NESTED).unwrap_or(name).to_owned()).collect();
    let nested: Vec<Way> = readings.iter().filter(is_nested).map(bare).collect();
    readings.extend(nested);
    let gone = |way: &Way| {
        let (last, outer) = way.split_last()?;
        (last == GONE && !outer.is_empty()).then(|| outer.to_vec())
    };
    let gone: Vec<Way> = readings.iter().filter_map(gone).collect();
    readings.extend(gone);
    readings
}

/// Whether a backend may take a way for one of these, or for something in it, though it is spelt otherwise.
pub(super) fn is_almost(way: &[String], known: &[Way]) -> bool {
    let folded_steps = |way: &[String], fold: fn(&str) -> String| -> Vec<String> {
        way.iter().flat_map(|name| name.split('.')).map(fold).filter(|name| !name.is_empty()).collect()
    };
    readings(way).iter().any(|way| {
        let given = folded_steps(way, folded_field);
        known.iter().any(|known| given.starts_with(&folded_steps(known, folded)))
    })
}

/// Whether one of these lists has the field, as it stands or with its numbers as places in lists; without lists, any.
fn is_listed(way: &[String], lists: &[Option<&Names>]) -> bool {
    let mut lists = lists.iter().flatten().peekable();
    let without = without_places(way).map(|way| way.join("."));
    let full = way.join(".");
    lists.peek().is_none()
        || lists.any(|names| names.covers(&full) || without.as_ref().is_some_and(|name| names.covers(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: &Value) -> Fields {
        let mut fields = Fields::default();
        fields.put_all(&mut Way::new(), body).unwrap();
        fields
    }

    #[test]
    fn a_preset_is_found_wherever_a_backend_finds_it() {
        let given = |values: &[Value]| Preset::Given(values.to_vec());
        for (body, name, expected) in [
            (json!({"assignee_id": 7}), "assignee_id", given(&[json!(7)])),
            (json!({"conversation": {"assignee_id": 7}}), "assignee_id", given(&[json!(7)])),
            (json!([{"assignee_id": 7}, {"assignee_id": 8}]), "assignee_id", given(&[json!(7), json!(8)])),
            (json!({"assignee_id": null}), "assignee_id", given(&[Value::Null])),
            (json!({"assignee": {"id": 7}}), "assignee.id", given(&[json!(7)])),
            (json!({"assignee": null}), "assignee.id", given(&[Value::Null])),
            (json!({"assignee": 7}), "assignee.id", Preset::Unclear),
            (json!({"assignee_id": {"id": 7}}), "assignee_id", Preset::Unclear),
            (json!({"Assignee_Id": 7}), "assignee_id", Preset::Unclear),
            (json!({"assigneeId": 7}), "assignee_id", Preset::Unclear),
            (json!({"assignee_id ": 7}), "assignee_id", Preset::Unclear),
            (json!({"assignee_id(1i)": 7}), "assignee_id", Preset::Unclear),
            (json!({"assignee": {"Id(1i)": 7}}), "assignee.id", Preset::Unclear),
            (json!({"Assignee": null}), "assignee.id", Preset::Unclear),
            (json!({"assignee_attributes": {"_destroy": true}}), "assignee.id", Preset::Unclear),
            (json!({"assignees": null}), "assignee.id", Preset::Absent),
            (json!({"conversation.assignee_id": 7}), "assignee_id", given(&[json!(7)])),
            (json!({"title": "assignee_id"}), "assignee_id", Preset::Absent),
        ] {
            assert_eq!(preset(&of(&body), name, None, &Aliases::default()), expected, "{body}");
        }
        let listed = Names(vec!["custom.assignee_id".to_owned()]);
        let body = of(&json!({"custom": {"assignee_id": 7}}));
        assert_eq!(preset(&body, "assignee_id", Some(&listed), &Aliases::default()), Preset::Absent);
        let listed = Names(vec!["message.content".to_owned()]);
        let body = of(&json!({"message": {"content": "hi"}}));
        let in_it = preset(&body, "message", Some(&listed), &Aliases::default());
        assert_eq!(in_it, Preset::Unclear, "what is listed in it is of it");
        let aliases = Aliases::new(&[("assignee_id".to_owned(), vec!["owner".to_owned()])].into());
        for (body, expected) in [
            (json!({"owner": 7}), given(&[json!(7)])),
            (json!({"owner": 7, "assignee_id": 8}), given(&[json!(8), json!(7)])),
            (json!({"Owner": 7}), Preset::Unclear),
        ] {
            assert_eq!(preset(&of(&body), "assignee_id", None, &aliases), expected, "{body}");
        }
    }

    #[test]
    fn a_name_with_brackets_or_numbers_can_be_read_in_several_ways() {
        let names = |way: &[&str]| {
            let way: Way = way.iter().map(|name| (*name).to_owned()).collect();
            readings(&way).iter().map(|way| way.join("/")).collect::<Vec<_>>()
        };
        assert_eq!(names(&["a", "b"]), ["a/b"]);
        assert_eq!(names(&["a[b]"]), ["a[b]", "a/b"]);
        assert_eq!(names(&["a", "0", "b"]), ["a/0/b", "a/b"]);
        assert_eq!(
            names(&["a_attributes", "0", "b"]),
            ["a_attributes/0/b", "a_attributes/b", "a/0/b", "a/b"]
        );
        assert_eq!(names(&["a_attributes"]), ["a_attributes"]);
        assert_eq!(names(&["a", "_destroy"]), ["a/_destroy", "a"]);
        assert_eq!(names(&["_destroy"]), ["_destroy"]);
    }
}
