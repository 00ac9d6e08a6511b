//! A request's target and headers, of which the backend's credentials are taken out.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::identity::fuzzing::credentials(bytes));
