//! How the states of a plan are made from patterns.

use std::collections::{BTreeMap, VecDeque};

use super::{
    super::{
        EntityNo, FactNo, FieldIx, NoneAs, Schema, SchemaError, ahead::Ahead, keys::Keys, pointer::Token,
        tape,
    },
    Container, Need, Note, Pattern, Place, State, StateId, What,
};

/// Most states of a layout. A Chatwoot-sized API needs some hundreds; patterns multiply only where entities nest
/// in each other with facts that reach far into them.
const STATES_MAX: usize = 1 << 16;

/// A state as a set of patterns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    /// Whose fields the members are; `None`: the layout's.
    of: Option<EntityNo>,
    place: Place,
    /// What is in it passes as it stands.
    whole: bool,
    need: Vec<(EntityNo, FieldIx)>,
    /// Of an entity's place.
    none: Option<NoneAs>,
    facts: Vec<(u8, FactNo)>,
    itself: Vec<FactNo>,
    met: Vec<Met>,
}

/// How much of a pattern has been met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Met {
    /// Of which entity it is a pattern: this many objects outwards.
    outwards: u8,
    of: Option<EntityNo>,
    pattern: usize,
    tokens: usize,
}

pub(super) struct Builder<'a> {
    schema: &'a Schema,
    layout: Vec<Pattern>,
    known: BTreeMap<Spot, StateId>,
    open: VecDeque<Spot>,
}

/// A step from a value into it.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(Option<&'a str>),
    Item(Option<u32>),
}

pub(super) type Built = (Vec<State>, Vec<(EntityNo, FieldIx)>);

impl<'a> Builder<'a> {
    /// Of a layout's patterns.
    pub(super) const fn new(schema: &'a Schema, layout: Vec<Pattern>) -> Self {
        Self { schema, layout, known: BTreeMap::new(), open: VecDeque::new() }
    }

    /// All states, and whose field each tally is.
    pub(super) fn build(mut self) -> Result<Built, SchemaError> {
        let nowhere = Spot {
            of: None,
            place: Place::Path,
            whole: false,
            need: Vec::new(),
            none: None,
            facts: Vec::new(),
            itself: Vec::new(),
            met: Vec::new(),
        };
        let all = (0..self.layout.len()).map(|pattern| Met { outwards: 0, of: None, pattern, tokens: 0 });
        let mut root = self.arrive(&nowhere, all.collect());
        if root.place == Place::Ahead {
            root.place = Place::Path;
        }
        self.id(root);
        let (mut states, mut tallies) = (Vec::new(), Vec::new());
        while let Some(spot) = self.open.pop_front() {
            if states.len() == STATES_MAX {
                return Err(SchemaError::TooMany { of: "layout".into() });
            }
            let state = self.state(&spot, &mut tallies);
            states.push(state);
        }
        Ok((states, tallies))
    }

    /// The number of a state, which is made in its turn.
    fn id(&mut self, spot: Spot) -> StateId {
        let next = StateId(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        if let Some(id) = self.known.get(&spot) {
            return *id;
        }
        self.known.insert(spot.clone(), next);
        self.open.push_back(spot);
        next
    }

    fn pattern(&self, met: &Met) -> Option<&Pattern> {
        let patterns =
            met.of.map_or(Some(&self.layout), |entity| Some(&self.schema.entity(entity)?.patterns));
        patterns?.get(met.pattern)
    }

    fn state(&mut self, spot: &Spot, tallies: &mut Vec<(EntityNo, FieldIx)>) -> State {
        let open = spot.of.filter(|_| spot.place != Place::Drop).and_then(|of| self.schema.entity(of));
        let open = open.map_or(&[][..], |entity| &entity.open);
        let mut names: Vec<Box<str>> = open.iter().map(|(name, _)| name.clone()).collect();
        let mut indexes = Vec::new();
        let (mut container, mut leads, mut leads_to_entity, mut none) = (None, Vec::new(), false, spot.none);
        for met in &spot.met {
            let Some(pattern) = self.pattern(met) else { continue };
            let next = pattern.tokens.get(met.tokens);
            if let Some(Token::Name(name)) = next {
                names.push(name.clone());
                indexes.extend(index(name).filter(|_| matches!(pattern.what, What::Fact(_))));
            }
            match pattern.what {
                What::Nested(..) | What::Rows(_) | What::Object(_) | What::Total(_) | What::Ahead(..) => {
                    container =
                        Some(if next == Some(&Token::Each) { Container::List } else { Container::Object });
                    leads_to_entity |= matches!(pattern.what, What::Nested(..));
                    if let What::Nested(_, of_list) = pattern.what
                        && pattern.tokens.get(met.tokens..) == Some(&[Token::Each])
                    {
                        none = none.or(of_list);
                    }
                }
                What::Listed(field) => leads.extend(spot.of.map(|of| (of, field))),
                What::Ruled(_) | What::Star(_) | What::Fact(_) | What::Keep | What::Out => {}
            }
        }
        let value = matches!(spot.place, Place::Entity { value: true, .. });
        let inspect = !spot.met.is_empty() || (spot.whole && !open.is_empty() && !value);
        names.sort_unstable();
        names.dedup();
        indexes.sort_unstable();
        indexes.dedup();
        let keys = names.into_iter().map(|name| {
            let spot = self.follow(spot, Step::Member(Some(&name)));
            let id = self.id(spot);
            (name.into_boxed_bytes(), id)
        });
        let keys = Keys::new(keys.collect());
        let ahead = self.ahead(spot, &keys);
        let other = self.follow(spot, Step::Member(None));
        let item = self.follow(spot, Step::Item(None));
        let indexed = indexes.into_iter().map(|at| {
            let spot = self.follow(spot, Step::Item(Some(at)));
            (at, self.id(spot))
        });
        let indexed = indexed.collect();
        let mut needs = |fields: Vec<(EntityNo, FieldIx)>| -> Box<[Need]> {
            fields.into_iter().map(|whose| Need { field: whose.1, tally: tally(tallies, whose) }).collect()
        };
        // Into what an entity's object is, its own patterns lead; that it is an object is asked apart.
        let container = container.filter(|_| !matches!(spot.place, Place::Entity { .. }));
        State {
            place: spot.place,
            container,
            note: match spot.place {
                Place::Pass if !inspect => Note::As((!spot.need.is_empty()).then_some(tape::What::Field)),
                Place::Drop if !inspect => Note::As(Some(tape::What::Undeclared)),
                _ => Note::LookedAt,
            },
            inspect,
            need: needs(spot.need.clone()),
            leads: needs(if spot.place == Place::Path { leads } else { Vec::new() }),
            leads_to_entity,
            none,
            ahead,
            facts: spot.facts.clone().into(),
            itself: spot.itself.clone().into(),
            keys,
            first: 0,
            other: self.id(other),
            item: self.id(item),
            indexed,
        }
    }

    /// What is said of the next page in a value that says something else, too.
    fn ahead(&self, spot: &Spot, keys: &Keys) -> Ahead {
        let said = spot.met.iter().filter(|_| spot.place != Place::Ahead).filter_map(|met| {
            let Pattern { tokens, what: What::Ahead(total, none) } = self.pattern(met)? else { return None };
            let names = tokens.get(met.tokens..)?.iter().map(|token| match token {
                Token::Name(name) => Some(&**name),
                Token::Any | Token::Each => None,
            });
            Some((names.collect::<Option<Vec<&str>>>()?, *total, *none))
        });
        let said: Vec<_> = said.collect();
        let places: Vec<_> =
            said.iter().map(|(names, total, none)| (names.as_slice(), *total, *none)).collect();
        let says_more = |name: &str| self.follow(spot, Step::Member(Some(name))).place != Place::Ahead;
        let state = |name: &str| keys.find(name.as_bytes()).map(|(_, state)| state);
        Ahead::of(&places, &|name| state(name).filter(|_| says_more(name)))
    }

    /// The state of a member or item of a value that is at `from`.
    fn follow(&self, from: &Spot, step: Step<'_>) -> Spot {
        let mut met = Vec::new();
        for old in &from.met {
            let Some(pattern) = self.pattern(old) else { continue };
            let Some(token) = pattern.tokens.get(old.tokens) else { continue };
            let looked_through = matches!(pattern.what, What::Listed(_) | What::Ruled(_) | What::Star(_));
            let steps = match (step, token) {
                (Step::Member(Some(key)), Token::Name(name)) => (key == &**name).then_some(1),
                (Step::Member(_), Token::Any) | (Step::Item(_), Token::Each) => Some(1),
                (Step::Item(_), _) if looked_through => Some(0),
                (Step::Item(Some(at)), Token::Name(name)) if matches!(pattern.what, What::Fact(_)) => {
                    (index(name) == Some(at)).then_some(1)
                }
                _ => None,
            };
            met.extend(steps.map(|steps| Met { tokens: old.tokens + steps, ..*old }));
        }
        let mut to = self.arrive(from, met);
        if let (Step::Member(Some(key)), Some(of), true) = (step, from.of, to.place != Place::Drop)
            && let Some(entity) = self.schema.entity(of)
            && let Some((_, field)) = entity.open.iter().find(|(name, _)| **name == *key)
            && !to.need.contains(&(of, *field))
        {
            to.need.push((of, *field));
            to.need.sort_unstable();
        }
        to
    }

    /// What stands where these patterns have been met.
    fn arrive(&self, from: &Spot, met: Vec<Met>) -> Spot {
        let mut to = Spot {
            of: from.of,
            place: Place::Drop,
            whole: from.whole,
            need: Vec::new(),
            none: None,
            facts: Vec::new(),
            itself: Vec::new(),
            met: Vec::new(),
        };
        let (mut star, mut entity, mut rows, mut total) = (None, None, None, None);
        let (mut ahead, mut out) = (false, false);
        for met in met {
            let Some(pattern) = self.pattern(&met) else { continue };
            if met.tokens < pattern.tokens.len() {
                to.met.push(met);
                continue;
            }
            match pattern.what {
                What::Listed(field) => {
                    to.whole = true;
                    to.need.extend(from.of.map(|of| (of, field)));
                }
                What::Ruled(field) => to.need.extend(from.of.map(|of| (of, field))),
                What::Star(field) => star = from.of.map(|of| (of, field)),
                What::Nested(no, none) => {
                    entity = Some((no, false));
                    // That of an item is its list's.
                    to.none = none.filter(|_| pattern.tokens.last() != Some(&Token::Each));
                }
                What::Object(no) => entity = Some((no, true)),
                What::Rows(no) => rows = Some(no),
                What::Keep => to.whole = true,
                What::Total(what) => total = Some(what),
                What::Ahead(..) => ahead = true,
                What::Out => out = true,
                What::Fact(no) => to.facts.push((met.outwards, no)),
            }
        }
        if let Some(star) = star {
            to.whole = true;
            if to.need.is_empty() && entity.is_none() {
                to.need.push(star);
            }
        }
        // The items of the rows' list are at the state that follows it.
        if let (Place::Rows, Some(no)) = (from.place, from.of) {
            entity = Some((no, true));
        }
        to.place = match (entity, rows, total) {
            (Some((no, main)), ..) => return self.enter(to, no, main),
            (_, Some(no), _) => {
                to.of = Some(no);
                to.whole = false;
                Place::Rows
            }
            (.., Some(total)) => Place::Total(total),
            _ if out => Place::Drop,
            _ if ahead || (!to.whole && self.is_ahead(&to.met)) => Place::Ahead,
            _ if to.whole => Place::Pass,
            _ if to.met.iter().any(|met| self.leads_on(met)) => Place::Path,
            _ => Place::Drop,
        };
        if to.place == Place::Drop {
            to.need.clear();
            to.whole &= !out;
            to.met.retain(|met| matches!(self.pattern(met), Some(Pattern { what: What::Fact(_), .. })));
        }
        to
    }

    /// Whether nothing is looked for but what is said of the next page.
    fn is_ahead(&self, met: &[Met]) -> bool {
        let what = |met| self.pattern(met).map(|pattern| pattern.what);
        met.iter().any(|met| matches!(what(met), Some(What::Ahead(..))))
            && met.iter().all(|met| matches!(what(met), Some(What::Ahead(..) | What::Out)))
    }

    /// Whether what is looked for may pass.
    fn leads_on(&self, met: &Met) -> bool {
        let what = self.pattern(met).map(|pattern| pattern.what);
        !matches!(what, None | Some(What::Fact(_) | What::Ruled(_) | What::Star(_) | What::Out))
    }

    /// An entity's object: its own patterns, and the facts which those around it look for in it.
    fn enter(&self, mut to: Spot, no: EntityNo, main: bool) -> Spot {
        to.met.retain(|met| met.of.is_some());
        to.met.retain(|met| matches!(self.pattern(met), Some(Pattern { what: What::Fact(_), .. })));
        to.met.iter_mut().for_each(|met| met.outwards = met.outwards.saturating_add(1));
        let entity = self.schema.entity(no);
        for (at, pattern) in entity.map_or(&[][..], |entity| &entity.patterns).iter().enumerate() {
            match pattern {
                Pattern { tokens, what: What::Fact(fact) } if tokens.is_empty() => to.itself.push(*fact),
                _ => to.met.push(Met { outwards: 0, of: Some(no), pattern: at, tokens: 0 }),
            }
        }
        to.met.sort_unstable();
        let value = entity.is_some_and(|entity| entity.value);
        Spot { of: Some(no), place: Place::Entity { entity: no, main, value }, whole: value, ..to }
    }
}

/// A number of a list's item.
fn index(name: &str) -> Option<u32> {
    name.parse().ok().filter(|index: &u32| index.to_string() == name)
}

fn tally(tallies: &mut Vec<(EntityNo, FieldIx)>, whose: (EntityNo, FieldIx)) -> u32 {
    let at = tallies.iter().position(|known| *known == whose).unwrap_or_else(|| {
        tallies.push(whose);
        tallies.len() - 1
    });
    u32::try_from(at).unwrap_or(u32::MAX)
}
