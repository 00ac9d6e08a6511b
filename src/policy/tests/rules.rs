//! Rights that follow from others, and conditions on rights.

use super::world::{World, allowed, grant, held};
use crate::policy::{
    Relation,
    source::{App, Condition, Effect, Of, On, Principal},
};

fn any<const N: usize>(conditions: [Condition; N]) -> Condition {
    Condition::Any(conditions.into())
}

#[test]
fn a_contact_on_the_card_of_a_lead_that_is_seen_shows_its_profile() {
    let world = World::new().role("seller", "lead.view=own").profile("card", "contact", "name picture");
    let card = [allowed(On::Via, Of::Via, "view")];
    let world =
        world.rule_with("card", "contact.view", grant("card"), card, |rule| rule.via = Some("lead".into()));
    let ana = world.ana("seller");
    assert_eq!(ana.sees("contact.view", "of:ben on lead of:ana", "name phone picture"), "name picture");
    assert_eq!(ana.why("contact.view", "it on lead of:ana"), "rule card grants contact.view");
    assert!(!ana.may("contact.view", "of:ben on lead of:ben"));
    assert!(!ana.may("contact.view", "of:ana"));
    assert!(!ana.may("contact.view", "it on conversation of:ana"));
}

#[test]
fn the_chat_of_a_lead_is_open_to_who_sees_the_lead_and_to_subscribers() {
    let chat = any([allowed(On::Via, Of::Via, "view"), Condition::Related(On::Via, Relation::Participant)]);
    let world = World::new().role("seller", "lead.view=own");
    let world = world.rule_with("K8", "conversation.view", grant("full"), [chat], |rule| {
        rule.via = Some("deal".into());
    });
    let ana = world.ana("seller");
    assert!(ana.may("conversation.view", "it on lead of:ana"));
    assert!(ana.may("conversation.view", "it on lead of:ben with:ana"));
    assert!(!ana.may("conversation.view", "it on lead of:ben with:ben"));
}

#[test]
fn rights_follow_through_several_objects() {
    let through = |rule: &mut crate::policy::source::Rule, via: &str| rule.via = Some(via.into());
    let seen = || [allowed(On::Via, Of::Via, "view")];
    let world = World::new().role("seller", "lead.view=own");
    let world = world.rule_with("chat", "conversation.view", grant("full"), seen(), |r| through(r, "lead"));
    let world =
        world.rule_with("text", "message.view", grant("full"), seen(), |r| through(r, "conversation"));
    let ana = world
        .rule_with("media", "media.view", grant("full"), seen(), |r| through(r, "message"))
        .ana("seller");
    assert!(ana.may("media.view", "it on message on conversation on lead of:ana"));
    assert!(!ana.may("media.view", "it on message on conversation on lead of:ben"));
}

#[test]
fn a_row_of_objects_that_is_too_long_is_refused() {
    let ana = World::new().role("all", "*.*=all").ana("all");
    assert!(ana.may("lead.view", "it on lead on lead on lead on lead"));
    assert!(!ana.may("lead.view", "it on lead on lead on lead on lead on lead"));
}

#[test]
fn the_tab_in_a_card_needs_the_app_and_the_card() {
    let tab = [Condition::App("chatapp".into()), allowed(On::Object, Of::Kind, "view")];
    let world = World::new().role("seller", "lead.view=own contact.view=none");
    let world = world.rule_with("tab", "app.view", grant("full"), tab, |rule| {
        rule.kinds = vec!["lead".into(), "contact".into()];
    });
    let with = |installed: bool, access: &[Principal]| {
        world.clone().edit(|source| {
            source.apps.insert("chatapp".into(), App { installed, access: access.to_vec() });
        })
    };
    let ana = with(true, &[]).ana("seller");
    assert!(ana.may("app.view", "of:ana kind:lead"));
    assert!(ana.may("app.view", "of:ana kind:deal"), "an alias is the same card");
    assert!(!ana.may("app.view", "of:ben kind:lead"));
    assert!(!ana.may("app.view", "of:ana kind:contact"));
    assert!(!ana.may("app.view", "of:ana kind:message"));
    assert!(!ana.may("app.view", "of:ana"));
    assert!(!ana.no_apps().may("app.view", "of:ana kind:lead"));
    assert!(!with(false, &[]).ana("seller").may("app.view", "of:ana kind:lead"));
    let ben = Principal::User("ben".into());
    assert!(!with(true, std::slice::from_ref(&ben)).ana("seller").may("app.view", "of:ana kind:lead"));
    let sales = Principal::TeamTree("sales".into());
    assert!(with(true, &[ben, sales]).ana("seller").may("app.view", "of:ana kind:lead"));
}

#[test]
fn a_rule_holds_without_an_object_if_its_conditions_do() {
    let both = [held("lead.edit", "all"), held("contact.edit", "all")];
    let world =
        World::new().role("a", "lead.edit=all").role("b", "contact.edit=all").role("c", "contact.edit=open");
    let world = world.rule("BR4", "app.use", grant("full"), both);
    assert!(world.ana("a b").may("app.use", "nothing"));
    assert!(world.ana("a b").may("app.use", "it"));
    assert!(!world.ana("a").may("app.use", "nothing"));
    assert!(!world.ana("a c").may("app.use", "nothing"));
    let forbidden = world.forbid("f", "lead.edit", |_| {});
    assert!(!forbidden.ana("a b").may("app.use", "nothing"), "a right that is forbidden is not held");
}

#[test]
fn a_requirement_refuses_unless_it_is_met_however_the_right_was_granted() {
    let world = World::new().role("all", "*.*=all").role("seller", "media.view=all conversation.view=own");
    let world = world.rule("KR6", "media.view", Effect::Require, [allowed(On::Via, Of::Via, "view")]);
    let ana = world.ana("seller");
    assert!(ana.may("media.view", "it on conversation of:ana"));
    assert_eq!(ana.why("media.view", "it on conversation of:ben"), "media.view needs what rule KR6 asks");
    assert!(!ana.may("media.view", "it"));
    assert!(world.ana("all").may("media.view", "it on conversation of:ben"));
}

#[test]
fn a_requirement_is_only_asked_of_what_it_is_about() {
    let world = World::new().role("r", "message.view=all").rule_with(
        "email",
        "message.view",
        Effect::Require,
        [held("media.view", "own")],
        |rule| rule.kinds = vec!["email".into()],
    );
    assert!(!world.ana("r").may("message.view", "kind:email"));
    assert!(world.ana("r").may("message.view", "kind:chat"));
    assert!(world.ana("r").may("message.view", "it"));
    assert!(!world.ana("r").may("message.view", "lost"), "it may be an email");
}

#[test]
fn who_is_responsible_is_a_condition() {
    let world = World::new().role("r", "");
    let ana = world.rule("own", "lead.delete", grant("full"), [Condition::Responsible(On::Object)]).ana("r");
    assert!(ana.may("lead.delete", "of:ana"));
    assert!(!ana.may("lead.delete", "of:ben"));
    assert!(!ana.may("lead.delete", "nothing"));
}

#[test]
fn rules_grant_nothing_to_who_has_no_role() {
    let ana = World::new().rule("all", "lead.view", grant("full"), []).ana("");
    assert!(!ana.may("lead.view", "of:ana"));
}
