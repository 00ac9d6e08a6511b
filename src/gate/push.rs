//! Saying a role's rule in the backend's query, so that it does not send what is taken out again. The answer is
//! filtered all the same: this saves work and decides nothing.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    config::routes::Push,
    policy::{Actor, Scope},
    query,
};

/// What stands in a query as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A target with the parameters that narrow its query to `within`, what the user may see at most, in place of those of the
/// same names that it has.
pub(super) fn narrowed(target: String, push: &Push, actor: &Actor, within: Scope) -> String {
    let parameters = match within {
        Scope::Own => &push.own,
        Scope::Team => &push.team,
        Scope::None | Scope::TeamTree | Scope::Open | Scope::All => return target,
    };
    // With several teams the query cannot say which.
    let team = match &*actor.teams {
        [team] => Some(team.as_str()),
        _ => None,
    };
    let mut filled = Vec::new();
    for (name, value) in parameters {
        match (value.as_str(), team) {
            ("{team}", Some(team)) => filled.push((name.as_str(), team)),
            ("{team}", None) => return target,
            (value, _) => filled.push((name.as_str(), value)),
        }
    }
    if filled.is_empty() { target } else { with(&target, &filled) }
}

/// A target with parameters in place of those of the same names that it has.
pub(super) fn with(target: &str, parameters: &[(&str, &str)]) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_pushed = |part: &str| {
        let name = part.split('=').next().unwrap_or_default().replace('+', " ");
        let name = percent_decode_str(&name).decode_utf8_lossy();
        query::could_be(&name, parameters.iter().map(|(pushed, _)| *pushed))
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
        ] {
            assert_eq!(with(target, &own), narrowed, "{target}");
        }
        assert_eq!(with("/c", &[("team", "north & south")]), "/c?team=north%20%26%20south");
    }
}
