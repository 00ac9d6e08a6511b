//! The way of one request that has its route: facts, decision, call.

use std::{collections::BTreeMap, error::Error, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use http_body::Body as _;

use super::{
    Passage, Rights, Shown,
    decisions::{Outcome, Record},
    facts::{Keyed, Known},
    headers,
    path::Target,
    permit::{Asked, Decided, Denied, Permit},
    push,
    refusal::Refusal,
    routes::filled,
    shadow::Shadow,
    show::{
        answer::{Unseen, Withheld},
        nobody,
        pages::{ListRequest, Paged},
        without_echo,
    },
    upstream::{From, Onward},
    who::{Granted, NoActor},
    write::{self, Said, Sent, settle::Settled},
};
use crate::{
    config::routes::{Audit, Object},
    filter::{EntityNo, TotalValues},
    ids::{DecisionId, UserId},
    policy::{DenyReason, FieldNo, Scope, TeamKey},
    server::LimitedBody,
};

impl<'a> Passage<'a> {
    pub(super) async fn pass(
        &self,
        head: Parts,
        target: Target,
        body: LimitedBody,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let route = &self.matched.route;
        if route.as_user && self.credential().is_none() {
            return Err(Refusal::Missing);
        }
        write::check_body(route, &body).map_err(Refusal::Body)?;
        let mut passed = headers::passed(&head.headers, &self.side.routes.map.request_headers);
        // What can be filtered, whatever the client would rather have (D09).
        if let Some(media_type) = route.shows.format.media_type() {
            passed.insert(header::ACCEPT, HeaderValue::from_static(media_type));
        }
        if let Some(Object::Answer { entity, parameter }) = &route.object {
            self.may_ask_before(&target, record)?;
            let grants = self.granted.version.to_string();
            let from = self.from(&grants, record.id);
            let id = self.parameter(parameter);
            let looked = async {
                let unseen = self.side.upstream.look(target.forwarded(), passed, from).await?;
                self.read_of(&unseen, *entity, id).map(|known| (unseen, known))
            };
            let (unseen, known) = match looked.await {
                Ok(looked) => looked,
                Err(refusal) => {
                    let knows = self.without_shadow().may_know_why(&target, *entity, id, record.id).await;
                    return Err(match (knows, self.in_shadow()) {
                        (Err(hidden), None) => hidden,
                        (Err(hidden), Some(_)) if hidden != refusal => {
                            self.tell_refusal(&hidden, "it may not be known why there is no answer", record);
                            refusal
                        }
                        (Ok(()) | Err(_), _) => refusal,
                    });
                }
            };
            let keyed = self.keyed(&known).await?;
            let permit = self.decide(Some(&keyed), &[], record)?;
            self.put_on_record(record).await?;
            return self.show(unseen, &permit, None, record).await;
        }

        let object = self.object(record.id).await?;
        self.see_what_it_stands_in(object.as_ref(), record).await?;
        // Before the body is read: a refused upload is not asked for (B12).
        let permit = self.decide_first(object.as_ref(), record)?;
        let is_there = body.is_end_stream();
        let sent = Sent { target: &target, headers: &head.headers, body };
        let said = Said::read(route, sent).await.inspect_err(|refusal| {
            if let Refusal::Body(error) = refusal {
                self.snapshot.count_limit(*error);
            }
        })?;
        if is_there {
            return Box::pin(self.make(permit, object, target, passed, said, record)).await;
        }
        // The body may have taken its time: who asks and what about, as they are now.
        let rights = self.rights_of_now().await?;
        record.grants = Some(rights.enforced.version);
        let now = self.by(&rights)?;
        let object = now.object(record.id).await?;
        now.see_what_it_stands_in(object.as_ref(), record).await?;
        let permit = now.decide_first(object.as_ref(), record)?;
        Box::pin(now.make(permit, object, target, passed, said, record)).await
    }

    /// Whether a user may know why there is no answer about an object. A backend may fail by what stands in the query (`format=xml`)
    /// only where the object is there: so it is decided on without the query, and is not there for who may not see it (D02).
    async fn may_know_why(
        &self,
        target: &Target,
        entity: EntityNo,
        id: &str,
        decision: DecisionId,
    ) -> Result<(), Refusal> {
        if target.query.is_none() {
            return Ok(());
        }
        let known = self.fetched(target.path.as_str(), entity, id, decision).await?;
        let keyed = self.keyed(&known).await?;
        let decided = Decided::on(&self.granted.actor, self.asked, Some(&keyed), &[]);
        decided
            .permit()
            .map(|_permit| ())
            .map_err(|Denied(reason)| self.denied(reason, self.asked, Some(&keyed)))
    }

    /// What the user may at this moment.
    async fn rights_of_now(&self) -> Result<Rights, Refusal> {
        let Granted { actor, version } = self.enforced;
        let granted = self.snapshot.people.actor(&actor.tenant, &actor.user, Some(*version)).await;
        let granted = granted.map_err(Refusal::Actor)?;
        if granted.actor.tenant != actor.tenant {
            return Err(Refusal::Actor(NoActor::Unknown));
        }
        Ok(Rights::of(granted))
    }

    /// The same request by these rights.
    fn by<'b>(&'b self, rights: &'b Rights) -> Result<Passage<'b>, Refusal> {
        let policy = rights.enforced.actor.grants.policy();
        let asked = Asked::of(self.matched, policy).ok_or(Refusal::Unknown)?;
        Ok(Passage { granted: &rights.opened, enforced: &rights.enforced, asked, ..*self })
    }

    /// Who the backend is told that a request is from.
    fn from<'b>(&'b self, grants: &'b str, decision: DecisionId) -> From<'b> {
        From {
            actor: &self.granted.actor,
            grants,
            decision,
            now: self.gate.clock.now(),
            credential: self.credential(),
        }
    }

    /// By what the backend takes the user for themself, and the header for it.
    fn credential(&self) -> Option<(&HeaderName, &HeaderValue)> {
        let own = self.side.routes.map.as_user.as_ref()?;
        Some((&own.header, own.credentials.get(&self.granted.actor.user)?))
    }

    /// Decides on a request that was read whole, makes it and shows the answer.
    async fn make(
        &self,
        permit: Permit,
        object: Option<Keyed>,
        target: Target,
        passed: HeaderMap,
        said: Said,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let settled = self.settle(permit, object.as_ref(), &target, said, record);
        let mut settled = Box::pin(settled).await?;
        let (must_show, would_show) = (settled.must_show.take(), settled.would_show.take());
        let answering = Passage { must_show: must_show.as_ref(), would_show: would_show.as_ref(), ..*self };
        Box::pin(answering.send(settled, object, target, passed, record)).await
    }

    /// Makes a request that may be made, and shows the answer.
    async fn send(
        &self,
        settled: Settled,
        object: Option<Keyed>,
        target: Target,
        mut passed: HeaderMap,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let Settled { permit, body, changes, facts_at, version, must_show: _, would_show: _ } = settled;
        let route = &self.matched.route;
        let grants = self.granted.version.to_string();
        let from = self.from(&grants, record.id);
        if let Some(version) = version {
            passed.insert(header::IF_MATCH, version);
        } else {
            let age = facts_at.map(|at| self.gate.clock.elapsed().saturating_sub(at));
            record.facts_age = age.and_then(|age| u64::try_from(age.as_millis()).ok());
        }
        let method = route.matches.method.clone();
        let enforced = permit.without_shadow();
        let why = "a parameter can be read in two ways";
        let would =
            self.would(enforced.as_ref(), why, record, |would, enforced| would.ask_for(&target, enforced));
        let AsksFor { paged, within, target } = self.ask_for(&target, &permit)?;
        if let Some(enforced) = self.would_be_shown_by(&permit, record)
            && let Err(refusal) =
                self.without_shadow().see_before(&enforced, object.as_ref(), record.id).await
        {
            self.tell_refusal(&refusal, "the object is not seen", record);
        }
        self.see_before(&permit, object.as_ref(), record.id).await?;
        self.put_on_record(record).await?;
        if within == Scope::None && !route.writes() && self.in_shadow().is_none() {
            let number = paged.as_ref().and_then(Paged::number);
            if let Some(none) = nobody::answer(&route.shows, &TotalValues { number, ..TotalValues::of(0) })? {
                return Ok(none);
            }
        }
        let onward = Onward { method, target, headers: passed, body };
        if let Some(paged) = paged {
            let request = ListRequest { onward, from, around: object.as_ref() };
            let would = would.and_then(|would| would.paged);
            return Box::pin(self.show_page(&paged, would.as_ref(), &permit, &request, record)).await;
        }
        // Also if the user goes away before the answer comes: the write was made all the same.
        let _forgets: Vec<_> =
            changes.into_iter().map(|path| self.side.prefetched.forget_at_the_end(path)).collect();
        let upstream = &self.side.upstream;
        let answered = if route.writes() {
            match upstream.write(&permit, onward, from).await? {
                Some(answered) => answered,
                None => return Ok(without_echo(record)),
            }
        } else if self.passes_unread(&permit)? {
            let format = route.shows.format;
            match upstream.forward_unread(&permit, onward, from, format).await? {
                Ok(passing) => {
                    let why = "the answer may be shown as a whole only";
                    self.would(enforced.as_ref(), why, record, |would, enforced| {
                        let passes = would.passes_unread(enforced)?;
                        passes.then_some(()).ok_or(Refusal::Withheld(Withheld::Uncovered))
                    });
                    return Ok(passing.shown(format, &self.side.routes.map));
                }
                Err(unseen) => unseen,
            }
        } else {
            upstream.forward(&permit, onward, from).await?
        };
        self.show(answered, &permit, object.as_ref(), record).await
    }

    /// What the backend is asked for a list. In shadow mode its query is what it would be without Headgate, but for pages that are Headgate's own.
    fn ask_for(&self, target: &Target, permit: &Permit) -> Result<AsksFor<'a>, Refusal> {
        let (actor, shows) = (&self.granted.actor, &self.matched.route.shows);
        let within = self.shapes()?.reach(actor, shows, self.asked).within;
        let paged = self.paged(target, permit)?;
        let is_meant = !shows.push.as_user || self.credential().is_some();
        let target = match self.in_shadow() {
            None if is_meant => push::narrowed(target, &shows.push, actor, within)?,
            _ => target.forwarded(),
        };
        Ok(AsksFor { paged, within, target })
    }

    /// The one decision on the request, told in the record. In shadow mode a no is only told.
    pub(super) fn decide(
        &self,
        object: Option<&Keyed>,
        writes: &[FieldNo],
        record: &mut Record,
    ) -> Result<Permit, Refusal> {
        let decided = Decided::on(&self.enforced.actor, self.asked, object, writes);
        match (decided.permit(), self.shadow(object, writes)) {
            (Ok(permit), shadow) => {
                record.decided(Outcome::Allowed, decided.label(), decided.why);
                Ok(shadow.map_or(permit, |shadow| shadow.permit.in_place_of(permit)))
            }
            (Err(Denied(reason)), Some(shadow)) if Shadow::passes(reason) => {
                record.decided(Outcome::WouldDeny, reason.label(), decided.why);
                record.shadow = Some(shadow.of);
                Ok(shadow.permit)
            }
            (Err(Denied(reason)), _) => {
                record.why = Some(decided.why);
                Err(self.denied(reason, self.asked, object))
            }
        }
    }

    /// A no as it is told. That an object is there is hidden only from who may not see it.
    pub(super) fn denied(&self, reason: DenyReason, asked: Asked, object: Option<&Keyed>) -> Refusal {
        let sees = object.zip(asked.view).is_some_and(|(object, view)| {
            let seen = Decided::on(&self.enforced.actor, asked.to(view), Some(object), &[]);
            seen.permit().is_ok()
        });
        Refusal::Denied { reason, hide: self.matched.route.hide && !sees }
    }

    /// Waits until the decision is in the log, if the route needs that: what nobody can look up later does not
    /// happen (I12).
    pub(super) async fn put_on_record(&self, record: &Record) -> Result<(), Refusal> {
        match self.matched.route.audit {
            Audit::Bounded => Ok(()),
            Audit::Must => {
                let noted = self.gate.decisions.must_note(record.clone()).await;
                noted.map_err(|_unrecorded| Refusal::Unrecorded)
            }
        }
    }

    /// What is known of the object before the request is made; `None` if the resource as such is asked for, or the
    /// body names the objects.
    pub(super) async fn object(&self, decision: DecisionId) -> Result<Option<Keyed>, Refusal> {
        if self.matched.route.writing.ids.is_some() {
            return Ok(None);
        }
        self.object_of(&self.matched.parameters, decision).await
    }

    /// The same of the object that these parameters name.
    pub(super) async fn object_of(
        &self,
        parameters: &BTreeMap<String, String>,
        decision: DecisionId,
    ) -> Result<Option<Keyed>, Refusal> {
        let object = &self.matched.route.object;
        let id = object.as_ref().and_then(|object| parameters.get(object.parameter()));
        let id = id.map_or("", String::as_str);
        let known = match object {
            // The answer's object is decided on when it is there.
            None | Some(Object::Answer { .. }) => return Ok(None),
            Some(Object::Export { of, .. }) => {
                let belongs = self.gate.exports.belongs_to(&self.enforced.actor, of, id);
                return if belongs { Ok(None) } else { Err(Refusal::Missing) };
            }
            Some(Object::Common) => Arc::new(Known { open: true, ..Known::default() }),
            Some(Object::Tag { .. }) => Arc::new(self.tag(id).unwrap_or_default()),
            Some(Object::Prefetch { line, entity, .. }) => {
                let path = filled(line, parameters);
                self.fetched(&path, *entity, id, decision).await?
            }
        };
        self.keyed(&known).await.map(Some)
    }

    /// What the answer at `path` says of its object, for which Headgate asks itself if it is not known.
    pub(super) async fn fetched(
        &self,
        path: &str,
        entity: EntityNo,
        id: &str,
        decision: DecisionId,
    ) -> Result<Arc<Known<'static>>, Refusal> {
        let tenant = &self.granted.actor.tenant;
        let now = self.gate.clock.now();
        let ask = async {
            let unseen = self.side.upstream.look_itself(path.to_owned(), tenant, decision, now).await?;
            self.read_of(&unseen, entity, id)
        };
        // What was read before somebody told of a change, such as of who takes part, is read anew (promise 6).
        let reading = (entity, id, self.snapshot.people.last_change_told(tenant));
        self.side.prefetched.facts(path, &reading, ask).await
    }

    /// The same of an object that is only named. One that is not there, or that nobody can read, is nobody's.
    pub(super) async fn fetched_or_nobodys(
        &self,
        path: &str,
        entity: EntityNo,
        id: &str,
        decision: DecisionId,
    ) -> Result<Known<'static>, Refusal> {
        match self.fetched(path, entity, id, decision).await {
            Ok(known) => Ok(Known::clone(&known)),
            Err(
                Refusal::Missing | Refusal::Declined { .. } | Refusal::AnswerTooLarge | Refusal::Withheld(_),
            ) => Ok(Known::default()),
            Err(refusal) => Err(refusal),
        }
    }

    /// What an answer says of the object for which it was asked, if it can be read; operators are told if not.
    fn read_of(&self, unseen: &Unseen, entity: EntityNo, id: &str) -> Result<Known<'static>, Refusal> {
        let known = self.readable(unseen).and_then(|()| self.known(unseen, entity, id));
        match known {
            // Another object than the asked one is like none: that it is there is not told either.
            Err(Refusal::Withheld(Withheld::Another)) => Err(Refusal::Missing),
            Err(Refusal::Withheld(why)) => {
                let (route, error) = (&self.matched.route.name, &why as &dyn Error);
                tracing::warn!(route.match = route, error, "an object that is asked about cannot be read");
                Err(Refusal::Withheld(why))
            }
            known => known,
        }
    }

    /// What the tag of a conversation says.
    pub(super) fn tag(&self, id: &str) -> Option<Known<'static>> {
        let tag = self.gate.tag(self.side, &self.granted.actor.tenant, id)?;
        Some(Known::of_tag(&tag, &self.side.channels).into_owned())
    }

    /// The path of the prefetch of the object that these parameters name.
    pub(super) fn prefetch_path_of(&self, parameters: &BTreeMap<String, String>) -> Option<String> {
        match &self.matched.route.object {
            Some(Object::Prefetch { line, .. }) => Some(filled(line, parameters)),
            Some(Object::Common | Object::Tag { .. } | Object::Answer { .. } | Object::Export { .. })
            | None => None,
        }
    }

    pub(super) fn parameter(&self, name: &str) -> &str {
        self.matched.parameters.get(name).map_or("", String::as_str)
    }

    /// Whether an answer is one from which facts can be read.
    pub(super) fn readable(&self, unseen: &Unseen) -> Result<(), Refusal> {
        match unseen.status() {
            StatusCode::OK => Ok(()),
            status => Err(self.failure(status)),
        }
    }

    pub(super) async fn keyed(&self, known: &Known<'_>) -> Result<Keyed, Refusal> {
        let own = self.keyed_alone(known).await?;
        let Some((resource, outer)) = &known.via else { return Ok(own) };
        let resource = self.granted.actor.grants.policy().resource(resource).ok_or(Refusal::Unknown)?;
        Ok(own.through(resource, self.keyed_alone(outer).await?))
    }

    pub(super) async fn keyed_alone(&self, known: &Known<'_>) -> Result<Keyed, Refusal> {
        let actor = &self.granted.actor;
        let teams = match known.needs_teams_of() {
            None => Vec::new(),
            Some(user) if user == actor.user.as_str() => actor.team_keys.to_vec(),
            Some(user) => self.teams_of(user).await,
        };
        let (keys, policy) = (&self.gate.keys, actor.grants.policy());
        Ok(Keyed::new(known, &actor.tenant, keys, policy, &teams))
    }

    /// The teams of another user. One whom the directory does not know has none; of one who cannot be an actor, or about
    /// whom the directory cannot be asked now, none are known. That is no reason for another answer than of an object that
    /// is not there (D02), and nobody else's lists are shut by it.
    pub(super) async fn teams_of(&self, user: &str) -> Vec<TeamKey> {
        let user = UserId::new(user);
        team_keys(self.snapshot.people.actor(&self.granted.actor.tenant, &user, None).await)
    }

    /// The same, as long as the directory need not be asked: `None` if it must be.
    pub(super) fn known_teams_of(&self, user: &str) -> Option<Vec<TeamKey>> {
        let known = self.snapshot.people.known(&self.granted.actor.tenant, &UserId::new(user))?;
        Some(team_keys(known))
    }
}

/// What the backend is asked for.
struct AsksFor<'a> {
    /// The page of a list that is asked for, if Headgate counts its pages.
    paged: Option<Paged<'a>>,
    /// What the user may see at most.
    within: Scope,
    /// As it is asked.
    target: String,
}

fn team_keys(found: Result<Granted, NoActor>) -> Vec<TeamKey> {
    match found {
        Ok(granted) => granted.actor.team_keys.to_vec(),
        Err(NoActor::Unknown | NoActor::TooManyRoles | NoActor::Unavailable | NoActor::NotThatFresh) => {
            Vec::new()
        }
    }
}
