//! Texts of any length in bounded memory, and what is too large.

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fault, Fields, Filter, Judge, Layout, LayoutSource, Limits, Object,
    Report, Schema, Total, Verdict, filter,
};

use super::strings;

/// Shows rows with an even team.
struct Even;

impl Judge for Even {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let even =
            object.fact(FactNo(0)).is_some_and(|fact| fact.0.last().is_some_and(|digit| digit % 2 == 0));
        if even { Verdict::Shown(Fields::All) } else { Verdict::Hidden }
    }
}

fn layout() -> Layout {
    let row = EntitySource {
        fields: strings(&["id", "text", "more"]),
        ruled: strings(&["secret"]),
        facts: strings(&["/team"]),
        ..EntitySource::default()
    };
    let source = LayoutSource {
        rows: Some(("/rows".into(), EntityNo(0))),
        keep: strings(&["/kept"]),
        totals: [("/before".into(), Total::Shown), ("/behind".into(), Total::Shown)].into(),
        ..LayoutSource::default()
    };
    Layout::compile(&Schema::compile(vec![row]).unwrap(), source).unwrap()
}

/// Pushes pieces and drops what comes out; says how much came, and how much memory was allocated at most at one time.
fn streamed<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> Result<(Report, usize, usize), Fault> {
    let (layout, mut ended, mut told) = (layout(), Err(Fault::Cut), 0);
    let allocated = allocation_counter::measure(|| {
        let mut filter = Filter::new(&layout, limits, Even);
        let (mut out, mut came) = (Vec::new(), 0);
        let mut pushed = Ok(());
        for piece in pieces {
            pushed = pushed.and_then(|()| filter.push(piece, &mut out));
            came += out.len();
            out.clear();
            told = told.max(filter.bytes_held());
        }
        ended = pushed.and_then(|()| filter.finish(&mut out)).map(|report| (report, came + out.len()));
    });
    let held = usize::try_from(allocated.bytes_max).unwrap();
    assert!(told <= held, "it says that it holds {told}, of {held}");
    ended.map(|(report, came)| (report, came, held))
}

/// Pieces of a text, cut anew out of one part of it: nothing is allocated for them while they are pushed.
fn repeated<'a>(
    first: &'a str,
    part: &'a [u8],
    times: usize,
    last: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let parts = std::iter::repeat_n(part, times).flat_map(|part| part.chunks(1448));
    std::iter::once(first.as_bytes()).chain(parts).chain([last.as_bytes()])
}

const LIMITS: Limits = Limits { object_bytes_max: 4096, depth_max: 128 };

#[test]
fn a_text_of_any_length_is_held_row_by_row() {
    let rows: Vec<u8> = (0..100)
        .flat_map(|no| {
            format!(r#"{{"id":{no},"team":{no},"text":"{}","x":[]}},"#, "é".repeat(500)).into_bytes()
        })
        .collect();
    let mut shorter = None;
    for times in [20, 200] {
        let pieces = repeated(r#"{"rows":["#, &rows, times, r#"{"team":1}],"behind":0}"#);
        let (report, came, held) = streamed(pieces, LIMITS).unwrap();
        let each = times as u64 * 50;
        assert_eq!((report.rows_shown, report.rows_hidden), (each, each + 1));
        assert!(came > times * 50_000, "{came}");
        assert!(held < 64 << 10, "{held}");
        assert_eq!(held, *shorter.get_or_insert(held), "a text of {times} times as many rows");
    }
}

#[test]
fn what_does_not_pass_or_passes_as_it_stands_may_have_any_length() {
    let long = vec![b'x'; 100_000];
    let digits = vec![b'1'; 100_000];
    for (first, part, last) in [
        (r#"{"rows":[],"other":""#, &long, r#""}"#),
        (r#"{"rows":[],"kept":["a",""#, &long, r#""]}"#),
        (r#"{"rows":[""#, &long, r#""]}"#),
        (r#"{"rows":[],"other":{""#, &long, r#"":1}}"#),
        (r#"{"rows":[],"before":""#, &long, r#""}"#),
        (r#"{"rows":[],"kept":"#, &digits, "}"),
    ] {
        let mut shorter = None;
        for times in [1, 10, 100] {
            let (_, came, held) = streamed(repeated(first, part, times, last), LIMITS).unwrap();
            assert!(held < 32 << 10, "{held} for {first}");
            assert_eq!(held, *shorter.get_or_insert(held), "{times} times as long: {first}");
            assert!(!first.contains("kept") || came > times * 100_000, "{came} for {first}");
        }
    }
    let few = digits.chunks(7).chain([&b"}"[..]]);
    let (_, came, held) = streamed([&br#"{"rows":[],"kept":"#[..]].into_iter().chain(few), LIMITS).unwrap();
    assert!(came > 100_000 && held < 32 << 10, "{came} {held}");
}

#[test]
fn what_is_too_large_to_be_held_is_a_fault() {
    let long = "x".repeat(5000);
    for text in [
        format!(r#"{{"rows":[{{"team":2,"text":"{long}"}}]}}"#),
        format!(r#"{{"rows":[{{"team":1,"x":"{long}"}}]}}"#),
        format!(r#"{{"rows":[],"{long}":1}}"#),
        format!(r#"{{"rows":[]{},"kept":1}}"#, " ".repeat(5000)),
    ] {
        let whole = filter(text.as_bytes(), &layout(), LIMITS, Even).map(|(out, _)| out);
        assert!(matches!(whole, Err(Fault::TooLarge { .. })), "{whole:?}");
        for size in [1, 100, 4096, 10_000] {
            let pieces = streamed(text.as_bytes().chunks(size), LIMITS);
            assert!(matches!(pieces, Err(Fault::TooLarge { .. })), "{size}");
        }
    }
}

#[test]
fn an_object_of_nothing_but_keys_is_bounded_like_any() {
    let keys = r#""":0,"#.repeat(700);
    let text = format!(r#"{{"rows":[{{{keys}"team":2}},{{"more":{{{keys}"":{{"secret":1}}}},"team":2}}]}}"#);
    let (report, came, held) = streamed(text.as_bytes().chunks(1000), LIMITS).unwrap();
    assert_eq!((report.rows_shown, report.undeclared), (2, 702));
    assert!(came > 3000);
    assert!(held < 30 * 4096, "{held}");
}

#[test]
fn a_count_before_the_rows_is_right_only_in_a_whole_text() {
    let text = br#"{"before":7,"rows":[{"team":2},{"team":3}],"behind":7}"#;
    let (whole, _) = filter(text, &layout(), LIMITS, Even).unwrap();
    assert_eq!(whole, br#"{"before":1,"rows":[{}],"behind":1}"#);
    let mut stream = Filter::new(&layout(), LIMITS, Even);
    let mut out = Vec::new();
    stream.push(text, &mut out).unwrap();
    stream.finish(&mut out).unwrap();
    assert_eq!(out, br#"{"before":null,"rows":[{}],"behind":1}"#);
}

#[test]
fn after_a_fault_nothing_comes_out() {
    let mut stream = Filter::new(&layout(), LIMITS, Even);
    let mut out = Vec::new();
    stream.push(br#"{"rows":[{"team":2},"#, &mut out).unwrap();
    let length = out.len();
    let fault = stream.push(br#"{"team":2,"text":1},x"#, &mut out).unwrap_err();
    assert_eq!(fault, Fault::Syntax { at: 40 });
    assert_eq!(stream.push(br#"{"team":2}]}"#, &mut out), Err(fault));
    assert_eq!(stream.finish(&mut out), Err(fault));
    assert_eq!(out.len(), length);
}

#[test]
fn an_entity_may_have_any_number_of_fields() {
    let names: Vec<_> = (0..400).map(|no| format!("f{no}")).collect();
    let row = EntitySource { fields: names.clone(), facts: strings(&["/team"]), ..EntitySource::default() };
    let rows = LayoutSource { rows: Some(("/rows".into(), EntityNo(0))), ..LayoutSource::default() };
    let layout = Layout::compile(&Schema::compile(vec![row]).unwrap(), rows).unwrap();
    let filtered = |members: &str| {
        let text = format!(r#"{{"rows":[{{"team":2,{members}}}]}}"#);
        filter(text.as_bytes(), &layout, Limits::default(), Even)
            .map(|(out, _)| String::from_utf8(out).unwrap())
    };
    let members: Vec<_> = names.iter().map(|name| format!(r#""{name}":1"#)).collect();
    let members = members.join(",");
    assert_eq!(filtered(&members), Ok(format!(r#"{{"rows":[{{{members}}}]}}"#)));
    for twice in ["f0", "f399"] {
        let fault = filtered(&format!(r#"{members},"{twice}":2"#));
        assert!(matches!(fault, Err(Fault::Twice { .. })), "{fault:?}");
    }
}

#[test]
fn a_limit_beyond_the_usual_depth_holds_and_no_stack_ends_at_it() {
    let depth_max = 100_000;
    let limits = Limits { object_bytes_max: 8 << 20, depth_max };
    let nested = |levels: usize| {
        let (open, close) = (r#"{"more":"#.repeat(levels), "}".repeat(levels));
        let lists = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        [
            format!(r#"{{"rows":[{{"team":2,"more":{open}1{close}}}]}}"#),
            format!(r#"{{"rows":[{{"team":2,"x":{lists}}}]}}"#),
        ]
    };
    for text in nested(depth_max - 3) {
        assert!(filter(text.as_bytes(), &layout(), limits, Even).is_ok());
    }
    for text in nested(depth_max - 2) {
        let fault = filter(text.as_bytes(), &layout(), limits, Even).map(|(out, _)| out.len());
        assert!(matches!(fault, Err(Fault::Depth { .. })), "{fault:?}");
    }
}
