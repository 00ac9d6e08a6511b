//! `headgate schema`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::{Map, Value};

use super::SchemaFormat;
use crate::config::{FileKind, markdown};

/// Prints the schema or documentation of one kind of file, or of all.
pub(super) fn run(file: Option<FileKind>, format: SchemaFormat, out: &mut dyn Write) -> io::Result<ExitCode> {
    match (format, file) {
        (SchemaFormat::Json, Some(kind)) => writeln!(out, "{:#}", kind.schema())?,
        (SchemaFormat::Json, None) => {
            let all: Map<String, Value> =
                FileKind::ALL.into_iter().map(|kind| (kind.file().to_owned(), kind.schema())).collect();
            writeln!(out, "{:#}", Value::Object(all))?;
        }
        (SchemaFormat::Markdown, Some(kind)) => write!(out, "{}", markdown::file(kind))?,
        (SchemaFormat::Markdown, None) => write!(out, "{}", markdown::all())?,
    }
    Ok(ExitCode::SUCCESS)
}
