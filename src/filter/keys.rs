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
    state: StateId,
    /// As most texts have it: `"name":`.
    quoted: Box<[u8]>,
    /// The first bytes of that as two numbers, and which bits of a text's first bytes are compared with them. No text has
    /// those of a name that must be escaped.
    head: [u64; 2],
    mask: [u64; 2],
}

/// Keys from this length on share one place in the table.
const LONG: usize = 32;

/// That many bytes of a text are compared with a key at once.
const HEAD: usize = 16;

impl Keys {
    pub(super) fn new(mut keys: Vec<(Box<[u8]>, StateId)>) -> Self {
        keys.sort_by(|(one, _), (other, _)| (one.len().min(LONG), one).cmp(&(other.len().min(LONG), other)));
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let lengths = (0..=LONG).map(|length| {
            let before = |bound: usize| keys.partition_point(|(key, _)| key.len().min(LONG) < bound);
            (number(before(length)), number(before(length + 1)))
        });
        let lengths = lengths.collect();
        Self { keys: keys.into_iter().map(|(name, state)| Key::new(name, state)).collect(), lengths }
    }

    /// Which key it is, and the state of its value.
    pub(super) fn find(&self, key: &[u8]) -> Option<(usize, StateId)> {
        let (from, to) = *self.lengths.get(key.len().min(LONG))?;
        let same_length = self.keys.get(from as usize..to as usize)?;
        let found = (from as usize..).zip(same_length).find(|(_, one)| *one.name == *key);
        found.map(|(no, one)| (no, one.state))
    }

    /// If a text begins with this key, its quotes and its colon: the length of that, and the state of the value.
    #[inline(always)]
    pub(super) fn begins(&self, text: &[u8], no: usize) -> Option<(usize, StateId)> {
        let key = self.keys.get(no)?;
        let ([first, second], [first_mask, second_mask]) = (halves(text.first_chunk()?), key.mask);
        if [first & first_mask, second & second_mask] != key.head {
            return None;
        }
        let length = key.quoted.len();
        (length <= HEAD || text.starts_with(&key.quoted)).then_some((length, key.state))
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Key {
    fn new(name: Box<[u8]>, state: StateId) -> Self {
        let quoted = [b"\"", &*name, b"\":"].concat();
        let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(&quoted) {
            (*head, *mask) = (*byte, 0xff);
        }
        if token::plain(&name, 0) < name.len() {
            (head, mask) = ([0xff; HEAD], [0; HEAD]);
        }
        Self { name, state, quoted: quoted.into(), head: halves(&head), mask: halves(&mask) }
    }
}

/// Eight bytes and eight bytes as numbers.
#[inline(always)]
fn halves(bytes: &[u8; HEAD]) -> [u64; 2] {
    let [first, second] = bytes.as_chunks().0 else { return [0; 2] };
    [u64::from_le_bytes(*first), u64::from_le_bytes(*second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 11] = [
        "",
        "a",
        "b",
        "id",
        "no",
        "name",
        "names",
        "abcdefgh",
        "abcdefghijklm",
        "abcdefghijklmn",
        "a-long-name-of-more-than-the-thirty-two-bytes",
    ];

    fn keys() -> Keys {
        Keys::new(NAMES.iter().map(|name| (name.as_bytes().into(), StateId::ROOT)).collect())
    }

    #[test]
    fn a_key_is_found_by_all_its_bytes() {
        let keys = keys();
        let mut found: Vec<usize> = NAMES.iter().map(|name| keys.find(name.as_bytes()).unwrap().0).collect();
        found.sort_unstable();
        assert_eq!(found, (0..NAMES.len()).collect::<Vec<_>>());
        for other in ["c", "ID", "idd", "nam", "naem", "nbmes", "abcdefgi", "abcdefghijklmm", &"x".repeat(45)]
        {
            assert_eq!(keys.find(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_text_begins_with_a_key_if_all_of_it_stands_there() {
        let keys = keys();
        for name in NAMES {
            let (no, _) = keys.find(name.as_bytes()).unwrap();
            let begins = |text: &str| keys.begins(text.as_bytes(), no).map(|(length, _)| length);
            let quoted = format!("\"{name}\":");
            assert_eq!(begins(&format!("{quoted}0123456789abcdef")), Some(quoted.len()), "{name}");
            for other in [
                format!("\"{name}x\":0123456789abcdef"),
                format!("\"x{name}\":0123456789abcdef"),
                format!("\"{name}\" :0123456789abcdef"),
                format!("\"{name}\",0123456789abcdef"),
                format!("\"{name}"),
            ] {
                assert_eq!(begins(&other), None, "{other} and {name}");
            }
        }
        assert_eq!(keys.begins(b"\"a\":0123456789abcdef", NAMES.len()), None);
    }

    #[test]
    fn no_text_begins_with_a_key_that_must_be_escaped() {
        for name in ["a\"b", "a\\", "\n", "\"", "a-long-name-of-more-than-sixteen-\u{1}"] {
            let keys = Keys::new(vec![(name.as_bytes().into(), StateId::ROOT)]);
            let text = format!("\"{name}\":0123456789abcdef");
            assert_eq!(keys.begins(text.as_bytes(), 0), None, "{name:?}");
            assert!(keys.find(name.as_bytes()).is_some());
        }
    }
}
