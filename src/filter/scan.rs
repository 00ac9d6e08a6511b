//! The reader: one pass over a text in chunks of any size, along the states of a [`Plan`].
//!
//! Around entities it passes on what may pass as it reads it. An entity's outermost object is held until it is
//! whole, since a fact that decides on it may stand at its end: what may have to be taken out is noted on a
//! [`Tape`], and settled at the end.

mod around;
mod inside;

use std::sync::Arc;

use super::{
    Fault, Judge, Limits, Report, Total,
    plan::{Place, Plan, StateId},
    skip::{Brackets, Next},
    tape::{Counts, NONE, Tape},
    token::{self, Read, blank},
};

/// A text as far as it was read. Positions are bytes from its start.
#[derive(Debug)]
pub(super) struct Scan {
    plan: Arc<Plan>,
    limits: Limits,
    step: Step,
    /// Up to here it is read.
    at: usize,
    /// The container that is being read, and those around it; the outermost stands for the text.
    top: Frame,
    frames: Vec<Frame>,
    /// One bit for each key of each frame that has been met.
    met: Vec<u64>,
    brackets: Brackets,
    /// The member or item that is being read: where it begins, and its state.
    member: usize,
    child: StateId,
    /// The key that is being read has an escape.
    escaped: bool,
    unescaped: Vec<u8>,
    /// The value that is being read over.
    over: Over,
    /// What is done with what is read.
    mode: Mode,
    tape: Tape,
    counts: Counts,
    pub(super) report: Report,
    /// Rows that stand in the list, placeholders of hidden ones too.
    pub(super) rows_left: u64,
    rows_ended: bool,
    object_met: bool,
    /// Where parts of the output are, for a text that is at hand as a whole.
    pub(super) marks: Option<Marks>,
}

/// Where parts of the output are.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where something is to be written, and what.
    pub(super) holes: Vec<(usize, Total)>,
    /// Of each row: where what stands before it begins, where it begins and ends.
    pub(super) rows: Vec<(usize, usize, usize)>,
    /// Where the rows begin and end.
    pub(super) inside: Option<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Value,
    FirstItem,
    FirstKey,
    Key,
    InKey,
    Colon,
    Comma,
    Over(Next),
    End,
}

/// A container that is looked into. The first stands for the text.
#[derive(Debug)]
struct Frame {
    state: StateId,
    kind: Kind,
    /// Of a list: the item that is being read.
    index: u32,
    start: usize,
    /// The end of its last member, or where its inside begins.
    before: usize,
    /// It has members.
    any: bool,
    /// A member that always passes has been met; around entities: one that passed.
    plain: bool,
    /// On the tape: its last entry, which is its last member too or not.
    last: u32,
    last_is_neighbour: bool,
    /// Its own entry.
    entry: u32,
    /// The object in which its members' facts are.
    object: u32,
    /// Nothing in it passes.
    dropped: bool,
    /// Its bits in [`Scan::met`].
    met: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Object,
    List,
    Rows,
}

/// A value that is being read over.
#[derive(Clone, Copy, Debug)]
struct Over {
    state: StateId,
    start: usize,
    entry: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// On the way around entities. What stands between members is held.
    Walk,
    /// What is read passes; it is written up to here.
    Copy(usize),
    /// What is read does not pass.
    Drop,
    /// In an entity, which begins at `origin`, and as a member at `member`; its container has that many frames around it.
    Held { origin: usize, member: usize, frames: usize },
}

impl Scan {
    pub(super) fn new(plan: Arc<Plan>, limits: Limits) -> Self {
        let counts = Counts { fields: vec![0; plan.tallies.len()], ..Counts::default() };
        let text = Frame::new(StateId::ROOT, Kind::Text, 0, 0);
        Self {
            plan,
            limits,
            step: Step::Value,
            at: 0,
            top: text,
            frames: Vec::new(),
            met: Vec::new(),
            brackets: Brackets::default(),
            member: 0,
            child: StateId::ROOT,
            escaped: false,
            unescaped: Vec::new(),
            over: Over { state: StateId::ROOT, start: 0, entry: NONE },
            mode: Mode::Walk,
            tape: Tape::default(),
            counts,
            report: Report::default(),
            rows_left: 0,
            rows_ended: false,
            object_met: false,
            marks: None,
        }
    }

    /// Bytes that it holds on to.
    pub(super) fn bytes(&self) -> usize {
        self.tape.bytes()
            + self.brackets.bytes()
            + self.frames.capacity() * size_of::<Frame>()
            + self.met.capacity() * size_of::<u64>()
            + self.unescaped.capacity()
    }

    /// From here on the text is needed again.
    pub(super) fn needed(&self) -> usize {
        match self.mode {
            Mode::Walk => self.top.before,
            Mode::Copy(from) => from,
            Mode::Drop => self.at,
            Mode::Held { frames, .. } => self.frames.get(frames).unwrap_or(&self.top).before,
        }
    }

    /// Reads on: `text` begins at byte `base` of the whole.
    pub(super) fn read<J: Judge>(
        &mut self,
        text: &[u8],
        base: usize,
        judge: &mut J,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let plan = Arc::clone(&self.plan);
        Reader { scan: self, plan: &plan, text, base, judge, out }.read()
    }

    /// The text has ended.
    pub(super) fn finish<J: Judge>(
        &mut self,
        text: &[u8],
        base: usize,
        judge: &mut J,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let plan = Arc::clone(&self.plan);
        let mut reader = Reader { scan: self, plan: &plan, text, base, judge, out };
        if let Step::Over(Next::InNumber(number)) = reader.scan.step
            && reader.scan.frames.is_empty()
            && reader.scan.brackets.is_empty()
            && number.is_whole()
        {
            let end = reader.scan.at;
            reader.scan.step = reader.ended(reader.scan.over, end)?;
        }
        if reader.scan.step != Step::End {
            return Err(Fault::Cut);
        }
        let (before, end) = (reader.scan.top.before, reader.scan.at);
        reader.write(before, end);
        if (plan.rows && !self.rows_ended) || (plan.object && !self.object_met) {
            return Err(Fault::Missing);
        }
        self.report.undeclared += self.counts.undeclared;
        self.report.objects_hidden += self.counts.objects;
        let counted = plan.tallies.iter().zip(&self.counts.fields).filter(|(_, count)| **count > 0);
        self.report.fields_hidden =
            counted.map(|((entity, field), count)| (*entity, *field, *count)).collect();
        self.report.fields_hidden.sort_unstable();
        Ok(())
    }
}

impl Frame {
    fn new(state: StateId, kind: Kind, start: usize, met: usize) -> Self {
        let before = if kind == Kind::Text { 0 } else { start + 1 };
        Self {
            state,
            kind,
            index: 0,
            start,
            before,
            any: false,
            plain: false,
            last: NONE,
            last_is_neighbour: false,
            entry: NONE,
            object: NONE,
            dropped: false,
            met,
        }
    }
}

struct Reader<'a, J> {
    scan: &'a mut Scan,
    plan: &'a Plan,
    text: &'a [u8],
    base: usize,
    judge: &'a mut J,
    out: &'a mut Vec<u8>,
}

/// What is done with a value, by its first byte.
struct Begun {
    /// It is looked into, not only read over.
    into: bool,
    /// On the tape: its entry.
    entry: u32,
    /// On the tape: the object in which facts of its members are.
    object: u32,
    dropped: bool,
}

impl<J: Judge> Reader<'_, J> {
    fn read(&mut self) -> Result<(), Fault> {
        let (text, base) = (self.text, self.base);
        let mut at = self.scan.at - base;
        let mut step = self.scan.step;
        loop {
            match step {
                Step::Over(next) => {
                    let depth = self.scan.limits.depth_max.saturating_sub(self.scan.frames.len());
                    match self.scan.brackets.skip(text, at, base, depth, next)? {
                        (Read::Whole(end), _) => {
                            at = end;
                            step = self.ended(self.scan.over, base + at)?;
                        }
                        (Read::Part(end), next) => return self.pause(end, Step::Over(next)),
                    }
                    continue;
                }
                Step::InKey => {
                    match token::string(text, at, base, &mut self.scan.escaped)? {
                        Read::Whole(end) => at = end,
                        Read::Part(end) => return self.pause(end, step),
                    }
                    self.key(at)?;
                    step = Step::Colon;
                    continue;
                }
                _ => {}
            }
            at = blank(text, at);
            let Some(&byte) = text.get(at) else { return self.pause(at, step) };
            let kind = self.scan.top.kind;
            match (step, byte) {
                (Step::FirstKey | Step::Key, b'"') => {
                    self.member(at);
                    self.scan.escaped = false;
                    step = Step::InKey;
                    at += 1;
                }
                (Step::Colon, b':') => {
                    step = Step::Value;
                    at += 1;
                }
                (Step::FirstItem, b']') | (Step::FirstKey, b'}') => {
                    at += 1;
                    step = self.close(base + at)?;
                }
                (Step::Value | Step::FirstItem, _) => {
                    if kind != Kind::Object {
                        self.item(at);
                    }
                    step = self.value(at, byte)?;
                    at += usize::from(matches!(step, Step::FirstKey | Step::FirstItem));
                }
                (Step::Comma, b',') => {
                    at += 1;
                    self.scan.top.index = self.scan.top.index.saturating_add(1);
                    step = if kind == Kind::Object { Step::Key } else { Step::Value };
                }
                (Step::Comma, b'}') if kind == Kind::Object => {
                    at += 1;
                    step = self.close(base + at)?;
                }
                (Step::Comma, b']') if kind != Kind::Object => {
                    at += 1;
                    step = self.close(base + at)?;
                }
                _ => return Err(Fault::Syntax { at: (base + at) as u64 }),
            }
        }
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

    fn bounded(&self, from: usize, to: usize) -> Result<(), Fault> {
        if to.saturating_sub(from) > self.scan.limits.object_bytes() {
            return Err(Fault::TooLarge { at: from as u64 });
        }
        Ok(())
    }

    fn write(&mut self, from: usize, to: usize) {
        if let Some(text) = self.text.get(from.saturating_sub(self.base)..to.saturating_sub(self.base)) {
            self.out.extend_from_slice(text);
        }
    }

    /// A member or item begins.
    fn member(&mut self, at: usize) {
        let start = self.base + at;
        self.scan.member = start;
        let top = &mut self.scan.top;
        if let Mode::Held { origin, .. } = self.scan.mode {
            if top.last_is_neighbour {
                self.scan.tape.neighbour(top.last, short(start - origin));
            }
        } else if !top.any {
            let before = top.before;
            self.write(before, start);
        }
        self.scan.top.any = true;
    }

    fn item(&mut self, at: usize) {
        self.member(at);
        let top = &self.scan.top;
        self.scan.child = match top.kind {
            Kind::Text => StateId::ROOT,
            _ => self.plan.state(top.state).item_at(top.index),
        };
    }

    /// A key was read to its end.
    fn key(&mut self, end: usize) -> Result<(), Fault> {
        let start = self.scan.member;
        if !matches!(self.scan.mode, Mode::Held { .. }) {
            self.bounded(self.scan.top.before, self.base + end)?;
        }
        let mut key = self.text.get(start + 1 - self.base..end - 1).unwrap_or_default();
        if self.scan.escaped {
            token::unescape(key, &mut self.scan.unescaped);
            key = &self.scan.unescaped;
        }
        let state = self.plan.state(self.scan.top.state);
        let Some((no, child)) = state.keys.find(key) else {
            self.scan.child = state.other;
            return Ok(());
        };
        self.scan.child = child;
        let bit = 1 << (no % 64);
        if let Some(met) = self.scan.met.get_mut(self.scan.top.met + no / 64) {
            if *met & bit != 0 {
                return Err(Fault::Twice { at: start as u64 });
            }
            *met |= bit;
        }
        Ok(())
    }

    /// A value begins.
    fn value(&mut self, at: usize, byte: u8) -> Result<Step, Fault> {
        let start = self.base + at;
        let kind = match byte {
            b'{' => Kind::Object,
            b'[' => Kind::List,
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Kind::Text,
            _ => return Err(Fault::Syntax { at: start as u64 }),
        };
        let id = self.scan.child;
        let state = self.plan.state(id);
        let begun = match self.scan.mode {
            Mode::Held { origin, .. } => self.begin(state, id, start - origin, byte)?,
            _ => self.begin_around(state, id, start, byte)?,
        };
        if !begun.into || kind == Kind::Text {
            self.scan.over = Over { state: id, start, entry: begun.entry };
            return Ok(Step::Over(Next::Value));
        }
        if self.scan.frames.len() >= self.scan.limits.depth_max {
            return Err(Fault::Depth { at: start as u64 });
        }
        let kind = if state.place == Place::Rows { Kind::Rows } else { kind };
        let met = self.scan.met.len();
        self.scan.met.resize(met + state.keys.len().div_ceil(64), 0);
        let Begun { entry, object, dropped, .. } = begun;
        let frame = Frame { entry, object, dropped, ..Frame::new(id, kind, start, met) };
        self.scan.frames.push(std::mem::replace(&mut self.scan.top, frame));
        Ok(if kind == Kind::Object { Step::FirstKey } else { Step::FirstItem })
    }

    /// A container ends.
    fn close(&mut self, end: usize) -> Result<Step, Fault> {
        let Some(parent) = self.scan.frames.pop() else { return Err(Fault::Syntax { at: end as u64 }) };
        let frame = std::mem::replace(&mut self.scan.top, parent);
        self.scan.met.truncate(frame.met);
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
            self.write(frame.before, end);
        }
        self.ended(Over { state: frame.state, start: frame.start, entry: frame.entry }, end)
    }

    /// A value ends.
    fn ended(&mut self, value: Over, end: usize) -> Result<Step, Fault> {
        match self.scan.mode {
            Mode::Walk | Mode::Drop => self.scan.mode = Mode::Walk,
            Mode::Copy(from) => {
                self.write(from, end);
                self.scan.mode = Mode::Walk;
            }
            Mode::Held { origin, frames, .. } => {
                let (tape, state) = (&mut self.scan.tape, self.plan.state(value.state));
                let (from, to) = (short(value.start - origin), short(end - origin));
                for (outwards, fact) in &state.facts {
                    tape.fact(self.scan.top.object, *outwards, *fact, from, to);
                }
                if value.entry != NONE {
                    tape.end(value.entry, to);
                    let object = tape.object_of(value.entry);
                    state.itself.iter().for_each(|fact| tape.fact(object, 0, *fact, from, to));
                }
                if self.scan.frames.len() == frames {
                    self.settle(end)?;
                }
            }
        }
        self.scan.top.before = end;
        Ok(if self.scan.top.kind == Kind::Text { Step::End } else { Step::Comma })
    }
}

impl Begun {
    fn over() -> Self {
        Self { into: false, entry: NONE, object: NONE, dropped: false }
    }
}

/// A position in an object that is held: [`Limits::object_bytes`] keeps it in 32 bits.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}
