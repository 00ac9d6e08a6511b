//! A backend's answer that is filtered.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::filter::fuzzing::answer(bytes).unwrap());
