//! The laws that reading the configuration keeps, whatever stands in it: a fuzz target feeds them, and the
//! stable test suite replays the saved corpus.

use std::{fs, io, path::Path};

use super::{Config, FileKind, Mistake, Wrong, folder::TENANTS};

/// The files that stand around the one that is read: the least that is valid.
const HEADGATE: &str = "[backend.chat]\n\
    urls = ['http://127.0.0.1:3000/in']\n\
    keys = ['whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI=']\n\
    [store]\n\
    path = 'data'\n";
const CHANNELS: &str = "[endpoint.bot]\n\
    channel = 'telegram'\n\
    secrets = ['Tg_secret-1']\n\
    [account.bot]\n\
    endpoint = 'bot'\n\
    backend = 'chat'\n";

/// Loads a configuration in which one file is `text`: the one whose name stands in its first line
/// (`# channels.toml`), or else `headgate.toml`. Every mistake has its file, and its line as far as what is
/// meant stands in the file; what is valid is read the same again. `folder` is an empty one of the caller's.
///
/// # Errors
/// If the folder cannot be written.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn load(folder: &Path, text: &[u8]) -> io::Result<()> {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let named = |kind: &FileKind| first.strip_prefix(b"# ") == Some(kind.file().as_bytes());
    let kind = FileKind::ALL.into_iter().find(named).unwrap_or(FileKind::Headgate);
    let tenant = format!("{TENANTS}/default");
    let place = match kind {
        FileKind::Headgate => kind.file().to_owned(),
        FileKind::Channels
        | FileKind::Directory
        | FileKind::Roles
        | FileKind::Tests
        | FileKind::Assignment
        | FileKind::Identity
        | FileKind::Routes => format!("{tenant}/{}", kind.file()),
    };
    fs::create_dir_all(folder.join(&tenant))?;
    fs::write(folder.join(FileKind::Headgate.file()), HEADGATE)?;
    fs::write(folder.join(&tenant).join(FileKind::Channels.file()), CHANNELS)?;
    fs::write(folder.join(&place), text)?;

    let env = |name: &str| (name == "SECRET").then(|| "Tg_secret-2".to_owned());
    match (Config::load(folder, &env), Config::load(folder, &env)) {
        (Ok(loaded), Ok(again)) => assert_eq!(loaded.version, again.version, "read otherwise a second time"),
        (Err(mistakes), Err(again)) => {
            assert_eq!(mistakes, again, "other mistakes a second time");
            assert!(mistakes.iter().next().is_some(), "refused without a mistake");
            let lines = text.split(|byte| *byte == b'\n').count();
            mistakes.iter().for_each(|mistake| told(mistake, &place, lines));
        }
        (first, again) => assert_eq!(first.is_ok(), again.is_ok(), "valid one time and not the other"),
    }
    Ok(())
}

/// What every mistake tells.
fn told(mistake: &Mistake, file: &str, lines: usize) {
    let of_the_file = matches!(mistake.wrong, Wrong::TooLarge | Wrong::NotText);
    // A table that the file does not have at all has no line.
    let is_top = mistake.place.path.steps().len() <= 1;
    assert!(mistake.place.line.is_some() || of_the_file || is_top, "no line: {mistake}");
    assert!(mistake.place.file != file || mistake.place.line.is_none_or(|line| line <= lines), "{mistake}");
    assert!(!mistake.place.file.is_empty(), "no file: {mistake}");
}
