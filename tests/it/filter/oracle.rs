//! The filter once more, slow and obvious: over a parsed value, asking of each path what is declared there.

use headgate::filter::{
    EntityNo, EntitySource, FactNo, FieldIx, Fields, LayoutSource, NoneAs, Object, Raw, Schema, Total,
    Verdict,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a judge was told of an object and those around it: entities and facts as values.
pub(super) type Told = Vec<(EntityNo, bool, Vec<Option<Value>>)>;

/// A judge of both filters: a function of what is told.
pub(super) type Rule<'a> = &'a dyn Fn(&Told) -> Verdict;

/// What a judge of the real filter is told, by what reads a value.
pub(super) fn told(object: &Object<'_>, facts: &[usize], read: fn(Raw<'_>) -> Value) -> Told {
    let mut told = object.outer.map_or_else(Told::new, |outer| told(outer, facts, read));
    let count = facts[usize::from(object.entity.0)];
    let fact = |no: usize| object.fact(FactNo(u8::try_from(no).unwrap())).map(read);
    let facts = (0..count).map(fact).collect();
    told.push((object.entity, object.main, facts));
    told
}

/// It is of another type than declared, or is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit;

pub(super) struct Oracle<'a> {
    pub(super) sources: &'a [EntitySource],
    pub(super) schema: &'a Schema,
    pub(super) layout: &'a LayoutSource,
    pub(super) rule: Rule<'a>,
    /// What was asked, in order.
    pub(super) asked: Vec<Told>,
    pub(super) shown: u64,
    pub(super) hidden: u64,
    pub(super) unfit: u64,
    /// Verdicts that hide, rows and what is nested alike.
    pub(super) hiding: u64,
    /// Members and items that were taken out because nobody declared them.
    pub(super) undeclared: u64,
    /// Members that were taken out because of a verdict: of which entity, and the fields that it lacks for them.
    pub(super) lacking: Vec<(EntityNo, Vec<FieldIx>)>,
    met_rows: bool,
    met_object: bool,
}

/// A step of a path: a member's name, or an item.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Item,
}

/// A verdict on the object around, with what was told of it; `None`: nothing of it is asked for.
#[derive(Clone, Copy)]
struct Within<'a> {
    fields: &'a Fields,
    told: Option<&'a Told>,
}

const NOTHING: Within<'static> = Within { fields: &Fields::NONE, told: None };

/// The steps of a pointer, `*` for an item.
fn steps(pointer: &str) -> Vec<Step> {
    let step = |token: &str| if token == "*" { Step::Item } else { Step::Key(token.to_owned()) };
    pointer.split('/').skip(1).map(step).collect()
}

/// What is declared of a place where there is none.
fn none_at(none: &BTreeMap<String, NoneAs>, path: &[Step]) -> Option<NoneAs> {
    none.iter().find(|(pointer, _)| steps(pointer) == path).map(|(_, none)| *none)
}

/// What is left of a place, written as declared if that is nothing.
fn or_none(left: Option<Value>, none: Option<NoneAs>) -> Option<Value> {
    let is_none =
        left.as_ref().is_none_or(|left| left.is_null() || left.as_array().is_some_and(Vec::is_empty));
    match none {
        Some(NoneAs::Absent) if is_none => None,
        Some(NoneAs::Null) if is_none => Some(Value::Null),
        Some(NoneAs::List) if is_none => Some(Value::Array(Vec::new())),
        _ => left,
    }
}

fn names(path: &[Step]) -> Vec<&str> {
    path.iter().filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None }).collect()
}

impl<'a> Oracle<'a> {
    pub(super) fn new(
        sources: &'a [EntitySource],
        schema: &'a Schema,
        layout: &'a LayoutSource,
        rule: Rule<'a>,
    ) -> Self {
        let (asked, lacking, met_rows, met_object) = (Vec::new(), Vec::new(), false, false);
        let (shown, hidden, unfit, hiding, undeclared) = (0, 0, 0, 0, 0);
        Self {
            sources,
            schema,
            layout,
            rule,
            asked,
            shown,
            hidden,
            unfit,
            hiding,
            undeclared,
            lacking,
            met_rows,
            met_object,
        }
    }

    pub(super) fn filter(&mut self, text: &Value) -> Result<Value, Unfit> {
        let mut left = self.around(text, &[], false)?.unwrap_or(Value::Null);
        if (self.layout.rows.is_some() && !self.layout.rows_may_lack && !self.met_rows)
            || (self.layout.object.is_some() && !self.met_object)
        {
            return Err(Unfit);
        }
        for (pointer, total) in &self.layout.totals {
            // A count that is `null` here stands in the text.
            if let (Some(count), Total::Shown) = (left.pointer_mut(pointer), total) {
                *count = Value::String("the number of rows".into());
            }
        }
        self.lead_nowhere(&mut left);
        Ok(left)
    }

    /// Says of the next page that there is none, at each place where something is said of it.
    fn lead_nowhere(&self, left: &mut Value) {
        if !left.is_object() {
            return;
        }
        for (pointer, total) in self.layout.totals.iter().filter(|(_, total)| total.is_ahead()) {
            let (around, name) = pointer.rsplit_once('/').unwrap();
            let mut at = &mut *left;
            for name in names(&steps(around)) {
                at = at.as_object_mut().unwrap().entry(name).or_insert(Value::Null);
                if at.is_null() {
                    *at = Map::new().into();
                }
            }
            let value = match self.layout.none.get(pointer) {
                Some(NoneAs::Absent) => continue,
                None if *total == Total::More => Value::Bool(false),
                _ => Value::Null,
            };
            at.as_object_mut().unwrap().insert(name.to_owned(), value);
        }
    }

    /// Whether nothing but the next page is told of at a place, and below it.
    fn is_ahead(&self, path: &[Step]) -> bool {
        let layout = self.layout;
        let below = |pointer: &&String| steps(pointer).starts_with(path);
        let mut totals = layout.totals.iter().filter(|(pointer, _)| below(pointer)).peekable();
        let others = layout.rows.iter().chain(&layout.object).map(|(pointer, _)| pointer);
        totals.peek().is_some()
            && totals.all(|(_, total)| total.is_ahead())
            && !others.chain(layout.nested.keys()).chain(&layout.keep).any(|pointer| below(&pointer))
    }

    /// What is left of a value that stands around the entities. `None`: it is taken out.
    fn around(&mut self, value: &Value, path: &[Step], kept: bool) -> Result<Option<Value>, Unfit> {
        let layout = self.layout;
        let at = |pointer: &str| steps(pointer) == path;
        let (in_list, null) = (path.last() == Some(&Step::Item), value.is_null());
        if let Some((_, entity)) = layout.rows.as_ref().filter(|(pointer, _)| at(pointer)) {
            let rows = if null { &Vec::new() } else { value.as_array().ok_or(Unfit)? };
            self.met_rows = true;
            let mut left = Vec::new();
            for row in rows {
                if !self.is_fit(row, *entity) {
                    self.unfit += 1;
                    continue;
                }
                let (shown, row) = self.entity(row, *entity, true, None)?;
                *(if shown { &mut self.shown } else { &mut self.hidden }) += 1;
                left.extend(row);
            }
            return Ok(Some(Value::Array(left)));
        }
        if let Some((_, entity)) = layout.object.as_ref().filter(|(pointer, _)| at(pointer)) {
            self.met_object = true;
            return if self.is_fit(value, *entity) {
                Ok(self.entity(value, *entity, true, None)?.1)
            } else {
                Err(Unfit)
            };
        }
        let none = none_at(&layout.none, path);
        if let Some((_, entity)) = layout.nested.iter().find(|(pointer, _)| at(pointer)) {
            let left = match (self.is_fit(value, *entity), in_list) {
                // What is shown is there, also if it is written as none would be.
                (true, _) => {
                    let left = self.entity(value, *entity, false, None)?.1;
                    return Ok(left.or_else(|| or_none(None, none)));
                }
                (false, true) => self.nobody_declared()?,
                (false, false) if null => Some(Value::Null),
                (false, false) => return Err(Unfit),
            };
            return Ok(or_none(left, none));
        }
        if let Some((_, total)) = layout.totals.iter().find(|(pointer, _)| at(pointer)) {
            return Ok(Some(Value::Null).filter(|_| !total.is_ahead()));
        }
        let kept = kept || layout.keep.iter().any(|pointer| at(pointer));
        let named = layout.rows.iter().chain(&layout.object).map(|(pointer, _)| pointer);
        let named: Vec<_> = named.chain(layout.nested.keys()).chain(layout.totals.keys()).collect();
        let way = named
            .into_iter()
            .map(|pointer| steps(pointer))
            .find(|steps| steps.len() > path.len() && steps.starts_with(path));
        if !on_way(value, way.as_deref(), path) {
            return if in_list { self.nobody_declared() } else { Err(Unfit) };
        }
        let leads = way.is_some()
            || layout
                .keep
                .iter()
                .any(|pointer| steps(pointer).len() > path.len() && steps(pointer).starts_with(path));
        if !kept && !leads {
            return self.nobody_declared();
        }
        if !path.is_empty() && !kept && self.is_ahead(path) {
            // What stands beside is nobody's, and all else is said anew.
            for (key, value) in value.as_object().into_iter().flatten() {
                let left = self.around(value, &[path, &[Step::Key(key.clone())]].concat(), kept)?;
                assert_eq!(left, None, "{key}");
            }
            return Ok(None);
        }
        match value {
            Value::Object(members) => {
                let mut left = Map::new();
                for (key, value) in members {
                    let path = [path, &[Step::Key(key.clone())]].concat();
                    if let Some(value) = self.around(value, &path, kept)? {
                        left.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(left)))
            }
            Value::Array(items) => {
                let mut left = Vec::new();
                for value in items {
                    left.extend(self.around(value, &[path, &[Step::Item]].concat(), kept)?);
                }
                Ok(or_none(Some(Value::Array(left)), none))
            }
            _ if kept || (null && !in_list) => Ok(or_none(Some(value.clone()), none)),
            _ => self.nobody_declared(),
        }
    }

    /// A member or an item goes that is not declared.
    fn nobody_declared(&mut self) -> Result<Option<Value>, Unfit> {
        self.undeclared += 1;
        Ok(None)
    }

    fn source(&self, entity: EntityNo) -> &'a EntitySource {
        &self.sources[usize::from(entity.0)]
    }

    fn is_fit(&self, value: &Value, entity: EntityNo) -> bool {
        value.is_object() || (self.source(entity).value && !value.is_null())
    }

    /// Judges an object; says whether it is shown, and what is left of it.
    fn entity(
        &mut self,
        value: &Value,
        entity: EntityNo,
        main: bool,
        outer: Option<&Told>,
    ) -> Result<(bool, Option<Value>), Unfit> {
        let source = self.source(entity);
        let facts = source.facts.iter().map(|pointer| value.pointer(pointer).cloned()).collect();
        let mut told = outer.cloned().unwrap_or_default();
        told.push((entity, main, facts));
        self.asked.push(told.clone());
        let verdict = (self.rule)(&told);
        self.hiding += u64::from(matches!(verdict, Verdict::Hidden | Verdict::Absent));
        match verdict {
            Verdict::Shown(_) if source.value => Ok((true, Some(value.clone()))),
            Verdict::Shown(fields) => {
                let within = Within { fields: &fields, told: Some(&told) };
                Ok((true, self.inside(value, entity, &[], within, false)?))
            }
            Verdict::Hidden | Verdict::Absent if source.value => Ok((false, None)),
            Verdict::Absent => {
                let within = Within { fields: &Fields::NONE, told: None };
                self.inside(value, entity, &[], within, false).map(|_| (false, None))
            }
            Verdict::Hidden => {
                let mut fields = Fields::NONE;
                for name in &source.placeholder {
                    fields.insert(self.number(entity, name).unwrap());
                }
                let left = self.inside(value, entity, &[], Within { fields: &fields, told: None }, false)?;
                Ok((false, left.filter(|left| left.as_object().is_some_and(|left| !left.is_empty()))))
            }
        }
    }

    fn number(&self, entity: EntityNo, name: &str) -> Option<FieldIx> {
        let at = self.schema.fields(entity).iter().position(|field| field == name)?;
        Some(FieldIx(u16::try_from(at).unwrap()))
    }

    /// What is left of what is in an object. Types are looked at in what does not pass, too.
    fn inside(
        &mut self,
        value: &Value,
        entity: EntityNo,
        path: &[Step],
        within: Within<'_>,
        whole: bool,
    ) -> Result<Option<Value>, Unfit> {
        match value {
            Value::Object(members) => {
                let mut left = Map::new();
                for (key, value) in members {
                    let path = [path, &[Step::Key(key.clone())]].concat();
                    if let Some(value) = self.place(value, entity, &path, within, whole)? {
                        left.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(left)))
            }
            Value::Array(items) => {
                let mut left = Vec::new();
                for value in items {
                    left.extend(self.place(value, entity, &[path, &[Step::Item]].concat(), within, whole)?);
                }
                Ok(Some(Value::Array(left)))
            }
            _ => Ok(Some(value.clone())),
        }
    }

    fn place(
        &mut self,
        value: &Value,
        entity: EntityNo,
        path: &[Step],
        within: Within<'_>,
        whole: bool,
    ) -> Result<Option<Value>, Unfit> {
        let source = self.source(entity);
        let (in_list, null) = (path.last() == Some(&Step::Item), value.is_null());
        let name = names(path);
        let listed: Vec<&str> =
            source.fields.iter().map(String::as_str).filter(|field| *field != "*").collect();
        let split = |field: &'a str| field.split('.').collect::<Vec<_>>();
        let starred = source.fields.iter().any(|field| field == "*");
        let nested =
            source.nested.iter().find(|(pointer, _)| steps(pointer) == path).map(|(_, entity)| *entity);
        // The fields that this very member is. Items are what their list is.
        let mut own = Vec::new();
        if !in_list {
            let fields = self.schema.fields(entity).iter().filter(|field| *field != "*");
            for field in fields {
                let parts: Vec<&str> = field.split('.').collect();
                let same = parts.len() == name.len()
                    && parts.iter().zip(&name).all(|(part, name)| part == name || *part == "*");
                let anywhere =
                    source.ruled.contains(field) && parts.len() == 1 && name.last() == Some(&parts[0]);
                if same || anywhere {
                    own.extend(self.number(entity, field));
                }
            }
            if starred && name.len() == 1 && own.is_empty() && nested.is_none() {
                own.extend(self.number(entity, "*"));
            }
        }
        let has = own.iter().all(|field| within.fields.has(*field));
        let lacks = own.into_iter().filter(|field| !within.fields.has(*field)).collect();
        // Of a hidden object nothing is counted.
        let counted = within.told.is_some();
        let whole = whole || starred || listed.iter().any(|field| split_is(field, &name));
        let within = if has { within } else { NOTHING };
        if let Some(inner) = nested {
            let none = none_at(&source.none, path);
            if counted && !has && (null || self.is_fit(value, inner)) {
                self.lacking.push((entity, lacks));
            }
            return if self.is_fit(value, inner) {
                match within.told {
                    Some(told) => {
                        let left = self.entity(value, inner, false, Some(told))?.1;
                        Ok(left.or_else(|| or_none(None, none)))
                    }
                    None => self.only_types(value, inner),
                }
            } else if in_list {
                self.undeclared += u64::from(counted);
                Ok(None)
            } else if null {
                Ok(or_none(Some(Value::Null), none).filter(|_| within.told.is_some()))
            } else {
                Err(Unfit)
            };
        }
        let way = source.nested.keys().map(|pointer| steps(pointer));
        let way: Vec<_> = way.filter(|steps| steps.len() > path.len() && steps.starts_with(path)).collect();
        let leads: Vec<&str> = listed
            .iter()
            .copied()
            .filter(|field| split(field).len() > name.len() && split(field).starts_with(&name))
            .collect();
        if !whole && leads.is_empty() && way.is_empty() {
            self.undeclared += u64::from(counted);
            return Ok(None);
        }
        if !on_way(value, way.first().map(Vec::as_slice), path) {
            self.undeclared += u64::from(counted && in_list);
            return if in_list { Ok(None) } else { Err(Unfit) };
        }
        let may_stay = value.is_object() || value.is_array() || (null && !in_list);
        if !whole && !may_stay {
            self.undeclared += u64::from(counted);
            return Ok(None);
        }
        let led = whole
            || (!way.is_empty() && within.told.is_some())
            || leads.iter().any(|field| within.fields.has(self.number(entity, field).unwrap()))
            || in_list;
        if counted && !has {
            self.lacking.push((entity, lacks));
        } else if counted && !led {
            let leading = leads.iter().map(|field| self.number(entity, field).unwrap()).collect();
            self.lacking.push((entity, leading));
        }
        let within = if led { within } else { NOTHING };
        let left = self.inside(value, entity, path, within, whole)?;
        Ok(or_none(left, none_at(&source.none, path)).filter(|_| has && led))
    }

    /// Looks at the types of an entity of which nothing is asked.
    fn only_types(&mut self, value: &Value, entity: EntityNo) -> Result<Option<Value>, Unfit> {
        if !self.source(entity).value {
            self.inside(value, entity, &[], NOTHING, false)?;
        }
        Ok(None)
    }
}

/// A field is this place.
fn split_is(field: &str, name: &[&str]) -> bool {
    field.split('.').collect::<Vec<_>>() == name
}

/// A value is what the steps that follow its path say.
fn on_way(value: &Value, way: Option<&[Step]>, path: &[Step]) -> bool {
    match way.and_then(|way| way.get(path.len())) {
        None => true,
        Some(Step::Key(_)) => value.is_object() || value.is_null(),
        Some(Step::Item) => value.is_array() || value.is_null(),
    }
}
