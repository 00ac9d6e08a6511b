//! The documentation of the configuration files, from their schemas.

use std::fmt::Write;

use serde_json::Value;

use super::schema::{FileKind, choices, format_words};

/// What stands before the files: what holds in all of them.
const INTRODUCTION: &str = include_str!("introduction.md");

/// The documentation of all files, as in `docs/config.md`.
#[must_use]
pub fn all() -> String {
    FileKind::ALL.into_iter().fold(INTRODUCTION.to_owned(), |mut text, kind| {
        text.push('\n');
        text.push_str(&file(kind));
        text
    })
}

/// The documentation of one file.
#[must_use]
pub fn file(kind: FileKind) -> String {
    let mut text = format!("## `{}`\n\n", kind.place());
    let schema = kind.schema();
    let _infallible = writeln!(text, "{}", description(&schema));
    keys(&mut text, "", &schema);
    text
}

/// A table of the keys of `schema`, then a section for each key that is itself a table.
fn keys(text: &mut String, path: &str, schema: &Value) {
    let empty = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut tables = Vec::new();
    let mut rows = String::new();
    for (key, value) in properties {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Some(inner) = values_of_map(value).filter(|inner| is_table(inner)) {
            tables.push((format!("{path}.NAME"), format!("[{path}.NAME]"), inner, Some(value)));
        } else if is_table(value) {
            tables.push((path.clone(), format!("[{path}]"), value, None));
        } else if let Some(item) = value.get("items").filter(|item| is_table(item)) {
            rows.push_str(&row(key, value, required.contains(&Value::from(key.as_str()))));
            tables.push((path.clone(), format!("an item of `{path}`"), item, None));
        } else {
            rows.push_str(&row(key, value, required.contains(&Value::from(key.as_str()))));
        }
    }
    if !rows.is_empty() {
        let _infallible =
            writeln!(text, "\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n{rows}");
    }
    for (path, title, table, map) in tables {
        let title = if title.starts_with('[') { format!("`{title}`") } else { title };
        let _infallible = writeln!(text, "### {title}\n");
        for described in map.into_iter().chain([table]) {
            let _infallible = writeln!(text, "{}", description(described));
        }
        keys(text, &path, table);
    }
}

fn row(key: &str, value: &Value, required: bool) -> String {
    let default = match value.get("default") {
        _ if required => "must be given".to_owned(),
        Some(default) if is_empty(default) => String::new(),
        Some(default) => format!("`{default}`"),
        None => String::new(),
    };
    let meaning = description(value).replace('\n', "<br>").replace('|', "\\|");
    format!("| `{key}` | {} | {default} | {meaning} |\n", kind(value))
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// What may stand as the value.
fn kind(value: &Value) -> String {
    let choices = choices(value);
    if !choices.is_empty() {
        return choices.iter().map(|choice| format!("`\"{choice}\"`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(shapes) = value.get("anyOf").and_then(Value::as_array) {
        return shapes.iter().map(kind).collect::<Vec<_>>().join("; or ");
    }
    if let Some(format) = value.get("format").and_then(Value::as_str).and_then(format_words) {
        return format.to_owned();
    }
    match value.get("type").and_then(Value::as_str) {
        Some("array") => {
            value.get("items").map_or_else(|| "list".to_owned(), |item| format!("list of: {}", kind(item)))
        }
        Some("object") => values_of_map(value)
            .map_or_else(|| "table".to_owned(), |item| format!("table of: {}", kind(item))),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "whole number".to_owned(),
        _ => "text".to_owned(),
    }
}

fn is_table(value: &Value) -> bool {
    value.get("properties").is_some()
}

/// What the values of a table with free keys are.
fn values_of_map(value: &Value) -> Option<&Value> {
    let by_pattern =
        value.get("patternProperties").and_then(|patterns| patterns.as_object()?.values().next());
    by_pattern.or_else(|| value.get("additionalProperties").filter(|values| values.is_object()))
}

fn description(value: &Value) -> &str {
    value.get("description").and_then(Value::as_str).unwrap_or_default()
}
