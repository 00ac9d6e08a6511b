//! Segments of a journal.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::journal::fuzzing::scan(data));
