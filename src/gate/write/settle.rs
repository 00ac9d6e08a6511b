//! From a request with its body to the permit by which it is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;

use super::{
    Said,
    ask::{Counting, Findings},
    bulk,
    fields::{Fields, Way},
    grounds::Grounds,
    names::{NameCheck, Preset, TOLD_MAX, preset},
    owner::{Barred, Stop, name},
    visible::Visible,
};
use crate::{
    config::{
        routes::{Object, Paging},
        writing::Right,
    },
    gate::{
        Passage,
        body::UnfitBody,
        decisions::{Outcome, Record},
        facts::Keyed,
        path::Target,
        permit::{Asked, Decided, Denied, Permit},
        refusal::Refusal,
        shadow::Shadow,
        show::must_show::MustShow,
        spelt::Spelt,
    },
    ids::DecisionId,
};

/// A request that may be made.
pub(in crate::gate) struct Settled {
    /// That it may.
    pub(in crate::gate) permit: Permit,
    /// Its body.
    pub(in crate::gate) body: Bytes,
    /// The objects that it changes, by the paths of their prefetches.
    pub(in crate::gate) changes: Vec<String>,
    /// When the oldest was asked for of what these were decided by.
    pub(in crate::gate) facts_at: Option<Duration>,
    /// The state in which its object must still be.
    pub(in crate::gate) version: Option<HeaderValue>,
    /// What a row of the answer must show.
    pub(in crate::gate) must_show: Option<MustShow>,
    /// What it would have to show without shadow mode.
    pub(in crate::gate) would_show: Option<MustShow>,
}

impl Settled {
    /// A request that changes nothing, and is about nothing that a row hides.
    const fn of(permit: Permit, body: Bytes) -> Self {
        Self {
            permit,
            body,
            changes: Vec::new(),
            facts_at: None,
            version: None,
            must_show: None,
            would_show: None,
        }
    }
}

/// The reason of a field that must be the path's and is not.
const SAME: &str = "same";

/// Why a question may not be asked, as it is told to the operator.
const ASKED: &str = "a question is about fields that the user does not see, or the route does not list";

/// Why a write may not be made.
enum No {
    /// The policy or the route says so.
    Policy {
        /// As it is told to the user.
        refusal: Refusal,
        /// As it is told to the operator.
        why: String,
    },
    /// It cannot be decided.
    Hard(Refusal),
}

impl<'a> Passage<'a> {
    /// Decides on a request that was read whole. `object` is what its path names, and `permit` what it has by that.
    pub(in crate::gate) async fn settle(
        &self,
        permit: Permit,
        object: Option<&Keyed>,
        target: &Target,
        mut said: Said,
        record: &mut Record,
    ) -> Result<Settled, Refusal> {
        let route = &self.matched.route;
        let body = std::mem::take(&mut said.body);
        if !route.writes() {
            let enforced = permit.without_shadow();
            let (must_show, would_show) =
                self.may_ask(target, &said, object.is_some(), &permit, enforced.as_ref(), record)?;
            return Ok(Settled { must_show, would_show, ..Settled::of(permit, body) });
        }
        let asked = self.asked_by_value(&said)?;
        let version = self.version_of(object)?;
        let counted = |error: &UnfitBody| self.snapshot.count_limit(*error);
        let mut grounds = Grounds::of(self, &said).inspect_err(counted).map_err(Refusal::Body)?;
        let facts_at = object.and_then(Keyed::asked_at);
        let mut settled = Settled { facts_at, version, ..Settled::of(permit, body) };
        match &route.writing.ids {
            None => {
                settled.changes.extend(self.prefetch_path_of(&self.matched.parameters));
                for asked in &asked {
                    settled.permit = self.may_write(*asked, object, &mut grounds, record).await?;
                }
            }
            Some(ids) => {
                let ids = bulk::ids(ids, &said).inspect_err(counted);
                for id in ids.map_err(Refusal::Body)? {
                    let parameters = self.naming(id);
                    let object = self.object_of(&parameters, record.id).await?;
                    for asked in &asked {
                        settled.permit =
                            self.may_write(*asked, object.as_ref(), &mut grounds, record).await?;
                    }
                    settled.changes.extend(self.prefetch_path_of(&parameters));
                    let asked_at = object.as_ref().and_then(Keyed::asked_at);
                    settled.facts_at = settled.facts_at.into_iter().chain(asked_at).min();
                }
            }
        }
        Ok(settled)
    }

    /// The first decision: whether the request may be made at all, by any of the rights that it may be about.
    pub(in crate::gate) fn decide_first(
        &self,
        object: Option<&Keyed>,
        record: &mut Record,
    ) -> Result<Permit, Refusal> {
        let actor = &self.granted.actor;
        for right in self.matched.route.writing.instead.iter().flat_map(|(_, rights)| rights.values()) {
            let decided = Decided::on(actor, self.asked_for(right)?, object, &[]);
            if let Ok(permit) = decided.permit() {
                return Ok(permit);
            }
        }
        self.decide(object, &[], record)
    }

    /// What is asked for, by the value of the field that decides on it. Where that does not stand in its own place the backend may find
    /// it or not: then it is asked for what the route is for as well.
    fn asked_by_value(&self, said: &Said) -> Result<Vec<Asked>, Refusal> {
        let (writing, aliases) = (&self.matched.route.writing, &self.matched.route.aliases);
        let Some((field, rights)) = &writing.instead else { return Ok(vec![self.asked]) };
        let values = match preset(&said.fields, field, writing.fields.as_ref(), aliases) {
            Preset::Absent => return Ok(vec![self.asked]),
            Preset::Unclear => return Err(Refusal::Value(field.clone())),
            Preset::Given(values) => values,
        };
        let text = |value: &Value| match value {
            Value::Bool(value) => Some(value.to_string()),
            value => name(value).flatten().map(|name| name.into_owned()),
        };
        let [value] = values.as_slice() else { return Err(Refusal::Value(field.clone())) };
        let right = text(value).and_then(|value| rights.get(&value));
        let by_value = self.asked_for(right.ok_or_else(|| Refusal::Value(field.clone()))?)?;
        let or_not = (!said.each_says(field, aliases)).then_some(self.asked);
        Ok(or_not.into_iter().chain([by_value]).collect())
    }

    /// What is asked for by another right than the route's own.
    fn asked_for(&self, right: &Right) -> Result<Asked, Refusal> {
        let policy = self.granted.actor.grants.policy();
        let asked = self.asked.to(policy.action(&right.action).ok_or(Refusal::Unknown)?);
        Ok(match &right.resource {
            None => asked,
            Some(resource) => asked.of_resource(policy.resource(resource).ok_or(Refusal::Unknown)?),
        })
    }

    /// The state in which the object was decided on, if the route has the write depend on it (G16).
    fn version_of(&self, object: Option<&Keyed>) -> Result<Option<HeaderValue>, Refusal> {
        let route = &self.matched.route;
        if !route.writing.unless_changed {
            return Ok(None);
        }
        let version = object.and_then(Keyed::version).and_then(|version| HeaderValue::from_str(version).ok());
        version.map(Some).ok_or_else(|| {
            tracing::warn!(route.match = route.name, "no strong ETag to write by: `unless_changed` refuses");
            Refusal::Failed
        })
    }

    /// The decision to write these fields of one object. In shadow mode a no is only told.
    async fn may_write<'f>(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        grounds: &mut Grounds<'f>,
        record: &mut Record,
    ) -> Result<Permit, Refusal>
    where
        'a: 'f,
    {
        match self.without_shadow().judged(asked, object, grounds, record.id).await {
            Ok((permit, decided)) => {
                record.decided(Outcome::Allowed, decided.label(), decided.why);
                if self.is_on_shadow_route() {
                    return Ok(Permit::of_everything().in_place_of(permit));
                }
                if self.in_shadow().is_none() {
                    return Ok(permit);
                }
                let opened = self.judged(asked, object, grounds, record.id).await;
                Ok(opened.map_or(permit, |(opened, _)| opened.in_place_of(permit)))
            }
            Err(No::Hard(refusal)) => Err(refusal),
            Err(No::Policy { refusal, why }) => {
                let opened = match &refusal {
                    Refusal::Denied { reason, .. } if !Shadow::passes(*reason) => None,
                    _ if self.is_on_shadow_route() => Some(Permit::of_everything()),
                    _ if self.in_shadow().is_none() => None,
                    _ => self.judged(asked, object, grounds, record.id).await.ok().map(|(opened, _)| opened),
                };
                self.told(refusal, why, opened, record)
            }
        }
    }

    /// The decision to write these fields of one object, by the rights of `granted`.
    async fn judged<'f>(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        grounds: &mut Grounds<'f>,
        decision: DecisionId,
    ) -> Result<(Permit, Decided), No>
    where
        'a: 'f,
    {
        let actor = &self.granted.actor;
        let decided = Decided::on(actor, asked, object, &[]);
        let permit = match decided.permit() {
            Ok(permit) => permit,
            Err(Denied(reason)) => {
                let refusal = self.denied(reason, asked, object);
                return Err(No::Policy { refusal, why: decided.why });
            }
        };
        let name_check = self.name_check(asked);
        let refused = grounds.refused(&name_check, &permit);
        let unseen = self.unseen_inside(grounds.fields, &permit, object.is_some()).map_err(No::Hard)?;
        if refused.is_empty() && !unseen.is_empty() {
            let fields = unseen.into_iter().collect();
            let refusal = Refusal::Fields { reason: "field", fields, expected: name_check.expected(&permit) };
            return Err(No::Policy { refusal, why: "a field of what is nested is hidden".to_owned() });
        }
        if !refused.is_empty() {
            let denied = Decided::on(actor, asked, object, &refused.by);
            let (reason, why) = match refused.by.as_slice() {
                [] => ("undeclared_field", "the route does not list a field".to_owned()),
                _ => ("field", denied.why),
            };
            let fields = refused.names.iter().cloned().collect();
            let refusal = Refusal::Fields { reason, fields, expected: name_check.expected(&permit) };
            return Err(No::Policy { refusal, why });
        }
        match self.may_own_so(asked, object, grounds, decision).await {
            Ok(()) => Ok((permit, decided)),
            Err(Stop::Refusal(refusal)) => Err(No::Hard(refusal)),
            Err(Stop::Barred(Barred { field, reason, why })) => {
                // One that is hidden, and that the request does not name, is not told.
                let is_known = self.says(grounds.fields, &field) || name_check.sees(&field, &permit);
                let fields = [field].into_iter().filter(|field| is_known && !field.is_empty()).collect();
                let refusal = Refusal::Fields { reason, fields, expected: Vec::new() };
                // No right lets a request be about another object than its path's, in shadow mode neither.
                Err(if reason == SAME { No::Hard(refusal) } else { No::Policy { refusal, why } })
            }
        }
    }

    /// The fields of what is nested in the object that the request asks about, and that its user does not see there.
    fn unseen_inside(
        &self,
        fields: &Fields,
        permit: &Permit,
        has_object: bool,
    ) -> Result<BTreeSet<String>, Refusal> {
        let mut read = fields.read().peekable();
        if read.peek().is_none() {
            return Ok(BTreeSet::new());
        }
        let visible = Visible::of(self, permit, has_object)?;
        let is_unseen = |way: &&Way| visible.meaning(way).seen.is_none_or(|must_show| !must_show.is_empty());
        Ok(read.filter(is_unseen).take(TOLD_MAX).map(|way| way.join(".")).collect())
    }

    /// Whether a request says something for a field.
    fn says(&self, fields: &Fields, field: &str) -> bool {
        let route = &self.matched.route;
        preset(fields, field, route.writing.fields.as_ref(), &route.aliases) != Preset::Absent
    }

    async fn may_own_so(
        &self,
        asked: Asked,
        object: Option<&Keyed>,
        grounds: &Grounds<'_>,
        decision: DecisionId,
    ) -> Result<(), Stop> {
        if let Some(other) = &grounds.other_than_path {
            return Err(other.clone().into());
        }
        if let Some(other) = &grounds.other_value {
            return Err(other.clone().into());
        }
        let plan = grounds.plan.as_ref().map_err(Barred::clone)?;
        self.may_own(asked, object, plan).await?;
        let besides = grounds.besides.as_ref().map_err(Barred::clone)?;
        self.may_besides(asked, object, plan, besides, decision).await
    }

    /// Why fields that must be the path's parameters say something else, if they do.
    pub(super) fn other_than_path(&self, fields: &Fields) -> Option<Barred> {
        let writing = &self.matched.route.writing;
        for (field, parameter) in &writing.same {
            let own = self.parameter(parameter);
            let same = match preset(fields, field, writing.fields.as_ref(), &self.matched.route.aliases) {
                Preset::Absent => true,
                Preset::Unclear => false,
                Preset::Given(values) => {
                    values.iter().all(|value| name(value).flatten().is_some_and(|name| name == own))
                }
            };
            if !same {
                let why = format!("the path has another value than the field {field}");
                return Some(Barred { field: field.clone(), reason: SAME, why });
            }
        }
        None
    }

    /// Why a field has another value than the route lets it have, if one does.
    pub(super) fn other_value(&self, fields: &Fields) -> Option<Barred> {
        let writing = &self.matched.route.writing;
        writing.only.iter().find_map(|(field, only)| {
            let is_listed = |value: &Value| match value {
                Value::Null => true,
                Value::String(text) => only.contains(text),
                Value::Bool(_) | Value::Number(_) => only.contains(&value.to_string()),
                Value::Array(_) | Value::Object(_) => false,
            };
            match preset(fields, field, writing.fields.as_ref(), &self.matched.route.aliases) {
                Preset::Absent => None,
                Preset::Given(values) if values.iter().all(is_listed) => None,
                Preset::Given(_) | Preset::Unclear => {
                    Some(Barred::new(field, "value", format!("the route lets {field} have other values")))
                }
            }
        })
    }

    /// What each row of the answer to a question must show, and what it would have to without shadow mode; the question must be about
    /// nothing else that its user may not see. `enforced` is the permit that there would be.
    pub(in crate::gate) fn may_ask(
        &self,
        target: &Target,
        said: &Said,
        has_object: bool,
        permit: &Permit,
        enforced: Option<&Permit>,
        record: &mut Record,
    ) -> Result<(Option<MustShow>, Option<MustShow>), Refusal> {
        let asks = |passage: &Passage<'_>, permit: &Permit| passage.asks(target, said, has_object, permit);
        let would = self.would(enforced, ASKED, record, asks).flatten();
        if self.is_on_shadow_route() {
            return Ok((None, would));
        }
        let must_show = asks(self, permit).inspect_err(|_refusal| record.why = Some(ASKED.to_owned()))?;
        Ok((must_show, would))
    }

    fn asks(
        &self,
        target: &Target,
        said: &Said,
        has_object: bool,
        permit: &Permit,
    ) -> Result<Option<MustShow>, Refusal> {
        if target.query.is_none() && said.content.is_null() {
            return Ok(None);
        }
        let visible = Visible::of(self, permit, has_object)?;
        let route = &self.matched.route;
        let paging = route.shows.page.as_ref();
        let counting = Counting {
            pages: paging.into_iter().flat_map(Paging::parameters).collect(),
            pages_by_id: paging.is_some_and(Paging::is_by_row),
            hides_rows: self.hides_own_rows(permit)?,
            shows_by_absence: self.shows_by_absence(permit)?,
        };
        let Findings { refused, must_show } = Findings::of(&route.asking, &counting, target, said, &visible);
        if !refused.is_empty() {
            return Err(Refusal::Asked(refused.into_iter().collect()));
        }
        Ok(Some(must_show).filter(|must_show| !must_show.is_empty()))
    }

    /// Refuses a question about an object of which nothing is known before it is asked for. If it is there, a backend might make
    /// depend on the question: what is asked about must be shown of every object (promise 5).
    pub(in crate::gate) fn may_ask_before(
        &self,
        target: &Target,
        record: &mut Record,
    ) -> Result<(), Refusal> {
        let undecided = Permit::of_everything();
        self.may_ask(target, &Said::default(), false, &undecided, Some(&undecided), record).map(drop)
    }

    /// A refusal, unless shadow mode opens what is refused: then it is only told.
    fn told(
        &self,
        refusal: Refusal,
        why: String,
        opened: Option<Permit>,
        record: &mut Record,
    ) -> Result<Permit, Refusal> {
        let Some(permit) = opened else {
            record.why = Some(why);
            return Err(refusal);
        };
        self.tell_refusal(&refusal, &why, record);
        Ok(permit)
    }

    fn name_check(&self, asked: Asked) -> NameCheck<'a> {
        let route = &self.matched.route;
        let actor = &self.granted.actor;
        NameCheck {
            actor,
            spelt: Spelt::of(actor.grants.policy(), asked.resource, &route.aliases),
            writes: route.writing.fields.as_ref(),
            changes: &route.writing.changes,
            others: &route.writing.others,
            needs: &route.writing.needs,
            asks: route.asking.fields.as_ref(),
        }
    }

    /// The path's parameters with this id as the one that names the object.
    fn naming(&self, id: String) -> BTreeMap<String, String> {
        let mut parameters = self.matched.parameters.clone();
        if let Some(name) = self.matched.route.object.as_ref().map(Object::parameter) {
            parameters.insert(name.to_owned(), id);
        }
        parameters
    }
}
