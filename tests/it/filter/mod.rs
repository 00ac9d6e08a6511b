//! The filter: what of a text may pass.

mod rows;
