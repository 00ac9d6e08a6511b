//! Tokens that only their issuer can read: it is asked (RFC 7662), once for all who wait, and its answer is
//! believed for a while.
//!
//! Each source has answers of its own, so that what one issuer said of a token for one audience and set of
//! scopes never answers for another (C16).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use data_encoding::BASE64;
use http::{Method as Verb, Request, StatusCode, header};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    AuthError, Identity, Invalid, Method, Outside,
    jws::{date, is_there, one_or_many, text_at},
    settings::{Introspection, Sources},
    user,
};
use crate::{
    backend::{CallError, USER_AGENT},
    causes::Causes,
    ids::{TenantId, Timestamp},
    metrics::{Bounded, bounded},
};

/// Answers that are remembered for each source. Above it the least used go first.
pub const ANSWERS_MAX: usize = 65_536;

/// Questions to one issuer at once. Above it: 503, so that a flood of invented tokens is not handed on to it.
pub const QUESTIONS_MAX: usize = 64;

/// Time for which an issuer that did not answer for a token is not asked for it again.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// All issuers that are asked.
#[derive(Debug)]
pub(super) struct Introspections(Vec<Source>);

#[derive(Debug)]
struct Source {
    tenant: TenantId,
    settings: Introspection,
    /// By SHA-256 of the token.
    answers: Arc<Bounded<[u8; 32], Answer>>,
    questions: Semaphore,
    failing: AtomicBool,
    outside: Outside,
}

/// What is known of a token.
#[derive(Clone, Debug)]
struct Answer {
    verdict: Verdict,
    /// When it is forgotten, on the monotonic clock.
    dies: Duration,
}

#[derive(Clone, Debug)]
enum Verdict {
    Active(Identity),
    Refused(Invalid),
    /// The issuer did not answer.
    Unknown,
}

/// What the issuer says (RFC 7662 section 2.2).
#[derive(Deserialize)]
pub(super) struct Told {
    active: bool,
    #[serde(rename = "iss")]
    issuer: Option<String>,
    #[serde(rename = "aud", default, deserialize_with = "one_or_many")]
    audience: Vec<String>,
    scope: Option<String>,
    token_type: Option<String>,
    /// What some issuers tell an access token from a refresh token by, which is `active` as well.
    token_use: Option<String>,
    #[serde(rename = "exp", default, deserialize_with = "date")]
    expires: Option<Timestamp>,
    #[serde(rename = "nbf", default, deserialize_with = "date")]
    not_before: Option<Timestamp>,
    #[serde(rename = "cnf", default, deserialize_with = "is_there")]
    bound: bool,
}

/// Why an issuer gave no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("the issuer could not be asked")]
    Call(#[from] CallError),
    #[error("the question could not be written")]
    Question(#[from] http::Error),
    #[error("the issuer answered {0}")]
    Status(StatusCode),
    #[error("the issuer's answer cannot be read")]
    Answer(#[source] serde_json::Error),
    #[error("too many questions are open")]
    TooMany,
}

impl Introspections {
    /// Answers are kept from `before` where what they answer did not change.
    pub(super) fn new(
        tenants: &[(TenantId, Arc<Sources>)],
        outside: &Outside,
        before: Option<&Self>,
    ) -> Self {
        let all = tenants
            .iter()
            .flat_map(|(tenant, sources)| sources.introspection.iter().map(move |one| (tenant, one)));
        let sources = all.map(|(tenant, settings)| {
            let same = |source: &&Source| source.tenant == *tenant && source.settings.asks_the_same(settings);
            let known = before.and_then(|before| before.0.iter().find(same));
            let answers = known.map(|source| Arc::clone(&source.answers));
            Source {
                tenant: tenant.clone(),
                settings: settings.clone(),
                answers: answers
                    .unwrap_or_else(|| Arc::new(bounded(ANSWERS_MAX, &outside.metrics.answers_forgotten))),
                questions: Semaphore::new(QUESTIONS_MAX),
                failing: AtomicBool::new(false),
                outside: outside.clone(),
            }
        });
        Self(sources.collect())
    }

    /// Whose a token is that is shown in a request for `host`; `None` if nobody is asked there.
    pub(super) async fn identify(
        &self,
        token: &str,
        digest: &[u8; 32],
        host: Option<&str>,
    ) -> Option<Result<Identity, AuthError>> {
        let asked_here = |source: &&Source| {
            let hosts = &source.settings.hosts;
            hosts.is_empty()
                || host.is_some_and(|host| hosts.iter().any(|one| one.eq_ignore_ascii_case(host)))
        };
        // The one for this host before the one for all.
        let named =
            self.0.iter().filter(asked_here).max_by_key(|source| !source.settings.hosts.is_empty())?;
        Some(named.identify(token, digest).await)
    }
}

impl Source {
    async fn identify(&self, token: &str, digest: &[u8; 32]) -> Result<Identity, AuthError> {
        self.answers.remove_if(digest, |answer| self.is_over(answer));
        let asked = self.answers.get_or_insert_async(digest, async {
            let since = self.outside.clock.elapsed();
            let asked = self.ask(token).await;
            self.note(&asked);
            let answer = match asked {
                Ok((told, body)) => self.judge(&told, &body, since),
                // A want of room says nothing of this token.
                Err(AskError::TooMany) => return Err(AuthError::Unavailable { retry_after: FAILURE_PAUSE }),
                Err(_) => {
                    Answer { verdict: Verdict::Unknown, dies: self.outside.clock.elapsed() + FAILURE_PAUSE }
                }
            };
            Ok(answer)
        });
        match asked.await?.verdict {
            Verdict::Active(identity) => Ok(identity),
            Verdict::Refused(invalid) => Err(invalid.into()),
            Verdict::Unknown => Err(AuthError::Unavailable { retry_after: FAILURE_PAUSE }),
        }
    }

    /// Whether an answer is forgotten: by its age, or because what it says has ended on the wall clock.
    fn is_over(&self, answer: &Answer) -> bool {
        let ended = match &answer.verdict {
            Verdict::Active(identity) => identity.until.is_some_and(|end| self.outside.clock.now() >= end),
            Verdict::Refused(_) | Verdict::Unknown => false,
        };
        ended || self.outside.clock.elapsed() >= answer.dies
    }

    async fn ask(&self, token: &str) -> Result<(Told, Bytes), AskError> {
        let Ok(_permit) = self.questions.try_acquire() else {
            self.outside.metrics.questions_max.inc();
            return Err(AskError::TooMany);
        };
        let answer = self.outside.client.ask(self.question(token)?).await?;
        if answer.status() != StatusCode::OK {
            return Err(AskError::Status(answer.status()));
        }
        let body = answer.into_body();
        let told = serde_json::from_slice(&body).map_err(AskError::Answer)?;
        Ok((told, body))
    }

    fn question(&self, token: &str) -> Result<Request<Bytes>, http::Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
        let encoded = |bytes: &[u8]| form_urlencoded::byte_serialize(bytes).collect::<String>();
        let (id, secret) =
            (encoded(self.settings.client_id.as_bytes()), encoded(self.settings.client_secret.expose()));
        let basic = format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes()));
        let mut basic = http::HeaderValue::try_from(basic)?;
        basic.set_sensitive(true);
        Request::builder()
            .method(Verb::POST)
            .uri(self.settings.url.clone())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, basic)
            .body(Bytes::from(body))
    }

    fn judge(&self, told: &Told, body: &[u8], since: Duration) -> Answer {
        match identity(&self.settings, &self.tenant, told, body, self.outside.clock.now()) {
            Ok(identity) => Answer { verdict: Verdict::Active(identity), dies: since + self.settings.ttl },
            Err(invalid) => {
                Answer { verdict: Verdict::Refused(invalid), dies: since + self.settings.negative_ttl }
            }
        }
    }

    /// Counts a question, and tells of an issuer that no longer answers, or does so again.
    fn note<T>(&self, asked: &Result<T, AskError>) {
        self.outside.metrics.asked(asked.is_ok());
        match asked {
            Ok(_) if self.failing.swap(false, Relaxed) => {
                tracing::info!(identity.source = self.settings.name, "the issuer answers again");
            }
            Ok(_) | Err(AskError::TooMany) => {}
            Err(error) => {
                if !self.failing.swap(true, Relaxed) {
                    let error = Causes(error);
                    tracing::warn!(identity.source = self.settings.name, %error, "the issuer cannot be asked");
                }
            }
        }
    }
}

/// Whose a token is, by what was told of it; the user stands somewhere in the answer's `body`.
///
/// # Errors
/// [`Invalid`]: nobody's, or not for us or not now.
pub(super) fn identity(
    settings: &Introspection,
    tenant: &TenantId,
    told: &Told,
    body: &[u8],
    now: Timestamp,
) -> Result<Identity, Invalid> {
    let Introspection { issuer, audience, scopes, user: pointer, .. } = settings;
    if !told.active {
        return Err(Invalid::Inactive);
    }
    let is = |said: &Option<String>, words: &[&str]| {
        said.as_ref().is_none_or(|said| words.iter().any(|word| said.eq_ignore_ascii_case(word)))
    };
    if !is(&told.token_type, &["Bearer", "access_token"]) || !is(&told.token_use, &["access_token"]) {
        return Err(Invalid::Type);
    }
    if told.bound {
        return Err(Invalid::Bound);
    }
    if issuer.is_some() && *issuer != told.issuer {
        return Err(Invalid::Issuer);
    }
    if !audience.is_empty() && !told.audience.iter().any(|one| audience.contains(one)) {
        return Err(Invalid::Audience);
    }
    let of_token = told.scope.as_deref().unwrap_or_default();
    let granted = |scope: &String| of_token.split(' ').any(|one| one == scope);
    if !scopes.iter().all(granted) {
        return Err(Invalid::Scope);
    }
    if told.expires.is_some_and(|end| now >= end) {
        return Err(Invalid::Expired);
    }
    if told.not_before.is_some_and(|begin| now < begin) {
        return Err(Invalid::NotYet);
    }
    let user = text_at(body, pointer).and_then(|text| user(&text)).ok_or(Invalid::User)?;
    Ok(Identity { tenant: tenant.clone(), user, until: told.expires, by: Method::Introspection })
}
