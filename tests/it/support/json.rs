//! JSON in property tests.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A JSON value of any shape.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop_oneof![Just("message"), Just("follow"), Just("private"), Just("-1:2"), Just("")]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("type|id|chat|source|message|data|[a-z]{1,4}", inner, 0..4)
                .prop_map(|members| json!(members)),
        ]
    })
}
