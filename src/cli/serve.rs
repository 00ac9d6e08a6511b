//! `headgate serve`: one gateway until the process is asked to stop.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use tracing::{error, info, warn};

use super::{
    log::Log,
    signal::{Asked, Signals},
};
use crate::{
    clock::SystemClock,
    config::{Config, Env, watch::Watch},
    gateway::Gateway,
};

/// Runs a gateway with the configuration in `folder`. Answers when it has stopped: 0 after a drain, 1 if
/// it could not start or its disk failed.
pub(super) fn run(folder: &Path, env: Env<'_>, err: &mut dyn Write) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(folder, env, err))
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
    let mut watch = Watch::start(folder, &loaded.files);
    let gateway = match Gateway::start(loaded, Arc::new(SystemClock::new())).await {
        Ok(gateway) => gateway,
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "could not start");
            return Ok(ExitCode::FAILURE);
        }
    };
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => reload(&gateway, folder, env, &log, &mut watch),
            },
            () = watch.changed() => reload(&gateway, folder, env, &log, &mut watch),
            () = gateway.asked_to_reload() => reload(&gateway, folder, env, &log, &mut watch),
            () = gateway.failed() => {
                error!("the data folder's disk failed; what is on it is read at the next start");
                gateway.stop().await;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    info!("stopping");
    tokio::select! {
        () = gateway.stop() => Ok(ExitCode::SUCCESS),
        _again = signals.next() => {
            warn!("stopped without waiting for open requests");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The whole new configuration, or no change and every mistake in the log.
fn reload(gateway: &Gateway, folder: &Path, env: Env<'_>, log: &Log, watch: &mut Watch) {
    match Config::load(folder, env) {
        Ok(loaded) => {
            watch.also(&loaded.files);
            let telemetry = loaded.config.telemetry.clone();
            if let Err(error) = gateway.reload(loaded) {
                error!(error = &error as &dyn std::error::Error, "the configuration was not changed");
            } else if let Err(error) = log.change(&telemetry) {
                warn!(error = &error as &dyn std::error::Error, "the log's levels were not changed");
            }
        }
        Err(mistakes) => {
            gateway.note_mistakes(&mistakes);
            for mistake in mistakes.iter() {
                error!(%mistake, "the configuration was not changed");
            }
        }
    }
}
