//! `policy test`, `can-i`, `who-can`, `policy diff`, `policy matrix`.

use insta::assert_snapshot;
use serde_json::Value;

use super::{Folder, Said, headgate};

fn code_and_first_line(said: &Said) -> (i32, &str) {
    (said.code, said.out.lines().next().unwrap_or_default())
}

#[test]
fn policy_test_passes_also_for_roles_of_the_directory_and_users_who_are_gone() {
    let said = Folder::new().ask(&["policy", "test"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "4 passed, 0 failed\n", ""));
}

#[test]
fn a_preset_is_printed_as_it_is_read() {
    let said = headgate(&["preset", "kommo"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("[role.\"kommo.sales-junior\"]"), "{}", said.out);
    assert_eq!(headgate(&["preset", "komo"]).code, 2);
    let said = headgate(&["route-map", "chatwoot"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("[entity.conversation]"), "{}", said.out);
}

#[test]
fn policy_test_tells_each_failing_case_with_its_line_and_reason() {
    let folder =
        Folder::new().with("roles.toml", "edit = \"own\" }", "edit = \"none\", export = \"all\" }").with(
            "tests.toml",
            "object = { responsible = \"ana\" }",
            "object = { responsible = \"ana\" }\nwrites = [\"name\"]",
        );
    let said = folder.ask(&["policy", "test"]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.out);
}

#[test]
fn a_folder_whose_tests_fail_can_still_be_asked_and_is_still_not_loaded() {
    let folder = Folder::new().with("roles.toml", "edit = \"own\" }", "edit = \"none\" }");
    let said = folder.ask(&["can-i", "ana", "edit", "lead/1", "--responsible", "ana"]);
    assert_eq!(code_and_first_line(&said), (1, "deny"));
    std::fs::write(folder.path().join("headgate.toml"), "[store]\npath = \"data\"\n").unwrap();
    let check = folder.ask(&["check"]);
    assert_eq!(check.code, 1);
    assert!(check.out.contains("case.a-seller-edits-their-lead: expected allow, but"), "{}", check.out);
}

#[test]
fn coverage_lists_the_grants_that_no_test_asks_about() {
    let said = Folder::new().ask(&["policy", "test", "--coverage"]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said.out);
}

#[test]
fn can_i_says_why_with_role_scope_citation_and_fields() {
    let folder = Folder::new();
    let asked: &[&[&str]] = &[
        &["ana", "view", "lead/7", "--responsible", "ana"],
        &["ana", "view", "lead/7", "--responsible", "ana", "--stage", "legal"],
        &["ana", "view", "lead/7", "--responsible", "ben"],
        &["ana", "view", "lead"],
        &["ana", "view", "conversation", "--responsible", "ben"],
        &["ana", "view", "conversation", "--unassigned", "--team", "sales"],
        &["ana", "view", "conversation", "--responsible", "cem", "--participant", "ana"],
        &["ana", "view", "note", "--via", "lead:responsible=ana"],
        &["boris", "export", "lead", "--stage", "legal"],
        &["gone", "export", "lead"],
        &["ana", "edit", "lead", "--responsible", "ana", "--write", "source"],
        &["ana", "view", "lead", "--responsible", "ana", "--field", "budget"],
    ];
    let mut said = String::new();
    for question in asked {
        let answer = folder.ask(&[&["can-i"], *question, &["--why"]].concat());
        let expected = i32::from(!answer.out.starts_with("allow"));
        assert_eq!(answer.code, expected, "{question:?}: {answer:?}");
        said.push_str(&format!("$ can-i {} --why\n{}\n", question.join(" "), answer.out));
    }
    assert_snapshot!(said);
}

#[test]
fn a_hidden_field_is_hidden_wherever_it_stands_as_the_gate_has_it() {
    let folder = Folder::new();
    for (field, code) in [("budget", 1), ("card.budget", 1), ("budget.net", 1), ("card.name", 0)] {
        let asked = ["can-i", "ana", "view", "lead", "--responsible", "ana", "--field", field];
        assert_eq!(folder.ask(&asked).code, code, "{field}");
    }
}

#[test]
fn what_is_not_understood_exits_with_2_and_says_what_was_meant() {
    let folder = Folder::new();
    for (arguments, told) in [
        (&["can-i", "anna", "view", "lead"][..], "there is no user `anna` (did you mean `ana`?)"),
        (&["can-i", "ana", "vew", "lead"], "there is no action `vew` (did you mean `view`?)"),
        (&["can-i", "ana", "view", "leads"], "there is no resource `leads` (did you mean `lead`?)"),
        (
            &["can-i", "ana", "view", "lead", "--roles", "sellers"],
            "there is no role `sellers` (did you mean `seller`?)",
        ),
        (
            &["can-i", "ana", "view", "note", "--via", "lead:owner=ana"],
            "`owner` is nothing that can be said of an object",
        ),
        (
            &["can-i", "ana", "view", "lead", "--tenant", "acme"],
            "the folder has no tenant `acme`; it has: default",
        ),
        (&["who-can", "fly", "lead"], "there is no action `fly`"),
        (
            &["can-i", "ana", "view", "lead", "--responsible", "bem"],
            "there is no user `bem` (did you mean `ben`?)",
        ),
        (&["who-can", "view", "lead", "--team", "sale"], "there is no team `sale` (did you mean `sales`?)"),
        (&["who-can", "view", "lead", "--queue", "sale"], "there is no team `sale` (did you mean `sales`?)"),
        (&["who-can", "view", "lead", "--participant", "zoe"], "there is no user `zoe`"),
        (
            &["can-i", "ana", "view", "lead", "--teams", "sale"],
            "there is no team `sale` (did you mean `sales`?)",
        ),
        (
            &["can-i", "ana", "view", "note", "--via", "lead:responsible=bem"],
            "there is no user `bem` (did you mean `ben`?)",
        ),
    ] {
        let said = folder.ask(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert_eq!(said.err.trim_end(), told, "{arguments:?}");
    }
}

#[test]
fn a_place_that_no_file_mentions_is_told_and_answers_as_before() {
    let folder = Folder::new();
    folder.write("channels.toml", "[account.wa-desk]\ntoken = \"${env:A_SECRET}\"\n");
    folder.write("assignment.toml", "[team.sales]\nstrategy = \"manual\"\nclosed_stages = [\"deals/won\"]\n");
    let ask = |more: &[&str]| {
        folder.ask(&[&["can-i", "ana", "view", "lead", "--responsible", "ana"], more].concat())
    };
    for (more, told) in [
        (
            ["--stage", "legl"],
            "warning: the configuration mentions no stage `legl` (did you mean `legal`?); it mentions: legal, won\n",
        ),
        (
            ["--account", "wa-desc"],
            "warning: the configuration mentions no account `wa-desc` (did you mean `wa-desk`?); it mentions: wa-desk\n",
        ),
        (["--pipeline", "x"], "warning: the configuration mentions no pipeline `x`; it mentions: deals\n"),
        (["--stage", "won"], ""),
        (["--channel", "line"], ""),
        (["--kind", "note"], ""),
    ] {
        let said = ask(&more);
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "allow\n", told), "{more:?}");
    }
    let said = ask(&["--channel", "telegramm"]);
    assert!(said.err.contains("(did you mean `telegram`?)") && said.code == 0, "{said:?}");
    let said = folder.ask(&["who-can", "view", "note", "--via", "lead:stage=legl"]);
    assert!(said.err.starts_with("warning: the configuration mentions no stage `legl`"), "{said:?}");
}

#[test]
fn what_the_backend_does_not_tell_may_be_what_a_forbid_names() {
    let folder = Folder::new();
    let ask = |more: &[&str]| folder.ask(&[&["can-i", "boris", "export", "lead/1"], more].concat()).out;
    assert_eq!(ask(&[]), "allow\n");
    assert_eq!(ask(&["--unknown", "stage"]), "deny\n");
    assert_eq!(ask(&["--unknown", "channel,account"]), "allow\n");
    let said = folder.ask(&["can-i", "boris", "export", "lead/1", "--unknown", "team"]);
    assert!(said.code == 2 && said.err.contains("nothing that can be unknown"), "{said:?}");
}

/// Asks one more case of `tests.toml`: what a failing one got, `None` if it passed.
fn tried(folder: &Folder, case: &str) -> Option<String> {
    folder.write("tests.toml", &format!("[case.it]\n{case}"));
    let said = json(&folder.ask(&["policy", "test", "--format", "json"]));
    assert_eq!(said["cases"].as_array().unwrap().len(), 1, "{said}");
    said["cases"][0]["why"].as_str().map(str::to_owned)
}

#[test]
fn a_test_knows_of_people_what_can_i_and_the_gate_know() {
    let queue = "[role.seller.relation.queue]\nlead = { view = \"full\" }\n[role.head]";
    let folder = Folder::new().with("roles.toml", "[role.head]", queue);
    folder.write("assignment.toml", "[team.sales]\nstrategy = \"round_robin\"\n");
    let view = |resource: &str, object: &str, flags: &[&str], expect: &str| {
        let case = format!(
            "user = \"ana\"\nresource = \"{resource}\"\naction = \"view\"\nobject = {object}\nexpect = \"{expect}\"\n"
        );
        assert_eq!(tried(&folder, &case), None, "{resource} {object}");
        let said = folder.ask(&[&["can-i", "ana", "view", resource], flags].concat());
        assert_eq!(said.out, format!("{expect}\n"), "{resource} {flags:?}");
    };
    // The teams of the responsible user.
    view("conversation", "{ responsible = \"ben\" }", &["--responsible", "ben"], "allow");
    let both = ["--responsible", "cem", "--team", "sales"];
    view("conversation", "{ responsible = \"cem\", team = \"sales\" }", &both, "allow");
    view("conversation", "{ responsible = \"cem\" }", &["--responsible", "cem"], "deny");
    // The object's own team, and the one whose queue serves it.
    view(
        "conversation",
        "{ unassigned = true, team = \"sales\" }",
        &["--unassigned", "--team", "sales"],
        "allow",
    );
    let queued = ["--unassigned", "--queue", "sales"];
    view("conversation", "{ unassigned = true, queue = \"sales\" }", &queued, "deny");
    view("lead", "{ unassigned = true, queue = \"sales\" }", &queued, "allow");
    let folder = folder.with("directory.toml", "[user.ana]\n", "[user.ana]\naway = true\n");
    let away = "user = \"ana\"\nresource = \"lead\"\naction = \"view\"\nobject = { queue = \"sales\" }\n";
    assert_eq!(tried(&folder, &format!("{away}expect = \"deny\"\n")), None, "who is away is in no queue");
    assert_eq!(tried(&folder, &format!("{away}queues = [\"sales\"]\nexpect = \"allow\"\n")), None);
}

#[test]
fn a_role_that_ends_counts_in_a_test_at_a_moment_before_its_end() {
    for (until, can) in [("2020-01-01T00:00:00Z", "deny\n"), ("2199-01-01T00:00:00Z", "allow\n")] {
        let assigned =
            format!("[[assign]]\nrole = \"head\"\nto = \"user:ana\"\nuntil = \"{until}\"\n[[forbid]]");
        let folder = Folder::new().with("roles.toml", "[[forbid]]", &assigned);
        assert_eq!(folder.ask(&["can-i", "ana", "export", "lead"]).out, can);
        let case = "user = \"ana\"\nresource = \"lead\"\naction = \"export\"\nexpect = ";
        assert_eq!(tried(&folder, &format!("{case}\"deny\"\n")), None, "for good");
        let before = format!("{case}\"allow\"\nat = \"2019-12-31T23:59:59Z\"\n");
        assert_eq!(tried(&folder, &before), None, "before its end");
        assert!(tried(&folder, &before.replace("2019", "2198")).is_none() == can.starts_with("allow"));
    }
}

#[test]
fn names_in_a_test_that_the_files_do_not_have_are_mistakes_with_their_lines() {
    let folder = Folder::new();
    let case = |more: &str| {
        let case = "[case.it]\nuser = \"ana\"\nresource = \"lead\"\naction = \"view\"\nexpect = \"deny\"\n";
        folder.write("tests.toml", &format!("{case}{more}\n"));
        folder.ask(&["policy", "test"])
    };
    for (more, told) in [
        (
            "object = { responsible = \"bem\" }",
            "case.it.object.responsible: no user `bem` is declared (did you mean `ben`?)",
        ),
        (
            "object = { participants = [\"bem\"] }",
            "case.it.object.participants[0]: no user `bem` is declared",
        ),
        (
            "object = { team = \"sale\" }",
            "case.it.object.team: no team `sale` is declared (did you mean `sales`?)",
        ),
        ("object = { queue = \"sale\" }", "case.it.object.queue: no team `sale` is declared"),
        (
            "object = { role = \"hed\" }",
            "case.it.object.role: no role `hed` is declared (did you mean `head`?)",
        ),
        ("teams = [\"sale\"]", "case.it.teams[0]: no team `sale` is declared"),
        (
            "object = { via = { resource = \"leed\" } }",
            "case.it.object.via.resource: no resource `leed` is declared",
        ),
    ] {
        let said = case(more);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{more}: {said:?}");
        assert!(
            said.err.starts_with("tenants/default/tests.toml:") && said.err.contains(told),
            "{}",
            said.err
        );
    }
    // Whom a case makes up is somebody all the same.
    let made_up = "roles = [\"seller\"]\nobject = { creator = \"zoe\", participants = [\"zoe\"] }";
    folder.write("tests.toml", &format!("[case.it]\nuser = \"zoe\"\nresource = \"lead\"\naction = \"view\"\nexpect = \"deny\"\n{made_up}\n"));
    assert_eq!(folder.ask(&["policy", "test"]).code, 0);
}

#[test]
fn mistakes_in_the_files_exit_with_2_and_are_told_with_their_lines() {
    let folder = Folder::new().with("roles.toml", "team:sales", "team:sails");
    for arguments in [&["policy", "test"][..], &["who-can", "view", "lead"], &["policy", "matrix"]] {
        let said = folder.ask(arguments);
        assert_eq!(said.code, 2, "{arguments:?}");
        assert!(said.err.starts_with("tenants/default/roles.toml:"), "{}", said.err);
        assert!(said.err.contains("`sails`"), "{}", said.err);
    }
}

#[test]
fn of_several_tenants_one_must_be_named() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join("tenants/other")).unwrap();
    let said = folder.ask(&["policy", "test"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("several tenants (default, other)"), "{}", said.err);
    assert_eq!(folder.ask(&["policy", "test", "--tenant", "default"]).code, 0);
}

#[test]
fn users_of_an_http_directory_are_asked_about_by_their_roles() {
    let folder = Folder::new().with(
        "directory.toml",
        "[team.company]",
        "[source]\nurl = \"http://127.0.0.1:1/\"\n[team.company]",
    );
    let said = folder.ask(&["can-i", "zoe", "view", "lead"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("say `--roles ROLE,.. --teams TEAM,..`"), "{}", said.err);
    let zoe = ["can-i", "zoe", "view", "conversation", "--unassigned", "--team", "support"];
    let said = folder.ask(&[&zoe[..], &["--roles", "seller", "--teams", "support"]].concat());
    assert_eq!(code_and_first_line(&said), (0, "allow"));
    let said = folder.ask(&[&zoe[..], &["--roles", "seller", "--teams", "sales"]].concat());
    assert_eq!(code_and_first_line(&said), (1, "deny"));
    assert_eq!(folder.ask(&["policy", "matrix"]).code, 2);
    assert_eq!(folder.ask(&["policy", "matrix", "--roles"]).code, 0);
}

#[test]
fn who_can_lists_users_with_their_reasons_and_exits_with_1_for_nobody() {
    let folder = Folder::new();
    let said = folder.ask(&["who-can", "view", "conversation/9", "--responsible", "ben"]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said.out);
    let said = folder.ask(&["who-can", "view", "note"]);
    assert_eq!((said.code, said.out.as_str()), (1, "0 of 5 users may\n"));
}

#[test]
fn the_matrix_shows_scopes_and_signs_for_users_and_roles() {
    let folder = Folder::new();
    let users = folder.ask(&["policy", "matrix"]);
    let roles = folder.ask(&["policy", "matrix", "--roles", "--all", "--format", "markdown"]);
    assert_eq!((users.code, roles.code), (0, 0));
    assert!(!users.out.contains('\x1b'), "colour where there is no terminal");
    assert_snapshot!(format!("{}\n{}", users.out, roles.out));
}

#[test]
fn the_matrix_has_kommos_colours() {
    let said = Folder::new().ask(&["policy", "matrix", "--color", "always"]);
    for painted in [
        "\x1b[31mnone",
        "\x1b[38;5;208mown",
        "\x1b[34mteam",
        "\x1b[34mteam-tree",
        "\x1b[32mopen",
        "\x1b[32mall",
    ] {
        assert!(said.out.contains(painted), "{painted:?} in {:?}", said.out);
    }
}

#[test]
fn the_matrix_for_programs_has_every_right_of_everybody() {
    let said = Folder::new().ask(&["policy", "matrix", "--format", "json"]);
    let said: Value = serde_json::from_str(&said.out).unwrap();
    let rights = said["rights"].as_array().unwrap();
    assert_eq!(rights.len(), 5 * 6, "users by rights");
    let found = rights
        .iter()
        .find(|one| one["user"] == "ana" && one["resource"] == "lead" && one["action"] == "view");
    assert_eq!((&found.unwrap()["scope"], &found.unwrap()["overrides"]), (&"own".into(), &true.into()));
}

fn diff(old: &Folder, new: &Folder, more: &[&str]) -> Said {
    let folders = [old.path().to_str().unwrap(), new.path().to_str().unwrap()];
    headgate(&[&["policy", "diff"], &folders[..], more].concat())
}

fn changed() -> Folder {
    Folder::new()
        .with("roles.toml", "send = \"own\"", "send = \"team\"")
        .with("roles.toml", "export = \"all\"", "export = \"team\"")
        .with("roles.toml", "hidden = [\"budget\"]", "hidden = [\"phone\"]")
        .with("roles.toml", "stage = [\"legal\"]\nview = \"none\"", "stage = [\"legal\"]\nview = \"all\"")
        .with("directory.toml", "members = [\"ana\", \"ben\"]", "members = [\"ana\"]")
        .with("directory.toml", "[user.ben]\n", "[user.ben]\n[user.dora]\nroles = [\"seller\"]\n")
        .with("directory.toml", "[user.cem]\n", "[user.cem]\nactive = false\n")
}

#[test]
fn the_diff_tells_who_gains_and_who_loses_what() {
    let said = diff(&Folder::new(), &changed(), &[]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.out);
}

#[test]
fn the_diff_compares_roles_too() {
    let said = diff(&Folder::new(), &changed(), &["--roles"]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.out);
}

#[test]
fn what_a_queue_opens_is_a_roles_and_of_users_theirs_who_are_in_one() {
    let queue = "[role.seller.relation.queue]\nlead = { edit = \"full\" }\n[role.head]";
    let queued = || Folder::new().with("roles.toml", "[role.head]", queue);
    let said = diff(&Folder::new(), &queued(), &["--roles"]);
    assert!(
        said.out.contains("seller\n  gains  lead.edit: served by the queue of (theirs)\n"),
        "{}",
        said.out
    );
    let marked = |folder: &Folder, arguments: &[&str]| {
        let said = json(&folder.ask(&[&["policy", "matrix", "--format", "json"], arguments].concat()));
        let rights = said["rights"].as_array().unwrap().clone().into_iter();
        let edit = rights.filter(|one| one["resource"] == "lead" && one["action"] == "edit");
        let marked = edit.filter(|one| one["relations"] == true);
        marked
            .map(|one| one["user"].as_str().or_else(|| one["role"].as_str()).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(marked(&queued(), &["--roles"]), ["seller"]);
    assert!(marked(&queued(), &[]).is_empty(), "nobody is in a queue");
    let served = queued();
    served.write("assignment.toml", "[team.sales]\nstrategy = \"round_robin\"\n");
    assert_eq!(marked(&served, &[]), ["ana", "ben"]);
    let said = diff(&queued(), &served, &[]);
    assert!(
        said.out.contains("ana, ben\n  gains  lead.edit: served by the queue of sales\n"),
        "{}",
        said.out
    );
}

#[test]
fn the_diff_for_programs_has_each_user() {
    let said = diff(&Folder::new(), &changed(), &["--format", "json"]);
    let said: Value = serde_json::from_str(&said.out).unwrap();
    let names: Vec<_> = said["changed"].as_array().unwrap().iter().map(|one| one["user"].clone()).collect();
    assert_eq!(names, ["ana", "ben", "boris", "dora"]);
    let export = said["changed"][2]["changes"].as_array().unwrap();
    let export = export.iter().find(|change| change["action"] == "export").unwrap();
    assert_eq!(export["scope"], serde_json::json!(["all", "team"]));
}

#[test]
fn the_diff_claims_no_more_than_is_true_where_there_are_exceptions() {
    let closer = "[role.closer]\ngrants.lead = { view = \"all\", export = \"all\" }\n\
                  [[role.closer.override]]\nresource = \"lead\"\nstage = [\"legal\"]\nview = \"none\"\n[role.head]";
    let hired = Folder::new().with("roles.toml", "[role.head]", closer).with(
        "directory.toml",
        "[user.cem]",
        "[user.cem]\nroles = [\"closer\"]",
    );
    let said = diff(&Folder::new(), &hired, &[]);
    let legal = "everything; but not own at stage legal, others' at stage legal (none → all)";
    assert!(said.out.contains(&format!("cem\n  gains  lead.export, lead.view: {legal}\n")), "{}", said.out);

    let kept = "grants.lead = { export = \"all\" }\n[[role.head.override]]\nresource = \"lead\"\n\
                stage = [\"legal\"]\nview = \"all\"";
    let narrowed =
        Folder::new().with("roles.toml", "grants.lead = { view = \"open\", export = \"all\" }", kept);
    let said = diff(&Folder::new(), &narrowed, &["--format", "json"]);
    let said: Value = serde_json::from_str(&said.out).unwrap();
    let change = said["changed"][0]["changes"].as_array().unwrap().iter();
    let view = change.clone().find(|one| one["resource"] == "lead" && one["action"] == "view").unwrap();
    assert_eq!(said["changed"][0]["user"], "boris");
    assert!(view["loses"]["objects"].as_array().unwrap().contains(&"own".into()), "{view}");
    assert!(view["loses"]["but_not"].as_array().unwrap().contains(&"own at stage legal".into()), "{view}");
}

/// The answer of a command as JSON, which says yes or no as its exit code does.
fn json(said: &Said) -> Value {
    let answer: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(
        (&answer["tenant"], &answer["answer"]),
        (&"default".into(), &(said.code == 0).into()),
        "{answer}"
    );
    answer
}

#[test]
fn every_answer_for_programs_has_the_documented_shape() {
    let folder = Folder::new().with(
        "tests.toml",
        "expect = \"allow\"\n\n[case.a-seller-does",
        "expect = \"deny\"\n\n[case.a-seller-does",
    );
    let asked: &[&[&str]] = &[
        &["can-i", "ana", "view", "lead/7", "--responsible", "ana"],
        &["can-i", "ana", "view", "lead/7", "--responsible", "ben"],
        &["can-i", "boris", "export", "lead"],
        &["can-i", "ana", "view", "lead", "--responsible", "ana", "--field", "budget"],
        &["who-can", "view", "conversation/9", "--responsible", "ben"],
        &["who-can", "view", "note"],
        &["policy", "test", "--coverage"],
    ];
    let mut said = String::new();
    for question in asked {
        let answer = json(&folder.ask(&[*question, &["--format", "json"]].concat()));
        said.push_str(&format!("$ {}\n{answer:#}\n", question.join(" ")));
    }
    assert_snapshot!(said);
    let matrix = json(&folder.ask(&["policy", "matrix", "--format", "json"]));
    assert_eq!(matrix["rights"][0]["user"], "ana");
    let matrix = json(&folder.ask(&["policy", "matrix", "--roles", "--format", "json"]));
    assert_eq!(matrix["rights"][0]["role"], "head");
    let same = json(&diff(&Folder::new(), &Folder::new(), &["--format", "json"]));
    assert_eq!(same["changed"], serde_json::json!([]));
    let roles = json(&diff(&Folder::new(), &changed(), &["--roles", "--format", "json"]));
    assert_eq!(roles["changed"][0]["role"], "head");
}

#[test]
fn what_is_not_understood_is_no_answer_for_programs_either() {
    let said = Folder::new().ask(&["can-i", "anna", "view", "lead", "--format", "json"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
}

#[test]
fn a_policy_that_is_written_otherwise_and_grants_the_same_is_no_difference() {
    let same = Folder::new().with(
        "roles.toml",
        "grants.lead = { view = \"own\", edit = \"own\" }",
        "grants.lead = { \"*\" = \"own\", export = \"none\" }",
    );
    let said = diff(&Folder::new(), &same, &[]);
    assert_eq!((said.code, said.out.as_str()), (0, "users: 0 gain, 0 lose\n"));
}

#[test]
fn nobody_who_is_deactivated_may_do_anything_whatever_roles_are_said() {
    let folder = Folder::new();
    let ask = ["can-i", "ana", "view", "lead/1", "--responsible", "ana", "--roles", "seller"];
    assert_eq!(folder.ask(&ask).out, "allow\n");
    let folder = folder.with("directory.toml", "[user.ana]\n", "[user.ana]\nactive = false\n");
    assert_eq!(folder.ask(&ask).out, "deny\n");
}
