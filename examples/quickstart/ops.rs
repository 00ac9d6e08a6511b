//! The operators' API of the gateway, as the backend and the directory use it.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::provider::HttpClient;

/// A client of it.
#[derive(Clone, Debug)]
pub(crate) struct Ops {
    pub(crate) client: HttpClient,
    /// Where the configuration has the `ops` listener.
    pub(crate) address: SocketAddr,
}

impl Ops {
    /// Makes somebody responsible for a conversation.
    pub(crate) async fn assign(&self, id: &str, user: &str) -> StatusCode {
        let path = format!("/v1/conversations/{id}");
        let (_status, tag) = self.ask(Method::GET, &path, &Value::Null).await;
        let change = json!({ "version": tag["version"], "responsible": user });
        self.ask(Method::PATCH, &path, &change).await.0
    }

    /// Makes somebody take part in a conversation.
    pub(crate) async fn join(&self, id: &str, user: &str) -> StatusCode {
        let path = format!("/v1/conversations/{id}");
        let (_status, tag) = self.ask(Method::GET, &path, &Value::Null).await;
        let change = json!({ "version": tag["version"], "participants": [user] });
        self.ask(Method::PATCH, &path, &change).await.0
    }

    /// What was taken out of an answer.
    pub(crate) async fn removed(&self, decision: &str) -> Value {
        let path = format!("/v1/decisions/{decision}?tenant=default");
        self.ask(Method::GET, &path, &Value::Null).await.1["removed"].clone()
    }

    /// Has the directory asked again about a user.
    pub(crate) async fn invalidate(&self, user: &str) -> StatusCode {
        let body = json!({ "tenant": "default", "user": user });
        self.ask(Method::POST, "/v1/grants/invalidate", &body).await.0
    }

    /// Why a request was decided as it was.
    pub(crate) async fn why(&self, decision: &str) -> String {
        let path = format!("/v1/decisions/{decision}?tenant=default");
        let (_status, record) = self.ask(Method::GET, &path, &Value::Null).await;
        record["why"].as_str().unwrap_or("-").to_owned()
    }

    /// Waits until a conversation has its alias: until the delivery whose answer named it is done.
    pub(crate) async fn named(&self, id: &str) {
        let path = format!("/v1/conversations/{id}");
        while self.ask(Method::GET, &path, &Value::Null).await.1["alias"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let answer = self.client.request(request).await.expect("the gateway answers");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}
