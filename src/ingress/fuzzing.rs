//! The law of a webhook's path, whatever is asked for: a fuzz target feeds it, and the stable test suite replays
//! the saved corpus.

use std::collections::BTreeMap;

use http::Uri;

use crate::ids::EndpointId;

/// A request's target, as it stands in its first line. An endpoint is found by its exact path alone, and the
/// query that a provider's file sees is the target's.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn target(bytes: &[u8]) {
    let Ok(uri) = Uri::try_from(bytes) else { return };
    let endpoints: BTreeMap<_, _> = ["bot", "bot-2"].map(|name| (EndpointId::new(name), name)).into();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    assert_eq!(super::query(target), uri.query(), "{target:?}");
    if let Some(name) = super::endpoint(&endpoints, uri.path()) {
        let path = bytes.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        assert!(path.ends_with(format!("/hooks/{name}").as_bytes()), "{uri} names `{name}`");
        assert_eq!(uri.path(), format!("/hooks/{name}"), "{uri} names `{name}`");
    }
}
