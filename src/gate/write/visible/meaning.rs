//! What a name in a question means: the fields whose names stand in it, word by word.

use super::{
    super::fields::Way,
    Field, NameSpan, Seen, Visible,
    words::{Run, Word, holds, is_of_steps, words_of},
};
use crate::gate::show::must_show::MustShow;

/// What a name in a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gate::write) struct Meaning {
    /// Where everything is seen that it may mean.
    pub(in crate::gate::write) seen: Seen,
    /// Some of its steps are the name of something that somebody declared; else what it means may be any field besides.
    pub(in crate::gate::write) is_known: bool,
}

/// A field that a part of a name means.
struct Match<'a> {
    run: Run,
    /// The part is made of whole steps.
    is_of_steps: bool,
    field: &'a Field,
}

impl Visible<'_> {
    /// What a name may be about. What stands in its steps is words, and with a declared name begins what many a backend takes for that
    /// and an operator (`phone_number_gt`, `min_price`, `contact_name_or_email`). A row's own field comes before one of the same name in what
    /// is nested in the row.
    pub(in crate::gate::write) fn meaning(&self, way: &Way) -> Meaning {
        let Some(words) = words_of(way) else { return Meaning { seen: None, is_known: true } };
        let (matches, calls) = self.named_in(&words);
        let is_nested = |kind: usize| self.kinds.get(kind).is_some_and(|kind| kind.nested);
        let is_shown = |kind: usize| self.kinds.get(kind).is_some_and(|kind| kind.shown);
        let of_rows =
            || matches.iter().filter(|of| of.field.span == NameSpan::Whole && !is_nested(of.field.kind));
        let is_of_rows = |run: &Run| of_rows().any(|of| holds(&of.run, run));
        let is_shadowed = |short: &Match<'_>| {
            let is_own =
                |long: &Match<'_>| long.field.kind == short.field.kind || !is_nested(long.field.kind);
            !short.is_of_steps
                && matches
                    .iter()
                    .any(|long| long.run != short.run && holds(&long.run, &short.run) && is_own(long))
        };
        let mut meaning = Meaning { seen: Some(MustShow::default()), is_known: false };
        for (kind, run) in &calls {
            let is_last = run.end == words.len() && is_of_steps(&words, run);
            if is_last && !is_of_rows(run) && is_shown(*kind) {
                meaning.add(self.kinds.get(*kind).and_then(|kind| self.sees_all_of(kind)), true);
            }
        }
        for of in matches.iter().filter(|of| !is_shadowed(of)) {
            let kind = of.field.kind;
            let is_called = || calls.iter().any(|(called, run)| *called == kind && run.end <= of.run.start);
            let by_itself = !is_nested(kind) || !is_of_rows(&of.run) && is_shown(kind);
            if by_itself || is_called() {
                meaning.add(of.field.seen.clone(), of.is_of_steps);
            }
        }
        meaning
    }

    /// The fields that are named in words, and the kinds that are called there.
    fn named_in(&self, words: &[Word]) -> (Vec<Match<'_>>, Vec<(usize, Run)>) {
        let (mut matches, mut calls) = (Vec::new(), Vec::<(usize, Run)>::new());
        for start in 0..words.len() {
            let before = start.checked_sub(1).and_then(|before| words.get(before));
            let begins = words.get(start).is_some_and(|word| word.begins)
                || before.is_some_and(Word::stands_before_fields);
            // Behind what calls it stands what is in that.
            let within: Vec<usize> =
                calls.iter().filter(|(_, run)| run.end == start).map(|(kind, _)| *kind).collect();
            let may_be = |kind: usize| begins || within.contains(&kind);
            let mut name = String::new();
            for (end, word) in (start + 1..).zip(words.get(start..).unwrap_or_default()) {
                name.push_str(&word.text);
                if name.len() > self.name_bytes_max {
                    break;
                }
                let run = start..end;
                let is_of_steps = is_of_steps(words, &run);
                let fields = self.fields.get(&name).into_iter().flatten();
                let fields = fields.filter(|field| may_be(field.kind));
                // What follows a part of a field's name is another field, or an operator on all of it.
                let is_last = !words.get(end..).unwrap_or_default().iter().any(|word| word.begins);
                let fields = fields.filter(|field| field.span != NameSpan::Beginning || is_last);
                matches.extend(fields.map(|field| Match { run: run.clone(), is_of_steps, field }));
                let called = self.called.get(&name).into_iter().flatten();
                let called = called.filter(|_| begins || !within.is_empty());
                calls.extend(called.map(|kind| (*kind, run.clone())));
            }
        }
        (matches, calls)
    }
}

impl Meaning {
    /// Something that it may mean as well, and whether that is said by whole steps of it.
    fn add(&mut self, seen: Seen, is_of_steps: bool) {
        self.seen = [self.seen.take(), seen].into_iter().collect();
        self.is_known |= is_of_steps;
    }
}
