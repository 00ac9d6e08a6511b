//! `headgate serve`: one gateway until the process is asked to stop.

use std::{
    io::{self, Write},
    mem, panic,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use tokio::runtime::Handle;
use tracing::{error, info, warn};

use super::{
    log::Log,
    signal::{Asked, Signals},
};
use crate::{
    causes::Causes,
    clock::SystemClock,
    config::{Config, Loaded, Mistakes, watch::Watch},
    gateway::Gateway,
    ops::ConfigStatus,
};

/// Looks an environment variable up, from any thread.
pub(super) type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where the configuration is.
#[derive(Clone)]
struct Source {
    folder: PathBuf,
    variable: Variable,
}

impl Source {
    fn load(&self) -> Result<Loaded, Mistakes> {
        Config::load(&self.folder, &*self.variable)
    }
}

/// Why a gateway that ran is to end.
enum End {
    /// The process was asked to.
    Asked,
    /// Its disk failed.
    Failed,
}

/// Runs a gateway with the configuration in `folder`. Answers when it has stopped: 0 after a drain, or if it
/// was asked to stop before it had started; 1 if it could not start or its disk failed.
pub(super) fn run(folder: PathBuf, variable: Variable, err: &mut dyn Write) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(serve(Source { folder, variable }, err));
    // A thread that waits for a disk that hangs is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(source: Source, err: &mut dyn Write) -> io::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let read = source.clone();
    let loaded = match unless_stopped(&mut signals, move || read.load()).await {
        Some(Ok(loaded)) => loaded,
        Some(Err(mistakes)) => {
            writeln!(err, "{mistakes}")?;
            return Ok(ExitCode::FAILURE);
        }
        None => {
            writeln!(err, "stopped before the configuration was read")?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let log = match Log::set_up(&loaded.config.telemetry) {
        Ok(log) => log,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut watch = match Watch::new(&source.folder) {
        Ok(watch) => watch,
        Err(error) => return Ok(could_not_start(&error)),
    };
    watch.follow(loaded.files.clone());
    let decision_log = loaded.config.gate.decision_log.as_ref().and_then(|log| log.file.as_deref());
    let own: Vec<&Path> = decision_log.into_iter().chain([&*loaded.config.store.path]).collect();
    watch.disregard(&own);
    let runtime = Handle::current();
    let start = move || runtime.block_on(Gateway::start(loaded, Arc::new(SystemClock::new())));
    let gateway = match unless_stopped(&mut signals, start).await {
        Some(Ok(gateway)) => gateway,
        Some(Err(error)) => return Ok(could_not_start(&error)),
        None => {
            info!("stopped before it had started");
            return Ok(ExitCode::SUCCESS);
        }
    };
    match until_the_end(&gateway, &source, &log, &mut watch, &mut signals).await {
        End::Asked => {
            info!("stopping");
            Ok(stop(gateway, &mut signals).await)
        }
        End::Failed => {
            error!("the data folder's disk failed; what is on it is read at the next start");
            stop(gateway, &mut signals).await;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reads the configuration anew whenever that is asked for, one time after the other.
async fn until_the_end(
    gateway: &Gateway,
    source: &Source,
    log: &Log,
    watch: &mut Watch,
    signals: &mut Signals,
) -> End {
    loop {
        let asked = tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => return End::Asked,
                Asked::Reload => None,
            },
            _cause = watch.next() => None,
            asked = gateway.asked_to_reload() => Some(asked.answer),
            () = gateway.failed() => return End::Failed,
        };
        let read = source.clone();
        let loaded = tokio::select! {
            loaded = unless_stopped(signals, move || read.load()) => loaded,
            () = gateway.failed() => return End::Failed,
        };
        let Some(loaded) = loaded else { return End::Asked };
        let reloaded = take_over(gateway, loaded, log, watch);
        if let Some(answer) = asked {
            // Who asked may have gone away.
            let _gone = answer.send(reloaded);
        }
    }
}

/// Does what waits for disks; `None` if the process is asked to stop before it is done. A disk may hang, so it has a
/// thread of its own, and one that is never waited for.
async fn unless_stopped<T: Send + 'static>(
    signals: &mut Signals,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::select! {
        done = tokio::task::spawn_blocking(work) => match done {
            Ok(done) => Some(done),
            Err(ended) => panic::resume_unwind(ended.into_panic()),
        },
        () = signals.stop() => None,
    }
}

/// Stops in order, or at once if that is asked for.
async fn stop(gateway: Gateway, signals: &mut Signals) -> ExitCode {
    let mut stopping = Box::pin(gateway.stop());
    tokio::select! {
        stopped = &mut stopping => match stopped {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                error!(%error, "stopped without it; what is on it is read at the next start");
                ExitCode::FAILURE
            }
        },
        _again = signals.next() => {
            warn!("stopped without waiting for what was under way");
            // Dropped, it would wait for the disk.
            mem::forget(stopping);
            ExitCode::FAILURE
        }
    }
}

fn could_not_start(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    error!(error = %Causes(error), "could not start");
    ExitCode::FAILURE
}

/// The whole new configuration, or no change and every mistake in the log and in the answer.
fn take_over(
    gateway: &Gateway,
    loaded: Result<Loaded, Mistakes>,
    log: &Log,
    watch: &mut Watch,
) -> Result<ConfigStatus, Vec<String>> {
    let loaded = loaded.map_err(|mistakes| gateway.refuse(&mistakes))?;
    watch.follow(loaded.files.clone());
    let telemetry = loaded.config.telemetry.clone();
    let status = gateway.reload(loaded).map_err(|error| vec![error.to_string()])?;
    if let Err(error) = log.change(&telemetry) {
        warn!(error = %Causes(&error), "the log's levels were not changed");
    }
    Ok(status)
}
