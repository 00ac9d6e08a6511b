//! A directory on a real socket that takes every question and answers none.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::*;
use crate::{
    backend::{Client, Egress},
    directory::http::{HttpSource, Settings},
};

/// What the directory says of ana, or `None` while it says nothing.
type Said = watch::Sender<Option<&'static str>>;

struct Directory {
    address: SocketAddr,
    said: Said,
    /// The path of each question, as it comes.
    asked: mpsc::UnboundedReceiver<String>,
    _accepting: JoinSet<()>,
}

impl Directory {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (said, says) = watch::channel(Some("seller"));
        let (noted, asked) = mpsc::unbounded_channel();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _peer) = listener.accept().await.unwrap();
                connections.spawn(answer(stream, noted.clone(), says.clone()));
            }
        });
        Self { address, said, asked, _accepting: accepting }
    }

    /// A world that asks it, and waits so long for an answer.
    fn world(&self, timeout: Duration) -> Arc<World> {
        let egress = Egress { ca: None, resolve: std::collections::BTreeMap::new(), timeout };
        let settings = Settings {
            url: format!("http://{}", self.address).parse().unwrap(),
            authorization: None,
            timeout,
            rules: RULES,
        };
        world_of(Arc::new(HttpSource::new(settings, Client::new(&egress, None).unwrap())))
    }

    /// The next two questions.
    async fn two_questions(&mut self) -> [String; 2] {
        let mut two = [self.asked.recv().await.unwrap(), self.asked.recv().await.unwrap()];
        two.sort();
        two
    }
}

/// Answers one question on each connection.
async fn answer(
    mut stream: TcpStream,
    noted: mpsc::UnboundedSender<String>,
    mut says: watch::Receiver<Option<&'static str>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
    let is_teams = path == "/teams";
    noted.send(path).unwrap();
    let role = says.wait_for(Option::is_some).await.unwrap().unwrap();
    let body = if is_teams {
        r#"{"teams": []}"#.to_owned()
    } else {
        format!(r#"{{"user": "ana", "active": true, "teams": [], "roles": ["{role}"]}}"#)
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // Who asked may have gone.
    let _gone = stream.write_all((head + &body).as_bytes()).await;
}

#[tokio::test]
async fn a_directory_that_hangs_is_waited_for_once_and_then_only_in_the_background() {
    let mut directory = Directory::start().await;
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
    let mut registry = Registry::default();
    let limits = Limits::new(&mut registry);
    let actors = Actors::new(100, clock.clone(), Metrics::new(&mut registry, &limits));
    let roles = async |world: &World| {
        let granted = actors.actor(world, &TenantId::new("acme"), &UserId::new("ana"), None).await;
        granted.map(|granted| role_names(world, &granted))
    };
    let (soon, never) =
        (directory.world(Duration::from_millis(50)), directory.world(Duration::from_secs(3600)));
    assert_eq!(roles(&never).await.unwrap(), ["seller"]);
    assert_eq!(directory.two_questions().await, ["/teams", "/users/ana"]);

    directory.said.send_replace(None);
    clock.advance(RULES.ttl);
    assert_eq!(roles(&soon).await.unwrap(), ["seller"], "after the time-out of both questions");
    assert_eq!(directory.two_questions().await, ["/teams", "/users/ana"]);

    clock.advance(Duration::from_secs(1));
    let all = async {
        for _ in 0..100 {
            assert_eq!(roles(&never).await.unwrap(), ["seller"]);
        }
    };
    // Only so that a test that fails ends.
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("a request waits for the directory");
    assert_eq!(directory.two_questions().await, ["/teams", "/users/ana"], "in the background");

    directory.said.send_replace(Some("boss"));
    actors.tasks.close();
    actors.tasks.wait().await;
    assert!(directory.asked.try_recv().is_err(), "one question of each kind was under way, for all");
    assert_eq!(roles(&never).await.unwrap(), ["boss"]);
    assert!(directory.asked.try_recv().is_err(), "it was known by then");
}
