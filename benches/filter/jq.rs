//! `jq` doing the task, a process for each text.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

pub(crate) const PROGRAM: &str = r#".payload |= map(select(.team.id % 2 == 0 or .assignee.id == 7) | del(.contact.phone, .contact.email, .custom_attributes)) | .meta.count = (.payload | length) | del(.meta.current_page)"#;

/// Gives a program a text and takes its output.
pub(crate) fn piped(command: &mut Command, text: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(text).unwrap());
        child.wait_with_output().unwrap().stdout
    })
}
