//! What an answer says of the next page: its address, its cursor, whether there is one.
//!
//! A backend may write that wherever it likes, and leave it out where there is none; its own last page, and one behind which there are
//! hidden rows alone, would then look different. So none of it passes: it is written anew at the end of the object in which it belongs, on
//! every page in the same way, and so is that object if it says nothing else. What stands there on the last page is declared ([`NoneAs`]).

use std::sync::Arc;

use super::{NoneAs, Total, TotalValues, plan::StateId};

/// What an object says of the next page.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// Members in which something is said.
    within: Vec<Within>,
    /// Members that say it.
    members: Arc<[Member]>,
}

/// A place where it is said: the names that lead there, what, and how it is written that there is none.
pub(super) type Place<'p, 'a> = (&'p [&'a str], Total, Option<NoneAs>);

/// An object in which something is said of the next page.
#[derive(Clone, Debug)]
struct Within {
    /// As it is written: in quotes.
    key: Box<[u8]>,
    /// Its state, if it may say something else: where it does, it stays where it stands.
    stays: Option<StateId>,
    ahead: Ahead,
}

/// A member that says something of the next page.
#[derive(Clone, Debug)]
pub(super) struct Member {
    key: Box<[u8]>,
    what: Total,
    /// How it is written that there is none.
    none: Option<NoneAs>,
}

/// Where something is to be written.
#[derive(Clone, Debug)]
pub(super) enum Hole {
    /// In place of a value.
    Value(Total),
    /// Members at the end of an object.
    Ahead {
        members: Arc<[Member]>,
        /// Another member stands before them.
        plain: bool,
    },
}

impl Ahead {
    /// What is said at these places: by the names that lead to each. By `stays`, the objects that may say something else have their state.
    pub(super) fn of<'a>(places: &[Place<'_, 'a>], stays: &dyn Fn(&str) -> Option<StateId>) -> Self {
        let mut names: Vec<&'a str> =
            places.iter().filter_map(|(names, ..)| names.first().copied()).collect();
        names.sort_unstable();
        names.dedup();
        let (mut within, mut members) = (Vec::new(), Vec::new());
        for name in names {
            let inner = places.iter().filter_map(|(names, what, none)| {
                let (first, rest) = names.split_first()?;
                (*first == name).then_some((rest, *what, *none))
            });
            let inner: Vec<_> = inner.collect();
            let key: Box<[u8]> = serde_json::Value::from(name).to_string().into_bytes().into();
            match inner.as_slice() {
                [([], what, none)] => members.push(Member { key, what: *what, none: *none }),
                inner => within.push(Within { key, stays: stays(name), ahead: Self::of(inner, &|_| None) }),
            }
        }
        Self { within, members: members.into() }
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.within.is_empty() && self.members.is_empty()
    }

    /// Writes it at the end of an object, in which another member stands before (`plain`) or not; what is `there` already is left. `hole` is
    /// told where values belong.
    pub(super) fn write(
        &self,
        mut plain: bool,
        there: &[StateId],
        out: &mut Vec<u8>,
        hole: &mut dyn FnMut(&mut Vec<u8>, Hole),
    ) {
        for Within { key, stays, ahead } in &self.within {
            if stays.is_some_and(|stays| there.contains(&stays)) {
                continue;
            }
            out.extend_from_slice(if plain { b"," } else { b"" });
            out.extend_from_slice(key);
            out.extend_from_slice(b":{");
            ahead.write(false, &[], out, hole);
            out.push(b'}');
            plain = true;
        }
        if !self.members.is_empty() {
            hole(out, Hole::Ahead { members: Arc::clone(&self.members), plain });
        }
    }
}

impl Hole {
    /// Writes what belongs there.
    pub(super) fn fill(&self, values: &TotalValues<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Value(what) => {
                out.extend_from_slice(values.told(*what).as_deref().unwrap_or("null").as_bytes());
            }
            Self::Ahead { members, plain } => {
                let mut plain = *plain;
                for Member { key, what, none } in members.iter() {
                    let none = none.map_or_else(|| Some(what.none()), NoneAs::text);
                    let told = values.told(*what);
                    let Some(told) = told.as_deref().map(str::as_bytes).or(none) else { continue };
                    out.extend_from_slice(if plain { b"," } else { b"" });
                    out.extend_from_slice(key);
                    out.push(b':');
                    out.extend_from_slice(told);
                    plain = true;
                }
            }
        }
    }
}
