//! What a row must show its user to come in answer to a question.
//!
//! A row comes, or not, and stands where it does, by what is in the fields that are asked about. So one that hides such a field is
//! left out whatever the field says, as if it were hidden itself: that it is missing then tells nothing of it, and neither does
//! the order of the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::{ActionNo, FieldNo, ResourceNo};

/// Fields that a row must show.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MustShow {
    /// Its own, by what it may be.
    of_row: BTreeMap<ResourceNo, BTreeSet<FieldNo>>,
    /// Those of what is a part of it and may stand in it or not: the rights to see that, each with its fields.
    of_parts: BTreeMap<(ResourceNo, ActionNo), BTreeSet<FieldNo>>,
}

impl MustShow {
    /// A field of the row, if it is this.
    #[must_use]
    pub fn of_row(resource: ResourceNo, field: FieldNo) -> Self {
        Self { of_row: BTreeMap::from([(resource, BTreeSet::from([field]))]), ..Self::default() }
    }

    /// A part of the row, with a field of it or none.
    #[must_use]
    pub fn of_part(resource: ResourceNo, action: ActionNo, field: Option<FieldNo>) -> Self {
        let fields = field.into_iter().collect();
        Self { of_parts: BTreeMap::from([((resource, action), fields)]), ..Self::default() }
    }

    /// Nothing need be shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of_row.is_empty() && self.of_parts.is_empty()
    }

    /// The fields that a row must show if it is this.
    pub fn fields_of_row(&self, resource: ResourceNo) -> impl Iterator<Item = FieldNo> {
        self.of_row.get(&resource).into_iter().flatten().copied()
    }

    /// The rights that there must be to the row's parts, and the fields that each must show.
    pub fn parts(&self) -> impl Iterator<Item = (ResourceNo, ActionNo, &BTreeSet<FieldNo>)> {
        self.of_parts.iter().map(|((resource, action), fields)| (*resource, *action, fields))
    }
}

impl Extend<Self> for MustShow {
    fn extend<I: IntoIterator<Item = Self>>(&mut self, others: I) {
        for other in others {
            for (of, fields) in other.of_row {
                self.of_row.entry(of).or_default().extend(fields);
            }
            for (of, fields) in other.of_parts {
                self.of_parts.entry(of).or_default().extend(fields);
            }
        }
    }
}

impl FromIterator<Self> for MustShow {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        let mut all = Self::default();
        all.extend(parts);
        all
    }
}
