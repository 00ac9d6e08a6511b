//! Endpoints, backends and certificates.

use headgate::ids::BackendId;
use rcgen::CertifiedKey;

use super::{CHANNELS, HEADGATE, folder, load, mistakes_of};
use crate::support::folder::write_file;

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

/// A certificate for localhost and its key, in PEM.
pub(super) fn certificate() -> (String, String) {
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
