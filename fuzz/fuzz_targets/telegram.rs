//! Updates of a Telegram bot.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headgate::channel::fuzzing::telegram(data));
