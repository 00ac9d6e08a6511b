//! `Retry-After` of a backend's answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|value: &[u8]| headgate::delivery::fuzzing::retry_after(value));
