//! What of a route's answer may pass.

use std::collections::BTreeMap;

use super::entities::{nested, number};
use crate::config::{
    build::Check,
    mistake::{KeyPath, Wrong},
    raw,
    routes::{Count, Format, Main, Push, Shows},
};

pub(super) fn shows(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Route,
    entities: &BTreeMap<raw::Name, raw::Entity>,
) -> Shows {
    let known =
        |check: &mut Check<'_>, name: &raw::Name| check.declared(&at.key("shows"), "entity", name, entities);
    let entity = match &raw.shows {
        Some(name) => known(check, name).then_some(name),
        None => raw.entity.as_ref(),
    };
    let number = entity.and_then(|name| number(entities, name));
    let main = match (&raw.items, number) {
        (Some(items), Some(number)) => Some(Main::Rows(items.0.clone(), number)),
        (Some(_), None) => {
            if raw.shows.is_none() && raw.entity.is_none() {
                let description = "the entity of the rows, or `entity`".to_owned();
                check.lacks(&at.key("shows"), Wrong::Missing { description });
            }
            None
        }
        (None, number) => number.map(Main::Object),
    };
    let format = match raw.format.unwrap_or_default() {
        raw::RouteFormat::Json => Format::Json,
        raw::RouteFormat::Csv => Format::Csv,
        raw::RouteFormat::Whole => Format::Whole,
    };
    let counts = [
        (&raw.totals.recompute, Count::Recompute),
        (&raw.totals.null, Count::Null),
        (&raw.totals.drop, Count::Drop),
    ];
    let totals =
        counts.into_iter().flat_map(|(places, count)| places.iter().map(move |at| (at.0.clone(), count)));
    Shows {
        format,
        main,
        nested: nested(check, &at.key("nested"), &raw.nested, entities),
        keep: raw.keep.iter().map(|pointer| pointer.0.clone()).collect(),
        totals: totals.collect(),
        push: Push { own: parameters(raw.push.own.as_deref()), team: parameters(raw.push.team.as_deref()) },
    }
}

/// The parameters of a query.
fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}
