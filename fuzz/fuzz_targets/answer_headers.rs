//! The headers of a backend's answer that change a tag.
#![no_main]

libfuzzer_sys::fuzz_target!(|lines: &[u8]| headgate::delivery::fuzzing::answer_headers(lines));
