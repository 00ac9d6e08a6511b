//! Rights while many ask at once and many tell of changes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
};

use super::{Connection, OPERATOR, Whole};

/// Connections that ask at once.
pub(super) const CONNECTIONS: usize = 16;

/// No rate is in the way.
pub(super) const RATES: &str = "[gate.rate]\nactor = { per_second = 1000000, burst = 1000000 }\n\
                                tenant = { per_second = 1000000, burst = 1000000 }\n\
                                address = { per_second = 1000000, burst = 1000000 }\n";

/// A connection that is kept, on which one request follows the other.
pub(super) struct Kept(BufReader<Connection>);

impl Kept {
    pub(super) async fn open(whole: &Whole) -> Self {
        Self(BufReader::new(whole.connect(&[]).await))
    }

    /// Asks, and reads the whole answer. Its status.
    pub(super) async fn status(&mut self, request: &str) -> u16 {
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            if let Some(first) = line.strip_prefix("HTTP/1.1 ") {
                status = first.get(..3).unwrap().parse().unwrap();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_end().parse().unwrap();
            } else if line == "\r\n" {
                break;
            }
            assert!(!line.is_empty(), "the connection was closed");
        }
        self.0.read_exact(&mut vec![0; length]).await.unwrap();
        status
    }
}

impl Whole {
    /// A request for a conversation, as it is written.
    pub(super) fn request(&self, user: &str, conversation: &str) -> String {
        format!(
            "GET /api/v1/accounts/1/conversations/{conversation} HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {}\r\n\r\n",
            self.token(user)
        )
    }
}

async fn start() -> Arc<Whole> {
    Arc::new(Whole::start_with(|_folder, headgate| headgate + RATES).await)
}

/// Which change was told, and which began.
#[derive(Default)]
struct Changes {
    begun: AtomicUsize,
    told: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i01_under_load_no_request_that_begins_after_a_push_is_decided_by_what_was_before() {
    const CHANGES: usize = 40;
    const REQUESTS_A_CHANGE: usize = 500;
    let whole = start().await;
    let changes = Arc::new(Changes::default());
    let asked = Arc::new(watch::Sender::new(0));
    let mut asking = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (whole, changes, asked) = (Arc::clone(&whole), Arc::clone(&changes), Arc::clone(&asked));
        asking.spawn(async move {
            let (mut kept, request) = (Kept::open(&whole).await, whole.request("ana", "101"));
            let (mut judged, mut wrong) = (0, Vec::new());
            loop {
                let told = changes.told.load(Ordering::SeqCst);
                if told > CHANGES {
                    return (judged, wrong);
                }
                let status = kept.status(&request).await;
                // With no change under way during the whole request, there is one right answer.
                if changes.begun.load(Ordering::SeqCst) == told {
                    judged += 1;
                    let right = if told.is_multiple_of(2) { 200 } else { 404 };
                    wrong.extend((status != right).then_some((told, status)));
                }
                asked.send_modify(|asked| *asked += 1);
            }
        });
    }
    let pushes = [
        json!({"tenant": "acme", "user": "ana"}),
        json!({"tenant": "acme", "role": "agent"}),
        json!({"tenant": "acme", "team": "sales"}),
        json!({"tenant": "acme"}),
        json!({"all": true}),
    ];
    for change in 1..=CHANGES {
        let enough = (change - 1) * REQUESTS_A_CHANGE;
        asked.subscribe().wait_for(|asked| *asked >= enough).await.unwrap();
        changes.begun.store(change, Ordering::SeqCst);
        whole.grant("ana", if change.is_multiple_of(2) { &["agent"] } else { &[] });
        whole.push(&pushes[(change / 2) % pushes.len()]).await;
        changes.told.store(change, Ordering::SeqCst);
    }
    asked.subscribe().wait_for(|asked| *asked >= CHANGES * REQUESTS_A_CHANGE).await.unwrap();
    changes.told.store(CHANGES + 1, Ordering::SeqCst);
    let told = asking.join_all().await;
    let wrong: Vec<_> = told.iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "change and status: {wrong:?}");
    let judged: usize = told.iter().map(|(judged, _)| judged).sum();
    assert!(judged > CHANGES * REQUESTS_A_CHANGE / 2, "{judged}");
    assert!(whole.asked_about("ana") <= 4 * (CHANGES + 1), "a change is asked about by one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i07_a_flood_of_pushes_makes_no_flood_of_questions_and_ends_with_itself() {
    const PUSHES: usize = 1_000;
    let whole = start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    let mut flood = JoinSet::new();
    for _ in 0..4 {
        let address = whole.gateway.ops().unwrap();
        flood.spawn(async move {
            let body = r#"{"all":true}"#;
            let head = format!(
                "POST /v1/grants/invalidate HTTP/1.1\r\nHost: ops\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nAuthorization: Bearer {OPERATOR}\r\n",
                body.len()
            );
            let mut requests = format!("{head}\r\n{body}").repeat(PUSHES - 1);
            requests += &format!("{head}Connection: close\r\n\r\n{body}");
            let (mut answers, mut stream) = TcpStream::connect(address).await.unwrap().into_split();
            let mut told = String::new();
            let (written, read) =
                tokio::join!(stream.write_all(requests.as_bytes()), answers.read_to_string(&mut told));
            written.unwrap();
            read.unwrap();
            told.matches("HTTP/1.1 200 ").count()
        });
    }
    let (mut kept, request) = (Kept::open(&whole).await, whole.request("ana", "101"));
    let mut requests = 1;
    let mut pushed = 0;
    while !flood.is_empty() {
        let status = kept.status(&request).await;
        assert!(matches!(status, 200 | 503), "{status}");
        requests += 1;
        while let Some(told) = flood.try_join_next() {
            pushed += told.unwrap();
        }
        if requests % 50 == 0 {
            assert_eq!(whole.ops("GET /readyz", "", "").await.0, 200);
        }
    }
    assert_eq!(pushed, 4 * PUSHES);
    assert!(whole.asked_about("ana") <= 4 * requests, "only who asks makes questions");
    whole.pass(1);
    assert_eq!(kept.status(&request).await, 200);
    let asked = whole.asked_about("ana");
    assert_eq!(kept.status(&request).await, 200);
    assert_eq!(whole.asked_about("ana"), asked, "it is over");
}
