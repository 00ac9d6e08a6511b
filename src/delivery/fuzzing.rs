//! The laws that reading a backend's answer keeps, whatever the backend sends: fuzz targets feed them, and
//! the stable test suite replays the saved corpora.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

use super::{
    answer::{self, Ignored, VALUE_BYTES_MAX, Wish},
    verdict,
};
use crate::{
    channel::fuzzing::head,
    directory::{Directory, Team, User},
    ids::{TeamId, Timestamp, UserId},
};

/// The headers of an answer that change a tag, as header lines. What is read is in bounds and known to the
/// directory, and only what was sent is told to be ignored.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn answer_headers(lines: &[u8]) {
    let (headers, _rest) = head(lines);
    let mut directory = Directory::default();
    directory.users.insert(UserId::new("ana"), User::default());
    directory.teams.insert(TeamId::new("sales"), Team::default());
    let (wishes, ignored) = answer::read(&headers, &directory);
    for value in [&wishes.alias, &wishes.stage].into_iter().flatten() {
        assert!(!value.is_empty() && value.len() <= VALUE_BYTES_MAX, "out of bounds: {value:?}");
        assert!(!value.chars().any(char::is_control), "a control character: {value:?}");
    }
    assert!(wishes.stage.iter().all(|stage| stage.matches('/').count() == 1), "{:?}", wishes.stage);
    if let Wish::Set(user) = &wishes.responsible {
        assert_eq!(user.as_str(), "ana", "a user whom the directory does not know");
    }
    if let Wish::Set(team) = &wishes.team {
        assert_eq!(team.as_str(), "sales", "a team that the directory does not know");
    }
    for Ignored { header, .. } in ignored {
        assert!(headers.contains_key(header), "`{header}` was ignored but never sent");
    }
}

/// The value of `Retry-After`: digits are seconds, whatever else it holds is a date or as if absent.
///
/// # Panics
/// If a law is broken.
pub fn retry_after(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let now = Timestamp::from_secs(1_700_000_000);
    let asked = verdict::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.clone())]), now);
    let text = value.to_str().unwrap_or_default().trim_ascii();
    match text.parse() {
        Ok(seconds) if !text.starts_with('+') => {
            assert_eq!(asked, Some(Duration::from_secs(seconds)), "{text:?}");
        }
        Ok(_) => assert_eq!(asked, None, "{text:?}"),
        // The last date that there is ends the year 9999.
        Err(_no_seconds) => assert!(
            asked.is_none_or(|pause| pause == Duration::from_secs(u64::MAX) || pause.as_secs() < 1 << 38),
            "{text:?} asks for {asked:?}"
        ),
    }
}
