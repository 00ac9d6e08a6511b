//! What a report says of a deployment that holds, and of one that shows nothing: every row has its word, and only what was
//! seen to hold is held.

use std::{collections::BTreeSet, ops::RangeInclusive};

use serde_json::json;

use super::{probe, refused, rows, shown};
use crate::gate::{
    backend::{self, Asked, Backend},
    world::{Setup, World, conversation},
};

pub(super) const VISIBLE: &str = "/api/v1/accounts/1/cards/101";
pub(super) const HIDDEN: &str = "/api/v1/accounts/1/cards/102";

/// A plan with something for every row that can be tried.
pub(super) const PLAN: &str = r#"
hidden_fields = ["phone_number"]
open = "/public/health"
refused = ["/api/v1/accounts/1/cards/export"]
[pace]
per_second = 1000
quiet = "500ms"
timeout = "10s"
[actor.restricted]
headers = { authorization = "Bearer ${env:RESTRICTED}" }
[actor.all_seeing]
headers = { authorization = "Bearer ${env:ALL_SEEING}" }
[[object]]
visible = "/api/v1/accounts/1/cards/101"
hidden = "/api/v1/accounts/1/cards/102"
missing = "/api/v1/accounts/1/cards/999"
below = ["/messages"]
including = ["include=contact"]
unwritable_fields = ["assignee"]
[[list]]
path = "/api/v1/accounts/1/cards"
items = "/payload"
totals = ["/meta/all_count"]
widening = ["assignee_type=all"]
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
const NEVER_TRIED: [&str; 34] = [
    "B08", "B09", "B10", "B14", "B15", "B16", "D08", "D10", "D11", "D12", "D13", "D15", "D16", "D17", "D18",
    "D19", "D20", "E03", "E04", "E06", "E08", "E09", "E10", "E11", "E12", "E13", "F02", "F03", "F04", "F10",
    "G13", "G14", "G15", "G16",
];

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
"#;

/// A gate before cards.
pub(super) async fn whole() -> World {
    let rates = ["actor", "tenant", "address"]
        .map(|who| format!("{who} = {{ per_second = 100000, burst = 100000 }}\n"));
    let script = |asked: &Asked| {
        let (_, below) = asked.target.split('?').next()?.split_once("/cards")?;
        match below.trim_start_matches('/') {
            "" | "filter" => {
                let rows = ["101", "102", "103", "104"].map(conversation);
                Some(backend::json(200, &json!({"meta": {"all_count": 4}, "payload": rows})))
            }
            id @ ("101" | "102" | "104") => Some(backend::json(200, &conversation(id))),
            _ => None,
        }
    };
    let setup = Setup::default().headgate(&format!("[gate.rate]\n{}", rates.concat()));
    setup.routes(CARDS).backend(script).start().await
}

/// The rows of the sections that the probe is for, by how many the list has in each.
fn of_the_list() -> BTreeSet<String> {
    let sections = [('A', 1..=22), ('B', 1..=16), ('D', 0..=20), ('E', 1..=15), ('F', 1..=10), ('G', 1..=20)];
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
    let never = rows(&NEVER_TRIED);
    assert_eq!(all.rows("held"), &of_the_list() - &never, "{}", all.out);
    assert!(all.rows("not-tried").is_superset(&never), "{}", all.out);
    assert_eq!((all.rows("odd"), all.code), (BTreeSet::new(), 0), "{}", all.out);

    let of_writes = rows(&[
        "A15", "B12", "B13", "E15", "G01", "G02", "G03", "G04", "G05", "G06", "G07", "G08", "G09", "G11",
        "G12", "G17", "G19", "G20",
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
        "A18", "A20", "A21", "D00", "D01", "D03", "D04", "D05", "D06", "D07", "D09", "E01", "E02", "E07",
        "E14", "E15", "F06", "F09", "G01", "G02", "G03", "G04", "G05", "G06", "G09", "G11", "G12", "G18",
        "G20",
    ]);
    let untried = &rows(&NEVER_TRIED) | &lacking;
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
