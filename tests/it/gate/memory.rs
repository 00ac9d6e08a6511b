//! What a hostile answer (E11, F03) or request takes of memory: no more than the configuration's bounds promise, however long
//! it goes on and whatever it multiplies.
//! Everything runs on one thread, whose memory is counted.

use tokio::{runtime, sync::mpsc};

use super::{
    backend::{Asked, GOES_ON},
    fields::ROUTES,
    questions,
    world::{Answer, Setup},
    writes,
};

const MIB: u64 = 1 << 20;

/// What `api_answer_bytes_max` is by default: an answer of this length is held whole, and no longer one.
const ANSWER: u64 = 16 * MIB;

/// What is asked of the backend's persons, and the most of memory that was taken meanwhile, in bytes; its answer comes in these
/// pieces.
fn taken(path: &'static str, headers: &str, pieces: impl Iterator<Item = Vec<u8>>) -> (Answer, u64) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (more, rest) = mpsc::channel(1);
    let head = format!(
        "HTTP/1.1 200 OK\r\n{GOES_ON}{headers}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let script = move |_: &Asked| Some(head.clone().into_bytes());
    let world = runtime.block_on(Setup::default().routes(ROUTES).backend(script).rest(rest).start());
    let mut answer = None;
    let taken = allocation_counter::measure(|| {
        let sending = async {
            for piece in pieces {
                let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
                if more.send(chunk).await.is_err() {
                    return;
                }
            }
            let _refused_or_not = more.send(b"0\r\n\r\n".to_vec()).await;
        };
        answer = Some(runtime.block_on(async { tokio::join!(world.get("ana", path), sending).0 }));
    });
    (answer.unwrap(), taken.bytes_max)
}

/// A text in pieces of 64 KiB.
fn repeated(first: &str, text: &str, times: usize) -> impl Iterator<Item = Vec<u8>> {
    let each = (64 << 10) / text.len();
    let piece = text.repeat(each).into_bytes();
    std::iter::once(first.as_bytes().to_vec()).chain(std::iter::repeat_n(piece, times / each))
}

#[test]
fn e11_an_answer_without_end_takes_no_more_than_the_bound_of_an_answer() {
    for (what, path, pieces) in [
        (
            "a text of 200 MB",
            "/persons/501",
            Box::new(repeated(r#"{"id":"501","owner":"ana","name":""#, "x", 200_000_000))
                as Box<dyn Iterator<Item = Vec<u8>>>,
        ),
        (
            "200 MB of rows",
            "/persons",
            Box::new(repeated(r#"{"payload":["#, r#"{"id":"501","owner":"ana"},"#, 8_000_000)),
        ),
        (
            "200 MB of keys",
            "/persons/501",
            Box::new(repeated(r#"{"id":"501","owner":"ana""#, r#","k":0"#, 33_000_000)),
        ),
        (
            "200 MB of brackets",
            "/persons/501",
            Box::new(repeated(r#"{"id":"501","extra":"#, "[", 200_000_000)),
        ),
    ] {
        let (answer, most) = taken(path, "", pieces);
        assert_eq!(answer.status, 502, "{what}");
        assert!(most < 2 * ANSWER, "{what}: {most}");
    }
}

#[test]
fn e11_what_an_answer_within_its_bound_is_made_of_takes_a_multiple_of_it() {
    for (what, path, first, text, times, last, status) in [
        ("a million keys", "/persons/501", r#"{"id":"501","owner":"ana""#, r#","k":0"#, 1_000_000, "}", 200),
        (
            "ten million brackets",
            "/persons/501",
            r#"{"id":"501","owner":"ana","extra":"#,
            "[",
            10_000_000,
            "",
            502,
        ),
        ("five million rows", "/persons", r#"{"payload":[0"#, ",0", 5_000_000, "]}", 200),
    ] {
        let pieces = repeated(first, text, times).chain([last.as_bytes().to_vec()]);
        let (answer, most) = taken(path, "", pieces);
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(most < 4 * ANSWER, "{what}: {most}");
    }
}

#[test]
fn f03_what_inflates_without_end_takes_no_more_than_the_bound_of_an_answer() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(br#"{"id":"501","owner":"ana","name":""#).unwrap();
    for _ in 0..100 {
        packed.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    let pieces: Vec<_> = packed.chunks(64 << 10).map(<[u8]>::to_vec).collect();
    let (answer, most) = taken("/persons/501", "content-encoding: gzip\r\n", pieces.into_iter());
    assert_eq!(answer.status, 502);
    assert!(most < 4 * ANSWER, "{most}");
}

/// The answer to what ana sends, and the most of memory that was taken meanwhile, in bytes.
fn taken_by(setup: Setup, line: &str, body: &str) -> (Answer, u64) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(setup.start());
    let mut answer = None;
    let taken = allocation_counter::measure(|| {
        answer = Some(runtime.block_on(world.typed(line, writes::JSON, body)).0);
    });
    (answer.unwrap(), taken.bytes_max)
}

#[test]
fn a_list_of_objects_beside_a_query_takes_no_more_than_a_multiple_of_both() {
    let names: String = (0..200).map(|name| format!("field_{name}=&")).collect();
    let line = format!("PATCH /bulk/contacts?{names}");
    for (what, item, times) in [("too many", "{}", 100_000), ("as many as are taken", "{}", 1000)] {
        let body = format!("[{}]", vec![item; times].join(","));
        let (answer, most) = taken_by(writes::setup(), &line, &body);
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert!(most < 24 * MIB, "{what}: {most}");
    }
}

#[test]
fn a_question_of_many_names_takes_no_more_than_a_multiple_of_it() {
    for name in ["price", "phone_number"] {
        let names = format!("{name},").repeat((1 << 20) / (name.len() + 1) - 10);
        let body = format!(r#"{{"payload":[{{"attribute_key":"{names}"}}]}}"#);
        let (answer, most) = taken_by(questions::setup(), "POST /paged", &body);
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        assert!(answer.body.len() < 10_000, "{name}");
        assert!(most < 24 * MIB, "{name}: {most}");
    }
}
