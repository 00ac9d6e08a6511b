//! One connection, from its TLS handshake to its end.

use std::{
    convert::Infallible, error::Error as StdError, future::poll_fn, io, net::SocketAddr, pin::pin, sync::Arc,
    task::Poll, time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{rt::Executor, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

use super::{
    body::LimitedBody,
    config::Limits,
    listener::Shared,
    metrics::Limit,
    peer::{Peer, PeerTls},
    request::Admission,
    tls::{self, Current},
    watch::Watch,
    wire::Wire,
};

/// How often an HTTP/2 peer is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Answers requests until the peer leaves, a limit ends it, or `drain` lets the last one finish.
pub(super) async fn serve<S, B>(
    stream: TcpStream,
    address: SocketAddr,
    service: S,
    shared: Arc<Shared>,
    drain: CancellationToken,
) where
    S: Service<Request<LimitedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    // Streams of HTTP/2 are tasks of their own: they end with the connection.
    let ended = CancellationToken::new();
    let _ends_tasks = ended.clone().drop_guard();
    let builder = http(&shared.limits, Tasks { tracker: shared.tasks.clone(), ended });

    let (stream, peer, certificates, builder) = match &shared.tls {
        None => (Either::Left(stream), Peer { address, tls: None }, None, builder),
        Some(acceptor) => {
            let Current { config, certificates } = &*acceptor.current();
            let shaken = shake_hands(stream, config, &shared);
            let Some(Some(stream)) = drain.run_until_cancelled(shaken).await else { return };
            let peer = Peer { address, tls: Some(Arc::new(told_by(&stream))) };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let builder = if http2 { builder.http2_only() } else { builder.http1_only() };
            (Either::Right(stream), peer, Some(Arc::clone(certificates)), builder)
        }
    };

    let watch = Watch::new(&shared.limits);
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&watch)));
    let admission =
        Admission { service, peer, certificates, watch: Arc::clone(&watch), shared: Arc::clone(&shared) };
    let mut connection = pin!(builder.serve_connection(wire, admission));
    let mut drained = pin!(drain.cancelled());
    let mut alarm = pin!(sleep_until(Instant::now()));
    let mut draining = false;

    let end = poll_fn(|cx| {
        if !draining && drained.as_mut().poll(cx).is_ready() {
            draining = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(done) = connection.as_mut().poll(cx) {
            return Poll::Ready(End::Closed(done));
        }
        loop {
            let due = watch.due();
            let look = due.map_or_else(|| Instant::now() + shared.limits.idle_timeout, |(at, _)| at);
            alarm.as_mut().reset(look);
            match (alarm.as_mut().poll(cx), due) {
                (Poll::Pending, _) => return Poll::Pending,
                (Poll::Ready(()), Some((_, limit))) => return Poll::Ready(End::Overdue(limit)),
                (Poll::Ready(()), None) => {}
            }
        }
    })
    .await;

    match end {
        End::Overdue(limit) => shared.metrics.reached(limit),
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => {
            if watch.floods() {
                shared.metrics.reached(Limit::Http2Frames);
            } else if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
                shared.metrics.reached(watch.too_large());
            }
            tracing::debug!(peer.address = %address, error = %error, "connection ended");
        }
    }
}

/// How a connection came to its end.
enum End {
    Closed(Result<(), Box<dyn StdError + Send + Sync>>),
    Overdue(Limit),
}

/// The HTTP side of the limits, each said explicitly: hyper's defaults are other ones, or none.
pub(super) fn http<E>(limits: &Limits, tasks: E) -> Builder<E> {
    let header_bytes_max = u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX);
    let mut builder = Builder::new(tasks);
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Watch` keeps this time: hyper's clock would also end a connection that is merely idle.
        .header_read_timeout(None)
        .keep_alive(true)
        .half_close(false)
        .max_headers(limits.headers_max)
        // hyper answers 431 to a head that fills the buffer, which may not be smaller than 8 KiB;
        // smaller limits are kept by `Admission`.
        .max_buf_size(limits.header_bytes_max.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        // Above `header_bytes_max` the request is answered 431 and counted; above this the HTTP/2
        // library answers 431 itself, so that no attacker makes us keep more.
        .max_header_list_size(header_bytes_max.saturating_mul(2))
        .max_frame_size(16 << 10)
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20)
        .adaptive_window(false)
        .max_send_buf_size(256 << 10)
        // A peer that vanished is noticed while one of its requests is open, when it does not count as idle.
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        // Streams reset before they were looked at (rapid reset), and those reset by our errors.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64);
    builder
}

async fn shake_hands(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    shared: &Shared,
) -> Option<TlsStream<TcpStream>> {
    let shaken = TlsAcceptor::from(Arc::clone(config)).accept(stream);
    let reason = match timeout(shared.limits.tls_handshake_timeout, shaken).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => reason(&error),
        Err(_elapsed) => {
            shared.metrics.reached(Limit::TlsHandshake);
            "timeout"
        }
    };
    shared.metrics.handshake_failed(reason);
    None
}

fn told_by(stream: &TlsStream<TcpStream>) -> PeerTls {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    PeerTls {
        server_name: session.server_name().map(str::to_owned),
        client_names: certificate.map(tls::names_of).unwrap_or_default(),
        client: certificate.and_then(tls::client_certificate),
    }
}

/// Why a handshake did not come about, as a metric's label.
fn reason(error: &io::Error) -> &'static str {
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match tls {
        None => "closed",
        Some(rustls::Error::NoCertificatesPresented) => "no_client_certificate",
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForName)) => "client_name",
        Some(rustls::Error::InvalidCertificate(_)) => "client_certificate",
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => "incompatible",
        Some(rustls::Error::AlertReceived(_)) => "refused_by_peer",
        Some(_) => "protocol",
    }
}

/// Runs the tasks of one connection's HTTP/2 streams: none outlives the connection, and the listener
/// waits for all.
#[derive(Clone, Debug)]
struct Tasks {
    tracker: TaskTracker,
    ended: CancellationToken,
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let ended = self.ended.clone();
        self.tracker.spawn(async move { ended.run_until_cancelled(task).await.map(drop) });
    }
}
