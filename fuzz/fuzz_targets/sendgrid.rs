//! SendGrid webhooks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::channel::fuzzing::sendgrid(data));
