//! What a route lets be written and asked, as checked.

use std::collections::{BTreeMap, BTreeSet};

use super::routes::RequestLine;
use crate::filter::EntityNo;

/// What a route lets be written.
#[derive(Clone, Debug, Default)]
pub struct Writing {
    /// What a body may be written in; nothing: there is none.
    pub accepts: Vec<Media>,
    /// The fields that may be written; `None`: all that the policy lets.
    pub fields: Option<Names>,
    /// The fields that are written whatever a request says.
    pub changes: Names,
    /// Where other objects stand in the one that is written: without a list of fields, nothing is written into them.
    pub others: Vec<Vec<String>>,
    /// Whose the object will be.
    pub assign: Option<Assign>,
    /// The field that is the pipeline.
    pub pipeline: Option<String>,
    /// The field that is the stage.
    pub stage: Option<String>,
    /// Fields that must be these parameters of the path.
    pub same: BTreeMap<String, String>,
    /// Another right: the field, and the right by its value.
    pub instead: Option<(String, BTreeMap<String, Right>)>,
    /// The only values that fields may have, by field.
    pub only: BTreeMap<String, Vec<String>>,
    /// The backend makes the write only if the object is as it was when it was decided on.
    pub unless_changed: bool,
    /// Rights that fields need besides: resource and action by field.
    pub needs: BTreeMap<String, (String, String)>,
    /// Fields that name other objects.
    pub refers: BTreeMap<String, Reference>,
    /// The objects that it is about, if the path names none.
    pub ids: Option<Ids>,
    /// Most objects that a list in the body writes.
    pub objects_max: usize,
}

impl Writing {
    /// The fields that name the objects.
    #[must_use]
    pub fn id_ways(&self) -> Vec<Vec<String>> {
        let Some(ids) = &self.ids else { return Vec::new() };
        let at = ids.at.iter().map(|at| at.iter().filter(|step| *step != "*").cloned().collect());
        at.chain(ids.parameter.iter().map(|name| vec![name.clone()])).collect()
    }
}

/// What is asked for in place of a route's own right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The resource; `None`: the route's.
    pub resource: Option<String>,
    /// The action.
    pub action: String,
}

impl Right {
    /// `note.create`, or `edit` for the route's own resource. A resource may have dots in its name, an action has none.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.rsplit_once('.') {
            None => Self { resource: None, action: text.to_owned() },
            Some((resource, action)) => {
                Self { resource: Some(resource.to_owned()), action: action.to_owned() }
            }
        }
    }
}

/// Other objects that a field names, on which the user needs a right.
#[derive(Clone, Debug)]
pub struct Reference {
    /// What they are.
    pub to: To,
    /// A write that does not name one is refused.
    pub required: bool,
}

/// What the objects are that a field names.
#[derive(Clone, Debug)]
pub enum To {
    /// Always this.
    One(Referred),
    /// What another field says.
    Kinds {
        /// The field.
        field: String,
        /// By its value.
        is: BTreeMap<String, Referred>,
    },
}

/// An object that a field names.
#[derive(Clone, Debug)]
pub struct Referred {
    /// What it is.
    pub entity: EntityNo,
    /// Its resource.
    pub resource: String,
    /// The request that answers with it; without one its facts are those of its tag.
    pub line: Option<RequestLine>,
    /// What must be allowed.
    pub action: String,
}

/// What a body may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the media types' own names")]
pub enum Media {
    Json,
    MergePatch,
    JsonPatch,
    Form,
    Multipart,
}

/// The fields that say whose an object will be.
#[derive(Clone, Debug, Default)]
pub struct Assign {
    /// The responsible user.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// Who made it.
    pub creator: Option<String>,
    /// Values that stand for nobody.
    pub nobody: Vec<String>,
    /// The action that is asked for.
    pub action: String,
}

/// Where the ids of objects stand.
#[derive(Clone, Debug)]
pub struct Ids {
    /// In the body: the steps of a pointer, `*` for each item.
    pub at: Option<Vec<String>>,
    /// In the query.
    pub parameter: Option<String>,
    /// Most of them.
    pub max: usize,
}

/// What may be asked with a route.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// The fields that may be named; `None`: all that the user may see.
    pub fields: Option<Names>,
    /// Parameters of the query that name fields.
    pub parameters: Vec<String>,
    /// Where the body names fields.
    pub at: Vec<Vec<String>>,
    /// The fields in which a parameter is searched for.
    pub searches: BTreeMap<String, Vec<String>>,
    /// Parameters that are called like those by which rows are counted off, and pass.
    pub positions: Vec<String>,
    /// All that the backend takes; `None`: nobody says.
    pub takes: Option<BTreeSet<String>>,
}

impl Asking {
    /// Whether the backend may take a parameter, by the parts of its name, for something of which nothing is said. What stands in
    /// brackets behind a name that it takes is part of the value.
    #[must_use]
    pub fn may_be_anything(&self, parts: &[String]) -> bool {
        let begins_with = |known: &String| {
            let known: Vec<&str> = known.split(['[', ']']).filter(|part| !part.is_empty()).collect();
            let begin = parts.get(..known.len()).unwrap_or_default();
            !known.is_empty() && begin.iter().eq(known)
        };
        self.takes.as_ref().is_some_and(|takes| !takes.iter().any(begins_with))
    }
}

/// A list of fields: names with dots, and `x.*` for `x` and all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Names {
    /// Whether this very name is on it.
    #[must_use]
    pub fn name(&self, field: &str) -> bool {
        self.0.iter().any(|name| name == field)
    }

    /// Whether something that stands in this field is on it.
    #[must_use]
    pub fn reach_into(&self, field: &str) -> bool {
        self.0.iter().any(|name| name.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Whether it is on it by its name or by `x.*`.
    #[must_use]
    pub fn covers(&self, field: &str) -> bool {
        self.0.iter().any(|name| match name.strip_suffix(".*") {
            _ if name == "*" => true,
            None => name == field,
            Some(outer) => {
                field.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_itself_and_with_a_star_all_that_is_in_it() {
        let names = Names(["name", "custom.*", "meta.a"].map(str::to_owned).to_vec());
        for (field, covered) in [
            ("name", true),
            ("name.first", false),
            ("Name", false),
            ("name ", false),
            ("custom", true),
            ("custom.a.b", true),
            ("customs", false),
            ("meta", false),
            ("meta.a", true),
            ("meta.a.b", false),
        ] {
            assert_eq!(names.covers(field), covered, "{field}");
        }
        for (field, reached) in
            [("meta", true), ("custom", true), ("met", false), ("meta.a", false), ("name", false)]
        {
            assert_eq!(names.reach_into(field), reached, "{field}");
        }
        assert!(Names(vec!["*".to_owned()]).covers("anything.at.all"));
    }
}
