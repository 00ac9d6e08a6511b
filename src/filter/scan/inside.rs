//! In an entity's object: what may have to be taken out is noted.

use super::super::{
    Fault, Judge,
    plan::{Place, State, StateId, Way},
    tape::{At, NONE, What},
};
use super::{Frame, Kind, Mode, Reader, short, values::Begun};

impl<J: Judge> Reader<'_, J> {
    /// A value in an entity's object begins, that many bytes behind its start.
    pub(super) fn begin(
        &mut self,
        state: &State,
        id: StateId,
        start: usize,
        byte: u8,
    ) -> Result<Begun, Fault> {
        let Mode::Held { origin, .. } = self.scan.mode else { return Ok(Begun::over()) };
        let what = what(&self.scan.top, state, start, byte)?;
        let top = &mut self.scan.top;
        let entry = match what {
            None => NONE,
            Some(what) => {
                let start = short(self.scan.member - origin);
                self.scan.tape.add(what, id, At { start, last: top.last, plain: top.plain })
            }
        };
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
    pub(super) fn object(&mut self, entry: u32, place: Place, outer: u32) -> u32 {
        let Place::Entity { entity, main, .. } = place else { return outer };
        let facts = self.plan.schema.entity(entity).map_or(0, |entity| entity.facts);
        self.scan.tape.object(entry, entity, main, outer, facts)
    }
}

/// What a value in an entity's object is noted as, by its first byte.
#[inline(always)]
pub(super) fn what(top: &Frame, state: &State, start: usize, byte: u8) -> Result<Option<What>, Fault> {
    // Most members are fields or undeclared, whatever they are.
    match state.place {
        _ if top.dropped => Ok(None),
        Place::Pass if state.way.is_none() => Ok((!state.need.is_empty()).then_some(What::Field)),
        Place::Drop => Ok(Some(What::Undeclared)),
        _ => what_by_type(top, state, start, byte),
    }
}

fn what_by_type(top: &Frame, state: &State, start: usize, byte: u8) -> Result<Option<What>, Fault> {
    let (in_list, null) = (top.kind != Kind::Object, byte == b'n');
    let wrong = Fault::Type { at: start as u64 };
    Ok(match state.place {
        Place::Drop | Place::Total(_) | Place::Rows => Some(What::Undeclared),
        Place::Entity { .. } | Place::Path if null && !in_list => Some(What::Field),
        Place::Entity { value, .. } if byte == b'{' || (value && !null) => Some(What::Entity),
        _ if in_list && (matches!(state.place, Place::Entity { .. }) || !fits(state, byte)) => {
            Some(What::Undeclared)
        }
        Place::Entity { .. } => return Err(wrong),
        _ if !fits(state, byte) => return Err(wrong),
        Place::Path if !matches!(byte, b'{' | b'[') => Some(What::Undeclared),
        Place::Path => (!in_list).then_some(What::Field),
        Place::Pass => (!state.need.is_empty()).then_some(What::Field),
    })
}

/// Whether a value may be at a state, by its first byte.
pub(super) fn fits(state: &State, byte: u8) -> bool {
    match state.way {
        None => true,
        Some(Way::Object) => matches!(byte, b'{' | b'n'),
        Some(Way::List) => matches!(byte, b'[' | b'n'),
    }
}

fn is_value(state: &State) -> bool {
    matches!(state.place, Place::Entity { value: true, .. })
}
