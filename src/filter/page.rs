//! Answers that come in pages: rows of some, in the frame of the first.

use super::{Total, ahead::Hole, scan::Marks};

/// A filtered text with its rows kept apart. A text without rows is a page without any.
#[derive(Clone, Debug)]
pub struct Page {
    /// Up to the first row, and from behind the last one.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// The white space before the first row, what parts two of them, and the white space behind the last.
    lead: Vec<u8>,
    parting: Vec<u8>,
    trail: Vec<u8>,
    /// Where in head and tail something is to be written, and what.
    head_holes: Vec<(usize, Hole)>,
    tail_holes: Vec<(usize, Hole)>,
    /// The rows one after the other, each with what parts it from the one before.
    text: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a row is in [`Page::text`].
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where what parts it from the one before begins.
    parted: usize,
    start: usize,
    end: usize,
}

impl Page {
    pub(super) fn new(mut out: Vec<u8>, marks: Marks) -> Self {
        let Marks { holes, rows, inside, parting } = marks;
        let (begin, end) = inside.unwrap_or((out.len(), out.len()));
        let mut trail = out.split_off(end.min(out.len()));
        let blank = trail.len() - trail.trim_ascii_start().len();
        let tail = trail.split_off(blank);
        let mut lead = out.split_off(begin.min(out.len()));
        let first = rows.first().map_or(begin, |(parted, ..)| *parted);
        let text = lead.split_off((first - begin).min(lead.len()));
        let (head_holes, tail_holes): (Vec<_>, Vec<_>) =
            holes.into_iter().partition(|(hole, _)| *hole <= begin);
        let row =
            |(parted, start, end)| Row { parted: parted - first, start: start - first, end: end - first };
        Self {
            head: out,
            tail,
            lead,
            parting,
            trail,
            head_holes,
            tail_holes: tail_holes.into_iter().map(|(hole, what)| (hole - end - blank, what)).collect(),
            text,
            rows: rows.into_iter().map(row).collect(),
        }
    }

    /// How many rows it has; placeholders of hidden rows are among them.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Keeps the first `count` rows.
    pub fn take(&mut self, count: usize) {
        self.rows.truncate(count);
    }

    /// Leaves the first `count` rows out.
    pub fn skip(&mut self, count: usize) {
        self.rows.drain(..count.min(self.rows.len()));
    }

    /// Adds the rows of a later page. What stands around them there is left out, but for the white space of the first ones.
    pub fn append(&mut self, other: &Self) {
        if self.rows.is_empty() && !other.rows.is_empty() {
            self.lead.clone_from(&other.lead);
            self.trail.clone_from(&other.trail);
        }
        if self.parting.is_empty() {
            self.parting.clone_from(&other.parting);
        }
        for row in &other.rows {
            let parted = self.text.len();
            self.text.extend_from_slice(other.text.get(row.parted..row.start).unwrap_or_default());
            let start = self.text.len();
            self.text.extend_from_slice(other.text.get(row.start..row.end).unwrap_or_default());
            self.rows.push(Row { parted, start, end: self.text.len() });
        }
    }

    /// Adds the rows of an earlier page. What stands around them there is left out.
    pub fn prepend(&mut self, other: &Self) {
        let later = self.rows.split_off(0);
        self.append(other);
        self.rows.extend(later);
    }

    /// Writes it, with these values in its holes.
    pub fn write(&self, totals: &TotalValues<'_>, out: &mut Vec<u8>) {
        totals.fill(&self.head, &self.head_holes, out);
        if !self.rows.is_empty() {
            out.extend_from_slice(&self.lead);
        }
        for (at, row) in self.rows.iter().enumerate() {
            let parted = self.text.get(row.parted..row.start).unwrap_or_default();
            if at > 0 {
                // What parts the first row of another page is not told.
                let parting = if self.parting.is_empty() { b"," } else { &*self.parting };
                out.extend_from_slice(if parted.is_empty() { parting } else { parted });
            }
            out.extend_from_slice(self.text.get(row.start..row.end).unwrap_or_default());
        }
        if !self.rows.is_empty() {
            out.extend_from_slice(&self.trail);
        }
        totals.fill(&self.tail, &self.tail_holes, out);
    }
}

/// The values of the totals of a text, by their [`Total`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TotalValues<'a> {
    /// How many rows the whole list has for its reader.
    pub rows: Option<u64>,
    /// The number of the page.
    pub number: Option<u64>,
    /// The address of the next page, if there is one.
    pub next: Option<&'a str>,
    /// Its cursor.
    pub cursor: Option<&'a str>,
    /// There is one.
    pub more: bool,
}

impl TotalValues<'_> {
    /// Of a list of so many rows that has no pages.
    #[must_use]
    pub const fn of(rows: u64) -> Self {
        Self { rows: Some(rows), number: None, next: None, cursor: None, more: false }
    }

    /// Writes what belongs into the holes of a text. There are few, and no other text is held meanwhile.
    pub(super) fn insert(&self, text: &mut Vec<u8>, holes: &[(usize, Hole)]) {
        let mut told = Vec::new();
        for (at, hole) in holes.iter().rev() {
            let at = (*at).min(text.len());
            told.clear();
            hole.fill(self, &mut told);
            text.splice(at..at, told.iter().copied());
        }
    }

    /// Writes a text and what belongs into its holes.
    fn fill(&self, text: &[u8], holes: &[(usize, Hole)], out: &mut Vec<u8>) {
        let mut from = 0;
        for (at, hole) in holes {
            out.extend_from_slice(text.get(from..*at).unwrap_or_default());
            hole.fill(self, out);
            from = *at;
        }
        out.extend_from_slice(text.get(from..).unwrap_or_default());
    }

    /// What is written of one; `None` where there is none.
    pub(super) fn told(&self, what: Total) -> Option<String> {
        let text = |text: Option<&str>| text.map(|text| serde_json::Value::from(text).to_string());
        match what {
            Total::Shown => self.rows.map(|rows| rows.to_string()),
            Total::Page => self.number.map(|number| number.to_string()),
            Total::Next => text(self.next),
            Total::Cursor => text(self.cursor),
            Total::More => self.more.then(|| "true".to_owned()),
            Total::Null | Total::Out => None,
        }
    }
}
