//! Format `event`: a CloudEvents 1.0 object in JSON, structured mode. Pure.
//!
//! The stored normalised message and the provider's fragment are put together as text: no number,
//! escape or key order of the provider is written anew.

use std::{borrow::Cow, fmt, str};

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

use super::headers::{encoded, sequence_text};
use crate::{
    channel::{event::Raw, json::nests_deeper},
    spool::{Event, Sequence, Webhook},
    tag::Found,
};

/// About how long an event's attributes are.
const ATTRIBUTES_BYTES: usize = 512;

/// The content type of the format.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";

/// An event as kept whose `data` is no JSON object; written by a broken version or a damaged store.
#[derive(Debug, thiserror::Error)]
#[error("the stored event cannot be read")]
pub(super) struct Unreadable(#[from] serde_json::Error);

/// The attributes and data of an event. What does not exist is absent, never null.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    datacontenttype: &'static str,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    responsible: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    /// Text, because a CloudEvents integer has 32 bits; of one length, because the `sequence` extension
    /// of CloudEvents is compared as text.
    sequence: String,
    data: Object<'a>,
}

/// An event, as it is posted.
pub(super) struct Rendered {
    /// The body.
    pub(super) body: Bytes,
    /// The provider's fragment is nested too deep to stand in it as JSON.
    pub(super) too_deep: bool,
}

/// The body of a delivery. `found` is the conversation's tag, if the event has a conversation. A fragment
/// whose arrays and objects stand in each other more than `nesting_max` deep is not written as JSON, so that
/// the backend's parser has nothing to choke on: all of the event but its own fragment stays as it is.
///
/// # Errors
/// If what was stored is not JSON.
pub(super) fn render(
    webhook: &Webhook,
    event: &Event,
    sequence: Sequence,
    found: Option<&Found>,
    nesting_max: usize,
) -> Result<Rendered, Unreadable> {
    let fragment = Fragment::of(webhook, &event.raw, nesting_max);
    let too_deep = matches!(fragment, Fragment::TooDeep(_));
    let tag = found.map(|found| &found.tag);
    let account = event.account.as_ref().map_or(event.provider_account.as_str(), |account| account.as_str());
    let cloud_event = CloudEvent {
        specversion: "1.0",
        id: event.id.to_string(),
        source: format!("/{}/{}", event.channel, encoded(account)),
        kind: event.kind.cloud_event_type(),
        subject: tag.map(|tag| tag.conversation.to_string()),
        time: event.time.and_then(|time| time.rfc3339()).or_else(|| webhook.received.rfc3339()),
        datacontenttype: "application/json",
        tenant: webhook.tenant.as_str(),
        responsible: tag.and_then(|tag| tag.responsible.as_ref()).map(|user| user.as_str()),
        team: tag.and_then(|tag| tag.team.as_ref()).map(|team| team.as_str()),
        sequence: sequence_text(sequence),
        data: data(event, found.is_some_and(|found| found.weak), fragment.into_json()?)?,
    };
    // Event and fragment make up nearly all of it, so that the buffer does not grow on the way.
    let mut body = Vec::with_capacity(ATTRIBUTES_BYTES + cloud_event.data.bytes());
    serde_json::to_writer(&mut body, &cloud_event)?;
    Ok(Rendered { body: body.into(), too_deep })
}

/// The stored message with what only delivery knows, and the provider's fragment last.
fn data<'a>(event: &'a Event, weak: bool, raw: Cow<'a, RawValue>) -> Result<Object<'a>, Unreadable> {
    let mut data: Object<'a> = serde_json::from_str(&event.data)?;
    // A receipt that came late tells what was known before it, and beside that what it said.
    if let (Some(further), Some(status)) = (event.superseded, data.find("status")) {
        let status = {
            let mut status: Object<'_> = serde_json::from_str(status.get())?;
            if let Some(reported) = status.find("state").map(RawValue::to_owned) {
                status.set("state", Cow::Owned(to_raw_value(&further.state)?));
                status.set("reported", Cow::Owned(reported));
                if status.find("watermark").is_some() {
                    status.set("watermark", Cow::Owned(to_raw_value(&further.up_to)?));
                }
            }
            to_raw_value(&status)?
        };
        data.set("status", Cow::Owned(status));
    }
    if weak && let Some(email) = data.find("email") {
        let email = {
            let mut email: Object<'_> = serde_json::from_str(email.get())?;
            email.set("weak_thread", Cow::Owned(to_raw_value(&true)?));
            to_raw_value(&email)?
        };
        data.set("email", Cow::Owned(email));
    }
    data.set("raw", raw);
    Ok(data)
}

/// The provider's own fragment of an event.
enum Fragment<'a> {
    /// JSON that any parser takes.
    Json(&'a RawValue),
    /// JSON that is nested deeper than that.
    TooDeep(&'a RawValue),
    /// It is no JSON: all of the webhook.
    Opaque(&'a Webhook),
}

impl<'a> Fragment<'a> {
    fn of(webhook: &'a Webhook, raw: &'a Raw, nesting_max: usize) -> Self {
        let text = match raw {
            Raw::Owned(text) => Some(&**text),
            Raw::Range(range) => webhook
                .body
                .get(range.start as usize..range.end as usize)
                .and_then(|part| str::from_utf8(part).ok()),
            Raw::Whole => str::from_utf8(&webhook.body).ok(),
        };
        match text.and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) {
            Some(json) if nests_deeper(json.get(), nesting_max) => Self::TooDeep(json),
            Some(json) => Self::Json(json),
            None => Self::Opaque(webhook),
        }
    }

    fn into_json(self) -> serde_json::Result<Cow<'a, RawValue>> {
        let encoded = match self {
            Self::Json(json) => return Ok(Cow::Borrowed(json)),
            Self::TooDeep(json) => Encoded {
                content_type: Some("application/json".into()),
                base64: BASE64.encode(json.get().as_bytes()),
            },
            Self::Opaque(webhook) => {
                let mut headers = webhook.headers.iter();
                let content_type = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                Encoded {
                    content_type: content_type.map(|(_, value)| String::from_utf8_lossy(value)),
                    base64: BASE64.encode(&webhook.body),
                }
            }
        };
        to_raw_value(&encoded).map(Cow::Owned)
    }
}

/// What cannot stand in a delivery as it is.
#[derive(Serialize)]
struct Encoded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Cow<'a, str>>,
    base64: String,
}

/// A JSON object whose values stay the text that they are.
struct Object<'a>(Vec<(String, Cow<'a, RawValue>)>);

impl<'a> Object<'a> {
    /// About how long it is as text.
    fn bytes(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.get().len() + r#""":,"#.len()).sum()
    }

    fn find(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    fn set(&mut self, key: &str, value: Cow<'a, RawValue>) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, place)) => *place = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((key, Cow::Borrowed(value)));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smallvec::smallvec;

    use super::*;
    use crate::{
        channel::{Channel, Kind, event::State},
        ids::{AccountId, EndpointId, EventId, TenantId, Timestamp},
        spool::{Format, Further},
    };

    const NESTING_MAX: usize = 60;
    const READ: Further = Further { state: State::Read, up_to: 7 };

    fn rendered(
        data: &str,
        superseded: Option<Further>,
        raw: Raw,
        body: &[u8],
    ) -> Result<String, Unreadable> {
        let event = Event {
            id: EventId(7),
            also: smallvec![],
            channel: Channel::Line,
            account: Some(AccountId::new("a/b")),
            provider_account: "U1".to_owned(),
            kind: Kind::Unknown,
            time: None,
            thread: None,
            reached: None,
            superseded,
            data: data.into(),
            raw,
        };
        let webhook = Webhook {
            tenant: TenantId::new("default"),
            endpoint: EndpointId::new("line"),
            received: Timestamp(0),
            format: Format::Event,
            nonce: None,
            target: "/hooks/line".to_owned(),
            headers: Vec::new(),
            events: vec![event.clone()],
            malformed: false,
            body: Bytes::copy_from_slice(body),
        };
        let rendered = render(&webhook, &event, Sequence(1), None, NESTING_MAX)?;
        let text = String::from_utf8(rendered.body.to_vec()).unwrap();
        assert!(!nests_deeper(&text, NESTING_MAX + 2), "{text}");
        Ok(text)
    }

    #[test]
    fn an_account_in_the_source_is_a_path_segment() {
        let text = rendered("{}", None, Raw::Whole, b"{}").unwrap();
        assert!(text.contains(r#""source":"/line/a%2Fb""#), "{text}");
    }

    #[test]
    fn a_fragment_is_json_up_to_the_limit_and_encoded_beyond_it() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for levels in [1, NESTING_MAX] {
            let fragment = nested(levels);
            let text = rendered("{}", None, Raw::Owned(fragment.as_str().into()), b"").unwrap();
            assert!(text.ends_with(&format!(r#""data":{{"raw":{fragment}}}}}"#)), "{text}");
        }
        for levels in [NESTING_MAX + 1, 100_000] {
            let deep = nested(levels);
            let body = format!("[7,{deep}]");
            let range = Raw::Range(3..u32::try_from(3 + deep.len()).unwrap());
            for raw in [Raw::Owned(deep.as_str().into()), range] {
                let text = rendered(r#"{"text":"hello"}"#, None, raw, body.as_bytes()).unwrap();
                let base64 = BASE64.encode(deep.as_bytes());
                let raw = format!(r#"{{"content_type":"application/json","base64":"{base64}"}}"#);
                assert!(text.ends_with(&format!(r#""data":{{"text":"hello","raw":{raw}}}}}"#)));
            }
        }
    }

    #[test]
    fn a_receipt_without_a_state_stays_as_it_is() {
        let text = rendered(r#"{"status":{"watermark":1}}"#, Some(READ), Raw::Whole, b"1").unwrap();
        assert!(text.ends_with(r#""data":{"status":{"watermark":1},"raw":1}}"#), "{text}");
    }

    #[test]
    fn stored_data_that_is_no_object_is_an_error() {
        for data in ["", "[]", "{", "null", r#"{"status":1"#] {
            assert!(rendered(data, None, Raw::Whole, b"{}").is_err(), "{data:?}");
        }
        assert!(rendered(r#"{"status":1}"#, Some(READ), Raw::Whole, b"{}").is_err());
    }

    proptest! {
        /// Whatever a body holds and wherever the fragment is said to be, the backend gets JSON.
        #[test]
        fn a_delivery_is_json(body in "\\PC{0,60}|[\\[{\"a\\\\:1,}\\]]{0,200}", start in 0_u32..70, end in 0_u32..70) {
            for raw in [Raw::Whole, Raw::Range(start..end)] {
                let text = rendered(r#"{"id":"1"}"#, None, raw, body.as_bytes()).unwrap();
                prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{}", text);
            }
        }
    }
}
