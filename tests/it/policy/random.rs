//! Random policies, people and questions: small worlds in which names meet often.

use std::collections::BTreeMap;

use headgate::policy::{
    Relation, Scope, Source,
    source::{
        ANY, App, Assignment, Combine, Condition, Effect, Fields, Forbid, Mode, Of, On, Override, Principal,
        Role, Rule,
    },
};

use super::world::{Ask, Person, Teams, Thing};

pub(crate) const RESOURCES: [&str; 4] = ["lead", "contact", "chat", "media"];
pub(super) const ACTIONS: [&str; 4] = ["view", "edit", "send", "export"];
pub(crate) const ROLES: [&str; 5] = ["one", "two", "three", "four", "five"];
/// Names that rules name, and some that none does.
pub(super) const FIELDS: [&str; 7] =
    ["name", "budget", "smtp.host", "smtp.password", "smtp.tls.key", "custom", "other"];
const PATTERNS: [&str; 8] =
    ["name", "budget", "smtp.host", "smtp.password", "smtp.*", "smtp.tls.*", "custom", "*"];
const USERS: [&str; 4] = ["ana", "ben", "cem", "dia"];
const TEAMS: [&str; 5] = ["company", "sales", "north", "support", "lone"];
const PLACES: [&str; 3] = ["new", "won", "elsewhere"];
const TRAITS: [&str; 2] = ["first-user", "partner"];

/// A source of random choices, the same for the same seed.
pub(crate) struct Dice(pub(crate) fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Whether something happens that does so one time in `times`.
    pub(crate) fn one_in(&mut self, times: u32) -> bool {
        self.0.u32(..times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.0.usize(..among.len())]
    }

    pub(crate) fn name(&mut self, among: &[&str]) -> String {
        self.pick(among).to_owned()
    }

    fn some(&mut self, among: &[&str], one_in: u32) -> Vec<String> {
        among.iter().filter(|_| self.one_in(one_in)).map(|name| (*name).to_owned()).collect()
    }

    fn maybe(&mut self, among: &[&str], one_in: u32) -> Option<String> {
        self.one_in(one_in).then(|| self.name(among))
    }

    fn or_any(&mut self, among: &[&str], one_in: u32) -> String {
        if self.one_in(one_in) { ANY.to_owned() } else { self.name(among) }
    }

    fn scope(&mut self) -> Scope {
        self.pick(&Scope::ALL)
    }

    fn table<T>(
        &mut self,
        size: usize,
        value: &mut dyn FnMut(&mut Self) -> T,
    ) -> BTreeMap<String, BTreeMap<String, T>> {
        let mut table: BTreeMap<String, BTreeMap<String, T>> = BTreeMap::new();
        for _ in 0..self.0.usize(..=size) {
            let (resource, action) = (self.or_any(&RESOURCES, 6), self.or_any(&ACTIONS, 6));
            let value = value(self);
            table.entry(resource).or_default().insert(action, value);
        }
        table
    }

    fn relation(&mut self) -> Relation {
        self.pick(&[Relation::Participant, Relation::Creator, Relation::Unassigned, Relation::Queue])
    }

    fn profile(&mut self) -> String {
        self.name(&["full", "card", "bare"])
    }

    fn overridden(&mut self) -> Override {
        let mut change = Override {
            resource: self.or_any(&RESOURCES, 8),
            pipeline: self.maybe(&PLACES, 2),
            stage: self.some(&PLACES, 3),
            channel: self.maybe(&PLACES, 4),
            account: self.maybe(&PLACES, 6),
            mode: self.pick(&[Mode::Replace, Mode::Cap, Mode::Raise]),
            scopes: BTreeMap::new(),
        };
        if change.pipeline.is_none()
            && change.channel.is_none()
            && change.account.is_none()
            && change.stage.is_empty()
        {
            change.stage.push("won".to_owned());
        }
        for _ in 0..self.0.usize(1..=2) {
            let scope = match change.mode {
                Mode::Cap => self.pick(&Scope::ALL[..5]),
                Mode::Raise => self.pick(&Scope::ALL[1..]),
                Mode::Replace => self.scope(),
            };
            change.scopes.insert(self.or_any(&ACTIONS, 6), scope);
        }
        change
    }

    fn fields(&mut self) -> Fields {
        let mut fields = Fields::default();
        for pattern in PATTERNS {
            match self.0.u32(..8) {
                0 => fields.hidden.push(pattern.to_owned()),
                1 => fields.read_only.push(pattern.to_owned()),
                2 => fields.editable.push(pattern.to_owned()),
                _ => {}
            }
        }
        fields
    }

    /// A role that may extend those before it.
    fn role(&mut self, before: &[&str]) -> Role {
        let mut role = Role {
            extends: self.some(before, 4),
            grants: self.table(6, &mut Self::scope),
            draft: false,
            ..Role::default()
        };
        for _ in 0..self.0.usize(..=2) {
            role.overrides.push(self.overridden());
        }
        for resource in RESOURCES.into_iter().chain([ANY]) {
            if self.one_in(5) {
                role.fields.insert(resource.to_owned(), self.fields());
            }
        }
        if self.one_in(2) {
            let relation = self.relation();
            let table = self.table(2, &mut Self::profile);
            role.relations.insert(relation, table);
        }
        role
    }

    fn on(&mut self) -> On {
        self.pick(&[On::Object, On::Via])
    }

    /// A condition of a rule of this rank; it asks only rights of lower ranks about the same object, so that
    /// nothing goes in a circle.
    fn condition(&mut self, rank: usize, deep: bool) -> Condition {
        match self.0.u32(..7) {
            0 if !deep => Condition::Any((0..2).map(|_| self.condition(rank, true)).collect()),
            1 => Condition::Held {
                resource: self.name(&RESOURCES),
                action: self.name(&ACTIONS),
                scope: self.scope(),
            },
            2 => Condition::Responsible(self.on()),
            3 => Condition::Related(self.on(), self.relation()),
            4 => Condition::App(self.name(&["app", "missing-app"])),
            5 => Condition::Allowed { on: On::Via, resource: Of::Via, action: self.name(&ACTIONS) },
            _ => Condition::Allowed {
                on: On::Object,
                resource: Of::Resource(RESOURCES[self.0.usize(..=rank)].to_owned()),
                action: "view".to_owned(),
            },
        }
    }

    fn rule(&mut self, number: usize) -> Rule {
        let rank = self.0.usize(1..RESOURCES.len());
        let as_allowed = number == 0 && self.one_in(2);
        let effect = match self.0.u32(..3) {
            _ if as_allowed => Effect::GrantAsAllowed,
            0 => Effect::Require,
            _ => Effect::Grant { profile: self.profile() },
        };
        let mut conditions: Vec<_> =
            (0..self.0.usize(..=2)).map(|_| self.condition(rank - 1, false)).collect();
        if as_allowed {
            let resource = Of::Resource(RESOURCES[self.0.usize(..rank)].to_owned());
            conditions.push(Condition::Allowed { on: On::Object, resource, action: "view".to_owned() });
        }
        Rule {
            name: format!("rule-{number}"),
            resource: RESOURCES[rank].to_owned(),
            actions: if as_allowed { vec!["send".to_owned()] } else { vec![self.or_any(&ACTIONS, 5)] },
            via: self.maybe(&RESOURCES, 3),
            kinds: if self.one_in(4) { self.some(&["lead", "deal", "email"], 2) } else { Vec::new() },
            effect,
            conditions,
        }
    }

    fn forbid(&mut self, number: usize) -> Forbid {
        Forbid {
            name: format!("forbid-{number}"),
            resource: self.or_any(&RESOURCES, 5),
            actions: self.some(&ACTIONS, 3),
            users: if self.one_in(3) { self.some(&USERS, 3) } else { Vec::new() },
            teams: if self.one_in(3) { self.some(&TEAMS, 4) } else { Vec::new() },
            pipeline: self.maybe(&PLACES, 4),
            stage: if self.one_in(3) { self.some(&PLACES, 2) } else { Vec::new() },
            channel: self.maybe(&PLACES, 6),
            account: self.maybe(&PLACES, 8),
            role: self.maybe(&ROLES, 8),
            fields: if self.one_in(2) { self.some(&PATTERNS, 5) } else { Vec::new() },
        }
    }

    fn principal(&mut self) -> Principal {
        match self.0.u32(..5) {
            0 => Principal::User(self.name(&USERS)),
            1 => Principal::Team(self.name(&TEAMS)),
            2 => Principal::TeamTree(self.name(&TEAMS)),
            3 => Principal::Trait(self.name(&TRAITS)),
            _ => Principal::Everyone,
        }
    }

    pub(crate) fn source(&mut self) -> Source {
        let mut source = Source {
            resources: RESOURCES.map(|name| (name.to_owned(), ACTIONS.map(str::to_owned).to_vec())).into(),
            aliases: [("deal".to_owned(), "lead".to_owned())].into(),
            combine: self.pick(&[Combine::Max, Combine::SpecificThenMax]),
            relations_beat_overrides: self.one_in(2),
            ..Source::default()
        };
        for profile in ["card", "bare"] {
            let fields = RESOURCES.map(|resource| (resource.to_owned(), self.some(&PATTERNS[..7], 3)));
            source.profiles.insert(profile.to_owned(), fields.into());
        }
        for _ in 0..self.0.usize(..=2) {
            source.every_role.push(self.role(&[]));
        }
        for (at, name) in ROLES.iter().enumerate() {
            let mut role = self.role(&ROLES[..at]);
            // One that nothing extends may be a draft.
            role.draft = at == ROLES.len() - 1 && self.one_in(2);
            source.roles.insert((*name).to_owned(), role);
        }
        for number in 0..self.0.usize(..=4) {
            source.rules.push(self.rule(number));
        }
        for number in 0..self.0.usize(..=3) {
            source.forbids.push(self.forbid(number));
        }
        for resource in RESOURCES {
            if self.one_in(4) {
                source.secrets.insert(resource.to_owned(), self.some(&PATTERNS[..7], 4));
            }
            if self.one_in(4) {
                let needs = self.some(&PATTERNS[..7], 5).into_iter();
                let needs =
                    needs.map(|field| (field, (self.name(&RESOURCES), self.name(&ACTIONS)))).collect();
                source.needs.insert(resource.to_owned(), needs);
            }
        }
        for _ in 0..self.0.usize(..=3) {
            source.assignments.push(Assignment {
                role: self.name(&ROLES),
                to: self.principal(),
                until: None,
                draft: self.one_in(4),
            });
        }
        for name in ["app", "missing-app"] {
            let access = (0..self.0.usize(..=2)).map(|_| self.principal()).collect();
            source.apps.insert(name.to_owned(), App { installed: name == "app", access });
        }
        source
    }

    pub(super) fn person(&mut self, tenant: &str) -> Person {
        Person {
            tenant: tenant.to_owned(),
            user: self.name(&USERS),
            teams: self.some(&TEAMS, 4),
            traits: self.some(&TRAITS, 4),
            roles: self.some(&ROLES, 3),
            queues: self.some(&TEAMS, 4),
            active: !self.one_in(40),
        }
    }

    pub(crate) fn thing(&mut self, tenant: &str, deep: u32) -> Thing {
        let responsible = self.maybe(&USERS, 2);
        Thing {
            tenant: if self.one_in(60) { "other".to_owned() } else { tenant.to_owned() },
            unassigned: responsible.is_none() && self.one_in(2),
            responsible,
            teams: self.some(&TEAMS, 5),
            own_team: self.one_in(4),
            participants: self.some(&USERS, 4),
            creator: self.maybe(&USERS, 4),
            queue: self.maybe(&TEAMS, 4),
            open: self.one_in(6),
            pipeline: self.maybe(&PLACES, 2),
            stage: self.maybe(&PLACES, 2),
            channel: self.maybe(&PLACES, 3),
            account: self.maybe(&PLACES, 4),
            kind: self.maybe(&["lead", "deal", "email", "unheard-of"], 3),
            role: self.maybe(&ROLES, 4),
            via: (deep > 0 && self.one_in(2))
                .then(|| Box::new((self.name(&RESOURCES), self.thing(tenant, deep - 1)))),
        }
    }

    /// Takes one thing away that is known of an object, and tells which.
    pub(super) fn forget(&mut self, thing: &mut Thing) -> &'static str {
        type Fact = (&'static str, fn(&mut Thing));
        const FACTS: [Fact; 12] = [
            ("who is responsible", |thing| (thing.responsible, thing.unassigned) = (None, false)),
            ("its teams", |thing| thing.teams.clear()),
            ("whose teams they are", |thing| thing.own_team = false),
            ("who takes part", |thing| thing.participants.clear()),
            ("who made it", |thing| thing.creator = None),
            ("its queue", |thing| thing.queue = None),
            ("its pipeline", |thing| thing.pipeline = None),
            ("its stage", |thing| thing.stage = None),
            ("its channel", |thing| thing.channel = None),
            ("its account", |thing| thing.account = None),
            ("its kind", |thing| thing.kind = None),
            ("its role", |thing| thing.role = None),
        ];
        let (name, forget) = self.pick(&FACTS);
        forget(thing);
        name
    }

    pub(super) fn ask(&mut self, tenant: &str) -> Ask {
        Ask {
            resource: if self.one_in(12) { "deal".to_owned() } else { self.name(&RESOURCES) },
            action: self.name(&ACTIONS),
            object: (!self.one_in(6)).then(|| self.thing(tenant, 2)),
            writes: if self.one_in(4) { self.some(&FIELDS, 4) } else { Vec::new() },
        }
    }
}

/// company > sales > north, company > support, and one that stands alone.
pub(crate) fn teams() -> Teams {
    [
        ("company", None),
        ("sales", Some("company")),
        ("north", Some("sales")),
        ("support", Some("company")),
        ("lone", None),
    ]
    .into_iter()
    .map(|(team, parent)| (team.to_owned(), parent.map(str::to_owned)))
    .collect()
}
