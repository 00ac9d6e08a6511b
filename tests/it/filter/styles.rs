//! Backends write white space as they like. What is filtered is to the byte what they would write if that which is hidden were not
//! there: no line or space is left that tells of it.

use std::cell::RefCell;

use headgate::filter::{
    EntityNo, EntitySource, FactNo, FieldIx, Fields, Filter, Judge, Layout, LayoutSource, Limits, Object,
    Page, Schema, Total, TotalValues, Verdict, filter, page,
};
use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::{Map, Value, json};

use super::{
    property::{self, ByHash, World},
    strings,
};

const MESSAGE: EntityNo = EntityNo(0);

/// Hides those whose `id` is negative.
struct Positive;

impl Judge for Positive {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        match object.fact(FactNo(0)).map(|raw| raw.0) {
            Some([b'-', ..]) => Verdict::Hidden,
            _ => Verdict::Shown(Fields::All),
        }
    }
}

fn layout() -> Layout {
    let schema = Schema::compile(vec![EntitySource {
        name: "message".into(),
        fields: strings(&["id", "text"]),
        facts: strings(&["/id"]),
        nested: [("/quotes/*", MESSAGE), ("/reply", MESSAGE)].map(|(at, of)| (at.to_owned(), of)).into(),
        ..EntitySource::default()
    }]);
    let source = LayoutSource {
        rows: Some(("/data/rows".into(), MESSAGE)),
        nested: [("/data/more/*".to_owned(), MESSAGE)].into(),
        keep: strings(&["/data/kept"]),
        ..LayoutSource::default()
    };
    Layout::compile(&schema.unwrap(), source).unwrap()
}

/// How a backend writes containers: what stands behind their opening, between two members and before their end, each at a depth,
/// behind a colon, and in a list or an object without members.
struct Style {
    open: fn(usize) -> String,
    between: fn(usize) -> String,
    close: fn(usize) -> String,
    colon: &'static str,
    empty: &'static str,
}

fn line(depth: usize) -> String {
    format!("\n{}", "  ".repeat(depth))
}

fn nothing(_depth: usize) -> String {
    String::new()
}

fn space(_depth: usize) -> String {
    " ".into()
}

const STYLES: [Style; 5] = [
    Style { open: nothing, between: |_depth| ",".into(), close: nothing, colon: ":", empty: "" },
    Style { open: nothing, between: |_depth| ", ".into(), close: nothing, colon: ": ", empty: "" },
    Style {
        open: line,
        between: |depth| format!(",{}", line(depth)),
        close: |depth| line(depth - 1),
        colon: ": ",
        empty: "",
    },
    Style { open: space, between: |_depth| ", ".into(), close: space, colon: " : ", empty: " " },
    Style {
        open: line,
        between: |depth| format!("{}, ", line(depth)),
        close: nothing,
        colon: ":",
        empty: "\r\n",
    },
];

impl Style {
    fn written(&self, value: &Value, depth: usize) -> String {
        let inside = |members: Vec<String>| {
            if members.is_empty() {
                return self.empty.to_owned();
            }
            let members = members.join(&(self.between)(depth + 1));
            format!("{}{members}{}", (self.open)(depth + 1), (self.close)(depth + 1))
        };
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.written(item, depth + 1));
                format!("[{}]", inside(items.collect()))
            }
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\"{}{}", self.colon, self.written(value, depth + 1)));
                format!("{{{}}}", inside(members.collect()))
            }
            other => other.to_string(),
        }
    }
}

/// A message, of which others are quoted. Its members stand in an order that follows from its number.
fn message(id: i64, quotes: &[i64], seed: usize) -> Value {
    let quotes: Vec<_> = quotes.iter().map(|id| json!({"undeclared": {}, "id": id})).collect();
    let mut members = vec![
        ("id", json!(id)),
        ("undeclared", json!([{"id": -1}])),
        ("quotes", json!(quotes)),
        ("text", json!("hello")),
        ("reply", json!({"id": id + 2, "text": "of it"})),
    ];
    members.rotate_left(seed % 5);
    Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn answer(rows: &[Value]) -> Value {
    json!({"data": {"undeclared": 1, "more": rows, "rows": rows, "kept": {"n": [1, 2]}, "last": [{}]}})
}

/// What is left of a message if those that are hidden are not there.
fn as_if(value: &Value) -> Option<Value> {
    let id = value["id"].as_i64()?;
    let left = |(key, value): (&String, &Value)| {
        let value = match (key.as_str(), value) {
            ("quotes", Value::Array(quotes)) => Some(quotes.iter().filter_map(as_if).collect()),
            ("reply", reply) => as_if(reply),
            ("id" | "text", value) => Some(value.clone()),
            _ => None,
        };
        value.map(|value| (key.clone(), value))
    };
    (id >= 0)
        .then(|| Value::Object(value.as_object().unwrap().iter().filter_map(left).collect::<Map<_, _>>()))
}

fn whole(text: &str, layout: &Layout) -> String {
    let (out, _) = filter(text.as_bytes(), layout, Limits::default(), Positive).unwrap();
    String::from_utf8(out).unwrap()
}

fn in_pieces(text: &str, layout: &Layout) -> String {
    let (mut stream, mut out) = (Filter::new(layout, Limits::default(), Positive), Vec::new());
    for byte in text.as_bytes() {
        stream.push(std::slice::from_ref(byte), &mut out).unwrap();
    }
    stream.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn joined(pages: &[String], layout: &Layout, backwards: bool) -> String {
    let read = |text: &String| page(text.as_bytes(), layout, Limits::default(), Positive).unwrap().0;
    let pages: Vec<Page> = pages.iter().map(read).collect();
    let mut joined = if backwards { pages.last() } else { pages.first() }.unwrap().clone();
    if backwards {
        pages.iter().rev().skip(1).for_each(|page| joined.prepend(page));
    } else {
        pages.iter().skip(1).for_each(|page| joined.append(page));
    }
    let mut out = Vec::new();
    joined.write(&TotalValues::default(), &mut out);
    String::from_utf8(out).unwrap()
}

/// Lists of four messages, each hidden or not, with quotes of which some are hidden.
fn lists() -> impl Iterator<Item = Vec<Value>> {
    (0..16_usize).flat_map(|hidden| {
        (0..8_usize).map(move |seed| {
            let sign = |at: usize, of: usize| if of >> at & 1 == 1 { -1 } else { 1 };
            let one = |at: usize| {
                let quotes: Vec<i64> =
                    (0..(seed + at) % 4).map(|quote| sign(quote, seed) * (quote as i64 + 1)).collect();
                message(sign(at, hidden) * (at as i64 + 1), &quotes, seed + at)
            };
            (0..4).map(one).collect()
        })
    })
}

#[test]
fn what_is_hidden_leaves_no_white_space() {
    let layout = layout();
    for rows in lists() {
        let left: Vec<_> = rows.iter().filter_map(as_if).collect();
        let as_if = json!({"data": {"more": left, "rows": left, "kept": {"n": [1, 2]}}});
        for style in &STYLES {
            let text = style.written(&answer(&rows), 0);
            let expected = whole(&style.written(&as_if, 0), &layout);
            assert_eq!(whole(&text, &layout), expected, "{text}");
            assert_eq!(in_pieces(&text, &layout), expected, "{text}");
        }
    }
}

#[test]
fn pages_are_joined_as_if_they_were_one() {
    let layout = layout();
    let list = |rows: &[Value]| json!({"data": {"rows": rows}});
    for rows in lists() {
        let left: Vec<_> = rows.iter().filter_map(as_if).collect();
        for style in &STYLES {
            let expected = whole(&style.written(&list(&left), 0), &layout);
            let pages = [&rows[..2], &rows[2..]].map(|rows| style.written(&list(rows), 0));
            for backwards in [false, true] {
                assert_eq!(joined(&pages, &layout, backwards), expected, "{pages:?}");
            }
        }
    }
}

#[test]
fn what_passes_keeps_its_white_space() {
    let layout = layout();
    let rows: Vec<_> =
        (1..4).map(|id| json!({"id": id, "text": {"a": [], "b": {}}, "quotes": [{"id": 9}]})).collect();
    for style in &STYLES {
        let text = style.written(&json!({"data": {"kept": [[], {}], "rows": rows}}), 0);
        assert_eq!(whole(&text, &layout), text);
        assert_eq!(in_pieces(&text, &layout), text);
    }
}

/// Shows of each message `extra.name`, and hides `extra.plan`.
struct ButPlans<'a>(&'a Schema);

impl Judge for ButPlans<'_> {
    fn judge(&mut self, _object: &Object<'_>) -> Verdict {
        let mut fields = Fields::NONE;
        for name in ["id", "extra.name", "tags.name"] {
            let at = self.0.fields(MESSAGE).iter().position(|field| field == name).unwrap();
            fields.insert(FieldIx(u16::try_from(at).unwrap()));
        }
        Verdict::Shown(fields)
    }
}

#[test]
fn an_object_of_which_nothing_is_left_looks_like_one_that_was_empty() {
    let schema = Schema::compile(vec![EntitySource {
        name: "message".into(),
        fields: strings(&["id", "extra.name", "extra.plan", "tags.name"]),
        facts: strings(&["/id"]),
        ..EntitySource::default()
    }]);
    let schema = schema.unwrap();
    let source = LayoutSource {
        rows: Some(("/data/rows".into(), MESSAGE)),
        keep: strings(&["/about/version"]),
        ..LayoutSource::default()
    };
    let layout = Layout::compile(&schema, source).unwrap();
    let answer = |extra: Value, tags: Value, about: Value| json!({"about": about, "data": {"rows": [{"id": 1, "extra": extra, "tags": tags}]}});
    let none = answer(json!({}), json!([]), json!({}));
    for style in &STYLES {
        let shown = |answer: &Value| {
            let text = style.written(answer, 0);
            let (out, _) = filter(text.as_bytes(), &layout, Limits::default(), ButPlans(&schema)).unwrap();
            let (mut stream, mut pieces) =
                (Filter::new(&layout, Limits::default(), ButPlans(&schema)), Vec::new());
            text.bytes().for_each(|byte| stream.push(&[byte], &mut pieces).unwrap());
            stream.finish(&mut pieces).unwrap();
            assert_eq!(pieces, out, "{text}");
            String::from_utf8(out).unwrap()
        };
        let expected = shown(&none);
        for hidden in [
            answer(json!({"plan": 3}), json!([]), json!({})),
            answer(json!({}), json!([7, "x"]), json!({})),
            answer(json!({}), json!([]), json!({"undeclared": 1})),
        ] {
            assert_eq!(shown(&hidden), expected, "{hidden}");
        }
    }
}

/// Without the white space that some write in what has no members: it passes with what is not decided on.
fn without_blanks(text: &str) -> String {
    let blanks = [("[ ]", "[]"), ("[\r\n]", "[]"), ("{ }", "{}"), ("{\r\n}", "{}")];
    blanks.iter().fold(text.to_owned(), |text, (blank, without)| text.replace(blank, without))
}

/// Whatever style a backend writes in, what is left is in it as if nothing had been taken out, whole, in pieces and in pages.
fn keeps_its_style(world: &World, cuts: &[usize]) -> Result<(), TestCaseError> {
    let schema = Schema::compile(world.sources.clone()).unwrap();
    let layout = Layout::compile(&schema, world.layout.clone()).unwrap();
    let facts: Vec<usize> = world.sources.iter().map(|source| source.facts.len()).collect();
    let asked = RefCell::default();
    let judge =
        || ByHash { schema: &schema, facts: &facts, takes: |told| told, seed: world.seed, asked: &asked };
    let paged = |text: &str| page(text.as_bytes(), &layout, Limits::default(), judge());
    for style in &STYLES {
        let text = style.written(&world.text, 0);
        let Ok((out, _)) = filter(text.as_bytes(), &layout, Limits::default(), judge()) else {
            return Ok(());
        };
        let out = String::from_utf8(out).unwrap();
        let expected = style.written(&property::read(&out).unwrap(), 0);
        // What is said of the next page is nobody's style.
        if !world.layout.totals.values().any(|total| total.is_ahead()) {
            prop_assert_eq!(without_blanks(&out), without_blanks(&expected), "{}", text);
        }
        if world.layout.totals.values().any(|total| *total == Total::Shown) {
            continue;
        }
        let pieces = property::in_pieces(text.as_bytes(), cuts.iter().copied(), &layout, judge()).unwrap().0;
        prop_assert_eq!(String::from_utf8(pieces).unwrap(), out.clone(), "{}", text);
        let bytes =
            property::in_pieces(text.as_bytes(), std::iter::repeat_n(1, text.len()), &layout, judge());
        prop_assert_eq!(String::from_utf8(bytes.unwrap().0).unwrap(), out.clone(), "{}", text);
        let Some((rows, _)) = &world.layout.rows else { continue };
        let Some(Value::Array(items)) = world.text.pointer(rows) else { continue };
        let items: Vec<_> = items.iter().filter(|item| item.is_object()).cloned().collect();
        let with = |items: &[Value]| {
            let mut text = world.text.clone();
            *text.pointer_mut(rows).unwrap() = Value::Array(items.to_vec());
            style.written(&text, 0)
        };
        let Ok((all, _)) = paged(&with(&items)) else { continue };
        for cut in 2..=items.len() {
            let (first, last) = items.split_at(cut);
            let (Ok((mut on, _)), Ok((last, _))) = (paged(&with(first)), paged(&with(last))) else {
                continue;
            };
            on.append(&last);
            let mut whole = [Vec::new(), Vec::new()];
            all.write(&TotalValues::default(), &mut whole[0]);
            on.write(&TotalValues::default(), &mut whole[1]);
            let [whole, on] = whole.map(|text| String::from_utf8(text).unwrap());
            prop_assert_eq!(on, whole, "{} of {}", cut, text);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(600)))]

    #[test]
    fn what_is_left_is_written_as_if_nothing_had_been_taken_out(
        world in property::world(),
        cuts in prop::collection::vec(0..9_usize, 0..60),
    ) {
        keeps_its_style(&world, &cuts)?;
    }
}
