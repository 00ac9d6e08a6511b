//! The one path of a request: what is decided on and what is forwarded are the same text.
//!
//! Every server on the way reads an ambiguous path in its own way, and each difference is a way past the
//! gate. So a path has one canonical form here, what has more than one reading has none, and nothing after
//! this looks at the target as it was sent. Rows A01 to A09 and A22 of the security checklist.

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::query;

/// Why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is longer than the limit.
    #[error("the target is too long")]
    TooLong,
    /// It has no path.
    #[error("the target is not a path")]
    NoPath,
    /// A character that has no place in a path, or that some servers take for another.
    #[error("the path holds a character that may not stand there as it is")]
    Character,
    /// `%` without two hex digits, or bytes that are not UTF-8.
    #[error("the path's encoding is not valid")]
    Encoding,
    /// A slash, backslash, semicolon, control character or percent sign that is encoded.
    #[error("the path hides a character that divides it")]
    Hidden,
    /// `.` or `..`, encoded; or `..` above the root.
    #[error("the path leads out of where it seems to lead")]
    Dots,
    /// The query has a character that may not stand there, or invalid encoding.
    #[error("the query is not valid")]
    Query,
    /// The query has a name that two readers could read as two names.
    #[error("a name in the query is not written as names are")]
    QueryName,
    /// The query has more parameters than the limit.
    #[error("the query has too many parameters")]
    QueryParameters,
}

/// A path in its canonical form, such as `/api/v1/contacts/7`: no empty part but the last, no dots, nothing
/// encoded that need not be, every encoding in capitals. Made only by [`CanonicalPath::of`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalPath(String);

impl CanonicalPath {
    /// The canonical form of a path as it was sent.
    ///
    /// Slashes that follow each other are one. `.` and `..` are resolved. What is encoded without need is
    /// decoded, once. A slash at the end stays: it names something else.
    ///
    /// # Errors
    /// [`PathError`]: the path has more than one reading.
    pub fn of(sent: &str) -> Result<Self, PathError> {
        let rest = sent.strip_prefix('/').ok_or(PathError::NoPath)?;
        let mut parts: Vec<String> = Vec::new();
        let mut ends_in_slash = true;
        for part in rest.split('/') {
            ends_in_slash = matches!(part, "" | "." | "..");
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or(PathError::Dots)?;
                }
                part => parts.push(canonical_part(part)?),
            }
        }
        let mut path: String = parts.iter().flat_map(|part| ["/", part.as_str()]).collect();
        if ends_in_slash {
            path.push('/');
        }
        Ok(Self(path))
    }

    /// The text, which begins with a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands between its slashes; the last is empty if the path ends in a slash.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }
}

/// The path and the query of a request, both checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path.
    pub path: CanonicalPath,
    /// The query as it was sent, without the question mark.
    pub query: Option<String>,
}

impl Target {
    /// Reads a request's target within its limits.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn of(uri: &Uri, bytes_max: usize, parameters_max: usize) -> Result<Self, PathError> {
        let whole = uri.path_and_query().ok_or(PathError::NoPath)?;
        if whole.as_str().len() > bytes_max {
            return Err(PathError::TooLong);
        }
        let path = CanonicalPath::of(whole.path())?;
        let query = whole.query().filter(|query| !query.is_empty());
        if let Some(query) = query {
            check_query(query, parameters_max)?;
        }
        Ok(Self { path, query: query.map(str::to_owned) })
    }

    /// The names of the query's parameters, decoded once, without brackets and what else some backends pass over:
    /// `assignee%5Ftype[]` and `[assignee_type]` are `assignee_type` (A21).
    pub fn parameters(&self) -> impl Iterator<Item = String> {
        self.written_parameters().map(|(name, _value)| query::base(&name).to_owned())
    }

    /// The query's parameters, each as the parts of its name and its value: `contact[phone]=7` is `contact` and `phone`,
    /// and `7`. Where a `;` stands in it, as those read it who take it for `&`, and then as those who do not.
    pub fn pairs(&self) -> impl Iterator<Item = (Vec<String>, String)> {
        let uncut = self.query.as_deref().filter(|query| query.contains(';')).unwrap_or_default();
        let uncut = form_urlencoded::parse(uncut.as_bytes());
        let uncut = uncut.map(|(name, value)| (name.into_owned(), value.into_owned()));
        self.written_parameters().chain(uncut).map(|(name, value)| {
            let parts = name.split(['[', ']']).filter(|part| !part.is_empty());
            (parts.map(str::to_owned).collect(), value)
        })
    }

    /// Names as they were written and values, decoded once. Some backends take `;` for `&`.
    pub(super) fn written_parameters(&self) -> impl Iterator<Item = (String, String)> {
        let pieces = self.query.as_deref().unwrap_or_default().split(';');
        pieces
            .flat_map(|piece| form_urlencoded::parse(piece.as_bytes()))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
    }

    /// Both, as they are forwarded.
    #[must_use]
    pub fn forwarded(&self) -> String {
        match &self.query {
            None => self.path.0.clone(),
            Some(query) => format!("{}?{query}", self.path.0),
        }
    }
}

/// One part of a path, without slashes, in its canonical form.
fn canonical_part(part: &str) -> Result<String, PathError> {
    let mut canonical = String::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (high, low) = (rest.next().and_then(hex), rest.next().and_then(hex));
                let (Some(high), Some(low)) = (high, low) else { return Err(PathError::Encoding) };
                let value = high << 4 | low;
                match value {
                    b'/' | b'\\' | b';' | 0..=0x1f | 0x7f => return Err(PathError::Hidden),
                    value if is_unreserved(value) => canonical.push(char::from(value)),
                    value => canonical.push_str(&format!("%{value:02X}")),
                }
            }
            byte if is_plain(byte) => canonical.push(char::from(byte)),
            _ => return Err(PathError::Character),
        }
    }
    if hides_encoding(&canonical) {
        return Err(PathError::Hidden);
    }
    percent_decode_str(&canonical).decode_utf8().map_err(|_not_utf8| PathError::Encoding)?;
    // The plain ones were resolved before: these were encoded.
    if matches!(canonical.as_str(), "." | "..") { Err(PathError::Dots) } else { Ok(canonical) }
}

/// Whether whoever decodes a part twice finds another character than whoever decodes it once (A03). The digits behind an
/// encoded percent sign may have been encoded too, so this looks at what they are in the canonical form.
fn hides_encoding(canonical: &str) -> bool {
    let mut behind = canonical.match_indices("%25").filter_map(|(at, sign)| canonical.get(at + sign.len()..));
    behind.any(|rest| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

fn check_query(query: &str, parameters_max: usize) -> Result<(), PathError> {
    let mut bytes = query.bytes();
    while let Some(byte) = bytes.next() {
        let sound = match byte {
            b'%' => bytes.next().and_then(hex).is_some() && bytes.next().and_then(hex).is_some(),
            b'#' | b'\\' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !sound {
            return Err(PathError::Query);
        }
    }
    let mut parameters = query.split(['&', ';']);
    if parameters.clone().count() > parameters_max {
        return Err(PathError::QueryParameters);
    }
    let is_sound = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        query::name(name.as_bytes()).is_some()
    };
    if parameters.all(is_sound) { Ok(()) } else { Err(PathError::QueryName) }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986 section 2.3: the same encoded and not.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 3.3 without the semicolon, at which some servers cut a part (A06).
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(sent: &str) -> Result<String, PathError> {
        CanonicalPath::of(sent).map(|path| path.0)
    }

    #[test]
    fn a_path_with_one_reading_has_one_form() {
        for (sent, form) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/a/public/../b", "/a/b"),
            ("/a/./b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("//a", "/a"),
            ("/a//b///c", "/a/b/c"),
            ("/a//../b", "/b"),
            ("/%61/%7Eb", "/a/~b"),
            ("/a%23b", "/a%23b"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/100%25", "/100%25"),
            ("/100%25%20x", "/100%25%20x"),
            ("/a%20b", "/a%20b"),
            ("/x.y..z", "/x.y..z"),
        ] {
            assert_eq!(canonical(sent).as_deref(), Ok(form), "{sent}");
        }
    }

    #[test]
    fn a_path_with_two_readings_has_none() {
        use PathError::{Character, Dots, Encoding, Hidden, NoPath};
        for (sent, error) in [
            ("", NoPath),
            ("*", NoPath),
            ("a/b", NoPath),
            ("/a/%2e%2e/b", Dots),
            ("/a/.%2E/b", Dots),
            ("/a/%2e./b", Dots),
            ("/a/%2e/b", Dots),
            ("/..", Dots),
            ("/a/../../b", Dots),
            ("/a/%252e%252e%252f", Hidden),
            // The digits are encoded as well: `%25` and `%32` and `e`.
            ("/a/%25%32e%25%32e", Hidden),
            ("/a/%25%32%66", Hidden),
            ("/a%2525", Hidden),
            ("/a%25%32%35", Hidden),
            ("/a%2Fb", Hidden),
            ("/a%2fb", Hidden),
            ("/a%5Cb", Hidden),
            ("/a\\b", Character),
            ("/a;x=1/b", Character),
            ("/..;/b", Character),
            ("/a%3Bx/b", Hidden),
            ("/a#b", Character),
            ("/a\tb", Character),
            ("/a\x01b", Character),
            ("/a\x7fb", Character),
            ("/a\u{ff}b", Character),
            ("/a%00", Hidden),
            ("/a%0a", Hidden),
            ("/a%0D", Hidden),
            ("/a%7F", Hidden),
            ("/%c0%af", Encoding),
            ("/%c3", Encoding),
            ("/%zz", Encoding),
            ("/%", Encoding),
            ("/%4", Encoding),
            ("/%+1", Encoding),
        ] {
            assert_eq!(canonical(sent), Err(error), "{sent:?}");
        }
    }

    #[test]
    fn a_parameter_is_known_by_its_name_in_any_writing() {
        let uri: Uri = "/a?assignee%5Ftype=all&assignee_type[]=me&x".parse().unwrap();
        let target = Target::of(&uri, 1000, 10).unwrap();
        assert_eq!(target.parameters().collect::<Vec<_>>(), ["assignee_type", "assignee_type", "x"]);
        let uri: Uri = "/a?b=1;c=2&contact%5Bphone][]=3".parse().unwrap();
        let target = Target::of(&uri, 1000, 10).unwrap();
        assert_eq!(target.parameters().collect::<Vec<_>>(), ["b", "c", "contact"]);
        let pairs: Vec<_> = target.pairs().map(|(parts, value)| (parts.join("."), value)).collect();
        let cut = [("b", "1"), ("c", "2"), ("contact.phone", "3")];
        let uncut = [("b", "1;c=2"), ("contact.phone", "3")];
        let expected: Vec<_> = cut.into_iter().chain(uncut).collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_target_has_limits() {
        let target = |text: &str| Target::of(&text.parse().unwrap(), 20, 2).map(|target| target.forwarded());
        assert_eq!(target("/a?b=1&c=2").as_deref(), Ok("/a?b=1&c=2"));
        assert_eq!(target("/a?b=1&c=2&d"), Err(PathError::QueryParameters));
        assert_eq!(target("/aaaaaaaaaaaaaaaaaaaa"), Err(PathError::TooLong));
        assert_eq!(target("/a?%zz"), Err(PathError::Query));
        assert_eq!(target("/a?[b]=1"), Err(PathError::QueryName));
        assert_eq!(target("/a?c=1;+b=1"), Err(PathError::QueryName));
    }

    proptest::proptest! {
        #[test]
        fn any_path_keeps_the_law(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..12)) {
            crate::gate::fuzzing::path(pieces.concat().as_bytes());
        }

        #[test]
        fn any_bytes_keep_the_law(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            crate::gate::fuzzing::path(&bytes);
        }
    }

    const PIECES: &[&str] = &[
        "/", "//", ".", "..", "a", "B", "%2e", "%2E", "%2f", "%5c", "%25", "%61", "%c3%a9", "%c0", ";", "\\",
        "%00", "#", "?", "&", "=", "é", "%", "~", "@",
    ];
}
