//! What each role of the presets may do, as one picture: a change of a preset is a change of this table.

use std::fmt::Write as _;

use headgate::{
    config::{presets::Preset, roles},
    ids::Timestamp,
};

use super::{
    engine::Engine,
    world::{Ask, Person, Teams, Thing},
};

const TENANT: &str = "default";

/// The objects that are asked about, from the nearest to the farthest.
fn objects() -> [(&'static str, Option<Thing>); 7] {
    let thing = Thing { tenant: TENANT.to_owned(), ..Thing::default() }.or_nowhere();
    let of = |user: &str, team: &str| Thing {
        responsible: Some(user.to_owned()),
        teams: vec![team.to_owned()],
        ..thing.clone()
    };
    [
        ("as such", None),
        ("own", Some(of("ana", "sales"))),
        ("team's", Some(of("ben", "sales"))),
        ("below", Some(of("cem", "north"))),
        ("open", Some(Thing { open: true, ..of("dia", "support") })),
        ("subscribed", Some(Thing { participants: vec!["ana".to_owned()], ..of("dia", "support") })),
        ("foreign", Some(of("dia", "support"))),
    ]
}

#[test]
fn the_presets_grant_what_the_matrix_shows() {
    let teams: Teams = [("sales", None), ("north", Some("sales")), ("support", None)]
        .map(|(team, parent)| (team.to_owned(), parent.map(str::to_owned)))
        .into();
    let mut picture = String::new();
    for preset in [Preset::Qontak, Preset::Kommo, Preset::Bitrix24, Preset::Chatwoot] {
        let source = roles::preset(preset).unwrap();
        let engine = Engine::new(&source, TENANT, &teams).unwrap();
        for role in source.roles.keys() {
            let person = Person {
                tenant: TENANT.to_owned(),
                user: "ana".to_owned(),
                teams: vec!["sales".to_owned()],
                roles: vec![role.clone()],
                active: true,
                ..Person::default()
            };
            let actor = engine.actor(&person, Timestamp(0));
            writeln!(picture, "\n{role}").unwrap();
            for (resource, actions) in &source.resources {
                for action in actions {
                    let allowed = objects().into_iter().filter_map(|(name, object)| {
                        let ask = Ask {
                            resource: resource.clone(),
                            action: action.clone(),
                            object,
                            writes: Vec::new(),
                        };
                        engine.ask(&actor, &ask).unwrap().is_allowed().then_some(name)
                    });
                    let allowed: Vec<_> = allowed.collect();
                    if !allowed.is_empty() {
                        let all = if allowed.len() == objects().len() {
                            "all".to_owned()
                        } else {
                            allowed.join(", ")
                        };
                        writeln!(picture, "  {:42} {all}", format!("{resource}.{action}")).unwrap();
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(picture);
}
