//! The JSON Schema of each file, made from its type in `raw`, and the check of a file against it.
//!
//! `jsonschema` finds every mistake of a file at once; here each gets its line, and words for people.

use std::collections::BTreeSet;

use jsonschema::{
    ValidationError, Validator,
    error::ValidationErrorKind,
    paths::{Location, LocationSegment},
};
use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    document::Document,
    mistake::{KeyPath, Report, Step, Wrong, nearest},
    raw,
    text::FORMATS,
};

/// A kind of file in the configuration folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileKind {
    /// `headgate.toml`
    Headgate,
    /// `tenants/NAME/channels.toml`
    Channels,
    /// `tenants/NAME/directory.toml`
    Directory,
    /// `tenants/NAME/roles.toml`
    Roles,
    /// `tenants/NAME/tests.toml`
    Tests,
    /// `tenants/NAME/assignment.toml`
    Assignment,
    /// `tenants/NAME/identity.toml`
    Identity,
    /// `tenants/NAME/routes.toml`
    Routes,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Headgate,
        Self::Channels,
        Self::Directory,
        Self::Roles,
        Self::Tests,
        Self::Assignment,
        Self::Identity,
        Self::Routes,
    ];

    /// The name of the file.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Headgate => "headgate.toml",
            Self::Channels => "channels.toml",
            Self::Directory => "directory.toml",
            Self::Roles => "roles.toml",
            Self::Tests => "tests.toml",
            Self::Assignment => "assignment.toml",
            Self::Identity => "identity.toml",
            Self::Routes => "routes.toml",
        }
    }

    /// Where it stands in the configuration folder.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Self::Headgate => "headgate.toml",
            Self::Channels => "tenants/NAME/channels.toml",
            Self::Directory => "tenants/NAME/directory.toml",
            Self::Roles => "tenants/NAME/roles.toml",
            Self::Tests => "tenants/NAME/tests.toml",
            Self::Assignment => "tenants/NAME/assignment.toml",
            Self::Identity => "tenants/NAME/identity.toml",
            Self::Routes => "tenants/NAME/routes.toml",
        }
    }

    /// Its JSON Schema (draft 2020-12), in which every key has a description and, where it has one, its
    /// default.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::Headgate => schema::<raw::Headgate>(),
            Self::Channels => schema::<raw::Channels>(),
            Self::Directory => schema::<raw::Directory>(),
            Self::Roles => schema::<raw::Roles>(),
            Self::Tests => schema::<raw::Tests>(),
            Self::Assignment => schema::<raw::Assignment>(),
            Self::Identity => schema::<raw::Identity>(),
            Self::Routes => schema::<raw::Routes>(),
        }
    }
}

pub(super) fn schema<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    // TOML has no null: a key that may be left out is simply not required.
    RecursiveTransform(fit).transform(&mut schema);
    schema.into()
}

/// Takes `null` out of a type, drops defaults that say nothing, and adds the bound of a 32-bit number.
fn fit(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let says_nothing = |default: &Value| match default {
        Value::Null => true,
        Value::Object(keys) => !keys.is_empty(),
        _ => false,
    };
    let of_tables = object.get("items").is_some_and(|items| items.get("properties").is_some());
    let no_tables = |default: &Value| of_tables && default.as_array().is_some_and(Vec::is_empty);
    if object.get("default").is_some_and(|default| says_nothing(default) || no_tables(default)) {
        object.remove("default");
    }
    if object.get("format").is_some_and(|format| format == "uint32") {
        object.insert("maximum".to_owned(), u32::MAX.into());
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let mut only = only.clone();
            only.extend(
                object.iter().filter(|(key, _)| *key != "anyOf").map(|(k, v)| (k.clone(), v.clone())),
            );
            *object = only;
        }
    }
}

/// Checks a file against its schema, notes every mistake, and reads what is right: a value that is wrong
/// is taken as if it were not there.
pub(super) fn check<T: JsonSchema + DeserializeOwned + Default>(
    document: &mut Document,
    report: &mut Report,
) -> T {
    if document.broken {
        return T::default();
    }
    let schema = schema::<T>();
    let mut checked = Checked { schema: &schema, document, report, wrong: BTreeSet::new() };
    if let Ok(validator) = validator(&schema) {
        for error in validator.iter_errors(&checked.document.value) {
            checked.note(&error);
        }
    }
    let wrong = checked.wrong;
    // From the last to the first, so that no path is moved by the removal of another.
    for path in wrong.iter().rev() {
        remove(&mut document.value, path);
    }
    serde_json::from_value(document.value.clone()).unwrap_or_else(|_unfit| {
        let expected = "keys and values of this kind of file".to_owned();
        report.add_unless_wrong_already(document.at(&KeyPath::default()), Wrong::Expected { expected });
        T::default()
    })
}

fn validator(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    let mut options = jsonschema::options().should_validate_formats(true);
    for format in FORMATS {
        options = options.with_format(format.name, format.accepts);
    }
    options.build(schema)
}

/// Removes a value; of a list's item, the whole list, so that no item is moved away from its line.
fn remove(value: &mut Value, path: &KeyPath) {
    let keys = path.steps().iter().map_while(|step| match step {
        Step::Key(key) => Some(key),
        Step::Index(_) => None,
    });
    let mut keys: Vec<_> = keys.collect();
    let Some(last) = keys.pop() else {
        *value = Value::Object(serde_json::Map::new());
        return;
    };
    let holder = keys.into_iter().try_fold(value, |value, key| value.get_mut(key));
    if let Some(Value::Object(object)) = holder {
        object.shift_remove(last);
    }
}

struct Checked<'a> {
    schema: &'a Value,
    document: &'a Document,
    report: &'a mut Report,
    wrong: BTreeSet<KeyPath>,
}

impl Checked<'_> {
    fn note(&mut self, error: &ValidationError<'_>) {
        let path = path(error.instance_path());
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for key in unexpected {
                    self.unknown(error, &path, key);
                }
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                let description = self.description(error, key);
                // It may be there, with a reference that leads nowhere.
                self.report.add_unless_wrong_already(
                    self.document.at(&path.key(key)),
                    Wrong::Missing { description },
                );
            }
            ValidationErrorKind::AnyOf { context } => self.note_nearest(error, context),
            // Says the same as the format beside it, in a regular expression.
            ValidationErrorKind::Pattern { .. } => {}
            _ => {
                let wrong = self.words(error, &path);
                self.report.add(self.document.at(&path), wrong);
                self.wrong.insert(path);
            }
        }
    }

    /// Of several shapes that a value may have, the mistakes of the one it was meant to have: the first whose
    /// outer type is right.
    fn note_nearest(&mut self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) {
        let is_type = |e: &ValidationError<'_>| {
            matches!(e.kind(), ValidationErrorKind::Type { .. }) && e.instance_path() == error.instance_path()
        };
        let instance_is_text = error.instance().is_string();
        let is_choice = |e: &ValidationError<'_>| {
            matches!(e.kind(), ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::Enum { .. })
                && e.instance_path() == error.instance_path()
        };
        let meant = context
            .iter()
            .find(|errors| !errors.iter().any(|e| is_type(e) || (is_choice(e) && !instance_is_text)))
            .or_else(|| context.first());
        for error in meant.into_iter().flatten() {
            self.note(error);
        }
    }

    fn unknown(&mut self, error: &ValidationError<'_>, path: &KeyPath, key: &str) {
        let here = self.schema_of(error);
        let pattern = here.and_then(|s| s.get("patternProperties")?.as_object()?.keys().next());
        let path = path.key(key);
        let wrong = if let Some(pattern) = pattern {
            Wrong::Name { pattern: pattern.clone() }
        } else {
            let properties = here.and_then(|s| s.get("properties")?.as_object());
            let known: Vec<String> = properties.into_iter().flat_map(|p| p.keys().cloned()).collect();
            self.wrong.insert(path.clone());
            Wrong::UnknownKey { nearest: nearest(key, known.iter().map(String::as_str)), known }
        };
        self.report.add(self.document.at(&path), wrong);
    }

    fn words(&self, error: &ValidationError<'_>, path: &KeyPath) -> Wrong {
        match error.kind() {
            ValidationErrorKind::Type { .. } => Wrong::Expected { expected: self.expected(error) },
            ValidationErrorKind::Format { format } => {
                let known = FORMATS.iter().find(|known| known.name == format);
                Wrong::Expected { expected: known.map_or(format.as_str(), |known| known.expected).to_owned() }
            }
            ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::Constant { .. } => {
                let options = self.schema_of(error).map(choices).unwrap_or_default();
                let value = error.instance().as_str();
                Wrong::NotOneOf {
                    written: value.map(|value| self.document.quote(path, value)),
                    nearest: value.and_then(|value| nearest(value, options.iter().map(String::as_str))),
                    options,
                }
            }
            _ => Wrong::Bounds { reason: error.masked_with("it").to_string() },
        }
    }

    /// What a value of the wrong type should have been.
    fn expected(&self, error: &ValidationError<'_>) -> String {
        let schema = self.schema_of(error);
        let format = schema.and_then(|s| s.get("format")?.as_str());
        if let Some(known) = FORMATS.iter().find(|known| Some(known.name) == format) {
            return known.expected.to_owned();
        }
        match schema.and_then(|s| s.get("type")?.as_str()) {
            Some("object") => "a table of keys",
            Some("array") => "a list, in square brackets",
            Some("boolean") => "true or false",
            Some("integer") => "a whole number",
            Some("string") => "text, in quotes",
            _ => "another kind of value",
        }
        .to_owned()
    }

    /// The first sentence of what a key means.
    fn description(&self, error: &ValidationError<'_>, key: &str) -> String {
        let text =
            self.schema_of(error).and_then(|s| s.get("properties")?.get(key)?.get("description")?.as_str());
        let text = text.unwrap_or_default();
        let end = text.find(". ").or_else(|| text.find(".\n")).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().trim_end_matches('.').replace('\n', " ")
    }

    /// The schema that holds the keyword which failed.
    fn schema_of(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let (holder, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(holder)
    }
}

/// The words that a schema allows.
pub(super) fn choices(schema: &Value) -> Vec<String> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let described = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let described = described.flat_map(|one| {
        let inner = one.get("enum").and_then(Value::as_array).into_iter().flatten();
        one.get("const").into_iter().chain(inner)
    });
    listed.chain(described).chain(schema.get("const")).filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn path(location: &Location) -> KeyPath {
    location.iter().fold(KeyPath::default(), |path, segment| match segment {
        LocationSegment::Property(key) => path.key(key),
        LocationSegment::Index(index) => path.index(index),
    })
}

/// The word for a value with this `format`, for the documentation.
pub(super) fn format_word(name: &str) -> Option<&'static str> {
    FORMATS.into_iter().find(|format| format.name == name).map(|format| format.word)
}
