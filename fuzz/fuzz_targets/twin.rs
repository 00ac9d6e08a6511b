//! The filter and its slow twin over what follows from the bytes: a schema, a layout, a judge, a text and where it is cut.
#![no_main]
#![allow(dead_code, reason = "of the tests' modules only `twin` is used here")]

#[path = "../../tests/it/filter/oracle.rs"]
mod oracle;
#[path = "../../tests/it/filter/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::twin(bytes));
