//! Raw mails: MIME parts, bodies and attachments.
//!
//! `mail-parser` reads headers, parameters, transfer encodings and charsets. The walk over the parts is our
//! own, because it must be bounded and a stranger writes the mail: the crate nests as deep as the mail says
//! (its result is dropped by recursion, a deep one overflows the stack) and keeps every part it finds.
//! Here depth, parts and header bytes have limits; a mail past one is flagged and read up to it.
//!
//! Mails inside the mail are attachments and are not walked into, but for their headers: in a bounce, they
//! tell which mail came back.

use std::borrow::Cow;

use mail_parser::{
    ContentType,
    decoders::{
        base64::base64_decode, charsets::map::charset_decoder, quoted_printable::quoted_printable_decode,
    },
};

use super::{
    Headers, Mail,
    headers::{self, HEADER_BYTES_MAX},
};
use crate::channel::{Limit, event::Media};

/// How deep multiparts may nest. People's mails have three or four levels.
pub(in crate::channel) const NESTING_MAX: usize = 20;

/// Parts of one mail that are read.
pub(in crate::channel) const PARTS_MAX: usize = 1000;

/// Reads a raw mail as far as it goes.
///
/// An attachment's [`Media::id`] is the place of its part in the mail, as IMAP counts (`2`, `1.2`).
pub(in crate::channel) fn read(raw: &[u8]) -> Mail {
    let (head, body) = head_of(raw);
    let headers = Headers::read(head);
    let mut walk = Walk { mail: Mail::default(), parts: 0, text: Vec::new(), html: Vec::new() };
    walk.part(&headers, body, "", 0);
    let Walk { mail: found, text, html, .. } = walk;
    let mut mail = Mail::of(headers);
    let too_long = Limit::MailHeaders.flag().filter(|_| head.len() > HEADER_BYTES_MAX);
    for flag in found.ambiguous.into_iter().chain(too_long.map(Cow::Borrowed)) {
        if !mail.ambiguous.contains(&flag) {
            mail.ambiguous.push(flag);
        }
    }
    mail.text = (!text.is_empty()).then(|| text.join("\n"));
    mail.html = (!html.is_empty()).then(|| html.join("\n"));
    mail.media = found.media;
    mail.enclosed = found.enclosed;
    mail.reported = found.reported;
    mail
}

/// The header block and the body of a mail or part; the empty line belongs to neither.
pub(in crate::channel) fn head_of(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let end = at + line.len();
        if line.trim_ascii().is_empty() {
            return (raw.get(..at).unwrap_or_default(), raw.get(end..).unwrap_or_default());
        }
        at = end;
    }
    (raw, &[])
}

/// Text in a named charset. An unknown or wrong name never fails: what is no text in it is replaced. The
/// names are `mail-parser`'s, which knows those of old programs too (`cp850`), not only the web's.
pub(in crate::channel) fn decode(charset: Option<&str>, bytes: &[u8]) -> String {
    // Programs that write `us-ascii` above UTF-8 are common; the other way round it is the same.
    let known =
        charset.filter(|name| !["us-ascii", "ascii", "utf-8"].iter().any(|n| name.eq_ignore_ascii_case(n)));
    match known.and_then(|name| charset_decoder(name.as_bytes())) {
        Some(decoder) => decoder(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The parts found so far.
struct Walk {
    mail: Mail,
    parts: usize,
    text: Vec<String>,
    html: Vec<String>,
}

impl Walk {
    fn part(&mut self, headers: &Headers, body: &[u8], place: &str, depth: usize) {
        for flag in headers.repeated().filter(|flag| flag.contains("Content-")) {
            self.flag(flag);
        }
        let content_type = headers.first("Content-Type").and_then(headers::content_type);
        if let Some(content_type) = &content_type
            && content_type.ctype().eq_ignore_ascii_case("multipart")
            && self.multipart(content_type, body, place, depth)
        {
            return;
        }
        self.leaf(headers, content_type.as_ref(), body, if place.is_empty() { "1" } else { place });
    }

    /// Reads a multipart's parts; `false` if it has none that can be told apart.
    fn multipart(&mut self, content_type: &ContentType<'_>, body: &[u8], place: &str, depth: usize) -> bool {
        let attributes = content_type.attributes().unwrap_or_default();
        let mut boundaries =
            attributes.iter().filter(|attribute| attribute.name.eq_ignore_ascii_case("boundary"));
        let Some(boundary) = boundaries.next().map(|attribute| attribute.value.trim_end()) else {
            self.flag("multipart without boundary");
            return false;
        };
        if boundaries.next().is_some() {
            self.flag("repeated boundary");
        }
        if depth >= NESTING_MAX {
            self.over(Limit::MailNesting);
            return false;
        }
        let parts = Parts::new(body, boundary);
        let mut count = 0;
        let mut closed = false;
        for part in parts {
            let Found::Part(part) = part else {
                closed = true;
                continue;
            };
            self.parts += 1;
            if self.parts > PARTS_MAX {
                self.over(Limit::MailParts);
                return true;
            }
            count += 1;
            let (head, body) = head_of(part);
            if head.len() > HEADER_BYTES_MAX {
                self.over(Limit::MailHeaders);
            }
            let place = if place.is_empty() { count.to_string() } else { format!("{place}.{count}") };
            self.part(&Headers::read(head), body, &place, depth + 1);
        }
        if !closed {
            self.flag("multipart without end");
        }
        count > 0
    }

    fn leaf(&mut self, headers: &Headers, content_type: Option<&ContentType<'_>>, body: &[u8], place: &str) {
        let bytes = self.transfer_decoded(headers.first("Content-Transfer-Encoding"), body);
        let disposition = headers.first("Content-Disposition").and_then(headers::content_type);
        let name = disposition
            .as_ref()
            .and_then(|disposition| disposition.attribute("filename"))
            .or_else(|| content_type.and_then(|content_type| content_type.attribute("name")))
            .map(headers::text);
        let attached = name.is_some() || disposition.is_some_and(|disposition| disposition.is_attachment());
        let media_type = content_type.map_or_else(|| "text/plain".to_owned(), headers::media_type);
        let charset = content_type.and_then(|content_type| content_type.attribute("charset"));
        match media_type.as_str() {
            "text/plain" if !attached => self.text.push(decode(charset, &bytes)),
            "text/html" if !attached => self.html.push(decode(charset, &bytes)),
            _ => {
                let id = Some(place.to_owned());
                let media = Media { id, content_type: Some(media_type), name, ..Media::default() };
                self.mail.attach(media, &bytes);
            }
        }
    }

    /// The bytes before transfer encoding; as they are, and flagged, where they do not keep to it.
    fn transfer_decoded<'a>(&mut self, encoding: Option<&str>, body: &'a [u8]) -> Cow<'a, [u8]> {
        let encoding = encoding.unwrap_or_default().split([' ', ';']).next().unwrap_or_default();
        let decoded = match encoding.to_ascii_lowercase().as_str() {
            "base64" => base64_decode(body),
            "quoted-printable" => quoted_printable_decode(body),
            _ => return Cow::Borrowed(body),
        };
        decoded.map_or_else(
            || {
                self.flag("broken transfer encoding");
                Cow::Borrowed(body)
            },
            Cow::Owned,
        )
    }

    fn over(&mut self, limit: Limit) {
        if let Some(flag) = limit.flag() {
            self.flag(flag);
        }
    }

    fn flag(&mut self, flag: &'static str) {
        if !self.mail.ambiguous.iter().any(|other| other == flag) {
            self.mail.ambiguous.push(Cow::Borrowed(flag));
        }
    }
}

/// What stands between a multipart's boundary lines.
enum Found<'a> {
    /// A part, without the line break before the next boundary, which belongs to the boundary.
    Part(&'a [u8]),
    /// The closing boundary.
    End,
}

/// The parts of a multipart body, line by line. A boundary is a whole line (RFC 2046 section 5.1.1): one
/// that only begins with the boundary's text belongs to another multipart.
struct Parts<'a> {
    body: &'a [u8],
    boundary: &'a [u8],
    /// Where the next line begins.
    at: usize,
    /// Where the part that is being read began.
    begin: Option<usize>,
    done: bool,
    end: bool,
}

impl<'a> Parts<'a> {
    fn new(body: &'a [u8], boundary: &'a str) -> Self {
        Self { body, boundary: boundary.as_bytes(), at: 0, begin: None, done: false, end: false }
    }

    /// `Some(closing)` if the line is a boundary.
    fn boundary(&self, line: &[u8]) -> Option<bool> {
        let rest = line.strip_prefix(b"--")?.strip_prefix(self.boundary)?;
        let (rest, closing) = rest.strip_prefix(b"--").map_or((rest, false), |rest| (rest, true));
        rest.trim_ascii().is_empty().then_some(closing)
    }

    fn part(&self, begin: usize, end: usize) -> Found<'a> {
        let part = self.body.get(begin..end).unwrap_or_default();
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Found::Part(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        if std::mem::take(&mut self.end) {
            return Some(Found::End);
        }
        while !self.done {
            let rest = self.body.get(self.at..).unwrap_or_default();
            let Some(line) = rest.split_inclusive(|b| *b == b'\n').next() else {
                self.done = true;
                return self.begin.take().map(|begin| self.part(begin, self.body.len()));
            };
            let line_begin = self.at;
            self.at += line.len();
            let Some(closing) = self.boundary(line) else { continue };
            self.done = closing;
            let begin = self.begin.replace(self.at);
            match begin {
                Some(begin) => {
                    self.end = closing;
                    return Some(self.part(begin, line_begin));
                }
                None if closing => return Some(Found::End),
                None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(mail: &Mail) -> Vec<&str> {
        mail.ambiguous.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn bodies_and_attachments_are_told_apart() {
        let mail = read(
            b"From: ana@x.example\r\nContent-Type: multipart/mixed; boundary=\"o\"\r\n\r\npreamble\r\n--o\r\n\
              Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\
              Content-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9\r\n--i\r\n\
              Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>caf=C3=A9</p>\r\n\
              --i--\r\n--o\r\nContent-Type: image/png; name=\"=?utf-8?q?f=C3=BC?=.png\"\r\n\
              Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQ=\r\n--o--\r\nepilogue\r\n",
        );
        assert_eq!(mail.text.as_deref(), Some("café"));
        assert_eq!(mail.html.as_deref(), Some("<p>café</p>"));
        let [media] = mail.media.as_slice() else { panic!("{:?}", mail.media) };
        assert_eq!((media.kind.as_ref(), media.id.as_deref(), media.size), ("image", Some("2"), Some(5)));
        assert_eq!(media.name.as_deref(), Some("fü.png"));
        assert!(flags(&mail).is_empty(), "{:?}", flags(&mail));
    }

    #[test]
    fn a_bounce_tells_which_mail_came_back() {
        let mail = read(
            b"Content-Type: multipart/report; boundary=b\n\n--b\n\nnot delivered\n--b\n\
              Content-Type: message/delivery-status\n\nAction: failed\n--b\n\
              Content-Type: text/rfc822-headers\n\nMessage-ID: <ours@in.example>\n--b--\n",
        );
        assert!(mail.reported);
        assert_eq!(mail.enclosed.unwrap().first("message-id"), Some("<ours@in.example>"));
        assert_eq!(mail.text.as_deref(), Some("not delivered"));
    }

    #[test]
    fn doubtful_mails_are_read_as_far_as_they_go_and_flagged() {
        for (raw, flag) in [
            ("From: a@x\nFrom: b@x\n\nhi", "repeated From"),
            ("From: a@x, b@x\n\nhi", "several From addresses"),
            ("Content-Type: text/plain\nContent-Type: text/html\n\nhi", "repeated Content-Type"),
            ("Content-Type: multipart/mixed\n\nhi", "multipart without boundary"),
            (
                "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\nhi\n--a--",
                "repeated boundary",
            ),
            ("Content-Type: multipart/mixed; boundary=a\n\n--a\n\nhi", "multipart without end"),
            ("Content-Transfer-Encoding: quoted-printable\n\na=zz", "broken transfer encoding"),
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\ncontent-type: text/plain\n\nhi\n--a--",
                "repeated Content-Type",
            ),
        ] {
            assert_eq!(flags(&read(raw.as_bytes())), [flag], "{raw}");
        }
    }

    #[test]
    fn a_multipart_whose_boundary_never_comes_keeps_its_text() {
        let mail = read(b"Content-Type: multipart/mixed; boundary=a\n\nhi");
        assert_eq!(mail.media.len(), 1);
        assert!(flags(&mail).contains(&"multipart without end"));
    }

    #[test]
    fn nesting_and_parts_have_limits() {
        let mut deep = String::new();
        for level in 0..100_000 {
            deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
        }
        assert!(flags(&read(deep.as_bytes())).contains(&"nested too deep"));
        let wide = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
            "--b\n\nx\n".repeat(PARTS_MAX + 1)
        );
        assert_eq!(flags(&read(wide.as_bytes())), ["too many parts"]);
        let long = format!("{}\n\nhi", "X-Header: x\n".repeat(HEADER_BYTES_MAX / 12 + 1));
        assert_eq!(flags(&read(long.as_bytes())), ["too many headers"]);
        let mails = "Content-Type: message/rfc822\n\n".repeat(100_000);
        assert_eq!(read(mails.as_bytes()).media.len(), 1);
    }

    #[test]
    fn a_boundary_that_begins_with_another_one_is_its_own() {
        let mail = read(
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n\
              --bb\n\none\n--bb\n\ntwo\n--bb--\n--b--\n",
        );
        assert_eq!(mail.text.as_deref(), Some("one\ntwo"));
        assert!(flags(&mail).is_empty());
    }

    #[test]
    fn charsets_are_believed_as_far_as_they_can_be() {
        assert_eq!(decode(Some("cp850"), b"pidi\xa2"), "pidió");
        assert_eq!(decode(Some("windows-1252"), b"\x85"), "…");
        assert_eq!(decode(Some("us-ascii"), "é".as_bytes()), "é");
        assert_eq!(decode(Some("no such"), b"a\xff"), "a\u{fffd}");
        assert_eq!(decode(Some(""), b"a"), "a");
        assert_eq!(decode(None, b""), "");
    }
}
