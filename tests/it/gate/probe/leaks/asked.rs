//! Sections A to C: what is asked, and by whom.

use serde_json::json;

use super::{
    Does::Tells, FILTER, LIST, Leak, bare, head, listed, opens, reads_on, refused, secret, shows, takes,
    told, widens,
};
use crate::gate::probe::reports::{HIDDEN, VISIBLE};

/// Each with the rows that find it: one, where no other row asks the same.
pub(super) const LEAKS: &[(&[&str], Leak)] = &[
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
];
