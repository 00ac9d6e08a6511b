//! `headgate serve` as a service manager runs it.

use std::{fs, process::Stdio, time::Duration};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process},
};
use tokio::{process::Command, task::spawn_blocking, time::timeout};

/// Far longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn asked_to_stop_while_its_disk_hangs_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("headgate.toml"),
        "[listener.ops]\naddress = '127.0.0.1:0'\n[store]\npath = 'data'\n\
         [backend.chat]\nurls = ['http://127.0.0.1:1/']\nkeys = ['whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI=']\n",
    )
    .unwrap();
    let tenant = folder.path().join("tenants/default");
    fs::create_dir_all(&tenant).unwrap();
    fs::write(tenant.join("channels.toml"), "").unwrap();
    // Whoever reads from it waits.
    let hanging = folder.path().join("data/tags/00000000000000000001.journal");
    fs::create_dir_all(hanging.parent().unwrap()).unwrap();
    mknodat(CWD, &hanging, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();

    let mut gateway = Command::new(env!("CARGO_BIN_EXE_headgate"))
        .args(["serve", "--config"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // Waits for the reader.
    let opened = spawn_blocking(move || fs::OpenOptions::new().write(true).open(hanging));
    let _writer = timeout(LONG, opened).await.unwrap().unwrap().unwrap();
    let process = Pid::from_raw(gateway.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let ended = timeout(LONG, gateway.wait()).await.expect("it goes on waiting for its disk").unwrap();
    assert_eq!(ended.code(), Some(0));
}
