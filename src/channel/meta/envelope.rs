//! The envelope of a batch: entries, in them lists, in them items (`providers.md` section 1).

use std::borrow::Cow;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use serde_json::value::RawValue;

use super::loose::{List, Scalar, object, shape};
use crate::{
    channel::{
        Channel, ITEMS_MAX, Malformed, TOO_MANY,
        event::{AccountRef, Event, Ignored, Item, Kind, Message, Raw},
        instagram, messenger, whatsapp,
    },
    ids::Timestamp,
};

const NOT_JSON: Malformed = Malformed { expected: "JSON in UTF-8 with each key once", limit: None };

/// One item for each item of a body's lists. `taken` are the products that the endpoint takes: an event of
/// another one has no account.
///
/// # Errors
/// If the body is not JSON, repeats a key that matters, or holds more than [`ITEMS_MAX`] items.
pub(in crate::channel) fn items(body: &[u8], taken: &[Channel]) -> Result<Vec<Item>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_not_utf8| NOT_JSON)?;
    let envelope = read::<Envelope<'_>>(text)?.unwrap_or_default();
    let product = match envelope.object.id().as_deref() {
        Some("whatsapp_business_account") => Some(Channel::Whatsapp),
        Some("page") => Some(Channel::Facebook),
        Some("instagram") => Some(Channel::Instagram),
        _ => None,
    };
    let channel = product.or_else(|| taken.first().copied()).unwrap_or(Channel::Facebook);
    let mut batch = Batch { items: Vec::new() };
    match &envelope.entry {
        List::Of(entries) => {
            for raw in entries {
                entry(body, product, channel, raw.get(), &mut batch)?;
            }
        }
        List::Absent | List::Odd => {
            let nowhere = Place { body, product, channel, id: None, time: None };
            if envelope.is_dashboard_test() {
                whatsapp::change(&nowhere, text, &mut batch)?;
                batch.ignore(0);
            } else {
                batch.push(nowhere.unknown(text))?;
            }
        }
    }
    if product.is_none_or(|product| !taken.contains(&product)) {
        batch.forget_accounts();
    }
    Ok(batch.items)
}

shape! {
    struct Envelope<'a> {
        object: Scalar<'a>,
        entry: List<&'a RawValue>,
        field: Scalar<'a>,
        value: Scalar<'a>,
    }

    /// `changes`, `messaging` and `standby` may stand beside each other; `field` and `value` of a single
    /// change may stand in the entry itself (section 4).
    struct Entry<'a> {
        id: Scalar<'a>,
        time: Scalar<'a>,
        changes: List<&'a RawValue>,
        messaging: List<&'a RawValue>,
        standby: List<&'a RawValue>,
        field: Scalar<'a>,
        value: Scalar<'a>,
    }
}

impl Envelope<'_> {
    /// The dashboard's test button also posts a change without an envelope.
    fn is_dashboard_test(&self) -> bool {
        !self.object.is_present()
            && matches!(self.entry, List::Absent)
            && self.field.is_present()
            && self.value.is_present()
    }
}

fn entry<'a>(
    body: &'a [u8],
    product: Option<Channel>,
    channel: Channel,
    whole: &'a str,
    batch: &mut Batch,
) -> Result<(), Malformed> {
    let entry = read::<Entry<'_>>(whole)?.unwrap_or_default();
    let place = Place { body, product, channel, id: entry.id.id(), time: entry.time.time() };
    let first = batch.items.len();
    let mut listed = batch.each(&place, whole, &entry.changes, |batch, raw| place.change(raw, batch))?;
    if entry.field.is_present() {
        place.change(whole, batch)?;
        listed = true;
    }
    listed |= batch.each(&place, whole, &entry.messaging, |batch, raw| batch.push(place.messaging(raw)))?;
    listed |= batch.each(&place, whole, &entry.standby, |batch, raw| batch.push(place.standby(raw)))?;
    if !listed {
        batch.push(place.unknown(whole))?;
    }
    if place.id.as_deref() == Some("0") {
        batch.ignore(first);
    }
    Ok(())
}

/// An entry, as its items see it.
#[derive(Debug)]
pub(in crate::channel) struct Place<'a> {
    body: &'a [u8],
    product: Option<Channel>,
    /// The product; for an unknown one the endpoint's first, so that its items have some channel.
    pub(in crate::channel) channel: Channel,
    /// The entry's id: page, Instagram account or WABA.
    pub(in crate::channel) id: Option<Cow<'a, str>>,
    /// The entry's time, for items that have none.
    pub(in crate::channel) time: Option<Timestamp>,
}

impl<'a> Place<'a> {
    /// The same place, with the account that the item itself names.
    pub(in crate::channel) fn of_account(&self, id: Option<Cow<'a, str>>) -> Self {
        Self { id, ..*self }
    }

    fn change(&self, fragment: &'a str, batch: &mut Batch) -> Result<(), Malformed> {
        match self.product {
            Some(Channel::Whatsapp) => whatsapp::change(self, fragment, batch),
            Some(Channel::Facebook) => batch.push(messenger::change(self, fragment)),
            Some(Channel::Instagram) => batch.push(instagram::change(self, fragment)),
            _ => batch.push(self.unknown(fragment)),
        }
    }

    fn messaging(&self, fragment: &'a str) -> Event {
        match self.product {
            Some(Channel::Facebook) => messenger::messaging(self, fragment),
            Some(Channel::Instagram) => instagram::messaging(self, fragment),
            _ => self.unknown(fragment),
        }
    }

    /// An event of a thread that another app is in charge of.
    fn standby(&self, fragment: &'a str) -> Event {
        let mut event = self.messaging(fragment);
        event.message.standby = true;
        event
    }

    /// An event of this entry: its account, its time, no thread.
    pub(in crate::channel) fn event(&self, fragment: &str, kind: Kind, dedupe: String) -> Event {
        Event {
            channel: self.channel,
            account: self.id.as_deref().map_or(AccountRef::Unknown, |id| AccountRef::Id(id.to_owned())),
            thread: None,
            dedupe: vec![dedupe],
            time: self.time,
            kind,
            message: Message::default(),
            raw: Raw::slice_of(self.body, fragment),
            reached: None,
        }
    }

    /// What cannot be read, kept as it came.
    pub(in crate::channel) fn unknown(&self, fragment: &str) -> Event {
        self.event(fragment, Kind::Unknown, format!("unknown:{}", fingerprint(fragment)))
    }
}

/// The items of a body, in order.
#[derive(Debug)]
pub(in crate::channel) struct Batch {
    items: Vec<Item>,
}

impl Batch {
    /// Adds an event.
    ///
    /// # Errors
    /// Above [`ITEMS_MAX`].
    pub(in crate::channel) fn push(&mut self, event: Event) -> Result<(), Malformed> {
        if self.items.len() >= ITEMS_MAX {
            return Err(TOO_MANY);
        }
        self.items.push(event.into());
        Ok(())
    }

    /// Adds what `read` makes of each item of a list; a list that is none is one unknown item, with
    /// `whole`, the object that it stands in. Answers whether there was anything.
    ///
    /// # Errors
    /// Above [`ITEMS_MAX`], and those of `read`.
    pub(in crate::channel) fn each<'a>(
        &mut self,
        place: &Place<'a>,
        whole: &'a str,
        list: &List<&'a RawValue>,
        read: impl Fn(&mut Self, &'a str) -> Result<(), Malformed>,
    ) -> Result<bool, Malformed> {
        match list {
            List::Absent => return Ok(false),
            List::Odd => self.push(place.unknown(whole))?,
            List::Of(items) => {
                for raw in items {
                    read(self, raw.get())?;
                }
            }
        }
        Ok(true)
    }

    /// The items from the `first` on are a dashboard's made-up samples.
    fn ignore(&mut self, first: usize) {
        for item in self.items.iter_mut().skip(first) {
            *item = Item::Ignored(Ignored::DashboardTest);
        }
    }

    /// The endpoint does not take this product: whose the events are is not known.
    fn forget_accounts(&mut self) {
        for item in &mut self.items {
            if let Item::Event(event) = item {
                event.account = AccountRef::Unknown;
            }
        }
    }
}

/// The object that `json` is, of the envelope or one of its entries and changes.
///
/// # Errors
/// If it is not JSON or repeats a key that matters: then the whole body cannot be trusted to be read alike
/// by everyone.
pub(in crate::channel) fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<Option<T>, Malformed> {
    object(json).map_err(|_syntax_or_repeated_key| NOT_JSON)
}

/// The hex SHA-256 of an item's bytes, the dedupe id of what has no other: a retry repeats them.
pub(in crate::channel) fn fingerprint(fragment: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, fragment.as_bytes()).as_ref())
}

#[cfg(test)]
pub(in crate::channel) mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::{
        channel::{Provider, fuzzing, meta::Meta},
        secret::Secret,
    };

    /// The events of a body.
    pub(in crate::channel) fn events(body: &str) -> Vec<Event> {
        let event = |item| match item {
            Item::Event(event) => *event,
            Item::Ignored(why) => panic!("ignored: {why:?}"),
        };
        split(meta(), body).unwrap().into_iter().map(event).collect()
    }

    /// The names of an event's conversation, one after the other.
    pub(in crate::channel) fn names(event: &Event) -> String {
        let keys = event.thread.iter().flat_map(|thread| &thread.keys);
        keys.map(|key| key.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn meta() -> Meta {
        Meta {
            app_secrets: vec![Secret::new("app")],
            verify_token: Secret::new("verify"),
            channels: vec![Channel::Whatsapp, Channel::Facebook, Channel::Instagram],
        }
    }

    fn split(meta: Meta, body: &str) -> Result<Vec<Item>, Malformed> {
        fuzzing::split(&Provider::Meta(meta), &HeaderMap::new(), body.as_bytes()).map(|split| split.items)
    }

    /// Kind, account and raw fragment of each item, or what it is ignored for.
    fn told(body: &str) -> Vec<String> {
        told_by(meta(), body)
    }

    fn told_by(meta: Meta, body: &str) -> Vec<String> {
        let tell = |item: Item| match item {
            Item::Ignored(why) => why.label().to_owned(),
            Item::Event(event) => {
                let account = match &event.account {
                    AccountRef::Id(id) => id.as_str(),
                    _ => "?",
                };
                let raw = match &event.raw {
                    Raw::Range(range) => body.get(range.start as usize..range.end as usize).unwrap(),
                    Raw::Owned(_) | Raw::Whole => "?",
                };
                format!("{:?} {account} {raw}", event.kind)
            }
        };
        split(meta, body).unwrap().into_iter().map(tell).collect()
    }

    #[test]
    fn an_unexpected_shape_is_kept_and_takes_nothing_with_it() {
        let good =
            r#"{"sender":{"id":"2"},"recipient":{"id":"1"},"timestamp":1700000000000,"message":{"mid":"m"}}"#;
        for (body, items) in [
            ("[1]", vec!["Unknown ? [1]".to_owned()]),
            ("7", vec!["Unknown ? 7".to_owned()]),
            ("{}", vec!["Unknown ? {}".to_owned()]),
            (r#"{"object":"page"}"#, vec![r#"Unknown ? {"object":"page"}"#.to_owned()]),
            (r#"{"object":"page","entry":5}"#, vec![r#"Unknown ? {"object":"page","entry":5}"#.to_owned()]),
            (r#"{"object":"page","entry":[]}"#, vec![]),
            (r#"{"object":"page","entry":[{"id":"1","messaging":[]}]}"#, vec![]),
            (
                r#"{"object":"page","entry":[5,{"id":"1"}]}"#,
                vec!["Unknown ? 5".to_owned(), r#"Unknown 1 {"id":"1"}"#.to_owned()],
            ),
            (
                r#"{"object":"page","entry":[{"id":"1","messaging":5}]}"#,
                vec![r#"Unknown 1 {"id":"1","messaging":5}"#.to_owned()],
            ),
            (
                &format!(r#"{{"object":"page","entry":[{{"id":1,"messaging":[5,{good},{{}}]}}]}}"#),
                vec![
                    "Unknown 1 5".to_owned(),
                    format!("MessageReceived 1 {good}"),
                    "Unknown 1 {}".to_owned(),
                ],
            ),
        ] {
            assert_eq!(told(body), items, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_or_can_be_read_in_two_ways_is_malformed() {
        for body in [
            "",
            "{",
            "object=page",
            "\u{feff}{}",
            r#"{"object":"page","entry":[]} x"#,
            r#"{"object":"page","object":"instagram","entry":[]}"#,
            r#"{"object":"page","entry":[],"entry":[]}"#,
            r#"{"object":"page","entry":[{"id":"1","id":"2","messaging":[]}]}"#,
            r#"{"object":"page","entry":[{"id":"1","messaging":[],"messaging":[]}]}"#,
            r#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","field":"x"}]}]}"#,
        ] {
            assert!(split(meta(), body).is_err(), "{body}");
        }
        let latin1 = Provider::Meta(meta());
        assert!(fuzzing::split(&latin1, &HeaderMap::new(), b"{\"object\":\"\xe9\"}").is_err());
    }

    #[test]
    fn the_lists_of_an_entry_stand_beside_each_other() {
        let body = concat!(
            r#"{"object":"page","entry":[{"id":"1","field":"feed","value":{"post_id":"p"},"#,
            r#""changes":[{"field":"feed","value":{"post_id":"q"}}],"#,
            r#""messaging":[{"sender":{"id":"2"},"postback":{"mid":"m1"}}],"#,
            r#""standby":[{"sender":{"id":"2"},"postback":{"mid":"m2"}}]}]}"#
        );
        let kinds: Vec<_> =
            told(body).iter().map(|item| item.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["Post", "Post", "Postback", "Postback"]);
    }

    #[test]
    fn a_product_that_the_endpoint_does_not_take_is_quarantined() {
        let whatsapp_only = Meta { channels: vec![Channel::Whatsapp], ..meta() };
        let item = r#"{"sender":{"id":"2"},"message":{"mid":"m"}}"#;
        for (product, kind) in
            [("page", "MessageReceived"), ("instagram", "MessageReceived"), ("user", "Unknown")]
        {
            let body = format!(r#"{{"object":"{product}","entry":[{{"id":"1","messaging":[{item}]}}]}}"#);
            assert_eq!(told_by(whatsapp_only.clone(), &body), [format!("{kind} ? {item}")]);
        }
    }

    #[test]
    fn samples_of_the_dashboard_are_ignored_one_for_each_item() {
        for (body, count) in [
            (r#"{"object":"page","entry":[{"id":0,"messaging":[{},{}]},{"id":"0","changes":[{}]}]}"#, 3),
            (r#"{"field":"messages","value":{"messages":[{},{}],"statuses":[{}]}}"#, 3),
            (r#"{"field":"comments","value":{"id":"17"}}"#, 1),
        ] {
            assert_eq!(told(body), vec!["dashboard_test"; count], "{body}");
        }
    }

    #[test]
    fn a_batch_has_a_limit() {
        let batch = |items| format!(r#"{{"object":"page","entry":[{{"id":"1","messaging":[{items}]}}]}}"#);
        let body = batch(vec!["0"; ITEMS_MAX].join(","));
        assert_eq!(split(meta(), &body).unwrap().len(), ITEMS_MAX);
        let body = batch(vec!["0"; ITEMS_MAX + 1].join(","));
        assert_eq!(split(meta(), &body).unwrap_err(), TOO_MANY);
    }
}
