//! What schemas and layouts may say, and what it means, case by case.

use std::collections::BTreeMap;

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fault, FieldIx, Fields, Judge, Layout, LayoutSource, Limits, Object,
    Report, Schema, SchemaError, Total, TotalValues, Verdict, filter, page,
};

use super::{Always, strings};

const THING: EntityNo = EntityNo(0);
const INNER: EntityNo = EntityNo(1);

/// A thing with fields and ruled names, and something in it.
fn schema(fields: &[&str], ruled: &[&str], nested: &[&str]) -> Result<Schema, SchemaError> {
    let nested = nested.iter().map(|pointer| ((*pointer).to_owned(), INNER)).collect();
    let (fields, ruled) = (strings(fields), strings(ruled));
    Schema::compile(vec![
        EntitySource { name: "thing".into(), fields, ruled, nested, ..EntitySource::default() },
        EntitySource { name: "inner".into(), fields: strings(&["id"]), ..EntitySource::default() },
    ])
}

/// Shows all but some fields of things.
struct Without<'a>(&'a Schema, &'a [&'a str]);

impl Judge for Without<'_> {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let mut shown = Fields::NONE;
        for (at, name) in self.0.fields(object.entity).iter().enumerate() {
            if object.entity != THING || !self.1.contains(&name.as_str()) {
                shown.insert(FieldIx(u16::try_from(at).unwrap()));
            }
        }
        Verdict::Shown(shown)
    }
}

fn one(schema: &Schema, text: &str, judge: impl Judge) -> Result<(String, Report), Fault> {
    let source = LayoutSource { object: Some((String::new(), THING)), ..LayoutSource::default() };
    let layout = Layout::compile(schema, source).unwrap();
    let (out, report) = filter(text.as_bytes(), &layout, Limits::default(), judge)?;
    Ok((String::from_utf8(out).unwrap(), report))
}

#[test]
fn a_field_passes_if_it_and_what_it_stands_in_are_not_denied() {
    type Names<'a> = &'a [&'a str];
    let cases: [(Names<'_>, Names<'_>, Names<'_>, &str, &str); 17] = [
        (&["a"], &[], &[], r#"{"a":{"x":[1]},"b":2,"A":3}"#, r#"{"a":{"x":[1]}}"#),
        (&["a.b"], &[], &[], r#"{"a":{"b":1,"c":2},"b":3}"#, r#"{"a":{"b":1}}"#),
        (&["a.b"], &[], &[], r#"{"a":[{"b":1,"c":2},[{"b":2}],7,null]}"#, r#"{"a":[{"b":1},[{"b":2}]]}"#),
        (&["a.b"], &[], &[], r#"{"a":7,"b":1}"#, "{}"),
        (&["a.b"], &[], &[], r#"{"a":null}"#, r#"{"a":null}"#),
        (&["a.b"], &[], &["a.b"], r#"{"a":{"b":1},"c":1}"#, "{}"),
        (&["a"], &["a.b"], &["a.b"], r#"{"a":{"b":1,"c":{"b":2}}}"#, r#"{"a":{"c":{"b":2}}}"#),
        (&["a"], &["b"], &["b"], r#"{"a":{"b":1,"c":[{"b":2,"d":3}]}}"#, r#"{"a":{"c":[{"d":3}]}}"#),
        (&["a"], &["b"], &["b"], r#"{"a":{"\u0062":1,"B":2}}"#, r#"{"a":{"B":2}}"#),
        (&["a.b"], &["b"], &["b"], r#"{"a":{"b":1}}"#, r#"{"a":{}}"#),
        (&["a"], &["a.*"], &["a.*"], r#"{"a":{"b":1,"c":2}}"#, r#"{"a":{}}"#),
        (&["a"], &["a.*"], &["a.*"], r#"{"a":[{"b":1},5]}"#, r#"{"a":[{},5]}"#),
        (&["a.b"], &["a"], &["a"], r#"{"a":{"b":1}}"#, "{}"),
        (&["*"], &["b"], &["b"], r#"{"a":{"b":1},"b":2,"c":3}"#, r#"{"a":{},"c":3}"#),
        (&["*"], &["b"], &["*"], r#"{"a":{"b":1},"b":2,"c":3}"#, r#"{"b":2}"#),
        (&["a", "*"], &[], &["a"], r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
        (&["a", "a.b"], &[], &["a.b"], r#"{"a":{"b":1,"c":2}}"#, r#"{"a":{"c":2}}"#),
    ];
    for (fields, ruled, denied, text, want) in cases {
        let schema = schema(fields, ruled, &[]).unwrap();
        let got = one(&schema, text, Without(&schema, denied)).map(|(out, _)| out);
        assert_eq!(got.as_deref(), Ok(want), "{fields:?} without {denied:?}");
    }
}

#[test]
fn half_a_surrogate_pair_is_in_no_declared_name() {
    let names = ["a\u{fffd}", "\u{1f642}", "b"];
    let schema = schema(&names, &["s\u{fffd}", "t"], &[]).unwrap();
    for (text, want) in [
        // Not even in that which some readers put in its place.
        (r#"{"a\ud800":1,"a\ufffd":2}"#, r#"{"a\ufffd":2}"#),
        (r#"{"\ud83d":1,"\ude42":2,"\ud83d\ude42":3,"\ude42\ud83d":4}"#, r#"{"\ud83d\ude42":3}"#),
        (r#"{"\ud83d\u0062":1,"\ud83db":2,"b":3}"#, r#"{"b":3}"#),
        // In what passes as a whole it is a name like any other, and never one that is told apart.
        (r#"{"b":{"t\udc00":1,"s\ud800":2,"t":3,"s\ufffd":4}}"#, r#"{"b":{"t\udc00":1,"s\ud800":2}}"#),
    ] {
        let got = one(&schema, text, Without(&schema, &["s\u{fffd}", "t"])).map(|(out, _)| out);
        assert_eq!(got.as_deref(), Ok(want), "{text}");
    }
}

#[test]
fn a_denied_field_is_counted_once_for_each_member() {
    let schema = schema(&["a", "b.c"], &["x"], &[]).unwrap();
    assert_eq!(schema.fields(THING), ["a", "b.c", "x"]);
    let text = r#"{"a":{"x":1,"y":{"x":2}},"b":{"c":1},"z":1}"#;
    let (out, report) = one(&schema, text, Without(&schema, &["x", "b.c"])).unwrap();
    assert_eq!(out, r#"{"a":{"y":{}}}"#);
    assert_eq!(report.fields_hidden, [(THING, FieldIx(1), 1), (THING, FieldIx(2), 2)]);
    assert_eq!(report.undeclared, 1);
}

#[test]
fn fields_are_numbered_as_declared_then_as_ruled_with_the_star_at_the_end() {
    let names = |fields: &[&str], ruled: &[&str]| schema(fields, ruled, &[]).unwrap().fields(THING).to_vec();
    assert_eq!(names(&["b", "*", "a"], &["z.y", "a"]), ["b", "a", "z.y", "*"]);
    assert_eq!(names(&["a.b"], &["c.d", "a.b.c", "a.*", "a"]), ["a.b", "a.b.c", "a.*", "a"]);
    assert_eq!(names(&[], &["a", "b.c"]), [""; 0]);
}

#[test]
fn white_space_goes_only_with_what_is_taken_out() {
    let schema = schema(&["a", "b", "c"], &[], &[]).unwrap();
    for (text, want) in [
        (" { \"a\" : 1 , \"b\" :2\n,\t\"c\":3 } ", " { \"a\" : 1 , \"b\" :2\n,\t\"c\":3 } "),
        ("{ \"x\" : 1 , \"b\" :2\n,\t\"c\":3 }", "{ \"b\" :2\n,\t\"c\":3 }"),
        ("{ \"a\" : 1 , \"x\" :2\n,\t\"c\":3 }", "{ \"a\" : 1\n,\t\"c\":3 }"),
        ("{ \"a\" : 1 , \"b\" :2\n,\t\"x\":3 }", "{ \"a\" : 1 , \"b\" :2 }"),
        ("{ \"x\" : 1 , \"y\" :2\n,\t\"z\":3 }", "{}"),
        ("{ \"x\" : 1 , \"y\" :2\n,\t\"c\":3 }", "{ \"c\":3 }"),
    ] {
        let got = one(&schema, text, Always(Verdict::Shown(Fields::All))).map(|(out, _)| out);
        assert_eq!(got.as_deref(), Ok(want));
    }
}

#[test]
fn a_nested_object_is_where_and_what_was_declared() {
    let all = || Always(Verdict::Shown(Fields::All));
    let schema = schema(&["a", "l"], &[], &["/a/in", "/l/*", "/deep/*/in"]).unwrap();
    for (text, want) in [
        (r#"{"a":{"in":{"id":1,"x":2},"y":3}}"#, Ok(r#"{"a":{"in":{"id":1},"y":3}}"#)),
        (r#"{"a":{"in":null}}"#, Ok(r#"{"a":{"in":null}}"#)),
        (r#"{"a":null,"l":null,"deep":null}"#, Ok(r#"{"a":null,"l":null,"deep":null}"#)),
        (r#"{"l":[{"id":1,"x":2},null,"s",[{"id":1}],{}]}"#, Ok(r#"{"l":[{"id":1},{}]}"#)),
        (r#"{"deep":[{"in":{"id":1,"x":1},"y":1},5,{}]}"#, Ok(r#"{"deep":[{"in":{"id":1}},{}]}"#)),
        (r#"{"a":{"in":"s"}}"#, Err(Fault::Type { at: 11 })),
        (r#"{"a":{"in":[]}}"#, Err(Fault::Type { at: 11 })),
        (r#"{"a":[{"in":{"id":1}}]}"#, Err(Fault::Type { at: 5 })),
        (r#"{"l":{"id":1}}"#, Err(Fault::Type { at: 5 })),
        (r#"{"l":"s"}"#, Err(Fault::Type { at: 5 })),
        (r#"{"a":{"in":{},"in":null}}"#, Err(Fault::Twice { at: 14 })),
        (r#"[]"#, Err(Fault::Type { at: 0 })),
        (r#"null"#, Err(Fault::Type { at: 0 })),
    ] {
        let got = one(&schema, text, all()).map(|(out, _)| out);
        assert_eq!(got.as_deref().map_err(|fault| *fault), want, "{text}");
    }
}

#[test]
fn a_key_that_nothing_is_said_of_may_stand_twice_and_shares_its_fate() {
    let schema = schema(&["a"], &["a.b"], &[]).unwrap();
    let all = || Always(Verdict::Shown(Fields::All));
    let got = one(&schema, r#"{"a":{"c":1,"c":2,"b":3},"d":1,"d":2}"#, all()).map(|(out, _)| out);
    assert_eq!(got.as_deref(), Ok(r#"{"a":{"c":1,"c":2,"b":3}}"#));
    for twice in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"\u0062":2}}"#] {
        assert!(matches!(one(&schema, twice, all()), Err(Fault::Twice { .. })), "{twice}");
    }
}

#[test]
fn facts_are_found_wherever_they_stand() {
    /// Notes what it is told.
    struct Notes(Vec<String>);
    impl Judge for Notes {
        fn judge(&mut self, object: &Object<'_>) -> Verdict {
            let facts =
                object.facts.iter().map(|fact| fact.map_or("-", |raw| std::str::from_utf8(raw.0).unwrap()));
            self.0.push(facts.collect::<Vec<_>>().join(" "));
            Verdict::Shown(Fields::All)
        }
    }
    let facts = ["/id", "/in/id", "/x/y/1", "/l", "/a~1b", "/in/deep/0", ""];
    let schema = Schema::compile(vec![
        EntitySource {
            fields: strings(&["id"]),
            nested: [("/in".into(), INNER)].into(),
            facts: strings(&facts),
            ..EntitySource::default()
        },
        EntitySource {
            fields: strings(&["id"]),
            facts: strings(&["/id", "/deep"]),
            ..EntitySource::default()
        },
    ])
    .unwrap();
    let text = r#"{"l":[1, 2],"in":{"deep":["d"],"id":"i"},"x":{"y":[0,{"n":1}]},"a/b":"","\u0069d":7}"#;
    let mut notes = Notes(Vec::new());
    one(&schema, text, &mut notes).unwrap();
    assert_eq!(notes.0, [format!(r#"7 "i" {{"n":1}} [1, 2] "" "d" {text}"#), r#""i" ["d"]"#.to_owned()]);
    let mut notes = Notes(Vec::new());
    one(&schema, r#"{"in":null,"x":[[0,1]],"id":null}"#, &mut notes).unwrap();
    assert_eq!(notes.0, [r#"null - - - - - {"in":null,"x":[[0,1]],"id":null}"#]);
}

/// Hides things and shows what is in them.
struct Hides(EntityNo);

impl Judge for Hides {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        if object.entity == self.0 { Verdict::Hidden } else { Verdict::Shown(Fields::All) }
    }
}

fn with_placeholder(fields: &[&str], placeholder: &[&str]) -> Schema {
    let inner = EntitySource {
        fields: strings(fields),
        placeholder: strings(placeholder),
        nested: [("/up".into(), THING)].into(),
        ..EntitySource::default()
    };
    let nested: BTreeMap<_, _> = [("/in".into(), INNER), ("/l/*".into(), INNER)].into();
    Schema::compile(vec![EntitySource { nested, ..EntitySource::default() }, inner]).unwrap()
}

#[test]
fn of_a_hidden_object_its_placeholder_is_left() {
    let schema = with_placeholder(&["id", "name", "secret"], &["id", "name"]);
    for (text, want) in [
        (r#"{"in":{"secret":1,"id":2,"up":{}}}"#, r#"{"in":{"id":2}}"#),
        (r#"{"in":{"secret":1,"up":null}}"#, "{}"),
        (r#"{"l":[{"id":1},{"secret":1},{"x":1,"name":2}]}"#, r#"{"l":[{"id":1},{"name":2}]}"#),
    ] {
        let (out, report) = one(&schema, text, Hides(INNER)).unwrap();
        assert_eq!(out, want);
        assert_eq!((report.undeclared, report.fields_hidden), (0, vec![]));
    }
    let schema = with_placeholder(&["*"], &["id"]);
    let (out, report) = one(&schema, r#"{"in":{"x":1,"id":2},"l":[{}]}"#, Hides(INNER)).unwrap();
    assert_eq!((out.as_str(), report.objects_hidden), (r#"{"in":{"id":2},"l":[]}"#, 2));
}

#[test]
fn a_hidden_text_is_null() {
    let schema = schema(&["id"], &[], &[]).unwrap();
    let (out, report) = one(&schema, r#" {"id":1} "#, Hides(THING)).unwrap();
    assert_eq!((out.as_str(), report.objects_hidden), (" null ", 1));
    let nothing = Layout::compile(&schema, LayoutSource::default()).unwrap();
    let got = filter(br#"{"a":1}"#, &nothing, Limits::default(), Hides(THING)).unwrap();
    assert_eq!((got.0.as_slice(), got.1.undeclared), (&b"null"[..], 1));
}

#[test]
fn a_value_is_shown_whole_or_not_at_all() {
    /// Shows what does not say `hidden`.
    struct Read;
    impl Judge for Read {
        fn judge(&mut self, object: &Object<'_>) -> Verdict {
            let raw = object.fact(FactNo(0)).unwrap();
            let hidden = raw.0.windows(6).any(|part| part == b"hidden");
            if hidden { Verdict::Hidden } else { Verdict::Shown(Fields::NONE) }
        }
    }
    let value = EntitySource { value: true, facts: strings(&[""]), ..EntitySource::default() };
    let schema = Schema::compile(vec![value]).unwrap();
    let rows = LayoutSource { rows: Some((String::new(), THING)), ..LayoutSource::default() };
    let layout = Layout::compile(&schema, rows).unwrap();
    let text = br#"["a", "hidden", 1, null, {"b":"hidden"}, [{"c":1,"c":2}], true]"#;
    let (out, report) = filter(text, &layout, Limits::default(), Read).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), r#"["a", 1, [{"c":1,"c":2}], true]"#);
    assert_eq!((report.rows_shown, report.rows_hidden, report.rows_unfit), (4, 2, 1));
}

#[test]
fn a_list_that_is_not_where_it_was_declared_is_a_fault() {
    let schema = schema(&["id"], &[], &[]).unwrap();
    let source = LayoutSource { rows: Some(("/d/p".into(), THING)), ..LayoutSource::default() };
    let layout = Layout::compile(&schema, source).unwrap();
    for (text, fault) in [
        (r#"{"d":{"q":[{"id":1}]}}"#, Fault::Missing),
        (r#"{"d":null}"#, Fault::Missing),
        (r#"[{"id":1}]"#, Fault::Type { at: 0 }),
        (r#"{"d":[{"id":1}]}"#, Fault::Type { at: 5 }),
        (r#"{"d":"x"}"#, Fault::Type { at: 5 }),
        (r#"{"d":{"p":{"id":1}}}"#, Fault::Type { at: 10 }),
        (r#"{"d":{"p":0}}"#, Fault::Type { at: 10 }),
        (r#"{"d":{"p":nul}}"#, Fault::Syntax { at: 10 }),
        (r#"{"d":{"p":null,"p":[]}}"#, Fault::Twice { at: 15 }),
        (r#"{"d":{"p":[],"p":[]}}"#, Fault::Twice { at: 13 }),
    ] {
        let got = filter(text.as_bytes(), &layout, Limits::default(), Always(Verdict::Shown(Fields::All)));
        assert_eq!(got.map(|_| ()), Err(fault), "{text}");
    }
}

#[test]
fn a_list_that_may_be_left_out_is_one_without_rows() {
    let schema = schema(&["id"], &[], &[]).unwrap();
    let (rows, totals) = (Some(("/d/p".into(), THING)), [("/n".to_owned(), Total::Shown)].into());
    let source = LayoutSource { rows, rows_may_lack: true, totals, ..LayoutSource::default() };
    let layout = Layout::compile(&schema, source).unwrap();
    for (text, left) in [
        (r#"{"n":7,"d":{"q":[{"id":1}]}}"#, Ok(r#"{"n":0,"d":{}}"#)),
        (r#"{"d":null}"#, Ok(r#"{"d":null}"#)),
        (r#"{"n":7}"#, Ok(r#"{"n":0}"#)),
        (r#"{"d":{"p":[{"id":1}]},"n":7}"#, Ok(r#"{"d":{"p":[{"id":1}]},"n":1}"#)),
        (r#"{"d":{"p":{"id":1}}}"#, Err(Fault::Type { at: 10 })),
    ] {
        let got = filter(text.as_bytes(), &layout, Limits::default(), Always(Verdict::Shown(Fields::All)));
        let got = got.map(|(out, _)| String::from_utf8(out).unwrap());
        assert_eq!(got, left.map(str::to_owned), "{text}");
    }
}

#[test]
fn a_list_that_is_null_is_one_without_rows() {
    let schema = schema(&["id"], &[], &[]).unwrap();
    let layout = |rows: &str| {
        let (totals, keep) = ([("/n".to_owned(), Total::Shown)].into(), vec!["/k".to_owned()]);
        let source =
            LayoutSource { rows: Some((rows.into(), THING)), totals, keep, ..LayoutSource::default() };
        Layout::compile(&schema, source).unwrap()
    };
    let row = || Always(Verdict::Shown(Fields::All));
    for (rows, text, left) in [
        ("/d/p", r#"{"n":7,"d":{"x":1, "p" : null },"k":1}"#, r#"{"n":0,"d":{"p" : [] },"k":1}"#),
        ("/p", r#"{"k":1,"p":null,"n":7}"#, r#"{"k":1,"p":[],"n":0}"#),
    ] {
        let (out, report) = filter(text.as_bytes(), &layout(rows), Limits::default(), row()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), left);
        assert_eq!((report.rows(), report.undeclared), (0, u64::from(rows == "/d/p")));
        // A page of it is one without rows, to which others can be added.
        let (mut page, _) =
            headgate::filter::page(text.as_bytes(), &layout(rows), Limits::default(), row()).unwrap();
        let more = text.replace("null", r#"[{"id":1},{"id":2}]"#);
        page.append(
            &headgate::filter::page(more.as_bytes(), &layout(rows), Limits::default(), row()).unwrap().0,
        );
        let mut out = Vec::new();
        page.write(&TotalValues::of(page.rows() as u64), &mut out);
        let left = left.replace("[]", r#"[{"id":1},{"id":2}]"#).replace(r#""n":0"#, r#""n":2"#);
        assert_eq!(String::from_utf8(out).unwrap(), left);
    }
    let source = LayoutSource { rows: Some((String::new(), THING)), ..LayoutSource::default() };
    let bare = Layout::compile(&schema, source).unwrap();
    assert_eq!(filter(b" null ", &bare, Limits::default(), row()).unwrap().0, b" [] ");
}

#[test]
fn what_stands_around_passes_where_it_was_declared() {
    let schema = schema(&["id"], &[], &[]).unwrap();
    let layout = |keep: &[&str], nested: &[&str], totals: &[&str]| {
        let source = LayoutSource {
            keep: strings(keep),
            nested: nested.iter().map(|pointer| ((*pointer).to_owned(), THING)).collect(),
            totals: totals.iter().map(|pointer| ((*pointer).to_owned(), Total::Null)).collect(),
            ..LayoutSource::default()
        };
        Layout::compile(&schema, source).unwrap()
    };
    let text =
        br#"{"meta":{"page":1,"who":{"id":1,"x":2},"count":[9]},"links":[{"href":"h","x":1},2],"z":0}"#;
    let cases: [(Layout, &str); 6] = [
        (layout(&["/meta/page"], &[], &[]), r#"{"meta":{"page":1}}"#),
        (
            layout(&["/meta"], &["/meta/who"], &["/meta/count"]),
            r#"{"meta":{"page":1,"who":{"id":1},"count":null}}"#,
        ),
        (layout(&["/links/*/href"], &[], &[]), r#"{"links":[{"href":"h"}]}"#),
        (layout(&[], &["/links/*"], &[]), r#"{"links":[{}]}"#),
        (layout(&["/meta/page/x", "/z"], &[], &[]), r#"{"meta":{},"z":0}"#),
        (
            layout(&[""], &["/meta/who"], &[]),
            r#"{"meta":{"page":1,"who":{"id":1},"count":[9]},"links":[{"href":"h","x":1},2],"z":0}"#,
        ),
    ];
    for (layout, want) in cases {
        let (out, _) = filter(text, &layout, Limits::default(), Always(Verdict::Shown(Fields::All))).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}

#[test]
fn pages_are_joined_with_the_right_count() {
    let schema = schema(&["id"], &[], &[]).unwrap();
    let source = LayoutSource {
        rows: Some(("/p".into(), THING)),
        totals: [("/n".into(), Total::Shown), ("/m".into(), Total::Shown)].into(),
        keep: vec!["/k".into()],
        ..LayoutSource::default()
    };
    let layout = Layout::compile(&schema, source).unwrap();
    let read = |text: &str| {
        let judge = Always(Verdict::Shown(Fields::All));
        page(text.as_bytes(), &layout, Limits::default(), judge).unwrap().0
    };
    let written = |page: &headgate::filter::Page| {
        let mut out = Vec::new();
        page.write(&TotalValues::of(page.rows() as u64), &mut out);
        String::from_utf8(out).unwrap()
    };
    let mut first = read(r#"{"n":9, "p": [ {"id":1}, 7, {"id":2} , {"id":3} ], "m": 9, "k": 1 }"#);
    assert_eq!(written(&first), r#"{"n":3, "p": [ {"id":1}, {"id":2} , {"id":3} ], "m": 3, "k": 1 }"#);
    first.skip(1);
    assert_eq!(written(&first), r#"{"n":2, "p": [ {"id":2} , {"id":3} ], "m": 2, "k": 1 }"#);
    first.append(&read(r#"{"p":[{"id":4},{"id":5}],"k":2}"#));
    assert_eq!(first.rows(), 4);
    first.take(3);
    assert_eq!(written(&first), r#"{"n":3, "p": [ {"id":2} , {"id":3}, {"id":4} ], "m": 3, "k": 1 }"#);
    let mut empty = read(r#"{"p":[],"n":0}"#);
    empty.append(&first);
    assert_eq!(written(&empty), r#"{"p":[ {"id":2} , {"id":3}, {"id":4} ],"n":3}"#);
    empty.take(0);
    assert_eq!(written(&empty), r#"{"p":[],"n":0}"#);
}

#[test]
fn what_excludes_itself_is_refused_with_both_places() {
    let conflict = |inner: &str, outer: &str| {
        Some(SchemaError::Conflict { of: "thing".into(), inner: inner.into(), outer: outer.into() })
    };
    assert_eq!(schema(&["a"], &[], &["/a/b", "/a/b/c"]).err(), conflict("/a/b/c", "/a/b"));
    assert_eq!(schema(&["a"], &[], &["/a/*", "/a/b"]).err(), conflict("/a/b", "/a/*"));
    assert_eq!(schema(&["a.b.c"], &[], &["/a/b"]).err(), conflict("a.b.c", "/a/b"));
    assert_eq!(schema(&["a"], &["a.b.c"], &["/a/b/*"]).err(), conflict("a.b.c", "/a/b/*"));
    for bad in ["", "a", "/a/~2"] {
        assert!(matches!(schema(&[], &[], &[bad]).err(), Some(SchemaError::Pointer { .. })), "{bad}");
    }
    for bad in ["", "a..b", "*.a", "a.*"] {
        assert!(matches!(schema(&[bad], &[], &[]).err(), Some(SchemaError::Name { .. })), "{bad}");
    }
    let schema = schema(&["a"], &[], &[]).unwrap();
    let layout = |source| Layout::compile(&schema, source).err();
    let place = |text: &str| (text.to_owned(), THING);
    let inside =
        LayoutSource { object: Some(place("/a")), keep: vec!["/a/b".into()], ..LayoutSource::default() };
    let said = layout(inside).unwrap().to_string();
    assert_eq!(said, "layout: `/a/b` stands in `/a`");
    let unknown = LayoutSource { rows: Some(("/a".into(), EntityNo(9))), ..LayoutSource::default() };
    assert!(matches!(layout(unknown), Some(SchemaError::Unknown { .. })));
    let rowless = LayoutSource { totals: [("/n".into(), Total::Shown)].into(), ..LayoutSource::default() };
    assert!(matches!(layout(rowless), Some(SchemaError::Rowless { .. })));
    let both = LayoutSource { rows: Some(place("")), object: Some(place("")), ..LayoutSource::default() };
    assert!(matches!(layout(both), Some(SchemaError::Conflict { .. })));
}
