//! The agents' side: a request becomes an actor, then a target, then a decision, then a request to the
//! backend of the tenant (`passage`), whose answer is filtered.
//!
//! ```text
//! rate ─► path ─► who ─► rate ─► who ─► routes
//! address  one     user   user    rights  resource, action
//!          form                             │
//!                     ┌─────────────────────┴──┐
//!           object = "answer"              any other      passage::pass
//!                     │                        │
//!         upstream: the answer first    facts: a tag, a prefetch, whose export it is
//!                     │                        │
//!         permit: the one decision      permit: the one decision, before the body
//!                     │                        │
//!                     │                 write: the body; then who asks, and what about, anew
//!                     │                        │
//!                     │                 write/settle: what it writes, or asks about (show/must_show)
//!                     │                        │
//!                     │                 push: the query says what can be seen at most       passage::send
//!                     │          ┌─────────────┼─────────────────┬───────────────────┐
//!                     │     no row can     a list in         nothing to           all else
//!                     │     be seen:       pages:            take out:               │
//!                     │     show/nobody    show/pages,       show/unread          upstream: the call
//!                     │     (no call)      several calls     (passes as it is)       │
//!                     ▼                        ▼                                     ▼
//!                   show: what each object's reader may see, by one decision on each of them
//! ```
//!
//! Wherever it ends, `decisions` has a record of it; `shadow` makes of a no on the way what is only told.
//!
//! Everything that is not understood is refused, in `refusal`, and told, in `decisions`. What the policy says is
//! `policy`'s; who somebody is and what they may is behind the seams in `who`.
//!
//! **Invariant:** a backend gets a user's request only with a [`permit::Permit`], and nothing of an answer is
//! shown without one. Headgate's own questions for facts are the one exception, and their answers stay
//! [`show::answer::Unseen`].

pub mod body;
mod cors;
pub mod decision_log;
pub mod decisions;
mod errors;
pub mod facts;
pub mod fuzzing;
pub mod headers;
mod metrics;
mod passage;
pub mod path;
pub mod permit;
mod prefetch;
mod push;
pub mod rate;
pub mod refusal;
pub mod routes;
mod service;
mod shadow;
pub mod show;
mod snapshot;
mod spelt;
pub mod upstream;
pub mod who;
pub mod write;

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};

use self::{
    cors::Cors,
    decisions::{Decisions, Outcome, Record},
    path::Target,
    permit::Asked,
    refusal::Refusal,
    routes::{Matched, Unmatched},
    show::{exports::Exports, must_show::MustShow, unread::Content},
    snapshot::Tenant,
    who::{Granted, Identity, NoActor},
};
pub use self::{metrics::Metrics, service::Agents, snapshot::Snapshot};
use crate::{
    clock::SharedClock,
    ids::{ConversationId, DecisionId, TenantId},
    policy::Keys,
    query,
    server::{LimitedBody, Peer},
    tag::{Tag, TagStore},
};

/// The methods that a route can have, and those that Headgate answers for it.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The query parameter by which some frameworks take another method (A15).
const METHOD_PARAMETER: &str = "_method";

/// The agents' side of a Headgate.
#[derive(Debug)]
pub struct Gate {
    current: ArcSwap<Snapshot>,
    tags: Arc<dyn TagStore>,
    keys: Keys,
    clock: SharedClock,
    decisions: Arc<Decisions>,
    metrics: Metrics,
    exports: Exports,
}

/// What a gate lives with as long as its Headgate.
#[derive(Debug)]
pub struct Dependencies {
    /// The tags of conversations.
    pub tags: Arc<dyn TagStore>,
    /// The keys that the actors were made with.
    pub keys: Keys,
    /// The time.
    pub clock: SharedClock,
    /// Where decisions are told.
    pub decisions: Arc<Decisions>,
    /// What is counted.
    pub metrics: Metrics,
}

/// An answer that may be sent.
type Shown = Response<Content>;

impl Gate {
    /// A gate that decides by `snapshot`.
    #[must_use]
    pub fn new(snapshot: Snapshot, dependencies: Dependencies) -> Self {
        let Dependencies { tags, keys, clock, decisions, metrics } = dependencies;
        let exports = Exports::new(clock.clone(), metrics.forgotten_exports());
        let current = ArcSwap::from_pointee(snapshot);
        let gate = Self { current, tags, keys, clock, decisions, metrics, exports };
        gate.tell_shadows();
        gate
    }

    /// Decides by another snapshot from the next request on, and opens the decision log anew.
    pub fn replace(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
        self.decisions.reopen();
        self.tell_shadows();
    }

    /// Says which routes refuse nothing (I11), and which roles let pass what they would refuse.
    fn tell_shadows(&self) {
        let snapshot = self.current.load();
        self.metrics.shadows(snapshot.routes_in_shadow().count(), snapshot.roles_in_shadow().count());
        for (tenant, route) in snapshot.routes_in_shadow() {
            tracing::warn!(tenant.id = %tenant, route.match = route, "in shadow mode: what the policy refuses passes");
        }
        for (tenant, role) in snapshot.roles_in_shadow() {
            tracing::warn!(tenant.id = %tenant, role.name = role, "in shadow mode: what is refused to its users passes");
        }
    }

    /// Answers a request, whatever it is, and tells what came of it.
    async fn answer(&self, request: Request<LimitedBody>) -> Shown {
        let snapshot = self.current.load_full();
        let mut record = self.record(request.method());
        let cors = Cors::of(&request, &snapshot.settings.cors_origins);
        let mut shown = match self.pass(&snapshot, request, &mut record).await {
            Ok(shown) => shown,
            Err(refusal) => {
                record.refused(&refusal);
                refusal.response(record.id)
            }
        };
        if let Ok(id) = HeaderValue::from_str(&record.id.to_string()) {
            shown.headers_mut().insert(headers::DECISION, id);
        }
        if let Some(version) = record.grants {
            shown.headers_mut().insert(headers::GRANTS, HeaderValue::from(version.0));
        }
        if let Some(cors) = cors {
            cors.tell(shown.headers_mut());
        }
        record.status = shown.status().as_u16();
        self.metrics.request(record.outcome, record.reason);
        self.decisions.note(record);
        shown
    }

    fn record(&self, method: &Method) -> Record {
        let mut id = [0; 16];
        // Without randomness the ids are alike, and nothing else changes.
        let _without = rand::fill(&mut id);
        Record {
            id: DecisionId(u128::from_be_bytes(id)),
            time: self.clock.now().rfc3339().unwrap_or_default(),
            tenant: None,
            user: None,
            grants: None,
            method: METHODS.iter().find(|known| *known == method).map_or("other", Method::as_str).to_owned(),
            route: None,
            path: None,
            resource: None,
            action: None,
            outcome: Outcome::Answered,
            reason: "answered",
            why: None,
            removed: None,
            facts_age: None,
            shadow: None,
            status: 0,
        }
    }

    async fn pass(
        &self,
        snapshot: &Snapshot,
        request: Request<LimitedBody>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let (mut head, body) = request.into_parts();
        let peer = head.extensions.get::<Peer>().cloned();
        if let Some(peer) = &peer {
            snapshot.rates.of_address(peer.client())?;
        }
        checked(&head, snapshot)?;
        if head.method == Method::OPTIONS {
            return Ok(options());
        }
        let (Some(peer), identity) = (peer, &mut head) else { return Err(Refusal::Unspeakable) };
        let Identity { tenant, user } =
            snapshot.door.authenticate(identity, &peer).await.map_err(Refusal::Identity)?;
        // Anew: the credentials that stood in the query are no part of it any more (C06, C18).
        let target = checked(&head, snapshot)?;
        let min = headers::min_grants(&head.headers).map_err(|_unreadable| Refusal::MinGrants)?;
        record.tenant = Some(tenant.clone());
        record.user = Some(user.clone());
        snapshot.rates.of_user(&tenant, &user)?;
        let granted = snapshot.people.actor(&tenant, &user, min).await.map_err(Refusal::Actor)?;
        record.grants = Some(granted.version);
        if granted.actor.tenant != tenant {
            return Err(Refusal::Actor(NoActor::Unknown));
        }

        let side = snapshot.tenants.get(&tenant).ok_or(Refusal::NoRoute)?;
        let matched = side.routes.find(&head.method, &target.path).map_err(|unmatched| match unmatched {
            Unmatched::Path | Unmatched::Foreign => Refusal::NoRoute,
            Unmatched::Method => Refusal::Method,
        })?;
        record.route = Some(matched.route.name.clone());
        record.path = Some(target.path.as_str().to_owned());
        record.resource = Some(matched.route.resource.clone());
        record.action = Some(matched.route.action.clone());
        check_parameters(&target, &matched, side)?;
        let asked = Asked::of(&matched, granted.actor.grants.policy()).ok_or(Refusal::Unknown)?;
        let rights = Rights::of(granted);
        let passage = Passage {
            gate: self,
            snapshot,
            side,
            granted: &rights.opened,
            enforced: &rights.enforced,
            matched: &matched,
            asked,
            must_show: None,
            would_show: None,
            is_trial: false,
        };
        passage.pass(head, target, body, record).await
    }

    /// The tag of a conversation by its own id or the backend's. An id of the backend's that means two
    /// conversations means none.
    fn tag(&self, side: &Tenant, tenant: &TenantId, name: &str) -> Option<Arc<Tag>> {
        let found = match name.parse::<ConversationId>() {
            Ok(id) => self.tags.tag(id),
            Err(_alias) => {
                let mut tags =
                    side.accounts.iter().filter_map(|account| self.tags.by_alias(tenant, account, name));
                tags.next().filter(|_| tags.next().is_none())
            }
        };
        // The tag of a conversation of another backend says nothing about this one's.
        found.filter(|tag| tag.tenant == *tenant && side.accounts.contains(&tag.account))
    }
}

/// What a request must be for any route.
fn checked(head: &Parts, snapshot: &Snapshot) -> Result<Target, Refusal> {
    if !METHODS.contains(&head.method) {
        return Err(Refusal::Method);
    }
    // An offer to go on in HTTP/2 can be passed over (B07); whoever asks for another protocol would not
    // understand an answer in this one.
    let mut upgrades = head.headers.get_all(header::UPGRADE).iter();
    if upgrades.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"h2c")) {
        return Err(Refusal::Upgrade);
    }
    let settings = &snapshot.settings;
    if head.uri.path() == "*" && head.method == Method::OPTIONS {
        return Target::of(&http::Uri::from_static("/"), usize::MAX, 0).map_err(Refusal::Target);
    }
    Target::of(&head.uri, settings.target_bytes_max, settings.query_parameters_max).map_err(Refusal::Target)
}

/// The same for every path: it tells nothing (A17).
fn options() -> Shown {
    let mut answer = Response::new(Content::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    headers::keep_nowhere(answer.headers_mut());
    answer
}

fn check_parameters(target: &Target, matched: &Matched, side: &Tenant) -> Result<(), Refusal> {
    let writes = matched.route.matches.method != Method::GET;
    let refused = &side.routes.map.refused_parameters;
    let mut parameters = target.written_parameters();
    let one = parameters.find(|(name, _value)| query::could_be(name, refused) || (writes && is_method(name)));
    one.map_or(Ok(()), |_name| Err(Refusal::Parameter))
}

/// What a user may.
struct Rights {
    /// By the policy.
    enforced: Granted,
    /// By the roles in shadow mode as well.
    opened: Granted,
}

impl Rights {
    fn of(enforced: Granted) -> Self {
        let actor = enforced.actor.opened().map_or_else(|| Arc::clone(&enforced.actor), Arc::new);
        Self { opened: Granted { actor, version: enforced.version }, enforced }
    }
}

fn is_method(name: &str) -> bool {
    !name.starts_with(char::is_alphanumeric) && query::could_be(name, [METHOD_PARAMETER])
}

/// A request on its way: who asks for what.
#[derive(Clone, Copy)]
struct Passage<'a> {
    gate: &'a Gate,
    snapshot: &'a Snapshot,
    side: &'a Tenant,
    /// The user by whose rights the request is answered: in shadow mode ([`Actor::opened`](crate::policy::Actor::opened)) more than `enforced`.
    granted: &'a Granted,
    /// The user by whose rights it is decided.
    enforced: &'a Granted,
    matched: &'a Matched,
    asked: Asked,
    /// What a row must show to come in answer to the question; `None`: the question is about nothing that a row hides.
    must_show: Option<&'a MustShow>,
    /// What it would have to show without shadow mode.
    would_show: Option<&'a MustShow>,
    /// It only tells what would come of the request without shadow mode: nothing of it is shown or remembered.
    is_trial: bool,
}
