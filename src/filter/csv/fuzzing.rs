//! The law of tables: a fuzz target feeds it, and the stable test suite replays the saved corpus.

use std::collections::BTreeMap;

use super::{Lines, Table};
use crate::filter::{EntityNo, EntitySource, FieldIx, Fields, Judge, Object, Raw, Schema, Verdict};

/// Shows rows by who is responsible: `ana`'s wholly, `sue`'s without what is told apart, others' not at all.
#[derive(Debug)]
pub struct Owners {
    /// What is shown of `sue`'s.
    sues: Fields,
}

impl Owners {
    /// The table that is looked for, and its judge.
    #[must_use]
    pub fn table() -> (Table, Self) {
        let source = EntitySource {
            name: "contact".to_owned(),
            fields: ["id", "name", "phone_number", "meta"].map(str::to_owned).into(),
            ruled: ["phone_number", "meta.vip"].map(str::to_owned).into(),
            facts: vec!["/owner".to_owned()],
            nested: BTreeMap::from([("/meta/sender".to_owned(), EntityNo(0))]),
            ..EntitySource::default()
        };
        let schema = Schema::compile(vec![source.clone()]).unwrap_or_default();
        let table = Table::new(&schema, EntityNo(0), &source);
        let mut sues = Fields::NONE;
        for (number, name) in (0..).zip(&table.fields) {
            if !["phone_number", "meta.vip"].contains(&name.as_str()) {
                sues.insert(FieldIx(number));
            }
        }
        (table, Self { sues })
    }
}

impl Judge for Owners {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let owner = object.facts.first().copied().flatten().and_then(Raw::name);
        match owner.as_deref() {
            Some("ana") => Verdict::Shown(Fields::All),
            Some("sue") => Verdict::Shown(self.sues.clone()),
            _ => Verdict::Hidden,
        }
    }
}

/// What is left of a table is a table; its rows are those that may be seen, in their order, and its cells are those of
/// the text or empty.
///
/// # Panics
/// If the law is broken; this is what a fuzzer looks for.
pub fn table(bytes: &[u8]) {
    let (table, owners) = Owners::table();
    let Ok((shown, report)) = table.filter(bytes, owners) else { return };
    let (before, after) = (read(bytes), read(&shown));
    let Some((names, rows)) = before.split_first() else { return };
    let owner = names.iter().position(|name| name == "owner");
    let owners: Vec<_> =
        rows.iter().map(|row| owner.and_then(|at| row.get(at)).map(String::as_str)).collect();
    let visible: Vec<_> =
        rows.iter().zip(&owners).filter(|(_, owner)| matches!(owner, Some("ana" | "sue"))).collect();
    assert_eq!(u64::try_from(visible.len()).ok(), Some(report.rows_shown));
    let Some((left, shown)) = after.split_first() else { return };
    assert_eq!(shown.len(), visible.len(), "another number of rows");
    for (row, (of, owner)) in shown.iter().zip(visible) {
        assert_eq!(row.len(), left.len(), "a row is ragged");
        for (cell, name) in row.iter().zip(left) {
            let told_apart = name == "meta.vip"
                || name.starts_with("meta.vip.")
                || name.split('.').any(|step| step == "phone_number")
                || name == "meta";
            let declared =
                ["id", "name", "phone_number", "meta"].contains(&name.split('.').next().unwrap_or_default());
            assert!(declared, "a column that nobody declared");
            let at = names.iter().position(|known| known == name);
            let was = at.and_then(|at| of.get(at)).map_or("", String::as_str);
            let hidden = told_apart && *owner == Some("sue");
            assert_eq!(cell, if hidden { "" } else { was }, "another cell");
        }
    }
}

fn read(text: &[u8]) -> Vec<Vec<String>> {
    let Ok(mut lines) = Lines::new(text) else { return Vec::new() };
    let (mut cells, mut all) = (Vec::new(), Vec::new());
    lines.mark();
    while lines.next(&mut cells) == Ok(true) {
        all.push(cells.iter().map(|cell| lines.value(cell).into_owned()).collect());
    }
    all
}
