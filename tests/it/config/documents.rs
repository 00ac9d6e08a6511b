//! The configuration's documents: the shipped example, the schemas, the reference and what the commands say.

use std::{ffi::OsString, fs, path::Path};

use headgate::{
    channel::Channel,
    cli,
    config::{Config, FileKind, markdown},
    ids::{AccountId, BackendId, EndpointId, TenantId},
};
use serde_json::Value;

use super::{CHANNELS, HEADGATE, documented, env, folder, repository};

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
