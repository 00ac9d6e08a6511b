//! Through the whole gateway: secrets that are rotated, certificates that are picked, exchanged and asked for.

use std::{fs, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    e2e::{World, metric, now},
    support::{
        gateway::{Setup, TestGateway},
        outside::Provider,
        samples::{self, ProviderKeys, Sample},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn any_of_an_endpoints_secrets_is_good_and_the_metric_says_which_one_matched() {
    let world = World::new().await;
    let setup = world.setup();
    let former = ProviderKeys::generate().sendgrid_public_key();
    let channels = setup
        .read("tenants/default/channels.toml")
        .replace(
            "[\"${env:WEBHOOK_KEY}\"]",
            "[\"whsec_Zm9ybWVyLWZvcm1lci1mb3JtZXItZm9ybWVyLWZvcm1lcg==\", \"${env:WEBHOOK_KEY}\"]",
        )
        .replace("secrets = [\"${env:", "secrets = [\"former_secret-0123456789\", \"${env:")
        .replace("public_keys = [", &format!("public_keys = [\"{former}\", "))
        .replace("basic = [", "basic = [\"postmark:former-password-0123\", ");
    let gateway = setup.file("tenants/default/channels.toml", &channels).start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let samples = samples::all(&world.keys, now());
    for sample in &samples {
        assert_eq!(provider.post(sample).await.status, 200, "{}", sample.name);
    }
    let (_status, metrics) = gateway.ops("/metrics").await;
    for sample in samples.iter().filter(|sample| sample.endpoint != "mail-ses") {
        let matched = |secret: u8| {
            let endpoint = sample.endpoint;
            let name = format!(
                r#"headgate_webhook_secret_matched_total{{endpoint="{endpoint}",secret="{secret}"}}"#
            );
            if metrics.contains(&name) { metric(&metrics, &name) } else { 0.0 }
        };
        assert!(matched(0) == 0.0 && matched(1) >= 1.0, "{}", sample.name);
    }
    assert!(!metrics.contains("former"));
    gateway.stop().await;
}

/// An authority that signs certificates for a test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Writes a new certificate and key of a host into the configuration's folder; gives the certificate.
    fn issue(&self, folder: &std::path::Path, host: &str) -> CertificateDer<'static> {
        let (certificate, key) = self.sign(host, ExtendedKeyUsagePurpose::ServerAuth);
        fs::write(folder.join(format!("{host}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{host}.key")), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }
}

/// A provider's connection, by which host name and with which certificate it likes.
async fn connect(
    gateway: &TestGateway,
    trusted: &str,
    host: &str,
    identity: Option<(rcgen::Certificate, KeyPair)>,
) -> std::io::Result<TlsStream<TcpStream>> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap(),
    };
    let stream = TcpStream::connect(gateway.hooks()).await?;
    let host = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(host, stream).await
}

fn leaf(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// The first line of the answer to a webhook whose body is short of `missing` bytes.
async fn post(stream: &mut TlsStream<TcpStream>, sample: &Sample, missing: usize) -> std::io::Result<String> {
    post_to("localhost", stream, sample, missing).await
}

async fn post_to(
    host: &str,
    stream: &mut TlsStream<TcpStream>,
    sample: &Sample,
    missing: usize,
) -> std::io::Result<String> {
    let mut head = format!("POST /hooks/{} HTTP/1.1\r\nhost: {host}\r\n", sample.endpoint);
    for (name, value) in &sample.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", sample.body.len() + missing);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&sample.body).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(answer).unwrap())
}

/// Puts more into the configuration of the `hooks` listener.
fn with_hooks(setup: Setup, more: &str) -> Setup {
    let main = setup.read("headgate.toml").replacen("[listener.ops]", &format!("{more}\n[listener.ops]"), 1);
    setup.file("headgate.toml", &main)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_listed_client_certificate_may_post_where_one_is_required() {
    const META: &str = "client.webhooks.fbclientcerts.com";
    let world = World::new().await;
    let (known, stranger) = (Authority::new(), Authority::new());
    let required = format!(
        "[listener.hooks.tls]\nclient_ca = \"meta-ca.pem\"\nclient_required = true\nclient_names = [\"{META}\"]\n"
    );
    let setup = with_hooks(world.setup().file("meta-ca.pem", &known.pem), &required);
    let gateway = setup.start().await;
    let of =
        |authority: &Authority, name: &str| Some(authority.sign(name, ExtendedKeyUsagePurpose::ClientAuth));
    let sample = world.sample("Messenger");
    for (name, identity, taken) in [
        ("none", None, false),
        ("another name", of(&known, "somebody.example"), false),
        ("another authority", of(&stranger, META), false),
        ("the listed one", of(&known, META), true),
    ] {
        // In TLS 1.3 a client learns only with the first answer that its certificate was refused.
        let answer = match connect(&gateway, &world.tls.certificate, "localhost", identity).await {
            Ok(mut stream) => post(&mut stream, &sample, 0).await.unwrap_or_default(),
            Err(_refused) => String::new(),
        };
        assert_eq!(answer.starts_with("HTTP/1.1 200"), taken, "{name}: {answer}");
    }
    assert_eq!(world.backend.acknowledged(1).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gets_its_own_certificate_and_a_new_one_without_a_restart() {
    let world = World::new().await;
    let authority = Authority::new();
    let certificates = ["a.test", "b.test"].map(|host| {
        format!("[[listener.hooks.tls.certificates]]\nchain = \"{host}.pem\"\nkey = \"{host}.key\"\n")
    });
    let setup = with_hooks(world.setup(), &certificates.concat());
    let folder = setup.path();
    let (a, b) = (authority.issue(&folder, "a.test"), authority.issue(&folder, "b.test"));
    let gateway = setup.start().await;
    let to = |host: &'static str| connect(&gateway, &authority.pem, host, None);
    assert_eq!(leaf(&to("a.test").await.unwrap()), a);
    let mut open = to("b.test").await.unwrap();
    assert_eq!(leaf(&open), b);

    let main = gateway.read("headgate.toml");
    let renewed = authority.issue(&folder, "b.test");
    gateway.reload_with("headgate.toml", &main).unwrap();
    assert_eq!(leaf(&to("b.test").await.unwrap()), renewed);
    assert_eq!(leaf(&to("a.test").await.unwrap()), a);
    let answer = post_to("b.test", &mut open, &world.sample("LINE"), 0).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "an open connection goes on: {answer}");

    fs::write(folder.join("b.test.pem"), "no certificate").unwrap();
    let mistake = gateway.reload_with("headgate.toml", &main).unwrap_err();
    assert!(mistake.contains("b.test.pem"), "{mistake}");
    assert_eq!(leaf(&to("b.test").await.unwrap()), renewed, "the last good one stays");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_asked_for_again_with_a_status_that_every_provider_repeats() {
    let world = World::new().await;
    let limits = "[listener.hooks.limits]\nbody_read_timeout = \"50ms\"\n";
    let gateway = with_hooks(world.setup(), limits).start().await;
    for name in ["Email by SES", "Email by SendGrid", "WhatsApp"] {
        let mut stream = connect(&gateway, &world.tls.certificate, "localhost", None).await.unwrap();
        let answer = post(&mut stream, &world.sample(name), 1).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: "), "{name}: {answer}");
    }
    gateway.stop().await;
}
