//! Texts in chunks and as a whole.

use super::{
    Fault, Judge, Layout, Page, Report,
    page::TotalValues,
    scan::{Marks, Scan},
};

/// How much of a text is held and looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest object, in bytes, that is held until it is whole: a row, or the outermost object of a place. The
    /// key and white space before it are held as well, up to as much again. What is noted of an object takes at
    /// most some twenty times its length (an object of nothing but empty ones), and eight bytes more of each of those for each of its
    /// facts. Never more than 1 GiB.
    pub object_bytes_max: usize,
    /// How deep objects and lists may stand in each other. Of answers `docs/limits.md` calls it `answer_nesting_max`.
    pub depth_max: usize,
}

impl Default for Limits {
    /// 8 MiB, some hundred times the largest conversation of a chat backend; 128 levels, as deep as most readers
    /// of JSON go.
    fn default() -> Self {
        Self { object_bytes_max: 8 << 20, depth_max: 128 }
    }
}

impl Limits {
    pub(super) fn object_bytes(&self) -> usize {
        self.object_bytes_max.min(1 << 30)
    }
}

/// A text that is filtered while it comes. A fault ends it: what has come out until then is not the answer, and
/// nothing more comes.
#[derive(Debug)]
pub struct Filter<J> {
    scan: Scan,
    judge: J,
    /// What is still needed of the text, whole characters; it begins at byte `base`.
    held: Vec<u8>,
    base: usize,
    /// A character that a chunk cut.
    cut: Vec<u8>,
    fault: Option<Fault>,
}

impl<J: Judge> Filter<J> {
    /// A filter of a text that has not begun.
    #[must_use]
    pub fn new(layout: &Layout, limits: Limits, judge: J) -> Self {
        let scan = Scan::new(layout.plan.clone(), limits);
        Self { scan, judge, held: Vec::new(), base: 0, cut: Vec::new(), fault: None }
    }

    /// Reads a chunk, and adds to `out` what may pass of what is whole.
    ///
    /// # Errors
    /// If the text is faulty, and from then on.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let length = out.len();
        let read = self.text(chunk, out);
        if let Err(fault) = read {
            out.truncate(length);
            self.fault = Some(fault);
        }
        read
    }

    /// The text has ended.
    ///
    /// # Errors
    /// If it is faulty, was, or lacks what its layout says must be there.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Report, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.cut.is_empty() {
            return Err(Fault::Cut);
        }
        let length = out.len();
        let end = self.scan.finish(&self.held, self.base, &mut self.judge, out);
        end.inspect_err(|_fault| out.truncate(length))?;
        Ok(self.scan.report)
    }

    /// Bytes that it holds on to: the text of what is not whole, and what is noted of it.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.held.capacity() + self.cut.capacity() + self.scan.bytes()
    }

    fn text(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let done = self.scan.needed().saturating_sub(self.base).min(self.held.len());
        self.held.drain(..done);
        self.base += done;
        while !self.cut.is_empty() {
            let Some((&byte, rest)) = chunk.split_first() else { return Ok(()) };
            chunk = rest;
            self.cut.push(byte);
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.held.append(&mut self.cut),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    self.scan.read(&self.held, self.base, &mut self.judge, out)?;
                    return Err(Fault::Text { at: (self.base + self.held.len()) as u64 });
                }
            }
        }
        let (sound, rest, wrong) = sound(chunk);
        self.held.extend_from_slice(sound);
        self.scan.read(&self.held, self.base, &mut self.judge, out)?;
        if wrong {
            return Err(Fault::Text { at: (self.base + self.held.len()) as u64 });
        }
        self.cut.extend_from_slice(rest);
        Ok(())
    }
}

/// The characters with which a text begins, the rest, and whether that cannot become one.
fn sound(text: &[u8]) -> (&[u8], &[u8], bool) {
    match simdutf8::compat::from_utf8(text) {
        Ok(_) => (text, &[], false),
        Err(error) => {
            let (sound, rest) = text.split_at_checked(error.valid_up_to()).unwrap_or_default();
            (sound, rest, error.error_len().is_some())
        }
    }
}

/// Filters a text that is at hand as a whole: what may pass of it, and what was taken out. Counts of rows are right
/// wherever they stand.
///
/// # Errors
/// If the text is faulty or lacks what its layout says must be there.
pub fn filter<J: Judge>(
    text: &[u8],
    layout: &Layout,
    limits: Limits,
    judge: J,
) -> Result<(Vec<u8>, Report), Fault> {
    let (mut out, marks, rows, report) = whole(text, layout, limits, judge)?;
    TotalValues::of(rows).insert(&mut out, &marks.holes);
    Ok((out, report))
}

/// Filters a text that is at hand as a whole, and keeps its rows apart, to be joined with those of other pages.
///
/// # Errors
/// If the text is faulty or lacks what its layout says must be there.
pub fn page<J: Judge>(
    text: &[u8],
    layout: &Layout,
    limits: Limits,
    judge: J,
) -> Result<(Page, Report), Fault> {
    let (out, marks, _, report) = whole(text, layout, limits, judge)?;
    Ok((Page::new(out, marks), report))
}

fn whole<J: Judge>(
    text: &[u8],
    layout: &Layout,
    limits: Limits,
    mut judge: J,
) -> Result<(Vec<u8>, Marks, u64, Report), Fault> {
    let mut scan = Scan::new(layout.plan.clone(), limits);
    scan.marks = Some(Marks::default());
    let mut out = Vec::with_capacity(text.len());
    let (sound, rest, wrong) = sound(text);
    scan.read(sound, 0, &mut judge, &mut out)?;
    if wrong {
        return Err(Fault::Text { at: sound.len() as u64 });
    }
    if !rest.is_empty() {
        return Err(Fault::Cut);
    }
    scan.finish(sound, 0, &mut judge, &mut out)?;
    Ok((out, scan.marks.unwrap_or_default(), scan.rows_left, scan.report))
}
