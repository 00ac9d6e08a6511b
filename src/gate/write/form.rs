//! Forms and queries: names with brackets, as Rails and PHP read them.
//!
//! Backends fold names that they find strange: PHP makes `_` of a dot, a space or a bracket without its other half, and
//! cuts off what stands before a name. A name that anybody could fold into another one is not taken.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{Fields, Way};
use crate::gate::body::{FIELD_BYTES_MAX, FIELD_STEPS_MAX, FIELDS_MAX, UnfitBody};

/// The fields of a form in `application/x-www-form-urlencoded`, or of a query.
///
/// # Errors
/// [`UnfitBody::Form`] if a name stands twice, is the beginning of another one, or can be read in two ways, or if the
/// text is not encoded well; [`UnfitBody::Steering`] and [`UnfitBody::TooMany`].
pub fn fields(text: &[u8]) -> Result<Fields, UnfitBody> {
    if !is_sound(text) {
        return Err(UnfitBody::Form);
    }
    let mut names = Names::default();
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (pair.get(..at), pair.get(at + 1..)),
            None => (Some(pair), None),
        };
        let name = decoded(name.unwrap_or_default())?;
        names.add(&name, Some(decoded(value.unwrap_or_default())?))?;
    }
    names.fields()
}

/// The names of a form, each of which stands once, or is a list.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<Way, Named>);

/// What a form has under one name.
#[derive(Debug, Default)]
struct Named {
    is_list: bool,
    values: Vec<Value>,
    has_file: bool,
}

impl Names {
    /// One more, with its text. Without one it is a file: whether its content is a text as well depends on who reads it.
    pub(super) fn add(&mut self, name: &str, text: Option<String>) -> Result<(), UnfitBody> {
        if self.0.len() >= FIELDS_MAX || name.len() > FIELD_BYTES_MAX {
            return Err(UnfitBody::TooMany);
        }
        if name.matches('[').count() >= FIELD_STEPS_MAX {
            return Err(UnfitBody::TooDeep);
        }
        let (way, is_list) = way(name).ok_or(UnfitBody::Form)?;
        let inside = self.0.range(way.clone()..).find(|(other, _)| **other != way);
        let outside =
            (1..way.len()).any(|end| way.get(..end).is_some_and(|outer| self.0.contains_key(outer)));
        if outside || inside.is_some_and(|(other, _)| other.starts_with(&way)) {
            return Err(UnfitBody::Form);
        }
        let named = self.0.entry(way).or_insert(Named { is_list, ..Named::default() });
        let again = !named.values.is_empty();
        if again && (!is_list || !named.is_list) {
            return Err(UnfitBody::Form);
        }
        named.has_file |= text.is_none();
        named.values.push(text.map_or(Value::Null, Value::String));
        Ok(())
    }

    pub(super) fn fields(self) -> Result<Fields, UnfitBody> {
        let mut fields = Fields::default();
        for (way, Named { is_list, mut values, has_file }) in self.0 {
            let value = if is_list { Value::Array(values) } else { values.pop().unwrap_or_default() };
            fields.put(&way, value)?;
            if has_file {
                fields.put_unknown(&way)?;
            }
        }
        Ok(fields)
    }
}

/// `contact[custom][budget]` as the names that it is made of, and whether it is one of a list: `ids[]`,
/// `items[][name]`.
fn way(name: &str) -> Option<(Way, bool)> {
    let Some((first, rest)) = name.split_once('[') else {
        return is_plain(name).then(|| (vec![name.to_owned()], false));
    };
    let mut way = vec![first];
    way.extend(rest.strip_suffix(']')?.split("]["));
    let is_list = way.iter().skip(1).any(|step| step.is_empty());
    let sound = is_plain(first) && way.iter().skip(1).all(|step| step.is_empty() || is_plain(step));
    sound.then(|| (way.into_iter().filter(|step| !step.is_empty()).map(str::to_owned).collect(), is_list))
}

/// A name that nobody reads as another one.
fn is_plain(name: &str) -> bool {
    let strange = |c: char| c.is_control() || c.is_whitespace() || "[].;%\"\\'".contains(c);
    !name.is_empty() && !name.contains(strange)
}

/// Whether every encoding is whole and nothing stands there that needs one. Some backends take `;` for `&`.
fn is_sound(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let mut hex = || bytes.next().is_some_and(u8::is_ascii_hexdigit);
        let sound = match byte {
            b'%' => hex() && hex(),
            b';' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !sound {
            return false;
        }
    }
    true
}

fn decoded(text: &[u8]) -> Result<String, UnfitBody> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded = percent_encoding::percent_decode(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_not_utf8| UnfitBody::Form)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_with_brackets_lead_into_objects_and_lists() {
        for (text, expected) in [
            ("a=1&b=", json!({"a": "1", "b": ""})),
            (
                "contact[phone_number]=%2B1&contact%5Bname%5D=x+y",
                json!({"contact": {"phone_number": "+1", "name": "x y"}}),
            ),
            ("custom[a][b]=1", json!({"custom": {"a": {"b": "1"}}})),
            ("ids[]=1&ids[]=2", json!({"ids": ["1", "2"]})),
            ("items[][name]=1&items[][name]=2", json!({"items": {"name": ["1", "2"]}})),
            ("&a&", json!({"a": ""})),
            ("", json!({})),
        ] {
            assert_eq!(fields(text.as_bytes()).map(|fields| fields.tree()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_taken() {
        for text in [
            "a=1&a=2",
            "a=1&%61=2",
            "a[]=1&a=2",
            "a=1&a[]=2",
            "a=1&a[b]=2",
            "a[b]=2&a=1",
            "a[b][c]=2&a[b]=1",
            "a[b]=1&a[b]=2",
            "a;b=1",
            "a=1;b=2",
            "a.b=1",
            "a b=1",
            "+a=1",
            "a%20b=1",
            "a[b=1",
            "a]b=1",
            "a[b]c=1",
            "a[b][=1",
            "[a]=1",
            "=1",
            "a[%5Bb]=1",
            "a%00=1",
            "a=%zz",
            "a=%c0%af",
            "a=%",
            "a=\n",
            "a=\u{e9}",
        ] {
            assert_eq!(fields(text.as_bytes()), Err(UnfitBody::Form), "{text}");
        }
    }

    #[test]
    fn names_have_a_limit() {
        let many: String = (0..=FIELDS_MAX).map(|n| format!("a{n}&")).collect();
        assert_eq!(fields(many.as_bytes()), Err(UnfitBody::TooMany));
    }
}
