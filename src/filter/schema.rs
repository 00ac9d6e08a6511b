//! What entities are made of.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Fields,
    plan::{Pattern, What},
    pointer::{self, Star, Token, within},
};

/// Behind a list's pointer: each of its items.
const ITEMS: &str = "/*";

/// An entity of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityNo(pub u16);

/// One of an entity's [`EntitySource::facts`], by its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactNo(pub u8);

/// A field of an entity, by its place in [`Schema::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldIx(pub u16);

/// How it is written that no object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoneAs {
    /// The member is left out.
    Absent,
    /// `null`.
    Null,
    /// `[]`: of lists alone.
    List,
}

impl NoneAs {
    /// The value; `None` if the member is left out.
    pub(super) const fn text(self) -> Option<&'static [u8]> {
        match self {
            Self::Absent => None,
            Self::Null => Some(b"null"),
            Self::List => Some(b"[]"),
        }
    }
}

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
    /// What stands at such a place where there is none, or none is left, whichever of these the text has there: by its
    /// pointer, for items of a list by that of their list. Without it, `null` and `[]` pass as they stand, a hidden
    /// object goes, and a list of hidden ones has no item.
    pub none: BTreeMap<String, NoneAs>,
    /// Where what a judge wants to know stands: pointers of RFC 6901 from the object. A fact may stand anywhere,
    /// also in what does not pass.
    pub facts: Vec<String>,
    /// It is a single value, such as an address of a picture: no object, shown whole or not at all.
    pub value: bool,
    /// Fields that are left of an object that is hidden; none: nothing is left of it.
    pub placeholder: Vec<String>,
}

/// Entities, ready to be looked for. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    entities: Arc<[Entity]>,
}

/// An entity, ready to be looked for.
#[derive(Debug)]
pub(super) struct Entity {
    name: String,
    fields: Vec<String>,
    /// What is looked for in its objects.
    pub(super) patterns: Vec<Pattern>,
    /// Names that are told apart at every depth.
    pub(super) open: Vec<(Box<str>, FieldIx)>,
    pub(super) value: bool,
    /// What is left of a hidden one.
    pub(super) placeholder: Option<Fields>,
    /// How many facts it has.
    pub(super) facts: usize,
}

/// What is wrong with a schema or a layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A pointer is none.
    #[error("{of}: `{pointer}` is no pointer")]
    Pointer {
        /// The entity's name, or `layout`.
        of: String,
        /// As written.
        pointer: String,
    },
    /// A name of a field is none.
    #[error("{of}: `{name}` names no field")]
    Name {
        /// The entity's name.
        of: String,
        /// As written.
        name: String,
    },
    /// A place of an entity that is not in the schema.
    #[error("{of}: no entity for `{pointer}`")]
    Unknown {
        /// The entity's name, or `layout`.
        of: String,
        /// As written.
        pointer: String,
    },
    /// Of two places one stands in the other, and the other decides alone on what is in it.
    #[error("{of}: `{inner}` stands in `{outer}`")]
    Conflict {
        /// The entity's name, or `layout`.
        of: String,
        /// The place that cannot be.
        inner: String,
        /// The one in which it stands, or which is the same.
        outer: String,
    },
    /// What is left of a hidden object is not among its fields.
    #[error("{of}: the placeholder `{name}` is no field")]
    Placeholder {
        /// The entity's name.
        of: String,
        /// As written.
        name: String,
    },
    /// A single value has no fields, no entities in it and no placeholder.
    #[error("{of}: a value has no fields")]
    Value {
        /// The entity's name.
        of: String,
    },
    /// How none is written where no entity may stand, or `[]` where one stands that is no item of a list.
    #[error("{of}: `{pointer}` is no place of entities that can be none so")]
    NoneAs {
        /// The entity's name, or `layout`.
        of: String,
        /// As written.
        pointer: String,
    },
    /// A count of rows without rows.
    #[error("layout: `{pointer}` counts rows and there are none")]
    Rowless {
        /// The count's place.
        pointer: String,
    },
    /// Too many entities, fields or facts to be numbered.
    #[error("{of}: too much to be numbered")]
    TooMany {
        /// The entity's name, or `layout`.
        of: String,
    },
}

impl Schema {
    /// Makes entities ready; they are numbered in their order.
    ///
    /// # Errors
    /// If a name or pointer is none, names an unknown entity, or two exclude each other.
    pub fn compile(sources: Vec<EntitySource>) -> Result<Self, SchemaError> {
        if u16::try_from(sources.len()).is_err() {
            return Err(SchemaError::TooMany { of: "schema".into() });
        }
        let count = sources.len();
        let entities = sources.into_iter().map(|source| Entity::compile(source, count));
        Ok(Self { entities: entities.collect::<Result<_, _>>()? })
    }

    /// The fields of an entity by [`FieldIx`], dotted: those declared, then those ruled that stand in one of them,
    /// are one on the way to one of them, or pass under `"*"`; at the end `"*"`, if declared, for whatever else
    /// passes under it. None of an entity that is not there.
    #[must_use]
    pub fn fields(&self, entity: EntityNo) -> &[String] {
        self.entity(entity).map_or(&[], |entity| &entity.fields)
    }

    /// The name of an entity; empty if it is not there.
    #[must_use]
    pub fn entity_name(&self, entity: EntityNo) -> &str {
        self.entity(entity).map_or("", |entity| &entity.name)
    }

    /// All entities.
    pub fn entities(&self) -> impl Iterator<Item = EntityNo> + use<> {
        (0..u16::try_from(self.entities.len()).unwrap_or(u16::MAX)).map(EntityNo)
    }

    pub(super) fn entity(&self, entity: EntityNo) -> Option<&Entity> {
        self.entities.get(usize::from(entity.0))
    }
}

impl Entity {
    fn compile(source: EntitySource, entities: usize) -> Result<Self, SchemaError> {
        let of = || source.name.clone();
        if source.value
            && !(source.fields.is_empty() && source.nested.is_empty() && source.placeholder.is_empty())
        {
            return Err(SchemaError::Value { of: of() });
        }
        let mut patterns = Vec::new();
        check_none(&source.name, &source.none, &source.nested)?;
        let nested = nested(&source, entities)?;
        let facts = source.facts.len();
        for (no, text) in source.facts.iter().enumerate() {
            let no = u8::try_from(no).map_err(|_many| SchemaError::TooMany { of: of() })?;
            // A fact's `*` is a member's name: RFC 6901 has no other.
            let tokens = pointer::pointer(text, Star::Each)
                .ok_or_else(|| SchemaError::Pointer { of: of(), pointer: text.clone() })?
                .into_iter()
                .map(|token| if token == Token::Each { Token::Name("*".into()) } else { token });
            patterns.push(Pattern { tokens: tokens.collect(), what: What::Fact(FactNo(no)) });
        }
        let Names { fields, star, listed, ruled, open } = Names::read(&source)?;
        for (name, tokens) in listed
            .iter()
            .map(|(ix, tokens)| (ix, tokens))
            .chain(ruled.iter().map(|(ix, tokens)| (ix, tokens)))
        {
            // A name without a dot is meant wherever it stands; an entity of that place decides on what is in it.
            if let Some((outer, _)) = nested
                .iter()
                .find(|(_, place)| within(tokens, &place.tokens) && !within(&place.tokens, tokens))
            {
                let inner = fields.get(usize::from(name.0)).cloned().unwrap_or_default();
                return Err(SchemaError::Conflict { of: of(), inner, outer: outer.clone() });
            }
        }
        let mut placeholder = Fields::NONE;
        for name in &source.placeholder {
            let ix = fields.iter().position(|field| field == name && field != "*");
            let ix = ix.filter(|ix| star.is_some() && !name.contains('.') || *ix < listed.len());
            let ix = ix.and_then(|ix| u16::try_from(ix).ok());
            let ix = ix.ok_or_else(|| SchemaError::Placeholder { of: of(), name: name.clone() })?;
            placeholder.insert(FieldIx(ix));
        }
        patterns.extend(listed.into_iter().map(|(ix, tokens)| Pattern { tokens, what: What::Listed(ix) }));
        patterns.extend(ruled.into_iter().map(|(ix, tokens)| Pattern { tokens, what: What::Ruled(ix) }));
        patterns.extend(star.map(|ix| Pattern { tokens: vec![Token::Any], what: What::Star(ix) }));
        patterns.extend(nested.into_iter().map(|(_, pattern)| pattern));
        let placeholder = Some(placeholder).filter(|_| !source.placeholder.is_empty());
        Ok(Self { name: source.name, fields, patterns, open, value: source.value, placeholder, facts })
    }
}

/// The places of entities in an entity, with their pointers as written.
fn nested(source: &EntitySource, entities: usize) -> Result<Vec<(String, Pattern)>, SchemaError> {
    let mut nested: Vec<(String, Pattern)> = Vec::new();
    for (text, entity) in &source.nested {
        let of = || source.name.clone();
        if usize::from(entity.0) >= entities {
            return Err(SchemaError::Unknown { of: of(), pointer: text.clone() });
        }
        let tokens = pointer::pointer(text, Star::Each)
            .filter(|tokens| !tokens.is_empty())
            .ok_or_else(|| SchemaError::Pointer { of: of(), pointer: text.clone() })?;
        for (outer, other) in &nested {
            if let Some((inner, outer)) = excluded((text, &tokens), (outer, &other.tokens)) {
                return Err(SchemaError::Conflict { of: of(), inner, outer });
            }
        }
        let what = What::Nested(*entity, none_at(&source.none, text));
        nested.push((text.clone(), Pattern { tokens, what }));
    }
    Ok(nested)
}

/// What is declared of none at an entity's place.
pub(super) fn none_at(none: &BTreeMap<String, NoneAs>, place: &str) -> Option<NoneAs> {
    none.get(place.strip_suffix(ITEMS).unwrap_or(place)).copied()
}

/// Whether all that is declared of none is said of a member that is an entity's place, or a list of such.
pub(super) fn check_none(
    of: &str,
    none: &BTreeMap<String, NoneAs>,
    nested: &BTreeMap<String, EntityNo>,
) -> Result<(), SchemaError> {
    let fits = |pointer: &String, none: NoneAs| {
        let is_member = !pointer.is_empty() && !pointer.ends_with(ITEMS);
        let is_list = nested.contains_key(&format!("{pointer}{ITEMS}"));
        is_member && (is_list || (nested.contains_key(pointer) && none != NoneAs::List))
    };
    match none.iter().find(|(pointer, none)| !fits(pointer, **none)) {
        None => Ok(()),
        Some((pointer, _)) => Err(SchemaError::NoneAs { of: of.to_owned(), pointer: pointer.clone() }),
    }
}

/// Of two places, that which stands in the other, or which wants a list where the other wants an object.
pub(super) fn excluded(one: (&str, &[Token]), other: (&str, &[Token])) -> Option<(String, String)> {
    let said = |inner: &str, outer: &str| Some((inner.to_owned(), outer.to_owned()));
    let apart = one.1.iter().zip(other.1).find(|(one, other)| one != other);
    match apart {
        None if one.1.len() < other.1.len() => said(other.0, one.0),
        None => said(one.0, other.0),
        Some((Token::Name(_), Token::Name(_))) => None,
        Some(_) => said(one.0, other.0),
    }
}

/// The names of an entity's fields, numbered.
struct Names {
    fields: Vec<String>,
    star: Option<FieldIx>,
    listed: Vec<(FieldIx, Vec<Token>)>,
    ruled: Vec<(FieldIx, Vec<Token>)>,
    open: Vec<(Box<str>, FieldIx)>,
}

impl Names {
    fn read(source: &EntitySource) -> Result<Self, SchemaError> {
        let mut names =
            Self { fields: Vec::new(), star: None, listed: Vec::new(), ruled: Vec::new(), open: Vec::new() };
        let wrong = |name: &String| SchemaError::Name { of: source.name.clone(), name: name.clone() };
        let starred = source.fields.iter().any(|name| name == "*");
        for name in source.fields.iter().filter(|name| *name != "*") {
            let tokens = pointer::dotted(name)
                .filter(|tokens| !tokens.contains(&Token::Any))
                .ok_or_else(|| wrong(name))?;
            if !names.fields.contains(name) {
                let ix = names.number(name, source)?;
                names.listed.push((ix, tokens));
            }
        }
        // What is left of a hidden object is told apart from `*`, too.
        let left = source.placeholder.iter().filter(|name| starred && !name.contains('.') && *name != "*");
        for name in source.ruled.iter().chain(left) {
            let tokens = pointer::dotted(name).filter(|tokens| tokens.first() != Some(&Token::Any));
            let tokens = tokens.ok_or_else(|| wrong(name))?;
            let declared = names.fields.iter().position(|field| field == name);
            let ix = match declared {
                Some(ix) => FieldIx(u16::try_from(ix).unwrap_or(u16::MAX)),
                None if names.matters(&tokens, starred) => {
                    let ix = names.number(name, source)?;
                    names.ruled.push((ix, tokens.clone()));
                    ix
                }
                None => continue,
            };
            let undotted = source.ruled.contains(name) && tokens.len() == 1;
            if undotted && !names.open.iter().any(|(open, _)| **open == **name) {
                names.open.push((name.as_str().into(), ix));
            }
        }
        if starred {
            names.star = Some(names.number("*", source)?);
        }
        Ok(names)
    }

    fn number(&mut self, name: &str, source: &EntitySource) -> Result<FieldIx, SchemaError> {
        let ix = u16::try_from(self.fields.len())
            .map_err(|_many| SchemaError::TooMany { of: source.name.clone() })?;
        self.fields.push(name.to_owned());
        Ok(FieldIx(ix))
    }

    /// Whether a ruled name says something of what may pass.
    fn matters(&self, tokens: &[Token], starred: bool) -> bool {
        if tokens.len() == 1 {
            return starred || !self.listed.is_empty();
        }
        let place = match tokens {
            [place @ .., Token::Any] => place,
            place => place,
        };
        starred || self.listed.iter().any(|(_, field)| within(place, field) || within(field, place))
    }
}
