//! An entity's object that lies whole in the text at hand, as most do: read in one go, container by container. What is noted
//! of it is what the steps would note. Whatever is not plain is left to them: they read the object again from its start, and
//! say what is wrong in it, or wait for its rest.

use std::cell::Cell;

use super::super::{
    Judge,
    plan::{Note, Plan, State, StateId},
    skip,
    tape::{At, Tape},
    token::{self, solid},
};
use super::{Mode, Noted, Reader, inside::what, values::Begun};

/// Most keys of a state of which it is remembered here whether they have been met.
const KEYS_MAX: usize = 256;

impl<J: Judge> Reader<'_, J> {
    /// The end of an outermost entity's value that begins here; `None` if it is left to the steps.
    pub(super) fn whole(&mut self, at: usize, id: StateId, begun: &Begun) -> Option<usize> {
        let Mode::Held { origin, .. } = self.scan.mode else { return None };
        let depth = self.depth_left().min(skip::DEPTH_MAX);
        let origin = origin - self.base;
        let text = self.text.get(origin..)?;
        let text = text.get(..self.scan.limits.object_bytes()).unwrap_or(text);
        let tape = &mut self.scan.tape;
        let follows = Cell::from_mut(&mut *self.scan.follows).as_slice_of_cells();
        let end = Whole { text, plan: self.plan, tape, follows }.container(at - origin, id, begun, depth);
        if end.is_none() {
            self.scan.tape.rewind();
        }
        Some(origin + end?)
    }
}

/// An entity's object that is read in one go. Positions are bytes from its start.
struct Whole<'a> {
    /// It and what stands behind it, no longer than an object may be: positions have 32 bits.
    text: &'a [u8],
    plan: &'a Plan,
    tape: &'a mut Tape,
    /// [`Scan::follows`](super::Scan::follows), changed while an object's part of it is held.
    follows: &'a [Cell<u32>],
}

/// A key that was read: where it begins and ends, with its colon; which it is, if it is looked for; the state of its value.
struct Known {
    start: usize,
    end: usize,
    no: Option<usize>,
    id: StateId,
}

impl Whole<'_> {
    fn container(&mut self, at: usize, id: StateId, begun: &Begun, depth: usize) -> Option<usize> {
        let (state, depth) = (self.plan.state(id), depth.checked_sub(1)?);
        match self.text.get(at)? {
            b'{' => self.object(at + 1, state, Noted::inside(begun, false), depth),
            b'[' => self.list(at + 1, state, Noted::inside(begun, true), depth),
            _ => None,
        }
    }

    fn object(&mut self, at: usize, state: &State, mut noted: Noted, depth: usize) -> Option<usize> {
        let begin = at;
        let (mut at, mut byte) = solid(self.text, at);
        if byte? == b'}' {
            self.empty(begin, at, noted);
            return Some(at + 1);
        }
        let mut met = [0_u64; KEYS_MAX / 64];
        let follows = self.follows.get(state.first..)?;
        // The key before, counted from one.
        let mut before = 0;
        loop {
            let Known { start: member, end, no, id } = key(self.text, at, state, follows.get(before)?)?;
            if let Some(no) = no {
                before = no + 1;
                let (met, bit) = (met.get_mut(no / 64)?, 1 << (no % 64));
                if *met & bit != 0 {
                    return None;
                }
                *met |= bit;
            }
            (at, byte) = solid(self.text, end);
            at = self.value(member, (at, byte?), id, &mut noted, depth)?;
            (at, byte) = solid(self.text, at);
            match byte? {
                b',' => at += 1,
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn list(&mut self, at: usize, state: &State, mut noted: Noted, depth: usize) -> Option<usize> {
        let begin = at;
        let (mut at, mut byte) = solid(self.text, at);
        if byte? == b']' {
            self.empty(begin, at, noted);
            return Some(at + 1);
        }
        let mut index = 0_u32;
        loop {
            let id = state.item_at(index);
            at = self.value(at, (at, byte?), id, &mut noted, depth)?;
            (at, byte) = solid(self.text, at);
            match byte? {
                b',' => (at, byte) = solid(self.text, at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            }
            index = index.saturating_add(1);
        }
    }

    /// A container without members ends.
    fn empty(&mut self, begin: usize, end: usize, noted: Noted) {
        if !noted.dropped {
            self.tape.blank(short(begin), short(end));
        }
    }

    /// The end of a value that begins at `at` with this byte, of a member or item that begins at `member`.
    #[inline(always)]
    fn value(
        &mut self,
        member: usize,
        (at, byte): (usize, u8),
        id: StateId,
        noted: &mut Noted,
        depth: usize,
    ) -> Option<usize> {
        let state = self.plan.state(id);
        let what = match state.note {
            Note::As(what) if !noted.dropped => what,
            _ => return self.looked_at(member, (at, byte), id, noted, depth),
        };
        let end = skip::whole(self.text, at, depth)?;
        match what {
            None => noted.plain = true,
            Some(what) => {
                let at = At { start: short(member), last: noted.last, plain: noted.plain };
                noted.last = self.tape.whole(what, id, at, short(end));
            }
        }
        for (outwards, fact) in &state.facts {
            self.tape.fact(noted.object, *outwards, *fact, short(at), short(end));
        }
        Some(end)
    }

    /// The same of a value whose type matters, in which something is looked for, or that is judged by itself.
    #[inline(never)]
    fn looked_at(
        &mut self,
        member: usize,
        (at, byte): (usize, u8),
        id: StateId,
        noted: &mut Noted,
        depth: usize,
    ) -> Option<usize> {
        let state = self.plan.state(id);
        let what = what(noted, state, byte).ok()?;
        let begun = noted.begin(self.tape, self.plan, (id, short(member)), what, byte);
        let end = if begun.into && matches!(byte, b'{' | b'[') {
            self.container(at, id, &begun, depth)?
        } else {
            skip::whole(self.text, at, depth)?
        };
        self.tape.ended(state, begun.entry, noted.object, (short(at), short(end)));
        Some(end)
    }
}

/// A position in [`Whole::text`].
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "`Limits::object_bytes` keeps them in 32 bits")]
fn short(at: usize) -> u32 {
    at as u32
}

/// A key without escapes at `at`, or behind white space there. `follows` says which it was last time behind the same one.
#[inline(always)]
fn key(text: &[u8], at: usize, state: &State, follows: &Cell<u32>) -> Option<Known> {
    let guess = follows.get() as usize;
    match state.keys.begins(text.get(at..)?, guess) {
        Some((length, id)) => Some(Known { start: at, end: at + length, no: Some(guess), id }),
        None => any_key(text, at, state, follows),
    }
}

#[inline(never)]
fn any_key(text: &[u8], at: usize, state: &State, follows: &Cell<u32>) -> Option<Known> {
    let (start, quote) = solid(text, at);
    let end = token::plain(text, start + 1);
    let (colon, byte) = solid(text, end + 1);
    if (quote?, text.get(end)?, byte?) != (b'"', &b'"', b':') {
        return None;
    }
    let found = state.keys.find(text.get(start + 1..end)?);
    if let Some((no, _)) = found {
        follows.set(u32::try_from(no).ok()?);
    }
    let (no, id) = found.map_or((None, state.other), |(no, id)| (Some(no), id));
    Some(Known { start, end: colon + 1, no, id })
}
