//! The log: to stderr, as JSON lines or for people, at levels that a reload can change.
//!
//! A JSON line has the fields `timestamp`, `level`, `target`, `message`, the event's own fields beside them,
//! and `span` with the fields of the unit of work it belongs to.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    EnvFilter, Layer, Registry, layer::SubscriberExt, registry::LookupSpan, reload, util::SubscriberInitExt,
};

use crate::config::Telemetry;

/// Why the log could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not in the syntax of `EnvFilter`.
    #[error("`{filter}` is not a log filter")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log already.
    #[error("the log was set up before")]
    SetUpBefore(#[source] tracing_subscriber::util::TryInitError),
    /// The log is gone.
    #[error("the log's levels cannot be changed any more")]
    Gone(#[source] reload::Error),
}

/// The running log.
#[derive(Clone, Debug)]
pub struct Log(reload::Handle<EnvFilter, Registry>);

impl Log {
    /// Sets the log of this process up.
    ///
    /// # Errors
    /// If the filter is none, or the process has a log already.
    pub fn set_up(telemetry: &Telemetry) -> Result<Self, LogError> {
        let (levels, handle) = reload::Layer::new(filter(telemetry)?);
        let lines = if telemetry.json { json(io::stderr).boxed() } else { text().boxed() };
        tracing_subscriber::registry().with(levels).with(lines).try_init().map_err(LogError::SetUpBefore)?;
        Ok(Self(handle))
    }

    /// Takes over the levels of a new configuration. Its format needs a restart.
    ///
    /// # Errors
    /// If the filter is none.
    pub fn change(&self, telemetry: &Telemetry) -> Result<(), LogError> {
        self.0.reload(filter(telemetry)?).map_err(LogError::Gone)
    }
}

fn filter(telemetry: &Telemetry) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(&telemetry.log)
        .map_err(|source| LogError::Filter { filter: telemetry.log.clone(), source })
}

/// One JSON object a line.
fn json<S, W>(to: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(to)
}

/// For people; in colour on a terminal.
fn text<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top_and_its_span_beside_them() {
        let lines = Lines::default();
        let to = lines.clone();
        let log = tracing_subscriber::registry().with(json(move || to.clone()));
        tracing::subscriber::with_default(log, || {
            let _webhook = tracing::info_span!("webhook", endpoint.id = "meta-main").entered();
            tracing::warn!(deny.reason = "wrong", "webhook refused");
        });
        let written = lines.0.lock().unwrap().clone();
        let mut line: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert!(line["timestamp"].take().is_string());
        assert_eq!(
            line,
            serde_json::json!({
                "timestamp": null,
                "level": "WARN",
                "target": "headgate::cli::log::tests",
                "message": "webhook refused",
                "deny.reason": "wrong",
                "span": { "name": "webhook", "endpoint.id": "meta-main" },
            })
        );
    }
}
