//! The engine beside the reference on random policies, and the laws that every policy keeps.

use std::sync::Arc;

use headgate::{
    ids::Timestamp,
    policy::{Decision, DenyReason, Source, source::Combine, source::Forbid},
};

use super::{
    engine::{Answer, Engine},
    random::{ACTIONS, Dice, FIELDS, RESOURCES, ROLES, teams},
    reference::Reference,
    world::{Ask, Person},
};

const TENANT: &str = "acme";
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SEED: u64 = 0x5eed_0f9a7e;
const POLICIES: u64 = 2_000;
const PEOPLE: usize = 10;
const QUESTIONS: usize = 55;

/// A policy that compiles: what contradicts itself is drawn again.
fn policy(dice: &mut Dice) -> (Source, Engine) {
    loop {
        let source = dice.source();
        if let Ok(engine) = Engine::new(&source, TENANT, &teams()) {
            return (source, engine);
        }
    }
}

/// All that an answer says: whether it is allowed, and of each field whether it is shown and may be written.
fn said(answer: &Answer) -> Option<Vec<(bool, bool)>> {
    let fields = FIELDS.iter().map(|field| (answer.sees(field), answer.writes(field)));
    answer.is_allowed().then(|| fields.collect())
}

#[test]
fn a_decision_allocates_nothing() {
    let made = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(made.count_total, 1, "what is allocated is counted");
    let mut answered = [0; 2];
    for number in 0..200 {
        let mut dice = Dice::new(SEED + number);
        let (source, engine) = policy(&mut dice);
        for _ in 0..PEOPLE {
            let actor = engine.actor(&dice.person(TENANT), NOW);
            for _ in 0..QUESTIONS {
                let ask = dice.ask(TENANT);
                let answer = engine.ask(&actor, &ask).unwrap();
                assert_eq!(answer.allocations, 0, "{ask:#?}\n{source:#?}");
                answered[usize::from(answer.is_allowed())] += 1;
            }
        }
    }
    assert!(answered.iter().all(|times| *times > 10_000), "no and yes: {answered:?}");
}

#[test]
fn the_engine_answers_a_million_random_questions_like_the_reference() {
    let teams = teams();
    let (mut asked, mut allowed, mut redacted) = (0_u64, 0_u64, 0_u64);
    for number in 0..POLICIES {
        let seed = SEED + number;
        let mut dice = Dice::new(seed);
        let (source, engine) = policy(&mut dice);
        let reference = Reference::new(&source, TENANT, &teams);
        for _ in 0..PEOPLE {
            let person = dice.person(TENANT);
            let actor = engine.actor(&person, NOW);
            let asker = reference.asker(&person, NOW);
            for _ in 0..QUESTIONS {
                let ask = dice.ask(TENANT);
                let engine_says = said(&engine.ask(&actor, &ask).unwrap());
                let object = ask.object.as_ref();
                let reference_says = reference.decide(&asker, &ask).map(|ways| {
                    let field = |field: &&str| {
                        (
                            reference.sees(&asker, &ways, field, object),
                            reference.writes(&asker, &ways, field, object),
                        )
                    };
                    FIELDS.iter().map(field).collect::<Vec<_>>()
                });
                assert!(
                    engine_says == reference_says,
                    "seed {seed:#x}\nengine    {engine_says:?}\nreference {reference_says:?}\n{FIELDS:?}\n\
                     {person:#?}\n{ask:#?}\n{source:#?}"
                );
                asked += 1;
                allowed += u64::from(engine_says.is_some());
                redacted += u64::from(engine_says.is_some_and(|fields| fields.iter().any(|(sees, _)| !sees)));
            }
        }
    }
    eprintln!(
        "seed {SEED:#x}: {asked} questions of {POLICIES} policies, {allowed} allowed, {redacted} of them redacted"
    );
    assert!(asked >= 1_000_000 && allowed > asked / 10 && redacted > asked / 20);
}

/// Draws policies, people and questions, and shows each with the answer to `law`.
fn each(policies: u64, law: &mut dyn FnMut(&mut Dice, &mut Source, &Person, &Ask) -> Option<String>) {
    let mut judged = 0;
    for number in 0..policies {
        let seed = SEED + 0x1000_0000 + number;
        let mut dice = Dice::new(seed);
        let (mut source, _) = policy(&mut dice);
        for _ in 0..3 {
            let person = dice.person(TENANT);
            let ask = dice.ask(TENANT);
            if let Some(broken) = law(&mut dice, &mut source, &person, &ask) {
                panic!("seed {seed:#x}: {broken}\n{person:#?}\n{ask:#?}\n{source:#?}");
            }
            judged += 1;
        }
    }
    eprintln!("{judged} judged");
}

/// What a policy answers; `None` if it does not compile.
fn answer(source: &Source, person: &Person, ask: &Ask) -> Option<Option<Vec<(bool, bool)>>> {
    let engine = Engine::new(source, TENANT, &teams()).ok()?;
    let actor = engine.actor(person, NOW);
    Some(said(&engine.ask(&actor, ask).unwrap()))
}

/// Whether `more` allows, shows and lets write all that `less` does.
fn is_at_least(more: Option<&Vec<(bool, bool)>>, less: Option<&Vec<(bool, bool)>>) -> bool {
    match (more, less) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(more), Some(less)) => {
            more.iter().zip(less).all(|(more, less)| more.0 >= less.0 && more.1 >= less.1)
        }
    }
}

#[test]
fn taking_a_grant_away_never_allows_more() {
    each(1_500, &mut |dice, source, person, ask| {
        let before = answer(source, person, ask)?;
        let mut less = source.clone();
        let role = less.roles.get_mut(dice.pick(&ROLES)).unwrap();
        let (resource, actions) = role.grants.iter_mut().next()?;
        // Without what is said by name, `*` or what the role extends would speak: taken away is `none`.
        let action = actions.keys().next().cloned()?;
        actions.insert(action.clone(), headgate::policy::Scope::None);
        let told = format!("without {resource}.{action}");
        let after = answer(&less, person, ask)?;
        (!is_at_least(before.as_ref(), after.as_ref()))
            .then(|| format!("{told}: {before:?} became {after:?}"))
    });
}

#[test]
fn a_role_added_never_allows_less() {
    each(1_500, &mut |dice, source, person, ask| {
        source.combine = Combine::Max;
        let before = answer(source, person, ask)?;
        let mut more = person.clone();
        more.roles.push(dice.name(&ROLES));
        let after = answer(source, &more, ask)?;
        (!is_at_least(after.as_ref(), before.as_ref()))
            .then(|| format!("{:?}: {before:?} became {after:?}", more.roles))
    });
}

#[test]
fn a_forbid_added_never_allows_more() {
    each(1_500, &mut |dice, source, person, ask| {
        let before = answer(source, person, ask)?;
        let mut stricter = source.clone();
        let other = dice.source().forbids.into_iter().next()?;
        stricter.forbids.push(Forbid { name: "one-more".to_owned(), ..other });
        let after = answer(&stricter, person, ask)?;
        (!is_at_least(before.as_ref(), after.as_ref())).then(|| format!("{before:?} became {after:?}"))
    });
}

#[test]
fn taking_a_fact_away_never_allows_more() {
    each(3_000, &mut |dice, source, person, ask| {
        let before = answer(source, person, ask)?;
        let mut blind = ask.clone();
        let object = blind.object.as_mut()?;
        let thing = match object.via.as_mut() {
            Some(via) if dice.one_in(3) => &mut via.1,
            _ => object,
        };
        let fact = dice.forget(thing);
        let after = answer(source, person, &blind)?;
        (!is_at_least(before.as_ref(), after.as_ref()))
            .then(|| format!("without {fact}: {before:?} became {after:?}"))
    });
}

#[test]
fn no_order_matters() {
    each(1_500, &mut |dice, source, person, ask| {
        let before = answer(source, person, ask)?;
        let mut shuffled = source.clone();
        dice.0.shuffle(&mut shuffled.rules);
        dice.0.shuffle(&mut shuffled.forbids);
        dice.0.shuffle(&mut shuffled.assignments);
        for role in shuffled.every_role.iter_mut().chain(shuffled.roles.values_mut()) {
            dice.0.shuffle(&mut role.overrides);
        }
        let mut person = person.clone();
        dice.0.shuffle(&mut person.roles);
        dice.0.shuffle(&mut person.teams);
        let after = answer(&shuffled, &person, ask).expect("the order decided whether it compiles");
        (before != after).then(|| format!("{before:?} became {after:?}"))
    });
}

#[test]
fn a_role_in_shadow_opens_what_roles_decide_and_nothing_else() {
    each(1_500, &mut |dice, source, person, ask| {
        let before = answer(source, person, ask)?;
        let name = dice.pick(&ROLES);
        source.roles.get_mut(name).unwrap().shadow = true;
        if answer(source, person, ask)? != before {
            return Some(format!("with {name} in shadow the policy itself decides otherwise"));
        }
        let engine = Engine::new(source, TENANT, &teams()).ok()?;
        let actor = engine.actor(person, NOW);
        let role = engine.policy.role(name).unwrap();
        let Some(opened) = actor.opened().map(Arc::new) else {
            let has = actor.grants.roles().contains(&role);
            return has.then(|| format!("{name} opens nothing"));
        };
        let (enforced, opened) = (engine.ask(&actor, ask).unwrap(), engine.ask(&opened, ask).unwrap());
        let after = said(&opened);
        let stays = match enforced.decision {
            Decision::Deny(
                reason @ (DenyReason::OtherTenant | DenyReason::Inactive | DenyReason::Forbidden(_)),
            ) => opened.decision == Decision::Deny(reason),
            _ => true,
        };
        (!stays || !is_at_least(after.as_ref(), before.as_ref()))
            .then(|| format!("{name} in shadow: {before:?} became {after:?}"))
    });
}

#[test]
fn tenants_never_mix() {
    each(500, &mut |_, source, person, ask| {
        let engine = Engine::new(source, TENANT, &teams()).unwrap();
        let mut foreign = ask.clone();
        foreign.object.as_mut()?.tenant = "globex".to_owned();
        let actor = engine.actor(person, NOW);
        let own = engine.ask(&actor, &foreign).unwrap().is_allowed();
        (own).then(|| "an object of another tenant was reached".to_owned())
    });
    // A user of the same name in another tenant is somebody else, and so is a team.
    let keys = headgate::policy::Keys::default();
    let [acme, globex] = ["acme", "globex"].map(headgate::ids::TenantId::new);
    assert_ne!(keys.user(&acme, "ana"), keys.user(&globex, "ana"));
    assert_ne!(keys.team(&acme, "sales"), keys.team(&globex, "sales"));
}

#[test]
fn where_a_right_reaches_nothing_or_all_each_object_says_so_too() {
    each(1_500, &mut |_, source, person, ask| {
        let engine = Engine::new(source, TENANT, &teams()).unwrap();
        let actor = engine.actor(person, NOW);
        let ask = Ask { writes: Vec::new(), ..ask.clone() };
        let object = ask.object.as_ref().filter(|object| person.active && object.tenant == TENANT)?;
        let mut foreign = object.via.as_deref().map(|(_, thing)| thing);
        while let Some(thing) = foreign {
            if thing.tenant != TENANT {
                return None;
            }
            foreign = thing.via.as_deref().map(|(_, thing)| thing);
        }
        let (resource, action) =
            (engine.policy.resource(&ask.resource).unwrap(), engine.policy.action(&ask.action).unwrap());
        let reach = actor.grants.reach(resource, action);
        let got = engine.ask(&actor, &ask).unwrap().is_allowed();
        match (reach.within, reach.certain) {
            (headgate::policy::Scope::None, _) if got => Some("reached, and nothing should be".to_owned()),
            (_, headgate::policy::Scope::All) if !got => Some("not reached, and all should be".to_owned()),
            _ => None,
        }
    });
}

#[test]
fn where_a_right_shows_all_each_object_is_reached_with_every_field() {
    let mut shown = 0;
    each(1_500, &mut |_, source, person, ask| {
        let engine = Engine::new(source, TENANT, &teams()).unwrap();
        let actor = engine.actor(person, NOW);
        let mut ask = Ask { writes: Vec::new(), ..ask.clone() };
        let mut thing = ask.object.as_mut();
        while let Some(inner) = thing {
            inner.tenant = TENANT.to_owned();
            thing = inner.via.as_mut().map(|via| &mut via.1);
        }
        let (resource, action) =
            (engine.policy.resource(&ask.resource).unwrap(), engine.policy.action(&ask.action).unwrap());
        if !person.active || !actor.grants.shows_all(resource, action) {
            return None;
        }
        shown += 1;
        let Decision::Allow(allowed) = engine.ask(&actor, &ask).unwrap().decision else {
            return Some("not reached, and all should be shown".to_owned());
        };
        let hidden = engine.policy.fields_of(resource).find(|field| !actor.grants.sees(&allowed, *field));
        hidden.map(|field| format!("{} is hidden", engine.policy.field_name(resource, field)))
    });
    assert!(shown > 20, "drawn {shown} times");
}

#[test]
fn every_action_of_every_resource_is_drawn() {
    let mut dice = Dice::new(SEED);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let ask = dice.ask(TENANT);
        seen.insert((ask.resource, ask.action));
    }
    assert_eq!(seen.len(), (RESOURCES.len() + 1) * ACTIONS.len());
}
