//! The one object that an answer is about, where the route is about one too: by which right it is shown, and whether it
//! is the one that was asked for.
//!
//! The right by which a request is made may be another than the one to see the object: the echo of a write is shown as
//! the object would be to the same user, and not as far as it may be written (E03).

use super::shape::Shapes;
use crate::{
    config::routes::{Format, Main, Object, StandsIn},
    gate::show::answer::Withheld,
    gate::{
        Passage,
        decisions::Record,
        facts::Keyed,
        permit::{Asked, Decided, Permit},
        refusal::Refusal,
        routes::filled,
        show::Eyes,
    },
    ids::DecisionId,
};

/// What is known of an answer's one object before the answer is read.
#[derive(Debug)]
pub(in crate::gate) struct Subject<'a> {
    /// There is one: the answer is not about rows.
    pub(in crate::gate) is_one: bool,
    /// What is asked of each object besides the right to see it.
    pub(in crate::gate) asked: Asked,
    /// The right to see it; `None` if it must be decided on by what the answer says.
    pub(in crate::gate) seen: Option<Permit>,
    /// The right by which it was asked for, if that is another one.
    pub(in crate::gate) also: Option<Permit>,
    /// The parameter of the path that is its id, if one is.
    pub(in crate::gate) parameter: Option<&'a str>,
    /// It is the route's object, and its own JSON tells its facts.
    pub(in crate::gate) tells_its_facts: bool,
}

impl Passage<'_> {
    /// What is known of an answer's one object.
    pub(in crate::gate) async fn subject(
        &self,
        Eyes { actor, permit, decision }: Eyes<'_>,
        around: Option<&Keyed>,
        shapes: &Shapes,
    ) -> Result<Subject<'_>, Refusal> {
        let route = &self.matched.route;
        let is_one = matches!(route.shows.main, Some(Main::Object(_)));
        // The rows that come back of a write, such as the participants, are seen as in a list of them.
        let are_written = route.writes() && matches!(route.shows.main, Some(Main::Rows(..)));
        let mut subject = Subject {
            is_one,
            asked: if are_written { self.asked.to_be_seen() } else { self.asked },
            seen: None,
            also: None,
            parameter: None,
            tells_its_facts: false,
        };
        // Of what a request creates, of exports, of what is common and of several objects at once nothing was decided about this one.
        let object = route.object.as_ref();
        let object = object.filter(|object| !matches!(object, Object::Export { .. } | Object::Common));
        let (Some(Main::Object(entity)), Some(object), None) =
            (&route.shows.main, object, &route.writing.ids)
        else {
            return Ok(subject);
        };
        let right = shapes.entity(*entity).and_then(|shape| shape.rights.first()?.as_ref());
        let Some(right) = right else { return Ok(subject) };
        let is_asked = right.resource == self.asked.resource;
        let is_itself = is_asked && self.asked.via.is_none();
        subject.parameter = is_itself.then(|| object.parameter());
        if right.action == self.asked.action {
            subject.seen = permit.copied().filter(|_| is_asked);
            return Ok(subject);
        }
        let wrote = route.writes();
        if wrote {
            subject.asked = self.asked.to_be_seen();
        }
        if !is_itself {
            return Ok(subject);
        }
        // The object as it is now, if anything but the answer says so.
        let object = match object {
            Object::Prefetch { entity: asked, .. } if wrote && asked == entity => None,
            Object::Tag { .. } | Object::Prefetch { .. } => self.written(around, decision).await?,
            Object::Answer { .. } | Object::Export { .. } | Object::Common => None,
        };
        let see = |object: &Keyed| {
            let seen = Decided::on(actor, self.asked.to(right.action), Some(object), &[]).permit();
            seen.map_err(|_denied| Refusal::Withheld(Withheld::Hidden))
        };
        let Some(object) = object else {
            // Whoever did not see it before is not shown it because a short echo leaves out whose it is.
            if let Some(before) = around.filter(|_| wrote) {
                see(before)?;
            }
            subject.tells_its_facts = true;
            return Ok(subject);
        };
        subject.seen = Some(see(&object)?);
        subject.also = permit.copied().filter(|_| !wrote);
        Ok(subject)
    }

    /// Refuses to read one object that its user does not see, as far as that is known before the answer: then the backend is not asked. `around`
    /// is what is known of the route's object.
    pub(in crate::gate) async fn see_before(
        &self,
        permit: &Permit,
        around: Option<&Keyed>,
        decision: DecisionId,
    ) -> Result<(), Refusal> {
        let route = &self.matched.route;
        if route.writes() || route.shows.format != Format::Json || self.is_on_shadow_route() {
            return Ok(());
        }
        let eyes = Eyes { actor: &self.granted.actor, permit: Some(permit), decision };
        match self.subject(eyes, around, &*self.shapes()?).await {
            Err(Refusal::Withheld(Withheld::Hidden)) => Err(Refusal::Missing),
            subject => subject.map(drop),
        }
    }

    /// What is known of the route's object after the request was made: of a tag at this moment, else what was known
    /// before.
    pub(in crate::gate) async fn written(
        &self,
        around: Option<&Keyed>,
        decision: DecisionId,
    ) -> Result<Option<Keyed>, Refusal> {
        match &self.matched.route.object {
            Some(Object::Tag { .. }) => self.object(decision).await,
            _ => Ok(around.cloned()),
        }
    }

    /// The object in which the route's stands, as the message of a file: it must be one that the user may see (E07).
    /// `around` is what is known of the route's object.
    pub(in crate::gate) async fn see_what_it_stands_in(
        &self,
        around: Option<&Keyed>,
        record: &mut Record,
    ) -> Result<(), Refusal> {
        let Some(outer) = &self.matched.route.stands_in else { return Ok(()) };
        let Err(refusal) = self.without_shadow().sees_outer(outer, around, record.id).await else {
            return Ok(());
        };
        if self.in_shadow().is_none() {
            return Err(refusal);
        }
        if !self.is_on_shadow_route() {
            self.sees_outer(outer, around, record.id).await?;
        }
        self.tell_refusal(&refusal, "that in which the object stands is not seen", record);
        Ok(())
    }

    /// Whether the user sees the object in which the route's stands.
    async fn sees_outer(
        &self,
        outer: &StandsIn,
        around: Option<&Keyed>,
        decision: DecisionId,
    ) -> Result<(), Refusal> {
        let path = filled(&outer.line, &self.matched.parameters);
        let (actor, now) = (&self.granted.actor, self.gate.clock.now());
        let unseen = self.side.upstream.look_itself(path, &actor.tenant, decision, now).await?;
        self.readable(&unseen)?;
        let shapes = self.shapes()?;
        let layout = shapes.object(outer.entity).ok_or(Refusal::Unknown)?;
        let subject = Subject {
            is_one: true,
            asked: self.asked.to_be_seen(),
            seen: None,
            also: None,
            parameter: Some(&outer.parameter),
            tells_its_facts: false,
        };
        let eyes = Eyes { actor, permit: None, decision };
        let seen =
            self.seen_as(&subject, eyes, around, &shapes, |sight| unseen.filtered(layout, sight)).await;
        match seen {
            Ok(_shown) => Ok(()),
            Err(Refusal::Withheld(Withheld::Hidden | Withheld::Another)) => Err(Refusal::Missing),
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether an id in an answer is the one that this parameter of the path has.
    pub(in crate::gate) fn is_asked_for(&self, id: &str, parameter: &str) -> bool {
        let asked = self.parameter(parameter);
        let object = self.matched.route.object.as_ref();
        let is_tagged = matches!(object, Some(Object::Tag { parameter: tagged }) if tagged == parameter);
        id == asked || is_tagged && self.is_one_conversation(id, asked)
    }

    /// Whether two names are those of one conversation: its own id, and the backend's.
    fn is_one_conversation(&self, one: &str, other: &str) -> bool {
        let tenant = &self.granted.actor.tenant;
        let named = |name| Some(self.gate.tag(self.side, tenant, name)?.conversation);
        named(one).is_some_and(|one| named(other) == Some(one))
    }
}
