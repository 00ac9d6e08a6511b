//! Each place where the map says how none is written: who may not see what is there is answered as if Chatwoot had none, and as Chatwoot writes it then.

use std::collections::BTreeSet;

use serde_json::{Map as Object, Value, json};

use super::{
    backend,
    house::{ADMINISTRATOR, House},
    lacks::{Lacks, SOMETHING, those_who_lack, user},
};
use crate::gate::{
    backend::{Asked, json as answer},
    map::{Map, assert_each_has_a_sample},
};

/// What Chatwoot has where there is none.
#[derive(Clone, Copy, Debug)]
enum Written {
    /// No such member.
    Absent,
    Null,
    /// A list without items.
    List,
}

/// An entity or route of the map, and a place of it; what is asked, where the answer has that, what Chatwoot writes there, and who may not see it.
struct Sample {
    of: [&'static str; 2],
    asked: &'static str,
    at: &'static str,
    written: Written,
    lacks: Lacks<'static>,
}

const fn sample(
    of: [&'static str; 2],
    (asked, at): (&'static str, &'static str),
    written: Written,
    lacks: Lacks<'static>,
) -> Sample {
    Sample { of, asked, at, written, lacks }
}

const ITSELF: &str = "conversations/4";
const MESSAGES: &str = "conversations/4/messages";
const FILES: &str = "conversations/4/attachments";
const FOUND: &str = "search/conversations";
const NOTICES: &str = "notifications";
/// Agents and bots; what customers write is theirs.
const AGENTS: Lacks<'_> = Lacks::Sight(&["user"]);
const WRITERS: Lacks<'_> = Lacks::Sight(&["user", "contact"]);
const CONTACTS: Lacks<'_> = Lacks::Sight(&["contact"]);
const MESSAGE: Lacks<'_> = Lacks::Sight(&["message"]);
const NOTE: Lacks<'_> = Lacks::Sight(&["note"]);
const MEDIA: Lacks<'_> = Lacks::Sight(&["media"]);
/// Whoever is shown in what it stands is shown it too: they see what Chatwoot has.
const NOTHING_OF_IT: Lacks<'_> = SOMETHING;

const SAMPLES: &[Sample] = &[
    sample(["conversation", "/meta/assignee"], (ITSELF, "/meta/assignee"), Written::Absent, AGENTS),
    // Its message is for the contact, the last one a note.
    sample(["conversation", "/messages"], (ITSELF, "/messages"), Written::List, MESSAGE),
    sample(
        ["conversation", "/last_non_activity_message"],
        (ITSELF, "/last_non_activity_message"),
        Written::Null,
        NOTE,
    ),
    sample(
        ["conversation_beside_messages", "/assignee"],
        (MESSAGES, "/meta/assignee"),
        Written::Absent,
        AGENTS,
    ),
    sample(["message", "/sender"], (MESSAGES, "/payload/*/sender"), Written::Absent, WRITERS),
    sample(["message", "/attachments"], (MESSAGES, "/payload/*/attachments"), Written::Absent, MEDIA),
    sample(
        ["found_conversation", "/contact"],
        (FOUND, "/payload/conversations/*/contact"),
        Written::Absent,
        CONTACTS,
    ),
    sample(
        ["found_conversation", "/agent"],
        (FOUND, "/payload/conversations/*/agent"),
        Written::Absent,
        AGENTS,
    ),
    sample(
        ["found_conversation", "/message"],
        (FOUND, "/payload/conversations/*/message"),
        Written::Absent,
        MESSAGE,
    ),
    sample(
        ["found_conversation", "/messages"],
        ("conversations/search", "/payload/*/messages"),
        Written::List,
        NOTE,
    ),
    sample(
        ["first_message", "/sender"],
        (FOUND, "/payload/conversations/*/message/sender"),
        Written::Absent,
        CONTACTS,
    ),
    sample(
        ["found_message", "/sender"],
        ("search/messages", "/payload/messages/*/sender"),
        Written::Absent,
        WRITERS,
    ),
    sample(
        ["found_message", "/attachments"],
        ("search/messages", "/payload/messages/*/attachments"),
        Written::Absent,
        MEDIA,
    ),
    // As of a place, which has no file.
    sample(["listed_attachment", "/data_url"], (FILES, "/payload/*/data_url"), Written::Null, NOTHING_OF_IT),
    sample(
        ["listed_attachment", "/thumb_url"],
        (FILES, "/payload/*/thumb_url"),
        Written::Null,
        NOTHING_OF_IT,
    ),
    sample(["listed_attachment", "/sender"], (FILES, "/payload/*/sender"), Written::Absent, AGENTS),
    sample(
        ["contact", "/contact_inboxes"],
        ("contacts/504", "/payload/contact_inboxes"),
        Written::List,
        NOTHING_OF_IT,
    ),
    sample(["contact_note", "/user"], ("contacts/504/notes", "/*/user"), Written::Absent, AGENTS),
    sample(
        ["notification", "/primary_actor"],
        (NOTICES, "/data/payload/*/primary_actor"),
        Written::Null,
        Lacks::Sight(&["conversation"]),
    ),
    sample(
        ["notification", "/secondary_actor"],
        (NOTICES, "/data/payload/*/secondary_actor"),
        Written::Null,
        NOTE,
    ),
    sample(
        ["told_conversation", "/meta/assignee"],
        (NOTICES, "/data/payload/*/primary_actor/meta/assignee"),
        Written::Null,
        AGENTS,
    ),
    sample(
        ["told_conversation", "/messages"],
        (NOTICES, "/data/payload/*/primary_actor/messages"),
        Written::List,
        MESSAGE,
    ),
    sample(
        ["GET search", "/payload/conversations"],
        ("search", "/payload/conversations"),
        Written::List,
        Lacks::Sight(&["conversation"]),
    ),
    sample(
        ["GET search", "/payload/messages"],
        ("search", "/payload/messages"),
        Written::List,
        Lacks::Sight(&["message", "note"]),
    ),
    sample(["GET search", "/payload/contacts"], ("search", "/payload/contacts"), Written::List, CONTACTS),
];

/// The objects of an answer that have a member at this place, or might have it.
fn objects<'v>(value: &'v mut Value, outer: &str) -> Vec<&'v mut Object<String, Value>> {
    match (value, outer.strip_prefix('/').map(|rest| rest.split_once('/').unwrap_or((rest, "")))) {
        (Value::Object(object), None) => vec![object],
        (Value::Array(items), Some(("*", rest))) => {
            let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
            items.iter_mut().flat_map(|item| objects(item, &rest)).collect()
        }
        (Value::Object(object), Some((step, rest))) => {
            let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
            object.get_mut(step).map(|inner| objects(inner, &rest)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

impl Sample {
    /// What stands at its place, of each object.
    fn there(&self, answer: &mut Value) -> Vec<Option<Value>> {
        let (outer, member) = self.at.rsplit_once('/').unwrap();
        objects(answer, outer).into_iter().map(|object| object.get(member).cloned()).collect()
    }

    fn none(&self) -> Option<Value> {
        match self.written {
            Written::Absent => None,
            Written::Null => Some(Value::Null),
            Written::List => Some(json!([])),
        }
    }

    /// The answer of a Chatwoot that has none there.
    fn without(&self, mut answer: Value) -> Value {
        let (outer, member) = self.at.rsplit_once('/').unwrap();
        for object in objects(&mut answer, outer) {
            match self.none() {
                None => _ = object.shift_remove(member),
                Some(none) => {
                    if let Some(place) = object.get_mut(member) {
                        *place = none;
                    }
                }
            }
        }
        answer
    }
}

/// The small Chatwoot, which has none for each of those who lack something.
fn lacking(asked: &Asked) -> Vec<u8> {
    let told = String::from_utf8(backend::told(asked)).unwrap();
    let of = |place: &usize| asked.all("api_access_token") == [format!("token-of-{}", user(*place))];
    let sample = (0..SAMPLES.len()).find(of).map(|place| &SAMPLES[place]);
    match (sample, told.split_once("\r\n\r\n")) {
        (Some(sample), Some((_, body))) => answer(200, &sample.without(serde_json::from_str(body).unwrap())),
        _ => told.into_bytes(),
    }
}

#[test]
fn every_place_of_the_map_where_none_is_written_is_looked_at() {
    let samples = SAMPLES.iter().map(|sample| sample.of.map(str::to_owned)).collect::<BTreeSet<_>>();
    assert_each_has_a_sample(&Map::chatwoot().nones(), &samples);
}

#[tokio::test]
async fn what_is_hidden_is_to_the_byte_what_chatwoot_writes_of_none() {
    let others = those_who_lack(&SAMPLES.iter().map(|sample| sample.lacks).collect::<Vec<_>>());
    let (house, lacking) = (House::with(&others, backend::told).await, House::with(&others, lacking).await);
    let mut wrong = Vec::new();
    for (place, sample) in SAMPLES.iter().enumerate() {
        let Sample { of, asked, at, lacks, .. } = sample;
        let something = sample.there(&mut house.get(ADMINISTRATOR, asked).await.json());
        assert!(
            something.iter().any(|one| *one != sample.none()),
            "{of:?}: nothing to hide at {at} of {asked}"
        );

        let (hidden, none) = (house.get(&user(place), asked).await, lacking.get(&user(place), asked).await);
        assert_eq!((hidden.status, none.status), (200, 200), "{of:?}: {asked}: {hidden:?}");
        if *lacks != NOTHING_OF_IT && hidden.body != none.body {
            wrong.push(format!("{of:?}: {asked}\n  hidden {}\n  none {}", hidden.body, none.body));
        }
        let there = sample.there(&mut none.json());
        if there.is_empty() || there.iter().any(|one| *one != sample.none()) {
            wrong.push(format!("{of:?}: {at} of {asked} should be {:?}: {there:?}", sample.written));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
