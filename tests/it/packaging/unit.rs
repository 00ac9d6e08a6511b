//! `packaging/headgate.service`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use headgate::gateway::CLOSE_MAX;
use rustix::process::Signal;

use super::{CONFIG, DATA, file, is_there, lay_out, shipped, variables};
use crate::support::{outside, program::Program};

const PROGRAM: &str = "/usr/local/bin/headgate";

/// The values of a setting, in order.
fn settings(name: &str) -> Vec<String> {
    let unit = file("packaging/headgate.service");
    let values = unit.lines().filter_map(|line| line.split_once('=')).filter(|(key, _value)| *key == name);
    values.map(|(_key, value)| value.to_owned()).collect()
}

fn setting(name: &str) -> String {
    let [value] = &settings(name)[..] else { panic!("`{name}` is not set once") };
    value.clone()
}

/// One of the unit's commands, with the built program and this configuration.
fn command(line: &str, config: &Path, main: Option<&Program>) -> Command {
    let line =
        line.replace(PROGRAM, env!("CARGO_BIN_EXE_headgate")).replace(CONFIG, config.to_str().unwrap());
    let line = main.map_or_else(|| line.clone(), |main| line.replace("$MAINPID", &main.id().to_string()));
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).envs(variables());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn systemd_accepts_the_unit_and_finds_little_left_open() {
    if !is_there("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("headgate.service");
    let text = file("packaging/headgate.service").replace(PROGRAM, env!("CARGO_BIN_EXE_headgate"));
    fs::write(&unit, text).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    assert!(verified.status.success() && said(&verified).is_empty(), "{}", said(&verified));

    // In tenths: most services have 90 and more.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let looked_at = Command::new("systemd-analyze").args(security).arg(&unit).output().unwrap();
    assert!(looked_at.status.success(), "{}", said(&looked_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_commands_start_check_reload_and_stop_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let config = lay_out(folder.path());
    let program = Program::start(command(&setting("ExecStart"), &config, None));
    let hooks = program.address("hooks").await;
    assert_eq!(outside::get(hooks, "/hooks/none").await.0, 404);

    let reload = || -> Vec<Output> {
        let mut done = Vec::new();
        for line in settings("ExecReload") {
            // As systemd does: the next only if this one succeeded.
            done.push(command(&line, &config, Some(&program)).output().unwrap());
            if !done.last().unwrap().status.success() {
                break;
            }
        }
        done
    };
    let done = reload();
    assert!(done.len() == 2 && done.iter().all(|output| output.status.success()), "{done:?}");
    program.line(&["\"the configuration was changed\"", "\"config.version\":2,"]).await;

    let channels = config.join("tenants/default/channels.toml");
    fs::write(&channels, fs::read_to_string(&channels).unwrap() + "\n[endpoint.new]\nchanel = \"line\"\n")
        .unwrap();
    let done = reload();
    assert_eq!(done.len(), 1, "the signal is not sent");
    assert!(said(&done[0]).contains("did you mean `channel`?"), "systemctl shows why: {}", said(&done[0]));
    assert_eq!(outside::get(hooks, "/hooks/none").await.0, 404, "it goes on");

    program.signal(Signal::TERM);
    let (status, written) = program.ended().await;
    assert!(status.success(), "{status}:\n{written}");
}

#[test]
fn it_allows_what_the_shipped_configuration_asks_for() {
    assert_eq!(format!("/var/lib/{}", setting("StateDirectory")), DATA);
    assert_eq!(setting("ProtectSystem"), "strict", "nothing else can be written");
    let config = shipped();
    assert_eq!(config.store.path, Path::new(DATA));
    let logs = format!("/var/log/{}/", setting("LogsDirectory"));
    assert!(file("config/headgate.toml").contains(&format!("# file = \"{logs}")), "the decision log's");

    let listeners = &config.listeners;
    let ops = listeners.ops.as_ref().map(|ops| &ops.listener);
    let listeners: Vec<_> = listeners.hooks.iter().chain(&listeners.agents).chain(ops).collect();
    assert_eq!(setting("CapabilityBoundingSet"), "");
    assert!(
        listeners.iter().all(|listener| listener.address.port() >= 1024),
        "a lower port needs a capability"
    );

    let drain = listeners.iter().map(|listener| listener.limits.drain_timeout).max().unwrap();
    let timeout = Duration::from_secs(setting("TimeoutStopSec").parse().unwrap());
    assert!(timeout > drain * 2 + CLOSE_MAX, "systemd kills it at {timeout:?}");

    let files_max: usize = setting("LimitNOFILE").parse().unwrap();
    let connections: usize = listeners.iter().map(|listener| listener.limits.connections_max).sum();
    assert!(files_max > 2 * connections, "{connections} connections, and as many for backends and the store");
}

/// The unit's sandbox as far as it can be had without systemd: a user without any right, no capabilities, and no
/// place to write but the data folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_who_can_write_nothing_but_the_data_folder_can_serve() {
    const NOBODY: u32 = 65534;
    let namespace = Command::new("unshare").args(["--mount", "true"]).output();
    if !namespace.is_ok_and(|made| made.status.success()) {
        eprintln!("SKIPPED: mount namespaces need root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = lay_out(folder.path());
    let (program, data) = (folder.path().join("headgate"), folder.path().join("data"));
    fs::copy(env!("CARGO_BIN_EXE_headgate"), &program).unwrap();
    fs::create_dir(&data).unwrap();
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();

    let script = r#"
        set -e
        mount --bind "$1" "$1"
        mount --bind "$2" "$2"
        mount -o remount,bind,ro "$1"
        mount -o remount,bind,ro /
        if touch "$1/written" 2>/dev/null; then echo "the file system can be written" >&2; exit 1; fi
        exec setpriv --reuid "$4" --regid "$4" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
            "$1/headgate" serve --config "$3"
    "#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "bash", "-c", script, "bash"]);
    command.arg(folder.path()).arg(&data).arg(&config).arg(NOBODY.to_string()).envs(variables());
    let program = Program::start(command);
    let hooks = program.address("hooks").await;
    let ops = program.address("ops").await;
    assert_eq!(outside::get(hooks, "/hooks/none").await.0, 404);
    assert_eq!(outside::get(ops, "/readyz").await.0, 200, "the data folder takes webhooks");
    program.signal(Signal::TERM);
    let (status, written) = program.ended().await;
    assert!(status.success(), "{status}:\n{written}");
    assert!(data.join("spool/journal").is_dir());
}
