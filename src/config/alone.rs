//! Files that are read by themselves, for commands that need no whole configuration.

use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{
    document::{self, Document},
    interpolate::{Env, References},
    laid,
    load::Reading,
    mistake::{KeyPath, Mistakes, Place, Report},
    raw,
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

/// What a tenant's `routes.toml`, laid over the route maps that it uses, declares of an entity; `None` if there is no
/// such entity. The rest of the folder is not read.
///
/// # Errors
/// Every mistake in the file.
pub(crate) fn entity(
    folder: &Path,
    tenant: &str,
    name: &str,
    env: Env<'_>,
) -> Result<Option<Entity>, Mistakes> {
    let mut report = Report::default();
    let own = Reading::new(folder, env, &mut report).file::<raw::Routes>(FileKind::Routes, Some(tenant));
    let routes = laid::routes(own, folder, &mut report).raw;
    let declared = routes.entity.into_iter().find(|(known, _)| known.0 == name);
    let declared = declared.map(|(_, entity)| Entity {
        fields: entity.fields,
        nested: entity.nested.into_keys().map(|at| at.0).collect(),
    });
    report.finish(Some(declared))
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
