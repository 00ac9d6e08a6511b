//! Requests about many objects at once: each by its id.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Said, objects::all_at};
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
    let in_items = ids.at.as_deref().filter(|at| at.iter().any(|step| step == "*"));
    let are_ids = in_items.is_none_or(|at| all_at(&said.content, at, &mut |value| note(value, &mut found)))
        && said.ids.iter().all(|value| note(value, &mut found));
    match found.len() {
        count if !are_ids || count == 0 => Err(UnfitBody::Ids),
        count if count > ids.max => Err(UnfitBody::TooManyIds),
        _ => Ok(found),
    }
}

/// Notes the ids in a value. Whether there is nothing else in it.
fn note(value: &Value, found: &mut BTreeSet<String>) -> bool {
    let mut note_one = |id: &str| {
        let is_id = is_id(id);
        found.extend(is_id.then(|| id.to_owned()));
        is_id
    };
    match value {
        Value::Array(items) => items.iter().all(|item| !item.is_array() && note(item, found)),
        Value::String(text) => text.split(',').all(note_one),
        Value::Number(number) => body::whole(number).is_some_and(|id| note_one(&id)),
        Value::Null | Value::Bool(_) | Value::Object(_) => false,
    }
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
        let none_in_one = json!([{"rows": [{"id": 1}]}, {"rows": []}]);
        assert_eq!(
            of(&["*", "rows", "*", "id"], none_in_one, &[]),
            Err(UnfitBody::Ids),
            "it could be any object"
        );
        assert_eq!(of(&["ids"], Value::Null, &[json!([1, 2, 3, 4])]), Err(UnfitBody::TooManyIds));
    }
}
