//! What happens to members, items and values as they are read.

use super::super::{
    Fault, Judge,
    plan::{Place, StateId},
    tape::NONE,
    token,
};
use super::{
    Frame, Kind, Mode, Noted, Over, Reader, Scan,
    inside::{OtherType, what},
    short,
    steps::Step,
};

/// What is done with a value, by its first byte.
pub(super) struct Begun {
    /// It is looked into, not only read over.
    pub(super) into: bool,
    /// On the tape: its entry.
    pub(super) entry: u32,
    /// On the tape: the object in which facts of its members are.
    pub(super) object: u32,
    /// Nothing in it passes.
    pub(super) dropped: bool,
}

impl<J: Judge> Reader<'_, J> {
    pub(super) fn bounded(&self, from: usize, to: usize) -> Result<(), Fault> {
        if to.saturating_sub(from) > self.scan.limits.object_bytes() {
            return Err(Fault::TooLarge { at: from as u64 });
        }
        Ok(())
    }

    pub(super) fn write(&mut self, from: usize, to: usize) {
        if let Some(text) = self.text.get(from.saturating_sub(self.base)..to.saturating_sub(self.base)) {
            self.out.extend_from_slice(text);
        }
    }

    /// A member or item begins.
    #[inline(always)]
    pub(super) fn member(&mut self, at: usize) {
        let start = self.base + at;
        self.scan.member = start;
        let before = self.scan.top.before;
        if self.scan.top.kind == Kind::Text {
            self.write(before, start);
        } else if before < start && !self.scan.top.any && !matches!(self.scan.mode, Mode::Held { .. }) {
            self.scan.top.lead = self.text.get(before - self.base..at).unwrap_or_default().to_vec();
        }
        self.scan.top.any = true;
    }

    #[inline(always)]
    pub(super) fn item(&mut self, at: usize) {
        self.member(at);
        let top = &self.scan.top;
        self.scan.child = match top.kind {
            Kind::Text => StateId::ROOT,
            _ => self.plan.state(top.state).item_at(top.index),
        };
    }

    /// A key was read to its end.
    #[inline(always)]
    pub(super) fn key(&mut self, end: usize) -> Result<(), Fault> {
        let start = self.scan.member;
        if !matches!(self.scan.mode, Mode::Held { .. }) {
            self.bounded(self.scan.top.before, self.base + end)?;
        }
        let mut key = self.text.get(start + 1 - self.base..end - 1).unwrap_or_default();
        let mut is_text = true;
        if self.scan.escaped {
            is_text = token::unescape(key, &mut self.scan.unescaped);
            key = &self.scan.unescaped;
        }
        let state = self.plan.state(self.scan.top.state);
        let Some((no, child)) = state.keys.find(key).filter(|_| is_text) else {
            self.scan.child = state.other;
            return Ok(());
        };
        self.scan.child = child;
        self.scan.top.meet(no, &mut self.scan.met, start)
    }

    /// A value begins: where to read on, and at which step.
    #[inline(always)]
    pub(super) fn value(&mut self, at: usize, byte: u8) -> Result<(usize, Step), Fault> {
        let start = self.base + at;
        let kind = match byte {
            b'{' => Kind::Object,
            b'[' => Kind::List,
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Kind::Text,
            _ => return Err(Fault::Syntax { at: start as u64 }),
        };
        let id = self.scan.child;
        let state = self.plan.state(id);
        let held = matches!(self.scan.mode, Mode::Held { .. });
        let begun = match self.scan.mode {
            Mode::Held { origin, .. } => {
                let Scan { top, tape, member, .. } = &mut *self.scan;
                let what =
                    what(&top.noted, state, byte).map_err(|OtherType| Fault::Type { at: start as u64 })?;
                top.noted.begin(tape, self.plan, (id, short(*member - origin)), what, byte)
            }
            _ => self.begin_around(state, id, start, byte)?,
        };
        self.scan.over = Over { state: id, start, entry: begun.entry };
        if !begun.into || kind == Kind::Text {
            return Ok((at, Step::Over));
        }
        // An outermost entity begins.
        if !held && let Some(end) = self.whole(at, id, &begun) {
            return Ok((end, Step::Ended));
        }
        if self.scan.frames.len() >= self.scan.limits.depth_max {
            return Err(Fault::Depth { at: start as u64 });
        }
        let kind = if state.place == Place::Rows { Kind::Rows } else { kind };
        let met = self.scan.met.len();
        self.scan.met.resize(met + state.keys.len().div_ceil(64), 0);
        let noted = Noted::inside(&begun, kind != Kind::Object);
        let frame = Frame { entry: begun.entry, noted, ..Frame::new(id, kind, start, met) };
        self.scan.frames.push(std::mem::replace(&mut self.scan.top, frame));
        Ok((at + 1, if kind == Kind::Object { Step::FirstKey } else { Step::FirstItem }))
    }

    /// A container ends.
    pub(super) fn close(&mut self, end: usize) -> Result<Step, Fault> {
        let Some(parent) = self.scan.frames.pop() else { return Err(Fault::Syntax { at: end as u64 }) };
        let frame = std::mem::replace(&mut self.scan.top, parent);
        let state = self.plan.state(frame.state);
        if self.scan.mode == Mode::Walk {
            self.bounded(frame.before, end)?;
            if frame.kind == Kind::Rows {
                self.scan.rows_ended = true;
                let at = self.out.len();
                if let Some((_, inside_end)) =
                    self.scan.marks.as_mut().and_then(|marks| marks.inside.as_mut())
                {
                    *inside_end = at;
                }
            }
            match self.unopened() {
                None if state.place == Place::Ahead => {}
                None => {
                    self.ahead(state, &frame);
                    // White space would tell that there was something.
                    self.write(if frame.noted.plain { frame.before } else { end - 1 }, end);
                }
                Some(opening) if frame.kind == Kind::List => self.none(&opening, state.none),
                // It is written anew with what the object around it says of the next page.
                Some(_) => {}
            }
        }
        self.scan.met.truncate(frame.met);
        if let Mode::Held { origin, .. } = self.scan.mode
            && !(frame.any || frame.noted.dropped)
        {
            self.scan.tape.blank(short(frame.before - origin), short(end - 1 - origin));
        }
        self.ended(Over { state: frame.state, start: frame.start, entry: frame.entry }, end)
    }

    /// A value ends.
    #[inline(always)]
    pub(super) fn ended(&mut self, value: Over, end: usize) -> Result<Step, Fault> {
        match self.scan.mode {
            Mode::Walk | Mode::Drop => self.scan.mode = Mode::Walk,
            Mode::Copy(from) => {
                self.write(from, end);
                self.scan.mode = Mode::Walk;
            }
            Mode::Held { origin, frames, .. } => {
                let place = (short(value.start - origin), short(end - origin));
                let (state, within) = (self.plan.state(value.state), self.scan.top.noted.object);
                self.scan.tape.ended(state, value.entry, within, place);
                if self.scan.frames.len() == frames {
                    self.settle(value.state, end)?;
                }
            }
        }
        self.scan.top.before = end;
        Ok(if self.scan.top.kind == Kind::Text { Step::End } else { Step::Comma })
    }
}

impl Begun {
    pub(super) fn over() -> Self {
        Self { into: false, entry: NONE, object: NONE, dropped: false }
    }
}
