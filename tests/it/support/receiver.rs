//! A chat backend that acknowledges what it gets, refuses when told to, and keeps everything.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::sync::watch;

/// A delivery as it came.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Delivery {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A string in the CloudEvents object.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

/// A status and headers.
type Answer = (StatusCode, Vec<(&'static str, String)>);

struct State {
    acknowledged: Mutex<Vec<Delivery>>,
    count: watch::Sender<usize>,
    /// Answers for the next deliveries; 200 when there is none.
    script: Mutex<VecDeque<Answer>>,
    /// While set, everything is answered so.
    always: Mutex<Option<StatusCode>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            acknowledged: Mutex::default(),
            count: watch::Sender::new(0),
            script: Mutex::default(),
            always: Mutex::default(),
        });
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let state = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(state.clone(), request));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, state }
    }

    /// The next delivery is answered so.
    pub(crate) fn answer_next(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.state.script.lock().unwrap().push_back((StatusCode::from_u16(status).unwrap(), headers));
    }

    /// Everything is answered so, until `None`.
    pub(crate) fn always(&self, status: Option<u16>) {
        *self.state.always.lock().unwrap() = status.map(|status| StatusCode::from_u16(status).unwrap());
    }

    /// Waits until `count` deliveries were acknowledged, and gives all that were.
    pub(crate) async fn acknowledged(&self, count: usize) -> Vec<Delivery> {
        self.state.count.subscribe().wait_for(|have| *have >= count).await.unwrap();
        self.state.acknowledged.lock().unwrap().clone()
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let scripted = match *state.always.lock().unwrap() {
        Some(status) => (status, Vec::new()),
        None => state.script.lock().unwrap().pop_front().unwrap_or((StatusCode::OK, Vec::new())),
    };
    let (status, headers) = scripted;
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    if status.is_success() {
        state.acknowledged.lock().unwrap().push(Delivery { headers: head.headers, body });
        state.count.send_modify(|count| *count += 1);
    }
    Ok(response)
}
