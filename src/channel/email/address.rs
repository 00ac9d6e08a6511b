//! Mail addresses: which mailbox of ours, which conversation token, whose domain.

/// The mailbox of an address: lower-cased, without its plus part. Local parts are case-insensitive in
/// practice (`providers.md` section 8). `None` if it is no address.
pub(in crate::channel) fn mailbox(address: &str) -> Option<String> {
    let (local, domain) = halves(address)?;
    let local =
        local.split_once('+').map_or(local, |(before, _)| if before.is_empty() { local } else { before });
    Some(format!("{local}@{domain}").to_lowercase())
}

/// The domain of an address, in lower case.
pub(in crate::channel) fn domain(address: &str) -> Option<String> {
    halves(address).map(|(_, domain)| domain.to_lowercase())
}

/// The conversation token of an address such as `reply+<token>@in.example`, in lower case, because some
/// senders write the whole address so.
pub(in crate::channel) fn token(address: &str) -> Option<String> {
    let (local, _) = halves(address)?;
    let (before, plus) = local.split_once('+')?;
    (!before.is_empty()).then(|| token_text(plus))?
}

/// A plus part as a token, if it can be one.
///
/// A token names a conversation to anyone who writes to it, so it is something nobody guesses, at least
/// [`TOKEN_CHARS_MIN`] letters and digits. A plus part that a person chose (`support+sales@…`) is none:
/// it would put all who use it into one conversation.
pub(in crate::channel) fn token_text(plus: &str) -> Option<String> {
    let plain = plus.bytes().filter(u8::is_ascii_alphanumeric).count();
    let known = plus.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=".contains(&b));
    (known && (TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&plain)).then(|| plus.to_ascii_lowercase())
}

/// The shortest token: 64 bits in hex, 80 in base32.
const TOKEN_CHARS_MIN: usize = 16;

/// The longest token: more than a local part may hold (64, RFC 5321), less than a burden.
const TOKEN_CHARS_MAX: usize = 128;

fn halves(address: &str) -> Option<(&str, &str)> {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    let (local, domain) = address.rsplit_once('@')?;
    let domain = domain.trim_end_matches('.');
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    (plain(local) && plain(domain)).then_some((local, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_the_address_without_case_and_plus_part() {
        for (address, want) in [
            ("Support@In.Example", Some("support@in.example")),
            ("<reply+0123456789abcdef@in.example>", Some("reply@in.example")),
            ("+only@in.example", Some("+only@in.example")),
            ("\"odd@local\"@in.example.", Some("\"odd@local\"@in.example")),
            ("in.example", None),
            ("@in.example", None),
            ("a b@in.example", None),
        ] {
            assert_eq!(mailbox(address).as_deref(), want, "{address}");
        }
    }

    #[test]
    fn only_what_nobody_guesses_is_a_token() {
        for (address, want) in [
            (
                "reply+6BDC3F4D-0bec-4515-a284-5d916fdde489@x.example",
                Some("6bdc3f4d-0bec-4515-a284-5d916fdde489"),
            ),
            ("reply+0123456789abcdef@x.example", Some("0123456789abcdef")),
            ("support+sales@x.example", None),
            ("+0123456789abcdef@x.example", None),
            ("reply@x.example", None),
            ("reply+0123456789abcdef/../@x.example", None),
        ] {
            assert_eq!(token(address).as_deref(), want, "{address}");
        }
    }
}
