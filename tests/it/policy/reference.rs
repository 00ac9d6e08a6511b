//! A second `decide`, slow and obvious: straight on a [`Source`], with names, as its documentation and `docs/policy.md` say
//! it. It shares nothing with the engine but the source's types.

use std::collections::{BTreeMap, BTreeSet};

use headgate::{
    ids::Timestamp,
    policy::{
        Relation, Scope, Source,
        source::{
            ANY, Combine, Condition, Effect, Fields, Forbid, Mode, Of, On, Override, Principal, Role, Rule,
        },
    },
};

use super::world::{Ask, Person, Teams, Thing, is_within};

/// A policy and the teams of its people.
pub(super) struct Reference<'a> {
    source: &'a Source,
    tenant: &'a str,
    teams: &'a Teams,
    /// Every role that is in force, with all that it begins with, uppermost first.
    roles: BTreeMap<&'a str, Vec<&'a Role>>,
}

/// A person with the roles that are in force for them.
pub(super) struct Asker<'a> {
    person: &'a Person,
    roles: BTreeSet<&'a str>,
}

/// Why a right is there: from this follow the fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    resource: String,
    action: String,
    /// Roles whose scope covers the object.
    granting: Vec<String>,
    /// Roles of which a relation holds, each with its profile.
    related: Vec<(String, String)>,
    /// Profiles that rules give.
    ruled: Vec<String>,
    /// Another right, whose fields are shown too.
    as_other: Option<Box<Ways>>,
}

impl<'a> Reference<'a> {
    pub(super) fn new(source: &'a Source, tenant: &'a str, teams: &'a Teams) -> Self {
        let in_force = source.roles.iter().filter(|(_, role)| !role.draft);
        let roles = in_force.map(|(name, _)| (name.as_str(), layers(source, name))).collect();
        Self { source, tenant, teams, roles }
    }

    /// The person with all roles that assignments and the directory give.
    pub(super) fn asker<'p>(&self, person: &'p Person, now: Timestamp) -> Asker<'p>
    where
        'a: 'p,
    {
        let mut names: Vec<&str> = person.roles.iter().map(String::as_str).collect();
        for assignment in &self.source.assignments {
            let ended = assignment.until.is_some_and(|until| now >= until);
            if !assignment.draft && !ended && self.is(person, &assignment.to) {
                names.push(&assignment.role);
            }
        }
        let roles =
            names.into_iter().filter_map(|name| self.roles.get_key_value(name).map(|(name, _)| *name));
        Asker { person, roles: roles.collect() }
    }

    fn is(&self, person: &Person, principal: &Principal) -> bool {
        match principal {
            Principal::User(name) => *name == person.user,
            Principal::Team(name) => person.teams.contains(name),
            Principal::TeamTree(name) => person.teams.iter().any(|team| is_within(self.teams, team, name)),
            Principal::Trait(name) => person.traits.contains(name),
            Principal::Everyone => true,
        }
    }

    /// Whether it is allowed, and by which ways.
    pub(super) fn decide(&self, asker: &Asker<'_>, ask: &Ask) -> Option<Ways> {
        let mut object = ask.object.as_ref();
        while let Some(thing) = object {
            if thing.tenant != asker.person.tenant {
                return None;
            }
            object = thing.via.as_deref().map(|(_, thing)| thing);
        }
        if asker.person.tenant != self.tenant || !asker.person.active {
            return None;
        }
        let ways = self.right(asker, &ask.resource, &ask.action, ask.object.as_ref())?;
        let writable = ask.writes.iter().all(|field| self.writes(asker, &ways, field, ask.object.as_ref()));
        writable.then_some(ways)
    }

    /// The name that is declared, for a name or another name of it.
    fn declared(&self, resource: &str) -> Option<&'a str> {
        let source = self.source;
        let name = source.aliases.get(resource).map_or(resource, String::as_str);
        source.resources.get_key_value(name).map(|(name, _)| name.as_str())
    }

    fn is_resource(&self, named: &str, resource: &str) -> bool {
        named == ANY || self.declared(named) == Some(resource)
    }

    /// A right, fields aside.
    fn right(&self, asker: &Asker<'_>, resource: &str, action: &str, object: Option<&Thing>) -> Option<Ways> {
        let resource = self.declared(resource)?;
        if !self.source.resources[resource].iter().any(|known| known == action) {
            return None;
        }
        let whole_forbids = self.source.forbids.iter().filter(|forbid| forbid.fields.is_empty());
        if whole_forbids.into_iter().any(|forbid| self.forbids(forbid, asker, resource, action, object)) {
            return None;
        }
        let mut ways = Ways { resource: resource.to_owned(), action: action.to_owned(), ..Ways::default() };
        self.grants(asker, &mut ways, object);
        if let Some(object) = object {
            self.relations(asker, &mut ways, object);
        }
        let ruled = self.rules(asker, &mut ways, object);
        if ways.granting.is_empty() && ways.related.is_empty() && !ruled {
            return None;
        }
        let conditions = self.rules_of(resource, action).filter(|rule| rule.effect == Effect::Require);
        for rule in conditions {
            if self.applies(rule, object) && !self.all_hold(rule, asker, object) {
                return None;
            }
        }
        Some(ways)
    }

    /// Each role's scope after its override; which of them count; whether they cover the object.
    fn grants(&self, asker: &Asker<'_>, ways: &mut Ways, object: Option<&Thing>) {
        let placed: Vec<_> = asker.roles.iter().map(|role| (role, self.placed(role, ways, object))).collect();
        let most = placed.iter().map(|(_, placed)| placed.stands).max();
        let alike = placed.iter().filter(|(_, placed)| Some(placed.stands) == most).count();
        let mut granting = Vec::new();
        for (role, placed) in placed {
            let counts = match self.source.combine {
                Combine::Max => true,
                // Whichever of two it is whose override counts alone: none is sure.
                Combine::SpecificThenMax if most == Some(Stands::Perhaps) && alike > 1 => false,
                Combine::SpecificThenMax => Some(placed.stands) == most,
            };
            if counts && placed.scopes.iter().all(|scope| self.covers(*scope, asker, object)) {
                granting.push((*role).to_owned());
            }
        }
        ways.granting = granting;
    }

    /// What the role grants, wherever the object stands: of the uppermost layer that says something, the more
    /// exact name.
    fn base(&self, role: &str, resource: &str, action: &str) -> Scope {
        self.layer_says(role, |layer| self.most_exact(&layer.grants, resource, action)).unwrap_or_default()
    }

    /// What the uppermost layer of a role says that says anything.
    fn layer_says<T>(&self, role: &str, says: impl Fn(&Role) -> Option<T>) -> Option<T> {
        self.roles[role].iter().find_map(|layer| says(layer))
    }

    /// A single resource before `*`, then a single action before `*`.
    fn most_exact<T: Clone>(
        &self,
        table: &BTreeMap<String, BTreeMap<String, T>>,
        resource: &str,
        action: &str,
    ) -> Option<T> {
        let single = table.iter().find(|(name, _)| *name != ANY && self.declared(name) == Some(resource));
        let of = |actions: &BTreeMap<String, T>| actions.get(action).or_else(|| actions.get(ANY)).cloned();
        single.and_then(|(_, actions)| of(actions)).or_else(|| table.get(ANY).and_then(of))
    }

    /// The role's overrides of a right by their places, each stage for itself, with the scope that each makes of the
    /// grant. Of the same place the uppermost layer's counts; of two in one layer, the narrower.
    fn overrides(&self, role: &str, ways: &Ways) -> BTreeMap<At<'a>, Scope> {
        let base = self.base(role, &ways.resource, &ways.action);
        let mut found = BTreeMap::new();
        for layer in &self.roles[role] {
            let mut of_layer = BTreeMap::new();
            for change in &layer.overrides {
                let Some(scope) = change.scopes.get(&ways.action).or_else(|| change.scopes.get(ANY)) else {
                    continue;
                };
                if self.is_resource(&change.resource, &ways.resource) {
                    let scope = after(change.mode, base, *scope);
                    for at in At::of(change) {
                        let narrowest = of_layer.entry(at).or_insert(scope);
                        *narrowest = scope.min(*narrowest);
                    }
                }
            }
            for (at, scope) in of_layer {
                found.entry(at).or_insert(scope);
            }
        }
        found
    }

    /// What the role may grant where the object stands: what the most specific override that matches makes of its
    /// grant, and what every more specific one makes of it that may match, for all that is known.
    fn placed(&self, role: &str, ways: &Ways, object: Option<&Thing>) -> Placed {
        let base = self.base(role, &ways.resource, &ways.action);
        let Some(object) = object else {
            return Placed { stands: Stands::Elsewhere, scopes: vec![base] };
        };
        let overrides = self.overrides(role, ways);
        let standing = |wanted: Stands| {
            let fits = overrides.iter().filter(move |(at, _)| at.stands(object) == wanted);
            fits.map(|(at, scope)| (at.specificity(), *scope))
        };
        let sure = standing(Stands::There).max_by_key(|(specific, _)| *specific);
        let mut scopes = vec![sure.map_or(base, |(_, scope)| scope)];
        let perhaps = standing(Stands::Perhaps);
        scopes.extend(
            perhaps.filter(|(of, _)| sure.is_none_or(|(sure, _)| *of >= sure)).map(|(_, scope)| scope),
        );
        let stands = match (sure, scopes.len()) {
            (Some(_), _) => Stands::There,
            (None, 1) => Stands::Elsewhere,
            (None, _) => Stands::Perhaps,
        };
        Placed { stands, scopes }
    }

    fn covers(&self, scope: Scope, asker: &Asker<'_>, object: Option<&Thing>) -> bool {
        let Some(object) = object else {
            return scope > Scope::None;
        };
        let person = asker.person;
        let own = object.responsible.as_ref() == Some(&person.user);
        let counts = object.responsible.is_some() || object.own_team;
        let of_team = |fits: &dyn Fn(&String) -> bool| own || (counts && object.teams.iter().any(fits));
        let team = of_team(&|team| person.teams.contains(team));
        let tree = team || of_team(&|team| person.teams.iter().any(|top| is_within(self.teams, team, top)));
        match scope {
            Scope::None => false,
            Scope::Own => own,
            Scope::Team => team,
            Scope::TeamTree => tree,
            Scope::Open => tree || object.open,
            Scope::All => true,
        }
    }

    fn relations(&self, asker: &Asker<'_>, ways: &mut Ways, object: &Thing) {
        for role in &asker.roles {
            let placed = self.placed(role, ways, Some(object));
            let covered = placed.scopes.iter().all(|scope| self.covers(*scope, asker, Some(object)));
            let refused = placed.stands != Stands::Elsewhere && !covered;
            if refused && !self.source.relations_beat_overrides {
                continue;
            }
            for relation in [Relation::Participant, Relation::Creator, Relation::Unassigned, Relation::Queue]
            {
                let profile = self.layer_says(role, |layer| {
                    self.most_exact(layer.relations.get(&relation)?, &ways.resource, &ways.action)
                });
                if let Some(profile) = profile
                    && is_related(asker.person, object, relation)
                {
                    ways.related.push(((*role).to_owned(), profile));
                }
            }
        }
    }

    fn rules_of<'r>(&'r self, resource: &'r str, action: &'r str) -> impl Iterator<Item = &'a Rule> + 'r {
        self.source.rules.iter().filter(move |rule| {
            self.is_resource(&rule.resource, resource)
                && rule.actions.iter().any(|of| of == action || of == ANY)
        })
    }

    /// Notes what rules give; whether one gives anything.
    fn rules(&self, asker: &Asker<'_>, ways: &mut Ways, object: Option<&Thing>) -> bool {
        let mut given = false;
        if asker.roles.is_empty() {
            return false;
        }
        let (resource, action) = (ways.resource.clone(), ways.action.clone());
        for rule in self.rules_of(&resource, &action) {
            if !self.applies(rule, object) || !self.all_hold(rule, asker, object) {
                continue;
            }
            match &rule.effect {
                Effect::Require => continue,
                Effect::Grant { profile } => ways.ruled.push(profile.clone()),
                Effect::GrantAsAllowed => {
                    let other = rule.conditions.iter().find_map(|condition| match condition {
                        Condition::Allowed { on, resource, action } => {
                            self.allowed(*on, resource, action, asker, object)
                        }
                        _ => None,
                    });
                    ways.as_other = Some(Box::new(other.unwrap()));
                }
            }
            given = true;
        }
        given
    }

    fn applies(&self, rule: &Rule, object: Option<&Thing>) -> bool {
        let via = rule.via.as_ref().is_none_or(|wanted| {
            let via = object.and_then(|object| object.via.as_deref());
            via.is_some_and(|(resource, _)| {
                self.declared(resource).is_some() && self.declared(resource) == self.declared(wanted)
            })
        });
        let same = |kind: &String, wanted: &String| {
            kind == wanted || (self.declared(kind).is_some() && self.declared(kind) == self.declared(wanted))
        };
        let kind = object.and_then(|object| object.kind.as_ref());
        let in_doubt = object.is_some() && rule.effect == Effect::Require;
        let kind = rule.kinds.is_empty()
            || kind.map_or(in_doubt, |kind| rule.kinds.iter().any(|wanted| same(kind, wanted)));
        via && kind
    }

    fn all_hold(&self, rule: &Rule, asker: &Asker<'_>, object: Option<&Thing>) -> bool {
        rule.conditions.iter().all(|condition| self.holds(condition, asker, object))
    }

    fn holds(&self, condition: &Condition, asker: &Asker<'_>, object: Option<&Thing>) -> bool {
        let on = |on: On| match on {
            On::Object => object,
            On::Via => self.via(object).map(|(_, thing)| thing),
        };
        match condition {
            Condition::Any(conditions) => conditions.iter().any(|one| self.holds(one, asker, object)),
            Condition::Allowed { on, resource, action } => {
                self.allowed(*on, resource, action, asker, object).is_some()
            }
            Condition::Held { resource, action, scope } => self.held(asker, resource, action) >= *scope,
            Condition::Responsible(which) => {
                on(*which).is_some_and(|thing| thing.responsible.as_ref() == Some(&asker.person.user))
            }
            Condition::Related(which, relation) => {
                on(*which).is_some_and(|thing| is_related(asker.person, thing, *relation))
            }
            Condition::App(name) => {
                let app = &self.source.apps[name];
                let listed = app.access.iter().any(|to| self.is(asker.person, to));
                app.installed && (app.access.is_empty() || listed)
            }
        }
    }

    /// The object through which this one is reached, if the policy knows what it is.
    fn via<'t>(&self, object: Option<&'t Thing>) -> Option<(&'a str, &'t Thing)> {
        let (resource, thing) = object?.via.as_deref()?;
        Some((self.declared(resource)?, thing))
    }

    fn allowed(
        &self,
        on: On,
        resource: &Of,
        action: &str,
        asker: &Asker<'_>,
        object: Option<&Thing>,
    ) -> Option<Ways> {
        let asked = match on {
            On::Object => object,
            On::Via => Some(self.via(object)?.1),
        };
        let resource = match resource {
            Of::Resource(name) => name.clone(),
            Of::Kind => asked?.kind.clone()?,
            Of::Via => self.via(object)?.0.to_owned(),
        };
        self.right(asker, &resource, action, asked)
    }

    /// The widest scope, whatever the object; none where it is forbidden whatever the object.
    fn held(&self, asker: &Asker<'_>, resource: &str, action: &str) -> Scope {
        let resource = self.declared(resource).unwrap();
        let mut whole = self.source.forbids.iter().filter(|forbid| forbid.fields.is_empty());
        if whole.any(|forbid| self.forbids(forbid, asker, resource, action, None)) {
            return Scope::None;
        }
        asker.roles.iter().map(|role| self.base(role, resource, action)).max().unwrap_or_default()
    }

    fn forbids(
        &self,
        forbid: &Forbid,
        asker: &Asker<'_>,
        resource: &str,
        action: &str,
        object: Option<&Thing>,
    ) -> bool {
        let may_be = |wanted: &Option<String>, of: fn(&Thing) -> &Option<String>| {
            let known = object.map(|object| of(object).as_ref());
            wanted.is_none() || known.is_some_and(|known| part(wanted.as_ref(), known) != Stands::Elsewhere)
        };
        let stage = forbid.stage.is_empty()
            || object
                .is_some_and(|object| object.stage.as_ref().is_none_or(|stage| forbid.stage.contains(stage)));
        self.is_resource(&forbid.resource, resource)
            && (forbid.actions.is_empty() || forbid.actions.iter().any(|of| of == action || of == ANY))
            && (forbid.users.is_empty() || forbid.users.contains(&asker.person.user))
            && (forbid.teams.is_empty() || forbid.teams.iter().any(|team| asker.person.teams.contains(team)))
            && may_be(&forbid.pipeline, |thing| &thing.pipeline)
            && may_be(&forbid.channel, |thing| &thing.channel)
            && may_be(&forbid.account, |thing| &thing.account)
            && stage
            && may_be(&forbid.role, |thing| &thing.role)
    }

    /// Whether the answer shows the field.
    pub(super) fn sees(&self, asker: &Asker<'_>, ways: &Ways, field: &str, object: Option<&Thing>) -> bool {
        self.opens(asker, ways, field, object, Purpose::See)
    }

    /// Whether the field may be written.
    pub(super) fn writes(&self, asker: &Asker<'_>, ways: &Ways, field: &str, object: Option<&Thing>) -> bool {
        self.opens(asker, ways, field, object, Purpose::Write)
    }

    fn opens(
        &self,
        asker: &Asker<'_>,
        ways: &Ways,
        field: &str,
        object: Option<&Thing>,
        purpose: Purpose,
    ) -> bool {
        if self.is_withheld(asker, ways, field, object, purpose) {
            return false;
        }
        self.opens_by(asker, ways, field, purpose)
            || ways.as_other.as_ref().is_some_and(|other| {
                !self.is_withheld(asker, other, field, object, purpose)
                    && self.opens_by(asker, other, field, purpose)
            })
    }

    /// The field is kept back whoever grants it: forbidden, needing a right that is not held, or secret.
    fn is_withheld(
        &self,
        asker: &Asker<'_>,
        ways: &Ways,
        field: &str,
        object: Option<&Thing>,
        purpose: Purpose,
    ) -> bool {
        let resource = &ways.resource;
        let forbidden = self.source.forbids.iter().any(|forbid| {
            forbid.fields.iter().any(|pattern| fits(pattern, field))
                && self.forbids(forbid, asker, resource, &ways.action, object)
        });
        let unheld = self
            .need(resource, field)
            .is_some_and(|(needed, action)| self.held(asker, needed, action) == Scope::None);
        let secret = purpose == Purpose::See && self.is_secret(resource, field) && {
            let edit = self.right(asker, resource, "edit", object);
            let mut granting = edit.iter().flat_map(|edit| &edit.granting);
            !granting.any(|role| self.access(role, resource, field) == Access::Editable)
        };
        forbidden || unheld || secret
    }

    fn opens_by(&self, asker: &Asker<'_>, ways: &Ways, field: &str, purpose: Purpose) -> bool {
        let resource = &ways.resource;
        let enough = |role: &str| match purpose {
            Purpose::See => self.access(role, resource, field) != Access::Hidden,
            Purpose::Write => self.access(role, resource, field) == Access::Editable,
        };
        ways.granting.iter().any(|role| enough(role))
            || ways.related.iter().any(|(role, profile)| enough(role) && self.shows(profile, resource, field))
            || ways.ruled.iter().any(|profile| self.shows(profile, resource, field))
                && asker.roles.iter().any(|role| enough(role))
    }

    fn need(&self, resource: &str, field: &str) -> Option<(&'a str, &'a str)> {
        let named = self.source.needs.iter().filter(|(name, _)| self.is_resource(name, resource));
        let fields = named.flat_map(|(_, fields)| fields);
        let (_, (needed, action)) = fields
            .filter(|(pattern, _)| fits(pattern, field))
            .max_by_key(|(pattern, _)| exactness(pattern))?;
        Some((needed, action))
    }

    fn is_secret(&self, resource: &str, field: &str) -> bool {
        let mut named = self.source.secrets.iter().filter(|(name, _)| self.is_resource(name, resource));
        named.any(|(_, fields)| fields.iter().any(|pattern| fits(pattern, field)))
    }

    fn shows(&self, profile: &str, resource: &str, field: &str) -> bool {
        profile == "full"
            || self.source.profiles[profile].iter().any(|(name, fields)| {
                self.is_resource(name, resource) && fields.iter().any(|pattern| fits(pattern, field))
            })
    }

    /// What the role says of the field: the uppermost layer that names it.
    fn access(&self, role: &str, resource: &str, field: &str) -> Access {
        let said = self.layer_says(role, |layer| {
            let single =
                layer.fields.iter().find(|(name, _)| *name != ANY && self.is_resource(name, resource));
            let any = layer.fields.get(ANY);
            single.and_then(|(_, fields)| access_of(fields, field)).or_else(|| access_of(any?, field))
        });
        said.unwrap_or(Access::Editable)
    }
}

/// What the lists say of a field: the most exact name counts, of two alike the stricter list.
fn access_of(fields: &Fields, field: &str) -> Option<Access> {
    let lists = [
        (&fields.hidden, Access::Hidden),
        (&fields.read_only, Access::ReadOnly),
        (&fields.editable, Access::Editable),
    ];
    let found = lists.iter().flat_map(|(list, access)| {
        let covering = list.iter().filter(|pattern| fits(pattern, field));
        covering.map(|pattern| (exactness(pattern), *access))
    });
    let found: Vec<_> = found.collect();
    let most = found.iter().map(|(exact, _)| *exact).max()?;
    found.iter().filter(|(exact, _)| *exact == most).map(|(_, access)| *access).min()
}

/// What is to be done with a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    See,
    Write,
}

/// What a role says of a field, strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Hidden,
    ReadOnly,
    Editable,
}

/// A name, `x.*` for all that begin with `x.`, or `*`.
fn fits(pattern: &str, field: &str) -> bool {
    pattern == ANY
        || pattern == field
        || pattern.strip_suffix('*').is_some_and(|stem| stem.ends_with('.') && field.starts_with(stem))
}

/// A whole name before `x.y.*` before `x.*` before `*`.
fn exactness(pattern: &str) -> (usize, usize) {
    if pattern == ANY {
        (0, 0)
    } else if pattern.ends_with(".*") {
        (1, pattern.len())
    } else {
        (2, 0)
    }
}

/// Whether something is at a place, for all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Elsewhere,
    Perhaps,
    There,
}

/// What a role may grant at an object's place.
struct Placed {
    stands: Stands,
    scopes: Vec<Scope>,
}

/// The place of an override; what is `None` is anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At<'a> {
    account: Option<&'a String>,
    channel: Option<&'a String>,
    stage: Option<&'a String>,
    pipeline: Option<&'a String>,
}

impl<'a> At<'a> {
    fn of(change: &'a Override) -> Vec<Self> {
        let (account, channel) = (change.account.as_ref(), change.channel.as_ref());
        let at = Self { account, channel, stage: None, pipeline: change.pipeline.as_ref() };
        match &*change.stage {
            [] => vec![at],
            stages => stages.iter().map(|stage| Self { stage: Some(stage), ..at }).collect(),
        }
    }

    fn stands(&self, thing: &Thing) -> Stands {
        let parts = [
            (self.account, &thing.account),
            (self.channel, &thing.channel),
            (self.stage, &thing.stage),
            (self.pipeline, &thing.pipeline),
        ];
        parts.into_iter().map(|(wanted, known)| part(wanted, known.as_ref())).min().unwrap()
    }

    /// `account` before `channel` before `stage` before `pipeline`.
    fn specificity(&self) -> (bool, bool, bool, bool) {
        (self.account.is_some(), self.channel.is_some(), self.stage.is_some(), self.pipeline.is_some())
    }
}

fn part(wanted: Option<&String>, known: Option<&String>) -> Stands {
    match (wanted, known) {
        (None, _) => Stands::There,
        (Some(_), None) => Stands::Perhaps,
        (Some(wanted), Some(known)) if wanted == known => Stands::There,
        (Some(_), Some(_)) => Stands::Elsewhere,
    }
}

fn after(mode: Mode, base: Scope, scope: Scope) -> Scope {
    match mode {
        Mode::Replace => scope,
        Mode::Cap => base.min(scope),
        Mode::Raise => base.max(scope),
    }
}

fn is_related(person: &Person, thing: &Thing, relation: Relation) -> bool {
    match relation {
        Relation::Participant => thing.participants.contains(&person.user),
        Relation::Creator => thing.creator.as_ref() == Some(&person.user),
        Relation::Unassigned => thing.unassigned && thing.responsible.is_none(),
        Relation::Queue => thing.queue.as_ref().is_some_and(|queue| person.queues.contains(queue)),
    }
}

/// The role, over those that it extends (the last uppermost), over what every role has. Uppermost first.
fn layers<'a>(source: &'a Source, name: &str) -> Vec<&'a Role> {
    fn with_bases<'a>(source: &'a Source, name: &str) -> Vec<&'a Role> {
        let own = &source.roles[name];
        let bases = own.extends.iter().rev().flat_map(|base| with_bases(source, base));
        [own].into_iter().chain(bases).collect()
    }
    with_bases(source, name).into_iter().chain(source.every_role.iter().rev()).collect()
}
