//! The embedded tag store.
