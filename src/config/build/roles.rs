//! `roles.toml` and the presets that it uses → a [`Source`].

use std::collections::BTreeMap;

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Wrong},
        raw::{self, RoleName, Word},
    },
    policy::source::{
        App, Assignment, Combine, Condition, Effect, Fields, Forbid, Mode, Of, On, Override, Principal,
        Relation, Role, Rule, Source,
    },
};

/// Takes the parts of a name list.
fn texts<N: AsRef<str>>(names: &[N]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}

/// Lays a file over what was read before it: what it says of the same thing replaces that.
pub(in crate::config) fn lay(source: &mut Source, raw: raw::Roles) {
    source.rules.retain(|rule| !raw.without.contains(&rule.name));
    source.forbids.retain(|forbid| !raw.without.contains(&forbid.name));
    for (Word(name), resource) in raw.resource {
        let actions = source.resources.entry(name).or_default();
        for action in resource.actions {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
    }
    source.aliases.extend(raw.alias.into_iter().map(|(Word(name), Word(of))| (name, of)));
    if let Some(combine) = raw.combine {
        source.combine = match combine {
            raw::Combine::Max => Combine::Max,
            raw::Combine::SpecificThenMax => Combine::SpecificThenMax,
        };
    }
    if let Some(beat) = raw.relations_beat_overrides {
        source.relations_beat_overrides = beat;
    }
    for (Word(name), fields) in raw.profile {
        let fields = fields.into_iter().map(|(Word(resource), fields)| (resource, fields));
        source.profiles.entry(name).or_default().extend(fields);
    }
    lay_role(&mut source.every_role, raw.every_role);
    for (RoleName(name), role) in raw.role {
        lay_role(source.roles.entry(name).or_default(), role);
    }
    for new in raw.rule.into_iter().filter_map(rule) {
        replace(&mut source.rules, new, |old, new| old.name == new.name);
    }
    for new in raw.forbid.into_iter().filter_map(forbid) {
        replace(&mut source.forbids, new, |old, new| old.name == new.name);
    }
    source.secrets.extend(raw.secret.into_iter().map(|(Word(resource), fields)| (resource, fields)));
    for (Word(resource), needs) in raw.needs {
        let fields = source.needs.entry(resource).or_default();
        for (field, right) in needs {
            match right.into_iter().next() {
                Some((Word(resource), action)) => fields.insert(field, (resource, action)),
                None => fields.remove(&field),
            };
        }
    }
    for new in raw.assign.into_iter().filter_map(assignment) {
        replace(&mut source.assignments, new, |old, new| old.role == new.role && old.to == new.to);
    }
    for (Word(name), app) in raw.app {
        let access = app.access.into_iter().map(|to| to.0).collect();
        source.apps.insert(name, App { installed: app.installed.unwrap_or(false), access });
    }
}

fn replace<T>(list: &mut Vec<T>, new: T, same: impl Fn(&T, &T) -> bool) {
    match list.iter_mut().find(|old| same(old, &new)) {
        Some(old) => *old = new,
        None => list.push(new),
    }
}

fn lay_role(role: &mut Role, raw: raw::Role) {
    if !raw.extends.is_empty() {
        role.extends = texts(&raw.extends);
    }
    for (Word(resource), scopes) in raw.grants {
        role.grants.entry(resource).or_default().extend(scopes);
    }
    let overrides: Vec<Override> = raw.overrides.into_iter().chain(raw.stage).filter_map(placed).collect();
    // A file's own overrides stand beside each other, as the policy takes two alike; only earlier files' are
    // replaced, action by action.
    for new in &overrides {
        for old in role.overrides.iter_mut().filter(|old| is_same_place(old, new)) {
            old.scopes.retain(|action, _| !new.scopes.contains_key(action));
        }
    }
    role.overrides.retain(|old| !old.scopes.is_empty());
    role.overrides.extend(overrides);
    for (Word(resource), fields) in raw.fields {
        lay_fields(role.fields.entry(resource).or_default(), fields);
    }
    let raw::Relations { participant, creator, unassigned, queue } = raw.relation;
    for (relation, profiles) in [
        (Relation::Participant, participant),
        (Relation::Creator, creator),
        (Relation::Unassigned, unassigned),
        (Relation::Queue, queue),
    ] {
        for (Word(resource), actions) in profiles {
            let actions = actions.into_iter().map(|(action, Word(profile))| (action, profile));
            role.relations.entry(relation).or_default().entry(resource).or_default().extend(actions);
        }
    }
    role.draft = raw.draft;
    role.cites = raw.cites.or_else(|| role.cites.take());
}

fn is_same_place(one: &Override, other: &Override) -> bool {
    let stages = |of: &Override| {
        let mut stages = of.stage.clone();
        stages.sort();
        stages
    };
    (&one.resource, &one.pipeline, &one.channel, &one.account)
        == (&other.resource, &other.pipeline, &other.channel, &other.account)
        && stages(one) == stages(other)
}

/// A field that the new rules name is in no list of the old ones any more.
fn lay_fields(fields: &mut Fields, raw: raw::Fields) {
    let raw::Fields { hidden, read_only, editable } = raw;
    let named =
        |field: &String| hidden.contains(field) || read_only.contains(field) || editable.contains(field);
    for list in [&mut fields.hidden, &mut fields.read_only, &mut fields.editable] {
        list.retain(|field| !named(field));
    }
    fields.hidden.extend(hidden);
    fields.read_only.extend(read_only);
    fields.editable.extend(editable);
}

fn placed(raw: raw::Override) -> Option<Override> {
    Some(Override {
        resource: raw.resource?.0,
        pipeline: raw.pipeline,
        stage: raw.stage,
        channel: raw.channel,
        account: raw.account,
        mode: match raw.mode {
            None | Some(raw::Mode::Replace) => Mode::Replace,
            Some(raw::Mode::Cap) => Mode::Cap,
            Some(raw::Mode::Raise) => Mode::Raise,
        },
        scopes: raw.scopes,
    })
}

fn rule(raw: raw::Rule) -> Option<Rule> {
    let effect = match raw.effect? {
        raw::Effect::Grant => {
            Effect::Grant { profile: raw.profile.map_or_else(|| FULL.to_owned(), |Word(profile)| profile) }
        }
        raw::Effect::GrantAsAllowed => Effect::GrantAsAllowed,
        raw::Effect::Require => Effect::Require,
    };
    Some(Rule {
        name: raw.name?.0,
        resource: raw.resource?.0,
        actions: raw.actions,
        via: raw.via.map(|Word(via)| via),
        kinds: raw.kinds,
        effect,
        conditions: raw.when.into_iter().filter_map(condition).collect(),
    })
}

/// The profile of every field.
const FULL: &str = "full";

fn condition(raw: raw::Condition) -> Option<Condition> {
    let raw::Condition { any, allowed, held, responsible, related, app } = raw;
    if let Some(any) = any {
        return Some(Condition::Any(any.into_iter().filter_map(alternative).collect()));
    }
    alternative(raw::Alternative { allowed, held, responsible, related, app })
}

fn alternative(raw: raw::Alternative) -> Option<Condition> {
    let on = |on: Option<raw::On>| match on {
        None | Some(raw::On::Object) => On::Object,
        Some(raw::On::Via) => On::Via,
    };
    if let Some(allowed) = raw.allowed {
        let resource = match allowed.resource {
            Some(Word(word)) if word == "kind" => Of::Kind,
            Some(Word(resource)) => Of::Resource(resource),
            None => Of::Via,
        };
        return Some(Condition::Allowed { on: on(allowed.on), resource, action: allowed.action? });
    }
    if let Some(held) = raw.held {
        let scope = held.scope.unwrap_or(crate::policy::Scope::Own);
        return Some(Condition::Held { resource: held.resource?.0, action: held.action?, scope });
    }
    if let Some(related) = raw.related {
        return Some(Condition::Related(on(related.on), relation(related.relation?)));
    }
    if let Some(responsible) = raw.responsible {
        return Some(Condition::Responsible(on(Some(responsible))));
    }
    raw.app.map(|Word(app)| Condition::App(app))
}

fn relation(raw: raw::Relation) -> Relation {
    match raw {
        raw::Relation::Participant => Relation::Participant,
        raw::Relation::Creator => Relation::Creator,
        raw::Relation::Unassigned => Relation::Unassigned,
        raw::Relation::Queue => Relation::Queue,
    }
}

fn forbid(raw: raw::Forbid) -> Option<Forbid> {
    Some(Forbid {
        name: raw.name?.0,
        resource: raw.resource?.0,
        actions: raw.actions,
        users: raw.users,
        teams: raw.teams,
        pipeline: raw.pipeline,
        stage: raw.stage,
        channel: raw.channel,
        account: raw.account,
        role: raw.role.map(|RoleName(role)| role),
        fields: raw.fields,
    })
}

fn assignment(raw: raw::Assign) -> Option<Assignment> {
    let until = raw.until.map(|until| until.0);
    Some(Assignment { role: raw.role?.0, to: raw.to?.0, until, draft: raw.draft })
}

/// Checks what only the file itself can tell: names that are there twice, and keys that mean nothing where they
/// stand.
pub(in crate::config) fn check_roles(check: &mut Check<'_>, raw: &raw::Roles, before: &Source) {
    let at = KeyPath::default();
    for (index, name) in raw.without.iter().enumerate() {
        let known = before.rules.iter().map(|rule| &rule.name);
        let known: BTreeMap<&str, ()> =
            known.chain(before.forbids.iter().map(|f| &f.name)).map(|name| (name.as_str(), ())).collect();
        check.declared(&at.key("without").index(index), "rule or forbid of a preset", &name.as_str(), &known);
    }
    check.once_each_of(&at.key("rule"), raw.rule.iter().map(|rule| rule.name.as_ref()));
    check.once_each_of(&at.key("forbid"), raw.forbid.iter().map(|forbid| forbid.name.as_ref()));
    for key in ["extends", "draft", "cites"] {
        let at = at.key("every_role").key(key);
        if check.document.has(&at) {
            check.wrong(&at, Wrong::OfOneRole);
        }
    }
    for (Word(resource), fields) in &raw.needs {
        for (field, right) in fields.iter().filter(|(_, right)| right.len() > 1) {
            let names = right.keys().map(|Word(name)| name.clone()).collect();
            check.wrong(&at.key("needs").key(resource).key(field), Wrong::OneRight { names });
        }
    }
    for (index, rule) in raw.rule.iter().enumerate() {
        check_rule(check, &at.key("rule").index(index), rule);
    }
}

fn check_rule(check: &mut Check<'_>, at: &KeyPath, rule: &raw::Rule) {
    if rule.profile.is_some() && rule.effect != Some(raw::Effect::Grant) {
        check.wrong(&at.key("profile"), Wrong::ProfileOfGrant);
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let at = at.key("when").index(index);
        if let Some(allowed) = &condition.allowed {
            check_allowed(check, &at.key("allowed"), allowed);
        }
        for (index, alternative) in condition.any.iter().flatten().enumerate() {
            if let Some(allowed) = &alternative.allowed {
                check_allowed(check, &at.key("any").index(index).key("allowed"), allowed);
            }
        }
    }
}

fn check_allowed(check: &mut Check<'_>, at: &KeyPath, allowed: &raw::AllowedOn) {
    if allowed.resource.is_none() && allowed.on != Some(raw::On::Via) {
        check.wrong(&at.key("as"), Wrong::AsWhat);
    }
}

/// Checks users and teams against the directory's file. One that declares nobody leaves that to where its people
/// come from.
pub(in crate::config) fn check_people(check: &mut Check<'_>, raw: &raw::Roles, directory: &raw::Directory) {
    let at = KeyPath::default();
    for (index, assign) in raw.assign.iter().enumerate() {
        if let Some(to) = &assign.to {
            check_principal(check, &at.key("assign").index(index).key("to"), &to.0, directory);
        }
    }
    for (Word(name), app) in &raw.app {
        for (index, to) in app.access.iter().enumerate() {
            check_principal(check, &at.key("app").key(name).key("access").index(index), &to.0, directory);
        }
    }
    for (index, forbid) in raw.forbid.iter().enumerate() {
        let at = at.key("forbid").index(index);
        for (index, user) in forbid.users.iter().enumerate() {
            check_principal(check, &at.key("users").index(index), &Principal::User(user.clone()), directory);
        }
        for (index, team) in forbid.teams.iter().enumerate() {
            check_principal(check, &at.key("teams").index(index), &Principal::Team(team.clone()), directory);
        }
    }
}

fn check_principal(check: &mut Check<'_>, at: &KeyPath, to: &Principal, directory: &raw::Directory) {
    match to {
        Principal::User(name) if !directory.user.is_empty() => {
            check.declared(at, "user", &raw::Who(name.clone()), &directory.user);
        }
        Principal::Team(name) | Principal::TeamTree(name) if !directory.team.is_empty() => {
            check.declared(at, "team", &raw::Who(name.clone()), &directory.team);
        }
        Principal::User(_)
        | Principal::Team(_)
        | Principal::TeamTree(_)
        | Principal::Trait(_)
        | Principal::Everyone => {}
    }
}
