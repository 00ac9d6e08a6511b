//! Section E: fields and media.

use serde_json::Value;

use super::{BACKEND, JSON, UNWRITABLE, WRITES};
use crate::probe::{
    answer::{Answer, Decoded},
    plan::Plan,
    report::Verdict,
    request::{Actor, Request},
    session::{Expected, Session},
};

/// What a form shows in place of a value that is hidden, and saves back.
const MASKED: &str = "*****234";

pub(super) async fn tried(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut requests: Vec<_> =
        plan.objects.iter().map(|object| Request::get(object.visible.as_str())).collect();
    requests.extend(plan.lists.iter().map(|list| list.asked("")));
    requests.extend(plan.tables.iter().map(|path| Request::get(path.as_str())));
    for object in &plan.objects {
        for below in &object.below {
            requests.push(Request::get(format!("{}{below}", object.visible)));
        }
        for query in &object.including {
            requests.push(Request::get(format!("{}?{query}", object.visible)));
        }
    }
    if plan.hidden_fields.is_empty() {
        session.not_tried("E01", "there are no `hidden_fields`");
        session.not_tried("E02", "there are no `hidden_fields`");
        session.not_tried("E14", "there are no `hidden_fields`");
    } else {
        for request in &requests {
            session
                .look_into("E01", request.clone(), "no hidden field at any depth", |answer| {
                    exact(plan, answer)
                })
                .await;
        }
        for request in &requests {
            session
                .look_into("E02", request.clone(), "nor in another spelling", |answer| {
                    folded(plan, &plan.hidden_fields, answer)
                })
                .await;
        }
    }
    echoes(session).await;
    taken(session).await;
    for request in &requests {
        session.expect("E05", request.clone(), Expected::Shown).await;
    }
    for request in &requests {
        if plan.media_fields.is_empty() {
            session.not_tried("E06", "there are no `media_fields`");
            break;
        }
        session.look_into("E06", request.clone(), "no address of media", |answer| media(plan, answer)).await;
    }
    for path in &plan.refused {
        for request in [
            Request::get(path.as_str()),
            Request::of("HEAD", path.as_str()),
            Request::get(path.as_str()).with("Range: bytes=0-10"),
        ] {
            session.expect("E07", request, Expected::RefusedHere).await;
        }
        session.expect("E07", Request::get(path.as_str()).by(Actor::Nobody), Expected::Refused).await;
    }
    if plan.refused.is_empty() {
        session.not_tried("E07", "there are no `refused` paths");
    }
    for row in ["E08", "E09", "E10", "E11", "E12", "E13"] {
        session.not_tried(row, BACKEND);
    }
    if !plan.hidden_fields.is_empty() {
        for request in &requests {
            session
                .look_into("E14", request.clone(), "no header of a hidden field", |answer| {
                    header(plan, answer)
                })
                .await;
        }
    }
    if plan.writes {
        for object in &plan.objects {
            for field in &object.unwritable_fields {
                let masked = format!("{{\"{field}\":\"{MASKED}\"}}");
                let request = Request::of(object.write_method, object.visible.as_str()).body(JSON, masked);
                session.expect("E15", request, Expected::RefusedHere).await;
            }
        }
        if plan.objects.iter().all(|object| object.unwritable_fields.is_empty()) {
            session.not_tried("E15", UNWRITABLE);
        }
    } else {
        session.not_tried("E15", WRITES);
    }
}

/// What comes back of a write is shown as it is to who reads.
async fn echoes(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut tried = false;
    for object in &plan.objects {
        let Some(change) = &object.writable else { continue };
        tried = true;
        if plan.writes {
            let request =
                Request::of(object.write_method, object.visible.as_str()).body(JSON, change.as_str());
            let look = |answer: &Answer| folded(plan, &plan.hidden_fields, answer);
            session.look_into("E03", request, "written, and no hidden field comes back", look).await;
        }
    }
    match (tried, plan.writes) {
        (_, false) => session.not_tried("E03", WRITES),
        (false, true) => session.not_tried("E03", "no `[[object]]` has a `writable` change"),
        (true, true) => {}
    }
}

/// That a value is taken tells nothing of who has it.
async fn taken(session: &mut Session<'_>) {
    let plan = session.plan;
    let bodies = plan.creates.iter().filter_map(|create| Some((create, create.taken.as_ref()?)));
    let mut tried = false;
    for (create, body) in bodies {
        tried = true;
        if !plan.writes {
            continue;
        }
        let request = Request::of("POST", create.path.as_str()).body(JSON, body.as_str());
        let Some(heard) = session.ask("E04", &request).await else { continue };
        let (verdict, seen) = session.judged(&request, &heard, |heard| {
            let seen = heard.shown();
            match heard.answer() {
                Some(answer) if answer.is_success() => (Verdict::Odd, format!("{seen}: is it taken?")),
                // So refuses who never asked the backend.
                Some(answer) if matches!(answer.status, 401 | 403 | 404 | 405) => {
                    (Verdict::NotTried, format!("{seen}: the restricted actor may not make one"))
                }
                Some(answer) => match folded(plan, &plan.hidden_fields, answer) {
                    Err(what) => (Verdict::Bypass, format!("{seen}: {what}")),
                    Ok(()) => (Verdict::Held, seen),
                },
                None => (Verdict::Odd, seen),
            }
        });
        session.note("E04", &request, "refused, with nothing of who has the value", seen, verdict);
    }
    match (tried, plan.writes) {
        (_, false) => session.not_tried("E04", WRITES),
        (false, true) => session.not_tried("E04", "no `[[create]]` has a `taken` body"),
        (true, true) => {}
    }
}

/// Whether a field stands in the answer as it is declared.
fn exact(plan: &Plan, answer: &Answer) -> Result<(), String> {
    in_body(plan, answer, |key| plan.hidden_fields.iter().any(|hidden| key == hidden))
}

/// Whether one of these fields stands in the answer in any spelling.
pub(super) fn folded(plan: &Plan, fields: &[String], answer: &Answer) -> Result<(), String> {
    in_body(plan, answer, |key| fields.iter().any(|hidden| fold(key) == fold(hidden)))
}

fn in_body(plan: &Plan, answer: &Answer, hidden: impl Fn(&str) -> bool) -> Result<(), String> {
    let at = match answer.json(plan.pace.answer_bytes_max) {
        Some(body) => place(&body, "", &|key, _| hidden(key)),
        None => columns(plan, answer).into_iter().find(|name| hidden(name)),
    };
    match at {
        Some(place) => Err(format!("a hidden field stands at {place}")),
        None => Ok(()),
    }
}

/// The names in the first line of a table; a dotted one has that of the field last.
fn columns(plan: &Plan, answer: &Answer) -> Vec<String> {
    let Decoded::Body(body) = answer.decoded(plan.pace.answer_bytes_max) else { return Vec::new() };
    let text = String::from_utf8_lossy(&body);
    let names = text.lines().next().unwrap_or_default().split([',', ';', '\t']);
    names.map(|name| name.trim_matches(['"', ' ', '\u{feff}'])).map(|name| last(name).to_owned()).collect()
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// Whether a media field has an address, or the medium itself, in it.
fn media(plan: &Plan, answer: &Answer) -> Result<(), String> {
    let body = answer.json(plan.pace.answer_bytes_max).unwrap_or(Value::Null);
    let is_media = |key: &str, value: &Value| {
        let named = plan.media_fields.iter().any(|media| fold(key) == fold(media));
        named && addressed(value)
    };
    match place(&body, "", &is_media) {
        Some(place) => Err(format!("media stand at {place}")),
        None => Ok(()),
    }
}

fn addressed(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            text.contains("://") || text.starts_with(['/', '?']) || text.starts_with("data:")
        }
        Value::Array(items) => items.iter().any(addressed),
        Value::Object(members) => members.values().any(addressed),
        _ => false,
    }
}

/// Where a member stands for which `hidden` holds. Recursion ends where the JSON reader's does.
fn place(value: &Value, at: &str, hidden: &impl Fn(&str, &Value) -> bool) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let at = format!("{at}/{key}");
            if hidden(key, value) { Some(at) } else { place(value, &at, hidden) }
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(number, item)| place(item, &format!("{at}/{number}"), hidden))
        }
        _ => None,
    }
}

/// Shortest name of a field that is looked for at the end of a header's, such as `phone` in `x-contact-phone`.
const HEADER_CHARS_MIN: usize = 4;

fn header(plan: &Plan, answer: &Answer) -> Result<(), String> {
    let fields: Vec<_> = plan.hidden_fields.iter().map(|hidden| fold(hidden)).collect();
    let tells = |name: &str| {
        let name = fold(name);
        fields.iter().any(|field| field.len() >= HEADER_CHARS_MIN && name.ends_with(field.as_str()))
    };
    match answer.headers.iter().map(|(name, _)| name).find(|name| tells(name)) {
        Some(name) => Err(format!("the header `{name}`")),
        None => Ok(()),
    }
}

/// `phoneNumber`, `Phone-Number` and `phone_number` are one.
fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
