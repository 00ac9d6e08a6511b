//! The target of a request to the agents' listener.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::gate::fuzzing::path(bytes));
