//! Members of an entity's object that lie whole in the text at hand: the way that most of a text takes. Whatever is
//! not plain is left to the steps, which begin where nothing has been noted yet.

use super::super::{
    Fault, Judge,
    keys::Name,
    tape::{At, What},
    token::{self, Read, solid},
};
use super::{Mode, Reader, Scan, inside::what, short, steps::Step};

impl<J: Judge> Reader<'_, J> {
    /// Reads members of which the value is single or only read over, from where a key may begin. Says where it stopped,
    /// and at which step. A function of its own, so that what it needs for each member stays in registers.
    #[inline(never)]
    pub(super) fn members(&mut self, mut at: usize, mut step: Step) -> Result<(usize, Step), Fault> {
        let Mode::Held { origin, .. } = self.scan.mode else { return Ok((at, step)) };
        let depth = self.depth_left();
        let (text, base, plan) = (self.text, self.base, self.plan);
        let Scan { top, tape, met, member, child, skip, .. } = &mut *self.scan;
        let state = plan.state(top.state);
        // An object is held from its start, so that this is in the text at hand.
        let origin = origin - base;
        loop {
            let (start, Some(b'"')) = solid(text, at) else { return Ok((at, step)) };
            let Some(key) = key(text, start + 1, base)? else { return Ok((at, step)) };
            let (colon, Some(b':')) = solid(text, start + key.len() + 2) else { return Ok((at, step)) };
            let id = match state.keys.find(&key) {
                None => state.other,
                Some((no, id)) => {
                    top.meet(no, met, base + start)?;
                    id
                }
            };
            // From here on, the key is read: the steps go on with its value.
            (*member, *child) = (base + start, id);
            let byte;
            (at, byte) = solid(text, colon + 1);
            step = Step::Value;
            let Some(byte) = byte else { return Ok((at, step)) };
            let state = plan.state(id);
            let single = match byte {
                b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => true,
                b'{' | b'[' if !state.inspect => false,
                _ => return Ok((at, step)),
            };
            let what = what(top, state, base + at, byte)?;
            // An entity's value is judged.
            if what == Some(What::Entity) {
                return Ok((at, step));
            }
            let read =
                if single { token::single(text, at, base)? } else { skip.begin(text, at, base, depth)? };
            let Read::Whole(end) = read else { return Ok((at, step)) };
            let (from, to) = (short(at - origin), short(end - origin));
            match what {
                None => top.plain = true,
                Some(what) => {
                    let at = At { start: short(start - origin), last: top.last, plain: top.plain };
                    top.last = tape.whole(what, id, at, to);
                }
            }
            for (outwards, fact) in &state.facts {
                tape.fact(top.object, *outwards, *fact, from, to);
            }
            top.before = base + end;
            let (comma, Some(b',')) = solid(text, end) else { return Ok((end, Step::Comma)) };
            at = comma + 1;
            step = Step::Key;
        }
    }
}

/// A whole key without escapes, from behind its quote.
#[inline(always)]
fn key(text: &[u8], at: usize, base: usize) -> Result<Option<Name<'_>>, Fault> {
    let short = Name::read(text, at);
    if short.is_some() {
        return Ok(short);
    }
    let mut escaped = false;
    let Read::Whole(end) = token::string(text, at, base, &mut escaped)? else { return Ok(None) };
    Ok(text.get(at..end - 1).filter(|_| !escaped).map(Name::of))
}
