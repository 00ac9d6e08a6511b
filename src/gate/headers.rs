//! Headers: few pass, in either direction, and those that say who asks are Headgate's own.
//!
//! Request headers are on a list or they do not pass: whatever steers a proxy, overrides a method, names
//! another path or another user (rows A15, A19, C02, C03, C20) is not on it, in any spelling. Conditions and ranges are
//! not on it either, since they would be about what the backend has, not about what the user may see.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{directory::Version, ids::BadId, policy::Actor};

/// What every request may have.
const PASSED: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// What every answer may have.
const SHOWN: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_DISPOSITION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
];

/// Who asks, as the backend is told.
pub(super) const ACTOR: HeaderName = HeaderName::from_static("headgate-actor");
/// Whose user that is. Two tenants may have users of one name.
pub(super) const TENANT: HeaderName = HeaderName::from_static("headgate-tenant");
/// The user's teams, with commas between them.
pub(super) const TEAMS: HeaderName = HeaderName::from_static("headgate-teams");
/// The version of the user's grants; on every answer too.
pub(super) const GRANTS: HeaderName = HeaderName::from_static("headgate-grants");
/// The version that the user's grants must have at least for the request to be decided.
const MIN_GRANTS: HeaderName = HeaderName::from_static("headgate-min-grants");
/// The same four, signed.
pub(super) const ASSERTION: HeaderName = HeaderName::from_static("headgate-assertion");
/// On every answer: the decision, for `headgate explain`.
pub(super) const DECISION: HeaderName = HeaderName::from_static("headgate-decision");

/// The headers of a request that are passed on: those on the list, without what `Connection` names.
#[must_use]
pub fn passed(sent: &HeaderMap, also: &[HeaderName]) -> HeaderMap {
    let of_connection: Vec<&[u8]> = sent
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    let mut passed = HeaderMap::new();
    for name in PASSED.iter().chain(also) {
        // What a body is was read here, and the backend must read it as the same.
        let is_of_connection =
            of_connection.iter().any(|named| named.eq_ignore_ascii_case(name.as_str().as_bytes()));
        if is_of_connection && *name != header::CONTENT_TYPE {
            continue;
        }
        for value in sent.get_all(name) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

/// How fresh the user's grants must be.
///
/// # Errors
/// If it is not one version.
pub fn min_grants(sent: &HeaderMap) -> Result<Option<Version>, BadId> {
    let mut named = sent.get_all(MIN_GRANTS).iter();
    let Some(first) = named.next() else { return Ok(None) };
    let text = if named.next().is_none() { first.to_str().unwrap_or_default() } else { "" };
    text.parse().map(Some)
}

/// Tells the backend who asks. A name that no header can hold tells nothing, and the request is then refused.
#[must_use]
pub fn identify(headers: &mut HeaderMap, actor: &Actor, grants: &str) -> bool {
    let teams: Vec<_> = actor.teams.iter().map(crate::ids::TeamId::as_str).collect();
    let all = [
        (ACTOR, actor.user.as_str()),
        (TENANT, actor.tenant.as_str()),
        (TEAMS, &teams.join(",")),
        (GRANTS, grants),
    ];
    all.into_iter().all(|(name, value)| {
        let value = HeaderValue::from_str(value);
        value.map(|value| headers.insert(name, value)).is_ok()
    })
}

/// The headers of an answer that are shown: those on the list, and that nobody keeps it (the next one who
/// asks may see something else).
#[must_use]
pub fn shown(sent: &HeaderMap, also: &[HeaderName]) -> HeaderMap {
    let mut shown = HeaderMap::new();
    for name in SHOWN.iter().chain(also) {
        for value in sent.get_all(name) {
            shown.append(name.clone(), value.clone());
        }
    }
    keep_nowhere(&mut shown);
    shown
}

/// Says that an answer is for this user and this moment alone.
pub(super) fn keep_nowhere(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    // Also of what keeps it all the same, none asks for the same: credentials stand in many places.
    headers.insert(header::VARY, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        fields.collect()
    }

    #[test]
    fn only_what_is_on_the_list_passes() {
        let sent = map(&[
            ("accept", "*/*"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("x-headgate-user", "adm"),
            ("x_headgate_user", "adm"),
            ("x.headgate.user", "adm"),
            ("headgate-actor", "adm"),
            ("headgate-tenant", "globex"),
            ("x-original-url", "/public"),
            ("x-http-method-override", "DELETE"),
            ("x-forwarded-client-cert", "adm"),
            ("if-none-match", "\"1\""),
            ("range", "bytes=0-1"),
            ("x-panel", "7"),
        ]);
        let also = [HeaderName::from_static("x-panel")];
        assert_eq!(passed(&sent, &also), map(&[("accept", "*/*"), ("x-panel", "7")]));
    }

    #[test]
    fn what_belongs_to_the_connection_ends_with_it() {
        let sent = map(&[("connection", "close, Accept"), ("accept", "*/*"), ("user-agent", "panel")]);
        assert_eq!(passed(&sent, &[]), map(&[("user-agent", "panel")]));
    }

    #[test]
    fn nobody_takes_away_what_a_body_is() {
        let sent = map(&[("connection", "close, content-type"), ("content-type", "application/json")]);
        assert_eq!(passed(&sent, &[]), map(&[("content-type", "application/json")]));
    }

    #[test]
    fn an_answer_is_kept_nowhere_and_sets_nothing() {
        let sent = map(&[
            ("content-type", "application/json"),
            ("set-cookie", "backend_session=1"),
            ("etag", "\"1\""),
            ("cache-control", "public"),
            ("server", "rails"),
        ]);
        let expected = map(&[
            ("content-type", "application/json"),
            ("cache-control", "private, no-store"),
            ("vary", "*"),
            ("x-content-type-options", "nosniff"),
        ]);
        assert_eq!(shown(&sent, &[]), expected);
    }
}
