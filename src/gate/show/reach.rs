//! How far a user's sight of an answer reaches: whether all of it may be shown, or which rows may be hidden.

use http::StatusCode;

use super::Eyes;
use crate::{
    config::routes::{self as config, Main},
    filter::EntityNo,
    gate::{
        Passage,
        facts::Keyed,
        permit::{Decided, Permit},
        refusal::Refusal,
        show::shape::{Shape, Shapes},
    },
    policy::{Actor, Scope},
};

impl Passage<'_> {
    /// Whether an answer passes that can only pass as a whole: every field may be seen, and the permit is about the
    /// object. Of rows, and where nobody can tell whose it is, it must be one to all.
    pub(in crate::gate) fn shows_whole(&self, actor: &Actor, permit: &Permit) -> Result<bool, Refusal> {
        let route = &self.matched.route;
        if route.writes() {
            return self.sees_every_object(actor, permit);
        }
        let is_decided =
            matches!(&route.object, Some(object) if !matches!(object, config::Object::Export { .. }));
        let is_decided = is_decided || permit.is_of_everything();
        let reaches_all = is_decided || self.shapes()?.reaches_all(actor, &route.shows, self.asked);
        Ok(reaches_all && permit.shows_all(actor, self.asked.resource))
    }

    /// Whether an answer passes as it is of which nobody can tell whose it is, such as a report: it is made of what all have, so
    /// that a right to less than all does not reach it.
    pub(super) fn keeps_what_is_nobodys(&self) -> bool {
        let route = &self.matched.route;
        let shows = &route.shows;
        // Beside objects that are judged, a part of an answer is what the route map says: all of it would be theirs too.
        let is_beside = !shows.nested.is_empty() && !shows.keep.iter().any(String::is_empty);
        let keeps = !shows.keep.is_empty() && !is_beside && shows.main.is_none();
        keeps && route.object.is_none() && route.export.is_none() && !route.writes()
    }

    /// Whether the echo of a write passes as a whole: the object may be seen with every field.
    pub(super) async fn shows_whole_echo(
        &self,
        eyes: Eyes<'_>,
        around: Option<&Keyed>,
    ) -> Result<bool, Refusal> {
        let (Some(view), true) = (self.asked.view, self.matched.route.writes()) else { return Ok(false) };
        let Some(object) = self.written(around, eyes.decision).await? else { return Ok(false) };
        let seen = Decided::on(eyes.actor, self.asked.to(view), Some(&object), &[]).permit();
        Ok(seen.is_ok_and(|seen| seen.shows_all(eyes.actor, self.asked.resource)))
    }

    /// Whether a user may see every object of the route's resource, and every field of it.
    pub(in crate::gate) fn sees_every_object(&self, actor: &Actor, permit: &Permit) -> Result<bool, Refusal> {
        let resource = self.asked.resource;
        let Some(view) = self.asked.view.filter(|_| !permit.is_of_everything()) else {
            return Ok(permit.is_of_everything());
        };
        let every_one = actor.grants.reach(resource, view).certain == Scope::All;
        let seen = Decided::on(actor, self.asked.to(view), None, &[]).permit();
        let every_field = seen.is_ok_and(|seen| seen.shows_all(actor, resource));
        Ok(every_one && every_field && permit.shows_all(actor, resource))
    }

    /// Whether rows of the answer may be hidden from the user.
    pub(in crate::gate) fn hides_rows(&self, permit: &Permit) -> Result<bool, Refusal> {
        let is_list = matches!(self.matched.route.shows.main, Some(Main::Rows(..)));
        Ok(is_list && !self.sees_every_row(&self.granted.actor, Some(permit), &*self.shapes()?))
    }

    /// The same of rows that are no parts of the route's object, which are seen with it if they are all of one kind and nothing of their
    /// own tells them apart, and of lists beside each other.
    pub(in crate::gate) fn hides_own_rows(&self, permit: &Permit) -> Result<bool, Refusal> {
        let route = &self.matched.route;
        let shapes = self.shapes()?;
        let actor = &self.granted.actor;
        let of_object = actor.grants.reach(self.asked.resource, self.asked.action).within;
        let is_seen_with_object = |shape: &Shape| {
            shape.part
                && shape.is_of_one_right()
                && (!shape.reading.tells_parts_apart() || shape.is_seen_within(actor, of_object))
        };
        let is_own = |entity: EntityNo| {
            route.object.is_none() || !shapes.entity(entity).is_some_and(is_seen_with_object)
        };
        let lists = self.lists();
        if permit.is_of_everything() || !lists.iter().any(|entity| is_own(*entity)) {
            return Ok(false);
        }
        let sees_all = sees_all_of(&lists, actor, &shapes);
        let is_one = matches!(route.shows.main, Some(Main::Object(_)));
        Ok(!(sees_all && (is_one || self.sees_every_row(actor, Some(permit), &shapes))))
    }

    /// The lists of the answer: its rows, or without rows those that stand beside each other or in its one object.
    fn lists(&self) -> Vec<EntityNo> {
        let shows = &self.matched.route.shows;
        match &shows.main {
            Some(Main::Rows(_, entity)) => vec![*entity],
            Some(Main::Object(entity)) => self.lists_within(*entity),
            None => {
                shows.nested.iter().filter(|(at, _)| at.contains('*')).map(|(_, entity)| *entity).collect()
            }
        }
    }

    /// Whether counts pass as they are, and what else tells how many there are: the user sees every row, and of an answer without
    /// rows all that stands in its lists.
    pub(super) fn sees_all_that_is_counted(
        &self,
        actor: &Actor,
        permit: Option<&Permit>,
        shapes: &Shapes,
    ) -> bool {
        let is_of_rows = matches!(self.matched.route.shows.main, Some(Main::Rows(..)));
        let is_open = is_of_rows || permit.is_some_and(Permit::is_of_everything);
        self.sees_every_row(actor, permit, shapes) && (is_open || sees_all_of(&self.lists(), actor, shapes))
    }

    /// Whether nothing may tell that no list is there: one of rows that are left out would be, or one below an object on which nothing is
    /// decided, and which the user may not know of.
    pub(in crate::gate) fn hides_that_none_is_there(&self) -> bool {
        self.must_show.is_some() || self.is_below_what_is_unknown()
    }

    /// Whether an answer of this status is a list that is not there, below an object on which nothing is decided. One that is refused may
    /// be so to Headgate itself, which only operators are told.
    pub(in crate::gate) fn is_none_there(&self, status: StatusCode) -> bool {
        let is_none = match status {
            StatusCode::NOT_FOUND => self.hides_that_none_is_there(),
            StatusCode::FORBIDDEN | StatusCode::GONE => self.is_below_what_is_unknown(),
            _ => false,
        };
        if is_none && status == StatusCode::FORBIDDEN && !self.is_trial {
            let route = &self.matched.route.name;
            tracing::warn!(route.match = route, "the backend refuses a list, which is told as one without rows");
        }
        is_none
    }

    /// Whether the path names something on which nothing is decided, and the answer is a list.
    fn is_below_what_is_unknown(&self) -> bool {
        let (route, fixed) = (&self.matched.route, &self.side.routes.map.fixed);
        let is_list = matches!(route.shows.main, Some(Main::Rows(..))) && !route.writes();
        let mut names = route.matches.parameters();
        is_list && route.object.is_none() && names.any(|name| !fixed.contains_key(name))
    }

    /// What stands in lists in the one object of the answer, at any depth, and beside it.
    fn lists_within(&self, main: EntityNo) -> Vec<EntityNo> {
        let entities = &self.side.routes.map.entities;
        let place = |(at, entity): (&String, &EntityNo)| (at.contains('*'), *entity);
        let mut reached = vec![(false, main)];
        reached.extend(self.matched.route.shows.nested.iter().map(place));
        let mut next = 0;
        while let Some((_, entity)) = reached.get(next).copied() {
            let inner = entities.get(usize::from(entity.0)).into_iter().flat_map(|entity| &entity.nested);
            for place in inner.map(place) {
                if !reached.contains(&place) {
                    reached.push(place);
                }
            }
            next += 1;
        }
        reached.into_iter().filter(|(in_list, _)| *in_list).map(|(_, entity)| entity).collect()
    }

    /// Whether what the answer is about may be seen because a member of it is not there, and is not seen anyway.
    pub(in crate::gate) fn shows_by_absence(&self, permit: &Permit) -> Result<bool, Refusal> {
        let entities = &self.side.routes.map.entities;
        let is_so = |entity: EntityNo| {
            entities.get(usize::from(entity.0)).is_some_and(|entity| entity.absent_is_nobody)
        };
        let route = &self.matched.route;
        if route.writes() || !route.shows.entities().any(is_so) {
            return Ok(false);
        }
        Ok(!self.sees_every_row(&self.granted.actor, Some(permit), &*self.shapes()?))
    }

    /// Whether nothing may tell that there are rows, but none that the user sees: nothing is left of a hidden one, and
    /// the user did not make them.
    pub(in crate::gate) fn may_hide_all_rows(&self) -> bool {
        let entities = &self.side.routes.map.entities;
        match &self.matched.route.shows.main {
            Some(Main::Rows(_, entity)) => {
                let entity = entities.get(usize::from(entity.0));
                entity.is_some_and(|entity| entity.placeholder.is_empty()) && !self.matched.route.writes()
            }
            Some(Main::Object(_)) | None => false,
        }
    }

    /// Whether no row of the answer need be looked at.
    pub(in crate::gate) fn sees_every_row(
        &self,
        actor: &Actor,
        permit: Option<&Permit>,
        shapes: &Shapes,
    ) -> bool {
        let reach = shapes.reach(actor, &self.matched.route.shows, self.asked);
        permit.is_some_and(Permit::is_of_everything)
            || (self.must_show.is_none() && reach.certain == Scope::All)
    }
}

/// Whether a user sees all that stands in these lists.
fn sees_all_of(lists: &[EntityNo], actor: &Actor, shapes: &Shapes) -> bool {
    lists
        .iter()
        .filter_map(|entity| shapes.entity(*entity))
        .all(|shape| shape.is_seen_within(actor, Scope::All))
}
