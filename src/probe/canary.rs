//! Finding planted words in bytes, in whatever way they are written. Pure.

use std::borrow::Cow;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use percent_encoding::percent_decode;

/// Shortest word that is looked for in base64, in bytes: what is left of a shorter one is found by chance.
const BASE64_BYTES_MIN: usize = 6;

/// Words that must not be seen.
#[derive(Clone, Debug, Default)]
pub struct Canaries(Vec<Canary>);

#[derive(Clone, Debug)]
struct Canary {
    word: String,
    /// The word as it stands in base64, at each of the three places where it may begin in a group.
    encoded: Vec<String>,
}

impl Canaries {
    /// These words.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(|word| Canary::new(word.into())).collect())
    }

    /// The first of the words that stands in these bytes: plain, JSON-escaped, percent-encoded (twice too), in base64
    /// of either alphabet, or in a mixture of these.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        let texts = readings(bytes);
        let found = self.0.iter().find(|canary| texts.iter().any(|text| canary.is_in(text)));
        found.map(|canary| canary.word.as_str())
    }
}

impl Canary {
    fn new(word: String) -> Self {
        let encoded = if word.len() < BASE64_BYTES_MIN {
            Vec::new()
        } else {
            (0..3).flat_map(|before| encoded(word.as_bytes(), before)).collect()
        };
        Self { word, encoded }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let has =
            |word: &str| !word.is_empty() && text.windows(word.len()).any(|part| part == word.as_bytes());
        has(&self.word) || self.encoded.iter().any(|encoded| has(encoded))
    }
}

/// The characters of base64 that depend on the word alone, if so many bytes of a group stand before it.
fn encoded(word: &[u8], before: usize) -> [String; 2] {
    let mut padded = vec![0; before];
    padded.extend_from_slice(word);
    // The first characters also hold bits of what stands before, the last those of what follows.
    let begin = [0, 2, 3].get(before).copied().unwrap_or_default();
    let end = padded.len() * 8 / 6;
    [BASE64_NOPAD.encode(&padded), BASE64URL_NOPAD.encode(&padded)]
        .map(|text| text.get(begin..end).unwrap_or_default().to_owned())
}

/// The bytes, and what they are without their escapes.
fn readings(bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut readings = vec![Cow::Borrowed(bytes)];
    let unescaped = unescaped(bytes);
    let once: Cow<'_, [u8]> = percent_decode(bytes).into();
    let twice: Vec<u8> = percent_decode(&once).collect();
    let both: Vec<u8> = percent_decode(&unescaped).collect();
    for reading in [unescaped, once.into_owned(), twice, both] {
        if readings.iter().all(|known| **known != *reading) {
            readings.push(Cow::Owned(reading));
        }
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
        }
    }
}
