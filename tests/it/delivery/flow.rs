//! What becomes of a unit: retries, dead letters, order, breaker, drain, reload.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use headgate::{
    backend::Format,
    channel::event::Raw,
    spool::{DeathReason, Settlement},
};
use tokio::sync::watch;

use super::house::{House, NOW, config, config_with, conversation, event, message, webhook};
use crate::support::backend::{Recorded, Reply, StubBackend, status};

const OUTCOME: &str = "headgate_deliveries_total{backend=\"chat\",outcome=";

fn attempts(requests: &[Recorded]) -> Vec<&str> {
    requests.iter().map(|request| request.header("headgate-attempt")).collect()
}

/// What was settled, without the length of pauses.
fn endings(settled: &[(headgate::spool::Sequence, Settlement)]) -> Vec<String> {
    settled
        .iter()
        .map(|(_, what)| match what {
            Settlement::Delivered => "delivered".to_owned(),
            Settlement::Retry(_) => "retry".to_owned(),
            Settlement::Postponed(_) => "postponed".to_owned(),
            Settlement::Dead(reason) => format!("dead: {}", reason.label()),
        })
        .collect()
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_until_it_is_acknowledged() {
    let stub = StubBackend::start(|_, before| status(if before < 2 { 500 } else { 200 })).await;
    let house = House::before(&stub);
    house.keep(&["zoe"]);
    let settled = house.spool.drained().await;
    assert_eq!(endings(&settled), ["retry", "retry", "delivered"]);
    let requests = stub.requests();
    assert_eq!(attempts(&requests), ["1", "2", "3"]);
    assert!(requests.iter().all(|request| request.header("webhook-id") == requests[0].header("webhook-id")));
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    assert_eq!(house.metric(&format!("{OUTCOME}\"failed\"}}")), Some(2.0));
    assert_eq!(house.metric(&format!("{OUTCOME}\"delivered\"}}")), Some(1.0));
    assert_eq!(house.metric("headgate_delivery_duration_seconds_count{backend=\"chat\"}"), Some(3.0));
}

#[tokio::test]
async fn pauses_grow_with_the_attempts_and_stay_in_their_bounds() {
    let stub = StubBackend::start(|_, before| status(if before < 4 { 500 } else { 200 })).await;
    let house = House::before(&stub);
    house.keep(&["zoe"]);
    for ((_, what), ceiling) in house.spool.drained().await.iter().zip([2, 4, 8, 16]) {
        let Settlement::Retry(pause) = what else { panic!("{what:?}") };
        assert!((Duration::from_secs(1)..=Duration::from_secs(ceiling)).contains(pause), "{pause:?}");
    }
}

#[tokio::test]
async fn a_time_that_the_backend_names_is_kept_to() {
    let date = httpdate::fmt_http_date(
        std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW.as_secs()).unwrap() + 9),
    );
    let date: &'static str = date.leak();
    for (code, after, pause) in
        [(429, "7", 7), (503, "7", 7), (503, date, 9), (429, "86400", 60), (503, "0", 1)]
    {
        let stub = StubBackend::start(move |_, before| match before {
            0 => Reply::Answer(code, vec![("retry-after", after)], 0),
            _ => status(200),
        })
        .await;
        let house = House::before(&stub);
        house.keep(&["zoe"]);
        let settled = house.spool.drained().await;
        assert_eq!(settled[0].1, Settlement::Retry(Duration::from_secs(pause)), "{code} {after}");
    }
}

#[tokio::test]
async fn what_no_backend_will_take_is_a_dead_letter() {
    for (code, want) in [
        (410, vec!["dead: gone"]),
        (400, vec!["retry", "retry", "retry", "retry", "dead: attempts"]),
        (500, vec!["retry", "retry", "retry", "retry", "dead: attempts"]),
    ] {
        let stub = StubBackend::start(move |_, _| status(code)).await;
        let house = House::before(&stub);
        house.keep(&["zoe"]);
        assert_eq!(endings(&house.spool.drained().await), want, "{code}");
        let reason = want.last().unwrap().trim_start_matches("dead: ");
        assert_eq!(
            house.metric(&format!("headgate_deliveries_dead_total{{reason=\"{reason}\"}}")),
            Some(1.0)
        );
    }
}

#[tokio::test]
async fn what_fails_for_too_long_is_a_dead_letter() {
    let stub = StubBackend::start(|_, _| status(500)).await;
    let house = House::before(&stub);
    house.clock.advance(Duration::from_secs(3600));
    house.keep(&["zoe"]);
    assert_eq!(endings(&house.spool.drained().await), ["dead: age"]);
}

#[tokio::test]
async fn what_lost_its_account_or_backend_is_a_dead_letter() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let mut without_backend = config(vec![stub.url("/in")]);
    without_backend.backends.clear();
    let mut without_account = config(vec![stub.url("/in")]);
    without_account.tenants.get_mut("default").unwrap().accounts.clear();
    let mut without_tenant = config(vec![stub.url("/in")]);
    without_tenant.tenants.clear();
    for config in [without_backend, without_account, without_tenant] {
        let house = House::new(&config);
        house.keep(&["zoe", "yan"]);
        let settled = house.spool.drained().await;
        assert!(
            settled.iter().all(|(_, what)| *what == Settlement::Dead(DeathReason::NoBackend)),
            "{settled:?}"
        );
    }
    assert_eq!(stub.requests().len(), 0);
}

#[tokio::test]
async fn no_answer_or_half_an_answer_is_no_acknowledgement() {
    for (reply, outcome) in [
        (Reply::Silent, "timed_out"),
        (Reply::ResetMidAnswer, "broken"),
        (Reply::Answer(200, Vec::new(), 1025), "oversize"),
        (status(302), "refused"),
    ] {
        let stub =
            StubBackend::start(move |_, before| if before == 0 { reply.clone() } else { status(200) }).await;
        let house = House::new(&config_with(&stub, |chat| chat.timeout = Duration::from_millis(200)));
        house.keep(&["zoe"]);
        assert_eq!(endings(&house.spool.drained().await), ["retry", "delivered"], "{outcome}");
        assert_eq!(house.metric(&format!("{OUTCOME}\"{outcome}\"}}")), Some(1.0), "{outcome}");
    }
}

#[tokio::test]
async fn a_backend_that_is_down_is_tried_again() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let mut config = config(vec![nobody_listens().await]);
    config.backends.get_mut("chat").unwrap().attempts_max = 3;
    let house = House::new(&config);
    house.keep(&["zoe"]);
    assert_eq!(endings(&house.spool.drained().await), ["retry", "retry", "dead: attempts"]);
    assert_eq!(house.metric(&format!("{OUTCOME}\"unreachable\"}}")), Some(3.0));
    assert_eq!(stub.requests().len(), 0);
}

#[tokio::test]
async fn the_first_url_that_works_is_used() {
    let (first, second) =
        (StubBackend::start(|_, _| status(200)).await, StubBackend::start(|_, _| status(200)).await);
    let house = House::new(&config(vec![nobody_listens().await, first.url("/a"), second.url("/b")]));
    house.keep(&["zoe", "yan", "zoe"]);
    assert_eq!(endings(&house.spool.drained().await), ["delivered"; 3]);
    assert_eq!((first.requests().len(), second.requests().len()), (3, 0));
}

async fn nobody_listens() -> http::Uri {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap()
}

/// A poisonous head holds its own conversation, and only until it is given up; the order within every
/// conversation is the order of acceptance.
#[tokio::test]
async fn a_failing_conversation_waits_alone_and_in_order() {
    let (poison, poisons_end) = (conversation("poison").to_string(), watch::Sender::new(false));
    let release = poisons_end.subscribe();
    let stub = StubBackend::start(move |request, _| {
        let about_poison = request.header("headgate-conversation") == poison;
        if about_poison && !*release.borrow() { status(500) } else { status(200) }
    })
    .await;
    let house = House::new(&config_with(&stub, |chat| {
        chat.attempts_max = u32::MAX;
        chat.backoff_min = Duration::ZERO;
    }));
    let contacts = ["poison", "zoe", "poison", "yan", "zoe", "poison", "yan", "zoe"];
    let mut places: HashMap<&str, Vec<String>> = HashMap::new();
    for (contact, place) in contacts.iter().zip(house.keep(&contacts)) {
        places.entry(contact).or_default().push(format!("{:020}", place.0));
    }
    let acknowledged = |settled: &[(headgate::spool::Sequence, Settlement)]| -> Vec<String> {
        let done = settled.iter().filter(|(_, what)| *what == Settlement::Delivered);
        done.map(|(place, _)| format!("{:020}", place.0)).collect()
    };
    let others = contacts.iter().filter(|contact| **contact != "poison").count();
    let mut count = others;
    while acknowledged(&house.spool.settled(count).await).len() < others {
        count += 1;
    }
    let settled = house.spool.settled(count).await;
    assert!(places["poison"].iter().all(|place| !acknowledged(&settled).contains(place)));

    poisons_end.send_replace(true);
    let done = acknowledged(&house.spool.drained().await);
    for (contact, places) in places {
        let of_contact: Vec<&String> = done.iter().filter(|place| places.contains(place)).collect();
        assert_eq!(of_contact, places.iter().collect::<Vec<_>>(), "{contact}");
    }
}

/// Whatever a backend does, each conversation's events are acknowledged in their order, all of them,
/// and none again after its acknowledgement.
#[tokio::test]
async fn a_capricious_backend_gets_everything_once_and_in_order() {
    for seed in 0..5 {
        let caprice = Mutex::new(fastrand::Rng::with_seed(seed));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let log = acknowledged.clone();
        let stub = StubBackend::start(move |request, _| match caprice.lock().unwrap().u8(..8) {
            0 => status(500),
            1 => Reply::Answer(429, vec![("retry-after", "0")], 0),
            2 => status(404),
            3 => Reply::ResetMidAnswer,
            _ => {
                let header = |name| request.header(name).to_owned();
                log.lock().unwrap().push((header("headgate-conversation"), header("headgate-sequence")));
                status(200)
            }
        })
        .await;
        let house = House::new(&config_with(&stub, |chat| {
            (chat.attempts_max, chat.breaker_failures) = (u32::MAX, 4);
            (chat.breaker_pause, chat.backoff_min) = (Duration::ZERO, Duration::ZERO);
        }));
        let contacts = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].repeat(12);
        let mut want: HashMap<String, Vec<String>> = HashMap::new();
        for (contact, place) in contacts.iter().zip(house.keep(&contacts)) {
            want.entry(conversation(contact).to_string()).or_default().push(format!("{:020}", place.0));
        }
        house.spool.drained().await;
        let mut got: HashMap<String, Vec<String>> = HashMap::new();
        for (conversation, place) in acknowledged.lock().unwrap().drain(..) {
            got.entry(conversation).or_default().push(place);
        }
        assert_eq!(got, want, "seed {seed}");
    }
}

#[tokio::test]
async fn a_backend_that_fails_different_conversations_is_left_alone() {
    let stub = StubBackend::start(|_, _| status(500)).await;
    let house = House::new(&config_with(&stub, |chat| {
        (chat.concurrency_max, chat.breaker_failures) = (1, 3);
    }));
    house.keep(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    house.spool.settled(3).await;
    assert_eq!(house.metric("headgate_backend_breaker{backend=\"chat\"}"), Some(2.0));
    house.drain.cancel();
    let settled = house.ended().await.settled(3).await;
    assert_eq!(stub.requests().len(), 3, "no attempt was made while the breaker was open");
    assert_eq!(endings(&settled)[..3], ["retry", "retry", "retry"]);
    assert!(endings(&settled)[3..].iter().all(|ending| ending == "postponed"), "{settled:?}");
}

#[tokio::test]
async fn after_the_pause_the_backlog_drains_by_itself() {
    let stub = StubBackend::start(|_, before| status(if before < 4 { 500 } else { 200 })).await;
    let house = House::new(&config_with(&stub, |chat| {
        (chat.concurrency_max, chat.breaker_failures) = (1, 3);
        chat.breaker_pause = Duration::ZERO;
    }));
    house.keep(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let settled = house.spool.drained().await;
    let delivered = settled.iter().filter(|(_, what)| *what == Settlement::Delivered).count();
    assert_eq!((delivered, stub.requests().len()), (8, 12));
    assert_eq!(house.metric("headgate_backend_breaker{backend=\"chat\"}"), Some(0.0));
}

#[tokio::test]
async fn one_poisonous_event_does_not_open_the_breaker() {
    let poison = conversation("poison").to_string();
    for code in [500, 422] {
        let poison = poison.clone();
        let stub = StubBackend::start(move |request, _| {
            status(if request.header("headgate-conversation") == poison { code } else { 200 })
        })
        .await;
        let house = House::new(&config_with(&stub, |chat| {
            (chat.attempts_max, chat.breaker_failures) = (20, 3);
        }));
        house.keep(&["poison"]);
        house.spool.settled(10).await;
        house.keep(&["zoe", "yan"]);
        let settled = house.spool.drained().await;
        let delivered = settled.iter().filter(|(_, what)| *what == Settlement::Delivered).count();
        assert_eq!(delivered, 2, "{code}");
    }
}

#[tokio::test]
async fn no_more_deliveries_are_under_way_than_the_backend_takes() {
    let release = watch::Sender::new(false);
    let held = release.subscribe();
    let stub = StubBackend::start(move |_, _| Reply::Held(held.clone())).await;
    let house = House::new(&config_with(&stub, |chat| chat.concurrency_max = 2));
    house.keep(&["a", "b", "c", "d", "e"]);
    stub.received(2).await;
    assert_eq!(house.metric("headgate_deliveries_in_flight{backend=\"chat\"}"), Some(2.0));
    release.send_replace(true);
    house.spool.drained().await;
    assert_eq!(stub.requests().len(), 5);
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_gives_back_the_rest() {
    let release = watch::Sender::new(false);
    let held = release.subscribe();
    let stub = StubBackend::start(move |_, _| Reply::Held(held.clone())).await;
    let house = House::new(&config_with(&stub, |chat| chat.concurrency_max = 1));
    let places = house.keep(&["a", "b", "c"]);
    stub.received(1).await;
    house.drain.cancel();
    // What waited is given back before what is under way ends.
    house.spool.settled(1).await;
    release.send_replace(true);
    let settled = house.ended().await.settled(1).await;
    let delivered: Vec<_> = settled.iter().filter(|(_, what)| *what == Settlement::Delivered).collect();
    assert_eq!(delivered, [&(places[0], Settlement::Delivered)]);
    assert!(
        settled
            .iter()
            .all(|(place, what)| *place == places[0] || *what == Settlement::Postponed(Duration::ZERO)),
        "{settled:?}"
    );
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_reload_moves_deliveries_to_the_new_backend() {
    let (old, new) =
        (StubBackend::start(|_, _| status(200)).await, StubBackend::start(|_, _| status(200)).await);
    let house = House::before(&old);
    house.keep(&["zoe"]);
    house.spool.drained().await;
    house.reload(&config(vec![new.url("/in")]));
    house.keep(&["zoe"]);
    house.spool.drained().await;
    assert_eq!((old.requests().len(), new.requests().len()), (1, 1));
}

#[tokio::test]
async fn two_deliveries_run_beside_each_other() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let (one, two) = (House::before(&stub), House::before(&stub));
    one.keep(&["zoe"]);
    one.spool.drained().await;
    two.keep(&["yan"]);
    two.spool.drained().await;
    let conversations: Vec<String> =
        stub.requests().iter().map(|request| request.header("headgate-conversation").to_owned()).collect();
    assert_eq!(conversations, ["zoe", "yan"].map(|contact| conversation(contact).to_string()));
}

#[tokio::test]
async fn a_webhook_of_many_events_is_one_delivery_for_each() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    let events = vec![event("zoe", 1), event("yan", 2), event("zoe", 3)];
    house.spool.keep(webhook(Format::Event, events, "{}"));
    assert_eq!(endings(&house.spool.drained().await), ["delivered"; 3]);
    let of_zoe: Vec<String> = stub
        .requests()
        .iter()
        .filter(|request| request.header("headgate-conversation") == conversation("zoe").to_string())
        .map(|request| request.header("headgate-sequence").to_owned())
        .collect();
    assert_eq!(of_zoe, ["00000000000000000001", "00000000000000000003"]);
}

#[tokio::test]
async fn a_stored_event_that_cannot_be_read_is_a_dead_letter() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    let mut webhook = message("zoe");
    webhook.events[0].data = "no json".into();
    house.spool.keep(webhook);
    assert_eq!(endings(&house.spool.drained().await), ["dead: malformed"]);
}

#[tokio::test]
async fn what_does_not_fit_into_the_backends_queue_waits_in_the_spool() {
    let release = watch::Sender::new(false);
    let held = release.subscribe();
    let stub = StubBackend::start(move |_, _| Reply::Held(held.clone())).await;
    let house = House::new(&config_with(&stub, |chat| chat.concurrency_max = 1));
    // 64 MiB of webhooks fit.
    let body = Bytes::from(vec![b' '; 4 << 20]);
    for contact in 0..20_u8 {
        let mut webhook = message(std::str::from_utf8(&[b'a' + contact]).unwrap());
        webhook.events[0].raw = Raw::Owned("{}".into());
        webhook.body = body.clone();
        house.spool.keep(webhook);
    }
    let pauses: Vec<Duration> = house
        .spool
        .settled(4)
        .await
        .iter()
        .map(|(_, what)| match what {
            Settlement::Postponed(pause) => *pause,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(pauses.len(), 4);
    assert!(pauses.iter().all(|pause| *pause > Duration::from_secs(1)) && pauses.is_sorted(), "{pauses:?}");
    assert_eq!(house.metric("headgate_limit_reached_total{limit=\"delivery_waiting_max\"}"), Some(4.0));

    release.send_replace(true);
    house.spool.settled(20).await;
    house.spool.time_passes();
    house.spool.drained().await;
    let requests = stub.requests();
    assert_eq!(attempts(&requests), ["1"; 20], "waiting is no attempt");
}

#[tokio::test]
async fn a_delivery_that_the_spool_had_no_room_to_note_is_not_repeated() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    house.spool.refuse_a_settlement();
    house.keep(&["zoe"]);
    house.spool.refused().await;
    // No socket is waited for any more: what is left is a pause.
    tokio::time::pause();
    assert_eq!(endings(&house.spool.drained().await), ["delivered"]);
    assert_eq!(stub.requests().len(), 1);
}
