//! The agents' listener on a real socket, over the security checklist's fixture. A test names the rows that
//! it is.

mod answers;
mod backend;
mod beside;
mod chatwoot;
mod codings;
mod combined;
mod conformance;
mod crm;
mod cursors;
mod decided;
mod exports;
mod facts;
mod fields;
mod framing;
mod identity;
mod list_laws;
mod lists;
mod memory;
mod obeying;
mod oracle;
mod pages;
mod parity;
mod passage;
mod probe;
mod question_laws;
mod questions;
mod scrolled;
mod shadows;
mod spellings;
mod targets;
mod unread;
mod whole;
mod world;
mod write_laws;
mod writes;
