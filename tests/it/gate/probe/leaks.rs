//! Each row that the probe tries is able to fail: before a deployment that holds stands something that does one thing
//! wrong, and the report names that row.

use std::{collections::BTreeSet, future::pending, net::SocketAddr};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    probe,
    reports::{HIDDEN, PLAN, VISIBLE, whole},
    rows,
};

const LIST: &str = "/api/v1/accounts/1/cards";
const FILTER: &str = "/api/v1/accounts/1/cards/filter";
const REFUSED: &str = "/api/v1/accounts/1/cards/export";
const JSON: &str = "application/json";
/// Leaks that are tried at a time.
const AT_A_TIME: usize = 6;

/// What came on a connection, up to where it was read.
struct Sent<'t> {
    text: &'t str,
    method: &'t str,
    target: &'t str,
    /// The first head.
    head: &'t str,
    /// What stands behind it.
    body: &'t str,
}

/// What is done wrong.
enum Does {
    /// This goes on in place of what came.
    Asks(String),
    /// This is answered, and nothing goes on.
    Tells(Vec<u8>),
}

use Does::{Asks, Tells};

/// What it does with a request that it gets wrong; all others go on as they came.
type Leak = fn(&Sent<'_>) -> Option<Does>;

/// Each with the rows that find it: one, where no other row asks the same.
const LEAKS: &[(&[&str], Leak)] = &[
    (&["A01"], |sent| opens(sent, sent.path().contains("/../") || sent.path().contains("/./"))),
    (&["A02"], |sent| opens(sent, sent.lower().contains("%2e"))),
    (&["A03"], |sent| opens(sent, sent.target.contains("%252"))),
    (&["A04"], |sent| opens(sent, ["%2f", "%5c", "\\"].iter().any(|slash| sent.lower().contains(slash)))),
    (&["A05"], |sent| opens(sent, sent.path().contains("//") && !sent.path().contains("://"))),
    (&["A06"], |sent| opens(sent, sent.path().contains(';'))),
    (&["A07"], |sent| opens(sent, sent.target.contains('#') || sent.target.contains("%23"))),
    (&["A08"], |sent| opens(sent, ["%00", "%0a", "%0d"].iter().any(|end| sent.target.ends_with(end)))),
    (&["A08"], |sent| opens(sent, sent.target.contains(|c: char| c.is_control()))),
    (&["A09"], |sent| {
        opens(sent, ["%c0%af102", "%zz", "%", "\u{fffd}"].iter().any(|end| sent.target.ends_with(end)))
    }),
    (&["A10"], |sent| {
        opens(sent, ["102/", "102.json", "102.csv", "102."].iter().any(|end| sent.path().ends_with(end)))
    }),
    (&["A10"], |sent| opens(sent, sent.path().contains("/Cards/"))),
    (&["A11"], |sent| opens(sent, sent.target.starts_with("http"))),
    (&["A12"], |sent| opens(sent, sent.target.starts_with(HIDDEN) && sent.target.contains("?next="))),
    (&["A13"], |sent| opens(sent, sent.target.contains("no-such-route") || sent.target == "/graphql")),
    (&["A13"], |sent| opens(sent, sent.target.contains("/v2/"))),
    (&["A14"], |sent| {
        opens(sent, ["get", "GeT", "FOO", "TRACE", "PROPFIND", "QUERY"].contains(&sent.method))
    }),
    (&["A14"], |sent| opens(sent, sent.method == "CONNECT")),
    (&["A15"], |sent| opens(sent, sent.method == "POST" && sent.has("Method"))),
    (&["A15"], |sent| opens(sent, sent.method == "POST" && sent.target.contains("method"))),
    (&["A15"], |sent| opens(sent, sent.method == "POST" && sent.body == "_method=get")),
    (&["A16"], |sent| (sent.method == "HEAD" && sent.target == HIDDEN).then(|| Tells(head(200, "")))),
    (&["A16"], |sent| {
        (sent.method == "HEAD" && sent.target == LIST).then(|| Tells(head(200, "content-length: 4711\r\n")))
    }),
    (&["A17"], |sent| {
        let asked = sent.method == "OPTIONS" && sent.target == HIDDEN;
        asked.then(|| Tells(head(204, "allow: GET, PATCH\r\n")))
    }),
    (&["A18", "D01", "D07"], |sent| {
        let others = ["Accept", "Connection: Headgate-Actor", "api_access_token"];
        let is_plain = sent.has("Bearer ana\r\n") && !others.iter().any(|part| sent.has(part));
        (sent.method == "POST" && sent.target == FILTER && is_plain).then(|| Tells(listed(&["101", "102"])))
    }),
    (&["A19"], |sent| opens(sent, sent.has("X-Original-URL") && sent.target == HIDDEN)),
    (&["A19"], |sent| (sent.has("X-Rewrite-URL") && sent.target == VISIBLE).then(shows)),
    (&["A20"], |sent| widens(sent, sent.query().contains("assignee_type="))),
    (&["A20"], |sent| widens(sent, sent.query().ends_with(",all"))),
    (&["A20"], |sent| widens(sent, sent.query().contains(";assignee_type="))),
    (&["A21"], |sent| widens(sent, sent.query().contains("assignee_type%5B%5D="))),
    (&["A21"], |sent| widens(sent, sent.query().contains("assignee_type[0]="))),
    (&["A21"], |sent| widens(sent, sent.query().contains("assignee_type[]="))),
    (&["A21"], |sent| widens(sent, sent.query().contains("%61ssignee_type="))),
    (&["A21"], |sent| widens(sent, sent.query().contains("%2561ssignee_type="))),
    (&["A21"], |sent| widens(sent, sent.query().contains("ASSIGNEE_TYPE="))),
    (&["A22"], |sent| opens(sent, sent.target.len() > 10_000)),
    (&["B01"], |sent| {
        let two = sent.has("Content-Length: 5") || sent.has("Content-Length: 6");
        reads_on(sent, two && sent.has("Transfer-Encoding: chunked"))
    }),
    (&["B02"], |sent| reads_on(sent, sent.has("Content-Length: 0\r\nContent-Length: 6"))),
    (&["B02"], |sent| {
        reads_on(sent, ["+0", "0,0", "0x0"].iter().any(|zero| sent.has(&format!("Length: {zero}"))))
    }),
    (&["B03"], |sent| reads_on(sent, sent.has("xchunked") || sent.has("identity"))),
    (&["B03"], |sent| (sent.has("HTTP/1.0\r\n")).then(shows)),
    (&["B04"], |sent| {
        let chunked = sent.has("Transfer-Encoding: chunked\r\n") && !sent.has("Content-Length");
        reads_on(sent, chunked && sent.method == "GET" && !sent.has("HTTP/1.0"))
    }),
    (&["B05"], |sent| {
        let lines = ["X: a\r\n b", "X : a", "\r\n: a", "X: a\0b", "X: a\rb", "X(y)", "X@y"];
        reads_on(sent, lines.iter().any(|line| sent.has(line)))
    }),
    (&["B06", "C23"], |sent| {
        sent.has("Upgrade: websocket").then(|| Tells(head(101, "upgrade: websocket\r\n")))
    }),
    (&["B06"], |sent| {
        let tunnel = || [head(200, "content-length: 0\r\n"), told(200, "", &secret())].concat();
        sent.has("Upgrade: headgate-probe").then(|| Tells(tunnel()))
    }),
    (&["B07"], |sent| sent.has("Upgrade: h2c").then(|| Tells(head(101, "upgrade: h2c\r\n")))),
    (&["B11"], |sent| reads_on(sent, sent.head.to_ascii_lowercase().matches("\r\nhost:").count() == 2)),
    (&["B12"], |sent| {
        let asks = || [b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), refused(404)].concat();
        sent.has("Expect").then(|| Tells(asks()))
    }),
    (&["B13"], |sent| {
        let within = sent.method == "PATCH" && sent.body.contains("GET ");
        within.then(|| Tells([head(404, "content-length: 0\r\n"), refused(404)].concat()))
    }),
    (&["C01"], |sent| bare(sent, sent.target == VISIBLE)),
    (&["C01"], |sent| bare(sent, sent.target == format!("{VISIBLE}/messages"))),
    (&["C01"], |sent| bare(sent, sent.target == LIST)),
    (&["C01"], |sent| {
        let is_hidden = bare(sent, sent.target == HIDDEN).is_some();
        is_hidden.then(|| Tells(refused(403)))
    }),
    (&["C02"], |sent| opens(sent, sent.has("X-Forwarded-User: adm\r\n"))),
    (&["C02"], |sent| opens(sent, sent.has("Remote-Groups: admin\r\n"))),
    (&["C02"], |sent| {
        let claims = sent.has("Headgate-Actor: adm\r\n") && !sent.has("authorization");
        claims.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["C03"], |sent| opens(sent, sent.has("X_Headgate_User: adm\r\n"))),
    (&["C03"], |sent| opens(sent, sent.has("x.headgate.user: adm\r\n"))),
    (&["C04"], |sent| opens(sent, sent.has("Connection: Headgate-Actor") && sent.target == HIDDEN)),
    (&["C04"], |sent| {
        let strips = sent.has("Connection: Headgate-Actor") && sent.target == LIST;
        strips.then(|| Tells(listed(&["101", "102"])))
    }),
    (&["C05"], |sent| opens(sent, sent.head.matches("authorization: ").count() == 2)),
    (&["C05"], |sent| {
        let joined = ["Bearer ana, Bearer ", ", Bearer ana\r\n"].iter().any(|both| sent.has(both));
        joined.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["C06"], |sent| opens(sent, sent.has("api_access_token: native") && sent.target == HIDDEN)),
    (&["C06"], |sent| {
        let passes = sent.has("api_access_token: native") && sent.target == LIST;
        passes.then(|| Tells(listed(&["101", "102"])))
    }),
    (&["C06"], |sent| {
        let is_alone = !sent.has("authorization") && sent.query().starts_with("api_access_token=native");
        is_alone.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["C10"], |sent| takes(sent, "of-another-issuer")),
    (&["C11"], |sent| takes(sent, "expired")),
    (&["C12"], |sent| takes(sent, "critical")),
    (&["C13"], |sent| takes(sent, "encrypted")),
    (&["C19"], |sent| takes(sent, "revoked")),
    (&["C18"], |sent| (sent.query() == "access_token=ana").then(|| Tells(told(200, "", &json!({}))))),
    (&["C20"], |sent| opens(sent, sent.has("ssl-client-verify: SUCCESS"))),
    (&["C20"], |sent| {
        let names = sent.has("X-SSL-Client-S-DN: CN=adm") && !sent.has("authorization");
        names.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["C23"], |sent| {
        let opens = sent.has("Origin: http://127.0.0.1") || sent.has("Origin: null");
        opens.then(|| Tells(head(101, "upgrade: websocket\r\n")))
    }),
    (&["C24"], |sent| {
        let is_here = sent.has("Bearer globex.ana") && sent.target == VISIBLE;
        is_here.then(|| Tells(told(200, "", &json!({}))))
    }),
    (&["C25"], |sent| {
        let session = || told(200, "set-cookie: backend_session=1\r\n", &json!({"id": "101"}));
        sent.is_plain("ana", VISIBLE).then(|| Tells(session()))
    }),
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

impl<'t> Sent<'t> {
    fn of(text: &'t str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let line = head.split("\r\n").next().unwrap();
        let (method, rest) = line.split_once(' ').unwrap();
        let (target, _version) = rest.rsplit_once(' ').unwrap();
        Self { text, method, target, head, body }
    }

    /// Whether this stands in the head, of which each line has its end.
    fn has(&self, part: &str) -> bool {
        format!("{}\r\n", self.head).contains(part)
    }

    fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap()
    }

    fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    fn lower(&self) -> String {
        self.target.to_ascii_lowercase()
    }

    /// Whether it is this user's `GET` of this target, with nothing else in it.
    fn is_plain(&self, user: &str, target: &str) -> bool {
        let lines = ["Host: ", "authorization: ", "cookie: ", "Connection: close"];
        let is_known = |line: &str| lines.iter().any(|begin| line.starts_with(begin));
        self.method == "GET"
            && self.target == target
            && self.head.matches("authorization: ").count() == 1
            && self.has(&format!("authorization: Bearer {user}\r\n"))
            && self.head.split("\r\n").skip(1).all(is_known)
            && self.body.is_empty()
    }

    /// Whether its body is said to be of exactly this type, and as it is.
    fn is_typed(&self, media: &str) -> bool {
        self.has(&format!("Content-Type: {media}\r\n"))
            && !self.has("Content-Encoding")
            && !self.has("Idempotency-Key")
    }
}

/// Takes the restricted user's request for one that it may make.
fn opens(sent: &Sent<'_>, is_taken: bool) -> Option<Does> {
    (is_taken && sent.has("Bearer ana")).then(|| Tells(told(200, "", &json!({"id": "102"}))))
}

/// Answers who shows no credentials, and nothing else that might be some.
fn bare(sent: &Sent<'_>, is_taken: bool) -> Option<Does> {
    let is_bare = sent.method == "GET" && sent.head.split("\r\n").count() == 3 && sent.body.is_empty();
    let is_bare = is_bare && !sent.has("authorization: ");
    (is_taken && is_bare).then(|| Tells(told(200, "", &json!({}))))
}

/// Takes credentials that are no good.
fn takes(sent: &Sent<'_>, token: &str) -> Option<Does> {
    sent.has(&format!("Bearer {token}\r\n")).then(|| Tells(told(200, "", &json!({}))))
}

/// Tells by `HEAD` that there is something.
fn tells_by_head(sent: &Sent<'_>, path: &str) -> Option<Does> {
    (sent.method == "HEAD" && sent.target == path).then(|| Tells(head(403, "")))
}

/// Lists what is hidden.
fn widens(sent: &Sent<'_>, is_taken: bool) -> Option<Does> {
    (is_taken && sent.has("Bearer ana") && !sent.has("Accept")).then(|| Tells(listed(&["101", "102"])))
}

/// Takes a write.
fn writes(sent: &Sent<'_>, media: &str, is_taken: bool) -> Option<Does> {
    (is_taken && sent.method == "PATCH" && sent.is_typed(media)).then(|| Tells(told(200, "", &json!({}))))
}

fn without_body(does: Does) -> Does {
    match does {
        Tells(mut answer) => {
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            answer.truncate(end + 4);
            Tells(answer)
        }
        Asks(_) => does,
    }
}

/// Has its own opinion of where the request ends, and takes the next for one.
fn reads_on(sent: &Sent<'_>, is_taken: bool) -> Option<Does> {
    let next = sent.text.rfind("GET ").filter(|next| is_taken && *next > 0)?;
    let sound: Vec<_> = sent.head.split("\r\n").take(3).collect();
    Some(Asks(format!("{}\r\n\r\n{}", sound.join("\r\n"), sent.text.split_at(next).1)))
}

/// Shows what is hidden.
fn shows() -> Does {
    Tells(told(200, "", &secret()))
}

fn secret() -> Value {
    json!({"id": "101", "preview": "CANARY-102-title"})
}

fn rows_of(ids: &[&str]) -> Value {
    let rows: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "payload": rows })
}

fn listed(ids: &[&str]) -> Vec<u8> {
    told(200, "", &rows_of(ids))
}

fn refused(status: u16) -> Vec<u8> {
    told(status, "", &json!({}))
}

fn told(status: u16, headers: &str, body: &Value) -> Vec<u8> {
    with_type(status, JSON, &format!("cache-control: private\r\n{headers}"), &body.to_string())
}

fn with_type(status: u16, media: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = head(status, &format!("content-type: {media}\r\n{headers}content-length: {length}\r\n"));
    [head, body.as_bytes().to_vec()].concat()
}

fn head(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Told\r\n{headers}\r\n").into_bytes()
}

/// Something that stands before a deployment and does one thing wrong.
struct Front {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Front {
    async fn start(behind: SocketAddr, leak: Leak) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = JoinSet::from_iter([async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(pass(client, behind, leak));
            }
        }]);
        Self { address, _accepting: accepting }
    }
}

/// Serves a connection.
async fn pass(mut client: TcpStream, behind: SocketAddr, leak: Leak) {
    let mut asked = Vec::with_capacity(1 << 16);
    // So the probe ends the last head of a connection, or the first of what it hides in a body.
    let end = b"Connection: close\r\n\r\n";
    while !asked.windows(end.len()).any(|bytes| bytes == end) {
        if client.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let text = String::from_utf8_lossy(&asked);
    let does = leak(&Sent::of(&text)).or_else(|| {
        // Who gets `GET` wrong does so with `HEAD`.
        let get = format!("GET {}", text.strip_prefix("HEAD ")?);
        leak(&Sent::of(&get)).map(without_body)
    });
    let (mut from_client, mut to_client) = client.split();
    let asked = match does {
        Some(Tells(answer)) => {
            let _gone = to_client.write_all(&answer).await;
            let _gone = to_client.shutdown().await;
            let _rest = copy(&mut from_client, &mut tokio::io::sink()).await;
            return;
        }
        Some(Asks(text)) => text.into_bytes(),
        None => asked,
    };
    let mut behind = TcpStream::connect(behind).await.unwrap();
    let (mut from_behind, mut to_behind) = behind.split();
    let asking = async {
        let _refused = to_behind.write_all(&asked).await;
        let _refused = copy(&mut from_client, &mut to_behind).await;
        pending::<()>().await;
    };
    tokio::select! {
        () = asking => {}
        _told = copy(&mut from_behind, &mut to_client) => {}
    }
    let _gone = to_client.shutdown().await;
    let _rest = copy(&mut from_client, &mut tokio::io::sink()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bypass_is_found_by_its_row_and_by_no_other() {
    let world = whole().await;
    let gate = world.address_of_a_program();
    let mut wrong = Vec::new();
    for (number, some) in LEAKS.chunks(AT_A_TIME).enumerate() {
        let probing: JoinSet<_> = some
            .iter()
            .zip(number * AT_A_TIME..)
            .map(|((expected, leak), number)| async move {
                let front = Front::start(gate, *leak).await;
                let probed = probe(front.address, PLAN, &["--writes", "--format", "json"]).await;
                let is_right = (probed.code, probed.breached()) == (1, rows(expected));
                (!is_right).then(|| format!("{number}: {:?}, not {expected:?}", probed.breached()))
            })
            .collect();
        wrong.extend(probing.join_all().await.into_iter().flatten());
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_that_is_tried_is_without_a_server_that_it_finds_out() {
    let world = whole().await;
    let probed = probe(world.address_of_a_program(), PLAN, &["--writes", "--format", "json"]).await;
    let found: BTreeSet<_> = LEAKS.iter().flat_map(|(rows, _)| rows.iter().copied()).collect();
    for row in probed.rows("held") {
        // Whether a canary is planted is asked of the operator, not of the deployment.
        assert!(row == "D00" || found.contains(row.as_str()), "{row} was never seen to fail");
    }
}
