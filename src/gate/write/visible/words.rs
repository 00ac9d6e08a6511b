//! The words of a name in a question: what stands between its dots, its underscores and its capitals.

use std::ops::Range;

use super::super::fields::Way;
use crate::gate::body::FIELD_STEPS_MAX;

/// Words of a name in a question, more than any API has in one. What has more counts as hidden.
const WORDS_MAX: usize = 2 * FIELD_STEPS_MAX;

/// Words behind which a field's name begins within a step: `min_price`, `name_or_price`.
const BEFORE_FIELDS: [&str; 42] = [
    "and", "or", "not", "no", "by", "on", "is", "has", "in", "any", "all", "min", "max", "from", "to",
    "before", "after", "since", "until", "gt", "gte", "lt", "lte", "eq", "ne", "like", "sort", "order",
    "filter", "where", "search", "find", "with", "without", "contains", "exclude", "except", "over", "under",
    "above", "below", "group",
];

/// A word of a name.
pub(super) struct Word {
    /// Without what readers fold.
    pub(super) text: String,
    /// It is the first one of a step.
    pub(super) begins: bool,
    /// It is the last one of a step.
    pub(super) ends: bool,
}

/// Words of a name that follow each other, by their places.
pub(super) type Run = Range<usize>;

/// The words of a name; `None` if it has more steps or words than any API's.
pub(super) fn words_of(name: &Way) -> Option<Vec<Word>> {
    let steps = name.iter().flat_map(|step| step.split('.')).map(words);
    let steps: Vec<Vec<String>> = steps.filter(|step| !step.is_empty()).collect();
    let words: Vec<Word> = steps.iter().flat_map(|step| placed(step)).collect();
    (steps.len() <= FIELD_STEPS_MAX && words.len() <= WORDS_MAX).then_some(words)
}

impl Word {
    /// Whether the name of a field may begin behind it.
    pub(super) fn stands_before_fields(&self) -> bool {
        BEFORE_FIELDS.contains(&self.text.as_str())
    }
}

/// Whether words are those of whole steps.
pub(super) fn is_of_steps(words: &[Word], run: &Run) -> bool {
    words.get(run.start).is_some_and(|word| word.begins)
        && run.end.checked_sub(1).and_then(|last| words.get(last)).is_some_and(|word| word.ends)
}

/// Whether one run of words has all of another one.
pub(super) fn holds(outer: &Run, inner: &Run) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// The words of a step, without what readers fold: `phoneNumber_gt` is `phone`, `number` and `gt`.
fn words(step: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = None;
    let mut rest = step.chars().peekable();
    while let Some(c) = rest.next() {
        let follows = before.filter(|_| c.is_alphanumeric());
        let is_next = follows.is_some_and(|before: char| {
            let ends_in_capitals =
                before.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase());
            c.is_uppercase() && (!before.is_uppercase() || ends_in_capitals)
        });
        before = Some(c).filter(|c| c.is_alphanumeric());
        match words.last_mut() {
            _ if before.is_none() => {}
            Some(word) if follows.is_some() && !is_next => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words
}

/// The words of a step with their places in it.
fn placed(step: &[String]) -> impl Iterator<Item = Word> {
    let place = |(at, text): (usize, &String)| Word {
        text: text.clone(),
        begins: at == 0,
        ends: at + 1 == step.len(),
    };
    step.iter().enumerate().map(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::folded;

    #[test]
    fn a_step_has_words() {
        for (step, expected) in [
            ("phone_number", &["phone", "number"][..]),
            ("phoneNumber", &["phone", "number"]),
            ("PhoneNumber__startsWith", &["phone", "number", "starts", "with"]),
            ("PHONE_NUMBER", &["phone", "number"]),
            ("phoneNUMBER", &["phone", "number"]),
            ("HTTPServer", &["http", "server"]),
            ("phone-number>62", &["phone", "number", "62"]),
            ("$top", &["top"]),
            ("a1b", &["a1b"]),
            ("Éa_É", &["éa", "é"]),
            ("", &[]),
            ("__", &[]),
        ] {
            assert_eq!(words(step), expected, "{step}");
            assert_eq!(words(step).concat(), folded(step), "{step}");
        }
    }
}
