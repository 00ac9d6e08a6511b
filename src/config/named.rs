//! Names that a tenant's files mention: what a question about an object may mean by a pipeline, stage, channel, account or
//! kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{document, folder, schema::FileKind};
use crate::{assign::Queue, channel::Channel, ids::TeamId, policy::Source};

/// Names by what they are of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Of pipelines.
    pub pipelines: BTreeSet<String>,
    /// Of stages.
    pub stages: BTreeSet<String>,
    /// Of channels: those there are, and what routes call others.
    pub channels: BTreeSet<String>,
    /// Of accounts.
    pub accounts: BTreeSet<String>,
    /// Of kinds: those of rules, and resources.
    pub kinds: BTreeSet<String>,
}

impl Named {
    /// What the policy, the queues and the other files of a tenant mention. Blocks: reads files.
    pub(super) fn of(folder: &Path, tenant: &str, policy: &Source, queues: &BTreeMap<TeamId, Queue>) -> Self {
        let mut named = Self::default();
        let roles = policy.roles.values().chain(&policy.every_role);
        for change in roles.flat_map(|role| &role.overrides) {
            named.place(
                [&change.pipeline, &change.channel, &change.account].map(Option::as_ref),
                &change.stage,
            );
        }
        for forbid in &policy.forbids {
            named.place(
                [&forbid.pipeline, &forbid.channel, &forbid.account].map(Option::as_ref),
                &forbid.stage,
            );
        }
        for (pipeline, stage) in
            queues.values().flat_map(|queue| &queue.closed_stages).filter_map(|at| at.split_once('/'))
        {
            named.pipelines.insert(pipeline.to_owned());
            named.stages.insert(stage.to_owned());
        }
        named.kinds.extend(policy.rules.iter().flat_map(|rule| &rule.kinds).cloned());
        named.kinds.extend(policy.resources.keys().chain(policy.aliases.keys()).cloned());
        named.channels.extend(Channel::ALL.map(|channel| channel.as_str().to_owned()));
        if let Some(channels) = table(folder, tenant, FileKind::Channels) {
            named.accounts.extend(members(&channels, "account").map(|(name, _)| name.clone()));
        }
        if let Some(routes) = table(folder, tenant, FileKind::Routes) {
            let said =
                members(&routes, "entity").filter_map(|(_, entity)| entity.get("channels")?.as_table());
            let names = said.flat_map(toml::Table::values).filter_map(toml::Value::as_str);
            named.channels.extend(names.map(ToOwned::to_owned));
        }
        named
    }

    fn place(&mut self, [pipeline, channel, account]: [Option<&String>; 3], stages: &[String]) {
        self.pipelines.extend(pipeline.cloned());
        self.stages.extend(stages.iter().cloned());
        self.channels.extend(channel.cloned());
        self.accounts.extend(account.cloned());
    }
}

/// A file as it is written: names need no secret that it mentions. One that cannot be read has no names.
fn table(folder: &Path, tenant: &str, kind: FileKind) -> Option<toml::Table> {
    let file = folder.join(folder::TENANTS).join(tenant).join(kind.file());
    document::text(&file).ok()?.parse().ok()
}

fn members<'t>(table: &'t toml::Table, name: &str) -> impl Iterator<Item = (&'t String, &'t toml::Value)> {
    table.get(name).and_then(toml::Value::as_table).into_iter().flatten()
}
