//! The laws of questions, over made-up rights, rows and questions: a list answers as if what its reader does not see did not exist.
//!
//! What exists for a reader is the list without a question, as the gate shows it. The reference puts the question to that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use headgate::policy::{
    Relation, Scope,
    source::{Condition, Effect, Fields, Forbid, Mode, Of, On, Override, Role, Rule, Source},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    obeying,
    world::{Answer, Setup, World},
};

const ROUTES: &str = r#"
[entity.card]
resource = "lead"
id = "/id"
responsible = "/owner"
participants = "/watchers"
pipeline = "/pipeline"
fields = ["id", "name", "price", "stage"]
nested = { "/person" = "person", "/talk" = "message", "/comment" = "message" }

[entity.person]
resource = "contact"
part = true
fields = ["id", "city", "phone_number"]

[entity.message]
part = true
kinds = [{ at = "/private", is = true, resource = "note" }]
fields = ["text", "private"]

[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "card"
action = "list"
items = "/payload"
totals = { recompute = ["/meta/count"], null = ["/meta/all"] }
links = ["/links/next"]
fields_in = ["sort", "filter", "group_by"]
searches = { about = ["name", "price"], whom = ["person.phone_number", "person.city"], said = ["message.text"] }
push = { own = "assignee_type=me" }
[route.page]
number = "page"
size = "per_page"
size_default = 3
pages_max = 20
at = "/meta/page"
"#;

/// Most rows of a backend.
const ROWS: usize = 14;

/// What may be asked about, and where it stands.
const FIELDS: [(&str, &str); 5] = [
    ("name", "/name"),
    ("price", "/price"),
    ("stage", "/stage"),
    ("person.city", "/person/city"),
    ("person.phone_number", "/person/phone_number"),
];

/// Choices, one after the other.
struct Dice(TestRunner);

impl Dice {
    fn new() -> Self {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    fn below(&mut self, end: usize) -> usize {
        (0..end).new_tree(&mut self.0).unwrap().current()
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn sometimes(&mut self) -> bool {
        self.below(3) == 0
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Rights of ana, by one or two roles, that see rows for all kinds of reasons.
fn rights(dice: &mut Dice) -> impl FnOnce(&mut Source) + Send + 'static {
    let profile = dice.one(&["card", "prices", "full"]);
    let mut roles = Vec::new();
    for _ in 0..=dice.below(2) {
        let mut role = Role::default();
        let mut grant = |resource: &str, action: &str, scope| {
            role.grants.entry(resource.to_owned()).or_default().insert(action.to_owned(), scope);
        };
        let scopes = [Scope::None, Scope::Own, Scope::Own, Scope::All];
        grant("lead", "list", Scope::All);
        for resource in ["lead", "contact", "message", "note"] {
            grant(resource, "view", dice.one(&scopes));
        }
        if dice.sometimes() {
            grant("lead", "edit", Scope::Own);
        }
        for (resource, field) in [("lead", "price"), ("lead", "stage"), ("contact", "phone_number")] {
            if dice.sometimes() {
                role.fields
                    .entry(resource.to_owned())
                    .or_insert_with(Fields::default)
                    .hidden
                    .push(field.to_owned());
            }
        }
        if dice.below(3) > 0 {
            let view = BTreeMap::from([("view".to_owned(), profile.to_owned())]);
            role.relations.insert(Relation::Participant, BTreeMap::from([("lead".to_owned(), view)]));
        }
        if dice.sometimes() {
            role.overrides.push(Override {
                resource: dice.one(&["lead", "contact", "note"]).to_owned(),
                pipeline: Some("a".to_owned()),
                mode: Mode::Replace,
                scopes: BTreeMap::from([("view".to_owned(), dice.one(&scopes))]),
                ..Override::default()
            });
        }
        roles.push(role);
    }
    let forbid = dice.sometimes().then(|| Forbid {
        name: "no-prices".to_owned(),
        resource: "lead".to_owned(),
        actions: words(&["view"]),
        pipeline: Some("b".to_owned()),
        fields: words(&["price"]),
        ..Forbid::default()
    });
    let rule = dice.sometimes().then(|| Rule {
        name: "on-the-card".to_owned(),
        resource: "contact".to_owned(),
        actions: words(&["view"]),
        via: Some("lead".to_owned()),
        kinds: Vec::new(),
        effect: Effect::Grant { profile: "card".to_owned() },
        conditions: vec![Condition::Allowed {
            on: On::Via,
            resource: Of::Resource("lead".to_owned()),
            action: "view".to_owned(),
        }],
    });
    let secret = dice.sometimes();
    move |source| {
        source.resources.insert("lead".to_owned(), words(&["list", "view", "edit"]));
        let profiles = [("card", &["id", "name"][..]), ("prices", &["id", "price", "stage"])];
        for (profile, of_lead) in profiles {
            let of = [("lead", words(of_lead)), ("contact", words(&["id", "city"]))];
            let of = of.map(|(resource, fields)| (resource.to_owned(), fields));
            source.profiles.insert(profile.to_owned(), of.into());
        }
        if secret {
            source.secrets.insert("lead".to_owned(), words(&["stage"]));
        }
        source.forbids.extend(forbid);
        source.rules.extend(rule);
        // The fixture's own names of roles, so that its oracle and its people stay.
        let mut agent = roles.remove(0);
        agent.extends = (0..roles.len()).map(|at| format!("more-{at}")).collect();
        for (at, role) in roles.into_iter().enumerate() {
            source.roles.insert(format!("more-{at}"), role);
        }
        source.roles.insert("agent".to_owned(), agent);
    }
}

fn row(dice: &mut Dice, id: usize) -> Value {
    let watchers = if dice.sometimes() { json!(["ana"]) } else { json!([]) };
    let mut row = json!({
        "id": id, "owner": dice.one(&["ana", "ben"]), "watchers": watchers, "pipeline": dice.one(&["a", "b"]),
        "person": {"id": id}, "talk": {"private": false}, "comment": {"private": true},
    });
    for (_, at) in FIELDS {
        put(&mut row, at, dice.one(&["1", "2", "3", "4"]));
    }
    for at in ["/talk/text", "/comment/text"] {
        put(&mut row, at, dice.one(&["1", "2"]));
    }
    row
}

fn put(row: &mut Value, at: &str, value: &str) {
    let (outer, name) = at.rsplit_once('/').unwrap();
    row.pointer_mut(outer).unwrap()[name] = json!(value);
}

/// A question in the backend's words: what it asks about, and what it does with rows in which all of that is there.
#[derive(Clone, Debug, Default)]
struct Question {
    sort: Option<(String, bool)>,
    filter: Option<(String, String)>,
    search: Option<(String, String)>,
}

impl Question {
    fn any(dice: &mut Dice) -> Self {
        let mut question = Self::default();
        if dice.sometimes() {
            question.sort = Some((dice.one(&FIELDS).0.to_owned(), dice.sometimes()));
        }
        if dice.sometimes() {
            question.filter =
                Some((dice.one(&FIELDS).0.to_owned(), dice.one(&["1", "2", "3", "4"]).to_owned()));
        }
        if dice.sometimes() {
            let name = dice.one(&["about", "whom", "said"]).to_owned();
            question.search = Some((name, dice.one(&["1", "2", "3"]).to_owned()));
        }
        question
    }

    fn query(&self) -> String {
        let mut query = String::new();
        if let Some((field, down)) = &self.sort {
            query += &format!("&sort={}{field}", if *down { "-" } else { "" });
        }
        if let Some((field, value)) = &self.filter {
            query += &format!("&filter[{field}]={value}");
        }
        if let Some((name, text)) = &self.search {
            query += &format!("&{name}={text}");
        }
        query
    }

    fn searched(name: &str) -> &'static [&'static str] {
        match name {
            "about" => &["/name", "/price"],
            "whom" => &["/person/phone_number", "/person/city"],
            _ => &["/talk/text", "/comment/text"],
        }
    }

    /// The places that it looks at.
    fn places(&self) -> Vec<&str> {
        let named =
            self.sort.iter().map(|(field, _)| field).chain(self.filter.iter().map(|(field, _)| field));
        let named = named.map(|field| FIELDS.iter().find(|(name, _)| name == field).unwrap().1);
        named.chain(self.search.iter().flat_map(|(name, _)| Self::searched(name).iter().copied())).collect()
    }

    /// The rows that come, in their order, of rows that have all that it looks at.
    fn of(&self, mut rows: Vec<Value>) -> Vec<Value> {
        let at = |row: &Value, field: &str| {
            let place = FIELDS.iter().find(|(name, _)| *name == field).unwrap().1;
            row.pointer(place).unwrap().as_str().unwrap().to_owned()
        };
        if let Some((field, value)) = &self.filter {
            rows.retain(|row| at(row, field) == *value);
        }
        if let Some((name, text)) = &self.search {
            rows.retain(|row| Self::searched(name).iter().any(|place| row.pointer(place).unwrap() == text));
        }
        if let Some((field, down)) = &self.sort {
            rows.sort_by_key(|row| at(row, field));
            if *down {
                rows.reverse();
            }
        }
        rows
    }
}

type Rows = Arc<Mutex<Vec<Value>>>;

/// The backend: it answers every question over all that it has.
fn told(rows: &Rows, asked: &Asked) -> Option<Vec<u8>> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    if path != "/api/v1/accounts/1/cards" {
        return None;
    }
    let mut question = Question::default();
    let (mut page, mut size) = (1, 3);
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        match name.as_str() {
            "page" => page = value.parse().unwrap(),
            "per_page" => size = value.parse().unwrap(),
            "sort" => {
                question.sort = Some((value.trim_start_matches('-').to_owned(), value.starts_with('-')));
            }
            "assignee_type" => {}
            "about" | "whom" | "said" => question.search = Some((name, value)),
            _ => {
                let field = name.strip_prefix("filter[").unwrap().strip_suffix(']').unwrap();
                question.filter = Some((field.to_owned(), value));
            }
        }
    }
    let mut all = question.of(rows.lock().unwrap().clone());
    obeying::heard(asked, &mut all, |row| row["owner"].clone());
    let payload: Vec<_> = all.iter().skip((page - 1) * size).take(size).cloned().collect();
    let answer = json!({
        "meta": {"count": payload.len(), "all": all.len(), "page": page}, "payload": payload,
        "links": {"next": (page * size < all.len()).then(|| format!("/cards?page={}", page + 1))},
    });
    Some(backend::json(200, &answer))
}

/// Every page of a list, as it came but for what makes each answer another; `None` if it is refused.
async fn pages(world: &World, query: &str) -> Option<Vec<Answer>> {
    let mut pages = Vec::new();
    loop {
        let path = format!("/cards?page={}&per_page=4{query}", pages.len() + 1);
        let mut answer = world.get("ana", &path).await;
        if answer.status == 400 {
            assert_eq!((answer.problem().as_str(), pages.len()), ("fields", 0), "{query}");
            return None;
        }
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        assert!(answer.header("headgate-more").is_none(), "{query}: within its bounds");
        answer.headers.retain(|(name, _)| !["headgate-decision", "date"].contains(&name.as_str()));
        let is_last = answer.json()["links"]["next"].is_null();
        pages.push(answer);
        if is_last {
            return Some(pages);
        }
    }
}

fn rows_of(pages: &[Answer]) -> Vec<Value> {
    let rows = |page: &Answer| page.json()["payload"].as_array().unwrap().clone();
    pages.iter().flat_map(rows).collect()
}

fn texts(pages: &[Answer]) -> Vec<(Vec<(String, String)>, String)> {
    pages.iter().map(|page| (page.headers.clone(), page.body.clone())).collect()
}

#[tokio::test]
async fn a_list_answers_as_if_what_its_reader_does_not_see_did_not_exist() {
    let mut dice = Dice::new();
    let (mut taken, mut left_out, mut refused) = (0, 0, 0);
    for round in 0..24 {
        let rows: Rows = Arc::new(Mutex::new((1..=ROWS).map(|id| row(&mut dice, id)).collect()));
        let of_backend = Arc::clone(&rows);
        let rates = ["actor", "tenant", "address"]
            .map(|who| format!("{who} = {{ per_second = 100000, burst = 100000 }}\n"));
        let setup = Setup::default().headgate(&format!("[gate.rate]\n{}", rates.concat())).routes(ROUTES);
        let world =
            setup.policy(rights(&mut dice)).backend(move |asked| told(&of_backend, asked)).start().await;
        let exists = rows_of(&pages(&world, "").await.unwrap());
        for _ in 0..8 {
            let question = Question::any(&mut dice);
            let query = question.query();
            let shows_all = |row: &&Value| question.places().iter().all(|place| row.pointer(place).is_some());
            let shown: Vec<_> = exists.iter().filter(shows_all).cloned().collect();
            let Some(answer) = pages(&world, &query).await else {
                assert_eq!(
                    shown,
                    Vec::<Value>::new(),
                    "round {round}: {query} is refused, and some rows show it"
                );
                refused += 1;
                continue;
            };
            taken += 1;
            left_out += exists.len() - shown.len();
            assert_eq!(rows_of(&answer), question.of(shown), "round {round}: {query}");

            // Whatever stands where the reader does not see it.
            let before = rows.lock().unwrap().clone();
            for row in rows.lock().unwrap().iter_mut() {
                let seen = exists.iter().find(|seen| seen["id"] == row["id"]);
                for place in FIELDS.map(|(_, place)| place).iter().chain(Question::searched("said")) {
                    if seen.is_none_or(|seen| seen.pointer(place).is_none()) {
                        put(row, place, dice.one(&["1", "2", "3", "4"]));
                    }
                }
            }
            let again = pages(&world, &query).await.unwrap();
            assert_eq!(texts(&again), texts(&answer), "round {round}: {query}");
            *rows.lock().unwrap() = before;
        }
    }
    assert!(
        taken > 50 && left_out > 50 && refused > 5,
        "{taken} taken, {left_out} left out, {refused} refused"
    );
}

#[tokio::test]
async fn what_is_made_of_several_rows_is_about_what_every_row_shows() {
    let own_prices = |source: &mut Source| {
        source.resources.insert("lead".to_owned(), words(&["list", "view"]));
        source.profiles.insert("card".to_owned(), [("lead".to_owned(), words(&["id", "name"]))].into());
        let agent = source.roles.get_mut("agent").unwrap();
        let own = [("list".to_owned(), Scope::Own), ("view".to_owned(), Scope::Own)];
        agent.grants.insert("lead".to_owned(), own.into());
        let card = BTreeMap::from([("view".to_owned(), "card".to_owned())]);
        agent.relations.insert(Relation::Participant, BTreeMap::from([("lead".to_owned(), card)]));
    };
    let world = Setup::default().routes(ROUTES).policy(own_prices).start().await;
    for (query, taken) in [
        ("sort=price", true),
        ("filter[price][max]=3", true),
        ("sort=max(price)", false),
        ("sort=-sum(price),name", false),
        ("group_by=price", false),
        ("group_by=name", true),
        ("distinct[price]=1", false),
        ("x[having][price][gt]=5", false),
        ("sort=price&per_page=2", true),
        ("sort=price&offset=2", false),
        ("sort=name&offset=2", false),
    ] {
        let answer = world.get("ana", &format!("/cards?{query}")).await;
        assert_eq!(answer.status == 400, !taken, "{query}: {answer:?}");
    }
}

super::obeying::once_more!(
    a_list_answers_as_if_what_its_reader_does_not_see_did_not_exist: 20,
    what_is_made_of_several_rows_is_about_what_every_row_shows,
);
