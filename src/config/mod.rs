//! Configuration: a folder of TOML files → one immutable [`Config`], or every mistake at once.
//!
//! In a [`Config`] every address, duration, reference and secret is already its real type and every
//! default is spelled out. Rooms never see the raw files.
//!
//! [`Config::load`] goes through `folder` (which files there are), `document` (TOML with the line of
//! everything, `${…}` replaced by `interpolate`), `schema` (the file against its type in `raw`: unknown and
//! missing keys, wrong values) and `build` (what only the files together can tell), and each of them notes
//! every mistake it finds.

pub mod aliases;
pub(crate) mod alone;
mod build;
mod document;
mod folder;
pub mod fuzzing;
pub mod gate;
mod interpolate;
mod laid;
mod load;
pub mod markdown;
mod mistake;
pub mod named;
pub mod presets;
mod raw;
mod restart;
pub mod rights;
pub mod roles;
pub mod routes;
mod schema;
pub(crate) mod text;
pub mod watch;
pub mod writing;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use self::mistake::nearest;
pub use self::{
    interpolate::Env,
    load::Loaded,
    mistake::{KeyPath, Mistake, Mistakes, Place, Wrong},
    restart::{NeedsRestart, restart_needed},
    schema::FileKind,
};
use crate::{
    assign::Queue,
    backend::{Backend, Egress},
    channel::{Channel, Provider},
    directory::{self, Directory},
    identity::Sources,
    ids::{AccountId, BackendId, EndpointId, TeamId, TenantId},
    policy,
    secret::Secret,
    server::Listener,
    spool::{Format, embedded::Store},
};

/// A whole valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[listener.*]`: `hooks`, `agents` and `ops`; each is optional.
    pub listeners: Listeners,
    /// `[backend.*]`.
    pub backends: BTreeMap<BackendId, Backend>,
    /// `[store]`.
    pub store: Store,
    /// `[delivery]`.
    pub delivery: Delivery,
    /// `[egress]`: how Headgate itself calls out.
    pub egress: Egress,
    /// `[gate]`: the agents' side.
    pub gate: gate::Gate,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// `tenants/*`.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Endpoints of all tenants by their name in the URL, which is unique over tenants.
    pub endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
}

/// The listeners that are configured.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    /// Providers' webhooks.
    pub hooks: Option<Listener>,
    /// Agents, panels and integrations.
    pub agents: Option<Listener>,
    /// Operators.
    pub ops: Option<OpsListener>,
}

/// The operators' listener.
#[derive(Clone, Debug)]
pub struct OpsListener {
    /// Address, TLS and limits.
    pub listener: Listener,
    /// Bearer tokens; needed on any address but loopback, unless client certificates are required.
    pub tokens: Vec<Secret>,
}

/// `[delivery]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The largest answer of a backend that is read, in bytes.
    pub answer_bytes_max: usize,
    /// How deep a provider's fragment may nest to be delivered as JSON.
    pub json_nesting_max: usize,
}

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Log filter, in the syntax of `tracing-subscriber`'s `EnvFilter`.
    pub log: String,
    /// `json` or `text`.
    pub json: bool,
}

/// One tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Users and teams of the configuration.
    pub directory: Directory,
    /// The directory over HTTP, if actors come from there.
    pub source: Option<directory::http::Settings>,
    /// Who may do what, as written: it compiles, and its own tests pass.
    pub policy: policy::Source,
    /// Accounts by name.
    pub accounts: BTreeMap<AccountId, Arc<Account>>,
    /// Strategies by team; a team that is not here is `manual`.
    pub assignment: BTreeMap<TeamId, Queue>,
    /// How its users prove who they are.
    pub identity: Arc<Sources>,
    /// What its users may reach of a backend's API; `None`: nothing.
    pub routes: Option<routes::RouteMap>,
}

/// One webhook URL.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name in the URL.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who posts to it.
    pub provider: Provider,
    /// Bytes of a request body.
    pub body_bytes_max: usize,
    /// How its webhooks are delivered: the format of its accounts' backends, which must be one.
    pub format: Format,
    /// Its accounts by (channel, the provider's id).
    pub accounts: BTreeMap<(Channel, String), Arc<Account>>,
}

/// One of our identities.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where its webhooks arrive.
    pub endpoint: EndpointId,
    /// Which kind of provider.
    pub channel: Channel,
    /// The provider's id of it; for a mailbox a lower-case address or domain.
    pub provider_id: String,
    /// Where its events go.
    pub backend: BackendId,
    /// The team of its new conversations.
    pub team: Option<TeamId>,
    /// The provider's credential for sending; for the relay alone, no other room reads it.
    pub token: Option<Secret>,
}
