//! Section F: content coding, caching, partial content.

use super::BACKEND;
use crate::probe::{
    answer::Answer,
    report::Verdict,
    request::{Actor, Request},
    session::{Expected, Session},
};

pub(super) async fn tried(session: &mut Session<'_>) {
    let plan = session.plan;
    let Some(object) = session.object() else { return };
    let mut paths = vec![object.visible.as_str()];
    paths.extend(plan.lists.iter().filter(|list| list.question.is_none()).map(|list| list.path.as_str()));
    paths.extend(plan.tables.iter().map(String::as_str));
    for path in &paths {
        for coding in ["gzip", "deflate", "gzip;q=0, br", "zstd", "*", "x-headgate-probe, identity;q=0"] {
            let request = Request::get(*path).with(&format!("Accept-Encoding: {coding}"));
            session.expect("F01", request, Expected::NothingHidden).await;
        }
    }
    for row in ["F02", "F03"] {
        session.not_tried(row, BACKEND);
    }
    overlong(session).await;
    for path in &paths {
        tags(session, path).await;
        cached(session, path).await;
        for range in ["bytes=0-99", "bytes=-20", "bytes=0-0,5-9"] {
            let request = Request::get(*path).with(&format!("Range: {range}"));
            let whole = |answer: &Answer| match (answer.status, answer.header("accept-ranges")) {
                (206, _) => Err("a part".to_owned()),
                (_, Some(offer)) if offer.contains("bytes") => Err("parts are offered".to_owned()),
                _ => Ok(()),
            };
            session.look("F08", request, "the whole, or refused", whole).await;
        }
    }
    if plan.all_seeing.is_some() {
        // On one connection, so through one connection to the backend too, and through any cache.
        for path in paths.iter().copied().chain([object.hidden.as_str()]) {
            let mixed = Request::get(path).by(Actor::AllSeeing).then(Request::get(path));
            session.expect("F09", mixed, Expected::Both).await;
        }
    } else {
        session.not_tried("F09", "there is no `[actor.all_seeing]`");
    }
    hints(session, &paths).await;
}

/// What is too large to be looked through is not passed on unread.
async fn overlong(session: &mut Session<'_>) {
    let mut tried = false;
    for list in &session.plan.lists {
        let Some(query) = &list.overlong else { continue };
        tried = true;
        let request = list.asked(query);
        let Some(heard) = session.ask("F04", &request).await else { continue };
        let (verdict, seen) = session.judged(&request, &heard, |heard| match heard.answer() {
            None => (Verdict::Odd, heard.shown()),
            Some(answer) => match session.hidden_rows(list, answer) {
                Err(seen) => (Verdict::Bypass, seen),
                Ok(()) => (Verdict::Held, heard.shown()),
            },
        });
        session.note("F04", &request, "no hidden row, or refused", seen, verdict);
    }
    if !tried {
        session.not_tried("F04", "no `[[list]]` has an `overlong` query");
    }
}

/// What comes before an answer names nothing hidden.
async fn hints(session: &mut Session<'_>, paths: &[&str]) {
    for path in paths {
        let request = Request::get(*path);
        let Some(heard) = session.ask("F10", &request).await else { continue };
        let hidden = &session.plan.objects;
        let (verdict, seen) = session.judged(&request, &heard, |heard| {
            let early = heard.answers.iter().filter(|answer| answer.status < 200);
            let mut told = early.flat_map(|answer| &answer.headers).map(|(_, value)| value);
            match told.find(|value| hidden.iter().any(|object| value.contains(&object.hidden))) {
                Some(value) => (Verdict::Bypass, format!("{}: {value}", heard.shown())),
                None => (Verdict::Held, heard.shown()),
            }
        });
        session.note("F10", &request, "no early hint of a hidden object", seen, verdict);
    }
}

/// A tag of what another sees is nobody else's.
async fn tags(session: &mut Session<'_>, path: &str) {
    let any = Request::get(path).with("If-None-Match: *");
    let unchanged = |answer: &Answer| {
        if answer.status == 304 { Err("304 without a tag".to_owned()) } else { Ok(()) }
    };
    session.look("F05", any, "no 304 without a tag", unchanged).await;
    if session.plan.all_seeing.is_none() {
        session.not_tried("F05", "with a tag of another: there is no `[actor.all_seeing]`");
        session.not_tried("F06", "there is no `[actor.all_seeing]` to compare with");
        return;
    }
    let all = Request::get(path).by(Actor::AllSeeing);
    let Some(of_all) = session.ask("F05", &all).await else { return };
    let Some(own) = session.ask("F06", &Request::get(path)).await else { return };
    let (Some(of_all), Some(of_own)) = (of_all.answer(), own.answer()) else { return };
    let differ = of_all.body != of_own.body;
    for (tag, condition) in [("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")] {
        let Some(value) = of_all.header(tag) else { continue };
        let request = Request::get(path).with(&format!("{condition}: {value}"));
        let unchanged = |answer: &Answer| {
            if answer.status == 304 && differ {
                Err("tells that it is as the other sees it".to_owned())
            } else {
                Ok(())
            }
        };
        session.look("F05", request, "no 304 for what the other sees", unchanged).await;
    }
    let same = ["etag", "last-modified", "content-md5", "digest", "content-digest", "repr-digest"]
        .into_iter()
        .find(|name| differ && of_all.header(name).is_some() && of_all.header(name) == of_own.header(name));
    let request = Request::get(path);
    let (verdict, seen) = session.judged(&request, &own, |own| match same {
        Some(name) => {
            (Verdict::Bypass, format!("{}: the header `{name}` is of what the other sees", own.shown()))
        }
        None => (Verdict::Held, own.shown()),
    });
    session.note("F06", &request, "no tag of what the other sees", seen, verdict);
}

/// What one may see is not for caches between.
async fn cached(session: &mut Session<'_>, path: &str) {
    let private = |answer: &Answer| {
        let told = answer.header("cache-control").unwrap_or_default().to_ascii_lowercase();
        if !answer.is_success() || told.contains("private") || told.contains("no-store") {
            return Ok(());
        }
        let told = if told.is_empty() {
            "no `cache-control`".to_owned()
        } else {
            format!("`cache-control: {told}`")
        };
        Err(told)
    };
    session.look_into("F07", Request::get(path), "`private` or `no-store`", private).await;
}
