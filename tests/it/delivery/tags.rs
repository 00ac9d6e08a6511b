//! Who becomes responsible, and what a backend's answer changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use headgate::{
    backend::Format,
    ids::{TeamId, UserId},
    spool::Settlement,
    tag::TagStore,
};

use super::house::{House, config_with, conversation, event, webhook};
use crate::support::backend::{Recorded, StubBackend, ok_with, status};

fn responsible(requests: &[Recorded]) -> Vec<&str> {
    requests
        .iter()
        .map(|request| match request.headers.get("headgate-responsible") {
            Some(_) => request.header("headgate-responsible"),
            None => "nobody",
        })
        .collect()
}

#[tokio::test]
async fn new_conversations_go_to_the_members_in_turn_and_stay_with_them() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::new(&config_with(&stub, |chat| chat.concurrency_max = 1));
    house.keep(&["a", "b", "c", "a", "b", "c"]);
    house.spool.drained().await;
    assert_eq!(responsible(&stub.requests()), ["ana", "ben", "ana", "ana", "ben", "ana"]);
}

#[tokio::test]
async fn conversations_that_start_at_the_same_moment_are_shared_out_evenly() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let mut config = config_with(&stub, |_| {});
    for strategy in [headgate::assign::Strategy::RoundRobin, headgate::assign::Strategy::LeastLoaded] {
        let tenant = config.tenants.get_mut("default").unwrap();
        tenant.assignment.values_mut().next().unwrap().strategy = strategy;
        let house = House::new(&config);
        let contacts = ["a", "b", "c", "d", "e", "f", "g", "h"];
        house.keep(&contacts);
        house.spool.drained().await;
        let of_ana = contacts
            .iter()
            .filter(|contact| {
                house.tags.tag(conversation(contact)).unwrap().responsible == Some(UserId::new("ana"))
            })
            .count();
        assert_eq!(of_ana, 4, "{strategy:?}");
    }
}

#[tokio::test]
async fn a_conversation_keeps_who_was_given_it_by_hand() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    house.keep(&["zoe"]);
    house.spool.drained().await;
    house.tags.change(conversation("zoe"), |tag| tag.responsible = Some(UserId::new("cleo")));
    house.keep(&["zoe"]);
    house.spool.drained().await;
    assert_eq!(responsible(&stub.requests()), ["ana", "cleo"]);
}

#[tokio::test]
async fn a_conversation_put_back_into_the_queue_stays_there() {
    let stub = StubBackend::start(|_, _| ok_with(&[("headgate-assign", "user=none")])).await;
    let house = House::before(&stub);
    house.keep(&["zoe"]);
    house.spool.drained().await;
    house.keep(&["zoe"]);
    house.spool.drained().await;
    let requests = stub.requests();
    assert_eq!(responsible(&requests), ["ana", "nobody"]);
    assert_eq!(requests[1].header("headgate-team"), "support");
}

#[tokio::test]
async fn a_backends_answer_sets_the_tag_before_the_delivery_is_done() {
    let stub = StubBackend::start(|_, before| match before {
        0 => ok_with(&[
            ("headgate-assign", "user=cleo; team=sales"),
            ("headgate-alias", "4711"),
            ("headgate-stage", "sales/negotiation"),
        ]),
        _ => status(200),
    })
    .await;
    let house = House::before(&stub);
    house.keep(&["zoe", "zoe"]);
    house.spool.drained().await;
    let tag = house.tags.tag(conversation("zoe")).unwrap();
    assert_eq!(tag.responsible, Some(UserId::new("cleo")));
    assert_eq!(tag.team, Some(TeamId::new("sales")));
    assert_eq!(tag.alias.as_deref(), Some("4711"));
    assert_eq!(tag.stage.as_deref(), Some("sales/negotiation"));
    assert_eq!(responsible(&stub.requests()), ["ana", "cleo"]);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_overwritten() {
    let stub = StubBackend::start(|_, before| match before {
        0 => status(200),
        _ => ok_with(&[("headgate-stage", "sales/won")]),
    })
    .await;
    let house = House::before(&stub);
    house.keep(&["zoe"]);
    house.spool.drained().await;
    house.tags.interfere(|tag| tag.alias = Some("of somebody else".to_owned()));
    house.keep(&["zoe"]);
    house.spool.drained().await;
    let tag = house.tags.tag(conversation("zoe")).unwrap();
    assert_eq!(tag.alias.as_deref(), Some("of somebody else"));
    assert_eq!(tag.stage.as_deref(), Some("sales/won"));
}

#[tokio::test]
async fn an_assignment_that_somebody_else_made_first_stands() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    house.tags.interfere(|tag| tag.responsible = Some(UserId::new("cleo")));
    house.keep(&["zoe"]);
    house.spool.drained().await;
    assert_eq!(responsible(&stub.requests()), ["cleo"]);
}

#[tokio::test]
async fn what_an_answer_asks_for_wrongly_is_counted_and_changes_nothing() {
    for (header, value, reason) in [
        ("headgate-assign", "user=bob", "unknown_user"),
        ("headgate-assign", "user=ben; team=blue", "unknown_team"),
        ("headgate-assign", "ben", "malformed"),
        ("headgate-stage", "won", "malformed"),
        ("headgate-alias", "%FF", "malformed"),
    ] {
        let stub = StubBackend::start(move |_, _| ok_with(&[(header, value)])).await;
        let house = House::before(&stub);
        house.keep(&["zoe"]);
        let settled = house.spool.drained().await;
        assert_eq!(settled[0].1, Settlement::Delivered, "{header}: {value}");
        let tag = house.tags.tag(conversation("zoe")).unwrap();
        assert_eq!(
            (tag.responsible.as_ref().map(UserId::as_str), tag.stage.as_ref(), tag.alias.as_ref()),
            (Some("ana"), None, None),
            "{header}: {value}"
        );
        let sample =
            format!("headgate_answer_headers_ignored_total{{header=\"{header}\",reason=\"{reason}\"}}");
        assert_eq!(house.metric(&sample), Some(1.0), "{sample}");
    }
}

#[tokio::test]
async fn a_refusal_changes_no_tag() {
    let stub = StubBackend::start(|_, before| match before {
        0 => crate::support::backend::Reply::Answer(422, vec![("headgate-assign", "user=cleo")], 0),
        _ => status(200),
    })
    .await;
    let house = House::before(&stub);
    house.keep(&["zoe"]);
    house.spool.drained().await;
    assert_eq!(responsible(&stub.requests()), ["ana", "ana"]);
}

#[tokio::test]
async fn an_answer_about_several_conversations_or_none_changes_no_tag() {
    let mut of_account = event("unused", 9);
    of_account.thread = None;
    for (events, reason) in [
        (vec![event("zoe", 1), event("yan", 2)], "several_conversations"),
        (vec![of_account], "no_conversation"),
    ] {
        let stub = StubBackend::start(|_, _| ok_with(&[("headgate-assign", "user=cleo")])).await;
        let house = House::before(&stub);
        house.spool.keep(webhook(Format::Raw, events, "{}"));
        house.spool.drained().await;
        for contact in ["zoe", "yan"] {
            let tag = house.tags.tag(conversation(contact));
            assert!(tag.is_none_or(|tag| tag.responsible != Some(UserId::new("cleo"))), "{contact}");
        }
        let sample = format!(
            "headgate_answer_headers_ignored_total{{header=\"headgate-assign\",reason=\"{reason}\"}}"
        );
        assert_eq!(house.metric(&sample), Some(1.0));
    }
}

#[tokio::test]
async fn a_raw_delivery_about_one_conversation_sets_its_tag() {
    let stub = StubBackend::start(|_, _| ok_with(&[("headgate-alias", "4711")])).await;
    let house = House::before(&stub);
    house.spool.keep(webhook(Format::Raw, vec![event("zoe", 1), event("zoe", 2)], "{}"));
    house.spool.drained().await;
    assert_eq!(house.tags.tag(conversation("zoe")).unwrap().alias.as_deref(), Some("4711"));
}

/// What it delivered on would come a second time after the restart, like what was in flight.
#[tokio::test]
async fn after_the_disk_of_the_tags_failed_nothing_more_is_delivered() {
    let tagged = Arc::new(AtomicBool::new(false));
    let asks = tagged.clone();
    let stub = StubBackend::start(move |_, _| match asks.load(Ordering::SeqCst) {
        true => ok_with(&[("headgate-stage", "sales/won")]),
        false => status(200),
    })
    .await;
    let house = House::new(&config_with(&stub, |chat| chat.concurrency_max = 1));
    house.keep(&["zoe", "yan"]);
    house.spool.settled(2).await;
    tagged.store(true, Ordering::SeqCst);
    house.tags.fail();
    house.keep(&["zoe", "yan"]);
    tokio::time::timeout(Duration::from_secs(20), house.ended()).await.expect("it goes on delivering");
    assert_eq!(stub.requests().len(), 3, "delivered what cannot be noted");
}
