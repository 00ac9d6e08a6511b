//! A small notation for policies, people and objects.

use std::sync::Arc;

use crate::{
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{
        Actor, Apps, Decision, Facts, Grants, Keys, Member, Place, Policy, Problem, Question, Relation,
        RoleNo, Scope, Source, Symbol, TeamKey, UserKey, Via, decide, explain,
        source::{Combine, Condition, Effect, Fields, Forbid, Mode, Of, On, Override, Role, Rule},
    },
};

/// A policy being written. The tree of teams is `sales` with `sales-north` below it, and `support`.
#[derive(Clone)]
pub(super) struct World {
    pub(super) source: Source,
    keys: Keys,
}

/// `scope` by its name.
fn scope(name: &str) -> Scope {
    Scope::ALL.into_iter().find(|scope| scope.label() == name).unwrap()
}

/// `lead.view=own contact.*=team` as (resource, action, value).
fn entries(text: &str) -> impl Iterator<Item = (String, String, String)> + '_ {
    text.split_whitespace().map(|entry| {
        let (right, value) = entry.split_once('=').unwrap();
        let (resource, action) = right.rsplit_once('.').unwrap();
        (resource.to_owned(), action.to_owned(), value.to_owned())
    })
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

impl World {
    /// Leads, contacts, conversations, messages and media, and no role.
    pub(super) fn new() -> Self {
        let mut world = Self { source: Source::default(), keys: Keys::default() };
        world.source.relations_beat_overrides = true;
        for (resource, actions) in [
            ("lead", "list view create edit delete"),
            ("contact", "view edit"),
            ("conversation", "view send"),
            ("message", "view"),
            ("media", "view"),
            ("notification", "view"),
            ("app", "view use"),
            ("role", "edit"),
        ] {
            world.source.resources.insert(resource.to_owned(), words(actions));
        }
        world.source.aliases.insert("deal".to_owned(), "lead".to_owned());
        world
    }

    fn edit_role(mut self, name: &str, edit: impl FnOnce(&mut Role)) -> Self {
        match name {
            "every role" => {
                let mut role = Role::default();
                edit(&mut role);
                self.source.every_role.push(role);
            }
            name => edit(self.source.roles.entry(name.to_owned()).or_default()),
        }
        self
    }

    /// `role("seller", "lead.view=own lead.edit=own")`
    pub(super) fn role(self, name: &str, grants: &str) -> Self {
        self.edit_role(name, |role| {
            for (resource, action, name) in entries(grants) {
                role.grants.entry(resource).or_default().insert(action, scope(&name));
            }
        })
    }

    pub(super) fn draft(self, name: &str) -> Self {
        self.edit_role(name, |role| role.draft = true)
    }

    pub(super) fn cites(self, name: &str, cites: &str) -> Self {
        self.edit_role(name, |role| role.cites = Some(cites.to_owned()))
    }

    pub(super) fn extends(self, name: &str, bases: &str) -> Self {
        self.edit_role(name, |role| role.extends = words(bases))
    }

    /// `at("seller", "pipeline:sales stage:legal,won", Mode::Replace, "lead.view=none")`
    pub(super) fn at(self, name: &str, place: &str, mode: Mode, scopes: &str) -> Self {
        let mut change = Override { mode, ..Override::default() };
        for (part, names) in place.split_whitespace().map(|part| part.split_once(':').unwrap()) {
            match part {
                "pipeline" => change.pipeline = Some(names.to_owned()),
                "stage" => change.stage = names.split(',').map(str::to_owned).collect(),
                "channel" => change.channel = Some(names.to_owned()),
                "account" => change.account = Some(names.to_owned()),
                other => panic!("no such part: {other}"),
            }
        }
        for (resource, action, name) in entries(scopes) {
            change.resource = resource;
            change.scopes.insert(action, scope(&name));
        }
        self.edit_role(name, |role| role.overrides.push(change))
    }

    pub(super) fn fields(self, name: &str, resource: &str, lists: [&str; 3]) -> Self {
        let [hidden, read_only, editable] = lists.map(words);
        self.edit_role(name, |role| {
            role.fields.insert(resource.to_owned(), Fields { hidden, read_only, editable });
        })
    }

    pub(super) fn hides(self, name: &str, resource: &str, hidden: &str) -> Self {
        self.fields(name, resource, [hidden, "", ""])
    }

    /// `related("every role", Relation::Participant, "lead.view=card")`
    pub(super) fn related(self, name: &str, relation: Relation, profiles: &str) -> Self {
        self.edit_role(name, |role| {
            for (resource, action, profile) in entries(profiles) {
                let of = role.relations.entry(relation).or_default().entry(resource).or_default();
                of.insert(action, profile);
            }
        })
    }

    pub(super) fn profile(mut self, name: &str, resource: &str, fields: &str) -> Self {
        let profile = self.source.profiles.entry(name.to_owned()).or_default();
        profile.insert(resource.to_owned(), words(fields));
        self
    }

    /// `rule("chat", "conversation.view", Effect::Require, [..])`
    pub(super) fn rule<const N: usize>(
        self,
        name: &str,
        right: &str,
        effect: Effect,
        conditions: [Condition; N],
    ) -> Self {
        self.rule_with(name, right, effect, conditions, |_| {})
    }

    pub(super) fn rule_with<const N: usize>(
        mut self,
        name: &str,
        right: &str,
        effect: Effect,
        conditions: [Condition; N],
        edit: impl FnOnce(&mut Rule),
    ) -> Self {
        let (resource, action) = right.rsplit_once('.').unwrap();
        let mut rule = Rule {
            name: name.to_owned(),
            resource: resource.to_owned(),
            actions: vec![action.to_owned()],
            via: None,
            kinds: Vec::new(),
            effect,
            conditions: conditions.into(),
        };
        edit(&mut rule);
        self.source.rules.push(rule);
        self
    }

    pub(super) fn forbid(mut self, name: &str, right: &str, edit: impl FnOnce(&mut Forbid)) -> Self {
        let (resource, action) = right.rsplit_once('.').unwrap();
        let mut forbid = Forbid {
            name: name.to_owned(),
            resource: resource.to_owned(),
            actions: vec![action.to_owned()],
            ..Forbid::default()
        };
        edit(&mut forbid);
        self.source.forbids.push(forbid);
        self
    }

    pub(super) fn edit(mut self, edit: impl FnOnce(&mut Source)) -> Self {
        edit(&mut self.source);
        self
    }

    pub(super) fn specific_then_max(self) -> Self {
        self.edit(|source| source.combine = Combine::SpecificThenMax)
    }

    pub(super) fn tenant() -> TenantId {
        TenantId::new("acme")
    }

    pub(super) fn compile(&self) -> Policy {
        Policy::compile(&self.source, &Self::tenant(), &self.keys).unwrap()
    }

    /// The mistakes, one a line.
    pub(super) fn mistakes(&self) -> String {
        let problems = Policy::compile(&self.source, &Self::tenant(), &self.keys).unwrap_err();
        problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    }

    fn user(&self, name: &str) -> UserKey {
        self.keys.user(&Self::tenant(), name).unwrap()
    }

    fn teams(&self, names: &str) -> Box<[TeamKey]> {
        let mut keys: Vec<_> =
            names.split_whitespace().map(|name| self.keys.team(&Self::tenant(), name).unwrap()).collect();
        keys.sort_unstable();
        keys.into()
    }

    /// Ana of team sales, with these roles.
    pub(super) fn ana(&self, roles: &str) -> Ana {
        let policy = Arc::new(self.compile());
        let roles: Vec<RoleNo> = roles.split_whitespace().map(|name| policy.role(name).unwrap()).collect();
        let grants = policy.grants(&roles).unwrap();
        let member = Member { user: "ana", teams: &["sales"], ..Member::default() };
        let actor = Actor {
            tenant: Self::tenant(),
            user: UserId::new("ana"),
            teams: [TeamId::new("sales")].into(),
            team_keys: self.teams("sales"),
            tree_keys: self.teams("sales sales-north"),
            queue_keys: self.teams("support"),
            user_key: self.user("ana"),
            tenant_key: self.keys.tenant(&Self::tenant()),
            apps: policy.apps_of(&member),
            active: true,
            grants: Arc::new(grants),
        };
        Ana { world: self.clone(), policy, actor }
    }
}

/// Ana asks.
pub(super) struct Ana {
    world: World,
    pub(super) policy: Arc<Policy>,
    pub(super) actor: Actor,
}

impl Ana {
    pub(super) fn no_apps(mut self) -> Self {
        self.actor.apps = Apps::default();
        self
    }

    /// Whether she may `right` on the object; `it` alone is a question without object.
    pub(super) fn may(&self, right: &str, object: &str) -> bool {
        self.decide(right, object).is_allowed()
    }

    pub(super) fn decide(&self, right: &str, object: &str) -> Decision {
        self.decide_writing(right, object, "")
    }

    pub(super) fn decide_writing(&self, right: &str, object: &str, fields: &str) -> Decision {
        self.ask(right, object, fields, |_, decision| *decision)
    }

    /// Why, or why not.
    pub(super) fn why(&self, right: &str, object: &str) -> String {
        self.why_writing(right, object, "")
    }

    pub(super) fn why_writing(&self, right: &str, object: &str, fields: &str) -> String {
        self.ask(right, object, fields, |question, decision| {
            explain(&self.policy, question, decision).to_string()
        })
    }

    /// Which of these fields she sees.
    pub(super) fn sees(&self, right: &str, object: &str, fields: &str) -> String {
        self.opens(right, object, fields, Grants::sees)
    }

    /// Which of these fields she may write.
    pub(super) fn writes(&self, right: &str, object: &str, fields: &str) -> String {
        self.opens(right, object, fields, Grants::writes)
    }

    fn opens(
        &self,
        right: &str,
        object: &str,
        fields: &str,
        opens: impl Fn(&Grants, &crate::policy::Allowed, crate::policy::FieldNo) -> bool,
    ) -> String {
        let (resource, _) = right.rsplit_once('.').unwrap();
        let resource = self.policy.resource(resource).unwrap();
        let Decision::Allow(allowed) = self.decide(right, object) else {
            panic!("{}", self.why(right, object));
        };
        let open = |name: &&str| opens(&self.actor.grants, &allowed, self.policy.field(resource, name));
        fields.split_whitespace().filter(open).collect::<Vec<_>>().join(" ")
    }

    fn ask<T>(
        &self,
        right: &str,
        object: &str,
        fields: &str,
        then: impl FnOnce(&Question<'_>, &Decision) -> T,
    ) -> T {
        let (resource, action) = right.rsplit_once('.').unwrap();
        let (resource, action) =
            (self.policy.resource(resource).unwrap(), self.policy.action(action).unwrap());
        let writes: Vec<_> =
            fields.split_whitespace().map(|name| self.policy.field(resource, name)).collect();
        let things: Vec<Thing> =
            object.split(" on ").map(|text| Thing::read(&self.world, &self.policy, text)).collect();
        self.with_via(
            &things,
            &mut Some(|facts: Option<&Facts<'_>>| {
                let question = Question { resource, action, object: facts, writes: &writes };
                then(&question, &decide(&self.actor, question))
            }),
        )
    }

    fn with_via<T>(&self, things: &[Thing], then: &mut Option<impl FnOnce(Option<&Facts<'_>>) -> T>) -> T {
        // Outermost last: build from there inwards.
        fn inner<T>(
            things: &[Thing],
            via: Option<&Via<'_>>,
            then: &mut Option<impl FnOnce(Option<&Facts<'_>>) -> T>,
        ) -> T {
            let (thing, rest) = things.split_last().unwrap();
            let facts = thing.facts(via);
            if rest.is_empty() {
                return then.take().unwrap()((!thing.absent).then_some(&facts));
            }
            let via = Via { resource: thing.resource.unwrap(), facts };
            inner(rest, Some(&via), then)
        }
        let _ = self;
        inner(things, None, then)
    }
}

/// An object: `of:ana team:sales stage:legal` (nowhere else, and nothing else), reached through another: `it on lead of:ana`.
struct Thing {
    resource: Option<crate::policy::ResourceNo>,
    /// A question without object.
    absent: bool,
    tenant: crate::policy::TenantKey,
    responsible: Option<UserKey>,
    unassigned: bool,
    teams: Box<[TeamKey]>,
    own_team: bool,
    participants: Vec<UserKey>,
    creator: Option<UserKey>,
    queue: Option<TeamKey>,
    open: bool,
    place: Place,
    kind: Option<crate::policy::Symbol>,
    role: Option<RoleNo>,
}

impl Thing {
    fn read(world: &World, policy: &Policy, text: &str) -> Self {
        let mut thing = Self {
            resource: None,
            absent: text == "nothing",
            tenant: world.keys.tenant(&World::tenant()),
            responsible: None,
            unassigned: false,
            teams: Box::default(),
            own_team: false,
            participants: Vec::new(),
            creator: None,
            queue: None,
            open: false,
            place: Place {
                pipeline: Some(Symbol::OTHER),
                stage: Some(Symbol::OTHER),
                channel: Some(Symbol::OTHER),
                account: Some(Symbol::OTHER),
            },
            kind: Some(Symbol::OTHER),
            role: Some(RoleNo::OTHER),
        };
        for word in text.split_whitespace() {
            match word.split_once(':').unwrap_or((word, "")) {
                ("it" | "nothing", _) => {}
                ("of", "nobody") => thing.unassigned = true,
                ("of", user) => thing.responsible = Some(world.user(user)),
                ("team", name) => thing.teams = world.teams(name),
                ("waiting", name) => (thing.teams, thing.own_team) = (world.teams(name), true),
                ("with", user) => thing.participants.push(world.user(user)),
                ("by", user) => thing.creator = Some(world.user(user)),
                ("queue", name) => thing.queue = world.keys.team(&World::tenant(), name),
                ("open", _) => thing.open = true,
                // Nobody knows where it stands, of which kind it is and which role.
                ("lost", _) => (thing.place, thing.kind, thing.role) = (Place::default(), None, None),
                ("pipeline", name) => thing.place.pipeline = Some(policy.symbol(name)),
                ("stage", name) => thing.place.stage = Some(policy.symbol(name)),
                ("channel", name) => thing.place.channel = Some(policy.symbol(name)),
                ("account", name) => thing.place.account = Some(policy.symbol(name)),
                ("kind", name) => thing.kind = Some(policy.symbol(name)),
                ("role", name) => thing.role = policy.role(name),
                ("tenant", name) => thing.tenant = world.keys.tenant(&TenantId::new(name)),
                (resource, _) => thing.resource = Some(policy.resource(resource).unwrap()),
            }
        }
        thing
    }

    fn facts<'a>(&'a self, via: Option<&'a Via<'a>>) -> Facts<'a> {
        Facts {
            tenant: self.tenant,
            responsible: self.responsible,
            unassigned: self.unassigned,
            teams: &self.teams,
            own_team: self.own_team,
            participants: &self.participants,
            creator: self.creator,
            queue: self.queue,
            open: self.open,
            place: self.place,
            kind: self.kind,
            role: self.role,
            via,
        }
    }
}

/// `allowed(On::Via, Of::Via, "view")`
pub(super) fn allowed(on: On, resource: Of, action: &str) -> Condition {
    Condition::Allowed { on, resource, action: action.to_owned() }
}

pub(super) fn held(right: &str, wanted: &str) -> Condition {
    let (resource, action) = right.rsplit_once('.').unwrap();
    Condition::Held { resource: resource.to_owned(), action: action.to_owned(), scope: scope(wanted) }
}

pub(super) fn grant(profile: &str) -> Effect {
    Effect::Grant { profile: profile.to_owned() }
}

pub(super) const NOON: Timestamp = Timestamp(1_700_000_000_000);
