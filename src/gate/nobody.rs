//! Lists without a row, made without the backend: for who can see none of its rows, and behind its last page.

use serde_json::{Map, Value, json};

use crate::config::routes::{Count, Format, Main, Shows};

/// The list without a row, as page `number`; `None` if more than rows may be shown of the answer.
pub(super) fn without_rows(shows: &Shows, number: Option<u64>) -> Option<Vec<u8>> {
    let only_rows = shows.nested.is_empty() && shows.keep.is_empty();
    if only_rows { empty(shows, number) } else { None }
}

/// The list without a row and without what else may be shown; `None` if it is no list in JSON.
pub(super) fn empty(shows: &Shows, number: Option<u64>) -> Option<Vec<u8>> {
    let Some(Main::Rows(rows, _)) = &shows.main else { return None };
    if shows.format != Format::Json {
        return None;
    }
    let mut places = vec![(rows.as_str(), json!([]))];
    for (place, count) in &shows.totals {
        match count {
            Count::Recompute => places.push((place, json!(0))),
            Count::Null => places.push((place, Value::Null)),
            Count::Drop => {}
        }
    }
    if let Some(page) = &shows.page {
        places.extend(shows.links.iter().map(|place| (place.as_str(), Value::Null)));
        places.extend(page.at.iter().map(|place| (place.as_str(), json!(number))));
    }
    let mut answer = Value::Null;
    for (place, value) in places {
        put(&mut answer, place, value)?;
    }
    serde_json::to_vec(&answer).ok()
}

/// Puts a value where a pointer (RFC 6901) leads, through objects; `None` if another stands in the way.
fn put(to: &mut Value, place: &str, value: Value) -> Option<()> {
    let mut at = to;
    for name in place.split('/').skip(1) {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let name = name.replace("~1", "/").replace("~0", "~");
        at = at.as_object_mut()?.entry(name).or_insert(Value::Null);
    }
    *at = value;
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::filter::EntityNo;

    #[test]
    fn a_list_without_rows_has_the_shape_of_the_list() {
        let shows = |rows: &str, totals: &[(&str, Count)]| Shows {
            main: Some(Main::Rows(rows.to_owned(), EntityNo(0))),
            totals: totals.iter().map(|(place, count)| ((*place).to_owned(), *count)).collect(),
            ..Shows::default()
        };
        let told = |shows: &Shows| {
            without_rows(shows, None).map(|json| serde_json::from_slice::<serde_json::Value>(&json).unwrap())
        };
        assert_eq!(told(&shows("", &[])), Some(json!([])));
        let counts = [("/data/meta/all~1", Count::Recompute), ("/n", Count::Null), ("/no", Count::Drop)];
        assert_eq!(
            told(&shows("/data/payload", &counts)),
            Some(json!({"data": {"meta": {"all/": 0}, "payload": []}, "n": null}))
        );
        let kept = Shows { keep: vec!["/version".to_owned()], ..shows("/payload", &[]) };
        assert_eq!(told(&kept), None, "only the backend knows what is kept");
        assert_eq!(empty(&kept, None).unwrap(), br#"{"payload":[]}"#);
        let beside =
            Shows { nested: BTreeMap::from([("/x/*".to_owned(), EntityNo(0))]), ..shows("/payload", &[]) };
        assert_eq!(told(&beside), None);
    }
}
