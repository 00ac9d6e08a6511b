//! Strings, numbers and words as RFC 8259 has them, read from where a chunk of text was cut.

use super::Fault;

/// How far a token was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// To its end.
    Whole(usize),
    /// To here, and the text at hand ends.
    Part(usize),
}

/// How far a number was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Start,
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// Eight bytes of 1, and the top bits of eight bytes: bytes are looked at eight at once, as one number.
const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The first byte from `at` on that is no white space, and where it is.
#[inline(always)]
pub(super) fn solid(text: &[u8], at: usize) -> (usize, Option<u8>) {
    match text.get(at) {
        // Most texts have no white space between their parts.
        Some(byte) if *byte > b' ' => (at, Some(*byte)),
        _ => behind_blank(text, at),
    }
}

/// Apart from its callers, which would otherwise have its registers to save.
#[inline(never)]
fn behind_blank(text: &[u8], mut at: usize) -> (usize, Option<u8>) {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    (at, text.get(at).copied())
}

/// A string's rest, from behind its quote or from a place to which it was read. `escaped` is set if there is an
/// escape in it.
#[inline(always)]
pub(super) fn string(text: &[u8], mut at: usize, base: usize, escaped: &mut bool) -> Result<Read, Fault> {
    loop {
        at = plain(text, at);
        match text.get(at) {
            None => return Ok(Read::Part(at)),
            Some(b'"') => return Ok(Read::Whole(at + 1)),
            Some(b'\\') => {
                *escaped = true;
                match escape(text, at) {
                    Some(0) => return Ok(Read::Part(at)),
                    Some(length) => at += length,
                    None => return Err(Fault::Text { at: (base + at) as u64 }),
                }
            }
            Some(_) => return Err(Fault::Text { at: (base + at) as u64 }),
        }
    }
}

/// The first byte from `at` on that is a quote, a backslash or a control character.
#[inline(always)]
pub(super) fn plain(text: &[u8], mut at: usize) -> usize {
    // Two words in a turn: half the checks whether the text has ended.
    while let Some(bytes) = text.get(at..at + 16) {
        for word in bytes.as_chunks().0 {
            let marked = not_plain(u64::from_le_bytes(*word));
            if marked != 0 {
                return at + first(marked);
            }
            at += 8;
        }
    }
    while let Some(0x20..=0x21 | 0x23..=0x5b | 0x5d..) = text.get(at) {
        at += 1;
    }
    at
}

/// The end of a string that lies whole in a text, from behind its quote; `None` if it does not or is not sound.
#[inline(always)]
pub(super) fn whole_string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = plain(text, at);
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match escape(text, at)? {
                0 => return None,
                length => at += length,
            },
            _ => return None,
        }
    }
}

/// The end of a number behind which something stands.
#[inline(always)]
pub(super) fn whole_number(text: &[u8], mut at: usize) -> Option<usize> {
    if text.get(at)? == &b'-' {
        at += 1;
    }
    at = if text.get(at)? == &b'0' { at + 1 } else { some_digits(text, at)? };
    match text.get(at)? {
        b'.' | b'e' | b'E' => whole_fraction(text, at),
        _behind => Some(at),
    }
}

/// The same, from behind the whole part: few numbers have more.
fn whole_fraction(text: &[u8], mut at: usize) -> Option<usize> {
    if text.get(at)? == &b'.' {
        at = some_digits(text, at + 1)?;
    }
    if let b'e' | b'E' = text.get(at)? {
        at += if let b'+' | b'-' = text.get(at + 1)? { 2 } else { 1 };
        at = some_digits(text, at)?;
    }
    text.get(at).map(|_behind| at)
}

/// The end of one or more digits.
#[inline(always)]
fn some_digits(text: &[u8], at: usize) -> Option<usize> {
    let end = digits(text, at);
    if end > at { Some(end) } else { None }
}

/// The end of this word.
#[inline(always)]
pub(super) fn whole_word(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let end = at + word.len();
    (text.get(at..end)? == word).then_some(end)
}

/// The top bit of each byte of a word that is a quote, a backslash or a control character; perhaps also of bytes behind the
/// first that is one.
#[inline(always)]
fn not_plain(word: u64) -> u64 {
    // With this bit turned a quote becomes 0x20, control characters stay below, and all others are above.
    let quotes_and_controls = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let slashes = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // A borrow can only mark bytes above one that is truly marked.
    (quotes_and_controls | slashes) & !word & TOPS
}

/// The first byte of a word whose top bit is set.
#[inline(always)]
fn first(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
}

/// The length of the escape at `at`; 0 if the text ends in it, `None` if it is none. One that is half of a surrogate pair
/// may stand without the other (RFC 8259 section 8.2).
fn escape(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at + 1) {
        None => Some(0),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Some(2),
        Some(b'u') => {
            let digits = text.get(at + 2..).unwrap_or_default();
            let digits = digits.get(..4).unwrap_or(digits);
            digits.iter().all(u8::is_ascii_hexdigit).then_some(if digits.len() == 4 { 6 } else { 0 })
        }
        Some(_) => None,
    }
}

/// Four hexadecimal digits as a number.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let mut unit = 0;
    for digit in text.get(at..at + 4)? {
        unit = unit << 4 | char::from(*digit).to_digit(16)?;
    }
    u16::try_from(unit).ok()
}

/// The text of a string that was found to be sound, without its quotes, into `to`. Says whether it is one: half of a
/// surrogate pair stands for no character, so that a string with one is equal to no text.
pub(super) fn unescape(string: &[u8], to: &mut Vec<u8>) -> bool {
    to.clear();
    let mut rest = string;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            to.push(byte);
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else { return false };
        rest = after;
        to.push(match kind {
            b'u' => {
                let first = unit(rest, 0);
                let second = unit(rest, 6).filter(|_| rest.get(4..6) == Some(b"\\u"));
                let units = first.into_iter().chain(second);
                let Some(Ok(c)) = char::decode_utf16(units).next() else { return false };
                to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(if c.len_utf16() == 2 { 10 } else { 4 }..).unwrap_or_default();
                continue;
            }
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            same => same,
        });
    }
    true
}

/// The same text for a reader that takes no half of a surrogate pair, such as `serde_json`: in place of each half, of those
/// that have their other one too, stands a character that nobody has given a meaning (U+E800 to U+EFFF).
#[must_use]
pub fn readable(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        if let Some([_, b'u', first @ (b'd' | b'D'), b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]) =
            text.get_mut(at..)
        {
            *first = b'e';
        }
        at += 2;
    }
    text
}

/// A number's rest.
#[inline(always)]
pub(super) fn number(text: &[u8], mut at: usize, base: usize, read: &mut Number) -> Result<Read, Fault> {
    if *read == Number::Start
        && let Some(b'1'..=b'9') = text.get(at)
    {
        *read = Number::Whole;
        at = digits(text, at + 1);
    }
    while let Some(byte) = text.get(at) {
        *read = match (*read, byte) {
            (Number::Start, b'-') => Number::Minus,
            (Number::Start | Number::Minus, b'0') => Number::Zero,
            (Number::Start | Number::Minus, b'1'..=b'9') | (Number::Whole, b'0'..=b'9') => Number::Whole,
            (Number::Zero | Number::Whole, b'.') => Number::Point,
            (Number::Point | Number::Fraction, b'0'..=b'9') => Number::Fraction,
            (Number::Zero | Number::Whole | Number::Fraction, b'e' | b'E') => Number::Exponent,
            (Number::Exponent, b'+' | b'-') => Number::ExponentSign,
            (Number::Exponent | Number::ExponentSign | Number::ExponentDigits, b'0'..=b'9') => {
                Number::ExponentDigits
            }
            (read, _) if read.is_whole() => return Ok(Read::Whole(at)),
            _ => return Err(Fault::Syntax { at: (base + at) as u64 }),
        };
        at += 1;
    }
    Ok(Read::Part(at))
}

/// The first byte from `at` on that is no digit.
#[inline(always)]
fn digits(text: &[u8], mut at: usize) -> usize {
    while let Some(bytes) = text.get(at..at + 8).and_then(|bytes| bytes.first_chunk()) {
        // A digit becomes 0 to 9, to which 0x76 can be added without reaching the top bit. Only a byte whose own top
        // bit is set can carry into the next.
        let word = u64::from_le_bytes(*bytes) ^ (ONES * b'0' as u64);
        let others = (word.wrapping_add(ONES * 0x76) | word) & TOPS;
        if others != 0 {
            return at + first(others);
        }
        at += 8;
    }
    while let Some(b'0'..=b'9') = text.get(at) {
        at += 1;
    }
    at
}

impl Number {
    /// It may end here.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::ExponentDigits)
    }
}

/// `true`, `false` or `null`.
#[inline(always)]
pub(super) fn word(text: &[u8], at: usize, base: usize) -> Result<Read, Fault> {
    let rest = text.get(at..).unwrap_or_default();
    let word: &[u8] = match rest.first() {
        Some(b't') => b"true",
        Some(b'f') => b"false",
        _ => b"null",
    };
    if rest.starts_with(word) {
        Ok(Read::Whole(at + word.len()))
    } else if word.starts_with(rest) {
        Ok(Read::Part(at))
    } else {
        Err(Fault::Syntax { at: (base + at) as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_text_if_every_surrogate_has_its_other_half() {
        let text = |string: &str| {
            let mut text = Vec::new();
            unescape(string.as_bytes(), &mut text).then(|| String::from_utf8(text).unwrap())
        };
        for (string, want) in [
            (r"\ud83d\ude42\u0061\n\\u", Some("\u{1f642}a\n\\u")),
            (r"\ud83d\uDE42\uD83D\ude42", Some("\u{1f642}\u{1f642}")),
            (r"\ufffd\ue000\ud7ff", Some("\u{fffd}\u{e000}\u{d7ff}")),
            (r"\ud83d", None),
            (r"\ude42", None),
            (r"\ude42\ud83d", None),
            (r"\ud83d\ud83d\ude42", None),
            (r"\ud83d\ude42\ude42", None),
            (r"\ud83d\u0061", None),
            (r"\ud83d\nde42", None),
            (r"\ud83d de42", None),
            ("a\\ud83d", None),
        ] {
            assert_eq!(text(string).as_deref(), want, "{string}");
        }
    }

    #[test]
    fn a_string_is_plain_up_to_the_first_byte_that_is_not_wherever_that_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..40 {
                let mut text = [b"#\x7f\x80\xff"[at % 4]; 40];
                text[at] = byte;
                let want = if matches!(byte, b'"' | b'\\' | 0..0x20) { at } else { 40 };
                assert_eq!(plain(&text, 0), want, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn digits_end_at_the_first_byte_that_is_none_wherever_that_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = *b"09876543210123456789";
                text[at] = byte;
                assert_eq!(
                    digits(&text, 0),
                    if byte.is_ascii_digit() { 20 } else { at },
                    "{byte:#x} at {at}"
                );
            }
        }
    }

    #[test]
    fn a_text_is_made_readable_without_being_moved() {
        for (text, want) in [
            (
                r#"["\ud800","\uDFFFx","\ud7ff","\\ud800","d800"]"#,
                r#"["\ue800","\ueFFFx","\ud7ff","\\ud800","d800"]"#,
            ),
            (r#""\ud83d\ude42""#, r#""\ue83d\uee42""#),
            ("\\ud", "\\ud"),
            ("\\", "\\"),
        ] {
            assert_eq!(readable(text.as_bytes()), want.as_bytes(), "{text}");
        }
    }
}
