//! A backend on a real socket that answers by a script and remembers what it got.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, Version};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Recorded {
    /// A header that must be there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        assert_eq!(self.headers.get_all(name).iter().count(), 1, "`{name}` in {:?}", self.headers);
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the backend does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, headers, and a body of this many bytes.
    Answer(u16, Vec<(&'static str, &'static str)>, usize),
    /// Never a byte.
    Silent,
    /// The head of a 200, and the connection ends within the body.
    ResetMidAnswer,
    /// 200, as soon as the test says so.
    Held(watch::Receiver<bool>),
}

pub(crate) fn status(status: u16) -> Reply {
    Reply::Answer(status, Vec::new(), 2)
}

pub(crate) fn ok_with(headers: &[(&'static str, &'static str)]) -> Reply {
    Reply::Answer(200, headers.to_vec(), 0)
}

type Script = dyn Fn(&Recorded, usize) -> Reply + Send + Sync;

/// A running backend; it ends when dropped.
#[derive(Debug)]
pub(crate) struct StubBackend {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Seen {
    requests: Mutex<Vec<Recorded>>,
    count: watch::Sender<usize>,
}

impl StubBackend {
    /// Answers each request by `script`, which is also told how many came before it.
    pub(crate) async fn start(script: impl Fn(&Recorded, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, script).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(
        tls: Arc<rustls::ServerConfig>,
        script: impl Fn(&Recorded, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(tls.into()), script).await
    }

    async fn serve(
        tls: Option<tokio_rustls::TlsAcceptor>,
        script: impl Fn(&Recorded, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen { requests: Mutex::default(), count: watch::Sender::new(0) });
        let script: Arc<Script> = Arc::new(script);
        let mut tasks = JoinSet::new();
        let recorder = seen.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                connections.spawn(connection(tcp, tls.clone(), recorder.clone(), script.clone()));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> Uri {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    /// Waits until `count` requests have arrived; returns all that have.
    pub(crate) async fn received(&self, count: usize) -> Vec<Recorded> {
        self.seen.count.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
        self.requests()
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.seen.requests.lock().unwrap().clone()
    }
}

async fn connection(
    tcp: TcpStream,
    tls: Option<tokio_rustls::TlsAcceptor>,
    seen: Arc<Seen>,
    script: Arc<Script>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, script) = (seen.clone(), script.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let recorded = Recorded { uri: head.uri, version: head.version, headers: head.headers, body };
            let before = {
                let mut requests = seen.requests.lock().unwrap();
                requests.push(recorded.clone());
                requests.len() - 1
            };
            let reply = script(&recorded, before);
            seen.count.send_replace(before + 1);
            Ok::<_, Infallible>(answer(reply).await)
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // A client that goes away is none of the stub's business.
    match tls {
        None => drop(server.serve_connection(TokioIo::new(tcp), service).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(tcp).await {
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            }
        }
    }
}

async fn answer(reply: Reply) -> Response<ReplyBody> {
    match reply {
        Reply::Answer(status, headers, size) => {
            let mut answer =
                Response::new(ReplyBody { left: Some(Bytes::from(vec![b'.'; size])), then: Then::End });
            *answer.status_mut() = status.try_into().unwrap();
            for (name, value) in headers {
                answer.headers_mut().append(name, value.parse().unwrap());
            }
            answer
        }
        Reply::Silent => std::future::pending().await,
        Reply::ResetMidAnswer => {
            Response::new(ReplyBody { left: Some(Bytes::from_static(b"half")), then: Then::FlushAndReset })
        }
        Reply::Held(mut release) => {
            release.wait_for(|released| *released).await.unwrap();
            Response::new(ReplyBody { left: None, then: Then::End })
        }
    }
}

/// A chunk, and then the end or, once the chunk is on its way, an error that makes the server close the
/// connection.
struct ReplyBody {
    left: Option<Bytes>,
    then: Then,
}

enum Then {
    End,
    FlushAndReset,
    Reset,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(chunk) = self.left.take() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::FlushAndReset => {
                self.then = Then::Reset;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Reset => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }
}
