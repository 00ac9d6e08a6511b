//! What an object's JSON tells of it: where an entity's facts stand, and what is read there.

use std::borrow::Cow;

use super::Known;
use crate::{
    config::{
        routes::{Channels, Entity, Fact, FactPlaces, Literal, TypeOf},
        text::steps,
    },
    filter::{EntityNo, FactNo, Object, Raw},
};

/// What backends write where no user is: it is nobody's name, and does not say that nobody is responsible either (D17).
const NO_USER: &str = "0";

/// Most participants that are read: more than any backend shows of one object. Beyond them it is not known who takes part, and
/// `participants_max` is counted.
const PARTICIPANTS_MAX: usize = 1000;

/// Most objects to which one refers at one place: more than any backend shows of one object. Beyond them it refers to nothing, and
/// `references_max` is counted.
const REFERENCES_MAX: usize = 1000;

/// By which of the filter's numbers the facts of an entity are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    own: Told,
    via: Option<(String, Told)>,
    /// By [`Entity::kinds`].
    pub kinds: Vec<FactNo>,
    /// The id of the object that is looked up.
    look_up: Option<FactNo>,
    absent_is_nobody: bool,
    user: Option<(FactNo, Literal)>,
    /// Its type, if its id is one object's alone only within that.
    id_type: Option<FactNo>,
    /// By [`Entity::refers`].
    refers: Vec<Refers>,
}

/// An object as others refer to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referred {
    entity: EntityNo,
    id: String,
    /// Its type, if the entity has some with ids of their own.
    id_type: Option<String>,
}

/// What an object refers to at one place.
#[derive(Clone, Debug)]
pub struct RefersTo {
    /// As what.
    pub entity: EntityNo,
    /// The objects.
    pub objects: Vec<Referred>,
    /// There are more of them than are read.
    pub beyond: bool,
}

/// Where an object refers to others.
#[derive(Clone, Debug)]
struct Refers {
    entity: EntityNo,
    at: FactNo,
    of: Option<TypeOf<FactNo>>,
}

/// What an object's JSON tells, of itself or of the one through which it is reached.
#[derive(Clone, Debug, Default)]
struct Told {
    facts: Vec<(Fact, FactNo)>,
    channels: Channels,
}

impl Reading {
    /// How an entity is read, and the pointers that the filter is to look at for it.
    #[must_use]
    pub fn of(entity: &Entity) -> (Self, Vec<String>) {
        let mut pointers = Vec::new();
        let mut number = |place: &String| {
            pointers.push(place.clone());
            FactNo(u8::try_from(pointers.len() - 1).unwrap_or(u8::MAX))
        };
        let mut told = |places: &FactPlaces, channels: &Channels| {
            let facts = places.iter().map(|(fact, place)| (*fact, number(place)));
            Told { facts: facts.collect(), channels: channels.clone() }
        };
        let own = told(&entity.facts, &entity.channels);
        let via = entity.via.as_ref().map(|via| (via.resource.clone(), told(&via.facts, &via.channels)));
        let kinds = entity.kinds.iter().map(|kind| number(&kind.at)).collect();
        let look_up = entity.look_up.as_ref().map(|look_up| number(&look_up.at));
        let user = entity.user.as_ref().map(|(at, is)| (number(at), is.clone()));
        let id_type = entity.id_type.as_ref().map(&mut number);
        let refers = entity.refers.iter().map(|refers| {
            let of = refers.of.as_ref().map(|of| match of {
                TypeOf::There(place) => TypeOf::There(place.clone()),
                TypeOf::Beside(place) => TypeOf::Beside(number(place)),
                TypeOf::Always(name) => TypeOf::Always(name.clone()),
            });
            Refers { entity: refers.entity, at: number(&refers.at), of }
        });
        let refers = refers.collect();
        let absent_is_nobody = entity.absent_is_nobody;
        (Self { own, via, kinds, look_up, absent_is_nobody, user, id_type, refers }, pointers)
    }

    /// Whether it is known where the object's id stands.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.own.place(Fact::Id).is_some()
    }

    /// Whether parts of one object may be seen or not by something of their own ([`Keyed::part`](super::Keyed::part)).
    #[must_use]
    pub fn tells_parts_apart(&self) -> bool {
        [Fact::Creator, Fact::Kind].iter().any(|fact| self.own.place(*fact).is_some())
    }

    /// The object's id.
    #[must_use]
    pub fn id<'a>(&self, object: &Object<'a>) -> Option<Cow<'a, str>> {
        object.fact(self.own.place(Fact::Id)?).and_then(Raw::name)
    }

    /// The id of the object whose facts are this one's.
    #[must_use]
    pub fn looked_up<'a>(&self, object: &Object<'a>) -> Option<Cow<'a, str>> {
        object.fact(self.look_up?).and_then(Raw::name)
    }

    /// The object as others refer to it; `None` if they cannot.
    #[must_use]
    pub fn referred(&self, object: &Object<'_>) -> Option<Referred> {
        let id = self.id(object)?.into_owned();
        let id_type = match self.id_type {
            Some(at) => Some(object.fact(at)?.name()?.into_owned()),
            None => None,
        };
        Some(Referred { entity: object.entity, id, id_type })
    }

    /// What this object refers to at each place of [`Entity::refers`].
    pub fn refers(&self, object: &Object<'_>) -> impl Iterator<Item = RefersTo> {
        self.refers.iter().map(|refers| {
            let items = object.fact(refers.at).map(Raw::items).unwrap_or_default();
            let referred = items.into_iter().filter_map(|item| refers.referred(object, item));
            let (objects, beyond) = at_most(REFERENCES_MAX, referred);
            RefersTo { entity: refers.entity, objects, beyond }
        })
    }

    /// What an object's JSON says of it.
    #[must_use]
    pub fn known<'a>(&self, object: &Object<'a>) -> Known<'a> {
        let mut known = self.own.known(object);
        match self.has_nobody(object) {
            Some(true) => known.responsible = Some(None),
            Some(false) => {}
            None => known.responsible = None,
        }
        // Where it is not, nothing is known of it: it is reached through something all the same.
        known.via =
            self.via.as_ref().map(|(resource, told)| (resource.clone(), Box::new(told.known(object))));
        known
    }
}

impl Reading {
    /// Whether nobody is responsible, for another reason than a `null`; `None` if that cannot be told.
    fn has_nobody(&self, object: &Object<'_>) -> Option<bool> {
        let at = self.own.place(Fact::Responsible);
        if self.absent_is_nobody && at.is_some_and(|at| object.fact(at).is_none()) {
            return Some(true);
        }
        let told = self.user.as_ref().and_then(|(at, is)| Some((object.fact(*at)?, is)));
        match told {
            Some((value, is)) if !value.is_null() => is_that(value, is).map(|is_user| !is_user),
            _ => Some(false),
        }
    }
}

impl Refers {
    /// The object to which another refers by this item.
    fn referred(&self, object: &Object<'_>, item: Raw<'_>) -> Option<Referred> {
        let id = item.name_or_id()?.into_owned();
        let id_type = match &self.of {
            None => None,
            Some(TypeOf::There(place)) => {
                Some(steps(place).try_fold(item, |raw, step| raw.member(&step))?.name()?.into_owned())
            }
            Some(TypeOf::Beside(at)) => Some(object.fact(*at)?.name()?.into_owned()),
            Some(TypeOf::Always(name)) => Some(name.clone()),
        };
        Some(Referred { entity: self.entity, id, id_type })
    }
}

/// Whether a value is this one; `None` if it is none to compare with.
pub(in crate::gate) fn is_that(value: Raw<'_>, is: &Literal) -> Option<bool> {
    match is {
        Literal::Boolean(is) => value.boolean().map(|value| value == *is),
        Literal::Name(is) => value.name().map(|name| *is == name),
    }
}

impl Told {
    /// Where a fact stands.
    fn place(&self, wanted: Fact) -> Option<FactNo> {
        self.facts.iter().find(|(fact, _)| *fact == wanted).map(|(_, number)| *number)
    }

    fn known<'a>(&self, object: &Object<'a>) -> Known<'a> {
        let mut known = Known::default();
        for (fact, number) in &self.facts {
            let Some(raw) = object.fact(*number) else { continue };
            match fact {
                Fact::Id => {}
                Fact::Responsible => known.responsible = user(raw),
                Fact::Participants => {
                    let names = raw.names().filter(|name| name != NO_USER);
                    (known.participants, known.participants_beyond) = at_most(PARTICIPANTS_MAX, names);
                }
                Fact::Open => known.open = raw.boolean() == Some(true),
                Fact::Team => known.team = raw.name(),
                Fact::Creator => known.creator = user(raw).flatten(),
                Fact::Queue => known.queue = raw.name(),
                Fact::Pipeline => known.pipeline = named(raw),
                Fact::Stage => known.stage = named(raw),
                Fact::Channel => known.channel = named(raw).and_then(|name| self.channel(name)),
                Fact::Account => known.account = named(raw),
                Fact::Kind => known.kind = named(raw),
                Fact::Role => known.role = named(raw),
            }
        }
        known
    }

    /// What the policy calls a channel; `None` if it has no name for it.
    fn channel<'a>(&self, name: Option<Cow<'a, str>>) -> Option<Option<Cow<'a, str>>> {
        match name {
            Some(name) if !self.channels.is_empty() => {
                self.channels.get(&*name).map(|name| Some(name.clone().into()))
            }
            as_it_is => Some(as_it_is),
        }
    }
}

/// The first of these, and whether there are more.
fn at_most<T>(max: usize, mut all: impl Iterator<Item = T>) -> (Vec<T>, bool) {
    let first = all.by_ref().take(max).collect();
    (first, all.next().is_some())
}

/// The name that a value is, or that there is none; `None` if it is something else.
fn named(raw: Raw<'_>) -> Option<Option<Cow<'_, str>>> {
    if raw.is_null() { Some(None) } else { raw.name().map(Some) }
}

/// The same of a user.
fn user(raw: Raw<'_>) -> Option<Option<Cow<'_, str>>> {
    named(raw).filter(|name| name.as_deref() != Some(NO_USER))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of an object whose facts stand so.
    fn known(facts: &[(Fact, &'static str)]) -> Known<'static> {
        let places = facts.iter().enumerate().map(|(at, (fact, _))| (*fact, format!("/{at}")));
        let (reading, pointers) = Reading::of(&Entity { facts: places.collect(), ..Entity::default() });
        let value = |pointer: &String| {
            let (_, at) = pointer.split_once('/').unwrap();
            Some(Raw(facts[at.parse::<usize>().unwrap()].1.as_bytes()))
        };
        let raws: Vec<_> = pointers.iter().map(value).collect();
        let object = Object { entity: EntityNo(0), main: true, outer: None, facts: &raws };
        reading.known(&object).into_owned()
    }

    #[test]
    fn an_object_tells_its_facts() {
        let known = known(&[
            (Fact::Responsible, r#""ana""#),
            (Fact::Team, r#""sales""#),
            (Fact::Participants, r#"[{"id": "ben"}, "sue", 3, null, {"id": ""}]"#),
            (Fact::Open, "true"),
        ]);
        assert_eq!(known.responsible, Some(Some("ana".into())));
        assert_eq!(known.team.as_deref(), Some("sales"));
        assert_eq!(known.participants, ["ben", "sue", "3"]);
        assert!(known.open);
    }

    #[test]
    fn whose_kind_cannot_be_read_is_not_known_to_be_nobody() {
        let facts = FactPlaces::from([(Fact::Responsible, "/owner".to_owned())]);
        let user = Some(("/kind".to_owned(), Literal::Name("User".to_owned())));
        let (reading, _) = Reading::of(&Entity { facts, user, absent_is_nobody: true, ..Entity::default() });
        let ana = Some(Some("ana".into()));
        for (owner, kind, responsible) in [
            (Some(r#""ana""#), Some(r#""User""#), ana.clone()),
            (Some(r#""ana""#), Some("null"), ana.clone()),
            (Some(r#""ana""#), None, ana),
            (Some(r#""ana""#), Some(r#""Bot""#), Some(None)),
            (Some(r#""ana""#), Some(r#""\ud800""#), None),
            (Some(r#""ana""#), Some("{}"), None),
            (None, Some("{}"), Some(None)),
        ] {
            let raws = [owner, kind].map(|value| value.map(|value: &str| Raw(value.as_bytes())));
            let object = Object { entity: EntityNo(0), main: true, outer: None, facts: &raws };
            assert_eq!(reading.known(&object).responsible, responsible, "{owner:?} {kind:?}");
        }
    }

    #[test]
    fn what_is_null_is_known_and_what_is_absent_is_not() {
        for (value, responsible) in [
            ("null", Some(None)),
            (r#""""#, None),
            (r#"{"id": 1}"#, None),
            ("1.5", None),
            ("true", None),
            ("18446744073709551618", Some(Some("18446744073709551618".into()))),
        ] {
            assert_eq!(known(&[(Fact::Responsible, value)]).responsible, responsible, "{value}");
        }
        assert_eq!(known(&[]).responsible, None);
    }
}
