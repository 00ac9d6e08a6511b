//! `docs/promises.md` names the tests that show each promise; a test that is renamed or gone is found here.

use std::{collections::BTreeSet, fs, path::Path};

/// The functions of all Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names =
                text.split("fn ").skip(1).filter_map(|rest| rest.split_once('(').map(|(name, _)| name));
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_is_said_to_show_a_promise_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    functions(&root.join("src"), &mut known);
    functions(&root.join("tests"), &mut known);

    let promises = fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let shown_by =
        promises.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split(" | ").nth(1));
    let named: Vec<&str> = shown_by.flat_map(|tests| tests.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 100, "the table was not understood");
    let gone: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(gone.is_empty(), "no such tests: {gone:#?}");
}
