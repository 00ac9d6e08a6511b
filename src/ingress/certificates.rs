//! What SNS makes us fetch: signing certificates, kept for reuse, and confirmation URLs
//! (`providers.md` section 12). URLs come here checked: scheme, host and path are the channel's matter.
//!
//! AWS serves the signing certificate alone, without the intermediate that issued it, so its own chain
//! cannot be followed. What vouches for it is the TLS connection to the checked AWS host, whose chain
//! *is* verified; of the file itself the dates are checked.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::metrics::counter::Counter;
use quick_cache::sync::Cache;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::sync::Semaphore;

use crate::{clock::SharedClock, spool::Later};

/// Certificates kept; AWS has one per region and year.
const CERTIFICATES_MAX: usize = 256;

/// How long a certificate is used before it is fetched and checked anew.
const CERTIFICATE_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Fetches at once. Which certificate a message names is not verified yet: whoever knows a listed topic
/// could make us ask AWS for any number of them. Beyond it the request is answered 503, and SNS repeats.
const FETCHES_MAX: usize = 8;

/// URLs remembered that gave no certificate, and for how long they are not asked again.
const FAILURES_MAX: usize = 256;
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

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
    /// It failed a moment ago.
    #[error("it could not be fetched a moment ago")]
    Lately,
    /// Too much is being fetched.
    #[error("too much is being fetched")]
    TooMany,
}

/// Certificates by URL, each fetched once for all requests that wait for it.
#[derive(Debug)]
pub struct Certificates {
    fetch: Arc<dyn Fetch>,
    clock: SharedClock,
    known: Cache<String, (Duration, Arc<Vec<u8>>)>,
    failed: Cache<String, Duration>,
    fetches: Semaphore,
    refused: Counter,
}

impl Certificates {
    /// `refused` counts what was not fetched because too much is being fetched.
    pub(super) fn new(fetch: Arc<dyn Fetch>, clock: SharedClock, refused: Counter) -> Self {
        Self {
            fetch,
            clock,
            known: Cache::new(CERTIFICATES_MAX),
            failed: Cache::new(FAILURES_MAX),
            fetches: Semaphore::new(FETCHES_MAX),
            refused,
        }
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
            // Looked at here, so that those who waited for a fetch that failed do not repeat it one by one.
            if self.failed_lately(url) {
                return Err(FetchError::Lately);
            }
            let pem = self.fetch(url).await.and_then(|pem| self.check(&pem).map(|()| pem));
            // A want of room says nothing of this URL.
            if pem.as_ref().is_err_and(|error| !matches!(error, FetchError::TooMany)) {
                self.failed.insert(url.to_owned(), self.clock.elapsed());
            }
            Ok((self.clock.elapsed(), Arc::new(pem?)))
        });
        fetched.await.map(|(_since, pem)| pem)
    }

    /// Visits a confirmation URL.
    pub(super) async fn visit(&self, url: &str) -> Result<(), FetchError> {
        self.fetch(url).await.map(drop)
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let Ok(_permit) = self.fetches.try_acquire() else {
            self.refused.inc();
            return Err(FetchError::TooMany);
        };
        self.fetch.get(url).await
    }

    fn failed_lately(&self, url: &str) -> bool {
        self.failed.get(url).is_some_and(|at| self.clock.elapsed().saturating_sub(at) < FAILURE_PAUSE)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::{clock::ManualClock, ids::Timestamp};

    /// Gives nothing, and that only when the gate is opened.
    #[derive(Debug)]
    struct Nothing {
        asked: AtomicUsize,
        gate: Semaphore,
    }

    impl Fetch for Nothing {
        fn get<'a>(&'a self, _url: &'a str) -> Later<'a, Result<Vec<u8>, FetchError>> {
            self.asked.fetch_add(1, SeqCst);
            Box::pin(async {
                let _open = self.gate.acquire().await;
                Err(FetchError::Status(http::StatusCode::NOT_FOUND))
            })
        }
    }

    fn certificates() -> (Arc<Certificates>, Arc<Nothing>, Arc<ManualClock>) {
        let fetch = Arc::new(Nothing { asked: AtomicUsize::new(0), gate: Semaphore::new(0) });
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let certificates = Certificates::new(fetch.clone(), clock.clone(), Counter::default());
        (Arc::new(certificates), fetch, clock)
    }

    /// Asks for all of them at once, and opens the gate when each waits or was refused.
    async fn ask(certificates: &Arc<Certificates>, fetch: &Nothing, urls: &[String]) -> Vec<FetchError> {
        let asking: Vec<_> = urls
            .iter()
            .cloned()
            .map(|url| {
                let certificates = Arc::clone(certificates);
                tokio::spawn(async move { certificates.get(&url).await.unwrap_err() })
            })
            .collect();
        // One thread: each of them runs until it has to wait.
        tokio::task::yield_now().await;
        fetch.gate.add_permits(urls.len());
        let mut errors = Vec::new();
        for answer in asking {
            errors.push(answer.await.unwrap());
        }
        errors
    }

    #[tokio::test]
    async fn a_url_that_gives_nothing_is_asked_once_for_all_who_wait_and_not_again_for_a_while() {
        let (certificates, fetch, clock) = certificates();
        let urls = vec!["https://sns.test/a.pem".to_owned(); 50];
        ask(&certificates, &fetch, &urls).await;
        assert_eq!(fetch.asked.load(SeqCst), 1);
        clock.advance(FAILURE_PAUSE);
        ask(&certificates, &fetch, &urls).await;
        assert_eq!(fetch.asked.load(SeqCst), 2);
    }

    #[tokio::test]
    async fn a_flood_of_urls_causes_no_flood_of_fetches() {
        let (certificates, fetch, _clock) = certificates();
        let urls: Vec<_> = (0..50).map(|n| format!("https://sns.test/{n}.pem")).collect();
        let errors = ask(&certificates, &fetch, &urls).await;
        assert_eq!(fetch.asked.load(SeqCst), FETCHES_MAX);
        let refused = errors.iter().filter(|error| matches!(error, FetchError::TooMany)).count();
        assert_eq!(refused, urls.len() - FETCHES_MAX);
        assert_eq!(certificates.refused.get(), refused as u64);
    }
}
