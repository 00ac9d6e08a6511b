//! The shipped presets, as an operator reads and changes them.

use headgate::config::{presets::Preset, roles};

#[test]
fn every_preset_is_read_without_a_mistake() {
    for preset in Preset::ALL {
        if let Err(mistakes) = roles::preset(preset) {
            panic!("{mistakes}");
        }
    }
}

/// The mistakes of a file of roles.
fn mistakes(text: &str) -> String {
    roles::read("roles.toml", text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn mistakes_in_roles_are_told_with_their_line_and_what_was_meant() {
    for (text, told) in [
        (
            "use = [\"komo\"]",
            "roles.toml:1: use[0]: `komo`: expected one of `base`, `qontak`, `kommo`, `bitrix24`, `chatwoot` (did you mean `kommo`?)",
        ),
        (
            "use = [\"kommo\"]\n[role.x.grants]\nlead = { veiw = \"own\" }",
            "roles.toml:3: role.x.grants.lead.veiw: `lead` has no action `veiw` (did you mean `view`?)",
        ),
        (
            "use = [\"kommo\"]\n[role.x]\nextends = [\"kommo.sales-manger\"]",
            "roles.toml:3: role.x.extends[0]: there is no role `kommo.sales-manger` (did you mean `kommo.sales-manager`?)",
        ),
        (
            "use = [\"kommo\"]\nwithout = [\"KP44\"]",
            "roles.toml:2: without[0]: no rule or forbid of a preset `KP44` is declared (did you mean `KP4`?)",
        ),
        (
            "use = [\"kommo\"]\n[[role.x.override]]\nresource = \"lead\"\nstage = [\"a\"]\nview = \"own\"\n[[role.x.stage]]\nresource = \"leed\"\nstage = [\"b\"]\nview = \"own\"",
            "roles.toml:9: role.x.stage[0].view: there is no resource `leed` (did you mean `lead`?)",
        ),
        (
            "use = [\"kommo\"]\n[[assign]]\nrole = \"nobody\"\nto = \"everyone\"",
            "roles.toml:3: assign[0].role: there is no role `nobody`",
        ),
        (
            "use = [\"kommo\"]\n[[rule]]\nname = \"r\"\nresource = \"lead\"\nactions = [\"view\"]\neffect = \"grant\"\nwhen = [{ any = [{ app = \"a\" }] }]",
            "roles.toml:7: rule[0].when[0].any[0]: there is no app `a`",
        ),
    ] {
        let all = mistakes(text);
        assert!(all.contains(told), "{told}\n{all}");
    }
}

#[test]
fn presets_that_do_not_go_together_are_refused_with_the_reason_alone() {
    for (one, two, first) in [
        ("kommo", "bitrix24", "`max` in `kommo` and by `specific-then-max` in `bitrix24`"),
        ("bitrix24", "kommo", "`specific-then-max` in `bitrix24` and by `max` in `kommo`"),
    ] {
        let told = mistakes(&format!("use = [\"qontak\", \"{one}\", \"{two}\"]\n"));
        let expected = format!(
            "roles.toml:1: use[2]: does not go together with `{one}`: several roles combine by {first}, and `deal` \
             is another name of `lead` in `kommo` and a resource in `bitrix24`; use one of them, and write what you \
             need of the other"
        );
        assert_eq!(told, expected);
    }
    for pair in ["[\"qontak\", \"kommo\"]", "[\"bitrix24\", \"qontak\"]"] {
        roles::read("roles.toml", &format!("use = {pair}")).unwrap();
    }
}

#[test]
fn what_a_file_says_of_every_role_is_told_at_its_own_line() {
    let told = mistakes("use = [\"kommo\"]\n[every_role.grants]\nlead = { view = \"own\", veiw = \"own\" }");
    assert!(told.starts_with("roles.toml:3: every_role.grants.lead.veiw: "), "{told}");
}

#[test]
fn an_operator_changes_what_a_preset_says_of_every_role() {
    let source = roles::read(
        "roles.toml",
        "use = [\"kommo\"]\n[every_role.relation.participant]\n\"*\" = { view = \"full\" }",
    )
    .unwrap();
    let engine = super::engine::Engine::new(&source, "t", &Default::default()).unwrap();
    let free = engine.policy.role("kommo.sales-junior").unwrap();
    let relations = engine.policy.grants(&[free]).unwrap();
    let contact = engine.policy.resource("contact").unwrap();
    assert!(relations.exceptions(contact, engine.policy.action("view").unwrap()).relations);
}

#[test]
fn an_operator_changes_a_preset_role_and_turns_a_rule_off() {
    let source = roles::read(
        "roles.toml",
        "use = [\"kommo\"]\nwithout = [\"KP4\"]\n[role.\"kommo.sales-junior\".grants]\nlead = { view = \"team\" }\n\
         [[assign]]\nrole = \"kommo.administrator\"\nto = \"trait:first-user\"\ndraft = true",
    )
    .unwrap();
    assert!(source.forbids.iter().all(|forbid| forbid.name != "KP4"));
    assert!(source.assignments.iter().all(|assignment| assignment.draft));
    let engine = super::engine::Engine::new(&source, "t", &Default::default()).unwrap();
    let role = engine.policy.role("kommo.sales-junior").unwrap();
    let grants = engine.policy.grants(&[role]).unwrap();
    let lead = engine.policy.resource("lead").unwrap();
    let widest = |action| grants.widest(lead, engine.policy.action(action).unwrap()).label();
    assert_eq!((widest("view"), widest("edit")), ("team", "own"), "one replaced, one kept");
}
