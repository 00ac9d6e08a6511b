//! Pages that stand beside a row, as conversations are scrolled: those rows before it, or after it, that the user sees.
//!
//! A page is as long as the backend's own would be. Rows that are hidden are made up for with those behind them, so that
//! nobody finds by a page that is too short how many there are, and a page of hidden rows alone does not look like the end.

use std::sync::Arc;

use http::StatusCode;

use super::{Came, End, Kept, List, Read, Walk, shown, value_of};
use crate::{
    config::routes::{Beside, Empty},
    filter::{Page, Report, TotalValues},
    gate::{
        Passage, Shown, decisions::Record, path::Target, refusal::Refusal, show::answer::Unseen,
        show::nobody, upstream::Onward,
    },
};

/// The longest id of a row from which a list goes on, in bytes: ids are short, and those that are not are not kept.
const ROW_ID_BYTES_MAX: usize = 256;

/// What is asked for.
#[derive(Debug)]
pub(in crate::gate) struct Near<'a> {
    by: &'a Beside,
    way: Way,
    /// The row.
    row: Option<Arc<str>>,
}

/// Where the next rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Back,
    On,
}

/// Rows one after the other of which the user sees none, by the ids of those at its ends. It is known once: what is hidden may be seen
/// another time.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    from: Arc<str>,
    to: Arc<str>,
}

/// A page as far as it is made.
struct Made {
    unseen: Unseen,
    page: Page,
    /// How many rows the backend's own has.
    length: usize,
}

impl<'a> Near<'a> {
    /// Beside which row a request asks for a page.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] if that can be read in two ways.
    pub(super) fn of(by: &'a Beside, target: &Target) -> Result<Self, Refusal> {
        let value = |name: &Option<String>| match name {
            None => Ok(None),
            Some(name) => value_of(target, name),
        };
        let (before, after) = (value(&by.before)?, value(&by.after)?);
        // Between two rows the backend begins after the one.
        let (way, row) = match (before, after) {
            (_, Some(after)) => (Way::On, Some(after)),
            (Some(before), None) => (Way::Back, Some(before)),
            (None, None) if by.from_end => (Way::Back, None),
            (None, None) => (Way::On, None),
        };
        Ok(Self { by, way, row: row.map(Arc::from) })
    }

    /// The request for the page beside a row. Without a parameter for that way there is none.
    fn beside(&self, walk: &Walk<'_>, row: &str) -> Option<Onward> {
        let name = match self.way {
            Way::Back => self.by.before.as_deref(),
            Way::On => self.by.after.as_deref(),
        };
        name.map(|name| walk.request.with(&[(name, row)]))
    }
}

impl Passage<'_> {
    /// The page beside a row.
    pub(super) async fn page_beside(
        &self,
        near: &Near<'_>,
        mut walk: Walk<'_>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let mut made: Option<Made> = None;
        let mut removed = Report::default();
        walk.gap = self.gap(&walk, near, near.row.as_deref());
        // The list ends with a page that is not there.
        let mut is_missing = false;
        // From where on nothing was seen, and where the next page is.
        let mut unseen_from = near.row.clone();
        let mut row = near.row.clone().map(|row| walk.gap.take().map_or(row, |gap| gap.to));
        let end = loop {
            let onward = match &row {
                None => walk.request.with(&[]),
                Some(row) => {
                    let Some(onward) = near.beside(&walk, row) else { break End::Bound };
                    onward
                }
            };
            let (unseen, Read { mut page, report, ends }) = match (self.read(&mut walk, onward).await?, &made)
            {
                (Came::Rows(unseen, read), _) => (unseen, *read),
                (Came::None(_), Some(_)) => {
                    is_missing = true;
                    break End::OfList;
                }
                (Came::Late, _) => break End::Bound,
                (Came::None(unseen), None)
                    if unseen.status() == StatusCode::NO_CONTENT
                        || near.row.is_some()
                        || self.hides_that_none_is_there() =>
                {
                    let none = nobody::answer(&self.matched.route.shows, &TotalValues::default())?;
                    return none.ok_or(Refusal::Failed);
                }
                (Came::None(unseen) | Came::Error(unseen), _) => return self.error(unseen, walk.permit),
            };
            removed.add(&report);
            let length = usize::try_from(report.rows()).unwrap_or(usize::MAX);
            let (nearest, farthest) = near.way.of(ends.any);
            // A backend may begin with the row that is named. What it sends of that one once more was shown, or is hidden.
            let repeats = made.is_some() && nearest.is_some() && nearest == row;
            let (nearest_seen, farthest_seen) = near.way.of(ends.shown);
            if repeats && nearest_seen == row {
                match near.way {
                    Way::Back => page.take(page.rows().saturating_sub(1)),
                    Way::On => page.skip(1),
                }
            }
            // Nothing is behind a page that ends where it was to begin.
            let is_end = made.is_some() && (length <= usize::from(repeats) || farthest == row);
            if is_end {
                page.take(0);
            }
            let is_seen = page.rows() > 0;
            let made = match &mut made {
                None => made.insert(Made { unseen, page, length }),
                // Those behind which there is none are framed as the backend's own page of none, and not as one of hidden rows.
                Some(made) if made.page.rows() == 0 => {
                    (made.unseen, made.page) = (unseen, page);
                    made
                }
                Some(made) => {
                    match near.way {
                        Way::Back => made.page.prepend(&page),
                        Way::On => made.page.append(&page),
                    }
                    made
                }
            };
            if is_end {
                break End::OfList;
            }
            if is_seen {
                unseen_from = farthest_seen;
            } else if unseen_from.is_none() {
                unseen_from.clone_from(&farthest);
            }
            let rows = made.page.rows();
            if rows >= made.length {
                match near.way {
                    Way::Back => made.page.skip(rows - made.length),
                    Way::On => made.page.take(made.length),
                }
                break if made.length == 0 { End::OfList } else { End::Full };
            }
            let Some(mut next) = farthest.filter(|next| row.as_ref() != Some(next)) else {
                break End::OfList;
            };
            // New rows may have come before a gap. One that this page leaves behind is of no use.
            if ends.met != (false, false)
                && let Some(gap) = walk.gap.take()
                && ends.met == (true, false)
            {
                next = gap.to;
            }
            if self.has_read_all(&walk) {
                row = Some(next);
                break End::Bound;
            }
            let gap = self.gap(&walk, near, Some(&*next));
            row = Some(gap.map_or(next, |gap| gap.to));
        };
        self.tell_removed(&removed, &walk.shapes, record);
        let made = made.ok_or(Refusal::Failed)?;
        if let (End::Bound, Some(from), Some(to)) = (end, unseen_from, row) {
            self.keep_gap(&walk, near, made.page.rows() == 0, Gap { from, to });
        }
        // Where a list without rows is written otherwise, or not there, one of hidden rows is, too (D05).
        let is_none = end == End::OfList && made.page.rows() == 0 && self.may_hide_all_rows();
        let shows = &self.matched.route.shows;
        if is_none && (is_missing || shows.empty != Empty::List || self.hides_that_none_is_there()) {
            return nobody::answer(shows, &TotalValues::default())?.ok_or(Refusal::Failed);
        }
        // How long the list is would be known only where hidden rows made it be read to its end.
        Ok(shown(&made.unseen, &made.page, &TotalValues::default(), end))
    }

    /// The rows that are not seen behind a row, or where the list begins, as far as they were read when the last request was ended by a
    /// bound.
    fn gap(&self, walk: &Walk<'_>, near: &Near<'_>, row: Option<&str>) -> Option<Gap> {
        match self.side.places.kept.remove(&(self.beside(walk, near, row)?, 0))?.1 {
            Kept::Gap(gap) => Some(gap),
            Kept::Place(_) => None,
        }
    }

    /// Keeps it for the request that comes next: the same one if it has shown nothing, or else the one for the rows behind.
    fn keep_gap(&self, walk: &Walk<'_>, near: &Near<'_>, shows_none: bool, gap: Gap) {
        let row = if shows_none { near.row.as_deref() } else { Some(&*gap.from) };
        if let Some(list) = self.beside(walk, near, row)
            && gap.to.len().max(gap.from.len()) <= ROW_ID_BYTES_MAX
            && gap.from != gap.to
        {
            self.side.places.kept.insert((list, 0), Kept::Gap(gap));
        }
    }

    /// The list that goes on beside a row, or begins.
    fn beside(&self, walk: &Walk<'_>, near: &Near<'_>, row: Option<&str>) -> Option<List> {
        let onward = match row {
            None => walk.request.with(&[]),
            Some(row) => near.beside(walk, row)?,
        };
        Some(self.list(&onward.target, &onward.body))
    }
}

impl Gap {
    /// The rows at its ends.
    pub(super) fn ends(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.from), Arc::clone(&self.to))
    }
}

impl Way {
    /// Of the first row and the last, the one on this side and the one on the other.
    fn of(self, ends: Option<(Arc<str>, Arc<str>)>) -> (Option<Arc<str>>, Option<Arc<str>>) {
        let (first, last) = ends.unzip();
        match self {
            Self::Back => (last, first),
            Self::On => (first, last),
        }
    }
}
