//! What a backend's answer means for the unit, and when to try again. Pure.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header::RETRY_AFTER};

use super::metrics::Outcome;
use crate::{
    backend::{Backend, CallError},
    ids::Timestamp,
};

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The backend has it.
    Acknowledged,
    /// The backend wants it never again.
    Gone,
    /// The backend works, but does not take this unit.
    UnitRefused,
    /// The backend does not work now; it may have said when to come back.
    BackendFailed {
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
}

/// Judges a call. An answer acknowledges only when all of it has arrived.
pub(super) fn judge(result: &Result<Response<Bytes>, CallError>, now: Timestamp) -> (Verdict, Outcome) {
    let failed = Verdict::BackendFailed { retry_after: None };
    let answer = match result {
        Ok(answer) => answer,
        Err(CallError::Url(_) | CallError::Connect(_) | CallError::Tls(_)) => {
            return (failed, Outcome::Unreachable);
        }
        Err(CallError::Timeout { .. } | CallError::Stalled { .. }) => return (failed, Outcome::TimedOut),
        Err(CallError::Exchange(_) | CallError::Unfit(_) | CallError::Cut(_)) => {
            return (failed, Outcome::Broken);
        }
        Err(CallError::Oversize { .. }) => return (failed, Outcome::Oversize),
    };
    match answer.status() {
        status if status.is_success() => (Verdict::Acknowledged, Outcome::Delivered),
        StatusCode::GONE => (Verdict::Gone, Outcome::Gone),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            (Verdict::BackendFailed { retry_after: retry_after(answer.headers(), now) }, Outcome::Failed)
        }
        status if status.is_server_error() => (failed, Outcome::Failed),
        _ => (Verdict::UnitRefused, Outcome::Refused),
    }
}

/// The pause before the next attempt, after `attempts` failed ones before this: exponential with full
/// jitter between `backoff_min` and `backoff_max`. A `Retry-After` takes its place within the same
/// bounds.
pub(super) fn pause(
    backend: &Backend,
    attempts: u32,
    retry_after: Option<Duration>,
    rng: &mut fastrand::Rng,
) -> Duration {
    let (shortest, longest) = (backend.backoff_min, backend.backoff_max.max(backend.backoff_min));
    if let Some(asked) = retry_after {
        return asked.clamp(shortest, longest);
    }
    let doubled = 1_u32.checked_shl(attempts.saturating_add(1)).unwrap_or(u32::MAX);
    let ceiling = shortest.saturating_mul(doubled).min(longest);
    shortest.saturating_add(ceiling.saturating_sub(shortest).mul_f64(rng.f64()))
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110 section 10.2.3). A time in the past is zero;
/// what is neither is as if absent.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Some(Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)).since(now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::{backend::Format, ids::BackendId};

    /// 1994-11-06 08:49:07 GMT, half a minute before the date of RFC 9110's own example.
    const NOW: Timestamp = Timestamp(784_111_747_000);

    fn backend() -> Backend {
        Backend {
            id: BackendId::new("chat"),
            urls: Vec::new(),
            format: Format::Event,
            keys: Vec::new(),
            ca: None,
            concurrency_max: 1,
            timeout: Duration::from_secs(10),
            attempts_max: 10,
            age_max: Duration::from_secs(3600),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(30),
            api: None,
            health: None,
        }
    }

    fn read(value: &[u8]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
        retry_after(&headers, NOW)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("+5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read(text.as_bytes()), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn a_status_says_whose_fault_it_is() {
        let failed = Verdict::BackendFailed { retry_after: None };
        for (status, want) in [
            (200, Verdict::Acknowledged),
            (204, Verdict::Acknowledged),
            (302, Verdict::UnitRefused),
            (400, Verdict::UnitRefused),
            (401, Verdict::UnitRefused),
            (404, Verdict::UnitRefused),
            (410, Verdict::Gone),
            (422, Verdict::UnitRefused),
            (429, failed),
            (500, failed),
            (502, failed),
            (503, failed),
            (504, failed),
        ] {
            let answer = Response::builder().status(status).body(Bytes::new()).unwrap();
            assert_eq!(judge(&Ok(answer), NOW).0, want, "{status}");
        }
    }

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        let backend = backend();
        let mut rng = fastrand::Rng::with_seed(1);
        let longest_of = |attempts: u32, rng: &mut fastrand::Rng| {
            (0..1000).map(|_| pause(&backend, attempts, None, rng)).max().unwrap()
        };
        for (attempts, ceiling) in [(0, 2), (1, 4), (2, 8), (3, 16), (10, 60), (31, 60), (u32::MAX, 60)] {
            let longest = longest_of(attempts, &mut rng).as_secs_f64();
            assert!(longest <= f64::from(ceiling), "{attempts}: {longest}");
            assert!(longest > f64::from(ceiling) * 0.9, "{attempts}: {longest} uses little of its range");
        }
    }

    #[test]
    fn a_backend_that_names_a_time_gets_it_within_the_bounds() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (asked, given) in [(7, 7), (0, 1), (60, 60), (86_400, 60)] {
            let pause = pause(&backend(), 3, Some(Duration::from_secs(asked)), &mut rng);
            assert_eq!(pause, Duration::from_secs(given), "{asked}");
        }
    }

    proptest! {
        #[test]
        fn no_retry_after_makes_it_panic(value in proptest::collection::vec(32_u8..=255, 0..64)) {
            prop_assume!(value.iter().all(|b| *b != 127));
            let _ = read(&value);
        }
    }
}
