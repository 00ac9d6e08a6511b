//! The configuration folder: what is read from it, and what is said of mistakes in it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the tests' own functions")]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use headgate::{
    channel::Channel,
    cli,
    config::{
        Config, FileKind, Loaded, Mistakes, NeedsRestart, markdown, restart_needed,
        watch::{Cause, Watch},
    },
    ids::{AccountId, BackendId, EndpointId, TenantId},
};
use rcgen::CertifiedKey;
use serde_json::Value;
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

/// The environment that the shipped example documents.
fn documented(name: &str) -> Option<String> {
    let variables = fs::read_to_string(repository("config/env.example")).unwrap();
    variables.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

#[test]
fn the_shipped_example_is_valid_with_its_documented_variables() {
    let loaded = Config::load(&repository("config"), &documented).unwrap();
    let config = loaded.config;
    assert_eq!(config.endpoints.len(), 9);
    let tenant = &config.tenants[&TenantId::new("default")];
    let account = &tenant.accounts[&AccountId::new("wa-support")];
    assert_eq!(account.channel, Channel::Whatsapp);
    assert_eq!(account.backend, BackendId::new("chat"));
    assert_eq!(account.token.as_ref().unwrap().expose(), b"example-token");
    let endpoint = &config.endpoints[&EndpointId::new("meta-main")];
    assert_eq!(endpoint.accounts.len(), 3);
    assert_eq!(config.store.path, Path::new("/var/lib/headgate"));
}

#[test]
fn every_variable_of_the_shipped_example_is_documented_and_no_other() {
    let asked = std::cell::RefCell::new(Vec::new());
    let _loaded = Config::load(&repository("config"), &|name: &str| {
        asked.borrow_mut().push(name.to_owned());
        documented(name)
    });
    let mut asked = asked.into_inner();
    asked.sort();
    asked.dedup();
    let variables = fs::read_to_string(repository("config/env.example")).unwrap();
    let mut listed: Vec<_> = variables
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split('=').next().unwrap().to_owned())
        .collect();
    listed.sort();
    assert_eq!(asked, listed);
}

/// Calls `see` with the path, the name and the schema of every key.
fn every_key(schema: &Value, path: &str, see: &mut dyn FnMut(&str, &str, &Value)) {
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        see(&path, key, value);
        every_key(value, &path, see);
    }
    let patterns = schema["patternProperties"].as_object().into_iter().flat_map(|patterns| patterns.values());
    for inner in
        ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key)).chain(patterns)
    {
        every_key(inner, path, see);
    }
}

#[test]
fn every_key_is_described_and_stands_in_the_example_with_its_default() {
    let mut wrong = Vec::new();
    for kind in FileKind::ALL {
        let file = kind.place().replace("NAME", "default");
        let example = fs::read_to_string(repository("config").join(&file)).unwrap();
        let stands = |text: &str| {
            example.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.strip_prefix(text)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
                    || line.contains(&format!("{{ {text}"))
                    || line.contains(&format!(", {text}"))
                    || line.contains(&format!(".{text}]"))
                    || line.contains(&format!("[{text}"))
            })
        };
        every_key(&kind.schema(), "", &mut |path, key, schema| {
            if schema["description"].as_str().is_none_or(|text| text.len() < 4) {
                wrong.push(format!("{file}: {path} has no description"));
            }
            if !stands(key) {
                wrong.push(format!("{file}: {path} is not in the example"));
            }
            // The ops listener's example refers to the other's; a default that is no text or list is shown.
            if let Some(default) = schema.get("default").filter(|default| !default.is_object())
                && !example.contains(&format!("# {key} = {default}"))
                && !example.lines().any(|line| line.starts_with(&format!("{key} = ")))
            {
                wrong.push(format!("{file}: {path} = {default} is not shown"));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_documentation_is_up_to_date() {
    let written = fs::read_to_string(repository("docs/config.md")).unwrap();
    assert!(
        written == markdown::all(),
        "docs/config.md is not what the types say; run `headgate schema --format markdown > docs/config.md`"
    );
}

#[test]
fn the_schemas_are_valid_json_schemas() {
    for kind in FileKind::ALL {
        assert!(jsonschema::meta::is_valid(&kind.schema()), "{}", kind.file());
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
fn an_endpoint_without_a_verifier_is_refused() {
    for endpoint in [
        "channel = \"whatsapp\"\nverify_token = \"x\"",
        "channel = [\"facebook\", \"instagram\"]\nverify_token = \"x\"\nsecrets = []",
        "channel = \"telegram\"",
        "channel = \"line\"",
        "channel = \"twitter\"",
        "channel = \"email\"\nrelay = \"mailgun\"",
        "channel = \"email\"\nrelay = \"sendgrid\"",
        "channel = \"email\"\nrelay = \"postmark\"",
        "channel = \"email\"\nrelay = \"ses\"\nbasic = [\"user:password\"]",
        "channel = \"webchat\"\npointers = { conversation = \"/c\" }",
        "channel = \"livechat\"\npointers = { conversation = \"/c\" }",
        "channel = \"crm\"\npointers = { conversation = \"/c\" }",
    ] {
        let account = "[account.a]\nendpoint = \"e\"\nbackend = \"chat\"\nid = \"example.com\"\n";
        let account = if endpoint.contains('[') && endpoint.contains("insta") {
            format!("{account}channel = \"facebook\"\n")
        } else {
            account.to_owned()
        };
        let told =
            mistakes_of("tenants/default/channels.toml", &format!("[endpoint.e]\n{endpoint}\n{account}"));
        assert!(
            told.starts_with("tenants/default/channels.toml:1: endpoint.e: no verifier: "),
            "{endpoint}: {told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn an_endpoint_name_is_unique_over_tenants() {
    let folder = folder(&[
        ("headgate.toml", HEADGATE),
        ("tenants/acme/channels.toml", CHANNELS),
        ("tenants/blue/channels.toml", CHANNELS),
    ]);
    let told = load(folder.path()).map(|_| ()).unwrap_err().to_string();
    assert!(
        told.starts_with(
            "tenants/blue/channels.toml:2: endpoint.bot: the endpoint `bot` is declared by the tenant `acme`"
        ),
        "{told}"
    );
}

#[test]
fn raw_webhooks_go_to_one_backend() {
    let backends = format!("{HEADGATE}\n[backend.sdk]\nurls = [\"http://127.0.0.1:1/\"]\nformat = \"raw\"\n");
    let line = |second: &str| {
        format!(
            "[endpoint.line]\nchannel = \"line\"\nsecrets = [\"x\"]\n\
             [account.a]\nendpoint = \"line\"\nid = \"Ua\"\nbackend = \"sdk\"\n\
             [account.b]\nendpoint = \"line\"\nid = \"Ub\"\nbackend = \"{second}\"\n"
        )
    };
    let load = |second: &str| {
        load(folder(&[("headgate.toml", &backends), ("tenants/default/channels.toml", &line(second))]).path())
    };
    let told = load("chat").map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        told,
        "tenants/default/channels.toml:11: account.b.backend: `raw` deliveries repeat the whole webhook, so all \
         accounts of an endpoint go to one backend; `a` goes to `sdk`"
    );
    assert_eq!(load("sdk").unwrap().config.endpoints.len(), 1);
}

/// A certificate for localhost and its key, in PEM.
fn certificate() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

#[test]
fn a_certificate_is_read_and_must_fit_its_key() {
    let (chain, key) = certificate();
    let headgate = format!(
        "{HEADGATE}\n[listener.hooks]\naddress = \"0.0.0.0:443\"\n[listener.hooks.tls]\n\
         certificates = [{{ chain = \"tls/chain.pem\", key = \"tls/key.pem\" }}]\n"
    );
    let files = [
        ("headgate.toml", headgate.as_str()),
        ("tenants/default/channels.toml", CHANNELS),
        ("tls/chain.pem", &chain),
        ("tls/key.pem", &key),
    ];
    let folder = folder(&files);
    let tls = load(folder.path()).unwrap().config.listeners.hooks.clone().unwrap().tls.unwrap();
    assert_eq!(tls.certificates[0].chain, folder.path().join("tls/chain.pem"));

    write_file(folder.path(), "tls/key.pem", &certificate().1);
    let told = load(folder.path()).map(|_| ()).unwrap_err().to_string();
    assert!(
        told.ends_with("the key `tls/key.pem` does not belong to the certificate `tls/chain.pem`"),
        "{told}"
    );
}

#[test]
fn operators_on_an_open_address_need_a_token_or_a_certificate() {
    let ops = |more: &str| {
        format!("{HEADGATE}\n[listener.ops]\naddress = \"0.0.0.0:9090\"\ninsecure_clear_text = true\n{more}")
    };
    let told = mistakes_of("headgate.toml", &ops(""));
    assert!(
        told.contains("listener.ops.tokens: anyone who reaches `0.0.0.0:9090` could operate Headgate"),
        "{told}"
    );
    let with_token = ops("tokens = [\"0123456789abcdef\"]");
    let folder = folder(&[("headgate.toml", &with_token), ("tenants/default/channels.toml", CHANNELS)]);
    assert_eq!(load(folder.path()).unwrap().config.listeners.ops.as_ref().unwrap().tokens.len(), 1);
}

#[test]
fn secrets_and_certificates_may_lie_beside_the_files() {
    let folder = folder(&[
        ("headgate.toml", HEADGATE),
        ("tenants/default/channels.toml", &CHANNELS.replace("${env:TELEGRAM}", "${file:secrets/telegram}")),
        ("secrets/telegram", "Tg_secret-1\n"),
        ("README.md", "notes"),
        (".git/config", "hidden"),
    ]);
    let loaded = load(folder.path()).unwrap();
    assert_eq!(loaded.files, [folder.path().join("secrets/telegram")]);
}

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

/// The blocks of a kind in a document.
fn blocks<'d>(document: &'d str, kind: &str) -> Vec<&'d str> {
    let begin = format!("```{kind}\n");
    document.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_examples_of_the_documents_are_valid() {
    let channels = fs::read_to_string(repository("docs/channels.md")).unwrap();
    let channels = blocks(&channels, "toml");
    assert_eq!(channels.len(), 6, "one for each section");
    let email = channels.iter().find(|block| block.contains("relay = ")).unwrap();
    let relays = [("mailgun", "secrets = "), ("postmark", "basic = "), ("ses", "topics = ")];
    for (relay, verifier) in relays {
        // Of the lines that verify, the one that this relay takes.
        let verifies = ["secrets = ", "public_keys = ", "basic = ", "topics = "];
        let lines = email.lines().filter_map(|line| {
            let key = line.trim_start_matches("# ");
            let other = verifies.iter().any(|start| key.starts_with(start)) && !key.starts_with(verifier);
            (!other).then_some(key)
        });
        let own = lines.collect::<Vec<_>>().join("\n").replace("\"mailgun\"", &format!("\"{relay}\""));
        let tenant = channels.iter().map(|block| if block == email { own.as_str() } else { block });
        let tenant = tenant.collect::<Vec<_>>().join("\n");
        let folder = folder(&[
            ("headgate.toml", HEADGATE),
            ("tenants/default/channels.toml", &tenant),
            ("tenants/default/directory.toml", "[team.support]\n"),
        ]);
        let env = |name: &str| {
            let key =
                if name == "SITE_CHAT_KEY" { "whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI=" } else { "dummy" };
            Some(key.to_owned())
        };
        if let Err(mistakes) = Config::load(folder.path(), &env) {
            panic!("{relay}: {mistakes}\n{tenant}");
        }
    }
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    assert!(blocks(&readme, "toml").is_empty(), "an example in README.md that no test loads");
}

/// What the command prints, and whether it says that all is well.
fn headgate(arguments: &[&str]) -> (bool, String) {
    let arguments = ["headgate"].iter().chain(arguments).map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::run(arguments, env, &mut out, &mut err);
    (format!("{code:?}") == format!("{:?}", std::process::ExitCode::SUCCESS), String::from_utf8(out).unwrap())
}

#[test]
fn check_says_valid_or_every_mistake_also_for_programs() {
    let good = folder(&[("headgate.toml", HEADGATE), ("tenants/default/channels.toml", CHANNELS)]);
    let (well, said) = headgate(&["check", "--config", good.path().to_str().unwrap()]);
    assert!(
        well && said.starts_with("valid: 1 tenant, 1 endpoint, 1 account, 1 backend (version "),
        "{said}"
    );

    let bad =
        folder(&[("headgate.toml", "[store]\npaht = \"x\"\n"), ("tenants/default/channels.toml", CHANNELS)]);
    let (well, said) = headgate(&["check", "--config", bad.path().to_str().unwrap(), "--format", "json"]);
    assert!(!well);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["valid"], false);
    let unknown = said["mistakes"].as_array().unwrap().iter().find(|m| m["path"] == "store.paht").unwrap();
    assert_eq!((&unknown["file"], &unknown["line"]), (&"headgate.toml".into(), &2.into()));
    assert!(unknown["message"].as_str().unwrap().starts_with("unknown key (did you mean `path`?)"));
}

#[test]
fn schema_prints_one_file_or_all() {
    let (well, one) = headgate(&["schema", "channels"]);
    assert!(well);
    assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), FileKind::Channels.schema());
    let all: Value = serde_json::from_str(&headgate(&["schema"]).1).unwrap();
    assert_eq!(all.as_object().unwrap().len(), FileKind::ALL.len());
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

#[test]
fn a_backends_api_is_origins_and_its_probes_have_a_path() {
    let with = |lines: &str| HEADGATE.replace("[store]", &format!("{lines}\n[store]"));
    let good = r#"
api = ["http://chat-1:3000", "http://chat-2:3000/"]
api_host = "chat.example"
assertion_key = "0123456789abcdef0123456789abcdef"
[backend.chat.health]
path = "/health?deep"
"#;
    let folder = folder(&[("headgate.toml", &with(good)), ("tenants/default/channels.toml", CHANNELS)]);
    let config = load(folder.path()).unwrap().config;
    let backend = &config.backends[&BackendId::new("chat")];
    let api = backend.api.as_ref().unwrap();
    assert_eq!(api.origins.len(), 2);
    assert_eq!(api.host.as_ref().unwrap(), "chat.example");
    assert!(api.assertion_key.is_some());
    assert_eq!(backend.health.as_ref().unwrap().path, "/health?deep");

    for (lines, want) in [
        ("api = [\"http://chat/v1\"]", "headgate.toml:5: backend.chat.api[0]: expected an origin"),
        (
            "api = [\"http://a\", \"http://a\"]",
            "headgate.toml:5: backend.chat.api[1]: `http://a/` is in the list twice",
        ),
        ("api_host = \"a b\"", "headgate.toml:5: backend.chat.api_host: expected a host"),
        (
            "assertion_key = \"short\"",
            "headgate.toml:5: backend.chat.assertion_key: not a key for assertions",
        ),
        ("[backend.chat.health]", "backend.chat.health.path: must be given"),
        (
            "[backend.chat.health]\npath = \"health\"",
            "headgate.toml:6: backend.chat.health.path: expected a path",
        ),
    ] {
        let told = mistakes_of("headgate.toml", &with(lines));
        assert!(told.contains(want), "{lines}: {told}");
    }
}

#[test]
fn every_mistake_in_a_route_is_told_with_its_line() {
    let text = r#"
backend = "chatt"
fixed = { tenant = "1" }
request_headers = ["Headgate-Actor"]
[entity.contact]
id = "/id"
[[route]]
match = "GET /a/{id}"
entity = "contakt"
action = "view"
[[route]]
match = "GET /a/../{id}"
resource = "contact"
action = "view"
[[route]]
match = "GET /b/{name}"
entity = "contact"
action = "view"
object = "tag"
[[route]]
match = "PUT /c/{id}"
entity = "contact"
action = "edit"
object = "answer"
[[route]]
match = "GET /d/{x}"
resource = "contact"
action = "view"
[[route]]
match = "GET /d/{y}"
resource = "contact"
action = "view"
via = true
[[route]]
match = "GET /e/{id}"
entity = "contact"
action = "view"
object = "prefetch"
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:2: backend: no backend `chatt` is declared (did you mean `chat`?)",
        "routes.toml:3: fixed.tenant: the path has no parameter `{tenant}`",
        "routes.toml:4: request_headers[0]: not the name of a header",
        "routes.toml:9: route[0].entity: no entity `contakt` is declared (did you mean `contact`?)",
        "routes.toml:12: route[1].match: expected a method and a path",
        "routes.toml:19: route[2].object: the path has no parameter `{id}`",
        "routes.toml:24: route[3].object: only goes with GET",
        "routes.toml:30: route[5].match: `GET /d/{x}` takes the same requests already",
        "routes.toml:33: route[5].via: only goes with object",
        "route[6].prefetch: must be given",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn what_could_show_or_write_more_than_it_says_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.ticket]
resource = "contact"
id = "/id"
responsible = "/owner"
nobody = { absent = true }
aliases = { phone_number = ["tel", "bad..name"], mobile = ["tel"] }
[entity.deal]
resource = "contact"
responsible = "/owner"
team = "/team"
[entity.chat]
resource = "contact"
id = "/id"
tag = true
[[route]]
match = "GET /tickets.csv"
entity = "ticket"
action = "view"
format = "csv"
[[route]]
match = "GET /deals"
entity = "deal"
action = "view"
items = ""
push = { own = "mine=true", team = "team={team}" }
[[route]]
match = "GET /chats"
entity = "chat"
action = "view"
items = ""
push = { own = "mine=true" }
[[route]]
match = "GET /board"
resource = "contact"
action = "view"
nested = { "/rows/*" = "deal" }
push = { team = "team={team}" }
[[route]]
match = "POST /tickets/search"
entity = "ticket"
action = "view"
items = ""
question = true
accepts = ["json", "json-patch"]
[[route]]
match = "PATCH /chats/{id}"
entity = "chat"
action = "edit"
object = "tag"
unless_changed = true
[[route]]
match = "PATCH /tickets"
entity = "ticket"
action = "edit"
object = "prefetch"
prefetch = "GET /tickets/{id}"
ids = "/ids"
unless_changed = true
[[route]]
match = "GET /owned"
entity = "chat"
action = "view"
items = ""
push = { own = "filter={\"of\":\"{user}\"}&q=owner:{owner}", team = "{ team }=x&y={ team }" }
objects_max = 7
[[route]]
match = "PATCH /tickets/{id}/all"
entity = "ticket"
action = "edit"
object = "prefetch"
prefetch = "GET /tickets/{id}"
ids = "/ids"
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:66: route[7].push.own: expected `{user}` or `{team}` in a value, not `{owner}`",
        "routes.toml:66: route[7].push.team: expected `{user}` or `{team}` in a value, not `{ team }`",
        "routes.toml:67: route[7].objects_max: only goes with a `*` in `body` or `ids`",
        "routes.toml:8: entity.ticket.aliases.phone_number[1]: not the name of a field",
        "routes.toml:8: entity.ticket.aliases.phone_number[0]: `tel` is in the list twice",
        "routes.toml:21: route[0].format: only goes with an entity without `nobody.absent`",
        "routes.toml:27: route[1].push.team: only goes with rows whose teams are those of the responsible user",
        "routes.toml:33: route[2].push: only goes with rows whose facts the backend has",
        "routes.toml:39: route[3].push: only goes with `items`",
        "routes.toml:46: route[4].accepts: only goes with a write: a JSON Patch asks no question",
        "routes.toml:52: route[5].unless_changed: only goes with a write of one object",
        "routes.toml:60: route[6].unless_changed: only goes with a write of one object",
        "routes.toml:74: route[8].ids: only goes with a path that does not have the parameter which they fill",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn every_mistake_about_what_none_is_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.file]
resource = "media"
fields = ["id"]
[entity.chat]
resource = "contact"
fields = ["id", "text"]
nested = { "/files/*" = "file", "/picture" = "file", "/pages/*/*" = "file" }
[entity.chat.none]
"/files" = "absent"
"/picture" = "list"
"/pictures" = "null"
"/files/*" = "absent"
"/pages/*" = "absent"
"/text" = "gone"
[[route]]
match = "GET /chats"
entity = "chat"
action = "view"
items = "/rows"
nested = { "/included/*" = "file" }
regardless = ["/included/*"]
none = { "/included" = "list", "/rows" = "list" }
[[route]]
match = "GET /chats.csv"
entity = "chat"
action = "view"
format = "csv"
none = { "/included" = "absent" }
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:16: entity.chat.none.\"/text\": `gone`: expected one of `absent`, `null`, `list`",
        "routes.toml:12: entity.chat.none.\"/picture\": only goes with a list",
        "routes.toml:13: entity.chat.none.\"/pictures\": no place in `nested` `/pictures` is declared (did you mean `/picture`?)",
        "routes.toml:14: entity.chat.none.\"/files/*\": no place in `nested` `/files/*` is declared",
        "routes.toml:15: entity.chat.none.\"/pages/*\": no place in `nested` `/pages/*` is declared",
        "routes.toml:24: route[0].none.\"/rows\": no place in `nested` `/rows` is declared",
        "routes.toml:30: route[1].none: only goes with `format = \"json\"`",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
    assert!(!told.contains("none.\"/files\":") && !told.contains("none.\"/included\": only"), "{told}");
}

#[test]
fn every_mistake_about_what_stands_beside_rows_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.person]
resource = "contact"
id = "/id"
[entity.firm]
resource = "contact"
[entity.note]
resource = "message"
refers = { person = ["/by"] }
[entity.card]
resource = "contact"
nested = { "/notes/*" = "note" }
refers = { firm = ["/firm_id"], persons = ["/person_id"] }
[[route]]
match = "GET /cards"
entity = "card"
action = "view"
items = "/rows"
nested = { "/included/*" = "person", "/firms/*" = "firm", "/cards/*" = "card", "/agents/*" = "person", "/own" = "firm" }
regardless = ["/agents/*", "/own", "/firm/*"]
[[route]]
match = "GET /pages"
entity = "card"
action = "view"
items = "/rows"
nested = { "/included/*" = "person", "/agents/*" = "person" }
regardless = ["/agents/*"]
page = { number = "page" }
[[route]]
match = "GET /persons"
resource = "contact"
action = "view"
nested = { "/included/*" = "person" }
regardless = ["/included/*"]
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    let own = "an entity of its own: this one is shown with the rows that refer to it";
    let tells = "an `id` and `refers` of the rows, or `regardless`: else it tells of hidden rows";
    for expected in [
        "routes.toml:14: entity.card.refers.persons: no entity `persons` is declared (did you mean `person`?)".to_owned(),
        // Nobody can tell which it is, or no row refers to it.
        format!("routes.toml:20: route[0].nested.\"/firms/*\": only goes with {tells}"),
        format!("routes.toml:20: route[0].nested.\"/cards/*\": only goes with {tells}"),
        "routes.toml:21: route[0].regardless[1]: no list in `nested` `/own` is declared".to_owned(),
        "routes.toml:21: route[0].regardless[2]: no list in `nested` `/firm/*` is declared (did you mean `/firms/*`?)".to_owned(),
        format!("routes.toml:20: route[0].nested.\"/agents/*\": only goes with {own}"),
        format!("routes.toml:20: route[0].nested.\"/own\": only goes with {own}"),
        "routes.toml:27: route[1].nested.\"/included/*\": only goes with `regardless`, or without `page`: a page is joined of several of the backend's".to_owned(),
        "routes.toml:35: route[2].regardless[0]: only goes with `items`".to_owned(),
    ] {
        assert!(told.contains(&expected), "no `{expected}` in\n{told}");
    }
    assert_eq!(told.matches("only goes with").count(), 7, "{told}");
}

#[test]
fn every_mistake_about_things_of_several_types_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.thing]
resource = "contact"
id = "/id"
id_type = "/type"
kinds = [{ at = "/type", is = "notes", resource = "note" }]
[entity.mixed]
resource = "contact"
id = "/id"
kinds = [{ at = "/type", is = "notes", resource = "note" }]
[entity.said]
resource = "message"
id = "/id"
kinds = [{ at = "/private", is = true, resource = "note" }]
[entity.card]
resource = "contact"
[entity.card.refers]
thing = ["/thing", { at = "/by", type = "/by_type" }, { at = "/to", is = "contacts" }]
mixed = ["/thing"]
said = ["/last", { at = "/said", is = "x" }]
[[route]]
match = "GET /cards"
entity = "card"
action = "view"
items = "/rows"
nested = { "/things/*" = "thing", "/mixed/*" = "mixed", "/said/*" = "said", "/more/*" = "said" }
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:21: entity.card.refers.said[1]: only goes with an entity with `id_type`",
        "routes.toml:27: route[0].nested.\"/mixed/*\": only goes with `id_type` of an entity with `kinds`: each may have ids of its own",
        "routes.toml:27: route[0].nested.\"/said/*\": only goes with an entity of its own: this one is shown with the rows that refer to it",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
    assert_eq!(told.matches("only goes with").count(), 3, "{told}");
    for (wrong, key) in [
        ("{ at = \"/by\" }", "type"),
        ("{ at = \"/by\", is = \"x\", type = \"/x\" }", "type"),
        ("{ is = \"x\" }", "at"),
        ("\"by\"", "pointer"),
        ("1", "pointer"),
    ] {
        let told = mistakes_of(
            "tenants/default/routes.toml",
            &text.replace("thing = [\"/thing\"", &format!("thing = [{wrong}")),
        );
        let line =
            told.lines().find(|line| line.starts_with("routes.toml:19:") || line.contains("routes.toml:19:"));
        assert!(
            line.is_some_and(|line| line.contains("entity.card.refers.thing[0]") && line.contains(key)),
            "{wrong}: {told}"
        );
    }
}

#[test]
fn every_mistake_about_an_export_is_told_with_its_line() {
    let text = r#"
backend = "chat"
request_headers = ["x-panel", "If-None-Match"]
response_headers = ["x-page", "ETag", "content-encoding", "access-control-allow-origin"]
[entity.line]
resource = "contact"
fields = ["id"]
[[route]]
match = "GET /lines"
entity = "line"
action = "view"
format = "csv"
items = "/payload"
keep = ["/meta"]
[[route]]
match = "GET /rows"
resource = "contact"
action = "view"
format = "csv"
[[route]]
match = "POST /lines"
resource = "contact"
action = "view"
export = { of = "lines" }
[[route]]
match = "POST /rows"
entity = "line"
action = "view"
format = "csv"
export = { of = "rows", id = "/id" }
[[route]]
match = "GET /lines/{id}"
entity = "line"
action = "view"
object = "export"
[[route]]
match = "GET /rows/{id}"
entity = "line"
action = "view"
object = "export"
export = { of = "others" }
[[route]]
match = "PUT /rows/{id}"
entity = "line"
action = "view"
object = "export"
export = { of = "rows" }
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:3: request_headers[1]: not the name of a header",
        "routes.toml:4: response_headers[1]: not the name of a header",
        "routes.toml:4: response_headers[2]: not the name of a header",
        "routes.toml:4: response_headers[3]: not the name of a header",
        "routes.toml:13: route[0].items: only goes with `format = \"json\"`",
        "routes.toml:14: route[0].keep: only goes with `format = \"json\"`",
        "route[1].shows: must be given: the entity of the rows",
        "route[2].export.id: must be given: where the export's id stands",
        "route[3].export: only goes with `format = \"json\"`",
        "route[4].export: must be given: the name of the exports",
        "route[5].export.of: only goes with a route that starts such exports",
        "route[6].object: only goes with GET",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn what_cannot_be_decided_of_an_answer_is_told_with_its_line() {
    let text = r#"
backend = "chat"
[entity.contact]
id = "/id"
fields = ["*"]
[[route]]
match = "GET /whole"
entity = "contact"
action = "view"
format = "whole"
items = "/rows"
links = ["/next"]
[[route]]
match = "GET /contacts/{id}"
entity = "contact"
action = "view"
object = "answer"
asks = ["name"]
searches = { q = ["name"] }
empty = "no-content"
[[route]]
match = "GET /contacts/{id}/files/{file}"
entity = "contact"
action = "view"
object = "tag"
format = "whole"
[route.stands_in]
entity = "contakt"
parameter = "note"
request = "POST /contacts/{id}/notes/{number}"
[[route]]
match = "GET /contacts"
entity = "contact"
action = "view"
items = ""
empty = "absent"
[[route]]
match = "GET /leads"
entity = "contact"
action = "view"
items = "/rows"
keep = ["/meta"]
empty = "absent"
"#;
    let told = mistakes_of("tenants/default/routes.toml", text);
    for expected in [
        "routes.toml:11: route[0].items: only goes with `format = \"json\"`",
        "routes.toml:12: route[0].links: only goes with `format = \"json\"`",
        "routes.toml:18: route[1].asks: only goes with another `object` than \"answer\"",
        "routes.toml:19: route[1].searches: only goes with another `object` than \"answer\"",
        "routes.toml:20: route[1].empty: only goes with `items` of JSON",
        "route[2].stands_in: only goes with `via` or `part`",
        "route[2].stands_in.entity: no entity `contakt` is declared",
        "route[2].stands_in.parameter: the path has no parameter `{note}`",
        "route[2].stands_in.request: only goes with GET",
        "route[2].stands_in.request: the path has no parameter `{number}`",
        "routes.toml:36: route[3].empty: only goes with `items` in an object",
        "routes.toml:43: route[4].empty: only goes with `page`, or without `nested` and `keep`",
    ] {
        assert!(told.contains(expected), "no `{expected}` in\n{told}");
    }
}

#[test]
fn every_mistake_about_pages_is_told_with_its_line() {
    let route = |page: &str, entity: &str| {
        format!(
            "backend = 'chat'\n[entity.row]\nresource = 'conversation'\nid = '/id'\nfields = ['*']\n\
             [entity.line]\nresource = 'conversation'\nfields = ['*']\n\
             [[route]]\nmatch = 'GET /rows'\nentity = '{entity}'\naction = 'view'\nitems = ''\npage = {page}\n"
        )
    };
    for (page, entity, expected) in [
        ("{ size = 'n' }", "row", "page: expected either `number` or `before` and `after`, or `cursor`"),
        (
            "{ number = 'p', after = 'a' }",
            "row",
            "page.number: expected either `number` or `before` and `after`, or `cursor`",
        ),
        ("{ number = 'p', begins = 'end' }", "row", "page.begins: only goes with `before` or `after`"),
        ("{ number = 'p', compares = true }", "row", "page.compares: only goes with `before` or `after`"),
        ("{ before = 'b', size_default = 3 }", "row", "page.size_default: only goes with `number`"),
        ("{ after = 'a', more = '/more' }", "row", "page.more: only goes with `number`"),
        (
            "{ after = 'a' }",
            "row",
            "page: only goes with `compares = true`: a backend that looks for the row",
        ),
        (
            "{ after = 'a', compares = true }\nfields_in = ['sort']",
            "row",
            "page: only goes with rows in the order of their ids: without `fields_in` and `fields_at`",
        ),
        ("{ before = 'b' }", "row", "page: only goes with `after`, or with `before` and `begins = \"end\"`"),
        ("{ after = 'a' }", "line", "page: only goes with rows that have an `id`"),
        // By one of the list's own, every page would be the backend's.
        ("{ number = 'p', unless = ['P'] }", "row", "page.unless: `P` is in the list twice"),
        ("{ after = 'a', compares = true, unless = ['a'] }", "row", "page.unless: `a` is in the list twice"),
        ("{ number = 'p', size = 'p' }", "row", "page.size: `p` is in the list twice"),
        ("{ before = 'c', after = 'c', compares = true }", "row", "page.after: `c` is in the list twice"),
        ("{ number = '' }", "row", "page.number: expected a name"),
        (
            "{ cursor = 'c' }",
            "row",
            "page.next: must be given: where the answer has the cursor of the next page",
        ),
        ("{ number = 'n', next = '/next' }", "row", "page.next: only goes with `cursor`"),
        ("{ cursor = 'c', next = '/next', number = 'n' }", "row", "page.number: expected either `number` or"),
        ("{ cursor = 'c', next = '/next', after = 'a' }", "row", "page: expected either `number` or"),
        ("{ cursor = 'c', next = '/next', size = 's' }", "row", "page.size: only goes with `number`"),
        (
            "{ cursor = 'c', next = '/next', compares = true }",
            "row",
            "page.compares: only goes with `before`",
        ),
        ("{ cursor = 'c', next = '/next', unless = ['C'] }", "row", "page.unless: `C` is in the list twice"),
        (
            "{ after = 'a', compares = true, more = '/more' }",
            "row",
            "page.more: only goes with `number` or `cursor`",
        ),
        // At one place stands one of them.
        ("{ cursor = 'c', next = '/n' }\nlinks = ['/n']", "row", "page.next: `/n` is in the list twice"),
        ("{ cursor = 'c', next = '/n', more = '/n' }", "row", "page.more: `/n` is in the list twice"),
        (
            "{ number = 'p', at = '/n' }\ntotals = { null = ['/n'] }",
            "row",
            "page.at: `/n` is in the list twice",
        ),
    ] {
        let told = mistakes_of("tenants/default/routes.toml", &route(page, entity));
        let expected = format!("routes.toml:14: route[0].{expected}");
        assert!(told.contains(&expected), "{page}: no `{expected}` in\n{told}");
    }
    for (more, expected) in [
        (
            "{ number = 'p', more = '/more' }\nnone = { '/more' = 'list' }",
            "only goes with a list, as `nested` names one",
        ),
        (
            "{ after = 'a', compares = true }\nlinks = ['/next']\nnone = { '/next' = 'null' }",
            "no place in `nested` `/next`",
        ),
        ("{ number = 'p' }\ntotals = { drop = ['/n'], null = ['/n'] }", "`/n` is in the list twice"),
    ] {
        let told = mistakes_of("tenants/default/routes.toml", &route(more, "row"));
        let line = 14 + more.lines().count() - 1;
        let told_there = told
            .lines()
            .any(|told| told.contains(&format!("routes.toml:{line}: ")) && told.contains(expected));
        assert!(told_there, "{more}: no `{expected}` in\n{told}");
    }
    let kept = route("{ number = 'p' }\nkeep = ['/n/of']\ntotals = { drop = ['/n'] }", "row")
        .replace("items = ''", "items = '/rows'");
    let told = mistakes_of("tenants/default/routes.toml", &kept);
    assert!(told.contains("routes.toml:9: route[0]: ") && told.contains("`/n/of`"), "{told}");
}

#[test]
fn a_field_that_stands_in_another_object_is_told_with_its_line() {
    let routes = |fields: &str| {
        format!(
            "backend = 'chat'\n[entity.chat]\nresource = 'conversation'\nfields = {fields}\n\
             nested = {{ '/meta/sender' = 'person' }}\n[entity.person]\nresource = 'contact'\nfields = ['*']\n\
             [[route]]\nmatch = 'GET /chats'\nentity = 'chat'\naction = 'view'\nitems = ''\n"
        )
    };
    let roles = "[resource.conversation]\nactions = ['view']\n[resource.contact]\nactions = ['view']\n\
                 [role.agent.grants]\nconversation = { view = 'all' }\n\
                 [role.agent.fields.conversation]\nhidden = ['title', 'meta.sender.phone_number', 'meta.channel']\n\
                 [[forbid]]\nname = 'no-mail'\nresource = 'conversation'\nactions = ['view']\n\
                 fields = ['meta.sender.email']\n";
    for fields in ["['*']", "['id', 'meta']"] {
        let text = routes(fields);
        let files = [
            ("headgate.toml", HEADGATE),
            ("tenants/default/channels.toml", CHANNELS),
            ("tenants/default/routes.toml", &*text),
            ("tenants/default/roles.toml", roles),
        ];
        let told = load(folder(&files).path()).map(|_| ()).unwrap_err().to_string();
        for expected in [
            "roles.toml:8: role.agent.fields.conversation.hidden: in answers `meta.sender.phone_number` stands in `/meta/sender` of the entity `chat`, where a `contact` is decided on by itself",
            "roles.toml:13: forbid[0].fields: in answers `meta.sender.email` stands in `/meta/sender` of the entity `chat`",
        ] {
            assert!(told.contains(expected), "{fields}: no `{expected}` in\n{told}");
        }
        assert!(!told.contains("`title`") && !told.contains("`meta.channel`"), "{told}");
    }
}

#[test]
fn a_key_of_cursors_is_not_guessed() {
    for (key, is_right) in
        [("0123456789abcdef0123456789abcde", false), ("0123456789abcdef0123456789abcdef", true)]
    {
        let text = format!("{HEADGATE}\n[gate]\ncursor_key = \"{key}\"\n");
        let told =
            load(folder(&[("headgate.toml", &*text), ("tenants/default/channels.toml", CHANNELS)]).path());
        let told = told.map(|_| ()).map_err(|mistakes| mistakes.to_string());
        let wrong =
            "gate.cursor_key: expected 32 characters or more, such as the output of `openssl rand -hex 32`";
        assert_eq!(told.as_ref().is_err_and(|told| told.contains(wrong)), !is_right, "{told:?}");
        assert!(told.is_ok() == is_right && !format!("{told:?}").contains("0123456789"), "{told:?}");
    }
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    let wrong = [
        "*",
        "null",
        "panel.example",
        "https://panel.example/",
        "https://*.example",
        "https://Panel.example",
        "https://panel.example:443",
        "https://a@panel.example",
        "ftp://panel.example",
        "",
    ];
    let listed =
        ["https://panel.example", "http://localhost:3000", "https://[::1]:8443"].into_iter().chain(wrong);
    let listed: Vec<_> = listed.map(|origin| format!("{origin:?}")).collect();
    let text = format!("{HEADGATE}\n[gate]\ncors_origins = [{}]\n", listed.join(", "));
    let told = mistakes_of("headgate.toml", &text);
    for (index, origin) in listed.iter().enumerate() {
        let is_told = told.contains(&format!("gate.cors_origins[{index}]: expected the origin of a page"));
        assert_eq!(is_told, index >= 3, "{origin} in\n{told}");
    }
}

#[test]
fn i08_a_route_asks_for_nothing_that_the_policy_does_not_know() {
    let routes = r#"
backend = "chat"
[entity.contact]
[entity.deal]
via = "leat"
[entity.leat]
[entity.card]
resource = "contakt"
[[route]]
match = "GET /a"
keep = [""]
resource = "conversatoin"
action = "view"
[[route]]
match = "GET /b"
entity = "contact"
action = "edti"
[[route]]
match = "GET /c/{id}"
resource = "message"
entity = "card"
action = "view"
object = "tag"
via = true
[[route]]
match = "GET /d/{id}"
entity = "card"
action = "view"
object = "tag"
[[route]]
match = "GET /e"
keep = [""]
resource = "deal"
action = "view"
[[route]]
match = "GET /f"
keep = [""]
resource = "health"
action = "export"
"#;
    let roles = "use = ['kommo']\n[resource.health]\nactions = ['view']\n";
    let headgate = HEADGATE.replace("[backend.chat]\n", "[backend.chat]\napi = ['http://127.0.0.1:3000']\n");
    let folder = folder(&[
        ("headgate.toml", &headgate),
        ("tenants/default/channels.toml", CHANNELS),
        ("tenants/default/roles.toml", roles),
        ("tenants/default/routes.toml", routes),
    ]);
    let told = Config::load(folder.path(), &documented).unwrap_err().to_string();
    let no = "the policy knows no resource";
    for expected in [
        format!("routes.toml:5: entity.deal.via: {no} `leat` (did you mean `lead`?)"),
        format!("routes.toml:8: entity.card.resource: {no} `contakt` (did you mean `contact`?)"),
        format!("routes.toml:12: route[0].resource: {no} `conversatoin` (did you mean `conversation`?)"),
        "routes.toml:17: route[1].action: the resource `contact` has no action `edti` (did you mean `edit`?)"
            .to_owned(),
        "routes.toml:39: route[5].action: the resource `health` has no action `export`; expected one of `view`"
            .to_owned(),
    ] {
        assert!(told.contains(&expected), "no `{expected}` in\n{told}");
    }
    assert_eq!(told.matches("routes.toml:").count(), 5, "{told}");
}

#[test]
fn what_must_be_on_record_needs_a_record() {
    let routes = "backend = 'chat'\n[[route]]\nmatch = 'GET /a'\nresource = 'contact'\naction = 'view'\nkeep = ['']\naudit = 'must'\n";
    let headgate = HEADGATE.replace("[backend.chat]\n", "[backend.chat]\napi = ['http://127.0.0.1:3000']\n");
    let told = |headgate: &str| {
        let folder = folder(&[
            ("headgate.toml", headgate),
            ("tenants/default/channels.toml", CHANNELS),
            ("tenants/default/roles.toml", "use = ['base']"),
            ("tenants/default/routes.toml", routes),
        ]);
        load(folder.path()).map(drop).map_err(|mistakes| mistakes.to_string())
    };
    let refused = told(&headgate).unwrap_err();
    assert!(refused.contains("routes.toml:7: route[0].audit: there is no record to be on"), "{refused}");
    told(&(headgate + "[gate.decision_log]\n")).unwrap();
}
