//! In an entity's object: what may have to be taken out is noted.

use super::super::{
    plan::{Container, Note, Place, Plan, State, StateId},
    tape::{At, NONE, Tape, What},
};
use super::{Noted, values::Begun};

impl Noted {
    /// Notes that a member or item begins, which is this.
    #[inline(always)]
    pub(super) fn begin(
        &mut self,
        tape: &mut Tape,
        plan: &Plan,
        (id, start): (StateId, u32),
        what: Option<What>,
        byte: u8,
    ) -> Begun {
        let state = plan.state(id);
        let at = At { start, last: self.last, plain: self.plain };
        let entry = what.map_or(NONE, |what| tape.add(what, id, at));
        if entry == NONE {
            self.plain = true;
        } else {
            self.last = entry;
        }
        let dropped = self.dropped || what == Some(What::Undeclared);
        let object = match what {
            Some(What::Entity) => tape.entity(plan, entry, state.place, self.object),
            _ => self.object,
        };
        // What is dropped for its type is not looked into.
        let into = match what {
            Some(What::Entity) => state.inspect || byte == b'{' && !is_value(state),
            Some(What::Undeclared) => state.inspect && state.place == Place::Drop,
            _ => state.inspect,
        };
        Begun { into, entry, object, dropped }
    }
}

/// A value is of another type than declared.
pub(super) struct OtherType;

/// What a value in an entity's object is noted as, by its first byte.
#[inline(always)]
pub(super) fn what(within: &Noted, state: &State, byte: u8) -> Result<Option<What>, OtherType> {
    match state.note {
        _ if within.dropped => Ok(None),
        Note::As(what) => Ok(what),
        Note::LookedAt => what_by_type(within.in_list, state, byte),
    }
}

fn what_by_type(in_list: bool, state: &State, byte: u8) -> Result<Option<What>, OtherType> {
    let null = byte == b'n';
    let field = if state.none.is_some() { What::Place } else { What::Field };
    Ok(match state.place {
        Place::Drop | Place::Total(_) | Place::Ahead | Place::Rows => Some(What::Undeclared),
        Place::Entity { .. } | Place::Path if null && !in_list => Some(field),
        Place::Entity { value, .. } if byte == b'{' || (value && !null) => Some(What::Entity),
        _ if in_list && (matches!(state.place, Place::Entity { .. }) || !fits(state, byte)) => {
            Some(What::Undeclared)
        }
        Place::Entity { .. } => return Err(OtherType),
        _ if !fits(state, byte) => return Err(OtherType),
        Place::Path if !matches!(byte, b'{' | b'[') => Some(What::Undeclared),
        Place::Path => (!in_list).then_some(field),
        Place::Pass => (field == What::Place || !state.need.is_empty()).then_some(field),
    })
}

/// Whether a value may be at a state, by its first byte.
pub(super) fn fits(state: &State, byte: u8) -> bool {
    match state.container {
        None => true,
        Some(Container::Object) => matches!(byte, b'{' | b'n'),
        Some(Container::List) => matches!(byte, b'[' | b'n'),
    }
}

fn is_value(state: &State) -> bool {
    matches!(state.place, Place::Entity { value: true, .. })
}
