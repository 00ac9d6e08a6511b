//! The steps in which a text is read, from wherever the text at hand was cut.

use super::super::{
    Fault, Judge,
    token::{self, Read, solid},
};
use super::{Kind, Mode, Reader};

/// What comes next in the container at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    FirstKey,
    Key,
    InKey,
    Colon,
    FirstItem,
    Value,
    /// The rest of a value that is only read over.
    Over,
    Ended,
    Comma,
    End,
}

impl<J: Judge> Reader<'_, J> {
    /// Reads the text at hand. The steps stand in the order in which a text has them, so that mostly one leads on
    /// to the one below it.
    pub(super) fn read(&mut self) -> Result<(), Fault> {
        let (text, base) = (self.text, self.base);
        let mut at = self.scan.at - base;
        let mut step = self.scan.step;
        let wrong = |at| Err(Fault::Syntax { at: (base + at) as u64 });
        loop {
            if matches!(step, Step::FirstKey | Step::Key) {
                let byte;
                (at, byte) = solid(text, at);
                match byte {
                    Some(b'"') => {
                        self.member(at);
                        self.scan.escaped = false;
                        step = Step::InKey;
                    }
                    Some(b'}') if step == Step::FirstKey => step = self.close(base + at + 1)?,
                    Some(_) => return wrong(at),
                    None => return self.pause(at, step),
                }
                at += 1;
            }
            if step == Step::InKey {
                match token::string(text, at, base, &mut self.scan.escaped)? {
                    Read::Whole(end) => at = end,
                    Read::Part(end) => return self.pause(end, step),
                }
                self.key(at)?;
                step = Step::Colon;
            }
            if step == Step::Colon {
                let byte;
                (at, byte) = solid(text, at);
                match byte {
                    Some(b':') => at += 1,
                    Some(_) => return wrong(at),
                    None => return self.pause(at, step),
                }
                step = Step::Value;
            }
            if matches!(step, Step::FirstItem | Step::Value) {
                let byte;
                (at, byte) = solid(text, at);
                let Some(byte) = byte else { return self.pause(at, step) };
                if byte == b']' && step == Step::FirstItem {
                    at += 1;
                    step = self.close(base + at)?;
                } else {
                    if self.scan.top.kind != Kind::Object {
                        self.item(at);
                    }
                    (at, step) = self.value(at, byte)?;
                    if step == Step::Over {
                        match self.scan.skip.begin(text, at, base, self.depth_left())? {
                            Read::Whole(end) => at = end,
                            Read::Part(end) => return self.pause(end, step),
                        }
                        step = Step::Ended;
                    }
                    if step != Step::Ended {
                        continue;
                    }
                }
            }
            if step == Step::Over {
                match self.scan.skip.resume(text, at, base, self.depth_left())? {
                    Read::Whole(end) => at = end,
                    Read::Part(end) => return self.pause(end, step),
                }
                step = Step::Ended;
            }
            if step == Step::Ended {
                step = self.ended(self.scan.over, base + at)?;
            }
            let byte;
            (at, byte) = solid(text, at);
            let Some(byte) = byte else { return self.pause(at, step) };
            let object = self.scan.top.kind == Kind::Object;
            match byte {
                _ if step == Step::End => return wrong(at),
                b',' if object => step = Step::Key,
                b',' => {
                    self.scan.top.index = self.scan.top.index.saturating_add(1);
                    step = Step::Value;
                }
                b'}' if object => step = self.close(base + at + 1)?,
                b']' if !object => step = self.close(base + at + 1)?,
                _ => return wrong(at),
            }
            at += 1;
        }
    }

    pub(super) fn depth_left(&self) -> usize {
        self.scan.limits.depth_max.saturating_sub(self.scan.frames.len())
    }

    /// The text at hand is read.
    fn pause(&mut self, at: usize, step: Step) -> Result<(), Fault> {
        let at = self.base + at;
        (self.scan.at, self.scan.step) = (at, step);
        let held = match self.scan.mode {
            Mode::Copy(from) => {
                self.write(from, at);
                self.scan.mode = Mode::Copy(at);
                return Ok(());
            }
            Mode::Drop => return Ok(()),
            Mode::Held { origin, .. } => origin,
            // White space before and after a text is passed as it comes.
            Mode::Walk if self.scan.frames.is_empty() => {
                let before = self.scan.top.before;
                self.write(before, at);
                self.scan.top.before = at;
                return Ok(());
            }
            Mode::Walk => self.scan.top.before,
        };
        self.bounded(held, at)
    }
}
