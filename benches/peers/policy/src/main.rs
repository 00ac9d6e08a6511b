//! What Cedar's decisions cost, asked what `benches/policy` asks, about the same company.
//!
//!     cargo run --release --manifest-path benches/peers/policy/Cargo.toml
//!
//! Three ways to put the same rules, from what one would write to what is fast:
//!
//! * `one set`: every role's policies in one set, as one writes them;
//! * `set per role`: the host picks the sets of the user's roles and asks one after the other;
//! * `level by host`: the host works out the widest level and passes it along; Cedar compares it with the
//!   relation of user and conversation. Most of the decision is then the host's.
//!
//! `prebuilt` takes requests and entities as given; `built per call` makes them of the host's own rows, as a
//! gateway has to. Every answer is compared with a slow evaluator first.

#[path = "../../../policy/world.rs"]
mod world;

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    hint::black_box,
    str::FromStr,
    time::Instant,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use world::{ACTIONS, Asked, Grant, LIST, RESOURCES, World};

const ROUNDS: usize = 5;

fn main() {
    let world = World::new();
    let cedar = Cedar::new();
    let authorizer = Authorizer::new();
    let allows = |set: &PolicySet, request: &Request, entities: &Entities| {
        authorizer.is_authorized(request, set, entities).decision() == Decision::Allow
    };
    println!("| what | median (min-max) |\n|---|---|");

    let texts: Vec<String> =
        world.roles.iter().enumerate().map(|(role, grants)| policies(role, grants)).collect();
    let text = format!("{PARTICIPANT}{}", texts.concat());
    row("one set: parse, ms", 1e3, || {
        black_box(PolicySet::from_str(&text).unwrap());
        1
    });
    let whole = PolicySet::from_str(&text).unwrap();
    let of_role: Vec<PolicySet> =
        texts.iter().map(|text| PolicySet::from_str(&format!("{PARTICIPANT}{text}")).unwrap()).collect();
    let by_level = PolicySet::from_str(BY_LEVEL).unwrap();

    let questions = &world.questions[..10_000];
    let built: Vec<(Request, Request, Entities)> = questions
        .iter()
        .map(|asked| {
            (
                cedar.request(*asked, None),
                cedar.request(*asked, Some(world.level(*asked))),
                cedar.entities(&world, asked.user, &[asked.conversation], asked.resource),
            )
        })
        .collect();

    let one_set = |at: usize| allows(&whole, &built[at].0, &built[at].2);
    let per_role = |asked: &Asked, request: &Request, entities: &Entities| {
        world.users[asked.user].roles.iter().any(|role| allows(&of_role[*role], request, entities))
    };
    let set_per_role = |at: usize| per_role(&questions[at], &built[at].0, &built[at].2);
    let level_by_host = |at: usize| allows(&by_level, &built[at].1, &built[at].2);
    let built_per_call = |at: usize| {
        let asked = questions[at];
        let entities = cedar.entities(&world, asked.user, &[asked.conversation], asked.resource);
        allows(&by_level, &cedar.request(asked, Some(world.level(asked))), &entities)
    };
    check(&world, "one set", 200, one_set);
    check(&world, "set per role", 2000, set_per_role);
    check(&world, "level by host", 2000, level_by_host);
    check(&world, "level by host, built per call", 2000, built_per_call);
    ask("one set, prebuilt, ns", 100, one_set);
    ask("set per role, prebuilt, ns", 2000, set_per_role);
    ask("level by host, prebuilt, ns", 10_000, level_by_host);
    ask("level by host, built per call, ns", 10_000, built_per_call);

    let lists: Vec<(Entities, Vec<Request>)> = world.lists[..10]
        .iter()
        .map(|(user, list)| {
            let request = |conversation: &usize| {
                let asked = Asked { user: *user, resource: 0, action: 0, conversation: *conversation };
                cedar.request(asked, Some(world.level(asked)))
            };
            (cedar.entities(&world, *user, list, 0), list.iter().map(request).collect())
        })
        .collect();
    row("an item of a list of 500, level by host, prebuilt, ns", 1e9, || {
        for (entities, requests) in &lists {
            black_box(requests.iter().filter(|request| allows(&by_level, request, entities)).count());
        }
        lists.len() * LIST
    });
}

const PARTICIPANT: &str = r#"permit(principal, action == Action::"view", resource is conversation)
    when { resource.participants.contains(principal) };
"#;

const BY_LEVEL: &str = r#"
permit(principal, action == Action::"view", resource is conversation)
    when { resource.participants.contains(principal) };
permit(principal, action, resource) when { context.level == 3 };
permit(principal, action, resource) when { context.level >= 1 && resource.responsible == principal };
permit(principal, action, resource) when { context.level == 2 && principal.teams.contains(resource.team) };
"#;

/// A role's policies: for each right and level the places where that level counts.
fn policies(role: usize, grants: &[Grant]) -> String {
    let mut text = String::new();
    for (right, grant) in grants.iter().enumerate() {
        let (resource, action) = (RESOURCES[right / ACTIONS.len()], ACTIONS[right % ACTIONS.len()]);
        for level in 1..=3 {
            let Some(place) = place(grant, level) else {
                continue;
            };
            let reach = match level {
                1 => "resource.responsible == principal",
                2 => "(resource.responsible == principal || principal.teams.contains(resource.team))",
                _ => "true",
            };
            writeln!(
                text,
                "permit(principal in Role::\"r{role}\", action == Action::\"{action}\", resource is {resource}) when {{ {place} && {reach} }};"
            )
            .unwrap();
        }
    }
    text
}

/// Where a level counts: at a channel with it, at a stage with it and no channel of its own, or nowhere special.
fn place(grant: &Grant, level: usize) -> Option<String> {
    let any = |tests: Vec<String>| (!tests.is_empty()).then(|| format!("({})", tests.join(" || ")));
    let at = |part: &str, places: &[(usize, usize)], wanted: Option<usize>| {
        let places = places.iter().filter(|(_, level)| wanted.is_none_or(|wanted| *level == wanted));
        any(places.map(|(place, _)| format!("resource.{part} == {place}")).collect())
    };
    let not = |test: Option<String>| test.map_or_else(|| "true".to_owned(), |test| format!("!{test}"));
    let no_channel = not(at("channel", &grant.channels, None));
    let no_stage = not(at("stage", &grant.stages, None));
    let mut tests: Vec<String> = at("channel", &grant.channels, Some(level)).into_iter().collect();
    tests.extend(at("stage", &grant.stages, Some(level)).map(|stage| format!("({no_channel} && {stage})")));
    if grant.base == level {
        tests.push(format!("({no_channel} && {no_stage})"));
    }
    any(tests)
}

/// Names of Cedar's types.
struct Cedar {
    user: EntityTypeName,
    role: EntityTypeName,
    team: EntityTypeName,
    resources: Vec<EntityTypeName>,
    actions: Vec<EntityUid>,
}

impl Cedar {
    fn new() -> Self {
        let name = |name: &str| EntityTypeName::from_str(name).unwrap();
        let action = |action: &&str| EntityUid::from_type_name_and_id(name("Action"), EntityId::new(*action));
        Self {
            user: name("User"),
            role: name("Role"),
            team: name("Team"),
            resources: RESOURCES.iter().map(|resource| name(resource)).collect(),
            actions: ACTIONS.iter().map(action).collect(),
        }
    }

    fn request(&self, asked: Asked, level: Option<usize>) -> Request {
        let level = level.map(|level| ("level".to_owned(), RestrictedExpression::new_long(level as i64)));
        let context = Context::from_pairs(level).unwrap();
        let resource = uid(&self.resources[asked.resource], asked.conversation);
        Request::new(uid(&self.user, asked.user), self.actions[asked.action].clone(), resource, context, None)
            .unwrap()
    }

    fn entities(&self, world: &World, user: usize, conversations: &[usize], resource: usize) -> Entities {
        let mut seen = HashSet::new();
        let conversations = conversations.iter().filter(|conversation| seen.insert(**conversation));
        let conversations =
            conversations.map(|conversation| self.conversation(world, *conversation, resource));
        Entities::from_entities(conversations.chain([self.user(world, user)]), None).unwrap()
    }

    fn user(&self, world: &World, user: usize) -> Entity {
        let roles = world.users[user].roles.iter().map(|role| {
            EntityUid::from_type_name_and_id(self.role.clone(), EntityId::new(format!("r{role}")))
        });
        let teams = set(&self.team, &world.users[user].teams);
        let attributes = HashMap::from([("teams".to_owned(), teams)]);
        Entity::new(uid(&self.user, user), attributes, roles.collect()).unwrap()
    }

    fn conversation(&self, world: &World, number: usize, resource: usize) -> Entity {
        let conversation = &world.conversations[number];
        let entity = |of: &EntityTypeName, number| RestrictedExpression::new_entity_uid(uid(of, number));
        let number_of = |number: usize| RestrictedExpression::new_long(number as i64);
        let attributes = HashMap::from([
            ("responsible".to_owned(), entity(&self.user, conversation.responsible)),
            ("team".to_owned(), entity(&self.team, conversation.team)),
            ("stage".to_owned(), number_of(conversation.stage)),
            ("channel".to_owned(), number_of(conversation.channel)),
            ("participants".to_owned(), set(&self.user, &conversation.participants)),
        ]);
        Entity::new(uid(&self.resources[resource], number), attributes, HashSet::new()).unwrap()
    }
}

fn uid(of: &EntityTypeName, number: usize) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(number.to_string()))
}

fn set(of: &EntityTypeName, numbers: &[usize]) -> RestrictedExpression {
    RestrictedExpression::new_set(
        numbers.iter().map(|number| RestrictedExpression::new_entity_uid(uid(of, *number))),
    )
}

fn check(world: &World, what: &str, questions: usize, ask: impl Fn(usize) -> bool) {
    let wrong = (0..questions).filter(|at| ask(*at) != world.answer(world.questions[*at])).count();
    assert_eq!(wrong, 0, "{what}: of {questions} answers");
}

fn ask(what: &str, questions: usize, ask: impl Fn(usize) -> bool) {
    row(what, 1e9, || {
        for at in 0..questions {
            black_box(ask(at));
        }
        questions
    });
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
