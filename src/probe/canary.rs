//! Finding planted words in bytes, in whatever way they are written. Pure.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use percent_encoding::percent_decode;

use super::answer::{Answer, Decoded, answers};

/// Shortest word that is looked for in base64, in bytes: what is left of a shorter one is found by chance.
const BASE64_BYTES_MIN: usize = 6;

/// How many escapes are taken off: a JSON text within a JSON text has two, and so has what was percent-encoded twice.
const LAYERS: usize = 2;

/// Words that must not be seen.
#[derive(Clone, Debug, Default)]
pub struct Canaries(Vec<Canary>);

#[derive(Clone, Debug)]
struct Canary {
    word: String,
    encoded: Vec<Encoded>,
}

/// A word as it stands in base64, if it begins at a certain place of a group of three bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Encoded {
    /// The bytes of the group that stand before the word.
    before: usize,
    /// The characters of the group that stand before those of the word alone.
    begin: usize,
    text: String,
}

impl Canaries {
    /// These words.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(|word| Canary::new(word.into())).collect())
    }

    /// The first of the words that stands in these bytes: plain, JSON-escaped, percent-encoded (each twice too), in base64
    /// of either alphabet, or in a mixture of these.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        let texts = readings(bytes);
        let found = self.0.iter().find(|canary| texts.iter().any(|text| canary.is_in(text)));
        found.map(|canary| canary.word.as_str())
    }

    /// What stands behind each of the words wherever [`Canaries::find`] would find one, without what it was written in: tells
    /// apart canaries that begin alike.
    #[must_use]
    pub fn following(&self, bytes: &[u8]) -> Vec<String> {
        let texts = readings(bytes);
        texts.iter().flat_map(|text| self.0.iter().flat_map(|canary| canary.following(text))).collect()
    }
}

/// All texts in which the bytes of an HTTP/1 connection may show something: these bytes, and of each answer in them the
/// headers with the trailers, and the body out of its chunks, with and without its content coding. `to_head`: the first
/// answers a `HEAD`. A body that unpacks to more than `bytes_max` is not unpacked.
#[must_use]
pub fn texts(bytes: &[u8], to_head: bool, bytes_max: usize) -> Vec<Vec<u8>> {
    let answers = answers(bytes, to_head, true);
    let mut texts = vec![bytes.to_vec()];
    texts.extend(answers.iter().flat_map(|answer| texts_of(answer, bytes_max)));
    texts
}

/// The texts of an answer, as [`texts`] has them.
pub(super) fn texts_of(answer: &Answer, bytes_max: usize) -> [Vec<u8>; 3] {
    let decoded = match answer.decoded(bytes_max) {
        Decoded::Body(body) => body,
        Decoded::Unread(_) => Vec::new(),
    };
    let headers = answer.headers.iter().flat_map(|(name, value)| format!("{name}: {value}\n").into_bytes());
    [headers.collect(), answer.body.clone(), decoded]
}

impl Canary {
    fn new(word: String) -> Self {
        let mut encoded = Vec::new();
        if word.len() >= BASE64_BYTES_MIN {
            encoded.extend((0..3).flat_map(|before| Encoded::of(word.as_bytes(), before)));
            encoded.dedup();
        }
        Self { word, encoded }
    }

    fn is_in(&self, text: &str) -> bool {
        let has = |word: &str| !word.is_empty() && text.contains(word);
        has(&self.word) || self.encoded.iter().any(|encoded| has(&encoded.text))
    }

    fn following(&self, text: &str) -> Vec<String> {
        let mut following = Vec::new();
        if self.is_in(text) {
            following.extend(text.split(&self.word).skip(1).map(str::to_owned));
            following.extend(self.encoded.iter().flat_map(|encoded| {
                text.split(&encoded.text).skip(1).map(|after| encoded.decoded(after, self.word.len()))
            }));
        }
        following
    }
}

impl Encoded {
    /// In either alphabet.
    fn of(word: &[u8], before: usize) -> [Self; 2] {
        let mut padded = vec![0; before];
        padded.extend_from_slice(word);
        // The first characters also hold bits of what stands before, the last those of what follows.
        let begin = [0, 2, 3].get(before).copied().unwrap_or_default();
        let end = padded.len() * 8 / 6;
        [BASE64_NOPAD.encode(&padded), BASE64URL_NOPAD.encode(&padded)].map(|text| Self {
            before,
            begin,
            text: text.get(begin..end).unwrap_or_default().to_owned(),
        })
    }

    /// What of a word of so many bytes stands behind, decoded, given what stands behind [`Encoded::text`].
    fn decoded(&self, after: &str, word: usize) -> String {
        let run = after.chars().map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        });
        let run = run.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/'));
        let mut group: String = "A".repeat(self.begin) + &self.text.replace('-', "+").replace('_', "/");
        group.extend(run);
        let bytes = group.len() * 6 / 8;
        group.push_str("AAA".get(..(4 - group.len() % 4) % 4).unwrap_or_default());
        let decoded = BASE64_NOPAD.decode(group.as_bytes()).unwrap_or_default();
        let rest = decoded.get(self.before + word..bytes).unwrap_or_default();
        String::from_utf8_lossy(rest).into_owned()
    }
}

/// The bytes as text, and what they are without their escapes.
fn readings(bytes: &[u8]) -> Vec<String> {
    let mut readings = vec![String::from_utf8_lossy(bytes).into_owned()];
    let mut begin = 0;
    for _ in 0..LAYERS {
        let end = readings.len();
        let last = readings.get(begin..).unwrap_or_default().to_vec();
        for text in last {
            let plain = text.contains('\\').then(|| unescaped(text.as_bytes()));
            let decoded = text.contains('%').then(|| percent_decode(text.as_bytes()).collect());
            for bytes in [plain, decoded].into_iter().flatten() {
                let reading = String::from_utf8_lossy(&bytes).into_owned();
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
        }
        begin = end;
    }
    readings
}

/// With each escape of JSON replaced by what it stands for; of a `\u` beyond ASCII that is only roughly so.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            plain.push(first);
            continue;
        }
        match after.split_first() {
            Some((b'u', digits)) => {
                let code = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
                let c = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
                if let Some(c) = c {
                    plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = digits.get(4..).unwrap_or_default();
                }
            }
            Some((&escaped, after)) => {
                plain.push(escaped);
                rest = after;
            }
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, BASE64URL};

    use super::*;

    #[test]
    fn a_canary_is_found_in_any_writing() {
        let canaries = Canaries::new(["CANARY-102-title"]);
        for text in [
            "x CANARY-102-title y",
            r#"{"a":"\u0043ANARY\u002d102-title"}"#,
            r#"{"a":"CANARY\-102\-title"}"#,
            "/a?b=%43ANARY%2D102-title",
            "/a?b=%2543ANARY-102-title",
            r#""\u0025\u0034\u0033ANARY-102-title""#,
            r#"{"log":"{\"a\":\"\\u0043ANARY-102\\u002Dtitle\"}"}"#,
        ] {
            assert_eq!(canaries.find(text.as_bytes()), Some("CANARY-102-title"), "{text}");
        }
        for before in ["", "a", "ab", "abc", "{\"x\":\""] {
            for after in ["", "z", "zz", "\"}"] {
                let text = format!("{before}CANARY-102-title{after}");
                for encoded in [BASE64.encode(text.as_bytes()), BASE64URL.encode(text.as_bytes())] {
                    assert!(canaries.find(format!("Basic {encoded}").as_bytes()).is_some(), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_follows_a_word_is_found_in_any_writing() {
        let canaries = Canaries::new(["CANARY-"]);
        for text in [
            "CANARY-102-title and more",
            r#"\u0043ANARY\u002d\u0031\u00302-title and more"#,
            "%43ANARY-1%302-title and more",
            "%2543ANARY-1%25302-title and more",
        ] {
            assert_eq!(canaries.following(text.as_bytes()).pop().unwrap(), "102-title and more", "{text}");
        }
        for before in ["", "a", "ab", "abc", "{\"x\":\""] {
            for after in ["", "?", "zz", "\"}\u{ff}"] {
                let text = format!("{before}CANARY-102-title{after}");
                for encoded in [BASE64.encode(text.as_bytes()), BASE64URL.encode(text.as_bytes())] {
                    let following = canaries.following(format!("Basic {encoded} x").as_bytes());
                    assert_eq!(following, [format!("102-title{after}")], "{text}");
                }
            }
        }
        assert_eq!(canaries.following(b"CANARY-1 CANARY-2"), ["1 ", "2"]);
        assert_eq!(canaries.following(b"canary-1 %43anary-1"), [""; 0]);
    }

    #[test]
    fn all_parts_of_an_answer_are_texts() {
        let bytes = b"HTTP/1.1 200 CANARY-line\r\nX-A: CANARY-header\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nCAN\r\n8\r\nARY-body\r\n0\r\nX-B: CANARY-trailer\r\n\r\n";
        for word in ["CANARY-line", "CANARY-header", "CANARY-body", "CANARY-trailer"] {
            let canaries = Canaries::new([word]);
            assert!(texts(bytes, false, 100).iter().any(|text| canaries.find(text).is_some()), "{word}");
        }
    }

    #[test]
    fn another_is_not() {
        let canaries = Canaries::new(["CANARY-102-title", "Mara"]);
        for text in ["", "CANARY-101-title", "\\", "\\u00", "%4", "%zz", "TWFyYQ=="] {
            assert_eq!(canaries.find(text.as_bytes()), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_looked_through(bytes: Vec<u8>) {
            let _found = Canaries::new(["CANARY-102-title"]).find(&bytes);
            let _following = Canaries::new(["CANARY"]).following(&[b"Q0FOQVJZ", bytes.as_slice()].concat());
        }
    }
}
