//! Around entities: what may pass is known by its place, and passed on as it is read.

use super::super::{
    Fault, Judge, NoneAs, Total, TotalValues,
    ahead::Hole,
    plan::{Container, Place, State, StateId},
    tape::{At, Left, NONE, What, Writing},
};
use super::{Frame, Kind, Mode, Noted, Opening, Reader, Scan, inside::fits, values::Begun};

impl<J: Judge> Reader<'_, J> {
    /// A value around entities begins, or an outermost entity's.
    pub(super) fn begin_around(
        &mut self,
        state: &State,
        id: StateId,
        start: usize,
        byte: u8,
    ) -> Result<Begun, Fault> {
        let kind = self.scan.top.kind;
        let (in_list, null) = (matches!(kind, Kind::List | Kind::Rows), byte == b'n');
        let wrong = Fault::Type { at: start as u64 };
        match (state.none, byte) {
            (Some(none), b'n') => {
                if let Some(text) = none.text() {
                    self.prefix(start)?;
                    self.out.extend_from_slice(text);
                }
                self.scan.mode = Mode::Drop;
                return Ok(Begun::over());
            }
            (Some(_), b'[') if state.container == Some(Container::List) => return self.hold(start, byte),
            _ => {}
        }
        match state.place {
            // One spelling for both: of a list whose rows are all hidden nothing else is left either.
            Place::Rows if null => {
                self.prefix(start)?;
                self.out.push(b'[');
                self.mark_rows(state);
                self.out.push(b']');
                self.scan.rows_ended = true;
                self.scan.mode = Mode::Drop;
                return Ok(Begun::over());
            }
            Place::Rows if byte != b'[' => return Err(wrong),
            Place::Entity { main: true, .. } if null && !in_list => return Err(wrong),
            // It is written anew, as one is that is not there.
            Place::Pass | Place::Path if null && kind == Kind::Object && !state.ahead.is_empty() => {
                self.scan.mode = Mode::Drop;
                return Ok(Begun::over());
            }
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
                let at = At { start: 0, last: NONE, plain: false };
                let entry = self.scan.tape.add(What::Entity, id, at);
                let object = self.scan.tape.entity(self.plan, entry, state.place, NONE);
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
            // Nothing of it is written, and what it has twice is a fault all the same.
            Place::Ahead => {
                let into = byte == b'{' && state.inspect;
                self.scan.mode = if into { Mode::Walk } else { Mode::Drop };
                return Ok(Begun { into, ..Begun::over() });
            }
            Place::Path if !matches!(byte, b'{' | b'[') => return Ok(self.drop_around()),
            Place::Pass | Place::Path if kind == Kind::Object && !state.ahead.is_empty() => {
                return self.hold(start, byte);
            }
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

    /// Writes what stands before a value that passes, and the beginnings of what is around it.
    fn prefix(&mut self, start: usize) -> Result<(), Fault> {
        self.bounded(self.scan.top.before, start)?;
        self.open();
        self.lead(start);
        self.scan.top.noted.plain = true;
        Ok(())
    }

    /// Writes a value's key, and what parts it from the one before that passed, or the white space before the first of all if it is the
    /// first one.
    fn lead(&mut self, start: usize) {
        let Frame { before, noted: Noted { plain, .. }, .. } = self.scan.top;
        if !plain {
            self.out.extend_from_slice(&self.scan.top.lead);
        }
        self.write(if plain { before } else { self.scan.member }, start);
    }

    /// A container begins that is only written with the first in it that passes.
    fn hold(&mut self, start: usize, byte: u8) -> Result<Begun, Fault> {
        self.bounded(self.scan.top.before, start)?;
        let length = self.out.len();
        self.lead(start);
        let mut text = self.out.split_off(length);
        let key = text.len();
        text.push(byte);
        self.scan.openings.push(Opening { text, key, frames: self.scan.frames.len() });
        Ok(Begun { into: true, ..Begun::over() })
    }

    /// Writes the beginnings of all containers that are only written now.
    fn open(&mut self) {
        self.write_openings();
        self.opened();
    }

    fn write_openings(&mut self) {
        for opening in &self.scan.openings {
            self.out.extend_from_slice(&opening.text);
        }
    }

    /// The beginnings of all containers are written.
    fn opened(&mut self) {
        let Scan { openings, frames, top, .. } = &mut *self.scan;
        for Opening { frames: around, .. } in openings.drain(..) {
            let container = frames.get(around + 1).unwrap_or(top);
            let there = (container.kind == Kind::Object).then_some(container.state);
            if let Some(outer) = frames.get_mut(around) {
                outer.noted.plain = true;
                outer.there.extend(there);
            }
        }
    }

    /// Of a container that has ended: its beginning, if nothing of it has passed.
    pub(super) fn unopened(&mut self) -> Option<Opening> {
        let Scan { openings, frames, .. } = &mut *self.scan;
        if openings.last()?.frames == frames.len() { openings.pop() } else { None }
    }

    fn total(&mut self, total: Total) {
        match (total, &mut self.scan.marks) {
            (Total::Shown, None) if self.scan.rows_ended => {
                self.out.extend_from_slice(self.scan.rows_left.to_string().as_bytes());
            }
            (Total::Null, _) | (_, None) => self.out.extend_from_slice(b"null"),
            (_, Some(marks)) => marks.holes.push((self.out.len(), Hole::Value(total))),
        }
    }

    /// Writes what an object says of the next page, at its end.
    pub(super) fn ahead(&mut self, state: &State, object: &Frame) {
        let marks = &mut self.scan.marks;
        let mut hole = |out: &mut Vec<u8>, hole: Hole| match marks {
            None => hole.fill(&TotalValues::default(), out),
            Some(marks) => marks.holes.push((out.len(), hole)),
        };
        state.ahead.write(object.noted.plain, &object.there, self.out, &mut hole);
    }

    /// A list ends of which nothing has passed: what stands for none is written.
    pub(super) fn none(&mut self, opening: &Opening, none: Option<NoneAs>) {
        if let Some(none) = none.and_then(NoneAs::text) {
            self.open();
            self.out.extend_from_slice(opening.text.get(..opening.key).unwrap_or_default());
            self.out.extend_from_slice(none);
            self.scan.top.noted.plain = true;
        }
    }

    /// An outermost entity is whole.
    pub(super) fn settle(&mut self, id: StateId, end: usize) -> Result<(), Fault> {
        let Mode::Held { origin, member, .. } = self.scan.mode else { return Ok(()) };
        self.bounded(origin, end)?;
        self.scan.mode = Mode::Walk;
        self.scan.member = member;
        let (length, plain) = (self.out.len(), self.scan.top.noted.plain);
        self.bounded(self.scan.top.before, origin)?;
        self.write_openings();
        self.lead(origin);
        let begin = self.out.len();
        let text = self.text.get(origin - self.base..end - self.base).unwrap_or_default();
        let rows = self.scan.top.kind == Kind::Rows;
        if let Some(marks) = self.scan.marks.as_mut().filter(|marks| rows && marks.parting.is_empty())
            && self.scan.top.index > 0
        {
            let between = self.text.get(self.scan.top.before - self.base..member - self.base);
            marks.parting.extend_from_slice(between.unwrap_or_default());
        }
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
        let none = self.plan.state(id).none.and_then(NoneAs::text);
        if left != Left::Nothing || none.is_some() {
            self.opened();
            self.scan.top.noted.plain = true;
        }
        if let (Left::Nothing, Some(none)) = (left, none) {
            self.out.truncate(begin);
            self.out.extend_from_slice(none);
        } else if left == Left::Nothing {
            self.out.truncate(length);
            if self.scan.top.kind == Kind::Text {
                self.out.extend_from_slice(b"null");
            }
        } else if rows {
            self.scan.rows_left += 1;
            let end = self.out.len();
            if let Some(marks) = &mut self.scan.marks {
                // White space before the first row stands around the rows.
                marks.rows.push((if plain { length } else { begin }, begin, end));
            }
        }
        Ok(())
    }
}
