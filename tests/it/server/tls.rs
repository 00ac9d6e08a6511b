//! TLS with certificates made for the test.

use std::{fs, path::PathBuf, sync::Arc};

use headgate::server::{Certificate, Limits, Tls};
use http::StatusCode;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Running, http1, http2, post, read, start_with};

const META: &str = "client.webhooks.fbclientcerts.com";

#[tokio::test]
async fn the_clients_host_name_picks_the_certificate() {
    let authority = Authority::new();
    let server = start_with(Limits::default(), Some(authority.tls(&["a.test", "b.test", "*.c.test"])));
    for (host, picked) in [
        ("a.test", "a.test"),
        ("b.test", "b.test"),
        ("B.Test", "b.test"),
        ("any.c.test", "*.c.test"),
        ("too.deep.c.test", "a.test"),
        ("unknown.test", "a.test"),
    ] {
        let stream = authority.connect(&server, host, &Client::default()).await.unwrap();
        assert_eq!(leaf(&stream), authority.leaf(picked), "{host}");
    }
}

#[tokio::test]
async fn alpn_chooses_the_version_and_the_service_is_told_the_host_name() {
    let authority = Authority::new();
    let server = start_with(Limits::default(), Some(authority.tls(&["a.test"])));
    let stream =
        authority.connect(&server, "a.test", &Client { alpn: &["h2"], ..Client::default() }).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (_, peer) = read(http2(stream).await.send_request(post("/peer", "")).await.unwrap()).await;
    assert!(peer.contains("Some(\"a.test\")"), "{peer}");

    for alpn in [&["http/1.1"][..], &[]] {
        let stream =
            authority.connect(&server, "a.test", &Client { alpn, ..Client::default() }).await.unwrap();
        let (status, _) = read(http1(stream).await.send_request(post("/echo", "")).await.unwrap()).await;
        assert_eq!(status, StatusCode::OK);
    }
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_with_x25519() {
    let authority = Authority::new();
    let server = start_with(Limits::default(), Some(authority.tls(&["a.test"])));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = Client { versions: vec![version], ..Client::default() };
        let stream = authority.connect(&server, "a.test", &client).await.unwrap();
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::X25519, "{version:?}");
    }
}

#[tokio::test]
async fn a_reload_serves_new_connections_and_leaves_the_old_ones_open() {
    let authority = Authority::new();
    let tls = authority.tls(&["a.test"]);
    let server = start_with(Limits::default(), Some(tls.clone()));
    let old = authority.connect(&server, "a.test", &Client::default()).await.unwrap();
    let first = authority.leaf("a.test");
    assert_eq!(leaf(&old), first);
    let mut old = http1(old).await;

    authority.issue("a.test");
    server.tls.as_ref().unwrap().reload(&tls).unwrap();
    let new = authority.connect(&server, "a.test", &Client::default()).await.unwrap();
    assert_eq!(leaf(&new), authority.leaf("a.test"));
    assert_ne!(leaf(&new), first);
    assert_eq!(read(old.send_request(post("/echo", "old")).await.unwrap()).await.1, "old");
}

#[tokio::test]
async fn a_bad_reload_names_the_file_and_changes_nothing() {
    let authority = Authority::new();
    let tls = authority.tls(&["a.test", "b.test"]);
    let server = start_with(Limits::default(), Some(tls.clone()));
    let before = authority.leaf("a.test");
    let (chain, key) = (authority.file("a.test", "pem"), authority.file("a.test", "key"));
    let other_key = fs::read(authority.file("b.test", "key")).unwrap();

    for (file, content, said) in [
        (&chain, &b"no certificate"[..], format!("found no usable certificate in `{}`", chain.display())),
        (&key, b"no key", format!("found no usable private key in `{}`", key.display())),
        (
            &key,
            &other_key,
            format!("cannot use the certificate `{}` with the key `{}`", chain.display(), key.display()),
        ),
    ] {
        let good = fs::read(file).unwrap();
        fs::write(file, content).unwrap();
        let error = server.tls.as_ref().unwrap().reload(&tls).unwrap_err();
        assert_eq!(error.to_string(), said);
        fs::write(file, good).unwrap();
    }
    fs::remove_file(&chain).unwrap();
    let error = server.tls.as_ref().unwrap().reload(&tls).unwrap_err();
    assert_eq!(error.to_string(), format!("could not read `{}`", chain.display()));

    let stream = authority.connect(&server, "a.test", &Client::default()).await.unwrap();
    assert_eq!(leaf(&stream), before);
}

#[tokio::test]
async fn a_required_client_certificate_must_be_there_and_carry_a_listed_name() {
    let authority = Authority::new();
    let tls = Tls {
        client_ca: Some(authority.ca_file()),
        client_required: true,
        client_names: vec![META.to_owned()],
        ..authority.tls(&["a.test"])
    };
    let mut server = start_with(Limits::default(), Some(tls));
    let stranger = Authority::new();
    for (client, reason) in [
        (Client::default(), "no_client_certificate"),
        (Client { identity: Some(authority.client("other.test")), ..Client::default() }, "client_name"),
        (Client { identity: Some(stranger.client(META)), ..Client::default() }, "client_certificate"),
    ] {
        assert!(authority.answered(&server, &client).await.is_none(), "{reason}");
        let failures = format!("headgate_tls_handshake_failures_total{{reason=\"{reason}\"}}");
        assert_eq!(server.metric(&failures), 1, "{reason}");
    }
    for identity in [authority.client(META), authority.client_by_common_name(META)] {
        let client = Client { identity: Some(identity), ..Client::default() };
        let peer = authority.answered(&server, &client).await.unwrap();
        assert!(peer.contains(META), "{peer}");
    }
    server.stop().await;
    assert_eq!(server.seen.requests(), 2);
}

#[tokio::test]
async fn an_optional_client_certificate_is_checked_if_it_is_there() {
    let authority = Authority::new();
    let tls = Tls { client_ca: Some(authority.ca_file()), ..authority.tls(&["a.test"]) };
    let server = start_with(Limits::default(), Some(tls));
    let stranger = Authority::new();
    let known = Client { identity: Some(authority.client("me.test")), ..Client::default() };
    let unknown = Client { identity: Some(stranger.client("me.test")), ..Client::default() };
    assert!(authority.answered(&server, &known).await.unwrap().contains("me.test"));
    assert!(authority.answered(&server, &Client::default()).await.unwrap().contains("client_names: []"));
    assert!(authority.answered(&server, &unknown).await.is_none());
}

#[tokio::test]
async fn clear_text_on_a_tls_listener_is_a_failed_handshake() {
    let authority = Authority::new();
    let mut server = start_with(Limits::default(), Some(authority.tls(&["a.test"])));
    let answer = server.raw("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(!answer.contains("HTTP"), "{answer}");
    server.stop().await;
    assert_eq!(server.metric("headgate_tls_handshake_failures_total{reason=\"protocol\"}"), 1);
}

/// A certificate authority with a folder for the certificates it issues.
pub(super) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// How a client shakes hands.
#[derive(Clone)]
struct Client {
    alpn: &'static [&'static str],
    versions: Vec<&'static rustls::SupportedProtocolVersion>,
    identity: Option<Arc<(CertificateDer<'static>, PrivateKeyDer<'static>)>>,
}

impl Default for Client {
    fn default() -> Self {
        Self { alpn: &["http/1.1"], versions: rustls::ALL_VERSIONS.to_vec(), identity: None }
    }
}

impl Authority {
    pub(super) fn new() -> Self {
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

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{extension}", name.replace('*', "wildcard")))
    }

    /// Writes a new certificate and key for a host name.
    fn issue(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.file(name, "pem"), certificate.pem()).unwrap();
        fs::write(self.file(name, "key"), key.serialize_pem()).unwrap();
    }

    /// The certificate last issued for a host name.
    fn leaf(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file(name, "pem")).unwrap()
    }

    /// A listener's TLS with new certificates for these host names.
    pub(super) fn tls(&self, names: &[&str]) -> Tls {
        let certificates = names.iter().map(|name| {
            self.issue(name);
            Certificate { chain: self.file(name, "pem"), key: self.file(name, "key") }
        });
        Tls {
            certificates: certificates.collect(),
            client_ca: None,
            client_required: false,
            client_names: Vec::new(),
        }
    }

    /// A client certificate with a DNS name.
    fn client(&self, name: &str) -> Arc<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        self.client_of(CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    /// A client certificate with a common name alone.
    fn client_by_common_name(&self, name: &str) -> Arc<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.client_of(params)
    }

    fn client_of(
        &self,
        mut params: CertificateParams,
    ) -> Arc<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Arc::new((certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap()))
    }

    /// Shakes hands with a server that is expected to have a certificate of this authority, for any name.
    async fn connect(
        &self,
        server: &Running,
        host: &str,
        client: &Client,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let chain = rustls::client::WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let verifier = Arc::new(AnyName(chain.build().unwrap()));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&client.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match client.identity.as_deref() {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        };
        config.alpn_protocols = client.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let host = ServerName::try_from(host.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(host, stream).await
    }

    /// What the service answers to this client; `None` if it was refused. In TLS 1.3 a client learns
    /// only with the first answer that its certificate was refused.
    async fn answered(&self, server: &Running, client: &Client) -> Option<String> {
        let stream = self.connect(server, "a.test", client).await.ok()?;
        let response = http1(stream).await.send_request(post("/peer", "")).await.ok()?;
        Some(read(response).await.1)
    }
}

fn leaf(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// Checks everything of a server's certificate but its name, which the tests look at themselves.
#[derive(Debug)]
struct AnyName(Arc<rustls::client::WebPkiServerVerifier>);

impl rustls::client::danger::ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        use rustls::{CertificateError::*, Error::InvalidCertificate};
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            Err(InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(rustls::client::danger::ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
