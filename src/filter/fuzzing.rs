//! The laws of the filter, as plain functions: fuzz targets feed them strangers' bytes, the replay of saved corpora
//! calls them on the stable toolchain.

use serde_json::{Value, json};

use super::{
    EntityNo, EntitySource, FactNo, Fields, Filter, Judge, Layout, LayoutSource, Limits, NoneAs, Object,
    Page, Schema, SchemaError, Total, TotalValues, Verdict, filter, page, readable,
};

/// Shows objects whose `hide` is `false`, hides those of which it is `true`, and shows no field of others.
struct Marked;

impl Judge for Marked {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        match object.fact(FactNo(0)).and_then(super::Raw::boolean) {
            Some(false) => Verdict::Shown(Fields::All),
            Some(true) => Verdict::Hidden,
            None => Verdict::Shown(Fields::NONE),
        }
    }
}

/// Filters bytes by a small layout, as a whole and in pieces, and by one that keeps all.
///
/// # Errors
/// If the layouts cannot be made, which no bytes bring about.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn answer(bytes: &[u8]) -> Result<(), SchemaError> {
    let schema = schema()?;
    let rows = LayoutSource {
        rows: Some(("/rows".into(), EntityNo(0))),
        nested: [("/more/*".into(), EntityNo(0)), ("/one".into(), EntityNo(0))].into(),
        none: [("/more".into(), NoneAs::Absent), ("/one".into(), NoneAs::Null)].into(),
        ..LayoutSource::default()
    };
    let keep = LayoutSource { keep: vec![String::new()], ..LayoutSource::default() };
    let rows = Layout::compile(&schema, LayoutSource { keep: vec!["/kept".into()], ..rows })?;
    let keep = Layout::compile(&schema, keep)?;

    let value = read(bytes);
    if let Ok(out) = split_like_whole(bytes, &keep) {
        assert_eq!(out, bytes, "what is kept is changed");
    }
    if let Ok(out) = split_like_whole(bytes, &rows) {
        let out = read(&out);
        // A number may be too large for the other reader.
        assert!(value.is_none() || out.is_some(), "what comes out is no JSON");
        let rows = out.as_ref().and_then(|out| out.get("rows")?.as_array());
        let bare = rows.is_none_or(|rows| rows.iter().all(|row| row.get("hide").is_none()));
        assert!(bare, "what nobody declared comes out");
        let none = |row: &Value| {
            let list = row.get("l").and_then(Value::as_array);
            row.get("l").is_none() || list.is_some_and(|list| !list.is_empty())
        };
        assert!(rows.is_none_or(|rows| rows.iter().all(none)), "none is written otherwise than declared");
    }
    Ok(())
}

/// Takes a list apart behind as many rows as the first byte says, and puts it together again. It is the same list
/// then, has the number of its page where that stood, and says what is said of the next page, whatever the bytes say of it.
///
/// # Errors
/// If the layout cannot be made, which no bytes bring about.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn pages(bytes: &[u8]) -> Result<(), SchemaError> {
    const NEXT: &str = "/list?page=2&q=\"\u{e9}";
    let schema = schema()?;
    let totals = [("/count", Total::Shown), ("/page", Total::Page), ("/next", Total::Next)];
    let ahead = [("/in/cursor", Total::Cursor), ("/kept/in/more", Total::More)];
    let totals = totals.into_iter().chain(ahead).map(|(place, total)| (place.to_owned(), total)).collect();
    let source = LayoutSource {
        rows: Some(("/rows".into(), EntityNo(0))),
        none: [("/in/cursor".into(), NoneAs::Absent), ("/kept/in/more".into(), NoneAs::Null)].into(),
        keep: vec!["/kept".into()],
        totals,
        ..LayoutSource::default()
    };
    let layout = Layout::compile(&schema, source)?;
    let Some((&first, text)) = bytes.split_first() else { return Ok(()) };

    let whole = filter(text, &layout, Limits::default(), Marked);
    let (out, mut head, mut tail) = match (whole, page(text, &layout, Limits::default(), Marked)) {
        (Ok((out, report)), Ok((page, same))) => {
            assert_eq!(report, same, "a page is counted otherwise");
            (out, page.clone(), page)
        }
        (whole, page) => {
            assert_eq!(whole.err(), page.err(), "a page has another fault");
            return Ok(());
        }
    };
    assert_eq!(written(&head, None, None), out, "a page is written otherwise");
    let cut = usize::from(first) % (head.rows() + 1);
    head.take(cut);
    tail.skip(cut);
    head.append(&tail);
    // A number may be too large for the other reader.
    let Some(whole) = read(&out) else { return Ok(()) };
    let joined = read(&written(&head, None, None));
    assert_eq!(joined.as_ref(), Some(&whole), "rows are lost or moved");
    let joined = read(&written(&head, Some(7), Some(NEXT))).unwrap_or_default();
    let number = Value::from(7);
    assert_eq!(joined.get("page"), whole.get("page").map(|_| &number), "the page");
    for (place, none, told) in [
        ("/next", Value::Null, Value::from(NEXT)),
        ("/in", json!({}), json!({"cursor": NEXT})),
        ("/kept/in/more", Value::Null, Value::from(true)),
    ] {
        assert_eq!(whole.pointer(place), Some(&none), "`{place}` where there is no next page");
        assert_eq!(joined.pointer(place), Some(&told), "`{place}`");
    }
    Ok(())
}

/// A text as the other reader has it, if it is one to it.
fn read(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(&readable(text)).ok()
}

fn written(page: &Page, number: Option<u64>, next: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    let rows = Some(page.rows() as u64);
    page.write(&TotalValues { rows, number, next, cursor: next, more: next.is_some() }, &mut out);
    out
}

/// An entity with fields, ruled ones, entities of its own in it, and a placeholder.
fn schema() -> Result<Schema, SchemaError> {
    Schema::compile(vec![EntitySource {
        fields: ["a", "b.c", "l"].map(str::to_owned).into(),
        ruled: ["secret", "a.d"].map(str::to_owned).into(),
        nested: [("/in".into(), EntityNo(0)), ("/l/*".into(), EntityNo(0))].into(),
        none: [("/in".into(), NoneAs::Null), ("/l".into(), NoneAs::Absent)].into(),
        facts: vec!["/hide".into()],
        placeholder: vec!["a".into()],
        ..EntitySource::default()
    }])
}

/// Filters a text as a whole and in pieces of sizes that follow from it, which must agree.
fn split_like_whole(bytes: &[u8], layout: &Layout) -> Result<Vec<u8>, super::Fault> {
    let whole = filter(bytes, layout, Limits::default(), Marked);
    let mut stream = Filter::new(layout, Limits::default(), Marked);
    let (mut rest, mut out, mut seed) = (bytes, Vec::new(), bytes.len());
    let pushed = loop {
        seed = seed.wrapping_mul(31).wrapping_add(7);
        let Some((piece, after)) = rest.split_at_checked((seed % 5 + 1).min(rest.len())) else {
            break Ok(());
        };
        if piece.is_empty() {
            break Ok(());
        }
        rest = after;
        if let Err(fault) = stream.push(piece, &mut out) {
            break Err(fault);
        }
    };
    let pieces = pushed.and_then(|()| stream.finish(&mut out)).map(|report| (out, report));
    assert_eq!(pieces, whole, "pieces are read otherwise than the whole");
    whole.map(|(out, _)| out)
}
