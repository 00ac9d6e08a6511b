//! Records of the spool's journal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headgate::spool::embedded::fuzzing::record(bytes));
