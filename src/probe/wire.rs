//! One connection: these bytes out, what comes back in.

use std::{io, sync::Arc, time::Duration};

use rustls_pki_types::{InvalidDnsNameError, ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    answer::{self, Answer},
    plan::Plan,
};
use crate::backend::{ClientError, trusting};

/// Where requests go.
pub(super) struct Wire {
    address: (String, u16),
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    quiet: Duration,
    bytes_max: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) answers: Vec<Answer>,
    /// All bytes, also those that are no answer.
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The other side closed.
    Closed,
    /// The connection stayed open after a whole answer.
    Quiet,
    /// No whole answer in time.
    TimedOut,
    /// More than is read.
    TooLarge,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// TCP or TLS.
    #[error("could not connect to {address}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("could not connect to {0} in time")]
    Late(String),
    /// The certificates of the CA file.
    #[error("the certificates could not be read")]
    Roots(#[from] ClientError),
    /// The host.
    #[error("the host is no name that TLS could verify")]
    Name(#[from] InvalidDnsNameError),
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<C: AsyncRead + AsyncWrite + Unpin + Send> Connection for C {}

impl Wire {
    pub(super) fn new(plan: &Plan) -> Result<Self, NoConnection> {
        let tls = if plan.target.secure {
            let mut config = trusting(plan.target.ca.iter().map(AsRef::as_ref))?;
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let name = ServerName::try_from(plan.target.name.clone())?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self {
            address: plan.target.address.clone(),
            tls,
            timeout: plan.pace.timeout,
            quiet: plan.pace.quiet,
            bytes_max: plan.pace.answer_bytes_max,
        })
    }

    /// Sends these bytes on a connection of their own and reads until there is no more.
    pub(super) async fn exchange(&self, bytes: &[u8], to_head: bool) -> Result<Heard, NoConnection> {
        let connected = timeout(self.timeout, self.connect()).await;
        let stream = connected.map_err(|_elapsed| NoConnection::Late(self.shown()))??;
        let (reader, mut writer) = tokio::io::split(stream);
        // A refusal may come, and the connection end, before a large body is sent.
        let sending = async {
            let _refused = writer.write_all(bytes).await;
            let _refused = writer.flush().await;
        };
        let reading = self.read(reader, to_head);
        tokio::pin!(sending, reading);
        let mut sent = false;
        loop {
            tokio::select! {
                heard = &mut reading => return Ok(heard),
                () = &mut sending, if !sent => sent = true,
            }
        }
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, NoConnection> {
        let failed = |source| NoConnection::Connect { address: self.shown(), source };
        let (host, port) = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
        Ok(match &self.tls {
            Some((connector, name)) => {
                Box::new(connector.connect(name.clone(), stream).await.map_err(failed)?)
            }
            None => Box::new(stream),
        })
    }

    fn shown(&self) -> String {
        format!("{}:{}", self.address.0, self.address.1)
    }

    async fn read(&self, mut reader: impl AsyncRead + Unpin, to_head: bool) -> Heard {
        let until = Instant::now() + self.timeout;
        let mut bytes = Vec::new();
        let mut some = vec![0; 16 << 10];
        let end = loop {
            let patience = if bytes.is_empty() { until } else { until.min(Instant::now() + self.quiet) };
            match timeout_at(patience, reader.read(&mut some)).await {
                Ok(Ok(0) | Err(_)) => break End::Closed,
                Ok(Ok(read)) => bytes.extend_from_slice(some.get(..read).unwrap_or_default()),
                Err(_elapsed) => {
                    let answers = answer::answers(&bytes, to_head, false);
                    if answers.last().is_some_and(|answer| answer.whole && answer.status >= 200) {
                        break End::Quiet;
                    }
                    if Instant::now() >= until {
                        break End::TimedOut;
                    }
                }
            }
            if bytes.len() > self.bytes_max {
                break End::TooLarge;
            }
        };
        let answers = answer::answers(&bytes, to_head, end == End::Closed);
        Heard { answers, bytes, end }
    }
}

impl Heard {
    /// The first answer that is one: not an interim one.
    pub(super) fn answer(&self) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.status >= 200)
    }

    /// For people: `404`, `200, 404`, `closed without an answer`.
    pub(super) fn shown(&self) -> String {
        let statuses: Vec<_> = self.answers.iter().map(|answer| answer.status.to_string()).collect();
        let end = match self.end {
            End::TimedOut => " and no end in time",
            End::TooLarge => " and more than is read",
            End::Closed | End::Quiet if statuses.is_empty() => return "closed without an answer".to_owned(),
            End::Closed | End::Quiet => "",
        };
        if statuses.is_empty() { format!("no answer{end}") } else { format!("{}{end}", statuses.join(", ")) }
    }
}
