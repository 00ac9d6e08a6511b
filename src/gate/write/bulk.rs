//! Requests about many objects at once: each by its id.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Said;
use crate::{
    config::writing::Ids,
    gate::{
        body::{self, UnfitBody},
        routes::is_name,
    },
};

/// The ids of the objects that a request is about, each once.
///
/// # Errors
/// [`UnfitBody::Ids`] if there is none, or something else than ids where they should stand: an item without one could
/// be any object. [`UnfitBody::TooManyIds`].
pub(super) fn ids(ids: &Ids, said: &Said) -> Result<BTreeSet<String>, UnfitBody> {
    let mut found = BTreeSet::new();
    // What an item of a list says counts item by item.
    if let Some(at) = ids.at.as_deref().filter(|at| at.iter().any(|step| step == "*")) {
        collect(&said.content, at, &mut found)?;
    }
    for value in &said.ids {
        collect(value, &[], &mut found)?;
    }
    match found.len() {
        0 => Err(UnfitBody::Ids),
        count if count > ids.max => Err(UnfitBody::TooManyIds),
        _ => Ok(found),
    }
}

fn collect(value: &Value, steps: &[String], found: &mut BTreeSet<String>) -> Result<(), UnfitBody> {
    match (steps.split_first(), value) {
        (Some((step, rest)), Value::Array(items)) if step == "*" => {
            items.iter().try_for_each(|item| collect(item, rest, found))
        }
        (Some((step, rest)), Value::Object(members)) if step != "*" => {
            collect(members.get(step).ok_or(UnfitBody::Ids)?, rest, found)
        }
        (None, Value::Array(items)) => items.iter().try_for_each(|item| match item {
            Value::Array(_) => Err(UnfitBody::Ids),
            item => collect(item, &[], found),
        }),
        (None, Value::String(text)) => text.split(',').try_for_each(|id| note(id, found)),
        (None, Value::Number(number)) => note(&body::whole(number).ok_or(UnfitBody::Ids)?, found),
        _ => Err(UnfitBody::Ids),
    }
}

fn note(id: &str, found: &mut BTreeSet<String>) -> Result<(), UnfitBody> {
    if !is_id(id) {
        return Err(UnfitBody::Ids);
    }
    found.insert(id.to_owned());
    Ok(())
}

/// An id is what could stand in a path as well, in its one spelling: what is decided on under another one may be, to the
/// backend, an object that was not.
pub(super) fn is_id(id: &str) -> bool {
    is_name(id) && !is_almost_a_number(id)
}

/// Whether some languages read it as the number that another text is: `012`, `0x0c`, `1e1`, `-0`.
fn is_almost_a_number(id: &str) -> bool {
    let number = id.strip_prefix('-').unwrap_or(id);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(number) {
        return number.starts_with('0') && id != "0";
    }
    let has_base =
        number.strip_prefix('0').is_some_and(|rest| rest.starts_with(['x', 'X', 'o', 'O', 'b', 'B']));
    let has_exponent = number.split_once(['e', 'E']).is_some_and(|(number, exponent)| {
        is_digits(number) && is_digits(exponent.strip_prefix('-').unwrap_or(exponent))
    });
    has_base || has_exponent || number.starts_with('-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The ids of a body at `at`, as a request brings them.
    fn of(at: &[&str], content: Value, named: &[Value]) -> Result<Vec<String>, UnfitBody> {
        let at = Some(at.iter().map(|step| (*step).to_owned()).collect());
        let said = Said { content, ids: named.to_vec(), ..Said::default() };
        ids(&Ids { at, parameter: None, max: 3 }, &said).map(|ids| ids.into_iter().collect())
    }

    #[test]
    fn ids_stand_in_lists_and_in_the_items_of_lists() {
        assert_eq!(of(&["ids"], Value::Null, &[json!([1, "2", 1])]).unwrap(), ["1", "2"]);
        assert_eq!(of(&["ids"], Value::Null, &[json!("1,2")]).unwrap(), ["1", "2"]);
        let rows = json!([{"id": 1}, {"id": 2}]);
        assert_eq!(of(&["*", "id"], rows.clone(), &[]).unwrap(), ["1", "2"]);
        assert_eq!(of(&["leads", "*", "id"], json!({"leads": rows}), &[]).unwrap(), ["1", "2"]);
    }

    #[test]
    fn what_is_no_list_of_ids_is_not_taken() {
        for value in [
            json!([]),
            json!([1.5]),
            json!([null]),
            json!([[1]]),
            json!(["1/2"]),
            json!(["1,,2"]),
            json!(""),
            json!({"a": 1}),
            json!(true),
        ] {
            assert_eq!(
                of(&["ids"], Value::Null, std::slice::from_ref(&value)),
                Err(UnfitBody::Ids),
                "{value}"
            );
        }
        let no_list = json!({"*": {"id": 1}, "a": {"id": 2}});
        for rows in [json!([{"id": 1}, {}]), json!([{"id": 1}, 2]), json!({"id": 1}), json!([]), no_list] {
            assert_eq!(of(&["*", "id"], rows.clone(), &[]), Err(UnfitBody::Ids), "{rows}");
        }
        assert_eq!(of(&["ids"], Value::Null, &[json!([1, 2, 3, 4])]), Err(UnfitBody::TooManyIds));
    }
}
