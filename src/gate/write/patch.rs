//! JSON Patch (RFC 6902).

use serde_json::Value;

use super::fields::{Fields, Way};
use crate::gate::body::UnfitBody;

/// What the operations of a patch write and read. `add`, `replace` and `remove` write what they name, as a whole.
/// `copy` and `move` write without telling what, and read where it comes from. `test` reads: whether the patch goes
/// through tells the value.
///
/// # Errors
/// [`UnfitBody::Patch`] if it is no patch, has an operation on the whole, a name that is empty, or a member that the operation
/// does not have; [`UnfitBody::TooMany`].
pub fn fields(patch: &Value) -> Result<Fields, UnfitBody> {
    let mut fields = Fields::default();
    for operation in patch.as_array().ok_or(UnfitBody::Patch)? {
        self::operation(operation, &mut fields)?;
    }
    Ok(fields)
}

fn operation(operation: &Value, fields: &mut Fields) -> Result<(), UnfitBody> {
    let members = operation.as_object().ok_or(UnfitBody::Patch)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str).ok_or(UnfitBody::Patch);
    let value = || members.get("value").ok_or(UnfitBody::Patch);
    let has = |names: &[&str]| {
        let all = members.len() == names.len() && names.iter().all(|name| members.contains_key(*name));
        if all { Ok(()) } else { Err(UnfitBody::Patch) }
    };
    let mut path = way(text("path")?)?;
    match text("op")? {
        "add" | "replace" => {
            has(&["op", "path", "value"])?;
            set(&mut path, value()?, fields)
        }
        "remove" => {
            has(&["op", "path"])?;
            fields.put(&path, Value::Null)
        }
        "test" => {
            has(&["op", "path", "value"])?;
            fields.ask(&path)
        }
        op @ ("copy" | "move") => {
            has(&["op", "path", "from"])?;
            let from = way(text("from")?)?;
            fields.ask(&from)?;
            if op == "move" {
                fields.put(&from, Value::Null)?;
            }
            fields.put_unknown(&path)
        }
        _ => Err(UnfitBody::Patch),
    }
}

/// A value takes the place of what was there, and what is in it is written as well. An object without members is nothing to who
/// merges; here it leaves nothing of what was there.
fn set(path: &mut Way, value: &Value, fields: &mut Fields) -> Result<(), UnfitBody> {
    fields.put_all(path, value)?;
    match value {
        Value::Object(members) if members.is_empty() => fields.put(path, Value::Null),
        value if !fields.writes(path) => fields.put(path, value.clone()),
        _ => Ok(()),
    }
}

/// The names of a pointer (RFC 6901); that of the whole is not taken, nor an empty name, which some readers pass over: to them `/` is
/// the whole as well.
fn way(pointer: &str) -> Result<Way, UnfitBody> {
    let steps = pointer.strip_prefix('/').ok_or(UnfitBody::Patch)?.split('/');
    let name = |step: &str| {
        let escaped = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        (escaped && !step.is_empty()).then(|| step.replace("~1", "/").replace("~0", "~"))
    };
    steps.map(name).collect::<Option<Way>>().ok_or(UnfitBody::Patch)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_names_what_it_writes_and_what_it_reads() {
        for (operation, written, read) in [
            (json!({"op": "add", "path": "/a", "value": 1}), &["a"][..], &[][..]),
            (json!({"op": "replace", "path": "/a/b~1c", "value": {"d": 1}}), &["a.b/c", "a.b/c.d"], &[]),
            (json!({"op": "add", "path": "/labels/-", "value": "x"}), &["labels.-"], &[]),
            (json!({"op": "remove", "path": "/a"}), &["a"], &[]),
            (json!({"op": "test", "path": "/a/b", "value": 1}), &[], &["a.b"]),
            (json!({"op": "copy", "from": "/a", "path": "/b"}), &["b"], &["a"]),
            (json!({"op": "move", "from": "/a", "path": "/b"}), &["a", "b"], &["a"]),
        ] {
            let fields = fields(&json!([operation])).unwrap();
            let names = |ways: Vec<&Way>| ways.iter().map(|way| way.join(".")).collect::<Vec<_>>();
            assert_eq!(names(fields.written().map(|(way, _)| way).collect()), written, "{operation}");
            assert_eq!(names(fields.read().collect()), read, "{operation}");
        }
    }

    #[test]
    fn an_empty_object_in_place_of_another_is_not_nothing() {
        let fields = fields(&json!([{"op": "add", "path": "/a", "value": {}}])).unwrap();
        assert!(fields.written().all(|(_, given)| !given.is_nothing()));
    }

    #[test]
    fn what_is_no_patch_of_fields_is_not_taken() {
        for patch in [
            json!({"op": "add", "path": "/a", "value": 1}),
            json!([1]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "add", "path": "", "value": {}}]),
            json!([{"op": "test", "path": "", "value": {}}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!([{"op": "add", "path": "/a~2", "value": 1}]),
            json!([{"op": "add", "path": "/", "value": {}}]),
            json!([{"op": "remove", "path": "//a"}]),
            json!([{"op": "copy", "path": "/a", "from": "/b/"}]),
            json!([{"op": "Add", "path": "/a", "value": 1}]),
            json!([{"op": "add", "path": "/a", "value": 1, "from": "/b"}]),
            json!([{"op": "copy", "path": "/a", "from": ""}]),
            json!([{"op": "copy", "path": "/a", "from": "/b", "value": 1}]),
            json!([{"path": "/a", "value": 1}]),
        ] {
            assert_eq!(fields(&patch), Err(UnfitBody::Patch), "{patch}");
        }
    }
}
