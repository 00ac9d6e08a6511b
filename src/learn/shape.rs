//! What the objects are made of, counted.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::looks::{self, Looks};

/// Fields that are told apart. What comes beyond is counted, and the draft says so: an object with so many is a table
/// of data, not a kind of object.
pub const FIELDS_MAX: usize = 4096;

/// How deep objects in objects are told apart. What stands deeper is told as a whole.
pub const DEPTH_MAX: usize = 12;

/// What was seen of one kind of object.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// Objects seen.
    pub(super) objects: u64,
    /// Their fields, in the order in which they were first seen.
    pub(super) fields: Vec<Field>,
    told_apart: usize,
    /// Members that are beyond [`FIELDS_MAX`].
    pub(super) beyond: u64,
    /// Members of the objects whose keys look like data.
    pub(super) data_keys: u64,
}

/// What was seen of one field.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    pub(super) name: String,
    /// Objects that had it.
    pub(super) objects: u64,
    /// The last of them.
    last: u64,
    /// What it was.
    pub(super) kinds: BTreeSet<Kind>,
    /// It was a list, and this is what stood in it.
    pub(super) items: Option<BTreeSet<Kind>>,
    pub(super) looks: BTreeSet<Looks>,
    /// The fields of the objects in it.
    pub(super) fields: Vec<Field>,
    /// Members of the objects in it whose keys look like data; they are not told apart.
    pub(super) data_keys: u64,
    /// Its objects stand too deep to be told apart.
    pub(super) too_deep: bool,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Whole,
    Number,
    Boolean,
    Object,
    Null,
}

impl Kind {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(number) if number.is_f64() => Some(Self::Number),
            Value::Number(_) => Some(Self::Whole),
            Value::String(_) => Some(Self::Text),
            Value::Object(_) => Some(Self::Object),
            Value::Array(_) => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole number",
            Self::Number => "number",
            Self::Boolean => "true or false",
            Self::Object => "object",
            Self::Null => "null",
        }
    }
}

impl Lesson {
    /// Takes an object in.
    pub fn take(&mut self, object: &Map<String, Value>) {
        self.objects += 1;
        let mut taking = Taking { number: self.objects, told_apart: self.told_apart, beyond: 0 };
        self.data_keys += taking.members(&mut self.fields, "", object, 1);
        self.told_apart = taking.told_apart;
        self.beyond += taking.beyond;
    }

    /// How many objects were taken in.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Members that were left out because there are more than [`FIELDS_MAX`] fields.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        self.beyond
    }
}

impl Field {
    /// Whether it stands for an object that has an id of its own.
    pub(super) fn is_entity(&self) -> bool {
        self.fields.iter().any(|field| field.name == "id" && field.fields.is_empty())
    }

    /// Whether nothing is told apart in it.
    pub(super) fn is_leaf(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether no value was seen that would tell what it holds.
    pub(super) fn is_empty(&self) -> bool {
        let mut kinds = self.kinds.iter().chain(self.items.iter().flatten());
        self.is_leaf() && kinds.all(|kind| matches!(kind, Kind::Null | Kind::Object))
    }

    /// What it is, in words.
    pub(super) fn words(&self) -> String {
        let listed =
            |kinds: &BTreeSet<Kind>| kinds.iter().map(|kind| kind.words()).collect::<Vec<_>>().join(" or ");
        let items = self.items.as_ref().map(|items| {
            if items.is_empty() { "empty list".to_owned() } else { format!("list of {}", listed(items)) }
        });
        let own = Some(listed(&self.kinds)).filter(|own| !own.is_empty());
        own.into_iter().chain(items).collect::<Vec<_>>().join(", or ")
    }
}

/// The taking in of one object.
struct Taking {
    number: u64,
    told_apart: usize,
    beyond: u64,
}

impl Taking {
    /// Takes the members of an object in; tells how many have keys that look like data.
    fn members(
        &mut self,
        fields: &mut Vec<Field>,
        within: &str,
        object: &Map<String, Value>,
        depth: usize,
    ) -> u64 {
        let mut data_keys = 0;
        for (name, value) in object {
            if !is_name(name) {
                data_keys += 1;
                continue;
            }
            let at = fields.iter().position(|field| field.name == *name).unwrap_or(fields.len());
            if at == fields.len() {
                if self.told_apart >= FIELDS_MAX {
                    self.beyond += 1;
                    continue;
                }
                self.told_apart += 1;
                let looks = looks::of_name(name, within).into_iter().collect();
                fields.push(Field { name: name.clone(), looks, ..Field::default() });
            }
            let Some(field) = fields.get_mut(at) else { continue };
            if field.last != self.number {
                field.last = self.number;
                field.objects += 1;
            }
            self.value(field, value, depth);
        }
        data_keys
    }

    fn value(&mut self, field: &mut Field, value: &Value, depth: usize) {
        match value {
            Value::Array(items) => {
                field.items.get_or_insert_default();
                for item in items {
                    match item {
                        // A list in a list is looked through too.
                        Value::Array(_) => self.value(field, item, depth),
                        one => {
                            field.items.get_or_insert_default().extend(Kind::of(one));
                            self.one(field, one, depth);
                        }
                    }
                }
            }
            one => {
                field.kinds.extend(Kind::of(one));
                self.one(field, one, depth);
            }
        }
    }

    fn one(&mut self, field: &mut Field, value: &Value, depth: usize) {
        match value {
            Value::String(text) => field.looks.extend(looks::of_text(text)),
            Value::Number(number) => {
                let looks = number.as_f64().and_then(|number| looks::of_number(number, &field.name));
                field.looks.extend(looks);
            }
            Value::Object(_) if depth >= DEPTH_MAX => field.too_deep = true,
            Value::Object(object) => {
                let mut fields = std::mem::take(&mut field.fields);
                field.data_keys += self.members(&mut fields, &field.name, object, depth + 1);
                field.fields = fields;
            }
            _ => {}
        }
    }
}

/// Whether a key is the name of a field, and not data such as an id, a number or an address; and whether it can be
/// declared at all, which a dot would spoil.
fn is_name(key: &str) -> bool {
    let letters = |c: char| c.is_alphabetic() || "_$@".contains(c);
    let sort = |c: char| c.is_alphanumeric() || "_-$@".contains(c);
    let digits = key.chars().filter(char::is_ascii_digit).count();
    key.starts_with(letters) && key.chars().all(sort) && key.len() <= 64 && digits <= 4
}
