//! Connections that spoke HTTP/2. Header blocks are compressed, so what a server wrote is replayed to a client that decodes
//! it, and told as HTTP/1 would tell it.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, sink},
    task::JoinSet,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length, type, flags and stream of a frame (RFC 9113 section 4.1).
const HEAD: usize = 9;
const HEADERS: u8 = 1;
/// More than any test has a server send.
const WINDOW: u32 = (1 << 31) - 1;

/// An answer, with its trailers among the headers.
#[derive(Debug)]
pub(in crate::gate) struct Decoded {
    pub(in crate::gate) status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Decoded {
    /// As HTTP/1 would have it.
    fn told(&self) -> Vec<u8> {
        let mut told = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            told.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        [told.as_slice(), b"\r\n", &self.body].concat()
    }
}

/// Each answer of a connection; none if it did not speak HTTP/2.
pub(super) fn told(sent: &[u8], received: &[u8]) -> Vec<Vec<u8>> {
    let Some(frames) = sent.strip_prefix(PREFACE) else { return Vec::new() };
    let asked = streams(frames).len();
    // Who judges may be on a runtime already.
    let decoding = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(decoded(asked, received))
    };
    let decoded = std::thread::scope(|scope| scope.spawn(decoding).join().unwrap());
    assert_eq!(decoded.len(), streams(received).len(), "each answer can be decoded");
    decoded.iter().map(Decoded::told).collect()
}

/// The answers that a server's bytes are to a client's first requests, so many.
pub(in crate::gate) async fn decoded(requests: usize, received: &[u8]) -> Vec<Decoded> {
    let (ours, mut theirs) = duplex(1 << 16);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (client, connection) = builder.handshake(TokioIo::new(ours)).await.unwrap();
    let replaying = async {
        opened(&mut theirs, requests).await;
        let (mut from_client, mut to_client) = tokio::io::split(theirs);
        let telling = async {
            let _given_up = to_client.write_all(received).await;
            let _given_up = to_client.shutdown().await;
        };
        let mut nowhere = sink();
        let (_, _given_up) = tokio::join!(telling, copy(&mut from_client, &mut nowhere));
    };
    let (answers, _, _given_up) = tokio::join!(answers(client, requests), replaying, connection);
    answers
}

/// Waits until the client has opened so many streams: an answer to a request that was not made is an error to it.
async fn opened(connection: &mut DuplexStream, requests: usize) {
    let mut sent = Vec::new();
    while sent.strip_prefix(PREFACE).map_or(0, |frames| streams(frames).len()) < requests {
        connection.read_buf(&mut sent).await.unwrap();
    }
}

async fn answers(mut client: SendRequest<Empty<Bytes>>, requests: usize) -> Vec<Decoded> {
    let mut answers = JoinSet::new();
    for number in 0..requests {
        client.ready().await.unwrap();
        let request = Request::get("http://replayed/").body(Empty::new()).unwrap();
        let answer = client.send_request(request);
        answers.spawn(async move { Some((number, read(answer.await.ok()?).await)) });
    }
    let mut answers: Vec<_> = answers.join_all().await.into_iter().flatten().collect();
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// What came of an answer, up to where it was given up.
async fn read(answer: http::Response<Incoming>) -> Decoded {
    let (head, mut incoming) = answer.into_parts();
    let mut decoded = Decoded { status: head.status, headers: head.headers, body: Vec::new() };
    while let Some(Ok(frame)) = incoming.frame().await {
        match frame.into_data() {
            Ok(data) => decoded.body.extend(data),
            Err(frame) => decoded.headers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    decoded
}

/// The streams on which these frames have a header block.
fn streams(mut frames: &[u8]) -> BTreeSet<u32> {
    let mut streams = BTreeSet::new();
    while let Some((head, rest)) = frames.split_at_checked(HEAD) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if head[3] == HEADERS {
            streams.insert(u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        }
        frames = rest.get(length..).unwrap_or_default();
    }
    streams
}
