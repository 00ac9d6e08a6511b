//! Webhooks of a LINE channel.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::channel::fuzzing::line(data));
