//! The bytes of segments: headers, frames, records. The shape is in the module's documentation.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use super::{Position, ReadError};

pub(super) const MAGIC: [u8; 8] = *b"HGJRNL\r\n";
pub(super) const VERSION: u32 = 1;
pub(super) const SEGMENT_HEADER: usize = 32;
pub(super) const FRAME_HEADER: usize = 20;
pub(super) const RECORD_HEADER: usize = 8;

/// Eight random bytes per segment, known to nobody who writes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(pub(super) [u8; 8]);

impl Mark {
    /// A new mark.
    pub(super) fn draw() -> io::Result<Self> {
        let mut mark = [0; 8];
        aws_lc_rs::rand::fill(&mut mark).map_err(|_unspecified| io::Error::other("no randomness"))?;
        Ok(Self(mark))
    }

    /// The checksum of `parts`, bound to this mark and to the place `offset` in the file.
    fn crc(self, offset: u64, parts: &[&[u8]]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.0);
        crc.update(&offset.to_le_bytes());
        for part in parts {
            crc.update(part);
        }
        crc.finalize()
    }
}

/// What a good segment header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) version: u32,
    pub(super) segment: u64,
    pub(super) mark: Mark,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.mark.0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// `None` if the bytes are no header or a damaged one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (segment, rest) = rest.split_first_chunk::<8>()?;
        let (mark, rest) = rest.split_first_chunk::<8>()?;
        let (crc, _) = rest.split_first_chunk::<4>()?;
        let signed = bytes.get(..SEGMENT_HEADER - 4)?;
        (*magic == MAGIC && crc32fast::hash(signed) == u32::from_le_bytes(*crc)).then_some(Self {
            version: u32::from_le_bytes(*version),
            segment: u64::from_le_bytes(*segment),
            mark: Mark(*mark),
        })
    }
}

/// What a good frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_bytes: u32,
    pub(super) records: u32,
}

impl FrameHeader {
    /// Reads the header at `offset` of a segment; `None` if there is none or a damaged one.
    pub(super) fn decode(segment: &[u8], offset: usize, mark: Mark) -> Option<Self> {
        let bytes = segment.get(offset..)?;
        let (found, rest) = bytes.split_first_chunk::<8>()?;
        let (payload_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (records, rest) = rest.split_first_chunk::<4>()?;
        let (crc, _) = rest.split_first_chunk::<4>()?;
        let good = *found == mark.0
            && mark.crc(offset as u64, &[payload_bytes, records]) == u32::from_le_bytes(*crc);
        good.then_some(Self {
            payload_bytes: u32::from_le_bytes(*payload_bytes),
            records: u32::from_le_bytes(*records),
        })
    }
}

/// A frame in the making, for one place of one segment.
#[derive(Debug)]
pub(super) struct FrameWriter<'a> {
    bytes: &'a mut Vec<u8>,
    offset: u64,
    mark: Mark,
    records: u32,
}

impl<'a> FrameWriter<'a> {
    /// Begins a frame that will stand at `offset`. `bytes` is emptied.
    pub(super) fn begin(bytes: &'a mut Vec<u8>, offset: u64, mark: Mark) -> Self {
        bytes.clear();
        bytes.resize(FRAME_HEADER, 0);
        Self { bytes, offset, mark, records: 0 }
    }

    /// Adds a record; answers where its bytes will be in the segment. `None` if the frame would exceed
    /// what its header can say.
    pub(super) fn push(&mut self, record: &[u8]) -> Option<(u64, u32)> {
        let len = u32::try_from(record.len()).ok()?;
        u32::try_from(self.bytes.len() + RECORD_HEADER + record.len()).ok()?;
        let at = self.offset + self.bytes.len() as u64;
        let len_bytes = len.to_le_bytes();
        self.bytes.extend_from_slice(&len_bytes);
        self.bytes.extend_from_slice(&self.mark.crc(at, &[&len_bytes, record]).to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.records += 1;
        Some((at + RECORD_HEADER as u64, len))
    }

    /// Completes the header.
    pub(super) fn finish(self) {
        let payload = (self.bytes.len() - FRAME_HEADER) as u64;
        // INVARIANT: `push` keeps the payload within u32.
        let payload = u32::try_from(payload).unwrap_or(u32::MAX).to_le_bytes();
        let records = self.records.to_le_bytes();
        let crc = self.mark.crc(self.offset, &[&payload, &records]).to_le_bytes();
        let header = self.mark.0.iter().chain(&payload).chain(&records).chain(&crc);
        for (to, from) in self.bytes.iter_mut().zip(header) {
            *to = *from;
        }
    }
}

/// Reads the record whose header stands at `offset`, within a frame that ends at `end`.
pub(super) fn record_at(segment: &[u8], offset: usize, end: usize, mark: Mark) -> RecordAt<'_> {
    let Some(bytes) = segment.get(offset..end) else { return RecordAt::Lost };
    let Some((len, rest)) = bytes.split_first_chunk::<4>() else { return RecordAt::Lost };
    let Some((crc, rest)) = rest.split_first_chunk::<4>() else { return RecordAt::Lost };
    let Ok(bytes) = usize::try_from(u32::from_le_bytes(*len)) else { return RecordAt::Lost };
    let Some(record) = rest.get(..bytes) else { return RecordAt::Lost };
    let next = offset + RECORD_HEADER + bytes;
    if mark.crc(offset as u64, &[len, record]) == u32::from_le_bytes(*crc) {
        RecordAt::Good { record, next }
    } else {
        RecordAt::Bad { next }
    }
}

/// What stands where a record should be.
#[derive(Debug)]
pub(super) enum RecordAt<'a> {
    /// A record with the right checksum, and where the next one would begin.
    Good { record: &'a [u8], next: usize },
    /// A wrong checksum. If the length is right, the next record begins at `next`.
    Bad { next: usize },
    /// A length that does not fit: where the next record begins is not known.
    Lost,
}

/// Reads one record of a segment file and checks it.
pub(super) fn read_record(path: &Path, mark: &Mark, position: Position) -> Result<Vec<u8>, ReadError> {
    let (header, record) = read_bytes(path, position)?;
    let len = position.len.to_le_bytes();
    let crc = mark.crc(position.offset - RECORD_HEADER as u64, &[&len, &record]).to_le_bytes();
    if header.iter().eq(len.iter().chain(&crc)) { Ok(record) } else { Err(ReadError::Damaged(position)) }
}

/// What stands in a record's place of a segment file, and in its header's.
pub(super) fn read_bytes(
    path: &Path,
    position: Position,
) -> Result<([u8; RECORD_HEADER], Vec<u8>), ReadError> {
    let missing = || ReadError::Missing(position);
    let start = position.offset.checked_sub(RECORD_HEADER as u64).ok_or_else(missing)?;
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
        opened => opened.map_err(ReadError::Io)?,
    };
    let mut header = [0; RECORD_HEADER];
    let mut record = vec![0; usize::try_from(position.len).map_err(|_too_large| missing())?];
    let read = file
        .read_exact_at(&mut header, start)
        .and_then(|()| file.read_exact_at(&mut record, position.offset));
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(missing()),
        done => done.map(|()| (header, record)).map_err(ReadError::Io),
    }
}
