//! The laws that HTTP framing keeps, whatever a peer sends: a fuzz target feeds them, and the stable test suite
//! replays the saved corpus.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Wake, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, rt::Executor, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    config::Limits,
    connection,
    framing::{Breach, Framing},
    watch::Watch,
    wire::Wire,
};

/// What a peer sends on a clear-text connection. The cuts between its packets do not matter to what is found
/// of its framing, and hyper finds no request that was not found here, nor misses one.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn framing(bytes: &[u8]) {
    let found = |size: usize| {
        let mut framing = Framing::default();
        let whole = bytes.chunks(size.max(1)).all(|part| framing.read(part) == part.len());
        (framing.verdicts(), whole)
    };
    let whole = found(bytes.len());
    assert_eq!(found(1), whole, "read byte by byte");
    assert_eq!(found(7), whole, "read in parts");

    let served = serve(bytes);
    assert!(!served.in_doubt, "hyper read a request that was not seen");
    if served.all {
        let sound = whole.0.iter().filter(|verdict| verdict.is_ok()).count();
        assert_eq!(served.requests, sound, "a request was seen that hyper did not read");
    }
}

/// What hyper made of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    /// Requests of HTTP/1 whose framing was sound.
    requests: usize,
    /// It read one where none was seen.
    in_doubt: bool,
    /// It read all there is: no request asked to be the last, and none was refused.
    all: bool,
}

/// Serves a connection as the listener does after a handshake that settled on HTTP/1.
fn serve(bytes: &[u8]) -> Served {
    let watch = Watch::new(&Limits::default());
    let served = Arc::new(Mutex::new(Served { all: true, ..Served::default() }));
    let service = {
        let (watch, served) = (Arc::clone(&watch), Arc::clone(&served));
        service_fn(move |request| answer(request, Arc::clone(&watch), Arc::clone(&served)))
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        return Served::default();
    };
    // The peer stays: hyper gives up what is under way when it leaves. There is room for every answer.
    let (mut peer, ours) = tokio::io::duplex((bytes.len() + 1) * 64);
    let sent = runtime.block_on(peer.write_all(bytes)).is_ok();
    let builder = connection::http(&Limits::default(), NoTasks).http1_only();
    let _context = runtime.enter();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Wire::new(ours, watch)), service));
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut waits = sent;
    while waits && woken.0.swap(false, Relaxed) {
        waits = connection.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    }
    // Having refused a head by itself, hyper has ended its side, and what comes is thrown away.
    let mut answers = Vec::new();
    waits &= pin!(peer.read_to_end(&mut answers)).poll(&mut Context::from_waker(&waker)).is_pending();
    let served = lock(&served);
    Served { all: served.all && waits, ..*served }
}

/// Whether a connection can go on.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

async fn answer(
    request: Request<Incoming>,
    watch: Arc<Watch>,
    served: Arc<Mutex<Served>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (verdict, _open) = watch.begin();
    let is_last = request.version() != Version::HTTP_11
        || request.method() == Method::CONNECT
        || [header::CONNECTION, header::UPGRADE].iter().any(|name| request.headers().contains_key(name));
    {
        let mut served = lock(&served);
        served.requests += usize::from(verdict.is_ok());
        served.in_doubt |= verdict == Err(Breach::Doubt);
    }
    let whole = verdict.is_ok() && request.into_body().collect().await.is_ok();
    watch.end();
    let mut response = Response::new(Full::default());
    if is_last || !whole {
        lock(&served).all = false;
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn lock(served: &Mutex<Served>) -> MutexGuard<'_, Served> {
    served.lock().unwrap_or_else(PoisonError::into_inner)
}

/// HTTP/1 has no tasks beside the connection's own.
#[derive(Clone, Copy, Debug)]
struct NoTasks;

impl<F> Executor<F> for NoTasks {
    fn execute(&self, _task: F) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hyper_reads_is_counted() {
        let one = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
        for (wire, requests, all) in [
            (one.repeat(3), 3, true),
            (format!("{one}{}", one.replace("Host", "Connection")), 2, false),
            (format!("{one}GET / HTTP/1.1\n\n"), 1, false),
            (one.replace(": 2", ": 2, 2"), 0, false),
        ] {
            let served = serve(wire.as_bytes());
            assert_eq!((served.requests, served.all, served.in_doubt), (requests, all, false), "{wire:?}");
        }
    }
}
