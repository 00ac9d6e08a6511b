//! What a backend's answer says about the conversation's tag. Pure: reads the headers, and applies
//! what they ask for to a tag.
//!
//! ```text
//! headgate-assign: user=ana; team=sales      either may stand alone; `none` empties it
//! headgate-alias:  4711                      the backend's own id of the conversation
//! headgate-stage:  sales/negotiation         pipeline/stage
//! ```
//!
//! Values are percent-encoded where they hold what a header cannot.

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use crate::{
    directory::Directory,
    ids::{TeamId, UserId},
    tag::Tag,
};

/// `headgate-assign`.
pub const ASSIGN: HeaderName = HeaderName::from_static("headgate-assign");
/// `headgate-alias`.
pub const ALIAS: HeaderName = HeaderName::from_static("headgate-alias");
/// `headgate-stage`.
pub const STAGE: HeaderName = HeaderName::from_static("headgate-stage");

/// Bytes of a decoded user, team, alias or stage. They are kept with the tag, for ever and in memory.
pub const VALUE_BYTES_MAX: usize = 256;

/// What a backend asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `user=` of `headgate-assign`.
    pub responsible: Wish<UserId>,
    /// `team=` of `headgate-assign`.
    pub team: Wish<TeamId>,
    /// `headgate-alias`.
    pub alias: Option<String>,
    /// `headgate-stage`.
    pub stage: Option<String>,
}

/// What to do with a part of the tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish<T> {
    /// Leave it.
    #[default]
    Keep,
    /// Empty it.
    Clear,
    /// Replace it.
    Set(T),
}

/// A header that is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its name.
    pub header: &'static str,
    /// Why.
    pub reason: Reason,
}

/// Why a header is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is repeated, too long, or not in its form.
    Malformed,
    /// The directory has no such user.
    UnknownUser,
    /// The directory has no such team.
    UnknownTeam,
    /// The delivery was about several conversations: which one is meant cannot be known.
    SeveralConversations,
    /// The delivery was about none.
    NoConversation,
}

impl Reason {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownUser => "unknown_user",
            Self::UnknownTeam => "unknown_team",
            Self::SeveralConversations => "several_conversations",
            Self::NoConversation => "no_conversation",
        }
    }
}

/// Reads the headers. One that cannot be followed is left out whole and told of; the others stand.
#[must_use]
pub fn read(headers: &HeaderMap, directory: &Directory) -> (Wishes, Vec<Ignored>) {
    let mut wishes = Wishes::default();
    let mut ignored = Vec::new();
    match single(headers, &ASSIGN).map(|value| value.map(|text| assign(text, directory)).transpose()) {
        Ok(Ok(None)) => {}
        Ok(Ok(Some((responsible, team)))) => (wishes.responsible, wishes.team) = (responsible, team),
        Ok(Err(reason)) | Err(reason) => ignored.push(Ignored { header: "headgate-assign", reason }),
    }
    match single(headers, &ALIAS).map(|value| value.map(decoded).transpose()) {
        Ok(Ok(alias)) => wishes.alias = alias,
        Ok(Err(reason)) | Err(reason) => ignored.push(Ignored { header: "headgate-alias", reason }),
    }
    match single(headers, &STAGE).map(|value| value.map(stage).transpose()) {
        Ok(Ok(stage)) => wishes.stage = stage,
        Ok(Err(reason)) | Err(reason) => ignored.push(Ignored { header: "headgate-stage", reason }),
    }
    (wishes, ignored)
}

/// All tag headers of an answer as ignored, for a delivery that they cannot be followed for.
#[must_use]
pub fn ignore_all(headers: &HeaderMap, reason: Reason) -> Vec<Ignored> {
    [(ASSIGN, "headgate-assign"), (ALIAS, "headgate-alias"), (STAGE, "headgate-stage")]
        .into_iter()
        .filter(|(name, _)| headers.contains_key(name))
        .map(|(_, header)| Ignored { header, reason })
        .collect()
}

impl Wishes {
    /// The tag as the backend wants it.
    #[must_use]
    pub fn applied_to(&self, tag: &Tag) -> Tag {
        let mut wanted = tag.clone();
        self.responsible.apply(&mut wanted.responsible);
        self.team.apply(&mut wanted.team);
        if let Some(alias) = &self.alias {
            wanted.alias = Some(alias.clone());
        }
        if let Some(stage) = &self.stage {
            wanted.stage = Some(stage.clone());
        }
        wanted
    }
}

impl<T: Clone> Wish<T> {
    fn apply(&self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = None,
            Self::Set(value) => *to = Some(value.clone()),
        }
    }
}

/// The one value of a header. Two copies may say two things, so neither is followed.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Reason> {
    let mut values = headers.get_all(name).iter();
    let value =
        values.next().map(|value| value.to_str().map_err(|_not_ascii| Reason::Malformed)).transpose()?;
    if values.next().is_some() { Err(Reason::Malformed) } else { Ok(value) }
}

/// `user=ana; team=sales`, each at most once, at least one of them.
fn assign(text: &str, directory: &Directory) -> Result<(Wish<UserId>, Wish<TeamId>), Reason> {
    let (mut user, mut team) = (None, None);
    for part in text.split(';') {
        let (name, value) = part.split_once('=').ok_or(Reason::Malformed)?;
        let place = match name.trim() {
            "user" => &mut user,
            "team" => &mut team,
            _ => return Err(Reason::Malformed),
        };
        if place.replace(decoded(value)?).is_some() {
            return Err(Reason::Malformed);
        }
    }
    let user = wish(user.as_deref(), |name| {
        directory.users.get_key_value(name).map(|(id, _)| id.clone()).ok_or(Reason::UnknownUser)
    })?;
    let team = wish(team.as_deref(), |name| {
        directory.teams.get_key_value(name).map(|(id, _)| id.clone()).ok_or(Reason::UnknownTeam)
    })?;
    Ok((user, team))
}

fn wish<T>(value: Option<&str>, find: impl FnOnce(&str) -> Result<T, Reason>) -> Result<Wish<T>, Reason> {
    match value {
        None => Ok(Wish::Keep),
        Some("none") => Ok(Wish::Clear),
        Some(name) => find(name).map(Wish::Set),
    }
}

/// `pipeline/stage`: two parts, neither empty.
fn stage(text: &str) -> Result<String, Reason> {
    let stage = decoded(text)?;
    match stage.split_once('/') {
        Some((pipeline, rest)) if !pipeline.is_empty() && !rest.is_empty() && !rest.contains('/') => {
            Ok(stage)
        }
        _ => Err(Reason::Malformed),
    }
}

/// Percent-decoded text without control characters, neither empty nor longer than is kept.
fn decoded(text: &str) -> Result<String, Reason> {
    let decoded = percent_decode_str(text.trim()).decode_utf8().map_err(|_not_utf8| Reason::Malformed)?;
    if decoded.is_empty() || decoded.len() > VALUE_BYTES_MAX || decoded.chars().any(char::is_control) {
        return Err(Reason::Malformed);
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::fuzzing;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        for user in ["ana", "zoë", "a;b"] {
            directory.users.insert(UserId::new(user), crate::directory::User::default());
        }
        directory.teams.insert(TeamId::new("sales"), crate::directory::Team::default());
        directory
    }

    fn read_assign(value: &str) -> Result<(Wish<UserId>, Wish<TeamId>), Reason> {
        let mut headers = HeaderMap::new();
        headers.insert(ASSIGN, value.parse().unwrap());
        let (wishes, ignored) = read(&headers, &directory());
        match ignored.first() {
            Some(ignored) => Err(ignored.reason),
            None => Ok((wishes.responsible, wishes.team)),
        }
    }

    #[test]
    fn an_assignment_names_a_user_a_team_or_both() {
        let user = |name: &str| Wish::Set(UserId::new(name));
        let sales = || Wish::Set(TeamId::new("sales"));
        for (value, want) in [
            ("user=ana; team=sales", Ok((user("ana"), sales()))),
            ("team=sales;user=ana", Ok((user("ana"), sales()))),
            ("user=ana", Ok((user("ana"), Wish::Keep))),
            ("team = sales", Ok((Wish::Keep, sales()))),
            ("user=none", Ok((Wish::Clear, Wish::Keep))),
            ("user=none; team=sales", Ok((Wish::Clear, sales()))),
            ("user=zo%C3%AB", Ok((user("zoë"), Wish::Keep))),
            ("user=a%3Bb", Ok((user("a;b"), Wish::Keep))),
            ("user=bob", Err(Reason::UnknownUser)),
            ("user=ana; team=blue", Err(Reason::UnknownTeam)),
            ("user=ana; user=ana", Err(Reason::Malformed)),
            ("user=ana;", Err(Reason::Malformed)),
            ("user=", Err(Reason::Malformed)),
            ("owner=ana", Err(Reason::Malformed)),
            ("user=%FF", Err(Reason::Malformed)),
            ("user=%0Aana", Err(Reason::Malformed)),
            ("ana", Err(Reason::Malformed)),
            ("", Err(Reason::Malformed)),
        ] {
            assert_eq!(read_assign(value), want, "{value:?}");
        }
    }

    #[test]
    fn a_stage_has_a_pipeline_and_a_stage() {
        for (value, want) in [
            ("sales/negotiation", Some("sales/negotiation")),
            ("sales/in%20review", Some("sales/in review")),
            ("sales", None),
            ("/negotiation", None),
            ("sales/", None),
            ("a/b/c", None),
        ] {
            assert_eq!(stage(value).ok().as_deref(), want, "{value:?}");
        }
    }

    #[test]
    fn one_header_that_is_wrong_does_not_spoil_the_others() {
        let mut headers = HeaderMap::new();
        headers.insert(ASSIGN, "user=bob".parse().unwrap());
        headers.insert(ALIAS, "4711".parse().unwrap());
        headers.append(STAGE, "a/b".parse().unwrap());
        headers.append(STAGE, "a/c".parse().unwrap());
        let (wishes, ignored) = read(&headers, &directory());
        assert_eq!(wishes, Wishes { alias: Some("4711".to_owned()), ..Wishes::default() });
        assert_eq!(
            ignored,
            [
                Ignored { header: "headgate-assign", reason: Reason::UnknownUser },
                Ignored { header: "headgate-stage", reason: Reason::Malformed },
            ]
        );
    }

    #[test]
    fn a_value_longer_than_is_kept_is_ignored() {
        assert_eq!(decoded(&"x".repeat(VALUE_BYTES_MAX)).map(|text| text.len()), Ok(VALUE_BYTES_MAX));
        assert_eq!(decoded(&"x".repeat(VALUE_BYTES_MAX + 1)), Err(Reason::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_law(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            fuzzing::answer_headers(&bytes);
        }

        #[test]
        fn any_values_keep_the_law(assign in "[ -~]{0,40}", alias in "\\PC{0,40}", stage in "[a-z/%0-9 ]{0,20}") {
            let lines = format!("headgate-assign:{assign}\nheadgate-alias:{alias}\nheadgate-stage:{stage}");
            fuzzing::answer_headers(lines.as_bytes());
        }
    }
}
