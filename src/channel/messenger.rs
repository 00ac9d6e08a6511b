//! Facebook Messenger: `providers.md` section 3.
//!
//! Also reads what Instagram's messaging events share with it; [`super::instagram`] adds its own.

mod fields;
mod post;

use std::borrow::Cow;

use self::fields::{Attachment, Delivery, Edit, Messaging, Payload, Pressed, Reacted, Seen, Written};
pub(super) use self::post::public_or_private;
use super::{
    event::{
        Event, Kind, Media, Message, Party, Postback, Reached, Reaction, State, Status, Thread, ThreadKey,
    },
    meta::{
        envelope::{Place, fingerprint},
        loose::{Scalar, object},
    },
};

/// Reads an item of a page's `messaging` or `standby`.
pub(super) fn messaging<'a>(place: &Place<'a>, raw: &'a str) -> Event {
    private(place, raw, "psid")
}

/// Reads an item of a page's `changes`: the feed and its comments.
pub(super) fn change<'a>(place: &Place<'a>, raw: &'a str) -> Event {
    public_or_private(place, raw, &["feed", "live_videos", "mention", "ratings", "videos"], messaging)
}

/// Reads a messaging event, in which `scope` names the kind of the contact's id.
pub(super) fn private<'a>(place: &Place<'a>, raw: &'a str, scope: &'static str) -> Event {
    match object(raw) {
        Ok(Some(item)) => Item::new(place, raw, scope, item).event(),
        Ok(None) | Err(_) => place.unknown(raw),
    }
}

/// A messaging event and who is who in it.
struct Item<'p, 'a> {
    place: &'p Place<'a>,
    raw: &'a str,
    scope: &'static str,
    item: Messaging<'a>,
    sender: Option<Cow<'a, str>>,
    /// The page or account acted, not the contact.
    is_ours: bool,
    contact: Option<Cow<'a, str>>,
    /// The id of a guest, until the contact has a real one.
    guest: Option<Cow<'a, str>>,
}

impl<'p, 'a> Item<'p, 'a> {
    fn new(place: &'p Place<'a>, raw: &'a str, scope: &'static str, item: Messaging<'a>) -> Self {
        let peers = [&item.sender, &item.recipient].map(|peer| peer.0.as_ref());
        let [sender, recipient] = peers.map(|peer| peer.and_then(|peer| peer.id.id()));
        let [from_guest, to_guest] = peers.map(|peer| peer.and_then(|peer| peer.user_ref.id()));
        let is_echo = item.message.0.as_ref().is_some_and(|message| message.is_echo.is_true());
        // Some echoes come without the sides swapped, so both ids are compared with ours.
        let is_account = |id: &Option<Cow<'a, str>>| id.is_some() && *id == place.id;
        let from_account = is_account(&sender);
        let contact_received = from_account || is_echo && !is_account(&recipient);
        let (contact, user_ref) =
            if contact_received { (recipient, to_guest) } else { (sender.clone(), from_guest) };
        let guest = user_ref
            .clone()
            .or_else(|| item.optin.0.as_ref()?.user_ref.id())
            .or_else(|| item.prior_message.0.as_ref()?.identifier.id());
        let sender = sender.or(if contact_received { None } else { user_ref });
        Self { place, raw, scope, sender, is_ours: from_account || is_echo, contact, guest, item }
    }

    fn event(&self) -> Event {
        let item = &self.item;
        if let Some(message) = &item.message.0 {
            self.written(message)
        } else if let Some(edit) = &item.message_edit.0 {
            self.edited(edit)
        } else if let Some(postback) = &item.postback.0 {
            self.pressed(postback)
        } else if let Some(reaction) = &item.reaction.0 {
            self.reacted(reaction)
        } else if let Some(delivery) = &item.delivery.0 {
            self.delivered(delivery)
        } else if let Some(read) = &item.read.0 {
            self.seen(read)
        } else {
            self.rarer()
        }
    }

    fn rarer(&self) -> Event {
        let item = &self.item;
        let handover = [
            ("pass_thread_control", item.pass_thread_control),
            ("take_thread_control", item.take_thread_control),
            ("request_thread_control", item.request_thread_control),
            ("app_roles", item.app_roles),
        ];
        if let Some(optin) = &item.optin.0 {
            let payload = optin.r#ref.text().or_else(|| optin.payload.text());
            self.entered("optin", payload, optin.title)
        } else if let Some(referral) = &item.referral.0 {
            self.entered("referral", referral.r#ref.text(), Scalar::default())
        } else if let Some(linking) = &item.account_linking.0 {
            // The authorization code beside the status is a credential: it stays in `data.raw` alone.
            self.entered("account_linking", linking.status.text(), Scalar::default())
        } else if let Some((word, _)) = handover.into_iter().find(|(_, field)| field.is_present()) {
            let mut event = self.of(Kind::Handover, self.moment("handover", word));
            event.message.subtype = Some(Cow::Borrowed(word));
            event
        } else if let Some(policy) = &item.policy_enforcement.0 {
            let action = policy.action.id();
            let mut event = self.of(Kind::AccountChanged, self.moment("policy", ""));
            event.thread = None;
            event.message.text = owned(policy.reason.text());
            event.message.subtype = Some(match action {
                Some(action) => Cow::Owned(format!("policy-enforcement:{action}")),
                None => Cow::Borrowed("policy-enforcement"),
            });
            event
        } else {
            self.of(Kind::Unknown, format!("unknown:{}", fingerprint(self.raw)))
        }
    }

    fn written(&self, message: &Written<'a>) -> Event {
        let mid = message.mid.id();
        if message.is_deleted.is_true() {
            let mut event = self.of(Kind::MessageDeleted, self.named("deleted", mid.as_deref()));
            event.message.id = owned(mid);
            return event;
        }
        let quick_reply = message.quick_reply.0.as_ref();
        let (kind, prefix) = match quick_reply {
            // A message of nobody can only be kept.
            _ if self.contact.is_none() && self.guest.is_none() => (Kind::Unknown, "message"),
            _ if self.is_ours => (Kind::MessageSent, "echo"),
            Some(_) => (Kind::Postback, "message"),
            None => (Kind::MessageReceived, "message"),
        };
        let text = owned(message.text.text());
        let reply_to = message.reply_to.0.as_ref();
        let story = reply_to.and_then(|reply_to| reply_to.story.0.as_ref());
        let attached = message
            .attachments
            .items()
            .iter()
            .map(|attachment| attachment.0.as_ref().map_or_else(Media::default, media));
        let story_media = story.map(|story| Media {
            kind: Cow::Borrowed("story"),
            id: owned(story.id.id()),
            url: owned(story.url.text()),
            ..Media::default()
        });
        let mut event = self.of(kind, self.named(prefix, mid.as_deref()));
        event.message = Message {
            id: owned(mid),
            media: attached.chain(story_media).collect(),
            reply_to: reply_to.and_then(|reply_to| owned(reply_to.mid.id())),
            postback: quick_reply
                .map(|reply| Postback { payload: owned(reply.payload.text()), title: text.clone() }),
            subtype: if message.is_unsupported.is_true() {
                Some(Cow::Borrowed("unsupported"))
            } else if quick_reply.is_some() {
                Some(Cow::Borrowed("quick_reply"))
            } else {
                story.map(|_story| Cow::Borrowed("story_reply"))
            },
            text,
            ..event.message
        };
        event
    }

    fn edited(&self, edit: &Edit<'a>) -> Event {
        let mid = edit.mid.id();
        let edition = mid.as_deref().zip(edit.num_edit.id()).map(|(mid, number)| format!("{mid}:{number}"));
        let mut event = self.of(Kind::MessageEdited, self.named("edit", edition.as_deref()));
        event.message.id = owned(mid);
        event.message.text = owned(edit.text.text());
        event
    }

    fn pressed(&self, postback: &Pressed<'a>) -> Event {
        let (mid, payload) = (postback.mid.id(), postback.payload.text());
        let dedupe = match &mid {
            Some(mid) => format!("postback:{mid}"),
            None => self.moment("postback", payload.as_deref().unwrap_or_default()),
        };
        let mut event = self.of(Kind::Postback, dedupe);
        let title = owned(postback.title.text()).filter(|title| !title.is_empty());
        event.message.id = owned(mid);
        event.message.postback = Some(Postback { payload: owned(payload), title });
        event
    }

    fn reacted(&self, reaction: &Reacted<'a>) -> Event {
        let (mid, action) = (reaction.mid.id(), reaction.action.id());
        let about =
            format!("{}:{}", mid.as_deref().unwrap_or_default(), action.as_deref().unwrap_or_default());
        let mut event =
            self.of(Kind::MessageReaction, self.moment_of("reaction", self.sender.as_deref(), &about));
        let removed = action.as_deref() == Some("unreact");
        event.message.id = owned(mid);
        event.message.reaction =
            Some(Reaction { emoji: if removed { None } else { owned(reaction.emoji.text()) }, removed });
        event
    }

    fn delivered(&self, delivery: &Delivery<'a>) -> Event {
        let watermark = delivery.watermark.number();
        let mut mids = delivery.mids.items().iter().filter_map(|mid| owned(mid.id()));
        let mut event = self.of(Kind::MessageStatus, self.up_to("delivery", watermark));
        event.reached = self.reached(State::Delivered, watermark);
        event.message.id = mids.next();
        event.message.ids = mids.collect();
        event.message.status = Some(Status { watermark, ..Status::of(State::Delivered) });
        event
    }

    fn seen(&self, seen: &Seen<'a>) -> Event {
        let (mid, watermark) = (seen.mid.id(), seen.watermark.number());
        let dedupe = match &mid {
            Some(mid) => format!("seen:{mid}"),
            None => self.up_to("read", watermark),
        };
        let mut event = self.of(Kind::MessageStatus, dedupe);
        event.reached = self.reached(State::Read, watermark);
        event.message.id = owned(mid);
        event.message.status = Some(Status { watermark, ..Status::of(State::Read) });
        event
    }

    /// The contact came by a link, a plugin or a log-in button.
    fn entered(&self, word: &'static str, payload: Option<Cow<'a, str>>, title: Scalar<'a>) -> Event {
        let mut event = self.of(Kind::Postback, self.moment(word, ""));
        event.message.postback = Some(Postback { payload: owned(payload), title: owned(title.text()) });
        event.message.subtype = Some(Cow::Borrowed(word));
        event
    }

    /// An event in the conversation with the contact, by the sender.
    fn of(&self, kind: Kind, dedupe: String) -> Event {
        let mut event = self.place.event(self.raw, kind, dedupe);
        event.time = self.item.timestamp.time().or(event.time);
        event.thread = self.thread();
        event.message.sender =
            self.sender.as_deref().map(|id| Party { id: id.to_owned(), ..Party::default() });
        event
    }

    /// A guest's id leads to the same conversation as the id that the contact has since.
    fn thread(&self) -> Option<Thread> {
        match (self.contact.as_deref(), self.guest.as_deref()) {
            (Some(contact), guest) => {
                let mut thread = Thread::of(self.scope, contact);
                thread.keys.extend(guest.map(|guest| ThreadKey::lasting("user_ref", guest)));
                Some(thread)
            }
            (None, Some(guest)) => Some(Thread::of("user_ref", guest)),
            (None, None) => None,
        }
    }

    fn named(&self, prefix: &str, id: Option<&str>) -> String {
        match id {
            Some(id) => format!("{prefix}:{id}"),
            None => self.hashed(prefix),
        }
    }

    /// (contact, watermark) of section 3's table.
    fn up_to(&self, prefix: &str, watermark: Option<i64>) -> String {
        match watermark {
            Some(watermark) => format!("{prefix}:{}:{watermark}", self.whom()),
            None => self.hashed(prefix),
        }
    }

    /// All that the contact was sent up to the watermark. A receipt without one (Instagram's) names one message
    /// and the only state that there is: nothing can come before it.
    fn reached(&self, state: State, watermark: Option<i64>) -> Option<Reached> {
        let up_to = watermark.and_then(|watermark| u64::try_from(watermark).ok())?;
        Some(Reached { of: format!("watermark:{}", self.whom()), state, up_to })
    }

    /// (contact, timestamp, `what`) of section 3's table.
    fn moment(&self, prefix: &str, what: &str) -> String {
        self.moment_of(prefix, Some(self.whom()), what)
    }

    fn moment_of(&self, prefix: &str, who: Option<&str>, what: &str) -> String {
        match self.item.timestamp.time() {
            Some(time) => format!("{prefix}:{}:{}:{what}", who.unwrap_or_default(), time.0),
            None => self.hashed(prefix),
        }
    }

    fn hashed(&self, prefix: &str) -> String {
        format!("{prefix}:hash:{}", fingerprint(self.raw))
    }

    fn whom(&self) -> &str {
        self.contact.as_deref().or(self.guest.as_deref()).unwrap_or_default()
    }
}

fn media(attachment: &Attachment<'_>) -> Media {
    let payload = attachment.payload.0.as_ref();
    let of_payload = |field: fn(&Payload<'_>) -> Option<String>| payload.and_then(field);
    let sticker = of_payload(|payload| owned(payload.sticker_id.id()));
    let kind = match attachment.r#type.id().as_deref() {
        _ if sticker.is_some() => Cow::Borrowed("sticker"),
        Some("fallback") => Cow::Borrowed("link"),
        other => Cow::Owned(other.unwrap_or("unknown").to_owned()),
    };
    Media {
        kind,
        id: sticker.or_else(|| of_payload(|payload| owned(payload.attachment_id.id()))),
        url: of_payload(|payload| owned(payload.url.text())).or_else(|| owned(attachment.url.text())),
        name: of_payload(|payload| owned(payload.title.text())).or_else(|| owned(attachment.title.text())),
        ..Media::default()
    }
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::meta::envelope::tests::{events, names};

    /// The event of an item of the page `7`.
    fn of_item(item: &str) -> Event {
        events(&format!(r#"{{"object":"page","entry":[{{"id":7,"messaging":[{{{item}}}]}}]}}"#)).remove(0)
    }

    #[test]
    fn the_contact_is_whoever_is_not_the_page() {
        for (sender, recipient, echo, contact, kind) in [
            ("1", "7", false, "psid:1", Kind::MessageReceived),
            ("7", "1", true, "psid:1", Kind::MessageSent),
            ("7", "1", false, "psid:1", Kind::MessageSent),
            // An echo whose sides were not swapped.
            ("1", "7", true, "psid:1", Kind::MessageSent),
            // Neither is the page: the flag decides.
            ("1", "2", false, "psid:1", Kind::MessageReceived),
            ("1", "2", true, "psid:2", Kind::MessageSent),
        ] {
            let event = of_item(&format!(
                r#""sender":{{"id":{sender}}},"recipient":{{"id":"{recipient}"}},"message":{{"mid":"m","is_echo":{echo}}}"#
            ));
            assert_eq!(
                (names(&event), event.kind),
                (contact.to_owned(), kind),
                "{sender} {recipient} {echo}"
            );
        }
    }

    #[test]
    fn what_happens_to_one_message_has_ids_that_never_collide() {
        let peers = r#""sender":{"id":"1"},"recipient":{"id":"7"},"timestamp":1700000000000"#;
        let mut ids: Vec<_> = [
            r#""message":{"mid":"m"}"#,
            r#""message":{"mid":"m","is_echo":true}"#,
            r#""message":{"mid":"m","is_deleted":true}"#,
            r#""message_edit":{"mid":"m","num_edit":1}"#,
            r#""message_edit":{"mid":"m","num_edit":2}"#,
            r#""reaction":{"mid":"m","action":"react"}"#,
            r#""reaction":{"mid":"m","action":"unreact"}"#,
            r#""read":{"mid":"m"}"#,
            r#""postback":{"mid":"m"}"#,
        ]
        .map(|what| of_item(&format!("{peers},{what}")).dedupe.concat())
        .into();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 9, "{ids:?}");
        let edition =
            |number: &str| of_item(&format!(r#"{peers},"message_edit":{{"mid":"m","num_edit":{number}}}"#));
        assert_eq!(edition("3").dedupe, edition(r#""3""#).dedupe);
    }

    #[test]
    fn receipts_of_a_contact_are_compared_by_their_watermarks() {
        let told = |peers: &str, what: &str| of_item(&format!("{peers},{what}")).reached;
        let ann = r#""sender":{"id":"1"},"recipient":{"id":"7"}"#;
        let delivered = told(ann, r#""delivery":{"mids":["m"],"watermark":17}"#).unwrap();
        let read = told(ann, r#""read":{"watermark":"18"}"#).unwrap();
        assert_eq!((delivered.state, delivered.up_to), (State::Delivered, 17));
        assert_eq!((read.state, read.up_to), (State::Read, 18));
        assert_eq!(delivered.of, read.of);
        let bens = told(r#""sender":{"id":"2"}"#, r#""read":{"watermark":18}"#).unwrap();
        assert_ne!(bens.of, read.of);
        for alone in [r#""read":{"mid":"m"}"#, r#""delivery":{"mids":["m"]}"#, r#""read":{"watermark":-1}"#] {
            assert_eq!(told(ann, alone), None, "{alone}");
        }
    }

    #[test]
    fn a_guest_is_followed_to_the_id_that_the_contact_has_since() {
        let guest = of_item(r#""sender":{"user_ref":"g"},"optin":{"user_ref":"g"}"#);
        assert_eq!(names(&guest), "user_ref:g");
        let contact =
            of_item(r#""sender":{"id":"1"},"message":{"mid":"m"},"prior_message":{"identifier":"g"}"#);
        assert_eq!(names(&contact), "psid:1 user_ref:g");
    }

    #[test]
    fn an_authorization_code_stays_in_the_raw_fragment() {
        let linked = of_item(
            r#""sender":{"id":"1"},"account_linking":{"status":"linked","authorization_code":"c0de"}"#,
        );
        assert!(!format!("{:?}", linked.message).contains("c0de"));
    }
}
