//! One HTTP client: HTTP/1.1 and HTTP/2 by ALPN, verified TLS, connections kept for the next call, and
//! a bound on everything an answer can cost. It follows no redirect: whom Headgate talks to is configured.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{CaptureConnection, HttpConnector, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::sync::Notify;

use super::{CallError, Egress, Unfit, loan::Recalled, resolve::Resolver, wire::Connector};

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

/// Header fields of an answer.
const HEADERS_MAX: usize = 100;

/// Interim answers (1xx) before an answer. Servers send one or two: 100, 103.
const INTERIM_MAX: usize = 16;

/// Bytes of what [`Client::fetch`] and [`Client::ask`] read. An SNS signing certificate has less than
/// 4 KiB, a large issuer's key set some 20.
const FETCH_BYTES_MAX: usize = 64 << 10;

/// A client for everything Headgate calls. Cheap to clone: clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    /// Keeps connections.
    kept: Inner,
    /// Makes a new connection for each request.
    fresh: Inner,
    fetch: Bounds,
}

type Inner = legacy::Client<Connector<HttpsConnector<HttpConnector<Resolver>>>, Outgoing>;

/// The body of a request on its way out.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Recalled>;

/// Which connection a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// One that was kept, if there is one.
    Kept,
    /// A new one.
    Fresh,
}

/// The versions of HTTP that are offered over TLS. Clear text is HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Versions {
    All,
    Http1,
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

impl Client {
    /// A client that trusts the operating system's CAs, the one of `egress` and `ca`. Reads files.
    ///
    /// # Errors
    /// If a CA file cannot be used.
    pub fn new(egress: &Egress, ca: Option<&Path>) -> Result<Self, ClientError> {
        Self::with(egress, ca, Versions::All)
    }

    /// The same, with HTTP/1.1 alone. In HTTP/2 the name that is asked for is the URL's, so this is what
    /// can send another `Host`.
    ///
    /// # Errors
    /// If a CA file cannot be used.
    pub fn http1(egress: &Egress, ca: Option<&Path>) -> Result<Self, ClientError> {
        Self::with(egress, ca, Versions::Http1)
    }

    fn with(egress: &Egress, ca: Option<&Path>, versions: Versions) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(egress.resolve.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusting(egress.ca.as_deref().into_iter().chain(ca))?)
            .https_or_http();
        let connector = Connector(match versions {
            Versions::All => connector.enable_all_versions().wrap_connector(tcp),
            Versions::Http1 => connector.enable_http1().wrap_connector(tcp),
        });
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX as usize)
            .http1_max_headers(HEADERS_MAX)
            .http2_max_header_list_size(HEAD_BYTES_MAX)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT);
        let kept = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        let fetch = Bounds { timeout: egress.timeout, answer_bytes_max: FETCH_BYTES_MAX };
        Ok(Self { kept, fresh, fetch })
    }

    /// Makes one call and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// If there is no complete answer within the bounds.
    pub async fn call(&self, request: Request<Bytes>, bounds: Bounds) -> Result<Response<Bytes>, CallError> {
        let exchange = async {
            let whole = |body| Full::new(body).map_err(|never| match never {}).boxed_unsync();
            let (answer, _) = self.open(request.map(whole), Via::Kept).await?;
            let (head, body) = answer.into_parts();
            Ok(Response::from_parts(head, read(body, bounds.answer_bytes_max).await?))
        };
        tokio::time::timeout(bounds.timeout, exchange)
            .await
            .unwrap_or(Err(CallError::Timeout { after: bounds.timeout }))
    }

    /// Sends a request and waits for the answer's head, without bound in time. To drop the future is to
    /// end the exchange.
    pub(super) async fn open(
        &self,
        mut request: Request<Outgoing>,
        via: Via,
    ) -> Result<(Response<Incoming>, CaptureConnection), CallError> {
        let interim = Arc::new(Interim::default());
        let seen = Arc::clone(&interim);
        hyper::ext::on_informational(&mut request, move |_| seen.count());
        let connection = capture_connection(&mut request);
        let client = match via {
            Via::Kept => &self.kept,
            Via::Fresh => &self.fresh,
        };
        tokio::select! {
            // First, so that an answer at the end of a storm is none.
            biased;
            () = interim.too_many.notified() => {
                discard(&connection);
                Err(Unfit::Interim { max: INTERIM_MAX }.into())
            }
            answer = client.request(request) => Ok((answer?, connection)),
        }
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

/// Keeps a connection from being used again.
pub(super) fn discard(connection: &CaptureConnection) {
    if let Some(connection) = connection.connection_metadata().as_ref() {
        connection.poison();
    }
}

/// Counts the interim answers to one request.
#[derive(Debug, Default)]
struct Interim {
    count: AtomicUsize,
    too_many: Notify,
}

impl Interim {
    fn count(&self) {
        if self.count.fetch_add(1, Relaxed) == INTERIM_MAX {
            self.too_many.notify_one();
        }
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

/// A client's side of TLS that trusts the operating system's CAs and those of these files.
///
/// # Errors
/// If a file cannot be read or holds no certificate.
pub(crate) fn trusting<'a>(
    files: impl Iterator<Item = &'a Path>,
) -> Result<rustls::ClientConfig, ClientError> {
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
