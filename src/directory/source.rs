//! Where the directory comes from: the seam, and the configuration's files behind it.

use std::{fmt, sync::Arc};

use super::{Directory, Member, Tree};
use crate::{
    backend::CallError,
    ids::{TenantId, UserId},
    spool::Later,
};

/// The `ETag` of an answer, for asking again.
pub type Validator = http::HeaderValue;

/// What a source answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// This, and how to ask whether it changed.
    Is(T, Option<Validator>),
    /// What the validator stands for is still so.
    NotModified,
}

/// Why a source gave no answer. Nothing follows from it for anybody's rights.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The directory could not be called.
    #[error("the directory could not be called")]
    Call(#[from] CallError),
    /// It answered with a status that says nothing about the question.
    #[error("the directory answered with status {0}")]
    Status(http::StatusCode),
    /// Its answer is not what its contract says (`docs/directory-openapi.yaml`).
    #[error("the directory's answer is not readable")]
    Json(#[from] serde_json::Error),
    /// It answered about somebody else.
    #[error("the directory answered about another user than the one asked for")]
    OtherUser,
    /// A team has a name that could be read as several, or cannot be told to a backend.
    #[error("the directory named a team as none can be named")]
    TeamName,
}

/// A directory.
pub trait Source: fmt::Debug + Send + Sync {
    /// Whether its answers change only with the configuration, so that nothing need be asked again.
    fn is_fixed(&self) -> bool;

    /// What it says of a user; `None` if it knows no such user.
    fn member<'a>(
        &'a self,
        tenant: &'a TenantId,
        user: &'a UserId,
        known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Option<Member>>, SourceError>>;

    /// Its teams.
    fn teams<'a>(
        &'a self,
        tenant: &'a TenantId,
        known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Tree>, SourceError>>;
}

/// `directory.toml`.
#[derive(Clone, Debug)]
pub struct FileSource(pub Arc<Directory>);

impl Source for FileSource {
    fn is_fixed(&self) -> bool {
        true
    }

    fn member<'a>(
        &'a self,
        _tenant: &'a TenantId,
        user: &'a UserId,
        _known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Option<Member>>, SourceError>> {
        Box::pin(async { Ok(Answer::Is(self.0.member(user), None)) })
    }

    fn teams<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Tree>, SourceError>> {
        Box::pin(async { Ok(Answer::Is(self.0.tree(), None)) })
    }
}
