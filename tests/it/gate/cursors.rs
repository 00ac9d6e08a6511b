//! Lists in pages behind a cursor, of which nobody but the backend knows what it means: rows 5 and 6 of section D, and what hidden rows
//! must not leave in a cursor.

use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World},
};

/// The rows of a page of the backend's own.
const PAGE: usize = 4;

const ROUTES: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/walked"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["/version"]
totals = { recompute = ["/count"] }
links = ["/paging/link"]
page = { cursor = "cursor", next = "/paging/next", more = "/paging/more", pages_max = 9, time_max = "20s", unless = ["since"] }

[[route]]
match = "GET /api/v1/accounts/{account}/bounded"
entity = "conversation"
action = "list"
items = "/rows"
page = { cursor = "cursor", next = "/paging/next", pages_max = 3, time_max = "20s" }

[[route]]
match = "POST /api/v1/accounts/{account}/asked"
entity = "conversation"
action = "list"
items = "/rows"
question = true
page = { cursor = "cursor", next = "/paging/next", pages_max = 9, time_max = "20s" }
"#;

/// A page of rows as a backend gives it, with a cursor that names its last row.
fn page(list: &str, asked: &Asked) -> Value {
    let from = asked.parameter("cursor").map_or(0, |cursor| {
        cursor
            .strip_prefix("CANARY-102-after-")
            .and_then(|id| id.parse().ok())
            .unwrap_or_else(|| panic!("not the backend's own cursor: {}", asked.target))
    });
    let size = if asked.number("since").is_some() { list.len() } else { PAGE };
    let rows: Vec<Value> = (1..).zip(list.chars()).skip(from).take(size).map(row).collect();
    let last = from + rows.len();
    let next = (last < list.len()).then(|| format!("CANARY-102-after-{last}"));
    let link = next.as_ref().map(|next| format!("/walked?cursor={next}"));
    json!({"version": 3, "count": 99, "rows": rows, "paging": {"next": next, "more": next.is_some(), "link": link}})
}

fn row((id, letter): (usize, char)) -> Value {
    let (assignee, object) = if letter == 'v' { ("ana", "101") } else { ("ben", "102") };
    json!({"id": id, "assignee": assignee, "title": format!("CANARY-{object}-title")})
}

fn setup(list: &str) -> Setup {
    let list = list.to_owned();
    Setup::default().routes(ROUTES).backend(move |asked| Some(backend::json(200, &page(&list, asked))))
}

fn visible(list: &str) -> Vec<usize> {
    (1..).zip(list.chars()).filter(|(_, letter)| *letter == 'v').map(|(id, _)| id).collect()
}

fn ids(answer: &Answer) -> Vec<usize> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let id = |row: &Value| usize::try_from(row["id"].as_u64().unwrap()).unwrap();
    json["rows"].as_array().unwrap_or_else(|| panic!("{json}")).iter().map(id).collect()
}

fn next(answer: &Answer) -> Option<String> {
    answer.json()["paging"]["next"].as_str().map(str::to_owned)
}

/// All pages from the first to the last, as `user` goes on from each to the next.
async fn walked(world: &World, user: &str, path: &str) -> Vec<Answer> {
    let mut pages = vec![world.get(user, path).await];
    while let Some(cursor) = next(pages.last().unwrap()) {
        assert!(pages.len() < 50, "it has no end");
        pages.push(world.get(user, &format!("{path}?cursor={cursor}")).await);
    }
    pages
}

const LISTS: [&str; 10] = [
    "",
    "v",
    "h",
    "vvvvvvvvvv",
    "vvvvvvvvhh",
    "hhhhhhhvhhhhhh",
    "vhvhhvvhhhvvvvhv",
    "hvvvvvvvvvh",
    "vvvvhhhhhhhhhhhvvvvv",
    "hhvvvhvhhhvhvvvhhhhhvvvvhvhhv",
];

#[tokio::test]
async fn d06_pages_behind_cursors_are_as_if_hidden_rows_did_not_exist() {
    for list in LISTS {
        let without: String = list.chars().filter(|letter| *letter == 'v').collect();
        let pages = async |list: &str| {
            let world = setup(list).start().await;
            let pages = walked(&world, "ana", "/walked").await;
            let told = |answer: &Answer| {
                assert!(!answer.has_more(), "{answer:?}");
                let mut json = answer.json();
                // Its value is nobody's but Headgate's; that there is one is told.
                for place in ["/paging/next", "/paging/link"] {
                    let told = json.pointer_mut(place).unwrap();
                    assert!(!told.to_string().contains("after"), "the backend's own: {told}");
                    *told = json!(told.is_string());
                }
                for row in json["rows"].as_array_mut().unwrap() {
                    *row = row["title"].clone();
                }
                json
            };
            let rows: Vec<usize> = pages.iter().flat_map(ids).collect();
            assert_eq!(rows, visible(list), "{list}: none is missed and none comes twice");
            pages.iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(pages(list).await, pages(&without).await, "{list}");
    }
}

#[tokio::test]
async fn d06_what_is_bounded_is_short_and_goes_on() {
    let list = "h".repeat(30) + "vvhvvvvhh" + &"h".repeat(30);
    let world = setup(&list).start().await;
    let pages = walked(&world, "ana", "/bounded").await;
    assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), visible(&list));
    assert!(pages[0].has_more() && ids(&pages[0]).is_empty());
    assert!(!pages.last().unwrap().has_more());
    assert!(world.backend.seen().len() <= 3 * pages.len());
    // Again from the same cursor comes the same page.
    let cursor = next(&pages[1]).unwrap();
    let page = async || ids(&world.get("ana", &format!("/bounded?cursor={cursor}")).await);
    assert_eq!((page().await, page().await), (ids(&pages[2]), ids(&pages[2])));
}

#[tokio::test]
async fn d06_a_cursor_is_good_for_its_user_and_its_list_alone() {
    let world = setup(&"vh".repeat(20)).start().await;
    let first = world.get("ana", "/walked").await;
    let cursor = next(&first).unwrap();
    assert_eq!(ids(&world.get("ana", &format!("/walked?cursor={cursor}")).await), [9, 11, 13, 15]);
    let mut changed = cursor.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for (user, path) in [
        ("kim", format!("/walked?cursor={cursor}")),
        ("ana", format!("/walked?status=open&cursor={cursor}")),
        ("ana", format!("/bounded?cursor={cursor}")),
        ("ana", format!("/walked?cursor={changed}")),
        ("ana", format!("/walked?cursor={}", cursor.get(1..).unwrap())),
        ("ana", format!("/walked?cursor={cursor}A")),
        ("ana", format!("/walked?Cursor={cursor}")),
        ("ana", format!("/walked?cursor[]={cursor}")),
        ("ana", format!("/walked?cursor={cursor}&cursor={cursor}")),
        ("ana", "/walked?cursor=CANARY-102-after-4".to_owned()),
        ("ana", "/walked?cursor=".to_owned()),
        ("ana", "/walked?since=yesterday".to_owned()),
    ] {
        let before = world.backend.seen().len();
        let answer = world.get(user, &path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{user} {path}");
        assert_eq!(world.backend.seen().len(), before, "{user} {path}");
    }
    // By which rows are counted off, too.
    assert_eq!(world.get("ana", "/walked?limit=1").await.status, 400);
    let whole = world.get("ana", "/walked?since=1").await;
    assert_eq!((ids(&whole), next(&whole)), (visible(&"vh".repeat(20)), None));
    // A link leads on as the cursor does.
    let link = first.json()["paging"]["link"].as_str().unwrap().to_owned();
    let (_, query) = link.split_once('?').unwrap();
    assert_eq!(query, format!("cursor={cursor}"));
}

#[tokio::test]
async fn f09_users_of_one_name_in_two_tenants_share_no_cursor() {
    const SHARED: &str = r#"
[[route]]
match = "GET /walked"
entity = "conversation"
action = "list"
items = "/rows"
page = { cursor = "cursor", next = "/paging/next", pages_max = 9, time_max = "20s" }
"#;
    let script = |asked: &Asked| {
        let mut page = page(&"vh".repeat(20), asked);
        for row in page["rows"].as_array_mut().unwrap().iter_mut().filter(|row| row["assignee"] == "ana") {
            *row = json!({"id": row["id"], "assignee": "kim"});
        }
        Some(backend::json(200, &page))
    };
    for key in ["", "[gate]\ncursor_key = \"0123456789abcdef0123456789abcdef\"\n"] {
        let world = Setup::default().headgate(key).routes(SHARED).sharing("GET /walked");
        let world = world.backend(script).start().await;
        let get =
            async |user: &str, query: &str| world.send(user, &format!("GET /walked{query}"), "", "").await;
        for (one, other) in [("kim", "globex.kim"), ("globex.kim", "kim")] {
            let first = get(one, "").await;
            let query = format!("?cursor={}", next(&first).unwrap());
            assert_eq!((ids(&first), ids(&get(one, &query).await)), (vec![1, 3, 5, 7], vec![9, 11, 13, 15]));
            let before = world.backend.seen().len();
            let answer = get(other, &query).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{one}'s to {other}");
            assert_eq!(world.backend.seen().len(), before, "{one}'s to {other}");
        }
    }
}

#[tokio::test]
async fn a_cursor_of_a_question_is_good_for_the_same_question() {
    let world = setup(&"vh".repeat(9)).start().await;
    let ask =
        async |query: &str, body: Value| world.write("ana", "POST", &format!("/asked{query}"), &body).await;
    let first = ask("", json!({"status": "open"})).await;
    assert_eq!(ids(&first), [1, 3, 5, 7]);
    let cursor = next(&first).unwrap();
    assert_eq!(ids(&ask(&format!("?cursor={cursor}"), json!({"status": "open"})).await), [9, 11, 13, 15]);
    assert_eq!(ask(&format!("?cursor={cursor}"), json!({"status": "all"})).await.status, 400);
}

#[tokio::test]
async fn a_cursor_outlives_a_restart_where_its_key_is_configured() {
    let list = "vh".repeat(9);
    let key = "[gate]\ncursor_key = \"0123456789abcdef0123456789abcdef\"\n";
    let one = setup(&list).headgate(key).start().await;
    let cursor = next(&one.get("ana", "/walked").await).unwrap();
    drop(one);
    let path = format!("/walked?cursor={cursor}");
    let other = setup(&list).headgate(key).start().await;
    assert_eq!(ids(&other.get("ana", &path).await), [9, 11, 13, 15]);
    let stranger = setup(&list).start().await;
    assert_eq!(stranger.get("ana", &path).await.status, 400);
}

#[tokio::test]
async fn who_sees_every_row_has_the_backends_own_cursors() {
    let world = setup(&"vh".repeat(5)).start().await;
    let first = world.get("adm", "/walked").await;
    assert_eq!((ids(&first), next(&first)), (vec![1, 2, 3, 4], Some("CANARY-102-after-4".to_owned())));
    assert_eq!(first.json()["count"], 99);
    let last = world.get("adm", "/walked?cursor=CANARY-102-after-8&limit=9").await;
    assert_eq!((ids(&last), last.json()["paging"]["more"].clone()), (vec![9, 10], json!(false)));
}

#[tokio::test]
async fn the_end_is_told_in_whichever_way_the_backend_does() {
    // Rows 1 to 8 in two pages, and what the backend says behind them.
    let ending = async |end: fn(&mut Value)| {
        let script = move |asked: &Asked| {
            let mut page = page("vhvhvhvh", asked);
            if page["paging"]["next"].is_null() {
                end(&mut page);
            }
            Some(backend::json(200, &page))
        };
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        walked(&world, "ana", "/walked").await
    };
    let ends: [fn(&mut Value); 6] = [
        |_| {},
        |page| page["paging"]["next"] = json!(""),
        |page| _ = page["paging"].as_object_mut().unwrap().remove("next"),
        |page| page["paging"] = json!(null),
        // It goes on with a cursor that leads nowhere.
        |page| page["paging"]["next"] = json!("CANARY-102-after-8"),
        |page| _ = page["paging"].as_object_mut().unwrap().remove("more"),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let pages = ending(end).await;
        assert_eq!(pages.iter().map(ids).collect::<Vec<_>>(), [vec![1, 3, 5, 7]], "{number}");
    }
    // A cursor may be a number.
    let script = |asked: &Asked| {
        let from = asked.number("cursor").unwrap_or_default();
        let next = if from < 10 { json!(from + 5) } else { json!(null) };
        let rows: Vec<Value> =
            (from + 1..=from + 5).map(|id| row((id, if id % 5 == 0 { 'h' } else { 'v' }))).collect();
        Some(backend::json(200, &json!({"rows": rows, "paging": {"next": next}})))
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    let pages = walked(&world, "ana", "/walked").await;
    assert_eq!(
        pages.iter().map(ids).collect::<Vec<_>>(),
        [vec![1, 2, 3, 4, 6], vec![7, 8, 9, 11, 12], vec![13, 14]]
    );
}

#[tokio::test]
async fn what_is_no_page_is_told_as_it_is_and_loses_nothing() {
    let answers = |status: u16, at: &'static str| {
        let script = move |asked: &Asked| {
            let is_it = asked.parameter("cursor").unwrap_or_default() == at;
            Some(if is_it {
                backend::answer(status, "", "")
            } else {
                backend::json(200, &page("vvvvhvvvvvvv", asked))
            })
        };
        Setup::default().routes(ROUTES).backend(script)
    };
    // The backend has nothing, or an error, where its second page should be.
    let second = "CANARY-102-after-4";
    for (status, more) in [(204, false), (404, false), (500, true), (429, true)] {
        let world = answers(status, second).start().await;
        let first = world.get("ana", "/walked").await;
        assert_eq!((ids(&first), next(&first).is_some()), (vec![1, 2, 3, 4], more), "{status}");
        assert_eq!(first.has_more(), more, "{status}");
        if let Some(cursor) = next(&first) {
            let answer = world.get("ana", &format!("/walked?cursor={cursor}")).await;
            assert!(answer.status >= 400, "{status}: {answer:?}");
        }
    }
    // Where its first one should be.
    assert!(ids(&answers(204, "").start().await.get("ana", "/walked").await).is_empty());
    assert_eq!(answers(404, "").start().await.get("ana", "/walked").await.status, 404);
    // A cursor that nobody can tell, and one beyond all bounds.
    for cursor in [json!({"after": 4}), json!([1]), json!("x".repeat(5000))] {
        let is_long = cursor.is_string();
        let script = move |asked: &Asked| {
            let mut page = page("vhvhvhvh", asked);
            page["paging"]["next"] = cursor.clone();
            Some(backend::json(200, &page))
        };
        let script = move |asked: &Asked| (asked.parameter("cursor").is_none()).then(|| script(asked))?;
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        assert_eq!(world.get("ana", "/bounded").await.status, 502);
        let metrics = world.metrics();
        let counted = metrics.lines().find(|line| line.contains("limit=\"cursor_bytes_max\"")).unwrap();
        assert_eq!(counted.ends_with(" 1"), is_long, "{counted}");
    }
}

#[tokio::test]
async fn a_full_page_is_not_lost_to_what_is_behind_it() {
    // A cursor that cannot be taken: behind the first page, which is full, or behind the next one, where a row is looked for.
    for (list, at) in [("vvvvvvvv", 0), ("vvvvhhhhv", 4), ("hvvhvvhhhhv", 4), ("vvvvvhhhhhhhv", 4)] {
        for odd in [json!({"after": 4}), json!([1]), json!(true), json!("x".repeat(5000))] {
            let script = move |asked: &Asked| {
                let mut page = page(list, asked);
                if asked
                    .parameter("cursor")
                    .map_or(0, |cursor| cursor.rsplit('-').next().unwrap().parse().unwrap())
                    == at
                {
                    page["paging"]["next"] = odd.clone();
                }
                Some(backend::json(200, &page))
            };
            let world = Setup::default().routes(ROUTES).backend(script).start().await;
            let first = world.get("ana", "/walked").await;
            assert_eq!(ids(&first), visible(list)[..4], "{list}");
            let rest = world.get("ana", &format!("/walked?cursor={}", next(&first).unwrap())).await;
            // A row of which is known that it is there comes, and then nobody knows.
            if list.starts_with("vvvvvh") {
                assert_eq!((first.has_more(), rest.status), (false, 502), "{list}: {rest:?}");
            } else {
                assert_eq!((first.has_more(), rest.status), (true, 502), "{list}: {rest:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_stands_beside_a_cursor_costs_nobody_the_list() {
    // What is JSON and no text or number that everybody reads, and a cursor of more digits than a number has.
    for (odd, cursor) in
        [(r#""\ud800""#, "5"), ("1E400", "5"), ("0", "12345678901234567890123"), ("0", "1700000000.120000")]
    {
        let script = move |asked: &Asked| {
            let (id, next) = match asked.parameter("cursor") {
                None => (1, cursor),
                Some(sent) => {
                    assert_eq!(sent, cursor);
                    (2, "null")
                }
            };
            let rows = format!(r#"[{{"id":{id},"assignee":"ana","title":{odd}}}]"#);
            let page = format!(r#"{{"rows":{rows},"paging":{{"next":{next}}}}}"#);
            Some(backend::answer(200, "content-type: application/json\r\n", &page))
        };
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        let first = world.get("ana", "/walked").await;
        assert!(first.status == 200, "{odd} {cursor}: {first:?}");
        assert!(first.body.contains(r#""id":1"#), "{odd} {cursor}: {first:?}");
    }
}

#[tokio::test]
async fn a_cursor_that_stands_twice_is_none() {
    for paging in [
        r#"{"next":"CANARY-102-after-4","next":null}"#,
        r#"{"next":null,"n\u0065xt":"CANARY-102-after-4"}"#,
        r#"{"next":"CANARY-102-after-4","more":true,"more":false}"#,
        r#"{"next":"CANARY-102-after-4"},"paging":{}"#,
    ] {
        let script = move |_: &Asked| {
            let page = format!(r#"{{"rows":[{}],"paging":{paging}}}"#, row((1, 'v')));
            Some(backend::answer(200, "content-type: application/json\r\n", &page))
        };
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        let answer = world.get("ana", "/walked").await;
        assert_eq!((answer.status, answer.problem().as_str()), (502, "unreadable"), "{paging}");
    }
}

super::obeying::once_more!(
    a_cursor_that_stands_twice_is_none,
    d06_pages_behind_cursors_are_as_if_hidden_rows_did_not_exist,
    d06_what_is_bounded_is_short_and_goes_on,
    d06_a_cursor_is_good_for_its_user_and_its_list_alone,
    f09_users_of_one_name_in_two_tenants_share_no_cursor,
    a_cursor_of_a_question_is_good_for_the_same_question,
    a_cursor_outlives_a_restart_where_its_key_is_configured,
    who_sees_every_row_has_the_backends_own_cursors,
    the_end_is_told_in_whichever_way_the_backend_does,
    what_is_no_page_is_told_as_it_is_and_loses_nothing,
    a_full_page_is_not_lost_to_what_is_behind_it,
    what_stands_beside_a_cursor_costs_nobody_the_list,
);
