//! A policy as it is written: `roles.toml` over the presets that it uses.
//!
//! [`read`] takes the text of one file alone; [`Config::load`](super::Config::load) reads it as part of a
//! tenant's folder, and with it checks people against the directory.

use std::path::Path;

use super::{
    build::{self, Check},
    document::Document,
    interpolate::References,
    mistake::{Mistakes, Report},
    presets::Preset,
    raw, schema,
};
use crate::policy::Source;

/// Reads the text of a `roles.toml`, with the presets that it uses. `file` is what mistakes call it.
///
/// # Errors
/// Every mistake in it that the file alone can tell.
pub fn read(file: &str, text: &str) -> Result<Source, Mistakes> {
    let mut report = Report::default();
    let layer = Layer::read(file, text, &mut report);
    let source = source(Path::new(""), layer, &mut report).source;
    report.finish(Some(source))
}

/// What a preset alone says, with those that it uses.
///
/// # Errors
/// Never, for the shipped presets: a test reads each.
pub fn preset(preset: Preset) -> Result<Source, Mistakes> {
    read("roles.toml", &format!("use = [\"{}\"]", preset.name()))
}

/// A file of roles.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) document: Document,
    pub(super) raw: raw::Roles,
}

impl Layer {
    fn read(file: &str, text: &str, report: &mut Report) -> Self {
        let env = |_: &str| None;
        let mut references = References { env: &env, folder: Path::new(""), files: Vec::new() };
        let mut document = Document::read(file, text, &mut references, report);
        let raw = schema::check(&mut document, report);
        Self { document, raw }
    }
}

/// A policy, and the files that it comes from.
#[derive(Debug)]
pub(super) struct Roles {
    pub(super) source: Source,
    /// First to last: presets, then the tenant's own.
    pub(super) documents: Vec<Document>,
}

/// The policy of a tenant's file and the presets that it uses.
pub(super) fn source(folder: &Path, own: Layer, report: &mut Report) -> Roles {
    let mut presets = Vec::new();
    let mut layers = Vec::new();
    for preset in &own.raw.presets {
        add(*preset, &mut presets, &mut layers, report);
    }
    layers.push(own);
    let mut source = Source::default();
    let mut documents = Vec::new();
    for Layer { document, raw } in layers {
        let mut check = Check { folder, document: &document, report };
        build::check_roles(&mut check, &raw, &source);
        build::lay(&mut source, raw);
        documents.push(document);
    }
    Roles { source, documents }
}

/// Adds a preset after those that it uses itself, each once.
fn add(preset: Preset, added: &mut Vec<Preset>, layers: &mut Vec<Layer>, report: &mut Report) {
    if added.contains(&preset) {
        return;
    }
    added.push(preset);
    let layer = Layer::read(&format!("preset {}", preset.name()), preset.text(), report);
    for used in &layer.raw.presets {
        add(*used, added, layers, report);
    }
    layers.push(layer);
}
