//! The configuration folder: which files there are, and which names should not be there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    mistake::{KeyPath, Place, Report, Wrong, nearest},
    schema::FileKind,
};

/// The folder that holds the tenants.
pub(super) const TENANTS: &str = "tenants";

/// What is in a tenant's folder.
const TENANT_FILES: [FileKind; 7] = [
    FileKind::Channels,
    FileKind::Directory,
    FileKind::Roles,
    FileKind::Tests,
    FileKind::Assignment,
    FileKind::Identity,
    FileKind::Routes,
];

/// The folders in which a change of a file is a change of the configuration: the folder itself, `tenants`
/// and each tenant's.
pub(super) fn watched(folder: &Path) -> Vec<PathBuf> {
    let tenants = folder.join(TENANTS);
    let mut folders = vec![folder.to_owned(), tenants.clone()];
    let entries = fs::read_dir(tenants).into_iter().flatten().flatten();
    folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    folders.retain(|path| path.is_dir());
    folders
}

/// The tenants' names, sorted. Notes every name that should not be there.
pub(super) fn tenants(folder: &Path, report: &mut Report) -> Vec<String> {
    let known = [FileKind::Headgate.file(), TENANTS];
    let names = names(folder, "", report);
    note_unknown("", &names, &known, report);
    if !folder.join(TENANTS).is_dir() {
        report.add(whole(TENANTS), Wrong::NoTenant);
        return Vec::new();
    }
    let mut tenants = names_of_folders(&folder.join(TENANTS), report);
    tenants.retain(|name| {
        let fits =
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') && name.len() <= 63;
        if !fits {
            report.add(whole(&format!("{TENANTS}/{name}")), Wrong::TenantName { name: name.clone() });
        }
        fits
    });
    if tenants.is_empty() {
        report.add(whole(TENANTS), Wrong::NoTenant);
    }
    for tenant in &tenants {
        let prefix = format!("{TENANTS}/{tenant}/");
        let names = self::names(&folder.join(TENANTS).join(tenant), &prefix, report);
        note_unknown(&prefix, &names, &TENANT_FILES.map(FileKind::file), report);
    }
    tenants
}

fn names_of_folders(folder: &Path, report: &mut Report) -> Vec<String> {
    let mut names = names(folder, TENANTS, report);
    names.retain(|name| folder.join(name).is_dir());
    names
}

/// The names in a folder, sorted, without hidden ones (`.git`, a mounted volume's `..data`).
fn names(folder: &Path, file: &str, report: &mut Report) -> Vec<String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            report.add(whole(if file.is_empty() { "." } else { file }), Wrong::Unreadable(e.kind()));
            return Vec::new();
        }
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Notes names that look like configuration and are none: every other `.toml`, and what is nearly a known
/// name. Certificates, keys and notes may lie beside the files.
fn note_unknown(prefix: &str, names: &[String], known: &[&str], report: &mut Report) {
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let nearest = nearest(name, known.iter().copied());
        let toml = Path::new(name).extension().is_some_and(|extension| extension == "toml");
        if toml || nearest.is_some() {
            let known = known.iter().map(|&name| name.to_owned()).collect();
            report.add(whole(&format!("{prefix}{name}")), Wrong::UnknownFile { nearest, known });
        }
    }
}

fn whole(file: &str) -> Place {
    Place { file: file.to_owned(), line: None, path: KeyPath::default() }
}
