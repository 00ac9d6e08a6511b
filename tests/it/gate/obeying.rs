//! The rows once more, before a backend that obeys. The fixture's backend answers everything with all that it has; this one
//! keeps to what Headgate pushes down into its query, and to pages. What a user is shown must not depend on which it is.

use std::cell::Cell;

use serde_json::Value;

use super::backend::Asked;

/// The rows of a page of a backend that is not told how many there are to be.
const PAGE: usize = 2;

/// The teams of the fixture's users, by what this backend knows.
const MEMBERS: [(&str, &str); 4] = [("ana", "sales"), ("ben", "support"), ("kim", "sales"), ("sue", "sales")];

thread_local! {
    /// Whether the worlds of this thread's test have a backend that obeys.
    static OBEYS: Cell<bool> = const { Cell::new(false) };
}

/// Each of these tests of a module's once more.
macro_rules! once_more {
    ($($test:ident),* $(,)?) => {
        mod before_a_backend_that_obeys {
            $(#[test] fn $test() { crate::gate::obeying::run(super::$test); })*
        }
    };
}
pub(super) use once_more;

/// Runs a test before a backend that obeys.
pub(super) fn run(test: fn()) {
    OBEYS.set(true);
    test();
    OBEYS.set(false);
}

/// Whether the world that begins now has a backend that obeys.
pub(super) fn obeys() -> bool {
    OBEYS.get()
}

/// An answer without the rows that were not asked for.
pub(super) fn narrowed(asked: &Asked, answer: Vec<u8>) -> Vec<u8> {
    narrowed_text(asked, &answer).unwrap_or(answer)
}

fn narrowed_text(asked: &Asked, answer: &[u8]) -> Option<Vec<u8>> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let parameter =
        |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
    let (own, team) = (parameter("assignee_type") == Some("me"), parameter("team_of_assignee"));
    // The others that have pages make them themselves.
    let has_pages = path.ends_with("/counted");
    if !own && team.is_none() && !has_pages {
        return None;
    }
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let mut json: Value = serde_json::from_str(body).ok()?;
    let place =
        ["/payload", "/rows", "/data/rows"].into_iter().find(|place| json.pointer(place).is_some())?;
    let rows = json.pointer_mut(place)?.as_array_mut()?;
    let before = rows.len();
    let whose = |row: &Value| row.get("assignee").or_else(|| row.get("owner")).cloned().unwrap_or_default();
    if own {
        let actor = asked.all("headgate-actor").first().copied().unwrap_or_default();
        rows.retain(|row| whose(row) == actor);
    }
    if let Some(team) = team {
        rows.retain(|row| MEMBERS.iter().any(|(user, of)| *of == team && whose(row) == *user));
    }
    if has_pages {
        let page = parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize);
        *rows = rows.iter().skip(page.saturating_sub(1) * PAGE).take(PAGE).cloned().collect();
    }
    if rows.len() == before {
        return None;
    }
    let body = json.to_string();
    let length = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-length"))?;
    let head = head.replace(length, &format!("content-length: {}", body.len()));
    Some(format!("{head}\r\n\r\n{body}").into_bytes())
}

/// No test of these rows is forgotten.
#[test]
fn every_row_of_d_to_g_is_run_before_both() {
    for module in [
        "answers",
        "codings",
        "decided",
        "exports",
        "fields",
        "lists",
        "pages",
        "questions",
        "whole/http2",
        "whole/rows",
        "whole/tags",
        "writes",
    ] {
        let path = format!("{}/tests/it/gate/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let (_, listed) = text.split_once("once_more!(").unwrap_or_else(|| panic!("{module} is run once"));
        let listed: Vec<_> = listed.split(')').next().unwrap().split(',').map(str::trim).collect();
        let tests = text.split("#[tokio::test").skip(1);
        for test in tests.map(|test| test.split("async fn ").nth(1).unwrap().split('(').next().unwrap()) {
            assert!(listed.contains(&test), "{module}: `{test}` is run once");
        }
    }
}
