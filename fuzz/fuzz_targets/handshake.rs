//! Query strings of providers' handshakes.
#![no_main]

libfuzzer_sys::fuzz_target!(|query: &[u8]| headgate::channel::fuzzing::handshake(query));
