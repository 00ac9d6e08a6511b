//! What holds whatever a provider, or somebody in its place, sends. The samples are `tests/corpus/`.

use std::fs;

use headgate::channel::{Event, Item, Provider, event::Raw, fuzzing};
use http::HeaderMap;
use proptest::{prelude::*, sample::Index};
use serde_json::Value;

use super::{items_in, line, render, signed, standard, telegram, twitter};
use crate::support::{corpus, json::any_json};

/// The providers of this test, each with the name of its corpus.
fn providers() -> [(&'static str, Provider); 4] {
    [("telegram", telegram()), ("line", line()), ("twitter", twitter()), ("standard", standard())]
}

fn split(provider: &Provider, body: &[u8]) -> Option<Vec<Item>> {
    fuzzing::split(provider, &HeaderMap::new(), body).ok().map(|split| split.items)
}

#[test]
fn every_sample_gives_as_many_items_as_it_holds() {
    for (name, provider) in providers() {
        for sample in corpus::inputs(name) {
            if let Some(items) = split(&provider, &sample) {
                // A lone surrogate is JSON, but no text that `Value` could hold.
                let Ok(body) = serde_json::from_slice::<Value>(&sample) else { continue };
                assert_eq!(items.len(), items_in(&provider, &body), "{}", String::from_utf8_lossy(&sample));
            }
        }
    }
}

#[test]
fn a_redelivery_has_the_ids_of_the_first_delivery() {
    for (name, provider) in providers() {
        for sample in corpus::inputs(name) {
            let events = |items: Vec<Item>| {
                items.into_iter().filter_map(|item| match item {
                    Item::Event(event) => Some((event.dedupe.clone(), said(&event, &sample))),
                    Item::Ignored(_) => None,
                })
            };
            let Some(first) = split(&provider, &sample) else { continue };
            let first: Vec<_> = events(first).collect();
            let again: Vec<_> = events(split(&provider, &sample).unwrap()).collect();
            assert_eq!(first, again);
            // A provider may say one thing twice in one webhook; two things never have one id.
            let mut known = std::collections::BTreeMap::new();
            for (ids, said) in first {
                let before = known.entry(ids[0].clone()).or_insert_with(|| said.clone());
                assert_eq!(*before, said, "two events of {name} with the id {}", ids[0]);
            }
        }
    }
}

/// What an event says, in the provider's own words.
fn said(event: &Event, body: &[u8]) -> String {
    match &event.raw {
        Raw::Range(range) => {
            String::from_utf8_lossy(&body[range.start as usize..range.end as usize]).into_owned()
        }
        Raw::Owned(text) => text.to_string(),
        Raw::Whole => String::from_utf8_lossy(body).into_owned(),
    }
}

/// Every value inside `value`, itself first.
fn places(value: &mut Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter_mut().map(places).sum(),
        Value::Object(members) => members.values_mut().map(places).sum::<usize>(),
        _ => 0,
    }
}

/// Puts `new` at the `at`-th place of `value`.
fn put(value: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        *value = new.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, at, new)),
        Value::Object(members) => members.values_mut().for_each(|member| put(member, at, new)),
        _ => {}
    }
}

#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (
            any::<Index>(),
            prop_oneof![Just(b"\"".to_vec()), Just(b"}".to_vec()), Just(b",".to_vec()), any::<Vec<u8>>()]
        )
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ]
}

fn mutate(body: &mut Vec<u8>, mutation: Mutation) {
    if body.is_empty() {
        return;
    }
    match mutation {
        Mutation::Set(at, byte) => {
            let at = at.index(body.len());
            body[at] = byte;
        }
        Mutation::Insert(at, bytes) => {
            let at = at.index(body.len());
            body.splice(at..at, bytes);
        }
        Mutation::Remove(at, length) => {
            let at = at.index(body.len());
            body.drain(at..(at + length).min(body.len()));
        }
        Mutation::Repeat(at, length) => {
            let at = at.index(body.len());
            let part = body[at..(at + length).min(body.len())].to_vec();
            body.splice(at..at, part);
        }
    }
}

/// What must not change about an event, whatever stands beside it: all but where its fragment is.
fn told(items: &[Item], body: &[u8]) -> Vec<String> {
    let lines = items.iter().map(|item| render::item(item, body));
    lines.map(|line| line.split(" raw=").next().unwrap().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mutated_bytes_never_break_a_law(
        pick in any::<Index>(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        for (name, provider) in providers() {
            let samples = corpus::inputs(name);
            let mut body = pick.get(&samples).clone();
            for mutation in mutations.clone() {
                mutate(&mut body, mutation);
            }
            split(&provider, &body);
        }
    }

    #[test]
    fn a_value_in_anothers_place_costs_no_item(
        pick in any::<Index>(),
        place in any::<Index>(),
        value in any_json(),
    ) {
        for (name, provider) in providers() {
            let samples = corpus::inputs(name);
            let sample: &Vec<u8> = pick.get(&samples);
            let Ok(mut body) = serde_json::from_slice::<Value>(sample) else { continue };
            let mut at = place.index(places(&mut body));
            put(&mut body, &mut at, &value);
            let bytes = serde_json::to_vec(&body).unwrap();
            if let Some(items) = split(&provider, &bytes) {
                prop_assert_eq!(items.len(), items_in(&provider, &body), "{}: {}", name, body);
            }
        }
    }

    #[test]
    fn one_bad_neighbour_in_a_batch_loses_nobody(value in any_json(), place in any::<Index>()) {
        for (name, file, array, provider) in [
            ("line", "batch.json", "events", line()),
            ("twitter", "dm.json", "direct_message_events", twitter()),
        ] {
            let sample = fs::read(corpus::folder(name).join(file)).unwrap();
            let alone: Value = serde_json::from_slice(&sample).unwrap();
            let at = place.index(alone[array].as_array().unwrap().len() + 1);
            let mut beside = alone.clone();
            beside[array].as_array_mut().unwrap().insert(at, value.clone());

            let tell = |body: &Value| {
                let bytes = serde_json::to_vec(body).unwrap();
                told(&split(&provider, &bytes).unwrap(), &bytes)
            };
            let want = tell(&alone);
            let mut got = tell(&beside);
            got.remove(at);
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn nobody_without_the_secret_is_believed(
        pick in any::<Index>(),
        value in "[ -~]{0,60}",
        swapped in any::<Index>(),
    ) {
        for (name, provider) in providers() {
            let samples = corpus::inputs(name);
            let body = pick.get(&samples);
            for header in signed(&provider, body).keys() {
                // One header is the forger's; the others are right, for this body.
                let mut headers = signed(&provider, body);
                if headers[header] != value.as_str() {
                    headers.insert(header, value.parse().unwrap());
                    fuzzing::forged(&provider, &headers, body);
                }
            }
            // A right signature, for another body. Telegram's token signs none.
            let other = swapped.get(&samples);
            if other != body && name != "telegram" {
                fuzzing::forged(&provider, &signed(&provider, other), body);
            }
        }
    }
}
