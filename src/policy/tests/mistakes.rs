//! What does not compile, and how that is said.

use super::world::{World, allowed, grant, held};
use crate::policy::{
    RULE_DEPTH_MAX, Relation,
    source::{Assignment, Condition, Effect, Mode, Of, On, Principal},
};

#[test]
fn a_name_that_is_not_declared_is_said_with_one_that_is() {
    let world = World::new().role("seller", "laed.view=own lead.veiw=own *.viwe=own");
    assert_eq!(
        world.mistakes(),
        "role.seller.grants.*.viwe: there is no action `viwe` (did you mean `view`?)\n\
         role.seller.grants.laed.view: there is no resource `laed` (did you mean `lead`?)\n\
         role.seller.grants.lead.veiw: `lead` has no action `veiw` (did you mean `view`?)"
    );
    let world = World::new().role("seller", "").extends("junior", "sellr");
    assert_eq!(world.mistakes(), "role.junior.extends.0: there is no role `sellr` (did you mean `seller`?)");
    let world = World::new().related("seller", Relation::Creator, "lead.view=crad lead.edit=card");
    let world = world.profile("card", "contact", "name");
    assert_eq!(
        world.mistakes(),
        "role.seller.relations.creator.lead.edit: the field profile `card` says nothing of `lead`\n\
         role.seller.relations.creator.lead.view: there is no field profile `crad` (did you mean `card`?)"
    );
}

#[test]
fn an_alias_of_nothing_and_an_alias_of_a_declared_name_are_mistakes() {
    let world = World::new().edit(|source| {
        source.aliases.insert("chat".into(), "conversatoin".into());
        source.aliases.insert("lead".into(), "contact".into());
    });
    assert_eq!(
        world.mistakes(),
        "alias.chat: there is no resource `conversatoin` (did you mean `conversation`?)\n\
         alias.lead: the resource `lead` is there twice"
    );
    let twice = World::new().role("r", "lead.view=own deal.view=all");
    assert_eq!(twice.mistakes(), "role.r.grants.lead.view: the resource `lead` is there twice");
}

#[test]
fn roles_that_begin_with_each_other_are_a_mistake() {
    let world = World::new().extends("a", "b").extends("b", "c").extends("c", "a").extends("d", "a");
    assert_eq!(world.mistakes(), "role.a.extends: roles extend each other: `a` → `b` → `c` → `a`");
    let world = World::new().role("new", "").draft("new").extends("r", "new");
    assert_eq!(world.mistakes(), "role.r.extends.0: the role `new` is a draft and grants nothing yet");
}

#[test]
fn an_override_has_a_place_by_name_and_does_something() {
    let world = World::new().at("r", "", Mode::Replace, "lead.view=none");
    let world = world.at("r", "stage:*", Mode::Replace, "lead.view=none");
    let world = world.at("r", "stage:s", Mode::Replace, "");
    let world = world.at("r", "stage:s", Mode::Cap, "lead.view=all");
    let mistakes = world.mistakes();
    assert_eq!(
        mistakes,
        "role.r.overrides.0: an override needs a place: a pipeline, a stage, a channel or an account\n\
         role.r.overrides.1.stage: `*` is not a name here; leave it out to mean any\n\
         role.r.overrides.2: it has no scopes and so does nothing\n\
         role.r.overrides.3.scopes.view: it has no effect and so does nothing"
    );
}

#[test]
fn fields_contradict_themselves_or_are_no_pattern() {
    let world = World::new().fields("r", "lead", ["budget", "", "budget"]).hides("s", "lead", "smtp*");
    assert_eq!(
        world.mistakes(),
        "role.s.fields.lead: `smtp*` is no pattern: only `*` and a name with `.*` at its end are\n\
         role.r.fields.lead: the field `budget` is both hidden and editable"
    );
}

#[test]
fn rules_that_ask_each_other_are_a_mistake() {
    let of = |name: &str| allowed(On::Object, Of::Resource(name.into()), "view");
    let world = World::new().rule("a", "lead.view", grant("full"), [of("contact")]);
    let world = world.rule("b", "contact.view", Effect::Require, [Condition::Any(vec![of("deal")])]);
    assert_eq!(
        world.mistakes(),
        "rule: conditions ask each other: `contact.view` → `lead.view` → `contact.view`"
    );
}

#[test]
fn rules_ask_in_a_row_of_bounded_length() {
    let row = |length: usize| {
        let world = World::new().edit(|source| {
            for n in 0..=length {
                source.resources.insert(format!("r{n}"), vec!["view".into()]);
            }
        });
        (0..length).fold(world, |world, n| {
            let next = allowed(On::Object, Of::Resource(format!("r{}", n + 1)), "view");
            world.rule(&format!("rule{n}"), &format!("r{n}.view"), grant("full"), [next])
        })
    };
    row(RULE_DEPTH_MAX).compile();
    assert_eq!(
        row(RULE_DEPTH_MAX + 1).mistakes(),
        "rule: conditions ask conditions more than 8 times in a row"
    );
    let nested = (0..9).fold(held("lead.view", "own"), |inner, _| Condition::Any(vec![inner]));
    let world = World::new().rule("deep", "lead.view", grant("full"), [nested]);
    assert!(world.mistakes().ends_with("conditions ask conditions more than 4 times in a row"));
}

#[test]
fn fields_as_allowed_have_one_source() {
    let lead = || allowed(On::Object, Of::Resource("lead".into()), "view");
    let world = World::new();
    let none = world.clone().rule("a", "app.view", Effect::GrantAsAllowed, [held("lead.view", "own")]);
    assert_eq!(none.mistakes(), "rule.a: fields as allowed need a condition that something is allowed");
    let two = world.clone().rule("a", "app.view", Effect::GrantAsAllowed, [lead()]);
    let two = two.rule("b", "app.view", Effect::GrantAsAllowed, [lead()]);
    assert_eq!(two.mistakes(), "rule.b: another rule gives fields as allowed for the same objects");
    let app = allowed(On::Object, Of::Resource("app".into()), "view");
    let chained = world.rule("a", "app.view", Effect::GrantAsAllowed, [lead()]);
    let chained = chained.rule("b", "message.view", Effect::GrantAsAllowed, [app]);
    assert_eq!(chained.mistakes(), "rule.b: the right that it asks has its own fields as allowed elsewhere");
}

#[test]
fn unknown_names_in_rules_forbids_and_assignments_are_mistakes() {
    let world = World::new().role("seller", "").profile("card", "lead", "name");
    let world =
        world.rule_with("r", "contact.view", grant("card"), [Condition::App("chatap".into())], |rule| {
            rule.via = Some("led".into());
            rule.conditions.push(held("lead.shout", "own"));
            rule.conditions.push(allowed(On::Object, Of::Via, "view"));
        });
    let world = world.forbid("f", "lead.vew", |forbid| forbid.role = Some("sella".into()));
    let world = world.forbid("f", "lead.view", |forbid| forbid.users = vec![String::new()]);
    let world = world.edit(|source| {
        let to = Principal::Everyone;
        source.assignments.push(Assignment { role: "selle".into(), to, until: None, draft: false });
        source.apps.insert("chatapp".into(), Default::default());
    });
    assert_eq!(
        world.mistakes(),
        "rule.r.via: there is no resource `led` (did you mean `lead`?)\n\
         rule.r.profile: the field profile `card` says nothing of `contact`\n\
         rule.r.conditions.0: there is no app `chatap` (did you mean `chatapp`?)\n\
         rule.r.conditions.1: `lead` has no action `shout`\n\
         rule.r.conditions.2: only the object through which another is reached can be asked as what it is\n\
         forbid.f: the forbid `f` is there twice\n\
         forbid.f.actions: `lead` has no action `vew` (did you mean `view`?)\n\
         forbid.f.role: there is no role `sella` (did you mean `seller`?)\n\
         forbid.f: the forbid `f` is there twice\n\
         forbid.f.users: it has no name and so does nothing\n\
         assignment.0.role: there is no role `selle` (did you mean `seller`?)"
    );
}

#[test]
fn full_is_the_profile_that_is_built_in() {
    let world = World::new().profile("full", "lead", "name");
    assert_eq!(world.mistakes(), "profile.full: the field profile `full` is there twice");
}
