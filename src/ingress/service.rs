//! The ingress as the `hooks` listener's service: heads and bodies in, responses out.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::service::Service;

use super::{Ingress, Refused, answer};
use crate::{
    channel::Answer,
    server::{BodyError, LimitedBody},
};

/// One per listener, cloned for each connection.
#[derive(Clone, Debug)]
pub struct Hooks(Arc<Ingress>);

impl Hooks {
    /// Serves an ingress.
    #[must_use]
    pub fn new(ingress: Arc<Ingress>) -> Self {
        Self(ingress)
    }
}

impl Service<Request<LimitedBody>> for Hooks {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<LimitedBody>) -> Self::Future {
        let ingress = self.0.clone();
        Box::pin(async move {
            let answer = ingress.answer(request).await.unwrap_or_else(|refused| Answer::from(&refused));
            Ok(answer::response(answer))
        })
    }
}

impl Ingress {
    async fn answer(&self, request: Request<LimitedBody>) -> Result<Answer, Refused> {
        let (head, mut body) = request.into_parts();
        let endpoint =
            self.endpoint(head.uri.path()).inspect_err(|refused| self.metrics.refused("none", refused))?;
        let early = |refused: &Refused| self.metrics.refused(endpoint.provider.label(), refused);
        self.check_head(&endpoint, &head.method, &head.headers).inspect_err(early)?;
        if head.method == Method::GET {
            return Ok(self.get(&endpoint, head.uri.query(), &head.headers));
        }
        body.set_limit(endpoint.body_bytes_max);
        let body = body.read_all().await.map_err(Refused::from).inspect_err(early)?;
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        self.post(&endpoint, target, &head.headers, body).await?;
        Ok(Answer::empty(http::StatusCode::OK))
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { .. } => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
            BodyError::NoMemory => Self::Busy,
            BodyError::Broken(_) => Self::Incomplete,
        }
    }
}
