//! `certs/make-dev-certs.sh`, and that the repository holds no key.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{is_there, root};
use crate::{
    e2e::World,
    support::{program::Program, samples::Sample},
};

/// A client that trusts the made CA.
fn trusting(certificates: &Path) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificates.join("ca.pem")).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
}

/// One that shows the made client certificate.
fn known(certificates: &Path) -> TlsConnector {
    let chain = vec![CertificateDer::from_pem_file(certificates.join("client.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificates.join("client.key")).unwrap();
    TlsConnector::from(Arc::new(trusting(certificates).with_client_auth_cert(chain, key).unwrap()))
}

/// One that shows none.
fn unknown(certificates: &Path) -> TlsConnector {
    TlsConnector::from(Arc::new(trusting(certificates).with_no_client_auth()))
}

/// Posts a webhook; the status line of the answer.
async fn post(
    connector: TlsConnector,
    hooks: SocketAddr,
    host: &'static str,
    sample: &Sample,
) -> std::io::Result<String> {
    let stream = TcpStream::connect(hooks).await?;
    let mut stream = connector.connect(ServerName::try_from(host).unwrap(), stream).await?;
    let mut head = format!("POST /hooks/{} HTTP/1.1\r\nhost: localhost\r\n", sample.endpoint);
    for (name, value) in &sample.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", sample.body.len());
    stream.write_all(&[head.as_bytes(), &sample.body].concat()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_script_makes_serves_tls_to_who_trusts_its_ca_and_shows_its_client_certificate() {
    if !is_there("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("certs");
    let made = Command::new(root("certs/make-dev-certs.sh")).arg(&certificates).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut names: Vec<String> = fs::read_dir(&certificates)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["ca.key", "ca.pem", "client.key", "client.pem", "server.key", "server.pem"]);
    for key in names.iter().filter(|name| name.ends_with(".key")) {
        let mode = fs::metadata(certificates.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{key} can be read by others");
    }

    // As Meta's mTLS: a client certificate is asked for, and must carry its name.
    let world = World::new().await;
    let named = |name: &str| certificates.join(name).display().to_string();
    let setup = world.setup().edit("headgate.toml", |text| {
        let client = format!(
            "[listener.hooks.tls]\nclient_ca = \"{}\"\nclient_required = true\n\
             client_names = [\"client.webhooks.fbclientcerts.com\"]\n\n[listener.ops]",
            named("ca.pem")
        );
        text.replacen("\"localhost.pem\"", &format!("\"{}\"", named("server.pem")), 1)
            .replacen("\"localhost.key\"", &format!("\"{}\"", named("server.key")), 1)
            .replacen("[listener.ops]", &client, 1)
    });
    let program = Program::start(setup.command("serve"));
    let hooks = program.address("hooks").await;
    let sample = world.sample("WhatsApp");
    for host in ["localhost", "127.0.0.1", "::1"] {
        let answer = post(known(&certificates), hooks, host, &sample).await.unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK", "{host}");
    }
    let strange = post(known(&certificates), hooks, "elsewhere.example", &sample).await;
    assert!(strange.is_err(), "its certificate is for this machine alone");
    // In TLS 1.3 a client learns only with the first answer that a certificate was wanted.
    let without = post(unknown(&certificates), hooks, "localhost", &sample).await.unwrap_or_default();
    assert!(!without.contains("200"), "{without}");
}

#[test]
fn the_repository_holds_no_key() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root("")).output();
    let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
        eprintln!("SKIPPED: no git, or no checkout");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files: Vec<&str> = listed.split('\0').filter(|name| !name.is_empty()).collect();
    assert!(files.contains(&"certs/make-dev-certs.sh"), "the list was not understood");
    // Base64 of the first bytes of a PKCS #8, SEC 1 or PKCS #1 key.
    let begins = ["MC", "MH", "MI"];
    for name in files {
        let kind = Path::new(name).extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        assert!(!["key", "pem", "p12", "pfx", "der", "jks"].contains(&kind), "{name}");
        let text = fs::read(root(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for after in text.split("PRIVATE KEY-----").skip(1) {
            // Behind the end of the line, also where it is written as an escape.
            let after = after.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let after = after.strip_prefix('n').unwrap_or(after);
            assert!(!begins.iter().any(|begin| after.starts_with(begin)), "a private key is in {name}");
        }
    }
}
