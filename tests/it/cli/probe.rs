//! What is written of `probe` for operators.

use std::{fs, path::PathBuf};

use headgate::probe::{Plan, keys};

fn repository(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn the_sample_of_a_plan_is_one() {
    let url = "https://chat.example".parse().unwrap();
    let token = |name: &str| name.starts_with("PROBE_").then(|| "a-token".to_owned());
    let plan = Plan::read(&repository("examples/probe.toml"), &url, &token);
    let plan = plan.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(!format!("{plan:?}").contains("a-token"), "a credential is shown");
}

#[test]
fn every_key_of_a_plan_is_documented() {
    let written = fs::read_to_string(repository("docs/probe.md")).unwrap();
    let keys = keys();
    assert!(written.ends_with(&keys), "docs/probe.md does not end with what the types say:\n{keys}");
}
