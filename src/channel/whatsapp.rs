//! WhatsApp Cloud API: `providers.md` section 2.
//!
//! A change's `value` holds several lists, each on its own; [`super::meta`] reads the envelope around it.
//! The account is the phone number, for changes that name none the WABA (`entry.id`).

mod content;
mod people;
mod receipt;

use std::borrow::Cow;

use serde_json::value::RawValue;

use self::{
    content::Inbound,
    people::{Contact, People, Person},
};
use super::{
    Malformed,
    event::{Event, Kind, Member, Message, Party, Thread},
    meta::{
        envelope::{Batch, Place, fingerprint, read},
        loose::{List, Object, Scalar, object, shape},
    },
};

shape! {
    struct Change<'a> {
        field: Scalar<'a>,
        value: Object<Value<'a>>,
    }

    struct Value<'a> {
        metadata: Object<Metadata<'a>>,
        contacts: List<Object<Contact<'a>>>,
        messages: List<&'a RawValue>,
        statuses: List<&'a RawValue>,
        errors: List<&'a RawValue>,
        message_echoes: List<&'a RawValue>,
        user_id_update: List<&'a RawValue>,
        groups: List<&'a RawValue>,
        calls: List<&'a RawValue>,
        user_preferences: List<&'a RawValue>,
    }

    struct Metadata<'a> {
        phone_number_id: Scalar<'a>,
        display_phone_number: Scalar<'a>,
    }
}

/// Reads a change into the batch: one event for each item of each list that is known, or one for the
/// change if it has none.
///
/// # Errors
/// If a key that matters is repeated, or the batch has too many items.
pub(super) fn change<'a>(place: &Place<'a>, whole: &'a str, batch: &mut Batch) -> Result<(), Malformed> {
    let Some(change) = read::<Change<'a>>(whole)? else { return batch.push(place.unknown(whole)) };
    let value = change.value.0.unwrap_or_default();
    let metadata = value.metadata.0.unwrap_or_default();
    let number = Number {
        place: place.of_account(metadata.phone_number_id.id()),
        ours: metadata.display_phone_number.id(),
        people: People::of(&value.contacts),
    };
    let lists: [(&List<&'a RawValue>, Reader<'a>); 8] = [
        (&value.messages, Number::message),
        (&value.statuses, Number::status),
        (&value.errors, Number::error),
        (&value.message_echoes, Number::echo),
        (&value.user_id_update, Number::user_id_update),
        (&value.groups, Number::group),
        (&value.calls, Number::call),
        (&value.user_preferences, Number::preference),
    ];
    let mut listed = false;
    for (list, read) in lists {
        listed |= batch.each(&number.place, whole, list, |batch, item| {
            batch.push(read(&number, item).unwrap_or_else(|| number.place.unknown(item)))
        })?;
    }
    if !listed {
        batch.push(account_event(place, &number, change.field, whole))?;
    }
    Ok(())
}

/// Reads an item of a list; `None` if it is no object or repeats a key.
type Reader<'a> = fn(&Number<'a>, &'a str) -> Option<Event>;

/// What a change without a list tells of the number or the WABA.
fn account_event<'a>(place: &Place<'a>, number: &Number<'a>, field: Scalar<'a>, whole: &str) -> Event {
    const OF_THE_ACCOUNT: [&str; 8] = [
        "account_",
        "business_",
        "flows",
        "message_template_",
        "partner_",
        "phone_number_",
        "security",
        "template_",
    ];
    let place = if number.place.id.is_some() { &number.place } else { place };
    let field = field.id().unwrap_or_default();
    let kind = if OF_THE_ACCOUNT.iter().any(|of| field.starts_with(of)) {
        Kind::AccountChanged
    } else {
        Kind::Unknown
    };
    let time = place.time.map_or(0, |time| time.0);
    let mut event = place.event(whole, kind, format!("change:{field}:{time}:{}", fingerprint(whole)));
    event.message.subtype = subtype(Some(field));
    event
}

/// The provider's word, where there is one.
fn subtype(word: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    word.filter(|word| !word.is_empty()).map(|word| Cow::Owned(word.into_owned()))
}

/// `<kind>:<id>`, or the fragment's hash where there is no id.
fn dedupe(kind: &str, id: Option<&str>, fragment: &str) -> String {
    match id {
        Some(id) => format!("{kind}:{id}"),
        None => format!("{kind}:hash:{}", fingerprint(fragment)),
    }
}

/// One of our numbers, as the items of a change see it.
struct Number<'a> {
    place: Place<'a>,
    /// Our number as displayed.
    ours: Option<Cow<'a, str>>,
    people: People<'a>,
}

impl<'a> Number<'a> {
    fn event(&self, raw: &str, kind: Kind, dedupe: String, time: Scalar<'a>) -> Event {
        let mut event = self.place.event(raw, kind, dedupe);
        event.time = time.time().or(event.time);
        event
    }

    /// A message from a contact: `value.messages[]`.
    fn message(&self, raw: &'a str) -> Option<Event> {
        let message = object::<Inbound<'a>>(raw).ok()??;
        let sender = Person::read(message.from_user_id, message.from_parent_user_id, message.from);
        if message.r#type.id().as_deref() == Some("system") {
            return Some(self.system(&message, sender, raw));
        }
        let sender = self.people.complete(sender);
        Some(self.told(&message, "message", sender.party(), &sender, raw))
    }

    /// A message that we sent from the phone app: `value.message_echoes[]`.
    fn echo(&self, raw: &'a str) -> Option<Event> {
        let message = object::<Inbound<'a>>(raw).ok()??;
        // The contact is `to`; some samples have both sides the other way round.
        let contact = if self.is_ours(message.to) {
            Person::read(message.from_user_id, message.from_parent_user_id, message.from)
        } else {
            Person::read(message.to_user_id, message.to_parent_user_id, message.to)
        };
        let contact = self.people.complete(contact);
        let ours = self.ours.as_deref().map(|id| Party { id: id.to_owned(), ..Party::default() });
        let mut event = self.told(&message, "echo", ours, &contact, raw);
        if matches!(event.kind, Kind::MessageReceived | Kind::Postback) {
            event.kind = Kind::MessageSent;
        }
        Some(event)
    }

    /// What a message says, in the conversation with `contact` or in its group. Without either it can
    /// only be kept.
    fn told(
        &self,
        message: &Inbound<'a>,
        prefix: &str,
        sender: Option<Party>,
        contact: &Person<'a>,
        raw: &str,
    ) -> Event {
        let id = message.id.id();
        let (kind, content) = content::of(message);
        let mut event = self.event(raw, kind, dedupe(prefix, id.as_deref(), raw), message.timestamp);
        let group = message.group_id.id();
        event.thread = group.as_deref().map(|id| Thread::of("group", id)).or_else(|| contact.thread());
        if event.thread.is_none() {
            event.kind = Kind::Unknown;
        }
        event.message = Message {
            id: content.id.or_else(|| id.map(Cow::into_owned)),
            sender,
            group: group.as_deref().map(party),
            ..content
        };
        event
    }

    /// The contact's identity: the message's own ids are the ones until now, those in `system` the new.
    fn system(&self, message: &Inbound<'a>, before: Person<'a>, raw: &str) -> Event {
        let system = message.system.0.as_ref();
        let word = system.and_then(|system| system.r#type.id());
        let kind = match word.as_deref() {
            Some("user_changed_number" | "user_changed_user_id" | "customer_identity_changed") => {
                Kind::ContactChanged
            }
            _ => Kind::Unknown,
        };
        let now = system.map_or_else(Person::default, |system| {
            Person::read(system.user_id, system.parent_user_id, system.wa_id)
        });
        let (before, now) = (self.people.complete(before), self.people.complete(now));
        let id = message.id.id();
        let mut event = self.event(raw, kind, dedupe("message", id.as_deref(), raw), message.timestamp);
        event.thread = now.thread_after(&before);
        event.message = Message {
            id: id.map(Cow::into_owned),
            sender: now.party().or_else(|| before.party()),
            text: system.and_then(|system| system.body.text()).map(Cow::into_owned),
            identity: now.identity_after(&before),
            subtype: subtype(word),
            ..Message::default()
        };
        event
    }

    /// A new business-scoped id: `value.user_id_update[]`.
    fn user_id_update(&self, raw: &'a str) -> Option<Event> {
        let update = object::<UserIdUpdate<'a>>(raw).ok()??;
        let (user, parent) =
            (update.user_id.0.unwrap_or_default(), update.parent_user_id.0.unwrap_or_default());
        let before = Person::read(user.previous, parent.previous, update.wa_id);
        let now = self.people.complete(Person::read(user.current, parent.current, update.wa_id));
        let dedupe = dedupe("user_id_update", None, raw);
        let mut event = self.event(raw, Kind::ContactChanged, dedupe, update.timestamp);
        event.thread = now.thread_after(&before);
        event.message.sender = now.party();
        event.message.identity = now.identity_after(&before);
        event.message.subtype = Some(Cow::Borrowed("user_id_update"));
        Some(event)
    }

    /// An error that no message belongs to: `value.errors[]`.
    fn error(&self, raw: &'a str) -> Option<Event> {
        let error = object::<Failure<'a>>(raw).ok()??;
        let mut event = self.place.event(raw, Kind::AccountChanged, dedupe("error", None, raw));
        event.message.text = error.title.text().map(Cow::into_owned);
        event.message.subtype = Some(Cow::Borrowed("error"));
        Some(event)
    }

    /// What happened to a group or to who is in it: `value.groups[]`.
    fn group(&self, raw: &'a str) -> Option<Event> {
        let group = object::<Group<'a>>(raw).ok()??;
        let (id, word) = (group.group_id.id(), group.r#type.id());
        let change = match word.as_deref().unwrap_or_default() {
            "group_participants_add" => Some("joined"),
            "group_participants_remove" => Some("left"),
            "group_join_request_created" => Some("join_request_created"),
            "group_join_request_revoked" => Some("join_request_revoked"),
            _ => None,
        };
        let kind = if change.is_some() { Kind::MemberChanged } else { Kind::Unknown };
        let request = group.request_id.id().or_else(|| group.join_request_id.id());
        let dedupe = format!(
            "group:{}:{}:{}:{}",
            id.as_deref().unwrap_or_default(),
            word.as_deref().unwrap_or_default(),
            group.timestamp.id().unwrap_or_default(),
            request.unwrap_or_else(|| Cow::Owned(fingerprint(raw))),
        );
        let mut event = self.event(raw, kind, dedupe, group.timestamp);
        event.thread = id.as_deref().map(|id| Thread::of("group", id));
        let lists = [&group.added_participants, &group.removed_participants];
        let listed = lists.into_iter().flat_map(List::items).filter_map(|participant| participant.0.as_ref());
        let itself = Person::read(group.user_id, group.parent_user_id, group.wa_id).called(group.username);
        event.message.member = change.map(|change| Member {
            change: Cow::Borrowed(change),
            who: listed
                .filter_map(|one| {
                    let person =
                        Person::read(one.user_id, one.parent_user_id, one.wa_id).called(one.username);
                    person.party().or_else(|| one.input.id().as_deref().map(party))
                })
                .chain(itself.party())
                .collect(),
        });
        event.message.group = id.as_deref().map(party);
        event.message.subtype = subtype(word);
        Some(event)
    }

    /// The contact wants marketing messages, or no more of them: `value.user_preferences[]`.
    fn preference(&self, raw: &'a str) -> Option<Event> {
        let preference = object::<Preference<'a>>(raw).ok()??;
        let contact = Person::read(preference.user_id, preference.parent_user_id, preference.wa_id);
        let contact = self.people.complete(contact);
        let dedupe = dedupe("preference", None, raw);
        let mut event = self.event(raw, Kind::MemberChanged, dedupe, preference.timestamp);
        event.thread = contact.thread();
        event.message.sender = contact.party();
        event.message.member =
            Some(Member { change: subtype(preference.value.id()).unwrap_or_default(), who: Vec::new() });
        event.message.subtype = subtype(preference.category.id());
        Some(event)
    }

    /// Whether `number` is ours. How ours is displayed varies, so digits alone are compared.
    fn is_ours(&self, number: Scalar<'a>) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        match (number.id(), &self.ours) {
            (Some(number), Some(ours)) => digits(&number) == digits(ours),
            _ => false,
        }
    }
}

fn party(id: &str) -> Party {
    Party { id: id.to_owned(), ..Party::default() }
}

shape! {
    struct UserIdUpdate<'a> {
        wa_id: Scalar<'a>,
        user_id: Object<Replaced<'a>>,
        parent_user_id: Object<Replaced<'a>>,
        timestamp: Scalar<'a>,
    }

    struct Replaced<'a> {
        previous: Scalar<'a>,
        current: Scalar<'a>,
    }

    struct Failure<'a> {
        code: Scalar<'a>,
        title: Scalar<'a>,
    }

    struct Group<'a> {
        group_id: Scalar<'a>,
        r#type: Scalar<'a>,
        timestamp: Scalar<'a>,
        request_id: Scalar<'a>,
        join_request_id: Scalar<'a>,
        wa_id: Scalar<'a>,
        user_id: Scalar<'a>,
        parent_user_id: Scalar<'a>,
        username: Scalar<'a>,
        added_participants: List<Object<Participant<'a>>>,
        removed_participants: List<Object<Participant<'a>>>,
    }

    /// `input` is what we asked for, where the provider does not say who it is.
    struct Participant<'a> {
        input: Scalar<'a>,
        wa_id: Scalar<'a>,
        user_id: Scalar<'a>,
        parent_user_id: Scalar<'a>,
        username: Scalar<'a>,
    }

    struct Preference<'a> {
        wa_id: Scalar<'a>,
        user_id: Scalar<'a>,
        parent_user_id: Scalar<'a>,
        category: Scalar<'a>,
        value: Scalar<'a>,
        timestamp: Scalar<'a>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::meta::envelope::tests::{events, names};

    /// The events of a change of the number `8`, displayed as `+49 30 1234`, of the WABA `9`.
    fn of_value(value: &str) -> Vec<Event> {
        events(&format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"9","changes":[{{"field":"messages",
            "value":{{"metadata":{{"phone_number_id":8,"display_phone_number":"+49 30 1234"}},{value}}}}}]}}]}}"#
        ))
    }

    fn receipt(state: &str, rest: &str) -> Event {
        let statuses = format!(r#""statuses":[{{"id":"w1","status":"{state}","recipient_id":"491"{rest}}}]"#);
        of_value(&statuses).remove(0)
    }

    #[test]
    fn a_receipt_names_its_own_state_as_its_dedupe_id_does_and_those_that_it_must_not_take_back() {
        for (state, higher) in [
            ("sent", "status:w1:sent status:w1:delivered status:w1:read status:w1:played"),
            ("delivered", "status:w1:delivered status:w1:read status:w1:played"),
            ("read", "status:w1:read status:w1:played"),
            ("played", "status:w1:played"),
            ("failed", ""),
        ] {
            let event = receipt(state, "");
            assert_eq!(event.dedupe, [format!("status:w1:{state}")]);
            let named: Vec<_> =
                event.reached.iter().flat_map(|reached| reached.rungs()).map(|(_, mark)| mark).collect();
            assert_eq!(named.join(" "), higher, "{state}");
        }
    }

    #[test]
    fn each_participant_of_a_group_has_their_own_receipts() {
        let read_by = |who: &str| {
            let rest = format!(r#","recipient_type":"group","recipient_participant_id":"{who}""#);
            receipt("read", &rest)
        };
        let (one, two) = (read_by("492"), read_by("493"));
        assert_eq!((names(&one), names(&two)), ("group:491".to_owned(), "group:491".to_owned()));
        assert_ne!(one.dedupe, two.dedupe);
        assert_eq!(one.message.sender.unwrap().id, "492");
    }

    #[test]
    fn our_own_number_is_never_the_contact_of_an_echo() {
        for sides in [r#""from":"49301234","to":"491""#, r#""from":"491","to":"49301234""#] {
            let echo =
                format!(r#""message_echoes":[{{{sides},"id":"w2","type":"text","text":{{"body":"x"}}}}]"#);
            let event = of_value(&echo).remove(0);
            assert_eq!((event.kind, names(&event)), (Kind::MessageSent, "wa:491".to_owned()), "{sides}");
        }
    }

    #[test]
    fn a_contact_of_the_payload_names_only_the_sender_it_is() {
        let contacts = r#""contacts":[{"wa_id":"491","user_id":"U1","profile":{"name":"Ada"}}]"#;
        let messages =
            r#""messages":[{"id":"a","from":"491"},{"id":"b","from":"492"},{"id":"c","from_user_id":"U1"}]"#;
        let events = of_value(&format!("{contacts},{messages}"));
        assert_eq!(
            events.iter().map(names).collect::<Vec<_>>(),
            ["user:U1 wa:491", "wa:492", "user:U1 wa:491"]
        );
        let called = |event: &Event| event.message.sender.as_ref().and_then(|sender| sender.name.clone());
        assert_eq!(
            events.iter().map(called).collect::<Vec<_>>(),
            [Some("Ada".to_owned()), None, Some("Ada".to_owned())]
        );
    }

    #[test]
    fn a_message_of_nobody_is_kept_as_unknown() {
        let event = of_value(r#""messages":[{"id":"a","type":"text","text":{"body":"x"}}]"#).remove(0);
        assert_eq!((event.kind, event.thread), (Kind::Unknown, None));
        assert_eq!(event.message.text.as_deref(), Some("x"));
    }
}
