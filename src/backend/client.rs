//! One HTTP client: HTTP/1.1 and HTTP/2 by ALPN, verified TLS, connections kept for the next call, and
//! a bound on everything an answer can cost. It follows no redirect: whom Headgate talks to is configured.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{Egress, resolve::Resolver};

/// Time to reach an address. Far below a call's own time, so that the next address or URL gets a turn.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time an idle connection is kept. Below the 60 to 75 s after which common servers close theirs, so
/// that a call seldom meets a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Idle connections kept for each host.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Pause between pings of an HTTP/2 connection, and the time a ping may take. Without them one frozen
/// connection would let every call on it time out.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer's head. Answers carry a handful of headers.
const HEAD_BYTES_MAX: u32 = 64 << 10;

/// Bytes of what [`Client::fetch`] and [`Client::ask`] read. An SNS signing certificate has less than
/// 4 KiB, a large issuer's key set some 20.
const FETCH_BYTES_MAX: usize = 64 << 10;

/// A client for everything Headgate calls. Cheap to clone: clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    fetch: Bounds,
}

/// What one call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the call to the last byte of the answer.
    pub timeout: Duration,
    /// Bytes of the answer's body.
    pub answer_bytes_max: usize,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A CA file cannot be read, or holds no certificate.
    #[error("could not read the CA file `{}`", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// A certificate of a CA file is none that can vouch for others.
    #[error("the CA file `{}` holds a certificate that cannot be used", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The TLS library refused its settings.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
}

/// Why a call has no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The URL is not one.
    #[error("the URL cannot be called")]
    Url(#[source] http::Error),
    /// No connection: the name does not resolve, nobody listens, nobody answers.
    #[error("could not connect")]
    Connect(#[source] legacy::Error),
    /// A connection, but no TLS on it: wrong certificate, wrong name, no common version.
    #[error("the TLS handshake failed")]
    Tls(#[source] legacy::Error),
    /// The time was up.
    #[error("no complete answer within {} ms", after.as_millis())]
    Timeout {
        /// The time.
        after: Duration,
    },
    /// The connection ended, or spoke no HTTP, before the answer's head was there.
    #[error("the connection broke before the answer")]
    Exchange(#[source] legacy::Error),
    /// The connection ended within the answer's body.
    #[error("the answer broke off")]
    Cut(#[source] hyper::Error),
    /// The answer has more bytes than it may.
    #[error("the answer has more than {max} bytes")]
    Oversize {
        /// The bound.
        max: usize,
    },
}

impl CallError {
    /// Whether the request surely did not reach the other side, so that another URL may be tried at once.
    #[must_use]
    pub fn nothing_sent(&self) -> bool {
        match self {
            Self::Url(_) | Self::Connect(_) | Self::Tls(_) => true,
            Self::Timeout { .. } | Self::Exchange(_) | Self::Cut(_) | Self::Oversize { .. } => false,
        }
    }
}

impl From<legacy::Error> for CallError {
    fn from(error: legacy::Error) -> Self {
        if !error.is_connect() {
            return Self::Exchange(error);
        }
        // The connector gives a failed handshake as an `io::Error`; what fails below it has a type of
        // its own (hyper-rustls 0.27, `connector.rs`).
        if std::error::Error::source(&error).is_some_and(|source| source.is::<io::Error>()) {
            Self::Tls(error)
        } else {
            Self::Connect(error)
        }
    }
}

impl Client {
    /// A client that trusts the operating system's CAs, the one of `egress` and `ca`. Reads files.
    ///
    /// # Errors
    /// If a CA file cannot be used.
    pub fn new(egress: &Egress, ca: Option<&Path>) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(egress.resolve.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(egress.ca.as_deref().into_iter().chain(ca))?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX as usize)
            .http2_max_header_list_size(HEAD_BYTES_MAX)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(connector);
        let fetch = Bounds { timeout: egress.timeout, answer_bytes_max: FETCH_BYTES_MAX };
        Ok(Self { inner, fetch })
    }

    /// Makes one call and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// If there is no complete answer within the bounds.
    pub async fn call(&self, request: Request<Bytes>, bounds: Bounds) -> Result<Response<Bytes>, CallError> {
        let exchange = async {
            let answer = self.inner.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            Ok(Response::from_parts(head, read(body, bounds.answer_bytes_max).await?))
        };
        tokio::time::timeout(bounds.timeout, exchange)
            .await
            .unwrap_or(Err(CallError::Timeout { after: bounds.timeout }))
    }

    /// Gets something small (an SNS certificate, a subscription's confirmation: `providers.md`
    /// section 12). Whether the URL may be visited is decided by the caller, before.
    ///
    /// # Errors
    /// If there is no complete answer within `[egress] timeout` and 64 KiB.
    pub async fn fetch(&self, url: &str) -> Result<Response<Bytes>, CallError> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(url)
            .header(http::header::USER_AGENT, super::USER_AGENT)
            .body(Bytes::new())
            .map_err(CallError::Url)?;
        self.ask(request).await
    }

    /// Asks something that has a small answer (whether a token is active). Whom to ask is decided by the
    /// caller, before.
    ///
    /// # Errors
    /// If there is no complete answer within `[egress] timeout` and 64 KiB.
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallError> {
        self.call(request, self.fetch).await
    }

    /// Posts a body with headers of the caller's choice.
    ///
    /// # Errors
    /// If there is no complete answer within the bounds.
    pub(super) async fn post(
        &self,
        url: &Uri,
        headers: &http::HeaderMap,
        body: &Bytes,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, CallError> {
        let mut request = Request::new(body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.clone();
        *request.headers_mut() = headers.clone();
        self.call(request, bounds).await
    }
}

async fn read(mut body: Incoming, max: usize) -> Result<Bytes, CallError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(CallError::Oversize { max });
    }
    let mut whole = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        // Trailers have no meaning here.
        let Ok(data) = frame.map_err(CallError::Cut)?.into_data() else { continue };
        if whole.len().saturating_add(data.len()) > max {
            return Err(CallError::Oversize { max });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn tls<'a>(files: impl Iterator<Item = &'a Path>) -> Result<rustls::ClientConfig, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    // A machine without CAs is fine for clear text and for backends with a CA of their own.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for path in files {
        let at = |source| ClientError::Ca { path: path.to_owned(), source };
        let mut empty = true;
        for certificate in CertificateDer::pem_file_iter(path).map_err(at)? {
            empty = false;
            roots
                .add(certificate.map_err(at)?)
                .map_err(|source| ClientError::Certificate { path: path.to_owned(), source })?;
        }
        if empty {
            return Err(at(rustls_pki_types::pem::Error::NoItemsFound));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
