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
        // Most lie whole in the text at hand. Any other is read again, once.
        if let Some(end) = whole(text, at, depth.min(DEPTH_MAX)) {
            return Ok(Read::Whole(end));
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

/// Containers that are read in each other by calls: as many as the default limit allows, and few enough for any stack.
pub(super) const DEPTH_MAX: usize = 128;

/// The end of a value that lies whole in a text, in which `depth` containers may be opened. `None` for one that does not, and
/// for whatever is not sound.
#[inline(always)]
pub(super) fn whole(text: &[u8], at: usize, depth: usize) -> Option<usize> {
    let byte = *text.get(at)?;
    // Strings and numbers are most: asked for one by one, they are found sooner than by a jump that nobody can foretell.
    if byte == b'"' {
        return token::whole_string(text, at + 1);
    }
    if byte.is_ascii_digit() {
        return token::whole_number(text, at);
    }
    match byte {
        b'-' => token::whole_number(text, at),
        b't' => token::whole_word(text, at, b"true"),
        b'f' => token::whole_word(text, at, b"false"),
        b'n' => token::whole_word(text, at, b"null"),
        b'{' => object(text, at + 1, depth.checked_sub(1)?),
        b'[' => list(text, at + 1, depth.checked_sub(1)?),
        _ => None,
    }
}

#[inline(never)]
fn object(text: &[u8], at: usize, depth: usize) -> Option<usize> {
    let (mut at, mut byte) = solid(text, at);
    if byte? == b'}' {
        return Some(at + 1);
    }
    loop {
        if byte? != b'"' {
            return None;
        }
        at = token::whole_string(text, at + 1)?;
        (at, byte) = solid(text, at);
        if byte? != b':' {
            return None;
        }
        (at, _) = solid(text, at + 1);
        at = whole(text, at, depth)?;
        (at, byte) = solid(text, at);
        match byte? {
            b',' => (at, byte) = solid(text, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

#[inline(never)]
fn list(text: &[u8], at: usize, depth: usize) -> Option<usize> {
    let (mut at, mut byte) = solid(text, at);
    if byte? == b']' {
        return Some(at + 1);
    }
    loop {
        at = whole(text, at, depth)?;
        (at, byte) = solid(text, at);
        match byte? {
            b',' => (at, _) = solid(text, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}
