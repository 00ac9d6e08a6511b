//! What a body is written in.

use http::{HeaderMap, HeaderValue, header};

use crate::{config::writing::Media, gate::body::UnfitBody};

/// What a body is written in, with what is needed to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// One JSON text, the fields of which are set.
    Json,
    /// The same as a merge patch (RFC 7396): `null` deletes a field, and a list takes the place of another one.
    MergePatch,
    /// A JSON Patch (RFC 6902).
    JsonPatch,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` with this boundary.
    Multipart(String),
}

/// What the body of a request with these headers is written in, if a route takes it: by one media type, without a
/// coding, in UTF-8. The backend would read another charset as other text (G04).
///
/// # Errors
/// [`UnfitBody::MediaType`].
pub fn written(headers: &HeaderMap, accepts: &[Media]) -> Result<Written, UnfitBody> {
    read(headers, accepts).ok_or(UnfitBody::MediaType)
}

fn read(headers: &HeaderMap, accepts: &[Media]) -> Option<Written> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(media), None) = (types.next().map(HeaderValue::to_str), types.next()) else { return None };
    if headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    let mut parts = media.ok()?.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let media = match name.as_str() {
        "application/json" => Media::Json,
        "application/merge-patch+json" => Media::MergePatch,
        "application/json-patch+json" => Media::JsonPatch,
        "application/x-www-form-urlencoded" => Media::Form,
        "multipart/form-data" => Media::Multipart,
        _ => return None,
    };
    let mut boundaries = Vec::new();
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        let value = value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'))?;
        match name.to_ascii_lowercase().as_str() {
            "charset" if value.eq_ignore_ascii_case("utf-8") => {}
            "boundary" if media == Media::Multipart && is_boundary(value) => {
                boundaries.push(value.to_owned())
            }
            _ => return None,
        }
    }
    let mut boundaries = boundaries.into_iter();
    accepts.contains(&media).then_some(())?;
    match (media, boundaries.next(), boundaries.next()) {
        (Media::Multipart, Some(boundary), None) => Some(Written::Multipart(boundary)),
        (Media::Json, None, None) => Some(Written::Json),
        (Media::MergePatch, None, None) => Some(Written::MergePatch),
        (Media::JsonPatch, None, None) => Some(Written::JsonPatch),
        (Media::Form, None, None) => Some(Written::Form),
        _ => None,
    }
}

/// RFC 2046 section 5.1.1, without what ends a parameter to some servers, or begins another one: Rack takes what stands behind the last
/// `boundary=`.
fn is_boundary(value: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"'+_-.".contains(&byte);
    (1..=70).contains(&value.len()) && value.bytes().all(may_stand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&'static str, &'static str)], accepts: &[Media]) -> Result<Written, UnfitBody> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        written(&headers, accepts)
    }

    const ALL: &[Media] = &[Media::Json, Media::MergePatch, Media::JsonPatch, Media::Form, Media::Multipart];

    #[test]
    fn a_media_type_is_known_in_any_writing() {
        for (media, expected) in [
            ("application/json", Written::Json),
            ("Application/JSON; charset=UTF-8", Written::Json),
            ("application/json;charset=\"utf-8\"", Written::Json),
            ("application/merge-patch+json", Written::MergePatch),
            ("application/json-patch+json", Written::JsonPatch),
            ("application/x-www-form-urlencoded; charset=utf-8", Written::Form),
            ("multipart/form-data; boundary=\"a'b\"", Written::Multipart("a'b".to_owned())),
        ] {
            assert_eq!(read(&[("content-type", media)], ALL), Ok(expected), "{media}");
        }
    }

    #[test]
    fn only_what_the_route_takes_is_read_and_only_as_it_stands() {
        assert_eq!(
            read(&[("content-type", "application/x-www-form-urlencoded")], &[Media::Json]),
            Err(UnfitBody::MediaType)
        );
        assert_eq!(
            read(&[("content-type", "application/merge-patch+json")], &[Media::Json]),
            Err(UnfitBody::MediaType)
        );
        for headers in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "application/vnd.api+json")],
            &[("content-type", "application/json; charset=utf-7")],
            &[("content-type", "application/json; charset=utf-8; charset=utf-7")],
            &[("content-type", "application/json; boundary=x")],
            &[("content-type", "application/json; profile=x")],
            &[("content-type", "application/json, text/plain")],
            &[("content-type", "application/json"), ("content-type", "text/plain")],
            &[("content-type", "application/json"), ("content-encoding", "gzip")],
            &[("content-type", "application/json"), ("content-encoding", "identity")],
            &[("content-type", "multipart/form-data")],
            &[("content-type", "multipart/form-data; boundary=")],
            &[("content-type", "multipart/form-data; boundary=a; boundary=b")],
            &[("content-type", "multipart/form-data; boundary=\"a;b\"")],
            &[("content-type", "multipart/form-data; boundary=\"aboundary=b\"")],
            &[("content-type", "multipart/form-data; boundary=a; charset=latin1")],
            &[("content-type", "multipart/mixed; boundary=a")],
        ] {
            assert_eq!(read(headers, ALL), Err(UnfitBody::MediaType), "{headers:?}");
        }
    }
}
