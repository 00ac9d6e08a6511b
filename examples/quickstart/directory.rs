//! A company's directory over HTTP (`docs/directory-openapi.yaml`): who the users are, their teams and roles.
//! `PUT /users/NAME` changes one.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

/// The roles of each kind of user: one of each preset. What the preset in force does not know grants nothing.
pub(crate) const ADMIN: [&str; 3] = ["qontak.admin", "kommo.administrator", "bitrix24.portal-admin"];
pub(crate) const SUPERVISOR: [&str; 3] =
    ["qontak.supervisor-division", "kommo.sales-manager", "bitrix24.open-channel.chief-executive"];
pub(crate) const AGENT: [&str; 3] = ["qontak.agent", "kommo.sales-junior", "bitrix24.open-channel.manager"];

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory(Arc<Mutex<BTreeMap<String, Value>>>);

impl Directory {
    /// Starts it at an address.
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let directory = Self(Arc::default());
        directory.set("ada", &[], &ADMIN);
        directory.set("sam", &["support"], &SUPERVISOR);
        directory.set("ana", &["support"], &AGENT);
        directory.set("ben", &["support"], &AGENT);
        directory.set("sue", &["sales"], &AGENT);
        let listener = tokio::net::TcpListener::bind(address).await.expect("the directory's port is free");
        let serving = directory.clone();
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let directory = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| directory.clone().answer(request));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        directory
    }

    /// Says what a user is from now on.
    pub(crate) fn set(&self, user: &str, teams: &[&str], roles: &[&str]) {
        let entry = json!({ "user": user, "active": true, "teams": teams, "roles": roles });
        self.0.lock().expect("no panic").insert(user.to_owned(), entry);
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let mut users = self.0.lock().expect("no panic");
        let path: Vec<_> = head.uri.path().split('/').skip(1).collect();
        let said = match (&head.method, path.as_slice()) {
            (&Method::GET, ["teams"]) => {
                Some(json!({ "teams": [{ "team": "support" }, { "team": "sales" }] }))
            }
            (&Method::GET, ["users", user]) => users.get(*user).cloned(),
            (&Method::PUT, ["users", user]) => serde_json::from_slice::<Value>(&body).ok().inspect(|entry| {
                users.insert((*user).to_owned(), entry.clone());
            }),
            _ => None,
        };
        let mut answer = Response::new(Full::default());
        match said {
            Some(said) => {
                let json = header::HeaderValue::from_static("application/json");
                answer.headers_mut().insert(header::CONTENT_TYPE, json);
                *answer.body_mut() = Full::from(said.to_string());
            }
            None => *answer.status_mut() = StatusCode::NOT_FOUND,
        }
        Ok(answer)
    }
}
