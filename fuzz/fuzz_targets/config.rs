//! Files of the configuration folder; the first line names which.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder for the files");
    headgate::config::fuzzing::load(folder.path(), text).expect("files that can be written");
});
