//! A listener: takes an address, accepts connections within the limits, drains.

use std::{convert::Infallible, error::Error as StdError, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::service::Service;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{
    body::LimitedBody,
    config::{Limits, Listener},
    connection,
    metrics::{Counted, Handles, Limit, Metrics},
    quota::{PerClient, Presence, Quota, Share},
    tls::{Acceptor, TlsError},
};

/// Connections that the operating system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Pauses after a failure to accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a listener could not begin.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be had.
    #[error("could not listen on {address}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its TLS cannot be set up.
    #[error("could not set up the TLS of the listener")]
    Tls(#[from] TlsError),
}

/// Takes the address and reads the certificates. Connections wait until [`Bound::serve`]. `name` is the
/// listener's in the metrics. Must be called inside a tokio runtime.
///
/// # Errors
/// [`BindError`].
pub fn bind(listener: &Listener, name: &'static str, metrics: &Metrics) -> Result<Bound, BindError> {
    let address = listener.address;
    let socket = open(address).map_err(|source| BindError::Address { address, source })?;
    let tls = listener.tls.as_ref().map(Acceptor::new).transpose()?;
    let shared = Shared {
        limits: listener.limits.clone(),
        metrics: metrics.of(name),
        requests: Quota::new(listener.limits.requests_max),
        bodies: Quota::new(listener.limits.bodies_in_memory_max),
        tls,
        tasks: TaskTracker::new(),
    };
    Ok(Bound { socket, shared: Arc::new(shared) })
}

/// A listener that has its address.
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    shared: Arc<Shared>,
}

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) metrics: Handles,
    pub(super) requests: Arc<Quota>,
    pub(super) bodies: Arc<Quota>,
    pub(super) tls: Option<Arc<Acceptor>>,
    /// The tasks of HTTP/2 streams.
    pub(super) tasks: TaskTracker,
}

impl Bound {
    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Its TLS, to be reloaded; `None` in clear text.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<Acceptor>> {
        self.shared.tls.clone()
    }

    /// Answers with `service` until `drain` is cancelled and the open requests are answered, or
    /// `drain_timeout` has passed.
    pub fn serve<S, B>(self, service: S, drain: CancellationToken) -> Serving
    where
        S: Service<Request<LimitedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Serving(AbortOnDropHandle::new(tokio::spawn(run(self, service, drain))))
    }
}

/// A listener at work; dropped, it ends at once with all its connections.
#[derive(Debug)]
pub struct Serving(AbortOnDropHandle<()>);

impl Serving {
    /// Waits until it has drained: no connection and no task of it is left.
    pub async fn drained(self) {
        if let Err(error) = self.0.await {
            tracing::error!(error = %error, "a listener ended early");
        }
    }
}

async fn run<S, B>(bound: Bound, service: S, drain: CancellationToken)
where
    S: Service<Request<LimitedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let Bound { socket, shared } = bound;
    let door = Door {
        connections: Quota::new(shared.limits.connections_max),
        clients: PerClient::new(shared.limits.connections_per_address_max),
    };
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            Some(ended) = connections.join_next() => {
                note_panic(ended);
                continue;
            }
            accepted = accept(&socket, &shared.metrics) => accepted,
        };
        let (stream, address) = accepted;
        let place = match door.enter(address, &shared.metrics) {
            Ok(place) => place,
            Err(limit) => {
                shared.metrics.reached(limit);
                continue;
            }
        };
        set_up(&stream);
        let serving = connection::serve(stream, address, service.clone(), Arc::clone(&shared), drain.clone());
        connections.spawn(async move {
            let _place = place;
            serving.await;
        });
    }
    drop(socket);

    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            note_panic(ended);
        }
    };
    if timeout(shared.limits.drain_timeout, all_ended).await.is_err() {
        shared.metrics.reached(Limit::Drain);
        tracing::warn!(
            listener.connections = connections.len(),
            "requests were cut off at the end of the drain"
        );
        connections.shutdown().await;
    }
    shared.tasks.close();
    shared.tasks.wait().await;
}

/// Who may come in.
struct Door {
    connections: Arc<Quota>,
    clients: Arc<PerClient>,
}

/// What a connection holds while it is open.
struct Place {
    _connection: Share,
    _client: Presence,
    _counted: Counted,
}

impl Door {
    fn enter(&self, address: SocketAddr, metrics: &Handles) -> Result<Place, Limit> {
        let connection = self.connections.take_one().ok_or(Limit::Connections)?;
        let client = self.clients.enter(address.ip()).ok_or(Limit::ConnectionsPerAddress)?;
        metrics.accepted.inc();
        Ok(Place { _connection: connection, _client: client, _counted: Counted::up(&metrics.connections) })
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The next connection. A failure of the operating system, most often for want of a file descriptor,
/// is counted and waited out: it goes away when a connection ends.
async fn accept(socket: &TcpListener, metrics: &Handles) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_peer(&error) => {}
            Err(error) => {
                if metrics.accept_errors.inc() == 0 {
                    tracing::warn!(error = %error, "could not accept a connection; later failures are only counted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error concerns the one connection that was about to be accepted.
fn is_of_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Answers leave at once, and a peer that vanished is noticed. A socket that takes no options serves
/// all the same.
fn set_up(stream: &TcpStream) {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = set {
        tracing::debug!(error = %error, "could not set a connection's options");
    }
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("the serving of a connection panicked; the others go on");
    }
}
