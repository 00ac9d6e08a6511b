//! Whether the process lives, whether it should be sent webhooks, and what it counts.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;

use super::{
    Ops,
    answer::{Answer, json, json_with, with_header},
};
use crate::server::Problem;

/// Why the gateway should not be sent webhooks now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReady {
    /// No valid configuration was loaded yet.
    ConfigNotLoaded,
    /// It is about to end.
    Draining,
    /// The spool takes nothing: its disk is full or failed.
    SpoolNotWritable,
}

pub(super) fn live() -> Answer {
    with_header(Response::new(Full::from("ok\n")), header::CONTENT_TYPE, "text/plain")
}

impl Ops {
    pub(super) fn ready(&self) -> Answer {
        let reasons = self.not_ready();
        let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json_with(status, &serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons }))
    }

    fn not_ready(&self) -> Vec<NotReady> {
        let status = self.admin.status.borrow();
        [
            (status.config.is_none(), NotReady::ConfigNotLoaded),
            (status.draining, NotReady::Draining),
            (!self.spool.depth().writable, NotReady::SpoolNotWritable),
        ]
        .into_iter()
        .filter_map(|(fails, reason)| fails.then_some(reason))
        .collect()
    }

    pub(super) fn metrics(&self) -> Answer {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            let detail = "the metrics could not be written";
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).response();
        }
        let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        with_header(Response::new(Full::from(Bytes::from(text))), header::CONTENT_TYPE, openmetrics)
    }

    pub(super) fn depth(&self) -> Answer {
        let depth = self.spool.depth();
        json(&serde_json::json!({
            "events": depth.events,
            "lanes": depth.lanes,
            "oldest": depth.oldest.and_then(crate::ids::Timestamp::rfc3339),
            "dead": depth.dead,
            "bytes": depth.bytes,
            "writable": depth.writable,
        }))
    }
}
