//! An answer of a backend's in a content coding.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::gate::fuzzing::encoded(bytes));
