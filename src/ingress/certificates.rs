//! What SNS makes us fetch: signing certificates, kept for reuse, and confirmation URLs
//! (`providers.md` section 12). URLs come here checked: scheme, host and path are the channel's matter.
//!
//! AWS serves the signing certificate alone, without the intermediate that issued it, so its own chain
//! cannot be followed. What vouches for it is the TLS connection to the checked AWS host, whose chain
//! *is* verified; of the file itself the dates are checked.

use std::{fmt, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::{clock::SharedClock, spool::Later};

/// Certificates kept; AWS has one per region and year.
const CERTIFICATES_MAX: usize = 256;

/// How long a certificate is used before it is fetched and checked anew.
const CERTIFICATE_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Gets a small document from a checked https URL, without following redirects.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The body of a 200 answer.
    fn get<'a>(&'a self, url: &'a str) -> Later<'a, Result<Vec<u8>, FetchError>>;
}

/// Why something could not be fetched or used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer.
    #[error("could not fetch from the provider")]
    Call(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Another status than 200.
    #[error("the provider answered {0}")]
    Status(http::StatusCode),
    /// It is no PEM certificate.
    #[error("the fetched file is no PEM certificate")]
    NotPem,
    /// It is not valid yet, or no longer.
    #[error("the fetched certificate is outside its dates")]
    Dates,
}

/// Certificates by URL, each fetched once for all requests that wait for it.
#[derive(Debug)]
pub struct Certificates {
    fetch: Arc<dyn Fetch>,
    clock: SharedClock,
    known: Cache<String, (Duration, Arc<Vec<u8>>)>,
}

impl Certificates {
    pub(super) fn new(fetch: Arc<dyn Fetch>, clock: SharedClock) -> Self {
        Self { fetch, clock, known: Cache::new(CERTIFICATES_MAX) }
    }

    /// The PEM file at a URL, its chain and dates checked.
    pub(super) async fn get(&self, url: &str) -> Result<Arc<Vec<u8>>, FetchError> {
        if let Some((since, pem)) = self.known.get(url) {
            if self.clock.elapsed().saturating_sub(since) < CERTIFICATE_AGE_MAX {
                return Ok(pem);
            }
            self.known.remove(url);
        }
        let fetched = self.known.get_or_insert_async(url, async {
            let pem = self.fetch.get(url).await?;
            self.check(&pem)?;
            Ok::<_, FetchError>((self.clock.elapsed(), Arc::new(pem)))
        });
        fetched.await.map(|(_since, pem)| pem)
    }

    /// Visits a confirmation URL.
    pub(super) async fn visit(&self, url: &str) -> Result<(), FetchError> {
        self.fetch.get(url).await.map(drop)
    }

    fn check(&self, pem: &[u8]) -> Result<(), FetchError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_not_pem| FetchError::NotPem)?;
        let (_rest, certificate) =
            x509_parser::parse_x509_certificate(&der).map_err(|_not_der| FetchError::NotPem)?;
        let validity = certificate.validity();
        let now = self.clock.now().as_secs();
        if (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now) {
            Ok(())
        } else {
            Err(FetchError::Dates)
        }
    }
}
