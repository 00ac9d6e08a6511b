//! Reads strangers' bytes as a record of the spool's journal.
#![no_main]

use headgate::spool::embedded::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::record(bytes));
