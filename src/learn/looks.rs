//! What a field looks like, by its name and by its values: guesses for an operator to judge.

/// A reason to look at a field before it may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Looks {
    Phone,
    Email,
    Url,
    Token,
    /// The id of a user or a team.
    Person,
}

impl Looks {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Phone => "a phone number",
            Self::Email => "an email address",
            Self::Url => "a URL",
            Self::Token => "a token or another secret",
            Self::Person => "an id of a user or team",
        }
    }
}

/// Parts of names, and what a field of such a name holds.
const NAMES: [(Looks, &[&str]); 4] = [
    (Looks::Phone, &["phone", "mobile", "msisdn", "whatsapp", "tel", "fax"]),
    (Looks::Email, &["email", "mail"]),
    (Looks::Url, &["url", "uri", "href", "link", "links", "avatar", "thumbnail", "thumb", "picture"]),
    (
        Looks::Token,
        &[
            "token",
            "secret",
            "password",
            "passwd",
            "signature",
            "session",
            "cookie",
            "credential",
            "hmac",
            "apikey",
            "otp",
            "pin",
        ],
    ),
];

/// Parts of names of those who have something to do with an object.
const PEOPLE: [&str; 18] = [
    "user",
    "users",
    "agent",
    "agents",
    "assignee",
    "assignees",
    "owner",
    "responsible",
    "team",
    "teams",
    "member",
    "members",
    "author",
    "creator",
    "participant",
    "participants",
    "sender",
    "group",
];

/// What the name of a point in time ends with.
const TIMES: [&str; 9] = ["at", "on", "time", "timestamp", "date", "until", "since", "expires", "expiry"];

/// What a field of this name holds; `within` is the name of the object in which it stands.
pub(super) fn of_name(name: &str, within: &str) -> Vec<Looks> {
    let words = words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let mut looks: Vec<_> = NAMES.iter().filter(|(_, known)| has(known)).map(|(looks, _)| *looks).collect();
    let of_whom = if name == "id" { self::words(within) } else { words.clone() };
    let is_id = has(&["id", "ids", "uid", "uuid"]) || name.ends_with("_by");
    if is_id && (name.ends_with("_by") || of_whom.iter().any(|word| PEOPLE.contains(&word.as_str()))) {
        looks.push(Looks::Person);
    }
    looks
}

/// What a text looks like: as a whole, or a word in it.
pub(super) fn of_text(text: &str) -> Vec<Looks> {
    let mut looks = Vec::new();
    let mut note = |is: bool, what| {
        if is && !looks.contains(&what) {
            looks.push(what);
        }
    };
    note(is_phone(text.trim()), Looks::Phone);
    for word in text.split(|c: char| c.is_whitespace() || "<>()[]\"',;".contains(c)).take(WORDS_MAX) {
        note(is_url(word), Looks::Url);
        note(is_email(word), Looks::Email);
        note(is_token(word), Looks::Token);
        note(word.starts_with('+') && is_phone(word), Looks::Phone);
    }
    looks
}

/// What a number looks like that stands in a field of this name: what its digits would as a text.
pub(super) fn of_number(number: f64, name: &str) -> Option<Looks> {
    // From 2001 to 2099, in seconds or milliseconds since 1970.
    let may_be_time = [1e9..4.1e9, 1e12..4.1e12].iter().any(|times| times.contains(&number));
    let is_time = may_be_time && words(name).last().is_some_and(|last| TIMES.contains(&last.as_str()));
    (number > 0.0 && !is_time && is_phone(&number.to_string())).then_some(Looks::Phone)
}

/// Words of a text that are looked at: enough for a chat message, and a long mail is free text in any case.
const WORDS_MAX: usize = 1000;

/// `assigneeId`, `assignee_id` and `assignee-id` as `assignee` and `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_lower) {
            words.push(String::new());
        }
        before_lower = c.is_lowercase();
        if c.is_alphanumeric()
            && let Some(last) = words.last_mut()
        {
            last.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_url(word: &str) -> bool {
    let lower = word.get(..8).unwrap_or(word).to_ascii_lowercase();
    ["http://", "https://", "data:", "ftp://", "wss://", "ws://", "blob:"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
        || (word.starts_with("//") && word.contains('.'))
}

fn is_email(word: &str) -> bool {
    let Some((user, host)) = word.split_once('@') else { return false };
    let inner_dot = host.trim_matches('.').contains('.');
    !user.is_empty() && inner_dot && host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
}

/// 7 to 15 digits (E.164), with what people write between them; bare digits only from 9 on, for a short number is
/// mostly an id.
fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let written = text.chars().all(|c| c.is_ascii_digit() || "+-(). /".contains(c));
    let dated = text.matches('-').count() == 2 && text.find('-') == Some(4);
    let bare = digits == text.len();
    written
        && !dated
        && (7..=15).contains(&digits)
        && !text.contains("..")
        && (!bare || digits >= 9)
        && text.matches('.').count() != 1
}

/// A word that nobody would type: long, of letters and digits mixed; or a signed token.
fn is_token(word: &str) -> bool {
    if word.starts_with("eyJ") && word.matches('.').count() >= 2 {
        return true;
    }
    let letters = word.chars().any(|c| c.is_ascii_alphabetic());
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let sort = |c: char| c.is_ascii_alphanumeric() || "-_=+".contains(c);
    let uuid = word.len() == 36 && word.matches('-').count() == 4;
    word.len() >= 24 && !uuid && letters && digits >= 4 && word.chars().all(sort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_a_field_holds() {
        for (name, within, want) in [
            ("phone_number", "", vec![Looks::Phone]),
            ("phoneNumber", "", vec![Looks::Phone]),
            ("email", "", vec![Looks::Email]),
            ("avatar_url", "", vec![Looks::Url]),
            ("pubsub_token", "", vec![Looks::Token]),
            ("assignee_id", "", vec![Looks::Person]),
            ("created_by", "", vec![Looks::Person]),
            ("id", "assignee", vec![Looks::Person]),
            ("id", "", vec![]),
            ("inbox_id", "", vec![]),
            ("status", "", vec![]),
            ("telemetry", "", vec![]),
        ] {
            assert_eq!(of_name(name, within), want, "{within} {name}");
        }
    }

    #[test]
    fn a_text_tells_what_it_is_or_has_in_it() {
        for (text, want) in [
            ("+49 170 1234567", vec![Looks::Phone]),
            ("0170-1234567", vec![Looks::Phone]),
            ("491701234567", vec![Looks::Phone]),
            ("call me: +491701234567, please", vec![Looks::Phone]),
            ("write to mara@shop.example.", vec![Looks::Email]),
            ("see https://shop.example/a?b", vec![Looks::Url]),
            ("data:image/png;base64,AA", vec![Looks::Url]),
            ("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x", vec![Looks::Token]),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", vec![Looks::Token]),
            ("open", vec![]),
            ("2026-01-31", vec![]),
            ("2026-01-31T10:00:00Z", vec![]),
            ("1712345", vec![]),
            ("3.14159265358", vec![]),
            ("it costs 100 or 200", vec![]),
            ("6f1ab6c2-7a39-4a54-8c14-5f0f8a2f7c11", vec![]),
        ] {
            assert_eq!(of_text(text), want, "{text}");
        }
    }
}
