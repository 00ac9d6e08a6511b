//! Where entities stand in an answer.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    EntityNo, NoneAs, Schema, SchemaError,
    plan::{Pattern, Plan, What},
    pointer::{self, Star, Token},
    schema::{check_none, excluded, none_at},
};

/// What an answer is made of, as declared.
#[derive(Clone, Debug, Default)]
pub struct LayoutSource {
    /// Where the rows stand: a pointer to a list, which must be there and be one, or `null`. A row that is no object is
    /// dropped and counted.
    pub rows: Option<(String, EntityNo)>,
    /// The list of the rows may be left out: then there is none.
    pub rows_may_lack: bool,
    /// Where the one object stands that the answer is about: it must be there and be an object.
    pub object: Option<(String, EntityNo)>,
    /// Other places of entities: pointers with `*` for each item of a list.
    pub nested: BTreeMap<String, EntityNo>,
    /// What stands there where there is none of them, as in [`super::EntitySource::none`], and what is said of the next page where there is none.
    pub none: BTreeMap<String, NoneAs>,
    /// Places around them that pass as they stand: pointers, `*` too. Other places may stand in them.
    pub keep: Vec<String>,
    /// Counts around them that are replaced or taken out, and what is said of the next page.
    pub totals: BTreeMap<String, Total>,
}

/// What stands in place of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Total {
    /// How many rows are shown. Of a list in pages: of all of them, and `null` before the last. Where it stands before
    /// the rows in a text that is passed on in chunks, `null`.
    Shown,
    /// `null`.
    Null,
    /// Nothing: it is taken out, also of what passes as it stands.
    Out,
    /// The number of the page, where the rows are kept apart and it is known; else `null`.
    Page,
    /// The address of the next page. Of it, of its cursor and of whether there is one nothing passes: all is written at the end of the object
    /// in which it stands, whether it is there or not. Where there is no next page, as in a text whose rows are not kept apart, that is
    /// written as declared in [`LayoutSource::none`]; without that this is `null`.
    Next,
    /// Its cursor, likewise.
    Cursor,
    /// Whether there is a next page, likewise; without a declaration `false`.
    More,
}

impl Total {
    /// Whether it says something of the next page.
    #[must_use]
    pub const fn is_ahead(self) -> bool {
        matches!(self, Self::Next | Self::Cursor | Self::More)
    }

    /// What stands there where there is none, if nothing else is declared.
    pub(super) const fn none(self) -> &'static [u8] {
        if matches!(self, Self::More) { b"false" } else { b"null" }
    }
}

/// What an answer is made of, ready to be looked for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(super) plan: Arc<Plan>,
}

impl Layout {
    /// Makes a layout ready.
    ///
    /// # Errors
    /// If a pointer is none, names an unknown entity, or two exclude each other: nothing may stand in the place of
    /// an entity, in the rows or in a count.
    pub fn compile(schema: &Schema, source: LayoutSource) -> Result<Self, SchemaError> {
        let LayoutSource { rows, rows_may_lack, object, nested, none, keep, totals } = source;
        let (ahead, none): (BTreeMap<_, _>, BTreeMap<_, _>) =
            none.into_iter().partition(|(pointer, none)| {
                *none != NoneAs::List && totals.get(pointer).is_some_and(|total| total.is_ahead())
            });
        check_none("layout", &none, &nested)?;
        let shown = totals.iter().find(|(_, total)| **total == Total::Shown);
        if let (None, Some((pointer, _))) = (&rows, shown) {
            return Err(SchemaError::Rowless { pointer: pointer.clone() });
        }
        let mut places: Vec<(String, What, Star)> = Vec::new();
        places.extend(rows.map(|(text, entity)| (text, What::Rows(entity), Star::None)));
        places.extend(object.map(|(text, entity)| (text, What::Object(entity), Star::None)));
        for (text, entity) in &nested {
            let what = What::Nested(*entity, none_at(&none, text));
            places.push((text.clone(), what, Star::Each));
        }
        for (text, total) in totals {
            let what = match total {
                Total::Out => What::Out,
                _ if total.is_ahead() => What::Ahead(total, ahead.get(&text).copied()),
                _ => What::Total(total),
            };
            places.push((text, what, Star::None));
        }
        places.extend(keep.into_iter().map(|text| (text, What::Keep, Star::Each)));
        let mut read: Vec<(String, Pattern)> = Vec::new();
        for (text, what, star) in places {
            let tokens = pointer::pointer(&text, star)
                .ok_or_else(|| SchemaError::Pointer { of: "layout".into(), pointer: text.clone() })?;
            if let What::Rows(entity) | What::Object(entity) | What::Nested(entity, _) = what
                && schema.entity(entity).is_none()
            {
                return Err(SchemaError::Unknown { of: "layout".into(), pointer: text });
            }
            for (other, pattern) in &read {
                if let Some((inner, outer)) =
                    clash((&text, &tokens, what), (other, &pattern.tokens, pattern.what))
                {
                    return Err(SchemaError::Conflict { of: "layout".into(), inner, outer });
                }
            }
            read.push((text, Pattern { tokens, what }));
        }
        let patterns = read.into_iter().map(|(_, pattern)| pattern).collect();
        let mut plan = Plan::new(schema.clone(), patterns)?;
        plan.rows &= !rows_may_lack;
        Ok(Self { plan: Arc::new(plan) })
    }
}

type Place<'a> = (&'a str, &'a [Token], What);

/// Of two places, that which cannot be. In a place that passes as it stands, others may be named.
fn clash(one: Place<'_>, other: Place<'_>) -> Option<(String, String)> {
    let (kept, named) = match (one.2, other.2) {
        (What::Keep, What::Keep) => return None,
        (What::Keep, _) => (one, other),
        (_, What::Keep) => (other, one),
        _ => return excluded((one.0, one.1), (other.0, other.1)),
    };
    let inside = kept.1.starts_with(named.1);
    inside.then(|| (kept.0.to_owned(), named.0.to_owned()))
}
