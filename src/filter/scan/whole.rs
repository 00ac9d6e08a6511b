//! An entity's object that lies whole in the text at hand, as most do: read in one go, container by container. What is noted
//! of it is what the steps would note. Whatever is not plain is left to them: they read the object again from its start, and
//! say what is wrong in it, or wait for its rest.

use super::super::{
    Judge,
    plan::{Plan, State, StateId},
    skip,
    tape::{At, Tape, What},
    token::{self, solid},
};
use super::{Mode, Noted, Reader, inside::what, short, values::Begun};

/// Most keys of a state of which it is remembered here whether they have been met.
const KEYS_MAX: usize = 256;

impl<J: Judge> Reader<'_, J> {
    /// The end of an outermost entity's value that begins here; `None` if it is left to the steps.
    pub(super) fn whole(&mut self, at: usize, id: StateId, begun: &Begun) -> Option<usize> {
        let Mode::Held { origin, .. } = self.scan.mode else { return None };
        let depth = self.depth_left().min(skip::DEPTH_MAX);
        let (text, plan, origin) = (self.text, self.plan, origin - self.base);
        let (tape, follows) = (&mut self.scan.tape, &mut self.scan.follows);
        let end = Whole { text, plan, origin, tape, follows }.container(at, id, begun, depth);
        if end.is_none() {
            self.scan.tape.rewind();
        }
        end
    }
}

/// An entity's object that is read in one go. Positions are those in the text at hand.
struct Whole<'a> {
    text: &'a [u8],
    plan: &'a Plan,
    origin: usize,
    tape: &'a mut Tape,
    follows: &'a mut [u32],
}

/// A value in a container.
#[derive(Clone, Copy)]
struct Value {
    /// Where the member or item begins that it is, and where it itself does, with which byte.
    member: usize,
    at: usize,
    byte: u8,
    id: StateId,
    /// So many containers may be opened for it.
    depth: usize,
}

/// A key that was read: where it ends, with its colon; which it is, if it is looked for; the state of its value.
struct Known {
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
        let (mut at, mut byte) = solid(self.text, at);
        if byte? == b'}' {
            return Some(at + 1);
        }
        let mut met = [0_u64; KEYS_MAX / 64];
        let mut place = state.first;
        loop {
            let member = at;
            let follows = self.follows.get_mut(place)?;
            let Known { end, no, id } = key(self.text, member, state, follows)?;
            if let Some(no) = no {
                place = state.first + 1 + no;
                let (met, bit) = (met.get_mut(no / 64)?, 1 << (no % 64));
                if *met & bit != 0 {
                    return None;
                }
                *met |= bit;
            }
            (at, byte) = solid(self.text, end);
            at = self.value(Value { member, at, byte: byte?, id, depth }, &mut noted)?;
            (at, byte) = solid(self.text, at);
            match byte? {
                b',' => (at, _) = solid(self.text, at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn list(&mut self, at: usize, state: &State, mut noted: Noted, depth: usize) -> Option<usize> {
        let (mut at, mut byte) = solid(self.text, at);
        if byte? == b']' {
            return Some(at + 1);
        }
        let mut index = 0_u32;
        loop {
            let id = state.item_at(index);
            at = self.value(Value { member: at, at, byte: byte?, id, depth }, &mut noted)?;
            (at, byte) = solid(self.text, at);
            match byte? {
                b',' => (at, byte) = solid(self.text, at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            }
            index = index.saturating_add(1);
        }
    }

    #[inline(always)]
    fn value(&mut self, value: Value, noted: &mut Noted) -> Option<usize> {
        let state = self.plan.state(value.id);
        let what = what(noted, state, value.byte).ok()?;
        if what == Some(What::Entity) || (state.inspect && matches!(value.byte, b'{' | b'[')) {
            return self.nested(value, what, noted);
        }
        let end = skip::whole(self.text, value.at, value.depth)?;
        let (from, to) = (self.short(value.at), self.short(end));
        match what {
            None => noted.plain = true,
            Some(what) => {
                let at = At { start: self.short(value.member), last: noted.last, plain: noted.plain };
                noted.last = self.tape.whole(what, value.id, at, to);
            }
        }
        for (outwards, fact) in &state.facts {
            self.tape.fact(noted.object, *outwards, *fact, from, to);
        }
        Some(end)
    }

    /// A value that is looked into, or judged by itself.
    #[inline(never)]
    fn nested(&mut self, value: Value, what: Option<What>, noted: &mut Noted) -> Option<usize> {
        let Value { member, at, byte, id, depth } = value;
        let member = self.short(member);
        let begun = noted.begin(self.tape, self.plan, (id, member), what, byte);
        let end = if begun.into && matches!(byte, b'{' | b'[') {
            self.container(at, id, &begun, depth)?
        } else {
            skip::whole(self.text, at, depth)?
        };
        let place = (self.short(at), self.short(end));
        self.tape.ended(self.plan.state(id), begun.entry, noted.object, place);
        Some(end)
    }

    /// A position, from the object's start.
    #[inline(always)]
    fn short(&self, at: usize) -> u32 {
        short(at - self.origin)
    }
}

/// A key without escapes that begins at `at`, behind one that `follows` says which followed last time.
#[inline(always)]
fn key(text: &[u8], at: usize, state: &State, follows: &mut u32) -> Option<Known> {
    let guess = *follows as usize;
    match state.keys.begins(text.get(at..)?, guess) {
        Some((length, id)) => Some(Known { end: at + length, no: Some(guess), id }),
        None => any_key(text, at, state, follows),
    }
}

#[inline(never)]
fn any_key(text: &[u8], at: usize, state: &State, follows: &mut u32) -> Option<Known> {
    let quote = token::plain(text, at + 1);
    let (colon, byte) = solid(text, quote + 1);
    if (text.get(at)?, text.get(quote)?, byte?) != (&b'"', &b'"', b':') {
        return None;
    }
    let found = state.keys.find(text.get(at + 1..quote)?);
    if let Some((no, _)) = found {
        *follows = short(no);
    }
    let (no, id) = found.map_or((None, state.other), |(no, id)| (Some(no), id));
    Some(Known { end: colon + 1, no, id })
}
