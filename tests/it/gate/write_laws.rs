//! The law of writes, over made-up bodies: what passes names only fields that may be written, by a reading that is
//! as plain as it is generous.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use super::{
    backend::Asked,
    writes::{self, FORM, JSON, MERGE, MULTIPART, PATCH},
};

/// What may be written on the route that lists it.
const LISTED: [&str; 6] = ["name", "phone_number", "custom_attributes.plan", "id", "account_id", "version"];

const NAMES: [&str; 12] = [
    "name",
    "phone_number",
    "custom_attributes",
    "plan",
    "contact",
    "0",
    "Name",
    "contact[phone_number]",
    "custom_attributes.plan",
    "version",
    "phone\\u005fnumber",
    "labels",
];

/// A body of a media type, and a query.
#[derive(Clone, Debug)]
struct Write {
    media: &'static str,
    body: String,
    query: String,
}

fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

/// JSON text, in which names may be escaped or stand twice.
fn object() -> impl Strategy<Value = String> {
    let leaf =
        proptest::sample::select(&["1", "null", "\"x\"", "[]", "{}", "[1,2]"][..]).prop_map(str::to_owned);
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec((name(), inner.clone()), 1..3).prop_map(|all| members(&all)),
            proptest::collection::vec(inner, 1..3).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    });
    proptest::collection::vec((name(), value), 1..3).prop_map(|all| members(&all))
}

fn members(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// `a[b][]`.
fn way() -> impl Strategy<Value = String> {
    let step = prop_oneof![name(), Just(String::new())];
    (name(), proptest::collection::vec(step, 0..3)).prop_map(|(first, steps)| {
        let first = first.replace("\\u005f", "%5F");
        steps.iter().fold(first, |name, step| format!("{name}[{}]", step.replace("\\u005f", "_")))
    })
}

/// `a[b][]=1&…`.
fn form() -> impl Strategy<Value = String> {
    proptest::collection::vec(way(), 0..3).prop_map(|ways| {
        let fields: Vec<_> = ways.iter().map(|way| format!("{way}=1")).collect();
        fields.join("&")
    })
}

/// Parts as everybody writes them, and as only some read them.
fn multipart() -> impl Strategy<Value = String> {
    let usual = proptest::sample::select(&["name", "version", "custom_attributes[plan]"][..]);
    let way = prop_oneof![way(), usual.prop_map(str::to_owned)];
    let part = (way, 0..16_u8).prop_map(|(way, sort)| {
        let head = match sort {
            0 => format!("; name={way}"),
            1 => format!("; name='{way}'"),
            2 => format!("; name=\"name\"; name=\"{way}\""),
            3 => format!("; name=\"name\"; name*=utf-8''{way}"),
            4 => format!("; name=\"name\"; filename=\"a; name={way}\""),
            5 => format!("; name=\"name\"; filename=\"a\\\"; name=\"{way}\""),
            6 => format!(";\r\n name=\"{way}\""),
            7 => format!("; name=\"name\"\r\nContent-Disposition: form-data; name=\"{way}\""),
            8 => format!("; name=\"name\"\r\n\r\n1\n--xYz\nContent-Disposition: form-data; name=\"{way}\""),
            9 | 10 => format!("; name=\"{way}\"; filename=\"a\"\r\nContent-Type: text/csv"),
            _ => format!("; name=\"{way}\""),
        };
        format!("--xYz\r\nContent-Disposition: form-data{head}\r\n\r\n1\r\n")
    });
    proptest::collection::vec(part, 1..3).prop_map(|parts| parts.concat() + "--xYz--\r\n")
}

fn patch() -> impl Strategy<Value = String> {
    let pointer =
        || proptest::collection::vec(name(), 1..3).prop_map(|steps| format!("/{}", steps.join("/")));
    let operation = (0..6_u8, pointer(), pointer(), object()).prop_map(|(op, path, from, value)| match op {
        0 => format!(r#"{{"op":"add","path":"{path}","value":{value}}}"#),
        1 => format!(r#"{{"op":"replace","path":"{path}","value":1}}"#),
        2 => format!(r#"{{"op":"remove","path":"{path}"}}"#),
        3 => format!(r#"{{"op":"test","path":"{path}","value":1}}"#),
        4 => format!(r#"{{"op":"copy","path":"{path}","from":"{from}"}}"#),
        _ => format!(r#"{{"op":"move","path":"{path}","from":"{from}"}}"#),
    });
    proptest::collection::vec(operation, 1..3).prop_map(|operations| format!("[{}]", operations.join(",")))
}

fn write() -> impl Strategy<Value = Write> {
    let body = prop_oneof![
        object().prop_map(|body| (JSON, body)),
        object().prop_map(|body| (MERGE, body)),
        form().prop_map(|body| (FORM, body)),
        patch().prop_map(|body| (PATCH, body)),
        multipart().prop_map(|body| (MULTIPART, body)),
    ];
    let query = prop_oneof![3 => Just(String::new()), 1 => form()];
    (body, query).prop_map(|((media, body), query)| Write { media, body, query })
}

/// Every field that some backend could find in a request: all its names, with those that lead there.
fn named(asked: &Asked) -> Vec<Vec<String>> {
    let media = asked.all("content-type")[0].to_owned();
    let mut fields = of_form(asked.target.split_once('?').map_or("", |(_, query)| query));
    match media.as_str() {
        FORM => fields.extend(of_form(&asked.body)),
        MULTIPART => fields.extend(of_multipart(&asked.body)),
        PATCH => {
            let operations: Vec<Value> = serde_json::from_str(&asked.body).unwrap();
            for operation in &operations {
                for pointer in ["path", "from"].into_iter().filter_map(|name| operation[name].as_str()) {
                    let way: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
                    fields.push(way.clone());
                    if let Some(value @ Value::Object(_)) = operation.get("value") {
                        of_value(value, &way, &mut fields);
                    }
                }
            }
        }
        _ => of_value(&serde_json::from_str(&asked.body).unwrap(), &[], &mut fields),
    }
    fields
}

fn of_form(text: &str) -> Vec<Vec<String>> {
    form_urlencoded::parse(text.as_bytes()).map(|(name, _)| steps(&name)).collect()
}

/// Whatever stands behind `name=`, wherever that is.
fn of_multipart(text: &str) -> Vec<Vec<String>> {
    let name = |(at, key): (usize, &str)| {
        let after = text.split_at(at + key.len()).1.trim_start_matches('*').strip_prefix('=')?;
        let value = after.trim_start_matches("utf-8''").trim_start_matches(['"', '\'']);
        let name = value.split(['"', '\'', ';', '\r', '\n']).next().unwrap();
        let is_of_a_file = text.split_at(at).0.ends_with("file");
        (!is_of_a_file).then(|| steps(&percent_decode_str(name).decode_utf8_lossy()))
    };
    text.match_indices("name").filter_map(name).collect()
}

/// The steps of `a[b][]`.
fn steps(name: &str) -> Vec<String> {
    name.split(['[', ']']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn of_value(value: &Value, way: &[String], fields: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                of_value(value, &[way, std::slice::from_ref(name)].concat(), fields);
            }
        }
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|item| of_value(item, way, fields)),
        _ if way.is_empty() => {}
        _ => fields.push(way.to_vec()),
    }
}

#[tokio::test]
async fn what_passes_names_only_what_may_be_written() {
    let rates = ["actor", "tenant", "address"]
        .map(|who| format!("{who} = {{ per_second = 100000, burst = 100000 }}\n"));
    let world = writes::setup().headgate(&format!("[gate.rate]\n{}", rates.concat())).start().await;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let mut passed: BTreeMap<_, usize> = BTreeMap::new();
    for _ in 0..800 {
        let write = write().new_tree(&mut runner).unwrap().current();
        for route in ["open", "guarded"] {
            let before = world.backend.seen().len();
            let line = format!("PATCH /{route}/contacts/501?{}", write.query);
            let (answer, reached) = world.typed(&line, write.media, &write.body).await;
            if !reached {
                assert!(matches!(answer.status, 400 | 403), "{write:?}: {answer:?}");
                continue;
            }
            *passed.entry((route, write.media)).or_default() += 1;
            let asked =
                world.backend.seen().into_iter().skip(before).find(|asked| asked.method == "PATCH").unwrap();
            assert_eq!(asked.body, write.body, "as it was sent");
            for field in named(&asked) {
                assert!(!field.iter().any(|name| name.contains("phone_number")), "{write:?} on {route}");
                let without: Vec<_> = field.iter().filter(|name| *name != "0").cloned().collect();
                let is_listed = [&field, &without].iter().any(|way| LISTED.contains(&way.join(".").as_str()));
                assert!(route == "open" || is_listed, "{write:?} writes {field:?}");
            }
        }
    }
    for route in ["open", "guarded"] {
        for media in [JSON, MERGE, FORM, PATCH, MULTIPART] {
            let taken = passed.get(&(route, media)).copied().unwrap_or_default();
            assert!(taken > 5, "{taken} of the {media} bodies were taken on {route} at all");
        }
    }
}
