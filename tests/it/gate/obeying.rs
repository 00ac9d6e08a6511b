//! The rows once more, before a backend that obeys. The fixture's backend answers everything with all that it has; this one
//! keeps to what Headgate pushes down into its query, and to pages. What a user is shown must not depend on which it is.

use std::cell::Cell;

use serde_json::Value;

use super::backend::Asked;

/// The rows of a page of a backend that is not told how many there are to be.
const PAGE: usize = 2;

/// The teams of the fixture's users, by what this backend knows.
const MEMBERS: [(&str, &str); 7] = [
    ("ana", "sales"),
    ("ben", "support"),
    ("kim", "sales"),
    ("sue", "sales"),
    ("duo", "sales"),
    ("duo", "support"),
    ("head", "office"),
];

thread_local! {
    /// Whether the worlds of this thread's test have a backend that obeys.
    static OBEYS: Cell<bool> = const { Cell::new(false) };
    /// In how many answers it left rows out.
    static NARROWED: Cell<usize> = const { Cell::new(0) };
}

/// Each of these tests of a module's once more. A number behind its name is that of the answers, at least, in which the backend
/// leaves out rows that it was not asked for; without one nothing may hang on whether it obeys.
macro_rules! once_more {
    ($($test:ident $(: $narrowed:literal)?),* $(,)?) => {
        mod before_a_backend_that_obeys {
            $(#[test] fn $test() { crate::gate::obeying::run(super::$test, 0 $(+ $narrowed)?); })*
        }
    };
}
pub(super) use once_more;

/// Runs a test before a backend that obeys, which leaves rows out of that many answers.
pub(super) fn run(test: fn(), narrowed: usize) {
    NARROWED.set(0);
    OBEYS.set(true);
    test();
    OBEYS.set(false);
    let counted = NARROWED.get();
    assert!(counted >= narrowed, "it left rows out of {counted} answers, and not of {narrowed}");
}

/// Whether the world that begins now has a backend that obeys.
pub(super) fn obeys() -> bool {
    OBEYS.get()
}

/// Leaves of these rows those that were asked for, if the backend obeys: for one that makes its pages of them itself.
pub(super) fn heard<Row>(asked: &Asked, rows: &mut Vec<Row>, whose: impl Fn(&Row) -> Value) {
    let own = asked.parameter("assignee_type").is_some_and(|of| of == "me");
    let team = asked.parameter("team_of_assignee");
    if !obeys() || (!own && team.is_none()) {
        return;
    }
    let actor = asked.all("headgate-actor").first().copied().unwrap_or_default();
    let is_members =
        |who: &Value| MEMBERS.iter().any(|(user, of)| Some(*of) == team.as_deref() && who == user);
    let before = rows.len();
    rows.retain(|row| (!own || whose(row) == actor) && (team.is_none() || is_members(&whose(row))));
    NARROWED.set(NARROWED.get() + usize::from(rows.len() < before));
}

/// An answer without the rows that were not asked for.
pub(super) fn narrowed(asked: &Asked, answer: Vec<u8>) -> Vec<u8> {
    narrowed_text(asked, &answer).unwrap_or(answer)
}

fn narrowed_text(asked: &Asked, answer: &[u8]) -> Option<Vec<u8>> {
    // The others that have pages make them themselves.
    let has_pages = asked.target.split('?').next()?.ends_with("/counted");
    if !has_pages && !["assignee_type", "team_of_assignee"].iter().any(|name| asked.target.contains(name)) {
        return None;
    }
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let mut json: Value = serde_json::from_str(body).ok()?;
    let places = ["/payload", "/rows", "/data/rows", "/_embedded/deals"];
    let place = places.into_iter().find(|place| json.pointer(place).is_some())?;
    let rows = json.pointer_mut(place)?.as_array_mut()?;
    let before = rows.len();
    heard(asked, rows, |row| {
        let names = ["assignee", "owner", "responsible"];
        names.into_iter().find_map(|name| row.get(name)).cloned().unwrap_or_default()
    });
    if has_pages {
        let page = asked.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize);
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

/// No test of these rows is forgotten, and of each module that asks for lists so many are run before answers that differ.
#[test]
fn every_row_of_d_to_g_is_run_before_both() {
    for (module, narrowed) in [
        ("answers", 3),
        ("beside", 0),
        ("codings", 0),
        ("cursors", 0),
        ("decided", 1),
        ("exports", 0),
        ("fields", 1),
        ("list_laws", 1),
        ("lists", 2),
        ("pages", 3),
        ("question_laws", 1),
        ("questions", 0),
        ("scrolled", 0),
        ("spellings", 0),
        ("whole/http2", 0),
        // By tags, and by rules of a preset that reach contacts in more ways: neither can be said in a query.
        ("whole/rows", 0),
        ("whole/tags", 0),
        ("writes/asked", 0),
        ("writes/bodies", 0),
        ("writes/bulk", 0),
        ("writes/echoes", 0),
        ("writes/fields", 0),
        ("writes/moments", 0),
        ("writes/owners", 0),
        ("writes/rights", 0),
    ] {
        let path = format!("{}/tests/it/gate/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let (_, listed) = text.split_once("once_more!(").unwrap_or_else(|| panic!("{module} is run once"));
        let listed = listed.split(')').next().unwrap().split(',').map(|line| line.split(':').map(str::trim));
        let listed: Vec<_> = listed.map(|mut line| (line.next().unwrap(), line.next())).collect();
        let differ = listed.iter().filter(|(_, least)| least.is_some_and(|least| least != "0")).count();
        assert!(differ >= narrowed, "{module}: {differ} tests are run before answers that differ");
        let tests = text.split("#[tokio::test").skip(1);
        for test in tests.map(|test| test.split("async fn ").nth(1).unwrap().split('(').next().unwrap()) {
            assert!(listed.iter().any(|(name, _)| *name == test), "{module}: `{test}` is run once");
        }
    }
}
