//! Saying a role's rule in the backend's query, so that it does not send what is taken out again. The answer is
//! filtered all the same: this saves work and decides nothing. What is said is said once: a parameter that was sent under
//! its name, in whatever writing, is replaced, and one that was sent twice is refused (A20, A21).

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{path::Target, refusal::Refusal};
use crate::{
    config::routes::{Piece, Push},
    policy::{Actor, Scope},
    query,
};

/// What stands in a query as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A target with the parameters that narrow its query to `within`, what the user may see at most, in place of those of the
/// same names that it has. One that asks for something else by them is left as it is.
///
/// # Errors
/// [`Refusal::Parameter`] if one would be replaced that it has twice: backends differ in which of two they take.
pub(super) fn narrowed(
    target: &Target,
    push: &Push,
    actor: &Actor,
    within: Scope,
) -> Result<String, Refusal> {
    let asked = target.forwarded();
    let parameters = match within {
        Scope::Own => &push.own,
        Scope::Team => &push.team,
        Scope::None | Scope::TeamTree | Scope::Open | Scope::All => return Ok(asked),
    };
    // With several teams the query cannot say which.
    let team = match &*actor.teams {
        [team] => Some(team.as_str()),
        _ => None,
    };
    let filled = parameters.iter().map(|(name, pieces)| {
        let value = said(pieces, actor.user.as_str(), team);
        value.map(|value| (name.as_str(), value))
    });
    let Some(filled) = filled.collect::<Option<Vec<_>>>() else { return Ok(asked) };
    let filled: Vec<_> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let is_meant = |(written, value): (String, String)| {
        let mut names = filled.iter().map(|(name, _)| name);
        let is_pushed = names.any(|name| is_writing_of(&written, name));
        !is_pushed || push.in_place_of.as_ref().is_none_or(|values| values.contains(&value))
    };
    if !target.written_parameters().all(is_meant) {
        return Ok(asked);
    }
    let twice = |(name, _): &(&str, &str)| {
        target.written_parameters().filter(|(written, _)| is_writing_of(written, name)).count() > 1
    };
    if filled.iter().any(twice) {
        return Err(Refusal::Parameter);
    }
    Ok(if filled.is_empty() { asked } else { with(&without(&asked, &filled), &filled) })
}

/// A value for this user; `None` if it names the team of who has not one.
fn said(pieces: &[Piece], user: &str, team: Option<&str>) -> Option<String> {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::User => Some(user),
        Piece::Team => team,
    });
    texts.collect()
}

/// A target without these parameters in any writing. What some backends take for several parameters, `a=1;b=2`, goes as
/// a whole.
pub(super) fn without(target: &str, parameters: &[(&str, &str)]) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_free = |part: &&str| {
        let mut written = part.split(';').flat_map(|piece| form_urlencoded::parse(piece.as_bytes()));
        !written.any(|(written, _)| parameters.iter().any(|(name, _)| is_writing_of(&written, name)))
    };
    let free: Vec<_> = query.split('&').filter(is_free).collect();
    if free.is_empty() { path.to_owned() } else { format!("{path}?{}", free.join("&")) }
}

/// Whether some backend may take a parameter's name for `name`, or for a part of what has that name: `Team[id]` for `team`.
fn is_writing_of(written: &str, name: &str) -> bool {
    fn parts(name: &str) -> impl Iterator<Item = &str> {
        name.split(['[', ']']).filter(|part| !part.is_empty())
    }
    let mut written = parts(written);
    parts(name).all(|part| written.next().is_some_and(|one| one.eq_ignore_ascii_case(part)))
}

/// A target with parameters in place of those of the same names that it has. What some backends take for several
/// parameters goes as a whole if one of them has such a name, and is no such name together.
pub(super) fn with(target: &str, parameters: &[(&str, &str)]) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_pushed = |part: &str| {
        part.split(';').any(|piece| {
            let name = piece.split('=').next().unwrap_or_default().replace('+', " ");
            let name = percent_decode_str(&name).decode_utf8_lossy();
            query::could_be(&name, parameters.iter().map(|(pushed, _)| *pushed))
        })
    };
    let mut narrowed = path.to_owned();
    let mut between = '?';
    for part in query.split('&').filter(|part| !part.is_empty() && !is_pushed(part)) {
        narrowed.push(between);
        narrowed.push_str(part);
        between = '&';
    }
    for (name, value) in parameters {
        let (name, value) = (utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED));
        let _infallible = write!(narrowed, "{between}{name}={value}");
        between = '&';
    }
    narrowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_takes_the_place_of_what_was_asked() {
        let own = [("assignee_type", "me")];
        for (target, narrowed) in [
            ("/c", "/c?assignee_type=me"),
            ("/c?page=2", "/c?page=2&assignee_type=me"),
            ("/c?assignee_type=all&page=2", "/c?page=2&assignee_type=me"),
            ("/c?assignee%5Ftype=all", "/c?assignee_type=me"),
            ("/c?assignee_type[]=all", "/c?assignee_type=me"),
            ("/c?AssigneeType=all", "/c?assignee_type=me"),
            ("/c?&&assignee_type&x", "/c?x&assignee_type=me"),
            ("/c?x;assignee_type=all&y", "/c?y&assignee_type=me"),
            ("/c?assignee;type=all", "/c?assignee;type=all&assignee_type=me"),
        ] {
            assert_eq!(with(target, &own), narrowed, "{target}");
        }
        assert_eq!(with("/c", &[("team", "north & south")]), "/c?team=north%20%26%20south");
    }

    #[test]
    fn a_team_is_said_for_who_has_one() {
        let pieces =
            [Piece::Text("owner:".to_owned()), Piece::User, Piece::Text(",".to_owned()), Piece::Team];
        assert_eq!(said(&pieces, "ana", Some("sales")).as_deref(), Some("owner:ana,sales"));
        assert_eq!(said(&pieces, "ana", None), None);
        assert_eq!(said(&pieces[..3], "ana", None).as_deref(), Some("owner:ana,"));
    }

    #[test]
    fn a21_what_is_pushed_is_known_in_any_writing() {
        for (target, left) in [
            ("/c", "/c"),
            ("/c?a=1&assignee_type[]=all", "/c?a=1"),
            ("/c?assignee%5Ftype%5B0%5D=all&a=1", "/c?a=1"),
            ("/c?ASSIGNEE_TYPE=all", "/c"),
            ("/c?a=1;assignee_type=all&b=2", "/c?b=2"),
            ("/c?filter[team][]=1&filter[stage]=2", "/c?filter[stage]=2"),
            ("/c?%2561ssignee_type=all&assignee=x&a;b", "/c?%2561ssignee_type=all&assignee=x&a;b"),
        ] {
            assert_eq!(without(target, &[("assignee_type", "me"), ("filter[team]", "7")]), left, "{target}");
        }
    }
}
