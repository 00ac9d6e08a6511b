//! The keys that are looked for in an object.

use super::plan::StateId;

/// Keys and the states of their values, found by length first.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By length, then by their bytes.
    keys: Box<[(Box<[u8]>, StateId)]>,
    /// By length, up to [`LONG`]: which of them have it.
    lengths: Box<[(u32, u32)]>,
}

/// Keys from this length on share one place in the table.
const LONG: usize = 32;

impl Keys {
    pub(super) fn new(mut keys: Vec<(Box<[u8]>, StateId)>) -> Self {
        keys.sort_by(|(one, _), (other, _)| (one.len().min(LONG), one).cmp(&(other.len().min(LONG), other)));
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let lengths = (0..=LONG).map(|length| {
            let before = |bound: usize| keys.partition_point(|(key, _)| key.len().min(LONG) < bound);
            (number(before(length)), number(before(length + 1)))
        });
        let lengths = lengths.collect();
        Self { keys: keys.into(), lengths }
    }

    /// Which key it is, and the state of its value.
    pub(super) fn find(&self, key: &[u8]) -> Option<(usize, StateId)> {
        let (from, to) = *self.lengths.get(key.len().min(LONG))?;
        let same = self.keys.get(from as usize..to as usize)?;
        let at = same.iter().position(|(name, _)| **name == *key)?;
        same.get(at).map(|(_, state)| (from as usize + at, *state))
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_all_its_bytes() {
        let long = "x".repeat(40);
        let longer = "x".repeat(41);
        let names = ["", "a", "b", "id", "no", &long, &longer];
        let keys = Keys::new(names.iter().map(|name| (name.as_bytes().into(), StateId::ROOT)).collect());
        let mut found: Vec<usize> = names.iter().map(|name| keys.find(name.as_bytes()).unwrap().0).collect();
        found.sort_unstable();
        assert_eq!(found, (0..names.len()).collect::<Vec<_>>());
        for other in ["c", "ID", "idd", &"x".repeat(42), &"y".repeat(40)] {
            assert_eq!(keys.find(other.as_bytes()), None);
        }
    }
}
