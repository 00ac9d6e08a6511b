//! How it is written that there is none where entities may stand: what is hidden looks like what the backend has not got.

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fault, Fields, Filter, Judge, Layout, LayoutSource, Limits, NoneAs,
    Object, Schema, SchemaError, Verdict, filter, page,
};

use super::strings;

const MESSAGE: EntityNo = EntityNo(0);
const FILE: EntityNo = EntityNo(1);
const PICTURE: EntityNo = EntityNo(2);

/// Hides messages and files whose `id` is 0, and pictures without an address.
struct ButZero;

impl Judge for ButZero {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        match object.fact(FactNo(0)).map(|raw| raw.0) {
            Some(b"0" | b"\"\"") => Verdict::Hidden,
            _ => Verdict::Shown(Fields::All),
        }
    }
}

/// Places with what is declared there of none.
type Nones<'a> = &'a [(&'a str, NoneAs)];

/// A message with files in it, one by one and in a list, a picture and messages that it quotes.
fn schema(none: Nones<'_>) -> Result<Schema, SchemaError> {
    let nested = [("/files/*", FILE), ("/file", FILE), ("/picture", PICTURE), ("/quotes/*", MESSAGE)];
    let facts = strings(&["/id"]);
    Schema::compile(vec![
        EntitySource {
            name: "message".into(),
            fields: strings(&["id", "text", "quotes"]),
            facts: facts.clone(),
            placeholder: strings(&["quotes"]),
            nested: nested.map(|(place, entity)| (place.to_owned(), entity)).into(),
            none: owned(none),
            ..EntitySource::default()
        },
        EntitySource { name: "file".into(), fields: strings(&["id"]), facts, ..EntitySource::default() },
        EntitySource {
            name: "picture".into(),
            value: true,
            facts: strings(&[""]),
            ..EntitySource::default()
        },
    ])
}

fn owned(none: Nones<'_>) -> std::collections::BTreeMap<String, NoneAs> {
    none.iter().map(|(place, none)| ((*place).to_owned(), *none)).collect()
}

/// A message that is the whole answer.
fn inside(none: Nones<'_>, text: &str) -> Result<String, Fault> {
    let source = LayoutSource { object: Some((String::new(), MESSAGE)), ..LayoutSource::default() };
    every_way(text, &Layout::compile(&schema(none).unwrap(), source).unwrap())
}

/// An answer in which the same stands, and which is no entity's.
fn around(none: Nones<'_>, text: &str) -> Result<String, Fault> {
    let source = LayoutSource {
        nested: [("/files/*".into(), FILE), ("/file".into(), FILE), ("/picture".into(), PICTURE)].into(),
        none: owned(none),
        keep: strings(&["/id", "/text"]),
        ..LayoutSource::default()
    };
    every_way(text, &Layout::compile(&schema(&[]).unwrap(), source).unwrap())
}

/// Filters a text as a whole, as a page, and in every two pieces, which must agree.
fn every_way(text: &str, layout: &Layout) -> Result<String, Fault> {
    let limits = Limits::default();
    let whole = filter(text.as_bytes(), layout, limits, ButZero);
    let paged = page(text.as_bytes(), layout, limits, ButZero);
    assert_eq!(paged.map(|(_, report)| report), whole.clone().map(|(_, report)| report), "{text}");
    for cut in 0..=text.len() {
        let (first, second) = text.as_bytes().split_at(cut);
        let (mut stream, mut out, mut rest) = (Filter::new(layout, limits, ButZero), Vec::new(), Vec::new());
        // What has come out is not at hand any more when the rest comes.
        let pieces = stream
            .push(first, &mut out)
            .and_then(|()| stream.push(second, &mut rest))
            .and_then(|()| stream.finish(&mut rest))
            .map(|report| ([out, rest].concat(), report));
        assert_eq!(pieces, whole, "{text} cut at {cut}");
    }
    whole.map(|(out, _)| String::from_utf8(out).unwrap())
}

/// A member in other members, which are written with and without white space.
const TEXTS: [(&str, &str); 5] = [
    (r#"{"id":1, "KEY": NONE ,"text":"x"}"#, r#"{"id":1 ,"text":"x"}"#),
    (r#"{ "KEY":NONE, "id":1}"#, r#"{ "id":1}"#),
    ("{\n  \"id\": 1,\n  \"KEY\": NONE\n}", "{\n  \"id\": 1\n}"),
    ("{\"undeclared\":2,\"KEY\"\t:\tNONE,\"id\":1}", r#"{"id":1}"#),
    (r#"{"KEY":NONE}"#, "{}"),
];

#[test]
fn a_list_of_which_nothing_is_left_is_as_declared_whatever_stood_there() {
    let hidden = [r#"[{"id":0}]"#, r#"[ {"id":0} , {"id" : 0}]"#, "[7,null]", r#"[[{"id":1}],{"id":0}]"#];
    for none in ["null", "[]", "[ \n]"].into_iter().chain(hidden) {
        for (text, without) in TEXTS.map(|(text, without)| (text.replace("KEY", "files"), without)) {
            let written = |none| text.replace("NONE", none).replace("\"undeclared\":2,", "");
            for (declared, want) in [
                (NoneAs::Absent, without.to_owned()),
                (NoneAs::Null, written("null")),
                (NoneAs::List, written("[]")),
            ] {
                for filtered in [inside, around] {
                    let got = filtered(&[("/files", declared)], &text.replace("NONE", none));
                    assert_eq!(got.as_deref(), Ok(&*want), "{declared:?}: {none} in {text}");
                }
            }
        }
    }
}

#[test]
fn a_single_object_of_which_nothing_is_left_is_as_declared_whatever_stood_there() {
    for (key, hidden) in [("file", r#"{"id":0,"more":[1]}"#), ("picture", "\"\"")] {
        for none in ["null", hidden] {
            for (text, without) in TEXTS.map(|(text, without)| (text.replace("KEY", key), without)) {
                let written = |none| text.replace("NONE", none).replace("\"undeclared\":2,", "");
                for (declared, want) in
                    [(NoneAs::Absent, without.to_owned()), (NoneAs::Null, written("null"))]
                {
                    for filtered in [inside, around] {
                        let got = filtered(&[(&format!("/{key}"), declared)], &text.replace("NONE", none));
                        assert_eq!(got.as_deref(), Ok(&*want), "{declared:?}: {none} in {text}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_left_stays_as_it_is_and_what_is_not_there_is_not_made_up() {
    for (text, want) in [
        (
            r#"{"id":1,"files":[ {"id":0}, {"id":2} ,{"id":0}],"file":{"id":3}}"#,
            r#"{"id":1,"files":[ {"id":2}],"file":{"id":3}}"#,
        ),
        (r#"{"files":[{"id":2},{"id":0}],"picture":"p"}"#, r#"{"files":[{"id":2}],"picture":"p"}"#),
        (r#"{"id":1}"#, r#"{"id":1}"#),
        ("{}", "{}"),
    ] {
        for none in [NoneAs::Absent, NoneAs::Null] {
            for filtered in [inside, around] {
                let nones = [("/files", none), ("/file", none), ("/picture", none)];
                assert_eq!(filtered(&nones, text).as_deref(), Ok(want), "{none:?}: {text}");
            }
        }
    }
}

#[test]
fn without_a_word_of_it_none_is_what_the_answer_has() {
    for (text, want) in [
        (r#"{"files":null,"file":null}"#, r#"{"files":null,"file":null}"#),
        (r#"{"files":[ ],"file":{"id":0}}"#, r#"{"files":[]}"#),
        (r#"{"files":[{"id":0}],"id":1}"#, r#"{"files":[],"id":1}"#),
    ] {
        for filtered in [inside, around] {
            assert_eq!(filtered(&[], text).as_deref(), Ok(want), "{text}");
        }
    }
}

#[test]
fn none_is_as_declared_in_entities_in_entities_and_in_what_is_left_of_a_hidden_one() {
    let none = [("/files", NoneAs::Absent), ("/file", NoneAs::Null), ("/quotes", NoneAs::Null)];
    for (text, want) in [
        (
            r#"{"quotes":[{"id":2,"files":[{"id":0}],"file":{"id":0},"quotes":[]}],"files":[]}"#,
            r#"{"quotes":[{"id":2,"file":null,"quotes":null}]}"#,
        ),
        // Of a hidden message its quotes are left, without any.
        (r#"{"id":0,"text":"x","quotes":[{"id":1}],"file":{"id":1},"files":null}"#, r#"{"quotes":null}"#),
        (r#"{"id":1,"quotes":[{"id":0,"quotes":[]}]}"#, r#"{"id":1,"quotes":[{"quotes":null}]}"#),
        (r#"{"id":1,"quotes":[{"id":0}]}"#, r#"{"id":1,"quotes":null}"#),
        (
            r#"{"id":1,"quotes":[{"id":3,"quotes":[{"id":0}, {"id":0}]},{"id":0,"file":null}],"text":1}"#,
            r#"{"id":1,"quotes":[{"id":3,"quotes":null}],"text":1}"#,
        ),
    ] {
        assert_eq!(inside(&none, text).as_deref(), Ok(want), "{text}");
    }
}

#[test]
fn a_value_of_another_type_is_a_fault_also_where_none_is_declared() {
    for text in [r#"{"id":1,"files":{"id":1}}"#, r#"{"id":1,"file":[]}"#, r#"{"id":1,"files":"none"}"#] {
        for filtered in [inside, around] {
            let got = filtered(&[("/files", NoneAs::Absent), ("/file", NoneAs::Null)], text);
            assert!(matches!(got, Err(Fault::Type { .. })), "{text}: {got:?}");
        }
    }
}

#[test]
fn none_is_declared_of_members_that_are_places_of_entities() {
    for (place, none, fits) in [
        ("/files", NoneAs::List, true),
        ("/file", NoneAs::Null, true),
        ("/file", NoneAs::List, false),
        ("/picture", NoneAs::List, false),
        ("/files/*", NoneAs::Absent, false),
        ("/text", NoneAs::Absent, false),
        ("", NoneAs::Null, false),
    ] {
        let wrong = |of: &str| Some(SchemaError::NoneAs { of: of.to_owned(), pointer: place.to_owned() });
        let of_entity = schema(&[(place, none)]).err();
        assert_eq!(of_entity, wrong("message").filter(|_| !fits), "{place}");
        let source = LayoutSource {
            nested: [("/files/*".into(), FILE), ("/file".into(), FILE)].into(),
            none: owned(&[(place, none)]),
            ..LayoutSource::default()
        };
        let of_answer = Layout::compile(&schema(&[]).unwrap(), source).err();
        assert_eq!(of_answer, wrong("layout").filter(|_| !fits), "{place}");
    }
    // Nothing leads to a list that is the whole answer or an item of another.
    for list in ["", "/lists/*"] {
        let source = LayoutSource {
            nested: [(format!("{list}/*"), FILE)].into(),
            none: owned(&[(list, NoneAs::Null)]),
            ..LayoutSource::default()
        };
        assert!(Layout::compile(&schema(&[]).unwrap(), source).is_err(), "{list}");
    }
}

#[test]
fn none_is_as_the_place_says_and_not_as_the_entity_that_may_stand_there() {
    let one = |nested: &str, none: Nones<'_>| EntitySource {
        nested: [(nested.to_owned(), EntityNo(1))].into(),
        none: owned(none),
        ..EntitySource::default()
    };
    // The second may be a list of others.
    let schema = Schema::compile(vec![one("/in", &[("/in", NoneAs::Absent)]), one("/*", &[])]).unwrap();
    let source = LayoutSource { object: Some((String::new(), EntityNo(0))), ..LayoutSource::default() };
    let layout = Layout::compile(&schema, source).unwrap();
    assert_eq!(every_way(r#"{"in":null}"#, &layout).as_deref(), Ok("{}"));
}
