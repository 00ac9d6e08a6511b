//! What a subject may under one policy and not under the other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::samples::{Sample, samples};
use crate::{
    cli::policy::people::{People, Subject},
    policy::{ActionNo, Decision, Facts, FieldNo, Question, ResourceNo, Scope, decide},
};

/// How one right of one subject changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub(super) resource: String,
    pub(super) action: String,
    /// The widest scope before and after.
    pub(super) scope: [Scope; 2],
    /// Objects that are reached now.
    pub(super) gains: Reach,
    /// Objects that are reached no more.
    pub(super) loses: Reach,
    /// Fields of objects that are reached before and after.
    pub(super) fields: Vec<FieldChange>,
}

/// Kinds of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Reach {
    /// `everything` stands for all there are.
    pub(super) objects: Vec<String>,
    /// Special cases of these of which it is not so.
    pub(super) but_not: Vec<String>,
}

/// Fields that are open now or no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FieldChange {
    /// `shows`, `no longer shows`, `writes`, `no longer writes`.
    pub(super) what: &'static str,
    /// The fields; `*` is every one that no rule names.
    pub(super) fields: Vec<String>,
    /// Of which objects.
    pub(super) of: Vec<String>,
}

impl Reach {
    pub(super) const fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// In words.
    pub(super) fn text(&self) -> String {
        let objects = self.objects.join(", ");
        if self.but_not.is_empty() {
            objects
        } else {
            format!("{objects}; but not {}", self.but_not.join(", "))
        }
    }
}

/// A right in both policies.
struct Right {
    resource: String,
    action: String,
    fields: Vec<String>,
    sides: [Option<Numbers>; 2],
}

struct Numbers {
    resource: ResourceNo,
    action: ActionNo,
    /// As in [`Right::fields`].
    fields: Vec<FieldNo>,
}

/// The rights of two policies.
pub(super) struct Rights(Vec<Right>);

impl Rights {
    pub(super) fn of(sides: &[People; 2]) -> Self {
        let mut names: BTreeSet<(String, String)> = BTreeSet::new();
        for People { policy, .. } in sides {
            for resource in policy.resources() {
                let name = policy.resource_name(resource);
                let actions = policy.actions_of(resource);
                names.extend(actions.map(|action| (name.to_owned(), policy.action_name(action).to_owned())));
            }
        }
        let rights = names.into_iter().map(|(resource, action)| {
            let mut fields = BTreeSet::new();
            for People { policy, .. } in sides {
                if let Some(of) = policy.resource(&resource) {
                    fields.extend(policy.fields_of(of).map(|field| policy.field_name(of, field).to_owned()));
                }
            }
            let fields: Vec<String> = fields.into_iter().collect();
            let sides = sides.each_ref().map(|side| {
                let (of, to) = side.right(&resource, &action).ok()?;
                let fields = fields.iter().map(|name| side.policy.field(of, name)).collect();
                Some(Numbers { resource: of, action: to, fields })
            });
            Right { resource, action, fields, sides }
        });
        Self(rights.collect())
    }

    /// Everything that changes for a subject, who may be absent on one side.
    pub(super) fn changes(
        &self,
        name: &str,
        sides: &[People; 2],
        subjects: [Option<&Subject>; 2],
    ) -> Vec<Change> {
        let teams =
            subjects.into_iter().flatten().flat_map(|subject| subject.teams.iter().cloned()).collect();
        let samples = samples(name, &teams, &sides.each_ref().map(|side| &side.rights.policy));
        let asked: Vec<[Vec<Verdict>; 2]> = samples
            .iter()
            .map(|sample| [0, 1].map(|side| self.verdicts(side, sides, subjects, sample)))
            .collect();
        let rights = self.0.iter().enumerate();
        let changes = rights.filter_map(|(at, right)| {
            let of = |sample: &Sample| sample.resource.as_ref().is_none_or(|name| right.is_of(name, sides));
            let verdicts: Vec<Option<[&Verdict; 2]>> = samples
                .iter()
                .zip(&asked)
                .map(|(sample, [before, after])| of(sample).then_some([before.get(at)?, after.get(at)?]))
                .collect();
            right.change(&samples, &verdicts, right.scopes(subjects))
        });
        changes.collect()
    }

    /// What is answered about a sample, by right.
    fn verdicts(
        &self,
        side: usize,
        sides: &[People; 2],
        subjects: [Option<&Subject>; 2],
        sample: &Sample,
    ) -> Vec<Verdict> {
        let (Some(people), Some(Some(subject))) = (sides.get(side), subjects.get(side)) else {
            return self.0.iter().map(|_| Verdict::default()).collect();
        };
        let ask = |facts: Option<&Facts<'_>>| {
            let rights = self.0.iter().map(|right| right.verdict(side, subject, facts));
            rights.collect::<Vec<_>>()
        };
        match &sample.object {
            None => ask(None),
            Some(object) => object.with_facts(people.lexicon(), &mut |facts| ask(Some(facts))),
        }
    }
}

/// An answer: no, or the fields that are shown and written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Verdict {
    allowed: bool,
    shown: Vec<bool>,
    written: Vec<bool>,
}

impl Right {
    fn verdict(&self, side: usize, subject: &Subject, object: Option<&Facts<'_>>) -> Verdict {
        let Some(Some(Numbers { resource, action, fields })) = self.sides.get(side) else {
            return Verdict::default();
        };
        let question = Question { resource: *resource, action: *action, object, writes: &[] };
        let grants = &subject.actor.grants;
        match decide(&subject.actor, question) {
            Decision::Deny(_) => Verdict::default(),
            Decision::Allow(allowed) => Verdict {
                allowed: true,
                shown: fields.iter().map(|field| grants.sees(&allowed, *field)).collect(),
                written: fields.iter().map(|field| grants.writes(&allowed, *field)).collect(),
            },
        }
    }

    /// Whether a resource of this name or alias is this one's, in either policy.
    fn is_of(&self, name: &str, sides: &[People; 2]) -> bool {
        name == self.resource
            || sides.iter().zip(&self.sides).any(|(side, numbers)| {
                let of = side.policy.resource(name);
                of.is_some() && of == numbers.as_ref().map(|numbers| numbers.resource)
            })
    }

    fn scopes(&self, subjects: [Option<&Subject>; 2]) -> [Scope; 2] {
        let scope = |subject: Option<&Subject>, numbers: &Option<Numbers>| {
            let (subject, numbers) = (subject?, numbers.as_ref()?);
            let active = subject.actor.active;
            active.then(|| subject.actor.grants.widest(numbers.resource, numbers.action))
        };
        let [before, after] = subjects;
        let [old, new] = &self.sides;
        [scope(before, old).unwrap_or_default(), scope(after, new).unwrap_or_default()]
    }

    fn change(
        &self,
        samples: &[Sample],
        verdicts: &[Option<[&Verdict; 2]>],
        scope: [Scope; 2],
    ) -> Option<Change> {
        let at = |index: usize| verdicts.get(index).copied().flatten();
        // What is so of every object is not told again of special ones.
        let told_by_like = |sample: &Sample, same: &dyn Fn([&Verdict; 2]) -> bool| {
            sample.like.iter().filter_map(|like| at(*like)).any(same)
        };
        let reached = |wanted: [bool; 2]| {
            let is = |verdicts: [&Verdict; 2]| verdicts.map(|verdict| verdict.allowed) == wanted;
            let changed = samples.iter().zip(verdicts);
            let changed =
                changed.filter(|(sample, verdicts)| verdicts.is_some_and(is) && !told_by_like(sample, &is));
            let objects = summed_up(changed.map(|(sample, _)| sample).collect(), samples);
            let [_, after] = wanted;
            let is_otherwise = |sample: &Sample, verdicts: Option<[&Verdict; 2]>| {
                let otherwise = |[_, now]: [&Verdict; 2]| now.allowed != after;
                verdicts.is_some_and(otherwise) && told_by_like(sample, &is)
            };
            let of_more = |sample: &Sample| {
                let like =
                    |like: &usize| samples.get(*like).is_some_and(|more| is_otherwise(more, at(*like)));
                sample.like.iter().any(like)
            };
            let exceptions = samples
                .iter()
                .zip(verdicts)
                .filter(|(sample, verdicts)| is_otherwise(sample, **verdicts) && !of_more(sample));
            Reach { objects, but_not: exceptions.map(|(sample, _)| sample.label.clone()).collect() }
        };
        let mut fields: BTreeMap<(&'static str, Vec<String>), Vec<String>> = BTreeMap::new();
        let objects = samples.iter().enumerate().filter(|(_, sample)| sample.object.is_some());
        for (index, sample) in objects {
            let Some([before, after]) = at(index).filter(|both| both.iter().all(|verdict| verdict.allowed))
            else {
                continue;
            };
            for (what, changed) in self.opened(before, after) {
                let same = |[before, after]: [&Verdict; 2]| {
                    before.allowed
                        && after.allowed
                        && self.opened(before, after).contains(&(what, changed.clone()))
                };
                if !told_by_like(sample, &same) {
                    fields.entry((what, changed.clone())).or_default().push(sample.label.clone());
                }
            }
        }
        let fields = fields.into_iter().map(|((what, fields), of)| FieldChange { what, fields, of });
        let change = Change {
            resource: self.resource.clone(),
            action: self.action.clone(),
            scope,
            gains: reached([false, true]),
            loses: reached([true, false]),
            fields: fields.collect(),
        };
        let [before, after] = scope;
        let same = before == after && change.gains.is_empty() && change.loses.is_empty();
        (!same || !change.fields.is_empty()).then_some(change)
    }

    /// Fields that are open in one of two answers and not in the other.
    fn opened(&self, before: &Verdict, after: &Verdict) -> Vec<(&'static str, Vec<String>)> {
        let only = |more: &[bool], less: &[bool]| -> Vec<String> {
            let fields = self.fields.iter().zip(more.iter().zip(less));
            fields.filter(|(_, (more, less))| **more && !**less).map(|(name, _)| name.clone()).collect()
        };
        let all = [
            ("shows", only(&after.shown, &before.shown)),
            ("no longer shows", only(&before.shown, &after.shown)),
            ("writes", only(&after.written, &before.written)),
            ("no longer writes", only(&before.written, &after.written)),
        ];
        all.into_iter().filter(|(_, fields)| !fields.is_empty()).collect()
    }
}

/// Labels; `everything` in place of all that are no special cases.
fn summed_up(changed: Vec<&Sample>, samples: &[Sample]) -> Vec<String> {
    let (general, special): (Vec<&Sample>, Vec<&Sample>) =
        changed.into_iter().partition(|sample| sample.like.is_empty());
    let all = samples.iter().filter(|sample| sample.like.is_empty()).count();
    let mut labels: Vec<String> = if general.len() == all {
        vec!["everything".to_owned()]
    } else {
        general.iter().map(|sample| sample.label.clone()).collect()
    };
    labels.extend(special.iter().map(|sample| sample.label.clone()));
    labels
}
