//! What a write needs besides the right to make it: rights that single fields ask for, such as those of media in a message, and
//! rights on other objects that it names, such as the contact of a new conversation.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Said,
    bulk::is_id,
    fields::Fields,
    names::{Preset, preset},
    objects::is_at,
    owner::{Barred, Plan, Stop, name},
};
use crate::{
    config::{
        routes::LookUp,
        writing::{Referred, To},
    },
    gate::{
        Passage,
        body::{UnfitBody, WRITTEN_REFERENCES_MAX},
        facts::Keyed,
        permit::{Asked, Decided},
        refusal::Refusal,
        routes::filled,
    },
    ids::DecisionId,
};

/// What a request needs besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Besides {
    /// Fields that need a right of their own.
    needing: Vec<String>,
    /// Ids of other objects, by the field that names them.
    named: BTreeMap<String, BTreeSet<NamedObject>>,
}

/// Another object that a request names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NamedObject {
    /// What the request says that it is, where it says so.
    kind: Option<String>,
    id: String,
}

impl Besides {
    /// What the fields of a request ask for.
    ///
    /// # Errors
    /// [`Barred`] if it is not clear which objects it names.
    pub(super) fn of(passage: &Passage<'_>, said: &Said) -> Result<Self, Barred> {
        let route = &passage.matched.route;
        let (listed, aliases) = (route.writing.fields.as_ref(), &route.aliases);
        let given = |fields: &Fields, field: &str| preset(fields, field, listed, aliases);
        let needing = route.writing.needs.keys();
        let needing = needing.filter(|field| given(&said.fields, field) != Preset::Absent);
        let mut named = BTreeMap::new();
        for (field, reference) in &route.writing.refers {
            let objects = match &reference.to {
                To::One(_) => named_by(given(&said.fields, field), reference.required),
                To::Kinds { field: kind, is } => {
                    let each = said.each.iter().zip(&said.objects).filter_map(|(fields, own)| {
                        let (id, of) = (given(fields, field), given(fields, kind));
                        let is_absent = id == Preset::Absent && of == Preset::Absent;
                        // Each stands where it is looked for, once: so the two belong together. Beside a list that is nowhere.
                        let are_there = is_at(own, field) && is_at(own, kind);
                        (!is_absent).then(|| named_as(id, of, is).filter(|_| are_there))
                    });
                    // Which object of a list says it must be told.
                    let is_list = said.content.is_array();
                    let is_beside = |name| is_list && given(&said.beside, name) != Preset::Absent;
                    let is_said =
                        |fields| [field, kind].iter().any(|name| given(fields, name) != Preset::Absent);
                    let is_paired =
                        !is_list || said.each.len() == said.objects.len() || !said.each.iter().any(is_said);
                    if is_beside(field) || is_beside(kind) || !is_paired { None } else { each.collect() }
                }
            };
            let objects = objects.ok_or_else(|| Barred::unclear(field))?;
            if reference.required && (objects.is_empty() || !said.each_says(field, aliases)) {
                return Err(Barred::new(field, "reference", format!("{field} is not given")));
            }
            if !objects.iter().all(|object| is_id(&object.id)) {
                return Err(Barred::unclear(field));
            }
            named.insert(field.clone(), objects);
        }
        Ok(Self { needing: needing.cloned().collect(), named })
    }

    /// Whether no field names more objects than are asked for.
    ///
    /// # Errors
    /// [`UnfitBody::TooManyReferences`].
    pub(super) fn check_count(&self) -> Result<(), UnfitBody> {
        let is_within = self.named.values().all(|objects| objects.len() <= WRITTEN_REFERENCES_MAX);
        if is_within { Ok(()) } else { Err(UnfitBody::TooManyReferences) }
    }
}

/// The objects whose ids are given; `None` if that is not clear.
fn named_by(ids: Preset, required: bool) -> Option<BTreeSet<NamedObject>> {
    let ids = match ids {
        Preset::Absent => Vec::new(),
        Preset::Unclear => return None,
        Preset::Given(ids) => ids,
    };
    let mut objects = BTreeSet::new();
    for id in &ids {
        match name(id)? {
            Some(id) => {
                objects.insert(NamedObject { kind: None, id: id.into_owned() });
            }
            None if required => return None,
            None => {}
        }
    }
    Some(objects)
}

/// The one object whose id and kind are given, which is one of `kinds`; `None` if that is not clear.
fn named_as(ids: Preset, of: Preset, kinds: &BTreeMap<String, Referred>) -> Option<NamedObject> {
    let (Preset::Given(ids), Preset::Given(of)) = (ids, of) else { return None };
    let ([id], [kind]) = (ids.as_slice(), of.as_slice()) else { return None };
    let (id, kind) = (name(id)??, name(kind)??);
    let (kind, _) = kinds.get_key_value(&*kind)?;
    Some(NamedObject { kind: Some(kind.clone()), id: id.into_owned() })
}

impl Passage<'_> {
    /// Whether the user has the rights that a request needs besides. `None`: what `plan` tells of is being created.
    pub(super) async fn may_besides(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        plan: &Plan,
        besides: &Besides,
        decision: DecisionId,
    ) -> Result<(), Stop> {
        let (actor, writing) = (&self.granted.actor, &self.matched.route.writing);
        let policy = actor.grants.policy();
        let mut objects = Vec::new();
        if let Some(object) = object {
            objects.push(object.clone());
        } else if !besides.needing.is_empty() {
            objects = self.as_planned(&self.created().await?, plan).await?;
        }
        for field in &besides.needing {
            let Some((resource, action)) = writing.needs.get(field) else { continue };
            let resource = policy.resource(resource).ok_or(Refusal::Unknown)?;
            let action = policy.action(action).ok_or(Refusal::Unknown)?;
            let needed = asked.as_part(resource, action);
            for object in &objects {
                let decided = Decided::on(actor, needed, Some(object), &[]);
                if decided.permit().is_err() {
                    return Err(Barred::new(field, "needs", decided.why).into());
                }
            }
        }
        for (field, objects) in &besides.named {
            for NamedObject { kind, id } in objects {
                let referred = match (writing.refers.get(field).map(|reference| &reference.to), kind) {
                    (Some(To::One(one)), None) => Some(one),
                    (Some(To::Kinds { is, .. }), Some(kind)) => is.get(kind),
                    _ => None,
                };
                let referred = referred.ok_or_else(|| Barred::unclear(field))?;
                let resource = policy.resource(&referred.resource).ok_or(Refusal::Unknown)?;
                let action = policy.action(&referred.action).ok_or(Refusal::Unknown)?;
                let object = self.referred(referred, id, decision).await?;
                let decided = Decided::on(actor, Asked::on(resource, action), Some(&object), &[]);
                if decided.permit().is_err() {
                    return Err(Barred::new(field, "reference", decided.why).into());
                }
            }
        }
        Ok(())
    }

    /// What is known of an object that a field names. Of one that is not there, nothing.
    async fn referred(&self, referred: &Referred, id: &str, decision: DecisionId) -> Result<Keyed, Refusal> {
        let known = match &referred.line {
            None => self.tag(id).unwrap_or_default(),
            Some(line) => {
                let mut parameters = self.side.routes.map.fixed.clone();
                parameters.extend(self.matched.parameters.clone());
                parameters.insert(LookUp::ID.to_owned(), id.to_owned());
                self.fetched_or_nobodys(&filled(line, &parameters), referred.entity, id, decision).await?
            }
        };
        self.keyed(&known).await
    }
}
