//! A chat backend that acknowledges what it gets, refuses when told to, and keeps what it acknowledged.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

use super::backend::{Recorded, Reply, StubBackend, ok_with, status};

/// A delivery as it was acknowledged.
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

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _stub: StubBackend,
}

#[derive(Default)]
struct State {
    acknowledged: watch::Sender<Vec<Delivery>>,
    /// Answers for the next deliveries; 200 when there is none.
    script: Mutex<VecDeque<Reply>>,
    /// While set, everything is answered so.
    always: Mutex<Option<u16>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(State::default());
        let answering = state.clone();
        let stub = StubBackend::start(move |delivery, _| answering.answer(delivery)).await;
        Self { address: stub.address, state, _stub: stub }
    }

    /// The next delivery is answered so.
    pub(crate) fn answer_next(&self, status: u16, headers: &[(&'static str, &'static str)]) {
        self.state.script.lock().unwrap().push_back(Reply::Answer(status, headers.to_vec(), 0));
    }

    /// Everything is answered so, until `None`.
    pub(crate) fn always(&self, status: Option<u16>) {
        *self.state.always.lock().unwrap() = status;
    }

    /// Waits until `count` deliveries were acknowledged, and gives all that were.
    pub(crate) async fn acknowledged(&self, count: usize) -> Vec<Delivery> {
        self.state.acknowledged.subscribe().wait_for(|all| all.len() >= count).await.unwrap().clone()
    }
}

impl State {
    fn answer(&self, delivery: &Recorded) -> Reply {
        let reply = match *self.always.lock().unwrap() {
            Some(code) => status(code),
            None => self.script.lock().unwrap().pop_front().unwrap_or_else(|| ok_with(&[])),
        };
        if matches!(reply, Reply::Answer(200..300, ..)) {
            let delivery = Delivery { headers: delivery.headers.clone(), body: delivery.body.clone() };
            self.acknowledged.send_modify(|all| all.push(delivery));
        }
        reply
    }
}
