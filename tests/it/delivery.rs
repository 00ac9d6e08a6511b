//! Delivery against a real backend on a real socket: what the backend sees, and what becomes of a unit.

mod flow;
mod formats;
mod house;
mod tags;
