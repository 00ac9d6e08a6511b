//! Scopes, overrides, relations and forbids.

use super::world::World;
use crate::policy::{Reach, Relation, Scope, source::Mode};

const EVERY_KIND_OF_OBJECT: [&str; 9] = [
    "of:ana",
    "of:ben team:sales",
    "of:nobody waiting:sales",
    "of:cem team:sales-north",
    "of:eva team:support open",
    "of:nobody open",
    "of:eva team:support",
    "of:nobody",
    "of:nobody team:sales",
];

#[test]
fn each_scope_reaches_what_it_says_and_no_more() {
    for (scope, reached) in [("none", 0), ("own", 1), ("team", 3), ("team-tree", 4), ("open", 6), ("all", 9)]
    {
        let world = World::new().role("seller", &format!("lead.view={scope}"));
        for world in [world.clone(), world.hides("seller", "lead", "budget")] {
            let ana = world.ana("seller");
            let seen = EVERY_KIND_OF_OBJECT.into_iter().filter(|object| ana.may("lead.view", object));
            assert_eq!(seen.collect::<Vec<_>>(), EVERY_KIND_OF_OBJECT[..reached], "{scope}");
        }
    }
}

#[test]
fn without_object_any_scope_is_enough() {
    let ana = World::new().role("seller", "lead.create=own lead.edit=none").ana("seller");
    assert!(ana.may("lead.create", "nothing"));
    assert!(!ana.may("lead.edit", "nothing"));
}

#[test]
fn an_object_of_which_nothing_is_known_needs_all() {
    let world = World::new().role("wide", "lead.view=open").role("all", "lead.view=all");
    let world = world.related("wide", Relation::Unassigned, "lead.view=full");
    assert!(!world.ana("wide").may("lead.view", "it"));
    assert!(world.ana("all").may("lead.view", "it"));
}

#[test]
fn of_several_roles_the_widest_counts() {
    let world = World::new().role("own", "lead.view=own").role("team", "lead.view=team");
    let ana = world.ana("own team");
    assert!(ana.may("lead.view", "of:ben team:sales"));
    assert_eq!(ana.why("lead.view", "of:ben team:sales"), "role team grants lead.view with scope team");
}

#[test]
fn rights_do_not_imply_each_other() {
    let ana = World::new().role("editor", "lead.edit=all").ana("editor");
    assert!(!ana.may("lead.view", "of:ana"));
}

#[test]
fn an_action_that_the_resource_does_not_have_is_refused_whatever_is_granted() {
    let ana = World::new().role("all", "*.*=all").ana("all");
    assert!(ana.may("lead.delete", "of:ben"));
    assert!(!ana.may("contact.delete", "of:ben"));
}

#[test]
fn nobody_reaches_another_tenants_objects() {
    let ana = World::new().role("all", "*.*=all").ana("all");
    assert_eq!(ana.why("lead.view", "of:ana tenant:other"), "the object is another tenant's");
    assert!(!ana.may("contact.view", "it on lead of:ana tenant:other"));
}

#[test]
fn who_is_not_active_may_nothing() {
    let mut ana = World::new().role("all", "*.*=all").ana("all");
    ana.actor.active = false;
    assert_eq!(ana.why("lead.view", "of:ana"), "the user is not active");
}

#[test]
fn who_has_no_role_may_nothing() {
    let world = World::new().related("every role", Relation::Participant, "lead.view=full");
    assert_eq!(world.ana("").why("lead.view", "of:ana with:ana"), "no role grants lead.view");
}

#[test]
fn an_override_replaces_caps_or_raises_the_grant_at_its_place() {
    for (mode, scope, ben_in, own_in) in [
        (Mode::Replace, "all", true, true),
        (Mode::Replace, "none", false, false),
        (Mode::Cap, "own", false, true),
        (Mode::Cap, "open", false, true),
        (Mode::Raise, "all", true, true),
        (Mode::Raise, "own", false, true),
    ] {
        let scopes = format!("lead.view={scope}");
        let world = World::new().role("seller", "lead.view=own").at("seller", "stage:legal", mode, &scopes);
        let ana = world.ana("seller");
        assert_eq!(ana.may("lead.view", "of:ben stage:legal"), ben_in, "{mode:?} {scope}");
        assert_eq!(ana.may("lead.view", "of:ana stage:legal"), own_in, "{mode:?} {scope}");
        assert!(!ana.may("lead.view", "of:ben stage:new"), "elsewhere nothing changes");
        assert!(ana.may("lead.view", "of:ana stage:new"), "elsewhere nothing changes");
    }
}

#[test]
fn of_a_roles_overrides_the_most_specific_counts() {
    let order =
        ["pipeline:p", "stage:s", "stage:s pipeline:p", "channel:c", "account:a", "account:a pipeline:p"];
    let object = "of:ben pipeline:p stage:s channel:c account:a";
    for (position, specific) in order.iter().enumerate() {
        for general in &order[..position] {
            let world = World::new().role("r", "");
            let world = world.at("r", general, Mode::Replace, "lead.view=all");
            let world = world.at("r", specific, Mode::Replace, "lead.view=none");
            assert!(!world.ana("r").may("lead.view", object), "{specific} before {general}");
            let world = World::new().role("r", "");
            let world = world.at("r", general, Mode::Replace, "lead.view=none");
            let world = world.at("r", specific, Mode::Replace, "lead.view=all");
            assert!(world.ana("r").may("lead.view", object), "{specific} before {general}");
        }
    }
}

#[test]
fn of_two_overrides_alike_the_narrower_counts() {
    let world = World::new().role("r", "lead.view=own");
    let world = world.at("r", "stage:a,b", Mode::Replace, "lead.view=all");
    let world = world.at("r", "stage:b,c", Mode::Replace, "lead.view=team");
    let ana = world.ana("r");
    assert!(ana.may("lead.view", "of:eva stage:a"));
    assert!(!ana.may("lead.view", "of:eva stage:b"));
    assert!(ana.may("lead.view", "of:ben team:sales stage:b"));
}

#[test]
fn a_place_that_is_not_known_matches_no_override_that_names_it() {
    let world = World::new().role("r", "lead.view=none");
    let ana = world.at("r", "pipeline:p stage:s", Mode::Replace, "lead.view=all").ana("r");
    assert!(ana.may("lead.view", "of:ben pipeline:p stage:s"));
    for object in ["of:ben", "of:ben pipeline:p", "of:ben stage:s", "of:ben pipeline:p stage:elsewhere"] {
        assert!(!ana.may("lead.view", object), "{object}");
    }
}

#[test]
fn an_override_that_may_match_closes_and_does_not_open() {
    let world = World::new().role("r", "lead.view=team");
    let closed = world.clone().at("r", "stage:legal", Mode::Replace, "lead.view=none").ana("r");
    assert!(closed.may("lead.view", "of:ben team:sales"), "it stands in no stage");
    assert!(!closed.may("lead.view", "lost of:ben team:sales"), "it may stand in the stage");
    assert!(closed.may("lead.view", "lost stage:new of:ben team:sales"));
    let opened = world.clone().at("r", "stage:won", Mode::Replace, "lead.view=all").ana("r");
    assert!(opened.may("lead.view", "of:eva stage:won"));
    assert!(!opened.may("lead.view", "lost of:eva"));
    assert!(opened.may("lead.view", "lost of:ben team:sales"), "what the role grants everywhere");
    // A more specific one that is sure beats one that is not.
    let sure = world.at("r", "stage:legal", Mode::Replace, "lead.view=none");
    let sure = sure.at("r", "account:a", Mode::Replace, "lead.view=all").ana("r");
    assert!(sure.may("lead.view", "lost account:a of:eva"));
    assert!(!sure.may("lead.view", "lost of:ben team:sales"));
}

#[test]
fn of_specific_overrides_that_may_match_none_is_sure() {
    let world =
        World::new().specific_then_max().role("wide", "lead.view=all").role("narrow", "lead.view=all");
    let one = world.clone().at("wide", "stage:s", Mode::Replace, "lead.view=team").ana("wide narrow");
    assert!(one.may("lead.view", "lost of:ben team:sales"), "whether it matches or not");
    assert!(!one.may("lead.view", "lost of:eva"), "if it matches, it counts alone");
    let world = world.at("wide", "stage:s", Mode::Replace, "lead.view=team");
    let two = world.at("narrow", "stage:t", Mode::Replace, "lead.view=own").ana("wide narrow");
    assert!(!two.may("lead.view", "lost of:ben team:sales"));
}

#[test]
fn by_default_the_widest_role_counts_after_each_ones_override() {
    let world = World::new().role("wide", "lead.view=all").role("narrow", "lead.view=team");
    let world = world.at("narrow", "stage:s", Mode::Replace, "lead.view=none");
    assert!(world.ana("wide narrow").may("lead.view", "of:eva stage:s"));
    let world = world.specific_then_max();
    let ana = world.ana("wide narrow");
    assert!(!ana.may("lead.view", "of:eva stage:s"), "an override beats what another role grants in general");
    assert!(ana.may("lead.view", "of:eva stage:t"));
    assert_eq!(
        ana.why("lead.view", "of:eva stage:s"),
        "role narrow closes lead.view by its override for this place"
    );
}

#[test]
fn of_specific_overrides_the_widest_counts() {
    let world = World::new().specific_then_max().role("wide", "lead.view=all").role("narrow", "");
    let world = world.at("wide", "stage:s", Mode::Replace, "lead.view=own");
    let ana = world.at("narrow", "stage:s", Mode::Replace, "lead.view=team").ana("wide narrow");
    assert!(ana.may("lead.view", "of:ben team:sales stage:s"));
    assert!(!ana.may("lead.view", "of:eva team:support stage:s"));
}

#[test]
fn a_relation_opens_what_the_scope_does_not_reach() {
    let world = World::new().role("seller", "lead.view=own lead.edit=own");
    for (relation, object) in [
        (Relation::Participant, "of:ben with:eva with:ana"),
        (Relation::Creator, "of:ben by:ana"),
        (Relation::Unassigned, "of:nobody"),
        (Relation::Queue, "of:ben queue:support"),
    ] {
        let ana = world.clone().related("every role", relation, "lead.view=full").ana("seller");
        assert!(ana.may("lead.view", object), "{object}");
        assert!(!ana.may("lead.edit", object), "{object}");
        assert!(!ana.may("lead.view", "of:ben with:eva by:eva queue:sales"));
        let why = format!("role seller grants lead.view by the relation {}", relation.label());
        assert_eq!(ana.why("lead.view", object), why);
    }
}

#[test]
fn a_subscriber_sees_a_lead_in_a_closed_stage_if_relations_beat_overrides() {
    let world = World::new().role("seller", "lead.view=all");
    let world = world.at("seller", "stage:legal", Mode::Replace, "lead.view=none");
    let world = world.related("every role", Relation::Participant, "lead.view=full");
    assert!(world.ana("seller").may("lead.view", "of:ben stage:legal with:ana"));
    let before = world.edit(|source| source.relations_beat_overrides = false);
    let ana = before.ana("seller");
    assert!(!ana.may("lead.view", "of:ben stage:legal with:ana"));
    assert!(ana.may("lead.view", "of:ben stage:new with:ana"));
}

#[test]
fn one_roles_closed_stage_does_not_close_another_roles_relation() {
    let world = World::new().role("seller", "lead.view=own").role("friend", "");
    let world = world.at("seller", "stage:legal", Mode::Replace, "lead.view=none");
    let world = world.related("friend", Relation::Participant, "lead.view=full");
    let world = world.related("seller", Relation::Participant, "lead.view=full");
    let world = world.edit(|source| source.relations_beat_overrides = false);
    assert!(!world.ana("seller").may("lead.view", "of:ben stage:legal with:ana"));
    assert!(world.ana("seller friend").may("lead.view", "of:ben stage:legal with:ana"));
}

#[test]
fn relations_say_nothing_without_an_object() {
    let world = World::new().role("seller", "").related("seller", Relation::Unassigned, "lead.view=full");
    assert!(!world.ana("seller").may("lead.view", "nothing"));
}

#[test]
fn a_forbid_beats_every_grant_where_it_matches() {
    let world = World::new().role("all", "*.*=all");
    let ana = world.clone().forbid("no-export", "lead.delete", |_| {}).ana("all");
    assert_eq!(ana.why("lead.delete", "of:ana"), "forbid no-export forbids lead.delete");
    assert!(ana.may("lead.edit", "of:ana"));

    let ana = world.clone().forbid("f", "lead.delete", |forbid| forbid.stage = vec!["won".into()]).ana("all");
    assert!(!ana.may("lead.delete", "of:ana stage:won"));
    assert!(ana.may("lead.delete", "of:ana stage:new"));
    assert!(ana.may("lead.delete", "of:ana"), "it stands in no stage");
    assert!(!ana.may("lead.delete", "lost of:ana"), "nobody knows that it does not");
    assert!(ana.may("lead.delete", "nothing"));

    let of_users = |name: &str| {
        world.clone().forbid("f", "*.view", |forbid| forbid.users = vec![name.into()]).ana("all")
    };
    assert!(!of_users("ana").may("lead.view", "of:ana"));
    assert!(of_users("ben").may("lead.view", "of:ana"));

    let of_team = |name: &str| {
        world.clone().forbid("f", "lead.*", |forbid| forbid.teams = vec![name.into()]).ana("all")
    };
    assert!(!of_team("sales").may("lead.view", "of:ana"));
    assert!(of_team("sales-north").may("lead.view", "of:ana"));

    let ana = world.forbid("f", "role.edit", |forbid| forbid.role = Some("all".into())).ana("all");
    assert!(!ana.may("role.edit", "role:all"));
    assert!(ana.may("role.edit", "it"));
    assert!(!ana.may("role.edit", "lost"));
}

#[test]
fn a_refusal_says_how_near_it_was() {
    let world = World::new().role("seller", "lead.view=team").cites("seller", "K14");
    let ana = world.at("seller", "stage:legal", Mode::Replace, "lead.view=none").ana("seller");
    assert_eq!(ana.why("lead.edit", "of:ana"), "no role grants lead.edit");
    for (object, whose) in [
        ("of:eva", "; somebody else is responsible"),
        ("of:nobody", "; nobody is responsible"),
        ("it", "; who is responsible is not known"),
    ] {
        let why = format!("role seller (K14) grants lead.view with scope team{whose}");
        assert_eq!(ana.why("lead.view", object), why);
    }
    assert_eq!(
        ana.why("lead.view", "of:ana stage:legal"),
        "role seller (K14) closes lead.view by its override for this place"
    );
    assert_eq!(ana.why("lead.view", "of:ana"), "role seller (K14) grants lead.view with scope team");
}

#[test]
fn how_far_a_right_reaches_counts_every_exception() {
    let reach = |world: &World| {
        let ana = world.ana("seller");
        let (lead, view) = (ana.policy.resource("lead").unwrap(), ana.policy.action("view").unwrap());
        let Reach { within, certain } = ana.actor.grants.reach(lead, view);
        (within, certain)
    };
    let world = World::new().role("seller", "lead.view=team");
    assert_eq!(reach(&world), (Scope::Team, Scope::Team));
    let raised = world.clone().at("seller", "stage:a", Mode::Raise, "lead.view=all");
    assert_eq!(reach(&raised), (Scope::All, Scope::Team));
    let closed = world.clone().at("seller", "stage:a", Mode::Replace, "lead.view=none");
    assert_eq!(reach(&closed), (Scope::Team, Scope::None));
    let related = world.clone().related("seller", Relation::Creator, "lead.view=full");
    assert_eq!(reach(&related), (Scope::All, Scope::Team));
    let forbidden = world.forbid("f", "lead.view", |forbid| forbid.stage = vec!["a".into()]);
    assert_eq!(reach(&forbidden), (Scope::Team, Scope::None));
}
