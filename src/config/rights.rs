//! What a tenant's files say of rights, read without the rest of the configuration: for the commands that ask
//! about a policy, on machines that have none of the channels' secrets.
//!
//! Unlike [`Config::load`](super::Config::load) it goes on if the policy's own tests fail: whoever asks why a
//! test fails needs the policy that fails it.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::{
    build::{self, Check},
    folder,
    interpolate::Env,
    load::Reading,
    mistake::{Mistakes, Place, Report},
    named::Named,
    raw,
    roles::{self, Layer},
    schema::FileKind,
};
use crate::{
    assign::with_queue,
    directory::Directory,
    ids::{TeamId, TenantId},
    policy::Source,
};

/// A tenant's policy, people and tests.
#[derive(Debug)]
pub struct Rights {
    /// Whose.
    pub tenant: TenantId,
    /// Who may do what; it compiles.
    pub policy: Source,
    /// Users and teams of `directory.toml`.
    pub directory: Directory,
    /// Users, their teams and roles come from a directory over HTTP, and those above are not who asks.
    pub people_elsewhere: bool,
    /// Teams whose members are in a queue.
    pub queues: BTreeSet<TeamId>,
    /// What the files mention by name.
    pub named: Named,
    /// The policy's own tests, asked, in the order of their names.
    pub trials: Vec<Trial>,
}

/// A case of `tests.toml`, asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Where it stands.
    pub place: Place,
    /// Who asked what, in words.
    pub question: String,
    /// Which resource.
    pub resource: String,
    /// Which action.
    pub action: String,
    /// The roles of who asked.
    pub roles: Vec<String>,
    /// How the answer differs from what is expected.
    pub failure: Option<Failure>,
}

/// An answer that is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `allow`, `allow-redacted` or `deny`.
    pub expected: &'static str,
    /// `allow` or `deny`.
    pub answer: &'static str,
    /// What made it so.
    pub got: String,
}

/// Why there is nothing to ask about.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The files have mistakes.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// No tenant was named, and there are several.
    #[error("the folder has several tenants ({names}): name one with `--tenant`")]
    WhichTenant {
        /// Their names.
        names: String,
    },
    /// There is no tenant of this name.
    #[error("the folder has no tenant `{name}`; it has: {names}")]
    NoTenant {
        /// The name.
        name: String,
        /// Their names.
        names: String,
    },
}

impl Rights {
    /// Reads `directory.toml`, `roles.toml`, `assignment.toml` and `tests.toml` of a tenant, by default of the only
    /// one. Blocks: reads files.
    ///
    /// # Errors
    /// Every mistake in these files, failing tests aside; or that it is not clear which tenant is meant.
    pub fn read(folder: &Path, tenant: Option<&str>, env: Env<'_>) -> Result<Self, RightsError> {
        let mut report = Report::default();
        let tenants = folder::tenants(folder, &mut report);
        let name = match (tenant, tenants.as_slice()) {
            (None, [only]) => only.clone(),
            (None, []) => return Ok(report.finish(None)?),
            (None, several) => return Err(RightsError::WhichTenant { names: several.join(", ") }),
            (Some(name), _) if tenants.iter().any(|known| known == name) => name.to_owned(),
            (Some(name), known) => return Err(no_tenant(name, known)),
        };
        let rights = read(folder, &name, env, &mut report);
        Ok(report.finish(rights)?)
    }
}

fn no_tenant(name: &str, known: &[String]) -> RightsError {
    RightsError::NoTenant { name: name.to_owned(), names: known.join(", ") }
}

fn read(folder: &Path, name: &str, env: Env<'_>, report: &mut Report) -> Option<Rights> {
    let mut reading = Reading::new(folder, env, report);
    let people = reading.file::<raw::Directory>(FileKind::Directory, Some(name));
    let own = reading.file::<raw::Roles>(FileKind::Roles, Some(name));
    let assignment = reading.file::<raw::Assignment>(FileKind::Assignment, Some(name));
    let tests = reading.file::<raw::Tests>(FileKind::Tests, Some(name));
    if report.has_unreadable_file() {
        return None;
    }
    let tenant = TenantId::new(name);
    let people_elsewhere = people.raw.source.is_some();
    let directory = build::directory(
        &mut Check { folder, document: &people.document, report, files: Vec::new() },
        &people.raw,
    );
    let mut check = Check { folder, document: &assignment.document, report, files: Vec::new() };
    let queues = build::assignment(&mut check, assignment.raw, &people.raw);
    build::check_people(
        &mut Check { folder, document: &own.document, report, files: Vec::new() },
        &own.raw,
        &people.raw,
    );
    let roles = roles::source(folder, Layer { document: own.document, raw: own.raw }, report);
    let (policy, keys) = roles::compile(&roles, &tenant, report)?;
    let mut check = Check { folder, document: &tests.document, report, files: Vec::new() };
    let named = Named::of(folder, name, &roles.source, &queues);
    let queues = with_queue(&queues);
    let under_test = build::UnderTest {
        tenant: &tenant,
        directory: &directory,
        people_elsewhere,
        queues: &queues,
        policy: &Arc::new(policy),
        keys: &keys,
    };
    let trials = under_test.ask_all(&mut check, &tests.raw);
    Some(Rights { tenant, policy: roles.source, directory, people_elsewhere, queues, named, trials })
}
