//! The headers of a mail, in whichever form a relay hands them on, and what stands in them.
//!
//! Every relay's form becomes the same list of names and unfolded values, in the mail's order. The values
//! are read by `mail-parser`, which accepts what real senders write; nothing here fails.

use mail_parser::{ContentType, DateTime, HeaderName, HeaderValue, MessageParser, parsers::MessageStream};

use crate::{channel::event::Party, ids::Timestamp};

/// Bytes of a header block that are read; what comes after is left out and the mail is flagged. Large
/// mail servers refuse mails with more than 64 to 256 KiB of headers.
pub(in crate::channel) const HEADER_BYTES_MAX: usize = 256 << 10;

/// Headers that are read where a relay has taken them apart; real mails have a hundred.
const HEADERS_MAX: usize = 10_000;

/// Bytes of a `Content-Type` or `Content-Disposition` that are read. A file name of 255 characters takes
/// less, however it is encoded; the parser's time grows with the square of the parameters.
const PARAMETER_BYTES_MAX: usize = 4 << 10;

/// Headers that RFC 5322 and RFC 2045 allow once. A mail with two of one may show another sender,
/// subject or body to the next program than it shows to this one.
const ONCE: [(&str, &str); 13] = [
    ("From", "repeated From"),
    ("Sender", "repeated Sender"),
    ("Reply-To", "repeated Reply-To"),
    ("To", "repeated To"),
    ("Cc", "repeated Cc"),
    ("Subject", "repeated Subject"),
    ("Date", "repeated Date"),
    ("Message-ID", "repeated Message-ID"),
    ("In-Reply-To", "repeated In-Reply-To"),
    ("References", "repeated References"),
    ("MIME-Version", "repeated MIME-Version"),
    ("Content-Type", "repeated Content-Type"),
    ("Content-Transfer-Encoding", "repeated Content-Transfer-Encoding"),
];

/// Names and unfolded values, in the order of the mail.
#[derive(Clone, Debug, Default)]
pub(in crate::channel) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Headers that the relay has taken apart already.
    pub(in crate::channel) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().take(HEADERS_MAX).map(|(name, value)| (name, unfolded(&value))).collect())
    }

    /// The header block of a raw mail or part, of which at most [`HEADER_BYTES_MAX`] bytes are read.
    pub(in crate::channel) fn read(block: &[u8]) -> Self {
        let block = block.get(..HEADER_BYTES_MAX).unwrap_or(block);
        // A parser with a rule of its own applies it to all headers: values stay as they were sent.
        let parser = MessageParser::new().header_raw(HeaderName::Subject).default_header_raw();
        let Some(message) = parser.parse_headers(block) else { return Self::default() };
        Self(
            message
                .headers()
                .iter()
                .map(|header| {
                    (header.name().to_owned(), unfolded(header.value().as_text().unwrap_or_default()))
                })
                .collect(),
        )
    }

    /// Adds those headers of which there is none yet.
    pub(in crate::channel) fn complete(&mut self, others: Self) {
        let missing: Vec<_> = others.0.into_iter().filter(|(name, _)| !self.has(name)).collect();
        self.0.extend(missing);
    }

    /// Whether there are as many as are read at most: there may have been more.
    pub(in crate::channel) fn is_full(&self) -> bool {
        self.0.len() >= HEADERS_MAX
    }

    /// The first header of this name, in any letter case.
    pub(in crate::channel) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers of this name, in any letter case.
    pub(in crate::channel) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All headers of this name, in this letter case.
    pub(in crate::channel) fn exactly<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is a header of this name.
    pub(in crate::channel) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The flags for headers that stand there more often than they may.
    pub(in crate::channel) fn repeated(&self) -> impl Iterator<Item = &'static str> {
        ONCE.iter().filter(|(name, _)| self.all(name).nth(1).is_some()).map(|(_, flag)| *flag)
    }
}

/// Takes the line breaks of a folded value out; the white space that began the next line stays.
fn unfolded(value: &str) -> String {
    value.chars().filter(|c| !matches!(c, '\r' | '\n')).collect::<String>().trim().to_owned()
}

/// A value as `mail-parser` wants it: one line with its end.
fn line(value: &str) -> Vec<u8> {
    let mut line = unfolded(value).into_bytes();
    line.push(b'\n');
    line
}

/// A text with its encoded words (RFC 2047) decoded.
pub(in crate::channel) fn text(value: &str) -> String {
    match MessageStream::new(&line(value)).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => unfolded(value),
    }
}

/// Addresses of one list that are read. Mail servers take mails for a hundred recipients or some more; a
/// longer list in the mail's header is one that a sender made up.
pub(super) const ADDRESSES_MAX: usize = 1000;

/// The mailboxes of an address list, groups opened, names decoded; the first [`ADDRESSES_MAX`] of them.
/// Entries without an address are left out.
pub(in crate::channel) fn addresses(value: &str) -> Vec<Party> {
    let line = line(value);
    let HeaderValue::Address(list) = MessageStream::new(&line).parse_address() else { return Vec::new() };
    list.iter()
        .take(ADDRESSES_MAX)
        .filter_map(|entry| {
            let address = entry.address.as_deref()?.trim();
            let name = entry.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
            (!address.is_empty()).then(|| Party {
                id: address.to_owned(),
                name: name.map(str::to_owned),
                handle: None,
            })
        })
        .collect()
}

/// A date as mails write it.
pub(in crate::channel) fn date(value: &str) -> Option<Timestamp> {
    let line = line(value);
    let HeaderValue::DateTime(date) = MessageStream::new(&line).parse_date() else { return None };
    DateTime::is_valid(&date).then(|| Timestamp::from_secs(date.to_timestamp()))
}

/// A media type or disposition with its parameters (RFC 2231 decoded).
pub(in crate::channel) fn content_type(value: &str) -> Option<ContentType<'static>> {
    let value = value.get(..value.floor_char_boundary(PARAMETER_BYTES_MAX)).unwrap_or_default();
    MessageStream::new(&line(value)).parse_content_type().into_content_type().map(|content_type| {
        ContentType {
            c_type: content_type.c_type.into_owned().into(),
            c_subtype: content_type.c_subtype.map(|subtype| subtype.into_owned().into()),
            attributes: content_type.attributes.map(|attributes| {
                attributes
                    .into_iter()
                    .map(|attribute| mail_parser::Attribute {
                        name: attribute.name.into_owned().into(),
                        value: attribute.value.into_owned().into(),
                    })
                    .collect()
            }),
        }
    })
}

/// `type/subtype` in lower case, without parameters.
pub(in crate::channel) fn media_type(content_type: &ContentType<'_>) -> String {
    let subtype = content_type.subtype().unwrap_or_default();
    format!("{}/{subtype}", content_type.ctype()).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_block_is_read_in_its_order_and_in_any_case() {
        let headers =
            Headers::read(b"RECEIVED: two\r\nreceived: one\r\nSubject: a\r\n  folded one\r\n\r\nbody");
        assert_eq!(headers.all("Received").collect::<Vec<_>>(), ["two", "one"]);
        assert_eq!(headers.first("subject"), Some("a  folded one"));
        assert!(!headers.has("From"));
    }

    #[test]
    fn broken_lines_do_not_hide_the_headers_around_them() {
        for broken in ["", "no colon\n", ": no name\n", ":\u{fffd}: x\n", "\u{0}: x\n", " folded nothing\n"] {
            let headers = Headers::read(format!("{broken}From: ana@x.example").as_bytes());
            assert_eq!(headers.first("from"), Some("ana@x.example"), "{broken:?}");
        }
        assert!(!Headers::read(b"\xff\xfe").has("From"));
    }

    #[test]
    fn what_may_stand_once_and_stands_twice_is_flagged() {
        let headers = Headers::read(b"From: a@x.example\nTo: b@y.example\nfrom: c@z.example\n\n");
        assert_eq!(headers.repeated().collect::<Vec<_>>(), ["repeated From"]);
    }

    #[test]
    fn encoded_words_lists_and_dates_are_read_as_senders_write_them() {
        assert_eq!(text("=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Bern"), "Grüße aus Bern");
        let list = addresses("\"Doe, Jane\" <jane@x.example>, undisclosed:;, bob@y.example, ");
        let ids: Vec<_> = list.iter().map(|party| party.id.as_str()).collect();
        assert_eq!(ids, ["jane@x.example", "bob@y.example"]);
        assert_eq!(list[0].name.as_deref(), Some("Doe, Jane"));
        assert_eq!(date("Fri, 30 Mar 2018 10:21:50 -0700"), Some(Timestamp::from_secs(1_522_430_510)));
        assert_eq!(date("yesterday"), None);
    }

    #[test]
    fn parameters_are_read_up_to_their_limit() {
        let name = "ä".repeat(255);
        let encoded: String = name.bytes().map(|b| format!("%{b:02X}")).collect();
        let long = format!("text/plain; name*=utf-8''{encoded}; {}", "x*1=y;".repeat(PARAMETER_BYTES_MAX));
        let content_type = content_type(&long).unwrap();
        assert_eq!(content_type.attribute("name"), Some(name.as_str()));
        assert_eq!(media_type(&content_type), "text/plain");
    }
}
