//! The journal through its public surface: the documented bytes, and the saved corpus of its reader.

use std::{fs, path::Path};

use headgate::journal::{Tail, fuzzing, scan_segment};

use crate::support::corpus;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_cut_of_a_saved_segment_keeps_the_readers_laws() {
    for bytes in corpus::inputs("journal") {
        for cut in 0..bytes.len() {
            fuzzing::scan(&bytes[..cut]);
        }
    }
}

#[test]
fn the_example_of_the_documentation_is_a_segment() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/journal-format.md")).unwrap();
    let example = page.split("```text\n").find(|block| block.starts_with("00000000  ")).unwrap();
    let example = example.split("```").next().unwrap();
    let bytes: Vec<u8> = example
        .lines()
        .flat_map(|line| line.split_whitespace().skip(1).take_while(|word| word.len() == 2))
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let mut records = Vec::new();
    let scanned = scan_segment(&bytes, Tail::Sealed, &mut |at, record| records.push((at, record.to_vec())));
    assert_eq!(records, [(60, b"hi".to_vec())]);
    assert_eq!((scanned.header, scanned.bad, scanned.end), (Some((1, 1)), vec![], bytes.len() as u64));
}
