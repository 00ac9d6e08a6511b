//! The laws of what strangers send to the agents' listener: fuzz targets feed them, and the stable test suite
//! replays the saved corpora.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};

use super::{body, coding, path::CanonicalPath, path::Target};

/// A request's target. Its canonical path is canonical again, and whoever decodes it once, twice or not at
/// all finds the same parts and no dots.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn path(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = CanonicalPath::of(text)
    {
        assert_eq!(CanonicalPath::of(path.as_str()).as_ref(), Ok(&path), "{text:?}");
        let parts = path.parts().count();
        let mut read = path.as_str().as_bytes().to_vec();
        for times in 0..3 {
            let found: Vec<_> = read.split(|byte| *byte == b'/').skip(1).collect();
            assert_eq!(found.len(), parts, "{text:?} decoded {times} times");
            assert!(
                found.iter().all(|part| *part != b"." && *part != b".."),
                "{text:?} decoded {times} times"
            );
            assert!(
                !read.contains(&b'\\') && !read.contains(&b';') && !read.iter().any(u8::is_ascii_control)
            );
            read = percent_encoding::percent_decode(&read).collect();
        }
    }
    if let Ok(uri) = Uri::try_from(bytes)
        && let Ok(target) = Target::of(&uri, 8 << 10, 100)
    {
        let again: Result<Uri, _> = target.forwarded().parse();
        let again = again.ok().and_then(|uri| Target::of(&uri, 8 << 10, 100).ok());
        assert_eq!(again.as_ref(), Some(&target), "{uri}");
        let _names = target.parameters().count();
    }
}

/// The body of a write. What is taken for its fields is what everybody else reads in it.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn written(bytes: &[u8]) {
    for at in ["", "/contact", "/a/b"] {
        let Ok(fields) = body::fields(bytes, at) else { continue };
        let whole: serde_json::Value = match serde_json::from_slice(bytes) {
            Ok(whole) => whole,
            Err(error) => panic_on(&error),
        };
        let read: Vec<_> =
            whole.pointer(at).and_then(|object| object.as_object()).into_iter().flatten().collect();
        assert!(read.iter().all(|(name, _)| fields.contains(*name)), "a field was not seen");
    }
}

/// An encoded answer of a backend's; its first byte chooses the coding. What comes out is within the bound, and a
/// smaller bound changes nothing but that.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn encoded(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let coding = match first % 3 {
        0 => "gzip",
        1 => "br",
        _ => "zstd",
    };
    let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))]);
    let within = |max: usize| coding::decoded(&headers, Bytes::copy_from_slice(body), max);
    let Ok(decoded) = within(1 << 20) else { return };
    assert!(decoded.len() <= 1 << 20, "beyond the bound");
    assert_eq!(within(decoded.len()).as_ref(), Ok(&decoded), "its own length is no bound for it");
    if let Some(less) = decoded.len().checked_sub(1) {
        assert_eq!(within(less), Err(coding::Uncoded::TooLarge), "a byte less is one");
    }
}

#[expect(clippy::panic, reason = "a law is broken; this is what a fuzzer looks for")]
fn panic_on(error: &serde_json::Error) -> ! {
    panic!("taken, and no JSON: {error}")
}
