//! Mistakes in `identity.toml`.

use super::load;

#[test]
fn every_mistake_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mistakes = load(
        &folder,
        "",
        &[(
            "acme",
            r#"
[jwt.both]
issuer = "https://a.test/"
audience = ["x"]
jwks = "https://a.test/jwks"
jwks_file = "keys.json"
leeway = "6m"

[jwt.neither]
issuer = "https://b.test/"
audience = []
algorithms = ["RS256", "HS256", "none"]

[jwt.plain]
issuer = "https://c.test/"
audience = ["x"]
jwks = "http://c.test/jwks"
cool_down = "1h"
max_stale = "1m"

[jwt.file]
issuer = "https://d.test/"
audience = ["x"]
jwks_file = "no-such.json"

[introspection.plain]
url = "http://b.test/"
client_id = "c"
client_secret = "s"
hosts = ["a.test:443", ""]

[introspection.bare]

[api_key.short]
hash = "sha256:00"
user = "a b"
until = "2027-01-01"

[api_key_in]
headers = ["x api key"]

[certificate.cn]
san = "cn"
users = { "ana" = "ana" }

[proxy.sso]
peers = ["10.0.0.1/8", "everyone"]
header = "authorization"
"#,
        )],
    );
    insta::assert_snapshot!(mistakes.unwrap_err());
}

#[test]
fn credentials_of_two_tenants_that_could_not_be_told_apart_are_a_mistake() {
    let hash = format!("sha256:{}", "ab".repeat(32));
    let jwt = |audience: &str| {
        format!("[jwt.login]\nissuer = 'https://a.test/'\naudience = {audience}\njwks = 'https://a.test/'\n")
    };
    let asked = |hosts: &str| {
        format!(
            "[introspection.i]\nurl = 'https://a.test/'\nclient_id = 'c'\nclient_secret = 's'\nhosts = {hosts}\n"
        )
    };
    let key = format!("[api_key.k]\nhash = '{hash}'\nuser = 'ana'\n");
    let upper = format!("[api_key.k]\nhash = 'sha256:{}'\nuser = 'ana'\n", "AB".repeat(32));
    let named = |san: &str| format!("[certificate.c]\nsan = '{san}'\nusers = {{ 'ana.test' = 'ana' }}\n");
    let proxy = |peers: &str, header: &str| format!("[proxy.p]\npeers = ['{peers}']\nheader = '{header}'\n");
    for (one, two, same) in [
        (jwt("['a', 'b']"), jwt("['b', 'c']"), true),
        (jwt("['a']"), jwt("['b']"), false),
        (asked("[]"), asked("[]"), true),
        (asked("['a.test', 'b.test']"), asked("['B.test']"), true),
        (asked("['a.test']"), asked("[]"), false),
        (asked("['a.test']"), asked("['b.test']"), false),
        (key.clone(), upper, true),
        (named("dns"), named("dns"), true),
        (named("dns"), named("uri"), false),
        (proxy("10.0.0.0/8", "x-user"), proxy("10.1.0.0/16", "X-User"), true),
        (proxy("10.0.0.0/8", "x-user"), proxy("11.0.0.0/8", "x-user"), false),
        (proxy("10.0.0.0/8", "x-user"), proxy("10.0.0.0/8", "x-name"), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let loaded = load(&folder, "", &[("acme", &one), ("globex", &two)]);
        let told = loaded.map_or_else(|mistakes| mistakes.to_string(), |_| String::new());
        let expected = "a credential could not be told from one of `tenants/acme/identity.toml: ";
        assert_eq!(told.contains(expected), same, "{one}{two}{told}");
        assert!(!same || told.starts_with("tenants/globex/identity.toml:"), "{told}");
    }
}
