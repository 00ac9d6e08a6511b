//! Every route of the map, asked by every user: who is answered, and with what, to the letter. A route without a line in these
//! tables fails a test, which names it.

mod account;
mod contacts;
mod conversations;
mod reports;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    backend::Conversation,
    house::{House, SETTINGS, Setting, USERS},
    reference::{Content, Question, page_of},
};
use crate::gate::world::Answer;

/// Who asks: 1 is an agent, 2 one who follows conversations, 3 one without numbers, 4 a supervisor, 5 the administrator, 6 has no
/// media, 7 is a supervisor without notes, 8 an agent who sees what is nobody's and no contacts by themselves, 9 a beginner.
const EVERYBODY: &str = "1 2 3 4 5 6 7 8 9";
/// Who has a token of their own in Chatwoot, where anybody has.
const THEMSELVES: &str = "1 4 8";
const NOBODY: &str = "";

/// A request, who is answered, and with what. Whoever is not named is refused, and nothing is written.
struct Line {
    method: &'static str,
    /// Behind the account, or from the root.
    path: &'static str,
    body: Option<Value>,
    answered: &'static str,
    /// Whose question or fields are refused, by 400 or 403 with the fields' names.
    fields_refused: &'static str,
    shows: Shows,
    /// What others are shown.
    but: Vec<(&'static str, Shows)>,
}

/// What an answer shows.
enum Shows {
    /// That it is done.
    Nothing,
    /// This, to the letter.
    Just(Value),
    /// At this place these members and no other.
    Members(&'static str, &'static str),
    /// At this place rows with these values of a member, in this order.
    Rows(&'static str, &'static str, &'static str),
    /// At this place rows of conversations whose number stands at the second one: some that the user sees.
    Conversations(&'static str, &'static str),
    /// What `GET` of the path shows to the same user at the place.
    What(&'static str, &'static str),
    /// This file.
    File(String),
    /// Nothing, since it tells of more than the user may see, and cannot be shown in part.
    Uncovered,
}

fn line(method: &'static str, path: &'static str, answered: &'static str, shows: Shows) -> Line {
    Line { method, path, body: None, answered, fields_refused: NOBODY, shows, but: Vec::new() }
}

impl Line {
    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn fields_refused(mut self, users: &'static str) -> Self {
        self.fields_refused = users;
        self
    }

    fn but(mut self, users: &'static str, shows: Shows) -> Self {
        self.but.push((users, shows));
        self
    }

    /// The path from the root, without its query.
    fn full_path(&self) -> String {
        self.target().split('?').next().unwrap().to_owned()
    }

    /// The same with its query.
    fn target(&self) -> String {
        if self.path.starts_with('/') {
            self.path.to_owned()
        } else {
            format!("/api/v1/accounts/1/{}", self.path)
        }
    }

    fn shows(&self, user: &str) -> &Shows {
        let but = self.but.iter().find(|(users, _)| is_one_of(user, users));
        but.map_or(&self.shows, |(_, shows)| shows)
    }
}

fn is_one_of(user: &str, users: &str) -> bool {
    users.split(' ').any(|one| one == user)
}

fn lines() -> Vec<Line> {
    [conversations::lines(), contacts::lines(), account::lines(), reports::lines()]
        .into_iter()
        .flatten()
        .collect()
}

/// Where a request names the objects that it is about.
#[derive(PartialEq)]
enum Named {
    Nowhere,
    Path,
    Body,
}

/// A route of the map.
struct Route {
    method: String,
    /// The parts of its path.
    path: Vec<String>,
    /// Of what it is.
    resource: String,
    /// Where the objects that it is about are named, if it is about any.
    named: Named,
    /// It is about what belongs to Chatwoot's user.
    as_user: bool,
    /// It writes nothing.
    asks: bool,
}

/// The routes of the map.
fn routes() -> Vec<Route> {
    let map: toml::Table =
        include_str!("../../../../src/config/presets/routes/chatwoot.toml").parse().unwrap();
    let routes = map["route"].as_array().unwrap().iter().map(|route| {
        let (method, path) = route["match"].as_str().unwrap().split_once(' ').unwrap();
        let text = |key: &str| route.get(key).and_then(toml::Value::as_str);
        let is = |key: &str| route.get(key).and_then(toml::Value::as_bool) == Some(true);
        Route {
            method: method.to_owned(),
            path: path.split('/').map(str::to_owned).collect(),
            resource: text("resource").or_else(|| text("entity")).unwrap().to_owned(),
            named: match (text("object"), text("ids")) {
                (None, _) => Named::Nowhere,
                (Some(_), None) => Named::Path,
                (Some(_), Some(_)) => Named::Body,
            },
            as_user: is("as_user"),
            asks: method == "GET" || is("question"),
        }
    });
    routes.collect()
}

/// The route that a request takes: the one with the fewest parameters that fits.
fn route_of(method: &str, path: &str, routes: &[Route]) -> Option<usize> {
    let parts: Vec<_> = path.split('/').collect();
    let is_parameter = |part: &&String| part.starts_with('{');
    let fits = |route: &Route| {
        route.method == method
            && route.path.len() == parts.len()
            && route.path.iter().zip(&parts).all(|(of, part)| is_parameter(&of) || of == part)
    };
    let fitting = routes.iter().enumerate().filter(|(_, route)| fits(route));
    let best = fitting.min_by_key(|(_, route)| route.path.iter().filter(is_parameter).count());
    best.map(|(place, _)| place)
}

/// How a user is refused a request that is not theirs: as if its object were not there, unless they see it.
fn refusal(house: &House, user: &str, line: &Line, route: &Route) -> (u16, Option<&'static str>) {
    if is_one_of(user, line.fields_refused) {
        return (if route.asks { 400 } else { 403 }, Some("fields"));
    }
    let path = line.full_path();
    let numbers: Vec<&str> = path.split('/').collect();
    let of = match numbers.get(5..7) {
        Some(["conversations", id]) => id.parse().ok().map(Conversation::of),
        _ => None,
    };
    let is_theirs = match route.named {
        _ if route.as_user => house.setting().knows(user),
        Named::Nowhere => true,
        Named::Path => house.sight(user).sees(&route.resource, of),
        // Who may change none is not asked which.
        Named::Body => false,
    };
    (if is_theirs { 403 } else { 404 }, None)
}

#[test]
fn every_route_of_the_map_is_asked_and_every_request_has_a_route() {
    let routes = routes();
    let lines = lines();
    let asked: BTreeSet<usize> = lines
        .iter()
        .map(|line| {
            let route = route_of(line.method, &line.full_path(), &routes);
            route.unwrap_or_else(|| panic!("the map has no route for {} {}", line.method, line.path))
        })
        .collect();
    let unasked = routes.iter().enumerate().filter(|(place, _)| !asked.contains(place));
    let unasked: Vec<_> =
        unasked.map(|(_, route)| format!("{} {}", route.method, route.path.join("/"))).collect();
    assert!(unasked.is_empty(), "routes of the map that no line asks:\n{}", unasked.join("\n"));
}

#[tokio::test]
async fn every_request_about_conversations_shows_what_it_should_to_whom_it_should() {
    check(conversations::lines()).await;
}

#[tokio::test]
async fn every_request_about_contacts_shows_what_it_should_to_whom_it_should() {
    check(contacts::lines()).await;
}

#[tokio::test]
async fn every_request_about_the_account_shows_what_it_should_to_whom_it_should() {
    check(account::lines()).await;
}

#[tokio::test]
async fn every_report_shows_what_it_should_to_whom_it_should() {
    check(reports::lines()).await;
}

/// Asks each line as each user, in each setting. All that is wrong is told at once.
async fn check(lines: Vec<Line>) {
    for setting in SETTINGS {
        check_in(setting, &lines).await;
    }
}

async fn check_in(setting: Setting, lines: &[Line]) {
    let house = House::set(setting).await;
    let routes = routes();
    let mut wrong = Vec::new();
    for line in lines {
        let route = &routes[route_of(line.method, &line.full_path(), &routes).unwrap()];
        for (user, ..) in USERS {
            let before = house.backend.lines().len();
            let answer = house.send(user, line.method, line.path, line.body.as_ref()).await;
            let reached = house.backend.lines().split_off(before);
            let is_written =
                line.method != "GET" && reached.iter().any(|asked| asked.starts_with(line.method));
            let is_answered = is_one_of(user, line.answered) && (!route.as_user || setting.knows(user));
            let mistake = if is_answered {
                match mistake_in(&house, user, line, &answer).await {
                    None => beside_the_reference(&house, user, line, &answer).await,
                    mistake => mistake,
                }
            } else {
                let (status, problem) = refusal(&house, user, line, route);
                let is_refused =
                    answer.status == status && (answer.problem() == "fields") == problem.is_some();
                (!is_refused || is_written).then(|| format!("is not refused with {status} as it should be"))
            };
            wrong.extend(mistake.map(|mistake| {
                format!("{user}: {} {}: {mistake}: {} {}", line.method, line.path, answer.status, answer.body)
            }));
        }
    }
    assert!(wrong.is_empty(), "{setting:?}: {} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with an answer that a user should have.
async fn mistake_in(house: &House, user: &str, line: &Line, answer: &Answer) -> Option<String> {
    let shows = line.shows(user);
    if matches!(shows, Shows::Uncovered) {
        let is_uncovered = answer.status == 501 && answer.problem() == "uncovered";
        return (!is_uncovered).then(|| "is more than may be shown".to_owned());
    }
    let is_done = matches!(shows, Shows::Nothing) && answer.status == 204;
    if answer.status != 200 && !is_done {
        return Some("is not answered as it should be".to_owned());
    }
    let json = || serde_json::from_str(&answer.body).unwrap_or_else(|_| json!("no JSON"));
    let at = |place: &str| json().pointer(place).cloned().unwrap_or_else(|| json!("nothing there"));
    let rows = |place: &str| at(place).as_array().cloned().unwrap_or_default();
    let expected = match shows {
        Shows::Nothing | Shows::Uncovered => (!answer.body.is_empty()).then(|| "empty".to_owned()),
        Shows::Just(value) => (json() != *value).then(|| value.to_string()),
        Shows::Members(place, names) => {
            let members = at(place).as_object().map(|object| object.keys().cloned().collect::<BTreeSet<_>>());
            let expected: BTreeSet<_> = names.split(' ').map(str::to_owned).collect();
            (members.as_ref() != Some(&expected)).then(|| format!("{members:?}, not {expected:?}"))
        }
        Shows::Rows(place, member, values) => {
            let shown: Vec<_> = rows(place).iter().map(|row| row[*member].to_string()).collect();
            (shown.join(" ") != *values).then(|| format!("rows {values}, not {shown:?}"))
        }
        Shows::Conversations(place, number) => {
            let sight = house.sight(user).conversations();
            let rows = rows(place);
            let seen = |row: &Value| {
                let id = row.pointer(number).and_then(Value::as_u64);
                id.is_some_and(|id| sight.contains(&u32::try_from(id).unwrap()))
            };
            (rows.is_empty() || !rows.iter().all(seen)).then(|| format!("some of {sight:?}"))
        }
        Shows::What(path, place) => {
            let shown = house.get(user, path).await;
            let shown = (shown.status == 200).then(|| shown.json().pointer(place).cloned()).flatten();
            (shown.as_ref() != Some(&json())).then(|| format!("what {path} shows: {shown:?}"))
        }
        Shows::File(text) => (answer.body != *text).then(|| text.clone()),
    };
    expected.map(|expected| format!("should be {expected}"))
}

/// What an answer, and each further page of it, has otherwise than the slow reference.
async fn beside_the_reference(house: &House, user: &str, line: &Line, answer: &Answer) -> Option<String> {
    if matches!(line.shows(user), Shows::Uncovered) {
        return None;
    }
    let (method, body) = (line.method, line.body.as_ref());
    let question = Question { user, setting: house.setting(), method, target: line.target(), body };
    for (place, expected) in question.answers().into_iter().enumerate() {
        let target = page_of(&line.target(), place + 1);
        let shown = match place {
            0 => Content::of(&answer.body),
            _ => Content::of(&house.send(user, method, &target, body).await.body),
        };
        if shown != expected {
            return Some(format!("{target} shows {shown:?}, and by the reference {expected:?}"));
        }
    }
    None
}
