//! The fields that a question names: to sort by, to filter by, to search in, to add up.
//!
//! Whoever may sort by a field that they do not see reads it off the order, and whoever may filter by it reads it off
//! what is left. So such a field does not exist for them, and neither does one that the route does not list. One that some rows
//! show can be asked about, and then the other rows do not come ([`Cover`]).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Said,
    covered::{Covered, Meaning, Seen},
    fields::{Fields, Way},
    names::TOLD_MAX,
};
use crate::{
    config::writing::{Asking, Names},
    gate::{path::Target, show::cover::Cover},
    query::{base, could_be, folded},
};

/// Words of an order that are no fields.
const WORDS: [&str; 5] = ["asc", "desc", "nulls", "first", "last"];

/// Words of a sum that are no fields. What is added up is that of all rows, also of those that are left out.
const SUMS: [&str; 5] = ["sum", "avg", "min", "max", "count"];

/// How parameters begin that make one row of several, without what readers fold.
const GROUPS: [&str; 9] =
    ["group", "aggregat", "distinct", "having", "facet", "pivot", "uniq", "dedup", "collapse"];

/// Parameters by which backends count rows off, without what readers fold. Where rows are hidden or left out, whoever counts off
/// learns how many.
const POSITIONS: [&str; 40] = [
    "offset",
    "skip",
    "start",
    "startat",
    "startindex",
    "from",
    "end",
    "limit",
    "take",
    "top",
    "count",
    "rows",
    "maxresults",
    "page",
    "paging",
    "pagination",
    "pageno",
    "pagenumber",
    "pageindex",
    "per",
    "perpage",
    "pagesize",
    "pagelimit",
    "size",
    "first",
    "last",
    "after",
    "before",
    "cursor",
    "startingafter",
    "endingbefore",
    "afterid",
    "beforeid",
    "sinceid",
    "maxid",
    "nextpage",
    "pagetoken",
    "resultsperpage",
    "itemsperpage",
    "hitsperpage",
];

/// Those of them that are nothing else inside of another name either, as `from` is in `filter[created_at][from]`.
const POSITIONS_WITHIN: [&str; 9] =
    ["offset", "skip", "limit", "perpage", "pagesize", "pagenumber", "pageindex", "cursor", "pagetoken"];

/// Parameters by which backends search for a text in whatever they like, without what readers fold. Where the route does not
/// say what one is searched for in, it is anything.
const SEARCHES: [&str; 12] = [
    "q",
    "query",
    "search",
    "searchquery",
    "searchterm",
    "searchtext",
    "term",
    "keyword",
    "keywords",
    "text",
    "fulltext",
    "find",
];

/// Parameters by which backends order or filter by whatever they like, without what readers fold: what stands in them is names of
/// fields, also where the route does not say so.
const ORDERS: [&str; 12] = [
    "sort",
    "sortby",
    "sortfield",
    "sortkey",
    "sorting",
    "order",
    "orderby",
    "ordering",
    "filter",
    "filters",
    "filterby",
    "where",
];

/// Names that one question may be about: those of all fields that a body may have, and as many in their values. Each is looked for
/// among all that is declared.
const NAMES_MAX: usize = 10_000;

/// Parameters by which backends leave members out of an object, without what readers fold. Where nobody is responsible for what
/// has no such member, they would make anything nobody's.
const CHOICES: [&str; 14] = [
    "fields",
    "field",
    "select",
    "only",
    "except",
    "exclude",
    "omit",
    "pick",
    "attributes",
    "projection",
    "columns",
    "fl",
    "includefields",
    "excludefields",
];

/// What a question may not be about, and what its answer must show.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The names in it that its user may not ask about.
    pub(super) refused: BTreeSet<String>,
    /// What each row must show.
    pub(super) cover: Cover,
}

/// Who counts the rows of an answer off.
#[derive(Debug)]
pub(super) struct Counting<'a> {
    /// The parameters of the route's pages, which Headgate counts itself.
    pub(super) pages: Vec<&'a str>,
    /// Rows of their own may be hidden from the user.
    pub(super) hides_rows: bool,
    /// Objects may be hidden from the user unless a member of them is not there.
    pub(super) shows_by_absence: bool,
}

/// Judges a question.
pub(super) fn judged(
    asking: &Asking,
    counting: &Counting<'_>,
    target: &Target,
    said: &Said,
    covered: &Covered<'_>,
) -> Judged {
    let mut named = Named { asking, covered, refused: BTreeSet::new(), cover: Cover::default(), names: 0 };
    let members = said.content.as_object();
    let of_body: BTreeSet<String> =
        members.into_iter().flat_map(|members| members.keys()).map(|name| folded(name)).collect();
    let mut positions = BTreeSet::new();
    for (parts, value) in target.pairs() {
        let Some((name, within)) = parts.split_first() else { continue };
        named.parameter(name);
        if counts_off(&parts) && !counting.counts(&parts) {
            positions.insert(name.clone());
        }
        named.choice(name, counting);
        let is_asked = named.names_fields(name);
        // A backend that reads the query and the body as one takes either for the other.
        let is_at = asking.at.iter().filter_map(|at| at.first()).any(|first| could_be(name, [first]));
        let is_in_body = of_body.contains(&folded(name)) || of_body.contains(&folded(base(name)));
        if is_in_body || (is_at && !is_asked) {
            named.refused.insert(name.clone());
        }
        match is_asked {
            true => named.expression(name, within, &value),
            false => named.passing(&parts, Of::parameters(&parts)),
        }
    }
    let mut in_body = Fields::default();
    if in_body.put_all(&mut Way::new(), &said.content).is_ok() {
        for (way, given) in in_body.written() {
            let Some((name, within)) = way.split_first() else { continue };
            named.parameter(name);
            named.passing(way, Of::parameters(way));
            positions.extend(counts_off(way).then(|| name.clone()));
            named.choice(name, counting);
            let is_at = asking.at.iter().any(|at| at.first() == Some(name));
            if named.names_fields(name) && !is_at {
                given
                    .values
                    .iter()
                    .for_each(|value| texts(value, &mut |text| named.expression(name, within, text)));
            }
        }
    }
    for name in members.into_iter().flat_map(|members| members.keys()) {
        let is_at = asking.at.iter().any(|at| at.first() == Some(name));
        let is_of_query = asking.parameters.contains(name) || counting.pages.contains(&name.as_str());
        if is_of_query && !is_at {
            named.refused.insert(name.clone());
        }
    }
    for at in &asking.at {
        let of = Of::parameters(at);
        fields_at(&said.content, at, &mut |of_text, way| named.asked(way, of.max(of_text)));
    }
    let Named { mut refused, cover, .. } = named;
    let is_left = |name: &String| !asking.positions.contains(name);
    if counting.hides_rows || !cover.is_empty() {
        refused.extend(positions.into_iter().filter(is_left));
    }
    Judged { refused, cover }
}

/// Whether backends count rows off by what has a name of these parts.
fn counts_off(parts: &[String]) -> bool {
    let (first, within) = match parts {
        [] => return false,
        [first, within @ ..] => (first, within),
    };
    let is_within = |part: &String| POSITIONS_WITHIN.contains(&folded(part).as_str());
    POSITIONS.contains(&folded(first).as_str()) || within.iter().any(is_within)
}

impl Counting<'_> {
    /// Whether a parameter, by the parts of its name, could be taken for one of the pages'; whether it is that is looked at where
    /// they are counted.
    fn counts(&self, parts: &[String]) -> bool {
        let first = parts.first().map(String::as_str).unwrap_or_default();
        could_be(&parts.concat(), &self.pages) || could_be(first, &self.pages)
    }
}

/// What a name in a question decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    /// Whether each row comes, and where it stands.
    EachRow,
    /// What is made of several rows, also of those that are left out.
    Several,
}

impl Of {
    fn parameter(name: &str) -> Self {
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        let is_sum = words.any(|word| SUMS.iter().any(|sum| word.eq_ignore_ascii_case(sum)));
        if is_sum { Self::Several } else { Self::groups(name) }
    }

    fn groups(name: &str) -> Self {
        let name = folded(name);
        if GROUPS.iter().any(|word| name.starts_with(word)) { Self::Several } else { Self::EachRow }
    }

    /// Of a parameter with what is in its brackets, where `max` may be a bound (`price[max]`).
    fn parameters(names: &[String]) -> Self {
        let first = names.first().map_or(Self::EachRow, |name| Self::parameter(name));
        names.iter().skip(1).map(|name| Self::groups(name)).fold(first, Self::max)
    }

    fn expression(text: &str) -> Self {
        let of_several = words(text).any(|word| SUMS.iter().any(|sum| word.eq_ignore_ascii_case(sum)));
        if of_several { Self::Several } else { Self::EachRow }
    }
}

/// The names of a question, as they are found.
struct Named<'a> {
    asking: &'a Asking,
    covered: &'a Covered<'a>,
    refused: BTreeSet<String>,
    cover: Cover,
    /// How many there were.
    names: usize,
}

impl Named<'_> {
    /// A parameter by its name. One that could be taken for another, which is known, is refused.
    fn parameter(&mut self, name: &str) {
        let Asking { parameters, searches, .. } = self.asking;
        let mut known = parameters.iter().chain(searches.keys());
        let almost = known.clone().all(|known| known != name) && known.any(|known| could_be(name, [known]));
        let seen = if almost { None } else { self.searched(name) };
        self.note(name.to_owned(), seen, Of::EachRow);
    }

    /// A name by which members may be left out.
    fn choice(&mut self, name: &str, counting: &Counting<'_>) {
        if counting.shows_by_absence && CHOICES.contains(&folded(name).as_str()) {
            self.refused.insert(name.to_owned());
        }
    }

    /// Where every field in which a parameter is searched for is seen.
    fn searched(&self, name: &str) -> Seen {
        if let Some(fields) = self.asking.searches.get(name) {
            return fields
                .iter()
                .map(|field| self.seen(&field.split('.').map(str::to_owned).collect()))
                .collect();
        }
        let is_known = !SEARCHES.contains(&folded(name).as_str())
            || self.asking.parameters.iter().any(|known| known == name)
            || self.covered.is_field_of_rows(name);
        if is_known { Some(Cover::default()) } else { self.covered.shows_everything() }
    }

    /// Whether what stands in a parameter, or a member of the body, is names of fields.
    fn names_fields(&self, name: &str) -> bool {
        let Asking { parameters, searches, .. } = self.asking;
        let is_order = || ORDERS.contains(&folded(name).as_str()) && !searches.contains_key(name);
        parameters.iter().any(|known| known == name) || is_order() && !self.covered.is_field_of_rows(name)
    }

    /// A parameter that names fields: in its brackets, or in its value.
    fn expression(&mut self, name: &str, within: &[String], value: &str) {
        let within = within.to_vec();
        let of = Of::parameter(name).max(Of::parameters(&within)).max(Of::expression(value));
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
        let Meaning { seen, is_known } = self.covered.meaning(way);
        if is_known { seen } else { [seen, self.covered.shows_any()].into_iter().collect() }
    }

    /// A name where the route says that fields are named.
    fn asked(&mut self, way: &Way, of: Of) {
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
    fn passing(&mut self, way: &Way, of: Of) {
        let full = way.join(".");
        if self.is_beyond() {
            return self.note(full, None, of);
        }
        let seen = match self.asking.searches.contains_key(&full) {
            true => self.searched(&full),
            false => self.covered.meaning(way).seen,
        };
        self.note(full, seen, of);
    }

    /// Whether there are more names than are looked at, with one more.
    fn is_beyond(&mut self) -> bool {
        self.names = self.names.saturating_add(1);
        self.names > NAMES_MAX
    }

    /// What each row must show besides; without it the name is refused.
    fn note(&mut self, name: String, seen: Seen, of: Of) {
        match seen.filter(|cover| of == Of::EachRow || cover.is_empty()) {
            Some(cover) => self.cover.extend([cover]),
            None if self.refused.len() < TOLD_MAX => {
                self.refused.insert(name);
            }
            None => {}
        }
    }
}

/// The fields that are named at a place of a body: as texts, or as the members of an object; each with what the text is of.
fn fields_at(value: &Value, steps: &[String], found: &mut dyn FnMut(Of, &Way)) {
    match (steps.split_first(), value) {
        (Some((step, rest)), Value::Array(items)) if step == "*" => {
            items.iter().for_each(|item| fields_at(item, rest, found));
        }
        // Some backends take an object with numbers for keys for a list, and a form has a list's one item in its place.
        (Some((step, rest)), Value::Object(members)) if step == "*" => {
            members.values().for_each(|member| fields_at(member, rest, found));
            fields_at(value, rest, found);
        }
        (Some((step, rest)), Value::Object(members)) => {
            members.get(step).into_iter().for_each(|value| fields_at(value, rest, found));
        }
        (Some(_), Value::Array(items)) => items.iter().for_each(|item| fields_at(item, steps, found)),
        (None, Value::Array(items)) => items.iter().for_each(|item| fields_at(item, &[], found)),
        (None, Value::String(text)) => {
            let of = Of::expression(text);
            expressions(text).for_each(|way| found(of, &way));
        }
        (None, Value::Object(_)) => {
            let mut members = Fields::default();
            let _within_limits = members.put_all(&mut Way::new(), value);
            members.written().for_each(|(way, _)| found(Of::EachRow, way));
        }
        _ => {}
    }
}

/// The texts of a value.
fn texts(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::String(text) => found(text),
        _ => found(""),
    }
}

fn listed(asks: Option<&Names>, way: &Way) -> bool {
    asks.is_none_or(|names| {
        (1..=way.len()).filter_map(|end| way.get(..end)).any(|way| names.cover(&way.join(".")))
    })
}

/// The names in an expression such as `-created_at,name.desc` or `sum(amount)`.
fn expressions(text: &str) -> impl Iterator<Item = Way> {
    let is_name = |word: &&str| !WORDS.iter().chain(&SUMS).any(|other| word.eq_ignore_ascii_case(other));
    let names = words(text).filter(is_name);
    names.map(|word| word.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !"_-.".contains(c));
    words.map(|word| word.trim_matches(['-', '.'])).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_documented_names_are_those_that_are_known() {
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/writes.md")).unwrap();
        for (heading, known) in [
            ("| counts off |", POSITIONS.as_slice()),
            ("| counts off, also within brackets |", &POSITIONS_WITHIN),
            ("| leaves members out |", &CHOICES),
            ("| searches |", &SEARCHES),
            ("| orders and filters |", &ORDERS),
            ("| groups, by how it begins |", &GROUPS),
            ("| adds up |", &SUMS),
        ] {
            let row = docs.lines().find_map(|line| line.strip_prefix(heading)).expect(heading);
            let told: BTreeSet<String> = row.split('`').skip(1).step_by(2).map(folded).collect();
            assert_eq!(told, known.iter().map(|name| (*name).to_owned()).collect(), "{heading}");
        }
    }

    #[test]
    fn an_expression_names_its_fields() {
        for (text, names) in [
            ("name", &["name"][..]),
            ("-created_at", &["created_at"]),
            ("+name,-phone_number", &["name", "phone_number"]),
            ("name.desc,contact.phone", &["name.desc", "contact.phone"]),
            ("name:desc|phone asc", &["name", "phone"]),
            ("sum(amount)", &["amount"]),
            ("", &[]),
        ] {
            let found: Vec<_> = expressions(text).map(|way| way.join(".")).collect();
            assert_eq!(found, names, "{text}");
        }
    }

    #[test]
    fn fields_are_named_by_texts_and_by_members() {
        let at = |value: &Value, pointer: &str| {
            let mut found = Vec::new();
            let steps: Vec<_> = pointer.split('/').skip(1).map(str::to_owned).collect();
            fields_at(value, &steps, &mut |_, way| found.push(way.join(".")));
            found
        };
        let filter = json!({"payload": [{"attribute_key": "name"}, {"attribute_key": "phone"}, 7]});
        assert_eq!(at(&filter, "/payload/*/attribute_key"), ["name", "phone"]);
        let of_form = json!({"payload": {"attribute_key": ["name", "phone"]}});
        assert_eq!(at(&of_form, "/payload/*/attribute_key"), ["name", "phone"]);
        assert_eq!(at(&json!({"payload": [{"key": "name"}]}), "/payload/key"), ["name"]);
        assert_eq!(at(&json!({"where": {"a": {"b": 1}, "c": 2}}), "/where"), ["a.b", "c"]);
        assert_eq!(at(&json!({"sort": ["a", "-b"]}), "/sort"), ["a", "b"]);
        assert_eq!(at(&json!({"sort": null}), "/sort"), [""; 0]);
    }
}
