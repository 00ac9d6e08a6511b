//! The laws of the filter, as plain functions: fuzz targets feed them strangers' bytes, the replay of saved corpora
//! calls them on the stable toolchain.

use serde_json::Value;

use super::{
    EntityNo, EntitySource, FactNo, Fields, Filter, Judge, Layout, LayoutSource, Limits, Object, Schema,
    SchemaError, Verdict, filter,
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
    let schema = Schema::compile(vec![EntitySource {
        fields: ["a", "b.c", "l"].map(str::to_owned).into(),
        ruled: ["secret", "a.d"].map(str::to_owned).into(),
        nested: [("/in".into(), EntityNo(0)), ("/l/*".into(), EntityNo(0))].into(),
        facts: vec!["/hide".into()],
        placeholder: vec!["a".into()],
        ..EntitySource::default()
    }])?;
    let rows = LayoutSource { rows: Some(("/rows".into(), EntityNo(0))), ..LayoutSource::default() };
    let keep = LayoutSource { keep: vec![String::new()], ..LayoutSource::default() };
    let rows = Layout::compile(&schema, LayoutSource { keep: vec!["/kept".into()], ..rows })?;
    let keep = Layout::compile(&schema, keep)?;

    let value: Option<Value> = serde_json::from_slice(bytes).ok();
    if let Ok(out) = split_like_whole(bytes, &keep) {
        assert_eq!(out, bytes, "what is kept is changed");
    }
    if let Ok(out) = split_like_whole(bytes, &rows) {
        let out: Option<Value> = serde_json::from_slice(&out).ok();
        // A number may be too large for the other reader.
        assert!(value.is_none() || out.is_some(), "what comes out is no JSON");
        let rows = out.as_ref().and_then(|out| out.get("rows")?.as_array());
        let bare = rows.is_none_or(|rows| rows.iter().all(|row| row.get("hide").is_none()));
        assert!(bare, "what nobody declared comes out");
    }
    Ok(())
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
