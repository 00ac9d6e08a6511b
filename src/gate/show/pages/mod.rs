//! Lists in pages, for who may not see every row: a page of a list is a page of what the user sees of it, whether it is asked for
//! by its `numbered` place, as what stands `beside` a row, or by a `cursor`, which is `seal`ed.
//!
//! Pages of the backend's are read one after the other and filtered, until what passes fills one. What one request reads is bounded.
//! Where the bound ends it, the answer is short and says so, and the next page goes on all the same: nobody who goes from page to
//! page misses a row, gets one twice, or stands still.
//!
//! Nothing here decides on a row: a place that is forgotten or wrong changes which rows are on a page, never who sees
//! them.

mod beside;
mod cursor;
mod numbered;
mod seal;

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderName, HeaderValue, StatusCode};
use prometheus_client::metrics::counter::Counter;
use tokio::time::timeout;

use self::{
    beside::{Gap, Near},
    cursor::At,
    numbered::Place,
    seal::Sealing,
};
use super::{answer::Unseen, nobody, shape::Shapes, sight::Ends};
use crate::{
    config::routes::{PageBy, Paging},
    filter::{Page, Report, TotalValues},
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
    secret::Secret,
};

/// On a page that ended before it was full, though there may be more: the next one goes on from there.
pub(in crate::gate) const MORE: HeaderName = HeaderName::from_static("headgate-more");

/// Where pages of lists begin, of one tenant.
#[derive(Debug)]
pub(in crate::gate) struct ListPlaces {
    kept: Bounded<(List, u64), Kept>,
    /// Seals those that are not kept.
    sealing: Sealing,
    pages_max_reached: Counter,
    time_max_reached: Counter,
    cursor_bytes_max_reached: Counter,
}

/// A list as one user asks for it, by the digest of all that makes it another.
type List = [u8; 32];

/// Where to go on.
#[derive(Clone, Debug)]
enum Kept {
    /// With the page of this number.
    Place(Place),
    /// Behind rows of which the user sees none.
    Gap(Gap),
}

/// A page that is asked for.
#[derive(Debug)]
pub(in crate::gate) enum Paged<'a> {
    /// By its number.
    Numbered(numbered::Numbered<'a>),
    /// By a row.
    Beside(Near<'a>),
    /// By a cursor.
    Cursor(At<'a>),
}

/// Why no more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The page is full.
    Full,
    /// The list has ended.
    OfList,
    /// A bound was reached.
    Bound,
}

/// The way through the backend's pages.
struct Walk<'a> {
    paging: &'a Paging,
    permit: &'a Permit,
    request: &'a ListRequest<'a>,
    eyes: Eyes<'a>,
    shapes: Arc<Shapes>,
    began: Duration,
    /// The backend's pages that were read.
    reads: usize,
    /// Rows of which the user sees none, before which they have not come yet.
    gap: Option<Gap>,
}

/// What came of asking for one of the backend's pages.
enum Came {
    Rows(Unseen, Box<Read>),
    /// There is no such page.
    None(Unseen),
    Error(Unseen),
    /// Not in time.
    Late,
}

/// A page of the backend's, as far as the user sees it.
struct Read {
    page: Page,
    report: Report,
    ends: Ends,
}

/// A request for a list.
pub(in crate::gate) struct ListRequest<'a> {
    /// As it would be forwarded.
    pub(in crate::gate) onward: Onward,
    /// Who asks.
    pub(in crate::gate) from: From<'a>,
    /// What is known of the route's object.
    pub(in crate::gate) around: Option<&'a Keyed>,
}

impl ListPlaces {
    /// Nothing is known yet.
    pub(in crate::gate) fn new(places_max: usize, cursor_key: Option<&Secret>, limits: &Limits) -> Self {
        Self {
            kept: bounded(places_max, &limits.of("page_places_max")),
            sealing: Sealing::new(cursor_key),
            pages_max_reached: limits.of("page.pages_max"),
            time_max_reached: limits.of("page.time_max"),
            cursor_bytes_max_reached: limits.of("cursor_bytes_max"),
        }
    }
}

impl Paged<'_> {
    /// The number of the page, if it has one.
    pub(in crate::gate) const fn number(&self) -> Option<u64> {
        match self {
            Self::Numbered(paged) => Some(paged.number()),
            Self::Beside(_) | Self::Cursor(_) => None,
        }
    }
}

impl<'a> Passage<'a> {
    /// Which page a request asks for; `None` if it gets the backend's own: its route has no pages or is in shadow mode, the list comes
    /// as a whole, or its user may see every row.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] if that can be read in two ways.
    pub(in crate::gate) fn paged(
        &self,
        target: &Target,
        permit: &Permit,
    ) -> Result<Option<Paged<'a>>, Refusal> {
        let Some(paging) = &self.matched.route.shows.page else { return Ok(None) };
        if self.is_on_shadow_route()
            || self.sees_every_row(&self.granted.actor, Some(permit), &*self.shapes()?)
            || comes_whole(paging, target)?
        {
            return Ok(None);
        }
        Ok(Some(match &paging.by {
            PageBy::Number(by) => Paged::Numbered(numbered::Numbered::of(by, target)?),
            PageBy::Row(by) => Paged::Beside(Near::of(by, target)?),
            PageBy::Cursor(by) => Paged::Cursor(At::of(by, target)?),
        }))
    }

    /// The page, made of as many of the backend's as it takes.
    pub(in crate::gate) async fn page(
        &self,
        paged: &Paged<'_>,
        permit: &Permit,
        request: &ListRequest<'_>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let Some(paging) = &self.matched.route.shows.page else { return Err(Refusal::Failed) };
        let eyes = Eyes { actor: &self.granted.actor, permit: Some(permit), decision: record.id };
        let (shapes, began) = (self.shapes()?, self.gate.clock.elapsed());
        let walk = Walk { paging, permit, request, eyes, shapes, began, reads: 0, gap: None };
        match paged {
            Paged::Numbered(paged) => self.numbered_page(paged, walk, record).await,
            Paged::Beside(near) => self.page_beside(near, walk, record).await,
            Paged::Cursor(at) => self.page_at(at, walk, record).await,
        }
    }

    /// Reads one of the backend's pages. The first may take as long as any answer, and those after it what is left of
    /// `time_max`.
    async fn read(&self, walk: &mut Walk<'_>, onward: Onward) -> Result<Came, Refusal> {
        let answered = self.side.upstream.forward(walk.permit, onward, walk.request.from);
        let unseen = if walk.reads == 0 {
            answered.await?
        } else {
            let passed = self.gate.clock.elapsed().saturating_sub(walk.began);
            let left = walk.paging.time_max.saturating_sub(passed);
            match if left.is_zero() { None } else { timeout(left, answered).await.ok() } {
                Some(answered) => answered?,
                None => {
                    self.count_limit(&self.side.places.time_max_reached);
                    return Ok(Came::Late);
                }
            }
        };
        walk.reads += 1;
        match unseen.status() {
            StatusCode::NO_CONTENT if walk.reads > 1 || unseen.is_empty() => Ok(Came::None(unseen)),
            StatusCode::NOT_FOUND => Ok(Came::None(unseen)),
            status if walk.reads == 1 && self.is_none_there(status) => Ok(Came::None(unseen)),
            status if !status.is_success() || status == StatusCode::PARTIAL_CONTENT => {
                Ok(Came::Error(unseen))
            }
            _ => {
                let sought = walk.gap.as_ref().map(Gap::ends);
                let read = self.rows(&unseen, walk.eyes, walk.request.around, &walk.shapes, sought).await?;
                let (page, report, ends) = read;
                Ok(Came::Rows(unseen, Box::new(Read { page, report, ends })))
            }
        }
    }

    /// Whether as many pages were read as may be.
    fn has_read_all(&self, walk: &Walk<'_>) -> bool {
        let has = walk.reads >= walk.paging.pages_max;
        if has {
            self.count_limit(&self.side.places.pages_max_reached);
        }
        has
    }

    /// Counts a limit that was reached, where it was.
    fn count_limit(&self, counter: &Counter) {
        if !self.is_trial {
            counter.inc();
        }
    }

    /// The list that is asked for at an address, as the user's grants show it now: all that makes it another.
    fn list(&self, target: &str, body: &[u8]) -> List {
        let seen = [&self.granted.version.0.to_be_bytes()[..], &[u8::from(self.is_trial)]].concat();
        self.list_by(&seen, target, body)
    }

    /// The same, by what else makes it another.
    fn list_by(&self, seen: &[u8], target: &str, body: &[u8]) -> List {
        let (tenant, user) = (&self.granted.actor.tenant, &self.granted.actor.user);
        let route = &self.matched.route.name;
        let mut all = Vec::new();
        for part in [
            tenant.as_str().as_bytes(),
            user.as_str().as_bytes(),
            route.as_bytes(),
            seen,
            target.as_bytes(),
            body,
        ] {
            all.extend_from_slice(&(part.len() as u64).to_be_bytes());
            all.extend_from_slice(part);
        }
        let mut list = List::default();
        list.copy_from_slice(digest(&SHA256, &all).as_ref());
        list
    }
}

impl ListRequest<'_> {
    /// It with these parameters.
    fn with(&self, parameters: &[(&str, &str)]) -> Onward {
        Onward {
            method: self.onward.method.clone(),
            target: push::with(&self.onward.target, parameters),
            headers: self.onward.headers.clone(),
            body: self.onward.body.clone(),
        }
    }
}

/// A page as it is answered, with these totals.
fn shown(unseen: &Unseen, page: &Page, totals: &TotalValues<'_>, end: End) -> Shown {
    let mut json = Vec::new();
    page.write(totals, &mut json);
    let mut shown = unseen.with_rows(json);
    if end == End::Bound {
        shown.headers_mut().insert(MORE, HeaderValue::from_static("true"));
    }
    shown
}

/// Whether a list comes as a whole, whatever page of it is asked for.
///
/// # Errors
/// [`Refusal::Parameter`] if what makes it so can be read in two ways.
fn comes_whole(paging: &Paging, target: &Target) -> Result<bool, Refusal> {
    let mut is_whole = false;
    for name in &paging.unless {
        is_whole |= number_of(target, name)?.is_some();
    }
    Ok(is_whole)
}

/// A parameter of the query that is a whole number.
pub(in crate::gate) fn number_of(target: &Target, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(value) = value_of(target, name)? else { return Ok(None) };
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| value.parse().ok()).flatten();
    number.map(Some).ok_or(Refusal::Parameter)
}

/// The value of a parameter of the query. Under another name, more than once, as a list, or empty, it is nothing that the
/// backend could read otherwise.
fn value_of(target: &Target, name: &str) -> Result<Option<String>, Refusal> {
    let meant = target.written_parameters().filter(|(written, _)| query::could_be(written, [name])).count();
    let query = target.query.as_deref().unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(written, _)| written == name);
    match (meant, values.next()) {
        (0, _) => Ok(None),
        (1, Some((_, value))) if !value.is_empty() => Ok(Some(value.into_owned())),
        _ => Err(Refusal::Parameter),
    }
}
