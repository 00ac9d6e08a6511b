//! What WhatsApp, Messenger and Instagram have in common: `providers.md` section 1.
//!
//! The handshake and the signature; `envelope` splits a batch. What an item means is left to
//! [`super::whatsapp`], [`super::messenger`] and [`super::instagram`].

pub(super) mod envelope;
pub(super) mod loose;

use std::borrow::Cow;

use aws_lc_rs::digest;
use http::{HeaderMap, StatusCode};

use super::{
    Answer, Channel, Malformed, Refusal, Request, Split, Verified,
    signature::{self, Matched},
};
use crate::secret::Secret;

/// A Meta app's webhook.
#[derive(Clone, Debug)]
pub struct Meta {
    /// App secrets; several while rotating, or for an Instagram app beside the Facebook app. Never empty.
    pub app_secrets: Vec<Secret>,
    /// Our verify token, for the handshake.
    pub verify_token: Secret,
    /// The products this endpoint takes: `whatsapp`, `facebook`, `instagram`. A body of another one is
    /// quarantined.
    pub channels: Vec<Channel>,
}

/// The longest challenge that is echoed, in bytes. The documented ones are ten digits; whoever knows the
/// verify token shall not use the handshake to have longer texts served from our host.
pub const CHALLENGE_BYTES_MAX: usize = 256;

impl Meta {
    /// The challenge, if Meta asks in our verify token's name; else 403.
    pub(super) fn handshake(&self, request: &Request<'_>) -> Answer {
        match self.challenge(request.query.unwrap_or_default()) {
            Some(challenge) => Answer::text(StatusCode::OK, challenge),
            None => Answer::empty(StatusCode::FORBIDDEN),
        }
    }

    fn challenge(&self, query: &str) -> Option<String> {
        let (mut mode, mut token, mut challenge) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "hub.mode" => &mut mode,
                "hub.verify_token" => &mut token,
                "hub.challenge" => &mut challenge,
                _ => continue,
            };
            // Which of two copies a proxy in between looked at cannot be known.
            if place.replace(value).is_some() {
                return None;
            }
        }
        let believed = self.verify_token.matches(token?.as_bytes()) && mode? == "subscribe";
        challenge
            .filter(|challenge| believed && (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len()))
            .map(Cow::into_owned)
    }

    /// `X-Hub-Signature-256` alone counts; the SHA-1 header that comes beside it is not looked at.
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        signature::hmac_sha256(&self.app_secrets, &[request.body], &mac(request.headers)?)
    }

    /// One item for each item of the envelope's lists.
    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        let items = envelope::items(verified.body(), &self.channels)?;
        Ok(Split { items, ..Split::default() })
    }
}

/// The MAC that the head claims for the body.
pub(super) fn mac(headers: &HeaderMap) -> Result<Vec<u8>, Refusal> {
    let header = signature::header(headers, "x-hub-signature-256")?;
    let mac = signature::hex(header.strip_prefix("sha256=").ok_or(Refusal::Malformed)?)?;
    if mac.len() == digest::SHA256_OUTPUT_LEN { Ok(mac) } else { Err(Refusal::Malformed) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::{
        channel::{Evidence, Provider},
        ids::Timestamp,
    };

    fn meta() -> Meta {
        Meta {
            app_secrets: vec![Secret::new("meta_app_secret")],
            verify_token: Secret::new("v-token"),
            channels: vec![Channel::Whatsapp, Channel::Facebook, Channel::Instagram],
        }
    }

    fn handshake(query: &str) -> (u16, String) {
        let request = Request {
            query: Some(query),
            headers: &HeaderMap::new(),
            body: b"",
            now: Timestamp::from_secs(1_700_000_000),
        };
        let answer = meta().handshake(&request);
        (answer.status.as_u16(), answer.body)
    }

    #[test]
    fn the_challenge_is_echoed_exactly_and_only_for_our_token() {
        let long = "9".repeat(CHALLENGE_BYTES_MAX + 1);
        for (query, status, body) in [
            ("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=v-token", 200, "1158201444"),
            ("hub.verify_token=v%2Dtoken&hub.challenge=a%3Cb%26+c&hub.mode=subscribe&x=1", 200, "a<b& c"),
            ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=V-token", 403, ""),
            ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=", 403, ""),
            ("hub.mode=subscribe&hub.challenge=1", 403, ""),
            ("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=v-token", 403, ""),
            ("hub.challenge=1&hub.verify_token=v-token", 403, ""),
            ("hub.mode=subscribe&hub.verify_token=v-token", 403, ""),
            ("hub.mode=subscribe&hub.challenge=&hub.verify_token=v-token", 403, ""),
            ("hub.mode=subscribe&hub.challenge=1&hub.challenge=1&hub.verify_token=v-token", 403, ""),
            ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=v-token&hub.verify_token=x", 403, ""),
            (&format!("hub.mode=subscribe&hub.challenge={long}&hub.verify_token=v-token"), 403, ""),
            ("", 403, ""),
        ] {
            assert_eq!(handshake(query), (status, body.to_owned()), "{query}");
        }
    }

    const BODY: &str = r#"{"object":"page","entry":[{"id":"1","time":1700000000000,"messaging":[]}]}"#;
    const MAC: &str = "sha256=378be2fee643a21fbfd4d2ce27a710e05146a24a0a2ccb62c40befb645ea8f66";
    const SHA1: &str = "sha1=882e3beffb0e6db5b6654fede1c392c851c80e48";

    fn verify(secrets: &[&str], body: &str, headers: &[(&'static str, &str)]) -> Result<usize, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let app_secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let provider = Provider::Meta(Meta { app_secrets, ..meta() });
        let request = Request {
            query: None,
            headers: &map,
            body: body.as_bytes(),
            now: Timestamp::from_secs(1_700_000_000),
        };
        provider.verify(request, Evidence::Nothing).map(|verified| verified.secret().index())
    }

    #[test]
    fn the_documented_signatures_match() {
        assert_eq!(verify(&["meta_app_secret"], BODY, &[("x-hub-signature-256", MAC)]), Ok(0));
        assert_eq!(verify(&["old", "meta_app_secret"], BODY, &[("x-hub-signature-256", MAC)]), Ok(1));
        let beside = [("x-hub-signature", SHA1), ("x-hub-signature-256", MAC)];
        assert_eq!(verify(&["meta_app_secret"], BODY, &beside), Ok(0));
        let upper = format!("sha256={}", MAC.trim_start_matches("sha256=").to_uppercase());
        assert_eq!(verify(&["meta_app_secret"], BODY, &[("x-hub-signature-256", &upper)]), Ok(0));
    }

    #[test]
    fn the_signature_is_over_the_escaped_bytes_as_sent() {
        let escaped = concat!(
            r#"{"object":"page","entry":[{"id":"1","time":1700000000000,"messaging":[{"sender":{"id":"2"},"#,
            r#""recipient":{"id":"1"},"timestamp":1700000000000,"message":{"mid":"m_1","#,
            r#""text":"\u00e4\u00f6\u00e5 \ud83d\ude22 https:\/\/x.test\/a"}}]}]}"#,
        );
        let mac = "sha256=6ae7f82c4b61f2593ac4eccd3cf5dc3dbad215bc982113cdfebee9d4107a1a9f";
        assert_eq!(verify(&["meta_app_secret"], escaped, &[("x-hub-signature-256", mac)]), Ok(0));
        let decoded = escaped.replace(r"\/", "/");
        let refused = verify(&["meta_app_secret"], &decoded, &[("x-hub-signature-256", mac)]);
        assert_eq!(refused, Err(Refusal::Wrong));
    }

    #[test]
    fn anything_but_one_right_sha256_header_is_refused() {
        let name = "x-hub-signature-256";
        let hex = MAC.trim_start_matches("sha256=");
        for (headers, refusal) in [
            (vec![], Refusal::Missing),
            (vec![("x-hub-signature", SHA1)], Refusal::Missing),
            (vec![("x-hub-signature", MAC)], Refusal::Missing),
            (vec![(name, MAC), (name, MAC)], Refusal::Malformed),
            (vec![(name, hex)], Refusal::Malformed),
            (vec![(name, "")], Refusal::Malformed),
            (vec![(name, "sha256=")], Refusal::Malformed),
            (vec![(name, "sha256=378be2fe")], Refusal::Malformed),
            (
                vec![(name, "sha256=zz8be2fee643a21fbfd4d2ce27a710e05146a24a0a2ccb62c40befb645ea8f66")],
                Refusal::Malformed,
            ),
            (vec![(name, SHA1)], Refusal::Malformed),
            (
                vec![(name, "sha256=078be2fee643a21fbfd4d2ce27a710e05146a24a0a2ccb62c40befb645ea8f66")],
                Refusal::Wrong,
            ),
        ] {
            assert_eq!(verify(&["meta_app_secret"], BODY, &headers), Err(refusal), "{headers:?}");
        }
        assert_eq!(verify(&["v-token"], BODY, &[(name, MAC)]), Err(Refusal::Wrong));
        assert_eq!(
            verify(&["meta_app_secret"], &BODY.replace("[]", "[ ]"), &[(name, MAC)]),
            Err(Refusal::Wrong)
        );
    }
}
