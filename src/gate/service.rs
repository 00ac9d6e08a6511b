//! The gate as the `agents` listener's service.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use http::{Request, Response};
use hyper::service::Service;

use super::{Gate, show::unread::Content};
use crate::server::LimitedBody;

/// One per listener, cloned for each connection.
#[derive(Clone, Debug)]
pub struct Agents(Arc<Gate>);

impl Agents {
    /// Serves a gate.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self(gate)
    }
}

impl Service<Request<LimitedBody>> for Agents {
    type Response = Response<Content>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<LimitedBody>) -> Self::Future {
        let gate = Arc::clone(&self.0);
        Box::pin(async move { Ok(gate.answer(request).await) })
    }
}
