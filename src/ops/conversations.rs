//! Conversations: their tags, shown and changed.

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Ops,
    answer::{Answer, Refusal, bad_request, json, json_with, read_json, with_header},
    audit,
    auth::Who,
};
use crate::{
    ids::{ConversationId, TeamId, Timestamp, UserId},
    server::{LimitedBody, Problem},
    tag::{Tag, TagError},
};

/// The longest name, stage or alias that is taken, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// The most participants that are taken.
const PARTICIPANTS_MAX: usize = 1000;

/// A tag, as shown.
#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    version: u64,
    tenant: &'a str,
    account: &'a str,
    responsible: Option<&'a UserId>,
    team: Option<&'a TeamId>,
    participants: &'a [UserId],
    stage: Option<&'a str>,
    alias: Option<&'a str>,
    domain: Option<&'a str>,
    keys: Vec<Key>,
    created: Option<String>,
    assigned: Option<String>,
}

/// One name of a conversation, as shown.
#[derive(Serialize)]
struct Key {
    key: String,
    lasting: bool,
}

impl<'a> Shown<'a> {
    fn of(tag: &'a Tag) -> Self {
        Self {
            id: tag.conversation.to_string(),
            version: tag.version,
            tenant: tag.tenant.as_str(),
            account: tag.account.as_str(),
            responsible: tag.responsible.as_ref(),
            team: tag.team.as_ref(),
            participants: &tag.participants,
            stage: tag.stage.as_deref(),
            alias: tag.alias.as_deref(),
            domain: tag.domain.as_deref(),
            keys: tag
                .keys
                .iter()
                .map(|(key, lasting)| Key { key: key.to_string(), lasting: *lasting })
                .collect(),
            created: tag.created.rfc3339(),
            assigned: tag.assigned.and_then(Timestamp::rfc3339),
        }
    }
}

/// A wished change: what is absent stays, what is null is cleared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// The version that the change is meant for, where `If-Match` does not say it.
    version: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    responsible: Option<Option<UserId>>,
    #[serde(default, deserialize_with = "present")]
    team: Option<Option<TeamId>>,
    #[serde(default, deserialize_with = "present")]
    stage: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    alias: Option<Option<String>>,
    participants: Option<Vec<UserId>>,
}

/// Tells null from absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Ops {
    pub(super) fn conversation(&self, id: &str) -> Result<Answer, Refusal> {
        let tag = id.parse::<ConversationId>().ok().and_then(|id| self.tags.tag(id)).ok_or_else(missing)?;
        Ok(show(&tag))
    }

    pub(super) async fn change_conversation(
        &self,
        id: &str,
        request: Request<LimitedBody>,
        who: &Who,
    ) -> Result<Answer, Refusal> {
        let expected = expected_version(request.headers())?;
        let change: Change = read_json(request).await?;
        let version = match (expected, change.version) {
            (Some(one), Some(other)) if one != other => {
                return Err(bad_request("If-Match and `version` name different versions"));
            }
            (Some(version), _) | (None, Some(version)) => version,
            (None, None) => {
                let detail = "say by If-Match or `version` which version the change is meant for";
                return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "version", detail).into());
            }
        };
        let fields = change.fields()?;

        let tag = id.parse::<ConversationId>().ok().and_then(|id| self.tags.tag(id)).ok_or_else(missing)?;
        let object = tag.conversation.to_string();
        let action = "conversation.change";
        audit::note(who, action, &object, &format!("asked: {} of version {version}", fields.join(", ")));
        let put = self.tags.put(change.applied_to(Tag { version, ..Tag::clone(&tag) })).await;
        let outcome = match &put {
            Ok(tag) => format!("version {}", tag.version),
            Err(error) => error.to_string(),
        };
        audit::note(who, action, &object, &outcome);
        match put {
            Ok(tag) => Ok(show(&tag)),
            Err(TagError::Conflict(current)) => Err(Refusal::Conflict(current)),
            Err(TagError::Missing) => Err(missing()),
            Err(error @ (TagError::Store(_) | TagError::Failed(_))) => {
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store", error.to_string()).into())
            }
        }
    }
}

impl Change {
    /// The names of the fields that change.
    fn fields(&self) -> Result<Vec<&'static str>, Refusal> {
        let texts = [
            ("responsible", self.responsible.as_ref().map(|user| user.as_ref().map(UserId::as_str))),
            ("team", self.team.as_ref().map(|team| team.as_ref().map(TeamId::as_str))),
            ("stage", self.stage.as_ref().map(Option::as_deref)),
            ("alias", self.alias.as_ref().map(Option::as_deref)),
        ];
        let participants = self.participants.iter().flatten().map(UserId::as_str);
        let given = texts.iter().filter_map(|(_, text)| text.flatten());
        if given.chain(participants).any(|text| text.is_empty() || text.len() > TEXT_BYTES_MAX) {
            return Err(bad_request(format!("a value is empty or longer than {TEXT_BYTES_MAX} bytes")));
        }
        if self.participants.iter().flatten().count() > PARTICIPANTS_MAX {
            return Err(bad_request(format!("there are more than {PARTICIPANTS_MAX} participants")));
        }
        let mut fields: Vec<_> =
            texts.iter().filter_map(|(name, text)| text.is_some().then_some(*name)).collect();
        fields.extend(self.participants.as_ref().map(|_| "participants"));
        if fields.is_empty() { Err(bad_request("nothing is to be changed")) } else { Ok(fields) }
    }

    fn applied_to(self, tag: Tag) -> Tag {
        let mut participants = self.participants.unwrap_or(tag.participants);
        participants.sort();
        participants.dedup();
        Tag {
            responsible: self.responsible.unwrap_or(tag.responsible),
            team: self.team.unwrap_or(tag.team),
            stage: self.stage.unwrap_or(tag.stage),
            alias: self.alias.unwrap_or(tag.alias),
            participants,
            ..tag
        }
    }
}

/// The version that `If-Match` names, as the `ETag` of an earlier answer did.
fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get(header::IF_MATCH).map(HeaderValue::to_str) else { return Ok(None) };
    let version = value.ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version.map(Some).ok_or_else(|| bad_request("If-Match must be a version in quotes"))
}

fn show(tag: &Tag) -> Answer {
    with_header(json(&Shown::of(tag)), header::ETAG, &format!("\"{}\"", tag.version))
}

fn missing() -> Refusal {
    Problem::new(StatusCode::NOT_FOUND, "no-conversation", "there is no such conversation").into()
}

pub(super) fn conflict(current: &Tag) -> Answer {
    #[derive(Serialize)]
    struct Conflict<'a> {
        r#type: &'static str,
        title: &'static str,
        status: u16,
        detail: &'static str,
        conversation: Shown<'a>,
    }
    let answer = json_with(
        StatusCode::CONFLICT,
        &Conflict {
            r#type: "urn:headgate:problem:conflict",
            title: "Conflict",
            status: 409,
            detail: "the conversation was changed by somebody else; `conversation` is what it is now",
            conversation: Shown::of(current),
        },
    );
    with_header(answer, header::CONTENT_TYPE, "application/problem+json")
}
