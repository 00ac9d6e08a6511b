//! Reading a segment from its first byte: what is good, what is damaged, what was torn. Pure.

use std::ops::Range;

use super::format::{FRAME_HEADER, FrameHeader, Mark, RecordAt, SEGMENT_HEADER, SegmentHeader, record_at};

/// What the end of a segment may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The last segment: a commit may have been under way.
    MayBeTorn,
    /// A later segment exists, which was begun when all of this one was durable.
    Sealed,
}

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The version and number of the header; `None` if the header is damaged or missing.
    pub header: Option<(u32, u64)>,
    pub(super) mark: Option<Mark>,
    /// Records handed to the caller.
    pub records: u64,
    /// What was durable once and is not as it was written, in order.
    pub bad: Vec<Bad>,
    /// Where the last durable frame ends: what is behind was torn.
    pub end: u64,
}

/// A range that was durable once and is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Where it is in the segment.
    pub range: Range<u64>,
    /// Records in it whose own checksum is right; the caller got them.
    pub salvaged: u64,
    /// Records in it that are lost; `None` if not even their number can be told.
    pub lost: Option<u64>,
}

/// Reads a segment and calls `each` with the place and the bytes of every record that can be trusted, in
/// order. Every byte of the segment is in a good frame, in a [`Bad`] range, or behind [`Scanned::end`].
pub fn scan_segment(bytes: &[u8], tail: Tail, each: &mut dyn FnMut(u64, &[u8])) -> Scanned {
    let header = SegmentHeader::decode(bytes);
    let mut scanned = Scanned {
        header: header.map(|h| (h.version, h.segment)),
        mark: header.map(|h| h.mark).or_else(|| mark_of_first_frame(bytes)),
        records: 0,
        bad: Vec::new(),
        end: SEGMENT_HEADER.min(bytes.len()) as u64,
    };
    if header.is_none() {
        scanned.bad.push(Bad { range: 0..scanned.end, salvaged: 0, lost: Some(0) });
    }
    if let Some(mark) = scanned.mark {
        Scan { bytes, mark, each, scanned: &mut scanned }.frames(tail);
    } else if bytes.len() > SEGMENT_HEADER {
        scanned.bad = vec![Bad { range: 0..bytes.len() as u64, salvaged: 0, lost: None }];
        scanned.end = bytes.len() as u64;
    }
    scanned
}

/// Where the header is damaged, the first frame's header repeats the mark, and its checksum proves it.
fn mark_of_first_frame(bytes: &[u8]) -> Option<Mark> {
    let mark = Mark(*bytes.get(SEGMENT_HEADER..)?.first_chunk::<8>()?);
    FrameHeader::decode(bytes, SEGMENT_HEADER, mark).map(|_| mark)
}

struct Scan<'a> {
    bytes: &'a [u8],
    mark: Mark,
    each: &'a mut dyn FnMut(u64, &[u8]),
    scanned: &'a mut Scanned,
}

impl Scan<'_> {
    fn frames(&mut self, tail: Tail) {
        let mut at = SEGMENT_HEADER;
        while at < self.bytes.len() {
            let header = FrameHeader::decode(self.bytes, at, self.mark);
            if let Some(end) = header.and_then(|header| self.good_frame(at, header)) {
                at = end;
                self.scanned.end = at as u64;
                continue;
            }
            // A frame is begun only when the one before is durable: a header behind proves that this one
            // was. Without one, the end of the last segment is a commit that was never completed.
            let beyond = header.and_then(|header| self.end_of(at, header)).unwrap_or(at + 1);
            let next = match (self.next_header(beyond), tail) {
                (Some(next), _) => next,
                (None, Tail::Sealed) => self.bytes.len(),
                (None, Tail::MayBeTorn) => return,
            };
            self.salvage(at, next, header);
            at = next;
            self.scanned.end = at as u64;
        }
    }

    /// Hands out a frame's records if all of it is good; answers where it ends.
    fn good_frame(&mut self, at: usize, header: FrameHeader) -> Option<usize> {
        let end = self.end_of(at, header)?;
        // All records are checked before the first one is handed out: a commit counts whole or not at all.
        let mut records = Vec::with_capacity(usize::try_from(header.records.min(4096)).unwrap_or(0));
        let mut offset = at + FRAME_HEADER;
        while offset < end {
            let RecordAt::Good { record, next } = record_at(self.bytes, offset, end, self.mark) else {
                return None;
            };
            records.push((next - record.len(), record));
            offset = next;
        }
        if u32::try_from(records.len()) != Ok(header.records) {
            return None;
        }
        for (at, record) in &records {
            (self.each)(*at as u64, record);
        }
        self.scanned.records += records.len() as u64;
        Some(end)
    }

    fn end_of(&self, at: usize, header: FrameHeader) -> Option<usize> {
        let payload = usize::try_from(header.payload_bytes).ok()?;
        let end = at.checked_add(FRAME_HEADER)?.checked_add(payload)?;
        (end <= self.bytes.len()).then_some(end)
    }

    /// The next good frame header from `from` on.
    fn next_header(&self, from: usize) -> Option<usize> {
        let mark = self.mark.0;
        let rest = self.bytes.get(from..)?;
        rest.windows(mark.len())
            .enumerate()
            .filter(|(_, window)| *window == mark)
            .map(|(at, _)| from + at)
            .find(|at| FrameHeader::decode(self.bytes, *at, self.mark).is_some())
    }

    /// Notes a damaged frame between `at` and `end`, and hands out those of its records that are good.
    fn salvage(&mut self, at: usize, end: usize, header: Option<FrameHeader>) {
        let mut salvaged = 0;
        let mut offset = at + FRAME_HEADER;
        loop {
            offset = match record_at(self.bytes, offset, end, self.mark) {
                RecordAt::Good { record, next } => {
                    (self.each)((next - record.len()) as u64, record);
                    salvaged += 1;
                    next
                }
                RecordAt::Bad { next } => next,
                RecordAt::Lost => break,
            };
        }
        self.scanned.records += salvaged;
        let lost = header.map(|header| u64::from(header.records).saturating_sub(salvaged));
        self.scanned.bad.push(Bad { range: at as u64..end as u64, salvaged, lost });
    }
}
