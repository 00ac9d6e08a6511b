//! How far a message of ours got, and how a call goes (`providers.md` section 2, "Statuses").

use std::borrow::Cow;

use super::{Failure, Number, dedupe, party, people::Person, subtype};
use crate::channel::{
    event::{Event, Kind, Message, Reached, State, Status, Thread},
    meta::loose::{List, Object, Scalar, object, shape},
};

shape! {
    struct Receipt<'a> {
        id: Scalar<'a>,
        status: Scalar<'a>,
        r#type: Scalar<'a>,
        timestamp: Scalar<'a>,
        recipient_id: Scalar<'a>,
        recipient_user_id: Scalar<'a>,
        #[serde(alias = "recipient_parent_user_id")]
        parent_recipient_user_id: Scalar<'a>,
        recipient_type: Scalar<'a>,
        recipient_participant_id: Scalar<'a>,
        recipient_participant_user_id: Scalar<'a>,
        recipient_participant_parent_user_id: Scalar<'a>,
        biz_opaque_callback_data: Scalar<'a>,
        errors: List<Object<Failure<'a>>>,
    }

    struct Call<'a> {
        id: Scalar<'a>,
        event: Scalar<'a>,
        direction: Scalar<'a>,
        timestamp: Scalar<'a>,
        from: Scalar<'a>,
        from_user_id: Scalar<'a>,
        from_parent_user_id: Scalar<'a>,
        to: Scalar<'a>,
        to_user_id: Scalar<'a>,
        to_parent_user_id: Scalar<'a>,
    }
}

impl<'a> Number<'a> {
    /// A receipt for a message of ours, or the progress of a call: `value.statuses[]`.
    pub(super) fn status(&self, raw: &'a str) -> Option<Event> {
        let status = object::<Receipt<'a>>(raw).ok()??;
        let (id, word) = (status.id.id(), status.status.id());
        let is_group = status.recipient_type.id().as_deref() == Some("group");
        let group = if is_group { status.recipient_id.id() } else { None };
        let contact = if is_group {
            Person::read(
                status.recipient_participant_user_id,
                status.recipient_participant_parent_user_id,
                status.recipient_participant_id,
            )
        } else {
            Person::read(status.recipient_user_id, status.parent_recipient_user_id, status.recipient_id)
        };
        let contact = self.people.complete(contact);

        let is_call = status.r#type.id().as_deref() == Some("call");
        let state = match word.as_deref() {
            _ if is_call => None,
            Some("sent") => Some(State::Sent),
            Some("delivered") => Some(State::Delivered),
            Some("read") => Some(State::Read),
            Some("played") => Some(State::Played),
            Some("failed") => Some(State::Failed),
            _ => None,
        };
        let kind = match state {
            Some(_) => Kind::MessageStatus,
            None if is_call => Kind::Call,
            None => Kind::Unknown,
        };
        // In a group each participant has their own ladder under the same message id.
        let participant = if is_group { contact.id().map(|id| format!(":{id}")) } else { None };
        let about = id.as_deref().map(|id| format!("{id}{}", participant.unwrap_or_default()));
        let prefix = if is_call { "call" } else { "status" };
        let own = about.as_ref().map(|about| format!("{about}:{}", word.as_deref().unwrap_or_default()));
        let mut event = self.event(raw, kind, dedupe(prefix, own.as_deref(), raw), status.timestamp);
        // Named like the dedupe id: what tells a receipt from its repetition tells later ones how far it got.
        event.reached =
            about.zip(state).and_then(|(of, state)| Reached::message(format!("status:{of}"), state));
        event.thread = group.as_deref().map(|id| Thread::of("group", id)).or_else(|| contact.thread());
        event.message = Message {
            id: id.map(Cow::into_owned),
            sender: contact.party(),
            group: group.as_deref().map(party),
            status: state.map(|state| Status {
                opaque: status.biz_opaque_callback_data.text().map(Cow::into_owned),
                error: status
                    .errors
                    .items()
                    .iter()
                    .find_map(|error| error.0.as_ref()?.code.id())
                    .map(Cow::into_owned),
                ..Status::of(state)
            }),
            subtype: if state.is_none() { subtype(word) } else { None },
            ..Message::default()
        };
        Some(event)
    }

    /// A call: `value.calls[]`.
    pub(super) fn call(&self, raw: &'a str) -> Option<Event> {
        let call = object::<Call<'a>>(raw).ok()??;
        let (id, word) = (call.id.id(), call.event.id());
        let by_us = call.direction.id().as_deref() == Some("BUSINESS_INITIATED");
        let contact = if by_us {
            Person::read(call.to_user_id, call.to_parent_user_id, call.to)
        } else {
            Person::read(call.from_user_id, call.from_parent_user_id, call.from)
        };
        let contact = self.people.complete(contact);
        let own = id.as_deref().map(|id| format!("{id}:{}", word.as_deref().unwrap_or_default()));
        let mut event = self.event(raw, Kind::Call, dedupe("call", own.as_deref(), raw), call.timestamp);
        event.thread = contact.thread();
        event.message = Message {
            id: id.map(Cow::into_owned),
            sender: if by_us { self.ours.as_deref().map(party) } else { contact.party() },
            subtype: subtype(word),
            ..Message::default()
        };
        Some(event)
    }
}
