//! What every spool promises, whatever keeps it: a store's own test file calls these with its [`House`].

// Lets the lints know that what is not a test itself helps one.
#![cfg(test)]

use std::{future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};

use headgate::{
    channel::{
        Channel, Kind,
        event::{Join, Raw, State},
    },
    ids::{AccountId, ConversationId, ConversationKey, EndpointId, EventId, TenantId, Timestamp},
    spool::{
        Accepted, DeathReason, Event, Format, Known, Reached, Sequence, Settlement, Spool, Thread, Unit,
        Webhook,
    },
};
use smallvec::smallvec;

/// Where a spool lives.
pub(crate) trait House {
    /// Opens the spool.
    fn open(&self) -> impl Future<Output = Arc<dyn Spool>>;
    /// Closes it and opens it again.
    fn restart(&self, spool: Arc<dyn Spool>) -> impl Future<Output = Arc<dyn Spool>>;
}

/// A tag store that knows nothing.
#[derive(Debug)]
pub(crate) struct NothingKnown;

impl Known for NothingKnown {
    fn conversation(&self, _key: ConversationKey) -> Option<ConversationId> {
        None
    }
}

pub(crate) fn id(text: &str) -> EventId {
    EventId::derive(&TenantId::new("default"), "webchat", "support", text)
}

/// The event `id` of `conversation`. The data repeats the id, so that tests can tell units apart.
pub(crate) fn event(text: &str, conversation: &str) -> Event {
    let key = ConversationKey::derive(&TenantId::new("default"), "webchat", "support", conversation);
    Event {
        id: id(text),
        also: smallvec![],
        channel: Channel::Webchat,
        account: Some(AccountId::new("support")),
        provider_account: "support".to_owned(),
        kind: Kind::MessageReceived,
        time: None,
        thread: Some(Thread {
            keys: smallvec![(key, true)],
            join: Join::Merge,
            retired: smallvec![],
            domain: None,
        }),
        reached: None,
        superseded: None,
        data: text.into(),
        raw: Raw::Whole,
    }
}

pub(crate) fn webhook(events: Vec<Event>) -> Webhook {
    Webhook {
        tenant: TenantId::new("default"),
        endpoint: EndpointId::new("chat"),
        received: Timestamp(1_700_000_000_000),
        format: Format::Event,
        nonce: None,
        target: "/hooks/chat".to_owned(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        events,
        malformed: false,
        body: vec![b'x'; 1_000].into(),
    }
}

/// A webhook with one message.
pub(crate) fn message(text: &str, conversation: &str) -> Webhook {
    webhook(vec![event(text, conversation)])
}

/// What a unit holds, as one word.
pub(crate) fn name(unit: &Unit) -> String {
    unit.events().map(|event| &*event.data).collect::<Vec<_>>().join("+")
}

/// Waits until `true`: for what the spool does by itself after it has answered.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut beat = tokio::time::interval(Duration::from_millis(2));
    let patience = tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so() {
            beat.tick().await;
        }
    });
    assert!(patience.await.is_ok(), "in vain waited until {what}");
}

async fn accept(spool: &dyn Spool, webhook: Webhook) -> Accepted {
    spool.accept(webhook).await.unwrap()
}

/// The next unit, which must be `expected`.
pub(crate) async fn expect_next(spool: &dyn Spool, expected: &str) -> Unit {
    let unit = tokio::time::timeout(Duration::from_secs(30), spool.next()).await;
    let unit = unit.unwrap_or_else(|_| panic!("`{expected}` was not handed out")).unwrap();
    assert_eq!(name(&unit), expected);
    unit
}

/// Only `expected` is due, in this order: what is accepted after it in another conversation comes next.
async fn expect_only(spool: &dyn Spool, expected: &[&str]) {
    for expected in expected {
        let unit = expect_next(spool, expected).await;
        spool.settle(&unit, Settlement::Delivered).await.unwrap();
    }
    let marker = format!("marker {:?}", spool.depth());
    accept(spool, message(&marker, &marker)).await;
    let unit = expect_next(spool, &marker).await;
    spool.settle(&unit, Settlement::Delivered).await.unwrap();
}

fn dead(spool: &dyn Spool) -> Vec<(Vec<String>, &'static str)> {
    spool.dead_letters(Sequence(0), 100).into_iter().map(|letter| (letter.events, letter.reason)).collect()
}

/// Polls once, then drops: a caller that goes away, unless there is an answer already.
async fn poll_and_go<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

pub(crate) async fn accepted_is_kept_over_a_restart(house: &impl House) {
    let spool = house.open().await;
    let kept = accept(&*spool, webhook(vec![event("one", "ann"), event("two", "bob")])).await;
    assert_eq!(kept, Accepted { kept: 2, duplicates: 0, quarantined: 0 });
    let spool = house.restart(spool).await;
    assert_eq!(spool.depth().events, 2);
    let unit = expect_next(&*spool, "one").await;
    assert_eq!(*unit.webhook, webhook(vec![event("one", "ann"), event("two", "bob")]));
    expect_next(&*spool, "two").await;
}

pub(crate) async fn delivered_is_not_handed_out_again(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    accept(&*spool, message("two", "bob")).await;
    let one = expect_next(&*spool, "one").await;
    spool.settle(&one, Settlement::Delivered).await.unwrap();
    let spool = house.restart(spool).await;
    expect_only(&*spool, &["two"]).await;
    assert_eq!(spool.depth().events, 0);
}

pub(crate) async fn the_same_webhook_twice_is_kept_once(house: &impl House) {
    let spool = house.open().await;
    assert_eq!(accept(&*spool, message("one", "ann")).await.kept, 1);
    let again = Accepted { kept: 0, duplicates: 1, quarantined: 0 };
    assert_eq!(accept(&*spool, message("one", "ann")).await, again);
    let one = expect_next(&*spool, "one").await;
    spool.settle(&one, Settlement::Delivered).await.unwrap();
    assert_eq!(accept(&*spool, message("one", "ann")).await, again);
    let spool = house.restart(spool).await;
    assert_eq!(accept(&*spool, message("one", "ann")).await, again);
    expect_only(&*spool, &[]).await;
}

pub(crate) async fn the_same_webhook_at_once_is_kept_once(house: &impl House) {
    let spool = house.open().await;
    for round in 0..20 {
        let text = format!("round {round}");
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (spool, webhook) = (Arc::clone(&spool), message(&text, "ann"));
                tokio::spawn(async move { spool.accept(webhook).await.unwrap() })
            })
            .collect();
        let mut kept = 0;
        for task in tasks {
            kept += task.await.unwrap().kept;
        }
        assert_eq!(kept, 1, "{text}");
    }
    assert_eq!(spool.depth().events, 20);
}

pub(crate) async fn what_is_new_of_a_webhook_is_kept_and_the_rest_counted(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    let mut other_id = event("three", "ann");
    other_id.also = smallvec![id("one")];
    let batch = webhook(vec![
        event("two", "ann"),
        event("one", "ann"),
        event("two", "ann"),
        other_id,
        event("four", "ann"),
    ]);
    let kept = accept(&*spool, batch).await;
    assert_eq!(kept, Accepted { kept: 2, duplicates: 3, quarantined: 0 });
    expect_only(&*spool, &["one", "two", "four"]).await;
}

pub(crate) async fn a_nonce_is_used_once(house: &impl House) {
    let spool = house.open().await;
    let once = |text: &str| Webhook { nonce: Some(id("token")), ..message(text, "ann") };
    assert_eq!(accept(&*spool, once("one")).await.kept, 1);
    assert_eq!(accept(&*spool, once("two")).await.duplicates, 1);
    let spool = house.restart(spool).await;
    assert_eq!(accept(&*spool, once("three")).await.duplicates, 1);
    expect_only(&*spool, &["one"]).await;
}

/// A receipt that all of `about` up to `up_to` got as far as `state`; 0 where `about` is one message.
pub(crate) fn receipt(about: &str, state: State, up_to: u64) -> Event {
    let ladder = [State::Sent, State::Delivered, State::Read, State::Played];
    let above = ladder.into_iter().filter(|other| *other >= state);
    let rungs = above.map(|state| (state, id(&format!("{about} {state:?}")))).collect();
    let mut event = event(&format!("{about} {state:?} {up_to}"), "ann");
    event.reached = Some(Reached { rungs, up_to });
    event
}

/// What the next unit, a receipt, was told.
pub(crate) async fn told(spool: &dyn Spool) -> Option<(State, u64)> {
    let unit = spool.next().await.unwrap();
    spool.settle(&unit, Settlement::Delivered).await.unwrap();
    let further = unit.events().next().unwrap().superseded;
    further.map(|further| (further.state, further.up_to))
}

pub(crate) async fn a_late_receipt_says_what_came_before_it(house: &impl House) {
    let spool = house.open().await;
    let message = |state| receipt("message", state, 0);
    accept(&*spool, webhook(vec![message(State::Read)])).await;
    accept(&*spool, webhook(vec![message(State::Delivered)])).await;
    let spool = house.restart(spool).await;
    accept(&*spool, webhook(vec![message(State::Sent), message(State::Played)])).await;
    // Another message, whose receipts come in one webhook; and the same receipt under another id.
    let other = |state| receipt("other", state, 0);
    let mut again = other(State::Delivered);
    again.id = id("again");
    accept(&*spool, webhook(vec![other(State::Delivered), other(State::Sent), again])).await;
    for expected in [None, Some(State::Read), Some(State::Read), None, None, Some(State::Delivered), None] {
        assert_eq!(told(&*spool).await, expected.map(|state| (state, 0)));
    }
}

pub(crate) async fn a_receipt_up_to_a_message_says_what_came_before_it(house: &impl House) {
    let mut spool = house.open().await;
    for (state, up_to, expected) in [
        (State::Delivered, 10, None),
        (State::Delivered, 20, None),
        (State::Read, 15, None),
        // Already read, not only delivered.
        (State::Delivered, 15, Some((State::Read, 15))),
        (State::Delivered, 12, Some((State::Read, 15))),
        // Known to be delivered, and not read.
        (State::Delivered, 18, Some((State::Delivered, 20))),
        (State::Read, 14, Some((State::Read, 15))),
        (State::Read, 30, None),
        (State::Delivered, 25, Some((State::Read, 30))),
        (State::Delivered, 31, None),
    ] {
        accept(&*spool, webhook(vec![receipt("ann", state, up_to)])).await;
        assert_eq!(told(&*spool).await, expected, "{state:?} {up_to}");
        accept(&*spool, webhook(vec![receipt("ben", state, up_to)])).await;
        assert_eq!(told(&*spool).await, expected, "each conversation has its own");
        spool = house.restart(spool).await;
    }
}

pub(crate) async fn a_receipt_that_was_a_dead_letter_does_not_go_back(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, webhook(vec![receipt("ann", State::Delivered, 10)])).await;
    let unit = spool.next().await.unwrap();
    spool.settle(&unit, Settlement::Dead(DeathReason::Attempts)).await.unwrap();
    accept(&*spool, webhook(vec![receipt("ann", State::Read, 20)])).await;
    assert_eq!(told(&*spool).await, None);
    let spool = house.restart(spool).await;
    assert!(spool.revive(unit.sequence, None).await.unwrap());
    let spool = house.restart(spool).await;
    assert_eq!(told(&*spool).await, Some((State::Read, 20)));
}

pub(crate) async fn a_conversation_keeps_its_order_over_a_restart(house: &impl House) {
    let mut spool = house.open().await;
    for number in 0..30 {
        accept(&*spool, message(&format!("{number}"), "ann")).await;
        if number % 10 == 5 {
            spool = house.restart(spool).await;
        }
    }
    let mut last = Sequence(0);
    for number in 0..30 {
        let unit = expect_next(&*spool, &format!("{number}")).await;
        assert!(unit.sequence > last, "{number}");
        last = unit.sequence;
        spool.settle(&unit, Settlement::Delivered).await.unwrap();
        if number % 10 == 5 {
            spool = house.restart(spool).await;
        }
    }
}

pub(crate) async fn what_was_out_at_a_restart_is_handed_out_again_before_what_follows(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    accept(&*spool, message("two", "ann")).await;
    expect_next(&*spool, "one").await;
    let spool = house.restart(spool).await;
    expect_only(&*spool, &["one", "two"]).await;
}

pub(crate) async fn a_retry_holds_its_own_conversation_alone(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    accept(&*spool, message("two", "ann")).await;
    accept(&*spool, message("three", "bob")).await;
    let one = expect_next(&*spool, "one").await;
    spool.settle(&one, Settlement::Retry(Duration::from_secs(3_600))).await.unwrap();
    expect_only(&*spool, &["three"]).await;
    assert_eq!(spool.depth().events, 2);
}

pub(crate) async fn a_retry_comes_back_with_its_attempts_counted(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    for attempts in 0..3 {
        let one = expect_next(&*spool, "one").await;
        assert_eq!(one.attempts, attempts);
        spool.settle(&one, Settlement::Retry(Duration::from_millis(1))).await.unwrap();
    }
    expect_only(&*spool, &["one"]).await;
}

pub(crate) async fn a_dead_letter_lets_its_conversation_go_on_and_is_kept(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    accept(&*spool, message("two", "ann")).await;
    let one = expect_next(&*spool, "one").await;
    spool.settle(&one, Settlement::Dead(DeathReason::Gone)).await.unwrap();
    expect_only(&*spool, &["two"]).await;
    let spool = house.restart(spool).await;
    assert_eq!(dead(&*spool), [(vec![id("one").to_string()], "gone")]);
    assert_eq!((spool.depth().events, spool.depth().dead), (0, 1));
    let letter = &spool.dead_letters(Sequence(0), 1)[0];
    assert_eq!((letter.sequence, letter.body_bytes), (one.sequence, 1_000));
    assert!(spool.dead_letters(Sequence(one.sequence.0 + 1), 1).is_empty());
}

pub(crate) async fn a_revived_letter_comes_after_what_waits(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("one", "ann")).await;
    let one = expect_next(&*spool, "one").await;
    spool.settle(&one, Settlement::Dead(DeathReason::Attempts)).await.unwrap();
    accept(&*spool, message("two", "ann")).await;
    assert!(spool.revive(one.sequence, None).await.unwrap());
    assert!(!spool.revive(one.sequence, None).await.unwrap(), "it was put back twice");
    assert!(!spool.revive(Sequence(99_999), None).await.unwrap());
    assert_eq!(spool.depth().dead, 0);
    let spool = house.restart(spool).await;
    assert_eq!(spool.depth().dead, 0);
    expect_only(&*spool, &["two", "one"]).await;
    let spool = house.restart(spool).await;
    assert_eq!((spool.depth().events, spool.depth().dead), (0, 0));
}

pub(crate) async fn an_unknown_account_goes_to_quarantine_until_it_is_named(house: &impl House) {
    let spool = house.open().await;
    let mut stranger = event("stranger", "ann");
    stranger.account = None;
    let kept = accept(&*spool, webhook(vec![event("one", "bob"), stranger])).await;
    assert_eq!(kept, Accepted { kept: 2, duplicates: 0, quarantined: 1 });
    expect_only(&*spool, &["one"]).await;
    until("it is in quarantine", || spool.depth().dead == 1 && spool.depth().events == 0).await;
    let spool = house.restart(spool).await;
    assert_eq!(dead(&*spool), [(vec![id("stranger").to_string()], "unknown_account")]);
    let letter = spool.dead_letters(Sequence(0), 1)[0].sequence;
    assert!(!spool.revive(letter, None).await.unwrap(), "it still has no account");
    assert!(spool.revive(letter, Some(AccountId::new("sales"))).await.unwrap());
    let unit = expect_next(&*spool, "stranger").await;
    assert_eq!(unit.events().next().unwrap().account, Some(AccountId::new("sales")));
}

pub(crate) async fn an_unreadable_body_goes_to_quarantine(house: &impl House) {
    let spool = house.open().await;
    let mut unreadable = message("unreadable", "ann");
    unreadable.malformed = true;
    assert_eq!(accept(&*spool, unreadable).await.quarantined, 1);
    until("it is in quarantine", || spool.depth().dead == 1).await;
    assert_eq!(dead(&*spool), [(vec![id("unreadable").to_string()], "malformed")]);
    expect_only(&*spool, &[]).await;
}

pub(crate) async fn a_raw_webhook_is_one_unit_in_every_conversation_it_names(house: &impl House) {
    let spool = house.open().await;
    accept(&*spool, message("before", "bob")).await;
    let mut stranger = event("stranger", "ann");
    stranger.account = None;
    let raw = webhook(vec![stranger, event("one", "ann"), event("two", "bob")]);
    accept(&*spool, Webhook { format: Format::Raw, ..raw }).await;
    accept(&*spool, message("after ann", "ann")).await;
    accept(&*spool, message("after bob", "bob")).await;
    let spool = house.restart(spool).await;
    let before = expect_next(&*spool, "before").await;
    expect_only(&*spool, &[]).await;
    spool.settle(&before, Settlement::Delivered).await.unwrap();
    let raw = expect_next(&*spool, "one+two").await;
    assert_eq!(raw.webhook.body, vec![b'x'; 1_000]);
    expect_only(&*spool, &[]).await;
    spool.settle(&raw, Settlement::Delivered).await.unwrap();
    expect_only(&*spool, &["after ann", "after bob"]).await;
}

pub(crate) async fn a_caller_that_goes_away_undoes_nothing(house: &impl House) {
    let spool = house.open().await;
    poll_and_go(spool.accept(message("one", "ann"))).await;
    // Who gets it did not go away.
    let one = match poll_and_go(spool.next()).await {
        Some(one) => one.unwrap(),
        None => expect_next(&*spool, "one").await,
    };
    assert_eq!(name(&one), "one");
    accept(&*spool, message("two", "ann")).await;
    poll_and_go(spool.settle(&one, Settlement::Delivered)).await;
    let two = expect_next(&*spool, "two").await;
    poll_and_go(spool.settle(&two, Settlement::Dead(DeathReason::Age))).await;
    until("two is dead", || spool.depth().dead == 1 && spool.depth().events == 0).await;
}

pub(crate) async fn depth_says_what_waits(house: &impl House) {
    let spool = house.open().await;
    assert_eq!((spool.depth().events, spool.depth().lanes, spool.depth().oldest), (0, 0, None));
    let early = Webhook { received: Timestamp(5), ..message("one", "ann") };
    accept(&*spool, early).await;
    accept(&*spool, message("two", "ann")).await;
    accept(&*spool, message("three", "bob")).await;
    let depth = spool.depth();
    assert_eq!((depth.events, depth.lanes, depth.oldest, depth.dead), (3, 2, Some(Timestamp(5)), 0));
    assert!(depth.writable && depth.bytes > 3_000);
}
