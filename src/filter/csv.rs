//! What of comma-separated values may pass: the rows of an export, and of each the columns.
//!
//! The first line names the columns. A row is an object whose members are its cells: a column is the field that
//! has its name (`phone_number`, `meta.channel`), and a fact at `/meta/channel` stands in the column `meta.channel`.
//! A row that may not be seen is taken out with its line, a column that nobody declared or that is shown in no row with
//! all its cells. A cell that may not be seen, in a column that other rows show, is left empty. Without a row that
//! may be seen nothing is left, not even the names.
//!
//! What passes is copied as it stands: quotes, line ends, characters that some programs take for formulas. What two
//! readers could take apart differently is a [`CsvFault`] of the whole text.

pub mod fuzzing;
mod read;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use smallvec::SmallVec;

use self::read::Lines;
use super::{EntityNo, EntitySource, FieldIx, Fields, Judge, Object, Raw, Report, Schema, Verdict};

/// Rows of an entity as comma-separated values, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Table {
    entity: EntityNo,
    /// By [`FieldIx`].
    fields: Vec<String>,
    /// The declared ones among them; `*` for every one.
    declared: Vec<String>,
    /// The columns in which the facts stand.
    facts: Vec<String>,
    /// The columns in which other entities begin. There is no telling what stands in them.
    nested: Vec<String>,
}

/// Why nothing of an export may pass. It says where, never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvFault {
    /// It is no comma-separated values, or could be read as others.
    #[error("no comma-separated values at byte {at}")]
    Syntax {
        /// Bytes before it.
        at: usize,
    },
    /// It is not UTF-8.
    #[error("no text at byte {at}")]
    Text {
        /// Bytes before it.
        at: usize,
    },
    /// A column has no sound name: with other separators or white space around it, it may be several.
    #[error("column {column} has no sound name")]
    Name {
        /// The first is 1.
        column: usize,
    },
    /// Two columns have one name.
    #[error("column {column} has the name of another")]
    Twice {
        /// The second of them; the first of all is 1.
        column: usize,
    },
    /// A row has more or fewer cells than there are columns.
    #[error("the row before byte {at} has not one cell for each column")]
    Ragged {
        /// Bytes up to its end.
        at: usize,
    },
    /// There is no line of names.
    #[error("there is no line of names")]
    Missing,
    /// It ends within quotes.
    #[error("the text ends too early")]
    Cut,
}

/// A column by its name.
struct Column {
    /// The fields that must all be shown for it; `None`: nobody declared it.
    fields: Option<SmallVec<[FieldIx; 2]>>,
}

/// What is shown of rows that are alike in that.
struct View {
    fields: Fields,
    /// By column.
    columns: Vec<bool>,
    rows: u64,
}

impl Table {
    /// The rows of an entity of a schema, which was declared so.
    #[must_use]
    pub fn new(schema: &Schema, entity: EntityNo, source: &EntitySource) -> Self {
        Self {
            entity,
            fields: schema.fields(entity).to_vec(),
            declared: source.fields.clone(),
            facts: source.facts.iter().map(|pointer| dotted(pointer)).collect(),
            nested: source
                .nested
                .keys()
                .map(|pointer| dotted(pointer.split("/*").next().unwrap_or_default()))
                .collect(),
        }
    }

    /// What may be shown of a text.
    ///
    /// # Errors
    /// [`CsvFault`]: nothing of it may be shown.
    pub fn filter(&self, text: &[u8], mut judge: impl Judge) -> Result<(Vec<u8>, Report), CsvFault> {
        let mut lines = Lines::new(text)?;
        let mark = lines.mark();
        let mut cells = Vec::new();
        if !lines.next(&mut cells)? {
            return Err(CsvFault::Missing);
        }
        let names: Vec<_> = cells.iter().map(|cell| lines.value(cell)).collect();
        check(&names)?;
        let columns: Vec<_> = names.iter().map(|name| self.column(name)).collect();
        let facts: Vec<_> =
            self.facts.iter().map(|fact| names.iter().position(|name| name == fact)).collect();

        // Which columns are shown is known after the last row, so everything is read twice.
        let (mut rows, mut views, mut report) = (Vec::new(), Vec::<View>::new(), Report::default());
        let mut reading = lines.clone();
        while reading.next(&mut cells)? {
            if cells.len() != columns.len() {
                return Err(CsvFault::Ragged { at: reading.at() });
            }
            let told = facts.iter().map(|column| fact(&reading.value(cells.get((*column)?)?)));
            let told: Vec<_> = told.collect();
            let raws: Vec<_> =
                told.iter().map(|fact| fact.as_deref().map(|text| Raw(text.as_bytes()))).collect();
            let object = Object { entity: self.entity, main: true, outer: None, facts: &raws };
            rows.push(match judge.judge(&object) {
                Verdict::Hidden | Verdict::Absent => None,
                Verdict::Shown(fields) => {
                    let known = views.iter().position(|view| view.fields == fields);
                    let view = known.unwrap_or_else(|| {
                        let columns = columns.iter().map(|column| column.is_shown(&fields)).collect();
                        views.push(View { fields, columns, rows: 0 });
                        views.len() - 1
                    });
                    if let Some(view) = views.get_mut(view) {
                        view.rows += 1;
                    }
                    u32::try_from(view).ok()
                }
            });
        }
        self.tell(&columns, &views, rows.len(), &mut report);

        let kept = |column: usize| views.iter().any(|view| view.columns.get(column) == Some(&true));
        let kept: Vec<bool> = (0..columns.len()).map(kept).collect();
        if !kept.contains(&true) {
            return Ok((Vec::new(), report));
        }
        let mut shown = Vec::with_capacity(text.len());
        shown.extend_from_slice(mark.as_bytes());
        let mut reading = Lines::new(text)?;
        reading.mark();
        reading.next(&mut cells)?;
        write(&mut shown, &reading, &cells, &kept, &kept);
        for row in rows {
            reading.next(&mut cells)?;
            if let Some(view) = row.and_then(|view| views.get(usize::try_from(view).ok()?)) {
                shown.extend_from_slice(reading.end().as_bytes());
                write(&mut shown, &reading, &cells, &kept, &view.columns);
            }
        }
        if reading.is_ended() {
            shown.extend_from_slice(reading.end().as_bytes());
        }
        Ok((shown, report))
    }

    /// What a column is, by its name: the field that has it, in whatever field that stands, and everything that is
    /// told apart in it.
    fn column(&self, name: &str) -> Column {
        let is_declared = |field: &String| field != "*" && within(name, field);
        let listed = self.declared.iter().any(is_declared);
        let starred = self.declared.iter().any(|field| field == "*");
        let foreign = self.nested.iter().any(|place| within(name, place) || within(place, name));
        if foreign || !(listed || starred) {
            return Column { fields: None };
        }
        let matters = |field: &str| match field.strip_suffix(".*") {
            _ if field == "*" => !listed,
            Some(place) => within(name, place) || within(place, name),
            // A bare name is meant wherever it stands.
            None => within(name, field) || within(field, name) || name.split('.').any(|step| step == field),
        };
        let fields = (0..).zip(&self.fields).filter(|(_, field)| matters(field));
        Column { fields: Some(fields.map(|(number, _)| FieldIx(number)).collect()) }
    }

    /// Counts what was taken out.
    fn tell(&self, columns: &[Column], views: &[View], rows: usize, report: &mut Report) {
        report.rows_shown = views.iter().map(|view| view.rows).sum();
        report.rows_hidden = u64::try_from(rows).unwrap_or(u64::MAX).saturating_sub(report.rows_shown);
        let undeclared = columns.iter().filter(|column| column.fields.is_none()).count();
        report.undeclared = report.rows_shown.saturating_mul(u64::try_from(undeclared).unwrap_or(u64::MAX));
        let mut hidden = BTreeMap::<FieldIx, u64>::new();
        for view in views {
            for column in columns {
                let fields = column.fields.iter().flatten();
                if let Some(field) = fields.copied().find(|field| !view.fields.has(*field)) {
                    *hidden.entry(field).or_default() += view.rows;
                }
            }
        }
        report.fields_hidden = hidden.into_iter().map(|(field, times)| (self.entity, field, times)).collect();
    }
}

impl Column {
    fn is_shown(&self, shown: &Fields) -> bool {
        self.fields.as_ref().is_some_and(|fields| fields.iter().all(|field| shown.has(*field)))
    }
}

/// Writes those cells of a line that are kept, and of them empty ones for those that are not shown.
fn write(to: &mut Vec<u8>, lines: &Lines<'_>, cells: &[Range<usize>], kept: &[bool], shown: &[bool]) {
    let start = to.len();
    let mut kept_ones = cells.iter().zip(kept).zip(shown).filter(|((_, kept), _)| **kept).peekable();
    while let Some(((cell, _), shown)) = kept_ones.next() {
        if *shown {
            to.extend_from_slice(lines.raw(cell).as_bytes());
        }
        if kept_ones.peek().is_some() {
            to.push(b',');
        }
    }
    // A line without anything would be no row to some readers.
    if to.len() == start {
        to.extend_from_slice(b"\"\"");
    }
}

/// What a cell says of an object, as JSON. An empty cell says nothing.
fn fact(cell: &str) -> Option<String> {
    let boolean = ["true", "false"].into_iter().find(|word| cell.eq_ignore_ascii_case(word));
    match (cell, boolean) {
        ("", _) => None,
        (_, Some(word)) => Some(word.to_owned()),
        (text, None) => serde_json::to_string(text).ok(),
    }
}

/// Whether names can be told apart, and are not several in one to a reader with another separator.
fn check(names: &[Cow<'_, str>]) -> Result<(), CsvFault> {
    let mut seen = HashSet::new();
    for (column, name) in (1..).zip(names) {
        if name.trim() != *name
            || name.contains(|c: char| c.is_control() || matches!(c, ';' | '|' | '\u{feff}'))
        {
            return Err(CsvFault::Name { column });
        }
        if !seen.insert(&**name) {
            return Err(CsvFault::Twice { column });
        }
    }
    Ok(())
}

/// Whether a dotted name is another, or stands in it.
fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A pointer of RFC 6901 as a dotted name.
fn dotted(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fuzzing::Owners, *};

    /// What [`Owners`] leaves of a text.
    fn filtered(text: &str) -> Result<String, CsvFault> {
        let (table, owners) = Owners::table();
        let (shown, _) = table.filter(text.as_bytes(), owners)?;
        Ok(String::from_utf8(shown).unwrap())
    }

    #[test]
    fn rows_and_columns_that_are_hidden_are_absent() {
        for (text, expected) in [
            // A hidden row goes with its line, an undeclared column with its cells.
            ("id,owner,secret,name\n1,ana,s,A\n2,ben,s,B\n3,sue,s,C\n", "id,name\n1,A\n3,C\n"),
            // A column that some row shows stays; one that none shows goes.
            ("id,phone_number,owner\n1,111,ana\n3,333,sue\n", "id,phone_number\n1,111\n3,\n"),
            ("id,phone_number,owner\n2,222,ben\n3,333,sue\n", "id\n3\n"),
            // Without a row nothing tells that there could be any.
            ("id,owner\n2,ben\n", ""),
            ("id,owner\n", ""),
            ("id\n1\n", ""),
            // Who is responsible for a row is not known where the cell is empty.
            ("id,owner\n1,\n2,\"\"\n", ""),
            ("secret,owner\ns,ana\n", ""),
        ] {
            assert_eq!(filtered(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_passes_is_copied_as_it_stands() {
        for text in [
            "id,name\r\n\"1\",\"a \"\"b\"\",\r\nc\"\r\n007,=cmd|' /C calc'!A0\r\n",
            "\u{feff}id,\"name\"\n1.10, x \n-0,\"\"\n1e400,\u{1f600}",
            "id\n+1\n@2",
        ] {
            // The same with a column more, which nobody declared: everything in it is ana's.
            let mut in_quotes = false;
            let with_owner: String = text
                .split_inclusive('\n')
                .enumerate()
                .map(|(number, line)| {
                    in_quotes ^= line.matches('"').count() % 2 == 1;
                    let owner = if number == 0 { ",owner" } else { ",ana" };
                    let content = line.trim_end_matches(['\r', '\n']);
                    let end = line.strip_prefix(content).unwrap();
                    if in_quotes { line.to_owned() } else { format!("{content}{owner}{end}") }
                })
                .collect();
            assert_eq!(filtered(&with_owner).unwrap(), text, "{with_owner:?}");
        }
    }

    #[test]
    fn a_cell_of_a_field_that_is_told_apart_needs_it() {
        // `meta` is declared, `meta.vip` told apart in it, and so is `phone_number`, wherever it stands.
        for (column, sees_all, sees_some) in [
            ("meta.vip", true, false),
            ("meta.vip.since", true, false),
            ("meta.stage", true, true),
            ("meta.phone_number", true, false),
            ("metadata", false, false),
            ("Phone_Number", false, false),
            // `meta` and `meta.sender` hold another entity.
            ("meta", false, false),
            ("meta.sender", false, false),
            ("meta.sender.name", false, false),
        ] {
            for (owner, shown) in [("ana", sees_all), ("sue", sees_some)] {
                let found = filtered(&format!("{column},owner\nx,{owner}\n")).unwrap();
                assert_eq!(found == format!("{column}\nx\n"), shown, "{column} {owner}: {found:?}");
                assert_eq!(found.is_empty(), !shown, "{column} {owner}");
            }
        }
    }

    #[test]
    fn what_is_no_sound_table_is_refused() {
        for (text, fault) in [
            ("", CsvFault::Missing),
            ("id,name,id\n", CsvFault::Twice { column: 3 }),
            ("id,\"id\"\n", CsvFault::Twice { column: 2 }),
            ("id;phone_number;owner\n1;1;ana\n", CsvFault::Name { column: 1 }),
            ("id\tphone_number\n", CsvFault::Name { column: 1 }),
            ("id, phone_number\n", CsvFault::Name { column: 2 }),
            ("id,\"name\n\"\n", CsvFault::Name { column: 2 }),
            ("id,owner\n1,ana\n2\n", CsvFault::Ragged { at: 17 }),
            ("id,owner\n1,ana,x\n", CsvFault::Ragged { at: 17 }),
            ("id,owner\n1,ana\n2,\"ana", CsvFault::Cut),
            ("id,owner\n\n", CsvFault::Syntax { at: 9 }),
        ] {
            assert_eq!(filtered(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn what_was_taken_out_is_told() {
        let text = "id,secret,phone_number,owner\n1,s,1,ana\n2,s,2,ben\n3,s,3,sue\n4,s,4,sue\n";
        let (table, owners) = Owners::table();
        let (_, report) = table.filter(text.as_bytes(), owners).unwrap();
        assert_eq!((report.rows_shown, report.rows_hidden), (3, 1));
        // `secret` and `owner`, in three rows.
        assert_eq!(report.undeclared, 6);
        assert_eq!(report.fields_hidden.iter().map(|(.., times)| *times).collect::<Vec<_>>(), [2]);
    }

    proptest! {
        /// Another reader finds in what is left the cells that were to be left.
        #[test]
        fn another_reader_reads_the_same(
            columns in proptest::sample::subsequence(vec!["id", "name", "phone_number", "meta.vip", "secret", "owner"], 1..=6).prop_shuffle(),
            rows in proptest::collection::vec((prop_oneof!["ana", "ben", "sue", ""], proptest::collection::vec("[a-z\",\r\n ;=]{0,4}", 6)), 0..5),
            quotes in any::<bool>(),
            crlf in any::<bool>(),
        ) {
            let mut writer = csv::WriterBuilder::new()
                .quote_style(if quotes { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
                .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
                .from_writer(Vec::new());
            writer.write_record(&columns).unwrap();
            for (owner, cells) in &rows {
                let cell = |(column, cell): (&&str, &String)| if *column == "owner" { owner.clone() } else { cell.clone() };
                writer.write_record(columns.iter().zip(cells).map(cell)).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let (table, owners) = Owners::table();
            let (shown, _) = table.filter(&text, owners).unwrap();

            let owned = columns.contains(&"owner");
            let sees = |owner: &str, column: &str| match (owner, column) {
                _ if !owned => false,
                ("ana", "id" | "name" | "phone_number" | "meta.vip") | ("sue", "id" | "name") => true,
                _ => false,
            };
            let kept: Vec<_> = columns.iter().enumerate()
                .filter(|(_, column)| rows.iter().any(|(owner, _)| sees(owner, column))).collect();
            let mut expected: Vec<Vec<String>> = Vec::new();
            if !kept.is_empty() {
                expected.push(kept.iter().map(|(_, column)| (**column).to_owned()).collect());
                let visible = rows.iter().filter(|(owner, _)| owner == "ana" || owner == "sue");
                expected.extend(visible.map(|(owner, cells)| {
                    let cell = |(at, column): &(usize, &&str)| if sees(owner, column) { cells[*at].clone() } else { String::new() };
                    kept.iter().map(cell).collect()
                }));
            }
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*shown);
            let found: Vec<Vec<String>> = reader.records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(found, expected, "{:?} of {:?}", String::from_utf8_lossy(&shown), String::from_utf8_lossy(&text));
        }

        #[test]
        fn any_text_keeps_the_law(text in "(id|owner|name|[\",\n\r;a ]|ana|ben|sue|\u{feff}|meta.vip){0,40}") {
            fuzzing::table(text.as_bytes());
        }
    }
}
