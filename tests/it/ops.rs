//! The operators' service on a real socket, over stores in memory.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use headgate::{
    clock::SystemClock,
    directory::{self, Actors},
    gate::decisions::{Counts, Decisions, Outcome, Record},
    ids::{
        AccountId, ConversationId, ConversationKey, DecisionId, EndpointId, TeamId, TenantId, Timestamp,
        UserId,
    },
    metrics,
    ops::{Admin, ConfigStatus, Ops, Reload, Status},
    secret::Secret,
    server::{self, Limits, Listener, Metrics, Serving},
    spool::{
        Accepted, DeadLetter, Depth, Known, Later, Sequence, Settlement, Spool, SpoolError, Thread, Unit,
        Webhook,
    },
    tag::{Found, NewTag, Tag, TagError, TagStore},
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

const CONVERSATION: ConversationId = ConversationId(7);

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let ops = start(&["s3cret"]);
    assert_eq!(ops.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(ops.get("/readyz").await.status, StatusCode::OK);
    let metrics = ops.get("/metrics").await;
    assert_eq!(
        metrics.headers[header::CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(metrics.text.contains("headgate_connections{listener=\"ops\"} 1\n"), "{}", metrics.text);
    assert!(metrics.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_page_in_a_browser_reads_no_metrics_also_where_there_are_tokens() {
    let ops = start(&["s3cret"]);
    let as_page = [("host", "evil.test")];
    assert_eq!(ops.call(Method::GET, "/metrics", &as_page, "").await.status, StatusCode::MISDIRECTED_REQUEST);
    let with_token = [("host", "evil.test"), ("authorization", "Bearer s3cret")];
    assert_eq!(ops.call(Method::GET, "/metrics", &with_token, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_names_of_an_invalidation_are_short() {
    let ops = start(&[]);
    for name in ["tenant", "user", "role", "team"] {
        let body = json!({ "tenant": "acme", name: "x".repeat(128) });
        let answer = ops.post("/v1/grants/invalidate", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(answer.text.contains("at most 127 bytes"), "{}", answer.text);
    }
}

#[tokio::test]
async fn readiness_tells_every_reason_against_it() {
    let ops = start(&[]);
    assert_eq!(ops.get("/readyz").await.json(), json!({ "ready": true, "reasons": [] }));
    ops.status.send_replace(Status { draining: true, ..Status::default() });
    ops.spool.depth.lock().unwrap().writable = false;
    let answer = ops.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let reasons = ["config_not_loaded", "draining", "spool_not_writable"];
    assert_eq!(answer.json(), json!({ "ready": false, "reasons": reasons }));
    assert_eq!(ops.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn everything_else_needs_one_of_the_tokens() {
    let ops = start(&["first", "second"]);
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer firs",
        "Bearer first1",
        "Basic first",
        "first",
        "Bearer first, Bearer second",
    ] {
        for path in ["/v1/spool", "/v1/config", "/v1/conversations/x", "/v1/nothing", "/"] {
            let answer = ops.call(Method::GET, path, &[("authorization", authorization)], "").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{authorization:?} {path}");
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        }
    }
    for authorization in ["Bearer first", "Bearer second", "bearer second"] {
        let answer = ops.call(Method::GET, "/v1/spool", &[("authorization", authorization)], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{authorization}");
    }
}

#[tokio::test]
async fn a_page_in_a_browser_can_neither_change_nor_read() {
    let ops = start(&[]);
    let json = ("content-type", "application/json");
    for (method, path) in [
        (Method::POST, "/v1/reload"),
        (Method::POST, "/v1/dead-letters/revive"),
        (Method::PATCH, "/v1/conversations/cv_00000000000000000000000000000007"),
    ] {
        for origin in ["http://evil.test", "null", "http://localhost"] {
            let answer = ops.call(method.clone(), path, &[json, ("origin", origin)], "{}").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin} {path}");
        }
    }
    // A name that was made to point here, so that the browser takes our answers for that site's own.
    for host in ["evil.test", "evil.test:8090", "localhost.evil.test", "127.0.0.1.evil.test"] {
        for path in ["/v1/spool", "/v1/dead-letters", "/v1/config", "/metrics"] {
            let answer = ops.call(Method::GET, path, &[("host", host)], "").await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
        }
        let answer = ops.call(Method::POST, "/v1/reload", &[("host", host)], "").await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert_eq!(ops.call(Method::GET, "/readyz", &[("host", host)], "").await.status, StatusCode::OK);
    }
    for host in ["localhost:8090", "127.0.0.1:8090", "[::1]:8090", "LOCALHOST"] {
        let answer = ops.call(Method::GET, "/v1/spool", &[("host", host)], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    // A token is what no page has.
    let ops = start(&["s3cret"]);
    let headers = [("host", "gate.example"), ("authorization", "Bearer s3cret")];
    assert_eq!(ops.call(Method::GET, "/v1/spool", &headers, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_refused() {
    let ops = start(&[]);
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v1", 404),
        (Method::GET, "/v1/spool/", 404),
        (Method::GET, "/V1/spool", 404),
        (Method::GET, "/v1/dead-letters/revive", 405),
        (Method::POST, "/healthz", 405),
        (Method::DELETE, "/v1/conversations/cv_00000000000000000000000000000007", 405),
        (Method::GET, "/v1/reload", 405),
        (Method::GET, "/v1/dead-letters?limit=x", 400),
        (Method::GET, "/v1/dead-letters?limit=1&limit=2", 400),
        (Method::GET, "/v1/dead-letters?form=1", 400),
    ] {
        let answer = ops.call(method.clone(), path, &[], "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["status"], status);
    }
    assert_eq!(ops.call(Method::DELETE, "/v1/reload", &[], "").await.headers[header::ALLOW], "POST");
}

#[tokio::test]
async fn a_conversation_is_shown_with_its_version() {
    let ops = start(&[]);
    let answer = ops.get(&format!("/v1/conversations/{CONVERSATION}")).await;
    assert_eq!((answer.status, &answer.headers[header::ETAG]), (StatusCode::OK, &"\"3\"".parse().unwrap()));
    assert_eq!(
        answer.json(),
        json!({
            "id": "cv_00000000000000000000000000000007",
            "version": 3,
            "tenant": "default",
            "account": "wa-support",
            "responsible": "ana",
            "team": "support",
            "participants": [],
            "stage": null,
            "alias": "4711",
            "domain": null,
            "keys": [{ "key": "key_00000000000000000000000000000007", "lasting": true }],
            "created": "2023-11-14T22:13:20.000Z",
            "assigned": null,
        })
    );
    for missing in ["cv_00000000000000000000000000000008", "cv_7", "7", "%2e%2e"] {
        let answer = ops.get(&format!("/v1/conversations/{missing}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_it_names() {
    let ops = start(&[]);
    let change = json!({ "responsible": null, "stage": "sales/won", "participants": ["cyd", "ben", "cyd"] });
    let answer = ops.patch(&[("if-match", "\"3\"")], &change).await;
    assert_eq!((answer.status, &answer.headers[header::ETAG]), (StatusCode::OK, &"\"4\"".parse().unwrap()));
    let tag = ops.tags.tag(CONVERSATION).unwrap();
    assert_eq!((tag.version, &tag.responsible, tag.stage.as_deref()), (4, &None, Some("sales/won")));
    assert_eq!(tag.participants, [UserId::new("ben"), UserId::new("cyd")]);
    assert_eq!(
        (&tag.team, tag.alias.as_deref()),
        (&Some(TeamId::new("support")), Some("4711")),
        "stay as they were"
    );

    let answer = ops.patch(&[], &json!({ "version": 4, "team": "sales" })).await;
    assert_eq!(answer.json()["team"], "sales");
}

#[tokio::test]
async fn a_change_of_an_older_version_is_a_conflict_that_shows_the_present_one() {
    let ops = start(&[]);
    let answer = ops.patch(&[("if-match", "\"2\"")], &json!({ "team": "sales" })).await;
    assert_eq!((answer.status, &answer.json()["conversation"]["version"]), (StatusCode::CONFLICT, &json!(3)));
    assert_eq!(answer.json()["conversation"]["team"], "support");
    assert_eq!(ops.tags.tag(CONVERSATION).unwrap().version, 3);
}

#[tokio::test]
async fn a_change_that_is_not_understood_changes_nothing() {
    let ops = start(&[]);
    let version = ("if-match", "\"3\"");
    for (headers, change, status) in [
        (&[][..], json!({ "team": "sales" }), 428),
        (&[("if-match", "3")], json!({ "team": "sales" }), 400),
        (&[("if-match", "*")], json!({ "team": "sales" }), 400),
        (&[version], json!({ "version": 2, "team": "sales" }), 400),
        (&[version], json!({}), 400),
        (&[version], json!({ "tenant": "other" }), 400),
        (&[version], json!({ "team": 5 }), 400),
        (&[version], json!({ "team": "" }), 400),
        (&[version], json!({ "stage": "x".repeat(513) }), 400),
        (&[version], json!({ "participants": vec!["x"; 1001] }), 400),
        (&[version], json!({ "participants": null, "alias": [] }), 400),
        (&[version], json!({ "alias": "x".repeat(70_000) }), 413),
        (&[version, ("origin", "http://evil.test")], json!({ "team": "sales" }), 403),
        (&[version, ("content-type", "text/plain")], json!({ "team": "sales" }), 415),
    ] {
        let answer = ops.patch(headers, &change).await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.text);
    }
    let twice = r#"{"team":"sales","team":"support"}"#;
    let path = format!("/v1/conversations/{CONVERSATION}");
    let headers = [version, ("content-type", "application/json")];
    assert_eq!(ops.call(Method::PATCH, &path, &headers, twice).await.status, 400);
    assert_eq!(ops.tags.tag(CONVERSATION).unwrap().version, 3);
}

#[tokio::test]
async fn the_spool_tells_what_waits() {
    let ops = start(&[]);
    let oldest = Some(Timestamp(1_700_000_000_000));
    *ops.spool.depth.lock().unwrap() =
        Depth { events: 5, lanes: 2, oldest, dead: 3, bytes: 99, writable: true };
    assert_eq!(
        ops.get("/v1/spool").await.json(),
        json!({
            "events": 5, "lanes": 2, "oldest": "2023-11-14T22:13:20.000Z", "dead": 3, "bytes": 99, "writable": true
        })
    );
}

#[tokio::test]
async fn dead_letters_are_listed_page_by_page() {
    let ops = start(&[]);
    let page = ops.get("/v1/dead-letters?limit=2").await.json();
    assert_eq!((&page["dead_letters"][1]["sequence"], &page["next"]), (&json!(20), &json!(21)));
    let page = ops.get("/v1/dead-letters?limit=2&from=21").await.json();
    assert_eq!(
        page,
        json!({
            "dead_letters": [{
                "sequence": 30,
                "tenant": "default",
                "endpoint": "meta-main",
                "account": null,
                "events": ["evt_1"],
                "reason": "unknown_account",
                "since": "2023-11-14T22:13:20.000Z",
                "body_bytes": 12,
            }],
            "next": null,
        })
    );
}

#[tokio::test]
async fn dead_letters_are_counted_first_and_then_revived() {
    let ops = start(&[]);
    for (filter, revived) in [
        (json!({ "reason": "gone" }), &[10, 20][..]),
        (json!({ "account": "wa-sales" }), &[20]),
        (json!({ "endpoint": "meta-main", "reason": "unknown_account" }), &[30]),
        (json!({ "sequences": [10, 30, 99] }), &[10, 30]),
        (json!({ "tenant": "other" }), &[]),
    ] {
        let ops = start(&[]);
        let mut dry = filter.clone();
        dry["dry_run"] = json!(true);
        let counted = ops.post("/v1/dead-letters/revive", &dry).await.json();
        assert_eq!(counted, json!({ "matched": revived.len(), "revived": 0, "dry_run": true }), "{filter}");
        assert!(ops.spool.revived().is_empty());
        let done = ops.post("/v1/dead-letters/revive", &filter).await.json();
        assert_eq!(done, json!({ "matched": revived.len(), "revived": revived.len(), "dry_run": false }));
        let sequences: Vec<_> = ops.spool.revived().into_iter().map(|(sequence, _)| sequence).collect();
        assert_eq!(sequences, revived, "{filter}");
    }
    ops.post("/v1/dead-letters/revive", &json!({ "sequences": [30], "to_account": "wa-sales" })).await;
    assert_eq!(ops.spool.revived(), [(30, Some(AccountId::new("wa-sales")))]);
    for nothing in
        [json!({}), json!({ "dry_run": true }), json!({ "reason": "bored" }), json!({ "all": true })]
    {
        let answer = ops.post("/v1/dead-letters/revive", &nothing).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nothing}");
    }
}

#[tokio::test]
async fn a_spool_that_fails_says_how_far_it_came() {
    let ops = start(&[]);
    *ops.spool.fails_at.lock().unwrap() = Some(20);
    let answer = ops.post("/v1/dead-letters/revive", &json!({ "endpoint": "meta-main" })).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text.contains("below its reserve; 1 of 3 were revived before"), "{}", answer.text);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_reload_answers_with_the_configuration_or_with_every_mistake() {
    let mut ops = start(&[]);
    assert_eq!(ops.get("/v1/config").await.json()["version"], 1);
    let mut reloads = ops.reloads.take().unwrap();
    let gateway = tokio::spawn(async move {
        let second = ConfigStatus { version: 2, hash: "beef".to_owned(), loaded: Timestamp(0) };
        reloads.recv().await.unwrap().answer.send(Ok(second)).unwrap();
        let mistakes = vec!["a.toml:1: no".to_owned(), "a.toml:2: no".to_owned()];
        reloads.recv().await.unwrap().answer.send(Err(mistakes)).unwrap();
    });
    let loaded = ops.post("/v1/reload", &json!(null)).await.json();
    assert_eq!((&loaded["version"], &loaded["hash"]), (&json!(2), &json!("beef")));
    let refused = ops.post("/v1/reload", &json!(null)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["detail"], "a.toml:1: no\na.toml:2: no");
    gateway.await.unwrap();
    assert_eq!(ops.post("/v1/reload", &json!(null)).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_without_what_it_was_changed_to() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _here = tracing::subscriber::set_default(subscriber);
    // Beside a single subscriber, `tracing` asks only the thread that logs at a place first; tests on
    // other threads have none, and the place would stay silent here.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let ops = start(&["first", "s3cret"]);
    let authorization = ("authorization", "Bearer s3cret");
    let json = ("content-type", "application/json");
    let path = format!("/v1/conversations/{CONVERSATION}");
    let change = r#"{"version":3,"alias":"c4nary","team":"c4nary"}"#;
    ops.call(Method::PATCH, &path, &[authorization, json], change).await;
    let filter = r#"{"reason":"gone"}"#;
    ops.call(Method::POST, "/v1/dead-letters/revive", &[authorization, json], filter).await;
    drop(ops.call(Method::GET, &path, &[authorization], "").await);

    let log = log.text();
    let audit: Vec<_> = log.lines().filter(|line| line.contains(" audit: ")).collect();
    let expected = [
        ("conversation.change", "asked: team, alias of version 3"),
        ("conversation.change", "version 4"),
        ("dead_letters.revive", "asked: 2 matched"),
        ("dead_letters.revive", "2 revived"),
    ];
    assert_eq!(audit.len(), expected.len(), "{log}");
    for (line, (action, outcome)) in audit.iter().zip(expected) {
        assert!(line.contains("actor.id=token:2@127.0.0.1:"), "{line}");
        assert!(line.contains(action) && line.contains(outcome), "{line}");
    }
    assert!(audit[0].contains("cv_00000000000000000000000000000007") && audit[2].contains("reason=gone"));
    assert!(!log.contains("c4nary") && !log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn a_decision_is_looked_up_by_its_id_and_by_its_tenant() {
    let ops = start(&["s3cret"]);
    ops.decisions.note(Record {
        id: DecisionId(7),
        time: "2026-01-01T00:00:00.000Z".to_owned(),
        tenant: Some(TenantId::new("acme")),
        user: Some(UserId::new("ana")),
        grants: None,
        method: "GET".to_owned(),
        route: Some("GET /conversations/{id}".to_owned()),
        path: Some("/conversations/102".to_owned()),
        resource: Some("conversation".to_owned()),
        action: Some("view".to_owned()),
        outcome: Outcome::Denied,
        reason: "out_of_scope",
        why: Some("role agent grants conversation.view with scope own".to_owned()),
        removed: None,
        facts_age: None,
        shadow: None,
        status: 404,
    });
    let get = async |query: &str| {
        let path = format!("/v1/decisions/{}{query}", DecisionId(7));
        ops.call(Method::GET, &path, &[("authorization", "Bearer s3cret")], "").await
    };
    let found = get("").await;
    assert_eq!(found.json()["user"], "ana");
    assert_eq!(found.json()["outcome"], "denied");
    assert_eq!(get("?tenant=acme").await.status, StatusCode::OK);
    assert_eq!(get("?tenant=globex").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get("?user=ana").await.status, StatusCode::BAD_REQUEST);
    let other = ops.call(Method::GET, "/v1/decisions/x", &[("authorization", "Bearer s3cret")], "").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

/// The service at work, and what stands behind it.
struct Running {
    address: SocketAddr,
    spool: Arc<MemorySpool>,
    tags: Arc<MemoryTags>,
    decisions: Arc<Decisions>,
    status: watch::Sender<Status>,
    reloads: Option<mpsc::Receiver<Reload>>,
    _serving: Serving,
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

fn start(tokens: &[&str]) -> Running {
    let first = ConfigStatus { version: 1, hash: "c0ffee".to_owned(), loaded: Timestamp(0) };
    let (status, current) = watch::channel(Status { config: Some(first), ..Status::default() });
    let (reload, reloads) = mpsc::channel(1);
    let (spool, tags) = (Arc::new(MemorySpool::new()), Arc::new(MemoryTags::new()));
    let mut registry = Registry::default();
    let limits = metrics::Limits::new(&mut registry);
    let metrics = Metrics::new(&mut registry, &limits);
    let listener = Listener { address: "127.0.0.1:0".parse().unwrap(), tls: None, limits: Limits::default() };
    let bound = server::bind(&listener, "ops", &metrics).unwrap();
    let (decisions, _unwritten) = Decisions::new(10, None, Counts::default());
    let ops = Ops {
        spool: Arc::clone(&spool) as _,
        tags: Arc::clone(&tags) as _,
        actors: Actors::new(
            10,
            Arc::new(SystemClock::new()),
            directory::Metrics::new(&mut Registry::default(), &limits),
        ),
        world: Arc::default(),
        decisions: Arc::clone(&decisions),
        admin: Admin { status: current, reload },
        registry: Arc::new(registry),
        tokens: Arc::new(ArcSwap::from_pointee(tokens.iter().map(|token| Secret::new(*token)).collect())),
    };
    let address = bound.local_address().unwrap();
    let serving = bound.serve(ops.into_service(), CancellationToken::new());
    Running { address, spool, tags, decisions, status, reloads: Some(reloads), _serving: serving }
}

impl Running {
    async fn get(&self, path: &str) -> Answered {
        self.call(Method::GET, path, &[], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answered {
        self.call(Method::POST, path, &[("content-type", "application/json")], &body.to_string()).await
    }

    /// Changes the one conversation, with JSON unless the headers say otherwise.
    async fn patch(&self, headers: &[(&'static str, &str)], change: &Value) -> Answered {
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json; charset=utf-8"));
        }
        let path = format!("/v1/conversations/{CONVERSATION}");
        self.call(Method::PATCH, &path, &headers, &change.to_string()).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Answered {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "localhost");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::from(body.to_owned())).unwrap();
        let (head, body) = send.send_request(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answered { status: head.status, headers: head.headers, text }
    }
}

/// A spool with three dead letters.
#[derive(Debug)]
struct MemorySpool {
    depth: Mutex<Depth>,
    letters: Vec<DeadLetter>,
    revived: Mutex<Vec<(u64, Option<AccountId>)>>,
    fails_at: Mutex<Option<u64>>,
}

impl MemorySpool {
    fn new() -> Self {
        let letter = |sequence, account: Option<&str>, reason| DeadLetter {
            sequence: Sequence(sequence),
            tenant: TenantId::new("default"),
            endpoint: EndpointId::new("meta-main"),
            account: account.map(AccountId::new),
            events: vec!["evt_1".to_owned()],
            reason,
            since: Timestamp(1_700_000_000_000),
            body_bytes: 12,
        };
        Self {
            depth: Mutex::new(Depth { writable: true, ..Depth::default() }),
            letters: vec![
                letter(10, Some("wa-support"), "gone"),
                letter(20, Some("wa-sales"), "gone"),
                letter(30, None, "unknown_account"),
            ],
            revived: Mutex::default(),
            fails_at: Mutex::default(),
        }
    }

    fn revived(&self) -> Vec<(u64, Option<AccountId>)> {
        self.revived.lock().unwrap().clone()
    }
}

impl Spool for MemorySpool {
    fn accept(&self, _webhook: Webhook) -> Later<'_, Result<Accepted, SpoolError>> {
        Box::pin(async { Err(SpoolError::Closed) })
    }

    fn next(&self) -> Later<'_, Option<Unit>> {
        Box::pin(async { None })
    }

    fn settle(&self, _unit: &Unit, _what: Settlement) -> Later<'_, Result<(), SpoolError>> {
        Box::pin(async { Err(SpoolError::Closed) })
    }

    fn dead_letters(&self, from: Sequence, limit: usize) -> Vec<DeadLetter> {
        self.letters.iter().filter(|letter| letter.sequence >= from).take(limit).cloned().collect()
    }

    fn revive(&self, sequence: Sequence, account: Option<AccountId>) -> Later<'_, Result<bool, SpoolError>> {
        Box::pin(async move {
            if *self.fails_at.lock().unwrap() == Some(sequence.0) {
                return Err(SpoolError::Full);
            }
            self.revived.lock().unwrap().push((sequence.0, account));
            Ok(true)
        })
    }

    fn depth(&self) -> Depth {
        *self.depth.lock().unwrap()
    }
}

/// A tag store with one conversation.
#[derive(Debug)]
struct MemoryTags(Mutex<BTreeMap<ConversationId, Arc<Tag>>>);

impl MemoryTags {
    fn new() -> Self {
        let tag = Tag {
            conversation: CONVERSATION,
            version: 3,
            tenant: TenantId::new("default"),
            account: AccountId::new("wa-support"),
            responsible: Some(UserId::new("ana")),
            team: Some(TeamId::new("support")),
            participants: Vec::new(),
            stage: None,
            alias: Some("4711".to_owned()),
            keys: vec![(ConversationKey(7), true)],
            domain: None,
            created: Timestamp(1_700_000_000_000),
            assigned: None,
        };
        Self(Mutex::new(BTreeMap::from([(CONVERSATION, Arc::new(tag))])))
    }
}

impl Known for MemoryTags {
    fn conversation(&self, _key: ConversationKey) -> Option<ConversationId> {
        None
    }
}

impl TagStore for MemoryTags {
    fn tag(&self, conversation: ConversationId) -> Option<Arc<Tag>> {
        self.0.lock().unwrap().get(&conversation).cloned()
    }

    fn by_alias(&self, _tenant: &TenantId, _account: &AccountId, _alias: &str) -> Option<Arc<Tag>> {
        None
    }

    fn resolve(&self, _thread: &Thread, _new: NewTag) -> Later<'_, Result<Found, TagError>> {
        Box::pin(async { Err(TagError::Missing) })
    }

    fn put(&self, tag: Tag) -> Later<'_, Result<Arc<Tag>, TagError>> {
        Box::pin(async move {
            let mut tags = self.0.lock().unwrap();
            let stored = tags.get_mut(&tag.conversation).ok_or(TagError::Missing)?;
            if stored.version != tag.version {
                return Err(TagError::Conflict(Arc::clone(stored)));
            }
            *stored = Arc::new(Tag { version: tag.version + 1, ..tag });
            Ok(Arc::clone(stored))
        })
    }

    fn load(&self, _tenant: &TenantId, users: &[UserId], _closed: &[String]) -> Vec<u64> {
        vec![0; users.len()]
    }

    fn last_assigned(&self, _tenant: &TenantId, _team: &TeamId) -> Option<UserId> {
        None
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
