//! The commands, as an operator runs them: the built program, its output and its exit code.

mod explain;
mod learn;
mod policy;
mod probe;
mod serve;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs `headgate` with these arguments.
fn headgate(arguments: &[&str]) -> Said {
    run(Command::new(env!("CARGO_BIN_EXE_headgate")).args(arguments))
}

fn run(command: &mut Command) -> Said {
    let output = command.env_remove("NO_COLOR").output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A configuration folder of one tenant that holds only what policy commands read.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("directory.toml", DIRECTORY);
        folder.write("roles.toml", ROLES);
        folder.write("tests.toml", TESTS);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join("tenants/default").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.file("")).unwrap();
        fs::write(self.file(name), text).unwrap();
    }

    /// The same with one thing said otherwise, which must be there.
    fn with(self, name: &str, old: &str, new: &str) -> Self {
        let text = fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(old), "{old}");
        self.write(name, &text.replace(old, new));
        self
    }

    /// Runs `headgate COMMAND.. --config FOLDER`.
    fn ask(&self, arguments: &[&str]) -> Said {
        let folder = self.path().to_str().unwrap();
        headgate(&[arguments, &["--config", folder]].concat())
    }
}

const DIRECTORY: &str = r#"
[team.company]
members = ["boris"]
[team.sales]
parent = "company"
members = ["ana", "ben"]
[team.support]
parent = "company"
members = ["cem"]

[user.ana]
[user.ben]
[user.boris]
roles = ["head"]
[user.cem]
[user.gone]
active = false
roles = ["head"]
"#;

const ROLES: &str = r#"
[resource.conversation]
actions = ["view", "send"]
[resource.lead]
actions = ["view", "edit", "export"]
[resource.note]
actions = ["view"]

[role.seller]
cites = "handbook, page 2"
grants.conversation = { view = "team", send = "own" }
grants.lead = { view = "own", edit = "own" }
[[role.seller.override]]
resource = "lead"
stage = ["legal"]
view = "none"
[role.seller.fields.lead]
hidden = ["budget"]
read-only = ["source"]
[role.seller.relation.participant]
conversation = { view = "full" }

[role.head]
grants.conversation = { view = "team-tree" }
grants.lead = { view = "open", export = "all" }

[[assign]]
role = "seller"
to = "team:sales"

[[forbid]]
name = "no-export-while-legal-looks"
resource = "lead"
actions = ["export"]
stage = ["legal"]

[[rule]]
name = "notes-of-a-lead"
resource = "note"
actions = ["view"]
via = "lead"
effect = "grant"
when = [{ allowed = { on = "via", action = "view" } }]
"#;

const TESTS: &str = r#"
[case.a-seller-edits-their-lead]
user = "ana"
resource = "lead"
action = "edit"
object = { responsible = "ana" }
expect = "allow"

[case.a-seller-does-not-export]
user = "ana"
resource = "lead"
action = "export"
expect = "deny"

[case.the-head-exports]
user = "boris"
resource = "lead"
action = "export"
expect = "allow"

[case.who-is-gone-does-not]
user = "gone"
resource = "lead"
action = "export"
expect = "deny"
"#;
