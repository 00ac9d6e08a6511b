//! Host names to addresses: those of `[egress.resolve]`, all others by the system's resolver.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::Service;

/// A resolver that knows some hosts by heart. Their ports count only where the URL names none.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    known: Arc<BTreeMap<String, SocketAddr>>,
    system: GaiResolver,
}

impl Resolver {
    pub(super) fn new(known: BTreeMap<String, SocketAddr>) -> Self {
        Self { known: Arc::new(known), system: GaiResolver::new() }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if let Some(address) = self.known.get(&name.as_str().to_ascii_lowercase()) {
            let known = vec![*address];
            return Box::pin(async move { Ok(known.into_iter()) });
        }
        let found = self.system.call(name);
        Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
    }
}
