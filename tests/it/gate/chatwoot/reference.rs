//! A slow reference beside the gate: from what the small Chatwoot says and a plain table of who sees what, the whole answer that a user must get,
//! without a line of the product's map, filter or policy.

mod pruned;
mod who;

use serde_json::{Value, json};

use self::pruned::{contact_note, conversation_at, each, inbox, person, profile, without};
pub(super) use self::who::Reader;
use super::{backend, house::Setting};
use crate::gate::backend::Asked;

/// More than any list of the small Chatwoot has.
const PAGES_MAX: usize = 10;

/// The content of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Empty,
    Json(Value),
    /// A file as it is.
    File(String),
}

impl Content {
    pub(super) fn of(body: &str) -> Self {
        match serde_json::from_str(body) {
            _ if body.is_empty() => Self::Empty,
            Ok(value) => Self::Json(value),
            Err(_) => Self::File(body.to_owned()),
        }
    }
}

/// A request by somebody who may make it.
pub(super) struct Question<'a> {
    pub(super) user: &'a str,
    pub(super) setting: Setting,
    pub(super) method: &'a str,
    /// From the root, with its query.
    pub(super) target: String,
    pub(super) body: Option<&'a Value>,
}

/// How a list is paged and counted.
struct Pages {
    rows: &'static str,
    size: usize,
    /// Whether its reader sees every row: then it is as Chatwoot has it.
    whole: bool,
    /// Where it says how many rows there are.
    count: Option<&'static str>,
    /// Numbers that tell of others.
    numbers: &'static [&'static str],
}

impl Question<'_> {
    /// What must be answered: to each page of a list until one has no row, and to anything else once.
    pub(super) fn answers(&self) -> Vec<Content> {
        let path = self.target.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let reader = Reader::new(self.user, self.setting);
        match (self.method, parts.as_slice()) {
            (_, ["api", "v1", "accounts", "1", rest @ ..]) => {
                self.list(&reader, rest).unwrap_or_else(|| vec![self.one(&reader, rest)])
            }
            (_, ["api", "v1", "profile"]) => match self.told() {
                Content::Json(told) => vec![Content::Json(profile(told))],
                other => vec![other],
            },
            // Reports are whole.
            (_, ["api", "v2", ..]) => vec![self.told()],
            _ => panic!("no reference for {} {path}", self.method),
        }
    }

    /// What a list with pages shows, if it is one.
    fn list(&self, reader: &Reader, parts: &[&str]) -> Option<Vec<Content>> {
        let pages = |rows, size, whole| Pages { rows, size, whole, count: None, numbers: &[] };
        let contacts = |rows| pages(rows, 15, reader.contact(None));
        let conversation = |row| reader.pruned_conversation(row);
        let contact = |row| reader.pruned_contact(row, None);
        let every = reader.has_every_conversation();
        Some(match (self.method, parts) {
            ("GET", ["conversations"]) => self.pages(
                &Pages {
                    count: Some("/data/meta/all_count"),
                    numbers: &[
                        "/data/meta/mine_count",
                        "/data/meta/assigned_count",
                        "/data/meta/unassigned_count",
                    ],
                    ..pages("/data/payload", 25, every)
                },
                conversation,
            ),
            ("POST", ["conversations", "filter"]) => self.pages(
                &Pages {
                    count: Some("/meta/all_count"),
                    numbers: &["/meta/mine_count", "/meta/unassigned_count"],
                    ..pages("/payload", 25, every)
                },
                conversation,
            ),
            // What was written is looked into: of whom it is hidden, nothing is found.
            ("GET", ["conversations", "search"]) => self.pages(
                &Pages {
                    count: Some("/meta/all_count"),
                    numbers: &["/meta/mine_count", "/meta/unassigned_count"],
                    ..pages("/payload", 25, reader.has_every_text())
                },
                |row| {
                    let of = conversation_at(&row["id"]);
                    (reader.messages(of) && reader.notes(of))
                        .then(|| reader.pruned_conversation(row))
                        .flatten()
                },
            ),
            // Looked into are the contacts, and what is shown are texts.
            ("GET", ["search", "conversations"]) => {
                self.pages(&pages("/payload/conversations", 15, false), |row| {
                    let of = conversation_at(&row["id"]);
                    let finds = reader.number(of) && reader.messages(of) && reader.notes(of);
                    finds.then(|| reader.pruned_conversation(row)).flatten()
                })
            }
            // In what is spoken, too.
            ("GET", ["search", "messages"]) => self.pages(&pages("/payload/messages", 15, false), |row| {
                let of = conversation_at(&row["conversation_id"]);
                reader.media(of).then(|| reader.pruned_message(row, of)).flatten()
            }),
            ("GET", ["search", "contacts"]) => self.pages(&contacts("/payload/contacts"), contact),
            ("GET", ["contacts"] | ["contacts", "active" | "search"]) | ("POST", ["contacts", "filter"]) => {
                self.pages(&contacts("/payload"), contact)
            }
            ("GET", ["notifications"]) => self.pages(
                &Pages {
                    count: Some("/data/meta/count"),
                    numbers: &["/data/meta/unread_count"],
                    ..pages("/data/payload", 15, reader.has_every_notice())
                },
                |row| reader.pruned_notice(row),
            ),
            _ => return None,
        })
    }

    /// What anything else shows.
    fn one(&self, reader: &Reader, parts: &[&str]) -> Content {
        let Content::Json(mut told) = self.told() else { return Content::Empty };
        let of = || conversation_at(&parts[1].parse::<u64>().unwrap().into());
        let on_contact = |value| reader.pruned_contact(value, None);
        let each_at = |mut told: Value, place: &str, left: &dyn Fn(Value) -> Option<Value>| {
            each(told.pointer_mut(place).unwrap(), left);
            told
        };
        let left = match (self.method, parts) {
            ("GET", ["conversations", "meta"]) => {
                let numbers =
                    ["/meta/mine_count", "/meta/assigned_count", "/meta/unassigned_count", "/meta/all_count"];
                if !reader.has_every_conversation() {
                    numbers.iter().for_each(|number| *told.pointer_mut(number).unwrap() = Value::Null);
                }
                told
            }
            ("GET", ["notifications", "unread_count"]) => {
                if reader.has_every_notice() {
                    told
                } else {
                    Value::Null
                }
            }
            ("GET", ["search"]) => self.found(reader, &told),
            ("POST", ["conversations"])
            | ("GET" | "PATCH", ["conversations", _])
            | ("POST", ["conversations", _, "unread" | "update_last_seen"]) => {
                return reader.pruned_conversation(told).map_or(Content::Empty, Content::Json);
            }
            ("GET", ["conversations", _, "messages"]) => {
                told["meta"] = reader.beside_messages(told["meta"].take(), of());
                each_at(told, "/payload", &|message| reader.pruned_message(message, of()))
            }
            ("POST", ["conversations", _, "messages"] | ["conversations", _, "messages", _, "retry"])
            | ("DELETE", ["conversations", _, "messages", _]) => {
                return reader.pruned_message(told, of()).map_or(Content::Empty, Content::Json);
            }
            ("GET", ["conversations", _, "attachments"]) => {
                each_at(without(told, &["meta"]), "/payload", &|file| reader.pruned_file(file, of()))
            }
            (_, ["conversations", _, "labels"]) if reader.hidden_of_conversations.contains(&"labels") => {
                without(told, &["payload"])
            }
            (_, ["conversations", _, "participants"] | ["agents"] | ["teams", _, "team_members"]) => {
                each_at(told, "", &|agent| Some(person(agent)))
            }
            (_, ["assignable_agents"] | ["inboxes", _, "assignable_agents"] | ["inbox_members", _]) => {
                each_at(told, "/payload", &|agent| Some(person(agent)))
            }
            (_, ["conversations", _, "assignments"]) => person(told),
            (_, ["conversations", _, "toggle_status"]) => without(told, &["meta"]),
            (_, ["conversations", _, "direct_uploads"]) => {
                without(told, &["key", "metadata", "service_name"])
            }
            ("GET", ["contacts", _, "conversations"]) => {
                each_at(told, "/payload", &|row| reader.pruned_conversation(row))
            }
            ("POST", ["contacts"]) => {
                told["payload"]["contact"] = on_contact(told["payload"]["contact"].take()).unwrap();
                told["payload"]["contact_inbox"] = reader.reached(told["payload"]["contact_inbox"].take());
                told
            }
            // What becomes of two contacts, or of a notice, is asked for.
            (_, ["actions", "contact_merge"] | ["notifications", ..]) => Value::Null,
            (_, ["contacts", _] | ["contacts", _, "avatar" | "destroy_custom_attributes"]) => {
                told["payload"] = on_contact(told["payload"].take()).unwrap();
                told
            }
            (_, ["contacts", _, "contactable_inboxes"]) => {
                each_at(told, "/payload", &|reached| Some(reader.reached(reached)))
            }
            (_, ["contacts", _, "contact_inboxes"]) => reader.reached(told),
            (_, ["contacts", _, "notes"]) if told.is_array() => {
                each_at(told, "", &|note| Some(contact_note(note)))
            }
            (_, ["contacts", _, "notes", ..]) => contact_note(told),
            ("GET", ["inboxes"]) => each_at(told, "/payload", &|one| Some(inbox(one))),
            ("GET", ["inboxes", _]) => inbox(told),
            ("GET", ["labels"]) => each_at(told, "/payload", &|label| Some(without(label, &["secret"]))),
            (_, ["canned_responses"] | ["custom_attribute_definitions"]) if told.is_array() => {
                each_at(told, "", &|one| Some(without(one, &["secret"])))
            }
            (_, ["custom_filters", ..]) if told.is_array() => {
                each_at(told, "", &|filter| Some(without(filter, &["user_id"])))
            }
            (_, ["custom_filters", ..]) => without(told, &["user_id"]),
            (
                _,
                ["canned_responses" | "custom_attribute_definitions" | "labels", ..]
                | ["conversations", _, "draft_messages"],
            ) => without(told, &["secret"]),
            // There is nothing in these that anybody may not see who may ask.
            (
                _,
                ["conversations", _, "labels" | "custom_attributes"]
                | ["conversations", _, "messages", _, "translate"],
            )
            | (_, ["contacts", _, "labels"] | ["teams"] | ["teams", _])
            | (_, ["csat_survey_responses" | "applied_slas", "metrics"]) => told,
            _ => panic!("no reference for {} {parts:?}", self.method),
        };
        Content::Json(left)
    }

    /// What the search in everything shows: of each of its lists what is found on Chatwoot's first page.
    fn found(&self, reader: &Reader, told: &Value) -> Value {
        let rows = |list: &str, left: &dyn Fn(Value) -> Option<Value>| {
            told["payload"][list].as_array().unwrap().iter().cloned().filter_map(left).collect::<Vec<_>>()
        };
        let message = |row: Value| {
            let of = conversation_at(&row["conversation_id"]);
            reader.media(of).then(|| reader.pruned_message(row, of)).flatten()
        };
        json!({"payload": {
            "conversations": rows("conversations", &|row| {
                reader.number(conversation_at(&row["id"])).then(|| reader.pruned_conversation(row)).flatten()
            }),
            "messages": rows("messages", &message),
            "contacts": rows("contacts", &|row| reader.pruned_contact(row, None)),
        }})
    }

    /// Chatwoot's list in pages of what is left of its rows, to the one behind the last: each as long as Chatwoot's, the count where the list ends.
    fn pages(&self, pages: &Pages, left: impl Fn(Value) -> Option<Value>) -> Vec<Content> {
        let mut told: Vec<Value> = Vec::new();
        loop {
            let Content::Json(page) = self.told_page(told.len() + 1) else {
                panic!("no list: {}", self.target)
            };
            assert!(told.len() < PAGES_MAX, "{} has no end", self.target);
            let is_last = page.pointer(pages.rows).unwrap().as_array().unwrap().is_empty();
            told.push(page);
            if is_last {
                break;
            }
        }
        let rows =
            |page: &mut Value| page.pointer_mut(pages.rows).unwrap().as_array_mut().unwrap().split_off(0);
        if pages.whole {
            for page in &mut told {
                each(page.pointer_mut(pages.rows).unwrap(), &left);
            }
            return told.into_iter().map(Content::Json).collect();
        }
        let seen: Vec<Value> = told.iter_mut().flat_map(rows).filter_map(left).collect();
        let last = seen.len().div_ceil(pages.size).max(1);
        let page = |number: usize| {
            let mut page = told[number - 1].clone();
            let of_it = seen.iter().skip((number - 1) * pages.size).take(pages.size);
            *page.pointer_mut(pages.rows).unwrap() = of_it.cloned().collect();
            for number in pages.numbers {
                *page.pointer_mut(number).unwrap() = Value::Null;
            }
            // What is counted anew is a number, also where Chatwoot repeats the text that it was asked with.
            if let Some(said) = page.pointer_mut("/data/meta/current_page") {
                *said = number.into();
            }
            if let Some(count) = pages.count {
                *page.pointer_mut(count).unwrap() =
                    if number < last { Value::Null } else { seen.len().into() };
            }
            Content::Json(page)
        };
        (1..=told.len().min(last + 1)).map(page).collect()
    }

    /// What Chatwoot says.
    fn told(&self) -> Content {
        self.told_at(self.target.clone())
    }

    /// The same of a page.
    fn told_page(&self, number: usize) -> Content {
        self.told_at(page_of(&self.target, number))
    }

    fn told_at(&self, target: String) -> Content {
        let asked = Asked {
            method: self.method.to_owned(),
            target,
            headers: vec![("api_access_token".to_owned(), self.setting.token(self.user).to_owned())],
            body: self.body.map(Value::to_string).unwrap_or_default(),
            connection: 0,
            answered: 0,
        };
        let told = String::from_utf8(backend::told(&asked)).unwrap();
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 20"), "{}: {head}", asked.line());
        Content::of(body)
    }
}

/// The target of a page of a list, of which the first needs no number.
pub(super) fn page_of(target: &str, number: usize) -> String {
    let between = if target.contains('?') { '&' } else { '?' };
    if number == 1 { target.to_owned() } else { format!("{target}{between}page={number}") }
}
