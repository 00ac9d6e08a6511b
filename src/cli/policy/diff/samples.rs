//! The objects that both policies are asked about: one of each kind that a policy can tell apart.

use std::collections::BTreeSet;

use crate::{
    ids::TeamId,
    policy::{
        Source,
        source::{ANY, Rule},
        words::Object,
    },
};

/// Somebody else: no user's name has a space.
const SOMEBODY: &str = "somebody else";

/// An object to ask about.
#[derive(Debug)]
pub(super) struct Sample {
    /// What it is, to people.
    pub(super) label: String,
    /// `None`: the resource as such.
    pub(super) object: Option<Object>,
    /// Only of this resource, by a name that either policy knows.
    pub(super) resource: Option<String>,
    /// More general samples: where one of them changes in the same way, this one need not be told.
    pub(super) like: Vec<usize>,
}

/// The objects for a subject of this name; `teams` are those that either policy counts as the subject's.
pub(super) fn samples(name: &str, teams: &BTreeSet<TeamId>, sources: &[&Source]) -> Vec<Sample> {
    let mut samples = generals(name, teams);
    let objects = samples.len();
    for place in places(sources) {
        // The first has no object and so no place.
        let moved = samples.len().saturating_sub(1);
        for at in 1..objects {
            if let Some(special) = samples.get(at).and_then(|general| place.at(general, at, moved)) {
                samples.push(special);
            }
        }
    }
    for rule in sources.iter().flat_map(|source| &source.rules) {
        for sample in of_rule(rule, OTHERS, SOMEBODY, name).into_iter().chain(of_rule(rule, OWN, name, name))
        {
            let same = |other: &Sample| other.label == sample.label && other.resource == sample.resource;
            if !samples.iter().any(same) {
                samples.push(sample);
            }
        }
    }
    samples
}

/// Places of the most general samples.
const OWN: usize = 1;
const OTHERS: usize = 2;

fn generals(name: &str, teams: &BTreeSet<TeamId>) -> Vec<Sample> {
    let general = |label: &str, like: &[usize], object| Sample {
        label: label.to_owned(),
        object,
        resource: None,
        like: like.to_vec(),
    };
    let of = |user: &str| Object { responsible: Some(user.to_owned()), ..Object::default() };
    let somebodys = of(SOMEBODY);
    let mut samples = vec![
        general("as such", &[], None),
        general("own", &[], Some(of(name))),
        general("others'", &[], Some(somebodys.clone())),
    ];
    for (what, object) in [
        ("open to all", Object { open: true, ..somebodys.clone() }),
        ("taking part", Object { participants: vec![name.to_owned()], ..somebodys.clone() }),
        ("made by them", Object { creator: Some(name.to_owned()), ..somebodys.clone() }),
        ("unassigned", Object { unassigned: true, ..Object::default() }),
    ] {
        samples.push(general(what, &[OTHERS], Some(object)));
    }
    for team in teams {
        let teams = vec![team.to_string()];
        let theirs = Object { teams: Some(teams.clone()), ..somebodys.clone() };
        let waiting = Object { unassigned: true, own_teams: teams, ..Object::default() };
        let served = Object { queue: Some(team.to_string()), ..somebodys.clone() };
        let of_team = samples.len();
        samples.push(general(&format!("of team {team}"), &[OTHERS], Some(theirs)));
        samples.push(general(&format!("waiting in team {team}"), &[OTHERS, of_team], Some(waiting)));
        samples.push(general(&format!("served by the queue of {team}"), &[OTHERS], Some(served)));
    }
    samples
}

/// Where an override or forbid applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    resource: Option<String>,
    pipeline: Option<String>,
    stage: Option<String>,
    channel: Option<String>,
    account: Option<String>,
    role: Option<String>,
}

fn places(sources: &[&Source]) -> BTreeSet<At> {
    let mut places = BTreeSet::new();
    let resource = |name: &String| (name != ANY).then(|| name.clone());
    for source in sources {
        let roles = source.roles.values().chain(&source.every_role);
        for change in roles.flat_map(|role| &role.overrides) {
            let at = At {
                resource: resource(&change.resource),
                pipeline: change.pipeline.clone(),
                channel: change.channel.clone(),
                account: change.account.clone(),
                ..At::default()
            };
            places.extend(at.with_stages(&change.stage));
        }
        for forbid in &source.forbids {
            let at = At {
                resource: resource(&forbid.resource),
                pipeline: forbid.pipeline.clone(),
                channel: forbid.channel.clone(),
                account: forbid.account.clone(),
                role: forbid.role.clone(),
                ..At::default()
            };
            places.extend(at.with_stages(&forbid.stage));
        }
    }
    places.retain(|at| At { resource: None, ..at.clone() } != At::default());
    places
}

impl At {
    fn with_stages(self, stages: &[String]) -> Vec<Self> {
        let with = |stage: &String| Self { stage: Some(stage.clone()), ..self.clone() };
        if stages.is_empty() { vec![self.clone()] } else { stages.iter().map(with).collect() }
    }

    /// A general sample at this place; the other general ones stand there `moved` further on in the list.
    fn at(&self, general: &Sample, at: usize, moved: usize) -> Option<Sample> {
        let object = Object {
            pipeline: self.pipeline.clone(),
            stage: self.stage.clone(),
            channel: self.channel.clone(),
            account: self.account.clone(),
            role: self.role.clone(),
            ..general.object.clone()?
        };
        let parts = [
            ("pipeline", &self.pipeline),
            ("stage", &self.stage),
            ("channel", &self.channel),
            ("account", &self.account),
            ("role", &self.role),
        ];
        let parts = parts.iter().filter_map(|(part, name)| Some(format!("{part} {}", name.as_ref()?)));
        let label = format!("{} at {}", general.label, parts.collect::<Vec<_>>().join(", "));
        let like = general.like.iter().map(|like| like + moved).chain([at]).collect();
        Some(Sample { label, object: Some(object), resource: self.resource.clone(), like })
    }
}

/// Objects of a rule's kinds, reached as it says.
fn of_rule(rule: &Rule, like: usize, responsible: &str, name: &str) -> Vec<Sample> {
    let whose = if like == OWN { "own" } else { "others'" };
    let kinds = rule.kinds.iter().map(Some).chain(rule.kinds.is_empty().then_some(None));
    let mut found = Vec::new();
    for kind in kinds {
        let of_kind = kind.map(|kind| format!(" of kind {kind}")).unwrap_or_default();
        let base =
            Object { responsible: Some(responsible.to_owned()), kind: kind.cloned(), ..Object::default() };
        let sample = |label, object| Sample {
            label,
            object: Some(object),
            resource: Some(rule.resource.clone()),
            like: vec![like],
        };
        let Some(via) = &rule.via else {
            if kind.is_some() {
                found.push(sample(format!("{whose}{of_kind}"), base));
            }
            continue;
        };
        let outer = Object { responsible: Some(SOMEBODY.to_owned()), ..Object::default() };
        let own = Object { responsible: Some(name.to_owned()), ..Object::default() };
        let part = Object { participants: vec![name.to_owned()], ..outer.clone() };
        for (how, outer) in [("own", own), ("other's", outer), ("shared", part)] {
            let label = format!("{whose}{of_kind} through {how} {via}");
            found.push(sample(label, Object { via: Some(Box::new((via.clone(), outer))), ..base.clone() }));
        }
    }
    found
}
