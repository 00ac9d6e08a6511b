//! Threading: which names a mail gives its conversation (`providers.md` section 8).

use crate::channel::event::{Join, Thread, ThreadKey};

/// Names of one mail that are looked up. A long chain keeps its newest references, since those were
/// seen last; mail programs cut long chains in the same way.
pub(in crate::channel) const KEYS_MAX: usize = 64;

/// Ids of `In-Reply-To` that are looked up; programs write one or two.
const REPLIED_MAX: usize = 16;

/// What a mail says of its place in a conversation.
#[derive(Debug, Default)]
pub(super) struct Place<'a> {
    /// Our own token, which beats everything the sender's program wrote.
    pub(super) token: Option<&'a str>,
    /// For a bounce: the Message-ID of the mail that came back.
    pub(super) bounced: Option<&'a str>,
    /// Ids of `In-Reply-To`.
    pub(super) in_reply_to: &'a [String],
    /// Ids of `References`, oldest first.
    pub(super) references: &'a [String],
    /// The mail's own key.
    pub(super) own: Option<ThreadKey>,
    /// The sender's domain, lower-cased.
    pub(super) domain: Option<String>,
}

impl Place<'_> {
    /// The conversation's names, strongest first: the token, the mail that came back, the mails replied to,
    /// the references from last to first, the mail itself. The first one that is known wins; if none is, the
    /// first one names the new conversation. `None` if the mail gives no name at all.
    pub(super) fn thread(self) -> Option<Thread> {
        let before = self.token.map(|token| ThreadKey::lasting("token", token));
        let ids = self
            .bounced
            .into_iter()
            .chain(self.in_reply_to.iter().take(REPLIED_MAX).map(String::as_str))
            .chain(self.references.iter().rev().map(String::as_str));
        let mut keys: Vec<ThreadKey> = Vec::new();
        for key in before.into_iter().chain(ids.map(message_key)) {
            if keys.len() + 1 < KEYS_MAX && !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.extend(self.own.filter(|own| !keys.contains(own)));
        (!keys.is_empty()).then_some(Thread {
            keys,
            join: if self.token.is_some() { Join::TokenFirst } else { Join::FirstKnown },
            retired: Vec::new(),
            domain: self.domain,
        })
    }
}

/// The name a mail gives to its conversation by its Message-ID.
pub(in crate::channel) fn message_key(id: &str) -> ThreadKey {
    ThreadKey::lasting("msg", id)
}

/// Longest Message-ID that is believed to be one: a line of RFC 5322.
const ID_BYTES_MAX: usize = 998;

/// Ids of one header that are read at all.
const IDS_MAX: usize = 1000;

/// The message ids of a header value, exactly as they stand between angle brackets. Between ids there
/// may be white space, commas and comments; without any bracket, the words with an `@` are ids, or the
/// only word there is.
pub(in crate::channel) fn ids(value: &str) -> Vec<String> {
    let mut bracketed = Vec::new();
    let mut bare = Vec::new();
    let mut rest = value;
    let mut comments = 0_usize;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '(' => {
                comments += 1;
                after
            }
            ')' => {
                comments = comments.saturating_sub(1);
                after
            }
            '<' if comments == 0 => {
                let (id, rest) = after.split_once('>').unwrap_or((after, ""));
                bracketed.push(id);
                rest
            }
            _ if comments > 0 || separates(c) => after,
            _ => {
                let end = rest.find(|c| separates(c) || matches!(c, '(' | '<')).unwrap_or(rest.len());
                let (word, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
                bare.push(word);
                rest
            }
        };
        if bracketed.len() + bare.len() >= IDS_MAX {
            break;
        }
    }
    let ids = if !bracketed.is_empty() {
        bracketed
    } else if let [only] = bare.as_slice() {
        vec![*only]
    } else {
        bare.into_iter().filter(|word| word.contains('@')).collect()
    };
    ids.into_iter().filter_map(id).collect()
}

/// An id without the white space that a program folded it with.
fn id(text: &str) -> Option<String> {
    let id: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (!id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains('<')).then_some(id)
}

fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_programs_write_them() {
        for (value, want) in [
            ("<a@x>", &["a@x"][..]),
            ("<a@x> <b@x>", &["a@x", "b@x"]),
            ("<a@x>, <b@x>", &["a@x", "b@x"]),
            ("<a@x>\t<b@\t x>", &["a@x", "b@x"]),
            ("<a@x><A@x>", &["a@x", "A@x"]),
            ("Your message of <a@x> (seen (by <c@x>) twice)", &["a@x"]),
            ("a@x", &["a@x"]),
            ("a@x, b@x", &["a@x", "b@x"]),
            ("Your message of Tuesday a@x", &["a@x"]),
            ("custom-id", &["custom-id"]),
            ("<no-at-sign>", &["no-at-sign"]),
            ("<open@x", &["open@x"]),
            ("<>", &[]),
            ("", &[]),
            ("(only <a@x> a comment)", &[]),
            (")<a@x>", &["a@x"]),
        ] {
            assert_eq!(ids(value), want, "{value}");
        }
    }

    fn texts(place: Place<'_>) -> Vec<String> {
        place.thread().unwrap().keys.into_iter().map(|key| key.text).collect()
    }

    #[test]
    fn the_strongest_name_comes_first_and_the_mail_itself_last() {
        let in_reply_to = ["r@x".to_owned()];
        let references = ["old@x".to_owned(), "r@x".to_owned()];
        let place = Place {
            token: Some("0123456789abcdef"),
            bounced: None,
            in_reply_to: &in_reply_to,
            references: &references,
            own: Some(message_key("own@x")),
            domain: None,
        };
        assert_eq!(texts(place), ["token:0123456789abcdef", "msg:r@x", "msg:old@x", "msg:own@x"]);
    }

    #[test]
    fn a_new_mail_is_named_by_itself_alone() {
        assert_eq!(texts(Place { own: Some(message_key("own@x")), ..Place::default() }), ["msg:own@x"]);
        assert!(Place::default().thread().is_none());
    }

    #[test]
    fn a_long_chain_keeps_its_newest_references() {
        let references: Vec<String> = (0..1000).map(|n| format!("{n}@x")).collect();
        let keys =
            texts(Place { references: &references, own: Some(message_key("own@x")), ..Place::default() });
        assert_eq!(keys.len(), KEYS_MAX);
        assert_eq!(keys.first().unwrap(), "msg:999@x");
        assert_eq!(keys.last().unwrap(), "msg:own@x");
    }
}
