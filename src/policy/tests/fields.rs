//! Fields: hidden, read-only, secret, forbidden, shown by profile.

use super::world::World;
use crate::policy::{
    Decision, DenyReason, Relation,
    source::{Mode, Of, On},
};

const FIELDS: &str = "name budget source other";

#[test]
fn a_hidden_field_is_neither_seen_nor_written_and_a_read_only_one_is_seen() {
    let world =
        World::new().role("r", "lead.view=all lead.edit=all").fields("r", "lead", ["budget", "source", ""]);
    let ana = world.ana("r");
    assert_eq!(ana.sees("lead.view", "it", FIELDS), "name source other");
    assert_eq!(ana.writes("lead.edit", "it", FIELDS), "name other");
}

#[test]
fn a_write_is_all_or_nothing() {
    let ana = World::new().role("r", "lead.edit=all").hides("r", "lead", "budget").ana("r");
    assert!(ana.decide_writing("lead.edit", "it", "name other").is_allowed());
    assert_eq!(
        ana.why_writing("lead.edit", "it", "name budget"),
        "the field budget may not be written by lead.edit"
    );
    let budget = ana.policy.field(ana.policy.resource("lead").unwrap(), "budget");
    let refused = ana.decide_writing("lead.edit", "it", "name budget");
    assert_eq!(refused, Decision::Deny(DenyReason::Field(budget)));
}

#[test]
fn the_most_exact_name_of_a_field_counts_and_of_two_alike_the_stricter() {
    let lists = ["smtp.password *", "smtp.*", "smtp.host"];
    let ana =
        World::new().role("r", "contact.view=all contact.edit=all").fields("r", "contact", lists).ana("r");
    let fields = "name smtp smtp.host smtp.port smtp.password";
    assert_eq!(ana.sees("contact.view", "it", fields), "smtp.host smtp.port");
    assert_eq!(ana.writes("contact.edit", "it", fields), "smtp.host");
}

#[test]
fn a_field_is_as_open_as_in_the_most_open_role_that_reaches_the_object() {
    let world = World::new().role("strict", "lead.view=all").hides("strict", "lead", "budget");
    let ana = world.role("own", "lead.view=own").ana("strict own");
    assert_eq!(ana.sees("lead.view", "of:ana", FIELDS), FIELDS);
    assert_eq!(ana.sees("lead.view", "of:ben", FIELDS), "name source other");
}

#[test]
fn a_relation_shows_its_profile_less_what_the_role_hides() {
    let world = World::new().profile("card", "lead", "name budget").role("r", "lead.view=own");
    let world = world.related("every role", Relation::Participant, "lead.view=card");
    assert_eq!(world.ana("r").sees("lead.view", "of:ben with:ana", FIELDS), "name budget");
    assert_eq!(world.ana("r").sees("lead.view", "of:ana with:ana", FIELDS), FIELDS);
    let hiding = world.hides("r", "lead", "budget");
    assert_eq!(hiding.ana("r").sees("lead.view", "of:ben with:ana", FIELDS), "name");
}

#[test]
fn a_stage_that_is_closed_to_the_grant_leaves_a_subscriber_the_profile() {
    let world = World::new().profile("card", "lead", "name").role("r", "lead.view=all");
    let world = world.at("r", "stage:legal", Mode::Replace, "lead.view=none");
    let ana = world.related("r", Relation::Participant, "lead.view=card").ana("r");
    assert_eq!(ana.sees("lead.view", "of:ben stage:legal with:ana", FIELDS), "name");
    assert_eq!(ana.sees("lead.view", "of:ben stage:new with:ana", FIELDS), FIELDS);
}

#[test]
fn another_role_never_closes_a_field() {
    let world = World::new().profile("card", "lead", "name budget");
    let world = world.role("friend", "").related("friend", Relation::Participant, "lead.view=card");
    let world = world.role("strict", "lead.view=all").hides("strict", "lead", "budget");
    let object = "of:ben with:ana";
    assert_eq!(world.ana("friend").sees("lead.view", object, FIELDS), "name budget");
    assert_eq!(world.ana("friend strict").sees("lead.view", object, FIELDS), FIELDS);
}

#[test]
fn a_secret_is_seen_by_who_may_edit_it_there() {
    let world = World::new().role("viewer", "contact.view=all");
    let world = world.role("editor", "contact.view=all contact.edit=own");
    let world = world.role("reader", "contact.view=all contact.edit=all").fields(
        "reader",
        "contact",
        ["", "token", ""],
    );
    let world = world.edit(|source| {
        source.secrets.insert("contact".into(), vec!["token".into()]);
    });
    assert_eq!(world.ana("viewer").sees("contact.view", "of:ana", "name token"), "name");
    assert_eq!(world.ana("editor").sees("contact.view", "of:ana", "name token"), "name token");
    assert_eq!(world.ana("editor").sees("contact.view", "of:ben", "name token"), "name");
    assert_eq!(world.ana("reader").sees("contact.view", "of:ana", "name token"), "name");
    assert_eq!(world.ana("editor").writes("contact.edit", "of:ana", "name token"), "name token");
    let forbidden = world.forbid("f", "contact.edit", |_| {});
    assert_eq!(forbidden.ana("editor").sees("contact.view", "of:ana", "name token"), "name");
}

#[test]
fn a_field_that_needs_another_right_is_seen_by_who_holds_it() {
    let world = World::new().role("reader", "message.view=all").role("media", "media.view=own");
    let world = world.edit(|source| {
        let needed = ("media".to_owned(), "view".to_owned());
        source.needs.entry("message".into()).or_default().insert("attachments".into(), needed);
    });
    let fields = "text attachments";
    assert_eq!(world.ana("reader").sees("message.view", "of:ben", fields), "text");
    assert_eq!(world.ana("reader media").sees("message.view", "of:ben", fields), fields);
    let of = |user: &str| world.clone().forbid("f", "media.view", |forbid| forbid.users = vec![user.into()]);
    assert_eq!(of("ana").ana("reader media").sees("message.view", "of:ben", fields), "text");
    assert_eq!(of("ben").ana("reader media").sees("message.view", "of:ben", fields), fields);
}

#[test]
fn a_forbid_of_fields_hides_them_and_touches_nothing_else() {
    let world = World::new().role("all", "*.*=all").forbid("f", "lead.*", |forbid| {
        forbid.fields = vec!["budget".into()];
        forbid.stage = vec!["won".into()];
    });
    let ana = world.ana("all");
    assert_eq!(ana.sees("lead.view", "stage:won", FIELDS), "name source other");
    assert_eq!(ana.writes("lead.edit", "stage:won", FIELDS), "name source other");
    assert_eq!(ana.sees("lead.view", "stage:new", FIELDS), FIELDS);
    assert!(!ana.decide_writing("lead.edit", "stage:won", "budget").is_allowed());
}

#[test]
fn fields_as_allowed_are_those_of_the_other_right() {
    let world = World::new().role("seller", "lead.view=own").hides("seller", "lead", "budget");
    let world = world.rule(
        "notice",
        "notification.view",
        crate::policy::source::Effect::GrantAsAllowed,
        [super::world::allowed(On::Object, Of::Resource("lead".into()), "view")],
    );
    let ana = world.ana("seller");
    assert_eq!(ana.sees("notification.view", "of:ana", FIELDS), "name source other");
    assert!(!ana.may("notification.view", "of:ben"));
    let also = world.role("clerk", "notification.view=all");
    assert_eq!(also.ana("seller clerk").sees("notification.view", "of:ana", FIELDS), FIELDS);
}
