//! The shipped presets: role files that an operator names with `use` and can read, extend and override.
//!
//! Nothing of what they say is in code. Each line of theirs cites the rule that it follows from.

mod routes;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::routes::RoutePreset;

/// A shipped preset.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The vocabulary: resources and their actions, secret fields.
    Base,
    /// Mekari Qontak: `qontak.admin`, `qontak.supervisor`, `qontak.agent`, …
    Qontak,
    /// Kommo: `kommo.administrator`, `kommo.sales-manager`, …, and what holds there for every role.
    Kommo,
    /// Bitrix24 with the ChatApp app: `bitrix24.portal-admin`, `bitrix24.employee`, …
    Bitrix24,
    /// Chatwoot behind Headgate: `chatwoot.administrator`, `chatwoot.supervisor`, `chatwoot.agent`, …
    Chatwoot,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 5] = [Self::Base, Self::Qontak, Self::Kommo, Self::Bitrix24, Self::Chatwoot];

    /// Its name in `use`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Qontak => "qontak",
            Self::Kommo => "kommo",
            Self::Bitrix24 => "bitrix24",
            Self::Chatwoot => "chatwoot",
        }
    }

    /// What it says, in the syntax of `roles.toml`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Base => include_str!("base.toml"),
            Self::Qontak => include_str!("qontak.toml"),
            Self::Kommo => include_str!("kommo.toml"),
            Self::Bitrix24 => include_str!("bitrix24.toml"),
            Self::Chatwoot => include_str!("chatwoot.toml"),
        }
    }
}
