//! What is installed beside the program: the systemd unit, the container image, the development certificates, and
//! the configuration that all of them go with.

mod certificates;
mod image;
mod unit;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use headgate::config::Config;

use crate::support::address::own_address;

/// Where the unit and the image have the configuration.
const CONFIG: &str = "/etc/headgate";

/// Where they have the data.
const DATA: &str = "/var/lib/headgate";

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn file(name: &str) -> String {
    fs::read_to_string(root(name)).unwrap()
}

/// Whether a program is there; otherwise says that a test did not run.
fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: no {program} (scripts/install-tools)");
    }
    found
}

/// The variables that the shipped configuration names, with the values of its example.
fn variables() -> Vec<(String, String)> {
    let example = file("config/env.example");
    let pairs =
        example.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.starts_with('#'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The shipped configuration, as it is.
fn shipped() -> Config {
    let variables = variables();
    let of = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let loaded = Config::load(&root("config"), &of).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    (*loaded.config).clone()
}

/// Lays the shipped configuration out in `folder/config`, with its data in `folder/data` and its listeners on
/// free ports.
fn lay_out(folder: &Path) -> PathBuf {
    let config = folder.join("config");
    let tenant = config.join("tenants/default");
    fs::create_dir_all(&tenant).unwrap();
    for entry in fs::read_dir(root("config/tenants/default")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, tenant.join(path.file_name().unwrap())).unwrap();
    }
    let (data, address) = (folder.join("data"), own_address());
    let mut main = file("config/headgate.toml");
    for (old, new) in [
        (format!("\"{DATA}\""), format!("\"{}\"", data.display())),
        ("127.0.0.1:8080".to_owned(), format!("{address}:0")),
        ("127.0.0.1:9090".to_owned(), format!("{address}:0")),
        ("# disk_free_min = \"1GiB\"".to_owned(), "disk_free_min = \"1MiB\"".to_owned()),
    ] {
        assert!(main.contains(&old), "`{old}` is not in the shipped configuration");
        main = main.replace(&old, &new);
    }
    fs::write(config.join("headgate.toml"), main).unwrap();
    config
}
