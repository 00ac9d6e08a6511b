//! What backends take a parameter for by its name alone, where no route says what it is for: `docs/writes.md` has the same lists.

use crate::query::folded;

/// Parameters by which backends count rows off, without what readers fold. Where rows are hidden or left out, whoever counts off
/// learns how many.
const POSITIONS: [&str; 85] = [
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
    "startcursor",
    "endcursor",
    "nextcursor",
    "pagecursor",
    "cursorid",
    "continue",
    "continuation",
    "continuationtoken",
    "marker",
    "nexttoken",
    "paginationtoken",
    "scroll",
    "scrollid",
    "skiptoken",
    "pagenum",
    "pageoffset",
    "pagelen",
    "pagestart",
    "paged",
    "limitstart",
    "limitpagelength",
    "limittofirst",
    "limittolast",
    "postsperpage",
    "rowsperpage",
    "maxitems",
    "maxrecords",
    "maxrows",
    "maxcount",
    "batchsize",
    "chunksize",
    "bookmark",
    "searchafter",
    "startafter",
    "endbefore",
    "firstresult",
    "rpp",
    "startrow",
    "endrow",
    "rowstart",
    "minid",
    "lastid",
    "fromid",
    "offsetid",
    "nextid",
];

/// Those of them that are nothing else inside of another name either, as `from` is in `filter[created_at][from]`.
const POSITIONS_WITHIN: [&str; 17] = [
    "offset",
    "skip",
    "limit",
    "perpage",
    "pagesize",
    "pagenumber",
    "pageindex",
    "cursor",
    "pagetoken",
    "startcursor",
    "nextcursor",
    "nexttoken",
    "paginationtoken",
    "continuationtoken",
    "pagenum",
    "pagelen",
    "firstresult",
];

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

/// Parameters by which backends order by whatever they like, without what readers fold: what stands in them is names of fields,
/// also where the route does not say so.
const ORDERS: [&str; 20] = [
    "sort",
    "sortby",
    "sortfield",
    "sortkey",
    "sorting",
    "order",
    "orderby",
    "ordering",
    "sorts",
    "sorted",
    "sorton",
    "sortfields",
    "sortcolumn",
    "sortattribute",
    "orders",
    "ordered",
    "orderedby",
    "orderfield",
    "ordercolumn",
    "orderings",
];

/// The same of those by which they filter, or which say where they search.
const FILTERS: [&str; 23] = [
    "filter",
    "filters",
    "filterby",
    "where",
    "filterfield",
    "filterfields",
    "filterkey",
    "filtercolumn",
    "filterattribute",
    "filteron",
    "searchby",
    "searchfield",
    "searchfields",
    "searchkey",
    "searchcolumn",
    "searchon",
    "searchin",
    "criteria",
    "predicate",
    "rsql",
    "fiql",
    "rql",
    "jql",
];

/// Parameters by which backends turn an order around, without what readers fold. They and those that order are refused where pages go
/// by the rows' ids: read in another order, a page of theirs would depend on rows that are hidden.
const DIRECTIONS: [&str; 35] = [
    "direction",
    "dir",
    "sortdirection",
    "sortdir",
    "sortorder",
    "orderdirection",
    "orderdir",
    "reverse",
    "reversed",
    "asc",
    "desc",
    "descending",
    "ascending",
    "ascend",
    "descend",
    "sortasc",
    "sortdesc",
    "sorttype",
    "sortmode",
    "sortingorder",
    "sortingdirection",
    "orderasc",
    "orderdesc",
    "ordertype",
    "isasc",
    "isdesc",
    "newestfirst",
    "oldestfirst",
    "latestfirst",
    "reverseorder",
    "backward",
    "backwards",
    "scanindexforward",
    "inverse",
    "chronological",
];

/// Parameters by which backends leave members out of an object, without what readers fold. Where nobody is responsible for what
/// has no such member, they would make anything nobody's.
const CHOICES: [&str; 21] = [
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
    "optfields",
    "returnfields",
    "outputfields",
    "fieldmask",
    "fieldsmask",
    "fieldset",
    "properties",
];

/// How parameters begin that make one row of several, without what readers fold.
const GROUPS: [&str; 9] =
    ["group", "aggregat", "distinct", "having", "facet", "pivot", "uniq", "dedup", "collapse"];

/// Words of a sum that are no fields. What is added up is that of all rows, also of those that are left out.
const SUMS: [&str; 5] = ["sum", "avg", "min", "max", "count"];

/// Whether rows are counted off by what has a name of these parts.
pub(super) fn counts_off(parts: &[String]) -> bool {
    let Some((first, within)) = parts.split_first() else { return false };
    is_one_of(&POSITIONS, first) || within.iter().any(|part| is_one_of(&POSITIONS_WITHIN, part))
}

/// Whether a text is searched for by it, in whatever the backend likes.
pub(super) fn searches(name: &str) -> bool {
    is_one_of(&SEARCHES, name)
}

/// Whether rows are ordered, filtered or grouped by it, so that names of fields stand in it. `group_id` says which group is meant.
pub(super) fn names_fields(name: &str) -> bool {
    let is_id = || ["id", "ids"].iter().any(|end| folded(name).ends_with(end));
    is_one_of(&ORDERS, name) || is_one_of(&FILTERS, name) || groups(name) && !is_id()
}

/// Whether rows come in another order by it.
pub(super) fn changes_order(name: &str) -> bool {
    is_one_of(&ORDERS, name) || is_one_of(&DIRECTIONS, name)
}

/// Whether members of objects are left out by it.
pub(super) fn leaves_members_out(name: &str) -> bool {
    is_one_of(&CHOICES, name)
}

/// Whether one row is made of several by it.
pub(super) fn groups(name: &str) -> bool {
    let name = folded(name);
    GROUPS.iter().any(|word| name.starts_with(word))
}

/// Whether a word says that what is named beside it is added up.
pub(super) fn adds_up(word: &str) -> bool {
    SUMS.iter().any(|sum| word.eq_ignore_ascii_case(sum))
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.contains(&folded(name).as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_documented_names_are_those_that_are_known() {
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/writes.md")).unwrap();
        for (heading, known) in [
            ("| counts off |", POSITIONS.as_slice()),
            ("| counts off, also within brackets |", &POSITIONS_WITHIN),
            ("| leaves members out, also within brackets |", &CHOICES),
            ("| searches |", &SEARCHES),
            ("| orders |", &ORDERS),
            ("| filters, or says where it searches |", &FILTERS),
            ("| turns an order around |", &DIRECTIONS),
            ("| groups, by how it begins |", &GROUPS),
            ("| adds up |", &SUMS),
        ] {
            let row = docs.lines().find_map(|line| line.strip_prefix(heading)).expect(heading);
            let told: BTreeSet<String> = row.split('`').skip(1).step_by(2).map(folded).collect();
            assert_eq!(told, known.iter().map(|name| (*name).to_owned()).collect(), "{heading}");
        }
    }
}
