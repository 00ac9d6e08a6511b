//! The seams to those who know people: who a request is from, and what they may.

use std::{fmt, sync::Arc};

use http::request::Parts;

pub use crate::directory::NoActor;
use crate::{
    directory::Version,
    ids::{TenantId, UserId},
    policy::Actor,
    server::Peer,
    spool::Later,
};

/// Finds out who a request is from.
pub trait Authenticate: fmt::Debug + Send + Sync {
    /// Takes the credentials out of a request's head and says whose they are.
    fn authenticate<'a>(
        &'a self,
        head: &'a mut Parts,
        peer: &'a Peer,
    ) -> Later<'a, Result<Identity, NoIdentity>>;
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose user it is.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
}

/// Why it is not known who a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    /// There are no credentials.
    #[error("no credentials")]
    Missing,
    /// They are not valid.
    #[error("the credentials are not valid")]
    Invalid,
    /// There are several, or they can be read in several ways.
    #[error("the credentials are ambiguous")]
    Ambiguous,
    /// Who could tell cannot be asked.
    #[error("the credentials cannot be checked now")]
    Unavailable,
}

/// Knows what users may.
pub trait People: fmt::Debug + Send + Sync {
    /// A user with what they may at this moment, by rights that are at least as fresh as `min`.
    fn actor<'a>(
        &'a self,
        tenant: &'a TenantId,
        user: &'a UserId,
        min: Option<Version>,
    ) -> Later<'a, Result<Granted, NoActor>>;

    /// The number of the last time that it was told that something of a tenant's users has changed: what was read before may be out of
    /// date.
    fn last_change_told(&self, tenant: &TenantId) -> u64;

    /// A user by rights of any freshness that may be used, as long as nobody need be asked: `None` if somebody must be.
    fn known(&self, tenant: &TenantId, user: &UserId) -> Option<Result<Granted, NoActor>>;
}

/// A user with what they may.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The user.
    pub actor: Arc<Actor>,
    /// From when on the rights are known, for the backend's and the user's `headgate-grants`.
    pub version: Version,
}
