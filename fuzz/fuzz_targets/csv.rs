//! An export of a backend's: comma-separated values, filtered.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::filter::csv::fuzzing::table(bytes));
