//! Reads a value of which nothing is looked for in it: only that it is sound.

use super::{
    Fault,
    token::{self, Number, Read, solid},
};

/// What comes next in a value that is not looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    FirstKey,
    Key,
    InKey,
    Colon,
    FirstItem,
    #[default]
    Value,
    InString,
    InNumber(Number),
    Comma,
}

/// A value that is being read over: the containers in it that are open, and what comes next in the innermost.
#[derive(Debug, Default)]
pub(super) struct Skip {
    open: Vec<u8>,
    next: Next,
}

impl Skip {
    /// Bytes that it holds on to.
    pub(super) fn bytes(&self) -> usize {
        self.open.capacity()
    }

    /// It stands in a number that is the whole value, and that may end here.
    pub(super) fn may_end(&self) -> bool {
        self.open.is_empty() && matches!(self.next, Next::InNumber(number) if number.is_whole())
    }

    /// Reads a value from its first byte on. `depth` containers may be opened.
    pub(super) fn begin(&mut self, text: &[u8], at: usize, base: usize, depth: usize) -> Result<Read, Fault> {
        // Most are single ones that the text at hand has to their end. One that is cut is read again, once.
        let single = token::single(text, at, base)?;
        if let Read::Whole(_) = single {
            return Ok(single);
        }
        self.open.clear();
        self.next = Next::Value;
        self.resume(text, at, base, depth)
    }

    /// Reads on to the value's end, or to where the text at hand ends. The parts stand in the order in which a text
    /// has them, so that mostly one leads on to the one below it.
    pub(super) fn resume(
        &mut self,
        text: &[u8],
        mut at: usize,
        base: usize,
        depth: usize,
    ) -> Result<Read, Fault> {
        let mut next = self.next;
        let mut object = self.open.last() == Some(&b'{');
        let mut escaped = false;
        // What comes next is remembered where the text at hand ends.
        let part = |skip: &mut Self, next, at| {
            skip.next = next;
            Ok(Read::Part(at))
        };
        loop {
            if matches!(next, Next::FirstKey | Next::Key) {
                let byte;
                (at, byte) = solid(text, at);
                match byte {
                    Some(b'"') => next = Next::InKey,
                    Some(b'}') if next == Next::FirstKey => {
                        object = self.close();
                        next = Next::Comma;
                    }
                    Some(_) => return Err(Fault::Syntax { at: (base + at) as u64 }),
                    None => return part(self, next, at),
                }
                at += 1;
            }
            if next == Next::InKey {
                match token::string(text, at, base, &mut escaped)? {
                    Read::Whole(end) => at = end,
                    Read::Part(end) => return part(self, next, end),
                }
                next = Next::Colon;
            }
            if next == Next::Colon {
                let byte;
                (at, byte) = solid(text, at);
                match byte {
                    Some(b':') => at += 1,
                    Some(_) => return Err(Fault::Syntax { at: (base + at) as u64 }),
                    None => return part(self, next, at),
                }
                next = Next::Value;
            }
            if matches!(next, Next::FirstItem | Next::Value) {
                let byte;
                (at, byte) = solid(text, at);
                match byte {
                    Some(b'"') => {
                        at += 1;
                        next = Next::InString;
                    }
                    Some(b'-' | b'0'..=b'9') => next = Next::InNumber(Number::Start),
                    Some(b't' | b'f' | b'n') => {
                        match token::word(text, at, base)? {
                            Read::Whole(end) => at = end,
                            Read::Part(end) => return part(self, next, end),
                        }
                        next = Next::Comma;
                    }
                    Some(byte @ (b'{' | b'[')) => {
                        if self.open.len() >= depth {
                            return Err(Fault::Depth { at: (base + at) as u64 });
                        }
                        self.open.push(byte);
                        at += 1;
                        object = byte == b'{';
                        next = if object { Next::FirstKey } else { Next::FirstItem };
                        continue;
                    }
                    Some(b']') if next == Next::FirstItem => {
                        at += 1;
                        object = self.close();
                        next = Next::Comma;
                    }
                    Some(_) => return Err(Fault::Syntax { at: (base + at) as u64 }),
                    None => return part(self, next, at),
                }
            }
            if next == Next::InString {
                match token::string(text, at, base, &mut escaped)? {
                    Read::Whole(end) => at = end,
                    Read::Part(end) => return part(self, next, end),
                }
                next = Next::Comma;
            }
            if let Next::InNumber(mut read) = next {
                match token::number(text, at, base, &mut read)? {
                    Read::Whole(end) => at = end,
                    Read::Part(end) => return part(self, Next::InNumber(read), end),
                }
                next = Next::Comma;
            }
            // A value has ended.
            if self.open.is_empty() {
                return Ok(Read::Whole(at));
            }
            let byte;
            (at, byte) = solid(text, at);
            match byte {
                Some(b',') => next = if object { Next::Key } else { Next::Value },
                Some(b'}') if object => object = self.close(),
                Some(b']') if !object => object = self.close(),
                Some(_) => return Err(Fault::Syntax { at: (base + at) as u64 }),
                None => return part(self, next, at),
            }
            at += 1;
        }
    }

    /// The innermost container ends; says whether the one around it is an object.
    fn close(&mut self) -> bool {
        self.open.pop();
        self.open.last() == Some(&b'{')
    }
}
