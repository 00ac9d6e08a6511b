//! Section D: which objects are seen.

use serde_json::Value;

use super::{BACKEND, special, split};
use crate::probe::{
    answer::Answer,
    plan::Listed,
    report::Verdict,
    request::{Actor, Request},
    session::{Expected, Session, name, nothing_in},
    wire::Heard,
};

/// Ids of a list that are asked for one by one.
const ROWS_MAX: usize = 10;

/// Headers in which backends tell how much there is.
const COUNTS: [&str; 8] = [
    "x-total-count",
    "x-total",
    "x-total-pages",
    "x-count",
    "total-count",
    "x-pagination-total",
    "x-wp-total",
    "content-range",
];

pub(super) async fn tried(session: &mut Session<'_>) {
    let plan = session.plan;
    planted(session).await;
    for list in &plan.lists {
        session.rows_of("D01", list, list.asked(""), Verdict::NotTried).await;
    }
    for object in &plan.objects {
        let (hidden, missing) = (object.hidden.as_str(), object.missing.as_str());
        session.alike("D02", Request::get(hidden), Request::get(missing)).await;
        session
            .alike("D02", Request::get(format!("{hidden}?a=1")), Request::get(format!("{missing}?a=1")))
            .await;
        for condition in [
            "If-None-Match: *",
            "If-Match: *",
            "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT",
            "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
            "Range: bytes=0-0",
        ] {
            let conditional = |path: &str| Request::get(path).with(condition);
            session.alike("D02", conditional(hidden), conditional(missing)).await;
        }
        for below in &object.below {
            let (hidden, missing) = (format!("{hidden}{below}"), format!("{missing}{below}"));
            session.alike("D03", Request::get(hidden), Request::get(missing)).await;
        }
        for query in &object.including {
            let request = Request::get(format!("{}?{query}", object.visible));
            session.expect("D04", request, Expected::Shown).await;
        }
    }
    if plan.objects.iter().all(|object| object.below.is_empty()) {
        session.not_tried("D03", "no `[[object]]` has paths `below`");
    }
    if plan.objects.iter().all(|object| object.including.is_empty()) {
        session.not_tried("D04", "no `[[object]]` has `including` queries");
    }
    if plan.lists.is_empty() {
        for row in ["D01", "D05", "D06", "D07", "D09"] {
            session.not_tried(row, "there is no `[[list]]`");
        }
    }
    for list in &plan.lists {
        counts(session, list).await;
        for page in ["page=2", "page=1&per_page=1000&limit=1000", "offset=0&limit=1000", "page=0", "page=-1"]
        {
            session.rows_of("D06", list, list.asked(page), Verdict::Held).await;
        }
        one_set(session, list).await;
        named(session, list).await;
        for accept in ["text/csv", "application/xml", "application/json;as=Table", "text/html", "*/*;q=0.1"] {
            typed(session, list, accept).await;
        }
    }
    session.not_tried("D08", BACKEND);
    session.not_tried("D10", BACKEND);
    failing(session).await;
    redirects(session).await;
    special::tried(session).await;
}

/// A fault of the backend's tells nothing.
async fn failing(session: &mut Session<'_>) {
    for target in &session.plan.failing {
        let request = Request::get(target.as_str());
        let Some(heard) = session.ask("D11", &request).await else { continue };
        let (verdict, seen) = session.judged(&request, &heard, |heard| match heard.answer() {
            Some(answer) if answer.is_success() => {
                (Verdict::NotTried, format!("{}: it is no error", heard.shown()))
            }
            Some(_) => (Verdict::Held, heard.shown()),
            None => (Verdict::Odd, heard.shown()),
        });
        session.note("D11", &request, "an error that shows nothing hidden", seen, verdict);
    }
    if session.plan.failing.is_empty() {
        session.not_tried("D11", "there are no `failing` requests");
    }
}

/// A canary that nobody planted proves nothing: who sees everything must see it somewhere.
async fn planted(session: &mut Session<'_>) {
    let plan = session.plan;
    if plan.all_seeing.is_none() {
        session.not_tried("D00", "whether the canaries are planted: there is no `[actor.all_seeing]`");
        return;
    }
    let paths = plan.objects.iter().flat_map(|object| [&object.hidden, &object.visible]);
    let gets = plan.lists.iter().filter(|list| list.question.is_none()).map(|list| &list.path);
    let mut seen = Vec::new();
    for path in paths.chain(gets) {
        let request = Request::get(path.as_str()).by(Actor::AllSeeing);
        let Some(heard) = session.ask("D00", &request).await else { continue };
        seen.extend(heard.answer().cloned());
    }
    for planted in &plan.canaries {
        let max = plan.pace.answer_bytes_max;
        let shows = |answer: &Answer| match answer.decoded(max) {
            crate::probe::answer::Decoded::Body(body) => planted.word.find(&body).is_some(),
            crate::probe::answer::Decoded::Unread(_) => false,
        };
        if planted.from_all_seeing {
            let why =
                format!("whether there is {}: it is hidden from who sees everything too", planted.place);
            session.not_tried("D00", &why);
            continue;
        }
        let found = seen.iter().any(shows);
        let request = Request::get("(every object and list)").by(Actor::AllSeeing);
        let expected = format!("shows {}", planted.place);
        let (verdict, what) =
            if found { (Verdict::Held, "shown") } else { (Verdict::Odd, "not shown: is it planted?") };
        session.note("D00", &request, &expected, what.to_owned(), verdict);
    }
}

/// No number tells how much is hidden.
async fn counts(session: &mut Session<'_>, list: &Listed) {
    let request = list.asked("");
    let Some(heard) = session.ask("D05", &request).await else { return };
    let max = session.plan.pace.answer_bytes_max;
    let (verdict, seen) = session.judged(&request, &heard, |heard| {
        let Some(answer) = heard.answer().filter(|answer| answer.is_success()) else {
            return (Verdict::NotTried, nothing_in(&heard.shown()));
        };
        let rows = session.rows(list, answer).map_or(0, |rows| rows.len() as u64);
        if let Some((name, value)) = COUNTS.iter().find_map(|name| Some((name, answer.header(name)?))) {
            return (Verdict::Bypass, format!("{}: the header `{name}` says {value}", heard.shown()));
        }
        let body = answer.json(max).unwrap_or(Value::Null);
        for at in &list.totals {
            match body.pointer(at) {
                None | Some(Value::Null) => {}
                Some(total) if total.as_u64().is_some_and(|total| total <= rows) => {}
                Some(total) => {
                    let total = name(total).unwrap_or_else(|| "no number".to_owned());
                    return (
                        Verdict::Bypass,
                        format!("{}: {at} says {total}, of {rows} rows", heard.shown()),
                    );
                }
            }
        }
        (Verdict::Held, format!("{}, {rows} rows", heard.shown()))
    });
    session.note("D05", &request, "no count of what is hidden", seen, verdict);
}

/// What the list shows, `GET` allows.
async fn one_set(session: &mut Session<'_>, list: &Listed) {
    let plan = session.plan;
    let Some(object) = plan.objects.iter().find(|objects| list.has(objects)) else {
        session.not_tried("D07", "no `[[object]]` stands below the list or beside it");
        return;
    };
    let request = list.asked("");
    let Some(heard) = session.ask("D07", &request).await else { return };
    let ids = heard.answer().map(|answer| session.ids(list, answer)).unwrap_or_default();
    let plain =
        |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !ids.iter().any(plain) {
        session.not_tried("D07", "the list shows no row to ask for");
    }
    for id in ids.iter().filter(|id| plain(id)).take(ROWS_MAX) {
        let request = Request::get(format!("{}/{id}", split(&object.visible).0));
        let allowed = |answer: &Answer| {
            if answer.is_success() { Ok(()) } else { Err("the list shows what GET refuses".to_owned()) }
        };
        session.look("D07", request, "allowed, as the list shows it", allowed).await;
    }
}

/// Asked for by its id, a hidden row is as one that does not exist.
async fn named(session: &mut Session<'_>, list: &Listed) {
    let plan = session.plan;
    for object in plan.objects.iter().filter(|objects| list.has(objects)) {
        for query in &list.naming {
            let by_id = |path: &str| list.asked(&query.replace("{id}", split(path).1));
            let hidden = by_id(&object.hidden);
            session.rows_of("D07", list, hidden.clone(), Verdict::NotTried).await;
            let Some(of_hidden) = session.ask("D07", &hidden).await else { continue };
            let Some(of_missing) = session.ask("D07", &by_id(&object.missing)).await else { continue };
            let (verdict, seen) = session.judged(&hidden, &of_hidden, |of_hidden| {
                let told = |heard: &Heard| {
                    let answer = heard.answer()?;
                    Some((answer.status, session.rows(list, answer).map(|rows| rows.len())))
                };
                let seen = format!("{}, and {} for the missing one", of_hidden.shown(), of_missing.shown());
                match (told(of_hidden), told(&of_missing)) {
                    (None, _) | (_, None) => (Verdict::Odd, seen),
                    (one, other) if one == other && !of_hidden.answer().is_some_and(Answer::is_success) => {
                        (Verdict::NotTried, nothing_in(&seen))
                    }
                    (one, other) if one == other => (Verdict::Held, seen),
                    _ => (Verdict::Bypass, format!("{seen}, or another number of rows")),
                }
            });
            session.note("D07", &hidden, "listed like what does not exist", seen, verdict);
        }
    }
}

/// What is no JSON cannot be filtered.
async fn typed(session: &mut Session<'_>, list: &Listed, accept: &str) {
    let request = list.asked("").with(&format!("Accept: {accept}"));
    let Some(heard) = session.ask("D09", &request).await else { return };
    let (verdict, seen) = session.judged(&request, &heard, |heard| match heard.answer() {
        Some(answer) if answer.is_success() => {
            let sort = answer.header("content-type").unwrap_or_default();
            if sort.contains("json") {
                (Verdict::Held, heard.shown())
            } else {
                (Verdict::Bypass, format!("{} with `{sort}`", heard.shown()))
            }
        }
        Some(_) => (Verdict::Held, heard.shown()),
        None => (Verdict::Odd, heard.shown()),
    });
    session.note("D09", &request, "JSON, or refused", seen, verdict);
}

/// No redirect and no link names a hidden object.
async fn redirects(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut paths: Vec<_> = plan.objects.iter().map(|object| object.visible.clone()).collect();
    paths.extend(plan.lists.iter().filter(|list| list.question.is_none()).map(|list| list.path.clone()));
    for path in paths {
        for path in [path.clone(), format!("{path}/")] {
            let look = |answer: &Answer| {
                let told: Vec<_> = ["location", "link", "content-location"]
                    .iter()
                    .filter_map(|name| answer.header(name))
                    .collect();
                match plan.objects.iter().find(|object| told.iter().any(|told| told.contains(&object.hidden)))
                {
                    Some(object) => Err(format!("a header names {}", object.hidden)),
                    None => Ok(()),
                }
            };
            session.look("D14", Request::get(path), "no header names a hidden object", look).await;
        }
    }
}
