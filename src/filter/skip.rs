//! Reads a value of which nothing is looked for in it: only that it is sound.

use super::{
    Fault,
    token::{self, Number, Read, blank},
};

/// What comes next in a value that is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    Comma,
    InKey,
    InString,
    InNumber(Number),
}

/// The containers around what comes next.
#[derive(Debug, Default)]
pub(super) struct Brackets(Vec<u8>);

impl Brackets {
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads on to the value's end, or to where the text at hand ends: with what comes next there. `depth` more
    /// containers may be opened.
    pub(super) fn skip(
        &mut self,
        text: &[u8],
        at: usize,
        base: usize,
        depth: usize,
        next: Next,
    ) -> Result<(Read, Next), Fault> {
        let mut skip = Skip { text, at, base, depth, open: &mut self.0 };
        let rest = skip.read(next)?;
        Ok(rest.map_or((Read::Whole(skip.at), Next::Value), |next| (Read::Part(skip.at), next)))
    }
}

struct Skip<'a> {
    text: &'a [u8],
    at: usize,
    base: usize,
    depth: usize,
    open: &'a mut Vec<u8>,
}

impl Skip<'_> {
    /// Reads on; says what comes next where the text at hand ends, and nothing at the value's end.
    fn read(&mut self, mut next: Next) -> Result<Option<Next>, Fault> {
        let mut escaped = false;
        let (text, base) = (self.text, self.base);
        loop {
            match next {
                Next::InString => match token::string(text, self.at, base, &mut escaped)? {
                    Read::Whole(end) => self.at = end,
                    Read::Part(end) => return self.pause(end, next),
                },
                Next::InNumber(mut read) => match token::number(text, self.at, base, &mut read)? {
                    Read::Whole(end) => self.at = end,
                    Read::Part(end) => return self.pause(end, Next::InNumber(read)),
                },
                Next::InKey => match token::string(text, self.at, base, &mut escaped)? {
                    Read::Whole(end) => {
                        self.at = end;
                        next = Next::Colon;
                        continue;
                    }
                    Read::Part(end) => return self.pause(end, next),
                },
                _ => {
                    let at = blank(text, self.at);
                    let Some(byte) = text.get(at) else { return self.pause(at, next) };
                    self.at = at + 1;
                    match (next, byte) {
                        (Next::Value | Next::FirstItem, b'"') => {
                            next = Next::InString;
                            continue;
                        }
                        (Next::Value | Next::FirstItem, b'{' | b'[') => {
                            if self.open.len() >= self.depth {
                                return Err(Fault::Depth { at: (base + at) as u64 });
                            }
                            self.open.push(*byte);
                            next = if *byte == b'{' { Next::FirstKey } else { Next::FirstItem };
                            continue;
                        }
                        (Next::Value | Next::FirstItem, b'-' | b'0'..=b'9') => {
                            self.at = at;
                            next = Next::InNumber(Number::Start);
                            continue;
                        }
                        (Next::Value | Next::FirstItem, b't' | b'f' | b'n') => {
                            match token::word(text, at, base)? {
                                Read::Whole(end) => self.at = end,
                                Read::Part(end) => return self.pause(end, next),
                            }
                        }
                        (Next::FirstKey | Next::Key, b'"') => {
                            next = Next::InKey;
                            continue;
                        }
                        (Next::Colon, b':') => {
                            next = Next::Value;
                            continue;
                        }
                        (Next::Comma, b',') => {
                            next = if self.open.last() == Some(&b'{') { Next::Key } else { Next::Value };
                            continue;
                        }
                        (Next::Comma, b'}') if self.open.last() == Some(&b'{') => _ = self.open.pop(),
                        (Next::Comma, b']') if self.open.last() == Some(&b'[') => _ = self.open.pop(),
                        (Next::FirstItem, b']') | (Next::FirstKey, b'}') => _ = self.open.pop(),
                        _ => return Err(Fault::Syntax { at: (base + at) as u64 }),
                    }
                }
            }
            // A value has ended.
            if self.open.is_empty() {
                return Ok(None);
            }
            next = Next::Comma;
        }
    }

    fn pause(&mut self, at: usize, next: Next) -> Result<Option<Next>, Fault> {
        self.at = at;
        Ok(Some(next))
    }
}
