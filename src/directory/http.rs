//! A directory over HTTP: two questions, answered as JSON with an `ETag`
//! (`docs/directory-openapi.yaml` is the contract).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{
    Member, Tree, is_name,
    source::{Answer, Source, SourceError, Validator},
};
use crate::{
    backend::{Bounds, Client, USER_AGENT},
    ids::{TeamId, TenantId, UserId},
    spool::Later,
};

/// Bytes at most of the answer about the teams. Ten thousand of them have some 600 KiB.
pub const TEAMS_BYTES_MAX: usize = 4 << 20;

/// Bytes at most of the answer about a user: many are kept. A thousand teams and roles have some 50 KiB.
pub const USER_BYTES_MAX: usize = 64 << 10;

/// What a user's name is written with in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// `[source]` of `directory.toml`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is; the questions' paths are appended.
    pub url: Uri,
    /// The `Authorization` header of the questions, marked as sensitive.
    pub authorization: Option<HeaderValue>,
    /// Time for one call.
    pub timeout: Duration,
    /// How long its answers may be used.
    pub rules: super::Rules,
}

/// The directory at [`Settings::url`].
#[derive(Debug)]
pub struct HttpSource {
    settings: Settings,
    client: Client,
}

/// `GET {url}/users/{user}`.
#[derive(Debug, Deserialize)]
struct UserAnswer {
    user: String,
    active: bool,
    #[serde(default)]
    away: bool,
    teams: Vec<String>,
    roles: Vec<String>,
    #[serde(default)]
    traits: Vec<String>,
}

/// `GET {url}/teams`.
#[derive(Debug, Deserialize)]
struct TeamsAnswer {
    teams: Vec<TeamAnswer>,
}

#[derive(Debug, Deserialize)]
struct TeamAnswer {
    team: String,
    #[serde(default)]
    parent: Option<String>,
}

impl HttpSource {
    /// A source at `settings.url`, called by `client`.
    #[must_use]
    pub fn new(settings: Settings, client: Client) -> Self {
        Self { settings, client }
    }

    async fn ask(
        &self,
        path: &str,
        known: Option<&Validator>,
        answer_bytes_max: usize,
    ) -> Result<Response<Bytes>, SourceError> {
        let base = self.settings.url.to_string();
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(format!("{}/{path}", base.trim_end_matches('/')))
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "application/json");
        if let Some(value) = &self.settings.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        let request = request.body(Bytes::new()).map_err(crate::backend::CallError::Url)?;
        let bounds = Bounds { timeout: self.settings.timeout, answer_bytes_max };
        Ok(self.client.call(request, bounds).await?)
    }

    async fn ask_member(
        &self,
        user: &UserId,
        known: Option<&Validator>,
    ) -> Result<Answer<Option<Member>>, SourceError> {
        let path = format!("users/{}", utf8_percent_encode(user.as_str(), SEGMENT));
        let answer = self.ask(&path, known, USER_BYTES_MAX).await?;
        match answer.status() {
            StatusCode::OK => Ok(Answer::Is(Some(member(answer.body(), user)?), validator(&answer))),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Answer::NotModified),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Answer::Is(None, None)),
            other => Err(SourceError::Status(other)),
        }
    }

    async fn ask_teams(&self, known: Option<&Validator>) -> Result<Answer<Tree>, SourceError> {
        let answer = self.ask("teams", known, TEAMS_BYTES_MAX).await?;
        match answer.status() {
            StatusCode::OK => Ok(Answer::Is(tree(answer.body())?, validator(&answer))),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Answer::NotModified),
            other => Err(SourceError::Status(other)),
        }
    }
}

impl Source for HttpSource {
    fn is_fixed(&self) -> bool {
        false
    }

    fn member<'a>(
        &'a self,
        _tenant: &'a TenantId,
        user: &'a UserId,
        known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Option<Member>>, SourceError>> {
        Box::pin(self.ask_member(user, known))
    }

    fn teams<'a>(
        &'a self,
        _tenant: &'a TenantId,
        known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Tree>, SourceError>> {
        Box::pin(self.ask_teams(known))
    }
}

/// What an answer says of a user.
pub(super) fn member(answer: &[u8], user: &UserId) -> Result<Member, SourceError> {
    let said: UserAnswer = serde_json::from_slice(answer)?;
    if said.user != user.as_str() {
        return Err(SourceError::OtherUser);
    }
    Ok(Member {
        active: said.active,
        away: said.away,
        teams: said.teams.iter().map(|name| team(name)).collect::<Result<_, _>>()?,
        roles: said.roles,
        traits: said.traits,
    })
}

/// What an answer says of the teams.
pub(super) fn tree(answer: &[u8]) -> Result<Tree, SourceError> {
    let said: TeamsAnswer = serde_json::from_slice(answer)?;
    let named = |one: &TeamAnswer| Ok((team(&one.team)?, one.parent.as_deref().map(team).transpose()?));
    let teams: Vec<_> = said.teams.iter().map(named).collect::<Result<_, SourceError>>()?;
    Ok(Tree::new(teams))
}

fn team(name: &str) -> Result<TeamId, SourceError> {
    if is_name(name) { Ok(TeamId::new(name)) } else { Err(SourceError::TeamName) }
}

fn validator(answer: &Response<Bytes>) -> Option<Validator> {
    answer.headers().get(header::ETAG).cloned()
}
