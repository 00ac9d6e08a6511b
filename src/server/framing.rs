//! HTTP/1 framing, read strictly beside hyper.
//!
//! Where one request ends and the next begins must be read alike by everybody on the way, or a request
//! can be smuggled inside another. hyper settles some ambiguous heads in favour of one reading (it
//! drops a `Content-Length` that comes with a `Transfer-Encoding`, takes equal lengths twice, ends a
//! line at a bare LF, cuts a target off at `#`) and does not tell. This reads the same bytes on their way to hyper, so that such
//! a request is refused with 400. It parses nothing else, and a doubt never lets a request through.

use std::collections::VecDeque;

use super::frames::Frames;

/// How much of a line is kept: enough for any framing header and chunk size line that is accepted.
const LINE_KEPT: usize = 256;

/// Why a request's framing is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A line ends without CR.
    #[error("a line of the head ends with a bare LF")]
    BareLineFeed,
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    /// `Content-Length` is repeated or no number.
    #[error("Content-Length is repeated or no number")]
    Length,
    /// `Transfer-Encoding` is repeated or another than `chunked`.
    #[error("Transfer-Encoding is repeated or another than chunked")]
    Coding,
    /// The chunks are not as RFC 9112 section 7.1 has them.
    #[error("a chunk of the body is malformed")]
    Chunk,
    /// The target has a `#`, at which hyper cuts it off.
    #[error("the target holds a raw `#`")]
    Fragment,
    /// A request was read where none began.
    #[error("the request's framing is in doubt")]
    Doubt,
}

/// A reader of the bytes of one connection.
#[derive(Debug, Default)]
pub struct Framing {
    phase: Phase,
    line: Line,
    head: Head,
    /// Fields so far of the head that began last.
    fields: usize,
    /// Reads on where the connection turned out to be HTTP/2.
    http2: Frames,
    /// What was found of the heads that hyper has not yet made a request of, in their order.
    verdicts: VecDeque<Result<(), Breach>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    /// HTTP/2: framed otherwise.
    Http2,
    /// A head was refused: hyper may have what follows, but no request comes of it.
    Refused,
    /// A chunk was malformed: nothing is handed on any more.
    Broken,
}

/// The head that is being read, and what it says of its body.
#[derive(Debug, Default)]
struct Head {
    begun: bool,
    length: Option<u64>,
    chunked: bool,
    breach: Option<Breach>,
}

/// The line that is being read, without its LF.
#[derive(Debug, Default)]
struct Line {
    /// Its first [`LINE_KEPT`] bytes.
    start: Vec<u8>,
    bytes: usize,
    last: Option<u8>,
    has_hash: bool,
}

impl Framing {
    /// Reads the next bytes. Answers how many of them may be handed on: fewer than all if a chunk is
    /// malformed, and then the connection must fail.
    pub fn read(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let good = bytes.len() - rest.len();
            match self.phase {
                Phase::Http2 => {
                    self.http2.read(rest);
                    break;
                }
                Phase::Refused => break,
                Phase::Body(left) => {
                    let left = skip(&mut rest, left);
                    self.phase = if left == 0 { Phase::Head } else { Phase::Body(left) };
                }
                Phase::ChunkData(left) => {
                    let left = skip(&mut rest, left);
                    self.phase = if left == 0 { Phase::ChunkEnd } else { Phase::ChunkData(left) };
                }
                Phase::Head | Phase::ChunkSize | Phase::ChunkEnd | Phase::Trailers => {
                    if self.line.read(&mut rest) {
                        let line = std::mem::take(&mut self.line);
                        self.end_of_line(&line);
                    }
                }
                Phase::Broken => {}
            }
            if self.phase == Phase::Broken {
                return good;
            }
        }
        bytes.len()
    }

    /// Takes the verdict on the request that hyper has just read.
    ///
    /// # Errors
    /// What makes its framing doubtful; also if hyper saw a head where none was seen here.
    pub fn verdict(&mut self) -> Result<(), Breach> {
        if self.phase == Phase::Http2 {
            return Ok(());
        }
        self.verdicts.pop_front().unwrap_or(Err(Breach::Doubt))
    }

    /// The verdicts that nobody has taken yet.
    pub(super) fn verdicts(&self) -> Vec<Result<(), Breach>> {
        self.verdicts.iter().copied().collect()
    }

    /// Whether a head has begun and not ended.
    #[must_use]
    pub fn in_head(&self) -> bool {
        self.phase == Phase::Head && (self.head.begun || self.line.bytes > 0)
    }

    /// Header fields so far of the head that began last.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// What the HTTP/2 frames that were read since the last call add to their peer's budget.
    pub(super) fn take_http2_balance(&mut self) -> i64 {
        self.http2.take_balance()
    }

    /// Whether a chunk was malformed, so that the connection must fail.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.phase == Phase::Broken
    }

    fn end_of_line(&mut self, line: &Line) {
        let whole = line.whole();
        match self.phase {
            Phase::Head => self.end_of_head_line(line),
            Phase::ChunkSize => {
                self.phase = match whole.and_then(chunk_size) {
                    Some(0) => Phase::Trailers,
                    Some(size) => Phase::ChunkData(size),
                    None => Phase::Broken,
                };
            }
            Phase::ChunkEnd => {
                self.phase = if whole == Some(b"") { Phase::ChunkSize } else { Phase::Broken };
            }
            Phase::Trailers => match line.beginning() {
                Some(b"") => self.phase = Phase::Head,
                Some(field) if !is_framing(name_of(field)) => {}
                _ => self.phase = Phase::Broken,
            },
            Phase::Body(_) | Phase::ChunkData(_) | Phase::Http2 | Phase::Refused | Phase::Broken => {}
        }
    }

    fn end_of_head_line(&mut self, line: &Line) {
        let head = &mut self.head;
        let text = line.beginning().unwrap_or_else(|| {
            head.breach.get_or_insert(Breach::BareLineFeed);
            &line.start
        });
        match (head.begun, text) {
            // Empty lines before a request are skipped, as RFC 9112 section 2.2 asks and hyper does.
            (false, b"") => {}
            (false, b"PRI * HTTP/2.0") => self.phase = Phase::Http2,
            (false, _) => {
                head.begun = true;
                self.fields = 0;
                if line.has_hash {
                    head.breach.get_or_insert(Breach::Fragment);
                }
            }
            (true, b"") => self.end_of_head(),
            (true, field) => {
                self.fields += 1;
                let name = name_of(field);
                if is_framing(name) {
                    let value = line.whole().and_then(|whole| whole.get(name.len() + 1..));
                    head.framing_field(name, value.map(<[u8]>::trim_ascii));
                }
            }
        }
    }

    fn end_of_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        let verdict = head.breach.map_or(Ok(()), Err);
        self.phase = match (verdict, head.chunked, head.length) {
            (Err(_), _, _) => Phase::Refused,
            (Ok(()), true, _) => Phase::ChunkSize,
            (Ok(()), false, Some(length @ 1..)) => Phase::Body(length),
            (Ok(()), false, _) => Phase::Head,
        };
        self.verdicts.push_back(verdict);
    }
}

impl Head {
    /// Notes a framing field; its value is `None` if it is longer than any that is accepted.
    fn framing_field(&mut self, name: &[u8], value: Option<&[u8]>) {
        let breach = if name.eq_ignore_ascii_case(b"content-length") {
            let length = value.and_then(decimal);
            let repeated = self.length.is_some();
            self.length = length.or(self.length);
            (repeated || length.is_none()).then_some(Breach::Length)
        } else {
            let chunked = value.is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
            let repeated = self.chunked;
            self.chunked = true;
            (repeated || !chunked).then_some(Breach::Coding)
        };
        let both = (self.chunked && self.length.is_some()).then_some(Breach::LengthAndCoding);
        self.breach = self.breach.or(breach).or(both);
    }
}

impl Line {
    /// Takes bytes up to the line's LF; answers whether it was there.
    fn read(&mut self, rest: &mut &[u8]) -> bool {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (part, later) = rest.split_at(end.unwrap_or(rest.len()));
        let keep = part.len().min(LINE_KEPT.saturating_sub(self.start.len()));
        self.start.extend(part.iter().take(keep));
        self.bytes += part.len();
        self.has_hash |= part.contains(&b'#');
        self.last = part.last().copied().or(self.last);
        *rest = later.strip_prefix(b"\n").unwrap_or(later);
        end.is_some()
    }

    /// What was kept of the line, without its CR; `None` if it ended without one.
    fn beginning(&self) -> Option<&[u8]> {
        let crlf = self.last == Some(b'\r');
        crlf.then(|| self.start.strip_suffix(b"\r").unwrap_or(&self.start))
    }

    /// The line without its CR; `None` if it ended without one, or is too long to have been kept.
    fn whole(&self) -> Option<&[u8]> {
        self.beginning().filter(|_| self.bytes == self.start.len())
    }
}

/// Skips what is there of `left` bytes; answers how many are still to come.
fn skip(rest: &mut &[u8], left: u64) -> u64 {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    *rest = rest.get(here..).unwrap_or_default();
    left.saturating_sub(here as u64)
}

fn name_of(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == b':').next().unwrap_or_default()
}

fn is_framing(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
}

/// Digits and nothing else; no sign, no list.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// `1*HEXDIG [;extension]`, without white space and without a CR in the extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    let sound = (1..=16).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_hexdigit)
        && !line.contains(&b'\r');
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok().filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts on what is on the wire, read whole and byte by byte.
    fn verdicts(wire: &str) -> (Vec<Result<(), Breach>>, bool) {
        let mut whole = Framing::default();
        whole.read(wire.as_bytes());
        let mut bytewise = Framing::default();
        for byte in wire.as_bytes() {
            bytewise.read(&[*byte]);
        }
        assert_eq!(whole.verdicts, bytewise.verdicts, "{wire:?}");
        assert_eq!(whole.phase, bytewise.phase, "{wire:?}");
        (whole.verdicts.iter().copied().collect(), whole.is_broken())
    }

    #[test]
    fn requests_are_told_apart_by_their_bodies() {
        let wire = "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\nGET / HTTP/1.1\r\nX: y\n\
                    POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nGET /\r\n0\r\nX: y\r\n\r\n\
                    GET / HTTP/1.1\r\n\r\n";
        assert_eq!(verdicts(wire), (vec![Ok(()), Ok(()), Ok(())], false));
    }

    #[test]
    fn a_head_that_can_be_read_in_two_ways_is_refused() {
        for (fields, breach) in [
            ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", Breach::LengthAndCoding),
            ("Transfer-Encoding: chunked\r\ncontent-length: 6\r\n", Breach::LengthAndCoding),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Breach::Length),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Breach::Length),
            ("Content-Length: 5, 5\r\n", Breach::Length),
            ("Content-Length: +5\r\n", Breach::Length),
            ("Content-Length: 0x5\r\n", Breach::Length),
            ("Content-Length:\r\n", Breach::Length),
            ("Content-Length: 18446744073709551621\r\n", Breach::Length),
            ("Transfer-Encoding: xchunked\r\n", Breach::Coding),
            ("Transfer-Encoding: chunked, identity\r\n", Breach::Coding),
            ("Transfer-Encoding: gzip, chunked\r\n", Breach::Coding),
            ("Transfer-Encoding: \"chunked\"\r\n", Breach::Coding),
            ("Transfer-Encoding: chunked;a=b\r\n", Breach::Coding),
            ("Transfer-Encoding: \x0bchunked\r\n", Breach::Coding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Breach::Coding),
            ("X: y\n", Breach::BareLineFeed),
            ("\n", Breach::BareLineFeed),
        ] {
            let wire = format!("POST / HTTP/1.1\r\n{fields}\r\nGET / HTTP/1.1\r\n\r\n");
            assert_eq!(verdicts(&wire), (vec![Err(breach)], false), "{fields:?}");
        }
    }

    #[test]
    fn a_target_is_not_cut_off() {
        let wire = "GET /a#/b HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(verdicts(wire), (vec![Err(Breach::Fragment)], false));
        let wire = "GET /a HTTP/1.1\r\nHost: a\r\nX: #\r\n\r\n";
        assert_eq!(verdicts(wire), (vec![Ok(())], false));
    }

    proptest::proptest! {
        /// Pieces of requests in any order, cut anywhere: what was found does not depend on the cuts.
        #[test]
        fn the_cuts_between_reads_do_not_matter(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..20),
            cuts in proptest::collection::vec(1_usize..9, 1..40),
        ) {
            let wire = pieces.concat();
            let mut whole = Framing::default();
            let handed_on = whole.read(wire.as_bytes());
            let mut cut = Framing::default();
            let (mut rest, mut piecewise) = (wire.as_bytes(), 0);
            for size in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*size).min(rest.len()));
                let good = cut.read(now);
                piecewise += good;
                if later.is_empty() || good < now.len() {
                    break;
                }
                rest = later;
            }
            assert_eq!((&whole.verdicts, whole.phase), (&cut.verdicts, cut.phase));
            // The line that breaks may have been handed on in part, never what follows it.
            assert!(handed_on <= piecewise && piecewise <= wire.len());
        }
    }

    const PIECES: &[&str] = &[
        "POST / HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 7\r\n",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "\n",
        "7\r\n",
        "0\r\n",
        "1234567",
        "\r",
        "GET / HTTP/1.0\r\n\r\n",
        "x: y",
        "PRI * HTTP/2.0\r\n",
    ];

    #[test]
    fn a_framing_value_too_long_to_be_kept_is_refused() {
        let wire = format!("POST / HTTP/1.1\r\nContent-Length: {:0>300}\r\n\r\n", 5);
        assert_eq!(verdicts(&wire).0, [Err(Breach::Length)]);
    }

    #[test]
    fn malformed_chunks_break_the_connection() {
        for chunks in [
            "-5\r\n",
            "0x5\r\n",
            "5 \r\n",
            " 5\r\n",
            "5\nGET /\r\n0\r\n\r\n",
            "\r\n",
            "5;a\rb\r\n",
            "00000000000000005\r\n",
            "5\r\nGET /POST\r\n",
            "0\r\nContent-Length: 5\r\n\r\n",
            "0\r\n\n",
        ] {
            let wire = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            assert_eq!(verdicts(&wire), (vec![Ok(())], true), "{chunks:?}");
        }
    }

    #[test]
    fn nothing_from_a_malformed_chunk_on_is_handed_on() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n";
        let mut framing = Framing::default();
        assert_eq!(framing.read(format!("{head}-5\r\n").as_bytes()), head.len());
        assert_eq!(framing.read(b"more"), 0);
    }

    #[test]
    fn http2_is_framed_otherwise_and_a_request_without_a_head_is_in_doubt() {
        let mut framing = Framing::default();
        assert_eq!(framing.verdict(), Err(Breach::Doubt));
        framing.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0");
        assert_eq!((framing.verdict(), framing.verdict()), (Ok(()), Ok(())));
    }
}
