//! The fields that a question names: to sort by, to filter by, to search in, to add up.
//!
//! Whoever may sort by a field that they do not see reads it off the order, and whoever may filter by it reads it off
//! what is left. So such a field does not exist for them, and neither does one that the route does not list. One that some rows
//! show can be asked about, and then the other rows do not come ([`MustShow`]).

mod conventions;
mod expression;

use std::collections::BTreeSet;

use serde_json::Value;

use self::{
    conventions::counts_off,
    expression::{About, expressions, fields_at, texts},
};
use super::{
    Said,
    fields::{Fields, Way, way_of},
    names::TOLD_MAX,
    visible::{Meaning, Seen, Visible},
};
use crate::{
    config::writing::{Asking, Names},
    gate::{path::Target, show::must_show::MustShow},
    query::{base, could_be, folded},
};

/// Names that one question may be about: those of all fields that a body may have, and as many in their values. Each is looked for
/// among all that is declared.
const NAMES_MAX: usize = 10_000;

/// What a question may not be about, and what its answer must show.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The names in it that its user may not ask about.
    pub(super) refused: BTreeSet<String>,
    /// What each row must show.
    pub(super) must_show: MustShow,
}

/// Who counts the rows of an answer off.
#[derive(Debug)]
pub(super) struct Counting<'a> {
    /// The parameters of the route's pages, which Headgate counts itself.
    pub(super) pages: Vec<&'a str>,
    /// Rows of their own may be hidden from the user.
    pub(super) hides_rows: bool,
    /// The route's pages go by the rows' ids.
    pub(super) pages_by_id: bool,
    /// Objects may be hidden from the user unless a member of them is not there.
    pub(super) shows_by_absence: bool,
}

impl Findings {
    /// Looks through the names of a question.
    pub(super) fn of(
        asking: &Asking,
        counting: &Counting<'_>,
        target: &Target,
        said: &Said,
        visible: &Visible<'_>,
    ) -> Self {
        let mut found = NamesFound {
            asking,
            counting,
            visible,
            refused: BTreeSet::new(),
            positions: BTreeSet::new(),
            must_show: MustShow::default(),
            names: 0,
        };
        found.of_query(target, &said.content);
        found.of_body(&said.content);
        let NamesFound { mut refused, positions, must_show, .. } = found;
        let is_left = |name: &String| !asking.positions.contains(name);
        if counting.hides_rows || !must_show.is_empty() {
            refused.extend(positions.into_iter().filter(is_left));
        }
        Self { refused, must_show }
    }
}

impl Counting<'_> {
    /// Whether a parameter, by the parts of its name, could be taken for one of the pages'; whether it is that is looked at where
    /// they are counted.
    fn counts(&self, parts: &[String]) -> bool {
        let first = parts.first().map(String::as_str).unwrap_or_default();
        could_be(&parts.concat(), &self.pages) || could_be(first, &self.pages)
    }
}

/// The names of a question, as they are found.
struct NamesFound<'a> {
    asking: &'a Asking,
    counting: &'a Counting<'a>,
    visible: &'a Visible<'a>,
    refused: BTreeSet<String>,
    /// Those by which rows are counted off.
    positions: BTreeSet<String>,
    must_show: MustShow,
    /// How many there were.
    names: usize,
}

impl NamesFound<'_> {
    /// Those of a query, beside a body of this content.
    fn of_query(&mut self, target: &Target, content: &Value) {
        let Asking { at, .. } = self.asking;
        let in_body: BTreeSet<String> = members(content).map(|name| folded(name)).collect();
        for (parts, value) in target.pairs() {
            let Some(name) = parts.first() else { continue };
            self.parameter(name, &parts);
            if counts_off(&parts) && !self.counting.counts(&parts) {
                self.positions.insert(name.clone());
            }
            self.other_rows(&parts);
            let asking_at = self.names_fields(&parts);
            // A backend that reads the query and the body as one takes either for the other.
            let is_at = at.iter().filter_map(|at| at.first()).any(|first| could_be(name, [first]));
            let is_in_body = in_body.contains(&folded(name)) || in_body.contains(&folded(base(name)));
            if is_in_body || (is_at && asking_at.is_none()) {
                self.refused.insert(name.clone());
            }
            match asking_at.and_then(|at| parts.get(at..)?.split_first()) {
                Some((name, within)) => self.expression(name, within, &value),
                None => self.passing(&parts, About::parameters(&parts)),
            }
        }
    }

    /// Those of a body.
    fn of_body(&mut self, content: &Value) {
        let Asking { parameters, at, .. } = self.asking;
        let is_at = |name: &String| at.iter().any(|at| at.first() == Some(name));
        // How many steps lead to where the route says that fields are named.
        let led = |way: &Way| at.iter().map(|at| steps_in_common(at, way)).max().unwrap_or_default();
        let mut in_body = Fields::default();
        if in_body.put_all(&mut Way::new(), content).is_ok() {
            for (way, given) in in_body.written() {
                let Some(name) = way.first() else { continue };
                self.parameter(name, way);
                self.passing(way, About::parameters(way));
                self.positions.extend(counts_off(way).then(|| name.clone()));
                self.other_rows(way);
                let led = led(way);
                let asking_at = self.names_fields(way.get(led..).unwrap_or_default()).map(|at| led + at);
                if let Some((name, within)) = asking_at.and_then(|at| way.get(at..)?.split_first()) {
                    let mut found = |text: &str| self.expression(name, within, text);
                    given.values.iter().for_each(|value| texts(value, &mut found));
                }
            }
        }
        for name in members(content) {
            let is_of_query = parameters.contains(name) || could_be(name, &self.counting.pages);
            if is_of_query && !is_at(name) {
                self.refused.insert(name.clone());
            }
        }
        for at in at {
            let of = About::parameters(at);
            fields_at(content, at, &mut |of_text, way| self.asked(way, of.max(of_text)));
        }
    }

    /// A parameter by its name, and the parts of it. One that could be taken for another, which is known, is refused. One that the route does not take may be
    /// about anything, count rows off, order them, or leave members out.
    fn parameter(&mut self, name: &str, parts: &[String]) {
        if self.asking.may_be_anything(parts) {
            self.positions.insert(name.to_owned());
            self.note(name.to_owned(), self.visible.shows_everything(), About::Several);
            if self.counting.shows_by_absence {
                self.refused.insert(name.to_owned());
            }
        }
        let Asking { parameters, searches, .. } = self.asking;
        let mut known = parameters.iter().chain(searches.keys());
        let almost = known.clone().all(|known| known != name) && known.any(|known| could_be(name, [known]));
        let seen = if almost { None } else { self.searched(name) };
        self.note(name.to_owned(), seen, About::EachRow);
    }

    /// A name, by its parts, by which rows may have other members, or another order, than those by which they are told apart.
    fn other_rows(&mut self, parts: &[String]) {
        let Some(name) = parts.first() else { return };
        let counting = self.counting;
        let leaves_out = |part: &String| conventions::leaves_members_out(part);
        let is_choice = counting.shows_by_absence && parts.iter().any(leaves_out);
        let orders = |part: &String| conventions::changes_order(part);
        if is_choice || (counting.pages_by_id && counting.hides_rows && parts.iter().any(orders)) {
            self.refused.insert(name.clone());
        }
    }

    /// Where every field in which a parameter is searched for is seen.
    fn searched(&self, name: &str) -> Seen {
        if let Some(fields) = self.asking.searches.get(name) {
            return fields.iter().map(|field| self.seen(&way_of(field))).collect();
        }
        let is_known = !conventions::searches(name)
            || self.asking.parameters.iter().any(|known| known == name)
            || self.visible.is_field_of_rows(name);
        if is_known { Some(MustShow::default()) } else { self.visible.shows_everything() }
    }

    /// From which of its parts on a parameter, or a member of the body, says names of fields, if it does.
    fn names_fields(&self, parts: &[String]) -> Option<usize> {
        let Asking { parameters, searches, .. } = self.asking;
        let is_one = |name: &String| {
            conventions::names_fields(name)
                && !searches.contains_key(name)
                && !self.visible.is_field_of_rows(name)
        };
        let first = parts.first()?;
        if parameters.contains(first) { Some(0) } else { parts.iter().position(is_one) }
    }

    /// A parameter that names fields: in its brackets, or in its value.
    fn expression(&mut self, name: &str, within: &[String], value: &str) {
        let within = within.to_vec();
        let of = About::parameter(name).max(About::parameters(&within)).max(About::expression(value));
        // What stands in brackets is a field, or a place or a word such as `field` beside a value that is one.
        if !within.is_empty() && listed(self.asking.fields.as_ref(), &within) {
            self.asked(&within, of);
            expressions(value).for_each(|way| self.passing(&way, of));
        } else {
            self.passing(&within, of);
            expressions(value).for_each(|way| self.asked(&way, of));
        }
    }

    /// Where a field is seen that is sure to be one.
    fn seen(&self, way: &Way) -> Seen {
        let Meaning { seen, is_known } = self.visible.meaning(way);
        if is_known { seen } else { [seen, self.visible.shows_any()].into_iter().collect() }
    }

    /// A name where the route says that fields are named.
    fn asked(&mut self, way: &Way, of: About) {
        let full = way.join(".");
        if self.is_beyond() {
            return self.note(full, None, of);
        }
        let seen = match self.asking.searches.contains_key(&full) {
            true => self.searched(&full),
            false => self.seen(way),
        };
        self.note(full, seen.filter(|_| listed(self.asking.fields.as_ref(), way)), of);
    }

    /// A name that may be a field or not: it counts if anybody knows it.
    fn passing(&mut self, way: &Way, of: About) {
        let full = way.join(".");
        if self.is_beyond() {
            return self.note(full, None, of);
        }
        let seen = match self.asking.searches.contains_key(&full) {
            true => self.searched(&full),
            false => self.visible.meaning(way).seen,
        };
        self.note(full, seen, of);
    }

    /// Whether there are more names than are looked at, with one more.
    fn is_beyond(&mut self) -> bool {
        self.names = self.names.saturating_add(1);
        self.names > NAMES_MAX
    }

    /// What each row must show besides; without it the name is refused.
    fn note(&mut self, name: String, seen: Seen, of: About) {
        match seen.filter(|must_show| of == About::EachRow || must_show.is_empty()) {
            Some(must_show) => self.must_show.extend([must_show]),
            None if self.refused.len() < TOLD_MAX => {
                self.refused.insert(name);
            }
            None => {}
        }
    }
}

/// How many of a pointer's steps begin a way too, in which no step leads to the items of a list.
fn steps_in_common(pointer: &[String], way: &[String]) -> usize {
    pointer.iter().filter(|step| *step != "*").zip(way).take_while(|(step, name)| step == name).count()
}

/// The names of an object's members.
fn members(content: &Value) -> impl Iterator<Item = &String> {
    content.as_object().into_iter().flat_map(|members| members.keys())
}

fn listed(asks: Option<&Names>, way: &Way) -> bool {
    asks.is_none_or(|names| {
        (1..=way.len()).filter_map(|end| way.get(..end)).any(|way| names.covers(&way.join(".")))
    })
}
