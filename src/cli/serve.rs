//! `headgate serve`: one gateway until the process is asked to stop.

use std::{
    io::{self, Write},
    mem, panic,
    path::Path,
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
    config::{Config, Env, Loaded, watch::Watch},
    gateway::{Gateway, GatewayError},
    ops::ConfigStatus,
};

/// Runs a gateway with the configuration in `folder`. Answers when it has stopped: 0 after a drain, or if it
/// was asked to stop before it had started; 1 if it could not start or its disk failed.
pub(super) fn run(folder: &Path, env: Env<'_>, err: &mut dyn Write) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(serve(folder, env, err));
    // A thread that waits for a disk that hangs is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(folder: &Path, env: Env<'_>, err: &mut dyn Write) -> io::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let loaded = match Config::load(folder, env) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            writeln!(err, "{mistakes}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let log = match Log::set_up(&loaded.config.telemetry) {
        Ok(log) => log,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut watch = match Watch::new(folder) {
        Ok(watch) => watch,
        Err(error) => return Ok(could_not_start(&error)),
    };
    watch.follow(loaded.files.clone());
    let decision_log = loaded.config.gate.decision_log.as_ref().and_then(|log| log.file.as_deref());
    let own: Vec<&Path> = decision_log.into_iter().chain([&*loaded.config.store.path]).collect();
    watch.disregard(&own);
    let gateway = match start(loaded, &mut signals).await {
        Some(Ok(gateway)) => gateway,
        Some(Err(error)) => return Ok(could_not_start(&error)),
        None => {
            info!("stopped before it had started");
            return Ok(ExitCode::SUCCESS);
        }
    };
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => drop(reload(&gateway, folder, env, &log, &mut watch)),
            },
            _cause = watch.next() => drop(reload(&gateway, folder, env, &log, &mut watch)),
            asked = gateway.asked_to_reload() => {
                let reloaded = reload(&gateway, folder, env, &log, &mut watch);
                // Who asked may have gone away.
                let _gone = asked.answer.send(reloaded);
            }
            () = gateway.failed() => {
                error!("the data folder's disk failed; what is on it is read at the next start");
                stop(gateway, &mut signals).await;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    info!("stopping");
    Ok(stop(gateway, &mut signals).await)
}

/// Starts a gateway; `None` if it is asked to stop before that is done. Its disk may hang, so it has a thread of
/// its own, and one that is never waited for. The configuration was read a moment ago: it is not read anew.
async fn start(loaded: Loaded, signals: &mut Signals) -> Option<Result<Gateway, GatewayError>> {
    let runtime = Handle::current();
    let mut starting = tokio::task::spawn_blocking(move || {
        runtime.block_on(Gateway::start(loaded, Arc::new(SystemClock::new())))
    });
    loop {
        tokio::select! {
            started = &mut starting => match started {
                Ok(started) => return Some(started),
                Err(ended) => panic::resume_unwind(ended.into_panic()),
            },
            asked = signals.next() => match asked {
                Asked::Stop => return None,
                Asked::Reload => {}
            },
        }
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
fn reload(
    gateway: &Gateway,
    folder: &Path,
    env: Env<'_>,
    log: &Log,
    watch: &mut Watch,
) -> Result<ConfigStatus, Vec<String>> {
    let loaded = Config::load(folder, env).map_err(|mistakes| gateway.refuse(&mistakes))?;
    watch.follow(loaded.files.clone());
    let telemetry = loaded.config.telemetry.clone();
    let status = gateway.reload(loaded).map_err(|error| vec![error.to_string()])?;
    if let Err(error) = log.change(&telemetry) {
        warn!(error = %Causes(&error), "the log's levels were not changed");
    }
    Ok(status)
}
