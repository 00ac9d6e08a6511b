//! `Dockerfile`. No image is built: what a build takes from this repository is looked at.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::{CONFIG, DATA, file, lay_out, root, shipped, variables};
use crate::support::{outside, program::Program};

/// An instruction and its arguments.
struct Instruction {
    name: String,
    arguments: String,
}

impl Instruction {
    fn words(&self) -> Vec<&str> {
        self.arguments.split_whitespace().collect()
    }

    /// The arguments in the form of a JSON array.
    fn list(&self) -> Vec<String> {
        serde_json::from_str(&self.arguments).unwrap()
    }
}

fn instructions() -> Vec<Instruction> {
    let text = file("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.split_once(' '));
    instructions
        .map(|(name, arguments)| Instruction {
            name: name.to_owned(),
            arguments: arguments.trim().to_owned(),
        })
        .collect()
}

fn all(name: &str) -> Vec<Instruction> {
    instructions().into_iter().filter(|instruction| instruction.name == name).collect()
}

fn only(name: &str) -> Instruction {
    let mut all = all(name);
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0)
}

/// The paths that are copied from this repository.
fn copied() -> Vec<String> {
    let copies = all("COPY").into_iter().filter(|copy| !copy.arguments.starts_with("--from="));
    let mut sources = Vec::new();
    for copy in copies {
        let words = copy.words();
        let (_to, from) = words.split_last().unwrap();
        sources.extend(from.iter().map(|&source| source.to_owned()));
    }
    sources
}

/// Whether `.dockerignore` keeps a path of the repository's root from the build: the last rule that fits counts.
fn is_ignored(path: &str) -> bool {
    let rules = file(".dockerignore");
    let mut ignored = false;
    for rule in rules.lines() {
        let (taken, pattern) = rule.strip_prefix('!').map_or((false, rule), |pattern| (true, pattern));
        assert!(
            pattern == "*" || !pattern.contains(['*', '?', '[', '/']),
            "this test does not know `{rule}`"
        );
        if pattern == "*" || pattern == path {
            ignored = !taken;
        }
    }
    ignored
}

#[test]
fn what_is_copied_exists_is_sent_to_the_build_and_is_all_that_the_program_is_made_of() {
    let context = tempfile::tempdir().unwrap();
    let sources = copied();
    assert_eq!(sources, ["Cargo.toml", "Cargo.lock", "src"]);
    for source in &sources {
        assert!(root(source).exists(), "{source}");
        assert!(!is_ignored(source), "{source} is in .dockerignore");
        copy(&root(source), &context.path().join(source));
    }
    for secret in [".git", "config", "target", "certs", "server.key"] {
        assert!(is_ignored(secret), "{secret} is sent to the build");
    }
    // What is not compiled but read by the compiler.
    let mut included = 0;
    each_file(&context.path().join("src"), &mut |path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        for name in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split_once('"')) {
            let there = path.parent().unwrap().join(name.0);
            assert!(there.exists(), "{} needs {}", path.display(), there.display());
            included += 1;
        }
    });
    assert!(included > 0, "nothing was found");

    let metadata = Command::new("cargo")
        .args(["metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let targets = metadata["packages"][0]["targets"].as_array().unwrap();
    let program = |target: &&Value| target["kind"] == serde_json::json!(["bin"]);
    let program = targets.iter().find(program).unwrap()["name"].as_str().unwrap();
    let build = all("RUN").into_iter().find(|run| run.arguments.contains("cargo build")).unwrap();
    let words = build.words();
    for (before, after) in [
        ("--bin", program.to_owned()),
        ("755", format!("target/release/{program}")),
        (&format!("target/release/{program}"), format!("/out/{program}")),
    ] {
        let at = words.iter().position(|word| *word == before).unwrap();
        assert_eq!(words[at + 1], after, "{words:?}");
    }
    assert!(words.contains(&"--release") && words.contains(&"--locked"));
    let taken = all("COPY").into_iter().find(|copy| copy.arguments.starts_with("--from=build ")).unwrap();
    assert_eq!(taken.words()[1..], [format!("/out/{program}"), format!("/usr/local/bin/{program}")]);
    assert_eq!(only("ENTRYPOINT").list(), [program]);

    let rust = metadata["packages"][0]["rust_version"].as_str().unwrap();
    let from: Vec<String> = all("FROM").iter().map(|from| from.words()[0].to_owned()).collect();
    assert_eq!(from, [format!("rust:{rust}-slim-bookworm"), "debian:bookworm-slim".to_owned()]);
}

fn each_file(path: &Path, found: &mut impl FnMut(&Path)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            each_file(&entry.unwrap().path(), found);
        }
    } else {
        found(path);
    }
}

fn copy(from: &Path, to: &Path) {
    each_file(from, &mut |path| {
        let there = path.strip_prefix(from).unwrap();
        let there = if there.as_os_str().is_empty() { to.to_owned() } else { to.join(there) };
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::copy(path, there).unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn its_command_starts_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let config = lay_out(folder.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_headgate"));
    for argument in only("CMD").list() {
        command.arg(argument.replace(CONFIG, config.to_str().unwrap()));
    }
    let program = Program::start({
        command.envs(variables());
        command
    });
    assert_eq!(outside::get(program.address("hooks").await, "/hooks/none").await.0, 404);
    assert_eq!(only("STOPSIGNAL").arguments, "SIGTERM");
}

#[test]
fn it_runs_as_a_user_without_rights_whose_data_outlives_the_container() {
    let user: u32 = only("USER").arguments.parse().unwrap();
    assert!(user != 0, "root");
    let prepared = all("RUN").into_iter().find(|run| run.arguments.contains("useradd")).unwrap();
    assert!(prepared.arguments.contains(&format!("--uid {user} ")));
    assert!(prepared.arguments.contains(&format!("install -d -o headgate -g headgate -m 700 {DATA}")));
    assert_eq!(only("VOLUME").arguments, DATA);
    assert_eq!(shipped().store.path, Path::new(DATA));
}

#[test]
fn its_port_is_the_one_of_the_shipped_configuration() {
    let hooks = shipped().listeners.hooks.unwrap().address.port().to_string();
    assert_eq!(only("EXPOSE").arguments, hooks);
    let text = file("Dockerfile");
    let run = text.lines().find(|line| line.contains("docker run ")).unwrap();
    assert!(run.contains(&format!(" -p {hooks}:{hooks} ")), "{run}");
    assert!(run.contains(&format!(":{CONFIG}:ro ")) && run.contains(&format!(":{DATA} ")), "{run}");
}
