//! From the files' keys to a [`Config`](super::Config): what only the whole can tell is checked here,
//! and every mistake is noted, not only the first.

mod accounts;
mod backends;
mod channels;
mod directory;
mod elsewhere;
mod gate;
mod identity;
mod keys;
mod listeners;
mod pem;
mod providers;
mod roles;
mod routes;
mod shared;
mod tests;
mod vocabulary;
mod writing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

pub(super) use self::{
    backends::{backends, delivery, egress, store, telemetry},
    channels::{ChannelsContext, channels},
    directory::{assignment, directory, source},
    elsewhere::fields_elsewhere,
    gate::{check_audit, gate},
    identity::{Taken, identity},
    listeners::listeners,
    roles::{Laid, Origins, check_people, check_roles},
    routes::{apis, routes, shape_of},
    shared::{Map, check_shared},
    tests::{UnderTest, note_failures},
    vocabulary::check_vocabulary,
};
use super::{
    document::Document,
    mistake::{KeyPath, Report, Wrong, nearest},
    text::Url,
};

/// A file that is being checked.
#[derive(Debug)]
pub(super) struct Check<'a> {
    /// The configuration folder, at which relative paths start.
    pub(super) folder: &'a Path,
    /// The file.
    pub(super) document: &'a Document,
    /// Where mistakes go.
    pub(super) report: &'a mut Report,
    /// Files that were read for it and are part of the configuration.
    pub(super) files: Vec<std::path::PathBuf>,
}

impl Check<'_> {
    /// Notes a mistake.
    fn wrong(&mut self, path: &KeyPath, wrong: Wrong) {
        self.report.add(self.document.at(path), wrong);
    }

    /// Notes that something is absent, unless that follows from another mistake at the same place.
    fn lacks(&mut self, path: &KeyPath, wrong: Wrong) {
        self.report.add_unless_wrong_already(self.document.at(path), wrong);
    }

    /// Whether `name` is among what is declared; if not, that is noted.
    pub(super) fn declared<N: AsRef<str> + Ord, V>(
        &mut self,
        path: &KeyPath,
        what: &'static str,
        name: &N,
        among: &BTreeMap<N, V>,
    ) -> bool {
        let found = among.contains_key(name);
        if !found {
            let nearest = nearest(name.as_ref(), among.keys().map(AsRef::as_ref));
            self.wrong(
                path,
                Wrong::Unknown { what, name: self.document.quote(path, name.as_ref()), nearest },
            );
        }
        found
    }

    /// Notes names that are in a list twice.
    fn once_each<'n>(&mut self, path: &KeyPath, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if !seen.insert(name) {
                self.wrong(&path.index(index), Wrong::Twice { name: name.to_owned() });
            }
        }
    }

    /// Notes items of a list whose name another has already.
    fn once_each_of<'n, N: AsRef<str> + 'n>(
        &mut self,
        path: &KeyPath,
        names: impl Iterator<Item = Option<&'n N>>,
    ) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if let Some(name) = name.map(AsRef::as_ref)
                && !seen.insert(name)
            {
                self.wrong(&path.index(index).key("name"), Wrong::NameTwice { name: name.to_owned() });
            }
        }
    }

    /// A URL to which credentials go, or from which keys and rights come: nobody between can read or change them.
    fn secure(&mut self, at: &KeyPath, Url(url): &Url) -> Option<http::Uri> {
        let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_loopback = host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if url.scheme_str() != Some("https") && !is_loopback {
            self.wrong(at, Wrong::NotSecure);
            return None;
        }
        Some(url.clone())
    }

    /// A path of the file system; a relative one starts at the configuration folder.
    fn resolved(&self, path: &Path) -> std::path::PathBuf {
        self.folder.join(path)
    }
}
