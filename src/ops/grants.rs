//! Grants: what the directory says of a user now, and the push that makes it ask again.

use http::Request;
use serde::Deserialize;

use super::{
    Ops,
    answer::{Answer, Refusal, bad_request, json, read_json},
    audit,
    auth::Who,
};
use crate::{
    directory::Invalidate,
    ids::{TeamId, TenantId, UserId},
    server::LimitedBody,
};

/// Whose grants are to be asked for again: exactly one of `user`, `role`, `team`, `all`, or the tenant alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalidation {
    tenant: Option<TenantId>,
    user: Option<UserId>,
    role: Option<String>,
    team: Option<TeamId>,
    #[serde(default)]
    all: bool,
}

impl Ops {
    /// `POST /v1/grants/invalidate`. Answers with the version that a request names in `headgate-min-grants`
    /// to be decided by what is true now, on every node.
    pub(super) async fn invalidate_grants(
        &self,
        request: Request<LimitedBody>,
        who: &Who,
    ) -> Result<Answer, Refusal> {
        let asked: Invalidation = read_json(request).await?;
        let names = [
            asked.tenant.as_ref().map(TenantId::as_str),
            asked.user.as_ref().map(UserId::as_str),
            asked.role.as_deref(),
            asked.team.as_ref().map(TeamId::as_str),
        ];
        if names.into_iter().flatten().any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(bad_request("a name has at most 127 bytes"));
        }
        let scope = asked.scope()?;
        if let Some(tenant) = &asked.tenant
            && self.world.load().tenant(tenant).is_none()
        {
            return Err(bad_request("there is no such tenant"));
        }
        audit::note(who, "grants.invalidate", &described(&scope), "asked");
        let version = self.actors.invalidate(scope);
        Ok(json(&serde_json::json!({ "grants": version.to_string() })))
    }
}

impl Invalidation {
    fn scope(&self) -> Result<Invalidate, Refusal> {
        let tenant = || self.tenant.clone().ok_or_else(|| bad_request("say of which `tenant`"));
        match (&self.user, &self.role, &self.team, self.all) {
            (Some(user), None, None, false) => Ok(Invalidate::User(tenant()?, user.clone())),
            (None, Some(role), None, false) => Ok(Invalidate::Role(tenant()?, role.clone())),
            (None, None, Some(team), false) => Ok(Invalidate::Team(tenant()?, team.clone())),
            (None, None, None, true) if self.tenant.is_none() => Ok(Invalidate::All),
            (None, None, None, false) => Ok(Invalidate::Tenant(tenant()?)),
            _ => Err(bad_request(
                "say one of `user`, `role`, `team` (with `tenant`), `tenant` alone, or `all`",
            )),
        }
    }
}

/// Bytes that a name has at most: as in a directory, and the mark of an invalidation is kept.
const NAME_BYTES_MAX: usize = 127;

/// In words, for the audit log.
fn described(scope: &Invalidate) -> String {
    match scope {
        Invalidate::User(tenant, user) => {
            format!("tenant={:?} user={:?}", tenant.as_str(), user.as_str())
        }
        Invalidate::Role(tenant, role) => format!("tenant={:?} role={role:?}", tenant.as_str()),
        Invalidate::Team(tenant, team) => {
            format!("tenant={:?} team={:?}", tenant.as_str(), team.as_str())
        }
        Invalidate::Tenant(tenant) => format!("tenant={:?}", tenant.as_str()),
        Invalidate::All => "all".to_owned(),
    }
}
