//! The names in a query, a form or a cookie, as all who read them may.
//!
//! Each framework makes a name of what was sent in its own way. Rack up to 2.2 leaves out a bracket at the beginning; PHP
//! makes `_` of a dot, a space and a bracket without its other half, and leaves out spaces before a name; ASP.NET knows no
//! letter case; some cut a name at a zero byte. So a name that begins or ends strangely is none, and where a name
//! matters, whatever anybody could fold into it counts.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A name without what readers fold: letter case, and all that is neither letter nor digit. Two names that anybody takes for one
/// are alike in it. Letter case goes by way of the capital: Go takes `ſ` for `s`, of which it is no capital.
#[must_use]
pub fn folded(name: &str) -> String {
    let folded = name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.filter(|c| c.is_alphanumeric()).collect()
}

/// The same of the name of a field that is written. Rails reads `due_at(1i)` as a part of what `due_at` becomes, and makes nothing of it
/// where that has no parts: `assignee_id(1i)` takes the assignee away.
#[must_use]
pub fn folded_field(name: &str) -> String {
    folded(name.split('(').next().unwrap_or_default())
}

/// The name before its brackets: `ids[]` is `ids`.
#[must_use]
pub fn base(name: &str) -> &str {
    let name = name.trim_start_matches(['[', ' ']);
    name.split(['[', ']']).next().unwrap_or_default()
}

/// Whether a name, or the name before its brackets, could be taken for one of these.
pub fn could_be<S: AsRef<str>>(name: &str, names: impl IntoIterator<Item = S>) -> bool {
    let (whole, base) = (folded(name), folded(base(name)));
    names.into_iter().any(|known| {
        let known = folded(known.as_ref());
        known == whole || known == base
    })
}

/// A name as it was sent in a query, decoded once; `None` if it is no text, or none that everybody reads alike: no control
/// character, no space before or behind it, and brackets only in pairs, behind it.
#[must_use]
pub fn name(sent: &[u8]) -> Option<String> {
    let spaced: Cow<'_, [u8]> = match sent.contains(&b'+') {
        false => sent.into(),
        true => sent.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect(),
    };
    let name = percent_decode(&spaced).decode_utf8().ok()?;
    is_canonical(&name).then(|| name.into_owned())
}

fn is_canonical(name: &str) -> bool {
    let (base, steps) = name.find('[').map_or((name, ""), |at| name.split_at(at));
    let plain = |text: &str| !text.contains(['[', ']']) && !text.contains(char::is_control);
    let steps_are_pairs = || {
        let inner = steps.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.split("][").all(plain))
    };
    plain(base) && base.trim() == base && (steps.is_empty() || !base.is_empty() && steps_are_pairs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_reading_or_none() {
        for (sent, read) in [
            ("sort", Some("sort")),
            ("assignee%5Ftype[]", Some("assignee_type[]")),
            ("filter[price][from]", Some("filter[price][from]")),
            ("filter%5Bprice%5D", Some("filter[price]")),
            ("api.token", Some("api.token")),
            ("a+b", Some("a b")),
            ("", Some("")),
            ("[api_access_token]", None),
            ("%5Bapi_access_token]", None),
            ("[]", None),
            ("+sort", None),
            ("%20sort", None),
            ("sort%20", None),
            ("sort%00", None),
            ("so%0Art", None),
            ("api[access_token", None),
            ("api]access", None),
            ("a[b]c", None),
            ("a[b][", None),
            ("a[[b]]", None),
            ("a%ff", None),
        ] {
            assert_eq!(name(sent.as_bytes()).as_deref(), read, "{sent}");
        }
    }

    #[test]
    fn what_anybody_takes_for_a_name_could_be_it() {
        for (name, is) in [
            ("api_access_token", true),
            ("API_Access_Token", true),
            ("api.access_token", true),
            ("api access_token", true),
            ("api-access-token", true),
            ("apiAccessToken", true),
            ("api_acce\u{17f}s_to\u{212a}en", true),
            ("ap\u{131}_access_token", true),
            ("api_access_token[]", true),
            ("api_access_token[x]", true),
            ("[api_access_token]", true),
            ("[[api_access_token", true),
            (" api_access_token", true),
            ("api[access_token", true),
            ("api_access_token\0x", false),
            ("api_access_tokens", false),
            ("x[api_access_token]", false),
        ] {
            assert_eq!(could_be(name, ["api_access_token"]), is, "{name}");
        }
    }
}
