//! The answer to who sees none of its rows. It is made here and not of the backend's, so that nobody can tell whether
//! there are none or only none for them (D05); and it is known without the backend's to who can see none at all.

use serde_json::{Map, Value, json};

use super::answer;
use crate::{
    config::{
        routes::{Count, Empty, Format, Main, PageBy, Shows},
        text::steps,
    },
    filter::{NoneAs, Total, TotalValues},
    gate::{Shown, refusal::Refusal},
};

/// The answer without a row, with these totals; `None` if it has none, or if more than rows may be shown of it.
///
/// # Errors
/// [`Refusal::Missing`] if that is the backend's word for it.
pub(in crate::gate) fn answer(shows: &Shows, totals: &TotalValues<'_>) -> Result<Option<Shown>, Refusal> {
    let Some(Main::Rows(..)) = &shows.main else { return Ok(None) };
    Ok(match (shows.format, shows.empty) {
        (Format::Whole, _) => None,
        (Format::Csv, _) => Some(answer::no_table()),
        (Format::Json, Empty::NoContent) => Some(answer::without_content()),
        (Format::Json, Empty::NotFound) => return Err(Refusal::Missing),
        (Format::Json, Empty::List | Empty::Absent) => without_rows(shows, totals).map(answer::json),
    })
}

/// The list without a row. A page has nothing around its rows but what Headgate knows of it.
fn without_rows(shows: &Shows, totals: &TotalValues<'_>) -> Option<Vec<u8>> {
    let Some(Main::Rows(rows, _)) = &shows.main else { return None };
    if shows.page.is_none() && !(shows.nested.is_empty() && shows.keep.is_empty()) {
        return None;
    }
    let mut places = match (shows.empty, rows.rsplit_once('/')) {
        (Empty::Absent, Some((around, _))) => vec![(around, json!({}))],
        _ => vec![(rows.as_str(), json!([]))],
    };
    for (place, count) in &shows.totals {
        match count {
            Count::Recompute => places.push((place, json!(totals.rows))),
            Count::Null => places.push((place, Value::Null)),
            Count::Drop => {}
        }
    }
    if let Some(PageBy::Number(by)) = shows.page.as_ref().map(|page| &page.by) {
        places.extend(by.at.iter().map(|place| (place.as_str(), json!(totals.number))));
    }
    let mut answer = Value::Null;
    for (place, value) in places {
        *reach(&mut answer, place)? = value;
    }
    for (place, what) in shows.ahead() {
        let none = shows.page.as_ref().and_then(|page| page.none.get(&place));
        let (around, _) = place.rsplit_once('/')?;
        let around = reach(&mut answer, around)?;
        if around.is_null() {
            *around = json!({});
        }
        if none != Some(&NoneAs::Absent) {
            let is_false = what == Total::More && none.is_none();
            *reach(&mut answer, &place)? = if is_false { json!(false) } else { Value::Null };
        }
    }
    serde_json::to_vec(&answer).ok()
}

/// Where a pointer (RFC 6901) leads, through objects; `None` if another stands in the way.
fn reach<'v>(from: &'v mut Value, place: &str) -> Option<&'v mut Value> {
    let mut at = from;
    for name in steps(place) {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut()?.entry(name).or_insert(Value::Null);
    }
    Some(at)
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
            without_rows(shows, &TotalValues::of(0))
                .map(|json| serde_json::from_slice::<serde_json::Value>(&json).unwrap())
        };
        assert_eq!(told(&shows("", &[])), Some(json!([])));
        let counts = [("/data/meta/all~1", Count::Recompute), ("/n", Count::Null), ("/no", Count::Drop)];
        assert_eq!(
            told(&shows("/data/payload", &counts)),
            Some(json!({"data": {"meta": {"all/": 0}, "payload": []}, "n": null}))
        );
        let kept = Shows { keep: vec!["/version".to_owned()], ..shows("/payload", &[]) };
        assert_eq!(told(&kept), None, "only the backend knows what is kept");
        let beside =
            Shows { nested: BTreeMap::from([("/x/*".to_owned(), EntityNo(0))]), ..shows("/payload", &[]) };
        assert_eq!(told(&beside), None);
    }
}
