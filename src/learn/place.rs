//! Where the objects stand in an answer.

use serde_json::{Map, Value};

/// A JSON pointer (RFC 6901) in which `*` stands for each item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Vec<String>);

/// A text that is no [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a JSON pointer in which `*` is each item of a list, such as `/data/payload/*`")]
pub struct NotAPlace;

impl std::str::FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let steps = text.strip_prefix('/').ok_or(NotAPlace)?.split('/');
        let sound = |step: &str| step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        steps
            .map(|step| sound(step).then(|| step.replace("~1", "/").replace("~0", "~")).ok_or(NotAPlace))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Place {
    /// The objects of an answer that stand there, in their order. A list at the end of the way is looked through.
    #[must_use]
    pub fn objects<'v>(&self, answer: &'v Value) -> Vec<&'v Map<String, Value>> {
        let mut here = vec![answer];
        for step in &self.0 {
            here = here
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(items) if step == "*" => items.iter().collect(),
                    Value::Object(members) => members.get(step).into_iter().collect(),
                    _ => Vec::new(),
                })
                .collect();
        }
        let items = |value: &'v Value| match value {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        };
        here.into_iter().flat_map(items).filter_map(Value::as_object).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_where_the_pointer_leads() {
        let answer = serde_json::json!({"data": {"payload": [{"id": 1}, null, {"id": 2}], "a/b": {"id": 3}}});
        for (place, found) in [
            ("/data/payload/*", 2),
            ("/data/payload", 2),
            ("/data/a~1b", 1),
            ("", 1),
            ("/data/none", 0),
            ("/*", 0),
        ] {
            assert_eq!(place.parse::<Place>().unwrap().objects(&answer).len(), found, "{place}");
        }
        for text in ["data", "/a~2", "*"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}
