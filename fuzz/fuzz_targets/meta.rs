//! WhatsApp, Messenger and Instagram bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::channel::fuzzing::meta(data));
