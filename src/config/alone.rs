//! Files that are read by themselves, for commands that need no whole configuration.

use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    document::{self, Document},
    folder,
    interpolate::{Env, References},
    mistake::{KeyPath, Mistakes, Place, Report},
    schema::{self, FileKind},
};

/// Reads one file against its type: with `${env:…}` and `${file:…}`, whose relative paths start at the file's folder.
///
/// # Errors
/// Every mistake in it.
pub(crate) fn read<T>(path: &Path, env: Env<'_>) -> Result<T, Mistakes>
where
    T: JsonSchema + DeserializeOwned + Default,
{
    let mut report = Report::default();
    let read =
        document(path, env, &mut report).map(|mut document| schema::check::<T>(&mut document, &mut report));
    report.finish(read)
}

/// What an entity declares of its fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entity {
    /// `fields`.
    pub(crate) fields: Vec<String>,
    /// The places in `nested`.
    pub(crate) nested: Vec<String>,
}

/// What `[entity.NAME]` in a tenant's `routes.toml` declares; `None` if there is no such entity.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn entity(
    folder: &Path,
    tenant: &str,
    name: &str,
    env: Env<'_>,
) -> Result<Option<Entity>, Mistakes> {
    let mut report = Report::default();
    let path = folder.join(folder::TENANTS).join(tenant).join(FileKind::Routes.file());
    let document = document(&path, env, &mut report);
    let declared = document.map(|document| {
        let entity = document.value.get("entity")?.get(name)?;
        let texts = |key: &str| entity.get(key).and_then(Value::as_array).into_iter().flatten();
        let fields = texts("fields").filter_map(|name| name.as_str().map(str::to_owned)).collect();
        let nested = entity.get("nested").and_then(Value::as_object).into_iter().flatten();
        Some(Entity { fields, nested: nested.map(|(at, _)| at.clone()).collect() })
    });
    report.finish(declared)
}

/// `None` if a mistake was noted.
fn document(path: &Path, env: Env<'_>, report: &mut Report) -> Option<Document> {
    let file = path.display().to_string();
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut references = References { env, folder, files: Vec::new() };
    match document::text(path) {
        Ok(text) => Some(Document::read(&file, &text, &mut references, report)),
        Err(wrong) => {
            report.add(Place { file, line: None, path: KeyPath::default() }, wrong);
            None
        }
    }
}
