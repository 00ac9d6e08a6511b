//! The laws every channel's parser keeps, as plain functions: fuzz targets feed them strangers' bytes,
//! property tests and the replay of saved corpora call them on the stable toolchain.

use http::HeaderMap;

use super::{
    Evidence, Item, Malformed, Provider, Request, Split, Verified,
    event::{Event, Raw},
    signature::Matched,
};
use crate::ids::Timestamp;

/// Splits a body as if its signature had matched, and checks what must hold of any result.
///
/// # Errors
/// If the body cannot be read at all.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn split(provider: &Provider, headers: &HeaderMap, body: &[u8]) -> Result<Split, Malformed> {
    let request = Request { query: None, headers, body, now: Timestamp::from_secs(1_700_000_000) };
    let split = provider.split(&Verified { request, secret: Matched(0) })?;
    for item in &split.items {
        if let Item::Event(event) = item {
            laws_of(event, body);
        }
    }
    Ok(split)
}

/// Verifies a request whose headers and body a stranger chose. It must neither panic nor match.
///
/// # Panics
/// If the request is believed.
pub fn forged(provider: &Provider, headers: &HeaderMap, body: &[u8]) {
    let request = Request { query: None, headers, body, now: Timestamp::from_secs(1_700_000_000) };
    assert!(provider.verify(request, Evidence::Nothing).is_err(), "a forged request was believed");
}

#[expect(clippy::panic, reason = "a broken law must stop the fuzzer")]
fn laws_of(event: &Event, body: &[u8]) {
    assert!(!event.dedupe.is_empty(), "an event without a dedupe id: {event:?}");
    assert!(event.dedupe.iter().all(|id| !id.is_empty()), "an event with an empty dedupe id: {event:?}");
    if let Some(thread) = &event.thread {
        assert!(!thread.keys.is_empty(), "a thread without a name: {event:?}");
    }
    let json = match &event.raw {
        Raw::Whole => return,
        Raw::Owned(text) => text.as_bytes(),
        Raw::Range(range) => body
            .get(range.start as usize..range.end as usize)
            .unwrap_or_else(|| panic!("the raw range {range:?} is outside the body")),
    };
    let fragment = serde_json::from_slice::<&serde_json::value::RawValue>(json);
    assert!(fragment.is_ok(), "the raw fragment is not JSON");
}

/// A body of a Meta app that has all three products.
pub fn meta(data: &[u8]) {
    let meta = Provider::Meta(super::meta::Meta {
        app_secrets: vec![crate::secret::Secret::new("app")],
        verify_token: crate::secret::Secret::new("verify"),
        channels: vec![super::Channel::Whatsapp, super::Channel::Facebook, super::Channel::Instagram],
    });
    drop(split(&meta, &HeaderMap::new(), data));
}
