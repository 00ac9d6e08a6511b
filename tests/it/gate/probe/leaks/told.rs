//! Sections D to G: what is shown, and what is written.

use serde_json::json;

use super::{
    Does::{Asks, Tells},
    JSON, LIST, Leak, REFUSED, head, listed, opens, refused, rows_of, secret, shows, tells_by_head, told,
    widens, with_type, writes,
};
use crate::gate::probe::reports::{HIDDEN, VISIBLE};

/// Each with the rows that find it: one, where no other row asks the same.
pub(super) const LEAKS: &[(&[&str], Leak)] = &[
    (&["D01", "D07"], |sent| sent.is_plain("ana", LIST).then(|| Tells(listed(&["101", "102"])))),
    (&["A16", "D02"], |sent| sent.is_plain("ana", HIDDEN).then(|| Tells(refused(403)))),
    (&["A16", "D02"], |sent| {
        sent.is_plain("ana", HIDDEN).then(|| Tells(told(404, "x-found: 1\r\n", &json!({}))))
    }),
    (&["D03"], |sent| sent.is_plain("ana", &format!("{HIDDEN}/messages")).then(|| Tells(refused(403)))),
    // Answers in which more rows than one look.
    (&["D04", "E01", "E02", "E05", "E06", "E14"], |sent| {
        sent.is_plain("ana", &format!("{VISIBLE}?include=contact")).then(shows)
    }),
    (&["C25", "D07", "D14", "E01", "E02", "E05", "E06", "E14", "F06", "F07", "F10"], |sent| {
        sent.is_plain("ana", VISIBLE).then(shows)
    }),
    (&["D05"], |sent| {
        let counted = || told(200, "x-total-count: 2\r\n", &json!({"payload": [{"id": "101"}]}));
        sent.is_plain("ana", LIST).then(|| Tells(counted()))
    }),
    (&["D05"], |sent| {
        let counted = || told(200, "", &json!({"meta": {"all_count": 2}, "payload": [{"id": "101"}]}));
        sent.is_plain("ana", LIST).then(|| Tells(counted()))
    }),
    (&["D06"], |sent| widens(sent, sent.query() == "page=2")),
    (&["D06"], |sent| widens(sent, sent.query().contains("limit=1000"))),
    (&["D07"], |sent| sent.is_plain("ana", LIST).then(|| Tells(listed(&["101", "105"])))),
    (&["D07"], |sent| widens(sent, sent.query() == "ids[]=102")),
    (&["D07"], |sent| {
        let named = sent.query() == "ids[]=102" && sent.has("Bearer ana");
        named.then(|| Tells(listed(&["one", "two", "three"])))
    }),
    (&["D02"], |sent| (sent.target == HIDDEN && sent.has("If-Match: *")).then(|| Tells(refused(412)))),
    (&["D11"], |sent| (sent.query() == "fault=1").then(|| Tells(told(422, "", &secret())))),
    (&["D12"], |sent| {
        let whole = || told(200, "", &json!({"id": "104", "deal": {"Price": 7}}));
        sent.is_plain("ana", "/api/v1/accounts/1/cards/104").then(|| Tells(whole()))
    }),
    (&["D15"], |sent| {
        let of_all = sent.is_plain("adm", "/api/v1/accounts/2/cards/201");
        of_all.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["D15"], |sent| tells_by_head(sent, "/api/v1/accounts/2/cards/201")),
    (&["D16"], |sent| (sent.has("Bearer kim") && sent.target == LIST).then(|| Tells(listed(&["101"])))),
    (&["D16"], |sent| {
        (sent.has("Bearer kim") && sent.target == VISIBLE).then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["D17"], |sent| tells_by_head(sent, "/api/v1/accounts/1/cards/103")),
    (&["D18"], |sent| opens(sent, sent.target.ends_with("/0102"))),
    (&["D18"], |sent| opens(sent, sent.target.ends_with("/4294967398"))),
    (&["D19"], |sent| tells_by_head(sent, "/api/v1/accounts/1/cards/107")),
    (&["D20"], |sent| tells_by_head(sent, "/api/v1/accounts/1/cards/108")),
    (&["D09"], |sent| {
        let table = || with_type(200, "text/csv", "", "id\r\n101\r\n");
        sent.has("Accept: text/csv").then(|| Tells(table()))
    }),
    (&["D14"], |sent| {
        let elsewhere = || head(302, &format!("location: {HIDDEN}\r\ncontent-length: 0\r\n"));
        sent.is_plain("ana", &format!("{VISIBLE}/")).then(|| Tells(elsewhere()))
    }),
    (&["D14"], |sent| {
        let beside = || told(200, &format!("link: <{HIDDEN}>; rel=next\r\n"), &json!({"payload": []}));
        sent.is_plain("ana", &format!("{LIST}/")).then(|| Tells(beside()))
    }),
    (&["E01", "E02"], |sent| {
        let nested = || told(200, "", &json!({"id": "101", "meta": [{"sender": {"phone_number": "1"}}]}));
        sent.is_plain("ana", VISIBLE).then(|| Tells(nested()))
    }),
    (&["E02"], |sent| {
        let respelt = || told(200, "", &json!({"id": "101", "Phone-Number": "1"}));
        sent.is_plain("ana", VISIBLE).then(|| Tells(respelt()))
    }),
    (&["E01", "E02"], |sent| {
        let table =
            || with_type(200, "text/csv", "cache-control: private\r\n", "id,phone_number\r\n101,1\r\n");
        sent.is_plain("ana", "/api/v1/accounts/1/cards/table").then(|| Tells(table()))
    }),
    (&["E03"], |sent| {
        let echoed = || told(200, "", &json!({"id": "101", "phone_number": "1"}));
        (sent.method == "PATCH" && sent.body.contains("as it is")).then(|| Tells(echoed()))
    }),
    (&["E04"], |sent| (sent.body == r#"{"title":"taken"}"#).then(|| Tells(told(422, "", &secret())))),
    (&["E06"], |sent| {
        let shown = || json!({"id": "101", "files": [{"dataUrl": "https://files.invalid/1"}]});
        sent.is_plain("ana", VISIBLE).then(|| Tells(told(200, "", &shown())))
    }),
    (&["E07"], |sent| (sent.target == REFUSED && sent.method == "HEAD").then(|| Tells(head(200, "")))),
    (&["E07"], |sent| opens(sent, sent.target == REFUSED && sent.has("Range"))),
    (&["C01", "E07"], |sent| {
        let strangers = sent.target == REFUSED && !sent.has("authorization");
        strangers.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["E07", "G18"], |sent| sent.is_plain("ana", REFUSED).then(|| Tells(told(200, "", &json!({}))))),
    (&["E07", "G18"], |sent| {
        let elsewhere = || head(302, "location: https://files.invalid/signed\r\ncontent-length: 0\r\n");
        sent.is_plain("ana", REFUSED).then(|| Tells(elsewhere()))
    }),
    (&["E14"], |sent| {
        let beside = || told(200, "x-contact-phone-number: 1\r\n", &json!({"id": "101"}));
        sent.is_plain("ana", VISIBLE).then(|| Tells(beside()))
    }),
    (&["F01"], |sent| (sent.target == VISIBLE && sent.has("Accept-Encoding: zstd")).then(shows)),
    (&["F04"], |sent| widens(sent, sent.query() == "per_page=100000")),
    (&["F10"], |sent| {
        let early = || head(103, &format!("link: <{HIDDEN}>; rel=preload\r\n"));
        let hinted = || [early(), told(200, "", &json!({"id": "101"}))].concat();
        sent.is_plain("ana", VISIBLE).then(|| Tells(hinted()))
    }),
    (&["F05"], |sent| (sent.target == VISIBLE && sent.has("If-None-Match: *")).then(|| Tells(head(304, "")))),
    (&["F06"], |sent| {
        let tagged = |ids: &[&str]| told(200, "etag: \"7\"\r\n", &rows_of(ids));
        let of_all = sent.is_plain("adm", LIST).then(|| Tells(tagged(&["101", "102"])));
        of_all.or_else(|| sent.is_plain("ana", LIST).then(|| Tells(tagged(&["101"]))))
    }),
    (&["F07"], |sent| {
        let public = || with_type(200, JSON, "cache-control: public, max-age=600\r\n", "{\"id\":\"101\"}");
        sent.is_plain("ana", VISIBLE).then(|| Tells(public()))
    }),
    (&["F08"], |sent| {
        let part = || told(206, "content-range: bytes 0-1/9\r\n", &json!({}));
        (sent.target == VISIBLE && sent.has("Range: bytes=-20")).then(|| Tells(part()))
    }),
    (&["F08"], |sent| {
        let whole = || told(200, "accept-ranges: bytes\r\n", &json!({"payload": []}));
        (sent.target == LIST && sent.has("Range")).then(|| Tells(whole()))
    }),
    // Who asked first is whose connection it is.
    (&["F09"], |sent| sent.has("Bearer adm").then(|| Asks(sent.text.replace("Bearer ana", "Bearer adm")))),
    (&["E15"], |sent| writes(sent, JSON, sent.body == r#"{"assignee":"*****234"}"#)),
    (&["G01"], |sent| writes(sent, JSON, sent.body == r#"{"assignee":"headgate-probe"}"#)),
    (&["G02"], |sent| writes(sent, JSON, sent.body.contains("\"card\""))),
    (&["G02"], |sent| writes(sent, JSON, sent.body.contains("card[assignee]"))),
    (&["G02"], |sent| writes(sent, JSON, sent.query().starts_with("assignee="))),
    (&["G03"], |sent| writes(sent, "application/x-www-form-urlencoded", sent.body.starts_with("assignee="))),
    (&["G03"], |sent| writes(sent, "application/x-www-form-urlencoded", sent.body.starts_with("card["))),
    (&["G03"], |sent| writes(sent, "multipart/form-data; boundary=headgate-probe-part", true)),
    (&["G04"], |sent| writes(sent, "text/plain", true)),
    (&["G04"], |sent| {
        let untyped = sent.method == "PATCH" && !sent.has("Content-Type");
        untyped.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["G04"], |sent| writes(sent, "application/json; charset=utf-7", true)),
    (&["G05"], |sent| writes(sent, JSON, sent.body.matches("\"assignee\"").count() == 2)),
    (&["G06"], |sent| writes(sent, JSON, sent.body.contains("Assignee"))),
    (&["G06"], |sent| writes(sent, JSON, sent.body.contains("u0061ssignee"))),
    (&["G06"], |sent| writes(sent, JSON, sent.body.contains("\"assignee \""))),
    (&["G07"], |sent| writes(sent, JSON, sent.has("Content-Length: 1073741824"))),
    (&["G08"], |sent| writes(sent, JSON, sent.has("Transfer-Encoding: chunked"))),
    (&["G08"], |sent| writes(sent, JSON, sent.has("Content-Length: 9\r\n") && !sent.has("Expect"))),
    (&["G09"], |sent| {
        let packed = sent.method == "PATCH" && sent.has("Content-Encoding: gzip");
        packed.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["G10"], |sent| {
        opens(sent, sent.method == "GET" && sent.target == HIDDEN && sent.has("Content-Length: 2"))
    }),
    (&["G10"], |sent| {
        (sent.method == "GET" && sent.target == VISIBLE && sent.has("Content-Length: 2")).then(shows)
    }),
    (&["G11"], |sent| writes(sent, "application/xml", true)),
    (&["G11"], |sent| writes(sent, "application/msgpack", true)),
    (&["G12"], |sent| writes(sent, "application/merge-patch+json", true)),
    (&["G12"], |sent| writes(sent, JSON, sent.body.contains("\"assignee\":null"))),
    (&["G12"], |sent| writes(sent, "application/json-patch+json", true)),
    // As those do that show a form again.
    (&["G01"], |sent| {
        let written = sent.body == r#"{"assignee":"headgate-probe"}"# && sent.is_typed(JSON);
        written.then(|| Tells(head(303, "location: /\r\ncontent-length: 0\r\n")))
    }),
    (&["G13"], |sent| writes(sent, JSON, sent.target == VISIBLE && sent.body == r#"{"assignee":"zoe"}"#)),
    (&["G13"], |sent| {
        (sent.target == HIDDEN && sent.body == r#"{"assignee":"ana"}"#).then(|| Tells(refused(403)))
    }),
    (&["G14"], |sent| writes(sent, JSON, sent.body == r#"{"stage":"won"}"#)),
    (&["G15"], |sent| {
        let preset = sent.method == "POST" && sent.body.contains(r#""assignee":"ben""#);
        preset.then(|| Tells(told(201, "", &json!({}))))
    }),
    (&["G17"], |sent| (sent.body == r#"{"ids":["102"]}"#).then(|| Tells(told(207, "", &json!({}))))),
    (&["G17"], |sent| {
        let asked =
            sent.method == "PATCH" && sent.target == HIDDEN && sent.is_typed(JSON) && sent.body == "{}";
        (asked && !sent.has("Content-Length: 9")).then(|| Tells(refused(403)))
    }),
    (&["G19"], |sent| sent.has("Idempotency-Key").then(|| Tells(told(200, "", &json!({}))))),
    (&["G20"], |sent| {
        (sent.method == "POST" && sent.target == format!("{HIDDEN}/messages")).then(|| Tells(refused(403)))
    }),
];
