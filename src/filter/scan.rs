//! The reader: one pass over a text in chunks of any size, along the states of a [`Plan`].
//!
//! Around entities it passes on what may pass as it reads it. An entity's outermost object is held until it is
//! whole, since a fact that decides on it may stand at its end: what may have to be taken out is noted on a
//! [`Tape`], and settled at the end.
//!
//! [`steps`] reads a text from wherever it was cut, and [`values`] says what is done with what it meets, [`around`]
//! entities and [`inside`] them. [`whole`] is the short way for an entity's object that lies whole in the text at hand: it
//! notes what the steps would note, in one go, and leaves all others to them.

mod around;
mod inside;
mod steps;
mod values;
mod whole;

use std::sync::Arc;

use super::{
    Fault, Judge, Limits, Report,
    ahead::Hole,
    plan::{Plan, StateId},
    skip::Skip,
    tape::{Counts, NONE, Tape},
};
use steps::Step;
use values::Begun;

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
    /// By `State::first`: which key followed this one last time. Rows mostly have theirs in the same order.
    follows: Vec<u32>,
    /// The member or item that is being read: where it begins, and its state.
    member: usize,
    child: StateId,
    /// The key that is being read has an escape.
    escaped: bool,
    unescaped: Vec<u8>,
    /// The value that is being read over.
    over: Over,
    skip: Skip,
    /// What is done with what is read.
    mode: Mode,
    /// Of the containers around entities that are being read, the innermost ones of which nothing has passed yet.
    openings: Vec<Opening>,
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
    pub(super) holes: Vec<(usize, Hole)>,
    /// Of each row: where what stands before it begins, where it begins and ends.
    pub(super) rows: Vec<(usize, usize, usize)>,
    /// Where the rows begin and end.
    pub(super) inside: Option<(usize, usize)>,
    /// What parts two rows, as it is between the first ones.
    pub(super) parting: Vec<u8>,
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
    /// Around entities: the white space before the first of them.
    lead: Vec<u8>,
    /// Its own entry on the tape.
    entry: u32,
    noted: Noted,
    /// Its bits in [`Scan::met`].
    met: usize,
    /// Around entities: what of it says something of the next page and has passed, since it says something else, too.
    there: Vec<StateId>,
}

/// What is noted of a container whose members are read. Around entities, only whether one passed.
#[derive(Clone, Copy, Debug)]
struct Noted {
    in_list: bool,
    /// A member that always passes has been met; around entities: one that passed.
    plain: bool,
    /// On the tape: its last entry.
    last: u32,
    /// The object in which its members' facts are.
    object: u32,
    /// Nothing in it passes.
    dropped: bool,
}

/// The beginning of a container that is only written with the first in it that passes: of a list of entities' objects, since it is
/// declared what stands there where there is none, and of an object that says something of the next page, which is written anew where it
/// says nothing else.
#[derive(Debug)]
struct Opening {
    /// What stands before its first item or member, from what parts its key from the member before.
    text: Vec<u8>,
    /// So much of that stands before the container itself.
    key: usize,
    /// So many frames are around the one in which it stands.
    frames: usize,
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
        let follows = vec![0; plan.keys];
        Self {
            plan,
            limits,
            step: Step::Value,
            at: 0,
            top: text,
            frames: Vec::new(),
            met: Vec::new(),
            follows,
            member: 0,
            child: StateId::ROOT,
            escaped: false,
            unescaped: Vec::new(),
            over: Over { state: StateId::ROOT, start: 0, entry: NONE },
            skip: Skip::default(),
            mode: Mode::Walk,
            openings: Vec::new(),
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
            + self.skip.bytes()
            + self.frames.capacity() * size_of::<Frame>()
            + self.met.capacity() * size_of::<u64>()
            + self.follows.capacity() * size_of::<u32>()
            + self.unescaped.capacity()
            + self.frames.iter().chain([&self.top]).map(Frame::bytes).sum::<usize>()
            + self
                .openings
                .iter()
                .map(|opening| opening.text.capacity() + size_of::<Opening>())
                .sum::<usize>()
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
        if reader.scan.step == Step::Over && reader.scan.frames.is_empty() && reader.scan.skip.may_end() {
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
            lead: Vec::new(),
            entry: NONE,
            noted: Noted::new(kind != Kind::Object),
            met,
            there: Vec::new(),
        }
    }

    /// Bytes that it holds on to.
    fn bytes(&self) -> usize {
        self.lead.capacity() + self.there.capacity() * size_of::<StateId>()
    }

    /// A key of it is read, which may stand in it once. `met` has a bit for each.
    #[inline(always)]
    fn meet(&self, no: usize, met: &mut [u64], at: usize) -> Result<(), Fault> {
        let bit = 1 << (no % 64);
        if let Some(met) = met.get_mut(self.met + no / 64) {
            if *met & bit != 0 {
                return Err(Fault::Twice { at: at as u64 });
            }
            *met |= bit;
        }
        Ok(())
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

impl Noted {
    fn new(in_list: bool) -> Self {
        Self { in_list, plain: false, last: NONE, object: NONE, dropped: false }
    }

    /// Of the container that a value is.
    fn inside(begun: &Begun, in_list: bool) -> Self {
        Self { object: begun.object, dropped: begun.dropped, ..Self::new(in_list) }
    }
}

/// A position in an object that is held: [`Limits::object_bytes`] keeps it in 32 bits.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}
