//! What a backend's error is to the user (D11, E04).
//!
//! An error is about the request, not an object: what stands in it follows no entity, may quote what the user may not
//! see, and no filter of objects could tell. So its status is told and its body is not, unless the route says that
//! its errors pass; then they are told to who may see every object of the route's resource with every field, whichever
//! of them they quote, and to nobody else.

use http::{StatusCode, header};

use super::{
    Passage, Shown,
    permit::Permit,
    refusal::Refusal,
    show::answer::{Unseen, Withheld},
};
use crate::config::routes::Errors;

impl Passage<'_> {
    /// What is told of an answer that is no success.
    pub(super) fn error(&self, unseen: Unseen, permit: &Permit) -> Result<Shown, Refusal> {
        let status = unseen.status();
        if !is_about_the_request(status) {
            return Err(self.failure(status));
        }
        let wait = unseen.header(&header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let fixed = Refusal::Objected(status, wait);
        match self.matched.route.errors {
            Errors::Fixed => Err(fixed),
            Errors::Pass if self.sees_every_object(&self.granted.actor, permit)? => {
                unseen.whole(&self.side.routes.map).map_err(Refusal::Withheld)
            }
            Errors::Pass => Err(fixed),
        }
    }

    /// What is told of a status by which the object, or the backend, is not there for the user.
    pub(super) fn failure(&self, status: StatusCode) -> Refusal {
        match status {
            // Some backends have no content to tell of an object that is not there.
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::NO_CONTENT => Refusal::Missing,
            StatusCode::FORBIDDEN => Refusal::Declined { hide: self.matched.route.hide },
            StatusCode::SERVICE_UNAVAILABLE => Refusal::Busy,
            StatusCode::PARTIAL_CONTENT => Refusal::Withheld(Withheld::Part),
            _ => Refusal::Failed,
        }
    }
}

/// Whether a status says something that may be known to whoever may make the request. Credentials are Headgate's
/// own here, and what there is to be found is told in one manner alone.
fn is_about_the_request(status: StatusCode) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    is_error && !matches!(status.as_u16(), 401 | 403 | 404 | 407 | 410 | 503)
}
