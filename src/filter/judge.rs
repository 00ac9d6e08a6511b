//! What the filter asks of who knows the rules, and what it tells in the end.

use std::{borrow::Cow, fmt};

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::{EntityNo, FactNo, FieldIx};

/// Who decides what may be shown of an object.
pub trait Judge {
    /// Decides on one object. Asked once for each, outer objects first.
    fn judge(&mut self, object: &Object<'_>) -> Verdict;
}

impl<J: Judge + ?Sized> Judge for &mut J {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        (**self).judge(object)
    }
}

/// An object as the filter found it: which entity it is, its facts, and the one in which it stands.
#[derive(Debug)]
pub struct Object<'a> {
    /// What it is.
    pub entity: EntityNo,
    /// It is one of the layout's rows, or its one object; not one that is nested in another or stands beside them.
    pub main: bool,
    /// The object in which it stands.
    pub outer: Option<&'a Object<'a>>,
    /// By [`FactNo`]: the facts as they stand in the text; `None` where there is none.
    pub facts: &'a [Option<Raw<'a>>],
}

/// A JSON value as it stands in the text, found to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a [u8]);

/// What may be shown of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing, apart from what the entity leaves of a hidden one.
    Hidden,
    /// Nothing at all: it is as if it were not there.
    Absent,
    /// These of its fields. What is nested in it is judged by itself.
    Shown(Fields),
}

/// A set of an entity's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    /// All that are declared.
    All,
    /// Those whose bit is set, by [`FieldIx`].
    Some(SmallVec<[u64; 2]>),
}

/// What was taken out, and what was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that passed.
    pub rows_shown: u64,
    /// Rows that are hidden.
    pub rows_hidden: u64,
    /// Rows that are no objects, so that nobody could judge them.
    pub rows_unfit: u64,
    /// Objects that are hidden, rows apart.
    pub objects_hidden: u64,
    /// Fields that were taken out because of a verdict: of which entity, which, how often.
    pub fields_hidden: Vec<(EntityNo, FieldIx, u64)>,
    /// Members that were taken out because nobody declared them.
    pub undeclared: u64,
}

impl Report {
    /// How many rows the text had.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows_shown + self.rows_hidden + self.rows_unfit
    }

    /// Adds that of another text.
    pub fn add(&mut self, other: &Self) {
        self.rows_shown += other.rows_shown;
        self.rows_hidden += other.rows_hidden;
        self.rows_unfit += other.rows_unfit;
        self.objects_hidden += other.objects_hidden;
        self.undeclared += other.undeclared;
        for (entity, field, times) in &other.fields_hidden {
            let known = self.fields_hidden.iter_mut().find(|known| (known.0, known.1) == (*entity, *field));
            match known {
                Some((.., known)) => *known += times,
                None => self.fields_hidden.push((*entity, *field, *times)),
            }
        }
    }
}

/// Why nothing of a text may pass. It says where, never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not JSON.
    #[error("no JSON at byte {at}")]
    Syntax {
        /// Bytes before it.
        at: u64,
    },
    /// It is not UTF-8, or a string has an escape that is none or a control character.
    #[error("no text at byte {at}")]
    Text {
        /// Bytes before it.
        at: u64,
    },
    /// It is nested too deep.
    #[error("nested too deep at byte {at}")]
    Depth {
        /// Bytes before it.
        at: u64,
    },
    /// A key stands twice where it matters.
    #[error("a key stands twice at byte {at}")]
    Twice {
        /// Bytes before the second.
        at: u64,
    },
    /// What stands there is of another type than declared.
    #[error("another type than declared at byte {at}")]
    Type {
        /// Bytes before it.
        at: u64,
    },
    /// What the layout says must be there is not.
    #[error("what should be there is not")]
    Missing,
    /// It ends too early.
    #[error("the text ends too early")]
    Cut,
    /// An object is larger than what is held at once.
    #[error("an object that begins at byte {at} is too large")]
    TooLarge {
        /// Bytes before it.
        at: u64,
    },
}

impl<'a> Raw<'a> {
    /// A name or a whole number of any size, as text; nothing else names anybody, and neither does an empty text or a
    /// string with half of a surrogate pair, which is equal to no text.
    #[must_use]
    pub fn name(self) -> Option<Cow<'a, str>> {
        match self.0.first()? {
            b'"' => {
                let inner = self.0.get(1..self.0.len().checked_sub(1)?)?;
                if inner.is_empty() {
                    return None;
                }
                if inner.contains(&b'\\') {
                    return serde_json::from_slice(self.0).ok().map(Cow::Owned);
                }
                std::str::from_utf8(inner).ok().map(Cow::Borrowed)
            }
            b'-' | b'0'..=b'9' => {
                let digits = self.0.strip_prefix(b"-").unwrap_or(self.0);
                let whole = digits.iter().all(u8::is_ascii_digit);
                std::str::from_utf8(self.0).ok().filter(|_| whole).map(Cow::Borrowed)
            }
            _ => None,
        }
    }

    /// The names in a list of names, or of objects with an `id`; of a single one, its.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.items().into_iter().filter_map(|item| item.name_or_id().map(Cow::into_owned))
    }

    /// The items of a list; what is none is the only one.
    #[must_use]
    pub fn items(self) -> Vec<Self> {
        match serde_json::from_slice::<Vec<&RawValue>>(self.0) {
            Ok(items) => items.into_iter().map(|item| Raw(item.get().as_bytes())).collect(),
            Err(_) => vec![self],
        }
    }

    /// A name, or that of an object with an `id`.
    #[must_use]
    pub fn name_or_id(self) -> Option<Cow<'a, str>> {
        if self.0.starts_with(b"{") { self.member("id")?.name() } else { self.name() }
    }

    /// What stands under a name in an object, or at a number in a list, as it is written; `None` if it has no such member, or two.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Self> {
        use serde::Deserializer as _;
        serde_json::Deserializer::from_slice(self.0).deserialize_any(Member(name)).ok()?
    }

    /// `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// `true`, `false` or neither.
    #[must_use]
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }
}

/// Looks for a member by its name, or its number.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<Raw<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some((key, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            if Raw(key.get().as_bytes()).name().as_deref() == Some(self.0)
                && found.replace(Raw(value.get().as_bytes())).is_some()
            {
                return Err(A::Error::duplicate_field("member"));
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut number) = (None, 0);
        let sought = self.0.parse::<usize>().ok();
        while let Some(value) = items.next_element::<&RawValue>()? {
            if sought == Some(number) {
                found = Some(Raw(value.get().as_bytes()));
            }
            number += 1;
        }
        Ok(found)
    }
}

impl<'a> Object<'a> {
    /// A fact; `None` if it is not there.
    #[must_use]
    pub fn fact(&self, fact: FactNo) -> Option<Raw<'a>> {
        self.facts.get(usize::from(fact.0)).copied().flatten()
    }
}

impl Fields {
    /// No field.
    pub const NONE: Self = Self::Some(SmallVec::new_const());

    /// Whether a field is one of them.
    #[must_use]
    pub fn has(&self, field: FieldIx) -> bool {
        match self {
            Self::All => true,
            Self::Some(bits) => {
                let word = bits.get(usize::from(field.0 / 64)).copied().unwrap_or_default();
                word & (1 << (field.0 % 64)) != 0
            }
        }
    }

    /// Adds a field.
    pub fn insert(&mut self, field: FieldIx) {
        if let Self::Some(bits) = self {
            let at = usize::from(field.0 / 64);
            if bits.len() <= at {
                bits.resize(at + 1, 0);
            }
            if let Some(word) = bits.get_mut(at) {
                *word |= 1 << (field.0 % 64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_names_nobody() {
        for (value, name) in [(r#""\u0061na""#, Some("ana")), (r#""ana\ud800""#, None), (r#""\udc00""#, None)]
        {
            assert_eq!(Raw(value.as_bytes()).name().as_deref(), name, "{value}");
        }
        let list = r#"["\ud800","ben",{"id":"su\udc00e"},{"id":"sue","note":"\ud800"}]"#;
        assert_eq!(Raw(list.as_bytes()).names().collect::<Vec<_>>(), ["ben", "sue"]);
    }

    #[test]
    fn a_member_is_found_beside_whatever_is_json() {
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        let text = format!(
            r#" {{"x":"\ud800","\ud800":1E400,"deep":{deep},"n":{{"\u0061t":12345678901234567890123}},"of":[1, 2]}}"#
        );
        let at = |way: &[&str]| {
            way.iter().try_fold(Raw(text.as_bytes()), |raw, step| raw.member(step)).map(|raw| raw.0)
        };
        assert_eq!(at(&["n", "at"]), Some(&b"12345678901234567890123"[..]));
        assert_eq!(at(&["x"]), Some(&br#""\ud800""#[..]));
        assert_eq!((at(&["of", "1"]), at(&["of", "2"])), (Some(&b"2"[..]), None));
        assert_eq!((at(&["no"]), at(&["x", "y"]), at(&["n", "at", "0"])), (None, None, None));
    }

    #[test]
    fn an_object_with_two_ids_names_nobody() {
        let list = r#"[{"id":"ana","id":"ben"},{"id":"ana","\u0069d":"ben"},{"id":"sue","note":1,"note":2}]"#;
        assert_eq!(Raw(list.as_bytes()).names().collect::<Vec<_>>(), ["sue"]);
    }
}
