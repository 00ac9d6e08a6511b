//! The shipped route maps: APIs of products as a tenant's users may reach them, in the syntax of `routes.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A shipped route map.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum RoutePreset {
    /// Chatwoot's API for agents, below `/api/v1/accounts/{account}` and `/api/v2/accounts/{account}`.
    Chatwoot,
    /// A CRM's API in Kommo's shape, below `/api/v4`.
    CrmV4,
}

impl RoutePreset {
    /// Every route map.
    pub const ALL: [Self; 2] = [Self::Chatwoot, Self::CrmV4];

    /// Its name in `use`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chatwoot => "chatwoot",
            Self::CrmV4 => "crm-v4",
        }
    }

    /// What it says, in the syntax of `routes.toml`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Chatwoot => include_str!("routes/chatwoot.toml"),
            Self::CrmV4 => include_str!("routes/crm-v4.toml"),
        }
    }
}
