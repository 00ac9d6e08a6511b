//! Addresses of this machine that no other test, process or client uses.

use std::{
    net::Ipv4Addr,
    process,
    sync::atomic::{AtomicU8, Ordering},
};

/// A loopback address that nobody else of this machine uses: who posts to a program that is gone must not meet
/// somebody else who was given its port, and two programs may take the same port.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 0x3f), low, NEXT.fetch_add(1, Ordering::Relaxed))
}
