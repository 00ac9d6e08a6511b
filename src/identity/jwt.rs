//! Signed tokens: whose they are, and whether they are true.

use std::{collections::HashMap, sync::Arc};

use super::{
    AuthError, Identity, Invalid, Method, Outside,
    jwk::Found,
    jws::{self, Jws},
    key_set::KeySet,
    settings::{Jwt, Sources},
    user,
};
use crate::{
    ids::{TenantId, Timestamp},
    metrics::{Bounded, bounded},
};

/// Verified tokens that are remembered. Above it the least used go first, and are verified again when they
/// come again: some 50 µs each.
pub const TOKENS_MAX: usize = 65_536;

/// All issuers of signed tokens.
#[derive(Debug)]
pub(super) struct Issuers {
    sources: Vec<Source>,
    by_issuer: HashMap<String, Vec<usize>>,
    /// By SHA-256 of the token.
    verified: Arc<Bounded<[u8; 32], Verified>>,
    outside: Outside,
}

#[derive(Debug)]
struct Source {
    tenant: TenantId,
    settings: Jwt,
    keys: KeySet,
}

/// A token that was found true. It is so until it ends, or its issuer publishes other keys.
#[derive(Clone, Debug)]
struct Verified {
    source: usize,
    keys: [u8; 32],
    identity: Identity,
    ends: Timestamp,
}

impl Issuers {
    /// Keys are kept from `before` where their issuer's settings did not change, verified tokens where no
    /// issuer's did: whether a token is true hangs on all of them, for it must be meant for one alone.
    pub(super) fn new(
        tenants: &[(TenantId, Arc<Sources>)],
        outside: &Outside,
        before: Option<&Self>,
    ) -> Self {
        let all =
            tenants.iter().flat_map(|(tenant, sources)| sources.jwt.iter().map(move |jwt| (tenant, jwt)));
        let sources: Vec<_> = all
            .map(|(tenant, settings)| {
                let same = |source: &&Source| source.tenant == *tenant && source.settings == *settings;
                let known =
                    before.and_then(|before| before.sources.iter().find(same)).map(|source| &source.keys);
                let keys = KeySet::new(settings, &outside.client, &outside.clock, &outside.metrics, known);
                Source { tenant: tenant.clone(), settings: settings.clone(), keys }
            })
            .collect();
        let mut by_issuer: HashMap<_, Vec<_>> = HashMap::new();
        for (index, source) in sources.iter().enumerate() {
            by_issuer.entry(source.settings.issuer.clone()).or_default().push(index);
        }
        let same = |before: &&Self| {
            let pair = |source: &Source| (source.tenant.clone(), source.settings.clone());
            before.sources.iter().map(pair).eq(sources.iter().map(pair))
        };
        let verified = before.filter(same).map(|before| Arc::clone(&before.verified));
        let verified =
            verified.unwrap_or_else(|| Arc::new(bounded(TOKENS_MAX, &outside.metrics.tokens_forgotten)));
        Self { sources, by_issuer, verified, outside: outside.clone() }
    }

    /// Whether a token says that it is of an issuer that is known here.
    pub(super) fn know_issuer_of(&self, token: &str, digest: &[u8; 32]) -> bool {
        let known = |issuer: String| self.by_issuer.contains_key(&issuer);
        self.verified.get(digest).is_some() || jws::issuer(token).is_some_and(known)
    }

    /// Whose a token is.
    pub(super) async fn identify(&self, token: &str, digest: &[u8; 32]) -> Result<Identity, AuthError> {
        if let Some(identity) = self.known(digest).await? {
            return Ok(identity);
        }
        let jws = jws::read(token)?;
        let (index, source) = self.source_of(&jws)?;
        let keys = self.verify(&jws, source).await?;
        let (identity, ends) = source.judge(&jws, self.outside.clock.now())?;
        let verified = Verified { source: index, keys, identity: identity.clone(), ends };
        self.verified.insert(*digest, verified);
        Ok(identity)
    }

    /// The identity of a token that was found true before, if it is so still.
    async fn known(&self, digest: &[u8; 32]) -> Result<Option<Identity>, AuthError> {
        let Some(verified) = self.verified.get(digest) else { return Ok(None) };
        let Some(source) = self.sources.get(verified.source) else { return Ok(None) };
        if self.outside.clock.now() >= verified.ends {
            self.verified.remove(digest);
            return Err(Invalid::Expired.into());
        }
        // Not without keys that are young enough, and not after a rotation, which may have been a revocation.
        let same_keys = *source.keys.current().await?.digest() == verified.keys;
        Ok(same_keys.then_some(verified.identity))
    }

    /// The one source that the token says it is for. Nothing of this is believed until its key has verified it.
    fn source_of(&self, jws: &Jws<'_>) -> Result<(usize, &Source), Invalid> {
        let issuer = jws.claims.issuer.as_ref().ok_or(Invalid::Issuer)?;
        let indices = self.by_issuer.get(issuer).ok_or(Invalid::Issuer)?;
        let mut meant = indices.iter().filter_map(|&index| {
            let source = self.sources.get(index)?;
            let ours = |audience| source.settings.audience.contains(audience);
            jws.claims.audience.iter().any(ours).then_some((index, source))
        });
        match (meant.next(), meant.next()) {
            (Some(one), None) => Ok(one),
            // A token for two tenants would be a key to both.
            (None, _) | (Some(_), Some(_)) => Err(Invalid::Audience),
        }
    }

    /// Verifies the signature; answers which keys did.
    async fn verify(&self, jws: &Jws<'_>, source: &Source) -> Result<[u8; 32], AuthError> {
        if !source.settings.algorithms.contains(&jws.algorithm) {
            return Err(Invalid::Algorithm.into());
        }
        let id = jws.key_id.as_deref();
        let mut keys = source.keys.current().await?;
        if let Found::Nothing = keys.find(id, jws.algorithm) {
            keys = source.keys.newer_than(keys.digest()).await.ok_or(Invalid::Key)?;
        }
        match keys.find(id, jws.algorithm) {
            Found::Nothing => Err(Invalid::Key.into()),
            Found::OtherAlgorithm => Err(Invalid::Algorithm.into()),
            Found::Key(key) if key.verifies(jws.signed.as_bytes(), &jws.signature) => Ok(*keys.digest()),
            Found::Key(_) => Err(Invalid::Signature.into()),
        }
    }
}

impl Source {
    /// Judges the rest of a token whose signature is right; answers who it is of and when it ends.
    fn judge(&self, jws: &Jws<'_>, now: Timestamp) -> Result<(Identity, Timestamp), Invalid> {
        let leeway = i64::try_from(self.settings.leeway.as_millis()).unwrap_or(i64::MAX);
        if !self.settings.types.contains(&jws.kind) {
            return Err(Invalid::Type);
        }
        if jws.claims.bound {
            return Err(Invalid::Bound);
        }
        let expires = jws.claims.expires.ok_or(Invalid::NoExpiry)?;
        let ends = Timestamp(expires.0.saturating_add(leeway));
        if now >= ends {
            return Err(Invalid::Expired);
        }
        let begins = jws.claims.not_before.map(|begins| Timestamp(begins.0.saturating_sub(leeway)));
        if begins.is_some_and(|begins| now < begins) {
            return Err(Invalid::NotYet);
        }
        let user = jws::text_at(&jws.payload, &self.settings.user).and_then(|text| user(&text));
        let user = user.ok_or(Invalid::User)?;
        Ok((Identity { tenant: self.tenant.clone(), user, until: Some(ends), by: Method::Jwt }, ends))
    }
}
