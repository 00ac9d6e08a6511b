//! Answers, taken apart from the bytes of a connection. Pure.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

use crate::filter;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case. Those of trailers stand last.
    pub(super) headers: Vec<(String, String)>,
    /// Out of its chunks, and still in its content coding.
    pub(super) body: Vec<u8>,
    /// Its end was seen.
    pub(super) whole: bool,
}

/// A body without its content coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Body(Vec<u8>),
    /// It is in a coding that is not known here, unpacks to too much, or is broken: the coding.
    Unread(String),
}

impl Answer {
    /// The values of a header, joined by commas; `None` if it is not there.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body without its content coding, at most `bytes_max`.
    pub(super) fn decoded(&self, bytes_max: usize) -> Decoded {
        let coding = self.header("content-encoding").unwrap_or_default().to_ascii_lowercase();
        if self.body.is_empty() {
            return Decoded::Body(Vec::new());
        }
        match coding.trim() {
            "" | "identity" => Decoded::Body(self.body.clone()),
            "gzip" | "x-gzip" => unpacked(MultiGzDecoder::new(self.body.as_slice()), bytes_max, coding),
            "deflate" => unpacked(ZlibDecoder::new(self.body.as_slice()), bytes_max, coding),
            "br" => unpacked(
                brotli_decompressor::Decompressor::new(self.body.as_slice(), 4096),
                bytes_max,
                coding,
            ),
            "zstd" => match StreamingDecoder::new(self.body.as_slice()) {
                Ok(decoder) => unpacked(decoder, bytes_max, coding),
                Err(_broken) => Decoded::Unread(coding),
            },
            _ => Decoded::Unread(coding),
        }
    }

    pub(super) fn json(&self, bytes_max: usize) -> Option<serde_json::Value> {
        match self.decoded(bytes_max) {
            Decoded::Body(body) => serde_json::from_slice(&filter::readable(&body)).ok(),
            Decoded::Unread(_) => None,
        }
    }
}

fn unpacked(from: impl Read, bytes_max: usize, coding: String) -> Decoded {
    let mut body = Vec::new();
    match from.take(bytes_max as u64 + 1).read_to_end(&mut body) {
        Ok(_) if body.len() <= bytes_max => Decoded::Body(body),
        _ => Decoded::Unread(coding),
    }
}

/// The answers in these bytes; `ended`: the connection gives no more. After one that is not whole there is none.
/// `to_head`: the first is to a `HEAD`.
pub(super) fn answers(bytes: &[u8], to_head: bool, ended: bool) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut rest = bytes;
    while let Some((answer, after)) =
        first(rest, to_head && answers.iter().all(|answer| answer.status < 200), ended)
    {
        rest = after;
        let whole = answer.whole;
        answers.push(answer);
        if !whole || rest.is_empty() {
            break;
        }
    }
    answers
}

/// The first answer and what follows it; `None` if there is not a whole head.
fn first(bytes: &[u8], to_head: bool, ended: bool) -> Option<(Answer, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = bytes.split_at_checked(end + 4)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.trim_end().split("\r\n");
    let mut line = lines.next()?.split(' ');
    line.next().filter(|version| version.starts_with("HTTP/"))?;
    let status = line.next()?.parse().ok()?;
    let mut answer = Answer { status, headers: lines.filter_map(field).collect(), ..Answer::default() };
    if to_head || status < 200 || status == 204 || status == 304 {
        answer.whole = true;
        return Some((answer, rest));
    }
    if answer
        .header("transfer-encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"))
    {
        let rest = chunks(&mut answer, rest);
        return Some((answer, rest));
    }
    let length = answer.header("content-length").and_then(|length| length.trim().parse::<usize>().ok());
    let (body, rest) = rest.split_at(length.unwrap_or(rest.len()).min(rest.len()));
    answer.whole = length.map_or(ended, |length| body.len() == length);
    answer.body = body.to_vec();
    Some((answer, rest))
}

/// Reads chunks and trailers into the answer; gives what follows them.
fn chunks<'b>(answer: &mut Answer, mut rest: &'b [u8]) -> &'b [u8] {
    while let Some((size, after)) = line(rest) {
        let digits = size.split(';').next().unwrap_or_default().trim().to_owned();
        let Ok(size) = usize::from_str_radix(&digits, 16) else { return rest };
        rest = after;
        if size == 0 {
            while let Some((trailer, after)) = line(rest) {
                rest = after;
                if trailer.is_empty() {
                    answer.whole = true;
                    return rest;
                }
                answer.headers.extend(field(&trailer));
            }
            return rest;
        }
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        answer.body.extend_from_slice(chunk);
        let Some(after) = after.strip_prefix(b"\r\n") else { return after };
        rest = after;
    }
    rest
}

fn line(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((String::from_utf8_lossy(line).into_owned(), rest.get(2..)?))
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn answers_are_taken_apart_as_they_are_framed() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n[1\r\n1\r\n]\r\n0\r\nX-Last: a\r\n\r\n\
            HTTP/1.1 204 No\r\n\r\nHTTP/1.1 404 No\r\nconnection: close\r\n\r\nrest";
        let told = answers(bytes, false, true);
        let statuses: Vec<_> = told.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [100, 200, 200, 204, 404]);
        assert!(told.iter().all(|answer| answer.whole), "{told:?}");
        assert_eq!((told[2].body.as_slice(), told[2].header("x-last").as_deref()), (&b"[1]"[..], Some("a")));
        assert_eq!(told[4].body, b"rest");
    }

    #[test]
    fn what_stands_beside_half_a_surrogate_pair_is_looked_at() {
        let body = br#"{"text":"\ud800","phone":"1"}"#.to_vec();
        let answer = Answer { body, ..Answer::default() };
        assert_eq!(answer.json(100).unwrap()["phone"], "1");
    }

    #[test]
    fn an_answer_that_is_cut_is_not_whole() {
        let bytes: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n";
        for end in 0..bytes.len() {
            assert!(answers(&bytes[..end], false, true).iter().all(|answer| !answer.whole), "{end}");
        }
        assert!(answers(bytes, false, false)[0].whole);
        let head = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, false);
        assert!(head[0].whole && head[0].body.is_empty());
    }

    #[test]
    fn a_body_is_unpacked_within_a_bound_or_said_to_be_unread() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&[b'a'; 1000]).unwrap();
        let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
        let mut answer = Answer { headers, body: packed.finish().unwrap(), ..Answer::default() };
        assert_eq!(answer.decoded(1000), Decoded::Body(vec![b'a'; 1000]));
        assert_eq!(answer.decoded(999), Decoded::Unread("gzip".to_owned()));
        // Six letters as they are, in a frame of each format (RFC 7932 section 9.2, RFC 8878 section 3.1.1).
        let br = b"\x8b\x02\x80aaaaaa\x03".to_vec();
        let zstd = b"\x28\xb5\x2f\xfd\x20\x06\x31\x00\x00aaaaaa".to_vec();
        for (coding, body) in [("br", br), ("zstd", zstd)] {
            answer.headers[0].1 = coding.to_owned();
            answer.body = body;
            assert_eq!(answer.decoded(1000), Decoded::Body(b"aaaaaa".to_vec()), "{coding}");
            assert_eq!(answer.decoded(5), Decoded::Unread(coding.to_owned()));
        }
        answer.headers[0].1 = "gzip, br".to_owned();
        assert_eq!(answer.decoded(1000), Decoded::Unread("gzip, br".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_taken_apart(bytes: Vec<u8>, to_head: bool) {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _answers = answers(&[head.as_slice(), &bytes].concat(), to_head, true);
            let _answers = answers(&bytes, to_head, true);
        }
    }
}
