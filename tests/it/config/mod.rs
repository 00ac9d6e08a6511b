//! The configuration folder: what is read from it, and what is said of mistakes in it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the tests' own functions")]

mod answers;
mod changes;
mod documents;
mod endpoints;
mod routes;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use headgate::config::{Config, Loaded, Mistakes};
use tempfile::TempDir;

use crate::support::folder::write_file;

const HEADGATE: &str = r#"
[backend.chat]
urls = ["http://127.0.0.1:3000/in"]
keys = ["whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI="]
[store]
path = "data"
"#;

const CHANNELS: &str = r#"
[endpoint.bot]
channel = "telegram"
secrets = ["${env:TELEGRAM}"]
[account.bot]
endpoint = "bot"
backend = "chat"
"#;

/// The repository's own folder.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A configuration folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write_file(folder.path(), file, text);
    }
    folder
}

fn env(name: &str) -> Option<String> {
    match name {
        "TELEGRAM" => Some("Tg_secret-1".to_owned()),
        "LEAK" => Some("hunter2-must-not-be-seen".to_owned()),
        _ => None,
    }
}

fn load(folder: &Path) -> Result<Loaded, Mistakes> {
    Config::load(folder, &env)
}

/// The environment that the shipped example documents.
fn documented(name: &str) -> Option<String> {
    let variables = fs::read_to_string(repository("config/env.example")).unwrap();
    variables.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

/// The mistakes of a folder with the two usual files, one of them changed.
fn mistakes_of(file: &str, text: &str) -> String {
    let mut files =
        BTreeMap::from([("headgate.toml", HEADGATE), ("tenants/default/channels.toml", CHANNELS)]);
    files.insert(file, text);
    let files: Vec<_> = files.into_iter().collect();
    load(folder(&files).path()).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_file_nested_beyond_reason_is_a_mistake() {
    const DEPTH: usize = 100_000;
    let dotted = vec!["a"; DEPTH].join(".");
    for text in [
        format!("{dotted} = 1"),
        format!("[{dotted}]"),
        format!("x = {}{}", "[".repeat(DEPTH), "]".repeat(DEPTH)),
        format!("x = {}", "{a = ".repeat(DEPTH)),
        format!("x = {{ {dotted} = 1 }}"),
    ] {
        let told = mistakes_of("headgate.toml", &text);
        assert!(told.contains("not TOML") && told.contains("recurs"), "{told:.200}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_file_and_line() {
    let folder = folder(&[
        (
            "headgate.toml",
            r#"
[listener.hooks]
address = "0.0.0.0:8080"
[listener.hooks.limits]
idle_timeout = "75"
header_bytes_max = 4096
conections_max = 5
body_bytes_max = "512MiB"

[listener.ops]
address = "0.0.0.0:9090"
insecure_clear_text = true
tokens = ["short"]
[listener.ops.tls]
certificates = [{ chain = "no-such.pem", key = "not-pem.toml.txt" }]
client_required = true

[backend.chat]
urls = ["chat.example/in", "ftp://chat.example"]
format = "events"
concurrency_max = 0

[backend."chat two"]
urls = ["http://127.0.0.1:3000"]
keys = ["whsec_c2hvcnQ=", "${env:UNSET}", "${vault:key}"]
backoff_min = "1h"

[stor]
path = "data"

[telemetry]
log = "info,=,="
"#,
        ),
        ("not-pem.toml.txt", "not a key"),
        ("headgat.toml", ""),
        (
            "tenants/default/channels.toml",
            r#"
[endpoint.meta]
channel = ["whatsapp", "telegram"]
secrets = ["x"]

[endpoint.wa]
channel = ["whatsapp", "facebook"]
secrets = ["${file:no-such-secret}"]

[endpoint.bot]
channel = "telegramm"
secrets = ["x"]

[endpoint.bot2]
channel = "telegram"
secrets = ["not allowed!"]
verify_token = "x"

[endpoint.line]
channel = "line"

[endpoint.mail]
channel = "email"

[endpoint.mailgun]
channel = "email"
relay = "mailgun"
secrets = ["x"]
window = "30d"

[endpoint.sendgrid]
channel = "email"
relay = "sendgrid"
public_keys = ["bm90IGEga2V5"]

[endpoint.ses]
channel = "email"
relay = "ses"
topics = ["arn:aws:sqs:eu-west-1:123456789012:x"]
basic = ["no-colon"]

[endpoint.web]
channel = "webchat"
secrets = ["whpk_x"]
types = { "a" = "chat.message.recieved" }
pointers = { text = "data/text" }

[account.one]
endpoint = "wa"
id = "+49 170 1234567"
channel = "whatsapp"
backend = "chta"
team = "suport"

[account.two]
endpoint = "wa"
id = "2"
backend = "chat"

[account.three]
endpoint = "bot2"
backend = "chat"

[account.four]
endpoint = "bot2"
backend = "chat"

[account.five]
endpoint = "mailgun"
id = "support+x@example.com"
backend = "chat"

[account.six]
endpoint = "mailgum"
id = "example.com"
backend = "chat"
"#,
        ),
        (
            "tenants/default/directory.toml",
            r#"
[team.support]
parent = "sales"
members = ["ana", "bne", "ana"]
[team.sales]
parent = "support"
[team.ops]
parent = "nobody"
[user.ana]
[user.ben]
away = "yes"
"#,
        ),
        (
            "tenants/default/assignment.toml",
            r#"
[team.suport]
strategy = "round-robin"
closed_stages = ["closed"]
"#,
        ),
        ("tenants/default/chanels.toml", ""),
    ]);
    insta::assert_snapshot!(load(folder.path()).map(|_| ()).unwrap_err());
}

#[test]
fn a_mistake_never_shows_what_a_variable_holds() {
    let text = CHANNELS
        .replace("\"chat\"", "\"${env:LEAK}\"")
        .replace("\"bot\"", "\"${env:LEAK}\"")
        .replace("\"telegram\"", "\"${env:LEAK}\"");
    let told = mistakes_of("tenants/default/channels.toml", &text);
    assert!(told.contains("no backend `${env:LEAK}` is declared"), "{told}");
    assert!(told.contains("`${env:LEAK}`: expected one of `whatsapp`"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_file_that_is_not_toml_is_told_line_by_line_and_alone() {
    let told = mistakes_of("tenants/default/channels.toml", "[endpoint.bot]\nchannel = \nsecrets = [\"x\"\n");
    let lines: Vec<_> = told.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(lines, ["tenants/default/channels.toml:2:", "tenants/default/channels.toml:3:"], "{told}");
}

#[test]
fn nobody_and_no_team_can_be_called_none() {
    let told = mistakes_of("tenants/default/directory.toml", "[user.none]\n[team.none]\n");
    let wrong = "`none` stands for nobody and no team in deliveries and answers; expected another name";
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            format!("tenants/default/directory.toml:1: user.none: {wrong}"),
            format!("tenants/default/directory.toml:2: team.none: {wrong}"),
        ]
    );
}

#[test]
fn a_value_of_another_type_is_told_with_what_was_expected() {
    for (value, want) in [
        ("1.5", "expected a whole number"),
        ("\"7\"", "expected a whole number"),
        ("99999999999999999999999", "expected a whole number"),
        ("2026-01-01", "expected a whole number"),
        ("-1", "out of bounds: it is less than the minimum of 1"),
        ("5000000000", "out of bounds: it is greater than the maximum of 4294967295"),
    ] {
        let text = HEADGATE.replace("[store]", &format!("attempts_max = {value}\n[store]"));
        let told = mistakes_of("headgate.toml", &text);
        assert_eq!(told, format!("headgate.toml:5: backend.chat.attempts_max: {want}"), "{value}");
    }
}

#[test]
fn nesting_without_end_is_a_mistake_and_no_crash() {
    let deep = 100_000;
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("a = {}", "{ a = ".repeat(deep)),
        format!("a = {}1{}", "[".repeat(deep), "]".repeat(deep)),
    ] {
        assert!(!mistakes_of("headgate.toml", &text).is_empty());
    }
}

proptest::proptest! {
    /// Whatever becomes of a valid file, reading it ends, with mistakes that name a file.
    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0_usize..20_000, cut in 0_usize..40, put in "[\\[\\]{}\"'=.,$a0\n ]{0,6}") {
        let valid = fs::read_to_string(repository("config/tenants/default/channels.toml")).unwrap();
        let chars: Vec<char> = valid.chars().collect();
        let at = at % chars.len();
        let damaged: String =
            chars[..at].iter().copied().chain(put.chars()).chain(chars.iter().skip(at + cut).copied()).collect();
        let folder = folder(&[("headgate.toml", HEADGATE), ("tenants/default/channels.toml", &damaged)]);
        if let Err(mistakes) = Config::load(folder.path(), &documented) {
            proptest::prop_assert!(mistakes.iter().len() > 0);
            for mistake in &mistakes {
                proptest::prop_assert!(!mistake.place.file.is_empty() && !mistake.to_string().is_empty());
            }
        }
    }
}

#[test]
fn a_folder_with_thousands_of_accounts_is_read() {
    let mut channels = String::new();
    for n in 0..3_000 {
        channels.push_str(&CHANNELS.replace("bot", &format!("bot{n}")));
    }
    let folder = folder(&[("headgate.toml", HEADGATE), ("tenants/default/channels.toml", &channels)]);
    let loaded = load(folder.path()).unwrap();
    assert_eq!(loaded.config.endpoints.len(), 3_000);
}
