//! A backend on a real socket that writes what a test says, byte for byte, and remembers what it was asked.

use std::{
    fmt::Display,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// The connection it came on, from 0.
    pub(super) connection: usize,
    /// The status with which it was answered; 0 if with none.
    pub(super) answered: u16,
}

impl Asked {
    /// All values of a header.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let matching = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.as_str()).collect()
    }

    /// What a parameter of the query says.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        parameters.find_map(|(known, value)| (known == name).then(|| value.into_owned()))
    }

    /// The same of one that is a number.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name).map(|value| value.parse().unwrap())
    }

    /// Method and target.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What is written in answer; an empty one closes the connection.
type Script = dyn Fn(&Asked) -> Vec<u8> + Send + Sync;

/// What a test sends of an answer meanwhile; where it ends, the connection does.
pub(super) type Rest = mpsc::Receiver<Vec<u8>>;

/// Answers that have this header go on with the [`Rest`].
pub(super) const GOES_ON: &str = "x-goes-on: 1\r\n";

/// What a backend was asked so far.
pub(super) type Seen = Arc<Mutex<Vec<Asked>>>;

pub(super) struct Backend {
    pub(super) address: SocketAddr,
    seen: Seen,
    _accepting: JoinSet<()>,
}

impl Backend {
    pub(super) async fn start(script: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let (_nothing, rest) = mpsc::channel(1);
        Self::start_with(script, rest).await
    }

    /// As [`Backend::start`], with what comes after an answer that goes on.
    pub(super) async fn start_with(
        script: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
        rest: Rest,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, noted): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&seen));
        let rest = Arc::new(tokio::sync::Mutex::new(rest));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(
                    stream,
                    number,
                    Arc::clone(&script),
                    Arc::clone(&noted),
                    Arc::clone(&rest),
                ));
            }
        });
        Self { address, seen, _accepting: accepting }
    }

    pub(super) fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }

    /// What is asked, as it comes.
    pub(super) fn watched(&self) -> Seen {
        Arc::clone(&self.seen)
    }

    /// What was asked, as method and target.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Asked::line).collect()
    }
}

async fn serve(
    stream: TcpStream,
    connection: usize,
    script: Arc<Script>,
    seen: Seen,
    rest: Arc<tokio::sync::Mutex<Rest>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(mut asked) = read(&mut stream, connection).await {
        let answer = script(&asked);
        asked.answered = status(&answer);
        seen.lock().unwrap().push(asked);
        if answer.is_empty() || stream.get_mut().write_all(&answer).await.is_err() {
            return;
        }
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        if text.contains(GOES_ON) {
            let mut rest = rest.lock().await;
            while let Some(more) = rest.recv().await {
                if stream.get_mut().write_all(&more).await.is_err() {
                    rest.close();
                    return;
                }
            }
            return;
        }
        // An answer without framing ends with its connection.
        if text.contains("connection: close") {
            return;
        }
    }
}

/// The status of an answer, whatever comes before it.
fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    let heads = text.split("HTTP/1.1 ").skip(1);
    let mut statuses = heads.filter_map(|head| head.get(..3)?.parse().ok());
    statuses.find(|status| *status >= 200).unwrap_or_default()
}

async fn read(stream: &mut BufReader<TcpStream>, connection: usize) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let mut first = lines[0].split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines[1..].iter().map(header).collect::<Option<_>>()?;
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { method, target, headers, body: String::from_utf8(body).ok()?, connection, answered: 0 })
}

/// The least of a `headgate.toml` for agents before a backend of this name.
pub(super) fn headgate_toml(backend: &str, address: impl Display) -> String {
    format!(
        r#"
[listener.agents]
address = "127.0.0.1:0"
[store]
path = "data"
disk_free_min = "1MiB"
[backend.{backend}]
urls = ["http://127.0.0.1:1/events"]
keys = ["whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI="]
api = ["http://{address}"]
"#
    )
}

/// A whole JSON answer.
pub(super) fn json(status: u16, value: &serde_json::Value) -> Vec<u8> {
    answer(status, "content-type: application/json\r\n", &value.to_string())
}

/// A whole answer with these header lines.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}
