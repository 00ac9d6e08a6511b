//! What the pages of a list tell of the one behind them (D05, D06): the same to the byte whether hidden rows stand there or none, in
//! whichever way the backend writes its own pages, and whether it knows its end or leads on from every full page.

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World},
};

/// The rows of a page of the backend's own.
const PAGE: usize = 4;

/// Lists with hidden rows, and the same without: a letter for each row, `v` is theirs who ask.
const LISTS: [(&str, &str); 9] = [
    ("vvvhhh", "vvv"),
    ("vvvvh", "vvvv"),
    ("vvvvhhhhh", "vvvv"),
    ("vvvvhhhh", "vvvv"),
    ("hhhhvvvv", "vvvv"),
    ("vvhvvhhhhvhhhh", "vvvvv"),
    ("hvvvvvvvhhhv", "vvvvvvvv"),
    ("vvvvvvvvhhhhh", "vvvvvvvv"),
    ("hhhhh", ""),
];

/// How a backend writes that no page is behind.
const ENDS: [&str; 5] = ["null", "absent", "nothing around it", "null around it", "an empty text"];

/// What is behind the last page of a backend that leads on from every full one; the first knows its end.
const BEHIND: [&str; 4] = ["it knows", "404", "204", "no rows"];

/// What is declared of none, and whether something else that passes stands beside.
const DECLARED: [(&str, &str); 4] = [
    ("", "/version"),
    (r#""/links/next" = "null", "/cursor/next" = "null""#, "/version"),
    (r#""/links/next" = "absent", "/cursor/next" = "absent", "/cursor/more" = "absent""#, "/version"),
    (r#""/links/next" = "absent", "/cursor/next" = "absent""#, "/links/of"),
];

/// A list of each way to count pages, of each declaration.
fn routes() -> String {
    let route = |number: usize, by: &str, page: &str| {
        let (none, keep) = DECLARED[number];
        let none: Vec<&str> =
            none.split(", ").filter(|none| by == "cursor" || none.contains("links")).collect();
        format!(
            r#"
[[route]]
match = "GET /api/v1/accounts/{{account}}/{by}-{number}"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["{keep}"]
links = ["/links/next"]
none = {{ {} }}
page = {{ {page}, pages_max = 9, time_max = "20s" }}
"#,
            none.join(", ")
        )
    };
    let each = |number| {
        route(number, "number", r#"number = "page", size_default = 4, more = "/cursor/more""#)
            + &route(number, "cursor", r#"cursor = "after", next = "/cursor/next", more = "/cursor/more""#)
    };
    (0..DECLARED.len()).map(each).collect()
}

/// What is asked for: a list of the above, of a backend of a kind.
#[derive(Clone, Copy, Debug)]
struct Case {
    end: usize,
    behind: usize,
    list: usize,
    is_first: bool,
    is_hiding: bool,
}

impl Case {
    fn query(self) -> String {
        let Self { end, behind, list, is_first, is_hiding } = self;
        format!("w={}&c={end}.{behind}.{list}.{}", u8::from(is_hiding), u8::from(is_first))
    }

    fn of(asked: &Asked) -> Self {
        let numbers: Vec<usize> =
            asked.parameter("c").unwrap().split('.').map(|number| number.parse().unwrap()).collect();
        let [end, behind, list, is_first] = numbers[..] else { panic!("{}", asked.target) };
        Self { end, behind, list, is_first: is_first == 1, is_hiding: asked.number("w") == Some(1) }
    }

    fn rows(self) -> &'static str {
        let (hiding, without) = LISTS[self.list];
        if self.is_hiding { hiding } else { without }
    }

    /// A page of the backend's.
    fn page(self, asked: &Asked) -> Vec<u8> {
        let number = asked.number("page").or_else(|| asked.number("after")).unwrap_or(1);
        let all = self.rows();
        let rows: Vec<&str> = all.chars().skip((number - 1) * PAGE).take(PAGE).map(row).collect();
        let leads_on = match BEHIND[self.behind] {
            "it knows" => number * PAGE < all.len(),
            _ => rows.len() == PAGE,
        };
        match BEHIND[self.behind] {
            "404" if rows.is_empty() && number > 1 => return backend::answer(404, "", ""),
            "204" if rows.is_empty() && number > 1 => return backend::answer(204, "", ""),
            _ => {}
        }
        let next = (number + 1).to_string();
        let said = |name: &str, of: &str, value: &str, none: &str| match (leads_on, ENDS[self.end]) {
            (true, _) => format!(r#""{name}":{{{of}"next":{value},"more":true}},"#),
            (false, "null") => format!(r#""{name}":{{{of}"next":null,"more":false}},"#),
            (false, "absent") => format!(r#""{name}":{{{of}"x":1}},"#),
            (false, "an empty text") => format!(r#""{name}":{{{of}"next":{none},"more":false}},"#),
            (false, _) if !of.is_empty() => format!(r#""{name}":{{{of}"more":false}},"#),
            (false, "null around it") => format!(r#""{name}":null,"#),
            (false, _) => String::new(),
        };
        let of = if asked.target.contains("-3?") { r#""of":"all","# } else { "" };
        let links = said("links", of, &format!(r#""/CANARY-102-next?page={next}""#), r#""""#);
        let cursor = said("cursor", "", &next, r#""""#);
        let rows = format!(r#""rows": [{}]"#, rows.join(", "));
        let said = links + &cursor;
        let body = match self.is_first {
            true => format!("{{{said}{rows}, \"version\":3}}"),
            false => format!("{{\n {rows},{said}\"version\":3\n}}"),
        };
        backend::answer(200, "content-type: application/json\r\n", &body)
    }
}

/// A row: all of somebody's are alike.
fn row(letter: char) -> &'static str {
    match letter {
        'v' => r#"{"id":1,"assignee":"ana","title":"CANARY-101-title"}"#,
        _ => r#"{"id":2,"assignee":"ben","title":"CANARY-102-title"}"#,
    }
}

async fn world() -> World {
    let script = |asked: &Asked| Some(Case::of(asked).page(asked));
    let limits = ["actor", "tenant", "address"];
    let rates = limits.map(|limit| format!("[gate.rate.{limit}]\nper_second = 100000\nburst = 100000\n"));
    Setup::default().headgate(&rates.concat()).routes(&routes()).backend(script).start().await
}

/// All of an answer, without what is nobody's but Headgate's: that there is a cursor is told.
fn told(answer: &Answer, case: Case) -> String {
    assert_eq!(answer.status, 200, "{case:?}: {answer:?}");
    assert!(!answer.has_more(), "{case:?}: {answer:?}");
    let (_, headers, mut body) = answer.told();
    if let Some(cursor) = answer.json()["cursor"]["next"].as_str() {
        body = body.replace(cursor, "CURSOR");
    }
    let headers: Vec<_> = headers.into_iter().filter(|(name, _)| name != "content-length").collect();
    format!("{headers:?} {}", body.replace("w=1&", "w=0&"))
}

/// The pages of a list, from the first to behind the `last`, if one can be asked for there.
async fn pages(world: &World, path: &str, case: Case, last: usize) -> Vec<String> {
    let first = format!("{path}?{}", case.query());
    let mut pages = Vec::new();
    if path.starts_with("/number") {
        for number in 1..=last + 2 {
            pages.push(told(&world.get("ana", &format!("{first}&page={number}")).await, case));
        }
        return pages;
    }
    let mut answer = world.get("ana", &first).await;
    pages.push(told(&answer, case));
    while let Some(cursor) = answer.json()["cursor"]["next"].as_str() {
        assert!(pages.len() <= last, "{case:?}: it has no end");
        answer = world.get("ana", &format!("{first}&after={cursor}")).await;
        pages.push(told(&answer, case));
    }
    pages
}

/// Each kind of backend, with each declaration: with a list behind whose full page there are hidden rows alone, and another one in turn.
async fn law(by: &str) {
    let world = world().await;
    for (number, (none, keep)) in DECLARED.iter().enumerate() {
        for kind in 0..ENDS.len() * BEHIND.len() {
            let (end, behind) = (kind % ENDS.len(), kind / ENDS.len());
            for list in [1 + kind % 3, (kind + number) % LISTS.len()] {
                let case = Case { end, behind, list, is_first: (kind + list) % 2 == 0, is_hiding: true };
                let (path, last) = (format!("/{by}-{number}"), LISTS[list].1.len().saturating_sub(1) / PAGE);
                let hiding = pages(&world, &path, case, last).await;
                let without = pages(&world, &path, Case { is_hiding: false, ..case }, last).await;
                let what =
                    format!("{by}, {none}, {keep}: {} {} {:?}", ENDS[end], BEHIND[behind], LISTS[list]);
                assert_eq!(hiding, without, "{what}");
                // And it is written as declared.
                let (before, told) = (&hiding[..last], &hiding[last]);
                assert_eq!(told.contains(r#""next":null"#), !none.contains("absent"), "{what}: {told}");
                assert!(told.contains(r#""links":{"#) && !told.contains(r#""more":true"#), "{what}: {told}");
                let is_kept = *keep == "/links/of" && !LISTS[list].1.is_empty();
                assert_eq!(told.contains(r#""of":"all""#), is_kept, "{what}: {told}");
                for page in before {
                    assert!(page.contains(r#""next":"/api/v1/accounts/1/"#), "{what}: {page}");
                    assert!(page.contains(r#""more":true"#), "{what}: {page}");
                }
            }
        }
    }
}

#[tokio::test]
async fn d05_d06_the_last_page_of_a_number_is_the_same_to_the_byte_whatever_stands_behind_it() {
    law("number").await;
}

#[tokio::test]
async fn d05_d06_the_last_page_behind_a_cursor_is_the_same_to_the_byte_whatever_stands_behind_it() {
    law("cursor").await;
}

#[tokio::test]
async fn who_sees_every_row_has_the_backends_own_ends() {
    let world = world().await;
    for (end, said) in [(0, r#""links":{"next":null,"more":false}"#), (1, r#""links":{"x":1}"#)] {
        let case = Case { end, behind: 0, list: 0, is_first: true, is_hiding: true };
        let answer = world.get("adm", &format!("/number-2?{}&page=2", case.query())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        // What of it nobody declared is taken out.
        let expected = if end == 0 { r#""links":{"next":null}"# } else { r#""links":{}"# };
        assert!(answer.body.contains(expected), "{said}: {answer:?}");
    }
}

/// A list of which more passes than the rows.
const OPEN: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/open-NUMBER"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["KEEP"]
PAGE
"#;

#[tokio::test]
async fn d05_d06_where_more_passes_the_place_of_what_leads_on_does_not_tell_what_stands_behind_either() {
    // How the backend writes that no page is behind.
    const NONE: [&str; 5] = [
        "",
        r#""links":null,"#,
        r#""links":{ },"#,
        r#""links":{"next":null},"#,
        "\n\"l\\u0069nks\" : {\n\"next\" : \"\"\n},",
    ];
    let by = [
        "links = ['/links/next']\npage = { number = 'page', size_default = 4 }",
        "page = { cursor = 'after', next = '/links/next' }",
    ];
    let kinds: Vec<_> =
        by.iter().flat_map(|by| ["", "/links", "/links/of"].map(|keep| (*by, keep))).collect();
    let route = |(number, (by, keep)): (usize, &(&str, &str))| {
        OPEN.replace("NUMBER", &number.to_string()).replace("KEEP", keep).replace("PAGE", by)
    };
    let routes: String = kinds.iter().enumerate().map(route).collect();
    let script = |asked: &Asked| {
        let number = asked.number("page").or_else(|| asked.number("after")).unwrap_or(1);
        let all = if asked.number("w") == Some(1) { "vvvvhhhhh" } else { "vvvv" };
        let rows: Vec<&str> = all.chars().skip((number - 1) * PAGE).take(PAGE).map(row).collect();
        let links = match number * PAGE < all.len() {
            true => format!(r#""links":{{"next":{}}},"#, number + 1),
            false => NONE[asked.number("c").unwrap()].to_owned(),
        };
        let body = format!("{{ \"version\":3,{links} \"rows\":[{}]}}", rows.join(","));
        Some(backend::answer(200, "content-type: application/json\r\n", &body))
    };
    let world = Setup::default().routes(&routes).backend(script).start().await;
    for (number, (by, keep)) in kinds.iter().enumerate() {
        for (end, none) in NONE.iter().enumerate() {
            let page = async |is_hiding: u8| {
                let answer = world.get("ana", &format!("/open-{number}?c={end}&w={is_hiding}")).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                answer.body.clone()
            };
            let (hiding, without) = (page(1).await, page(0).await);
            assert_eq!(hiding, without, "{by} {keep}: {none}");
            assert!(hiding.contains(r#""next":null"#), "{by} {keep}: {hiding}");
        }
    }
}
