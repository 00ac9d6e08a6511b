//! Entities and answers as the filter takes them.

use std::collections::BTreeMap;

use super::{Count, Entity, Main, Shows};
use crate::filter::{EntityNo, EntitySource, LayoutSource, Total};

impl Entity {
    /// It, with the names of fields that rules tell apart and the places of its facts.
    #[must_use]
    pub fn source(&self, ruled: Vec<String>, facts: Vec<String>) -> EntitySource {
        EntitySource {
            name: self.name.clone(),
            fields: self.fields.clone(),
            ruled,
            nested: self.nested.clone(),
            facts,
            value: self.value,
            placeholder: self.placeholder.clone(),
        }
    }

    /// An answer that is about one.
    #[must_use]
    pub fn answer(&self, number: EntityNo) -> LayoutSource {
        LayoutSource { object: Some((self.at.clone(), number)), ..LayoutSource::default() }
    }
}

impl Shows {
    /// The answer for who may see every row: counts pass as they are.
    #[must_use]
    pub fn every_row(&self, entities: &[Entity]) -> LayoutSource {
        let mut source = self.around(entities);
        source.keep.extend(self.totals.keys().cloned());
        source.keep.extend(self.links.iter().cloned());
        source.keep.extend(self.page.iter().flat_map(|page| page.at.iter().chain(&page.more)).cloned());
        source
    }

    /// The answer for everybody else.
    #[must_use]
    pub fn some_rows(&self, entities: &[Entity]) -> LayoutSource {
        let replaced = self.totals.iter().filter_map(|(place, count)| match count {
            Count::Recompute => Some((place.clone(), Total::Shown)),
            Count::Null => Some((place.clone(), Total::Null)),
            Count::Drop => None,
        });
        let mut totals: BTreeMap<_, _> = replaced.collect();
        if let Some(page) = &self.page {
            totals.extend(self.links.iter().map(|place| (place.clone(), Total::Next)));
            totals.extend(page.at.iter().map(|place| (place.clone(), Total::Page)));
            totals.extend(page.more.iter().map(|place| (place.clone(), Total::More)));
        }
        LayoutSource { totals, ..self.around(entities) }
    }

    /// Whether nothing at all can pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.main.is_none() && self.nested.is_empty() && self.keep.is_empty() && self.totals.is_empty()
    }

    fn around(&self, entities: &[Entity]) -> LayoutSource {
        let mut source =
            LayoutSource { nested: self.nested.clone(), keep: self.keep.clone(), ..LayoutSource::default() };
        match &self.main {
            Some(Main::Rows(at, entity)) => source.rows = Some((at.clone(), *entity)),
            Some(Main::Object(entity)) => {
                let at = entities.get(usize::from(entity.0)).map(|entity| entity.at.clone());
                source.object = Some((at.unwrap_or_default(), *entity));
            }
            None => {}
        }
        source
    }
}
