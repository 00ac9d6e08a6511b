//! The house's floors: a module uses only modules above it in `lib.rs`, and the pure ones do no IO.

use std::{fs, path::Path};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The modules of `lib.rs`, in order.
fn modules() -> Vec<String> {
    fs::read_to_string(format!("{SRC}/lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect()
}

/// Every source file of a module, with its text (comments taken out).
fn files(module: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, found: &mut Vec<(String, String)>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let code: String = text
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n");
            found.push((path.display().to_string(), code));
        }
    }
    let mut found = Vec::new();
    walk(Path::new(&format!("{SRC}/{module}")), &mut found);
    let single = format!("{SRC}/{module}.rs");
    if Path::new(&single).exists() {
        walk(Path::new(&single), &mut found);
    }
    found
}

/// Whether `code` names the crate's module `name`, in a path or inside a `use crate::{…}` tree.
fn uses(code: &str, name: &str) -> bool {
    if code.contains(&format!("crate::{name}::")) || code.contains(&format!("crate::{name};")) {
        return true;
    }
    code.split("use crate::{").skip(1).any(|rest| {
        let mut depth = 1;
        let mut word = String::new();
        for c in rest.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
            } else {
                if depth == 1 && word == name {
                    return true;
                }
                word.clear();
            }
        }
        word == name
    })
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let modules = modules();
    assert!(modules.len() > 10, "the list of modules was not found");
    let mut wrong = Vec::new();
    for (floor, module) in modules.iter().enumerate() {
        for (file, code) in files(module) {
            for above in modules.iter().skip(floor + 1) {
                if uses(&code, above) {
                    wrong.push(format!("{file} uses `{above}`, which stands below `{module}` in lib.rs"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_do_no_io_and_take_time_as_an_argument() {
    const PURE: [&str; 4] = ["channel", "policy", "filter", "learn"];
    const IO: [&str; 14] = [
        "std::fs",
        "std::net",
        "std::env",
        "std::io",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant",
        "tokio",
        "hyper",
        "async ",
        "Mutex",
        "RwLock",
        "static ",
    ];
    let modules = modules();
    let mut seen = 0;
    for room in PURE.iter().filter(|room| modules.iter().any(|m| m == *room)) {
        for (file, code) in files(room) {
            seen += 1;
            let code = code.replace("'static ", "");
            for io in IO {
                assert!(!code.contains(io), "{file} is in the pure room `{room}` and names `{io}`");
            }
        }
    }
    assert!(seen > 10, "the pure rooms were not found");
}
