//! A policy as it is written: `roles.toml` over the presets that it uses.
//!
//! [`read`] takes the text of one file alone; [`Config::load`](super::Config::load) reads it as part of a
//! tenant's folder, and with it checks people against the directory.

use std::path::Path;

use super::{
    build::{self, Check, Laid, Origins},
    document::Document,
    interpolate::References,
    mistake::{KeyPath, Mistakes, Report, Wrong},
    presets::Preset,
    raw::{self, Word},
    routes::Entity,
    schema,
};
use crate::{
    ids::TenantId,
    policy::{Keys, Policy, Source},
};

/// Reads the text of a `roles.toml`, with the presets that it uses. `file` is what mistakes call it.
///
/// # Errors
/// Every mistake in it, people aside, who are in the directory.
pub fn read(file: &str, text: &str) -> Result<Source, Mistakes> {
    let mut report = Report::default();
    let layer = Layer::read(file, text, &mut report);
    let roles = source(Path::new(""), layer, &mut report);
    compile(&roles, &TenantId::new("default"), &mut report);
    report.finish(Some(roles.source))
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
    origins: Origins,
    /// First to last: presets, then the tenant's own.
    documents: Vec<Document>,
    /// Otherwise what they say together means nothing.
    presets_fit: bool,
}

/// The policy of a tenant's file and the presets that it uses.
pub(super) fn source(folder: &Path, own: Layer, report: &mut Report) -> Roles {
    let mut presets = Vec::new();
    let mut layers = Vec::new();
    for preset in &own.raw.presets {
        add(*preset, &mut presets, &mut layers, report);
    }
    let presets_fit = check_presets(&own, &layers, report);
    layers.push(own);
    let mut laid = Laid::default();
    let mut documents = Vec::new();
    for Layer { document, raw } in layers {
        let mut check = Check { folder, document: &document, report, files: Vec::new() };
        build::check_roles(&mut check, &raw, &laid.source);
        laid.lay(&document.file, raw);
        documents.push(document);
    }
    let Laid { source, origins } = laid;
    Roles { source, origins, documents, presets_fit }
}

/// Whether the presets fit together; what does not is noted.
fn check_presets(own: &Layer, layers: &[Layer], report: &mut Report) -> bool {
    let mut fit = true;
    let of = |preset: Preset| layers.iter().find(|layer| layer.document.file == file_of(preset));
    for (index, preset) in own.raw.presets.iter().enumerate() {
        for other in own.raw.presets.iter().take(index) {
            let (Some(one), Some(two)) = (of(*other), of(*preset)) else { continue };
            let clashes = clashes((*other, &one.raw), (*preset, &two.raw), &own.raw);
            if !clashes.is_empty() {
                fit = false;
                let place = own.document.at(&KeyPath::default().key("use").index(index));
                report.add(place, Wrong::PresetsClash { other: other.name(), clashes });
            }
        }
    }
    fit
}

/// What two presets say that cannot both hold, and that the tenant's own file does not decide.
fn clashes(one: (Preset, &raw::Roles), two: (Preset, &raw::Roles), own: &raw::Roles) -> Vec<String> {
    let (name, other) = (one.0.name(), two.0.name());
    let (one, two) = (one.1, two.1);
    let mut clashes = Vec::new();
    if let (Some(combine), Some(with)) = (one.combine, two.combine)
        && combine != with
        && own.combine.is_none()
    {
        let (combine, with) = (combine.label(), with.label());
        clashes
            .push(format!("several roles combine by `{combine}` in `{name}` and by `{with}` in `{other}`"));
    }
    for (aliases, declares, here, there) in [(one, two, name, other), (two, one, other, name)] {
        for (Word(alias), Word(of)) in &aliases.alias {
            if declares.resource.keys().any(|Word(resource)| resource == alias) {
                clashes.push(format!(
                    "`{alias}` is another name of `{of}` in `{here}` and a resource in `{there}`"
                ));
            }
        }
    }
    clashes
}

/// What mistakes call a preset.
fn file_of(preset: Preset) -> String {
    format!("preset {}", preset.name())
}

/// Compiles a policy; what is wrong with it is noted. The keys are drawn for this policy alone.
pub(super) fn compile(roles: &Roles, tenant: &TenantId, report: &mut Report) -> Option<(Policy, Keys)> {
    if !roles.presets_fit {
        return None;
    }
    let keys = Keys::default();
    match Policy::compile(&roles.source, tenant, &keys) {
        Ok(policy) => Some((policy, keys)),
        Err(problems) => {
            let documents: Vec<&Document> = roles.documents.iter().collect();
            for problem in problems {
                let place = roles.origins.place(&problem.at, &documents);
                report.add_unless_wrong_already(place, Wrong::Policy(problem.what));
            }
            None
        }
    }
}

/// Notes every field that the policy names of an object, and that stands in another object of an answer: it would be
/// decided on twice.
pub(super) fn check_fields(roles: &Roles, entities: &[Entity], report: &mut Report) {
    let documents: Vec<&Document> = roles.documents.iter().collect();
    for (at, wrong) in build::fields_elsewhere(&roles.source, entities) {
        report.add(roles.origins.place(&at, &documents), wrong);
    }
}

/// Adds a preset after those that it uses itself, each once.
fn add(preset: Preset, added: &mut Vec<Preset>, layers: &mut Vec<Layer>, report: &mut Report) {
    if added.contains(&preset) {
        return;
    }
    added.push(preset);
    let layer = Layer::read(&file_of(preset), preset.text(), report);
    for used in &layer.raw.presets {
        add(*used, added, layers, report);
    }
    layers.push(layer);
}
