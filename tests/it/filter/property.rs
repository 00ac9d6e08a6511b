//! Random schemas, layouts, judges and texts: the filter does what its slow twin does, whole and in pieces.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use headgate::filter::{
    EntityNo, EntitySource, Fault, FieldIx, Fields, Filter, Judge, Layout, LayoutSource, Limits, NoneAs,
    Object, Report, Schema, SchemaError, Total, Verdict, filter,
};
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree as _,
    test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use serde_json::Value;

use super::oracle::{Oracle, Told, Unfit, told};

/// So few keys that declared places are met.
const KEYS: [&str; 5] = ["a", "b", "c", "0", "id"];

/// Halves of surrogate pairs, which values cannot hold: what stands for them there, and how they are written.
const HALVES: [(char, &str); 2] = [('\u{e000}', "\\uD800"), ('\u{e001}', "\\uDC00")];

fn key() -> impl Strategy<Value = String> {
    select(&KEYS[..]).prop_map(str::to_owned)
}

/// A member's name: one that may be declared, or one with half a surrogate pair.
fn member() -> impl Strategy<Value = String> {
    prop_oneof![9 => key(), 1 => select(vec!["a\u{e000}", "\u{e001}id"]).prop_map(str::to_owned)]
}

fn pointer(star: bool) -> impl Strategy<Value = String> {
    let token = prop_oneof![4 => key(), 2 => Just(if star { "*".to_owned() } else { "a".to_owned() })];
    prop::collection::vec(token, 1..4)
        .prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect())
}

fn dotted() -> impl Strategy<Value = String> {
    prop::collection::vec(key(), 1..4).prop_map(|names| names.join("."))
}

fn entity() -> impl Strategy<Value = EntitySource> {
    let listed = prop::collection::vec(prop_oneof![6 => dotted(), 1 => Just("*".to_owned())], 0..5);
    let ruled =
        prop::collection::vec(prop_oneof![3 => dotted(), 1 => dotted().prop_map(|x| format!("{x}.*"))], 0..3);
    let nested = prop::collection::btree_map(pointer(true), (0..3_u16).prop_map(EntityNo), 0..3);
    let facts = prop::collection::vec(prop_oneof![4 => pointer(false), 1 => Just(String::new())], 0..3);
    (listed, ruled, nested, facts, any::<u64>()).prop_map(|(fields, ruled, nested, facts, kind)| {
        let none = nones(&nested, kind);
        let mut source = EntitySource { fields, ruled, nested, none, facts, ..EntitySource::default() };
        match kind % 9 {
            0 => source = EntitySource { value: true, facts: source.facts, ..EntitySource::default() },
            1 | 2 => {
                source.placeholder =
                    source.fields.iter().filter(|name| *name != "*").take(1).cloned().collect()
            }
            _ => {}
        }
        source
    })
}

fn layout() -> impl Strategy<Value = LayoutSource> {
    let entity = || (0..3_u16).prop_map(EntityNo);
    let place = || prop_oneof![3 => pointer(false), 1 => Just(String::new())];
    (
        prop::option::weighted(0.7, (place(), entity())),
        any::<bool>(),
        prop::option::weighted(0.3, (place(), entity())),
        prop::collection::btree_map(pointer(true), entity(), 0..2),
        prop::collection::vec(pointer(true), 0..2),
        prop::collection::btree_map(pointer(false), total(), 0..4),
        any::<u64>(),
    )
        .prop_map(|(rows, rows_may_lack, object, nested, keep, totals, seed)| LayoutSource {
            none: nones(&nested, seed).into_iter().chain(nones_ahead(&totals, seed)).collect(),
            rows,
            rows_may_lack,
            object,
            nested,
            keep,
            totals,
        })
}

/// A count, or what is said of the next page.
fn total() -> impl Strategy<Value = Total> {
    select(vec![Total::Shown, Total::Null, Total::Next, Total::More])
}

/// What is declared of some of these places where there is no next page.
fn nones_ahead(totals: &BTreeMap<String, Total>, seed: u64) -> BTreeMap<String, NoneAs> {
    let mut dice = Dice(!seed);
    let mut none = BTreeMap::new();
    for (place, _) in totals.iter().filter(|(_, total)| total.is_ahead()) {
        let kinds = [None, Some(NoneAs::Absent), Some(NoneAs::Null)];
        none.extend(kinds[dice.below(kinds.len())].map(|kind| (place.clone(), kind)));
    }
    none
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..9_i64).prop_map(Value::from),
        select(vec!["", "x", "é\"\\", "😀/", "x\u{e000}", "\u{e001}\u{e000}é"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => prop::collection::vec((member(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What is declared of some of these places where there is none.
fn nones(nested: &BTreeMap<String, EntityNo>, seed: u64) -> BTreeMap<String, NoneAs> {
    let mut dice = Dice(seed);
    let mut none = BTreeMap::new();
    for place in nested.keys() {
        let list = place.strip_suffix("/*");
        let kinds = [None, Some(NoneAs::Absent), Some(NoneAs::Null), list.map(|_| NoneAs::List)];
        if let Some(kind) = kinds[dice.below(kinds.len())] {
            none.insert(list.unwrap_or(place).to_owned(), kind);
        }
    }
    none.retain(|place, _| !place.is_empty() && !place.ends_with("/*"));
    none
}

/// A text in which the layout's rows and object are where they should be, mostly.
fn placed(layout: &LayoutSource, text: Value, rows: Vec<Value>, object: Value) -> Value {
    let mut text = text;
    for (pointer, value) in [
        layout.rows.as_ref().map(|(pointer, _)| (pointer, Value::Array(rows))),
        layout.object.as_ref().map(|(pointer, _)| (pointer, object)),
    ]
    .into_iter()
    .flatten()
    {
        let mut at = &mut text;
        for token in pointer.split('/').skip(1) {
            if !at.is_object() {
                *at = Value::Object(serde_json::Map::new());
            }
            at = at.as_object_mut().unwrap().entry(token).or_insert(Value::Null);
        }
        *at = value;
    }
    text
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A value for an entity in which most declared places are there, and of the right type.
fn grown(sources: &[EntitySource], entity: EntityNo, depth: usize, dice: &mut Dice) -> Value {
    let source = &sources[usize::from(entity.0)];
    let mut value = Value::Object(serde_json::Map::new());
    for _ in 0..dice.below(3) {
        plant(&mut value, &[KEYS[dice.below(KEYS.len())]], Value::from(dice.below(9)), dice);
    }
    let names = source.fields.iter().chain(&source.ruled).chain(&source.placeholder);
    let names = names.map(|name| name.split('.').collect::<Vec<_>>());
    let facts = source.facts.iter().map(|pointer| pointer.split('/').skip(1).collect());
    for path in names.chain(facts).filter(|path: &Vec<&str>| !path.is_empty()) {
        if dice.below(4) > 0 {
            let leaf = [Value::from(dice.below(4)), Value::Null, serde_json::json!({"a": 1, "id": {"b": 2}})];
            plant(&mut value, &path, leaf[dice.below(3)].clone(), dice);
        }
    }
    for (pointer, inner) in &source.nested {
        for _ in 0..dice.below(3) {
            let leaf = if depth > 0 && dice.below(8) > 0 {
                grown(sources, *inner, depth - 1, dice)
            } else {
                Value::Null
            };
            plant(&mut value, &pointer.split('/').skip(1).collect::<Vec<_>>(), leaf, dice);
        }
    }
    value
}

/// Puts a value where a path leads, with what is missing on the way; now and then a list on a dotted one.
fn plant(at: &mut Value, path: &[&str], leaf: Value, dice: &mut Dice) {
    let Some((step, rest)) = path.split_first() else {
        *at = leaf;
        return;
    };
    if *step == "*" {
        if !at.is_array() {
            *at = Value::Array(Vec::new());
        }
        let items = at.as_array_mut().unwrap();
        if items.is_empty() || dice.below(2) == 0 {
            items.push(Value::Null);
        }
        return plant(items.last_mut().unwrap(), rest, leaf, dice);
    }
    match at {
        Value::Array(items) if !items.is_empty() => plant(items.last_mut().unwrap(), path, leaf, dice),
        Value::Object(members) => {
            let next = members.entry(*step).or_insert_with(|| match dice.below(12) {
                0 => serde_json::json!([{}]),
                _ => Value::Null,
            });
            plant(next, rest, leaf, dice);
        }
        _ => {
            *at = Value::Object(serde_json::Map::new());
            plant(at, path, leaf, dice);
        }
    }
}

/// Writes a value with white space and escapes as a seed has it.
fn written(value: &Value, dice: &mut Dice, out: &mut String) {
    let blank = |dice: &mut Dice, out: &mut String| {
        out.push_str(["", "", "", " ", "\n\t"][dice.below(5)]);
    };
    let string = |text: &str, dice: &mut Dice, out: &mut String| {
        out.push('"');
        for c in text.chars() {
            if let Some((_, half)) = HALVES.iter().find(|(stands_for, _)| *stands_for == c) {
                out.push_str(half);
            } else if dice.below(5) == 0 || matches!(c, '"' | '\\') {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
            } else {
                out.push(c);
            }
        }
        out.push('"');
    };
    blank(dice, out);
    match value {
        Value::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                blank(dice, out);
                string(key, dice, out);
                blank(dice, out);
                out.push(':');
                written(value, dice, out);
            }
            blank(dice, out);
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                written(value, dice, out);
            }
            blank(dice, out);
            out.push(']');
        }
        Value::String(text) => string(text, dice, out),
        other => out.push_str(&other.to_string()),
    }
    blank(dice, out);
}

/// The value that was written so.
pub(super) fn read(text: &str) -> serde_json::Result<Value> {
    let whole = HALVES.iter().fold(text.to_owned(), |text, (stands_for, half)| {
        // A backslash itself is written otherwise.
        text.replace(half, stands_for.encode_utf8(&mut [0; 4]))
    });
    serde_json::from_str(&whole)
}

/// A judge that decides by a hash of all that it is told.
pub(super) struct ByHash<'a> {
    pub(super) schema: &'a Schema,
    pub(super) facts: &'a [usize],
    /// What it takes of what it is told.
    pub(super) takes: fn(Told) -> Told,
    pub(super) seed: u64,
    pub(super) asked: &'a RefCell<Vec<Told>>,
}

fn decided(schema: &Schema, seed: u64, told: &Told) -> Verdict {
    let hash = |what: &str| {
        let mut hasher = DefaultHasher::new();
        (seed, what, format!("{told:?}")).hash(&mut hasher);
        hasher.finish()
    };
    match hash("verdict") % 7 {
        0 => Verdict::Hidden,
        1 => Verdict::Absent,
        2 => Verdict::Shown(Fields::All),
        _ => {
            let mut fields = Fields::NONE;
            for at in 0..schema.fields(told.last().unwrap().0).len() {
                if !hash(&at.to_string()).is_multiple_of(3) {
                    fields.insert(FieldIx(u16::try_from(at).unwrap()));
                }
            }
            Verdict::Shown(fields)
        }
    }
}

impl Judge for ByHash<'_> {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let told =
            (self.takes)(told(object, self.facts, |raw| read(std::str::from_utf8(raw.0).unwrap()).unwrap()));
        let verdict = decided(self.schema, self.seed, &told);
        self.asked.borrow_mut().push(told);
        verdict
    }
}

pub(super) struct World {
    pub(super) sources: Vec<EntitySource>,
    pub(super) layout: LayoutSource,
    pub(super) text: Value,
    pub(super) seed: u64,
}

/// Sources of which no two places exclude each other: those that do are left out.
fn settled(mut sources: Vec<EntitySource>, mut layout: LayoutSource) -> (Vec<EntitySource>, LayoutSource) {
    for (no, source) in sources.iter_mut().enumerate() {
        source.name = no.to_string();
    }
    loop {
        let schema = Schema::compile(sources.clone());
        match schema.and_then(|schema| Layout::compile(&schema, layout.clone())) {
            Ok(_) => return (sources, layout),
            Err(SchemaError::Conflict { of, inner, .. }) => match of.parse::<usize>() {
                Ok(no) => {
                    let source = &mut sources[no];
                    source.nested.remove(&inner);
                    source.none.remove(inner.strip_suffix("/*").unwrap_or(&inner));
                    source.fields.retain(|name| *name != inner);
                    source.ruled.retain(|name| *name != inner);
                    source.placeholder.retain(|name| *name != inner);
                }
                Err(_) => {
                    layout.rows = layout.rows.filter(|(pointer, _)| *pointer != inner);
                    layout.object = layout.object.filter(|(pointer, _)| *pointer != inner);
                    layout.nested.remove(&inner);
                    layout.none.remove(inner.strip_suffix("/*").unwrap_or(&inner));
                    layout.keep.retain(|pointer| *pointer != inner);
                    layout.totals.remove(&inner);
                }
            },
            Err(SchemaError::Rowless { .. }) => layout.totals.retain(|_, total| *total != Total::Shown),
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let texts = (value(), prop::collection::vec(value(), 0..4), value());
    (prop::collection::vec(entity(), 3), layout(), texts, any::<u64>()).prop_map(
        |(sources, layout, (text, rows, object), seed)| {
            let (sources, layout) = settled(sources, layout);
            let (mut text, mut rows, mut object, mut dice) = (text, rows, object, Dice(seed));
            if let Some((_, entity)) = &layout.rows {
                rows.extend((0..dice.below(4)).map(|_| grown(&sources, *entity, 3, &mut dice)));
            }
            if let Some((_, entity)) = layout.object.as_ref().filter(|_| dice.below(8) > 0) {
                object = grown(&sources, *entity, 3, &mut dice);
            }
            for (pointer, entity) in layout.nested.iter().filter(|_| seed % 5 > 0) {
                let leaf = grown(&sources, *entity, 2, &mut dice);
                plant(&mut text, &pointer.split('/').skip(1).collect::<Vec<_>>(), leaf, &mut dice);
            }
            let text = placed(&layout, text, rows, object);
            World { sources, layout, text, seed }
        },
    )
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#?}\n{:#?}\n{}\nseed {}", self.sources, self.layout, self.text, self.seed)
    }
}

pub(super) fn in_pieces<J: Judge>(
    text: &[u8],
    sizes: impl Iterator<Item = usize>,
    layout: &Layout,
    judge: J,
) -> Result<(Vec<u8>, Report), Fault> {
    let (mut rest, mut out) = (text, Vec::new());
    let mut filter = Filter::new(layout, Limits::default(), judge);
    for size in sizes {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        filter.push(piece, &mut out)?;
        rest = after;
    }
    filter.push(rest, &mut out)?;
    let report = filter.finish(&mut out)?;
    Ok((out, report))
}

/// The members and items of `part` are some of those of `whole`, in their order; scalars are the same. No rows may be `null`.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            let mut all = whole.iter();
            part.iter().all(|(key, value)| all.any(|(other, of)| key == other && is_part(value, of)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            let mut all = whole.iter();
            part.iter().all(|value| all.any(|of| is_part(value, of)))
        }
        (Value::Array(part), Value::Null) => part.is_empty(),
        (part, whole) => part == whole || part.is_null(),
    }
}

/// What a number begins with.
fn is_of_number(character: char) -> bool {
    character == '-' || character.is_ascii_digit()
}

/// Where a text ends too early or goes on with what is no JSON, that is a fault, with which nothing more comes out. What came out
/// until then is not the answer, and yet nothing else than its beginning: nobody was told what they would not have been told by
/// the whole of it.
fn ends_early<J: Judge>(
    text: &str,
    end: usize,
    whole: &[u8],
    filter: impl Fn() -> Filter<J>,
) -> Result<(), TestCaseError> {
    let begun = &text.as_bytes()[..end];
    let (mut cut, mut broken) = (filter(), filter());
    let (mut out, mut before_the_fault) = (Vec::new(), Vec::new());
    cut.push(begun, &mut out).unwrap();
    prop_assert!(whole.starts_with(&out), "{:?} of {end} bytes of {text}", String::from_utf8_lossy(&out));
    let came = out.len();
    // A number at the root is whole at any digit.
    let ended = cut.finish(&mut out);
    prop_assert!(ended.is_err() || text.trim_start().starts_with(is_of_number), "{end} bytes of {text}");
    prop_assert!(ended.is_ok() || out.len() == came, "{end} bytes of {text}");

    broken.push(begun, &mut before_the_fault).unwrap();
    // No string holds it either.
    prop_assert!(broken.push(b"\x01", &mut before_the_fault).is_err(), "{end} bytes of {text}");
    prop_assert!(broken.push(&text.as_bytes()[end..], &mut before_the_fault).is_err());
    prop_assert!(broken.finish(&mut before_the_fault).is_err());
    prop_assert_eq!(before_the_fault.len(), came, "{} bytes of {}", end, text);
    Ok(())
}

fn compare(world: &World, cuts: &[usize]) -> Result<(), TestCaseError> {
    let schema = Schema::compile(world.sources.clone()).unwrap();
    let layout = Layout::compile(&schema, world.layout.clone()).unwrap();
    let facts: Vec<usize> = world.sources.iter().map(|source| source.facts.len()).collect();
    let mut text = String::new();
    written(&world.text, &mut Dice(world.seed), &mut text);
    prop_assert_eq!(read(&text).unwrap(), world.text.clone());

    let rule = |told: &Told| decided(&schema, world.seed, told);
    let mut oracle = Oracle::new(&world.sources, &schema, &world.layout, &rule);
    let expected = oracle.filter(&world.text);
    let asked = RefCell::default();
    let judge =
        || ByHash { schema: &schema, facts: &facts, takes: |told| told, seed: world.seed, asked: &asked };
    let got = filter(text.as_bytes(), &layout, Limits::default(), judge());
    let (out, report) = match (expected, got) {
        (Err(Unfit), Err(Fault::Type { .. } | Fault::Missing)) => return Ok(()),
        (Ok(expected), Ok((out, report))) => {
            let out_text = std::str::from_utf8(&out).unwrap();
            let mut value =
                read(out_text).map_err(|error| TestCaseError::fail(format!("{error}: {out_text}")))?;
            let counted = world.layout.rows.as_ref().map(|(rows, _)| {
                value.pointer(rows).and_then(Value::as_array).map_or(Value::Null, |rows| rows.len().into())
            });
            for (pointer, total) in &world.layout.totals {
                if let (Total::Shown, Some(count)) = (total, value.pointer_mut(pointer)) {
                    prop_assert_eq!(Some(&*count), counted.as_ref());
                    *count = Value::String("the number of rows".into());
                }
            }
            prop_assert_eq!(&value, &expected, "{}", text);
            if world.layout.totals.is_empty() {
                prop_assert!(is_part(&value, &world.text), "{}", value);
            }
            (out, report)
        }
        (expected, got) => {
            let got = got.map(|(out, _)| String::from_utf8(out).unwrap());
            return Err(TestCaseError::fail(format!("{expected:?} {got:?} of {text}")));
        }
    };
    prop_assert_eq!(&asked.borrow().clone(), &oracle.asked, "{}", text);
    prop_assert_eq!(
        (report.rows_shown, report.rows_hidden, report.rows_unfit),
        (oracle.shown, oracle.hidden, oracle.unfit)
    );
    prop_assert_eq!(
        (report.objects_hidden, report.undeclared),
        (oracle.hiding - oracle.hidden, oracle.undeclared),
        "{}",
        text
    );
    // Of the fields that a member lacks one is told.
    let mut told: BTreeMap<_, u64> = BTreeMap::new();
    for (entity, lacks) in &oracle.lacking {
        *told.entry((*entity, *lacks.iter().min().unwrap())).or_default() += 1;
    }
    let told: Vec<_> = told.into_iter().map(|((entity, field), times)| (entity, field, times)).collect();
    prop_assert_eq!(&report.fields_hidden, &told, "{}", text);

    let cuts = cuts.iter().copied();
    let (pieces, again) = in_pieces(text.as_bytes(), cuts, &layout, judge()).unwrap();
    prop_assert_eq!(&again, &report);
    if world.layout.totals.values().all(|total| *total != Total::Shown) {
        prop_assert_eq!(String::from_utf8_lossy(&pieces), String::from_utf8(out).unwrap());
    }
    for end in 0..text.trim_end().len() {
        ends_early(&text, end, &pieces, || Filter::new(&layout, Limits::default(), judge()))?;
    }
    Ok(())
}

proptest! {
    // As many as `PROPTEST_CASES` says, and no fewer than 600.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(600)))]

    #[test]
    fn the_filter_does_what_its_slow_twin_does(world in world(), cuts in prop::collection::vec(0..9_usize, 0..60)) {
        compare(&world, &cuts)?;
    }
}

/// What stands before a key that is written once more.
const AGAIN: char = '\u{e002}';

/// The places of all objects that have members.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend((!members.is_empty()).then(|| at.to_owned()));
            members.iter().for_each(|(key, value)| objects(value, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(no, item)| objects(item, &format!("{at}/{no}"), found));
        }
        _ => {}
    }
}

/// Whether the schema or the layout has a word for a member of this name.
fn is_named(world: &World, name: &str) -> bool {
    let of_fields = |source: &EntitySource| {
        let names = source.fields.iter().chain(&source.ruled).chain(&source.placeholder);
        names.flat_map(|name| name.split('.')).map(str::to_owned).collect::<Vec<_>>()
    };
    let pointers = world.sources.iter().flat_map(|source| source.facts.iter().chain(source.nested.keys()));
    let layout = &world.layout;
    let places = layout.rows.iter().chain(&layout.object).map(|(pointer, _)| pointer);
    let places = places.chain(layout.nested.keys()).chain(&layout.keep).chain(layout.totals.keys());
    pointers.chain(places).any(|pointer| pointer.split('/').any(|step| step == name))
        || world.sources.iter().flat_map(of_fields).any(|step| step == name)
}

/// A judge reads what is in an object or list that is a fact for itself ([`headgate::filter::Raw::names`]), and sees there what stands twice.
fn single_facts(mut told: Told) -> Told {
    let facts = told.iter_mut().flat_map(|(_, _, facts)| facts).flatten();
    facts.filter(|fact| fact.is_object() || fact.is_array()).for_each(|fact| *fact = Value::from("compound"));
    told
}

/// What came of a text in which a key stands twice.
enum Twice {
    Refused,
    Passed,
    /// The text has no member.
    None,
}

/// A text in which a key stands twice is refused, or whichever of the two a reader takes, it tells them what the filter decided on: the
/// same was asked, and what came out is what the twin leaves of either.
fn twice(world: &World) -> Result<Twice, TestCaseError> {
    let schema = Schema::compile(world.sources.clone()).unwrap();
    let layout = Layout::compile(&schema, world.layout.clone()).unwrap();
    let facts: Vec<usize> = world.sources.iter().map(|source| source.facts.len()).collect();
    let (mut found, mut dice) = (Vec::new(), Dice(world.seed ^ 0x7_31ce));
    objects(&world.text, "", &mut found);
    if found.is_empty() {
        return Ok(Twice::None);
    }
    let place = &found[dice.below(found.len())];
    let members = world.text.pointer(place).unwrap().as_object().unwrap();
    let (key, one) = members.iter().nth(dice.below(members.len())).unwrap();
    let nested = serde_json::json!({"id": 1, "a": {"b": [{"c": 2}]}});
    let other = [Value::from(8), Value::from("other"), Value::Null, nested, serde_json::json!([])];
    let other = other[dice.below(other.len())].clone();
    let with = |values: &[(String, &Value)]| {
        let mut text = world.text.clone();
        let members = text.pointer_mut(place).unwrap().as_object_mut().unwrap();
        values.iter().for_each(|(key, value)| drop(members.insert(key.clone(), (*value).clone())));
        text
    };
    let rule = |told: &Told| decided(&schema, world.seed, &single_facts(told.clone()));
    let twin = |text: &Value| {
        let mut oracle = Oracle::new(&world.sources, &schema, &world.layout, &rule);
        let left = oracle.filter(text);
        left.map(|left| (left, oracle.asked.into_iter().map(single_facts).collect::<Vec<_>>()))
    };
    let mut refused = false;
    for (first, last) in [(one, &other), (&other, one)] {
        let mut text = String::new();
        written(&with(&[(key.clone(), first), (format!("{AGAIN}{key}"), last)]), &mut dice, &mut text);
        // The mark goes, and what stands behind it is the same key.
        let text = text.replace(AGAIN, "").replace("\\uE002", "");
        let read_last = with(&[(key.clone(), last)]);
        prop_assert_eq!(read(&text).unwrap(), read_last.clone(), "{} stands twice", key);
        let asked = RefCell::default();
        let judge = || ByHash {
            schema: &schema,
            facts: &facts,
            takes: single_facts,
            seed: world.seed,
            asked: &asked,
        };
        let got = filter(text.as_bytes(), &layout, Limits::default(), judge());
        let asked = asked.take();
        let pieces = in_pieces(text.as_bytes(), std::iter::repeat_n(1, text.len()), &layout, judge());
        prop_assert_eq!(pieces.is_ok(), got.is_ok(), "{}", text);
        match (got, twin(&with(&[(key.clone(), first)])), twin(&read_last)) {
            (Err(Fault::Twice { .. }), ..) if is_named(world, key) => refused = true,
            (Err(Fault::Type { .. } | Fault::Missing), one, other) if one.is_err() || other.is_err() => {
                refused = true
            }
            (Ok((out, _)), Ok((_, first)), Ok((mut left, last))) => {
                let mut out = read(std::str::from_utf8(&out).unwrap()).unwrap();
                for value in [&mut out, &mut left] {
                    for (pointer, total) in &world.layout.totals {
                        if let (Total::Shown, Some(count)) = (total, value.pointer_mut(pointer)) {
                            *count = Value::Null;
                        }
                    }
                }
                prop_assert_eq!(out, left, "{}", text);
                prop_assert_eq!((&first, &last), (&asked, &asked), "{}", text);
            }
            (got, one, other) => {
                let got = got.map(|(out, _)| String::from_utf8(out).unwrap());
                return Err(TestCaseError::fail(format!("{got:?}, {one:?} or {other:?} of {text}")));
            }
        }
    }
    Ok(if refused { Twice::Refused } else { Twice::Passed })
}

#[test]
fn a_key_that_stands_twice_is_refused_or_means_the_same_to_every_reader() {
    let (refused, passed) = (Cell::new(0), Cell::new(0));
    let cases = ProptestConfig::default().cases.max(600);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) });
    let held = runner.run(&world(), |world| {
        match twice(&world)? {
            Twice::Refused => refused.set(refused.get() + 1),
            Twice::Passed => passed.set(passed.get() + 1),
            Twice::None => {}
        }
        Ok(())
    });
    held.unwrap_or_else(|fault| panic!("{fault}"));
    let (refused, passed) = (refused.get(), passed.get());
    assert!(refused > 100 && passed > 50, "{refused} were refused, {passed} passed");
}

/// The same with a world that follows from the first bytes, and cuts that follow from the others, for a fuzzer.
pub(crate) fn twin(bytes: &[u8]) {
    let (first, others) = bytes.split_at(bytes.len().min(32));
    let mut seed = [0; 32];
    seed[..first.len()].copy_from_slice(first);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let drawn = world().new_tree(&mut TestRunner::new_with_rng(ProptestConfig::default(), rng));
    // Of some seeds too many values would be left out.
    let Ok(world) = drawn.map(|drawn| drawn.current()) else { return };
    let cuts: Vec<_> = others.iter().map(|byte| usize::from(byte % 9)).collect();
    compare(&world, &cuts).unwrap();
}
