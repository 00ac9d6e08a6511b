//! HTTP/2 frames that ask for nothing.
//!
//! The HTTP/2 library bounds headers, continuations, small data frames and resets before a request is
//! looked at. It does not bound settings, pings, priorities, window updates and resets after that, each
//! of which costs us about as much as a small request and its sender almost nothing. A peer therefore
//! has a budget for them: requests, answers and time add to it, and who overdraws it is cut off.

use std::time::Duration;

use tokio::time::Instant;

/// The most that a peer can save up, and what it begins with.
const CREDIT_MAX: i64 = 1000;

/// What a second adds.
const PER_SECOND: u32 = 10;

/// What so many bytes of answers add: a peer acknowledges them by window updates.
const BYTES_PER_CREDIT: usize = 1 << 10;

/// A reader of the frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes up to the next frame: first what follows the preface's first line, then a frame's payload.
    skip: usize,
    header: [u8; 9],
    have: usize,
    /// What the frames since [`Frames::take_balance`] are worth.
    balance: i64,
}

impl Default for Frames {
    fn default() -> Self {
        Self { skip: "\r\nSM\r\n\r\n".len(), header: [0; 9], have: 0, balance: 0 }
    }
}

impl Frames {
    /// Reads the next bytes.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            for (to, from) in self.header.iter_mut().skip(self.have).zip(bytes) {
                *to = *from;
            }
            let taken = bytes.len().min(self.header.len() - self.have);
            self.have += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.have == self.header.len() {
                let [high, middle, low, kind, ..] = self.header;
                self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.have = 0;
                self.balance += worth(kind, self.skip);
            }
        }
    }

    /// What the frames were worth since this was last asked.
    pub(super) fn take_balance(&mut self) -> i64 {
        std::mem::take(&mut self.balance)
    }
}

/// What a frame adds to its peer's budget, by RFC 9113 section 6. A request that is cancelled costs
/// more than it adds.
fn worth(kind: u8, length: usize) -> i64 {
    match kind {
        // DATA
        0 if length > 0 => 0,
        // HEADERS
        1 => 10,
        // RST_STREAM
        3 => -12,
        _ => -1,
    }
}

/// What one peer may still spend.
#[derive(Debug)]
pub(super) struct Budget {
    credit: i64,
    at: Instant,
    /// Bytes of answers that were not yet added.
    written: usize,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { credit: CREDIT_MAX, at: now, written: 0 }
    }

    /// Notes bytes of answers that the peer took.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// Adds what time, answers and frames are worth; answers whether the budget holds.
    pub(super) fn settle(&mut self, frames: i64, now: Instant) -> bool {
        let ticks = now.duration_since(self.at).as_nanos() / (Duration::from_secs(1) / PER_SECOND).as_nanos();
        if ticks > 0 {
            self.at = now;
        }
        let answers = self.written / BYTES_PER_CREDIT;
        self.written %= BYTES_PER_CREDIT;
        let earned =
            i64::try_from(ticks).unwrap_or(CREDIT_MAX) + i64::try_from(answers).unwrap_or(CREDIT_MAX);
        self.credit =
            self.credit.saturating_add(earned).min(CREDIT_MAX).saturating_add(frames).min(CREDIT_MAX);
        self.credit >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; 10] = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82];
    const DATA: [u8; 11] = [0, 0, 2, 0, 0, 0, 0, 0, 1, 4, 6];
    const RESET: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

    #[test]
    fn frames_are_weighed_however_they_come() {
        let wire = [&b"\r\nSM\r\n\r\n"[..], &SETTINGS, &REQUEST, &DATA, &RESET, &SETTINGS].concat();
        let expected = -1 + 10 - 12 - 1;
        for size in 1..=wire.len() {
            let mut frames = Frames::default();
            wire.chunks(size).for_each(|bytes| frames.read(bytes));
            assert_eq!((frames.take_balance(), frames.take_balance()), (expected, 0), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_and_answers_fill_the_budget_up_again() {
        let mut budget = Budget::new(Instant::now());
        assert!(budget.settle(-CREDIT_MAX, Instant::now()));
        assert!(!budget.settle(-1, Instant::now()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(budget.settle(-9, Instant::now()));
        budget.wrote(3 * BYTES_PER_CREDIT);
        assert!(budget.settle(-3, Instant::now()) && !budget.settle(-1, Instant::now()));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(budget.settle(-CREDIT_MAX, Instant::now()) && !budget.settle(-1, Instant::now()));
    }
}
