//! Webhooks for this room's unit tests.

use proptest::prelude::*;
use smallvec::smallvec;

use crate::{
    channel::{
        Channel, Kind,
        event::{Join, Raw, State},
    },
    ids::{AccountId, ConversationKey, EndpointId, EventId, TenantId, Timestamp},
    spool::{Event, Format, Further, Reached, Thread, Webhook},
};

/// An event with the id `id` in the conversation `conversation`.
pub(super) fn event(id: &str, conversation: &str) -> Event {
    let tenant = TenantId::new("default");
    Event {
        id: EventId::derive(&tenant, "webchat", "support", id),
        also: smallvec![],
        channel: Channel::Webchat,
        account: Some(AccountId::new("support")),
        provider_account: "support".to_owned(),
        kind: Kind::MessageReceived,
        time: Some(Timestamp(1_700_000_000_000)),
        thread: Some(Thread {
            keys: smallvec![(ConversationKey::derive(&tenant, "webchat", "support", conversation), true)],
            join: Join::Merge,
            retired: smallvec![],
            domain: None,
        }),
        reached: None,
        superseded: None,
        data: format!(r#"{{"id":"{id}"}}"#).into(),
        raw: Raw::Whole,
    }
}

/// A webhook of these events.
pub(super) fn webhook_of(events: Vec<Event>) -> Webhook {
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
        body: "{}".into(),
    }
}

/// A webhook with one message.
pub(super) fn message(id: &str, conversation: &str) -> Webhook {
    webhook_of(vec![event(id, conversation)])
}

/// A receipt that all of `conversation` up to `up_to` got as far as `state`, delivered or read.
pub(super) fn receipt(conversation: &str, state: State, up_to: u64) -> Webhook {
    let mark = |text: &str| EventId::derive(&TenantId::new("default"), "webchat", conversation, text);
    let read = (State::Read, mark("read"));
    let delivered = (state == State::Delivered).then_some((state, mark("delivered")));
    let mut event = event(&format!("{state:?} {up_to}"), conversation);
    event.reached = Some(Reached { rungs: delivered.into_iter().chain([read]).collect(), up_to });
    webhook_of(vec![event])
}

/// Webhooks of every shape.
pub(super) fn webhook() -> impl Strategy<Value = Webhook> {
    let events = proptest::collection::vec((any::<String>(), any::<String>(), any::<[bool; 4]>()), 1..4);
    (events, any::<Vec<u8>>(), any::<[bool; 3]>(), any::<(String, Vec<u8>)>()).prop_map(
        |(events, body, [raw, nonce, malformed], header)| {
            let events = events.into_iter().map(|(id, conversation, [account, thread, range, late])| {
                let mut event = event(&id, &conversation);
                event.account = event.account.filter(|_| account);
                event.thread = event.thread.filter(|_| thread);
                event.raw = if range { Raw::Range(3..9) } else { Raw::Owned(conversation.into()) };
                if late {
                    let rungs = vec![(State::Delivered, EventId(7)), (State::Read, EventId(8))];
                    event.reached = Some(Reached { rungs, up_to: 1_700_000_000_000 });
                    event.superseded = Some(Further { state: State::Read, up_to: 1_700_000_000_001 });
                }
                event
            });
            Webhook {
                format: if raw { Format::Raw } else { Format::Event },
                nonce: nonce.then_some(EventId(9)),
                headers: vec![header],
                malformed,
                body: body.into(),
                ..webhook_of(events.collect())
            }
        },
    )
}
