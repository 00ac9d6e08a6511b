//! Webhooks whose every header is a stranger's, at an endpoint of every provider.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::channel::fuzzing::signatures(data));
