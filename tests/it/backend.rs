//! Calling out, against real servers on real sockets.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use headgate::{
    backend::{Bounds, CallError, Client, ClientError, Egress, Metrics, Plan, Pool, Purpose},
    clock::{ManualClock, SharedClock},
    ids::{BackendId, Timestamp},
    metrics::Limits,
};
use http::{HeaderMap, Request, Response, Uri, Version};
use prometheus_client::registry::Registry;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::backend::{Reply, StubBackend, status};

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(30), answer_bytes_max: 1000 };

fn egress() -> Egress {
    Egress { ca: None, resolve: [].into(), timeout: Duration::from_secs(30) }
}

fn client() -> Client {
    Client::new(&egress(), None).unwrap()
}

/// A pool over `urls` with another plan than the usual, and what it counts.
pub(crate) fn pool_with<'a>(
    urls: &'a [Uri],
    clock: &Arc<ManualClock>,
    change: impl FnOnce(&mut Plan<'a>),
) -> (Pool, Registry) {
    let mut registry = Registry::default();
    let limits = Limits::new(&mut registry);
    let metrics = Metrics::new(&mut registry, &limits);
    let mut plan = Plan {
        backend: BackendId::new("chat"),
        purpose: Purpose::Api,
        urls,
        host: None,
        concurrency_max: 100,
        health: None,
    };
    change(&mut plan);
    let shared: SharedClock = clock.clone();
    (Pool::new(client(), shared, &plan, &metrics), registry)
}

async fn call(client: &Client, url: &str, bounds: Bounds) -> Result<Response<Bytes>, CallError> {
    client.call(Request::post(url).body(Bytes::from_static(b"body")).unwrap(), bounds).await
}

/// An authority in a file, and a server's TLS with a certificate of it for `backend.test`.
struct Authority {
    folder: tempfile::TempDir,
    server: Arc<rustls::ServerConfig>,
}

impl Authority {
    fn new(protocols: &[&[u8]]) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();

        let issuer = rcgen::Issuer::new(params, key);
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec!["backend.test".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der())),
            )
            .unwrap();
        server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { folder, server: Arc::new(server) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

fn at(host: &str, address: SocketAddr) -> Egress {
    Egress { resolve: [(host.to_owned(), address)].into(), ..egress() }
}

#[tokio::test]
async fn http2_is_spoken_where_both_sides_know_it_and_http1_elsewhere() {
    for (protocols, version) in [
        (vec![b"h2".as_slice(), b"http/1.1"], Version::HTTP_2),
        (vec![b"http/1.1".as_slice()], Version::HTTP_11),
        (vec![], Version::HTTP_11),
    ] {
        let authority = Authority::new(&protocols);
        let stub = StubBackend::start_tls(authority.server.clone(), |_, _| status(200)).await;
        for client in [
            Client::new(&at("backend.test", stub.address), Some(&authority.file())).unwrap(),
            Client::new(&Egress { ca: Some(authority.file()), ..at("backend.test", stub.address) }, None)
                .unwrap(),
        ] {
            let answer = call(&client, "https://backend.test/in", BOUNDS).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, b"..".as_slice()));
        }
        assert!(stub.requests().iter().all(|request| request.version == version), "{protocols:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_tls_error() {
    let authority = Authority::new(&[]);
    let stub = StubBackend::start_tls(authority.server.clone(), |_, _| status(200)).await;
    let stranger = Client::new(&at("backend.test", stub.address), None).unwrap();
    let error = call(&stranger, "https://backend.test/", BOUNDS).await.unwrap_err();
    assert!(matches!(error, CallError::Tls(_)), "{error:?}");

    let wrong_name = Client::new(&at("other.test", stub.address), Some(&authority.file())).unwrap();
    let error = call(&wrong_name, "https://other.test/", BOUNDS).await.unwrap_err();
    assert!(matches!(error, CallError::Tls(_)), "{error:?}");

    let clear_text = StubBackend::start(|_, _| status(200)).await;
    let client = Client::new(&at("backend.test", clear_text.address), Some(&authority.file())).unwrap();
    let error = call(&client, "https://backend.test/", BOUNDS).await.unwrap_err();
    assert!(matches!(error, CallError::Tls(_)), "{error:?}");
    assert_eq!(stub.requests().len() + clear_text.requests().len(), 0);
}

#[tokio::test]
async fn nobody_there_is_a_connect_error() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for url in [format!("http://{address}/"), format!("https://{address}/")] {
        let error = call(&client(), &url, BOUNDS).await.unwrap_err();
        assert!(matches!(error, CallError::Connect(_)), "{error:?}");
        assert!(error.nothing_sent());
    }
}

#[tokio::test]
async fn what_an_answer_may_cost_is_bounded() {
    let short = Bounds { timeout: Duration::from_millis(100), ..BOUNDS };
    for (reply, bounds, want) in [
        (Reply::Silent, short, "no complete answer within 100 ms"),
        (Reply::Answer(200, Vec::new(), 1001), BOUNDS, "the answer has more than 1000 bytes"),
        (Reply::ResetMidAnswer, BOUNDS, "the answer broke off"),
    ] {
        let stub = StubBackend::start(move |_, _| reply.clone()).await;
        let error = call(&client(), &stub.url("/").to_string(), bounds).await.unwrap_err();
        assert_eq!(error.to_string(), want);
        assert!(!error.nothing_sent(), "{want}");
    }
    let stub = StubBackend::start(|_, _| Reply::Answer(200, Vec::new(), 1000)).await;
    assert!(call(&client(), &stub.url("/").to_string(), BOUNDS).await.is_ok());
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_not_followed() {
    let stub = StubBackend::start(|_, _| Reply::Answer(307, vec![("location", "/elsewhere")], 0)).await;
    let answer = call(&client(), &stub.url("/").to_string(), BOUNDS).await.unwrap();
    assert_eq!(answer.status(), 307);
    let answer = client().fetch(&stub.url("/").to_string()).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn something_small_is_fetched_and_nothing_large() {
    for (size, whole) in [(64 << 10, true), ((64 << 10) + 1, false)] {
        let stub = StubBackend::start(move |_, _| Reply::Answer(200, Vec::new(), size)).await;
        let fetched = client().fetch(&stub.url("/SimpleNotificationService.pem").to_string()).await;
        match fetched {
            Ok(answer) => assert!(whole && answer.body().len() == size),
            Err(error) => assert!(!whole && matches!(error, CallError::Oversize { .. }), "{error:?}"),
        }
        assert_eq!(stub.requests()[0].uri.path(), "/SimpleNotificationService.pem");
    }
    assert!(matches!(client().fetch("not a url").await, Err(CallError::Url(_))));
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "# nothing\n").unwrap();
    for path in [empty, folder.path().join("absent.pem")] {
        let error = Client::new(&egress(), Some(&path)).unwrap_err();
        assert!(matches!(&error, ClientError::Ca { path: named, .. } if *named == path), "{error:?}");
    }
}

#[tokio::test]
async fn a_url_that_failed_stands_behind_the_others_for_a_moment() {
    let (first, second) = (
        StubBackend::start(|_, _| Reply::ResetMidAnswer).await,
        StubBackend::start(|_, _| status(200)).await,
    );
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let urls = [first.url("/"), second.url("/")];
    let (pool, _) = pool_with(&urls, &clock, |plan| plan.purpose = Purpose::Deliveries);
    let post = async || pool.post(&HeaderMap::new(), &Bytes::new(), BOUNDS).await;

    let error = post().await.unwrap_err();
    assert!(matches!(error, CallError::Cut(_)), "what may have arrived is not sent again: {error:?}");
    for _ in 0..3 {
        assert!(post().await.is_ok());
    }
    assert_eq!((first.requests().len(), second.requests().len()), (1, 3));
    clock.advance(Duration::from_secs(11));
    assert!(post().await.is_err());
    assert_eq!((first.requests().len(), second.requests().len()), (2, 3));
}
