//! What a route lets be written and asked.

use http::Method;

use super::Check;
use crate::config::{
    mistake::{KeyPath, Wrong},
    raw,
    routes::RequestLine,
    text::{self, Pointer},
    writing::{Asking, Assign, Ids, Media, Names, Right, Writing},
};

/// Objects that one request may be about, where the route does not say.
const IDS_MAX: u32 = 100;

/// Objects that a list in a body may write, where the route does not say: more than backends take at once.
const OBJECTS_MAX: u32 = 1000;

/// What a route lets be written.
pub(super) fn writing(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route, line: &RequestLine) -> Writing {
    let default: &[raw::Media] = match line.method {
        Method::GET | Method::DELETE => &[],
        _ => &[raw::Media::Json],
    };
    if raw.accepts.is_some() && line.method == Method::GET {
        check.wrong(&at.key("accepts"), Wrong::OnlyWith { other: "another method than GET" });
    }
    if raw.writes.is_some() && (raw.question || line.method == Method::GET) {
        check.wrong(&at.key("writes"), Wrong::OnlyWith { other: "a write" });
    }
    let reads = raw.question || line.method == Method::GET;
    for (key, is) in [
        ("ids", raw.ids.is_some()),
        ("ids_in", raw.ids_in.is_some()),
        ("instead", raw.instead.is_some()),
        ("only", !raw.only.is_empty()),
        ("changes", !raw.changes.is_empty()),
    ] {
        if is && reads {
            check.wrong(&at.key(key), Wrong::OnlyWith { other: "a write" });
        }
    }
    if raw.question && raw.accepts.iter().flatten().any(|media| *media == raw::Media::JsonPatch) {
        check.wrong(&at.key("accepts"), Wrong::OnlyWith { other: "a write: a JSON Patch asks no question" });
    }
    let of_one = raw.object == Some(raw::RouteObject::Prefetch) && raw.ids.is_none() && raw.ids_in.is_none();
    if raw.unless_changed && (reads || !of_one) {
        let other = "a write of one object with `object = \"prefetch\"`";
        check.wrong(&at.key("unless_changed"), Wrong::OnlyWith { other });
    }
    for name in raw.same.values() {
        if !line.parameters().any(|parameter| parameter == name) {
            check.wrong(&at.key("same"), Wrong::NoParameter { name: name.clone() });
        }
    }
    let of = |key: &'static str, fields: &[&Option<String>], check: &mut Check<'_>| {
        let named: Vec<_> = fields.iter().filter_map(|field| field.as_deref()).collect();
        names(check, &at.key(key), named);
    };
    of("assign", &[&raw.assign.user, &raw.assign.team, &raw.assign.creator], check);
    of("place", &[&raw.place.pipeline, &raw.place.stage], check);
    if reads && !(raw.needs.is_empty() && raw.refers.is_empty()) {
        let key = if raw.needs.is_empty() { "refers" } else { "needs" };
        check.wrong(&at.key(key), Wrong::OnlyWith { other: "a write" });
    }
    names(check, &at.key("needs"), raw.needs.keys().map(String::as_str));
    names(check, &at.key("refers"), raw.refers.keys().map(String::as_str));
    names(check, &at.key("refers"), raw.refers.values().filter_map(|refers| refers.kind.as_deref()));
    let is_within = raw.body.as_ref().is_some_and(|body| !["", "/*"].contains(&body.0.as_str()));
    if is_within && raw.refers.values().any(|refers| refers.kind.is_some()) {
        check.wrong(
            &at.key("refers"),
            Wrong::OnlyWith { other: "`kind` in what is a whole body, or an item of it" },
        );
    }
    names(check, &at.key("same"), raw.same.keys().map(String::as_str));
    names(check, &at.key("only"), raw.only.keys().map(String::as_str));
    let instead = raw.instead.as_ref().and_then(|instead| {
        names(check, &at.key("instead"), instead.field.as_deref());
        let rights = instead.is.iter().map(|(value, right)| (value.clone(), Right::of(right)));
        Some((instead.field.clone()?, rights.collect()))
    });
    Writing {
        accepts: raw.accepts.as_deref().unwrap_or(default).iter().map(|media| self::media(*media)).collect(),
        fields: raw
            .writes
            .as_ref()
            .map(|fields| names(check, &at.key("writes"), fields.iter().map(String::as_str))),
        changes: names(check, &at.key("changes"), raw.changes.iter().map(String::as_str)),
        assign: assign(&raw.assign),
        pipeline: raw.place.pipeline.clone(),
        stage: raw.place.stage.clone(),
        same: raw.same.clone(),
        instead,
        only: raw.only.clone(),
        unless_changed: raw.unless_changed,
        needs: raw
            .needs
            .iter()
            .map(|(field, need)| (field.clone(), (need.resource.clone(), need.action.clone())))
            .collect(),
        refers: Default::default(),
        others: Vec::new(),
        ids: ids(check, at, raw, line),
        objects_max: objects_max(check, at, raw),
    }
}

/// What may be asked with a route.
pub(super) fn asking(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route) -> Asking {
    // The backend is asked before anything is decided.
    for (key, is) in [
        ("fields_in", !raw.fields_in.is_empty()),
        ("asks", raw.asks.is_some()),
        ("searches", !raw.searches.is_empty()),
    ] {
        if is && raw.object == Some(raw::RouteObject::Answer) {
            check.wrong(&at.key(key), Wrong::OnlyWith { other: "another `object` than \"answer\"" });
        }
    }
    if !raw.question && !raw.fields_at.is_empty() {
        check.wrong(&at.key("fields_at"), Wrong::OnlyWith { other: "question = true" });
    }
    let reads = raw.question || raw.matches.as_ref().is_some_and(|line| line.starts_with("GET "));
    if raw.takes.is_some() && !reads {
        check.wrong(&at.key("takes"), Wrong::OnlyWith { other: "`GET` or `question = true`" });
    }
    Asking {
        takes: raw.takes.as_ref().map(|takes| takes.iter().cloned().chain(said_of(raw)).collect()),
        fields: raw
            .asks
            .as_ref()
            .map(|fields| names(check, &at.key("asks"), fields.iter().map(String::as_str))),
        parameters: raw.fields_in.clone(),
        at: raw.fields_at.iter().map(steps).collect(),
        searches: raw.searches.clone(),
        positions: raw.positions.clone(),
    }
}

/// The parameters, and members of the body, of which a route says what they are about.
fn said_of(raw: &raw::Route) -> impl Iterator<Item = String> {
    let lists = [&raw.fields_in, &raw.positions].into_iter().flatten().chain(raw.searches.keys()).cloned();
    let of_body = raw.fields_at.iter().filter_map(|at| steps(at).into_iter().next());
    let of_page = raw.page.iter().flat_map(|page| {
        let names = [&page.number, &page.size, &page.before, &page.after, &page.cursor].into_iter().flatten();
        names.chain(&page.unless).cloned()
    });
    let pushed = [&raw.push.own, &raw.push.team].into_iter().flatten();
    let pushed = pushed.flat_map(|query| form_urlencoded::parse(query.as_bytes()));
    lists.chain(of_body).chain(of_page).chain(pushed.map(|(name, _)| name.into_owned()))
}

fn media(raw: raw::Media) -> Media {
    match raw {
        raw::Media::Json => Media::Json,
        raw::Media::MergePatch => Media::MergePatch,
        raw::Media::JsonPatch => Media::JsonPatch,
        raw::Media::Form => Media::Form,
        raw::Media::Multipart => Media::Multipart,
    }
}

fn assign(raw: &raw::AssignFields) -> Option<Assign> {
    let raw::AssignFields { user, team, creator, nobody, action } = raw;
    let any = [user, team, creator].into_iter().any(Option::is_some);
    any.then(|| Assign {
        user: user.clone(),
        team: team.clone(),
        creator: creator.clone(),
        nobody: nobody.clone(),
        action: action.clone().unwrap_or_else(|| "assign".to_owned()),
    })
}

fn ids(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route, line: &RequestLine) -> Option<Ids> {
    let key = if raw.ids.is_some() { "ids" } else { "ids_in" };
    if raw.ids.is_none() && raw.ids_in.is_none() {
        if raw.ids_max.is_some() {
            check.wrong(&at.key("ids_max"), Wrong::OnlyWith { other: "ids" });
        }
        return None;
    }
    if !matches!(raw.object, Some(raw::RouteObject::Tag | raw::RouteObject::Prefetch)) {
        check.wrong(&at.key(key), Wrong::OnlyWith { other: "object = \"tag\" or \"prefetch\"" });
    }
    // It would stand for the ids, and nothing decide on what the path names.
    let parameter = raw.parameter.as_deref().unwrap_or("id");
    if line.parameters().any(|name| name == parameter) {
        let other = "a path that does not have the parameter which they fill";
        check.wrong(&at.key(key), Wrong::OnlyWith { other });
    }
    Some(Ids {
        at: raw.ids.as_ref().map(steps),
        parameter: raw.ids_in.clone(),
        max: raw.ids_max.unwrap_or(IDS_MAX) as usize,
    })
}

fn objects_max(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Route) -> usize {
    let is_list = |at: &Option<Pointer>| at.iter().any(|at| at.0.split('/').any(|step| step == "*"));
    if raw.objects_max.is_some() && !is_list(&raw.body) && !is_list(&raw.ids) {
        check.wrong(&at.key("objects_max"), Wrong::OnlyWith { other: "a `*` in `body` or `ids`" });
    }
    raw.objects_max.unwrap_or(OBJECTS_MAX) as usize
}

/// Names of fields: parts with dots between, of which the last may be `*`.
fn names<'a>(check: &mut Check<'_>, at: &KeyPath, names: impl IntoIterator<Item = &'a str>) -> Names {
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    for (index, name) in names.iter().enumerate() {
        let stem = name.strip_suffix(".*").unwrap_or(name);
        if name != "*" && stem.split('.').any(|part| part.is_empty() || part.contains('*')) {
            check.wrong(&at.index(index), Wrong::FieldName);
        }
    }
    Names(names)
}

fn steps(pointer: &Pointer) -> Vec<String> {
    text::steps(&pointer.0).collect()
}
