//! What a decision costs: hot, over a million conversations, and an item of a list; and what a policy costs.
//!
//!     cargo bench --bench policy
//!
//! `benches/peers/policy` asks Cedar the same questions about the same company; `benches/run` runs both.
//! Every answer is compared with a slow evaluator first. Times are the median of rounds (min-max).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

mod cache;
mod world;

use std::{
    collections::{BTreeMap, HashMap},
    hint::black_box,
    sync::Arc,
    time::Instant,
};

use headgate::{
    ids::{TeamId, TenantId, UserId},
    policy::{
        ActionNo, Actor, Apps, Decision, Facts, Grants, Keys, Place, Policy, Question, Relation, ResourceNo,
        Scope, Source, TeamKey, UserKey, decide,
        source::{Override, Role},
    },
};
use world::{ACTIONS, Asked, CHANNELS, Conversation, LEVELS, LIST, RESOURCES, STAGES, TEAMS, USERS, World};

const ROUNDS: usize = 9;
const MANY_USERS: usize = 1_000_000;

fn main() {
    let world = Arc::new(World::new());
    let source = source(&world);
    let (tenant, keys) = (TenantId::new("acme"), Keys::default());
    let names = Names::new(&tenant, &keys, &world);
    println!("| what | median (min-max) |\n|---|---|");
    row("compile 200 roles x 8 x 5 and 561 overrides, ms", 1e3, || {
        black_box(Policy::compile(&source, &tenant, &keys).unwrap());
        1
    });
    let policy = Arc::new(Policy::compile(&source, &tenant, &keys).unwrap());
    let actors = actors(&world, &policy, &tenant, &keys, &names);
    let rows = rows(&world, &policy, &tenant, &keys, &names);
    let rights = Rights::new(&policy);
    let ask = |facts: &Facts<'_>, asked: &Asked| {
        let (resource, action) = (rights.resources[asked.resource], rights.actions[asked.action]);
        let question = Question { resource, action, object: Some(facts), writes: &[] };
        decide(&actors[asked.user], question).is_allowed()
    };
    let wrong = world
        .questions
        .iter()
        .filter(|asked| ask(&rows[asked.conversation], asked) != world.answer(**asked))
        .count();
    let allowed = world.questions.iter().filter(|asked| world.answer(**asked)).count();
    assert_eq!(wrong, 0, "of {} answers", world.questions.len());

    let asked_often = &world.questions[..1000];
    row("decide, 1000 questions hot, ns", 1e9, || {
        for asked in asked_often.iter().cycle().take(100_000) {
            black_box(ask(&rows[asked.conversation], asked));
        }
        100_000
    });
    let plain: Vec<&Asked> =
        world.questions.iter().filter(|asked| is_plain(&world, asked)).take(1000).collect();
    row("decide, 1000 questions hot, no override or relation, ns", 1e9, || {
        for asked in plain.iter().cycle().take(100_000) {
            black_box(ask(&rows[asked.conversation], asked));
        }
        100_000
    });
    row("decide, random over 1 M conversations, ns", 1e9, || {
        for asked in &world.questions {
            black_box(ask(&rows[asked.conversation], asked));
        }
        world.questions.len()
    });
    let lists: Vec<(usize, Vec<Facts<'_>>)> = world
        .lists
        .iter()
        .map(|(user, list)| (*user, list.iter().map(|number| rows[*number]).collect()))
        .collect();
    row("an item of a list of 500, facts at hand, ns", 1e9, || {
        for (user, list) in lists.iter().take(4).cycle().take(200) {
            let view = actors[*user].right(rights.resources[0], rights.actions[0]);
            black_box(list.iter().filter(|facts| view.decide(Some(facts)).is_allowed()).count());
        }
        200 * LIST
    });
    row("an item of a list of 500, facts all over the store, ns", 1e9, || {
        for (user, list) in &world.lists {
            let view = actors[*user].right(rights.resources[0], rights.actions[0]);
            black_box(list.iter().filter(|number| view.decide(Some(&rows[**number])).is_allowed()).count());
        }
        world.lists.len() * LIST
    });
    row("tables of one set of roles, us", 1e6, || {
        for actor in &actors[..1000] {
            black_box(policy.grants(actor.grants.roles()).unwrap());
        }
        1000
    });
    memory(&actors);
    let bytes = cache::bytes_of_a_user(world.clone(), policy.clone(), &tenant);
    println!(
        "| bytes of a cached user of {MANY_USERS}: the directory's answer and the actor made of it | {bytes} |"
    );
    println!(
        "\n{} questions, {} % allowed, {wrong} wrong",
        world.questions.len(),
        100 * allowed / world.questions.len()
    );
}

/// Runs `round` several times; it answers how many things it did.
fn row(what: &str, unit: f64, mut round: impl FnMut() -> usize) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            let done = round();
            begun.elapsed().as_secs_f64() * unit / done as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("| {what} | {:.1} ({:.1}-{:.1}) |", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
}

fn memory(actors: &[Actor]) {
    let sets: HashMap<*const Grants, usize> = actors
        .iter()
        .map(|actor| (Arc::as_ptr(&actor.grants), actor.grants.bytes() + size_of::<Grants>()))
        .collect();
    let bytes: usize = sets.values().sum();
    println!("| bytes of a set of roles ({} sets of {USERS} users) | {} |", sets.len(), bytes / sets.len());
    println!("| bytes of facts, without lists | {} |", size_of::<Facts<'_>>());
    println!("| bytes of a decision | {} |", size_of::<Decision>());
    let before = resident_kib();
    let many: Vec<Actor> = actors.iter().cycle().take(MANY_USERS).enumerate().map(another).collect();
    let grown = resident_kib().saturating_sub(before);
    println!(
        "| bytes of a user of {} (resident memory), sets of roles shared | {} |",
        many.len(),
        grown * 1024 / many.len()
    );
}

/// Another user with the same teams and roles, whose names nobody shares.
fn another((number, actor): (usize, &Actor)) -> Actor {
    Actor {
        user: UserId::new(format!("another{number}")),
        teams: actor.teams.iter().map(|team| TeamId::new(team.as_str())).collect(),
        ..actor.clone()
    }
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Whether the scope alone decides.
fn is_plain(world: &World, asked: &Asked) -> bool {
    let right = asked.resource * ACTIONS.len() + asked.action;
    let overridden = world.users[asked.user].roles.iter().any(|role| {
        let grant = &world.roles[*role][right];
        !grant.stages.is_empty() || !grant.channels.is_empty()
    });
    !overridden && (asked.resource, asked.action) != (0, 0)
}

/// The numbers of resources and actions.
struct Rights {
    resources: Vec<ResourceNo>,
    actions: Vec<ActionNo>,
}

impl Rights {
    fn new(policy: &Policy) -> Self {
        Self {
            resources: RESOURCES.iter().map(|name| policy.resource(name).unwrap()).collect(),
            actions: ACTIONS.iter().map(|name| policy.action(name).unwrap()).collect(),
        }
    }
}

/// Users and teams as keys.
struct Names {
    users: Vec<UserKey>,
    teams: Vec<TeamKey>,
    /// By conversation.
    participants: Vec<Vec<UserKey>>,
}

impl Names {
    fn new(tenant: &TenantId, keys: &Keys, world: &World) -> Self {
        let users: Vec<UserKey> =
            (0..USERS).map(|user| keys.user(tenant, &format!("u{user}")).unwrap()).collect();
        let participants =
            |conversation: &Conversation| conversation.participants.iter().map(|user| users[*user]).collect();
        Self {
            participants: world.conversations.iter().map(participants).collect(),
            teams: (0..TEAMS).map(|team| keys.team(tenant, &format!("t{team}")).unwrap()).collect(),
            users,
        }
    }
}

fn source(world: &World) -> Source {
    let scope = |level: usize| Scope::ALL.into_iter().find(|scope| scope.label() == LEVELS[level]).unwrap();
    let mut source = Source { relations_beat_overrides: true, ..Source::default() };
    for resource in RESOURCES {
        source.resources.insert(resource.to_owned(), ACTIONS.map(str::to_owned).into());
    }
    let view = BTreeMap::from([("view".to_owned(), "full".to_owned())]);
    let participant = BTreeMap::from([("conversation".to_owned(), view)]);
    let relations = BTreeMap::from([(Relation::Participant, participant)]);
    source.every_role.push(Role { relations, ..Role::default() });
    for (number, grants) in world.roles.iter().enumerate() {
        let mut role = Role::default();
        for (right, grant) in grants.iter().enumerate() {
            let (resource, action) = (RESOURCES[right / ACTIONS.len()], ACTIONS[right % ACTIONS.len()]);
            let scopes = role.grants.entry(resource.to_owned()).or_default();
            scopes.insert(action.to_owned(), scope(grant.base));
            let change = |level: usize| Override {
                resource: resource.to_owned(),
                scopes: BTreeMap::from([(action.to_owned(), scope(level))]),
                ..Override::default()
            };
            for (stage, level) in &grant.stages {
                role.overrides.push(Override { stage: vec![format!("s{stage}")], ..change(*level) });
            }
            for (channel, level) in &grant.channels {
                role.overrides.push(Override { channel: Some(format!("c{channel}")), ..change(*level) });
            }
        }
        source.roles.insert(format!("r{number}"), role);
    }
    source
}

fn actors(world: &World, policy: &Arc<Policy>, tenant: &TenantId, keys: &Keys, names: &Names) -> Vec<Actor> {
    let mut shared: HashMap<Vec<usize>, Arc<Grants>> = HashMap::new();
    let users = world.users.iter().zip(&names.users).enumerate();
    users
        .map(|(number, (user, key))| {
            let grants = shared.entry(user.roles.clone()).or_insert_with(|| {
                let roles: Vec<_> =
                    user.roles.iter().map(|role| policy.role(&format!("r{role}")).unwrap()).collect();
                Arc::new(policy.grants(&roles).unwrap())
            });
            let mut teams: Vec<TeamKey> = user.teams.iter().map(|team| names.teams[*team]).collect();
            teams.sort_unstable();
            Actor {
                tenant: tenant.clone(),
                user: UserId::new(format!("u{number}")),
                teams: user.teams.iter().map(|team| TeamId::new(format!("t{team}"))).collect(),
                team_keys: teams.clone().into(),
                tree_keys: teams.into(),
                queue_keys: Box::default(),
                user_key: *key,
                tenant_key: keys.tenant(tenant),
                apps: Apps::default(),
                active: true,
                grants: grants.clone(),
            }
        })
        .collect()
}

fn rows<'a>(
    world: &World,
    policy: &Policy,
    tenant: &TenantId,
    keys: &Keys,
    names: &'a Names,
) -> Vec<Facts<'a>> {
    let stages: Vec<_> = (0..STAGES).map(|stage| policy.symbol(&format!("s{stage}"))).collect();
    let channels: Vec<_> = (0..CHANNELS).map(|channel| policy.symbol(&format!("c{channel}"))).collect();
    let conversations = world.conversations.iter().zip(&names.participants);
    conversations
        .map(|(conversation, participants)| Facts {
            responsible: Some(names.users[conversation.responsible]),
            teams: std::slice::from_ref(&names.teams[conversation.team]),
            participants,
            place: Place {
                stage: Some(stages[conversation.stage]),
                channel: Some(channels[conversation.channel]),
                ..Place::default()
            },
            ..Facts::unknown(keys.tenant(tenant))
        })
        .collect()
}
