//! What an answer says of the next page: whichever way it is written, and whether it is there or not, the same comes out.

use headgate::filter::{
    EntityNo, EntitySource, Fault, Fields, Filter, Layout, LayoutSource, Limits, NoneAs, Schema, SchemaError,
    Total, TotalValues, Verdict, filter, page,
};

use super::Always;

fn all() -> Always {
    Always(Verdict::Shown(Fields::All))
}

fn schema() -> Schema {
    let thing = EntitySource { fields: vec!["id".to_owned()], ..EntitySource::default() };
    Schema::compile(vec![thing]).unwrap()
}

fn source(none: &[(&str, NoneAs)], keep: &[&str]) -> LayoutSource {
    let totals = [("/next", Total::Next), ("/meta/cursor", Total::Cursor), ("/meta/in/more", Total::More)];
    LayoutSource {
        rows: Some(("/rows".to_owned(), EntityNo(0))),
        totals: totals.map(|(place, total)| (place.to_owned(), total)).into(),
        none: none.iter().map(|(place, none)| ((*place).to_owned(), *none)).collect(),
        keep: keep.iter().map(|place| (*place).to_owned()).collect(),
        ..LayoutSource::default()
    }
}

/// A text as it comes out: where there is no next page, and where there is one.
fn shown(text: &str, source: LayoutSource) -> Result<(String, String), Fault> {
    let layout = Layout::compile(&schema(), source).unwrap();
    let (out, _) = filter(text.as_bytes(), &layout, Limits::default(), all())?;
    let (page, _) = page(text.as_bytes(), &layout, Limits::default(), all())?;
    let (mut last, mut leading) = (Vec::new(), Vec::new());
    page.write(&TotalValues::default(), &mut last);
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&last), "{text}");
    for cut in 0..text.len() {
        let mut stream = Filter::new(&layout, Limits::default(), all());
        let mut pieces = Vec::new();
        stream.push(&text.as_bytes()[..cut], &mut pieces)?;
        stream.push(&text.as_bytes()[cut..], &mut pieces)?;
        stream.finish(&mut pieces)?;
        assert_eq!(String::from_utf8_lossy(&pieces), String::from_utf8_lossy(&last), "{text} at {cut}");
    }
    let values = TotalValues { next: Some("/2"), cursor: Some("c"), more: true, ..TotalValues::default() };
    page.write(&values, &mut leading);
    Ok((String::from_utf8(last).unwrap(), String::from_utf8(leading).unwrap()))
}

/// The same page, as a backend may write it.
const WRITTEN: [&str; 8] = [
    r#"{"rows":[{"id":1}]}"#,
    r#"{"rows":[{"id":1}],"next":null}"#,
    r#"{"next":"/secret","rows":[{"id":1}],"meta":{"cursor":"secret","in":{"more":true}}}"#,
    r#"{"meta":{"in":{"more":false},"cursor":""},"rows":[{"id":1}],"next":{"of":["another","type"]}}"#,
    r#"{"meta":null,"rows":[{"id":1}]}"#,
    r#"{"meta":{"in":null},"rows":[{"id":1}]}"#,
    r#"{"meta":{"total":57,"in":{}},"rows":[{"id":1}],"undeclared":[]}"#,
    r#"{"meta":{"c\u0075rsor":"secret"},"n\u0065xt":7,"rows":[{"id":1}]}"#,
];

#[test]
fn d05_what_is_said_of_the_next_page_is_written_anew_wherever_it_stands() {
    let absent =
        [("/next", NoneAs::Absent), ("/meta/cursor", NoneAs::Absent), ("/meta/in/more", NoneAs::Absent)];
    let null = absent.map(|(place, _)| (place, NoneAs::Null));
    let leading = r#"{"rows":[{"id":1}],"meta":{"in":{"more":true},"cursor":"c"},"next":"/2"}"#;
    for (none, last) in [
        (&[][..], r#"{"rows":[{"id":1}],"meta":{"in":{"more":false},"cursor":null},"next":null}"#),
        (&null, r#"{"rows":[{"id":1}],"meta":{"in":{"more":null},"cursor":null},"next":null}"#),
        (&absent[..1], r#"{"rows":[{"id":1}],"meta":{"in":{"more":false},"cursor":null}}"#),
        (&absent, r#"{"rows":[{"id":1}],"meta":{"in":{}}}"#),
    ] {
        for text in WRITTEN {
            assert_eq!(shown(text, source(none, &[])), Ok((last.to_owned(), leading.to_owned())), "{text}");
        }
    }
}

#[test]
fn what_stands_beside_it_stays_where_it_stands() {
    let kept = || source(&[("/meta/cursor", NoneAs::Absent)], &["/meta/total", "/meta/in/kept"]);
    for (text, last) in [
        (
            "{\"meta\": {\"cursor\": 1, \"total\": 57},\n \"rows\": []}",
            "{\"meta\": {\"total\": 57,\"in\":{\"more\":false}},\n \"rows\": [],\"next\":null}",
        ),
        (r#"{"rows":[]}"#, r#"{"rows":[],"meta":{"in":{"more":false}},"next":null}"#),
        (
            r#"{"meta":{"in":{"more":1,"kept":[{"more":1}]}},"rows":[]}"#,
            r#"{"meta":{"in":{"kept":[{"more":1}],"more":false}},"rows":[],"next":null}"#,
        ),
    ] {
        assert_eq!(shown(text, kept()).unwrap().0, last, "{text}");
    }
    // Also where all passes that is not named.
    let all = r#"{"a":{"meta":1},"meta":{"b":[],"in":{}},"rows":[],"next":null}"#;
    let text = r#"{"next":"/secret","a":{"meta":1},"meta":{"b":[],"in":{"more":true},"cursor":7},"rows":[]}"#;
    let none = [("/meta/cursor", NoneAs::Absent), ("/meta/in/more", NoneAs::Absent)];
    assert_eq!(shown(text, source(&none, &[""])).unwrap().0, all);
}

#[test]
fn d05_what_may_say_something_else_and_does_not_stands_where_it_would_if_it_were_not_there() {
    let meta = r#""meta":{"in":{"more":false},"cursor":null}"#;
    for keep in ["", "/meta", "/meta/in", "/meta/total", "/meta/in/kept"] {
        for meta_as_written in [
            r#""meta":{"cursor":"secret","in":{"more":true}},"#,
            r#""meta":{ "in":{ "m\u006fre":true } },"#,
            r#""meta":{"in":null},"#,
            r#""meta":null,"#,
            "\"meta\" : {\n},",
            "",
        ] {
            let text = format!(r#"{{{meta_as_written}"next":"/secret","rows":[{{"id":1}}]}}"#);
            let (last, _) = shown(&text, source(&[], &[keep])).unwrap();
            assert_eq!(last, format!(r#"{{"rows":[{{"id":1}}],{meta},"next":null}}"#), "{keep}: {text}");
        }
    }
    // One in the other, of which the inner says something else.
    for (text, last) in [
        (
            r#"{"meta":{"cursor":1,"in":{"more":true,"kept":[]}},"rows":[]}"#,
            r#"{"meta":{"in":{"kept":[],"more":false},"cursor":null},"rows":[],"next":null}"#,
        ),
        (
            r#"{"a":1,"meta":{"cursor":1,"in":{"kept":{"more":1},"more":true}},"rows":[]}"#,
            r#"{"meta":{"in":{"kept":{"more":1},"more":false},"cursor":null},"rows":[],"next":null}"#,
        ),
    ] {
        assert_eq!(shown(text, source(&[], &["/meta/in/kept"])).unwrap().0, last, "{text}");
    }
}

#[test]
fn d05_a_list_of_which_nothing_is_left_is_nothing_else_that_is_said() {
    let with = |none| {
        let mut source = source(&[("/meta/cursor", NoneAs::Absent), ("/meta/in/more", NoneAs::Absent)], &[]);
        source.nested.insert("/meta/list/*".to_owned(), EntityNo(0));
        source.none.insert("/meta/list".to_owned(), none);
        source
    };
    for list in ["null", "[]", "[7, null]"] {
        let text = format!(r#"{{"meta":{{"cursor":1,"list":{list}}},"rows":[]}}"#);
        for (none, last) in [
            (NoneAs::Absent, r#"{"rows":[],"meta":{"in":{}},"next":null}"#),
            (NoneAs::Null, r#"{"meta":{"list":null,"in":{}},"rows":[],"next":null}"#),
            (NoneAs::List, r#"{"meta":{"list":[],"in":{}},"rows":[],"next":null}"#),
        ] {
            assert_eq!(shown(&text, with(none)).unwrap().0, last, "{text}");
        }
    }
    let text = r#"{"meta":{"cursor":1,"list":[7, {"id":2}, {"id":3}]},"rows":[]}"#;
    let last = r#"{"meta":{"list":[{"id":2}, {"id":3}],"in":{}},"rows":[],"next":null}"#;
    assert_eq!(shown(text, with(NoneAs::Absent)).unwrap().0, last);
}

#[test]
fn d05_what_is_taken_out_is_taken_out_of_what_passes_as_it_stands() {
    let out = |keep: &str| {
        let mut source = source(&[], &[keep]);
        source.totals =
            ["/count", "/meta/next", "/meta/in"].map(|place| (place.to_owned(), Total::Out)).into();
        source
    };
    for (keep, last) in [
        ("", r#"{"meta":{"kept":{"next":1}},"rows":[],"of":{"count":8}}"#),
        ("/meta", r#"{"meta":{"kept":{"next":1}},"rows":[]}"#),
        ("/other", r#"{"rows":[]}"#),
    ] {
        let text = r#"{"count":7,"meta":{"next":"/secret","in":{"count":9},"kept":{"next":1}},"rows":[],"of":{"count":8}}"#;
        assert_eq!(shown(text, out(keep)).unwrap().0, last, "{keep}");
        assert!(matches!(
            shown(r#"{"count":7,"rows":[],"c\u006funt":8}"#, out("")),
            Err(Fault::Twice { .. })
        ));
    }
    let inside = Layout::compile(&schema(), out("/meta/in/kept"));
    assert!(matches!(inside, Err(SchemaError::Conflict { .. })), "{inside:?}");
    // Where it alone stands beside what is said of the next page, nothing else is said.
    let mut both = source(&[], &[]);
    both.totals.insert("/meta/total".to_owned(), Total::Out);
    for text in WRITTEN {
        assert_eq!(shown(text, both.clone()), shown(WRITTEN[0], source(&[], &[])), "{text}");
    }
}

#[test]
fn what_is_said_of_the_next_page_twice_or_elsewhere_is_a_fault() {
    for text in [
        r#"{"next":1,"rows":[],"next":2}"#,
        r#"{"next":1,"rows":[],"n\u0065xt":2}"#,
        r#"{"rows":[],"meta":{"cursor":1,"cursor":2}}"#,
        r#"{"rows":[],"meta":{},"meta":{}}"#,
        r#"{"rows":[],"meta":{},"meta":null}"#,
    ] {
        assert!(matches!(shown(text, source(&[], &[])), Err(Fault::Twice { .. })), "{text}");
        assert!(matches!(shown(text, source(&[], &["/meta/total"])), Err(Fault::Twice { .. })), "{text}");
    }
    for text in [r#"{"rows":[],"meta":[]}"#, r#"{"rows":[],"meta":"x"}"#, r#"{"rows":[],"meta":{"in":7}}"#] {
        assert!(matches!(shown(text, source(&[], &[])), Err(Fault::Type { .. })), "{text}");
    }
    let list = Layout::compile(&schema(), source(&[("/next", NoneAs::List)], &[]));
    assert!(matches!(list, Err(SchemaError::NoneAs { .. })), "{list:?}");
}
