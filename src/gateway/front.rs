//! The listeners: bound first, opened when everything behind them is there.

use std::{convert::Infallible, error::Error, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::GatewayError;
use crate::{
    config::Config,
    server::{self, Acceptor, Bound, LimitedBody, Listener, Serving},
};

pub(super) const HOOKS: &str = "hooks";
pub(super) const AGENTS: &str = "agents";
pub(super) const OPS: &str = "ops";

/// A listener of a configuration, by its name.
pub(super) fn listener<'c>(config: &'c Config, name: &str) -> Option<&'c Listener> {
    match name {
        HOOKS => config.listeners.hooks.as_ref(),
        AGENTS => config.listeners.agents.as_ref(),
        _ => config.listeners.ops.as_ref().map(|ops| &ops.listener),
    }
}

pub(super) fn bind(
    name: &'static str,
    listener: Option<&Listener>,
    metrics: &server::Metrics,
) -> Result<Option<Bound>, GatewayError> {
    let bound = listener.map(|listener| server::bind(listener, name, metrics));
    bound.transpose().map_err(|source| GatewayError::Bind { name, source: Box::new(source) })
}

/// A listener at work.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Arc<Acceptor>>,
    serving: Serving,
    pub(super) drain: CancellationToken,
}

impl Front {
    pub(super) fn open<S, B>(name: &'static str, bound: Bound, service: S) -> io::Result<Self>
    where
        S: hyper::service::Service<
                Request<LimitedBody>,
                Response = Response<B>,
                Error = Infallible,
                Future: Send,
            > + Clone
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let address = bound.local_address()?;
        let (tls, drain) = (bound.tls(), CancellationToken::new());
        let serving = bound.serve(service, drain.clone());
        info!(listener.name = name, listener.address = %address, "listening");
        Ok(Self { name, address, tls, serving, drain })
    }

    pub(super) async fn close(self) {
        self.drain.cancel();
        self.serving.drained().await;
    }
}
