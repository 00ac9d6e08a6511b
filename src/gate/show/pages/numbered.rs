//! Pages that are asked for by their number: page *k* of a list is page *k* of what the user sees of it.
//!
//! The backend's pages are read one after the other and filtered, and what passes is counted out anew. Where a page
//! ended is kept, so that the next one goes on from there; a page whose beginning is not known is found by walking from
//! the last one that is, or from the first. A full page leads on if there is a row behind it that the user sees, which
//! may take a look at more of the backend's pages.

use http::StatusCode;

use super::{Came, End, Kept, List, ListPlaces, Read, Walk, nobody, number_of, shown};
use crate::{
    config::routes,
    filter::{Page, Report, TotalValues},
    gate::{Passage, Shown, decisions::Record, path::Target, push, refusal::Refusal, show::answer::Unseen},
};

/// How many pages are looked back for one whose beginning is known.
const LOOK_BACK_MAX: u64 = 1000;

/// A place in a list: in the backend's pages, and in those that are made of them. As the place of page *k* it is where
/// that page begins, or somewhere on the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
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
pub(in crate::gate) struct Numbered<'a> {
    by: &'a routes::Numbered,
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

impl ListPlaces {
    /// The last known place that is not behind a page.
    fn nearest(&self, list: &List, number: u64, first: u64) -> Place {
        let known = (first..=number).rev().take(usize::try_from(LOOK_BACK_MAX).unwrap_or(usize::MAX));
        let mut known = known.filter_map(|number| match self.kept.get(&(*list, number))? {
            Kept::Place(place) => Some(place),
            Kept::Gap(_) => None,
        });
        known.next().unwrap_or(Place { page: first, given: 0, seen: 0, of: first, rows: 0, read: 0 })
    }

    /// Keeps where a page ended, or how far the way to it has led.
    fn keep(&self, list: List, number: u64, place: Place, end: End) {
        let next = (list, number.saturating_add(1));
        if place.of == number {
            self.kept.insert(next, Kept::Place(Place { of: next.1, rows: 0, read: 0, ..place }));
        } else if end == End::Bound {
            self.kept.insert((list, number), Kept::Place(place));
            // What is to come takes the number of the page after.
            self.kept.insert(next, Kept::Place(Place { of: place.of.saturating_add(1), ..place }));
        }
    }
}

impl<'a> Numbered<'a> {
    /// Which page a request asks for.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] if that can be read in two ways.
    pub(super) fn of(by: &'a routes::Numbered, target: &Target) -> Result<Self, Refusal> {
        let number = number_of(target, &by.number)?.unwrap_or(by.first);
        let size = match &by.size {
            None => None,
            Some(size) => number_of(target, size)?,
        };
        let size = size.map_or(by.size_default, |size| usize::try_from(size).unwrap_or(usize::MAX));
        if number < by.first || size == 0 {
            return Err(Refusal::Parameter);
        }
        Ok(Self { by, number, size, target: target.forwarded() })
    }

    /// The number of the page.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The address of the next page.
    fn next(&self) -> String {
        let number = self.number.saturating_add(1).to_string();
        push::with(&self.target, &[(&self.by.number, &number)])
    }

    /// The backend's page of a number, as it is asked for. It is never one of fewer rows than the backend gives by itself: who
    /// asks for single rows would cause a call for each, and count hidden ones by the pages that end before they are
    /// full.
    fn parameters<'p>(&'p self, page: &'p str, size: &'p str) -> Vec<(&'p str, &'p str)> {
        let size =
            self.by.size.as_deref().filter(|_| self.size < self.by.size_default).map(|name| (name, size));
        [(self.by.number.as_str(), page)].into_iter().chain(size).collect()
    }

    /// Whether a page of the backend's with so many rows is its last. A backend may give less than what was asked
    /// for, but not less than it gives by itself.
    fn is_last(&self, rows: u64) -> bool {
        usize::try_from(rows).is_ok_and(|rows| rows < self.by.size_default)
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
    /// The page of a number.
    pub(super) async fn numbered_page(
        &self,
        paged: &Numbered<'_>,
        mut walk: Walk<'_>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let places = &self.side.places;
        let onward = &walk.request.onward;
        let list = self.list(&push::with(&onward.target, &[(&paged.by.number, "")]), &onward.body);
        let mut place = places.nearest(&list, paged.number, paged.by.first);
        let mut made: Option<Made> = None;
        let mut removed = Report::default();
        let mut size = paged.size;
        let size_asked = paged.size.max(paged.by.size_default).to_string();
        // Behind a full page, the backend's page in which its next row is looked for.
        let mut ahead: Option<u64> = None;
        let end = loop {
            let of_backend = ahead.unwrap_or(place.page).to_string();
            let onward = walk.request.with(&paged.parameters(&of_backend, &size_asked));
            let (unseen, Read { mut page, report, ends: _ }) =
                match (self.read(&mut walk, onward).await, &made) {
                    (Ok(Came::Rows(unseen, read)), _) => (unseen, *read),
                    // Behind its last page some backends have nothing, and some have no such page.
                    (Ok(Came::None(_)), Some(_)) => break End::OfList,
                    // The place was kept when the last page ended, which had no way to know that nothing is there.
                    (Ok(Came::None(unseen)), None) => {
                        let is_missing = unseen.status() == StatusCode::NOT_FOUND;
                        if is_missing && place.page == paged.by.first && !self.hides_that_none_is_there() {
                            return self.error(unseen, walk.permit);
                        }
                        let otherwise = if is_missing { Refusal::Missing } else { Refusal::Failed };
                        return self.page_of_none(paged, place)?.ok_or(otherwise);
                    }
                    (Ok(Came::Late), _) => break End::Bound,
                    // The page is there, and only not known what is behind it.
                    (Ok(Came::Error(_)) | Err(_), _) if ahead.is_some() => break End::Bound,
                    (Ok(Came::Error(unseen)), _) => return self.error(unseen, walk.permit),
                    (Err(refusal), _) => return Err(refusal),
                };
            let is_last = paged.is_last(report.rows());
            if let Some(number) = &mut ahead {
                match page.rows() {
                    0 if is_last => break End::OfList,
                    0 if self.has_read_all(&walk) => break End::Bound,
                    0 => *number = number.saturating_add(1),
                    _ => break End::Full,
                }
                continue;
            }
            removed.add(&report);
            if walk.reads == 1 && !is_last {
                // A backend that gives less than what is asked for gives pages of that size.
                size = size.min(usize::try_from(report.rows()).unwrap_or(usize::MAX));
            }
            let shown = page.rows();
            let rows = place.count_out(shown, paged.number, size, walk.paging.pages_max);
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
            if is_full && walk.reads < walk.paging.pages_max {
                ahead = Some(place.page);
                continue;
            }
            if self.has_read_all(&walk) {
                break End::Bound;
            }
            if is_there && place.read >= walk.paging.pages_max {
                self.count_limit(&places.pages_max_reached);
                break End::Bound;
            }
        };
        places.keep(list, paged.number, place, end);
        self.tell_removed(&removed, &walk.shapes, record);
        let made = made.ok_or(Refusal::Failed)?;
        // Whether the list has ended for everybody or for this user is not told (D05).
        let is_end = end == End::OfList && made.page.rows() == 0 && self.may_hide_all_rows();
        let none = if is_end { self.page_of_none(paged, place)? } else { None };
        Ok(none.unwrap_or_else(|| made.shown(paged, place, end)))
    }

    /// The page without a row behind which there is none; `end` is the list's.
    fn page_of_none(&self, paged: &Numbered<'_>, end: Place) -> Result<Option<Shown>, Refusal> {
        let (rows, number) = (Some(end.seen), Some(paged.number));
        let totals = TotalValues { rows, number, ..TotalValues::default() };
        nobody::answer(&self.matched.route.shows, &totals)
    }
}

impl Made {
    /// The answer, which ends at this place. How many rows the user sees is known at the end of the list.
    fn shown(self, paged: &Numbered<'_>, place: Place, end: End) -> Shown {
        let is_last = end == End::OfList;
        let next = (!is_last).then(|| paged.next());
        let rows = is_last.then_some(place.seen);
        let (number, next, more) = (Some(paged.number), next.as_deref(), !is_last);
        let totals = TotalValues { rows, number, next, more, cursor: None };
        shown(&self.unseen, &self.page, &totals, end)
    }
}
