//! `roles.toml` and the presets that it uses → a [`Source`].

use std::collections::BTreeMap;

use super::Check;
use crate::{
    config::{
        document::Document,
        mistake::{KeyPath, Place, Wrong},
        raw::{self, RoleName, Word},
    },
    policy::{
        Scope, Source,
        source::{
            App, Assignment, Combine, Condition, Effect, Fields, Forbid, Mode, Of, On, Override, Principal,
            Relation, Role, Rule,
        },
    },
};

/// Takes the parts of a name list.
fn texts<N: AsRef<str>>(names: &[N]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}

/// Lays files over each other: what a later one says of the same thing replaces what the earlier ones say.
#[derive(Debug, Default)]
pub(in crate::config) struct Laid {
    pub(in crate::config) source: Source,
    pub(in crate::config) origins: Origins,
}

impl Laid {
    /// Lays the next file, called `file`, over what was read before it.
    pub(in crate::config) fn lay(&mut self, file: &str, raw: raw::Roles) {
        let source = &mut self.source;
        let layer = self.origins.next_layer();
        source.rules.retain(|rule| !raw.without.contains(&rule.name));
        source.forbids.retain(|forbid| !raw.without.contains(&forbid.name));
        for (Word(name), resource) in raw.resource {
            let actions = source.resources.entry(name).or_default();
            let new: Vec<_> =
                resource.actions.into_iter().filter(|action| !actions.contains(action)).collect();
            actions.extend(new);
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
        let every = role(raw.every_role);
        if every != Role::default() {
            self.origins.every_role.push(layer);
            source.every_role.push(every);
        }
        for (RoleName(name), raw) in raw.role {
            let mut role = role(raw);
            // The role as it was before goes on under another name, and the new one begins with it.
            if let Some(before) = source.roles.remove(&name) {
                let other = format!("{name} before {file}");
                self.origins.rename_role(&name, &other);
                role.cites = role.cites.or_else(|| before.cites.clone());
                role.extends.insert(0, other.clone());
                source.roles.insert(other, before);
            }
            self.origins.roles.insert(name.clone(), layer);
            source.roles.insert(name, role);
        }
        for (index, raw) in raw.rule.into_iter().enumerate() {
            if let Some(new) = rule(raw) {
                self.origins.rules.insert(new.name.clone(), (layer, index));
                replace(&mut source.rules, new, |old, new| old.name == new.name);
            }
        }
        for (index, raw) in raw.forbid.into_iter().enumerate() {
            if let Some(new) = forbid(raw) {
                self.origins.forbids.insert(new.name.clone(), (layer, index));
                replace(&mut source.forbids, new, |old, new| old.name == new.name);
            }
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
        for (index, raw) in raw.assign.into_iter().enumerate() {
            if let Some(new) = assignment(raw) {
                let same = |old: &Assignment| old.role == new.role && old.to == new.to;
                if let Some(at) = source.assignments.iter().position(same) {
                    source.assignments.remove(at);
                    self.origins.assignments.remove(at);
                }
                source.assignments.push(new);
                self.origins.assignments.push((layer, index));
            }
        }
        for (Word(name), app) in raw.app {
            let access = app.access.into_iter().map(|to| to.0).collect();
            source.apps.insert(name, App { installed: app.installed.unwrap_or(false), access });
        }
    }
}

fn replace<T>(list: &mut Vec<T>, new: T, same: impl Fn(&T, &T) -> bool) {
    match list.iter_mut().find(|old| same(old, &new)) {
        Some(old) => *old = new,
        None => list.push(new),
    }
}

fn role(raw: raw::Role) -> Role {
    let raw::Relations { participant, creator, unassigned, queue } = raw.relation;
    let relations = [
        (Relation::Participant, participant),
        (Relation::Creator, creator),
        (Relation::Unassigned, unassigned),
        (Relation::Queue, queue),
    ];
    let relations = relations.into_iter().filter(|(_, resources)| !resources.is_empty());
    let resources = |resources: raw::Profiles| {
        let resources = resources.into_iter().map(|(Word(resource), actions)| {
            let actions = actions.into_iter().map(|(action, Word(profile))| (action, profile));
            (resource, actions.collect())
        });
        resources.collect()
    };
    let fields =
        raw.fields.into_iter().map(|(Word(resource), raw::Fields { hidden, read_only, editable })| {
            (resource, Fields { hidden, read_only, editable })
        });
    Role {
        extends: texts(&raw.extends),
        grants: raw.grants.into_iter().map(|(Word(resource), scopes)| (resource, scopes)).collect(),
        overrides: raw.overrides.into_iter().chain(raw.stage).filter_map(placed).collect(),
        fields: fields.collect(),
        relations: relations.map(|(relation, of)| (relation, resources(of))).collect(),
        draft: raw.draft,
        shadow: raw.shadow,
        cites: raw.cites,
    }
}

/// Where the parts of a [`Source`] stand in the files that were laid over each other: the number of the file, and
/// for lists the position in it.
#[derive(Debug, Default)]
pub(in crate::config) struct Origins {
    layers: usize,
    every_role: Vec<usize>,
    roles: BTreeMap<String, usize>,
    /// What a role was called in its file, where it has another name now.
    renamed: BTreeMap<String, String>,
    rules: BTreeMap<String, (usize, usize)>,
    forbids: BTreeMap<String, (usize, usize)>,
    assignments: Vec<(usize, usize)>,
}

impl Origins {
    fn next_layer(&mut self) -> usize {
        self.layers += 1;
        self.layers - 1
    }

    fn rename_role(&mut self, name: &str, other: &str) {
        if let Some(layer) = self.roles.remove(name) {
            self.roles.insert(other.to_owned(), layer);
        }
        self.renamed.insert(other.to_owned(), name.to_owned());
    }

    /// The place of what stands [`at`](crate::policy::Problem::at) these words of a [`Source`].
    pub(in crate::config) fn place(&self, at: &[String], documents: &[&Document]) -> Place {
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        let root = KeyPath::default();
        let listed = |list: &str, origin: Option<&(usize, usize)>, rest: &[&str]| {
            let (layer, index) = origin.copied().unwrap_or_default();
            (Some(layer), rest.iter().fold(root.key(list).index(index), |at, key| at.key(*key)))
        };
        let (layer, path) = match at.as_slice() {
            ["role", name, rest @ ..] => {
                let layer = self.roles.get(*name).copied();
                let written = self.renamed.get(*name).map_or(*name, String::as_str);
                let document = layer.and_then(|layer| documents.get(layer).copied());
                let begins_with = self.renamed.values().filter(|old| old.as_str() == *name).count();
                (layer, of_role(&root.key("role").key(written), rest, document, begins_with))
            }
            ["every_role", position, rest @ ..] => {
                let position: Option<usize> = position.parse().ok();
                let layer = position.and_then(|position| self.every_role.get(position)).copied();
                let document = layer.and_then(|layer| documents.get(layer).copied());
                (layer, of_role(&root.key("every_role"), rest, document, 0))
            }
            ["rule", name, rest @ ..] => {
                let (layer, mut path) = listed("rule", self.rules.get(*name), &[]);
                let mut list = "when";
                let mut rest = rest.iter();
                while let Some(key) = rest.next() {
                    let index = rest.as_slice().first().and_then(|index| index.parse().ok());
                    match (*key, index) {
                        ("conditions", Some(index)) => {
                            path = path.key(list).index(index);
                            list = "any";
                            rest.next();
                        }
                        _ => path = path.key(*key),
                    }
                }
                (layer, path)
            }
            ["forbid", name, rest @ ..] => listed("forbid", self.forbids.get(*name), rest),
            ["assignment", index, rest @ ..] => {
                let index: Option<usize> = index.parse().ok();
                listed("assign", index.and_then(|index| self.assignments.get(index)), rest)
            }
            ["need", rest @ ..] => (None, rest.iter().fold(root.key("needs"), |at, key| at.key(*key))),
            rest => (None, rest.iter().fold(root, |at, key| at.key(*key))),
        };
        let saying = |document: &&&Document| {
            let mut part = Some(path.clone()).filter(|path| !path.steps().is_empty());
            while let Some(here) = part {
                if document.has(&here) {
                    return true;
                }
                part = here.parent().filter(|path| !path.steps().is_empty());
            }
            false
        };
        let document =
            layer.and_then(|layer| documents.get(layer)).or_else(|| documents.iter().rev().find(saying));
        match document.or_else(|| documents.last()) {
            Some(document) => document.at(&path),
            None => Place { file: String::new(), line: None, path },
        }
    }
}

/// The path of a part of a role, in the words of the file. A role that was there before stands first among those
/// that it extends, and not in the file.
fn of_role(at: &KeyPath, rest: &[&str], document: Option<&Document>, before: usize) -> KeyPath {
    match rest {
        ["extends", index, ..] => {
            let index = index.parse().unwrap_or(0_usize).saturating_sub(before);
            at.key("extends").index(index)
        }
        ["overrides", index, rest @ ..] => {
            let index: usize = index.parse().unwrap_or_default();
            let has = |index: usize| {
                document.is_some_and(|document| document.has(&at.key("override").index(index)))
            };
            let of_override = (0..).take_while(|index| has(*index)).count();
            let at = match index.checked_sub(of_override) {
                Some(index) => at.key("stage").index(index),
                None => at.key("override").index(index),
            };
            rest.iter().filter(|key| **key != "scopes").fold(at, |at, key| at.key(*key))
        }
        ["relations", rest @ ..] => rest.iter().fold(at.key("relation"), |at, key| at.key(*key)),
        rest => rest.iter().fold(at.clone(), |at, key| at.key(*key)),
    }
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
        let scope = held.scope.unwrap_or(Scope::Own);
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
    for key in ["extends", "draft", "shadow", "cites"] {
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
