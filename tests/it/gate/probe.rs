//! `headgate probe`, the built command: against a whole gate, which holds, and against servers that leak, of which each
//! leak is found by its row.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use super::{
    backend::{self, Asked, Backend},
    world::{usual, world},
};

mod leaks;
mod reports;
mod tokens;

const VISIBLE: &str = "/api/v1/accounts/1/conversations/101";
const HIDDEN: &str = "/api/v1/accounts/1/conversations/102";
const LIST: &str = "/api/v1/accounts/1/conversations";

const PLAN: &str = r#"
hidden_fields = ["phone_number"]
open = "/public/health"
refused = ["/api/v1/accounts/1/conversations/export"]
[pace]
per_second = 1000
quiet = "30ms"
timeout = "2s"
[actor.restricted]
headers = { authorization = "Bearer ${env:RESTRICTED}" }
[actor.all_seeing]
headers = { authorization = "Bearer ${env:ALL_SEEING}" }
[[object]]
visible = "/api/v1/accounts/1/conversations/101"
hidden = "/api/v1/accounts/1/conversations/102"
missing = "/api/v1/accounts/1/conversations/999"
below = ["/messages"]
including = ["include=contact"]
unwritable_fields = ["assignee"]
[[list]]
path = "/api/v1/accounts/1/conversations"
items = "/payload"
totals = ["/meta/all_count"]
widening = ["assignee_type=all"]
[[canary]]
text = "CANARY-102-title"
planted = "the title of 102"
"#;

/// What the probe said.
#[derive(Debug)]
struct Probed {
    code: i32,
    out: String,
    err: String,
}

impl Probed {
    fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no report: {self:?}"))
    }

    /// The rows with this verdict.
    fn rows(&self, verdict: &str) -> BTreeSet<String> {
        let report = self.report();
        let findings = report["findings"].as_array().unwrap().iter();
        let of = findings.filter(|finding| finding["verdict"] == verdict);
        of.map(|finding| finding["row"].as_str().unwrap().to_owned()).collect()
    }

    /// The rows by which something got through.
    fn breached(&self) -> BTreeSet<String> {
        &self.rows("leak") | &self.rows("bypass")
    }
}

async fn probe(address: SocketAddr, plan: &str, arguments: &[&str]) -> Probed {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probe.toml");
    std::fs::write(&file, plan).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_headgate"))
        .args(["probe", &format!("http://{address}"), "--config", file.to_str().unwrap()])
        .args(arguments)
        .envs([("RESTRICTED", "ana"), ("ALL_SEEING", "adm")])
        .output()
        .await
        .unwrap();
    Probed {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_gate_lets_nothing_through() {
    let world = world().await;
    let probed = probe(world.address_of_a_program(), PLAN, &["--format", "json"]).await;
    assert_eq!(probed.breached(), BTreeSet::new(), "{}", probed.out);
    assert_eq!((probed.code, probed.err.as_str()), (0, ""), "{}", probed.out);
    assert_eq!(probed.report()["breached"], false);
    assert_eq!(probed.rows("odd"), BTreeSet::new(), "{}", probed.out);
    for (row, verdict) in [
        ("A01", "held"),
        ("B01", "held"),
        ("D02", "held"),
        ("D01", "held"),
        ("D07", "held"),
        ("E01", "held"),
        ("F09", "held"),
        ("D08", "not-tried"),
        ("G01", "not-tried"),
    ] {
        assert!(probed.rows(verdict).contains(row), "{row} {verdict}");
    }
    // Nothing that is hidden was asked of the backend by the one who may not see it.
    for asked in world.backend.seen() {
        let by = asked.all("headgate-actor");
        assert!(by == ["adm"] || !asked.target.contains("102"), "{asked:?}");
        assert!(by == ["adm"] || asked.method == "GET" || asked.method == "HEAD", "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_gate_refuses_the_writes_that_it_must() {
    let world = reports::whole().await;
    let probed = probe(world.address_of_a_program(), reports::PLAN, &["--writes", "--format", "json"]).await;
    for row in [
        "A15", "B12", "B13", "G01", "G02", "G03", "G04", "G05", "G06", "G07", "G08", "G09", "G10", "G11",
        "G12", "G17", "G19", "G20",
    ] {
        assert!(probed.rows("held").contains(row), "{row}: {}", probed.out);
    }
    assert_eq!(probed.breached(), BTreeSet::new(), "{}", probed.out);
    assert!(
        world
            .backend
            .seen()
            .iter()
            .all(|asked| !path(asked).contains("102") || asked.all("headgate-actor") == ["adm"])
    );
}

/// Without the query, which may name a hidden row of a list.
fn path(asked: &Asked) -> &str {
    asked.target.split('?').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_nothing_is_sent_that_writes() {
    let server = Backend::start(careful).await;
    probe(server.address, PLAN, &[]).await;
    let methods: BTreeSet<_> = server.seen().into_iter().map(|asked| asked.method).collect();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert!(!methods.contains(method), "{methods:?}");
    }
    // Nor of a plan that has writes for every row.
    let server = Backend::start(careful).await;
    let plan = reports::PLAN.replace("/cards", "/conversations");
    assert_eq!(probe(server.address, &plan, &[]).await.code, 1);
    for asked in server.seen() {
        let is_question = asked.method == "POST" && path(&asked).ends_with("/filter") && asked.body == "{}";
        let writes = ["POST", "PUT", "PATCH", "DELETE"].contains(&asked.method.as_str());
        assert!(is_question || !writes, "{asked:?}");
    }
    let with_leave = Backend::start(careful).await;
    probe(with_leave.address, PLAN, &["--writes"]).await;
    assert!(with_leave.seen().iter().any(|asked| asked.method == "PATCH"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_everything_is_found_to_leak_by_each_row_that_sees_it() {
    let server = Backend::start(usual).await;
    let probed = probe(server.address, PLAN, &["--format", "json"]).await;
    assert_eq!(probed.code, 1);
    let leaks = probed.rows("leak");
    for row in ["A01", "A05", "A12", "A19", "D01", "D02", "E05", "F01"] {
        assert!(leaks.contains(row), "{row}: {}", probed.out);
    }
    let text = probe(server.address, PLAN, &[]).await;
    assert_eq!(text.code, 1);
    assert!(text.out.contains("D02 LEAK      GET /api/v1/accounts/1/conversations/102\n"), "{}", text.out);
    assert!(text.out.contains("shows the title of 102"), "{}", text.out);
    assert!(!text.out.contains("Bearer") && !probed.out.contains("Bearer"), "a credential is in the report");
}

/// A server that does what is right, for those two actors and that one object; it is no HTTP server that would refuse
/// bad framing.
fn careful(asked: &Asked) -> Vec<u8> {
    let (path, _query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let all = asked.all("authorization") == ["Bearer adm"];
    if asked.method == "OPTIONS" {
        return backend::answer(204, "connection: close\r\n", "");
    }
    if !matches!(asked.method.as_str(), "GET" | "HEAD") {
        return refused(405);
    }
    let row = |id: &str| json!({"id": id, "title": format!("CANARY-{id}-title")});
    let body = match path {
        VISIBLE => row("101"),
        HIDDEN if all => row("102"),
        LIST if all => json!({"meta": {"all_count": 2}, "payload": [row("101"), row("102")]}),
        LIST => json!({"meta": {"all_count": null}, "payload": [row("101")]}),
        _ => return refused(404),
    };
    shown(asked, "", &body)
}

fn shown(asked: &Asked, headers: &str, body: &Value) -> Vec<u8> {
    let headers =
        format!("content-type: application/json\r\ncache-control: private\r\nconnection: close\r\n{headers}");
    let mut answer = backend::answer(200, &headers, &body.to_string());
    if asked.method == "HEAD" {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        answer.truncate(end + 4);
    }
    answer
}

fn refused(status: u16) -> Vec<u8> {
    backend::answer(status, "content-type: application/problem+json\r\nconnection: close\r\n", "{}")
}

/// The rows by which something gets through this server and not through the careful one.
async fn found(leaky: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) -> BTreeSet<String> {
    let careful_server = Backend::start(careful).await;
    let usual = probe(careful_server.address, PLAN, &["--format", "json"]).await.breached();
    let server = Backend::start(move |asked| leaky(asked).unwrap_or_else(|| careful(asked))).await;
    let probed = probe(server.address, PLAN, &["--format", "json"]).await;
    assert_eq!(probed.code, 1, "{probed:?}");
    &probed.breached() - &usual
}

fn rows(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|row| (*row).to_owned()).collect()
}

fn is_anas(asked: &Asked) -> bool {
    asked.all("authorization") == ["Bearer ana"]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_another_path_for_another_object_is_found_out() {
    let found = found(|asked| {
        let hidden = asked.target.starts_with("//") && asked.target.ends_with("/102");
        hidden.then(|| shown(asked, "", &json!({"title": "CANARY-102-title"})))
    });
    assert_eq!(found.await, rows(&["A05"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_tells_what_is_hidden_from_what_is_missing_is_found_out() {
    let found = found(|asked| {
        (is_anas(asked) && asked.target == HIDDEN && asked.method == "GET").then(|| refused(403))
    });
    assert_eq!(found.await, rows(&["D02"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_counts_what_is_hidden_is_found_out() {
    let list = |headers: &'static str, count: u32| {
        move |asked: &Asked| {
            let body = json!({"meta": {"all_count": count}, "payload": [{"id": "101"}]});
            (is_anas(asked) && asked.target == LIST && asked.method == "GET")
                .then(|| shown(asked, headers, &body))
        }
    };
    assert!(found(list("X-Total-Count: 2\r\n", 1)).await.contains("D05"));
    assert!(found(list("", 2)).await.contains("D05"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_anothers_tag_is_found_out() {
    let found = found(|asked| {
        if asked.target != LIST {
            return None;
        }
        let told = !asked.all("if-none-match").is_empty();
        let all = asked.all("authorization") == ["Bearer adm"];
        match (told, all) {
            (true, _) => Some(backend::answer(304, "etag: \"7\"\r\nconnection: close\r\n", "")),
            (false, true) => {
                Some(shown(asked, "etag: \"7\"\r\n", &json!({"payload": [{"id": "101"}, {"id": "102"}]})))
            }
            (false, false) => None,
        }
    });
    assert_eq!(found.await, rows(&["F05"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_keeps_a_hidden_field_in_an_inner_object_is_found_out() {
    let nested = |name: &'static str| {
        move |asked: &Asked| {
            let body = json!({"id": "101", "meta": [{"sender": {name: "+62 1"}}]});
            (asked.target == VISIBLE && ["GET", "HEAD"].contains(&asked.method.as_str()))
                .then(|| shown(asked, "", &body))
        }
    };
    assert_eq!(found(nested("phone_number")).await, rows(&["E01", "E02"]));
    assert_eq!(found(nested("phoneNumber")).await, rows(&["E02"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hides_a_canary_in_a_packed_body_is_found_out() {
    let found = found(|asked| {
        let packed = asked.all("accept-encoding") == ["gzip"] && asked.target == VISIBLE;
        packed.then(|| {
            use std::io::Write;
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(br#"{"preview": "\u0043ANARY-102-title"}"#).unwrap();
            let packed = packed.finish().unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncache-control: private\r\ncontent-encoding: gzip\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", packed.len());
            [head.into_bytes(), packed].concat()
        })
    });
    assert_eq!(found.await, rows(&["F01"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_would_prove_nothing_exits_with_2() {
    let blind = Backend::start(|_| refused(401)).await;
    let probed = probe(blind.address, PLAN, &[]).await;
    assert_eq!((probed.code, probed.out.as_str()), (2, ""));
    assert!(probed.err.contains("does not see") && probed.err.contains("401"), "{}", probed.err);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let probed = probe(nobody, PLAN, &[]).await;
    assert_eq!(probed.code, 2);
    assert!(probed.err.contains("could not connect"), "{}", probed.err);

    let wrong = PLAN.replace("hidden = ", "hiden = ").replace("${env:ALL_SEEING}", "${env:NO_SUCH}");
    let probed = probe(blind.address, &wrong, &[]).await;
    assert_eq!(probed.code, 2);
    for told in ["unknown key (did you mean `hidden`?)", "`NO_SUCH` is not set", "probe.toml:"] {
        assert!(probed.err.contains(told), "{}", probed.err);
    }
    for (old, new, told) in [
        ("\"CANARY-102-title\"", "\"title\"", "canary[0].text"),
        ("open = \"/public", "open = \"public", "open: `public/health` is not a path"),
        ("including = [", "writable = \"{\"\nincluding = [", "object.writable: expected JSON"),
        ("widening = [", "naming = [\"ids=1\"]\nwidening = [", "list.naming: expected `{id}`"),
        ("Bearer ${env:RESTRICTED}", "Bearer\\n", "actor.restricted.headers"),
    ] {
        let probed = probe(blind.address, &PLAN.replace(old, new), &[]).await;
        assert_eq!(probed.code, 2, "{told}");
        assert!(probed.err.contains(told), "{}", probed.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_nobody_planted_is_told_as_it_proves_nothing() {
    let server = Backend::start(careful).await;
    let plan = PLAN.replace("CANARY-102-title", "CANARY-999-title");
    let probed = probe(server.address, &plan, &["--format", "json"]).await;
    assert!(probed.rows("odd").contains("D00"), "{}", probed.out);
    let probed = probe(server.address, PLAN, &["--format", "json"]).await;
    assert!(probed.rows("held").contains("D00"), "{}", probed.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_does_not_answer_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = PLAN.replace("timeout = \"2s\"", "timeout = \"50ms\"");
    let probed = probe(silent.local_addr().unwrap(), &plan, &[]).await;
    assert_eq!(probed.code, 2);
    assert!(probed.err.contains("no answer and no end in time"), "{}", probed.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_asked_over_tls_if_its_certificate_is_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _serving = tokio::task::JoinSet::from_iter([async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut asked = vec![0; 1 << 20];
            let _read = stream.read(&mut asked).await;
            let _told = stream.write_all(&refused(401)).await;
            let _ended = stream.shutdown().await;
        }
    }]);
    let probe = async |plan: &str| {
        let file = folder.path().join("probe.toml");
        std::fs::write(&file, plan).unwrap();
        let url = format!("https://localhost:{port}");
        let arguments = ["probe", &url, "--config", file.to_str().unwrap()];
        let output = Command::new(env!("CARGO_BIN_EXE_headgate"))
            .args(arguments)
            .envs([("RESTRICTED", "ana"), ("ALL_SEEING", "adm")])
            .output();
        String::from_utf8(output.await.unwrap().stderr).unwrap()
    };
    let trusting = probe(&format!("ca = \"ca.pem\"\n{PLAN}")).await;
    assert!(trusting.contains("does not see") && trusting.contains("401"), "{trusting}");
    let doubting = probe(PLAN).await;
    assert!(
        doubting.contains("could not connect to localhost") && doubting.contains("certificate"),
        "{doubting}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_end_meanwhile_and_rate_limits_prove_nothing() {
    let asked_before = AtomicUsize::new(0);
    let ending = Backend::start(move |asked| {
        if asked_before.fetch_add(1, Ordering::Relaxed) < 20 { careful(asked) } else { refused(401) }
    })
    .await;
    let probed = probe(ending.address, PLAN, &["--format", "json"]).await;
    assert_eq!((probed.code, probed.out.as_str()), (2, ""), "{probed:?}");
    assert!(probed.err.contains("does not see"), "{}", probed.err);

    let slow =
        Backend::start(|asked| if asked.target == VISIBLE { careful(asked) } else { refused(429) }).await;
    let probed = probe(slow.address, PLAN, &["--format", "json"]).await;
    assert!(probed.rows("odd").is_superset(&rows(&["A01", "D02"])), "{}", probed.out);
    assert!(!probed.rows("held").contains("D02"), "{}", probed.out);
}
