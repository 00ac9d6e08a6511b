//! The conformance tables (`tests/conformance/`): each case asked of the shipped presets.

use std::{collections::BTreeMap, fs, path::Path};

use headgate::{
    config::{presets::Preset, roles},
    ids::Timestamp,
    policy::{
        Scope, Source,
        source::{App, Assignment, Fields, Override, Principal, Role},
    },
};
use serde::Deserialize;

use super::{
    engine::Engine,
    reference::Reference,
    world::{Ask, Person, Teams, Thing},
};

const TENANT: &str = "default";
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) schema: u32,
    pub(crate) system: String,
    #[serde(default)]
    pub(crate) teams: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) role: Vec<RoleTable>,
    pub(crate) case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleTable {
    pub(crate) name: String,
    pub(crate) grants: Vec<GrantLine>,
    #[serde(default)]
    pub(crate) stage_rules: Vec<StageLine>,
    #[serde(default)]
    pub(crate) field_rules: Vec<FieldLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantLine {
    pub(crate) resource: String,
    pub(crate) action: String,
    pub(crate) scope: Scope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageLine {
    pub(crate) resource: String,
    pub(crate) pipeline: String,
    pub(crate) stage: String,
    pub(crate) action: String,
    pub(crate) allow: Option<bool>,
    pub(crate) scope: Option<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldLine {
    pub(crate) resource: String,
    pub(crate) field: String,
    pub(crate) access: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) rule: String,
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) subject: Subject,
    pub(crate) resource: String,
    pub(crate) action: String,
    pub(crate) object: Option<Object>,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) account: Account,
    pub(crate) expect: String,
    #[serde(default)]
    pub(crate) visible_fields: Vec<String>,
    #[serde(default)]
    pub(crate) hidden_fields: Vec<String>,
    pub(crate) why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) teams: Vec<String>,
    pub(crate) authenticated: Option<bool>,
    pub(crate) active: Option<bool>,
    #[serde(default)]
    pub(crate) first_user: bool,
    #[serde(default)]
    pub(crate) partner: bool,
    #[serde(default)]
    pub(crate) in_queue: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Object {
    #[serde(rename = "id")]
    pub(crate) _id: Option<String>,
    /// Of `via` alone.
    pub(crate) resource: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) responsible: Option<String>,
    pub(crate) team: Option<String>,
    #[serde(default)]
    pub(crate) participants: Vec<String>,
    pub(crate) pipeline: Option<String>,
    pub(crate) stage: Option<String>,
    #[serde(default)]
    pub(crate) open: bool,
    #[serde(rename = "has_media")]
    pub(crate) _has_media: Option<bool>,
    pub(crate) via: Option<Box<Object>>,
    pub(crate) role: Option<String>,
    /// Whom user administration acts on; no rule looks at it.
    #[serde(rename = "user")]
    pub(crate) _user: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) app_installed: Option<bool>,
    #[serde(default)]
    pub(crate) app_access: Vec<String>,
    #[serde(default)]
    pub(crate) bindings: Vec<Binding>,
    /// However many: no rule counts them (`K12`).
    #[serde(rename = "administrators")]
    pub(crate) _administrators: Option<u32>,
    pub(crate) subscriber_overrides_stage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binding {
    pub(crate) role: String,
    pub(crate) to: String,
    pub(crate) saved: Option<bool>,
}

/// The open channel's queue, in which every object of a case may wait.
pub(crate) const QUEUE: &str = "queue";

fn principal(text: &str) -> Principal {
    match text.split_once(':').unwrap() {
        ("user", name) => Principal::User(name.to_owned()),
        ("team", name) => Principal::Team(name.to_owned()),
        ("team-tree", name) => Principal::TeamTree(name.to_owned()),
        other => panic!("{other:?} is nobody"),
    }
}

impl RoleTable {
    fn role(&self) -> Role {
        let mut role = Role::default();
        for grant in &self.grants {
            role.grants.entry(grant.resource.clone()).or_default().insert(grant.action.clone(), grant.scope);
        }
        for rule in &self.stage_rules {
            let scope = match (rule.scope, rule.allow) {
                (Some(scope), None) => scope,
                (None, Some(true)) => Scope::All,
                (None, Some(false)) => Scope::None,
                _ => panic!("a stage rule of {} with both or neither", self.name),
            };
            role.overrides.push(Override {
                resource: rule.resource.clone(),
                pipeline: Some(rule.pipeline.clone()),
                // `*` is the whole pipeline (`KR15`).
                stage: if rule.stage == "*" { Vec::new() } else { vec![rule.stage.clone()] },
                scopes: [(rule.action.clone(), scope)].into(),
                ..Override::default()
            });
        }
        for rule in &self.field_rules {
            let fields: &mut Fields = role.fields.entry(rule.resource.clone()).or_default();
            let list = match rule.access.as_str() {
                "hidden" => &mut fields.hidden,
                "read-only" => &mut fields.read_only,
                "editable" => &mut fields.editable,
                other => panic!("{other} is no access"),
            };
            list.push(rule.field.clone());
        }
        role
    }
}

impl Object {
    fn thing(&self) -> Thing {
        let responsible = self.responsible.clone().filter(|user| !user.is_empty());
        Thing {
            tenant: TENANT.to_owned(),
            unassigned: self.responsible.as_deref() == Some(""),
            responsible,
            teams: self.team.iter().cloned().collect(),
            participants: self.participants.clone(),
            queue: Some(QUEUE.to_owned()),
            open: self.open,
            pipeline: self.pipeline.clone(),
            stage: self.stage.clone(),
            kind: self.kind.clone(),
            role: self.role.clone(),
            via: self.via.as_ref().map(|via| Box::new((via.resource.clone().unwrap(), via.thing()))),
            ..Thing::default()
        }
        // A case says all that there is to say.
        .or_nowhere()
    }
}

impl Subject {
    /// Who is not logged in is nobody, and has nobody's rights (`G5`).
    fn person(&self) -> Option<Person> {
        let traits = [("first-user", self.first_user), ("partner", self.partner)];
        self.authenticated.unwrap_or(true).then(|| Person {
            tenant: TENANT.to_owned(),
            user: self.user.clone(),
            teams: self.teams.clone(),
            traits: traits.iter().filter(|(_, is)| *is).map(|(name, _)| (*name).to_owned()).collect(),
            roles: self.roles.clone(),
            queues: self.in_queue.then(|| QUEUE.to_owned()).into_iter().collect(),
            active: self.active.unwrap_or(true),
        })
    }
}

impl Case {
    /// The preset with the file's roles, as this case's account has them.
    fn source(&self, preset: &Source, table: &Table) -> Source {
        let mut source = preset.clone();
        source.roles.extend(table.role.iter().map(|role| (role.name.clone(), role.role())));
        source.assignments.extend(self.account.bindings.iter().map(|binding| Assignment {
            role: binding.role.clone(),
            to: principal(&binding.to),
            until: None,
            draft: !binding.saved.unwrap_or(true),
        }));
        source.apps.insert(
            "chatapp".to_owned(),
            App {
                installed: self.account.app_installed.unwrap_or(true),
                access: self.account.app_access.iter().map(|to| principal(to)).collect(),
            },
        );
        if let Some(beats) = self.account.subscriber_overrides_stage {
            source.relations_beat_overrides = beats;
        }
        source
    }

    fn ask(&self) -> Ask {
        // The fields of a question for `view` are those that the object has; of any other those that the body has.
        let writes = if self.action == "view" { Vec::new() } else { self.fields.clone() };
        Ask {
            resource: self.resource.clone(),
            action: self.action.clone(),
            object: self.object.as_ref().map(Object::thing),
            writes,
        }
    }

    /// What is wrong with an answer: whether it is allowed, and which fields it shows.
    fn judge(&self, allowed: bool, sees: &dyn Fn(&str) -> bool) -> Option<String> {
        let must_see: &[String] = match self.expect.as_str() {
            "deny" => return allowed.then(|| "allowed".to_owned()),
            "allow" if self.action == "view" => &self.fields,
            "allow" => &[],
            "allow-redacted" => &self.visible_fields,
            other => panic!("{other} is no expectation"),
        };
        if !allowed {
            return Some("denied".to_owned());
        }
        if let Some(field) = must_see.iter().find(|field| !sees(field)) {
            return Some(format!("{field} is not shown"));
        }
        self.hidden_fields.iter().find(|field| sees(field)).map(|field| format!("{field} is shown"))
    }
}

fn teams(table: &Table) -> Teams {
    let parent = |parent: &String| (!parent.is_empty()).then(|| parent.clone());
    table.teams.iter().map(|(team, above)| (team.clone(), parent(above))).collect()
}

pub(crate) fn table(system: &str) -> Table {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/conformance/{system}.toml"));
    let table: Table = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!((table.schema, table.system.as_str()), (1, system));
    table
}

/// Asks every case of every table; how many there were.
fn every_case(wrong: &dyn Fn(&Source, &Teams, &Case) -> Option<String>) -> usize {
    let mut failed = Vec::new();
    let mut total = 0;
    for preset in [Preset::Qontak, Preset::Kommo, Preset::Bitrix24] {
        let table = table(preset.name());
        let shipped = roles::preset(preset).unwrap();
        let teams = teams(&table);
        let mut passed = 0;
        for case in &table.case {
            match wrong(&case.source(&shipped, &table), &teams, case) {
                None => passed += 1,
                Some(wrong) => {
                    let rules: Vec<&str> =
                        [&case.rule].into_iter().chain(&case.also).map(String::as_str).collect();
                    failed.push(format!(
                        "{} ({}): expected {} ({}), but {wrong}",
                        case.id,
                        rules.join(", "),
                        case.expect,
                        case.why
                    ));
                }
            }
        }
        eprintln!("{}: {passed} of {} cases", table.system, table.case.len());
        total += table.case.len();
    }
    assert!(failed.is_empty(), "{} of {total}:\n{}", failed.len(), failed.join("\n"));
    total
}

#[test]
fn every_conformance_case_is_answered_as_expected() {
    let total = every_case(&|source, teams, case| {
        let engine = Engine::new(source, TENANT, teams).unwrap();
        let answer =
            case.subject.person().and_then(|person| engine.ask(&engine.actor(&person, NOW), &case.ask()));
        let allowed = answer.as_ref().is_some_and(|answer| answer.is_allowed());
        case.judge(allowed, &|field| answer.as_ref().is_some_and(|answer| answer.sees(field)))
    });
    assert_eq!(total, 528);
}

#[test]
fn the_reference_answers_every_conformance_case_too() {
    every_case(&|source, teams, case| {
        let reference = Reference::new(source, TENANT, teams);
        let person = case.subject.person();
        let ask = case.ask();
        let answer = person.as_ref().and_then(|person| {
            let asker = reference.asker(person, NOW);
            reference.decide(&asker, &ask).map(|ways| (asker, ways))
        });
        case.judge(answer.is_some(), &|field| {
            answer
                .as_ref()
                .is_some_and(|(asker, ways)| reference.sees(asker, ways, field, ask.object.as_ref()))
        })
    });
}
