//! The keys that are looked for in an object.

use super::{plan::StateId, token};

/// Keys and the states of their values, found by length first.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By length, then by their bytes.
    keys: Box<[Key]>,
    /// By length, up to [`LONG`]: which of them have it.
    lengths: Box<[(u32, u32)]>,
}

#[derive(Debug)]
struct Key {
    name: Box<[u8]>,
    head: [u64; 2],
    state: StateId,
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
        let keys = keys.into_iter().map(|(name, state)| Key { head: Name::of(&name).head, name, state });
        Self { keys: keys.collect(), lengths }
    }

    /// Which key it is, and the state of its value.
    #[inline(always)]
    pub(super) fn find(&self, key: &Name<'_>) -> Option<(usize, StateId)> {
        let length = key.text.len();
        let (from, to) = *self.lengths.get(length.min(LONG))?;
        for (no, one) in (from as usize..).zip(self.keys.get(from as usize..to as usize)?) {
            if one.head == key.head && (length <= Name::HEAD || *one.name == *key.text) {
                return Some((no, one.state));
            }
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// A key as it is looked for.
pub(super) struct Name<'a> {
    text: &'a [u8],
    /// Its first bytes as two numbers, with zeros where it is shorter: with its length, most keys are told apart by
    /// them alone.
    head: [u64; 2],
}

impl<'a> Name<'a> {
    /// That many bytes are in its head.
    const HEAD: usize = 16;

    pub(super) fn of(text: &'a [u8]) -> Self {
        let mut head = [0; Self::HEAD];
        head.iter_mut().zip(text).for_each(|(to, byte)| *to = *byte);
        Self { text, head: halves(&head) }
    }

    /// A key without escapes that begins at `at` and is shorter than its head, read to its quote.
    #[inline(always)]
    pub(super) fn read(text: &'a [u8], at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        let [first, second] = halves(rest.first_chunk()?);
        let (length, head) = match (token::plain_bytes(first), token::plain_bytes(second)) {
            (8, 8) => return None,
            (8, more) => (8 + more, [first, low(second, more)]),
            (less, _) => (less, [low(first, less), 0]),
        };
        let (text, behind) = rest.split_at_checked(length)?;
        (behind.first() == Some(&b'"')).then_some(Self { text, head })
    }

    /// How long it is.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

/// The first bytes of a word, less than eight of them; the others are zero.
fn low(word: u64, bytes: usize) -> u64 {
    word & ((1 << (8 * bytes)) - 1)
}

/// Eight bytes and eight bytes as numbers.
fn halves(bytes: &[u8; Name::HEAD]) -> [u64; 2] {
    let [first, second] = bytes.as_chunks().0 else { return [0; 2] };
    [u64::from_le_bytes(*first), u64::from_le_bytes(*second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_all_its_bytes() {
        let sixteen = "abcdefghijklmnop";
        let long = "x".repeat(40);
        let longer = "x".repeat(41);
        let names = ["", "a", "b", "id", "no", "name", "names", "abcdefgh", sixteen, &long, &longer];
        let keys = Keys::new(names.iter().map(|name| (name.as_bytes().into(), StateId::ROOT)).collect());
        let mut found: Vec<usize> =
            names.iter().map(|name| keys.find(&Name::of(name.as_bytes())).unwrap().0).collect();
        found.sort_unstable();
        assert_eq!(found, (0..names.len()).collect::<Vec<_>>());
        for other in [
            "c",
            "ID",
            "idd",
            "nam",
            "naem",
            "nbmes",
            "abcdefgi",
            "abcdefgxijklmnop",
            "abcdefghxjklmnop",
            &"x".repeat(42),
            &"y".repeat(40),
        ] {
            assert_eq!(keys.find(&Name::of(other.as_bytes())), None);
        }
    }
}
