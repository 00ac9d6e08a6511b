//! Amounts with their unit: durations and sizes.

use std::time::Duration;

use super::Written;

/// A duration, greater than zero: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// The units of a duration in milliseconds, largest first.
const SPAN_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Written for Span {
    const FORMAT: &'static str = "duration-text";
    const WORD: &'static str = "duration";
    const EXPECTED: &'static str =
        "a duration greater than zero: a whole number and ms, s, m, h or d, such as \"10s\"";
    const PATTERN: Option<&'static str> = Some("^([0-9]+(ms|s|m|h|d)|.*\\$\\{.+)$");

    fn read(text: &str) -> Option<Self> {
        let ms = amount(text, &SPAN_UNITS)?;
        (ms > 0).then(|| Self(Duration::from_millis(ms)))
    }

    fn write(&self) -> String {
        written_amount(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &SPAN_UNITS)
    }
}

/// A number of bytes: a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

const SIZE_UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// As a size in memory.
    pub(crate) fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Written for Size {
    const FORMAT: &'static str = "size-text";
    const WORD: &'static str = "size";
    const EXPECTED: &'static str = "a size: a whole number and B, KiB, MiB, GiB or TiB, such as \"4MiB\"";
    const PATTERN: Option<&'static str> = Some("^([0-9]+(B|KiB|MiB|GiB|TiB)|.*\\$\\{.+)$");

    fn read(text: &str) -> Option<Self> {
        amount(text, &SIZE_UNITS).map(Self)
    }

    fn write(&self) -> String {
        written_amount(self.0, &SIZE_UNITS)
    }
}

/// A whole number and a unit, in the smallest unit.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The amount in the largest unit that divides it.
fn written_amount(amount: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))
        .or_else(|| units.last())
        .map_or_else(String::new, |(unit, factor)| format!("{}{unit}", amount / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_written_back_in_their_largest_unit() {
        for (text, ms) in [("10s", 10_000), ("5m", 300_000), ("7d", 604_800_000), ("250ms", 250)] {
            let span = Span::read(text).unwrap();
            assert_eq!(span.0, Duration::from_millis(ms));
            assert_eq!(span.write(), text);
        }
        assert_eq!(Span::read("60s").unwrap().write(), "1m");
        for (text, bytes) in [("4MiB", 4 << 20), ("512KiB", 512 << 10), ("0B", 0), ("1000B", 1000)] {
            let size = Size::read(text).unwrap();
            assert_eq!(size.0, bytes);
            assert_eq!(size.write(), text);
        }
    }

    #[test]
    fn what_is_not_exactly_a_duration_or_size_is_refused() {
        for text in
            ["", "10", "s", "-1s", "1.5h", "0s", "10 s", "10S", "99999999999999999999d", "99999999999999d"]
        {
            assert_eq!(Span::read(text), None, "{text}");
        }
        for text in ["", "4", "4MB", "4mib", "4 MiB", "-1B", "99999999TiB"] {
            assert_eq!(Size::read(text), None, "{text}");
        }
    }
}
