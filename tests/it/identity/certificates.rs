//! Client certificates, through real listeners.

use std::{convert::Infallible, fs, net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use headgate::{
    identity::Authenticator,
    metrics,
    server::{self, Certificate, LimitedBody, Limits, Listener, Metrics, Peer, Serving, Tls},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prometheus_client::registry::Registry;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, string::Ia5String,
};
use rustls::{
    ClientConfig, HandshakeKind, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::{World, told};

const ACME: &str = "[certificate.agents]\nsan = 'uri'\nusers = { 'spiffe://acme/ana' = 'ana' }\n";

#[tokio::test]
async fn c22_a_certificate_counts_by_its_one_whole_uri() {
    let authority = Authority::new();
    let world = World::new(&[("acme", ACME)]);
    let gate = Gate::open(&authority.tls(&authority, false), &world.authenticator);
    let named = |names: Vec<SanType>| authority.client(names);
    for (client, expected) in [
        (named(vec![uri("spiffe://acme/ana")]), "acme/ana by certificate"),
        (named(vec![uri("spiffe://acme/ana"), dns("x.test")]), "acme/ana by certificate"),
        (named(vec![uri("spiffe://acme/ana"), uri("spiffe://acme/adm")]), "certificate"),
        (named(vec![uri("spiffe://acme/ana\0.evil.test")]), "certificate"),
        (named(vec![uri("spiffe://acme/ana"), dns("x\0.test")]), "certificate"),
        (named(vec![dns("spiffe://acme/ana")]), "certificate"),
        (named(Vec::new()), "certificate"),
    ] {
        let answer = gate.ask(&client_config(&authority, Some(client), &[])).await;
        // A certificate that the TLS library itself finds odd does not get this far, which is as well.
        assert!(
            answer.as_ref().map_or(expected == "certificate", |(told, _)| told == expected),
            "{answer:?}"
        );
    }
    // The right name as a common name, and no certificate at all.
    assert_eq!(gate.ask(&client_config(&authority, None, &[])).await.unwrap().0, "missing");
}

#[tokio::test]
async fn c21_a_session_of_one_listener_is_not_resumed_on_another() {
    let (lenient, strict) = (Authority::new(), Authority::new());
    let world = World::new(&[("acme", ACME)]);
    let a = Gate::open(&lenient.tls(&lenient, false), &world.authenticator);
    let b = Gate::open(&lenient.tls(&strict, true), &world.authenticator);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mine = lenient.client(vec![uri("spiffe://acme/ana")]);
        let client = client_config(&lenient, Some(mine), &[version]);
        assert_eq!(
            a.ask(&client).await.unwrap(),
            ("acme/ana by certificate".to_owned(), HandshakeKind::Full)
        );
        let again = a.ask(&client).await.unwrap();
        assert_eq!(again, ("acme/ana by certificate".to_owned(), HandshakeKind::Resumed), "{version:?}");
        assert_eq!(b.ask(&client).await, None, "{version:?}");
    }
}

/// A listener whose service tells who calls.
struct Gate {
    address: SocketAddr,
    _serving: Serving,
}

impl Gate {
    fn open(tls: &Tls, authenticator: &Arc<Authenticator>) -> Self {
        let listener = Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: Some(tls.clone()),
            limits: Limits::default(),
        };
        let mut registry = Registry::default();
        let limits = metrics::Limits::new(&mut registry);
        let bound = server::bind(&listener, "test", &Metrics::new(&mut registry, &limits)).unwrap();
        let address = bound.local_address().unwrap();
        let authenticator = authenticator.clone();
        let service = service_fn(move |request: Request<LimitedBody>| {
            let authenticator = authenticator.clone();
            async move {
                let mut head = request.into_parts().0;
                let peer = head.extensions.get::<Peer>().unwrap().clone();
                let told = told(authenticator.authenticate(&mut head, &peer).await);
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(told)))
            }
        });
        Self { address, _serving: bound.serve(service, CancellationToken::new()) }
    }

    /// What it answers, and how the handshake went; `None` if it does not let the client in.
    async fn ask(&self, client: &Arc<ClientConfig>) -> Option<(String, HandshakeKind)> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("gate.test").unwrap();
        let stream = TlsConnector::from(client.clone()).connect(name, stream).await.ok()?;
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/").header("host", "gate.test").body(Empty::<Bytes>::new()).unwrap();
        let answer = send.send_request(request).await.ok()?;
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((String::from_utf8(body.to_vec()).unwrap(), kind))
    }
}

/// A certificate with its key.
pub(crate) type Client = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A client that trusts `authority` and keeps sessions for whoever is `gate.test`.
fn client_config(
    authority: &Authority,
    identity: Option<Client>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let versions = if versions.is_empty() { rustls::ALL_VERSIONS } else { versions };
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
    Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
    })
}

pub(crate) fn uri(name: &str) -> SanType {
    SanType::URI(Ia5String::try_from(name).unwrap())
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).unwrap())
}

pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, certificate: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A listener's TLS as `gate.test`, which takes clients of `clients`.
    fn tls(&self, clients: &Self, client_required: bool) -> Tls {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["gate.test".to_owned()]).unwrap();
        fs::write(self.file("gate.pem"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(self.file("gate.key"), key.serialize_pem()).unwrap();
        Tls {
            certificates: vec![Certificate { chain: self.file("gate.pem"), key: self.file("gate.key") }],
            client_ca: Some(clients.file("ca.pem")),
            client_required,
            client_names: Vec::new(),
        }
    }

    /// A client certificate with these names, and always the right one as its common name.
    pub(crate) fn client(&self, names: Vec<SanType>) -> Client {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "spiffe://acme/ana");
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}
