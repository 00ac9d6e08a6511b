//! Content codings of backends' answers. Headgate asks for none (`accept-encoding: identity`); one that comes all
//! the same is undone here, within a bound, before anybody looks at the answer, or the answer is not shown (rows
//! F01 to F03). What a client gets is never encoded.
//!
//! Taken are gzip (RFC 1952), br (RFC 7932) and zstd (RFC 8878, with the window of RFC 9659), one of them, once. What
//! two decoders could read differently is refused: codings on top of each other, a second gzip member or zstd
//! frame, bytes after the end, skippable frames, dictionaries, and checksums and lengths that do not fit.

use std::io::Read as _;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::{HeaderMap, header};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Why an encoded answer is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncoded {
    /// A coding that is not known, or more than one.
    #[error("its content coding is not taken")]
    Coding,
    /// It is not what its coding says, or ends too early.
    #[error("it is not encoded as it says")]
    Broken,
    /// There is more after its end.
    #[error("there is more after the end of what is encoded")]
    Rest,
    /// It is larger than an answer may be.
    #[error("it decodes to more than an answer may be")]
    TooLarge,
}

/// What a zstd frame may look back on, in bytes: what RFC 9659 has every decoder of HTTP hold, and no more. The
/// others have no more than 16 MiB (br) and 32 KiB (gzip) by their formats.
const ZSTD_WINDOW_MAX: u64 = 8 << 20;

/// Bytes that are decoded at a time.
const STEP: usize = 64 << 10;

/// A body without its coding, of at most `max` bytes. An empty one has nothing to decode.
///
/// # Errors
/// [`Uncoded`].
pub fn decoded(headers: &HeaderMap, body: Bytes, max: usize) -> Result<Bytes, Uncoded> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings =
        values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let (Some(coding), None) = (codings.next(), codings.next()) else {
        return if headers.contains_key(header::CONTENT_ENCODING) { Err(Uncoded::Coding) } else { Ok(body) };
    };
    let decode = match &*coding.to_ascii_lowercase() {
        b"identity" => return Ok(body),
        b"gzip" | b"x-gzip" => gzip,
        b"br" => br,
        b"zstd" => zstd,
        _ => return Err(Uncoded::Coding),
    };
    if body.is_empty() { Ok(body) } else { decode(&body, max).map(Bytes::from) }
}

fn gzip(encoded: &[u8], max: usize) -> Result<Vec<u8>, Uncoded> {
    let mut decoder = GzDecoder::new(encoded);
    let mut decoded = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    decoder.by_ref().take(bound).read_to_end(&mut decoded).map_err(|_broken| Uncoded::Broken)?;
    if decoded.len() > max {
        return Err(Uncoded::TooLarge);
    }
    // Padding, or another member: some decoders would go on.
    if decoder.into_inner().is_empty() { Ok(decoded) } else { Err(Uncoded::Rest) }
}

fn br(encoded: &[u8], max: usize) -> Result<Vec<u8>, Uncoded> {
    let alloc = StandardAlloc::default;
    // Strict: without the windows of up to 1 GiB that RFC 7932 does not know.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut left, mut read, mut total) = (encoded.len(), 0, 0);
    let mut decoded = Vec::new();
    let mut step = vec![0; STEP];
    loop {
        let (mut room, mut made) = (STEP, 0);
        let result = BrotliDecompressStream(
            &mut left, &mut read, encoded, &mut room, &mut made, &mut step, &mut total, &mut state,
        );
        decoded.extend_from_slice(step.get(..made).unwrap_or_default());
        if decoded.len() > max {
            return Err(Uncoded::TooLarge);
        }
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultSuccess if left == 0 => return Ok(decoded),
            BrotliResult::ResultSuccess => return Err(Uncoded::Rest),
            BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => return Err(Uncoded::Broken),
        }
    }
}

fn zstd(mut encoded: &[u8], max: usize) -> Result<Vec<u8>, Uncoded> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(ZSTD_WINDOW_MAX);
    decoder.init(&mut encoded).map_err(|_broken| Uncoded::Broken)?;
    let mut decoded = Vec::new();
    while !decoder.is_finished() {
        decoder
            .decode_blocks(&mut encoded, BlockDecodingStrategy::UptoBytes(STEP))
            .map_err(|_broken| Uncoded::Broken)?;
        decoder.collect_to_writer(&mut decoded).map_err(|_broken| Uncoded::Broken)?;
        if decoded.len() > max {
            return Err(Uncoded::TooLarge);
        }
    }
    // Both are there or not as the frame likes; 0 is an unknown length.
    let (told, length) = (decoder.get_checksum_from_data(), decoder.content_size());
    let as_told = told.is_none() || told == decoder.get_calculated_checksum();
    if !as_told || (length != 0 && usize::try_from(length) != Ok(decoded.len())) {
        return Err(Uncoded::Broken);
    }
    if encoded.is_empty() { Ok(decoded) } else { Err(Uncoded::Rest) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http::HeaderValue;

    use super::*;

    const TEXT: &[u8] = br#"{"id":1,"name":"Budi"}"#;
    /// [`TEXT`], by the tools of the formats.
    const BR: &[u8] = &[
        0x8b, 0x0a, 0x80, 0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x31, 0x2c, 0x22, 0x6e, 0x61, 0x6d, 0x65, 0x22,
        0x3a, 0x22, 0x42, 0x75, 0x64, 0x69, 0x22, 0x7d, 0x03,
    ];
    const ZSTD: &[u8] = &[
        0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x16, 0xb1, 0x00, 0x00, 0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x31, 0x2c,
        0x22, 0x6e, 0x61, 0x6d, 0x65, 0x22, 0x3a, 0x22, 0x42, 0x75, 0x64, 0x69, 0x22, 0x7d, 0xaa, 0x9a, 0x16,
        0x52,
    ];

    /// 8 MiB of spaces.
    const BR_BOMB: &[u8] =
        &[0x9b, 0xff, 0xff, 0x7f, 0x00, 0x24, 0x40, 0xe2, 0xb1, 0x40, 0x72, 0xef, 0xff, 0x00];

    /// The same: 64 blocks of 128 KiB, each of which is one space so many times.
    fn zstd_bomb() -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3];
        for block in 1..=64u32 {
            let header = (128 << 10 << 3) | (1 << 1) | u32::from(block == 64);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(b' ');
        }
        frame
    }

    fn gzipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(coding: &str, body: &[u8]) -> Result<Vec<u8>, Uncoded> {
        read_within(coding, body, 1 << 20)
    }

    fn read_within(coding: &str, body: &[u8], max: usize) -> Result<Vec<u8>, Uncoded> {
        let mut headers = HeaderMap::new();
        for value in coding.split('+') {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        decoded(&headers, Bytes::copy_from_slice(body), max).map(Into::into)
    }

    #[test]
    fn each_coding_is_undone() {
        let all: [(&str, &[u8]); 6] = [
            ("gzip", &gzipped(TEXT)),
            ("X-GZip", &gzipped(TEXT)),
            ("br", BR),
            (" Zstd ", ZSTD),
            ("identity", TEXT),
            ("gzip", b""),
        ];
        for (coding, body) in all {
            let text = if body.is_empty() { b"" } else { TEXT };
            assert_eq!(read(coding, body).unwrap(), text, "{coding}");
        }
        assert_eq!(decoded(&HeaderMap::new(), Bytes::from_static(TEXT), 1).unwrap(), TEXT);
    }

    #[test]
    fn an_unknown_coding_or_more_than_one_is_not_taken() {
        let twice = gzipped(&gzipped(TEXT));
        for coding in [
            "x-foo",
            "",
            "deflate",
            "compress",
            "gzip, br",
            "gzip, gzip",
            "gzip+gzip",
            "identity, gzip",
            "gzip;q=1",
        ] {
            assert_eq!(read(coding, &twice), Err(Uncoded::Coding), "{coding}");
        }
    }

    #[test]
    fn a_zstd_frame_is_as_long_as_it_says() {
        for (length, checksum) in [(22, true), (22, false), (21, true), (21, false), (23, true), (23, false)]
        {
            let mut frame = ZSTD.to_vec();
            frame[5] = length;
            if !checksum {
                frame[4] &= !4;
                frame.truncate(frame.len() - 4);
            }
            let expected = if length == 22 { Ok(TEXT.to_vec()) } else { Err(Uncoded::Broken) };
            assert_eq!(read("zstd", &frame), expected, "{length} {checksum}");
        }
    }

    #[test]
    fn what_follows_the_end_is_not_passed_over() {
        let gzip = gzipped(TEXT);
        for (coding, one, rest) in [
            ("gzip", &*gzip, &*gzip),
            ("gzip", &*gzip, b"\0"),
            ("br", BR, b"\0"),
            ("br", BR, BR),
            ("zstd", ZSTD, ZSTD),
            // A skippable frame of one byte.
            ("zstd", ZSTD, &[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7]),
        ] {
            assert_eq!(read(coding, &[one, rest].concat()), Err(Uncoded::Rest), "{coding}");
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_broken() {
        let gzip = gzipped(TEXT);
        for (coding, whole) in [("gzip", &*gzip), ("br", BR), ("zstd", ZSTD)] {
            for end in 1..whole.len() {
                assert_eq!(read(coding, &whole[..end]), Err(Uncoded::Broken), "{coding} {end}");
            }
        }
        // The checksums stand at the end, gzip's before its length.
        for (coding, mut whole, at) in
            [("gzip", gzip.clone(), 8), ("gzip", gzip, 1), ("zstd", ZSTD.to_vec(), 1)]
        {
            let last = whole.len() - at;
            whole[last] ^= 1;
            assert_eq!(read(coding, &whole), Err(Uncoded::Broken), "{coding} {at}");
        }
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7];
        assert_eq!(read("zstd", &skippable), Err(Uncoded::Broken));
    }

    #[test]
    fn f03_what_inflates_stops_at_the_bound() {
        let bombs =
            [("gzip", gzipped(&vec![b' '; 8 << 20])), ("br", BR_BOMB.to_vec()), ("zstd", zstd_bomb())];
        for (coding, bomb) in bombs {
            assert!(bomb.len() < 20_000, "{coding} {}", bomb.len());
            assert_eq!(read_within(coding, &bomb, 8 << 20).map(|text| text.len()), Ok(8 << 20), "{coding}");
            assert_eq!(read_within(coding, &bomb, (8 << 20) - 1), Err(Uncoded::TooLarge), "{coding}");
        }
    }

    proptest::proptest! {
        /// Whatever a backend sends, it is decoded within the bound or refused.
        #[test]
        fn a_changed_text_keeps_the_law(
            coding in 0u8..3, at in 0usize..64, change in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..8), cut in 0usize..64,
        ) {
            let gzip = gzipped(TEXT);
            let mut body = [&*gzip, BR, ZSTD][usize::from(coding)].to_vec();
            let at = at % body.len();
            let end = (at + change.len()).min(body.len());
            body.splice(at..end, change);
            body.truncate(body.len().saturating_sub(cut % 16));
            crate::gate::fuzzing::encoded(&[&[coding], &*body].concat());
        }
    }

    #[test]
    fn a_zstd_window_is_no_larger_than_that_of_http() {
        // A frame that says it looks back on 16 MiB: exponent 14 in the window's byte.
        let wide = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00];
        let narrow = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00];
        assert_eq!(read("zstd", &wide), Err(Uncoded::Broken));
        assert_eq!(read("zstd", &narrow), Ok(Vec::new()));
    }
}
