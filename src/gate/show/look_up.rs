//! Objects that an answer only names: a line of a search tells the number of a conversation, and not whose it is.
//! Headgate asks for each, and what is known of it counts for the line.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::Shapes;
use crate::{
    config::routes::LookUp,
    filter::EntityNo,
    gate::{
        Passage,
        facts::Known,
        refusal::Refusal,
        routes::{filled, is_name},
    },
    ids::DecisionId,
};

/// Most objects that are looked up for one answer: more than a page of any search has. Of one more, nothing is known, and
/// `look_ups_max` is counted.
const LOOK_UPS_MAX: usize = 100;

/// An object that is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sought {
    /// The entity that names it.
    pub by: EntityNo,
    /// Its id.
    pub id: String,
}

/// What is known of the objects that were looked up for one answer. One that is not there, or cannot be read, is not known.
#[derive(Debug, Default)]
pub struct Found(BTreeMap<Sought, Known<'static>>);

impl Sought {
    /// Whether the id can stand in a path and means nothing else there.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        is_name(&self.id)
    }
}

impl Found {
    /// What is known of an object; `None` if it was not looked up.
    #[must_use]
    pub fn of(&self, sought: &Sought) -> Option<Known<'static>> {
        self.0.get(sought).cloned()
    }

    /// Whether one more can be looked up, beside so `many` that are to be.
    #[must_use]
    pub fn has_room(&self, many: usize) -> bool {
        self.0.len() + many < LOOK_UPS_MAX
    }
}

impl Passage<'_> {
    /// Asks for these objects, as Headgate itself.
    pub(in crate::gate) async fn look_up(
        &self,
        sought: BTreeSet<Sought>,
        shapes: &Shapes,
        decision: DecisionId,
        found: &mut Found,
    ) -> Result<(), Refusal> {
        for sought in sought {
            let look_up = shapes.entity(sought.by).and_then(|shape| shape.look_up.as_ref());
            let look_up = look_up.ok_or(Refusal::Unknown)?;
            let mut parameters = self.side.routes.map.fixed.clone();
            parameters.insert(LookUp::ID.to_owned(), sought.id.clone());
            let path = filled(&look_up.line, &parameters);
            let known = self.fetched_or_nobodys(&path, look_up.entity, &sought.id, decision).await?;
            found.0.insert(sought, known);
        }
        Ok(())
    }
}
