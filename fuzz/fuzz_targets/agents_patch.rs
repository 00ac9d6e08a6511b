#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::gate::fuzzing::patch(bytes));
