//! The laws of what strangers send to the agents' listener: fuzz targets feed them, and the stable test suite
//! replays the saved corpora.

use http::Uri;

use serde_json::Value;

use super::{
    body,
    path::{CanonicalPath, Target},
    write::fields::{Fields, Way},
};

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
    let Ok(read) = body::read(bytes) else { return };
    let plain: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(plain) => plain,
        Err(error) => panic_on(&error),
    };
    assert_eq!(read, plain, "two readings");
    let mut fields = Fields::default();
    if fields.put_all(&mut Way::new(), &read).is_ok() {
        let seen = |name: &String| fields.written().any(|(way, _)| way.contains(name));
        assert!(names(&read).into_iter().all(seen), "a field was not seen");
    }
}

/// Every member's name in a value.
fn names(value: &Value) -> Vec<&String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [vec![name], names(value)].concat()).collect()
        }
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

#[expect(clippy::panic, reason = "a law is broken; this is what a fuzzer looks for")]
fn panic_on(error: &serde_json::Error) -> ! {
    panic!("taken, and no JSON: {error}")
}
