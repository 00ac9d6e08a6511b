//! Section E: fields and media.

use serde_json::Value;

use super::{BACKEND, CHANGES, JSON, UNWRITABLE, WRITES};
use crate::probe::{
    answer::Answer,
    plan::Plan,
    request::{Actor, Request},
    session::{Expected, Session},
};

/// What a form shows in place of a value that is hidden, and saves back.
const MASKED: &str = "*****234";

pub(super) async fn tried(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut requests: Vec<_> =
        plan.objects.iter().map(|object| Request::get(object.visible.as_str())).collect();
    for list in &plan.lists {
        requests.push(match &list.question {
            None => Request::get(list.path.as_str()),
            Some(question) => {
                Request::of("POST", list.path.as_str()).body("application/json", question.as_str())
            }
        });
    }
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
                .look_into("E02", request.clone(), "nor in another spelling", |answer| folded(plan, answer))
                .await;
        }
    }
    session.not_tried("E03", CHANGES);
    session.not_tried("E04", CHANGES);
    for request in &requests {
        session.expect("E05", request.clone(), Expected::Shown).await;
    }
    session.not_tried("E06", "put the names of media fields among the `hidden_fields`: that is E01");
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

/// Whether a field stands in the answer as it is declared.
fn exact(plan: &Plan, answer: &Answer) -> Result<(), String> {
    in_body(plan, answer, |key, hidden| key == hidden)
}

/// Whether a field stands in the answer in any spelling.
fn folded(plan: &Plan, answer: &Answer) -> Result<(), String> {
    in_body(plan, answer, |key, hidden| fold(key) == fold(hidden))
}

fn in_body(plan: &Plan, answer: &Answer, is: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    let hidden = |key: &str| plan.hidden_fields.iter().any(|hidden| is(key, hidden));
    let body = answer.json(plan.pace.answer_bytes_max).unwrap_or(Value::Null);
    match place(&body, "", &hidden) {
        Some(place) => Err(format!("a hidden field stands at {place}")),
        None => Ok(()),
    }
}

/// Where a key stands for which `hidden` holds. Recursion ends where the JSON reader's does.
fn place(value: &Value, at: &str, hidden: &impl Fn(&str) -> bool) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let at = format!("{at}/{key}");
            if hidden(key) { Some(at) } else { place(value, &at, hidden) }
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
