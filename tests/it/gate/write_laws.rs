//! The law of writes, over made-up bodies: what passes names only fields that may be written, by a reading that is
//! as plain as it is generous.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use super::{
    backend::Asked,
    writes::{self, FORM, JSON, MERGE, PATCH},
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

/// `a[b][]=1&…`.
fn form() -> impl Strategy<Value = String> {
    let step = prop_oneof![name(), Just(String::new())];
    let field = (name(), proptest::collection::vec(step, 0..3)).prop_map(|(first, steps)| {
        let first = first.replace("\\u005f", "%5F");
        steps.iter().fold(first, |name, step| format!("{name}[{}]", step.replace("\\u005f", "_"))) + "=1"
    });
    proptest::collection::vec(field, 0..3).prop_map(|fields| fields.join("&"))
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
    let names = form_urlencoded::parse(text.as_bytes());
    names
        .map(|(name, _)| name.split(['[', ']']).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        .collect()
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
    let mut passed = [0, 0];
    for _ in 0..600 {
        let write = write().new_tree(&mut runner).unwrap().current();
        for (at, route) in ["open", "guarded"].into_iter().enumerate() {
            let before = world.backend.seen().len();
            let line = format!("PATCH /{route}/contacts/501?{}", write.query);
            let (answer, reached) = world.typed(&line, write.media, &write.body).await;
            if !reached {
                assert!(matches!(answer.status, 400 | 403), "{write:?}: {answer:?}");
                continue;
            }
            passed[at] += 1;
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
    assert!(passed.iter().all(|count| *count > 20), "{passed:?} of the bodies were taken at all");
}
