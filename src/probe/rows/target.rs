//! Section A: the request's target, method and route.

use super::{WRITES, split};
use crate::probe::{
    answer::Answer,
    plan::Objects,
    report::Verdict,
    request::{Actor, Request},
    session::{Expected, Session},
};

pub(super) async fn tried(session: &mut Session<'_>) {
    let Some(object) = session.object() else { return };
    paths(session, object).await;
    methods(session, object).await;
    heads(session, object).await;
    lists(session).await;
    for header in [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Envoy-Original-Path",
    ] {
        let hidden = Request::get(object.hidden.as_str()).with(&format!("{header}: {}", object.visible));
        session.expect("A19", hidden, Expected::Refused).await;
        let visible = Request::get(object.visible.as_str()).with(&format!("{header}: {}", object.hidden));
        session.expect("A19", visible, Expected::NothingHidden).await;
    }
    parameters(session).await;
    let long = format!("{}/{}", split(&object.visible).0, "1".repeat(20_000));
    session.expect("A22", Request::get(long), Expected::Refused).await;
    let keys: String = (0..2000).map(|number| format!("{number}&")).collect();
    session.expect("A22", Request::get(format!("{}?{keys}", object.visible)), Expected::RefusedAtBest).await;
}

/// A path that can be read in two ways is refused, and one that can be read in one way is decided.
async fn paths(session: &mut Session<'_>, object: &Objects) {
    let hidden = object.hidden.as_str();
    let (above, id) = split(hidden);
    let (further, kind) = split(above);
    let open = session.plan.open.clone().unwrap_or_else(|| format!("{above}/headgate-probe"));
    let climb = "/..".repeat(open.matches('/').count());
    let upper = kind.chars().next().map_or_else(String::new, |first| {
        format!(
            "{further}/{}{}/{id}",
            first.to_ascii_uppercase(),
            kind.get(first.len_utf8()..).unwrap_or_default()
        )
    });
    for (row, path) in [
        ("A01", format!("{above}/headgate-probe/../{id}")),
        ("A01", format!("{open}{climb}{hidden}")),
        ("A01", format!("{above}/./{id}")),
        ("A02", format!("{above}/headgate-probe/%2e%2e/{id}")),
        ("A02", format!("{above}/headgate-probe/.%2E/{id}")),
        ("A02", format!("{above}/headgate-probe/%2e./{id}")),
        ("A03", format!("{above}/headgate-probe%252f%252e%252e%252f{id}")),
        ("A03", format!("{above}/%252e%252f{id}")),
        ("A04", format!("{above}%2F{id}")),
        ("A04", format!("{above}%2f{id}")),
        ("A04", format!("{above}\\{id}")),
        ("A04", format!("{above}%5C{id}")),
        ("A05", format!("/{hidden}")),
        ("A05", hidden.replace('/', "//")),
        ("A05", format!("{further}///{kind}//{id}")),
        ("A06", format!("{further}/{kind};x=1/{id}")),
        ("A06", format!("{hidden};a=b")),
        ("A06", format!("{above}/headgate-probe/..;/{id}")),
        ("A07", format!("{hidden}#/../{}", split(&object.visible).1)),
        ("A07", format!("{hidden}%23")),
        ("A08", format!("{hidden}%00")),
        ("A08", format!("{hidden}%0a")),
        ("A08", format!("{hidden}%0d")),
        ("A08", format!("{hidden}\t")),
        ("A08", format!("{hidden}\x01")),
        ("A08", format!("{hidden}\x1f")),
        ("A08", format!("{hidden}\x7f")),
        ("A09", format!("{above}/%c0%af{id}")),
        ("A09", format!("{hidden}%zz")),
        ("A09", format!("{hidden}%")),
        ("A10", format!("{hidden}/")),
        ("A10", upper),
        ("A10", format!("{hidden}.json")),
        ("A10", format!("{hidden}.csv")),
        ("A10", format!("{hidden}.")),
        ("A12", format!("{hidden}?next={open}")),
        ("A12", format!("{hidden}?{}", object.visible)),
        ("A13", format!("{above}/{id}/headgate-probe/no-such-route")),
        ("A13", "/headgate-probe/no-such-route".to_owned()),
        ("A13", "/graphql".to_owned()),
        ("A13", "/batch".to_owned()),
        ("A13", "/platform/api/v1/users".to_owned()),
    ] {
        session.expect(row, Request::get(path), Expected::Refused).await;
    }
    for version in ["/v0/", "/v2/"] {
        if hidden.contains("/v1/") {
            session.expect("A13", Request::get(hidden.replacen("/v1/", version, 1)), Expected::Refused).await;
        }
    }
    let no_text = [hidden.as_bytes(), b"\xff"].concat();
    session.expect("A09", Request::get(no_text), Expected::Refused).await;
    let behind = format!("{}#/../{id}", object.visible);
    session.expect("A07", Request::get(behind), Expected::RefusedAtBest).await;
    let host = &session.plan.target.host;
    let scheme = if session.plan.target.secure { "https" } else { "http" };
    let own = format!("{scheme}://{host}{hidden}");
    let other = format!("{scheme}://other.headgate-probe.invalid{}", object.visible);
    session.expect("A11", Request::get(own), Expected::Refused).await;
    session.expect("A11", Request::get(other), Expected::Refused).await;
    session.expect("A11", Request::get(format!("http:{hidden}")), Expected::Refused).await;
}

async fn methods(session: &mut Session<'_>, object: &Objects) {
    for method in ["get", "GeT", "FOO", "TRACE", "PROPFIND", "QUERY"] {
        session.expect("A14", Request::of(method, object.visible.as_str()), Expected::Refused).await;
    }
    let authority = session.plan.target.host.clone();
    session.expect("A14", Request::of("CONNECT", authority), Expected::Refused).await;
    if session.plan.writes {
        for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
            let request = Request::of("POST", object.hidden.as_str()).with(&format!("{header}: GET"));
            session.expect("A15", request.body("application/json", "{}"), Expected::RefusedHere).await;
        }
        for query in ["_method=get", "%5Fmethod=get", "_method[]=get"] {
            let request = Request::of("POST", format!("{}?{query}", object.hidden));
            session.expect("A15", request.body("application/json", "{}"), Expected::RefusedHere).await;
        }
        let form = "application/x-www-form-urlencoded";
        let request = Request::of("POST", object.hidden.as_str()).body(form, "_method=get");
        session.expect("A15", request, Expected::RefusedHere).await;
    } else {
        session.not_tried("A15", WRITES);
    }
}

/// `HEAD` and `OPTIONS` tell no more than `GET`.
async fn heads(session: &mut Session<'_>, object: &Objects) {
    let hidden = Request::of("HEAD", object.hidden.as_str());
    session.alike("A16", hidden, Request::of("HEAD", object.missing.as_str())).await;
    let mut paths = vec![object.visible.as_str()];
    paths.extend(
        session.plan.lists.iter().filter(|list| list.question.is_none()).map(|list| list.path.as_str()),
    );
    for path in paths {
        let Some(got) = session.ask("A16", &Request::get(path)).await else { continue };
        let body = got.answer().map_or(0, |answer| answer.body.len());
        let look = |answer: &Answer| match answer.header("content-length") {
            Some(length) if answer.is_success() && length != body.to_string() => {
                Err(format!("a length of {length} for a body of {body}"))
            }
            _ => Ok(()),
        };
        session.look("A16", Request::of("HEAD", path), "the length of what GET shows, or none", look).await;
    }
    let cors = "Origin: https://panel.headgate-probe.invalid\r\nAccess-Control-Request-Method: DELETE\r\n";
    for fields in ["", cors] {
        let options = |path: &str| Request::of("OPTIONS", path).by(Actor::Nobody).raw(fields);
        // Answered alike is enough: an answer without a body tells nothing.
        let (hidden, missing) = (options(&object.hidden), options(&object.missing));
        let Some(of_hidden) = session.ask("A17", &hidden).await else { continue };
        let Some(of_missing) = session.ask("A17", &missing).await else { continue };
        let (verdict, seen) = session.judged(&hidden, &of_hidden, |of_hidden| {
            let telling = |heard: &crate::probe::wire::Heard| {
                let answer = heard.answer()?;
                Some((
                    answer.status,
                    answer.header("allow"),
                    answer.header("access-control-allow-methods"),
                    answer.body.clone(),
                ))
            };
            let same = telling(of_hidden) == telling(&of_missing);
            let seen = format!("{}, and {} for the missing one", of_hidden.shown(), of_missing.shown());
            let verdict = match of_hidden.answer() {
                _ if !same => Verdict::Bypass,
                Some(_) => Verdict::Held,
                None => Verdict::Odd,
            };
            (verdict, seen)
        });
        session.note("A17", &hidden, "answered like what does not exist", seen, verdict);
    }
}

/// A search is a list.
async fn lists(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut asked = false;
    for list in &plan.lists {
        let Some(question) = &list.question else { continue };
        asked = true;
        let request = Request::of("POST", list.path.as_str()).body("application/json", question.as_str());
        session.rows_of("A18", list, request, Verdict::NotTried).await;
    }
    if !asked {
        session.not_tried("A18", "no `[[list]]` has a `question`");
    }
}

/// A parameter that would widen a list has no effect in any writing.
async fn parameters(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut asked = false;
    for list in plan.lists.iter().filter(|list| list.question.is_none()) {
        for (name, value) in list.widening.iter().filter_map(|query| query.split_once('=')) {
            asked = true;
            let first = name.bytes().next().unwrap_or_default();
            let encoded = format!("%{first:02X}{}", name.get(1..).unwrap_or_default());
            let twice = format!("%25{first:02X}{}", name.get(1..).unwrap_or_default());
            for (row, query) in [
                ("A20", format!("{name}={value}")),
                ("A20", format!("{name}=headgate-probe&{name}={value}")),
                ("A20", format!("{name}={value}&{name}=headgate-probe")),
                ("A20", format!("{name}=headgate-probe,{value}")),
                ("A20", format!("headgate-probe=1;{name}={value}")),
                ("A21", format!("{name}[]={value}")),
                ("A21", format!("{name}%5B%5D={value}")),
                ("A21", format!("{name}[0]={value}")),
                ("A21", format!("{encoded}={value}")),
                ("A21", format!("{twice}={value}")),
                ("A21", format!("{}={value}", name.to_uppercase())),
            ] {
                let request = Request::get(format!("{}?{query}", list.path));
                session.rows_of(row, list, request, Verdict::Held).await;
            }
        }
    }
    if !asked {
        session.not_tried("A20", "no `[[list]]` has a `widening` query");
        session.not_tried("A21", "no `[[list]]` has a `widening` query");
    }
}
