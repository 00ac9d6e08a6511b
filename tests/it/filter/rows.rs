//! Rows, fields and objects in them, over one small chat API.

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fault, FieldIx, Fields, Filter, Judge, Layout, LayoutSource, Limits,
    Object, Report, Schema, Total, Verdict, filter,
};

use super::strings;

const CONVERSATION: EntityNo = EntityNo(0);
const CONTACT: EntityNo = EntityNo(1);
const MESSAGE: EntityNo = EntityNo(2);
const PICTURE: EntityNo = EntityNo(3);

fn schema() -> Schema {
    Schema::compile(vec![
        EntitySource {
            name: "conversation".into(),
            fields: strings(&["id", "status", "meta", "custom.tier", "items.name"]),
            ruled: strings(&["meta.channel", "secret"]),
            nested: [("/meta/sender".into(), CONTACT), ("/messages/*".into(), MESSAGE)].into(),
            facts: strings(&["/team/id", "/meta/sender/id"]),
            ..EntitySource::default()
        },
        EntitySource {
            name: "contact".into(),
            fields: strings(&["id", "name", "phone"]),
            nested: [("/picture".into(), PICTURE)].into(),
            facts: strings(&["/id"]),
            placeholder: strings(&["id"]),
            ..EntitySource::default()
        },
        EntitySource {
            name: "message".into(),
            fields: strings(&["id", "text"]),
            facts: strings(&["/private"]),
            ..EntitySource::default()
        },
        EntitySource {
            name: "picture".into(),
            facts: strings(&[""]),
            value: true,
            ..EntitySource::default()
        },
    ])
    .unwrap()
}

/// Team 2 is visible, contact 7 and private messages are not; a field is hidden if it is named.
struct Rules(Vec<&'static str>);

impl Judge for Rules {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let fact = |no| object.fact(FactNo(no)).map(|raw| raw.0);
        let shown = match object.entity {
            CONVERSATION => fact(0) == Some(b"2"),
            CONTACT => fact(0) != Some(b"7"),
            MESSAGE => fact(0) != Some(b"true"),
            _ => fact(0) != Some(b"\"hidden.png\""),
        };
        if !shown {
            return Verdict::Hidden;
        }
        let schema = schema();
        let mut fields = Fields::NONE;
        for (at, name) in schema.fields(object.entity).iter().enumerate() {
            if !self.0.contains(&name.as_str()) {
                fields.insert(FieldIx(u16::try_from(at).unwrap()));
            }
        }
        Verdict::Shown(fields)
    }
}

fn layout() -> Layout {
    let source = LayoutSource {
        rows: Some(("/data/payload".into(), CONVERSATION)),
        totals: [("/data/meta/count".into(), Total::Shown), ("/data/meta/all".into(), Total::Null)].into(),
        keep: vec!["/data/meta/page".into()],
        ..LayoutSource::default()
    };
    Layout::compile(&schema(), source).unwrap()
}

fn filtered(text: &str, hidden: &[&'static str]) -> Result<(String, Report), Fault> {
    let (out, report) = filter(text.as_bytes(), &layout(), Limits::default(), Rules(hidden.into()))?;
    Ok((String::from_utf8(out).unwrap(), report))
}

/// What is left of rows, in the layout's own frame.
fn rows(rows: &str, hidden: &[&'static str]) -> String {
    let (out, _) = filtered(&format!(r#"{{"data":{{"payload":[{rows}]}}}}"#), hidden).unwrap();
    out.strip_prefix(r#"{"data":{"payload":["#).unwrap().strip_suffix("]}}").unwrap().to_owned()
}

#[test]
fn rows_pass_by_their_facts_and_counts_follow() {
    let text = r#" {"data": {"meta": {"count": 3, "all": 9, "page": 1.0, "total": 7},
        "payload": [ {"id": 1, "team": {"id": 9}} , {"id": 2, "team": {"id": 2}}, 5, {"id": 3,"team":{"id":2}} ] }} "#;
    let (out, report) = filtered(text, &[]).unwrap();
    assert_eq!(
        out,
        r#" {"data": {"meta": {"count": 2, "all": null, "page": 1.0},
        "payload": [ {"id": 2}, {"id": 3} ] }} "#
    );
    assert_eq!((report.rows_shown, report.rows_hidden, report.rows_unfit, report.undeclared), (2, 1, 1, 3));
}

#[test]
fn fields_pass_if_they_are_declared_and_not_denied() {
    let row = r#"{"x":1, "id":7 ,"team":{"id":2},"custom":{"a":1,"tier":"gold"},"items":[{"name":"n","p":1},3,{}],"meta":{"channel":"web","secret":{"secret":1},"n":[{"secret":1,"k":2}]}}"#;
    assert_eq!(
        rows(row, &[]),
        r#"{"id":7,"custom":{"tier":"gold"},"items":[{"name":"n"},{}],"meta":{"channel":"web","secret":{"secret":1},"n":[{"secret":1,"k":2}]}}"#
    );
    assert_eq!(
        rows(row, &["secret", "meta.channel", "custom.tier"]),
        r#"{"id":7,"items":[{"name":"n"},{}],"meta":{"n":[{"k":2}]}}"#
    );
    assert_eq!(rows(row, &["meta", "id", "items.name"]), r#"{"custom":{"tier":"gold"}}"#);
}

#[test]
fn objects_in_a_row_are_judged_by_themselves() {
    let row = r#"{"meta":{"sender":{"phone":"1","id":7,"picture":"p"},"a":1},"messages":[{"id":1,"private":true},{"id":2,"text":"t"},null],"team":{"id":2}}"#;
    assert_eq!(rows(row, &[]), r#"{"meta":{"sender":{"id":7},"a":1},"messages":[{"id":2,"text":"t"}]}"#);
    let row = r#"{"meta":{"sender":{"phone":"1","id":8,"picture":"hidden.png"},"a":1},"messages":[{"id":1,"private":true}],"team":{"id":2}}"#;
    assert_eq!(rows(row, &["phone"]), r#"{"meta":{"sender":{"id":8},"a":1},"messages":[]}"#);
}

#[test]
fn every_split_gives_the_same() {
    let text = r#" {"data": {"payload": [ {"id": 1, "team": {"id": 9}} , {"meta":{"\u0063hannel":"\ud83d\ude00 é","a":-1.5e3},"team": {"id": 2}}, 5, {"id": 3,"team":{"id":2}} ],"meta": {"count": 3, "all": 9, "page": 1.0, "total": true}, "x":[null]}} "#;
    let (whole, report) = filtered(text, &["meta.channel"]).unwrap();
    for size in 1..text.len() {
        let mut filter = Filter::new(&layout(), Limits::default(), Rules(vec!["meta.channel"]));
        let mut out = Vec::new();
        text.as_bytes().chunks(size).for_each(|chunk| filter.push(chunk, &mut out).unwrap());
        assert_eq!(filter.finish(&mut out), Ok(report.clone()));
        assert_eq!(String::from_utf8(out).unwrap(), whole, "{size}");
    }
}
