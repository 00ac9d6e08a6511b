//! One attempt: tag, post, judge, follow what the answer asks for, settle.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tracing::{info, warn};

use super::{
    Context,
    answer::{self, Ignored, Reason, Wishes},
    breaker,
    cloud_event::{self, Rendered, Unreadable},
    headers::{self, Facts},
    metrics::Outcome,
    outlet::Pass,
    routes::Route,
    verdict::{self, Verdict},
};
use crate::{
    backend::Backend,
    causes::Causes,
    config::Tenant,
    spool::{DeathReason, Event, Format, Settlement, Unit},
    tag::{Found, TagError},
};

/// Makes an attempt and settles the unit. The pass is held until the settlement is durable, so that a
/// spool that is slow to note outcomes slows the attempts.
pub(super) async fn make(context: &Context, unit: Unit, mut pass: Pass) {
    let settlement = attempt(context, &unit, &mut pass).await;
    if let Settlement::Dead(reason) = settlement {
        context.metrics.died(reason);
        warn!(
            spool.sequence = unit.sequence.0,
            event.id = %first(&unit).map(|event| event.id.to_string()).unwrap_or_default(),
            backend.id = pass.backend().map_or("", |id| id.as_str()),
            death.reason = reason.label(),
            "given up: the unit is now a dead letter",
        );
    }
    context.settle(&unit, settlement).await;
}

async fn attempt(context: &Context, unit: &Unit, pass: &mut Pass) -> Settlement {
    let routes = context.routes.load_full();
    let (Some(route), Some(event)) = (routes.of(unit), first(unit)) else {
        return Settlement::Dead(DeathReason::NoBackend);
    };
    let backend = &route.upstream.backend;
    if pass.backend() != Some(&backend.id) {
        // A reload gave the account another backend while the unit waited.
        return Settlement::Postponed(Duration::ZERO);
    }
    let tags = match tags(context, route.tenant, unit).await {
        Ok(tags) => tags,
        Err(error) => {
            let pause = pause(backend, unit, None);
            warn!(
                spool.sequence = unit.sequence.0,
                error = %Causes(&error),
                "could not tag a conversation: its delivery waits",
            );
            return Settlement::Postponed(pause);
        }
    };
    let request = match Request::of(context, &route, unit, event, &tags) {
        Ok(request) => request,
        Err(error) => {
            warn!(
                spool.sequence = unit.sequence.0,
                error = %Causes(&error),
                "could not render an event",
            );
            return Settlement::Dead(DeathReason::Malformed);
        }
    };

    let started = context.clock.elapsed();
    let result = route.upstream.pool.post(&request.headers, &request.body, route.upstream.bounds).await;
    let (verdict, outcome) = verdict::judge(&result, context.clock.now());
    if let Some(metrics) = pass.metrics() {
        metrics.duration.observe(context.clock.elapsed().saturating_sub(started).as_secs_f64());
        metrics.ended(outcome);
    }
    if outcome == Outcome::Oversize {
        context.reached.answer_bytes.inc();
    }
    if verdict != Verdict::Acknowledged {
        info!(
            backend.id = %backend.id,
            conversation.id = tags.first().map(|found| tracing::field::display(found.tag.conversation)),
            spool.sequence = unit.sequence.0,
            delivery.attempt = unit.attempts.saturating_add(1),
            delivery.outcome = outcome.label(),
            http.status = result.as_ref().ok().map(|answer| answer.status().as_u16()),
            error = result.as_ref().err().map(|error| tracing::field::display(Causes(error))),
            "the backend did not take a delivery",
        );
    }
    match verdict {
        Verdict::Acknowledged => {
            pass.succeeded();
            let headers = result.map(|answer| answer.into_parts().0.headers).unwrap_or_default();
            match follow(context, &route, &tags, &headers).await {
                Ok(()) => Settlement::Delivered,
                Err(error) => {
                    if matches!(error, TagError::Failed(_)) {
                        // Nor will it be kept that this was delivered: see `Context::settle`.
                        context.halt.cancel();
                    }
                    // What the backend asked for must not be lost: it is asked again.
                    warn!(
                        spool.sequence = unit.sequence.0,
                        error = %Causes(&error),
                        "could not keep a tag as the backend wants it: its delivery is repeated",
                    );
                    Settlement::Retry(pause(backend, unit, None))
                }
            }
        }
        Verdict::Gone => {
            pass.succeeded();
            Settlement::Dead(DeathReason::Gone)
        }
        Verdict::UnitRefused => {
            pass.succeeded();
            again(context, backend, unit, None)
        }
        Verdict::BackendFailed { retry_after } => {
            let limits = breaker::Limits { failures: backend.breaker_failures, pause: backend.breaker_pause };
            pass.failed(unit.sequence, limits);
            again(context, backend, unit, retry_after)
        }
    }
}

/// Another attempt later, unless attempts or age are used up.
fn again(context: &Context, backend: &Backend, unit: &Unit, retry_after: Option<Duration>) -> Settlement {
    if unit.attempts.saturating_add(1) >= backend.attempts_max {
        context.reached.attempts.inc();
        return Settlement::Dead(DeathReason::Attempts);
    }
    if context.clock.now().since(unit.webhook.received) >= backend.age_max {
        context.reached.age.inc();
        return Settlement::Dead(DeathReason::Age);
    }
    Settlement::Retry(pause(backend, unit, retry_after))
}

fn pause(backend: &Backend, unit: &Unit, retry_after: Option<Duration>) -> Duration {
    verdict::pause(backend, unit.attempts, retry_after, &mut fastrand::Rng::new())
}

fn first(unit: &Unit) -> Option<&Event> {
    unit.events().next()
}

/// The conversations of a unit, each once, in the order of their first events.
async fn tags(context: &Context, tenant: &Tenant, unit: &Unit) -> Result<Vec<Found>, TagError> {
    let mut tags: Vec<Found> = Vec::new();
    for event in unit.events() {
        let Some(found) = context.tagging.tag(tenant, event, context.clock.now()).await? else { continue };
        match tags.iter_mut().find(|known| known.tag.conversation == found.tag.conversation) {
            Some(known) => known.tag = found.tag,
            None => tags.push(found),
        }
    }
    Ok(tags)
}

/// What is posted.
struct Request {
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    fn of(
        context: &Context,
        route: &Route<'_>,
        unit: &Unit,
        event: &Event,
        tags: &[Found],
    ) -> Result<Self, Unreadable> {
        let backend = &route.upstream.backend;
        let shown: Vec<&crate::tag::Tag> = tags.iter().map(|found| &*found.tag).collect();
        let facts = Facts {
            id: event.id,
            sequence: unit.sequence,
            attempt: unit.attempts.saturating_add(1),
            at: context.clock.now(),
            tags: &shown,
        };
        match unit.webhook.format {
            Format::Event => {
                let (found, nesting_max) = (tags.first(), route.upstream.nesting_max);
                let Rendered { body, too_deep } =
                    cloud_event::render(&unit.webhook, event, unit.sequence, found, nesting_max)?;
                if too_deep && unit.attempts == 0 {
                    context.reached.nesting.inc();
                }
                Ok(Self { headers: headers::of_event(&facts, &backend.keys, &body), body })
            }
            Format::Raw => Ok(Self {
                headers: headers::of_raw(&facts, &unit.webhook, &backend.keys),
                body: unit.webhook.body.clone(),
            }),
        }
    }
}

/// Makes the tag what the acknowledging answer asks for, durably.
async fn follow(
    context: &Context,
    route: &Route<'_>,
    tags: &[Found],
    headers: &HeaderMap,
) -> Result<(), TagError> {
    let (wishes, ignored) = match tags {
        [] => (Wishes::default(), answer::ignore_all(headers, Reason::NoConversation)),
        [_] => answer::read(headers, &route.tenant.directory),
        _ => (Wishes::default(), answer::ignore_all(headers, Reason::SeveralConversations)),
    };
    for Ignored { header, reason } in ignored {
        context.metrics.ignored(Ignored { header, reason });
        warn!(
            backend.id = %route.upstream.backend.id,
            tenant.id = %route.tenant.id,
            answer.header = header,
            ignored.reason = reason.label(),
            "the backend's answer asks for something that cannot be followed",
        );
    }
    let [found] = tags else { return Ok(()) };
    let wanted = |tag: &crate::tag::Tag| {
        let wanted = wishes.applied_to(tag);
        (wanted != *tag).then_some((wanted, ()))
    };
    match context.tagging.change(found.tag.clone(), wanted).await {
        // Erased meanwhile: there is nothing left to change.
        Ok(_) | Err(TagError::Missing) => Ok(()),
        Err(error) => Err(error),
    }
}
