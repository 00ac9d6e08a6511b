//! The reader: one pass over a text in chunks of any size, along the states of a [`Plan`].
//!
//! Around entities it passes on what may pass as it reads it. An entity's outermost object is held until it is
//! whole, since a fact that decides on it may stand at its end: what may have to be taken out is noted on a
//! [`Tape`], and settled at the end.

use std::sync::Arc;

use super::{
    Fault, Judge, Limits, Report, Total,
    plan::{Place, Plan, State, StateId, Way},
    skip::{Brackets, Next},
    tape::{At, Counts, Left, NONE, Tape, What, Writing},
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
            reader.over_ended(end)?;
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
        let mut at = self.scan.at - self.base;
        loop {
            let step = self.scan.step;
            if let Step::Over(mut next) = step {
                let depth = self.scan.limits.depth_max.saturating_sub(self.scan.frames.len());
                let read = self.scan.brackets.skip(self.text, at, self.base, depth, &mut next)?;
                match read {
                    Read::Whole(end) => {
                        at = end;
                        self.over_ended(self.base + end)?;
                    }
                    Read::Part(end) => {
                        self.scan.step = Step::Over(next);
                        return self.pause(end);
                    }
                }
                continue;
            }
            if step == Step::InKey {
                match token::string(self.text, at, self.base, &mut self.scan.escaped)? {
                    Read::Whole(end) => {
                        at = end;
                        self.key(end)?;
                        self.scan.step = Step::Colon;
                    }
                    Read::Part(end) => return self.pause(end),
                }
                continue;
            }
            at = blank(self.text, at);
            let Some(&byte) = self.text.get(at) else { return self.pause(at) };
            match (step, byte) {
                (Step::FirstKey | Step::Key, b'"') => {
                    self.member(at);
                    self.scan.escaped = false;
                    self.scan.step = Step::InKey;
                    at += 1;
                }
                (Step::Colon, b':') => {
                    self.scan.step = Step::Value;
                    at += 1;
                }
                (Step::FirstItem, b']') | (Step::FirstKey, b'}') => {
                    at += 1;
                    self.close(self.base + at)?;
                }
                (Step::Value | Step::FirstItem, _) => {
                    if self.scan.top.kind != Kind::Object {
                        self.item(at);
                    }
                    at = self.value(at, byte)?;
                }
                (Step::Comma, b',') => {
                    at += 1;
                    let frame = &mut self.scan.top;
                    frame.index = frame.index.saturating_add(1);
                    self.scan.step = if frame.kind == Kind::Object { Step::Key } else { Step::Value };
                }
                (Step::Comma, b'}') if self.scan.top.kind == Kind::Object => {
                    at += 1;
                    self.close(self.base + at)?;
                }
                (Step::Comma, b']') if self.scan.top.kind != Kind::Object => {
                    at += 1;
                    self.close(self.base + at)?;
                }
                _ => return Err(Fault::Syntax { at: (self.base + at) as u64 }),
            }
        }
    }

    /// The text at hand is read.
    fn pause(&mut self, at: usize) -> Result<(), Fault> {
        let at = self.base + at;
        self.scan.at = at;
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

    /// A value begins. Says where to read on.
    fn value(&mut self, at: usize, byte: u8) -> Result<usize, Fault> {
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
            self.scan.step = Step::Over(Next::Value);
            return Ok(at);
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
        self.scan.step = if kind == Kind::Object { Step::FirstKey } else { Step::FirstItem };
        Ok(at + 1)
    }

    /// A value in an entity's object begins, that many bytes behind its start.
    fn begin(&mut self, state: &State, id: StateId, start: usize, byte: u8) -> Result<Begun, Fault> {
        let Mode::Held { origin, .. } = self.scan.mode else { return Ok(Begun::over()) };
        let top = &mut self.scan.top;
        let (in_list, null) = (top.kind != Kind::Object, byte == b'n');
        let what = match state.place {
            _ if top.dropped => None,
            Place::Drop | Place::Total(_) | Place::Rows => Some(What::Undeclared),
            Place::Entity { .. } | Place::Path if null && !in_list => Some(What::Field),
            Place::Entity { value, .. } if byte == b'{' || (value && !null) => Some(What::Entity),
            _ if in_list && (matches!(state.place, Place::Entity { .. }) || !fits(state, byte)) => {
                Some(What::Undeclared)
            }
            Place::Entity { .. } => return Err(Fault::Type { at: (origin + start) as u64 }),
            _ if !fits(state, byte) => return Err(Fault::Type { at: (origin + start) as u64 }),
            Place::Path if !matches!(byte, b'{' | b'[') => Some(What::Undeclared),
            Place::Path => (!in_list).then_some(What::Field),
            Place::Pass => (!state.need.is_empty()).then_some(What::Field),
        };
        let entry = match what {
            None => NONE,
            Some(what) => {
                let before = short(top.before - origin);
                let start = short(self.scan.member - origin);
                self.scan.tape.add(what, id, At { before, start, last: top.last, plain: top.plain })
            }
        };
        top.last_is_neighbour = entry != NONE;
        if entry == NONE {
            top.plain = true;
        } else {
            top.last = entry;
        }
        let outer = top.object;
        let dropped = top.dropped || what == Some(What::Undeclared);
        let object = match (what, state.place) {
            (Some(What::Entity), place) => self.object(entry, place, outer),
            _ => outer,
        };
        // What is dropped for its type is not looked into.
        let into = match what {
            Some(What::Entity) => state.inspect || byte == b'{' && !is_value(state),
            Some(What::Undeclared) => state.inspect && state.place == Place::Drop,
            _ => state.inspect,
        };
        Ok(Begun { into, entry, object, dropped })
    }

    /// Notes an entity's object on the tape.
    fn object(&mut self, entry: u32, place: Place, outer: u32) -> u32 {
        let Place::Entity { entity, main, .. } = place else { return outer };
        let facts = self.plan.schema.entity(entity).map_or(0, |entity| entity.facts);
        self.scan.tape.object(entry, entity, main, outer, facts)
    }

    /// A value around entities begins, or an outermost entity's.
    fn begin_around(&mut self, state: &State, id: StateId, start: usize, byte: u8) -> Result<Begun, Fault> {
        let kind = self.scan.top.kind;
        let (in_list, null) = (matches!(kind, Kind::List | Kind::Rows), byte == b'n');
        let wrong = Fault::Type { at: start as u64 };
        match state.place {
            Place::Rows if byte != b'[' => return Err(wrong),
            Place::Entity { main: true, .. } if null && !in_list => return Err(wrong),
            Place::Entity { .. } | Place::Path if null && !in_list => {
                self.prefix(start)?;
                self.scan.mode = Mode::Copy(start);
                return Ok(Begun::over());
            }
            Place::Entity { main, value, .. } if byte == b'{' || (value && !null) => {
                self.bounded(self.scan.top.before, start)?;
                self.scan.object_met |= main && kind != Kind::Rows;
                let (member, frames) = (self.scan.member, self.scan.frames.len());
                self.scan.mode = Mode::Held { origin: start, member, frames };
                self.scan.tape.clear();
                let at = At { before: 0, start: 0, last: NONE, plain: false };
                let entry = self.scan.tape.add(What::Entity, id, at);
                let object = self.object(entry, state.place, NONE);
                return Ok(Begun { into: state.inspect || !value, entry, object, dropped: false });
            }
            Place::Entity { .. } if kind == Kind::Rows => {
                self.scan.report.rows_unfit += 1;
                self.scan.mode = Mode::Drop;
                return Ok(Begun::over());
            }
            Place::Entity { .. } if !in_list => return Err(wrong),
            Place::Entity { .. } => return Ok(self.drop_around()),
            _ if !fits(state, byte) => {
                return if in_list { Ok(self.drop_around()) } else { Err(wrong) };
            }
            Place::Drop => return Ok(self.drop_around()),
            Place::Path if !matches!(byte, b'{' | b'[') => return Ok(self.drop_around()),
            Place::Total(total) => {
                self.prefix(start)?;
                self.total(total);
                self.scan.mode = Mode::Drop;
                return Ok(Begun::over());
            }
            Place::Pass | Place::Path | Place::Rows => {}
        }
        self.prefix(start)?;
        let into = matches!(byte, b'{' | b'[') && (state.inspect || state.place == Place::Rows);
        if into {
            self.write(start, start + 1);
            self.mark_rows(state);
        } else {
            self.scan.mode = Mode::Copy(start);
        }
        Ok(Begun { into, ..Begun::over() })
    }

    fn mark_rows(&mut self, state: &State) {
        let at = self.out.len();
        if let (Some(marks), Place::Rows) = (&mut self.scan.marks, state.place) {
            marks.inside = Some((at, at));
        }
    }

    fn drop_around(&mut self) -> Begun {
        self.scan.report.undeclared += 1;
        self.scan.mode = Mode::Drop;
        if self.scan.top.kind == Kind::Text {
            self.out.extend_from_slice(b"null");
        }
        Begun::over()
    }

    /// Writes what stands before a value that passes: its key, and what parts it from the one before.
    fn prefix(&mut self, start: usize) -> Result<(), Fault> {
        let Frame { before, plain, .. } = self.scan.top;
        self.bounded(before, start)?;
        let from = if plain { before } else { self.scan.member };
        self.write(from, start);
        self.scan.top.plain = true;
        Ok(())
    }

    fn total(&mut self, total: Total) {
        match (total, &mut self.scan.marks) {
            (Total::Shown | Total::Page | Total::Next, Some(marks)) => {
                marks.holes.push((self.out.len(), total))
            }
            (Total::Shown, None) if self.scan.rows_ended => {
                self.out.extend_from_slice(self.scan.rows_left.to_string().as_bytes());
            }
            (Total::Shown | Total::Null | Total::Page | Total::Next, _) => {
                self.out.extend_from_slice(b"null")
            }
        }
    }

    /// A container ends.
    fn close(&mut self, end: usize) -> Result<(), Fault> {
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

    /// What was read over ends.
    fn over_ended(&mut self, end: usize) -> Result<(), Fault> {
        self.ended(self.scan.over, end)
    }

    /// A value ends.
    fn ended(&mut self, value: Over, end: usize) -> Result<(), Fault> {
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
        self.scan.step = if self.scan.top.kind == Kind::Text { Step::End } else { Step::Comma };
        Ok(())
    }

    /// An outermost entity is whole.
    fn settle(&mut self, end: usize) -> Result<(), Fault> {
        let Mode::Held { origin, member, .. } = self.scan.mode else { return Ok(()) };
        self.bounded(origin, end)?;
        self.scan.mode = Mode::Walk;
        self.scan.member = member;
        let (length, plain) = (self.out.len(), self.scan.top.plain);
        self.prefix(origin)?;
        let begin = self.out.len();
        let text = self.text.get(origin - self.base..end - self.base).unwrap_or_default();
        let rows = self.scan.top.kind == Kind::Rows;
        let Scan { tape, counts, report, .. } = &mut *self.scan;
        let left = tape.settle(Writing {
            text,
            plan: self.plan,
            judge: &mut *self.judge,
            counts,
            out: &mut *self.out,
        });
        match left {
            Left::Shown => report.rows_shown += u64::from(rows),
            Left::Placeholder | Left::Nothing if rows => report.rows_hidden += 1,
            Left::Placeholder | Left::Nothing => report.objects_hidden += 1,
        }
        if left == Left::Nothing {
            self.out.truncate(length);
            self.scan.top.plain = plain;
            if self.scan.top.kind == Kind::Text {
                self.out.extend_from_slice(b"null");
            }
        } else if rows {
            self.scan.rows_left += 1;
            let end = self.out.len();
            if let Some(marks) = &mut self.scan.marks {
                marks.rows.push((length, begin, end));
            }
        }
        Ok(())
    }
}

impl Begun {
    fn over() -> Self {
        Self { into: false, entry: NONE, object: NONE, dropped: false }
    }
}

/// Whether a value may be at a state, by its first byte.
fn fits(state: &State, byte: u8) -> bool {
    match state.way {
        None => true,
        Some(Way::Object) => matches!(byte, b'{' | b'n'),
        Some(Way::List) => matches!(byte, b'[' | b'n'),
    }
}

fn is_value(state: &State) -> bool {
    matches!(state.place, Place::Entity { value: true, .. })
}

/// A position in an object that is held: [`Limits::object_bytes`] keeps it in 32 bits.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}
