//! Reading the folder: all files, all mistakes, or one whole [`Config`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;

use super::{
    Config, Tenant,
    build::{self, Check},
    document::{self, Document},
    folder,
    interpolate::{Env, References},
    laid,
    mistake::{KeyPath, Mistakes, Place, Report, Wrong},
    raw,
    roles::{self, Layer},
    schema::{self, FileKind},
};
use crate::{assign::with_queue, ids::TenantId, server::Limits};

/// A configuration as loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Arc<Config>,
    /// Names the content: the first 16 hex digits of SHA-256 over the files' names and text. It is the
    /// same on every node that has the same files. What `${env:…}` and `${file:…}` lead to is not in
    /// it: a digest of secrets would let who sees it test guesses.
    pub version: String,
    /// The files that `${file:…}` named, certificates and keys; a change of one is a change of the
    /// configuration.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// Reads the folder. `env` looks environment variables up. Blocks: reads files.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(folder: &Path, env: Env<'_>) -> Result<Loaded, Mistakes> {
        let mut report = Report::default();
        let mut reading = Reading::new(folder, env, &mut report);
        let tenants = folder::tenants(folder, reading.report);
        let headgate = reading.file::<raw::Headgate>(FileKind::Headgate, None);
        let tenants: Vec<_> = tenants.into_iter().map(|name| reading.tenant(&name)).collect();
        let Reading { references, digest, .. } = reading;
        let mut files = references.files;
        let config = build(folder, headgate, tenants, &mut files, &mut report);
        let config = Arc::new(report.finish(config)?);
        files.extend(certificate_files(&config));
        Ok(Loaded { config, version: digest.version(), files })
    }
}

/// Every PEM file that the configuration names.
fn certificate_files(config: &Config) -> Vec<PathBuf> {
    let listeners = &config.listeners;
    let listeners =
        listeners.hooks.iter().chain(&listeners.agents).chain(listeners.ops.iter().map(|ops| &ops.listener));
    let mut files = Vec::new();
    for tls in listeners.filter_map(|listener| listener.tls.as_ref()) {
        for certificate in &tls.certificates {
            files.extend([certificate.chain.clone(), certificate.key.clone()]);
        }
        files.extend(tls.client_ca.clone());
    }
    files.extend(config.backends.values().filter_map(|backend| backend.ca.clone()));
    files.extend(config.egress.ca.clone());
    files
}

/// A file and what it says.
pub(super) struct Read<T> {
    pub(super) document: Document,
    pub(super) raw: T,
}

/// A tenant's files.
struct TenantFiles {
    id: TenantId,
    channels: Read<raw::Channels>,
    directory: Read<raw::Directory>,
    roles: Read<raw::Roles>,
    tests: Read<raw::Tests>,
    assignment: Read<raw::Assignment>,
    identity: Read<raw::Identity>,
    routes: Read<raw::Routes>,
}

/// A folder while its files are read.
pub(super) struct Reading<'a, 'e> {
    folder: &'a Path,
    references: References<'e>,
    report: &'a mut Report,
    digest: Digest,
}

impl<'a, 'e> Reading<'a, 'e> {
    pub(super) fn new(folder: &'e Path, env: Env<'e>, report: &'a mut Report) -> Self
    where
        'e: 'a,
    {
        let references = References { env, folder, files: Vec::new() };
        Self { folder, references, report, digest: Digest::new() }
    }

    fn tenant(&mut self, name: &str) -> TenantFiles {
        TenantFiles {
            id: TenantId::new(name),
            channels: self.file(FileKind::Channels, Some(name)),
            directory: self.file(FileKind::Directory, Some(name)),
            roles: self.file(FileKind::Roles, Some(name)),
            tests: self.file(FileKind::Tests, Some(name)),
            assignment: self.file(FileKind::Assignment, Some(name)),
            identity: self.file(FileKind::Identity, Some(name)),
            routes: self.file(FileKind::Routes, Some(name)),
        }
    }

    /// Reads a file. A tenant's file may be absent: everything in it then has its default.
    pub(super) fn file<T>(&mut self, kind: FileKind, tenant: Option<&str>) -> Read<T>
    where
        T: schemars::JsonSchema + serde::de::DeserializeOwned + Default,
    {
        let file = match tenant {
            None => kind.file().to_owned(),
            Some(tenant) => format!("{}/{tenant}/{}", folder::TENANTS, kind.file()),
        };
        let path = self.folder.join(&file);
        if tenant.is_some() && !path.exists() {
            return Read { document: Document::absent(&file), raw: T::default() };
        }
        match document::text(&path) {
            Err(wrong) => {
                let place = Place { file: file.clone(), line: None, path: KeyPath::default() };
                self.report.add(place, wrong);
                Read { document: Document::absent(&file), raw: T::default() }
            }
            Ok(text) => {
                self.digest.add(&file, &text);
                let mut document = Document::read(&file, &text, &mut self.references, self.report);
                let raw = schema::check(&mut document, self.report);
                Read { document, raw }
            }
        }
    }
}

/// Everything that only the files together can tell. `None` only if a mistake was noted.
fn build(
    folder: &Path,
    headgate: Read<raw::Headgate>,
    tenants: Vec<TenantFiles>,
    files_read: &mut Vec<PathBuf>,
    report: &mut Report,
) -> Option<Config> {
    // Against a file that could not be read, every reference into it would be wrong.
    if report.has_unreadable_file() {
        return None;
    }
    let Read { document, raw } = headgate;
    let backend_formats = raw.backend.iter().map(|(name, backend)| (name.clone(), backend.format)).collect();
    let dedupe_window = raw
        .store
        .as_ref()
        .map_or_else(|| raw::Store::default().dedupe_window.0, |store| store.dedupe_window.0);
    let mut check = Check { folder, document: &document, report, files: Vec::new() };
    let listeners = build::listeners(&mut check, raw.listener);
    let apis = build::apis(&raw.backend);
    let gate = build::gate(&mut check, &raw.gate);
    let backends = build::backends(&mut check, raw.backend);
    let store = raw.store.and_then(|raw| build::store(&mut check, raw));
    let egress = build::egress(&mut check, raw.egress);
    let limits = listeners.hooks.as_ref().map_or_else(Limits::default, |hooks| hooks.limits.clone());

    let mut endpoints = BTreeMap::new();
    let mut owners: BTreeMap<String, TenantId> = BTreeMap::new();
    let mut built = BTreeMap::new();
    let mut of_routes = Vec::new();
    let mut taken = build::Taken::default();
    for files in tenants {
        let context = build::ChannelsContext {
            tenant: &files.id,
            backends: &backend_formats,
            directory: &files.directory.raw,
            body_bytes_max: limits.body_bytes_max,
            bodies_in_memory_max: limits.bodies_in_memory_max,
            dedupe_window,
        };
        let mut check = Check { folder, document: &files.channels.document, report, files: Vec::new() };
        let (accounts, own) = build::channels(&mut check, &files.channels.raw, &context);
        endpoints.extend(own.into_iter().map(|endpoint| (endpoint.id.clone(), Arc::new(endpoint))));
        for raw::Name(name) in files.channels.raw.endpoint.into_keys() {
            if let Some(tenant) = owners.get(&name) {
                let at = KeyPath::default().key("endpoint").key(&name);
                let tenant = tenant.to_string();
                check.report.add(files.channels.document.at(&at), Wrong::EndpointTwice { name, tenant });
            } else {
                owners.insert(name, files.id.clone());
            }
        }
        let mut check = Check { folder, document: &files.directory.document, report, files: Vec::new() };
        let directory = build::directory(&mut check, &files.directory.raw);
        let source = build::source(&mut check, &files.directory.raw);
        let mut check = Check { folder, document: &files.assignment.document, report, files: Vec::new() };
        let assignment = build::assignment(&mut check, files.assignment.raw, &files.directory.raw);
        let mut check = Check { folder, document: &files.roles.document, report, files: Vec::new() };
        build::check_people(&mut check, &files.roles.raw, &files.directory.raw);
        let own = Layer { document: files.roles.document, raw: files.roles.raw };
        let roles = roles::source(folder, own, report);
        let compiled = roles::compile(&roles, &files.id, report);
        let routes = laid::routes(files.routes, folder, report);
        // Against a policy that could not be read, every word would be wrong.
        if compiled.is_some() {
            let mut check = Check { folder, document: &routes.document, report, files: Vec::new() };
            build::check_vocabulary(&mut check, &routes.raw, &roles.source);
        }
        if let Some((policy, keys)) = compiled {
            let mut check = Check { folder, document: &files.tests.document, report, files: Vec::new() };
            let under_test = build::UnderTest {
                tenant: &files.id,
                directory: &directory,
                people_elsewhere: files.directory.raw.source.is_some(),
                queues: &with_queue(&assignment),
                policy: &Arc::new(policy),
                keys: &keys,
            };
            let trials = under_test.ask_all(&mut check, &files.tests.raw);
            build::note_failures(report, &trials);
        }
        let mut check = Check { folder, document: &files.identity.document, report, files: Vec::new() };
        let identity = build::identity(&mut check, files.identity.raw, &mut taken);
        files_read.append(&mut check.files);
        let identity = Arc::new(identity);
        let mut check = Check { folder, document: &routes.document, report, files: Vec::new() };
        build::check_audit(&mut check, &routes.raw, &raw.gate);
        let map = build::routes(&mut check, routes.raw, &apis, raw.gate.body_bytes_max.in_memory());
        of_routes.push((files.id.clone(), routes.document));
        if let Some(map) = &map {
            roles::check_fields(&roles, &map.entities, report);
        }
        let policy = roles.source;
        built.insert(
            files.id.clone(),
            Tenant { id: files.id, directory, source, policy, accounts, assignment, identity, routes: map },
        );
    }
    let maps = of_routes.iter().filter_map(|(tenant, document)| {
        let routes = built.get(tenant).and_then(|built: &Tenant| built.routes.as_ref())?;
        Some(build::Map { tenant, document, routes })
    });
    build::check_shared(report, &maps.collect::<Vec<_>>());
    Some(Config {
        listeners,
        backends,
        store: store?,
        delivery: build::delivery(&raw.delivery),
        egress,
        gate,
        telemetry: build::telemetry(raw.telemetry),
        tenants: built,
        endpoints,
    })
}

/// The version of a configuration while its files are read.
struct Digest(digest::Context);

impl Digest {
    fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    fn add(&mut self, file: &str, text: &str) {
        for part in [file, text] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part.as_bytes());
        }
    }

    fn version(self) -> String {
        let digest = self.0.finish();
        HEXLOWER.encode(digest.as_ref().get(..8).unwrap_or_default())
    }
}
