//! Email in common: `providers.md` section 8.
//!
//! Each relay's file gathers what it was told of a mail into a [`Mail`]; from here on all relays are the
//! same: who wrote, which mailbox and conversation it is for, whether a program wrote it, what makes its
//! reading doubtful. Whatever a sender wrote is read as far as it goes and flagged where it is doubtful
//! ([`event::Email::ambiguous`]): no mail makes a request fail.
//!
//! Text is kept as the mail's plain body: a relay's guess at what is new in it (`stripped-text`) stays in
//! `data.raw`. What this leaves to others: verifying requests, and which fields a relay uses (its own file).

mod address;
mod automatic;
pub(super) mod form;
pub(super) mod headers;
pub(super) mod mime;
pub(super) mod receipt;
mod thread;

use std::borrow::Cow;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;

pub(super) use self::{
    address::{domain, mailbox, token_text},
    headers::Headers,
    thread::{ids, message_key},
};
use super::{
    Channel, Limit,
    event::{self, AccountRef, Automatic, Event, Item, Kind, Media, Message, Party, Raw},
};
use crate::ids::Timestamp;

/// Mailboxes of one mail that get an event each. No relay hands on a mail for so many of one customer; if
/// one does, the mail becomes a single event for nobody, which waits in quarantine.
pub(super) const RECIPIENTS_MAX: usize = 100;

/// Bytes of the plain and of the HTML body that an event repeats; the whole of it is in `data.raw`. A mail
/// goes to each of its mailboxes, so that a stranger's 25 MB of text must not become 25 MB for each.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// What a relay told of a mail.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// The mail's own headers.
    pub(super) headers: Headers,
    /// The relay's id of the mail: the same however often it is sent.
    pub(super) relay_id: Option<String>,
    /// Envelope recipients: whom the relay has the mail for.
    pub(super) envelope_to: Vec<String>,
    /// Envelope sender; empty for the null sender.
    pub(super) envelope_from: Option<String>,
    /// A token that the relay took out of the recipient's address.
    pub(super) token: Option<String>,
    /// Who wrote it.
    pub(super) from: Option<Party>,
    /// `To` addresses.
    pub(super) to: Vec<String>,
    /// `Cc` addresses.
    pub(super) cc: Vec<String>,
    /// The subject, decoded.
    pub(super) subject: Option<String>,
    /// The relay's time, else the mail's `Date`.
    pub(super) time: Option<Timestamp>,
    /// The plain body.
    pub(super) text: Option<String>,
    /// The HTML body.
    pub(super) html: Option<String>,
    /// References to attachments.
    pub(super) media: Vec<Media>,
    /// The headers of the last mail that is a part of this one: in a bounce, the mail that came back.
    pub(super) enclosed: Option<Headers>,
    /// A part of it is a delivery report.
    pub(super) reported: bool,
    /// What makes its reading doubtful.
    pub(super) ambiguous: Vec<Cow<'static, str>>,
    /// Verdicts of the relay, by `spf`, `dkim`, `dmarc`, `spam`, `spam_score`, `virus`.
    pub(super) verdicts: Vec<(Cow<'static, str>, String)>,
}

impl Mail {
    /// What the headers alone tell. A relay's file sets what it knows better.
    pub(super) fn of(headers: Headers) -> Self {
        let list = |name: &str| headers.first(name).map(headers::addresses).unwrap_or_default();
        let from = list("From");
        let mut ambiguous: Vec<Cow<'static, str>> = headers.repeated().map(Cow::Borrowed).collect();
        if from.len() > 1 {
            ambiguous.push("several From addresses".into());
        }
        let (to, cc) = (list("To"), list("Cc"));
        if [&from, &to, &cc].iter().any(|list| list.len() >= headers::ADDRESSES_MAX) {
            ambiguous.extend(Limit::MailAddresses.flag().map(Cow::Borrowed));
        }
        if headers.is_full() {
            ambiguous.extend(Limit::MailHeaders.flag().map(Cow::Borrowed));
        }
        Self {
            from: from.into_iter().next(),
            to: to.into_iter().map(|party| party.id).collect(),
            cc: cc.into_iter().map(|party| party.id).collect(),
            subject: headers.first("Subject").map(headers::text),
            time: headers.first("Date").and_then(headers::date),
            ambiguous,
            headers,
            ..Self::default()
        }
    }

    /// Notes an attachment whose bytes are at hand.
    pub(super) fn attach(&mut self, media: Media, bytes: &[u8]) {
        let kind = media.content_type.as_deref().and_then(headers::content_type);
        let kind = kind.as_ref().map(headers::media_type).unwrap_or_default();
        match kind.as_str() {
            "message/rfc822" | "message/global" | "text/rfc822-headers" => {
                self.enclosed = Some(Headers::read(mime::head_of(bytes).0));
            }
            "message/delivery-status" => self.reported = true,
            _ => {}
        }
        let sha256 = HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref());
        let kind = media_kind(&kind);
        self.media.push(Media { kind, size: Some(bytes.len() as u64), sha256: Some(sha256), ..media });
    }

    /// One event for each mailbox of ours (and token) that the mail came for; one for nobody if the relay
    /// named none.
    pub(super) fn events(mut self, raw: &Raw) -> Vec<Item> {
        let mut deliveries: Vec<Delivery> = Vec::new();
        for delivery in self.envelope_to.iter().filter_map(|address| Delivery::to(address)) {
            if !deliveries.contains(&delivery) {
                deliveries.push(delivery);
            }
        }
        if deliveries.is_empty() {
            deliveries.push(Delivery::UNKNOWN);
        } else if deliveries.len() > RECIPIENTS_MAX {
            self.ambiguous.extend(Limit::MailRecipients.flag().map(Cow::Borrowed));
            deliveries = vec![Delivery::UNKNOWN];
        }
        let read = Read::of(&self);
        if [&mut self.text, &mut self.html].into_iter().flatten().any(cut) {
            self.ambiguous.extend(Limit::MailText.flag().map(Cow::Borrowed));
        }
        deliveries.into_iter().map(|delivery| self.event(&read, delivery, raw.clone()).into()).collect()
    }

    fn event(&self, read: &Read, delivery: Delivery, raw: Raw) -> Event {
        let token = delivery.token.clone().or_else(|| self.token.clone()).or_else(|| self.token_of_headers());
        let place = thread::Place {
            token: token.as_deref(),
            bounced: read.bounced.as_deref(),
            in_reply_to: &read.in_reply_to,
            references: &read.references,
            own: Some(read.own_key()),
            domain: self.from.as_ref().and_then(|from| domain(&from.id)),
        };
        // A mail for two tokens of one mailbox belongs to two conversations: it is no duplicate of itself.
        let suffix = delivery.token.map(|token| format!("+{token}")).unwrap_or_default();
        let mut dedupe = Vec::with_capacity(2);
        dedupe.extend(self.relay_id.as_ref().map(|id| format!("relay:{id}{suffix}")));
        match (&read.message_id, &self.relay_id) {
            (Some(id), _) => dedupe.push(format!("message-id:{id}#{}{suffix}", read.digest)),
            (None, None) => dedupe.push(format!("hash:{}{suffix}", read.digest)),
            // A relay may tell no more of a mail than where it lies: its id is all that sets it apart.
            (None, Some(_)) => {}
        }
        Event {
            channel: Channel::Email,
            account: delivery.mailbox.map_or(AccountRef::Unknown, AccountRef::Mailbox),
            thread: place.thread(),
            dedupe,
            time: self.time,
            kind: if read.automatic == Some(Automatic::Bounce) {
                Kind::Bounced
            } else {
                Kind::MessageReceived
            },
            message: self.message(read, token),
            raw,
            reached: None,
        }
    }

    fn message(&self, read: &Read, token: Option<String>) -> Message {
        Message {
            id: read.message_id.clone(),
            sender: self.from.clone(),
            text: self.text.clone(),
            media: self.media.clone(),
            reply_to: read.in_reply_to.first().cloned(),
            email: Some(Box::new(event::Email {
                subject: self.subject.clone(),
                to: self.to.clone(),
                cc: self.cc.clone(),
                envelope_to: self.envelope_to.clone(),
                envelope_from: self.envelope_from.clone(),
                message_id: read.message_id.clone(),
                in_reply_to: read.in_reply_to.clone(),
                references: read.references.clone(),
                token,
                html: self.html.clone(),
                automatic: read.automatic,
                ambiguous: self.ambiguous.clone(),
                verdicts: self.verdicts.clone(),
                bounced: read.bounced.clone(),
            })),
            ..Message::default()
        }
    }

    /// A token in an address that the mail names, in the order of section 8.
    fn token_of_headers(&self) -> Option<String> {
        let forwarded = ["Delivered-To", "X-Original-To", "X-Forwarded-To"];
        let forwarded = forwarded.iter().flat_map(|name| self.headers.all(name)).flat_map(headers::addresses);
        let named = self.to.iter().chain(&self.cc).cloned();
        named.chain(forwarded.map(|party| party.id)).find_map(|address| address::token(&address))
    }
}

/// For whom an event of a mail is.
#[derive(Debug, PartialEq, Eq)]
struct Delivery {
    mailbox: Option<String>,
    token: Option<String>,
}

impl Delivery {
    const UNKNOWN: Self = Self { mailbox: None, token: None };

    fn to(address: &str) -> Option<Self> {
        mailbox(address).map(|mailbox| Self { mailbox: Some(mailbox), token: address::token(address) })
    }
}

/// What is read of a mail once, for all its events.
#[derive(Debug)]
struct Read {
    message_id: Option<String>,
    in_reply_to: Vec<String>,
    references: Vec<String>,
    automatic: Option<Automatic>,
    bounced: Option<String>,
    digest: String,
}

impl Read {
    fn of(mail: &Mail) -> Self {
        let all = |name| mail.headers.all(name).flat_map(ids).collect::<Vec<_>>();
        let automatic = automatic::of(&mail.headers, mail.envelope_from.as_deref(), mail.reported);
        let enclosed = mail.enclosed.as_ref().filter(|_| automatic == Some(Automatic::Bounce));
        let mut in_reply_to = all("In-Reply-To");
        in_reply_to.truncate(thread::KEYS_MAX);
        let mut references = all("References");
        references.drain(..references.len().saturating_sub(thread::KEYS_MAX));
        Self {
            message_id: mail.headers.first("Message-ID").and_then(|value| ids(value).into_iter().next()),
            in_reply_to,
            references,
            automatic,
            bounced: enclosed.and_then(|headers| ids(headers.first("Message-ID")?).into_iter().next()),
            digest: content_digest(mail),
        }
    }

    fn own_key(&self) -> event::ThreadKey {
        match &self.message_id {
            Some(id) => message_key(id),
            None => event::ThreadKey::lasting("hash", &self.digest),
        }
    }
}

/// 128 bits over what every copy of a mail has in common.
///
/// A Message-ID alone is no dedupe id: the sender chooses it, some programs leave it out or write the same
/// one into every mail, and a stranger who guesses the next one could have a real mail taken for a copy.
/// Headers that the way of a copy changes (`Received`, `Delivered-To`, …) are left out.
fn content_digest(mail: &Mail) -> String {
    let names = ["From", "To", "Cc", "Date", "Subject", "Message-ID", "In-Reply-To"];
    let mut parts: Vec<&str> = Vec::new();
    for name in names {
        parts.push(name);
        parts.extend(mail.headers.all(name));
    }
    // Relays that hand on no headers: what they took out of them.
    parts.extend(mail.from.as_ref().map(|from| from.id.as_str()));
    parts.extend(mail.subject.as_deref());
    parts.extend([mail.text.as_deref().unwrap_or_default(), mail.html.as_deref().unwrap_or_default()]);
    parts.extend(
        mail.media.iter().flat_map(|media| [media.sha256.as_deref(), media.url.as_deref()]).flatten(),
    );
    if !mail.headers.has("Message-ID") {
        parts.extend(mail.relay_id.as_deref());
    }
    digest_of(parts.iter().map(|part| part.as_bytes()))
}

/// Shortens a text that is longer than [`TEXT_BYTES_MAX`], and says whether it did.
fn cut(text: &mut String) -> bool {
    let long = text.len() > TEXT_BYTES_MAX;
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    long
}

/// 128 bits of SHA-256 over length-prefixed parts, in hex.
pub(super) fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let hash = context.finish();
    HEXLOWER.encode(hash.as_ref().get(..16).unwrap_or_default())
}

/// The word for an attachment's kind.
pub(super) fn media_kind(media_type: &str) -> Cow<'static, str> {
    Cow::Borrowed(match media_type.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "file",
    })
}

/// A webhook that is readable but of no kind that this version knows: kept for the endpoint's account, if
/// it has only one.
pub(super) fn unknown(part: &[u8], raw: Raw) -> Item {
    Event {
        channel: Channel::Email,
        account: AccountRef::Endpoint,
        thread: None,
        dedupe: vec![format!("hash:{}", digest_of([part]))],
        time: None,
        kind: Kind::Unknown,
        message: Message::default(),
        raw,
        reached: None,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(block: &str) -> Mail {
        Mail::of(Headers::read(format!("{block}\n\n").as_bytes()))
    }

    fn events(mail: Mail) -> Vec<Event> {
        mail.events(&Raw::Whole)
            .into_iter()
            .map(|item| match item {
                Item::Event(event) => *event,
                Item::Ignored(reason) => panic!("ignored: {reason:?}"),
            })
            .collect()
    }

    fn keys(event: &Event) -> Vec<&str> {
        event.thread.as_ref().unwrap().keys.iter().map(|key| key.text.as_str()).collect()
    }

    #[test]
    fn each_mailbox_of_ours_gets_its_event() {
        let mut mail = mail("Message-ID: <1@x.example>\nFrom: Ana <ana@X.example>");
        mail.relay_id = Some("r1".to_owned());
        mail.envelope_to =
            ["Sales@in.example", "sales@in.example", "help@in.example"].map(str::to_owned).into();
        let events = events(mail);
        let accounts: Vec<_> = events.iter().map(|event| event.account.clone()).collect();
        assert_eq!(
            accounts,
            ["sales@in.example", "help@in.example"].map(|mailbox| AccountRef::Mailbox(mailbox.to_owned()))
        );
        assert!(
            events[0].dedupe[0] == "relay:r1" && events[0].dedupe[1].starts_with("message-id:1@x.example#")
        );
        assert_eq!(events[0].thread.as_ref().unwrap().domain.as_deref(), Some("x.example"));
    }

    #[test]
    fn a_mail_to_two_conversations_of_one_mailbox_is_no_duplicate_of_itself() {
        let mut mail = mail("Message-ID: <1@x.example>");
        mail.envelope_to =
            ["r+0000000000000000@in.example", "r+1111111111111111@in.example"].map(str::to_owned).into();
        let events = events(mail);
        assert_eq!(keys(&events[0]), ["token:0000000000000000", "msg:1@x.example"]);
        assert_eq!(keys(&events[1]), ["token:1111111111111111", "msg:1@x.example"]);
        assert_eq!(events[0].account, events[1].account);
        assert_ne!(events[0].dedupe, events[1].dedupe);
    }

    #[test]
    fn the_envelope_s_token_beats_to_and_to_beats_cc() {
        let block = "To: a+1111111111111111@in.example\nCc: b+2222222222222222@in.example\n\
                     Delivered-To: c+3333333333333333@in.example\nMessage-ID: <1@x.example>";
        let mut with_envelope = mail(block);
        with_envelope.envelope_to = vec!["d+0000000000000000@in.example".to_owned()];
        assert_eq!(keys(&events(with_envelope)[0])[0], "token:0000000000000000");
        assert_eq!(keys(&events(mail(block))[0])[0], "token:1111111111111111");
        let (_, cc) = block.split_once('\n').unwrap();
        assert_eq!(keys(&events(mail(cc))[0])[0], "token:2222222222222222");
        let (_, delivered) = cc.split_once('\n').unwrap();
        assert_eq!(keys(&events(mail(delivered))[0])[0], "token:3333333333333333");
    }

    #[test]
    fn a_reused_message_id_with_another_content_is_another_mail() {
        let dedupe = |subject: &str| {
            events(mail(&format!("Message-ID: <same@x.example>\nSubject: {subject}"))).remove(0).dedupe
        };
        assert_eq!(dedupe("one"), dedupe("one"));
        assert_ne!(dedupe("one"), dedupe("two"));
    }

    #[test]
    fn a_mail_without_message_id_is_known_by_its_content() {
        let event = events(mail("Subject: one\nReceived: by a")).remove(0);
        let copy = events(mail("Subject: one\nReceived: by b")).remove(0);
        assert!(event.dedupe[0].starts_with("hash:"));
        assert_eq!((&event.dedupe, keys(&event)), (&copy.dedupe, keys(&copy)));
    }

    #[test]
    fn two_mails_of_which_the_relay_tells_nothing_but_its_id_are_two() {
        let event = |id: &str| events(Mail { relay_id: Some(id.to_owned()), ..Mail::default() }).remove(0);
        let (one, two) = (event("1"), event("2"));
        assert_eq!(
            (&one.dedupe[..], &two.dedupe[..]),
            (&["relay:1".to_owned()][..], &["relay:2".to_owned()][..])
        );
        assert_ne!(keys(&one), keys(&two));
    }

    #[test]
    fn a_long_text_is_cut_for_the_events_and_counts_as_a_whole() {
        let with_end = |end: &str| {
            let mut mail = mail("Message-ID: <1@x.example>");
            mail.text = Some(format!("{}{end}", "ä".repeat(TEXT_BYTES_MAX)));
            events(mail).remove(0)
        };
        let event = with_end("a");
        assert_eq!(event.message.text.unwrap().len(), TEXT_BYTES_MAX);
        assert_eq!(event.message.email.unwrap().ambiguous, ["text cut"]);
        assert_ne!(event.dedupe, with_end("b").dedupe);
    }

    #[test]
    fn a_bounce_lands_in_the_conversation_of_the_mail_that_came_back() {
        let mut bounce = mail("Message-ID: <b@x.example>\nIn-Reply-To: <other@x.example>");
        bounce.reported = true;
        bounce.envelope_from = Some(String::new());
        bounce.enclosed = Some(Headers::read(b"Message-ID: <ours@in.example>\n\n"));
        let event = events(bounce).remove(0);
        assert_eq!(event.kind, Kind::Bounced);
        assert_eq!(keys(&event), ["msg:ours@in.example", "msg:other@x.example", "msg:b@x.example"]);
        assert_eq!(event.message.email.unwrap().bounced.as_deref(), Some("ours@in.example"));
    }

    #[test]
    fn a_forwarded_mail_is_no_bounce() {
        let mut forwarded = mail("Message-ID: <f@x.example>");
        forwarded.enclosed = Some(Headers::read(b"Message-ID: <ours@in.example>\n\n"));
        assert_eq!(keys(&events(forwarded)[0]), ["msg:f@x.example"]);
    }

    #[test]
    fn a_mail_for_too_many_of_us_waits_for_an_operator() {
        let mut mail = mail("Message-ID: <1@x.example>");
        mail.envelope_to = (0..=RECIPIENTS_MAX).map(|n| format!("{n}@in.example")).collect();
        let events = events(mail);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].account, AccountRef::Unknown);
    }
}
