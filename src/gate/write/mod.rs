//! What a request writes and what it asks about, and whether its user may.
//!
//! ```text
//! media type ─► json, patch, form, multipart ─┐
//!                                  query ─────┴─► Fields ─► names ─► policy, `writes`, `assign`, `place`, `ids`
//! ```
//!
//! A body is read by its `media` type: `patch`, `form`, `multipart`, or as JSON; what comes out are `fields`, which `names` finds in the
//! policy. `settle` leads from there to the permit: a write is decided on by its fields, with whose the object will be (`owner`), what it
//! needs `besides`, what each of its `objects` says, what they say `together`, and each object of a `bulk` (`grounds` is what all of them have in common). A question is decided on by the
//! fields that it may `ask` about: those that are `visible` in the answer, if need be in those rows alone that show them.
//!
//! All or nothing: one field or one object that is refused refuses the request, and the backend sees nothing of it.
//! What can be read in two ways is refused before anything is decided. Section G of the security checklist.

mod ask;
mod besides;
mod bulk;
pub mod fields;
pub mod form;
mod grounds;
pub mod media;
pub mod multipart;
mod names;
mod objects;
mod owner;
pub mod patch;
pub(super) mod settle;
mod together;
mod visible;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use serde_json::Value;

use self::{
    fields::{Fields, Way},
    media::Written,
    objects::{OwnFields, objects, own_fields, says},
};
use super::{
    body::{self, UnfitBody},
    path::Target,
    refusal::Refusal,
};
use crate::{
    config::{
        aliases::Aliases,
        routes::{Body, Route},
        text::steps,
    },
    query::{folded, folded_field},
    server::LimitedBody,
};

/// Names by which some frameworks take another method, or read all others in another charset (A15).
const STEERING: [&str; 2] = ["_method", "_charset_"];

/// What a user's request brings along.
pub(super) struct Sent<'a> {
    /// The target.
    pub(super) target: &'a Target,
    /// The headers.
    pub(super) headers: &'a HeaderMap,
    /// The body, not read yet.
    pub(super) body: LimitedBody,
}

/// What a request says, read whole.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The body as it came.
    body: Bytes,
    /// The body as one value, if it is one.
    content: Value,
    /// What it writes and reads, called from where the route's fields stand; those that name the objects aside.
    fields: Fields,
    /// Values of the fields that name the objects.
    ids: Vec<Value>,
    /// The fields of each object that a list of them writes; of anything else those of the whole, with the query's.
    each: Vec<Fields>,
    /// The fields of the query. Beside a body a backend may take them for those of any object in it.
    beside: Fields,
    /// The fields that each object has of itself, where the route's fields stand (`at`): those of the query beside a body, which the backend
    /// may take or not, are none.
    objects: Vec<OwnFields>,
    /// Where the route's fields stand.
    at: Way,
    /// The body is operations: nobody is told which of them are about one object.
    is_patch: bool,
}

/// Whether a request may bring a body at all (G10).
///
/// # Errors
/// [`UnfitBody::Unexpected`].
pub(super) fn check_body(route: &Route, body: &LimitedBody) -> Result<(), UnfitBody> {
    if route.writing.accepts.is_empty() && !body.is_end_stream() {
        Err(UnfitBody::Unexpected)
    } else {
        Ok(())
    }
}

impl Said {
    /// Reads it, within the route's limits.
    pub(super) async fn read(route: &Route, mut sent: Sent<'_>) -> Result<Self, Refusal> {
        let written = match sent.body.is_end_stream() {
            true => None,
            false => Some(media::written(sent.headers, &route.writing.accepts).map_err(Refusal::Body)?),
        };
        sent.body.set_limit(route.body_bytes_max);
        let body = if written.is_some() { sent.body.read_all().await? } else { Bytes::new() };
        let written = written.filter(|_| !body.is_empty());
        let query = sent.target.query.as_deref().filter(|_| route.writes());
        let said = Self::of(route, body, written.as_ref(), query.unwrap_or_default());
        said.map_err(Refusal::Body)
    }

    /// Whether each object says a field of itself, in its own place. What stands elsewhere, or beside a body in the query, the backend
    /// may find or not.
    fn each_says(&self, field: &str, aliases: &Aliases) -> bool {
        self.objects.iter().all(|object| says(object, field, aliases))
    }

    fn of(route: &Route, body: Bytes, written: Option<&Written>, query: &str) -> Result<Self, UnfitBody> {
        let (content, mut in_body) = match written {
            None => (Value::Null, Fields::default()),
            Some(written) => read(&body, written)?,
        };
        if in_body.named().any(steers) {
            return Err(UnfitBody::Steering);
        }
        let Body::Writes(at) = &route.body else {
            // What a question names in a file is not told.
            let has_file = || in_body.written().any(|(_, given)| given.unknown);
            if matches!(written, Some(Written::Multipart(_))) && has_file() {
                return Err(UnfitBody::Multipart);
            }
            return Ok(Self { body, content, ..Self::default() });
        };
        let at: Way = steps(at).collect();
        let ids_at = route.writing.ids.as_ref().and_then(|ids| ids.at.as_deref()).unwrap_or_default();
        let takes_rows = ids_at.first().is_some_and(|step| step == "*");
        let takes_items = ids_at.iter().any(|step| step == "*");
        let is_patch = written == Some(&Written::JsonPatch);
        if is_patch && in_body.named().any(|way| leads_to(way, &at)) {
            return Err(UnfitBody::Patch);
        }
        let found = match (written, &content) {
            (None | Some(Written::JsonPatch), _) => Vec::new(),
            // A row may be no more than its id.
            (Some(_), Value::Array(rows)) if takes_rows && at.is_empty() => rows.iter().collect(),
            (Some(_), content) => objects(content, &at).ok_or(UnfitBody::NoObject)?,
        };
        let in_query = form::fields(query.as_bytes())?;
        if in_query.written().any(|(way, _)| steers(way)) {
            return Err(UnfitBody::Steering);
        }
        if found.len() > route.writing.objects_max {
            return Err(UnfitBody::TooManyObjects);
        }
        let objects = match written {
            None => vec![in_query.written().map(|(way, _)| way.clone()).collect()],
            Some(Written::JsonPatch) => {
                let own = in_body.written().filter_map(|(way, _)| way.strip_prefix(at.as_slice()));
                vec![own.map(<[String]>::to_vec).collect()]
            }
            Some(_) => found.into_iter().map(own_fields).collect(),
        };
        // On a route with a list of names any other one is refused as such, and one that is listed as such is what it says.
        let may_be_written = |way: &Way| {
            let full = way.join(".");
            route.writing.fields.as_ref().is_none_or(|names| names.covers(&full) && !names.name(&full))
        };
        let names_at: Way = at.iter().filter(|step| *step != "*").cloned().collect();
        let is_almost_at = |way: &Way| leads_to(way, &names_at) && !names_at.starts_with(way);
        if in_body.named().any(|way| is_almost_at(way) && may_be_written(way)) {
            return Err(UnfitBody::NoObject);
        }
        let mut ids = Vec::new();
        let id_ways = route.writing.id_ways();
        if written == Some(&Written::MergePatch) {
            let leading_to: Vec<Way> = id_ways.iter().cloned().chain([names_at]).collect();
            in_body.put_lists(&mut Way::new(), &content, &leading_to)?;
        }
        // Some backends wrap what they find at the top themselves, unless it is there.
        let is_wrapped = |way: &Way| names::is_almost(way.get(1..).unwrap_or_default(), &id_ways);
        let may_be_ids = |way: &Way| names::is_almost(way, &id_ways) || (!takes_items && is_wrapped(way));
        let beside = in_query.clone();
        let each = match &content {
            Value::Array(items) => items.iter().map(fields_of).collect::<Result<_, _>>()?,
            _ => {
                let mut whole = in_body.clone();
                whole.extend(in_query.clone())?;
                vec![whole]
            }
        };
        let mut fields = Fields::default();
        for named in [in_body, in_query] {
            let (of_ids, others) = named.split(&id_ways)?;
            if others.named().any(|way| may_be_ids(way) && may_be_written(way)) {
                return Err(UnfitBody::Ids);
            }
            ids.extend(of_ids);
            fields.extend(others.seen_from(&at)?)?;
        }
        Ok(Self { body, content, fields, ids, each, beside, objects, at, is_patch })
    }
}

/// A body as one value, and its fields.
fn read(body: &[u8], written: &Written) -> Result<(Value, Fields), UnfitBody> {
    match written {
        Written::Json | Written::MergePatch => {
            let content = body::read(body)?;
            let fields = fields_of(&content)?;
            Ok((content, fields))
        }
        Written::JsonPatch => Ok((Value::Null, patch::fields(&body::read(body)?)?)),
        Written::Form => form::fields(body).map(|fields| (fields.tree(), fields)),
        Written::Multipart(boundary) => {
            multipart::fields(body, boundary).map(|fields| (fields.tree(), fields))
        }
    }
}

/// Whether a field is one by which a backend takes the whole request for another.
fn steers(way: &Way) -> bool {
    way.iter().any(|name| STEERING.iter().any(|other| name.eq_ignore_ascii_case(other)))
}

/// The fields of a value, called from it.
fn fields_of(value: &Value) -> Result<Fields, UnfitBody> {
    let mut fields = Fields::default();
    fields.put_all(&mut Way::new(), value)?;
    Ok(fields)
}

/// Whether a backend may take a way for that to the object at `at`, or for a beginning of it: the whole object is written, or asked about, as
/// the whole document is, by none of its fields. Letter case, and what stands between words, is passed over by some.
fn leads_to(way: &[String], at: &[String]) -> bool {
    let is_step = |(name, step): (&String, &String)| step == "*" || folded_field(name) == folded(step);
    way.len() <= at.len() && way.iter().zip(at).all(is_step)
}
