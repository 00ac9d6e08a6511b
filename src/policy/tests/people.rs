//! Roles: who has which, and what they begin with.

use std::sync::Arc;

use super::world::{NOON, World};
use crate::{
    ids::Timestamp,
    policy::{
        Member, ROLES_PER_USER_MAX, TooManyRoles,
        source::{Assignment, Mode, Principal},
    },
};

fn assigned(world: World, role: &str, to: Principal, until: Option<Timestamp>) -> World {
    world.edit(|source| {
        source.assignments.push(Assignment { role: role.to_owned(), to, until, draft: false });
    })
}

fn roles_of(world: &World, member: &Member<'_>) -> (String, Option<Timestamp>) {
    let policy = world.compile();
    let (roles, next) = policy.roles_of(member, NOON);
    (roles.into_iter().map(|role| policy.role_name(role)).collect::<Vec<_>>().join(" "), next)
}

#[test]
fn a_role_goes_to_users_teams_trees_traits_and_everyone() {
    let mut world = World::new();
    for (role, to) in [
        ("a", Principal::User("ana".into())),
        ("b", Principal::Team("sales".into())),
        ("c", Principal::TeamTree("sales".into())),
        ("d", Principal::Trait("first-user".into())),
        ("e", Principal::Everyone),
    ] {
        world = assigned(world.role(role, ""), role, to, None);
    }
    let roles = |member: Member<'_>| roles_of(&world, &member).0;
    assert_eq!(roles(Member { user: "ana", ..Member::default() }), "a e");
    assert_eq!(roles(Member { user: "ben", teams: &["sales"], ..Member::default() }), "b c e");
    assert_eq!(
        roles(Member { user: "cem", teams: &["north"], ancestors: &["sales"], ..Member::default() }),
        "c e"
    );
    assert_eq!(roles(Member { user: "eva", traits: &["first-user"], ..Member::default() }), "d e");
    assert_eq!(
        roles(Member { user: "dan", direct: &["b", "unheard-of", "a"], ..Member::default() }),
        "a b e"
    );
}

#[test]
fn an_assignment_ends_and_says_when() {
    let soon = Timestamp(NOON.0 + 1);
    let world = World::new().role("a", "").role("b", "").role("c", "");
    let world = assigned(world, "a", Principal::Everyone, Some(NOON));
    let world = assigned(world, "b", Principal::Everyone, Some(Timestamp(NOON.0 + 9)));
    let world = assigned(world, "c", Principal::Everyone, Some(soon));
    assert_eq!(roles_of(&world, &Member::default()), ("b c".to_owned(), Some(soon)));
}

#[test]
fn drafts_are_not_in_force() {
    let world = World::new().role("draft", "lead.view=all").draft("draft").role("role", "lead.view=all");
    let world = assigned(world, "draft", Principal::Everyone, None).edit(|source| {
        let to = Principal::Everyone;
        source.assignments.push(Assignment { role: "role".into(), to, until: None, draft: true });
    });
    let member = Member { direct: &["draft"], ..Member::default() };
    assert_eq!(roles_of(&world, &member), (String::new(), None));
    assert!(!world.ana("draft").may("lead.view", "of:ana"));
}

#[test]
fn more_roles_than_a_mask_has_bits_are_refused() {
    let world =
        (0..=ROLES_PER_USER_MAX).fold(World::new(), |world, n| world.role(&format!("r{n}"), "lead.view=all"));
    let policy = Arc::new(world.compile());
    let roles: Vec<_> = policy.roles().collect();
    assert_eq!(policy.grants(&roles).unwrap_err(), TooManyRoles { roles: ROLES_PER_USER_MAX + 1 });
    assert!(policy.grants(&roles[1..]).is_ok());
}

#[test]
fn the_more_exact_name_of_a_grant_wins() {
    let ana = World::new().role("r", "*.*=none *.view=own lead.*=team lead.view=all").ana("r");
    assert!(ana.may("lead.view", "of:eva"));
    assert!(ana.may("lead.edit", "of:ben team:sales"));
    assert!(!ana.may("lead.edit", "of:eva"));
    assert!(ana.may("contact.view", "of:ana"));
    assert!(!ana.may("contact.edit", "of:ana"));
}

#[test]
fn an_alias_is_the_resource() {
    let ana = World::new().role("r", "deal.view=all").ana("r");
    assert!(ana.may("lead.view", "of:ben"));
    assert!(ana.may("deal.view", "of:ben"));
}

#[test]
fn a_role_replaces_what_it_begins_with_by_name_or_by_star() {
    let world = World::new().role("base", "lead.view=all lead.edit=all contact.view=all");
    let world = world.role("other", "lead.edit=team");
    let ana = world.clone().extends("r", "base other").role("r", "lead.view=own").ana("r");
    assert!(!ana.may("lead.view", "of:ben"));
    assert!(!ana.may("lead.edit", "of:eva"), "of two that it begins with, the later");
    assert!(ana.may("contact.view", "of:ben"));
    let ana = world.extends("r", "base").role("r", "*.edit=none").ana("r");
    assert!(!ana.may("lead.edit", "of:ana"));
    assert!(ana.may("lead.view", "of:ben"));
}

#[test]
fn a_role_replaces_an_override_stage_by_stage() {
    let world = World::new().role("base", "lead.view=own");
    let world = world.at("base", "stage:a,b", Mode::Replace, "lead.view=none");
    let ana = world.extends("r", "base").at("r", "stage:a", Mode::Replace, "lead.view=all").ana("r");
    assert!(ana.may("lead.view", "of:ben stage:a"));
    assert!(!ana.may("lead.view", "of:ana stage:b"));
}

#[test]
fn what_is_said_last_of_every_role_replaces_what_was_said_before() {
    let world = World::new()
        .role("every role", "lead.view=all contact.view=all")
        .hides("every role", "lead", "budget phone")
        .at("every role", "stage:a,b", Mode::Replace, "lead.view=none")
        .role("every role", "lead.*=own")
        .fields("every role", "lead", ["", "", "phone"])
        .at("every role", "stage:a", Mode::Replace, "lead.view=all");
    let ana = world.role("r", "").ana("r");
    assert!(!ana.may("lead.view", "of:ben"), "also by `*`");
    assert!(ana.may("contact.view", "of:ben"));
    assert!(ana.may("lead.view", "of:ben stage:a"));
    assert!(!ana.may("lead.view", "of:ana stage:b"));
    assert_eq!(ana.sees("lead.view", "of:ana", "budget phone"), "phone");
}

#[test]
fn every_role_begins_with_what_every_role_has() {
    let world = World::new().role("every role", "lead.view=own contact.view=all").hides(
        "every role",
        "lead",
        "budget",
    );
    let ana = world.role("r", "lead.view=all").ana("r");
    assert!(ana.may("lead.view", "of:ben"));
    assert!(ana.may("contact.view", "of:ben"));
    assert_eq!(ana.sees("lead.view", "it", "name budget"), "name");
}
