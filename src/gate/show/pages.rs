//! Lists in pages, for who may not see every row: page *k* of a list is page *k* of what the user sees of it.
//!
//! The backend's pages are read one after the other and filtered, and what passes is counted out anew. Where a page
//! ended is kept, so that the next one goes on from there; a page whose beginning is not known is found by walking from
//! the last one that is, or from the first. What one request reads is bounded. Where the bound ends it, the answer is
//! short and says so, and the next page goes on all the same: nobody who goes from page to page misses a row, gets one
//! twice, or stands still. A full page leads on if there is a row behind it that the user sees, which may take a look at more of the
//! backend's pages.
//!
//! Nothing here decides on a row: a place that is forgotten or wrong changes which rows are on a page, never who sees
//! them.

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderName, HeaderValue, StatusCode};
use prometheus_client::metrics::counter::Counter;
use tokio::time::timeout;

use super::{answer::Unseen, nobody};
use crate::{
    config::routes::Paging,
    filter::{Around, Page, Report},
    gate::{
        Passage, Shown,
        decisions::Record,
        facts::Keyed,
        path::Target,
        permit::Permit,
        push,
        refusal::Refusal,
        show::Eyes,
        upstream::{From, Onward},
    },
    metrics::{Bounded, Limits, bounded},
    query,
};

/// On a page that ended before it was full, though there may be more: the next one goes on from there.
const MORE: HeaderName = HeaderName::from_static("headgate-more");

/// How many pages are looked back for one whose beginning is known.
const LOOK_BACK_MAX: u64 = 1000;

/// Where pages of lists begin, of one tenant.
#[derive(Debug)]
pub(in crate::gate) struct Places {
    places: Bounded<(List, u64), Place>,
    pages_max_reached: Counter,
    time_max_reached: Counter,
}

/// A list as one user asks for it, by the digest of all that makes it another.
type List = [u8; 32];

/// A place in a list: in the backend's pages, and in those that are made of them. As the place of page *k* it is where
/// that page begins, or somewhere on the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The backend's page.
    page: u64,
    /// Rows of it that the user may see and that stand before.
    given: usize,
    /// Rows that the user may see, from the first of the list.
    seen: u64,
    /// The user's page.
    of: u64,
    /// Rows of that page that stand before.
    rows: usize,
    /// The backend's pages that were read for that page.
    read: usize,
}

/// What is asked for.
#[derive(Debug)]
pub(in crate::gate) struct Paged<'a> {
    paging: &'a Paging,
    /// The number of the page.
    number: u64,
    /// Rows that were asked for.
    size: usize,
    /// The address, as the user knows it.
    target: String,
}

/// Some rows of a page of the backend's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rows {
    from: usize,
    count: usize,
}

/// A page as far as it is made.
struct Made {
    /// The first of the backend's pages that has part in it.
    unseen: Unseen,
    /// Its rows.
    page: Page,
    /// Whether the rows of the wanted page have begun.
    begun: bool,
}

/// Why no more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The page is full, and there is another row behind it.
    Full,
    /// The list has ended.
    OfList,
    /// A bound was reached.
    Bound,
}

impl Places {
    /// Nothing is known yet.
    pub(in crate::gate) fn new(places_max: usize, limits: &Limits) -> Self {
        Self {
            places: bounded(places_max, &limits.of("page_places_max")),
            pages_max_reached: limits.of("page.pages_max"),
            time_max_reached: limits.of("page.time_max"),
        }
    }

    /// The last known place that is not behind a page.
    fn nearest(&self, list: &List, number: u64, first: u64) -> Place {
        let known = (first..=number).rev().take(usize::try_from(LOOK_BACK_MAX).unwrap_or(usize::MAX));
        let mut known = known.filter_map(|number| self.places.get(&(*list, number)));
        known.next().unwrap_or(Place { page: first, given: 0, seen: 0, of: first, rows: 0, read: 0 })
    }

    /// Keeps where a page ended, or how far the way to it has led.
    fn keep(&self, list: List, number: u64, place: Place, end: End) {
        let next = (list, number.saturating_add(1));
        if place.of == number {
            self.places.insert(next, Place { of: next.1, rows: 0, read: 0, ..place });
        } else if end == End::Bound {
            self.places.insert((list, number), place);
            // What is to come takes the number of the page after.
            self.places.insert(next, Place { of: place.of.saturating_add(1), ..place });
        }
    }
}

impl<'a> Paged<'a> {
    /// Which page a request asks for.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] if that can be read in two ways.
    fn of(paging: &'a Paging, target: &Target) -> Result<Self, Refusal> {
        let number = number_of(target, &paging.number)?.unwrap_or(paging.first);
        let size = match &paging.size {
            None => None,
            Some(size) => number_of(target, size)?,
        };
        let size = size.map_or(paging.size_default, |size| usize::try_from(size).unwrap_or(usize::MAX));
        if number < paging.first || size == 0 {
            return Err(Refusal::Parameter);
        }
        Ok(Self { paging, number, size, target: target.forwarded() })
    }

    /// The number of the page.
    pub(in crate::gate) const fn number(&self) -> u64 {
        self.number
    }

    /// The address of the next page.
    fn next(&self) -> String {
        let number = self.number.saturating_add(1).to_string();
        push::with(&self.target, &[(&self.paging.number, &number)])
    }

    /// Whether a page of the backend's with so many rows is its last. A backend may give less than what was asked
    /// for, but not less than it gives by itself.
    fn is_last(&self, rows: u64) -> bool {
        usize::try_from(rows).is_ok_and(|rows| rows < self.paging.size_default)
    }
}

impl Place {
    /// Counts out what the user may see of the backend's page at which it is, `shown` rows, on the way to the page
    /// `wanted`, of `size` rows. Of these rows, those that are the wanted page's.
    ///
    /// A page ends with its last row, or with the last of the backend's pages that may be read for it: pages are the
    /// same however they are reached.
    fn count_out(&mut self, shown: usize, wanted: u64, size: usize, pages_max: usize) -> Rows {
        self.read += 1;
        let mut rows = Rows { from: shown, count: 0 };
        let mut at = self.given.min(shown);
        loop {
            let count = (shown - at).min(size - self.rows.min(size));
            if self.of == wanted {
                rows = Rows { from: at, count };
            }
            at += count;
            self.rows += count;
            self.seen = self.seen.saturating_add(count as u64);
            if self.of == wanted || !self.is_full(size, pages_max) {
                break;
            }
            *self = Self { of: self.of + 1, rows: 0, read: usize::from(at < shown), ..*self };
        }
        self.given = at;
        rows
    }

    fn is_full(&self, size: usize, pages_max: usize) -> bool {
        self.rows >= size || self.read >= pages_max
    }
}

impl Passage<'_> {
    /// Which page a request asks for; `None` if it gets the backend's own: its route has no pages, it is in shadow
    /// mode, or its user may see every row.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] if that can be read in two ways.
    pub(in crate::gate) fn paged(
        &self,
        target: &Target,
        permit: &Permit,
    ) -> Result<Option<Paged<'_>>, Refusal> {
        let Some(paging) = &self.matched.route.shows.page else { return Ok(None) };
        if self.in_shadow().is_some()
            || self.sees_every_row(&self.granted.actor, Some(permit), &*self.shapes()?)
        {
            return Ok(None);
        }
        Paged::of(paging, target).map(Some)
    }

    /// The page, made of as many of the backend's as it takes.
    pub(in crate::gate) async fn page(
        &self,
        paged: &Paged<'_>,
        permit: &Permit,
        asking: &Asking<'_>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let (places, paging) = (&self.side.places, paged.paging);
        let list = self.list(paged, &asking.onward);
        let mut place = places.nearest(&list, paged.number, paging.first);
        let eyes = Eyes { actor: &self.granted.actor, permit: Some(permit), decision: record.id };
        let shapes = self.shapes()?;
        let began = self.gate.clock.elapsed();
        let mut made: Option<Made> = None;
        let mut removed = Report::default();
        let mut size = paged.size;
        let mut reads = 0;
        // Behind a full page, the backend's page in which its next row is looked for.
        let mut ahead: Option<u64> = None;
        let end = loop {
            let of_backend = asking.of(paged, ahead.unwrap_or(place.page));
            let answered = self.side.upstream.forward(permit, of_backend, asking.from);
            let unseen = if made.is_none() {
                answered.await?
            } else {
                let left = paging.time_max.saturating_sub(self.gate.clock.elapsed().saturating_sub(began));
                let in_time = if left.is_zero() { None } else { timeout(left, answered).await.ok() };
                let Some(answered) = in_time else {
                    places.time_max_reached.inc();
                    break End::Bound;
                };
                answered?
            };
            reads += 1;
            match (unseen.status(), &made) {
                // Behind its last page some backends have nothing, and some have no such page.
                (StatusCode::NO_CONTENT | StatusCode::NOT_FOUND, Some(_)) => break End::OfList,
                (StatusCode::NO_CONTENT, None) if unseen.is_empty() => {
                    return self.page_of_none(paged, place).ok_or(Refusal::Failed);
                }
                // The place was kept when the last page ended, which had no way to know that nothing is there. And who has rows left
                // out must not learn from a 404 that there are none to be left out.
                (StatusCode::NOT_FOUND, None) if place.page > paging.first || self.cover.is_some() => {
                    return self.page_of_none(paged, place).ok_or(Refusal::Missing);
                }
                (status, _) if !status.is_success() || status == StatusCode::PARTIAL_CONTENT => {
                    return self.error(unseen, permit);
                }
                _ => {}
            }
            let (mut page, report) = self.rows(&unseen, eyes, asking.around, &shapes).await?;
            let is_last = paged.is_last(report.rows());
            if let Some(number) = &mut ahead {
                match page.rows() {
                    0 if is_last => break End::OfList,
                    0 if reads >= paging.pages_max => {
                        places.pages_max_reached.inc();
                        break End::Bound;
                    }
                    0 => *number = number.saturating_add(1),
                    _ => break End::Full,
                }
                continue;
            }
            removed.add(&report);
            if reads == 1 && !is_last {
                // A backend that gives less than what is asked for gives pages of that size.
                size = size.min(usize::try_from(report.rows()).unwrap_or(usize::MAX));
            }
            let shown = page.rows();
            let rows = place.count_out(shown, paged.number, size, paging.pages_max);
            let (is_there, all_given) = (place.of == paged.number, place.given == shown);
            page.skip(rows.from);
            page.take(rows.count);
            match &mut made {
                Some(made) if made.begun => made.page.append(&page),
                _ => made = Some(Made { unseen, page, begun: is_there }),
            }
            if all_given && is_last {
                break End::OfList;
            }
            if all_given {
                place = Place { page: place.page.saturating_add(1), given: 0, ..place };
            }
            let is_full = is_there && place.rows >= size;
            if is_full && !all_given {
                break End::Full;
            }
            // Whether there is a next page is told by the next row that the user sees: a hidden one behind the last would tell of
            // itself, and by a question of what it hides.
            if is_full && reads < paging.pages_max {
                ahead = Some(place.page);
                continue;
            }
            if reads >= paging.pages_max || (is_there && place.read >= paging.pages_max) {
                places.pages_max_reached.inc();
                break End::Bound;
            }
        };
        places.keep(list, paged.number, place, end);
        self.tell_removed(Some(&removed), &shapes, record);
        let made = made.ok_or(Refusal::Failed)?;
        // Whether the list has ended for everybody or for this user is not told (D05).
        let is_end = end == End::OfList && made.page.rows() == 0 && self.may_hide_all_rows();
        let none = if is_end { self.page_of_none(paged, place) } else { None };
        Ok(none.unwrap_or_else(|| made.shown(paged, place, end)))
    }

    /// The page without a row behind which there is none; `end` is the list's.
    fn page_of_none(&self, paged: &Paged<'_>, end: Place) -> Option<Shown> {
        let around = Around { rows: Some(end.seen), number: Some(paged.number), next: None };
        nobody::answer(&self.matched.route.shows, &around)
    }

    /// The list that is asked for: all that makes it another, apart from the number of the page.
    fn list(&self, paged: &Paged<'_>, onward: &Onward) -> List {
        let (tenant, user) = (&self.granted.actor.tenant, &self.granted.actor.user);
        let (route, grants) = (self.matched.route.number as u64, self.granted.version.0);
        let target = push::with(&onward.target, &[(&paged.paging.number, "")]);
        let mut all = Vec::new();
        for part in [
            tenant.as_str().as_bytes(),
            user.as_str().as_bytes(),
            &route.to_be_bytes(),
            &grants.to_be_bytes(),
            target.as_bytes(),
            &onward.body,
        ] {
            all.extend_from_slice(&(part.len() as u64).to_be_bytes());
            all.extend_from_slice(part);
        }
        let mut list = List::default();
        list.copy_from_slice(digest(&SHA256, &all).as_ref());
        list
    }
}

/// A request for a list.
pub(in crate::gate) struct Asking<'a> {
    /// As it would be forwarded.
    pub(in crate::gate) onward: Onward,
    /// Who asks.
    pub(in crate::gate) from: From<'a>,
    /// What is known of the route's object.
    pub(in crate::gate) around: Option<&'a Keyed>,
}

impl Asking<'_> {
    /// The request for one of the backend's pages. It is never one of fewer rows than the backend gives by itself: who
    /// asks for single rows would cause a call for each, and count hidden ones by the pages that end before they are
    /// full.
    fn of(&self, paged: &Paged<'_>, page: u64) -> Onward {
        let (paging, page) = (paged.paging, page.to_string());
        let size = paged.size.max(paging.size_default).to_string();
        let size =
            paging.size.as_deref().filter(|_| paged.size < paging.size_default).map(|name| (name, &*size));
        let parameters: Vec<_> = [(paging.number.as_str(), &*page)].into_iter().chain(size).collect();
        Onward {
            method: self.onward.method.clone(),
            target: push::with(&self.onward.target, &parameters),
            headers: self.onward.headers.clone(),
            body: self.onward.body.clone(),
        }
    }
}

impl Made {
    /// The answer, which ends at this place. How many rows the user sees is known at the end of the list.
    fn shown(self, paged: &Paged<'_>, place: Place, end: End) -> Shown {
        let is_last = end == End::OfList;
        let next = (!is_last).then(|| paged.next());
        let rows = is_last.then_some(place.seen);
        let mut json = Vec::new();
        self.page.write(&Around { rows, number: Some(paged.number), next: next.as_deref() }, &mut json);
        let mut shown = self.unseen.with_rows(json);
        if end == End::Bound {
            shown.headers_mut().insert(MORE, HeaderValue::from_static("true"));
        }
        shown
    }
}

/// A parameter of the query that is a whole number. Under another name, more than once, or as a list, it is nothing
/// that the backend could read otherwise.
pub(in crate::gate) fn number_of(target: &Target, name: &str) -> Result<Option<u64>, Refusal> {
    let meant = target.written_parameters().filter(|(written, _)| query::could_be(written, [name])).count();
    let query = target.query.as_deref().unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(written, _)| written == name);
    match (meant, values.next()) {
        (0, _) => Ok(None),
        (1, Some((_, value))) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            value.parse().map(Some).map_err(|_no_number| Refusal::Parameter)
        }
        _ => Err(Refusal::Parameter),
    }
}
