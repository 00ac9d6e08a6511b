//! Why a gateway could not start, or a reload was refused.

use std::io;

use crate::{
    backend::ClientError,
    ids::TenantId,
    server::{BindError, TlsError},
    spool::embedded as spool,
    tag::embedded as tag,
};

/// Why a gateway could not start, or a reload was refused.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The tag store could not be opened.
    #[error("could not open the tags")]
    Tags(#[from] tag::OpenError),
    /// The spool could not be opened.
    #[error("could not open the spool")]
    Spool(#[from] spool::OpenError),
    /// A listener could not be bound.
    #[error("could not open the listener `{name}`")]
    Bind {
        /// The listener.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<BindError>,
    },
    /// A listener's certificates cannot be used.
    #[error("could not use the certificates of the listener `{name}`")]
    Tls {
        /// The listener.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<TlsError>,
    },
    /// A listener's address cannot be told.
    #[error("could not tell where a listener listens")]
    Address(#[from] io::Error),
    /// A policy does not compile, although the configuration was checked.
    #[error("the policy of the tenant `{tenant}` has {problems} mistakes")]
    Policy {
        /// The tenant.
        tenant: TenantId,
        /// How many.
        problems: usize,
    },
    /// A CA file cannot be used.
    #[error("could not set up calls to the outside")]
    Client(#[from] ClientError),
}
