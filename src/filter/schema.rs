//! What entities are made of.

use std::collections::BTreeMap;

/// An entity of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityNo(pub u16);

/// One of an entity's [`EntitySource::facts`], by its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactNo(pub u8);

/// A field of an entity, by its place in [`Schema::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldIx(pub u16);

/// A kind of object, as declared.
#[derive(Clone, Debug, Default)]
pub struct EntitySource {
    /// Its name, for reports.
    pub name: String,
    /// The fields that may pass: member names, those of inner objects with a dot between (`meta.channel`), lists
    /// looked through; `"*"`: every member. A field that is listed passes with all that is in it, apart from what
    /// [`EntitySource::nested`] and [`EntitySource::ruled`] name in it.
    pub fields: Vec<String>,
    /// Names of fields that somebody may have to be denied, dotted too, or `x.*` for all members of `x`. They are
    /// told apart from the field in which they stand. A name without a dot is told apart at every depth of
    /// what passes as a whole.
    pub ruled: Vec<String>,
    /// Where other entities stand in its JSON: pointers of RFC 6901 with `*` for each item of a list. They pass if
    /// their own judgement lets them, whether `fields` lists the place or not. `null` stands for no object.
    pub nested: BTreeMap<String, EntityNo>,
    /// Where what a judge wants to know stands: pointers of RFC 6901 from the object. A fact may stand anywhere,
    /// also in what does not pass.
    pub facts: Vec<String>,
    /// It is a single value, such as an address of a picture: no object, shown whole or not at all.
    pub value: bool,
    /// Fields that are left of an object that is hidden; none: nothing is left of it.
    pub placeholder: Vec<String>,
}

/// Entities, ready to be looked for.
#[derive(Clone, Debug, Default)]
pub struct Schema {}
