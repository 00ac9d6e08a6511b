//! Texts with which readers of JSON have been deceived: two readers that disagree, or one that gives up.

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fault, Fields, Judge, Layout, LayoutSource, Limits, Object, Schema,
    Total, Verdict, filter,
};

use super::strings;

/// Conversations with a `team` (even ids below 1000 are visible) and a `contact` with a phone number nobody sees.
struct Teams;

impl Judge for Teams {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let team =
            object.fact(FactNo(0)).and_then(|fact| std::str::from_utf8(fact.0).ok()?.parse::<u64>().ok());
        let shown = !object.main || team.is_some_and(|team| team < 1000 && team.is_multiple_of(2));
        if shown { Verdict::Shown(Fields::All) } else { Verdict::Hidden }
    }
}

fn read(text: &[u8]) -> Result<String, Fault> {
    let schema = Schema::compile(vec![
        EntitySource {
            name: "conversation".into(),
            fields: strings(&["id", "body", "name", "n", "x", "a", "b"]),
            nested: [("/contact".into(), EntityNo(1))].into(),
            facts: strings(&["/team/id"]),
            ..EntitySource::default()
        },
        EntitySource { name: "contact".into(), fields: strings(&["id", "name"]), ..EntitySource::default() },
    ]);
    let source = LayoutSource {
        rows: Some(("/payload".into(), EntityNo(0))),
        totals: [("/meta/count".into(), Total::Shown)].into(),
        ..LayoutSource::default()
    };
    let layout = Layout::compile(&schema.unwrap(), source).unwrap();
    let (out, _) = filter(text, &layout, Limits::default(), Teams)?;
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains("SECRET"), "{out}");
    Ok(out)
}

/// An answer with one row.
fn with(row: &str) -> Vec<u8> {
    format!(r#"{{"meta":{{"count":1}},"payload":[{row}]}}"#).into_bytes()
}

/// What the answer must be.
enum Must {
    /// The row passes as this.
    Be(&'static str),
    /// No row passes.
    BeEmpty,
    /// Nothing passes: a key that stands twice.
    FailTwice,
    /// Nothing passes: another type than declared, or nothing where something must be.
    FailType,
    FailMissing,
    /// Nothing passes: it is no JSON, no text, cut or too deep.
    FailSyntax,
    FailText,
    FailCut,
    FailDepth,
}

/// The text with another byte in place of `?`.
fn bytes(mut text: Vec<u8>, bytes: &[u8]) -> Vec<u8> {
    for byte in bytes {
        let at = text.iter().position(|c| *c == b'?').unwrap();
        text[at] = *byte;
    }
    text
}

fn deep(levels: usize) -> Vec<u8> {
    with(&format!(r#"{{"id":1,"team":{{"id":2}},"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)))
}

#[test]
fn no_trap_lets_anything_out() {
    use Must::*;
    let cases: Vec<(&str, Vec<u8>, Must)> = vec![
        (
            "two teams, hidden last",
            with(r#"{"id":1,"team":{"id":2},"team":{"id":99},"body":"SECRET"}"#),
            FailTwice,
        ),
        (
            "two teams, hidden first",
            with(r#"{"id":1,"team":{"id":99},"team":{"id":2},"body":"SECRET"}"#),
            FailTwice,
        ),
        ("two ids in a team", with(r#"{"id":1,"team":{"id":2,"id":99},"body":"SECRET"}"#), FailTwice),
        ("two ids in a team, turned", with(r#"{"id":1,"team":{"id":99,"id":2},"body":"SECRET"}"#), FailTwice),
        (
            "two phones, which nobody declared",
            with(r#"{"id":1,"team":{"id":2},"contact":{"phone":"SECRET1","phone":"SECRET2"}}"#),
            Be(r#"{"id":1,"contact":{}}"#),
        ),
        (
            "two contacts",
            with(r#"{"id":1,"team":{"id":2},"contact":{"phone":"SECRET1"},"contact":{"phone":"SECRET2"}}"#),
            FailTwice,
        ),
        (
            "two lists, hidden last",
            br#"{"payload":[{"id":1,"team":{"id":2}}],"payload":[{"id":2,"team":{"id":99},"b":"SECRET"}]}"#
                .to_vec(),
            FailTwice,
        ),
        (
            "two lists, hidden first",
            br#"{"payload":[{"id":2,"team":{"id":99},"b":"SECRET"}],"payload":[{"id":1,"team":{"id":2}}]}"#
                .to_vec(),
            FailTwice,
        ),
        (
            "an escaped key of nobody",
            with(r#"{"id":1,"team":{"id":2},"contact":{"ph\u006fne":"SECRET"}}"#),
            Be(r#"{"id":1,"contact":{}}"#),
        ),
        (
            "an escaped key of an entity",
            with(r#"{"id":1,"team":{"id":2},"\u0063ontact":{"phone":"SECRET"}}"#),
            Be(r#"{"id":1,"\u0063ontact":{}}"#),
        ),
        (
            "two teams, one escaped",
            with(r#"{"id":1,"team":{"id":2},"te\u0061m":{"id":99},"body":"SECRET"}"#),
            FailTwice,
        ),
        (
            "an escaped list",
            br#"{"p\u0061yload":[{"id":2,"team":{"id":99},"b":"SECRET"}]}"#.to_vec(),
            BeEmpty,
        ),
        ("a team that is a string", with(r#"{"id":1,"team":"2","body":"SECRET"}"#), BeEmpty),
        ("a fraction for an id", with(r#"{"id":1,"team":{"id":2.0},"body":"SECRET"}"#), BeEmpty),
        ("an endless id", with(r#"{"id":1,"team":{"id":1e400},"body":"SECRET"}"#), BeEmpty),
        ("an id that wraps", with(r#"{"id":1,"team":{"id":18446744073709551618},"body":"SECRET"}"#), BeEmpty),
        ("a row that is a string", with(r#""SECRET""#), BeEmpty),
        (
            "a contact that is a list",
            with(r#"{"id":1,"team":{"id":2},"contact":[{"phone":"SECRET"}]}"#),
            FailType,
        ),
        (
            "a list that is an object",
            br#"{"payload":{"id":2,"team":{"id":99},"b":"SECRET"}}"#.to_vec(),
            FailType,
        ),
        ("a root that is a list", br#"[{"id":2,"team":{"id":99},"b":"SECRET"}]"#.to_vec(), FailType),
        (
            "a list under another key",
            br#"{"items":[{"id":2,"team":{"id":2},"b":"SECRET"}]}"#.to_vec(),
            FailMissing,
        ),
        (
            "a second document",
            [with(r#"{"id":1,"team":{"id":2}}"#), br#"{"payload":["SECRET"]}"#.to_vec()].concat(),
            FailSyntax,
        ),
        ("a bracket too many", [with(r#"{"id":1,"team":{"id":2}}"#), b"]".to_vec()].concat(), FailSyntax),
        ("an end that is missing", with(r#"{"id":1}"#)[..30].to_vec(), FailCut),
        ("bad UTF-8", bytes(with(r#"{"id":1,"team":{"id":2},"name":"a?b"}"#), b"\xff"), FailText),
        ("overlong UTF-8", bytes(with(r#"{"id":1,"team":{"id":2},"n":"??"}"#), b"\xc0\xaf"), FailText),
        (
            "half a pair in what is copied",
            with(r#"{"id":1,"team":{"id":2},"n":"\ud800","x":[{"\udc00":"\ud83d \ude00"}]}"#),
            Be(r#"{"id":1,"n":"\ud800","x":[{"\udc00":"\ud83d \ude00"}]}"#),
        ),
        ("half a pair in a key of nobody", with(r#"{"id":1,"team":{"id":2},"\ud800":1}"#), Be(r#"{"id":1}"#)),
        (
            "half a pair in a key that is a field without it",
            with(r#"{"id":1,"team":{"id":2},"bo\ud800dy":"SECRET","body\udc00":"SECRET"}"#),
            Be(r#"{"id":1}"#),
        ),
        ("half a pair in a team", with(r#"{"id":1,"team":{"id":"2\ud800"},"body":"SECRET"}"#), BeEmpty),
        (
            "half a pair in the key of a team",
            with(r#"{"id":1,"te\ud800am":{"id":2},"body":"SECRET"}"#),
            BeEmpty,
        ),
        (
            "two teams, one with half a pair",
            with(r#"{"id":1,"team":{"id":99},"team\ud800":{"id":2},"body":"SECRET"}"#),
            BeEmpty,
        ),
        ("half a pair that is cut", with(r#"{"id":1,"team":{"id":2},"n":"\ud8"}"#), FailText),
        ("a control character", with("{\"id\":1,\"team\":{\"id\":2},\"n\":\"a\u{1}b\"}"), FailText),
        ("no number", with(r#"{"id":1,"team":{"id":2},"n":NaN}"#), FailSyntax),
        ("a zero before a number", with(r#"{"id":1,"team":{"id":2},"n":012}"#), FailSyntax),
        ("a comma too many", with(r#"{"id":1,"team":{"id":2},}"#), FailSyntax),
        ("an unknown escape", with(r#"{"id":1,"team":{"id":2},"n":"\x41"}"#), FailText),
        (
            "a byte order mark",
            [vec![0xef, 0xbb, 0xbf], with(r#"{"id":1,"team":{"id":2}}"#)].concat(),
            FailSyntax,
        ),
        ("crossed brackets", with(r#"{"id":1,"team":{"id":2},"n":[1}]"#), FailSyntax),
        ("single quotes", with("{'id':1}"), FailSyntax),
        ("2^53 + 1", with(r#"{"id":9007199254740993,"team":{"id":2}}"#), Be(r#"{"id":9007199254740993}"#)),
        (
            "thirty digits",
            with(r#"{"id":123456789012345678901234567890,"team":{"id":2}}"#),
            Be(r#"{"id":123456789012345678901234567890}"#),
        ),
        (
            "numbers as they are written",
            with(r#"{"id":0.1000,"team":{"id":2},"a":-0,"b":1E2}"#),
            Be(r#"{"id":0.1000,"a":-0,"b":1E2}"#),
        ),
        (
            "more digits than a double has",
            with(r#"{"id":3.141592653589793238,"team":{"id":2}}"#),
            Be(r#"{"id":3.141592653589793238}"#),
        ),
        (
            "escapes as they are written",
            with(r#"{"id":1,"team":{"id":2},"n":"\u00e9\/"}"#),
            Be(r#"{"id":1,"n":"\u00e9\/"}"#),
        ),
        ("100 levels", deep(100), Be("deep")),
        ("125 levels in a row in a list in an object", deep(125), Be("deep")),
        ("126 levels there", deep(126), FailDepth),
        ("500 levels", deep(500), FailDepth),
        ("200 000 levels", deep(200_000), FailDepth),
        ("2 000 000 levels", deep(2_000_000), FailDepth),
    ];
    for (name, text, must) in cases {
        let got = read(&text);
        let row = |row: &str| format!(r#"{{"meta":{{"count":1}},"payload":[{row}]}}"#);
        let right = match (&must, &got) {
            (Be("deep"), Ok(out)) => out.len() == text.len() - r#","team":{"id":2}"#.len(),
            (Be(want), Ok(out)) => *out == row(want),
            (BeEmpty, Ok(out)) => out.ends_with("payload\":[]}") || out.ends_with("yload\":[]}"),
            (FailTwice, Err(Fault::Twice { .. }))
            | (FailType, Err(Fault::Type { .. }))
            | (FailMissing, Err(Fault::Missing))
            | (FailSyntax, Err(Fault::Syntax { .. }))
            | (FailText, Err(Fault::Text { .. }))
            | (FailCut, Err(Fault::Cut))
            | (FailDepth, Err(Fault::Depth { .. })) => true,
            _ => false,
        };
        assert!(right, "{name}: {got:?}");
    }
}
