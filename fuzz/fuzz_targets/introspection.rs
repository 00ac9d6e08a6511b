//! An issuer's answer about a token.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::identity::fuzzing::introspected(bytes));
