//! Answers that come in pages: rows of some, in the frame of the first.

use super::scan::Marks;

/// A filtered text with its rows kept apart. A text without rows is a page without any.
#[derive(Clone, Debug)]
pub struct Page {
    /// Up to the first row, and from behind the last one.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Where in them the number of rows is to be written.
    head_holes: Vec<usize>,
    tail_holes: Vec<usize>,
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
        let Marks { holes, rows, inside } = marks;
        let (begin, end) = inside.unwrap_or((out.len(), out.len()));
        let tail = out.split_off(end.min(out.len()));
        // White space before the first row belongs to the head.
        let begin = rows.first().map_or(begin, |(parted, ..)| *parted);
        let text = out.split_off(begin.min(out.len()));
        let (head_holes, tail_holes): (Vec<_>, Vec<_>) = holes.into_iter().partition(|hole| *hole <= begin);
        Self {
            head: out,
            tail,
            head_holes,
            tail_holes: tail_holes.into_iter().map(|hole| hole - end).collect(),
            text,
            rows: rows
                .into_iter()
                .map(|(parted, start, end)| Row {
                    parted: parted - begin,
                    start: start - begin,
                    end: end - begin,
                })
                .collect(),
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

    /// Adds the rows of a later page. What stands around them there is left out.
    pub fn append(&mut self, other: &Self) {
        for row in &other.rows {
            let parted = self.text.len();
            self.text.extend_from_slice(other.text.get(row.parted..row.start).unwrap_or_default());
            let start = self.text.len();
            self.text.extend_from_slice(other.text.get(row.start..row.end).unwrap_or_default());
            self.rows.push(Row { parted, start, end: self.text.len() });
        }
    }

    /// Writes it, with the number of its rows in place of those totals that are [`super::Total::Shown`].
    pub fn write(&self, out: &mut Vec<u8>) {
        let count = self.rows.len().to_string();
        filled(&self.head, &self.head_holes, &count, out);
        for (at, row) in self.rows.iter().enumerate() {
            let parted = self.text.get(row.parted..row.start).unwrap_or_default();
            if at > 0 {
                // The first row of another page has nothing before it.
                out.extend_from_slice(if parted.is_empty() { b"," } else { parted });
            }
            out.extend_from_slice(self.text.get(row.start..row.end).unwrap_or_default());
        }
        filled(&self.tail, &self.tail_holes, &count, out);
    }
}

/// Writes a text and a number into its holes.
fn filled(text: &[u8], holes: &[usize], number: &str, out: &mut Vec<u8>) {
    let mut from = 0;
    for hole in holes {
        out.extend_from_slice(text.get(from..*hole).unwrap_or_default());
        out.extend_from_slice(number.as_bytes());
        from = *hole;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
}
