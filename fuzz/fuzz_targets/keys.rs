//! The keys that an issuer publishes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::identity::fuzzing::keys(bytes));
