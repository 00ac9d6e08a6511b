//! The files as they are written: the single source of the keys, their defaults and their
//! documentation. The doc-comments below are what `headgate schema` and `docs/config.md` show.
//!
//! A key that must be given is an `Option` that its table's schema lists as `required`: its absence is
//! found against the schema, and the file is read all the same, so that every other mistake in it is
//! found too.

mod assignment;
mod backend;
mod channels;
mod directory;
mod gate;
mod headgate;
mod identity;
mod listener;
mod roles;
mod routes;
mod tests;
mod writing;

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    assignment::Assignment,
    backend::{Backend, Health},
    channels::{Account, Channels, Endpoint, OneOrMany, Relay},
    directory::Directory,
    gate::{Gate, Rate},
    headgate::{Delivery, Egress, Headgate, LogFormat, Store, Telemetry},
    identity::{ApiKey, Certificate as ClientCertificate, Identity, Introspection, Jwt, Proxy},
    listener::{Certificate, Limits, Listener, Listeners, OpsListener, Tls},
    roles::{
        AllowedOn, Alternative, Assign, Combine, Condition, Effect, Fields, Forbid, Mode, On, Override,
        Profiles, Relation, Relations, Role, Roles, Rule,
    },
    routes::{
        AsUser, Audit, Begins, Empty as RouteEmpty, Entity, EntityKind, EntityReference, Errors, Export,
        Format as RouteFormat, Literal, LookUp, NoneAs, Object as RouteObject, Page, Route, Routes,
    },
    tests::{Case, Expect, Object, OfObject, Tests},
    writing::{AssignFields, Media, Referred},
};
use super::text::Span;

const DAY: u64 = 86_400;

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) String);

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

name!(
    /// A name that may stand in a URL. As a key it is checked against the schema; as a reference it is
    /// looked up.
    Name,
    "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
);
name!(
    /// A user or team, by the name that the backend knows: it travels in headers such as
    /// `headgate-responsible`, so no space, comma, semicolon or equals sign.
    Who,
    "^[A-Za-z0-9][A-Za-z0-9._@+:-]{0,126}$"
);
name!(
    /// A role. Those of the presets have a dot: `kommo.sales-junior`.
    RoleName,
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
);
name!(
    /// A resource (`inbox.room_history`), rule, profile or app; `*` stands for every resource where that has a
    /// meaning.
    Word,
    "^(\\*|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$"
);
