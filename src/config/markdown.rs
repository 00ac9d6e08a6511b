//! The documentation of the configuration files, from their schemas.

use std::fmt::Write;

use serde_json::Value;

use super::schema::{FileKind, choices, format_word, schema};

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
    let schema = kind.schema();
    let mut page = Page { text: format!("## `{}`\n", kind.place()), told: Vec::new() };
    page.paragraph(description(&schema));
    page.keys("", &schema);
    page.text
}

/// The documentation of a file that stands by itself.
pub(crate) fn of<T: schemars::JsonSchema>(name: &str) -> String {
    let schema = schema::<T>();
    let mut page = Page { text: format!("## `{name}`\n"), told: Vec::new() };
    page.paragraph(description(&schema));
    page.keys("", &schema);
    page.text
}

/// A page that is being written.
struct Page<'s> {
    text: String,
    /// The tables that are on it already, so that equal ones are told once.
    told: Vec<(&'s Value, String)>,
}

impl<'s> Page<'s> {
    /// A table of the keys of `schema`, then a section for each key that is itself a table.
    fn keys(&mut self, path: &str, schema: &'s Value) {
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let required =
            schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut sections = Vec::new();
        let mut rows = String::new();
        for (key, value) in properties {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if let Some(inner) = values_of_map(value).filter(|inner| is_table(inner)) {
                sections.push((format!("{path}.NAME"), Some(description(value)), inner));
                continue;
            }
            if is_table(value) {
                sections.push((path, None, value));
                continue;
            }
            if let Some(item) = value.get("items").filter(|item| is_table(item)) {
                sections.push((format!("{path}[]"), None, item));
            }
            rows.push_str(&row(key, value, required.contains(&Value::from(key.as_str()))));
        }
        if !rows.is_empty() {
            self.paragraph(&format!(
                "| key | value | default | meaning |\n| --- | --- | --- | --- |\n{}",
                rows.trim_end()
            ));
        }
        for (path, map, table) in sections {
            let title = if path.ends_with("[]") { format!("`{path}`") } else { format!("`[{path}]`") };
            self.paragraph(&format!("### {title}"));
            self.paragraph(map.unwrap_or_default());
            self.paragraph(description(table));
            match self.told.iter().find(|(told, _)| told.get("properties") == table.get("properties")) {
                Some((_, same)) => self.paragraph(&format!("The keys of `{same}`.")),
                None => {
                    self.told.push((table, path.clone()));
                    self.keys(&path, table);
                }
            }
        }
    }

    fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            let _infallible = writeln!(self.text, "\n{text}");
        }
    }
}

fn row(key: &str, value: &Value, required: bool) -> String {
    let default = match value.get("default") {
        _ if required => "must be given".to_owned(),
        Some(default) if is_empty(default) => String::new(),
        Some(default) => format!("`{default}`"),
        None => String::new(),
    };
    let meaning = description(value)
        .replace("\n* ", "<br>• ")
        .replace("\n  ", " ")
        .replace('\n', " ")
        .replace('|', "\\|");
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
        let mut kinds: Vec<_> = shapes.iter().map(kind).collect();
        kinds.dedup();
        return kinds.join("; or ");
    }
    if let Some(format) = value.get("format").and_then(Value::as_str).and_then(format_word) {
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
