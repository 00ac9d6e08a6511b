//! Pages behind a cursor, of which nobody but the backend knows what it means.
//!
//! The backend's pages are read one after the other and filtered, until what passes fills one as long as the backend's own. The next one
//! goes on where that ended, by a cursor of Headgate's own ([`Sealed`]): the backend's may be the id of a hidden row. As with pages that are
//! counted out, a full page leads on if there is a row behind it that the user sees.

use http::StatusCode;

use super::{
    Came, End, List, Read, Walk, nobody,
    seal::{CURSOR_BYTES_MAX, Sealed},
    shown, value_of,
};
use crate::{
    config::{routes, text::steps},
    filter::{Page, Raw, Report, TotalValues},
    gate::{
        Passage, Shown, decisions::Record, path::Target, push, refusal::Refusal, show::answer::Unseen,
        upstream::Onward,
    },
};

/// What is asked for.
#[derive(Debug)]
pub(in crate::gate) struct At<'a> {
    by: &'a routes::Cursor,
    /// The cursor, as the user has it.
    cursor: Option<String>,
    /// The address, as the user knows it.
    target: String,
}

/// A page as far as it is made.
struct Made {
    unseen: Unseen,
    page: Page,
    /// How many rows the largest of the backend's has that were read for it.
    length: usize,
}

impl<'a> At<'a> {
    /// Which page a request asks for.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] if that can be read in two ways.
    pub(super) fn of(by: &'a routes::Cursor, target: &Target) -> Result<Self, Refusal> {
        Ok(Self { by, cursor: value_of(target, &by.parameter)?, target: target.forwarded() })
    }

    /// The request for the page at one of the backend's cursors.
    fn page(&self, walk: &Walk<'_>, cursor: Option<&str>) -> Onward {
        match cursor {
            Some(cursor) => walk.request.with(&[(&self.by.parameter, cursor)]),
            None => Onward { target: self.list(&walk.request.onward.target), ..walk.request.with(&[]) },
        }
    }

    /// A target without a cursor.
    fn list(&self, target: &str) -> String {
        push::without(target, &[(&self.by.parameter, "")])
    }

    /// The cursor of the page behind this one, by the backend's answer; `None` if there is none.
    ///
    /// # Errors
    /// [`Refusal::Failed`] if it is no text and no number, so that nobody can tell.
    fn next(&self, answer: &[u8]) -> Result<Option<String>, Refusal> {
        let at = |place: &str| steps(place).try_fold(Raw(answer), |raw, step| raw.member(&step));
        let more = self.by.more.as_deref().and_then(at);
        Ok(match at(&self.by.next) {
            _ if more.and_then(Raw::boolean) == Some(false) => None,
            None | Some(Raw(b"null" | br#""""#)) => None,
            Some(Raw(number @ [b'-' | b'0'..=b'9', ..])) => String::from_utf8(number.to_vec()).ok(),
            Some(cursor) => Some(cursor.name().ok_or(Refusal::Failed)?.into_owned()),
        })
    }
}

impl Passage<'_> {
    /// The page at a cursor.
    pub(super) async fn page_at(
        &self,
        at: &At<'_>,
        mut walk: Walk<'_>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let sealing = &self.side.places.sealing;
        let list = self.list_of(at, &walk);
        let begun = match &at.cursor {
            Some(cursor) => sealing.open(&list, cursor).ok_or(Refusal::Parameter)?,
            None => Sealed { cursor: None, given: 0 },
        };
        let mut made: Option<Made> = None;
        let mut removed = Report::default();
        // Where the next of the backend's pages is, and what of it was given.
        let Sealed { mut cursor, given } = begun;
        let mut given = usize::try_from(given).unwrap_or(usize::MAX);
        // The page is full, and its next row is looked for.
        let mut is_ahead = false;
        let end = loop {
            let onward = at.page(&walk, cursor.as_deref());
            let (unseen, Read { mut page, report, ends: _ }) =
                match (self.read(&mut walk, onward).await, &made) {
                    (Ok(Came::Rows(unseen, read)), _) => (unseen, *read),
                    (Ok(Came::None(_)), Some(_)) => break End::OfList,
                    (Ok(Came::Late), _) => break End::Bound,
                    // The page is there, and only not known what is behind it.
                    (Ok(Came::Error(_)) | Err(_), _) if is_ahead => break End::Bound,
                    (Ok(Came::None(unseen)), None)
                        if unseen.status() == StatusCode::NO_CONTENT
                            || at.cursor.is_some()
                            || self.hides_that_none_is_there() =>
                    {
                        return self.page_of_no_row()?.ok_or(Refusal::Failed);
                    }
                    (Ok(Came::None(unseen) | Came::Error(unseen)), _) => {
                        return self.error(unseen, walk.permit);
                    }
                    (Err(refusal), _) => return Err(refusal),
                };
            let next = self.next(at, unseen.content());
            let seen = page.rows();
            if !is_ahead {
                removed.add(&report);
                page.skip(given);
                let length = usize::try_from(report.rows()).unwrap_or(usize::MAX);
                let made = match &mut made {
                    Some(made) if made.page.rows() > 0 => {
                        made.page.append(&page);
                        made.length = made.length.max(length);
                        made
                    }
                    // Those behind which there is none are framed as the backend's own page of none, and not as one of hidden rows.
                    made => {
                        let length = made.as_ref().map_or(length, |made| made.length.max(length));
                        made.insert(Made { unseen, page, length })
                    }
                };
                let beyond = made.page.rows().saturating_sub(made.length);
                if beyond > 0 {
                    made.page.take(made.length);
                    given = seen - beyond;
                    break End::Full;
                }
                is_ahead = made.page.rows() > 0 && made.page.rows() == made.length;
            } else if seen > 0 {
                given = 0;
                break End::Full;
            }
            match next {
                Ok(next) if next.is_none() || next == cursor => break End::OfList,
                Ok(next) => (cursor, given) = (next, 0),
                // The page is there all the same; who goes on is told by the next.
                Err(_) if is_ahead => {
                    given = seen;
                    break End::Bound;
                }
                Err(refusal) => return Err(refusal),
            }
            if self.has_read_all(&walk) {
                break End::Bound;
            }
        };
        self.tell_removed(&removed, &walk.shapes, record);
        let made = made.ok_or(Refusal::Failed)?;
        if end == End::OfList
            && made.page.rows() == 0
            && self.may_hide_all_rows()
            && let Some(none) = self.page_of_no_row()?
        {
            return Ok(none);
        }
        let next = match end {
            End::OfList => None,
            End::Full | End::Bound => {
                let given = u32::try_from(given).unwrap_or(u32::MAX);
                Some(sealing.seal(&list, &Sealed { cursor, given }).ok_or(Refusal::Failed)?)
            }
        };
        let link = next.as_deref().map(|next| push::with(&at.target, &[(&at.by.parameter, next)]));
        let totals = TotalValues {
            next: link.as_deref(),
            cursor: next.as_deref(),
            more: next.is_some(),
            ..TotalValues::default()
        };
        Ok(shown(&made.unseen, &made.page, &totals, end))
    }

    /// The cursor behind a page of the backend's, if it can be taken.
    fn next(&self, at: &At<'_>, answer: &[u8]) -> Result<Option<String>, Refusal> {
        let next = at.next(answer)?;
        if next.as_ref().is_some_and(|next| next.len() > CURSOR_BYTES_MAX) {
            self.count_limit(&self.side.places.cursor_bytes_max_reached);
            return Err(Refusal::Failed);
        }
        Ok(next)
    }

    /// The list that is asked for, whatever the user's grants are by now, and with shadow mode or without: these change what is shown of it,
    /// and not where it goes on.
    fn list_of(&self, at: &At<'_>, walk: &Walk<'_>) -> List {
        let onward = &walk.request.onward;
        self.list_by(&[], &at.list(&onward.target), &onward.body)
    }

    /// The page without a row behind which there is none.
    fn page_of_no_row(&self) -> Result<Option<Shown>, Refusal> {
        nobody::answer(&self.matched.route.shows, &TotalValues::default())
    }
}
