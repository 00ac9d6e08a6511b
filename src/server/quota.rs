//! Counting what may exist at once: connections, requests, bytes.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::peer::client_of;

/// How much of something may exist at once.
#[derive(Debug)]
pub(super) struct Quota {
    used: AtomicUsize,
    max: usize,
}

impl Quota {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), max })
    }

    /// A share that holds nothing yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { of: Arc::clone(self), amount: AtomicUsize::new(0) }
    }

    /// A share of one; `None` if nothing is left.
    pub(super) fn take_one(self: &Arc<Self>) -> Option<Share> {
        let share = self.share();
        share.grow(1).then_some(share)
    }
}

/// A part of a [`Quota`], given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Quota>,
    amount: AtomicUsize,
}

impl Share {
    /// Takes `more`, or nothing and answers `false` if that much is not left.
    #[must_use]
    pub(super) fn grow(&self, more: usize) -> bool {
        let taken = self.of.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(more).filter(|used| *used <= self.of.max)
        });
        if taken.is_ok() {
            self.amount.fetch_add(more, Relaxed);
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.amount.load(Relaxed), Relaxed);
    }
}

/// How many connections each client may have.
#[derive(Debug)]
pub(super) struct PerClient {
    open: Mutex<HashMap<IpAddr, usize>>,
    max: usize,
}

impl PerClient {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), max })
    }

    /// Counts one more connection from `address`; `None` if its client has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Presence> {
        let client = client_of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Presence { among: Arc::clone(self), client })
    }
}

/// One connection of a client, counted until dropped.
#[derive(Debug)]
pub(super) struct Presence {
    among: Arc<PerClient>,
    client: IpAddr,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut open = self.among.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_given_whole_or_not_at_all_and_comes_back() {
        let quota = Quota::new(10);
        let share = quota.take_one().unwrap();
        assert!(!share.grow(10) && share.grow(9));
        assert!(quota.take_one().is_none());
        drop(share);
        assert!(quota.share().grow(10));
    }

    #[test]
    fn a_client_is_forgotten_with_its_last_connection() {
        let clients = PerClient::new(1);
        let (a, b) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = clients.enter(a).unwrap();
        assert!(clients.enter(a).is_none());
        assert!(clients.enter(b).is_some());
        drop(first);
        assert!(clients.open.lock().unwrap().is_empty());
    }
}
