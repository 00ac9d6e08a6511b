//! The task, as each engine does it in this process: of a list of conversations, those pass whose team has an even number or
//! whose assignee is the caller, without the contact's phone and mail and without custom attributes, and the count follows.

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fields, Filter, Judge, Layout, LayoutSource, Limits, Object, Raw, Schema,
    Total, Verdict, filter,
};
use serde_json::Value;
use simd_json::prelude::*;

use crate::answers;

const CALLER: u64 = 7;
const CHUNK_BYTES: usize = 16 << 10;

pub(crate) type Engine = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Those that take a whole text; the first is what the others are compared with.
pub(crate) const WHOLE: [Engine; 3] =
    [("headgate", headgate), ("serde_json `Value`", serde), ("simd-json borrowed", simd)];

/// In chunks of 16 KiB, as they would come from a connection; what comes out is dropped.
pub(crate) const STREAMED: Engine = ("headgate, in chunks of 16 KiB", streamed);

/// The sizes, by rows; 0 is one conversation with many messages.
pub(crate) const SIZES: [(&str, u64); 3] = [("5 KiB", 0), ("256 KiB", 500), ("8 MiB", 16_000)];
pub(crate) const LONG: (&str, u64) = ("100 MB", 200_000);

pub(crate) fn input(rows: u64) -> Vec<u8> {
    // Half of a hundred teams are visible, and the one of a single conversation.
    if rows == 0 { answers::list(1, 38, &[4]) } else { answers::list(rows, 1, &Vec::from_iter(0..100)) }
}

fn layout() -> Layout {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let schema = Schema::compile(vec![
        EntitySource {
            fields: names(&[
                "id",
                "channel",
                "status",
                "created_at",
                "labels",
                "unread",
                "assignee",
                "team",
                "messages",
            ]),
            nested: [("/contact".into(), EntityNo(1))].into(),
            facts: names(&["/team/id", "/assignee/id"]),
            ..EntitySource::default()
        },
        EntitySource { fields: names(&["id", "name", "thumbnail"]), ..EntitySource::default() },
    ]);
    let source = LayoutSource {
        rows: Some(("/payload".into(), EntityNo(0))),
        totals: [("/meta/count".into(), Total::Shown)].into(),
        ..LayoutSource::default()
    };
    Layout::compile(&schema.unwrap(), source).unwrap()
}

struct Caller;

impl Judge for Caller {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let number = |raw: Raw<'_>| std::str::from_utf8(raw.0).ok()?.parse::<u64>().ok();
        let fact = |no| object.fact(FactNo(no)).and_then(number);
        let shown = !object.main || visible(fact(0), fact(1));
        if shown { Verdict::Shown(Fields::All) } else { Verdict::Hidden }
    }
}

fn visible(team: Option<u64>, assignee: Option<u64>) -> bool {
    team.is_some_and(|team| team.is_multiple_of(2)) || assignee == Some(CALLER)
}

thread_local! {
    /// A layout is made once for each configuration.
    static LAYOUT: Layout = layout();
}

pub(crate) fn headgate(text: &[u8]) -> Vec<u8> {
    LAYOUT.with(|layout| filter(text, layout, Limits::default(), Caller)).unwrap().0
}

pub(crate) fn streamed(text: &[u8]) -> Vec<u8> {
    in_chunks(text, Vec::clear)
}

/// The same in chunks; `taken` is done with what has come out so far before the next one.
pub(crate) fn in_chunks(text: &[u8], taken: fn(&mut Vec<u8>)) -> Vec<u8> {
    LAYOUT.with(|layout| {
        let mut filter = Filter::new(layout, Limits::default(), Caller);
        let mut out = Vec::with_capacity(2 * CHUNK_BYTES);
        for chunk in text.chunks(CHUNK_BYTES) {
            taken(&mut out);
            filter.push(chunk, &mut out).unwrap();
        }
        filter.finish(&mut out).unwrap();
        out
    })
}

pub(crate) fn serde(text: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(text).unwrap();
    let rows = value["payload"].as_array_mut().unwrap();
    rows.retain(|row| visible(row["team"]["id"].as_u64(), row["assignee"]["id"].as_u64()));
    for row in rows.iter_mut() {
        row.as_object_mut().unwrap().remove("custom_attributes");
        let contact = row["contact"].as_object_mut().unwrap();
        contact.remove("phone");
        contact.remove("email");
    }
    let count = rows.len();
    value["meta"] = serde_json::json!({ "count": count });
    serde_json::to_vec(&value).unwrap()
}

pub(crate) fn simd(text: &[u8]) -> Vec<u8> {
    // It reads in place.
    let mut text = text.to_vec();
    let mut value = simd_json::to_borrowed_value(&mut text).unwrap();
    let rows = value.get_mut("payload").and_then(|rows| rows.as_array_mut()).unwrap();
    let id = |row: &simd_json::BorrowedValue<'_>, of: &str| row.get(of)?.get("id")?.as_u64();
    rows.retain(|row| visible(id(row, "team"), id(row, "assignee")));
    for row in rows.iter_mut() {
        row.as_object_mut().unwrap().remove("custom_attributes");
        let contact = row.get_mut("contact").and_then(|contact| contact.as_object_mut()).unwrap();
        contact.remove("phone");
        contact.remove("email");
    }
    let count = rows.len() as u64;
    let meta = value.get_mut("meta").and_then(|meta| meta.as_object_mut()).unwrap();
    meta.remove("current_page");
    meta.insert("count".into(), count.into());
    simd_json::to_vec(&value).unwrap()
}
