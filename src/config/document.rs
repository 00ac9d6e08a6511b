//! One TOML file as a JSON value, with the line of every key and item.

use std::{collections::HashMap, fs, io::Read, ops::Range};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{
    interpolate::References,
    mistake::{KeyPath, Place, Report, Step, Wrong},
};

/// Largest configuration file that is read, in bytes: room for some ten thousand accounts.
pub(super) const FILE_BYTES_MAX: u64 = 8 << 20;

/// A file as read.
#[derive(Debug)]
pub(super) struct Document {
    /// The file, relative to the folder, with `/`.
    pub(super) file: String,
    /// What it holds, references replaced.
    pub(super) value: Value,
    /// It is not TOML, so what it holds is not known.
    pub(super) broken: bool,
    spots: HashMap<KeyPath, Spot>,
}

/// What is known of a place in the file.
#[derive(Debug)]
struct Spot {
    line: usize,
    /// The text as it stands in the file, where a reference was replaced in it.
    written: Option<String>,
}

impl Document {
    /// A file that is not there: everything in it has its default.
    pub(super) fn absent(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            value: Value::Object(serde_json::Map::new()),
            broken: false,
            spots: HashMap::new(),
        }
    }

    /// Reads a file's text. Every line that is not TOML is noted, or every reference that leads nowhere.
    pub(super) fn read(file: &str, text: &str, references: &mut References<'_>, report: &mut Report) -> Self {
        let lines = Lines::new(text);
        let mut document = Self::absent(file);
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut told = None;
        for error in errors {
            document.broken = true;
            let line = error.span().map(|span| lines.of(&span));
            // What follows on the same line mostly follows from the first.
            if told.replace(line) == Some(line) {
                continue;
            }
            let place = Place { file: file.to_owned(), line, path: KeyPath::default() };
            report.add(place, Wrong::Syntax { reason: error.message().to_owned() });
        }
        if document.broken {
            return document;
        }
        let mut reader = Reader { document: &mut document, lines: &lines, references, report };
        let value = reader.table(&KeyPath::default(), table.get_ref());
        document.value = value;
        document
    }

    /// The place of a key or item; of something that is not there, the line of what it would stand in.
    pub(super) fn at(&self, path: &KeyPath) -> Place {
        let mut above = Some(path.clone());
        let mut line = None;
        while let (Some(path), None) = (&above, line) {
            line = self.spots.get(path).map(|spot| spot.line);
            above = path.parent();
        }
        Place { file: self.file.clone(), line, path: path.clone() }
    }

    /// Whether a key was given.
    pub(super) fn has(&self, path: &KeyPath) -> bool {
        self.spots.contains_key(path)
    }

    /// A value as it may be quoted: what stands in the file, not what a reference put in.
    pub(super) fn quote(&self, path: &KeyPath, value: &str) -> String {
        let written = self.spots.get(path).and_then(|spot| spot.written.clone());
        written.unwrap_or_else(|| value.to_owned())
    }
}

/// The text of a configuration file.
///
/// # Errors
/// If it cannot be read, is too large or no text.
pub(super) fn text(path: &std::path::Path) -> Result<String, Wrong> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|e| Wrong::Unreadable(e.kind()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Wrong::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_not_text| Wrong::NotText)
}

/// The offsets at which lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line in which a span begins, from 1.
    fn of(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|begin| *begin <= span.start)
    }
}

/// Turns TOML into JSON and notes where everything stood.
struct Reader<'a, 'r> {
    document: &'a mut Document,
    lines: &'a Lines,
    references: &'a mut References<'r>,
    report: &'a mut Report,
}

impl Reader<'_, '_> {
    fn table(&mut self, path: &KeyPath, table: &DeTable<'_>) -> Value {
        let pairs = table.iter().filter_map(|(key, value)| {
            let path = path.key(key.get_ref().as_ref());
            self.note(&path, &key.span());
            let value = self.value(&path, value.get_ref())?;
            Some((key.get_ref().to_string(), value))
        });
        Value::Object(pairs.collect())
    }

    fn note(&mut self, path: &KeyPath, span: &Range<usize>) {
        self.document.spots.insert(path.clone(), Spot { line: self.lines.of(span), written: None });
    }

    /// The value; `None` where a reference leads nowhere, which is noted.
    fn value(&mut self, path: &KeyPath, value: &DeValue<'_>) -> Option<Value> {
        match value {
            DeValue::String(text) => match self.references.fill(text) {
                Ok(filled) => {
                    if filled != *text
                        && let Some(spot) = self.document.spots.get_mut(path)
                    {
                        spot.written = Some(text.to_string());
                    }
                    Some(Value::String(filled.into_owned()))
                }
                Err(wrong) => {
                    self.report.add(self.document.at(path), wrong);
                    None
                }
            },
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                Some(number.map_or(Value::Null, Value::from))
            }
            // No key takes one; `null`, which TOML does not have, fits no type of the schemas.
            DeValue::Float(_) | DeValue::Datetime(_) => Some(Value::Null),
            DeValue::Boolean(boolean) => Some(Value::from(*boolean)),
            DeValue::Table(table) => Some(self.table(path, table)),
            DeValue::Array(items) => {
                let mut values = Vec::new();
                let mut whole = true;
                for (index, item) in items.iter().enumerate() {
                    let path = path.step(Step::Index(index));
                    self.note(&path, &item.span());
                    let value = self.value(&path, item.get_ref());
                    whole &= value.is_some();
                    values.extend(value);
                }
                // A list with a gap would shift its items against their lines.
                whole.then_some(Value::Array(values))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_item_has_its_line() {
        let env = |_: &str| None;
        let mut references = References { env: &env, folder: std::path::Path::new("."), files: Vec::new() };
        let mut report = Report::default();
        let text = "[a]\nb = 1\n\n[c.d]\ne = [\n  'x',\n  'y',\n]\n";
        let document = Document::read("f.toml", text, &mut references, &mut report);
        let root = KeyPath::default();
        for (path, line) in [
            (root.key("a"), 1),
            (root.key("a").key("b"), 2),
            (root.key("c").key("d"), 4),
            (root.key("c").key("d").key("e").index(1), 7),
            (root.key("a").key("missing"), 1),
        ] {
            assert_eq!(document.at(&path).line, Some(line), "{path}");
        }
        assert_eq!(report.finish(Some(())), Ok(()));
    }

    #[test]
    fn a_file_that_is_not_toml_tells_every_line_that_is_wrong() {
        let env = |_: &str| None;
        let mut references = References { env: &env, folder: std::path::Path::new("."), files: Vec::new() };
        let mut report = Report::default();
        Document::read("f.toml", "a = \nb = 1\nc = = 2\n", &mut references, &mut report);
        let mistakes = report.finish(Some(())).unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(|m| m.place.line).collect();
        assert_eq!(lines, [Some(1), Some(3)], "{mistakes}");
    }
}
