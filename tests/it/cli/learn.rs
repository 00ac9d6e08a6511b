//! `learn`, from answers that were written for it.

use std::{fs, io::Write as _, process::Stdio};

use headgate::{config::Config, ids::TenantId};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Command, Folder, Said, headgate};

/// Answers in files, one each.
fn recorded(answers: &[Value]) -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let written = answers.iter().enumerate().map(|(number, answer)| {
        let path = folder.path().join(format!("{number}.json"));
        fs::write(&path, answer.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let paths = written.collect();
    (folder, paths)
}

fn learn(arguments: &[&str], answers: &[Value]) -> Said {
    let (_folder, files) = recorded(answers);
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    headgate(&[&["learn"], arguments, &files].concat())
}

/// Two pages of a list. Every value that must not be repeated has `CANARY` in it.
fn pages() -> [Value; 2] {
    [
        json!({"data": {"meta": {"all_count": 3}, "payload": [
            {
                "id": 1, "uuid": "6f1ab6c2-7a39-4a54-8c14-5f0f8a2f7c11", "status": "open", "priority": null,
                "unread": 2, "score": 0.5, "muted": false, "labels": ["CANARY-label"],
                "meta": {
                    "channel": "Channel::Api",
                    "sender": {"id": 7, "name": "CANARY", "phone_number": "+49 170 1234567"},
                    "assignee": {"id": 3, "name": "CANARY"},
                    "team": {"id": 2},
                },
                "assignee_id": 3,
                "messages": [{"id": 11, "content": "CANARY"}],
                "custom_attributes": {"vip": "CANARY", "4711": "CANARY", "mara@CANARY.example": "CANARY"},
                "counts_by_label": {"1001": 1, "1002": 2},
                "note": "write to CANARY@shop.example or see https://shop.example/CANARY",
                "thumbnail": "", "reference": "0170-1234567", "session_key": "x",
                "participants": [{"id": 3}, {"id": 4}],
            },
            {"id": 2, "status": "CANARY", "meta": {"channel": "Channel::Email"}, "muted": true, "extra": {}},
        ]}}),
        json!({"data": {"payload": [{"id": "3", "status": "open", "meta": {}, "labels": []}]}}),
    ]
}

#[test]
fn an_entity_is_drafted_from_answers_and_no_value_is_in_it() {
    let said = learn(&["--entity", "conversation", "--at", "/data/payload/*"], &pages());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(!said.out.contains("CANARY") && !said.out.contains("4711"), "{}", said.out);
    assert_snapshot!(said.out);
    assert_eq!(said.out, learn(&["--entity", "conversation", "--at", "/data/payload/*"], &pages()).out);
}

#[test]
fn a_number_that_looks_like_a_phone_number_is_commented_out() {
    let answers = [json!({
        "id": 4711, "contact_no": 491_701_234_567_u64, "dial": 491_701_234_567.0, "of": {"line": 491_701_234_567_u64},
        "reach": [7, 491_701_234_567_u64], "seen_at": 491_701_234_567_u64,
        "price": 12_500_000, "bytes": 1_234_567_890_123_456_u64, "share": 491_701_234.5, "balance": -491_701_234_567_i64,
        "created_at": 1_767_225_600, "updatedAt": 1_767_225_600_000_u64, "timestamp": 1_767_225_600, "expires": 1_767_225_600,
    })];
    let said = learn(&["--entity", "x"], &answers);
    assert!(!said.out.contains("491701234567"), "{}", said.out);
    let phones: Vec<_> =
        said.out.lines().filter(|line| line.contains("; looks like a phone number")).collect();
    assert!(phones.iter().all(|line| line.starts_with("  # \"")), "{}", said.out);
    let names: Vec<_> = phones.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(names, ["contact_no", "dial", "of.line", "reach", "seen_at"], "{}", said.out);
}

const HEADGATE: &str = r#"
[listener.agents]
address = "127.0.0.1:0"
[store]
path = "data"
[backend.chat]
urls = ["http://127.0.0.1:1/events"]
keys = ["whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI="]
api = ["http://127.0.0.1:1"]
"#;

const ROUTE: &str = r#"
[[route]]
match = "GET /conversations"
entity = "conversation"
action = "view"
items = "/data/payload"
"#;

#[test]
fn a_draft_loads_and_passes_what_is_not_commented_out() {
    let said = learn(&["--entity", "conversation", "--at", "/data/payload/*"], &pages());
    let folder = Folder::new();
    fs::write(folder.path().join("headgate.toml"), HEADGATE).unwrap();
    folder.write("routes.toml", &format!("backend = 'chat'\n{}{ROUTE}", said.out));
    let loaded = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let routes = loaded.config.tenants[&TenantId::new("default")].routes.clone().unwrap();
    let entity = routes.entities.iter().find(|entity| entity.name == "conversation").unwrap();
    let passing = [
        "id",
        "uuid",
        "status",
        "unread",
        "score",
        "muted",
        "labels",
        "meta.channel",
        "custom_attributes.vip",
    ];
    assert_eq!(entity.fields, passing);
}

#[test]
fn what_is_commented_out_of_a_draft_can_be_taken_in() {
    let said = learn(&["--entity", "conversation", "--at", "/data/payload/*"], &pages());
    let folder = Folder::new();
    fs::write(folder.path().join("headgate.toml"), HEADGATE).unwrap();
    let all: String = said.out.lines().map(|line| line.replacen("  # \"", "  \"", 1) + "\n").collect();
    let all = all.replace("# nested = ", "nested = ").replace("# id = \"/id\"", "id = \"/id\"");
    let all = all.replace("# responsible = \"/assignee_id\"", "responsible = \"/assignee_id\"");
    let others = ["sender", "assignee", "team", "message", "participant"]
        .map(|name| format!("[entity.{name}]\n"))
        .concat();
    folder.write("routes.toml", &format!("backend = 'chat'\n{all}{others}{ROUTE}"));
    let loaded = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let routes = loaded.config.tenants[&TenantId::new("default")].routes.clone().unwrap();
    let entity = routes.entities.iter().find(|entity| entity.name == "conversation").unwrap();
    assert!(
        entity.fields.contains(&"counts_by_label".to_owned()) && entity.nested.contains_key("/meta/sender")
    );
}

#[test]
fn answers_are_read_from_json_lines_and_the_standard_input_too() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headgate"));
    command.args(["learn", "--entity", "tag", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = "{\"id\": 1, \"name\": \"a\"}\n{\"id\": 2}\n[{\"id\": 3}, null]\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(out.contains("# whole number, in 3 of 3") && out.contains("# text, in 1 of 3"), "{out}");
}

#[test]
fn what_cannot_be_learned_from_is_told_without_its_values_and_exits_with_2() {
    let said = learn(&["--entity", "x", "--at", "/payload/*"], &[json!({"data": "CANARY"})]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert_eq!(said.err, "no object stands where `--at` leads in what was read: 1 answer\n");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.json");
    fs::write(&file, "{\"id\": CANARY}").unwrap();
    let said = headgate(&["learn", "--entity", "x", file.to_str().unwrap()]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("line 1, column 8") && !said.err.contains("CANARY"), "{}", said.err);

    assert_eq!(headgate(&["learn", "--entity", "x", "/no/such/file"]).code, 2);
    assert_eq!(headgate(&["learn", "--entity", "a.b"]).code, 2);
    assert_eq!(headgate(&["learn", "--entity", "x", "--at", "data"]).code, 2);
}

#[test]
fn a_declared_entity_is_compared_with_what_was_seen() {
    let folder = Folder::new();
    folder.write(
        "routes.toml",
        "[entity.conversation]\nfields = ['id', 'status', 'meta.channel', 'meta.gone', 'labels', 'custom_attributes']\n\
         nested = { '/meta/sender' = 'contact', '/messages/*' = 'message', '/inbox' = 'inbox' }\n",
    );
    let against = folder.path().to_str().unwrap();
    let compare = ["--entity", "conversation", "--at", "/data/payload/*", "--against", against];
    let said = learn(&compare, &pages());
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    assert_snapshot!(said.out);

    folder.write("routes.toml", "[entity.conversation]\nfields = ['*']\n");
    let said = learn(&compare, &pages());
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "3 objects, with what `conversation` declares and nothing else\n")
    );

    let said = learn(&["--entity", "lead", "--against", against], &pages());
    assert_eq!((said.code, said.err.as_str()), (2, "the tenant `default` declares no entity `lead`\n"));
}

#[test]
fn an_entity_is_compared_as_it_is_served_with_what_a_preset_declares_of_it() {
    let folder = Folder::new();
    folder.write("routes.toml", "use = ['crm-v4']\nbackend = 'crm'\n");
    let against = folder.path().to_str().unwrap().to_owned();
    let answers = [json!({"id": 1, "text": "call", "price": 7, "secret": 2})];
    let seen = |entity: &str| learn(&["--entity", entity, "--against", &against], &answers);
    let task = seen("task");
    assert_eq!((task.code, task.err.as_str()), (1, ""));
    assert!(task.out.contains("seen, would be removed \"secret\", in 1 of 1"), "{}", task.out);
    assert!(
        task.out.contains("seen, would be removed \"price\"") && !task.out.contains("\"text\""),
        "{}",
        task.out
    );
    // What the tenant's own file says of it counts.
    folder.write(
        "routes.toml",
        "use = ['crm-v4']\nbackend = 'crm'\n[entity.task]\nfields = ['id', 'text', 'price', 'secret']\n",
    );
    assert_eq!((seen("task").code, seen("task").out.lines().count()), (0, 1));
    // A mistake in the file is told, and nothing is compared.
    folder.write("routes.toml", "use = ['crm-v5']\n");
    let said = seen("task");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("crm-v5") && said.err.contains("routes.toml"), "{}", said.err);
}

#[test]
fn an_object_with_more_fields_than_a_kind_of_object_has_is_learned_up_to_the_limit() {
    let many: serde_json::Map<_, _> = (0..5000).map(|n| (format!("f{n}"), Value::from(n))).collect();
    let said = learn(&["--entity", "x"], &[Value::Object(many)]);
    assert!(
        said.out.contains("# There are more than 4096 fields: 904 members are not told below."),
        "{}",
        said.err
    );
    assert_eq!(said.out.lines().filter(|line| line.starts_with("  \"f")).count(), 4096);
}
