//! A backend's list whose rows are counted out anew; the first byte says where.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::filter::fuzzing::pages(bytes).unwrap());
