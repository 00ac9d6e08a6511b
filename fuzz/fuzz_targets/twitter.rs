//! Webhooks of an X app, of both products.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::channel::fuzzing::twitter(data));
