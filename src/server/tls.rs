//! TLS: certificates by SNI, client certificates, reload.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{self, kx_group},
    },
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem, pem::PemObject},
    server::{
        ClientHello, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{
    config::{Certificate, Tls},
    peer::ClientCertificate,
};
use crate::ids::Timestamp;

/// Why a listener's TLS could not be set up from its files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("could not read `{}`", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not PEM, or does not hold what is looked for.
    #[error("found no usable {what} in `{}`", file.display())]
    Pem {
        /// `certificate` or `private key`.
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A certificate and its key cannot be used, mostly because one does not belong to the other.
    #[error("cannot use the certificate `{}` with the key `{}`", certificate.chain.display(), certificate.key.display())]
    Certificate {
        /// Which pair.
        certificate: Certificate,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate holds no name that a client could ask for.
    #[error("the certificate in `{}` names no host", file.display())]
    NoName {
        /// Which file.
        file: PathBuf,
    },
    /// A file of client CAs holds a certificate that cannot be one.
    #[error("cannot use the client CAs in `{}`", file.display())]
    ClientCa {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The client CAs cannot be used to verify anything.
    #[error("cannot verify client certificates by `{}`", file.display())]
    ClientVerifier {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: VerifierBuilderError,
    },
    /// Client certificates are asked for, and no CA is named.
    #[error("client certificates are required or named, and no client CA is configured")]
    NoClientCa,
    /// A listener with TLS has no certificate.
    #[error("no certificate is configured")]
    NoCertificate,
    /// The TLS library refuses the settings.
    #[error("could not set up TLS")]
    Setup(#[source] rustls::Error),
}

/// The TLS side of a listener. Connections begin with what is current; a reload does not touch those
/// that are open.
#[derive(Debug)]
pub struct Acceptor(ArcSwap<Current>);

/// What connections begin with.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) config: Arc<ServerConfig>,
    pub(super) certificates: Arc<Certificates>,
}

impl Acceptor {
    /// Reads all files.
    ///
    /// # Errors
    /// The first file that cannot be used, and why.
    pub fn new(tls: &Tls) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self(ArcSwap::from(server_config(tls)?))))
    }

    /// Reads all files anew, for connections from now on. Reads small files on the calling thread.
    ///
    /// # Errors
    /// The first file that cannot be used, and why; everything then stays as it was.
    pub fn reload(&self, tls: &Tls) -> Result<(), TlsError> {
        self.0.store(server_config(tls)?);
        Ok(())
    }

    /// Begins connections from now on with what `new` read.
    pub fn replace(&self, new: &Self) {
        self.0.store(new.current());
    }

    pub(super) fn current(&self) -> Arc<Current> {
        self.0.load_full()
    }
}

/// The DNS names of a certificate, and its common name.
pub(super) fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let dns = alternative.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(dns) => Some(*dns),
        _ => None,
    });
    let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = Vec::new();
    for name in dns.chain(common) {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a client's certificate says of who holds it. Names that cannot be read are none; the common name
/// is none, since anything may stand there.
pub(super) fn client_certificate(certificate: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let until = Timestamp::from_secs(parsed.validity().not_after.timestamp());
    let mut told = ClientCertificate { until, ..ClientCertificate::default() };
    let alternative = parsed.subject_alternative_name().ok().flatten();
    for name in alternative.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::URI(uri) => told.uris.push((*uri).to_owned()),
            GeneralName::DNSName(dns) => told.dns_names.push((*dns).to_owned()),
            GeneralName::RFC822Name(email) => told.emails.push((*email).to_owned()),
            _ => {}
        }
    }
    Some(told)
}

fn server_config(tls: &Tls) -> Result<Arc<Current>, TlsError> {
    let provider = Arc::new(CryptoProvider {
        // X25519 costs both sides least; the post-quantum hybrid is for clients that take nothing else.
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1, kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    });
    let certificates = Arc::new(Certificates::read(&tls.certificates, &provider)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Setup)?;
    let builder = match client_verifier(tls, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as _);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Providers call often: a ticket saves them and us the certificate's signature. Its keys live as
    // long as this configuration, so that a reload forgets what the old client CAs vouched for.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Setup)?;
    Ok(Arc::new(Current { config: Arc::new(config), certificates }))
}

/// A listener's certificates by the names in them.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The first: for a client that names no host, or one that no certificate has.
    default: Arc<CertifiedKey>,
    /// By whole name; several where one name has keys of several kinds.
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`; matches one label.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl Certificates {
    fn read(certificates: &[Certificate], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut default = None;
        let mut exact: HashMap<_, Vec<_>> = HashMap::new();
        let mut wildcard: HashMap<_, Vec<_>> = HashMap::new();
        for certificate in certificates {
            let chain = read_certificates(&certificate.chain)?;
            let names = chain.first().map(names_of).unwrap_or_default();
            if names.is_empty() {
                return Err(TlsError::NoName { file: certificate.chain.clone() });
            }
            let key = PrivateKeyDer::from_pem_slice(&read(&certificate.key)?).map_err(|source| {
                TlsError::Pem { what: "private key", file: certificate.key.clone(), source }
            })?;
            let certified = CertifiedKey::from_der(chain, key, provider)
                .map_err(|source| TlsError::Certificate { certificate: certificate.clone(), source })?;
            let certified = Arc::new(certified);
            for name in names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut wildcard, rest.to_owned()),
                    None => (&mut exact, name),
                };
                map.entry(name).or_default().push(Arc::clone(&certified));
            }
            default.get_or_insert(certified);
        }
        Ok(Self { default: default.ok_or(TlsError::NoCertificate)?, exact, wildcard })
    }

    /// Whether one certificate is for both hosts. A connection that was opened for one may then be used for the
    /// other (RFC 9110 section 7.4); a host that no certificate has is the default's.
    pub(super) fn share(&self, one: &str, other: &str) -> bool {
        let default = std::slice::from_ref(&self.default);
        let of = |host: &str| self.of_host(host).unwrap_or(default);
        let others = of(other);
        of(one).iter().any(|certificate| others.iter().any(|other| Arc::ptr_eq(certificate, other)))
    }

    /// The certificates with a host's name.
    fn of_host(&self, host: &str) -> Option<&[Arc<CertifiedKey>]> {
        let host = host.to_ascii_lowercase();
        let of_host = self.exact.get(&host).or_else(|| self.wildcard.get(host.split_once('.')?.1))?;
        Some(of_host)
    }

    /// The certificate for a host; of several, the first whose key the client can verify.
    fn pick(&self, host: &str, schemes: &[SignatureScheme]) -> Option<&Arc<CertifiedKey>> {
        let of_host = self.of_host(host)?;
        of_host
            .iter()
            .find(|certified| certified.key.choose_scheme(schemes).is_some())
            .or_else(|| of_host.first())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let picked = hello.server_name().and_then(|host| self.pick(host, hello.signature_schemes()));
        Some(Arc::clone(picked.unwrap_or(&self.default)))
    }
}

fn client_verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(file) = &tls.client_ca else {
        let asked = tls.client_required || !tls.client_names.is_empty();
        return if asked { Err(TlsError::NoClientCa) } else { Ok(None) };
    };
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(file)? {
        roots.add(certificate).map_err(|source| TlsError::ClientCa { file: file.clone(), source })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if tls.client_required { builder } else { builder.allow_unauthenticated() };
    let chain = builder.build().map_err(|source| TlsError::ClientVerifier { file: file.clone(), source })?;
    let names = tls.client_names.iter().map(|name| name.to_ascii_lowercase()).collect();
    Ok(Some(Arc::new(NamedClients { chain, names })))
}

/// Takes a client certificate whose chain is good and which carries a listed name.
#[derive(Debug)]
struct NamedClients {
    chain: Arc<dyn ClientCertVerifier>,
    /// Empty: any name will do.
    names: Vec<String>,
}

impl ClientCertVerifier for NamedClients {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let listed =
            self.names.is_empty() || names_of(end_entity).iter().any(|name| self.names.contains(name));
        if listed { Ok(verified) } else { Err(rustls::CertificateError::NotValidForName.into()) }
    }

    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::Pem { what: "certificate", file: file.to_owned(), source };
    let pem = read(file)?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(wrong)?;
    if certificates.is_empty() { Err(wrong(pem::Error::NoItemsFound)) } else { Ok(certificates) }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Read { file: file.to_owned(), source })
}
