//! What a foreign directory answers about a user, or about the teams.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::directory::fuzzing::answer(bytes));
