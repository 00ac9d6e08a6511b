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
    reports::{PLAN, whole},
    rows,
};

mod asked;
mod told;

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

/// Each is found by its rows and by no other.
async fn each_is_found(leaks: &'static [(&'static [&'static str], Leak)]) {
    let world = whole().await;
    let gate = world.address_of_a_program();
    let mut wrong = Vec::new();
    for (number, some) in leaks.chunks(AT_A_TIME).enumerate() {
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
async fn each_request_that_is_believed_is_found_by_its_row_and_by_no_other() {
    each_is_found(asked::LEAKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_and_write_that_is_wrong_is_found_by_its_row_and_by_no_other() {
    each_is_found(told::LEAKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_that_is_tried_is_without_a_server_that_it_finds_out() {
    let world = whole().await;
    let probed = probe(world.address_of_a_program(), PLAN, &["--writes", "--format", "json"]).await;
    let found: BTreeSet<_> =
        asked::LEAKS.iter().chain(told::LEAKS).flat_map(|(rows, _)| rows.iter().copied()).collect();
    for row in probed.rows("held") {
        // Whether a canary is planted is asked of the operator, not of the deployment.
        assert!(row == "D00" || found.contains(row.as_str()), "{row} was never seen to fail");
    }
}
