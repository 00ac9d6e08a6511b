//! What becomes of a configuration that changes.

use std::{fs, time::Duration};

use headgate::config::{
    NeedsRestart, restart_needed,
    watch::{Cause, Watch},
};
use tempfile::TempDir;

use super::{CHANNELS, HEADGATE, endpoints::certificate, folder, load};
use crate::support::folder::write_file;

#[test]
fn the_version_names_the_content() {
    let files = [("headgate.toml", HEADGATE), ("tenants/default/channels.toml", CHANNELS)];
    let (one, same) = (folder(&files), folder(&files));
    let version = |folder: &TempDir| load(folder.path()).unwrap().version;
    assert_eq!(version(&one), version(&same));
    write_file(same.path(), "headgate.toml", &format!("{HEADGATE}# a comment\n"));
    assert_ne!(version(&one), version(&same));
}

#[test]
fn what_needs_a_restart_is_named() {
    let files = [("headgate.toml", HEADGATE), ("tenants/default/channels.toml", CHANNELS)];
    let folder = folder(&files);
    let old = load(folder.path()).unwrap().config;
    assert_eq!(restart_needed(&old, &old), []);
    let changed = HEADGATE.replace("\"data\"", "\"other\"") + "[listener.ops]\naddress = \"127.0.0.1:9\"\n";
    write_file(folder.path(), "headgate.toml", &changed);
    let new = load(folder.path()).unwrap().config;
    let needed = restart_needed(&old, &new);
    assert_eq!(needed, [NeedsRestart::Listener("ops"), NeedsRestart::StorePath]);
    assert_eq!(needed[0].to_string(), "[listener.ops]");
}

#[test]
fn other_certificates_are_taken_over_and_tls_itself_needs_a_restart() {
    let (chain, key) = certificate();
    let hooks = "[listener.hooks]\naddress = \"127.0.0.1:8443\"\n";
    let with = |name: &str| {
        format!(
            "{HEADGATE}\n{hooks}[listener.hooks.tls]\n\
             certificates = [{{ chain = \"{name}.pem\", key = \"{name}.key\" }}]\n"
        )
    };
    let folder = folder(&[
        ("headgate.toml", &with("old")),
        ("tenants/default/channels.toml", CHANNELS),
        ("old.pem", &chain),
        ("old.key", &key),
        ("new.pem", &chain),
        ("new.key", &key),
    ]);
    let loaded = load(folder.path()).unwrap();
    assert_eq!(loaded.files, [folder.path().join("old.pem"), folder.path().join("old.key")]);
    let old = loaded.config;
    write_file(folder.path(), "headgate.toml", &with("new"));
    assert_eq!(restart_needed(&old, &load(folder.path()).unwrap().config), []);
    write_file(folder.path(), "headgate.toml", &format!("{HEADGATE}{hooks}"));
    assert_eq!(restart_needed(&old, &load(folder.path()).unwrap().config), [NeedsRestart::Tls("hooks")]);
}

/// The next cause; a watch that never tells fails the test instead of holding it.
async fn next(watch: &mut Watch) -> Cause {
    tokio::time::timeout(Duration::from_secs(30), watch.next()).await.expect("the watch told nothing")
}

#[tokio::test]
async fn a_changed_file_a_new_tenant_and_a_changed_secret_are_told() {
    let folder = folder(&[("headgate.toml", HEADGATE), ("secret", "one")]);
    let mut watch = Watch::new(folder.path()).unwrap();
    watch.follow(vec![folder.path().join("secret")]);

    write_file(folder.path(), "headgate.toml", "");
    assert_eq!(next(&mut watch).await, Cause::Changed);

    write_file(folder.path(), "tenants/new/channels.toml", "");
    assert_eq!(next(&mut watch).await, Cause::Changed);
    write_file(folder.path(), "tenants/new/channels.toml", CHANNELS);
    assert_eq!(next(&mut watch).await, Cause::Changed);

    write_file(folder.path(), "secret", "two");
    assert_eq!(next(&mut watch).await, Cause::Changed);
}

#[tokio::test]
async fn reading_the_files_is_no_change_and_asking_is_told_at_once() {
    let folder = folder(&[("headgate.toml", HEADGATE), ("tenants/default/channels.toml", CHANNELS)]);
    let mut watch = Watch::new(folder.path()).unwrap();
    load(folder.path()).unwrap();
    watch.trigger().ask();
    watch.trigger().ask();
    assert_eq!(next(&mut watch).await, Cause::Asked);
    let more = tokio::time::timeout(Duration::from_secs(1), watch.next()).await;
    assert!(more.is_err(), "reading was taken for a change");
}

#[tokio::test]
async fn what_the_process_writes_itself_into_the_folder_is_no_change() {
    let folder = folder(&[("headgate.toml", HEADGATE), ("tenants/default/channels.toml", CHANNELS)]);
    let mut watch = Watch::new(folder.path()).unwrap();
    watch.disregard(&[&folder.path().join("data"), &folder.path().join("decisions.jsonl")]);
    fs::create_dir(folder.path().join("data")).unwrap();
    write_file(folder.path(), "decisions.jsonl", "{}\n");
    let told = tokio::time::timeout(Duration::from_secs(1), watch.next()).await;
    assert!(told.is_err(), "it was taken for a change");
    write_file(folder.path(), "headgate.toml", "");
    assert_eq!(next(&mut watch).await, Cause::Changed);
}
