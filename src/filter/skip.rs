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

    /// Reads on to the value's end. `depth` more containers may be opened.
    pub(super) fn skip(
        &mut self,
        text: &[u8],
        mut at: usize,
        base: usize,
        depth: usize,
        next: &mut Next,
    ) -> Result<Read, Fault> {
        let mut escaped = false;
        let syntax = |at: usize| Err(Fault::Syntax { at: (base + at) as u64 });
        loop {
            match *next {
                Next::Value | Next::FirstItem => {
                    at = blank(text, at);
                    match text.get(at) {
                        None => return Ok(Read::Part(at)),
                        Some(b'"') => {
                            at += 1;
                            *next = Next::InString;
                            continue;
                        }
                        Some(open @ (b'{' | b'[')) => {
                            if self.0.len() >= depth {
                                return Err(Fault::Depth { at: (base + at) as u64 });
                            }
                            self.0.push(*open);
                            *next = if *open == b'{' { Next::FirstKey } else { Next::FirstItem };
                            at += 1;
                            continue;
                        }
                        Some(b']') if *next == Next::FirstItem => {
                            at += 1;
                            self.0.pop();
                        }
                        Some(b'-' | b'0'..=b'9') => {
                            *next = Next::InNumber(Number::Start);
                            continue;
                        }
                        Some(b't' | b'f' | b'n') => match token::word(text, at, base)? {
                            Read::Whole(end) => at = end,
                            part @ Read::Part(_) => return Ok(part),
                        },
                        Some(_) => return syntax(at),
                    }
                }
                Next::InString => match token::string(text, at, base, &mut escaped)? {
                    Read::Whole(end) => at = end,
                    part @ Read::Part(_) => return Ok(part),
                },
                Next::InNumber(mut read) => {
                    let end = token::number(text, at, base, &mut read)?;
                    *next = Next::InNumber(read);
                    match end {
                        Read::Whole(end) => at = end,
                        part @ Read::Part(_) => return Ok(part),
                    }
                }
                Next::FirstKey | Next::Key => {
                    at = blank(text, at);
                    match text.get(at) {
                        None => return Ok(Read::Part(at)),
                        Some(b'"') => {
                            at += 1;
                            *next = Next::InKey;
                            continue;
                        }
                        Some(b'}') if *next == Next::FirstKey => {
                            at += 1;
                            self.0.pop();
                        }
                        Some(_) => return syntax(at),
                    }
                }
                Next::InKey => {
                    match token::string(text, at, base, &mut escaped)? {
                        Read::Whole(end) => at = end,
                        part @ Read::Part(_) => return Ok(part),
                    }
                    *next = Next::Colon;
                    continue;
                }
                Next::Colon => {
                    at = blank(text, at);
                    match text.get(at) {
                        None => return Ok(Read::Part(at)),
                        Some(b':') => at += 1,
                        Some(_) => return syntax(at),
                    }
                    *next = Next::Value;
                    continue;
                }
                Next::Comma => {
                    at = blank(text, at);
                    match (text.get(at), self.0.last()) {
                        (None, _) => return Ok(Read::Part(at)),
                        (Some(b','), Some(b'{')) => {
                            at += 1;
                            *next = Next::Key;
                            continue;
                        }
                        (Some(b','), _) => {
                            at += 1;
                            *next = Next::Value;
                            continue;
                        }
                        (Some(b'}'), Some(b'{')) | (Some(b']'), Some(b'[')) => {
                            at += 1;
                            self.0.pop();
                        }
                        _ => return syntax(at),
                    }
                }
            }
            // A value has ended.
            if self.0.is_empty() {
                return Ok(Read::Whole(at));
            }
            *next = Next::Comma;
        }
    }
}
