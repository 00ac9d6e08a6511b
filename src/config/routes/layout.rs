//! Entities and answers as the filter takes them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Count, Empty, Entity, Format, Main, PageBy, Shows};
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
            none: self.none.clone(),
            facts,
            value: self.value,
            placeholder: self.placeholder.clone(),
        }
    }

    /// The entities in it; `None` if something else in it does not pass.
    fn inner(&self) -> Option<impl Iterator<Item = EntityNo>> {
        // A field with a dot has brothers that nobody declared.
        let all =
            self.fields.iter().any(|name| name == "*") && !self.fields.iter().any(|name| name.contains('.'));
        (self.value || all).then(|| self.nested.values().copied())
    }

    /// An answer that is about one.
    #[must_use]
    pub fn answer(&self, number: EntityNo) -> LayoutSource {
        LayoutSource { object: Some((self.at.clone(), number)), ..LayoutSource::default() }
    }
}

/// What of an answer must be judged, where all else of it passes as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What the answer is about.
    pub main: Option<EntityNo>,
    /// What else stands in it, at whatever depth.
    pub inner: BTreeSet<EntityNo>,
}

impl Shows {
    /// What must be judged of the answer for who may see every row. `None` if something would be taken out whatever
    /// the judgement: there is a place, or a field of an entity, that nobody declared.
    #[must_use]
    pub fn judged(&self, entities: &[Entity]) -> Option<Judged> {
        let entity = |number: &EntityNo| entities.get(usize::from(number.0));
        let (main, at) = match &self.main {
            Some(Main::Rows(at, number)) => (Some(*number), Some(at.as_str())),
            Some(Main::Object(number)) => (Some(*number), Some(entity(number)?.at.as_str())),
            None => (None, None),
        };
        // A table is nothing but its rows.
        let is_kept = self.keep.iter().any(String::is_empty);
        if !is_kept && at != Some("") && self.format != Format::Csv {
            return None;
        }
        let mut inner = BTreeSet::new();
        let mut open: Vec<EntityNo> = self.nested.values().copied().collect();
        if let Some(main) = &main {
            open.extend(entity(main)?.inner()?);
        }
        while let Some(number) = open.pop() {
            if inner.insert(number) {
                open.extend(entity(&number)?.inner()?);
            }
        }
        Some(Judged { main, inner })
    }

    /// The answer for who may see every row: counts pass as they are.
    #[must_use]
    pub fn every_row(&self, entities: &[Entity]) -> LayoutSource {
        let mut source = self.around(entities);
        source.keep.extend(self.totals.keys().cloned());
        source.keep.extend(self.links.iter().cloned());
        let said = match self.page.as_ref().map(|page| &page.by) {
            Some(PageBy::Number(by)) => [by.at.as_ref(), by.more.as_ref()],
            Some(PageBy::Cursor(by)) => [Some(&by.next), by.more.as_ref()],
            Some(PageBy::Row(_)) | None => [None, None],
        };
        source.keep.extend(said.into_iter().flatten().cloned());
        source
    }

    /// The answer for everybody else.
    #[must_use]
    pub fn some_rows(&self, entities: &[Entity]) -> LayoutSource {
        let replaced = self.totals.iter().map(|(place, count)| match count {
            Count::Recompute => (place.clone(), Total::Shown),
            Count::Null => (place.clone(), Total::Null),
            Count::Drop => (place.clone(), Total::Out),
        });
        let mut totals: BTreeMap<_, _> = replaced.collect();
        totals.extend(self.links.iter().map(|place| (place.clone(), Total::Out)));
        totals.extend(self.ahead());
        if let Some(PageBy::Number(by)) = self.page.as_ref().map(|page| &page.by) {
            totals.extend(by.at.iter().map(|place| (place.clone(), Total::Page)));
        }
        let mut source = LayoutSource { totals, ..self.around(entities) };
        source.none.extend(self.page.iter().flat_map(|page| page.none.clone()));
        source
    }

    /// Where the answer says something of the next page, and what.
    #[must_use]
    pub fn ahead(&self) -> BTreeMap<String, Total> {
        let (next, more) = match self.page.as_ref().map(|page| &page.by) {
            Some(PageBy::Number(by)) => (None, by.more.as_ref()),
            Some(PageBy::Cursor(by)) => (Some(&by.next), by.more.as_ref()),
            Some(PageBy::Row(_)) | None => return BTreeMap::new(),
        };
        let links = self.links.iter().map(|place| (place.clone(), Total::Next));
        let next = next.into_iter().map(|place| (place.clone(), Total::Cursor));
        links.chain(next).chain(more.into_iter().map(|place| (place.clone(), Total::More))).collect()
    }

    /// Whether nothing at all can pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.main.is_none() && self.nested.is_empty() && self.keep.is_empty() && self.totals.is_empty()
    }

    fn around(&self, entities: &[Entity]) -> LayoutSource {
        let mut source = LayoutSource {
            nested: self.nested.clone(),
            none: self.none.clone(),
            keep: self.keep.clone(),
            ..LayoutSource::default()
        };
        match &self.main {
            Some(Main::Rows(at, entity)) => {
                source.rows = Some((at.clone(), *entity));
                source.rows_may_lack = self.empty == Empty::Absent;
            }
            Some(Main::Object(entity)) => {
                let at = entities.get(usize::from(entity.0)).map(|entity| entity.at.clone());
                source.object = Some((at.unwrap_or_default(), *entity));
            }
            None => {}
        }
        source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{self, FieldIx, Fields, Judge, Layout, Limits, Object, Schema, Verdict};

    const ANSWER: &str = r#"{"rows":[{"id":1,"name":"a","meta":{"channel":"x","more":2},"sender":{"id":2,"more":{"a":[]}}}],"meta":{"count":7},"next":"/2"}"#;

    /// Shows everything.
    struct All<'a>(&'a Schema);

    impl Judge for All<'_> {
        fn judge(&mut self, object: &Object<'_>) -> Verdict {
            let mut fields = Fields::NONE;
            for (number, _) in (0..).zip(self.0.fields(object.entity)) {
                fields.insert(FieldIx(number));
            }
            Verdict::Shown(fields)
        }
    }

    fn entity(fields: &[&str], nested: &[(&str, u16)]) -> Entity {
        Entity {
            fields: fields.iter().map(|name| (*name).to_owned()).collect(),
            nested: nested.iter().map(|(at, number)| ((*at).to_owned(), EntityNo(*number))).collect(),
            ..Entity::default()
        }
    }

    #[test]
    fn what_must_only_be_judged_passes_as_it_stands_where_all_is_shown() {
        let (row, all, some, dotted, value) = (
            entity(&["*"], &[("/sender", 1)]),
            entity(&["*"], &[]),
            entity(&["id"], &[]),
            entity(&["*", "meta.channel"], &[]),
            Entity { value: true, ..entity(&[], &[]) },
        );
        let rows = Some(Main::Rows("/rows".to_owned(), EntityNo(0)));
        let root = Some(Main::Object(EntityNo(0)));
        let open = |keep: &str, main: &Option<Main>| Shows {
            keep: vec![keep.to_owned()],
            main: main.clone(),
            totals: BTreeMap::from([("/meta/count".to_owned(), Count::Recompute)]),
            links: vec!["/next".to_owned()],
            ..Shows::default()
        };
        let alone = |main: &Option<Main>| Shows { main: main.clone(), ..Shows::default() };
        for (shows, entities, passes) in [
            (open("", &rows), vec![row.clone(), all.clone()], true),
            (open("", &rows), vec![row.clone(), value], true),
            (open("", &None), vec![], true),
            (open("/meta", &rows), vec![row.clone(), all.clone()], false),
            (open("", &rows), vec![row.clone(), some.clone()], false),
            (open("", &rows), vec![row.clone(), dotted.clone()], false),
            (open("", &rows), vec![some.clone(), all.clone()], false),
            (open("", &rows), vec![dotted, all.clone()], false),
            (alone(&root), vec![all.clone()], true),
            (alone(&root), vec![entity(&["*"], &[("/rows/*", 1)]), row], true),
            (alone(&root), vec![some], false),
            (alone(&rows), vec![all.clone()], false),
            (alone(&root), vec![Entity { at: "/meta".to_owned(), ..all }], false),
        ] {
            let sources = entities.iter().map(|entity| entity.source(Vec::new(), Vec::new()));
            let schema = Schema::compile(sources.collect()).unwrap();
            let layout = Layout::compile(&schema, shows.every_row(&entities)).unwrap();
            let (left, _) =
                filter::filter(ANSWER.as_bytes(), &layout, Limits::default(), All(&schema)).unwrap();
            assert_eq!(shows.judged(&entities).is_some(), passes, "{shows:?} {entities:?}");
            assert!(!passes || left == ANSWER.as_bytes(), "{shows:?} {entities:?}");
        }
    }

    #[test]
    fn what_is_judged_is_all_that_stands_in_it() {
        let entities =
            [entity(&["*"], &[("/a", 1)]), entity(&["*"], &[("/b/*", 2)]), entity(&["*"], &[("/c", 0)])];
        let shows = Shows { main: Some(Main::Object(EntityNo(0))), ..Shows::default() };
        let judged = shows.judged(&entities).unwrap();
        assert_eq!(judged.main, Some(EntityNo(0)));
        assert_eq!(
            judged.inner,
            [0, 1, 2].map(EntityNo).into(),
            "it may stand in itself, and is another then"
        );
    }
}
