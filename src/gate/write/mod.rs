//! What a request writes and what it asks about, and whether its user may.
//!
//! ```text
//! media type ─► json, patch, form, multipart ─┐
//!                                  query ─────┴─► Fields ─► names ─► policy, `writes`, `assign`, `place`, `ids`
//! ```
//!
//! A body is read by its `media` type: `patch`, `form`, `multipart`, or as JSON; what comes out are `fields`, which `names` finds in the
//! policy. `settle` leads from there to the permit: a write is decided on by its fields, with whose the object will be (`owner`), what it
//! needs `besides`, and each object of a `bulk` (`grounds` is what all of them have in common). A question is decided on by the
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
mod owner;
pub mod patch;
pub(super) mod settle;
mod visible;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use serde_json::Value;

use self::{
    besides::is_at,
    fields::{Fields, Way},
    media::Written,
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
    /// The fields of a query beside such a list, which a backend may take for those of any object of it.
    beside: Fields,
    /// The fields that each object has of itself, where the route's fields stand: those of the query beside a body, which the backend
    /// may take or not, are none.
    objects: Vec<Fields>,
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
        let spellings = aliases.spellings(field);
        self.objects.iter().all(|object| spellings.iter().any(|name| is_at(object, name)))
    }

    fn of(route: &Route, body: Bytes, written: Option<&Written>, query: &str) -> Result<Self, UnfitBody> {
        let (content, in_body) = match written {
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
        // The whole object is written, or asked about, as the whole document is: by none of its fields.
        let is_around = |way: &Way| {
            way.len() <= at.len() && way.iter().zip(&at).all(|(name, step)| name == step || step == "*")
        };
        if written == Some(&Written::JsonPatch) && in_body.named().any(is_around) {
            return Err(UnfitBody::Patch);
        }
        let has_object = match written {
            None | Some(Written::JsonPatch) => true,
            Some(_) if takes_rows && content.is_array() => true,
            Some(_) => holds_object(&content, &at),
        };
        if !has_object {
            return Err(UnfitBody::NoObject);
        }
        let list = content.as_array().map_or(0, Vec::len);
        if list.max(objects_at(&content, &at)) > route.writing.objects_max {
            return Err(UnfitBody::TooManyObjects);
        }
        let in_query = form::fields(query.as_bytes())?;
        if in_query.written().any(|(way, _)| steers(way)) {
            return Err(UnfitBody::Steering);
        }
        let objects = match written {
            None => vec![in_query.clone()],
            Some(Written::JsonPatch) => vec![in_body.clone().seen_from(&at)?],
            Some(_) => objects(&content, &at)?,
        };
        let mut ids = Vec::new();
        let id_ways = route.writing.id_ways();
        // Some backends wrap what they find at the top themselves, unless it is there.
        let is_wrapped = |way: &Way| names::is_almost(way.get(1..).unwrap_or_default(), &id_ways);
        let may_be_ids = |way: &Way| names::is_almost(way, &id_ways) || (!takes_items && is_wrapped(way));
        // On a route with a list of names any other one is refused as such.
        let is_open = route.writing.fields.is_none();
        let (each, beside) = match &content {
            Value::Array(items) => (items.iter().map(fields_of).collect::<Result<_, _>>()?, in_query.clone()),
            _ => {
                let mut whole = in_body.clone();
                whole.extend(in_query.clone())?;
                (vec![whole], Fields::default())
            }
        };
        let mut fields = Fields::default();
        for named in [in_body, in_query] {
            let (of_ids, others) = named.split(&id_ways)?;
            if is_open && others.named().any(may_be_ids) {
                return Err(UnfitBody::Ids);
            }
            ids.extend(of_ids);
            fields.extend(others.seen_from(&at)?)?;
        }
        Ok(Self { body, content, fields, ids, each, beside, objects })
    }
}

/// A body as one value, and its fields.
fn read(body: &[u8], written: &Written) -> Result<(Value, Fields), UnfitBody> {
    match written {
        Written::Json => {
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

/// How many values stand at `at`.
fn objects_at(content: &Value, at: &[String]) -> usize {
    match at.split_first() {
        None => 1,
        Some((step, rest)) if step == "*" => {
            content.as_array().into_iter().flatten().map(|item| objects_at(item, rest)).sum()
        }
        Some((step, rest)) => content.get(step.as_str()).map_or(0, |inner| objects_at(inner, rest)),
    }
}

/// The fields of each object that stands at `at`.
fn objects(content: &Value, at: &[String]) -> Result<Vec<Fields>, UnfitBody> {
    let inner = match at.split_first() {
        None => vec![fields_of(content)?],
        Some((step, rest)) if step == "*" => {
            let items = content.as_array().into_iter().flatten();
            items.map(|item| objects(item, rest)).collect::<Result<Vec<_>, _>>()?.concat()
        }
        Some((step, rest)) => objects(content.get(step.as_str()).unwrap_or(&Value::Null), rest)?,
    };
    Ok(inner)
}

/// Whether objects lead to an object at `at`; `*` leads to each item of a list, which has at least one.
fn holds_object(content: &Value, at: &[String]) -> bool {
    match at.split_first() {
        None => content.is_object(),
        Some((step, rest)) if step == "*" => content
            .as_array()
            .is_some_and(|items| !items.is_empty() && items.iter().all(|item| holds_object(item, rest))),
        Some((step, rest)) => content.get(step.as_str()).is_some_and(|inner| holds_object(inner, rest)),
    }
}
