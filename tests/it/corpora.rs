//! The fuzz targets on the stable toolchain: each replays its saved inputs.

use std::{collections::BTreeSet, fs, path::Path};

use headgate::{
    channel, config, delivery, directory, filter, gate, identity, ingress, journal, server, spool,
};

use crate::{filter::property, support::corpus};

/// Most files and bytes that one corpus may have: it is read at every test run, and reviewed.
const FILES_MAX: usize = 40;
const BYTES_MAX: usize = 200 << 10;

type Target = (&'static str, fn(&[u8]));

/// Every target with its law. `fuzz/fuzz_targets` has a file for each.
const TARGETS: [Target; 34] = [
    ("agents_form", gate::fuzzing::form),
    ("agents_multipart", gate::fuzzing::multipart),
    ("agents_patch", gate::fuzzing::patch),
    ("agents_target", gate::fuzzing::path),
    ("agents_write", gate::fuzzing::written),
    ("answer", answer),
    ("answer_headers", delivery::fuzzing::answer_headers),
    ("coding", gate::fuzzing::encoded),
    ("config", configuration),
    ("credentials", identity::fuzzing::credentials),
    ("csv", filter::csv::fuzzing::table),
    ("directory", directory::fuzzing::answer),
    ("framing", server::fuzzing::framing),
    ("handshake", channel::fuzzing::handshake),
    ("hooks_target", ingress::fuzzing::target),
    ("introspection", identity::fuzzing::introspected),
    ("journal", journal::fuzzing::scan),
    ("keys", identity::fuzzing::keys),
    ("line", channel::fuzzing::line),
    ("mailgun", channel::fuzzing::mailgun),
    ("meta", channel::fuzzing::meta),
    ("mime", channel::fuzzing::mime),
    ("pages", pages),
    ("postmark", channel::fuzzing::postmark),
    ("retry_after", delivery::fuzzing::retry_after),
    ("sendgrid", channel::fuzzing::sendgrid),
    ("signatures", channel::fuzzing::signatures),
    ("sns", channel::fuzzing::sns),
    ("spool_record", spool::embedded::fuzzing::record),
    ("standard", channel::fuzzing::standard),
    ("telegram", channel::fuzzing::telegram),
    ("token", identity::fuzzing::token),
    ("twin", property::twin),
    ("twitter", channel::fuzzing::twitter),
];

fn configuration(text: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    config::fuzzing::load(folder.path(), text).unwrap();
}

fn answer(text: &[u8]) {
    filter::fuzzing::answer(text).unwrap();
}

fn pages(text: &[u8]) {
    filter::fuzzing::pages(text).unwrap();
}

#[test]
fn every_saved_input_keeps_the_law_of_its_target() {
    for (name, law) in TARGETS {
        let inputs = corpus::inputs(name);
        assert!(inputs.len() <= FILES_MAX, "too many inputs for {name}");
        assert!(inputs.iter().map(Vec::len).sum::<usize>() <= BYTES_MAX, "too many bytes for {name}");
        inputs.iter().for_each(|input| law(input));
    }
}

#[test]
fn every_corpus_and_every_fuzz_target_is_replayed() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let replayed = TARGETS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(names("tests/corpus"), replayed);
    assert_eq!(names("fuzz/fuzz_targets"), replayed);
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml")).unwrap();
    let built = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""));
    assert_eq!(built.map(str::to_owned).collect::<BTreeSet<_>>(), replayed);
}

#[test]
fn what_an_input_is_cut_to_keeps_the_law_too() {
    for (name, law) in TARGETS {
        // A configuration costs milliseconds, and a filter with its slow twin does so too.
        let cuts = if matches!(name, "config" | "twin") { 4 } else { 40 };
        for input in corpus::inputs(name) {
            let step = input.len() / cuts + 1;
            (0..input.len()).step_by(step).for_each(|end| law(&input[..end]));
        }
    }
}
