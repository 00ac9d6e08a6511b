//! An issuer of tokens on a real socket: it publishes keys, or answers questions.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// What it was asked: the `Authorization` header and the body.
pub(crate) type Question = (String, String);

pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    answer: Mutex<(u16, String)>,
    questions: watch::Sender<Vec<Question>>,
    /// While false, answers wait.
    open: watch::Sender<bool>,
}

impl Issuer {
    pub(crate) async fn start(answer: &Value) -> Self {
        Self::start_with(answer, None).await
    }

    /// Over TLS with this certificate and key.
    pub(crate) async fn start_tls(answer: &Value, certificate: &str, key: &str) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::start_with(answer, Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(answer: &Value, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let state = Arc::new(State {
            answer: Mutex::new((200, answer.to_string())),
            questions: watch::Sender::new(Vec::new()),
            open: watch::Sender::new(true),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = state.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, tls) = (answering.clone(), tls.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| answer_to(state.clone(), request));
                    let server = auto::Builder::new(TokioExecutor::new());
                    match tls {
                        None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            drop(server.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                });
            }
        });
        Self { address, state, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn answers(&self, answer: &Value) {
        *self.state.answer.lock().unwrap() = (200, answer.to_string());
    }

    pub(crate) fn fails(&self) {
        *self.state.answer.lock().unwrap() = (503, String::new());
    }

    /// Answers wait until [`Self::goes_on`].
    pub(crate) fn waits(&self) {
        self.state.open.send_replace(false);
    }

    pub(crate) fn goes_on(&self) {
        self.state.open.send_replace(true);
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked(&self, count: usize) {
        self.state.questions.subscribe().wait_for(|all| all.len() >= count).await.unwrap();
    }

    pub(crate) fn questions(&self) -> Vec<Question> {
        self.state.questions.borrow().clone()
    }
}

async fn answer_to(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let authorization =
        request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let question = (authorization.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap());
    state.questions.send_modify(|all| all.push(question));
    state.open.subscribe().wait_for(|open| *open).await.unwrap();
    let (status, answer) = state.answer.lock().unwrap().clone();
    let mut response = Response::new(Full::from(answer));
    *response.status_mut() = status.try_into().unwrap();
    Ok(response)
}
