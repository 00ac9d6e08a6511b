//! What a write needs besides the right to make it: rights that single fields ask for, such as those of media in a message, and
//! rights on other objects that it names, such as the contact of a new conversation.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fields::Fields,
    names::{Preset, preset},
    owner::{Barred, Plan, Stop, name},
};
use crate::{
    config::{routes::LookUp, writing::Reference},
    gate::{
        Passage,
        facts::{Keyed, Known},
        permit::{Asked, Decided},
        refusal::Refusal,
        routes::{filled, is_name},
    },
    ids::DecisionId,
};

/// Most other objects that one request may name.
const REFERENCES_MAX: usize = 100;

/// What a request needs besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Besides {
    /// Fields that need a right of their own.
    needing: Vec<String>,
    /// Ids of other objects, by the field that names them.
    named: BTreeMap<String, BTreeSet<String>>,
}

impl Besides {
    /// What the fields of a request ask for.
    ///
    /// # Errors
    /// [`Barred`] if it is not clear which objects it names, or they are too many.
    pub(super) fn of(passage: &Passage<'_>, fields: &Fields) -> Result<Self, Barred> {
        let writing = &passage.matched.route.writing;
        let (listed, aliases) = (writing.fields.as_ref(), &passage.matched.route.aliases);
        let needing =
            writing.needs.keys().filter(|field| preset(fields, field, listed, aliases) != Preset::Absent);
        let mut named = BTreeMap::new();
        for (field, reference) in &writing.refers {
            let values = match preset(fields, field, listed, aliases) {
                Preset::Absent if reference.required => {
                    return Err(Barred::new(field, "reference", format!("{field} is not given")));
                }
                Preset::Absent => continue,
                Preset::Unclear => return Err(Barred::unclear(field)),
                Preset::Given(values) => values,
            };
            let mut ids = BTreeSet::new();
            for value in &values {
                match name(value) {
                    Some(None) if !reference.required => {}
                    Some(Some(id)) if is_name(&id) && ids.len() < REFERENCES_MAX => {
                        ids.insert(id.into_owned());
                    }
                    _ => return Err(Barred::unclear(field)),
                }
            }
            named.insert(field.clone(), ids);
        }
        Ok(Self { needing: needing.cloned().collect(), named })
    }
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
        for (field, ids) in &besides.named {
            let Some(reference) = writing.refers.get(field) else { continue };
            let resource = policy.resource(&reference.resource).ok_or(Refusal::Unknown)?;
            let action = policy.action(&reference.action).ok_or(Refusal::Unknown)?;
            for id in ids {
                let object = self.referred(reference, id, decision).await?;
                let decided = Decided::on(actor, Asked::on(resource, action), Some(&object), &[]);
                if decided.permit().is_err() {
                    return Err(Barred::new(field, "reference", decided.why).into());
                }
            }
        }
        Ok(())
    }

    /// What is known of an object that a field names. Of one that is not there, nothing.
    async fn referred(
        &self,
        reference: &Reference,
        id: &str,
        decision: DecisionId,
    ) -> Result<Keyed, Refusal> {
        let known = match &reference.line {
            None => self.tag(id).unwrap_or_default(),
            Some(line) => {
                let mut parameters = self.side.routes.map.fixed.clone();
                parameters.extend(self.matched.parameters.clone());
                parameters.insert(LookUp::ID.to_owned(), id.to_owned());
                match self.fetched(&filled(line, &parameters), reference.entity, id, decision).await {
                    Ok(known) => Known::clone(&known),
                    Err(Refusal::Missing) => return self.keyed_nobodys().await,
                    Err(refusal) => return Err(refusal),
                }
            }
        };
        self.keyed(&known).await
    }

    /// What nobody is known to have.
    async fn keyed_nobodys(&self) -> Result<Keyed, Refusal> {
        self.keyed(&Known::default()).await
    }
}
