//! An object that was read to its end: the judge is asked, and what may pass is copied.

use smallvec::SmallVec;

use super::{
    EntityNo, FactNo, Fields, Judge, NoneAs, Object, Raw, Verdict,
    plan::{Need, Place, Plan, State, StateId},
    token,
};

/// No entry, no object, no place.
pub(super) const NONE: u32 = u32::MAX;

/// What was found in an object while it was read. Positions are bytes from the object's start.
#[derive(Debug, Default)]
pub(super) struct Tape {
    entries: Vec<Entry>,
    objects: Vec<Found>,
    /// By [`Found::facts`]: where a fact begins and ends.
    facts: Vec<(u32, u32)>,
}

/// A member or item that may have to be taken out.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) what: What,
    pub(super) state: StateId,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The entry before it in the same container.
    pub(super) last: u32,
    /// How many entries are in it. Those follow it.
    pub(super) inside: u32,
    /// A member that always passes stands before it.
    pub(super) plain: bool,
    /// Once decided: it, or a member before it, passes.
    left: bool,
    /// Of an entity: the object.
    pub(super) object: u32,
}

/// What an [`Entry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Nobody declared it.
    Undeclared,
    /// It passes with the fields that it needs.
    Field,
    /// It is judged by itself.
    Entity,
    /// A list of such, or `null` in place of one, of which it is declared how none is written.
    Place,
    /// White space in an object or list without members that is looked into. It goes, as it does where all of them are taken out.
    Blank,
}

#[derive(Debug)]
struct Found {
    entity: EntityNo,
    main: bool,
    outer: u32,
    facts: u32,
}

/// What is left of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It is shown.
    Shown,
    /// It is hidden, and its placeholder stands in its place.
    Placeholder,
    /// It is hidden.
    Nothing,
}

/// What was taken out.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By [`Need::tally`].
    pub(super) fields: Vec<u64>,
    pub(super) undeclared: u64,
    pub(super) objects: u64,
}

/// The number of an entry or object, or the end of a text: at most as many as the outermost object has bytes, and one that is too
/// large is refused before it is settled.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "`Limits::object_bytes` keeps it in 32 bits")]
fn short(at: usize) -> u32 {
    at as u32
}

impl Tape {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.objects.clear();
        self.facts.clear();
    }

    /// Adds an entry: it ends where [`Tape::end`] says.
    #[inline(always)]
    pub(super) fn add(&mut self, what: What, state: StateId, at: At) -> u32 {
        self.whole(what, state, at, at.start)
    }

    /// Adds an entry in which there is no other.
    #[inline(always)]
    pub(super) fn whole(&mut self, what: What, state: StateId, at: At, end: u32) -> u32 {
        let At { start, last, plain } = at;
        let no = short(self.entries.len());
        self.entries.push(Entry {
            what,
            state,
            start,
            end,
            last,
            inside: 0,
            plain,
            left: false,
            object: NONE,
        });
        no
    }

    /// Notes the white space in an object or list without members.
    pub(super) fn blank(&mut self, start: u32, end: u32) {
        if start < end {
            self.whole(What::Blank, StateId::ROOT, At { start, last: NONE, plain: true }, end);
        }
    }

    /// An entry ends here.
    #[inline(always)]
    fn end(&mut self, entry: u32, end: u32) {
        let behind = short(self.entries.len());
        if let Some(at) = self.entries.get_mut(entry as usize) {
            (at.end, at.inside) = (end, behind - entry - 1);
        }
    }

    /// Leaves nothing but the first entry and its object, as they were added.
    pub(super) fn rewind(&mut self) {
        self.entries.truncate(1);
        if let Some(second) = self.objects.get(1) {
            self.facts.truncate(second.facts as usize);
        }
        self.objects.truncate(1);
        self.facts.fill((NONE, 0));
    }

    /// Adds the object of an entry that is an entity's.
    #[inline(always)]
    pub(super) fn entity(&mut self, plan: &Plan, entry: u32, place: Place, outer: u32) -> u32 {
        let Place::Entity { entity, main, .. } = place else { return outer };
        let facts = plan.schema.entity(entity).map_or(0, |entity| entity.facts);
        let no = short(self.objects.len());
        // An object of two bytes may have many facts: those that 32 bits do not reach are none.
        let first = u32::try_from(self.facts.len()).unwrap_or(NONE);
        self.objects.push(Found { entity, main, outer, facts: first });
        self.facts.resize(self.facts.len() + facts, (NONE, 0));
        if let Some(entry) = self.entries.get_mut(entry as usize) {
            entry.object = no;
        }
        no
    }

    /// Notes a fact of an object, or of one around it.
    #[inline(always)]
    pub(super) fn fact(&mut self, mut object: u32, outwards: u8, fact: FactNo, start: u32, end: u32) {
        for _ in 0..outwards {
            object = self.objects.get(object as usize).map_or(NONE, |object| object.outer);
        }
        let Some(object) = self.objects.get(object as usize) else { return };
        if let Some(place) = self.facts.get_mut(object.facts as usize + usize::from(fact.0)) {
            *place = (start, end);
        }
    }

    /// A value ends: what it is of the object in which it stands, and of those around that, is noted.
    #[inline(always)]
    pub(super) fn ended(&mut self, state: &State, entry: u32, within: u32, (from, to): (u32, u32)) {
        for (outwards, fact) in &state.facts {
            self.fact(within, *outwards, *fact, from, to);
        }
        if entry != NONE {
            self.end(entry, to);
            let object = self.object_of(entry);
            state.itself.iter().for_each(|fact| self.fact(object, 0, *fact, from, to));
        }
    }

    /// The object of an entry.
    fn object_of(&self, entry: u32) -> u32 {
        self.entries.get(entry as usize).map_or(NONE, |entry| entry.object)
    }

    /// Bytes that it holds on to.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.objects.capacity() * size_of::<Found>()
            + self.facts.capacity() * size_of::<(u32, u32)>()
    }

    /// Asks for the outermost object and what is in it, and writes what may pass.
    pub(super) fn settle<J: Judge>(&mut self, writing: Writing<'_, J>) -> Left {
        let mut writer = Writer { tape: self, to: writing, from: 0 };
        let end = short(writer.to.text.len());
        let left = writer.entity(0, None);
        if left != Left::Nothing {
            writer.copy(end);
        }
        left
    }
}

/// Where an entry stands in its container.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) start: u32,
    pub(super) last: u32,
    pub(super) plain: bool,
}

/// What is read, asked and written to.
pub(super) struct Writing<'a, J> {
    pub(super) text: &'a [u8],
    pub(super) plan: &'a Plan,
    pub(super) judge: &'a mut J,
    pub(super) counts: &'a mut Counts,
    pub(super) out: &'a mut Vec<u8>,
}

/// Where the value of a member begins, which itself begins `at` its key.
fn value_of(text: &[u8], at: usize) -> Option<usize> {
    let (colon, _) = token::solid(text, token::whole_string(text, at + 1)?);
    Some(token::solid(text, colon + 1).0)
}

struct Writer<'t, 'a, J> {
    tape: &'t mut Tape,
    to: Writing<'a, J>,
    /// Up to here it is copied or left out.
    from: u32,
}

impl<J: Judge> Writer<'_, '_, J> {
    /// Judges an entity's object and writes what is in it, but for its end.
    fn entity(&mut self, entry: u32, outer: Option<&Object<'_>>) -> Left {
        let (plan, text) = (self.to.plan, self.to.text);
        let Some(at) = self.tape.entries.get(entry as usize) else { return Left::Nothing };
        let (inside, behind) = (entry + 1, entry + 1 + at.inside);
        let Some(found) = self.tape.objects.get(at.object as usize) else { return Left::Nothing };
        let Some(entity) = plan.schema.entity(found.entity) else { return Left::Nothing };
        let places = self.tape.facts.get(found.facts as usize..).unwrap_or_default();
        let mut facts: SmallVec<[Option<Raw<'_>>; 8]> = SmallVec::new();
        for (start, end) in places.iter().take(entity.facts) {
            facts.push(text.get(*start as usize..*end as usize).map(Raw));
        }
        let object = Object { entity: found.entity, main: found.main, outer, facts: &facts };
        match self.to.judge.judge(&object) {
            Verdict::Shown(fields) => {
                self.members(inside, behind, &fields, Some(&object));
                Left::Shown
            }
            Verdict::Absent => {
                self.to.counts.objects += u64::from(outer.is_some());
                Left::Nothing
            }
            Verdict::Hidden => {
                self.to.counts.objects += u64::from(outer.is_some());
                let Some(fields) = &entity.placeholder else { return Left::Nothing };
                if self.members(inside, behind, fields, None) { Left::Placeholder } else { Left::Nothing }
            }
        }
    }

    /// Writes the members of an object, and what is in them, up to the entry `behind` them. In a hidden object
    /// (`within` is none), nothing is judged or counted. Says whether one of them is left.
    fn members(&mut self, inside: u32, behind: u32, fields: &Fields, within: Option<&Object<'_>>) -> bool {
        let plan = self.to.plan;
        let (mut no, mut any, all) = (inside, false, *fields == Fields::All);
        while no < behind {
            let Some(entry) = self.tape.entries.get_mut(no as usize) else { break };
            // Most are, and nothing is to be done for them.
            if all && entry.what == What::Field {
                (entry.left, any) = (true, true);
                no += 1;
                continue;
            }
            let Entry { what, state, last, plain, start, end, .. } = *entry;
            let after = no + 1 + entry.inside;
            let before = plain || self.tape.entries.get(last as usize).is_some_and(|last| last.left);
            let passes = match what {
                What::Blank => {
                    self.copy(start);
                    self.from = end;
                    no = after;
                    continue;
                }
                What::Undeclared => {
                    self.to.counts.undeclared += u64::from(within.is_some());
                    false
                }
                _ if !all && !self.has(fields, plan.state(state), within.is_some()) => false,
                What::Field => true,
                What::Place => self.listed(no, fields, within),
                What::Entity => within.is_some() && self.nested(no, within),
            };
            any |= passes;
            if let Some(entry) = self.tape.entries.get_mut(no as usize) {
                entry.left = passes || before;
            }
            if !passes {
                self.remove(no, before);
            }
            no = if passes && what == What::Field { no + 1 } else { after };
        }
        any
    }

    /// Writes an entity's object that stands in another, or what stands for none if nothing of it is left. Says whether
    /// anything is.
    fn nested(&mut self, no: u32, within: Option<&Object<'_>>) -> bool {
        let (length, from) = (self.to.out.len(), self.from);
        if self.entity(no, within) != Left::Nothing {
            return true;
        }
        // What a placeholder that turned out to be empty has written.
        self.to.out.truncate(length);
        self.from = from;
        self.none(no)
    }

    /// Writes a list of entities' objects of which none is written as declared. `null` in its place, and in that of a
    /// single object, has nothing in it either.
    fn listed(&mut self, no: u32, fields: &Fields, within: Option<&Object<'_>>) -> bool {
        let (length, from) = (self.to.out.len(), self.from);
        let inside = self.tape.entries.get(no as usize).map_or(0, |entry| entry.inside);
        if self.members(no + 1, no + 1 + inside, fields, within) {
            return true;
        }
        self.to.out.truncate(length);
        self.from = from;
        self.none(no)
    }

    /// Writes a member with what stands for none in place of its value. Says whether anything does.
    fn none(&mut self, no: u32) -> bool {
        let Some(entry) = self.tape.entries.get(no as usize) else { return false };
        let none = self.to.plan.state(entry.state).none.and_then(NoneAs::text);
        let (Some(none), Some(value)) = (none, value_of(self.to.text, entry.start as usize)) else {
            return false;
        };
        let end = entry.end;
        self.copy(short(value));
        self.to.out.extend_from_slice(none);
        self.from = end;
        true
    }

    /// Whether a verdict has what a member needs; counts what it lacks.
    fn has(&mut self, fields: &Fields, state: &State, counted: bool) -> bool {
        let leads = match state.place {
            Place::Path => {
                (state.leads_to_entity && counted) || state.leads.iter().any(|need| fields.has(need.field))
            }
            // `null` in place of an entity's object.
            Place::Entity { .. } => counted,
            _ => true,
        };
        let lacks = |need: &&Need| !fields.has(need.field);
        let lacking = state.need.iter().find(lacks).or_else(|| state.leads.first().filter(|_| !leads));
        if let Some(need) = lacking
            && let Some(count) = self.to.counts.fields.get_mut(need.tally as usize)
        {
            *count += u64::from(counted);
        }
        lacking.is_none() && leads
    }

    /// Leaves a member out, with the comma and white space before it; with those after it if none is left before. Where none is left at
    /// all, white space would tell that there was one.
    fn remove(&mut self, no: u32, before: bool) {
        let Some(entry) = self.tape.entries.get(no as usize) else { return };
        let (start, end) = (entry.start as usize, entry.end as usize);
        if before {
            self.copy(short(self.before(start)));
            self.from = short(end);
            return;
        }
        self.copy(short(start));
        let (mut behind, comma) = token::solid(self.to.text, end);
        if comma == Some(b',') {
            (behind, _) = token::solid(self.to.text, behind + 1);
        } else {
            let blank = self.to.out.len() - self.to.out.trim_ascii_end().len();
            self.to.out.truncate(self.to.out.len() - blank);
        }
        self.from = short(behind);
    }

    /// The end of the member before the one that starts here. Between them are one comma and white space.
    fn before(&self, start: usize) -> usize {
        let parted = self.to.text.get(..start).unwrap_or_default().trim_ascii_end();
        parted.strip_suffix(b",").unwrap_or(parted).trim_ascii_end().len()
    }

    fn copy(&mut self, to: u32) {
        if let Some(text) = self.to.text.get(self.from as usize..to as usize) {
            self.to.out.extend_from_slice(text);
        }
        self.from = self.from.max(to);
    }
}
