//! `directory.toml` and `assignment.toml`.

use std::collections::BTreeMap;

use ::http::HeaderValue;

use super::Check;
use crate::{
    assign::Queue,
    config::{
        mistake::{KeyPath, Wrong},
        raw::{self, Who},
    },
    directory::{Directory, Rules, Team, User, http},
    ids::{TeamId, UserId},
};

/// The word for nobody and no team in `headgate-assign` and in `raw` deliveries.
const NONE: &str = "none";

/// Users and teams.
pub(in crate::config) fn directory(check: &mut Check<'_>, raw: &raw::Directory) -> Directory {
    let at = KeyPath::default().key("team");
    for (Who(name), team) in &raw.team {
        let at = at.key(name);
        if let Some(parent) = &team.parent {
            check.declared(&at.key("parent"), "team", parent, &raw.team);
        }
        for (index, member) in team.members.iter().enumerate() {
            check.declared(&at.key("members").index(index), "user", member, &raw.user);
        }
        check.once_each(&at.key("members"), team.members.iter().map(AsRef::as_ref));
        if let Some(cycle) = cycle(raw, name) {
            check.wrong(&at.key("parent"), Wrong::TeamCycle { name: name.clone(), cycle });
        }
    }
    let names = raw.team.keys().map(|name| ("team", name)).chain(raw.user.keys().map(|name| ("user", name)));
    for (what, Who(name)) in names.filter(|(_, Who(name))| name == NONE) {
        check.wrong(&KeyPath::default().key(what).key(name), Wrong::NoneName);
    }
    let teams = raw.team.iter().map(|(Who(name), team)| {
        let members = team.members.iter().map(|Who(name)| UserId::new(name.as_str())).collect();
        let parent = team.parent.as_ref().map(|Who(name)| TeamId::new(name.as_str()));
        (TeamId::new(name.as_str()), Team { parent, members })
    });
    let users = raw.user.iter().map(|(Who(name), user)| {
        let user = User {
            name: user.name.clone(),
            away: user.away,
            active: user.active,
            roles: user.roles.clone(),
            traits: user.traits.clone(),
        };
        (UserId::new(name.as_str()), user)
    });
    Directory::new(teams.collect(), users.collect())
}

/// The directory over HTTP, if there is one.
pub(in crate::config) fn source(check: &mut Check<'_>, raw: &raw::Directory) -> Option<http::Settings> {
    let source = raw.source.as_ref()?;
    let at = KeyPath::default().key("source");
    let authorization = source.token.as_ref().and_then(|token| {
        let mut value = HeaderValue::from_bytes(&[b"Bearer ", token.0.expose()].concat()).ok();
        match &mut value {
            Some(value) => value.set_sensitive(true),
            None => check.wrong(
                &at.key("token"),
                Wrong::Expected { expected: "text without line breaks or control characters".to_owned() },
            ),
        }
        value
    });
    let ages = [("refresh", source.refresh), ("ttl", source.ttl), ("max_stale", source.max_stale)];
    for (shorter, longer) in ages.iter().zip(ages.iter().skip(1)) {
        if shorter.1.0 > longer.1.0 {
            let expected = format!("no more than `{}`", longer.0);
            check.wrong(&at.key(shorter.0), Wrong::Expected { expected });
        }
    }
    Some(http::Settings {
        url: source.url.as_ref().and_then(|url| check.secure(&at.key("url"), url))?,
        authorization,
        timeout: source.timeout.0,
        rules: Rules {
            refresh: source.refresh.0,
            ttl: source.ttl.0,
            negative_ttl: source.negative_ttl.0,
            max_stale: source.max_stale.0,
        },
    })
}

/// The way from a team up to itself, if there is one. Told once per cycle: by its first team.
fn cycle(raw: &raw::Directory, name: &str) -> Option<Vec<String>> {
    let mut way = vec![name.to_owned()];
    let mut team = raw.team.get(&Who(name.to_owned()))?;
    loop {
        let parent = team.parent.as_ref()?;
        way.push(parent.0.clone());
        if parent.0 == name {
            let first = way.iter().min()?;
            return (first == name).then_some(way);
        }
        // A cycle further up, which is told by its own teams.
        if way.len() > raw.team.len() + 1 {
            return None;
        }
        team = raw.team.get(parent)?;
    }
}

/// Queues by team.
pub(in crate::config) fn assignment(
    check: &mut Check<'_>,
    raw: raw::Assignment,
    directory: &raw::Directory,
) -> BTreeMap<TeamId, Queue> {
    let at = KeyPath::default().key("team");
    let queues = raw.team.into_iter().map(|(team, queue)| {
        check.declared(&at.key(team.as_ref()), "team", &team, &directory.team);
        let Who(name) = team;
        for (index, stage) in queue.closed_stages.iter().enumerate() {
            let (pipeline, stage) = stage.split_once('/').unwrap_or_default();
            if pipeline.is_empty() || stage.is_empty() || stage.contains('/') {
                check.wrong(&at.key(&name).key("closed_stages").index(index), Wrong::Stage);
            }
        }
        (TeamId::new(name), Queue { strategy: queue.strategy, closed_stages: queue.closed_stages })
    });
    queues.collect()
}
