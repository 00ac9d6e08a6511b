//! A small chat backend: takes Headgate's deliveries, checks their signature, keeps them in memory, and has an
//! API for agents. The API asks nobody who they are: Headgate stands before it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::BASE64;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{ops::Ops, samples};

/// The backend, and what it was delivered.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    events: Arc<Mutex<Vec<Value>>>,
    conversations: Arc<Mutex<Vec<Conversation>>>,
    count: Arc<watch::Sender<usize>>,
    printed: Arc<Mutex<usize>>,
    ops: Ops,
}

/// A conversation, as the backend knows it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// Headgate's id.
    pub(crate) id: String,
    /// The backend's own id, which Headgate is told as its alias: the account, for each has one conversation here.
    pub(crate) name: String,
    pub(crate) responsible: Option<String>,
    pub(crate) team: Option<String>,
    texts: Vec<Value>,
}

type Answer = Response<Full<Bytes>>;

impl Backend {
    /// Starts it at an address. It tells `ops` whom it assigned a conversation to.
    pub(crate) async fn start(address: SocketAddr, ops: Ops) -> Self {
        let (events, conversations) = Default::default();
        let backend = Self { events, conversations, count: Arc::default(), printed: Arc::default(), ops };
        let listener = tokio::net::TcpListener::bind(address).await.expect("the backend's port is free");
        let serving = backend.clone();
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let backend = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| backend.clone().answer(request));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        backend
    }

    /// Waits until so many events arrived.
    pub(crate) async fn received(&self, count: usize) {
        let mut arrived = self.count.subscribe();
        arrived.wait_for(|arrived| *arrived >= count).await.expect("the backend lives");
    }

    /// The conversations, by name.
    pub(crate) fn conversations(&self) -> Vec<Conversation> {
        let mut all = self.conversations.lock().expect("no panic").clone();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Prints what arrived since the last call.
    pub(crate) fn print_new(&self) {
        let events = self.events.lock().expect("no panic");
        let mut printed = self.printed.lock().expect("no panic");
        println!("The backend received:");
        println!(
            "  {:<11} {:<24} {:<13} {:<12} {:<8} text",
            "conversation", "type", "source", "responsible", "team"
        );
        for event in events.iter().skip(*printed) {
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
            let source = text("/source").trim_start_matches('/').split('/').next().unwrap_or("-");
            println!(
                "  {:.11}… {:<24} {:<13} {:<12} {:<8} {}",
                text("/subject"),
                text("/type"),
                source,
                text("/responsible"),
                text("/team"),
                text("/data/text").trim_end(),
            );
        }
        *printed = events.len();
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let path: Vec<_> = head.uri.path().split('/').skip(1).collect();
        Ok(match (&head.method, path.as_slice()) {
            (&Method::POST, ["events"]) => self.take(&head.headers, &body),
            (&Method::GET, ["api", "conversations"]) => answer(
                &json!({ "conversations": self.conversations().iter().map(shown).collect::<Vec<_>>() }),
            ),
            (&Method::GET, ["api", "conversations", name]) => {
                self.find(name).map_or_else(missing, |found| answer(&shown(&found)))
            }
            (&Method::GET, ["api", "conversations", name, "messages"]) => {
                self.find(name).map_or_else(missing, |found| answer(&json!({ "messages": found.texts })))
            }
            (&Method::POST, ["api", "conversations", name, "assign"]) => self.assign(name, &body).await,
            _ => missing(),
        })
    }

    /// A delivery. The answer names the conversation as the backend does.
    fn take(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let event = serde_json::from_slice(body).ok().filter(|_| signed(headers, body));
        let Some(event): Option<Value> = event else { return status(StatusCode::UNAUTHORIZED) };
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let mut taken = status(StatusCode::NO_CONTENT);
        if let (Some(id), Some(source)) = (text("/subject"), text("/source")) {
            let mut conversations = self.conversations.lock().expect("no panic");
            let message = json!({ "text": text("/data/text") });
            if let Some(known) = conversations.iter_mut().find(|known| known.id == id) {
                known.texts.push(message);
            } else {
                let name = source.rsplit('/').next().unwrap_or_default().to_owned();
                taken.headers_mut().insert("headgate-alias", name.parse().expect("an account's name"));
                let (responsible, team) = (text("/responsible"), text("/team"));
                conversations.push(Conversation { id, name, responsible, team, texts: vec![message] });
            }
        }
        self.events.lock().expect("no panic").push(event);
        self.count.send_modify(|count| *count += 1);
        taken
    }

    /// `{"assignee": "ben"}`: assigns, and has Headgate know it before it answers.
    async fn assign(&self, name: &str, body: &[u8]) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(user) = body.get("assignee").and_then(Value::as_str) else {
            return status(StatusCode::UNPROCESSABLE_ENTITY);
        };
        let Some(found) = self.find(name) else { return missing() };
        if !self.ops.assign(&found.id, user).await.is_success() {
            return status(StatusCode::CONFLICT);
        }
        let mut conversations = self.conversations.lock().expect("no panic");
        for conversation in conversations.iter_mut().filter(|one| one.id == found.id) {
            conversation.responsible = Some(user.to_owned());
        }
        answer(&json!({ "id": name, "assignee": user }))
    }

    fn find(&self, name: &str) -> Option<Conversation> {
        self.conversations.lock().expect("no panic").iter().find(|one| one.name == name).cloned()
    }
}

fn shown(conversation: &Conversation) -> Value {
    let Conversation { name, responsible, team, texts, .. } = conversation;
    let memo = "what the backend keeps to itself";
    json!({
        "id": name, "assignee": responsible, "team": team, "phone": "+62 811 0000 000", "messages": texts.len(), "memo": memo,
    })
}

fn answer(body: &Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

fn missing() -> Answer {
    status(StatusCode::NOT_FOUND)
}

/// Whether the delivery carries Headgate's Standard Webhooks signature.
fn signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content =
        [format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes(), body].concat();
    let key = BASE64.decode(samples::BACKEND_KEY.trim_start_matches("whsec_").as_bytes()).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    text("webhook-signature").split(' ').any(|one| {
        let mac = one.strip_prefix("v1,").and_then(|mac| BASE64.decode(mac.as_bytes()).ok());
        mac.is_some_and(|mac| hmac::verify(&key, &content, &mac).is_ok())
    })
}
