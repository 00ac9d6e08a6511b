//! Pages that stand beside a row, as conversations are scrolled: those rows before it, or after it, that the user sees.
//!
//! A page is as long as the backend's own would be. Rows that are hidden are made up for with those behind them, so that
//! nobody finds by a page that is too short how many there are, and a page of hidden rows alone does not look like the end.

use std::sync::Arc;

use http::StatusCode;

use super::{Came, End, Kept, Read, Walk, shown, value_of};
use crate::{
    config::routes::{Beside, Empty},
    filter::{Around, Page, Report},
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
        name.map(|name| walk.asking.with(&[(name, row)]))
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
        // From where on nothing was seen, and where the next page is.
        let mut unseen_from = near.row.clone();
        let mut row = near.row.clone().map(|row| self.far(&walk, near, &row).unwrap_or(row));
        let end = loop {
            let onward = match &row {
                None => walk.asking.with(&[]),
                Some(row) => {
                    let Some(onward) = near.beside(&walk, row) else { break End::Bound };
                    onward
                }
            };
            let (unseen, Read { mut page, report, ends }) = match (self.read(&mut walk, onward).await?, &made)
            {
                (Came::Rows(unseen, read), _) => (unseen, *read),
                (Came::None(_), Some(_)) => break End::OfList,
                (Came::Late, _) => break End::Bound,
                (Came::None(unseen), None)
                    if unseen.status() == StatusCode::NO_CONTENT || near.row.is_some() =>
                {
                    let none = nobody::answer(&self.matched.route.shows, &Around::default());
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
            if length <= usize::from(repeats) && made.is_some() {
                break End::OfList;
            }
            let is_seen = page.rows() > 0;
            let made = match &mut made {
                None => made.insert(Made { unseen, page, length }),
                Some(made) => {
                    match near.way {
                        Way::Back => made.page.prepend(&page),
                        Way::On => made.page.append(&page),
                    }
                    made
                }
            };
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
            let Some(next) = farthest.filter(|next| row.as_ref() != Some(next)) else { break End::OfList };
            if self.has_read_all(&walk) {
                row = Some(next);
                break End::Bound;
            }
            row = Some(self.far(&walk, near, &next).unwrap_or(next));
        };
        self.tell_removed(Some(&removed), &walk.shapes, record);
        let made = made.ok_or(Refusal::Failed)?;
        if let (End::Bound, Some(from), Some(to)) = (end, unseen_from, row) {
            self.keep_far(&walk, near, &from, to);
        }
        // Where a list without rows is written otherwise, one of hidden rows is, too (D05).
        let is_none = end == End::OfList && made.page.rows() == 0 && self.may_hide_all_rows();
        let shows = &self.matched.route.shows;
        if is_none && shows.empty != Empty::List {
            return nobody::answer(shows, &Around::default()).ok_or(Refusal::Failed);
        }
        // How long the list is would be known only where hidden rows made it be read to its end.
        Ok(shown(&made.unseen, &made.page, &Around::default(), end))
    }

    /// How far there was nothing behind a row that the user sees when the last request was ended by a bound. It is known once:
    /// what is hidden may be seen another time.
    fn far(&self, walk: &Walk<'_>, near: &Near<'_>, row: &str) -> Option<Arc<str>> {
        let onward = near.beside(walk, row)?;
        match self.side.places.kept.remove(&(self.list(&onward.target, &onward.body), 0))?.1 {
            Kept::Row(row) => Some(row),
            Kept::Place(_) => None,
        }
    }

    fn keep_far(&self, walk: &Walk<'_>, near: &Near<'_>, from: &str, to: Arc<str>) {
        if let Some(onward) = near.beside(walk, from)
            && to.len() <= ROW_ID_BYTES_MAX
            && *from != *to
        {
            let list = self.list(&onward.target, &onward.body);
            self.side.places.kept.insert((list, 0), Kept::Row(to));
        }
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
