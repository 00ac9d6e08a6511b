//! The bytes of an HTTP/1 connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::server::fuzzing::framing(bytes));
