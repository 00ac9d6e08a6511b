//! The world outside: a provider that posts over TLS, and Amazon's certificate host.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use super::samples::{ProviderKeys, SNS_HOST, Sample};

/// A self-signed certificate for `localhost` and Amazon's host, and Amazon itself.
pub(crate) struct Tls {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) amazon: SocketAddr,
    /// The paths that were asked of Amazon.
    pub(crate) visits: Arc<Mutex<Vec<String>>>,
}

impl Tls {
    /// Makes the certificate and starts Amazon, which serves `keys`' signing certificate.
    pub(crate) async fn start(keys: &ProviderKeys) -> Self {
        let names = ["localhost", "127.0.0.1", SNS_HOST].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let visits = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let amazon = listener.local_addr().unwrap();
        let acceptor = acceptor(&certificate, &key);
        let (signing, noted) = (keys.sns_certificate(), visits.clone());
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let (acceptor, signing, noted) = (acceptor.clone(), signing.clone(), noted.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request: Request<Incoming>| {
                        noted.lock().unwrap().push(request.uri().to_string());
                        let answer = Response::new(Full::new(Bytes::from(signing.clone())));
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { certificate, key, amazon, visits }
    }

    /// A client that trusts the certificate.
    pub(crate) fn client(&self) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// An answer, as a provider sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

/// Posts webhooks over TLS.
#[derive(Clone)]
pub(crate) struct Provider {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    hooks: SocketAddr,
}

impl Provider {
    pub(crate) fn new(hooks: SocketAddr, tls: &Tls) -> Self {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.client())
            .https_only()
            .enable_http1()
            .enable_http2()
            .build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector), hooks }
    }

    pub(crate) async fn post(&self, sample: &Sample) -> Answer {
        self.send("POST", sample.endpoint, &sample.headers, sample.body.clone()).await
    }

    pub(crate) async fn get(&self, endpoint: &str, query: &str) -> Answer {
        self.send("GET", &format!("{endpoint}?{query}"), &[], Vec::new()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        endpoint: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Answer {
        let url = format!("https://localhost:{}/hooks/{endpoint}", self.hooks.port());
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let retry_after = head.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status.as_u16(), retry_after, body }
    }
}

/// The answer to a clear-text `GET`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    send(address, "GET", path, String::new()).await
}

/// The answer to a clear-text request.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, body: String) -> (u16, String) {
    send_with(address, method, path, &[], body).await
}

/// The answer to a clear-text request with headers.
pub(crate) async fn send_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: String,
) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new())
        .build_http::<http_body_util::combinators::BoxBody<Bytes, Infallible>>();
    let body = if body.is_empty() { Empty::new().boxed() } else { Full::new(Bytes::from(body)).boxed() };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(body).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}
