//! Reading comma-separated values (RFC 4180) strictly: what two readers could take apart differently is not read.

use std::{borrow::Cow, ops::Range};

use super::CsvFault;

/// Tables, line by line.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
    /// What the first line ended with; all must.
    end: Option<&'static str>,
}

impl<'a> Lines<'a> {
    /// # Errors
    /// If it is not UTF-8.
    pub(super) fn new(text: &'a [u8]) -> Result<Self, CsvFault> {
        let text = std::str::from_utf8(text).map_err(|error| CsvFault::Text { at: error.valid_up_to() })?;
        Ok(Self { text, at: 0, end: None })
    }

    /// Passes over a byte order mark; what stands there.
    pub(super) fn mark(&mut self) -> &'a str {
        const MARK: &str = "\u{feff}";
        if self.text.starts_with(MARK) {
            self.at = MARK.len();
        }
        self.text.get(..self.at).unwrap_or_default()
    }

    /// Bytes that were read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What lines end with.
    pub(super) fn end(&self) -> &'static str {
        self.end.unwrap_or("\n")
    }

    /// Whether the last line has an end like the others.
    pub(super) fn is_ended(&self) -> bool {
        self.text.ends_with('\n')
    }

    /// A cell as it stands.
    pub(super) fn raw(&self, cell: &Range<usize>) -> &'a str {
        self.text.get(cell.clone()).unwrap_or_default()
    }

    /// What a cell says.
    pub(super) fn value(&self, cell: &Range<usize>) -> Cow<'a, str> {
        let raw = self.raw(cell);
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            Some(inner) if inner.contains('"') => inner.replace("\"\"", "\"").into(),
            Some(inner) => inner.into(),
            None => raw.into(),
        }
    }

    /// Reads a line into `cells`; `false` at the end.
    ///
    /// # Errors
    /// [`CsvFault`] if it can be read in two ways, or not at all.
    pub(super) fn next(&mut self, cells: &mut Vec<Range<usize>>) -> Result<bool, CsvFault> {
        cells.clear();
        let start = self.at;
        if start == self.text.len() {
            return Ok(false);
        }
        loop {
            let cell = self.cell()?;
            cells.push(cell);
            let rest = self.rest();
            let end = if let Some(&b',') = rest.first() {
                self.at += 1;
                continue;
            } else if rest.starts_with(b"\r\n") {
                "\r\n"
            } else if rest.starts_with(b"\n") {
                "\n"
            } else if rest.is_empty() {
                break;
            } else {
                return Err(CsvFault::Syntax { at: self.at });
            };
            // In a text with other line ends it would be a character of a cell to some.
            if *self.end.get_or_insert(end) != end {
                return Err(CsvFault::Syntax { at: self.at });
            }
            self.at += end.len();
            break;
        }
        match &**cells {
            // A line without anything is a row to some and none to others.
            [only] if only.is_empty() => Err(CsvFault::Syntax { at: start }),
            _ => Ok(true),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next cell, up to what follows it.
    fn cell(&mut self) -> Result<Range<usize>, CsvFault> {
        let start = self.at;
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut bytes = quoted.iter().enumerate();
            while let Some((at, byte)) = bytes.next() {
                match byte {
                    b'"' if quoted.get(at + 1) == Some(&b'"') => {
                        bytes.next();
                    }
                    b'"' => {
                        self.at = start + at + 2;
                        return Ok(start..self.at);
                    }
                    0 => return Err(CsvFault::Syntax { at: start + at + 1 }),
                    _ => {}
                }
            }
            return Err(CsvFault::Cut);
        }
        let length = rest.iter().position(|byte| matches!(byte, b',' | b'\r' | b'\n' | b'"' | 0));
        self.at = start + length.unwrap_or(rest.len());
        Ok(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, CsvFault> {
        let mut lines = Lines::new(text.as_bytes())?;
        let (mut cells, mut all) = (Vec::new(), Vec::new());
        lines.mark();
        while lines.next(&mut cells)? {
            all.push(cells.iter().map(|cell| lines.value(cell).into_owned()).collect());
        }
        Ok(all)
    }

    #[test]
    fn cells_are_read_as_the_rfc_says() {
        for (text, expected) in [
            ("a,b\r\n1,2\r\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("\u{feff}a\n\"1\"\n", vec![vec!["a"], vec!["1"]]),
            ("\"a,\"\"b\"\"\r\nc\",,\"\"\n", vec![vec!["a,\"b\"\r\nc", "", ""]]),
            (" a ,=1+1,@x\n", vec![vec![" a ", "=1+1", "@x"]]),
            ("", vec![]),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_two_readers_take_apart_differently_is_not_read() {
        for (text, fault) in [
            ("a\"b\n", CsvFault::Syntax { at: 1 }),
            ("\"a\"b\n", CsvFault::Syntax { at: 3 }),
            ("\"a\" ,b\n", CsvFault::Syntax { at: 3 }),
            ("a\rb\n", CsvFault::Syntax { at: 1 }),
            ("a\r\nb\nc\r\n", CsvFault::Syntax { at: 4 }),
            ("a\n\nb\n", CsvFault::Syntax { at: 2 }),
            ("a\nb\n\n", CsvFault::Syntax { at: 4 }),
            ("a\0b\n", CsvFault::Syntax { at: 1 }),
            ("\"a\0b\"\n", CsvFault::Syntax { at: 2 }),
            ("a,\"b\n", CsvFault::Cut),
            ("\"", CsvFault::Cut),
        ] {
            assert_eq!(read(text), Err(fault), "{text:?}");
        }
        assert_eq!(Lines::new(b"a,\xff\n").unwrap_err(), CsvFault::Text { at: 2 });
    }
}
