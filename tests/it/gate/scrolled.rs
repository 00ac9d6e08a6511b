//! Lists that are scrolled (D05, D06): pages that stand beside a row. A list is written as a text: a letter for each row, whose ids
//! are 1, 2, 3 and so on; `v` is ana's, `h` is not.

use std::{sync::Arc, time::Duration};

use headgate::{clock::ManualClock, ids::Timestamp};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World},
};

/// How many rows a page of the backend's has.
const PAGE: usize = 4;

const SCROLLED: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/talk"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["/version"]
totals = { recompute = ["/count"] }
page = { before = "before", after = "after", begins = "end", compares = true, pages_max = 9, time_max = "20s", unless = ["since"] }

[[route]]
match = "GET /api/v1/accounts/{account}/hung"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["/version"]
nested = { "/contacts/*" = "contact" }
regardless = ["/contacts/*"]
page = { before = "before", after = "after", begins = "end", compares = true }

[[route]]
match = "GET /api/v1/accounts/{account}/feed"
entity = "conversation"
action = "list"
items = "/rows"
page = { after = "after", compares = true, pages_max = 3, time_max = "20s" }

[[route]]
match = "GET /api/v1/accounts/{account}/quiet"
entity = "conversation"
action = "list"
items = "/rows"
empty = "no-content"
page = { before = "before", begins = "end", compares = true }

[entity.message]
part = true
id = "/id"
kinds = [{ at = "/private", is = true, resource = "note" }]
fields = ["*"]

[entity.thread]
resource = "conversation"
id = "/id"
tag = true
fields = ["id"]
nested = { "/messages/*" = "message" }

[[route]]
match = "GET /api/v1/accounts/{account}/threads/{id}"
entity = "thread"
action = "view"
object = "tag"

[[route]]
match = "POST /api/v1/accounts/{account}/ask"
entity = "conversation"
action = "list"
items = "/rows"
question = true
page = { before = "anchor", begins = "end", compares = true }

[entity.label]
resource = "message"
part = true
fields = ["*"]
"#;

/// A list of what is a part of a conversation.
fn below(path: &str, entity: &str, page: &str) -> String {
    format!(
        r#"
[[route]]
match = "GET /api/v1/accounts/{{account}}/conversations/{{id}}/{path}"
resource = "message"
entity = "conversation"
part = true
action = "view"
object = "tag"
shows = "{entity}"
items = "/rows"
{page}
"#
    )
}

/// Before a backend that answers with pages.
fn setup(page: impl Fn(&Asked) -> Value + Send + Sync + 'static) -> Setup {
    let scrolled = r#"page = { before = "before", begins = "end", compares = true }"#;
    Setup::default()
        .routes(SCROLLED)
        .routes(&below("messages", "message", ""))
        .routes(&below("labels", "label", ""))
        .routes(&below("scrolled", "message", scrolled))
        .backend(move |asked| Some(backend::json(200, &page(asked))))
}

fn row(id: usize, letter: char) -> Value {
    let (assignee, object) = if letter == 'v' { ("ana", "101") } else { ("ben", "102") };
    json!({"id": id, "assignee": assignee, "title": format!("CANARY-{object}-title")})
}

/// A page of rows as a backend gives it: those before a row, those after one, those between two, where the one after which they
/// stand is among them, or else the last ones; of a feed the first ones.
fn page(rows: &[(usize, char)], asked: &Asked) -> Value {
    let last = |rows: Vec<_>| rows[rows.len().saturating_sub(PAGE)..].to_vec();
    let rows = rows.iter().copied();
    let rows: Vec<(usize, char)> = match (asked.number("before"), asked.number("after")) {
        _ if asked.number("since").is_some() => rows.collect(),
        (Some(before), Some(after)) => {
            rows.filter(|(id, _)| (after..before).contains(id)).take(PAGE).collect()
        }
        (Some(before), None) => last(rows.filter(|(id, _)| *id < before).collect()),
        (None, Some(after)) => rows.filter(|(id, _)| *id > after).take(PAGE).collect(),
        (None, None) if asked.target.contains("/feed") => rows.take(PAGE).collect(),
        (None, None) => last(rows.collect()),
    };
    let rows: Vec<_> = rows.into_iter().map(|(id, letter)| row(id, letter)).collect();
    json!({"version": 3, "count": 99, "rows": rows})
}

async fn serving(rows: Vec<(usize, char)>) -> World {
    setup(move |asked| page(&rows, asked)).start().await
}

fn rows_of(list: &str) -> Vec<(usize, char)> {
    (1..).zip(list.chars()).collect()
}

fn visible(rows: &[(usize, char)]) -> Vec<(usize, char)> {
    rows.iter().copied().filter(|(_, letter)| *letter == 'v').collect()
}

fn ids(answer: &Answer) -> Vec<usize> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let id = |row: &Value| usize::try_from(row["id"].as_u64().unwrap()).unwrap();
    json["rows"].as_array().unwrap().iter().map(id).collect()
}

const LISTS: [&str; 9] = [
    "",
    "v",
    "h",
    "vvvvvvvvvv",
    "hhhhhhhvhhhhhh",
    "vhvhhvvhhhvvvvhv",
    "hvvvvvvvvvh",
    "vvvvhhhhhhhhhhhvvvvv",
    "hhvvvhvhhhvhvvvhhhhhvvvvhvhhv",
];

#[tokio::test]
async fn d05_what_is_scrolled_answers_as_if_hidden_rows_did_not_exist() {
    for list in LISTS {
        let rows = rows_of(list);
        let (with, without) = (serving(rows.clone()).await, serving(visible(&rows)).await);
        let mut questions = vec![String::new()];
        for id in 0..=rows.len() + 1 {
            questions.extend([
                format!("?before={id}"),
                format!("?after={id}"),
                format!("?after={id}&before=9"),
            ]);
        }
        for path in ["/talk", "/feed"] {
            for question in &questions {
                if path == "/feed" && question.contains("before") {
                    continue;
                }
                let asked = format!("{path}{question}");
                let answers = (with.get("ana", &asked).await, without.get("ana", &asked).await);
                // What was looked through within a bound is the feed's alone to tell.
                if path == "/feed" && answers.0.has_more() {
                    continue;
                }
                assert_eq!(answers.0.json(), answers.1.json(), "{list}: {asked}");
                assert!(!answers.0.has_more() && !answers.1.has_more(), "{list}: {asked}");
            }
        }
    }
}

#[tokio::test]
async fn d06_whoever_scrolls_misses_nothing_and_sees_nothing_twice() {
    for list in LISTS {
        let rows = rows_of(list);
        let seen: Vec<_> = visible(&rows).into_iter().map(|(id, _)| id).collect();
        let world = serving(rows).await;
        let mut back: Vec<usize> = Vec::new();
        loop {
            let question = back.first().map_or_else(String::new, |id| format!("?before={id}"));
            let page = ids(&world.get("ana", &format!("/talk{question}")).await);
            if page.is_empty() {
                break;
            }
            back.splice(0..0, page);
        }
        assert_eq!(back, seen, "{list}");
        let mut on: Vec<usize> = Vec::new();
        loop {
            let after = on.last().copied().unwrap_or(0);
            let answer = world.get("ana", &format!("/feed?after={after}")).await;
            let page = ids(&answer);
            if page.is_empty() && !answer.has_more() {
                break;
            }
            on.extend(page);
        }
        assert_eq!(on, seen, "{list}");
    }
}

#[tokio::test]
async fn d06_a_request_reads_no_more_than_its_bound_and_the_same_one_goes_on() {
    // Nobody's rows, for more than a request may look through, before a row of ana's and behind one.
    let list = format!("v{}v{}", "h".repeat(100), "h".repeat(50));
    for (path, expected) in [("/talk", vec![102, 1]), ("/feed", vec![1, 102])] {
        let world = serving(rows_of(&list)).await;
        let (mut seen, mut asked) = (Vec::new(), 0);
        loop {
            let name = if path == "/talk" { "before" } else { "after" };
            let question = seen.last().map_or_else(String::new, |id| format!("?{name}={id}"));
            let before = world.backend.seen().len();
            let answer = world.get("ana", &format!("{path}{question}")).await;
            assert!(world.backend.seen().len() - before <= if path == "/talk" { 9 } else { 3 }, "{path}");
            let page = ids(&answer);
            seen.extend(page.iter().rev().copied().filter(|_| path == "/talk"));
            seen.extend(page.iter().copied().filter(|_| path == "/feed"));
            asked += 1;
            assert!(asked < 40, "{path} stands still: {seen:?}");
            if page.is_empty() && !answer.has_more() {
                break;
            }
        }
        assert_eq!(seen, expected, "{path}");
        assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"page.pages_max\"}"));
    }
}

#[tokio::test]
async fn d06_rows_that_come_meanwhile_do_not_make_it_begin_again() {
    // Nobody's rows at the end of the list, for more than ten requests may look through, and a few more before each.
    let rows = Arc::new(std::sync::Mutex::new(rows_of(&format!("v{}", "h".repeat(300)))));
    let served = Arc::clone(&rows);
    let world = setup(move |asked| page(&served.lock().unwrap(), asked)).start().await;
    let mut asked = 0;
    let seen = loop {
        let answer = world.get("ana", "/talk").await;
        let seen = ids(&answer);
        if !seen.is_empty() {
            break seen;
        }
        asked += 1;
        assert!(answer.has_more() && asked < 20, "it stands still");
        let mut rows = rows.lock().unwrap();
        let count = rows.len();
        rows.extend((1..=asked).map(|more| (count + more, 'h')));
    };
    assert_eq!(seen, [1]);
    assert!(asked > 5, "{asked}");
    // One that may be seen is seen, however many there are before it that may not.
    world.get("ana", "/talk").await;
    let count = rows.lock().unwrap().len();
    rows.lock().unwrap().extend([(count + 1, 'h'), (count + 2, 'v'), (count + 3, 'h')]);
    assert_eq!(ids(&world.get("ana", "/talk").await), [count + 2]);
}

#[tokio::test]
async fn d06_where_nothing_was_seen_it_may_be_another_time() {
    let hidden = format!("v{}", "h".repeat(60));
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let shown = Arc::new(std::sync::Mutex::new(rows_of(&hidden)));
    let (rows, passing) = (Arc::clone(&shown), Arc::clone(&clock));
    let page = move |asked: &Asked| {
        passing.advance(Duration::from_secs(15));
        page(&rows.lock().unwrap(), asked)
    };
    let world = setup(page).clock(clock).start().await;
    let first = world.get("ana", "/feed").await;
    assert_eq!((ids(&first), first.has_more()), (vec![1], true), "time is a bound too");
    assert!(world.get("ana", "/feed?after=1").await.has_more());
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"page.time_max\"} 2"));
    // Meanwhile one of those that were looked through is given to ana.
    shown.lock().unwrap()[3].1 = 'v';
    ids(&world.get("ana", "/feed?after=1").await);
    assert_eq!(ids(&world.get("ana", "/feed").await), [1, 4], "from the beginning it is there");
}

#[tokio::test]
async fn a_list_that_comes_whole_is_not_counted_off() {
    let rows = rows_of(&"vhh".repeat(10));
    let world = serving(rows.clone()).await;
    let whole = world.get("ana", "/talk?since=600").await;
    assert_eq!(ids(&whole), (1..=30).step_by(3).collect::<Vec<_>>());
    assert_eq!((whole.json()["count"].as_u64(), world.backend.seen().len()), (Some(10), 1));
    for query in ["since=600&limit=3", "since=x", "since=", "since=1&since=2", "since[]=1"] {
        let answer = world.get("ana", &format!("/talk?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn d05_notes_among_messages_are_not_counted_off() {
    let all = rows_of("vvhvhhhhhvvvvhvvhhv");
    let talked = |rows: Vec<(usize, char)>| {
        move |asked: &Asked| {
            let mut page = page(&rows, asked);
            for row in page["rows"].as_array_mut().unwrap() {
                let is_note = row["assignee"] == "ben";
                let is_label = asked.target.contains("/labels");
                let canary = if is_note && !is_label { "CANARY-102-note" } else { "hello" };
                *row = json!({"id": row["id"], "private": is_note, "content": canary});
            }
            page
        }
    };
    let with = setup(talked(all.clone())).start().await;
    let without = setup(talked(visible(&all))).start().await;
    for question in (0..21).map(|id| format!("?before={id}")).chain([String::new()]) {
        let path = format!("/conversations/101/scrolled{question}");
        let (some, same) = (with.get("ana", &path).await, without.get("ana", &path).await);
        assert_eq!((some.status, some.json()), (200, same.json()), "{question}");
    }
    // Neither by a parameter that Headgate does not count for itself, unless nothing is hidden by its kind.
    for counting in
        ["limit=1&offset=4", "before=9", "after=9", "start_cursor=x", "page_num=2", "next_token=x"]
    {
        let asked = async |user: &str, list: &str| {
            with.get(user, &format!("/conversations/101/{list}?{counting}")).await.status
        };
        assert_eq!(asked("ana", "messages").await, 400, "{counting}");
        assert_eq!(asked("adm", "messages").await, 200, "{counting}");
        assert_eq!(asked("ana", "labels").await, 200, "{counting}");
    }
}

#[tokio::test]
async fn d05_notes_among_the_messages_of_an_object_are_not_counted_off() {
    let script = |asked: &Asked| {
        let note = json!({"id": 1, "private": true, "content": "CANARY-102-note"});
        let rows = if asked.target.contains("offset=0") { json!([note]) } else { json!([]) };
        Some(backend::json(200, &json!({"id": "101", "messages": rows})))
    };
    let world = Setup::default().routes(SCROLLED).backend(script).start().await;
    world.also_visible.lock().unwrap().push(("adm", "102"));
    for counting in ["limit=1&offset=0", "limit=1&offset=1", "page=2", "messages[offset]=0"] {
        let asked = async |user: &str| world.get(user, &format!("/threads/101?{counting}")).await;
        let answer = asked("ana").await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "fields"), "{counting}");
        assert_eq!(asked("adm").await.status, 200, "{counting}");
    }
    assert_eq!(world.get("ana", "/threads/101").await.status, 200);
}

#[tokio::test]
async fn d05_no_body_of_a_question_says_which_page_or_order() {
    let world = serving(rows_of("vhv")).await;
    for body in [
        json!({"anchor": 2}),
        json!({"Anchor": 2}),
        json!({"an_chor": 2}),
        json!({"sort": "id"}),
        json!({"options": {"order": "id"}}),
        json!({"options": {"limit": 1}}),
    ] {
        let answer = world.write("ana", "POST", "/ask", &body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
    assert_eq!(world.write("ana", "POST", "/ask", &json!({"status": "open"})).await.status, 200);
}

#[tokio::test]
async fn a_row_that_can_be_meant_in_two_ways_is_refused() {
    let world = serving(rows_of("vhv")).await;
    for query in
        ["before=1&before=2", "before=", "before[]=2", "Before=2", "a=1;before=2", "before=2&after=1&after=0"]
    {
        let answer = world.get("ana", &format!("/talk?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{query}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
    let counted = world.get("ana", "/talk?limit=2").await;
    assert_eq!(
        (counted.status, counted.problem().as_str()),
        (400, "fields"),
        "pages of other lengths count rows off"
    );
}

#[tokio::test]
async fn d05_what_is_scrolled_cannot_be_put_into_another_order() {
    let world = serving(rows_of("vhv")).await;
    for query in [
        "sort=id",
        "order_by=id",
        "sort[id]=desc",
        "direction=desc",
        "before=3&reverse=true",
        "sortOrder=asc",
        "ascending=true",
        "newest_first=1",
        "sort_column=id",
        "options[sort]=id",
    ] {
        let answer = world.get("ana", &format!("/talk?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "fields"), "{query}");
        assert_eq!(world.get("adm", &format!("/talk?{query}")).await.status, 200, "{query}");
    }
    assert_eq!(world.get("ana", "/talk?status=open").await.status, 200);
}

#[tokio::test]
async fn d05_the_end_is_the_same_whether_rows_are_hidden_or_the_row_is_not_there() {
    let quiet = |rows: Vec<(usize, char)>, no_row: u16| {
        let script = move |asked: &Asked| {
            let page = page(&rows, asked);
            let is_empty = page["rows"] == json!([]);
            Some(if is_empty { backend::answer(no_row, "", "") } else { backend::json(200, &page) })
        };
        Setup::default().routes(SCROLLED).backend(script)
    };
    for no_row in [204, 404] {
        let (with, without) =
            (quiet(rows_of("hhhv"), no_row).start().await, quiet(vec![(4, 'v')], no_row).start().await);
        for question in ["", "?before=4", "?before=2", "?before=1"] {
            let path = format!("/quiet{question}");
            let (some, same) = (with.get("ana", &path).await, without.get("ana", &path).await);
            assert_eq!((some.status, &some.body), (same.status, &same.body), "{no_row} {question}");
            assert_eq!(some.status, if question.is_empty() { 200 } else { 204 }, "{no_row} {question}");
        }
    }
}

#[tokio::test]
async fn d05_a_page_of_none_is_framed_as_where_no_row_is_hidden() {
    // The contacts of a page's rows stand beside them.
    let hung = |rows: Vec<(usize, char)>, no_row: u16| {
        let script = move |asked: &Asked| {
            let mut page = page(&rows, asked);
            let is_empty = page["rows"] == json!([]);
            page["contacts"] = if is_empty { json!([]) } else { json!([{"id": 501, "owner": "ana"}]) };
            let is_there = !is_empty || no_row == 200;
            Some(if is_there { backend::json(200, &page) } else { backend::answer(no_row, "", "") })
        };
        Setup::default().routes(SCROLLED).backend(script)
    };
    for (list, no_row) in [("h", 200), ("hhhhhv", 200), ("h", 204), ("hhhhhv", 204), ("hhhhhv", 404)] {
        let rows = rows_of(list);
        let (with, without) =
            (hung(rows.clone(), no_row).start().await, hung(visible(&rows), no_row).start().await);
        for question in ["", "?before=6", "?before=3", "?after=1", "?after=6"] {
            let path = format!("/hung{question}");
            let (some, same) = (with.get("ana", &path).await, without.get("ana", &path).await);
            assert_eq!((some.status, &some.body), (same.status, &same.body), "{list} {no_row} {question}");
        }
    }
}

#[tokio::test]
async fn d05_no_white_space_tells_where_a_page_of_the_backends_ended() {
    for list in LISTS {
        let rows = rows_of(list);
        let pretty = |rows: Vec<(usize, char)>| {
            let script = move |asked: &Asked| {
                let text = serde_json::to_string_pretty(&page(&rows, asked)).unwrap();
                Some(backend::answer(200, "content-type: application/json\r\n", &text))
            };
            Setup::default().routes(SCROLLED).backend(script)
        };
        let (with, without) = (pretty(rows.clone()).start().await, pretty(visible(&rows)).start().await);
        for question in ["", "?before=16", "?after=3"] {
            let path = format!("/talk{question}");
            let (some, same) = (with.get("ana", &path).await, without.get("ana", &path).await);
            assert_eq!((some.status, &some.body), (same.status, &same.body), "{list} {question}");
        }
    }
}

#[tokio::test]
async fn who_sees_every_row_scrolls_as_the_backend_does() {
    let world = serving(rows_of("hvhvhvhvhv")).await;
    for (question, expected) in
        [("", [7, 8, 9, 10]), ("?before=7", [3, 4, 5, 6]), ("?after=2&limit=9", [3, 4, 5, 6])]
    {
        let answer = world.get("adm", &format!("/talk{question}")).await;
        assert_eq!(
            (ids(&answer), answer.json()["count"].as_u64()),
            (expected.to_vec(), Some(99)),
            "{question}"
        );
    }
    assert_eq!(world.backend.seen().len(), 3);
}

super::obeying::once_more!(
    d05_what_is_scrolled_answers_as_if_hidden_rows_did_not_exist,
    d06_whoever_scrolls_misses_nothing_and_sees_nothing_twice,
    d06_a_request_reads_no_more_than_its_bound_and_the_same_one_goes_on,
    d06_rows_that_come_meanwhile_do_not_make_it_begin_again,
    d06_where_nothing_was_seen_it_may_be_another_time,
    a_list_that_comes_whole_is_not_counted_off,
    d05_notes_among_messages_are_not_counted_off,
    a_row_that_can_be_meant_in_two_ways_is_refused,
    d05_what_is_scrolled_cannot_be_put_into_another_order,
    d05_the_end_is_the_same_whether_rows_are_hidden_or_the_row_is_not_there,
    d05_notes_among_the_messages_of_an_object_are_not_counted_off,
    d05_no_body_of_a_question_says_which_page_or_order,
    d05_a_page_of_none_is_framed_as_where_no_row_is_hidden,
    d05_no_white_space_tells_where_a_page_of_the_backends_ended,
    who_sees_every_row_scrolls_as_the_backend_does,
);
