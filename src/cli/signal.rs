//! What the operating system asks of the process: `SIGHUP` reads the configuration anew, `SIGTERM` and
//! `SIGINT` stop it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Read the configuration anew.
    Reload,
    /// Drain and stop. Asked a second time: stop at once.
    Stop,
}

/// The signals of this process. Made before anything that takes time, so that none is missed.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits until the process is asked to stop; that it is asked to reload is kept for [`next`](Self::next).
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the next signal. May be dropped and called again without missing one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal as Number, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn hangup_reloads_and_terminate_and_interrupt_stop() {
        let mut signals = Signals::listen().unwrap();
        for (number, asked) in
            [(Number::HUP, Asked::Reload), (Number::TERM, Asked::Stop), (Number::INT, Asked::Stop)]
        {
            kill_process(getpid(), number).unwrap();
            assert_eq!(signals.next().await, asked);
        }
        kill_process(getpid(), Number::HUP).unwrap();
        kill_process(getpid(), Number::TERM).unwrap();
        signals.stop().await;
        assert_eq!(signals.next().await, Asked::Reload, "which was not forgotten");
    }
}
