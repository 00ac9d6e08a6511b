//! A small chat backend: takes Headgate's deliveries, checks their signature, keeps them in memory.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::BASE64;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::sync::watch;

use crate::samples;

/// The backend, and what it was delivered.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    events: Arc<Mutex<Vec<Value>>>,
    count: Arc<watch::Sender<usize>>,
    printed: Arc<Mutex<usize>>,
}

impl Backend {
    /// Starts it at an address.
    pub(crate) async fn start(address: &str) -> Self {
        let backend = Self { events: Arc::default(), count: Arc::default(), printed: Arc::default() };
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

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let mut response = Response::new(Empty::new());
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        if signed(&head.headers, &body)
            && let Ok(event) = serde_json::from_slice(&body)
        {
            self.events.lock().expect("no panic").push(event);
            self.count.send_modify(|count| *count += 1);
        } else {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok(response)
    }
}

/// Whether the delivery carries Headgate's Standard Webhooks signature.
fn signed(headers: &http::HeaderMap, body: &[u8]) -> bool {
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
