//! The limits of this room, by name. A channel does not count: it tells what it did by a [`Malformed`], a
//! [`Refusal`] or the flags of a mail, and the shell counts the limits that these name.
//!
//! [`Malformed`]: super::Malformed
//! [`Refusal`]: super::Refusal

use std::collections::BTreeSet;

use super::event::{Email, Item, Split};

/// A limit on what one webhook may hold. `docs/limits.md` says what happens at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// [`super::ITEMS_MAX`].
    Items,
    /// Fields of a form.
    FormFields,
    /// [`super::standard::SIGNATURES_MAX`].
    Signatures,
    /// Headers of a mail.
    MailHeaders,
    /// Parts of a mail.
    MailParts,
    /// Levels of a mail's parts.
    MailNesting,
    /// Addresses of one list of a mail.
    MailAddresses,
    /// Mailboxes that a relay hands one mail on for.
    MailRecipients,
    /// Text of a mail.
    MailText,
}

impl Limit {
    /// Every limit, for metrics.
    pub const ALL: [Self; 9] = [
        Self::Items,
        Self::FormFields,
        Self::Signatures,
        Self::MailHeaders,
        Self::MailParts,
        Self::MailNesting,
        Self::MailAddresses,
        Self::MailRecipients,
        Self::MailText,
    ];

    /// The name, as in metrics and documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Items => "webhook_items_max",
            Self::FormFields => "form_fields_max",
            Self::Signatures => "signatures_max",
            Self::MailHeaders => "mail_headers_max",
            Self::MailParts => "mail_parts_max",
            Self::MailNesting => "mail_nesting_max",
            Self::MailAddresses => "mail_addresses_max",
            Self::MailRecipients => "mail_recipients_max",
            Self::MailText => "mail_text_bytes_max",
        }
    }

    /// The flag in [`Email::ambiguous`] of a mail that is over the limit; `None` for what is no mail's.
    pub(in crate::channel) const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Items | Self::FormFields | Self::Signatures => None,
            Self::MailHeaders => Some("too many headers"),
            Self::MailParts => Some("too many parts"),
            Self::MailNesting => Some("nested too deep"),
            Self::MailAddresses => Some("too many addresses"),
            Self::MailRecipients => Some("too many recipients"),
            Self::MailText => Some("text cut"),
        }
    }
}

impl Split {
    /// The limits that something of the webhook is over, each once.
    #[must_use]
    pub fn limits(&self) -> BTreeSet<Limit> {
        let mails = self.items.iter().filter_map(|item| match item {
            Item::Event(event) => event.message.email.as_deref(),
            Item::Ignored(_) => None,
        });
        mails.flat_map(Email::limits).collect()
    }
}

impl Email {
    fn limits(&self) -> impl Iterator<Item = Limit> {
        let flagged =
            |limit: &Limit| limit.flag().is_some_and(|flag| self.ambiguous.iter().any(|f| f == flag));
        Limit::ALL.into_iter().filter(flagged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{email, event::Raw};

    fn limits(mail: &str, mailboxes: usize) -> Vec<Limit> {
        let mut mail = email::mime::read(mail.as_bytes());
        mail.envelope_to = (0..mailboxes).map(|n| format!("help{n}@in.example")).collect();
        let items = mail.events(&Raw::Whole);
        Split { items, ..Split::default() }.limits().into_iter().collect()
    }

    #[test]
    fn a_mail_over_a_limit_names_it_once_for_all_its_mailboxes() {
        let parts = "--b\n\nx\n".repeat(1001);
        let nested: String = (0..21)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=\"b{n}\"\n\n--b{n}\n"))
            .collect();
        for (mail, limit) in [
            (format!("Subject: {}\n\nx", "a\n ".repeat(100_000)), Limit::MailHeaders),
            (format!("Content-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n"), Limit::MailParts),
            (nested, Limit::MailNesting),
            (format!("To: {}\n\nx", "a@b.example, ".repeat(1001)), Limit::MailAddresses),
            (format!("\n{}", "a".repeat((1 << 20) + 1)), Limit::MailText),
        ] {
            assert_eq!(limits(&mail, 2), [limit]);
        }
        assert_eq!(limits("\nx", 101), [Limit::MailRecipients]);
        assert_eq!(limits("\nx", 100), []);
    }
}
