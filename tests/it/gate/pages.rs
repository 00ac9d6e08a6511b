//! Lists in pages (D06): page *k* is page *k* of what the user may see. A list is written as a text: a letter for each
//! row, in pages as the backend gives them; `v` is theirs who ask, `h` is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use headgate::{clock::ManualClock, ids::Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    backend::{self, Asked, GOES_ON},
    obeying,
    world::{Answer, Setup, World},
};

const PAGED: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/paged"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["/version"]
totals = { recompute = ["/count"], null = ["/all"] }
links = ["/links/next"]
push = { own = "assignee_type=me" }
[route.page]
number = "page"
size = "per_page"
size_default = 4
at = "/page"
more = "/has_more"
pages_max = 3
time_max = "20s"

[[route]]
match = "POST /api/v1/accounts/{account}/paged/filter"
entity = "conversation"
action = "list"
items = "/rows"
question = true
page = { number = "page", size_default = 4, pages_max = 1000, time_max = "20s" }
"#;

/// A page of a list, of at most `most` rows.
fn page(list: &str, asked: &Asked, most: usize) -> Value {
    let size = asked.number("per_page").unwrap_or(4).min(most);
    let number = asked.number("page").unwrap_or(1);
    let asker = if asked.all("headgate-actor") == ["kim"] { "kim" } else { "ana" };
    let row = |(at, letter): (usize, char)| {
        let (assignee, object) = if letter == 'v' { (asker, "101") } else { ("ben", "102") };
        json!({"id": at, "assignee": assignee, "title": format!("CANARY-{object}-title")})
    };
    let mut all: Vec<_> = list.chars().enumerate().map(row).collect();
    obeying::heard(asked, &mut all, |row| row["assignee"].clone());
    let rows: Vec<_> = all.iter().skip((number - 1) * size).take(size).collect();
    json!({
        "version": 3, "count": all.len(), "all": all.len(), "page": number, "rows": rows,
        "links": {"next": format!("/CANARY-102-next?page={}", number + 1)}, "has_more": number * size < all.len(),
    })
}

async fn serving(list: &str) -> World {
    let list = list.to_owned();
    let script = move |asked: &Asked| Some(backend::json(200, &page(&list, asked, 100)));
    lets_kim(Setup::default().routes(PAGED).backend(script).start().await)
}

/// A world in which the rows that are kim's may be shown to them. Kim sees their own alone, and the backend is told so; ana
/// also sees what she takes part in, so that it is asked for everything.
fn lets_kim(world: World) -> World {
    world.also_visible.lock().unwrap().push(("kim", "101"));
    world
}

fn ids(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    json["rows"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

/// Where the letter `v` stands.
fn visible(list: &str) -> Vec<u64> {
    list.char_indices().filter(|(_, letter)| *letter == 'v').map(|(at, _)| at as u64).collect()
}

/// Goes from page to page, as clients do, until one is neither full nor says that there is more.
async fn walk(world: &World, user: &str, query: &str, size: usize) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    for number in 1..100 {
        let answer = world.get(user, &format!("/paged?page={number}{query}")).await;
        pages.push(ids(&answer));
        if pages.last().unwrap().len() < size && !answer.has_more() {
            return pages;
        }
    }
    panic!("there is no end: {pages:?}");
}

const LISTS: [&str; 12] = [
    "",
    "v",
    "h",
    "vvvv",
    "hhhhv",
    "vhvhvhvhvhvhvhvhvhv",
    "hhhhhhhhhhhhhhhhhhhhhhhhhv",
    "vvvhvvvhvvvhvvvhvvvh",
    "vvvvvvvvvvvvvvvvvvvvvvvv",
    "hhvvhhhhhhvvvvvvhhhhhhhhhhhhhhhhhhhhvv",
    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
    "vvvvhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhvvvvv",
];

#[tokio::test]
async fn d06_from_page_to_page_nothing_is_missed_and_nothing_comes_twice() {
    for list in LISTS {
        for (query, size, users) in [
            ("", 4, &["ana", "kim"][..]),
            ("&per_page=1", 1, &["ana"]),
            ("&per_page=3", 3, &["ana", "kim"]),
            ("&per_page=50", 50, &["ana"]),
        ] {
            for user in users {
                let world = serving(list).await;
                let pages = walk(&world, user, query, size).await;
                assert_eq!(pages.concat(), visible(list), "{user}: {list} {query}");
                // Asked for again, from where each begins, and behind the last.
                for page in 1..=pages.len() + 1 {
                    let told = world.get(user, &format!("/paged?page={page}{query}")).await;
                    let is_last = told.json()["links"]["next"].is_null();
                    let count = if is_last { json!(visible(list).len()) } else { Value::Null };
                    assert_eq!(told.json()["count"], count, "{user}: {list} {query}: page {page}");
                }
                for page in 1..=pages.len() {
                    let asked = world.backend.seen();
                    let again = ids(&world.get(user, &format!("/paged?page={page}{query}")).await);
                    assert_eq!(
                        again,
                        pages[page - 1],
                        "{user}: {list} {query}: page {page} is the same again"
                    );
                    assert!(
                        world.backend.seen().len() - asked.len() <= 3,
                        "{user}: {list} {query}: a bound on each request"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn d06_a_page_is_as_full_as_it_can_be_within_its_bounds() {
    // A page of nothing but hidden rows, then a visible one.
    let world = serving("hhhhv").await;
    let first = world.get("ana", "/paged").await;
    assert_eq!((ids(&first), first.has_more()), (vec![4], false));
    assert_eq!(world.backend.seen().len(), 2);
    // More than may be read for one request.
    let world = serving("vhhhhhhhhhhhhvhh").await;
    let first = world.get("ana", "/paged?page=1").await;
    assert_eq!((ids(&first), first.has_more()), (vec![0], true));
    assert_eq!(world.backend.seen().len(), 3);
    let second = world.get("ana", "/paged?page=2").await;
    assert_eq!((ids(&second), second.has_more()), (vec![13], false));
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"page.pages_max\"} 1"));
}

#[tokio::test]
async fn d06_the_next_page_goes_on_where_the_last_one_ended() {
    let world = serving(&"hhvh".repeat(40)).await;
    for number in 1..=10 {
        let before = world.backend.seen().len();
        let answer = world.get("ana", &format!("/paged?page={number}")).await;
        assert!(answer.has_more());
        assert_eq!(world.backend.seen().len() - before, 3, "page {number}");
    }
}

#[tokio::test]
async fn d06_a_page_whose_beginning_is_not_known_is_walked_to() {
    let list = "vvvhvvvhvvvhvvvhvvvhvvvhvvvhvvvhvvvhvvvhv";
    let pages = walk(&serving(list).await, "ana", "", 4).await;
    for wanted in 1..=pages.len() {
        // Asked for at once, as often as it takes; each time the way goes on.
        let world = serving(list).await;
        let mut asked = 0;
        let answer = loop {
            let answer = world.get("ana", &format!("/paged?page={wanted}")).await;
            asked += 1;
            assert!(asked < 10, "page {wanted}");
            if !(ids(&answer).is_empty() && answer.has_more()) {
                break answer;
            }
        };
        let rows = ids(&answer);
        assert!(pages[wanted - 1].starts_with(&rows), "page {wanted}: {rows:?}");
        assert!(answer.has_more() || rows == pages[wanted - 1], "page {wanted}: {rows:?}");
    }
    // Or from there on to the next ones: nothing comes twice, and nothing of what follows is missed.
    let world = serving(list).await;
    let mut rows = Vec::new();
    for number in 5..30 {
        rows.extend(ids(&world.get("ana", &format!("/paged?page={number}")).await));
    }
    assert!(rows.len() > 3 && visible(list).ends_with(&rows), "{rows:?}");
}

#[tokio::test]
async fn d06_time_is_a_bound_too() {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let (list, passing) = ("vhhhvhhhvhhhvhhh", Arc::clone(&clock));
    let script = move |asked: &Asked| {
        passing.advance(Duration::from_secs(15));
        Some(backend::json(200, &page(list, asked, 100)))
    };
    let world = Setup::default().routes(PAGED).backend(script).clock(clock).start().await;
    let first = world.get("ana", "/paged").await;
    assert_eq!((ids(&first), first.has_more()), (vec![0, 4], true));
    assert_eq!(ids(&world.get("ana", "/paged?page=2").await), [8, 12]);
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"page.time_max\"} 2"));
}

#[tokio::test]
async fn a_backend_that_gives_less_than_it_is_asked_for_is_not_taken_for_its_end() {
    let list = "vhvhvhvhvhvhvhvhvh";
    let script = move |asked: &Asked| Some(backend::json(200, &page(list, asked, 5)));
    let world = Setup::default().routes(PAGED).backend(script).start().await;
    assert_eq!(
        ids(&world.get("ana", "/paged?per_page=1000").await),
        [0, 2, 4, 6, 8],
        "a page of the backend's size"
    );
    assert_eq!(ids(&world.get("ana", "/paged?per_page=1000&page=2").await), [10, 12, 14, 16]);
}

#[tokio::test]
async fn behind_its_last_page_a_backend_may_have_nothing_or_no_such_page() {
    for end in [204, 404] {
        let script = move |asked: &Asked| {
            let list = "vhvhvhvh";
            let is_behind = asked.number("page") > Some(2);
            Some(match end {
                204 if is_behind => b"HTTP/1.1 204 Nothing\r\n\r\n".to_vec(),
                404 if is_behind => backend::json(404, &json!({"error": "CANARY-102-gone"})),
                _ => backend::json(200, &page(list, asked, 100)),
            })
        };
        let world = Setup::default().routes(PAGED).backend(script).start().await;
        assert_eq!(ids(&world.get("ana", "/paged?per_page=4").await), [0, 2, 4, 6]);
        // The last page was full; what it does not lead to is there all the same, without a row.
        let next = world.get("ana", "/paged?per_page=4&page=2").await;
        assert_eq!((ids(&next), next.has_more()), (vec![], false), "{end}");
        let json = next.json();
        assert_eq!(
            (&json["page"], &json["count"], &json["links"]["next"]),
            (&json!(2), &json!(4), &Value::Null),
            "{end}"
        );
        let world_end = world.get("ana", "/paged?per_page=3").await;
        assert_eq!(ids(&world_end), [0, 2, 4]);
    }
}

#[tokio::test]
async fn d06_behind_a_page_that_said_more_there_is_always_a_page() {
    // The bound of three pages ends each of these before the backend's end shows; then there is no such page.
    for list in ["hhhhhhhhhhhh", "vhhhhhhhhhhh", "vhhhhhhhhhhhhhhhhhhhhhhv"] {
        let script = move |asked: &Asked| {
            let behind = asked.number("page").unwrap_or(1) > list.len() / 4;
            Some(match behind {
                true => backend::json(404, &json!({"error": "CANARY-102-gone"})),
                false => backend::json(200, &page(list, asked, 100)),
            })
        };
        let world = Setup::default().routes(PAGED).backend(script).start().await;
        let first = world.get("ana", "/paged").await;
        assert!(first.has_more(), "{list}: {first:?}");
        let pages = walk(&world, "ana", "", 4).await;
        assert_eq!(pages.concat(), visible(list), "{list}");
        assert_eq!(world.get("ana", "/paged?page=99").await.status, 200, "{list}");
    }
    // Without a first page there is no list.
    let script = |_: &Asked| Some(backend::json(404, &json!({})));
    let world = Setup::default().routes(PAGED).backend(script).start().await;
    assert_eq!(world.get("ana", "/paged").await.status, 404);
    assert_eq!(world.get("ana", "/paged?page=2").await.status, 404);
}

#[tokio::test]
async fn d06_a_call_that_is_under_way_when_the_time_is_up_is_given_up() {
    let (list, (more, rest)) = ("vhhhvhhhvhhhvhhh", mpsc::channel(1));
    let late = Arc::new(AtomicBool::new(true));
    let is_late = Arc::clone(&late);
    let script = move |asked: &Asked| {
        let answer = backend::json(200, &page(list, asked, 100));
        if asked.number("page") != Some(2) || !is_late.swap(false, Ordering::Relaxed) {
            return Some(answer);
        }
        // The head and half of the body, and no more.
        let text = String::from_utf8(answer).unwrap().replacen("\r\n", &format!("\r\n{GOES_ON}"), 1);
        Some(text.into_bytes()[..200].to_vec())
    };
    let routes = PAGED.replace("20s", "100ms");
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let world = Setup::default().routes(&routes).backend(script).rest(rest).clock(clock).start().await;
    let first = world.get("ana", "/paged").await;
    assert_eq!((ids(&first), first.has_more()), (vec![0], true), "what was read in time");
    assert!(!late.load(Ordering::Relaxed) && !more.is_closed(), "the backend is still at it");
    let metrics = world.metrics();
    assert!(metrics.contains("headgate_limit_reached_total{limit=\"page.time_max\"} 1"), "{metrics}");
    assert!(metrics.contains(r#"outcome="abandoned"} 1"#), "{metrics}");
    // The page that was given up is asked for again, and nothing of it is missed.
    assert_eq!(ids(&world.get("ana", "/paged?page=2").await)[0], 4);
}

#[tokio::test]
async fn a_place_that_is_forgotten_for_want_of_room_is_found_again() {
    let list = "hv".repeat(40);
    let script = move |asked: &Asked| Some(backend::json(200, &page(&list, asked, 100)));
    let setup = Setup::default().headgate("[gate]\npage_places_max = 2\n").routes(PAGED).backend(script);
    let world = setup.start().await;
    let ask = async |number: u64, question: u64| {
        let (path, body) = (format!("/paged/filter?page={number}"), json!({"q": question}));
        ids(&world.write("ana", "POST", &path, &body).await)
    };
    let mut rows = Vec::new();
    for number in 1..=10 {
        rows.extend(ask(number, 0).await);
        // Other lists, whose places push this one's out.
        for other in 1..=20 {
            ask(1, other).await;
        }
    }
    assert_eq!(rows, visible(&"hv".repeat(40)), "nothing is missed and nothing comes twice");
    let again = world.backend.seen().iter().filter(|asked| asked.body == r#"{"q":0}"#).count();
    assert!(again > 20, "it was walked to from the first page: {again}");
    let metrics = world.metrics();
    assert!(metrics.contains("headgate_limit_reached_total{limit=\"page_places_max\"}"), "{metrics}");
    assert!(!metrics.contains("limit=\"page_places_max\"} 0"), "{metrics}");
}

#[tokio::test]
async fn a_failure_in_the_midst_of_a_page_is_no_end() {
    let script = |asked: &Asked| {
        let page = page("hhhhhhhhv", asked, 100);
        Some(backend::json(if asked.number("page") == Some(2) { 500 } else { 200 }, &page))
    };
    let world = Setup::default().routes(PAGED).backend(script).start().await;
    let answer = world.get("ana", "/paged").await;
    assert_eq!((answer.status, answer.problem().as_str()), (500, "backend"));
}

#[tokio::test]
async fn a_failure_behind_a_full_page_takes_nothing_from_it() {
    for status in [400, 422, 429, 500] {
        let script = move |asked: &Asked| {
            let answer = backend::json(200, &page("vvvvvv", asked, 100));
            let behind = asked.number("page") == Some(2);
            Some(if behind { backend::json(status, &json!({"error": "CANARY-102-x"})) } else { answer })
        };
        let world = Setup::default().routes(PAGED).backend(script).start().await;
        let first = world.get("ana", "/paged").await;
        assert_eq!((ids(&first), first.has_more()), (vec![0, 1, 2, 3], true), "{status}");
    }
}

#[tokio::test]
async fn who_may_see_every_row_gets_the_backends_pages() {
    let list = "vhvhvhvhvh";
    let world = serving(list).await;
    let asked = "/api/v1/accounts/1/paged?per_page=3&page=2&sort=-id";
    let answer = world.send("adm", &format!("GET {asked}"), "", "").await;
    assert_eq!(ids(&answer), [3, 4, 5]);
    assert_eq!(world.backend.lines(), [format!("GET {asked}")]);
    let json = answer.json();
    assert_eq!((&json["page"], &json["count"], &json["all"]), (&json!(2), &json!(10), &json!(10)));
    assert_eq!(json["links"]["next"], "/CANARY-102-next?page=3");
    assert!(!answer.has_more());
}

#[tokio::test]
async fn d05_a_page_tells_its_own_number_and_next_and_the_last_one_the_count() {
    let world = serving("hhhhvvhhvvhhvv").await;
    for user in ["ana", "kim"] {
        let first = world.get(user, "/paged?sort=-id&per_page=4").await;
        assert_eq!(
            first.json()["links"]["next"],
            "/api/v1/accounts/1/paged?sort=-id&per_page=4&page=2",
            "{user}: {first:?}"
        );
        let told = |answer: &Answer| {
            let json = answer.json();
            (json["page"].clone(), json["count"].clone(), json["all"].clone(), json["version"].clone())
        };
        assert_eq!(
            told(&first),
            (json!(1), Value::Null, Value::Null, json!(3)),
            "{user}: how many there are is not known yet"
        );
        assert_eq!(first.json()["has_more"], true, "{user}");
        let second = world.get(user, "/paged?sort=-id&per_page=4&page=2").await;
        assert_eq!(ids(&second), [12, 13], "{user}");
        assert_eq!(second.json()["links"]["next"], Value::Null, "{user}: there is none");
        assert_eq!(second.json()["has_more"], false, "{user}");
        assert_eq!(told(&second), (json!(2), json!(6), Value::Null, json!(3)), "{user}");
    }
}

#[tokio::test]
async fn d05_what_stands_behind_a_full_page_and_is_hidden_is_not_told() {
    for (query, without, with) in [
        ("", "vvvv", &["vvvvh", "hvvvvhhhh", "vhvhvhvhhh"][..]),
        ("?per_page=1", "v", &["vh", "hvh", "vhhhhhhhh"]),
        ("?per_page=3&page=2", "vvvvvv", &["vvvvvvhh", "vvvhvvvhhh"]),
    ] {
        let path = format!("/paged{query}");
        for user in ["ana", "kim"] {
            let told = async |list: &str| {
                let answer = serving(list).await.get(user, &path).await;
                let json = answer.json();
                (
                    ids(&answer).len(),
                    json["links"]["next"].clone(),
                    json["has_more"].clone(),
                    answer.has_more(),
                )
            };
            let expected = told(without).await;
            assert_eq!(expected.1, Value::Null, "{user}: {without}{query}");
            for list in with {
                assert_eq!(told(list).await, expected, "{user}: {list}{query}");
            }
            let on = format!("{}hhhhv", with[0]);
            let shown = serving(&on).await.get(user, &path).await;
            assert_ne!(shown.json()["links"]["next"], Value::Null, "{user}: {on}{query}");
        }
    }
}

#[tokio::test]
async fn a_page_that_can_be_meant_in_two_ways_is_refused() {
    let world = serving("vhvhvh").await;
    for query in [
        "page=2&page=1",
        "page=x",
        "page=",
        "page=-1",
        "page=0",
        "page=99999999999999999999",
        "page[]=2",
        "Page=2",
        "a=1;page=2",
        "per_page=0",
        "per_page=1&per_page[]=9",
    ] {
        let answer = world.get("ana", &format!("/paged?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{query}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
    // What is only like it means nothing to anybody.
    assert_eq!(ids(&world.get("ana", "/paged?pages=2&p%61ge=1").await), [0, 2, 4]);
    let beyond = world.get("ana", "/paged?page=18446744073709551615").await;
    assert_eq!((ids(&beyond), beyond.has_more()), (vec![], false));
}

#[tokio::test]
async fn lists_of_one_user_and_of_two_are_kept_apart() {
    let world = serving(&"hv".repeat(20)).await;
    assert_eq!(ids(&world.get("ana", "/paged?page=1").await), [1, 3, 5, 7]);
    world.also_visible.lock().unwrap().push(("ben", "102"));
    // From the first page on, not from where ana's ended.
    assert_eq!(ids(&world.get("ben", "/paged?page=2").await), [8, 10]);
    assert_eq!(ids(&world.get("ana", "/paged?page=2").await), [9, 11, 13, 15]);
    assert_eq!(ids(&world.get("ana", "/paged?page=1&per_page=2").await), [1, 3]);
    assert_eq!(ids(&world.get("ana", "/paged?page=2&per_page=2").await), [5, 7]);
    assert_eq!(ids(&world.get("ana", "/paged?page=3").await), [17, 19, 21, 23]);
}

/// What both tenants have at one path, in one backend that tells them apart.
const SHARED: &str = r#"
[[route]]
match = "GET /paged"
entity = "conversation"
action = "list"
items = "/rows"
page = { number = "page", size_default = 4, pages_max = 3, time_max = "20s" }

[entity.card]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["id", "title"]

[[route]]
match = "GET /cards/{id}"
entity = "card"
action = "view"
object = "prefetch"
prefetch = "GET /cards/{id}"
"#;

#[tokio::test]
async fn f09_users_of_one_name_in_two_tenants_share_neither_places_nor_facts() {
    let script = |asked: &Asked| {
        let tenant = asked.all("headgate-tenant")[0];
        let (list, object) =
            if tenant == "acme" { ("hv".repeat(20), "101") } else { ("v".repeat(40), "201") };
        let path = asked.target.split('?').next().unwrap();
        let Some(id) = path.strip_prefix("/cards/") else {
            let mut page = page(&list, asked, 100);
            for row in page["rows"].as_array_mut().unwrap().iter_mut().filter(|row| row["assignee"] != "ben")
            {
                row["assignee"] = json!("kim");
                row["title"] = json!(format!("CANARY-{object}-title"));
            }
            return Some(backend::json(200, &page));
        };
        // Each tenant's kim has half of them.
        let is_kims = (tenant == "acme") == (id.parse::<u32>().unwrap() % 2 == 0);
        let (assignee, object) = if is_kims { ("kim", object) } else { ("ben", "102") };
        Some(backend::json(
            200,
            &json!({"id": id, "assignee": assignee, "title": format!("CANARY-{object}-title")}),
        ))
    };
    let world = Setup::default().routes(SHARED).sharing("GET /paged").sharing("GET /cards/{id}");
    let world = world.backend(script).start().await;
    world.also_visible.lock().unwrap().extend([("kim", "101"), ("globex.kim", "201")]);
    let get = async |user: &str, path: &str| world.send(user, &format!("GET {path}"), "", "").await;
    let paged = async |user: &str, page: u64| ids(&get(user, &format!("/paged?page={page}")).await);
    assert_eq!(paged("kim", 1).await, [1, 3, 5, 7]);
    // From where their own first page ended, and not the other's.
    assert_eq!(paged("globex.kim", 2).await, [4, 5, 6, 7]);
    assert_eq!(paged("kim", 2).await, [9, 11, 13, 15]);
    assert_eq!(paged("globex.kim", 3).await, [8, 9, 10, 11]);
    assert_eq!(paged("kim", 3).await, [17, 19, 21, 23]);

    // Of one path at once and one after the other: each by what their own tenant's backend says.
    for id in [2, 3] {
        let path = format!("/cards/{id}");
        for _ in 0..2 {
            let (acme, globex) = tokio::join!(get("kim", &path), get("globex.kim", &path));
            let statuses = if id == 2 { (200, 404) } else { (404, 200) };
            assert_eq!((acme.status, globex.status), statuses, "{path}");
        }
        let asked = world.backend.seen();
        let of_path =
            asked.iter().filter(|asked| asked.target == path && asked.all("headgate-actor") == ["headgate"]);
        let mut tenants: Vec<_> = of_path.map(|asked| asked.all("headgate-tenant")[0]).collect();
        tenants.sort_unstable();
        assert_eq!(tenants, ["acme", "globex"], "each asked once for their own");
    }
}

#[tokio::test]
async fn a_question_with_a_body_has_pages_too() {
    let world = serving(&"hv".repeat(20)).await;
    let ask = async |number: u64, body: Value| {
        ids(&world.write("ana", "POST", &format!("/paged/filter?page={number}"), &body).await)
    };
    assert_eq!(ask(1, json!({"q": 1})).await, [1, 3, 5, 7]);
    assert_eq!(ask(2, json!({"q": 1})).await, [9, 11, 13, 15]);
    assert_eq!(ask(3, json!({"q": 2})).await, [17, 19, 21, 23], "another question, another way");
    let asked = world.backend.seen();
    assert_eq!((asked[0].method.as_str(), asked[0].body.as_str()), ("POST", r#"{"q":1}"#));
    assert_eq!(asked.last().unwrap().body, r#"{"q":2}"#);
}

super::obeying::once_more!(
    d06_from_page_to_page_nothing_is_missed_and_nothing_comes_twice: 100,
    d06_a_page_is_as_full_as_it_can_be_within_its_bounds,
    d06_the_next_page_goes_on_where_the_last_one_ended,
    d06_a_page_whose_beginning_is_not_known_is_walked_to,
    d06_time_is_a_bound_too,
    a_backend_that_gives_less_than_it_is_asked_for_is_not_taken_for_its_end,
    behind_its_last_page_a_backend_may_have_nothing_or_no_such_page,
    d06_behind_a_page_that_said_more_there_is_always_a_page,
    d06_a_call_that_is_under_way_when_the_time_is_up_is_given_up,
    a_place_that_is_forgotten_for_want_of_room_is_found_again,
    a_failure_in_the_midst_of_a_page_is_no_end,
    a_failure_behind_a_full_page_takes_nothing_from_it,
    who_may_see_every_row_gets_the_backends_pages,
    d05_a_page_tells_its_own_number_and_next_and_the_last_one_the_count: 2,
    a_page_that_can_be_meant_in_two_ways_is_refused,
    lists_of_one_user_and_of_two_are_kept_apart,
    f09_users_of_one_name_in_two_tenants_share_neither_places_nor_facts,
    a_question_with_a_body_has_pages_too,
    d05_what_stands_behind_a_full_page_and_is_hidden_is_not_told: 10,
);
