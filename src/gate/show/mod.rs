//! The last part of a request's way: what of the backend's answer is shown.
//!
//! An answer is `answer::Unseen`, out of its `coding`, until it was filtered. The filter asks a `sight` about every object: by the
//! `shape` of the answer, what is known of the one `subject` that it may be about, the `teams` of responsible users, objects that it
//! only names (`look_up`), and what a row must show besides to answer a question (`must_show`). Lists are counted out anew in `pages`,
//! and one of which nothing is left is made by `nobody`. Where a user's sight `reach`es everything, nothing is to be taken out, and it passes
//! `unread`. Results of `exports` belong to who asked for them.

pub mod answer;
pub mod coding;
pub(super) mod exports;
pub mod look_up;
pub mod must_show;
pub(super) mod nobody;
pub(super) mod pages;
mod reach;
pub mod shape;
pub mod sight;
pub(super) mod subject;
pub mod teams;
pub mod unread;

use std::{collections::BTreeSet, error::Error, sync::Arc};

use http::{Method, StatusCode, header};

use self::{
    answer::{Unseen, Withheld, nameless, without_content},
    look_up::Found,
    shape::{Shape, Shapes},
    sight::{Ends, Sight, Wanted},
    subject::Subject,
    teams::Teams,
};
use crate::{
    config::routes::{Format, Main, Paging, Shows},
    filter::{EntityNo, Fault, Judge, Object, Page, Report, TotalValues, Verdict, csv::Table},
    gate::{
        Passage, Shown,
        decisions::{Record, Removed},
        facts::{Keyed, Known, Reading},
        permit::Permit,
        refusal::Refusal,
    },
    ids::DecisionId,
    policy::Actor,
};

impl Passage<'_> {
    /// What may be shown of the backend's answer by the user's rights. `around` is what is known of the route's object.
    pub(in crate::gate) async fn answered(
        &self,
        unseen: Unseen,
        permit: &Permit,
        around: Option<&Keyed>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let status = unseen.status();
        if status == StatusCode::PRECONDITION_FAILED && self.matched.route.writing.unless_changed {
            return Err(Refusal::Changed);
        }
        let wrote = self.matched.route.writes();
        // Nobody asked for a part (F08).
        let is_part = status == StatusCode::PARTIAL_CONTENT;
        if !status.is_success() || is_part && !wrote {
            let none = match self.hides_rows(permit)? && self.is_none_there(status) {
                true => nobody::answer(&self.matched.route.shows, &TotalValues::of(0))?,
                false => None,
            };
            return none.map_or_else(|| self.error(unseen, permit), Ok);
        }
        if wrote {
            // The backend has made it, whatever keeps its answer from being shown.
            let shown =
                if is_part { None } else { self.succeeded(unseen, permit, around, record).await.ok() };
            return Ok(shown.unwrap_or_else(|| without_echo(record)));
        }
        match self.succeeded(unseen, permit, around, record).await {
            // Another object than the one that was asked for is like none: that it is there is not told either.
            Err(Refusal::Withheld(Withheld::Hidden | Withheld::Another)) => Err(Refusal::Missing),
            shown => shown,
        }
    }

    /// What the backend did, or has, as far as it may be shown.
    async fn succeeded(
        &self,
        unseen: Unseen,
        permit: &Permit,
        around: Option<&Keyed>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let status = unseen.status();
        let wrote = self.matched.route.writes();
        let is_got = self.matched.route.matches.method == Method::GET;
        if unseen.is_empty() && (!is_got || status == StatusCode::NO_CONTENT) {
            if !wrote && self.hides_rows(permit)? {
                let none = nobody::answer(&self.matched.route.shows, &TotalValues::of(0))?;
                return none.ok_or(Refusal::Withheld(Withheld::NoList));
            }
            return self.empty(unseen, permit);
        }
        self.shown(unseen, permit, around, record).await
    }

    /// An answer without content. The route map's headers pass as they would with the content: with an object that was
    /// decided on, or to who may see every row.
    fn empty(&self, unseen: Unseen, permit: &Permit) -> Result<Shown, Refusal> {
        let route = &self.matched.route;
        let is_decided = route.object.is_some() && !matches!(route.shows.main, Some(Main::Rows(..)));
        if is_decided || self.sees_every_row(&self.granted.actor, Some(permit), &*self.shapes()?) {
            return unseen.whole(&self.side.routes.map).map(nameless).map_err(Refusal::Withheld);
        }
        Ok(nameless(unseen.empty()))
    }

    async fn shown(
        &self,
        unseen: Unseen,
        permit: &Permit,
        around: Option<&Keyed>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let map = &self.side.routes.map;
        if self.is_on_shadow_route() {
            self.remember_export(unseen.content());
            return unseen.whole(map).map_err(Refusal::Withheld);
        }
        let eyes = Eyes { actor: &self.granted.actor, permit: Some(permit), decision: record.id };
        match self.matched.route.shows.format {
            Format::Whole => {
                let passes =
                    self.shows_whole(eyes.actor, permit)? || self.shows_whole_echo(eyes, around).await?;
                let passes = passes.then_some(()).ok_or(Withheld::Uncovered);
                return passes.and_then(|()| unseen.whole(map)).map_err(Refusal::Withheld);
            }
            Format::Csv | Format::Json => {}
        }
        let shapes = self.shapes()?;
        if self.keeps_what_is_nobodys() && !self.sees_every_row(eyes.actor, eyes.permit, &shapes) {
            return Err(Refusal::Withheld(Withheld::Uncovered));
        }
        let (shown, report) = self.filtered(&unseen, eyes, around, &shapes).await?;
        self.tell_removed(&report, &shapes, record);
        self.remember_export(&shown);
        let is_object = matches!(self.matched.route.shows.main, Some(Main::Object(_)));
        let is_whole = is_object || self.sees_all_that_is_counted(eyes.actor, eyes.permit, &shapes);
        if !is_whole
            && report.rows_shown == 0
            && self.may_hide_all_rows()
            && let Some(none) = nobody::answer(&self.matched.route.shows, &TotalValues::of(0))?
        {
            return Ok(none);
        }
        let is_table = self.matched.route.shows.format == Format::Csv;
        let shown = match (is_table, is_whole) {
            (true, true) => unseen.with_table(shown, &map.response_headers),
            (true, false) => unseen.with_table(shown, &[]),
            (false, true) => unseen.with_json(shown, map),
            (false, false) => unseen.with_rows(shown),
        };
        // By what may be taken out and not by what was, which would tell that something is hidden.
        let route = &self.matched.route;
        let is_got = !route.writes() && route.export.is_none();
        Ok(if is_got && self.loses_nothing(permit)? { shown } else { nameless(shown) })
    }

    /// Notes whose export an answer names, if it begins one.
    fn remember_export(&self, answer: &[u8]) {
        if let Some(export) = &self.matched.route.export
            && !self.is_trial
            && let Some(id) = exports::id(answer, &export.id)
        {
            self.gate.exports.remember(&self.enforced.actor, &export.of, &id);
        }
    }

    /// Tells what was taken out of an answer, unless it is told what would have been.
    pub(in crate::gate) fn tell_removed(&self, report: &Report, shapes: &Shapes, record: &mut Record) {
        if record.removed.is_none() {
            self.gate.metrics.removed(report);
            record.removed = Removed::new(report, &shapes.schema);
        }
    }

    /// What of an answer may be shown.
    async fn filtered(
        &self,
        unseen: &Unseen,
        eyes: Eyes<'_>,
        around: Option<&Keyed>,
        shapes: &Shapes,
    ) -> Result<(Vec<u8>, Report), Refusal> {
        let answer = shapes.answer(&self.side.routes.map, &self.matched.route)?;
        let counts_pass = self.sees_all_that_is_counted(eyes.actor, eyes.permit, shapes);
        let layout = if counts_pass { &answer.every_row } else { &answer.some_rows };
        let table = self.table(shapes);
        let read = |sight: &mut Sight<'_>| match &table {
            None => unseen.filtered(layout, sight),
            Some(table) => unseen.filtered_table(table, sight),
        };
        self.seen(eyes, around, shapes, read).await
    }

    /// The rows of an answer that may be shown, for who may not see every row, and which are at its ends. Two are looked for among
    /// all of them.
    pub(in crate::gate) async fn rows(
        &self,
        unseen: &Unseen,
        eyes: Eyes<'_>,
        around: Option<&Keyed>,
        shapes: &Shapes,
        sought: Option<(Arc<str>, Arc<str>)>,
    ) -> Result<(Page, Report, Ends), Refusal> {
        let answer = shapes.answer(&self.side.routes.map, &self.matched.route)?;
        let by_row = self.matched.route.shows.page.as_ref().is_some_and(Paging::is_by_row);
        let read = |sight: &mut Sight<'_>| {
            sight.ends = by_row.then(|| Ends { sought: sought.clone(), ..Ends::default() });
            let (page, report) = unseen.page(&answer.some_rows, &mut *sight)?;
            Ok((page, report, sight.ends.take().unwrap_or_default()))
        };
        self.seen(eyes, around, shapes, read).await
    }

    /// Reads an answer, again where it turns out that teams of users matter about whom the directory must be asked, objects
    /// that it only names, or what stands beside rows that refer to it.
    async fn seen<T>(
        &self,
        eyes: Eyes<'_>,
        around: Option<&Keyed>,
        shapes: &Shapes,
        read: impl Fn(&mut Sight<'_>) -> Result<T, Withheld>,
    ) -> Result<T, Refusal> {
        let subject = self.subject(eyes, around, shapes).await?;
        self.seen_as(&subject, eyes, around, shapes, read).await
    }

    /// The same, of whose one object this is known.
    pub(in crate::gate) async fn seen_as<T>(
        &self,
        subject: &Subject<'_>,
        Eyes { actor, permit, decision }: Eyes<'_>,
        around: Option<&Keyed>,
        shapes: &Shapes,
        read: impl Fn(&mut Sight<'_>) -> Result<T, Withheld>,
    ) -> Result<T, Refusal> {
        let route = &self.matched.route;
        let tag = |id: &str| self.tag(id);
        let known_teams = |user: &str| self.known_teams_of(user);
        let is_asked_for = |id: &str| subject.parameter.is_none_or(|name| self.is_asked_for(id, name));
        let mut teams = Teams::default();
        let mut found = Found::default();
        let every_row = self.sees_every_row(actor, permit, shapes);
        let with_rows = if every_row { &[] } else { &*route.shows.with_rows };
        let mut known_referred = BTreeSet::new();
        loop {
            let mut sight =
                Sight::new(actor, &self.gate.keys, shapes, subject.asked, &mut teams, &known_teams, &tag);
            sight.found = Some(&found);
            sight.around = around.map(|keyed| (self.asked.via.unwrap_or(self.asked.resource), keyed));
            sight.around = sight.around.filter(|_| !subject.tells_its_facts);
            sight.before = around.filter(|_| subject.tells_its_facts);
            sight.must_show = self.must_show;
            (sight.with_rows, sight.referred) = (with_rows, &known_referred);
            sight.decided = subject.seen.as_ref();
            sight.also = subject.also.as_ref();
            sight.is_asked_for = if subject.parameter.is_some() { Some(&is_asked_for) } else { None };
            let seen = read(&mut sight).map_err(|withheld| self.withheld(withheld))?;
            let hidden = sight.main_is_hidden && subject.is_one;
            let another = sight.main_is_another;
            let wanted = sight.into_wanted();
            if another {
                return Err(self.withheld(Withheld::Another));
            }
            let Wanted { referred, teams_of, objects, .. } = wanted;
            if teams_of.is_empty() && objects.is_empty() && referred == known_referred {
                let side = self.side;
                // What would have been is counted where it is.
                for (is_beyond, counter) in [
                    (wanted.beyond, &side.look_ups_beyond),
                    (wanted.teams_beyond, &side.teams_beyond),
                    (wanted.participants_beyond, &side.participants_beyond),
                    (wanted.references_beyond, &side.references_beyond),
                ] {
                    if is_beyond && !self.is_trial {
                        counter.inc();
                    }
                }
                return if hidden { Err(Refusal::Withheld(Withheld::Hidden)) } else { Ok(seen) };
            }
            known_referred = referred;
            self.look_up(objects, shapes, decision, &mut found).await?;
            self.look_up_teams(teams_of, &mut teams).await;
        }
    }

    /// Why an answer that was read is not shown, told to the operator.
    fn withheld(&self, why: Withheld) -> Refusal {
        if self.is_trial {
            return Refusal::Withheld(why);
        }
        let (route, error) = (&self.matched.route.name, &why as &dyn Error);
        tracing::warn!(route.match = route, error, "an answer is withheld");
        self.unread(why)
    }

    /// Why an answer is not read; counted, if that is a limit.
    fn unread(&self, why: Withheld) -> Refusal {
        if let Withheld::Faulty(Fault::Depth { .. }) = why {
            self.side.answer_nesting_reached.inc();
        }
        Refusal::Withheld(why)
    }

    /// How the answer is looked at, if it is a table.
    fn table(&self, shapes: &Shapes) -> Option<Table> {
        match &self.matched.route.shows {
            Shows { format: Format::Csv, main: Some(Main::Rows(_, number)), .. } => {
                let entity = self.side.routes.map.entities.get(usize::from(number.0))?;
                let (_, facts) = Reading::of(entity);
                Some(Table::new(&shapes.schema, *number, &entity.source(Vec::new(), facts)))
            }
            _ => None,
        }
    }

    /// What an answer says of the one object that it is about, whose id by the path is `id`.
    pub(in crate::gate) fn known(
        &self,
        unseen: &Unseen,
        entity: EntityNo,
        id: &str,
    ) -> Result<Known<'static>, Refusal> {
        let shapes = self.shapes()?;
        let (Some(shape), Some(layout)) = (shapes.entity(entity), shapes.object(entity)) else {
            return Err(Refusal::Unknown);
        };
        let mut look = Look { shape, id, known: None, is_another: false };
        unseen.filtered(layout, &mut look).map_err(|withheld| self.unread(withheld))?;
        // Another object than the one that was asked for is not believed.
        let why = if look.is_another { Withheld::Another } else { Withheld::Unreadable };
        let known = look.known.ok_or(Refusal::Withheld(why))?;
        if known.has_participants_beyond() {
            self.side.participants_beyond.inc();
        }
        // A weak one says nothing of what matters.
        let version = unseen.header(&header::ETAG).and_then(|etag| etag.to_str().ok());
        let version = version.filter(|etag| etag.starts_with('"')).map(Arc::from);
        Ok(Known { version, ..known })
    }

    pub(in crate::gate) fn shapes(&self) -> Result<Arc<Shapes>, Refusal> {
        self.side.shapes(self.granted.actor.grants.policy())
    }
}

/// The answer to a write that was made, where the backend's own cannot be shown.
pub(in crate::gate) fn without_echo(record: &mut Record) -> Shown {
    record.reason = "echo_withheld";
    without_content()
}

/// Who looks at an answer.
#[derive(Clone, Copy)]
pub(in crate::gate) struct Eyes<'a> {
    pub(in crate::gate) actor: &'a Actor,
    /// The decision on the request; `None` if it was no, and passed in shadow mode.
    pub(in crate::gate) permit: Option<&'a Permit>,
    /// For what is asked besides.
    pub(in crate::gate) decision: DecisionId,
}

/// Reads the facts of the one object of an answer, and shows nothing.
struct Look<'a> {
    shape: &'a Shape,
    id: &'a str,
    known: Option<Known<'static>>,
    /// Its id is another one.
    is_another: bool,
}

impl Judge for Look<'_> {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let reading = &self.shape.reading;
        let id = reading.id(object);
        let is_it = !reading.has_id() || id.as_deref() == Some(self.id);
        if object.main && is_it {
            self.known = Some(reading.known(object).into_owned());
        }
        self.is_another |= object.main && !is_it && id.is_some();
        Verdict::Hidden
    }
}
