//! The JSON parsing test suite (RFC 8259): `y_` must be read, `n_` must not, `i_` is ours to decide.

use std::{fmt::Write as _, fs};

use headgate::filter::{Fault, Fields, Filter, Layout, LayoutSource, Limits, Schema, Verdict, filter};

use super::Always;
use crate::shared;

/// Filters with a layout that keeps all, as a whole and byte by byte.
fn kept(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let layout = LayoutSource { keep: vec![String::new()], ..LayoutSource::default() };
    let layout = Layout::compile(&Schema::default(), layout).unwrap();
    let judge = || Always(Verdict::Shown(Fields::All));
    let mut stream = Filter::new(&layout, Limits::default(), judge());
    let mut out = Vec::new();
    let read = text.iter().try_for_each(|byte| stream.push(&[*byte], &mut out));
    let streamed = read.and_then(|()| stream.finish(&mut out).map(|_| out));
    let whole = filter(text, &layout, Limits::default(), judge()).map(|(out, _)| out);
    assert_eq!(streamed, whole);
    whole
}

#[test]
fn every_file_of_the_parsing_suite_is_read_as_the_rfc_says() {
    let Some(folder) = shared::folder("json-test-suite/test_parsing") else { return };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 318);
    let mut decided = String::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read(&file).unwrap();
        let read = kept(&text);
        match name.get(..2) {
            Some("y_") => assert_eq!(read, Ok(text), "{name}"),
            Some("n_") => assert!(read.is_err(), "{name}"),
            _ => {
                let said = match read {
                    Ok(out) => {
                        assert_eq!(out, text, "{name}");
                        "passes as it stands".to_owned()
                    }
                    Err(fault) => format!("refused: {fault}"),
                };
                writeln!(decided, "{name}: {said}").unwrap();
            }
        }
    }
    insta::assert_snapshot!("undecided", decided);
}

#[test]
fn what_every_json_reader_must_read_passes_as_it_stands() {
    for text in [
        "0",
        "-0",
        "1.10",
        "1E400",
        "12345678901234567890123",
        "true",
        "null",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        r#"{"a":"\/\u00e9\ud83d\ude00","a":1}"#,
        // Halves of surrogate pairs are no text, but JSON: RFC 8259 section 8.2.
        r#"["\ud800","\udc00","\ud800\u0041","\ude00\ud83d","\uD800\n","\uDBFFx"]"#,
        r#"{"\ud800":1,"\ud800":2}"#,
        "\"𝄞\u{7f}\"",
        "\t\r\n{\"\" : [{}]}\n",
    ] {
        assert_eq!(kept(text.as_bytes()), Ok(text.into()), "{text}");
    }
}

#[test]
fn what_no_json_reader_may_read_is_refused() {
    for text in [
        "",
        " ",
        "tru",
        "nul",
        "truee",
        "01",
        "-",
        "1.",
        ".1",
        "1e",
        "+1",
        "NaN",
        "Infinity",
        "'a'",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "[1 2]",
        "[1",
        "{\"a\":",
        "\"a",
        "[1}]",
        "[]]",
        "[] []",
        "{}x",
        "\u{feff}[]",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\ud8\"",
        "\"\\ud800\\u00\"",
        "/**/1",
    ] {
        assert!(kept(text.as_bytes()).is_err(), "{text}");
    }
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc0\xaf\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xe2\x82\"",
        b"[]\xe2",
    ] {
        assert!(kept(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_fault_says_where_it_is() {
    for (text, fault) in [
        (&b"[1, x]"[..], Fault::Syntax { at: 4 }),
        (b"[\"\\x\"]", Fault::Text { at: 2 }),
        (b"[\"a\xff\"]", Fault::Text { at: 3 }),
        (b"[x\xff\"]", Fault::Syntax { at: 1 }),
        (b"[1", Fault::Cut),
        (b"[1,\"\xe2\x82", Fault::Cut),
    ] {
        assert_eq!(kept(text), Err(fault), "{}", String::from_utf8_lossy(text));
    }
    let deep = [vec![b'['; 129], vec![b']'; 129]].concat();
    assert_eq!(kept(&deep), Err(Fault::Depth { at: 128 }));
    assert_eq!(kept(&deep[1..257]).map(|out| out.len()), Ok(256));
}
