//! The backend: acknowledges every delivery and notes it, or refuses all or hangs until told otherwise.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::watch;

use crate::{
    bounds::{STEP_MAX, within},
    checker::Delivered,
};

/// Length of the stages and aliases of a backend that changes tags: about the longest there is.
const NAME_CHARS: usize = 240;

#[derive(Clone, Debug)]
pub(crate) struct Backend {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    refusing: AtomicBool,
    tagging: AtomicBool,
    hang: watch::Sender<bool>,
    hanging: watch::Sender<usize>,
    log: Mutex<Vec<Delivered>>,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = backend.state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let state = state.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(state.clone(), request));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A gateway that was killed breaks its connections; nothing to say about it.
                    let _broken = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        backend
    }

    /// A backend that answers 503 until [`Backend::accept_from_now_on`].
    pub(crate) async fn refusing() -> Self {
        let backend = Self::start().await;
        backend.state.refusing.store(true, Ordering::SeqCst);
        backend
    }

    /// A backend that changes the conversation's tag with every answer, which makes the tag store's log grow.
    pub(crate) async fn tagging() -> Self {
        let backend = Self::start().await;
        backend.state.tagging.store(true, Ordering::SeqCst);
        backend
    }

    pub(crate) fn accept_from_now_on(&self) {
        self.state.refusing.store(false, Ordering::SeqCst);
    }

    /// Whether requests from now on are left without an answer.
    pub(crate) fn hang(&self, hang: bool) {
        self.state.hang.send_replace(hang);
    }

    /// Waits until so many requests were left without an answer.
    pub(crate) async fn hanging(&self, count: usize) {
        let mut hanging = self.state.hanging.subscribe();
        let reached = hanging.wait_for(|hanging| *hanging >= count);
        drop(within(STEP_MAX, "deliveries to a backend that hangs", reached).await.unwrap());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every acknowledged delivery, in the order of the acknowledgements.
    pub(crate) fn log(&self) -> Vec<Delivered> {
        self.state.log.lock().unwrap().clone()
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Empty<bytes::Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    let Ok(body) = request.into_body().collect().await else {
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    if *state.hang.borrow() {
        state.hanging.send_modify(|hanging| *hanging += 1);
        std::future::pending::<()>().await;
    }
    if state.refusing.load(Ordering::SeqCst) {
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        return Ok(response);
    }
    let event: serde_json::Value = serde_json::from_slice(&body.to_bytes()).unwrap();
    if state.tagging.load(Ordering::SeqCst) {
        let long = || (0..NAME_CHARS).map(|_| fastrand::alphanumeric()).collect::<String>();
        response.headers_mut().insert("headgate-stage", format!("torture/{}", long()).parse().unwrap());
        response.headers_mut().insert("headgate-alias", long().parse().unwrap());
    }
    let text = |pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    state.log.lock().unwrap().push(Delivered {
        id: text("/data/raw/id"),
        conversation: text("/data/raw/from").trim_start_matches("49170").parse().unwrap(),
        text: text("/data/raw/text/body"),
        sequence: text("/sequence").parse().unwrap(),
    });
    Ok(response)
}
