//! How Headgate itself calls out, for the ingress.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    backend::Client,
    ingress::{Fetch, FetchError},
    spool::Later,
};

/// How Headgate itself calls out, for the ingress.
#[derive(Debug)]
pub(super) struct Outgoing(pub(super) ArcSwap<Client>);

impl Fetch for Outgoing {
    fn get<'a>(&'a self, url: &'a str) -> Later<'a, Result<Vec<u8>, FetchError>> {
        let client = self.0.load_full();
        Box::pin(async move {
            let answer = client.fetch(url).await.map_err(|error| FetchError::Call(Arc::new(error)))?;
            if answer.status() == http::StatusCode::OK {
                Ok(answer.into_body().to_vec())
            } else {
                Err(FetchError::Status(answer.status()))
            }
        })
    }
}
