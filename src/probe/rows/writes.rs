//! Section G: writes that must be refused. Without `--writes` only what writes nothing is tried.

use super::{JSON, RACE, UNWRITABLE, WRITES};
use crate::probe::{
    plan::Objects,
    request::Request,
    session::{Expected, Session},
};

/// What is written, were it let through.
const WRITTEN: &str = "headgate-probe";

pub(super) async fn tried(session: &mut Session<'_>) {
    let plan = session.plan;
    if plan.writes {
        for object in &plan.objects {
            for field in &object.unwritable_fields {
                written(session, object, field).await;
            }
        }
        if plan.objects.iter().all(|object| object.unwritable_fields.is_empty()) {
            for row in ["G01", "G02", "G03", "G04", "G05", "G06", "G09", "G11", "G12"] {
                session.not_tried(row, UNWRITABLE);
            }
        }
        if let Some(object) = session.object() {
            lengths(session, object).await;
        }
    } else {
        for row in ["G01", "G02", "G03", "G04", "G05", "G06", "G07", "G08", "G09"] {
            session.not_tried(row, WRITES);
        }
    }
    if let Some(object) = session.object() {
        let request = Request::get(object.hidden.as_str()).body(JSON, "{}");
        session.expect("G10", request, Expected::Refused).await;
        let request = Request::get(object.visible.as_str()).body(JSON, "{}");
        session.expect("G10", request, Expected::NothingHidden).await;
    }
    if !plan.writes {
        for row in ["G11", "G12"] {
            session.not_tried(row, WRITES);
        }
    }
    moved(session).await;
    session.not_tried("G16", RACE);
    if plan.writes {
        for object in &plan.objects {
            let write = |path: &str| Request::of(object.write_method, path).body(JSON, "{}");
            session.alike("G17", write(&object.hidden), write(&object.missing)).await;
            for bulk in &object.bulk {
                let naming = |path: &str| {
                    let body = bulk.body.replace("{id}", super::split(path).1);
                    Request::of(bulk.method, bulk.path.as_str()).body(JSON, body)
                };
                session.alike("G17", naming(&object.hidden), naming(&object.missing)).await;
            }
        }
    } else {
        session.not_tried("G17", WRITES);
    }
    for path in &plan.refused {
        session.expect("G18", Request::get(path.as_str()), Expected::RefusedHere).await;
    }
    if plan.refused.is_empty() {
        session.not_tried("G18", "there are no `refused` paths");
    }
    if !plan.writes {
        session.not_tried("G19", WRITES);
        session.not_tried("G20", WRITES);
        return;
    }
    for object in &plan.objects {
        for _ in 0..3 {
            let request = Request::of(object.write_method, object.hidden.as_str())
                .with("Idempotency-Key: headgate-probe")
                .body(JSON, "{}");
            session.expect("G19", request, Expected::RefusedHere).await;
        }
        for below in &object.below {
            let write = |path: &str| {
                let body = format!("{{\"content\":\"{WRITTEN}\",\"private\":true}}");
                Request::of("POST", format!("{path}{below}")).body(JSON, body)
            };
            session.alike("G20", write(&object.hidden), write(&object.missing)).await;
        }
    }
    if plan.objects.iter().all(|object| object.below.is_empty()) {
        session.not_tried("G20", "no `[[object]]` has paths `below`");
    }
}

/// Who has an object, where it stands and who made it are said by who may say so.
async fn moved(session: &mut Session<'_>) {
    let plan = session.plan;
    if !plan.writes {
        for row in ["G13", "G14", "G15"] {
            session.not_tried(row, WRITES);
        }
        return;
    }
    for object in &plan.objects {
        let change = |path: &str, body: &str| Request::of(object.write_method, path).body(JSON, body);
        for body in &object.unassignable {
            session.expect("G13", change(&object.visible, body), Expected::RefusedHere).await;
        }
        for body in object.unassignable.iter().chain(&object.taking) {
            session.alike("G13", change(&object.hidden, body), change(&object.missing, body)).await;
        }
        for body in &object.unmovable {
            session.expect("G14", change(&object.visible, body), Expected::RefusedHere).await;
        }
    }
    for create in &plan.creates {
        for body in &create.presets {
            let request = Request::of("POST", create.path.as_str()).body(JSON, body.as_str());
            session.expect("G15", request, Expected::RefusedHere).await;
        }
    }
    let lacks = |of: &dyn Fn(&Objects) -> bool| !plan.objects.iter().any(of);
    if lacks(&|object| object.taking.is_some() || !object.unassignable.is_empty()) {
        session.not_tried("G13", "no `[[object]]` has `unassignable` changes or a `taking` one");
    }
    if lacks(&|object| !object.unmovable.is_empty()) {
        session.not_tried("G14", "no `[[object]]` has `unmovable` changes");
    }
    if plan.creates.iter().all(|create| create.presets.is_empty()) {
        session.not_tried("G15", "no `[[create]]` has `presets`");
    }
}

/// A field that may not be written, in every way in which a backend might read it.
async fn written(session: &mut Session<'_>, object: &Objects, field: &str) {
    let write = |content_type: &str, body: String| {
        Request::of(object.write_method, object.visible.as_str()).body(content_type, body)
    };
    let (first, rest) = field.split_at_checked(1).unwrap_or((field, ""));
    let kind = super::split(super::split(&object.visible).0).1.trim_end_matches('s');
    let plain = format!("{{\"{field}\":\"{WRITTEN}\"}}");
    let code = first.bytes().next().unwrap_or_default();
    let boundary = "headgate-probe-part";
    let part = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{WRITTEN}\r\n--{boundary}--\r\n"
    );
    for (row, content_type, body) in [
        ("G01", JSON, plain.clone()),
        ("G02", JSON, format!("{{\"{kind}\":{plain}}}")),
        ("G02", JSON, format!("{{\"{kind}[{field}]\":\"{WRITTEN}\"}}")),
        ("G03", "application/x-www-form-urlencoded", format!("{field}={WRITTEN}")),
        ("G03", "application/x-www-form-urlencoded", format!("{kind}[{field}]={WRITTEN}")),
        ("G03", &format!("multipart/form-data; boundary={boundary}"), part),
        ("G04", "text/plain", plain.clone()),
        ("G04", "", plain.clone()),
        ("G04", "application/json; charset=utf-7", plain.clone()),
        ("G05", JSON, format!("{{\"{field}\":\"{WRITTEN}\",\"{field}\":\"{WRITTEN}-2\"}}")),
        ("G06", JSON, format!("{{\"{}{rest}\":\"{WRITTEN}\"}}", first.to_ascii_uppercase())),
        ("G06", JSON, format!("{{\"\\u{code:04x}{rest}\":\"{WRITTEN}\"}}")),
        ("G06", JSON, format!("{{\"{field} \":\"{WRITTEN}\"}}")),
        ("G11", "application/xml", format!("<{field}>{WRITTEN}</{field}>")),
        ("G11", "application/msgpack", plain.clone()),
        ("G12", "application/merge-patch+json", format!("{{\"{field}\":null}}")),
        ("G12", JSON, format!("{{\"{field}\":null}}")),
        ("G12", "application/json-patch+json", format!("[{{\"op\":\"remove\",\"path\":\"/{field}\"}}]")),
    ] {
        session.expect(row, write(content_type, body), Expected::RefusedHere).await;
    }
    let packed = write(JSON, plain).with("Content-Encoding: gzip");
    session.expect("G09", packed, Expected::RefusedHere).await;
    let query = format!("{}?{field}={WRITTEN}", object.visible);
    let request = Request::of(object.write_method, query).body(JSON, "{}");
    session.expect("G02", request, Expected::RefusedHere).await;
}

/// A body that is too long, or lies about its length.
async fn lengths(session: &mut Session<'_>, object: &Objects) {
    let head =
        || Request::of(object.write_method, object.hidden.as_str()).with("Content-Type: application/json");
    session
        .expect("G07", head().with("Content-Length: 1073741824").unframed("{}"), Expected::RefusedHere)
        .await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000)).repeat(64);
    let endless = head().with("Transfer-Encoding: chunked").unframed(format!("{chunk}0\r\n\r\n"));
    session.expect("G08", endless, Expected::RefusedHere).await;
    session.expect("G08", head().with("Content-Length: 9").unframed("{}"), Expected::RefusedHere).await;
}
