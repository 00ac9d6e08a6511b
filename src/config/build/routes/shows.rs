//! What of a route's answer may pass.

use std::collections::BTreeMap;

use super::entities::{nested, none, number};
use crate::{
    config::{
        build::Check,
        mistake::{KeyPath, Wrong, nearest},
        raw,
        routes::{Beside, Count, Cursor, Empty, Format, Main, Numbered, PageBy, Paging, Piece, Push, Shows},
        text::Pointer,
    },
    filter::EntityNo,
    query::{could_be, folded},
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
    let of_entity = entity.and_then(|name| entities.get(name));
    match raw.format {
        None | Some(raw::RouteFormat::Json) => {}
        Some(raw::RouteFormat::Csv) => check_table(check, at, raw, of_entity),
        Some(raw::RouteFormat::Whole) => check_whole(check, at, raw),
    }
    let is_list = raw.items.is_some() && raw.format.unwrap_or_default() == raw::RouteFormat::Json;
    if raw.empty.is_some() && !is_list {
        check.wrong(&at.key("empty"), Wrong::OnlyWith { other: "`items` of JSON" });
    }
    if raw.empty == Some(raw::RouteEmpty::Absent) {
        check_absent(check, at, raw);
    }
    check_push(check, at, raw, of_entity);
    check_places(check, at, raw);
    let main = match (&raw.items, number) {
        // Every line is one.
        (None, Some(number)) if raw.format == Some(raw::RouteFormat::Csv) => {
            Some(Main::Rows(String::new(), number))
        }
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
    let page = raw.page.as_ref().and_then(|page| paging(check, &at.key("page"), raw, page, of_entity));
    let ahead = ahead(raw);
    let none = none(check, &at.key("none"), &raw.none, &raw.nested, &ahead);
    let (none_ahead, none): (BTreeMap<_, _>, BTreeMap<_, _>) =
        none.into_iter().partition(|(place, _)| ahead.iter().any(|ahead| ahead.0 == *place));
    Shows {
        format,
        main,
        nested: nested(check, &at.key("nested"), &raw.nested, entities),
        with_rows: with_rows(check, at, raw, entity, entities),
        none,
        keep: raw.keep.iter().map(|pointer| pointer.0.clone()).collect(),
        totals: totals.collect(),
        links: raw.links.iter().map(|pointer| pointer.0.clone()).collect(),
        page: page.map(|page| Paging { none: none_ahead, ..page }),
        empty: match raw.empty {
            None | Some(raw::RouteEmpty::List) => Empty::List,
            Some(raw::RouteEmpty::NoContent) => Empty::NoContent,
            Some(raw::RouteEmpty::NotFound) => Empty::NotFound,
            Some(raw::RouteEmpty::Absent) => Empty::Absent,
        },
        push: Push {
            own: parameters(check, &at.key("push").key("own"), raw.push.own.as_deref()),
            team: parameters(check, &at.key("push").key("team"), raw.push.team.as_deref()),
            as_user: raw.push.as_user,
            in_place_of: raw.push.in_place_of.clone(),
        },
    }
}

/// What stands in lists beside the rows, and not regardless of them. Some row's object must refer to it, or else nothing would
/// tell whether it is there for a hidden row; and in pages that are joined of several it would be there for one of them alone.
fn with_rows(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &raw::Route,
    rows: Option<&raw::Name>,
    entities: &BTreeMap<raw::Name, raw::Entity>,
) -> Vec<EntityNo> {
    let is_list = |place: &&Pointer| place.0.split('/').any(|step| step == "*");
    for (index, place) in raw.regardless.iter().enumerate() {
        let at = at.key("regardless").index(index);
        if raw.items.is_none() {
            check.wrong(&at, Wrong::OnlyWith { other: "`items`" });
        } else if !raw.nested.contains_key(place) || !is_list(&place) {
            let lists = raw.nested.keys().filter(is_list);
            let near = nearest(&place.0, lists.map(|place| &*place.0));
            check.wrong(
                &at,
                Wrong::Unknown { what: "list in `nested`", name: place.0.clone(), nearest: near },
            );
        }
    }
    if raw.items.is_none() {
        return Vec::new();
    }
    let within = rows.map(|rows| within(rows, entities)).unwrap_or_default();
    let (lists, others): (Vec<_>, Vec<_>) =
        raw.nested.iter().partition(|(place, _)| is_list(place) && !raw.regardless.contains(place));
    let mut found = Vec::new();
    let again = lists
        .iter()
        .enumerate()
        .filter(|(nth, (_, name))| lists.iter().take(*nth).any(|(_, first)| first == name));
    let beside = others.iter().filter(|(_, name)| lists.iter().any(|(_, of_list)| of_list == name));
    for (place, _) in beside.chain(again.map(|(_, place)| place)) {
        let other = "an entity of its own: this one is shown with the rows that refer to it";
        check.wrong(&at.key("nested").key(&place.0), Wrong::OnlyWith { other });
    }
    for (place, name) in lists {
        let at = at.key("nested").key(&place.0);
        let Some(entity) = entities.get(name) else { continue };
        if raw.page.is_some() {
            let other = "`regardless`, or without `page`: a page is joined of several of the backend's";
            check.wrong(&at, Wrong::OnlyWith { other });
        } else if entity.id.is_none() || !within.iter().any(|row| row.refers.contains_key(name)) {
            let other = "an `id` and `refers` of the rows, or `regardless`: else it tells of hidden rows";
            check.wrong(&at, Wrong::OnlyWith { other });
        } else if entity.id_type.is_none()
            && entity.kinds.iter().any(|kind| matches!(kind.is, raw::Literal::Text(_)))
        {
            let other = "`id_type` of an entity with `kinds`: each may have ids of its own";
            check.wrong(&at, Wrong::OnlyWith { other });
        }
        found.extend(number(entities, name));
    }
    found
}

/// An entity and what is nested in it, at any depth.
fn within<'a>(name: &'a raw::Name, entities: &'a BTreeMap<raw::Name, raw::Entity>) -> Vec<&'a raw::Entity> {
    let mut names = vec![name];
    let mut next = 0;
    while let Some(name) = names.get(next) {
        for inner in entities.get(*name).into_iter().flat_map(|entity| entity.nested.values()) {
            if !names.contains(&inner) {
                names.push(inner);
            }
        }
        next += 1;
    }
    names.into_iter().filter_map(|name| entities.get(name)).collect()
}

/// How a list comes in pages; `None` if a mistake was noted.
fn paging(
    check: &mut Check<'_>,
    at: &KeyPath,
    route: &raw::Route,
    raw: &raw::Page,
    entity: Option<&raw::Entity>,
) -> Option<Paging> {
    let is_json = route.format.is_none_or(|format| format == raw::RouteFormat::Json);
    let reads = route.question || route.matches.as_ref().is_some_and(|line| line.starts_with("GET "));
    if route.items.is_none() || !is_json || !reads || route.object == Some(raw::RouteObject::Answer) {
        check.wrong(at, Wrong::OnlyWith { other: "`items` of JSON that are read" });
        return None;
    }
    check_names(check, at, raw);
    let by_row = raw.before.is_some() || raw.after.is_some();
    let by = match (&raw.number, by_row, &raw.cursor) {
        (Some(number), false, None) => PageBy::Number(numbered(number, raw)),
        (None, true, None) => PageBy::Row(beside(check, at, route, raw, entity)),
        (None, false, Some(parameter)) => PageBy::Cursor(cursor(check, at, parameter, raw)?),
        (number, ..) => {
            let wrong = Wrong::EitherOr { one: "number", other: "before` and `after`, or `cursor" };
            check.lacks(&if number.is_some() { at.key("number") } else { at.clone() }, wrong);
            return None;
        }
    };
    if raw.cursor.is_none() && raw.next.is_some() {
        check.wrong(&at.key("next"), Wrong::OnlyWith { other: "`cursor`" });
    }
    if !by_row && raw.begins != raw::Begins::default() {
        check.wrong(&at.key("begins"), Wrong::OnlyWith { other: "`before` or `after`" });
    }
    if !by_row && raw.compares {
        check.wrong(&at.key("compares"), Wrong::OnlyWith { other: "`before` or `after`" });
    }
    let (unless, pages_max, time_max) = (raw.unless.clone(), raw.pages_max, raw.time_max.0);
    Some(Paging { by, unless, pages_max, time_max, none: BTreeMap::new() })
}

/// Where the answer leads to the next page.
fn ahead(raw: &raw::Route) -> Vec<&Pointer> {
    let Some(page) = raw.page.as_ref().filter(|page| page.before.is_none() && page.after.is_none()) else {
        return Vec::new();
    };
    raw.links.iter().chain(&page.next).chain(&page.more).collect()
}

/// Notes a place that is there for two things, such as a link that is a cursor: only one of them could stand there.
fn check_places(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route) {
    let (totals, page) = (at.key("totals"), at.key("page"));
    let lists = [
        (totals.key("recompute"), &raw.totals.recompute),
        (totals.key("null"), &raw.totals.null),
        (totals.key("drop"), &raw.totals.drop),
        (at.key("links"), &raw.links),
    ];
    let listed = lists
        .iter()
        .flat_map(|(at, places)| places.iter().enumerate().map(|(index, place)| (at.index(index), place)));
    let of_page = raw.page.iter().flat_map(|raw| [("at", &raw.at), ("next", &raw.next), ("more", &raw.more)]);
    let of_page = of_page.filter_map(|(key, place)| Some((page.key(key), place.as_ref()?)));
    let mut known = Vec::new();
    for (at, place) in listed.chain(of_page) {
        if known.contains(&place) {
            check.wrong(&at, Wrong::Twice { name: place.0.clone() });
        }
        known.push(place);
    }
}

/// Notes a parameter that is there for two things: by one that lets a list come as a whole, its pages would be the backend's.
fn check_names(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Page) {
    let of_page = [
        ("number", &raw.number),
        ("size", &raw.size),
        ("before", &raw.before),
        ("after", &raw.after),
        ("cursor", &raw.cursor),
    ];
    let of_page = of_page.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)));
    let mut known: Vec<&String> = Vec::new();
    for (key, name) in of_page.chain(raw.unless.iter().map(|name| ("unless", name))) {
        if folded(name).is_empty() {
            check.wrong(&at.key(key), Wrong::Expected { expected: "a name".to_owned() });
        } else if could_be(name, &known) {
            check.wrong(&at.key(key), Wrong::Twice { name: name.clone() });
        }
        known.push(name);
    }
}

/// Pages that are counted out.
fn numbered(number: &str, raw: &raw::Page) -> Numbered {
    Numbered {
        number: number.to_owned(),
        first: raw.first.unwrap_or(1),
        size: raw.size.clone(),
        size_default: raw.size_default.unwrap_or(25),
        at: raw.at.as_ref().map(|pointer| pointer.0.clone()),
        more: raw.more.as_ref().map(|pointer| pointer.0.clone()),
    }
}

/// Notes what only pages have that are counted out.
fn check_counting(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Page) {
    for (key, is) in [
        ("first", raw.first.is_some()),
        ("size", raw.size.is_some()),
        ("size_default", raw.size_default.is_some()),
        ("at", raw.at.is_some()),
    ] {
        if is {
            check.wrong(&at.key(key), Wrong::OnlyWith { other: "`number`" });
        }
    }
}

/// Pages behind a cursor; `None` if a mistake was noted.
fn cursor(check: &mut Check<'_>, at: &KeyPath, parameter: &str, raw: &raw::Page) -> Option<Cursor> {
    check_counting(check, at, raw);
    let Some(next) = &raw.next else {
        let description = "where the answer has the cursor of the next page".to_owned();
        check.lacks(&at.key("next"), Wrong::Missing { description });
        return None;
    };
    let more = raw.more.as_ref().map(|pointer| pointer.0.clone());
    Some(Cursor { parameter: parameter.to_owned(), next: next.0.clone(), more })
}

/// Pages beside a row, of which rows need an id. What only numbered ones have is noted, and by what the row that is named would
/// tell where hidden ones stand.
fn beside(
    check: &mut Check<'_>,
    at: &KeyPath,
    route: &raw::Route,
    raw: &raw::Page,
    entity: Option<&raw::Entity>,
) -> Beside {
    check_counting(check, at, raw);
    if raw.more.is_some() {
        check.wrong(&at.key("more"), Wrong::OnlyWith { other: "`number` or `cursor`" });
    }
    if entity.is_some_and(|entity| entity.id.is_none()) {
        check.wrong(at, Wrong::OnlyWith { other: "rows that have an `id`" });
    }
    if !raw.compares {
        let other = "`compares = true`: a backend that looks for the row tells where hidden ones stand";
        check.wrong(at, Wrong::OnlyWith { other });
    }
    if !(route.fields_in.is_empty() && route.fields_at.is_empty()) {
        let other = "rows in the order of their ids: without `fields_in` and `fields_at`";
        check.wrong(at, Wrong::OnlyWith { other });
    }
    let from_end = raw.begins == raw::Begins::End;
    if (if from_end { &raw.before } else { &raw.after }).is_none() {
        let other = "`after`, or with `before` and `begins = \"end\"`";
        check.wrong(at, Wrong::OnlyWith { other });
    }
    let (before, after) = (raw.before.clone(), raw.after.clone());
    Beside { before, after, from_end }
}

/// Notes why a list cannot be left out of an answer: nothing would be left of it, or what would be the backend's to say of none
/// and of hidden ones alike.
fn check_absent(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route) {
    let at = at.key("empty");
    if raw.items.as_ref().is_some_and(|items| items.0.is_empty()) {
        check.wrong(&at, Wrong::OnlyWith { other: "`items` in an object" });
    }
    if raw.page.is_none() && !(raw.nested.is_empty() && raw.keep.is_empty()) {
        check.wrong(&at, Wrong::OnlyWith { other: "`page`, or without `nested` and `keep`" });
    }
}

/// Notes what is said of places in an answer that has none: nothing of it can be decided on by itself.
fn check_whole(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route) {
    let totals = [&raw.totals.recompute, &raw.totals.null, &raw.totals.drop];
    for (key, is) in [
        ("items", raw.items.is_some()),
        ("nested", !raw.nested.is_empty()),
        ("none", !raw.none.is_empty()),
        ("keep", !raw.keep.is_empty()),
        ("totals", totals.iter().any(|places| !places.is_empty())),
        ("links", !raw.links.is_empty()),
    ] {
        if is {
            check.wrong(&at.key(key), Wrong::OnlyWith { other: "`format = \"json\"`" });
        }
    }
}

/// Whether what is said of an answer can be said of lines of values.
fn check_table(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route, entity: Option<&raw::Entity>) {
    check_whole(check, at, raw);
    // A cell that is empty for whatever reason would make the row anybody's.
    if entity.is_some_and(|entity| entity.nobody.absent) {
        check.wrong(&at.key("format"), Wrong::OnlyWith { other: "an entity without `nobody.absent`" });
    }
    if raw.shows.is_none() && raw.entity.is_none() {
        let description = "the entity of the rows, or `entity`".to_owned();
        check.lacks(&at.key("shows"), Wrong::Missing { description });
    }
}

/// Whether the backend can know all rows that a narrowed query must still answer with: nobody may miss a row that they
/// would see without it.
fn check_push(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route, entity: Option<&raw::Entity>) {
    let at = at.key("push");
    let (own, team) = (raw.push.own.is_some(), raw.push.team.is_some());
    if !own && !team {
        return;
    }
    let is_table = raw.format == Some(raw::RouteFormat::Csv);
    if raw.items.is_none() && !is_table {
        return check.wrong(&at, Wrong::OnlyWith { other: "`items`: other places would lack objects" });
    }
    let Some(entity) = entity else { return };
    if entity.tag || entity.look_up.is_some() || entity.part {
        let other = "rows whose facts the backend has: no `tag`, `look_up` or `part`";
        return check.wrong(&at, Wrong::OnlyWith { other });
    }
    if team && (entity.team.is_some() || entity.queue.is_some()) {
        let other = "rows whose teams are those of the responsible user: without `team` and `queue`";
        check.wrong(&at.key("team"), Wrong::OnlyWith { other });
    }
}

/// The parameters of a query.
fn parameters(check: &mut Check<'_>, at: &KeyPath, query: Option<&str>) -> Vec<(String, Vec<Piece>)> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let pairs = pairs.map(|(name, value)| match pieces(&value) {
        Ok(pieces) => (name.into_owned(), pieces),
        Err(unknown) => {
            let expected = format!("`{{user}}` or `{{team}}` in a value, not `{{{unknown}}}`");
            check.wrong(at, Wrong::Expected { expected });
            (name.into_owned(), Vec::new())
        }
    });
    pairs.collect()
}

/// What a value is made of; or what stands in braces without standing for something. Other braces are text, as in JSON.
fn pieces(value: &str) -> Result<Vec<Piece>, String> {
    let is_word = |text: &str| {
        let text = text.trim();
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let mut pieces = Vec::new();
    let (mut text, mut rest) = (String::new(), value);
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        let named = behind.split_once('}').filter(|(name, _)| is_word(name));
        let Some((name, after)) = named else {
            text.push('{');
            rest = behind;
            continue;
        };
        let piece = match name {
            "user" => Piece::User,
            "team" => Piece::Team,
            unknown => return Err(unknown.to_owned()),
        };
        pieces.extend([Piece::Text(std::mem::take(&mut text)), piece]);
        rest = after;
    }
    text.push_str(rest);
    pieces.push(Piece::Text(text));
    Ok(pieces)
}
