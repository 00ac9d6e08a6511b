//! The log: one JSON object a line, with fields of one list, which `docs/operations.md` tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use headgate::identity::NewKey;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    e2e::{World, now},
    support::{
        outside::{self, Provider},
        program::Program,
        samples::{self, Sample},
    },
};

/// What every line has.
const ALWAYS: [&str; 4] = ["timestamp", "level", "target", "message"];

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The part of `docs/operations.md` about the log.
fn documentation() -> String {
    let text = file("docs/operations.md");
    let (_before, after) = text.split_once("\n## The log\n").unwrap();
    after.split("\n## ").next().unwrap().to_owned()
}

/// The names in backticks in a line.
fn named(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The fields that the documentation tells.
fn documented() -> BTreeSet<String> {
    let documentation = documentation();
    let rows = documentation.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| named(&format!("`{}", row.split_once(" | ").unwrap().0))).collect()
}

/// The arguments of a macro, split at the commas outside of any brackets and texts; `after` begins behind `name!(`.
fn arguments(after: &str) -> Vec<String> {
    let (mut arguments, mut argument, mut depth) = (Vec::new(), String::new(), 0);
    let mut chars = after.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                argument.push(c);
                let mut escaped = false;
                for c in chars.by_ref() {
                    argument.push(c);
                    if c == '"' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
                continue;
            }
            ')' if depth == 0 => break,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut argument));
                continue;
            }
            _ => {}
        }
        argument.push(c);
    }
    arguments.push(argument);
    arguments
        .iter()
        .map(|argument| argument.trim().to_owned())
        .filter(|argument| !argument.is_empty())
        .collect()
}

/// The fields that one use of a macro names.
fn fields(after: &str) -> Vec<String> {
    let mut fields = Vec::new();
    for argument in arguments(after) {
        if let Some(braced) = argument.strip_prefix('{') {
            fields.extend(self::fields(&format!("{})", braced.trim_end_matches('}'))));
        } else if !argument.starts_with('"') && !argument.starts_with("target:") {
            let name = argument.split('=').next().unwrap().trim();
            fields.push(name.trim_start_matches(['%', '?']).to_owned());
        }
    }
    fields
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            found.push((path.display().to_string(), code.join("\n")));
        }
    }
}

#[test]
fn every_field_in_the_source_is_documented_and_every_documented_one_is_in_the_source() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let documented = documented();
    let mut used = BTreeSet::new();
    for (file, code) in &files {
        assert!(!code.contains("#[instrument"), "{file}: this test reads macros alone");
        for name in ["trace", "debug", "info", "warn", "error", "event", "span"] {
            // `info!(` as well as `info_span!(`.
            for call in [format!("{name}!("), format!("{name}_span!(")] {
                for (at, _call) in code.match_indices(&call) {
                    let (before, after) = code.split_at(at);
                    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                        continue;
                    }
                    for field in fields(after.trim_start_matches(call.as_str())) {
                        assert!(
                            documented.contains(&field),
                            "{file}: `{field}` is not in docs/operations.md"
                        );
                        used.insert(field);
                    }
                }
            }
        }
    }
    assert_eq!(used, documented);
    for field in documented.iter().filter(|field| *field != "error") {
        assert!(
            field.contains('.') && field.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c)),
            "{field}"
        );
    }
}

/// The quickstart's tenant with agents, and the log at `debug`.
const MORE: &str = r#"
api = ["http://127.0.0.1:1"]

[listener.agents]
address = "127.0.0.1:0"

[gate.decision_log]
file = "decisions.jsonl"

[telemetry]
log = "info,headgate=debug"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_run_is_json_with_documented_fields_and_nothing_of_a_customer() {
    let world = World::new().await;
    let key = NewKey::make().unwrap();
    let setup = world
        .setup()
        .main(world.backend.address, "event", MORE)
        .env("ANA_KEY_HASH", &key.hash)
        .file("tenants/default/routes.toml", &file("examples/quickstart/gate/qontak/routes.toml"))
        .file(
            "tenants/default/roles.toml",
            "use = [\"qontak\"]\n[[assign]]\nrole = \"qontak.agent\"\nto = \"team:support\"\n",
        )
        .file(
            "tenants/default/identity.toml",
            "[api_key.ana]\nuser = \"ana\"\nhash = \"${env:ANA_KEY_HASH}\"\n",
        );
    let program = Program::start(setup.command("serve"));
    let provider = Provider::new(program.address("hooks").await, &world.tls);
    let (agents, ops) = (program.address("agents").await, program.address("ops").await);

    // Taken, and the backend does not take it at first; then it asks for what cannot be done.
    world.backend.answer_next(500, &[]);
    world.backend.answer_next(200, &[("headgate-assign", "user=nobody-here")]);
    let genuine = world.sample("WhatsApp");
    assert_eq!(provider.post(&genuine).await.status, 200);
    program.line(&["cannot be followed"]).await;
    // Given up.
    world.backend.answer_next(410, &[]);
    assert_eq!(provider.post(&world.sample("Email by Postmark")).await.status, 200);
    program.line(&["given up"]).await;
    // Refused: forged, unreadable, unknown.
    let forged = Sample { body: [&genuine.body[..], b" "].concat(), ..genuine.clone() };
    assert_eq!(provider.post(&forged).await.status, 401);
    let mut unreadable = samples::telegram_update(&Value::Null);
    unreadable.body = b"{\"message\": Tomas".to_vec();
    provider.post(&unreadable).await;
    provider.post(&samples::whatsapp("wamid.2", "491701234567", "Bye!", now())).await;
    program.line(&["verified body cannot be read"]).await;

    // An agent who may not, one who is nobody, and a backend's API that does not answer.
    let authorization = [("authorization", format!("Bearer {}", key.key))];
    let path = "/api/conversations/cv_none";
    assert_eq!(outside::send_with(agents, "GET", path, &authorization, String::new()).await.0, 404);
    assert_eq!(outside::get(agents, path).await.0, 401);
    program.line(&["\"request refused\"", "\"actor.id\":\"ana\""]).await;

    // An operator's change; a configuration with a mistake, and one that needs a restart.
    let invalidated = json!({ "tenant": "default", "user": "ana" }).to_string();
    assert_eq!(outside::send(ops, "POST", "/v1/grants/invalidate", invalidated).await.0, 200);
    let main = setup.read("headgate.toml");
    setup.write("headgate.toml", &main.replace("backoff_min", "backof_min"));
    program.line(&["config.mistake"]).await;
    setup.write("headgate.toml", &main.replace("disk_free_min = \"1MiB\"", "disk_free_min = \"2MiB\""));
    program.line(&["\"the configuration was changed\""]).await;
    program.signal(Signal::TERM);
    let (status, written) = program.ended().await;
    assert!(status.success(), "{written}");

    let documented = documented();
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    for line in written.lines() {
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else { panic!("no JSON object: {line}") };
        for field in ALWAYS {
            assert!(fields.get(field).is_some_and(Value::is_string), "no `{field}`: {line}");
        }
        let target = fields["target"].as_str().unwrap();
        if target != "audit" && !target.starts_with("headgate::") {
            continue;
        }
        for field in fields.keys().filter(|field| !ALWAYS.contains(&field.as_str())) {
            assert!(documented.contains(field), "`{field}` is not in docs/operations.md: {line}");
        }
        seen.entry(fields["message"].as_str().unwrap().to_owned()).or_insert_with(|| json!(fields));
    }
    for private in
        ["491701234567", "Mara", "Ines", "Tomas", "blue one", "return my order", "customer.example"]
            .into_iter()
            .chain([samples::META_APP_SECRET, samples::TELEGRAM_SECRET, &key.key])
    {
        assert!(!written.contains(private), "`{private}` is in the log:\n{written}");
    }

    for (message, level, holds) in [
        ("listening", "INFO", "listener.name listener.address"),
        ("webhook taken", "DEBUG", "endpoint.id"),
        ("webhook refused", "DEBUG", "endpoint.id webhook.outcome"),
        ("verified body cannot be read", "WARN", "endpoint.id webhook.expected"),
        (
            "the backend did not take a delivery",
            "INFO",
            "backend.id conversation.id spool.sequence delivery.attempt delivery.outcome http.status",
        ),
        (
            "the backend's answer asks for something that cannot be followed",
            "WARN",
            "backend.id tenant.id answer.header ignored.reason",
        ),
        (
            "given up: the unit is now a dead letter",
            "WARN",
            "backend.id event.id spool.sequence death.reason",
        ),
        ("request refused", "DEBUG", "decision.id decision.outcome deny.reason http.status"),
        ("an operator's change", "INFO", "actor.id audit.action audit.object audit.outcome"),
        ("the configuration was not changed", "ERROR", "config.mistake"),
        ("changed in the configuration, but needs a restart", "WARN", "config.needs_restart"),
        ("the configuration was changed", "INFO", "config.version config.hash"),
        ("stopping", "INFO", ""),
    ] {
        let line = seen.get(message).unwrap_or_else(|| panic!("no line `{message}` in\n{written}"));
        assert_eq!(line["level"], level, "{message}");
        for field in holds.split_whitespace() {
            assert!(!line[field].is_null(), "no `{field}`: {line}");
        }
    }

    // The decision log has the fields that are told beside the list.
    let records = fs::read_to_string(setup.path().join("decisions.jsonl")).unwrap();
    let documentation = documentation();
    let (_list, told) = documentation.split_once("\nThe decision log").unwrap();
    let (_which, told) = told.split_once("with the fields").unwrap();
    let told: BTreeSet<String> = named(told).into_iter().collect();
    assert!(!records.is_empty());
    for record in records.lines() {
        let Ok(Value::Object(fields)) = serde_json::from_str(record) else {
            panic!("no JSON object: {record}")
        };
        assert_eq!(fields.keys().cloned().collect::<BTreeSet<_>>(), told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_told_with_its_causes() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let setup = world.setup().edit("headgate.toml", |text| text.replacen("127.0.0.1:0", &address, 1));
    let (status, said) = Program::start(setup.command("serve")).ended().await;
    assert_eq!(status.code(), Some(1), "{said}");
    let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(line["message"], "could not start");
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("could not open the listener `hooks`: "), "{error}");
    assert!(error.contains("Address already in use"), "{error}");
}
