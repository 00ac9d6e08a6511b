//! Paths to places: pointers of RFC 6901 and dotted names.

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A member of an object (of a fact's pointer also an item of a list, by its number).
    Name(Box<str>),
    /// Each item of a list.
    Each,
    /// Each member of an object.
    Any,
}

/// Reads a pointer; in those of entities, `*` stands for each item of a list. `None`: it is none.
pub(super) fn pointer(text: &str, star: Star) -> Option<Vec<Token>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.strip_prefix('/')?
        .split('/')
        .map(|token| match (token, star) {
            ("*", Star::Each) => Some(Token::Each),
            ("*", Star::None) => None,
            _ => unescaped(token).map(|name| Token::Name(name.into())),
        })
        .collect()
}

/// What `*` is in a pointer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Star {
    /// Each item of a list.
    Each,
    /// A mistake.
    None,
}

fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (c, rest) = (part.strip_prefix('0').map(|rest| ('~', rest)))
            .or_else(|| part.strip_prefix('1').map(|rest| ('/', rest)))?;
        name.push(c);
        name.push_str(rest);
    }
    Some(name)
}

/// Reads a dotted name; `x.*` ends with [`Token::Any`]. `None`: it is none.
pub(super) fn dotted(text: &str) -> Option<Vec<Token>> {
    let parts: Vec<&str> = text.split('.').collect();
    let last = parts.len() - 1;
    parts
        .into_iter()
        .enumerate()
        .map(|(at, part)| match part {
            "" => None,
            "*" if at == last => Some(Token::Any),
            "*" => None,
            name => Some(Token::Name(name.into())),
        })
        .collect()
}

/// Whether everything at `inner` stands inside `outer`, or is the same place: lists looked through.
pub(super) fn within(inner: &[Token], outer: &[Token]) -> bool {
    let names =
        |tokens: &[Token]| tokens.iter().filter(|token| **token != Token::Each).cloned().collect::<Vec<_>>();
    names(inner).starts_with(&names(outer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Token {
        Token::Name(text.into())
    }

    #[test]
    fn a_pointer_is_read_as_its_rfc_says() {
        assert_eq!(pointer("", Star::Each), Some(vec![]));
        assert_eq!(pointer("/a/*/b~1c~0d", Star::Each), Some(vec![name("a"), Token::Each, name("b/c~d")]));
        assert_eq!(pointer("/", Star::Each), Some(vec![name("")]));
        for bad in ["a", "/a~", "/a~2"] {
            assert_eq!(pointer(bad, Star::Each), None, "{bad}");
        }
        assert_eq!(pointer("/a/*", Star::None), None);
    }

    #[test]
    fn a_dotted_name_has_a_star_only_at_its_end() {
        assert_eq!(dotted("a.b"), Some(vec![name("a"), name("b")]));
        assert_eq!(dotted("a.*"), Some(vec![name("a"), Token::Any]));
        for bad in ["", ".", "a.", ".a", "a..b", "*.a"] {
            assert_eq!(dotted(bad), None, "{bad}");
        }
    }
}
