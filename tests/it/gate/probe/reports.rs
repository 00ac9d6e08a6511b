//! What a report says of a deployment that holds, and of one that shows nothing: every row has its word, and only what was
//! seen to hold is held.

use std::{collections::BTreeSet, ops::RangeInclusive};

use headgate::policy::{Scope, Source};
use serde_json::json;

use super::{probe, refused, rows, shown};
use crate::gate::{
    backend::{self, Asked, Backend},
    world::{Setup, World, conversation},
};

pub(super) const VISIBLE: &str = "/api/v1/accounts/1/cards/101";
pub(super) const HIDDEN: &str = "/api/v1/accounts/1/cards/102";

/// A plan with something for every row that can be tried, but for those of signed tokens.
pub(super) const PLAN: &str = r#"
hidden_fields = ["phone_number"]
media_fields = ["data_url"]
open = "/public/health"
refused = ["/api/v1/accounts/1/cards/export"]
tables = ["/api/v1/accounts/1/cards/table"]
failing = ["/api/v1/accounts/1/cards?fault=1"]
stream = "/cable"
[pace]
per_second = 1000
quiet = "500ms"
timeout = "10s"
[actor.restricted]
headers = { authorization = "Bearer ${env:RESTRICTED}", cookie = "session=ana" }
[actor.all_seeing]
headers = { authorization = "Bearer ${env:ALL_SEEING}" }
user = "adm"
[actor.teamless]
headers = { authorization = "Bearer kim" }
[actor.elsewhere]
headers = { authorization = "Bearer globex.ana" }
sees = "/api/v1/accounts/2/conversations/201"
[actor.native]
headers = { api_access_token = "native-of-adm" }
query = "api_access_token=native-of-adm"
[[refused_credentials]]
why = "issuer"
headers = { authorization = "Bearer of-another-issuer" }
[[refused_credentials]]
why = "expired"
headers = { authorization = "Bearer expired" }
[[refused_credentials]]
why = "critical"
headers = { authorization = "Bearer critical" }
[[refused_credentials]]
why = "encrypted"
headers = { authorization = "Bearer encrypted" }
[[refused_credentials]]
why = "revoked"
headers = { authorization = "Bearer revoked" }
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/1/cards/102"
missing = "/api/v1/accounts/1/cards/999"
below = ["/messages"]
including = ["include=contact"]
unwritable_fields = ["assignee"]
writable = '{"title":"as it is"}'
unassignable = ['{"assignee":"zoe"}']
taking = '{"assignee":"ana"}'
unmovable = ['{"stage":"won"}']
[[object.bulk]]
path = "/api/v1/accounts/1/cards/bulk"
body = '{"ids":["{id}"]}'
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/2/cards/201"
missing = "/api/v1/accounts/2/cards/999"
hidden_by = "tenant"
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/1/cards/103"
missing = "/api/v1/accounts/1/cards/999"
hidden_by = "nobody"
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/1/cards/107"
missing = "/api/v1/accounts/1/cards/999"
hidden_by = "forbid"
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/1/cards/108"
missing = "/api/v1/accounts/1/cards/999"
hidden_by = "stage"
[[participant]]
path = "/api/v1/accounts/1/cards/104"
hidden_fields = ["price"]
[[create]]
path = "/api/v1/accounts/1/cards"
taken = '{"title":"taken"}'
presets = ['{"title":"new","assignee":"ben"}']
[[list]]
path = "/api/v1/accounts/1/cards"
items = "/payload"
totals = ["/meta/all_count"]
widening = ["assignee_type=all"]
naming = ["ids[]={id}"]
overlong = "per_page=100000"
[[list]]
path = "/api/v1/accounts/1/cards/filter"
items = "/payload"
question = "{}"
[[canary]]
text = "CANARY-102-title"
planted = "the title of 102"
"#;

/// The least that is a plan.
const LEAST: &str = r#"
[pace]
per_second = 1000
quiet = "500ms"
[actor.restricted]
headers = { authorization = "Bearer ${env:RESTRICTED}" }
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/1/cards/102"
missing = "/api/v1/accounts/1/cards/999"
[[canary]]
text = "CANARY-102-title"
"#;

/// Rows that no plan makes it try: they need more than requests.
const NEVER_TRIED: [&str; 24] = [
    "B08", "B09", "B10", "B14", "B15", "B16", "C14", "C15", "C16", "C17", "C21", "C22", "D08", "D10", "D13",
    "E08", "E09", "E10", "E11", "E12", "E13", "F02", "F03", "G16",
];

/// Rows of signed tokens and of streams, of which this gate has none.
const NOT_OF_THIS_GATE: [&str; 4] = ["C07", "C08", "C09", "C23"];

/// Objects of which a list says what may be written; one field of it the probing user may only read.
const CARDS: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "conversation"
action = "list"
items = "/payload"

[[route]]
match = "POST /api/v1/accounts/{account}/cards/filter"
entity = "conversation"
action = "list"
items = "/payload"
question = true

[[route]]
match = "GET /api/v1/accounts/{account}/cards/{id}"
entity = "conversation"
action = "view"
object = "tag"

[[route]]
match = "PATCH /api/v1/accounts/{account}/cards/{id}"
entity = "conversation"
action = "edit"
object = "tag"
writes = ["title", "assignee"]
body_bytes_max = "1KiB"

[[route]]
match = "POST /api/v1/accounts/{account}/cards"
entity = "conversation"
action = "create"
writes = ["title"]

[[route]]
match = "GET /api/v1/accounts/{account}/cards/table"
entity = "conversation"
action = "list"
format = "csv"
"#;

/// What the backend has in its table.
const TABLE: &str =
    "id,title,assignee,team\r\n101,CANARY-101-title,ana,sales\r\n102,CANARY-102-title,ben,support\r\n";

/// A gate before cards.
pub(super) async fn whole() -> World {
    let rates = ["actor", "tenant", "address"]
        .map(|who| format!("{who} = {{ per_second = 100000, burst = 100000 }}\n"));
    let script = |asked: &Asked| {
        let (_, below) = asked.target.split('?').next()?.split_once("/cards")?;
        if asked.target.contains("fault") || asked.method == "POST" && below.is_empty() {
            return Some(backend::json(422, &json!({"error": "taken by CANARY-102-title"})));
        }
        match below.trim_start_matches('/') {
            "table" => Some(backend::answer(200, "content-type: text/csv\r\n", TABLE)),
            "" | "filter" => {
                let rows = ["101", "102", "103", "104"].map(conversation);
                Some(backend::json(200, &json!({"meta": {"all_count": 4}, "payload": rows})))
            }
            id @ ("101" | "102" | "104") => Some(backend::json(200, &conversation(id))),
            _ => None,
        }
    };
    let setup = Setup::default().headgate(&format!("[gate.rate]\n{}", rates.concat()));
    let creating = |source: &mut Source| {
        source.resources.get_mut("conversation").unwrap().push("create".to_owned());
        let agent = source.roles.get_mut("agent").unwrap();
        agent.grants.get_mut("conversation").unwrap().insert("create".to_owned(), Scope::All);
    };
    setup.routes(CARDS).policy(creating).backend(script).start().await
}

/// The rows of the sections that the probe is for, by how many the list has in each.
fn of_the_list() -> BTreeSet<String> {
    let sections = [
        ('A', 1..=22),
        ('B', 1..=16),
        ('C', 1..=25),
        ('D', 0..=20),
        ('E', 1..=15),
        ('F', 1..=10),
        ('G', 1..=20),
    ];
    let rows = |(section, numbers): (char, RangeInclusive<u8>)| {
        numbers.map(move |number| format!("{section}{number:02}"))
    };
    sections.into_iter().flat_map(rows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_every_row_as_held_or_as_not_tried() {
    let world = whole().await;
    let address = world.address_of_a_program();
    let all = probe(address, PLAN, &["--writes", "--format", "json"]).await;
    let never = &rows(&NEVER_TRIED) | &rows(&NOT_OF_THIS_GATE);
    assert_eq!(all.rows("held"), &of_the_list() - &never, "{}", all.out);
    assert!(all.rows("not-tried").is_superset(&never), "{}", all.out);
    assert_eq!((all.rows("odd"), all.code), (BTreeSet::new(), 0), "{}", all.out);

    let of_writes = rows(&[
        "A15", "B12", "B13", "E03", "E04", "E15", "G01", "G02", "G03", "G04", "G05", "G06", "G07", "G08",
        "G09", "G11", "G12", "G13", "G14", "G15", "G17", "G19", "G20",
    ]);
    let reading = probe(address, PLAN, &["--format", "json"]).await;
    assert_eq!(reading.rows("held"), &(&of_the_list() - &never) - &of_writes, "{}", reading.out);
    assert!(reading.rows("not-tried").is_superset(&(&never | &of_writes)), "{}", reading.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_has_nothing_for_is_told_as_not_tried_and_never_as_held() {
    let world = whole().await;
    let probed = probe(world.address_of_a_program(), LEAST, &["--writes", "--format", "json"]).await;
    let lacking = rows(&[
        "A18", "A20", "A21", "C06", "C10", "C11", "C12", "C13", "C19", "C23", "C24", "D00", "D01", "D03",
        "D04", "D05", "D06", "D07", "D09", "D11", "D12", "D15", "D16", "D17", "D19", "D20", "E01", "E02",
        "E03", "E04", "E06", "E07", "E14", "E15", "F04", "F06", "F09", "G01", "G02", "G03", "G04", "G05",
        "G06", "G09", "G11", "G12", "G13", "G14", "G15", "G18", "G20",
    ]);
    let untried = &(&rows(&NEVER_TRIED) | &rows(&NOT_OF_THIS_GATE)) | &lacking;
    assert_eq!(probed.rows("held"), &of_the_list() - &untried, "{}", probed.out);
    // Of F05 a part can be tried.
    assert_eq!(probed.rows("not-tried"), &untried | &rows(&["F05"]), "{}", probed.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_answers_show_nothing_is_not_held() {
    let own = |asked: &Asked| {
        let is_own = asked.target == VISIBLE && asked.method == "GET";
        is_own.then(|| shown(asked, "", &json!({"id": "101"})))
    };
    // The lists are refused, or the connection ends without an answer.
    let refusing = Backend::start(move |asked| own(asked).unwrap_or_else(|| refused(403))).await;
    let closing = Backend::start(move |asked| own(asked).unwrap_or_default()).await;
    for (server, verdict) in [(refusing, "not-tried"), (closing, "odd")] {
        let probed = probe(server.address, PLAN, &["--format", "json"]).await;
        for row in ["A18", "D01", "D04"] {
            assert!(probed.rows(verdict).contains(row), "{row} {verdict}: {}", probed.out);
        }
        for row in ["A18", "D01", "D04", "D05", "D07", "F09"] {
            assert!(!probed.rows("held").contains(row), "{row}: {}", probed.out);
        }
        let told: BTreeSet<_> = ["held", "odd", "not-tried", "bypass", "leak"]
            .iter()
            .flat_map(|verdict| probed.rows(verdict))
            .collect();
        assert_eq!(told, of_the_list());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lacking_is_named() {
    let world = whole().await;
    let probed = probe(world.address_of_a_program(), LEAST, &["--writes", "--format", "json"]).await;
    let findings = probed.report()["findings"].as_array().unwrap().clone();
    for (row, lacks) in [
        ("C06", "there is no `[actor.native]`"),
        ("C08", "no header of `[actor.restricted]` is a signed token (JWT)"),
        ("C11", "no `[[refused_credentials]]` has `why` `expired`, `not_yet` or `endless`"),
        ("C23", "there is no `stream`"),
        ("D11", "there are no `failing` requests"),
        ("D12", "there is no `[[participant]]`"),
        ("D15", "no `[[object]]` is `hidden_by = \"tenant\"`"),
        ("D16", "there is no `[actor.teamless]`"),
        ("E03", "no `[[object]]` has a `writable` change"),
        ("E04", "no `[[create]]` has a `taken` body"),
        ("E06", "there are no `media_fields`"),
        ("F04", "no `[[list]]` has an `overlong` query"),
        ("G14", "no `[[object]]` has `unmovable` changes"),
        ("D08", "needs a hand on the backend, so that it answers as it should not"),
    ] {
        assert!(findings.iter().any(|of| of["row"] == row && of["seen"] == lacks), "{row}: {}", probed.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_ends_with_how_the_rows_of_each_section_ended() {
    let world = whole().await;
    let address = world.address_of_a_program();
    let all = probe(address, PLAN, &["--writes", "--format", "json"]).await.report();
    let of_c = json!({"rows": 25, "tried": 15, "held": 15, "odd": 0, "failed": 0, "not-tried": 10});
    assert_eq!(all["sections"]["C"], of_c);
    assert_eq!(all["sections"].as_object().unwrap().keys().cloned().collect::<String>(), "ABCDEFG");
    let text = probe(address, PLAN, &["--writes"]).await;
    let end = "section  rows  tried   held    odd  failed  not tried\n\
               A          22     22     22      0       0          0\n\
               B          16     10     10      0       0          6\n\
               C          25     15     15      0       0         10\n\
               D          20     17     17      0       0          3\n\
               E          15      9      9      0       0          6\n\
               F          10      8      8      0       0          2\n\
               G          20     19     19      0       0          1\n";
    assert!(text.out.contains(end), "{}", text.out);
    assert_eq!(text.code, 0);
    for credential in ["Bearer", "native-of-adm", "session=ana"] {
        assert!(!text.out.contains(credential), "{credential}");
    }
    let open = Backend::start(|asked| shown(asked, "", &json!({"id": "101"}))).await;
    let failed = probe(open.address, LEAST, &["--format", "json"]).await;
    assert_eq!(failed.code, 1);
    let sections = failed.report()["sections"].clone();
    assert!(sections["C"]["failed"].as_u64().unwrap() >= 6, "{sections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_opens_to_its_own_pages_alone_holds() {
    let server = Backend::start(|asked| {
        let is_own = asked.all("origin").iter().any(|origin| origin.starts_with("http://127.0.0.1:"));
        match asked.target.as_str() {
            "/cable" if is_own => b"HTTP/1.1 101 Told\r\nconnection: close\r\n\r\n".to_vec(),
            VISIBLE => shown(asked, "", &json!({"id": "101"})),
            _ => refused(403),
        }
    })
    .await;
    let probed = probe(server.address, PLAN, &["--format", "json"]).await;
    assert!(probed.rows("held").contains("C23"), "{}", probed.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_no_credential_may_be_there_twice() {
    let world = whole().await;
    let own = r#"authorization = "Bearer ${env:RESTRICTED}""#;
    let plan = LEAST.replace(own, &format!("{own}, accept-language = \"en\""));
    let probed = probe(world.address_of_a_program(), &plan, &["--format", "json"]).await;
    assert_eq!((probed.breached(), probed.code), (BTreeSet::new(), 0), "{}", probed.out);
    assert!(probed.rows("held").contains("C05"), "{}", probed.out);
}
