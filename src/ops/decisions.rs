//! Decisions on agents' requests, by the id that their answers bear.

use http::StatusCode;

use super::{
    Ops,
    answer::{Answer, Refusal, bad_request, json},
};
use crate::{ids::DecisionId, server::Problem};

impl Ops {
    /// One decision. `tenant=NAME` in the query finds that tenant's alone, for whoever shows it to the tenant.
    pub(super) fn decision(&self, id: &str, query: &str) -> Result<Answer, Refusal> {
        let mut tenant = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "tenant" || tenant.replace(value).is_some() {
                return Err(bad_request("the query may have `tenant`, once"));
            }
        }
        let found = id.parse::<DecisionId>().ok().and_then(|id| self.decisions.find(id, tenant.as_deref()));
        let detail = "there is no such decision, or it is no longer kept";
        let found = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no-decision", detail))?;
        Ok(json(found.as_ref()))
    }
}
