//! Instagram messaging: `providers.md` section 4.
