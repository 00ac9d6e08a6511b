//! A backend's URLs: the first that works.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Response, Uri};

use super::{Bounds, CallError, Client};
use crate::clock::SharedClock;

/// How long a URL that failed stands behind the others. Long enough that a dead one costs little,
/// short enough that a restarted one is soon back in its place.
const PUT_BACK: Duration = Duration::from_secs(10);

/// The URLs of a backend, in the order of the configuration, with what was lately seen of them.
#[derive(Debug)]
pub struct Pool {
    client: Client,
    clock: SharedClock,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    url: Uri,
    /// Stands behind the others until then, in milliseconds of [`crate::clock::Clock::elapsed`].
    put_back_until_ms: AtomicU64,
}

impl Pool {
    /// A pool over `urls`, of which there must be one at least for a call to succeed.
    #[must_use]
    pub fn new(client: Client, clock: SharedClock, urls: &[Uri]) -> Self {
        let place = |url: &Uri| Place { url: url.clone(), put_back_until_ms: AtomicU64::new(0) };
        Self { client, clock, places: urls.iter().map(place).collect() }
    }

    /// Posts to the first URL that can be reached. One that cannot is put back and the next is tried;
    /// once a request may have been sent there is no second try, so that one call is one request.
    ///
    /// # Errors
    /// The last URL's, if none gave a complete answer within the bounds.
    pub async fn post(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, CallError> {
        let started = self.clock.elapsed();
        let mut last = CallError::Timeout { after: bounds.timeout };
        for place in self.in_order(started) {
            let timeout = bounds.timeout.saturating_sub(self.clock.elapsed().saturating_sub(started));
            if timeout.is_zero() {
                break;
            }
            match self.client.post(&place.url, headers, body, Bounds { timeout, ..bounds }).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    place.put_back(self.clock.elapsed());
                    if !error.nothing_sent() {
                        return Err(error);
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// All places: those in good standing first, each group in the order of the configuration.
    fn in_order(&self, now: Duration) -> Vec<&Place> {
        let mut places: Vec<&Place> = self.places.iter().collect();
        places.sort_by_key(|place| place.put_back_until_ms.load(Ordering::Relaxed) > ms(now));
        places
    }
}

impl Place {
    fn put_back(&self, now: Duration) {
        self.put_back_until_ms.store(ms(now + PUT_BACK), Ordering::Relaxed);
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
