//! Section C: identity and credentials.

use super::tokens;
use crate::probe::{
    answer::Answer,
    plan::{Objects, Plan, Shown},
    report::Verdict,
    request::{Actor, Request},
    session::{Expected, Session},
};
use crate::secret::Secret;

/// Headers in which gateways tell backends who asks.
const USERS: [&str; 9] = [
    "Headgate-Actor",
    "X-Headgate-User",
    "X-Forwarded-User",
    "Remote-User",
    "X-Remote-User",
    "X-Auth-Request-User",
    "X-Authenticated-User",
    "X-User-Id",
    "X-Webauth-User",
];

/// Headers in which they tell of what rights.
const RIGHTS: [&str; 5] =
    ["X-Headgate-Roles", "Headgate-Teams", "Remote-Groups", "X-Forwarded-Groups", "X-Auth-Request-Groups"];

/// The same names as other programs read them: `-`, `_` and `.` are one to some.
const FOLDED: [&str; 8] = [
    "Headgate_Actor",
    "headgate.actor",
    "X_Headgate_User",
    "X-Headgate_User",
    "x.headgate.user",
    "X_Forwarded_User",
    "X-Forwarded_User",
    "Remote_User",
];

/// What is taken away, were it believed that it goes no further than the next hop.
const HOP_BY_HOP: &str = "Connection: Headgate-Actor, Headgate-Tenant, Headgate-Teams, Headgate-Assertion, \
     Authorization, Cookie, X-Forwarded-For, X-Forwarded-User, X-Real-IP";

/// What who ends TLS tells of a client's certificate.
const CERTIFICATES: [&str; 7] = [
    "X-Forwarded-Client-Cert: Subject=\"CN=NAME\";URI=spiffe://headgate-probe/NAME",
    "X-SSL-Client-S-DN: CN=NAME",
    "X-SSL-Client-CN: NAME",
    "X-SSL-Client-Verify: SUCCESS",
    "ssl-client-verify: SUCCESS",
    "ssl-client-subject-dn: CN=NAME",
    "X-Client-Cert-CN: NAME",
];

/// Names under which credentials stand in queries.
const IN_QUERIES: [&str; 5] = ["access_token", "token", "api_key", "key", "api_access_token"];

pub(super) async fn tried(session: &mut Session<'_>) {
    let Some(object) = session.object() else { return };
    strangers(session).await;
    claims(session, object).await;
    twice(session, object).await;
    native(session, object).await;
    tokens::tried(session, object).await;
    for (row, why) in [
        ("C14", "needs the issuer to change its keys meanwhile"),
        ("C15", "needs the issuer's keys to be out of reach"),
        ("C16", "needs two issuers, and routes that believe one of them each"),
        ("C17", "needs a hand on the introspection endpoint"),
        ("C21", "needs client certificates and two listeners that believe different authorities"),
        ("C22", "needs client certificates that are made to be misread"),
    ] {
        session.not_tried(row, why);
    }
    refused(session, object).await;
    in_query(session, object).await;
    streams(session).await;
    elsewhere(session, object).await;
    cookies(session).await;
}

/// Who shows no credentials gets nothing, and learns nothing of what there is.
async fn strangers(session: &mut Session<'_>) {
    let plan = session.plan;
    for object in &plan.objects {
        let visible = Request::get(object.visible.as_str()).by(Actor::Nobody);
        session.expect("C01", visible, Expected::Refused).await;
        let stranger = |path: &str| Request::get(path).by(Actor::Nobody);
        session.alike("C01", stranger(&object.hidden), stranger(&object.missing)).await;
        for below in &object.below {
            let below = Request::get(format!("{}{below}", object.visible)).by(Actor::Nobody);
            session.expect("C01", below, Expected::Refused).await;
        }
    }
    for list in &plan.lists {
        session.expect("C01", list.asked("").by(Actor::Nobody), Expected::Refused).await;
    }
    for path in plan.refused.iter().chain(&plan.tables) {
        session.expect("C01", Request::get(path.as_str()).by(Actor::Nobody), Expected::Refused).await;
    }
}

/// What a header claims of who asks counts for nothing.
async fn claims(session: &mut Session<'_>, object: &Objects) {
    let name = session.plan.impersonated.clone();
    let hidden = || Request::get(object.hidden.as_str());
    let stranger = || Request::get(object.visible.as_str()).by(Actor::Nobody);
    let users = USERS.map(|header| format!("{header}: {name}"));
    let rights = RIGHTS.map(|header| format!("{header}: admin"));
    for line in users.iter().chain(&rights) {
        session.expect("C02", hidden().with(line), Expected::Refused).await;
    }
    let all = users.iter().chain(&rights).fold(hidden(), |request, line| request.with(line));
    session.expect("C02", all, Expected::Refused).await;
    for line in &users {
        session.expect("C02", stranger().with(line), Expected::Refused).await;
    }
    for header in FOLDED {
        session.expect("C03", hidden().with(&format!("{header}: {name}")), Expected::Refused).await;
    }
    session.expect("C04", hidden().with(HOP_BY_HOP), Expected::Refused).await;
    for list in &session.plan.lists {
        session.rows_of("C04", list, list.asked("").with(HOP_BY_HOP), Verdict::Held).await;
    }
    for line in CERTIFICATES {
        let line = line.replace("NAME", &name);
        session.expect("C20", hidden().with(&line), Expected::Refused).await;
        session.expect("C20", stranger().with(&line), Expected::Refused).await;
    }
}

/// Two credentials are none: one program would take the first, another the last.
async fn twice(session: &mut Session<'_>, object: &Objects) {
    let plan = session.plan;
    let mut tried = false;
    for (name, own) in plan.restricted.in_headers() {
        // What is seen without it is no credential.
        let without = Request::get(object.visible.as_str())
            .showing(format!("without `{name}`"), plan.restricted.with(name, vec![]));
        let Some(heard) = session.ask("C05", &without).await else { continue };
        if heard.answer().is_some_and(Answer::is_success) {
            continue;
        }
        tried = true;
        let others = plan.all_seeing.iter().flat_map(Shown::in_headers);
        let of_all = others.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let scheme = own.expose().split(|byte| *byte == b' ').next().unwrap_or_default();
        let made_up = Secret::new([scheme, b" headgate-probe"].concat());
        for (path, other, whose) in of_all.map(|value| (&object.hidden, value, "all-seeing")).chain([(
            &object.visible,
            &made_up,
            "made up",
        )]) {
            for (first, last) in [(own, other), (other, own)] {
                let joined = Secret::new([first.expose(), b", ", last.expose()].concat());
                for (how, values) in
                    [("two lines", vec![first.clone(), last.clone()]), ("one line", vec![joined])]
                {
                    let shown = plan.restricted.with(name, values);
                    let what = format!("`{name}` twice, in {how}, one {whose}");
                    let request = Request::get(path.as_str()).showing(what, shown);
                    session.expect("C05", request, Expected::Refused).await;
                }
            }
        }
    }
    if !tried {
        session.not_tried(
            "C05",
            "no header of `[actor.restricted]` but `cookie` is needed to see its own object",
        );
    }
}

/// What the backend would take by itself does not reach it.
async fn native(session: &mut Session<'_>, object: &Objects) {
    let plan = session.plan;
    let Some(native) = &plan.native else {
        session.not_tried("C06", "there is no `[actor.native]`");
        return;
    };
    let both = Shown([plan.restricted.0.as_slice(), native.shown.0.as_slice()].concat());
    let hidden = Request::get(object.hidden.as_str());
    let visible = Request::get(object.visible.as_str()).by(Actor::Nobody);
    if !native.shown.0.is_empty() {
        let beside = "with the backend's own credentials too";
        session.expect("C06", hidden.clone().showing(beside, both.clone()), Expected::Refused).await;
        for list in &plan.lists {
            let request = list.asked("").showing(beside, both.clone());
            session.rows_of("C06", list, request, Verdict::Held).await;
        }
        let alone = visible.clone().showing("with the backend's own credentials alone", native.shown.clone());
        session.expect("C06", alone, Expected::Refused).await;
    }
    if let Some(query) = &native.query {
        session.expect("C06", hidden.asking_secretly(query.clone()), Expected::Refused).await;
        session.expect("C06", visible.asking_secretly(query.clone()), Expected::Refused).await;
    }
}

/// Credentials that are no good.
async fn refused(session: &mut Session<'_>, object: &Objects) {
    let plan = session.plan;
    for bad in &plan.refused_credentials {
        let request = Request::get(object.visible.as_str()).by(Actor::Nobody);
        session.expect(bad.row, request.showing(bad.why, bad.shown.clone()), Expected::Refused).await;
    }
    for (row, whys) in [
        ("C10", "`issuer`, `audience` or `id_token`"),
        ("C11", "`expired`, `not_yet` or `endless`"),
        ("C12", "`critical`"),
        ("C13", "`encrypted`"),
        ("C19", "`revoked`"),
    ] {
        if plan.refused_credentials.iter().all(|bad| bad.row != row) {
            session.not_tried(row, &format!("no `[[refused_credentials]]` has `why` {whys}"));
        }
    }
}

/// Queries stand in logs and histories.
async fn in_query(session: &mut Session<'_>, object: &Objects) {
    let plan = session.plan;
    if plan.query_credentials {
        session.not_tried("C18", "the plan says that credentials may stand in the query");
        return;
    }
    for (header, value) in plan.restricted.in_headers() {
        let token = value.expose().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let token = percent_encoding::percent_encode(token, percent_encoding::NON_ALPHANUMERIC).to_string();
        for name in IN_QUERIES.into_iter().chain([header]) {
            let query = Secret::new(format!("{name}={token}"));
            let request = Request::get(object.visible.as_str()).by(Actor::Nobody).asking_secretly(query);
            session.expect("C18", request, Expected::Refused).await;
        }
    }
    if plan.restricted.in_headers().next().is_none() {
        session.not_tried("C18", "`[actor.restricted]` has no header but `cookie`");
    }
}

/// A page of another origin opens no stream with a cookie that the browser lends it.
async fn streams(session: &mut Session<'_>) {
    let Some(stream) = &session.plan.stream else {
        session.not_tried("C23", "there is no `stream`");
        return;
    };
    if !session.plan.restricted.0.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
        session.not_tried("C23", "`[actor.restricted]` has no `cookie`, which a browser would lend");
        return;
    }
    let handshake = |origin: &str| {
        Request::get(stream.as_str()).raw(origin).raw(
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: aGVhZGdhdGUtcHJvYmUhIQ==\r\nConnection: Upgrade\r\n",
        )
    };
    let target = &session.plan.target;
    let scheme = if target.secure { "https" } else { "http" };
    let own = handshake(&format!("Origin: {scheme}://{}\r\n", target.host));
    let Some(heard) = session.ask("C23", &own).await else { return };
    if heard.answers.iter().all(|answer| answer.status != 101) {
        session.not_tried("C23", "the `stream` does not open to a page of its own origin either");
        return;
    }
    for origin in ["Origin: https://headgate-probe.invalid\r\n", "Origin: null\r\n", ""] {
        session.expect("C23", handshake(origin), Expected::NotSwitched).await;
    }
}

/// Who may see more in another tenant sees no more here.
async fn elsewhere(session: &mut Session<'_>, object: &Objects) {
    let Some(other) = &session.plan.elsewhere else {
        session.not_tried("C24", "there is no `[actor.elsewhere]`");
        return;
    };
    // Known there first, on the same connection and on one of its own.
    let there = Request::get(other.sees.as_str()).by(Actor::Elsewhere);
    session.expect("C24", there.clone(), Expected::Shown).await;
    session.expect("C24", Request::get(object.hidden.as_str()), Expected::Refused).await;
    session.expect("C24", there.then(Request::get(object.hidden.as_str())), Expected::Both).await;
    for path in [&object.visible, &object.hidden] {
        session.expect("C24", Request::get(path.as_str()).by(Actor::Elsewhere), Expected::Refused).await;
    }
    session.expect("C24", Request::get(other.sees.as_str()), Expected::Refused).await;
}

/// The backend's session is not the client's.
async fn cookies(session: &mut Session<'_>) {
    let plan = session.plan;
    let mut requests: Vec<_> =
        plan.objects.iter().map(|object| Request::get(object.visible.as_str())).collect();
    requests.extend(plan.lists.iter().map(|list| list.asked("")));
    for request in requests {
        let look = |answer: &Answer| foreign_cookie(plan, answer);
        session.look("C25", request, "no cookie but those that are set on purpose", look).await;
    }
}

fn foreign_cookie(plan: &Plan, answer: &Answer) -> Result<(), String> {
    let mut set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let known = |value: &str| plan.cookies.iter().any(|name| value.split('=').next() == Some(name));
    match set.find(|(_, value)| !known(value)) {
        Some((_, value)) => Err(format!("sets the cookie `{}`", value.split('=').next().unwrap_or_default())),
        None => Ok(()),
    }
}
