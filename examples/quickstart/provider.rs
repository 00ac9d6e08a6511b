//! The outside world: the provider that posts webhooks over TLS, and the host that Amazon serves its
//! signing certificate from.

use std::{
    convert::Infallible,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use crate::samples::{SNS_HOST, Sample};

/// A self-signed certificate for `localhost`, its address and the host that Amazon's part is played on.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The PEM file, for `curl --cacert`.
    pub(crate) path: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// Makes one and writes it into a folder.
    pub(crate) fn write(folder: &Path, address: Ipv4Addr) -> Self {
        let names = ["localhost".to_owned(), address.to_string(), SNS_HOST.to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let certificate = Self { path: folder.join("localhost.pem"), key: folder.join("localhost.key") };
        fs::write(&certificate.path, made.cert.pem()).expect("the folder can be written");
        fs::write(&certificate.key, made.signing_key.serialize_pem()).expect("the folder can be written");
        certificate
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.path).expect("our own certificate")
    }
}

/// A client for HTTP and HTTPS.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that trusts the gateway's certificate.
pub(crate) fn client(certificate: &Certificate) -> HttpClient {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der()).expect("our own certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Posts webhooks to the gateway.
#[derive(Debug)]
pub(crate) struct Provider {
    client: HttpClient,
    hooks: SocketAddr,
}

impl Provider {
    /// A provider that trusts the gateway's certificate.
    pub(crate) fn new(hooks: SocketAddr, certificate: &Certificate) -> Self {
        Self { client: client(certificate), hooks }
    }

    /// Where it posts to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.hooks
    }

    /// Posts one and gives the answer's status.
    pub(crate) async fn post(&self, sample: &Sample) -> StatusCode {
        let url = format!("https://{}/hooks/{}", self.hooks, sample.endpoint);
        let mut request = Request::post(url);
        for (name, value) in &sample.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(sample.body.clone()))).expect("a request");
        self.client.request(request).await.expect("the gateway answers").status()
    }
}

/// Serves the certificate that SNS messages are signed with, as `sns.<region>.amazonaws.com` does.
#[derive(Debug)]
pub(crate) struct Amazon;

impl Amazon {
    /// Starts it at an address.
    pub(crate) async fn start(address: SocketAddr, certificate: &Certificate, signing: String) -> Self {
        let key = PrivateKeyDer::from_pem_file(&certificate.key).expect("our own key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der()], key)
            .expect("our own certificate");
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free");
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let (acceptor, signing) = (acceptor.clone(), signing.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |_request: Request<Incoming>| {
                        let answer = Response::new(Full::new(Bytes::from(signing.clone())));
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self
    }
}
