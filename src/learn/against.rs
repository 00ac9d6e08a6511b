//! What was seen beside what is declared.

use std::collections::BTreeSet;

use super::shape::{Field, Lesson};

/// What an entity declares of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `fields`: dotted names; `"*"` for every member.
    pub fields: Vec<String>,
    /// The places in `nested`.
    pub nested: Vec<String>,
}

/// One difference; its name is dotted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is declared, and no object had it.
    NeverSeen(String),
    /// It is not declared, so it is removed from the answers that have it.
    Removed {
        /// Its name.
        field: String,
        /// How many of the objects had it.
        objects: u64,
    },
}

/// What differs: first what is declared and was never seen, in the order of the declaration, then what is removed, in
/// the order in which it was first seen.
#[must_use]
pub fn against(lesson: &Lesson, declared: &Declared) -> Vec<Difference> {
    let mut walk = Walk { declared, seen: BTreeSet::new(), removed: Vec::new() };
    walk.fields("", "", &lesson.fields);
    let every = |name: &str| name == "*";
    let unseen = declared
        .fields
        .iter()
        .chain(&declared.nested)
        .filter(|name| !every(name) && !walk.seen.contains(*name));
    unseen.cloned().map(Difference::NeverSeen).chain(walk.removed).collect()
}

struct Walk<'d> {
    declared: &'d Declared,
    /// What of the declaration was met.
    seen: BTreeSet<&'d String>,
    removed: Vec<Difference>,
}

impl Walk<'_> {
    fn fields(&mut self, dotted: &str, pointer: &str, fields: &[Field]) {
        for field in fields {
            let dotted =
                if dotted.is_empty() { field.name.clone() } else { format!("{dotted}.{}", field.name) };
            let pointer = format!("{pointer}/{}", field.name);
            let places = [pointer.clone(), format!("{pointer}/*")];
            let nested: Vec<_> = self.declared.nested.iter().filter(|at| places.contains(at)).collect();
            if !nested.is_empty() {
                // What is in it is another entity's.
                self.seen.extend(nested);
                continue;
            }
            let listed = self.declared.fields.iter().find(|name| **name == dotted);
            self.seen.extend(listed);
            let passes = listed.is_some() || self.every(&dotted);
            if passes {
                self.met(&dotted, &pointer, &field.fields);
            } else if field.is_leaf() {
                self.removed.push(Difference::Removed { field: dotted, objects: field.objects });
            } else {
                let inner = if field.items.is_some() { format!("{pointer}/*") } else { pointer };
                self.fields(&dotted, &inner, &field.fields);
            }
        }
    }

    /// Whether a `*` covers it: of its own object, or of one that passes as a whole.
    fn every(&self, dotted: &str) -> bool {
        let beside = match dotted.rsplit_once('.') {
            Some((outer, _)) => format!("{outer}.*"),
            None => "*".to_owned(),
        };
        self.declared.fields.iter().any(|name| *name == beside || *name == "*")
    }

    /// What is declared of a field's inside, though the field passes as a whole.
    fn met(&mut self, dotted: &str, pointer: &str, fields: &[Field]) {
        for field in fields {
            let dotted = format!("{dotted}.{}", field.name);
            let pointer = format!("{pointer}/{}", field.name);
            let places = [pointer.clone(), format!("{pointer}/*")];
            self.seen.extend(self.declared.fields.iter().filter(|name| **name == dotted));
            self.seen.extend(self.declared.nested.iter().filter(|at| places.contains(at)));
            self.met(&dotted, &pointer, &field.fields);
        }
    }
}
